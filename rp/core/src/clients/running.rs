//! The running configuration: whole in bulk, then what is typed.
//!
//! "In effect, the command is run on both" (`config/sync.rs`). A standby of release 1.0 is given what it understands, whole at
//! each change: what a command comes to there cannot be told from its words.

use crate::{
    cli::ConfigSyncCounts,
    config::{AutoSync, Config, Digest, SyncError, SyncRecord, Understood, WholeReader},
};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::CfClientId,
    random::mix,
    redundancy::{Code, Mode},
    time::Instant,
};
use rp_contract::{
    Answer, Ask, Checkpointed, Chunk, Client, Effect, Inexpressible, Lost, Member, Progression, Unapplied, Versions,
};
use std::collections::VecDeque;

/// A change that an operator made.
pub(crate) struct Change<'a> {
    /// What was typed, with what leads into its mode.
    pub(crate) lines: &'a str,
    /// What was synchronised before it.
    pub(crate) old: AutoSync,
}

/// The client of the running configuration.
#[derive(Debug)]
pub(crate) struct Running {
    /// As active: in force. As standby: the one that it would take over with.
    pub(crate) config: Config,
    pub(crate) counts: ConfigSyncCounts,
    /// The mode that a standby is brought up for, while one is given changes.
    feeding: Option<Mode>,
    /// Records that it is to be given: taken in the step in which they were made.
    changes: VecDeque<SyncRecord>,
    /// As standby: a whole configuration that comes in pieces is read as it comes.
    arriving: Option<WholeReader>,
}

impl Running {
    pub(super) fn new(config: Config) -> Self {
        let counts = ConfigSyncCounts::default();
        Self { config, counts, feeding: None, changes: VecDeque::new(), arriving: None }
    }

    /// An operator has changed it.
    pub(crate) fn changed(&mut self, change: Change<'_>) {
        let Some(mode) = self.feeding else { return };
        let record = match (syncs(change.old, mode), syncs(self.config.redundancy.auto_sync, mode)) {
            (false, false) => return,
            (false, true) => SyncRecord::Whole(self.config.render()),
            (true, _) => {
                let digest = Digest::Sections(self.config.digests());
                SyncRecord::Command { lines: change.lines.to_owned(), digest }
            }
        };
        self.changes.push_back(record);
    }

    /// What release 1.0 is given, where version 1 is spoken.
    fn understood(&self, version: u8) -> Option<Understood> {
        (version == 1).then(|| self.config.for_release_1_0(&self.config.render()))
    }

    /// Lines that a unit which reads this version has no words for, of what it is given.
    pub(super) fn left_out(&self, version: u8) -> Vec<String> {
        let is_given = self.feeding.is_some_and(|mode| syncs(self.config.redundancy.auto_sync, mode));
        let understood = if is_given { self.understood(version) } else { None };
        understood.map(|understood| understood.left_out).unwrap_or_default()
    }

    fn whole(&self, version: u8) -> SyncRecord {
        let text = self.understood(version).map(|understood| understood.text);
        SyncRecord::Whole(text.unwrap_or_else(|| self.config.render()))
    }

    /// Counts what is given.
    fn give(&mut self, record: &SyncRecord) -> Bytes {
        let count = match record {
            SyncRecord::Whole(_) => &mut self.counts.whole,
            SyncRecord::Command { .. } => &mut self.counts.commands,
        };
        *count += 1;
        Bytes::from(record.encode())
    }

    fn follow(&mut self, data: &[u8], more: bool) -> Result<bool, SyncError> {
        if more {
            self.arriving.get_or_insert_default().feed(data)?;
            return Ok(false);
        }
        let whole = match self.arriving.take() {
            Some(mut reader) => {
                reader.feed(data)?;
                self.config = reader.finish()?;
                true
            }
            // The standby is not to have it.
            None if data.is_empty() => return Ok(false),
            None => {
                let record = SyncRecord::decode(data)?;
                self.config.follow(&record)?;
                matches!(record, SyncRecord::Whole(_))
            }
        };
        let count = if whole { &mut self.counts.whole } else { &mut self.counts.commands };
        *count += 1;
        Ok(true)
    }
}

/// Whether a running configuration goes to the standby. SSO cannot do without: a hot standby with another
/// configuration would be none.
fn syncs(sync: AutoSync, mode: Mode) -> bool {
    sync.running_config || mode == Mode::Sso
}

impl Client for Running {
    fn name(&self) -> &'static str {
        "running"
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        let how = progression.takes_over(Code::ActivePreconfig);
        if how.is_some_and(|how| !how.has_configuration()) {
            out.push(Effect::ReadStartup);
        }
        Answer::Done
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(self)
    }

    fn inexpressible(&self, version: u8) -> Option<Inexpressible> {
        let what = "some lines of the running configuration";
        (!self.left_out(version).is_empty()).then_some(Inexpressible { version, what })
    }
}

impl Checkpointed for Running {
    fn member(&self) -> Member {
        let member = Member::new(CfClientId::RUNNING_CONFIG, "running configuration", Mode::RprPlus);
        // 1: what release 1.0 understands of it; 2: all of it, and commands.
        Member { versions: Versions::new(1, 2), awaited: true, in_pieces: true, ..member }
    }

    fn chunk(&mut self, ask: &Ask) -> Chunk {
        self.feeding = Some(ask.mode);
        self.changes.clear();
        let syncs = syncs(self.config.redundancy.auto_sync, ask.mode);
        let data = if syncs { self.give(&self.whole(ask.version)) } else { Bytes::new() };
        Chunk { data, more: false }
    }

    fn change(&mut self, version: u8) -> Result<Option<Bytes>, Lost> {
        let Some(mut record) = self.changes.pop_front() else { return Ok(None) };
        if version == 1 {
            self.changes.clear();
            record = self.whole(version);
        }
        Ok(Some(self.give(&record)))
    }

    fn stop(&mut self) {
        self.feeding = None;
        self.changes.clear();
    }

    /// A standby keeps the one that it has until the whole other one has come.
    fn begin(&mut self) {
        self.arriving = None;
    }

    fn apply(&mut self, record: &[u8], more: bool, _version: u8, out: &mut Vec<Effect>) -> Result<(), Unapplied> {
        let followed = self.follow(record, more);
        if followed.inspect_err(|_| self.counts.failed += 1).map_err(Unapplied::because)? {
            out.push(Effect::Timers);
        }
        Ok(())
    }

    fn digest(&self, _version: u8) -> u64 {
        self.config.digests().iter().fold(0, |all, (_, digest)| mix(all ^ digest))
    }
}
