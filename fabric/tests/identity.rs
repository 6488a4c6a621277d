//! Who is let in.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Lab, files, id, local, soon};
use fabric::{
    FabricError,
    control::ControlEndpoint,
    tls::{Authority, Identity},
};
use fabric_proto::{
    codec::Class,
    operator::{Reply, Request},
};
use std::{
    net::{SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

#[tokio::test]
async fn both_sides_know_whom_they_talk_to() {
    let lab = Lab::new("edge");
    let (a, b) = (lab.control("edge/pe1/A"), lab.control("edge/pe1/B"));
    let (peer, address) = (id("edge/pe1/B"), b.local_address().unwrap());
    let (called, accepted) = soon(async { tokio::join!(a.connect(&peer, address), b.accept()) }).await;
    assert_eq!(*called.unwrap().peer(), id("edge/pe1/B"));
    assert_eq!(*accepted.unwrap().peer(), id("edge/pe1/A"));
}

#[tokio::test]
async fn another_card_at_the_address_is_a_typed_error() {
    let lab = Lab::new("edge");
    let (a, b) = (lab.control("edge/pe1/A"), lab.control("edge/pe1/B"));
    let error = soon(a.connect(&id("edge/pe1/1"), b.local_address().unwrap())).await.unwrap_err();
    assert!(
        matches!(&error, FabricError::WrongPeer { expected, found, .. }
            if **expected == id("edge/pe1/1") && **found == id("edge/pe1/B")),
        "{error}"
    );
}

#[tokio::test]
async fn another_labs_authority_is_refused_by_both_sides() {
    let (lab, other) = (Lab::new("edge"), Lab::new("edge"));
    let (a, stranger) = (lab.control("edge/pe1/A"), other.control("edge/pe1/B"));
    let error = soon(a.connect(&id("edge/pe1/B"), stranger.local_address().unwrap())).await.unwrap_err();
    assert!(matches!(error, FabricError::Refused { .. }), "{error}");

    // A stranger that trusts the lab's authority, but holds a certificate of its own: the accepting side refuses.
    let card = id("edge/pe1/B");
    let mut mixed = files(other.dir.path(), &card);
    mixed.ca = files(lab.dir.path(), &card).ca;
    let stranger = ControlEndpoint::bind(&Identity::load(&card, &mixed).unwrap(), local()).unwrap();
    let error = soon(stranger.connect(&id("edge/pe1/A"), a.local_address().unwrap())).await.unwrap_err();
    assert!(matches!(error, FabricError::Refused { .. }), "{error}");
    assert_eq!(a.refusals().total(), 1);
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_refused() {
    let lab = Lab::new("edge");
    let a = lab.control("edge/pe1/A");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    roots.add(CertificateDer::from_pem_slice(lab.authority.cert_pem().as_bytes()).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"swact/1".to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    let endpoint = quinn::Endpoint::client(local()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let connecting = endpoint.connect_with(config, a.local_address().unwrap(), "a.pe1.edge.swact").unwrap();
    let reason = match soon(connecting).await {
        Ok(connection) => soon(connection.closed()).await,
        Err(error) => error,
    };
    assert!(reason.to_string().contains("certificate"), "{reason}");
    assert_eq!(a.refusals().total(), 1);
}

#[test]
fn a_certificate_for_another_slot_is_refused_at_start() {
    let lab = Lab::new("edge");
    lab.identity("edge/pe1/B");
    let error = Identity::load(&id("edge/pe1/A"), &files(lab.dir.path(), &id("edge/pe1/B"))).unwrap_err();
    assert!(matches!(error, FabricError::OtherSlot { .. }), "{error}");
    assert!(error.to_string().starts_with("certificate for another slot"));
}

#[test]
fn an_authority_survives_on_disk_with_private_keys() {
    let lab = Lab::new("edge");
    let again = Authority::load(lab.dir.path()).unwrap();
    let card = id("edge/pe1/A");
    let at = files(lab.dir.path(), &card);
    again.issue(&card).unwrap().save(&at.cert, &at.key).unwrap();
    Identity::load(&card, &at).unwrap();
    for path in [&at.key, &lab.dir.path().join("ca.key")] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(matches!(again.issue(&id("core/pe1/A")), Err(FabricError::Certificate(_))));
    assert!(matches!(again.issue(&id("edge/PE1/A")), Err(FabricError::Name { .. })));
}

/// A certificate of `card` that the lab's authority signed and that ended long ago.
fn expired(lab: &Lab, card: &str) -> Identity {
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, date_time_ymd};
    let card = id(card);
    let at = files(lab.dir.path(), &card);
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name = rcgen::DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, "swact lab edge");
    let key = KeyPair::from_pem(&std::fs::read_to_string(lab.dir.path().join("ca.key")).unwrap()).unwrap();
    let issuer = Issuer::new(authority, key);
    let mut params = CertificateParams::new(vec!["b.pe1.edge.swact".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    std::fs::write(&at.cert, params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    std::fs::write(&at.key, key.serialize_pem()).unwrap();
    Identity::load(&card, &at).unwrap()
}

/// Goal: a certificate of the past opens nothing. Method: one that has expired, and one of an earlier deployment of the
/// same lab, each as caller and as called.
#[tokio::test]
async fn a_stale_certificate_is_refused_and_counted_by_both_sides() {
    let (lab, earlier) = (Lab::new("edge"), Lab::new("edge"));
    let a = lab.control("edge/pe1/A");
    let mut of_before = files(earlier.dir.path(), &id("edge/pe1/B"));
    earlier.identity("edge/pe1/B");
    of_before.ca = lab.dir.path().join("ca.pem");
    let of_before = Identity::load(&id("edge/pe1/B"), &of_before).unwrap();
    for (number, stale) in [expired(&lab, "edge/pe1/B"), of_before].into_iter().enumerate() {
        let b = ControlEndpoint::bind(&stale, local()).unwrap();
        let error = soon(b.connect(&id("edge/pe1/A"), a.local_address().unwrap())).await.unwrap_err();
        assert!(matches!(error, FabricError::Refused { .. }), "{error}");
        assert_eq!(a.refusals().total(), number as u64 + 1);
        let error = soon(a.connect(&id("edge/pe1/B"), b.local_address().unwrap())).await.unwrap_err();
        assert!(matches!(error, FabricError::Refused { .. }), "{error}");
    }
}

/// Goal: a card that sits in another card's place is refused and counted by who calls it. Method: call A where B is.
#[tokio::test]
async fn a_forged_slot_is_refused_and_counted() {
    let lab = Lab::new("edge");
    let (a, b) = (lab.control("edge/pe1/1"), lab.control("edge/pe1/B"));
    let error = soon(a.connect(&id("edge/pe1/A"), b.local_address().unwrap())).await.unwrap_err();
    assert!(matches!(error, FabricError::WrongPeer { .. }), "{error}");
    assert_eq!(a.refusals().total(), 1);
}

/// Packets, in the order in which they were heard.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// Carries datagrams between a caller and `to`, and keeps what the caller said.
fn eavesdrop(to: SocketAddr) -> (SocketAddr, Arc<UdpSocket>, Heard) {
    let socket = Arc::new(UdpSocket::bind(local()).unwrap());
    let (here, heard) = (socket.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let (relay, keep) = (Arc::clone(&socket), Arc::clone(&heard));
    thread::spawn(move || {
        let (mut caller, mut buffer) = (None, [0; 65536]);
        while let Ok((length, from)) = relay.recv_from(&mut buffer) {
            let packet = &buffer[..length];
            if from == to {
                let _ = caller.map(|caller| relay.send_to(packet, caller));
            } else {
                caller = Some(from);
                keep.lock().unwrap().push(packet.to_vec());
                let _ = relay.send_to(packet, to);
            }
        }
    });
    (here, socket, heard)
}

/// Goal: what somebody has recorded is worth nothing. Method: an eavesdropper between two cards repeats every packet of
/// the caller, from the caller's address and from another one; no message arrives twice, nobody new is let in, and
/// the attempt is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_message_is_refused_and_counted() {
    let lab = Lab::new("edge");
    let (a, b) = (lab.control("edge/pe1/A"), lab.control("edge/pe1/B"));
    let address = b.local_address().unwrap();
    let (relay, socket, heard) = eavesdrop(address);
    let peer = id("edge/pe1/B");
    let (called, accepted) = soon(async { tokio::join!(a.connect(&peer, relay), b.accept()) }).await;
    let (called, accepted) = (called.unwrap(), accepted.unwrap());
    let (mut sender, mut answers) = called.open(Class::Operator).await.unwrap();
    sender.send(&Request::Exec("redundancy force-switchover".to_owned())).await.unwrap();
    let (_, mut answer, mut requests) = soon(accepted.accept_stream()).await.unwrap();
    let request: Option<Request> = soon(requests.recv()).await.unwrap();
    assert_eq!(request, Some(Request::Exec("redundancy force-switchover".to_owned())));
    answer.send(&Reply::Refused("heard".to_owned())).await.unwrap();
    let _: Option<Reply> = soon(answers.recv()).await.unwrap();

    let packets = heard.lock().unwrap().clone();
    assert!(packets.len() > 2, "a handshake and a message");
    let stranger = UdpSocket::bind(local()).unwrap();
    for packet in &packets {
        socket.send_to(packet, address).unwrap();
        stranger.send_to(packet, address).unwrap();
    }
    let again = tokio::time::timeout(Duration::from_millis(500), requests.recv::<Request>()).await;
    assert!(again.is_err(), "heard again: {again:?}");
    // The rightful caller is not disturbed.
    sender.send(&Request::Stats).await.unwrap();
    assert_eq!(soon(requests.recv::<Request>()).await.unwrap(), Some(Request::Stats));

    // Once the connection is gone, what was recorded begins a handshake that it cannot end: at the caller's own address,
    // which has proven itself before. From another one it does not even begin.
    a.close("done");
    let began = Instant::now();
    while b.refusals().unfinished == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "nobody counted it");
        for packet in &packets {
            socket.send_to(packet, address).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let challenged = b.refusals().challenged;
    for packet in &packets {
        stranger.send_to(packet, address).unwrap();
    }
    while b.refusals().challenged == challenged {
        assert!(began.elapsed() < Duration::from_secs(40), "nobody was asked for his address");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let another = tokio::time::timeout(Duration::from_millis(100), b.accept()).await;
    assert!(another.is_err(), "somebody was let in");
}
