//! The clock that shells pass to machines.

use fabric_proto::time::Instant;
use nix::time::{ClockId, clock_gettime};
use std::cell::Cell;

thread_local! {
    static SIMULATED: Cell<Option<fn() -> Instant>> = const { Cell::new(None) };
}

/// Reads another clock in this thread from here on: a simulated network has a time of its own.
pub fn simulate(clock: Option<fn() -> Instant>) {
    SIMULATED.set(clock);
}

/// `CLOCK_MONOTONIC`: the same for all processes and containers of a host, so that instants taken on
/// different cards can be compared.
pub fn now() -> Instant {
    if let Some(clock) = SIMULATED.get() {
        return clock();
    }
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux kernel has a monotonic clock");
    Instant(time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs())
}

/// What to add to [`now`] for the wall clock, nanoseconds.
pub fn wall_offset() -> u64 {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(wall.as_nanos()).unwrap_or(0).saturating_sub(now().0)
}
