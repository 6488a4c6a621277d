//! A client, and what it is shown.

use crate::{Checkpointed, Effect};
use fabric_proto::{
    id::{Epoch, LcSlot, PortId},
    redundancy::{Code, SwitchoverReason},
    time::Instant,
    version::Inexpressible,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of the router that takes part in redundancy. It has no I/O and no clock of its own.
pub trait Client: fmt::Debug + Send {
    /// What platform profiles list it by (`fabric_proto::platform::RfClient::clients`); no two have the same.
    fn name(&self) -> &'static str;

    /// The redundancy facility shows it an event. Clients see each event in the order of their family (`clientSeq`), the
    /// next one once this one is done with it.
    fn progress(&mut self, now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        let _ = (now, progression, out);
        Answer::Done
    }

    /// Something has happened in the chassis. Only an active is told.
    fn news(&mut self, now: Instant, news: &News, out: &mut Vec<Effect>) {
        let _ = (now, news, out);
    }

    /// When [`Client::due`] is to be called.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The clock has reached its deadline.
    fn due(&mut self, now: Instant, out: &mut Vec<Effect>) {
        let _ = (now, out);
    }

    /// Its state that a standby is given; `None`: it has none, or none that outlives an active.
    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        None
    }

    /// What it holds that a version of its records has no words for. A standby is given the rest, and the client is at base
    /// level: the operator is told before the state is lost.
    fn inexpressible(&self, version: u8) -> Option<Inexpressible> {
        let _ = version;
        None
    }
}

/// What a client says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has done what the event asks of it.
    Done,
    /// It will say [`Effect::Done`]. The facility waits no longer than its notification timer.
    Later,
}

/// An event of a progression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progression {
    /// The event: on an active's own way (`ActiveFast` … `Active`), on a standby's way up, which both units' clients are
    /// shown, or at boot.
    pub event: Code,
    /// The term in which this unit is active; `None` on every other unit.
    pub term: Option<Term>,
}

impl Progression {
    /// How this unit takes over, when this is `event` of its own way to being active.
    pub fn takes_over(&self, event: Code) -> Option<TakeOver> {
        self.term.filter(|_| self.event == event).map(|term| term.how)
    }
}

/// A term as active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its number.
    pub epoch: Epoch,
    /// Why it began; [`SwitchoverReason::None`] at a chassis' start.
    pub reason: SwitchoverReason,
    /// With what it began.
    pub how: TakeOver,
}

/// How an RP becomes active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakeOver {
    /// The chassis starts, or is rebooted by an HSA standby: parse startup-config, line cards start empty.
    Boot,
    /// RPR: initialise again, parse startup-config, reset the line cards.
    Cold,
    /// RPR+: configuration is there, protocols start, line cards stay up with empty tables.
    Warm,
    /// SSO: everything is there, line cards keep forwarding.
    Hot,
}

impl TakeOver {
    /// Whether the configuration is the checkpointed one; otherwise it is read from startup-config.
    pub fn has_configuration(self) -> bool {
        match self {
            Self::Boot | Self::Cold => false,
            Self::Warm | Self::Hot => true,
        }
    }

    /// Whether every client's state is the checkpointed one (SSO).
    pub fn has_everything(self) -> bool {
        self == Self::Hot
    }
}

/// What can happen in a chassis that clients may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A port has carrier now, or has none any more.
    Carrier {
        /// The port.
        port: PortId,
        /// Whether it has.
        up: bool,
    },
    /// A line card obeys this term, or its connection has ended.
    Card {
        /// The card.
        slot: LcSlot,
        /// Whether it obeys.
        online: bool,
    },
}
