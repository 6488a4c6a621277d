//! What this RP offers to speak, and what it speaks with its peer and its line cards ([`fabric_proto::offer`]).

use super::{Output, Rp};
use crate::{
    cli::{GroupView, SpokenView},
    clients,
    fib_feed::{Beyond, Level},
    issu::verdict,
};
use fabric_proto::{
    checkpoint::CfClientId,
    codec::Class,
    id::{LcSlot, PortId, Slot},
    issu::{self, Compatibility},
    linecard::InterfaceConfig,
    offer::{Agreed, Group, Offer},
    operator::EventKind,
    version::{Verdict, Versions},
};
use std::{collections::BTreeMap, sync::Arc};

/// What was agreed on, connection by connection. It is remembered after a connection's end: who asks then is told what was.
#[derive(Debug, Default)]
pub(super) struct Spoken(BTreeMap<Slot, With>);

/// One connection.
#[derive(Debug)]
struct With {
    agreed: Arc<Agreed>,
    connected: bool,
}

impl Spoken {
    /// A connection is up. Says whether what was agreed on is news.
    pub(super) fn connected(&mut self, slot: Slot, agreed: Arc<Agreed>) -> bool {
        let news = self.0.get(&slot).is_none_or(|with| with.agreed != agreed);
        self.0.insert(slot, With { agreed, connected: true });
        news
    }

    /// The same of a line card. What is not spoken in this side's newest versions is worth a line in the log, when it is news.
    pub(super) fn card_connected(&mut self, slot: LcSlot, agreed: Arc<Agreed>, out: &mut Vec<Output>) {
        let difference = difference(slot, &agreed);
        if self.connected(Slot::Lc(slot), agreed)
            && let Some(line) = difference
        {
            out.push(Output::Event(EventKind::Log { line }));
        }
    }

    /// It has ended.
    pub(super) fn lost(&mut self, slot: Slot) {
        if let Some(with) = self.0.get_mut(&slot) {
            with.connected = false;
        }
    }

    /// What a line card is given of the forwarding table; `None` for one that nothing can be said to.
    pub(super) fn level(&self, slot: LcSlot) -> Option<Level> {
        let verdict = self.0.get(&Slot::Lc(slot))?.agreed.verdict(Group::Messages(Class::LineCard));
        verdict.version().map(Level::of_version)
    }

    /// The release that a card runs, or ran when it was connected last.
    pub(super) fn release(&self, slot: Slot) -> Option<&str> {
        self.0.get(&slot).map(|with| with.agreed.theirs().release())
    }

    /// Whether a line card is connected that has no version in common with this RP.
    pub(super) fn is_incompatible(&self, slot: LcSlot) -> bool {
        let with = self.0.get(&Slot::Lc(slot));
        with.is_some_and(|with| with.connected && of_card(slot, &with.agreed) == Compatibility::Incompatible)
    }
}

/// Things named one by one in a line of the log; of more, only the number is told.
const NAMED: usize = 20;

/// Names what somebody is without, as the log has it.
pub(super) fn named(all: impl ExactSizeIterator<Item = String>, between: &str) -> String {
    let more = all.len().saturating_sub(NAMED);
    let first = all.take(NAMED).collect::<Vec<_>>().join(between);
    if more > 0 { format!("{first}{between}and {more} more") } else { first }
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

/// Groups that an RP speaks with who is in a slot, and what came of each.
fn verdicts(slot: Slot, agreed: &Agreed) -> impl Iterator<Item = (Group, Verdict)> + '_ {
    agreed.verdicts().filter(move |(group, _)| concerns(slot, *group))
}

/// Whether what came of a group is all that this side speaks.
fn is_newest(agreed: &Agreed, group: Group, verdict: Verdict) -> bool {
    let newest = agreed.ours().versions(group).map(Versions::newest);
    verdict.version().is_some_and(|version| newest.is_none_or(|newest| version == newest))
}

/// Whether an RP and a line card of any releases work together.
fn of_card(slot: LcSlot, agreed: &Agreed) -> Compatibility {
    Compatibility::of(verdicts(Slot::Lc(slot), agreed).map(|(group, verdict)| match verdict {
        Verdict::Nothing { .. } => Compatibility::Incompatible,
        Verdict::Agreed(_) | Verdict::OneSided if is_newest(agreed, group, verdict) => Compatibility::Compatible,
        Verdict::Agreed(_) | Verdict::OneSided => Compatibility::BaseLevel,
    }))
}

/// In what a line card differs; `None` when both speak all that either has, in the newest versions of this side.
fn difference(slot: LcSlot, agreed: &Agreed) -> Option<String> {
    let mnemonic = match of_card(slot, agreed) {
        Compatibility::Compatible => return None,
        Compatibility::BaseLevel => "5-OLDER",
        Compatibility::Incompatible | Compatibility::Dynamic => "3-INCOMPATIBLE",
    };
    let all = verdicts(Slot::Lc(slot), agreed);
    let differ = all.filter(|(group, verdict)| !is_newest(agreed, *group, *verdict));
    let differ: Vec<String> = differ
        .map(|(group, verdict)| match verdict {
            Verdict::Agreed(version) => format!("{group} in version {version}"),
            Verdict::OneSided => format!("no {group}"),
            Verdict::Nothing { ours, theirs } => format!("{group}: it speaks {theirs}, this RP {ours}"),
        })
        .collect();
    let release = agreed.theirs().release();
    Some(format!("%ISSU-{mnemonic}: slot {slot} runs release {release}: {}", differ.join(", ")))
}

impl Rp {
    /// What this RP offers on every connection.
    pub fn offer(&self) -> Offer {
        let offer = self.clients.offer(&self.boot.release);
        if self.boot.issu.negotiates { offer.with(Group::Issu, issu::VERSIONS) } else { offer }
    }

    /// A line card's release has no words for something, and it is at base level without.
    pub(super) fn card_without(&self, slot: LcSlot, what: &Beyond, out: &mut Vec<Output>) {
        let name = |InterfaceConfig { port, vlan, .. }: &InterfaceConfig| {
            let port = PortId { slot, port: *port };
            self.config().interfaces.with_vlan(port, *vlan).unwrap_or(port.into()).to_string()
        };
        let what = match what {
            Beyond::Entries => "entries of VRFs, labels and circuits: it forwards without".to_owned(),
            Beyond::Paths => "paths beyond untagged Ethernet: it forwards without".to_owned(),
            Beyond::Interfaces(all) => {
                format!("these interfaces, which are down: {}", named(all.iter().map(name), ", "))
            }
        };
        let release = self.spoken.release(Slot::Lc(slot)).unwrap_or("unknown");
        let line = format!("%ISSU-4-BASE_LEVEL: slot {slot} runs release {release}, which has no words for {what}");
        out.push(Output::Event(EventKind::Log { line }));
    }
}

/// For `show issu negotiated version`.
impl Rp {
    /// What is spoken with each card that was ever connected.
    pub(super) fn spoken_views(&self) -> Vec<SpokenView> {
        self.spoken.0.iter().map(|(slot, with)| self.spoken_view(*slot, with)).collect()
    }

    fn spoken_view(&self, slot: Slot, With { agreed, connected }: &With) -> SpokenView {
        let title =
            |client| self.clients.members().iter().find(|member| member.number == client).map(|found| found.title);
        let name = |group: Group| match group {
            Group::Client(client) => title(client).map_or(group.to_string(), |title| format!("records: {title}")),
            Group::Messages(_) | Group::Cells | Group::Issu => group.to_string(),
        };
        let row = |(group, verdict): (Group, Verdict)| GroupView {
            name: name(group),
            ours: agreed.ours().versions(group),
            theirs: agreed.theirs().versions(group),
            agreed: verdict.version(),
        };
        let compatibility = match slot {
            Slot::Rp(_) => verdict(agreed, self.boot.profile.issu, &self.clients.speechless()).compatibility(),
            Slot::Lc(card) => of_card(card, agreed),
        };
        SpokenView {
            slot,
            release: agreed.theirs().release().to_owned(),
            connected: *connected,
            compatibility,
            groups: verdicts(slot, agreed).map(row).collect(),
            without: if *connected { self.without(slot) } else { Vec::new() },
        }
    }

    /// What a card at base level is without just now.
    fn without(&self, slot: Slot) -> Vec<String> {
        let some = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        match slot {
            Slot::Rp(_) => {
                let lines = self.left_out.iter().filter_map(|(client, lines)| {
                    let what = if *client == CfClientId::STARTUP_CONFIG { "startup-config" } else { "running-config" };
                    some(lines.len(), &format!("line(s) of {what}"))
                });
                lines.collect()
            }
            Slot::Lc(card) if self.spoken.level(card) == Some(Level::Base) => {
                let [entries, lists] = self.fib().table().beyond_release_1();
                let interfaces = clients::interfaces(self.config(), card).len();
                let kinds = [
                    some(entries, "entries of VRFs, labels and circuits"),
                    some(lists, "path lists beyond untagged Ethernet"),
                    some(interfaces, "interface(s) of its own, which are down"),
                ];
                kinds.into_iter().flatten().collect()
            }
            Slot::Lc(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_differs_in_is_said_once() {
        let card = LcSlot(2);
        let own = Offer::new("2.0");
        let agreed = |theirs: Offer| Arc::new(Agreed::between(own.clone(), theirs));
        let mut spoken = Spoken::default();
        let mut out = Vec::new();
        spoken.card_connected(card, agreed(own.clone()), &mut out);
        assert_eq!(out, []);
        for _ in 0..2 {
            spoken.card_connected(card, agreed(Offer::of_1_0()), &mut out);
        }
        let [Output::Event(EventKind::Log { line })] = &out[..] else { panic!("{out:?}") };
        assert_eq!(line, "%ISSU-5-OLDER: slot 2 runs release 1.0: line-card messages in version 1");
        out.clear();
        spoken.card_connected(card, agreed(own.clone().with(Group::Cells, Versions::new(7, 8))), &mut out);
        let [Output::Event(EventKind::Log { line })] = &out[..] else { panic!("{out:?}") };
        assert_eq!(line, "%ISSU-3-INCOMPATIBLE: slot 2 runs release 2.0: cells: it speaks 7-8, this RP 1");
    }
}
