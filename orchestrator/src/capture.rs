//! `swact capture`: copies of packets that line cards make, as a file that others read.
//!
//! A task for each place asks its card, and asks the card's next life when it has died. What they bring is made into a file in
//! one place, in the order in which it comes.

pub mod file;
pub mod filter;
pub mod place;
pub mod wires;

pub use file::{Counted, File, FileError};
pub use place::{Place, places};

use fabric_proto::{
    capture::{CaptureOrder, Captured, Filter},
    operator::{Reply, Request},
};
use lab::{Lab, LabError};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

/// Batches of copies that wait for the file: what does not fit waits in the cards, who count what they cannot keep.
const WAITING: usize = 4;
/// Between looks at a card that does not answer.
const BREATH: Duration = Duration::from_millis(50);

/// What is heard of a place.
#[derive(Debug)]
pub enum Heard {
    /// Copies.
    Copies(Captured),
    /// The card makes copies from now on.
    Begun,
    /// The card has ended, or its program.
    Lost,
    /// There is no such lab any more.
    Gone,
    /// It cannot be done.
    Failed(LabError),
}

/// A capture that runs. Dropping it ends it.
pub struct Capture {
    heard: mpsc::Receiver<(usize, Heard)>,
    tasks: JoinSet<()>,
}

impl Capture {
    /// Begins to look at each of the places.
    pub fn start(lab: &Arc<Lab>, places: &[Place], filter: &Filter, keep: u16) -> Self {
        let (tell, heard) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        for (number, place) in places.iter().cloned().enumerate() {
            let order = CaptureOrder { point: place.point, filter: filter.clone(), keep };
            let watch = Watch { lab: Arc::clone(lab), place, order, number, tell: tell.clone() };
            tasks.spawn(watch.run());
        }
        Self { heard, tasks }
    }

    /// What is heard next, and of which place.
    pub async fn next(&mut self) -> Option<(usize, Heard)> {
        self.heard.recv().await
    }

    /// Ends it; what was under way is lost.
    pub async fn stop(mut self) {
        drop(self.heard);
        self.tasks.shutdown().await;
    }
}

/// One place's task.
struct Watch {
    lab: Arc<Lab>,
    place: Place,
    order: CaptureOrder,
    number: usize,
    tell: mpsc::Sender<(usize, Heard)>,
}

impl Watch {
    async fn run(self) {
        let mut lost = false;
        loop {
            match self.life().await {
                Ok(began) => {
                    if began || !lost {
                        lost = true;
                        self.say(Heard::Lost).await;
                    }
                }
                Err(error) => return self.say(Heard::Failed(error)).await,
            }
            if !self.lab.is_there() {
                return self.say(Heard::Gone).await;
            }
            if self.tell.is_closed() {
                return;
            }
            sleep(BREATH).await;
        }
    }

    async fn say(&self, heard: Heard) {
        // An error says that nobody listens any more.
        let _ = self.tell.send((self.number, heard)).await;
    }

    /// Copies of one life of the card: whether there were any to be had.
    async fn life(&self) -> Result<bool, LabError> {
        let card = &self.place.card;
        let mut stream = match self.lab.stream(card, Request::Capture(self.order.clone())).await {
            Ok(stream) => stream,
            Err(error) if error.is_passing() => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut began = false;
        loop {
            match stream.next().await {
                Ok(Some(Reply::Started(_))) => {
                    began = true;
                    self.say(Heard::Begun).await;
                }
                Ok(Some(Reply::Captured(copies))) => self.say(Heard::Copies(copies)).await,
                Ok(Some(Reply::Refused(why))) => {
                    return Err(LabError::Refused { card: card.clone(), why });
                }
                Ok(Some(other)) => {
                    return Err(LabError::Answer { card: card.clone(), answer: format!("{other:?}") });
                }
                Ok(None) => return Ok(began),
                Err(error) if error.is_passing() => return Ok(began),
                Err(error) => return Err(error),
            }
        }
    }
}
