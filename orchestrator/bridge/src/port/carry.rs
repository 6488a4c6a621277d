//! Carrying frames both ways while a wire is connected. Nothing here allocates, locks or logs for a frame.

use super::{
    Shared, add,
    trouble::{Meets, Trouble, Way},
};
use crate::{
    device::Device,
    frame::{
        coalesce::{Datagram, Group, HEADERS_MAX, SEGMENTS_MAX},
        expand::expand,
        vnet::{self, Vnet},
    },
};
use fabric_proto::{
    drops::DropCause,
    load::is_test_packet,
    wire::{self, RECORD_HEADER},
};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll, ppoll},
    sys::time::TimeSpec,
};
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
    /// From the interface, where the wire does something to them: records.
    rough: Vec<u8>,
    pub(super) trouble: Trouble,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            inbound: vec![0; READ],
            filled: 0,
            frame: vec![0; READ_FRAME],
            pending: Vec::with_capacity(4 * PENDING_MAX),
            sent: 0,
            rough: Vec::new(),
            trouble: Trouble::new(),
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
            self.settle(&mut buffers.trouble);
            if !buffers.trouble.is_none() && self.release(device, buffers) {
                return End::DeviceGone;
            }
            let from_device = if buffers.pending.len() < PENDING_MAX { PollFlags::POLLIN } else { PollFlags::empty() };
            let to_wire = if buffers.is_flushed() { PollFlags::empty() } else { PollFlags::POLLOUT };
            let mut waits = [
                PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
                PollFd::new(device.as_fd(), from_device),
                PollFd::new(stream.as_fd(), PollFlags::POLLIN | to_wire),
            ];
            // Interrupted looks at everything.
            let _ = ppoll(&mut waits, buffers.trouble.wait().map(TimeSpec::from_duration), None);
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
        let (mut frames, mut tests, mut malformed) = (0, 0, 0);
        buffers.trouble.reads();
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
            let out = if buffers.trouble.is_none() { &mut buffers.pending } else { &mut buffers.rough };
            let read = Vnet::split(&mut buffers.frame[..length]);
            match read.map(|(vnet, frame)| (is_test_packet(frame), expand(&vnet, frame, out))) {
                Some((is_test, Ok(count))) => {
                    frames += count;
                    tests += count * u64::from(is_test);
                }
                Some((_, Err(_))) | None => malformed += 1,
            }
            self.roughen(buffers);
        }
        add(&self.counters.from_node, frames);
        add(&self.counters.tests_from_node, tests);
        add(&self.counters.malformed, malformed);
        result
    }

    /// Does to frames from the interface what the wire is to do to them.
    fn roughen(&self, buffers: &mut Buffers) {
        let Buffers { rough, trouble, pending, .. } = buffers;
        let mut rest = &rough[..];
        while let Ok(Some((frame, after))) = wire::split(rest) {
            rest = after;
            match trouble.meets(Way::OutOf, frame) {
                Meets::Copies(copies) => (0..copies).for_each(|_| wire::push(pending, frame)),
                Meets::Gone(cause) => self.gone(cause, frame),
                Meets::Held => {}
            }
        }
        rough.clear();
    }

    /// Counts a frame that trouble has taken.
    fn gone(&self, cause: DropCause, frame: &[u8]) {
        add(&self.counters.impaired, 1);
        self.lost(cause, u64::from(is_test_packet(frame)));
    }

    /// Lets go what was held back until now; whether the interface is gone.
    fn release(&self, device: &Device, buffers: &mut Buffers) -> bool {
        while let Some((frame, cut)) = buffers.trouble.due(Way::OutOf) {
            match cut {
                None => wire::push(&mut buffers.pending, &frame),
                Some(cause) => self.gone(cause, &frame),
            }
        }
        let mut delivery = Delivery::to(device);
        while let Some((frame, cut)) = buffers.trouble.due(Way::Into) {
            match cut {
                None => delivery.one(&frame),
                Some(cause) => self.gone(cause, &frame),
            }
        }
        self.delivered(&delivery)
    }

    /// Counts what an interface was given; whether it is gone.
    fn delivered(&self, delivery: &Delivery<'_>) -> bool {
        add(&self.counters.to_node, delivery.taken);
        add(&self.counters.refused, delivery.refused);
        add(&self.counters.tests_to_node, delivery.tests);
        self.lost(DropCause::NodeRefused, delivery.tests_refused);
        delivery.is_gone
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
        buffers.trouble.reads();
        let mut delivery = Delivery::to(device);
        let Buffers { inbound, filled, trouble, .. } = &mut *buffers;
        let used = delivery.records(&inbound[..*filled], |frame| {
            if trouble.is_none() {
                return 1;
            }
            match trouble.meets(Way::Into, frame) {
                Meets::Copies(copies) => copies,
                Meets::Gone(cause) => {
                    self.gone(cause, frame);
                    0
                }
                Meets::Held => 0,
            }
        });
        let is_gone = self.delivered(&delivery);
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
        let (mut late, mut tests) = (0, unsent_tests(&buffers.pending, buffers.sent));
        while end != End::Wire && wait(stream, PollFlags::POLLIN, limit) {
            match (&*stream).read(&mut buffers.inbound[buffers.filled..]) {
                Ok(0) => break,
                Ok(count) => buffers.filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            }
            let mut left = &buffers.inbound[..buffers.filled];
            while let Ok(Some((frame, rest))) = wire::split(left) {
                late += 1;
                tests += u64::from(is_test_packet(frame));
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
        while end != End::DeviceGone
            && let Ok(length) = device.read(&mut buffers.frame)
        {
            late += 1;
            buffers.rough.clear();
            let read = Vnet::split(&mut buffers.frame[..length]);
            if let Some((true, Ok(count))) =
                read.map(|(vnet, frame)| (is_test_packet(frame), expand(&vnet, frame, &mut buffers.rough)))
            {
                add(&self.counters.tests_from_node, count);
                tests += count;
            }
        }
        buffers.rough.clear();
        for frame in buffers.trouble.drain() {
            late += 1;
            tests += u64::from(is_test_packet(&frame));
        }
        add(&self.counters.no_carrier, late);
        self.lost(DropCause::WireNoCarrier, tests);
    }
}

/// Test packets among records of which only the first `sent` bytes went out; one that is out in part is lost.
fn unsent_tests(pending: &[u8], sent: usize) -> u64 {
    let (mut rest, mut tests) = (pending, 0);
    while let Ok(Some((frame, after))) = wire::split(rest) {
        let is_out = pending.len() - after.len() <= sent;
        tests += u64::from(!is_out && is_test_packet(frame));
        rest = after;
    }
    tests
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
    /// Test packets among them.
    tests: u64,
    tests_refused: u64,
    is_gone: bool,
}

impl<'a> Delivery<'a> {
    fn to(device: &'a Device) -> Self {
        Self { device, taken: 0, refused: 0, tests: 0, tests_refused: 0, is_gone: false }
    }

    /// Delivers all whole records, as often as `copies` says; answers how many bytes they are, or that the bytes are no records.
    fn records(
        &mut self,
        bytes: &[u8],
        mut copies: impl FnMut(&[u8]) -> u8,
    ) -> Result<usize, fabric_proto::cell::BadRecord> {
        let mut group = Group::empty();
        let mut used = 0;
        let trains = self.device.takes_trains();
        while let Some((frame, _)) = wire::split(&bytes[used..])? {
            used += RECORD_HEADER + frame.len();
            match copies(frame) {
                0 => continue,
                1 => {}
                more => {
                    self.train(&group);
                    group.clear();
                    (0..more).for_each(|_| self.one(frame));
                    continue;
                }
            }
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
        self.write(&[IoSlice::new(&Vnet::default().bytes()), IoSlice::new(frame)], 1, is_test_packet(frame));
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
        self.write(&slices[..2 + parts.len()], parts.len() as u64, is_test_packet(&headers[..length]));
    }

    fn write(&mut self, slices: &[IoSlice<'_>], frames: u64, are_tests: bool) {
        let tests = if are_tests { frames } else { 0 };
        match self.device.write(slices) {
            Ok(()) => {
                self.taken += frames;
                self.tests += tests;
            }
            Err(error) => {
                self.refused += frames;
                self.tests_refused += tests;
                self.is_gone |= Device::is_gone(&error);
            }
        }
    }
}
