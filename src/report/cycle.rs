//! A cycle of transactions as a picture: for Graphviz, and drawn as SVG without it.

use std::f64::consts::TAU;
use std::fmt::{self, Display, Write};

use witness_checkers::{Cycle, CycleTransaction};

use super::text::wrap;

/// Micro-operations of a transaction that are spelt out in a picture.
const OPERATIONS_MAX: usize = 4;
/// Characters of one of them.
const OPERATION_CHARS_MAX: usize = 30;
/// Transactions that are drawn; of a longer cycle the first.
const TRANSACTIONS_MAX: usize = 24;

/// Units of the drawing.
const BOX_WIDTH: f64 = 210.0;
const LINE_HEIGHT: f64 = 15.0;
const MARGIN: f64 = 30.0;
/// Of a character, at most.
const CHAR_WIDTH: f64 = 7.0;
/// Columns of the words below what Graphviz draws.
const WORDS_COLUMNS: usize = 80;

/// The cycle for Graphviz, with these words below it: `dot -Tsvg`.
pub fn dot(cycle: &Cycle, words: &str) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_dot(&mut out, cycle, words);
    out
}

fn write_dot(out: &mut String, cycle: &Cycle, words: &str) -> fmt::Result {
    writeln!(out, "digraph cycle {{")?;
    let words = wrap(words, WORDS_COLUMNS).join("\n");
    writeln!(out, "  label={};", Quoted(&format!("{words}\n")))?;
    writeln!(out, "  node [shape=box, fontname=\"monospace\"];")?;
    for transaction in &cycle.transactions {
        let lines = lines(transaction);
        writeln!(
            out,
            "  {} [label={}];",
            Quoted(&transaction.name),
            Quoted(&lines.join("\n"))
        )?;
    }
    for edge in &cycle.edges {
        writeln!(
            out,
            "  {} -> {} [label={}, tooltip={}];",
            Quoted(&edge.from),
            Quoted(&edge.to),
            Quoted(&edge.kind),
            Quoted(&edge.because)
        )?;
    }
    writeln!(out, "}}")
}

/// A text as Graphviz takes it.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\l")?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

/// The name and place of a transaction, then what it did.
pub(super) fn lines(transaction: &CycleTransaction) -> Vec<String> {
    let CycleTransaction {
        name,
        process,
        region,
        operations,
    } = transaction;
    let place = region.as_deref().map(|region| format!(" · {region}"));
    let mut lines = vec![format!(
        "{name} · process {process}{}",
        place.unwrap_or_default()
    )];
    for operation in operations.iter().take(OPERATIONS_MAX) {
        let spelt = operation.to_string();
        lines.push(match spelt.char_indices().nth(OPERATION_CHARS_MAX) {
            Some((cut, _)) => format!("{}…", &spelt[..cut]),
            None => spelt,
        });
    }
    if operations.len() > OPERATIONS_MAX {
        lines.push(format!("… {} more", operations.len() - OPERATIONS_MAX));
    }
    lines
}

/// The cycle as a drawing: its transactions in a circle, an arrow for each edge, and these
/// words below it.
pub fn svg(cycle: &Cycle, words: &str) -> String {
    let mut out = String::new();
    let _ = write_svg(&mut out, cycle, words);
    out
}

fn write_svg(out: &mut String, cycle: &Cycle, words: &str) -> fmt::Result {
    let shown = &cycle.transactions[..cycle.transactions.len().min(TRANSACTIONS_MAX)];
    let texts: Vec<Vec<String>> = shown.iter().map(lines).collect();
    let lines_max = texts.iter().map(Vec::len).max().unwrap_or(1);
    let height = lines_max as f64 * LINE_HEIGHT + 14.0;
    // Far enough from each other that boxes do not touch: two stand side by side.
    let count = shown.len().max(2) as f64;
    let (radius_x, radius_y) = match shown.len() {
        0..=2 => (BOX_WIDTH * 0.85, 0.0),
        _ => (
            BOX_WIDTH * count / TAU * 1.3,
            (height + 50.0) * count / TAU * 1.3,
        ),
    };
    let (center_x, center_y) = (
        MARGIN + BOX_WIDTH / 2.0 + radius_x,
        MARGIN + height / 2.0 + radius_y + 30.0,
    );
    let at = |place: usize| {
        // From the left, so that two read from left to right.
        let angle = TAU * place as f64 / count - TAU / 2.0;
        (
            center_x + radius_x * angle.cos(),
            center_y + radius_y * angle.sin(),
        )
    };
    let (width, drawn_height) = (center_x * 2.0, center_y * 2.0);
    let words = wrap(words, ((width - 2.0 * MARGIN) / CHAR_WIDTH) as usize);
    let whole_height = drawn_height + words.len() as f64 * LINE_HEIGHT;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {whole_height:.0}\" \
         role=\"img\" aria-label=\"A cycle of {} transactions\" \
         font-family=\"ui-monospace, monospace\" font-size=\"11\" fill=\"currentColor\">",
        cycle.transactions.len()
    )?;
    writeln!(
        out,
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" orient=\"auto-start-reverse\"><path d=\"M0 0 8 4 0 8z\" \
         fill=\"currentColor\"/></marker></defs>"
    )?;
    for edge in &cycle.edges {
        let place = |name: &str| shown.iter().position(|shown| shown.name == name);
        let (Some(from), Some(to)) = (place(&edge.from), place(&edge.to)) else {
            continue;
        };
        write_arrow(out, at(from), at(to), height, &edge.kind, &edge.because)?;
    }
    for (place, text) in texts.iter().enumerate() {
        let (x, y) = at(place);
        let (left, top) = (x - BOX_WIDTH / 2.0, y - height / 2.0);
        writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{BOX_WIDTH}\" height=\"{height:.1}\" \
             rx=\"6\" fill=\"none\" stroke=\"currentColor\"/>"
        )?;
        for (line, text) in text.iter().enumerate() {
            let weight = if line == 0 {
                " font-weight=\"bold\""
            } else {
                ""
            };
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\"{weight}>{}</text>",
                left + 8.0,
                top + LINE_HEIGHT * (line as f64 + 1.0),
                super::html::Escaped(text)
            )?;
        }
    }
    if shown.len() < cycle.transactions.len() {
        writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{:.1}\">and {} more</text>",
            drawn_height - 8.0,
            cycle.transactions.len() - shown.len()
        )?;
    }
    for (line, text) in words.iter().enumerate() {
        writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{:.1}\">{}</text>",
            drawn_height + LINE_HEIGHT * line as f64,
            super::html::Escaped(text)
        )?;
    }
    writeln!(out, "</svg>")
}

/// An arrow between the edges of two boxes, bent so that one back does not lie on it.
fn write_arrow(
    out: &mut String,
    from: (f64, f64),
    to: (f64, f64),
    height: f64,
    kind: &str,
    because: &str,
) -> fmt::Result {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    // To the left of the way, seen along it.
    let (side_x, side_y) = (dy / length, -dx / length);
    let bend = height / 2.0 + 26.0;
    let control = (
        (from.0 + to.0) / 2.0 + side_x * bend,
        (from.1 + to.1) / 2.0 + side_y * bend,
    );
    let start = border(from, control, height);
    let end = border(to, control, height);
    writeln!(
        out,
        "<path d=\"M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}\" fill=\"none\" stroke=\"currentColor\" \
         marker-end=\"url(#arrow)\"><title>{}</title></path>",
        start.0,
        start.1,
        control.0,
        control.1,
        end.0,
        end.1,
        super::html::Escaped(because)
    )?;
    let label = (
        (start.0 + 2.0 * control.0 + end.0) / 4.0 + side_x * 9.0,
        (start.1 + 2.0 * control.1 + end.1) / 4.0 + side_y * 9.0 + 4.0,
    );
    writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"bold\">{kind}</text>",
        label.0, label.1
    )
}

/// Where the way from the middle of a box to a point leaves the box.
fn border(middle: (f64, f64), to: (f64, f64), height: f64) -> (f64, f64) {
    let (dx, dy) = (to.0 - middle.0, to.1 - middle.1);
    let by_width = (BOX_WIDTH / 2.0) / dx.abs().max(0.001);
    let by_height = (height / 2.0) / dy.abs().max(0.001);
    let scale = by_width.min(by_height).min(1.0);
    (middle.0 + dx * scale, middle.1 + dy * scale)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use witness_checkers::CycleEdge;

    use super::*;

    fn cycle() -> Cycle {
        let transaction = |name: &str, key: &str| CycleTransaction {
            name: name.to_owned(),
            process: 1,
            region: Some("us-east-1".to_owned()),
            operations: vec![json!(["r", key, [1, 2]]), json!(["append", "<y>", 3])],
        };
        let edge = |from: &str, to: &str| CycleEdge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: "rw".to_owned(),
            because: format!("{from} read [] of key \"x\" & did not see {to}'s append"),
        };
        Cycle {
            transactions: vec![transaction("T0", "x"), transaction("T1", "y")],
            edges: vec![edge("T0", "T1"), edge("T1", "T0")],
        }
    }

    #[test]
    fn graphviz_gets_quoted_texts() {
        let dot = dot(&cycle(), "So T0 came before itself: a \"contradiction\"");
        assert!(
            dot.contains(r#""T0" -> "T1" [label="rw", tooltip="T0 read [] of key \"x\" &"#),
            "{dot}"
        );
        assert!(
            dot.contains(r#"label="So T0 came before itself: a \"contradiction\"\l""#),
            "{dot}"
        );
        assert!(dot.contains(r#"\l[\"r\",\"x\",[1,2]]\l"#), "{dot}");
    }

    #[test]
    fn a_drawing_has_a_box_for_each_transaction_and_an_arrow_for_each_edge() {
        let svg = svg(&cycle(), "So T0 came before itself: a contradiction <z>");
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
        assert_eq!(svg.matches("marker-end").count(), 2, "{svg}");
        assert!(svg.contains("&lt;y&gt;") && !svg.contains("<y>"), "{svg}");
        assert!(svg.contains("a contradiction &lt;z&gt;"), "{svg}");
    }
}
