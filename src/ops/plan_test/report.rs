//! What a performance test found, as sentences, and as JUnit for machines that show tests.

use super::TestFile;
use crate::model::Dialect;
use crate::plan::environment::Differences;
use crate::plan::measure::{Summary, millis};
use crate::plan::requirement::{Checked, Standing};
use crate::text;
use serde::Serialize;
use std::fmt::Write as _;

/// A run of a test. Its JSON is stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestReport {
    pub name: String,
    pub file: String,
    pub sha256: String,
    pub target: String,
    pub server: String,
    /// RFC 3339.
    pub at: String,
    pub verdict: Standing,
    pub sets: Vec<SetReport>,
    /// How the baseline's environment differs from this one.
    pub differs: Differences,
    pub baseline_taken: Option<String>,
    /// What else is to be known of the numbers: sentences.
    pub notes: Vec<String>,
}

/// The statement with one set of values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetReport {
    pub set: String,
    pub shape: String,
    /// Whether the plan has the baseline's shape; `None` without a baseline.
    pub same_plan: Option<bool>,
    pub plan_before: Vec<String>,
    pub plan: Vec<String>,
    pub summary: Summary,
    /// How it did against the baseline, where the two compare: the work counts, and the time only with another plan.
    pub worse: Option<String>,
    /// Why it could not be held against the baseline; `None` where it was.
    pub not_compared: Option<String>,
    /// The time was over before the runs were enough.
    pub cut_short: bool,
    pub requirements: Vec<Checked>,
}

/// `pass`, `fail`, `inconclusive`.
pub(super) fn word(s: Standing) -> &'static str {
    match s {
        Standing::Pass => "pass",
        Standing::Fail => "fail",
        Standing::Inconclusive => "inconclusive",
    }
}

impl TestReport {
    pub fn word(&self) -> &'static str {
        word(self.verdict)
    }

    /// The exit code: 0 pass, 1 fail, 5 what could not be seen.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Standing::Pass => 0,
            Standing::Fail => 1,
            Standing::Inconclusive => 5,
        }
    }

    /// One sentence: what decided.
    pub fn sentence(&self) -> String {
        let worst = self.sets.iter().flat_map(|s| s.requirements.iter().map(move |c| (s, c))).find(|(_, c)| c.standing == self.verdict);
        match (self.verdict, worst) {
            (Standing::Pass, _) => {
                let n: usize = self.sets.iter().map(|s| s.requirements.len()).sum();
                format!("{}: {} held", self.name, text::counted(n as u64, "requirement"))
            }
            (_, Some((s, c))) => format!("{}: {} ({}), {}", self.name, c.requirement, s.set, c.because),
            (_, None) => format!("{}: nothing was required", self.name),
        }
    }

    /// Sets that do more work than at the baseline, or are slower with another plan.
    pub fn regressions(&self) -> Vec<String> {
        self.sets.iter().filter_map(|s| s.worse.as_ref().map(|w| format!("{}: {w}", s.set))).collect()
    }

    /// Why sets could not be held against the baseline: sentences; empty where every one was.
    pub fn not_compared(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for s in &self.sets {
            if let Some(why) = s.not_compared.as_ref().filter(|w| !out.contains(w)) {
                out.push(why.clone());
            }
        }
        out
    }

    /// For people, line by line.
    pub fn lines(&self) -> Vec<String> {
        let mut out = vec![format!("{} · {} · {} · {}", self.word().to_uppercase(), self.name, self.target, self.server)];
        for s in &self.sets {
            let m = &s.summary;
            let work = m.work.iter().map(|(k, c)| format!("{k} {}", text::thousands(c.median))).collect::<Vec<_>>().join(", ");
            out.push(format!(
                "  {}: {} runs, median {} ± {}, p95 {}{}{work}",
                s.set,
                m.runs,
                millis(m.median_ms),
                millis(m.mad_ms),
                millis(m.p95_ms),
                if work.is_empty() { "" } else { "; " }
            ));
            for c in &s.requirements {
                out.push(format!("    {:<12} {}: {}", word(c.standing), c.requirement, c.because));
            }
            if s.cut_short {
                out.push("    the time was over before the runs were enough".into());
            }
            match s.same_plan {
                Some(true) => out.push("    the plan is the baseline's".into()),
                Some(false) => {
                    out.push("    the plan was:".into());
                    out.extend(s.plan_before.iter().map(|l| format!("      {l}")));
                    out.push("    and is:".into());
                    out.extend(s.plan.iter().map(|l| format!("      {l}")));
                }
                None => {}
            }
        }
        out.extend(self.differs.changed.iter().map(|c| format!("  since the baseline: {c}")));
        out.extend(self.differs.apart.iter().map(|c| format!("  not comparable: {c}")));
        if self.differs.elsewhere {
            out.push("  the baseline was taken on another server or database".into());
        }
        out.extend(self.notes.iter().map(|n| format!("  {n}")));
        out
    }

    /// Without the constants of the test's statement, its values and its baseline's. What is required stays.
    #[must_use]
    pub fn redacted(&self, dialect: Dialect, test: &TestFile) -> TestReport {
        let c = test.constants(dialect);
        let mut out = self.clone();
        for s in &mut out.sets {
            for l in s.plan_before.iter_mut().chain(&mut s.plan) {
                *l = c.sql(l);
            }
            for t in s.worse.iter_mut().chain(&mut s.not_compared).chain(s.requirements.iter_mut().map(|r| &mut r.because)) {
                *t = c.prose(t);
            }
        }
        for t in out.notes.iter_mut().chain(&mut out.differs.changed).chain(&mut out.differs.apart) {
            *t = c.prose(t);
        }
        out
    }

    /// One test case for each requirement of each set.
    pub fn junit(&self) -> String {
        let all: Vec<(&SetReport, &Checked)> = self.sets.iter().flat_map(|s| s.requirements.iter().map(move |c| (s, c))).collect();
        let count = |w: Standing| all.iter().filter(|(_, c)| c.standing == w).count();
        let seconds = |s: &SetReport| s.summary.median_ms / 1000.0;
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            out,
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" timestamp=\"{}\" hostname=\"{}\">",
            escape(&self.name),
            all.len(),
            count(Standing::Fail),
            count(Standing::Inconclusive),
            escape(self.at.trim_end_matches('Z')),
            escape(&self.target)
        );
        for (s, c) in all {
            let head = format!(
                "  <testcase classname=\"{}\" name=\"{} [{}]\" time=\"{:.6}\"",
                escape(&self.name),
                escape(&c.requirement),
                escape(&s.set),
                seconds(s)
            );
            let _ = match c.standing {
                Standing::Pass => writeln!(out, "{head}/>"),
                Standing::Fail => writeln!(out, "{head}>\n    <failure message=\"{}\"/>\n  </testcase>", escape(&c.because)),
                Standing::Inconclusive => {
                    writeln!(out, "{head}>\n    <error type=\"inconclusive\" message=\"{}\"/>\n  </testcase>", escape(&c.because))
                }
            };
        }
        out.push_str("</testsuite>\n");
        out
    }
}

/// JUnit of a test that could not be run: one case, with the reason as its error.
pub fn junit_of_error(name: &str, target: &str, why: &str) -> String {
    let (name, target, why) = (escape(name), escape(target), escape(why));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\" hostname=\"{target}\">\n  \
         <testcase classname=\"{name}\" name=\"the statement is measured\">\n    <error type=\"not-run\" message=\"{why}\"/>\n  </testcase>\n</testsuite>\n"
    )
}

/// What stands in an attribute of XML: controls are no characters of it, and show as what `text::clean` makes of them.
fn escape(s: &str) -> String {
    text::clean(s).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::measure::{Sample, summary};

    #[test]
    fn junit_counts_and_escapes() {
        let runs = [Sample { ms: 12.5, ..Sample::default() }];
        let check =
            |standing, requirement: &str| Checked { requirement: requirement.into(), standing, because: "a < b & \"c\"\u{1b}".into() };
        let set = SetReport {
            set: "common".into(),
            shape: "s".into(),
            same_plan: Some(false),
            plan_before: vec!["Seq Scan".into()],
            plan: vec!["Index Scan".into()],
            summary: summary(&runs).unwrap(),
            worse: None,
            not_compared: None,
            cut_short: false,
            requirements: vec![
                check(Standing::Pass, "ratio <= 0.8"),
                check(Standing::Fail, "no sort"),
                check(Standing::Inconclusive, "pages < 5"),
            ],
        };
        let report = TestReport {
            name: "orders".into(),
            file: "f".into(),
            sha256: String::new(),
            target: "t".into(),
            server: "SQLite 3".into(),
            at: "2026-11-21T00:00:00Z".into(),
            verdict: Standing::Fail,
            sets: vec![set],
            differs: Differences::default(),
            baseline_taken: None,
            notes: vec!["Measured without its locking clause.".into()],
        };
        let xml = report.junit();
        assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"1\""), "{xml}");
        assert!(xml.contains("name=\"ratio &lt;= 0.8 [common]\" time=\"0.012500\"/>"), "{xml}");
        assert!(xml.contains("a &lt; b &amp; &quot;c&quot;") && !xml.contains('\u{1b}'), "{xml}");
        assert_eq!((report.exit_code(), report.word()), (1, "fail"));
        assert!(report.sentence().contains("no sort (common)"), "{}", report.sentence());
        assert!(report.lines().iter().any(|l| l.contains("Index Scan")));
        assert_eq!(report.lines().last().map(String::as_str), Some("  Measured without its locking clause."));
    }
}
