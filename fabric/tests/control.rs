//! Control connections: messages, datagrams, and what peers may do wrong.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bytes::Bytes;
use common::{Lab, id, local, soon};
use fabric::{
    FabricError,
    control::{Connection, ControlEndpoint},
    tls::Identity,
};
use fabric_proto::{
    codec::{Class, CodecError, Message},
    linecard::{FromLc, ToLc},
    operator::Impairment,
};
use std::time::{Duration, Instant};

struct Pair {
    lab: Lab,
    a: ControlEndpoint,
    b: ControlEndpoint,
    to_b: Connection,
    to_a: Connection,
}

async fn pair() -> Pair {
    let lab = Lab::new("edge");
    let (a, b) = (lab.control("edge/pe1/A"), lab.control("edge/pe1/1"));
    let (to_b, to_a) = join(&a, &b).await;
    Pair { lab, a, b, to_b, to_a }
}

async fn join(a: &ControlEndpoint, b: &ControlEndpoint) -> (Connection, Connection) {
    let peer = b.identity().id().clone();
    let address = b.local_address().unwrap();
    let (called, accepted) = soon(async { tokio::join!(a.connect(&peer, address), b.accept()) }).await;
    (called.unwrap(), accepted.unwrap())
}

#[tokio::test]
async fn messages_go_both_ways_in_order() {
    let Pair { to_b, to_a, .. } = &pair().await;
    let (mut send, mut recv) = to_b.open(Class::LineCard).await.unwrap();
    for number in 1..=1000 {
        send.send(&FromLc::Ack { number }).await.unwrap();
    }
    send.finish();
    let (class, mut back, mut there) = soon(to_a.accept_stream()).await.unwrap();
    assert_eq!(class, Class::LineCard);
    for number in 1..=1000 {
        assert_eq!(soon(there.recv()).await.unwrap(), Some(FromLc::Ack { number }));
    }
    assert_eq!(soon(there.recv::<FromLc>()).await.unwrap(), None);
    back.send(&ToLc::WantDigests).await.unwrap();
    assert_eq!(soon(recv.recv()).await.unwrap(), Some(ToLc::WantDigests));
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_before_its_body() {
    let Pair { to_b, to_a, .. } = &pair().await;
    let (mut send, _recv) = to_b.open(Class::LineCard).await.unwrap();
    let mut head = vec![Class::LineCard as u8, Class::LineCard.versions().newest()];
    head.extend_from_slice(&(FromLc::CAP as u32 + 1).to_be_bytes());
    send.send_frame(Bytes::from(head)).await.unwrap();
    let (_, _send, mut there) = soon(to_a.accept_stream()).await.unwrap();
    let error = soon(there.recv::<FromLc>()).await.unwrap_err();
    assert!(matches!(error, FabricError::Codec(CodecError::TooLong { .. })), "{error}");
    let reason = soon(to_b.closed()).await;
    assert!(reason.contains("limit"), "the peer is told: {reason}");
}

#[tokio::test]
async fn garbage_on_a_stream_is_a_typed_error_and_ends_the_connection() {
    let Pair { a, b, to_b, to_a, .. } = &pair().await;
    let (mut send, _recv) = to_b.open(Class::LineCard).await.unwrap();
    send.send_frame(Bytes::from_static(&[3, 1, 0, 0, 0, 3, 0xc1, 0xff, 0x00])).await.unwrap();
    let (_, _send, mut there) = soon(to_a.accept_stream()).await.unwrap();
    let error = soon(there.recv::<FromLc>()).await.unwrap_err();
    assert!(matches!(error, FabricError::Codec(CodecError::Body { .. })), "{error}");
    soon(to_b.closed()).await;
    // The endpoints are none the worse for it.
    join(a, b).await;
}

#[tokio::test]
async fn a_message_cut_short_is_not_taken_for_the_end() {
    let Pair { to_b, to_a, .. } = &pair().await;
    let (mut send, _recv) = to_b.open(Class::LineCard).await.unwrap();
    send.send_frame(Bytes::from_static(&[3, 1, 0, 0])).await.unwrap();
    send.finish();
    let (_, _send, mut there) = soon(to_a.accept_stream()).await.unwrap();
    assert!(matches!(soon(there.recv::<FromLc>()).await, Err(FabricError::Truncated)));
}

#[tokio::test]
async fn a_cancelled_recv_loses_nothing() {
    let Pair { to_b, to_a, .. } = &pair().await;
    let (mut send, _recv) = to_b.open(Class::LineCard).await.unwrap();
    let frame = fabric_proto::codec::encode(&FromLc::Ack { number: 5 }).unwrap();
    send.send_frame(frame.slice(..8)).await.unwrap();
    let (_, _send, mut there) = soon(to_a.accept_stream()).await.unwrap();
    // Half a message is there; the reader gives up waiting for the rest, and comes back.
    let early = tokio::time::timeout(Duration::from_millis(50), there.recv::<FromLc>()).await;
    assert!(early.is_err());
    send.send_frame(frame.slice(8..)).await.unwrap();
    assert_eq!(soon(there.recv()).await.unwrap(), Some(FromLc::Ack { number: 5 }));
}

#[tokio::test]
async fn garbage_on_the_socket_is_harmless() {
    let Pair { a, b, to_b, to_a, .. } = &pair().await;
    let socket = std::net::UdpSocket::bind(local()).unwrap();
    let target = b.local_address().unwrap();
    let mut packet = [0u8; 1300];
    for round in 0..500usize {
        let filler = packet[round % 7] ^ (round as u8).wrapping_mul(31);
        packet.rotate_left(3);
        packet[0] = filler;
        packet[1] = round as u8;
        socket.send_to(&packet[..=(round * 13) % 1299], target).unwrap();
    }
    to_b.send_datagram(Bytes::from_static(b"heartbeat")).unwrap();
    assert_eq!(soon(to_a.recv_datagram()).await.unwrap(), &b"heartbeat"[..]);
    join(a, b).await;
}

#[tokio::test]
async fn a_datagram_that_does_not_fit_is_refused() {
    let Pair { to_b, .. } = &pair().await;
    let error = to_b.send_datagram(Bytes::from(vec![0; 3000])).unwrap_err();
    assert!(matches!(error, FabricError::DatagramTooLong { length: 3000, .. }), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_known_within_the_attempt() {
    let Pair { a, .. } = &pair().await;
    let unused = std::net::UdpSocket::bind(local()).unwrap();
    let error = soon(a.connect(&id("edge/pe1/B"), unused.local_addr().unwrap())).await.unwrap_err();
    assert!(matches!(error, FabricError::Unreachable { .. }), "{error}");
}

/// The folder, in the environment of the process that plays the card which is killed.
const CARD_ENV: &str = "FABRIC_TEST_CARD";
const CARD_ADDRESS: &str = "127.0.0.1:7997";

/// Not a test of its own: the process that [`a_peer_that_was_killed_is_reached_again_at_once`] kills.
#[tokio::test]
async fn card_to_be_killed() {
    let Some(dir) = std::env::var_os(CARD_ENV) else { return };
    let card = id("edge/pe1/1");
    let identity = Identity::load(&card, &common::files(dir.as_ref(), &card)).unwrap();
    let endpoint = ControlEndpoint::bind(&identity, CARD_ADDRESS.parse().unwrap()).unwrap();
    let mut kept = Vec::new();
    while let Some(connection) = endpoint.accept().await {
        kept.push(connection);
    }
}

struct Card(std::process::Child);

impl Card {
    fn start(lab: &Lab) -> Self {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "card_to_be_killed"]).env(CARD_ENV, lab.dir.path());
        Self(command.stdout(std::process::Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn call(a: &ControlEndpoint) -> Connection {
    loop {
        match a.connect(&id("edge/pe1/1"), CARD_ADDRESS.parse().unwrap()).await {
            Ok(connection) => return connection,
            Err(FabricError::Unreachable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The peer's process dies without a word, and a fresh one takes its address: no idle timeout is
/// waited for, neither by the old connection nor by a new call.
#[tokio::test]
async fn a_peer_that_was_killed_is_reached_again_at_once() {
    let lab = Lab::new("edge");
    let a = lab.control("edge/pe1/A");
    lab.identity("edge/pe1/1");
    let first = Card::start(&lab);
    let old = soon(call(&a)).await;
    drop(first);

    let begin = Instant::now();
    let _second = Card::start(&lab);
    let new = soon(call(&a)).await;
    // A packet of the old connection draws the reset; a repeated acknowledgement may have done so already.
    let _ = old.send_datagram(Bytes::from_static(&[0; 64]));
    assert_eq!(soon(old.closed()).await, "peer restarted");
    assert!(!new.is_closed());
    assert!(begin.elapsed() < Duration::from_secs(15), "the idle timeout is 30 s");
}

#[tokio::test]
async fn a_partition_stops_datagrams_and_heals() {
    let Pair { a, b, to_b, to_a, lab } = &pair().await;
    let address = b.local_address().unwrap();
    a.impair().set(Some(address), Impairment { partition: true, ..Default::default() });
    to_b.send_datagram(Bytes::from_static(b"lost")).unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(200), to_a.recv_datagram()).await;
    assert!(silence.is_err());
    // The other direction and other peers are untouched.
    to_a.send_datagram(Bytes::from_static(b"back")).unwrap();
    assert_eq!(soon(to_b.recv_datagram()).await.unwrap(), &b"back"[..]);
    let c = lab.control("edge/pe1/2");
    join(a, &c).await;

    a.impair().set(Some(address), Impairment::default());
    to_b.send_datagram(Bytes::from_static(b"healed")).unwrap();
    assert_eq!(soon(to_a.recv_datagram()).await.unwrap(), &b"healed"[..]);
    assert!(a.impair().counters().dropped > 0);
}

#[tokio::test]
async fn streams_survive_loss_delay_and_duplicates() {
    let Pair { a, b, to_b, to_a, .. } = &pair().await;
    let rough = Impairment {
        loss: 0.1,
        delay_ms: 2.0,
        jitter_ms: 1.0,
        duplicate: 0.1,
        reorder: 0.1,
        seed: 3,
        ..Default::default()
    };
    a.impair().set(None, rough);
    b.impair().set(None, rough);
    let (mut send, _recv) = to_b.open(Class::LineCard).await.unwrap();
    let (_, _send, mut there) = soon(to_a.accept_stream()).await.unwrap();
    let sending = async {
        for number in 1..=20_000 {
            send.send(&FromLc::Ack { number }).await.unwrap();
        }
    };
    let receiving = async {
        for number in 1..=20_000 {
            assert_eq!(there.recv().await.unwrap(), Some(FromLc::Ack { number }));
        }
    };
    soon(async { tokio::join!(sending, receiving) }).await;
    let counters = a.impair().counters();
    assert!(counters.dropped > 0 && counters.duplicated > 0 && counters.delayed > 0, "{counters:?}");
}
