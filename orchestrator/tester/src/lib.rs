//! Measuring instrument of swact: offers load, receives it, keeps the evidence, plays the routing peer.
//!
//! The tester stands outside the chassis, as RFC 6201 has it: killing a card must not kill the instrument.
//!
//! * [`config`]: the card configuration, checked
//! * [`frame`]: test packets, built from templates and checked on arrival; no I/O
//! * [`neighbour`]: answers to whoever asks for a port's address; no I/O
//! * [`port`]: a tester port: one end of a wire, its carrier and its bounded queue
//! * [`trial`]: what one load offers and what came of it
//! * [`traffic`]: the thread that owns ports and trial, and the handle to talk to it
//! * [`feed`]: the route feed, a peer that sends its table to whoever opens a session
//! * [`control`]: the control endpoint: operators and route processors
//!
//! Three threads: control (tokio, one thread), traffic (`ppoll`, paced by an absolute schedule), and for a
//! moment one that loads the routing table. Traffic shares nothing with the others but its command queue
//! and the event log, so that route sessions do not disturb the load.

pub mod config;
pub mod control;
pub mod feed;
pub mod frame;
pub mod neighbour;
pub mod port;
pub mod traffic;
pub mod trial;
