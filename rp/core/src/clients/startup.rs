//! The startup configuration as this unit knows it, and its lines that this release does not understand.
//!
//! The rest of it is in force. They are named in the log, the text is set aside, and it is not overwritten unless the
//! operator is told and says so: what was meant to be there would be gone.

use crate::config::{Config, ConfigError, Reading, Understood};
use bytes::Bytes;
use fabric_proto::{checkpoint::CfClientId, platform::Profile, redundancy::Mode};
use rp_contract::{Ask, Checkpointed, Chunk, Client, Effect, Inexpressible, Lost, Member, Unapplied, Versions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Lines named one by one; of more, only the number is told.
const NAMED: usize = 20;

/// The client of the startup configuration.
#[derive(Debug)]
pub(crate) struct Startup {
    profile: &'static Profile,
    text: Option<String>,
    /// Lines that were refused.
    unread: Vec<ConfigError>,
    /// Whether they were named.
    said: bool,
    /// While a standby is given it: whether it is to be given what is here now.
    feeding: Option<bool>,
}

impl Startup {
    /// As it lies in NVRAM, and what it says.
    pub(super) fn new(profile: &'static Profile, text: Option<String>) -> (Self, Config) {
        let mut startup = Self { profile, text, unread: Vec::new(), said: false, feeding: None };
        let config = startup.read();
        (startup, config)
    }

    /// What it says; a damaged or absent one says what the factory does. A file that was accepted once parses again; of one
    /// put there by hand, the lines that are understood count. What was said of the others is not said twice.
    pub(crate) fn read(&mut self) -> Config {
        let Reading { config, refused } = self.reading();
        if refused != self.unread {
            self.unread = refused;
            self.said = false;
        }
        config
    }

    fn reading(&self) -> Reading {
        Reading::of_startup(self.text().unwrap_or_default(), "startup-config", self.profile)
    }

    /// Its text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// This unit has another startup configuration.
    pub(crate) fn take(&mut self, text: String) {
        self.text = Some(text);
        self.unread = self.reading().refused;
        self.said = false;
    }

    /// The standby is to have it, too.
    pub(crate) fn give(&mut self) {
        if let Some(due) = &mut self.feeding {
            *due = true;
        }
    }

    /// Why it is not overwritten; `None` where all of it was read.
    pub(crate) fn refusal(&self) -> Option<String> {
        let first = self.unread.first()?;
        let numbers: Vec<String> = self.unread.iter().take(NAMED).map(|error| error.line.to_string()).collect();
        let more = if self.unread.len() > NAMED { ", .." } else { "" };
        Some(format!(
            "{} line(s) of startup-config were not understood and would be lost (line {}{more}; {first}): correct it, or \
             overwrite it with 'write memory force'",
            self.unread.len(),
            numbers.join(", ")
        ))
    }

    /// What was not understood, as log lines, and the text to set aside. Told once.
    pub(crate) fn untold(&mut self) -> Option<(Vec<String>, Option<String>)> {
        if self.unread.is_empty() || std::mem::replace(&mut self.said, true) {
            return None;
        }
        let named = self.unread.iter().take(NAMED);
        let mut lines: Vec<String> =
            named.map(|error| format!("%PARSER-4-BADCFG: {error}: the line is not in force")).collect();
        lines.push(format!(
            "%SYS-4-CONFIG_UNREAD: {} line(s) of startup-config are not in force; the text is kept as \
             nvram:startup-config.rejected, and 'write memory' does not overwrite it",
            self.unread.len()
        ));
        Some((lines, self.text.clone()))
    }

    fn whole(&self, version: u8) -> Bytes {
        let text = self.understood(version).map(|understood| understood.text);
        Bytes::from(text.unwrap_or_else(|| self.text.clone().unwrap_or_default()))
    }

    /// Lines that a unit which reads this version has no words for.
    pub(super) fn left_out(&self, version: u8) -> Vec<String> {
        self.understood(version).map(|understood| understood.left_out).unwrap_or_default()
    }

    /// What release 1.0 is given, where version 1 is spoken and there is anything to give.
    fn understood(&self, version: u8) -> Option<Understood> {
        let text = self.text().filter(|text| version == 1 && !text.is_empty())?;
        Some(self.reading().config.for_release_1_0(text))
    }
}

impl Client for Startup {
    fn name(&self) -> &'static str {
        "startup"
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(self)
    }

    fn inexpressible(&self, version: u8) -> Option<Inexpressible> {
        let what = "some lines of the startup configuration";
        (!self.left_out(version).is_empty()).then_some(Inexpressible { version, what })
    }
}

impl Checkpointed for Startup {
    fn member(&self) -> Member {
        // An HSA standby is not booted, but its boot monitor keeps it.
        let member = Member::new(CfClientId::STARTUP_CONFIG, "startup configuration", Mode::Hsa);
        // 1: what release 1.0 understands of it; 2: whatever was saved.
        Member { versions: Versions::new(1, 2), awaited: true, ..member }
    }

    fn chunk(&mut self, ask: &Ask) -> Chunk {
        self.feeding = Some(false);
        Chunk { data: self.whole(ask.version), more: false }
    }

    fn change(&mut self, version: u8) -> Result<Option<Bytes>, Lost> {
        let due = self.feeding.as_mut().is_some_and(std::mem::take);
        Ok(due.then(|| self.whole(version)))
    }

    fn stop(&mut self) {
        self.feeding = None;
    }

    /// A standby keeps what it has until it gets another one: half a bulk leaves it with that.
    fn begin(&mut self) {}

    fn apply(&mut self, record: &[u8], _more: bool, _version: u8, out: &mut Vec<Effect>) -> Result<(), Unapplied> {
        let text = std::str::from_utf8(record).map_err(Unapplied::because)?;
        if !text.is_empty() && self.text() != Some(text) {
            out.push(Effect::SaveStartup(text.to_owned()));
            self.take(text.to_owned());
        }
        Ok(())
    }

    fn digest(&self, _version: u8) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        hasher.finish()
    }
}
