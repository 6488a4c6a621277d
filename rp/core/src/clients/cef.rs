//! The forwarding table, and its copy on the standby (`fib_feed/checkpoint.rs` has the encoding).

use crate::fib_feed::{BulkCursor, FibMaster, Level};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::CfClientId,
    linecard::Adoption,
    redundancy::{Code, Mode},
    sabotage::{self, Sabotage},
    time::Instant,
};
use rp_contract::{
    Answer, Ask, Checkpointed, Chunk, Client, Effect, Lost, Member, Progression, TakeOver, Unapplied, Versions,
};

/// The client of the forwarding table.
#[derive(Debug, Default)]
pub(crate) struct Cef {
    pub(crate) fib: FibMaster,
    /// Where a bulk goes on.
    at: Option<BulkCursor>,
    /// Whether changes are given to a standby.
    feeding: bool,
}

impl Client for Cef {
    fn name(&self) -> &'static str {
        "cef"
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        if let (Code::ActiveFast, Some(term)) = (progression.event, progression.term) {
            out.push(Effect::Adopt(match term.how {
                // Line cards go on forwarding by the table that is here, too.
                TakeOver::Hot => {
                    self.fib.mark_stale();
                    let flush = sabotage::is(Sabotage::FlushOnTakeover);
                    if flush { Adoption::Flush } else { Adoption::Keep }
                }
                // Routes are to be learned, tables to be filled.
                TakeOver::Warm | TakeOver::Cold | TakeOver::Boot => {
                    self.fib = FibMaster::default();
                    Adoption::Flush
                }
            }));
            self.fib.begin_term(term.epoch);
        }
        Answer::Done
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(self)
    }
}

impl Checkpointed for Cef {
    fn member(&self) -> Member {
        let member = Member::new(CfClientId::FIB, "forwarding table", Mode::Sso);
        // 1: what release 1.0 knows of it; 2: all of it.
        Member { versions: Versions::new(1, 2), ..member }
    }

    fn chunk(&mut self, ask: &Ask) -> Chunk {
        self.feeding = true;
        let (data, next) = self.fib.bulk_chunk(self.at.filter(|_| !ask.first), Level::of_version(ask.version));
        self.at = next;
        Chunk { data, more: next.is_some() }
    }

    fn change(&mut self, version: u8) -> Result<Option<Bytes>, Lost> {
        if !self.feeding {
            return Ok(None);
        }
        let level = Level::of_version(version);
        if sabotage::is(Sabotage::ForgetUpdate) {
            while self.fib.take_checkpoint(level).is_some() {}
        }
        match self.fib.take_checkpoint(level) {
            None if !self.fib.is_checkpointing() => Err(Lost),
            changes => Ok(changes),
        }
    }

    fn stop(&mut self) {
        self.feeding = false;
        self.fib.stop_checkpoint();
    }

    fn begin(&mut self) {
        self.fib = FibMaster::default();
    }

    fn apply(&mut self, record: &[u8], _more: bool, _version: u8, _out: &mut Vec<Effect>) -> Result<(), Unapplied> {
        self.fib.apply_checkpoint(record).map(|_whole| ()).map_err(Unapplied::because)
    }

    fn digest(&self, version: u8) -> u64 {
        Level::of_version(version).root(self.fib.table())
    }
}
