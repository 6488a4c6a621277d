//! What a card is told when it is started: one JSON file, written by the orchestrator.

mod compat;

pub use compat::{CONFIG_VERSIONS, Told};

use crate::{
    compat::v1_0::deploy as v1,
    fib::BaseMac,
    id::{CardId, LcSlot, RpSlot, Slot},
    issu::{Image, Row},
    release::Release,
    version::Versions,
};
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
};

/// File in a card's folder with its [`CardConfig`].
pub const CONFIG_FILE: &str = "config.json";

/// File in an RP's NVRAM folder with the startup configuration that the shelf delivers it with: plain text,
/// used and sealed into NVRAM by a boot that finds no startup configuration of its own.
pub const INITIAL_CONFIG: &str = "startup-config.cfg";

/// A card's, or a tester's, configuration. Keys that a card does not know are passed over; its log names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardConfig {
    /// Who it is; its certificate says the same.
    pub id: CardId,
    /// Where its control endpoint listens.
    pub control: SocketAddr,
    /// Where its data endpoint listens. One of release 1.0: line cards, and RPs that packets pass.
    #[serde(default)]
    pub data: Option<SocketAddr>,
    /// Certificate, key and authority, PEM.
    pub tls: TlsFiles,
    /// Manifest of the release it runs, under `images/`.
    pub image: PathBuf,
    /// A directory that survives restarts: startup configuration, configuration register, core dumps.
    pub nvram: PathBuf,
    /// The other cards of its chassis. Tester: the route processors that call it for its routes.
    #[serde(default)]
    pub cards: Vec<CardAddress>,
    /// Timers of the redundancy facility.
    #[serde(default)]
    pub redundancy: RedundancyTimers,
    /// Wires of a line card or a tester.
    #[serde(default)]
    pub wires: Vec<WireEnd>,
    /// RP: the route feeds it has sessions with. Tester: unused.
    #[serde(default)]
    pub feeds: Vec<FeedAddress>,
    /// Tester: the table that its route feed sends.
    #[serde(default)]
    pub table: Option<TableSpec>,
    /// Platform profile ([`crate::platform::Profile::named`]).
    #[serde(default)]
    pub platform: String,
    /// Whether the profile's times of real hardware are waited for.
    #[serde(default)]
    pub modelled: bool,
    /// RP: what its chassis' ports are called on links.
    #[serde(default, skip_serializing_if = "BaseMac::is_first")]
    pub base_mac: BaseMac,
    /// RP: the releases that the chassis' cards can be given, as on a unit's flash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<KnownRelease>,
}

/// A release that cards can be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRelease {
    /// Its version.
    pub version: String,
    /// Whether it negotiates, and so can be upgraded to, and back from, step by step.
    #[serde(default)]
    pub negotiates: bool,
    /// Beside which releases there is no stateful switchover, and of whom that is the fault, as manifests store it
    /// ([`Row::loses`]).
    #[serde(default)]
    pub loses: std::collections::BTreeMap<String, String>,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFiles {
    /// Certificate of the lab's authority.
    pub ca: PathBuf,
    /// The card's certificate.
    pub cert: PathBuf,
    /// The card's key.
    pub key: PathBuf,
}

/// Where a card of the same chassis is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAddress {
    /// Its slot.
    pub slot: Slot,
    /// Its control endpoint.
    pub control: SocketAddr,
    /// Its data endpoint. As cards of release 1.0 are told: that of line cards, and of RPs that packets pass.
    pub data: Option<SocketAddr>,
    /// Whether it is a line card of an older kind ([`crate::platform::Legacy`]).
    #[serde(default)]
    pub legacy: bool,
}

/// Where a route feed is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAddress {
    /// The tester that plays the peer.
    pub id: CardId,
    /// Its control endpoint.
    pub control: SocketAddr,
}

/// One end of a wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireEnd {
    /// Port number on this card, from 1.
    pub port: u8,
    /// The socket that joins the ends.
    pub path: PathBuf,
    /// Whether this end listens; the other one dials, again and again.
    pub listen: bool,
    /// A tester's own addresses there, for which it answers whoever asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
}

/// Timers of the redundancy facility, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RedundancyTimers {
    /// Between heartbeats.
    pub heartbeat_ms: u64,
    /// Heartbeat silence after which the peer is dead.
    pub switchover_ms: u64,
}

impl Default for RedundancyTimers {
    /// The field's default is three seconds of silence.
    fn default() -> Self {
        Self { heartbeat_ms: 500, switchover_ms: 3000 }
    }
}

/// A routing table and the peers that announce it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSpec {
    /// `internet` (generated) or a file: a prefix list or an MRT table dump.
    pub source: String,
    /// Seed of a generated table.
    pub seed: u64,
    /// Size of a generated table.
    pub ipv4: usize,
    /// Size of a generated table.
    pub ipv6: usize,
    /// Neighbours that announce it, IPv4; a route's next hop is one of them.
    pub next_hops_v4: Vec<std::net::Ipv4Addr>,
    /// Neighbours that announce it, IPv6.
    pub next_hops_v6: Vec<std::net::Ipv6Addr>,
    /// Routes a second; 0: as fast as the session takes them.
    pub rate: u64,
    /// Millionths of the table that are withdrawn and announced again a minute, once a session has all of it (RFC 7654
    /// §5.5); `None`: the table stands still. Testers read it, and they are of the orchestrator's own release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn_ppm: Option<NonZeroU32>,
}

impl TableSpec {
    /// [`Self::churn_ppm`] as a number: 0 where the table stands still.
    pub fn churn(&self) -> u32 {
        self.churn_ppm.map_or(0, NonZeroU32::get)
    }
}

impl CardConfig {
    /// The card's RP slot, if it is one.
    pub fn rp(&self) -> Option<RpSlot> {
        match self.id.slot()? {
            Slot::Rp(slot) => Some(slot),
            Slot::Lc(_) => None,
        }
    }

    /// Control endpoints of the cards that it knows, whoever calls whom.
    pub fn control_peers(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.cards.iter().map(|card| card.control)
    }

    /// Data endpoints of the cards that it knows.
    pub fn data_peers(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.cards.iter().filter_map(|card| card.data)
    }

    /// The card's line-card slot, if it is one.
    pub fn lc(&self) -> Option<LcSlot> {
        match self.id.slot()? {
            Slot::Lc(slot) => Some(slot),
            Slot::Rp(_) => None,
        }
    }
}

/// What a release is: the content of `images/<release>/manifest.yml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Name of the image, as `show version` has it.
    pub name: String,
    /// The release, the same as the folder's name.
    pub version: String,
    /// One sentence for people.
    pub description: String,
    /// Versions that it speaks: of message classes (`redundancy`, `checkpoint`, `line-card`, `feed`, `operator`), of the
    /// card's configuration (`configuration`; a release that does not say it reads version 1), of a hand-over between line
    /// cards' programs (`hand-over`; a release that does not say it has none), and of the negotiation of unlike images (`issu`;
    /// a release that does not say it does not negotiate).
    pub messages: std::collections::BTreeMap<String, Vec<u8>>,
    /// Features that it has; releases differ in these.
    pub features: Vec<String>,
    /// What it comes to beside other releases on two route processors, as far as it was known when it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<Row>,
    /// Executable of each kind of card.
    pub programs: Programs,
}

impl Manifest {
    /// The versions that it says it speaks of something: the whole range, from its lowest number to its highest.
    pub fn versions(&self, of: &str) -> Option<Versions> {
        let listed = self.messages.get(of)?.iter().copied();
        Versions::checked(listed.clone().min()?, listed.max()?)
    }

    /// What a route processor is told of in-service software upgrade.
    pub fn issu(&self) -> Image {
        let negotiates = self.versions("issu").is_some();
        Image { name: self.name.clone(), negotiates, matrix: self.matrix.clone(), built: Release::BUILT }
    }

    /// The version in which its cards are told their configuration.
    pub fn configuration(&self) -> Option<u8> {
        self.versions("configuration").unwrap_or(Versions::FIRST).common(CONFIG_VERSIONS)
    }
}

impl Manifest {
    /// The version in which a running line card's program of this release gives its card to one of `to`; `None`: such a card
    /// is reset to change its release.
    pub fn hands_over_to(&self, to: &Self) -> Option<u8> {
        self.versions(HAND_OVER)?.common(to.versions(HAND_OVER)?)
    }
}

/// What manifests call a hand-over of line cards between programs.
pub const HAND_OVER: &str = "hand-over";

/// Executables of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    /// Route processor.
    pub rp: String,
    /// Line card.
    pub linecard: String,
}
