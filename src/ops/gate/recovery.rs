//! Clears one recovery action: by the object's name, typed; where data may be lost, by a second person or what policy says.

use super::judge::same_person;
use super::{Held, Missing};
use crate::config::files::Approval;
use crate::model::evidence::Evidence;
use crate::model::recovery::{Level, Prospect};
use crate::model::{Error, Result};
use crate::ops::record::Draft;
use crate::ops::{Connection, Cx, recovery};
use crate::text;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;

/// The kind of evidence of a second person's word.
const KIND: &str = "recovery-approval";
/// The fact of evidence that an approval was used: whose id it names.
const USES: &str = "uses";
/// How long that is good: an emergency looks different an hour later.
const GOOD: i64 = 3600;

/// The right to do one recovery action to one object once. Made only here; it cannot be built elsewhere:
/// ```compile_fail,E0451
/// use holdpoint::{model::recovery::Prospect, ops::gate::RecoveryRight};
/// fn forge(prospect: Prospect) -> RecoveryRight {
///     RecoveryRight { target: String::new(), prospect, approved: String::new(), second: None }
/// }
/// ```
/// nor copied:
/// ```compile_fail,E0599
/// use holdpoint::ops::gate::RecoveryRight;
/// fn twice(r: RecoveryRight) -> (RecoveryRight, RecoveryRight) {
///     (r.clone(), r)
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct RecoveryRight {
    pub(in crate::ops) target: String,
    pub(in crate::ops) prospect: Prospect,
    /// By whom and how, for the journal.
    pub(in crate::ops) approved: String,
    /// The second person's evidence, which is good for one use.
    pub(in crate::ops) second: Option<String>,
}

/// What the operator typed.
#[derive(Debug, Clone, Default)]
pub struct Yes {
    /// The object's name.
    pub object: String,
    /// The mark of what was shown ([`recovery::mark`]).
    pub seen: String,
    /// Why, where it is approved alone.
    pub reason: Option<String>,
    /// The target's name, where it is approved alone.
    pub target: Option<String>,
}

/// Clears the action, or says what is missing. `prospect` is as the object is now.
pub async fn clear_recovery(cx: &Cx, conn: &Connection, prospect: Prospect, yes: &Yes) -> Result<std::result::Result<RecoveryRight, Held>> {
    cx.store.writable()?;
    let target = &conn.target().name;
    let (deed, object) = (prospect.action.deed.name(), text::clean(&prospect.object).into_owned());
    let act = format!("{deed} {object} on {}", text::clean(target));
    // No yes makes up for a person's hands.
    if let Some(why) = prospect.by_hand {
        let only = Missing { step: "by-hand".into(), title: "Done by hand".into(), why, next: "Do what is shown yourself.".into() };
        return Ok(Err(Held { act, missing: vec![only] }));
    }
    let mark = recovery::mark(conn, &prospect);
    let mut missing = Vec::new();
    let mut lack = |step: &str, title: &str, why: String, next: String| {
        missing.push(Missing { step: step.into(), title: title.into(), why, next });
    };
    if yes.object != prospect.object {
        lack(
            "confirmation",
            "The object's name, typed",
            format!("{object} was not typed"),
            format!("Type it: --confirm {}.", text::shell_word(&object)),
        );
    }
    if yes.seen != mark {
        let why = if yes.seen.is_empty() {
            "it does not say what was looked at before".to_string()
        } else {
            format!("what was shown as {} is not what is there now", text::clean(&yes.seen))
        };
        lack("seen", "What was shown", why, format!("Look at it, and if it is what you mean: --seen {mark}."));
    }
    let mut approved = format!("typed by {}", cx.operator);
    let mut by_another = None;
    if prospect.action.deed.level() == Level::Three {
        match cx.config.policy.approval {
            Approval::Solo => {
                let reason = yes.reason.as_deref().map(str::trim).filter(|r| !r.is_empty());
                if reason.is_none() {
                    lack(
                        "reason",
                        "A reason",
                        "data may be lost, and nobody said why that may be".into(),
                        "Say it: --reason \"…\".".into(),
                    );
                }
                if yes.target.as_deref() != Some(target.as_str()) {
                    let next = format!("Type it: --confirm-target {}.", text::shell_word(target));
                    lack("target", "The target's name, typed", "it is approved alone, without the target's name".into(), next);
                }
                approved = format!("approved alone by {}: {}", cx.operator, reason.unwrap_or_default());
            }
            Approval::Second => match second(cx, conn, &prospect).await? {
                Some(e) => {
                    approved = e.summary;
                    by_another = Some(e.id);
                }
                None => {
                    let next = format!(
                        "Somebody else: holdpoint recover {} {deed}{} --approve --seen {mark} --reason '…'",
                        text::shell_word(conn.target().word()),
                        // What needs no object has none to be typed.
                        if prospect.action.object.is_empty() { String::new() } else { format!(" {}", text::shell_word(&object)) }
                    );
                    lack(
                        "approval",
                        "A second person",
                        format!("nobody but {} said yes to {deed} {object}", text::clean(&cx.operator)),
                        next,
                    );
                }
            },
        }
    }
    if missing.is_empty() {
        return Ok(Ok(RecoveryRight { target: target.clone(), prospect, approved, second: by_another }));
    }
    Ok(Err(Held { act, missing }))
}

/// The word of somebody else on just this object, not older than an hour.
async fn second(cx: &Cx, conn: &Connection, prospect: &Prospect) -> Result<Option<Evidence>> {
    let session = conn.reader().await?;
    let (database, mark) = (session.identity().subject(), recovery::mark(conn, prospect));
    let oldest = cx.clock.now().checked_sub(GOOD.seconds()).unwrap_or(Timestamp::MIN);
    let all: Vec<Evidence> = cx.store.evidence(Some(KIND))?.into_iter().map(|s| s.evidence).collect();
    let used: BTreeSet<&str> = all.iter().filter_map(|e| e.facts.get(USES).map(String::as_str)).collect();
    let good = |e: &&Evidence| {
        e.holds
            && !used.contains(e.id.as_str())
            && e.subject.target == conn.target().name
            && e.subject.database == database
            && e.subject.scripts == mark
            && !same_person(&e.by, &cx.operator)
            && e.at.parse::<Timestamp>().is_ok_and(|at| at >= oldest)
    };
    Ok(all.iter().find(good).cloned())
}

/// Notes that a second person's word was used: another object in the same place needs another one.
pub(in crate::ops) async fn use_up(cx: &Cx, conn: &Connection, right: &RecoveryRight) -> Result<()> {
    let Some(id) = &right.second else { return Ok(()) };
    let session = conn.reader().await?;
    let draft = Draft::new(KIND, conn.target(), session.identity(), false, format!("used: {}", right.approved)).fact(USES, id);
    cx.record(draft).map(drop)
}

/// A second person's word: recorded for just this object as it is now. `seen` is the mark of what that person was shown.
pub async fn approve_recovery(cx: &Cx, conn: &Connection, prospect: &Prospect, seen: &str, reason: &str) -> Result<Evidence> {
    let (deed, object) = (prospect.action.deed, text::clean(&prospect.object).into_owned());
    if deed.level() != Level::Three {
        return Err(Error::usage(format!("{} takes no second person: whoever wants it types the object's name", deed.name())));
    }
    if cx.config.policy.approval == Approval::Solo {
        return Err(Error::usage("policy says that one person approves alone, with a reason and the target's name"));
    }
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Error::usage("an approval needs a reason").hint("Say in a sentence why it may be done: --reason \"…\"."));
    }
    let mark = recovery::mark(conn, prospect);
    if seen != mark {
        return Err(Error::held(format!("held: what was shown as {} is not what is there now", text::clean(seen)))
            .hint(format!("Look at it, and if it is what you mean: --seen {mark}.")));
    }
    let session = conn.reader().await?;
    let words = format!("{} {object} approved by {}: {}", deed.name(), text::clean(&cx.operator), text::clean(reason));
    let mut draft = Draft::new(KIND, conn.target(), session.identity(), true, words)
        .fact("action", deed.name())
        .fact("object", prospect.object.clone())
        .fact("reason", reason);
    draft.subject.scripts = mark;
    cx.record(draft)
}
