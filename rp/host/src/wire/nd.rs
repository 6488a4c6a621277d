//! Messages of neighbour discovery (RFC 4861 §4).

use super::{
    icmp::{Message, v6},
    ip::{Outgoing, Packet},
};
use etherparse::{
    icmpv6::{NdpOptionSlice, NdpOptionsIterator, PrefixInformation},
    ip_number,
};
use fabric_proto::fib::Mac;
use std::net::{IpAddr, Ipv6Addr};

/// All nodes on a link (RFC 4291 §2.7.1).
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers on a link.
pub(crate) const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// A valid message. Options that are not known are passed over (§4.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nd {
    RouterSolicitation { mac: Option<Mac> },
    RouterAdvertisement { mac: Option<Mac> },
    NeighborSolicitation { target: Ipv6Addr, mac: Option<Mac> },
    NeighborAdvertisement { target: Ipv6Addr, mac: Option<Mac>, flags: Flags },
    Redirect,
}

/// Flags of a neighbour advertisement (§4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) router: bool,
    pub(crate) solicited: bool,
    pub(crate) overrides: bool,
}

/// Options that anything hangs on.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    source: Option<Mac>,
    target: Option<Mac>,
}

impl Options {
    /// `None` where any is damaged: the whole message is discarded (§6.1, §7.1).
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library may learn of more")]
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut options = Self::default();
        for option in NdpOptionsIterator::from_slice(bytes) {
            match option.ok()? {
                NdpOptionSlice::SourceLinkLayerAddress(option) => {
                    options.source = Some(*option.link_layer_address().first_chunk()?);
                }
                NdpOptionSlice::TargetLinkLayerAddress(option) => {
                    options.target = Some(*option.link_layer_address().first_chunk()?);
                }
                _ => {}
            }
        }
        Some(options)
    }
}

impl Nd {
    /// Whether a message's number is one of neighbour discovery's.
    pub(crate) fn is_kind(kind: u8) -> bool {
        (v6::ROUTER_SOLICITATION..=v6::REDIRECT).contains(&kind)
    }

    /// Reads a message and holds it against what a valid one is (§6.1.1, §6.1.2, §7.1.1, §7.1.2, §8.1).
    pub(crate) fn parse(packet: &Packet<'_>, message: &Message<'_>) -> Option<Self> {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (packet.source, packet.destination) else { return None };
        // From this link only, whatever a router in between might have passed on.
        if packet.ttl != 255 || message.code != 0 || packet.fragment.is_some() {
            return None;
        }
        let body = message.body;
        Some(match message.kind {
            v6::ROUTER_SOLICITATION => {
                let mac = Options::parse(body)?.source;
                if source.is_unspecified() && mac.is_some() {
                    return None;
                }
                Self::RouterSolicitation { mac }
            }
            v6::ROUTER_ADVERTISEMENT => {
                let options = Options::parse(body.get(8..)?)?;
                if !source.is_unicast_link_local() {
                    return None;
                }
                Self::RouterAdvertisement { mac: options.source }
            }
            v6::NEIGHBOR_SOLICITATION => {
                let (target, options) = targeted(body)?;
                let mac = options.source;
                if source.is_unspecified() && (mac.is_some() || destination != solicited_node(target)) {
                    return None;
                }
                Self::NeighborSolicitation { target, mac }
            }
            v6::NEIGHBOR_ADVERTISEMENT => {
                let (target, options) = targeted(body)?;
                let has = |bit: u8| message.word[0] & bit != 0;
                let flags = Flags { router: has(0x80), solicited: has(0x40), overrides: has(0x20) };
                if destination.is_multicast() && flags.solicited {
                    return None;
                }
                Self::NeighborAdvertisement { target, mac: options.target, flags }
            }
            v6::REDIRECT => Self::Redirect,
            _ => return None,
        })
    }
}

fn targeted(body: &[u8]) -> Option<(Ipv6Addr, Options)> {
    let (target, options) = body.split_first_chunk::<16>()?;
    let target = Ipv6Addr::from(*target);
    (!target.is_multicast()).then_some((target, Options::parse(options)?))
}

/// The group in which whoever has an address listens (RFC 4291 §2.7.1).
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., next, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | next & 0xff, low)
}

/// The station address of a group (RFC 2464 §7).
pub(crate) fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// A question after an address: to its group, to itself, or from `::` for one that is to become ours (RFC 4862 §5.4.2).
pub(crate) fn solicitation(source: Ipv6Addr, destination: Ipv6Addr, target: Ipv6Addr, mac: Mac) -> Outgoing {
    let mut body = target.octets().to_vec();
    if !source.is_unspecified() {
        body.extend(link_layer(1, mac));
    }
    packet(source, destination, v6::NEIGHBOR_SOLICITATION, [0; 4], &body)
}

/// What is said of an own address.
pub(crate) fn advertisement(target: Ipv6Addr, destination: Ipv6Addr, mac: Mac, flags: Flags) -> Outgoing {
    let bit = |flag: bool, bit: u8| if flag { bit } else { 0 };
    let word = [bit(flags.router, 0x80) | bit(flags.solicited, 0x40) | bit(flags.overrides, 0x20), 0, 0, 0];
    let mut body = target.octets().to_vec();
    body.extend(link_layer(2, mac));
    packet(target, destination, v6::NEIGHBOR_ADVERTISEMENT, word, &body)
}

/// What a router says of itself and of its link (§4.2).
pub(crate) fn router_advertisement(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    mac: Mac,
    lifetime: u16,
    mtu: u16,
    prefixes: impl Iterator<Item = (Ipv6Addr, u8)>,
) -> Outgoing {
    let [high, low] = lifetime.to_be_bytes();
    // Reachable time and retransmission timer are left to the hosts.
    let mut body = vec![0; 8];
    body.extend(link_layer(1, mac));
    body.extend([5, 1, 0, 0]);
    body.extend(u32::from(mtu).to_be_bytes());
    for (prefix, prefix_length) in prefixes {
        let information = PrefixInformation {
            prefix_length,
            on_link: true,
            // RFC 4862 §5.5.3 d: nobody makes an address out of any other length.
            autonomous_address_configuration: prefix_length == 64,
            // §6.2.1, AdvValidLifetime and AdvPreferredLifetime: 30 and 7 days.
            valid_lifetime: 2_592_000,
            preferred_lifetime: 604_800,
            prefix: prefix.octets(),
        };
        body.extend(information.to_bytes());
    }
    packet(source, destination, v6::ROUTER_ADVERTISEMENT, [64, 0, high, low], &body)
}

fn link_layer(kind: u8, mac: Mac) -> [u8; 8] {
    let [a, b, c, d, e, f] = mac;
    [kind, 1, a, b, c, d, e, f]
}

fn packet(source: Ipv6Addr, destination: Ipv6Addr, kind: u8, word: [u8; 4], body: &[u8]) -> Outgoing {
    let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
    let payload = Message { kind, code: 0, word, body }.to_bytes(source, destination);
    let protocol = ip_number::IPV6_ICMP;
    Outgoing { source, destination, ttl: 255, class: 0xc0, dont_fragment: true, protocol, payload }
}
