//! A card's clock: it starts anywhere and runs a little too fast or too slow.

use fabric_proto::time::Instant;

const MILLION: u128 = 1_000_000;

/// From true time to a card's own, and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    offset: u64,
    rate: u128,
}

impl Clock {
    /// A clock that shows `offset` nanoseconds at the beginning of time and gains `ppm` parts per million.
    pub(super) fn new(offset: u64, ppm: i32) -> Self {
        Self { offset, rate: (MILLION as i128 + i128::from(ppm)).max(1) as u128 }
    }

    /// What it shows.
    pub(super) fn local(self, now: Instant) -> Instant {
        if self.rate == MILLION {
            return Instant(self.offset + now.0);
        }
        Instant(self.offset + (u128::from(now.0) * self.rate / MILLION) as u64)
    }

    /// The true time at which it shows `local`, or the first after it.
    pub(super) fn true_time(self, local: Instant) -> Instant {
        let since = local.0.saturating_sub(self.offset);
        if self.rate == MILLION {
            return Instant(since);
        }
        Instant((u128::from(since) * MILLION).div_ceil(self.rate) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_when_its_true_time_is() {
        for ppm in [-90_000, -1, 0, 7, 120_000] {
            let clock = Clock::new(123_456_789, ppm);
            for local in (200_000_000..200_001_000).map(Instant) {
                let at = clock.true_time(local);
                assert!(clock.local(at) >= local, "{ppm}");
                assert!(clock.local(Instant(at.0 - 2)) < local, "{ppm}: not two nanoseconds before");
            }
        }
    }
}
