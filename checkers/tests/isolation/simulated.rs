//! Simulated databases, right by construction: concurrent clients on one store of
//! versions, where a database is told by what its transactions see and when two of
//! them conflict. From a seed; nothing here is wrong on purpose.

use std::collections::BTreeMap;

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::model::{Case, Data, End, Mop, Txn};

/// Ticks between two steps of a simulation, so that there is room in between.
pub const TICKS: usize = 1000;

/// As many writes until a key is used no more, about.
const WRITES_PER_KEY: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// All of a transaction happens at one time.
    Strict,
    /// So, but transactions that only read may see all as it was some time ago.
    StaleReaders,
    /// A snapshot, the newest as the transaction begins; the first committer wins.
    Snapshot,
    /// So, with a snapshot that may be old, but not older than what its client knows.
    SessionSnapshot,
    /// So, with a snapshot of any age.
    OldSnapshot,
    /// Each read sees what is committed then; writes are installed as one commits.
    Committed,
    /// Two sites, which tell each other of commits later and in order. Snapshots are a
    /// site's; who writes must know of all writes to the key, of either site.
    ParallelSnapshot,
    /// So, but a transaction happens at one time in its site, and writes to one key at both
    /// sites are ordered by Lamport clocks. Lists are appended to in one site each.
    Causal,
}

pub const ALL: [Database; 8] = [
    Database::Strict,
    Database::StaleReaders,
    Database::Snapshot,
    Database::SessionSnapshot,
    Database::OldSnapshot,
    Database::Committed,
    Database::ParallelSnapshot,
    Database::Causal,
];

impl Database {
    /// The strongest levels that it guarantees.
    pub fn guarantees(self) -> &'static [&'static str] {
        match self {
            Database::Strict => &["strict-serializable"],
            // Commits are in real time, and what is read was committed before.
            Database::StaleReaders => &["serializable", "strong-read-committed"],
            Database::Snapshot => &["strong-snapshot-isolation"],
            Database::SessionSnapshot => {
                &["strong-session-snapshot-isolation", "strong-read-committed"]
            }
            Database::OldSnapshot => &["snapshot-isolation", "strong-read-committed"],
            Database::Committed => &["strong-read-committed"],
            Database::ParallelSnapshot => &[
                "parallel-snapshot-isolation",
                "causal",
                "strong-read-committed",
            ],
            Database::Causal => &["causal"],
        }
    }

    fn has_two_sites(self) -> bool {
        matches!(self, Database::ParallelSnapshot | Database::Causal)
    }

    /// Whether a transaction happens at one time, as it commits.
    fn is_atomic(self) -> bool {
        matches!(
            self,
            Database::Strict | Database::StaleReaders | Database::Causal
        )
    }
}

/// How many commits of each site are seen.
type View = [usize; 2];

struct Version {
    /// When it was committed, by its site's Lamport clock, and where: versions of a key
    /// are in that order.
    stamp: (u64, usize),
    value: u32,
    site: usize,
    /// Its commit's number among its site's.
    number: usize,
}

/// A client's transaction on its way.
struct Open {
    txn: usize,
    view: Option<View>,
    done: usize,
    is_over: bool,
}

struct Client {
    process: u64,
    site: usize,
    /// All that it read or wrote is in there.
    known: View,
    open: Option<Open>,
}

struct Simulation {
    database: Database,
    rng: TestRng,
    case: Case,
    /// The versions of each key, in order.
    versions: BTreeMap<u32, Vec<Version>>,
    /// The stamps of each site's commits.
    commits: [Vec<u64>; 2],
    /// What each site knows.
    views: [View; 2],
    clocks: [u64; 2],
    values: u32,
}

/// A run of so many transactions.
pub fn run(database: Database, data: Data, txns: usize, seed: u64) -> Case {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut simulation = Simulation {
        database,
        rng: TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
        case: Case {
            data,
            txns: Vec::new(),
        },
        versions: BTreeMap::new(),
        commits: [Vec::new(), Vec::new()],
        views: [[0, 0]; 2],
        clocks: [0, 0],
        values: 0,
    };
    let mut clients: Vec<Client> = (0..6)
        .map(|client| Client {
            process: client as u64,
            site: if database.has_two_sites() {
                client % 2
            } else {
                0
            },
            known: [0, 0],
            open: None,
        })
        .collect();
    let mut now = 0;
    while simulation.case.txns.len() < txns || clients.iter().any(|client| client.open.is_some()) {
        now += TICKS;
        let at = simulation.below(clients.len());
        simulation.replicate();
        let count = clients.len() as u64;
        simulation.step(&mut clients[at], count, txns, now);
    }
    simulation.case
}

impl Simulation {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    /// Now and then a site hears of the other's next commit.
    fn replicate(&mut self) {
        let site = self.below(2);
        let other = 1 - site;
        if self.below(4) == 0
            && let Some(&stamp) = self.commits[other].get(self.views[site][other])
        {
            self.views[site][other] += 1;
            self.clocks[site] = self.clocks[site].max(stamp);
        }
    }

    fn step(&mut self, client: &mut Client, clients: u64, txns: usize, now: usize) {
        let Some(open) = &mut client.open else {
            if self.case.txns.len() < txns {
                client.open = Some(self.invoke(client.process, client.site, now));
            }
            return;
        };
        if open.is_over {
            let txn = &mut self.case.txns[open.txn];
            txn.returned = now;
            if txn.end == End::Info {
                client.process += clients;
            }
            client.open = None;
            return;
        }
        let all = self.case.txns[open.txn].mops.len();
        if open.view.is_none() && !self.database.is_atomic() {
            open.view = Some(self.snapshot(client.site, client.known));
        } else if open.done < all && !self.database.is_atomic() {
            if self.database == Database::Committed {
                open.view = Some(self.views[client.site]);
            }
            self.read(open);
            open.done += 1;
        } else {
            self.commit(open, client.site, &mut client.known);
        }
    }

    fn invoke(&mut self, process: u64, site: usize, now: usize) -> Open {
        let keys = self.values as usize / WRITES_PER_KEY;
        let reads_only = self.below(3) == 0;
        let mut mops: Vec<Mop> = Vec::new();
        for _ in 0..1 + self.below(4) {
            let key = (keys + self.below(4)) as u32;
            let is_list = self.case.data == Data::Lists;
            let is_foreign =
                self.database == Database::Causal && is_list && key as usize % 2 != site;
            if reads_only || is_foreign || self.below(2) == 0 {
                // Nobody knows yet where an append will come to stand.
                let own = |mop: &Mop| matches!(mop, Mop::Write(other, _) if *other == key);
                if self.database != Database::Committed || !mops.iter().any(own) {
                    mops.push(Mop::Read(key, Vec::new()));
                }
            } else {
                self.values += 1;
                mops.push(Mop::Write(key, self.values));
            }
        }
        self.case.txns.push(Txn {
            process,
            mops,
            end: End::Open,
            invoked: now,
            returned: usize::MAX,
        });
        Open {
            txn: self.case.txns.len() - 1,
            view: None,
            done: 0,
            is_over: false,
        }
    }

    fn snapshot(&mut self, site: usize, known: View) -> View {
        let newest = self.views[site];
        let oldest = match self.database {
            Database::SessionSnapshot => known[0],
            Database::OldSnapshot => 0,
            _ => return newest,
        };
        self.some_time_ago(newest, oldest)
    }

    fn some_time_ago(&mut self, newest: View, oldest: usize) -> View {
        let age = self.below(10).min(newest[0] - oldest);
        [newest[0] - age, newest[1]]
    }

    /// Does a micro-operation, if it is a read.
    fn read(&mut self, open: &Open) {
        let txn = &self.case.txns[open.txn];
        let (Some(view), Mop::Read(key, _)) = (open.view, &txn.mops[open.done]) else {
            return;
        };
        let key = *key;
        let own = txn.mops[..open.done].iter().filter_map(|mop| match mop {
            Mop::Write(written, value) if *written == key => Some(*value),
            _ => None,
        });
        let versions = self.versions.get(&key).into_iter().flatten();
        let committed = versions.filter(|version| version.number < view[version.site]);
        let values = committed.map(|version| version.value);
        let mut seen: Vec<u32> = values.chain(own).collect();
        if self.case.data == Data::Registers {
            seen = seen.split_off(seen.len().saturating_sub(1));
        }
        self.case.txns[open.txn].mops[open.done] = Mop::Read(key, seen);
    }

    fn commit(&mut self, open: &mut Open, site: usize, known: &mut View) {
        let mops = self.case.txns[open.txn].mops.clone();
        let only_reads = mops.iter().all(|mop| matches!(mop, Mop::Read(..)));
        if self.database.is_atomic() {
            let newest = self.views[site];
            open.view = Some(match self.database {
                Database::StaleReaders if only_reads => self.some_time_ago(newest, 0),
                _ => newest,
            });
            while open.done < mops.len() {
                self.read(open);
                open.done += 1;
            }
        }
        open.is_over = true;
        let view = open.view.unwrap_or_default();
        let written = |key: &u32| {
            let writes = |mop: &Mop| matches!(mop, Mop::Write(other, _) if other == key);
            mops.iter().any(writes)
        };
        let mut others = self.versions.iter().filter(|(key, _)| written(key));
        let overtaken = others.any(|(_, versions)| {
            let mut versions = versions.iter();
            versions.any(|version| version.number >= view[version.site])
        });
        let refuses = !self.database.is_atomic() && self.database != Database::Committed;
        let fate = self.below(40);
        let (end, commits) = match fate {
            _ if overtaken && refuses => (End::Fail, false),
            0 => (End::Fail, false),
            1 => (End::Info, true),
            2 => (End::Info, false),
            _ => (End::Ok, true),
        };
        self.case.txns[open.txn].end = end;
        if end == End::Ok {
            *known = [known[0].max(view[0]), known[1].max(view[1])];
        }
        if !commits || only_reads {
            return;
        }
        // In one place, or where conflicts are refused, clocks are in the order of commits.
        self.clocks[site] += 1;
        if self.database == Database::ParallelSnapshot {
            self.clocks = [self.clocks[0].max(self.clocks[1]) + 1; 2];
        }
        let stamp = (self.clocks[site], site);
        let number = self.commits[site].len();
        self.commits[site].push(stamp.0);
        self.views[site][site] += 1;
        known[site] = self.views[site][site];
        for mop in mops {
            if let Mop::Write(key, value) = mop {
                let versions = self.versions.entry(key).or_default();
                let at = versions.partition_point(|other| other.stamp <= stamp);
                let version = Version {
                    stamp,
                    value,
                    site,
                    number,
                };
                versions.insert(at, version);
            }
        }
    }
}
