//! Words that are commands of other clients and no SQL: the refusal says what does the same on the command line. The console has its
//! own words for them, because other things do the same there.

use crate::model::{Dialect, Error, Kind};
use crate::sql::terminator;

/// The error of a statement, with what to do instead where it was a command of another client.
pub fn explained(dialect: Dialect, target: &str, statement: &str, error: Error) -> Error {
    if !matches!(error.kind, Kind::Statement | Kind::ReadOnly) || error.hints.iter().any(|h| h.contains("--file FILE")) {
        return error;
    }
    match instead(dialect, &crate::text::clean(target), statement) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn instead(dialect: Dialect, target: &str, statement: &str) -> Option<String> {
    if terminator::joins(dialect, statement) {
        return Some(terminator::JOIN_INSTEAD.into());
    }
    let mut words = statement.trim().trim_end_matches(';').split_whitespace();
    let typed = words.next()?;
    let rest = crate::text::clean(&words.collect::<Vec<_>>().join(" ")).into_owned();
    // Capitals count behind a backslash: \dT is no \dt.
    let first = if typed.starts_with('\\') { typed.trim_end_matches('+').to_string() } else { typed.to_ascii_lowercase() };
    let mysql = dialect == Dialect::MySql;
    let lists = || format!("`holdpoint schema {target}` lists what is there; with a name behind it, what that holds.");
    let definition = || match rest.as_str() {
        "" => lists(),
        name => format!("`holdpoint schema {target} {name} --definition` shows it."),
    };
    Some(match first.as_str() {
        "\\d" | "\\sf" | "\\sv" | ".schema" | ".fullschema" => definition(),
        "desc" | "describe" if !mysql => definition(),
        "show" if !mysql && ["tables", "schemas"].contains(&rest.to_ascii_lowercase().as_str()) => lists(),
        "\\dt" | "\\dv" | "\\dm" | "\\dn" | "\\di" | "\\ds" | "\\dT" | "\\df" | ".tables" | ".indexes" | ".indices" => lists(),
        "\\l" | "\\list" | ".databases" => databases(dialect),
        "show" if !mysql && rest.eq_ignore_ascii_case("databases") => databases(dialect),
        "\\i" | "\\ir" | "\\include" | "\\." | "source" | ".read" => {
            format!("`holdpoint query {target} --file FILE` runs the statements of a file.")
        }
        "tee" | "notee" | "\\o" | "\\out" | ".output" | ".once" => {
            "`--output FILE` writes the rows into a new file; `holdpoint history` lists what was run.".into()
        }
        "\\copy" | ".import" => format!(
            "`holdpoint import {target} TABLE FILE` takes rows from a file; `holdpoint query {target} 'select …' --output FILE` writes them into one."
        ),
        "pager" | "nopager" | "\\x" | "\\a" | "\\t" | "\\pset" | ".mode" | ".headers" | ".header" | ".width" | ".nullvalue" => {
            "`--format` takes csv, tsv, json, ndjson and others; `\\G` or `\\gx` behind a statement shows its rows one value to a line."
                .into()
        }
        ".dump" | ".backup" | ".save" => format!("`holdpoint backup create {target}` makes a backup."),
        "status" | "\\s" | "\\conninfo" | ".show" => {
            format!("`holdpoint assess {target}` looks at a server; the first line of `holdpoint {target}` says what is connected to what.")
        }
        "connect" | "\\c" | "\\connect" | ".open" => "Name the other target: `holdpoint query TARGET …`.".into(),
        "use" if !mysql => "Name the other target: `holdpoint query TARGET …`.".into(),
        "help" | "\\?" | "\\h" | ".help" => "`holdpoint query --help` tells what can be given.".into(),
        ".timer" | "\\timing" => "Times are told behind every result, always.".into(),
        word if word.starts_with('\\') || word.starts_with('.') && dialect == Dialect::Sqlite => {
            format!("Commands of other clients are no SQL; `holdpoint {target}` opens the console, where \\? lists those that it knows.")
        }
        _ => return None,
    })
}

fn databases(dialect: Dialect) -> String {
    let statement = match dialect {
        Dialect::Postgres => "select datname from pg_database",
        Dialect::MySql => "show databases",
        Dialect::Sqlite => "pragma database_list",
    };
    format!("`{statement}` lists the databases.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_other_clients_say_what_does_the_same_on_the_command_line() {
        let said = |dialect, text: &str| {
            let e = explained(dialect, "shop", text, Error::new(Kind::Statement, "syntax error"));
            e.hints.first().cloned().unwrap_or_default()
        };
        for (dialect, text, part) in [
            (Dialect::Sqlite, ".tables", "holdpoint schema shop`"),
            (Dialect::Sqlite, ".schema ft", "holdpoint schema shop ft --definition"),
            (Dialect::Postgres, "\\dt", "holdpoint schema shop`"),
            (Dialect::Postgres, "\\d+ orders;", "holdpoint schema shop orders --definition"),
            (Dialect::Postgres, "show tables", "holdpoint schema shop`"),
            (Dialect::Sqlite, "show databases;", "pragma database_list"),
            (Dialect::MySql, "tee x.log", "--output FILE"),
            (Dialect::MySql, "status", "says what is connected"),
            (Dialect::Postgres, "\\copy t from 'x.csv'", "holdpoint import shop TABLE FILE"),
            (Dialect::Postgres, "\\foo", "\\? lists those"),
        ] {
            assert!(said(dialect, text).contains(part), "{text}: {}", said(dialect, text));
        }
        for (dialect, text) in [(Dialect::Postgres, "selct 1"), (Dialect::MySql, "show tables"), (Dialect::MySql, "use shop")] {
            assert_eq!(said(dialect, text), "", "{text}");
        }
    }
}
