//! `show logging`.

use super::{SHOW, Shown, lines, show};
use crate::{
    cli::{View, commands::Exec, text::syslog_time},
    grammar::{Command, Help, Token::Keyword as K},
};
use serde_json::json;

pub(super) static COMMANDS: &[Command<Exec>] = &[show(&[SHOW, K("logging")], |view, _| Ok(log(view)))];

pub(super) const HELP: Help = &[("logging", "Log messages kept")];

fn log(view: &View<'_>) -> Shown {
    let log = &view.log;
    let head = format!(
        "Syslog logging: enabled (0 messages dropped, 0 messages rate-limited, 0 flushes, 0 overruns, xml disabled, \
         filtering disabled)\n\
         No Active Message Discriminator.\n\n\
         No Inactive Message Discriminator.\n\n    \
         Console logging: disabled\n    \
         Monitor logging: disabled\n    \
         Buffer logging:  level debugging, {} messages logged, xml disabled,\n                     \
         filtering disabled\n\n\
         Log Buffer ({} messages):\n\n",
        log.total,
        log.lines.len()
    );
    Shown {
        text: head + &lines(log.lines.iter().map(|(at, line)| format!("*{}: {line}", syslog_time(*at)))),
        json: json!({
            "logged": log.total,
            "messages": log
                .lines
                .iter()
                .map(|(at, line)| json!({"time": syslog_time(*at), "unix_ms": at.as_millis() as u64, "text": line}))
                .collect::<Vec<_>>()
        }),
    }
}
