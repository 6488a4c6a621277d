use super::*;
use crate::{
    plan::Program,
    runtime::{clear, stop},
};
use fabric_proto::deploy::{CardConfig, RedundancyTimers, TlsFiles};
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};
use tempfile::TempDir;

/// A lab whose programs are shell scripts.
struct Stub {
    dir: TempDir,
    runtime: ProcessRuntime,
}

impl Stub {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for program in ["rp", "linecard", "tester"] {
            let path = dir.path().join(program);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let runtime = ProcessRuntime::with_programs("edge", dir.path(), dir.path());
        Self { dir, runtime }
    }

    fn card(&self, id: &str) -> CardPlan {
        let pem = || self.dir.path().join("x.pem");
        let config = CardConfig {
            id: id.parse().unwrap(),
            control: "127.0.0.1:1".parse().unwrap(),
            data: None,
            tls: TlsFiles { ca: pem(), cert: pem(), key: pem() },
            image: PathBuf::new(),
            nvram: self.dir.path().to_owned(),
            cards: Vec::new(),
            redundancy: RedundancyTimers::default(),
            wires: Vec::new(),
            feeds: Vec::new(),
            table: None,
            platform: String::new(),
            modelled: false,
            base_mac: Default::default(),
            releases: Vec::new(),
        };
        CardPlan {
            config,
            program: Program::Rp,
            release: String::new(),
            folder: self.dir.path().to_owned(),
            log: self.dir.path().join("card.log"),
            startup_config: None,
            limits: Default::default(),
        }
    }

    /// Waits for a line in the card's log: the script has come that far.
    async fn said(&self, card: &CardPlan, line: &str) {
        let look = async {
            while !self.runtime.logs(card, 100).await.contains(line) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon(look).await;
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        for found in find::in_dir(self.dir.path()) {
            send(&found.pidfd, Signal::Kill).unwrap();
        }
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("timed out")
}

#[tokio::test]
async fn a_card_is_started_once_killed_and_started_again() {
    let stub = Stub::new("echo up; exec sleep 1000");
    let card = stub.card("edge/pe1/A");
    let id = &card.config.id;
    stub.runtime.start(&card).await.unwrap();
    stub.said(&card, "up").await;
    assert!(matches!(stub.runtime.start(&card).await, Err(RuntimeError::Running(_))));
    assert_eq!(stub.runtime.running().await, vec![id.clone()]);

    let ended = stub.runtime.ended(id);
    let before = fabric::clock::now();
    let at = stub.runtime.signal(id, Signal::Kill).await.unwrap();
    assert!(before <= at && at <= fabric::clock::now());
    soon(ended).await;
    assert!(stub.runtime.running().await.is_empty());
    assert!(matches!(stub.runtime.signal(id, Signal::Kill).await, Err(RuntimeError::NotRunning(_))));
    stub.runtime.start(&card).await.unwrap();
    assert_eq!(stub.runtime.running().await.len(), 1);
}

#[tokio::test]
async fn another_handle_finds_what_runs_by_its_labels_and_removes_it() {
    let stub = Stub::new("exec sleep 1000");
    for id in ["edge/pe1/A", "edge/pe1/2", "edge/t1/tester"] {
        stub.runtime.start(&stub.card(id)).await.unwrap();
    }
    let later = ProcessRuntime::new("edge", stub.dir.path());
    let mut running = later.running().await;
    running.sort();
    assert_eq!(
        running.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["edge/pe1/A", "edge/pe1/2", "edge/t1/tester"]
    );
    assert!(find::labs().contains(&("edge".to_owned(), find::plain(stub.dir.path()))));

    let other = tempfile::tempdir().unwrap();
    assert!(ProcessRuntime::new("edge", other.path()).running().await.is_empty(), "a lab of the same name");
    soon(later.destroy()).await.unwrap();
    assert!(later.running().await.is_empty());
    soon(later.destroy()).await.unwrap();
}

#[tokio::test]
async fn a_paused_card_stands_still_and_can_be_cleared() {
    let stub = Stub::new("exec sleep 1000");
    let card = stub.card("edge/pe1/A");
    let id = &card.config.id;
    stub.runtime.start(&card).await.unwrap();
    let pid = find::in_dir(stub.dir.path()).next().unwrap().pid;
    let state =
        || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().rsplit(") ").next().unwrap()[..1].to_owned();
    stub.runtime.signal(id, Signal::Pause).await.unwrap();
    soon(async {
        while state() != "T" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    stub.runtime.signal(id, Signal::Resume).await.unwrap();
    soon(async {
        while state() == "T" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    stub.runtime.signal(id, Signal::Pause).await.unwrap();
    soon(clear(&stub.runtime, id)).await.unwrap();
    assert!(stub.runtime.running().await.is_empty());
    soon(clear(&stub.runtime, id)).await.unwrap();
}

#[tokio::test]
async fn a_program_that_will_not_end_is_killed() {
    let stub = Stub::new("trap '' TERM; echo deaf; while :; do sleep 0.05; done");
    let card = stub.card("edge/pe1/A");
    stub.runtime.start(&card).await.unwrap();
    stub.said(&card, "deaf").await;
    soon(stop(&stub.runtime, &card.config.id)).await.unwrap();
    assert!(stub.runtime.running().await.iter().all(|id| *id != card.config.id));
}

#[tokio::test]
async fn a_log_shows_its_last_lines() {
    let stub = Stub::new("seq 1 5000; echo cause >&2");
    let card = stub.card("edge/pe1/A");
    stub.runtime.start(&card).await.unwrap();
    stub.said(&card, "cause").await;
    assert_eq!(stub.runtime.logs(&card, 3).await, "4999\n5000\ncause");
}

#[tokio::test]
async fn a_missing_program_says_where_it_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::with_programs("edge", dir.path(), dir.path());
    let error = runtime.start_shelf(&dir.path().join("log")).unwrap_err();
    assert!(matches!(&error, RuntimeError::NoProgram { program, .. } if program == "swact"), "{error}");
}

/// A card whose program is taken the place of by one that does what `script` does.
async fn with_heir(script: &str) -> (Stub, CardPlan, Heir) {
    let stub = Stub::new("echo up; exec sleep 1000");
    let mut card = stub.card("edge/pe1/A");
    stub.runtime.start(&card).await.unwrap();
    stub.said(&card, "up").await;
    let release = stub.dir.path().join("2.0");
    fs::create_dir_all(&release).unwrap();
    // The release has no program of its own: it shares this one. The card goes on with the file that it has open.
    let program = stub.dir.path().join("rp");
    fs::remove_file(&program).unwrap();
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    card.release = "2.0".to_owned();
    card.config.image = release.join("manifest.yml");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/2.0/manifest.yml");
    fs::copy(manifest, &card.config.image).unwrap();
    let heir = stub.runtime.take_over(&card).await.unwrap();
    (stub, card, heir)
}

#[tokio::test]
async fn what_has_become_of_an_heir_it_says_itself() {
    let (stub, card, heir) = with_heir("echo of the holder; echo mine >&2; exit 2").await;
    let farewell = soon(heir.ended).await.unwrap();
    assert_eq!((farewell.why.as_str(), farewell.refused), ("mine", true));
    // Its words are in the card's log, and the card is told what it was told.
    stub.said(&card, "mine").await;
    assert!(!stub.dir.path().join(CONFIG_FILE).exists());
    let (_stub, _card, heir) = with_heir("kill -SEGV $$").await;
    let farewell = soon(heir.ended).await.unwrap();
    assert!(farewell.why.contains("signal: 11") && !farewell.refused, "{farewell:?}");
}

#[tokio::test]
async fn a_slot_is_cleared_of_an_heir_too() {
    let (stub, card, heir) = with_heir("exec sleep 1000").await;
    let id = &card.config.id;
    assert_eq!(stub.runtime.find(id).len(), 2);
    assert_eq!(stub.runtime.running().await, std::slice::from_ref(id), "one card");
    soon(clear(&stub.runtime, id)).await.unwrap();
    assert_eq!(stub.runtime.find(id).len(), 0);
    stub.runtime.start(&card).await.unwrap();
    assert!(!soon(heir.ended).await.unwrap().refused);
}

#[tokio::test]
async fn an_heir_that_is_not_wanted_any_more_ends_and_the_card_runs_on() {
    let (stub, card, heir) = with_heir("exec sleep 1000").await;
    heir.end.send(()).unwrap();
    assert!(soon(heir.ended).await.unwrap().why.contains("signal: 9"));
    assert_eq!(stub.runtime.find(&card.config.id).len(), 1);
}

#[tokio::test]
async fn a_program_that_the_system_does_not_start_is_named() {
    let stub = Stub::new("");
    let card = stub.card("edge/pe1/A");
    fs::set_permissions(stub.dir.path().join("rp"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = stub.runtime.start(&card).await.unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("/rp' cannot be started"), "{error}");
}
