//! Fuzzing on a stable compiler: valid samples, damaged at random, until something panics.
//!
//! Plain standard library, so that every package can take this file in. A target is one function over bytes. What
//! makes it panic is cut down to what is needed and written out, ready to become a file in `tests/corpus/TARGET`,
//! which every later run tries first. `FUZZ_SECONDS=600` makes a run longer, `FUZZ_SEED=7` another one, and `FUZZ_SAVE=1`
//! writes the samples into the corpus, so that what today's code writes is read by tomorrow's.

#![allow(unreachable_pub, reason = "tests of several packages take this file in")]

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Damaged samples that a run tries, besides the corpus, where no time is given.
const CASES: u64 = 4_000;

/// Longest input: decoders have caps of their own, which this is beyond.
const LENGTH_MAX: usize = 1 << 16;

/// Longest sample that is kept: the corpus is read by people too.
const KEPT_MAX: usize = 4_096;

/// Tries a target on its corpus, on its samples, and on samples that are damaged.
///
/// # Panics
/// When the target panics; the message holds the input, cut down.
#[allow(clippy::print_stderr, reason = "test harnesses catch it")]
pub fn fuzz(target: &str, samples: &[Vec<u8>], mut run: impl FnMut(&[u8])) {
    if std::env::var_os("FUZZ_SAVE").is_some() {
        save(target, samples);
    }
    let mut seeds = corpus(target);
    let kept = seeds.len();
    seeds.extend_from_slice(samples);
    assert!(!seeds.is_empty(), "{target} has no sample");
    let mut fails = |bytes: &[u8]| panic::catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut damage = Damage(number("FUZZ_SEED").unwrap_or(1));
    let end = number("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let began = Instant::now();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut tried = 0u64;
    let mut first = seeds.iter().find(|seed| fails(seed)).cloned();
    while first.is_none() && end.map_or(tried < CASES, |end| Instant::now() < end) {
        let bytes = damage.of(&seeds);
        tried += 1;
        if fails(&bytes) {
            first = Some(bytes);
        }
    }
    let crash = first.map(|bytes| cut_down(bytes, &mut fails));
    panic::set_hook(hook);
    eprintln!("{target}: {tried} damaged samples in {:.1} s, {kept} in the corpus", began.elapsed().as_secs_f64());
    if let Some(bytes) = crash {
        let path = std::env::temp_dir().join(format!("{target}.crash"));
        let kept = fs::write(&path, &bytes).is_ok();
        let place = if kept { path.display().to_string() } else { "nowhere: it could not be written".to_owned() };
        panic!(
            "{target} panics after {tried} damaged samples on {} bytes (in {place}; keep it in tests/corpus/{target}): {}",
            bytes.len(),
            bytes.escape_ascii()
        );
    }
}

fn folder(target: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").exists());
    root.unwrap_or(Path::new(".")).join("tests/corpus").join(target)
}

fn save(target: &str, samples: &[Vec<u8>]) {
    let folder = folder(target);
    for (number, sample) in samples.iter().enumerate().filter(|(_, sample)| sample.len() <= KEPT_MAX) {
        let saved =
            fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(format!("sample-{number}")), sample));
        assert!(saved.is_ok(), "{}: {saved:?}", folder.display());
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        fs::read_dir(folder(target)).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().filter_map(|file| fs::read(file).ok()).collect()
}

/// Takes away what the panic does not need.
fn cut_down(mut bytes: Vec<u8>, fails: &mut impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut size = bytes.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < bytes.len() {
            let mut shorter = bytes.clone();
            shorter.drain(at..(at + size).min(bytes.len()));
            if fails(&shorter) {
                bytes = shorter;
            } else {
                at += size;
            }
        }
        if size == 1 {
            return bytes;
        }
        size /= 2;
    }
}

/// Where the damage comes from: SplitMix64.
struct Damage(u64);

impl Damage {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.draw() % n.max(1) as u64) as usize
    }

    /// A piece of `bytes`: where it begins and ends.
    fn piece(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let from = self.below(bytes.len() + 1);
        let reach = [1, 4, 16, bytes.len()][self.below(4)];
        let length = self.below(reach + 1).min(bytes.len() - from);
        from..from + length
    }

    fn of(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..1 + self.below(6) {
            self.once(&mut bytes, seeds);
        }
        bytes.truncate(LENGTH_MAX);
        bytes
    }

    fn once(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(bytes.len());
        match self.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b' ', b'-', b'9'][self.below(9)],
            2 => {
                let piece = self.piece(bytes);
                bytes.drain(piece);
            }
            3 => {
                let piece = self.piece(bytes);
                let copy = bytes[piece].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => {
                let other = &seeds[self.below(seeds.len())];
                let piece = self.piece(other);
                let copy = other[piece].to_vec();
                let place = self.piece(bytes);
                bytes.splice(place, copy);
            }
            5 => bytes.truncate(at),
            6 => {
                let number = [0u64, 1, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX, 1 << 63][self.below(8)];
                let width = [1, 2, 4, 8][self.below(4)];
                let end = (at + width).min(bytes.len());
                bytes.splice(at..end, number.to_be_bytes()[8 - width..].iter().copied());
            }
            7 => {
                let words: [&[u8]; 8] =
                    [b"-1", b"0", b"4294967296", b"99999999999999999999", b"\xff\xfe", b"::", b"/", b"\"\n"];
                bytes.splice(at..at, words[self.below(8)].iter().copied());
            }
            _ => {
                let fresh: Vec<u8> = (0..self.below(8)).map(|_| self.draw() as u8).collect();
                bytes.splice(at..at, fresh);
            }
        }
    }
}
