//! The end of a holder's part, in a program of which nothing else runs any more.

use super::pipe;
use crate::{control::Yielded, data::DataLeft};
use fabric_proto::{machine::Machine as _, operator::Event, time::Instant};
use linecard_core::{
    handover::{BadFrame, Ending, FromHeir, FromHolder, Holder, HolderInput, HolderOutput, frame, read_frame},
    linecard::LineCard,
};
use std::{
    io::{self, Read as _},
    net::{Shutdown, UdpSocket},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

/// Read at once: words of an heir are short.
const READ: usize = 4 << 10;

/// What came of an offer.
#[derive(Debug)]
pub enum Offered {
    /// The card is the other program's.
    Taken,
    /// The card is this program's: all that there is of it.
    Kept {
        /// The control side.
        machine: Box<LineCard>,
        /// The data side.
        left: Box<DataLeft>,
        /// Resets since the card was started.
        resets: u32,
        /// The newest events.
        events: Vec<Event>,
        /// Why.
        why: String,
    },
}

/// Leaves a card that stands still to the heir, with `control`, the control endpoint's socket. Neither that nor any other
/// socket is touched before the answer.
pub fn offer(yielded: Yielded, control: &UdpSocket) -> Offered {
    let Yielded { mut machine, left, resets, events, heir } = yielded;
    let ending = match heir.into_parts() {
        Ok((stream, inbound, outbound, holder)) => {
            let mut offer = Offer { stream, inbound, holder };
            let told = offer.tell(&outbound, &mut machine, &left, resets, &events, control);
            offer.wait(told)
        }
        Err(error) => Ending::Kept { why: format!("the connection cannot be waited for: {error}") },
    };
    machine.tell_nobody();
    match ending {
        Ending::Taken => Offered::Taken,
        Ending::Kept { why } => Offered::Kept { machine: Box::new(machine), left: Box::new(left), resets, events, why },
    }
}

/// Why not all was told.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error(transparent)]
    Frame(#[from] BadFrame),
    #[error(transparent)]
    Pipe(#[from] io::Error),
    #[error("the data endpoint has no socket")]
    NoSocket,
}

struct Offer {
    stream: UnixStream,
    inbound: Vec<u8>,
    holder: Holder,
}

impl Offer {
    fn say(&self, word: &FromHolder, sockets: &[BorrowedFd<'_>]) -> Result<(), NotTold> {
        Ok(pipe::send(&self.stream, &frame(word)?, sockets)?)
    }

    /// Tells all that is left. The holder's clock has not begun: a reader that stands still is given up by the socket's.
    fn tell(
        &mut self,
        outbound: &[u8],
        machine: &mut LineCard,
        left: &DataLeft,
        resets: u32,
        events: &[Event],
        control: &UdpSocket,
    ) -> Result<(), NotTold> {
        self.stream.set_write_timeout(Some(linecard_core::handover::TAKE_MAX))?;
        pipe::send(&self.stream, outbound, &[])
            .or_else(|error| if outbound.is_empty() { Ok(()) } else { Err(error) })?;
        let mut number = self.holder.next_number();
        while let Some((kind, batch)) = machine.next_part() {
            self.say(&FromHolder::Part(fabric_proto::linecard::FibUpdate { number, kind, batch }), &[])?;
            number += 1;
        }
        let standing = FromHolder::Standing {
            standing: Box::new(machine.standing()),
            counters: Box::new(left.counters.clone()),
            resets,
            events: events.to_vec(),
        };
        let socket = left.socket().ok_or(NotTold::NoSocket)?;
        self.say(&standing, &[control.as_fd(), socket.as_fd(), io::stderr().as_fd()])?;
        for (port, wire) in left.ports() {
            self.say(&FromHolder::Port(port), &[wire.as_fd()])?;
        }
        for link in left.links() {
            self.say(&FromHolder::Link(link), &[])?;
        }
        let (ports, links) = (left.ports().len() as u16, left.links().len() as u16);
        self.say(&FromHolder::End { ports, links }, &[])
    }

    fn wait(mut self, told: Result<(), NotTold>) -> Ending {
        let mut input = Some(match told {
            Ok(()) => HolderInput::Yielded(Ok(())),
            Err(error) => HolderInput::Gone(format!("the new program cannot be told: {error}")),
        });
        let mut out = Vec::new();
        loop {
            let now = fabric::clock::now();
            self.holder.step(now, input.take(), &mut out);
            for output in out.drain(..) {
                match output {
                    // It reads this, or it is not there.
                    HolderOutput::Say(word) => drop(self.say(&word, &[])),
                    HolderOutput::Over(Ending::Taken) => return Ending::Taken,
                    HolderOutput::Over(Ending::Kept { why }) => return self.withdraw(why),
                    HolderOutput::WantPart | HolderOutput::Yield => {}
                }
            }
            input = self.hear(now);
        }
    }

    /// The next word; `None` when the holder's time is over.
    fn hear(&mut self, now: Instant) -> Option<HolderInput> {
        let until = self.holder.deadline()?;
        loop {
            match read_frame::<FromHeir>(&self.inbound) {
                Ok(Some((word, used))) => {
                    self.inbound.drain(..used);
                    return Some(HolderInput::Heard(word));
                }
                Ok(None) => {}
                Err(error) => return Some(HolderInput::Gone(format!("the new program sent {error}"))),
            }
            // No time at all means for ever to a socket.
            let left = until.since(fabric::clock::now().max(now)).max(Duration::from_millis(1));
            if let Err(error) = self.stream.set_read_timeout(Some(left)) {
                return Some(HolderInput::Gone(error.to_string()));
            }
            let mut bytes = [0; READ];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Some(HolderInput::Gone("the new program has ended".to_owned())),
                Ok(count) => self.inbound.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(HolderInput::Gone(error.to_string())),
            }
        }
    }

    /// Takes the offer back. The heir may be about to say that it has taken the card: from here on it cannot, and whether it
    /// has is in what the kernel still holds.
    fn withdraw(mut self, why: String) -> Ending {
        let closed = self.stream.shutdown(Shutdown::Read).is_ok();
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(1)));
        let mut bytes = Vec::new();
        // The end, or nothing more: what was read is in `bytes` either way.
        let _ = self.stream.read_to_end(&mut bytes);
        self.inbound.extend(bytes);
        while let Ok(Some((word, used))) = read_frame::<FromHeir>(&self.inbound) {
            self.inbound.drain(..used);
            if word == FromHeir::Taken {
                return Ending::Taken;
            }
        }
        if !closed {
            tracing::debug!("the connection to the new program was gone already");
        }
        Ending::Kept { why }
    }
}
