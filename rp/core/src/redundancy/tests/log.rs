//! What the rules' tests look for in a world's log.

use super::{super::*, world::World};
use fabric_proto::{
    id::{Epoch, RpSlot},
    redundancy::SwitchoverReason,
};

pub(super) fn peer_resets(world: &World) -> usize {
    world.outputs(|output| matches!(output, Output::ResetPeer { .. }).then_some(())).len()
}

pub(super) fn chassis_resets(world: &World) -> usize {
    world.outputs(|output| matches!(output, Output::ResetChassis { .. }).then_some(())).len()
}

pub(super) fn refusals(world: &World) -> Vec<(Request, Refusal)> {
    let pick = |output: &Output| if let Output::Refuse { what, why } = output { Some((*what, *why)) } else { None };
    world.outputs(pick).into_iter().map(|(_, _, refusal)| refusal).collect()
}

pub(super) fn takeovers(world: &World) -> Vec<(RpSlot, Epoch, SwitchoverReason, TakeOver)> {
    let pick = |output: &Output| match output {
        Output::BecomeActive { epoch, reason, how } => Some((*epoch, *reason, *how)),
        _ => None,
    };
    world.outputs(pick).into_iter().map(|(_, slot, (epoch, reason, how))| (slot, epoch, reason, how)).collect()
}
