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
    /// Numbers of a type that has nothing else; PostgreSQL's `NaN` and the infinities included.
    Number,
    /// MySQL's `bit`: the number that its bits are.
    Bits,
    /// PostgreSQL's `character(n)`: the blanks at its end do not count.
    Padded,
    /// A UUID, in any of the ways to write it.
    Uuid,
    /// PostgreSQL's `interval`, by its default style; a month counts 30 days, a day 24 hours, as for the server.
    Interval,
    /// A time of the day, or MySQL's `time`, which may be negative or longer than a day.
    Clock,
    /// With an offset: by the moment, then by the offset.
    ZonedClock,
    /// Dates and timestamps, with `infinity` and years before Christ and after 9999.
    Moment,
    /// Those that have an offset, by the clocks that they show: what is compared with has none, and means the same clocks.
    Wall,
    /// Those that have an offset.
    ZonedMoment,
    /// PostgreSQL's `money`.
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
            (Dialect::Postgres, "numeric" | "real" | "double" | "smallint" | "integer" | "bigint" | "oid") => Order::Number,
            (Dialect::MySql, "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "year") => {
                Order::Number
            }
            (Dialect::MySql, "bit") => Order::Bits,
            (Dialect::Postgres, "character" | "bpchar") if !name.contains("varying") => Order::Padded,
            (_, "uuid") => Order::Uuid,
            (Dialect::Postgres, "interval") => Order::Interval,
            (Dialect::Postgres, "money") => Order::Money,
            (Dialect::Postgres, "boolean" | "bool") => Order::Boolean,
            (_, "inet" | "cidr" | "inet4" | "inet6") => Order::Address,
            (_, "time" | "timetz") if zoned => Order::ZonedClock,
            (_, "time") => Order::Clock,
            (_, "timestamp" | "timestamptz") if zoned || first == "timestamptz" => Order::ZonedMoment,
            (_, "date" | "timestamp" | "datetime") => Order::Moment,
            _ => Order::Plain,
        }
    }

    /// Appends the key of a value of such a column; `None` for NULL. The answer is false when the value was taken as text although
    /// its order is another one.
    pub fn key(self, cell: Cell<'_>, out: &mut Vec<u8>) -> Option<bool> {
        match (self, cell) {
            (Order::Bits, Cell::Binary(b)) if b.len() <= 8 => {
                let n = b.iter().fold(0i128, |n, b| n << 8 | i128::from(*b));
                number(Some(n), 0, out).then_some(true)
            }
            (Order::Padded, Cell::Text(b)) => key::key(Cell::Text(b.trim_ascii_end()), out).map(|()| true),
            (Order::Plain, _) | (_, Cell::Null | Cell::Binary(_)) => key::key(cell, out).map(|()| true),
            (Order::Number, Cell::Text(b) | Cell::Number(b)) => key::key(Cell::Number(b), out).map(|()| true),
            (_, Cell::Text(b) | Cell::Number(b)) => match std::str::from_utf8(b).ok().filter(|t| self.value(t, out)) {
                Some(_) => Some(true),
                None => key::key(Cell::Text(b), out).map(|()| false),
            },
        }
    }

    /// Appends the key of what people type to compare with, which may be shorter than what servers print, and the order to compare by.
    /// `None`: it is none of this order.
    pub fn typed(self, text: &str, out: &mut Vec<u8>) -> Option<Order> {
        let trimmed = text.trim();
        let done = match self {
            Order::Padded => key::key(Cell::Text(text.trim_end().as_bytes()), out).is_some(),
            Order::Clock => self.value(text, out) || number(interval(trimmed), 0, out),
            Order::Moment | Order::ZonedMoment => {
                // Where the column has no offset, servers pass over the one that is typed; where none is typed, it means the session's clocks.
                let by = match Moment::parse(trimmed)? {
                    Moment::At { offset: None, .. } if self == Order::ZonedMoment => Order::Wall,
                    _ => self,
                };
                return by.value(trimmed, out).then_some(by);
            }
            _ => self.value(text, out),
        };
        done.then_some(self)
    }

    /// What a value to compare with has to be, behind `no`: the end of a sentence.
    pub fn wants(self) -> &'static str {
        match self {
            Order::Plain | Order::Padded => "text",
            Order::Number | Order::Bits => "number",
            Order::Uuid => "UUID",
            Order::Interval => "duration: write 90 min, 3 days, 1 mon 2 days or 04:30:00",
            Order::Clock => "time of the day: write 14:30 or 14:30:00",
            Order::ZonedClock => "time of the day with its offset: write 14:30+02",
            Order::Moment | Order::Wall => "date or a time: write 2024-03-30 or 2024-03-30 02:00:00",
            Order::ZonedMoment => "date or a time: write 2024-03-30, 2024-03-30 02:00 or 2024-03-30 02:00:00+01",
            Order::Money => "amount",
            Order::Boolean => "yes or no",
            Order::Address => "network address",
        }
    }

    /// Appends the key of a value by its text; false, and nothing appended, when it is none of this order.
    pub fn value(self, text: &str, out: &mut Vec<u8>) -> bool {
        let text = text.trim();
        match self {
            Order::Plain | Order::Padded => false,
            Order::Bits => text.parse::<u64>().is_ok_and(|n| number(Some(n.into()), 0, out)),
            Order::Uuid => uuid(text).is_some_and(|digits| key::key(Cell::Text(digits.as_bytes()), out).is_some()),
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
            Order::Moment | Order::Wall => number(Moment::parse(text).map(|m| m.wall()), 0, out),
            Order::ZonedMoment => number(Moment::parse(text).and_then(|m| m.instant()), 0, out),
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
    match (text.contains(':'), text.len()) {
        (true, _) => clock(text),
        (false, 5) => clock(&format!("{}:{}", text.get(..3)?, text.get(3..)?)),
        (false, _) => clock(&format!("{text}:00")),
    }
}

/// A date, or a date and a time, as servers print it by ISO 8601.
enum Moment {
    /// `-infinity`, `infinity`.
    Beyond(i128),
    At {
        /// Year, month, day; MySQL's months and days may be zero.
        date: (i128, i128, i128),
        /// Microseconds since midnight.
        time: i128,
        /// Microseconds east of Greenwich.
        offset: Option<i128>,
    },
}

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "infinity" => return Some(Moment::Beyond(i128::MAX)),
            "-infinity" => return Some(Moment::Beyond(i128::MIN)),
            _ => {}
        }
        let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |t| (t, true));
        let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
        let mut parts = date.split('-');
        let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || y.len() < 4 || m.len() > 2 || d.len() > 2 {
            return None;
        }
        let (year, month, day) = (whole(y)?, whole(m)?, whole(d)?);
        if month > 12 || day > 31 {
            return None;
        }
        let (time, offset) = match (time.strip_suffix(['Z', 'z']), time.rfind(['+', '-'])) {
            (Some(time), _) => (clock(time)?, Some(0)),
            (None, Some(at)) => (clock(&time[..at])?, Some(offset(&time[at..])?)),
            (None, None) => (clock(time)?, None),
        };
        Some(Moment::At { date: (if before_christ { 1 - year } else { year }, month, day), time, offset })
    }

    /// A number that sorts as the clocks that it shows do.
    fn wall(&self) -> i128 {
        match *self {
            Moment::Beyond(n) => n,
            Moment::At { date: (year, month, day), time, .. } => ((year * 13 + month) * 32 + day) * DAY + time,
        }
    }

    /// A number that sorts as moments do: an offset may lead into the day before, so real days are needed, and such a value has them.
    fn instant(&self) -> Option<i128> {
        match *self {
            Moment::Beyond(n) => Some(n),
            Moment::At { date: (year, month @ 1.., day @ 1..), time, offset: Some(offset) } => {
                Some(days(year, month, day) * DAY + time - offset)
            }
            Moment::At { .. } => None,
        }
    }
}

/// Its digits.
fn uuid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let digits: String = bare.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    (digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits)
}

/// Days since 0000-03-01 in the Gregorian calendar.
fn days(year: i128, month: i128, day: i128) -> i128 {
    let y = if month <= 2 { year - 1 } else { year };
    let m = (month + 9) % 12;
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (m * 153 + 2) / 5 + day - 1
}

/// An amount as a decimal number. Point, separators and currency are the session's: behind the last of them stand one or two digits where
/// it is the point; three are a group of a thousand.
fn money(text: &str) -> Option<String> {
    let point = text.rfind(['.', ',']).filter(|at| {
        let behind = text[at + 1..].chars().filter(char::is_ascii_digit).count();
        (1..=2).contains(&behind)
    });
    let digits = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>();
    let (whole, part) = point.map_or((text, ""), |at| text.split_at(at));
    let (whole, part) = (digits(whole), digits(part));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let sign = if text.contains('-') || text.starts_with('(') { "-" } else { "" };
    Some(format!("{sign}{}.{}", if whole.is_empty() { "0" } else { &whole }, if part.is_empty() { "0" } else { &part }))
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
    use std::cmp::Ordering;

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
            (Order::ZonedMoment, &["-infinity", "2024-10-27 02:30:00+02", "2024-10-27 02:15:00+01", "infinity"]),
            (Order::Moment, &["2024-00-00", "2024-01-00", "2024-01-01", "2024-01-31 23:59:59.999999", "2024-02-01"]),
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
        assert_eq!(keys(Order::ZonedMoment, &["2024-03-01 00:30:00+01"]), keys(Order::ZonedMoment, &["2024-02-29 23:30:00+00"]));
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
        assert_eq!(of(Dialect::Postgres, "timestamp with time zone"), Order::ZonedMoment);
        assert_eq!(of(Dialect::Postgres, "timestamp(3) without time zone"), Order::Moment);
        assert_eq!(of(Dialect::Postgres, "character(5)"), Order::Padded);
        assert_eq!(of(Dialect::Postgres, "character varying(5)"), Order::Plain);
        assert_eq!(of(Dialect::Postgres, "time(3) with time zone"), Order::ZonedClock);
        assert_eq!(of(Dialect::Postgres, "interval day to second"), Order::Interval);
        assert_eq!(of(Dialect::Postgres, "interval[]"), Order::Plain);
        assert_eq!(of(Dialect::MySql, "time"), Order::Clock);
        assert_eq!(of(Dialect::Sqlite, "date"), Order::Plain, "it is text there");
    }

    #[test]
    fn what_is_typed_means_what_the_server_makes_of_it() {
        // The value that the column prints, what is typed, and how they compare.
        for (order, value, typed, compared) in [
            (Order::ZonedMoment, "2024-03-30 02:14:00+01", "2024-03-30 02:14", Ordering::Equal),
            (Order::ZonedMoment, "2024-03-30 02:14:00+01", "2020-01-20", Ordering::Greater),
            (Order::ZonedMoment, "2024-03-30 02:14:00+01", "2024-03-30T01:14:00Z", Ordering::Equal),
            (Order::ZonedMoment, "2024-03-30 02:14:00+01", "2024-03-30 01:14+0000", Ordering::Equal),
            (Order::ZonedMoment, "2024-03-30 02:14:00+01", "2024-03-30 02:14+00", Ordering::Less),
            (Order::ZonedMoment, "2024-03-30 02:14:00+01", "infinity", Ordering::Less),
            (Order::Moment, "2020-01-07", "2020-1-7", Ordering::Equal),
            (Order::Moment, "2024-03-30 02:14:00", "2024-03-30 02:14:00+05", Ordering::Equal),
            (Order::Clock, "03:00:00", "2 hours", Ordering::Greater),
            (Order::Clock, "03:00:00", "3:00", Ordering::Equal),
            (Order::Money, "$5,002.50", "5000", Ordering::Greater),
            (Order::Money, "$5,002.50", "$5,002.5", Ordering::Equal),
            (Order::Money, "-$5,002.50", "-5003", Ordering::Greater),
            (Order::Money, "¥5,002", "5002", Ordering::Equal),
            (Order::Uuid, "c4ca4238-a0b9-2382-0dcc-509a6f75849b", "{C4CA4238A0B923820DCC509A6F75849B}", Ordering::Equal),
            (Order::Padded, "a1   ", "a1", Ordering::Equal),
            (Order::Number, "9", "10", Ordering::Less),
        ] {
            let mut wanted = Vec::new();
            let by = order.typed(typed, &mut wanted).unwrap_or_else(|| panic!("{typed}"));
            assert_eq!(by.key(Cell::Text(value.as_bytes()), &mut Vec::new()), Some(true), "{value}");
            let mut key = Vec::new();
            by.key(Cell::Text(value.as_bytes()), &mut key);
            assert_eq!(key.cmp(&wanted), compared, "{value} and {typed}");
        }
        let (mut bits, mut five) = (Vec::new(), Vec::new());
        assert_eq!(Order::Bits.key(Cell::Binary(b"\x00\x05"), &mut bits), Some(true));
        assert_eq!((Order::Bits.typed("5", &mut five), bits), (Some(Order::Bits), five));
        for (order, typed) in [
            (Order::ZonedMoment, "30/03/2024"),
            (Order::Moment, "2024-13-01"),
            (Order::Number, "abc"),
            (Order::Uuid, "c4ca"),
            (Order::ZonedClock, "14:30"),
            (Order::Money, "much"),
        ] {
            assert_eq!(order.typed(typed, &mut Vec::new()), None, "{typed}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[-+0-9:./ a-zBC]{0,30}|\\PC{0,20}") {
            for order in [
                Order::Interval, Order::Clock, Order::ZonedClock, Order::Moment, Order::ZonedMoment, Order::Wall, Order::Money, Order::Address,
                Order::Uuid, Order::Padded, Order::Number, Order::Bits,
            ] {
                order.key(Cell::Text(text.as_bytes()), &mut Vec::new());
                order.typed(&text, &mut Vec::new());
            }
        }
    }
}
