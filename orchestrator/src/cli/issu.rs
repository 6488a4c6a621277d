//! `swact issu`: a chassis is upgraded in service.

use super::{
    CliError, Exit,
    args::{Format, IssuArgs},
    files, labs, output,
};
use crate::issu::{IssuError, Plan, Stage, Walk};
use lab::Lab;
use notation::document::BadInput;
use serde::Serialize;

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    plan: Plan,
    steps: Vec<StepDone>,
    /// What is next; `None`: nothing.
    next: Option<Stage>,
}

#[derive(Debug, Serialize)]
struct StepDone {
    step: String,
    ms: f64,
}

impl From<IssuError> for CliError {
    fn from(error: IssuError) -> Self {
        match error {
            IssuError::Input(error) => error.into(),
            IssuError::Lab(error) => error.into(),
            error => Self::Issu(Box::new(error)),
        }
    }
}

/// `swact issu`.
pub(super) async fn issu(args: IssuArgs, format: Format) -> Result<Exit, CliError> {
    let lab = labs::attach(&args.lab).await?;
    let node = node(&lab, args.node.as_deref())?;
    let images = files::images(&args.images, &lab.plan().topology)?;
    let plan = Plan::make(&lab, &images, &node, args.to.as_deref()).await?;
    if !args.abort {
        plan.sentences().iter().for_each(output::say);
    }
    let walk = Walk::new(&lab, &images, plan.clone(), args.forced, args.at_most.0);
    let mut steps = Vec::new();
    if args.abort {
        let taken = walk.abort(Stage::Load).await?;
        steps.push(StepDone { step: "abort".to_owned(), ms: taken.ms() });
        output::say(format_args!("{node} is back on release {}", plan.from));
    } else if !args.dry_run {
        up(&walk, args.stop_after, &mut steps).await?;
    }
    let next = if args.abort { None } else { walk.next().await? };
    match next.filter(|_| !args.dry_run) {
        Some(Stage::LineCards) => {
            let to = &plan.to;
            output::say(format_args!(
                "stopped before 'line-cards': not all of them run release {to} ('swact issu' goes on)"
            ));
        }
        Some(next) => {
            output::say(format_args!("stopped before '{next}': 'show issu state' on {node} says how it stands"))
        }
        None => {}
    }
    let row = |done: &StepDone| vec![done.step.clone(), format!("{:.0}", done.ms)];
    let rows = steps.iter().map(row).collect();
    let done = Done { plan, steps, next };
    if format == Format::Json || !done.steps.is_empty() {
        output::print(format, &["Step", "ms"], rows, &done);
    }
    Ok(Exit::Pass)
}

/// Takes the steps that are left, up to `last`.
async fn up(walk: &Walk<'_>, last: Option<Stage>, steps: &mut Vec<StepDone>) -> Result<(), CliError> {
    let last = last.unwrap_or(Stage::LineCards);
    let Some(first) = walk.next().await? else {
        output::say(format_args!("{} runs release {} already", walk.plan.node, walk.plan.to));
        return Ok(());
    };
    for stage in Stage::ALL.iter().filter(|stage| (first..=last).contains(stage)) {
        let taken = walk.take(*stage, |what| output::say(format_args!("{stage}: {what}"))).await?;
        steps.push(StepDone { step: stage.to_string(), ms: taken.ms() });
    }
    Ok(())
}

/// The chassis that is meant.
fn node(lab: &Lab, named: Option<&str>) -> Result<String, BadInput> {
    let all: Vec<&str> = lab.plan().chassis.iter().map(|chassis| chassis.node.as_str()).collect();
    let found = match (named, all.as_slice()) {
        (Some(named), _) => all.iter().find(|node| **node == named).copied(),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    found.map(str::to_owned).ok_or_else(|| {
        let message = named.map_or_else(
            || format!("lab {} has more than one chassis", lab.plan().lab),
            |named| format!("lab {} has no chassis '{named}'", lab.plan().lab),
        );
        BadInput::new("node", message, format!("name one of {}", all.join(", ")))
    })
}
