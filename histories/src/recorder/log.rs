//! The recorder's file, which holds whole lines at all times: written one line
//! a `write`, cut back to its last whole line when a write fails.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use crate::jsonl;

/// What a log is written to; a file, or in tests a disk that fills up.
pub(super) trait Medium: Write {
    /// Cuts everything behind the first `bytes`.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;

    /// Makes what was written survive a power failure.
    fn sync(&mut self) -> io::Result<()>;
}

impl Medium for File {
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Why the log takes no event.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    /// It was finished.
    Finished,
    /// A write failed, now or before.
    Failed(Arc<io::Error>),
}

/// Lines in order.
#[derive(Debug)]
pub(super) struct Log<M> {
    medium: M,
    /// The line being written; kept for its memory.
    line: Vec<u8>,
    events: u64,
    bytes: u64,
    closed: Option<Refusal>,
}

impl<M: Medium> Log<M> {
    pub(super) fn new(medium: M) -> Self {
        Log {
            medium,
            line: Vec::new(),
            events: 0,
            bytes: 0,
            closed: None,
        }
    }

    /// Appends one event, of which `rest` is all but index and time, and
    /// returns its index.
    pub(super) fn append(&mut self, time: i64, rest: &[u8]) -> Result<u64, Refusal> {
        if let Some(refusal) = &self.closed {
            return Err(refusal.clone());
        }
        self.line.clear();
        jsonl::write_head(self.events, time, &mut self.line);
        self.line.extend_from_slice(rest);
        if let Err(error) = self.medium.write_all(&self.line) {
            // Half a line may be there. Should the cut fail too, the file ends
            // in half a line, which a reader leaves out with a warning.
            let _ = self.medium.cut(self.bytes);
            return Err(self.close(error));
        }
        let index = self.events;
        self.events += 1;
        self.bytes += self.line.len() as u64;
        Ok(index)
    }

    /// Syncs, and takes no more events.
    pub(super) fn finish(&mut self) -> Result<u64, Refusal> {
        match &self.closed {
            Some(Refusal::Failed(error)) => return Err(Refusal::Failed(Arc::clone(error))),
            Some(Refusal::Finished) => return Ok(self.events),
            None => {}
        }
        if let Err(error) = self.medium.flush().and_then(|()| self.medium.sync()) {
            return Err(self.close(error));
        }
        self.closed = Some(Refusal::Finished);
        Ok(self.events)
    }

    fn close(&mut self, error: io::Error) -> Refusal {
        let refusal = Refusal::Failed(Arc::new(error));
        self.closed = Some(refusal.clone());
        refusal
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use proptest::prelude::*;

    use super::{Log, Medium, Refusal};

    const REST: &[u8] = br#","type":"ok","process":"witness","f":"phase"}
"#;

    /// A disk that takes so many bytes and no more, a few at a time.
    struct SmallDisk {
        bytes: Vec<u8>,
        capacity: usize,
        step: usize,
        cuts: bool,
    }

    impl Write for SmallDisk {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            let free = self.capacity - self.bytes.len();
            if free == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let taken = &buffer[..buffer.len().min(free).min(self.step)];
            self.bytes.extend_from_slice(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Medium for SmallDisk {
        fn cut(&mut self, bytes: u64) -> io::Result<()> {
            if !self.cuts {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.bytes.truncate(bytes as usize);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn a_full_disk_keeps_the_whole_lines(
            capacity in 0_usize..500,
            step in 1_usize..80,
            cuts in any::<bool>(),
        ) {
            let mut log = Log::new(SmallDisk { bytes: Vec::new(), capacity, step, cuts });
            let recorded = (0..20).take_while(|time| log.append(*time, REST).is_ok()).count();
            prop_assert!(recorded < 20);
            // Whatever is asked of it now, it says the same.
            log.medium.capacity = 1_000;
            for refusal in [log.append(99, REST), log.finish()] {
                let Err(Refusal::Failed(error)) = refusal else { panic!("{refusal:?}") };
                prop_assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            }

            let lines: Vec<_> = log.medium.bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let whole = lines.iter().filter(|line| line.ends_with(b"\n")).count();
            prop_assert_eq!(whole, recorded);
            prop_assert!(!cuts || lines.len() == recorded);
            if !log.medium.bytes.is_empty() {
                let mut reader = crate::Reader::new("disk", &*log.medium.bytes);
                while reader.next().unwrap().is_some() {}
                // Only the newline may be missing.
                prop_assert!((recorded as u64..=recorded as u64 + 1).contains(&reader.events()));
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_says_when_a_disk_is_full() {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut log = Log::new(full);
        let Err(Refusal::Failed(error)) = log.append(0, REST) else {
            panic!("recorded")
        };
        assert_eq!(error.to_string(), "No space left on device (os error 28)");
    }
}
