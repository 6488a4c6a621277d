//! Clients that families list and that hold nothing which outlives an active.

use rp_contract::Client;

/// Answers each event at once.
///
/// * `checkpoint`: the checkpointing facility, whose streams end with the connection
/// * `ifindex`: numbers of interfaces follow from where they are ([`super::if_index`])
/// * `hdlc`: every port is Ethernet
/// * `history`: the switchover history, which goes with the facility's own Hello
#[derive(Debug)]
pub(super) struct Stateless(pub(super) &'static str);

impl Client for Stateless {
    fn name(&self) -> &'static str {
        self.0
    }
}
