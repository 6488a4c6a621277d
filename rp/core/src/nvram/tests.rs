use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const OLD: &str = "hostname old\n";
const NEW: &str = "hostname new\nredundancy\n mode sso\n";

#[test]
fn the_format_is_stable() {
    assert_eq!(seal("hostname pe1\n"), b"swact-nvram 1 13 61f28cf8\nhostname pe1\n");
    assert_eq!(open(b"swact-nvram 2 0 00000000\n"), Err(NvramError::Version { found: 2 }));
    assert_eq!(open(b""), Err(NvramError::Header));
}

#[test]
fn the_primary_is_preferred_and_damage_is_told() {
    let (old, new) = (seal(OLD), seal(NEW));
    let torn = &new[..new.len() - 3];
    assert_eq!(choose(None, None), Recovered { text: None, from: None, complaint: None });
    let both = choose(Some(&new), Some(&old));
    assert_eq!((both.text.as_deref(), both.from, both.complaint), (Some(NEW), Some(Copy::Primary), None));
    let fallen_back = choose(Some(torn), Some(&old));
    assert_eq!((fallen_back.text.as_deref(), fallen_back.from), (Some(OLD), Some(Copy::Backup)));
    assert!(fallen_back.complaint.unwrap().starts_with("startup-config: "));
    let none = choose(Some(torn), None);
    assert_eq!(none.text, None);
    assert!(none.complaint.unwrap().contains("startup-config.bak is missing"));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_detected() {
    let sealed = seal(NEW);
    for len in 0..sealed.len() {
        assert!(open(&sealed[..len]).is_err(), "cut to {len} bytes");
    }
    for bit in 0..sealed.len() * 8 {
        let mut damaged = sealed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&damaged).is_err(), "bit {bit}");
    }
}

/// A disk that loses what was not synced: after a power cut, an unsynced file has any part of its
/// content, and a rename that the directory has not synced has happened or has not.
#[derive(Clone, Default)]
struct Disk {
    files: BTreeMap<&'static str, Vec<u8>>,
    temporary: Vec<u8>,
    synced: bool,
    pending: Option<(&'static str, Vec<u8>)>,
}

impl Disk {
    fn perform(&mut self, step: Step, new: &[u8]) {
        match step {
            Step::Write(Copy::Primary) => (self.temporary, self.synced) = (new.to_vec(), false),
            Step::Write(Copy::Backup) => {
                (self.temporary, self.synced) = (self.files.get(PRIMARY_FILE).cloned().unwrap_or_default(), false);
            }
            Step::Sync(_) => self.synced = true,
            Step::Rename(copy) => {
                let mut content = std::mem::take(&mut self.temporary);
                if !self.synced {
                    content.truncate(content.len() / 2);
                }
                self.pending = Some((copy.file(), content));
            }
            Step::SyncDirectory => self.files.extend(self.pending.take()),
        }
    }

    fn save(&mut self, text: &str, mut crash: impl FnMut(Step, &Self)) {
        // As the owner does: without a whole primary there is nothing to back up.
        let whole = self.files.get(PRIMARY_FILE).is_some_and(|bytes| open(bytes).is_ok());
        for step in SAVE.into_iter().skip(if whole { 0 } else { 4 }) {
            self.perform(step, &seal(text));
            crash(step, self);
        }
    }

    /// What is recovered from all disks that a power cut can leave now.
    fn after_crash(&self) -> Vec<Recovered> {
        let mut disks = vec![self.files.clone()];
        if let Some((name, content)) = self.pending.clone() {
            let mut renamed = self.files.clone();
            renamed.insert(name, content);
            disks.push(renamed);
        }
        let copy = |disk: &BTreeMap<_, Vec<u8>>, name| disk.get(name).cloned();
        disks
            .iter()
            .map(|disk| choose(copy(disk, PRIMARY_FILE).as_deref(), copy(disk, BACKUP_FILE).as_deref()))
            .collect()
    }
}

#[test]
fn a_crash_after_any_step_leaves_a_whole_configuration() {
    let mut disk = Disk::default();
    let mut before: Option<&str> = None;
    for text in [OLD, NEW, "hostname third\n"] {
        disk.save(text, |step, disk| {
            for recovered in disk.after_crash() {
                let found = recovered.text.as_deref();
                assert!(found == before || found == Some(text), "after {step:?}: {found:?}");
            }
        });
        assert!(disk.after_crash().iter().all(|recovered| recovered.text.as_deref() == Some(text)));
        before = Some(text);
    }
    // A primary that rots falls back to the configuration before, and the next save mends it.
    disk.files.insert(PRIMARY_FILE, b"swact-nvram 1 9 0".to_vec());
    assert!(disk.after_crash().iter().all(|recovered| recovered.text.as_deref() == Some(NEW)));
    disk.save(OLD, |step, disk| {
        for recovered in disk.after_crash() {
            assert!([Some(NEW), Some(OLD)].contains(&recovered.text.as_deref()), "after {step:?}");
        }
    });
}

#[test]
fn the_model_knows_torn_writes() {
    let mut disk = Disk::default();
    for step in SAVE.into_iter().skip(4).filter(|step| !matches!(step, Step::Sync(_))) {
        disk.perform(step, &seal(OLD));
    }
    assert!(disk.after_crash().iter().all(|recovered| recovered.text.is_none() && recovered.complaint.is_some()));
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "\\PC*\n?") {
        prop_assert_eq!(open(&seal(&text)), Ok(text));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = open(&bytes);
        let _ = choose(Some(&bytes), None);
    }

    #[test]
    fn a_damaged_length_does_not_panic(len in any::<u64>(), text in "[a-z]{0,9}") {
        let _ = open(format!("swact-nvram 1 {len} 00000000\n{text}").as_bytes());
    }
}
