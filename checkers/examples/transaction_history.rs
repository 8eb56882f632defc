//! Writes a made-up history of transactions to standard output, strict serializable, or with
//! `circle` behind the format all in one circle:
//!
//! ```console
//! $ cargo run --release -p witness-checkers --example transaction_history -- list-append 1000000 edn > h.edn
//! ```

#[path = "../benches/transactions/mod.rs"]
mod transactions;

use std::io::{self, BufWriter};

use transactions::Shape;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage =
        || io::Error::other("list-append|rw-register|mini-transactions NUMBER json|edn [circle]");
    let (data, number, format, circle) = match &arguments[..] {
        [data, number, format] => (data, number, format, false),
        [data, number, format, circle] if circle == "circle" => (data, number, format, true),
        _ => return Err(usage()),
    };
    let number = number.parse().map_err(|_| usage())?;
    let shape = match data.as_str() {
        "list-append" => Shape::lists(number),
        "rw-register" => Shape::registers(number),
        "mini-transactions" => Shape {
            reads_first: true,
            ..Shape::registers(number)
        },
        _ => return Err(usage()),
    };
    transactions::write(
        Shape { circle, ..shape },
        format == "edn",
        &mut BufWriter::new(io::stdout().lock()),
    )
}
