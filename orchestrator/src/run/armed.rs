//! Crash points that a method arms: whether they went off. One that did not has shown nothing.

use super::bench::Bench;
use crate::{
    fault::{Fault, FaultName},
    inject::Injected,
};
use fabric_proto::{
    id::CardId,
    operator::{CrashPoint, Request},
};
use lab::{Lab, card_name};
use std::time::Duration;
use tokio::time::Instant;

/// How long a card that is down may take to come back and say what is armed.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const POLL: Duration = Duration::from_millis(50);

/// A crash point on a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Armed {
    card: CardId,
    point: CrashPoint,
    fate: Fate,
}

/// What became of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody has asked yet, or the card did not answer.
    Unknown,
    /// It went off: the card does not have it any more.
    WentOff,
    /// It was still there when it was to be disarmed.
    Missed,
}

impl Armed {
    /// The points that an injected fault armed: one a card, or none.
    pub(super) fn by(fault: &Fault, injected: &Injected) -> Vec<Self> {
        let point = fault.point.filter(|_| fault.name == FaultName::Crash);
        let armed = |card: &CardId| Some(Self { card: card.clone(), point: point?, fate: Fate::Unknown });
        injected.cards.iter().filter_map(armed).collect()
    }

    /// What its card says.
    async fn ask(&self, lab: &Lab) -> Fate {
        match lab.stats(&self.card).await.and_then(|stats| stats.rp) {
            Some(rp) if rp.armed == Some(self.point) => Fate::Missed,
            Some(_) => Fate::WentOff,
            None => Fate::Unknown,
        }
    }

    /// Learns its fate, unless that is known.
    fn learn(&mut self, fate: Fate) {
        if self.fate == Fate::Unknown {
            self.fate = fate;
        }
    }

    /// What there is to say against the trial.
    fn complaint(&self) -> Option<String> {
        let what = format!("crash at {} of {}", self.point, card_name(&self.card));
        match self.fate {
            Fate::WentOff => None,
            Fate::Missed => Some(format!("{what} never went off")),
            Fate::Unknown => Some(format!("{what}: whether it went off cannot be told, the card does not answer")),
        }
    }
}

/// What the cards say of their points now, in order. To be asked before points are disarmed or replaced.
pub(super) async fn fates(lab: &Lab, armed: &[Armed]) -> Vec<Fate> {
    futures_util::future::join_all(armed.iter().map(|one| one.ask(lab))).await
}

/// Holds `fates` for true of the points on `cards`: what comes next disarms them.
pub(super) fn learn(armed: &mut [Armed], fates: &[Fate], cards: &[CardId]) {
    for (one, fate) in armed.iter_mut().zip(fates).filter(|(one, _)| cards.contains(&one.card)) {
        one.learn(*fate);
    }
}

/// Asks all, before everything is taken back.
pub(super) async fn look(lab: &Lab, armed: &mut [Armed]) {
    let fates = fates(lab, armed).await;
    armed.iter_mut().zip(fates).for_each(|(one, fate)| one.learn(fate));
}

/// Waits for cards that did not answer, once everything was taken back, and leaves no point armed: a card that was down
/// could not be disarmed. Answers what did not go off.
pub(super) async fn settle(bench: &mut Bench<'_>, armed: &mut [Armed]) -> Vec<String> {
    let deadline = Instant::now() + ANSWERS_WITHIN;
    while armed.iter().any(|one| one.fate == Fate::Unknown) && Instant::now() < deadline {
        bench.timeline.pass(Instant::now() + POLL).await;
        look(&bench.lab, armed).await;
    }
    for one in armed.iter().filter(|one| one.fate == Fate::Missed) {
        if let Err(error) = bench.lab.request(&one.card, Request::CrashAt(None)).await {
            tracing::info!(%error, "disarming");
        }
    }
    armed.iter().filter_map(Armed::complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::id::{RpSlot, Slot};

    fn armed(slot: RpSlot) -> Armed {
        let card = CardId::card("lab", "pe1", Slot::Rp(slot));
        Armed { card, point: CrashPoint::SaveConfig, fate: Fate::Unknown }
    }

    #[test]
    fn a_point_that_was_there_when_it_was_disarmed_never_went_off() {
        let mut both = [armed(RpSlot::A), armed(RpSlot::B)];
        let cards = both.each_ref().map(|one| one.card.clone());
        learn(&mut both, &[Fate::Missed, Fate::Missed], &cards[..1]);
        assert_eq!(both.each_ref().map(|one| one.fate), [Fate::Missed, Fate::Unknown], "the other stays armed");
        // Disarmed by now: that it is gone says nothing any more.
        learn(&mut both, &[Fate::WentOff, Fate::WentOff], &cards);
        let complaints: Vec<_> = both.iter().filter_map(Armed::complaint).collect();
        assert_eq!(complaints, ["crash at save-config of pe1/A never went off"]);
    }

    #[test]
    fn a_card_that_never_answers_proves_nothing() {
        let complaint = armed(RpSlot::B).complaint().unwrap();
        assert!(complaint.contains("cannot be told"), "{complaint}");
    }
}
