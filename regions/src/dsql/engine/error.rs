//! The errors a client sees: a SQLSTATE, a message word for word as Aurora DSQL or
//! PostgreSQL gives it, and where it helps a detail, a hint and a position. Nothing
//! here decides when an error is due.

use std::borrow::Cow;

/// An SQL error: what goes to the client in an `ErrorResponse`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SqlError {
    /// The five-character SQLSTATE.
    pub code: Cow<'static, str>,
    /// The primary message.
    pub message: String,
    more: Option<Box<More>>,
}

/// What an error may say besides, boxed because most say nothing more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// More about it, in a sentence.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<usize>,
    /// The constraint that was violated.
    pub constraint: Option<String>,
    /// The position as line and column, both from 1, until the text is at hand.
    location: Option<(u64, u64)>,
}

/// What most functions of the engine return.
pub type Result<T> = std::result::Result<T, SqlError>;

/// The SQLSTATEs in use, under PostgreSQL's condition names.
pub mod state {
    #![allow(
        missing_docs,
        reason = "each constant is PostgreSQL's condition name for its code"
    )]
    pub const PROTOCOL_VIOLATION: &str = "08P01";
    pub const FEATURE_NOT_SUPPORTED: &str = "0A000";
    pub const STRING_DATA_RIGHT_TRUNCATION: &str = "22001";
    pub const NUMERIC_VALUE_OUT_OF_RANGE: &str = "22003";
    pub const DATETIME_FIELD_OVERFLOW: &str = "22008";
    pub const DIVISION_BY_ZERO: &str = "22012";
    pub const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
    pub const INVALID_PARAMETER_VALUE: &str = "22023";
    pub const INVALID_ESCAPE_SEQUENCE: &str = "22025";
    pub const INVALID_ROW_COUNT_IN_LIMIT: &str = "2201W";
    pub const INVALID_ROW_COUNT_IN_OFFSET: &str = "2201X";
    pub const INVALID_TEXT_REPRESENTATION: &str = "22P02";
    pub const INVALID_BINARY_REPRESENTATION: &str = "22P03";
    pub const INVALID_DATETIME_FORMAT: &str = "22007";
    pub const NOT_NULL_VIOLATION: &str = "23502";
    pub const UNIQUE_VIOLATION: &str = "23505";
    pub const ACTIVE_TRANSACTION: &str = "25001";
    pub const NO_ACTIVE_TRANSACTION: &str = "25P01";
    pub const READ_ONLY_TRANSACTION: &str = "25006";
    pub const IN_FAILED_TRANSACTION: &str = "25P02";
    pub const INVALID_STATEMENT_NAME: &str = "26000";
    pub const INVALID_AUTHORIZATION: &str = "28000";
    pub const INVALID_CURSOR_NAME: &str = "34000";
    pub const INVALID_CATALOG_NAME: &str = "3D000";
    pub const SERIALIZATION_FAILURE: &str = "40001";
    pub const SYNTAX_ERROR: &str = "42601";
    pub const DUPLICATE_COLUMN: &str = "42701";
    pub const AMBIGUOUS_COLUMN: &str = "42702";
    pub const UNDEFINED_COLUMN: &str = "42703";
    pub const UNDEFINED_OBJECT: &str = "42704";
    pub const GROUPING_ERROR: &str = "42803";
    pub const DATATYPE_MISMATCH: &str = "42804";
    pub const CANNOT_COERCE: &str = "42846";
    pub const UNDEFINED_FUNCTION: &str = "42883";
    pub const UNDEFINED_TABLE: &str = "42P01";
    pub const UNDEFINED_PARAMETER: &str = "42P02";
    pub const DUPLICATE_PREPARED_STATEMENT: &str = "42P05";
    pub const DUPLICATE_TABLE: &str = "42P07";
    pub const INVALID_COLUMN_REFERENCE: &str = "42P10";
    pub const INVALID_TABLE_DEFINITION: &str = "42P16";
    pub const INDETERMINATE_DATATYPE: &str = "42P18";
    pub const TOO_MANY_CONNECTIONS: &str = "53300";
    pub const PROGRAM_LIMIT_EXCEEDED: &str = "54000";
    pub const TOO_MANY_COLUMNS: &str = "54011";
    pub const STATEMENT_TOO_COMPLEX: &str = "54001";
    pub const CARDINALITY_VIOLATION: &str = "21000";
    pub const QUERY_CANCELED: &str = "57014";
    pub const INTERNAL_ERROR: &str = "XX000";
}

impl SqlError {
    /// An error with a code and a message only.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            more: None,
        }
    }

    fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// What the error says besides its message.
    pub fn more(&self) -> More {
        self.more.as_deref().cloned().unwrap_or_default()
    }

    /// The same error in other words.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Adds a detail line.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.more_mut().detail = Some(detail.into());
        self
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.more_mut().hint = Some(hint.into());
        self
    }

    /// Points at a character of the statement, from 1.
    pub fn at(mut self, position: usize) -> Self {
        self.more_mut().position = Some(position);
        self
    }

    /// Points at a line and column, both from 1; [`SqlError::locate`] makes it a position.
    pub fn at_location(mut self, location: sqlparser::tokenizer::Location) -> Self {
        // Made-up nodes have no place.
        if location.line > 0 {
            self.more_mut().location = Some((location.line, location.column));
        }
        self
    }

    /// Settles where in `text` the error is.
    pub fn locate(mut self, text: &str) -> Self {
        if let Some((line, column)) = self.more.as_ref().and_then(|more| more.location) {
            self.more_mut().position = Some(super::sql::position(text, line, column));
        }
        self
    }

    /// Names the violated constraint.
    pub fn constraint(mut self, name: impl Into<String>) -> Self {
        self.more_mut().constraint = Some(name.into());
        self
    }

    /// Something DSQL or this stand-in does not have; `what` is named to the client.
    pub fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(
            state::FEATURE_NOT_SUPPORTED,
            format!("{what} not supported"),
        )
    }

    /// A whole kind of statement that is refused, as DSQL words it.
    pub fn unsupported_statement(kind: &str) -> Self {
        Self::new(
            state::FEATURE_NOT_SUPPORTED,
            format!("unsupported statement: {kind}"),
        )
    }

    /// The loser of a write-write race.
    pub fn conflict() -> Self {
        Self::new(
            state::SERIALIZATION_FAILURE,
            "change conflicts with another transaction (OC000)",
        )
    }

    /// A transaction that began before a schema change.
    pub fn schema_changed() -> Self {
        Self::new(
            state::SERIALIZATION_FAILURE,
            "schema has been updated by another transaction (OC001)",
        )
    }

    /// Any statement but the end of a transaction that has failed.
    pub fn in_failed_transaction() -> Self {
        Self::new(
            state::IN_FAILED_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block",
        )
    }

    /// A table that does not exist.
    pub fn undefined_table(name: &str) -> Self {
        Self::new(
            state::UNDEFINED_TABLE,
            format!("relation \"{name}\" does not exist"),
        )
    }

    /// One of the limits on a transaction.
    pub fn limit(message: &str) -> Self {
        Self::new(state::PROGRAM_LIMIT_EXCEEDED, message)
    }
}
