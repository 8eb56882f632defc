//! The system's clock and, from the daemon of ClockBound on this host, by how much it may be
//! off. The daemon tells it in a segment of shared memory, and a reading waits for nobody. It
//! never makes a bound up: where the daemon vouches for none, there is no clock.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use witness_histories::Clock;

/// Where the daemon puts its segment. One of version 3 has it there too, beside `shm1`.
pub const SEGMENT: &str = "/var/run/clockbound/shm0";

/// Why nobody knows by how much the clock may be off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBound {
    /// Nothing here can read a segment.
    #[error(
        "this was built without ClockBound, for which it takes 64-bit Linux and the feature \"clock-bound\""
    )]
    NotBuilt,
    /// The segment, or the clock of the virtual machine that it refers to, cannot be read.
    #[error("{0}; is the daemon of ClockBound running?")]
    Unreadable(String),
    /// It is not what the daemon writes, or not yet.
    #[error("{0}")]
    Segment(&'static str),
    /// The daemon writes it for other clients.
    #[error("its layout is version {0}, and 2 is read: {SEGMENT} has that one")]
    Layout(u16),
    /// The daemon says that nobody knows, or has said nothing for too long.
    #[error("the daemon of ClockBound does not vouch for the clock, or no longer")]
    Unknown,
    /// As when the machine was moved to another host.
    #[error("the clock was disrupted, and the daemon of ClockBound has not set it since")]
    Disrupted,
}

/// The clock of this host as a source of stamps.
#[derive(Debug)]
pub struct ClockBound {
    segment: PathBuf,
    missed: AtomicU64,
    why: OnceLock<NoBound>,
}

/// Readings that had no bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// How many.
    pub readings: u64,
    /// Why the first had none.
    pub why: NoBound,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missed { readings, why } = self;
        let have = if *readings == 1 {
            "event has"
        } else {
            "events have"
        };
        write!(f, "{readings} {have} no clock: {why}")
    }
}

impl ClockBound {
    /// The clock with the bound that this segment tells.
    ///
    /// # Errors
    /// It tells none now.
    pub fn open(segment: impl Into<PathBuf>) -> Result<ClockBound, NoBound> {
        let segment = segment.into();
        now(&segment)?;
        Ok(ClockBound {
            segment,
            missed: AtomicU64::new(0),
            why: OnceLock::new(),
        })
    }

    /// Between what times it is now; none where nobody knows.
    pub fn now(&self) -> Option<Clock> {
        match now(&self.segment) {
            Ok(clock) => Some(clock),
            Err(why) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                self.why.get_or_init(|| why);
                None
            }
        }
    }

    /// The readings so far that had no bound, if there were any.
    pub fn missed(&self) -> Option<Missed> {
        Some(Missed {
            readings: self.missed.load(Ordering::Relaxed),
            why: self.why.get()?.clone(),
        })
    }
}

/// Between what times it is now, by this segment.
///
/// # Errors
/// It does not tell.
pub fn now(segment: &Path) -> Result<Clock, NoBound> {
    client::now(segment)
}

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    feature = "clock-bound"
)))]
mod client {
    use super::{Clock, NoBound, Path};

    pub(super) fn now(_: &Path) -> Result<Clock, NoBound> {
        Err(NoBound::NotBuilt)
    }
}

#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    feature = "clock-bound"
))]
mod client {
    use std::cell::RefCell;
    use std::fs::File;
    use std::io::{self, Read};

    use clock_bound_client::{
        ClockBoundClient, ClockBoundError, ClockBoundErrorKind, ClockStatus,
        VMCLOCK_SHM_DEFAULT_PATH as VMCLOCK,
    };

    use super::{Clock, NoBound, Path, PathBuf};

    /// Of a segment with all that is in it.
    const BYTES: usize = 80;
    const NOT_READY: &str = "the daemon of ClockBound has not said anything yet";
    const UNSOUND: &str = "what it says makes no sense";

    thread_local! {
        /// The client may not leave its thread, and to open a segment takes as long as a hundred
        /// readings: so each thread that records has one, of the segment that it read last.
        static CLIENT: RefCell<Option<(PathBuf, ClockBoundClient)>> = const { RefCell::new(None) };
    }

    pub(super) fn now(segment: &Path) -> Result<Clock, NoBound> {
        CLIENT.with_borrow_mut(|kept| {
            let (_, client) = match kept.take() {
                Some(known) if known.0.as_os_str() == segment.as_os_str() => kept.insert(known),
                _ => kept.insert((segment.to_owned(), open(segment)?)),
            };
            let read = read(client);
            if read.is_err() {
                // A daemon that is started anew may write to another file of that name.
                *kept = None;
            }
            read
        })
    }

    fn read(client: &mut ClockBoundClient) -> Result<Clock, NoBound> {
        let now = client.now().map_err(|error| no_bound(&error))?;
        match now.clock_status {
            // Nobody sets a clock that runs free, and its bound grows by what it may drift.
            ClockStatus::Synchronized | ClockStatus::FreeRunning => {}
            ClockStatus::Unknown => return Err(NoBound::Unknown),
            ClockStatus::Disrupted => return Err(NoBound::Disrupted),
        }
        let ns = |s: i64, ns: i64| s.checked_mul(1_000_000_000)?.checked_add(ns);
        let earliest = ns(now.earliest.tv_sec(), now.earliest.tv_nsec());
        let latest = ns(now.latest.tv_sec(), now.latest.tv_nsec());
        let clock = earliest.zip(latest).and_then(|(e, l)| Clock::new(e, l));
        clock.ok_or(NoBound::Segment(UNSOUND))
    }

    fn open(segment: &Path) -> Result<ClockBoundClient, NoBound> {
        look(segment)?;
        let name = segment.to_str();
        let name = name.ok_or(NoBound::Segment("its name is not UTF-8"))?;
        ClockBoundClient::new_with_path(name).map_err(|error| no_bound(&error))
    }

    /// What the client takes on trust: that there are as many bytes as must be, that those of a
    /// status and of a truth value are one, and that sums fit. Of another layout it writes to
    /// standard error.
    fn look(segment: &Path) -> Result<(), NoBound> {
        const MAGIC: [u32; 2] = [0x414D_5A4E, 0x4342_0200];
        let unreadable = |error: io::Error| NoBound::Unreadable(error.to_string());
        let mut bytes = Vec::with_capacity(BYTES);
        let file = File::open(segment).map_err(unreadable)?;
        let read = file.take(BYTES as u64).read_to_end(&mut bytes);
        read.map_err(unreadable)?;
        if !bytes.starts_with(&MAGIC.map(u32::to_ne_bytes).concat()) {
            return Err(NoBound::Segment("it is no segment of ClockBound"));
        }
        let Ok(bytes) = <[u8; BYTES]>::try_from(bytes) else {
            return Err(NoBound::Segment("it is cut short"));
        };
        let version = u16::from_ne_bytes(part(&bytes, 12));
        let generation = u16::from_ne_bytes(part(&bytes, 14));
        match (version, generation) {
            (0, _) | (_, 0) => return Err(NoBound::Segment(NOT_READY)),
            (2, _) => {}
            // In later ones the high byte is the oldest that still can be read.
            (other, _) => return Err(NoBound::Layout(other & 0xFF)),
        }
        let small = |at, limit: u64| i64::from_ne_bytes(part(&bytes, at)).unsigned_abs() < limit;
        // Two times in seconds and nanoseconds, and the error in nanoseconds.
        let sums_fit = [16, 24, 32, 40].iter().all(|&at| small(at, 1 << 32)) && small(48, 1 << 60);
        let status = u32::from_ne_bytes(part(&bytes, 68));
        let [disruptions] = part(&bytes, 72);
        if !sums_fit || status > ClockStatus::Disrupted as u32 || disruptions > 1 {
            return Err(NoBound::Segment(UNSOUND));
        }
        if disruptions == 1 {
            // The client says of a second segment that is missing what it says of the first.
            let missing = |error| NoBound::Unreadable(format!("{VMCLOCK}: {error}"));
            File::open(VMCLOCK).map_err(missing)?;
        }
        Ok(())
    }

    /// So many bytes from there on.
    fn part<const N: usize>(bytes: &[u8; BYTES], at: usize) -> [u8; N] {
        std::array::from_fn(|n| bytes[at + n])
    }

    fn no_bound(error: &ClockBoundError) -> NoBound {
        match error.kind {
            ClockBoundErrorKind::Syscall => {
                let said = io::Error::from_raw_os_error(error.errno.0);
                NoBound::Unreadable(format!("{}: {said}", error.detail))
            }
            ClockBoundErrorKind::SegmentNotInitialized => NoBound::Segment(NOT_READY),
            ClockBoundErrorKind::SegmentMalformed => NoBound::Segment(UNSOUND),
            ClockBoundErrorKind::CausalityBreach => {
                NoBound::Segment("it is of a time to come: from before this host was started?")
            }
            ClockBoundErrorKind::SegmentVersionNotSupported => {
                NoBound::Segment("its layout, or that of /dev/vmclock0, is another")
            }
        }
    }
}
