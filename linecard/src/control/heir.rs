//! A program that comes to take this one's place: let in, told the table while the card goes on, and left the rest.

use super::{Control, FAREWELL};
use crate::{
    data::{Command, DataLeft},
    life::EVENTS_KEPT,
};
use fabric_proto::{machine::Machine as _, operator::Event, time::Instant};
use linecard_core::{
    handover::{Ending, FromHeir, Holder, HolderInput, HolderOutput, frame, read_frame},
    linecard::LineCard,
};
use std::{
    fs, future, io,
    path::{Path, PathBuf},
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::oneshot,
    time::timeout,
};

/// Read at once: words of an heir are short.
const READ: usize = 4 << 10;

/// Where heirs come in, one at a time.
#[derive(Default)]
pub(super) struct Door {
    listener: Option<(UnixListener, PathBuf)>,
    heir: Option<HeirLink>,
}

/// What comes through the door.
pub(crate) enum Word {
    /// An heir has connected.
    Arrived(UnixStream),
    /// It has said something, or has gone.
    Said(HolderInput),
}

/// An heir, and what is under way to and from it.
#[derive(Debug)]
pub struct HeirLink {
    stream: UnixStream,
    /// Words that have not been read whole.
    pub(crate) inbound: Vec<u8>,
    /// Words that have not been written whole.
    pub(crate) outbound: Vec<u8>,
    pub(crate) holder: Holder,
}

/// A card that stands still: all that there is of it, and who is to have it.
#[derive(Debug)]
pub struct Yielded {
    /// The control side, without sessions.
    pub machine: LineCard,
    /// The data side.
    pub left: DataLeft,
    /// Resets since the card was started.
    pub resets: u32,
    /// The newest events.
    pub events: Vec<Event>,
    /// Who is to have it.
    pub heir: HeirLink,
}

impl Door {
    /// Lets heirs in at `path`. A card that cannot is reset to change its release; it is as good a card otherwise.
    pub(super) fn open(path: &Path) -> Self {
        // A program that was killed leaves its socket behind.
        let free = match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let listener = free.and_then(|()| UnixListener::bind(path)).map(|listener| (listener, path.to_owned()));
        let listener = listener.inspect_err(|error| {
            tracing::warn!(path = %path.display(), "no program can take this one's place: {error}");
        });
        Self { listener: listener.ok(), heir: None }
    }

    /// The next word. Cancel-safe.
    pub(super) async fn next(&mut self) -> Word {
        if let Some(heir) = &mut self.heir {
            return Word::Said(heir.next().await);
        }
        loop {
            let Some((listener, _)) = &self.listener else { return future::pending().await };
            match listener.accept().await {
                Ok((stream, _)) => return Word::Arrived(stream),
                Err(error) => {
                    tracing::warn!("no program can take this one's place: {error}");
                    self.listener = None;
                }
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.heir.as_ref().and_then(|heir| heir.holder.deadline())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.listener {
            // Gone already is gone.
            let _ = fs::remove_file(path);
        }
    }
}

impl HeirLink {
    /// What it says next; meanwhile, what is to be said to it goes out. Cancel-safe.
    async fn next(&mut self) -> HolderInput {
        loop {
            match read_frame::<FromHeir>(&self.inbound) {
                Ok(Some((word, used))) => {
                    self.inbound.drain(..used);
                    return HolderInput::Heard(word);
                }
                Ok(None) => {}
                Err(error) => return HolderInput::Gone(format!("the new program sent {error}")),
            }
            let writes = async {
                match self.outbound.is_empty() {
                    true => future::pending().await,
                    false => self.stream.writable().await,
                }
            };
            let done = tokio::select! {
                ready = self.stream.readable() => ready.and_then(|()| self.read()),
                ready = writes => ready.and_then(|()| self.write()),
            };
            if let Err(error) = done {
                return HolderInput::Gone(format!("the new program has gone: {error}"));
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; READ];
        match self.stream.try_read(&mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.inbound.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        match self.stream.try_write(&self.outbound) {
            Ok(count) => {
                self.outbound.drain(..count);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The connection alone, for a thread that waits.
    pub(crate) fn into_parts(self) -> io::Result<(std::os::unix::net::UnixStream, Vec<u8>, Vec<u8>, Holder)> {
        let stream = self.stream.into_std()?;
        stream.set_nonblocking(false)?;
        Ok((stream, self.inbound, self.outbound, self.holder))
    }
}

impl Control {
    /// Goes on with a hand-over: what the data side leaves when it stands still.
    pub(super) async fn hear_heir(&mut self, now: Instant, word: Option<Word>) -> Option<Box<DataLeft>> {
        let first = match word {
            Some(Word::Arrived(stream)) => {
                tracing::info!("a program has come to take this one's place");
                self.machine.tell_heir();
                let holder = Holder::new(now, self.config.id.clone(), self.release.clone());
                let (inbound, outbound) = (Vec::new(), Vec::new());
                self.door.heir = Some(HeirLink { stream, inbound, outbound, holder });
                return None;
            }
            Some(Word::Said(input)) => Some(input),
            None => None,
        };
        let (mut inputs, mut out) = (vec![first], Vec::new());
        while let Some(input) = inputs.pop() {
            let Some(heir) = &mut self.door.heir else { return None };
            heir.holder.step(now, input, &mut out);
            for output in std::mem::take(&mut out) {
                match output {
                    HolderOutput::Say(word) => match (frame(&word), &mut self.door.heir) {
                        (Ok(bytes), Some(heir)) => heir.outbound.extend(bytes),
                        (Err(error), _) => inputs.push(Some(HolderInput::Gone(error.to_string()))),
                        (Ok(_), None) => {}
                    },
                    HolderOutput::WantPart => inputs.push(Some(HolderInput::Part(self.machine.next_part()))),
                    HolderOutput::Yield => match self.yield_data().await {
                        Ok(left) => return Some(left),
                        Err(why) => inputs.push(Some(HolderInput::Yielded(Err(why)))),
                    },
                    HolderOutput::Over(ending) => self.heir_gone(&ending),
                }
            }
        }
        None
    }

    fn heir_gone(&mut self, ending: &Ending) {
        self.machine.tell_nobody();
        if let Some(mut heir) = self.door.heir.take() {
            // The reason is short, and the heir has read all before it: there is room, or there is nobody.
            let _ = heir.write();
        }
        if let Ending::Kept { why } = ending {
            tracing::warn!("this program keeps its card: {why}");
        }
    }

    async fn yield_data(&mut self) -> Result<Box<DataLeft>, String> {
        let gone = || "the data thread has ended".to_owned();
        // Whoever calls from now on is for whoever goes on.
        self.endpoint.deafen(true);
        let (reply, left) = oneshot::channel();
        self.data.commands.send(Command::Yield(reply)).await.map_err(|_| gone())?;
        let left = left.await.map_err(|_| gone()).flatten();
        self.endpoint.deafen(left.is_ok());
        left
    }

    /// All that there is of the card, once its data side stands still.
    pub(super) async fn leave(mut self, left: DataLeft) -> anyhow::Result<Box<Yielded>> {
        while let Ok(event) = self.data.events.try_recv() {
            // What has become of ports is seen anew by whoever goes on.
            if let crate::data::DataEvent::Dropped(over) = event {
                self.events.push(fabric::clock::now(), over.into());
            }
        }
        self.endpoint.close("another program takes this one's place");
        // Whoever has not heard of it finds out soon enough.
        let _ = timeout(FAREWELL, self.endpoint.closed()).await;
        self.machine.drop_sessions(fabric::clock::now());
        let heir = self.door.heir.take().ok_or_else(|| anyhow::anyhow!("nobody has come to take this card"))?;
        let events = self.events.newest(EVENTS_KEPT);
        Ok(Box::new(Yielded { machine: self.machine, left, resets: self.resets, events, heir }))
    }
}
