//! What the facility is told when it is built.

use super::{Client, field_clients};
use fabric_proto::{
    id::{Epoch, RpSlot},
    platform::{NATIVE, Profile},
    redundancy::{Mode, SwitchoverReason, SwitchoverRecord},
    time::Instant,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the facility is told when it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This unit.
    pub slot: RpSlot,
    /// Identifies this run of the program; never twice the same.
    pub boot: u64,
    /// Release of the image.
    pub release: String,
    /// Mode in the configuration as far as it is known at boot; [`super::Input::SetMode`] changes it.
    pub configured: Mode,
    /// What the chassis' family does.
    pub profile: &'static Profile,
    /// Line cards of an older kind in the chassis ([`fabric_proto::platform::Legacy`]).
    pub legacy_cards: usize,
    /// What NVRAM remembers ([`super::Output::SaveTerm`]).
    pub last_term: LastTerm,
    /// Between heartbeats.
    pub heartbeat: Duration,
    /// Silence after which the peer is dead.
    pub switchover: Duration,
    /// How long a failed peer may dump its core before it is reset.
    pub crashdump: Duration,
    /// How long a client may take for one event (`client_notification_TMR`).
    pub client_notification: Duration,
    /// How long a fenced unit waits for the active that fenced it before it believes itself alone.
    pub fenced_wait: Duration,
    /// Why this run began.
    pub cause: BootCause,
    /// The registered clients; [`field_clients`] is the table of a family.
    pub clients: Vec<Client>,
}

impl Config {
    /// The field's defaults for a unit: SSO, three seconds of silence, thirty seconds a client.
    pub fn new(slot: RpSlot, boot: u64, release: &str) -> Self {
        Self {
            slot,
            boot,
            release: release.to_owned(),
            configured: Mode::Sso,
            profile: &NATIVE,
            legacy_cards: 0,
            last_term: LastTerm::default(),
            heartbeat: Duration::from_millis(500),
            switchover: Duration::from_secs(3),
            crashdump: Duration::ZERO,
            client_notification: Duration::from_secs(30),
            fenced_wait: Duration::from_secs(60),
            cause: BootCause::Cold,
            clients: field_clients(&NATIVE),
        }
    }
}

/// What a unit remembers of terms over restarts and power cuts. A store that is damaged remembers nothing: peers and
/// line cards know better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LastTerm {
    /// The highest epoch that this unit has seen.
    pub epoch: Epoch,
    /// Another unit rules in it, and this one was told so while it was active: it is not to believe itself alone
    /// soon. It is saved together with the epoch, because a reset may come before this unit could restart by itself, and
    /// one that knew only the epoch would claim the next one.
    pub fenced: bool,
}

/// Why a run of the program began: the shell keeps the `next` of the output that ended the last run, gives
/// it to the new run once, and forgets it. Without one it is [`BootCause::Cold`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum BootCause {
    /// Power, a reset, a restart.
    #[default]
    Cold,
    /// This unit was refused by a line card or met a newer active: it is to be standby.
    Fenced,
    /// This unit decided to take over and had to boot for it: an HSA standby, or one that was not ready and
    /// reset the chassis. It becomes active without waiting.
    Takeover {
        /// The term that it took.
        epoch: Epoch,
        /// Why.
        reason: SwitchoverReason,
        /// The peer's run that failed and is to be reset; `None` where there is nothing to reset.
        failed: Option<u64>,
        /// Switchover history to go on with.
        switchovers: Vec<SwitchoverRecord>,
        /// When the chassis started; `None` where the chassis starts with this run.
        chassis_since: Option<Instant>,
    },
}
