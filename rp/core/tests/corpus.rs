//! What release 1.0 put into checkpoint records and into NVRAM: this release reads it, and writes the same bytes to a unit of
//! that release. `corpus/1.0` was written by that release's own programs and is never edited.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use fabric_proto::{
    fib::{Path, PathList, Prefix},
    id::{Epoch, PortId},
};
use rp_core::{
    config::{Config, SyncRecord},
    fib_feed::{FibMaster, Level},
    nvram,
};

fn file(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/1.0").join(name)).unwrap()
}

/// Where a table stands, and what it means.
fn standing(fib: &FibMaster) -> String {
    format!("position {:?}\nroot {:016x}\n", fib.position(), fib.table().root_digest())
}

#[test]
fn a_copy_of_release_1_0s_forwarding_table_means_what_it_meant_there() {
    let mut copy = FibMaster::default();
    assert!(!copy.apply_checkpoint(&file("client/fib-bulk-0")).unwrap());
    assert!(copy.apply_checkpoint(&file("client/fib-bulk-1")).unwrap(), "whole");
    copy.apply_checkpoint(&file("client/fib-change")).unwrap();
    // Line cards of both releases are adopted by this digest.
    assert_eq!(standing(&copy).into_bytes(), file("client/fib-table"));
}

#[test]
fn the_same_table_is_given_in_the_same_bytes() {
    let neighbour = |port: &str, next_hop: &str, last: u8| {
        let port: PortId = port.parse().unwrap();
        Path::ethernet(
            port,
            next_hop.parse().unwrap(),
            [2, 0, 0, 0, 1, last],
            fabric_proto::fib::BaseMac::FIRST.of(port),
        )
    };
    let unresolved = Path::Unresolved { next_hop: "fd00::7".parse().unwrap() };
    let paths =
        vec![neighbour("2/3", "10.0.0.2", 2), neighbour("1/1", "fd00::2", 9), unresolved, Path::Receive, Path::Discard];
    let mut fib = FibMaster::default();
    fib.begin_term(Epoch(5));
    let one = fib.acquire(PathList::new(paths)).unwrap();
    let two = fib.acquire(PathList::new(vec![Path::Discard])).unwrap();
    for (prefix, list) in [("10.0.0.0/8", one), ("192.0.2.0/24", two), ("2001:db8::/32", one)] {
        fib.set(prefix.parse::<Prefix>().unwrap(), list);
    }
    fib.flush();
    let (first, next) = fib.bulk_chunk(None, Level::Base);
    assert_eq!(&first[..], file("client/fib-bulk-0"));
    let (second, next) = fib.bulk_chunk(next, Level::Base);
    assert_eq!((&second[..], next), (&file("client/fib-bulk-1")[..], None));
    fib.withdraw("10.0.0.0/8".parse::<Prefix>().unwrap());
    fib.set("198.51.100.0/24".parse::<Prefix>().unwrap(), two);
    assert_eq!(&fib.take_checkpoint(Level::Base).unwrap()[..], file("client/fib-change"));
    assert_eq!(standing(&fib).into_bytes(), file("client/fib-table"));
}

#[test]
fn a_configuration_of_release_1_0_is_followed_command_by_command() {
    let whole = SyncRecord::decode(&file("client/running-config-whole")).unwrap();
    let mut config = Config::default();
    config.follow(&whole).unwrap();
    assert_eq!(whole.encode().into_bytes(), file("client/running-config-whole"));
    let command = SyncRecord::decode(&file("client/running-config-command")).unwrap();
    config.follow(&command).unwrap();
    assert_eq!(config.interfaces.len(), 1, "and its digest is that of release 1.0");
    assert_eq!(command.encode().into_bytes(), file("client/running-config-command"));
}

#[test]
fn nvram_of_release_1_0_opens() {
    let text = String::from_utf8(file("client/startup-config")).unwrap();
    assert_eq!(nvram::open(&file("nvram/startup-config")).unwrap(), text);
    assert_eq!(nvram::seal(&text), file("nvram/startup-config"));
}
