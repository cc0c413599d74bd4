//! Orders that are another one than that of the text: durations, money, addresses, points in time. A value is turned into bytes that
//! sort as the server sorts it; what cannot be read so (another `intervalstyle` or `datestyle`) is compared as text, behind the others.

use super::key;
use crate::model::{Cell, Dialect};
use std::net::IpAddr;

/// How values of a column are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Numbers by value, text by its characters' codes.
    #[default]
    Plain,
    /// PostgreSQL's numbers, `NaN` and the infinities included.
    Number,
    /// PostgreSQL's `interval`, by its default style; a month counts 30 days, a day 24 hours, as for the server.
    Interval,
    /// A time of the day, or MySQL's `time`, which may be negative or longer than a day.
    Clock,
    /// With an offset: by the moment, then by the offset.
    ZonedClock,
    /// Dates and timestamps, with `infinity` and years before Christ and after 9999.
    Moment,
    /// PostgreSQL's `money`, whose values in one session have the same number of decimals.
    Money,
    /// PostgreSQL's `boolean`, which prints `t` and `f`, in all the words that it takes.
    Boolean,
    /// `inet`, `cidr`: by family, network, length of the mask, host.
    Address,
}

const DAY: i128 = 86_400_000_000;

impl Order {
    /// The order of a type. SQLite has one order for text, whatever a column is declared as.
    pub fn of(dialect: Dialect, type_name: &str) -> Self {
        let name = type_name.to_ascii_lowercase();
        let first = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let zoned = name.ends_with("with time zone") || first == "timetz";
        match (dialect, first) {
            (Dialect::Sqlite, _) => Order::Plain,
            _ if name.ends_with("[]") => Order::Plain,
            (Dialect::Postgres, "numeric" | "real" | "double") => Order::Number,
            (Dialect::Postgres, "interval") => Order::Interval,
            (Dialect::Postgres, "money") => Order::Money,
            (Dialect::Postgres, "boolean" | "bool") => Order::Boolean,
            (_, "inet" | "cidr" | "inet4" | "inet6") => Order::Address,
            (_, "time" | "timetz") if zoned => Order::ZonedClock,
            (_, "time") => Order::Clock,
            (_, "date" | "timestamp" | "timestamptz" | "datetime") => Order::Moment,
            _ => Order::Plain,
        }
    }

    /// Appends the key of a value of such a column; `None` for NULL. The answer is false when the value was taken as text although
    /// its order is another one.
    pub fn key(self, cell: Cell<'_>, out: &mut Vec<u8>) -> Option<bool> {
        match (self, cell) {
            (Order::Plain, _) | (_, Cell::Null | Cell::Binary(_)) => key::key(cell, out).map(|()| true),
            (Order::Number, Cell::Text(b) | Cell::Number(b)) => key::key(Cell::Number(b), out).map(|()| true),
            (_, Cell::Text(b) | Cell::Number(b)) => match std::str::from_utf8(b).ok().filter(|t| self.value(t, out)) {
                Some(_) => Some(true),
                None => key::key(Cell::Text(b), out).map(|()| false),
            },
        }
    }

    /// Appends the key of a value by its text; false, and nothing appended, when it is none of this order.
    pub fn value(self, text: &str, out: &mut Vec<u8>) -> bool {
        let text = text.trim();
        match self {
            Order::Plain => false,
            Order::Number => {
                let word = ["Infinity", "-Infinity", "NaN"].into_iter().find(|w| w.eq_ignore_ascii_case(text));
                match word {
                    Some(w) => key::key(Cell::Number(w.as_bytes()), out).is_some(),
                    None => key::number(text.as_bytes(), out),
                }
            }
            Order::Interval => number(interval(text), 0, out),
            Order::Clock => number(clock(text), 0, out),
            Order::ZonedClock => match zoned(text) {
                Some((time, offset)) => number(Some(time - offset), -offset, out),
                None => false,
            },
            Order::Moment => number(moment(text), 0, out),
            Order::Money => money(text).is_some_and(|digits| key::number(digits.as_bytes(), out)),
            Order::Boolean => number(boolean(text), 0, out),
            Order::Address => address(text, out),
        }
    }
}

/// A whole number, and another one for those that are equal, as bytes.
fn number(n: Option<i128>, then: i128, out: &mut Vec<u8>) -> bool {
    let Some(n) = n else { return false };
    out.push(key::NUMBER);
    for n in [n, then] {
        out.extend_from_slice(&(n ^ i128::MIN).to_be_bytes());
    }
    true
}

/// A word for yes or no, as the server reads them; all but `o` may be cut short.
fn boolean(text: &str) -> Option<i128> {
    let word = text.to_ascii_lowercase();
    let of = |all: &[&str]| all.iter().any(|w| w.starts_with(&word));
    match word.as_str() {
        "" | "o" => None,
        "1" | "on" => Some(1),
        "0" | "of" | "off" => Some(0),
        _ if of(&["true", "yes"]) => Some(1),
        _ if of(&["false", "no"]) => Some(0),
        _ => None,
    }
}

/// Microseconds of `12:34:56.789`, also negative and with more than 24 hours.
fn clock(text: &str) -> Option<i128> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = rest.split(':');
    let (h, m, s) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    if parts.next().is_some() {
        return None;
    }
    let us = (whole(h)? * 60 + whole(m)?) * 60_000_000 + fraction(s)?;
    Some(if negative { -us } else { us })
}

fn whole(s: &str) -> Option<i128> {
    (!s.is_empty() && s.len() < 18 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok())?
}

/// Millionths of a decimal number.
fn fraction(s: &str) -> Option<i128> {
    let (n, part) = s.split_once('.').unwrap_or((s, "0"));
    if part.is_empty() || part.len() > 9 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millionths: String = part.bytes().chain(std::iter::repeat(b'0')).take(6).map(char::from).collect();
    Some(whole(n)? * 1_000_000 + whole(&millionths)?)
}

/// `1 year -2 mons 3 days -04:05:06.7`, and what people type for it: `90 min`, `2 weeks`, `1h`. In microseconds.
fn interval(text: &str) -> Option<i128> {
    match text {
        "infinity" => return Some(i128::MAX),
        "-infinity" => return Some(i128::MIN),
        _ => {}
    }
    let mut sum = 0i128;
    let mut words = text.split_whitespace();
    let mut any = false;
    while let Some(word) = words.next() {
        any = true;
        if word.contains(':') {
            sum += clock(word)?;
            continue;
        }
        let end = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        let (amount, unit) = word.split_at(end);
        let unit = if unit.is_empty() { words.next()? } else { unit };
        let (negative, amount) = match amount.strip_prefix('-') {
            Some(a) => (true, a),
            None => (false, amount.strip_prefix('+').unwrap_or(amount)),
        };
        let one = match unit.to_ascii_lowercase().as_str() {
            "y" | "year" | "years" => 360 * DAY,
            "mon" | "mons" | "month" | "months" => 30 * DAY,
            "w" | "week" | "weeks" => 7 * DAY,
            "d" | "day" | "days" => DAY,
            "h" | "hour" | "hours" => DAY / 24,
            "m" | "min" | "mins" | "minute" | "minutes" => DAY / 1440,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000,
            "ms" => 1000,
            _ => return None,
        };
        let part = fraction(amount)?.checked_mul(one)? / 1_000_000;
        sum += if negative { -part } else { part };
    }
    any.then_some(sum)
}

/// A clock with an offset such as `+05:45`: both in microseconds, the offset east of Greenwich.
fn zoned(text: &str) -> Option<(i128, i128)> {
    let sign = text.rfind(['+', '-']).filter(|at| *at > 0)?;
    Some((clock(&text[..sign])?, offset(&text[sign..])?))
}

fn offset(text: &str) -> Option<i128> {
    match text.contains(':') {
        true => clock(text),
        false => clock(&format!("{text}:00")),
    }
}

/// Microseconds of a date, or a date and a time, in the form of ISO 8601 as servers print it.
fn moment(text: &str) -> Option<i128> {
    match text {
        "infinity" => return Some(i128::MAX),
        "-infinity" => return Some(i128::MIN),
        _ => {}
    }
    let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |t| (t, true));
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
    let mut parts = date.split('-');
    let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || y.len() < 4 || m.len() != 2 || d.len() != 2 {
        return None;
    }
    let (year, month, day) = (whole(y)?, whole(m)?, whole(d)?);
    let year = if before_christ { 1 - year } else { year };
    let (time, zone) = match time.rfind(['+', '-']) {
        Some(at) => (clock(&time[..at])?, Some(offset(&time[at..])?)),
        None => (clock(time.strip_suffix('Z').unwrap_or(time))?, None),
    };
    match zone {
        // An offset may lead into the day before: real days are needed, and such a value has them.
        Some(zone) if (1..=12).contains(&month) && (1..=31).contains(&day) => Some(days(year, month, day) * DAY + time - zone),
        Some(_) => None,
        // MySQL's days and months may be zero.
        None => Some(((year * 13 + month) * 32 + day) * DAY + time),
    }
}

/// Days since 0000-03-01 in the Gregorian calendar.
fn days(year: i128, month: i128, day: i128) -> i128 {
    let y = if month <= 2 { year - 1 } else { year };
    let m = (month + 9) % 12;
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (m * 153 + 2) / 5 + day - 1
}

/// The digits of an amount, with its sign: point, separators and currency are the same for all values of a session.
fn money(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let negative = text.contains('-') || text.starts_with('(');
    (!digits.is_empty()).then(|| if negative { format!("-{digits}") } else { digits })
}

/// As PostgreSQL compares (network.c): the bits that both masks cover, then the shorter mask first, then the rest.
fn address(text: &str, out: &mut Vec<u8>) -> bool {
    let (ip, mask) = match text.split_once('/') {
        Some((ip, mask)) => (ip, mask.parse::<usize>().ok()),
        None => (text, Some(usize::MAX)),
    };
    let (Ok(ip), Some(mask)) = (ip.parse::<IpAddr>(), mask) else { return false };
    let bytes: Vec<u8> = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mask = mask.min(bytes.len() * 8);
    out.extend_from_slice(&[key::NUMBER, if ip.is_ipv4() { 4 } else { 6 }]);
    // Bits of the network as 1 and 2, and 0 for their end; five to a byte.
    let bit = |i: usize| 1 + (bytes[i / 8] >> (7 - i % 8) & 1);
    let digits: Vec<u8> = (0..mask).map(bit).chain([0]).collect();
    out.extend(digits.chunks(5).map(|five| (0..5).fold(0, |n, i| n * 3 + five.get(i).copied().unwrap_or(0))));
    out.extend_from_slice(&bytes);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(order: Order, values: &[&str]) -> Vec<Vec<u8>> {
        let of = |v: &&str| {
            let mut out = Vec::new();
            assert_eq!(order.key(Cell::Text(v.as_bytes()), &mut out), Some(true), "{v} is taken as text");
            out
        };
        values.iter().map(of).collect()
    }

    #[test]
    fn values_sort_as_the_server_sorts_them() {
        for (order, sorted) in [
            (Order::of(Dialect::Postgres, "numeric(10,2)"), &["-Infinity", "-7", "5", "1e20", "Infinity", "NaN"][..]),
            (
                Order::Interval,
                &[
                    "-infinity",
                    "-178000000 years",
                    "-1 days",
                    "-00:00:00.000001",
                    "00:00:00",
                    "10:00:00",
                    "1 day -00:00:01",
                    "1 day",
                    "2 days",
                    "10 days",
                    "1 mon",
                    "1 year -2 mons 3 days",
                    "1 year",
                    "infinity",
                ][..],
            ),
            (Order::Clock, &["-838:59:59", "-00:00:01", "00:00:00", "09:00:00", "24:00:00", "99:00:00", "100:00:00"]),
            // 12:00+02 is 10:00 UTC, 11:00+00 is later; of the same moment the eastern one has the smaller offset for the server.
            (Order::ZonedClock, &["12:00:00+02", "12:30:00+02", "11:00:00+00", "10:30:00-03:30"]),
            (
                Order::Moment,
                &[
                    "-infinity",
                    "4713-01-01 BC",
                    "0044-03-15 BC",
                    "0044-03-16 BC",
                    "0001-01-01",
                    "2026-01-01",
                    "2026-01-01 00:00:00.5",
                    "10000-01-01",
                    "5874897-12-31",
                    "infinity",
                ],
            ),
            (Order::Moment, &["2024-10-27 02:30:00+02", "2024-10-27 02:15:00+01"]),
            (Order::Money, &["-$1,000.00", "-$1.00", "$0.00", "$9.00", "$10.00", "$1,000.00"]),
            (Order::Address, &["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/9", "10.0.0.1", "10.0.0.2", "192.168.0.1/24", "::1", "::ffff:1.2.3.4"]),
        ] {
            let keys = keys(order, sorted);
            for (pair, names) in keys.windows(2).zip(sorted.windows(2)) {
                assert!(pair[0] < pair[1], "{order:?}: {} < {}", names[0], names[1]);
            }
        }
        assert_eq!(keys(Order::Interval, &["24:00:00"]), keys(Order::Interval, &["1 day"]));
        assert_eq!(keys(Order::Interval, &["1 mon"]), keys(Order::Interval, &["30 days"]));
        assert_eq!(keys(Order::Interval, &["90 min"]), keys(Order::Interval, &["1.5 hours"]));
        assert_eq!(keys(Order::Moment, &["2024-03-01 00:30:00+01"]), keys(Order::Moment, &["2024-02-29 23:30:00+00"]));
    }

    #[test]
    fn what_cannot_be_read_is_text_and_says_so() {
        for (order, value) in [
            (Order::Interval, "P1Y2M"),
            (Order::Interval, "@ 1 day ago"),
            (Order::Moment, "15/03/2024"),
            (Order::Moment, "Sun Mar 15 00:00:00 2024"),
            (Order::Address, "nowhere"),
            (Order::Money, "€"),
            (Order::Clock, "noon"),
        ] {
            assert_eq!(order.key(Cell::Text(value.as_bytes()), &mut Vec::new()), Some(false), "{order:?} {value}");
        }
        assert_eq!(Order::Interval.key(Cell::Null, &mut Vec::new()), None);
        let of = |d, t| Order::of(d, t);
        assert_eq!(of(Dialect::Postgres, "timestamp with time zone"), Order::Moment);
        assert_eq!(of(Dialect::Postgres, "time(3) with time zone"), Order::ZonedClock);
        assert_eq!(of(Dialect::Postgres, "interval day to second"), Order::Interval);
        assert_eq!(of(Dialect::Postgres, "interval[]"), Order::Plain);
        assert_eq!(of(Dialect::MySql, "time"), Order::Clock);
        assert_eq!(of(Dialect::Sqlite, "date"), Order::Plain, "it is text there");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[-+0-9:./ a-zBC]{0,30}|\\PC{0,20}") {
            for order in [Order::Interval, Order::Clock, Order::ZonedClock, Order::Moment, Order::Money, Order::Address] {
                order.key(Cell::Text(text.as_bytes()), &mut Vec::new());
            }
        }
    }
}
