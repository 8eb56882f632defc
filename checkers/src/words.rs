//! Words for what was found: numbers, plurals and lists that stay short. It knows
//! no checker.

/// Short items of a list that are spelt out before "and 7 more".
pub(crate) const LISTED_MAX: usize = 8;

/// Long ones.
const LONG_LISTED_MAX: usize = 3;

/// `1 seat`, `2 seats`.
pub(crate) fn count(number: u64, singular: &str) -> String {
    match number {
        1 => format!("1 {singular}"),
        _ => format!("{number} {singular}s"),
    }
}

/// `412 ms`; short times with what is below a millisecond.
pub(crate) fn milliseconds(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..10_000_000 => format!("{} ms", (ns / 1_000) as f64 / 1_000.0),
        _ => format!("{} ms", ns / 1_000_000),
    }
}

/// `a, b and 7 more`; of `total` items the first eight.
pub(crate) fn list<T: AsRef<str>>(items: impl Iterator<Item = T>, total: usize) -> String {
    listed("and", items, total, LISTED_MAX)
}

/// The same with another word than "and" before the last.
pub(crate) fn list_with<T: AsRef<str>>(
    last_word: &str,
    items: impl Iterator<Item = T>,
    total: usize,
) -> String {
    listed(last_word, items, total, LISTED_MAX)
}

/// The same for items that take half a line each: the first three.
pub(crate) fn long_list<T: AsRef<str>>(items: impl Iterator<Item = T>, total: usize) -> String {
    listed("and", items, total, LONG_LISTED_MAX)
}

fn listed<T: AsRef<str>>(
    last_word: &str,
    items: impl Iterator<Item = T>,
    total: usize,
    max: usize,
) -> String {
    let mut text = String::new();
    for (at, item) in items.take(max).enumerate() {
        if at > 0 {
            let last = at + 1 == total;
            match last {
                true => text.push_str(&format!(" {last_word} ")),
                false => text.push_str(", "),
            }
        }
        text.push_str(item.as_ref());
    }
    if total > max {
        text.push_str(&format!(" {last_word} {} more", total - max));
    }
    text
}

/// `..., g, h`: the last eight, of items in the order in which they came.
pub(crate) fn last<T>(items: &[T], mut word: impl FnMut(&T) -> String) -> String {
    let from = items.len().saturating_sub(LISTED_MAX);
    let last: Vec<String> = items[from..].iter().map(&mut word).collect();
    let before = if from > 0 { "..., " } else { "" };
    format!("{before}{}", last.join(", "))
}

/// ` 4 operations are enough to show it, of 60.`; nothing if it takes all.
pub(crate) fn enough(few: usize, all: usize) -> String {
    match few {
        _ if few >= all => String::new(),
        1 => format!(" This operation alone is enough to show it, of {all}."),
        _ => format!(" {few} operations are enough to show it, of {all}."),
    }
}

/// With a capital letter.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stay_short() {
        let letters = |n: usize| {
            list(
                ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][..n].iter(),
                n,
            )
        };
        assert_eq!(letters(0), "");
        assert_eq!(letters(1), "a");
        assert_eq!(letters(3), "a, b and c");
        assert_eq!(letters(8), "a, b, c, d, e, f, g and h");
        assert_eq!(letters(10), "a, b, c, d, e, f, g, h and 2 more");
        assert_eq!(
            long_list(["a", "b", "c", "d"].iter(), 4),
            "a, b, c and 1 more"
        );
    }

    #[test]
    fn times_are_in_milliseconds() {
        assert_eq!(milliseconds(412_900_000), "412 ms");
        assert_eq!(milliseconds(1_500_000), "1.5 ms");
        assert_eq!(milliseconds(7_000), "0.007 ms");
        assert_eq!(milliseconds(3), "3 ns");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "seat"), "1 seat");
        assert_eq!(count(0, "seat"), "0 seats");
    }

    #[test]
    fn of_a_long_order_the_end_is_told() {
        let last_of = |count: usize| last(&["a", "b"].repeat(count), |it| it.to_string());
        assert_eq!(last_of(0), "");
        assert_eq!(last_of(4), "a, b, a, b, a, b, a, b");
        assert_eq!(last_of(5), "..., a, b, a, b, a, b, a, b");
        assert_eq!(enough(3, 3), "");
        assert_eq!(enough(2, 3), " 2 operations are enough to show it, of 3.");
        assert_eq!(
            enough(1, 3),
            " This operation alone is enough to show it, of 3."
        );
    }
}
