//! How figures and times are written.

use time::UtcDateTime;

/// What stands where nothing was measured.
pub(super) const NOT_MEASURED: &str = "–";

/// A mode as people write it: `RPR+`.
pub fn mode_label(mode: &str) -> String {
    match mode {
        "rpr-plus" => "RPR+".to_owned(),
        // The mode of a lab without a chassis.
        "none" => "no chassis".to_owned(),
        other => other.to_uppercase(),
    }
}

/// A whole number with its thousands set apart.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A figure with three significant digits, or all digits of its whole part.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || size.fract() == 0.0 || size >= 99.95 {
        let whole = count(size.round() as u64);
        if value < 0.0 { format!("-{whole}") } else { whole }
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.9995 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// A figure that may not have been measured.
pub(super) fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| NOT_MEASURED.to_owned(), figure)
}

/// A rate: `100 kpps`.
pub fn rate(pps: f64) -> String {
    if pps >= 1e6 {
        format!("{} Mpps", figure(pps / 1e6))
    } else if pps >= 1e3 {
        format!("{} kpps", figure(pps / 1e3))
    } else {
        format!("{} pps", figure(pps))
    }
}

/// Bytes: `7.76 GiB`.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{} {unit}", figure(value))
}

/// A duration for people: `43 s`, `3 min 10 s`.
pub(super) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

/// Last second that has a date of four digits a year: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

/// `2026-03-01T12:30:05Z` for milliseconds since the epoch.
pub fn utc(unix_ms: u64) -> String {
    let seconds = (unix_ms / 1000).min(LAST) as i64;
    let at = UtcDateTime::from_unix_timestamp(seconds).unwrap_or(UtcDateTime::UNIX_EPOCH);
    let ((hour, minute, second), month) = (at.as_hms(), u8::from(at.month()));
    format!("{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", at.year(), at.day())
}

/// `20260301T123005Z`: names a run's directory.
pub fn compact_utc(unix_ms: u64) -> String {
    utc(unix_ms).replace(['-', ':'], "")
}

/// Text made safe inside HTML, XML and SVG, attributes too. Control characters, which XML forbids, are replaced.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_and_all_of_their_whole_part() {
        let written = [0.0, 0.0123, 1.0, 1.234, 12.34, 123.4, 61_234.6, -5.0].map(figure);
        assert_eq!(written, ["0", "0.012", "1", "1.23", "12.3", "123", "61,235", "-5"]);
        assert_eq!(maybe(None), "–");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn days_are_counted_right() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_772_368_205_000), "2026-03-01T12:30:05Z");
        assert_eq!(compact_utc(1_772_368_205_999), "20260301T123005Z");
        assert_eq!(utc(u64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn markup_is_made_harmless() {
        assert_eq!(escape("<a href=\"x\">&'\u{1}"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}");
    }
}
