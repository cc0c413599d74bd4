//! An assessment as a plugin of Nagios, Icinga, Naemon or Checkmk gives it: one line with the state and the cause, behind a bar the figures
//! with their thresholds, then what speaks, line by line. Its exit codes are 0 to 3, and nothing but a finding is ever 1 or 2.

use crate::cli::output;
use crate::model::assessment::{Assessment, Check, Limits};
use crate::model::{Error, Result, Severity};
use crate::text;
use std::process::ExitCode;

/// State and exit code of a severity.
pub fn state(severity: Severity) -> (&'static str, u8) {
    match severity {
        Severity::Ok | Severity::Info => ("OK", 0),
        Severity::Warning => ("WARNING", 1),
        Severity::Critical => ("CRITICAL", 2),
        Severity::Unknown => ("UNKNOWN", 3),
    }
}

/// Text before the figures, which a bar would begin.
fn plain(words: &str) -> String {
    text::clean(words).replace('|', "¦")
}

/// The plugin's output. `checks` and `limits` are those that the target has.
pub fn report(found: &Assessment, checks: &[Check], limits: &Limits) -> Vec<String> {
    let sev = found.summary.sev.map(|s| format!(" (suggested: SEV-{s})")).unwrap_or_default();
    let first = format!("HOLDPOINT {} - {}: {}{sev}", state(found.severity()).0, found.target, found.summary.says);
    let mut out = vec![format!("{} | {}", plain(&first), figures(found, checks, limits).join(" "))];
    if !found.summary.next.is_empty() {
        out.push(plain(&format!("Next: {}", found.summary.next)));
    }
    // A login that works says nothing by itself.
    out.extend(found.checks.iter().filter(|s| s.severity > Severity::Ok).map(|s| plain(&super::line(s))));
    out
}

/// `'label'=value[unit];warning;critical` of each figure that has thresholds, under the name that these have in the configuration.
fn figures(found: &Assessment, checks: &[Check], limits: &Limits) -> Vec<String> {
    let mut out = vec![format!("time={}s;;{}", number(found.took / 1000.0), number(found.budget / 1000.0))];
    for seen in &found.checks {
        let Some(check) = checks.iter().find(|c| c.id == seen.check) else { continue };
        for limit in check.limits {
            let Some(value) = seen.figures.get(limit.name).filter(|v| v.is_finite()) else { continue };
            let (warning, critical) = limits.of(check, limit.name);
            // A range is what is well: one that a figure should not fall below has no end.
            let range = |at: f64| match at.is_finite() {
                true if critical < warning => format!("{}:", number(at)),
                true => number(at),
                false => String::new(),
            };
            let unit = match limit.unit {
                unit @ ("s" | "ms" | "%") => unit,
                "bytes" => "B",
                _ => "",
            };
            let text = format!("{}.{}={}{unit};{};{}", check.id, limit.name, number(*value), range(warning), range(critical));
            out.push(text.trim_end_matches(';').to_string());
        }
    }
    out
}

/// Digits and a point alone, three decimals at most.
fn number(n: f64) -> String {
    let n = (n * 1000.0).round() / 1000.0;
    // No negative zero.
    format!("{}", n + 0.0)
}

/// What kept the plugin from looking tells nothing of the server. A plugin's output is standard output.
pub fn failed(e: &Error) -> ExitCode {
    // Nobody reads it any more where this fails.
    let _ = lines(std::iter::once(format!("HOLDPOINT UNKNOWN - {}", plain(&e.message))).chain(e.hints.iter().map(|h| plain(h))));
    ExitCode::from(state(Severity::Unknown).1)
}

pub fn lines(all: impl IntoIterator<Item = String>) -> Result<()> {
    all.into_iter().try_for_each(|l| output::line(&l))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Finding;
    use crate::model::assessment::{Limit, Seen, Summary};
    use jiff::Timestamp;

    const USED: &[Limit] = &[Limit { name: "used", unit: "%", warning: 80.0, critical: 90.0 }];
    const FULL: &[Limit] = &[
        Limit { name: "full", unit: "s", warning: 14_400.0, critical: 900.0 },
        Limit { name: "kept", unit: "bytes", warning: 2_147_483_648.0, critical: f64::INFINITY },
        Limit { name: "age", unit: "transactions", warning: 1e15, critical: f64::INFINITY },
        Limit { name: "not_read", unit: "", warning: 1.0, critical: 2.0 },
    ];
    const CHECKS: [Check; 2] = [
        Check { id: "PG03", name: "connections", reads: "", means: "", limits: USED, twice: false },
        Check { id: "PG35", name: "forecast", reads: "", means: "", limits: FULL, twice: true },
    ];

    #[test]
    fn one_line_with_the_cause_and_the_figures_and_no_other_bar() {
        let mut connections = Seen::of(&CHECKS[0]).says("188 of 200").figure("used", 94.0).figure("idle", 3.0);
        connections.find(Finding::new(Severity::Critical, "PG03", "", "188 of 200 are taken by a|b"));
        let forecast = Seen::of(&CHECKS[1]).figure("full", 1_234.567_89).figure("kept", 5e12).figure("age", f64::NAN);
        let found = Assessment {
            target: "shop".into(),
            server: Some("s".into()),
            began: Timestamp::UNIX_EPOCH,
            took: 1500.0,
            budget: 60_000.0,
            summary: Summary {
                says: "188 of 200 are taken by a|b\nc".into(),
                next: "Close a|b.".into(),
                sev: Some(2),
                severity: Some(Severity::Critical),
                ..Summary::default()
            },
            checks: vec![connections, forecast],
            notes: Vec::new(),
            before: None,
            changes: Vec::new(),
        };
        let mut limits = Limits::default();
        limits.0.insert("PG03.used".into(), (70.5, 90.0));
        let all = report(&found, &CHECKS, &limits);
        let (says, figures) = all[0].split_once(" | ").expect("figures");
        assert!(
            says.starts_with("HOLDPOINT CRITICAL - shop: 188 of 200 are taken by a¦b") && says.ends_with("(suggested: SEV-2)"),
            "{says}"
        );
        assert_eq!(figures, "time=1.5s;;60 PG03.used=94%;70.5;90 PG35.full=1234.568s;14400:;900: PG35.kept=5000000000000B;2147483648");
        assert_eq!(all[1..], ["Next: Close a¦b.", "CRITICAL connections           188 of 200"]);
        assert!(all.iter().all(|l| !l.contains('\n')), "{all:?}");
    }
}
