//! A table like the Internet's, of any size, from a seed.
//!
//! Prefix lengths have the shares that they had in a full table of 2024. Prefixes lie in unicast space outside
//! everything that the special-purpose registries (RFC 6890) and the labs' own addressing (10.0.0.0/8, fd00::/8)
//! take. Half of them continue the one drawn before (operators announce neighbouring blocks), and longer IPv6
//! prefixes mostly lie inside a shorter one that is in the table too, so that longest match has something to decide.

use crate::{INTERNET, Neighbours, Origin, ROUTES_MAX, SourceFormat, Table, TableError, random::Random, table::covers};
use fabric_proto::{
    fib::{Family, Prefix, left_aligned},
    random::mix,
};
use std::net::{IpAddr, Ipv6Addr};

/// Prefix length and how many of 901,899 IPv4 routes had it.
pub const LENGTHS_V4: &[(u8, u32)] = &[
    (8, 16),
    (9, 13),
    (10, 38),
    (11, 103),
    (12, 299),
    (13, 581),
    (14, 1203),
    (15, 2100),
    (16, 13490),
    (17, 8235),
    (18, 13798),
    (19, 24870),
    (20, 42611),
    (21, 50750),
    (22, 108_623),
    (23, 96510),
    (24, 537_698),
    (25, 20),
    (26, 3),
    (27, 11),
    (28, 18),
    (29, 17),
    (30, 3),
    (31, 3),
    (32, 886),
];

/// Prefix length and how many of 160,147 IPv6 routes had it.
pub const LENGTHS_V6: &[(u8, u32)] = &[
    (16, 1),
    (19, 1),
    (20, 16),
    (21, 3),
    (22, 7),
    (23, 8),
    (24, 30),
    (25, 8),
    (26, 15),
    (27, 20),
    (28, 193),
    (29, 4371),
    (30, 650),
    (31, 284),
    (32, 22548),
    (33, 2926),
    (34, 2603),
    (35, 1043),
    (36, 5996),
    (37, 880),
    (38, 1617),
    (39, 1377),
    (40, 13418),
    (41, 903),
    (42, 2301),
    (43, 1001),
    (44, 14365),
    (45, 1553),
    (46, 3039),
    (47, 3153),
    (48, 75488),
    (49, 11),
    (50, 3),
    (52, 1),
    (55, 1),
    (56, 24),
    (58, 20),
    (60, 2),
    (64, 184),
    (112, 2),
    (122, 1),
    (124, 4),
    (125, 9),
    (126, 19),
    (127, 42),
    (128, 6),
];

/// Space that no generated prefix touches: RFC 6890's registries, multicast, the labs' own.
const RESERVED_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

/// The same for IPv6, within the blocks that prefixes are drawn from.
const RESERVED_V6: &[([u16; 2], u8)] = &[([0x2001, 0], 23), ([0x2001, 0xdb8], 32)];

/// Where the registries allocate IPv6 from, each a /12; 2001::/16 alone of the first one.
const BLOCKS_V6: &[(u16, u8)] =
    &[(0x2001, 16), (0x2400, 12), (0x2600, 12), (0x2800, 12), (0x2a00, 12), (0x2a10, 12), (0x2c00, 12)];

/// Exactly `ipv4` and `ipv6` routes with the Internet's distribution of prefix lengths. One seed, one table.
pub fn internet(seed: u64, ipv4: usize, ipv6: usize, neighbours: Neighbours) -> Result<Table, TableError> {
    let size = ipv4.saturating_add(ipv6);
    if size > ROUTES_MAX {
        return Err(TableError::TooManyRoutes { table: INTERNET.to_owned(), routes: size });
    }
    let mut routes = Vec::with_capacity(size);
    for (family, size) in [(Family::V4, ipv4), (Family::V6, ipv6)] {
        let random = Random::new(mix(seed) ^ u64::from(family.width()));
        Draw::new(family, random).fill(size, |prefix| routes.push((prefix, next_hop(prefix, neighbours))));
    }
    Ok(Table::new(routes, Origin { format: SourceFormat::Generated, ..Origin::default() }))
}

/// The neighbour that announces a prefix where the source names none: a hash of the prefix, whatever the order.
fn next_hop(prefix: Prefix, neighbours: Neighbours) -> u32 {
    let bits = prefix.bits();
    neighbours.wrap(prefix.family(), mix((bits >> 64) as u64 ^ mix(bits as u64 ^ u64::from(prefix.len()))))
}

/// Draws one family's prefixes, length by length.
struct Draw {
    family: Family,
    random: Random,
    reserved: Vec<Prefix>,
    /// The last one drawn of the current length.
    last: Option<Prefix>,
    /// Everything shorter that longer ones may lie in (IPv6).
    shorter: Vec<Prefix>,
}

impl Draw {
    fn new(family: Family, random: Random) -> Self {
        let reserved = match family {
            Family::V4 => RESERVED_V4.iter().map(|(octets, len)| canonical(IpAddr::from(*octets), *len)).collect(),
            Family::V6 => RESERVED_V6.iter().map(|(words, len)| canonical(v6(*words), *len)).collect(),
        };
        Self { family, random, reserved, last: None, shorter: Vec::new() }
    }

    fn fill(mut self, size: usize, mut emit: impl FnMut(Prefix)) {
        let lengths = match self.family {
            Family::V4 => LENGTHS_V4,
            Family::V6 => LENGTHS_V6,
        };
        let shares = apportion(lengths, size);
        // What a short length has no room for goes to the next longer one: only tables far beyond the Internet's.
        let mut carried = 0;
        for (&(len, _), share) in lengths.iter().zip(shares) {
            let wanted = share + carried;
            let count = wanted.min(self.room(len));
            carried = wanted - count;
            let prefixes = self.length(len, count);
            prefixes.iter().copied().for_each(&mut emit);
            if self.family == Family::V6 && len <= LONGEST_PARENT {
                self.shorter.extend(prefixes);
            }
        }
        debug_assert_eq!(carried, 0, "the longest length has room for any table");
    }

    /// `count` different prefixes of `len` bits.
    fn length(&mut self, len: u8, count: usize) -> Vec<Prefix> {
        self.last = None;
        let mut drawn: Vec<Prefix> = Vec::with_capacity(count);
        while drawn.len() < count {
            let missing = count - drawn.len();
            drawn.extend((0..missing).map(|_| self.one(len)));
            drawn.sort_unstable();
            drawn.dedup();
        }
        drawn
    }

    /// One prefix outside the reserved space.
    fn one(&mut self, len: u8) -> Prefix {
        loop {
            let prefix = match self.last.take() {
                Some(last) if self.random.next() & 1 == 0 => neighbour(last),
                _ => self.anywhere(len),
            };
            let free = !self.reserved.iter().any(|taken| covers(*taken, prefix) || covers(prefix, *taken));
            if free && self.in_blocks(prefix) {
                self.last = Some(prefix);
                return prefix;
            }
        }
    }

    fn anywhere(&mut self, len: u8) -> Prefix {
        let bits = self.random.wide();
        if self.family == Family::V4 {
            return Prefix::from_bits(Family::V4, bits & (u128::from(u32::MAX) << 96), len);
        }
        let inside = len > LONGEST_ALLOCATION && !self.shorter.is_empty() && self.random.below(4) > 0;
        let outer = if inside {
            self.shorter[self.random.below(self.shorter.len() as u64) as usize]
        } else {
            block(BLOCKS_V6[self.random.below(BLOCKS_V6.len() as u64) as usize])
        };
        let below = u128::MAX >> outer.len();
        Prefix::from_bits(Family::V6, outer.bits() | bits & below, len.max(outer.len()))
    }

    /// Whether an IPv6 prefix is still in an allocated block: continuing the last one may leave it.
    fn in_blocks(&self, prefix: Prefix) -> bool {
        self.family == Family::V4 || BLOCKS_V6.iter().any(|entry| covers(block(*entry), prefix))
    }

    /// How many prefixes of a length are drawn at most: half of what there is, so that drawing ends soon.
    fn room(&self, len: u8) -> usize {
        let bits = match self.family {
            Family::V4 => len - 1,
            // The blocks make up more than a /10.
            Family::V6 => len - 11,
        };
        1usize.checked_shl(u32::from(bits)).unwrap_or(usize::MAX)
    }
}

/// The longest prefix that a registry hands out; longer ones mostly lie inside one.
const LONGEST_ALLOCATION: u8 = 32;
/// The longest prefix that others lie in.
const LONGEST_PARENT: u8 = 48;

/// The prefix of the same length that comes next; the first one after the last.
fn neighbour(prefix: Prefix) -> Prefix {
    let step = 1u128 << (128 - u32::from(prefix.len()));
    let bits = prefix.bits().wrapping_add(step);
    Prefix::from_bits(prefix.family(), bits, prefix.len())
}

fn block((first, len): (u16, u8)) -> Prefix {
    canonical(v6([first, 0]), len)
}

fn v6([first, second]: [u16; 2]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0))
}

fn canonical(address: IpAddr, len: u8) -> Prefix {
    Prefix::from_bits(Family::of(address), left_aligned(address), len)
}

/// Shares of `size` in proportion to the counts, by largest remainder: they add up exactly.
fn apportion(lengths: &[(u8, u32)], size: usize) -> Vec<usize> {
    let total: u64 = lengths.iter().map(|(_, count)| u64::from(*count)).sum();
    let exact = |count: u32| u64::from(count) * size as u64;
    let mut shares: Vec<usize> = lengths.iter().map(|(_, count)| (exact(*count) / total) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..lengths.len()).collect();
    by_remainder.sort_by_key(|at| std::cmp::Reverse(exact(lengths[*at].1) % total));
    let missing = size - shares.iter().sum::<usize>();
    for at in by_remainder.into_iter().take(missing) {
        shares[at] += 1;
    }
    shares
}
