//! The redundancy mode. A change of it may have reached a new active's configuration and not its facility, which goes by
//! the old active's word.

use fabric_proto::{redundancy::Code, time::Instant};
use rp_contract::{Answer, Client, Effect, Progression};

/// See the head of this file.
#[derive(Debug)]
pub(super) struct ModeOfConfiguration;

impl Client for ModeOfConfiguration {
    fn name(&self) -> &'static str {
        "mode"
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        if progression.takes_over(Code::ActivePostconfig).is_some() {
            out.push(Effect::Mode);
        }
        Answer::Done
    }
}
