//! Bytes and file descriptors through a local socket.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::{
    io::{self, IoSlice, IoSliceMut, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

/// Descriptors that go with one frame, at most.
const WITH_ONE: usize = 3;
/// Read at once.
const READ: usize = 256 << 10;

/// Writes all of `bytes`, with descriptors that arrive with the first of them.
pub(super) fn send(stream: &UnixStream, bytes: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(WITH_ONE))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other("more descriptors than go with one frame"));
    }
    let sent = sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    let mut writer = stream;
    writer.write_all(&bytes[sent..])
}

/// Reads what is there onto `bytes`, and descriptors onto `sockets`; false at the end.
pub(super) fn receive(stream: &UnixStream, bytes: &mut Vec<u8>, sockets: &mut Vec<OwnedFd>) -> io::Result<bool> {
    let filled = bytes.len();
    bytes.resize(filled + READ, 0);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(WITH_ONE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(stream, &mut [IoSliceMut::new(&mut bytes[filled..])], &mut control, RecvFlags::CMSG_CLOEXEC);
    bytes.truncate(filled + got.as_ref().map_or(0, |got| got.bytes));
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            sockets.extend(received);
        }
    }
    Ok(got?.bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    #[test]
    fn descriptors_come_with_their_frame_and_work() {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        send(&one, b"frame", &[far.as_fd(), near.as_fd()]).unwrap();
        drop(far);
        send(&one, b"more", &[]).unwrap();
        let (mut bytes, mut sockets) = (Vec::new(), Vec::new());
        while bytes.len() < 9 {
            assert!(receive(&other, &mut bytes, &mut sockets).unwrap());
        }
        assert_eq!((&bytes[..], sockets.len()), (&b"framemore"[..], 2));
        near.write_all(b"x").unwrap();
        let mut read = [0];
        io::Read::read_exact(&mut UnixStream::from(sockets.remove(0)), &mut read).unwrap();
        assert_eq!(&read, b"x");
        drop(one);
        assert!(!receive(&other, &mut bytes, &mut sockets).unwrap());
    }
}
