//! MRT dumps, made by a small writer.

use super::*;

/// One RIB entry: peer index and attributes.
type Entry = (u16, Vec<u8>);

fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let mut record = 1_700_000_000u32.to_be_bytes().to_vec();
    record.extend(kind.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend((body.len() as u32).to_be_bytes());
    record.extend(body);
    record
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn peers(peers: &[&str]) -> Vec<u8> {
    let mut body = vec![192, 0, 2, 1, 0, 3, b'l', b'a', b'b'];
    body.extend((peers.len() as u16).to_be_bytes());
    for (n, peer) in peers.iter().enumerate() {
        let peer = address(peer);
        let wide_as = n % 2 == 0;
        body.push(u8::from(peer.is_ipv6()) | u8::from(wide_as) << 1);
        body.extend([1, 1, 1, n as u8]);
        body.extend(octets(peer));
        body.extend(if wide_as { &[0, 0, 0xfd, 0xe8][..] } else { &[0xfd, 0xe8] });
    }
    record(13, 1, &body)
}

fn rib(prefix: Prefix, entries: &[Entry], add_path: bool) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1, prefix.len()];
    body.extend(&octets(prefix.address())[..usize::from(prefix.len()).div_ceil(8)]);
    body.extend((entries.len() as u16).to_be_bytes());
    for (peer, attributes) in entries {
        body.extend(peer.to_be_bytes());
        body.extend([0; 4]);
        if add_path {
            body.extend([0, 0, 0, 9]);
        }
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend(attributes);
    }
    let subtype = if prefix.family() == Family::V4 { 2 } else { 4 };
    record(13, if add_path { subtype * 2 + 4 - subtype / 4 * 2 } else { subtype }, &body)
}

/// A TABLE_DUMP record: one entry of one peer.
fn entry(prefix: Prefix, peer: &str, attributes: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0xff, 0xff];
    body.extend(octets(prefix.address()));
    body.extend([prefix.len(), 1, 0, 0, 0, 0]);
    body.extend(octets(address(peer)));
    body.extend([0xfd, 0xe8]);
    body.extend((attributes.len() as u16).to_be_bytes());
    body.extend(attributes);
    record(12, if prefix.family() == Family::V4 { 1 } else { 2 }, &body)
}

/// ORIGIN, a long AS_PATH with extended length, and the next hop in the form the family uses.
fn attributes(next_hop: &str, whole: bool) -> Vec<u8> {
    let mut out = vec![0x40, 1, 1, 0, 0x50, 2, 0, 6, 2, 1, 0, 0, 0xfd, 0xe8];
    match address(next_hop) {
        IpAddr::V4(a) => {
            out.extend([0x40, 3, 4]);
            out.extend(a.octets());
        }
        IpAddr::V6(a) if whole => {
            out.extend([0x80, 14, 21, 0, 2, 1, 16]);
            out.extend(a.octets());
            out.push(0);
        }
        IpAddr::V6(a) => {
            out.extend([0x80, 14, 17, 16]);
            out.extend(a.octets());
        }
    }
    out
}

/// Dumps of both families, with and without path ids, for damage.
pub(super) fn samples() -> Vec<Vec<u8>> {
    let mut dump = peers(&["198.51.100.9", "2001:db8::9"]);
    dump.extend(rib(prefix("10.0.0.0/8"), &[(0, attributes("192.0.2.1", false))], false));
    dump.extend(rib(prefix("20.1.0.0/16"), &[(1, attributes("192.0.2.2", false)), (0, vec![])], true));
    dump.extend(rib(prefix("2001:db8::/32"), &[(1, attributes("2001:db8::7", true))], false));
    let mut old = entry(prefix("10.0.0.0/8"), "198.51.100.9", &attributes("192.0.2.1", false));
    old.extend(entry(prefix("2001:db8::/32"), "2001:db8::9", &attributes("2001:db8::7", true)));
    vec![dump, peers(&["2001:db8::9"]), old]
}

#[test]
fn next_hops_map_to_neighbours_in_the_order_in_which_they_appear() {
    let mut dump = peers(&["198.51.100.9", "2001:db8::9"]);
    for n in 0..20u8 {
        let hop = format!("192.0.2.{}", n % 10);
        dump.extend(rib(prefix(&format!("{n}.0.0.0/8")), &[(0, attributes(&hop, false)), (1, vec![])], n % 3 == 0));
    }
    for n in 0..6 {
        let hop = format!("2001:db8::{}", n % 5);
        dump.extend(rib(prefix(&format!("2001:{n}::/32")), &[(1, attributes(&hop, n % 2 == 0))], n % 3 == 0));
    }
    let table = parse(&dump).unwrap();
    assert_eq!(table.origin().format, SourceFormat::Mrt);
    assert_eq!(table.origin().next_hops, [10, 5]);
    assert_eq!(table.origin().skipped, 1, "the peer index");
    for (n, (_, next_hop)) in (0..).zip(table.family(Family::V4)) {
        assert_eq!(*next_hop, n % 10 % 8);
    }
    for (n, (_, next_hop)) in (0..).zip(table.family(Family::V6)) {
        assert_eq!(*next_hop, n % 5 % 4);
    }
}

#[test]
fn a_dump_of_the_first_version_has_an_entry_a_peer_and_the_first_one_stands() {
    let mut dump = Vec::new();
    for n in 1..=20u8 {
        for peer in 0..3 {
            let hop = attributes(&format!("192.0.2.{}", n % 9 + peer * 100), false);
            dump.extend(entry(prefix(&format!("{n}.0.0.0/8")), "198.51.100.9", &hop));
        }
    }
    dump.extend(record(12, 3, b"another family"));
    dump.extend(entry(prefix("2001:db8::/32"), "2001:db8::9", &attributes("2001:db8::7", true)));
    dump.extend(entry(prefix("2001:db9::/32"), "2001:db8::9", &[]));
    let table = parse(&dump).unwrap();
    let origin = Origin { format: SourceFormat::Mrt, duplicates: 40, skipped: 1, next_hops: [27, 2] };
    assert_eq!(*table.origin(), origin);
    // The dump's next hops are numbered as they appear, those of the entries that do not stand, too.
    let numbers = (0..20u32).map(|n| if n < 9 { 3 * n } else { n % 9 * 3 });
    for (number, (route, next_hop)) in numbers.zip(table.family(Family::V4)) {
        assert_eq!(*next_hop, number % 8, "{route}");
    }
    assert_eq!(table.count(Family::V6), 2);
}

#[test]
fn what_is_wrong_in_a_dump_of_the_first_version_is_named_with_its_place() {
    let first = entry(prefix("8.0.0.0/8"), "198.51.100.9", &attributes("192.0.2.7", false));
    let second = entry(prefix("2001:db8::/32"), "2001:db8::9", &attributes("2001:db8::7", true));
    let dump = [first.clone(), second].concat();
    for cut in first.len() + 1..dump.len() {
        let TableError::Mrt { record, offset, .. } = parse(&dump[..cut]).unwrap_err() else { panic!("cut at {cut}") };
        assert_eq!((record, offset), (1, first.len() as u64), "cut at {cut}");
    }
    let damaged = |at: usize, value: u8| {
        let mut dump = dump.clone();
        dump[at] = value;
        parse(&dump).unwrap_err().to_string()
    };
    assert!(damaged(12 + 8, 33).contains("prefix length of 33"), "prefix length");
    assert!(damaged(12 + 21, 0xff).contains("attributes takes 255"), "attribute length");
    assert!(damaged(12 + 21, 1).contains("bytes after its last field"), "attribute length");
}

#[test]
fn the_next_hops_of_a_dump_that_has_few_are_shared_out_over_the_lab() {
    let mut dump = peers(&["192.0.2.1"]);
    for n in 0..12u8 {
        let hop = format!("192.0.2.{}", n % 3);
        dump.extend(rib(prefix(&format!("{n}.0.0.0/8")), &[(0, attributes(&hop, false))], false));
    }
    let table = parse(&dump).unwrap();
    let announced: Vec<u32> = table.routes().iter().map(|(_, next_hop)| *next_hop).collect();
    // Of eight neighbours, 6, 3, 0 stand for the first, 7, 4, 1 for the second, 5, 2 for the third.
    assert_eq!(announced, [6, 7, 5, 3, 4, 2, 0, 1, 5, 6, 7, 2]);
}

#[test]
fn the_peer_stands_in_for_a_missing_next_hop_and_must_be_known() {
    let route = rib(prefix("1.0.0.0/8"), &[(1, vec![])], false);
    let table = parse(&[peers(&["192.0.2.1", "192.0.2.2"]), route.clone()].concat()).unwrap();
    assert_eq!(table.origin().next_hops, [1, 0]);
    let index = peers(&["192.0.2.1"]);
    let error = parse(&[index.clone(), route].concat()).unwrap_err();
    let TableError::Mrt { record, offset, ref what, .. } = error else { panic!("{error}") };
    assert_eq!((record, offset), (1, index.len() as u64));
    assert!(what.contains("peer 1"), "{what}");
}

#[test]
fn other_records_are_skipped_and_counted() {
    let mut dump = peers(&["192.0.2.1"]);
    dump.extend(record(13, 6, b"generic"));
    dump.extend(record(16, 4, b"an update"));
    dump.extend(record(13, 3, b"multicast"));
    dump.extend(rib(prefix("7.0.0.0/8"), &[], false));
    dump.extend(rib(prefix("8.0.0.0/8"), &[(0, vec![])], false));
    dump.extend(rib(prefix("8.0.0.0/8"), &[(0, attributes("192.0.2.77", false))], false));
    let table = parse(&dump).unwrap();
    assert_eq!(table.routes(), [(prefix("8.0.0.0/8"), 6)]);
    assert_eq!((table.origin().skipped, table.origin().duplicates), (5, 1));
    let error = parse(&record(16, 4, b"an update")).unwrap_err();
    assert!(matches!(error, TableError::Empty { .. }) && error.to_string().contains("not updates"), "{error}");
}

#[test]
fn bits_beyond_the_prefix_are_cleared() {
    let mut route = rib(prefix("8.8.0.0/16"), &[(0, vec![])], false);
    route[12 + 4] = 9;
    assert_eq!(parse(&[peers(&["192.0.2.1"]), route].concat()).unwrap().routes()[0].0, prefix("8.0.0.0/9"));
}

#[test]
fn a_dump_cut_anywhere_but_between_records_is_refused_at_its_last_record() {
    let index = peers(&["192.0.2.1"]);
    let first = rib(prefix("8.0.0.0/8"), &[(0, attributes("192.0.2.7", false))], false);
    let second = rib(prefix("9.9.0.0/16"), &[(0, attributes("192.0.2.8", false))], false);
    let dump = [index.clone(), first.clone(), second].concat();
    let start = index.len() + first.len();
    assert_eq!(parse(&dump[..start]).unwrap().routes().len(), 1);
    for cut in start + 1..dump.len() {
        let error = parse(&dump[..cut]).unwrap_err();
        let TableError::Mrt { record, offset, .. } = error else { panic!("cut at {cut}: {error}") };
        assert_eq!((record, offset), (2, start as u64), "cut at {cut}");
    }
}

#[test]
fn a_length_field_that_lies_is_refused() {
    let index = peers(&["192.0.2.1"]);
    let route = rib(prefix("8.0.0.0/8"), &[(0, attributes("192.0.2.7", false))], false);
    let damaged = |at: usize, value: u8| {
        let mut dump = [index.clone(), route.clone()].concat();
        dump[index.len() + at] = value;
        parse(&dump).unwrap_err().to_string()
    };
    assert!(damaged(8, 0xff).contains("announces"), "record length");
    assert!(damaged(16, 33).contains("prefix length of 33"), "prefix length");
    assert!(damaged(19, 2).contains("peer index takes"), "entry count");
    assert!(damaged(27, 1).contains("bytes after its last field"), "attribute length");
    assert!(damaged(12 + 16 + 2, 200).contains("attribute's value takes 200"), "an attribute's own length");
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    let v4 = (any::<u32>(), 0u8..=32).prop_map(|(bits, len)| Prefix::covering(bits.to_be_bytes().into(), len).unwrap());
    let v6 =
        (any::<u128>(), 0u8..=128).prop_map(|(bits, len)| Prefix::covering(bits.to_be_bytes().into(), len).unwrap());
    prop_oneof![v4, v6]
}

proptest! {
    #[test]
    fn what_a_writer_writes_comes_back(
        routes in proptest::collection::btree_map(any_prefix(), 0u8..20, 1..50),
        add_path: bool,
        whole: bool,
    ) {
        let mut dump = peers(&["192.0.2.1", "2001:db8::1"]);
        let mut seen = [Vec::new(), Vec::new()];
        let mut numbered = Vec::new();
        for (route, hop) in &routes {
            let family = route.family();
            let v4 = family == Family::V4;
            let text = if v4 { format!("192.0.2.{hop}") } else { format!("2001:db8::{hop:x}") };
            dump.extend(rib(*route, &[(0, attributes(&text, whole)), (1, attributes("192.0.2.99", whole))], add_path));
            let known = &mut seen[usize::from(!v4)];
            let at = known.iter().position(|other| other == hop).unwrap_or_else(|| {
                known.push(*hop);
                known.len() - 1
            });
            numbered.push((*route, at));
        }
        let table = parse(&dump).unwrap();
        prop_assert_eq!(table.routes().len(), numbered.len());
        for ((route, at), (found, next_hop)) in numbered.into_iter().zip(table.routes()) {
            let family = route.family();
            let modulus = seen[usize::from(family == Family::V6)].len().min(NEIGHBOURS.of(family));
            prop_assert_eq!(route, *found);
            prop_assert_eq!(*next_hop as usize % modulus, at % modulus);
            prop_assert!((*next_hop as usize) < NEIGHBOURS.of(family));
        }
    }

    #[test]
    fn damaged_dumps_never_panic(at in 0usize..200, value: u8, cut in 0usize..220) {
        let mut dump = peers(&["192.0.2.1", "2001:db8::1"]);
        dump.extend(rib(prefix("8.0.0.0/8"), &[(0, attributes("192.0.2.7", false))], false));
        dump.extend(rib(prefix("2001:db8::/32"), &[(1, attributes("2001:db8::7", true))], true));
        let at = at % dump.len();
        dump[at] = value;
        dump.truncate(cut);
        let _ = parse(&dump);
    }
}
