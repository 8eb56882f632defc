//! Which cycles a random graph has, against going through all of its edges.

use proptest::prelude::*;

use super::*;
use crate::isolation::graph::VERTICES_MAX;

const VERTICES: u32 = 14;

type Edges = Vec<(u32, u32, Kind)>;

fn edges() -> impl Strategy<Value = Edges> {
    let kind = prop::sample::select(vec![Kind::Ww, Kind::Wr, Kind::Wr, Kind::Rw, Kind::Rw]);
    let edge = (0..VERTICES, 0..VERTICES, kind);
    prop::collection::vec(edge, 0..26).prop_map(|mut edges| {
        edges.retain(|(from, to, _)| from != to);
        edges
    })
}

/// Whether one comes from the first vertex to the second by edges of the kinds.
fn leads(edges: &Edges, kinds: Kinds, from: u32, to: u32) -> bool {
    let mut reached = vec![from];
    let mut at = 0;
    while let Some(&vertex) = reached.get(at) {
        at += 1;
        for &(start, end, kind) in edges {
            if start == vertex && kinds.has(kind) && !reached.contains(&end) {
                reached.push(end);
            }
        }
    }
    reached.contains(&to)
}

/// Whether there is a closed walk without two rw in a row: by edges, each behind another.
fn has_nonadjacent(edges: &Edges) -> bool {
    let follows = |a: usize, b: usize| {
        edges[a].1 == edges[b].0 && !(edges[a].2 == Kind::Rw && edges[b].2 == Kind::Rw)
    };
    (0..edges.len()).any(|first| {
        let mut reached: Vec<usize> = Vec::new();
        let mut next = vec![first];
        while let Some(edge) = next.pop() {
            for after in 0..edges.len() {
                if follows(edge, after) && !reached.contains(&after) {
                    reached.push(after);
                    next.push(after);
                }
            }
        }
        reached.contains(&first)
    })
}

/// That there is none shows nothing where edges had no room.
#[test]
fn cycles_are_open_where_edges_are_missing() {
    let mut builder = GraphBuilder::new(2);
    builder.edge(0, 1, Kind::Ww);
    assert!(
        !search(
            &builder.build(),
            &[Order::Free],
            Order::Free,
            &Stop::default()
        )
        .is_cut
    );
    let mut builder = GraphBuilder::new(2);
    builder.edge(0, 1, Kind::Ww);
    builder.edge(1, VERTICES_MAX, Kind::Ww);
    let found = search(
        &builder.build(),
        &[Order::Free],
        Order::Free,
        &Stop::default(),
    );
    assert!(found.is_cut && found.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_decides_a_level_is_found_exactly(edges in edges()) {
        let mut builder = GraphBuilder::new(VERTICES);
        for &(from, to, kind) in &edges {
            builder.edge(from, to, kind);
        }
        let search = search(
            &builder.build(),
            &[Order::Free],
            Order::Free,
            &Stop::default(),
        );
        prop_assert!(search.open.is_empty(), "so small a graph is within the budget");
        let shapes: Vec<Shape> = search
            .found
            .iter()
            .flatten()
            .filter_map(|(found, _)| match found {
                Phenomenon::Cycle(shape, Order::Free) => Some(*shape),
                _ => None,
            })
            .collect();
        let closes = |first: Kind, kinds: Kinds| {
            let mut all = edges.iter();
            all.any(|&(from, to, kind)| kind == first && leads(&edges, kinds, to, from))
        };
        prop_assert_eq!(shapes.contains(&Shape::G0), closes(Kind::Ww, WW), "G0");
        let g1 = closes(Kind::Ww, DEPENDENCIES) || closes(Kind::Wr, DEPENDENCIES);
        let known = |of: &[Shape]| of.iter().any(|shape| shapes.contains(shape));
        prop_assert_eq!(known(&[Shape::G0, Shape::G1c]), g1, "G1");
        prop_assert_eq!(known(&[Shape::GSingle]), closes(Kind::Rw, DEPENDENCIES), "G-single");
        let nonadjacent = [
            Shape::G0, Shape::G1c, Shape::GSingle, Shape::LongFork, Shape::GNonadjacent,
        ];
        prop_assert_eq!(known(&nonadjacent), has_nonadjacent(&edges), "without adjacent rw");
        let all = DEPENDENCIES.with(RW);
        let some = closes(Kind::Ww, all) || closes(Kind::Wr, all) || closes(Kind::Rw, all);
        prop_assert_eq!(!shapes.is_empty(), some, "any");
    }
}
