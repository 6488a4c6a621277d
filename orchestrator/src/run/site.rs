//! What a lab is deployed from, as often as a run must: experiment, images, load, and where its cards run.

use super::{RunError, bench::Bench, progress::Progress, timeline::Timeline, traffic::Load};
use crate::experiment::Experiment;
use lab::{
    Claim, LabError, RuntimeKind,
    images::Images,
    plan::Placement,
    runtime::{choose::choose, foreign},
};

/// Experiment, images, load and placement.
#[derive(Debug)]
pub struct Site<'a> {
    experiment: &'a Experiment,
    images: &'a Images,
    claim: &'a Claim,
    placement: Placement,
    /// The load.
    pub load: Load,
}

impl<'a> Site<'a> {
    /// Chooses the runtime, and says which: once for a whole run, since figures of containers and of processes are not
    /// averaged.
    pub async fn choose(
        experiment: &'a Experiment,
        images: &'a Images,
        runtime: RuntimeKind,
        claim: &'a Claim,
        load: Load,
        progress: &Progress,
    ) -> Result<Self, RunError> {
        let chosen = choose(runtime, &experiment.topology, images, claim.dir()).await.map_err(LabError::from)?;
        foreign::check(&experiment.topology, &chosen.placement).await?;
        progress.say(&format!("runtime: {}", chosen.why));
        Ok(Self { experiment, images, claim, placement: chosen.placement, load })
    }

    /// Deploys the lab and waits until it forwards and is redundant.
    pub async fn deploy<'b>(
        &'b self,
        timeline: &'b mut Timeline,
        progress: &'b Progress,
    ) -> Result<Bench<'b>, RunError> {
        let (load, placement) = (self.load.spec.clone(), self.placement.clone());
        Bench::deploy(self.experiment, self.images, load, placement, self.claim, timeline, progress).await
    }
}
