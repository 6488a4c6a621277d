//! A session of its own for each card.
#![allow(unsafe_code, reason = "what a process does between fork and exec is unsafe to say")]

use tokio::process::Command;

/// Lets a command begin a session: it is its own process group, so that Ctrl-C in a terminal does not reach it, and
/// its own group for the scheduler where that groups by session (`sched_autogroup_enabled`, `sched(7)`): a card then
/// has its share of the processors as a container has, however busy other cards are.
pub(super) fn begin_session(command: &mut Command) {
    let begin = || rustix::process::setsid().map(drop).map_err(Into::into);
    // SAFETY: runs in the forked child, where only what is async-signal-safe may be called: `setsid` is one system
    // call, and its error a number; nothing is allocated, locked or shared.
    unsafe { command.pre_exec(begin) };
}
