//! Databases of a later environment that lie beside a target's own, on the same server or in another file: what the configuration calls
//! production is not written through a target that it calls development.

use super::explain::first_word;
use crate::config::{Later, Target};
use crate::model::{Beside, Dialect, Error, Place};
use crate::sql::outside::{attached_file, databases_written};
use crate::sql::{Class, Verdict};
use crate::text;
use std::collections::BTreeSet;
use std::path::Path;

/// Why a statement that may write must not run on this target: it goes into such a database, or takes the session there.
pub(super) fn refusal(target: &Target, dialect: Dialect, place: Option<&Place>, statement: &str, verdict: &Verdict) -> Option<Error> {
    if verdict.is_read() {
        return None;
    }
    // Where the session has come there in another way, it may leave.
    let leaves = first_word(dialect, statement).eq_ignore_ascii_case("detach");
    let place = place.filter(|_| !leaves && !matches!(verdict.class, Class::Transaction | Class::Session));
    let found = match dialect {
        Dialect::Sqlite => {
            let attaches = attached_file(statement).and_then(|f| of_file(target, Path::new(&f)));
            // However it was attached: what a statement changes there does not stand in its text alone (triggers).
            let attached = || place?.beside().iter().filter(|b| !b.read_only).find_map(|b| of_file(target, Path::new(b.file.as_deref()?)));
            attaches.or_else(attached)
        }
        _ => {
            let known: BTreeSet<String> = target.later.iter().filter_map(|l| l.database.as_ref()).map(|d| d.to_lowercase()).collect();
            let there = place.filter(|_| dialect == Dialect::MySql).and_then(Place::path).and_then(|p| of_database(target, p));
            databases_written(dialect, statement, &known).into_iter().find_map(|d| of_database(target, &d)).or(there)
        }
    };
    found.map(|later| held(target, later))
}

/// The same for rows of a table in this schema.
pub(super) fn of_schema(target: &Target, dialect: Dialect, place: Option<&Place>, schema: &str) -> Option<Error> {
    let attached = place.map_or(&[] as &[Beside], Place::beside).iter().find(|b| b.name == schema);
    // Where a schema is no database, it may bear the name of one.
    let by_name = of_database(target, schema).filter(|_| dialect == Dialect::MySql);
    let later = by_name.or_else(|| of_file(target, Path::new(attached?.file.as_deref()?)));
    later.map(|later| held(target, later))
}

fn of_database<'t>(target: &'t Target, name: &str) -> Option<&'t Later> {
    target.later.iter().find(|l| l.database.as_ref().is_some_and(|d| d.to_lowercase() == name.to_lowercase()))
}

fn of_file<'t>(target: &'t Target, file: &Path) -> Option<&'t Later> {
    target.later.iter().find(|l| l.path.as_ref().is_some_and(|p| crate::config::same_file(p, file)))
}

fn held(target: &Target, later: &Later) -> Error {
    let (what, reads) = match (&later.database, &later.path) {
        (Some(database), _) => (database.clone(), format!("What only reads {database} runs here, too.")),
        (None, path) => {
            let path = path.as_deref().unwrap_or(Path::new("")).display().to_string();
            (path.clone(), format!("To read it from here: ATTACH 'file:{path}?mode=ro' AS …"))
        }
    };
    let (name, what) = (text::clean(&target.name), text::clean(&what).into_owned());
    Error::held(format!(
        "refused on {name}: {what} is the database of {} ({})",
        text::clean(&later.target),
        text::clean(&later.environment)
    ))
    .hint(format!("Open that target: its access, its checklists and its journal hold there. {}", text::clean(&reads)))
}
