//! What a release can that a card of an older one cannot hold: it is off until the whole chassis can, and is committed to it.
//!
//! What travels is agreed on connection by connection. This is for what lies in a table that all cards share, and that an
//! older one would have to hold as well once it takes over, or is put in: routes with more than 16 paths
//! ([`Width::Wide`]). It is on while
//!
//! 1. the chassis is committed to the release: while an upgrade is under way it comes on nowhere, for the way back is open until
//!    `commitversion`. Where it is on, it stays on through an upgrade to a release that has it too;
//! 2. no card of the chassis that this unit has met is of a release without it: line cards by their messages, the other
//!    route processor by checkpoint messages. Who is met is asked before anything of the table is said to him;
//! 3. every line card was met, or the chassis has converged without those that are not there. A unit that takes over with
//!    routes of more paths has them from an active that knew all this, and does not wait.

use super::{Output, Rp};
use crate::rib::Width;
use fabric_proto::{codec::Class, id::Slot, operator::EventKind, release::Release};

/// The first version of line-card and of checkpoint messages whose release holds lists of more than 16 paths.
const HOLDS_WIDE: u8 = 3;

/// Whether the cards of a chassis can hold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// All of them can.
    ByAll,
    /// Those that were met can.
    ByThoseMet,
    /// This one cannot.
    NotBy(Slot),
}

impl Rp {
    /// Cards came, went, or are of another release now: what they can decides.
    pub(super) fn weigh_capabilities(&mut self, out: &mut Vec<Output>) {
        let has = self.boot.issu.built >= Release::V2_1;
        if !has || !self.role.owns_chassis() || !self.clients.routing.learns() {
            return;
        }
        let was = self.clients.routing.rib.width();
        let held = self.spoken.held_by(&self.boot.line_cards, [Class::LineCard, Class::Checkpoint], HOLDS_WIDE);
        let width = match held {
            Held::NotBy(_) => Width::Narrow,
            Held::ByAll | Held::ByThoseMet if self.clients.issu.procedure.upgrade().is_some() => was,
            Held::ByAll => Width::Wide,
            // Not before the others were met, unless it is on already.
            Held::ByThoseMet if self.role.converged() => Width::Wide,
            Held::ByThoseMet => was,
        };
        if width == was {
            return;
        }
        let (rib, fib) = self.clients.tables();
        rib.set_width(width, fib);
        let why = match (width, held) {
            (Width::Wide, _) => "every card can hold them".to_owned(),
            (Width::Narrow, Held::NotBy(slot)) => {
                let release = self.spoken.release(slot).unwrap_or("unknown");
                format!("slot {slot} runs release {release}, which cannot hold more")
            }
            (Width::Narrow, Held::ByAll | Held::ByThoseMet) => "the upgrade is not committed".to_owned(),
        };
        let line = format!("%ISSU-6-CAPABILITY: routes have up to {} paths: {why}", width.paths());
        out.push(Output::Event(EventKind::Log { line }));
    }
}
