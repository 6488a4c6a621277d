//! How people write things, and how swact shows what others wrote.
//!
//! * [`document`]: files that users write, and complaints that show the place
//! * [`units`], [`mode`]: quantities and redundancy modes, as files and flags have them
//! * [`text`]: text that others wrote, made fit for a terminal

pub mod document;
pub mod mode;
pub mod text;
pub mod units;
