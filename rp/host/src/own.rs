//! Own addresses: before they are used it is made sure that nobody else has them, and then that everybody knows.
//!
//! IPv6 addresses are tentative until nobody has answered (RFC 4862 §5.4). IPv4 addresses are used at once and announced, or
//! probed for first where that is configured (RFC 5227 §2.1.1, §2.3). A router does not give up an address that it uses: it says so,
//! and defends it (RFC 5227 §2.4 c).

use crate::{adjacency::Key, interface::Interface, limit::Bucket};
use fabric_proto::{fib::Mac, id::InterfaceId, random, time::Instant};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

/// Whether an own address is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnState {
    /// Not yet: it is asked whether anybody else has it.
    Tentative,
    /// It is.
    Valid,
    /// It is not: somebody else has it.
    Duplicate,
}

/// What is to be done about own addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Ask whether anybody has it.
    Probe(Key),
    /// Tell everybody whose it is.
    Announce(Key),
    /// It is known now whether it is used; `None`: it is not there any more.
    Is(Key, Option<OwnState>),
    /// Somebody else claims one that is used, or is to be.
    Claimed(Key, Mac),
}

/// The own addresses of all interfaces that are up.
#[derive(Debug)]
pub(crate) struct Own {
    addresses: BTreeMap<Key, Address>,
    timers: BTreeSet<(Instant, Key)>,
    /// As an active before knew them: they need not be asked for.
    inherited: BTreeMap<Key, OwnState>,
    /// A chassis that comes up with all its interfaces does not say so in one breath.
    pace: Bucket,
    random: u64,
}

#[derive(Clone, Copy, Debug)]
struct Address {
    state: OwnState,
    /// Probes that are left, or announcements.
    left: u8,
    due: Instant,
    /// When it was defended last.
    defended: Option<Instant>,
}

/// RFC 5227 §1.1: PROBE_WAIT (RFC 4862 §5.4.2 waits as long), PROBE_NUM, PROBE_MIN, PROBE_MAX − PROBE_MIN, ANNOUNCE_WAIT, ANNOUNCE_NUM,
/// ANNOUNCE_INTERVAL, DEFEND_INTERVAL.
const PROBE_WAIT: Duration = Duration::from_secs(1);
const PROBES: u8 = 3;
const PROBE_MIN: Duration = Duration::from_secs(1);
const PROBE_SPREAD: Duration = Duration::from_secs(1);
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
const ANNOUNCEMENTS: u8 = 2;
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// Probes and announcements a second, of all interfaces.
const SAID: u32 = 2_000;
const NEVER: Instant = Instant(u64::MAX);

impl Own {
    pub(crate) fn new(random: u64) -> Self {
        let (addresses, timers, inherited) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { addresses, timers, inherited, pace: Bucket::new(SAID, SAID / 10), random }
    }

    pub(crate) fn state(&self, key: Key) -> Option<OwnState> {
        self.addresses.get(&key).map(|address| address.state)
    }

    pub(crate) fn is_valid(&self, key: Key) -> bool {
        self.state(key) == Some(OwnState::Valid)
    }

    /// All that are known to be used, or not.
    pub(crate) fn save(&self) -> impl Iterator<Item = (InterfaceId, IpAddr, OwnState)> + '_ {
        let known = self.addresses.iter().filter(|(_, address)| address.state != OwnState::Tentative);
        known.map(|((id, address), own)| (*id, *address, own.state))
    }

    /// What an active before knew. An interface that comes up with the address takes it as it was.
    pub(crate) fn restore(&mut self, key: Key, state: OwnState) {
        self.inherited.insert(key, state);
    }

    /// An interface has these addresses; `None`, or one that is not up, has none.
    pub(crate) fn interface(
        &mut self,
        now: Instant,
        id: InterfaceId,
        interface: Option<&Interface>,
        out: &mut Vec<Act>,
    ) {
        let up = interface.filter(|interface| interface.up);
        let wanted: BTreeSet<IpAddr> =
            up.iter().flat_map(|up| up.all_addresses()).map(|(address, _)| address).collect();
        let first = (id, IpAddr::from([0; 4]));
        let held = self.addresses.range(first..).map(|(key, _)| *key).take_while(|key| key.0 == id);
        let gone: Vec<Key> = held.filter(|key| !wanted.contains(&key.1)).collect();
        for key in gone {
            self.set_due(key, NEVER);
            self.addresses.remove(&key);
            out.push(Act::Is(key, None));
        }
        let Some(up) = up else { return };
        for address in wanted {
            let key = (id, address);
            if !self.addresses.contains_key(&key) {
                self.begin(now, key, up, out);
            }
        }
    }

    fn begin(&mut self, now: Instant, key: Key, interface: &Interface, out: &mut Vec<Act>) {
        let settings = interface.neighbours;
        let probes = match key.1 {
            _ if interface.link.is_none() => 0,
            IpAddr::V4(_) if settings.probe => PROBES,
            IpAddr::V4(_) => 0,
            IpAddr::V6(_) => settings.dad_attempts,
        };
        let inherited = self.inherited.remove(&key);
        let state = if probes > 0 { OwnState::Tentative } else { OwnState::Valid };
        let state = inherited.unwrap_or(state);
        self.addresses.insert(key, Address { state, left: probes, due: NEVER, defended: None });
        match state {
            OwnState::Tentative => {
                let wait = self.share(PROBE_WAIT);
                self.set_due(key, now + wait);
            }
            OwnState::Valid if inherited.is_none() && interface.link.is_some() => self.validate(now, key, out),
            OwnState::Valid | OwnState::Duplicate => out.push(Act::Is(key, Some(state))),
        }
    }

    /// It is used from now on.
    fn validate(&mut self, now: Instant, key: Key, out: &mut Vec<Act>) {
        let Some(address) = self.addresses.get_mut(&key) else { return };
        address.state = OwnState::Valid;
        // Of IPv6 one is enough (RFC 9131 §6.1.2 has routers learn of it so).
        address.left = if key.1.is_ipv4() { ANNOUNCEMENTS } else { 1 };
        out.push(Act::Is(key, Some(OwnState::Valid)));
        self.set_due(key, now);
    }

    fn announce(&mut self, now: Instant, key: Key, out: &mut Vec<Act>) {
        let Some(address) = self.addresses.get_mut(&key) else { return };
        address.left = address.left.saturating_sub(1);
        let due = if address.left > 0 { now + ANNOUNCE_INTERVAL } else { NEVER };
        out.push(Act::Announce(key));
        self.set_due(key, due);
    }

    /// Somebody else uses the address, or asks whether it is free in order to use it.
    pub(crate) fn claimed(&mut self, now: Instant, key: Key, station: Mac, out: &mut Vec<Act>) {
        let Some(address) = self.addresses.get_mut(&key) else { return };
        match address.state {
            OwnState::Duplicate => return,
            OwnState::Tentative => {
                address.state = OwnState::Duplicate;
                self.set_due(key, NEVER);
                out.push(Act::Is(key, Some(OwnState::Duplicate)));
            }
            OwnState::Valid => {
                if address.defended.is_some_and(|last| now.since(last) < DEFEND_INTERVAL) {
                    return;
                }
                address.defended = Some(now);
                out.push(Act::Announce(key));
            }
        }
        out.push(Act::Claimed(key, station));
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let (due, _) = self.timers.first()?;
        Some((*due).max(self.pace.ready().unwrap_or(*due)))
    }

    pub(crate) fn due(&mut self, now: Instant, out: &mut Vec<Act>) {
        while let Some((_, key)) = self.timers.first().filter(|(due, _)| *due <= now).copied() {
            if !self.pace.take(now) {
                break;
            }
            self.set_due(key, NEVER);
            let Some(address) = self.addresses.get_mut(&key) else { continue };
            match address.state {
                OwnState::Tentative if address.left > 0 => {
                    address.left -= 1;
                    let last = address.left == 0;
                    out.push(Act::Probe(key));
                    let wait = match key.1 {
                        IpAddr::V4(_) if last => ANNOUNCE_WAIT,
                        IpAddr::V4(_) => PROBE_MIN + self.share(PROBE_SPREAD),
                        IpAddr::V6(_) => crate::adjacency::RETRANSMIT,
                    };
                    self.set_due(key, now + wait);
                }
                OwnState::Tentative => self.validate(now, key, out),
                OwnState::Valid => self.announce(now, key, out),
                OwnState::Duplicate => {}
            }
        }
    }

    fn set_due(&mut self, key: Key, due: Instant) {
        let Some(address) = self.addresses.get_mut(&key) else { return };
        let before = std::mem::replace(&mut address.due, due);
        self.timers.remove(&(before, key));
        if due != NEVER {
            self.timers.insert((due, key));
        }
    }

    fn share(&mut self, of: Duration) -> Duration {
        let part = random::next(&mut self.random) >> 32;
        of.mul_f64(part as f64 / (1u64 << 32) as f64)
    }
}
