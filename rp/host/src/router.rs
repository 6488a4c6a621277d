//! What hosts on a link are told of this router (RFC 4861 §6.2): now and then, and when they ask.

use crate::interface::Interface;
use fabric_proto::{id::InterfaceId, random, time::Instant};
use std::{collections::BTreeMap, time::Duration};

/// An advertisement to everybody on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advertise {
    pub(crate) interface: InterfaceId,
    /// For how many seconds this router may be used; 0: not any more (RFC 4861 §6.2.5).
    pub(crate) lifetime: u16,
}

/// The interfaces that advertise.
#[derive(Debug, Default)]
pub(crate) struct Advertiser {
    links: BTreeMap<InterfaceId, Link>,
    random: u64,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    due: Instant,
    last: Option<Instant>,
    /// Of the first ones, how many are left.
    initial: u8,
}

/// RFC 4861 §6.2.1 and §10: MinRtrAdvInterval, MaxRtrAdvInterval, AdvDefaultLifetime, MAX_INITIAL_RTR_ADVERT_INTERVAL,
/// MAX_INITIAL_RTR_ADVERTISEMENTS, MIN_DELAY_BETWEEN_RAS, MAX_RA_DELAY_TIME.
const INTERVAL_MIN: Duration = Duration::from_secs(198);
const INTERVAL_MAX: Duration = Duration::from_secs(600);
const LIFETIME: u16 = 1_800;
const INITIAL_INTERVAL: Duration = Duration::from_secs(16);
const INITIAL: u8 = 3;
const DELAY_MIN: Duration = Duration::from_secs(3);
const ANSWER_DELAY: Duration = Duration::from_millis(500);

impl Advertiser {
    pub(crate) fn new(random: u64) -> Self {
        Self { random, ..Self::default() }
    }

    /// An interface is so now. One that stops while its link is there says so.
    pub(crate) fn interface(
        &mut self,
        now: Instant,
        id: InterfaceId,
        interface: Option<&Interface>,
    ) -> Option<Advertise> {
        let up = interface.filter(|interface| interface.up && interface.link_local().is_some());
        if up.is_some_and(|up| up.neighbours.advertise) {
            if !self.links.contains_key(&id) {
                let due = now + self.share(ANSWER_DELAY);
                self.links.insert(id, Link { due, last: None, initial: INITIAL });
            }
            return None;
        }
        let stops = self.links.remove(&id).is_some() && up.is_some();
        stops.then_some(Advertise { interface: id, lifetime: 0 })
    }

    /// A host asks (RFC 4861 §6.2.6): all are told, soon, and not too often.
    pub(crate) fn solicited(&mut self, now: Instant, id: InterfaceId) {
        let delay = self.share(ANSWER_DELAY);
        let Some(link) = self.links.get_mut(&id) else { return };
        let earliest = link.last.map_or(now, |last| (last + DELAY_MIN).max(now));
        link.due = link.due.min(earliest + delay);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.links.values().map(|link| link.due).min()
    }

    pub(crate) fn due(&mut self, now: Instant) -> Vec<Advertise> {
        let due = self.links.iter().filter(|(_, link)| link.due <= now).map(|(id, _)| *id);
        let due: Vec<InterfaceId> = due.collect();
        for id in &due {
            let wait = INTERVAL_MIN + self.share(INTERVAL_MAX - INTERVAL_MIN);
            let Some(link) = self.links.get_mut(id) else { continue };
            link.initial = link.initial.saturating_sub(1);
            link.last = Some(now);
            link.due = now + if link.initial > 0 { wait.min(INITIAL_INTERVAL) } else { wait };
        }
        due.into_iter().map(|interface| Advertise { interface, lifetime: LIFETIME }).collect()
    }

    fn share(&mut self, of: Duration) -> Duration {
        let part = random::next(&mut self.random) >> 32;
        of.mul_f64(part as f64 / (1u64 << 32) as f64)
    }
}
