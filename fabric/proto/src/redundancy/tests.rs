use super::*;
use crate::codec::{decode, encode};
use proptest::prelude::*;

fn heartbeat() -> Heartbeat {
    Heartbeat {
        slot: RpSlot::B,
        boot: 7,
        epoch: Epoch(5),
        state: RfState::StandbyHot,
        release: "2.0".to_owned(),
        configured: Mode::Sso,
        operating: Mode::Sso,
        ready: true,
        seq: 300,
    }
}

fn messages() -> Vec<RfMessage> {
    let record = SwitchoverRecord {
        index: 1,
        previous: RpSlot::A,
        current: RpSlot::B,
        reason: SwitchoverReason::UserForced,
        at: Instant(9),
    };
    let hello = Hello {
        heartbeat: heartbeat(),
        versions: vec![VersionOffer { class: 1, oldest: 1, newest: 1 }],
        switchovers: vec![record],
        chassis_since: Instant(1),
    };
    vec![
        RfMessage::Hello(Box::new(hello)),
        RfMessage::Progression(Code::StandbyBulk),
        RfMessage::ProgressionDone(Code::StandbyBulk),
        RfMessage::Handover { epoch: Epoch(4) },
        RfMessage::HandoverAccepted { epoch: Epoch(9) },
        RfMessage::HandoverRefused { state: RfState::StandbyColdBulk },
        RfMessage::ModeChange { configured: Mode::RprPlus },
        RfMessage::Restart { reason: "r".to_owned() },
        RfMessage::Reload { reason: "r".to_owned() },
        RfMessage::CrashdumpDone,
        RfMessage::Goodbye { reason: "r".to_owned() },
    ]
}

#[test]
fn every_message_survives_a_frame() {
    for message in messages() {
        assert_eq!(decode::<RfMessage>(&encode(&message).unwrap()).unwrap(), message);
    }
    let heartbeat = heartbeat();
    assert_eq!(decode::<Heartbeat>(&encode(&heartbeat).unwrap()).unwrap(), heartbeat);
}

/// The bytes on the wire are part of the interface: a change here needs a new version.
#[test]
fn golden_bytes() {
    let frame = encode(&heartbeat()).unwrap();
    let mut golden = vec![1, 1, 0, 0, 0, 22, 0x99, 0xa1, b'B', 7, 5, 8, 0xa3];
    golden.extend(b"2.0\xa3sso\xa3sso\xc3\xcd\x01\x2c");
    assert_eq!(&frame[..], golden);
    let frame = encode(&RfMessage::Progression(Code::PlatformSync)).unwrap();
    let mut golden = vec![1, 1, 0, 0, 0, 16, 0x81, 0xab];
    golden.extend(b"Progression\xcd\x01\x2c");
    assert_eq!(&frame[..], golden);
}

#[test]
fn modes_and_states_keep_the_command_lines_names_and_numbers() {
    for mode in Mode::ALL {
        assert_eq!(mode.to_string().parse(), Ok(mode));
    }
    assert!("ssso".parse::<Mode>().is_err());
    assert!(Mode::Hsa < Mode::Rpr && Mode::RprPlus < Mode::Sso);
    let shown: Vec<_> = RfState::ALL.iter().map(|state| format!("{} {state}", state.number())).collect();
    assert_eq!(shown[8], "8 STANDBY HOT");
    assert_eq!(shown[13], "13 ACTIVE");
    assert_eq!(shown[14], "16 STANDBY WARM");
    assert_eq!(RfState::try_from(14), Err(RfState::try_from(14).unwrap_err()));
    for state in RfState::ALL {
        assert_eq!(RfState::try_from(state.number()), Ok(state));
    }
}

#[test]
fn codes_keep_the_fields_names_and_numbers() {
    assert_eq!(Code::Initialization.to_string(), "RF_PROG_INITIALIZATION(100)");
    assert_eq!(Code::PlatformSync.to_string(), "RF_PROG_PLATFORM_SYNC(300)");
    assert_eq!(Code::PeerPresence.to_string(), "RF_STATUS_PEER_PRESENCE(400)");
    assert_eq!(Code::PeerComm.to_string(), "RF_STATUS_PEER_COMM(401)");
    assert_eq!(Code::RedundancyModeChange.to_string(), "RF_STATUS_REDUNDANCY_MODE_CHANGE(405)");
    assert_eq!(Code::ClientProgression.to_string(), "RF_EVENT_CLIENT_PROGRESSION(503)");
    assert_eq!(Code::GoStandby.to_string(), "RF_EVENT_GO_STANDBY(512)");
    for &code in Code::ALL {
        assert_eq!(Code::try_from(code.number()), Ok(code));
    }
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<Heartbeat>(&bytes);
        let _ = decode::<RfMessage>(&bytes);
        let _ = crate::codec::decode_body::<RfMessage>(1, &bytes);
    }
}
