//! What a simulated route processor asks for, done to the simulated fabric and disk.

use super::{
    World,
    fabric::{Pair, Parcel, Stream},
};
use bytes::Bytes;
use fabric_proto::{
    id::{LcSlot, RpSlot, Slot},
    operator::EventKind,
};
use rp_core::{
    redundancy::LastTerm,
    rp::{Remote, Said, Shell},
};
use std::convert::Infallible;

/// The hands of the RP in `slot`.
pub(super) struct Hands<'a> {
    pub(super) world: &'a mut World,
    pub(super) slot: RpSlot,
}

impl Hands<'_> {
    fn pair(&self, remote: Remote) -> Pair {
        match remote {
            Remote::Peer => Pair::Peers,
            Remote::Card(card) => Pair::Card(self.slot, card),
            Remote::Feed => Pair::Feed(self.slot),
        }
    }
}

impl Shell for Hands<'_> {
    type Error = Infallible;

    fn say(&mut self, said: Said) {
        let (world, slot) = (&mut *self.world, self.slot);
        match said {
            Said::Heartbeat(heartbeat) => world.datagram(slot, heartbeat),
            Said::Redundancy(message) => {
                world.tell_peer(slot, Stream::Main, |number, peer| Parcel::Redundancy(number, peer, message));
            }
            Said::Checkpoint(mut message) => {
                world.garble_record(&mut message);
                world.tell_peer(slot, Stream::Checkpoint, |number, peer| Parcel::Checkpoint(number, peer, message));
            }
            Said::Card(card, message) => {
                let pair = Pair::Card(slot, card);
                if let Some(number) = world.connection(pair) {
                    world.checker.sent_to_lc(slot, &message);
                    world.stream(pair, true, Stream::Main, Parcel::ToLc(number, slot, card, message));
                }
            }
            Said::Feed(message) => {
                let pair = Pair::Feed(slot);
                if let Some(number) = world.connection(pair) {
                    world.stream(pair, true, Stream::Main, Parcel::ToFeed(number, slot, message));
                }
            }
        }
    }

    fn hang_up(&mut self, remote: Remote) {
        self.world.hang_up(self.pair(remote), Some(Slot::Rp(self.slot)));
    }

    fn dial(&mut self, remote: Remote) {
        self.world.dial(self.pair(remote));
    }

    fn line_cards(&self) -> Vec<LcSlot> {
        self.world.lcs.iter().map(|node| node.slot).collect()
    }

    fn own(&mut self) {
        self.world.rps[self.slot.index()].owns = true;
    }

    fn save_startup(&mut self, text: String) {
        let (world, at) = (&mut *self.world, self.slot.index());
        world.saves(&text);
        world.rps[at].saving = Some(text.clone());
        for step in world.rps[at].disk.plan() {
            if world.fuse_burns(self.slot) {
                return;
            }
            world.rps[at].disk.step(step, &text);
        }
        let node = &mut world.rps[at];
        node.saving = None;
        node.saved = text;
    }

    /// The configurations of simulated chassis are understood.
    fn set_aside(&mut self, _: String) {}

    fn save_term(&mut self, term: LastTerm) -> Result<(), Infallible> {
        self.world.rps[self.slot.index()].disk.save_term(term);
        Ok(())
    }

    fn save_upgrade(&mut self, kept: Bytes) -> Result<(), Infallible> {
        self.world.rps[self.slot.index()].disk.save_upgrade(&kept);
        Ok(())
    }

    fn record(&mut self, event: EventKind) {
        self.world.log(self.slot, event);
    }
}
