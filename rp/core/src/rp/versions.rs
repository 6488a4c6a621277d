//! What this RP offers to speak, and what it speaks with its peer and its line cards ([`fabric_proto::offer`]).

use super::{Output, Rp};
use fabric_proto::{
    codec::Class,
    id::Slot,
    issu,
    offer::{Agreed, Group, Offer},
    operator::EventKind,
    version::Verdict,
};
use std::{collections::BTreeMap, sync::Arc};

/// What was agreed on, connection by connection. It is remembered after a connection's end: who asks then is told what was.
#[derive(Debug, Default)]
pub(super) struct Spoken(BTreeMap<Slot, Arc<Agreed>>);

impl Spoken {
    /// A connection is up. What is not spoken in this side's newest versions is worth a line in the log, when it is news. Says
    /// whether it is.
    pub(super) fn connected(&mut self, slot: Slot, agreed: Arc<Agreed>, out: &mut Vec<Output>) -> bool {
        let news = self.0.get(&slot) != Some(&agreed);
        if news && let Some(line) = difference(slot, &agreed) {
            out.push(Output::Event(EventKind::Log { line }));
        }
        self.0.insert(slot, agreed);
        news
    }
}

/// Whether an RP speaks anything of a group with who is in a slot.
fn concerns(slot: Slot, group: Group) -> bool {
    match (slot, group) {
        (Slot::Rp(_), Group::Messages(class)) => matches!(class, Class::Redundancy | Class::Checkpoint),
        (Slot::Lc(_), Group::Messages(class)) => class == Class::LineCard,
        (Slot::Rp(_), Group::Client(_) | Group::Issu) | (Slot::Lc(_), Group::Cells) => true,
        (Slot::Rp(_), Group::Cells) | (Slot::Lc(_), Group::Client(_) | Group::Issu) => false,
    }
}

/// In what two cards differ; `None` when they speak all that either has, in the newest versions of this side.
fn difference(slot: Slot, agreed: &Agreed) -> Option<String> {
    let mut nothing = false;
    let concerned = agreed.verdicts().filter(|(group, _)| concerns(slot, *group));
    let differ: Vec<String> = concerned
        .filter_map(|(group, verdict)| match verdict {
            Verdict::Agreed(version) => {
                let older = agreed.ours().versions(group).is_some_and(|ours| version < ours.newest());
                older.then(|| format!("{group} in version {version}"))
            }
            Verdict::OneSided => Some(format!("no {group}")),
            Verdict::Nothing { ours, theirs } => {
                nothing = true;
                Some(format!("{group}: it speaks {theirs}, this RP {ours}"))
            }
        })
        .collect();
    let (mnemonic, release) = (if nothing { "3-INCOMPATIBLE" } else { "5-OLDER" }, agreed.theirs().release());
    (!differ.is_empty()).then(|| format!("%ISSU-{mnemonic}: slot {slot} runs release {release}: {}", differ.join(", ")))
}

impl Rp {
    /// What this RP offers on every connection.
    pub fn offer(&self) -> Offer {
        let offer = self.clients.offer(&self.boot.release);
        if self.boot.issu.negotiates { offer.with(Group::Issu, issu::VERSIONS) } else { offer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::{
        checkpoint::CfClientId,
        id::{LcSlot, RpSlot},
        version::Versions,
    };

    #[test]
    fn what_two_releases_differ_in_is_said_once() {
        let (slot, card) = (Slot::Rp(RpSlot::B), Slot::Lc(LcSlot(2)));
        let own = Offer::new("2.0").with(Group::Client(CfClientId(9)), Versions::FIRST);
        let agreed = |theirs: Offer| Arc::new(Agreed::between(own.clone(), theirs));
        let mut spoken = Spoken::default();
        let mut out = Vec::new();
        spoken.connected(slot, agreed(own.clone()), &mut out);
        assert_eq!(out, []);
        for _ in 0..2 {
            spoken.connected(slot, agreed(Offer::of_1_0()), &mut out);
        }
        let [Output::Event(EventKind::Log { line })] = &out[..] else { panic!("{out:?}") };
        assert!(line.starts_with("%ISSU-5-OLDER: slot B runs release 1.0: checkpoint messages in version 1"), "{line}");
        assert!(line.contains("no records of checkpoint client 9"), "{line}");
        out.clear();
        spoken.connected(card, agreed(own.clone().with(Group::Cells, Versions::new(7, 8))), &mut out);
        let [Output::Event(EventKind::Log { line })] = &out[..] else { panic!("{out:?}") };
        assert_eq!(line, "%ISSU-3-INCOMPATIBLE: slot 2 runs release 2.0: cells: it speaks 7-8, this RP 1");
    }
}
