//! What time does to neighbours: they are asked, asked again, believed less, given up.

use super::{
    AHEAD, ATTEMPTS, Ask, Class, DELAY, HELD, Key, Neighbours, RETRANSMIT, UNICAST_ATTEMPTS,
    entry::{Belief, NEVER, State},
};
use fabric_proto::{random, time::Instant};
use std::time::Duration;

impl Neighbours {
    /// When [`Neighbours::due`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(due, _)| *due);
        timer.into_iter().chain(self.pace.deadline()).min()
    }

    /// Does what is due.
    pub(crate) fn due(&mut self, now: Instant, out: &mut Vec<Ask>) {
        while let Some((_, key)) = self.timers.first().filter(|(due, _)| *due <= now).copied() {
            self.set_due(key, NEVER);
            self.expire(now, key, out);
        }
        while let Some(key) = self.pace.pop(now) {
            self.ask(now, key, out);
        }
    }

    fn expire(&mut self, now: Instant, key: Key, out: &mut Vec<Ask>) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let wanted = entry.wanted;
        match &mut entry.state {
            State::Static { .. } => {}
            State::Failed => self.remove(key, out),
            State::Incomplete { asked, .. } if *asked < ATTEMPTS => self.ask_soon(now, key, Class::Again),
            State::Incomplete { .. } => self.fail(now, key, out),
            State::Known { belief: belief @ Belief::Reachable, .. } if key.1.is_ipv6() => {
                *belief = Belief::Stale;
                let due = self.due_of(now, key, Belief::Stale);
                self.set_due(key, due);
            }
            State::Known { belief: Belief::Probe { asked }, .. } if *asked >= UNICAST_ATTEMPTS + ATTEMPTS => {
                self.remove(key, out);
            }
            State::Known { belief: Belief::Probe { asked }, .. } => {
                let class = if *asked < UNICAST_ATTEMPTS { Class::Refresh } else { Class::Again };
                self.ask_soon(now, key, class);
            }
            // Nobody has ever wanted it.
            State::Known { .. } if !wanted => self.remove(key, out),
            State::Known { belief, .. } => {
                *belief = Belief::Probe { asked: 0 };
                self.ask_soon(now, key, Class::Refresh);
            }
        }
    }

    /// It is this neighbour's turn to be asked.
    fn ask(&mut self, now: Instant, key: Key, out: &mut Vec<Ask>) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.queued = None;
        let station = match &mut entry.state {
            State::Incomplete { asked, .. } => {
                *asked += 1;
                if *asked > 1 {
                    // It had a second to answer: whoever comes new may have its place.
                    self.spare.insert((key.0, entry.number, key.1));
                }
                None
            }
            State::Known { station, belief: Belief::Probe { asked } } => {
                *asked += 1;
                (*asked <= UNICAST_ATTEMPTS).then_some(*station)
            }
            State::Known { .. } | State::Static { .. } | State::Failed => return,
        };
        out.push(Ask::Solicit { key, station });
        self.set_due(key, now + RETRANSMIT);
    }

    /// Queues a question. It goes out with the next ones for which there is time.
    pub(super) fn ask_soon(&mut self, now: Instant, key: Key, class: Class) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let before = entry.queued.replace(class);
        self.pace.forget(key, before);
        self.pace.push(class, key);
        debug_assert!(now.0 < NEVER.0);
    }

    /// It does not answer. What waits for it does not reach it (RFC 1812 §5.2.7.1, RFC 4861 §7.2.2).
    fn fail(&mut self, now: Instant, key: Key, out: &mut Vec<Ask>) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let number = entry.number;
        if let State::Incomplete { waiting, .. } = std::mem::replace(&mut entry.state, State::Failed) {
            self.waiting -= waiting.len();
            out.extend(waiting.into_iter().map(|packet| Ask::Unreachable { key, packet }));
        }
        self.spare.insert((key.0, number, key.1));
        self.set_due(key, now + HELD);
    }

    /// When something is to be done about a neighbour that is believed so from now on.
    pub(super) fn due_of(&mut self, now: Instant, key: Key, belief: Belief) -> Instant {
        let settings = self.shelf(key.0).settings;
        now + match belief {
            // What was learned at one time is not asked after at one time.
            Belief::Reachable if key.1.is_ipv4() => {
                let until = ahead_of(settings.arp_timeout);
                until - self.share(until / 8)
            }
            // RFC 4861 §6.3.2: between half and one and a half of it.
            Belief::Reachable => settings.reachable / 2 + self.share(settings.reachable),
            Belief::Stale => ahead_of(settings.nd_expire),
            Belief::Delay => DELAY,
            Belief::Probe { .. } => return NEVER,
        }
    }

    /// Some part of a time, at random.
    pub(super) fn share(&mut self, of: Duration) -> Duration {
        let part = random::next(&mut self.random) >> 32;
        of.mul_f64(part as f64 / (1u64 << 32) as f64)
    }
}

/// When an entry is asked after that would be given up after `time`.
pub(super) fn ahead_of(time: Duration) -> Duration {
    time.saturating_sub(AHEAD).max(time / 2)
}
