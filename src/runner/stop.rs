//! The wish to stop, as Ctrl-C expresses it: shared by all who have to heed it.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

/// Asked for once, seen by everybody who holds a clone.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Stop {
        Stop(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody asked.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns as soon as somebody asks.
    pub async fn wait(&self) {
        // The sender lives as long as `self`, so the wait ends only with the wish.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }

    /// The work's result, or `None` where the wish to stop came first.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            result = work => Some(result),
        }
    }
}
