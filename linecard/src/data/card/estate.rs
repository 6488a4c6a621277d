//! What the data side leaves when another program, or its own next thread, goes on with it.

use super::{Card, Outlet};
use crate::data::queue::{Cell, Framing};
use linecard_core::{counters::Counters, handover::Unsent};
use tokio::sync::watch;

impl Outlet {
    pub(super) fn framing(self) -> Framing {
        match self {
            Self::Link(_) => Framing::Cells,
            Self::Relay(_) | Self::Punt => Framing::Relay,
            Self::Port(_) => Framing::Wire,
        }
    }
}

/// Whether what was left for an outlet is as many whole records as it says, of which the first has not left.
pub(crate) fn whole(outlet: Outlet, unsent: &Unsent) -> bool {
    let first = outlet.framing().boundary(&unsent.records, 1).1;
    let partial = usize::try_from(unsent.done).is_ok_and(|done| done == 0 || done < first);
    partial && outlet.framing().count(&unsent.records) == Some(unsent.packets)
}

impl Card {
    /// The writer of `outlet` is to stop after the frame it is in. Packets wait for the next one.
    pub(crate) fn hold(&self, outlet: Outlet) {
        self.queue(outlet).hold();
    }

    /// Whether packets for `outlet` are taken, with or without a writer.
    pub(crate) fn takes(&self, outlet: Outlet) -> bool {
        self.queue(outlet).takes()
    }

    /// The writer of `outlet` stops after `done` bytes of its cell; the rest waits for the next one. How many bytes of the
    /// first packet of that rest have left.
    pub(crate) fn give_back(&self, outlet: Outlet, cell: &mut Cell, done: usize) -> usize {
        self.show_sent(outlet, &cell.bytes, done);
        let (sent, partial) = self.queue(outlet).give_back(cell, done);
        self.count_sent(outlet, sent);
        partial
    }

    /// Takes all that waits for `outlet`: the packets are held by whoever goes on.
    pub(crate) fn leave(&self, outlet: Outlet, done: usize) -> Unsent {
        let (records, packets) = self.queue(outlet).leave();
        Unsent { records: records.into(), packets, done: done as u32 }
    }

    /// Takes up what was left for `outlet`, for a writer that is to come.
    pub(crate) fn inherit(&self, outlet: Outlet, unsent: &Unsent) {
        let now = fabric::clock::now();
        self.queue(outlet).inherit(now, &unsent.records, unsent.packets);
        if let Outlet::Relay(rp) = outlet {
            self.state.borrow_mut().relay = Some(rp);
        }
    }

    /// A wire has ended and is read to its end, for as long as the answer lives.
    pub(crate) fn draining(&self) -> Draining<'_> {
        self.ending.0.send_modify(|wires| *wires += 1);
        Draining(&self.ending)
    }

    /// Waits until no wire is being read to its end.
    pub(crate) async fn drained(&self) {
        // The sender lives in `self`.
        let _ = self.ending.0.subscribe().wait_for(|wires| *wires == 0).await;
    }

    /// The counters, whatever is held.
    pub(crate) fn counted(&self) -> Counters {
        self.state.borrow().counters.clone()
    }
}

/// How many wires are being read to their end.
#[derive(Default)]
pub(super) struct Ending(watch::Sender<usize>);

/// One of them.
pub(crate) struct Draining<'a>(&'a Ending);

impl Drop for Draining<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|wires| *wires -= 1);
    }
}
