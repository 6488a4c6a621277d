//! A load without a fault: offered for a time, and every packet of it accounted for.

use super::{
    RunError,
    bench::Bench,
    counters::{Account, Counters},
    course::{drain, unrest},
    tester::{evidence, progress, request, started},
};
use fabric_proto::{
    lateness::Lateness,
    operator::{Request, TrafficSpec},
};
use lab::card_name;
use measure::TrafficEvidence;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// How often the tester is asked whether it has ended.
const ASK: Duration = Duration::from_millis(50);
/// Beyond its time, a load that has not ended by itself is ended.
const SLACK: Duration = Duration::from_secs(5);

/// What a card used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CardLoad {
    /// Share of one processor.
    pub cpu: f64,
    /// Resident memory in the end, bytes.
    pub memory_bytes: u64,
}

/// What came of a load.
#[derive(Debug)]
pub struct Loaded {
    /// The tester's evidence.
    pub evidence: TrafficEvidence,
    /// What the cards say.
    pub account: Account,
    /// What disturbed the chassis meanwhile.
    pub unrest: Option<String>,
    /// How late heartbeats were: those that left and those that were taken, of each route processor.
    pub heartbeats: Vec<Lateness>,
    /// What each card used.
    pub cards: BTreeMap<String, CardLoad>,
}

/// Offers the bench's load at `rate_pps` for `time`, once the chassis is ready. The load ends by itself.
pub async fn hold(bench: &mut Bench<'_>, rate_pps: f64, time: Duration) -> Result<Loaded, RunError> {
    bench.all_ready(None).await?;
    bench.timeline.forget();
    let tester = bench.tester();
    let spec = TrafficSpec { rate_pps, at_most_ms: time.as_millis() as u64, ..bench.load.clone() };
    request(&bench.lab, &tester, Request::Prepare(spec)).await?;
    let before = Counters::read(&bench.lab).await;
    let used_before = Usage::read(bench).await;
    let begun = started(request(&bench.lab, &tester, Request::Start).await?)?;
    let latest = Instant::now() + time + SLACK;
    bench.timeline.pass(Instant::now() + time).await;
    while progress(&bench.lab, &tester).await?.sending && Instant::now() < latest {
        bench.timeline.pass(Instant::now() + ASK).await;
    }
    request(&bench.lab, &tester, Request::Stop).await?;
    let used = Usage::read(bench).await;
    let account = drain(bench, &tester, &before).await?;
    let evidence = evidence(request(&bench.lab, &tester, Request::Evidence).await?)?;
    let unrest = unrest(bench, begun);
    Ok(Loaded { evidence, account, unrest, heartbeats: used.heartbeats(&used_before), cards: used.since(&used_before) })
}

/// What each card uses while nothing is offered.
pub async fn idle(bench: &mut Bench<'_>, time: Duration) -> BTreeMap<String, CardLoad> {
    let before = Usage::read(bench).await;
    bench.timeline.pass(Instant::now() + time).await;
    Usage::read(bench).await.since(&before)
}

/// What the cards have used so far.
struct Usage {
    at: Instant,
    /// Processor time, nanoseconds, and memory, bytes.
    cards: BTreeMap<String, (u64, u64)>,
    beats: BTreeMap<String, [Lateness; 2]>,
}

impl Usage {
    async fn read(bench: &Bench<'_>) -> Self {
        let mut usage = Self { at: Instant::now(), cards: BTreeMap::new(), beats: BTreeMap::new() };
        for card in &bench.lab.plan().cards {
            let Some(stats) = bench.lab.stats(&card.config.id).await else { continue };
            let name = card_name(&card.config.id);
            usage.cards.insert(name.clone(), (stats.cpu_ns, stats.memory_bytes));
            if let Some(rp) = stats.rp {
                usage.beats.insert(name, [rp.heartbeats_sent, rp.heartbeats_heard]);
            }
        }
        usage
    }

    fn since(&self, before: &Self) -> BTreeMap<String, CardLoad> {
        let passed = (self.at - before.at).as_nanos().max(1) as f64;
        let load = |(card, (cpu_ns, memory_bytes)): (&String, &(u64, u64))| {
            // A card that was started anew has used less than before.
            let used = cpu_ns.checked_sub(before.cards.get(card)?.0)?;
            Some((card.clone(), CardLoad { cpu: used as f64 / passed, memory_bytes: *memory_bytes }))
        };
        self.cards.iter().filter_map(load).collect()
    }

    fn heartbeats(&self, before: &Self) -> Vec<Lateness> {
        let none = [Lateness::default(), Lateness::default()];
        let since = |(card, now): (&String, &[Lateness; 2])| {
            let then = before.beats.get(card).unwrap_or(&none);
            [now[0].since(&then[0]), now[1].since(&then[1])]
        };
        self.beats.iter().flat_map(since).collect()
    }
}
