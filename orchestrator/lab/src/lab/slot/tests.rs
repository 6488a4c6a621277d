use super::*;
use crate::{
    plan::{LabPlan, Program},
    runtime::Task,
};
use fabric_proto::deploy::{CardConfig, RedundancyTimers, TlsFiles};
use std::{collections::BTreeSet, path::Path, sync::Mutex};
use tempfile::TempDir;

/// A runtime that only takes notes.
#[derive(Debug, Default)]
struct Notes {
    running: Mutex<BTreeSet<CardId>>,
    said: Mutex<Vec<String>>,
}

impl Notes {
    fn say(&self, what: String) {
        self.said.lock().unwrap().push(what);
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

impl Runtime for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn check<'a>(&'a self, _plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn forget<'a>(&'a self, _card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn create<'a>(&'a self, _plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn start<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async {
            let id = card.config.id.clone();
            self.say(format!("start {id}"));
            let fresh = self.running.lock().unwrap().insert(id.clone());
            if fresh { Ok(()) } else { Err(RuntimeError::Running(id)) }
        })
    }

    fn start_node<'a>(&'a self, node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async {
            self.say(format!("start {}", node.id));
            self.running.lock().unwrap().insert(node.id.clone());
            Ok(())
        })
    }

    fn forget_node<'a>(&'a self, _node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn logs_of_node<'a>(&'a self, _node: &'a NodePlan, _lines: usize) -> Task<'a, String> {
        Box::pin(async { String::new() })
    }

    fn signal<'a>(&'a self, card: &'a CardId, signal: Signal) -> Task<'a, Result<Instant, RuntimeError>> {
        Box::pin(async move {
            let mut running = self.running.lock().unwrap();
            if !running.contains(card) {
                return Err(RuntimeError::NotRunning(card.clone()));
            }
            self.say(format!("{signal:?} {card}"));
            if matches!(signal, Signal::Kill | Signal::Terminate) {
                running.remove(card);
            }
            Ok(Instant(1))
        })
    }

    fn ended<'a>(&'a self, _card: &'a CardId) -> Task<'a, ()> {
        Box::pin(async {})
    }

    fn running(&self) -> Task<'_, Vec<CardId>> {
        Box::pin(async { self.running.lock().unwrap().iter().cloned().collect() })
    }

    fn swap_image<'a>(&'a self, _card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn take_over<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<runtime::Heir, RuntimeError>> {
        self.say(format!("take over {}", card.config.id));
        Box::pin(async { Err(RuntimeError::NotRunning(card.config.id.clone())) })
    }

    fn logs<'a>(&'a self, _card: &'a CardPlan, _lines: usize) -> Task<'a, String> {
        Box::pin(async { String::new() })
    }

    fn destroy(&self) -> Task<'_, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }
}

fn card(dir: &Path, id: &str) -> CardPlan {
    let id: CardId = id.parse().unwrap();
    let folder = dir.join(id.to_string().replace('/', "-"));
    fs::create_dir(&folder).unwrap();
    let pem = || folder.join("x.pem");
    let config = CardConfig {
        id,
        control: "127.0.0.1:1".parse().unwrap(),
        data: None,
        tls: TlsFiles { ca: pem(), cert: pem(), key: pem() },
        image: std::path::PathBuf::new(),
        nvram: folder.clone(),
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
    let log = folder.join("log");
    let card = CardPlan {
        config,
        program: Program::Rp,
        release: String::new(),
        folder,
        log,
        startup_config: None,
        limits: Default::default(),
    };
    File::create(layout::slot_lock(&card.folder)).unwrap();
    card
}

struct Chassis {
    _dir: TempDir,
    notes: Arc<Notes>,
    slots: Slots,
}

fn id(text: &str) -> CardId {
    text.parse().unwrap()
}

/// Two cards of one chassis that run, and a tester beside it.
async fn chassis() -> Chassis {
    let dir = tempfile::tempdir().unwrap();
    let cards: Vec<CardPlan> =
        ["edge/t1/tester", "edge/pe1/1", "edge/pe1/A"].iter().map(|id| card(dir.path(), id)).collect();
    let plan = LabPlan {
        lab: "edge".to_owned(),
        dir: dir.path().to_owned(),
        topology: dir.path().to_owned(),
        placement: Default::default(),
        cards,
        chassis: Vec::new(),
        nodes: Vec::new(),
    };
    let notes = Arc::new(Notes::default());
    for card in &plan.cards {
        notes.start(card).await.unwrap();
    }
    notes.said();
    let slots = Slots::new(Arc::new(plan), Arc::clone(&notes) as Arc<dyn Runtime>);
    Chassis { _dir: dir, notes, slots }
}

#[tokio::test]
async fn a_reset_kills_what_runs_and_starts_it_again() {
    let Chassis { notes, slots, .. } = &chassis().await;
    assert!(slots.reset(&id("edge/pe1/1"), None).await.unwrap());
    assert_eq!(notes.said(), ["Kill edge/pe1/1", "start edge/pe1/1"]);
    slots.act(&id("edge/pe1/1"), CardAction::Kill).await.unwrap();
    notes.said();
    assert!(slots.reset(&id("edge/pe1/1"), None).await.unwrap());
    assert_eq!(notes.said(), ["start edge/pe1/1"]);
}

#[tokio::test]
async fn an_empty_slot_stays_empty_until_its_card_is_inserted() {
    let Chassis { notes, slots, .. } = &chassis().await;
    let line_card = id("edge/pe1/1");
    slots.act(&line_card, CardAction::Remove).await.unwrap();
    assert_eq!(notes.said(), ["Kill edge/pe1/1"]);
    assert!(!slots.reset(&line_card, None).await.unwrap());
    slots.reset_chassis("pe1").await.unwrap();
    assert_eq!(notes.said(), ["Kill edge/pe1/A", "start edge/pe1/A"]);
    assert!(matches!(slots.act(&line_card, CardAction::Restart).await, Err(LabError::Empty(_))));
    slots.act(&line_card, CardAction::Insert).await.unwrap();
    assert_eq!(notes.said(), ["start edge/pe1/1"]);
    // Again, with the card in its slot.
    slots.act(&line_card, CardAction::Insert).await.unwrap();
}

#[tokio::test]
async fn a_chassis_goes_down_before_it_comes_up_and_the_tester_is_not_part_of_it() {
    let Chassis { notes, slots, .. } = &chassis().await;
    slots.reset_chassis("pe1").await.unwrap();
    assert_eq!(notes.said(), ["Kill edge/pe1/1", "Kill edge/pe1/A", "start edge/pe1/1", "start edge/pe1/A"]);
}

#[tokio::test]
async fn a_fault_on_what_is_not_there_is_refused() {
    let Chassis { slots, .. } = &chassis().await;
    let line_card = id("edge/pe1/1");
    slots.act(&line_card, CardAction::Kill).await.unwrap();
    let error = slots.act(&line_card, CardAction::Kill).await.unwrap_err();
    assert!(matches!(error, LabError::Runtime(RuntimeError::NotRunning(_))), "{error}");
    assert!(matches!(slots.act(&id("edge/pe1/9"), CardAction::Kill).await, Err(LabError::NoCard(_))));
}
