//! Writes a large seat sale to standard output:
//! `cargo run --release -p witness-histories --example seat_history -- [EVENTS [SEED]]`.

#[path = "../benches/seat_history/mod.rs"]
mod seat_history;

use std::io::{self, BufWriter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let events = numbers.next().transpose()?.unwrap_or(10_000_000);
    let seed = numbers.next().transpose()?.unwrap_or(1);
    let out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let written = seat_history::write(seat_history::seats_for(events), seed, out)?;
    eprintln!("{written} events");
    Ok(())
}
