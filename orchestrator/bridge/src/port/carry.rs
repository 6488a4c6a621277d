//! Carrying frames both ways while a wire is connected. Nothing here allocates, locks or logs for a frame.

use super::{Shared, add};
use crate::{
    device::Device,
    frame::{
        coalesce::{Datagram, Group, HEADERS_MAX, SEGMENTS_MAX},
        expand::expand,
        vnet::{self, Vnet},
    },
};
use fabric_proto::wire::{self, RECORD_HEADER};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::{
    io::{self, IoSlice, Read as _, Write as _},
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

/// Read from a wire at once, at most; a frame fits many times.
const READ: usize = 256 << 10;
/// The longest thing that the kernel hands over, with its header.
const READ_FRAME: usize = vnet::LEN + (64 << 10) + 64;
/// What waits for the wire before the interface is read no further.
const PENDING_MAX: usize = 256 << 10;
/// Frames read from the interface before the other side has its turn.
const BURST: usize = 256;
/// How long the other end may take to answer the end: many times what a busy machine takes to schedule it.
const DRAIN: Duration = Duration::from_secs(1);

/// Why a wire is carried no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The other end has ended it, or does not keep to the framing.
    Wire,
    /// The interface is gone.
    DeviceGone,
    /// It was pulled out, or there is another interface.
    Unwanted,
}

/// What a port's thread reads into and writes from, made once.
pub(super) struct Buffers {
    /// From the wire: records, the last one perhaps in part.
    inbound: Vec<u8>,
    filled: usize,
    /// From the interface: one read.
    frame: Vec<u8>,
    /// For the wire: records.
    pending: Vec<u8>,
    /// Bytes of them that are out.
    sent: usize,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            inbound: vec![0; READ],
            filled: 0,
            frame: vec![0; READ_FRAME],
            pending: Vec::with_capacity(4 * PENDING_MAX),
            sent: 0,
        }
    }

    fn is_flushed(&self) -> bool {
        self.sent == self.pending.len()
    }
}

impl Shared {
    pub(super) fn carry(&self, device: &Device, stream: &UnixStream, buffers: &mut Buffers) -> End {
        (buffers.filled, buffers.sent) = (0, 0);
        buffers.pending.clear();
        loop {
            let from_device = if buffers.pending.len() < PENDING_MAX { PollFlags::POLLIN } else { PollFlags::empty() };
            let to_wire = if buffers.is_flushed() { PollFlags::empty() } else { PollFlags::POLLOUT };
            let mut waits = [
                PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
                PollFd::new(device.as_fd(), from_device),
                PollFd::new(stream.as_fd(), PollFlags::POLLIN | to_wire),
            ];
            // Interrupted looks at everything.
            let _ = poll(&mut waits, PollTimeout::NONE);
            let [woken, from_device, wire] = waits.map(|wait| wait.revents().unwrap_or(PollFlags::empty()));
            if !woken.is_empty() {
                self.awake();
                if !self.goes_on() {
                    return End::Unwanted;
                }
            }
            if from_device.intersects(PollFlags::POLLERR | PollFlags::POLLNVAL | PollFlags::POLLHUP)
                && !device.is_there()
            {
                return End::DeviceGone;
            }
            if from_device.intersects(PollFlags::POLLIN | PollFlags::POLLERR)
                && let Err(error) = self.read_device(device, buffers)
                && Device::is_gone(&error)
            {
                return End::DeviceGone;
            }
            if flush(stream, buffers).is_err() {
                return End::Wire;
            }
            if wire.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR)
                && let Some(end) = self.read_wire(device, stream, buffers)
            {
                return end;
            }
        }
    }

    /// Reads what the interface has, up to what may wait for the wire. Only an error that is no shortage is one.
    fn read_device(&self, device: &Device, buffers: &mut Buffers) -> io::Result<()> {
        let (mut frames, mut malformed) = (0, 0);
        let mut result = Ok(());
        for _ in 0..BURST {
            if buffers.pending.len() >= PENDING_MAX {
                break;
            }
            let length = match device.read(&mut buffers.frame) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
            let read = Vnet::split(&mut buffers.frame[..length]);
            match read.map(|(vnet, frame)| expand(&vnet, frame, &mut buffers.pending)) {
                Some(Ok(count)) => frames += count,
                Some(Err(_)) | None => malformed += 1,
            }
        }
        add(&self.counters.from_node, frames);
        add(&self.counters.malformed, malformed);
        result
    }

    /// Reads what the wire has and gives it to the interface.
    fn read_wire(&self, device: &Device, stream: &UnixStream, buffers: &mut Buffers) -> Option<End> {
        match (&*stream).read(&mut buffers.inbound[buffers.filled..]) {
            Ok(0) => return Some(End::Wire),
            Ok(count) => buffers.filled += count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return None;
            }
            Err(_) => return Some(End::Wire),
        }
        let mut delivery = Delivery { device, taken: 0, refused: 0, is_gone: false };
        let used = delivery.records(&buffers.inbound[..buffers.filled]);
        add(&self.counters.to_node, delivery.taken);
        add(&self.counters.refused, delivery.refused);
        let is_gone = delivery.is_gone;
        let Ok(used) = used else { return Some(End::Wire) };
        buffers.inbound.copy_within(used..buffers.filled, 0);
        buffers.filled -= used;
        is_gone.then_some(End::DeviceGone)
    }

    /// Ends a wire in good order: what was read from the interface is sent, what is under way is read and counted.
    pub(super) fn part(&self, device: &Device, stream: &UnixStream, buffers: &mut Buffers, end: End) {
        let limit = Instant::now() + DRAIN;
        while !buffers.is_flushed() && flush(stream, buffers).is_ok() && wait(stream, PollFlags::POLLOUT, limit) {}
        // One that is closed already needs no more telling.
        let _ = stream.shutdown(Shutdown::Write);
        let mut late = 0;
        while end != End::Wire && wait(stream, PollFlags::POLLIN, limit) {
            match (&*stream).read(&mut buffers.inbound[buffers.filled..]) {
                Ok(0) => break,
                Ok(count) => buffers.filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            }
            let mut left = &buffers.inbound[..buffers.filled];
            while let Ok(Some((_, rest))) = wire::split(left) {
                late += 1;
                left = rest;
            }
            let (used, filled) = (buffers.filled - left.len(), buffers.filled);
            buffers.inbound.copy_within(used..filled, 0);
            buffers.filled -= used;
            if buffers.filled == buffers.inbound.len() {
                break;
            }
        }
        // What the node had sent before it saw that there is no carrier.
        while end != End::DeviceGone && device.read(&mut buffers.frame).is_ok() {
            late += 1;
        }
        add(&self.counters.no_carrier, late);
    }
}

/// Writes what waits for the wire, as far as the wire takes it.
fn flush(stream: &UnixStream, buffers: &mut Buffers) -> io::Result<()> {
    while !buffers.is_flushed() {
        match (&*stream).write(&buffers.pending[buffers.sent..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => buffers.sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffers.pending.clear();
    buffers.sent = 0;
    Ok(())
}

/// Waits for a stream until a time; whether there is something to do.
fn wait(stream: &UnixStream, what: PollFlags, limit: Instant) -> bool {
    let left = limit.saturating_duration_since(Instant::now()).as_millis() as u16;
    let mut waits = [PollFd::new(stream.as_fd(), what)];
    left > 0 && poll(&mut waits, PollTimeout::from(left)).is_ok_and(|ready| ready > 0)
}

/// Frames on their way to the interface.
struct Delivery<'a> {
    device: &'a Device,
    taken: u64,
    refused: u64,
    is_gone: bool,
}

impl Delivery<'_> {
    /// Delivers all whole records; answers how many bytes they are, or that the bytes are no records.
    fn records(&mut self, bytes: &[u8]) -> Result<usize, fabric_proto::cell::BadRecord> {
        let mut group = Group::empty();
        let mut used = 0;
        let trains = self.device.takes_trains();
        while let Some((frame, _)) = wire::split(&bytes[used..])? {
            used += RECORD_HEADER + frame.len();
            match Datagram::of(frame).filter(|_| trains) {
                Some(datagram) => {
                    if !group.take(&datagram) {
                        self.train(&group);
                        group.begin(datagram);
                    }
                }
                None => {
                    self.train(&group);
                    group.clear();
                    self.one(frame);
                }
            }
        }
        self.train(&group);
        Ok(used)
    }

    fn one(&mut self, frame: &[u8]) {
        self.write(&[IoSlice::new(&Vnet::default().bytes()), IoSlice::new(frame)], 1);
    }

    fn train(&mut self, group: &Group<'_>) {
        if let Some(frame) = group.alone() {
            return self.one(frame);
        }
        let parts = group.parts();
        if parts.is_empty() {
            return;
        }
        let mut headers = [0; HEADERS_MAX];
        let (vnet, length) = group.head(&mut headers);
        let vnet = vnet.bytes();
        let mut slices = [IoSlice::new(&[]); SEGMENTS_MAX + 2];
        slices[0] = IoSlice::new(&vnet);
        slices[1] = IoSlice::new(&headers[..length]);
        for (slice, part) in slices[2..].iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
        }
        self.write(&slices[..2 + parts.len()], parts.len() as u64);
    }

    fn write(&mut self, slices: &[IoSlice<'_>], frames: u64) {
        match self.device.write(slices) {
            Ok(()) => self.taken += frames,
            Err(error) => {
                self.refused += frames;
                self.is_gone |= Device::is_gone(&error);
            }
        }
    }
}
