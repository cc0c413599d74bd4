//! What stays of assessments: the last ones of a target, to compare with, and what is silenced for a while.

use super::super::Cx;
use crate::config::Target;
use crate::model::assessment::{Assessment, Muted, changes};
use crate::model::lock_tree::LockSession;
use crate::model::{Dialect, Error, Result};
use crate::sql::without_constants;
use jiff::Timestamp;
use serde_json::json;

/// Longer than this nobody remembers why; what may stay for good has a threshold in the configuration.
const LONGEST_DAYS: i64 = 90;

/// Compares with the last one of the target and keeps it. What the store cannot take is a remark, not an error: the server's trouble
/// may be this machine's too.
pub(super) fn compared(cx: &Cx, target: &Target, dialect: Dialect, mut now: Assessment) -> (Assessment, Option<Error>) {
    let last = match cx.store.last_assessment(&target.kept_as()) {
        Ok(last) => last,
        Err(e) => return (now, Some(e)),
    };
    if let Some(last) = last {
        now.before = Some(last.began);
        super::role::compared(&last, &mut now, &cx.store.mutes(&target.kept_as()).unwrap_or_default());
        now.changes = changes(&last, &now);
    }
    let problem = cx.store.keep_assessment(&target.kept_as(), &redacted(&now, dialect)).err();
    (now, problem)
}

/// Without the constants of statements. Findings have none: they are made without them.
pub fn redacted(a: &Assessment, dialect: Dialect) -> Assessment {
    let mut out = a.clone();
    take_constants(dialect, out.checks.iter_mut().flat_map(|c| &mut c.sessions));
    out
}

pub(super) fn take_constants<'a>(dialect: Dialect, sessions: impl Iterator<Item = &'a mut LockSession>) {
    for s in sessions {
        s.statement = without_constants(dialect, &s.statement);
    }
}

/// Silences a check of a target, or what it says of one object, until then: journaled, with the reason.
pub fn mute(cx: &Cx, target: &Target, check: &str, object: &str, reason: &str, until: Timestamp) -> Result<Muted> {
    let left = until.as_second() - cx.clock.now().as_second();
    if left <= 0 {
        return Err(Error::usage(format!("{until} is over already")).hint("Give a time to come: --for 7d."));
    }
    if left > LONGEST_DAYS * 86_400 {
        return Err(Error::usage(format!("a finding is silenced for {LONGEST_DAYS} days at most, not for {}", left / 86_400)));
    }
    if reason.trim().is_empty() {
        return Err(Error::usage("why is it silenced? --reason '…' is for whoever reads it next"));
    }
    let m = Muted { check: check.into(), object: object.into(), reason: reason.trim().into(), until, by: cx.operator.clone(), was: None };
    let summary = format!("{} muted until {until}: {}", named(check, object), m.reason);
    cx.journal(
        "assessment-mute",
        &target.name,
        json!({ "summary": summary, "check": check, "object": object, "until": until.to_string(), "place": target.leads() }),
    )?;
    cx.store.mute(&target.kept_as(), &m)?;
    Ok(m)
}

/// Lets it speak again.
pub fn unmute(cx: &Cx, target: &Target, check: &str, object: &str) -> Result<()> {
    if !cx.store.unmute(&target.kept_as(), check, object)? {
        let known: Vec<String> = cx.store.mutes(&target.kept_as())?.iter().map(|m| named(&m.check, &m.object)).collect();
        let hint = if known.is_empty() { "Nothing is muted on this target.".into() } else { format!("Muted are: {}.", known.join(", ")) };
        return Err(Error::usage(format!("{} is not muted on {}", named(check, object), target.name)).hint(hint));
    }
    let summary = format!("{} speaks again", named(check, object));
    cx.journal("assessment-unmute", &target.name, json!({ "summary": summary, "check": check, "object": object, "place": target.leads() }))
        .map(drop)
}

/// `PG27`, `PG27:orders_idx`.
pub fn named(check: &str, object: &str) -> String {
    if object.is_empty() { check.to_string() } else { format!("{check}:{object}") }
}
