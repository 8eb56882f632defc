//! Words for what zones found: conflicts of values, and the operations that show them.

use super::judge::{Violation, capitalised, named};
use super::zones::{Conflict, Meaning, Zone};
use crate::intern::NONE;
use crate::operations::{Operations, Outcome};

/// The violation that a conflict is.
pub(crate) fn violation(
    operations: &Operations,
    meaning: Meaning,
    conflict: &Conflict,
) -> Violation {
    let words = Words {
        operations,
        meaning,
    };
    let (explanation, involved) = match conflict {
        Conflict::NeverWritten { read } => words.never_written(*read),
        Conflict::ReadBeforeWrite { read, write } => (
            format!(
                "{} returned before {} was invoked.",
                capitalised(&words.name(*read)),
                words.name(*write)
            ),
            vec![*read, *write],
        ),
        Conflict::Overlap { first, second } => (
            format!(
                "{} {} While the first value was there the second cannot have been, but both would have had to be at once.",
                words.held(first),
                words.held(second)
            ),
            [first, second].into_iter().flat_map(shown).collect(),
        ),
        Conflict::Within { outer, inner } => (
            format!(
                "{} {} No moment is left for the second value.",
                words.held(outer),
                words.passed(inner)
            ),
            [outer, inner].into_iter().flat_map(shown).collect(),
        ),
    };
    let mut operations: Vec<(u32, bool)> = involved.into_iter().map(|at| (at, true)).collect();
    operations.sort_unstable();
    operations.dedup();
    Violation {
        explanation,
        operations,
        culprit: None,
    }
}

/// The operations that bound a zone, and the write.
fn shown(zone: &Zone) -> impl Iterator<Item = u32> {
    [zone.write, zone.returned, zone.called]
        .into_iter()
        .filter(|&at| at != NONE)
}

/// `process 3's read 7 (events 40 to 43)`.
pub(crate) fn name(operations: &Operations, meaning: Meaning, at: u32) -> String {
    let words = Words {
        operations,
        meaning,
    };
    words.name(at)
}

struct Words<'a> {
    operations: &'a Operations,
    meaning: Meaning,
}

impl Words<'_> {
    fn is_write(&self, at: u32) -> bool {
        Some(self.operations.all[at as usize].f) == self.meaning.write
    }

    fn value(&self, at: u32) -> String {
        let operation = &self.operations.all[at as usize];
        let value = match self.is_write(at) {
            true => operation.argument,
            false => operation.result,
        };
        self.operations.values.get(value).to_string()
    }

    fn name(&self, at: u32) -> String {
        let verb = if self.is_write(at) { "write" } else { "read" };
        named(self.operations, at, &format!("{verb} {}", self.value(at)))
    }

    fn never_written(&self, read: u32) -> (String, Vec<u32>) {
        let operation = &self.operations.all[read as usize];
        let failed = self.operations.all.iter().position(|other| {
            Some(other.f) == self.meaning.write
                && other.key == operation.key
                && other.argument == operation.result
                && matches!(other.outcome, Outcome::Failed | Outcome::Refused)
        });
        let why = match failed {
            Some(at) => format!(
                "the write of it, event {}, failed: it did not happen",
                self.operations.all[at].call
            ),
            None => "nobody wrote it".to_owned(),
        };
        let read_name = capitalised(&self.name(read));
        let involved = failed.map(|at| at as u32).into_iter().chain([read]);
        (
            format!("{read_name} is of a value that was never there: {why}."),
            involved.collect(),
        )
    }

    /// That the value was there from one moment to another.
    fn held(&self, zone: &Zone) -> String {
        let last = self.name(zone.called);
        let value = self.value(zone.called);
        match zone.returned {
            NONE => format!("The value was {value} from the beginning until {last} was invoked."),
            first => format!(
                "The value was {value} from the return of {} until the invocation of {last}.",
                self.name(first)
            ),
        }
    }

    /// That the value was there at some moment.
    fn passed(&self, zone: &Zone) -> String {
        let value = self.value(zone.returned);
        if zone.returned == zone.called {
            let only = self.name(zone.returned);
            return format!("In that time the value was also {value}, during {only}.");
        }
        format!(
            "In that time the value was also {value}, between the invocation of {} and the return of {}.",
            self.name(zone.called),
            self.name(zone.returned)
        )
    }
}
