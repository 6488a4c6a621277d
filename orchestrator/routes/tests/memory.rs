//! What reading a table costs, seen from outside: a process of its own, so that nothing else counts.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use fabric_proto::deploy::TableSpec;
use lzma_rust2::{XzOptions, XzWriter};
use std::{fs, io::Write};

/// Goal: what a small file unpacks to is not held in memory. Method: 64 MiB of comments in a few kilobytes, and then a
/// line that is no prefix, so that the error proves how far it was read.
#[test]
fn content_streams_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.xz");
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
    let comments = b"#\n".repeat(64 << 10);
    for _ in 0..512 {
        writer.write_all(&comments).unwrap();
    }
    writer.write_all(b"not a prefix\n").unwrap();
    let file = writer.finish().unwrap();
    assert!(file.len() < 1 << 20, "{} bytes", file.len());
    fs::write(&path, file).unwrap();
    let spec = TableSpec {
        source: path.to_str().unwrap().to_owned(),
        seed: 1,
        ipv4: 0,
        ipv6: 0,
        next_hops_v4: vec![[10, 0, 0, 1].into()],
        next_hops_v6: vec!["fd00::1".parse().unwrap()],
        rate: 0,
        churn_ppm: None,
    };
    let before = peak_kib();
    let error = route_table::load(&spec).unwrap_err().to_string();
    let more = peak_kib() - before;
    assert!(error.contains("table.xz:33554433:1: "), "{error}");
    assert!(more < 16 << 10, "{more} KiB more");
}

/// Most memory that this process ever had, KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
