//! What two sides say before anything else: the accepting one's welcome, and what each of them offers to speak.
//!
//! ```text
//! caller   → acceptor   offer                with the end of the handshake
//! acceptor → caller     welcome, offer       once the caller's certificate was looked at
//! ```
//!
//! Each goes down the side's first unidirectional stream. Of release 1.0, which the handshake's application protocol
//! tells, only the welcome is expected, and nothing else is said to it.

use crate::tls::OFFERING;
use fabric_proto::offer::{Agreed, BadOffer, OFFER_MAX, Offer};
use quinn::{Connection, ConnectionError, RecvStream, VarInt, crypto::rustls::HandshakeData};

/// The welcome byte.
const WELCOME: u8 = 1;

/// Code of a close because of what the peer said.
const REFUSED: VarInt = VarInt::from_u32(1);

/// The calling side: returns once it is welcome.
pub(super) async fn call(connection: &Connection, own: &Offer) -> Result<Agreed, ConnectionError> {
    let offers = makes_offers(connection);
    if offers {
        say(connection, &framed(own)).await?;
    }
    let mut stream = connection.accept_uni().await?;
    let mut byte = [0];
    // A stream that ends early or says something else is a peer of another make.
    if stream.read_exact(&mut byte).await.is_err() || byte != [WELCOME] {
        return Err(refuse(connection, "no welcome").await);
    }
    agree(connection, own, offers.then_some(stream)).await
}

/// The accepting side, for a caller that is proven.
pub(super) async fn answer(connection: &Connection, own: &Offer) -> Result<Agreed, ConnectionError> {
    let offers = makes_offers(connection);
    let mut welcome = vec![WELCOME];
    if offers {
        welcome.extend(framed(own));
    }
    say(connection, &welcome).await?;
    let stream = if offers { Some(connection.accept_uni().await?) } else { None };
    agree(connection, own, stream).await
}

/// Whether the handshake found that the peer exchanges offers.
fn makes_offers(connection: &Connection) -> bool {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.and_then(|data| data.protocol).is_some_and(|protocol| protocol == OFFERING)
}

/// What comes of the peer's offer, which it makes on `stream`; without one, it is of release 1.0.
async fn agree(connection: &Connection, own: &Offer, stream: Option<RecvStream>) -> Result<Agreed, ConnectionError> {
    let Some(mut stream) = stream else { return Ok(Agreed::between(own.clone(), Offer::of_1_0())) };
    match hear(&mut stream).await {
        Ok(theirs) => Ok(Agreed::between(own.clone(), theirs)),
        Err(why) => Err(refuse(connection, &why).await),
    }
}

/// An offer behind its length.
fn framed(offer: &Offer) -> Vec<u8> {
    let body = offer.encode();
    [&(body.len() as u16).to_be_bytes()[..], &body[..]].concat()
}

async fn hear(stream: &mut RecvStream) -> Result<Offer, String> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.map_err(|error| format!("no offer of versions: {error}"))?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > OFFER_MAX {
        return Err(BadOffer::TooLong(length).to_string());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(|error| format!("half an offer of versions: {error}"))?;
    Offer::decode(&body).map_err(|error| error.to_string())
}

/// Opens this side's first stream and says all that it has to say on it.
async fn say(connection: &Connection, words: &[u8]) -> Result<(), ConnectionError> {
    let mut stream = connection.open_uni().await?;
    if stream.write_all(words).await.is_err() {
        return Err(connection.closed().await);
    }
    // An error says that it has ended already.
    let _ = stream.finish();
    Ok(())
}

/// Ends the connection because of what the peer said, or did not say.
async fn refuse(connection: &Connection, why: &str) -> ConnectionError {
    tracing::warn!(from = %connection.remote_address(), "connection ended: {why}");
    connection.close(REFUSED, why.as_bytes());
    connection.closed().await
}
