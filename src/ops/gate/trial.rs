//! Clears running a writing statement to measure it: on a private copy, or on a development target inside a transaction that is rolled
//! back. What it sets off is found first and named; the clearance is for exactly that.

use super::{Held, Missing};
use crate::config::AccessMode;
use crate::model::{Effects, Error, Result};
use crate::ops::{Connection, Cx, explain};
use crate::sql::{self, Class};
use crate::text;
use std::time::Duration;

/// Longest that a writing statement may hold its locks on the target.
pub const LONGEST: Duration = Duration::from_secs(30);

/// Where it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On a copy that is removed afterwards.
    Copy,
    /// On the target itself, rolled back.
    Here,
}

/// The right to run one writing statement once and take it back. Made only here; it cannot be built elsewhere:
/// ```compile_fail,E0451
/// use holdpoint::ops::gate::{Place, TrialRight};
/// fn forge() -> TrialRight {
///     TrialRight { target: String::new(), statement: String::new(), place: Place::Here, effects: Default::default() }
/// }
/// ```
/// nor copied:
/// ```compile_fail,E0599
/// use holdpoint::ops::gate::TrialRight;
/// fn twice(r: TrialRight) -> (TrialRight, TrialRight) {
///     (r.clone(), r)
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct TrialRight {
    pub(in crate::ops) target: String,
    pub(in crate::ops) statement: String,
    pub(in crate::ops) place: Place,
    pub(in crate::ops) effects: Effects,
}

/// What is known before anything is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Prospect {
    pub statement: String,
    pub effects: Effects,
    /// What is missing for running it on the target itself, and on a copy; empty: it may be done.
    pub here: Vec<Missing>,
    pub copy: Vec<Missing>,
    /// Names all of this; what is run must still have it.
    pub digest: String,
}

impl Prospect {
    /// What would happen, and how it is kept from lasting: sentences.
    pub fn lines(&self) -> Vec<String> {
        let mut out: Vec<String> = self.effects.lines().iter().map(|l| text::clean(l).into_owned()).collect();
        out.push(format!(
            "On the target it would be rolled back, after {} at most; a lock that others hold for more than a moment (a second on MySQL) ends it.",
            text::duration(LONGEST)
        ));
        out
    }
}

/// Looks at what running the statement would set off, and whether it may be run.
pub async fn look_at_trial(conn: &Connection, cx: &Cx, text: &str) -> Result<Prospect> {
    conn.engine().plans().get()?;
    let statement = explain::only(conn.dialect(), text)?;
    let verdict = sql::classify(conn.dialect(), statement);
    if verdict.class != Class::Dml {
        return Err(Error::read_only(format!("only INSERT, UPDATE, DELETE and MERGE are measured so: {}", verdict.reason)));
    }
    let session = conn.follower().await?;
    let effects = conn.engine().trials().effects(&session, statement).await?;
    let t = conn.target();
    let name = text::clean(&t.name).into_owned();
    let missing =
        |step: &str, title: &str, why: String, next: &str| Missing { step: step.into(), title: title.into(), why, next: next.into() };
    let elsewhere = "Measure a SELECT with the same conditions.";
    // What reaches beyond the database or back to it is not run on a copy either.
    let copy_instead = match effects.outside.is_empty() && effects.back.is_empty() {
        true => "Measure it on a scratch copy: holdpoint explain … --analyze --on-scratch",
        false => elsewhere,
    };
    let beyond = |lines: &[String], title: &str, next: &str| {
        let step = "effects";
        lines.iter().map(|l| missing(step, title, text::clean(l).into_owned(), next)).collect::<Vec<_>>()
    };
    let mut here = Vec::new();
    let first = cx.config.environments.len() > 1 && t.environment.is_some() && t.environment.as_ref() == cx.config.environments.first();
    if !first {
        let why = match &t.environment {
            None => format!("{name} has no environment, so it counts as production"),
            Some(e) => format!("{name} is {e}, and not the first environment of the chain"),
        };
        here.push(missing("development", "A development target", why, copy_instead));
    }
    if t.access != AccessMode::Open {
        here.push(missing("access", "A target that is open", format!("{name} is not open to writing"), copy_instead));
    }
    here.extend(beyond(&effects.stays, "Nothing that stays", copy_instead));
    here.extend(beyond(&effects.outside, "Nothing beyond the database", elsewhere));
    let mut copy = beyond(&effects.outside, "Nothing beyond the database", elsewhere);
    copy.extend(beyond(&effects.back, "Nothing that leads back to the original", "Leave the database's name out of it."));
    if let Err(e) = super::super::copies::possible(conn) {
        copy.push(missing("copy", "A scratch place", e.message, e.hints.first().map_or("", String::as_str)));
    }
    let digest = effects.digest(conn.dialect(), statement);
    Ok(Prospect { statement: statement.to_string(), effects, here, copy, digest })
}

/// Clears the run at one place. `seen` is the [`Prospect::digest`] that a person was shown: when things are not so any more, it is held.
pub async fn clear_trial(
    cx: &Cx,
    conn: &Connection,
    text: &str,
    place: Place,
    seen: &str,
) -> Result<std::result::Result<TrialRight, Held>> {
    let now = look_at_trial(conn, cx, text).await?;
    let mut missing = match place {
        Place::Here => now.here,
        Place::Copy => now.copy,
    };
    if now.digest != seen {
        missing.push(Missing {
            step: "effects".into(),
            title: "What was shown".into(),
            why: "what the statement sets off is not what was shown before".into(),
            next: "Look at it again.".into(),
        });
    }
    let target = conn.target().name.clone();
    if missing.is_empty() {
        return Ok(Ok(TrialRight { target, statement: now.statement, place, effects: now.effects }));
    }
    let where_to = if place == Place::Here { format!("on {}", text::clean(&target)) } else { "on a scratch copy".into() };
    Ok(Err(Held { act: format!("measuring a statement that writes {where_to}"), missing }))
}

impl TrialRight {
    pub fn effects(&self) -> &Effects {
        &self.effects
    }
    pub fn place(&self) -> Place {
        self.place
    }
}
