//! What a card proves about itself, ready for both ends of a connection.

use super::{name::card_of_certificate, verify::ExpectedPeer};
use crate::FabricError;
use fabric_proto::{deploy::TlsFiles, id::CardId, offer::Offer};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    RootCertStore,
    client::{Resumption, WebPkiServerVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use std::{
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
};

/// Application protocol of a side that says what it speaks before anything else. A fabric of another make is refused in the
/// handshake.
pub(crate) const OFFERING: &[u8] = b"swact/2";

/// That of release 1.0, which makes no offers.
const SILENT: &[u8] = b"swact/1";

/// What both sides of a handshake can follow, the best first.
fn protocols() -> Vec<Vec<u8>> {
    vec![OFFERING.to_vec(), SILENT.to_vec()]
}

/// A card's certificate, key and the lab's authority, and what the card speaks. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    proof: Arc<Inner>,
    offer: Arc<Offer>,
}

struct Inner {
    id: CardId,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Identity {
    /// Reads the files and checks that the certificate names `id`.
    pub fn load(id: &CardId, files: &TlsFiles) -> Result<Self, FabricError> {
        let chain = certificates(&files.cert)?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, &error))?;
        let leaf = chain.first().expect("certificates() returns at least one");
        let found = card_of_certificate(leaf)
            .ok_or_else(|| FabricError::Certificate(format!("{} names no card", files.cert.display())))?;
        if found != *id {
            return Err(FabricError::OtherSlot {
                path: files.cert.clone(),
                expected: Box::new(id.clone()),
                found: Box::new(found),
            });
        }
        let mut roots = RootCertStore::empty();
        for authority in certificates(&files.ca)? {
            roots.add(authority).map_err(unusable)?;
        }
        let provider = Arc::new(ring::default_provider());
        let proof = Arc::new(Inner { id: found, chain, key, roots: Arc::new(roots), provider });
        Ok(Self { proof, offer: Arc::new(Offer::new("")) })
    }

    /// The same for a card that offers to speak this; without it, a card offers what every card of this program speaks.
    #[must_use]
    pub fn speaking(self, offer: Offer) -> Self {
        Self { offer: Arc::new(offer), ..self }
    }

    /// What this side offers to speak.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Who this is.
    pub fn id(&self) -> &CardId {
        &self.proof.id
    }

    /// The accepting side: a peer without a certificate of this lab is refused.
    pub(crate) fn server(&self) -> Result<QuicServerConfig, FabricError> {
        let Inner { roots, provider, chain, key, .. } = &*self.proof;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .build()
            .map_err(unusable)?;
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = protocols();
        // Every connection proves both identities anew.
        config.send_tls13_tickets = 0;
        QuicServerConfig::try_from(config).map_err(unusable)
    }

    /// The calling side: only `expected` is accepted. The second value tells who answered instead.
    pub(crate) fn client(&self, expected: &CardId) -> Result<(QuicClientConfig, Arc<OnceLock<CardId>>), FabricError> {
        let Inner { roots, provider, chain, key, .. } = &*self.proof;
        let chain_of_trust = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .build()
            .map_err(unusable)?;
        let impostor = Arc::new(OnceLock::new());
        let verifier = ExpectedPeer::new(expected.clone(), chain_of_trust, Arc::clone(&impostor));
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = protocols();
        config.resumption = Resumption::disabled();
        Ok((QuicClientConfig::try_from(config).map_err(unusable)?, impostor))
    }

    /// Whom the peer's certificate names, when it is of this lab.
    pub(crate) fn peer_of(&self, connection: &quinn::Connection) -> Option<CardId> {
        let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
        card_of_certificate(chain.first()?).filter(|peer| peer.lab == self.proof.id.lab)
    }

    /// A secret that survives the process, for `purpose`.
    pub(crate) fn secret(&self, purpose: &str) -> ::ring::hmac::Key {
        use ::ring::hmac::{HMAC_SHA256, Key, sign};
        let root = Key::new(HMAC_SHA256, self.proof.key.secret_der());
        Key::new(HMAC_SHA256, sign(&root, purpose.as_bytes()).as_ref())
    }
}

impl Identity {
    /// The key of the tokens by which callers prove their address. It survives the process: a caller that one process has
    /// asked may answer the next one.
    pub(crate) fn token_key(&self) -> Arc<::ring::hkdf::Prk> {
        let secret = ::ring::hmac::sign(&self.secret("address tokens"), b"");
        Arc::new(::ring::hkdf::Prk::new_less_safe(::ring::hkdf::HKDF_SHA256, secret.as_ref()))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.proof.id).finish()
    }
}

/// The certificates in a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FabricError> {
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| unreadable(path, &error))?;
    if found.is_empty() {
        return Err(FabricError::Certificate(format!("{} holds no certificate", path.display())));
    }
    Ok(found)
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> FabricError {
    FabricError::Certificate(format!("{}: {error}", path.display()))
}

fn unusable(error: impl fmt::Display) -> FabricError {
    FabricError::Certificate(error.to_string())
}
