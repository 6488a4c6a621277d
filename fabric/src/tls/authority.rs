//! A lab's certificate authority, made at deploy time.

use super::name::{check_name, dns_name};
use crate::FabricError;
use fabric_proto::id::CardId;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Issues the certificates of one lab. Its key never leaves the lab's directory.
pub struct Authority {
    lab: String,
    cert_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub struct Issued {
    /// The certificate.
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
}

/// File names in the authority's directory.
const CERT_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";
const LAB_FILE: &str = "ca.lab";

impl Authority {
    /// A new authority for `lab`.
    pub fn new(lab: &str) -> Result<Self, FabricError> {
        let key = KeyPair::generate().map_err(broken)?;
        let cert_pem = authority_params(lab)?.self_signed(&key).map_err(broken)?.pem();
        Self::assemble(lab, cert_pem, key)
    }

    /// The authority that [`Authority::save`] left in `dir`.
    pub fn load(dir: &Path) -> Result<Self, FabricError> {
        let read = |file: &str| {
            let path = dir.join(file);
            fs::read_to_string(&path).map_err(|source| FabricError::File { path, source })
        };
        let key = KeyPair::from_pem(&read(KEY_FILE)?).map_err(broken)?;
        Self::assemble(read(LAB_FILE)?.trim(), read(CERT_FILE)?, key)
    }

    fn assemble(lab: &str, cert_pem: String, key: KeyPair) -> Result<Self, FabricError> {
        Ok(Self { lab: lab.to_owned(), cert_pem, issuer: Issuer::new(authority_params(lab)?, key) })
    }

    /// Writes certificate (`ca.pem`) and key (`ca.key`, readable by its owner only) into `dir`.
    pub fn save(&self, dir: &Path) -> Result<(), FabricError> {
        write_private(&dir.join(KEY_FILE), self.issuer.key().serialize_pem().as_bytes())?;
        write_private(&dir.join(LAB_FILE), self.lab.as_bytes())?;
        write_private(&dir.join(CERT_FILE), self.cert_pem.as_bytes())
    }

    /// The authority's certificate, PEM.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// A certificate for `id`, good for both ends of a connection.
    pub fn issue(&self, id: &CardId) -> Result<Issued, FabricError> {
        if id.lab != self.lab {
            return Err(FabricError::Certificate(format!("the authority of {} issues none for {id}", self.lab)));
        }
        let mut params = CertificateParams::new(vec![dns_name(id)?]).map_err(broken)?;
        set_validity(&mut params);
        params.distinguished_name = common_name(&id.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(broken)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(broken)?;
        Ok(Issued { cert_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

impl Issued {
    /// Writes both files, readable by their owner only.
    pub fn save(&self, cert: &Path, key: &Path) -> Result<(), FabricError> {
        write_private(key, self.key_pem.as_bytes())?;
        write_private(cert, self.cert_pem.as_bytes())
    }
}

fn authority_params(lab: &str) -> Result<CertificateParams, FabricError> {
    check_name("lab", lab)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(broken)?;
    set_validity(&mut params);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name = common_name(&format!("swact lab {lab}"));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

/// A lab's authority dies with the lab: a wide window keeps hosts with a wrong clock working.
fn set_validity(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
}

fn common_name(name: &str) -> DistinguishedName {
    let mut full = DistinguishedName::new();
    full.push(DnType::CommonName, name);
    full
}

fn broken(error: rcgen::Error) -> FabricError {
    FabricError::Certificate(error.to_string())
}

/// Whole or not at all: a neighbour file takes the name when it is complete and on disk.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FabricError> {
    let beside = path.with_added_extension("new");
    let write = || -> io::Result<()> {
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| FabricError::File { path: path.to_owned(), source })
}
