//! What the command says: data on stdout, messages on stderr.
//!
//! Readers go away, disks fill, terminals are lost. None of that decides what a command does or how it ends, so nothing
//! here fails, and no macro that panics is used anywhere (`print_stdout` and `print_stderr` are denied). Data that is
//! lost for another reason than a reader that had enough is said once.

use notation::text::printable;
use std::{
    fmt::Display,
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

/// Nothing more of stdout arrives anywhere.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes data to stdout, at once.
pub fn data(bytes: &[u8]) {
    if LOST.load(Ordering::Relaxed) {
        return;
    }
    let mut out = io::stdout().lock();
    let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) else { return };
    LOST.store(true, Ordering::Relaxed);
    // `swact … | head` has what it wanted.
    if error.kind() != io::ErrorKind::BrokenPipe {
        say(format_args!("error: stdout: {error}; what it should have taken from here on is lost"));
    }
}

/// Whether data still arrives somewhere: what has no other purpose may end when it does not.
pub fn is_read() -> bool {
    !LOST.load(Ordering::Relaxed)
}

/// Writes a message to stderr, on lines of its own. It may quote what others wrote: nothing in it commands a terminal.
pub fn say(message: impl Display) {
    styled(&printable(&message.to_string()));
}

/// The same for a message that has colours of ours.
pub fn styled(message: &str) {
    // Nobody is left to be told.
    let _ = writeln!(io::stderr().lock(), "{message}");
}
