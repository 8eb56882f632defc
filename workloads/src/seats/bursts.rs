//! Who asks for which seat, from where, and when.

use serde_json::json;
use uuid::Uuid;

use super::SEATS;
use crate::{BadParameters, Burst, Client, Note, Parameters, Request, Row};

/// More clients than this at once are refused: a whole floor is shared out among them.
const CLIENTS_MAX: usize = 240;
/// A floor with more purchases than this is refused.
const PURCHASES_MAX: usize = 1_000_000;

pub(super) fn bursts(parameters: &Parameters) -> Result<Vec<Burst>, BadParameters> {
    let bad = |message: String| Err(BadParameters(message));
    if parameters.regions == 0 {
        return bad("a seat sale needs at least one region".into());
    }
    if let Some((seats, buyers)) = parameters.on_sale {
        if seats == 0 || buyers == 0 {
            return bad(format!(
                "a sale of {seats} seats to {buyers} buyers sells nothing"
            ));
        }
        if seats
            .checked_mul(buyers)
            .is_none_or(|purchases| purchases > PURCHASES_MAX)
        {
            return bad(format!(
                "a sale of {seats} seats to {buyers} buyers each is more than {PURCHASES_MAX} purchases"
            ));
        }
        return Ok(vec![floor(parameters, seats, buyers)]);
    }
    if parameters.bursts.is_empty() {
        return bad("no burst was asked for".into());
    }
    let sent = copies(parameters);
    if let Some(c) = parameters
        .bursts
        .iter()
        .find(|&&c| c == 0 || c > CLIENTS_MAX / sent)
    {
        return bad(format!(
            "a burst has 1 to {} buyers, not {c}",
            CLIENTS_MAX / sent
        ));
    }
    let mut buyers = 0;
    Ok(parameters
        .bursts
        .iter()
        .enumerate()
        .map(|(number, &c)| {
            let seat = parameters.seat.clone().unwrap_or_else(|| seat_name(number));
            // The seat that was sold in the burst before goes back on sale.
            let reset = parameters.seat.is_some() && number > 0;
            let requests = (0..c).map(|_| {
                buyers += 1;
                request(&seat, buyers, sent > 1)
            });
            burst(
                parameters,
                std::slice::from_ref(&seat),
                reset,
                requests.collect(),
                usize::MAX,
            )
        })
        .collect())
}

/// How often each request is sent. What `idempotent` promises is seen only where one comes twice.
fn copies(parameters: &Parameters) -> usize {
    if parameters.send_twice || parameters.app == "idempotent" {
        2
    } else {
        1
    }
}

/// All seats at once, for as many buyers each.
fn floor(parameters: &Parameters, seats: usize, buyers: usize) -> Burst {
    let mut names: Vec<String> = (0..seats).map(seat_name).collect();
    if let Some(focus) = parameters
        .seat
        .as_ref()
        .filter(|focus| !names.contains(focus))
    {
        names[0].clone_from(focus);
    }
    let requests = (0..seats * buyers)
        .map(|n| request(&names[n % seats], n + 1, copies(parameters) > 1))
        .collect();
    burst(parameters, &names, false, requests, CLIENTS_MAX)
}

/// Shares the requests out among at most `clients_max` clients: the buyers of
/// every seat stand half in each region, and where every request is sent twice,
/// the second goes to the next region.
fn burst(
    parameters: &Parameters,
    seats: &[String],
    reset: bool,
    requests: Vec<Request>,
    clients_max: usize,
) -> Burst {
    let (regions, sent) = (parameters.regions, copies(parameters));
    let lanes_max = (clients_max / (regions * sent)).max(1);
    // Seat by seat, so that seats with an odd number of buyers do not all favour one region.
    let stands_in = |n: usize, copy: usize| (n / seats.len() + n % seats.len() + copy) % regions;
    let mut clients = Vec::new();
    for copy in 0..sent {
        for region in 0..regions {
            let numbered = requests.iter().enumerate();
            let here = numbered.filter(|(n, _)| stands_in(*n, copy) == region);
            let here: Vec<&Request> = here.map(|(_, request)| request).collect();
            let lanes = here.len().min(lanes_max);
            clients.extend((0..lanes).map(|lane| {
                Client {
                    region,
                    requests: here
                        .iter()
                        .skip(lane)
                        .step_by(lanes)
                        .copied()
                        .cloned()
                        .collect(),
                }
            }));
        }
    }
    Burst {
        rows: seats.iter().map(|seat| (&SEATS, available(seat))).collect(),
        notes: seats
            .iter()
            .filter(|_| reset)
            .map(|seat| Note {
                f: "reset",
                key: Some(seat.clone()),
                value: json!(null),
            })
            .collect(),
        clients,
        reads_only: false,
    }
}

fn request(seat: &str, buyer: usize, with_id: bool) -> Request {
    let mut value = json!({"buyer": format!("b{buyer}")});
    if with_id {
        value["request"] = json!(Uuid::now_v7().to_string());
    }
    Request {
        f: "acquire",
        key: Some(seat.to_owned()),
        value,
    }
}

fn available(seat: &str) -> Row {
    Row::from([
        ("key".into(), seat.into()),
        ("status".into(), "available".into()),
    ])
}

fn seat_name(number: usize) -> String {
    format!("A{}", number + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parameters() -> Parameters {
        Parameters {
            app: "naive".into(),
            bursts: vec![8, 24],
            ..Parameters::default()
        }
    }

    fn regions(burst: &Burst) -> [usize; 2] {
        [0, 1].map(|r| burst.clients.iter().filter(|c| c.region == r).count())
    }

    #[test]
    fn each_burst_sells_a_fresh_seat_to_buyers_half_in_each_region() {
        let bursts = bursts(&parameters()).unwrap();
        assert_eq!(
            bursts.iter().map(regions).collect::<Vec<_>>(),
            [[4, 4], [12, 12]]
        );
        assert_eq!(bursts[0].clients[0].requests[0].key.as_deref(), Some("A1"));
        assert_eq!(bursts[1].clients[0].requests[0].key.as_deref(), Some("A2"));
        assert_eq!(
            bursts[1].clients[0].requests[0].value["buyer"], "b9",
            "buyers are unique"
        );
        assert!(bursts.iter().all(|b| b.notes.is_empty()));
    }

    #[test]
    fn one_seat_is_reset_between_bursts() {
        let bursts = bursts(&Parameters {
            seat: Some("Z9".into()),
            ..parameters()
        })
        .unwrap();
        assert!(bursts[0].notes.is_empty());
        assert_eq!(bursts[1].notes[0].f, "reset");
        assert_eq!(bursts[1].notes[0].key.as_deref(), Some("Z9"));
    }

    #[test]
    fn a_floor_is_sold_at_once_to_buyers_half_in_each_region_for_every_seat() {
        for (seats, buyers) in [(1, 60), (12, 60), (80, 3), (240, 2), (300, 60)] {
            let on_sale = Some((seats, buyers));
            let bursts = bursts(&Parameters {
                on_sale,
                ..parameters()
            })
            .unwrap();
            assert_eq!(bursts.len(), 1);
            assert!(bursts[0].clients.len() <= CLIENTS_MAX);
            let mut asked = BTreeMap::<&str, [usize; 2]>::new();
            for client in &bursts[0].clients {
                for request in &client.requests {
                    asked.entry(request.key.as_deref().unwrap()).or_default()[client.region] += 1;
                }
            }
            assert_eq!(asked.len(), seats);
            for (seat, [here, there]) in asked {
                assert_eq!(here + there, buyers, "{seat}");
                assert!(here.abs_diff(there) <= 1, "{seat}: {here} and {there}");
            }
        }
    }

    #[test]
    fn a_request_that_is_sent_twice_goes_to_both_regions_under_one_id() {
        let bursts = bursts(&Parameters {
            send_twice: true,
            ..parameters()
        })
        .unwrap();
        let (first, second) = bursts[0].clients.split_at(8);
        for a in first {
            let b = second.iter().find(|b| b.requests == a.requests).unwrap();
            assert_ne!(a.region, b.region);
        }
    }

    #[test]
    fn what_sells_nothing_is_refused() {
        let refused = |p: Parameters| bursts(&p).unwrap_err().to_string();
        assert_eq!(
            refused(Parameters {
                bursts: vec![8, 0],
                ..parameters()
            }),
            "a burst has 1 to 240 buyers, not 0"
        );
        assert_eq!(
            refused(Parameters {
                bursts: vec![],
                ..parameters()
            }),
            "no burst was asked for"
        );
        assert_eq!(
            refused(Parameters {
                on_sale: Some((0, 60)),
                ..parameters()
            }),
            "a sale of 0 seats to 60 buyers sells nothing"
        );
        for on_sale in [(usize::MAX, 1), (1, usize::MAX), (1 << 32, 1 << 32)] {
            let refused = refused(Parameters {
                on_sale: Some(on_sale),
                ..parameters()
            });
            assert!(
                refused.ends_with("more than 1000000 purchases"),
                "{refused}"
            );
        }
        let many = Parameters {
            bursts: vec![1 << 63],
            send_twice: true,
            ..parameters()
        };
        assert_eq!(
            refused(many),
            format!("a burst has 1 to 120 buyers, not {}", 1_u64 << 63)
        );
    }
}
