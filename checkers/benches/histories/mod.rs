//! Histories for benchmarks: a real register under clients that are always busy, the
//! same every time. Also written to files, to be read back.

use std::io::Write;

/// What the clients do.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub operations: usize,
    pub clients: usize,
    /// One object a key.
    pub keys: usize,
    /// Values to choose from; 0: every write writes another one.
    pub values: u64,
    /// Whether there are compare-and-sets.
    pub cas: bool,
    /// Of a hundred operations, how many nobody knows the end of.
    pub info_percent: u64,
    /// Whether one read near the end is of a value that was overwritten long before.
    pub stale: bool,
    pub seed: u64,
}

impl Run {
    /// A register whose written values all differ.
    pub fn distinct(operations: usize, clients: usize) -> Run {
        Run {
            operations,
            clients,
            keys: 1,
            values: 0,
            cas: false,
            info_percent: 0,
            stale: false,
            seed: 7,
        }
    }

    /// A register with compare-and-set, of five values.
    pub fn cas(operations: usize, clients: usize) -> Run {
        Run {
            values: 5,
            cas: true,
            ..Run::distinct(operations, clients)
        }
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }
}

enum Asked {
    Read,
    Write(u64),
    Cas(u64, u64),
}

struct Open {
    process: usize,
    key: usize,
    asked: Asked,
    /// What a read returns; whether a cas succeeded.
    done: Option<u64>,
}

const REFUSED: u64 = u64::MAX;

/// Writes the run as JSON Lines. Each client always has an operation open; each takes
/// effect at a random moment of the time that it is open.
pub fn write(run: &Run, to: &mut impl Write) -> std::io::Result<()> {
    let mut random = Random(run.seed);
    let mut state: Vec<Vec<u64>> = vec![vec![0]; run.keys];
    let mut open: Vec<Option<Open>> = (0..run.clients).map(|_| None).collect();
    let mut processes = run.clients;
    let mut names: Vec<usize> = (0..run.clients).collect();
    let (mut index, mut invoked, mut completed) = (0u64, 0, 0);
    let stale_at = if run.stale {
        run.operations * 9 / 10
    } else {
        usize::MAX
    };
    let mut stale_pending = false;
    while completed < run.operations {
        let client = random.below(run.clients as u64) as usize;
        let Some(now) = &mut open[client] else {
            if invoked == run.operations {
                // Only those who wait are left.
                continue;
            }
            invoked += 1;
            let key = random.below(run.keys as u64) as usize;
            let choice = random.below(if run.cas { 3 } else { 2 });
            let value = |random: &mut Random| match run.values {
                0 => invoked as u64,
                values => random.below(values),
            };
            let asked = match choice {
                0 => Asked::Read,
                1 => Asked::Write(value(&mut random)),
                _ => Asked::Cas(value(&mut random), value(&mut random)),
            };
            let (f, argument) = words(&asked);
            event(
                to,
                index,
                "invoke",
                names[client],
                f,
                key,
                run.keys,
                &argument,
            )?;
            index += 1;
            open[client] = Some(Open {
                process: names[client],
                key,
                asked,
                done: None,
            });
            continue;
        };
        let register = &mut state[now.key];
        let current = *register.last().unwrap_or(&0);
        let Some(done) = now.done else {
            now.done = Some(match now.asked {
                Asked::Read => current,
                Asked::Write(value) => {
                    register.push(value);
                    0
                }
                Asked::Cas(old, new) if old == current => {
                    register.push(new);
                    0
                }
                Asked::Cas(..) => REFUSED,
            });
            continue;
        };
        completed += 1;
        stale_pending |= completed == stale_at;
        let (f, argument) = words(&now.asked);
        let (kind, value) = match now.asked {
            _ if random.below(100) < run.info_percent => ("info", "null".to_owned()),
            Asked::Read if stale_pending && register.len() > 4 * run.clients + 8 => {
                stale_pending = false;
                (
                    "ok",
                    register[register.len() - 4 * run.clients - 4].to_string(),
                )
            }
            Asked::Read => ("ok", done.to_string()),
            _ if done == REFUSED => ("fail", argument),
            _ => ("ok", argument),
        };
        event(to, index, kind, now.process, f, now.key, run.keys, &value)?;
        index += 1;
        open[client] = None;
        if kind == "info" {
            names[client] = processes;
            processes += 1;
        }
    }
    Ok(())
}

fn words(asked: &Asked) -> (&'static str, String) {
    match asked {
        Asked::Read => ("read", "null".to_owned()),
        Asked::Write(value) => ("write", value.to_string()),
        Asked::Cas(old, new) => ("cas", format!("[{old},{new}]")),
    }
}

#[expect(clippy::too_many_arguments, reason = "the fields of a line, in order")]
fn event(
    to: &mut impl Write,
    index: u64,
    kind: &str,
    process: usize,
    f: &str,
    key: usize,
    keys: usize,
    value: &str,
) -> std::io::Result<()> {
    let time = index * 1_000;
    write!(
        to,
        r#"{{"index":{index},"time":{time},"type":"{kind}","process":{process},"f":"{f}""#
    )?;
    if keys > 1 {
        write!(to, r#","key":{key}"#)?;
    }
    writeln!(to, r#","value":{value}}}"#)
}
