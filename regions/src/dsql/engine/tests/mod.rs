//! Tests of the engine through its sessions, without a network.

mod defects;
mod isolation;
mod limits;
mod oracle;
mod refusals;
mod statements;

use std::sync::Arc;
use std::time::Duration;

use super::error::Result;
use super::session::{Answer, Session, Step};
use super::sql;
use super::store::Database;
use super::value::Value;
use crate::dsql::{Defects, Limits};

/// A client as a simple query drives a session.
pub struct Client {
    session: Session,
}

pub fn database() -> Arc<Database> {
    Database::new(Defects::default(), 0, Limits::default())
}

impl Client {
    pub fn of(database: &Arc<Database>) -> Self {
        Self {
            session: Session::new(Arc::clone(database), "admin".to_owned()),
        }
    }

    /// The outcome in a line: rows as `a,b;c,d` with nulls as `~`, then the tag; or the
    /// SQLSTATE and the message.
    pub fn sql(&mut self, text: &str) -> String {
        match self.try_sql(text, &[]) {
            Ok(answers) => answers.iter().map(show).collect::<Vec<_>>().join(" / "),
            Err(error) => error.to_string(),
        }
    }

    pub fn try_sql(&mut self, text: &str, params: &[Value]) -> Result<Vec<Answer>> {
        let outcome = self.run(text, params);
        if outcome.is_err() {
            self.session.fail();
        }
        outcome
    }

    fn run(&mut self, text: &str, params: &[Value]) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for statement in sql::parse(text)? {
            let prepared = self.session.prepare(&statement, Vec::new())?;
            answers.push(match self.session.run(&prepared, params)? {
                Step::Answer(answer) => answer,
                Step::Commit(pending) => {
                    pending.apply()?;
                    Answer {
                        tag: "COMMIT".to_owned(),
                        ..Answer::default()
                    }
                }
            });
        }
        if let Some(pending) = self.session.end_implicit() {
            pending.apply()?;
        }
        Ok(answers)
    }
}

fn show(answer: &Answer) -> String {
    let rows: Vec<String> = answer
        .rows
        .iter()
        .map(|row| {
            let values = row.iter().map(|value| match value {
                Value::Null => "~".to_owned(),
                value => value.to_text(),
            });
            values.collect::<Vec<_>>().join(",")
        })
        .collect();
    if rows.is_empty() {
        answer.tag.clone()
    } else {
        format!("{} {}", rows.join(";"), answer.tag)
    }
}

/// Runs statements in turn against their expected outcomes.
pub fn script(client: &mut Client, lines: &[(&str, &str)]) {
    for (text, expected) in lines {
        assert_eq!(client.sql(text), *expected, "{text}");
    }
}

/// Limits small enough to reach in a test.
pub fn tight() -> Limits {
    Limits {
        transaction_age_max: Duration::ZERO,
        ..Limits::default()
    }
}
