//! Labs of containers, through the command line and the engine's own account of them.
//!
//! Needs an engine on this machine, images (`swact images build`) and the programs in `SWACT_BIN_DIR`:
//! `.ci/docker` sees to it. Without the feature `containers` this ring is not built, so that nobody takes a ring
//! that did not run for one that passed.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "containers/cards.rs"]
mod cards;
#[path = "containers/images.rs"]
mod images;
#[path = "containers/killed.rs"]
mod killed;
#[path = "containers/lab.rs"]
mod lab;
#[path = "containers/neighbours.rs"]
mod neighbours;
#[path = "containers/secrets.rs"]
mod secrets;
#[path = "containers/upgrade.rs"]
mod upgrade;
