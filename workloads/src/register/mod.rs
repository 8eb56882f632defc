//! Registers: clients in every region read and write a few keys, and whoever
//! reads must see the latest write. The oldest consistency test there is: what it
//! records is decided by the checker `linearizable`, and where that fails, by how
//! stale the reads were.
//!
//! It heeds `bursts` (clients of each burst), `keys`, `requests` (of each client)
//! and `seed` of [`Parameters`]. A register that was never written reads as null.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::limits;
use crate::tries::Tries;
use crate::{
    Attempted, BadParameters, Burst, Client, Connection, DbError, Expectation, Outcome, Parameters,
    Request, Row, Table, Workload,
};

/// One row a register.
pub const REGISTERS: Table = Table {
    name: "registers",
    key: "key",
    columns: &["value"],
};

static APPS: &[(&str, &str)] = &[
    ("read-write", "read and write, no value written twice"),
    (
        "cas",
        "read, write and compare-and-set, on five values again and again",
    ),
];

/// Values that the application `cas` uses.
const CAS_VALUES: u64 = 5;

/// The workload `register`.
pub struct Register;

#[async_trait]
impl Workload for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn about(&self) -> &'static str {
        "reads, writes and compare-and-sets of a few keys: does a read see the latest write?"
    }

    fn apps(&self) -> &'static [(&'static str, &'static str)] {
        APPS
    }

    fn heeds(&self) -> &'static [&'static str] {
        &["--keys", "--requests"]
    }

    fn tables(&self) -> &'static [&'static Table] {
        &[&REGISTERS]
    }

    fn bursts(&self, parameters: &Parameters) -> Result<Vec<Burst>, BadParameters> {
        limits::check(parameters)?;
        let Parameters {
            keys,
            requests,
            regions,
            ..
        } = *parameters;
        let mut generator = Generator {
            random: fastrand::Rng::with_seed(parameters.seed),
            keys,
            cas: parameters.app == "cas",
            written: 0,
        };
        let burst = |&c: &usize| Burst {
            rows: Vec::new(),
            notes: Vec::new(),
            clients: (0..c)
                .map(|client| Client {
                    region: client % regions,
                    requests: (0..requests).map(|_| generator.request()).collect(),
                })
                .collect(),
            reads_only: false,
        };
        Ok(parameters.bursts.iter().map(burst).collect())
    }

    async fn perform(&self, _: &str, db: &mut dyn Connection, request: &Request) -> Attempted {
        let mut tries = Tries::first();
        loop {
            match transact(db, request).await {
                Ok(outcome) => return tries.done(outcome),
                Err(error) => match tries.again(db, error).await {
                    Ok(next) => tries = next,
                    Err(ended) => return ended,
                },
            }
        }
    }
}

/// What clients ask for, one request after the other.
struct Generator {
    random: fastrand::Rng,
    keys: usize,
    cas: bool,
    /// The last value that was written, where no value is written twice.
    written: u64,
}

impl Generator {
    fn request(&mut self) -> Request {
        let key = Some(format!("r{}", self.random.usize(1..=self.keys)));
        let (f, value) = match self.random.u8(0..if self.cas { 3 } else { 2 }) {
            0 => ("read", Value::Null),
            1 => ("write", json!(self.value())),
            _ => ("cas", json!([self.value(), self.value()])),
        };
        Request { f, key, value }
    }

    fn value(&mut self) -> u64 {
        if self.cas {
            return self.random.u64(0..CAS_VALUES);
        }
        self.written += 1;
        self.written
    }
}

/// One transaction.
async fn transact(
    db: &mut dyn Connection,
    Request { f, key, value }: &Request,
) -> Result<Outcome, DbError> {
    let key = key.as_deref().unwrap_or_default();
    let row = |value: &Value| {
        Row::from([
            ("key".into(), key.into()),
            ("value".into(), value.to_string()),
        ])
    };
    if *f == "read" {
        db.begin_read_only().await?;
    } else {
        db.begin().await?;
    }
    match *f {
        "read" => {
            let found = db.read(&REGISTERS, key).await?;
            db.commit().await?;
            let value = found.and_then(|row| row.get("value")?.parse::<u64>().ok());
            Ok(Outcome::Ok(json!(value)))
        }
        "write" => {
            db.write(&REGISTERS, &row(value)).await?;
            db.commit().await?;
            Ok(Outcome::Ok(value.clone()))
        }
        _ => {
            let old = value[0].to_string();
            let expected = Expectation {
                column: "value",
                value: &old,
            };
            if !db.write_if(&REGISTERS, &row(&value[1]), expected).await? {
                // Read-only as it is, its answer counts only if it commits.
                db.commit().await?;
                return Ok(Outcome::rejected("the value is not the expected one"));
            }
            db.commit().await?;
            Ok(Outcome::Ok(value.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn parameters(app: &str) -> Parameters {
        Parameters {
            app: app.into(),
            bursts: vec![10, 6],
            keys: 3,
            requests: 20,
            seed: 7,
            ..Parameters::default()
        }
    }

    fn requests(app: &str) -> Vec<Request> {
        let bursts = Register.bursts(&parameters(app)).unwrap();
        let clients = bursts.into_iter().flat_map(|burst| burst.clients);
        clients.flat_map(|client| client.requests).collect()
    }

    #[test]
    fn no_value_is_written_twice() {
        let requests = requests("read-write");
        assert_eq!(requests.len(), 320);
        let written = requests.iter().filter(|r| r.f == "write");
        let values: Vec<_> = written.map(|r| r.value.as_u64().unwrap()).collect();
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len());
        assert!(values.len() > 100 && values.len() < 220);
    }

    #[test]
    fn cas_uses_few_values_again_and_again() {
        let requests = requests("cas");
        for f in ["read", "write", "cas"] {
            assert!(requests.iter().filter(|r| r.f == f).count() > 60, "{f}");
        }
        let keys: BTreeSet<_> = requests.iter().filter_map(|r| r.key.as_deref()).collect();
        assert_eq!(keys, BTreeSet::from(["r1", "r2", "r3"]));
    }

    #[test]
    fn what_asks_for_nothing_or_too_much_is_refused() {
        for wrong in [
            Parameters {
                keys: 0,
                ..parameters("cas")
            },
            Parameters {
                requests: 0,
                ..parameters("cas")
            },
            Parameters {
                bursts: vec![],
                ..parameters("cas")
            },
            Parameters {
                bursts: vec![241],
                ..parameters("cas")
            },
            Parameters {
                bursts: vec![usize::MAX, 9],
                ..parameters("cas")
            },
            Parameters {
                requests: usize::MAX,
                ..parameters("cas")
            },
        ] {
            assert!(Register.bursts(&wrong).is_err(), "{wrong:?}");
        }
    }
}
