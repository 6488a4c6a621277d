//! Static routes: `ip route`, `ipv6 route`.

use super::{
    MASK, PORT, Section, SectionId, V4, V6, V6_LEN, WORD,
    vrf::{self, VrfName},
};
use crate::{
    config::{
        Config, Edit,
        entries::Entry,
        mask_of, not_a_hosts,
        place::{Asked, At, Does},
    },
    grammar::{
        Command, Found, Help, Line, LineError, Shape,
        Token::{self, Argument as A, Keyword as K, OneOf, Optional},
        Value, command,
    },
};
use fabric_proto::{
    fib::{Family, Prefix},
    id::InterfaceId,
};
use std::{
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr},
};

/// Administrative distance of a static route without one of its own.
pub const STATIC_DISTANCE: u8 = 1;

/// A static route: a prefix through a target. Several targets make equal-cost paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaticRoute {
    /// Whose table it is in; `None` for the router's own.
    pub vrf: Option<VrfName>,
    /// Where to.
    pub prefix: Prefix,
    /// Through what.
    pub target: RouteTarget,
}

/// Where a static route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteTarget {
    /// Through a next hop, by whatever route leads to it.
    Via(IpAddr),
    /// Through a neighbour on an interface.
    On(InterfaceId, IpAddr),
    /// `Null0`: discard.
    Null0,
}

pub(super) const SECTION: Section = Section {
    id: SectionId::Routes,
    name: "routes",
    write: |config, f| config.routes.write(f),
    tally: |config| config.routes.tally(),
};

const DISTANCE: Token = A(Shape::Number(1, 255));
const TO_V4: Token = OneOf(&[&[V4], &[PORT, V4], &[K("Null0")]]);
const TO_V6: Token = OneOf(&[&[V6], &[PORT, V6], &[K("Null0")]]);

const VRF: Token = Optional(&[K("vrf"), WORD]);

pub(super) static COMMANDS: &[Command<Does>] = &[
    command(&[K("ip"), K("route"), VRF, V4, MASK, TO_V4, Optional(&[DISTANCE])], route),
    command(&[K("no"), K("ip"), K("route"), VRF, V4, MASK], no_routes),
    command(&[K("no"), K("ip"), K("route"), VRF, V4, MASK, TO_V4, Optional(&[DISTANCE])], no_route),
    command(&[K("ipv6"), K("route"), VRF, V6_LEN, TO_V6, Optional(&[DISTANCE])], route),
    command(&[K("no"), K("ipv6"), K("route"), VRF, V6_LEN], no_routes),
    command(&[K("no"), K("ipv6"), K("route"), VRF, V6_LEN, TO_V6, Optional(&[DISTANCE])], no_route),
];

pub(super) const HELP: Help = &[("Null0", "Discard")];

fn route(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let route = static_route(at, line)?;
    if let Some((next_hop, found)) = next_hop(line)
        && let Some(special) = not_a_hosts(next_hop)
    {
        return Err(found.refused(format!("not a neighbour's address ({special})")));
    }
    if let (RouteTarget::Via(IpAddr::V6(address)), Some((_, found))) = (route.target, next_hop(line))
        && address.is_unicast_link_local()
    {
        return Err(found.refused("a link-local next hop needs its interface before it"));
    }
    if let RouteTarget::On(interface, _) = route.target
        && interface.port().is_none()
    {
        return Err(line.interface_refused("no neighbour can be on it"));
    }
    Ok(Edit::Route(route, Some(distance(line).unwrap_or(STATIC_DISTANCE))).into())
}

fn no_routes(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let prefix = prefix(line)?;
    let vrf = named_vrf(at, line)?;
    let first = StaticRoute { vrf: vrf.clone(), prefix, target: RouteTarget::Via(Ipv4Addr::UNSPECIFIED.into()) };
    let all = at.config.routes.range(first..).take_while(|(route, _)| route.prefix == prefix && route.vrf == vrf);
    Ok(all.map(|(route, _)| Edit::Route(route.clone(), None)).collect::<Vec<_>>().into())
}

/// A distance that is named is part of what is to go.
fn no_route(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let route = static_route(at, line)?;
    let goes = distance(line).is_none_or(|named| at.config.routes.get(&route) == Some(&named));
    Ok(if goes { Edit::Route(route, None).into() } else { Asked::default() })
}

fn static_route(at: &At<'_>, line: &Line) -> Result<StaticRoute, LineError> {
    Ok(StaticRoute { prefix: prefix(line)?, vrf: named_vrf(at, line)?, target: target(line) })
}

fn named_vrf(at: &At<'_>, line: &Line) -> Result<Option<VrfName>, LineError> {
    line.text().is_ok().then(|| vrf::named(at.config, line)).transpose()
}

fn prefix(line: &Line) -> Result<Prefix, LineError> {
    let (address, prefix) = line.subnet()?;
    if address != prefix.address() {
        return Err(line.subnet_refused(format!("has bits set beyond the mask; did you mean {prefix}?")));
    }
    Ok(prefix)
}

/// The address after the prefix.
fn next_hop(line: &Line) -> Option<(IpAddr, &Found)> {
    let address = |found: &Found| if let Value::Address(address) = found.value { Some(address) } else { None };
    let lengths = |found: &Found| matches!(found.value, Value::Length(_) | Value::AddressLength(..));
    line.values().iter().skip_while(|found| !lengths(found)).find_map(|found| Some((address(found)?, found)))
}

fn target(line: &Line) -> RouteTarget {
    match (line.interface().ok(), next_hop(line)) {
        (Some(interface), Some((next_hop, _))) => RouteTarget::On(interface, next_hop),
        (None, Some((next_hop, _))) => RouteTarget::Via(next_hop),
        (_, None) => RouteTarget::Null0,
    }
}

fn distance(line: &Line) -> Option<u8> {
    let last = line.values().last().map(|found| &found.value);
    if let Some(Value::Number(distance)) = last { Some(*distance as u8) } else { None }
}

/// Its administrative distance.
impl Entry<StaticRoute> for u8 {
    fn write(&self, route: &StaticRoute, f: &mut dyn Write) -> fmt::Result {
        let vrf = route.vrf.as_ref().map_or_else(String::new, |vrf| format!("vrf {vrf} "));
        match route.prefix.address() {
            IpAddr::V4(address) => write!(f, "ip route {vrf}{address} {}", mask_of(route.prefix.len()))?,
            IpAddr::V6(_) => write!(f, "ipv6 route {vrf}{}", route.prefix)?,
        }
        match route.target {
            RouteTarget::Via(next_hop) => write!(f, " {next_hop}")?,
            RouteTarget::On(interface, next_hop) => write!(f, " {interface} {next_hop}")?,
            RouteTarget::Null0 => write!(f, " Null0")?,
        }
        match *self {
            STATIC_DISTANCE => writeln!(f),
            distance => writeln!(f, " {distance}"),
        }
    }
}

impl Config {
    /// The static routes of a VRF, or of none.
    pub fn routes_in<'a>(&'a self, vrf: Option<&'a VrfName>) -> impl Iterator<Item = (&'a StaticRoute, u8)> + 'a {
        let (target, prefix) = (RouteTarget::Via(Ipv4Addr::UNSPECIFIED.into()), Prefix::from_bits(Family::V4, 0, 0));
        let first = StaticRoute { vrf: vrf.cloned(), prefix, target };
        let all = self.routes.range(first..).take_while(move |(route, _)| route.vrf.as_ref() == vrf);
        all.map(|(route, distance)| (route, *distance))
    }
}
