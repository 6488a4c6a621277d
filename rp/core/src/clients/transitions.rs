//! How often each port's carrier has come or gone: `carrier transitions` of `show interfaces`.
//!
//! Release 2.1 has it and 2.0 has not: a switchover to 2.0 loses the counts, and one back begins them anew. Nothing else hangs
//! on them.

use fabric_proto::{
    checkpoint::CfClientId,
    id::{LcSlot, PortId},
    redundancy::{Code, Mode},
    time::Instant,
};
use rp_contract::{Answer, Checkpointed, Client, Coding, Effect, Member, News, Progression, Table};

/// The client of what is counted of ports.
#[derive(Debug, Default)]
pub(crate) struct Transitions(Table<Count>);

impl Transitions {
    /// How often a port's carrier has come or gone.
    pub(crate) fn of(&self, port: PortId) -> u32 {
        self.0.get(port).copied().unwrap_or_default()
    }
}

impl Client for Transitions {
    fn name(&self) -> &'static str {
        "transitions"
    }

    fn news(&mut self, _now: Instant, news: &News, _out: &mut Vec<Effect>) {
        match *news {
            // A port that never had carrier has not lost it.
            News::Carrier { port, up } if up || self.of(port) > 0 => {
                self.0.set(port, Some(self.of(port).saturating_add(1)));
            }
            News::Carrier { .. } | News::Card { .. } => {}
        }
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, _out: &mut Vec<Effect>) -> Answer {
        if progression.takes_over(Code::ActiveFast).is_some_and(|how| !how.has_everything()) {
            self.0.clear();
        }
        Answer::Done
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(&mut self.0)
    }
}

/// Six bytes a port: card, port, and how often.
#[derive(Debug)]
struct Count;

impl Coding for Count {
    type Key = PortId;
    type Row = u32;
    const MEMBER: Member = Member::new(CfClientId::PORT_COUNTS, "carrier transitions", Mode::Sso);

    fn size(_version: u8) -> usize {
        6
    }

    fn write(port: PortId, count: Option<&u32>, _version: u8, out: &mut Vec<u8>) {
        out.extend([port.slot.0, port.port]);
        out.extend(count.copied().unwrap_or_default().to_be_bytes());
    }

    fn read(bytes: &[u8], _version: u8) -> Option<(PortId, Option<u32>)> {
        let [slot, port, count @ ..]: [u8; 6] = bytes.try_into().ok()?;
        let count = u32::from_be_bytes(count);
        Some((PortId { slot: LcSlot(slot), port }, (count > 0).then_some(count)))
    }
}

#[cfg(test)]
mod tests;
