//! The protocol side of the stand-in: from an accepted socket to a client that may
//! send statements. What statements mean is the engine's business.

mod binary;
mod connection;
mod extended;
mod frame;
mod handshake;
mod steps;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::cluster::{Shared, Site};

/// Accepts connections for ever. Every connection lives in this task's set, so that
/// aborting it closes them all.
pub(crate) async fn listen(listener: TcpListener, site: Arc<Site>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failed accept concerns one client, or a shortage of file
                // descriptors that a closing connection will end.
                let Ok((socket, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let counted = Counted::new(Arc::clone(&shared));
                connections.spawn(handshake::serve(socket, Arc::clone(&site), counted));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection as counted against the limit.
pub(crate) struct Counted {
    shared: Arc<Shared>,
    is_over_limit: bool,
}

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        let open = shared.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            is_over_limit: open >= shared.database.limits().connections_max,
            shared,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
