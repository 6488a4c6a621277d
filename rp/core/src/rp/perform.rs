//! What a shell does for a route processor, said once: the program with its sockets and files performs its outputs
//! through this, and so does the simulation.

use super::Output;
use crate::redundancy::LastTerm;
use bytes::Bytes;
use fabric_proto::{
    checkpoint::CfMessage,
    feed::ToFeed,
    id::{InterfaceId, LcSlot},
    linecard::ToLc,
    operator::EventKind,
    redundancy::{Heartbeat, RfMessage},
};

/// Whom a route processor has connections with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The other route processor.
    Peer,
    /// A line card.
    Card(LcSlot),
    /// The route feed.
    Feed,
}

/// What goes over the connections.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// To the peer, as a datagram.
    Heartbeat(Heartbeat),
    /// To the peer's redundancy facility.
    Redundancy(RfMessage),
    /// To the peer's checkpointing facility.
    Checkpoint(CfMessage),
    /// To a line card.
    Card(LcSlot, ToLc),
    /// To the route feed.
    Feed(ToFeed),
}

/// The hands of a route processor.
pub trait Shell {
    /// Why storage that must not fail did.
    type Error;

    /// Sends on the connection that there is; where there is none, nobody hears it.
    fn say(&mut self, said: Said);
    /// Closes a connection.
    fn hang_up(&mut self, remote: Remote);
    /// Dials, and keeps dialling.
    fn dial(&mut self, remote: Remote);
    /// The line cards of the chassis.
    fn line_cards(&self) -> Vec<LcSlot>;
    /// The chassis is this RP's from here on: it passes packets from line card to line card, where its family does.
    fn own(&mut self);
    /// Saves the startup configuration. What is said to the peer's checkpointing facility after it waits until it is saved.
    fn save_startup(&mut self, text: String);
    /// Keeps the text of a startup configuration that was not understood as a whole.
    fn set_aside(&mut self, text: String);
    /// Saves the term; nothing that follows is done before it is safe.
    fn save_term(&mut self, term: LastTerm) -> Result<(), Self::Error>;
    /// Saves how far a software upgrade is; nothing that follows is done before it is safe.
    fn save_upgrade(&mut self, kept: Bytes) -> Result<(), Self::Error>;
    /// Sends a frame by an interface. There is none before the shell has said that it can ([`super::Rp::link_host`]).
    fn inject(&mut self, interface: InterfaceId, frame: Vec<u8>) {
        let _ = (interface, frame);
    }
    /// A command whose answer takes its time is answered ([`super::Rp::awaits`]).
    fn answered(&mut self, session: u64, text: String) {
        let _ = (session, text);
    }
    /// Records an event with its instant.
    fn record(&mut self, event: EventKind);
}

impl Output {
    /// Does it. [`Output::Restart`] is the end of the program, which only the caller can bring about: it is to be looked
    /// for before.
    pub fn perform<S: Shell>(self, shell: &mut S) -> Result<(), S::Error> {
        match self {
            Self::Heartbeat(heartbeat) => shell.say(Said::Heartbeat(heartbeat)),
            Self::Peer(message) => shell.say(Said::Redundancy(message)),
            Self::Checkpoint(message) => shell.say(Said::Checkpoint(message)),
            Self::Lc(slot, message) => shell.say(Said::Card(slot, message)),
            Self::Feed(message) => shell.say(Said::Feed(message)),
            Self::DropPeer => {
                shell.hang_up(Remote::Peer);
                shell.dial(Remote::Peer);
            }
            Self::Own => {
                shell.own();
                for slot in shell.line_cards() {
                    shell.dial(Remote::Card(slot));
                }
                shell.dial(Remote::Feed);
            }
            Self::DropFeed => {
                shell.hang_up(Remote::Feed);
                shell.dial(Remote::Feed);
            }
            Self::SaveStartup(text) => shell.save_startup(text),
            Self::SetAside(text) => shell.set_aside(text),
            Self::SaveTerm(term) => return shell.save_term(term),
            Self::SaveUpgrade(kept) => return shell.save_upgrade(kept),
            Self::Event(event) => shell.record(event),
            Self::Inject { interface, frame } => shell.inject(interface, frame),
            Self::Answered { session, text } => shell.answered(session, text),
            Self::Restart(_) => {}
        }
        Ok(())
    }
}
