//! Bringing a lab that runs, or what is left of it, to what its topology says now, and nothing more.

use super::{Claim, Lab, LabError, layout, shelf, slot, start_shelf};
use crate::{
    pki,
    plan::{CardPlan, LabPlan, NodePlan, Placement},
    runtime::{
        self, Runtime, RuntimeError, Signal, foreign,
        process::{ProcessRuntime, find::plain},
    },
};
use fabric_proto::{
    deploy::{CONFIG_FILE, CardConfig},
    id::CardId,
};
use futures_util::future::try_join_all;
use serde::Serialize;
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

/// What becomes of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// It is new: certificate, folder, program.
    Add,
    /// It is there and does not run.
    Start,
    /// It runs on what the topology said before.
    Replace,
    /// The topology does not have it any more.
    Remove,
    /// It is as it should be.
    Keep,
}

impl Step {
    /// As people are told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Start => "start",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Keep => "keep",
        }
    }
}

/// One card's part in a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which card.
    pub card: CardId,
    /// What becomes of it.
    pub step: Step,
    /// Why.
    pub why: &'static str,
}

/// What is known of a lab's cards.
#[derive(Debug, Default)]
struct Known {
    running: BTreeSet<CardId>,
    /// Taken out of their slots.
    removed: BTreeSet<CardId>,
    /// Told something else than the new plan says.
    outdated: BTreeSet<CardId>,
}

/// The plan and the runtime of the lab in `dir`; `None` where no lab is, or only what one left behind, as after a restart of
/// the host.
pub(super) async fn standing(dir: &Path) -> Result<Option<(LabPlan, Arc<dyn Runtime>)>, LabError> {
    let plan = match layout::read_plan(dir) {
        Err(LabError::NoLab(_)) => return Ok(None),
        Ok(_) if layout::is_going(dir) => return Ok(None),
        other => other?,
    };
    let runtime = runtime::of_plan(&plan).await?;
    let idle = runtime.running().await.is_empty() && !shelf::is_up(dir)?;
    Ok((!idle).then_some((plan, runtime)))
}

/// Where the cards of the lab in `dir` run; `None` where nothing of it runs. A lab that was deployed from another file than
/// `topology` is refused.
pub async fn placement(dir: &Path, topology: &Path, replace: bool) -> Result<Option<Placement>, LabError> {
    let Some((plan, _)) = standing(dir).await? else { return Ok(None) };
    let asked = plain(topology);
    // Where it is not absolute, an earlier release wrote it, and nobody knows from where it was meant.
    if !replace && plan.topology.is_absolute() && plan.topology != asked {
        return Err(LabError::Elsewhere { lab: plan.lab, deployed: plan.topology, asked });
    }
    Ok(Some(plan.placement))
}

/// What deploying `new` will do: everything is new where no lab is.
pub async fn changes(new: &LabPlan) -> Result<Vec<Change>, LabError> {
    Ok(match standing(&new.dir).await? {
        Some((old, runtime)) => compare(Some(&old), new, &known(&old, new, &*runtime).await),
        None => compare(None, new, &Known::default()),
    })
}

async fn known(old: &LabPlan, new: &LabPlan, runtime: &dyn Runtime) -> Known {
    let mut running: BTreeSet<_> = runtime.running().await.into_iter().collect();
    for node in &new.nodes {
        // Whoever has lost its bridge has lost its interfaces.
        let status = foreign::status(node).await;
        if status.is_none_or(|status| node.has_node() && status.pid.is_none()) {
            running.remove(&node.id);
        }
    }
    let there = || new.cards.iter().filter(|card| old.card(&card.config.id).is_some());
    let ids = |cards: Vec<&CardPlan>| cards.into_iter().map(|card| card.config.id.clone()).collect();
    let nodes = || new.nodes.iter().filter(|node| old.node(&node.id).is_some());
    let outdated = |card: &&CardPlan| {
        let limits = old.card(&card.config.id).map(|card| card.limits);
        // What it was told, not what it was planned to be told: an experiment may have changed its image.
        told(&card.folder) != layout::read_back(card, runtime) || limits != Some(card.limits)
    };
    let mut known = Known {
        running,
        removed: ids(there().filter(|card| slot::is_empty(&card.folder)).collect()),
        outdated: ids(there().filter(outdated).collect()),
    };
    known.removed.extend(nodes().filter(|node| slot::is_empty(&node.folder)).map(|node| node.id.clone()));
    let changed = nodes().filter(|node| layout::planned(node).as_ref() != Some(*node));
    known.outdated.extend(changed.map(|node| node.id.clone()));
    known
}

/// What a card was told, as far as it has to be started again when that changes.
fn told(folder: &Path) -> Option<CardConfig> {
    layout::lasting(&fs::read(folder.join(CONFIG_FILE)).ok()?)
}

/// In the new plan's order, removals first.
fn compare(old: Option<&LabPlan>, new: &LabPlan, known: &Known) -> Vec<Change> {
    let change = |id: &CardId, step, why| Change { card: id.clone(), step, why };
    let has = |plan: &LabPlan, id: &CardId| plan.card(id).is_some() || plan.node(id).is_some();
    let all =
        |plan: &LabPlan| -> Vec<CardId> { plan.ids().chain(plan.nodes.iter().map(|node| &node.id)).cloned().collect() };
    let gone = old.into_iter().flat_map(&all).filter(|id| !has(new, id));
    let mut changes: Vec<_> = gone.map(|id| change(&id, Step::Remove, "the topology does not have it")).collect();
    for id in &all(new) {
        changes.push(if old.is_none_or(|old| !has(old, id)) {
            change(id, Step::Add, "it is not there")
        } else if known.outdated.contains(id) {
            change(id, Step::Replace, "the topology says something else of it or of its neighbours")
        } else if known.removed.contains(id) {
            change(id, Step::Start, "its slot is empty")
        } else if !known.running.contains(id) {
            change(id, Step::Start, "it does not run")
        } else {
            change(id, Step::Keep, "")
        });
    }
    changes
}

impl Lab {
    /// Brings the lab that is claimed to the plan; cards that are as they should be are left alone. Where no
    /// lab is, it is deployed. The plan must be for the lab's own placement.
    pub async fn converge(new: LabPlan, claim: &Claim) -> Result<(Self, Vec<Change>), LabError> {
        claim.covers(&new)?;
        let Some((old, runtime)) = standing(&new.dir).await? else {
            let changes = compare(None, &new, &Known::default());
            return Ok((Self::deploy(new, claim).await?, changes));
        };
        let changes = compare(Some(&old), &new, &known(&old, &new, &*runtime).await);
        runtime.check(&new).await?;
        if old == new && changes.iter().all(|change| change.step == Step::Keep) {
            wake(&new, &*runtime).await?;
            return Ok((Self::attach(&new.dir).await?, changes));
        }
        // Nobody resets slots meanwhile; the next one knows the new plan.
        ProcessRuntime::new(&new.lab, &new.dir).end_shelf().await?;
        for change in changes.iter().filter(|change| change.step == Step::Remove) {
            if let Some(node) = old.node(&change.card) {
                runtime.forget_node(node).await?;
                remove_folder(&node.folder)?;
                continue;
            }
            let card = old.card(&change.card).ok_or_else(|| LabError::NoCard(change.card.clone()))?;
            runtime.forget(card).await?;
            remove_folder(&card.folder)?;
        }
        layout::write_plan(&new)?;
        pki::issue_missing(&new)?;
        try_join_all(changes.iter().filter_map(|change| {
            let card = new.card(&change.card)?;
            Some(carry_out(change.step, card, &*runtime))
        }))
        .await?;
        let nodes = changes.iter().filter_map(|change| Some((change.step, new.node(&change.card)?)));
        try_join_all(nodes.map(|(step, node)| carry_out_node(step, node, &*runtime))).await?;
        wake(&new, &*runtime).await?;
        start_shelf(&new)?;
        let lab = Self::open(new, runtime)?;
        for card in &lab.plan.cards {
            lab.ready(card).await?;
        }
        Ok((lab, changes))
    }
}

async fn carry_out(step: Step, card: &CardPlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    match step {
        Step::Remove => return Ok(()),
        // What does not matter to it before its next start.
        Step::Keep => return layout::write_config(card, runtime),
        Step::Add => layout::furnish_card(card, runtime)?,
        Step::Replace => {
            let _lock = slot::lock(&card.folder).await?;
            runtime.forget(card).await?;
            layout::furnish_card(card, runtime)?;
        }
        Step::Start => {}
    }
    let _lock = slot::lock(&card.folder).await?;
    slot::fill(&card.folder)?;
    match runtime.start(card).await {
        Ok(()) | Err(RuntimeError::Running(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn carry_out_node(step: Step, node: &NodePlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    match step {
        Step::Remove | Step::Keep => return Ok(()),
        Step::Add => layout::furnish_node(node)?,
        Step::Replace => {
            let _lock = slot::lock(&node.folder).await?;
            runtime.forget_node(node).await?;
            layout::furnish_node(node)?;
        }
        Step::Start => {}
    }
    let _lock = slot::lock(&node.folder).await?;
    slot::fill(&node.folder)?;
    // What lives on without a bridge cannot be joined to anything any more.
    runtime::clear(runtime, &node.id).await?;
    Ok(runtime.start_node(node).await?)
}

/// A card that stands still goes on.
async fn wake(plan: &LabPlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    for id in plan.ids().chain(plan.nodes.iter().map(|node| &node.id)) {
        match runtime.signal(id, Signal::Resume).await {
            Ok(_) | Err(RuntimeError::NotRunning(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(layout::wrong(folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{images::Images, topology::Topology};
    use notation::document::Document;

    fn plan(components: &str) -> LabPlan {
        let text = format!(
            "name: x\ntopology:\n  nodes:\n    pe1:\n      kind: chassis\n      image: \"1.0\"\n      components: [{components}]\n"
        );
        let topology = Topology::from_document(Document::from_text(Path::new("x.chassis.yml"), &text)).unwrap();
        let images = Images::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images")).unwrap();
        LabPlan::new(&topology, Path::new("/run/x"), &images, Placement::Process).unwrap()
    }

    fn steps(old: Option<&LabPlan>, new: &LabPlan, known: &Known) -> String {
        let step = |change: &Change| format!("{} {}", change.step.name(), crate::card_name(&change.card));
        compare(old, new, known).iter().map(step).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn only_what_differs_is_touched() {
        let two = plan("{slot: A}, {slot: 1, ports: 1}");
        assert_eq!(steps(None, &two, &Known::default()), "add pe1/1, add pe1/A");
        let all: BTreeSet<CardId> = two.ids().cloned().collect();
        let whole = || Known { running: all.clone(), ..Known::default() };
        assert_eq!(steps(Some(&two), &two, &whole()), "keep pe1/1, keep pe1/A");
        assert_eq!(steps(Some(&two), &two, &Known::default()), "start pe1/1, start pe1/A");
        let removed = Known { removed: all.clone(), ..Known::default() };
        assert_eq!(steps(Some(&two), &two, &removed), "start pe1/1, start pe1/A");
        let other = plan("{slot: A}, {slot: 2, ports: 1}");
        let outdated = Known { outdated: [other.cards[1].config.id.clone()].into(), ..whole() };
        assert_eq!(steps(Some(&two), &other, &outdated), "remove pe1/1, add pe1/2, replace pe1/A");
    }
}
