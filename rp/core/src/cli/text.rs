//! Times and addresses as routers print them.

use std::{net::IpAddr, time::Duration};

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

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Sep 23 03:26:09.250`, as log messages begin, from the time since 1970.
pub(super) fn syslog_time(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (_, month, day) = civil(seconds / DAY);
    let time = hours(Duration::from_secs(seconds % DAY));
    format!("{} {day:>2} {time}.{:03}", MONTHS[month as usize], since_1970.subsec_millis())
}

/// `03:26:09 UTC Wed Sep 23 2020`, from the time since 1970.
pub(super) fn clock(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let days = seconds / DAY;
    let (year, month, day) = civil(days);
    // 1970-01-01 was a Thursday.
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let month = MONTHS[month as usize];
    format!("{} UTC {weekday} {month} {day} {year}", hours(Duration::from_secs(seconds % DAY)))
}

/// Year, month (from 0) and day (from 1) of a day since 1970-01-01, in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that a leap day ends its year; 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month_from_january = (month + 2) % 12;
    (era * 400 + year + u64::from(month >= 10), month_from_january, day_of_month)
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
