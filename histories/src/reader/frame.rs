//! Finds where one event ends and the next begins in EDN and in JSON, which may
//! take many lines or share one, without understanding either: it knows brackets,
//! texts, characters and comments. It goes over every byte once, however the
//! bytes come in.

/// Where it stands in one text. Positions count from the first byte that was not
/// yet taken.
#[derive(Debug, Default)]
pub(super) struct Frames {
    at: usize,
    inside: Inside,
    list: List,
    start: usize,
    /// What closes the brackets that are open.
    open: Vec<u8>,
    /// The form ends with its brackets, not with its line.
    bracketed: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    Comment,
    Form,
    FormComment,
    Text,
    TextEscape,
    Character,
}

/// Whether the events are in a list.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum List {
    #[default]
    Unknown,
    None,
    Open,
    Closed,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A form, from there to there.
    Form(usize, usize),
    /// Something behind the end of the list, there.
    Behind(usize),
    /// Nothing yet: more bytes are needed.
    More,
}

/// How a text ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// As it should.
    Whole,
    /// In a list that was not closed.
    InList,
    /// In a form, which began there.
    InForm(usize),
    /// With a last word, from there on.
    Word(usize),
}

impl Frames {
    /// Looks for the next form in what was not yet taken. What is found is taken.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Found {
        while let Some(&byte) = bytes.get(self.at) {
            let at = self.at;
            self.at += 1;
            match self.inside {
                Inside::Nothing => match byte {
                    b' ' | b',' | b'\n' | b'\t' | b'\r' | 0x0b | 0x0c => {}
                    b';' => self.inside = Inside::Comment,
                    0xef | 0xbb | 0xbf if self.list == List::Unknown => {}
                    b'[' | b'(' if self.list == List::Unknown => self.list = List::Open,
                    b']' | b')' if self.list == List::Open => self.list = List::Closed,
                    _ if self.list == List::Closed => return Found::Behind(at),
                    _ => self.begin(byte, at),
                },
                Inside::Comment | Inside::FormComment => {
                    if byte == b'\n' {
                        self.inside = match self.inside {
                            Inside::Comment => Inside::Nothing,
                            _ => Inside::Form,
                        };
                    }
                }
                Inside::TextEscape => self.inside = Inside::Text,
                Inside::Character => self.inside = Inside::Form,
                Inside::Text => match byte {
                    b'"' => self.inside = Inside::Form,
                    b'\\' => self.inside = Inside::TextEscape,
                    _ => {
                        // Texts can be long, and hold nothing of interest.
                        let skip = bytes[self.at..]
                            .iter()
                            .position(|byte| matches!(byte, b'"' | b'\\'));
                        self.at = skip.map_or(bytes.len(), |skip| self.at + skip);
                    }
                },
                Inside::Form => {
                    if self.form(byte, bytes) {
                        return self.found();
                    }
                }
            }
        }
        Found::More
    }

    /// Goes on in a form, from the byte before `at`, and says whether it ended.
    #[inline]
    fn form(&mut self, mut byte: u8, bytes: &[u8]) -> bool {
        let mut at = self.at;
        let ended = loop {
            match byte {
                b'{' | b'[' | b'(' => self.open.push(closing(byte)),
                // A bracket that closes nothing ends a form too: one that is wrong, so
                // that what is behind it is not lost in it.
                b'}' | b']' | b')' => {
                    let closes = self.open.pop() == Some(byte);
                    if !closes || self.open.is_empty() {
                        break true;
                    }
                }
                b'\n' if !self.bracketed => break true,
                b'"' | b'\\' | b';' => {
                    self.inside = match byte {
                        b'"' => Inside::Text,
                        b'\\' => Inside::Character,
                        _ => Inside::FormComment,
                    };
                    break false;
                }
                _ => {}
            }
            while let Some(false) = bytes.get(at).map(|&byte| MARK[usize::from(byte)]) {
                at += 1;
            }
            let Some(&next) = bytes.get(at) else {
                break false;
            };
            byte = next;
            at += 1;
        };
        self.at = at;
        ended
    }

    fn begin(&mut self, byte: u8, at: usize) {
        if self.list == List::Unknown {
            self.list = List::None;
        }
        self.start = at;
        self.inside = match byte {
            b'"' => Inside::Text,
            b'\\' => Inside::Character,
            _ => Inside::Form,
        };
        self.bracketed = matches!(byte, b'{' | b'[' | b'(' | b'#');
        self.open.clear();
        if matches!(byte, b'{' | b'[' | b'(') {
            self.open.push(closing(byte));
        }
    }

    fn found(&mut self) -> Found {
        let found = Found::Form(self.start, self.at);
        self.at = 0;
        self.inside = Inside::Nothing;
        found
    }

    /// Whether all that was looked at was taken, and what comes may be an event.
    pub(super) fn is_between(&self) -> bool {
        self.at == 0
            && self.inside == Inside::Nothing
            && matches!(self.list, List::None | List::Open)
    }

    /// How many bytes were looked at without finding an end.
    pub(super) fn pending(&self) -> usize {
        match self.inside {
            Inside::Nothing | Inside::Comment => 0,
            _ => self.at - self.start,
        }
    }

    /// Takes what lies before the form that has begun, and says how much that is.
    pub(super) fn take_trivia(&mut self) -> usize {
        let taken = self.at - self.pending();
        self.at -= taken;
        self.start = 0;
        taken
    }

    /// What the end of the text means.
    pub(super) fn end(&self) -> Ended {
        match (self.inside, self.list) {
            (Inside::Nothing | Inside::Comment, List::Open) => Ended::InList,
            (Inside::Nothing | Inside::Comment, _) => Ended::Whole,
            (Inside::Form, _) if !self.bracketed => Ended::Word(self.start),
            _ => Ended::InForm(self.start),
        }
    }
}

/// The bytes that mean something between the brackets of a form.
const MARK: [bool; 256] = {
    let mut mark = [false; 256];
    let bytes = b"{}[]()\"\\;\n";
    let mut at = 0;
    while at < bytes.len() {
        mark[bytes[at] as usize] = true;
        at += 1;
    }
    mark
};

fn closing(bracket: u8) -> u8 {
    match bracket {
        b'{' => b'}',
        b'[' => b']',
        _ => b')',
    }
}
