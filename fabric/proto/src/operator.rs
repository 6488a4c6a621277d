//! Operator ↔ any card: commands, events, counters; to a tester, traffic.
//!
//! Every stream is a session of its own: requests are answered in order, and an `Events` request
//! turns the stream into a flow of events.

mod compat;
mod fault;
mod log;
mod traffic;

pub use fault::{CrashPoint, NoCrashPoint, StorageFault};
pub use log::EventLog;
pub use traffic::{Exit, FlowSpec, TrafficProgress, TrafficSpec};

use crate::{
    capture::{CaptureOrder, Captured},
    codec::{self, Body, BodyError, Class, Message},
    compat::{v1_0::operator as v1, v2_0::operator as v2},
    drops::DropCounts,
    fib::Position,
    id::{Epoch, LcSlot, RpSlot, Slot},
    lateness::Lateness,
    linecard::Adoption,
    punt::PuntCounts,
    redundancy::{Mode, RfState},
    time::Instant,
    trace::{TraceOrder, Traced},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Longest line that a command line reads, bytes: no command needs more, and errors quote what they refuse.
pub const LINE_MAX: usize = 4096;

/// What the operator asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// RP: run one line of the command line; the stream is the CLI session.
    Exec(String),
    /// RP: what can complete this line, or follow it after a space.
    Complete(String),
    /// Any card: send every event after number `after` (0: from the oldest kept), and go on.
    Events {
        /// Number of the last event seen.
        after: u64,
    },
    /// Any card: the spans that have ended since the one of number `after` (0: those kept).
    Spans {
        /// Number of the last span fetched.
        after: u64,
    },
    /// Any card: counters and state.
    Stats,
    /// Any card: set the impairment of its fabric connections towards `to` (`None`: all). Replaces the old one.
    Impair {
        /// The peer card.
        to: Option<Slot>,
        /// Which planes.
        plane: PlaneSet,
        /// The impairment; [`Impairment::default`] heals.
        impairment: Impairment,
    },
    /// Line card: drop packets that come in on its wires, by a known measure; replaces the order before. Answered
    /// with [`Reply::Started`]; what became of it is told by [`EventKind::Dropped`].
    Drop(DropOrder),
    /// RP, from the backplane: a card was inserted into a slot of its chassis, or removed from it.
    Oir {
        /// The slot.
        slot: Slot,
        /// Whether there is a card in it now.
        inserted: bool,
    },
    /// Tester: set up traffic; nothing is sent yet.
    Prepare(TrafficSpec),
    /// Tester: begin sending now; answered with the instant of the first intended packet.
    Start,
    /// Tester: stop sending; receiving goes on. Answered with [`Reply::Progress`].
    Stop,
    /// Tester: how it goes.
    Progress,
    /// Tester: the evidence of the traffic since `Prepare`.
    Evidence,
    /// RP: crash at this point, once it is reached; replaces what was armed before. `None` disarms.
    CrashAt(Option<CrashPoint>),
    /// RP: do this to the storage of the startup configuration.
    Storage(StorageFault),
    /// RP: a client of the redundancy facility does its work and does not answer any more, or answers again. Ends with the
    /// program.
    Hang {
        /// The client: its number, its name, the first word of that, or swact's own name.
        client: String,
        /// Whether it hangs.
        hangs: bool,
    },
    /// Line card: hand out copies of packets from now on, until the stream ends. Answered with [`Reply::Started`], and then with
    /// [`Reply::Captured`] again and again.
    Capture(CaptureOrder),
    /// Line card: say what becomes of a packet, by the tables that it forwards by.
    Trace(TraceOrder),
}

/// What a card answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Output of a command.
    Output(CommandOutput),
    /// What can complete a line.
    Completions(Vec<Completion>),
    /// One event; many follow an `Events` request.
    Event(Event),
    /// Counters and state.
    Stats(Box<CardStats>),
    /// Spans.
    Spans(SpanBatch),
    /// Done, nothing to say.
    Done,
    /// When the first packet was due, or when a drop began.
    Started(Instant),
    /// Tester's totals.
    Progress(TrafficProgress),
    /// `measure::TrafficEvidence`, as rmp-serde.
    Evidence(Bytes),
    /// The request makes no sense here or now.
    Refused(String),
    /// Copies of packets; many follow a `Capture` request.
    Captured(Captured),
    /// What becomes of a packet.
    Traced(Box<Traced>),
}

/// Ended spans of a card, as OTLP has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanBatch {
    /// Number of the last one; numbers grow over restarts of the card.
    pub last: u64,
    /// Spans lost since the card was started because nobody fetched them.
    pub dropped: u64,
    /// What the card adds to an [`Instant`] for the times of its spans, nanoseconds.
    pub wall_offset: u64,
    /// An `ExportTraceServiceRequest` (OTLP 1.x), protobuf; empty when there is no span.
    pub otlp: Bytes,
}

/// What a command printed, and what became of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutput {
    /// Text, lines ended by `\n`.
    pub text: String,
    /// The prompt after it, for example `pe1(config)#`.
    pub prompt: String,
    /// Whether the command was refused or unknown.
    pub failed: bool,
}

/// A word that can complete a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The word, whole.
    pub word: String,
    /// What it means.
    pub help: String,
}

/// Planes of the fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaneSet {
    /// Heartbeats and messages.
    Control,
    /// Cells.
    Data,
    /// Both.
    Both,
}

/// What the fabric does to packets it sends to a peer. All zero: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Impairment {
    /// Nothing passes.
    pub partition: bool,
    /// Probability of loss, 0 to 1.
    pub loss: f64,
    /// Added delay, milliseconds.
    pub delay_ms: f64,
    /// Uniform jitter around the delay, milliseconds either way.
    pub jitter_ms: f64,
    /// Probability that a packet is sent twice.
    pub duplicate: f64,
    /// Probability that a packet overtakes: it is sent without the delay.
    pub reorder: f64,
    /// Ceiling in bits a second; 0: none.
    pub rate_bps: u64,
    /// Seed of the dice.
    pub seed: u64,
}

/// A known outage: which packets that come in on its wires a line card drops, and for how long. It ends by itself,
/// on the clock of the thread that forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DropOrder {
    /// Every so many-th packet; 1: all of them, 0: none, which ends an order.
    pub every: u32,
    /// For how long, nanoseconds; 0: until it is ended.
    pub for_ns: u64,
}

/// One thing that happened on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Number on this card, from 1, without gaps.
    pub number: u64,
    /// When, on the clock that all cards of a host share.
    pub at: Instant,
    /// What.
    pub kind: EventKind,
}

/// What can happen on a card. Reports name these in `events.ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// A card's program runs and is reachable.
    Booted {
        /// Release of its image.
        release: String,
    },
    /// RP: its RF state changed (`ACTIVE`, `STANDBY HOT`, …).
    RfState {
        /// Before.
        #[serde(with = "crate::word")]
        from: RfState,
        /// After.
        #[serde(with = "crate::word")]
        to: RfState,
    },
    /// RP: the peer was heard or is gone.
    Peer {
        /// Whether it is there.
        present: bool,
        /// How it is known.
        reason: String,
    },
    /// RP: the standby declared the active dead, or was told to take over. The switchover begins.
    Switchover {
        /// The new term.
        epoch: Epoch,
        /// As `show redundancy switchover history` has it.
        reason: String,
    },
    /// RP: it owns the chassis now: its role is active, line cards are being adopted.
    TookOver {
        /// Its term.
        epoch: Epoch,
    },
    /// RP: a line card obeys this term.
    LcAdopted {
        /// The card.
        slot: LcSlot,
        /// What became of its table.
        #[serde(with = "crate::word")]
        how: Adoption,
    },
    /// RP: a line card's table equals the RP's.
    LcInSync {
        /// The card.
        slot: LcSlot,
        /// Buckets that had to be sent again.
        buckets: u32,
        /// Routes sent since adoption.
        routes: u64,
    },
    /// RP: a line card is not connected any more.
    LcLost {
        /// The card.
        slot: LcSlot,
    },
    /// RP: a line card was told to reset, or the card itself says so.
    LcReset {
        /// The card.
        slot: LcSlot,
        /// Why.
        reason: String,
    },
    /// RP: the route feed's session is up.
    FeedUp,
    /// RP: the route feed's session ended.
    FeedDown,
    /// RP: end-of-RIB of both families, the RIB is complete.
    FeedComplete {
        /// Routes of both families.
        routes: u64,
    },
    /// RP: RIB complete, all present line cards hold it: the chassis forwards as it should.
    Converged,
    /// RP: the standby has reached the state that the operating mode promises.
    Redundant {
        /// Operating mode.
        mode: Mode,
    },
    /// RP: bulk sync to the standby began or ended.
    BulkSync {
        /// False at its begin.
        done: bool,
    },
    /// RP: the operating mode changed.
    OperatingMode {
        /// Operating mode.
        mode: Mode,
        /// Configured mode.
        configured: Mode,
    },
    /// RP or LC: an older epoch was refused.
    Fenced {
        /// Whose.
        epoch: Epoch,
        /// The epoch obeyed.
        highest: Epoch,
    },
    /// RP: asks the chassis' backplane to reset a slot. The runtime obeys.
    ResetSlot {
        /// The slot.
        slot: Slot,
        /// Why.
        reason: String,
        /// The release that it is to boot from now on, where that changes.
        release: Option<String>,
    },
    /// RP: the whole chassis restarts.
    ResetChassis {
        /// Why.
        reason: String,
    },
    /// LC: the session with its active has ended; it forwards on what it has.
    Orphaned,
    /// LC: it obeys an active of this term.
    Obeys {
        /// The term.
        epoch: Epoch,
        /// What became of its table.
        #[serde(with = "crate::word")]
        how: Adoption,
    },
    /// LC: its table equals its active's, for the first time since it obeys it.
    TableConfirmed {
        /// Routes of both families.
        routes: u64,
    },
    /// LC: an injected drop ([`Request::Drop`]) is over.
    Dropped {
        /// When it began.
        began: Instant,
        /// When it ended: packets read from a wire at or after it passed.
        ended: Instant,
        /// Every so many-th packet.
        every: u32,
        /// Packets dropped.
        packets: u64,
        /// How long before its begin, and before its end, packets had last been read from a wire, nanoseconds: so long may
        /// packets have waited that it took, or spared. Earlier releases do not tell.
        #[serde(default)]
        unread_ns: [u64; 2],
    },
    /// A message as a router logs it: `%HA-6-STANDBY_READY: …`.
    Log {
        /// The line.
        line: String,
    },
    /// A port came up or went down (line card, tester).
    Port {
        /// Port number.
        port: u8,
        /// Whether it is up.
        up: bool,
    },
}

/// Counters and state of a card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CardStats {
    /// Identifies the run of the program; a reset or restart changes it.
    pub boot: u64,
    /// Release of its image.
    pub release: String,
    /// RP: how redundancy stands.
    pub rp: Option<RpStats>,
    /// Line card: how forwarding stands.
    pub lc: Option<LcStats>,
    /// Bytes of memory held (resident set).
    pub memory_bytes: u64,
    /// Processor time that the program has used since it was started, nanoseconds.
    #[serde(default)]
    pub cpu_ns: u64,
    /// Peers refused since the program was started, by cause.
    #[serde(default)]
    pub refusals: Refusals,
    /// Connections of its control endpoint: those under way and those that are closing, too.
    #[serde(default)]
    pub connections: u64,
    /// Line card: the line cards that it is to hand packets to and has no data connection with. (Whether packets can pass
    /// an active RP is that one's to say: [`RpStats::converged`].)
    #[serde(default)]
    pub unlinked: Vec<LcSlot>,
    /// Packets to and from the route processor.
    #[serde(default)]
    pub punts: PuntCounts,
}

/// Peers refused since the program was started, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refusals {
    /// No valid certificate of this lab.
    pub certificate: u64,
    /// Another card's certificate than the one that was called.
    pub wrong_card: u64,
    /// A certificate of this lab, and no business here.
    pub no_business: u64,
    /// A handshake that did not end, or gave way to a newer one.
    pub unfinished: u64,
    /// No place for another handshake of this address, or of anybody.
    pub no_place: u64,
    /// Not refused: callers that were asked to prove their address (QUIC's Retry). Whoever does not is heard of no more.
    pub challenged: u64,
    /// For a cause that the card's release does not tell: release 1.0 says only how many.
    pub untold: u64,
}

impl Refusals {
    /// Refusals of all causes.
    pub fn total(&self) -> u64 {
        let Self { certificate, wrong_card, no_business, unfinished, no_place, untold, challenged: _ } = *self;
        [certificate, wrong_card, no_business, unfinished, no_place, untold].into_iter().fold(0, u64::saturating_add)
    }
}

/// How redundancy stands on an RP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpStats {
    /// RF state, as the command line names it.
    #[serde(with = "crate::word")]
    pub state: RfState,
    /// The peer's RF state.
    #[serde(with = "crate::word")]
    pub peer_state: RfState,
    /// Whether this RP is active.
    pub active: bool,
    /// Its term, or the highest seen.
    pub epoch: Epoch,
    /// Configured mode.
    pub configured: Mode,
    /// Operating mode.
    pub operating: Mode,
    /// Whether the standby has reached what the operating mode promises.
    pub redundant: bool,
    /// Whether the RIB is complete and every present line card holds it.
    pub converged: bool,
    /// Routes in the RIB, IPv4 and IPv6.
    pub routes: [u64; 2],
    /// Line cards in sync.
    pub line_cards: Vec<LcSlot>,
    /// Position and digest of its FIB.
    pub fib: (Position, u64),
    /// Switchovers since the chassis started.
    pub switchovers: u32,
    /// How late its own heartbeats left, after they were due.
    #[serde(default)]
    pub heartbeats_sent: Lateness,
    /// How late the peer's heartbeats were taken, beyond one interval after the one before.
    #[serde(default)]
    pub heartbeats_heard: Lateness,
    /// The crash point that is armed and has not gone off ([`Request::CrashAt`]).
    #[serde(default)]
    pub armed: Option<CrashPoint>,
}

/// How forwarding stands on a line card. Packet counters survive a reset of the card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LcStats {
    /// The epoch obeyed.
    pub epoch: Epoch,
    /// Its active.
    pub active: Option<RpSlot>,
    /// Where the table stands.
    pub position: Option<Position>,
    /// Digest of the table.
    pub root: u64,
    /// Whether some of the table is stale.
    pub stale: bool,
    /// Routes held, IPv4 and IPv6.
    pub routes: [u64; 2],
    /// Packets received on wires.
    pub received: u64,
    /// Packets sent on wires.
    pub sent: u64,
    /// Packets sent into the fabric.
    pub to_fabric: u64,
    /// Packets received from the fabric.
    pub from_fabric: u64,
    /// Packets held now: in virtual output queues and port queues.
    pub queued: u64,
    /// Packets punted towards the RP.
    pub punted: u64,
    /// Drops by cause.
    pub drops: DropCounts,
    /// Messages of fenced actives refused.
    pub refused: u64,
    /// Resets since the card was started.
    pub resets: u32,
}

impl Message for Request {
    const CLASS: Class = Class::Operator;
    /// A hundred thousand flows.
    const CAP: usize = 32 << 20;

    fn write(&self, version: u8, body: &mut Body) -> Result<(), BodyError> {
        match version {
            1 => codec::write_as::<v1::Request, _>(self, body),
            _ => Ok(rmp_serde::encode::write(body, self)?),
        }
    }

    fn read(version: u8, body: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        match version {
            1 => codec::read_as::<v1::Request, _>(body),
            _ => rmp_serde::from_slice(body),
        }
    }
}

impl Message for Reply {
    const CLASS: Class = Class::Operator;
    /// Evidence of a hundred thousand flows.
    const CAP: usize = 64 << 20;

    fn write(&self, version: u8, body: &mut Body) -> Result<(), BodyError> {
        match version {
            1 => codec::write_as::<v1::Reply, _>(self, body),
            2 => codec::write_as::<v2::Reply, _>(self, body),
            _ => Ok(rmp_serde::encode::write(body, self)?),
        }
    }

    fn read(version: u8, body: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        match version {
            1 => codec::read_as::<v1::Reply, _>(body),
            2 => codec::read_as::<v2::Reply, _>(body),
            _ => rmp_serde::from_slice(body),
        }
    }
}
