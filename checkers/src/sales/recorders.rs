//! What is certain of the order of a sale's events where several recorders saw them: their
//! clocks say. With one recorder the order of events is certain, and nothing is kept.

use witness_histories::Event;

/// Who recorded an event, and between what times it happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) recorder: u16,
    /// Whether the recorder has a name: events without one may be anybody's.
    named: bool,
    /// Nanoseconds since the epoch, at the earliest and the latest.
    clock: [i128; 2],
}

impl When {
    /// Whether this event certainly came before another that stands behind it.
    fn precedes(&self, other: &When) -> bool {
        let one = self.recorder == other.recorder && self.named;
        one || self.clock[1] < other.clock[0]
    }
}

/// A recorder, and what it said of its run.
#[derive(Debug)]
struct Recorder {
    name: Option<String>,
    began: bool,
    ended: bool,
}

/// The recorders of a history, and when purchases were over and evidence was asked for.
#[derive(Debug, Default)]
pub(super) struct Recorders {
    all: Vec<Recorder>,
    /// By how much clocks may be off more than they say, in nanoseconds.
    pub(super) uncertainty_ns: u64,
    /// Their clocks contradict the order of their events.
    pub(super) are_disbelieved: bool,
    /// When purchases completed, by their number; shorter if no event has a recorder.
    over: Vec<Option<When>>,
    /// By region: whose reading of it began last.
    asked: Vec<Option<Asked>>,
}

/// A reading of a region's evidence.
#[derive(Debug)]
struct Asked {
    when: When,
    /// How many purchases had completed, by the order of events.
    completed: usize,
    /// Whose readings of this region began earlier.
    earlier: Vec<u16>,
}

/// What an event of a reading is to the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The only reading so far, or it goes on.
    Same,
    /// Another recorder's first: what it shows counts from now on.
    Newer,
    /// Of one that another has superseded.
    Older,
}

impl Recorders {
    pub(super) fn when(&mut self, event: &Event<'_>) -> When {
        let name = event.recorder();
        let known = self.all.iter().position(|it| it.name.as_deref() == name);
        let recorder = known.unwrap_or_else(|| {
            self.all.push(Recorder {
                name: name.map(str::to_owned),
                began: false,
                ended: false,
            });
            self.all.len() - 1
        });
        let by = i128::from(self.uncertainty_ns);
        let clock = match event.clock() {
            Some(clock) => [
                i128::from(clock.earliest()) - by,
                i128::from(clock.latest()) + by,
            ],
            None => [i128::MIN, i128::MAX],
        };
        When {
            recorder: u16::try_from(recorder).unwrap_or(u16::MAX),
            named: name.is_some(),
            clock,
        }
    }

    /// Whether the order of events is not certain.
    pub(super) fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// Notes what a recorder says of its run.
    pub(super) fn phase(&mut self, event: &Event<'_>, began: bool, ended: bool) {
        let at = usize::from(self.when(event).recorder);
        if let Some(recorder) = self.all.get_mut(at) {
            recorder.began |= began;
            recorder.ended |= ended;
        }
    }

    /// Whether some run began and did not end.
    pub(super) fn cut_short(&self) -> bool {
        self.all.iter().any(|it| it.began && !it.ended)
    }

    /// Notes that the purchase of that number completed.
    pub(super) fn completed(&mut self, purchase: usize, event: &Event<'_>) {
        let when = self.when(event);
        if when.named || self.are_several() {
            self.over.resize(purchase, None);
            self.over.push(Some(when));
        }
    }

    /// Notes an event of a reading of a region.
    pub(super) fn reading(&mut self, region: u8, completed: usize, event: &Event<'_>) -> Turn {
        let when = self.when(event);
        let region = usize::from(region);
        if self.asked.len() <= region {
            self.asked.resize_with(region + 1, || None);
        }
        let asked = &mut self.asked[region];
        let (turn, earlier) = match asked {
            None => (Turn::Same, Vec::new()),
            Some(asked) if asked.when.recorder == when.recorder => return Turn::Same,
            Some(asked) if asked.earlier.contains(&when.recorder) => return Turn::Older,
            Some(asked) => {
                let mut earlier = std::mem::take(&mut asked.earlier);
                earlier.push(asked.when.recorder);
                (Turn::Newer, earlier)
            }
        };
        *asked = Some(Asked {
            when,
            completed,
            earlier,
        });
        turn
    }

    /// Whether that purchase was certainly over before what counts of the evidence was
    /// asked for; only of use if there are several recorders.
    pub(super) fn was_over(&self, purchase: usize) -> bool {
        let over = self.over.get(purchase).and_then(Option::as_ref);
        let Some(over) = over.filter(|_| !self.are_disbelieved) else {
            return false;
        };
        let mut readings = self.asked.iter().flatten();
        readings.all(|asked| purchase < asked.completed && over.precedes(&asked.when))
    }

    /// Whether both purchases completed, seen by one recorder.
    pub(super) fn are_of_one(&self, purchases: [u32; 2]) -> bool {
        let of = |at: u32| Some(self.over.get(at as usize)?.as_ref()?.recorder);
        let [one, other] = purchases.map(of);
        one.is_some() && one == other
    }
}
