//! The wires of a simulated chassis: which ports have carrier, as the shells of line cards tell it.

use super::{World, fabric::Parcel};
use fabric_proto::{
    id::{LcSlot, PortId},
    linecard::PortConfig,
};
use linecard_core::linecard::Input as LcInput;
use std::time::Duration;

/// The two ends of a wire find each other within this time.
const WIRE: Duration = Duration::from_millis(20);

impl World {
    /// A card's ports are configured: its shell looks at their wires, which takes a moment.
    pub(super) fn ports_changed(&mut self, slot: LcSlot, ports: &[PortConfig]) {
        let node = &mut self.lcs[usize::from(slot.0) - 1];
        node.enabled = ports.iter().filter(|port| port.enabled).map(|port| port.port).collect();
        let generation = node.generation;
        for port in ports {
            let delay = Duration::from_nanos(self.random.below(WIRE.as_nanos() as u64));
            self.post(delay, Parcel::Carrier(slot, generation, port.port));
        }
    }

    /// The wire of a port shows whether it carries anything.
    pub(super) fn carrier(&mut self, slot: LcSlot, generation: u64, port: u8) {
        let node = &mut self.lcs[usize::from(slot.0) - 1];
        let enabled = node.enabled.contains(&port);
        let up = enabled && !self.pulled.contains(&PortId { slot, port });
        if node.generation != generation || node.card.is_none() || !(enabled || node.told.contains_key(&port)) {
            return;
        }
        if node.told.insert(port, up) != Some(up) {
            self.trace(16, || format!("line card {slot}: port {port} {}", if up { "up" } else { "down" }));
            self.tell_lc(slot, LcInput::PortState { port, up });
        }
    }

    /// The wire of a port is pulled, or plugged in again.
    pub fn pull_wire(&mut self, port: PortId, pulled: bool) {
        if pulled {
            self.pulled.insert(port);
        } else {
            self.pulled.remove(&port);
        }
        self.checker.forget_verified();
        if let Some(node) = self.lcs.get(usize::from(port.slot.0) - 1) {
            self.carrier(port.slot, node.generation, port.port);
        }
    }
}
