//! Log messages kept for `show logging`: those of the event stream.

use super::Output;
use fabric_proto::{operator::EventKind, time::Instant};
use std::collections::VecDeque;

/// Messages kept: a bring-up with everything debugged takes some hundred.
const KEPT: usize = 512;

/// The buffer.
#[derive(Debug, Default)]
pub(super) struct LogBuffer {
    lines: VecDeque<(Instant, String)>,
    total: u64,
}

impl LogBuffer {
    /// Keeps what is logged among what a step has come to.
    pub(super) fn keep(&mut self, now: Instant, outputs: &[Output]) {
        for output in outputs {
            let Output::Event(EventKind::Log { line }) = output else { continue };
            if self.lines.len() == KEPT {
                self.lines.pop_front();
            }
            self.lines.push_back((now, line.clone()));
            self.total += 1;
        }
    }

    /// Messages kept, oldest first.
    pub(super) fn lines(&self) -> impl Iterator<Item = (Instant, &str)> {
        self.lines.iter().map(|(at, line)| (*at, line.as_str()))
    }

    /// Messages logged since the program started.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}
