//! Whether one way to run a statement is better than another: statistics of repeated runs, counters of work that know no noise, and
//! the verdict of both. Pure; `ops::measure` makes the runs.
//!
//! Runs of both sides alternate, so that whatever else the machine does falls upon both. A time is believed when the whole 95 %
//! interval of the ratio of medians says the same thing (a percentile bootstrap over the pairs); a counter (pages,
//! rows read, virtual machine steps) is compared exactly.

use crate::model::plan::{Plan, PlanNode, Role};
use crate::text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Pairs of runs that are made at least: with fewer, a time decides nothing.
pub const LEAST: usize = 5;
/// Pairs of runs after which nothing more is learned.
pub const MOST: usize = 30;
/// After so many pairs it is asked whether they are enough: looking after each one would sooner or later see what is not there.
pub const LOOKS: [usize; 5] = [LEAST, 8, 12, 20, MOST];
/// A change that matters: a tenth, of time or of work.
pub const MATTERS: f64 = 0.10;
/// Milliseconds below which two medians are not told apart: clocks and schedulers differ by as much.
pub const LEAST_MS: f64 = 0.02;
/// A difference in counters below this is not work.
const LEAST_WORK: u64 = 8;
/// With which a quantile lies within a bound.
pub const CONFIDENCE: f64 = 0.95;
/// Samples of the bootstrap.
const DRAWS: usize = 2_000;
/// Counters that say how much work a statement was, the truest first.
const TRUEST: [&str; 3] = ["pages", "vm steps", "rows read"];

/// One run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// The server's own time for running it, without planning and without sending rows.
    pub ms: f64,
    /// Counters by name: `pages`, `temporary pages`, `rows read`, `vm steps`.
    pub work: BTreeMap<String, u64>,
    /// Rows that it returned.
    pub rows: Option<f64>,
}

impl Sample {
    /// What a measured plan tells of its run; `None` when it has no time.
    pub fn of(plan: &Plan) -> Option<Sample> {
        let ms = plan.execution_ms.or(plan.root.total_ms).filter(|_| plan.analyzed)?;
        Some(Sample { ms, work: work(plan), rows: plan.root.rows_total })
    }
}

/// The counters of a measured plan.
pub fn work(plan: &Plan) -> BTreeMap<String, u64> {
    // How much memory a statement holds, and how many steps its result took, are not the same kind of thing.
    let mut out: BTreeMap<String, u64> =
        plan.counters.iter().filter(|(k, _)| k.as_str() != "statement bytes").map(|(k, v)| (k.clone(), *v)).collect();
    let (mut pages, mut temporary, mut read) = (None, None, None);
    let add = |to: &mut Option<u64>, n: Option<u64>| {
        if let Some(n) = n {
            *to = Some(to.unwrap_or(0).saturating_add(n));
        }
    };
    plan.root.walk(0, &mut |_, n| {
        add(&mut pages, n.self_pages.accessed());
        add(&mut temporary, n.self_pages.temp_read);
        add(&mut temporary, n.self_pages.temp_written);
        add(&mut read, rows_read(n));
    });
    // The root's are exact where nodes below do not tell theirs.
    let all = plan.root.pages.plus(&plan.detached_pages);
    pages = all.accessed().or(pages);
    for (name, value) in [("pages", pages), ("temporary pages", temporary.filter(|n| *n > 0)), ("rows read", read)] {
        if let Some(v) = value {
            out.insert(name.into(), v);
        }
    }
    out
}

/// Rows that a node takes out of a table or an index, passed on or not.
fn rows_read(n: &PlanNode) -> Option<u64> {
    // Below a scan stand the bitmaps that tell it where to look, and subqueries of its condition.
    let beside =
        |c: &PlanNode| c.op.starts_with("bitmap") || matches!(c.role, Role::InitPlan | Role::SubPlan | Role::Cte | Role::SelectList);
    if n.relation.is_none() || !n.children.iter().all(beside) {
        return None;
    }
    n.rows_total.map(|r| (r + n.removed.total().unwrap_or(0.0)).round().max(0.0) as u64)
}

/// How far off the rows read may be: servers print means per loop, and few digits of them. 0 where they are exact.
pub fn rows_read_error(plan: &Plan) -> f64 {
    let mut off = 0.0;
    plan.root.walk(0, &mut |_, n| {
        if rows_read(n).is_some() {
            // What was removed is printed like what stayed.
            off += n.rows_err.unwrap_or(0.0) * if n.removed.total().is_some_and(|r| r > 0.0) { 2.0 } else { 1.0 };
        }
    });
    off
}

/// A counter over several runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    pub median: u64,
    pub least: u64,
    pub most: u64,
}

/// Several runs of one side. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub runs: usize,
    pub median_ms: f64,
    /// Median distance from the median.
    pub mad_ms: f64,
    /// By nearest rank: with fewer than 20 runs it is the slowest one.
    pub p95_ms: f64,
    /// Of the true median and the true 95th percentile, of which those of the runs are estimates.
    pub median_bounds: Bounds,
    pub p95_bounds: Bounds,
    pub least_ms: f64,
    pub most_ms: f64,
    pub work: BTreeMap<String, Counter>,
    /// Rows returned; `None` when not known, or when not all runs returned as many.
    pub rows: Option<f64>,
}

/// Sums several runs up; `None` without any.
pub fn summary(samples: &[Sample]) -> Option<Summary> {
    let times = times(samples);
    let median_ms = median(&times)?;
    let distances: Vec<f64> = times.iter().map(|t| (t - median_ms).abs()).collect();
    let mut work = BTreeMap::new();
    for name in samples.first()?.work.keys() {
        let mut values: Vec<u64> = samples.iter().filter_map(|s| s.work.get(name).copied()).collect();
        values.sort_unstable();
        // A counter that not every run has is none.
        if let (true, [least, ..], [.., most]) = (values.len() == samples.len(), values.as_slice(), values.as_slice()) {
            work.insert(name.clone(), Counter { median: values[(values.len() - 1) / 2], least: *least, most: *most });
        }
    }
    let rows = samples[0].rows.filter(|r| samples.iter().all(|s| s.rows == Some(*r)));
    Some(Summary {
        runs: samples.len(),
        median_ms,
        mad_ms: median(&distances)?,
        p95_ms: quantile(&times, 0.95)?,
        median_bounds: quantile_bounds(&times, 0.5),
        p95_bounds: quantile_bounds(&times, 0.95),
        least_ms: times.iter().copied().reduce(f64::min)?,
        most_ms: times.iter().copied().reduce(f64::max)?,
        work,
        rows,
    })
}

fn times(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|s| s.ms).filter(|t| t.is_finite() && *t >= 0.0).collect()
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut v = values.to_vec();
    v.sort_unstable_by(f64::total_cmp);
    let half = v.len() / 2;
    match v.len() {
        0 => None,
        n if n % 2 == 1 => Some(v[half]),
        _ => Some(f64::midpoint(v[half - 1], v[half])),
    }
}

/// The smallest value that at least the share `q` of all does not exceed.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut v = values.to_vec();
    v.sort_unstable_by(f64::total_cmp);
    let rank = (q * v.len() as f64).ceil().max(1.0) as usize;
    v.get(rank.min(v.len()).checked_sub(1)?).copied()
}

/// SplitMix64: the same draws at every run of the program, so that one measurement has one verdict.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// How the runs of both sides belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// They alternated: the first of the one ran beside the first of the other.
    Alternating,
    /// One side was measured at another time.
    Apart,
}

/// The 95 % interval of the ratio of medians, after to before.
pub fn ratio_interval(before: &[f64], after: &[f64], pairing: Pairing) -> Option<(f64, f64)> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let mut draws = Draws(0x686f_6c64_706f_696e);
    let pairs = before.len().min(after.len());
    let mut ratios: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let (b, a): (Vec<f64>, Vec<f64>) = match pairing {
                Pairing::Alternating => (0..pairs).map(|_| draws.below(pairs)).map(|i| (before[i], after[i])).unzip(),
                Pairing::Apart => (
                    (0..before.len()).map(|_| before[draws.below(before.len())]).collect(),
                    (0..after.len()).map(|_| after[draws.below(after.len())]).collect(),
                ),
            };
            Some(divide(median(&a)?, median(&b)?))
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    interval(&ratios)
}

/// Between what a quantile lies. Each side holds with [`CONFIDENCE`]; `None`: so few runs bound it on that side by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bounds {
    pub at_least_ms: Option<f64>,
    pub at_most_ms: Option<f64>,
    /// Of each side by itself.
    pub confidence: f64,
}

/// Bounds of a quantile by order statistics, whatever way the values are spread: of n values as many lie below the quantile q as the binomial
/// distribution of n and q has it, so that the k-th smallest is not below the quantile with P(B < k), and not above it with P(B ≥ k)
/// (Conover, Practical Nonparametric Statistics, §3.2; David and Nagaraja, Order Statistics, §7.1). A bootstrap cannot say it of a
/// percentile near the end: it draws no value beyond those that were seen.
pub fn quantile_bounds(values: &[f64], q: f64) -> Bounds {
    let mut v = values.to_vec();
    v.sort_unstable_by(f64::total_cmp);
    let mut out = Bounds { at_least_ms: None, at_most_ms: None, confidence: CONFIDENCE };
    // Of n values none is below.
    let (mut logarithm, mut cumulated) = (v.len() as f64 * (1.0 - q).ln(), 0.0);
    for (k, value) in v.iter().enumerate() {
        cumulated += logarithm.exp();
        if 1.0 - cumulated >= CONFIDENCE {
            out.at_least_ms = Some(*value);
        }
        if cumulated >= CONFIDENCE && out.at_most_ms.is_none() {
            out.at_most_ms = Some(*value);
        }
        logarithm += ((v.len() - k) as f64 / (k + 1) as f64 * q / (1.0 - q)).ln();
    }
    out
}

/// The middle 95 % of sorted values.
fn interval(sorted: &[f64]) -> Option<(f64, f64)> {
    let last = sorted.len().checked_sub(1)?;
    let at = |q: f64| sorted[((last as f64 * q).round() as usize).min(last)];
    Some((at(0.025), at(0.975)))
}

/// `0.042 ms`, `12.3 ms`, `1,204 ms`.
pub fn millis(ms: f64) -> String {
    match ms {
        m if m < 10.0 => format!("{m:.3} ms"),
        m if m < 1000.0 => format!("{m:.1} ms"),
        m => format!("{} ms", text::thousands(m.round() as u64)),
    }
}

/// `0.24`, `1.03`, and with two digits that say something where it is small: `0.0042`.
pub fn ratio(r: f64) -> String {
    match r {
        r if r >= 0.095 => format!("{r:.2}"),
        r if r >= 0.0095 => format!("{r:.3}"),
        r if r >= 0.000_95 => format!("{r:.4}"),
        r if r >= 0.000_095 => format!("{r:.5}"),
        r => format!("{r:.6}"),
    }
}

/// A time of 0 is one that the clock did not see: it counts as its smallest step.
fn divide(a: f64, b: f64) -> f64 {
    a.max(0.000_5) / b.max(0.000_5)
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Improved,
    Worse,
    NoMeasurableChange,
    /// The runs differ too much among themselves, or are too few, to say.
    Inconclusive,
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Improved => "improved",
            Verdict::Worse => "worse",
            Verdict::NoMeasurableChange => "no measurable change",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

/// A counter before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkChange {
    pub name: String,
    pub before: u64,
    pub after: u64,
}

/// Two sides compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    pub before: Summary,
    pub after: Summary,
    /// Of the medians, after to before: 0.5 is twice as fast.
    pub ratio: f64,
    /// 95 % interval of the ratio.
    pub interval: (f64, f64),
    /// Counters that both sides have, the truest first.
    pub work: Vec<WorkChange>,
    pub verdict: Verdict,
    /// A sentence with the numbers that decided.
    pub because: String,
}

impl Judgement {
    /// Whether the second way is worth making something for: its time fell, or it does half the work and takes no longer. Less work
    /// that nobody waits for is a gain of the counter alone.
    pub fn pays(&self) -> bool {
        let half = self.work.iter().find(|w| TRUEST.contains(&w.name.as_str())).is_some_and(|w| share(w) <= -0.5);
        self.verdict == Verdict::Improved && (self.interval.1 < 1.0 || half && self.ratio <= 1.0)
    }

    /// The interval, where there are runs enough for one: of fewer it is no more than the ratios that were seen.
    pub fn certain(&self) -> Option<(f64, f64)> {
        (self.before.runs.min(self.after.runs) >= LEAST).then_some(self.interval)
    }

    /// `with 95 % certainty between 0.22 and 0.27`, or that there are too few runs for that.
    pub fn certainty(&self) -> String {
        match self.certain() {
            Some((low, high)) => format!("with 95 % certainty between {} and {}", ratio(low), ratio(high)),
            None => "of too few runs to say how certain that is".into(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Faster,
    Slower,
    Even,
    Unknown,
}

/// Compares two sides; `None` when one of them has no run.
pub fn judge(before: &[Sample], after: &[Sample], pairing: Pairing) -> Option<Judgement> {
    let (b, a) = (summary(before)?, summary(after)?);
    let (bt, at) = (times(before), times(after));
    let ratio = divide(a.median_ms, b.median_ms);
    let (low, high) = ratio_interval(&bt, &at, pairing)?;
    let few = bt.len().min(at.len()) < LEAST;
    let time = if few {
        Time::Unknown
    } else if (a.median_ms - b.median_ms).abs() < LEAST_MS {
        Time::Even
    } else if high < 1.0 - MATTERS {
        Time::Faster
    } else if low > 1.0 + MATTERS {
        Time::Slower
    } else if low < 1.0 - MATTERS && high > 1.0 + MATTERS {
        Time::Unknown
    } else {
        Time::Even
    };
    let mut names: Vec<&String> = b.work.keys().filter(|k| a.work.contains_key(*k)).collect();
    names.sort_by_key(|n| TRUEST.iter().position(|t| t == n).unwrap_or(TRUEST.len()));
    let work: Vec<WorkChange> =
        names.into_iter().map(|n| WorkChange { name: n.clone(), before: b.work[n].median, after: a.work[n].median }).collect();
    let truest = work.iter().find(|w| TRUEST.contains(&w.name.as_str()));
    let moved = truest.map_or(0.0, share);
    let times = format!(
        "{} to {}, ratio {} (95 % between {} and {}) over {} runs each",
        millis(b.median_ms),
        millis(a.median_ms),
        self::ratio(ratio),
        self::ratio(low),
        self::ratio(high),
        bt.len().min(at.len())
    );
    let counted = truest.map(|w| format!("{} {} to {}", w.name, text::thousands(w.before), text::thousands(w.after)));
    let and = counted.as_ref().map_or(String::new(), |c| format!("; {c}"));
    let (verdict, because) = if let (Some(x), Some(y)) = (b.rows, a.rows)
        && x != y
    {
        let words = format!("the two sides returned {x} and {y} rows: they do not do the same, so their times say nothing");
        (Verdict::Inconclusive, words)
    } else {
        match time {
            Time::Faster => (Verdict::Improved, format!("{times}{and}")),
            Time::Slower => (Verdict::Worse, format!("{times}{and}")),
            Time::Even | Time::Unknown if moved <= -MATTERS && low <= 1.0 => {
                (Verdict::Improved, format!("less work: {}; the time did not get worse: {times}", counted.unwrap_or_default()))
            }
            Time::Even | Time::Unknown if moved >= MATTERS && high >= 1.0 => {
                (Verdict::Worse, format!("more work: {}; the time did not get better: {times}", counted.unwrap_or_default()))
            }
            Time::Even => (Verdict::NoMeasurableChange, format!("{times}{and}")),
            Time::Unknown if few => (Verdict::Inconclusive, format!("fewer than {LEAST} runs each: {times}{and}")),
            Time::Unknown => (Verdict::Inconclusive, format!("the runs differ too much among themselves: {times}{and}")),
        }
    };
    Some(Judgement { before: b, after: a, ratio, interval: (low, high), work, verdict, because })
}

/// By which share a counter changed: -0.5 is half of it.
pub fn share(w: &WorkChange) -> f64 {
    if w.before.abs_diff(w.after) < LEAST_WORK {
        return 0.0;
    }
    (w.after as f64 - w.before as f64) / w.before.max(1) as f64
}

/// Whether so many pairs decide: the whole interval lies on one side of what matters, or between both.
pub fn settled(before: &[Sample], after: &[Sample]) -> bool {
    let pairs = before.len().min(after.len());
    if pairs >= MOST {
        return true;
    }
    if !LOOKS.contains(&pairs) {
        return false;
    }
    let (least, most) = (1.0 - MATTERS, 1.0 + MATTERS);
    ratio_interval(&times(before), &times(after), Pairing::Alternating)
        .is_some_and(|(low, high)| high < least || low > most || (low >= least && high <= most))
}

/// Whether so many runs of one side tell its median within [`MATTERS`].
pub fn settled_alone(samples: &[Sample]) -> bool {
    if samples.len() >= MOST {
        return true;
    }
    if !LOOKS.contains(&samples.len()) {
        return false;
    }
    let times = times(samples);
    match (median(&times), ratio_interval(&[1.0], &times, Pairing::Apart)) {
        (Some(m), Some((low, high))) => high - low <= (m * MATTERS).max(LEAST_MS),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
