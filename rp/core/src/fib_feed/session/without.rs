//! What a card of an older release is without.

use super::{Beyond, Output, ports::Told};
use crate::fib_feed::Level;
use fabric_proto::{fib::FibTable, id::LcSlot, linecard::InterfaceConfig};
use std::collections::BTreeSet;

/// What it was said that a card is without.
#[derive(Debug, Default)]
pub(super) struct Without {
    entries: bool,
    paths: bool,
    /// By port and VLAN.
    interfaces: BTreeSet<(u8, u16)>,
}

impl Without {
    /// Its ports are as configured now. Those that it has no words for are down, whatever their wires carry.
    pub(super) fn ports(&mut self, slot: LcSlot, level: Level, told: &Told, out: &mut Vec<Output>) {
        if level == Level::Full {
            return;
        }
        out.extend(told.closed().map(|port| Output::PortState { slot, port, up: false }));
        let name = |interface: &InterfaceConfig| (interface.port, interface.vlan);
        let before = std::mem::replace(&mut self.interfaces, told.interfaces().map(|own| name(&own)).collect());
        let news: Vec<InterfaceConfig> = told.interfaces().filter(|own| !before.contains(&name(own))).collect();
        if !news.is_empty() {
            out.push(Output::Without { slot, what: Beyond::Interfaces(news) });
        }
    }

    /// The table is this now.
    pub(super) fn table(&mut self, slot: LcSlot, level: Level, table: &FibTable, out: &mut Vec<Output>) {
        let [entries, lists] = level.without(table);
        for (said, is, what) in
            [(&mut self.entries, entries > 0, Beyond::Entries), (&mut self.paths, lists > 0, Beyond::Paths)]
        {
            if is && !*said {
                out.push(Output::Without { slot, what });
            }
            *said = is;
        }
    }
}
