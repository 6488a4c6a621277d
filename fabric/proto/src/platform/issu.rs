//! Clients of in-service software upgrade as the field lists them (`seeds/001`): what negotiates for itself when two
//! route processors meet whose images differ.

use crate::{checkpoint::CfClientId, codec::Class, offer::Group};

/// A client of ISSU. Rows whose clients neither release has are nobody's: nothing is shown of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuClient {
    /// `Client_ID`.
    pub id: u16,
    /// `Client_Name`.
    pub name: &'static str,
    /// Whether there is no stateful switchover without it. **No later release adds a base client**: an older one, which
    /// does not know it, must find the same operating mode. What cannot be done without raises the oldest version of a
    /// base client that there is.
    pub base: bool,
    /// Those that it can only work with, by `Client_ID`.
    pub needs: &'static [u16],
    /// What it says, a message type each. None: the records of the checkpoint client of its own number.
    speaks: &'static [Group],
}

impl IssuClient {
    const fn base(id: u16, name: &'static str, speaks: &'static [Group]) -> Self {
        Self { id, name, base: true, needs: &[], speaks }
    }

    const fn optional(id: u16, name: &'static str, needs: &'static [u16], speaks: &'static [Group]) -> Self {
        Self { id, name, base: false, needs, speaks }
    }

    /// What it says, a message type each, in their order.
    pub fn speaks(&self) -> Vec<Group> {
        match self.speaks {
            [] => vec![Group::Client(CfClientId(self.id))],
            groups => groups.to_vec(),
        }
    }

    /// Whether this is what it says.
    pub fn says(&self, group: Group) -> bool {
        match self.speaks {
            [] => group == Group::Client(CfClientId(self.id)),
            groups => groups.contains(&group),
        }
    }
}

const PROTO: IssuClient = IssuClient::base(2, "ISSU Proto client", &[Group::Issu]);
const RF: IssuClient = IssuClient::base(3, "ISSU RF", &[Group::Messages(Class::Redundancy)]);
const NETWORK: IssuClient = IssuClient::base(5, "ISSU Network RF client", &[Group::Client(CfClientId::LINKS)]);
const CONFIG: IssuClient = IssuClient::base(
    7,
    "ISSU CONFIG SYNC",
    &[Group::Client(CfClientId::STARTUP_CONFIG), Group::Client(CfClientId::RUNNING_CONFIG)],
);
/// The field has it beside its base clients for the forwarding table; here there is none but this.
const CEF: IssuClient = IssuClient::base(2002, "CEF Push ISSU client", &[Group::Client(CfClientId::FIB)]);
/// What is distributed to line cards: a takeover by a release that has no version of it in common with this one cannot keep
/// a card that this one brought up.
const XDR: IssuClient = IssuClient::optional(2003, "ISSU XDR client", &[], &[Group::Messages(Class::LineCard)]);
const LSD: IssuClient = IssuClient::optional(2007, "ISSU LSD Label Mgr HA Client", &[CHECKPOINTING, 3], &[]);
const TABLE_ID: IssuClient = IssuClient::optional(2008, "ISSU Tableid Client", &[2007], &[]);
const VPN: IssuClient = IssuClient::optional(2009, "ISSU MPLS VPN Client", &[2007], &[]);
const LDP: IssuClient = IssuClient::optional(2011, "ISSU LDP Client", &[2007], &[]);
const MFI_PULL: IssuClient = IssuClient::optional(2030, "MFI Pull ISSU client", &[2003], &[]);
const MFI_PUSH: IssuClient = IssuClient::optional(2031, "MFI Push ISSU client", &[2003], &[]);
/// The upgrade itself.
const PROCESS: IssuClient = IssuClient::optional(2054, "ISSU process client", &[], &[]);
const LSPV: IssuClient = IssuClient::optional(2089, "MPLS LSPV Push client", &[2003], &[]);

/// `Client_ID` of the checkpointing facility. Which cards are inserted it says for a family that has no client of its own
/// for that, as in [`super::RfClient::CHECKPOINTING`].
const CHECKPOINTING: u16 = 4;

/// Of every family but the 10000.
pub(super) static FIELD: [IssuClient; 15] = [
    PROTO,
    RF,
    IssuClient::base(
        CHECKPOINTING,
        "ISSU CF client",
        &[Group::Messages(Class::Checkpoint), Group::Client(CfClientId::CHASSIS)],
    ),
    NETWORK,
    CONFIG,
    CEF,
    XDR,
    LSD,
    TABLE_ID,
    VPN,
    LDP,
    MFI_PULL,
    MFI_PUSH,
    PROCESS,
    LSPV,
];

/// Of the 10000, which has a client for the insertion and removal of cards.
pub(super) static C10K: [IssuClient; 16] = [
    PROTO,
    RF,
    IssuClient::base(CHECKPOINTING, "ISSU CF client", &[Group::Messages(Class::Checkpoint)]),
    NETWORK,
    CONFIG,
    IssuClient::base(1013, "C10K CARD OIR", &[Group::Client(CfClientId::CHASSIS)]),
    CEF,
    XDR,
    LSD,
    TABLE_ID,
    VPN,
    LDP,
    MFI_PULL,
    MFI_PUSH,
    PROCESS,
    LSPV,
];
