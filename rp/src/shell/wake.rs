//! What wakes the owner, and in which order.

use crate::{
    data::{Punted, Punts},
    writer::Written,
};
use fabric::control::Connection;
use fabric_proto::{
    id::Slot,
    operator::{CardStats, CommandOutput, Completion, CrashPoint, Impairment, PlaneSet, StorageFault},
    time::Instant,
};
use rp_core::rp::Input;
use tokio::sync::{mpsc, oneshot};

/// What an operator wants of the owner.
pub(crate) enum Ask {
    /// Run a line of the command line.
    Line { session: u64, line: String, answer: oneshot::Sender<CommandOutput> },
    /// What can complete a line of the command line.
    Complete { session: u64, line: String, answer: oneshot::Sender<Vec<Completion>> },
    /// The session's stream has ended.
    SessionClosed(u64),
    /// The backplane: a card came or went.
    Oir { slot: Slot, inserted: bool },
    /// Counters and state.
    Stats { answer: oneshot::Sender<Box<CardStats>> },
    /// Impair the fabric towards a card.
    Impair { to: Option<Slot>, plane: PlaneSet, impairment: Impairment, answer: oneshot::Sender<Result<(), String>> },
    /// Crash at this point; `None`: at none any more.
    CrashAt { point: Option<CrashPoint>, answer: oneshot::Sender<Result<(), String>> },
    /// Damage, fill or repair the storage of the startup configuration.
    Storage { fault: StorageFault, answer: oneshot::Sender<Result<(), String>> },
    /// A client of the redundancy facility does not answer any more, or answers again.
    Hang { client: String, hangs: bool, answer: oneshot::Sender<Result<(), String>> },
}

/// Everything that can wake the owner.
pub(super) enum Wake {
    Deadline,
    Input(Input),
    Ask(Ask),
    Peer(Connection, bool),
    /// Packets that line cards have given up.
    Punts(Vec<Punted>),
    /// NVRAM has been written.
    Written(Written),
    /// SIGQUIT: the software is made to crash.
    Crash,
    Stop,
}

impl Wake {
    /// For logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Input(Input::Feed(_)) => "routes",
            Self::Input(Input::Checkpoint(_)) => "checkpoint",
            Self::Input(Input::Lc(..)) => "line card",
            Self::Input(_) => "input",
            Self::Ask(_) => "operator",
            Self::Peer(..) => "peer",
            Self::Punts(_) => "packets",
            Self::Written(_) => "NVRAM",
            Self::Crash => "crash",
            Self::Stop => "stop",
        }
    }
}

/// What comes last: routes, and packets that line cards have given up, in turns: neither waits for all of the other.
pub(super) struct Rest {
    bulk: mpsc::Receiver<Input>,
    /// `None` where there is no way to links.
    punts: Option<Punts>,
    punts_first: bool,
}

impl Rest {
    pub(super) fn new(bulk: mpsc::Receiver<Input>, punts: Option<Punts>) -> Self {
        Self { bulk, punts, punts_first: true }
    }

    /// Lets one of the routes and checkpoints go by. Cancel-safe.
    pub(super) async fn skip(&mut self) {
        self.bulk.recv().await;
    }

    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Wake {
        let Self { bulk, punts, punts_first } = self;
        let packets = async {
            match punts {
                Some(punts) => punts.next().await,
                None => std::future::pending().await,
            }
        };
        let wake = if *punts_first {
            tokio::select! {
                biased;
                packets = packets => Wake::Punts(packets),
                Some(input) = bulk.recv() => Wake::Input(input),
            }
        } else {
            tokio::select! {
                biased;
                Some(input) = bulk.recv() => Wake::Input(input),
                packets = packets => Wake::Punts(packets),
            }
        };
        *punts_first = !matches!(wake, Wake::Punts(_));
        wake
    }
}

/// Waits for the machine's deadline, where it has one.
pub(super) async fn until(deadline: Option<Instant>, now: Instant) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.since(now)).await,
        None => std::future::pending().await,
    }
}
