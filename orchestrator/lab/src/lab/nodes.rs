//! Nodes that are none of ours, in a lab that runs.

use super::{Lab, LabError};
use crate::{
    plan::NodePlan,
    runtime::{foreign, process::ProcessRuntime},
};
use bridge::request::{Answer, Request, Status, Ways};
use fabric_proto::{
    id::CardId,
    operator::{DropOrder, Impairment},
    time::Instant,
};
use std::process::Command;

impl Lab {
    /// How a node and its bridge are; `None` where the bridge does not answer.
    pub async fn node_status(&self, id: &CardId) -> Option<Status> {
        foreign::status(self.plan().node(id)?).await
    }

    /// Pulls the wire at a node's interface out, or plugs it in; answers the instant just before it was done.
    pub async fn set_link(&self, id: &CardId, interface: &str, up: bool) -> Result<Instant, LabError> {
        self.ask_bridge(id, Request::Link { interface: interface.to_owned(), up }).await
    }

    /// Impairs the wire at a node's interface from now on; an impairment that does nothing heals. The answer is the same.
    pub async fn impair_wire(
        &self,
        id: &CardId,
        interface: &str,
        ways: Ways,
        impairment: Impairment,
    ) -> Result<Instant, LabError> {
        self.ask_bridge(id, Request::Impair { interface: interface.to_owned(), ways, impairment }).await
    }

    /// Drops test packets on the wire at a node's interface, for a time that its bridge keeps. The answer is the same.
    pub async fn drop_on_wire(
        &self,
        id: &CardId,
        interface: &str,
        ways: Ways,
        order: DropOrder,
    ) -> Result<Instant, LabError> {
        self.ask_bridge(id, Request::Drop { interface: interface.to_owned(), ways, order }).await
    }

    async fn ask_bridge(&self, id: &CardId, asked: Request) -> Result<Instant, LabError> {
        let node = self.node(id)?;
        let at = fabric::clock::now();
        match foreign::request(node, asked).await {
            Ok(Answer::Done) => Ok(at),
            Ok(Answer::Refused(why)) => Err(LabError::NoInterface(why)),
            Ok(Answer::Status(_)) | Err(_) => Err(LabError::Silent(id.clone())),
        }
    }

    /// A program with arguments that runs `words` beside a node's own command, with its environment.
    pub async fn command_in(&self, id: &CardId, words: &[String]) -> Result<Command, LabError> {
        let node = self.node(id)?;
        let pid =
            self.node_status(id).await.and_then(|status| status.pid).ok_or_else(|| LabError::Silent(id.clone()))?;
        let mut command = Command::new(ProcessRuntime::new(&self.plan().lab, &self.plan().dir).program("bridge")?);
        command.args(["enter", "--pid", &pid.to_string(), "--"]).args(words);
        if let Some(told) = &node.bridge.command {
            command.envs(&told.env);
        }
        Ok(command)
    }

    /// The last lines that a card or a node logged.
    pub async fn logs(&self, id: &CardId, lines: usize) -> String {
        match (self.plan.card(id), self.plan.node(id)) {
            (Some(card), _) => self.runtime.logs(card, lines).await,
            (None, Some(node)) => self.runtime.logs_of_node(node, lines).await,
            (None, None) => String::new(),
        }
    }

    fn node(&self, id: &CardId) -> Result<&NodePlan, LabError> {
        self.plan().node(id).ok_or_else(|| LabError::NoCard(id.clone()))
    }
}
