//! Writes a made-up history of transactions to standard output, strict serializable; with
//! `circle` behind the format all in one circle, with `behind` causal and not serializable:
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
    let usage = || {
        let usage = "list-append|rw-register|mini-transactions NUMBER json|edn [circle|behind]";
        io::Error::other(usage)
    };
    let (data, number, format, wrong) = match &arguments[..] {
        [data, number, format] => (data, number, format, ""),
        [data, number, format, wrong] if wrong == "circle" || wrong == "behind" => {
            (data, number, format, wrong.as_str())
        }
        _ => return Err(usage()),
    };
    if wrong == "behind" && data == "list-append" {
        return Err(usage());
    }
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
        Shape {
            circle: wrong == "circle",
            behind: wrong == "behind",
            ..shape
        },
        format == "edn",
        &mut BufWriter::new(io::stdout().lock()),
    )
}
