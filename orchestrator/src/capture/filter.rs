//! What people write for which packets they mean: a part of the language of pcap-filter(7), with its meanings.
//!
//! There: `host`, `net`, `port`, `portrange`, `proto`, `vlan`, `less`, `greater`, names of protocols, `src` and `dst`, `and`, `or`,
//! `not`, parentheses, and values that take the words before them over (`port 80 or 443`). Not there: arithmetic on bytes
//! (`tcp[13]`), names of hosts and services, and anything about other links than Ethernet. Tags of VLANs are always looked behind.

use fabric_proto::{
    capture::{End, Filter, OPS_MAX, Op, Term},
    fib::{Family, Mac, Prefix},
};
use notation::document::BadInput;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is wrong with a filter, and from which byte of it on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    at: usize,
    message: String,
    remedy: String,
}

/// Longest text: it is typed, or made by a script.
const TEXT_MAX: usize = 4096;
/// Parentheses within each other.
const DEPTH_MAX: usize = 32;

/// Reads a filter.
pub fn parse(text: &str) -> Result<Filter, BadInput> {
    read(text).map_err(|Wrong { at, message, remedy }| BadInput::in_text("--filter", text, at, message, remedy))
}

fn read(text: &str) -> Result<Filter, Wrong> {
    if text.len() > TEXT_MAX {
        return Err(wrong(0, format!("a filter of {} bytes", text.len()), format!("write at most {TEXT_MAX}")));
    }
    let mut reader = Reader { words: words(text), next: 0, end: text.len(), ops: Vec::new(), last: None };
    if reader.words.is_empty() {
        return Ok(Filter::default());
    }
    reader.expression(0)?;
    if let Some(Word { at, text }) = reader.words.get(reader.next) {
        return Err(wrong(*at, format!("'{text}' follows a filter that is whole"), "join them with 'and' or 'or'"));
    }
    let ops = reader.ops;
    Filter::try_from(ops).map_err(|error| wrong(0, error.to_string(), format!("write at most {OPS_MAX} tests")))
}

fn wrong(at: usize, message: impl Into<String>, remedy: impl Into<String>) -> Wrong {
    Wrong { at, message: message.into(), remedy: remedy.into() }
}

/// A word, and where it begins.
#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    at: usize,
    text: &'a str,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match letter {
            letter if letter.is_whitespace() => {
                at += letter.len_utf8();
                continue;
            }
            '(' | ')' | '!' => 1,
            '&' | '|' if rest[1..].starts_with(letter) => 2,
            _ => {
                let ends = |letter: char| letter.is_whitespace() || "()!&|".contains(letter);
                // One that stands alone is a word, which nobody knows.
                rest.find(ends).filter(|length| *length > 0).unwrap_or_else(|| match rest.find(char::is_whitespace) {
                    Some(length) if rest.starts_with(ends) => length,
                    _ => rest.len(),
                })
            }
        };
        words.push(Word { at, text: &rest[..length] });
        at += length;
    }
    words
}

/// Of which protocol something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Ether,
    Arp,
    Ip(Family),
    Transport(u8),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Host,
    Net,
    Port,
    PortRange,
    Proto,
}

/// The words before a value.
#[derive(Clone, Copy, Debug, Default)]
struct Qualifiers {
    layer: Option<Layer>,
    end: Option<End>,
    kind: Option<Kind>,
}

struct Reader<'a> {
    words: Vec<Word<'a>>,
    next: usize,
    /// Where the text ends.
    end: usize,
    ops: Vec<Op>,
    /// What a value without words before it takes over.
    last: Option<Qualifiers>,
}

const ETHERTYPES: [(&str, u16); 8] = [
    ("ip", 0x0800),
    ("arp", 0x0806),
    ("ip6", 0x86dd),
    ("mpls", 0x8847),
    ("lldp", 0x88cc),
    ("lacp", 0x8809),
    ("pppoed", 0x8863),
    ("pppoes", 0x8864),
];
const PROTOCOLS: [(&str, u8); 13] = [
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("sctp", 132),
];
const WORDS: &str = "write host, net, port, portrange, proto, vlan, less, greater, ether, ip, ip6, arp, tcp, udp, icmp, icmp6, \
                     src, dst, and, or, not";

fn protocol(name: &str) -> Option<u8> {
    PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

fn ethertype(name: &str) -> Option<u16> {
    ETHERTYPES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The test of a protocol's name, which stands alone.
fn layer(name: &str) -> Option<(Layer, Vec<Op>)> {
    let test = |term| Op::Test(term);
    Some(match name {
        "ether" => (Layer::Ether, Vec::new()),
        "arp" => (Layer::Arp, vec![test(Term::EtherType(0x0806))]),
        "ip" => (Layer::Ip(Family::V4), vec![test(Term::EtherType(0x0800))]),
        "ip6" => (Layer::Ip(Family::V6), vec![test(Term::EtherType(0x86dd))]),
        "icmp" => (Layer::Transport(1), vec![test(Term::EtherType(0x0800)), test(Term::Protocol(1)), Op::And]),
        "icmp6" => (Layer::Transport(58), vec![test(Term::EtherType(0x86dd)), test(Term::Protocol(58)), Op::And]),
        name => (Layer::Transport(protocol(name)?), vec![test(Term::Protocol(protocol(name)?))]),
    })
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(|word| word.text)
    }

    /// Where the next word begins, or the text ends.
    fn at(&self) -> usize {
        self.words.get(self.next).map_or(self.end, |word| word.at)
    }

    fn take(&mut self, wanted: &[&str]) -> bool {
        let taken = self.peek().is_some_and(|word| wanted.contains(&word));
        self.next += usize::from(taken);
        taken
    }

    /// Terms joined by 'and' and 'or', which bind alike, from left to right (pcap-filter(7)).
    fn expression(&mut self, depth: usize) -> Result<(), Wrong> {
        self.term(depth)?;
        loop {
            let op = match self.peek() {
                Some("and" | "&&") => Op::And,
                Some("or" | "||") => Op::Or,
                _ => return Ok(()),
            };
            self.next += 1;
            self.term(depth)?;
            self.ops.push(op);
        }
    }

    fn term(&mut self, depth: usize) -> Result<(), Wrong> {
        let at = self.at();
        let mut not = false;
        while self.take(&["not", "!"]) {
            not = !not;
        }
        if self.take(&["("]) {
            if depth >= DEPTH_MAX {
                return Err(wrong(at, "parentheses too deep", format!("write at most {DEPTH_MAX} within each other")));
            }
            self.expression(depth + 1)?;
            if !self.take(&[")"]) {
                return Err(wrong(
                    self.at(),
                    "this parenthesis is not closed",
                    format!("it begins at character {}", at + 1),
                ));
            }
        } else {
            self.primitive()?;
        }
        if not {
            self.ops.push(Op::Not);
        }
        Ok(())
    }

    fn primitive(&mut self) -> Result<(), Wrong> {
        let at = self.at();
        let word = self.peek().ok_or_else(|| wrong(at, "the filter ends where a test is wanted", WORDS))?;
        match word {
            "vlan" => {
                self.next += 1;
                let number = self.peek().filter(|word| word.starts_with(|first: char| first.is_ascii_digit()));
                let vlan = number.map(|_| self.number("a VLAN", 4095)).transpose()?;
                self.ops.push(Op::Test(Term::Vlan(vlan)));
                return Ok(());
            }
            "less" | "greater" => {
                self.next += 1;
                let length = self.number("a length", u16::MAX)?;
                let term = if word == "less" { Term::AtMost(length) } else { Term::AtLeast(length) };
                self.ops.push(Op::Test(term));
                return Ok(());
            }
            _ => {}
        }
        let mut qualifiers = Qualifiers::default();
        let mut alone = None;
        if let Some((layer, ops)) = layer(word) {
            self.next += 1;
            (qualifiers.layer, alone) = (Some(layer), Some(ops));
        } else if let Some(number) = ethertype(word) {
            self.next += 1;
            self.ops.push(Op::Test(Term::EtherType(number)));
            return Ok(());
        }
        qualifiers.end = self.ends()?;
        qualifiers.kind = self.kind();
        let bare = qualifiers.end.is_none() && qualifiers.kind.is_none();
        match alone {
            Some(ops) if bare && ops.is_empty() => Err(wrong(
                self.at(),
                "'ether' of what?",
                "write 'ether host', 'ether src', 'ether dst' or 'ether proto'",
            )),
            // A protocol's name alone; an address behind it would be one with 'host' left out.
            Some(ops) if bare && !self.peek().is_some_and(is_address) => {
                self.ops.extend(ops);
                Ok(())
            }
            None if bare => {
                let last = self.last.filter(|_| !is_word(word));
                let last = last.or_else(|| is_address(word).then(Qualifiers::default));
                let qualifiers = last.ok_or_else(|| wrong(at, format!("'{word}' is no word of a filter"), WORDS))?;
                self.value(qualifiers)
            }
            _ => {
                self.last = Some(qualifiers);
                self.value(qualifiers)
            }
        }
    }

    /// `src`, `dst`, `src or dst`, `src and dst`.
    fn ends(&mut self) -> Result<Option<End>, Wrong> {
        let (first, second) = match self.peek() {
            Some("src") => (End::Source, "dst"),
            Some("dst") => (End::Destination, "src"),
            _ => return Ok(None),
        };
        self.next += 1;
        let joined = match self.peek() {
            Some("or") => End::Either,
            Some("and") => End::Both,
            _ => return Ok(Some(first)),
        };
        // `src 10.0.0.1 and …` has a value in between.
        if self.words.get(self.next + 1).map(|word| word.text) != Some(second) {
            return Err(wrong(self.at(), "a value is missing here", format!("write '… {second}' or an address")));
        }
        self.next += 2;
        Ok(Some(joined))
    }

    fn kind(&mut self) -> Option<Kind> {
        let kind = match self.peek()? {
            "host" => Kind::Host,
            "net" => Kind::Net,
            "port" => Kind::Port,
            "portrange" => Kind::PortRange,
            "proto" => Kind::Proto,
            _ => return None,
        };
        self.next += 1;
        Some(kind)
    }

    fn value(&mut self, Qualifiers { layer, end, kind }: Qualifiers) -> Result<(), Wrong> {
        let at = self.at();
        let what = || match kind {
            Some(Kind::Port | Kind::PortRange) => "a port",
            Some(Kind::Proto) => "a protocol",
            Some(Kind::Net) => "a network",
            Some(Kind::Host) | None => "an address",
        };
        let word = self.peek().filter(|word| !["(", ")", "!", "&&", "||"].contains(word));
        let word =
            word.ok_or_else(|| wrong(at, format!("{} is missing here", what()), "write it behind the word before"))?;
        self.next += 1;
        let either = end.unwrap_or(End::Either);
        let (term, family) = match (kind.unwrap_or(Kind::Host), layer) {
            (Kind::Host, Some(Layer::Ether)) => (Term::Ether(either, mac(at, word)?), None),
            (Kind::Host, _) => {
                let address: IpAddr = word.parse().map_err(|_| {
                    wrong(
                        at,
                        format!("'{word}' is no address"),
                        "names are not resolved: write 10.1.1.1 or 2001:db8::1",
                    )
                })?;
                (Term::Net(either, Prefix::host(address)), Some(Family::of(address)))
            }
            (Kind::Net, Some(Layer::Ether)) => return Err(misfit(at, "ether", "net")),
            (Kind::Net, _) => {
                let prefix = net(at, word)?;
                (Term::Net(either, prefix), Some(prefix.family()))
            }
            (Kind::Port | Kind::PortRange, Some(Layer::Ether | Layer::Arp)) => {
                return Err(misfit(at, "ether or arp", "port"));
            }
            (Kind::Port, _) => {
                let port = number(at, word, "a port", u16::MAX)?;
                (Term::Port(either, port, port), None)
            }
            (Kind::PortRange, _) => {
                let (first, last) = word.split_once('-').ok_or_else(|| {
                    wrong(at, format!("'{word}' is no range of ports"), "write 'portrange 1000-2000'")
                })?;
                let [first, last] = [first, last].map(|port| number(at, port, "a port", u16::MAX));
                (Term::Port(either, first?, last?), None)
            }
            (Kind::Proto, _) if end.is_some() => return Err(misfit(at, "src or dst", "proto")),
            (Kind::Proto, Some(Layer::Ether)) => {
                let known = ethertype(word).map_or_else(|| number(at, word, "a protocol of Ethernet", u16::MAX), Ok)?;
                (Term::EtherType(known), None)
            }
            (Kind::Proto, Some(Layer::Arp | Layer::Transport(_))) => return Err(misfit(at, "this protocol", "proto")),
            (Kind::Proto, Some(Layer::Ip(_)) | None) => {
                let word = word.strip_prefix('\\').unwrap_or(word);
                let known = protocol(word).map_or_else(|| number(at, word, "a protocol", 255).map(|n| n as u8), Ok)?;
                (Term::Protocol(known), None)
            }
        };
        self.ops.push(Op::Test(term));
        self.qualify(at, layer, family)
    }

    /// What the protocol before a value demands besides.
    fn qualify(&mut self, at: usize, layer: Option<Layer>, family: Option<Family>) -> Result<(), Wrong> {
        let term = match layer {
            None | Some(Layer::Ether) => return Ok(()),
            Some(Layer::Arp) if family == Some(Family::V6) => return Err(misfit(at, "arp", "an address of IPv6")),
            Some(Layer::Ip(of)) if family.is_some_and(|family| family != of) => {
                return Err(misfit(at, &of.to_string(), "an address of the other family"));
            }
            Some(Layer::Arp) => Term::EtherType(0x0806),
            Some(Layer::Ip(Family::V4)) => Term::EtherType(0x0800),
            Some(Layer::Ip(Family::V6)) => Term::EtherType(0x86dd),
            Some(Layer::Transport(protocol)) => Term::Protocol(protocol),
        };
        self.ops.extend([Op::Test(term), Op::And]);
        Ok(())
    }

    fn number(&mut self, what: &str, most: u16) -> Result<u16, Wrong> {
        let at = self.at();
        let word = self.peek().ok_or_else(|| wrong(at, format!("{what} is missing here"), "write a number"))?;
        self.next += 1;
        number(at, word, what, most)
    }
}

fn misfit(at: usize, one: &str, other: &str) -> Wrong {
    wrong(at, format!("'{other}' does not go with '{one}'"), "leave one of them out")
}

fn number(at: usize, word: &str, what: &str, most: u16) -> Result<u16, Wrong> {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    };
    let fits = parsed.filter(|number| *number <= most);
    fits.ok_or_else(|| wrong(at, format!("'{word}' is not {what}"), format!("write a number from 0 to {most}")))
}

fn mac(at: usize, word: &str) -> Result<Mac, Wrong> {
    let mut mac = Mac::default();
    let mut parts = word.split([':', '-']);
    let read = mac.iter_mut().all(|byte| {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()));
        part.and_then(|part| u8::from_str_radix(part, 16).ok()).map(|read| *byte = read).is_some()
    });
    if read && parts.next().is_none() {
        return Ok(mac);
    }
    Err(wrong(at, format!("'{word}' is no station's address"), "write 02:5a:00:00:01:01"))
}

/// `10.0.0.0/8`, `10.1` (as many bytes as are written), `2001:db8::/32`.
fn net(at: usize, word: &str) -> Result<Prefix, Wrong> {
    let complain = |why: String| wrong(at, why, "write 10.0.0.0/8, 10.1 or 2001:db8::/32");
    if word.contains('/') {
        return word.parse().map_err(|error: fabric_proto::fib::PrefixError| complain(error.to_string()));
    }
    if let Ok(address) = word.parse::<Ipv6Addr>() {
        return Ok(Prefix::host(address.into()));
    }
    let mut octets = [0u8; 4];
    let mut count = 0;
    for part in word.split('.') {
        let octet = octets.get_mut(count).zip(part.parse().ok());
        let (octet, read) = octet.ok_or_else(|| complain(format!("'{word}' is no network")))?;
        *octet = read;
        count += 1;
    }
    Ok(Prefix::covering(Ipv4Addr::from(octets).into(), 8 * count as u8)
        .unwrap_or_else(|_| Prefix::host(Ipv4Addr::from(octets).into())))
}

fn is_address(word: &str) -> bool {
    word.parse::<IpAddr>().is_ok()
}

/// Whether a word means something of its own, so that it is no value.
fn is_word(word: &str) -> bool {
    let known =
        ["host", "net", "port", "portrange", "proto", "src", "dst", "vlan", "less", "greater", "and", "or", "not"];
    let marks = ["(", ")", "!", "&&", "||"];
    known.contains(&word) || marks.contains(&word) || layer(word).is_some() || ethertype(word).is_some()
}

#[cfg(test)]
mod tests;
