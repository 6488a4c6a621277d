//! What a bridge is asked while it runs: a line of JSON on its socket, and a line in answer.

use fabric_proto::{
    drops::DropCounts,
    operator::{DropOrder, Impairment},
    outage::Dropped,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// A node takes its time to run its commands.
const ANSWER: Duration = Duration::from_secs(60);

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Run the node's command in new namespaces, and make its interfaces there.
    Start,
    /// Make the interfaces in the namespace of a process that somebody else runs.
    Attach {
        /// The process.
        pid: i32,
    },
    /// How everything is.
    Status,
    /// Plug a wire in, or pull it out.
    Link {
        /// The interface at its end.
        interface: String,
        /// Whether it is to be plugged in.
        up: bool,
    },
    /// Impair a wire from now on, in place of what impairs it; an impairment that does nothing heals.
    Impair {
        /// The interface at its end.
        interface: String,
        /// In which directions.
        ways: Ways,
        /// How.
        impairment: Impairment,
    },
    /// Drop test packets on a wire for a time that this bridge keeps itself: a known outage.
    Drop {
        /// The interface at its end.
        interface: String,
        /// In which directions.
        ways: Ways,
        /// Which, and for how long.
        order: DropOrder,
    },
}

/// Directions of a wire, as the node at its end sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ways {
    /// Both.
    Both,
    /// What goes to the node.
    Into,
    /// What comes from it.
    OutOf,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Done,
    /// It cannot be done.
    Refused(String),
    /// How everything is.
    Status(Status),
}

/// How a bridge and its node are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// A process in the node's namespaces, as the host numbers it.
    pub pid: Option<i32>,
    /// Its ports.
    pub ports: Vec<PortStatus>,
}

/// How a port is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStatus {
    /// Name of its interface.
    pub interface: String,
    /// Whether the interface is there.
    pub present: bool,
    /// Whether the wire is connected.
    pub carrier: bool,
    /// How often it was.
    pub carriers: u64,
    /// Addresses of the interface, with the lengths of their prefixes.
    pub addresses: Vec<String>,
    /// What was carried, and what was not.
    pub counters: Counted,
    /// The same of test packets alone.
    #[serde(default)]
    pub load: LoadCounted,
    /// Known outages that are over, oldest first.
    #[serde(default)]
    pub outages: Vec<Outage>,
}

/// A known outage that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// In which directions.
    pub ways: Ways,
    /// When, and how many packets.
    pub dropped: Dropped,
}

/// What a port has done with test packets. Whatever else is on the wire is not in it, so that it adds up to a load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadCounted {
    /// From the wire to the interface.
    pub to_node: u64,
    /// From the interface, before what the wire does to them.
    pub from_node: u64,
    /// Dropped here, by cause.
    pub drops: DropCounts,
}

/// What a port has carried and dropped, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// From the wire to the interface.
    pub to_node: u64,
    /// From the interface to the wire.
    pub from_node: u64,
    /// From either side while there was no carrier.
    pub no_carrier: u64,
    /// That the interface did not take: it is down, or gone.
    pub refused: u64,
    /// That no wire can carry.
    pub malformed: u64,
    /// Taken by an impairment or a known outage.
    #[serde(default)]
    pub impaired: u64,
}

/// Asks the bridge that listens at `socket`.
pub fn ask(socket: &Path, request: &Request) -> io::Result<Answer> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER))?;
    send(&stream, request)?;
    receive(&stream)
}

/// Sends a line.
pub fn send<T: Serialize>(mut stream: &UnixStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Longest line.
const LINE_MAX: u64 = 1 << 20;

/// Receives a line.
pub fn receive<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<T> {
    let mut line = Vec::new();
    BufReader::new(io::Read::take(stream, LINE_MAX)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}
