//! Prefix lists, compression, and the real tables where they are at hand.

use super::*;
use flate2::{Compression, write::GzEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use std::time::Instant;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

const LIST: &str =
    "\u{feff}# a comment\r\n1.0.0.0/24\r\n\r\n  1.0.4.0/22\t64500 64501\r\n2001:db8::/32 # ours\n1.0.0.0/24";

#[test]
fn a_list_may_have_comments_columns_crlf_and_any_compression() {
    let expected = ["1.0.0.0/24", "1.0.4.0/22", "2001:db8::/32"].map(prefix);
    for bytes in [LIST.as_bytes().to_vec(), gzip(LIST.as_bytes()), bzip2(LIST.as_bytes()), xz(LIST.as_bytes())] {
        let table = parse(&bytes).unwrap();
        assert_eq!(table.routes().iter().map(|(prefix, _)| *prefix).collect::<Vec<_>>(), expected);
        assert_eq!((table.origin().format, table.origin().duplicates), (SourceFormat::List, 1));
    }
}

#[test]
fn streams_that_follow_one_another_are_one_file() {
    for compress in [gzip, bzip2, xz] {
        let table = parse(&[compress(b"1.0.0.0/8\n"), compress(b"2.0.0.0/8\n")].concat()).unwrap();
        assert_eq!(table.routes().len(), 2);
    }
}

#[test]
fn errors_name_line_and_column() {
    for (list, line, column, words) in [
        ("1.0.0.0/8\n  1.2.3/8\n", 2, 3, "not a prefix"),
        ("1.0.0.0/33", 1, 1, "length 33"),
        ("# x\n\n2001:db8::1/32", 3, 1, "did you mean 2001:db8::/32"),
        ("1.0.0.0/8\nx", 2, 1, "not a prefix"),
    ] {
        let error = parse(list.as_bytes()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("table:{line}:{column}: ")) && text.contains(words), "{text}");
    }
    let error = parse(b"1.0.0.0/8\n2.0.0.0/8 \xff\xfe").unwrap_err().to_string();
    assert!(error.starts_with("table:2:11: not UTF-8"), "{error}");
    let error = parse(&[b'1'; 100_000]).unwrap_err().to_string();
    assert!(error.contains("does not end"), "{error}");
}

#[test]
fn what_is_no_table_is_refused_with_a_remedy() {
    assert!(matches!(parse(b"").unwrap_err(), TableError::Empty { .. }));
    assert!(matches!(parse(b"# nothing\n").unwrap_err(), TableError::Empty { .. }));
    let error = parse(b"\x7fELF\x02\x01").unwrap_err().to_string();
    assert!(error.contains("7f 45 4c 46") && error.contains("one prefix a line"), "{error}");
    let error = load(&spec("/nonexistent/table.txt")).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/table.txt: cannot be read"), "{error}");
    let error = load(&spec(env!("CARGO_MANIFEST_DIR"))).unwrap_err();
    assert!(matches!(error, TableError::Read { .. }), "{error}");
}

#[test]
fn a_cut_compressed_list_is_refused_and_says_how_far_it_was_readable() {
    let list: String = (0..100_000).map(|n| format!("{}.{}.{}.0/24\n", 1 + n % 200, n / 200 % 250, n % 7)).collect();
    for (compress, name) in [(gzip as fn(&[u8]) -> Vec<u8>, "gzip"), (bzip2, "bzip2"), (xz, "xz")] {
        let whole = compress(list.as_bytes());
        for part in [2, 3] {
            let error = parse(&whole[..whole.len() * (part - 1) / part]).unwrap_err();
            let TableError::Compressed { compression, readable, whole, .. } = error else { panic!("{name}: {error}") };
            assert_eq!(compression, name);
            let lines = list.as_bytes()[..readable as usize].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(whole, lines as u64, "{name}");
        }
    }
}

#[test]
fn an_xz_file_decides_neither_how_much_memory_it_takes_nor_how_it_is_read() {
    // Its first block's header: length, flags, LZMA2 with one byte of properties, the dictionary's size, CRC-32.
    let declaring = |dictionary: u8| {
        let mut file = xz(b"1.0.0.0/8\n");
        let header = 12..12 + 4 * usize::from(file[12]);
        assert_eq!(file[14..16], [0x21, 1]);
        file[16] = dictionary;
        let mut crc = flate2::Crc::new();
        crc.update(&file[header.clone()]);
        file[header.end..header.end + 4].copy_from_slice(&crc.sum().to_le_bytes());
        parse(&file)
    };
    // 64 MiB, as with xz -9; 96 MiB; 4 GiB.
    assert_eq!(declaring(28).unwrap().routes().len(), 1);
    for dictionary in [29, 40] {
        let error = declaring(dictionary).unwrap_err();
        assert!(matches!(error, TableError::Dictionary { .. }), "{error}");
        assert!(error.to_string().contains("'xz -9' or less"), "{error}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
        let _ = parse(&[b"1.0.0.0/8\n", &bytes[..]].concat());
        let _ = parse(&[&[0, 0, 0, 0, 0, 13, 0, 2, 0, 0, 0, 30][..], &bytes].concat());
    }

    #[test]
    fn damaged_streams_never_panic(at: usize, value: u8, cut in 0usize..400) {
        for compress in [gzip, bzip2, xz] {
            let mut bytes = compress(LIST.as_bytes());
            let at = at % bytes.len();
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut % bytes.len());
            let _ = parse(&bytes);
        }
    }
}

/// A real table, when they are beside the project.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is absent, so this table was not read", path.display());
        return None;
    }
    Some(path)
}

fn timed(path: &Path) -> Result<Table, TableError> {
    let begin = Instant::now();
    let table = load(&spec(path.to_str().unwrap()));
    eprintln!("{}: {:?}", path.display(), begin.elapsed());
    table
}

#[test]
fn the_real_prefix_list_is_read_whole() {
    let Some(path) = real("tables/bart-prefixes.txt.gz") else { return };
    let table = timed(&path).unwrap();
    assert_eq!((table.count(Family::V4), table.count(Family::V6)), (901_899, 160_147));
    for (address, prefix, _) in table.destinations(10_000, 1, |_, _| true) {
        assert_eq!(table.lookup(address).unwrap().0, prefix);
    }
}

#[test]
fn the_real_tsv_is_read_whole() {
    let Some(path) = real("derived/composite-fulltable.tsv.xz") else { return };
    assert_eq!(timed(&path).unwrap().routes().len(), 1_062_046);
}

#[test]
fn real_dumps_are_read_whole() {
    for (name, counts) in [
        ("rv-jinx-rib.20140530.2200.bz2", (497_323, 84)),
        ("mrtparse-quagga_rib.mrt", (3, 3)),
        ("mrtparse-openbgpd_rib_table-v2.mrt", (11, 10)),
        ("rrc-20260505-filtered-2pfx.mrt", (1, 1)),
    ] {
        let Some(path) = real(&format!("mrt-rib/{name}")) else { return };
        let table = timed(&path).unwrap();
        assert_eq!((table.count(Family::V4), table.count(Family::V6)), counts, "{name}");
    }
}

#[test]
fn truncated_and_unfit_real_files_are_refused() {
    for (name, words) in [
        ("mrt-rib/rv-rib.20140523.0600_firstMB.bz2", "MRT records whole"),
        ("mrt-rib/rv6-rib.20151101.0600_firstMB.bz2", "whole"),
        ("mrt-updates/rv-jinx-updates.20150401.0000.bz2", "not updates"),
        ("tables/1764864000_asmap_unfilled.dat", "neither a prefix list nor an MRT dump"),
    ] {
        let Some(path) = real(name) else { return };
        let error = timed(&path).unwrap_err().to_string();
        eprintln!("{error}");
        assert!(error.contains(words), "{error}");
    }
}
