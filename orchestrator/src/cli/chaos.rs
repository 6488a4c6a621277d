//! `swact chaos`: experiments to and from the Chaos Toolkit; `swact wait`: its probe of the steady state.

use super::{
    CliError, Exit,
    args::{ChaosExportArgs, ChaosImportArgs, Cli, Command, FaultArgs, WaitArgs},
    labs, output,
};
use crate::{chaos, experiment::Experiment};
use clap::Parser as _;
use lab::Lab;
use notation::document::BadInput;
use serde_json::{Map, Value, json};
use std::{path::Path, time::Duration};

/// Between two looks at a lab.
const POLL: Duration = Duration::from_millis(100);

/// `swact wait`: 0 as soon as every card answers and every chassis is converged and redundant, its line cards linked; 1 if
/// that does not come in time.
pub(super) async fn wait(args: WaitArgs) -> Result<Exit, CliError> {
    let lab = labs::attach(&args.lab).await?;
    let settled = async {
        labs::wait_until_ready(&lab).await?;
        while silent(&lab).await.is_some() {
            tokio::time::sleep(POLL).await;
        }
        Ok::<_, CliError>(())
    };
    match tokio::time::timeout(args.at_most.0, settled).await {
        Ok(settled) => settled.map(|()| Exit::Pass),
        Err(_) => {
            let why = match labs::unready(&lab).await {
                Some((node, found)) => format!("{node}: {found}"),
                None => {
                    silent(&lab).await.map_or_else(|| "it is now".to_owned(), |card| format!("{card} does not answer"))
                }
            };
            output::say(format_args!("lab '{}' is not as it should be after {}: {why}", lab.plan().lab, args.at_most));
            Ok(Exit::Missed)
        }
    }
}

/// The first card that does not answer.
async fn silent(lab: &Lab) -> Option<String> {
    for card in &lab.plan().cards {
        if lab.stats(&card.config.id).await.is_none() {
            return Some(lab::card_name(&card.config.id));
        }
    }
    None
}

/// `swact chaos export`.
pub(super) fn export(args: &ChaosExportArgs) -> Result<Exit, CliError> {
    let experiment = Experiment::load(&args.experiment)?;
    let file = serde_saphyr::from_str(experiment.document.text())
        .map_err(|error| BadInput::new(args.experiment.display(), error, "write it so that it is plain YAML, too"))?;
    output::json(&chaos::export(&experiment, file));
    Ok(Exit::Pass)
}

/// `swact chaos import`: what it prints is checked as any experiment is, when it is run or validated.
pub(super) fn import(args: &ChaosImportArgs) -> Result<Exit, CliError> {
    let path = args.experiment.display().to_string();
    let text = user_files::read_text(&args.experiment).map_err(|error| {
        BadInput::new(&path, format!("cannot be read: {error}"), "name a Chaos Toolkit experiment (JSON)")
    })?;
    let experiment: Value = serde_json::from_str(&text)
        .map_err(|error| BadInput::new(&path, format!("not JSON: {error}"), "give the experiment as JSON"))?;
    let imported = convert(&experiment, args.base.as_deref())
        .map_err(|(message, remedy)| BadInput::new(&path, message, remedy))?;
    let yaml = serde_saphyr::to_string(&imported)
        .map_err(|error| BadInput::new(&path, format!("cannot be written as YAML: {error}"), "simplify it"))?;
    output::text(&yaml);
    Ok(Exit::Pass)
}

type Wrong = (String, String);

fn wrong(message: impl Into<String>, remedy: impl Into<String>) -> Wrong {
    (message.into(), remedy.into())
}

/// The experiment that rides along, or `base`, with the toolkit's title and method in place of its own.
fn convert(experiment: &Value, base: Option<&Path>) -> Result<Value, Wrong> {
    let extensions = experiment["extensions"].as_array().into_iter().flatten();
    let own = extensions.filter(|extension| extension["name"] == chaos::EXTENSION).map(|own| &own["experiment"]).next();
    let mut file = match (base, own) {
        (Some(base), _) => {
            let text = user_files::read_text(base)
                .map_err(|error| wrong(format!("{}: {error}", base.display()), "name an experiment"))?;
            serde_saphyr::from_str(&text)
                .map_err(|error| wrong(format!("{}: {error}", base.display()), "correct it"))?
        }
        (None, Some(own)) => own.clone(),
        (None, None) => {
            return Err(wrong(
                "no extension 'swact': what load to offer, and in which lab, is not in it",
                "name an experiment to take that from: --base FILE.experiment.yml",
            ));
        }
    };
    let Some(fields) = file.as_object_mut() else { return Err(wrong("the extension is no experiment", "see --base")) };
    if let Some(title) = experiment["title"].as_str() {
        fields.insert("title".to_owned(), title.into());
    }
    let mut at = 0.0;
    let mut method = Vec::new();
    for activity in experiment["method"].as_array().into_iter().flatten() {
        let pause = |when: &str| activity["pauses"][when].as_f64().unwrap_or_default();
        at += pause("before");
        // Probes measure; `swact run` does that by itself.
        if activity["type"] != "probe" {
            method.push(step(activity, at)?);
        }
        at += pause("after");
    }
    fields.insert("method".to_owned(), method.into());
    Ok(file)
}

/// One action as a step: it must be a call of `swact fault`.
fn step(activity: &Value, at: f64) -> Result<Value, Wrong> {
    let name = activity["name"].as_str().unwrap_or("(without a name)");
    let provider = &activity["provider"];
    let program = provider["path"].as_str().and_then(|path| Path::new(path).file_name()).unwrap_or_default();
    let arguments: Vec<&str> = match &provider["arguments"] {
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        Value::String(line) => line.split_whitespace().collect(),
        _ => Vec::new(),
    };
    if provider["type"] != "process" || program != "swact" || arguments.first() != Some(&"fault") {
        return Err(wrong(
            format!("action '{name}' is no fault of swact"),
            "only calls of 'swact fault' can be imported",
        ));
    }
    let parsed = Cli::try_parse_from(std::iter::once("swact").chain(arguments));
    match parsed.map(|cli| cli.command) {
        Ok(Command::Fault(fault)) => Ok(step_of(&fault, at)),
        Ok(_) => Err(wrong(format!("action '{name}' is no fault"), "call 'swact fault'")),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Err(wrong(format!("action '{name}': {first}"), "see 'swact fault --help'"))
        }
    }
}

/// The options that are not as they are by themselves.
fn step_of(fault: &FaultArgs, at: f64) -> Value {
    let mut step = Map::new();
    step.insert("at".to_owned(), format!("{}ms", (at * 1e3).round()).into());
    step.insert("fault".to_owned(), fault.fault.to_string().into());
    step.insert("target".to_owned(), fault.target.to_string().into());
    let mut set = |name: &str, value: Option<Value>| step.extend(value.map(|value| (name.to_owned(), value)));
    let share = |value: f64| (value > 0.0).then(|| json!(value));
    let span = |value: notation::units::Span| (!value.0.is_zero()).then(|| json!(value.to_string()));
    set("for", fault.time.map(|time| json!(time.to_string())));
    set("image", fault.image.clone().map(Value::from));
    set(
        "plane",
        match fault.plane {
            super::args::PlaneArg::Both => None,
            super::args::PlaneArg::Control => Some(json!("control")),
            super::args::PlaneArg::Data => Some(json!("data")),
        },
    );
    set("loss", share(fault.loss));
    set("duplicate", share(fault.duplicate));
    set("reorder", share(fault.reorder));
    set("delay", span(fault.delay));
    set("jitter", span(fault.jitter));
    set("rate-bps", (fault.rate_bps > 0).then(|| json!(fault.rate_bps)));
    set("every", (fault.fault == crate::fault::FaultName::Drop).then(|| json!(fault.every)));
    set("point", fault.point.map(|point| json!(point.to_string())));
    set("client", fault.client.clone().map(Value::from));
    set("lines", (!fault.lines.is_empty()).then(|| json!(fault.lines)));
    if fault.fault == crate::fault::FaultName::Storm {
        set("faults", Some(json!(fault.faults)));
        set("over", Some(json!(fault.over.to_string())));
    }
    Value::Object(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_survives_the_journey() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies/edge");
        std::fs::copy(folder.join("small.chassis.yml"), dir.path().join("small.chassis.yml")).unwrap();
        let text = std::fs::read_to_string(folder.join("smoke.experiment.yml")).unwrap();
        let steps = "  - {at: 1s, fault: partition, target: \"pe1/lc:1->lc:2\", plane: data, for: 500ms}\n  \
                     - {at: 2s, fault: crash, target: pe1/rp:A, point: save-config}\n  \
                     - {at: 2s, fault: hang, target: pe1/rp:A, client: CEF, for: 1s}\n  \
                     - {at: 2s, fault: exec, target: pe1/rp:A, lines: [\"write memory\"]}\n  \
                     - {at: 3s, fault: storm, target: pe1, faults: 3, over: 2s}\nobserve:";
        let path = dir.path().join("one.experiment.yml");
        std::fs::write(&path, text.replace("observe:", steps)).unwrap();
        let one = Experiment::load(&path).unwrap();
        let exported = chaos::export(&one, serde_saphyr::from_str(one.document.text()).unwrap());
        let back = serde_saphyr::to_string(&convert(&exported, None).unwrap()).unwrap();
        let again = dir.path().join("two.experiment.yml");
        std::fs::write(&again, back).unwrap();
        let two = Experiment::load(&again).unwrap();
        assert_eq!(one.method, two.method);
        assert_eq!((one.title, one.modes, one.traffic), (two.title, two.modes, two.traffic));
    }

    #[test]
    fn what_is_no_fault_of_ours_is_named() {
        let activity = json!({"type": "action", "name": "delete it", "provider": {"type": "python", "module": "x"}});
        let experiment = json!({"extensions": [{"name": "swact", "experiment": {}}], "method": [activity]});
        assert!(convert(&experiment, None).unwrap_err().0.contains("'delete it' is no fault of swact"));
        assert!(convert(&json!({"method": []}), None).unwrap_err().0.contains("no extension"));
    }
}
