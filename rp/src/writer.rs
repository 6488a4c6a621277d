//! Writes to NVRAM that nothing but their own answer waits for: they are made one after another beside the owner, whose
//! heartbeats must not wait for a disk.
//!
//! Terms are not written here: what follows one may not happen before it is on the disk.

use crate::nvram::Nvram;
use fabric_proto::operator::StorageFault;
use std::io;
use tokio::sync::{mpsc, oneshot};

/// Writes that wait. Whoever asks for one waits for it before he asks for the next, so that more than a few are a
/// defect of the asker.
const QUEUE: usize = 64;

/// What can be written.
#[derive(Debug)]
pub(crate) enum Write {
    /// The startup configuration; `torn`: the program dies half way.
    Startup { text: String, torn: bool },
    /// The text of a startup configuration that was not understood as a whole.
    SetAside(String),
    /// Damage, or repair, that an experiment wants: in its place among the others, with an answer of its own.
    Fault { fault: StorageFault, answer: oneshot::Sender<Result<(), String>> },
}

/// A write by number, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriteId(u64);

/// A write that has ended.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: WriteId,
    /// What it was, for messages.
    pub(crate) what: &'static str,
    pub(crate) result: io::Result<()>,
}

/// The owner's side.
pub(crate) struct Writer {
    queue: mpsc::Sender<(WriteId, Write)>,
    last: u64,
    under_way: usize,
}

impl Writer {
    /// A writer, and where its results come from: the owner gives each back to [`Self::ended`].
    pub(crate) fn start(nvram: Nvram) -> (Self, mpsc::Receiver<Written>) {
        let (queue, writes) = mpsc::channel(QUEUE);
        // As many as can be under way: the writer never waits for the owner.
        let (results, written) = mpsc::channel(QUEUE + 1);
        tokio::spawn(run(nvram, writes, results));
        (Self { queue, last: 0, under_way: 0 }, written)
    }

    /// Begins a write; an error says why it never will.
    pub(crate) fn begin(&mut self, write: Write) -> io::Result<WriteId> {
        let id = WriteId(self.last + 1);
        self.queue.try_send((id, write)).map_err(|_| io::Error::other("too many writes are waiting for the disk"))?;
        self.last = id.0;
        self.under_way += 1;
        Ok(id)
    }

    /// One has ended.
    pub(crate) fn ended(&mut self) {
        self.under_way -= 1;
    }

    /// Whether any is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way > 0
    }

    /// Waits until none is: a program that ends leaves nothing half done.
    pub(crate) async fn finish(&mut self, written: &mut mpsc::Receiver<Written>) {
        while self.is_busy() && written.recv().await.is_some() {
            self.ended();
        }
    }
}

async fn run(nvram: Nvram, mut writes: mpsc::Receiver<(WriteId, Write)>, results: mpsc::Sender<Written>) {
    while let Some((id, write)) = writes.recv().await {
        #[cfg(test)]
        tokio::time::sleep(nvram.slowness()).await;
        let nvram = nvram.clone();
        let done = tokio::task::spawn_blocking(move || match write {
            Write::Startup { text, torn } => ("saved", nvram.save_startup(&text, torn)),
            Write::SetAside(text) => ("set aside", nvram.set_aside(&text)),
            Write::Fault { fault, answer } => {
                let _ = answer.send(nvram.fault(fault).map_err(|error| format!("NVRAM: {error}")));
                ("put to the test", Ok(()))
            }
        });
        let (what, result) = done.await.unwrap_or_else(|error| ("saved", Err(io::Error::other(error))));
        if results.send(Written { id, what, result }).await.is_err() {
            return;
        }
    }
}
