//! A direct serialization graph (Adya 1999): transactions, and why one comes before
//! another. It knows edges and paths, and no isolation level.
//!
//! Vertices from 0 to [`Graph::transactions`] are transactions. Those behind them are
//! helpers, so that orders between all of one kind and all of another take as many
//! edges as there are transactions, not their square: an edge into a helper is of the
//! kind that it stands for, and the edges on are [`Kind::Through`].

/// Why one transaction comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// It installed a version, and the other a later one of the same key.
    Ww = 0,
    /// The other read what it installed.
    Wr = 1,
    /// It read a version, and the other installed a later one of the same key.
    Rw = 2,
    /// The same process executed it before the other.
    Process = 3,
    /// It completed before the other was invoked.
    Realtime = 4,
    /// On from a helper: the rest of the edge into it.
    Through = 5,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Ww => "ww",
            Kind::Wr => "wr",
            Kind::Rw => "rw",
            Kind::Process => "process",
            Kind::Realtime => "realtime",
            Kind::Through => "through",
        }
    }
}

/// A set of [`Kind`]s, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const fn of(kinds: &[Kind]) -> Kinds {
        // Who came through a helper got there by an edge that was looked at.
        let mut bits = 1 << Kind::Through as u8;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u8;
            at += 1;
        }
        Kinds(bits)
    }

    pub(crate) const fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub(crate) const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

/// An edge: `to` comes after where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Edge {
    pub(crate) to: u32,
    pub(crate) kind: Kind,
}

/// An edge with where it starts, of paths and cycles between transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) kind: Kind,
}

/// Bits of an edge's target beside its kind.
const TARGET_BITS: u32 = 29;
const TARGET: u32 = (1 << TARGET_BITS) - 1;

/// As many vertices as a graph may have: each has a number of that many bits, and one number
/// is left over for what is none.
pub(crate) const VERTICES_MAX: u32 = TARGET;
/// As many edges as a graph may have.
const EDGES_MAX: usize = u32::MAX as usize;

/// Vertices that a graph has at most for each transaction and each micro-operation: of lists
/// a transaction has one and one for real time, and an append that no read shows four, on the
/// way to it by two kinds of edges. Registers take fewer, but for those for which there must
/// [be room](GraphBuilder::has_room_for).
const VERTICES_EACH: u64 = 4;

/// Whether the graphs of so many may have too many vertices.
pub(crate) fn are_too_many(transactions: u64, operations: u64) -> bool {
    VERTICES_EACH * (transactions + operations) > u64::from(VERTICES_MAX)
}

/// A graph in compressed adjacency: 4 bytes an edge, 4 a vertex.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    transactions: u32,
    starts: Vec<u32>,
    edges: Vec<u32>,
    is_cut: bool,
}

impl Graph {
    /// How many vertices are transactions.
    pub(crate) fn transactions(&self) -> u32 {
        self.transactions
    }

    /// How many vertices there are, helpers included.
    pub(crate) fn vertices(&self) -> u32 {
        self.starts.len().saturating_sub(1) as u32
    }

    /// Whether edges or vertices are missing, since they were too many. A cycle is one all
    /// the same; that there is none shows nothing.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn is_helper(&self, vertex: u32) -> bool {
        vertex >= self.transactions
    }

    /// Where the vertex's edges are, for [`Graph::edge`].
    #[inline]
    pub(crate) fn range(&self, vertex: u32) -> std::ops::Range<u32> {
        self.starts[vertex as usize]..self.starts[vertex as usize + 1]
    }

    #[inline]
    pub(crate) fn edge(&self, at: u32) -> Edge {
        let packed = self.edges[at as usize];
        let kind = match packed >> TARGET_BITS {
            0 => Kind::Ww,
            1 => Kind::Wr,
            2 => Kind::Rw,
            3 => Kind::Process,
            4 => Kind::Realtime,
            _ => Kind::Through,
        };
        Edge {
            to: packed & TARGET,
            kind,
        }
    }

    #[inline]
    pub(crate) fn edges(&self, vertex: u32) -> impl ExactSizeIterator<Item = Edge> + '_ {
        self.range(vertex).map(|at| self.edge(at))
    }
}

/// Collects edges, in any order.
#[derive(Debug, Default)]
pub(crate) struct GraphBuilder {
    transactions: u32,
    vertices: u32,
    edges: Vec<(u32, u32)>,
    is_cut: bool,
}

impl GraphBuilder {
    /// Of that many transactions, and as yet no helper and no edge.
    pub(crate) fn new(transactions: u32) -> Self {
        GraphBuilder {
            transactions,
            vertices: transactions,
            edges: Vec::new(),
            is_cut: transactions > VERTICES_MAX,
        }
    }

    /// Whether there is room for so many helpers more.
    pub(crate) fn has_room_for(&self, helpers: usize) -> bool {
        helpers <= VERTICES_MAX.saturating_sub(self.vertices) as usize
    }

    /// A new helper; edges from and to it are left out if it is one too many.
    pub(crate) fn helper(&mut self) -> u32 {
        if !self.has_room_for(1) {
            self.is_cut = true;
            return VERTICES_MAX;
        }
        self.vertices += 1;
        self.vertices - 1
    }

    /// Adds an edge; one from a vertex to itself says nothing, and is left out. So is one too
    /// many, and the graph [is cut](Graph::is_cut).
    #[inline]
    pub(crate) fn edge(&mut self, from: u32, to: u32, kind: Kind) {
        if from == to {
            return;
        }
        if from.max(to) >= VERTICES_MAX || self.edges.len() == EDGES_MAX {
            self.is_cut = true;
            return;
        }
        self.edges.push((from, to | (kind as u32) << TARGET_BITS));
    }

    /// Whether every edge leads from a transaction to one with a later place.
    pub(crate) fn agrees_with(&self, places: &[u32]) -> bool {
        let place = |vertex: u32| places.get(vertex as usize);
        let mut edges = self.edges.iter();
        !self.is_cut
            && edges.all(|&(from, edge)| {
                let places = place(from).zip(place(edge & TARGET));
                places.is_some_and(|(from, to)| from < to)
            })
    }

    /// The graph, each edge once. O(vertices + edges).
    pub(crate) fn build(self) -> Graph {
        let vertices = self.vertices as usize;
        let mut starts = vec![0_u32; vertices + 1];
        for &(from, _) in &self.edges {
            starts[from as usize + 1] += 1;
        }
        for at in 0..vertices {
            starts[at + 1] += starts[at];
        }
        let mut edges = vec![0_u32; self.edges.len()];
        let mut next = starts.clone();
        for &(from, edge) in &self.edges {
            edges[next[from as usize] as usize] = edge;
            next[from as usize] += 1;
        }
        drop(next);
        // Each once: sorted within a vertex, then closed up.
        let mut kept = 0;
        let mut start = 0;
        for at in 0..vertices {
            let end = starts[at + 1] as usize;
            edges[start..end].sort_unstable();
            let first = kept;
            for from in start..end {
                if kept == first || edges[kept - 1] != edges[from] {
                    edges[kept] = edges[from];
                    kept += 1;
                }
            }
            starts[at] = first as u32;
            start = end;
        }
        starts[vertices] = kept as u32;
        edges.truncate(kept);
        Graph {
            transactions: self.transactions,
            starts,
            edges,
            is_cut: self.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_left_out_and_told() {
        let mut builder = GraphBuilder::new(VERTICES_MAX - 1);
        let last = builder.helper();
        builder.edge(0, last, Kind::Ww);
        assert!(!builder.is_cut && builder.edges.len() == 1);
        assert!(!builder.has_room_for(1));
        let none = builder.helper();
        assert!(builder.is_cut);
        builder.edge(0, none, Kind::Realtime);
        builder.edge(none, 1, Kind::Through);
        assert_eq!(builder.edges.len(), 1);

        let mut builder = GraphBuilder::new(2);
        builder.edge(0, 1, Kind::Ww);
        assert!(builder.agrees_with(&[0, 1]));
        builder.edge(0, VERTICES_MAX, Kind::Ww);
        assert!(!builder.agrees_with(&[0, 1]));
        let graph = builder.build();
        assert!(graph.is_cut());
        assert_eq!(graph.edges(0).len(), 1);
    }

    #[test]
    fn too_many_are_told() {
        let quarter = u64::from(VERTICES_MAX) / 4;
        assert!(!are_too_many(quarter - 1, 1));
        assert!(are_too_many(quarter - 1, 2));
        assert!(are_too_many(u64::from(u32::MAX), u64::from(u32::MAX)));
    }

    #[test]
    fn each_edge_is_kept_once() {
        let mut builder = GraphBuilder::new(3);
        let helper = builder.helper();
        builder.edge(2, 0, Kind::Ww);
        builder.edge(0, 1, Kind::Rw);
        builder.edge(0, 1, Kind::Wr);
        builder.edge(0, 1, Kind::Rw);
        builder.edge(1, 1, Kind::Wr);
        builder.edge(1, helper, Kind::Realtime);
        builder.edge(helper, 2, Kind::Through);
        let graph = builder.build();
        assert_eq!((graph.transactions(), graph.vertices()), (3, 4));
        let of = |vertex| {
            graph
                .edges(vertex)
                .map(|e| (e.to, e.kind))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0), [(1, Kind::Wr), (1, Kind::Rw)]);
        assert_eq!(of(1), [(helper, Kind::Realtime)]);
        assert_eq!(of(2), [(0, Kind::Ww)]);
        assert_eq!(of(3), [(2, Kind::Through)]);
    }
}
