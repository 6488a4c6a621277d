//! What a program says while it works, on stderr.

use std::io::{self, IsTerminal as _};
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Which messages are wanted, by level and module: `info,quinn=warn`.
const WANTED: &str = "SWACT_LOG";

/// Begins to log: what `SWACT_LOG` names; where it is not set, or cannot be read, what `otherwise` names.
pub fn to_stderr(otherwise: &str) {
    let read = |text: String| text.parse::<Targets>().ok();
    let wanted = std::env::var(WANTED).ok().and_then(read).or_else(|| read(otherwise.to_owned())).unwrap_or_default();
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // What cannot be logged cannot be complained about either: the complaint would go the same way, and panic there.
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(colours).log_internal_errors(false);
    tracing_subscriber::registry().with(lines).with(wanted).init();
}
