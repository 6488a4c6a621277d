use super::*;
use proptest::prelude::*;

/// UDP from 10.0.0.1:1000 to 10.0.0.2:53.
fn udp(tag: &[u8], fragment: u16) -> Vec<u8> {
    let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];
    frame.extend_from_slice(tag);
    frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0x03, 0xe8, 0, 53, 0, 8, 0, 0]);
    frame
}

/// TCP to port 179 behind a hop-by-hop header and a fragment's.
fn tcp6(fragment: u16) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 0, 64]);
    for last in [1u8, 2] {
        frame.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    frame.extend([44, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend([6, 0]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend([0xc0, 0, 0, 179]);
    frame
}

fn is(frame: &[u8], term: Term) -> bool {
    Filter::try_from(vec![Op::Test(term)]).unwrap().matches(frame)
}

#[test]
fn a_test_means_what_the_manual_says() {
    let net = |text: &str| text.parse::<Prefix>().unwrap();
    let frame = udp(&[], 0);
    assert!(is(&frame, Term::EtherType(IPV4)) && !is(&frame, Term::EtherType(ARP)));
    assert!(is(&frame, Term::Protocol(17)) && !is(&frame, Term::Protocol(6)));
    assert!(is(&frame, Term::Net(End::Source, net("10.0.0.1/32"))));
    assert!(!is(&frame, Term::Net(End::Destination, net("10.0.0.1/32"))));
    assert!(
        is(&frame, Term::Net(End::Either, net("10.0.0.2/32"))) && is(&frame, Term::Net(End::Both, net("10.0.0.0/8")))
    );
    assert!(!is(&frame, Term::Net(End::Both, net("10.0.0.2/32"))) && !is(&frame, Term::Net(End::Either, net("::/0"))));
    assert!(is(&frame, Term::Port(End::Destination, 53, 53)) && !is(&frame, Term::Port(End::Source, 53, 53)));
    assert!(is(&frame, Term::Port(End::Either, 50, 60)) && !is(&frame, Term::Port(End::Both, 50, 60)));
    assert!(is(&frame, Term::Ether(End::Destination, [0xff; 6])) && !is(&frame, Term::Ether(End::Source, [0xff; 6])));
    let length = frame.len() as u16;
    assert!(is(&frame, Term::AtMost(length)) && !is(&frame, Term::AtMost(length - 1)));
    assert!(is(&frame, Term::AtLeast(length)) && !is(&frame, Term::AtLeast(length + 1)));
    assert!(!is(&frame, Term::Vlan(None)));
    // The first fragment has ports, and the others do not.
    assert!(is(&udp(&[], 0x2000), Term::Port(End::Either, 53, 53)));
    assert!(!is(&udp(&[], 0x2001), Term::Port(End::Either, 53, 53)));
    let tagged = udp(&[0x81, 0, 0x20, 100], 0);
    assert!(is(&tagged, Term::Vlan(None)) && is(&tagged, Term::Vlan(Some(100))) && !is(&tagged, Term::Vlan(Some(1))));
    assert!(is(&tagged, Term::Port(End::Either, 53, 53)), "tags are looked behind");
    let behind = tcp6(1);
    assert!(is(&behind, Term::Protocol(6)) && is(&behind, Term::Port(End::Destination, 179, 179)));
    assert!(is(&behind, Term::Net(End::Source, net("2001:db8::1/128"))));
    assert!(!is(&tcp6(8), Term::Port(End::Either, 179, 179)), "not the first fragment");
    let mut arp = vec![0; 12];
    arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9]);
    assert!(is(&arp, Term::Net(End::Destination, net("10.0.0.9/32"))) && !is(&arp, Term::Protocol(0)));
}

#[test]
fn steps_that_do_not_come_to_one_answer_are_refused() {
    let yes = Op::Test(Term::AtLeast(0));
    assert_eq!(Filter::try_from(vec![yes, yes]), Err(FilterError::Unbalanced));
    assert_eq!(Filter::try_from(vec![Op::And]), Err(FilterError::Unbalanced));
    assert_eq!(Filter::try_from(vec![yes, Op::Or]), Err(FilterError::Unbalanced));
    let deep = [vec![yes; 65], vec![Op::And; 64]].concat();
    assert_eq!(Filter::try_from(deep), Err(FilterError::Unbalanced));
    assert_eq!(Filter::try_from(vec![Op::Not; OPS_MAX + 1]), Err(FilterError::Long(OPS_MAX + 1)));
    assert!(Filter::try_from([vec![yes; 64], vec![Op::And; 63]].concat()).unwrap().matches(&[]));
    // As it comes from outside.
    let bytes = rmp_serde::to_vec(&vec![Op::And]).unwrap();
    assert!(rmp_serde::from_slice::<Filter>(&bytes).is_err());
}

fn terms() -> impl Strategy<Value = Term> {
    let end = || proptest::sample::select(&[End::Source, End::Destination, End::Either, End::Both][..]);
    prop_oneof![
        any::<u16>().prop_map(Term::EtherType),
        any::<u8>().prop_map(Term::Protocol),
        any::<Option<u16>>().prop_map(Term::Vlan),
        (end(), any::<IpAddr>(), 0u8..=32)
            .prop_map(|(end, address, len)| { Term::Net(end, Prefix::covering(address, len).unwrap()) }),
        (end(), any::<u16>(), any::<u16>()).prop_map(|(end, first, last)| Term::Port(end, first, last)),
        (end(), any::<[u8; 6]>()).prop_map(|(end, mac)| Term::Ether(end, mac)),
        any::<u16>().prop_map(Term::AtMost),
    ]
}

/// An expression, and what it comes to by the book.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Term),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

impl Tree {
    fn ops(&self, out: &mut Vec<Op>) {
        match self {
            Self::Leaf(term) => out.push(Op::Test(*term)),
            Self::And(one, other) | Self::Or(one, other) => {
                one.ops(out);
                other.ops(out);
                out.push(if matches!(self, Self::And(..)) { Op::And } else { Op::Or });
            }
            Self::Not(one) => {
                one.ops(out);
                out.push(Op::Not);
            }
        }
    }

    fn matches(&self, frame: &[u8]) -> bool {
        match self {
            Self::Leaf(term) => is(frame, *term),
            Self::And(one, other) => one.matches(frame) && other.matches(frame),
            Self::Or(one, other) => one.matches(frame) || other.matches(frame),
            Self::Not(one) => !one.matches(frame),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    terms().prop_map(Tree::Leaf).prop_recursive(5, 40, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Tree::And(one.into(), other.into())),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Tree::Or(one.into(), other.into())),
            inner.prop_map(|one| Tree::Not(one.into())),
        ]
    })
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..120),
        Just(udp(&[], 0)),
        Just(tcp6(0)),
        (0usize..62).prop_map(|cut| tcp6(0)[..cut].to_vec()),
    ]
}

proptest! {
    #[test]
    fn a_program_comes_to_what_its_expression_says(tree in trees(), frame in frames()) {
        let mut ops = Vec::new();
        tree.ops(&mut ops);
        let filter = Filter::try_from(ops).unwrap();
        prop_assert_eq!(filter.matches(&frame), tree.matches(&frame));
        let bytes = rmp_serde::to_vec(&filter).unwrap();
        prop_assert_eq!(rmp_serde::from_slice::<Filter>(&bytes).unwrap(), filter);
    }
}
