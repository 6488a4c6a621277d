//! `docs/commands.md`: every command, from the grammars themselves, with the tools that read its output.

use super::rows;
use crate::{
    cli::{
        commands::{commands, grammar},
        pipe::{self, PIPE},
    },
    config::MODES,
    grammar::{Command, Grammar, Token, syntax},
};
use std::fmt::Write as _;

/// Show commands whose text the field's tools read; `.ci/cli` runs the tools and compares.
const READ: &str = include_str!("../../../tests/parsed.txt");

const HEAD: &str = "\
# Commands

The command line of a route processor: `swact console LAB NODE`, `swact exec LAB NODE 'COMMAND' ..`. Words may be cut
to what is unique (`sh red st`), `?` lists what can follow, the tab key completes. Show commands take a filter after
`|`, and every one of them takes `| json`, whose keys are snake_case and do not depend on the platform.

This page is written from the command tables by a test (`SWACT_RECORD=1 cargo test -p rp-core page`). *Read by* names
the tools from PyPI that turn the text into data: [ntc-templates] (platform `cisco_ios`) and [Genie] (`iosxe`).
`.ci/cli` runs the real programs, feeds both tools with every show command, and fails where this page and the tools
disagree. A dash means that neither tool has a parser that accepts the text: use `| json`.

[ntc-templates]: https://pypi.org/project/ntc-templates/
[Genie]: https://pypi.org/project/genie.libs.parser/
";

const CONSOLE: &str = "\
## The console

`swact console LAB NODE` follows the chassis' active RP: after a switchover the session goes on with the RP that took
over, and says so. `NODE/SLOT` stays with one card. A session in configuration mode ends with its RP. On a terminal:
tab completes, `?` explains at once, arrow keys and `^R` walk the history (kept in `~/.local/state/swact`), `^Z` leaves
configuration mode, `^D` or `exit` ends the session, log messages appear above the prompt (`terminal no monitor` stops
them), and commands that interrupt service ask first (`terminal no confirm` stops that).

Without line editing (a pipe, `TERM=dumb`, a tool that drives a pseudo-terminal and does not say where its cursor is)
there are plain prompts and plain lines: log messages stay away until `terminal monitor`, and out of a pipe nothing is
asked, each command is shown after its prompt, and the exit code is 1 when one of them failed. So netmiko (`cisco_ios`)
and its like get along with it; `.ci/netmiko_console.py` shows how. Sessions are privileged from the start; `disable`
leaves what looks and `enable` gives back the rest, without a password. `terminal length` and `terminal width` are
taken and change nothing: output is never paged or wrapped.
";

/// What the last keyword means that is not left open.
fn explanation<C: Copy>(grammar: &Grammar<C>, tokens: &[Token]) -> &'static str {
    let (mut before, mut text) = ("", "");
    for token in tokens {
        if let Token::Keyword(word) = token {
            text = grammar.text(before, word);
            before = word;
        }
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Every row of exec mode as the page has it, and what explains it: nothing is left open, but where that would fill the page.
fn exec_mode() -> Vec<(String, Vec<Token>)> {
    let of = |command: &Command<_>| {
        let mut rows = rows(command.tokens);
        if rows.len() > ROWS_MAX {
            return vec![(syntax(command.tokens), rows.swap_remove(0))];
        }
        rows.into_iter().map(|row| (syntax(&row), row)).collect()
    };
    commands().flat_map(of).collect()
}

/// Most rows that one command takes on the page.
const ROWS_MAX: usize = 24;

fn page() -> String {
    let mut page = HEAD.to_owned();
    page += "\n## Exec mode\n\n| command | what | read by |\n| --- | --- | --- |\n";
    for (words, row) in exec_mode() {
        let what = explanation(grammar(true), &row);
        let read = match (
            words.starts_with("show "),
            READ.lines().find_map(|line| line.strip_prefix(&format!("{words}: "))),
        ) {
            (_, Some(tools)) => tools,
            (true, None) => "-",
            (false, None) => "",
        };
        writeln!(page, "| `{}` | {what} | {read} |", escaped(&words)).unwrap();
    }
    page += "\n## Filters\n\n| filter | what |\n| --- | --- |\n";
    for command in pipe::COMMANDS {
        let what = explanation(&PIPE, command.tokens);
        writeln!(page, "| `\\| {}` | {what} |", escaped(&syntax(command.tokens))).unwrap();
    }
    for mode in MODES {
        writeln!(page, "\n## Configuration: {}\n\n| command | what |\n| --- | --- |", mode.name).unwrap();
        for command in mode.commands() {
            let what = explanation(mode.grammar(), command.tokens);
            writeln!(page, "| `{}` | {what} |", escaped(&syntax(command.tokens))).unwrap();
        }
    }
    page += "\nCommands of a mode around are understood too, and lead there.\n\n### Refused by name\n\n\
             | command | why |\n| --- | --- |\n";
    for (command, why) in crate::config::UNSUPPORTED {
        writeln!(page, "| `{command}` | {why} |").unwrap();
    }
    page += "\n### Accepted without effect\n\n";
    for line in crate::config::TOLERATED {
        writeln!(page, "* `{line}`").unwrap();
    }
    page + "\n" + CONSOLE
}

#[test]
fn the_page_of_commands_is_current() {
    let now = page();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/commands.md");
    if std::env::var_os("SWACT_RECORD").is_some() {
        std::fs::write(file, &now).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(file).unwrap_or_default();
    for (at, (now, recorded)) in now.lines().zip(recorded.lines()).enumerate() {
        assert_eq!(now, recorded, "line {} of docs/commands.md: run once with SWACT_RECORD=1", at + 1);
    }
    assert_eq!(now.len(), recorded.len());
}
