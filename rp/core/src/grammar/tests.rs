use super::*;
use Token::{Argument as A, Keyword as K};
use proptest::prelude::*;

const GRAMMAR: Grammar<u8> = Grammar {
    commands: &[
        Command { tokens: &[K("show"), K("route")], does: 0 },
        Command { tokens: &[K("show"), K("route"), A(Shape::Ipv4)], does: 1 },
        Command { tokens: &[K("show"), K("route"), A(Shape::Ipv4), A(Shape::Mask)], does: 2 },
        Command { tokens: &[K("show"), K("redundancy")], does: 3 },
        Command { tokens: &[K("reload")], does: 4 },
        Command { tokens: &[K("redundancy")], does: 5 },
        Command { tokens: &[K("say"), A(Shape::Rest)], does: 6 },
    ],
    help: &[("show redundancy", "Look"), ("redundancy", "Act"), ("show", "Show"), ("route", "Routes")],
};

fn parse(line: &str) -> Result<(u8, Vec<Value>), LineError> {
    GRAMMAR.parse(&words(line)).map(|(does, found)| (does, found.into_iter().map(|found| found.value).collect()))
}

#[test]
fn unique_prefixes_are_enough() {
    assert_eq!(parse("sh ro").unwrap().0, 0);
    assert_eq!(parse("SHOW red").unwrap().0, 3);
    assert_eq!(parse(" say  hello | there ").unwrap(), (6, vec![Value::Text("hello | there".to_owned())]));
    assert_eq!(parse("sh ro 10.0.0.0 255.0.0.0").unwrap().1[1], Value::Length(8));
}

#[test]
fn errors_name_column_word_and_what_is_valid() {
    let error = parse("show  bogus").unwrap_err();
    assert_eq!((error.column, error.word.as_str(), &error.problem), (7, "bogus", &Problem::Invalid));
    assert_eq!(error.expected, ["route", "redundancy"]);
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
    assert_eq!(Shape::Port.parse("gi2/3"), Ok(Value::Port("2/3".parse().unwrap())));
    assert_eq!(Shape::Port.parse("2/3"), Ok(Value::Port("2/3".parse().unwrap())));
    assert!(matches!(Shape::Port.parse("Serial2/3"), Err(Some(_))));
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
        for shape in [Shape::Port, Shape::Mac, Shape::Mask, Shape::Register, Shape::Ipv6Length, Shape::Number(1, 9)] {
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
