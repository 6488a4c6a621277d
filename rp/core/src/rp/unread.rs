//! Lines of the startup configuration that this release does not understand.
//!
//! The rest of it is in force. They are named in the log, the text is set aside, and it is not overwritten unless the
//! operator is told and says so: what was meant to be there would be gone.

use super::{Output, Rp};
use crate::config::{ConfigError, Reading};
use fabric_proto::operator::EventKind;

/// Lines named one by one; of more, only the number is told.
const NAMED: usize = 20;

/// Lines of the startup configuration that were refused.
#[derive(Debug, Default)]
pub(super) struct Unread {
    lines: Vec<ConfigError>,
    said: bool,
}

impl Unread {
    pub(super) fn new(lines: Vec<ConfigError>) -> Self {
        Self { lines, said: false }
    }

    /// The startup configuration was read again: what was said of it is not said twice.
    pub(super) fn renew(&mut self, lines: Vec<ConfigError>) {
        if lines != self.lines {
            *self = Self::new(lines);
        }
    }

    /// Why the startup configuration is not overwritten; `None` where all of it was read.
    pub(super) fn refusal(&self) -> Option<String> {
        let first = self.lines.first()?;
        let numbers: Vec<String> = self.lines.iter().take(NAMED).map(|error| error.line.to_string()).collect();
        let more = if self.lines.len() > NAMED { ", .." } else { "" };
        Some(format!(
            "{} line(s) of startup-config were not understood and would be lost (line {}{more}; {first}): correct it, or \
             overwrite it with 'write memory force'",
            self.lines.len(),
            numbers.join(", ")
        ))
    }
}

impl Rp {
    /// This unit has another startup configuration.
    pub(super) fn take_startup(&mut self, text: String) {
        self.unread = Unread::new(Reading::of_startup(&text, "startup-config", self.boot.profile).refused);
        self.startup = Some(text);
    }

    /// Says once what was not understood, and sets the text aside.
    pub(super) fn say_unread(&mut self, out: &mut Vec<Output>) {
        let unread = &mut self.unread;
        if unread.lines.is_empty() || std::mem::replace(&mut unread.said, true) {
            return;
        }
        let mut log = |line: String| out.push(Output::Event(EventKind::Log { line }));
        for error in unread.lines.iter().take(NAMED) {
            log(format!("%PARSER-4-BADCFG: {error}: the line is not in force"));
        }
        log(format!(
            "%SYS-4-CONFIG_UNREAD: {} line(s) of startup-config are not in force; the text is kept as \
             nvram:startup-config.rejected, and 'write memory' does not overwrite it",
            unread.lines.len()
        ));
        if let Some(text) = &self.startup {
            out.push(Output::SetAside(text.clone()));
        }
    }
}
