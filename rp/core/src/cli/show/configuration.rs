//! The configurations, and who changes them.

use super::{INTERFACE, SHOW, Shown, lines, show};
use crate::{
    cli::{View, commands::Exec},
    grammar::{Command, Help, Line, Token::Keyword as K, Token::Optional, command},
};
use serde_json::{Value, json};

pub(super) static COMMANDS: &[Command<Exec>] = &[
    command(&[SHOW, K("running-config"), Optional(&[K("interface"), INTERFACE])], Exec::ShowConfiguration(running)),
    command(&[SHOW, K("startup-config")], Exec::ShowConfiguration(startup)),
    command(&[SHOW, K("configuration")], Exec::ShowConfiguration(startup)),
    show(&[SHOW, K("configuration"), K("lock")], |view, _| Ok(lock(view))),
];

pub(super) const HELP: Help = &[
    ("running-config", "Configuration in use"),
    ("startup-config", "Configuration of the next start"),
    ("configuration", "Configuration of the next start"),
    ("lock", "Who is in configuration mode"),
];

pub(in crate::cli) fn running(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let config = match line.interface() {
        Ok(id) => {
            let section = view.running.interfaces.section(id).ok_or_else(|| format!("{id} is not configured"))?;
            format!("!\n{section}end\n")
        }
        Err(_) => view.running.render(),
    };
    let text = format!("Building configuration...\n\nCurrent configuration : {} bytes\n{config}", config.len());
    Ok(Shown { text, json: config_json("running_config", &config) })
}

fn lock(view: &View<'_>) -> Shown {
    let state = match (view.config.owner, &view.config.refused) {
        (Some(owner), _) => format!("held by session {owner}"),
        (None, Some(why)) => format!("refused: {why}"),
        (None, None) => "free".to_owned(),
    };
    Shown {
        text: format!("Configuration mode: {state}\n"),
        json: json!({"owner_session": view.config.owner, "refused": view.config.refused}),
    }
}

fn startup(view: &View<'_>, _: &Line) -> Result<Shown, String> {
    let config = view.startup.ok_or("startup-config is not present")?;
    let text = format!("Using {} bytes\n{}", config.len(), lines(config.lines().map(str::to_owned)));
    Ok(Shown { text, json: config_json("startup_config", config) })
}

fn config_json(key: &str, config: &str) -> Value {
    json!({ key: config.lines().collect::<Vec<_>>(), "bytes": config.len() })
}
