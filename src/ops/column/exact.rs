//! Numbers as exact decimals, as long as they fit: a sum of money must not be off by a cent.

/// Digits after the point that are kept.
const PLACES: u32 = 18;

/// A number in units of 10⁻¹⁸; `None` for what has more digits than that, an exponent, or is no number.
pub fn parse(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let mut units: i128 = 0;
    let mut after: Option<u32> = None;
    let mut any = false;
    for b in digits {
        match b {
            b'.' if after.is_none() => after = Some(0),
            b'0'..=b'9' => {
                any = true;
                if let Some(n) = &mut after {
                    if *n == PLACES {
                        // Zeros at the end say nothing.
                        if *b == b'0' {
                            continue;
                        }
                        return None;
                    }
                    *n += 1;
                }
                units = units.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
            }
            _ => return None,
        }
    }
    if !any {
        return None;
    }
    let units = units.checked_mul(10i128.pow(PLACES - after.unwrap_or(0)))?;
    Some(if negative { -units } else { units })
}

/// The decimal text of units, without zeros at the end.
pub fn show(units: i128) -> String {
    let one = 10u128.pow(PLACES);
    let all = units.unsigned_abs();
    let (whole, rest) = (all / one, all % one);
    let sign = if units < 0 { "-" } else { "" };
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let rest = format!("{rest:018}");
    format!("{sign}{whole}.{}", rest.trim_end_matches('0'))
}

/// A quotient, rounded to six digits after the point.
pub fn mean(sum: i128, count: u64) -> Option<String> {
    let grain = 10i128.pow(PLACES - 6);
    let count = i128::from(count).checked_mul(grain)?;
    if count == 0 {
        return None;
    }
    let half = if sum < 0 { -(count / 2) } else { count / 2 };
    Some(show(sum.checked_add(half)? / count * grain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_stay_exact() {
        for (text, shown) in [
            ("0.10", "0.1"),
            ("-0.1", "-0.1"),
            ("18446744073709551615", "18446744073709551615"),
            ("007.500", "7.5"),
            ("+3", "3"),
            (".5", "0.5"),
        ] {
            assert_eq!(parse(text.as_bytes()).map(show).as_deref(), Some(shown), "{text}");
        }
        for text in ["", "-", ".", "1e5", "NaN", "1.2.3", "0.1234567890123456789", "1 "] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        let tenth = parse(b"0.1").unwrap();
        assert_eq!(show((0..10).map(|_| tenth).sum()), "1");
        assert_eq!(mean(parse(b"2").unwrap(), 3).as_deref(), Some("0.666667"));
        assert_eq!(mean(parse(b"-2").unwrap(), 3).as_deref(), Some("-0.666667"));
        assert_eq!(mean(1, 0), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_number_that_comes_back_or_none(text in "[-+]?[0-9]{0,22}(\\.[0-9]{0,20})?|.*") {
            if let Some(units) = parse(text.as_bytes()) {
                proptest::prop_assert_eq!(parse(show(units).as_bytes()), Some(units));
            }
        }
    }
}
