//! VRFs, subinterfaces and loopbacks: modes within modes, and what goes with what.

use super::*;

const PE: &str = "\
vrf definition blue
 address-family ipv4
!
vrf definition red
 description customer red
 rd 65000:1
 route-target both 65000:1
 address-family ipv4
 exit-address-family
 address-family ipv6
  route-target import 10.0.0.1:7
  route-target import 70000:2
 exit-address-family
!
interface Loopback 0
 ip address 192.0.2.1 255.255.255.255
interface Gi1/1
 no shutdown
interface Gi1/1.100
 encapsulation dot1Q 100
 vrf forwarding red
 ip address 10.0.0.1 255.255.255.0
 ipv6 address 2001:db8::1/64
interface Gi1/1.200
 encapsulation dot1Q 200
 vrf forwarding blue
 ip address 10.0.0.1 255.255.255.0
ip route vrf red 10.9.0.0 255.255.0.0 10.0.0.2
ip route vrf blue 10.9.0.0 255.255.0.0 10.0.0.3
ipv6 route vrf red 2001:db8:9::/48 2001:db8::2
arp vrf red 10.0.0.2 0200.0000.0002 arpa
arp vrf blue 10.0.0.2 0200.0000.0003 arpa
ipv6 neighbor fe80::2 Gi1/1.100 0200.0000.0002
ipv6 neighbor fe80::2 Gi1/1.200 0200.0000.0003
end
";

fn pe() -> Config {
    Config::parse(PE, "pe.cfg").unwrap()
}

/// A configuration after some lines, and what they said besides.
fn after(config: &Config, lines: &[&str]) -> (Config, Vec<String>) {
    let (mut config, mut notes) = (config.clone(), Vec::new());
    let mut session = ConfigSession::default();
    for line in lines {
        let applied = session.apply_line(&config, line).unwrap_or_else(|error| panic!("{line}: {error}"));
        config.apply_all(applied.edits);
        notes.extend(applied.notes);
    }
    (config, notes)
}

fn id(text: &str) -> InterfaceId {
    text.parse().unwrap()
}

#[test]
fn vrfs_read_as_routers_write_them() {
    let expected = "\
vrf definition blue
 !
 address-family ipv4
 exit-address-family
!
vrf definition red
 description customer red
 rd 65000:1
 route-target export 65000:1
 route-target import 65000:1
 !
 address-family ipv4
 exit-address-family
 !
 address-family ipv6
  route-target import 10.0.0.1:7
  route-target import 70000:2
 exit-address-family
!
ip cef distributed
";
    let text = pe().render();
    assert!(text.contains(expected), "{text}");
    for line in [
        "interface Loopback0\n ip address 192.0.2.1 255.255.255.255\n!\ninterface GigabitEthernet1/1\n",
        "interface GigabitEthernet1/1.100\n encapsulation dot1Q 100\n vrf forwarding red\n ip address 10.0.0.1 255.255.255.0\n",
        "ip route vrf blue 10.9.0.0 255.255.0.0 10.0.0.3\n",
        "ipv6 route vrf red 2001:db8:9::/48 2001:db8::2\n",
        "arp vrf red 10.0.0.2 0200.0000.0002 arpa\n",
        "ipv6 neighbor fe80::2 GigabitEthernet1/1.200 0200.0000.0003\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let again = Config::parse(&text, "again").unwrap();
    assert_eq!((again.digests(), &again), (pe().digests(), &pe()));
    assert_eq!(text.len(), pe().rendered_len());
}

#[test]
fn a_family_has_its_own_route_targets_or_the_vrfs() {
    let config = pe();
    let red = &config.vrfs[&VrfName::from("red")];
    assert_eq!(red.targets(Family::V4).unwrap().export.len(), 1);
    let six = red.targets(Family::V6).unwrap();
    assert_eq!((six.import.len(), six.export.len()), (2, 0));
    assert_eq!(config.vrfs[&VrfName::from("blue")].targets(Family::V6), None);
}

#[test]
fn modes_lie_within_modes() {
    let running = pe();
    let mut session = ConfigSession::default();
    let mut prompt = |line: &str| {
        session.apply_line(&running, line).unwrap();
        (session.place().prompt(), session.place().path())
    };
    assert_eq!(prompt("vrf def red"), ("(config-vrf)", "vrf definition red\n".to_owned()));
    let within = ("(config-vrf-af)", "vrf definition red\naddress-family ipv6\n".to_owned());
    assert_eq!(prompt("address-family ipv6"), within);
    // A command of the mode around leads there.
    assert_eq!(prompt("no description").0, "(config-vrf)");
    assert_eq!(prompt("address-family ipv4").0, "(config-vrf-af)");
    assert_eq!(prompt("exit-address-family").0, "(config-vrf)");
    assert_eq!(prompt("address-family ipv4").0, "(config-vrf-af)");
    assert_eq!(prompt("exit").0, "(config-vrf)");
    assert_eq!(prompt("exit-vrf").0, "(config)");
    assert_eq!(prompt("int gi1/1.100").0, "(config-subif)");
    assert_eq!(prompt("int lo0").0, "(config-if)");
    assert!(session.apply_line(&running, "end").unwrap().left);
}

#[test]
fn refused_lines_of_a_nested_mode_leave_the_mode_around() {
    let text = "vrf definition red\n address-family ipv4\n  bogus\n  route-target import 1:1\n bogus\n rd 1:1\n";
    let reading = Reading::of_startup(text, "x", &fabric_proto::platform::NATIVE);
    let lines: Vec<usize> = reading.refused.iter().map(|error| error.line).collect();
    assert_eq!(lines, [3, 5]);
    let red = &reading.config.vrfs[&VrfName::from("red")];
    assert_eq!((red.rd, red.families[&Family::V4].import.len()), ("1:1".parse().ok(), 1));
}

#[test]
fn the_addresses_of_an_interface_go_with_its_table() {
    let (config, notes) = after(&pe(), &["interface Gi1/1.100", "vrf forwarding blue"]);
    assert_eq!(
        notes,
        [
            "% Interface GigabitEthernet1/1.100 IPv4 disabled and address(es) removed due to enabling VRF blue",
            "% Interface GigabitEthernet1/1.100 IPv6 disabled and address(es) removed due to enabling VRF blue",
        ]
    );
    let interface = &config.interfaces[&id("Gi1/1.100")];
    assert_eq!((interface.addresses().count(), interface.vrf.as_ref().map(VrfName::as_str)), (0, Some("blue")));
    let (config, notes) = after(&config, &["interface Gi1/1.200", "no vrf forwarding"]);
    assert_eq!(
        notes,
        ["% Interface GigabitEthernet1/1.200 IPv4 disabled and address(es) removed due to disabling VRF blue"]
    );
    assert_eq!(config.interfaces[&id("Gi1/1.200")].vrf, None);
    assert_eq!(after(&config, &["interface Gi1/1.100", "vrf forwarding blue"]), (config.clone(), vec![]));
}

#[test]
fn what_refers_to_a_vrf_goes_with_it() {
    let (config, notes) = after(&pe(), &["no vrf definition red"]);
    assert_eq!(notes, ["% IPv4 and IPv6 addresses from all interfaces in VRF red have been removed"]);
    assert_eq!(config.vrfs.len(), 1);
    assert!(config.routes.keys().all(|route| route.vrf.as_ref().is_some_and(|vrf| vrf.as_str() == "blue")));
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.neighbours.len(), 3, "those of interfaces stay with them");
    let interface = &config.interfaces[&id("Gi1/1.100")];
    assert_eq!((interface.addresses().count(), &interface.vrf, interface.vlan), (0, &None, Some(100)));

    let (config, notes) = after(&pe(), &["vrf definition red", "no address-family ipv6"]);
    assert_eq!(notes, ["% IPv6 addresses from all interfaces in VRF red have been removed"]);
    let interface = &config.interfaces[&id("Gi1/1.100")];
    assert_eq!((interface.addresses().count(), interface.vrf.as_ref().map(VrfName::as_str)), (1, Some("red")));
    assert_eq!(config.routes.len(), 2);
    // All of it at once, and taken back at once.
    let mut undone = pe();
    let edits = ConfigSession::default().apply_line(&undone, "no vrf definition red").unwrap().edits;
    let undo = undone.apply_all(edits);
    undone.apply_all(undo);
    assert_eq!((undone.digests(), &undone), (pe().digests(), &pe()));
}

#[test]
fn addresses_overlap_in_tables_of_their_own() {
    let config = pe();
    let [red, blue] = ["red", "blue"].map(VrfName::from);
    let address = "10.0.0.9".parse().unwrap();
    assert_eq!(config.interface_towards(Some(&red), address), Some(id("Gi1/1.100")));
    assert_eq!(config.interface_towards(Some(&blue), address), Some(id("Gi1/1.200")));
    assert_eq!(config.interface_towards(None, address), None);
    let (config, _) = after(&config, &["interface Gi1/1", "shutdown"]);
    assert_eq!(config.interface_towards(Some(&red), address), None, "a subinterface is down with its port");
    let mut on: Vec<_> = pe().resolved_neighbours().map(|neighbour| (neighbour.mac[5], neighbour.interface)).collect();
    on.sort();
    let [first, second] = ["Gi1/1.100", "Gi1/1.200"].map(id);
    assert_eq!(on, [(2, first), (2, first), (3, second), (3, second)]);
}

#[test]
fn what_cannot_be_is_refused() {
    for (lines, message) in [
        ("interface 1/2\n vrf forwarding green\n", "there is no such VRF: define it first (vrf definition)"),
        ("ip route vrf green 10.0.0.0 255.0.0.0 Null0\n", "there is no such VRF: define it first (vrf definition)"),
        ("no vrf definition green\n", "there is no such VRF: define it first (vrf definition)"),
        ("vrf definition red\n rd 65000:2\n", "VRF red has the distinguisher 65000:1: take it back first (no rd)"),
        ("vrf definition blue\n rd 65000:1\n", "it is the distinguisher of VRF red; each has its own"),
        (
            "interface 1/1.200\n ipv6 address 2001:db8:7::1/64\n",
            "VRF blue does not route IPv6: it has no such address-family",
        ),
        (
            "interface 1/1.300\n ip address 10.7.0.1 255.255.255.0\n",
            "the subinterface has no VLAN yet: give it one first (encapsulation dot1Q)",
        ),
        ("interface 1/1.300\n encapsulation dot1Q 100\n", "GigabitEthernet1/1.100 has VLAN 100 of this port"),
        ("interface 1/1.300\n encapsulation dot1Q 4095\n", "not in the range 1 to 4094"),
        ("interface Tunnel0\n", "there are no tunnels yet"),
        ("interface Virtual-Access1\n", "sessions make these by themselves"),
        ("interface Serial0/0\n", "this chassis has GigabitEthernet and Loopback interfaces only"),
        ("ip route 10.0.0.0 255.0.0.0 Loopback0 10.0.0.1\n", "no neighbour can be on it"),
    ] {
        let error = pe().parse_over(lines, "x").unwrap_err().to_string();
        assert!(error.ends_with(message), "{lines}: {error}");
    }
    // Each table by itself: the same network is no overlap.
    let same = "interface 1/2\n ip address 10.0.0.1 255.255.255.0\n";
    assert!(pe().parse_over(same, "x").is_ok());
    assert!(
        pe().parse_over(
            "interface 1/1.400\n encapsulation dot1Q 400\n vrf forwarding red\n ip address 10.0.0.9 255.255.255.0\n",
            "x"
        )
        .is_err()
    );
}

#[test]
fn a_hundred_thousand_interfaces_are_read_one_by_one() {
    let mut text = "vrf definition red\n address-family ipv4\n".to_owned();
    let mut count = 0u32;
    for port in 1..=25u32 {
        writeln!(text, "interface 1/{port}").unwrap();
        for vlan in 1..=4000u32 {
            count += 1;
            let [_, a, b, c] = (count * 4).to_be_bytes();
            let own = format!("10.{a}.{b}.{}", c + 1);
            writeln!(text, "interface 1/{port}.{vlan}\n encapsulation dot1Q {vlan}\n ip address {own} 255.255.255.252")
                .unwrap();
        }
    }
    let mut config = Config::parse(&text, "large").unwrap();
    assert_eq!(config.interfaces.len(), 100_025);
    assert_eq!(config.rendered_len(), config.render().len());
    let mut session = ConfigSession::default();
    session.apply_line(&config, "interface 1/1.1").unwrap();
    let error = session.apply_line(&config, "ip address 10.6.26.130 255.255.255.252").unwrap_err();
    assert!(error.to_string().contains("overlaps with 10.6.26.128/30 of GigabitEthernet1/25."), "{error}");
    let applied = session.apply_line(&config, "ip address 11.0.0.1 255.0.0.0").unwrap();
    assert_eq!(applied.changes, [ConfigChange::Interface(id("1/1.1"))]);
    config.apply_all(applied.edits);
    assert_eq!(config.interface_towards(None, "11.1.1.1".parse().unwrap()), Some(id("1/1.1")));
    assert_eq!(config.interface_towards(None, "10.0.0.5".parse().unwrap()), None);
    assert_eq!(config.interfaces.ports_of(fabric_proto::id::LcSlot(1)).count(), 25);
}

proptest! {
    #[test]
    fn lines_of_nested_modes_do_not_panic_and_come_back(
        lines in collection::vec(collection::vec(prop_oneof![
            Just("no"), Just("vrf"), Just("definition"), Just("red"), Just("blue"), Just("rd"), Just("1:1"), Just("forwarding"),
            Just("address-family"), Just("ipv4"), Just("route-target"), Just("both"), Just("exit"), Just("interface"), Just("1/1.5"),
            Just("1/1"), Just("encapsulation"), Just("dot1Q"), Just("5"), Just("ip"), Just("address"), Just("10.0.0.1"),
            Just("255.255.255.0"), Just("route"), Just("10.0.0.0"), Just("Null0"), Just("arp"), Just("0200.0000.0001"), Just("arpa"),
        ], 0..6), 0..30)
    ) {
        let mut session = ConfigSession::default();
        let mut running = pe();
        for words in lines {
            if let Ok(applied) = session.apply_line(&running, &words.join(" ")) {
                running.apply_all(applied.edits);
                let mut again = ConfigSession::default();
                for line in session.place().path().lines() {
                    prop_assert!(again.apply_line(&running, line).is_ok(), "{}", line);
                }
                prop_assert_eq!(again.place(), session.place());
            }
        }
        prop_assert_eq!(Config::parse(&running.render(), "running"), Ok(running));
    }
}
