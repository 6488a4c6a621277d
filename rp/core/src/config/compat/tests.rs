use super::*;
use fabric_proto::platform::NATIVE;

/// Everything that release 1.0 has, as it writes it.
const FIRST: &str = "\
!
version 1.0
service timestamps debug datetime msec
no service pad
!
hostname pe1
!
boot-start-marker
boot system flash disk0:swact-1.0
boot-end-marker
!
config-register 0x2102
hw-module slot A image disk0:swact-1.0
!
ip cef distributed
ipv6 unicast-routing
ipv6 cef distributed
!
redundancy
 mode sso
 switchover timer msec 300
 crashdump-timeout 5
 main-cpu
  no auto-sync startup-config
  auto-sync running-config
!
interface GigabitEthernet1/1
 description to the core: a longer text
 mtu 9000
 ip address 10.0.1.1 255.255.255.0
 ipv6 address fd00:1::1/64
 shutdown
 no snmp trap link-status
!
interface GigabitEthernet2/1
 no ip address
!
ip route 192.0.2.0 255.255.255.0 10.0.1.2
ip route 198.51.100.0 255.255.255.0 Null0 250
ipv6 route 2001:db8::/32 fd00:1::2 7
arp 10.0.1.2 0200.0000.0102 arpa
arp 10.0.1.3 0200.0000.0103 arpa GigabitEthernet1/1
ipv6 neighbor fd00:1::2 GigabitEthernet1/1 0200.0000.0102
!
snmp-server enable traps snmp linkdown linkup
!
end
";

#[test]
fn what_release_1_0_wrote_it_is_given_as_it_is() {
    let kept = understood(FIRST);
    assert_eq!(kept.left_out, [] as [String; 0]);
    assert_eq!(kept.text, FIRST);
    // And this release writes of it what that one wrote.
    let config = Config::factory(&NATIVE).parse_over(FIRST, "first").unwrap();
    assert_eq!(config.for_release_1_0("by hand"), kept);
}

#[test]
fn what_it_has_no_words_for_is_left_out_and_named() {
    let later = FIRST.replace(
        "ipv6 route",
        "ip route 203.0.113.0 255.255.255.0 GigabitEthernet1/1 10.0.1.2\nvrf definition red\n rd 1:1\nipv6 route",
    );
    let later = later.replace(" mtu 9000\n", " mtu 9000\n vrf forwarding red\n");
    let later = later.replace(
        "interface GigabitEthernet2/1\n",
        "interface GigabitEthernet1/1.100\n encapsulation dot1Q 100\n ip address 10.9.0.1 255.255.255.0\n!\n\
         interface Loopback0\n ip address 10.0.0.1 255.255.255.255\n!\ninterface GigabitEthernet2/1\n",
    );
    let kept = understood(&later);
    assert_eq!(
        kept.left_out,
        [
            "interface GigabitEthernet1/1: vrf forwarding red",
            "interface GigabitEthernet1/1.100",
            "interface GigabitEthernet1/1.100: encapsulation dot1Q 100",
            "interface GigabitEthernet1/1.100: ip address 10.9.0.1 255.255.255.0",
            "interface Loopback0",
            "interface Loopback0: ip address 10.0.0.1 255.255.255.255",
            "ip route 203.0.113.0 255.255.255.0 GigabitEthernet1/1 10.0.1.2",
            "vrf definition red",
            "vrf definition red: rd 1:1",
        ]
    );
    // Nothing of a mode that is left out stands in another one.
    assert_eq!(kept.text.replace("!\n!\n!\n", "!\n"), FIRST);
}
