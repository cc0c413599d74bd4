//! Whether a statement may run on a target, and how.

use super::{Connection, Cx};
use crate::config::AccessMode;
use crate::engine::{Catalog, Session, Writer};
use crate::model::{Error, Result};
use crate::sql::{self, Class, Verdict};
use crate::store::journal::NewEntry;
use jiff::{Timestamp, ToSpan};

/// How long `:unlock` lasts.
pub const UNLOCK_MINUTES: i64 = 15;

/// Guarded access to a read-only target for a short time, given for its typed name.
#[derive(Debug)]
pub struct Unlock {
    target: String,
    until: Timestamp,
}

/// How a statement may run.
#[derive(Debug)]
pub enum Admission {
    /// On the ordinary query session (which is read-only unless the target is open).
    Run,
    /// Writes data on a guarded target: by [`super::datafix::begin`].
    Guarded,
    /// With the reason and what to do instead.
    Refused(Error),
}

/// `:unlock`: guarded access for 15 minutes, journaled. The name must be typed exactly.
pub fn unlock(cx: &Cx, conn: &Connection, typed_target: &str) -> Result<Unlock> {
    let target = conn.target();
    if !target.is_called(typed_target) {
        return Err(Error::usage(format!("that is not this target's name; it is {}", crate::text::clean(&target.name))));
    }
    if target.access == AccessMode::Open {
        return Err(Error::usage(format!("{} is open already", crate::text::clean(&target.name))));
    }
    let until = cx.clock.now().checked_add(UNLOCK_MINUTES.minutes()).map_err(|e| Error::failed(e.to_string()))?;
    // A store that cannot be written refuses here: guarded work without a journal is no guarded work.
    cx.store.append(&NewEntry {
        at: cx.clock.stamp(),
        kind: "unlock".into(),
        operator: cx.operator.clone(),
        host: cx.host.clone(),
        target: target.name.clone(),
        body: serde_json::json!({
            "summary": format!("guarded access to {} for {UNLOCK_MINUTES} minutes", target.name),
            "until": super::stamp(until),
        }),
    })?;
    Ok(Unlock { target: target.name.clone(), until })
}

impl Unlock {
    /// Seconds left; zero when it is over.
    pub fn seconds_left(&self, cx: &Cx) -> i64 {
        (self.until.as_second() - cx.clock.now().as_second()).max(0)
    }
    pub fn target(&self) -> &str {
        &self.target
    }
    pub fn until(&self) -> Timestamp {
        self.until
    }
}

/// Whether ad-hoc DML may run here as a data fix now.
pub(in crate::ops) fn guarded(cx: &Cx, conn: &Connection, unlock: Option<&Unlock>) -> bool {
    let target = conn.target();
    target.access == AccessMode::Guarded || unlock.is_some_and(|u| u.target == target.name && u.seconds_left(cx) > 0)
}

/// Decides over exactly one statement. May ask the catalogue whether a function writes.
pub async fn admit(cx: &Cx, conn: &Connection, unlock: Option<&Unlock>, text: &str) -> Result<Admission> {
    let target = conn.target();
    let (open, guarded) = (target.access == AccessMode::Open, guarded(cx, conn, unlock));
    if (open || guarded)
        && !target.later.is_empty()
        && let verdict = sql::classify(conn.dialect(), text)
        && let Some(refusal) = super::later::refusal(target, conn.dialect(), conn.place().as_ref(), text, &verdict)
    {
        return Ok(Admission::Refused(refusal));
    }
    conn.learn_secrets(text).await;
    if open {
        return Ok(Admission::Run);
    }
    let name = crate::text::clean(&target.name).into_owned();
    // What COPY sends is what its query reads.
    let copied = sql::copied::query(conn.dialect(), text).filter(|q| sql::classify(conn.dialect(), q).is_read());
    let text = copied.unwrap_or(text);
    let verdict = sql::classify(conn.dialect(), text);
    let refusal = match verdict.class {
        Class::Read => match may_write(conn, text, &verdict).await? {
            None => return Ok(Admission::Run),
            Some(w) => Error::read_only(format!("refused on {name}: {}", crate::text::clean(&w.why))).hint(w.way_out),
        },
        Class::Session if sql::settings::only_reading(conn.dialect(), text) => return Ok(Admission::Run),
        Class::Dml if guarded => return Ok(Admission::Guarded),
        Class::Dml => Error::read_only(format!("refused on {name}, which is read-only: {}", verdict.reason))
            .hint("For a data fix, :unlock with the target's name gives guarded access for 15 minutes."),
        Class::Ddl => Error::read_only(format!("refused on {name}: {}", verdict.reason))
            .hint("A schema change goes through the migration queue: write an up and a down script, and the checklist leads on."),
        Class::Transaction if guarded => Error::read_only(format!("refused on {name}: {}", verdict.reason))
            .hint("A data fix has a transaction of its own: run the UPDATE, DELETE or INSERT alone, then commit or roll back."),
        Class::Session => Error::read_only(format!("refused on {name}: {}", verdict.reason)).hint(sql::settings::EXAMPLES),
        Class::Other if guarded => Error::read_only(format!("refused on {name}, which is guarded: {}", verdict.reason))
            .hint("A guarded target takes reads, and INSERT, UPDATE and DELETE as data fixes, one statement at a time."),
        Class::Transaction => Error::read_only(format!("refused on {name}, which is read-only: {}", verdict.reason)).hint(
            "Leave BEGIN and its end out: each statement has a read-only transaction of its own here. One look at several tables at one moment \
             is one statement: join them with WITH, UNION ALL or subqueries.",
        ),
        Class::Other => {
            let refusal = Error::read_only(format!("refused on {name}, which is read-only: {}", verdict.reason));
            match instead(super::explain::first_word(conn.dialect(), text)) {
                Some(hint) => refusal.hint(hint),
                None => refusal,
            }
        }
    };
    let refusal = match super::explain::first_word(conn.dialect(), text).eq_ignore_ascii_case("explain") {
        true => refusal.hint(format!(
            "`holdpoint explain {name} \"…\"` (F6 in the console) shows the plan of the statement behind EXPLAIN; nothing of it is run."
        )),
        false => refusal,
    };
    let refusal = match &target.also {
        Some(also) if !target.access_given => refusal.hint(format!(
            "It is the same database as {}, so it is read-only as long as its configuration does not give it an `access` of its own.",
            crate::text::clean(also)
        )),
        _ => refusal,
    };
    Ok(Admission::Refused(refusal))
}

/// What does here, by a plain read, what clients do with a cursor, a prepared statement or COPY.
fn instead(verb: &str) -> Option<&'static str> {
    match verb.to_ascii_uppercase().as_str() {
        "DECLARE" | "FETCH" | "MOVE" | "CLOSE" => {
            Some("No cursor is needed: run its query. The rows stream into a file beside the console, and each of them is a key away.")
        }
        "PREPARE" | "EXECUTE" | "DEALLOCATE" => {
            Some("Run the statement itself, with :name where a value goes: it is asked for (--param name=value), and bound by the server.")
        }
        "COPY" => Some("COPY (TABLE name) TO STDOUT reads; so do an export of a SELECT (e in the results) and --format csv."),
        _ => None,
    }
}

/// Refuses what is not proven to read, wherever it may run once: it is to be repeated by itself.
pub async fn only_reads(conn: &Connection, text: &str) -> Result<()> {
    let verdict = sql::classify(conn.dialect(), text);
    let refused = |why: &str| Error::read_only(format!("\\watch repeats only what is proven to read: {}", crate::text::clean(why)));
    if verdict.class != Class::Read {
        return Err(refused(&verdict.reason));
    }
    match may_write(conn, text, &verdict).await? {
        Some(w) => Err(refused(&w.why).hint(w.way_out)),
        None => Ok(()),
    }
}

/// What of a read may write all the same: a function that the catalogue does not know to be harmless, or something that
/// hides behind its names. Asks the catalogue only when there is something to ask.
pub(in crate::ops) async fn may_write(conn: &Connection, text: &str, verdict: &Verdict) -> Result<Option<Writer>> {
    let catalog = conn.catalog()?;
    if verdict.functions.is_empty() && !catalog.looks_behind_names() {
        return Ok(None);
    }
    let session = conn.follower().await?;
    if !verdict.functions.is_empty()
        && let Some(writer) = writing_function(catalog, &session, &verdict.functions).await?
    {
        return Ok(Some(writer));
    }
    catalog.hidden_writer(&session, text).await
}

/// The first of these functions that may write. One that is not there is refused with the rest, and said to be missing: most often its
/// name is mistyped.
pub(in crate::ops) async fn writing_function(catalog: &dyn Catalog, session: &Session, names: &[String]) -> Result<Option<Writer>> {
    let unproven = catalog.writing_functions(session, names).await?;
    let Some(first) = unproven.first() else { return Ok(None) };
    for name in &unproven {
        if let Some(why) = catalog.no_function(session, name).await? {
            return Ok(Some(Writer {
                why,
                way_out: "Only a function that is there can be proven to read: look at how its name is written.",
            }));
        }
    }
    Ok(Some(Writer { why: format!("the function {first} may write"), way_out: catalog.functions_that_read() }))
}

/// A statement whose bounds were found under settings that the session no longer has.
pub fn read_otherwise() -> Error {
    Error::usage("a statement before it changed how this session reads backslashes, so that quotes end elsewhere from here on")
        .hint("It was not sent. Run the rest again: it is taken apart as the session reads now.")
}

/// How much of a run of several statements was done when one of them ended it: so many ended well before it, so many come after it.
pub fn stopped(done: usize, rest: usize) -> String {
    let ran = match done {
        0 => "None ran before it".to_string(),
        n => format!("{} ran before it", crate::text::counted(n as u64, "statement")),
    };
    match rest {
        0 => format!("{ran}."),
        n => format!("{ran}; the {} after it did not run.", crate::text::counted(n as u64, "statement")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dialect::{MySql, Postgres};

    #[test]
    fn what_clients_do_with_cursors_and_prepared_statements_is_refused_with_what_serves_instead() {
        for (dialect, text, part) in [
            (Postgres, "declare c cursor for select 1", "No cursor"),
            (Postgres, "FETCH 3 FROM c", "No cursor"),
            (Postgres, "/* x */ prepare q as select 1", ":name"),
            (Postgres, "execute q(1)", ":name"),
            (MySql, "prepare s from 'select 1'", ":name"),
            (MySql, "execute s", ":name"),
            (Postgres, "copy orders to stdout", "COPY (TABLE name)"),
        ] {
            assert_eq!(sql::classify(dialect, text).class, Class::Other, "{text}");
            let hint = instead(super::super::explain::first_word(dialect, text)).unwrap_or_else(|| panic!("{text}"));
            assert!(hint.contains(part), "{text}: {hint}");
        }
    }
}
