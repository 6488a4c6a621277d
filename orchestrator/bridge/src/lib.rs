//! What joins wires to network interfaces.
//!
//! A wire is a stream socket between two ports ([`fabric_proto::wire`]). This program joins one to an interface: a TAP device
//! in the namespace of a node that is none of ours, or an interface of the host. It alone has privileges.
//!
//! * [`config`], [`request`]: what it is told, at its start and later
//! * [`frame`]: checksums and segments, pure
//! * [`device`], [`netlink`], [`namespace`]: the kernel's interfaces
//! * [`port`]: one thread a wire
//! * [`node`], [`init`]: a command in namespaces of its own
//! * [`serve`]: what holds it together

pub mod config;
pub mod device;
pub mod frame;
pub mod init;
pub mod namespace;
pub mod netlink;
pub mod node;
pub mod port;
pub mod request;
pub mod serve;
pub mod words;
