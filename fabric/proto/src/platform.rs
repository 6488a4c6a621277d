//! Platform profiles: what sets one router family apart from another when its active RP fails.
//!
//! A profile is data. Machines ask it a question where families differ, and none asks for a family by name. Facts are
//! those of the stateful switchover document (`seeds/002`); where it is silent or contradicts itself, the field says so.

mod issu;

pub use issu::IssuClient;

use crate::redundancy::Mode;
use std::{fmt, time::Duration};

/// A router family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// swact's own: every mode, nothing that a real chassis would hold back.
    Native,
    /// Cisco 7304.
    C7304,
    /// Cisco 7500 series.
    C7500,
    /// Cisco 10000 series.
    C10000,
    /// Cisco 12000 series.
    C12000,
    /// Cisco ASR 1000 series.
    Asr1000,
}

/// Who looks packets up, and whom they pass: it decides whether they stop while there is no active RP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Line cards, on their own tables, to each other: nothing stops.
    Distributed,
    /// Line cards look up; a packet for another card passes the active RP. What stays on a card goes on.
    BetweenCardsByRp,
    /// Every packet passes the active RP.
    Central,
}

impl Forwarding {
    /// Whether a packet from one card to another (`local`: to a port of the same card) passes the active RP.
    pub fn passes_rp(self, local: bool) -> bool {
        match self {
            Self::Distributed => false,
            Self::BetweenCardsByRp => !local,
            Self::Central => true,
        }
    }

    /// Whether any packet passes the active RP.
    pub fn uses_rp(self) -> bool {
        self != Self::Distributed
    }
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Distributed => "distributed",
            Self::BetweenCardsByRp => "RP between cards",
            Self::Central => "RP",
        })
    }
}

/// What follows when the active fails before the standby is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The chassis resets.
    ResetChassis,
    /// A booted standby takes over as it would in RPR.
    TakeOverAsRpr,
}

/// What a card of an older kind does to its chassis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legacy {
    /// There are none.
    None,
    /// Its presence keeps the chassis in this mode or below.
    ForcesMode(Mode),
    /// It is reset by every switchover; with so many of them, every line card is.
    Resets {
        /// From how many on.
        all_from: usize,
    },
}

/// Times of the real hardware, for experiments that ask for them. Off by default; figures they touch are labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelledTimes {
    /// From the decision to take over to the first line card adopted.
    pub switchover: Duration,
}

/// A client of the redundancy facility as the family lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RfClient {
    /// `clientID`.
    pub id: u16,
    /// `clientSeq`: the order of visits.
    pub seq: u16,
    /// Its name there.
    pub name: &'static str,
    /// The clients of swact that answer for it, by name. None for the facility itself, the first and the last of every
    /// visit. Clients of swact that a family does not list answer for [`RfClient::CHECKPOINTING`], which all of them have.
    pub clients: &'static [&'static str],
    /// Whether it carries state without which a standby is none: a bring-up in which it does not answer fails.
    pub vital: bool,
}

impl RfClient {
    /// `clientID` of the checkpointing facility in every family.
    pub const CHECKPOINTING: u16 = 25;
}

/// Everything in which a family differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// The family.
    pub platform: Platform,
    /// Its name in topologies.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it calls a route processor.
    pub rp: &'static str,
    /// Modes that it can be configured to, least protection first.
    pub modes: &'static [Mode],
    /// Mode of a configuration that names none.
    pub default_mode: Mode,
    /// Best mode while the images of the two RPs differ and are not compatible ([`crate::issu`]).
    pub mixed_images: Mode,
    /// Operating modes whose switchover resets the line cards.
    pub resetting_modes: &'static [Mode],
    /// Who forwards.
    pub forwarding: Forwarding,
    /// A standby that is not ready.
    pub unready: Unready,
    /// The operating mode shown until the standby is ready; `None`: the one that it is being brought up for.
    pub shown_while_syncing: Option<Mode>,
    /// Mode of the switchover when the active is pulled out; `None`: the operating one.
    pub removal: Option<Mode>,
    /// Whether a card inserted or removed during a switchover resets the chassis.
    pub fabric_change_resets: bool,
    /// Whether line cards that are not online at the switchover are reset.
    pub offline_cards_reset: bool,
    /// Line cards of an older kind.
    pub legacy: Legacy,
    /// Whether `redundancy force-switchover` demands the keyword `main-cpu`.
    pub main_cpu_keyword: bool,
    /// Whether `hw-module slot N image` chooses an RP's image.
    pub hw_module_image: bool,
    /// Whether RPs can boot over TFTP in SSO.
    pub tftp_boot: bool,
    /// Times of the hardware.
    pub modelled: ModelledTimes,
    /// The registered clients that swact has, by `clientSeq`.
    pub clients: &'static [RfClient],
    /// Its clients of in-service software upgrade, by `Client_ID`.
    pub issu: &'static [IssuClient],
}

/// The facility itself.
const fn internal(id: u16, seq: u16, name: &'static str) -> RfClient {
    RfClient { id, seq, name, clients: &[], vital: false }
}

const fn client(id: u16, seq: u16, name: &'static str, clients: &'static [&'static str]) -> RfClient {
    RfClient { id, seq, name, clients, vital: false }
}

const fn vital(id: u16, seq: u16, name: &'static str, clients: &'static [&'static str]) -> RfClient {
    RfClient { id, seq, name, clients, vital: true }
}

const fn seconds(seconds: u64) -> ModelledTimes {
    ModelledTimes { switchover: Duration::from_secs(seconds) }
}

const ALL_MODES: &[Mode] = &Mode::ALL;
const FROM_RPR: &[Mode] = &[Mode::Rpr, Mode::RprPlus, Mode::Sso];
const COLD: &[Mode] = &[Mode::Hsa, Mode::Rpr];
const COLD_AND_WARM: &[Mode] = &[Mode::Hsa, Mode::Rpr, Mode::RprPlus];

/// swact's own platform.
pub static NATIVE: Profile = Profile {
    platform: Platform::Native,
    name: "native",
    title: "swact",
    rp: "RP",
    modes: ALL_MODES,
    default_mode: Mode::Sso,
    mixed_images: Mode::Rpr,
    resetting_modes: COLD,
    forwarding: Forwarding::Distributed,
    unready: Unready::ResetChassis,
    shown_while_syncing: None,
    removal: None,
    fabric_change_resets: false,
    offline_cards_reset: false,
    legacy: Legacy::None,
    main_cpu_keyword: false,
    hw_module_image: true,
    tftp_boot: false,
    // There is no hardware to be modelled.
    modelled: seconds(0),
    clients: &[
        internal(0, 0, "RF_INTERNAL_MSG"),
        client(29, 60, "Redundancy Mode RF", &["mode"]),
        client(139, 62, "IfIndex", &["ifindex"]),
        vital(25, 130, "CHKPT RF", &["checkpoint"]),
        client(1314, 137, "Native Platform RF", &["chassis"]),
        client(22, 140, "Network RF Client", &["links"]),
        vital(24, 150, "CEF RRP RF Client", &["cef"]),
        vital(5, 170, "Config Sync RF client", &["startup", "running"]),
        client(49, 225, "HDLC", &["hdlc"]),
        client(20, 310, "IPROUTING NSF RF cli", &["routing"]),
        client(35, 360, "History RF Client", &["history"]),
        internal(65000, 65000, "RF_LAST_CLIENT"),
    ],
    issu: &issu::FIELD,
};

static C7304: Profile = Profile {
    platform: Platform::C7304,
    name: "c7304",
    title: "Cisco 7304",
    // The tables of modes by release list HSA here; the text on HSA has it on the 7500 alone. The tables are newer.
    modes: ALL_MODES,
    // "Line cards are not reset in RPR+" is said of the 10000 and the 12000 only.
    resetting_modes: COLD_AND_WARM,
    legacy: Legacy::ForcesMode(Mode::Rpr),
    hw_module_image: false,
    // "Only a few seconds", taken as three.
    modelled: seconds(3),
    clients: &[
        internal(0, 0, "RF_INTERNAL_MSG"),
        client(29, 60, "Redundancy Mode RF", &["mode"]),
        vital(25, 130, "CHKPT RF", &["checkpoint"]),
        client(1314, 137, "7300 Platform RF", &["chassis"]),
        client(22, 140, "Network RF Client", &["links"]),
        vital(24, 150, "CEF RRP RF Client", &["cef"]),
        vital(5, 170, "RFS client", &["startup", "running"]),
        client(49, 225, "HDLC", &["hdlc"]),
        client(20, 310, "IPROUTING NSF RF cli", &["routing"]),
        client(35, 360, "History RF Client", &["history"]),
        internal(65000, 65000, "RF_LAST_CLIENT"),
    ],
    ..NATIVE
};

static C7500: Profile = Profile {
    platform: Platform::C7500,
    name: "c7500",
    title: "Cisco 7500 series",
    rp: "RSP",
    modes: ALL_MODES,
    default_mode: Mode::Hsa,
    resetting_modes: COLD_AND_WARM,
    forwarding: Forwarding::BetweenCardsByRp,
    unready: Unready::TakeOverAsRpr,
    shown_while_syncing: Some(Mode::Rpr),
    removal: Some(Mode::Rpr),
    fabric_change_resets: true,
    legacy: Legacy::Resets { all_from: 3 },
    modelled: seconds(30),
    clients: &[
        internal(0, 0, "RF_INTERNAL_MSG"),
        vital(25, 130, "CHKPT RF", &["checkpoint"]),
        client(22, 140, "Network RF Client", &["links"]),
        vital(24, 150, "CEF RRP RF Client", &["cef"]),
        client(49, 225, "HDLC", &["hdlc"]),
        client(20, 310, "IPROUTING NSF RF cli", &["routing"]),
        client(35, 350, "History RF Client", &["history"]),
        internal(65000, 65000, "RF_LAST_CLIENT"),
    ],
    ..NATIVE
};

static C10000: Profile = Profile {
    platform: Platform::C10000,
    name: "c10000",
    title: "Cisco 10000 series",
    rp: "PRE",
    modes: FROM_RPR,
    mixed_images: Mode::RprPlus,
    resetting_modes: COLD,
    forwarding: Forwarding::Central,
    main_cpu_keyword: true,
    hw_module_image: false,
    tftp_boot: true,
    // "Only a few seconds", taken as three.
    modelled: seconds(3),
    clients: &[
        internal(0, 0, "RF_INTERNAL_MSG"),
        vital(25, 130, "CHKPT RF", &["checkpoint"]),
        client(22, 140, "Network RF Client", &["links"]),
        vital(24, 150, "CEF RRP RF Client", &["cef"]),
        client(26, 160, "C10K RF Client", &["chassis"]),
        vital(5, 170, "RFS client", &["startup", "running"]),
        client(49, 225, "HDLC", &["hdlc"]),
        client(20, 310, "IPROUTING NSF RF cli", &["routing"]),
        client(35, 350, "History RF Client", &["history"]),
        internal(65000, 65000, "RF_LAST_CLIENT"),
    ],
    issu: &issu::C10K,
    ..NATIVE
};

static C12000: Profile = Profile {
    platform: Platform::C12000,
    name: "c12000",
    title: "Cisco 12000 series",
    rp: "GRP",
    modes: FROM_RPR,
    default_mode: Mode::Rpr,
    resetting_modes: COLD,
    fabric_change_resets: true,
    offline_cards_reset: true,
    hw_module_image: false,
    // "Only a few seconds", taken as three; the switchover timer comes on top and is real.
    modelled: seconds(3),
    clients: &[
        internal(0, 0, "RF_INTERNAL_MSG"),
        vital(25, 130, "CHKPT RF", &["checkpoint"]),
        client(27, 132, "C12K RF COMMON Client", &["chassis"]),
        client(30, 135, "Redundancy Mode RF", &["mode"]),
        client(22, 140, "Network RF Client", &["links"]),
        vital(24, 150, "CEF RRP RF Client", &["cef"]),
        vital(5, 170, "RFS client", &["startup", "running"]),
        client(49, 225, "HDLC", &["hdlc"]),
        client(20, 310, "IPROUTING NSF RF cli", &["routing"]),
        client(35, 350, "History RF Client", &["history"]),
        internal(65000, 65000, "RF_LAST_CLIENT"),
    ],
    ..NATIVE
};

static ASR1000: Profile = Profile {
    platform: Platform::Asr1000,
    name: "asr1000",
    title: "Cisco ASR 1000 series",
    modes: &[Mode::Rpr, Mode::Sso],
    // The document names no default.
    default_mode: Mode::Sso,
    resetting_modes: COLD,
    hw_module_image: false,
    // "Only a few seconds", taken as three.
    modelled: seconds(3),
    clients: &[
        internal(0, 0, "RF_INTERNAL_MSG"),
        client(29, 60, "Redundancy Mode RF", &["mode"]),
        client(139, 62, "IfIndex", &["ifindex"]),
        vital(25, 69, "CHKPT RF", &["checkpoint"]),
        client(1340, 90, "ASR1000-RP Platform", &["chassis"]),
        client(22, 98, "Network RF Client", &["links"]),
        vital(24, 113, "CEF RRP RF Client", &["cef"]),
        vital(5, 135, "Config Sync RF clien", &["startup", "running"]),
        client(49, 153, "HDLC", &["hdlc"]),
        client(20, 171, "IPROUTING NSF RF cli", &["routing"]),
        client(35, 192, "History RF Client", &["history"]),
        internal(65000, 336, "RF_LAST_CLIENT"),
    ],
    ..NATIVE
};

/// All profiles, swact's own first.
pub static PROFILES: [&Profile; 6] = [&NATIVE, &C7304, &C7500, &C10000, &C12000, &ASR1000];

impl Profile {
    /// The profile of this name; an empty name is swact's own.
    pub fn named(name: &str) -> Option<&'static Self> {
        if name.is_empty() {
            return Some(&NATIVE);
        }
        PROFILES.into_iter().find(|profile| profile.name == name)
    }

    /// Whether it can be configured to `mode`.
    pub fn supports(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// The best supported mode that is no better than `wanted`; the least one where there is none.
    pub fn at_most(&self, wanted: Mode) -> Mode {
        self.modes.iter().copied().rfind(|mode| *mode <= wanted).unwrap_or(self.modes[0])
    }

    /// Whether a switchover in `mode` resets the line cards.
    pub fn resets_line_cards(&self, mode: Mode) -> bool {
        self.resetting_modes.contains(&mode)
    }

    /// Supported modes, for messages: `rpr, rpr-plus, sso`.
    pub fn mode_names(&self) -> String {
        self.modes.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
