//! Interfaces as files: a TAP device, or a packet socket on an interface of the host. Both speak of each frame with a
//! [`Vnet`](crate::frame::vnet) header.
#![allow(unsafe_code, reason = "these system calls have no safe wrapper")]

use crate::{
    frame::vnet,
    netlink::{self, Netlink},
};
use nix::{errno::Errno, libc, net::if_::if_nametoindex};
use std::{
    ffi::CStr,
    fs::{File, OpenOptions},
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
};

/// What makes TAP devices.
pub const TUN: &str = "/dev/net/tun";

/// Flags of `TUNSETIFF` (`linux/if_tun.h`).
const IFF_TAP: libc::c_short = 0x0002;
const IFF_NO_CARRIER: libc::c_short = 0x0040;
const IFF_NO_PI: libc::c_short = 0x1000;
const IFF_VNET_HDR: libc::c_short = 0x4000;
/// What the reader takes unfinished (`TUNSETOFFLOAD`): sums, TCP of both families, and UDP of both.
const OFFLOAD_TCP: libc::c_uint = 0x01 | 0x02 | 0x04;
const OFFLOAD_UDP: libc::c_uint = 0x20 | 0x40;
/// Options of packet sockets (`linux/if_packet.h`).
const PACKET_ADD_MEMBERSHIP: libc::c_int = 1;
const PACKET_AUXDATA: libc::c_int = 8;
const PACKET_VNET_HDR: libc::c_int = 15;
const VLAN_VALID: u32 = 1 << 4;
const VLAN_TPID_VALID: u32 = 1 << 6;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

mod calls {
    use nix::libc;
    nix::ioctl_write_ptr_bad!(set_interface, 0x4004_54ca, libc::ifreq);
    nix::ioctl_write_int_bad!(set_offload, 0x4004_54d0);
    nix::ioctl_write_ptr_bad!(set_header_size, 0x4004_54d8, libc::c_int);
    nix::ioctl_write_ptr_bad!(set_carrier, 0x4004_54e2, libc::c_int);
}

/// An interface that frames are read from and written to.
#[derive(Debug)]
pub struct Device {
    file: File,
    kind: Kind,
    /// Whether the kernel takes several datagrams as one.
    takes_trains: bool,
}

#[derive(Debug)]
enum Kind {
    Tap,
    /// The interface's number.
    Packet(u32),
}

/// A TAP device that was just made in this namespace, under a name of the kernel's choice.
#[derive(Debug)]
pub struct NewTap {
    /// What to carry it with.
    pub device: Device,
    /// Its number.
    pub index: u32,
}

impl NewTap {
    /// Makes one, without carrier. It goes when the device is closed.
    pub fn make() -> io::Result<Self> {
        let opened = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(TUN);
        let file = opened.map_err(|error| io::Error::new(error.kind(), format!("{TUN}: {error}")))?;
        // SAFETY: a C structure of numbers, for which all zeroes are a value.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(b"swact%d") {
            *to = *from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_NO_CARRIER;
        let fd = file.as_raw_fd();
        // SAFETY: the descriptor is open, and the request lives through the call.
        if unsafe { calls::set_interface(fd, &raw const request) }.is_err() {
            // Older kernels do not know about carriers at the beginning.
            request.ifr_ifru.ifru_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
            // SAFETY: as above.
            unsafe { calls::set_interface(fd, &raw const request) }?;
        }
        let size = vnet::LEN as libc::c_int;
        // SAFETY: the descriptor is open, and the number lives through the call.
        unsafe { calls::set_header_size(fd, &raw const size) }?;
        // SAFETY: takes a number.
        let takes_trains = unsafe { calls::set_offload(fd, (OFFLOAD_TCP | OFFLOAD_UDP) as libc::c_int) }.is_ok();
        if !takes_trains {
            // SAFETY: takes a number.
            unsafe { calls::set_offload(fd, OFFLOAD_TCP as libc::c_int) }?;
        }
        // SAFETY: the kernel has written a name with its final zero in place of the pattern.
        let name = unsafe { CStr::from_ptr(request.ifr_name.as_ptr()) };
        let index = if_nametoindex(name)?;
        let device = Device { file, kind: Kind::Tap, takes_trains };
        device.set_carrier(false)?;
        Ok(Self { device, index })
    }
}

impl Device {
    /// A packet socket on an interface that is there.
    pub fn on_host(name: &str) -> io::Result<Self> {
        let index = if_nametoindex(name)?;
        let protocol = (libc::ETH_P_ALL as u16).to_be();
        // SAFETY: takes numbers.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
        let fd = Errno::result(fd)?;
        // SAFETY: the descriptor is new and nobody else's.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        set(&file, PACKET_VNET_HDR, &1)?;
        set(&file, PACKET_AUXDATA, &1)?;
        // What the host itself sends there is no business of the wire's.
        set(&file, PACKET_IGNORE_OUTGOING, &1)?;
        let all = libc::packet_mreq {
            mr_ifindex: index as libc::c_int,
            mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        set(&file, PACKET_ADD_MEMBERSHIP, &all)?;
        // SAFETY: a C structure of numbers, for which all zeroes are a value.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = index as libc::c_int;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address lives through the call, and the length is its own.
        Errno::result(unsafe { libc::bind(fd, (&raw const address).cast(), length) })?;
        Ok(Self { file, kind: Kind::Packet(index), takes_trains: true })
    }

    /// Says to whoever is on the interface's side whether the wire is connected. An interface of the host, whose carrier
    /// is not ours to say, is taken down and up.
    pub fn set_carrier(&self, up: bool) -> io::Result<()> {
        match self.kind {
            Kind::Tap => {
                let up = libc::c_int::from(up);
                // SAFETY: the descriptor is open, and the number lives through the call.
                unsafe { calls::set_carrier(self.file.as_raw_fd(), &raw const up) }?;
                Ok(())
            }
            Kind::Packet(index) => Netlink::open()?.set_up(index, up),
        }
    }

    /// Whether several datagrams may be written as one.
    pub fn takes_trains(&self) -> bool {
        self.takes_trains
    }

    /// Reads a header and what it is about.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.kind {
            Kind::Tap => (&self.file).read(buffer),
            Kind::Packet(_) => read_packet(&self.file, buffer),
        }
    }

    /// Writes a header and what it is about.
    pub fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        (&self.file).write_vectored(parts).map(drop)
    }

    /// Whether an error says that the interface is gone, and not only down or busy.
    pub fn is_gone(error: &io::Error) -> bool {
        matches!(
            error.raw_os_error().map(Errno::from_raw),
            Some(Errno::EBADFD | Errno::ENODEV | Errno::ENXIO | Errno::EFAULT | Errno::EBADF)
        )
    }

    /// Whether the interface is still there, where that is not seen by reading.
    pub fn is_there(&self) -> bool {
        match self.kind {
            Kind::Tap => true,
            Kind::Packet(index) => netlink::exists(index),
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Length of a VLAN tag.
const TAG: usize = 4;

/// Reads from a packet socket. The kernel takes the outermost tag off a frame and tells it beside: it is put back.
fn read_packet(socket: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let (headers, rest) = buffer.split_at_mut(vnet::LEN);
    let mut parts = [IoSliceMut::new(headers), IoSliceMut::new(&mut rest[TAG..])];
    let mut beside = [0_u64; 8];
    // SAFETY: a C structure of numbers and pointers, for which all zeroes are a value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = parts.as_mut_ptr().cast();
    message.msg_iovlen = parts.len() as _;
    message.msg_control = beside.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&beside) as _;
    // SAFETY: the descriptor is open; all that the message points to lives through the call and has the lengths that it says.
    let read = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let length = Errno::result(read)? as usize;
    let tag = tag_beside(&message);
    let Some(frame) = length.checked_sub(vnet::LEN).filter(|frame| *frame >= 12) else { return Ok(length) };
    match tag {
        None => buffer.copy_within(vnet::LEN + TAG..vnet::LEN + TAG + frame, vnet::LEN),
        Some([protocol, control]) => {
            buffer.copy_within(vnet::LEN + TAG..vnet::LEN + TAG + 12, vnet::LEN);
            buffer[vnet::LEN + 12..vnet::LEN + 14].copy_from_slice(&protocol.to_be_bytes());
            buffer[vnet::LEN + 14..vnet::LEN + 16].copy_from_slice(&control.to_be_bytes());
            vnet::shift(buffer, TAG as u16);
            return Ok(length + TAG);
        }
    }
    Ok(length)
}

/// The tag that the kernel tells of: its protocol and its control field.
fn tag_beside(message: &libc::msghdr) -> Option<[u16; 2]> {
    // SAFETY: the kernel has filled the message in, and says how far.
    let first = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    if first.cmsg_level != libc::SOL_PACKET || first.cmsg_type != PACKET_AUXDATA {
        return None;
    }
    // SAFETY: what follows such a header is this structure; it need not be aligned.
    let told: libc::tpacket_auxdata =
        unsafe { libc::CMSG_DATA(first).cast::<libc::tpacket_auxdata>().read_unaligned() };
    let has_protocol = told.tp_status & VLAN_TPID_VALID != 0;
    let protocol = if has_protocol { told.tp_vlan_tpid } else { libc::ETH_P_8021Q as u16 };
    (told.tp_status & VLAN_VALID != 0).then_some([protocol, told.tp_vlan_tci])
}

/// Sets an option of a packet socket.
fn set<T>(socket: &File, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value lives through the call, and the length is its own.
    let set =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, (&raw const *value).cast(), length) };
    Errno::result(set)?;
    Ok(())
}
