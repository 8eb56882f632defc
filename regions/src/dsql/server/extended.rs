//! The extended query protocol: prepared statements and portals.

use std::collections::VecDeque;
use std::sync::Arc;

use pgwire::messages::PgWireFrontendMessage as Message;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete,
    PortalSuspended, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::EmptyQueryResponse;
use sqlparser::ast::Statement;
use tokio::io::{AsyncRead, AsyncWrite};

use super::binary::{Format, decode};
use super::connection::{Connection, Stop};
use crate::dsql::engine::error::{Result, SqlError, state};
use crate::dsql::engine::plan::{Plan, Prepared};
use crate::dsql::engine::session::Block;
use crate::dsql::engine::sql;
use crate::dsql::engine::value::{SqlType, Value};

/// A prepared statement; `None` for an empty one.
pub(super) struct Stored {
    pub(super) text: String,
    pub(super) statement: Option<(Statement, Arc<Prepared>)>,
}

pub(super) struct Portal {
    pub(super) stored: Arc<Stored>,
    pub(super) prepared: Option<Arc<Prepared>>,
    pub(super) params: Vec<Value>,
    pub(super) formats: Vec<Format>,
    /// What is left of a result that is fetched in parts.
    pub(super) rest: Option<VecDeque<Vec<Value>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    pub(super) async fn extended(&mut self, message: Message) -> std::result::Result<(), Stop> {
        match message {
            Message::Parse(parse) => self.parse(parse)?,
            Message::Bind(bind) => self.bind(bind)?,
            Message::Describe(describe) => self.describe(&describe)?,
            Message::Execute(execute) => self.execute(&execute).await?,
            Message::Close(close) => self.close(&close),
            Message::Flush(_) => self.output.send(self.stream).await?,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn parse(&mut self, parse: Parse) -> Result<()> {
        let name = parse.name.unwrap_or_default();
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(SqlError::new(
                state::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            ));
        }
        let declared = parse
            .type_oids
            .iter()
            .map(|&oid| match oid {
                // Unspecified, or `unknown`: to be inferred.
                0 | 705 => Ok(None),
                oid => SqlType::from_oid(oid).map(Some).ok_or_else(|| {
                    SqlError::unsupported(format_args!("parameter type with OID {oid}"))
                }),
            })
            .collect::<Result<Vec<_>>>()?;
        let mut statements = sql::parse(&parse.query)?;
        if statements.len() > 1 {
            return Err(SqlError::new(
                state::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            ));
        }
        let statement = match statements.pop() {
            None => None,
            Some(statement) => {
                let prepared = self
                    .session
                    .prepare(&statement, declared)
                    .map_err(|error| error.locate(&parse.query))?;
                Some((statement, Arc::new(prepared)))
            }
        };
        let stored = Stored {
            text: parse.query,
            statement,
        };
        self.statements.insert(name, Arc::new(stored));
        self.output.put(&ParseComplete::new());
        Ok(())
    }

    pub(super) fn stored(&self, name: &str) -> Result<&Arc<Stored>> {
        self.statements.get(name).ok_or_else(|| {
            SqlError::new(
                state::INVALID_STATEMENT_NAME,
                format!("prepared statement \"{name}\" does not exist"),
            )
        })
    }

    pub(super) fn bind(&mut self, bind: Bind) -> Result<()> {
        let stored = Arc::clone(self.stored(bind.statement_name.as_deref().unwrap_or(""))?);
        let name = bind.portal_name.unwrap_or_default();
        if !name.is_empty() && self.portals.contains_key(&name) {
            return Err(SqlError::new(
                state::INVALID_CURSOR_NAME,
                format!("portal \"{name}\" already exists"),
            ));
        }
        let prepared = self.refresh(&stored)?;
        let types: &[SqlType] = prepared.as_ref().map_or(&[], |prepared| &prepared.params);
        if bind.parameters.len() != types.len() {
            return Err(SqlError::new(
                state::PROTOCOL_VIOLATION,
                format!(
                    "bind message supplies {} parameters, but prepared statement requires {}",
                    bind.parameters.len(),
                    types.len()
                ),
            ));
        }
        let formats = Format::expand(&bind.parameter_format_codes, types.len(), "parameter")?;
        let params = bind
            .parameters
            .iter()
            .zip(types)
            .zip(formats)
            .enumerate()
            .map(|(at, ((bytes, &ty), format))| match bytes {
                None => Ok(Value::Null),
                Some(bytes) => decode(bytes, ty, format, at),
            })
            .collect::<Result<Vec<_>>>()?;
        let width = prepared
            .as_ref()
            .map_or(0, |prepared| prepared.columns.len());
        let formats = Format::expand(&bind.result_column_format_codes, width, "result")?;
        let portal = Portal {
            stored,
            prepared,
            params,
            formats,
            rest: None,
        };
        self.portals.insert(name, portal);
        self.output.put(&BindComplete::new());
        Ok(())
    }

    /// The statement's plan under the schema in force. A plan from before a schema
    /// change is made anew, but may not come to another shape under the client's feet.
    pub(super) fn refresh(&self, stored: &Stored) -> Result<Option<Arc<Prepared>>> {
        let Some((statement, prepared)) = &stored.statement else {
            return Ok(None);
        };
        let ends_block = matches!(prepared.plan, Plan::Commit | Plan::Rollback);
        if self.session.block() == Block::Failed && !ends_block {
            return Err(SqlError::in_failed_transaction());
        }
        if self.session.is_current(prepared) {
            return Ok(Some(Arc::clone(prepared)));
        }
        let declared = prepared.params.iter().copied().map(Some).collect();
        let renewed = self.session.prepare(statement, declared)?;
        let types = |prepared: &Prepared| -> Vec<_> {
            prepared
                .columns
                .iter()
                .map(|column| (column.name.clone(), column.ty))
                .collect()
        };
        if types(&renewed) != types(prepared) {
            return Err(SqlError::new(
                state::FEATURE_NOT_SUPPORTED,
                "cached plan must not change result type",
            ));
        }
        Ok(Some(Arc::new(renewed)))
    }

    pub(super) fn describe(&mut self, describe: &Describe) -> Result<()> {
        let name = describe.name.as_deref().unwrap_or("");
        if describe.target_type == TARGET_TYPE_BYTE_STATEMENT {
            let stored = Arc::clone(self.stored(name)?);
            let prepared = stored.statement.as_ref().map(|(_, prepared)| prepared);
            let params = prepared.map_or(&[][..], |prepared| &prepared.params);
            let oids = params.iter().map(|ty| ty.oid()).collect();
            self.output.put(&ParameterDescription::new(oids));
            self.columns(prepared.map(Arc::as_ref), &[]);
        } else {
            let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
            let (prepared, formats) = (portal.prepared.clone(), portal.formats.clone());
            self.columns(prepared.as_deref(), &formats);
        }
        Ok(())
    }

    pub(super) fn columns(&mut self, prepared: Option<&Prepared>, formats: &[Format]) {
        match prepared {
            Some(prepared) if !prepared.columns.is_empty() => {
                self.output.columns(&prepared.columns, formats);
            }
            _ => self.output.put(&NoData::new()),
        }
    }

    pub(super) async fn execute(&mut self, execute: &Execute) -> std::result::Result<(), Stop> {
        let name = execute.name.as_deref().unwrap_or("");
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let Some(mut prepared) = portal.prepared.clone() else {
            self.output.put(&EmptyQueryResponse::new());
            self.portals.insert(name.to_owned(), portal);
            return Ok(());
        };
        let (mut rows, tag) = match portal.rest.take() {
            Some(rest) => {
                let tag = format!("SELECT {}", rest.len());
                (rest, tag)
            }
            None => {
                if !self.session.is_current(&prepared)
                    && let Some(renewed) = self.refresh(&portal.stored)?
                {
                    prepared = renewed;
                }
                let answer = self
                    .step(&prepared, &portal.params, &portal.stored.text)
                    .await?;
                self.notice(&answer);
                (VecDeque::from(answer.rows), answer.tag)
            }
        };
        let at_once = match usize::try_from(execute.max_rows) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(limit) => limit,
        };
        for _ in 0..at_once.min(rows.len()) {
            if let Some(row) = rows.pop_front() {
                self.output.row(&row, &portal.formats);
                self.send_if_full().await?;
            }
        }
        if rows.is_empty() {
            self.output.complete(&tag);
        } else {
            self.output.put(&PortalSuspended::new());
        }
        portal.rest = Some(rows);
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    pub(super) fn close(&mut self, close: &Close) {
        let name = close.name.as_deref().unwrap_or("");
        if close.target_type == TARGET_TYPE_BYTE_STATEMENT {
            self.statements.remove(name);
        } else {
            self.portals.remove(name);
        }
        self.output.put(&CloseComplete::new());
    }
}

pub(super) fn no_portal(name: &str) -> SqlError {
    SqlError::new(
        state::INVALID_CURSOR_NAME,
        format!("portal \"{name}\" does not exist"),
    )
}
