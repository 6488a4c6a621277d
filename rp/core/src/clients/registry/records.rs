//! Clients' state on its way to the standby, and as it comes there: in the versions that both units speak.

use super::Registry;
use crate::{
    checkpoint::STATE_MAX,
    issu::{ClientVerdict, Verdict},
};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, RECORD_MAX, UnknownCfClient},
    codec::Class,
    offer::{Agreed, Group, Offer},
    redundancy::Mode,
    sabotage::{self, Sabotage},
};
use rp_contract::{Ask, Chunk, Client, Effect, Inexpressible, Lost, Member, Unapplied};
use std::sync::Arc;

/// Bytes of a piece of a bulk, for clients that cut theirs: a short step to make, and to take.
const ROOM: usize = 64 << 10;

/// Most bytes of a record that comes in pieces and is joined.
const JOINED_MAX: usize = STATE_MAX;

/// A record that the peer was not to send: it offered no such client, or none in a version of this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no version of checkpoint client {0} was agreed on")]
struct NotAgreed(CfClientId);

impl Registry {
    /// Those that are checkpointed, in the order of the bulk.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// What an RP of `release` with these clients offers to speak.
    pub(crate) fn offer(&self, release: &str) -> Offer {
        let with = |offer: Offer, member: &Member| offer.with(Group::Client(member.number), member.versions);
        self.members.iter().fold(Offer::new(release), with)
    }

    /// The peer was met: in these versions records are written and read.
    pub(crate) fn agree(&mut self, agreed: Arc<Agreed>) {
        self.agreed = Some(agreed);
    }

    /// The peer's release is to be without what a verdict says.
    pub(crate) fn withhold(&mut self, verdict: &Verdict) {
        let withheld = verdict.clients.iter().flat_map(ClientVerdict::withheld);
        let number = |group| if let Group::Client(number) = group { Some(number) } else { None };
        self.withheld = withheld.filter_map(number).collect();
    }

    /// What both RPs speak, once they have met.
    pub(crate) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_deref()
    }

    /// The version of a client's records that both units speak; `None` where the peer's release does not have the client.
    pub(in crate::clients) fn version(&self, member: &Member) -> Option<u8> {
        let newest = member.versions.newest();
        let agreed = self.agreed.as_ref().map_or(Some(newest), |agreed| agreed.client(member.number));
        agreed.or_else(|| sabotage::is(Sabotage::GiveWithheld).then_some(newest))
    }

    /// Those of the members that the standby is given.
    pub(crate) fn given(&self) -> Vec<Member> {
        let all = sabotage::is(Sabotage::GiveWithheld);
        let is_given =
            |member: &&Member| all || self.version(member).is_some() && !self.withheld.contains(&member.number);
        self.members.iter().filter(is_given).copied().collect()
    }

    /// How much of a client the standby takes at once: release 1.0 knows no pieces.
    pub(crate) fn longest(&self) -> usize {
        let checkpoint = |agreed: &Arc<Agreed>| agreed.verdict(Group::Messages(Class::Checkpoint)).version();
        let pieces = self.agreed.as_ref().and_then(checkpoint) != Some(1);
        if pieces { STATE_MAX } else { RECORD_MAX }
    }

    /// What clients hold and cannot say to the peer.
    pub(crate) fn speechless(&self) -> Vec<(Group, Inexpressible)> {
        let said = |client: &dyn Client| {
            let number = *self.numbers.get(client.name())?;
            let version = self.agreed()?.client(number)?;
            Some((Group::Client(number), client.inexpressible(version)?))
        };
        self.every().filter_map(said).collect()
    }

    /// Lines of a configuration that the peer's release has no words for, and what the configuration is called.
    pub(crate) fn left_out(&self, number: CfClientId) -> Option<(&'static str, Vec<String>)> {
        let version = self.version(&self.member(number)?)?;
        match number {
            CfClientId::STARTUP_CONFIG => Some(("startup-config", self.startup.left_out(version))),
            CfClientId::RUNNING_CONFIG => Some(("running-config", self.running.left_out(version))),
            _ => None,
        }
    }

    fn member(&self, number: CfClientId) -> Option<Member> {
        self.members.iter().find(|member| member.number == number).copied()
    }

    /// The next piece of all that a client holds.
    pub(crate) fn chunk(&mut self, number: CfClientId, first: bool, mode: Mode) -> Result<Chunk, UnknownCfClient> {
        let member = self.member(number).ok_or(UnknownCfClient(number))?;
        let version = self.version(&member).ok_or(UnknownCfClient(number))?;
        let ask = Ask { first, mode, version, room: ROOM };
        let mut chunk = self.numbered(number).map(|client| client.chunk(&ask)).ok_or(UnknownCfClient(number))?;
        chunk.more &= !sabotage::is(Sabotage::AnswerEarly);
        Ok(chunk)
    }

    /// What has changed of a client since the standby was given it.
    pub(crate) fn change(&mut self, member: &Member) -> Result<Option<Bytes>, Lost> {
        let Some(version) = self.version(member) else { return Ok(None) };
        self.numbered(member.number).map_or(Ok(None), |client| client.change(version))
    }

    /// The standby is gone.
    pub(crate) fn stop(&mut self) {
        self.checkpointed().for_each(|client| client.stop());
    }

    /// As standby: a bulk begins. Those that take part forget what they hold.
    pub(crate) fn begin(&mut self, mode: Mode) {
        self.pieces.clear();
        self.checkpointed().filter(|client| client.member().from <= mode).for_each(|client| client.begin());
    }

    /// As standby: a record of the active's, or a piece of one.
    pub(crate) fn apply(
        &mut self,
        number: CfClientId,
        data: Bytes,
        more: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Unapplied> {
        let member = self.member(number).ok_or(UnknownCfClient(number)).map_err(Unapplied::because)?;
        let agreed = self.version(&member).ok_or(NotAgreed(number)).map_err(Unapplied::because)?;
        let data = if member.in_pieces { Some(data) } else { self.join(data, more)? };
        let Some(data) = data else { return Ok(()) };
        let version = match agreed {
            1 if sabotage::is(Sabotage::WrongVersion) => member.versions.newest(),
            _ if sabotage::is(Sabotage::WrongVersion) => member.versions.oldest(),
            version => version,
        };
        let client = self.numbered(number).ok_or(UnknownCfClient(number)).map_err(Unapplied::because)?;
        client.apply(&data, more, version, out)
    }

    /// Takes a piece; the whole, once `more` is false.
    fn join(&mut self, data: Bytes, more: bool) -> Result<Option<Bytes>, Unapplied> {
        if self.pieces.is_empty() && !more {
            return Ok(Some(data));
        }
        if self.pieces.len() + data.len() > JOINED_MAX {
            return Err(Unapplied(format!("its pieces are longer than {JOINED_MAX} bytes")));
        }
        self.pieces.extend_from_slice(&data);
        Ok((!more).then(|| self.pieces.split().freeze()))
    }

    /// What each holds, as a digest in the version that both units speak; two in sync have the same.
    pub(crate) fn digests(&mut self) -> Vec<(Member, u64)> {
        let versions: Vec<u8> = self.members.iter().map(|member| self.digested(member)).collect();
        let of_each = self.checkpointed().zip(versions);
        of_each.map(|(client, version)| (client.member(), client.digest(version))).collect()
    }

    fn digested(&self, member: &Member) -> u8 {
        self.version(member).unwrap_or(member.versions.newest())
    }
}
