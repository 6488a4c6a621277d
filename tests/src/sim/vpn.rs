//! A configuration that release 1.0 has no words for, and what takes it back.

use std::net::{IpAddr, Ipv4Addr};

/// A VRF, with a subinterface and a port of its own; routes by a tag, alone and beside one
/// without.
pub(super) const ADDED: &str = "\
vrf definition red
address-family ipv4
exit
interface 1/1.100
encapsulation dot1Q 100
vrf forwarding red
ip address 10.9.0.1 255.255.255.0
interface 2/2
vrf forwarding red
ip address 10.9.2.1 255.255.255.0
interface 2/1.200
encapsulation dot1Q 200
ip address 10.8.0.1 255.255.255.0
exit
arp vrf red 10.9.0.2 0200.0000.0064 arpa
arp vrf red 10.9.2.2 0200.0000.0902 arpa
arp 10.8.0.2 0200.0000.00c8 arpa
ip route vrf red 20.0.0.0 255.0.0.0 10.9.0.2
ip route vrf red 21.0.0.0 255.0.0.0 10.9.2.2
ip route 198.51.100.0 255.255.255.0 10.8.0.2
ip route 198.51.101.0 255.255.255.0 10.8.0.2
ip route 198.51.101.0 255.255.255.0 10.1.1.10
";

/// Takes it back.
pub(super) const REMOVED: &str = "\
no ip route 198.51.100.0 255.255.255.0 10.8.0.2
no ip route 198.51.101.0 255.255.255.0 10.8.0.2
no ip route 198.51.101.0 255.255.255.0 10.1.1.10
no arp 10.8.0.2
no vrf definition red
no interface 1/1.100
no interface 2/1.200
no interface 2/2
";

/// Destinations of its routes in the default table.
pub(super) const DESTINATIONS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)), IpAddr::V4(Ipv4Addr::new(198, 51, 101, 9))];
