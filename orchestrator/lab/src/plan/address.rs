//! Who lives where on a link between a chassis and a tester.
//!
//! On port `s/p` the chassis has `10.s.p.1/24` and `fd00:s:p::1/64`; the i-th neighbour that the
//! tester plays there has `10.s.p.(10+i)`, `fd00:s:p::(10+i)` and the MAC address `02:00:s:p:00:i`.

use crate::topology::{TesterPort, Topology, tester_ports};
use fabric_proto::{fib::Mac, id::PortId};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Last address byte of the first neighbour on a link.
const FIRST: u16 = 10;

/// A neighbour that a tester plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address.
    pub ipv6: Ipv6Addr,
    /// Its MAC address.
    pub mac: Mac,
}

/// A neighbour and the wire it sits behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedNeighbour {
    /// The neighbour.
    pub neighbour: Neighbour,
    /// The wire.
    pub at: TesterPort,
}

/// The chassis' own IPv4 address on a port.
pub fn port_ipv4(port: PortId) -> Ipv4Addr {
    Ipv4Addr::new(10, port.slot.0, port.port, 1)
}

/// The chassis' own IPv6 address on a port.
pub fn port_ipv6(port: PortId) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, port.slot.0.into(), port.port.into(), 0, 0, 0, 0, 1)
}

impl Neighbour {
    /// The `index`-th neighbour on a port, from 0.
    pub fn on(port: PortId, index: u8) -> Self {
        let host = FIRST + u16::from(index);
        Self {
            ipv4: Ipv4Addr::new(10, port.slot.0, port.port, host as u8),
            ipv6: Ipv6Addr::new(0xfd00, port.slot.0.into(), port.port.into(), 0, 0, 0, 0, host),
            mac: [0x02, 0, port.slot.0, port.port, 0, index],
        }
    }
}

/// A chassis' next hops, spread evenly over its links to testers: 64 over 4 links are 16 behind each.
pub fn next_hops(topology: &Topology, chassis: &str, count: u16) -> Vec<PlacedNeighbour> {
    let ports = tester_ports(topology, chassis);
    let place = |number: usize| {
        let at = ports[number % ports.len()].clone();
        PlacedNeighbour { neighbour: Neighbour::on(at.port, (number / ports.len()) as u8), at }
    };
    if ports.is_empty() { Vec::new() } else { (0..usize::from(count)).map(place).collect() }
}
