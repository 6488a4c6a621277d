//! How often each port lost its carrier. The counts outlive an SSO switchover: the new active goes on counting.

use fabric_proto::{checkpoint::CfClientId, id::LcSlot, id::PortId, redundancy::Code, redundancy::Mode, time::Instant};
use rp_contract::*;

#[derive(Debug, Default)]
pub struct Flaps(Table<Count>);

impl Client for Flaps {
    fn name(&self) -> &'static str {
        "flaps"
    }

    fn news(&mut self, _now: Instant, news: &News, _out: &mut Vec<Effect>) {
        if let News::Carrier { port, up: false } = *news {
            self.0.set(port, Some(self.0.get(port).unwrap_or(&0) + 1));
        }
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        if let Some(TakeOver::Hot) = progression.takes_over(Code::ActiveFast) {
            out.extend(self.0.iter().map(|(port, flaps)| Effect::log(format!("%FLAPS-6-KEPT: {port} {flaps}"))));
        }
        Answer::Done
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(&mut self.0)
    }
}

#[derive(Debug)]
pub struct Count;

impl Coding for Count {
    type Key = PortId;
    type Row = u32;
    const MEMBER: Member = Member::new(CfClientId(900), "flap counts", Mode::Sso);

    fn size(_version: u8) -> usize {
        6
    }

    fn write(port: PortId, flaps: Option<&u32>, _version: u8, out: &mut Vec<u8>) {
        out.extend([port.slot.0, port.port]);
        out.extend(flaps.unwrap_or(&0).to_be_bytes());
    }

    fn read(bytes: &[u8], _version: u8) -> Option<(PortId, Option<u32>)> {
        let [slot, port, flaps @ ..]: [u8; 6] = bytes.try_into().ok()?;
        Some((PortId { slot: LcSlot(slot), port }, Some(u32::from_be_bytes(flaps))))
    }
}
