//! What lives on two RPs: the clients of the redundancy and checkpointing facilities. Each owns its state.
//!
//! | client | checkpointed | what it does when this unit takes over, in the order of progressions |
//! | --- | --- | --- |
//! | `chassis` | RPR+: line cards online | `ActiveFast`: which line cards are reset; `Active`: line cards are called |
//! | `links` | SSO: link states | `ActiveFast`: keeps or forgets them; `ActivePostconfig`: line cards' ports |
//! | `cef` | SSO: the forwarding table | `ActiveFast`: keeps it, all of it stale, or empties it; the term's batches begin |
//! | `startup` | always: its text | – |
//! | `running` | RPR+: whole, then commands | `ActivePreconfig`: reads startup-config, unless it is there already |
//! | `issu` | RPR: the upgrade under way | –; `Rp` tells it that this unit is active (`rp/upgrade.rs`) |
//! | `transitions` | SSO: counts of ports; from release 2.1 on | `ActiveFast`: keeps or forgets them |
//! | `neighbours` | SSO: neighbours that were learned, own addresses; from release 2.1 on | `ActiveFast`: keeps or forgets them |
//! | `mode` | – | `ActivePostconfig`: the facility goes by the configuration's mode |
//! | `routing` | – | `ActivePostconfig`: begins to learn, out of configuration, carrier and feeds |
//!
//! Others that families list hold nothing that outlives an active, or compute it (`stateless.rs`). Within a progression the
//! order is the family's.

mod cef;
mod chassis;
mod host;
mod links;
mod local;
mod mode;
mod registry;
mod routing;
mod running;
mod startup;
mod stateless;
mod transitions;
mod upgrade;

pub(crate) use links::{Line, if_index};
pub(crate) use local::{card_changes, host_interface, interfaces, is_plain, ports};
pub(crate) use registry::{Hung, Unit, others};
pub use registry::{Misregistered, NoSuchClient, Registry, UnknownClient};
pub(crate) use running::Change;

#[cfg(test)]
mod tests;
