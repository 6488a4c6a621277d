use super::*;

/// UDP from 10.1.1.10:1000 to 192.0.2.9:53, with a tag or without.
fn udp(vlan: Option<u16>) -> Vec<u8> {
    let mut frame = vec![2, 0x5a, 0, 0, 1, 1, 2, 0, 0, 0, 0, 9];
    frame.extend(vlan.into_iter().flat_map(|vlan| [[0x81, 0], vlan.to_be_bytes()].concat()));
    frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 1, 10, 192, 0, 2, 9]);
    frame.extend([0x03, 0xe8, 0, 53, 0, 8, 0, 0]);
    frame
}

fn tcp6() -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 4, 6, 64]);
    for last in [1u8, 2] {
        frame.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    frame.extend([0xc0, 0, 0, 179]);
    frame
}

fn arp() -> Vec<u8> {
    let mut frame = vec![0xff; 12];
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 1, 1, 10, 0, 0, 0, 0, 0, 0, 10, 1, 1, 1]);
    frame
}

/// Which of UDP, TCP over IPv6, ARP, and UDP with a tag a filter means.
fn meant(text: &str) -> [bool; 4] {
    let filter = read(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
    [udp(None), tcp6(), arp(), udp(Some(100))].map(|frame| filter.matches(&frame))
}

#[test]
fn filters_mean_what_the_manual_says() {
    for (text, [u, t, a, v]) in [
        ("", [1, 1, 1, 1]),
        ("ip", [1, 0, 0, 1]),
        ("ip6", [0, 1, 0, 0]),
        ("arp", [0, 0, 1, 0]),
        ("udp", [1, 0, 0, 1]),
        ("tcp", [0, 1, 0, 0]),
        ("icmp or icmp6", [0, 0, 0, 0]),
        ("host 10.1.1.10", [1, 0, 1, 1]),
        ("10.1.1.10", [1, 0, 1, 1]),
        ("ip host 10.1.1.10", [1, 0, 0, 1]),
        ("arp host 10.1.1.10", [0, 0, 1, 0]),
        ("src 10.1.1.10", [1, 0, 1, 1]),
        ("dst host 10.1.1.10", [0, 0, 0, 0]),
        ("src or dst host 192.0.2.9", [1, 0, 0, 1]),
        ("src and dst net 10.0.0.0/8", [0, 0, 1, 0]),
        ("net 10.1", [1, 0, 1, 1]),
        ("net 2001:db8::/32", [0, 1, 0, 0]),
        ("host 2001:db8::2", [0, 1, 0, 0]),
        ("port 53", [1, 0, 0, 1]),
        ("udp port 53", [1, 0, 0, 1]),
        ("tcp port 53", [0, 0, 0, 0]),
        ("src port 53", [0, 0, 0, 0]),
        ("portrange 170-180", [0, 1, 0, 0]),
        ("udp dst portrange 50-60", [1, 0, 0, 1]),
        ("vlan", [0, 0, 0, 1]),
        ("vlan 100 and port 53", [0, 0, 0, 1]),
        ("vlan 7", [0, 0, 0, 0]),
        ("ether dst ff:ff:ff:ff:ff:ff", [0, 0, 1, 0]),
        ("ether src host 02:00:00:00:00:09", [1, 0, 0, 1]),
        ("ether proto 0x86dd", [0, 1, 0, 0]),
        ("ether proto arp", [0, 0, 1, 0]),
        ("ip proto 17", [1, 0, 0, 1]),
        ("proto tcp", [0, 1, 0, 0]),
        ("less 42", [1, 0, 1, 0]),
        ("greater 46", [0, 1, 0, 1]),
        ("not ip", [0, 1, 1, 0]),
        ("!ip&&!arp", [0, 1, 0, 0]),
        ("not (ip or arp)", [0, 1, 0, 0]),
        ("not not ip", [1, 0, 0, 1]),
        // From left to right, and alike: (tcp or udp) and vlan.
        ("tcp or udp and vlan", [0, 0, 0, 1]),
        ("tcp or (udp and vlan)", [0, 1, 0, 1]),
        // A value takes the words before it over.
        ("port 53 or 179", [1, 1, 0, 1]),
        ("not host 10.1.1.10 and 192.0.2.9", [0, 0, 0, 0]),
        ("tcp port 53 or 179", [0, 1, 0, 0]),
        ("src host 10.1.1.10 and udp", [1, 0, 0, 1]),
    ] {
        assert_eq!(meant(text), [u, t, a, v].map(|meant| meant == 1), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, at, message) in [
        ("prot 7", 0, "'prot' is no word of a filter"),
        ("udp and", 7, "the filter ends where a test is wanted"),
        ("udp port", 8, "a port is missing here"),
        ("udp port domain", 9, "'domain' is not a port"),
        ("port 65536", 5, "'65536' is not a port"),
        ("host router1", 5, "'router1' is no address"),
        ("net 10.0.0.1/8", 4, "10.0.0.1/8 has bits set beyond its length; did you mean 10.0.0.0/8?"),
        ("net 10.300", 4, "'10.300' is no network"),
        ("(udp or tcp", 11, "this parenthesis is not closed"),
        ("udp) or tcp", 3, "')' follows a filter that is whole"),
        ("udp tcp", 4, "'tcp' follows a filter that is whole"),
        ("vlan 5000", 5, "'5000' is not a VLAN"),
        ("ether port 7", 11, "'port' does not go with 'ether or arp'"),
        ("ip host ::1", 8, "'an address of the other family' does not go with 'IPv4'"),
        ("ether host 02:00", 11, "'02:00' is no station's address"),
        ("ether", 5, "'ether' of what?"),
        ("tcp[13] & 2 != 0", 0, "'tcp[13]' is no word of a filter"),
        ("udp & tcp", 4, "'&' follows a filter that is whole"),
        ("src and 10.0.0.1", 4, "a value is missing here"),
        ("portrange 7", 10, "'7' is no range of ports"),
        ("grüße", 0, "'grüße' is no word of a filter"),
    ] {
        let wrong = read(text).expect_err(text);
        assert_eq!((wrong.at, wrong.message.as_str()), (at, message), "{text}");
    }
    let said = parse("ip and prot 7").unwrap_err().plain();
    assert!(said.starts_with("--filter, character 8: 'prot' is no word of a filter\n  write host, net,"), "{said}");
    assert!(read(&"(".repeat(40)).unwrap_err().message.contains("too deep"));
    assert!(read(&vec!["ip"; 129].join(" or ")).unwrap_err().message.contains("257 steps"));
    assert!(read(&"x".repeat(5000)).unwrap_err().message.contains("5000 bytes"));
}

/// Whatever is typed is a filter or a complaint with a place in it: words of the language in any order, and what is between them.
#[test]
fn nothing_that_is_typed_does_harm() {
    let pieces = [
        "host",
        "net",
        "port",
        "src",
        "dst",
        "and",
        "or",
        "not",
        "(",
        ")",
        "!",
        "&&",
        "||",
        "10.0.0.1",
        "10",
        "::1",
        "vlan",
        "less",
        "ether",
        "arp",
        "ip6",
        "tcp",
        "proto",
        "portrange",
        "1-2",
        "&",
        "|",
        "ü",
        "\u{2003}",
        "\\",
        "[",
        "0x",
    ];
    let mut state = 1u64;
    let (mut good, mut bad) = (0, 0);
    for _ in 0..20_000 {
        let mut text = String::new();
        loop {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = (state >> 33) as usize;
            text.push_str(pieces[draw % pieces.len()]);
            if draw.is_multiple_of(3) {
                text.push(' ');
            }
            if (draw / 7).is_multiple_of(5) {
                break;
            }
        }
        match read(&text) {
            Ok(filter) => {
                good += 1;
                filter.matches(&udp(None));
            }
            Err(wrong) => {
                bad += 1;
                assert!(text.is_char_boundary(wrong.at) && wrong.at <= text.len(), "{text}: {wrong:?}");
            }
        }
    }
    assert!(good > 100 && bad > 100, "{good} and {bad}");
}
