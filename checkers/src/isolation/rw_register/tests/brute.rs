//! Every order of versions of a small history, and what each level says of it: from the
//! definitions, with nothing of the checker but how transactions are read.

use std::collections::{BTreeMap, BTreeSet};

use crate::isolation::levels::Level;
use crate::isolation::transactions::{Action, Status, Transactions};

/// A transaction that counts.
struct One {
    process: u32,
    invoked: u32,
    /// None if it may never have been over.
    over: Option<u32>,
    /// Key and value, none for null, in the order of the program.
    reads: Vec<(u32, Option<u32>)>,
    writes: BTreeMap<u32, u32>,
    /// How many of the reads came before its last write.
    before_last_write: usize,
}

type Matrix = Vec<Vec<bool>>;
/// Place by key and value.
type Ranks = BTreeMap<(u32, u32), usize>;

pub(super) struct Brute {
    all: Vec<One>,
    /// What is wrong with single reads.
    garbage: bool,
    aborted: bool,
    intermediate: bool,
    future: bool,
    internal: bool,
}

impl Brute {
    pub(super) fn new(transactions: &Transactions) -> Self {
        let mut writers: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut read = BTreeSet::new();
        for (at, transaction) in (0..).zip(transactions.all()) {
            for operation in transactions.operations(at) {
                match operation.action {
                    Action::Write(value) => {
                        writers.insert((operation.key, value), at);
                    }
                    Action::ReadValue(value) if transaction.status == Status::Committed => {
                        read.insert((operation.key, value));
                    }
                    _ => {}
                }
            }
        }
        let counts = |at: u32| match transactions.all()[at as usize].status {
            Status::Committed => true,
            Status::Aborted => false,
            Status::Unknown => writers.iter().any(|(v, by)| *by == at && read.contains(v)),
        };
        let mut brute = Brute {
            all: Vec::new(),
            garbage: false,
            aborted: false,
            intermediate: false,
            future: false,
            internal: false,
        };
        let last = |at: u32, key: u32| {
            let mut all = transactions.operations(at).rev();
            all.find_map(|o| match o.action {
                Action::Write(value) if o.key == key => Some(value),
                _ => None,
            })
        };
        for (at, transaction) in (0..).zip(transactions.all()) {
            if !counts(at) {
                continue;
            }
            let mut one = One {
                process: transaction.process,
                invoked: transaction.invoked,
                over: (transaction.status == Status::Committed).then_some(transaction.completed),
                reads: Vec::new(),
                writes: BTreeMap::new(),
                before_last_write: 0,
            };
            let mut saw: BTreeMap<u32, Option<u32>> = BTreeMap::new();
            let mut wrote: BTreeSet<(u32, u32)> = BTreeSet::new();
            for operation in transactions.operations(at) {
                let key = operation.key;
                let value = match operation.action {
                    Action::Write(value) => {
                        one.writes.insert(key, value);
                        one.before_last_write = one.reads.len();
                        wrote.insert((key, value));
                        continue;
                    }
                    Action::ReadNil => None,
                    Action::ReadValue(value) => Some(value),
                    _ => continue,
                };
                let writer = value.and_then(|value| writers.get(&(key, value)).copied());
                brute.garbage |= value.is_some() && writer.is_none();
                let aborted = writer
                    .is_some_and(|w| transactions.all()[w as usize].status == Status::Aborted);
                brute.aborted |= aborted;
                let is_future =
                    writer == Some(at) && !wrote.contains(&(key, value.unwrap_or_default()));
                brute.future |= is_future;
                let is_last = writer.is_none_or(|writer| last(writer, key) == value);
                let own = one.writes.get(&key).copied();
                match own {
                    Some(own) => brute.internal |= value != Some(own) && !is_future,
                    None => {
                        let before = saw.insert(key, value);
                        let differs = before.is_some_and(|before| before != value);
                        brute.internal |= differs && !is_future;
                    }
                }
                let is_mine = writer == Some(at);
                brute.intermediate |= !is_mine && !is_last && !aborted;
                let is_version = value.is_none() || writer.is_some() && is_last && !aborted;
                if is_version && !(is_mine && own.is_some()) {
                    one.reads.push((key, value));
                }
            }
            brute.all.push(one);
        }
        brute
    }

    fn writer(&self, key: u32, value: u32) -> Option<usize> {
        self.all
            .iter()
            .position(|one| one.writes.get(&key) == Some(&value))
    }

    /// The levels that hold: with some order of versions, each for itself.
    pub(super) fn levels(&self) -> BTreeSet<Level> {
        let mut values: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for one in &self.all {
            for (&key, &value) in &one.writes {
                values.entry(key).or_default().push(value);
            }
        }
        let mut hold = BTreeSet::new();
        let values: Vec<(u32, Vec<u32>)> = values.into_iter().collect();
        self.orders(&values, &mut Ranks::new(), &mut |ranks| {
            self.with(ranks, &mut hold)
        });
        hold
    }

    fn orders(&self, values: &[(u32, Vec<u32>)], ranks: &mut Ranks, found: &mut dyn FnMut(&Ranks)) {
        let Some(((key, of_key), rest)) = values.split_first() else {
            return found(ranks);
        };
        if of_key.is_empty() {
            return self.orders(rest, ranks, found);
        }
        for at in 0..of_key.len() {
            let mut others = of_key.clone();
            let value = others.remove(at);
            ranks.insert((*key, value), of_key.len());
            // The one that is taken first is the last of those left.
            let mut left = vec![(*key, others)];
            left.extend_from_slice(rest);
            self.orders(&left, ranks, found);
            ranks.remove(&(*key, value));
        }
    }

    fn matrix(&self, holds: impl Fn(usize, usize) -> bool) -> Matrix {
        let n = self.all.len();
        let cell = |a: usize, b: usize| a != b && holds(a, b);
        (0..n)
            .map(|a| (0..n).map(|b| cell(a, b)).collect())
            .collect()
    }

    /// The levels that hold with these places of versions; 0 is the initial one's.
    fn with(&self, ranks: &Ranks, hold: &mut BTreeSet<Level>) {
        use Level as L;
        let all = &self.all;
        let n = all.len();
        let rank = |key: u32, value: Option<u32>| value.map_or(0, |value| ranks[&(key, value)]);
        let own = |at: usize, key: u32| all[at].writes.get(&key).map(|&v| rank(key, Some(v)));
        let read_of = |a: usize, b: usize| {
            let mut reads = all[b].reads.iter();
            reads.any(|&(k, v)| v.is_some_and(|v| self.writer(k, v) == Some(a)))
        };
        let ww = self.matrix(|a, b| {
            let mut keys = all[a].writes.keys();
            keys.any(|&k| own(b, k).is_some_and(|later| own(a, k).unwrap() < later))
        });
        let wr = self.matrix(read_of);
        let rw = self.matrix(|a, b| {
            let mut reads = all[a].reads.iter();
            reads.any(|&(k, v)| own(b, k).is_some_and(|later| rank(k, v) < later))
        });
        let before = |a: usize, b: usize| all[a].over.is_some_and(|over| over < all[b].invoked);
        let process = self.matrix(|a, b| all[a].process == all[b].process && before(a, b));
        let realtime = self.matrix(before);
        let none = self.matrix(|_, _| false);
        let or = |a: &Matrix, b: &Matrix| self.matrix(|x, y| a[x][y] || b[x][y]);
        let closed = |m: &Matrix| {
            let mut m = m.clone();
            for k in 0..n {
                for a in 0..n {
                    for b in 0..n {
                        m[a][b] |= m[a][k] && m[k][b];
                    }
                }
            }
            m
        };
        let acyclic = |m: &Matrix| {
            let m = closed(m);
            (0..n).all(|a| !m[a][a])
        };
        // No cycle with exactly one rw.
        let no_single = |m: &Matrix| {
            let m = closed(m);
            (0..n).all(|a| (0..n).all(|b| !(rw[a][b] && (m[b][a]))))
        };
        // No cycle without two rw in a row.
        let snapshot = |m: &Matrix| {
            let then_rw =
                self.matrix_with_loops(|a, b| m[a][b] || (0..n).any(|x| m[a][x] && rw[x][b]));
            let m = closed(&then_rw);
            (0..n).all(|a| !m[a][a])
        };
        let dependencies = or(&ww, &wr);
        let serial = or(&dependencies, &rw);
        let orders = [none, process.clone(), realtime];

        let direct = !self.garbage && !self.aborted && !self.intermediate && !self.future;
        let g0: Vec<bool> = orders
            .iter()
            .map(|o| !self.garbage && acyclic(&or(&ww, o)))
            .collect();
        let g1: Vec<bool> = orders
            .iter()
            .map(|o| direct && acyclic(&or(&dependencies, o)))
            .collect();
        let single: Vec<bool> = orders
            .iter()
            .map(|o| no_single(&or(&dependencies, o)))
            .collect();
        let si: Vec<bool> = orders
            .iter()
            .map(|o| snapshot(&or(&dependencies, o)))
            .collect();
        let ser: Vec<bool> = orders.iter().map(|o| acyclic(&or(&serial, o))).collect();

        // Whoever `saw` says of a version that is older.
        let older = |saw: &dyn Fn(usize, usize, usize) -> bool| {
            (0..n).any(|t3| {
                (0..all[t3].reads.len()).any(|at| {
                    let (key, value) = all[t3].reads[at];
                    (0..n).any(|t1| {
                        t1 != t3
                            && own(t1, key).is_some_and(|own| rank(key, value) < own)
                            && saw(t1, t3, at)
                    })
                })
            })
        };
        let vanishes = older(&|t1, t3, at| {
            all[t3].reads[..at]
                .iter()
                .any(|&(k, v)| v.is_some_and(|v| self.writer(k, v) == Some(t1)))
        });
        let fractured = older(&|t1, t3, _| wr[t1][t3]);
        let reach = closed(&wr);
        let causality = older(&|t1, t3, _| reach[t1][t3]);
        let reach_process = closed(&or(&wr, &process));
        let causality_process = older(&|t1, t3, _| reach_process[t1][t3]);
        let lost = (0..n).any(|t1| {
            all[t1].reads.iter().any(|&(key, value)| {
                own(t1, key).is_some_and(|mine| {
                    (0..n).any(|t2| {
                        t2 != t1
                            && own(t2, key)
                                .is_some_and(|other| rank(key, value) < other && other < mine)
                    })
                })
            })
        });
        let mav = g1[0] && !vanishes;
        let ra = mav && !fractured && !self.internal;
        let cs = g1[0] && !lost;
        let rr = mav && cs && ser[0];
        let cc = ra && !causality;
        let psi = cc && cs && single[0];
        let snap = psi && si[0];
        let serializable = snap && rr && ser[0];

        let ryw = !self.garbage
            && !(0..n).any(|a| {
                (0..n).any(|b| {
                    process[a][b]
                        && all[b]
                            .reads
                            .iter()
                            .any(|&(k, v)| own(a, k).is_some_and(|own| rank(k, v) < own))
                })
            });
        let mr = !self.garbage
            && !(0..n).any(|a| {
                (0..n).any(|b| {
                    process[a][b]
                        && all[b].reads.iter().any(|&(k, v)| {
                            all[a]
                                .reads
                                .iter()
                                .any(|&(other, w)| other == k && rank(k, v) < rank(k, w))
                        })
                })
            });
        let writes = |at: usize| !all[at].writes.is_empty();
        let mw = !self.garbage && acyclic(&or(&ww, &process));
        // No write is installed after itself: who reads what its process writes only later
        // breaks it.
        let follows = self.matrix_with_loops(|a, b| {
            let before =
                |&(k, v): &(u32, Option<u32>)| v.is_some_and(|v| self.writer(k, v) == Some(a));
            let itself = all[b].reads[..all[b].before_last_write].iter().any(before);
            let later = (0..n).any(|t2| read_of(a, t2) && a != t2 && process[t2][b]);
            writes(b) && ((a != b && itself) || later)
        });
        let loops = (0..n).any(|a| follows[a][a]);
        let wfr = !self.garbage && !loops && acyclic(&or(&ww, &follows));
        let causal = cc && g1[1] && !causality_process && ryw && mr && mw && wfr;

        let sssi = snap && causal && single[1] && si[1];
        let ssser = serializable && sssi && ser[1];
        let ssi = g1[2] && sssi && single[2] && si[2];
        let verdicts = [
            (L::ReadYourWrites, ryw),
            (L::MonotonicReads, mr),
            (L::MonotonicWrites, mw),
            (L::WritesFollowReads, wfr),
            (L::ReadUncommitted, g0[0]),
            (L::ReadCommitted, g1[0]),
            (L::MonotonicAtomicView, mav),
            (L::ReadAtomic, ra),
            (L::CursorStability, cs),
            (L::RepeatableRead, rr),
            (L::CausalCerone, cc),
            (L::Causal, causal),
            (L::ParallelSnapshotIsolation, psi),
            (L::SnapshotIsolation, snap),
            (L::Serializable, serializable),
            (L::StrongSessionReadUncommitted, g0[1]),
            (L::StrongSessionReadCommitted, g1[1] && g1[0]),
            (L::StrongSessionSnapshotIsolation, sssi),
            (L::StrongSessionSerializable, ssser),
            (L::StrongReadUncommitted, g0[2] && g0[1]),
            (L::StrongReadCommitted, g1[2] && g1[1]),
            (L::StrongSnapshotIsolation, ssi),
            (L::StrictSerializable, ssi && ssser && ser[2]),
        ];
        hold.extend(
            verdicts
                .into_iter()
                .filter(|(_, holds)| *holds)
                .map(|(level, _)| level),
        );
    }

    fn matrix_with_loops(&self, holds: impl Fn(usize, usize) -> bool) -> Matrix {
        let n = self.all.len();
        (0..n)
            .map(|a| (0..n).map(|b| holds(a, b)).collect())
            .collect()
    }
}
