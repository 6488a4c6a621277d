//! The chassis: which line cards are online, and what a switchover does to them.
//!
//! The active learns it from the cards. The standby never talks to a card: it has the checkpoint, and takes over knowing
//! which cards were not online (`seeds/002`: chassis state, incremental).

use fabric_proto::{
    checkpoint::CfClientId,
    id::LcSlot,
    platform::{Legacy, Profile},
    redundancy::{Code, Mode, SwitchoverReason},
    time::Instant,
};
use rp_contract::{Answer, Checkpointed, Client, Coding, Effect, Member, Progression, Table, TakeOver, Term, Versions};
use std::{collections::BTreeSet, time::Duration};

/// A byte a card that is online; from version 2 on two: the card, and whether it is.
#[derive(Debug)]
struct Online;

impl Coding for Online {
    type Key = LcSlot;
    type Row = ();
    const MEMBER: Member =
        Member { versions: Versions::new(1, 2), ..Member::new(CfClientId::CHASSIS, "chassis state", Mode::RprPlus) };
    const WHOLE: u8 = 1;

    fn size(version: u8) -> usize {
        if version <= Self::WHOLE { 1 } else { 2 }
    }

    fn write(slot: LcSlot, online: Option<&()>, version: u8, out: &mut Vec<u8>) {
        out.push(slot.0);
        if version > Self::WHOLE {
            out.push(u8::from(online.is_some()));
        }
    }

    fn read(bytes: &[u8], _version: u8) -> Option<(LcSlot, Option<()>)> {
        match *bytes {
            [slot] | [slot, 1] => Some((LcSlot(slot), Some(()))),
            [slot, 0] => Some((LcSlot(slot), None)),
            _ => None,
        }
    }
}

/// The client of the platform.
#[derive(Debug)]
pub(crate) struct Chassis {
    profile: &'static Profile,
    /// Line cards that there are slots for.
    slots: BTreeSet<LcSlot>,
    /// Those of an older kind.
    legacy: BTreeSet<LcSlot>,
    /// The hardware's own time to switch over, where it is waited for.
    loads: Duration,
    /// Line cards that run and obey the active.
    online: Table<Online>,
    /// Until when the hardware is busy switching over.
    switching: Option<Instant>,
}

impl Chassis {
    pub(super) fn new(
        profile: &'static Profile,
        slots: BTreeSet<LcSlot>,
        legacy: BTreeSet<LcSlot>,
        loads: Duration,
    ) -> Self {
        Self { profile, slots, legacy, loads, online: Table::default(), switching: None }
    }

    /// A card obeys this term, or its connection ended. Says whether that is news.
    pub(crate) fn card(&mut self, slot: LcSlot, online: bool) -> bool {
        self.online.set(slot, online.then_some(()))
    }

    /// Those that are online.
    pub(crate) fn online(&self) -> BTreeSet<LcSlot> {
        self.online.iter().map(|(slot, ())| slot).collect()
    }

    /// Which line cards a switchover resets.
    pub(crate) fn to_reset(&self, how: TakeOver) -> BTreeSet<LcSlot> {
        let resets = match how {
            // The chassis has just been reset, or starts: there is nothing to be reset again.
            TakeOver::Boot => return BTreeSet::new(),
            TakeOver::Cold => self.profile.resets_line_cards(Mode::Rpr),
            TakeOver::Warm => self.profile.resets_line_cards(Mode::RprPlus),
            TakeOver::Hot => self.profile.resets_line_cards(Mode::Sso),
        };
        let mut to_reset = BTreeSet::new();
        if let Legacy::Resets { all_from } = self.profile.legacy {
            to_reset.clone_from(&self.legacy);
            if self.legacy.len() >= all_from {
                return self.slots.clone();
            }
        }
        if resets {
            return self.slots.clone();
        }
        if self.profile.offline_cards_reset {
            to_reset.extend(&self.slots - &self.online());
        }
        to_reset
    }

    /// The only wait that stands for hardware: asked for by name, and labelled in every report.
    fn load(&mut self, now: Instant, term: Term, out: &mut Vec<Effect>) -> Answer {
        let loads = self.loads;
        if term.reason == SwitchoverReason::None || loads.is_zero() {
            return Answer::Done;
        }
        out.push(Effect::log(format!("%PLATFORM-5-MODELLED: {} takes {loads:?} to switch over", self.profile.title)));
        self.switching = Some(now + loads);
        Answer::Later
    }
}

impl Client for Chassis {
    fn name(&self) -> &'static str {
        "chassis"
    }

    fn progress(&mut self, now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        match progression.term {
            Some(term) if progression.event == Code::ActiveFast => {
                out.push(Effect::ResetCards(self.to_reset(term.how)));
                // Who is online shows when the cards answer.
                self.online.clear();
                self.load(now, term, out)
            }
            Some(_) if progression.event == Code::Active => {
                out.push(Effect::Own);
                Answer::Done
            }
            Some(_) | None => Answer::Done,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.switching
    }

    fn due(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if self.switching.take_if(|until| *until <= now).is_some() {
            out.push(Effect::Done(Code::ActiveFast));
        }
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(&mut self.online)
    }
}
