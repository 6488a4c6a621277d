//! What this unit and its peer find out about their images when they meet.

use super::{Output, Rp};
use crate::{
    issu::{Negotiated, Verdict, View, verdict},
    redundancy as rf,
};
use fabric_proto::{
    id::{RpSlot, Slot},
    issu::Compatibility,
    offer::Agreed,
    operator::EventKind,
};
use std::sync::Arc;

impl Rp {
    /// The connection to the peer is up. Of images that differ, what they come to is logged, when it is news.
    pub(super) fn meet(&mut self, agreed: Arc<Agreed>, out: &mut Vec<Output>) -> rf::Met {
        let verdict = verdict(&agreed, self.boot.profile.issu, &[]);
        if let Some(peer) = self.boot.slot.peer() {
            let alike = agreed.ours().release() == agreed.theirs().release();
            let fits = verdict.compatibility() == Compatibility::Compatible;
            if self.spoken.connected(Slot::Rp(peer), Arc::clone(&agreed)) && !(alike && fits) {
                out.push(Output::Event(EventKind::Log { line: line(peer, &verdict) }));
            }
            self.clients.agree(agreed);
            self.clients.withhold(&verdict);
        }
        rf::Met { verdict: verdict.compatibility(), release: verdict.release }
    }

    /// How this unit's image and the peer's stand with each other.
    pub(super) fn issu_view(&self) -> View {
        let clients = self.boot.profile.issu;
        let agreed = self.clients.agreed().filter(|_| self.rf.view().communications);
        let peer = agreed.map(|agreed| Negotiated::new(agreed, verdict(agreed, clients, &self.clients.speechless())));
        View::new(&self.boot.issu.name, &self.boot.issu.matrix, &self.offer(), clients, peer)
    }
}

/// A verdict, as it is logged.
fn line(peer: RpSlot, verdict: &Verdict) -> String {
    let (compatibility, release) = (verdict.compatibility(), &verdict.release);
    let blamed = verdict.faults().filter(|(client, _)| client.result() == compatibility);
    let blamed: Vec<String> = blamed.map(|(client, fault)| format!("{} ({fault})", client.name)).collect();
    let blamed = blamed.join(", ");
    match compatibility {
        Compatibility::Compatible => {
            format!("%ISSU-5-COMPATIBLE: slot {peer} runs release {release}: a switchover keeps all state")
        }
        Compatibility::BaseLevel => {
            format!("%ISSU-4-BASE_LEVEL: slot {peer} runs release {release}: a switchover loses the state of {blamed}")
        }
        Compatibility::Incompatible | Compatibility::Dynamic => {
            format!("%ISSU-3-INCOMPATIBLE: slot {peer} runs release {release}: no stateful switchover: {blamed}")
        }
    }
}
