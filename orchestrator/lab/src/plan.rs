//! From a topology to what every card is told when it is started. Pure: the same topology, folder
//! and addresses always give the same plan.

mod address;
mod config;
mod nodes;
mod place;
mod routing;

pub use address::{Neighbour, PlacedNeighbour, next_hops, port_ipv4, port_ipv6};
pub use config::startup_config;
pub use nodes::{NodePlan, node_mac};
pub use place::{Placement, Plane, Subnet};
pub use routing::{Exit, Route, Routing, Unusable};

pub use crate::{
    images::Program,
    topology::{TesterPort, tester_ports},
};

use crate::{
    images::Images,
    topology::{Chassis, Limits, Link, NodePort, Routes, Tester, Topology},
};
use fabric_proto::{
    deploy::{CardAddress, CardConfig, FeedAddress, KnownRelease, RedundancyTimers, TableSpec, TlsFiles, WireEnd},
    fib::BaseMac,
    id::{CardId, PortId, RpSlot, Slot, Unit},
};
use notation::document::BadInput;
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// A Unix socket's path must fit `sun_path`, with its final zero.
const SOCKET_PATH_MAX: usize = 107;

/// Everything that a runtime needs to bring a lab up. Kept in the lab's folder as `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabPlan {
    /// Name of the lab.
    pub lab: String,
    /// Its folder: certificates, configurations, NVRAM, wires, logs. Mode 0700.
    pub dir: PathBuf,
    /// The topology file, from the root.
    pub topology: PathBuf,
    /// Where its cards run.
    #[serde(default)]
    pub placement: Placement,
    /// Its cards and testers: testers first, then line cards, then RPs, so that those who dial find who listens.
    pub cards: Vec<CardPlan>,
    /// Its chassis as wholes.
    pub chassis: Vec<ChassisPlan>,
    /// Its nodes that are none of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodePlan>,
}

/// A chassis as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChassisPlan {
    /// Name of the node.
    pub node: String,
    /// Its route processors.
    pub rps: Vec<RpSlot>,
    /// Its line cards' slots.
    pub line_cards: Vec<fabric_proto::id::LcSlot>,
    /// Release that its cards run at first.
    pub release: String,
}

/// One program to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardPlan {
    /// What it is told; goes to `<folder>/config.json`.
    pub config: CardConfig,
    /// Which program.
    pub program: Program,
    /// Release of its image; empty for a tester.
    pub release: String,
    /// Its folder under the lab's: `<node>/<slot>`.
    pub folder: PathBuf,
    /// Where its stderr goes.
    pub log: PathBuf,
    /// RP: its [`fabric_proto::deploy::INITIAL_CONFIG`].
    pub startup_config: Option<String>,
    /// What it may use of the host; containers only.
    #[serde(default)]
    pub limits: Limits,
}

impl LabPlan {
    /// Plans a lab in `dir`.
    pub fn new(topology: &Topology, dir: &Path, images: &Images, placement: Placement) -> Result<Self, BadInput> {
        let releases = images.releases()?;
        let planner = Planner { topology, dir, placement: &placement, releases };
        planner.check_socket_paths()?;
        let mut cards = Vec::new();
        for tester in &topology.testers {
            cards.push(planner.tester(tester));
        }
        for chassis in &topology.chassis {
            let manifest = images.manifest_path(&chassis.image)?;
            check_base_mac(topology, chassis, &manifest)?;
            for card in &chassis.line_cards {
                cards.push(planner.card(chassis, Slot::Lc(card.slot), &manifest));
            }
            for rp in &chassis.rps {
                cards.push(planner.card(chassis, Slot::Rp(*rp), &manifest));
            }
        }
        let chassis = topology.chassis.iter().map(|chassis| ChassisPlan {
            node: chassis.name.clone(),
            rps: chassis.rps.clone(),
            line_cards: chassis.line_cards.iter().map(|card| card.slot).collect(),
            release: chassis.image.clone(),
        });
        Ok(Self {
            lab: topology.name.clone(),
            dir: dir.to_owned(),
            topology: whole(topology.document.path()),
            chassis: chassis.collect(),
            nodes: planner.nodes(),
            placement,
            cards,
        })
    }

    /// The plan with every path of the lab below `dir`, wherever it says that they are. What names in it would lead elsewhere
    /// is refused with the reason.
    pub fn rooted(mut self, dir: &Path) -> Result<Self, String> {
        dir.clone_into(&mut self.dir);
        for card in &mut self.cards {
            let id = &card.config.id;
            fabric::tls::check_name("node", &id.node).map_err(|error| error.to_string())?;
            if id.lab != self.lab {
                return Err(format!("{id} is not a card of lab {}", self.lab));
            }
            let files = CardFiles::of(dir, id);
            (card.folder, card.log) = (files.folder, files.log);
            (card.config.tls, card.config.nvram) = (files.tls, files.nvram);
            for wire in &mut card.config.wires {
                let name = wire.path.parent().and_then(Path::file_name);
                wire.path = wire_file(dir, name.ok_or_else(|| format!("{} is no wire", wire.path.display()))?);
            }
        }
        for node in &mut self.nodes {
            node.rooted(dir)?;
        }
        Ok(self)
    }

    /// The card or tester with this identity.
    pub fn card(&self, id: &CardId) -> Option<&CardPlan> {
        self.cards.iter().find(|card| card.config.id == *id)
    }

    /// The node that is none of ours with this identity.
    pub fn node(&self, id: &CardId) -> Option<&NodePlan> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// All identities of cards and testers, in starting order.
    pub fn ids(&self) -> impl Iterator<Item = &CardId> + '_ {
        self.cards.iter().map(|card| &card.config.id)
    }

    /// Identities of a chassis' route processors.
    pub fn rps<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a CardId> + 'a {
        self.ids().filter(move |id| id.node == node && matches!(id.unit, Unit::Card(Slot::Rp(_))))
    }

    /// Identities of a chassis' line cards.
    pub fn line_cards<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a CardId> + 'a {
        self.ids().filter(move |id| id.node == node && matches!(id.unit, Unit::Card(Slot::Lc(_))))
    }
}

/// Where a card's files are in its lab's folder.
struct CardFiles {
    folder: PathBuf,
    log: PathBuf,
    nvram: PathBuf,
    tls: TlsFiles,
}

impl CardFiles {
    fn of(dir: &Path, id: &CardId) -> Self {
        let unit = unit_name(id);
        let folder = dir.join(&id.node).join(&unit);
        let pem = |name: &str| folder.join("tls").join(name);
        Self {
            log: dir.join("logs").join(format!("{}-{unit}.log", id.node)),
            nvram: folder.join("nvram"),
            tls: TlsFiles { ca: pem("ca.pem"), cert: pem("cert.pem"), key: pem("key.pem") },
            folder,
        }
    }
}

/// A wire's socket, in a folder of its own: only the cards at its two ends are given that folder.
fn wire_file(dir: &Path, name: impl AsRef<Path>) -> PathBuf {
    dir.join("wires").join(name).join("wire")
}

/// A file's path without links and dots, so that the same file is called the same from everywhere.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Name of a card's folder below its node's: `A`, `1`, `tester`.
fn unit_name(id: &CardId) -> String {
    match id.unit {
        Unit::Card(slot) => slot.to_string(),
        Unit::Tester => "tester".to_owned(),
        Unit::Linux => "linux".to_owned(),
        Unit::Operator => "operator".to_owned(),
    }
}

struct Planner<'a> {
    topology: &'a Topology,
    dir: &'a Path,
    placement: &'a Placement,
    /// That there are.
    releases: Vec<KnownRelease>,
}

impl Planner<'_> {
    fn lab(&self) -> &str {
        &self.topology.name
    }

    fn address(&self, id: &CardId, plane: Plane) -> SocketAddr {
        self.placement.address(self.topology, self.dir, id, plane)
    }

    fn wire_path(&self, link: usize) -> PathBuf {
        let ends = self.topology.links[link].ends.each_ref().map(|end| end.to_string().replace([':', '/'], "-"));
        wire_file(self.dir, format!("{}--{}", ends[0], ends[1]))
    }

    fn check_socket_paths(&self) -> Result<(), BadInput> {
        let wires = (0..self.topology.links.len()).map(|link| self.wire_path(link));
        let bridges = self.nodes().into_iter().map(|node| node.bridge.socket);
        let longest = wires.chain(bridges).max_by_key(|path| path.as_os_str().len());
        let Some(path) = longest.filter(|path| path.as_os_str().len() > SOCKET_PATH_MAX) else { return Ok(()) };
        let message = format!("a socket would be called {}: that is {} bytes", path.display(), path.as_os_str().len());
        let remedy =
            format!("the kernel allows {SOCKET_PATH_MAX}: set SWACT_DIR to a shorter folder, or shorten names");
        Err(BadInput::new(self.dir.display(), message, remedy))
    }

    /// Which end of a link listens: a tester, or a card where the other end is none of ours, whose bridge may be somebody
    /// else's; between two of a kind, the first.
    fn listener(&self, link: &Link) -> usize {
        let of = |kind: fn(NodePort) -> bool| link.ends.iter().position(|end| kind(end.port));
        let ours = || of(|port| !matches!(port, NodePort::Interface(_)));
        of(|port| matches!(port, NodePort::Tester(_))).or_else(ours).unwrap_or(0)
    }

    /// Wires of a node's ports that `port_number` accepts.
    fn wires(&self, node: &str, port_number: impl Fn(NodePort) -> Option<u8>) -> Vec<WireEnd> {
        let mut wires = Vec::new();
        for (index, link) in self.topology.links.iter().enumerate() {
            let listener = self.listener(link);
            for (side, end) in link.ends.iter().enumerate() {
                if end.node == node
                    && let Some(port) = port_number(end.port)
                {
                    let addresses = Vec::new();
                    wires.push(WireEnd { port, path: self.wire_path(index), listen: side == listener, addresses });
                }
            }
        }
        wires.sort_by_key(|wire| wire.port);
        wires
    }

    fn tester(&self, tester: &Tester) -> CardPlan {
        let id = CardId::tester(self.lab(), &tester.name);
        let table = self.topology.chassis.iter().find(|chassis| self.feeder(chassis) == Some(tester.name.as_str()));
        let mut wires = self.wires(&tester.name, |port| match port {
            NodePort::Tester(port) => Some(port),
            NodePort::Chassis(_) | NodePort::Interface(_) => None,
        });
        for wire in &mut wires {
            wire.addresses.extend(tester.addresses.get(&wire.port).into_iter().flatten());
        }
        let mut config = self.config(id);
        config.wires = wires;
        let fed = self.topology.chassis.iter().filter(|chassis| self.feeder(chassis) == Some(tester.name.as_str()));
        config.cards =
            fed.flat_map(|chassis| self.cards_of(chassis).filter(|card| matches!(card.slot, Slot::Rp(_)))).collect();
        config.table = table
            .and_then(|chassis| chassis.routes.as_ref().map(|routes| table_spec(self.topology, &chassis.name, routes)));
        self.finish(config, Program::Tester, String::new(), None, tester.limits)
    }

    /// The tester that announces a chassis' routes: the first one linked to it.
    fn feeder(&self, chassis: &Chassis) -> Option<&str> {
        chassis.routes.as_ref()?;
        let first = tester_ports(self.topology, &chassis.name).into_iter().next()?;
        self.topology.tester(&first.tester).map(|tester| tester.name.as_str())
    }

    fn card(&self, chassis: &Chassis, slot: Slot, manifest: &Path) -> CardPlan {
        let mut config = self.config(CardId::card(self.lab(), &chassis.name, slot));
        config.image = manifest.to_owned();
        chassis.platform.name.clone_into(&mut config.platform);
        config.modelled = chassis.modelled_times;
        config.redundancy = RedundancyTimers {
            heartbeat_ms: chassis.redundancy.heartbeat.0.as_millis() as u64,
            switchover_ms: chassis.redundancy.switchover_timer.0.as_millis() as u64,
        };
        config.cards = self.cards_of(chassis).filter(|card| card.slot != slot).collect();
        match slot {
            Slot::Rp(_) => {
                config.feeds = self.feeds(chassis);
                config.releases = self.releases.clone();
                config.base_mac = self.topology.base_mac(&chassis.name);
                config.data = Some(self.address(&config.id, Plane::Data));
                let named = chassis.startup_config.as_ref().map(|startup| startup.text.clone());
                let startup = named.unwrap_or_else(|| startup_config(self.topology, chassis));
                self.finish(config, Program::Rp, chassis.image.clone(), Some(startup), chassis.limits_of(slot))
            }
            Slot::Lc(lc) => {
                config.data = Some(self.address(&config.id, Plane::Data));
                config.wires = self.wires(&chassis.name, |port| match port {
                    NodePort::Chassis(PortId { slot, port }) if slot == lc => Some(port),
                    NodePort::Chassis(_) | NodePort::Tester(_) | NodePort::Interface(_) => None,
                });
                self.finish(config, Program::Linecard, chassis.image.clone(), None, chassis.limits_of(slot))
            }
        }
    }

    /// Where a chassis' cards are: route processors first.
    fn cards_of<'c>(&'c self, chassis: &'c Chassis) -> impl Iterator<Item = CardAddress> + 'c {
        let rps = chassis.rps.iter().map(|slot| Slot::Rp(*slot));
        let line_cards = chassis.line_cards.iter().map(|card| Slot::Lc(card.slot));
        rps.chain(line_cards).map(move |slot| {
            let id = CardId::card(self.lab(), &chassis.name, slot);
            CardAddress {
                slot,
                control: self.address(&id, Plane::Control),
                data: Some(self.address(&id, Plane::Data)),
                legacy: chassis.line_cards.iter().any(|card| Slot::Lc(card.slot) == slot && card.legacy),
            }
        })
    }

    fn feeds(&self, chassis: &Chassis) -> Vec<FeedAddress> {
        let feeder = self.feeder(chassis).map(|tester| CardId::tester(self.lab(), tester));
        let address = |id: CardId| FeedAddress { control: self.address(&id, Plane::Control), id };
        feeder.map(address).into_iter().collect()
    }

    fn config(&self, id: CardId) -> CardConfig {
        let files = CardFiles::of(self.dir, &id);
        CardConfig {
            control: self.address(&id, Plane::Control),
            data: None,
            tls: files.tls,
            image: PathBuf::new(),
            nvram: files.nvram,
            cards: Vec::new(),
            redundancy: RedundancyTimers::default(),
            wires: Vec::new(),
            feeds: Vec::new(),
            table: None,
            platform: String::new(),
            modelled: false,
            base_mac: BaseMac::FIRST,
            releases: Vec::new(),
            id,
        }
    }

    fn finish(
        &self,
        config: CardConfig,
        program: Program,
        release: String,
        startup: Option<String>,
        limits: Limits,
    ) -> CardPlan {
        let files = CardFiles::of(self.dir, &config.id);
        CardPlan { folder: files.folder, log: files.log, config, program, release, startup_config: startup, limits }
    }
}

/// Release 1.0 knows the port addresses of a lab's first chassis only: two that are linked would have one.
fn check_base_mac(topology: &Topology, chassis: &Chassis, manifest: &Path) -> Result<(), BadInput> {
    // What cannot be read says so itself, when it is used.
    let reads = fabric::card::manifest(manifest).ok().and_then(|manifest| manifest.configuration());
    if topology.base_mac(&chassis.name).is_first() || reads != Some(1) {
        return Ok(());
    }
    let message = format!(
        "chassis {} runs release {}, whose cards can only be of a lab's first chassis",
        chassis.name, chassis.image
    );
    let remedy = "give it a later release, or move it before the others";
    Err(BadInput::new(topology.document.path().display(), message, remedy))
}

/// The table that a chassis' peers announce.
pub fn table_spec(topology: &Topology, chassis: &str, routes: &Routes) -> TableSpec {
    let hops = next_hops(topology, chassis, routes.next_hops);
    TableSpec {
        source: routes.source.to_string(),
        seed: routes.seed,
        ipv4: routes.ipv4,
        ipv6: routes.ipv6,
        next_hops_v4: hops.iter().map(|hop| hop.neighbour.ipv4).collect(),
        next_hops_v6: hops.iter().map(|hop| hop.neighbour.ipv6).collect(),
        rate: routes.rate,
        churn_ppm: routes.churn_ppm,
    }
}

/// The folder of a lab: `$SWACT_DIR`, else `$XDG_RUNTIME_DIR/swact`, else `<tmp>/swact-<uid>`, and the lab's name
/// in it. One place for all labs of a user, found by name alone, and short enough for socket paths.
pub fn lab_dir(lab: &str) -> PathBuf {
    labs_dir().join(lab)
}

/// The folder that holds the folders of all of a user's labs.
pub fn labs_dir() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("SWACT_DIR")
        .or_else(|| from("XDG_RUNTIME_DIR").map(|dir| dir.join("swact")))
        .unwrap_or_else(|| std::env::temp_dir().join(format!("swact-{}", nix::unistd::Uid::effective())))
}

#[cfg(test)]
mod tests;
