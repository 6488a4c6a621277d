//! Who is who: a lab's certificate authority, and the identity that a card proves.
//!
//! Every certificate names one [`CardId`](fabric_proto::id::CardId) as a DNS name: `a.pe1.edge.swact` is `edge/pe1/A`,
//! `1.pe1.edge.swact` line card 1, `tester.t1.edge.swact` a tester, `operator.edge.swact` the operator.

mod authority;
mod identity;
mod name;
mod verify;

pub use authority::{Authority, Issued};
pub use identity::Identity;
pub(crate) use identity::OFFERING;
pub use name::check_name;
pub(crate) use name::dns_name;
