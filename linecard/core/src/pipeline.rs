//! A packet's way through the ingress line card: one straight function.
//!
//! Check the frame, look up the destination, choose a path, check the egress, rewrite. A batch
//! takes the same steps, with all look-ups side by side in the middle.
//!
//! Errors are the route processor's to answer ([`PuntReason::of_drop`]). No fragments are made (RFC 1812 §4.2.2.7): one packet in
//! is at most one packet out, which keeps the books of a trial simple.

use crate::{
    encap::Put,
    packet::{self, Packet, Stop},
    paths::{Hop, PathTable},
    tables::{Ports, Tables},
};
use fabric_proto::{
    cell::FRAME_MAX,
    drops::DropCause,
    fib::{Family, PathListId},
    flow::FlowSeed,
    id::TableId,
    punt::PuntReason,
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
    /// For the route processor.
    Punt(PuntReason),
    /// Dropped.
    Drop(DropCause),
}

/// Who watches a packet's decisions. What forwards watches nothing, and nothing is left of it in what forwards.
pub trait Observe {
    /// A frame is a packet, and is looked up.
    fn admitted(&mut self, _packet: &Packet) {}
    /// It was looked up in a table; `paths` is what the route is read in.
    fn looked_up(&mut self, _table: TableId, _packet: &Packet, _route: Option<PathListId>, _paths: &PathTable) {}
}

/// Nobody.
struct Unwatched;

impl Observe for Unwatched {}

/// Forwards one frame of `buffer` that arrived on port `ingress`: says where it goes, and where in the buffer it lies now,
/// rewritten for there. A rewrite that is longer than what the frame came behind takes the room before it
/// ([`HEADROOM`](crate::encap::HEADROOM) at most). `seed` is the chassis'.
pub fn forward(
    buffer: &mut [u8],
    frame: Range<usize>,
    ingress: u8,
    tables: &Tables,
    seed: FlowSeed,
) -> (Verdict, Range<usize>) {
    forward_watched(buffer, frame, ingress, tables, seed, &mut Unwatched)
}

/// The same before somebody's eyes.
pub fn forward_watched(
    buffer: &mut [u8],
    frame: Range<usize>,
    ingress: u8,
    tables: &Tables,
    seed: FlowSeed,
    observer: &mut impl Observe,
) -> (Verdict, Range<usize>) {
    let pass = Pass { tables, ports: &tables.ports() };
    let bytes = buffer.get(frame.clone()).ok_or(Stop::Drop(DropCause::Malformed));
    let packet = match bytes.and_then(|bytes| admit(bytes, ingress, pass.ports, seed)) {
        Ok(packet) => packet,
        Err(stop) => return (stop.into(), frame),
    };
    observer.admitted(&packet);
    let (route, paths) = tables.resolve(|| tables.lookup_in(packet.table, packet.family, packet.destination));
    observer.looked_up(packet.table, &packet, route, &paths);
    finish(buffer, frame, &packet, route, &paths, &pass, observer)
}

/// Room that [`forward_batch`] works in, kept from batch to batch so that none is allocated.
#[derive(Debug, Default)]
pub struct Scratch {
    packets: Vec<Result<Packet, Stop>>,
    v4: Vec<u128>,
    v6: Vec<u128>,
    routes_v4: Vec<Option<PathListId>>,
    routes_v6: Vec<Option<PathListId>>,
    /// What is looked up in another table than the batch's first packet.
    strays: Vec<(TableId, Family, u128)>,
    routes_of_strays: Vec<Option<PathListId>>,
}

/// [`forward`] of all `frames` in `buffer`, one behind the other, which arrived on port `ingress`. Each is given to
/// `sink` with its verdict before the next one is written, whose rewrite may take its place: a packet is copied once, from
/// where it arrived to where it waits. A range outside the buffer counts as malformed. What is dropped or punted comes as it
/// arrived, but for one that was found to be too long behind its rewrite.
pub fn forward_batch(
    buffer: &mut [u8],
    frames: &[Range<usize>],
    ingress: u8,
    tables: &Tables,
    seed: FlowSeed,
    scratch: &mut Scratch,
    mut sink: impl FnMut(Verdict, &[u8]),
) {
    let pass = Pass { tables, ports: &tables.ports() };
    scratch.packets.clear();
    scratch.v4.clear();
    scratch.v6.clear();
    scratch.strays.clear();
    // One port's packets are nearly always one table's.
    let mut home = None;
    for range in frames {
        let frame = buffer.get(range.clone()).ok_or(Stop::Drop(DropCause::Malformed));
        let packet = frame.and_then(|frame| admit(frame, ingress, pass.ports, seed));
        if let Ok(packet) = &packet {
            match packet.family {
                _ if *home.get_or_insert(packet.table) != packet.table => {
                    scratch.strays.push((packet.table, packet.family, packet.destination));
                }
                Family::V4 => scratch.v4.push(packet.destination),
                Family::V6 => scratch.v6.push(packet.destination),
            }
        }
        scratch.packets.push(packet);
    }
    let home = home.unwrap_or_default();
    let ((), paths) = tables.resolve(|| {
        tables.lookup_batch(home, Family::V4, &scratch.v4, &mut scratch.routes_v4);
        tables.lookup_batch(home, Family::V6, &scratch.v6, &mut scratch.routes_v6);
        let look_up = |(table, family, address): &(TableId, Family, u128)| tables.lookup_in(*table, *family, *address);
        scratch.routes_of_strays.clear();
        scratch.routes_of_strays.extend(scratch.strays.iter().map(look_up));
    });
    let (mut v4, mut v6) = (scratch.routes_v4.iter(), scratch.routes_v6.iter());
    let mut strays = scratch.routes_of_strays.iter();
    for (range, packet) in frames.iter().zip(&scratch.packets) {
        match packet {
            Err(stop) => sink((*stop).into(), buffer.get(range.clone()).unwrap_or_default()),
            Ok(packet) => {
                let route = match packet.family {
                    _ if packet.table != home => strays.next(),
                    Family::V4 => v4.next(),
                    Family::V6 => v6.next(),
                };
                let route = route.copied().flatten();
                let (verdict, range) = finish(buffer, range.clone(), packet, route, &paths, &pass, &mut Unwatched);
                sink(verdict, &buffer[range]);
            }
        }
    }
}

/// Whether a frame that came over the fabric may leave by `port`, as the egress card sees it.
pub fn egress(frame: &[u8], port: u8, ports: &Ports) -> Result<(), DropCause> {
    check_egress(packet::packet_length(frame)?, frame, port, ports)
}

/// Whether a frame that the route processor has made may leave by `port`: of whatever protocol it is.
pub fn injected(frame: &[u8], port: u8, ports: &Ports) -> Result<(), DropCause> {
    let port = ports.port(port).ok_or(DropCause::NoSuchPort)?;
    match frame.len() <= usize::from(port.mtu) + packet::LINK_MAX {
        _ if !port.enabled => Err(DropCause::PortDown),
        true => Ok(()),
        false => Err(DropCause::TooBig),
    }
}

impl From<Stop> for Verdict {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Drop(cause) => Self::Drop(cause),
            Stop::Punt(reason) => Self::Punt(reason),
        }
    }
}

fn admit(frame: &[u8], ingress: u8, ports: &Ports, seed: FlowSeed) -> Result<Packet, Stop> {
    match ports.port(ingress) {
        Some(port) if port.enabled => packet::parse(frame, port, seed),
        Some(_) | None => Err(DropCause::PortDown.into()),
    }
}

/// What a batch is forwarded by.
struct Pass<'a> {
    tables: &'a Tables,
    ports: &'a Ports,
}

/// Always inlined: with a call for each packet, `pipeline_behind tag` took 692 instructions a packet in place of 671.
#[inline(always)]
fn finish(
    buffer: &mut [u8],
    frame: Range<usize>,
    packet: &Packet,
    route: Option<PathListId>,
    paths: &PathTable,
    pass: &Pass<'_>,
    observer: &mut impl Observe,
) -> (Verdict, Range<usize>) {
    let Some(route) = route else { return (Verdict::Drop(packet.barred.unwrap_or(DropCause::NoRoute)), frame) };
    let hop = paths.choose(route, packet.flow);
    let verdict = match (hop, packet.barred) {
        (Some(Hop::Receive), _) => Verdict::Punt(PuntReason::ForUs),
        (Some(Hop::Lookup { table }), _) => return look_up_again(buffer, frame, packet, *table, pass, observer),
        (_, Some(cause)) => Verdict::Drop(cause),
        (Some(Hop::Port { slot, port, encap }), None) => {
            let exit = Exit { slot: *slot, port: *port, encap };
            return leave(buffer, frame, packet, &exit, pass);
        }
        (Some(Hop::PortLong { slot, port, encap }), None) => {
            let exit = Exit { slot: *slot, port: *port, encap: &**encap };
            return leave(buffer, frame, packet, &exit, pass);
        }
        (Some(Hop::Discard), None) => Verdict::Drop(DropCause::Discard),
        (Some(Hop::Unresolved), None) => Verdict::Punt(PuntReason::Glean),
        (None, None) => Verdict::Drop(DropCause::NoAdjacency),
    };
    (verdict, frame)
}

/// A path led to another table. From there none leads on: tables that lead to each other would never let go of a packet.
#[cold]
fn look_up_again(
    buffer: &mut [u8],
    frame: Range<usize>,
    packet: &Packet,
    table: TableId,
    pass: &Pass<'_>,
    observer: &mut impl Observe,
) -> (Verdict, Range<usize>) {
    let look_up = || pass.tables.lookup_in(table, packet.family, packet.destination);
    let (route, paths) = pass.tables.resolve(look_up);
    observer.looked_up(table, packet, route, &paths);
    match route.and_then(|route| paths.choose(route, packet.flow)) {
        Some(Hop::Lookup { .. }) => (Verdict::Drop(packet.barred.unwrap_or(DropCause::NoRoute)), frame),
        Some(_) | None => finish(buffer, frame, packet, route, &paths, pass, observer),
    }
}

/// Where a packet leaves the chassis, and behind what.
struct Exit<'a, E> {
    slot: u8,
    port: u8,
    encap: &'a E,
}

/// Rewrites a packet that may leave, as far as this card can know it.
#[inline]
fn leave(
    buffer: &mut [u8],
    frame: Range<usize>,
    packet: &Packet,
    exit: &Exit<'_, impl Put>,
    pass: &Pass<'_>,
) -> (Verdict, Range<usize>) {
    match rewrite(buffer, frame.clone(), packet, exit, pass) {
        Ok(left) => left,
        Err(cause) => (Verdict::Drop(cause), frame),
    }
}

#[inline]
fn rewrite(
    buffer: &mut [u8],
    frame: Range<usize>,
    packet: &Packet,
    exit: &Exit<'_, impl Put>,
    pass: &Pass<'_>,
) -> Result<(Verdict, Range<usize>), DropCause> {
    let &Exit { slot, port, encap } = exit;
    let local = slot == pass.tables.slot().0;
    let plain = encap.is_plain();
    if local && plain {
        check_egress(packet.length, &buffer[frame.clone()], port, pass.ports)?;
    }
    let ip = frame.start + usize::from(packet.link);
    packet::take_hop(&mut buffer[ip..frame.end], packet.family);
    // What pads a short frame of Ethernet is no part of the packet; nobody else needs it.
    let end = if plain { frame.end } else { ip + usize::from(packet.length) };
    let start = encap.put(buffer, ip, end, packet.family).ok_or(DropCause::TooBig)?;
    if !plain {
        if end - start > FRAME_MAX {
            return Err(DropCause::TooBig);
        }
        if local {
            egress(&buffer[start..end], port, pass.ports)?;
        }
    }
    Ok((if local { Verdict::Local { port } } else { Verdict::Fabric { slot, port } }, start..end))
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
