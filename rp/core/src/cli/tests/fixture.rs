//! A chassis to look at: two route processors in SSO, two line cards, a handful of routes.

use crate::{
    cli::{
        ClientView, ConfigSyncCounts, ConfigView, CounterView, Debug, DebugView, FibCounts, GroupView, HistoryView,
        InterfaceView, LineCardState, LineCardView, LogView, RedundancyView, RfStateView, RoutePath, RouteSource,
        RouteView, SpokenView, SwitchoverView, Tables, UnitView, UpgradeView, View,
    },
    config::{Config, STATIC_DISTANCE},
    grammar::{Shape, Token},
    issu,
};
use fabric_proto::{
    checkpoint::CfClientId,
    codec::Class,
    fib::{BaseMac, Family, Path, PathList, Prefix},
    flow::FlowSeed,
    id::{InterfaceId, LcSlot, PortId, RpSlot, Slot, TableId},
    issu::{Compatibility, Row, RowClient},
    offer::{Agreed, Group, Offer},
    platform::NATIVE,
    punt::{PuntCount, PuntCounts, PuntReason},
    version::Versions,
};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

pub(super) struct Chassis {
    pub(super) running: Config,
    pub(super) redundancy: RedundancyView,
    pub(super) tables: Small,
    pub(super) platform: &'static str,
    pub(super) debug: Debug,
}

pub(super) const STARTUP: &str = "hostname pe1\nend\n";

const RUNNING: &str = "\
hostname pe1
vrf definition red
 rd 65000:1
 address-family ipv4
redundancy
 mode sso
interface 1/1
 description to t1
 ip address 10.0.1.1 255.255.255.0
 ipv6 address 2001:db8:1::1/64
interface 1/2
 shutdown
interface 1/3
 ip address 10.0.3.1 255.255.255.0
 no snmp trap link-status
arp 10.0.1.2 0200.0000.0002 arpa
ipv6 neighbor 2001:db8:1::2 1/1 0200.0000.0002
snmp-server enable traps snmp linkdown
ip route 192.0.2.0 255.255.255.0 10.0.1.2
";

impl Default for Chassis {
    fn default() -> Self {
        Self {
            running: Config::parse(RUNNING, "fixture").unwrap(),
            redundancy: redundancy(),
            tables: Small::new(),
            platform: "native",
            debug: Debug::default(),
        }
    }
}

impl Chassis {
    pub(super) fn view(&self) -> View<'_> {
        View {
            slot: RpSlot::A,
            platform: self.platform,
            clock: Duration::from_millis(1_600_831_569_000),
            system_uptime: Duration::from_secs(13 * 3600 + 51 * 60 + 7),
            restart_reason: "power-on",
            running: &self.running,
            startup: Some(STARTUP),
            redundancy: self.redundancy.clone(),
            line_cards: vec![
                LineCardView {
                    slot: LcSlot(1),
                    state: LineCardState::InSync,
                    release: Some("1.0".to_owned()),
                    ports: 4,
                    in_state: Duration::from_secs(62),
                    routes: [4, 2],
                },
                LineCardView {
                    slot: LcSlot(2),
                    state: LineCardState::Absent,
                    release: None,
                    ports: 4,
                    in_state: Duration::from_secs(100_000),
                    routes: [0, 0],
                },
            ],
            config: ConfigView {
                owner: Some(3),
                refused: None,
                sync: ConfigSyncCounts { whole: 1, commands: 4, failed: 0 },
                unread: None,
            },
            debug: DebugView {
                kinds: self.debug,
                log: vec![(Duration::from_secs(1_600_831_569), "my state NEGOTIATION -> ACTIVE-FAST")],
            },
            flow_seed: FlowSeed::default(),
            log: LogView {
                total: 2,
                lines: vec![
                    (
                        Duration::from_millis(1_600_831_569_250),
                        "%LINK-3-UPDOWN: Interface GigabitEthernet1/1, changed state to up",
                    ),
                    (
                        Duration::from_millis(1_600_831_569_251),
                        "%LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/1, changed state to up",
                    ),
                ],
            },
            upgrade: UpgradeView {
                state: "Run Version".to_owned(),
                releases: Some(["2.0", "2.1"]),
                rollback: Duration::from_secs(2700),
                left: Some(Duration::from_secs(2405)),
                committing: false,
            },
            tables: &self.tables,
        }
    }
}

/// The standby has the same release, and the line card the first one; one that has gone is of a release far from here.
fn spoken() -> Vec<SpokenView> {
    let both = Some(Versions::new(1, 2));
    let group = |name: &str, ours, theirs, agreed| GroupView { name: name.to_owned(), ours, theirs, agreed };
    let card = |slot, release: &str, compatibility, groups| SpokenView {
        slot,
        release: release.to_owned(),
        connected: true,
        compatibility,
        groups,
        without: Vec::new(),
    };
    let first = Some(Versions::FIRST);
    let peer = vec![
        group("checkpoint messages", both, both, Some(2)),
        group("records: forwarding table", both, both, Some(2)),
    ];
    let older = vec![group("line-card messages", both, first, Some(1)), group("cells", first, first, Some(1))];
    let alien =
        vec![group("line-card messages", both, Some(Versions::new(7, 8)), None), group("cells", first, None, None)];
    vec![
        card(Slot::Rp(RpSlot::B), "2.0", Compatibility::Compatible, peer),
        SpokenView {
            without: vec!["3 entries of VRFs, labels and circuits".to_owned()],
            ..card(Slot::Lc(LcSlot(1)), "1.0", Compatibility::BaseLevel, older)
        },
        SpokenView { connected: false, ..card(Slot::Lc(LcSlot(2)), "9.0", Compatibility::Incompatible, alien) },
    ]
}

fn redundancy() -> RedundancyView {
    let unit = |slot, number, name: &str, minutes: u64, release: &str| UnitView {
        slot,
        state: RfStateView { number, name: name.to_owned() },
        in_state: Duration::from_secs(minutes * 60),
        release: Some(release.to_owned()),
    };
    let client = |id, seq, name: &str| ClientView { id, seq, name: name.to_owned() };
    RedundancyView {
        my: unit(RpSlot::A, 13, "ACTIVE", 90, "2.0"),
        peer: unit(RpSlot::B, 8, "STANDBY HOT", 1, "2.0"),
        duplex: true,
        primary: true,
        communications: true,
        manual_swact_refused: None,
        operating: "sso".parse().unwrap(),
        switchovers: 2,
        standby_failures: 1,
        switchover_timer: Duration::from_secs(3),
        client_notification_timer: Duration::from_secs(30),
        clients: vec![
            client(0, 0, "RF_INTERNAL_MSG"),
            client(25, 130, "CHKPT RF"),
            client(65000, 65000, "RF_LAST_CLIENT"),
        ],
        counters: vec![
            CounterView { name: "comm link up".to_owned(), value: 2 },
            CounterView { name: "Client (buffers) tx".to_owned(), value: 17 },
        ],
        history: vec![HistoryView {
            at: Duration::from_secs(9),
            text: "*my state = INITIALIZATION(2) *peer state = DISABLED(1)".to_owned(),
        }],
        switchover_history: vec![
            SwitchoverView {
                previous: RpSlot::A,
                current: RpSlot::B,
                reason: "active unit failed".to_owned(),
                at: Duration::from_secs(1_600_831_569),
            },
            SwitchoverView {
                previous: RpSlot::B,
                current: RpSlot::A,
                reason: "user forced".to_owned(),
                at: Duration::from_secs(1_601_530_813),
            },
        ],
    }
}

/// A few routes of each kind, as both routing and forwarding table; and what was negotiated with the peer.
pub(super) struct Small(BTreeMap<Prefix, (RouteView, PathList)>, pub(super) issu::View);

/// What a unit offers that runs a release, with clients of these numbers.
pub(super) fn offer(release: &str, clients: &[u16]) -> Offer {
    let client = |number: &u16| (Group::Client(CfClientId(*number)), Versions::new(1, 2));
    let classes = Class::ALL.into_iter().map(|class| (Group::Messages(class), class.versions()));
    Offer::of(release, classes.chain([(Group::Issu, Versions::FIRST)]).chain(clients.iter().map(client)))
}

/// What a unit shows of its image and the peer's.
pub(super) fn negotiated(own: &Offer, peer: Option<&Offer>) -> issu::View {
    let row = |release: &str, verdict, result, why: Option<&str>| Row {
        release: release.to_owned(),
        verdict,
        clients: vec![RowClient {
            id: 2,
            name: "ISSU Proto client".to_owned(),
            base: true,
            result,
            why: why.map(str::to_owned),
        }],
    };
    let (good, bad) = (Compatibility::Compatible, Compatibility::Incompatible);
    let matrix = [row("1.0", bad, bad, Some("release 1.0 does not have it")), row("2.0", good, good, None)];
    let met = peer.map(|peer| {
        let agreed = Agreed::between(own.clone(), peer.clone());
        issu::Negotiated::new(&agreed, issu::verdict(&agreed, NATIVE.issu, &[]))
    });
    issu::View::new("SWACT-RP-M", &matrix, own, NATIVE.issu, met)
}

impl Small {
    fn new() -> Self {
        let one: PortId = "1/1".parse().unwrap();
        let path =
            |next_hop: &str| Path::ethernet(one, next_hop.parse().unwrap(), [2, 0, 0, 0, 0, 2], BaseMac::FIRST.of(one));
        let lost = Path::Unresolved { next_hop: "10.9.9.9".parse().unwrap() };
        let bgp = |next_hops: &[&str], interface| Self::via(RouteSource::Bgp, 20, next_hops, interface);
        let first = Some(one.into());
        let entries = [
            ("0.0.0.0/0", bgp(&["10.0.1.2"], first), vec![path("10.0.1.2")]),
            ("10.0.1.0/24", Self::own(RouteSource::Connected, first), vec![Path::Receive]),
            ("10.0.1.1/32", Self::own(RouteSource::Local, first), vec![Path::Receive]),
            ("192.0.2.0/24", bgp(&["10.0.1.2", "10.0.1.3"], first), vec![path("10.0.1.2"), path("10.0.1.3")]),
            ("198.51.100.0/24", Self::own(RouteSource::Static, None), vec![Path::Discard]),
            ("203.0.113.0/24", bgp(&["10.9.9.9"], None), vec![lost]),
            ("2001:db8:1::/64", Self::own(RouteSource::Connected, first), vec![Path::Receive]),
            ("2001:db8:f::/48", bgp(&["2001:db8:1::2"], first), vec![path("2001:db8:1::2")]),
            ("::/0", bgp(&["2001:db8:1::2"], first), vec![path("2001:db8:1::2")]),
        ];
        Self(
            entries
                .into_iter()
                .map(|(prefix, route, paths)| {
                    let prefix = prefix.parse().unwrap();
                    (prefix, (RouteView { prefix, ..route }, PathList::new(paths)))
                })
                .collect(),
            negotiated(&offer("2.0", &[1, 2, 3, 4, 5]), Some(&offer("2.0", &[1, 2, 3, 4, 5]))),
        )
    }

    fn via(source: RouteSource, distance: u8, next_hops: &[&str], interface: Option<InterfaceId>) -> RouteView {
        let path = |hop: &&str| RoutePath { next_hop: Some(hop.parse().unwrap()), interface };
        let paths = next_hops.iter().map(path).collect();
        let prefix = Prefix::from_bits(Family::V4, 0, 0);
        RouteView { prefix, source, distance, metric: 0, age: Some(Duration::from_secs(62)), paths }
    }

    fn own(source: RouteSource, interface: Option<InterfaceId>) -> RouteView {
        let distance = if source == RouteSource::Static { STATIC_DISTANCE } else { 0 };
        let prefix = Prefix::from_bits(Family::V4, 0, 0);
        RouteView {
            prefix,
            source,
            distance,
            metric: 0,
            age: None,
            paths: vec![RoutePath { next_hop: None, interface }],
        }
    }

    fn longest(&self, address: IpAddr) -> Option<&(RouteView, PathList)> {
        let covering = self.0.iter().filter(|(prefix, _)| prefix.contains(address));
        covering.max_by_key(|(prefix, _)| prefix.len()).map(|(_, entry)| entry).filter(|(route, _)| {
            // The default route is left out, so that an address can be missing.
            route.prefix.len() > 0
        })
    }
}

impl Tables for Small {
    fn issu(&self) -> issu::View {
        self.1.clone()
    }

    fn spoken(&self) -> Vec<SpokenView> {
        spoken()
    }

    fn punts(&self) -> PuntCounts {
        let mut counts = PuntCounts { injected: 1_234, not_injected: 5, ..PuntCounts::default() };
        *counts.of(PuntReason::Arp) = PuntCount { passed: 77, ..PuntCount::default() };
        *counts.of(PuntReason::ForUs) = PuntCount { passed: 1_000, lost: 17, ..PuntCount::default() };
        counts
    }

    fn interface(&self, id: InterfaceId) -> InterfaceView {
        let port = id.port().unwrap();
        InterfaceView {
            index: Some(256),
            mac: Some(BaseMac::FIRST.of(port)),
            link: (port.port != 3).then_some(port.port == 1),
            since: Some(Duration::from_secs(62)),
            transitions: (port.port == 1).then_some(3),
        }
    }

    fn visit_routes(&self, _: TableId, family: Family, visit: &mut dyn FnMut(Prefix)) {
        // Backwards: show commands must sort.
        self.0.keys().rev().filter(|prefix| prefix.family() == family).for_each(|prefix| visit(*prefix));
    }

    fn width(&self) -> usize {
        16
    }

    fn route(&self, _: TableId, prefix: Prefix) -> Option<RouteView> {
        self.0.get(&prefix).map(|(route, _)| route.clone())
    }

    fn route_to(&self, _: TableId, address: IpAddr) -> Option<RouteView> {
        self.longest(address).map(|(route, _)| route.clone())
    }

    fn route_counts(&self, _: TableId, family: Family) -> Vec<(RouteSource, u64)> {
        let mut counts = BTreeMap::new();
        for (route, _) in self.0.values().filter(|(route, _)| route.prefix.family() == family) {
            *counts.entry(route.source).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    fn visit_fib(&self, _: TableId, family: Family, visit: &mut dyn FnMut(Prefix)) {
        self.visit_routes(TableId::DEFAULT, family, visit);
    }

    fn fib(&self, _: TableId, prefix: Prefix) -> Option<PathList> {
        self.0.get(&prefix).map(|(_, paths)| paths.clone())
    }

    fn fib_to(&self, _: TableId, address: IpAddr) -> Option<(Prefix, PathList)> {
        self.longest(address).map(|(route, paths)| (route.prefix, paths.clone()))
    }

    fn fib_counts(&self, family: Family) -> FibCounts {
        let prefixes = self.0.keys().filter(|prefix| prefix.family() == family).count() as u64;
        FibCounts { prefixes, path_lists: 5, epoch: 4, seq: 17, refused_sets: 0 }
    }
}

/// A line that makes a command: its keywords, and values that the fixture has.
pub(super) fn sample(tokens: &[Token]) -> String {
    let six = tokens.contains(&Token::Keyword("ipv6"));
    let words = tokens.iter().map(|token| match token {
        Token::Keyword(word) => (*word).to_owned(),
        Token::Argument(Shape::Ipv4) if tokens.contains(&Token::Argument(Shape::Mask)) => "192.0.2.0".to_owned(),
        Token::Argument(Shape::Ipv4) => "192.0.2.77".to_owned(),
        Token::Argument(Shape::Mask) => "255.255.255.0".to_owned(),
        Token::Argument(Shape::Ipv4Length) => "192.0.2.0/24".to_owned(),
        Token::Argument(Shape::Ipv6) => "2001:db8:f::77".to_owned(),
        Token::Argument(Shape::Ipv6Length) if six => "2001:db8:f::/48".to_owned(),
        Token::Argument(Shape::Slot) => "1".to_owned(),
        Token::Argument(Shape::Interface) => "1/1".to_owned(),
        Token::Argument(Shape::Word) => "red".to_owned(),
        Token::Argument(Shape::RpSlot) => "A".to_owned(),
        // A client of ISSU, and its session.
        Token::Argument(Shape::Number(1, 65_535)) => "7".to_owned(),
        Token::Argument(Shape::Number(least @ 25.., _)) => least.to_string(),
        _ => "24".to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
