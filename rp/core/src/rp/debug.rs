//! `debug redundancy`: what goes in and out of the redundancy facility, as lines of the event stream.

use super::{Output, Rp};
use crate::{cli::Debug, redundancy as rf};
use fabric_proto::{operator::EventKind, time::Instant};
use std::collections::VecDeque;

/// Lines kept for `show redundancy debug-log`: a bring-up with everything debugged takes some hundred.
const KEPT: usize = 512;

/// What is debugged, and the lines kept.
#[derive(Debug, Default)]
pub(super) struct Debugging {
    pub(super) kinds: Debug,
    lines: VecDeque<(Instant, String)>,
}

impl Debugging {
    /// Lines kept, oldest first.
    pub(super) fn lines(&self) -> impl Iterator<Item = (Instant, &str)> {
        self.lines.iter().map(|(at, line)| (*at, line.as_str()))
    }
}

impl Rp {
    pub(super) fn debug_input(&mut self, now: Instant, input: Option<&rf::Input>, out: &mut Vec<Output>) {
        if !self.debugging.kinds.is_empty()
            && let Some((kind, line)) = input.and_then(of_input)
        {
            self.debug(now, kind, line, out);
        }
    }

    pub(super) fn debug_output(&mut self, now: Instant, output: &rf::Output, out: &mut Vec<Output>) {
        if !self.debugging.kinds.is_empty()
            && let Some((kind, line)) = of_output(output)
        {
            self.debug(now, kind, line, out);
        }
    }

    fn debug(&mut self, now: Instant, kind: Debug, line: String, out: &mut Vec<Output>) {
        if !self.debugging.kinds.contains(kind) {
            return;
        }
        if self.debugging.lines.len() == KEPT {
            self.debugging.lines.pop_front();
        }
        out.push(Output::Event(EventKind::Log { line: format!("RF: {line}") }));
        self.debugging.lines.push_back((now, line));
    }
}

fn of_input(input: &rf::Input) -> Option<(Debug, String)> {
    use rf::Input as I;
    Some(match input {
        I::Message(message) => (Debug::MSG, format!("msg received: {message:?}")),
        I::ClientDone { client, event } => (Debug::PROGRESSION, format!("client {client} is done with {event}")),
        I::PeerConnected(_) => (Debug::FSM, "communications with the peer are up".to_owned()),
        I::PeerDisconnected => (Debug::FSM, "communications with the peer are down".to_owned()),
        I::ForceSwitchover | I::Reload | I::ReloadPeer | I::PeerIsReset | I::SetMode(_) => {
            (Debug::UI, format!("request: {input:?}"))
        }
        I::Heartbeat(_)
        | I::SetSwitchoverTimer(_)
        | I::SetCrashdumpTimeout(_)
        | I::Fenced { .. }
        | I::CfReady
        | I::CfFailed { .. }
        | I::CfDrained
        | I::PeerCrashdumpDone
        | I::Removed
        | I::FabricChanged => return None,
    })
}

fn of_output(output: &rf::Output) -> Option<(Debug, String)> {
    use rf::Output as O;
    Some(match output {
        O::Send(message) => (Debug::MSG, format!("msg sent: {message:?}")),
        O::NotifyClient { client, event } => (Debug::PROGRESSION, format!("client {client} is shown {event}")),
        O::Refuse { what, why } => (Debug::UI, format!("refused: {what:?}: {why}")),
        O::Event(EventKind::RfState { from, to }) => (Debug::FSM, format!("my state {from} -> {to}")),
        O::Event(EventKind::OperatingMode { mode, configured }) => {
            (Debug::FSM, format!("operating mode {mode}, configured mode {configured}"))
        }
        O::BecomeActive { epoch, reason, how } => {
            (Debug::FSM, format!("active in term {epoch}: {how:?}, reason: {reason}"))
        }
        O::BecomeStandby { operating } => (Debug::FSM, format!("standby, operating mode {operating}")),
        O::SendHeartbeat(_)
        | O::SaveTerm(_)
        | O::StartBulkSync { .. }
        | O::StopSync
        | O::DrainSync
        | O::ResetPeer { .. }
        | O::RestartSelf { .. }
        | O::ResetChassis { .. }
        | O::ColdBoot { .. }
        | O::Event(_) => return None,
    })
}
