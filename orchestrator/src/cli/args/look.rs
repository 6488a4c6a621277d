//! Arguments of what looks at a running lab.

use clap::Args;
use std::{net::IpAddr, path::PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct EventsArgs {
    /// Name of the lab, or its topology file.
    pub(in crate::cli) lab: String,
    /// Begin with what happened before.
    #[arg(long, env = "SWACT_HISTORY")]
    pub(in crate::cli) history: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogsArgs {
    /// Name of the lab, or its topology file.
    pub(in crate::cli) lab: String,
    /// A chassis (its active RP), a card (NODE/SLOT), or a node of kind linux.
    pub(in crate::cli) card: String,
    /// So many lines of the end.
    #[arg(long, env = "SWACT_LINES", value_name = "N", default_value_t = 100)]
    pub(in crate::cli) lines: usize,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CaptureArgs {
    /// Name of the lab, or its topology file.
    pub(in crate::cli) lab: String,
    /// Where: a port's wire (pe1:1/1), the fabric of a line card or of all (pe1/lc:1, pe1/all-lc), what the active RP is given and sends (pe1/active-rp).
    #[arg(required = true, value_name = "PLACE")]
    pub(in crate::cli) places: Vec<String>,
    /// End after so many packets.
    #[arg(long, short, env = "SWACT_COUNT", value_name = "N")]
    pub(in crate::cli) count: Option<u64>,
    /// Only these packets: a part of the language of pcap-filter, for example 'udp port 53 and not host 10.1.1.1'.
    #[arg(long, short, env = "SWACT_FILTER", value_name = "EXPR")]
    pub(in crate::cli) filter: Option<String>,
    /// Keep the first bytes of each frame only.
    #[arg(long, env = "SWACT_KEEP", value_name = "BYTES", default_value_t = fabric_proto::cell::FRAME_MAX as u16)]
    pub(in crate::cli) keep: u16,
    /// Write to this file in place of stdout.
    #[arg(long, short, env = "SWACT_WRITE", value_name = "FILE")]
    pub(in crate::cli) write: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TraceArgs {
    /// Name of the lab, or its topology file.
    pub(in crate::cli) lab: String,
    /// Where the packet comes from: a tester's port (t1:p1, t1:p1.100), a node's interface (frr1:eth1), or into a chassis' port (pe1:1/1).
    pub(in crate::cli) from: String,
    /// Where it goes.
    #[arg(required_unless_present = "frame", value_name = "DEST")]
    pub(in crate::cli) destination: Option<IpAddr>,
    /// Its source [default: the tester's address there]
    #[arg(long, env = "SWACT_SOURCE", value_name = "ADDRESS")]
    pub(in crate::cli) source: Option<IpAddr>,
    /// Source port (UDP): flows differ by it, and with them the path that they take.
    #[arg(long, env = "SWACT_SOURCE_PORT", value_name = "PORT", default_value_t = 0xc020)]
    pub(in crate::cli) source_port: u16,
    /// Destination port.
    #[arg(long, env = "SWACT_DESTINATION_PORT", value_name = "PORT", default_value_t = 7)]
    pub(in crate::cli) destination_port: u16,
    /// TTL or hop limit.
    #[arg(long, env = "SWACT_TTL", default_value_t = 64)]
    pub(in crate::cli) ttl: u8,
    /// Length of the IP packet.
    #[arg(long, env = "SWACT_SIZE", value_name = "BYTES", default_value_t = 110)]
    pub(in crate::cli) size: u16,
    /// This frame in place of one that is made, in hexadecimal digits (from Wireshark: Copy, as a Hex Stream).
    #[arg(long, env = "SWACT_FRAME", value_name = "HEX", conflicts_with_all = ["destination", "source", "source_port", "destination_port", "ttl", "size"])]
    pub(in crate::cli) frame: Option<String>,
}
