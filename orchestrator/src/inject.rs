//! Faults, done to a running lab: a name and a target become signals, requests and commands.
//!
//! Whatever was done is remembered in an [`Injected`], and [`undo`] takes it back. A fault that fails half way takes
//! back its first half.

mod node;

use crate::{
    fault::{Fault, FaultName, Target, TargetUnit, check::check_whole},
    standing::active_rp,
};
use bridge::request::Ways;
use fabric_proto::{
    id::{CardId, Slot},
    operator::{DropOrder, Impairment, PlaneSet, Reply, Request, StorageFault},
    time::Instant,
};
use futures_util::future::join_all;
use lab::{CardAction, Lab, LabError, Upgraded, images::Images, plan::ChassisPlan, topology::InterfaceName};
use notation::document::BadInput;
use std::{path::PathBuf, time::Duration};

/// How long a command may take whose card may not live to answer it.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a card may take to do what it is asked: one that stands still must not hold up the other faults.
const DONE_WITHIN: Duration = Duration::from_secs(2);

/// Why a fault could not be injected.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// The target names nothing in this lab, now.
    #[error("{target}: {why}")]
    Target {
        /// As written.
        target: String,
        /// What is the matter.
        why: String,
    },
    /// The release to swap to is not there.
    #[error(transparent)]
    Image(#[from] BadInput),
    /// The chassis said no.
    #[error("{card} refused {what}: {why}")]
    Refused {
        /// Who.
        card: CardId,
        /// The command.
        what: String,
        /// Its answer.
        why: String,
    },
    /// The lab could not do it.
    #[error(transparent)]
    Lab(#[from] LabError),
}

impl InjectError {
    /// Whether another target, or another moment, would have been accepted.
    pub fn is_the_users(&self) -> bool {
        match self {
            Self::Target { .. } | Self::Refused { .. } | Self::Image(_) => true,
            Self::Lab(_) => false,
        }
    }
}

/// A fault that was not done, or only in part.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Missed {
    /// Why.
    pub error: InjectError,
    /// What may still come of it and could not be taken back yet: a card that stands still does what it was asked for
    /// when it goes on. To be tried again then.
    pub left: Option<Injected>,
}

impl From<InjectError> for Missed {
    fn from(error: InjectError) -> Self {
        Self { error, left: None }
    }
}

/// A fault that was injected.
#[derive(Debug)]
pub struct Injected {
    /// The instant just before it.
    pub at: Instant,
    /// The cards that it hit.
    pub cards: Vec<CardId>,
    /// Of a pair: the other side.
    pub peers: Vec<CardId>,
    /// Whether it ends by itself, on the card's own clock.
    pub timed: bool,
    /// Whether its cards were reset where they should have been handed over.
    pub reset: bool,
    /// What takes it back.
    undo: Vec<Undo>,
}

#[derive(Debug)]
enum Undo {
    Act(CardId, CardAction),
    Ask(CardId, Request),
    /// A wire that is plugged in again.
    Link(CardId, InterfaceName),
    /// A wire that is as it was.
    Wire(CardId, InterfaceName, Ways),
    /// The release that it had, and its manifest.
    Image(CardId, String, PathBuf),
    /// The release that it ran, and its manifest.
    HandBack(CardId, String, PathBuf),
}

impl Injected {
    /// The cards whose crash points taking it back disarms.
    pub fn disarms(&self) -> &[CardId] {
        let disarms = |undo: &Undo| matches!(undo, Undo::Ask(_, Request::CrashAt(None)));
        if self.undo.iter().any(disarms) { &self.cards } else { &[] }
    }
}

/// Does `fault` to `target`.
pub async fn inject(lab: &Lab, images: &Images, fault: &Fault, target: &Target) -> Result<Injected, Missed> {
    if let Some(node) = node::of(lab, target) {
        return node::inject(lab, fault, target, node).await;
    }
    let chassis = chassis_of(lab, target)?;
    check_whole(fault.name, target).map_err(|why| InjectError::Target { target: target.to_string(), why })?;
    let cards = resolve(lab, chassis, target, target.unit).await?;
    let peers = match target.peer {
        Some(peer) => resolve(lab, chassis, target, peer).await?,
        None => Vec::new(),
    };
    let mut injected =
        Injected { at: fabric::clock::now(), cards, peers, timed: false, reset: false, undo: Vec::new() };
    match strike(lab, images, fault, target, chassis, &mut injected).await {
        Ok(()) => Ok(injected),
        Err(error) => {
            let left = undo(lab, &mut injected).await.err().map(|why| {
                tracing::info!("taking back half a fault: {why}");
                injected
            });
            Err(Missed { error, left })
        }
    }
}

async fn strike(
    lab: &Lab,
    images: &Images,
    fault: &Fault,
    target: &Target,
    chassis: &ChassisPlan,
    injected: &mut Injected,
) -> Result<(), InjectError> {
    let cards = injected.cards.clone();
    match fault.name {
        FaultName::Kill => act(lab, CardAction::Kill, Some(CardAction::Insert), injected).await?,
        FaultName::Stop => act(lab, CardAction::Stop, Some(CardAction::Insert), injected).await?,
        FaultName::Pause => act(lab, CardAction::Pause, Some(CardAction::Resume), injected).await?,
        FaultName::Remove => act(lab, CardAction::Remove, Some(CardAction::Insert), injected).await?,
        FaultName::Resume => act(lab, CardAction::Resume, None, injected).await?,
        FaultName::Restart => act(lab, CardAction::Restart, None, injected).await?,
        FaultName::Insert => act(lab, CardAction::Insert, None, injected).await?,
        FaultName::ForceSwitchover | FaultName::Reload => {
            let (active, _) = active_rp(lab, &chassis.node).await.ok_or_else(|| no_active(target))?;
            let line = if fault.name == FaultName::Reload { "reload" } else { "redundancy force-switchover main-cpu" };
            injected.at = fabric::clock::now();
            type_in(lab, &active, &[line.to_owned()]).await?;
            injected.cards = vec![active];
        }
        FaultName::Exec => {
            for card in &cards {
                injected.at = fabric::clock::now();
                type_in(lab, card, &fault.lines).await?;
            }
        }
        FaultName::Partition | FaultName::Heal | FaultName::Impair => {
            impair(lab, fault, target, injected).await?;
            if fault.name == FaultName::Heal && target.peer.is_none() {
                for card in cards.iter().filter(|card| matches!(card.slot(), Some(Slot::Lc(_)))) {
                    drop_packets(lab, card, DropOrder::default(), &mut Vec::new()).await?;
                }
            }
        }
        FaultName::Drop => {
            injected.timed = fault.drop.for_ns > 0;
            for (index, card) in cards.iter().enumerate() {
                let at = drop_packets(lab, card, fault.drop, &mut injected.undo).await?;
                if index == 0 {
                    injected.at = at;
                }
            }
        }
        FaultName::SwapImage => {
            let release = fault.image.as_deref().unwrap_or_default();
            let manifest = images.manifest_path(release)?;
            for card in &cards {
                let before = lab.plan().card(card).map(|plan| (plan.release.clone(), plan.config.image.clone()));
                lab.swap_image(card, release, &manifest).await?;
                injected.undo.extend(before.map(|(release, manifest)| Undo::Image(card.clone(), release, manifest)));
            }
        }
        FaultName::UpgradeCard => upgrade(lab, images, fault, injected).await?,
        FaultName::Corrupt | FaultName::Fill => {
            let how = if fault.name == FaultName::Corrupt { StorageFault::Corrupt } else { StorageFault::Fill };
            ask(lab, fault, Request::Storage(how), Some(Request::Storage(StorageFault::Repair)), injected).await?;
        }
        FaultName::Repair => ask(lab, fault, Request::Storage(StorageFault::Repair), None, injected).await?,
        FaultName::Crash => {
            ask(lab, fault, Request::CrashAt(fault.point), Some(Request::CrashAt(None)), injected).await?;
            // One that has gone off leaves a card that nobody may start again.
            injected.undo.extend(cards.iter().map(|card| Undo::Act(card.clone(), CardAction::Insert)));
        }
        FaultName::Hang | FaultName::Unhang => {
            let client = fault.client.clone().unwrap_or_default();
            let hang = |hangs| Request::Hang { client: client.clone(), hangs };
            let hangs = fault.name == FaultName::Hang;
            ask(lab, fault, hang(hangs), hangs.then(|| hang(false)), injected).await?;
        }
        FaultName::Disarm => ask(lab, fault, Request::CrashAt(None), None, injected).await?,
        // A storm is made of other faults, each of which comes here by itself; wires are pulled out at nodes.
        FaultName::Storm | FaultName::LinkDown | FaultName::LinkUp => {}
    }
    Ok(())
}

/// Does something to the programs of all cards; `back` takes it back.
async fn act(lab: &Lab, action: CardAction, back: Option<CardAction>, injected: &mut Injected) -> Result<(), LabError> {
    // All at once: a stop may take two seconds.
    let done = join_all(injected.cards.iter().map(|card| lab.act(card, action))).await;
    let mut result = Ok(());
    let mut first: Option<Instant> = None;
    for (card, done) in injected.cards.iter().zip(done) {
        match done {
            Ok(at) => {
                first = Some(first.map_or(at, |first| first.min(at)));
                injected.undo.extend(back.map(|back| Undo::Act(card.clone(), back)));
            }
            Err(error) => result = result.and(Err(error)),
        }
    }
    injected.at = first.unwrap_or(injected.at);
    result
}

/// Asks every card for something that it may refuse; `back` takes it back.
async fn ask(
    lab: &Lab,
    fault: &Fault,
    request: Request,
    back: Option<Request>,
    injected: &mut Injected,
) -> Result<(), InjectError> {
    for card in &injected.cards {
        order(lab, card, fault.name, (request.clone(), back.clone()), &mut injected.undo).await?;
    }
    Ok(())
}

/// Asks a card for something that it may refuse. What takes it back is noted also where no answer came in time: a card
/// that stands still does it when it goes on.
async fn order(
    lab: &Lab,
    card: &CardId,
    what: FaultName,
    (request, back): (Request, Option<Request>),
    undo: &mut Vec<Undo>,
) -> Result<Reply, InjectError> {
    let answer = demand(lab, card, request).await;
    if !matches!(answer, Ok(Reply::Refused(_))) {
        undo.extend(back.map(|back| Undo::Ask(card.clone(), back)));
    }
    match answer? {
        Reply::Refused(why) => Err(InjectError::Refused { card: card.clone(), what: what.to_string(), why }),
        reply => Ok(reply),
    }
}

/// One request to a card, answered in time or not at all.
async fn demand(lab: &Lab, card: &CardId, request: Request) -> Result<Reply, LabError> {
    let answer = tokio::time::timeout(DONE_WITHIN, lab.request(card, request)).await;
    answer.unwrap_or_else(|_| Err(LabError::Silent(card.clone())))
}

/// Takes an injected fault back, as far as faults can be. Cards that the chassis has started by itself are left
/// alone. What fails, because a card is gone or stands still, stays in `injected` to be tried again.
pub async fn undo(lab: &Lab, injected: &mut Injected) -> Result<(), LabError> {
    let all = std::mem::take(&mut injected.undo);
    let undone = join_all(all.iter().map(|undo| undo_one(lab, undo))).await;
    let mut result = Ok(());
    for (undo, undone) in all.into_iter().zip(undone) {
        if let Err(error) = undone {
            injected.undo.push(undo);
            result = result.and(Err(error));
        }
    }
    result
}

async fn undo_one(lab: &Lab, undo: &Undo) -> Result<(), LabError> {
    match undo {
        Undo::Act(card, action) => lab.act(card, *action).await.map(|_| ()),
        Undo::Ask(card, request) => demand(lab, card, request.clone()).await.map(|_| ()),
        Undo::Wire(node, interface, ways) => heal_wire(lab, node, *interface, *ways).await.map(|_| ()),
        Undo::Link(node, interface) => lab.set_link(node, interface.as_str(), true).await.map(|_| ()),
        Undo::Image(card, release, manifest) => {
            lab.swap_image(card, release, manifest).await?;
            match lab.stats(card).await {
                Some(stats) if stats.release != *release => lab.act(card, CardAction::Restart).await.map(|_| ()),
                _ => Ok(()),
            }
        }
        Undo::HandBack(card, release, manifest) => match lab.upgrade_card(card, release, manifest).await {
            Ok(()) | Err(LabError::Runs { .. }) => Ok(()),
            Err(error) => Err(error),
        },
    }
}

/// Takes back what is done to a wire on purpose.
async fn heal_wire(lab: &Lab, node: &CardId, interface: InterfaceName, ways: Ways) -> Result<Instant, LabError> {
    lab.drop_on_wire(node, interface.as_str(), ways, DropOrder::default()).await?;
    lab.impair_wire(node, interface.as_str(), ways, Impairment::default()).await
}

/// Hands cards over, one after the other: both ends of a link at once would wait for each other.
async fn upgrade(lab: &Lab, images: &Images, fault: &Fault, injected: &mut Injected) -> Result<(), InjectError> {
    let release = fault.image.as_deref().unwrap_or_default();
    let manifest = images.manifest_path(release)?;
    injected.at = fabric::clock::now();
    for card in &injected.cards {
        let running = lab.stats(card).await.ok_or_else(|| LabError::Silent(card.clone()))?.release;
        let back = Undo::HandBack(card.clone(), running.clone(), images.manifest_path(&running)?);
        if fault.or_reset {
            let say = |why: &str| tracing::warn!(%card, "it is reset with release {release}: {why}");
            let upgraded = lab.upgrade_or_reset(card, release, &manifest, say).await?;
            injected.reset |= matches!(upgraded, Upgraded::Reset { .. });
        } else {
            lab.upgrade_card(card, release, &manifest).await?;
        }
        injected.undo.push(back);
    }
    Ok(())
}

/// Puts back, with a reset, the line cards that could not be handed back: to be done when nothing is measured any more. One
/// that is down, or stands still, has its release from its next start on.
pub async fn put_back(lab: &Lab, injected: &Injected) -> Result<(), LabError> {
    for undo in &injected.undo {
        let Undo::HandBack(card, release, manifest) = undo else { continue };
        let say = |why: &str| tracing::info!(%card, "it is reset with release {release}: {why}");
        match lab.upgrade_or_reset(card, release, manifest, say).await {
            Ok(_) | Err(LabError::Runs { .. }) => {}
            Err(error) => {
                tracing::info!(%card, %error, "handing it back");
                lab.swap_image(card, release, manifest).await?;
            }
        }
    }
    Ok(())
}

fn no_active(target: &Target) -> InjectError {
    InjectError::Target { target: target.to_string(), why: "no route processor is active now".to_owned() }
}

fn chassis_of<'a>(lab: &'a Lab, target: &Target) -> Result<&'a ChassisPlan, InjectError> {
    let all = &lab.plan().chassis;
    let found = match &target.node {
        Some(node) => all.iter().find(|chassis| chassis.node == *node),
        None => all.first().filter(|_| all.len() == 1),
    };
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|chassis| chassis.node.as_str()).collect();
        InjectError::Target {
            target: target.to_string(),
            why: format!("name one of the chassis: {}", names.join(", ")),
        }
    })
}

/// The cards that a unit means now.
async fn resolve(
    lab: &Lab,
    chassis: &ChassisPlan,
    target: &Target,
    unit: TargetUnit,
) -> Result<Vec<CardId>, InjectError> {
    let plan = lab.plan();
    let card = |slot| CardId::card(&plan.lab, &chassis.node, slot);
    let cards: Vec<CardId> = match unit {
        TargetUnit::Rp(slot) => vec![card(Slot::Rp(slot))],
        TargetUnit::Lc(slot) => vec![card(Slot::Lc(slot))],
        TargetUnit::AllLc => plan.line_cards(&chassis.node).cloned().collect(),
        TargetUnit::AllRp => plan.rps(&chassis.node).cloned().collect(),
        TargetUnit::Chassis | TargetUnit::Link(_) | TargetUnit::Into(_) | TargetUnit::OutOf(_) => Vec::new(),
        TargetUnit::ActiveRp | TargetUnit::StandbyRp => {
            let (active, _) = active_rp(lab, &chassis.node).await.ok_or_else(|| no_active(target))?;
            if unit == TargetUnit::ActiveRp { vec![active] } else { active.peer_rp().into_iter().collect() }
        }
    };
    match cards.iter().find(|card| plan.card(card).is_none()) {
        None if unit == TargetUnit::Chassis || !cards.is_empty() => Ok(cards),
        _ => Err(InjectError::Target { target: target.to_string(), why: format!("there is no {unit} now") }),
    }
}

/// Types lines into one session. The card may go down before it has answered: silence is not a refusal.
async fn type_in(lab: &Lab, card: &CardId, lines: &[String]) -> Result<(), InjectError> {
    let mut session = lab.session(card).await?;
    for line in lines {
        match tokio::time::timeout(LAST_WORDS, session.exec(line)).await {
            Ok(Ok(output)) if output.failed => {
                let why = output.text.trim().to_owned();
                return Err(InjectError::Refused { card: card.clone(), what: format!("'{line}'"), why });
            }
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Tells a line card which packets to drop; when that began, by its own clock.
async fn drop_packets(
    lab: &Lab,
    card: &CardId,
    packets: DropOrder,
    undo: &mut Vec<Undo>,
) -> Result<Instant, InjectError> {
    let requests = (Request::Drop(packets), Some(Request::Drop(DropOrder::default())));
    match order(lab, card, FaultName::Drop, requests, undo).await? {
        Reply::Started(at) => Ok(at),
        other => Err(LabError::Answer { card: card.clone(), answer: format!("{other:?}") }.into()),
    }
}

/// Each side impairs what it sends to the other. A target without a peer is cut off from every other card of its
/// chassis, not from the operator, who must be able to heal it.
async fn impair(lab: &Lab, fault: &Fault, target: &Target, injected: &mut Injected) -> Result<(), InjectError> {
    let node = injected.cards.first().map(|card| card.node.clone());
    let chassis = || lab.plan().cards.iter().map(|card| &card.config.id).filter(|id| Some(&id.node) == node.as_ref());
    let others: Vec<CardId> = match target.peer {
        Some(_) => injected.peers.clone(),
        None => chassis().filter(|id| id.slot().is_some()).cloned().collect(),
    };
    let mut edges = Vec::new();
    for card in &injected.cards {
        for other in others.iter().filter(|other| *other != card) {
            edges.push((card.clone(), other.clone()));
            if !target.one_way {
                edges.push((other.clone(), card.clone()));
            }
        }
    }
    edges.sort();
    edges.dedup();
    // Without a peer, only the planes that both sides have are meant.
    edges.retain(|(from, to)| target.peer.is_some() || plane_between(from, to, fault.plane).is_some());
    for (from, to) in edges {
        let plane = plane_between(&from, &to, fault.plane).unwrap_or(fault.plane);
        let set = |impairment| Request::Impair { to: to.slot(), plane, impairment };
        let back = fault.name.undone_by().map(|_| set(Impairment::default()));
        order(lab, &from, fault.name, (set(fault.impairment), back), &mut injected.undo).await?;
    }
    Ok(())
}

/// What of the wanted planes there is between two cards: route processors have control only, line cards have data
/// among each other.
fn plane_between(one: &CardId, other: &CardId, wanted: PlaneSet) -> Option<PlaneSet> {
    let rp = |card: &CardId| matches!(card.slot(), Some(Slot::Rp(_)));
    let there = if rp(one) || rp(other) { PlaneSet::Control } else { PlaneSet::Data };
    (wanted == PlaneSet::Both || wanted == there).then_some(there)
}
