//! What a performance test asks of a statement, one line each: `ratio <= 0.8`, `p95 < 100 ms`, `pages <= 500`, `no table scan on
//! orders`. Read from words, checked against what was measured. Pure.

use super::measure::{self, Bounds, MATTERS, Pairing, Sample, Summary};
use crate::model::plan::Plan;
use crate::text;
use serde::Serialize;
use std::collections::BTreeMap;

mod forbidden;
mod operations;

use forbidden::never;
use operations::{Named, named_by, reads_a_table};

/// Counters that engines have.
const COUNTERS: [&str; 8] =
    ["pages", "temporary pages", "rows read", "vm steps", "full-scan steps", "sorts", "automatic index rows", "bloom filter misses"];
/// Runs below which nothing bounds a 95th percentile from above: 1 − 0.95ⁿ ≥ 0.95 holds from 59 on.
pub const RUNS_FOR_P95: usize = 59;
/// Runs after which the fifth slowest bounds it: four of them may have met with what happens on every machine.
pub const QUICK_RUNS_FOR_P95: usize = 181;

/// What is bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Median time against the baseline's.
    Ratio,
    /// The truest counter of work against the baseline's.
    WorkRatio,
    Median,
    P95,
    /// Rows returned.
    Rows,
    Counter(String),
}

/// The counter that stands in no plan while it is zero.
pub const TEMPORARY: &str = "temporary pages";

/// One requirement.
#[derive(Debug, Clone, PartialEq)]
pub enum Requirement {
    /// At most, or below when `strict`. Times in milliseconds.
    Bound { metric: Metric, strict: bool, limit: f64 },
    /// No node of that operation, over that relation if one is named.
    Never { operation: String, relation: Option<String> },
}

/// How a requirement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Pass,
    Inconclusive,
    Fail,
}

/// A requirement and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    pub requirement: String,
    pub standing: Standing,
    /// The numbers, or what is missing.
    pub because: String,
}

/// What was measured before.
pub struct Baseline<'a> {
    pub shape: &'a str,
    pub samples: &'a [Sample],
    /// Nothing can be compared, and why.
    pub apart: &'a [String],
    /// Another machine: work can be compared, times cannot.
    pub elsewhere: bool,
}

/// What was measured now.
pub struct Measured<'a> {
    pub samples: &'a [Sample],
    pub summary: &'a Summary,
    pub plan: &'a Plan,
    pub shape: &'a str,
    /// The statement as it was sent.
    pub statement: &'a str,
    /// Names of the tables that the catalogue knows of those in the plan, with their schemas.
    pub tables: &'a [&'a str],
    pub baseline: Option<Baseline<'a>>,
}

/// Reads a requirement; the error says what is wrong with it and what would be right.
pub fn read(words: &str) -> Result<Requirement, String> {
    let words = words.trim();
    if let Some(rest) = words.strip_prefix("no ") {
        let (operation, relation) = match rest.rsplit_once(" on ") {
            Some((o, r)) => (o.trim(), Some(r.trim())),
            None => (rest.trim(), None),
        };
        if COUNTERS.contains(&operation.to_lowercase().as_str()) {
            return Err(format!("`{operation}` are counted: write `{operation} <= 0`"));
        }
        if named_by("", operation) == Named::Nobody {
            return Err(format!(
                "`{operation}` is no operation of a plan; write it as the plan does, like `no table scan on orders` or `no sort`"
            ));
        }
        if relation == Some("") {
            return Err("`on` needs the name of a table".into());
        }
        if relation.is_some() && !reads_a_table(operation) {
            return Err(format!("`{operation}` is a step of no single table: write `no {operation}`, which forbids it in the whole plan"));
        }
        return Ok(Requirement::Never { operation: operation.into(), relation: relation.map(Into::into) });
    }
    let Some(at) = words.find(['<', '>', '=', '≤']) else {
        return Err("it needs `<=` or `<` and a number, like `ratio <= 0.8`, or begins with `no`".into());
    };
    let (name, rest) = (words[..at].trim(), &words[at..]);
    let (strict, value) = if let Some(v) = rest.strip_prefix("<=").or_else(|| rest.strip_prefix('≤')) {
        (false, v)
    } else if let Some(v) = rest.strip_prefix('<') {
        (true, v)
    } else {
        return Err("a requirement bounds from above: write `<=` or `<`".into());
    };
    let value = value.trim();
    let split = value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '_'))).unwrap_or(value.len());
    let (number, unit) = (value[..split].replace([',', '_'], ""), value[split..].trim());
    let number: f64 = number.parse().map_err(|_| format!("`{value}` is no number"))?;
    let metric = match name.to_lowercase().as_str() {
        "ratio" => Metric::Ratio,
        "work ratio" => Metric::WorkRatio,
        "median" => Metric::Median,
        "p95" => Metric::P95,
        "rows" => Metric::Rows,
        n if COUNTERS.contains(&n) => Metric::Counter(n.into()),
        _ => {
            let known = COUNTERS.iter().copied().chain(["ratio", "work ratio", "median", "p95", "rows"]).collect::<Vec<_>>().join(", ");
            return Err(format!("`{name}` is nothing that is measured; it is one of {known}"));
        }
    };
    let factor = match (&metric, unit) {
        (Metric::Median | Metric::P95, "ms") => 1.0,
        (Metric::Median | Metric::P95, "s") => 1000.0,
        (Metric::Median | Metric::P95, "µs" | "us") => 0.001,
        (Metric::Median | Metric::P95, _) => return Err(format!("a time needs its unit: `{name} < {number} ms`")),
        (_, "") => 1.0,
        (_, unit) => return Err(format!("`{unit}` is no unit of {name}")),
    };
    if matches!(metric, Metric::Ratio | Metric::WorkRatio) && number <= 0.0 {
        return Err(format!("a {name} of {number} cannot be reached"));
    }
    Ok(Requirement::Bound { metric, strict, limit: number * factor })
}

impl Requirement {
    /// Whether it needs the baseline.
    pub fn compares(&self) -> bool {
        matches!(self, Requirement::Bound { metric: Metric::Ratio | Metric::WorkRatio, .. })
    }
    /// Runs that it takes at least, and so many as are made where they take little time.
    pub fn runs(&self) -> (usize, usize) {
        match self {
            Requirement::Bound { metric: Metric::P95, .. } => (RUNS_FOR_P95, QUICK_RUNS_FOR_P95),
            _ => (measure::LEAST, measure::LEAST),
        }
    }

    /// How it stands.
    pub fn check(&self, m: &Measured<'_>) -> (Standing, String) {
        match self {
            Requirement::Never { operation, relation } => never(m, operation, relation.as_deref()),
            Requirement::Bound { metric, strict, limit } => {
                let limit = Limit { at: *limit, strict: *strict };
                match metric {
                    Metric::Ratio => ratio(m, limit),
                    Metric::WorkRatio => work_ratio(m, limit),
                    Metric::Median => time(m, limit, |s| (s.median_ms, s.median_bounds), "the median", measure::LEAST),
                    Metric::P95 => time(m, limit, |s| (s.p95_ms, s.p95_bounds), "the 95th percentile", RUNS_FOR_P95),
                    Metric::Rows => match m.summary.rows {
                        Some(r) => limit.decide(r, &format!("{} rows were returned", text::thousands(r.max(0.0) as u64))),
                        None => (Standing::Inconclusive, "the plan does not tell how many rows were returned, or the runs differ".into()),
                    },
                    // An engine that counts pages counts these too, and tells them where there are some.
                    Metric::Counter(name)
                        if name == TEMPORARY && m.summary.work.contains_key("pages") && !m.summary.work.contains_key(name) =>
                    {
                        limit.decide(0.0, &format!("{name} 0"))
                    }
                    Metric::Counter(name) => match m.summary.work.get(name) {
                        Some(c) => limit.decide(c.most as f64, &format!("{name} {}", text::thousands(c.most))),
                        None => (Standing::Inconclusive, format!("this engine's plans do not count {name}")),
                    },
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Limit {
    at: f64,
    strict: bool,
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        if self.strict { value < self.at } else { value <= self.at }
    }
    fn decide(self, value: f64, words: &str) -> (Standing, String) {
        (if self.holds(value) { Standing::Pass } else { Standing::Fail }, words.to_string())
    }
}

/// Both medians have been taken at different times: the whole interval has to keep the limit, and who asks for an improvement has to
/// see one, so that the doubt is not counted for it.
fn ratio(m: &Measured<'_>, limit: Limit) -> (Standing, String) {
    let b = match comparable(m) {
        Ok(b) => b,
        Err(why) => return why,
    };
    let Some(j) = measure::judge(b.samples, m.samples, Pairing::Apart) else {
        return (Standing::Inconclusive, "the baseline holds no runs".into());
    };
    let (low, high) = j.interval;
    let numbers = format!(
        "{} before, {} now: ratio {}, with 95 % between {} and {}",
        measure::millis(j.before.median_ms),
        measure::millis(j.after.median_ms),
        measure::ratio(j.ratio),
        measure::ratio(low),
        measure::ratio(high)
    );
    let same_plan = b.shape == m.shape;
    let change = j.work.first().map_or(0.0, |w| (w.after as f64 - w.before as f64) / w.before.max(1) as f64);
    let hardly_more = j.work.first().map_or(0.0, measure::share) < MATTERS;
    let work =
        j.work.first().map_or(String::new(), |w| format!("; {} {} to {}", w.name, text::thousands(w.before), text::thousands(w.after)));
    if limit.at < 1.0 && same_plan && change > -MATTERS {
        return (
            Standing::Fail,
            format!("the plan is the baseline's and does the same work: nothing has changed that would last ({numbers}{work})"),
        );
    }
    if let (Some(x), Some(y)) = (j.before.rows, j.after.rows)
        && x != y
    {
        return (Standing::Inconclusive, format!("{x} rows before and {y} now: this is not the same work ({numbers})"));
    }
    if b.elsewhere {
        return (
            Standing::Inconclusive,
            format!(
                "the baseline was taken on another server or database, and times of two machines do not compare ({numbers}{work}); `work ratio` does"
            ),
        );
    }
    let words = format!("{numbers}{work}");
    if limit.holds(high) {
        (Standing::Pass, words)
    } else if limit.at >= 1.0 && same_plan && change <= 0.0 && limit.holds(low) {
        (Standing::Pass, format!("the plan and its work are the baseline's; {words}"))
    } else if limit.at >= 1.0 && same_plan && hardly_more {
        (Standing::Inconclusive, format!("{}; {words}", slower_by_itself(change)))
    } else if !limit.holds(low) || (limit.at < 1.0 && !limit.holds(j.ratio)) {
        (Standing::Fail, words)
    } else {
        (Standing::Inconclusive, format!("the runs differ too much among themselves: {words}"))
    }
}

/// Of runs that take longer with the plan and the work of the baseline. Counted work is not all: compiling, a function and a slow disk count
/// no pages, and a few more of them take no tenth of the time.
fn slower_by_itself(change: f64) -> String {
    let same =
        if change > 0.0 { "the plan is the baseline's and its work hardly more" } else { "the plan and its work are the baseline's" };
    format!("{same}, and yet it takes longer: a busier machine, its disk, compiling (JIT) or a function")
}

/// Why a time above its limit tells nothing: the runs of the baseline kept it, with this plan and this work.
fn kept_before(m: &Measured<'_>, limit: Limit, of: fn(&Summary) -> (f64, Bounds)) -> Option<String> {
    let b = m.baseline.as_ref().filter(|b| b.apart.is_empty() && !b.elsewhere && b.shape == m.shape)?;
    let j = measure::judge(b.samples, m.samples, Pairing::Apart)?;
    let change = j.work.first().map(measure::share)?;
    let (then, _) = of(&j.before);
    (j.before.rows == j.after.rows && change < MATTERS && limit.holds(then))
        .then(|| format!("{} ({} at the baseline)", slower_by_itself(change), measure::millis(then)))
}

fn work_ratio(m: &Measured<'_>, limit: Limit) -> (Standing, String) {
    let b = match comparable(m) {
        Ok(b) => b,
        Err(why) => return why,
    };
    let judged = measure::judge(b.samples, m.samples, Pairing::Apart);
    if let Some((x, y)) = judged.as_ref().and_then(|j| j.before.rows.zip(j.after.rows)).filter(|(x, y)| x != y) {
        return (Standing::Inconclusive, format!("{x} rows before and {y} now: this is not the same work"));
    }
    match judged.and_then(|j| j.work.into_iter().next()) {
        None => (Standing::Inconclusive, "no counter of work is known of both sides".into()),
        Some(w) => {
            let r = w.after as f64 / w.before.max(1) as f64;
            limit.decide(r, &format!("{} {} before, {} now: ratio {r:.2}", w.name, text::thousands(w.before), text::thousands(w.after)))
        }
    }
}

fn comparable<'m>(m: &'m Measured<'_>) -> Result<&'m Baseline<'m>, (Standing, String)> {
    let none = "the file holds no baseline for these values; `holdpoint explain TARGET SQL --write-test FILE` takes one";
    let b = m.baseline.as_ref().ok_or((Standing::Inconclusive, none.to_string()))?;
    if b.apart.is_empty() { Ok(b) } else { Err((Standing::Inconclusive, format!("not compared: {}", b.apart.join("; ")))) }
}

fn time(m: &Measured<'_>, limit: Limit, of: fn(&Summary) -> (f64, Bounds), what: &str, needed: usize) -> (Standing, String) {
    let (value, bounds) = of(m.summary);
    let words = format!("{what} of {} is {}", text::counted(m.summary.runs as u64, "run"), measure::millis(value));
    let confidence = format!("with {:.0} % confidence", bounds.confidence * 100.0);
    let least = bounds.at_least_ms.map(|ms| format!("at least {}", measure::millis(ms)));
    let most = bounds.at_most_ms.map(|ms| format!("at most {}", measure::millis(ms)));
    match (bounds.at_least_ms, bounds.at_most_ms) {
        (_, Some(ms)) if limit.holds(ms) => (Standing::Pass, format!("{words}, {confidence} {}", most.unwrap_or_default())),
        (Some(ms), _) if !limit.holds(ms) => {
            let words = format!("{words}, {confidence} {}", least.unwrap_or_default());
            match kept_before(m, limit, of) {
                Some(why) => (Standing::Inconclusive, format!("{why}; {words}")),
                None => (Standing::Fail, words),
            }
        }
        (_, None) => (Standing::Inconclusive, format!("{words}, and it takes {needed} runs to bound it from above")),
        (_, Some(_)) => {
            let both: Vec<String> = [least, most].into_iter().flatten().collect();
            (Standing::Inconclusive, format!("{words}, {confidence} {}", both.join(" and with as much ")))
        }
    }
}

/// The worst standing.
pub fn overall<'a>(all: impl IntoIterator<Item = &'a Checked>) -> Standing {
    all.into_iter().map(|c| c.standing).max().unwrap_or(Standing::Inconclusive)
}

/// The counters of samples by their medians: what a baseline keeps.
pub fn medians(s: &Summary) -> BTreeMap<String, u64> {
    s.work.iter().map(|(k, c)| (k.clone(), c.median)).collect()
}

#[cfg(test)]
mod tests;
