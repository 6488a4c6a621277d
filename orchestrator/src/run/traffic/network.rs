//! What the chassis of a lab do with packets, by their startup configurations and the tables that testers announce to them.

use fabric_proto::{
    fib::{Family, Prefix},
    id::InterfaceId,
    operator,
};
use lab::{
    plan::{Exit, Routing, table_spec},
    topology::{Chassis, LinkEnd, NodePort, Topology},
};
use notation::document::BadInput;
use route_table::{Destination, Origin, Table, is_labs_own};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    rc::Rc,
};

/// Administrative distance of announced routes, as external BGP: of equal ones, theirs counts.
const ANNOUNCED: u8 = 20;

/// Routers on a way at most: a test packet leaves with a TTL of 64.
const HOPS_MAX: u8 = 63;

/// The chassis of a lab, each looked at once.
pub(super) struct Network<'a> {
    topology: &'a Topology,
    routing: BTreeMap<&'a str, Rc<Routing<'a>>>,
    tables: BTreeMap<(&'a str, Option<String>), Rc<Forwarding>>,
    /// Announced routes of all tables, IPv4 and IPv6.
    pub(super) announced: [usize; 2],
}

/// One table of a chassis.
pub(super) struct Forwarding {
    table: Table,
    /// Where its routes lead, by number.
    exits: Vec<Vec<Exit>>,
    /// The routes from this number on are of the configuration.
    own: usize,
    /// Announced prefixes that are withdrawn now and then.
    churned: BTreeSet<Prefix>,
}

/// Where packets arrive in the end.
pub(super) struct Arrival {
    /// The testers' ends, over all equal-cost paths: which tester, and how.
    pub(super) exits: BTreeSet<(String, operator::Exit)>,
    /// Routers on the way.
    pub(super) hops: u8,
    /// In place of all that: a node that is none of ours, which does with them as it likes.
    pub(super) node: Option<String>,
}

impl<'a> Network<'a> {
    pub(super) fn of(topology: &'a Topology) -> Self {
        Self { topology, routing: BTreeMap::new(), tables: BTreeMap::new(), announced: [0; 2] }
    }

    /// The configuration of a chassis.
    pub(super) fn routing(&mut self, chassis: &'a Chassis) -> Rc<Routing<'a>> {
        let of = || Rc::new(Routing::of(self.topology, chassis));
        Rc::clone(self.routing.entry(&chassis.name).or_insert_with(of))
    }

    /// A table of a chassis: the default one, or a VRF's. Loads what is announced, which takes a second at a million routes.
    pub(super) fn table(&mut self, chassis: &'a Chassis, vrf: Option<&str>) -> Result<Rc<Forwarding>, BadInput> {
        let key = (chassis.name.as_str(), vrf.map(str::to_owned));
        if let Some(known) = self.tables.get(&key) {
            return Ok(Rc::clone(known));
        }
        let announced = chassis.routes.as_ref().filter(|_| vrf.is_none());
        let mut churned = BTreeSet::new();
        let (mut announced, hops) = match announced.map(|routes| table_spec(self.topology, &chassis.name, routes)) {
            None => (Vec::new(), Vec::new()),
            Some(spec) => {
                let table = route_table::load(&spec).map_err(|error| {
                    BadInput::new("routes", error, "give another table with 'routes.table' or --table FILE")
                })?;
                Family::ALL.iter().zip(&mut self.announced).for_each(|(family, sum)| *sum += table.count(*family));
                let hops = spec.next_hops_v4.iter().map(|hop| IpAddr::V4(*hop));
                let hops: Vec<IpAddr> = hops.chain(spec.next_hops_v6.iter().map(|hop| IpAddr::V6(*hop))).collect();
                churned.extend(route_table::churned(&table, &spec).into_iter().map(|(prefix, _)| prefix));
                (table.routes().to_vec(), hops)
            }
        };
        // A table numbers the next hops of each family from 0.
        let v4 = hops.iter().filter(|hop| hop.is_ipv4()).count() as u32;
        for (prefix, hop) in &mut announced {
            *hop += if prefix.family() == Family::V6 { v4 } else { 0 };
        }
        let own = hops.len();
        let (mut configured, mut exits) = self.routing(chassis).table(vrf, &hops);
        configured.sort_by_key(|route| route.distance);
        let nearer = configured.partition_point(|route| route.distance < ANNOUNCED);
        // Of equal prefixes the first stands.
        let numbered = |(number, prefix): (usize, Prefix)| (prefix, (own + number) as u32);
        let mut configured_routes = configured.iter().map(|route| route.prefix).enumerate().map(numbered);
        let mut routes: Vec<(Prefix, u32)> = configured_routes.by_ref().take(nearer).collect();
        routes.append(&mut announced);
        routes.extend(configured_routes);
        exits.extend(configured.into_iter().map(|route| route.exits));
        let table = Rc::new(Forwarding { table: Table::new(routes, Origin::default()), exits, own, churned });
        self.tables.insert(key, Rc::clone(&table));
        Ok(table)
    }

    /// The tables with routes that churn: what goes by one of these may be dropped, or go another way, at any time.
    pub(super) fn churning(&mut self) -> Result<Vec<Rc<Forwarding>>, BadInput> {
        let churn = |chassis: &&Chassis| chassis.routes.as_ref().is_some_and(|routes| routes.churn_ppm.is_some());
        self.topology.chassis.iter().filter(churn).map(|chassis| self.table(chassis, None)).collect()
    }

    /// Where packets to a destination arrive that come in on an interface; the inner error says why nowhere.
    pub(super) fn trace(
        &mut self,
        chassis: &'a Chassis,
        interface: InterfaceId,
        destination: IpAddr,
    ) -> Result<Result<Arrival, String>, BadInput> {
        let mut at = BTreeSet::from([(chassis.name.as_str(), interface)]);
        for hops in 1..=HOPS_MAX {
            let (mut arrived, mut next, mut node) = (BTreeSet::new(), BTreeSet::new(), None);
            for (name, interface) in std::mem::take(&mut at) {
                let Some(chassis) = self.topology.chassis(name) else { continue };
                let routing = self.routing(chassis);
                let table = self.table(chassis, routing.vrf(interface))?;
                let exits = table.exits(destination);
                if exits.is_empty() {
                    let table = routing.table_name(routing.vrf(interface));
                    return Ok(Err(format!("nothing in {table} leads there")));
                }
                for exit in exits {
                    match self.beyond(chassis, &routing, *exit) {
                        Ok(Beyond::Tester(tester, exit)) => drop(arrived.insert((tester, exit))),
                        Ok(Beyond::Chassis(name, interface)) => drop(next.insert((name, interface))),
                        Ok(Beyond::Node(name)) => node = Some(name),
                        Err(why) => return Ok(Err(why)),
                    }
                }
            }
            if node.is_some() {
                return Ok(Ok(Arrival { exits: BTreeSet::new(), hops, node }));
            }
            match (arrived.is_empty(), next.is_empty()) {
                (false, true) => return Ok(Ok(Arrival { exits: arrived, hops, node: None })),
                (false, false) => return Ok(Err("its equal-cost paths pass different numbers of routers".to_owned())),
                (true, _) => at = next,
            }
        }
        Ok(Err(format!("more than {HOPS_MAX} routers are on the way")))
    }

    /// How packets to a destination arrive at the tester that leave a chassis by an interface; the inner error says why they do not.
    pub(super) fn leaving(
        &mut self,
        chassis: &'a Chassis,
        interface: InterfaceId,
        destination: IpAddr,
    ) -> Result<Result<Vec<operator::Exit>, String>, BadInput> {
        let routing = self.routing(chassis);
        let table = self.table(chassis, routing.vrf(interface))?;
        let mut exits = Vec::new();
        for exit in table.exits(destination) {
            match self.beyond(chassis, &routing, *exit) {
                Ok(Beyond::Tester(_, exit)) => exits.push(exit),
                Ok(Beyond::Chassis(name, _)) => return Ok(Err(format!("{name} is there"))),
                Ok(Beyond::Node(name)) => return Ok(Err(format!("{name} is there"))),
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(exits))
    }

    /// What is at the other end of the wire that packets leave by.
    fn beyond(&mut self, chassis: &Chassis, routing: &Routing<'_>, exit: Exit) -> Result<Beyond<'a>, String> {
        let vlan = routing.vlan(exit.interface);
        let wire = exit.interface.port().and_then(|port| {
            self.topology.opposite(&LinkEnd { node: chassis.name.clone(), port: NodePort::Chassis(port) })
        });
        let Some(end) = wire else { return Err(format!("{} of {} has no wire", exit.interface, chassis.name)) };
        let port = match end.port {
            NodePort::Tester(port) => {
                return Ok(Beyond::Tester(end.node.clone(), operator::Exit { port, vlan, mac: exit.mac }));
            }
            NodePort::Chassis(port) => port,
            NodePort::Interface(_) => return Ok(Beyond::Node(end.node.clone())),
        };
        let next = self
            .topology
            .chassis(&end.node)
            .filter(|chassis| self.topology.base_mac(&chassis.name).of(port) == exit.mac);
        let Some(next) = next else {
            return Err(format!("what {} sends to {end} is for another address", chassis.name));
        };
        match self.routing(next).interface_by(port, vlan) {
            Some(interface) => Ok(Beyond::Chassis(&next.name, interface)),
            None => {
                let tag = vlan.map_or_else(|| "without a tag".to_owned(), |vlan| format!("of VLAN {vlan}"));
                Err(format!("nothing at {end} takes frames {tag}"))
            }
        }
    }
}

/// What is at the other end of a wire.
enum Beyond<'a> {
    Tester(String, operator::Exit),
    Chassis(&'a str, InterfaceId),
    Node(String),
}

impl Forwarding {
    /// Where packets to a destination leave.
    fn exits(&self, destination: IpAddr) -> &[Exit] {
        self.table.lookup(destination).map_or(&[], |(_, number)| self.led(number))
    }

    fn led(&self, number: u32) -> &[Exit] {
        self.exits.get(number as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether packets to a destination go by an announced route that is withdrawn now and then.
    pub(super) fn churns(&self, destination: IpAddr) -> bool {
        self.table.lookup(destination).is_some_and(|(prefix, number)| self.is_churned(prefix, number))
    }

    /// A configured route stands, whatever is announced for its prefix.
    fn is_churned(&self, prefix: Prefix, number: u32) -> bool {
        (number as usize) < self.own && self.churned.contains(&prefix)
    }

    /// Destinations of which the longest prefix, and the exits that it leads to, are wanted, and that go by no route of
    /// `churning` that comes and goes (RFC 7654 §5.5). What is announced leads to the Internet, and not into the lab.
    pub(super) fn destinations(
        &self,
        count: usize,
        seed: u64,
        churning: &[Rc<Self>],
        wanted: impl Fn(Prefix, &[Exit]) -> bool,
    ) -> Vec<Destination> {
        let stands = |address| !churning.iter().any(|table| table.churns(address));
        let usable = |address, number: u32| (number as usize >= self.own || !is_labs_own(address)) && stands(address);
        let wanted = |prefix, number| !self.is_churned(prefix, number) && wanted(prefix, self.led(number));
        self.table.destinations_among(count, seed, wanted, usable)
    }
}
