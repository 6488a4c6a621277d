//! Harness of swact's test rings.
//!
//! * [`sim`]: a whole chassis of real machines over a simulated fabric, seeded, without sockets
//! * `tests/sim.rs`: what must hold in it; `bin/lives.rs`: as many chassis lives as one likes
//! * [`model`]: negotiation and fencing, every interleaving, exhaustively
//! * [`fuzz`]: samples, damaged; `tests/fuzz.rs`: every decoder of bytes from outside
//! * `tests/cli.rs`: the programs, through the command line; `tests/containers.rs`: in containers ([`ended`])
//! * `tests/tidy.rs`: the house's rules

pub mod ended;
pub mod fuzz;
pub mod model;
pub mod sim;
