//! A congestion controller for a fabric: a constant window.
//!
//! The shipped controllers were measured to lose packets or to hang on a local path. A path inside
//! one host does not congest; what overflows is the receiver's socket buffer, so the window is a
//! fraction of that.

use quinn::congestion::{Controller, ControllerFactory};
use std::{any::Any, sync::Arc, time::Instant};

/// Largest useful window: more than 10 Gbit/s at the delay of a local path, and measured lossless
/// with an 8 MiB receive buffer.
const WINDOW_MAX: u64 = 1 << 20;
/// A few packets must always fit.
const WINDOW_MIN: u64 = 64 << 10;

/// The same number of bytes in flight, always.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConstantWindow(u64);

impl ConstantWindow {
    /// A window for a receive buffer of `buffer` bytes as the kernel reports it. The kernel also charges
    /// its own overhead against the buffer (about half), and several senders share it: an eighth.
    pub(crate) fn for_buffer(buffer: usize) -> Self {
        Self((buffer as u64 / 8).clamp(WINDOW_MIN, WINDOW_MAX))
    }

    /// The window in bytes.
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

impl ControllerFactory for ConstantWindow {
    fn build(self: Arc<Self>, _now: Instant, _mtu: u16) -> Box<dyn Controller> {
        Box::new(*self)
    }
}

impl Controller for ConstantWindow {
    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, _lost: u64) {}

    fn on_mtu_update(&mut self, _mtu: u16) {}

    fn window(&self) -> u64 {
        self.0
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }

    fn initial_window(&self) -> u64 {
        self.0
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
