//! Two units, the host of the active one, and a neighbour that tests play.

use super::*;
use fabric_proto::{
    fib::{Path, Prefix},
    punt::PuntReason,
};
use rp_host::{Input as Told, Reason};

const STARTUP: &str = "hostname pe1\nredundancy\n mode sso\ninterface 1/1\n ip address 10.0.0.1 255.255.255.0\n\
    interface 1/2\n ip address 10.0.1.1 255.255.255.0\nip route 192.0.2.0 255.255.255.0 10.0.0.2\nend\n";
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn pair(startup: &str) -> Pair {
    let unit = |slot| {
        let mut rp = Rp::new(Instant(1), boot("native", slot, startup));
        rp.link_host();
        rp
    };
    let mut pair = Pair::of([RpSlot::A, RpSlot::B].map(unit));
    assert!(pair.run(Duration::from_secs(60), |pair| pair.rps[A].stats().redundant));
    for port in ["1/1", "1/2"] {
        carrier(&mut pair, A, port, true);
    }
    pair
}

fn carrier(pair: &mut Pair, at: usize, port: &str, up: bool) {
    let mut out = Vec::new();
    pair.rps[at].port_reported(pair.now, port.parse().unwrap(), up, &mut out);
    pair.rps[at].settle(pair.now, &mut out);
    pair.deliver(at, out);
}

/// What a line card passes on; returns the frames that go out.
fn host(pair: &mut Pair, at: usize, input: Told<'_>) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    pair.rps[at].host_input(pair.now, input, &mut out);
    let frames = out.iter().filter_map(|output| match output {
        Output::Inject { frame, .. } => Some(frame.clone()),
        _ => None,
    });
    let frames = frames.collect();
    pair.deliver(at, out);
    frames
}

fn port(text: &str) -> InterfaceId {
    text.parse::<PortId>().unwrap().into()
}

/// The answer of 10.0.0.2 to a request of 10.0.0.1's.
fn reply(ours: [u8; 6]) -> Vec<u8> {
    let mut frame = [&ours[..], &PEER, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2], &PEER, &[10, 0, 0, 2]].concat();
    frame.extend(ours);
    frame.extend([10, 0, 0, 1]);
    frame
}

fn learn(pair: &mut Pair, at: usize) {
    let sent =
        host(pair, at, Told::Resolve { interface: port("1/1"), address: "10.0.0.2".parse().unwrap(), packet: None });
    let ours: [u8; 6] = sent[0][6..12].try_into().unwrap();
    assert_eq!(sent[0][..6], [0xff; 6]);
    let frame = reply(ours);
    host(pair, at, Told::Frame { interface: port("1/1"), reason: Reason::Ours, frame: &frame });
}

/// Where packets to an address go.
fn path(pair: &Pair, at: usize, prefix: &str) -> Option<Path> {
    let (address, len) = prefix.split_once('/').unwrap();
    let prefix = Prefix::covering(address.parse().unwrap(), len.parse().unwrap()).unwrap();
    let fib = pair.rps[at].clients.cef.fib.table();
    let list = fib.get(prefix)?;
    fib.paths(list)?.paths().first().cloned()
}

fn is_to_peer(path: &Option<Path>) -> bool {
    matches!(path, Some(Path::Port { rewrite, .. }) if rewrite.macs().is_some_and(|(to, _)| to == PEER))
}

#[test]
fn a_neighbour_that_was_learned_is_one_that_routes_lead_to() {
    let mut pair = pair(STARTUP);
    assert!(matches!(path(&pair, A, "192.0.2.0/24"), Some(Path::Unresolved { .. })));
    learn(&mut pair, A);
    for prefix in ["192.0.2.0/24", "10.0.0.2/32"] {
        assert!(is_to_peer(&path(&pair, A, prefix)), "{prefix}: {:?}", path(&pair, A, prefix));
    }
    let shown = pair.line(A, 1, "show arp").text;
    assert!(
        shown.contains("Internet  10.0.0.2                0   0200.0000.0002  ARPA   GigabitEthernet1/1"),
        "{shown}"
    );
    // A change of the configuration leaves it alone; one that is configured counts, and gives way again.
    pair.configure(&["interface 1/2", "description x", "ip route 198.51.100.0 255.255.255.0 10.0.0.2"]);
    assert!(is_to_peer(&path(&pair, A, "192.0.2.0/24")));
    pair.configure(&["arp 10.0.0.2 0200.0000.00aa arpa"]);
    assert!(!is_to_peer(&path(&pair, A, "192.0.2.0/24")));
    assert!(matches!(path(&pair, A, "192.0.2.0/24"), Some(Path::Port { .. })));
    pair.configure(&["no arp 10.0.0.2"]);
    assert!(matches!(path(&pair, A, "192.0.2.0/24"), Some(Path::Unresolved { .. })));
    learn(&mut pair, A);
    assert!(is_to_peer(&path(&pair, A, "192.0.2.0/24")));
    assert!(!pair.line(A, 1, "clear arp-cache").failed);
    assert!(matches!(path(&pair, A, "192.0.2.0/24"), Some(Path::Unresolved { .. })));
    learn(&mut pair, A);
    carrier(&mut pair, A, "1/1", false);
    assert!(!pair.line(A, 1, "show arp").text.contains("10.0.0.2"));
    assert_eq!(path(&pair, A, "10.0.0.2/32"), None);
}

/// After an SSO switchover the caches are there, nothing moves, and nobody is asked; after one in RPR+ they are not.
#[test]
fn a_switchover_asks_nobody() {
    for (mode, kept) in [("sso", true), ("rpr-plus", false)] {
        let mut pair = pair(&STARTUP.replace("mode sso", &format!("mode {mode}")));
        pair.run(Duration::from_secs(10), |_| false);
        learn(&mut pair, A);
        pair.run(Duration::from_secs(1), |_| false);
        pair.cut = true;
        let mut injected = Vec::new();
        let end = pair.now + Duration::from_secs(20);
        let mut up = false;
        while pair.now < end {
            pair.now = pair.rps[B].deadline().unwrap_or(end).max(pair.now).min(end);
            let mut out = Vec::new();
            pair.rps[B].step(pair.now, None, &mut out);
            if pair.rps[B].stats().active && !up {
                up = true;
                for port in ["1/1", "1/2"] {
                    pair.rps[B].port_reported(pair.now, port.parse().unwrap(), true, &mut out);
                }
            }
            injected.extend(out.iter().filter(|output| matches!(output, Output::Inject { .. })).cloned());
            pair.deliver(B, out);
        }
        assert!(pair.rps[B].stats().active);
        assert_eq!(is_to_peer(&path(&pair, B, "192.0.2.0/24")), kept, "{mode}");
        assert_eq!(pair.line(B, 1, "show arp").text.contains("0200.0000.0002"), kept, "{mode}");
        assert_eq!(injected.is_empty(), kept, "{mode}: {injected:?}");
    }
}

#[test]
fn a_ping_is_answered_when_it_is_over() {
    let mut pair = pair(STARTUP);
    learn(&mut pair, A);
    let mut out = Vec::new();
    let begun = pair.rps[A].line(pair.now, 7, "ping 10.0.0.2 repeat 3", &mut out);
    assert!(!begun.failed && begun.text.is_empty() && pair.rps[A].awaits(7), "{begun:?}");
    let mut text = None;
    for _ in 0..10 {
        let mut more = Vec::new();
        for output in out.drain(..) {
            match output {
                Output::Inject { interface, frame } => {
                    assert_eq!(frame[..6], PEER);
                    let mut answer = frame.clone();
                    answer[..6].copy_from_slice(&frame[6..12]);
                    answer[6..12].copy_from_slice(&PEER);
                    answer[26..30].copy_from_slice(&frame[30..34]);
                    answer[30..34].copy_from_slice(&frame[26..30]);
                    // An echo reply: the checksum grows by what the type is less.
                    answer[34] = 0;
                    let sum = u32::from(u16::from_be_bytes([frame[36], frame[37]])) + 0x800;
                    answer[36..38].copy_from_slice(&((sum & 0xffff) as u16 + (sum >> 16) as u16).to_be_bytes());
                    pair.now = pair.now + Duration::from_millis(2);
                    let input = Told::Frame { interface, reason: Reason::Ours, frame: &answer };
                    pair.rps[A].host_input(pair.now, input, &mut more);
                }
                Output::Answered { session: 7, text: answer } => text = Some(answer),
                _ => {}
            }
        }
        out = more;
    }
    let text = text.unwrap();
    let wanted = "Type escape sequence to abort.\nSending 3, 100-byte ICMP Echos to 10.0.0.2, timeout is 2 seconds:\n!!!\n\
        Success rate is 100 percent (3/3), round-trip min/avg/max = 2/2/2 ms\n";
    assert_eq!(text, wanted);
    assert!(!pair.rps[A].awaits(7));
    // The standby has no way to links.
    assert!(pair.line(B, 1, "ping 10.0.0.2").failed);
    // A session that ends asks no more.
    pair.rps[A].line(pair.now, 8, "traceroute 10.0.0.9", &mut out);
    pair.rps[A].session_closed(pair.now, 8, &mut out);
    assert!(!pair.rps[A].awaits(8));
}

/// However many interfaces there are, no step tells the host of all of them, and it is told.
#[test]
fn many_interfaces_are_told_of_in_slices() {
    let subs = (1..=2_000u32).map(|number| {
        let [.., high, low] = number.to_be_bytes();
        let encapsulation = format!(" encapsulation dot1Q {number}\n");
        format!("interface 1/1.{number}\n{encapsulation} ip address 10.{}.{low}.1 255.255.255.0\n", 16 + high)
    });
    let startup = STARTUP.replace("interface 1/2", &format!("{}interface 1/2", subs.collect::<String>()));
    let mut pair = pair(&startup);
    pair.run(Duration::from_secs(5), |_| false);
    let host = pair.rps[A].clients.neighbours.host().unwrap();
    assert_eq!(host.interfaces().count(), 2_002);
    let up = host.interfaces().filter(|id| host.interface(*id).unwrap().up).count();
    assert_eq!(up, 2_002);
    assert!(pair.rps[A].untold.is_empty());
}

/// The order in which what is learned and what is configured come does not matter to what a line card is told.
#[test]
fn what_is_learned_goes_where_its_interface_is() {
    let mut pair = pair(STARTUP);
    learn(&mut pair, A);
    pair.configure(&[
        "vrf definition red",
        "address-family ipv4",
        "exit",
        "exit",
        "interface 1/1",
        "vrf forwarding red",
    ]);
    assert_eq!(path(&pair, A, "10.0.0.2/32"), None, "it has gone with the interface");
    assert!(pair.rps[A].clients.routing.rib.neighbors().all(|(_, all)| all.is_empty()));
}

/// What line cards punt; returns the frames that go out, by interface.
fn punted(pair: &mut Pair, at: usize, reason: PuntReason, frame: &[u8]) -> Vec<(InterfaceId, Vec<u8>)> {
    let mut out = Vec::new();
    pair.rps[at].punted(pair.now, [Punted { port: "1/1".parse().unwrap(), reason, frame }], &mut out);
    let frames = out.iter().filter_map(|output| match output {
        Output::Inject { interface, frame } => Some((*interface, frame.clone())),
        _ => None,
    });
    let frames = frames.collect();
    pair.deliver(at, out);
    frames
}

/// 10.0.0.2 asks for an address of ours.
fn request(target: [u8; 4], own: [u8; 4], tag: &[u8]) -> Vec<u8> {
    let head = [&[0xff; 6][..], &PEER, tag, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &PEER, &own].concat();
    [&head[..], &[0; 6], &target].concat()
}

#[test]
fn what_is_punted_is_of_the_interface_that_has_its_tag() {
    let startup = STARTUP.replace(
        "interface 1/2",
        "interface 1/1.7\n encapsulation dot1Q 7\n ip address 10.7.0.1 255.255.255.0\ninterface 1/2",
    );
    let mut pair = pair(&startup);
    let answers = punted(&mut pair, A, PuntReason::Arp, &request([10, 0, 0, 1], [10, 0, 0, 2], &[]));
    assert_eq!((answers.len(), answers[0].0), (1, port("1/1")));
    let tagged = request([10, 7, 0, 1], [10, 7, 0, 2], &[0x81, 0, 0, 7]);
    let answers = punted(&mut pair, A, PuntReason::Arp, &tagged);
    assert_eq!((answers.len(), answers[0].0), (1, InterfaceId::sub("1/1".parse().unwrap(), 7)));
    assert_eq!(answers[0].1[12..18], [0x81, 0, 0, 7, 8, 6]);
    let unknown = request([10, 7, 0, 1], [10, 7, 0, 2], &[0x81, 0, 0, 8]);
    assert!(punted(&mut pair, A, PuntReason::Arp, &unknown).is_empty());
    assert!(punted(&mut pair, B, PuntReason::Arp, &tagged).is_empty(), "a standby is no host");
    assert!(punted(&mut pair, A, PuntReason::Arp, &[0; 14]).is_empty());
}

/// What was too big is told what its next link takes, whichever card found out; and nothing where it would have fitted.
#[test]
fn what_was_too_big_is_told_what_fits() {
    let mut pair = pair(STARTUP);
    learn(&mut pair, A);
    pair.configure(&["interface 1/2", "mtu 1000"]);
    let packet = |length: u16, from: [u8; 6]| {
        let [high, low] = length.to_be_bytes();
        let mut frame = [&[2; 6][..], &from, &[8, 0, 0x45, 0, high, low, 0, 0, 0x40, 0, 9, 17, 0, 0]].concat();
        frame.extend([10, 0, 0, 2, 10, 0, 1, 9]);
        let sum = frame[14..34].chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum::<u32>();
        let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        frame.resize(14 + usize::from(length), 0);
        frame
    };
    let said = punted(&mut pair, A, PuntReason::TooBig, &packet(1200, PEER));
    let (interface, frame) = &said[0];
    assert_eq!((*interface, &frame[34..36], &frame[40..42]), (port("1/1"), &[3, 4][..], &1000u16.to_be_bytes()[..]));
    assert!(punted(&mut pair, A, PuntReason::TooBig, &packet(1000, PEER)).is_empty());
    assert!(punted(&mut pair, A, PuntReason::TooBig, &packet(1200, PEER)[..20]).is_empty());
}
