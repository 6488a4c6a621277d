//! The lab under an experiment: deployed, brought into a mode, waited for.

use super::{RunError, progress::Progress, timeline::Timeline};
use crate::{experiment::Experiment, standing};
use fabric_proto::{
    id::CardId,
    operator::{CommandOutput, RpStats, TrafficSpec},
};
use lab::{
    Claim, Lab, LabError,
    images::Images,
    plan::{LabPlan, Placement},
};
use notation::mode::Mode;
use std::time::Duration;
use tokio::time::Instant;

/// How often cards are asked how they stand: often enough for a person, seldom enough for two cores.
const POLL: Duration = Duration::from_millis(50);
/// A chassis with a million routes is up within seconds; a loaded machine gets its time.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long a command may be refused because the chassis is synchronising.
const COMMAND_WITHIN: Duration = Duration::from_secs(30);

/// The lab, the load and the record of events.
#[derive(Debug)]
pub struct Bench<'a> {
    /// What is measured.
    pub experiment: &'a Experiment,
    /// The releases.
    pub images: &'a Images,
    /// The load.
    pub load: TrafficSpec,
    /// The lab.
    pub lab: Lab,
    /// What happens in it.
    pub timeline: &'a mut Timeline,
    /// Where progress is shown.
    pub progress: &'a Progress,
}

impl<'a> Bench<'a> {
    /// Deploys the lab and waits until it forwards and is redundant.
    pub async fn deploy(
        experiment: &'a Experiment,
        images: &'a Images,
        load: TrafficSpec,
        placement: Placement,
        claim: &Claim,
        timeline: &'a mut Timeline,
        progress: &'a Progress,
    ) -> Result<Self, RunError> {
        let topology = &experiment.topology;
        let lab = Lab::deploy(LabPlan::new(topology, claim.dir(), images, placement)?, claim).await?;
        let mut bench = Self { experiment, images, load, lab, timeline, progress };
        bench.timeline.follow(bench.lab.events(true));
        bench.all_ready(None).await?;
        Ok(bench)
    }

    /// The tester that plays the load.
    pub fn tester(&self) -> CardId {
        CardId::tester(&self.lab.plan().lab, &self.experiment.traffic[0].tester)
    }

    /// Where the cards run.
    pub fn runtime_name(&self) -> &'static str {
        self.lab.runtime()
    }

    /// The chassis' names.
    pub fn chassis(&self) -> Vec<String> {
        self.lab.plan().chassis.iter().map(|chassis| chassis.node.clone()).collect()
    }

    /// Brings every chassis into `mode`, saves it as its startup configuration, and waits until it stands.
    pub async fn enter(&mut self, mode: Mode) -> Result<(), RunError> {
        for node in self.chassis() {
            let (active, rp) = self.ready(&node, None).await?;
            if Mode::from(rp.configured) != mode {
                let mode_line = format!("mode {mode}");
                self.commands(&active, &["configure terminal", "redundancy", &mode_line, "end"]).await?;
            }
            self.ready(&node, Some(mode)).await?;
            // A new active that boots, or parses its startup configuration, must come up in this mode.
            self.commands(&active, &["write memory"]).await?;
            self.ready(&node, Some(mode)).await?;
        }
        Ok(())
    }

    /// Waits until every chassis forwards and is redundant, in `mode` if one is given.
    pub async fn all_ready(&mut self, mode: Option<Mode>) -> Result<(), RunError> {
        for node in self.chassis() {
            self.ready(&node, mode).await?;
        }
        Ok(())
    }

    /// Waits until a chassis forwards and is redundant, in `mode` if one is given.
    pub async fn ready(&mut self, node: &str, mode: Option<Mode>) -> Result<(CardId, RpStats), RunError> {
        let wanted = mode.map_or_else(|| "redundant and converged".to_owned(), |mode| format!("redundant in {mode}"));
        let stands =
            |rp: &RpStats| rp.redundant && rp.converged && mode.is_none_or(|mode| Mode::from(rp.operating) == mode);
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let active = self.until(node, &wanted, READY_WITHIN, stands).await?;
            // The active RP knows what its line cards hold, not whether they reach each other.
            let Some(unlinked) = standing::unlinked(&self.lab, node).await else { return Ok(active) };
            if Instant::now() >= deadline {
                let found = standing::described(Some(&active), Some(&unlinked));
                return Err(not_ready(node, &wanted, READY_WITHIN, found));
            }
            self.timeline.pass(Instant::now() + POLL).await;
        }
    }

    /// Waits until the active RP of `node` is as `enough` wants it.
    pub async fn until(
        &mut self,
        node: &str,
        wanted: &str,
        at_most: Duration,
        enough: impl Fn(&RpStats) -> bool,
    ) -> Result<(CardId, RpStats), RunError> {
        let deadline = Instant::now() + at_most;
        loop {
            let active = standing::active_rp(&self.lab, node).await;
            match active {
                Some((id, rp)) if enough(&rp) => return Ok((id, rp)),
                _ if Instant::now() >= deadline => {
                    return Err(not_ready(node, wanted, at_most, standing::described(active.as_ref(), None)));
                }
                _ => self.timeline.pass(Instant::now() + POLL).await,
            }
        }
    }

    /// Runs commands in one session. One that is refused is given again, from the first on, while the chassis
    /// may be synchronising.
    async fn commands(&mut self, card: &CardId, lines: &[&str]) -> Result<(), RunError> {
        let deadline = Instant::now() + COMMAND_WITHIN;
        loop {
            let Some((line, output)) = self.refused(card, lines).await? else { return Ok(()) };
            if Instant::now() >= deadline {
                let why = output.text.trim().to_owned();
                return Err(RunError::Command { card: card.clone(), line: line.to_owned(), why });
            }
            self.timeline.pass(Instant::now() + POLL).await;
        }
    }

    async fn refused<'l>(
        &self,
        card: &CardId,
        lines: &[&'l str],
    ) -> Result<Option<(&'l str, CommandOutput)>, LabError> {
        let mut session = self.lab.session(card).await?;
        let mut refusal = None;
        for line in lines {
            let output = session.exec(line).await?;
            if output.failed {
                refusal = Some((*line, output));
                break;
            }
        }
        // The next one is not to find the configuration locked.
        session.end().await;
        Ok(refusal)
    }
}

/// The error of a chassis that did not get where it should.
pub(crate) fn not_ready(node: &str, wanted: &str, at_most: Duration, found: String) -> RunError {
    RunError::NotReady { node: node.to_owned(), wanted: wanted.to_owned(), seconds: at_most.as_secs(), found }
}
