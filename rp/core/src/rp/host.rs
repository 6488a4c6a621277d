//! The host on its links: what it is told, and what comes of what it says.
//!
//! The seam for whoever carries packets between line cards and this unit: [`Rp::link_host`] once, [`Rp::punted`] for
//! packets that line cards pass on, [`Output::Inject`] for every frame that is to go out.

use super::{Output, Rp};
use crate::{clients::host_interface, config::Edit};
use fabric_proto::{
    id::{InterfaceId, PortId},
    operator::EventKind,
    random::mix,
    time::Instant,
};
use rp_host::Input;
use std::collections::BTreeSet;

/// Interfaces that the host is told of in one step.
const SLICE: usize = 256;

impl Rp {
    /// Line cards pass on packets and take frames: the host is one from the next term on.
    pub fn link_host(&mut self) {
        self.clients.neighbours.link();
    }

    /// What line cards pass on. It concerns an active that has begun to learn; nobody else has a host.
    pub fn host_input(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Output>) {
        let begun = out.len();
        self.beat(now, out);
        self.step_host(now, Some(input), out);
        self.settle(now, out);
        self.log.keep(now, &out[begun..]);
    }

    /// A term has begun to learn.
    pub(super) fn begin_host(&mut self, now: Instant, out: &mut Vec<Output>) {
        // Numbers that were random in one term are others in the next one.
        let seed = mix(self.rf.view().epoch.0 ^ mix(self.boot.boot));
        self.untold.clear();
        self.clients.neighbours.begin(now, seed);
        self.tell_host(now, out);
    }

    /// Tells the host of all interfaces and static neighbours that differ.
    pub(super) fn tell_host(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(host) = self.clients.neighbours.host() else { return };
        let held: BTreeSet<InterfaceId> = host.interfaces().collect();
        let all = held.into_iter().chain(self.config().interfaces.keys().copied()).collect();
        self.tell_host_of(now, all, out);
    }

    /// The same of a port and what is on it.
    pub(super) fn tell_host_of_port(&mut self, now: Instant, port: PortId, out: &mut Vec<Output>) {
        let on = self.config().interfaces.vlans_of(port).map(|(_, id)| id);
        let all = on.chain([port.into()]).collect();
        self.tell_host_of(now, all, out);
    }

    /// The same of these interfaces, and of static neighbours.
    fn tell_host_of(&mut self, now: Instant, all: BTreeSet<InterfaceId>, out: &mut Vec<Output>) {
        if self.clients.neighbours.host().is_some() {
            self.untold.extend(all);
            self.tell_some(now, out);
        }
    }

    /// Tells the host of some of what it has not been told of: a step is short, however many interfaces there are.
    fn tell_some(&mut self, now: Instant, out: &mut Vec<Output>) {
        for _ in 0..SLICE {
            let (Some(host), Some(id)) = (self.clients.neighbours.host(), self.untold.pop_first()) else { break };
            let wanted = host_interface(self.config(), &self.clients.links, id);
            if host.interface(id) != wanted.as_ref() {
                self.step_host(now, Some(Input::Interface(id, wanted)), out);
            }
        }
        let Some(host) = self.clients.neighbours.host().filter(|_| self.untold.is_empty()) else { return };
        let wanted: Vec<_> = self.config().resolved_neighbours().collect();
        let keys: BTreeSet<_> = wanted.iter().map(|fixed| (fixed.interface, fixed.address)).collect();
        let gone: Vec<_> = host.fixed().filter(|key| !keys.contains(key)).collect();
        let differs = |host: &rp_host::Host, key, mac| host.fixed_station(key) != Some(mac);
        let new: Vec<_> = wanted
            .into_iter()
            .map(|fixed| ((fixed.interface, fixed.address), fixed.mac))
            .filter(|(key, mac)| differs(host, *key, *mac))
            .collect();
        for (id, address) in gone {
            self.step_host(now, Some(Input::Static(id, address, None)), out);
        }
        for ((id, address), mac) in new {
            self.step_host(now, Some(Input::Static(id, address, Some(mac))), out);
        }
    }

    /// The same after a change of the configuration, of which `undo` would take back what it did.
    pub(super) fn tell_host_after(&mut self, now: Instant, undo: &[Edit], out: &mut Vec<Output>) {
        let mut all = BTreeSet::new();
        for edit in undo {
            if let Edit::Vrf(..) = edit {
                return self.tell_host(now, out);
            }
            if let Edit::Interface(id, _) = edit {
                all.insert(*id);
                let port = id.as_port().into_iter();
                all.extend(port.flat_map(|port| self.config().interfaces.vlans_of(port).map(|(_, on)| on)));
            }
        }
        self.tell_host_of(now, all, out);
    }

    /// When it is to go on.
    pub(super) fn host_deadline(&self) -> Option<Instant> {
        // What is due is due at once; the owner looks at its other inputs in between.
        if self.untold.is_empty() { self.clients.neighbours.next() } else { Some(Instant(0)) }
    }

    /// Its deadline has passed.
    pub(super) fn host_due(&mut self, now: Instant, out: &mut Vec<Output>) {
        if !self.untold.is_empty() {
            self.tell_some(now, out);
        }
        if self.clients.neighbours.next().is_some_and(|next| next <= now) {
            self.step_host(now, None, out);
        }
    }

    pub(super) fn step_host(&mut self, now: Instant, input: Option<Input<'_>>, out: &mut Vec<Output>) {
        let mut adjacencies = Vec::new();
        for output in self.clients.host_step(now, input) {
            match output {
                rp_host::Output::Send(interface, frame) => out.push(Output::Inject { interface, frame }),
                rp_host::Output::Adjacency(id, address, station) => adjacencies.push(((id, address), station)),
                rp_host::Output::Log(line) => out.push(Output::Event(EventKind::Log { line })),
                rp_host::Output::Probe(id, event) => self.heard(id, &event, out),
                // Its own affair, which is kept; and nobody here listens yet.
                rp_host::Output::Own(..)
                | rp_host::Output::Datagram(_)
                | rp_host::Output::Tcp(..)
                | rp_host::Output::Packet(..) => {}
            }
        }
        self.clients.adjacencies(adjacencies);
    }
}
