//! A packet's way through the ingress line card: one straight function.
//!
//! Check the frame, look up the destination, choose a path, check the egress, rewrite. A batch
//! takes the same steps, with all look-ups side by side in the middle.
//!
//! TODO (RFC 1812 §4.3.2.7, §5.2.7): no ICMP errors are made; what cannot be forwarded is counted. Nor are fragments
//! (§4.2.2.7): one packet in is at most one packet out, which keeps the books of a trial simple.

use crate::{
    packet::{self, Packet},
    paths::{Hop, PathTable},
    tables::{Ports, Tables},
};
use fabric_proto::{
    drops::DropCause,
    fib::{Family, PathListId},
    flow::FlowSeed,
};
use std::ops::Range;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Out of a port of this card.
    Local {
        /// The port.
        port: u8,
    },
    /// Over the fabric to another card.
    Fabric {
        /// The card.
        slot: u8,
        /// Its port.
        port: u8,
    },
    /// For the chassis itself.
    Punt,
    /// Dropped.
    Drop(DropCause),
}

/// Forwards one frame that arrived on port `ingress`: says where it goes, and has rewritten it for there. `seed` is the
/// chassis'.
pub fn forward(frame: &mut [u8], ingress: u8, tables: &Tables, seed: FlowSeed) -> Verdict {
    let ports = tables.ports();
    let packet = match admit(frame, ingress, &ports, seed) {
        Ok(packet) => packet,
        Err(cause) => return Verdict::Drop(cause),
    };
    let (route, paths) = tables.resolve(|| tables.lookup(packet.family, packet.destination));
    finish(frame, &packet, route, &paths, &ports, tables.slot().0)
}

/// Room that [`forward_batch`] works in, kept from batch to batch so that none is allocated.
#[derive(Debug, Default)]
pub struct Scratch {
    packets: Vec<Result<Packet, DropCause>>,
    v4: Vec<u128>,
    v6: Vec<u128>,
    routes_v4: Vec<Option<PathListId>>,
    routes_v6: Vec<Option<PathListId>>,
}

/// [`forward`] of all `frames` in `buffer`, which arrived on port `ingress`. `verdicts` is
/// overwritten with one for each frame, in order. A range outside the buffer counts as malformed.
pub fn forward_batch(
    buffer: &mut [u8],
    frames: &[Range<usize>],
    ingress: u8,
    tables: &Tables,
    seed: FlowSeed,
    scratch: &mut Scratch,
    verdicts: &mut Vec<Verdict>,
) {
    let ports = tables.ports();
    scratch.packets.clear();
    scratch.v4.clear();
    scratch.v6.clear();
    for range in frames {
        let frame = buffer.get(range.clone()).ok_or(DropCause::Malformed);
        let packet = frame.and_then(|frame| admit(frame, ingress, &ports, seed));
        if let Ok(packet) = &packet {
            match packet.family {
                Family::V4 => scratch.v4.push(packet.destination),
                Family::V6 => scratch.v6.push(packet.destination),
            }
        }
        scratch.packets.push(packet);
    }
    let ((), paths) = tables.resolve(|| {
        tables.v4().lookup_batch(&scratch.v4, &mut scratch.routes_v4);
        tables.v6().lookup_batch(&scratch.v6, &mut scratch.routes_v6);
    });
    let (mut v4, mut v6) = (scratch.routes_v4.iter(), scratch.routes_v6.iter());
    verdicts.clear();
    verdicts.extend(frames.iter().zip(&scratch.packets).map(|(range, packet)| match packet {
        Err(cause) => Verdict::Drop(*cause),
        Ok(packet) => {
            let route = match packet.family {
                Family::V4 => v4.next(),
                Family::V6 => v6.next(),
            };
            finish(&mut buffer[range.clone()], packet, route.copied().flatten(), &paths, &ports, tables.slot().0)
        }
    }));
}

/// Whether a frame that came over the fabric may leave by `port`, as the egress card sees it.
pub fn egress(frame: &[u8], port: u8, ports: &Ports) -> Result<(), DropCause> {
    check_egress(packet::ip_length(frame)?, frame, port, ports)
}

fn admit(frame: &[u8], ingress: u8, ports: &Ports, seed: FlowSeed) -> Result<Packet, DropCause> {
    match ports.port(ingress) {
        Some(port) if port.enabled => packet::parse(frame, port.mac, seed),
        Some(_) | None => Err(DropCause::PortDown),
    }
}

fn finish(
    frame: &mut [u8],
    packet: &Packet,
    route: Option<PathListId>,
    paths: &PathTable,
    ports: &Ports,
    own: u8,
) -> Verdict {
    let Some(route) = route else { return Verdict::Drop(packet.barred.unwrap_or(DropCause::NoRoute)) };
    let hop = paths.choose(route, packet.flow);
    if let Some(cause) = packet.barred {
        return if hop == Some(Hop::Receive) { Verdict::Punt } else { Verdict::Drop(cause) };
    }
    match hop {
        Some(Hop::Port { slot, port, dst_mac, src_mac }) => {
            let verdict = if slot == own {
                if let Err(cause) = check_egress(packet.length, frame, port, ports) {
                    return Verdict::Drop(cause);
                }
                Verdict::Local { port }
            } else {
                Verdict::Fabric { slot, port }
            };
            packet::rewrite(frame, packet.family, dst_mac, src_mac);
            verdict
        }
        Some(Hop::Receive) => Verdict::Punt,
        Some(Hop::Discard) => Verdict::Drop(DropCause::Discard),
        Some(Hop::Unresolved) | None => Verdict::Drop(DropCause::NoAdjacency),
    }
}

fn check_egress(length: u16, frame: &[u8], port: u8, ports: &Ports) -> Result<(), DropCause> {
    let port = ports.port(port).ok_or(DropCause::NoSuchPort)?;
    if !port.enabled {
        return Err(DropCause::PortDown);
    }
    if length > port.mtu { Err(packet::too_long(frame)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
