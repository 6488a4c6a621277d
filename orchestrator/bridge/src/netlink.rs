//! Interfaces as the kernel keeps them: named, numbered, up and down, in one namespace or another (`rtnetlink(7)`).

use nix::{
    net::if_::if_nametoindex,
    sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket},
    unistd,
};
use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_MACVLAN_MODE: u16 = 1;
/// All frames of the parent are the new interface's.
const MACVLAN_PASSTHRU: u32 = 8;
const IFF_UP: u32 = 1;

/// A socket to the kernel, for the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens one.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        Ok(Self(socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?))
    }

    /// Takes an interface up or down.
    pub fn set_up(&self, index: u32, up: bool) -> io::Result<()> {
        self.ask(RTM_NEWLINK, 0, index, if up { IFF_UP } else { 0 }, IFF_UP, &[])
    }

    /// Gives an interface another address.
    pub fn set_address(&self, index: u32, mac: [u8; 6]) -> io::Result<()> {
        self.ask(RTM_NEWLINK, 0, index, 0, 0, &attribute(IFLA_ADDRESS, &mac))
    }

    /// Moves an interface into a namespace, where it has another name.
    pub fn move_to(&self, index: u32, namespace: &File, name: &str) -> io::Result<()> {
        let mut body = attribute(IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes());
        body.extend(attribute(IFLA_IFNAME, &terminated(name)));
        self.ask(RTM_NEWLINK, 0, index, 0, 0, &body)
    }

    /// Makes an interface that shares the wire of another one.
    pub fn make_macvlan(&self, parent: u32, name: &str) -> io::Result<()> {
        let mode = attribute(IFLA_MACVLAN_MODE, &MACVLAN_PASSTHRU.to_ne_bytes());
        let info = [attribute(IFLA_INFO_KIND, b"macvlan"), attribute(IFLA_INFO_DATA, &mode)].concat();
        let mut body = attribute(IFLA_LINK, &parent.to_ne_bytes());
        body.extend(attribute(IFLA_IFNAME, &terminated(name)));
        body.extend(attribute(IFLA_LINKINFO, &info));
        self.ask(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0, 0, &body)
    }

    /// Removes an interface.
    pub fn remove(&self, index: u32) -> io::Result<()> {
        self.ask(RTM_DELLINK, 0, index, 0, 0, &[])
    }

    /// Sends a message about an interface, and waits for the kernel's word.
    fn ask(&self, kind: u16, flags: u16, index: u32, up: u32, change: u32, attributes: &[u8]) -> io::Result<()> {
        let mut message = Vec::with_capacity(32 + attributes.len());
        message.extend((32 + attributes.len() as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        message.extend([0; 8]);
        message.extend([0; 4]);
        message.extend(index.to_ne_bytes());
        message.extend(up.to_ne_bytes());
        message.extend(change.to_ne_bytes());
        message.extend(attributes);
        unistd::write(&self.0, &message)?;
        let mut answer = [0; 4096];
        let length = unistd::read(&self.0, &mut answer)?;
        let short = || io::Error::other("the kernel's answer cannot be read");
        let word = |at: usize| -> io::Result<[u8; 4]> {
            answer[..length].get(at..at + 4).and_then(|word| word.try_into().ok()).ok_or_else(short)
        };
        let kind = word(4)?;
        if u16::from_ne_bytes([kind[0], kind[1]]) != NLMSG_ERROR {
            return Err(short());
        }
        match i32::from_ne_bytes(word(16)?) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(-error)),
        }
    }
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut bytes = Vec::with_capacity(length.next_multiple_of(4));
    bytes.extend((length as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

fn terminated(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

/// Number of the interface called `name` in this thread's namespace.
pub fn index_of(name: &str) -> io::Result<u32> {
    Ok(if_nametoindex(name)?)
}

/// Whether an interface of the host is there.
pub(crate) fn exists(index: u32) -> bool {
    nix::net::if_::if_nameindex().is_ok_and(|all| all.iter().any(|interface| interface.index() == index))
}

/// Whether this machine has an interface of this name.
pub fn is_on_host(name: &str) -> bool {
    Path::new("/sys/class/net").join(name).exists()
}
