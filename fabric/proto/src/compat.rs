//! The shapes of releases that were shipped, as they were: one module a release, for as long as its neighbours speak it.
//!
//! Plain structs, never edited once their release is out; `tests/corpus.rs` holds their bytes. A message's own module says
//! how its shape of today is said in an older one (`TryFrom`: the newer side transforms) and how an older one is taken
//! (`From`). What never changed has no module here: it is read and written as it is. Identities ([`crate::id`]) and numbers
//! of states are part of the base.
//!
//! `docs/versions.md` says, step by step, how a shape is changed.

pub mod v1_0;
pub mod v2_0;
