//! Databases beside the file that was opened: attached ones and that of temporary objects. What the user's session has of them, and
//! another session that is given the same.
//!
//! A file is attached there, too. What is in memory or temporary is its session's alone: there its objects are made again without their
//! rows, so that everything that asks about tables is answered, and nothing that reads rows is ([`super::guard`]).

use super::guard::Guard;
use super::{fault, space};
use crate::model::{Beside, Dialect, Error, Kind, Place, Result};
use crate::sql::{TokenKind, lex};
use rusqlite::{Connection, ErrorCode};
use std::path::{Path, PathBuf};

/// What of it a session has now.
pub(super) fn now(conn: &Connection) -> rusqlite::Result<Option<Place>> {
    let mut listed = conn.prepare("SELECT name, coalesce(file, '') FROM pragma_database_list WHERE name <> 'main' ORDER BY seq")?;
    let mut rows = listed.query([])?;
    let mut all = Vec::new();
    while let Some(r) = rows.next()? {
        let name = String::from_utf8_lossy(r.get_ref(0)?.as_bytes()?).into_owned();
        let file = String::from_utf8_lossy(r.get_ref(1)?.as_bytes()?).into_owned();
        if !file.is_empty() {
            let read_only = conn.is_readonly(name.as_str()).unwrap_or(false);
            all.push(Beside { name, file: Some(file), read_only, objects: Vec::new() });
            continue;
        }
        let objects = objects(conn, &name)?;
        // SQLite opens the one of temporary objects by itself, for its own work as well.
        if name != "temp" || !objects.is_empty() {
            all.push(Beside { name, file: None, read_only: false, objects });
        }
    }
    Ok((!all.is_empty()).then_some(Place::Beside(all)))
}

/// The file that an error of a statement is about: SQLite names it only where it could not be opened. `main` where nothing tells of another.
pub(super) fn concerned(conn: &Connection, text: &str, e: &rusqlite::Error, main: &Path) -> PathBuf {
    let rusqlite::Error::SqliteFailure(failure, message) = e else { return main.into() };
    if let Some(file) = message.as_deref().and_then(|m| m.strip_prefix("unable to open database: ")) {
        return file.into();
    }
    let tokens: Vec<(TokenKind, &str)> = lex(Dialect::Sqlite, text)
        .into_iter()
        .map(|t| (t.kind, &text[t.span]))
        .filter(|(kind, _)| !matches!(kind, TokenKind::Whitespace | TokenKind::Comment))
        .collect();
    let word = |i: usize, w: &str| tokens.get(i).is_some_and(|(_, t)| t.eq_ignore_ascii_case(w));
    if word(0, "attach") {
        let file = tokens.get(1 + usize::from(word(1, "database")));
        return file.map_or("the file".into(), |(_, t)| t.trim_matches(['\'', '"']).replace("''", "'").into());
    }
    let Ok(Some(Place::Beside(all))) = now(conn) else { return main.into() };
    let own = Beside {
        name: "main".into(),
        file: Some(main.display().to_string()),
        read_only: conn.is_readonly("main").unwrap_or(false),
        objects: Vec::new(),
    };
    let mut files: Vec<Beside> = std::iter::once(own).chain(all).filter(|b| b.file.is_some()).collect();
    let mut only = |of: &dyn Fn(&Beside) -> bool| {
        if files.iter().any(of) {
            files.retain(of);
        }
    };
    match failure.code {
        ErrorCode::ReadOnly => only(&|b| b.read_only),
        ErrorCode::DatabaseBusy => {
            let holder = |b: &Beside| b.file.as_ref().and_then(|f| space::holder(Path::new(f)));
            // Our own locks are in nobody's way but those of another session of this console.
            only(&|b| holder(b).is_some());
            only(&|b| holder(b).is_some_and(|h| h != space::OURSELVES));
        }
        _ => {}
    }
    let named =
        |b: &Beside| tokens.windows(2).any(|w| w[1].1 == "." && w[0].1.trim_matches(['"', '`', '[', ']']).eq_ignore_ascii_case(&b.name));
    only(&named);
    files.swap_remove(0).file.map_or_else(|| main.into(), PathBuf::from)
}

fn objects(conn: &Connection, schema: &str) -> rusqlite::Result<Vec<String>> {
    let mut made = conn.prepare(&format!(
        "SELECT sql FROM {}.sqlite_schema WHERE sql IS NOT NULL ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'view' THEN 1 ELSE 2 END, rowid",
        Dialect::Sqlite.quote_ident(schema)
    ))?;
    let texts = made.query_map([], |r| Ok(String::from_utf8_lossy(r.get_ref(0)?.as_bytes()?).into_owned()))?;
    texts.map(|sql| Ok(made_in(schema, &sql?))).collect()
}

/// Gives a session the same; what could not be had is told, with why not. To be called before writing is switched off.
pub(super) fn give(conn: &Connection, place: Option<&Place>) -> Vec<(String, Error)> {
    let mut lacks = Vec::new();
    for b in place.map_or(&[][..], Place::beside) {
        if let Err(why) = attach(conn, b) {
            lacks.push((b.name.clone(), why));
            continue;
        }
        for sql in &b.objects {
            // The tables that a virtual table makes for itself are there by then.
            let _ = conn.execute_batch(sql);
        }
    }
    lacks
}

fn attach(conn: &Connection, b: &Beside) -> Result<()> {
    if b.name == "temp" {
        return Ok(());
    }
    // Without its mode it would be as read-only as the file that the session was opened with, and empty for ever.
    let file = b.file.as_deref().unwrap_or("file:?mode=memory");
    if b.file.is_some() && !Path::new(file).exists() {
        return Err(Error::new(Kind::Io, format!("there is no file {file} any more"))
            .hint("The session that has it open still reads it; its own work is lost with it."));
    }
    conn.execute("ATTACH ?1 AS ?2", [file, &b.name]).map(drop).map_err(|e| fault::statement(e, Path::new(file)))
}

/// Statements of another kind that a session may run change nothing of this.
pub(super) fn may_change(verb: &str) -> bool {
    !matches!(verb, "SELECT" | "VALUES" | "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "EXPLAIN" | "PRAGMA")
}

/// A session's guard over what only looks like the user's own.
pub(super) fn guarding(guard: Guard, conn: &Connection, place: Option<&Place>) -> rusqlite::Result<Guard> {
    let mut names = Vec::new();
    let private: Vec<String> = place.map_or(&[][..], Place::beside).iter().filter(|b| b.file.is_none()).map(|b| b.name.clone()).collect();
    for schema in &private {
        let mut listed = conn
            .prepare(&format!("SELECT name FROM {}.sqlite_schema WHERE type IN ('table', 'view')", Dialect::Sqlite.quote_ident(schema)))?;
        for name in listed.query_map([], |r| r.get(0))? {
            names.push(name?);
        }
    }
    Ok(guard.keeping(private, names))
}

/// What SQLite keeps of a statement that made an object (`CREATE TABLE t (…)`, whatever was typed), as one that makes it in that
/// database.
pub(super) fn made_in(schema: &str, sql: &str) -> String {
    if schema == "main" {
        return sql.to_string();
    }
    let mut seen = 0;
    for t in lex(Dialect::Sqlite, sql) {
        let word = &sql[t.span.clone()];
        if matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment) {
            continue;
        }
        let is = |w: &str| word.eq_ignore_ascii_case(w);
        match seen {
            0 if is("create") => seen = 1,
            1 if is("unique") || is("virtual") => {}
            1 if ["table", "index", "view", "trigger"].iter().any(|w| is(w)) => seen = 2,
            2 => return format!("{}{}.{}", &sql[..t.span.start], Dialect::Sqlite.quote_ident(schema), &sql[t.span.start..]),
            _ => break,
        }
    }
    sql.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_another_database_are_made_there() {
        for (kept, made) in [
            ("CREATE TABLE t(a, b)", "CREATE TABLE \"two\".t(a, b)"),
            ("CREATE TABLE \"sp ace\" (a)", "CREATE TABLE \"two\".\"sp ace\" (a)"),
            ("CREATE UNIQUE INDEX i ON t(a)", "CREATE UNIQUE INDEX \"two\".i ON t(a)"),
            ("CREATE VIRTUAL TABLE f USING fts5(x)", "CREATE VIRTUAL TABLE \"two\".f USING fts5(x)"),
            ("CREATE VIEW v AS SELECT 1", "CREATE VIEW \"two\".v AS SELECT 1"),
            (
                "CREATE TRIGGER \"table\" AFTER INSERT ON t BEGIN SELECT 1; END",
                "CREATE TRIGGER \"two\".\"table\" AFTER INSERT ON t BEGIN SELECT 1; END",
            ),
        ] {
            assert_eq!(made_in("two", kept), made);
            assert_eq!(made_in("main", kept), kept);
        }
    }
}
