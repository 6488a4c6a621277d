//! MRT table dumps: TABLE_DUMP (RFC 6396 §4.2, what collectors wrote until about 2010) and TABLE_DUMP_V2 (RFC 6396
//! §4.3, RFC 8050 §4).
//!
//! One route a prefix: with the next hop of its **first** entry, whichever peer that is. A TABLE_DUMP_V2 record
//! (RIB_IPV4_UNICAST or RIB_IPV6_UNICAST, also their ADDPATH forms) holds all entries of a prefix; a TABLE_DUMP record
//! holds one, and those that come after the prefix' first are duplicates. The collector's order of entries is a
//! property of the dump, so the same dump gives the same table. The next hop is NEXT_HOP, or MP_REACH_NLRI in the
//! abbreviated form of RFC 6396 §4.3.4 (or the whole attribute, which TABLE_DUMP has and some collectors write), or
//! else the peer's address. Bits of a prefix beyond its length mean nothing (RFC 4271 §4.3) and are cleared. All other
//! records are counted as skipped.

use crate::{Origin, SourceFormat, TableError, content::Content, table::Gathered};
use fabric_proto::fib::{Family, Prefix};
use std::{collections::BTreeMap, net::IpAddr};

/// Bytes of a record's header: timestamp, type, subtype, length (RFC 6396 §2).
const HEADER: usize = 12;
/// Longest record: 65,535 entries whose attributes take a kilobyte each.
const RECORD_MAX: usize = 64 << 20;

/// Record types in use (RFC 6396 §4, RFC 8050 §3): what a file may begin with.
const TYPES: &[u8] = &[11, TABLE_DUMP, TABLE_DUMP_V2, 16, 17, 32, 33, 48, 49];
const TABLE_DUMP: u8 = 12;
const TABLE_DUMP_V2: u8 = 13;

/// Path attributes (RFC 4271 §5.1.3, RFC 4760 §3).
const NEXT_HOP: u8 = 3;
const MP_REACH_NLRI: u8 = 14;
const EXTENDED_LENGTH: u8 = 0x10;

/// Whether content begins like an MRT record.
pub(crate) fn is_mrt(head: &[u8]) -> bool {
    head.len() >= HEADER && head[4] == 0 && TYPES.contains(&head[5])
}

/// Reads the whole dump. A route's number is that of its next hop, in the order in which they appear.
pub(crate) fn read(content: &mut Content<'_>) -> Result<(Gathered, Origin), TableError> {
    content.units = "MRT records";
    let mut dump = Dump::default();
    let mut routes = Gathered::default();
    let mut body = Vec::new();
    loop {
        let at = content.offset;
        let Some((kind, subtype)) = record(content, &mut body).map_err(|error| error.named(content, at))? else {
            break;
        };
        let route = dump.route(kind, subtype, &body).map_err(|what| Problem::Wrong(what).named(content, at))?;
        match route {
            Some(route) => routes.push(content.path, route)?,
            None => dump.skipped += 1,
        }
        content.whole += 1;
    }
    let next_hops = dump.next_hops.map(|seen| seen.len());
    Ok((routes, Origin { format: SourceFormat::Mrt, duplicates: 0, skipped: dump.skipped, next_hops }))
}

/// What is wrong with a record: the file's fault, or the stream's.
enum Problem {
    Wrong(String),
    Stream(TableError),
}

impl Problem {
    fn named(self, content: &Content<'_>, offset: u64) -> TableError {
        match self {
            Self::Wrong(what) => TableError::Mrt { path: content.path.to_owned(), record: content.whole, offset, what },
            Self::Stream(error) => error,
        }
    }
}

/// The next record's type and subtype, its body in `body`; `None` at the end of the dump.
fn record(content: &mut Content<'_>, body: &mut Vec<u8>) -> Result<Option<(u16, u16)>, Problem> {
    let mut header = [0; HEADER];
    match content.fill(&mut header).map_err(Problem::Stream)? {
        0 => return Ok(None),
        HEADER => {}
        cut => return Err(Problem::Wrong(format!("the file ends {cut} bytes into the record's header"))),
    }
    let [_, _, _, _, k0, k1, s0, s1, l0, l1, l2, l3] = header;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    if length > RECORD_MAX {
        return Err(Problem::Wrong(format!("it announces {length} bytes, records have at most {RECORD_MAX}")));
    }
    body.resize(length, 0);
    let got = content.fill(body).map_err(Problem::Stream)?;
    if got < length {
        return Err(Problem::Wrong(format!("the file ends after {got} of the record's {length} bytes")));
    }
    Ok(Some((u16::from_be_bytes([k0, k1]), u16::from_be_bytes([s0, s1]))))
}

/// What a dump's records have in common.
#[derive(Default)]
struct Dump {
    /// Peers in the order of the PEER_INDEX_TABLE.
    peers: Vec<IpAddr>,
    /// Distinct next hops of each family's routes, numbered as they appear.
    next_hops: [BTreeMap<IpAddr, u32>; 2],
    skipped: u64,
}

impl Dump {
    /// The route of one record and the number of its next hop; `None` for a record that holds none.
    fn route(&mut self, kind: u16, subtype: u16, body: &[u8]) -> Result<Option<(Prefix, u32)>, String> {
        let Ok(kind) = u8::try_from(kind) else { return Ok(None) };
        let mut fields = Fields { bytes: body, at: 0 };
        let route = match (kind, subtype) {
            (TABLE_DUMP, 1) => Some(entry(&mut fields, Family::V4)?),
            (TABLE_DUMP, 2) => Some(entry(&mut fields, Family::V6)?),
            (TABLE_DUMP_V2, 1) => {
                self.peers = peer_index(&mut fields)?;
                None
            }
            (TABLE_DUMP_V2, 2) => rib(&mut fields, Family::V4, false, &self.peers)?,
            (TABLE_DUMP_V2, 4) => rib(&mut fields, Family::V6, false, &self.peers)?,
            (TABLE_DUMP_V2, 8) => rib(&mut fields, Family::V4, true, &self.peers)?,
            (TABLE_DUMP_V2, 10) => rib(&mut fields, Family::V6, true, &self.peers)?,
            _ => None,
        };
        let Some((prefix, next_hop)) = route else { return Ok(None) };
        let seen = &mut self.next_hops[prefix.family() as usize];
        let number = seen.len() as u32;
        Ok(Some((prefix, *seen.entry(next_hop).or_insert(number))))
    }
}

/// A TABLE_DUMP record (RFC 6396 §4.2): prefix and next hop of one entry.
fn entry(fields: &mut Fields<'_>, family: Family) -> Result<(Prefix, IpAddr), String> {
    fields.u16("view number")?;
    fields.u16("sequence number")?;
    let address = fields.take(usize::from(family.width() / 8), "prefix")?;
    let length = fields.u8("prefix length")?;
    let prefix = prefix(family, address, length)?;
    fields.u8("status")?;
    fields.u32("originated time")?;
    let peer = fields.address(family, "peer's address")?;
    fields.u16("peer's AS number")?;
    let length = fields.u16("attribute length")?;
    let attributes = fields.take(usize::from(length), "attributes")?;
    fields.end()?;
    Ok((prefix, next_hop(attributes, family)?.unwrap_or(peer)))
}

/// A prefix out of its first bytes, as many as a record has.
fn prefix(family: Family, significant: &[u8], length: u8) -> Result<Prefix, String> {
    if length > family.width() {
        return Err(format!("a prefix length of {length} bits in an {family} record"));
    }
    let mut bits = [0; 16];
    bits[..significant.len()].copy_from_slice(significant);
    Ok(Prefix::from_bits(family, u128::from_be_bytes(bits), length))
}

/// PEER_INDEX_TABLE (RFC 6396 §4.3.1): the peers' addresses.
fn peer_index(fields: &mut Fields<'_>) -> Result<Vec<IpAddr>, String> {
    fields.take(4, "collector's BGP identifier")?;
    let name = fields.u16("length of the view name")?;
    fields.take(usize::from(name), "view name")?;
    let count = fields.u16("peer count")?;
    let mut peers = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let kind = fields.u8("peer type")?;
        fields.take(4, "peer's BGP identifier")?;
        let family = if kind & 1 == 0 { Family::V4 } else { Family::V6 };
        peers.push(fields.address(family, "peer's address")?);
        fields.take(if kind & 2 == 0 { 2 } else { 4 }, "peer's AS number")?;
    }
    fields.end().map(|()| peers)
}

/// AFI/SAFI-specific RIB record (RFC 6396 §4.3.2): prefix and the first entry's next hop.
fn rib(
    fields: &mut Fields<'_>,
    family: Family,
    add_path: bool,
    peers: &[IpAddr],
) -> Result<Option<(Prefix, IpAddr)>, String> {
    fields.u32("sequence number")?;
    let length = fields.u8("prefix length")?;
    // As many bytes as it takes, of an address that has no more.
    let bytes = usize::from(length.min(family.width())).div_ceil(8);
    let prefix = prefix(family, fields.take(bytes, "prefix")?, length)?;
    let mut first = None;
    for entry in 0..fields.u16("entry count")? {
        let peer = fields.u16("peer index")?;
        fields.u32("originated time")?;
        if add_path {
            fields.u32("path identifier")?;
        }
        let length = fields.u16("attribute length")?;
        let attributes = fields.take(usize::from(length), "attributes")?;
        if entry == 0 {
            first = Some((peer, attributes));
        }
    }
    fields.end()?;
    let Some((peer, attributes)) = first else { return Ok(None) };
    let next_hop = next_hop(attributes, family)?.or_else(|| peers.get(usize::from(peer)).copied());
    let next_hop =
        next_hop.ok_or_else(|| format!("{prefix} has no next hop, and peer {peer} is not in the peer index"))?;
    Ok(Some((prefix, next_hop)))
}

/// The next hop among path attributes.
fn next_hop(attributes: &[u8], family: Family) -> Result<Option<IpAddr>, String> {
    let mut fields = Fields { bytes: attributes, at: 0 };
    let mut plain = None;
    while fields.at < attributes.len() {
        let flags = fields.u8("attribute flags")?;
        let kind = fields.u8("attribute type")?;
        let length = if flags & EXTENDED_LENGTH == 0 {
            usize::from(fields.u8("attribute's length")?)
        } else {
            usize::from(fields.u16("attribute's length")?)
        };
        let value = fields.take(length, "attribute's value")?;
        match kind {
            NEXT_HOP if family == Family::V4 => {
                plain = Some(Fields { bytes: value, at: 0 }.address(Family::V4, "NEXT_HOP")?);
            }
            MP_REACH_NLRI => return multiprotocol_next_hop(value).map(Some),
            _ => {}
        }
    }
    Ok(plain)
}

/// MP_REACH_NLRI: only its next hop (RFC 6396 §4.3.4), or the whole attribute. A length is never 0 and the first
/// byte of an address family's number always is.
fn multiprotocol_next_hop(value: &[u8]) -> Result<IpAddr, String> {
    let mut fields = Fields { bytes: value, at: 0 };
    if value.first() == Some(&0) {
        fields.take(3, "address family of MP_REACH_NLRI")?;
    }
    // Sixteen bytes may be followed by a link-local address (RFC 2545 §3).
    match fields.u8("next-hop length of MP_REACH_NLRI")? {
        4 => fields.address(Family::V4, "next hop of MP_REACH_NLRI"),
        16 | 32 => fields.address(Family::V6, "next hop of MP_REACH_NLRI"),
        other => Err(format!("a next hop of {other} bytes in MP_REACH_NLRI")),
    }
}

/// Bytes read from front to back.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let Some(field) = rest.get(..length) else {
            let (at, left) = (self.at, rest.len());
            return Err(format!(
                "{what} takes {length} bytes at byte {at} of its {}, {left} are left",
                self.bytes.len()
            ));
        };
        self.at += length;
        Ok(field)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn u8(&mut self, what: &str) -> Result<u8, String> {
        self.array(what).map(u8::from_be_bytes)
    }

    fn u16(&mut self, what: &str) -> Result<u16, String> {
        self.array(what).map(u16::from_be_bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, String> {
        self.array(what).map(u32::from_be_bytes)
    }

    fn address(&mut self, family: Family, what: &str) -> Result<IpAddr, String> {
        match family {
            Family::V4 => self.array::<4>(what).map(IpAddr::from),
            Family::V6 => self.array::<16>(what).map(IpAddr::from),
        }
    }

    fn end(&self) -> Result<(), String> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(format!("{left} bytes after its last field")),
        }
    }
}
