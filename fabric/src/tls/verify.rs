//! The calling side's check: the chain leads to the lab's authority, and the certificate names the
//! card that was called.

use super::name::{card_of_certificate, dns_name};
use fabric_proto::id::CardId;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::sync::{Arc, OnceLock};

/// Accepts one card only, and remembers who answered in its place.
#[derive(Debug)]
pub(super) struct ExpectedPeer {
    expected: CardId,
    chain_of_trust: Arc<WebPkiServerVerifier>,
    impostor: Arc<OnceLock<CardId>>,
}

impl ExpectedPeer {
    pub(super) fn new(
        expected: CardId,
        chain_of_trust: Arc<WebPkiServerVerifier>,
        impostor: Arc<OnceLock<CardId>>,
    ) -> Self {
        Self { expected, chain_of_trust, impostor }
    }
}

impl ServerCertVerifier for ExpectedPeer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let nobody = || Error::InvalidCertificate(CertificateError::BadEncoding);
        let found = card_of_certificate(end_entity).ok_or_else(nobody)?;
        let name = dns_name(&found).map_err(|_| nobody())?;
        let name = ServerName::try_from(name).map_err(|_| nobody())?;
        // First whether the certificate may speak at all, so that a stranger cannot claim to be an impostor.
        let verified = self.chain_of_trust.verify_server_cert(end_entity, intermediates, &name, ocsp_response, now)?;
        if found == self.expected {
            return Ok(verified);
        }
        let _ = self.impostor.set(found);
        Err(Error::InvalidCertificate(CertificateError::NotValidForName))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain_of_trust.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain_of_trust.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain_of_trust.supported_verify_schemes()
    }
}
