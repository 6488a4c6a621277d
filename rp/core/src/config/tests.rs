mod vrfs;

use super::*;
use crate::grammar::Shape;
use fabric_proto::{
    fib::{Family, Prefix},
    id::{InterfaceId, PortId},
    redundancy::Mode,
};
use proptest::{collection, option, prelude::*};
use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

const EDGE: &str = "\
! a chassis of two line cards
version 2.0
service timestamps debug datetime msec
hostname pe1
!
boot system bootflash:swact-2.0
config-register 0x2102
hw-module slot A image bootflash:swact-2.0
hw-module slot B image bootflash:swact-2.1
ip cef distributed
ipv6 unicast-routing
ipv6 cef distributed
redundancy
 mode rpr-plus
 switchover timer 2
 crashdump-timeout 01:00
 main-cpu
  auto-sync standard
!
interface GigabitEthernet1/1
 description to t1, port 1
 ip address 10.0.1.1 255.255.255.0
 ipv6 address 2001:db8:1::1/64
 no shutdown
interface Gi 2/1
 mtu 9000
 ip address 10.0.2.1 255.255.255.0
 shutdown
 no snmp trap link-status
!
boot-end-marker
snmp-server enable traps snmp linkup
ip route 192.0.2.0 255.255.255.0 10.0.1.2
ip route 192.0.2.0 255.255.255.0 10.0.1.3 20
ip route 0.0.0.0 0.0.0.0 Null0 250
ipv6 route 2001:db8:f::/48 2001:db8:1::2
arp 10.0.1.2 0200.0a00.0102 arpa
ipv6 neighbor 2001:db8:1::2 Gi1/1 0200.0a00.0102
end
";

fn edge() -> Config {
    Config::parse(EDGE, "edge.cfg").unwrap()
}

fn error(text: &str) -> ConfigError {
    Config::parse(text, "pe1.cfg").unwrap_err()
}

#[test]
fn a_whole_file_is_understood() {
    let config = edge();
    assert_eq!(config.hostname, "pe1");
    assert_eq!(config.redundancy.mode, Mode::RprPlus);
    assert_eq!(config.redundancy.crashdump_timeout, Duration::from_secs(3600));
    assert_eq!(config.redundancy.switchover_timer, Some(Duration::from_secs(2)));
    assert_eq!(config.link_traps, LinkTraps { down: false, up: true });
    assert_eq!(config.redundancy.auto_sync, AutoSync::STANDARD);
    let other = &config.interfaces[&"2/1".parse().unwrap()];
    assert!(other.shutdown && !other.link_trap);
    assert_eq!(other.mtu, 9000);
    assert_eq!(config.routes.len(), 4);
    assert_eq!(config.slot_images[&RpSlot::B], ["bootflash:swact-2.1"]);
    let neighbours: Vec<_> = config.resolved_neighbours().collect();
    assert_eq!(neighbours.len(), 2);
    assert!(neighbours.iter().all(|at| at.mac == [2, 0, 10, 0, 1, 2] && at.interface == "1/1".parse().unwrap()));
}

#[test]
fn the_running_configuration_reads_as_routers_write_it() {
    let text = edge().render();
    let expected = "\
!
version 2.0
service timestamps debug datetime msec
!
hostname pe1
!
boot-start-marker
boot system bootflash:swact-2.0
boot-end-marker
!
config-register 0x2102
hw-module slot A image bootflash:swact-2.0
hw-module slot B image bootflash:swact-2.1
!
ip cef distributed
ipv6 unicast-routing
ipv6 cef distributed
!
redundancy
 mode rpr-plus
 switchover timer 2
 crashdump-timeout 60
 main-cpu
  auto-sync standard
!
interface GigabitEthernet1/1
 description to t1, port 1
 ip address 10.0.1.1 255.255.255.0
 ipv6 address 2001:db8:1::1/64
!
interface GigabitEthernet2/1
 mtu 9000
 ip address 10.0.2.1 255.255.255.0
 shutdown
 no snmp trap link-status
!
ip route 0.0.0.0 0.0.0.0 Null0 250
ip route 192.0.2.0 255.255.255.0 10.0.1.2
ip route 192.0.2.0 255.255.255.0 10.0.1.3 20
ipv6 route 2001:db8:f::/48 2001:db8:1::2
arp 10.0.1.2 0200.0a00.0102 arpa
ipv6 neighbor 2001:db8:1::2 GigabitEthernet1/1 0200.0a00.0102
!
snmp-server enable traps snmp linkup
!
end
";
    assert_eq!(text, expected);
    assert_eq!(Config::parse(&text, "running").unwrap(), edge());
}

#[test]
fn saved_output_of_show_commands_reads_back() {
    let text = format!("Building configuration...\n\nCurrent configuration : 99 bytes\n{}", edge());
    assert_eq!(Config::parse(&text, "saved").unwrap(), edge());
}

#[test]
fn errors_name_file_line_column_and_word() {
    for (text, message) in [
        (
            "hostname pe1\nredundancy\n mode bogus\n",
            "pe1.cfg:3:7: 'bogus' is not valid here; expected one of: hsa, rpr, rpr-plus, sso",
        ),
        (
            "router bgp 65000\n",
            "pe1.cfg:1:1: 'router bgp' is not supported: routes come from the route feed and from static routes; there is no routing process to configure",
        ),
        (
            "interface 1/1\n ip address 10.0.0.1 255.0.255.0\n",
            "pe1.cfg:2:22: '255.0.255.0': the mask has holes: its ones must stand together on the left",
        ),
        (
            "interface Serial1/1\n",
            "pe1.cfg:1:11: 'Serial1/1': this chassis has GigabitEthernet and Loopback interfaces only",
        ),
        ("redundancy\n crashdump-timeout 1081\n", "pe1.cfg:2:20: '1081': not in the range 0 to 1080"),
        ("redundancy\n crashdump-timeout 18:01\n", "pe1.cfg:2:20: '18:01': not a time up to 18:00"),
        ("redundancy\n switchover timer 0\n", "pe1.cfg:2:19: '0': not in the range 1 to 3600"),
        (
            "ip vrf red\n",
            "pe1.cfg:1:1: 'ip vrf' is not supported: VRFs are of both families: use vrf definition, and vrf forwarding on interfaces",
        ),
        ("vpdn-group 1\n", "pe1.cfg:1:1: 'vpdn-group' is not supported: there are no L2TP sessions yet"),
        ("no mpls ip\n", "pe1.cfg:1:4: 'mpls' is not supported: there are no labels yet"),
        ("snmp-server host 10.0.0.1\n", "pe1.cfg:1:1: 'snmp-server host' is not supported: there is no SNMP agent"),
        (
            "interface 1/1\n encap dot1Q 5\n",
            "pe1.cfg:2:2: 'encapsulation' is not supported: a port is untagged Ethernet: its subinterfaces have VLANs",
        ),
        (
            "ip route 10.0.0.1 255.0.0.0 Null0\n",
            "pe1.cfg:1:10: '10.0.0.1': has bits set beyond the mask; did you mean 10.0.0.0/8?",
        ),
        (
            "ip route 10.0.0.0 255.0.0.0\n",
            "pe1.cfg:1:29: the command is incomplete; expected one of: A.B.C.D, <slot>/<port>, GigabitEthernet, Null0",
        ),
        ("arp 10.0.0.1 0100.5e00.0001 arpa\n", "pe1.cfg:1:14: '0100.5e00.0001': not the address of one station"),
        ("no ip cef\n", "pe1.cfg:1:1: 'no ip cef' is not supported: line cards always forward on their own tables"),
        ("end\nhostname x\n", "pe1.cfg:2:1: 'hostname' is not valid here; expected nothing after 'end'"),
        (
            "interface 1/1\n ip address 10.0.0.1 255.0.0.0\ninterface 1/2\n ip address 10.1.0.1 255.255.0.0\n",
            "pe1.cfg:4:13: '10.1.0.1': 10.1.0.0/16 overlaps with 10.0.0.0/8 of GigabitEthernet1/1",
        ),
        (
            "interface 1/1\n ip address 127.0.0.1 255.0.0.0\n",
            "pe1.cfg:2:13: '127.0.0.1': not an address that a port can have (loopback)",
        ),
        (
            "interface 1/1\n ip address 0.0.0.1 255.255.255.0\n",
            "pe1.cfg:2:13: '0.0.0.1': not an address that a port can have (unspecified)",
        ),
        (
            "interface 1/1\n ip address 240.1.1.1 255.255.255.0\n",
            "pe1.cfg:2:13: '240.1.1.1': not an address that a port can have (reserved)",
        ),
        (
            "interface 1/1\n ip address 224.1.1.1 255.255.255.0\n",
            "pe1.cfg:2:13: '224.1.1.1': not an address that a port can have (multicast)",
        ),
        (
            "interface 1/1\n ipv6 address ::1/64\n",
            "pe1.cfg:2:15: '::1/64': not an address that a port can have (loopback)",
        ),
        (
            "interface 1/1\n ipv6 address ::ffff:10.0.0.1/120\n",
            "pe1.cfg:2:15: '::ffff:10.0.0.1/120': not an address that a port can have (IPv4-mapped)",
        ),
        ("arp 127.0.0.2 0200.0101.0010 arpa\n", "pe1.cfg:1:5: '127.0.0.2': not a neighbour's address (loopback)"),
        (
            "ip route 10.0.0.0 255.0.0.0 255.255.255.255\n",
            "pe1.cfg:1:29: '255.255.255.255': not a neighbour's address (broadcast)",
        ),
        (
            "interface 1/1\n ip address 10.0.0.0 255.0.0.0\n",
            "pe1.cfg:2:13: '10.0.0.0': the network's or broadcast address of 10.0.0.0/8",
        ),
    ] {
        assert_eq!(error(text).to_string(), message);
    }
}

/// A place in every mode.
fn places() -> Vec<Place> {
    let config = Config::default();
    [
        "",
        "redundancy",
        "redundancy\nmain-cpu",
        "vrf definition red",
        "vrf definition red\naddress-family ipv4",
        "interface 1/1",
        "interface 1/1.5",
        "interface Loopback0",
    ]
    .iter()
    .map(|path| {
        let mut session = ConfigSession::default();
        path.lines().for_each(|line| drop(session.apply_line(&config, line).unwrap()));
        session.place().clone()
    })
    .collect()
}

#[test]
fn every_command_of_the_grammar_has_an_effect_and_every_word_a_help_text() {
    use crate::grammar::{Token, syntax, tests::rows, words};
    let places = places();
    assert_eq!(places.len(), MODES.len());
    let there =
        "vrf definition text\n address-family ipv4\n address-family ipv6\ninterface 1/1.5\n encapsulation dot1Q 1\n";
    let config = Config::parse(there, "there").unwrap();
    for (place, mode) in places.iter().zip(MODES) {
        assert!(std::ptr::eq(place.mode(place.keys().len()), *mode), "{}", mode.name);
        for command in mode.commands() {
            for row in rows(command.tokens) {
                let mut line = String::new();
                for (at, token) in row.iter().enumerate() {
                    let word = match token {
                        Token::Keyword(word) => {
                            assert_ne!(mode.grammar().text("", word), "", "'{word}' has no help");
                            (*word).to_owned()
                        }
                        // A prefix and no host.
                        Token::Argument(Shape::Ipv4)
                            if row.contains(&Token::Keyword("route"))
                                && !row[..at].contains(&Token::Argument(Shape::Ipv4)) =>
                        {
                            "10.0.0.0".to_owned()
                        }
                        Token::Argument(shape) => shape.sample(),
                        open => panic!("{open:?} of {} is left open", syntax(command.tokens)),
                    };
                    write!(line, "{word} ").unwrap();
                }
                let (does, _) = mode.grammar().parse(&words(&line)).unwrap_or_else(|error| panic!("{line}: {error}"));
                assert!(std::ptr::fn_addr_eq(does, command.does), "{line}");
                match place.read(&config, &line) {
                    Ok(_) => {}
                    Err(error) => assert!(matches!(error.problem, Problem::Unsupported(_)), "{line}: {error}"),
                }
            }
        }
    }
}

#[test]
fn a_word_means_one_thing_in_a_mode() {
    for mode in MODES {
        let mut seen = BTreeMap::new();
        for (word, text) in mode.help.iter().copied().flatten() {
            let before = seen.insert(*word, *text);
            assert!(before.is_none_or(|before| before == *text), "{}: '{word}' is explained twice", mode.name);
        }
    }
}

#[test]
fn a_session_walks_the_modes() {
    let running = edge();
    let mut session = ConfigSession::default();
    let mut apply = |line: &str| {
        let applied = session.apply_line(&running, line);
        (applied, session.place().prompt())
    };
    assert_eq!(apply("red"), (Ok(Applied::default()), "(config-red)"));
    let (applied, _) = apply("mode sso");
    let applied = applied.unwrap();
    assert_eq!(applied.changes, [ConfigChange::RedundancyMode]);
    assert!(matches!(&applied.edits[..], [Edit::Redundancy(new)] if new.mode == Mode::Sso));
    assert_eq!(apply("main-cpu").1, "(config-r-mc)");
    assert_eq!(apply("no auto-sync run").0.unwrap().changes, [ConfigChange::AutoSync]);
    assert!(apply("bogus").0.is_err());
    assert_eq!(apply("crashdump-timeout 60"), (Ok(Applied::default()), "(config-red)"));
    assert_eq!(apply("crashdump-timeout 1:00"), (Ok(Applied::default()), "(config-red)"));
    assert_eq!(apply("crash sec 90").0.unwrap().changes, [ConfigChange::CrashdumpTimeout]);
    assert_eq!(apply("switch timer msec 2000"), (Ok(Applied::default()), "(config-red)"));
    assert_eq!(apply("no switchover timer").0.unwrap().changes, [ConfigChange::SwitchoverTimer]);
    let port: InterfaceId = "1/1".parse().unwrap();
    assert_eq!(apply("int gi1/1").1, "(config-if)");
    assert_eq!(apply("no ip addr").0.unwrap().changes, [ConfigChange::Interface(port)]);
    assert_eq!(apply("no snmp trap link-status").0.unwrap().changes, [ConfigChange::LinkTraps]);
    assert_eq!(apply("exit").1, "(config)");
    assert_eq!(apply("no snmp-server enable traps").0.unwrap().changes, [ConfigChange::LinkTraps]);
    let prefix = "192.0.2.0/24".parse().unwrap();
    assert_eq!(apply("no ip route 192.0.2.0 255.255.255.0").0.unwrap().changes, [ConfigChange::Route(None, prefix)]);
    assert_eq!(apply("no arp 10.0.1.2").0.unwrap().changes, [ConfigChange::Neighbour(arp("10.0.1.2"))]);
    assert!(apply("end").0.unwrap().left);
}

fn arp(address: &str) -> NeighbourKey {
    NeighbourKey { address: address.parse().unwrap(), scope: NeighbourScope::Table(None) }
}

/// A distance that is named is part of what is to go.
#[test]
fn a_route_goes_by_the_distance_that_is_named() {
    let left = |no: &str| {
        let text = format!("ip route 192.0.2.0 255.255.255.0 10.0.0.2 5\n{no}\n");
        Config::parse(&text, "x").unwrap().routes.len()
    };
    assert_eq!(left("no ip route 192.0.2.0 255.255.255.0 10.0.0.2 7"), 1);
    assert_eq!(left("no ip route 192.0.2.0 255.255.255.0 10.0.0.2 5"), 0);
    assert_eq!(left("no ip route 192.0.2.0 255.255.255.0 10.0.0.2"), 0);
}

/// "In effect, the command is run on both": whatever is typed, in whatever mode, leaves both with the same.
#[test]
fn the_standby_runs_the_commands_and_holds_the_same() {
    let mut active = edge();
    let mut standby = Config::default();
    standby.follow(&SyncRecord::Whole(active.render())).unwrap();
    let mut session = ConfigSession::default();
    for line in [
        "hostname core",
        "redundancy",
        "crashdump-timeout seconds 7",
        "main-cpu",
        "no auto-sync startup-config",
        "int gi2/2",
        "ip address 10.0.3.1 255.255.255.0",
        "no snmp trap link-status",
        "no ip route 0.0.0.0 0.0.0.0",
        "int 2/1",
        "no shut",
        "ipv6 route 2001:db8:e::/48 Null0",
    ] {
        let path = session.place().path();
        let applied = session.apply_line(&active, line).unwrap();
        if applied.edits.is_empty() {
            continue;
        }
        active.apply_all(applied.edits);
        let lines = format!("{path}{line}\n");
        // As this release says it, and as release 1.0 does.
        for digest in [Digest::Sections(active.digests()), Digest::Text(active.text_digest())] {
            let record = SyncRecord::Command { lines: lines.clone(), digest };
            let record = SyncRecord::decode(record.encode().as_bytes()).unwrap();
            standby.clone().follow(&record).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        let digest = Digest::Sections(active.digests());
        standby.follow(&SyncRecord::Command { lines, digest }).unwrap();
        assert_eq!(standby, active, "{line}");
    }
}

#[test]
fn a_standby_that_cannot_follow_says_why_and_stays_as_it_is() {
    let mut standby = edge();
    let record = |lines: &str, digest| SyncRecord::Command { lines: lines.to_owned(), digest: Digest::Text(digest) };
    let mut follow = |record: &SyncRecord| {
        let error = standby.follow(record).unwrap_err().to_string();
        assert_eq!(standby, edge());
        error
    };
    assert_eq!(follow(&record("hostname x\n", 1)), "after 'hostname x' the configurations differ");
    assert!(follow(&record("frobnicate\n", 1)).starts_with("the standby refuses 'frobnicate': "));
    assert!(follow(&SyncRecord::Whole("mode sso\n".to_owned())).starts_with("running-config:1:1: "));
    let other = Digest::Sections(vec![(SectionId::System, 7)]);
    let interface = SyncRecord::Command { lines: "interface 3/1\nmtu 9000\n".to_owned(), digest: other };
    assert_eq!(follow(&interface), "after 'mtu 9000' the configurations differ");
    for bytes in [&b"nonsense"[..], b"command zz\nx", b"change system\nx", b"change system=zz\nx", b"\xff"] {
        assert_eq!(SyncRecord::decode(bytes), Err(SyncError::Malformed));
    }
}

#[test]
fn tolerated_lines_keep_their_order_and_are_taken_back() {
    let text = "service timestamps debug datetime\nservice timestamps log uptime\nip classless\n";
    let config = Config::parse(text, "a.cfg").unwrap();
    assert_eq!(config.tolerated, text.lines().collect::<Vec<_>>());
    let config = Config::parse(&format!("{text}no service timestamps\n"), "a.cfg").unwrap();
    assert_eq!(config.tolerated, ["ip classless", "no service timestamps"]);
}

#[test]
fn images_on_flash_are_cleared_together() {
    let text = "boot system flash disk0:a\nboot system tftp b 10.0.0.1\nboot system flash c\nno boot system flash\n";
    assert_eq!(Config::parse(text, "a.cfg").unwrap().boot_system, ["tftp b 10.0.0.1"]);
}

#[test]
fn hundreds_of_neighbours_make_a_short_list_of_changes() {
    let mut text = EDGE.replace("end\n", "");
    for host in 10..=250 {
        writeln!(text, "arp 10.0.1.{host} 0200.0a00.{host:04x} arpa").unwrap();
    }
    let config = Config::parse(&text, "many.cfg").unwrap();
    let edits: Vec<Edit> =
        config.neighbours.iter().map(|(key, neighbour)| Edit::Neighbour(key.clone(), Some(*neighbour))).collect();
    assert_eq!(edge().changes(&edits).len(), 241);
    assert_eq!(config.changes(&edits), []);
}

fn text() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,20}[!-~])?"
}

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9:._-]{1,12}"
}

fn v4_prefix() -> impl Strategy<Value = Prefix> {
    (any::<u32>(), 0..=32u8).prop_map(|(bits, len)| Prefix::covering(Ipv4Addr::from(bits).into(), len).unwrap())
}

fn v6_prefix() -> impl Strategy<Value = Prefix> {
    (any::<u128>(), 0..=128u8).prop_map(|(bits, len)| Prefix::from_bits(Family::V6, bits, len))
}

fn host(family: Family) -> impl Strategy<Value = IpAddr> {
    (1..127u8, any::<u16>()).prop_map(move |(high, low)| match family {
        Family::V4 => Ipv4Addr::new(high, 0, (low >> 8) as u8, low as u8).into(),
        Family::V6 => IpAddr::V6((0x2001_0db8u128 << 96 | u128::from(high) << 64 | (u128::from(low) + 1)).into()),
    })
}

fn routes() -> impl Strategy<Value = Entries<StaticRoute, u8>> {
    let route = |prefix: BoxedStrategy<Prefix>, family| {
        let target = option::of((host(family), option::of(port()))).prop_map(|hop| match hop {
            None => RouteTarget::Null0,
            Some((hop, None)) => RouteTarget::Via(hop),
            Some((hop, Some(port))) => RouteTarget::On(port.into(), hop),
        });
        (prefix, target).prop_map(|(prefix, target)| StaticRoute { vrf: None, prefix, target })
    };
    let any = prop_oneof![route(v4_prefix().boxed(), Family::V4), route(v6_prefix().boxed(), Family::V6)];
    collection::btree_map(any, 1..=255u8, 0..20).prop_map(|routes| routes.into_iter().collect())
}

fn port() -> impl Strategy<Value = PortId> {
    (1..9u8, 1..9u8).prop_map(|(slot, port)| PortId { slot: fabric_proto::id::LcSlot(slot), port })
}

fn neighbours() -> impl Strategy<Value = Entries<NeighbourKey, Neighbour>> {
    let mac = || any::<[u8; 4]>().prop_map(|[a, b, c, d]| [2, 0, a, b, c, d]);
    let v4 = (host(Family::V4), mac(), option::of(port()));
    let v6 = (host(Family::V6), mac(), port().prop_map(Some));
    let neighbour = prop_oneof![v4, v6].prop_map(|(address, mac, port)| {
        let interface = port.map(InterfaceId::from);
        match (address, interface) {
            (IpAddr::V6(_), Some(id)) => {
                let scope = NeighbourScope::Interface(id);
                (NeighbourKey { address, scope }, Neighbour { mac, interface: None })
            }
            (_, interface) => {
                let scope = NeighbourScope::Table(None);
                (NeighbourKey { address, scope }, Neighbour { mac, interface })
            }
        }
    });
    collection::vec(neighbour, 0..20).prop_map(|all| all.into_iter().collect())
}

/// Subnets by port, so that they never overlap.
fn interfaces() -> impl Strategy<Value = Interfaces> {
    let section = (option::of(text()), any::<[bool; 3]>(), any::<bool>(), 576..9217u16);
    collection::btree_map(port(), section, 0..8).prop_map(|all| {
        let section = |(port, (description, [v4, v6, shutdown], link_trap, mtu)): (PortId, (_, [bool; 3], _, _))| {
            let (slot, number) = (port.slot.0, port.port);
            let ipv4 = v4.then(|| InterfaceAddress { address: Ipv4Addr::new(10, slot, number, 1).into(), len: 24 });
            let net = 0x2001_0db8u128 << 96 | u128::from(slot) << 72 | u128::from(number) << 64;
            let ipv6 = v6.then(|| InterfaceAddress { address: IpAddr::V6((net | 1).into()), len: 64 });
            let ipv6: BTreeSet<InterfaceAddress> = ipv6.into_iter().collect();
            let interface = Interface { description, ipv4, ipv6, shutdown, mtu, link_trap, ..Interface::default() };
            (port.into(), interface)
        };
        all.into_iter().map(section).collect()
    })
}

fn redundancy() -> impl Strategy<Value = RedundancyConfig> {
    let timer = option::of(20..60_000u64);
    let parts = (0..4usize, any::<[bool; 2]>(), 0..=64_800u64, timer);
    parts.prop_map(|(mode, [startup_config, running_config], seconds, timer)| RedundancyConfig {
        mode: Mode::ALL[mode],
        auto_sync: AutoSync { startup_config, running_config },
        switchover_timer: timer.map(Duration::from_millis),
        crashdump_timeout: Duration::from_secs(seconds),
    })
}

prop_compose! {
    fn config()(
        hostname in "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}",
        version in option::of(word()),
        redundancy in redundancy(),
        interfaces in interfaces(),
        routes in routes(),
        neighbours in neighbours(),
        flags in any::<[bool; 4]>(),
        boot_system in collection::btree_set(text(), 0..3),
        config_register in any::<u16>(),
        slot_images in collection::btree_map((0..3usize).prop_map(|slot| RpSlot::ALL[slot]), collection::vec(word(), 1..2), 0..3),
        tolerated in collection::btree_set("service timestamps( [a-z]{1,5}){0,2}", 0..3),
    ) -> Config {
        Config {
            hostname, version, redundancy, interfaces, routes, neighbours, vrfs: Entries::default(),
            ipv6_routing: flags[0], ipv6_cef: flags[1],
            boot_system: boot_system.into_iter().collect(),
            link_traps: LinkTraps { down: flags[2], up: flags[3] },
            config_register, slot_images, tolerated: tolerated.into_iter().collect(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_rendered_parses_back_to_the_same(config in config()) {
        let text = config.render();
        let back = Config::parse(&text, "running").map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&back, &config, "{}", text);
    }

    #[test]
    fn what_is_counted_is_what_is_written(old in config(), new in config()) {
        prop_assert_eq!(old.rendered_len(), old.render().len());
        prop_assert_eq!(old.digests() == new.digests(), old == new);
        let again = Config::parse(&old.render(), "running").unwrap();
        prop_assert_eq!(again.digests(), old.digests());
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC*") {
        let _ = Config::parse(&text, "any");
    }

    #[test]
    fn lines_of_real_words_do_not_panic_and_errors_change_nothing(
        lines in collection::vec(collection::vec(prop_oneof![
            Just("no"), Just("ip"), Just("ipv6"), Just("route"), Just("address"), Just("interface"), Just("1/1"),
            Just("10.0.0.1"), Just("255.255.255.0"), Just("2001:db8::1/64"), Just("Null0"), Just("arp"), Just("arpa"),
            Just("0200.0000.0001"), Just("redundancy"), Just("mode"), Just("sso"), Just("exit"), Just("end"), Just("300"),
        ], 0..6), 0..12)
    ) {
        let mut session = ConfigSession::default();
        let mut running = Config::default();
        for words in lines {
            let before = session.clone();
            match session.apply_line(&running, &words.join(" ")) {
                Ok(applied) => {
                    prop_assert_eq!(applied.changes.is_empty(), applied.edits.is_empty());
                    let old = running.clone();
                    let undo = running.apply_all(applied.edits.clone());
                    prop_assert_eq!(old == running, applied.edits.is_empty());
                    let mut back = running.clone();
                    back.apply_all(undo);
                    prop_assert_eq!(&back, &old);
                    prop_assert_eq!(back.digests(), old.digests());
                }
                Err(_) => prop_assert_eq!(&before, &session),
            }
        }
        prop_assert_eq!(Config::parse(&running.render(), "running"), Ok(running));
    }
}

#[test]
fn next_hops_that_cannot_be_are_refused() {
    for hop in ["0.0.0.0", "0.0.0.1", "127.0.0.1", "224.0.0.5", "240.0.0.1", "255.255.255.255"] {
        let line = format!("ip route 192.0.2.0 255.255.255.0 {hop}\n");
        let refused = error(&line).to_string();
        assert!(refused.starts_with(&format!("pe1.cfg:1:34: '{hop}': not a neighbour's address (")), "{refused}");
        assert!(Config::parse(&line.replace(hop, &format!("Gi1/1 {hop}")), "pe1.cfg").is_err(), "{hop} on a port");
    }
    for hop in ["::", "::1", "ff02::1"] {
        assert!(
            error(&format!("ipv6 route 2001:db8::/32 {hop}\n")).to_string().contains("not a neighbour's address ("),
            "{hop}"
        );
    }
    let alone = error("ipv6 route 2001:db8::/32 fe80::2\n").to_string();
    assert_eq!(alone, "pe1.cfg:1:26: 'fe80::2': a link-local next hop needs its interface before it");
}

#[test]
fn a_route_through_an_interface_reads_back_and_goes() {
    let text = "ip route 192.0.2.0 255.255.255.0 GigabitEthernet1/1 10.0.1.2 7\n\
                ipv6 route 2001:db8:f::/48 GigabitEthernet1/1 fe80::2\n";
    let config = Config::parse(text, "pe1.cfg").unwrap();
    let port = "1/1".parse().unwrap();
    let route = StaticRoute {
        vrf: None,
        prefix: "2001:db8:f::/48".parse().unwrap(),
        target: RouteTarget::On(port, "fe80::2".parse().unwrap()),
    };
    assert_eq!(config.routes[&route], STATIC_DISTANCE);
    assert!(config.render().contains(text), "{}", config.render());
    assert_eq!(Config::parse(&config.render(), "again").unwrap(), config);
    let gone = format!(
        "{text}no ip route 192.0.2.0 255.255.255.0 gi 1/1 10.0.1.2\nno ipv6 route 2001:db8:f::/48 Gi1/1 fe80::2\n"
    );
    assert!(Config::parse(&gone, "pe1.cfg").unwrap().routes.is_empty());
}
