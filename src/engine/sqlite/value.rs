//! Values as text: the form that the engine itself gives (`CAST(x AS TEXT)`), without asking it for each value.

use crate::model::{BatchBuilder, Cell};
use rusqlite::types::ValueRef;
use std::io::Write;
use std::sync::OnceLock;

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
            batch.push(Cell::Number(scratch));
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

/// Powers of ten as SQLite multiplies with them: the first 64 bits of 10^p, the highest of them set, the rest cut off.
struct Powers(Vec<u64>);

impl Powers {
    /// From the smallest to the largest power that a double needs (17 − 308 − 1 and 18 + 324, and a little more).
    const FIRST: i32 = -300;
    const LAST: i32 = 350;

    fn get(p: i32) -> u64 {
        static TABLE: OnceLock<Powers> = OnceLock::new();
        let table = TABLE.get_or_init(Powers::new);
        table.0[(p.clamp(Self::FIRST, Self::LAST) - Self::FIRST) as usize]
    }

    /// Steps up and down from 1 with 128 bits, so that the error of all the steps stays far below the 64 that are kept.
    fn new() -> Self {
        let mut table = vec![0; (Self::LAST - Self::FIRST + 1) as usize];
        let mut m = 1u128 << 127;
        for p in 0..=Self::LAST {
            table[(p - Self::FIRST) as usize] = (m >> 64) as u64;
            let low = (m & u128::from(u64::MAX)) * 10;
            let high = (m >> 64) * 10 + (low >> 64);
            let over = 64 - high.leading_zeros();
            m = (high << (64 - over)) | ((low & u128::from(u64::MAX)) >> over);
        }
        let mut m = 1u128 << 127;
        for p in (Self::FIRST..0).rev() {
            let (quotient, rest) = (m / 10, m % 10);
            let free = quotient.leading_zeros();
            m = (quotient << free) | ((rest << free) / 10);
            table[(p - Self::FIRST) as usize] = (m >> 64) as u64;
        }
        Powers(table)
    }
}

/// A number of 18 digits, or 19 when the mantissa carries over a power of ten, and its power of ten.
fn decimal(r: f64) -> (u64, i32) {
    // floor(log2(10^p)) and floor(log10(2^e)), good for all exponents of a double.
    let log2_of_10 = |p: i32| (p * 108_853) >> 15;
    let log10_of_2 = |e: i32| (e * 78_913) >> 18;
    let bits = r.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let (m, e) = match (bits >> 52) as i32 {
        0 => (fraction << fraction.leading_zeros(), -1074 - fraction.leading_zeros() as i32),
        e => ((fraction << 11) | (1 << 63), e - 1086),
    };
    let p = 17 - log10_of_2(e + 63);
    let high = ((u128::from(m) * u128::from(Powers::get(p))) >> 64) as u64;
    let one_bit_more = high >> -(e + log2_of_10(p) + 2);
    ((one_bit_more + (one_bit_more & 1)) >> 1, -p)
}

/// Whether the decimal `v × 10^scale` is read as `r`.
fn reads_back(v: u64, scale: i32, r: f64) -> bool {
    // Both factors are exact doubles: one rounding, as a parser would do it.
    if v < 1 << 53 && (-22..=22).contains(&scale) {
        let power = 10f64.powi(scale.abs());
        return if scale < 0 { v as f64 / power == r } else { v as f64 * power == r };
    }
    format!("{v}e{scale}").parse::<f64>() == Ok(r)
}

/// The significant digits and the place of the decimal point (`0.d1d2… × 10^point`), as SQLite 3.54 picks them for its
/// `%!.17g`: 17 digits, and fewer when the tail is a run of nines or zeros and the shorter text reads back as the same number.
fn digits(r: f64) -> ([u8; 20], usize, i32) {
    let (v, scale) = decimal(r);
    let taken = if v >= 1_000_000_000_000_000_000 { 19 } else { 18 };
    let mut z = [b'0'; 20];
    let mut rest = v;
    for d in z[..taken].iter_mut().rev() {
        *d = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut point = taken as i32 + scale;
    let reads_back = |v: u64, count: usize| reads_back(v, point - count as i32, r);
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
    } else if point >= taken as i32 || (z[15] == b'0' && z[14] == b'0' && z[13] == b'0') {
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
                z.copy_within(0..19, 1);
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
