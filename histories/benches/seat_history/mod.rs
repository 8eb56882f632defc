//! A large history of a seat sale, made up deterministically from a seed, for
//! benchmarks here and in other crates.
//!
//! Sixty buyers in two regions fight for each seat, all at once. One is sold the
//! seat, the others are refused; one seat in 200 is sold twice, the answer to
//! one purchase in 1,000 is lost. At the end both regions are read whole. About
//! 121 events a seat and 170 bytes an event.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::value::RawValue;
use witness_histories::{Error, Event, Key, Kind, Process, jsonl};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];
const BUYERS: usize = 60;
const ROWS_PER_EVENT: usize = 500;

/// How many seats make a history of about that many events.
pub fn seats_for(events: u64) -> u32 {
    u32::try_from(events / (2 * BUYERS as u64 + 1))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Writes a history of that many seats as JSON Lines; returns its events.
pub fn write(seats: u32, seed: u64, mut out: impl Write) -> io::Result<u64> {
    let mut line = Vec::new();
    let events = generate(seats, seed, |event| {
        line.clear();
        jsonl::write(event, &mut line);
        out.write_all(&line)
    })?;
    out.flush()?;
    Ok(events)
}

/// Hands a history of that many seats, event by event, to `each`; returns its
/// events.
pub fn generate(
    seats: u32,
    seed: u64,
    each: impl FnMut(&Event<'_>) -> io::Result<()>,
) -> io::Result<u64> {
    let mut sale = SeatSale {
        random: seed,
        index: 0,
        time: 0,
        processes: std::array::from_fn(|buyer| buyer as u64),
        next_process: BUYERS as u64,
        ledger: Vec::new(),
        owners: Vec::new(),
        each,
    };
    let setup = format!(
        r#"{{"phase":"setup","regions":["{}","{}"]}}"#,
        REGIONS[0], REGIONS[1]
    );
    sale.note("phase", None, None, setup)?;
    for seat in 0..seats {
        sale.sell(seat)?;
    }
    for region in REGIONS {
        sale.evidence(region)?;
    }
    sale.note("phase", None, None, r#"{"phase":"end"}"#.to_owned())?;
    Ok(sale.index)
}

struct SeatSale<F> {
    random: u64,
    index: u64,
    time: i64,
    processes: [u64; BUYERS],
    next_process: u64,
    /// Rows as JSON.
    ledger: Vec<String>,
    owners: Vec<String>,
    each: F,
}

impl<F: FnMut(&Event<'_>) -> io::Result<()>> SeatSale<F> {
    fn sell(&mut self, seat: u32) -> io::Result<()> {
        let key = format!("S{seat}");
        let buyer = |slot: usize| format!("b{}", seat as usize * BUYERS + slot);
        let mut order: [usize; BUYERS] = std::array::from_fn(|slot| slot);
        self.shuffle(&mut order);
        for slot in order {
            let value = format!(r#"{{"buyer":"{}"}}"#, buyer(slot));
            self.client(slot, Kind::Invoke, &key, value, None, None)?;
        }
        self.shuffle(&mut order);
        let winners = if self.below(200) == 0 { 2 } else { 1 };
        let mut confirmed = 0;
        for (rank, slot) in order.into_iter().enumerate() {
            let buyer = buyer(slot);
            let asked = format!(r#"{{"buyer":"{buyer}"}}"#);
            let lost = self.below(1000) == 0;
            let attempts = 1 + self.below(3) as u32;
            if rank < winners {
                let sale_id = self.ulid();
                self.ledger.push(format!(
                    r#"{{"sale_id":"{sale_id}","key":"{key}","buyer":"{buyer}"}}"#
                ));
                self.owners.truncate(seat as usize);
                self.owners.push(format!(
                    r#"{{"key":"{key}","status":"sold","owner":"{buyer}"}}"#
                ));
                if !lost {
                    confirmed += 1;
                    let sold = format!(r#"{{"buyer":"{buyer}","sale_id":"{sale_id}"}}"#);
                    self.client(slot, Kind::Ok, &key, sold, None, Some(attempts))?;
                    continue;
                }
            }
            if lost {
                let error = Error::new("timeout", "no answer within 5 s");
                self.client(slot, Kind::Info, &key, asked, Some(error), Some(attempts))?;
                self.processes[slot] = self.next_process;
                self.next_process += 1;
            } else {
                let error = Error::new("rejected", "sold");
                self.client(slot, Kind::Fail, &key, asked, Some(error), Some(attempts))?;
            }
        }
        let oversold = i32::max(confirmed - 1, 0);
        let counts = format!(r#"{{"confirmed":{confirmed},"oversold":{oversold}}}"#);
        self.note("scoreboard", None, Some(&key), counts)
    }

    fn evidence(&mut self, region: &str) -> io::Result<()> {
        for (table, rows) in [
            ("ledger", std::mem::take(&mut self.ledger)),
            ("seats", std::mem::take(&mut self.owners)),
        ] {
            let chunks = rows.chunks(ROWS_PER_EVENT).len();
            for (chunk, part) in rows.chunks(ROWS_PER_EVENT).enumerate() {
                let (part, last) = (part.join(","), chunk + 1 == chunks);
                let value = format!(r#"{{"table":"{table}","rows":[{part}],"last":{last}}}"#);
                self.note("evidence", Some(region), None, value)?;
            }
            *if table == "ledger" {
                &mut self.ledger
            } else {
                &mut self.owners
            } = rows;
        }
        Ok(())
    }

    fn client(
        &mut self,
        slot: usize,
        kind: Kind,
        key: &str,
        value: String,
        error: Option<Error<'_>>,
        attempts: Option<u32>,
    ) -> io::Result<()> {
        let region = Some(REGIONS[slot % REGIONS.len()].into());
        let process = Process::Client(self.processes[slot]);
        self.event(
            kind,
            process,
            region,
            "acquire",
            Some(key),
            value,
            error,
            attempts,
        )
    }

    fn note(
        &mut self,
        f: &str,
        region: Option<&str>,
        key: Option<&str>,
        value: String,
    ) -> io::Result<()> {
        let region = region.map(Cow::Borrowed);
        self.event(
            Kind::Ok,
            Process::Witness,
            region,
            f,
            key,
            value,
            None,
            None,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "an event has that many fields")]
    fn event(
        &mut self,
        kind: Kind,
        process: Process,
        region: Option<Cow<'_, str>>,
        f: &str,
        key: Option<&str>,
        value: String,
        error: Option<Error<'_>>,
        attempts: Option<u32>,
    ) -> io::Result<()> {
        self.time += 1 + self.below(9_000) as i64;
        (self.each)(&Event {
            index: self.index,
            time: self.time,
            kind,
            process,
            region,
            f: f.into(),
            key: key.map(Key::from),
            value: Some(Cow::Owned(RawValue::from_string(value)?)),
            error,
            attempts,
            stamp: None,
            extra: Vec::new(),
        })?;
        self.index += 1;
        Ok(())
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// 26 characters of Crockford's base 32, as a ULID is spelt.
    fn ulid(&mut self) -> String {
        let bits = u128::from(self.next()) << 60 | u128::from(self.next());
        let digit = |at: u32| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(bits >> (5 * at) & 31) as usize];
        (0..26).rev().map(|at| char::from(digit(at))).collect()
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }
}
