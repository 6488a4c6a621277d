//! What release 1.0 shipped: version 1 of every class. Frozen.
#![allow(missing_docs, reason = "frozen: the modules of today say what each of them means")]

pub mod checkpoint;
pub mod deploy;
pub mod fib;
pub mod linecard;
pub mod operator;
