//! Reading on several cores. Every thread does the same: it cuts a chunk off the source,
//! parses it beside the others, and when the chunks before were handed out, hands out its
//! own. So events borrow from a chunk that never changes hands, whoever is slow is waited
//! for, and there are never more chunks in memory than threads. What an event is, and what
//! is wrong with it, is said by the same code that reads one by one.

use std::io::Read;
use std::mem;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::cut::{Chunk, Cutter};
use super::parse::{Parsed, parse, utf8};
use super::settle::Settler;
use super::{BUFFER_BYTES, ReadError, Reader};
use crate::event::Event;
use crate::format::Format;

/// Threads, at most: cutting and handing out are done by one at a time.
const THREADS_MAX: usize = 8;

/// What is kept for the values of an event, of all that a thread parses at once.
const SCRATCH_BYTES_MAX: usize = 1024;

/// How the work is shared out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) threads: usize,
    /// About how much of the source is a chunk.
    pub(super) chunk_bytes: usize,
}

/// The one who cuts.
struct Cutting<'r, R> {
    cutter: &'r mut Cutter<R>,
    /// Chunks so far.
    chunks: u64,
    ended: bool,
}

/// The one whose turn it is to hand out.
struct Handing<'r, F, E> {
    settler: &'r mut Settler,
    each: F,
    /// The chunk that is next.
    turn: u64,
    /// How it ended, once it has; an error with its line, unless the cutter stands there.
    end: Option<Result<(), (Option<u64>, E)>>,
    /// A thread panicked: nobody's turn will come.
    broken: bool,
}

struct Work<'r, R, F, E> {
    cutting: Mutex<Cutting<'r, R>>,
    handing: Mutex<Handing<'r, F, E>>,
    turned: Condvar,
    name: &'r str,
    share: Share,
}

impl<R: Read + Send> Reader<R> {
    /// Hands every event that is left, in order, with its line, to `each`, as calling
    /// [`Reader::next`] until the end would. If there is more than a little of it, it is
    /// parsed on all cores, in memory that does not grow with the history; `each` is
    /// called by one thread at a time.
    ///
    /// The source is read ahead of what was handed out. After an error nothing more is
    /// handed out; [`Reader::line`] is the line of the event at fault.
    ///
    /// ```
    /// use witness_histories::{ReadError, Reader};
    ///
    /// let saved = r#"{"index":0,"time":7,"type":"invoke","process":0,"f":"read","key":"x"}
    /// {"index":1,"time":9,"type":"ok","process":0,"f":"read","key":"x","value":3}
    /// "#;
    /// let mut lines = Vec::new();
    /// Reader::new("history.jsonl", saved.as_bytes()).for_each(|event, line| {
    ///     lines.push((line, event.kind.name()));
    ///     Ok::<(), ReadError>(())
    /// })?;
    /// assert_eq!(lines, [(1, "invoke"), (2, "ok")]);
    /// # Ok::<(), ReadError>(())
    /// ```
    ///
    /// # Errors
    /// See [`ReadError`]; and the first that `each` returns.
    pub fn for_each<E, F>(&mut self, each: F) -> Result<(), E>
    where
        E: From<ReadError> + Send,
        F: FnMut(&Event<'_>, u64) -> Result<(), E> + Send,
    {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let share = Share {
            threads: cores.min(THREADS_MAX),
            chunk_bytes: BUFFER_BYTES,
        };
        self.share_out(share, each)
    }

    pub(super) fn share_out<E, F>(&mut self, share: Share, each: F) -> Result<(), E>
    where
        E: From<ReadError> + Send,
        F: FnMut(&Event<'_>, u64) -> Result<(), E> + Send,
    {
        if share.threads == 1 {
            return self.one_by_one(each);
        }
        if self.done {
            return Ok(());
        }
        self.done = true;
        let name = self.cutter.name.clone();
        let work = Work {
            cutting: Mutex::new(Cutting {
                cutter: &mut self.cutter,
                chunks: 0,
                ended: false,
            }),
            handing: Mutex::new(Handing {
                settler: &mut self.settler,
                each,
                turn: 0,
                end: None,
                broken: false,
            }),
            turned: Condvar::new(),
            name: &name,
            share,
        };
        let mut chunk = Chunk::default();
        let first = work.cut(&mut chunk);
        // What fits in one chunk is not worth a thread.
        let others = match chunk.end {
            Some(_) => 0,
            None => share.threads - 1,
        };
        thread::scope(|scope| {
            for _ in 0..others {
                scope.spawn(|| work.work(Chunk::default(), None));
            }
            work.work(chunk, first);
        });
        let handing = work.handing.into_inner();
        let end = handing.unwrap_or_else(PoisonError::into_inner).end;
        match end {
            Some(Ok(())) | None => Ok(self.end()?),
            Some(Err((line, error))) => {
                // Others may have seen the end of the source before.
                self.cutter.warnings.clear();
                self.cutter.line = line.unwrap_or(self.cutter.line);
                Err(error)
            }
        }
    }

    fn one_by_one<E, F>(&mut self, mut each: F) -> Result<(), E>
    where
        E: From<ReadError>,
        F: FnMut(&Event<'_>, u64) -> Result<(), E>,
    {
        while let Some((event, line)) = self.next_with_line()? {
            if let Err(error) = each(&event, line) {
                self.done = true;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl<R, F, E> Work<'_, R, F, E>
where
    R: Read,
    E: From<ReadError>,
    F: FnMut(&Event<'_>, u64) -> Result<(), E>,
{
    /// What each thread does, with a chunk that may have been cut already.
    fn work(&self, mut chunk: Chunk, mut cut: Option<(u64, Format)>) {
        let _watch = Watch(self);
        let mut scratches = Vec::new();
        while let Some((number, format)) = cut.take().or_else(|| self.cut(&mut chunk)) {
            if scratches.len() < chunk.places.len() {
                scratches.resize_with(chunk.places.len(), String::new);
            }
            let mut end = chunk
                .end
                .take()
                .map(|end| end.map_err(|error| (None, error)));
            let mut parsed = Vec::with_capacity(chunk.places.len());
            // UTF-8 is looked at once for all, and only where that fails once for each.
            let last = chunk.places.last().map_or(0, |place| place.range.end);
            let all = str::from_utf8(&chunk.buffer[..last]).ok();
            for (place, scratch) in chunk.places.iter().zip(&mut scratches) {
                let text = match all.and_then(|all| all.get(place.range.clone())) {
                    Some(text) => Ok(text),
                    None => utf8(self.name, &chunk.buffer, place),
                };
                match text.and_then(|text| parse(self.name, format, text, place, scratch)) {
                    Ok(event) => parsed.push((place.line, event)),
                    Err(error) => {
                        end = Some(Err((Some(place.line), error)));
                        break;
                    }
                }
            }
            if !self.hand_out(number, parsed, end) {
                break;
            }
            // A long event needs a lot of room once.
            for scratch in &mut scratches {
                if scratch.capacity() > SCRATCH_BYTES_MAX {
                    *scratch = String::new();
                }
            }
        }
    }

    /// The next chunk, unless there is none.
    fn cut(&self, chunk: &mut Chunk) -> Option<(u64, Format)> {
        let mut cutting = lock(&self.cutting);
        if cutting.ended {
            return None;
        }
        cutting.cutter.cut(self.share.chunk_bytes, chunk);
        cutting.ended = chunk.end.is_some();
        cutting.chunks += 1;
        let format = cutting.cutter.format.unwrap_or(Format::JsonLines);
        Some((cutting.chunks - 1, format))
    }

    /// Hands out the events of a chunk once it is its turn, and says whether to go on.
    fn hand_out(
        &self,
        number: u64,
        events: Vec<(u64, Parsed<'_>)>,
        end: Option<Result<(), (Option<u64>, ReadError)>>,
    ) -> bool {
        let not_yet = |handing: &mut Handing<'_, F, E>| {
            handing.turn != number && handing.end.is_none() && !handing.broken
        };
        let handing = self.turned.wait_while(lock(&self.handing), not_yet);
        let mut handing = handing.unwrap_or_else(PoisonError::into_inner);
        if handing.end.is_some() || handing.broken {
            return false;
        }
        let end = end.map(|end| end.map_err(|(line, error)| (line, error.into())));
        handing.end = match handing.take(self.name, events) {
            Ok(()) => end,
            Err(error) => Some(Err(error)),
        };
        handing.turn += 1;
        self.turned.notify_all();
        handing.end.is_none()
    }
}

impl<F, E> Handing<'_, F, E>
where
    E: From<ReadError>,
    F: FnMut(&Event<'_>, u64) -> Result<(), E>,
{
    fn take(
        &mut self,
        name: &str,
        mut events: Vec<(u64, Parsed<'_>)>,
    ) -> Result<(), (Option<u64>, E)> {
        for (line, parsed) in &mut events {
            let line = *line;
            let taken = match parsed {
                Parsed::Event(event) => self.event(name, line, event),
                Parsed::Draft(draft) => self
                    .settler
                    .complete(name, line, mem::take(draft))
                    .map_err(E::from)
                    .and_then(|mut event| self.event(name, line, &mut event)),
            };
            taken.map_err(|error| (Some(line), error))?;
        }
        Ok(())
    }

    #[inline]
    fn event(&mut self, name: &str, line: u64, event: &mut Event<'_>) -> Result<(), E> {
        self.settler.settle(name, line, event)?;
        (self.each)(event, line)
    }
}

/// Tells the others when a thread panics: they would wait for its turn for ever.
struct Watch<'w, 'r, R, F, E>(&'w Work<'r, R, F, E>);

impl<R, F, E> Drop for Watch<'_, '_, R, F, E> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.handing).broken = true;
            self.0.turned.notify_all();
        }
    }
}

/// Locks, whoever panicked: what is broken says so itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
