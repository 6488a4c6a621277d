use super::*;
use fabric_proto::{drops::DropCause, punt::PuntReason, time::Instant};

fn said(point: CapturePoint, direction: Direction, fate: Fate, port: &str) -> Option<String> {
    let place = Place { name: String::new(), card: CardId::card("lab", "pe1", Slot::Lc(LcSlot(1))), point };
    let port = port.parse().unwrap_or(PortId { slot: LcSlot(0), port: 2 });
    comment(&place, &Seen { at: Instant(0), direction, fate, port, length: 60, frame: &[] })
}

#[test]
fn a_comment_says_what_became_of_a_packet() {
    let to = Fate::Fabric("2/1".parse().unwrap());
    let port = CapturePoint::Port(1);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(said(port, Direction::In, to, "1/1"), text("to 2/1 over the fabric"));
    assert_eq!(said(port, Direction::In, Fate::Port(3), "1/1"), text("to 1/3"));
    assert_eq!(said(port, Direction::In, Fate::Punted(PuntReason::ForUs), "1/1"), text("punted: for-us"));
    assert_eq!(
        said(port, Direction::Out, Fate::Dropped(DropCause::PortQueueFull), "1/1"),
        text("dropped: port_queue_full")
    );
    assert_eq!(said(port, Direction::Out, Fate::Sent, "1/1"), None);
    let fabric = CapturePoint::Fabric;
    assert_eq!(said(fabric, Direction::Out, Fate::Sent, "2/1"), text("to 2/1 by lc:2"));
    assert_eq!(said(fabric, Direction::In, Fate::Port(1), "2/1"), text("from lc:2, to 1/1"));
    assert_eq!(said(fabric, Direction::In, Fate::Port(1), ""), text("from the route processor, to 1/1"));
    assert_eq!(
        said(CapturePoint::Punt, Direction::In, Fate::Punted(PuntReason::Arp), "1/2"),
        text("from 1/2, punted: arp")
    );
    assert_eq!(
        said(CapturePoint::Punt, Direction::Out, Fate::Port(2), "1/2"),
        text("from the route processor, to 1/2")
    );
}
