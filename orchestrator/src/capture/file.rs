//! pcapng, as Wireshark and tshark read it while it is written: an interface for each place that is looked at, directions as flags,
//! what became of a packet as its comment, and what was missed as drop counts.

use fabric_proto::{
    capture::{self, BadCapture, Captured, Direction},
    time::Instant,
};
use pcap_file::{
    DataLink, Endianness,
    pcapng::{
        PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution},
            interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption},
            opt_common::CommonOption,
            section_header::{SectionHeaderBlock, SectionHeaderOption},
        },
    },
};
use std::{io, time::Duration};

use super::{Place, place::comment};

/// Options of a packet that say which way it went (pcapng, §4.3.1).
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// A capture as a file: bytes come out of it as they are asked for.
pub struct File {
    writer: PcapNgWriter<Vec<u8>>,
    interfaces: Vec<Interface>,
    /// What makes a wall clock's time of a card's.
    offset: u64,
    /// Packets that may still be written.
    left: u64,
}

/// One of the places.
struct Interface {
    place: Place,
    packets: u64,
    missed: u64,
    /// Of these, what no packet's drop count says yet.
    untold: u64,
}

/// Packets of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Written.
    pub packets: u64,
    /// Of which the card made no copy: it had no room.
    pub missed: u64,
}

/// Why there is no more of a capture.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A card's records are none.
    #[error(transparent)]
    Records(#[from] BadCapture),
    /// The writer says so.
    #[error("pcapng: {0}")]
    Format(String),
}

fn format(error: impl ToString) -> FileError {
    FileError::Format(error.to_string())
}

impl File {
    /// A file with an interface for each place, at most `count` packets and `keep` bytes of each; `offset` makes a wall clock's time of
    /// a card's.
    pub fn new(places: &[Place], filter: &str, keep: u16, count: u64, offset: u64) -> Result<Self, FileError> {
        let application = concat!("swact ", env!("CARGO_PKG_VERSION"));
        let header = SectionHeaderBlock {
            // Whatever this machine is: tshark refuses the other one on a pipe.
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication(application.into())],
            ..SectionHeaderBlock::default()
        };
        let mut writer = PcapNgWriter::with_section_header(Vec::new(), header).map_err(format)?;
        for place in places {
            let mut options = vec![
                InterfaceDescriptionOption::IfName(place.name.clone().into()),
                InterfaceDescriptionOption::IfDescription(place.description().into()),
                InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
            ];
            if !filter.is_empty() {
                // 0: as a person writes it.
                options.push(InterfaceDescriptionOption::IfFilter([&[0], filter.as_bytes()].concat().into()));
            }
            let interface = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: keep.into(), options };
            writer.write_pcapng_block(interface).map_err(format)?;
        }
        let interface = |place: &Place| Interface { place: place.clone(), packets: 0, missed: 0, untold: 0 };
        Ok(Self { writer, interfaces: places.iter().map(interface).collect(), offset, left: count })
    }

    /// Takes what a card has seen at a place; false when the file has as many packets as it is to have.
    pub fn push(&mut self, place: usize, captured: &Captured) -> Result<bool, FileError> {
        let Some(interface) = self.interfaces.get_mut(place) else { return Ok(true) };
        let mut rest = &captured.records[..];
        while let Some((seen, after)) = capture::split(rest)? {
            rest = after;
            if self.left == 0 {
                return Ok(false);
            }
            self.left -= 1;
            let flags = match seen.direction {
                Direction::In => INBOUND,
                Direction::Out => OUTBOUND,
            };
            let mut options = vec![EnhancedPacketOption::Flags(flags)];
            if interface.untold > 0 {
                options.push(EnhancedPacketOption::DropCount(std::mem::take(&mut interface.untold)));
            }
            if let Some(comment) = comment(&interface.place, &seen) {
                options.push(EnhancedPacketOption::Common(CommonOption::Comment(comment.into())));
            }
            interface.packets += 1;
            let block = EnhancedPacketBlock {
                interface_id: place as u32,
                timestamp: Duration::from_nanos(seen.at.0.saturating_add(self.offset)),
                original_len: seen.length.into(),
                data: seen.frame.into(),
                options,
            };
            self.writer.write_pcapng_block(block).map_err(format)?;
        }
        interface.missed += captured.missed;
        interface.untold += captured.missed;
        Ok(self.left > 0)
    }

    /// The end: what there was at each place.
    pub fn finish(&mut self, now: Instant) -> Result<(), FileError> {
        for (number, interface) in self.interfaces.iter().enumerate() {
            let options = vec![
                InterfaceStatisticsOption::IsbIfRecv(interface.packets + interface.missed),
                InterfaceStatisticsOption::IsbIfDrop(interface.missed),
            ];
            let timestamp = Duration::from_nanos(now.0.saturating_add(self.offset));
            let block = InterfaceStatisticsBlock { interface_id: number as u32, timestamp, options };
            self.writer.write_pcapng_block(block).map_err(format)?;
        }
        Ok(())
    }

    /// What was written since this was asked before.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }

    /// Packets of each place.
    pub fn counted(&self) -> Vec<Counted> {
        self.interfaces.iter().map(|one| Counted { packets: one.packets, missed: one.missed }).collect()
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests;
