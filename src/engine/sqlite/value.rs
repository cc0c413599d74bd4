//! Values as text: the form that the engine itself gives (`CAST(x AS TEXT)`), without asking it for each value.

use crate::model::{BatchBuilder, Cell};
use rusqlite::types::ValueRef;
use std::io::Write;

/// Appends a value to the batch; `scratch` is reused for the digits.
pub fn push(batch: &mut BatchBuilder, value: ValueRef<'_>, scratch: &mut Vec<u8>) {
    match value {
        ValueRef::Null => batch.push(Cell::Null),
        ValueRef::Integer(i) => {
            scratch.clear();
            integer(i, scratch);
            batch.push(Cell::Number(scratch));
        }
        ValueRef::Real(r) => {
            scratch.clear();
            real(r, scratch);
            // `Inf` is a number to SQLite and none to JSON.
            batch.push(if r.is_finite() { Cell::Number(scratch) } else { Cell::Text(scratch) });
        }
        ValueRef::Text(t) => batch.push(Cell::Text(t)),
        ValueRef::Blob(b) => batch.push(Cell::Binary(b)),
    }
}

fn integer(i: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut n = i.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    if i < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// The significant digits and the place of the decimal point (`0.d1d2… × 10^point`), as SQLite 3.54 picks them for its
/// `%!.17g`: 17 digits, and fewer when the tail is a run of nines or zeros and the shorter text reads back as the same number.
fn digits(r: f64) -> ([u8; 19], usize, i32) {
    let mut text = [0u8; 32];
    let mut cursor = &mut text[..];
    // 18 digits, correctly rounded: "d.ddddddddddddddddde-324" takes 25 bytes at most.
    let _ = write!(cursor, "{r:.17e}");
    let left = cursor.len();
    let text = &text[..32 - left];
    let mut z = [b'0'; 19];
    z[0] = text[0];
    z[1..18].copy_from_slice(&text[2..19]);
    let exponent = std::str::from_utf8(&text[20..]).ok().and_then(|e| e.parse::<i32>().ok()).unwrap_or(0);
    let mut point = exponent + 1;
    // `exp + n` of the original: the power of ten of a number made of the first digits.
    let scale = |count: usize| point - count as i32;
    let reads_back = |v: u64, count: usize| format!("{v}e{}", scale(count)).parse::<f64>() == Ok(r);
    let value = |count: usize| z[..count].iter().fold(0u64, |v, d| v * 10 + u64::from(d - b'0'));
    let mut round = 17;
    if z[15] == b'9' && z[14] == b'9' {
        let mut j = 14;
        while j > 0 && z[j - 1] == b'9' {
            j -= 1;
        }
        let v = if j == 0 { 1 } else { value(j) + 1 };
        if reads_back(v, j) {
            round = j + 1;
        }
    } else if point >= 18 || (z[15] == b'0' && z[14] == b'0' && z[13] == b'0') {
        let mut j = 13;
        while j > 1 && z[j - 1] == b'0' {
            j -= 1;
        }
        if reads_back(value(j), j) {
            round = j + 1;
        }
    }
    let mut n = round;
    if z[round] >= b'5' {
        let mut j = round - 1;
        loop {
            if z[j] < b'9' {
                z[j] += 1;
                break;
            }
            z[j] = b'0';
            if j == 0 {
                z.copy_within(0..18, 1);
                z[0] = b'1';
                n += 1;
                point += 1;
                break;
            }
            j -= 1;
        }
    }
    while n > 1 && z[n - 1] == b'0' {
        n -= 1;
    }
    (z, n, point)
}

/// A double as SQLite writes it: at least one digit on both sides of the point, an exponent below 1e-4 and from 1e17 on.
fn real(r: f64, out: &mut Vec<u8>) {
    if r == 0.0 {
        // Minus zero too.
        out.extend_from_slice(b"0.0");
        return;
    }
    if r < 0.0 {
        out.push(b'-');
    }
    if r.is_infinite() {
        out.extend_from_slice(b"Inf");
        return;
    }
    if r.is_nan() {
        // SQLite stores NaN as NULL; it cannot come here from a database.
        out.extend_from_slice(b"NaN");
        return;
    }
    let (z, n, point) = digits(r.abs());
    let exponent = point - 1;
    if !(-4..=16).contains(&exponent) {
        out.push(z[0]);
        out.push(b'.');
        if n > 1 {
            out.extend_from_slice(&z[1..n])
        } else {
            out.push(b'0')
        }
        let _ = write!(out, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
        return;
    }
    if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', -point as usize));
        out.extend_from_slice(&z[..n]);
        return;
    }
    let whole = point as usize;
    if n <= whole {
        out.extend_from_slice(&z[..n]);
        out.extend(std::iter::repeat_n(b'0', whole - n));
        out.extend_from_slice(b".0");
    } else {
        out.extend_from_slice(&z[..whole]);
        out.push(b'.');
        out.extend_from_slice(&z[whole..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(r: f64) -> String {
        let mut out = Vec::new();
        real(r, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Every double has the text that the engine gives it.
    #[test]
    fn reals_are_written_as_the_engine_writes_them() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        let mut cast = conn.prepare("SELECT CAST(?1 AS TEXT)").unwrap();
        let mut wrong = Vec::new();
        let mut check = |r: f64| {
            if !r.is_nan() {
                let engine: String = cast.query_row([r], |row| row.get(0)).unwrap();
                if engine != text(r) {
                    wrong.push(format!("{r:e}: engine {engine}, ours {}", text(r)));
                }
            }
        };
        let special =
            [0.0, -0.0, 1.0, -1.5, 0.1, 49.47, 1e15, 1e16, 1e17, 1e18, 123456789012345680.0, 1e-4, 1e-5, 9.95, 1e100, 1e-300, 5e-324];
        for r in special.into_iter().chain([f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, 0.3 - 0.1, 1.0 / 3.0]) {
            check(r);
        }
        // xorshift: the same numbers at every run.
        let mut s = 0x9e37_79b9_7f4a_7c15u64;
        for i in 0..200_000u32 {
            s ^= s << 13;
            s ^= s >> 7;
            s ^= s << 17;
            check(f64::from_bits(s));
            check((s % 100_000_000) as f64 / 100.0);
            check((s % 1_000_000_000_000) as f64 / 10f64.powi((i % 20) as i32));
            check((s >> 11) as f64 * 10f64.powi((i % 40) as i32 - 20));
        }
        assert!(wrong.is_empty(), "{} of many differ, e.g. {:?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    }

    #[test]
    fn integers_reach_both_ends() {
        for i in [0, 1, -1, 42, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            integer(i, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), i.to_string());
        }
    }
}
