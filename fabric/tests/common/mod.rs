//! A lab of certificates for the tests.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "shared by several test programs")]

use fabric::{
    control::ControlEndpoint,
    data::DataEndpoint,
    tls::{Authority, Identity},
};
use fabric_proto::{deploy::TlsFiles, id::CardId};
use std::{future::Future, net::SocketAddr, path::Path, time::Duration};
use tempfile::TempDir;

pub struct Lab {
    pub dir: TempDir,
    pub authority: Authority,
}

pub fn id(text: &str) -> CardId {
    text.parse().unwrap()
}

pub fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Files of `card` under `dir`.
pub fn files(dir: &Path, card: &CardId) -> TlsFiles {
    let name = card.to_string().replace('/', "-");
    TlsFiles { ca: dir.join("ca.pem"), cert: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) }
}

impl Lab {
    pub fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new(name).unwrap();
        authority.save(dir.path()).unwrap();
        Self { dir, authority }
    }

    pub fn identity(&self, card: &str) -> Identity {
        let id = id(card);
        let files = files(self.dir.path(), &id);
        self.authority.issue(&id).unwrap().save(&files.cert, &files.key).unwrap();
        Identity::load(&id, &files).unwrap()
    }

    pub fn control(&self, card: &str) -> ControlEndpoint {
        ControlEndpoint::bind(&self.identity(card), local()).unwrap()
    }

    pub fn data(&self, card: &str) -> DataEndpoint {
        DataEndpoint::bind(&self.identity(card), local()).unwrap()
    }
}

/// Nothing in these tests takes long; a hang is a failure.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("timed out")
}
