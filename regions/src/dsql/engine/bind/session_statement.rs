//! Statements that read and write nothing: transactions, settings, and everything
//! that is refused.

use sqlparser::ast::{
    self, ContextModifier, Set, Statement, TransactionAccessMode, TransactionIsolationLevel,
    TransactionMode, UserDefinedTypeRepresentation as Representation,
};

use super::super::error::{Result, SqlError, state};
use super::super::plan::{OutputColumn, Plan};
use super::super::settings;
use super::super::value::SqlType;
use super::{Binder, Bound};

impl Binder<'_> {
    pub fn session_statement(&mut self, statement: &Statement) -> Result<Bound> {
        let plan = match statement {
            Statement::StartTransaction {
                modes,
                begin,
                statements,
                exception,
                ..
            } if statements.is_empty() && exception.is_none() => Plan::Begin {
                read_only: read_only(modes)?,
                tag: if *begin { "BEGIN" } else { "START TRANSACTION" },
            },
            Statement::Commit { chain: false, .. } => Plan::Commit,
            Statement::Rollback {
                chain: false,
                savepoint: None,
            } => Plan::Rollback,
            Statement::Commit { .. }
            | Statement::Rollback {
                savepoint: None, ..
            } => {
                return Err(SqlError::unsupported("AND CHAIN"));
            }
            Statement::Rollback { .. } => return Err(transaction_statement("ROLLBACK TO")),
            Statement::Savepoint { .. } => return Err(transaction_statement("SAVEPOINT")),
            Statement::ReleaseSavepoint { .. } => return Err(transaction_statement("RELEASE")),
            Statement::Set(set) => setting(set)?,
            Statement::Reset(reset) => match &reset.reset {
                ast::Reset::ALL => Plan::ResetAll { tag: "RESET" },
                ast::Reset::ConfigurationParameter(name) => Plan::Set {
                    name: name.to_string().to_lowercase(),
                    value: None,
                    tag: "RESET",
                },
                ast::Reset::SessionAuthorization => {
                    return Err(SqlError::unsupported("RESET SESSION AUTHORIZATION"));
                }
            },
            Statement::Discard {
                object_type: ast::DiscardObject::ALL,
            } => Plan::ResetAll { tag: "DISCARD ALL" },
            Statement::ShowVariable { variable } => return self.show(variable),
            other => return Err(refusal(other)),
        };
        Ok((plan, Vec::new()))
    }

    fn show(&mut self, variable: &[ast::Ident]) -> Result<Bound> {
        let words: Vec<_> = variable
            .iter()
            .map(|word| word.value.to_lowercase())
            .collect();
        let name = match words.join(" ").as_str() {
            "time zone" => "timezone".to_owned(),
            "transaction isolation level" => "transaction_isolation".to_owned(),
            _ => words.join("."),
        };
        if self.surroundings.setting(&name).is_none() {
            return Err(settings::unknown(&name));
        }
        let column = OutputColumn {
            name: settings::display_name(&name).to_owned(),
            ty: SqlType::Text,
            origin: (0, 0),
            length_max: None,
        };
        Ok((Plan::Show { name }, vec![column]))
    }
}

fn transaction_statement(name: &str) -> SqlError {
    SqlError::new(
        state::FEATURE_NOT_SUPPORTED,
        format!("unsupported transaction statement: {name}"),
    )
}

/// Whether the modes say `READ ONLY`. The one isolation level is repeatable read.
fn read_only(modes: &[TransactionMode]) -> Result<bool> {
    let mut read_only = false;
    for mode in modes {
        match mode {
            TransactionMode::AccessMode(mode) => {
                read_only = *mode == TransactionAccessMode::ReadOnly;
            }
            TransactionMode::IsolationLevel(TransactionIsolationLevel::RepeatableRead) => {}
            TransactionMode::IsolationLevel(level) => {
                return Err(SqlError::new(
                    state::FEATURE_NOT_SUPPORTED,
                    format!("Unsupported isolation level: {level}"),
                ));
            }
        }
    }
    Ok(read_only)
}

fn setting(set: &Set) -> Result<Plan> {
    Ok(match set {
        Set::SingleAssignment {
            scope: None | Some(ContextModifier::Session),
            variable,
            values,
            ..
        } => {
            let name = variable.to_string().to_lowercase();
            let values: Vec<_> = values.iter().map(setting_value).collect();
            let value = values.join(", ");
            if !settings::can_set(&name) {
                return Err(if settings::default(&name).is_some() {
                    settings::refused(&name)
                } else {
                    settings::unknown(&name)
                });
            }
            let value = (!value.eq_ignore_ascii_case("default")).then_some(value);
            settings::check(&name, value.as_deref())?;
            Plan::Set {
                name,
                value,
                tag: "SET",
            }
        }
        Set::SingleAssignment { .. } => return Err(SqlError::unsupported("SET LOCAL")),
        Set::SetTimeZone {
            local: false,
            value,
        } => {
            let value = setting_value(value);
            settings::check("timezone", Some(&value))?;
            Plan::Set {
                name: "timezone".to_owned(),
                value: Some(value),
                tag: "SET",
            }
        }
        Set::SetNames { charset_name, .. } => {
            settings::check("client_encoding", Some(&charset_name.value))?;
            Plan::Set {
                name: "client_encoding".to_owned(),
                value: Some(charset_name.value.clone()),
                tag: "SET",
            }
        }
        Set::SetTransaction { modes, .. } => {
            read_only(modes)?;
            return Err(settings::refused("TRANSACTION"));
        }
        other => return Err(SqlError::unsupported(other)),
    })
}

fn setting_value(expr: &ast::Expr) -> String {
    match expr {
        ast::Expr::Value(value) => match value.value.clone().into_string() {
            Some(text) => text,
            None => value.to_string(),
        },
        ast::Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}

/// The refusal of a statement, named as DSQL names it where that is known.
fn refusal(statement: &Statement) -> SqlError {
    match statement {
        Statement::Truncate(_) => SqlError::unsupported_statement("Truncate"),
        Statement::CreateExtension(_) => SqlError::unsupported_statement("CreateExtension"),
        Statement::CreateDatabase { .. } => SqlError::unsupported_statement("Createdb"),
        Statement::CreateTrigger(_) => SqlError::unsupported("CREATE TRIGGER"),
        Statement::CreateType { representation, .. } => match representation {
            Some(Representation::Composite { .. }) => {
                SqlError::unsupported_statement("CompositeType")
            }
            Some(Representation::Range { .. }) => SqlError::unsupported_statement("CreateRange"),
            _ => SqlError::unsupported("CREATE TYPE"),
        },
        Statement::CreateView(view) if view.materialized => {
            SqlError::unsupported_statement("CreateTableAs")
        }
        Statement::CreateFunction(function) if function.language.is_some() => {
            let language = function.language.as_ref().map(ToString::to_string);
            let language = language.unwrap_or_default().to_lowercase();
            SqlError::unsupported(format_args!("CREATE FUNCTION with language {language}"))
        }
        Statement::LISTEN { .. } => SqlError::unsupported_statement("Listen"),
        Statement::NOTIFY { .. } => SqlError::unsupported_statement("Notify"),
        Statement::UNLISTEN { .. } => SqlError::unsupported_statement("Unlisten"),
        Statement::Merge(_) => SqlError::unsupported_statement("Merge"),
        Statement::Vacuum(_) => {
            SqlError::new(state::FEATURE_NOT_SUPPORTED, "unsupported VACUUM statement")
        }
        other => {
            // The variant's name is the statement's.
            let debug = format!("{other:?}");
            let name: String = debug
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            SqlError::unsupported_statement(&name)
        }
    }
}
