//! What checkers keep of a history, built in one pass over its events. It holds
//! only what the selected checkers need, and judges nothing.

use std::sync::Arc;

use witness_histories::{Event, History};

use crate::checker::{Caveat, CheckError, Checker, Need};
use crate::clocks::{Clocks, ClocksBuilder};
use crate::isolation::{Transactions, TransactionsBuilder};
use crate::linearizable;
use crate::operations::{Operations, OperationsBuilder};
use crate::parts::Parts;
use crate::sales::{Sales, SalesBuilder};

/// A history, digested. See [`DigestBuilder`].
#[derive(Debug)]
pub struct Digest {
    caveats: Vec<Caveat>,
    is_whole: bool,
    events: u64,
    sales: Sales,
    operations: Operations,
    transactions: Transactions,
    clocks: Option<Arc<Clocks>>,
    history: History,
}

/// Builds a [`Digest`], event by event.
#[derive(Debug)]
pub struct DigestBuilder {
    caveats: Vec<Caveat>,
    parts: Parts,
    events: u64,
    sales: Option<SalesBuilder>,
    operations: Option<OperationsBuilder>,
    clocks: ClocksBuilder,
    clock_uncertainty_ns: u64,
    transactions: Option<TransactionsBuilder>,
    history: Option<Vec<Event<'static>>>,
    unasked: bool,
}

impl DigestBuilder {
    /// A builder of what those checkers need.
    pub fn new<'a>(checkers: impl IntoIterator<Item = &'a dyn Checker>) -> Self {
        let needs: Vec<Need> = checkers
            .into_iter()
            .flat_map(|checker| checker.needs())
            .copied()
            .collect();
        DigestBuilder {
            caveats: Vec::new(),
            parts: Parts::default(),
            events: 0,
            sales: needs.contains(&Need::Sales).then(SalesBuilder::default),
            operations: needs
                .contains(&Need::Operations)
                .then(OperationsBuilder::default),
            clocks: ClocksBuilder::default(),
            clock_uncertainty_ns: 0,
            transactions: needs
                .contains(&Need::Transactions)
                .then(TransactionsBuilder::default),
            history: needs.contains(&Need::History).then(Vec::new),
            unasked: false,
        }
    }

    /// Nobody asked for those checkers by name: a history that is no sale, though an
    /// event of it shares a name with a sale's, has empty books instead of an error.
    /// Operations that tell no model are not kept.
    /// What shows a sale is a setup phase that names regions, evidence, or a purchase,
    /// before that event.
    #[must_use]
    pub fn unasked(mut self) -> Self {
        self.unasked = true;
        self
    }

    /// By how much the clocks of several recorders may be off more than they say, in
    /// nanoseconds, for what must know it while the history is read.
    #[must_use]
    pub fn clock_uncertainty(mut self, ns: u64) -> Self {
        self.clock_uncertainty_ns = ns;
        if let Some(sales) = &mut self.sales {
            sales.clock_uncertainty(ns);
        }
        self
    }

    /// Takes in the next event of the history.
    ///
    /// # Errors
    /// An event whose contents make no sense, or a limit; the event must not be
    /// skipped then, since the verdict would be of another history.
    pub fn event(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        self.events += 1;
        self.parts.event(event);
        if let Some(history) = &mut self.history {
            history.push(event.clone().into_owned());
        }
        if let Some(sales) = &mut self.sales {
            match sales.event(event) {
                Err(CheckError::Payload { .. }) if self.unasked && !sales.is_a_sale() => {
                    self.sales = None;
                }
                taken => taken?,
            }
        }
        self.clocks.event(event);
        if let Some(operations) = &mut self.operations {
            let known = operations.fs().len();
            operations.event(event)?;
            let grown = operations.fs().len() > known;
            if self.unasked && grown && !linearizable::may_tell(operations.fs()) {
                // Nobody will look at them: they need not be kept.
                self.operations = None;
            }
        }
        if let Some(transactions) = &mut self.transactions {
            match transactions.event(event) {
                // What nobody said to be transactions need not be.
                Err(CheckError::Payload { .. }) if self.unasked && transactions.is_empty() => {
                    self.transactions = None;
                }
                taken => taken?,
            }
            if self.unasked
                && self
                    .transactions
                    .as_ref()
                    .is_some_and(|t| t.has_only_others())
            {
                self.transactions = None;
            }
        }
        Ok(())
    }

    /// Adds what the verdicts must mention.
    pub fn caveat(&mut self, caveat: impl Into<Caveat>) {
        self.caveats.push(caveat.into());
    }

    /// The digest of all events so far.
    ///
    /// # Errors
    /// Events that are not a history, if one was needed and they were never
    /// validated; a limit that the operations still open exceed.
    pub fn finish(mut self) -> Result<Digest, CheckError> {
        let lack = self.parts.lack();
        let is_whole = lack.is_none();
        self.caveats.extend(lack.map(|message| Caveat {
            message,
            unseen: true,
            unknown_processes: false,
            unknown_times: false,
        }));
        let clocks = self.clocks.finish().map(Arc::new);
        let mut sales = self.sales.unwrap_or_default();
        let doubt = clocks
            .as_ref()
            .and_then(|clocks| clocks.doubt(self.clock_uncertainty_ns));
        if let Some(doubt) = doubt.filter(|_| sales.is_a_sale()) {
            sales.disbelieve_clocks();
            self.caveats.push(Caveat {
                message: doubt,
                unseen: true,
                unknown_processes: false,
                unknown_times: false,
            });
        }
        let times_are_invented = self.caveats.iter().any(|caveat| caveat.unknown_times);
        let mut transactions = self.transactions.unwrap_or_default().finish();
        transactions.times_are_invented = times_are_invented;
        transactions.processes_are_known =
            !self.caveats.iter().any(|caveat| caveat.unknown_processes);
        let mut operations = self.operations.unwrap_or_default().finish();
        operations.clocks.clone_from(&clocks);
        operations.times_are_invented = times_are_invented;
        Ok(Digest {
            caveats: self.caveats,
            is_whole,
            events: self.events,
            sales: sales.finish(self.events)?,
            operations,
            clocks,
            transactions,
            history: History::from_events(self.history.unwrap_or_default())?,
        })
    }
}

impl Digest {
    /// What those checkers need of a history that is in memory.
    ///
    /// # Errors
    /// See [`DigestBuilder::event`].
    pub fn of<'a>(
        history: &History,
        checkers: impl IntoIterator<Item = &'a dyn Checker>,
    ) -> Result<Self, CheckError> {
        let mut builder = DigestBuilder::new(checkers);
        for event in history.events() {
            builder.event(&event)?;
        }
        for warning in history.warnings() {
            builder.caveat(warning);
        }
        builder.finish()
    }

    /// How many events the history has.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The books of the sale; empty unless a checker needed them.
    pub(crate) fn sales(&self) -> &Sales {
        &self.sales
    }

    /// The operations of clients; empty unless a checker needed them.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The transactions of clients; empty unless a checker needed them.
    pub(crate) fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// What orders the operations or transactions of clients, if several recorders saw them.
    pub(crate) fn clocks(&self) -> Option<&Clocks> {
        self.clocks.as_deref()
    }

    /// The whole history; empty unless a checker needed it.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether nothing says that this is a part of a run without the others. Another part may
    /// explain what looks like a violation, so of a part nothing is decided, and nothing shrunk.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// What the verdicts must mention.
    pub fn caveats(&self) -> &[Caveat] {
        &self.caveats
    }
}
