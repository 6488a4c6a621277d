//! `ping`, `traceroute`, `clear arp-cache`, `clear ipv6 neighbors`: what this unit does as a host on its links.

use super::View;
use crate::{
    config::VrfName,
    grammar::{
        Help, Line, Shape,
        Token::{self, Argument as A, Keyword as K, OneOf, Optional},
        Value,
    },
};
use fabric_proto::id::{InterfaceId, TableId};
use rp_host::{Ping, Traceroute};
use std::{net::IpAddr, time::Duration};

/// What an operator wants to know of the way to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether it answers.
    Ping(Ping),
    /// Who is on the way.
    Trace(Traceroute),
}

/// Which of them a line asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Ping,
    Trace,
}

const VRF: Token = Optional(&[K("vrf"), A(Shape::Word)]);
const TO: Token =
    OneOf(&[&[A(Shape::Ipv4)], &[A(Shape::Ipv6)], &[K("ip"), A(Shape::Ipv4)], &[K("ipv6"), A(Shape::Ipv6)]]);
const FROM: Token = Optional(&[K("source"), OneOf(&[&[A(Shape::Ipv4)], &[A(Shape::Ipv6)], &[A(Shape::Interface)]])]);
const REPEAT: Token = K("repeat");
const SIZE: Token = K("size");
const TIMEOUT: Token = K("timeout");
const DF: Token = K("df-bit");
const PROBE: Token = K("probe");
const HOPS: Token = K("ttl");

/// Options stand in this order.
pub(super) static PING: &[Token] = &[
    K("ping"),
    VRF,
    TO,
    FROM,
    Optional(&[REPEAT, A(Shape::Number(1, 1_000_000))]),
    Optional(&[SIZE, A(Shape::Number(36, 18_024))]),
    Optional(&[TIMEOUT, A(Shape::Number(0, 3_600))]),
    Optional(&[DF]),
];
pub(super) static TRACE: &[Token] = &[
    K("traceroute"),
    VRF,
    TO,
    FROM,
    Optional(&[PROBE, A(Shape::Number(1, 100))]),
    Optional(&[TIMEOUT, A(Shape::Number(0, 3_600))]),
    Optional(&[HOPS, A(Shape::Number(1, 255))]),
];
const INTERFACE: Token = Optional(&[A(Shape::Interface)]);
pub(super) static CLEAR_ARP: &[Token] = &[K("clear"), Optional(&[K("ip")]), K("arp-cache"), INTERFACE];
pub(super) static CLEAR_ND: &[Token] = &[K("clear"), K("ipv6"), K("neighbors"), INTERFACE];

pub(super) const HELP: Help = &[
    ("ping", "Whether an address answers"),
    ("traceroute", "Who is on the way to an address"),
    ("clear", "Forget"),
    ("arp-cache", "Neighbours that were learned by ARP"),
    ("source", "From this own address, or from this interface's"),
    ("repeat", "How often"),
    ("size", "Bytes of a packet"),
    ("timeout", "Seconds to wait for an answer"),
    ("df-bit", "Nobody may cut the packets"),
    ("probe", "Questions a hop"),
    ("ttl", "The last hop"),
];

/// What a line asks; an error is a message for the operator.
pub(super) fn question(asks: Asks, line: &Line, view: &View<'_>) -> Result<Question, String> {
    let table = match line.text() {
        Ok(name) => {
            let vrf = VrfName::from(name);
            let known = view.running.vrfs.contains_key(&vrf);
            known.then(|| vrf.table()).ok_or_else(|| format!("VRF {name} does not exist"))?
        }
        Err(_) => TableId::DEFAULT,
    };
    let values = || line.values().iter().map(|found| &found.value);
    let address = |value: &Value| if let Value::Address(address) = value { Some(*address) } else { None };
    let mut addresses = values().filter_map(address);
    let destination = addresses.next().ok_or("Incomplete command.")?;
    let interface = line.interface().ok();
    let source = match interface {
        Some(id) => Some(address_of(view, id, destination)?),
        None => addresses.next(),
    };
    if source.is_some_and(|source| source.is_ipv4() != destination.is_ipv4()) {
        return Err("The source is of another family.".to_owned());
    }
    let number = |value: &Value| if let Value::Number(number) = value { Some(*number) } else { None };
    let mut numbers = values().filter_map(number);
    let mut after = |keyword: Token| if line.has(keyword) { numbers.next() } else { None };
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    // A link-local address is on the interface that the source names.
    let via = interface;
    Ok(match asks {
        Asks::Ping => {
            let usual = Ping::new(table, destination);
            let count = after(REPEAT).unwrap_or(usual.count);
            let size = after(SIZE).and_then(|size| u16::try_from(size).ok()).unwrap_or(usual.size);
            let timeout = after(TIMEOUT).map_or(usual.timeout, seconds);
            Question::Ping(Ping { source, via, count, size, timeout, dont_fragment: line.has(DF), ..usual })
        }
        Asks::Trace => {
            let usual = Traceroute::new(table, destination);
            let probes = after(PROBE).and_then(|probes| u8::try_from(probes).ok()).unwrap_or(usual.probes);
            let timeout = after(TIMEOUT).map_or(usual.timeout, seconds);
            let last = after(HOPS).and_then(|hops| u8::try_from(hops).ok()).unwrap_or(usual.hops.1);
            Question::Trace(Traceroute { source, via, probes, timeout, hops: (1, last), ..usual })
        }
    })
}

/// The address of an interface that packets to a destination come from.
fn address_of(view: &View<'_>, id: InterfaceId, destination: IpAddr) -> Result<IpAddr, String> {
    let interface = view.running.interfaces.get(&id).ok_or_else(|| format!("{id} is not there."))?;
    let mut own = interface.addresses().map(|own| own.address);
    own.find(|own| own.is_ipv4() == destination.is_ipv4()).ok_or_else(|| format!("{id} has no such address."))
}
