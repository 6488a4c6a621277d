//! An heir's part: a program that has nothing else to do.

use super::pipe;
use crate::data::{DataLeft, NotWhole};
use fabric_proto::{id::CardId, machine::Machine as _, operator::Event};
use linecard_core::{
    handover::{BadFrame, Estate, FromHeir, Heir, HeirError, HeirInput, HeirOutput, frame, read_frame},
    linecard::{LineCard, LineCardConfig},
};
use std::{
    io,
    net::UdpSocket,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

/// A card that is this program's now.
#[derive(Debug)]
pub struct Taken {
    /// The control side.
    pub machine: LineCard,
    /// The data side.
    pub left: DataLeft,
    /// The control endpoint's socket.
    pub control: UdpSocket,
    /// Resets since the card was started.
    pub resets: u32,
    /// The newest events.
    pub events: Vec<Event>,
    /// Release of the program before.
    pub release: String,
}

/// Why this program has no card. The other one keeps it, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// Nobody is there.
    #[error("no program of this card hands over at {}: {source}; start the card in the ordinary way", path.display())]
    Nobody {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The other program, or what it told.
    #[error(transparent)]
    Heir(#[from] HeirError),
    /// Words that are none.
    #[error("the running program sent {0}: reset the card to change its release")]
    Frame(#[from] BadFrame),
    /// What was left is not whole.
    #[error("what the running program left cannot be gone on with: {0}: it keeps its card")]
    NotWhole(#[from] NotWhole),
    /// The connection.
    #[error("the connection to the running program: {0}: it keeps its card")]
    Pipe(#[from] io::Error),
}

/// Takes the card of the program that listens at `path`. When this returns a card, that program has none any more.
pub fn take_over(path: &Path, card: &CardId, release: &str, config: LineCardConfig) -> Result<Taken, TakeOverError> {
    let stream = UnixStream::connect(path).map_err(|source| TakeOverError::Nobody { path: path.to_owned(), source })?;
    let heir = Heir::new(fabric::clock::now(), card.clone(), release.to_owned(), config);
    Taking { stream, heir, bytes: Vec::new(), sockets: Vec::new() }.run()
}

struct Taking {
    stream: UnixStream,
    heir: Heir,
    bytes: Vec<u8>,
    sockets: Vec<OwnedFd>,
}

impl Taking {
    fn run(mut self) -> Result<Taken, TakeOverError> {
        let (mut input, mut out) = (Some(HeirInput::Connected), Vec::new());
        loop {
            self.heir.step(fabric::clock::now(), input, &mut out);
            for output in out.drain(..) {
                match output {
                    HeirOutput::Say(word) => pipe::send(&self.stream, &frame(&word)?, &[])?,
                    HeirOutput::Take(estate) => return self.take(*estate),
                    HeirOutput::Fail(error) => return Err(error.into()),
                }
            }
            input = self.hear()?;
        }
    }

    /// The next word; `None` when the heir's time is over.
    fn hear(&mut self) -> Result<Option<HeirInput>, TakeOverError> {
        loop {
            if let Some((word, used)) = read_frame(&self.bytes)? {
                self.bytes.drain(..used);
                return Ok(Some(HeirInput::Heard(word)));
            }
            let Some(until) = self.heir.deadline() else { return Ok(None) };
            // No time at all means for ever to a socket.
            let left = until.since(fabric::clock::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left))?;
            match pipe::receive(&self.stream, &mut self.bytes, &mut self.sockets) {
                Ok(true) => {}
                Ok(false) => return Ok(Some(HeirInput::Gone("it has ended".to_owned()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Some(HeirInput::Gone(error.to_string()))),
            }
        }
    }

    /// Looks at all of it, and only then says that it is this program's.
    fn take(self, estate: Estate) -> Result<Taken, TakeOverError> {
        let Estate { card: machine, counters, resets, events, ports, links, release } = estate;
        let mut sockets = self.sockets.into_iter();
        let (Some(control), Some(data), Some(log)) = (sockets.next(), sockets.next(), sockets.next()) else {
            return Err(NotWhole::Sockets.into());
        };
        let control = UdpSocket::from(control);
        let left = DataLeft::assemble(counters, data.into(), ports, links, sockets.collect())?;
        pipe::send(&self.stream, &frame(&FromHeir::Taken)?, &[])?;
        // The card's log goes on where it went.
        if let Err(error) = rustix::stdio::dup2_stderr(&log) {
            tracing::warn!("the log goes on here: {error}");
        }
        Ok(Taken { machine, left, control, resets, events, release })
    }
}
