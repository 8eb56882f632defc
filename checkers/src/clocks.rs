//! What orders the events of several recorders: the clock that each event carries. It
//! places events; what they mean it does not know.
//!
//! A recorder knows the order of its own events. Of two recorders' events, one is
//! certainly first only if its latest time is before the earliest time of the other. By
//! the order of its recorder an event is not earlier than any before it, nor later than
//! any behind it, so both bounds are made as tight as those allow. Then an operation
//! certainly precedes another exactly if their recorder saw it so, or if its return is at
//! the latest before the earliest call of the other.
//!
//! That order is not one of intervals, which every engine here wants. There are two that
//! enclose it. [`Clocks::certain`] forgets the order of each recorder where clocks do not
//! show it: what breaks a promise by that order breaks it by every one. Each of
//! [`Clocks::placements`] gives every event one moment within its bounds, the same way for
//! all events of a recorder: what keeps a promise by one of those may well have happened.
//! What lies in between nobody knows.
//!
//! Where one recorder saw everything and its clock may be off after all, as where histories
//! of several hosts were put together, each process has a clock of its own.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use witness_histories::{Event, Process};

use crate::budget::Stop;
use crate::operations::NEVER;
use crate::ruling::Ruling;
use crate::words;

/// What is wrong with clocks that may be off where times were given out by the reader.
pub(crate) const NOT_RECORDED: &str = "the history does not say when all of its events happened, \
    only in which order: by how much clocks may be off tells nothing of it";

/// An event without a usable clock may have happened at any time.
const ANY_TIME: [i64; 2] = [i64::MIN, i64::MAX];

/// Half of the way from an event's earliest time to its latest, in parts of it.
const MIDDLE: i128 = 8;

/// How many recorders [`Clocks::placements`] moves against all others.
const MOVERS_MAX: usize = 8;

/// A way in which events may have happened: how far from its earliest to its latest time
/// each event of a recorder is put, by recorder. Both only grow in the recorder's order,
/// so that it is kept.
#[derive(Debug)]
pub(crate) struct Placement(Vec<i128>);

/// When an event of a client happened, and who says so.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    event: u32,
    recorder: u32,
    /// The earliest and the latest, in nanoseconds since the Unix epoch.
    clock: [i64; 2],
}

/// When the events of clients happened, where there were several recorders.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    recorders: usize,
    /// Whether each process is taken for a recorder.
    are_processes: bool,
    /// By event.
    stamps: Vec<Stamp>,
    /// How many events say not who recorded them, or not when; and the first of them.
    unplaced: u64,
    first_unplaced: u32,
    /// By how much the bounds of a recorder contradict its order at worst, in nanoseconds.
    contradiction: i128,
    contradicts: u32,
}

/// Fills [`Clocks`], event by event.
#[derive(Debug, Default)]
pub(crate) struct ClocksBuilder {
    clocks: Clocks,
    names: Vec<String>,
    last: usize,
    /// How many events of clients name no recorder, and the first of them.
    nameless: u64,
    first_nameless: u32,
}

impl ClocksBuilder {
    /// Takes in an event; only those of clients matter.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        if !matches!(event.process, Process::Client(_)) {
            return;
        }
        // Whoever keeps operations refuses more events than that.
        let index = u32::try_from(event.index).unwrap_or(u32::MAX);
        let Some(name) = event.recorder() else {
            if self.nameless == 0 {
                self.first_nameless = index;
            }
            self.nameless += 1;
            return;
        };
        let (clocks, names) = (&mut self.clocks, &mut self.names);
        if names.get(self.last).is_none_or(|it| it != name) {
            let at = names.iter().position(|it| it == name);
            self.last = at.unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
        }
        let clock = match event.clock() {
            Some(clock) => [clock.earliest(), clock.latest()],
            None => {
                if clocks.unplaced == 0 {
                    clocks.first_unplaced = index;
                }
                clocks.unplaced += 1;
                ANY_TIME
            }
        };
        clocks.stamps.push(Stamp {
            event: index,
            recorder: self.last as u32,
            clock,
        });
    }

    /// None if one recorder saw everything, so that the order of events is certain.
    pub(crate) fn finish(self) -> Option<Clocks> {
        let mut clocks = self.clocks;
        clocks.recorders = self.names.len();
        let nameless = usize::from(self.nameless > 0);
        if clocks.recorders == 0 || clocks.recorders + nameless < 2 {
            return None;
        }
        if self.nameless > 0 {
            if clocks.unplaced == 0 || self.first_nameless < clocks.first_unplaced {
                clocks.first_unplaced = self.first_nameless;
            }
            clocks.unplaced += self.nameless;
        }
        clocks.tighten();
        Some(clocks)
    }
}

impl Clocks {
    /// As if each process had recorded its own operations, given by whose they are, the events
    /// that are their calls and returns or [`NEVER`], and when those happened. None if there is
    /// but one, so that the order of events is certain. O(n log n).
    pub(crate) fn of_processes(
        ends: impl Iterator<Item = (u32, [u32; 2], [i64; 2])>,
    ) -> Option<Clocks> {
        let mut numbers: HashMap<u32, u32, FixedState> = HashMap::default();
        let mut stamps = Vec::new();
        for (process, events, times) in ends {
            let next = numbers.len() as u32;
            let recorder = *numbers.entry(process).or_insert(next);
            for (event, time) in events.into_iter().zip(times) {
                if event != NEVER {
                    let clock = [time, time];
                    stamps.push(Stamp {
                        event,
                        recorder,
                        clock,
                    });
                }
            }
        }
        if numbers.len() < 2 {
            return None;
        }
        stamps.sort_unstable_by_key(|stamp| stamp.event);
        let mut clocks = Clocks {
            recorders: numbers.len(),
            are_processes: true,
            stamps,
            ..Clocks::default()
        };
        clocks.tighten();
        Some(clocks)
    }

    /// By the order of each recorder.
    fn tighten(&mut self) {
        let mut bounds = vec![ANY_TIME; self.recorders];
        for stamp in &mut self.stamps {
            let [earliest, _] = &mut bounds[stamp.recorder as usize];
            *earliest = stamp.clock[0].max(*earliest);
            stamp.clock[0] = *earliest;
        }
        for stamp in self.stamps.iter_mut().rev() {
            let [_, latest] = &mut bounds[stamp.recorder as usize];
            *latest = stamp.clock[1].min(*latest);
            stamp.clock[1] = *latest;
            let by = i128::from(stamp.clock[0]) - i128::from(stamp.clock[1]);
            if by > self.contradiction {
                (self.contradiction, self.contradicts) = (by, stamp.event);
            }
        }
    }

    /// Why the clocks place some event nowhere, if each may be off by that much more.
    pub(crate) fn doubt(&self, uncertainty_ns: u64) -> Option<String> {
        if self.unplaced > 0 {
            let (number, first) = (self.unplaced, self.first_unplaced);
            return Some(format!(
                "the history is of several recorders, and {} (the first is event {first}) without a recorder or a clock: nobody can tell when that happened",
                words::count(number, "event")
            ));
        }
        (!self.agrees(uncertainty_ns)).then(|| {
            format!(
                "the clock of a recorder contradicts the order of its events at event {}, by {} ns: its bounds are not to be believed",
                self.contradicts, self.contradiction
            )
        })
    }

    fn agrees(&self, uncertainty_ns: u64) -> bool {
        self.contradiction <= 2 * i128::from(uncertainty_ns)
    }

    /// Says in a verdict by what it goes.
    pub(crate) fn describe(&self, uncertainty_ns: u64, ruling: &mut Ruling) {
        if !self.are_processes {
            ruling.scope("recorders", self.recorders);
        }
        ruling.scope("clock_uncertainty_ns", self.uncertainty_max(uncertainty_ns));
        if let Some(doubt) = self.doubt(uncertainty_ns) {
            ruling.doubt(doubt);
        }
    }

    /// Why nobody knows, where what is certain breaks nothing and no placement keeps all, of
    /// those that there was time for.
    pub(crate) fn undecided(&self, uncertainty_ns: u64, stop: &Stop) -> String {
        if stop.now() {
            return "time was up before a way was found in which everything may have happened"
                .to_owned();
        }
        let whose = match self.are_processes {
            true => "processes",
            false => "recorders",
        };
        format!(
            "the order of events of different {whose} decides, and their clocks, which may be off by {}, do not tell it",
            words::milliseconds(self.uncertainty_max(uncertainty_ns))
        )
    }

    /// The most that an event's time is uncertain by, either way, in nanoseconds.
    fn uncertainty_max(&self, more_ns: u64) -> u64 {
        let width = |stamp: &Stamp| i128::from(stamp.clock[1]) - i128::from(stamp.clock[0]);
        let widest = self.stamps.iter().map(width).max().unwrap_or(0).max(0);
        u64::try_from(widest / 2).map_or(u64::MAX, |half| half.saturating_add(more_ns))
    }

    /// Who recorded the event, as a number, and between what times it happened.
    fn stamp(&self, event: u32) -> Option<&Stamp> {
        let at = self
            .stamps
            .binary_search_by_key(&event, |stamp| stamp.event);
        at.ok().map(|at| &self.stamps[at])
    }

    /// The earliest and the latest time of an event.
    fn bounds(&self, event: u32, uncertainty_ns: u64) -> [i128; 2] {
        let by = i128::from(uncertainty_ns);
        let [earliest, latest] = match self.stamp(event) {
            // Bounds that contradict each other say nothing.
            Some(stamp) if self.agrees(uncertainty_ns) => stamp.clock,
            _ => ANY_TIME,
        };
        [i128::from(earliest) - by, i128::from(latest) + by]
    }

    /// What is certain of operations, each given by the events that are its call and its
    /// return or [`NEVER`]: their calls at the earliest, their returns at the latest, all
    /// in one order. Intervals are closed: of a call and a return at one time, the call is
    /// first. And those times.
    pub(crate) fn certain(
        &self,
        ends: impl Iterator<Item = [u32; 2]>,
        uncertainty_ns: u64,
    ) -> (Vec<[u32; 2]>, Vec<[i128; 2]>) {
        let times: Vec<[i128; 2]> = ends
            .map(|[call, ret]| {
                let called = self.bounds(call, uncertainty_ns)[0];
                let returned = match ret {
                    NEVER => i128::MAX,
                    ret => self.bounds(ret, uncertainty_ns)[1],
                };
                [called, returned]
            })
            .collect();
        (in_order(&times), times)
    }

    /// Ways in which the events may have happened, each for [`Clocks::placed`]; none if some
    /// event cannot be placed. The first is the likeliest: all in the middle of their
    /// bounds. The others move one recorder against all others, by more and more.
    pub(crate) fn placements(&self, uncertainty_ns: u64) -> Vec<Placement> {
        if self.doubt(uncertainty_ns).is_some() {
            return Vec::new();
        }
        let number = self.recorders;
        let mut all = vec![Placement(vec![MIDDLE; number])];
        // Of two, one moved against the other is the other moved against the one.
        let movers = if number == 2 {
            1
        } else {
            number.min(MOVERS_MAX)
        };
        for by in [1, 2, 4, 6, 8] {
            for mover in 0..movers {
                for by in [by, -by] {
                    let mut shares = vec![MIDDLE - by; number];
                    shares[mover] = MIDDLE + by;
                    all.push(Placement(shares));
                }
            }
        }
        all
    }

    /// Operations as [`Clocks::certain`] takes them, as they happened in one of those ways.
    pub(crate) fn placed(
        &self,
        ends: impl Iterator<Item = [u32; 2]>,
        uncertainty_ns: u64,
        placement: &Placement,
    ) -> Vec<[u32; 2]> {
        // At one time a recorder that is put later comes later, and keeps its order.
        let place = |event: u32| {
            let [earliest, latest] = self.bounds(event, uncertainty_ns);
            let recorder = self.stamp(event).map_or(0, |stamp| stamp.recorder as usize);
            let share = placement.0[recorder];
            let time = earliest + (latest - earliest) * share / (2 * MIDDLE);
            (time, share, event)
        };
        let mut order = Vec::new();
        let mut number = 0;
        for ([call, ret], at) in ends.zip(0u32..) {
            number += 1;
            order.push((place(call), at, false));
            if ret != NEVER {
                order.push((place(ret), at, true));
            }
        }
        order.sort_unstable();
        let mut placed = vec![[0, NEVER]; number];
        for (&(_, at, returns), position) in order.iter().zip(0..) {
            placed[at as usize][usize::from(returns)] = position;
        }
        placed
    }
}

/// When it began at the earliest and ended at the latest, by clocks that may be off by so much.
pub(crate) fn widened([called, returned]: [i64; 2], by_ns: u64) -> [i128; 2] {
    let by = i128::from(by_ns);
    [i128::from(called) - by, i128::from(returned) + by]
}

/// The positions of all calls and returns, given when each was: of a call and a return
/// at one time, the call is first. A return of `i128::MAX` is [`NEVER`].
pub(crate) fn in_order(times: &[[i128; 2]]) -> Vec<[u32; 2]> {
    let mut ends: Vec<(i128, bool, u32)> = Vec::with_capacity(2 * times.len());
    for (&[called, returned], at) in times.iter().zip(0..) {
        ends.push((called, false, at));
        if returned != i128::MAX {
            ends.push((returned, true, at));
        }
    }
    ends.sort_unstable();
    let mut positions = vec![[0, NEVER]; times.len()];
    for (&(_, returns, at), position) in ends.iter().zip(0..) {
        positions[at as usize][usize::from(returns)] = position;
    }
    positions
}
