//! The threads on which engines run, apart from the runtime's: their calls block,
//! and they need a deep stack. The engine's parsers recurse once a level of an
//! expression, and the 4 KB that an expression may have can be 4,096 levels; on a
//! thread of the usual size one such request would end the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::{ApiError, ApiResult};

/// Four times what the deepest expression takes in a debug build (24 to 48 MiB). It is
/// address space: memory is only used where a request goes that deep.
const STACK_BYTES: usize = 192 * 1024 * 1024;

type Job = Box<dyn FnOnce() + Send>;

/// A pool of threads; they end when it is dropped.
pub(super) struct Workers {
    jobs: Sender<Job>,
}

impl Workers {
    pub(super) fn start(count: usize) -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name("dynamodb-engine".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    while let Some(job) = next(&queue) {
                        job()
                    }
                })?;
        }
        Ok(Self { jobs })
    }

    /// Runs `work` on a thread of the pool. A panic there is an internal error here.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let (answer, answered) = oneshot::channel();
        let failed = || ApiError::internal("the storage engine failed");
        let job = move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            // Nobody waits any more if the caller was dropped.
            let _ = answer.send(result.unwrap_or_else(|_| Err(failed())));
        };
        self.jobs.send(Box::new(job)).map_err(|_| failed())?;
        answered.await.unwrap_or_else(|_| Err(failed()))
    }
}

fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}
