use super::*;
use fabric_proto::{
    capture::{CapturePoint, Fate, Seen},
    drops::DropCause,
    id::{CardId, LcSlot, PortId, Slot},
    punt::PuntReason,
};
use pcap_file::pcapng::{Block, PcapNgReader};

fn place(point: CapturePoint, name: &str) -> Place {
    Place { name: name.to_owned(), card: CardId::card("lab", "pe1", Slot::Lc(LcSlot(1))), point }
}

fn seen(at: u64, direction: Direction, fate: Fate, frame: &[u8]) -> Seen<'_> {
    let port = PortId { slot: LcSlot(1), port: 1 };
    Seen { at: Instant(at), direction, fate, port, length: frame.len() as u16 + 40, frame }
}

fn captured(all: &[Seen<'_>], missed: u64) -> Captured {
    let mut records = Vec::new();
    all.iter().for_each(|seen| capture::push(&mut records, seen));
    Captured { records: records.into(), missed }
}

/// What another reader makes of it, block by block.
fn blocks(bytes: &[u8]) -> Vec<Block<'static>> {
    let mut reader = PcapNgReader::new(bytes).unwrap();
    std::iter::from_fn(|| Some(reader.next_block()?.unwrap().0.into_owned())).collect()
}

fn comment_of(block: &EnhancedPacketBlock<'_>) -> Option<String> {
    block.options.iter().find_map(|option| match option {
        EnhancedPacketOption::Common(CommonOption::Comment(text)) => Some(text.to_string()),
        _ => None,
    })
}

#[test]
fn a_file_says_what_was_seen_and_what_was_missed() {
    let places = [place(CapturePoint::Port(1), "pe1:1/1"), place(CapturePoint::Punt, "pe1/lc:1 punt")];
    let mut file = File::new(&places, "udp", 9216, u64::MAX, 1_000_000_000_000_000_000).unwrap();
    let dropped = seen(7, Direction::In, Fate::Dropped(DropCause::NoRoute), &[1; 60]);
    let sent = seen(8, Direction::Out, Fate::Sent, &[2; 61]);
    let mut bytes = file.take();
    assert!(file.push(0, &captured(&[dropped, sent], 5)).unwrap());
    bytes.extend(file.take());
    assert!(file.push(1, &captured(&[seen(9, Direction::In, Fate::Punted(PuntReason::Arp), &[3; 62])], 0)).unwrap());
    assert!(file.push(0, &captured(&[sent], 0)).unwrap());
    file.finish(Instant(10)).unwrap();
    bytes.extend(file.take());
    assert_eq!(file.counted(), [Counted { packets: 3, missed: 5 }, Counted { packets: 1, missed: 0 }]);

    let blocks = blocks(&bytes);
    let names: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::InterfaceDescription(interface) => interface.options.iter().find_map(|option| match option {
                InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                _ => None,
            }),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["pe1:1/1", "pe1/lc:1 punt"]);
    let packets: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::EnhancedPacket(packet) => Some(packet),
            _ => None,
        })
        .collect();
    let summary = |packet: &EnhancedPacketBlock<'_>| {
        (packet.interface_id, packet.data[0], packet.original_len, comment_of(packet))
    };
    assert_eq!(
        packets.iter().map(|packet| summary(packet)).collect::<Vec<_>>(),
        [
            (0, 1, 100, Some("dropped: no_route".to_owned())),
            (0, 2, 101, None),
            (1, 3, 102, Some("from 1/1, punted: arp".to_owned())),
            (0, 2, 101, None),
        ]
    );
    assert_eq!(packets[0].timestamp, Duration::from_nanos(1_000_000_000_000_000_007));
    assert!(packets[0].options.contains(&EnhancedPacketOption::Flags(1)));
    assert!(packets[1].options.contains(&EnhancedPacketOption::Flags(2)));
    let told = |packet: &EnhancedPacketBlock<'_>| packet.options.contains(&EnhancedPacketOption::DropCount(5));
    assert_eq!(packets.iter().map(|packet| told(packet)).collect::<Vec<_>>(), [false, false, false, true]);
    let statistics: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::InterfaceStatistics(statistics) => Some(&statistics.options),
            _ => None,
        })
        .collect();
    assert_eq!(statistics.len(), 2);
    assert!(statistics[0].contains(&InterfaceStatisticsOption::IsbIfDrop(5)));
    assert!(statistics[0].contains(&InterfaceStatisticsOption::IsbIfRecv(8)));
}

#[test]
fn a_file_has_as_many_packets_as_it_is_to_have() {
    let mut file = File::new(&[place(CapturePoint::Fabric, "pe1/lc:1 fabric")], "", 9216, 2, 0).unwrap();
    let one = seen(1, Direction::In, Fate::Port(1), &[1; 60]);
    assert!(file.push(0, &captured(&[one], 0)).unwrap());
    assert!(!file.push(0, &captured(&[one, one], 0)).unwrap());
    file.finish(Instant(2)).unwrap();
    let packets = blocks(&file.take()).iter().filter(|block| matches!(block, Block::EnhancedPacket(_))).count();
    assert_eq!((packets, file.counted()), (2, vec![Counted { packets: 2, missed: 0 }]));
    let broken = Captured { records: vec![0; 3].into(), missed: 0 };
    let mut file = File::new(&[place(CapturePoint::Fabric, "x")], "", 9216, 2, 0).unwrap();
    assert!(matches!(file.push(0, &broken), Err(FileError::Records(_))));
}
