use super::*;
use Token::{AnyOf, Argument as A, Keyword as K, OneOf, Optional};
use proptest::prelude::*;
use std::sync::LazyLock;

const COMMANDS: &[Command<u8>] = &[
    command(&[K("show"), K("route"), Optional(&[A(Shape::Ipv4), Optional(&[A(Shape::Mask)])])], 1),
    command(&[K("show"), K("redundancy")], 3),
    command(&[K("reload")], 4),
    command(&[K("redundancy")], 5),
    command(&[K("say"), A(Shape::Rest)], 6),
    command(&[Optional(&[K("no")]), K("traps"), Optional(&[K("snmp"), AnyOf(&[K("up"), K("down")])])], 7),
    command(&[K("via"), OneOf(&[&[A(Shape::Ipv4)], &[K("port"), A(Shape::Interface)], &[K("null")]]), K("end")], 8),
];

static GRAMMAR: LazyLock<Grammar<u8>> = LazyLock::new(|| {
    let help = &[("show redundancy", "Look"), ("redundancy", "Act"), ("show", "Show"), ("route", "Routes")];
    Grammar::new(COMMANDS, &[help])
});

/// Every row that a row with open parts stands for.
pub(crate) fn rows(tokens: &[Token]) -> Vec<Vec<Token>> {
    let Some((first, rest)) = tokens.split_first() else { return vec![Vec::new()] };
    let heads: Vec<Vec<Token>> = match first {
        K(_) | A(_) => vec![vec![*first]],
        Optional(tokens) => [vec![Vec::new()], rows(tokens)].concat(),
        OneOf(of) => of.iter().flat_map(|row| rows(row)).collect(),
        AnyOf(tokens) => any(tokens),
    };
    let tails = rows(rest);
    heads.iter().flat_map(|head| tails.iter().map(|tail| [head.clone(), tail.clone()].concat())).collect()
}

fn any(tokens: &[Token]) -> Vec<Vec<Token>> {
    let mut all = vec![Vec::new()];
    for (at, token) in tokens.iter().enumerate() {
        let others = [&tokens[..at], &tokens[at + 1..]].concat();
        all.extend(any(&others).into_iter().map(|rest| [vec![*token], rest].concat()));
    }
    all
}

impl Shape {
    /// A word of this shape.
    pub(crate) fn sample(self) -> String {
        match self {
            Self::Word | Self::Rest => "text".to_owned(),
            Self::Number(min, _) => min.to_string(),
            Self::HoursMinutes => "0:05".to_owned(),
            Self::Register => "0x2102".to_owned(),
            Self::Ipv4 => "10.0.0.1".to_owned(),
            Self::Mask => "255.255.255.0".to_owned(),
            Self::Ipv4Length => "10.0.0.0/8".to_owned(),
            Self::Ipv6 => "2001:db8::1".to_owned(),
            Self::Ipv6Length => "2001:db8::/64".to_owned(),
            Self::Mac => "0200.0000.0001".to_owned(),
            Self::Slot => "1".to_owned(),
            Self::RpSlot => "A".to_owned(),
            Self::Interface | Self::PortNumber => "1/1".to_owned(),
            Self::LoopbackNumber => "0".to_owned(),
            Self::VpnNumber => "65000:1".to_owned(),
        }
    }
}

fn parse(line: &str) -> Result<(u8, Vec<Value>), LineError> {
    GRAMMAR.parse(&words(line)).map(|(does, line)| (does, line.values.into_iter().map(|found| found.value).collect()))
}

#[test]
fn unique_prefixes_are_enough() {
    assert_eq!(parse("sh ro").unwrap().0, 1);
    assert_eq!(parse("SHOW red").unwrap().0, 3);
    assert_eq!(parse(" say  hello | there ").unwrap(), (6, vec![Value::Text("hello | there".to_owned())]));
    assert_eq!(parse("sh ro 10.0.0.0 255.0.0.0").unwrap().1[1], Value::Length(8));
}

#[test]
fn errors_name_column_word_and_what_is_valid() {
    let error = parse("show  bogus").unwrap_err();
    assert_eq!((error.column, error.word.as_str(), &error.problem), (7, "bogus", &Problem::Invalid));
    assert_eq!(error.expected, ["route", "redundancy"]);
    assert_eq!(parse("via").unwrap_err().expected, ["A.B.C.D", "port", "null"]);
    let error = parse("re").unwrap_err();
    assert_eq!(
        (error.problem, error.expected),
        (Problem::Ambiguous, vec!["reload".to_owned(), "redundancy".to_owned()])
    );
    assert_eq!(parse("show").unwrap_err().problem, Problem::Incomplete);
    assert_eq!(parse("reload now").unwrap_err().expected, ["the end of the line"]);
    let error = parse("show route 1.2.3.4 255.0.255.0").unwrap_err();
    assert!(matches!(error.problem, Problem::Value(_)), "{error:?}");
}

#[test]
fn parts_may_be_left_out_and_chosen() {
    let said = |line: &str| GRAMMAR.parse(&words(line)).map(|(does, line)| (does, line.keywords));
    assert_eq!(said("traps"), Ok((7, vec!["traps"])));
    assert_eq!(said("no traps snmp d u"), Ok((7, vec!["no", "traps", "snmp", "down", "up"])));
    assert_eq!(said("traps snmp up up").unwrap_err().expected, ["down"]);
    assert_eq!(parse("via port 1/1 end").unwrap().1.len(), 1);
    assert_eq!(said("via null end"), Ok((8, vec!["via", "null", "end"])));
    assert_eq!(parse("via 10.0.0.1").unwrap_err().expected, ["end"]);
    let written: Vec<String> = COMMANDS[5..].iter().map(|command| syntax(command.tokens)).collect();
    assert_eq!(written, ["[no] traps [snmp [up] [down]]", "via {A.B.C.D | port <slot>/<port> | null} end"]);
    let traps = rows(COMMANDS[5].tokens);
    assert_eq!(traps.len(), 12);
    for row in traps {
        assert_eq!(said(&syntax(&row)).unwrap().0, 7, "{row:?}");
    }
}

#[test]
fn help_lists_next_words_or_completions() {
    let help = |before: &str, partial| {
        let rows = GRAMMAR.help(&words(before), partial).unwrap();
        rows.into_iter().map(|row| (row.label, row.text)).collect::<Vec<_>>()
    };
    assert_eq!(help("show", ""), [("redundancy".to_owned(), "Look"), ("route".to_owned(), "Routes")]);
    assert_eq!(help("", "red"), [("redundancy".to_owned(), "Act")]);
    assert_eq!(help("show route", "").last().unwrap().0, "<cr>");
    assert!(GRAMMAR.help(&words("bogus"), "").is_err());
}

#[test]
fn shapes_read_what_they_say() {
    assert_eq!(Shape::Interface.parse("gi2/3"), Ok(Value::Interface("2/3".parse().unwrap())));
    assert_eq!(Shape::Interface.parse("2/3"), Ok(Value::Interface("2/3".parse().unwrap())));
    assert!(matches!(Shape::Interface.parse("Serial2/3"), Err(Some(_))));
    assert_eq!(Shape::Mac.parse("0200.a.1"), Ok(Value::Mac([2, 0, 0, 10, 0, 1])));
    assert_eq!(Shape::Mac.parse("0200.0a01"), Err(None));
    assert_eq!(Shape::Mask.parse("0.0.0.0"), Ok(Value::Length(0)));
    assert_eq!(Shape::Mask.parse("255.255.255.255"), Ok(Value::Length(32)));
    assert_eq!(Shape::Register.parse("0x2102"), Ok(Value::Number(0x2102)));
    assert!(matches!(Shape::Register.parse("0x12345"), Err(Some(_))));
    assert_eq!(Shape::Register.parse("0x+1"), Err(None));
}

proptest! {
    #[test]
    fn arbitrary_lines_do_not_panic(line in "\\PC*", shape_text in "\\PC{0,20}") {
        let _ = parse(&line);
        let _ = GRAMMAR.help(&words(&line), &shape_text);
        for shape in [Shape::Interface, Shape::PortNumber, Shape::LoopbackNumber, Shape::Mac, Shape::Mask, Shape::Register, Shape::Ipv6Length, Shape::Number(1, 9)] {
            let _ = shape.parse(&shape_text);
        }
    }

    #[test]
    fn a_words_column_points_at_it(line in "[ a-z\u{e4}\t]{0,40}") {
        for word in words(&line) {
            let at: String = line.chars().skip(word.column - 1).take(word.text.chars().count()).collect();
            prop_assert_eq!(at, word.text);
        }
    }
}
