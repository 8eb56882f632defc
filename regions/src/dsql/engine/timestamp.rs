//! Moments: text to microseconds since 2000-01-01 UTC and back. The session's time
//! zone is always UTC here, as it is on Aurora DSQL unless set otherwise.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use super::error::{Result, SqlError, state};

/// Unix seconds of 2000-01-01 00:00 UTC.
const EPOCH_UNIX_SECONDS: i64 = 946_684_800;

/// The present, in microseconds since 2000-01-01 UTC.
pub fn now() -> i64 {
    from_datetime(OffsetDateTime::now_utc())
}

fn from_datetime(at: OffsetDateTime) -> i64 {
    let micros = at.unix_timestamp_nanos() / 1000 - i128::from(EPOCH_UNIX_SECONDS) * 1_000_000;
    // Years are limited to four digits, so the value always fits.
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// `2026-11-23 14:00:00.5+00`. A moment outside the years that the calendar crate
/// knows (a client can bind one) is shown by its distance from the epoch.
pub fn format(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000) + EPOCH_UNIX_SECONDS;
    let fraction = micros.rem_euclid(1_000_000);
    let Ok(at) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return format!("epoch{seconds:+}s");
    };
    let mut text = format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    if fraction != 0 {
        let digits = format!(".{fraction:06}");
        text.push_str(digits.trim_end_matches('0'));
    }
    text + "+00"
}

/// Reads `YYYY-MM-DD[( |T)HH:MM[:SS[.ffffff]]][ ][Z|UTC|(+|-)HH[[:]MM]]`, or `now`.
pub fn parse(text: &str) -> Result<i64> {
    let invalid = || {
        SqlError::new(
            state::INVALID_DATETIME_FORMAT,
            format!("invalid input syntax for type timestamp with time zone: \"{text}\""),
        )
    };
    let out_of_range = || {
        SqlError::new(
            state::DATETIME_FIELD_OVERFLOW,
            format!("date/time field value out of range: \"{text}\""),
        )
    };
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("now") {
        return Ok(now());
    }
    if !trimmed.is_ascii() {
        return Err(invalid());
    }
    let (date, rest) = trimmed.split_at_checked(10).ok_or_else(invalid)?;
    let fields: Vec<&str> = date.split('-').collect();
    let [year, month, day] = fields[..] else {
        return Err(invalid());
    };
    let year: i32 = number(year, 4).ok_or_else(invalid)?;
    let month: u8 = number(month, 2).ok_or_else(invalid)?;
    let day: u8 = number(day, 2).ok_or_else(invalid)?;
    let date = Month::try_from(month)
        .and_then(|month| Date::from_calendar_date(year, month, day))
        .map_err(|_| out_of_range())?;

    let rest = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start();
    let zone_at = rest
        .find(|c: char| matches!(c, '+' | '-') || c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let time = if clock.trim().is_empty() {
        Time::MIDNIGHT
    } else {
        parse_clock(clock.trim())
            .ok_or_else(invalid)?
            .map_err(|()| out_of_range())?
    };
    let offset = parse_zone(zone.trim()).ok_or_else(invalid)?;
    Ok(from_datetime(
        PrimitiveDateTime::new(date, time).assume_offset(offset),
    ))
}

fn number<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn parse_clock(text: &str) -> Option<std::result::Result<Time, ()>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut fields = whole.split(':');
    let hour: u8 = number(fields.next()?, 2)?;
    let minute: u8 = number(fields.next()?, 2)?;
    let second: u8 = fields.next().map_or(Some(0), |field| number(field, 2))?;
    if fields.next().is_some() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let micros: u32 = number::<u32>(&format!("{fraction:0<9}"), 9)? / 1000;
    Some(Time::from_hms_micro(hour, minute, second, micros).map_err(|_| ()))
}

fn parse_zone(text: &str) -> Option<UtcOffset> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(UtcOffset::UTC);
    }
    let (sign, digits) = match text.split_at(1) {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let hours: i8 = number(digits.get(..2)?, 2)?;
    let minutes: i8 = match digits.get(2..)? {
        "" => 0,
        rest => number(rest, 2)?,
    };
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_round_trip() {
        let cases = [
            ("2000-01-01", "2000-01-01 00:00:00+00"),
            ("2026-11-23T14:00:00.5Z", "2026-11-23 14:00:00.5+00"),
            ("2026-11-23 14:00:00+02:30", "2026-11-23 11:30:00+00"),
            ("2026-11-23 14:00 -0100", "2026-11-23 15:00:00+00"),
            (
                "1969-12-31 23:59:59.999999 UTC",
                "1969-12-31 23:59:59.999999+00",
            ),
        ];
        for (input, output) in cases {
            assert_eq!(format(parse(input).unwrap()), output);
        }
        assert!(format(i64::MIN).starts_with("epoch-"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for (input, code) in [
            ("", "22007"),
            ("2026-11", "22007"),
            ("2026-13-01", "22008"),
            ("2026-02-30", "22008"),
            ("2026-02-03 25:00", "22008"),
            ("2026-02-03 2:00", "22007"),
            ("2026-02-03 02:00 Mars", "22007"),
            ("2026-02-03 02:00+1", "22007"),
            ("２０２６-02-03", "22007"),
        ] {
            assert_eq!(parse(input).unwrap_err().code, code, "{input}");
        }
    }
}
