//! Programs that can go into an image: whole, for one processor, linked statically.

use super::{ImageError, Program};
use sha2::{Digest as _, Sha256};
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// A program's file, read and looked at.
#[derive(Clone, Debug)]
pub struct StaticProgram {
    /// Which one.
    pub program: Program,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of these, in hexadecimal digits.
    pub digest: String,
    /// Processor, as images name it.
    pub architecture: &'static str,
}

/// The folder with the static programs: one named, else where `cargo static` leaves them beside this program's.
pub fn folder(named: Option<&Path>) -> PathBuf {
    if let Some(named) = named {
        return named.to_owned();
    }
    let own = std::env::current_exe().unwrap_or_default();
    let triple = format!("{}-unknown-linux-gnu/release", std::env::consts::ARCH);
    let beside = own.ancestors().skip(1).map(|folder| folder.join(&triple)).find(|folder| folder.join("rp").is_file());
    beside.unwrap_or_else(|| own.parent().unwrap_or(Path::new(".")).to_owned())
}

impl StaticProgram {
    /// Reads `folder/<program>`.
    pub fn load(folder: &Path, program: Program) -> Result<Self, ImageError> {
        let path = folder.join(program.name());
        let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                ImageError::Program { path: path.clone(), why: "it is not there".to_owned() }
            }
            _ => ImageError::File { path: path.clone(), source },
        })?;
        let architecture = look_at(&bytes).map_err(|why| ImageError::Program { path, why: why.to_owned() })?;
        Ok(Self { program, digest: sha256(&bytes), bytes, architecture })
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Why a release's own program does not run on this machine; `None` where it does.
pub fn unfit(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    if let Err(error) = read {
        return Some(format!("it cannot be read: {error}"));
    }
    // This program runs here.
    let here = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    match processor(&head) {
        Ok(found) if found == here => None,
        Ok(found) => Some(format!("it is for {found}, and this machine runs {here}")),
        Err(why) => Some(why.to_owned()),
    }
}

/// Bytes of an ELF header.
const HEAD: u64 = 64;

const CUT: &str = "it is cut off";

/// A little-endian number of an ELF file.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Whom a program is for, by its ELF header (System V ABI, "Object Files").
fn processor(bytes: &[u8]) -> Result<&'static str, &'static str> {
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Err("it is not a 64-bit little-endian ELF program");
    }
    match number(bytes, 0x12, 2).ok_or(CUT)? {
        0x3e => Ok("amd64"),
        0xb7 => Ok("arm64"),
        0xf3 => Ok("riscv64"),
        _ => Err("it is for a processor that no image is made for"),
    }
}

/// The processor of a program, if it is whole and needs no loader.
fn look_at(bytes: &[u8]) -> Result<&'static str, &'static str> {
    /// Program header that names a loader.
    const PT_INTERP: u64 = 3;
    let number = |at: usize, length: usize| number(bytes, at, length);
    let (architecture, cut) = (processor(bytes)?, CUT);
    let table = number(0x20, 8).ok_or(cut)? as usize;
    let (size, count) = (number(0x36, 2).ok_or(cut)? as usize, number(0x38, 2).ok_or(cut)? as usize);
    for entry in 0..count {
        let at = table.checked_add(entry * size).ok_or(cut)?;
        if number(at, 4).ok_or(cut)? == PT_INTERP {
            return Err("it is linked dynamically, and an image from scratch has no loader");
        }
        // Segments of a whole file end within it.
        let end = number(at + 8, 8).zip(number(at + 32, 8)).and_then(|(from, length)| from.checked_add(length));
        if end.ok_or(cut)? > bytes.len() as u64 {
            return Err(cut);
        }
    }
    Ok(architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of one program header.
    fn elf(machine: u8, kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56 + 100];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[0x12] = machine;
        bytes[0x20] = 64;
        bytes[0x36] = 56;
        bytes[0x38] = 1;
        bytes[64] = kind;
        bytes[64 + 32] = 200;
        bytes
    }

    #[test]
    fn only_whole_static_programs_pass() {
        assert_eq!(look_at(&elf(0x3e, 1)), Ok("amd64"));
        assert_eq!(look_at(&elf(0xb7, 1)), Ok("arm64"));
        assert!(look_at(&elf(0x3e, 3)).unwrap_err().contains("dynamically"));
        assert!(look_at(&elf(0x08, 1)).unwrap_err().contains("processor"));
        assert!(look_at(b"#!/bin/sh\nexec rp\n").is_err());
        let whole = elf(0x3e, 1);
        for length in 0..200 {
            assert!(look_at(&whole[..length]).is_err(), "{length}");
        }
        let folder = tempfile::tempdir().unwrap();
        let made = |bytes: &[u8]| {
            let path = folder.path().join("rp");
            std::fs::write(&path, bytes).unwrap();
            unfit(&path)
        };
        assert_eq!(unfit(&std::env::current_exe().unwrap()), None, "with a loader, too");
        let other = if cfg!(target_arch = "x86_64") { 0xb7 } else { 0x3e };
        assert!(made(&elf(other, 1)).unwrap().contains(", and this machine runs "));
        assert!(made(&whole[..10]).is_some() && made(b"").is_some());
        assert!(unfit(folder.path()).unwrap().starts_with("it cannot be read"));
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_program_that_cannot_be_used_is_named_with_the_command_that_builds_one() {
        let folder = tempfile::tempdir().unwrap();
        let text = StaticProgram::load(folder.path(), Program::Rp).unwrap_err().to_string();
        assert!(text.contains("/rp cannot go into an image: it is not there; 'cargo static"), "{text}");
        // This test itself is linked dynamically.
        std::fs::copy(std::env::current_exe().unwrap(), folder.path().join("rp")).unwrap();
        let text = StaticProgram::load(folder.path(), Program::Rp).unwrap_err().to_string();
        assert!(text.contains("linked dynamically") && text.contains("cargo static -p rp"), "{text}");
    }
}
