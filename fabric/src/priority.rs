//! Scheduling of the thread that must not wait: the measuring instrument's clock and generator.
//!
//! Line cards and route processors stay as they are: a line card that is woken for every packet loses
//! its batches, and doubles what a download takes on a busy machine (measured).
//!
//! A real-time thread that never sleeps keeps everything else off its processor, heartbeats too. So the preference is
//! kept within a budget (`Budget`): who takes too much of a processor comes before nobody until it takes less.

#![allow(unsafe_code, reason = "a thread's scheduling attributes have no safe call")]

use fabric_proto::time::Instant;
use nix::{
    errno::Errno,
    libc,
    time::{ClockId, clock_gettime},
};
use std::{fmt, fs, time::Duration};

/// The lowest real-time priority: before every ordinary program, and before nobody's sound card.
pub const REAL_TIME: u8 = 1;
/// How far a thread's nice value is lowered where real time is not permitted.
pub const NICE: i8 = -15;
/// The slice that is asked for where the thread stays an ordinary one: the shorter, the sooner it runs when it wakes (Linux 6.12
/// and later; others ignore it). The least that the kernel takes.
const SLICE: Duration = Duration::from_micros(100);
/// The thread's use of a processor is looked at this often: well within a heartbeat.
const PERIOD: Duration = Duration::from_millis(20);
/// Who uses more than this many hundredths of a processor gives way.
const SHARE_MAX: u128 = 80;

/// How the kernel lets a thread come before others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// `SCHED_FIFO` at [`REAL_TIME`].
    RealTime,
    /// An ordinary thread of nice [`NICE`].
    Raised,
    /// An ordinary thread.
    Ordinary,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RealTime => write!(f, "real-time priority {REAL_TIME}"),
            Self::Raised => write!(f, "nice {NICE}; real time is not permitted"),
            Self::Ordinary => f.write_str("ordinary priority; neither real time nor a lower nice value is permitted"),
        }
    }
}

impl Priority {
    /// Asks the kernel to schedule the calling thread like this.
    fn ask(self) -> Result<(), Errno> {
        // The attributes that are not named are zero: none.
        // SAFETY: all of them are numbers, for which zero is a value.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        attributes.size = size_of::<libc::sched_attr>() as u32;
        match self {
            Self::RealTime => {
                attributes.sched_policy = libc::SCHED_FIFO as u32;
                attributes.sched_priority = u32::from(REAL_TIME);
            }
            Self::Raised | Self::Ordinary => {
                attributes.sched_policy = libc::SCHED_OTHER as u32;
                attributes.sched_nice = if self == Self::Raised { i32::from(NICE) } else { 0 };
                attributes.sched_runtime = SLICE.as_nanos() as u64;
            }
        }
        // SAFETY: the call reads `size` bytes of `attributes`, which lives until it returns; 0 is the calling thread.
        let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
        Errno::result(done).map(drop)
    }
}

/// The preference of one thread, and what it uses of it. It belongs to the thread that took it.
#[derive(Debug)]
pub struct Preference {
    granted: Priority,
    now: Priority,
    budget: Budget,
}

impl Preference {
    /// Asks the kernel to prefer the calling thread: by real-time priority, else by its nice value. Without the
    /// privilege (`RLIMIT_RTPRIO`, `RLIMIT_NICE` or `CAP_SYS_NICE`) it stays ordinary: a busy machine then shows as
    /// lateness, which every report states.
    pub fn take(now: Instant) -> Self {
        let ladder = [Priority::RealTime, Priority::Raised, Priority::Ordinary];
        // A kernel that refuses all of it leaves the thread as it was.
        let granted = ladder.into_iter().find(|priority| priority.ask().is_ok()).unwrap_or(Priority::Ordinary);
        if granted == Priority::Raised {
            raise_session();
        }
        Self { granted, now: granted, budget: Budget::new(now, processor_time()) }
    }

    /// What the kernel granted.
    pub fn granted(&self) -> Priority {
        self.granted
    }

    /// Keeps the thread within its budget: to be called in every turn, at the least every few milliseconds. Costs a
    /// comparison for most of them.
    pub fn keep(&mut self, now: Instant) {
        if self.granted != Priority::RealTime || !self.budget.is_due(now) {
            return;
        }
        let wanted = if self.budget.within(now, processor_time()) { Priority::RealTime } else { Priority::Raised };
        if wanted == self.now {
            return;
        }
        // Who may be real-time may not always lower its nice value; everybody may be ordinary.
        if wanted.ask().is_ok() || wanted == Priority::Raised && Priority::Ordinary.ask().is_ok() {
            self.now = wanted;
        }
    }
}

/// How much of a processor is used, period by period.
#[derive(Debug)]
struct Budget {
    since: Instant,
    /// Processor time used until then.
    used: Duration,
}

impl Budget {
    fn new(now: Instant, used: Duration) -> Self {
        Self { since: now, used }
    }

    fn is_due(&self, now: Instant) -> bool {
        now.since(self.since) >= PERIOD
    }

    /// Whether the period that ends `now` stayed within the share; the next one begins.
    fn within(&mut self, now: Instant, used: Duration) -> bool {
        let (passed, spent) = (now.since(self.since), used.saturating_sub(self.used));
        *self = Self::new(now, used);
        spent.as_nanos() * 100 <= passed.as_nanos() * SHARE_MAX
    }
}

/// Processor time of the calling thread.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Into::into)
}

/// Where the kernel groups programs by session (`sched_autogroup_enabled`, `sched(7)`), a nice value counts within the
/// session only, and the session has one of its own. A program that leads its session may ask for it.
fn raise_session() {
    let own = nix::unistd::getpid();
    if nix::unistd::getsid(None) == Ok(own)
        && let Err(error) = fs::write("/proc/self/autogroup", NICE.to_string())
    {
        tracing::debug!(%error, "scheduling: the session stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_uses_more_than_its_share_gives_way_until_it_uses_less() {
        let at = |ms: u64| Instant(ms * 1_000_000);
        let ms = Duration::from_millis;
        let mut budget = Budget::new(at(0), ms(5));
        assert!(!budget.is_due(at(19)) && budget.is_due(at(20)));
        assert!(budget.within(at(20), ms(21)), "16 of 20 ms");
        assert!(!budget.within(at(40), ms(38)), "17 of 20 ms");
        assert!(!budget.within(at(140), ms(138)), "a long turn is one period");
        assert!(budget.within(at(160), ms(139)));
    }

    /// A thread that spins is taken back to an ordinary one, and preferred again once it sleeps: what the kernel says of
    /// it is looked at, not what is remembered.
    #[test]
    fn a_thread_that_never_sleeps_is_real_time_no_more() {
        let spinning = || {
            let mut preference = Preference::take(crate::clock::now());
            let policy = || {
                // SAFETY: 0 is the calling thread, and nothing is handed over.
                unsafe { libc::sched_getscheduler(0) }
            };
            if preference.granted() != Priority::RealTime {
                assert_eq!(policy(), libc::SCHED_OTHER, "{}", preference.granted());
                return;
            }
            assert_eq!(policy(), libc::SCHED_FIFO);
            let begun = crate::clock::now();
            while policy() == libc::SCHED_FIFO {
                assert!(crate::clock::now().since(begun) < Duration::from_secs(10), "it keeps the processor");
                preference.keep(crate::clock::now());
            }
            while policy() != libc::SCHED_FIFO {
                assert!(crate::clock::now().since(begun) < Duration::from_secs(20), "it is not preferred again");
                std::thread::sleep(Duration::from_millis(5));
                preference.keep(crate::clock::now());
            }
        };
        std::thread::spawn(spinning).join().unwrap();
    }
}
