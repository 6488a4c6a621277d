//! Verbs that give commands to a card: `exec`, and `save`, which asks for its configuration; and `upgrade-card`.

use super::{
    CliError, Exit,
    args::{ExecArgs, Format, LogsArgs, SaveArgs, UpgradeCardArgs},
    files,
    labs::attach,
    output,
};
use crate::standing;
use bridge::words;
use fabric_proto::id::CardId;
use lab::{Lab, Upgraded, card_name, plan::startup_config, topology::Topology};
use notation::document::BadInput;
use serde::Serialize;

/// The card that `NODE` (a chassis' active RP) or `NODE/SLOT` names.
pub(super) async fn card_named(lab: &Lab, name: &str) -> Result<CardId, CliError> {
    let plan = lab.plan();
    if let Some(id) = plan.ids().find(|id| card_name(id).eq_ignore_ascii_case(name)) {
        return Ok(id.clone());
    }
    if plan.chassis.iter().any(|chassis| chassis.node == name) {
        if let Some((active, _)) = standing::active_rp(lab, name).await {
            return Ok(active);
        }
        let rps: Vec<_> = plan.rps(name).map(card_name).collect();
        let message = format!("no RP of {name} is active now");
        return Err(BadInput::new("card", message, format!("name one: {}", rps.join(", "))).into());
    }
    let all = plan.ids().chain(plan.nodes.iter().map(|node| &node.id));
    let names: Vec<_> = all.map(card_name).collect();
    let message = format!("lab {} has no card '{name}'", plan.lab);
    Err(BadInput::new("card", message, format!("its cards are {}", names.join(", "))).into())
}

/// Gives a line card that forwards to a program of another release.
pub(super) async fn upgrade_card(args: UpgradeCardArgs) -> Result<Exit, CliError> {
    let lab = attach(&args.lab).await?;
    let card = card_named(&lab, &args.card).await?;
    let images = files::images(&args.images, &lab.plan().topology)?;
    let manifest = images.manifest_path(&args.to)?;
    let (name, to) = (card_name(&card), &args.to);
    if !args.or_reset {
        lab.upgrade_card(&card, to, &manifest).await?;
        output::say(format_args!("{name} runs release {to}"));
        return Ok(Exit::Pass);
    }
    let say = |why: &str| output::say(format_args!("{name} is reset with release {to}: {why}"));
    match lab.upgrade_or_reset(&card, to, &manifest, say).await? {
        Upgraded::HandedOver => output::say(format_args!("{name} runs release {to}")),
        Upgraded::Reset { .. } => output::say(format_args!("{name} runs release {to}, after a reset")),
    }
    Ok(Exit::Pass)
}

#[derive(Serialize)]
struct Executed {
    card: String,
    command: String,
    failed: bool,
    output: String,
}

/// `swact exec`: one session, so that `configure terminal` and what follows belong together.
pub(super) async fn exec(args: ExecArgs, format: Format) -> Result<Exit, CliError> {
    let lab = attach(&args.lab).await?;
    if let Some(node) = lab.plan().nodes.iter().find(|node| node.id.node == args.card) {
        return exec_in(&lab, &node.id, args.line, format).await;
    }
    let card = card_named(&lab, &args.card).await?;
    let mut session = lab.session(&card).await?;
    let mut executed = Vec::new();
    let mut lines = args.line.into_iter();
    for command in lines.by_ref() {
        let output = session.exec(&command).await?;
        if format == Format::Table {
            output::text(&output.text);
        }
        let failed = output.failed;
        executed.push(Executed { card: card_name(&card), command, failed, output: output.text });
        if failed {
            break;
        }
    }
    session.end().await;
    if format == Format::Json {
        output::json(&executed);
    }
    let left: Vec<_> = lines.map(|line| format!("'{line}'")).collect();
    if !left.is_empty() {
        output::say(format_args!("not run, since the command before failed: {}", left.join(", ")));
    }
    Ok(if executed.iter().any(|executed| executed.failed) { Exit::Missed } else { Exit::Pass })
}

/// The same in a node that is none of ours: a command and its arguments, or one text that is both. It has this terminal.
async fn exec_in(lab: &Lab, node: &CardId, line: Vec<String>, format: Format) -> Result<Exit, CliError> {
    let words = match line.as_slice() {
        [text] => words::split(text).filter(|words| !words.is_empty()).ok_or_else(|| {
            BadInput::new("exec", format!("'{text}' is no command"), "close its quotes, or write the words one by one")
        })?,
        _ => line,
    };
    let mut command = lab.command_in(node, &words).await?;
    let what = words.join(" ");
    if format == Format::Json {
        let ended = tokio::task::spawn_blocking(move || command.output()).await.map_err(std::io::Error::other);
        let ended = ended.flatten().map_err(CliError::io(&what))?;
        let output = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        let failed = !ended.status.success();
        output::json(&[Executed { card: card_name(node), command: what, failed, output }]);
        return Ok(if failed { Exit::Missed } else { Exit::Pass });
    }
    let status = tokio::task::spawn_blocking(move || command.status()).await.map_err(std::io::Error::other);
    let status = status.flatten().map_err(CliError::io(&what))?;
    Ok(if status.success() { Exit::Pass } else { Exit::Missed })
}

/// `swact logs`: what a card's program, or a node that is none of ours, said last.
pub(super) async fn logs(args: LogsArgs) -> Result<Exit, CliError> {
    let lab = attach(&args.lab).await?;
    let node = lab.plan().nodes.iter().find(|node| node.id.node == args.card).map(|node| node.id.clone());
    let id = match node {
        Some(node) => node,
        None => card_named(&lab, &args.card).await?,
    };
    let text = lab.logs(&id, args.lines).await;
    if !text.is_empty() {
        output::text(&format!("{text}\n"));
    }
    Ok(Exit::Pass)
}

/// `swact save`: what runs, or, where nothing runs, what would be generated.
pub(super) async fn save(args: SaveArgs) -> Result<Exit, CliError> {
    let topology = Topology::load(&args.topology)?;
    let to = args.to.unwrap_or_else(|| topology.document.folder().to_owned());
    let runs = lab::find(&topology.name)?.is_some();
    let lab = if runs { Some(attach(&topology.name).await?) } else { None };
    for chassis in &topology.chassis {
        let text = match &lab {
            None => startup_config(&topology, chassis),
            Some(lab) => {
                let card = card_named(lab, &chassis.name).await?;
                let shown = lab.exec(&card, "show running-config").await?;
                configuration(&shown.text)
            }
        };
        let path = to.join(format!("{}.cfg", chassis.name));
        std::fs::write(&path, text).map_err(CliError::io(path.display()))?;
        output::say(path.display());
    }
    Ok(Exit::Pass)
}

/// The configuration out of `show running-config`: what stands after the preamble.
fn configuration(shown: &str) -> String {
    let begins = |line: &&str| !(line.is_empty() || line.ends_with("...") || line.starts_with("Current configuration"));
    let lines: Vec<_> = shown.lines().skip_while(|line| !begins(line)).collect();
    lines.join("\n") + "\n"
}
