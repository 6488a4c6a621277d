//! The disk of a route processor: what a write is worth before it is synced, and after a power cut.

use super::Random;
use bytes::Bytes;
use fabric_proto::id::Epoch;
use rp_core::{
    nvram::{self, Copy, Recovered, Step},
    redundancy::LastTerm,
};

/// A file: its content, and whether the content would outlive a power cut.
#[derive(Clone, Debug)]
struct File {
    bytes: Vec<u8>,
    synced: bool,
}

/// A name in the directory: what it names now, and what it would name after a power cut.
#[derive(Clone, Debug, Default)]
struct Name {
    now: Option<File>,
    durable: Option<File>,
}

impl Name {
    fn bytes(&self) -> Option<&[u8]> {
        self.now.as_ref().map(|file| file.bytes.as_slice())
    }

    fn rename(&mut self, file: Option<File>) {
        self.now = file;
    }

    fn replace(&mut self, bytes: Vec<u8>, lying: bool) {
        self.rename(Some(File { bytes, synced: !lying }));
        if !lying {
            self.sync();
        }
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.now);
    }

    /// What a power cut leaves: the name may or may not have reached the disk, the content may be torn.
    fn cut(&mut self, random: &mut Random) {
        let reached = random.below(2) == 0;
        let mut left = if reached { self.now.take() } else { self.durable.take() };
        if let Some(file) = &mut left
            && !file.synced
        {
            let whole = file.bytes.len() as u64;
            file.bytes.truncate(random.below(whole + 1) as usize);
            file.synced = true;
        }
        self.durable.clone_from(&left);
        self.now = left;
    }
}

/// A disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    primary: Name,
    backup: Name,
    epoch: Name,
    upgrade: Name,
    /// Beside the copy that is being written.
    new: Option<File>,
    lying: bool,
}

impl Disk {
    pub(super) fn set_lying(&mut self, lying: bool) {
        self.lying = lying;
        if !lying {
            self.write_back();
        }
    }

    /// Time has passed: even a disk that lies has written everything.
    pub(super) fn write_back(&mut self) {
        for name in self.names() {
            if let Some(file) = &mut name.now {
                file.synced = true;
            }
            name.sync();
        }
    }

    fn names(&mut self) -> [&mut Name; 4] {
        [&mut self.primary, &mut self.backup, &mut self.epoch, &mut self.upgrade]
    }

    pub(super) fn power_cut(&mut self, random: &mut Random) {
        self.new = None;
        for name in self.names() {
            name.cut(random);
        }
    }

    /// The steps that saving the startup configuration takes now.
    pub(super) fn plan(&self) -> impl Iterator<Item = Step> + use<> {
        let whole = self.primary.bytes().is_some_and(|bytes| nvram::open(bytes).is_ok());
        nvram::SAVE.into_iter().skip(if whole { 0 } else { 4 })
    }

    /// Takes one step of saving `text`.
    pub(super) fn step(&mut self, step: Step, text: &str) {
        match step {
            Step::Write(Copy::Backup) => {
                let bytes = self.primary.bytes().unwrap_or_default().to_vec();
                self.new = Some(File { bytes, synced: false });
            }
            Step::Write(Copy::Primary) => self.new = Some(File { bytes: nvram::seal(text), synced: false }),
            Step::Sync(_) => {
                if let Some(file) = &mut self.new {
                    file.synced |= !self.lying;
                }
            }
            Step::Rename(Copy::Backup) => self.backup.rename(self.new.take()),
            Step::Rename(Copy::Primary) => self.primary.rename(self.new.take()),
            Step::SyncDirectory => {
                if !self.lying {
                    self.primary.sync();
                    self.backup.sync();
                }
            }
        }
    }

    pub(super) fn startup(&self) -> Recovered {
        nvram::choose(self.primary.bytes(), self.backup.bytes())
    }

    /// Replaces the term: written beside, synced, renamed.
    pub(super) fn save_term(&mut self, term: LastTerm) {
        let bytes = [&term.epoch.0.to_be_bytes()[..], &[u8::from(term.fenced)]].concat();
        self.epoch.replace(bytes, self.lying);
    }

    /// Replaces what is remembered of a software upgrade, in the same way.
    pub(super) fn save_upgrade(&mut self, kept: &[u8]) {
        self.upgrade.replace(kept.to_vec(), self.lying);
    }

    /// What is remembered of a software upgrade.
    pub(super) fn upgrade(&self) -> Option<Bytes> {
        self.upgrade.bytes().map(Bytes::copy_from_slice)
    }

    /// A damaged term is none.
    pub(super) fn term(&self) -> LastTerm {
        let term = |bytes: &[u8]| {
            let (fenced, epoch) = bytes.split_last()?;
            Some(LastTerm { epoch: Epoch(u64::from_be_bytes(epoch.try_into().ok()?)), fenced: *fenced == 1 })
        };
        self.epoch.bytes().and_then(term).unwrap_or_default()
    }
}
