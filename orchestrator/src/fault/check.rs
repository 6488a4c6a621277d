//! Which faults can be done at all, and to what.

use super::{Fault, FaultName, Storm, Target, TargetUnit};
use fabric_proto::operator::{Impairment, PlaneSet};

/// Whether a fault has what it needs; the error is `(what, remedy)`.
pub(crate) fn check_fault(fault: &Fault) -> Result<(), (String, String)> {
    let needs = |what: &str, remedy: &str| Err((format!("{} needs {what}", fault.name), remedy.to_owned()));
    match fault.name {
        FaultName::SwapImage | FaultName::UpgradeCard if fault.image.is_none() => {
            needs("a release", "add 'image: \"2.0\"' (--image 2.0)")
        }
        FaultName::Hang | FaultName::Unhang if fault.client.is_none() => {
            needs("a client", "add 'client: CEF' (--client CEF); 'show redundancy clients' lists them")
        }
        FaultName::Crash if fault.point.is_none() => needs("a point", "add 'point: bulk-sync' (--point bulk-sync)"),
        FaultName::Impair if Impairment { seed: 0, ..fault.impairment } == Impairment::default() => {
            needs("something to do", "add 'loss: 0.1' (--loss 0.1), 'delay: 5ms' or another impairment")
        }
        FaultName::Exec if fault.lines.iter().all(|line| line.trim().is_empty()) => {
            needs("lines", "add 'lines: [\"write memory\"]' (--line 'write memory')")
        }
        FaultName::Storm if !(1..=Storm::FAULTS_MAX).contains(&fault.storm.faults) => {
            needs("faults", &format!("give 'faults: 5' (--faults 5), {} at most", Storm::FAULTS_MAX))
        }
        _ => Ok(()),
    }
}

/// Whether there is such a plane between the two: route processors have control only, line cards speak data among
/// each other.
pub(crate) fn check_planes(fault: &Fault, target: &Target) -> Result<(), String> {
    if target.unit.wire().is_some() && fault.plane != PlaneSet::Both {
        return Err(format!("'{target}': a wire has no planes"));
    }
    let Some(peer) = target.peer else { return Ok(()) };
    let lc = |unit| matches!(unit, TargetUnit::Lc(_) | TargetUnit::AllLc);
    match (fault.plane, lc(target.unit) && lc(peer)) {
        (PlaneSet::Data, false) => Err(format!("'{target}': a route processor has no data plane")),
        (PlaneSet::Control, true) => Err(format!("'{target}': line cards have no control connection to each other")),
        _ => Ok(()),
    }
}

/// Whether such a fault can be done to such a target.
pub(crate) fn check_pairing(name: FaultName, target: &Target) -> Result<(), String> {
    let pair = target.peer.is_some();
    if target.peer == Some(target.unit) && !matches!(target.unit, TargetUnit::AllLc | TargetUnit::AllRp) {
        return Err(format!("'{target}' is one card: a fault between two cards needs two"));
    }
    let whole = target.unit == TargetUnit::Chassis;
    let rp =
        matches!(target.unit, TargetUnit::ActiveRp | TargetUnit::StandbyRp | TargetUnit::Rp(_) | TargetUnit::AllRp);
    let wire = target.unit.wire().is_some();
    let fits = match name {
        FaultName::LinkDown | FaultName::LinkUp => matches!(target.unit, TargetUnit::Link(_)) && !pair,
        FaultName::Partition | FaultName::Heal | FaultName::Impair | FaultName::Drop if wire => !pair,
        _ if wire => false,
        FaultName::Partition | FaultName::Heal | FaultName::Impair => !whole,
        FaultName::Reload | FaultName::Storm => whole && !pair,
        FaultName::ForceSwitchover => (whole || target.unit == TargetUnit::ActiveRp) && !pair,
        FaultName::Drop | FaultName::UpgradeCard => {
            matches!(target.unit, TargetUnit::Lc(_) | TargetUnit::AllLc) && !pair
        }
        FaultName::Corrupt
        | FaultName::Fill
        | FaultName::Repair
        | FaultName::Crash
        | FaultName::Disarm
        | FaultName::Hang
        | FaultName::Unhang => rp && !pair,
        FaultName::Exec => (rp || whole) && !pair,
        FaultName::Kill
        | FaultName::Stop
        | FaultName::Pause
        | FaultName::Resume
        | FaultName::Restart
        | FaultName::Remove
        | FaultName::Insert => !pair,
        FaultName::SwapImage => !whole && !pair,
    };
    if fits { Ok(()) } else { Err(format!("fault '{name}' cannot be done to '{target}'")) }
}

/// Whether such a fault can be done to a whole chassis, where the target is one and no node that is none of ours.
pub(crate) fn check_whole(name: FaultName, target: &Target) -> Result<(), String> {
    let of_chassis = matches!(name, FaultName::Reload | FaultName::Storm | FaultName::ForceSwitchover);
    match target.unit {
        TargetUnit::Link(_) | TargetUnit::Into(_) | TargetUnit::OutOf(_) => {
            Err(format!("'{target}' is no interface of a node of kind linux"))
        }
        TargetUnit::Chassis if !of_chassis => {
            Err(format!("fault '{name}' cannot be done to '{target}': name its cards"))
        }
        TargetUnit::Chassis
        | TargetUnit::ActiveRp
        | TargetUnit::StandbyRp
        | TargetUnit::Rp(_)
        | TargetUnit::Lc(_)
        | TargetUnit::AllLc
        | TargetUnit::AllRp => Ok(()),
    }
}

/// Whether such a fault can be done to a node that is none of ours, or to a wire of it.
pub(crate) fn check_node(name: FaultName, target: &Target) -> Result<(), String> {
    let whole = target.unit == TargetUnit::Chassis;
    let fits = match name {
        FaultName::Kill
        | FaultName::Stop
        | FaultName::Pause
        | FaultName::Resume
        | FaultName::Restart
        | FaultName::Remove
        | FaultName::Insert
        | FaultName::Exec => whole,
        FaultName::LinkDown | FaultName::LinkUp => matches!(target.unit, TargetUnit::Link(_)),
        FaultName::Partition | FaultName::Heal | FaultName::Impair | FaultName::Drop => target.unit.wire().is_some(),
        FaultName::ForceSwitchover
        | FaultName::Reload
        | FaultName::SwapImage
        | FaultName::UpgradeCard
        | FaultName::Corrupt
        | FaultName::Fill
        | FaultName::Repair
        | FaultName::Crash
        | FaultName::Disarm
        | FaultName::Hang
        | FaultName::Unhang
        | FaultName::Storm => false,
    };
    if fits { Ok(()) } else { Err(format!("fault '{name}' cannot be done to '{target}', which is none of ours")) }
}
