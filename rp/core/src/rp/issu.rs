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

    /// What the units' images come to, as both have found it out; `None` where they are not connected.
    pub(super) fn peer_verdict(&self) -> Option<Verdict> {
        let agreed = self.clients.agreed().filter(|_| self.rf.view().communications)?;
        Some(verdict(agreed, self.boot.profile.issu, &self.clients.speechless()))
    }

    /// How this unit's image and the peer's stand with each other.
    pub(super) fn issu_view(&self) -> View {
        let clients = self.boot.profile.issu;
        let peer = self.clients.agreed().zip(self.peer_verdict());
        let peer = peer.map(|(agreed, verdict)| Negotiated::new(agreed, verdict));
        View::new(&self.boot.issu.name, &self.boot.issu.matrix, &self.offer(), clients, peer)
    }
}

/// A verdict, as it is logged.
fn line(peer: RpSlot, verdict: &Verdict) -> String {
    let mnemonic = match verdict.compatibility() {
        Compatibility::Compatible => "5-COMPATIBLE",
        Compatibility::BaseLevel => "4-BASE_LEVEL",
        Compatibility::Incompatible | Compatibility::Dynamic => "3-INCOMPATIBLE",
    };
    let what = verdict.row().loses().unwrap_or_else(|| "a switchover keeps all state".to_owned());
    format!("%ISSU-{mnemonic}: slot {peer} runs release {}: {what}", verdict.release)
}
