//! Session settings: the few that drivers and psql ask for or set. None changes what
//! a statement does; one that would is refused.

use super::error::{Result, SqlError, state};

struct Setting {
    name: &'static str,
    shown: &'static str,
    default: &'static str,
    settable: bool,
}

const fn setting(name: &'static str, default: &'static str, settable: bool) -> Setting {
    Setting {
        name,
        shown: name,
        default,
        settable,
    }
}

const SETTINGS: &[Setting] = &[
    setting("application_name", "", true),
    setting("client_encoding", "UTF8", true),
    setting("client_min_messages", "notice", true),
    Setting {
        name: "datestyle",
        shown: "DateStyle",
        default: "ISO, MDY",
        settable: true,
    },
    setting("default_transaction_isolation", "repeatable read", false),
    setting("default_transaction_read_only", "off", false),
    setting("extra_float_digits", "1", true),
    setting("idle_in_transaction_session_timeout", "0", true),
    setting("in_hot_standby", "off", false),
    setting("integer_datetimes", "on", false),
    Setting {
        name: "intervalstyle",
        shown: "IntervalStyle",
        default: "postgres",
        settable: true,
    },
    setting("is_superuser", "off", false),
    setting("lock_timeout", "0", true),
    setting("max_identifier_length", "63", false),
    setting("search_path", "\"$user\", public", true),
    setting("server_encoding", "UTF8", false),
    setting("server_version", "16.15", false),
    setting("server_version_num", "160015", false),
    setting("standard_conforming_strings", "on", true),
    setting("statement_timeout", "0", true),
    Setting {
        name: "timezone",
        shown: "TimeZone",
        default: "UTC",
        settable: true,
    },
    setting("transaction_isolation", "repeatable read", false),
    setting("transaction_read_only", "off", false),
];

/// The settings that every client is told of when it connects.
pub const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "datestyle",
    "in_hot_standby",
    "integer_datetimes",
    "intervalstyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "standard_conforming_strings",
    "timezone",
];

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// What a setting is unless it was set.
pub fn default(name: &str) -> Option<&'static str> {
    find(name).map(|setting| setting.default)
}

/// The name as shown to clients.
pub fn display_name(name: &str) -> &str {
    find(name).map_or(name, |setting| setting.shown)
}

/// Whether a session may set it.
pub fn can_set(name: &str) -> bool {
    find(name).is_some_and(|setting| setting.settable)
}

/// The complaint about a setting that does not exist.
pub fn unknown(name: &str) -> SqlError {
    SqlError::new(
        state::UNDEFINED_OBJECT,
        format!("unrecognized configuration parameter \"{name}\""),
    )
}

/// The refusal to set one.
pub fn refused(name: &str) -> SqlError {
    SqlError::new(
        state::FEATURE_NOT_SUPPORTED,
        format!("setting configuration parameter \"{name}\" not supported"),
    )
}

/// Refuses a value that would change what the session does. Nothing is honoured
/// silently: encodings, time zones and styles other than those in force are refused.
pub fn check(name: &str, value: Option<&str>) -> Result<()> {
    let Some(value) = value else {
        return Ok(());
    };
    let plain: String = value
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect::<String>()
        .to_ascii_lowercase();
    let allowed: &[&str] = match name {
        "client_encoding" => &["utf8", "unicode"],
        "timezone" => &["utc", "gmt", "etcutc", "0", "z"],
        "datestyle" => &["iso", "isomdy", "isodmy", "isoymd"],
        "intervalstyle" => &["postgres"],
        "standard_conforming_strings" => &["on", "true", "1", "yes"],
        "search_path" => &["public", "userpublic", "publicuser"],
        _ => return Ok(()),
    };
    if allowed.contains(&plain.as_str()) {
        Ok(())
    } else {
        Err(SqlError::new(
            state::FEATURE_NOT_SUPPORTED,
            format!("setting \"{name}\" to \"{value}\" not supported"),
        ))
    }
}
