//! What the command line sees of its route processor: plain data that the owner fills for each line.

mod neighbour;

pub use neighbour::NeighbourView;

use super::Debug;
use crate::{config::Config, issu};
use fabric_proto::{
    fib::{Family, Mac, PathList, Prefix},
    flow::FlowSeed,
    id::{InterfaceId, LcSlot, RpSlot, Slot, TableId},
    issu::Compatibility,
    punt::PuntCounts,
    redundancy::Mode,
    version::Versions,
};
use std::{net::IpAddr, time::Duration};

/// A snapshot of the route processor and its chassis for one command.
pub struct View<'a> {
    /// Slot of this route processor.
    pub slot: RpSlot,
    /// Platform profile, for example `native`.
    pub platform: &'a str,
    /// Wall clock, since 1970-01-01 00:00 UTC.
    pub clock: Duration,
    /// Since the chassis was last reloaded; a switchover does not end it.
    pub system_uptime: Duration,
    /// Why this route processor last started, for `show version`.
    pub restart_reason: &'a str,
    /// The running configuration. Empty default where there is none yet.
    pub running: &'a Config,
    /// The startup configuration's text, if one is stored.
    pub startup: Option<&'a str>,
    /// How redundancy stands.
    pub redundancy: RedundancyView,
    /// Line cards that are present or expected, by slot.
    pub line_cards: Vec<LineCardView>,
    /// Configuration sessions, and how the standby follows.
    pub config: ConfigView,
    /// Debugging.
    pub debug: DebugView<'a>,
    /// What the line cards choose among equal paths by.
    pub flow_seed: FlowSeed,
    /// Log messages.
    pub log: LogView<'a>,
    /// The software upgrade under way.
    pub upgrade: UpgradeView<'a>,
    /// Interfaces, routing and forwarding tables, and what is spoken with other cards.
    pub tables: &'a dyn Tables,
}

/// How an interface is, as a row of the IF-MIB's tables (RFC 2863) would have it; its configuration is the running one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceView {
    /// `ifIndex`: the same on both units and in every term; `None` for one whose number is too large for one.
    pub index: Option<u32>,
    /// `ifPhysAddress`; `None` for one without hardware.
    pub mac: Option<Mac>,
    /// `ifOperStatus`: whether it has carrier; `None` where its line card has not said.
    pub link: Option<bool>,
    /// Since when, where known (`ifLastChange`).
    pub since: Option<Duration>,
    /// How often its carrier has come or gone; `None` of what is no port, and in releases that do not count it.
    pub transitions: Option<u32>,
}

/// Configuration sessions, and how the standby follows the running configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigView {
    /// The session that is in configuration mode.
    pub owner: Option<u64>,
    /// Why configuration mode is refused now.
    pub refused: Option<String>,
    /// What was sent to the standby, or run as standby, since this program started.
    pub sync: ConfigSyncCounts,
    /// Why the startup configuration is not overwritten unless it is said; `None` where all of it was understood.
    pub unread: Option<String>,
}

/// How the running configuration was synchronised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigSyncCounts {
    /// Whole configurations.
    pub whole: u64,
    /// Single commands.
    pub commands: u64,
    /// Records that the standby could not follow; each breaks the sync.
    pub failed: u64,
}

/// Debugging.
#[derive(Clone, Debug, Default)]
pub struct DebugView<'a> {
    /// What is debugged.
    pub kinds: Debug,
    /// The messages kept, oldest first, each with its time since 1970.
    pub log: Vec<(Duration, &'a str)>,
}

/// Log messages.
#[derive(Clone, Debug, Default)]
pub struct LogView<'a> {
    /// Logged since the program started.
    pub total: u64,
    /// Those kept, oldest first, each with its time since 1970.
    pub lines: Vec<(Duration, &'a str)>,
}

/// How a software upgrade stands.
#[derive(Clone, Debug, Default)]
pub struct UpgradeView<'a> {
    /// Its state.
    pub state: String,
    /// The releases, old and new, while one is under way.
    pub releases: Option<[&'a str; 2]>,
    /// How long a new release may run before it is accepted; zero: for ever.
    pub rollback: Duration,
    /// How long it still may.
    pub left: Option<Duration>,
    /// The other unit is being given the new release, too.
    pub committing: bool,
}

/// How redundancy stands.
#[derive(Clone, Debug)]
pub struct RedundancyView {
    /// This unit.
    pub my: UnitView,
    /// The other unit; its state is `UNKNOWN` or `DISABLED` where it cannot be heard.
    pub peer: UnitView,
    /// Whether the peer is present (duplex).
    pub duplex: bool,
    /// Whether this is the primary unit (slot A).
    pub primary: bool,
    /// Whether messages from the peer arrive.
    pub communications: bool,
    /// Why a forced switchover is not allowed now; `None` when it is.
    pub manual_swact_refused: Option<String>,
    /// Mode as operated, which can be lower than configured (`running.redundancy.mode`).
    pub operating: Mode,
    /// Switchovers since the chassis was reloaded.
    pub switchovers: u32,
    /// Times the standby was lost.
    pub standby_failures: u32,
    /// Silence after which the peer is declared dead.
    pub switchover_timer: Duration,
    /// How long a client may take over one progression.
    pub client_notification_timer: Duration,
    /// RF clients, in `clientSeq` order.
    pub clients: Vec<ClientView>,
    /// Counters of the redundancy facility, in order of display.
    pub counters: Vec<CounterView>,
    /// `show redundancy history`, oldest first.
    pub history: Vec<HistoryView>,
    /// `show redundancy switchover history`, oldest first.
    pub switchover_history: Vec<SwitchoverView>,
}

/// One unit of the redundant pair.
#[derive(Clone, Debug)]
pub struct UnitView {
    /// Its slot.
    pub slot: RpSlot,
    /// Its RF state.
    pub state: RfStateView,
    /// How long it has been in that state.
    pub in_state: Duration,
    /// Release of the image it runs; `None` when it is not known.
    pub release: Option<String>,
}

/// An RF state: number and name of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RfStateView {
    /// 0 to 16.
    pub number: u8,
    /// `ACTIVE`, `STANDBY HOT`, …
    pub name: String,
}

impl RfStateView {
    /// Whether the unit is the active one (`ACTIVE-FAST` to `ACTIVE`).
    pub fn is_active(&self) -> bool {
        (9..=13).contains(&self.number)
    }

    /// Whether the unit is a standby, of whatever warmth.
    pub fn is_standby(&self) -> bool {
        matches!(self.number, 4..=8 | 16)
    }
}

/// A client of the redundancy facility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientView {
    /// `clientID`.
    pub id: u32,
    /// `clientSeq`: progressions visit clients in this order.
    pub seq: u32,
    /// Its name.
    pub name: String,
}

/// One counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterView {
    /// As displayed, for example `comm link up`; its JSON key has underscores for spaces.
    pub name: String,
    /// The count.
    pub value: u64,
}

/// One line of the redundancy facility's event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryView {
    /// Since the chassis was reloaded.
    pub at: Duration,
    /// What, for example `*my state = INITIALIZATION(2) *peer state = DISABLED(1)`.
    pub text: String,
}

/// One switchover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchoverView {
    /// Active before.
    pub previous: RpSlot,
    /// Active after.
    pub current: RpSlot,
    /// `user forced`, `active unit failed`, …
    pub reason: String,
    /// When, on the wall clock, since 1970.
    pub at: Duration,
}

/// What this unit and another card speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenView {
    /// The card's slot.
    pub slot: Slot,
    /// The release of its image.
    pub release: String,
    /// Whether it is connected now; of one that is not, this is what was.
    pub connected: bool,
    /// What came of it as a whole. A line card at base level is spoken to in older versions, or has not all of what this unit has.
    pub compatibility: Compatibility,
    /// Group by group.
    pub groups: Vec<GroupView>,
    /// What its release has no words for, of what it would be told otherwise; now.
    pub without: Vec<String>,
}

/// Something that has versions of its own ([`fabric_proto::offer::Group`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Versions that this unit offered; `None`: it does not have it.
    pub ours: Option<Versions>,
    /// Those that the card offered.
    pub theirs: Option<Versions>,
    /// The one agreed on.
    pub agreed: Option<u8>,
}

/// One line-card slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineCardView {
    /// The slot.
    pub slot: LcSlot,
    /// How far it is.
    pub state: LineCardState,
    /// Release of its image; `None` when it was never connected to this unit.
    pub release: Option<String>,
    /// Number of ports, 0 when not known.
    pub ports: u8,
    /// How long it has been in that state.
    pub in_state: Duration,
    /// Routes that it holds, IPv4 and IPv6.
    pub routes: [u64; 2],
}

/// How far a line card is, as the active route processor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineCardState {
    /// Expected and not connected.
    Absent,
    /// Connected, of a release that this unit has no messages in common with.
    Incompatible,
    /// Connected, being adopted.
    Adopting,
    /// It obeys this active; its table is being compared or sent.
    Syncing,
    /// Its table equals the active's.
    InSync,
    /// This unit is the standby and talks to no line card.
    NotOwned,
}

/// Interfaces, tables and negotiations, as show commands ask for them: nothing is looked at that is not shown.
pub trait Tables {
    /// How this unit's image and the peer's stand with each other.
    fn issu(&self) -> issu::View;

    /// What is spoken with each card that was ever connected, by slot.
    fn spoken(&self) -> Vec<SpokenView>;

    /// How an interface is.
    fn interface(&self, id: InterfaceId) -> InterfaceView;

    /// Neighbours that were learned, by interface and address.
    fn neighbours(&self) -> Vec<NeighbourView> {
        Vec::new()
    }

    /// What line cards have given to this unit, and what it had them send.
    fn punts(&self) -> PuntCounts {
        PuntCounts::default()
    }

    /// Every route of `family` in a table, in any order.
    fn visit_routes(&self, table: TableId, family: Family, visit: &mut dyn FnMut(Prefix));
    /// Most paths of a route.
    fn width(&self) -> usize;
    /// The route to exactly `prefix`.
    fn route(&self, table: TableId, prefix: Prefix) -> Option<RouteView>;
    /// The longest route for `address`.
    fn route_to(&self, table: TableId, address: IpAddr) -> Option<RouteView>;
    /// Number of routes of `family` by source, without those of count zero.
    fn route_counts(&self, table: TableId, family: Family) -> Vec<(RouteSource, u64)>;

    /// Every forwarding entry of `family` in a table, in any order.
    fn visit_fib(&self, table: TableId, family: Family, visit: &mut dyn FnMut(Prefix));
    /// The forwarding entry of exactly `prefix`.
    fn fib(&self, table: TableId, prefix: Prefix) -> Option<PathList>;
    /// The longest forwarding entry for `address`.
    fn fib_to(&self, table: TableId, address: IpAddr) -> Option<(Prefix, PathList)>;
    /// Size of the forwarding table of `family`.
    fn fib_counts(&self, family: Family) -> FibCounts;
}

/// Size of a forwarding table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FibCounts {
    /// Prefixes.
    pub prefixes: u64,
    /// Path lists, of both families.
    pub path_lists: u64,
    /// Term of the active that numbered the batches; 0 for none.
    pub epoch: u64,
    /// Batches since that term began.
    pub seq: u64,
    /// Next-hop sets that found no path-list number free, so that their routes are not in the table.
    pub refused_sets: u64,
}

/// A route as `show ip route` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteView {
    /// Where to.
    pub prefix: Prefix,
    /// Who said so.
    pub source: RouteSource,
    /// Administrative distance.
    pub distance: u8,
    /// Metric.
    pub metric: u32,
    /// How old it is; `None` for routes that have no age (connected, static).
    pub age: Option<Duration>,
    /// Its paths.
    pub paths: Vec<RoutePath>,
}

/// One path of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoutePath {
    /// The next hop; `None` for a connected route and for Null0.
    pub next_hop: Option<IpAddr>,
    /// The interface; `None` for Null0 and for a next hop that is on none.
    pub interface: Option<InterfaceId>,
}

/// Who announced a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteSource {
    /// An interface's subnet.
    Connected,
    /// An interface's own address.
    Local,
    /// Configured.
    Static,
    /// The route feed (shown as `B`).
    Bgp,
}
