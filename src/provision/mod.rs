//! Makes what a run on AWS needs, and takes it away again.
//!
//! Making and deleting are the same loop: look at what is there, decide the next step
//! from that alone, take it, look again. Nothing is remembered between two runs, so that
//! one that was interrupted, at any point, is gone on with by running it again.
//!
//! Architecture invariant: what does not carry the tag is never changed and never
//! deleted; nothing here asks anybody anything or prints.

pub mod cost;
pub mod dsql;
pub mod dynamodb;
mod error;
pub mod policy;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

pub use error::ProvisionError;

/// The tag that everything made here carries; its value is the name of what was made
/// together.
pub const TAG: &str = "consistency-witness";

/// How long to wait for a service to get ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// In all.
    pub limit: Duration,
    /// Between two looks.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            limit: Duration::from_secs(15 * 60),
            pause: Duration::from_secs(3),
        }
    }
}

/// Hears, each time that it was looked, what there is and what is being waited for.
pub type Tell<'a> = dyn FnMut(&str) + Send + 'a;

/// Takes steps until there is none to take. What a step goes on with says what is waited
/// for.
async fn until<T>(
    patience: Patience,
    tell: &mut Tell<'_>,
    mut step: impl AsyncFnMut() -> Result<ControlFlow<T, String>, ProvisionError>,
) -> Result<T, ProvisionError> {
    let began = Instant::now();
    loop {
        let state = match step().await? {
            ControlFlow::Break(done) => return Ok(done),
            ControlFlow::Continue(state) => state,
        };
        tell(&state);
        if began.elapsed() >= patience.limit {
            let waited = patience.limit;
            return Err(ProvisionError::Late { waited, state });
        }
        tokio::time::sleep(patience.pause).await;
    }
}
