//! The two segment trees that [`stack`](super::stack) needs.

/// Limits by rank, each given out once, when it is met.
pub(super) struct Limits {
    leaves: usize,
    /// The minimum below each node; the root is 1, and a limit given out is the maximum.
    least: Vec<u64>,
}

impl Limits {
    const TAKEN: u64 = u64::MAX;

    /// O(n).
    pub fn new(limits: Vec<u64>) -> Limits {
        let leaves = limits.len().next_power_of_two();
        let mut least = vec![Self::TAKEN; 2 * leaves];
        for (slot, limit) in least[leaves..].iter_mut().zip(limits) {
            // The maximum would be taken for given out; no other limit is as high.
            *slot = limit.min(Self::TAKEN - 1);
        }
        for node in (1..leaves).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Limits { leaves, least }
    }

    /// Gives out the ranks in `low..high` whose limit is at most `limit`: O(log n) each.
    pub fn take(&mut self, low: usize, high: usize, limit: u64, give: &mut impl FnMut(usize)) {
        let limit = limit.min(Self::TAKEN - 1);
        self.take_below(1, 0..self.leaves, &(low..high), limit, give);
    }

    fn take_below(
        &mut self,
        node: usize,
        below: std::ops::Range<usize>,
        wanted: &std::ops::Range<usize>,
        limit: u64,
        give: &mut impl FnMut(usize),
    ) {
        let apart = below.end <= wanted.start || wanted.end <= below.start;
        if apart || self.least[node] > limit {
            return;
        }
        if node >= self.leaves {
            self.least[node] = Self::TAKEN;
            give(below.start);
            return;
        }
        let middle = below.start.midpoint(below.end);
        self.take_below(2 * node, below.start..middle, wanted, limit, give);
        self.take_below(2 * node + 1, middle..below.end, wanted, limit, give);
        self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]);
    }
}

/// How many spans cover each instant; they can only be taken away.
pub(super) struct Coverage {
    leaves: usize,
    /// What is added to everything below each node; the root is 1.
    added: Vec<i32>,
    /// The minimum below each node, all additions at and below it included.
    least: Vec<i32>,
}

impl Coverage {
    /// Over `0..instants`, covered by these half-open ranges. O(n).
    pub fn new(instants: usize, spans: impl Iterator<Item = (usize, usize)>) -> Coverage {
        let leaves = instants.next_power_of_two();
        let mut change = vec![0; leaves + 1];
        for (from, to) in spans {
            change[from] += 1;
            change[to] -= 1;
        }
        let mut least = vec![0; 2 * leaves];
        let mut covered = 0;
        for (slot, change) in least[leaves..].iter_mut().zip(change) {
            covered += change;
            *slot = covered;
        }
        for node in (1..leaves).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Coverage {
            leaves,
            added: vec![0; 2 * leaves],
            least,
        }
    }

    /// Takes one span over `from..to` away. O(log n).
    pub fn uncover(&mut self, from: usize, to: usize) {
        if from < to {
            self.uncover_below(1, 0..self.leaves, &(from..to));
        }
    }

    fn uncover_below(
        &mut self,
        node: usize,
        below: std::ops::Range<usize>,
        span: &std::ops::Range<usize>,
    ) {
        if below.end <= span.start || span.end <= below.start {
            return;
        }
        if span.start <= below.start && below.end <= span.end {
            self.added[node] -= 1;
            self.least[node] -= 1;
            return;
        }
        let middle = below.start.midpoint(below.end);
        self.uncover_below(2 * node, below.start..middle, span);
        self.uncover_below(2 * node + 1, middle..below.end, span);
        let least = self.least[2 * node].min(self.least[2 * node + 1]);
        self.least[node] = least + self.added[node];
    }

    /// Tells the instants in `from..to` that nothing covers, ascending: O(log n) each.
    pub fn zeros(&self, from: usize, to: usize, mut tell: impl FnMut(usize)) {
        self.zeros_below(1, 0..self.leaves, &(from..to), 0, &mut tell);
    }

    fn zeros_below(
        &self,
        node: usize,
        below: std::ops::Range<usize>,
        wanted: &std::ops::Range<usize>,
        above: i32,
        tell: &mut impl FnMut(usize),
    ) {
        let apart = below.end <= wanted.start || wanted.end <= below.start;
        if apart || self.least[node] + above > 0 {
            return;
        }
        if node >= self.leaves {
            tell(below.start);
            return;
        }
        let above = above + self.added[node];
        let middle = below.start.midpoint(below.end);
        self.zeros_below(2 * node, below.start..middle, wanted, above, tell);
        self.zeros_below(2 * node + 1, middle..below.end, wanted, above, tell);
    }
}
