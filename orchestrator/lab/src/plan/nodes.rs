//! Nodes that are none of ours: what runs in them, and what their bridges are told.

use super::{CardFiles, Planner, wire_file};
use crate::topology::{HOST, InterfaceName, Limits, Linux, MACVLAN, NodePort};
use bridge::config::{Config, Interface, NodeCommand, Port};
use fabric_proto::{fib::Mac, id::CardId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Beginning of the addresses of nodes' interfaces: locally administered, as others have it.
const MAC: [u8; 3] = [0xaa, 0xc1, 0xab];

/// A node that is none of ours, or this machine where links end on it. Its bridge is a process whatever the node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodePlan {
    /// Who it is.
    pub id: CardId,
    /// Its folder under the lab's.
    pub folder: PathBuf,
    /// Where its bridge logs.
    pub log: PathBuf,
    /// The container's image.
    pub image: Option<String>,
    /// What its container may use of the host.
    #[serde(default)]
    pub limits: Limits,
    /// Its capabilities beyond those that the engine gives to every node.
    #[serde(default)]
    pub cap_add: Vec<String>,
    /// What its bridge is told. The command in it is the node's, wherever it runs; none: this machine's interfaces.
    pub bridge: Config,
}

impl NodePlan {
    /// The file that its bridge reads.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("bridge.json")
    }

    /// Whether there is something beside the bridge.
    pub fn has_node(&self) -> bool {
        self.bridge.command.is_some()
    }

    /// The same with every path of the lab below `dir`.
    pub(super) fn rooted(&mut self, dir: &Path) -> Result<(), String> {
        fabric::tls::check_name("node", &self.id.node).map_err(|error| error.to_string())?;
        let files = CardFiles::of(dir, &self.id);
        (self.folder, self.log) = (files.folder, files.log);
        self.bridge.socket = self.folder.join("bridge.sock");
        for port in &mut self.bridge.ports {
            let name = port.wire.parent().and_then(Path::file_name);
            port.wire = wire_file(dir, name.ok_or_else(|| format!("{} is no wire", port.wire.display()))?);
        }
        if let Some(command) = &mut self.bridge.command {
            command.log.clone_from(&self.log);
        }
        Ok(())
    }
}

/// The Ethernet address that a node's interface is made with, the same at every deployment. What the node makes of it is its
/// own affair.
pub fn node_mac(lab: &str, node: &str, name: InterfaceName) -> Mac {
    let hash = super::place::hash(Path::new(&format!("{lab}/{node}/{name}")));
    let [a, b, c, ..] = hash.to_be_bytes();
    [MAC[0], MAC[1], MAC[2], a, b, c]
}

impl Planner<'_> {
    /// All nodes that are none of ours, in the topology's order, and this machine last.
    pub(super) fn nodes(&self) -> Vec<NodePlan> {
        let mut nodes: Vec<_> = self.topology.linux.iter().map(|node| self.linux(node)).collect();
        for host in [HOST, MACVLAN] {
            let plan = self.node(host, None);
            nodes.extend(Some(plan).filter(|plan| !plan.bridge.ports.is_empty()));
        }
        nodes
    }

    fn linux(&self, node: &Linux) -> NodePlan {
        let id = CardId::linux(self.lab(), &node.name);
        let command = NodeCommand {
            cmd: node.cmd.as_ref().map(|cmd| cmd.value.clone()).unwrap_or_default(),
            env: node.env.clone(),
            binds: node.binds.iter().map(|bind| bind.value.clone()).collect(),
            exec: node.exec.iter().map(|exec| exec.value.clone()).collect(),
            log: CardFiles::of(self.dir, &id).log,
            // Whoever starts it says by which it is found again.
            labels: Default::default(),
        };
        NodePlan {
            image: node.image.as_ref().map(|image| image.value.clone()),
            limits: node.limits,
            cap_add: node.cap_add.clone(),
            ..self.node(&node.name, Some(command))
        }
    }

    fn node(&self, name: &str, command: Option<NodeCommand>) -> NodePlan {
        let id = CardId::linux(self.lab(), name);
        let files = CardFiles::of(self.dir, &id);
        let mut ports = Vec::new();
        for (index, link) in self.topology.links.iter().enumerate() {
            let listener = self.listener(link);
            for (side, end) in link.ends.iter().enumerate() {
                let NodePort::Interface(own) = end.port else { continue };
                if end.node == name {
                    let interface = self.interface(name, own);
                    ports.push(Port { interface, wire: self.wire_path(index), listen: side == listener });
                }
            }
        }
        let bridge = Config { node: name.to_owned(), socket: files.folder.join("bridge.sock"), ports, command };
        NodePlan {
            id,
            folder: files.folder,
            log: files.log,
            image: None,
            limits: Limits::default(),
            cap_add: Vec::new(),
            bridge,
        }
    }

    fn interface(&self, node: &str, name: InterfaceName) -> Interface {
        match node {
            HOST => Interface::Host { name: name.to_string() },
            MACVLAN => {
                let parent = name.to_string();
                // Names of interfaces are short, and those of labs on one machine must differ.
                let hash = super::place::hash(self.dir) as u32 ^ super::place::hash(Path::new(&parent)) as u32;
                Interface::Macvlan { name: format!("swm{hash:08x}"), parent }
            }
            _ => Interface::Node { name: name.to_string(), mac: node_mac(self.lab(), node, name) },
        }
    }
}

#[cfg(test)]
mod tests;
