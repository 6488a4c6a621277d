//! The RP's non-volatile memory: a directory that survives restarts.
//!
//! `startup-config` and `startup-config.bak` are sealed by [`rp_core::nvram`]; `epoch` holds the
//! highest epoch seen, and whether this unit was fenced in it; `issu` how far a software upgrade is. Every file is replaced by write, fsync, rename, fsync of the directory, so
//! that whatever happens in between leaves a whole file (design rule: never half a file).

use fabric_proto::{
    id::{Epoch, RpSlot},
    operator::{CrashPoint, StorageFault},
};
use rp_core::{nvram, redundancy::LastTerm};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

const STARTUP: &str = "startup-config";
const BACKUP: &str = "startup-config.bak";
/// The text of a startup configuration that was not understood as a whole.
const REJECTED: &str = "startup-config.rejected";
const EPOCH: &str = "epoch";
/// How far a software upgrade is.
const UPGRADE: &str = "issu";
/// After the epoch, where another unit rules in it.
const FENCED: &str = "fenced";
/// The armed crash point: it survives the restart that leads to it.
const CRASH_POINT: &str = "crash-point";
/// What a fault filled the configuration's room with.
const FILLER: &str = "startup-config.filler";
/// Ending of a copy that a fault put aside before it damaged it.
const ASIDE: &str = ".aside";
/// Room for the copies of the startup configuration, bytes: thousands of interfaces' worth.
const CAPACITY: u64 = 16 << 20;
const CRASHINFO: &str = "crashinfo_RP_";
/// Dumps kept: NVRAM is small.
const CRASHINFO_MAX: usize = 4;

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Nvram(PathBuf);

#[cfg(test)]
impl Nvram {
    /// Makes its disk slow: what the writer does takes so long from here on.
    pub(crate) fn slow_down(&self, by: std::time::Duration) {
        fs::write(self.0.join("slow"), by.as_millis().to_string()).unwrap();
    }

    /// How slow its disk is.
    pub(crate) fn slowness(&self) -> std::time::Duration {
        let text = fs::read_to_string(self.0.join("slow")).unwrap_or_default();
        std::time::Duration::from_millis(text.parse().unwrap_or_default())
    }
}

impl Nvram {
    /// Opens it, and makes it if it is new.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self(dir.to_owned()))
    }

    /// The startup configuration: the sealed one; the backup where that is damaged; a plain text
    /// file put there by hand or at deployment when nothing was ever saved.
    pub(crate) fn startup(&self) -> io::Result<Option<String>> {
        let primary = read(&self.0.join(STARTUP))?;
        let backup = read(&self.0.join(BACKUP))?;
        let recovered = nvram::choose(primary.as_deref(), backup.as_deref());
        if let Some(complaint) = &recovered.complaint {
            tracing::warn!(%complaint, "startup configuration");
        }
        match recovered.text {
            Some(text) => Ok(Some(text)),
            None => {
                Ok(read(&self.0.join("startup-config.cfg"))?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
            }
        }
    }

    /// Saves the startup configuration: the copy that is valid now becomes the backup first.
    ///
    /// With `torn`, the program crashes when half of the new copy is written.
    pub(crate) fn save_startup(&self, text: &str, torn: bool) -> io::Result<()> {
        let sealed = nvram::seal(text);
        if torn {
            self.tear(&sealed)?;
        }
        let used = self.length(STARTUP) + self.length(FILLER);
        if used + sealed.len() as u64 > CAPACITY {
            let why = format!("no room: {used} of {CAPACITY} bytes are used, {} are needed", sealed.len());
            return Err(io::Error::new(ErrorKind::StorageFull, why));
        }
        if let Some(current) = read(&self.0.join(STARTUP))?.filter(|bytes| nvram::open(bytes).is_ok()) {
            self.replace(BACKUP, &current)?;
        }
        self.replace(STARTUP, &sealed)
    }

    /// Keeps the text of a startup configuration that was not understood as a whole, whatever is saved later.
    pub(crate) fn set_aside(&self, text: &str) -> io::Result<()> {
        if read(&self.0.join(REJECTED))?.is_some_and(|kept| kept == text.as_bytes()) {
            return Ok(());
        }
        self.replace(REJECTED, text.as_bytes())
    }

    /// Writes half a copy, as a crash in the middle of a save leaves it, and crashes.
    fn tear(&self, sealed: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.0.join(format!("{STARTUP}.new")))?;
        file.write_all(&sealed[..sealed.len() / 2])?;
        file.sync_all()?;
        self.crash()
    }

    /// Disarms, and ends the program as a defect would. Returns only when the point could not be disarmed: a
    /// program that crashes for ever is of no use to anybody.
    pub(crate) fn crash(&self) -> io::Result<()> {
        self.arm(None)?;
        tracing::error!("crash point reached");
        std::process::abort();
    }

    /// Remembers where to crash; `None` forgets it.
    pub(crate) fn arm(&self, point: Option<CrashPoint>) -> io::Result<()> {
        match point {
            Some(point) => self.replace(CRASH_POINT, point.name().as_bytes()),
            None => remove(&self.0.join(CRASH_POINT)),
        }
    }

    /// Where to crash. What is no crash point is none.
    pub(crate) fn armed(&self) -> Option<CrashPoint> {
        fs::read_to_string(self.0.join(CRASH_POINT)).ok()?.parse().ok()
    }

    /// Does a fault to the copies of the startup configuration, or repairs what faults did.
    pub(crate) fn fault(&self, fault: StorageFault) -> io::Result<()> {
        match fault {
            StorageFault::Corrupt => [STARTUP, BACKUP].into_iter().try_for_each(|name| self.damage(name)),
            StorageFault::Fill => File::create(self.0.join(FILLER))?.set_len(CAPACITY),
            StorageFault::Repair => {
                remove(&self.0.join(FILLER))?;
                [STARTUP, BACKUP].into_iter().try_for_each(|name| self.put_back(name))
            }
        }
    }

    fn damage(&self, name: &str) -> io::Result<()> {
        // What is damaged already stays as it is, and what lies aside is still the last whole copy.
        let Some(mut bytes) = read(&self.0.join(name))?.filter(|bytes| nvram::open(bytes).is_ok()) else {
            return Ok(());
        };
        self.replace(&format!("{name}{ASIDE}"), &bytes)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        self.replace(name, &bytes)
    }

    /// A copy that was saved anew since it was damaged is better than the one aside.
    fn put_back(&self, name: &str) -> io::Result<()> {
        let aside = self.0.join(format!("{name}{ASIDE}"));
        let whole = read(&self.0.join(name))?.is_some_and(|bytes| nvram::open(&bytes).is_ok());
        if whole {
            return remove(&aside);
        }
        match fs::rename(&aside, self.0.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn length(&self, name: &str) -> u64 {
        fs::metadata(self.0.join(name)).map_or(0, |file| file.len())
    }

    /// What this RP remembers of terms: one line, the epoch's number, and `fenced` where it was. A damaged file is none.
    pub(crate) fn term(&self) -> io::Result<LastTerm> {
        let line = read(&self.0.join(EPOCH))?.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (number, fenced) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let term = |epoch| LastTerm { epoch: Epoch(epoch), fenced: fenced == FENCED };
        Ok(number.parse().map(term).unwrap_or_default())
    }

    /// What this RP remembers of a software upgrade.
    pub(crate) fn upgrade(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.0.join(UPGRADE))
    }

    /// Remembers how far a software upgrade is.
    pub(crate) fn save_upgrade(&self, kept: &[u8]) -> io::Result<()> {
        self.replace(UPGRADE, kept)
    }

    /// Remembers a term.
    pub(crate) fn save_term(&self, term: LastTerm) -> io::Result<()> {
        let fenced = if term.fenced { format!(" {FENCED}") } else { String::new() };
        self.replace(EPOCH, format!("{}{fenced}\n", term.epoch.0).as_bytes())
    }

    /// Keeps what a run left when it crashed; the file's name says the slot. Only the newest few are kept.
    pub(crate) fn save_crashinfo(&self, slot: RpSlot, boot: u64, text: &str) -> io::Result<PathBuf> {
        // Boots are instants of one clock: names of one length sort by age.
        let name = format!("{CRASHINFO}{slot}_{boot:020}");
        self.replace(&name, text.as_bytes())?;
        let mut kept: Vec<PathBuf> = fs::read_dir(&self.0)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(CRASHINFO)))
            .collect();
        kept.sort();
        for old in kept.iter().rev().skip(CRASHINFO_MAX) {
            fs::remove_file(old)?;
        }
        Ok(self.0.join(name))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.0.join(format!("{name}.new"));
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }
}

/// What is not there is removed.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_understood_outlives_what_is_saved_later() {
        let dir = tempfile::tempdir().unwrap();
        let nvram = Nvram::open(dir.path()).unwrap();
        nvram.set_aside("hostname one\nno such line\n").unwrap();
        nvram.save_startup("hostname two\n", false).unwrap();
        nvram.save_startup("hostname three\n", false).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(REJECTED)).unwrap(), "hostname one\nno such line\n");
    }

    #[test]
    fn a_save_keeps_the_copy_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let nvram = Nvram::open(dir.path()).unwrap();
        assert_eq!(nvram.startup().unwrap(), None);
        nvram.save_startup("hostname one\n", false).unwrap();
        nvram.save_startup("hostname two\n", false).unwrap();
        assert_eq!(nvram.startup().unwrap().as_deref(), Some("hostname two\n"));
        fs::write(dir.path().join(STARTUP), b"torn").unwrap();
        assert_eq!(nvram.startup().unwrap().as_deref(), Some("hostname one\n"));
    }

    #[test]
    fn a_dump_is_named_after_its_slot_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let nvram = Nvram::open(dir.path()).unwrap();
        let files: Vec<PathBuf> =
            (9..15).map(|boot| nvram.save_crashinfo(RpSlot::B, boot, &format!("boot {boot}")).unwrap()).collect();
        assert!(files[0].file_name().unwrap().to_str().unwrap().starts_with("crashinfo_RP_B_"));
        assert_eq!(files.iter().filter(|file| file.exists()).count(), CRASHINFO_MAX);
        assert_eq!(fs::read_to_string(&files[5]).unwrap(), "boot 14");
    }

    #[test]
    fn a_damaged_term_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let nvram = Nvram::open(dir.path()).unwrap();
        for fenced in [true, false] {
            let term = LastTerm { epoch: Epoch(9), fenced };
            nvram.save_term(term).unwrap();
            assert_eq!(nvram.term().unwrap(), term);
        }
        for damaged in [&b"\xff"[..], b"", b"fenced", b"-1 fenced"] {
            fs::write(dir.path().join(EPOCH), damaged).unwrap();
            assert_eq!(nvram.term().unwrap(), LastTerm::default());
        }
    }

    #[test]
    fn a_full_store_refuses_to_save_and_keeps_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let nvram = Nvram::open(dir.path()).unwrap();
        nvram.save_startup("hostname one\n", false).unwrap();
        nvram.fault(StorageFault::Fill).unwrap();
        assert_eq!(nvram.save_startup("hostname two\n", false).unwrap_err().kind(), ErrorKind::StorageFull);
        nvram.save_term(LastTerm { epoch: Epoch(3), fenced: false }).unwrap();
        assert_eq!(nvram.startup().unwrap().as_deref(), Some("hostname one\n"));
        nvram.fault(StorageFault::Repair).unwrap();
        nvram.save_startup("hostname two\n", false).unwrap();
        assert_eq!(nvram.startup().unwrap().as_deref(), Some("hostname two\n"));
    }

    #[test]
    fn damage_is_noticed_and_repaired() {
        let dir = tempfile::tempdir().unwrap();
        let nvram = Nvram::open(dir.path()).unwrap();
        nvram.save_startup("hostname one\n", false).unwrap();
        for _ in 0..2 {
            nvram.fault(StorageFault::Corrupt).unwrap();
            assert_eq!(nvram.startup().unwrap(), None);
        }
        nvram.fault(StorageFault::Repair).unwrap();
        assert_eq!(nvram.startup().unwrap().as_deref(), Some("hostname one\n"));
        // What was saved after the damage is newer than what was put aside.
        nvram.fault(StorageFault::Corrupt).unwrap();
        nvram.save_startup("hostname two\n", false).unwrap();
        nvram.fault(StorageFault::Repair).unwrap();
        assert_eq!(nvram.startup().unwrap().as_deref(), Some("hostname two\n"));
    }

    #[test]
    fn an_armed_crash_point_survives_until_it_is_disarmed() {
        let dir = tempfile::tempdir().unwrap();
        let nvram = Nvram::open(dir.path()).unwrap();
        assert_eq!(nvram.armed(), None);
        nvram.arm(Some(CrashPoint::Adoption)).unwrap();
        assert_eq!(Nvram::open(dir.path()).unwrap().armed(), Some(CrashPoint::Adoption));
        nvram.arm(None).unwrap();
        nvram.arm(None).unwrap();
        assert_eq!(nvram.armed(), None);
    }
}
