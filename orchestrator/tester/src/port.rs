//! A tester port: the listening end of a wire.
//!
//! Carrier is the connection. The card half-closes a port that goes down; what it had sent before is read to
//! the end, then this side closes too, and whatever waited here for the wire is lost to `port_down`, exactly counted.

use crate::{config::ConfigError, neighbour};
use fabric_proto::{cell::FRAME_MAX, deploy::WireEnd, load::tester_mac, time::Instant, wire};
use nix::sys::socket::{setsockopt, sockopt};
use std::{
    collections::VecDeque,
    fs,
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Shutdown},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::FileTypeExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::PathBuf,
};

/// Bytes that may wait for the wire: an eighth of a second at 500,000 packets a second of 128 bytes. A wire that
/// pushes back for longer cannot carry the load, and packets beyond are counted as skipped.
const QUEUE_MAX: usize = 8 << 20;
/// Send buffer asked of the kernel: what a line card may leave unread while it is not scheduled.
const SEND_BUFFER: usize = 4 << 20;
/// Bytes read at once.
const READ_BUFFER: usize = 256 << 10;
/// Reads of one port before the others and the generator have their turn.
const READS: usize = 4;

const _: () = assert!(READ_BUFFER > wire::RECORD_HEADER + FRAME_MAX, "a whole record fits");

/// One port. Dropping it takes its socket away.
#[derive(Debug)]
pub struct Port {
    /// Its number, from 1.
    pub number: u8,
    path: PathBuf,
    listener: UnixListener,
    /// Addresses for which it answers.
    own: Vec<IpAddr>,
    /// Answers that are to be queued, as records.
    answers: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    Down,
    Up(Carrier),
}

/// A connection and what waits for it.
#[derive(Debug)]
struct Carrier {
    stream: UnixStream,
    /// Records; those before `at` are with the kernel.
    queue: Vec<u8>,
    at: usize,
    /// Bytes handed to the kernel since the carrier came up.
    written: u64,
    /// Of these, bytes of whole records.
    whole: u64,
    /// The records that wait. Only the first may be half on the wire.
    waiting: VecDeque<Waiting>,
    /// The wire has pushed back, and not taken everything since.
    full: bool,
    /// The other end reads no more; its own end of stream follows.
    deaf: bool,
    received: Vec<u8>,
    /// Bytes of `received` in use.
    filled: usize,
}

/// A record that waits for the wire.
#[derive(Debug)]
struct Waiting {
    /// Where it ends, counted like [`Carrier::written`].
    end: u64,
    /// When its packet was due; `None`: nobody counts it, its trial is over or it answers a neighbour.
    intended: Option<u64>,
}

/// Whether a packet may be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Yes.
    Yes,
    /// The wire pushes back and the queue is full.
    Full,
    /// No carrier.
    Down,
}

/// What became of a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whether the port has a carrier now.
    pub up: bool,
    /// Packets that waited for the wire and were never handed to it.
    pub dropped: u64,
}

impl Port {
    /// Listens at the wire's socket; one that an earlier run left behind is replaced.
    pub fn listen(end: &WireEnd) -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::Listen { port: end.port, path: end.path.clone(), source };
        if fs::symlink_metadata(&end.path).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(&end.path).map_err(failed)?;
        }
        let listener = UnixListener::bind(&end.path).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            number: end.port,
            path: end.path.clone(),
            listener,
            own: end.addresses.clone(),
            answers: Vec::new(),
            state: State::Down,
        })
    }

    /// What to wait for: new connections, and the one it has.
    pub fn descriptors(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        let carrier = match &self.state {
            State::Up(carrier) => Some(carrier.stream.as_fd()),
            State::Down => None,
        };
        (self.listener.as_fd(), carrier)
    }

    /// Whether something waits for a wire that still takes it.
    pub fn wants_to_write(&self) -> bool {
        matches!(&self.state, State::Up(carrier) if carrier.at < carrier.queue.len() && !carrier.deaf)
    }

    /// Packets that wait for the wire.
    pub fn waiting(&self) -> u64 {
        match &self.state {
            State::Up(carrier) => carrier.packets(),
            State::Down => 0,
        }
    }

    /// Queues a packet that `write` appends as one record, due at `intended`, if there is room for `length` bytes.
    pub fn offer(&mut self, length: usize, intended: u64, write: impl FnOnce(&mut Vec<u8>)) -> Room {
        match &mut self.state {
            State::Down => Room::Down,
            State::Up(carrier) => carrier.offer(length, intended, write),
        }
    }

    /// Hands to the wire what it takes; `sent` gets each whole packet's intended time, and whether the wire had pushed back
    /// before. Returns how many packets
    /// will never be handed to it, because the other end reads no more.
    pub fn flush(&mut self, sent: impl FnMut(u64, bool)) -> u64 {
        match &mut self.state {
            State::Up(carrier) if !carrier.deaf => carrier.flush(sent),
            State::Up(_) | State::Down => 0,
        }
    }

    /// Forgets packets that wait: the trial they belong to is over. One that is half on the wire goes its way.
    pub fn forget(&mut self) {
        if let State::Up(carrier) = &mut self.state {
            carrier.forget();
        }
    }

    /// Takes a new connection. The old one, whose end was not read yet, goes down first.
    pub fn accept(&mut self, receive: impl FnMut(Instant, &[u8])) -> io::Result<Option<Change>> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let dropped = match &mut self.state {
            State::Down => 0,
            State::Up(carrier) => {
                // Frames of the old connection come before those of the new one.
                carrier.drain(receive);
                self.down()
            }
        };
        stream.set_nonblocking(true)?;
        // With the privilege, beyond the system's limit; a smaller buffer only makes the port's queue work harder.
        if setsockopt(&stream, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            let _ = setsockopt(&stream, sockopt::SndBuf, &SEND_BUFFER);
        }
        self.state = State::Up(Carrier {
            stream,
            queue: Vec::with_capacity(QUEUE_MAX),
            at: 0,
            written: 0,
            whole: 0,
            waiting: VecDeque::new(),
            full: false,
            deaf: false,
            received: vec![0; READ_BUFFER],
            filled: 0,
        });
        Ok(Some(Change { up: true, dropped }))
    }

    /// Reads what is there; `receive` gets each whole frame and the time at which its batch was read.
    ///
    /// Whoever asks for one of the port's own addresses is answered, and `receive` does not hear of it.
    pub fn read(&mut self, mut receive: impl FnMut(Instant, &[u8])) -> Option<Change> {
        let State::Up(carrier) = &mut self.state else { return None };
        let (mac, own, answers) = (tester_mac(self.number), &self.own, &mut self.answers);
        let mut receive = |now: Instant, frame: &[u8]| match neighbour::answer(mac, own, frame) {
            Some(answer) => wire::push(answers, &answer),
            None => receive(now, frame),
        };
        for _ in 0..READS {
            match carrier.read(&mut receive) {
                Progress::More => {}
                Progress::Dry => break,
                Progress::End => {
                    self.answers.clear();
                    return Some(Change { up: false, dropped: self.down() });
                }
            }
        }
        carrier.answer(&mut self.answers);
        None
    }

    /// Ends the carrier from this side too; packets that waited are counted.
    fn down(&mut self) -> u64 {
        match std::mem::replace(&mut self.state, State::Down) {
            State::Down => 0,
            State::Up(carrier) => {
                // The card waits for this side's end of stream. It fails when the card is gone: then nobody waits.
                let _ = carrier.stream.shutdown(Shutdown::Write);
                carrier.packets()
            }
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

enum Progress {
    More,
    Dry,
    End,
}

impl Carrier {
    fn offer(&mut self, length: usize, intended: u64, write: impl FnOnce(&mut Vec<u8>)) -> Room {
        if self.deaf {
            return Room::Down;
        }
        if self.queue.len() - self.at + length > QUEUE_MAX {
            return Room::Full;
        }
        if self.queue.len() + length > QUEUE_MAX {
            self.queue.drain(..self.at);
            self.at = 0;
        }
        write(&mut self.queue);
        let end = self.written + (self.queue.len() - self.at) as u64;
        self.waiting.push_back(Waiting { end, intended: Some(intended) });
        Room::Yes
    }

    /// Queues answers behind what waits. Whoever gets none asks again.
    fn answer(&mut self, answers: &mut Vec<u8>) {
        let mut rest = &answers[..];
        while let Ok(Some((frame, after))) = wire::split(rest) {
            if !self.deaf && self.queue.len() + wire::RECORD_HEADER + frame.len() <= QUEUE_MAX {
                wire::push(&mut self.queue, frame);
                let end = self.written + (self.queue.len() - self.at) as u64;
                self.waiting.push_back(Waiting { end, intended: None });
            }
            rest = after;
        }
        answers.clear();
    }

    /// Packets that wait and are counted.
    fn packets(&self) -> u64 {
        self.waiting.iter().filter(|record| record.intended.is_some()).count() as u64
    }

    fn flush(&mut self, mut sent: impl FnMut(u64, bool)) -> u64 {
        let waited = self.full;
        while self.at < self.queue.len() {
            match self.stream.write(&self.queue[self.at..]) {
                Ok(length) => {
                    self.at += length;
                    self.written += length as u64;
                    while let Some(record) = self.waiting.pop_front_if(|record| record.end <= self.written) {
                        self.whole = record.end;
                        record.intended.into_iter().for_each(|intended| sent(intended, waited));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.full = true;
                    return 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // Nobody reads any more. What the card sent before is still to be read, then the port is down.
                    let dropped = self.packets();
                    self.waiting.clear();
                    self.deaf = true;
                    return dropped;
                }
            }
        }
        self.queue.clear();
        self.at = 0;
        self.full = false;
        0
    }

    fn forget(&mut self) {
        match self.waiting.front_mut() {
            Some(first) if self.written > self.whole => {
                first.intended = None;
                self.queue.truncate(self.at + (first.end - self.written) as usize);
                self.waiting.truncate(1);
            }
            Some(_) | None => {
                self.queue.truncate(self.at);
                self.waiting.clear();
            }
        }
    }

    /// Reads to the end of what is there.
    fn drain(&mut self, mut receive: impl FnMut(Instant, &[u8])) {
        while matches!(self.read(&mut receive), Progress::More) {}
    }

    fn read(&mut self, receive: &mut impl FnMut(Instant, &[u8])) -> Progress {
        let length = match self.stream.read(&mut self.received[self.filled..]) {
            Ok(0) => return Progress::End,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Dry,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Progress::More,
            Err(_) => return Progress::End,
        };
        let now = fabric::clock::now();
        self.filled += length;
        let mut rest = &self.received[..self.filled];
        loop {
            match wire::split(rest) {
                Ok(Some((frame, after))) => {
                    receive(now, frame);
                    rest = after;
                }
                Ok(None) => break,
                // The stream is out of step: the wire is unusable.
                Err(_) => return Progress::End,
            }
        }
        let left = rest.len();
        self.received.copy_within(self.filled - left..self.filled, 0);
        self.filled = left;
        Progress::More
    }
}
