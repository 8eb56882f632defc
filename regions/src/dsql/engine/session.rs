//! A session: its transaction block, its settings, and the running of statements.
//! Everything but the wire and the waiting: a commit is handed out as a
//! [`PendingCommit`], so that the caller can let the inter-region round trip pass.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlparser::ast::Statement;

use super::bind::{Params, Surroundings, bind};
use super::catalog::Table;
use super::error::{Result, SqlError, state};
use super::expr::Context;
use super::plan::{NEXT_JOB, Plan, Prepared, SchemaPlan};
use super::store::Database;
use super::transaction::Transaction;
use super::value::{SqlType, Value};
use super::{query, settings, write};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Outside a transaction block.
    Idle,
    /// Inside one.
    Open,
    /// Inside one that has failed: nothing but its end is accepted.
    Failed,
}

/// The answer to a statement.
#[derive(Debug, Default)]
pub struct Answer {
    /// The command tag, such as `INSERT 0 1`.
    pub tag: String,
    /// The rows, for a statement that returns any.
    pub rows: Vec<Vec<Value>>,
    /// A warning or a notice by the way, with its severity.
    pub notice: Option<(&'static str, SqlError)>,
}

/// What running a statement came to.
#[derive(Debug)]
pub enum Step {
    /// It is answered. Outside a block its effects wait for [`Session::end_implicit`].
    Answer(Answer),
    /// It was `COMMIT`: answered by this tag once the commit has gone through.
    Commit(PendingCommit),
}

/// A transaction on its way to be committed.
#[derive(Debug)]
#[must_use = "a commit that is dropped is a rollback"]
pub struct PendingCommit {
    transaction: Transaction,
}

impl PendingCommit {
    /// Whether the other region has to hear of it.
    pub fn has_changes(&self) -> bool {
        self.transaction.has_changes()
    }

    /// The checks that need no other region: size and age. To be done before the wait.
    pub fn check(&self) -> Result<()> {
        self.transaction.check_commit()
    }

    /// The atomic commit point.
    pub fn apply(self) -> Result<()> {
        self.transaction.commit()
    }
}

/// A session.
#[derive(Debug)]
pub struct Session {
    database: Arc<Database>,
    role: String,
    settings: HashMap<String, String>,
    transaction: Option<Transaction>,
    block: Block,
}

impl Session {
    /// A session of a role.
    pub fn new(database: Arc<Database>, role: String) -> Self {
        Self {
            database,
            role,
            settings: HashMap::new(),
            transaction: None,
            block: Block::Idle,
        }
    }

    /// Where the session stands.
    pub fn block(&self) -> Block {
        self.block
    }

    /// Sets a setting from the client's start-up message; unknown ones are ignored.
    pub fn start_up_setting(&mut self, name: &str, value: &str) -> Result<()> {
        let name = name.to_lowercase();
        if settings::can_set(&name) {
            settings::check(&name, Some(value))?;
            self.settings.insert(name, value.to_owned());
        }
        Ok(())
    }

    /// A setting's value.
    pub fn setting(&self, name: &str) -> Option<String> {
        let set = self.settings.get(name).cloned();
        set.or_else(|| settings::default(name).map(str::to_owned))
    }

    /// Prepares a statement under the parameter types that the client declared.
    pub fn prepare(
        &self,
        statement: &Statement,
        declared: Vec<Option<SqlType>>,
    ) -> Result<Prepared> {
        let ends_block = matches!(
            statement,
            Statement::Commit { .. } | Statement::Rollback { .. }
        );
        if self.block == Block::Failed && !ends_block {
            return Err(SqlError::in_failed_transaction());
        }
        bind(statement, Params::declared(declared), self)
    }

    /// Whether a plan was made under the schema in force.
    pub fn is_current(&self, prepared: &Prepared) -> bool {
        prepared.schema == self.schema()
    }

    /// Runs a statement. After an error the block has failed, or, outside one, nothing
    /// has happened.
    pub fn run(&mut self, prepared: &Prepared, params: &[Value]) -> Result<Step> {
        let step = self.run_inner(prepared, params);
        if step.is_err() {
            self.fail();
        }
        step
    }

    /// Records an error: fails the block, or drops what an implicit transaction did.
    pub fn fail(&mut self) {
        self.transaction = None;
        if self.block == Block::Open {
            self.block = Block::Failed;
        }
    }

    /// The commit that is due when statements outside a block have been answered:
    /// at a `Sync`, or at the end of a simple query.
    pub fn end_implicit(&mut self) -> Option<PendingCommit> {
        if self.block != Block::Idle {
            return None;
        }
        let transaction = self.transaction.take()?;
        Some(PendingCommit { transaction })
    }

    fn run_inner(&mut self, prepared: &Prepared, params: &[Value]) -> Result<Step> {
        match &prepared.plan {
            Plan::Commit => return self.commit(),
            Plan::Rollback => return Ok(Step::Answer(self.rollback())),
            _ if self.block == Block::Failed => return Err(SqlError::in_failed_transaction()),
            Plan::Begin { read_only, tag } => return self.begin(*read_only, tag),
            Plan::Set { name, value, tag } => {
                match value {
                    Some(value) => self.settings.insert(name.clone(), value.clone()),
                    None => self.settings.remove(name),
                };
                return Ok(answer(tag));
            }
            Plan::ResetAll { tag } => {
                self.settings.clear();
                return Ok(answer(tag));
            }
            Plan::Show { name } => {
                let value = self.setting(name).unwrap_or_default();
                return Ok(Step::Answer(Answer {
                    tag: "SHOW".to_owned(),
                    rows: vec![vec![Value::text(value)]],
                    notice: None,
                }));
            }
            _ => {}
        }
        let database = &self.database;
        let transaction = self
            .transaction
            .get_or_insert_with(|| Transaction::new(Arc::clone(database)));
        transaction.begin_statement()?;
        if transaction.schema() != Some(prepared.schema) {
            // The catalogue changed between binding and now.
            return Err(SqlError::schema_changed());
        }
        let context = Context {
            row: &[],
            params,
            now: transaction.started_at,
        };
        let (tag, rows, notice) = match &prepared.plan {
            Plan::Select(plan) => {
                if plan.lock.is_some() {
                    transaction.begin_write("SELECT FOR UPDATE")?;
                }
                let rows = query::select(plan, transaction, &context)?;
                (format!("SELECT {}", rows.len()), rows, None)
            }
            Plan::Insert(plan) => {
                let written = write::insert(plan, transaction, &context)?;
                (format!("INSERT 0 {}", written.count), written.rows, None)
            }
            Plan::Update(plan) => {
                let written = write::update(plan, transaction, &context)?;
                (format!("UPDATE {}", written.count), written.rows, None)
            }
            Plan::Delete(plan) => {
                let written = write::delete(plan, transaction, &context)?;
                (format!("DELETE {}", written.count), written.rows, None)
            }
            Plan::Schema(plan) => {
                let rows = change_schema(plan, transaction)?;
                let notice = plan.notice.clone().map(|notice| ("NOTICE", notice));
                (plan.tag.to_owned(), rows, notice)
            }
            _ => (String::new(), Vec::new(), None),
        };
        transaction.end_statement()?;
        Ok(Step::Answer(Answer { tag, rows, notice }))
    }

    fn begin(&mut self, read_only: bool, tag: &str) -> Result<Step> {
        let mut begun = Answer {
            tag: tag.to_owned(),
            ..Answer::default()
        };
        if self.block == Block::Open {
            begun.notice = Some((
                "WARNING",
                SqlError::new(
                    state::ACTIVE_TRANSACTION,
                    "there is already a transaction in progress",
                ),
            ));
            return Ok(Step::Answer(begun));
        }
        // Statements before a BEGIN in one query string belong to its block.
        let database = &self.database;
        let transaction = self
            .transaction
            .get_or_insert_with(|| Transaction::new(Arc::clone(database)));
        transaction.read_only = read_only;
        self.block = Block::Open;
        Ok(Step::Answer(begun))
    }

    fn commit(&mut self) -> Result<Step> {
        match self.block {
            Block::Failed => Ok(Step::Answer(self.rollback())),
            Block::Open => {
                self.block = Block::Idle;
                let transaction = self.transaction.take();
                let database = &self.database;
                Ok(Step::Commit(PendingCommit {
                    transaction: transaction
                        .unwrap_or_else(|| Transaction::new(Arc::clone(database))),
                }))
            }
            Block::Idle => match self.transaction.take() {
                // The implicit transaction of a query string ends here.
                Some(transaction) if transaction.has_changes() => {
                    Ok(Step::Commit(PendingCommit { transaction }))
                }
                _ => Ok(Step::Answer(Answer {
                    tag: "COMMIT".to_owned(),
                    notice: Some(no_transaction()),
                    ..Answer::default()
                })),
            },
        }
    }

    fn rollback(&mut self) -> Answer {
        let notice = (self.block == Block::Idle).then(no_transaction);
        self.block = Block::Idle;
        self.transaction = None;
        Answer {
            tag: "ROLLBACK".to_owned(),
            notice,
            ..Answer::default()
        }
    }
}

impl Surroundings for Session {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        match &self.transaction {
            Some(transaction) => transaction.table(name),
            None => self.database.table(name),
        }
    }

    fn role(&self) -> &str {
        &self.role
    }

    fn setting(&self, name: &str) -> Option<String> {
        Session::setting(self, name)
    }

    fn new_relation(&self) -> u32 {
        self.database.new_relation()
    }

    fn schema(&self) -> u64 {
        self.database.schema()
    }
}

fn answer(tag: &str) -> Step {
    Step::Answer(Answer {
        tag: tag.to_owned(),
        ..Answer::default()
    })
}

fn no_transaction() -> (&'static str, SqlError) {
    (
        "WARNING",
        SqlError::new(
            state::NO_ACTIVE_TRANSACTION,
            "there is no transaction in progress",
        ),
    )
}

fn change_schema(plan: &SchemaPlan, transaction: &mut Transaction) -> Result<Vec<Vec<Value>>> {
    match &plan.change {
        Some(change) => transaction.change_schema(plan.tag, change.clone())?,
        None => transaction.check_schema_change(plan.tag)?,
    }
    let job = || {
        let number = NEXT_JOB.fetch_add(1, Ordering::Relaxed);
        vec![Value::text(format!("job{number:023}"))]
    };
    Ok(plan.job.then(job).into_iter().collect())
}
