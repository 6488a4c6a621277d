//! Scheduling priority of the thread that must not wait: the measuring instrument's clock and generator.
//!
//! Line cards and route processors stay as they are: a line card that is woken for every packet loses
//! its batches, and doubles what a download takes on a busy machine (measured).

/// Asks the kernel to prefer the calling thread. Without the privilege nothing changes: a busy machine
/// then shows as lateness of the generator, which every report states.
pub fn prefer() {
    if let Err(error) = rustix::process::setpriority_process(None, -15) {
        tracing::debug!(%error, "scheduling priority stays as it is");
    }
}
