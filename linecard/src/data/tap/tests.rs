use super::*;
use fabric_proto::{
    capture::{Direction, Fate, Filter, Op, Term, split},
    cell,
    id::{LcSlot, PortId},
    time::Instant,
    wire,
};

fn tap(ops: Vec<Op>, keep: u16) -> Rc<Tap> {
    let filter = Filter::try_from(ops).unwrap();
    let order = CaptureOrder { point: CapturePoint::Port(1), filter, keep };
    Rc::new(Tap { order, waiting: RefCell::default(), wake: Notify::new() })
}

fn seen(frame: &[u8]) -> Seen<'_> {
    let port = PortId { slot: LcSlot(1), port: 1 };
    Seen { at: Instant(5), direction: Direction::In, fate: Fate::Port(2), port, length: frame.len() as u16, frame }
}

fn frames(captured: &Captured) -> Vec<Vec<u8>> {
    let mut rest = &captured.records[..];
    std::iter::from_fn(|| {
        let (seen, after) = split(rest).unwrap()?;
        rest = after;
        Some(seen.frame.to_vec())
    })
    .collect()
}

/// Whatever nobody takes is missed, and is missed behind all that waits: a drop count stands where the drops were.
#[test]
fn what_does_not_fit_is_counted_and_left_out() {
    let mut taps = Taps::default();
    let tap = tap(Vec::new(), 9216);
    taps.add(&tap).unwrap();
    assert!(taps.at(CapturePoint::Port(1)) && !taps.at(CapturePoint::Port(2)) && !taps.at(CapturePoint::Fabric));
    let long = vec![7; 9000];
    let fit = WAITING_MAX / (9000 + capture::HEADER);
    for _ in 0..fit + 3 {
        taps.see(CapturePoint::Port(1), &seen(&long));
    }
    // A short one would fit, and does not overtake.
    taps.see(CapturePoint::Port(1), &seen(&[1; 60]));
    taps.see(CapturePoint::Port(2), &seen(&[2; 60]));
    let captured = tap.take();
    assert_eq!((frames(&captured).len(), captured.missed), (fit, 4));
    taps.see(CapturePoint::Port(1), &seen(&[3; 60]));
    let captured = tap.take();
    assert_eq!((frames(&captured), captured.missed), (vec![vec![3; 60]], 0));
    taps.remove(&tap);
    assert!(!taps.at(CapturePoint::Port(1)));
}

#[test]
fn a_filter_looks_at_the_whole_frame_and_keeps_its_beginning() {
    let tap = tap(vec![Op::Test(Term::AtLeast(100))], 20);
    tap.see(&seen(&[1; 99]));
    tap.see(&seen(&[2; 100]));
    let captured = tap.take();
    assert_eq!(frames(&captured), [vec![2; 20]]);
    assert_eq!(split(&captured.records).unwrap().unwrap().0.length, 100);
}

#[test]
fn a_card_has_so_many_captures_and_no_more() {
    let mut taps = Taps::default();
    let all: Vec<_> = (0..TAPS_MAX).map(|_| tap(Vec::new(), 1)).collect();
    all.iter().for_each(|tap| taps.add(tap).unwrap());
    assert!(taps.add(&tap(Vec::new(), 1)).unwrap_err().contains("end one of them"));
    taps.remove(&all[3]);
    taps.add(&tap(Vec::new(), 1)).unwrap();
}

#[test]
fn frames_are_told_of_in_order_and_those_before_one_first() {
    let bytes: Vec<u8> = (0..60).collect();
    let mut arrived = Arrived::new(&bytes, &[0..20, 20..40, 40..60]);
    assert_eq!(arrived.next(Some(0)), None, "none comes before the first");
    assert_eq!(arrived.next(Some(20)).map(|frame| frame[0]), Some(0));
    assert_eq!(arrived.next(Some(20)), None);
    assert_eq!(arrived.next(None).map(|frame| frame[0]), Some(20));
    assert_eq!(arrived.next(None).map(|frame| frame[0]), Some(40));
    assert_eq!(arrived.next(None), None);
}

#[test]
fn records_are_those_that_are_whole() {
    let (mut wire, mut cells, mut relay) = (Vec::new(), Vec::new(), Vec::new());
    for frame in [[1u8; 60], [2; 60]] {
        wire::push(&mut wire, &frame);
        cell::push(&mut cells, 9, &frame);
        cell::push_relay(&mut relay, 4, 9, &frame);
    }
    for (framing, bytes, numbers) in
        [(Framing::Wire, &wire, [0, 0]), (Framing::Cells, &cells, [0, 9]), (Framing::Relay, &relay, [4, 9])]
    {
        let found = |done| framing.records(bytes, done).map(|(numbers, frame)| (numbers, frame[0])).collect::<Vec<_>>();
        assert_eq!(found(bytes.len()), [(numbers, 1), (numbers, 2)], "{framing:?}");
        for done in 0..=bytes.len() {
            assert_eq!(found(done).len() as u64, framing.boundary(bytes, done).0.min(2), "{framing:?} {done}");
        }
    }
}
