//! What two sides of a connection agree to speak, also with a side that knows nothing of it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Lab, files, id, local, soon};
use fabric::{control::ControlEndpoint, tls::Identity};
use fabric_proto::{
    checkpoint::CfClientId,
    codec::{self, Class, HEADER},
    offer::{Group, Offer},
    operator::{CardStats, Reply, Request},
    version::Versions,
};
use quinn::{
    Connection, Endpoint,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{net::SocketAddr, sync::Arc};

const A: &str = "edge/pe1/A";
const B: &str = "edge/pe1/B";

fn endpoint(lab: &Lab, card: &str, offer: Offer) -> ControlEndpoint {
    ControlEndpoint::bind(&lab.identity(card).speaking(offer), local()).unwrap()
}

#[tokio::test]
async fn both_sides_find_the_same_before_anything_is_said() {
    let lab = Lab::new("edge");
    let client = Group::Client(CfClientId(4));
    let older = Offer::new("2.0").with(client, Versions::new(1, 2)).with(Group::Cells, Versions::new(3, 3));
    let newer = Offer::new("3.0").with(client, Versions::new(2, 5));
    let (a, b) = (endpoint(&lab, A, older), endpoint(&lab, B, newer));
    let (peer, address) = (id(B), b.local_address().unwrap());
    let (called, accepted) = soon(async { tokio::join!(a.connect(&peer, address), b.accept()) }).await;
    let (called, accepted) = (called.unwrap(), accepted.unwrap());
    for side in [&called, &accepted] {
        assert_eq!(side.agreed().client(CfClientId(4)), Some(2));
        assert_eq!(side.agreed().verdict(Group::Cells).version(), None, "nothing in common");
        assert_eq!(side.agreed().messages(Class::Operator), Class::Operator.versions().newest());
    }
    assert_eq!((called.agreed().theirs().release(), accepted.agreed().theirs().release()), ("3.0", "2.0"));
}

/// A card's files, for a side that this release did not write.
fn proof(lab: &Lab, card: &str) -> (Arc<RootCertStore>, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    lab.identity(card);
    let files = files(lab.dir.path(), &id(card));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(lab.authority.cert_pem().as_bytes()).unwrap()).unwrap();
    let chain = CertificateDer::pem_file_iter(&files.cert).unwrap().collect::<Result<_, _>>().unwrap();
    (Arc::new(roots), chain, PrivateKeyDer::from_pem_file(&files.key).unwrap())
}

/// Release 1.0: another application protocol, and a welcome without an offer.
const SILENT: &[u8] = b"swact/1";

fn first_release_accepting(lab: &Lab, card: &str) -> (Endpoint, SocketAddr) {
    let (roots, chain, key) = proof(lab, card);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![SILENT.to_vec()];
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config).unwrap()));
    let endpoint = Endpoint::server(config, local()).unwrap();
    let address = endpoint.local_addr().unwrap();
    (endpoint, address)
}

async fn first_release_calling(lab: &Lab, card: &str, address: SocketAddr, name: &str) -> Connection {
    let (roots, chain, key) = proof(lab, card);
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![SILENT.to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
    let endpoint = Endpoint::client(local()).unwrap();
    let connection = soon(endpoint.connect_with(config, address, name).unwrap()).await.unwrap();
    // Its welcome, and nothing behind it.
    let mut welcome = soon(connection.accept_uni()).await.unwrap();
    assert_eq!(soon(welcome.read_to_end(100)).await.unwrap(), [1]);
    connection
}

/// What it would be told is written in its words, and what it says in its own is understood.
#[tokio::test]
async fn a_caller_of_the_first_release_is_answered_as_it_speaks() {
    let lab = Lab::new("edge");
    let b = endpoint(&lab, B, Offer::new("2.0"));
    let address = b.local_address().unwrap();
    let caller = first_release_calling(&lab, A, address, "b.pe1.edge.swact").await;
    let accepted = soon(b.accept()).await.unwrap();
    assert_eq!(accepted.agreed().theirs(), &Offer::of_1_0());

    let (mut send, mut receive) = caller.open_bi().await.unwrap();
    send.write_all(&[Class::Operator as u8]).await.unwrap();
    send.write_all(&codec::encode_at(&Request::Stats, 1).unwrap()).await.unwrap();
    let (_, mut sender, mut receiver) = soon(accepted.accept_stream()).await.unwrap();
    assert_eq!(soon(receiver.recv::<Request>()).await.unwrap(), Some(Request::Stats));
    let stats = CardStats { boot: 7, connections: 9, ..CardStats::default() };
    sender.send(&Reply::Stats(Box::new(stats))).await.unwrap();
    let mut frame = vec![0; HEADER];
    soon(receive.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame[..2], [Class::Operator as u8, 1], "in version 1");
    let length = u32::from_be_bytes(frame[2..].try_into().unwrap()) as usize;
    frame.resize(HEADER + length, 0);
    soon(receive.read_exact(&mut frame[HEADER..])).await.unwrap();
    let told: Reply = codec::decode(&frame).unwrap();
    let Reply::Stats(told) = told else { panic!("{told:?}") };
    assert_eq!((told.boot, told.connections), (7, 0), "it has no word for connections");
}

#[tokio::test]
async fn an_acceptor_of_the_first_release_is_called_as_it_speaks() {
    let lab = Lab::new("edge");
    let a = endpoint(&lab, A, Offer::new("2.0"));
    let (endpoint, address) = first_release_accepting(&lab, B);
    let peer = id(B);
    let accepting = async {
        let connection = endpoint.accept().await.unwrap().await.unwrap();
        let mut welcome = connection.open_uni().await.unwrap();
        welcome.write_all(&[1]).await.unwrap();
        welcome.finish().unwrap();
        connection
    };
    let (called, accepted) = soon(async { tokio::join!(a.connect(&peer, address), accepting) }).await;
    let called = called.unwrap();
    assert_eq!(called.agreed().theirs().release(), "1.0");
    let (mut sender, _receiver) = called.open(Class::Operator).await.unwrap();
    sender.send(&Request::Stats).await.unwrap();
    let (_send, mut receive) = soon(accepted.accept_bi()).await.unwrap();
    let mut head = [0; 1 + HEADER];
    soon(receive.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[..3], [Class::Operator as u8, Class::Operator as u8, 1], "stream, class, version 1");
}

/// What is no offer ends the connection, and its sender is told why.
#[tokio::test]
async fn a_caller_that_offers_nonsense_is_told_so() {
    let lab = Lab::new("edge");
    let b = endpoint(&lab, B, Offer::new("2.0"));
    let (roots, chain, key) = proof(&lab, A);
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"swact/2".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
    let endpoint = Endpoint::client(local()).unwrap();
    let cases: [(&[u8], &str); 3] =
        [(&[0xff, 0xff, 1], "limit is 4096"), (&[0, 3, 1, 2, 3], "does not decode"), (&[0, 9, 1], "half")];
    for (nonsense, why) in cases {
        let address = b.local_address().unwrap();
        let connecting = endpoint.connect_with(config.clone(), address, "b.pe1.edge.swact").unwrap();
        let connection = soon(connecting).await.unwrap();
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        stream.finish().unwrap();
        let reason = soon(connection.closed()).await.to_string();
        assert!(reason.contains(why), "{reason}");
    }
    let counted = async {
        while b.refusals().unfinished < 3 {
            tokio::task::yield_now().await;
        }
    };
    soon(counted).await;
    // Nobody was let in.
    let identity: Identity = lab.identity(A);
    let a = ControlEndpoint::bind(&identity, local()).unwrap();
    let (peer, address) = (id(B), b.local_address().unwrap());
    let (called, accepted) = soon(async { tokio::join!(a.connect(&peer, address), b.accept()) }).await;
    assert_eq!(called.unwrap().peer(), &id(B));
    assert_eq!(accepted.unwrap().peer(), &id(A));
}
