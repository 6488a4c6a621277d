//! `show parser`: every command there is.

use super::{SHOW, Shown, lines, show};
use crate::{
    cli::{
        View,
        commands::{Exec, commands},
    },
    config::MODES,
    grammar::{Command, Help, Token::Keyword as K, syntax},
};
use serde_json::json;

pub(super) static COMMANDS: &[Command<Exec>] = &[show(&[SHOW, K("parser"), K("dump")], |view, _| Ok(dump(view)))];

pub(super) const HELP: Help = &[("parser", "The command line itself"), ("dump", "Every command, mode by mode")];

/// Levels as the field numbers them: who has no privileges has the first.
const USER: u8 = 1;
const PRIVILEGED: u8 = 15;

fn dump(_: &View<'_>) -> Shown {
    let exec = commands().map(|row| (if row.does.is_for_all() { USER } else { PRIVILEGED }, syntax(row.tokens)));
    let mut modes: Vec<(&str, Vec<(u8, String)>)> = vec![("exec", exec.collect())];
    modes.extend(MODES.iter().map(|mode| {
        let rows = mode.commands().map(|row| (PRIVILEGED, syntax(row.tokens)));
        (mode.name, rows.collect())
    }));
    let text = modes.iter().flat_map(|(name, rows)| {
        let rows = rows.iter().map(|(level, row)| format!("{level:<2} {row}"));
        [format!("Mode Name :{name}")].into_iter().chain(rows).collect::<Vec<_>>()
    });
    let json: Vec<_> = modes
        .iter()
        .map(|(name, rows)| {
            let rows: Vec<_> = rows.iter().map(|(level, row)| json!({"level": level, "command": row})).collect();
            json!({"mode": name, "commands": rows})
        })
        .collect();
    Shown { text: lines(text), json: json!({"modes": json}) }
}
