use super::*;
use proptest::prelude::*;

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Sent),
        any::<u8>().prop_map(Fate::Port),
        any::<[u8; 2]>().prop_map(|[slot, port]| Fate::Fabric(PortId { slot: LcSlot(slot), port })),
        proptest::sample::select(PuntReason::ALL).prop_map(Fate::Punted),
        proptest::sample::select(DropCause::ALL).prop_map(Fate::Dropped),
    ]
}

proptest! {
    #[test]
    fn records_are_read_as_they_were_written(
        seen in proptest::collection::vec(
            (any::<u64>(), any::<bool>(), fates(), any::<[u8; 2]>(), proptest::collection::vec(any::<u8>(), 0..90), 0u16..9000),
            0..8,
        ),
    ) {
        let mut records = Vec::new();
        let all: Vec<_> = seen.iter().map(|(at, out, fate, [slot, port], frame, more)| Seen {
            at: Instant(*at),
            direction: if *out { Direction::Out } else { Direction::In },
            fate: *fate,
            port: PortId { slot: LcSlot(*slot), port: *port },
            length: frame.len() as u16 + more,
            frame,
        }).collect();
        all.iter().for_each(|seen| push(&mut records, seen));
        let mut rest = &records[..];
        for expected in &all {
            let (found, after) = split(rest).unwrap().unwrap();
            prop_assert_eq!(&found, expected);
            rest = after;
        }
        prop_assert_eq!(split(rest), Ok(None));
        if let Some(last) = all.last() {
            let whole = records.len() - HEADER - last.frame.len();
            for cut in whole + 1..records.len() {
                prop_assert!(split(&records[whole..cut]).is_err(), "{cut} of {}", records.len());
            }
        }
    }

    #[test]
    fn bytes_that_are_no_records_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut rest = &bytes[..];
        while let Ok(Some((seen, after))) = split(rest) {
            prop_assert!(seen.frame.len() <= usize::from(seen.length));
            prop_assert!(after.len() < rest.len());
            rest = after;
        }
    }
}

/// A cause is known by its number, which is its place: whoever puts one in between breaks captures of cards of other releases.
#[test]
fn a_cause_is_its_place() {
    for (at, cause) in DropCause::ALL.iter().enumerate() {
        assert_eq!(usize::from(*cause as u8), at);
    }
    assert_eq!(DropCause::ALL[..3], [DropCause::Malformed, DropCause::NotForUs, DropCause::UnknownEthertype]);
    assert_eq!(Fate::of([4, u8::MAX, 0]), Fate::Unknown);
    assert_eq!(Fate::of([9, 0, 0]), Fate::Unknown);
}
