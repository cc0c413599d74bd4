//! The sentence on top: the most likely cause, and the next step.

use crate::model::Severity;
use crate::model::assessment::{Seen, Summary};

/// The first finding of the worst kind: checks come in the order of what they explain.
pub(super) fn of(checks: &[Seen]) -> Summary {
    let worst = checks.iter().map(|c| c.severity).max();
    let Some(severity) = worst.filter(|s| *s >= Severity::Warning) else {
        let blind = checks.iter().filter(|c| c.severity == Severity::Unknown).count();
        let says = match (checks.len(), blind) {
            (_, 0) => "Nothing of what was looked at is wrong.".to_string(),
            (all, blind) => format!("Nothing wrong was seen, but {blind} of {all} checks could not see."),
        };
        let next = match blind {
            0 => "If users still see a fault, it lies before the database: network, pooler, application.".to_string(),
            _ => "Assess again with a role that may see more; each check names what it lacks.".to_string(),
        };
        return Summary { severity: worst, says, next, sev: None, check: String::new() };
    };
    let finding = checks.iter().flat_map(|c| &c.findings).find(|f| f.severity == severity);
    let (says, next, check) = finding.map_or_else(Default::default, |f| (capital(&f.message), f.next.clone(), f.check.clone()));
    // A suggestion: when unsure, the higher one (`reference/operations.md` §2.1).
    let sev = match severity {
        Severity::Critical if matches!(check.as_str(), "connect" | "PG26" | "PG29") => 1,
        Severity::Critical => 2,
        _ => 3,
    };
    Summary { severity: Some(severity), says, next, sev: Some(sev), check }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    out.push_str(chars.as_str());
    if !out.ends_with('.') {
        out.push('.');
    }
    out
}
