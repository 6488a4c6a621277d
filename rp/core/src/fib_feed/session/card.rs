//! One line card's session.

use super::{
    Output, ResetReason, SessionStatus, WINDOW,
    phase::{AfterLists, Phase, Repair},
    ports::Told,
    without::Without,
};
use crate::fib_feed::{
    FibMaster, Level,
    chunk::{self, Chunks},
};
use fabric_proto::{
    fib::{BUCKETS, Batch, Family, PathListId, Position},
    id::{Epoch, LcSlot, RpSlot},
    linecard::{Adoption, FibPart, FibUpdate, FromLc, ToLc},
    sabotage::{self, Sabotage},
    time::Instant,
};
use std::time::Duration;

/// Comparisons that may fail before all of the table is sent again.
const ROUNDS_MAX: u32 = 3;

/// Time after a change until a confirmed card's table is compared again: a card that had no room for a route
/// goes on without it, and says so by its digest only.
const AUDIT_AFTER: Duration = Duration::from_secs(1);

/// One line card's session.
#[derive(Debug)]
pub(super) struct Card {
    slot: LcSlot,
    /// The RP that adopts it.
    rp: RpSlot,
    how: Adoption,
    /// What its release has words for: all that it is told goes through this.
    level: Level,
    phase: Phase,
    /// Last batch of the log that was sent.
    log: u64,
    sent: u64,
    acked: u64,
    /// Comparisons that failed since the last confirmation.
    rounds: u32,
    routes: u64,
    buckets: u32,
    /// [`Output::InSync`] was pushed since the adoption or the last repair.
    reported: bool,
    confirmed: bool,
    /// The end markers were sent.
    ended: bool,
    without: Without,
}

impl Card {
    /// Adopts a card whose connection has just come up.
    pub(super) fn adopt(
        slot: LcSlot,
        rp: RpSlot,
        how: Adoption,
        level: Level,
        epoch: Epoch,
        out: &mut Vec<Output>,
    ) -> Self {
        out.push(Output::Send { slot, message: ToLc::Adopt { epoch, rp, how } });
        Self {
            slot,
            rp,
            how,
            level,
            phase: Phase::Adopting,
            log: 0,
            sent: 0,
            acked: 0,
            rounds: 0,
            routes: 0,
            buckets: 0,
            reported: false,
            confirmed: false,
            ended: false,
            without: Without::default(),
        }
    }

    /// Tells it its ports.
    pub(super) fn configure(&self, told: &Told, out: &mut Vec<Output>) {
        out.push(Output::Send { slot: self.slot, message: told.whole(self.level) });
    }

    /// Tells it what has changed of its ports, in the words that it has: `change` in those of this release.
    pub(super) fn reconfigure(&self, told: &Told, change: ToLc, out: &mut Vec<Output>) {
        match self.level {
            Level::Full => out.push(Output::Send { slot: self.slot, message: change }),
            Level::Base => self.configure(told, out),
        }
    }

    /// Says which of its interfaces it has no words for, once it obeys.
    pub(super) fn say_ports(&mut self, told: &Told, out: &mut Vec<Output>) {
        if self.is_adopted() {
            self.without.ports(self.slot, self.level, told, out);
        }
    }

    /// Says that it has no words for some of the table, once it obeys.
    pub(super) fn say_without(&mut self, fib: &FibMaster, out: &mut Vec<Output>) {
        if self.is_adopted() {
            self.without.table(self.slot, self.level, fib.table(), out);
        }
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    pub(super) fn is_adopted(&self) -> bool {
        !matches!(self.phase, Phase::Adopting)
    }

    pub(super) fn is_downloading(&self) -> bool {
        matches!(self.phase, Phase::Downloading { .. })
    }

    pub(super) fn is_to_be_compared(&self) -> bool {
        matches!(self.phase, Phase::Lists { then: AfterLists::Compare, .. })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Confirmed { audit_at } => audit_at,
            Phase::Adopting
            | Phase::Lists { .. }
            | Phase::Downloading { .. }
            | Phase::Comparing { .. }
            | Phase::Repairing(_)
            | Phase::Following
            | Phase::Confirming { .. }
            | Phase::Resetting => None,
        }
    }

    pub(super) fn status(&self) -> SessionStatus {
        SessionStatus {
            slot: self.slot,
            phase: self.phase.name(),
            confirmed: self.confirmed,
            level: self.level,
            sent_seq: self.log,
            unacknowledged: self.sent - self.acked,
            routes: self.routes,
            buckets: self.buckets,
        }
    }

    /// Something came from the card.
    pub(super) fn heard(&mut self, now: Instant, message: FromLc, fib: &FibMaster, out: &mut Vec<Output>) {
        match message {
            FromLc::Adopted { epoch, root, routes, .. } => self.adopted(epoch, root, routes, fib, out),
            FromLc::Refused { highest } => out.push(Output::Fenced { highest }),
            FromLc::Ack { number } if (self.acked..=self.sent).contains(&number) => self.acked = number,
            FromLc::Ack { .. } => self.reset(ResetReason::Misbehaved, out),
            FromLc::Digests(digests) => self.digests(digests, out),
            FromLc::InSync { .. } => self.in_sync(now, out),
            FromLc::PortState { port, up } => out.push(Output::PortState { slot: self.slot, port, up }),
        }
    }

    /// The time to look again has come, or another card's.
    pub(super) fn audit(&mut self, now: Instant, fib: &FibMaster) {
        let Phase::Confirmed { audit_at: Some(at) } = self.phase else { return };
        if at <= now {
            // A card that lags is looked at later: the comparison needs all of the log before it.
            self.phase = if self.log == fib.position().seq && self.has_room() {
                Phase::Following
            } else {
                Phase::Confirmed { audit_at: Some(now + AUDIT_AFTER) }
            };
        }
    }

    /// Sends what may be sent: the log first, then what the phase asks for, while the card answers.
    pub(super) fn progress(
        &mut self,
        now: Instant,
        converged: bool,
        fib: &FibMaster,
        chunks: &mut Chunks,
        out: &mut Vec<Output>,
    ) {
        while self.has_room() {
            match self.phase {
                Phase::Adopting | Phase::Resetting => return,
                _ if self.log < fib.position().seq => self.send_log(now, fib, out),
                Phase::Lists { from, then } => self.send_lists(from, then, fib, out),
                Phase::Downloading { from } => {
                    let (batch, next) = chunks.at(from, fib);
                    self.send_part(FibPart::Part, batch, out);
                    self.phase = next.map_or(Phase::Following, |from| Phase::Downloading { from });
                }
                Phase::Repairing(ref mut buckets) => match buckets.next() {
                    Some(index) => {
                        self.buckets += 1;
                        self.send(FibPart::Bucket(index), chunk::bucket(fib.table(), index), out);
                    }
                    None => self.phase = Phase::Following,
                },
                Phase::Following => {
                    if self.how == Adoption::Keep && self.acked == self.sent {
                        self.report(out);
                    }
                    if !converged {
                        return;
                    }
                    self.send_converged(fib, out);
                }
                Phase::Comparing { .. } | Phase::Confirming { .. } | Phase::Confirmed { .. } => return,
            }
        }
    }

    fn has_room(&self) -> bool {
        self.sent - self.acked < WINDOW
    }

    fn adopted(&mut self, epoch: Epoch, root: u64, routes: [u64; 2], fib: &FibMaster, out: &mut Vec<Output>) {
        let ours = fib.position().epoch;
        if epoch > ours {
            out.push(Output::Fenced { highest: epoch });
            return;
        }
        if epoch < ours || !matches!(self.phase, Phase::Adopting) {
            return self.reset(ResetReason::Misbehaved, out);
        }
        out.push(Output::Adopted { slot: self.slot, how: self.how });
        self.log = fib.position().seq;
        let then = match self.how {
            Adoption::Keep if root == self.level.root(fib.table()) => AfterLists::Follow,
            Adoption::Keep if routes != [0, 0] => AfterLists::Compare,
            Adoption::Keep | Adoption::Flush => AfterLists::Download,
        };
        // Digests do not cover path lists without routes, so the card may lack one. They are few.
        self.phase = Phase::Lists { from: 0, then };
    }

    fn digests(&mut self, theirs: Vec<u64>, out: &mut Vec<Output>) {
        if theirs.len() != BUCKETS {
            return self.reset(ResetReason::Misbehaved, out);
        }
        match &self.phase {
            Phase::Comparing { digests } => {
                let differs = |(index, (ours, theirs)): (usize, (&u64, &u64))| (ours != theirs).then_some(index as u16);
                let mut buckets: Vec<u16> = digests.iter().zip(&theirs).enumerate().filter_map(differs).collect();
                if sabotage::is(Sabotage::ForgetBucket) {
                    buckets.pop();
                }
                self.phase = Phase::Repairing(Repair::Some(buckets.into_iter()));
            }
            Phase::Confirming { .. } => {
                self.confirmed = false;
                self.reported = false;
                self.rounds += 1;
                // Path lists go first: where one of them is the difference, no bucket has to be sent.
                let then = if self.rounds < ROUNDS_MAX { AfterLists::Compare } else { AfterLists::SendAll };
                self.phase = Phase::Lists { from: 0, then };
                if self.rounds > ROUNDS_MAX {
                    self.reset(ResetReason::Irreconcilable, out);
                }
            }
            // It was asked before it fell behind.
            Phase::Adopting | Phase::Resetting => {}
            Phase::Lists { .. }
            | Phase::Downloading { .. }
            | Phase::Repairing(_)
            | Phase::Following
            | Phase::Confirmed { .. } => self.reset(ResetReason::Misbehaved, out),
        }
    }

    fn in_sync(&mut self, now: Instant, out: &mut Vec<Output>) {
        match self.phase {
            Phase::Confirming { position } => {
                let changed = self.log > position.seq;
                self.phase = Phase::Confirmed { audit_at: changed.then_some(now + AUDIT_AFTER) };
                self.rounds = 0;
                self.report(out);
                if !self.confirmed {
                    self.confirmed = true;
                    out.push(Output::Confirmed { slot: self.slot });
                }
            }
            // It was asked before it fell behind.
            Phase::Adopting | Phase::Resetting => {}
            Phase::Lists { .. }
            | Phase::Downloading { .. }
            | Phase::Comparing { .. }
            | Phase::Repairing(_)
            | Phase::Following
            | Phase::Confirmed { .. } => self.reset(ResetReason::Misbehaved, out),
        }
    }

    fn report(&mut self, out: &mut Vec<Output>) {
        if !self.reported {
            self.reported = true;
            out.push(Output::InSync { slot: self.slot, buckets: self.buckets, routes: self.routes });
        }
    }

    fn reset(&mut self, reason: ResetReason, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Resetting) {
            return;
        }
        self.phase = Phase::Resetting;
        self.confirmed = false;
        out.push(Output::Send { slot: self.slot, message: ToLc::Reset { reason: reason.to_string() } });
        out.push(Output::Reset { slot: self.slot, reason });
    }

    fn send_log(&mut self, now: Instant, fib: &FibMaster, out: &mut Vec<Output>) {
        let position = Position { seq: self.log + 1, ..fib.position() };
        let Some(batch) = fib.batch(position.seq) else {
            return self.fell_behind(position.epoch, out);
        };
        self.log = position.seq;
        self.send(FibPart::Log(position), Batch::clone(batch), out);
        if let Phase::Confirmed { audit_at } = &mut self.phase {
            audit_at.get_or_insert(now + AUDIT_AFTER);
        }
    }

    /// The log has forgotten what the card needs next, so what it holds is old: it is adopted once more.
    fn fell_behind(&mut self, epoch: Epoch, out: &mut Vec<Output>) {
        self.how = Adoption::Keep;
        self.confirmed = false;
        self.reported = false;
        self.phase = Phase::Adopting;
        let message = ToLc::Adopt { epoch, rp: self.rp, how: self.how };
        out.push(Output::Send { slot: self.slot, message });
    }

    fn send_lists(&mut self, from: PathListId, then: AfterLists, fib: &FibMaster, out: &mut Vec<Output>) {
        let (batch, next) = chunk::lists(fib.table(), from);
        self.send_part(FibPart::Part, batch, out);
        self.phase = match (next, then) {
            (Some(from), then) => Phase::Lists { from, then },
            (None, AfterLists::Follow) => Phase::Following,
            (None, AfterLists::Download) => Phase::Downloading { from: 0 },
            (None, AfterLists::SendAll) => Phase::Repairing(Repair::All(0..BUCKETS as u16)),
            (None, AfterLists::Compare) => {
                out.push(Output::Send { slot: self.slot, message: ToLc::WantDigests });
                Phase::Comparing { digests: self.level.digests(fib.table()) }
            }
        };
    }

    fn send_converged(&mut self, fib: &FibMaster, out: &mut Vec<Output>) {
        if !self.ended {
            self.ended = true;
            let ends = Family::ALL.map(|family| Output::Send { slot: self.slot, message: ToLc::EndOfTable(family) });
            out.extend(ends);
        }
        let position = fib.position();
        let message = ToLc::Converged { position, root: self.level.root(fib.table()) };
        out.push(Output::Send { slot: self.slot, message });
        self.phase = Phase::Confirming { position };
    }

    fn send_part(&mut self, kind: FibPart, batch: Batch, out: &mut Vec<Output>) {
        let batch = self.level.batch(batch);
        if batch.count > 0 || !batch.paths.is_empty() {
            self.push(kind, batch, out);
        }
    }

    /// A batch of the log keeps its number even where nothing of it is given.
    fn send(&mut self, kind: FibPart, batch: Batch, out: &mut Vec<Output>) {
        self.push(kind, self.level.batch(batch), out);
    }

    fn push(&mut self, kind: FibPart, batch: Batch, out: &mut Vec<Output>) {
        self.sent += 1;
        self.routes += u64::from(batch.count);
        out.push(Output::Send { slot: self.slot, message: ToLc::Fib(FibUpdate { number: self.sent, kind, batch }) });
    }
}
