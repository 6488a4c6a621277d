use fabric_proto::{codec::CodecError, id::CardId};
use std::{io, net::SocketAddr, path::PathBuf};

/// What can go wrong in the fabric, and whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum FabricError {
    /// A lab or node name that cannot stand in a certificate: the topology's author is to blame.
    #[error("{what} name '{name}': only a-z, 0-9 and '-' (not at the ends), at most 63 characters")]
    Name {
        /// `lab` or `node`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A certificate or key file that cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate or key that is not usable: deploy the lab again.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The certificate on disk names another card than the one that is being started.
    #[error("certificate for another slot: {path} names {found}, this card is {expected}", path = path.display())]
    OtherSlot {
        /// The certificate.
        path: PathBuf,
        /// Who the card is told to be.
        expected: Box<CardId>,
        /// Whom the certificate names.
        found: Box<CardId>,
    },
    /// The socket could not be bound.
    #[error("cannot bind {address}: {source}")]
    Bind {
        /// The address wanted.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answered at the address within the attempt's time: try again.
    #[error("{peer} does not answer at {address}")]
    Unreachable {
        /// Who was called.
        peer: Box<CardId>,
        /// Where.
        address: SocketAddr,
    },
    /// Somebody else answered, with a certificate of the same lab.
    #[error("{found} answers at {address} in place of {expected}")]
    WrongPeer {
        /// Who was called.
        expected: Box<CardId>,
        /// Who answered.
        found: Box<CardId>,
        /// Where.
        address: SocketAddr,
    },
    /// One of the two sides refused the other: no certificate, another lab's, or no more connections.
    #[error("handshake with {address} refused: {reason}")]
    Refused {
        /// The other side.
        address: SocketAddr,
        /// What was wrong.
        reason: String,
    },
    /// The connection has ended.
    #[error("connection closed: {0}")]
    Closed(String),
    /// The stream ended inside a message: the peer is to blame.
    #[error("peer ended the stream inside a message")]
    Truncated,
    /// Bytes that are not an acceptable message: the peer is to blame, and the connection was closed.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A datagram longer than a packet: the caller is to blame.
    #[error("datagram of {length} bytes, the limit is {limit}")]
    DatagramTooLong {
        /// Its length.
        length: usize,
        /// Longest that fits.
        limit: usize,
    },
}

impl FabricError {
    /// Whether names, files or addresses that a user gave are to blame.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Name { .. } | Self::File { .. } | Self::Certificate(_) | Self::OtherSlot { .. } | Self::Bind { .. }
        )
    }

    pub(crate) fn closed(error: &quinn::ConnectionError) -> Self {
        Self::Closed(reason_of(error))
    }
}

/// A connection's end in words.
pub(crate) fn reason_of(error: &quinn::ConnectionError) -> String {
    match error {
        quinn::ConnectionError::ApplicationClosed(close) => {
            format!("closed by peer: {}", String::from_utf8_lossy(&close.reason))
        }
        quinn::ConnectionError::LocallyClosed => "closed here".to_owned(),
        quinn::ConnectionError::Reset => "peer restarted".to_owned(),
        other => other.to_string(),
    }
}
