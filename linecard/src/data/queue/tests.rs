use super::*;

const T0: Instant = Instant::from_millis(1000);

fn filled(framing: Framing) -> (Queue, Cell) {
    let mut queue = Queue::new(framing);
    assert_eq!(queue.push(T0, 2, 1, &[0; 20]), Err(NotQueued::Closed));
    queue.open();
    for length in [20, 30, 40] {
        queue.push(T0, 2, 1, &vec![7; length]).unwrap();
    }
    assert_eq!(queue.packets(), 3);
    let mut cell = Cell::default();
    assert_eq!(queue.take(T0, &mut cell), (true, 0));
    assert_eq!(queue.packets(), 3, "what the writer holds is still here");
    (queue, cell)
}

#[test]
fn a_writer_that_stops_stops_between_frames() {
    for (framing, header) in [(Framing::Cells, 3), (Framing::Relay, 4), (Framing::Wire, 2)] {
        let (_, Cell { bytes, .. }) = filled(framing);
        let ends = [20 + header, 50 + 2 * header, 90 + 3 * header];
        assert_eq!(framing.boundary(&bytes, 0), (0, 0));
        assert_eq!(framing.boundary(&bytes, 1), (0, ends[0]));
        assert_eq!(framing.boundary(&bytes, ends[0]), (1, ends[0]));
        assert_eq!(framing.boundary(&bytes, ends[0] + 1), (1, ends[1]));
        assert_eq!(framing.boundary(&bytes, ends[2]), (3, ends[2]));
    }
}

#[test]
fn every_packet_is_settled_once() {
    let (mut queue, cell) = filled(Framing::Wire);
    queue.push(T0, 2, 1, &[1; 14]).unwrap();
    assert_eq!(queue.settle(&cell.bytes, 23), (1, 2));
    assert_eq!(queue.packets(), 1);
    assert_eq!(queue.close(), 1);
    assert_eq!(queue.packets(), 0);
    let (mut queue, cell) = filled(Framing::Cells);
    assert_eq!(queue.settle(&cell.bytes, cell.bytes.len()), (3, 0));
    let (mut queue, _) = filled(Framing::Cells);
    assert_eq!((queue.abandon(), queue.packets()), (3, 0));
}

#[test]
fn the_bound_counts_what_the_writer_holds() {
    let mut queue = Queue::new(Framing::Wire);
    queue.open();
    let frame = vec![0; 9000];
    let mut pushed = 0;
    while queue.push(T0, 2, 1, &frame).is_ok() {
        pushed += 1;
    }
    assert_eq!(pushed, QUEUE_MAX / 9002);
    let mut cell = Cell::default();
    assert!(queue.take(T0, &mut cell).0);
    assert_eq!(queue.push(T0, 2, 1, &frame), Err(NotQueued::Full));
    queue.settle(&cell.bytes, cell.bytes.len());
    assert_eq!(queue.push(T0, 2, 1, &frame), Ok(0));
}

#[test]
fn cells_come_out_full_and_in_order() {
    let mut queue = Queue::new(Framing::Wire);
    queue.open();
    let packets = 3000_u32;
    for number in 0..packets {
        let mut frame = [0; 126];
        frame[..4].copy_from_slice(&number.to_be_bytes());
        assert_eq!(queue.push(T0, 2, 1, &frame), Ok(0));
    }
    let (mut cell, mut next, mut lengths) = (Cell::default(), 0, Vec::new());
    while queue.take(T0, &mut cell).0 {
        lengths.push(cell.bytes.len());
        for record in cell.bytes.chunks(128) {
            assert_eq!(record[2..6], u32::to_be_bytes(next));
            next += 1;
        }
        let all = cell.bytes.len();
        assert_eq!(queue.settle(&cell.bytes, all), ((all / 128) as u64, 0));
    }
    assert_eq!((next, queue.packets()), (packets, 0));
    let (last, full) = lengths.split_last().unwrap();
    assert!(full.iter().all(|length| *length == CELL) && *last <= CELL, "{lengths:?}");
}

#[test]
fn what_waited_for_too_long_gives_way_to_what_is_new() {
    let late = T0 + WAIT_MAX + Duration::from_millis(1);
    for framing in [Framing::Cells, Framing::Relay] {
        let mut queue = Queue::new(framing);
        queue.open();
        for at in [T0, T0, T0 + CELL_SPAN] {
            assert_eq!(queue.push(at, 2, 1, &[0; 60]), Ok(0));
        }
        assert_eq!(queue.push(late, 2, 1, &[0; 60]), Ok(2), "the two of the oldest cell");
        assert_eq!(queue.packets(), 2);
        let mut cell = Cell::default();
        assert_eq!(queue.take(late + CELL_SPAN, &mut cell), (true, 1), "the writer gets nothing that is too old");
        assert_eq!((cell.packets, queue.packets()), (1, 1));
    }
    let mut port = Queue::new(Framing::Wire);
    port.open();
    assert_eq!(port.push(T0, 2, 1, &[0; 60]), Ok(0));
    assert_eq!(port.take(late, &mut Cell::default()), (true, 0), "a port waits for its wire");
}

#[test]
fn a_full_queue_takes_packets_again_when_the_old_ones_have_aged() {
    let mut queue = Queue::new(Framing::Cells);
    queue.open();
    let mut held = 0;
    while queue.push(T0, 2, 1, &[0; 1500]).is_ok() {
        held += 1;
    }
    assert_eq!(queue.push(T0 + CELL_SPAN, 2, 1, &[0; 1500]), Err(NotQueued::Full));
    assert_eq!(queue.push(T0 + 2 * WAIT_MAX, 2, 1, &[0; 1500]), Ok(held));
    assert_eq!(queue.packets(), 1);
}

#[test]
fn a_held_queue_takes_packets_and_gives_none() {
    let (mut queue, cell) = filled(Framing::Cells);
    queue.hold();
    assert!(queue.takes() && !queue.is_open());
    assert_eq!(queue.settle(&cell.bytes, cell.bytes.len()), (3, 0), "what is out is out");
    queue.push(T0, 2, 1, &[1; 14]).unwrap();
    let mut next = Cell::default();
    assert_eq!(queue.take(T0, &mut next), (false, 0));
    queue.open();
    assert_eq!(queue.take(T0, &mut next), (true, 0));
    assert_eq!(queue.settle(&next.bytes, next.bytes.len()), (1, 0));
    queue.close();
    queue.hold();
    assert!(!queue.takes(), "what is closed is not held");
}

/// Wherever a writer stops, another one that goes on there writes the same bytes, and each packet is counted once.
#[test]
fn what_is_left_is_gone_on_with_at_the_byte() {
    for framing in [Framing::Cells, Framing::Relay, Framing::Wire] {
        let whole = filled(framing).1.bytes;
        for done in 0..whole.len() {
            let (mut queue, mut cell) = filled(framing);
            queue.push(T0, 2, 1, &[1; 14]).unwrap();
            let (sent, begun) = queue.give_back(&mut cell, done);
            assert_eq!(queue.packets() + sent, 4);
            let (records, packets) = queue.leave();
            assert_eq!((framing.count(&records), queue.packets()), (Some(packets), 0));
            let mut heir = Queue::new(framing);
            heir.inherit(T0, &records, packets);
            assert!(heir.takes() && !heir.is_open());
            heir.open();
            let mut next = Cell::default();
            assert_eq!(heir.take(T0, &mut next), (true, 0));
            assert_eq!(next.bytes[begun..][..whole.len() - done], whole[done..]);
            assert_eq!(heir.settle(&next.bytes, next.bytes.len()), (4 - sent, 0));
        }
        assert_eq!(framing.count(&whole[..whole.len() - 1]), None, "half a record");
        assert_eq!(framing.count(&[0; 40]), None, "what is no frame");
    }
}
