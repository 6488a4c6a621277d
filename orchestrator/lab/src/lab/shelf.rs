//! The shelf: the process that stands for the chassis' backplane.
//!
//! It resets a slot, or the whole chassis, when the RP in charge asks for it, and does nothing else: a card that
//! was killed or ended by itself stays down. An RP that an active one of a higher epoch has fenced has no say.

use super::{LabError, LabEvent, event::Hub, files, layout, link::Operator, slot::Slots};
use crate::{
    plan::LabPlan,
    runtime::{self, Runtime},
};
use fabric_proto::{
    id::{CardId, Epoch},
    operator::EventKind,
    time::Instant,
};
use std::{collections::BTreeMap, fmt, fs::File, path::Path, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};

/// The hidden `swact shelf DIR`: obeys `ResetSlot` and `ResetChassis` until it is told to end. A second shelf
/// for the same lab waits until the first is gone.
pub fn shelf(dir: &Path) -> Result<(), LabError> {
    let plan = layout::read_plan(dir)?;
    let path = layout::shelf_lock(&plan.dir);
    let lock = files::open(&path).map_err(layout::wrong(&path))?;
    lock.lock().map_err(layout::wrong(&path))?;
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(layout::wrong(dir))?;
    executor.block_on(async {
        let mut end = signal(SignalKind::terminate()).map_err(layout::wrong(dir))?;
        let runtime = runtime::of_plan(&plan).await?;
        let shelf = Shelf::open(plan, Arc::clone(&runtime))?;
        tokio::select! {
            () = shelf.run() => {}
            () = runtime.watch() => {}
            _ = end.recv() => {}
        }
        Ok(())
    })
}

/// Whether the lab in `dir` has a shelf.
pub(super) fn is_up(dir: &Path) -> Result<bool, LabError> {
    let path = layout::shelf_lock(dir);
    let file = match File::options().write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(layout::wrong(&path)(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(std::fs::TryLockError::WouldBlock) => Ok(true),
        Err(std::fs::TryLockError::Error(error)) => Err(layout::wrong(&path)(error)),
    }
}

struct Shelf {
    plan: Arc<LabPlan>,
    operator: Operator,
    slots: Slots,
    hub: Arc<Hub>,
    /// What was asked before is done, or was the business of an earlier shelf.
    since: Instant,
}

impl Shelf {
    fn open(plan: LabPlan, runtime: Arc<dyn Runtime>) -> Result<Self, LabError> {
        let since = fabric::clock::now();
        let (plan, hub) = (Arc::new(plan), Arc::new(Hub::default()));
        let operator = Operator::connect(&plan, Arc::clone(&runtime), &hub)?;
        Ok(Self { slots: Slots::new(Arc::clone(&plan), runtime), plan, operator, hub, since })
    }

    async fn run(&self) {
        // With history, to know the epochs.
        let mut events = self.hub.subscribe(true);
        let mut terms = Terms::default();
        while let Some(event) = events.recv().await {
            terms.learn(&event);
            if event.event.at < self.since {
                continue;
            }
            let Some(order) = Order::from_event(&event) else { continue };
            if self.is_fenced(&event.card, &terms).await {
                tracing::warn!(rp = %event.card, "a fenced route processor asks to {order}: not obeyed");
                continue;
            }
            tracing::info!(rp = %event.card, "{order}");
            if let Err(error) = self.obey(&event.card, &order).await {
                tracing::error!("{order}: {error}");
            }
        }
    }

    async fn obey(&self, rp: &CardId, order: &Order) -> Result<(), LabError> {
        match order {
            Order::Slot(id, release) => self.slots.reset(id, release.as_deref()).await.map(|_| ()),
            Order::Chassis => self.slots.reset_chassis(&rp.node).await,
        }
    }

    /// Whether another RP of the chassis holds a later term and lives to hold it. Asked only where a later term was
    /// seen, so that an ordinary reset waits for nobody.
    async fn is_fenced(&self, rp: &CardId, terms: &Terms) -> bool {
        for other in self.plan.rps(&rp.node).filter(|other| *other != rp) {
            if terms.of(other) > terms.of(rp)
                && self.operator.stats(other).await.and_then(|stats| stats.rp).is_some_and(|rp| rp.active)
            {
                return true;
            }
        }
        false
    }
}

/// What an RP asks the backplane for.
#[derive(Debug, PartialEq, Eq)]
enum Order {
    /// With another release from now on, or the one that it has.
    Slot(CardId, Option<String>),
    Chassis,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(id, None) => write!(f, "reset {id}"),
            Self::Slot(id, Some(release)) => write!(f, "reset {id} with release {release}"),
            Self::Chassis => f.write_str("reset the chassis"),
        }
    }
}

impl Order {
    fn from_event(event: &LabEvent) -> Option<Self> {
        match &event.event.kind {
            EventKind::ResetSlot { slot, reason: _, release } => {
                Some(Self::Slot(CardId::card(&event.card.lab, &event.card.node, *slot), release.clone()))
            }
            EventKind::ResetChassis { .. } => Some(Self::Chassis),
            _ => None,
        }
    }
}

/// The latest term that each RP is known to have taken.
#[derive(Debug, Default)]
struct Terms(BTreeMap<CardId, Epoch>);

impl Terms {
    fn learn(&mut self, event: &LabEvent) {
        if let EventKind::TookOver { epoch } | EventKind::Switchover { epoch, .. } = event.event.kind {
            let term = self.0.entry(event.card.clone()).or_default();
            *term = epoch.max(*term);
        }
    }

    fn of(&self, rp: &CardId) -> Epoch {
        self.0.get(rp).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
