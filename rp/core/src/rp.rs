//! One route processor: the only router between its machines.
//!
//! [`Rp`] owns the redundancy facility, the checkpointing facility, their clients ([`crate::clients`], which own the
//! configuration, the routing table and the FIB) and the sessions with line cards. Every input goes to one of them, and what
//! they ask for either goes to another one at once or leaves as an [`Output`].
//!
//! * `takeover.rs`: what a role means; `effects.rs`: what clients ask for when they are led through it
//! * `sync.rs`: clients' state on its way to the standby, and as it comes there
//! * `chassis.rs`: cards that come and go; `interfaces.rs`: which ports have carrier
//! * `host.rs`: neighbours, and packets of this unit's own; `ask.rs`: `ping` and `traceroute`
//! * `operator.rs` and `show.rs`: the command line; `logging.rs`: what `show logging` has
//! * `versions.rs`: what is spoken with the peer and the line cards; `issu.rs`: what its image and this one come to;
//!   `capability.rs`: what is off until every card of the chassis can hold it
//! * `upgrade.rs`: the software upgrade under way

mod ask;
mod capability;
mod chassis;
mod debug;
mod effects;
mod host;
mod inspect;
mod interfaces;
mod issu;
mod logging;
mod operator;
mod perform;
mod punt;
mod show;
mod sync;
mod takeover;
mod upgrade;
mod versions;

use crate::{
    checkpoint::{CfActive, CfStandby},
    cli::CliSession,
    clients::{self, Misregistered, Registry, Unit},
    config::Config,
    fib_feed::{self, FibFeed},
    redundancy::{self as rf, BootCause, LastTerm, Rf},
    rib::{self, FeedId},
};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage},
    deploy::{KnownRelease, RedundancyTimers},
    feed::{FromFeed, ToFeed},
    fib::{BaseMac, Family},
    flow::FlowSeed,
    id::{InterfaceId, LcSlot, PortId, RpSlot, Slot},
    issu::Image,
    linecard::{FromLc, ToLc},
    machine::Machine,
    offer::Agreed,
    operator::{EventKind, RpStats},
    platform::Profile,
    punt::PuntCounts,
    redundancy::{Heartbeat, RfMessage},
    sabotage::{self, Sabotage},
    time::Instant,
};
use logging::LogBuffer;
use rp_contract::Client;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use takeover::Role;
use versions::Spoken;

pub use perform::{Remote, Said, Shell};
pub use punt::Punted;

/// What the boot loader hands over.
#[derive(Clone, Debug)]
pub struct Boot {
    /// This unit.
    pub slot: RpSlot,
    /// Identifies this run of the program.
    pub boot: u64,
    /// Release of the image.
    pub release: String,
    /// What the release's manifest says of in-service software upgrade.
    pub issu: Image,
    /// What the chassis' family does.
    pub profile: &'static Profile,
    /// Whether the family's times of real hardware are waited for.
    pub modelled: bool,
    /// Line cards of an older kind.
    pub legacy: BTreeSet<LcSlot>,
    /// Heartbeat and switchover timers.
    pub timers: RedundancyTimers,
    /// The startup configuration in NVRAM.
    pub startup: Option<String>,
    /// What NVRAM remembers of terms.
    pub last_term: LastTerm,
    /// What it remembers of a software upgrade ([`Output::SaveUpgrade`]).
    pub upgrade: Option<Bytes>,
    /// Line-card slots of the chassis.
    pub line_cards: Vec<LcSlot>,
    /// What the addresses of its ports begin with.
    pub base_mac: BaseMac,
    /// What its line cards choose among equal paths by.
    pub flow_seed: FlowSeed,
    /// The releases that the chassis' cards can be given.
    pub releases: Vec<KnownRelease>,
    /// Number of route feeds.
    pub feeds: usize,
    /// What this unit's last life left.
    pub life: NextLife,
    /// Nanoseconds to add to the monotonic clock for the wall clock (since 1970): for display only.
    pub clock_offset: u64,
}

/// What one run of the program leaves to the next.
pub type NextLife = BootCause;

/// Everything that can happen to a route processor.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The connection to the peer RP is up, and both sides speak this.
    PeerConnected(Arc<Agreed>),
    /// It is gone.
    PeerLost,
    /// A heartbeat of the peer.
    Heartbeat(Heartbeat),
    /// A message of the peer's redundancy facility.
    Peer(RfMessage),
    /// A message of the peer's checkpointing facility.
    Checkpoint(CfMessage),
    /// The connection to a line card is up, and both sides speak this.
    LcConnected(LcSlot, Arc<Agreed>),
    /// It is gone.
    LcLost(LcSlot),
    /// A line card said something.
    Lc(LcSlot, FromLc),
    /// The session with the route feed is up.
    FeedConnected,
    /// It is gone.
    FeedLost,
    /// The route feed said something.
    Feed(FromFeed),
    /// The backplane: a card was inserted into a slot, or removed from it.
    Oir {
        /// The slot.
        slot: Slot,
        /// Whether there is a card in it now.
        inserted: bool,
    },
}

/// Everything that a route processor can ask its shell for, to be done in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Datagram to the peer.
    Heartbeat(Heartbeat),
    /// To the peer's redundancy facility.
    Peer(RfMessage),
    /// To the peer's checkpointing facility.
    Checkpoint(CfMessage),
    /// The peer is dead: close its connection, so that its next life can be reached.
    DropPeer,
    /// Dial line cards and feeds, and keep dialling.
    Own,
    /// To a line card.
    Lc(LcSlot, ToLc),
    /// To the route feed.
    Feed(ToFeed),
    /// Close the session with the route feed and open another one.
    DropFeed,
    /// Save the startup configuration.
    SaveStartup(String),
    /// Keep the text of a startup configuration that was not understood as a whole.
    SetAside(String),
    /// Save the term, before anything that follows is done.
    SaveTerm(LastTerm),
    /// Save how far a software upgrade is, before anything that follows is done.
    SaveUpgrade(Bytes),
    /// A frame of this unit's, to be sent by an interface: all of it is there, its tag too.
    Inject {
        /// By which.
        interface: InterfaceId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// The rest of the answer to a session's `ping` or `traceroute` ([`Rp::awaits`]).
    Answered {
        /// Whose it is.
        session: u64,
        /// To print behind what was printed.
        text: String,
    },
    /// For the event log.
    Event(EventKind),
    /// Start the program anew. Nothing follows.
    Restart(NextLife),
}

/// The feed that there is. `TODO` several feeds: the session list is ready for them, the shell is not.
const FEED: FeedId = FeedId(0);

/// How long a complete RIB waits for line cards that are not there before the chassis counts as
/// converged without them: longer than any reset of a card.
const ABSENT_CARDS: Duration = Duration::from_secs(10);

/// A route processor.
pub struct Rp {
    boot: Boot,
    role: Role,
    rf: Rf,
    spoken: Spoken,
    /// Checkpointing as active, and as standby.
    cf: CfActive,
    replica: CfStandby,
    /// Lines of configurations that the standby is without, because its release has no words for them.
    left_out: BTreeMap<CfClientId, BTreeSet<String>>,
    /// The chunk of a bulk sync that is to be given next, and since when.
    wanted_chunk: Option<(Instant, CfClientId, u64)>,
    /// Inputs that other machines have for the redundancy facility, in order.
    for_rf: VecDeque<rf::Input>,
    clients: Registry,
    feed: FibFeed,
    sessions: BTreeMap<u64, CliSession>,
    /// Interfaces that the host on the links has not been told of as they are.
    untold: BTreeSet<InterfaceId>,
    /// What line cards have given, as the shell counts it.
    punts: PuntCounts,
    /// Questions whose answers take their time, by session.
    asked: BTreeMap<u64, ask::Asked>,
    /// The session that is in configuration mode.
    config_lock: Option<u64>,
    debugging: debug::Debugging,
    log: LogBuffer,
    config_revision: u64,
    /// Why the standby could not be given the latest change of the configuration.
    unconfirmed: Option<String>,
}

impl Rp {
    /// A route processor whose image has been loaded.
    pub fn new(now: Instant, boot: Boot) -> Self {
        Self::with_clients(now, boot, clients::others())
            .expect("a test registers the clients of this release on every platform")
    }

    /// A route processor with these clients beside those that every one has. The platform's profile lists them.
    pub fn with_clients(now: Instant, boot: Boot, others: Vec<Box<dyn Client>>) -> Result<Self, Misregistered> {
        let unit = Unit {
            profile: boot.profile,
            startup: boot.startup.clone(),
            line_cards: boot.line_cards.iter().copied().collect(),
            legacy: boot.legacy.clone(),
            base_mac: boot.base_mac,
            loads: boot.modelled_switchover(),
            built: boot.issu.built,
        };
        let mut clients = Registry::new(unit, others)?;
        boot.upgrade.iter().for_each(|kept| clients.issu.restore(kept));
        let config = &clients.running.config;
        let defaults = rf::Config::new(boot.slot, boot.boot, &boot.release);
        let facility = rf::Config {
            configured: config.redundancy.mode,
            last_term: boot.last_term,
            heartbeat: Duration::from_millis(boot.timers.heartbeat_ms),
            switchover: switchover_timer(config, &boot.timers),
            crashdump: config.redundancy.crashdump_timeout,
            // The time that the hardware takes is not a client's silence.
            client_notification: defaults.client_notification + boot.modelled_switchover(),
            cause: boot.life.clone(),
            profile: boot.profile,
            legacy_cards: boot.legacy.len(),
            clients: rf::field_clients(boot.profile),
            ..defaults
        };
        Ok(Self {
            role: Role::Waiting,
            rf: Rf::new(facility, now),
            spoken: Spoken::default(),
            cf: CfActive::default(),
            replica: CfStandby::new(clients.members().to_vec()),
            left_out: BTreeMap::new(),
            wanted_chunk: None,
            for_rf: VecDeque::new(),
            clients,
            feed: FibFeed::new(boot.slot),
            sessions: BTreeMap::new(),
            untold: BTreeSet::new(),
            punts: PuntCounts::default(),
            asked: BTreeMap::new(),
            config_lock: None,
            debugging: debug::Debugging::default(),
            log: LogBuffer::default(),
            config_revision: 0,
            unconfirmed: None,
            boot,
        })
    }

    /// How redundancy and forwarding stand.
    pub fn stats(&self) -> RpStats {
        let view = self.rf.view();
        RpStats {
            state: view.state,
            peer_state: view.peer_state,
            active: view.active,
            epoch: view.epoch,
            configured: view.configured,
            operating: view.operating,
            redundant: view.redundant,
            converged: self.role.converged(),
            routes: Family::ALL.map(|family| self.clients.cef.fib.table().len(family) as u64),
            line_cards: self.feed.confirmed(),
            fib: (self.clients.cef.fib.position(), self.clients.cef.fib.table().root_digest()),
            switchovers: view.switchover_count,
            heartbeats_sent: view.beats.sent.clone(),
            heartbeats_heard: view.beats.heard.clone(),
            // The shell's: a machine does not know where it will crash.
            armed: None,
        }
    }

    fn feeds(&self) -> Vec<FeedId> {
        (0..self.boot.feeds).map(|_| FEED).collect()
    }
}

impl Boot {
    /// The hardware's own time to switch over, where it is waited for.
    fn modelled_switchover(&self) -> Duration {
        if self.modelled { self.profile.modelled.switchover } else { Duration::ZERO }
    }
}

/// Silence after which the peer is dead: as configured, else as the topology says; never less than two heartbeats.
fn switchover_timer(config: &Config, timers: &RedundancyTimers) -> Duration {
    let least = Duration::from_millis(2 * timers.heartbeat_ms);
    config.redundancy.switchover_timer.unwrap_or(Duration::from_millis(timers.switchover_ms)).max(least)
}

impl Machine for Rp {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Instant, input: Option<Input>, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Over) {
            return;
        }
        let begun = out.len();
        self.beat(now, out);
        match input {
            None => self.due(now, out),
            Some(Input::PeerConnected(agreed)) => {
                // A peer that restarted may be back before its last connection is known to be dead.
                if self.rf.view().communications {
                    self.peer_lost(now, out);
                }
                let met = self.meet(agreed, out);
                self.weigh_capabilities(out);
                self.step_rf(now, Some(rf::Input::PeerConnected(met)), out);
            }
            Some(Input::PeerLost) => {
                self.boot.slot.peer().into_iter().for_each(|peer| self.spoken.lost(Slot::Rp(peer)));
                self.peer_lost(now, out);
            }
            Some(Input::Heartbeat(heartbeat)) => self.step_rf(now, Some(rf::Input::Heartbeat(heartbeat)), out),
            Some(Input::Peer(message)) => self.step_rf(now, Some(rf::Input::Message(message)), out),
            Some(Input::Checkpoint(message)) => self.checkpoint_message(now, message, out),
            Some(Input::LcConnected(slot, agreed)) => {
                self.spoken.card_connected(slot, agreed, out);
                self.weigh_capabilities(out);
                self.lc_connected(now, slot, out);
            }
            Some(Input::LcLost(slot)) => {
                self.spoken.lost(Slot::Lc(slot));
                self.lc_lost(now, slot, out);
            }
            Some(Input::Lc(slot, message)) => self.lc_message(now, slot, message, out),
            Some(Input::FeedConnected) => self.feed_connected(now, out),
            Some(Input::FeedLost) => {
                let (rib, fib) = self.clients.tables();
                rib.feed_closed(now, FEED, fib);
                out.push(Output::Event(EventKind::FeedDown));
            }
            Some(Input::Feed(message)) => self.feed_message(now, message, out),
            Some(Input::Oir { slot, inserted }) => self.oir(now, slot, inserted, out),
        }
        self.settle(now, out);
        self.log.keep(now, &out[begun..]);
    }

    fn deadline(&self) -> Option<Instant> {
        let chunk = self.wanted_chunk.map(|(since, ..)| since);
        let links = self.clients.links.lonely().filter(|_| self.role.owns_chassis());
        let (rib, clients) = (self.clients.routing.rib.deadline(), self.clients.deadline());
        let upgrade = self.clients.issu.procedure.deadline().filter(|_| self.role.owns_chassis());
        let host = self.host_deadline().filter(|_| self.role.owns_chassis());
        let owned = [rib, clients, host, self.feed.deadline(), self.role.deadline(), links, chunk, upgrade];
        let active = owned.into_iter().flatten().filter(|_| !matches!(self.role, Role::Over));
        active.chain(self.rf.deadline()).chain(self.cf.deadline()).min()
    }
}

impl Rp {
    /// The clock has moved past somebody's deadline: each looks for itself.
    fn due(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.step_rf(now, None, out);
        self.step_cf(now, None, out);
        self.give_chunk(now, out);
        let (rib, fib) = self.clients.tables();
        if let Some(converged) = rib.expire(now, fib) {
            self.rib_converged(now, converged, out);
        }
        self.links_due(now, out);
        self.host_due(now, out);
        self.clients_due(now, out);
        self.step_feed(now, None, out);
        self.role_due(now, out);
    }

    /// What follows from any input: batches go to line cards and to the standby, other machines'
    /// words to the redundancy facility, and the chassis may have converged.
    fn settle(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.say_unread(out);
        self.save_upgrade(out);
        self.weigh_capabilities(out);
        if self.role.owns_chassis() {
            self.step_feed(now, Some(fib_feed::Input::TableChanged), out);
        }
        self.push_checkpoints(now, out);
        while let Some(input) = self.for_rf.pop_front() {
            self.step_rf(now, Some(input), out);
        }
        self.look_at_upgrade(now, out);
        self.note_convergence(now, out);
    }

    /// A heartbeat that is due goes before whatever the step is about.
    fn beat(&mut self, now: Instant, out: &mut Vec<Output>) {
        let mut asked = Vec::new();
        self.rf.beat(now, &mut asked);
        for output in asked {
            self.debug_output(now, &output, out);
            self.obey_rf(now, output, out);
        }
    }

    /// The redundancy facility, and what it asks for.
    fn step_rf(&mut self, now: Instant, input: Option<rf::Input>, out: &mut Vec<Output>) {
        self.debug_input(now, input.as_ref(), out);
        let mut asked = Vec::new();
        self.rf.step(now, input, &mut asked);
        for output in asked {
            self.debug_output(now, &output, out);
            self.obey_rf(now, output, out);
        }
    }

    fn feed_connected(&mut self, now: Instant, out: &mut Vec<Output>) {
        let (rib, fib) = self.clients.tables();
        rib.feed_open(now, FEED, fib);
        out.push(Output::Event(EventKind::FeedUp));
        out.push(Output::Feed(ToFeed::Open { forwarding_kept: fib.is_stale() }));
    }

    fn feed_message(&mut self, now: Instant, message: FromFeed, out: &mut Vec<Output>) {
        let (rib, fib) = self.clients.tables();
        let learned = match message {
            FromFeed::NextHops(sets) => rib.feed_next_hops(FEED, sets, fib).map(|()| None),
            FromFeed::Routes { count, packed } => rib.feed_routes(FEED, count, packed, fib).map(|()| None),
            FromFeed::EndOfRib(family) => Ok(rib.feed_end_of_rib(FEED, family, fib)),
        };
        match learned {
            Ok(Some(converged)) => self.rib_converged(now, converged, out),
            Ok(None) if sabotage::is(Sabotage::IgnoreEndMarker) => {
                for family in Family::ALL {
                    let (rib, fib) = self.clients.tables();
                    if let Some(converged) = rib.feed_end_of_rib(FEED, family, fib) {
                        self.rib_converged(now, converged, out);
                    }
                }
            }
            Ok(None) => {}
            Err(error) => {
                // What it sent may be half applied: only its whole table makes that good.
                out.push(Output::Event(EventKind::Log { line: format!("%BGP-3-NOTIFICATION: {error}") }));
                out.push(Output::DropFeed);
            }
        }
    }

    fn rib_converged(&mut self, now: Instant, converged: rib::Converged, out: &mut Vec<Output>) {
        out.push(Output::Event(EventKind::FeedComplete { routes: converged.routes }));
        self.role.rib_complete(now);
        self.step_feed(now, Some(fib_feed::Input::Converged), out);
    }

    /// The line cards' sessions, and what they ask for.
    fn step_feed(&mut self, now: Instant, input: Option<fib_feed::Input>, out: &mut Vec<Output>) {
        let mut asked = Vec::new();
        self.feed.step(now, input, &mut self.clients.cef.fib, &mut asked);
        for output in asked {
            out.extend(output.event().map(Output::Event));
            match output {
                fib_feed::Output::Send { slot, message } => out.push(Output::Lc(slot, message)),
                fib_feed::Output::Fenced { highest } => self.for_rf.push_back(rf::Input::Fenced { highest }),
                fib_feed::Output::Adopted { slot, .. } => self.card_online(now, slot, true, out),
                fib_feed::Output::Lost { slot } => {
                    self.clients.links.lost(now, slot);
                    self.card_online(now, slot, false, out);
                }
                fib_feed::Output::PortState { slot, port, up } => {
                    self.port_reported(now, PortId { slot, port }, up, out);
                }
                fib_feed::Output::Reset { slot, .. } => self.ports_gone(now, slot, out),
                fib_feed::Output::Without { slot, what } => self.card_without(slot, &what, out),
                fib_feed::Output::InSync { .. } | fib_feed::Output::Confirmed { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
