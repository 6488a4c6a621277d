//! Text that others wrote, made fit for a terminal.

use std::borrow::Cow;

/// What stands for a character that is not shown.
const HIDDEN: char = '\u{fffd}';

/// Control characters steer a terminal, and the marks of writing direction put words where they are not.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn without(text: &str, hide: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.contains(&hide) { text.chars().map(|c| if hide(c) { HIDDEN } else { c }).collect() } else { text.into() }
}

/// `text`, of which nothing reaches a terminal as a command. Lines and tabulators stay; every other character that is
/// hidden stands as one, so that columns stay what they are.
pub fn printable(text: &str) -> Cow<'_, str> {
    without(text, |c| steers(c) && c != '\n' && c != '\t')
}

/// The same on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    without(text, steers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        for (text, shown) in [
            ("Größe 95 % – „ok“ ✓ 🦀", "Größe 95 % – „ok“ ✓ 🦀"),
            ("\u{1b}[31mred\u{7}\u{1b}]0;title\u{9c}", "\u{fffd}[31mred\u{fffd}\u{fffd}]0;title\u{fffd}"),
            ("a\r\nb\tc", "a\u{fffd}\nb\tc"),
            ("pass\u{202e}liaf", "pass\u{fffd}liaf"),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(text).chars().count(), text.chars().count());
        }
        assert_eq!(line("a\nb"), "a\u{fffd}b");
    }
}
