//! Which cycles a random graph has, against going through all of its edges.

use std::collections::BTreeMap;

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
            &|_| true,
            &|_, _| Vec::new(),
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
        &|_| true,
        &|_, _| Vec::new(),
        &Stop::default(),
    );
    assert!(found.is_cut && found.is_empty());
}

/// A search that was told to stop knows of each kind of edges whether there is a circle; all
/// that it does not is whether one has a single rw.
fn whether_there_are(
    stopped: &Search,
    expected: &BTreeMap<Phenomenon, usize>,
) -> Result<(), TestCaseError> {
    use Shape::{G0, G1c, G2Item, GNonadjacent, GSingle, LongFork};
    let shown: Vec<Phenomenon> = stopped
        .found
        .iter()
        .flatten()
        .map(|&(kind, _)| kind)
        .collect();
    for kind in &shown {
        prop_assert!(expected.contains_key(kind), "there is no {}", kind);
    }
    let all = [G0, G1c, GSingle, LongFork, GNonadjacent, G2Item];
    for order in [Order::Free, Order::Realtime] {
        for kinds in [&all[..1], &all[..2], &all[..5], &all[..]] {
            let is_one = |kind: &Phenomenon| match *kind {
                Phenomenon::Cycle(shape, needs) => kinds.contains(&shape) && needs <= order,
                _ => false,
            };
            let is_there = expected.keys().any(is_one);
            prop_assert_eq!(
                shown.iter().any(is_one),
                is_there,
                "{:?} {:?}",
                order,
                kinds
            );
        }
        let single = Phenomenon::Cycle(GSingle, order);
        let is_told = shown
            .iter()
            .any(|&kind| kind == single || shows_more(kind, single));
        let is_there = expected.contains_key(&single);
        prop_assert!(!is_there || is_told || stopped.open.contains(&single));
    }
    Ok(())
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
            &|_| true,
            &|_, _| Vec::new(),
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

/// A way through a helper is one step, however it was reached before.
#[test]
fn what_is_short_by_way_of_helpers_is_found() {
    let mut builder = GraphBuilder::new(4);
    let [helper, next] = [builder.helper(), builder.helper()];
    builder.edge(0, 1, Kind::Rw);
    builder.edge(1, 2, Kind::Wr);
    builder.edge(2, 3, Kind::Wr);
    builder.edge(3, 0, Kind::Wr);
    builder.edge(1, helper, Kind::Realtime);
    builder.edge(helper, next, Kind::Through);
    builder.edge(next, 3, Kind::Through);
    let (graph, stop) = (builder.build(), Stop::default());
    let first = Step {
        from: 0,
        to: 1,
        kind: Kind::Rw,
    };
    let kinds = DEPENDENCIES.with(RW).with(kinds_of(Order::Realtime));
    let cycle = |steps_max| {
        Paths::new(&graph, &stop)
            .cycle(first, Automaton::any(kinds), steps_max, &mut 0)
            .map(|cycle| cycle.len())
    };
    assert_eq!(cycle(u32::MAX), Some(3));
    assert_eq!(cycle(3), Some(3));
    assert_eq!(cycle(2), None);
}

/// The shortest simple cycle of each kind, of all that there are.
fn shortest_of_all(edges: &[(u32, u32, Kind)]) -> BTreeMap<Phenomenon, usize> {
    fn extend(
        edges: &[(u32, u32, Kind)],
        path: &mut Vec<Step>,
        shortest: &mut BTreeMap<Phenomenon, usize>,
    ) {
        let (root, at) = (path[0].from, path[path.len() - 1].to);
        if at == root {
            let length = shortest
                .entry(classify(path, Order::Free))
                .or_insert(usize::MAX);
            *length = path.len().min(*length);
            return;
        }
        for &(from, to, kind) in edges.iter().filter(|edge| edge.0 == at) {
            if to >= root && path.iter().skip(1).all(|step| step.from != to) {
                path.push(Step { from, to, kind });
                extend(edges, path, shortest);
                path.pop();
            }
        }
    }
    let mut shortest = BTreeMap::new();
    for &(from, to, kind) in edges.iter().filter(|edge| edge.0 < edge.1) {
        extend(edges, &mut vec![Step { from, to, kind }], &mut shortest);
    }
    shortest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Edges side by side, by way of helpers, and implied.
    #[test]
    fn each_kind_is_shown_by_a_smallest_cycle(
        direct in prop::collection::vec((0..7_u32, 0..7_u32, 0..3_u8), 0..16),
        by_time in prop::collection::vec((0..7_u32, 0..3_usize, any::<bool>()), 0..6),
    ) {
        // Nobody is before itself.
        let is_circle = |from: &(u32, usize, bool)| {
            let mut all = by_time.iter();
            from.2 && all.any(|to| !to.2 && to.0 == from.0 && to.1 >= from.1)
        };
        let by_time: Vec<_> = by_time.iter().copied().filter(|from| !is_circle(from)).collect();
        let mut builder = GraphBuilder::new(7);
        let helpers: Vec<u32> = (0..3).map(|_| builder.helper()).collect();
        for pair in helpers.windows(2) {
            builder.edge(pair[0], pair[1], Kind::Through);
        }
        let kinds = [Kind::Ww, Kind::Wr, Kind::Rw];
        let mut edges: Edges = direct
            .iter()
            .map(|&(from, to, kind)| (from, to, kinds[kind as usize]))
            .filter(|(from, to, _)| from != to)
            .collect();
        for &(from, to, kind) in &edges {
            builder.edge(from, to, kind);
        }
        // A ww behind another may be implied.
        let of_ww: Edges = edges.iter().copied().filter(|edge| edge.2 == Kind::Ww).collect();
        let next = |&(from, to, _): &(u32, u32, Kind)| {
            let behind = of_ww.iter().filter(move |edge| edge.0 == to && edge.1 != from);
            behind.map(move |&(_, to, _)| (from, to, Kind::Ww)).collect::<Vec<_>>()
        };
        let more: Edges = of_ww.iter().flat_map(next).collect();
        for &(at, helper, is_before) in &by_time {
            match is_before {
                true => builder.edge(at, helpers[helper], Kind::Realtime),
                false => builder.edge(helpers[helper], at, Kind::Through),
            }
        }
        for &(from, entry, _) in by_time.iter().filter(|time| time.2) {
            let later = by_time.iter().filter(|time| !time.2 && time.1 >= entry && time.0 != from);
            edges.extend(later.map(|&(to, ..)| (from, to, Kind::Realtime)));
        }
        edges.extend(more.iter().copied());
        let implied = |among: &[u32], _| {
            let is_among = |&&(from, to, _): &&(u32, u32, Kind)| {
                among.contains(&from) && among.contains(&to)
            };
            let step = |&(from, to, kind): &(u32, u32, Kind)| Step { from, to, kind };
            more.iter().filter(is_among).map(step).collect()
        };
        let orders = [Order::Free, Order::Realtime];
        let graph = builder.build();
        let all = |stop: &Stop| search(&graph, &orders, Order::Free, &|_| true, &implied, stop);
        let found = all(&Stop::default());
        let expected = shortest_of_all(&edges);
        let stopped = all(&Stop::when(|| true));
        whether_there_are(&stopped, &expected)?;
        let mut shown: BTreeMap<Phenomenon, usize> = BTreeMap::new();
        for (kind, cycle) in found.found.iter().flatten() {
            for (step, next) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
                prop_assert_eq!(step.to, next.from);
                prop_assert!(edges.contains(&(step.from, step.to, step.kind)), "{:?}", step);
            }
            prop_assert_eq!(classify(cycle, Order::Free), *kind);
            let length = shown.entry(*kind).or_insert(usize::MAX);
            *length = cycle.len().min(*length);
        }
        for (kind, length) in shown {
            // Where one needs no order, none of that shape that does is looked for.
            if !expected.keys().any(|&other| shows_more(other, kind)) {
                prop_assert_eq!(length, expected[&kind], "{}", kind);
            }
        }
    }
}
