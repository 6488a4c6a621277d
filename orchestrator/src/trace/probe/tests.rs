use super::*;

fn probe(source: &str, destination: &str, length: u16) -> Probe {
    let [source, destination] = [source, destination].map(|text| text.parse().unwrap());
    Probe { to: [1; 6], from: [2; 6], vlan: None, source, destination, ports: [0xc020, 7], ttl: 64, length }
}

#[test]
fn a_probe_is_a_packet_that_a_router_takes() {
    let frame = probe("10.1.1.10", "192.0.2.1", 110).frame().unwrap();
    assert_eq!((frame.len(), sum(&frame[14..34])), (124, 0xffff));
    assert_eq!(frame[14 + 20..14 + 28], [0xc0, 0x20, 0, 7, 0, 90, 0, 0]);
    let tagged = Probe { vlan: Some(100), ..probe("fd00::1", "2001:db8::1", 48) }.frame().unwrap();
    assert_eq!((tagged.len(), &tagged[12..18]), (66, &[0x81, 0, 0, 100, 0x86, 0xdd][..]));
    assert_eq!(tagged[18 + 4..18 + 8], [0, 8, 17, 64]);
}

#[test]
fn what_is_no_packet_is_refused() {
    let short = probe("10.1.1.10", "192.0.2.1", 27).frame().unwrap_err();
    assert_eq!(
        short.plain(),
        "trace: --size 27: no packet of UDP to 192.0.2.1 is so long\n  write 28 to 9198: the length of the IP packet"
    );
    assert!(probe("10.1.1.10", "192.0.2.1", 9199).frame().is_err());
    let mixed = probe("10.1.1.10", "2001:db8::1", 100).frame().unwrap_err();
    assert!(mixed.message().contains("mixes address families"));
}

#[test]
fn a_frame_is_read_as_it_is_copied() {
    assert_eq!(from_hex("02:5a 0000\n01").unwrap(), [0x02, 0x5a, 0, 0, 1]);
    assert_eq!(from_hex("").unwrap(), [0u8; 0]);
    assert!(from_hex("02x").unwrap_err().message().contains("'x'"));
    assert!(from_hex("021").unwrap_err().message().contains("3 digits"));
    assert!(from_hex(&"00".repeat(FRAME_MAX + 1)).is_err());
}
