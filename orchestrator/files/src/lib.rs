//! Files that users name: opened only where they are regular, read only as far as has a reason.
//!
//! A path comes from a person or out of a file that somebody else wrote. A pipe at its end would be waited for, a
//! device read for ever, and a file of any length would be believed. Errors are [`io::Error`]s whose words say what
//! stands there instead; the caller knows the path and the remedy.

use nix::fcntl::OFlag;
use std::{
    fs::{File, FileType, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Longest text that is read, bytes: a configuration of a quarter of a million lines.
pub const TEXT_MAX: u64 = 16 << 20;

/// Opens a regular file for reading, through links. Whatever else stands at the path is refused, and not waited for.
pub fn open(path: &Path) -> io::Result<File> {
    // Before a device is opened, which may act on it; and once more on what was opened, which nobody can exchange.
    check(std::fs::metadata(path)?.file_type())?;
    // Opening a pipe waits for its writer.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a text of at most [`TEXT_MAX`] bytes.
pub fn read_text(path: &Path) -> io::Result<String> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let mut text = String::with_capacity(length.min(TEXT_MAX) as usize);
    // One byte more, so that a file that grows meanwhile is found, too.
    file.take(TEXT_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > TEXT_MAX {
        let why = format!("longer than {} MiB, the most that is read of a text", TEXT_MAX >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}

fn check(kind: FileType) -> io::Result<()> {
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{what}, not a regular file")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for (path, what) in [
            (pipe.as_path(), "a pipe"),
            (&link, "a pipe"),
            (&socket, "a socket"),
            (folder.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            for error in [open(path).map(drop), read_text(path).map(drop)].map(Result::unwrap_err) {
                assert_eq!(error.to_string(), format!("{what}, not a regular file"), "{}", path.display());
            }
        }
    }

    #[test]
    fn a_text_has_a_longest_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        std::fs::write(&path, "hostname pe1\n").unwrap();
        assert_eq!(read_text(&link).unwrap(), "hostname pe1\n");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(TEXT_MAX).unwrap();
        assert_eq!(read_text(&path).unwrap().len() as u64, TEXT_MAX);
        file.set_len(1 << 40).unwrap();
        assert!(read_text(&path).unwrap_err().to_string().starts_with("longer than 16 MiB"));
    }
}
