//! Loopbacks, subinterfaces and VRFs, from the command line to the forwarding table; and the standby follows.

use super::*;
use fabric_proto::{
    fib::{FibKey, Path, PathList, Prefix},
    id::TableId,
};
use linecard_core::{
    linecard::{self, LineCard, LineCardConfig, STALE_TIME},
    tables::Ports,
};

const PE: &str = "\
vrf definition red
 address-family ipv4
interface Loopback0
 ip address 192.0.2.1 255.255.255.255
interface 1/1
interface 1/1.100
 encapsulation dot1Q 100
 vrf forwarding red
 ip address 10.0.1.1 255.255.255.0
interface 1/1.200
 encapsulation dot1Q 200
 ip address 10.0.1.1 255.255.255.0
arp vrf red 10.0.1.2 0200.0000.0064 arpa
arp 10.0.1.2 0200.0000.00c8 arpa
ip route vrf red 20.0.0.0 255.0.0.0 10.0.1.2
end
";

fn red() -> TableId {
    TableId::of_vrf("red")
}

impl Pair {
    fn carrier(&mut self, up: bool) {
        let mut out = Vec::new();
        let at = PortId { slot: LcSlot(1), port: 1 };
        self.rps[A].port_reported(self.now, at, up, &mut out);
        self.rps[A].settle(self.now, &mut out);
        self.deliver(A, out);
    }

    fn path(&self, table: TableId, prefix: &str) -> Option<Path> {
        let fib = self.rps[A].fib().table();
        let prefix: Prefix = prefix.parse().unwrap();
        Some(fib.paths(fib.get(FibKey::Ip(table, prefix))?)?.paths()[0].clone())
    }

    fn vlan(&self, table: TableId, prefix: &str) -> Option<u16> {
        match self.path(table, prefix)? {
            Path::Port { rewrite, .. } => rewrite.vlan(),
            other => panic!("{other:?}"),
        }
    }

    fn type_in(&mut self, lines: &[&str]) -> String {
        let mut text = String::new();
        for line in lines {
            let answer = self.line(A, 1, line);
            assert!(!answer.failed, "{line}: {}", answer.text);
            text += &answer.text;
        }
        assert_eq!(self.rps[A].config(), self.rps[B].config(), "the standby ran the same");
        text
    }

    fn routes(&self) -> BTreeMap<FibKey, PathList> {
        let table = self.rps[A].fib().table();
        table.routes().filter_map(|(key, list)| Some((key, table.paths(list)?.clone()))).collect()
    }
}

#[test]
fn a_loopback_is_there_before_any_port() {
    let mut pair = Pair::new(PE);
    assert_eq!(pair.path(TableId::DEFAULT, "192.0.2.1/32"), Some(Path::Receive));
    let shown = pair.type_in(&["show ip route 192.0.2.1", "show ip interface brief", "show interfaces lo0"]);
    for line in [
        "directly connected, via Loopback0",
        "Loopback0              192.0.2.1       YES NVRAM  up                    up",
        "Loopback0 is up, line protocol is up\n  Hardware is Loopback\n",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    pair.type_in(&["configure terminal", "interface lo0", "shutdown"]);
    assert_eq!(pair.path(TableId::DEFAULT, "192.0.2.1/32"), None);
    pair.type_in(&["no shutdown", "interface Loopback 7", "ip address 198.51.100.1 255.255.255.0", "end"]);
    assert_eq!(pair.path(TableId::DEFAULT, "192.0.2.1/32"), Some(Path::Receive));
    assert!(matches!(pair.path(TableId::DEFAULT, "198.51.100.0/24"), Some(Path::Unresolved { .. })));
}

#[test]
fn a_subinterface_is_a_vlan_of_its_port() {
    let mut pair = Pair::new(PE);
    assert_eq!(pair.path(red(), "10.0.1.1/32"), None, "its port has no carrier");
    pair.carrier(true);
    assert_eq!(pair.path(red(), "10.0.1.1/32"), Some(Path::Receive));
    assert_eq!(pair.vlan(red(), "10.0.1.2/32"), Some(100));
    assert_eq!(pair.vlan(red(), "20.0.0.0/8"), Some(100));
    assert_eq!(pair.vlan(TableId::DEFAULT, "10.0.1.2/32"), Some(200));
    assert_eq!(pair.path(TableId::DEFAULT, "20.0.0.0/8"), None);
    let shown = pair.type_in(&["show ip route vrf red", "show ip cef vrf red 20.1.1.1", "show vrf", "show ip arp"]);
    for line in [
        "Routing Table: red\n",
        "C        10.0.1.0/24 is directly connected, GigabitEthernet1/1.100\n",
        "S        20.0.0.0/8 [1/0] via 10.0.1.2, GigabitEthernet1/1.100\n",
        "nexthop 10.0.1.2 GigabitEthernet1/1.100",
        "<not set>             ipv4        Gi1/1.100\n",
        "Internet  10.0.1.2                -   0200.0000.00c8  ARPA   GigabitEthernet1/1.200\n",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    // Down with its port, and by itself.
    pair.carrier(false);
    assert_eq!((pair.path(red(), "20.0.0.0/8"), pair.path(red(), "10.0.1.1/32")), (None, None));
    pair.carrier(true);
    pair.type_in(&["configure terminal", "interface 1/1", "shutdown"]);
    assert_eq!(pair.path(red(), "10.0.1.1/32"), None);
    pair.type_in(&["no shutdown", "interface 1/1.100", "shutdown"]);
    assert_eq!(pair.path(red(), "10.0.1.1/32"), None);
    assert_eq!(pair.path(TableId::DEFAULT, "10.0.1.1/32"), Some(Path::Receive));
    pair.type_in(&["no shutdown", "encapsulation dot1Q 300"]);
    assert_eq!(pair.vlan(red(), "20.0.0.0/8"), Some(300));
    // Into another table, and out of every one.
    let said = pair.type_in(&["no vrf forwarding"]);
    assert!(said.contains("address(es) removed due to disabling VRF red"), "{said}");
    assert_eq!(pair.path(red(), "20.0.0.0/8"), None);
    pair.type_in(&["no vrf definition red", "end"]);
    assert!(pair.routes().keys().all(|key| !matches!(key, FibKey::Ip(table, _) if *table == red())));
    assert_eq!(pair.vlan(TableId::DEFAULT, "10.0.1.2/32"), Some(200));
}

/// An entry of one table is nothing to another one's interface, and an interface that has no tag of its own, or no address,
/// takes nobody's packets.
#[test]
fn packets_of_one_table_do_not_come_into_another() {
    let mut pair = Pair::new(PE);
    pair.carrier(true);
    let lines = ["arp vrf red 10.0.1.3 0200.0000.0063 arpa 1/1.100", "arp 10.0.1.2 0200.dead.0001 arpa 1/1.100"];
    pair.type_in(&["configure terminal", lines[0], lines[1]]);
    assert_eq!(pair.vlan(red(), "10.0.1.3/32"), Some(100));
    let Some(Path::Port { rewrite, .. }) = pair.path(red(), "10.0.1.2/32") else { panic!("no neighbour") };
    assert_eq!(rewrite.macs().unwrap().0, [2, 0, 0, 0, 0, 0x64], "not that of the default table's entry");
    let lines =
        ["arp vrf red 10.0.3.2 0200.0000.0302 arpa 1/1.300", "ip route vrf red 30.0.0.0 255.0.0.0 1/1.300 10.0.3.2"];
    pair.type_in(&["interface 1/1.300", "vrf forwarding red", lines[0], lines[1]]);
    assert_eq!(pair.path(red(), "30.0.0.0/8"), None, "nothing tells its packets apart");
    pair.type_in(&["interface 1/1.300", "encapsulation dot1Q 300", "ip address 10.0.3.1 255.255.255.0"]);
    assert_eq!(pair.vlan(red(), "30.0.0.0/8"), Some(300));
    let told =
        |pair: &Pair| clients::interfaces(pair.rps[A].config(), LcSlot(1)).iter().map(|on| on.vlan).collect::<Vec<_>>();
    assert_eq!(told(&pair), [100, 200, 300]);
    pair.type_in(&["interface 1/1.100", "no vrf forwarding"]);
    assert_eq!(told(&pair), [200, 300], "its address is gone");
}

/// What is changed line by line is what a boot makes of the whole.
#[test]
fn changes_come_to_what_a_boot_makes_of_them() {
    let mut pair = Pair::new("interface 1/1\nend\n");
    pair.carrier(true);
    let lines: Vec<&str> = PE.lines().filter(|line| *line != "end").collect();
    pair.type_in(&["configure terminal"]);
    pair.type_in(&lines);
    pair.type_in(&["end"]);
    let mut booted = Pair::new(PE);
    booted.carrier(true);
    assert_eq!(pair.rps[A].config(), booted.rps[A].config());
    assert_eq!(pair.routes(), booted.routes());
    assert!(!pair.routes().is_empty());
}

/// Lines about interfaces of a card, and how many ports and interfaces it is told of after each; `None`: all of them again.
const TOLD: &[(&str, Option<[usize; 2]>)] = &[
    ("configure terminal", Some([0, 0])),
    ("interface 1/1.400", Some([0, 0])),
    ("encapsulation dot1Q 400", Some([0, 0])),
    ("vrf forwarding red", Some([0, 0])),
    ("ip address 10.9.0.1 255.255.255.0", Some([0, 1])),
    ("shutdown", Some([0, 1])),
    ("description nobody's business", Some([0, 0])),
    ("no shutdown", Some([0, 1])),
    ("encapsulation dot1Q 401", Some([0, 2])),
    // Its port is not there yet.
    ("interface 1/2.1", Some([0, 0])),
    ("encapsulation dot1Q 1", Some([0, 0])),
    ("ip address 10.9.1.1 255.255.255.0", Some([0, 0])),
    ("interface 1/2", Some([1, 1])),
    ("mtu 9000", Some([1, 0])),
    ("vrf forwarding red", Some([0, 1])),
    ("no interface 1/2", Some([1, 0])),
    ("interface 1/2", Some([1, 1])),
    ("no interface 1/1.400", Some([0, 1])),
    ("no vrf definition red", Some([0, 1])),
    ("no interface 1/1.100", Some([0, 0])),
    ("no interface 1/1.200", Some([0, 1])),
    // The last one: release 1.0 has words for what is left.
    ("no interface 1/2.1", None),
    ("interface 1/1", Some([0, 0])),
    ("shutdown", None),
];

/// What a card is told change by change comes to what it would be told as a whole.
#[test]
fn a_card_is_told_what_has_changed_of_its_interfaces() {
    let slot = LcSlot(1);
    let unit = |rp| Rp::new(Instant(1), Boot { line_cards: vec![slot], ..boot("native", rp, PE) });
    let mut pair = Pair::of([RpSlot::A, RpSlot::B].map(unit));
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    let config = LineCardConfig { slot, boot: 1, highest: Epoch::NONE, stale_time: STALE_TIME };
    let mut card = LineCard::new(config);
    card.step(pair.now, Some(linecard::Input::SessionUp { session: 1, rp: RpSlot::A }), &mut Vec::new());
    let mut hear = |out: &[Output]| {
        let told = |output: &Output| if let Output::Lc(_, message) = output { Some(message.clone()) } else { None };
        let told: Vec<ToLc> = out.iter().filter_map(told).collect();
        for message in &told {
            card.step(
                Instant(2),
                Some(linecard::Input::Message { session: 1, message: message.clone() }),
                &mut Vec::new(),
            );
        }
        (told, Ports::clone(&card.tables().ports()))
    };
    let mut out = Vec::new();
    let agreed = Arc::new(Agreed::alike(pair.rps[A].offer()));
    pair.rps[A].step(pair.now, Some(Input::LcConnected(slot, agreed)), &mut out);
    hear(&out);
    for (line, wanted) in TOLD {
        let mut out = Vec::new();
        let answer = pair.rps[A].line(pair.now, 1, line, &mut out);
        assert!(!answer.failed, "{line}: {}", answer.text);
        let (told, ports) = hear(&out);
        let counts = match told.as_slice() {
            [] => Some([0, 0]),
            [ToLc::Changed { ports, gone, interfaces }] => Some([ports.len() + gone.len(), interfaces.len()]),
            [ToLc::Ports(_) | ToLc::Interfaces { .. }] => None,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(counts, *wanted, "{line}: {told:?}");
        let config = pair.rps[A].config();
        let whole =
            Ports::new(&clients::ports(config, &pair.rps[A].clients.links, slot), &clients::interfaces(config, slot));
        (0..=u8::MAX).for_each(|port| assert_eq!(ports.port(port), whole.port(port), "{line}"));
    }
}
