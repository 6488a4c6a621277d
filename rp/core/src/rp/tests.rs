//! Two route processors without line cards, joined by their messages: configuration, sessions, what follows.

use super::*;
use fabric_proto::{
    id::{CardId, Epoch},
    offer::{Agreed, Offer},
    redundancy::{Code, Mode, SwitchoverReason},
};
use rp_contract::{TakeOver, Term};
use std::{sync::Arc, time::Duration};

mod example;
mod hang;
mod host;
mod issu;
mod kinds;

const STARTUP: &str = "hostname pe1\ninterface 1/1\n ip address 10.0.1.1 255.255.255.0\nend\n";
const SECOND: Duration = Duration::from_secs(1);

struct Pair {
    rps: [Rp; 2],
    now: Instant,
    /// What is on its way, in order.
    wire: VecDeque<(usize, Input)>,
    /// Nothing passes between the two.
    cut: bool,
    events: [Vec<EventKind>; 2],
    saved: [Option<String>; 2],
    set_aside: [Option<String>; 2],
    /// What B offers, if it is of another release.
    other: Option<Offer>,
}

/// As the shell takes it from the card's name, which differs from unit to unit.
fn seed(slot: RpSlot) -> FlowSeed {
    FlowSeed::of(&CardId::card("lab", "pe1", Slot::Rp(slot)))
}

fn rp(platform: &str, slot: RpSlot, startup: &str) -> Rp {
    Rp::new(Instant(1), boot(platform, slot, startup))
}

fn boot(platform: &str, slot: RpSlot, startup: &str) -> Boot {
    Boot {
        slot,
        boot: slot.index() as u64 + 1,
        release: "2.0".to_owned(),
        issu: Image { negotiates: true, ..Image::default() },
        profile: Profile::named(platform).unwrap(),
        modelled: false,
        legacy: BTreeSet::new(),
        timers: RedundancyTimers { heartbeat_ms: 50, switchover_ms: 300 },
        startup: Some(startup.to_owned()),
        last_term: Default::default(),
        upgrade: None,
        line_cards: Vec::new(),
        base_mac: Default::default(),
        flow_seed: seed(slot),
        releases: Vec::new(),
        feeds: 0,
        life: NextLife::Cold,
        clock_offset: 0,
    }
}

/// Leads a unit's clients to a term, as the redundancy facility does.
pub(super) fn take_over(rp: &mut Rp, now: Instant, epoch: Epoch, how: TakeOver, out: &mut Vec<Output>) {
    rp.become_active(Term { epoch, reason: SwitchoverReason::ActiveUnitFailed, how });
    for event in [Code::ActiveFast, Code::ActiveDrain, Code::ActivePreconfig, Code::ActivePostconfig, Code::Active] {
        for client in rf::field_clients(rp.boot.profile).iter().filter(|client| !client.id.is_internal()) {
            rp.lead(now, client.id, event, out);
        }
    }
    rp.for_rf.retain(|input| !matches!(input, rf::Input::ClientDone { .. }));
}

const A: usize = 0;
const B: usize = 1;

impl Pair {
    /// Two units as redundant as the configuration has it.
    fn new(startup: &str) -> Self {
        Self::on("native", startup)
    }

    fn on(platform: &str, startup: &str) -> Self {
        let mut pair = Self::booting(platform, startup);
        let redundant = |pair: &Self| pair.rps[A].stats().redundant;
        assert!(pair.run(60 * SECOND, redundant), "{:?}", pair.rps[A].stats());
        pair
    }

    /// Two units that have just been connected.
    fn booting(platform: &str, startup: &str) -> Self {
        Self::of([RpSlot::A, RpSlot::B].map(|slot| rp(platform, slot, startup)))
    }

    fn of(rps: [Rp; 2]) -> Self {
        Self::across(rps, None)
    }

    /// The same where B offers what another release does.
    fn across(rps: [Rp; 2], other: Option<Offer>) -> Self {
        let mut pair = Self {
            rps,
            now: Instant(1),
            wire: VecDeque::new(),
            cut: false,
            events: Default::default(),
            saved: Default::default(),
            set_aside: Default::default(),
            other,
        };
        pair.connect();
        pair
    }

    /// Both learn of the connection before anything arrives on it.
    fn connect(&mut self) {
        let offers = [self.rps[A].offer(), self.other.clone().unwrap_or_else(|| self.rps[B].offer())];
        for at in [A, B] {
            let mut out = Vec::new();
            let agreed = Agreed::between(offers[at].clone(), offers[1 - at].clone());
            self.rps[at].step(self.now, Some(Input::PeerConnected(Arc::new(agreed))), &mut out);
            self.send(at, out);
        }
        self.deliver(A, Vec::new());
    }

    fn input(&mut self, at: usize, input: Option<Input>) {
        let mut out = Vec::new();
        self.rps[at].step(self.now, input, &mut out);
        self.deliver(at, out);
    }

    /// Takes what a unit asks for, and lets everything arrive that is on its way.
    fn deliver(&mut self, from: usize, out: Vec<Output>) {
        self.send(from, out);
        while let Some((to, input)) = self.wire.pop_front() {
            let mut out = Vec::new();
            self.rps[to].step(self.now, Some(input), &mut out);
            self.send(to, out);
        }
    }

    fn send(&mut self, from: usize, out: Vec<Output>) {
        for output in out {
            let input = match output {
                Output::Heartbeat(heartbeat) => Input::Heartbeat(heartbeat),
                Output::Peer(message) => Input::Peer(message),
                Output::Checkpoint(message) => Input::Checkpoint(message),
                Output::SaveStartup(text) => {
                    self.saved[from] = Some(text);
                    continue;
                }
                Output::SetAside(text) => {
                    self.set_aside[from] = Some(text);
                    continue;
                }
                Output::Event(event) => {
                    self.events[from].push(event);
                    continue;
                }
                _ => continue,
            };
            if !self.cut {
                self.wire.push_back((1 - from, input));
            }
        }
    }

    /// Lets time pass until `done`, at most `time`. Says whether it is.
    fn run(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + time;
        while !done(self) {
            let next = self.rps.iter().filter_map(Rp::deadline).min().unwrap_or(end).max(self.now);
            if next > end {
                self.now = end;
                return done(self);
            }
            self.now = next;
            for at in [A, B] {
                if self.rps[at].deadline().is_some_and(|deadline| deadline <= self.now) {
                    self.input(at, None);
                }
            }
        }
        true
    }

    fn line(&mut self, at: usize, session: u64, line: &str) -> fabric_proto::operator::CommandOutput {
        let mut out = Vec::new();
        let answer = self.rps[at].line(self.now, session, line, &mut out);
        self.deliver(at, out);
        answer
    }

    /// Lines that must be taken.
    fn configure(&mut self, lines: &[&str]) {
        for line in ["configure terminal"].iter().chain(lines).chain(&["end"]) {
            let answer = self.line(A, 1, line);
            assert!(!answer.failed, "{line}: {}", answer.text);
        }
    }
}

#[test]
fn a_heartbeat_that_is_due_goes_before_whatever_comes_in() {
    let mut pair = Pair::new(STARTUP);
    // As after a series of long steps: much is due, and inputs still lie there.
    let late = pair.now + SECOND;
    let mut out = Vec::new();
    pair.rps[A].step(late, Some(Input::FeedLost), &mut out);
    assert!(matches!(&out[..], [Output::Heartbeat(_), Output::Event(EventKind::FeedDown), ..]), "{out:?}");
    assert!(pair.rps[A].stats().redundant, "what the peer has said may lie there too: it is not judged yet");
    out.clear();
    pair.rps[A].step(late, Some(Input::FeedLost), &mut out);
    assert!(!out.iter().any(|output| matches!(output, Output::Heartbeat(_))), "one is enough");
}

#[test]
fn a_command_is_run_on_both_units() {
    let mut pair = Pair::new(STARTUP);
    let whole = pair.rps[B].clients.running.counts.whole;
    pair.configure(&[
        "hostname core",
        "int 1/1",
        "desc to t1",
        "ip route 192.0.2.0 255.255.255.0 10.0.1.2",
        "red",
        "main",
    ]);
    assert_eq!(pair.rps[A].clients.running.config, pair.rps[B].clients.running.config);
    assert_eq!(pair.rps[B].clients.running.config.hostname, "core");
    assert_eq!((pair.rps[B].clients.running.counts.commands, pair.rps[B].clients.running.counts.failed), (3, 0));
    assert_eq!(pair.rps[B].clients.running.counts.whole, whole, "commands travel, not the configuration");
    // A line that is refused changes neither.
    pair.line(A, 1, "configure terminal");
    assert!(pair.line(A, 1, "router bgp 1").failed);
    assert_eq!(pair.rps[A].clients.running.config, pair.rps[B].clients.running.config);
}

/// Release 1.0 starts from nothing where one line of its startup configuration is new to it.
#[test]
fn a_standby_of_release_1_0_is_given_what_it_understands() {
    let startup = STARTUP.replace(
        "end\n",
        "ip route 192.0.2.0 255.255.255.0 Gi1/1 10.0.1.9\nip route 20.0.0.0 255.0.0.0 10.0.1.2\nend\n",
    );
    let rps = || [RpSlot::A, RpSlot::B].map(|slot| rp("native", slot, &startup));
    let mut pair = Pair::across(rps(), Some(Offer::of_1_0()));
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    let saved = pair.saved[B].clone().unwrap();
    assert!(saved.contains("ip route 20.0.0.0 255.0.0.0 10.0.1.2\n") && !saved.contains("192.0.2.0"), "{saved}");
    let logged = |pair: &Pair, text: &str| {
        pair.events[A].iter().any(|event| matches!(event, EventKind::Log { line } if line.contains(text)))
    };
    assert!(logged(&pair, "%ISSU-3-INCOMPATIBLE: slot B runs release 1.0: no stateful switchover: ISSU Proto client"));
    assert!(logged(&pair, "without them: ip route 192.0.2.0 255.255.255.0 GigabitEthernet1/1 10.0.1.9"));

    let mut alike = Pair::of(rps());
    assert!(alike.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    assert_eq!(alike.saved[B], None, "as it was deployed");
    assert!(!logged(&alike, "%ISSU"));
}

/// Where unlike images operate in RPR+, the running configuration goes to a standby of release 1.0, too: what it understands
/// of it. What it is without is named once, for as long as it is there.
#[test]
fn a_standby_of_release_1_0_follows_what_it_understands() {
    let startup = STARTUP.replace("end\n", "vrf definition old\nredundancy\n mode sso\nend\n");
    let unit = |slot, release: &str| {
        Rp::new(Instant(1), Boot { release: release.to_owned(), ..boot("c10000", slot, &startup) })
    };
    let mut pair = Pair::across([unit(RpSlot::A, "2.0"), unit(RpSlot::B, "1.0")], Some(Offer::of_1_0()));
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    assert_eq!(pair.rps[A].stats().operating, Mode::RprPlus);
    let named = |pair: &mut Pair| {
        let events = std::mem::take(&mut pair.events[A]);
        let lines = events.into_iter().filter_map(|event| match event {
            EventKind::Log { line } => Some(line.split_once("of running-config, and is without them: ")?.1.to_owned()),
            _ => None,
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(named(&mut pair), ["vrf definition old"]);
    let follows = |pair: &Pair| {
        let [ours, theirs] = [A, B].map(|at| pair.rps[at].config());
        let understood = ours.for_release_1_0(&ours.render());
        assert_eq!(theirs.render(), Config::parse(&understood.text, "understood").unwrap().render());
        assert!(theirs.vrfs.is_empty() && pair.rps[A].config_confirmed() && pair.rps[A].config_unconfirmed().is_none());
    };
    follows(&pair);
    pair.configure(&["hostname core", "interface 1/1", "description to t1"]);
    follows(&pair);
    assert_eq!((named(&mut pair), pair.rps[B].config().hostname.as_str()), (vec![], "core"));
    pair.configure(&["vrf definition red", "rd 65000:1", "address-family ipv4", "hostname edge"]);
    follows(&pair);
    assert_eq!(
        named(&mut pair),
        [
            "vrf definition red",
            "vrf definition red: rd 65000:1",
            "vrf definition red: address-family ipv4; vrf definition red: exit-address-family"
        ]
    );
    let spoken = pair.line(A, 1, "show issu negotiated version").text;
    for line in [": route processor, release 1.0, incompatible", "Without 5 line(s) of running-config"] {
        assert!(spoken.contains(line), "{line}: {spoken}");
    }
    pair.configure(&["no vrf definition red"]);
    pair.configure(&["vrf definition red"]);
    follows(&pair);
    assert_eq!(named(&mut pair), ["vrf definition red"]);
    assert_eq!(pair.rps[B].clients.running.counts.failed, 0);
    assert!(pair.rps[A].stats().redundant);
}

#[test]
fn the_standby_takes_no_configuration() {
    let mut pair = Pair::new(STARTUP);
    for line in ["configure terminal", "write memory", "copy running-config startup-config", "reload"] {
        let answer = pair.line(B, 1, line);
        assert!(answer.failed && answer.text.contains("enter the command on the active RP"), "{line}: {}", answer.text);
        assert_eq!(answer.prompt, "pe1-stby#");
    }
    assert_eq!(pair.saved[B].as_deref(), None);
    assert!(!pair.line(B, 1, "show redundancy states").failed);
}

#[test]
fn one_session_at_a_time_is_in_configuration_mode() {
    let mut pair = Pair::new(STARTUP);
    assert_eq!(pair.line(A, 1, "configure terminal").prompt, "pe1(config)#");
    let second = pair.line(A, 2, "configure terminal");
    assert!(second.failed && second.text.contains("another session is in configuration mode"), "{}", second.text);
    assert!(pair.line(A, 2, "show configuration lock").text.contains("session 1"));
    let mut out = Vec::new();
    pair.rps[A].session_closed(pair.now, 1, &mut out);
    assert!(!pair.line(A, 2, "configure terminal").failed, "a session that ends gives the lock back");
}

#[test]
fn a_save_reaches_the_standby() {
    for command in ["write memory", "copy run start", "copy system:running-config nvram:startup-config"] {
        let mut pair = Pair::new(STARTUP);
        pair.configure(&["hostname core"]);
        assert!(!pair.line(A, 1, command).failed);
        let saved = pair.saved[A].clone().unwrap();
        assert!(saved.contains("hostname core"));
        assert_eq!(pair.saved[B].as_ref(), Some(&saved), "{command}");
    }
}

#[test]
fn without_auto_sync_the_standby_keeps_what_it_has() {
    let mut pair = Pair::new(&STARTUP.replace("end", "redundancy\n mode rpr-plus\nend"));
    pair.configure(&["redundancy", "main-cpu", "no auto-sync standard", "hostname core"]);
    assert_eq!(pair.rps[B].clients.running.config.hostname, "pe1");
    let before = pair.saved[B].clone();
    pair.line(A, 1, "write memory");
    assert_eq!(pair.saved[B], before);
    // Switched on again, it catches up.
    pair.configure(&["redundancy", "main-cpu", "auto-sync standard"]);
    assert_eq!(pair.rps[A].clients.running.config, pair.rps[B].clients.running.config);
    assert_eq!(pair.saved[A], pair.saved[B]);
}

#[test]
fn timers_act_on_both_units() {
    let mut pair = Pair::new(STARTUP);
    let refused = {
        pair.line(A, 1, "configure terminal");
        pair.line(A, 1, "redundancy");
        pair.line(A, 1, "switchover timer msec 60")
    };
    assert!(refused.failed && refused.text.contains("50 ms apart"), "{}", refused.text);
    pair.line(A, 1, "end");
    pair.configure(&["redundancy", "switchover timer 5"]);
    pair.cut = true;
    let cut = pair.now;
    assert!(pair.run(60 * SECOND, |pair| pair.rps[B].stats().active));
    let silence = pair.now.since(cut);
    assert!((4 * SECOND..6 * SECOND).contains(&silence), "{silence:?}");
}

#[test]
fn a_platform_refuses_what_it_does_not_have() {
    let mut pair = Pair::on("c10000", &STARTUP.replace("end", "redundancy\n mode sso\nend"));
    pair.line(A, 1, "configure terminal");
    let refused = pair.line(A, 1, "hw-module slot A image disk0:one");
    assert!(refused.text.contains("not supported on c10000"), "{}", refused.text);
    pair.line(A, 1, "redundancy");
    let refused = pair.line(A, 1, "mode hsa");
    assert!(refused.text.contains("its modes are rpr, rpr-plus, sso"), "{}", refused.text);
    assert!(!pair.line(A, 1, "boot system tftp image 10.0.0.1").failed, "the C10000 boots over TFTP");
}

#[test]
fn no_configuration_during_the_bulk_sync() {
    let mut pair = Pair::booting("native", STARTUP);
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].rf.view().bulk_sync));
    let refused = pair.line(A, 1, "configure terminal");
    assert!(refused.failed && refused.text.contains("bulk sync"), "{}", refused.text);
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    assert!(!pair.line(A, 1, "configure terminal").failed, "it may be entered again");
}

#[test]
fn link_states_reach_the_standby() {
    let mut pair = Pair::new(STARTUP);
    let port: PortId = "1/1".parse().unwrap();
    for up in [true, false] {
        let mut out = Vec::new();
        pair.rps[A].port_reported(pair.now, port, up, &mut out);
        pair.rps[A].settle(pair.now, &mut out);
        pair.deliver(A, out);
        assert_eq!(pair.rps[B].clients.links.get(port).map(|(up, _)| up), Some(up));
    }
    let shown = pair.line(B, 1, "show snmp mib ifmib | include GigabitEthernet1/1").text;
    assert!(shown.contains(" up ") && shown.contains(" down "), "{shown}");
}

#[test]
fn debugging_goes_into_the_event_stream() {
    let mut pair = Pair::new(STARTUP);
    pair.line(A, 1, "debug redundancy all");
    pair.line(A, 1, "redundancy force-switchover");
    let lines = pair.events[A].iter().filter_map(|event| match event {
        EventKind::Log { line } => line.strip_prefix("RF: ").map(str::to_owned),
        _ => None,
    });
    let lines: Vec<String> = lines.collect();
    assert!(lines.iter().any(|line| line == "request: ForceSwitchover"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("msg sent: Handover")), "{lines:?}");
    let kept = pair.line(A, 1, "show redundancy debug-log").text;
    assert_eq!(kept.lines().count(), lines.len());
}

/// As an editor elsewhere wrote it; half of it is another router's.
const UNREAD: &str = "\u{feff}hostname pe1\r\ninterface 1/1\r\n ip address 10.0.1.1 255.255.255.0\r\nrouter bgp 65000\r\n \
                      neighbor 10.0.1.2 remote-as 1\r\nno such line\r\nip route 192.0.2.0 255.255.255.0 10.0.1.2\r\nend\r\n";

#[test]
fn lines_that_are_not_understood_are_named_and_the_rest_is_in_force() {
    let mut pair = Pair::new(UNREAD);
    for at in [A, B] {
        assert_eq!(
            (pair.rps[at].clients.running.config.hostname.as_str(), pair.rps[at].clients.running.config.routes.len()),
            ("pe1", 1)
        );
        assert!(pair.rps[at].clients.running.config.interfaces.values().all(|interface| interface.ipv4.is_some()));
        let named =
            |event: &&EventKind| matches!(event, EventKind::Log { line } if line.starts_with("%PARSER-4-BADCFG"));
        let named: Vec<String> = pair.events[at].iter().filter(named).map(|event| format!("{event:?}")).collect();
        assert_eq!(named.len(), 3, "{named:?}");
        for (line, at) in named.iter().zip(["startup-config:4:1", "startup-config:5:2", "startup-config:6:"]) {
            assert!(line.contains(at), "{line}");
        }
        assert_eq!(pair.set_aside[at].as_deref(), Some(UNREAD));
        let shown = pair.line(at, 1, "show logging | include BADCFG").text;
        assert_eq!(shown.lines().count(), 3, "{shown}");
    }
}

#[test]
fn what_was_not_understood_is_not_overwritten_unless_it_is_said() {
    let mut pair = Pair::new(UNREAD);
    for command in ["write memory", "copy running-config startup-config"] {
        let refused = pair.line(A, 1, command);
        assert!(refused.failed, "{command}");
        for word in ["3 line(s)", "line 4, 5, 6", "startup-config:4:1", "'write memory force'"] {
            assert!(refused.text.contains(word), "{word}: {}", refused.text);
        }
    }
    assert_eq!(pair.saved, [None, None]);
    // A session that wants questions is asked.
    pair.line(A, 2, "terminal confirm");
    let asked = pair.line(A, 2, "write memory");
    assert!(asked.prompt.contains("not understood") && asked.text.is_empty(), "{asked:?}");
    assert!(pair.line(A, 2, "no").failed);
    assert_eq!(pair.saved, [None, None]);
    assert!(!pair.line(A, 1, "write memory force").failed);
    let saved = pair.saved[A].clone().unwrap();
    assert!(saved.contains("192.0.2.0") && !saved.contains("bgp"), "{saved}");
    assert_eq!(pair.saved[B].as_ref(), Some(&saved), "now the standby has it, too");
    assert!(!pair.line(A, 1, "write memory").failed, "all of it is understood");
}

/// The active's text is synchronised as it is, and a new active knows as much of it as the old one.
#[test]
fn a_new_active_does_not_overwrite_what_the_old_one_could_not_read() {
    let mut pair = Pair::of([rp("native", RpSlot::A, UNREAD), rp("native", RpSlot::B, STARTUP)]);
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    assert_eq!(pair.saved[B].as_deref(), Some(UNREAD));
    assert_eq!(pair.rps[A].clients.running.config, pair.rps[B].clients.running.config);
    pair.cut = true;
    assert!(pair.run(60 * SECOND, |pair| pair.rps[B].stats().active));
    assert!(pair.line(B, 1, "write memory").text.contains("'write memory force'"));
}

#[test]
fn a_chassis_without_a_peer_is_simplex_on_every_platform() {
    for profile in fabric_proto::platform::PROFILES {
        let mut pair = Pair {
            rps: [RpSlot::A, RpSlot::B].map(|slot| rp(profile.name, slot, STARTUP)),
            now: Instant(1),
            wire: VecDeque::new(),
            cut: true,
            events: Default::default(),
            saved: Default::default(),
            set_aside: Default::default(),
            other: None,
        };
        assert!(pair.run(300 * SECOND, |pair| pair.rps[A].stats().state.to_string() == "ACTIVE"), "{}", profile.name);
        let states = pair.line(A, 1, "show redundancy states").text;
        for line in [
            "my state = 13 -ACTIVE",
            "peer state = 1  -DISABLED",
            "Mode = Simplex",
            "= Non-redundant",
            "Communications = Down      Reason: Simplex mode",
        ] {
            assert!(states.contains(line), "{}: {line}: {states}", profile.name);
        }
        let overview = pair.line(A, 1, "show redundancy").text;
        for words in ["Simplex", "Non-redundant", "Communications = Down      Reason: Simplex mode"] {
            assert!(overview.contains(words), "{}: {words}: {overview}", profile.name);
        }
        let data: serde_json::Value = serde_json::from_str(&pair.line(A, 1, "show redundancy | json").text).unwrap();
        assert_eq!((&data["hw_mode"], &data["oper_red_mode"]), (&"Simplex".into(), &"Non-redundant".into()));
        assert_eq!((&data["communications"], &data["peer"]), (&"Down".into(), &serde_json::Value::Null));
    }
}

/// The standby has the command's record when the active dies, and has not heard of the mode otherwise.
#[test]
fn a_unit_that_takes_over_runs_in_the_mode_of_its_configuration() {
    let mut pair = Pair::new(STARTUP);
    let mut out = Vec::new();
    for line in ["configure terminal", "redundancy", "mode rpr"] {
        assert!(!pair.rps[A].line(pair.now, 1, line, &mut out).failed, "{line}");
    }
    out.retain(|output| matches!(output, Output::Checkpoint(_)));
    pair.send(A, out);
    pair.cut = true;
    pair.deliver(A, Vec::new());
    assert_eq!(pair.rps[B].stats().configured, Mode::Sso);
    assert!(pair.run(60 * SECOND, |pair| pair.rps[B].stats().active));
    let stats = pair.rps[B].stats();
    assert_eq!((stats.configured, stats.operating), (Mode::Rpr, Mode::Rpr));
}

/// A configuration of 10 MiB: static neighbours that are on no port, so that nothing but its size is unusual.
fn large_startup() -> String {
    use std::fmt::Write as _;
    let mut text = STARTUP.trim_end_matches("end\n").to_owned();
    for n in 0_u32.. {
        let [_, a, b, c] = n.to_be_bytes();
        let _ = writeln!(text, "arp 172.{}.{b}.{c} 0200.{a:02x}{b:02x}.{c:02x}01 arpa", 16 + a);
        if text.len() > 10 << 20 {
            break;
        }
    }
    text + "end\n"
}

/// Longest checkpoint message among what a unit asks for.
fn longest(out: &[Output]) -> usize {
    let length = |output: &Output| match output {
        Output::Checkpoint(
            CfMessage::Bulk { data, .. } | CfMessage::Change { data, .. } | CfMessage::Piece { data, .. },
        ) => data.len(),
        _ => 0,
    };
    out.iter().map(length).max().unwrap_or(0)
}

#[test]
fn a_configuration_of_ten_megabytes_reaches_the_standby_in_pieces() {
    let startup = large_startup();
    let mut pair = Pair::new(&startup);
    assert!(pair.rps[A].clients.running.config.render().len() > 10 << 20);
    assert_eq!(pair.rps[A].clients.running.config.digests(), pair.rps[B].clients.running.config.digests());
    assert!(pair.rps[B].stats().redundant);
    assert_eq!((pair.rps[B].clients.running.counts.whole, pair.rps[B].clients.running.counts.failed), (1, 0));

    // A change of all of it goes the same way, and none of its messages takes long.
    let mut out = Vec::new();
    assert!(!pair.rps[A].line(pair.now, 1, "write memory", &mut out).failed);
    assert!(!pair.rps[A].config_confirmed());
    assert!((1..=256 << 10).contains(&longest(&out)), "{}", longest(&out));
    pair.deliver(A, out);
    assert!(pair.rps[A].config_confirmed() && pair.rps[A].config_unconfirmed().is_none());
    assert!(pair.saved[B].as_ref().is_some_and(|text| text.len() > 10 << 20) && pair.saved[A] == pair.saved[B]);
}

#[test]
fn a_configuration_that_no_standby_takes_is_refused_where_it_is_entered() {
    let mut pair = Pair::new(STARTUP);
    pair.rps[A].clients.running.config.version = Some("1".repeat(crate::config::CONFIG_MAX));
    pair.line(A, 1, "configure terminal");
    let refused = pair.line(A, 1, "hostname core");
    assert!(refused.failed && refused.text.contains("a standby RP can be given 33554432"), "{}", refused.text);
    assert_eq!(pair.rps[A].clients.running.config.hostname, "pe1");
}

/// What the standby does with a change whose record is `damage`d on its way.
fn refused_change(damage: impl Fn(&mut CfMessage)) -> Pair {
    let mut pair = Pair::new(STARTUP);
    pair.line(A, 1, "configure terminal");
    let mut out = Vec::new();
    assert!(!pair.rps[A].line(pair.now, 1, "hostname core", &mut out).failed);
    assert!(!pair.rps[A].config_confirmed());
    for output in &mut out {
        if let Output::Checkpoint(message @ (CfMessage::Bulk { .. } | CfMessage::Change { .. })) = output {
            damage(message);
        }
    }
    pair.deliver(A, out);
    pair
}

fn logged(pair: &Pair, at: usize, what: &str) -> bool {
    pair.events[at].iter().any(|event| matches!(event, EventKind::Log { line } if line.contains(what)))
}

/// Goal: what the standby could not apply is not confirmed, and the standby is not ready with it. Method: damage the
/// record of a change; as one of an unknown client, as no record, and as one that leads elsewhere.
#[test]
fn what_the_standby_cannot_apply_is_never_confirmed() {
    let unknown = |message: &mut CfMessage| {
        let (CfMessage::Bulk { client, .. } | CfMessage::Change { client, .. }) = message else { return };
        client.0 = 9;
    };
    let with = |text: &'static str| {
        move |message: &mut CfMessage| {
            let (CfMessage::Bulk { data, .. } | CfMessage::Change { data, .. }) = message else { return };
            *data = Bytes::from_static(text.as_bytes());
        }
    };
    for (pair, why) in [
        (refused_change(unknown), "this release has no checkpoint client 9"),
        (refused_change(with("half")), "not a configuration record"),
        (refused_change(with("command 00000000\nhostname cor")), "after 'hostname cor' the configurations differ"),
        (refused_change(with("command 00000000\nhostnam")), "the standby refuses 'hostnam'"),
    ] {
        let unconfirmed = pair.rps[A].config_unconfirmed().unwrap_or_default();
        assert!(unconfirmed.contains(why), "{why}: {unconfirmed}");
        assert!(logged(&pair, B, "%CHKPT-3-APPLY") && logged(&pair, B, why), "{why}: {:?}", pair.events[B]);
        assert!(logged(&pair, A, "%RF-3-SYNC_FAILED"), "{why}: {:?}", pair.events[A]);
        assert!(!pair.rps[A].stats().redundant && !pair.rps[B].stats().redundant, "{why}");
        assert!(pair.rps[B].clients.chassis.online().is_empty(), "{why}");
        assert_eq!(pair.rps[B].clients.running.config.hostname, "pe1", "{why}");
    }
}
