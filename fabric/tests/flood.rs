//! Handshakes that nobody means to end: they keep no one else out.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Lab, id, local, soon};
use fabric::{FabricError, control::ControlEndpoint};
use fabric_proto::operator::Impairment;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::UdpSocket;

/// The first packets of `count` handshakes, as a caller without a certificate of the lab sends them.
async fn first_packets(count: usize) -> Vec<Vec<u8>> {
    let lab = Lab::new("edge");
    let (stranger, sink) = (lab.control("edge/pe1/1"), UdpSocket::bind(local()).await.unwrap());
    let (peer, address) = (id("edge/pe1/A"), sink.local_addr().unwrap());
    let mut packets = Vec::new();
    let mut buffer = [0; 2048];
    while packets.len() < count {
        // The attempt is given up once its first packet is there.
        tokio::select! {
            _ = stranger.connect(&peer, address) => {}
            received = sink.recv_from(&mut buffer) => packets.push(buffer[..received.unwrap().0].to_vec()),
        }
    }
    packets
}

/// Whether a packet is a Retry (RFC 9000 §17.2.5).
fn is_retry(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0xf0 == 0xf0)
}

/// Passes on what a caller says until it has proven its address, and then nothing: its handshake never ends.
async fn half_way(to: SocketAddr) -> SocketAddr {
    let (caller_side, callee_side) = (UdpSocket::bind(local()).await.unwrap(), UdpSocket::bind(local()).await.unwrap());
    let here = caller_side.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut caller, mut said, mut heard) = (None, [0; 2048], [0; 2048]);
        loop {
            tokio::select! {
                Ok((length, from)) = caller_side.recv_from(&mut said) => {
                    caller = Some(from);
                    // First packets only: 1200 bytes and more (RFC 9000 §14.1). What ends a handshake is shorter.
                    if length >= 1200 && said[0] & 0xf0 == 0xc0 {
                        callee_side.send_to(&said[..length], to).await.unwrap();
                    }
                }
                Ok((length, _)) = callee_side.recv_from(&mut heard) => {
                    if let Some(caller) = caller.filter(|_| is_retry(&heard[..length])) {
                        caller_side.send_to(&heard[..length], caller).await.unwrap();
                    }
                }
            }
        }
    });
    here
}

async fn accepting(endpoint: ControlEndpoint) {
    let mut kept = Vec::new();
    while let Some(connection) = endpoint.accept().await {
        kept.push(connection);
    }
}

/// Goal: whoever only sends costs nothing. Method: two thousand first packets; each is answered by a Retry at most, none
/// holds a place, and the peer gets through.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_packet_draws_a_retry_and_holds_no_place() {
    let lab = Lab::new("edge");
    let (a, b) = (lab.control("edge/pe1/A"), lab.control("edge/pe1/B"));
    tokio::spawn(accepting(b.clone()));
    let (packets, address) = (first_packets(100).await, b.local_address().unwrap());
    let attacker = UdpSocket::bind(local()).await.unwrap();
    let (mut retries, mut answer) = (0, [0; 2048]);
    for packet in packets.iter().cycle().take(2_000) {
        attacker.send_to(packet, address).await.unwrap();
        let answered = tokio::time::timeout(Duration::from_millis(50), attacker.recv_from(&mut answer)).await;
        if let Ok(Ok((length, _))) = answered {
            assert!(is_retry(&answer[..length]), "{:x?}", &answer[..20]);
            retries += 1;
        }
        assert_eq!(b.half_open(), 0);
    }
    assert!(retries > 1_000, "{retries} were asked");
    assert_eq!((b.refusals().total(), b.connections()), (0, 0));
    soon(a.connect(&id("edge/pe1/B"), address)).await.unwrap();
}

/// Goal: whoever proves his address and then stands still keeps neither a card of the configuration out nor an
/// operator. Method: more such callers than there are places; the card gets through at the first attempt, the operator,
/// who shares the callers' address, by calling again.
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_never_end_keep_nobody_out() {
    let lab = Lab::new("edge");
    let (a, b) = (lab.control("edge/pe1/A"), lab.control("edge/pe1/B"));
    let (peer, address) = (id("edge/pe1/B"), b.local_address().unwrap());
    b.expect([a.local_address().unwrap()]);
    tokio::spawn(accepting(b.clone()));

    let stranger = Arc::new(lab.control("edge/pe1/9"));
    for _ in 0..100 {
        let (stranger, peer, half) = (Arc::clone(&stranger), peer.clone(), half_way(address).await);
        tokio::spawn(async move {
            loop {
                let _ = stranger.connect(&peer, half).await;
            }
        });
    }
    let began = Instant::now();
    while b.refusals().no_place == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "{} half-open, {:?}", b.half_open(), b.refusals());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(b.half_open() <= 64, "{}", b.half_open());
    soon(a.connect(&peer, address)).await.unwrap();

    let operator = lab.control("edge/-/operator");
    let reached = async {
        while let Err(error) = operator.connect(&peer, address).await {
            let again = matches!(error, FabricError::Refused { .. } | FabricError::Unreachable { .. });
            assert!(again, "{error}");
        }
    };
    soon(reached).await;
}

/// Goal: an operator that was killed keeps nothing for itself for long. Method: it falls silent without a goodbye; the
/// card's side of the connection ends within seconds, that of a connection between cards does not.
#[tokio::test]
async fn an_operator_that_falls_silent_is_given_up_within_seconds() {
    let lab = Lab::new("edge");
    let (operator, card, b) = (lab.control("edge/-/operator"), lab.control("edge/pe1/A"), lab.control("edge/pe1/B"));
    let (peer, address) = (id("edge/pe1/B"), b.local_address().unwrap());
    let (mut called, mut accepted) = (Vec::new(), Vec::new());
    for caller in [&operator, &card] {
        let (call, accept) = soon(async { tokio::join!(caller.connect(&peer, address), b.accept()) }).await;
        called.push(call.unwrap());
        accepted.push(accept.unwrap());
        caller.impair().set(None, Impairment { partition: true, ..Default::default() });
    }
    let began = Instant::now();
    soon(accepted[0].closed()).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(!accepted[1].is_closed(), "a card is waited for longer");
}

/// Goal: a goodbye leaves nothing. Method: operators come and go, each closing and waiting.
#[tokio::test]
async fn operators_that_say_goodbye_leave_no_connection() {
    let lab = Lab::new("edge");
    let b = lab.control("edge/pe1/B");
    tokio::spawn(accepting(b.clone()));
    let (peer, address) = (id("edge/pe1/B"), b.local_address().unwrap());
    let identity = lab.identity("edge/-/operator");
    for _ in 0..20 {
        let operator = ControlEndpoint::bind(&identity, local()).unwrap();
        let _connection = soon(operator.connect(&peer, address)).await.unwrap();
        operator.close("the operator leaves");
        soon(operator.closed()).await;
    }
    let began = Instant::now();
    while b.connections() > 0 {
        assert!(began.elapsed() < Duration::from_secs(4), "{} connections are left", b.connections());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
