//! Whether lines can be edited where the console runs.

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr},
    unistd::read,
};
use std::{
    io::{self, IsTerminal as _},
    os::fd::AsFd,
    time::{Duration, Instant},
};

/// Asks a terminal where its cursor is (ECMA-48 §8.3.35, DSR 6).
const ASK: &[u8] = b"\x1b[6n";
/// How long its answer may take: longer than the way to it and back anywhere on Earth.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the console has before it.
pub(super) enum Kind {
    /// A terminal that moves its cursor, and says where it is: lines can be edited.
    Full,
    /// Something that takes text and nothing else, with what it sent while it was asked.
    Plain(Vec<u8>),
}

/// Finds out. The editor asks the same question before every line, and would wait for ever where nobody answers: tools
/// that drive a command line over a pseudo-terminal do not.
pub(super) fn kind() -> Kind {
    let named = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    let (input, output) = (io::stdin(), io::stdout());
    if !(named && input.is_terminal() && output.is_terminal()) {
        return Kind::Plain(Vec::new());
    }
    let Ok(raw) = Raw::enter(&input) else { return Kind::Plain(Vec::new()) };
    crate::output::data(ASK);
    let mut sent = Vec::new();
    let until = Instant::now() + PATIENCE;
    loop {
        if answers(&sent) {
            return Kind::Full;
        }
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        let wait = PollTimeout::from(left as u16);
        let mut ready = [PollFd::new(raw.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, wait) {
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(1..) => {}
            Ok(_) | Err(_) => break,
        }
        let mut bytes = [0; 1024];
        match read(raw.0, &mut bytes) {
            Ok(length @ 1..) => sent.extend_from_slice(&bytes[..length]),
            Ok(_) | Err(_) => break,
        }
    }
    // As the terminal would have translated it.
    Kind::Plain(sent.into_iter().map(|byte| if byte == b'\r' { b'\n' } else { byte }).collect())
}

/// Whether a cursor position report is among the bytes: `ESC [ row ; column R`.
fn answers(bytes: &[u8]) -> bool {
    let report = |tail: &[u8]| {
        let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let row = digits(tail);
        let column = tail.get(row + 1..).map_or(0, digits);
        row > 0 && column > 0 && tail[row] == b';' && tail.get(row + 1 + column) == Some(&b'R')
    };
    bytes.windows(2).enumerate().any(|(at, pair)| pair == b"\x1b[" && report(&bytes[at + 2..]))
}

/// A terminal that hands over each byte as it comes and shows none, until this is dropped.
struct Raw<'a>(&'a io::Stdin, Termios);

impl<'a> Raw<'a> {
    fn enter(input: &'a io::Stdin) -> nix::Result<Self> {
        let before = tcgetattr(input)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(input, SetArg::TCSANOW, &raw)?;
        Ok(Self(input, before))
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(self.0, SetArg::TCSANOW, &self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_position_report_is_known_among_what_was_typed() {
        for yes in [&b"\x1b[1;1R"[..], b"show ver\x1b[24;80R", b"\x1b[A\x1b[24;3Rx"] {
            assert!(answers(yes), "{yes:?}");
        }
        for no in [
            &b""[..],
            b"\x1b[",
            b"\x1b[6n",
            b"\x1b[24;80",
            b"\x1b[;R",
            b"\x1b[1;R",
            b"24;80R",
            b"\x1b[1R",
            b"\x1b[1;1H",
        ] {
            assert!(!answers(no), "{no:?}");
        }
    }
}
