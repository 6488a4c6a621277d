//! Files and folders of labs on a host that others use, too.
//!
//! A labs' folder in the temporary directory has a name that anybody can guess, and be first to make. So a folder counts only
//! if it is one, and its owner's alone; no link is followed, and nothing is truncated.

use super::{LabError, layout::wrong};
use nix::{fcntl::OFlag, unistd::Uid};
use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// Bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;
/// What anybody may write into without exchanging what is there: `/tmp`.
const STICKY: u32 = 0o1000;

/// Whether there is a folder; one that is not this user's alone is refused.
pub(super) fn look_at(dir: &Path) -> Result<bool, LabError> {
    let found = match handle(dir).and_then(|folder| folder.metadata()) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(wrong(dir)(error)),
    };
    let untrusted = |why: String| Err(LabError::Untrusted { dir: dir.to_owned(), why });
    if found.is_symlink() {
        return untrusted("it is a link".to_owned());
    }
    if !found.is_dir() {
        return untrusted("it is not a folder".to_owned());
    }
    if found.uid() != Uid::effective().as_raw() {
        return untrusted(format!("it belongs to user {}", found.uid()));
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return untrusted(format!("others can write into it (mode {:o})", found.mode() & 0o7777));
    }
    Ok(true)
}

/// What stands at a path itself, held while it is looked at, whoever may read it.
fn handle(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags((OFlag::O_PATH | OFlag::O_NOFOLLOW).bits()).open(path)
}

/// Makes the folder of all labs where there is none, this user's alone, and refuses one that is not.
pub(super) fn make_labs(dir: &Path) -> Result<(), LabError> {
    if let Some(parent) = dir.parent().filter(|parent| *parent != Path::new("")) {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(wrong(parent))?;
        let mode = fs::metadata(parent).map_err(wrong(parent))?.permissions().mode();
        if mode & 0o002 != 0 && mode & STICKY == 0 {
            let why = format!("anybody can exchange what is in {}", parent.display());
            return Err(LabError::Untrusted { dir: dir.to_owned(), why });
        }
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(wrong(dir)(error)),
        _ => look_at(dir).map(drop),
    }
}

/// Opens a file, and makes it where there is none. What is in it stays.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    own(options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(path)?).map(|(file, _)| file)
}

/// Reads a file of this user's, and no other.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(path)?;
    let (mut file, found) = own(opened)?;
    let mut bytes = Vec::with_capacity(found.len() as usize);
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(bytes)
}

fn own(file: File) -> io::Result<(File, Metadata)> {
    let found = file.metadata()?;
    if found.is_file() && found.uid() == Uid::effective().as_raw() {
        return Ok((file, found));
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a file of this user's"))
}

/// Writes a file whole or not at all: a reader never sees half of it, and what stands in its place is not followed.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let beside = path.with_added_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(&beside)(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(wrong(&beside))?;
    file.write_all(bytes).map_err(wrong(&beside))?;
    fs::rename(&beside, path).map_err(wrong(path))
}

/// Makes an empty file where there is none: a mark, or something to lock. Where it stands, a card's user may own it.
pub(super) fn mark(path: &Path) -> Result<(), LabError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    options.custom_flags(flags).open(path).map(drop).map_err(wrong(path))
}
