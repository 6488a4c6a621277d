//! `SHA256SUMS`: what a run's files were when they were written, as `sha256sum -c SHA256SUMS` reads it.
//!
//! A list beside the files protects against accidents and careless edits, not against somebody who writes a new list.

use super::{StoreError, is_drawn, kept, write_atomically};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path};

/// Name of the list.
pub(super) const FILE: &str = "SHA256SUMS";
/// Folders below a run's: `logs/` and `plots/` are one deep.
const DEPTH: u32 = 4;

/// Lists every file of a run's folder.
pub(super) fn write(folder: &Path) -> Result<(), StoreError> {
    let mut sums = BTreeMap::new();
    collect(folder, "", DEPTH, &mut sums)?;
    let mut text = String::new();
    for (name, sum) in sums {
        let _ = writeln!(text, "{}", line(&name, &sum));
    }
    write_atomically(&folder.join(FILE), text.as_bytes())
}

/// Holds the files of a run against its list: those that were measured, not those that are drawn from them again. A
/// run of an earlier release has no list.
pub(super) fn check(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    let text = match user_files::read_text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(StoreError::Read { path, source }),
    };
    for (at, entry) in text.lines().enumerate() {
        let changed = |what: String| StoreError::Changed { path: path.clone(), line: at + 1, what };
        let (name, sum) = parse(entry).ok_or_else(|| changed("it is no line of a list of digests".to_owned()))?;
        if is_drawn(&name) {
            continue;
        }
        match digest(&folder.join(&name)) {
            Ok(now) if now == sum => {}
            Ok(_) => return Err(changed(format!("{name} is not what it was when the run ended"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(changed(format!("{name} is missing"))),
            Err(source) => return Err(StoreError::Read { path: folder.join(name), source }),
        }
    }
    Ok(())
}

/// Files below `folder`, without those of a run under way, which come and go. Links are not followed.
fn collect(folder: &Path, below: &str, depth: u32, sums: &mut BTreeMap<String, String>) -> Result<(), StoreError> {
    let wrong = |source| StoreError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let (kind, name) = (entry.file_type().map_err(wrong)?, entry.file_name());
        // A name that is no text cannot stand in a list; nothing here has one.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let listed = format!("{below}{name}");
        if listed == kept::FOLDER {
            continue;
        }
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), &format!("{listed}/"), depth - 1, sums)?;
        } else if kind.is_file() && listed != FILE {
            let sum = digest(&entry.path()).map_err(|source| StoreError::Read { path: entry.path(), source })?;
            sums.insert(listed, sum);
        }
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut user_files::open(path)?, &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}

/// As coreutils writes it: a backslash before the line says that its name is escaped.
fn line(name: &str, sum: &str) -> String {
    let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    let mark = if escaped == name { "" } else { "\\" };
    format!("{mark}{sum}  {escaped}")
}

/// Name and digest; `None`: no such line, or a name that leads out of the folder.
fn parse(line: &str) -> Option<(String, String)> {
    let (escaped, rest) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
    let (sum, name) = rest.split_at_checked(64)?;
    let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
    let name =
        if escaped { name.replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\") } else { name.to_owned() };
    let sound = sum.bytes().all(|byte| byte.is_ascii_hexdigit()) && super::is_inside(&name);
    sound.then(|| (name, sum.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_or_is_missing_is_named_and_what_is_drawn_again_is_not() {
        let run = tempfile::tempdir().unwrap();
        let file = |name: &str| run.path().join(name);
        fs::create_dir(file("logs")).unwrap();
        for name in ["evidence.json.gz", "logs/A.log", "report.md", "a b", ".part"] {
            fs::write(file(name), name).unwrap();
        }
        check(run.path()).unwrap();
        write(run.path()).unwrap();
        let list = fs::read_to_string(file(FILE)).unwrap();
        let names: Vec<&str> = list.lines().map(|line| &line[66..]).collect();
        assert_eq!(names, ["a b", "evidence.json.gz", "logs/A.log", "report.md"]);
        fs::write(file("report.md"), "my own words").unwrap();
        check(run.path()).unwrap();
        fs::write(file("logs/A.log"), "nothing happened").unwrap();
        let error = check(run.path()).unwrap_err().to_string();
        assert!(error.contains("SHA256SUMS:3: logs/A.log is not what it was"), "{error}");
        fs::remove_file(file("logs/A.log")).unwrap();
        assert!(check(run.path()).unwrap_err().to_string().contains("logs/A.log is missing"));
        for bad in ["", "abc  x", &format!("{}  ../x", "0".repeat(64)), &format!("{}  /etc/passwd", "0".repeat(64))] {
            fs::write(file(FILE), format!("{bad}\n")).unwrap();
            assert!(check(run.path()).unwrap_err().to_string().contains("no line of a list"), "{bad}");
        }
    }

    #[test]
    fn names_are_written_as_sha256sum_reads_them() {
        let sum = "0".repeat(64);
        for name in ["plain", "a b", "back\\slash", "two\nlines"] {
            assert_eq!(parse(&line(name, &sum)).unwrap(), (name.to_owned(), sum.clone()), "{name:?}");
        }
        assert!(line("a\\b", &sum).starts_with('\\'));
    }
}
