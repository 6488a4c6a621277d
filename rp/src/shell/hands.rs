//! What the machine asks for, done with connections, files and the event log.

use super::Shell;
use crate::{links::ToPeer, writer::Write};
use bytes::Bytes;
use fabric_proto::{
    id::{InterfaceId, LcSlot},
    operator::EventKind,
};
use rp_core::{
    redundancy::LastTerm,
    rp::{self, Remote, Said},
};

impl rp::Shell for Shell {
    type Error = std::io::Error;

    fn say(&mut self, said: Said) {
        match said {
            Said::Heartbeat(heartbeat) => self.tell_peer(ToPeer::Heartbeat(heartbeat)),
            Said::Redundancy(message) => self.tell_peer(ToPeer::Redundancy(message)),
            // What it confirms is saved first.
            Said::Checkpoint(message) if self.writer.is_busy() => self.held.push(message),
            Said::Checkpoint(message) => self.tell_peer(ToPeer::Checkpoint(message)),
            Said::Card(slot, message) => {
                if self.line_cards.get(&slot).is_some_and(|link| !link.send(message)) {
                    tracing::warn!(%slot, "the line card does not read: connection dropped");
                    self.dial_line_card(slot);
                }
            }
            Said::Feed(message) => {
                if let Some(feed) = &self.feed {
                    feed.send(message);
                }
            }
        }
    }

    fn hang_up(&mut self, remote: Remote) {
        match remote {
            Remote::Peer => self.forget_peer(),
            Remote::Card(slot) => {
                self.line_cards.remove(&slot);
            }
            Remote::Feed => self.feed = None,
        }
    }

    fn dial(&mut self, remote: Remote) {
        match remote {
            Remote::Peer => self.dial_peer(),
            Remote::Card(slot) => self.dial_line_card(slot),
            Remote::Feed => self.dial_feed(),
        }
    }

    fn line_cards(&self) -> Vec<LcSlot> {
        crate::line_cards(&self.config).filter_map(crate::slot_of).collect()
    }

    fn own(&mut self) {
        if let Some(data) = &self.data {
            data.activate();
        }
    }

    fn save_startup(&mut self, text: String) {
        let _ = self.write(fabric::clock::now(), self.startup(text));
    }

    fn inject(&mut self, interface: InterfaceId, frame: Vec<u8>) {
        if let (Some(data), Some(port)) = (&self.data, interface.port()) {
            data.inject(port, frame);
        }
    }

    fn answered(&mut self, session: u64, text: String) {
        self.answered_at_last(session, &text);
    }

    fn set_aside(&mut self, text: String) {
        let _ = self.write(fabric::clock::now(), Write::SetAside(text));
    }

    fn save_term(&mut self, term: LastTerm) -> std::io::Result<()> {
        self.nvram.save_term(term)
    }

    fn save_upgrade(&mut self, kept: Bytes) -> std::io::Result<()> {
        self.nvram.save_upgrade(&kept)
    }

    fn record(&mut self, event: EventKind) {
        tracing::info!(event = ?event);
        // The instant of the step that made it.
        self.events.push(self.now, event);
    }
}
