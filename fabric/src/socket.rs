//! UDP sockets: every QUIC socket of the fabric is made here.

use crate::FabricError;
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{setsockopt, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fs,
    net::{IpAddr, SocketAddr, UdpSocket},
};

/// Receive and send buffer wanted, bytes: measured lossless with a window of 1 MiB.
const BUFFER: usize = 8 << 20;

/// Largest UDP payload that segmentation offload carries: ten segments must stay under 64 KiB.
pub(crate) const PAYLOAD_MAX: u16 = 6500;
/// IPv6 and UDP headers.
const HEADERS: u16 = 48;
/// Payload for an Ethernet of 1500 bytes, and where the interface is not known.
pub(crate) const PAYLOAD_ETHERNET: u16 = 1500 - HEADERS;

/// A bound socket, for an endpoint that is to be made on it ([`crate::control::ControlEndpoint::on`]).
pub fn bind(address: SocketAddr) -> Result<UdpSocket, FabricError> {
    let failed = |source| FabricError::Bind { address, source };
    let socket =
        Socket::new(Domain::for_address(address), Type::DGRAM.cloexec(), Some(Protocol::UDP)).map_err(failed)?;
    // Beyond the system's limit where privileges allow, up to it otherwise; what came of it is read back.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(BUFFER);
    }
    if setsockopt(&socket, sockopt::SndBufForce, &BUFFER).is_err() {
        let _ = socket.set_send_buffer_size(BUFFER);
    }
    socket.bind(&address.into()).map_err(failed)?;
    Ok(socket.into())
}

/// The UDP payload that the interface which holds `address` carries, at most [`PAYLOAD_MAX`].
pub(crate) fn payload_of(address: IpAddr) -> u16 {
    interface_mtu(address).map_or(PAYLOAD_ETHERNET, |mtu| mtu.saturating_sub(HEADERS).clamp(1200, PAYLOAD_MAX))
}

fn interface_mtu(address: IpAddr) -> Option<u16> {
    let name = if address.is_loopback() {
        "lo".to_owned()
    } else {
        getifaddrs().ok()?.find_map(|interface| {
            let storage = interface.address?;
            let here = storage
                .as_sockaddr_in()
                .map(|v4| IpAddr::from(v4.ip()))
                .or_else(|| storage.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))?;
            (here == address).then_some(interface.interface_name)
        })?
    };
    let text = fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?;
    let mtu: u32 = text.trim().parse().ok()?;
    Some(u16::try_from(mtu).unwrap_or(u16::MAX))
}
