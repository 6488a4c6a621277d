//! A session of its own for who measures.
#![allow(unsafe_code, reason = "what a process does between fork and exec is unsafe to say")]

use tokio::process::Command;

/// Lets a command begin a session: it is its own process group, and its own group for the scheduler where that groups by
/// session (`sched_autogroup_enabled`, `sched(7)`). A tester has a share of the processors then, however many cards are
/// busy at once. Cards stay in one group: with one each, a tester, whose threads share theirs, sends late.
pub(super) fn begin_session(command: &mut Command) {
    let begin = || rustix::process::setsid().map(drop).map_err(Into::into);
    // SAFETY: runs in the forked child, where only what is async-signal-safe may be called: `setsid` is one system
    // call, and its error a number; nothing is allocated, locked or shared.
    unsafe { command.pre_exec(begin) };
}
