//! What an operator asks, and what it is answered, in older versions.

use super::{
    CardStats, Event, EventKind, Exit, FlowSpec, LcStats, Refusals, Reply, Request, RpStats, TrafficSpec, v1, v2,
};
use crate::{drops::DropCause, fib::Mac, punt::PuntCounts, version::Inexpressible};

impl From<v1::Request> for Request {
    fn from(request: v1::Request) -> Self {
        match request {
            v1::Request::Exec(line) => Self::Exec(line),
            v1::Request::Complete(line) => Self::Complete(line),
            v1::Request::Events { after } => Self::Events { after },
            v1::Request::Spans { after } => Self::Spans { after },
            v1::Request::Stats => Self::Stats,
            v1::Request::Impair { to, plane, impairment } => Self::Impair { to, plane, impairment },
            v1::Request::Drop(order) => Self::Drop(order),
            v1::Request::Oir { slot, inserted } => Self::Oir { slot, inserted },
            v1::Request::Prepare(spec) => Self::Prepare(spec.into()),
            v1::Request::Start => Self::Start,
            v1::Request::Stop => Self::Stop,
            v1::Request::Progress => Self::Progress,
            v1::Request::Evidence => Self::Evidence,
            v1::Request::CrashAt(point) => Self::CrashAt(point),
            v1::Request::Storage(fault) => Self::Storage(fault),
        }
    }
}

/// Version 1 has no words for a client that hangs, nor for tags of VLANs.
impl TryFrom<&Request> for v1::Request {
    type Error = Inexpressible;

    fn try_from(request: &Request) -> Result<Self, Inexpressible> {
        Ok(match request.clone() {
            Request::Exec(line) => Self::Exec(line),
            Request::Complete(line) => Self::Complete(line),
            Request::Events { after } => Self::Events { after },
            Request::Spans { after } => Self::Spans { after },
            Request::Stats => Self::Stats,
            Request::Impair { to, plane, impairment } => Self::Impair { to, plane, impairment },
            Request::Drop(order) => Self::Drop(order),
            Request::Oir { slot, inserted } => Self::Oir { slot, inserted },
            Request::Prepare(spec) => Self::Prepare(spec.try_into()?),
            Request::Start => Self::Start,
            Request::Stop => Self::Stop,
            Request::Progress => Self::Progress,
            Request::Evidence => Self::Evidence,
            Request::CrashAt(point) => Self::CrashAt(point),
            Request::Storage(fault) => Self::Storage(fault),
            Request::Hang { .. } => return Err(Inexpressible { version: 1, what: "a client that hangs" }),
            Request::Capture(_) => return Err(Inexpressible { version: 1, what: "a capture" }),
            Request::Trace(_) => return Err(Inexpressible { version: 1, what: "a trace" }),
        })
    }
}

impl From<v1::TrafficSpec> for TrafficSpec {
    fn from(spec: v1::TrafficSpec) -> Self {
        let v1::TrafficSpec { flows, rate_pps, frame_size, at_most_ms } = spec;
        Self { flows: flows.into_iter().map(FlowSpec::from).collect(), rate_pps, frame_size, at_most_ms }
    }
}

impl TryFrom<TrafficSpec> for v1::TrafficSpec {
    type Error = Inexpressible;

    fn try_from(spec: TrafficSpec) -> Result<Self, Inexpressible> {
        let TrafficSpec { flows, rate_pps, frame_size, at_most_ms } = spec;
        let flows = flows.into_iter().map(v1::FlowSpec::try_from).collect::<Result<_, _>>()?;
        Ok(Self { flows, rate_pps, frame_size, at_most_ms })
    }
}

impl From<v1::FlowSpec> for FlowSpec {
    fn from(flow: v1::FlowSpec) -> Self {
        let v1::FlowSpec { from, port_mac, source, destination, expect, hops } = flow;
        let untagged = |(port, mac): (u8, Mac)| Exit { port, vlan: None, mac };
        Self {
            from,
            vlan: None,
            port_mac,
            source,
            destination,
            expect: expect.into_iter().map(untagged).collect(),
            hops,
        }
    }
}

impl TryFrom<FlowSpec> for v1::FlowSpec {
    type Error = Inexpressible;

    fn try_from(flow: FlowSpec) -> Result<Self, Inexpressible> {
        let FlowSpec { from, vlan, port_mac, source, destination, expect, hops } = flow;
        if vlan.is_some() || expect.iter().any(|exit| exit.vlan.is_some()) {
            return Err(Inexpressible { version: 1, what: "the tag of a VLAN" });
        }
        let expect = expect.into_iter().map(|exit| (exit.port, exit.mac)).collect();
        Ok(Self { from, port_mac, source, destination, expect, hops })
    }
}

impl From<v1::Reply> for Reply {
    fn from(reply: v1::Reply) -> Self {
        match reply {
            v1::Reply::Output(output) => Self::Output(output),
            v1::Reply::Completions(words) => Self::Completions(words),
            v1::Reply::Event(v1::Event { number, at, kind }) => Self::Event(Event { number, at, kind: kind.into() }),
            v1::Reply::Stats(stats) => Self::Stats(Box::new((*stats).into())),
            v1::Reply::Spans(spans) => Self::Spans(spans),
            v1::Reply::Done => Self::Done,
            v1::Reply::Started(at) => Self::Started(at),
            v1::Reply::Progress(progress) => Self::Progress(progress),
            v1::Reply::Evidence(evidence) => Self::Evidence(evidence),
            v1::Reply::Refused(why) => Self::Refused(why),
        }
    }
}

/// Version 1 does not tell refusals by cause, connections, which are missing, an armed crash point, nor since when nothing was read; and it
/// has no words for causes of drops that came later.
impl TryFrom<&Reply> for v1::Reply {
    type Error = Inexpressible;

    fn try_from(reply: &Reply) -> Result<Self, Inexpressible> {
        Ok(match reply.clone() {
            Reply::Output(output) => Self::Output(output),
            Reply::Completions(words) => Self::Completions(words),
            Reply::Event(Event { number, at, kind }) => Self::Event(v1::Event { number, at, kind: kind.into() }),
            Reply::Stats(stats) => Self::Stats(Box::new((*stats).try_into()?)),
            Reply::Spans(spans) => Self::Spans(spans),
            Reply::Done => Self::Done,
            Reply::Started(at) => Self::Started(at),
            Reply::Progress(progress) => Self::Progress(progress),
            Reply::Evidence(evidence) => Self::Evidence(evidence),
            Reply::Refused(why) => Self::Refused(why),
            Reply::Captured(_) => return Err(Inexpressible { version: 1, what: "a capture" }),
            Reply::Traced(_) => return Err(Inexpressible { version: 1, what: "a trace" }),
        })
    }
}

impl From<v1::CardStats> for CardStats {
    fn from(stats: v1::CardStats) -> Self {
        let v1::CardStats { boot, release, rp, lc, memory_bytes, refused, cpu_ns } = stats;
        let (refusals, rp) = (Refusals { untold: refused, ..Refusals::default() }, rp.map(RpStats::from));
        Self {
            boot,
            release,
            rp,
            lc,
            memory_bytes,
            cpu_ns,
            refusals,
            connections: 0,
            unlinked: Vec::new(),
            punts: PuntCounts::default(),
        }
    }
}

impl TryFrom<CardStats> for v1::CardStats {
    type Error = Inexpressible;

    fn try_from(stats: CardStats) -> Result<Self, Inexpressible> {
        let CardStats { boot, release, rp, lc, memory_bytes, cpu_ns, refusals, connections: _, unlinked: _, punts: _ } =
            stats;
        let refused = refusals.total();
        let later = |lc: &LcStats| lc.drops.iter().any(|(cause, _)| cause >= DropCause::NotFragmented);
        if lc.as_ref().is_some_and(later) {
            return Err(Inexpressible { version: 1, what: "the cause of a drop" });
        }
        Ok(Self { boot, release, rp: rp.map(v1::RpStats::from), lc, memory_bytes, refused, cpu_ns })
    }
}

/// Version 2 says how many were refused, and besides of how many of them it has the cause.
impl TryFrom<&Reply> for v2::Reply {
    type Error = Inexpressible;

    fn try_from(reply: &Reply) -> Result<Self, Inexpressible> {
        Ok(match reply.clone() {
            Reply::Output(output) => Self::Output(output),
            Reply::Completions(words) => Self::Completions(words),
            Reply::Event(event) => Self::Event(event),
            Reply::Stats(stats) => Self::Stats(Box::new((*stats).into())),
            Reply::Spans(spans) => Self::Spans(spans),
            Reply::Done => Self::Done,
            Reply::Started(at) => Self::Started(at),
            Reply::Progress(progress) => Self::Progress(progress),
            Reply::Evidence(evidence) => Self::Evidence(evidence),
            Reply::Refused(why) => Self::Refused(why),
            Reply::Captured(captured) => Self::Captured(captured),
            Reply::Traced(traced) => Self::Traced(traced),
        })
    }
}

impl From<v2::Reply> for Reply {
    fn from(reply: v2::Reply) -> Self {
        match reply {
            v2::Reply::Output(output) => Self::Output(output),
            v2::Reply::Completions(words) => Self::Completions(words),
            v2::Reply::Event(event) => Self::Event(event),
            v2::Reply::Stats(stats) => Self::Stats(Box::new((*stats).into())),
            v2::Reply::Spans(spans) => Self::Spans(spans),
            v2::Reply::Done => Self::Done,
            v2::Reply::Started(at) => Self::Started(at),
            v2::Reply::Progress(progress) => Self::Progress(progress),
            v2::Reply::Evidence(evidence) => Self::Evidence(evidence),
            v2::Reply::Refused(why) => Self::Refused(why),
            v2::Reply::Captured(captured) => Self::Captured(captured),
            v2::Reply::Traced(traced) => Self::Traced(traced),
        }
    }
}

impl From<CardStats> for v2::CardStats {
    fn from(stats: CardStats) -> Self {
        let refused = stats.refusals.total();
        let CardStats { boot, release, rp, lc, memory_bytes, cpu_ns, refusals, connections, unlinked, punts } = stats;
        let Refusals { certificate, wrong_card, no_business, unfinished, no_place, challenged, untold: _ } = refusals;
        let refusals = v2::Refusals { certificate, wrong_card, no_business, unfinished, no_place, challenged };
        Self { boot, release, rp, lc, memory_bytes, refused, cpu_ns, refusals, connections, unlinked, punts }
    }
}

impl From<v2::CardStats> for CardStats {
    fn from(stats: v2::CardStats) -> Self {
        let v2::CardStats {
            boot,
            release,
            rp,
            lc,
            memory_bytes,
            refused,
            cpu_ns,
            refusals,
            connections,
            unlinked,
            punts,
        } = stats;
        let v2::Refusals { certificate, wrong_card, no_business, unfinished, no_place, challenged } = refusals;
        let told = Refusals { certificate, wrong_card, no_business, unfinished, no_place, challenged, untold: 0 };
        let refusals = Refusals { untold: refused.saturating_sub(told.total()), ..told };
        Self { boot, release, rp, lc, memory_bytes, cpu_ns, refusals, connections, unlinked, punts }
    }
}

impl From<v1::RpStats> for RpStats {
    fn from(stats: v1::RpStats) -> Self {
        Self {
            state: stats.state,
            peer_state: stats.peer_state,
            active: stats.active,
            epoch: stats.epoch,
            configured: stats.configured,
            operating: stats.operating,
            redundant: stats.redundant,
            converged: stats.converged,
            routes: stats.routes,
            line_cards: stats.line_cards,
            fib: stats.fib,
            switchovers: stats.switchovers,
            heartbeats_sent: stats.heartbeats_sent,
            heartbeats_heard: stats.heartbeats_heard,
            armed: None,
        }
    }
}

impl From<RpStats> for v1::RpStats {
    fn from(stats: RpStats) -> Self {
        Self {
            state: stats.state,
            peer_state: stats.peer_state,
            active: stats.active,
            epoch: stats.epoch,
            configured: stats.configured,
            operating: stats.operating,
            redundant: stats.redundant,
            converged: stats.converged,
            routes: stats.routes,
            line_cards: stats.line_cards,
            fib: stats.fib,
            switchovers: stats.switchovers,
            heartbeats_sent: stats.heartbeats_sent,
            heartbeats_heard: stats.heartbeats_heard,
        }
    }
}

/// Events that have not changed since, by name and fields.
macro_rules! the_same {
    ($($name:ident $({ $($field:ident),* })?;)*) => {
        impl From<v1::EventKind> for EventKind {
            fn from(kind: v1::EventKind) -> Self {
                match kind {
                    v1::EventKind::Dropped { began, ended, every, packets } => {
                        Self::Dropped { began, ended, every, packets, unread_ns: [0; 2] }
                    }
                    v1::EventKind::ResetSlot { slot, reason } => Self::ResetSlot { slot, reason, release: None },
                    $(v1::EventKind::$name $({ $($field),* })? => Self::$name $({ $($field),* })?,)*
                }
            }
        }

        impl From<EventKind> for v1::EventKind {
            fn from(kind: EventKind) -> Self {
                match kind {
                    EventKind::Dropped { began, ended, every, packets, unread_ns: _ } => {
                        Self::Dropped { began, ended, every, packets }
                    }
                    EventKind::ResetSlot { slot, reason, release: _ } => Self::ResetSlot { slot, reason },
                    $(EventKind::$name $({ $($field),* })? => Self::$name $({ $($field),* })?,)*
                }
            }
        }
    };
}

the_same! {
    Booted { release };
    RfState { from, to };
    Peer { present, reason };
    Switchover { epoch, reason };
    TookOver { epoch };
    LcAdopted { slot, how };
    LcInSync { slot, buckets, routes };
    LcLost { slot };
    LcReset { slot, reason };
    FeedUp;
    FeedDown;
    FeedComplete { routes };
    Converged;
    Redundant { mode };
    BulkSync { done };
    OperatingMode { mode, configured };
    Fenced { epoch, highest };
    ResetChassis { reason };
    Orphaned;
    Obeys { epoch, how };
    TableConfirmed { routes };
    Log { line };
    Port { port, up };
}
