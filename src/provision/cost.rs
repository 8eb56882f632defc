//! What a run on DynamoDB costs, before it begins: an estimate, at list prices.

use std::fmt;

use witness_workloads::Burst;

/// US dollars for a million write request units, replicated or not: on demand, in
/// us-east-1, as AWS listed it in 2026. Other regions ask up to twice as much.
pub const WRITE_UNITS_MILLION_USD: f64 = 0.625;
/// US dollars for a million read request units, likewise.
pub const READ_UNITS_MILLION_USD: f64 = 0.125;

/// Operations of a request that is no transaction: a read, a write and an append.
const PLAIN_OPERATIONS: u64 = 3;
/// How often an application tries a request, on average. Who fights for one item tries
/// more often.
const TRIES: u64 = 2;
/// How often every table may be read before the regions agree, and once more as evidence.
const SCANS: u64 = 25;

/// How the operations are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Regions that store a write, a witness among them.
    pub members: u64,
    /// Regions whose tables are read.
    pub regions: u64,
    /// Whether writes go in TransactWriteItems, which counts twice.
    pub transactions: bool,
}

/// Request units, and what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Write request units, over all regions.
    pub write_units: u64,
    /// Read request units.
    pub read_units: u64,
}

impl Estimate {
    /// Of these bursts. Rows are below 1 KB.
    pub fn of(bursts: &[Burst], shape: Shape) -> Estimate {
        Estimate::of_part(bursts, bursts, shape)
    }

    /// Of a part's share of the whole run's bursts. What all have written each part reads.
    pub fn of_part(share: &[Burst], whole: &[Burst], shape: Shape) -> Estimate {
        let (rows, operations) = (rows(share), operations(share));
        let factor = if shape.transactions { 2 } else { 1 };
        // What is written is also deleted before the next run.
        let writes = 2 * rows + operations * TRIES * factor + operations;
        let stored = self::rows(whole) + self::operations(whole);
        let scanned = stored.div_ceil(4) * shape.regions * SCANS;
        Estimate {
            write_units: writes * shape.members,
            read_units: operations * TRIES * factor + rows * shape.regions + scanned,
        }
    }

    /// US dollars at list prices.
    pub fn usd(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let millions = |units: u64| units as f64 / 1e6;
        millions(self.write_units) * WRITE_UNITS_MILLION_USD
            + millions(self.read_units) * READ_UNITS_MILLION_USD
    }
}

/// Those that are put down before a burst.
fn rows(bursts: &[Burst]) -> u64 {
    bursts.iter().map(|burst| burst.rows.len() as u64).sum()
}

/// Reads and writes of all requests, each tried once.
fn operations(bursts: &[Burst]) -> u64 {
    let clients = bursts.iter().flat_map(|burst| &burst.clients);
    let requests = clients.flat_map(|client| &client.requests);
    let operations = requests.map(|request| match request.value.as_array() {
        Some(transaction) => transaction.len() as u64,
        None => PLAIN_OPERATIONS,
    });
    operations.sum()
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = (self.usd() * 100.0).ceil() / 100.0;
        write!(
            f,
            "about {} write and {} read request units, ${cents:.2} at the list prices of \
             us-east-1, and more if requests are tried again often",
            self.write_units, self.read_units
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bursts(clients: usize) -> Vec<Burst> {
        let seats = witness_workloads::find("seats").unwrap();
        let parameters = witness_workloads::Parameters {
            bursts: vec![clients],
            ..seats.defaults()
        };
        seats.bursts(&parameters).unwrap()
    }

    const SHAPE: Shape = Shape {
        members: 2,
        regions: 2,
        transactions: false,
    };

    #[test]
    fn an_estimate_grows_with_clients_members_and_transactions() {
        let small = Estimate::of(&bursts(8), SHAPE);
        assert!(
            small.write_units >= 8 * 2 * 2,
            "two writes a buyer, stored twice: {small}"
        );
        let large = Estimate::of(&bursts(80), SHAPE);
        assert!(large.write_units > 9 * small.write_units, "{small} {large}");
        let witnessed = Estimate::of(
            &bursts(8),
            Shape {
                members: 3,
                ..SHAPE
            },
        );
        assert_eq!(witnessed.write_units * 2, small.write_units * 3);
        assert_eq!(witnessed.read_units, small.read_units);
        let transactions = Estimate::of(
            &bursts(8),
            Shape {
                transactions: true,
                ..SHAPE
            },
        );
        assert!(transactions.write_units > small.write_units);
    }

    #[test]
    fn a_part_pays_for_its_share_and_reads_what_all_wrote() {
        let seats = witness_workloads::find("seats").unwrap();
        let parameters = witness_workloads::Parameters {
            bursts: vec![40],
            regions: 2,
            ..seats.defaults()
        };
        let whole = bursts(40);
        let parts = ["1/2", "2/2"].map(|part| {
            let part: witness_workloads::Part = part.parse().unwrap();
            let share = part.bursts(seats, &parameters).unwrap();
            Estimate::of_part(&share, &whole, SHAPE)
        });
        let all = Estimate::of(&whole, SHAPE);
        let sum = |units: fn(&Estimate) -> u64| parts.iter().map(units).sum::<u64>();
        assert_eq!(sum(|part| part.write_units), all.write_units);
        // Half of the operations, tried twice; and all that is stored, in both regions.
        let stored = (1 + 40 * PLAIN_OPERATIONS).div_ceil(4) * 2 * SCANS;
        assert_eq!(parts[1].read_units, 20 * PLAIN_OPERATIONS * TRIES + stored);
        assert_eq!(parts[0].read_units, parts[1].read_units + 2);
        assert!(parts[1].write_units < parts[0].write_units);
    }

    #[test]
    fn dollars_are_those_of_the_list() {
        let million = Estimate {
            write_units: 1_000_000,
            read_units: 1_000_000,
        };
        assert!((million.usd() - 0.75).abs() < 1e-9);
        let shown = million.to_string();
        assert!(shown.contains("units, $0.75 at"), "{shown}");
        let little = Estimate::of(&bursts(8), SHAPE).to_string();
        assert!(little.contains("$0.01"), "never nothing: {little}");
    }
}
