//! A command in one text, as in a shell: words, and quotes around what belongs together. Nothing is expanded.

/// Splits a text; `None` where a quote is not closed.
pub fn split(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut open) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (open, letter) {
            (Some(quote), _) if letter == quote => open = None,
            (None, '\'' | '"') => {
                open = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') => word.get_or_insert_default().push(letters.next()?),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    open.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_those_of_a_shell() {
        let words = |text| split(text).map(|words| words.join("|"));
        assert_eq!(words("  ip addr\tadd x ").unwrap(), "ip|addr|add|x");
        assert_eq!(words(r#"sh -c 'a b; c' "d \"e\"" f\ g """#).unwrap(), r#"sh|-c|a b; c|d "e"|f g|"#);
        assert_eq!(words("a'b'\"c\"").unwrap(), "abc");
        assert_eq!(words("").unwrap(), "");
        assert_eq!(words("a 'b"), None);
        assert_eq!(words("a\\"), None);
    }
}
