//! What a bridge is told at its start: a file that the orchestrator writes.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// Everything about one bridge: the one of a node, or the one of a host interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Name of the node; what its processes and complaints are called by.
    pub node: String,
    /// Where it listens for requests.
    pub socket: PathBuf,
    /// Its ports.
    pub ports: Vec<Port>,
    /// The command that it runs; `None` where an engine runs the node, or there is no node.
    #[serde(default)]
    pub command: Option<NodeCommand>,
}

/// A wire and the interface that it is joined to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The interface.
    pub interface: Interface,
    /// The socket that joins the ends.
    pub wire: PathBuf,
    /// Whether this end listens; the other one dials, again and again.
    pub listen: bool,
}

/// What a wire is joined to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// One that is made in the node's namespace.
    Node {
        /// As the node calls it.
        name: String,
        /// Its address.
        mac: [u8; 6],
    },
    /// One of the host's that is there already.
    Host {
        /// As the host calls it.
        name: String,
    },
    /// One that is made on the host beside another one, which carries its frames.
    Macvlan {
        /// The one that is there already.
        parent: String,
        /// As the new one is called.
        name: String,
    },
}

impl Interface {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Node { name, .. } | Self::Host { name } | Self::Macvlan { name, .. } => name,
        }
    }
}

/// A command in namespaces of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeCommand {
    /// Program and arguments; none: the namespaces alone, until they are ended.
    pub cmd: Vec<String>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// Files and folders of the host that the command sees elsewhere.
    pub binds: Vec<Bind>,
    /// Commands that prepare the namespaces, in order, before the command runs.
    pub exec: Vec<Vec<String>>,
    /// Where the node logs.
    pub log: PathBuf,
    /// Labels that its processes carry in their environment.
    pub labels: BTreeMap<String, String>,
}

/// A file or folder of the host, and where the command sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// In the node.
    pub target: PathBuf,
    /// Whether it cannot be written to there.
    #[serde(default)]
    pub read_only: bool,
}
