//! Faults of nodes that are none of ours.

use super::{InjectError, Injected, Missed, Undo, act, heal_wire};
use crate::fault::{Fault, FaultName, Target, TargetUnit, check::check_node};
use bridge::{request::Ways, words};
use fabric_proto::id::CardId;
use lab::{CardAction, Lab, topology::InterfaceName};

/// The node that a target names.
pub(super) fn of(lab: &Lab, target: &Target) -> Option<CardId> {
    let name = target.node.as_ref()?;
    lab.plan().nodes.iter().find(|node| node.id.node == *name).map(|node| node.id.clone())
}

/// Does `fault` to it.
pub(super) async fn inject(lab: &Lab, fault: &Fault, target: &Target, node: CardId) -> Result<Injected, Missed> {
    let mut injected = Injected {
        at: fabric::clock::now(),
        cards: vec![node],
        peers: Vec::new(),
        timed: false,
        reset: false,
        undo: Vec::new(),
    };
    strike(lab, fault, target, &mut injected).await?;
    Ok(injected)
}

async fn strike(lab: &Lab, fault: &Fault, target: &Target, injected: &mut Injected) -> Result<(), InjectError> {
    let node = injected.cards[0].clone();
    check_node(fault.name, target).map_err(|why| InjectError::Target { target: target.to_string(), why })?;
    if let (Some((interface, ways)), false) =
        (target.unit.wire(), matches!(fault.name, FaultName::LinkDown | FaultName::LinkUp))
    {
        return on_wire(lab, fault, (node, interface, ways), injected).await;
    }
    match (fault.name, target.unit) {
        (FaultName::LinkDown | FaultName::LinkUp, TargetUnit::Link(interface)) => {
            let up = fault.name == FaultName::LinkUp;
            injected.at = lab.set_link(&node, interface.as_str(), up).await?;
            if !up {
                injected.undo.push(Undo::Link(node, interface));
            }
        }
        (FaultName::Kill, TargetUnit::Chassis) => {
            act(lab, CardAction::Kill, Some(CardAction::Insert), injected).await?;
        }
        (FaultName::Stop, TargetUnit::Chassis) => {
            act(lab, CardAction::Stop, Some(CardAction::Insert), injected).await?;
        }
        (FaultName::Remove, TargetUnit::Chassis) => {
            act(lab, CardAction::Remove, Some(CardAction::Insert), injected).await?;
        }
        (FaultName::Pause, TargetUnit::Chassis) => {
            act(lab, CardAction::Pause, Some(CardAction::Resume), injected).await?;
        }
        (FaultName::Resume, TargetUnit::Chassis) => act(lab, CardAction::Resume, None, injected).await?,
        (FaultName::Restart, TargetUnit::Chassis) => act(lab, CardAction::Restart, None, injected).await?,
        (FaultName::Insert, TargetUnit::Chassis) => act(lab, CardAction::Insert, None, injected).await?,
        (FaultName::Exec, TargetUnit::Chassis) => {
            for line in &fault.lines {
                run(lab, &node, line).await?;
            }
        }
        _ => {
            let why = format!("'{}' cannot be done to a node that is none of ours", fault.name);
            return Err(InjectError::Target { target: target.to_string(), why });
        }
    }
    Ok(())
}

/// Does to a wire what is done to the fabric.
async fn on_wire(
    lab: &Lab,
    fault: &Fault,
    (node, interface, ways): (CardId, InterfaceName, Ways),
    injected: &mut Injected,
) -> Result<(), InjectError> {
    if fault.name == FaultName::Drop {
        injected.at = lab.drop_on_wire(&node, interface.as_str(), ways, fault.drop).await?;
        injected.timed = fault.drop.for_ns > 0;
    } else if fault.name == FaultName::Heal {
        injected.at = heal_wire(lab, &node, interface, ways).await?;
    } else {
        injected.at = lab.impair_wire(&node, interface.as_str(), ways, fault.impairment).await?;
    }
    if fault.name.undone_by().is_some() {
        injected.undo.push(Undo::Wire(node, interface, ways));
    }
    Ok(())
}

/// Runs a line in the node, as a command with its arguments.
async fn run(lab: &Lab, node: &CardId, line: &str) -> Result<(), InjectError> {
    let refused = |why: String| InjectError::Refused { card: node.clone(), what: format!("'{line}'"), why };
    let words = words::split(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| refused("it is no command: is a quote not closed?".to_owned()))?;
    let mut command = lab.command_in(node, &words).await?;
    let ended = tokio::task::spawn_blocking(move || command.output()).await;
    match ended {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(refused(format!("{}: {said}", output.status)))
        }
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(error) => Err(refused(error.to_string())),
    }
}
