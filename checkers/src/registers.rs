//! The registers of a history, as the monitors of registers take them: reads and writes
//! only. It decides nothing.

use crate::checker::Options;
use crate::intern::NONE;
use crate::linearizable::{self, Case, Conflict, Groups, Intervals, Meaning, ObjectOptions};
use crate::monitors::Interval;
use crate::monitors::register::{Action, Operation, Reason};
use crate::operations::{NEVER, Operations, Outcome};
use crate::ruling::Ruling;
use crate::verdict::Anomaly;

/// The operations of a history on registers. A monitor's ids are indices of operations.
pub(crate) struct Registers<'a> {
    operations: &'a Operations,
    options: &'a ObjectOptions,
    meaning: Meaning,
    groups: Groups,
    /// By position.
    instants: Vec<u64>,
    intervals: Intervals,
}

/// An operation that is neither a read nor a write.
pub(crate) type Misfit = String;

impl<'a> Registers<'a> {
    /// By what is certain of their order in time.
    pub(crate) fn new(operations: &'a Operations, options: &'a Options) -> Result<Self, Misfit> {
        let uncertainty_ns = options.object.clock_uncertainty_ns;
        let certain = Intervals::new(operations, uncertainty_ns);
        Registers::with(operations, options, certain)
    }

    /// By the order of events alone, whatever any clock said.
    pub(crate) fn by_events(
        operations: &'a Operations,
        options: &'a Options,
    ) -> Result<Self, Misfit> {
        Registers::with(operations, options, Intervals::of_events())
    }

    /// Adds to the ruling what several recorders leave in doubt: what is certain need not
    /// be all that holds, so some way in which everything may have happened must show it.
    /// Nothing is in doubt that what is certain breaks.
    pub(crate) fn doubt(
        &self,
        options: &'a Options,
        ruling: &mut Ruling,
        holds: impl Fn(&Registers<'a>) -> bool,
    ) {
        let operations = self.operations;
        let uncertainty_ns = options.object.clock_uncertainty_ns;
        let Some(clocks) = operations.clocks(uncertainty_ns) else {
            return;
        };
        clocks.describe(uncertainty_ns, ruling);
        if !holds(self) {
            return;
        }
        let mut possible = Intervals::possible(operations, uncertainty_ns)
            .take_while(|_| !options.object.stop.now())
            .filter_map(|intervals| Registers::with(operations, options, intervals).ok());
        if !possible.any(|registers| holds(&registers)) {
            ruling.doubt(clocks.undecided(uncertainty_ns, &options.object.stop));
        }
    }

    fn with(
        operations: &'a Operations,
        options: &'a Options,
        intervals: Intervals,
    ) -> Result<Self, Misfit> {
        if let Some(model) = &options.object.model
            && !["register", "cas-register"].contains(&&**model)
        {
            return Err(format!("only registers are judged so, and no {model}"));
        }
        let uncertainty_ns = options.object.clock_uncertainty_ns;
        Ok(Registers {
            operations,
            options: &options.object,
            meaning: linearizable::meaning(operations, options),
            groups: Groups::new(operations, options).map_err(|misfit| misfit.to_string())?,
            instants: instants(operations, &intervals, uncertainty_ns),
            intervals,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The operations of each.
    pub(crate) fn members(&self) -> impl Iterator<Item = &[u32]> {
        self.groups.iter()
    }

    /// How many reads were answered, of all registers.
    pub(crate) fn reads(&self) -> u64 {
        let read = |operation: &&crate::operations::Operation| {
            Some(operation.f) == self.meaning.read && operation.outcome == Outcome::Happened
        };
        self.operations.all.iter().filter(read).count() as u64
    }

    /// The key of the register whose operations these are.
    pub(crate) fn key(&self, members: &[u32]) -> Option<serde_json::Value> {
        self.groups.key(self.operations, members)
    }

    /// What an operation did; none if it says nothing.
    pub(crate) fn action(&self, at: u32) -> Result<Option<Action>, Misfit> {
        let operation = &self.operations.all[at as usize];
        if linearizable::is_mute(operation.outcome, self.options) {
            return Ok(None);
        }
        let happened = operation.outcome == Outcome::Happened;
        if Some(operation.f) == self.meaning.read {
            return Ok(match operation.result {
                _ if !happened => None,
                NONE if self.meaning.nil_is_unknown => None,
                value if Some(value) == self.meaning.initial => Some(Action::ReadInitial),
                value => Some(Action::Read(value)),
            });
        }
        if Some(operation.f) != self.meaning.write {
            let f = &self.operations.fs()[usize::from(operation.f)];
            let event = operation.call;
            let found = match (&**f, operation.outcome) {
                ("cas", Outcome::Refused) => "a refused cas, which says what the value was not",
                (f, _) => f,
            };
            return Err(format!(
                "event {event}: expected read or write, found {found}"
            ));
        }
        if !happened && operation.outcome != Outcome::Unknown {
            return Ok(None);
        }
        Ok(Some(match operation.argument {
            value if Some(value) == self.meaning.initial => Action::WriteInitial,
            value => Action::Write(value),
        }))
    }

    /// The same for the search, which may use so much while `at_once` are searched.
    pub(crate) fn case(&self, at_once: usize) -> Case<'a> {
        linearizable::case(
            self.operations,
            self.options,
            self.intervals.clone(),
            at_once,
        )
    }

    /// The operations of one register. Times are nanoseconds, and no two alike: of two
    /// ends at one time the one that is first in the history is a nanosecond earlier.
    pub(crate) fn history(&self, members: &[u32]) -> Result<Vec<Operation>, Misfit> {
        let mut history = Vec::with_capacity(members.len());
        for &at in members {
            if let Some(action) = self.action(at)? {
                history.push(Operation {
                    id: at.into(),
                    interval: self.interval(at),
                    action,
                });
            }
        }
        Ok(history)
    }

    fn interval(&self, at: u32) -> Interval {
        let [call, ret] = self.intervals.of(self.operations, at);
        let instant = |position: u32| match position {
            NEVER => Interval::NEVER,
            position => self.instants[position as usize],
        };
        Interval {
            call: instant(call),
            ret: instant(ret),
        }
    }

    /// `process 3's read 7 (events 40 to 43)`.
    pub(crate) fn name(&self, at: u32) -> String {
        linearizable::named_access(self.operations, self.meaning, at)
    }

    /// The same of an operation that a monitor names.
    pub(crate) fn name_of(&self, id: u64) -> String {
        self.name(id as u32)
    }

    /// The same, and of which key if there are several.
    pub(crate) fn name_with_key(&self, id: u64) -> String {
        let name = self.name_of(id);
        match self.key(&[id as u32]) {
            Some(key) if self.len() > 1 => format!("{name} on key {key}"),
            _ => name,
        }
    }

    /// Why a read cannot be explained, in words, and the operations that show it.
    pub(crate) fn impossible(&self, reason: &Reason) -> (String, Vec<u64>) {
        let conflict = match *reason {
            Reason::NeverWritten { read } => Conflict::NeverWritten { read: read as u32 },
            Reason::ReadBeforeWritten { read, write } => Conflict::ReadBeforeWrite {
                read: read as u32,
                write: write as u32,
            },
            Reason::Overwritten {
                read,
                written,
                newer,
            } => {
                let over = match written {
                    Some(_) => "when that write was over",
                    None => "when nothing had been written",
                };
                let text = format!(
                    "{} saw {}, but {} was invoked {over}, and had returned when the read was invoked.",
                    linearizable::capitalised(&self.name_of(read)),
                    self.source(written),
                    self.name_of(newer)
                );
                let shown = [Some(read), written, Some(newer)];
                return (text, shown.into_iter().flatten().collect());
            }
        };
        let violation = linearizable::conflict_of(self.operations, self.meaning, &conflict);
        let shown = violation.operations.iter().map(|&(at, _)| at.into());
        (violation.explanation, shown.collect())
    }

    /// Where what a read saw came from.
    pub(crate) fn source(&self, written: Option<u64>) -> String {
        written.map_or_else(
            || "the initial value".to_owned(),
            |write| self.name_of(write),
        )
    }

    /// An anomaly that these operations show.
    pub(crate) fn anomaly(
        &self,
        name: &str,
        key: Option<serde_json::Value>,
        explanation: String,
        shown: &[u64],
    ) -> Anomaly {
        let event = |&id: &u64| u64::from(self.operations.all[id as usize].call);
        Anomaly {
            name: name.to_owned(),
            key,
            explanation,
            operations: shown.iter().map(event).collect(),
            rows: Vec::new(),
            cycle: None,
        }
    }
}

/// The time of each position, in nanoseconds since the first, made strictly ascending:
/// the order of positions is the order that is certain.
fn instants(operations: &Operations, intervals: &Intervals, uncertainty_ns: u64) -> Vec<u64> {
    let mut ends: Vec<(u32, i128)> = Vec::with_capacity(2 * operations.len());
    for at in 0..operations.len() as u32 {
        let [call, ret] = intervals.of(operations, at);
        let [call_ns, ret_ns] = intervals.times(operations, at, uncertainty_ns);
        ends.push((call, call_ns));
        if ret != NEVER {
            ends.push((ret, ret_ns));
        }
    }
    ends.sort_unstable();
    let first = ends.iter().map(|&(_, ns)| ns).min().unwrap_or(0);
    let last = ends
        .last()
        .map_or(0, |&(position, _)| position as usize + 1);
    let mut instants = vec![0; last];
    let mut next = 0;
    for (position, ns) in ends {
        let instant = u64::try_from(ns - first).unwrap_or(Interval::NEVER);
        let instant = instant.min(Interval::NEVER / 2).max(next);
        instants[position as usize] = instant;
        next = instant + 1;
    }
    instants
}
