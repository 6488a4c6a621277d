//! The side of the program that takes the other one's place.

use super::{FromHeir, FromHolder, LinkLeft, PortLeft, SILENCE, Standing, VERSIONS};
use crate::{
    counters::Counters,
    fib_sync::{FibCopy, UpdateError},
    linecard::{LineCard, LineCardConfig},
};
use fabric_proto::{id::CardId, machine::Machine, operator::Event, time::Instant};

/// What can happen to an heir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The connection is there.
    Connected,
    /// The holder said something.
    Heard(FromHolder),
    /// The holder has gone, or cannot be understood.
    Gone(String),
}

/// What an heir asks of its shell.
#[derive(Debug)]
pub enum Output {
    /// Say something to the holder.
    Say(FromHeir),
    /// The estate is whole and right. The card is this program's once it has said [`FromHeir::Taken`].
    Take(Box<Estate>),
    /// There is no card to be had: the holder keeps it.
    Fail(HeirError),
}

/// All that a card consists of, but for the sockets.
#[derive(Debug)]
pub struct Estate {
    /// The control side.
    pub card: LineCard,
    /// Packet counters.
    pub counters: Counters,
    /// Resets since the card was started.
    pub resets: u32,
    /// The newest events.
    pub events: Vec<Event>,
    /// Ports with carrier.
    pub ports: Vec<PortLeft>,
    /// Links that were up.
    pub links: Vec<LinkLeft>,
    /// Release of the program before.
    pub release: String,
}

/// What was told does not come to what the holder has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Differs {
    /// The table.
    #[error("the table has {ours:?} routes here and {theirs:?} there, or others")]
    Table {
        /// IPv4 and IPv6 routes here.
        ours: [u64; 2],
        /// And at the holder's.
        theirs: [u64; 2],
    },
    /// Packets.
    #[error("queues hold {queued} packets, and {held} are neither sent nor dropped")]
    Packets {
        /// In queues.
        queued: u64,
        /// By the counters.
        held: i128,
    },
    /// Ports or links.
    #[error("{0} ports and links were announced, and others came")]
    Parts(u32),
}

/// Why an heir has no card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeirError {
    /// The holder does not want to, and says what to do.
    #[error("the running program keeps its card: {0}")]
    Refused(String),
    /// The holder has ended, or does not answer.
    #[error("the running program does not hand over: {0}")]
    Gone(String),
    /// The holder does not keep to the protocol.
    #[error("the running program spoke out of turn: {0}: reset the card to change its release")]
    OutOfTurn(&'static str),
    /// A version that was not offered.
    #[error("the running program chose version {0}, which was not offered: reset the card to change its release")]
    Version(u8),
    /// A part that cannot be applied.
    #[error("the running program's table cannot be loaded: {0}: reset the card to change its release")]
    Part(#[from] UpdateError),
    /// The estate is not whole.
    #[error("what was handed over is not what the running program has: {0}: it keeps its card")]
    Differs(#[from] Differs),
}

/// A hand-over as its heir sees it.
#[derive(Debug)]
pub struct Heir {
    card: CardId,
    release: String,
    config: LineCardConfig,
    /// The table, which grows while the holder forwards.
    fib: FibCopy,
    phase: Phase,
    theirs: String,
    until: Instant,
}

#[derive(Debug)]
enum Phase {
    Asking,
    Loading,
    Inheriting(Box<Left>),
    Over,
}

/// What the holder has said of the rest so far.
#[derive(Debug)]
struct Left {
    standing: Box<Standing>,
    counters: Box<Counters>,
    resets: u32,
    events: Vec<Event>,
    ports: Vec<PortLeft>,
    links: Vec<LinkLeft>,
}

impl Heir {
    /// An heir for `card`, of `release`, at `now`.
    pub fn new(now: Instant, card: CardId, release: String, config: LineCardConfig) -> Self {
        let fib = FibCopy::new(config.slot);
        Self { card, release, config, fib, phase: Phase::Asking, theirs: String::new(), until: now + SILENCE }
    }

    fn heard(&mut self, now: Instant, word: FromHolder, out: &mut Vec<Output>) -> Result<(), HeirError> {
        match (&mut self.phase, word) {
            (Phase::Over, _) => {}
            (_, FromHolder::Refused { why }) => return Err(HeirError::Refused(why)),
            (Phase::Asking, FromHolder::Welcome { version, release }) => {
                if !VERSIONS.contains(version) {
                    return Err(HeirError::Version(version));
                }
                self.theirs = release;
                self.phase = Phase::Loading;
            }
            (Phase::Loading, FromHolder::Part(update)) => {
                self.fib.apply(&update)?;
                out.push(Output::Say(FromHeir::Loaded { number: update.number }));
            }
            (Phase::Loading, FromHolder::Standing { standing, counters, resets, events }) => {
                let (ports, links) = (Vec::new(), Vec::new());
                self.phase = Phase::Inheriting(Box::new(Left { standing, counters, resets, events, ports, links }));
            }
            (Phase::Inheriting(left), FromHolder::Port(port)) => left.ports.push(port),
            (Phase::Inheriting(left), FromHolder::Link(link)) => left.links.push(link),
            (Phase::Inheriting(_), FromHolder::End { ports, links }) => {
                let Phase::Inheriting(left) = std::mem::replace(&mut self.phase, Phase::Over) else { return Ok(()) };
                out.push(Output::Take(Box::new(self.inherit(now, *left, (ports, links))?)));
            }
            (Phase::Asking, _) => return Err(HeirError::OutOfTurn("before its welcome")),
            (Phase::Loading, _) => return Err(HeirError::OutOfTurn("while it told its table")),
            (Phase::Inheriting(_), _) => return Err(HeirError::OutOfTurn("after its table")),
        }
        Ok(())
    }

    fn inherit(&mut self, now: Instant, left: Left, announced: (u16, u16)) -> Result<Estate, HeirError> {
        let Left { standing, counters, resets, events, ports, links } = left;
        if (ports.len(), links.len()) != (usize::from(announced.0), usize::from(announced.1)) {
            return Err(Differs::Parts(u32::from(announced.0) + u32::from(announced.1)).into());
        }
        let unsent = ports.iter().map(|port| &port.unsent).chain(links.iter().map(|link| &link.unsent));
        let queued = unsent.fold(0u64, |sum, unsent| sum.saturating_add(unsent.packets));
        if counters.held() != i128::from(queued) {
            return Err(Differs::Packets { queued, held: counters.held() }.into());
        }
        let fib = std::mem::replace(&mut self.fib, FibCopy::new(self.config.slot));
        let card = LineCard::inherit(self.config, now, &standing, fib)?;
        let release = std::mem::take(&mut self.theirs);
        Ok(Estate { card, counters: *counters, resets, events, ports, links, release })
    }
}

impl Machine for Heir {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Instant, input: Option<Input>, out: &mut Vec<Output>) {
        if let Phase::Over = self.phase {
            return;
        }
        let done = match input {
            Some(Input::Connected) => {
                let (release, card) = (self.release.clone(), self.card.clone());
                let versions = (VERSIONS.oldest(), VERSIONS.newest());
                out.push(Output::Say(FromHeir::Ask { versions, release, card }));
                Ok(())
            }
            Some(Input::Heard(word)) => {
                self.until = now + SILENCE;
                self.heard(now, word, out)
            }
            Some(Input::Gone(why)) => Err(HeirError::Gone(why)),
            None if now >= self.until => Err(HeirError::Gone(format!("it said nothing for {} s", SILENCE.as_secs()))),
            None => Ok(()),
        };
        if let Err(error) = done {
            self.phase = Phase::Over;
            out.push(Output::Fail(error));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Asking | Phase::Loading | Phase::Inheriting(_) => Some(self.until),
            Phase::Over => None,
        }
    }
}
