//! Connections over links: behind ARP and neighbour discovery, and to ourselves.

use super::*;
use crate::{Connect, Listener, TcpEvent, TcpId, TcpInput, TcpRules};
use std::net::SocketAddr;

const WAITS: TcpId = TcpId(1);
const DIALS: TcpId = TcpId(2);

fn listener() -> Listener {
    let all = ["0.0.0.0/0", "::/0"].map(|text| {
        let (address, len) = text.split_once('/').unwrap();
        (Prefix::covering(ip(address), len.parse().unwrap()).unwrap(), TcpRules::default())
    });
    Listener { table: TableId::DEFAULT, address: None, port: 179, from: all.to_vec() }
}

fn connect(to: &str, via: Option<InterfaceId>) -> Connect {
    let other = SocketAddr::new(ip(to), 179);
    Connect { table: TableId::DEFAULT, via, own: None, other, rules: TcpRules::default() }
}

/// Two routers with a wire between their ports 1.
struct Wired([World; 2]);

impl Wired {
    fn new() -> Self {
        let mut ends = [World::new(Settings::default()), World::new(Settings::default())];
        for (end, last) in ends.iter_mut().zip([1, 2]) {
            let mac = [2, 0, 0, 0, 0, last];
            let addresses = [format!("10.0.0.{last}/24"), format!("2001:db8::{last}/64")];
            let addresses = addresses.each_ref().map(String::as_str);
            end.up(1, Interface { link: Some(Link { mac, vlan: Some(7) }), ..interface(&addresses) });
        }
        let mut wired = Self(ends);
        wired.pass(10_000);
        wired
    }

    /// Time passes, and what goes out on one side comes in on the other.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            loop {
                let sent = self.0.each_mut().map(|end| {
                    let (frames, kept) = std::mem::take(&mut end.out)
                        .into_iter()
                        .partition::<Vec<_>, _>(|output| matches!(output, Output::Send(..)));
                    end.out = kept;
                    frames
                });
                if sent.iter().all(Vec::is_empty) {
                    break;
                }
                for (from, frames) in sent.into_iter().enumerate() {
                    for frame in frames {
                        if let Output::Send(_, frame) = frame {
                            self.0[1 - from].frame(1, Reason::Ours, &frame);
                        }
                    }
                }
            }
            self.0.iter_mut().for_each(|end| end.pass(1));
        }
    }

    fn events(&mut self, at: usize) -> Vec<(TcpId, TcpEvent)> {
        events(&mut self.0[at])
    }
}

fn events(world: &mut World) -> Vec<(TcpId, TcpEvent)> {
    let events = world.take().into_iter().filter_map(|output| match output {
        Output::Tcp(id, event) => Some((id, event)),
        _ => None,
    });
    events.collect()
}

fn data(events: &[(TcpId, TcpEvent)]) -> Vec<u8> {
    let data = events.iter().filter_map(|(_, event)| match event {
        TcpEvent::Data(data) => Some(data.as_slice()),
        _ => None,
    });
    data.collect::<Vec<_>>().concat()
}

#[test]
fn a_connection_finds_its_neighbour_first() {
    for (to, via) in [("10.0.0.1", None), ("2001:db8::1", None), ("fe80::ff:fe00:1", Some(port(1)))] {
        let mut wired = Wired::new();
        wired.0[0].step(Some(Input::Tcp(TcpInput::Listen(WAITS, listener()))));
        wired.0[1].step(Some(Input::Tcp(TcpInput::Connect(DIALS, connect(to, via)))));
        wired.pass(3_000);
        let accepted = wired.events(0);
        let [(id, TcpEvent::Accepted { listener: WAITS, .. })] = accepted[..] else { panic!("{to}: {accepted:?}") };
        assert_eq!(wired.events(1), [(DIALS, TcpEvent::Connected)]);
        let sent: Vec<u8> = (0..200_000u32).map(|at| at as u8).collect();
        wired.0[1].step(Some(Input::Tcp(TcpInput::Send(DIALS, &sent))));
        wired.0[0].step(Some(Input::Tcp(TcpInput::Send(id, b"hello"))));
        wired.pass(500);
        assert!(data(&wired.events(0)) == sent);
        assert_eq!(data(&wired.events(1)), b"hello");
        wired.0[0].step(Some(Input::Tcp(TcpInput::Abort(id))));
        wired.pass(100);
        assert_eq!(wired.events(0), [(id, TcpEvent::Closed { reset: true })]);
        assert_eq!(wired.events(1), [(DIALS, TcpEvent::Closed { reset: true })]);
    }
}

#[test]
fn a_connection_to_ourselves() {
    let mut world = World::usual();
    world.step(Some(Input::Tcp(TcpInput::Listen(WAITS, listener()))));
    world.step(Some(Input::Tcp(TcpInput::Connect(DIALS, connect("10.0.0.1", None)))));
    world.pass(3_000);
    let all = events(&mut world);
    assert!(all.contains(&(DIALS, TcpEvent::Connected)), "{all:?}");
    world.step(Some(Input::Tcp(TcpInput::Send(DIALS, b"me"))));
    world.pass(1_000);
    assert_eq!(data(&events(&mut world)), b"me");
    // There is no way, or no own address: it is over at once.
    world.step(Some(Input::Tcp(TcpInput::Connect(TcpId(3), connect("203.0.113.1", None)))));
    assert_eq!(events(&mut world), [(TcpId(3), TcpEvent::Closed { reset: true })]);
}

/// Many interfaces that come up at once do not say so in one breath, and all of them do.
#[test]
fn announcements_are_paced() {
    let mut world = World::new(Settings::default());
    for number in 0..10_000u32 {
        let id = InterfaceId::sub(PortId { slot: LcSlot(1), port: 1 }, number + 1);
        let own = IpAddr::from((0x0a00_0001 + number * 4).to_be_bytes());
        let interface = Interface { addresses: vec![(own, 30)], ..interface(&[]) };
        world.step(Some(Input::Interface(id, Some(interface))));
    }
    let mut said = Vec::new();
    for _ in 0..20 {
        said.push(world.sent().len());
        world.pass(1_000);
    }
    assert_eq!(said.iter().sum::<usize>(), 20_000, "two each");
    assert!(said.iter().all(|said| *said <= 2_200), "{said:?}");
}
