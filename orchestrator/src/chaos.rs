//! Experiments in the Chaos Toolkit's shape, for those who have its tools: every fault is a process activity that
//! calls `swact`. What the toolkit has no word for (load, modes, thresholds) rides along as the extension `swact`.
//!
//! Shape: the Chaos Toolkit's "experiment" reference; `chaostoolkit-lib` validates what [`export`] writes.

use crate::{
    experiment::Experiment,
    fault::{FaultName, Step, Target, TargetUnit},
};
use fabric_proto::operator::PlaneSet;
use notation::units::Span;
use serde_json::{Value, json};

/// Name of the extension.
pub const EXTENSION: &str = "swact";
/// How long the chassis may take to be itself again, for the toolkit's probes.
const SETTLED_WITHIN: &str = "60s";

/// The whole experiment. `text` of the file rides along.
pub fn export(experiment: &Experiment, file: Value) -> Value {
    json!({
        "title": experiment.title,
        "description": format!(
            "Lab '{lab}', deployed beforehand: swact deploy {lab}.chassis.yml. 'swact run' measures the same with a load.",
            lab = experiment.topology.name
        ),
        "tags": ["swact", "router"],
        "contributions": {"reliability": "high"},
        "steady-state-hypothesis": {"title": "The chassis is converged and redundant", "probes": [probe(experiment)]},
        "method": method(experiment),
        "rollbacks": rollbacks(experiment),
        "extensions": [{"name": EXTENSION, "experiment": file}],
    })
}

/// The steady state, as a probe.
pub fn probe(experiment: &Experiment) -> Value {
    let arguments = ["wait", &experiment.topology.name, "--at-most", SETTLED_WITHIN].map(str::to_owned);
    json!({
        "type": "probe",
        "name": "every card answers, the chassis has converged and is redundant",
        "tolerance": 0,
        "provider": process(&arguments),
    })
}

/// The method's steps, as actions.
pub fn method(experiment: &Experiment) -> Vec<Value> {
    let mut steps: Vec<&Step> = experiment.method.iter().collect();
    steps.sort_by_key(|step| step.at);
    let mut before = Span::default();
    let action = |step: &Step| {
        let pause = (step.at.0.saturating_sub(before.0)).as_secs_f64();
        before = step.at;
        let mut action = json!({
            "type": "action",
            "name": format!("{} {}", step.fault, step.target),
            "provider": process(&arguments(&experiment.topology.name, step)),
        });
        if pause > 0.0 {
            action["pauses"] = json!({"before": pause});
        }
        // It returns when its fault has been taken back.
        if step.time.is_some() {
            action["background"] = json!(true);
        }
        action
    };
    steps.into_iter().map(action).collect()
}

/// What takes the method's steps back, as actions: all of them, whatever took itself back already.
pub fn rollbacks(experiment: &Experiment) -> Vec<Value> {
    let lab = &experiment.topology.name;
    let mut rollbacks: Vec<Value> = Vec::new();
    for step in experiment.method.iter().rev() {
        let Some(undo) = step.fault.name.undone_by() else { continue };
        let target = whoever(&step.target);
        // A card that a crash point has ended must run before it can be disarmed.
        let verbs: &[FaultName] = if undo == FaultName::Disarm { &[FaultName::Insert, undo] } else { &[undo] };
        for verb in verbs {
            let mut arguments = vec!["fault".to_owned(), verb.to_string(), lab.clone(), target.to_string()];
            if matches!(verb, FaultName::SwapImage | FaultName::UpgradeCard) {
                let image = experiment.topology.chassis.first().map(|chassis| chassis.image.clone());
                arguments.extend(["--image".to_owned(), image.unwrap_or_default()]);
            }
            if *verb == FaultName::UpgradeCard {
                arguments.push("--or-reset".to_owned());
            }
            if *verb == FaultName::Unhang {
                arguments.extend(["--client".to_owned(), step.fault.client.clone().unwrap_or_default()]);
            }
            let action = json!({"type": "action", "name": format!("{verb} {target}"), "provider": process(&arguments)});
            if !rollbacks.contains(&action) {
                rollbacks.push(action);
            }
        }
    }
    rollbacks
}

/// A target that still means the cards that were hit when roles have changed.
fn whoever(target: &Target) -> Target {
    let fixed = |unit| match unit {
        TargetUnit::ActiveRp | TargetUnit::StandbyRp => TargetUnit::AllRp,
        unit => unit,
    };
    let (unit, peer) = (fixed(target.unit), target.peer.map(fixed));
    Target { unit, peer, ..target.clone() }
}

fn process(arguments: &[String]) -> Value {
    json!({"type": "process", "path": "swact", "arguments": arguments})
}

/// A step as `swact fault` has it.
fn arguments(lab: &str, step: &Step) -> Vec<String> {
    let mut arguments = vec!["fault".to_owned(), step.fault.name.to_string(), lab.to_owned(), step.target.to_string()];
    let mut option = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
    let fault = &step.fault;
    match fault.name {
        FaultName::Impair => {
            let set = fault.impairment;
            for (name, value) in [("loss", set.loss), ("duplicate", set.duplicate), ("reorder", set.reorder)] {
                if value > 0.0 {
                    option(name, value.to_string());
                }
            }
            for (name, value) in [("delay", set.delay_ms), ("jitter", set.jitter_ms)] {
                if value > 0.0 {
                    option(name, format!("{value}ms"));
                }
            }
            if set.rate_bps > 0 {
                option("rate-bps", set.rate_bps.to_string());
            }
            option("seed", set.seed.to_string());
        }
        FaultName::Drop => option("every", fault.drop.every.to_string()),
        FaultName::Storm => {
            option("faults", fault.storm.faults.to_string());
            option("over", fault.storm.over.to_string());
            option("seed", fault.storm.seed.to_string());
        }
        _ => {}
    }
    match fault.plane {
        PlaneSet::Both => {}
        PlaneSet::Control => option("plane", "control".to_owned()),
        PlaneSet::Data => option("plane", "data".to_owned()),
    }
    if let Some(point) = fault.point {
        option("point", point.to_string());
    }
    if let Some(client) = &fault.client {
        option("client", client.clone());
    }
    if let Some(image) = &fault.image {
        option("image", image.clone());
    }
    for line in &fault.lines {
        option("line", line.clone());
    }
    if let Some(time) = step.time {
        option("for", time.to_string());
    }
    if fault.or_reset {
        arguments.push("--or-reset".to_owned());
    }
    arguments
}
