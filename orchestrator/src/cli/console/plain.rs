//! A console without line editing: prompts and text, as a router's line gives them to whatever is at its other end.
//!
//! What is typed at a terminal is shown by the terminal; what comes out of a pipe is shown here, so that what is read
//! looks the same everywhere.

use super::{CliError, Exit, Line, Ran, output, shown};
use fabric_proto::operator::LINE_MAX;
use nix::errno::Errno;
use std::io::{self, BufRead, IsTerminal as _};

/// Input in which no line ends for so long is no list of commands.
const ENDLESS: usize = 64 << 20;

/// Reads and runs lines until the session or the input ends; `typed` came before it began.
///
/// What a person types wrongly at a terminal is answered and done with. Out of a pipe, a command that failed does not
/// stop those after it, and the exit code says so at the end.
pub(super) async fn run(line: &mut Line, typed: Vec<u8>) -> Result<Exit, CliError> {
    let terminal = io::stdin().is_terminal();
    let mut input = Input { ahead: typed, shows: terminal };
    let mut exit = Exit::Pass;
    loop {
        output::text(&shown(&line.shared.prompt()));
        let Some(text) = input.line().await? else {
            output::text("\n");
            return Ok(exit);
        };
        let configuring = line.shared.prompt().contains("(config");
        match line.run(&text).await? {
            Ran::Output { text, failed } => {
                output::text(&text);
                if failed && !terminal {
                    exit = Exit::Missed;
                }
            }
            Ran::Closed => return Ok(exit),
            Ran::Lost { text, why } => {
                output::text(&text);
                tracing::warn!("{why}");
                if configuring && !terminal {
                    tracing::error!("the configuration session is gone, and with it the mode of the lines that follow");
                    return Ok(Exit::Missed);
                }
            }
        }
    }
}

/// Where lines come from.
struct Input {
    /// What was sent before anybody read.
    ahead: Vec<u8>,
    /// Whether stdin shows by itself what it is given.
    shows: bool,
}

impl Input {
    /// One line without its end, shown; `None` at the end of input.
    async fn line(&mut self) -> Result<Option<String>, CliError> {
        let begun = std::mem::take(&mut self.ahead);
        if let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            self.ahead = begun[end + 1..].to_vec();
            let text = String::from_utf8_lossy(&begun[..end]).into_owned();
            output::text(&format!("{text}\n"));
            return Ok(Some(text));
        }
        // A line that was begun goes on at the terminal.
        output::text(&String::from_utf8_lossy(&begun));
        let read = tokio::task::spawn_blocking(|| read_line(&mut io::stdin().lock()));
        let rest = match read.await {
            Ok(rest) => rest.map_err(CliError::io("stdin"))?,
            Err(_) => None,
        };
        if rest.is_none() && begun.is_empty() {
            return Ok(None);
        }
        let line = [begun, rest.unwrap_or_default()].concat();
        let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        if !self.shows {
            output::text(&format!("{text}\n"));
        }
        Ok(Some(text))
    }
}

/// One line without its newline. Of one that is longer than a route processor reads only so much is kept that it is
/// refused.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let (mut line, mut passed) = (Vec::new(), 0);
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Whoever had the other end of the terminal has closed it.
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => return Ok((passed > 0).then_some(line)),
            available => available?,
        };
        if available.is_empty() {
            return Ok((passed > 0).then_some(line));
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        line.extend_from_slice(&part[..part.len().min(LINE_MAX + 1 - line.len())]);
        let taken = part.len() + usize::from(end.is_some());
        input.consume(taken);
        passed += taken;
        if end.is_some() {
            return Ok(Some(line));
        }
        if passed > ENDLESS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line that does not end: no list of commands"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read as _};

    #[test]
    fn a_long_line_is_kept_as_far_as_it_takes_to_refuse_it() {
        let text = [vec![b'x'; 10 << 20], b"\nshow clock\n\nend".to_vec()].concat();
        let mut input = BufReader::new(text.as_slice());
        assert_eq!(read_line(&mut input).unwrap().unwrap().len(), LINE_MAX + 1);
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"show clock");
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"");
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"end");
        assert_eq!(read_line(&mut input).unwrap(), None);
    }

    #[test]
    fn a_terminal_whose_other_end_is_closed_is_the_end_of_input() {
        let terminal = nix::pty::openpty(None, None).unwrap();
        drop(terminal.master);
        assert_eq!(read_line(&mut BufReader::new(std::fs::File::from(terminal.slave))).unwrap(), None);
    }

    #[test]
    fn input_without_lines_is_given_up() {
        let error = read_line(&mut BufReader::new(io::repeat(b'x'))).unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
        assert!(read_line(&mut BufReader::new(io::repeat(b'x').take(8))).unwrap().is_some());
    }
}
