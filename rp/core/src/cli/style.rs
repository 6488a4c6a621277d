//! How router families write what `show redundancy` shows: their slots, units and layouts (seeds/002, the
//! examples of each platform). The data, and the JSON, are the same everywhere.

use fabric_proto::{id::RpSlot, redundancy::Mode};

/// Layout of `show redundancy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overview {
    /// System, current processor and peer processor, a block each.
    Blocks,
    /// Sentences, with the images configured for the slots.
    Sentences,
    /// Units, then all about the standby.
    Units,
    /// A few lines.
    Short,
}

/// Layout of `show redundancy states`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum States {
    /// Operational and configured mode, and the state.
    Full,
    /// Operational and configured mode, and the split mode.
    Split,
    /// The operational mode only.
    Single,
}

/// How one family writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// What a route processor is called.
    pub(super) rp: &'static str,
    /// Its slots, as the chassis numbers them.
    slots: [&'static str; 3],
    /// Its units' numbers.
    units: [u16; 3],
    pub(super) overview: Overview,
    pub(super) states: States,
    /// How the primary unit is marked in `show redundancy states`.
    pub(super) primary: Option<[&'static str; 2]>,
    /// Whether modes and switches are written in capitals: `SSO`, `Enabled`.
    capitals: bool,
}

const BLOCKS: Style = Style {
    rp: "RP",
    slots: ["A", "B", "C"],
    units: [1, 2, 3],
    overview: Overview::Blocks,
    states: States::Full,
    primary: Some(["Primary", "Secondary"]),
    capitals: false,
};

/// Families by the name of their profile; the first one is for every other name.
static STYLES: [(&str, Style); 6] = [
    ("native", BLOCKS),
    (
        "c7304",
        Style {
            slots: ["0", "2", "3"],
            units: [0, 2, 3],
            states: States::Split,
            primary: None,
            capitals: true,
            ..BLOCKS
        },
    ),
    (
        "c7500",
        Style {
            rp: "RSP",
            slots: ["6", "7", "8"],
            units: [6, 7, 8],
            overview: Overview::Sentences,
            states: States::Single,
            primary: None,
            ..BLOCKS
        },
    ),
    (
        "c10000",
        Style {
            rp: "PRE",
            units: [0, 1, 2],
            overview: Overview::Units,
            states: States::Single,
            primary: Some(["Preferred Primary", "Preferred Secondary"]),
            capitals: true,
            ..BLOCKS
        },
    ),
    (
        "c12000",
        Style {
            rp: "GRP",
            slots: ["4", "5", "6"],
            units: [4, 5, 6],
            overview: Overview::Short,
            states: States::Single,
            primary: None,
            capitals: true,
        },
    ),
    ("asr1000", Style { slots: ["6", "7", "8"], units: [48, 49, 50], ..BLOCKS }),
];

impl Style {
    /// The style of a platform.
    pub(super) fn of(platform: &str) -> &'static Self {
        STYLES.iter().find(|(name, _)| *name == platform).map_or(&STYLES[0].1, |(_, style)| style)
    }

    /// A route processor's slot as the chassis numbers it.
    pub(super) fn slot(&self, slot: RpSlot) -> &'static str {
        self.slots.get(slot.index()).copied().unwrap_or("-")
    }

    /// A unit's number.
    pub(super) fn unit(&self, slot: RpSlot) -> u16 {
        self.units.get(slot.index()).copied().unwrap_or_default()
    }

    /// A mode as the family writes it.
    pub(super) fn mode(&self, mode: Mode) -> String {
        if self.capitals { mode.name().to_ascii_uppercase() } else { mode.name().to_owned() }
    }

    /// A switch as the family writes it.
    pub(super) fn switch(&self, on: bool) -> &'static str {
        match (self.capitals, on) {
            (true, true) => "Enabled",
            (true, false) => "Disabled",
            (false, true) => "enabled",
            (false, false) => "disabled",
        }
    }
}
