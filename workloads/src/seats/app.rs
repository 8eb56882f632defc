//! The application under test: the code that sells a seat. Naive on purpose:
//! whether reading and then writing is safe is for the database to say.

use serde_json::json;
use uuid::Uuid;

use super::{LEDGER, SEATS};
use crate::tries::Tries;
use crate::{Attempted, Connection, DbError, Expectation, Outcome, Request, Row};

pub(super) static APPS: &[(&str, &str)] = &[
    ("naive", "read the seat, write it, append to the ledger"),
    (
        "conditional",
        "write the seat only where it is still available",
    ),
    (
        "idempotent",
        "naive, but a request that comes twice is served once",
    ),
];

/// Sells, or refuses, trying again on a conflict.
pub(super) async fn perform(app: &str, db: &mut dyn Connection, request: &Request) -> Attempted {
    let mut tries = Tries::first();
    loop {
        match sell(app, db, request).await {
            Ok(outcome) => return tries.done(outcome),
            Err(error) => match tries.again(db, error).await {
                Ok(next) => tries = next,
                Err(ended) => return ended,
            },
        }
    }
}

/// One transaction.
async fn sell(
    app: &str,
    db: &mut dyn Connection,
    Request { key, value, .. }: &Request,
) -> Result<Outcome, DbError> {
    let seat = key.as_deref().unwrap_or_default();
    let buyer = value["buyer"].as_str().unwrap_or_default();
    let request = value["request"].as_str();
    let sale_id = match (app, request) {
        ("idempotent", Some(request)) => request.to_owned(),
        _ => Uuid::now_v7().to_string(),
    };
    let mut confirmation = json!({"buyer": buyer, "sale_id": sale_id});
    let mut sale = Row::from([
        ("sale_id".into(), sale_id.clone()),
        ("key".into(), seat.into()),
        ("buyer".into(), buyer.into()),
    ]);
    if let Some(request) = request {
        confirmation["request"] = json!(request);
        sale.insert("request".into(), request.into());
    }
    let sold = Row::from([
        ("key".into(), seat.into()),
        ("status".into(), "sold".into()),
        ("owner".into(), buyer.into()),
        ("sale_id".into(), sale_id.clone()),
    ]);

    db.begin().await?;
    if app == "idempotent" && db.read(&LEDGER, &sale_id).await?.is_some() {
        db.rollback().await;
        return Ok(Outcome::Ok(confirmation));
    }
    if app == "conditional" {
        let expected = Expectation {
            column: "status",
            value: "available",
        };
        if !db.write_if(&SEATS, &sold, expected).await? {
            db.rollback().await;
            return Ok(Outcome::rejected("sold"));
        }
    } else {
        let status = db
            .read(&SEATS, seat)
            .await?
            .and_then(|row| row.get("status").cloned());
        if status.as_deref() != Some("available") {
            db.rollback().await;
            return Ok(Outcome::rejected(
                status.as_deref().unwrap_or("no such seat"),
            ));
        }
        db.write(&SEATS, &sold).await?;
    }
    db.append(&LEDGER, &sale).await?;
    db.commit().await?;
    Ok(Outcome::Ok(confirmation))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use async_trait::async_trait;

    use super::*;
    use crate::tries::ATTEMPTS_MAX;
    use crate::{Page, Table};

    /// A seat and a ledger without a database; each commit takes the next of the script.
    #[derive(Default)]
    struct Scripted {
        seat: Row,
        ledger: Vec<Row>,
        commits: VecDeque<Result<(), DbError>>,
        calls: Vec<&'static str>,
        /// Seat and ledger as they were at BEGIN.
        before: (Row, Vec<Row>),
    }

    impl Scripted {
        fn available(commits: impl IntoIterator<Item = Result<(), DbError>>) -> Scripted {
            let seat = Row::from([("status".into(), "available".into())]);
            Scripted {
                seat,
                commits: commits.into_iter().collect(),
                ..Scripted::default()
            }
        }
    }

    #[async_trait]
    impl Connection for Scripted {
        async fn begin(&mut self) -> Result<(), DbError> {
            self.calls.push("begin");
            self.before = (self.seat.clone(), self.ledger.clone());
            Ok(())
        }

        async fn read(&mut self, table: &Table, key: &str) -> Result<Option<Row>, DbError> {
            if *table == SEATS {
                return Ok((!self.seat.is_empty()).then(|| self.seat.clone()));
            }
            Ok(self
                .ledger
                .iter()
                .find(|row| row["sale_id"] == key)
                .cloned())
        }

        async fn read_for_update(
            &mut self,
            table: &Table,
            key: &str,
        ) -> Result<Option<Row>, DbError> {
            self.read(table, key).await
        }

        async fn write(&mut self, _: &Table, row: &Row) -> Result<(), DbError> {
            self.calls.push("write");
            self.seat = row.clone();
            Ok(())
        }

        async fn write_if(
            &mut self,
            table: &Table,
            row: &Row,
            expected: Expectation<'_>,
        ) -> Result<bool, DbError> {
            let met = self
                .seat
                .get(expected.column)
                .is_some_and(|v| v == expected.value);
            if met {
                self.write(table, row).await?;
            }
            Ok(met)
        }

        async fn append(&mut self, _: &Table, row: &Row) -> Result<(), DbError> {
            self.ledger.push(row.clone());
            Ok(())
        }

        async fn commit(&mut self) -> Result<(), DbError> {
            self.calls.push("commit");
            self.commits.pop_front().unwrap_or(Ok(()))
        }

        async fn rollback(&mut self) {
            self.calls.push("rollback");
            (self.seat, self.ledger) = self.before.clone();
        }

        async fn scan(&mut self, _: &Table, _: Option<&str>) -> Result<Page, DbError> {
            unreachable!("the application scans nothing")
        }
    }

    fn request(id: Option<&str>) -> Request {
        let mut value = json!({"buyer": "b1"});
        if let Some(id) = id {
            value["request"] = json!(id);
        }
        Request {
            f: "acquire",
            key: Some("A1".into()),
            value,
        }
    }

    fn conflict() -> Result<(), DbError> {
        Err(DbError::conflict("40001", "change conflicts"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_sale_is_confirmed_with_what_the_ledger_holds() {
        for (app, _) in APPS {
            let mut db = Scripted::available([]);
            let Attempted { outcome, attempts } = perform(app, &mut db, &request(Some("r1"))).await;
            let Outcome::Ok(value) = outcome else {
                panic!("{app}: {outcome:?}")
            };
            assert_eq!(attempts, 1);
            assert_eq!(value["sale_id"], db.ledger[0]["sale_id"]);
            assert_eq!(db.seat["owner"], "b1");
            assert_eq!(db.ledger[0]["request"], "r1");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_seat_that_is_sold_is_refused() {
        for (app, _) in APPS {
            let mut db = Scripted::available([]);
            db.seat.insert("status".into(), "sold".into());
            let done = perform(app, &mut db, &request(None)).await;
            assert_eq!(done.outcome, Outcome::rejected("sold"), "{app}");
            assert_eq!(db.calls.last(), Some(&"rollback"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_conflict_is_tried_again_and_counted_eight_times_at_most() {
        let mut db = Scripted::available([conflict(), conflict()]);
        let done = perform("naive", &mut db, &request(None)).await;
        assert!(matches!(done.outcome, Outcome::Ok(_)));
        assert_eq!(done.attempts, 3);
        assert_eq!(db.ledger.len(), 1, "what was rolled back is gone");

        let mut db = Scripted::available((0..20).map(|_| conflict()));
        let done = perform("naive", &mut db, &request(None)).await;
        assert!(matches!(&done.outcome, Outcome::Fail { class, .. } if class == "40001"));
        assert_eq!(done.attempts, ATTEMPTS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_knows_is_neither_tried_again_nor_rolled_back() {
        let lost = DbError::indeterminate("connection", "closed");
        let mut db = Scripted::available([Err(lost)]);
        let done = perform("naive", &mut db, &request(None)).await;
        assert!(matches!(&done.outcome, Outcome::Info { class, .. } if class == "connection"));
        assert_eq!(done.attempts, 1);
        assert!(!db.calls.contains(&"rollback"));
    }

    #[tokio::test(start_paused = true)]
    async fn idempotent_serves_a_request_that_comes_twice_once() {
        let mut db = Scripted::available([]);
        let first = perform("idempotent", &mut db, &request(Some("r1"))).await;
        // Another buyer has hidden the sale in the seats table.
        db.seat.insert("owner".into(), "b2".into());
        let ledger = db.ledger.clone();
        let second = sell("idempotent", &mut db, &request(Some("r1"))).await;
        assert_eq!(second, Ok(first.outcome));
        assert_eq!(db.ledger, ledger, "nothing was added");
    }
}
