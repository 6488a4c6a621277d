//! The software upgrade under way: whoever is active after a switchover goes on with it.

use crate::issu::{Procedure, ROLLBACK_DEFAULT, Upgrade};
use bytes::Bytes;
use fabric_proto::{checkpoint::CfClientId, redundancy::Mode};
use rp_contract::{Ask, Checkpointed, Chunk, Client, Effect, Lost, Member, Unapplied};
use serde::{Deserialize, Serialize};
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

/// The client of the upgrade.
#[derive(Debug, Default)]
pub(crate) struct Issu {
    pub(crate) procedure: Procedure,
    /// What the standby was given last, while it is given anything.
    given: Option<Known>,
    /// What lies in NVRAM.
    saved: Known,
}

/// What both units know.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Known {
    upgrade: Option<Upgrade>,
    rollback: Duration,
}

impl Issu {
    /// Goes on with what NVRAM has. What is damaged is nothing: the peer may know better.
    pub(crate) fn restore(&mut self, kept: &[u8]) {
        if let Ok(known) = rmp_serde::from_slice::<Known>(kept) {
            self.procedure.follow(known.upgrade.clone(), known.rollback);
            self.saved = known;
        }
    }

    /// What NVRAM is to have, if that is news.
    pub(crate) fn to_save(&mut self) -> Option<Bytes> {
        let known = self.known();
        (known != self.saved).then(|| {
            let kept = known.encode();
            self.saved = known;
            kept
        })
    }

    fn known(&self) -> Known {
        Known { upgrade: self.procedure.upgrade().cloned(), rollback: self.procedure.rollback() }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self { upgrade: None, rollback: ROLLBACK_DEFAULT }
    }
}

impl Known {
    fn encode(&self) -> Bytes {
        rmp_serde::to_vec(self).expect("text and numbers always encode").into()
    }
}

impl Client for Issu {
    fn name(&self) -> &'static str {
        "issu"
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(self)
    }
}

impl Checkpointed for Issu {
    fn member(&self) -> Member {
        // Units that lose all else on the way still go on with the upgrade; a boot monitor keeps it like the startup configuration.
        Member::new(CfClientId::UPGRADE, "software upgrade", Mode::Hsa)
    }

    fn chunk(&mut self, _ask: &Ask) -> Chunk {
        let known = self.known();
        let data = known.encode();
        self.given = Some(known);
        Chunk { data, more: false }
    }

    fn change(&mut self, _version: u8) -> Result<Option<Bytes>, Lost> {
        let known = self.known();
        let Some(given) = self.given.as_mut().filter(|given| **given != known) else { return Ok(None) };
        *given = known;
        Ok(Some(given.encode()))
    }

    fn stop(&mut self) {
        self.given = None;
    }

    fn begin(&mut self) {}

    fn apply(&mut self, record: &[u8], _more: bool, _version: u8, _out: &mut Vec<Effect>) -> Result<(), Unapplied> {
        let Known { upgrade, rollback } = rmp_serde::from_slice(record).map_err(Unapplied::because)?;
        self.procedure.follow(upgrade, rollback);
        Ok(())
    }

    fn digest(&self, _version: u8) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.known().hash(&mut hasher);
        hasher.finish()
    }
}
