//! The numbers of a column in the order of their rows, and how they are spread: what charts are drawn from.

use super::Pass;
use crate::model::{Cell, Error, Result};

/// Points of a series at most; more rows than that are drawn in groups. Wider than any screen of braille dots.
const POINTS: u64 = 1000;
/// Bins of a histogram at most.
const BINS: f64 = 24.0;

/// The numbers of a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Rows that were looked at.
    pub rows: u64,
    /// Numbers among them.
    pub numbers: u64,
    pub min: f64,
    pub max: f64,
    /// Rows that each point stands for (the last one may stand for fewer).
    pub each: u64,
    pub points: Vec<Point>,
    pub bins: Vec<Bin>,
}

/// Some rows in a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    /// What the row is called, where a point is one row.
    pub label: Option<String>,
    /// Least, mean and greatest number; `None` where no number is.
    pub values: Option<[f64; 3]>,
}

/// Numbers from `from` on and below `to`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub count: u64,
}

/// The number that a chart shows of a cell. Text of a number in a text column is text.
fn number(cell: Cell<'_>) -> Option<f64> {
    let Cell::Number(b) = cell else { return None };
    std::str::from_utf8(b).ok()?.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

/// The least of 1, 2, 5 times a power of ten that is not below `v`.
fn round_step(v: f64) -> f64 {
    let power = 10f64.powf(v.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= v * (1.0 - 1e-9)).unwrap_or(v)
}

/// Two passes: points, then bins between what was least and greatest.
pub(super) fn of(pass: &Pass<'_>, labels: Option<usize>) -> Result<Series> {
    let each = pass.total.div_ceil(POINTS).max(1);
    let mut out = Series { rows: pass.total, each, min: f64::INFINITY, max: f64::NEG_INFINITY, ..Series::default() };
    let mut whole = true;
    let mut sum = 0.0;
    let mut count = 0.0;
    pass.each("points", |row, cell, other| {
        if row % each == 0 {
            (sum, count) = (0.0, 0.0);
            let label = labels.filter(|_| each == 1).and_then(other);
            out.points.push(Point { label, values: None });
        }
        let (Some(v), Some(point)) = (number(cell), out.points.last_mut()) else { return };
        out.numbers += 1;
        whole &= v.fract() == 0.0;
        (out.min, out.max) = (out.min.min(v), out.max.max(v));
        // Halves of two great numbers, so that their sum does not overflow.
        count += 1.0;
        sum += (v / 2.0 - sum) / count;
        let [low, _, high] = point.values.unwrap_or([v; 3]);
        let (low, high) = (low.min(v), high.max(v));
        point.values = Some([low, (sum * 2.0).clamp(low, high), high]);
    })?;
    if out.numbers == 0 {
        return Err(Error::usage("the column has no numbers to draw").hint("Charts are of columns whose values are numbers."));
    }
    let span = out.max - out.min;
    let mut step = if span > 0.0 && span.is_finite() { round_step(span / (BINS - 1.0)) } else { 1.0 };
    if !step.is_normal() {
        step = 1.0;
    }
    if whole {
        step = step.max(1.0);
    }
    let start = (out.min / step).floor() * step;
    // Numbers that are too great for such a step, or further apart than can be said, are one bin.
    let n = ((out.max - start) / step).floor() + 1.0;
    let n = if n.is_finite() && start + step > start { n.clamp(1.0, BINS + 2.0) as usize } else { 1 };
    let mut counts = vec![0u64; n];
    pass.each("histogram", |_, cell, _| {
        if let Some(v) = number(cell) {
            let at = ((v - start) / step).floor();
            counts[if at.is_finite() { (at.max(0.0) as usize).min(n - 1) } else { 0 }] += 1;
        }
    })?;
    let edge = |i: usize| start + step * i as f64;
    out.bins = counts.iter().enumerate().map(|(i, c)| Bin { from: edge(i), to: edge(i + 1), count: *c }).collect();
    if n == 1 && start + step <= start {
        (out.bins[0].from, out.bins[0].to) = (out.min, out.max);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::tests::spill;
    use super::super::{Ask, Told, look};
    use super::*;
    use crate::model::Silent;
    use tokio_util::sync::CancellationToken;

    fn series(values: &[&str]) -> Result<Series> {
        let cells: Vec<Cell<'_>> = values.iter().map(|v| if v.is_empty() { Cell::Null } else { Cell::Number(v.as_bytes()) }).collect();
        let (_dir, s) = spill(&cells);
        match look(&s, 0, Ask::Series { labels: Some(1) }, &Silent, &CancellationToken::new())? {
            Told::Series(s) => Ok(*s),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn few_rows_are_points_with_their_names_and_null_is_a_gap() {
        let s = series(&["1", "", "3", "-5.5"]).unwrap();
        assert_eq!((s.rows, s.numbers, s.each, s.min, s.max), (4, 3, 1, -5.5, 3.0));
        assert_eq!(s.points[1], Point { label: Some("row 1".into()), values: None });
        assert_eq!(s.points[3].values, Some([-5.5; 3]));
        assert_eq!(s.bins.iter().map(|b| b.count).sum::<u64>(), 3);
        assert!(s.bins.windows(2).all(|w| (w[0].to - w[1].from).abs() < 1e-9));
    }

    #[test]
    fn many_rows_are_groups_that_keep_their_extremes() {
        let values: Vec<String> = (0..2500).map(|i| if i == 1234 { "9999".into() } else { (i % 10).to_string() }).collect();
        let s = series(&values.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!((s.each, s.points.len()), (3, 834));
        let peak = s.points[1234 / 3].values.unwrap();
        assert_eq!(peak[2], 9999.0);
        assert!(s.points[0].label.is_none());
        assert_eq!(s.points[0].values, Some([0.0, 1.0, 2.0]));
        assert_eq!(s.bins.iter().map(|b| b.count).sum::<u64>(), 2500);
    }

    #[test]
    fn whole_numbers_have_whole_bins_and_extremes_do_no_harm() {
        let s = series(&["1", "2", "2", "4"]).unwrap();
        assert_eq!(s.bins.iter().map(|b| (b.from, b.count)).collect::<Vec<_>>(), [(1.0, 1), (2.0, 2), (3.0, 0), (4.0, 1)]);
        for odd in [&["1e308", "-1e308"][..], &["1e300", "1e300"], &["5e-324", "0"], &["0", "0"], &["-1e-300", "1e-300", "1e999"]] {
            let s = series(odd).unwrap();
            assert_eq!(s.bins.iter().map(|b| b.count).sum::<u64>(), s.numbers, "{odd:?} {s:?}");
            assert!(s.points.iter().filter_map(|p| p.values).flatten().all(f64::is_finite), "{odd:?}");
        }
        assert!(series(&["", ""]).unwrap_err().message.contains("no numbers"));
    }

    proptest::proptest! {
        #[test]
        fn every_number_is_in_a_bin(values in proptest::collection::vec(proptest::num::f64::ANY, 1..60)) {
            let texts: Vec<String> = values.iter().map(|v| format!("{v:e}")).collect();
            if let Ok(s) = series(&texts.iter().map(String::as_str).collect::<Vec<_>>()) {
                proptest::prop_assert_eq!(s.bins.iter().map(|b| b.count).sum::<u64>(), s.numbers);
                proptest::prop_assert!(s.bins.len() <= 26);
            }
        }
    }
}
