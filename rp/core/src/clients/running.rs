//! The running configuration: whole in bulk, then what is typed.
//!
//! "In effect, the command is run on both" (`config/sync.rs`).

use crate::{
    cli::ConfigSyncCounts,
    config::{AutoSync, Config, Digest, SyncError, SyncRecord, WholeReader},
};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::CfClientId,
    random::mix,
    redundancy::{Code, Mode},
    time::Instant,
};
use rp_contract::{Answer, Ask, Checkpointed, Chunk, Client, Effect, Lost, Member, Progression, Unapplied};
use std::collections::VecDeque;

/// A change that an operator made.
pub(crate) struct Change<'a> {
    /// What was typed, with what leads into its mode.
    pub(crate) lines: &'a str,
    /// What was synchronised before it.
    pub(crate) old: AutoSync,
    /// What the configuration comes to after it, as the standby's release compares it.
    pub(crate) digest: Digest,
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
            (false, true) => self.whole(),
            (true, _) => {
                self.counts.commands += 1;
                SyncRecord::Command { lines: change.lines.to_owned(), digest: change.digest }
            }
        };
        self.changes.push_back(record);
    }

    fn whole(&mut self) -> SyncRecord {
        self.counts.whole += 1;
        SyncRecord::Whole(self.config.render())
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
}

impl Checkpointed for Running {
    fn member(&self) -> Member {
        Member {
            awaited: true,
            in_pieces: true,
            ..Member::new(CfClientId::RUNNING_CONFIG, "running configuration", Mode::RprPlus)
        }
    }

    fn chunk(&mut self, ask: &Ask) -> Chunk {
        self.feeding = Some(ask.mode);
        self.changes.clear();
        let syncs = syncs(self.config.redundancy.auto_sync, ask.mode);
        Chunk { data: if syncs { Bytes::from(self.whole().encode()) } else { Bytes::new() }, more: false }
    }

    fn change(&mut self, _version: u8) -> Result<Option<Bytes>, Lost> {
        Ok(self.changes.pop_front().map(|record| Bytes::from(record.encode())))
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

    fn digest(&self) -> u64 {
        self.config.digests().iter().fold(0, |all, (_, digest)| mix(all ^ digest))
    }
}
