//! Every order of the appends that no list shows, where there are few. It judges none of them.

use super::{Chain, UnseenOrders};

/// Orders that are gone through, and transactions in all of them together.
const ORDERS_MAX: usize = 10_000;
const TRANSACTIONS_MAX: usize = 2_000_000;

/// Every order of what no list shows, of all keys of which there are several; none if there
/// are too many. What one transaction appended to a key stands together in all of them.
pub(super) fn orders(chains: &[Chain], transactions: usize) -> Option<Vec<UnseenOrders>> {
    let orders_max = ORDERS_MAX.min(TRANSACTIONS_MAX / transactions.max(1));
    let mut all = vec![UnseenOrders::default()];
    for (key, chain) in (0..).zip(chains) {
        if chain.unseen.len() < 2 {
            continue;
        }
        let permuted = permutations(&chain.unseen, orders_max)?;
        if permuted.len() * all.len() > orders_max {
            return None;
        }
        let with = |orders: &UnseenOrders, unseen: &Vec<u32>| {
            let mut orders = orders.clone();
            orders.insert(key, unseen.clone());
            orders
        };
        let before = std::mem::take(&mut all);
        for orders in &before {
            all.extend(permuted.iter().map(|unseen| with(orders, unseen)));
        }
    }
    Some(all)
}

/// All orders of the items; none if there are more than that.
fn permutations(items: &[u32], max: usize) -> Option<Vec<Vec<u32>>> {
    let mut all = vec![Vec::new()];
    for &item in items {
        let before = std::mem::take(&mut all);
        for shorter in before {
            for at in 0..=shorter.len() {
                let mut longer = shorter.clone();
                longer.insert(at, item);
                all.push(longer);
                if all.len() > max {
                    return None;
                }
            }
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_is_there_once() {
        let mut all = permutations(&[1, 2, 3, 4], 24).unwrap();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 24);
        assert_eq!(permutations(&[1, 2, 3, 4], 23), None);
        assert_eq!(permutations(&[], 1), Some(vec![vec![]]));
    }
}
