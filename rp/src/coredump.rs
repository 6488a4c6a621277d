//! What an RP that has crashed still does: it tells its peer, dumps its core, and waits to be reset.
//!
//! The peer switches over at once; the new active waits for the dump, no longer than `crashdump-timeout`, and then
//! resets the slot. The dump goes to NVRAM; its file name says the slot (`seeds/002`, core dump operation).

use rp_core::rp::Rp;
use std::{
    backtrace::Backtrace,
    fmt::Write as _,
    panic::{self, AssertUnwindSafe},
    sync::Mutex,
};

/// A crashed RP that nobody resets for so long restarts by itself.
pub(crate) const RESET_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// What the panic hook saw last: message, place and backtrace.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// The command line session that the dump asks with; operators' sessions count from 1.
const SESSION: u64 = u64::MAX;

/// Keeps the backtrace of a panic for the dump, and logs it.
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(|info| {
        let text = format!("{info}\n{}", Backtrace::force_capture());
        tracing::error!("{text}");
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = Some(text);
        }
    }));
}

/// Runs a step of the machine; a panic in it is a crash of the RP, and this its reason.
pub(crate) fn guard(step: impl FnOnce()) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(step)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
    })
}

/// The dump: what the router knew of itself when it died. A part that cannot be had any more says so.
pub(crate) fn dump(rp: &mut Rp, slot: impl std::fmt::Display, release: &str, boot: u64, reason: &str) -> String {
    let mut text = format!("slot {slot}\nrelease {release}\nboot {boot}\nreason {reason}\n");
    if let Some(trace) = LAST_PANIC.lock().ok().and_then(|mut last| last.take()) {
        let _ = writeln!(text, "\n--- stack\n{trace}");
    }
    let lines = [
        "show version",
        "show redundancy states",
        "show redundancy history",
        "show redundancy switchover history",
        "show running-config",
    ];
    for line in lines {
        let now = fabric::clock::now();
        let mut shown = String::new();
        let asked = guard(|| shown = rp.line(now, SESSION, line, &mut Vec::new()).text);
        let shown = asked.map_or_else(|lost| format!("lost: {lost}\n"), |()| shown);
        let _ = writeln!(text, "\n--- {line}\n{shown}");
    }
    for file in ["/proc/self/status", "/proc/self/maps"] {
        let content = std::fs::read_to_string(file).unwrap_or_else(|error| format!("lost: {error}\n"));
        let _ = writeln!(text, "\n--- {file}\n{content}");
    }
    text
}
