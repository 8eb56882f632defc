//! That one version of a key comes before another, and why.

/// That one version of a key comes before another of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Must {
    pub(super) before: u32,
    pub(super) after: u32,
    pub(super) why: Why,
}

/// Why one version comes before another. Numbers are transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Why {
    /// Who wrote the later one had read the earlier one.
    Replaced,
    /// The reader read something that the earlier one's writer had installed, and after
    /// that the later version.
    SawThen { reader: u32 },
    /// The same, in whichever order it read them.
    Saw { reader: u32 },
    /// The reader came after the earlier one's writer, by what was read and by the order of
    /// its process or of real time, and read the later version.
    Past { reader: u32 },
    /// In a process `first` read or wrote the earlier version, and `second` after it the
    /// later one.
    Session { first: u32, second: u32 },
    /// `first`, which read or wrote the earlier version, was over before `second` began,
    /// which read or wrote the later one.
    Realtime { first: u32, second: u32 },
    /// Nothing comes between a version and the one that replaced it: what `before` and
    /// `after` are, two versions in their rows are, of which it is known.
    Chained { before: u32, after: u32 },
    /// Steps between other transactions lead from who wrote the one to who wrote the other.
    Reached,
    /// It is only tried whether it may be so.
    Tried,
}
