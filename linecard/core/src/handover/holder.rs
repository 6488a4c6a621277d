//! The side of the program that runs.

use super::{FromHeir, FromHolder, LOAD_MAX, SILENCE, TAKE_MAX, VERSIONS, WINDOW};
use fabric_proto::{
    fib::Batch,
    id::CardId,
    linecard::{FibPart, FibUpdate},
    machine::Machine,
    time::Instant,
    version::Versions,
};

/// What can happen to a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The heir said something.
    Heard(FromHeir),
    /// The heir has gone, or cannot be understood.
    Gone(String),
    /// Answer to [`Output::WantPart`]: a part of the table; `None` when all of it was told.
    Part(Option<(FibPart, Batch)>),
    /// Answer to [`Output::Yield`]: the data side stands still, and was told to the heir; or goes on, and why.
    Yielded(Result<(), String>),
}

/// What a holder asks of its shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Say something to the heir.
    Say(FromHolder),
    /// The next part of the table, as soon as there is time.
    WantPart,
    /// Stop the data side at packet boundaries, tell the rest of the table and all that is left, and answer.
    Yield,
    /// It is over: the connection is closed.
    Over(Ending),
}

/// How a hand-over ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The card is the heir's: this program ends.
    Taken,
    /// The card is this program's, as before.
    Kept {
        /// Why.
        why: String,
    },
}

/// A hand-over as its holder sees it. It begins with the heir's connection.
#[derive(Debug)]
pub struct Holder {
    card: CardId,
    release: String,
    phase: Phase,
    /// When the hand-over is given up.
    until: Instant,
    /// When the table must have been told.
    loaded_by: Instant,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The heir has not asked yet.
    Greeting,
    /// The table is told.
    Loading { told: u64, loaded: u64 },
    /// The data side is about to stand still.
    Yielding,
    /// All was told: the heir has the word.
    Offered,
    /// It is over.
    Over,
}

impl Holder {
    /// Somebody has connected, at `now`, to the program of `card`.
    pub fn new(now: Instant, card: CardId, release: String) -> Self {
        Self { card, release, phase: Phase::Greeting, until: now + SILENCE, loaded_by: now + LOAD_MAX }
    }

    fn heard(&mut self, now: Instant, word: FromHeir, out: &mut Vec<Output>) {
        match (self.phase, word) {
            (Phase::Greeting, FromHeir::Ask { versions, release, card }) => {
                self.asked(versions, &release, &card, out);
            }
            (Phase::Loading { told, loaded }, FromHeir::Loaded { number })
                if number == loaded + 1 && number <= told =>
            {
                self.phase = Phase::Loading { told, loaded: number };
                out.push(Output::WantPart);
            }
            // Of parts that were told with the rest: nobody waits for that.
            (Phase::Offered, FromHeir::Loaded { .. }) => return,
            (Phase::Offered, FromHeir::Taken) => self.over(Ending::Taken, out),
            (Phase::Over, _) => {}
            (_, word) => self.keep(format!("the new program spoke out of turn: {word:?}"), out),
        }
        self.until = now + SILENCE;
    }

    fn asked(&mut self, versions: (u8, u8), release: &str, card: &CardId, out: &mut Vec<Output>) {
        let theirs = Versions::checked(versions.0, versions.1);
        let why = match theirs.map(|theirs| VERSIONS.common(theirs)) {
            _ if *card != self.card => format!("this is {}, not {card}", self.card),
            None => format!("versions {} to {} are no range", versions.0, versions.1),
            Some(None) => format!(
                "release {} hands over in version {VERSIONS}, release {release} takes over in {} to {}: reset the card to \
                 change its release",
                self.release, versions.0, versions.1
            ),
            Some(Some(version)) => {
                self.phase = Phase::Loading { told: 0, loaded: 0 };
                out.push(Output::Say(FromHolder::Welcome { version, release: self.release.clone() }));
                out.push(Output::WantPart);
                return;
            }
        };
        self.keep(why, out);
    }

    /// A part of the table, or word that there is none.
    fn part(&mut self, part: Option<(FibPart, Batch)>, out: &mut Vec<Output>) {
        let Phase::Loading { told, loaded } = self.phase else { return };
        match part {
            Some((kind, batch)) => {
                let number = told + 1;
                self.phase = Phase::Loading { told: number, loaded };
                out.push(Output::Say(FromHolder::Part(FibUpdate { number, kind, batch })));
                if number - loaded < WINDOW {
                    out.push(Output::WantPart);
                }
            }
            // The heir is asked again when it has loaded what is under way: the table may have changed meanwhile.
            None if loaded < told => {}
            None => {
                self.phase = Phase::Yielding;
                out.push(Output::Yield);
            }
        }
    }

    /// The number of the next part.
    pub fn next_number(&self) -> u64 {
        match self.phase {
            Phase::Loading { told, .. } => told + 1,
            Phase::Greeting | Phase::Yielding | Phase::Offered | Phase::Over => 1,
        }
    }

    /// Whether all was told, and the heir has the word.
    pub fn is_offered(&self) -> bool {
        self.phase == Phase::Offered
    }

    fn keep(&mut self, why: String, out: &mut Vec<Output>) {
        out.push(Output::Say(FromHolder::Refused { why: why.clone() }));
        self.over(Ending::Kept { why }, out);
    }

    fn over(&mut self, ending: Ending, out: &mut Vec<Output>) {
        self.phase = Phase::Over;
        out.push(Output::Over(ending));
    }
}

impl Machine for Holder {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Instant, input: Option<Input>, out: &mut Vec<Output>) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            Some(Input::Heard(word)) => self.heard(now, word, out),
            Some(Input::Gone(why)) => self.over(Ending::Kept { why }, out),
            Some(Input::Part(part)) => self.part(part, out),
            Some(Input::Yielded(Ok(()))) => {
                self.phase = Phase::Offered;
                self.until = now + TAKE_MAX;
            }
            Some(Input::Yielded(Err(why))) => self.keep(why, out),
            None => {}
        }
        match self.phase {
            // The data side answers in its own time, which is bounded.
            Phase::Yielding | Phase::Over => {}
            Phase::Greeting | Phase::Loading { .. } | Phase::Offered if now >= self.until => {
                self.keep("the new program does not answer".to_owned(), out);
            }
            Phase::Loading { .. } if now >= self.loaded_by => {
                self.keep("the table changes faster than it can be told: try again later".to_owned(), out);
            }
            Phase::Greeting | Phase::Loading { .. } | Phase::Offered => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Greeting | Phase::Offered => Some(self.until),
            Phase::Loading { .. } => Some(self.until.min(self.loaded_by)),
            Phase::Yielding | Phase::Over => None,
        }
    }
}
