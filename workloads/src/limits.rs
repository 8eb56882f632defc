//! What a run may be asked to be: how many clients, requests, keys. It says no in
//! words that a user understands, before anything runs.

use crate::{BadParameters, Parameters};

/// Requests of one run, each micro-operation of a transaction counted as one.
const REQUESTS_MAX: usize = 10_000_000;
/// Clients at once.
const CLIENTS_MAX: usize = 240;
/// Keys that transactions share at a time: each is a row that has to be put down.
const KEYS_MAX: usize = 10_000;
/// Micro-operations of a transaction.
const OPS_MAX: usize = 100;

/// Whether clients that share `keys` and make `requests` each can be had.
pub(crate) fn check(parameters: &Parameters) -> Result<(), BadParameters> {
    check_each(parameters, 1)
}

/// The same of clients whose requests are transactions.
pub(crate) fn check_transactions(parameters: &Parameters) -> Result<(), BadParameters> {
    let (min, max) = (*parameters.ops.start(), *parameters.ops.end());
    if min == 0 || min > max || max > OPS_MAX {
        return Err(BadParameters(format!(
            "a transaction has 1 to {OPS_MAX} operations, not {min} to {max}"
        )));
    }
    if parameters.writes_per_key == 0 {
        return Err(BadParameters("a key takes one write at least".into()));
    }
    if parameters.keys > KEYS_MAX {
        return Err(BadParameters(format!(
            "transactions share at most {KEYS_MAX} keys, not {}",
            parameters.keys
        )));
    }
    check_each(parameters, max)
}

fn check_each(parameters: &Parameters, ops: usize) -> Result<(), BadParameters> {
    let bad = |message: String| Err(BadParameters(message));
    let Parameters {
        keys,
        requests,
        regions,
        ..
    } = *parameters;
    let clients = parameters.bursts.iter();
    let clients = clients.fold(0_usize, |sum, &c| sum.saturating_add(c));
    if keys == 0 || requests == 0 || regions == 0 || clients == 0 {
        return bad("a client, a key, a request and a region are needed at least".into());
    }
    if let Some(c) = parameters.bursts.iter().find(|&&c| c > CLIENTS_MAX) {
        return bad(format!(
            "a burst has at most {CLIENTS_MAX} clients, not {c}"
        ));
    }
    if clients.saturating_mul(requests).saturating_mul(ops) > REQUESTS_MAX {
        return bad(format!("more than {REQUESTS_MAX} requests"));
    }
    Ok(())
}
