//! What release 2.0 shipped: version 2 of what has changed since. Frozen.
#![allow(missing_docs, reason = "frozen: the modules of today say what each of them means")]

pub mod checkpoint;
pub mod operator;
