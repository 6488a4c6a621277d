//! Times and addresses as routers print them.

use std::{fmt::Display, net::IpAddr, time::Duration};
use time::{Date, UtcDateTime};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
const YEAR: u64 = 365 * DAY;

/// `2 weeks, 23 hours, 41 minutes`: units of zero are left out, minutes never.
pub(super) fn uptime(time: Duration) -> String {
    let mut rest = time.as_secs();
    let mut parts = Vec::new();
    for (unit, name) in [(YEAR, "year"), (WEEK, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")] {
        let count = rest / unit;
        rest %= unit;
        if count > 0 || unit == MINUTE {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.join(", ")
}

/// `00:01:02`, from one day `1d02h`, from one week `3w4d`, from one year `1y5w`.
pub(super) fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..DAY => hours(time),
        DAY..WEEK => format!("{}d{:02}h", seconds / DAY, seconds % DAY / HOUR),
        WEEK..YEAR => format!("{}w{}d", seconds / WEEK, seconds % WEEK / DAY),
        YEAR.. => format!("{}y{}w", seconds / YEAR, seconds % YEAR / WEEK),
    }
}

/// `00:01:02`, with as many hours as it takes.
pub(super) fn hours(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / HOUR, seconds % HOUR / MINUTE, seconds % MINUTE)
}

/// `Sep 23 03:26:09.250`, as log messages begin, from the time since 1970.
pub(super) fn syslog_time(since_1970: Duration) -> String {
    let at = date(since_1970);
    let time = hours(Duration::from_secs(since_1970.as_secs() % DAY));
    format!("{} {:>2} {time}.{:03}", short(at.month()), at.day(), since_1970.subsec_millis())
}

/// `03:26:09 UTC Wed Sep 23 2020`, from the time since 1970.
pub(super) fn clock(since_1970: Duration) -> String {
    let at = date(since_1970);
    let time = hours(Duration::from_secs(since_1970.as_secs() % DAY));
    format!("{time} UTC {} {} {} {}", short(at.weekday()), short(at.month()), at.day(), at.year())
}

/// The day; far beyond any clock, the last that there is.
fn date(since_1970: Duration) -> Date {
    let days = i32::try_from(since_1970.as_secs() / DAY).unwrap_or(i32::MAX);
    Date::from_julian_day(UtcDateTime::UNIX_EPOCH.to_julian_day().saturating_add(days)).unwrap_or(Date::MAX)
}

/// The first three letters of a month or a day of the week.
fn short(name: impl Display) -> String {
    name.to_string().chars().take(3).collect()
}

/// An address as show commands print it: IPv6 in capitals.
pub(super) fn address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.to_string().to_ascii_uppercase(),
    }
}

/// A name as a JSON key: `comm link up` is `comm_link_up`.
pub(super) fn snake_case(name: &str) -> String {
    let mut key = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            key.push(letter.to_ascii_lowercase());
        } else if !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    key.trim_end_matches('_').to_owned()
}
