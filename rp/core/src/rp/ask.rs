//! `ping` and `traceroute`: questions of sessions, whose answers take their time.

use super::{Output, Rp};
use crate::cli::Question;
use fabric_proto::time::Instant;
use rp_host::{Input, PingEvent, ProbeEvent, ProbeId, Says, TraceEvent};
use std::{fmt::Write, net::IpAddr};

/// Marks in a line.
const MARKS: usize = 70;

/// A question, and what there is to print of its answer.
#[derive(Debug, Default)]
pub(super) struct Asked {
    text: String,
    marks: usize,
    /// Of a traceroute: the hop of this line, and who answered last from there.
    hop: Option<u8>,
    from: Option<IpAddr>,
}

impl Rp {
    /// Whether a session waits for an answer that takes its time. The rest of it follows as [`Output::Answered`].
    pub fn awaits(&self, session: u64) -> bool {
        self.asked.contains_key(&session)
    }

    pub(super) fn ask(
        &mut self,
        now: Instant,
        session: u64,
        question: Question,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        if self.clients.neighbours.host().is_none() || !self.role.owns_chassis() {
            return Err("this unit has no way to the chassis' links".to_owned());
        }
        let mut asked = Asked { text: "Type escape sequence to abort.\n".to_owned(), ..Asked::default() };
        let id = ProbeId(session);
        let input = match question {
            Question::Ping(ping) => {
                let (count, size, to) = (ping.count, ping.size, ping.destination);
                let seconds = ping.timeout.as_secs();
                let _ = writeln!(
                    asked.text,
                    "Sending {count}, {size}-byte ICMP Echos to {to}, timeout is {seconds} seconds:"
                );
                if let Some(source) = ping.source {
                    let _ = writeln!(asked.text, "Packet sent with a source address of {source}");
                }
                if ping.dont_fragment {
                    asked.text += "Packet sent with the DF bit set\n";
                }
                Input::Ping(id, ping)
            }
            Question::Trace(trace) => {
                let _ = write!(asked.text, "Tracing the route to {}", trace.destination);
                Input::Traceroute(id, trace)
            }
        };
        self.asked.insert(session, asked);
        self.step_host(now, Some(input), out);
        Ok(())
    }

    /// Nobody waits for the answer any more.
    pub(super) fn stop_asking(&mut self, now: Instant, session: u64, out: &mut Vec<Output>) {
        if self.asked.remove(&session).is_some() {
            self.step_host(now, Some(Input::Stop(ProbeId(session))), out);
        }
    }

    /// Something has come of a question.
    pub(super) fn heard(&mut self, id: ProbeId, event: &ProbeEvent, out: &mut Vec<Output>) {
        let session = id.0;
        let Some(asked) = self.asked.get_mut(&session) else { return };
        let over = match event {
            ProbeEvent::Ping(event) => asked.ping(event),
            ProbeEvent::Trace(event) => asked.trace(event),
        };
        if over && let Some(asked) = self.asked.remove(&session) {
            out.push(Output::Answered { session, text: asked.text });
        }
    }
}

impl Asked {
    /// Says whether that is all.
    fn ping(&mut self, event: &PingEvent) -> bool {
        if let Some(mark) = event.mark() {
            if self.marks > 0 && self.marks.is_multiple_of(MARKS) {
                self.text.push('\n');
            }
            self.marks += 1;
            self.text.push(mark);
        }
        let PingEvent::Done(summary) = event else { return false };
        let _ = writeln!(self.text, "\n{summary}");
        true
    }

    fn trace(&mut self, event: &TraceEvent) -> bool {
        match event {
            TraceEvent::Answer { hop, from, after, says } => {
                self.line(*hop);
                if self.from != Some(*from) {
                    // Another one answers from as far away: on a line of its own.
                    let again = if self.from.is_some() { "\n    " } else { " " };
                    let _ = write!(self.text, "{again}{from}");
                    self.from = Some(*from);
                }
                let _ = write!(self.text, " {} msec", after.as_micros().div_ceil(1000));
                if let Says::NoFurther(mark) = says {
                    let _ = write!(self.text, " !{mark}");
                }
                false
            }
            TraceEvent::Timeout { hop } => {
                self.line(*hop);
                self.text += " *";
                false
            }
            TraceEvent::Unsent { why, .. } => {
                let _ = write!(self.text, "\n% Not sent: {why}");
                false
            }
            TraceEvent::Done { .. } => {
                self.text.push('\n');
                true
            }
        }
    }

    /// What follows is of this hop.
    fn line(&mut self, hop: u8) {
        if self.hop != Some(hop) {
            let _ = write!(self.text, "\n{hop:>3}");
            (self.hop, self.from) = (Some(hop), None);
        }
    }
}
