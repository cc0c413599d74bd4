//! What a statement is by its first words; the queries among them go to `query`.

use super::query::{Scan, scan};
use super::{Class, Tok, Verdict, shout};
use crate::model::Dialect;
use crate::sql::lexer::TokenKind;

/// Pragmas that only show something, whose argument names a table, an index or a number of rows.
const PRAGMAS_WITH_ARGUMENT: &str =
    " table_info table_xinfo table_list index_info index_xinfo index_list foreign_key_list foreign_key_check integrity_check quick_check ";

/// Pragmas that only show something when they stand alone.
const PRAGMAS_ALONE: &str = " analysis_limit application_id auto_vacuum automatic_index busy_timeout cache_size cache_spill cell_size_check \
     checkpoint_fullfsync collation_list compile_options data_version database_list defer_foreign_keys encoding foreign_keys freelist_count \
     fullfsync function_list hard_heap_limit ignore_check_constraints journal_mode journal_size_limit legacy_alter_table locking_mode \
     max_page_count mmap_size module_list page_count page_size pragma_list query_only read_uncommitted recursive_triggers \
     reverse_unordered_selects schema_version secure_delete soft_heap_limit synchronous temp_store threads trusted_schema user_version \
     wal_autocheckpoint writable_schema ";

fn in_list(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split_whitespace().any(|w| w == word)
}

/// True when a read may start at this token.
pub(super) fn starts_query(t: &Tok<'_>) -> bool {
    matches!(t.word.as_str(), "select" | "values" | "table" | "with") || t.is("(")
}

pub(super) fn classify(d: Dialect, toks: &[Tok<'_>]) -> Verdict {
    let word = |i: usize| toks.get(i).map_or("", |t| t.word.as_str());
    let first = &toks[0];
    let other = |reason: String| Verdict::not_read(Class::Other, reason);
    match first.word.as_str() {
        "" if first.is("(") => query(d, toks, 0, false),
        "select" | "values" | "with" => query(d, toks, 0, false),
        "table" if d != Dialect::Sqlite => query(d, toks, 0, false),
        "explain" => explain(d, toks),
        "describe" | "desc" if d == Dialect::MySql => explain(d, toks),
        // ANALYZE TABLE t is no query: it writes statistics, and commits.
        "analyze" if d == Dialect::MySql && word(1) != "table" && (starts_query_word(word(1)) || word(1) == "format") => {
            let from = if word(1) == "format" { 4 } else { 1 };
            let mut v = query(d, toks, from, true);
            if v.class != Class::Read {
                (v.class, v.reason) = (Class::Other, format!("ANALYZE runs it: {}", v.reason));
            }
            v
        }
        "show" if d != Dialect::Sqlite => show(d, toks),
        "pragma" if d == Dialect::Sqlite => pragma(toks),
        "set" => set(d, toks),
        // Lists prepared transactions: XA RECOVER, with FORMAT = 'SQL' or CONVERT XID behind it.
        "xa" if d == Dialect::MySql && word(1) == "recover" && toks.len() <= 5 => finish(Ok(Scan::default()), false),
        w => match class_of(d, w, word(1), toks) {
            Some((class, why)) => Verdict::not_read(class, format!("{} {why}", shout(w))),
            None if w.is_empty() => other(format!("`{}` begins no statement that is known to only read", first.text)),
            None => {
                let reads =
                    if d == Dialect::Sqlite { "SELECT, VALUES, WITH, EXPLAIN" } else { "SELECT, VALUES, TABLE, WITH, SHOW, EXPLAIN" };
                other(format!("{} is not in the read grammar ({reads}), so it may write", shout(w)))
            }
        },
    }
}

fn starts_query_word(w: &str) -> bool {
    matches!(w, "select" | "values" | "table" | "with")
}

/// Statements outside the read grammar, by their first word.
fn class_of(d: Dialect, w: &str, next: &str, toks: &[Tok<'_>]) -> Option<(Class, &'static str)> {
    use Class::*;
    let last = toks.last().map_or("", |t| t.word.as_str());
    Some(match w {
        "insert" | "update" | "delete" | "merge" => (Dml, "writes"),
        "replace" if d != Dialect::Postgres => (Dml, "writes"),
        "create" | "alter" | "drop" | "truncate" => (Ddl, "changes the schema or empties a table"),
        "comment" | "security" | "reassign" | "import" if d == Dialect::Postgres => (Ddl, "changes the schema"),
        "rename" if d == Dialect::MySql => (Ddl, "changes the schema"),
        "grant" | "revoke" => (Ddl, "changes permissions"),
        "begin" if next == "not" => (Other, "NOT ATOMIC runs a block of statements, which may write"),
        "begin" | "savepoint" | "release" => (Transaction, "steers the transaction"),
        "commit" | "rollback" if next != "prepared" => (Transaction, "steers the transaction"),
        "end" | "abort" if d != Dialect::MySql => (Transaction, "steers the transaction"),
        "start" if next == "transaction" => (Transaction, "steers the transaction"),
        "use" if d == Dialect::MySql => (Session, "changes the session's database"),
        "reset" if d == Dialect::Postgres => (Session, "changes the session"),
        "discard" | "listen" | "unlisten" if d == Dialect::Postgres => (Session, "changes the session"),
        "copy" if last == "stdout" => (Other, "reads here only as COPY (query) TO STDOUT"),
        "copy" => (Other, "moves data in or out of the server"),
        "call" => (Other, "runs a procedure, which may write"),
        "do" => (Other, "runs code, which may write"),
        "execute" => (Other, "runs a prepared statement, which may write"),
        "prepare" | "deallocate" => (Other, "handles a prepared statement, which may write"),
        "declare" | "fetch" | "move" | "close" => (Other, "handles a cursor"),
        "lock" | "unlock" => (Other, "takes or gives back table locks"),
        "vacuum" | "cluster" | "reindex" | "optimize" | "repair" | "refresh" => (Other, "rewrites data on disk"),
        "analyze" | "analyse" => (Other, "writes statistics"),
        "checkpoint" | "flush" | "kill" | "shutdown" | "purge" | "change" | "stop" | "start" | "install" | "uninstall" | "binlog" => {
            (Other, "acts on the server")
        }
        "load" => (Other, "loads data or code"),
        "notify" => (Other, "sends a notification"),
        "handler" => (Other, "opens a table outside the read grammar"),
        "attach" | "detach" => (Other, "may create a file or lets one go"),
        "xa" => (Other, "steers a distributed transaction"),
        _ => return None,
    })
}

/// A query that starts at `from`.
fn query(d: Dialect, toks: &[Tok<'_>], from: usize, analyzes: bool) -> Verdict {
    let Some(first) = toks.get(from) else {
        return Verdict::not_read(Class::Other, "the statement is not finished");
    };
    if !starts_query(first) {
        let what = if first.word.is_empty() { first.text.to_owned() } else { shout(&first.word) };
        return Verdict::not_read(Class::Other, format!("{what} is not a query, so it may write"));
    }
    finish(scan(d, toks, from, true), analyzes)
}

fn finish(scan: Result<Scan, Verdict>, analyzes: bool) -> Verdict {
    match scan {
        Ok(s) => Verdict { class: Class::Read, reason: String::new(), functions: s.functions, calls: s.calls, fields: s.fields, analyzes },
        Err(v) => v,
    }
}

/// EXPLAIN in all its forms. Only a read may be explained here: what a plan of a write needs is for the plan operation,
/// which knows the engine.
fn explain(d: Dialect, toks: &[Tok<'_>]) -> Verdict {
    let word = |i: usize| toks.get(i).map_or("", |t| t.word.as_str());
    let mut i = 1;
    let mut analyzes = false;
    match d {
        Dialect::Sqlite => {
            if word(1) == "query" && word(2) == "plan" {
                i = 3;
            }
        }
        Dialect::Postgres => {
            let options = toks.get(1).is_some_and(|t| t.is("(")) && !toks.get(2).is_some_and(starts_query);
            if options {
                let end = toks[1].close;
                analyzes = option_analyze(&toks[2..end.max(2)]);
                i = end + 1;
            } else {
                while matches!(word(i), "analyze" | "analyse" | "verbose") {
                    analyzes |= word(i) != "verbose";
                    i += 1;
                }
            }
        }
        Dialect::MySql => {
            loop {
                match word(i) {
                    "analyze" => analyzes = true,
                    "extended" | "partitions" if i == 1 => {}
                    // FORMAT = JSON
                    "format" if toks.get(i + 1).is_some_and(|t| t.is("=")) => i += 2,
                    _ => break,
                }
                i += 1;
            }
            if word(i) == "for" && word(i + 1) == "connection" {
                let number = toks.get(i + 2).is_some_and(|t| t.kind == TokenKind::Number) && toks.len() == i + 3;
                return if number {
                    finish(Ok(Scan::default()), analyzes)
                } else {
                    Verdict::not_read(Class::Other, "EXPLAIN FOR CONNECTION takes a number")
                };
            }
            // DESCRIBE t [column]: names and one pattern.
            let table = toks.get(i).is_some_and(|t| t.names() && (t.word.is_empty() || names_table(&t.word)));
            let plain = |t: &Tok<'_>| t.names() || t.is(".") || t.kind == TokenKind::String;
            if table && !analyzes && toks.len() <= i + 4 && toks[i..].iter().all(plain) {
                return finish(Ok(Scan::default()), false);
            }
        }
    }
    let explained = toks.get(i);
    match explained {
        None => Verdict::not_read(Class::Other, "EXPLAIN has nothing to explain"),
        Some(t) if !starts_query(t) => {
            let what = if t.word.is_empty() { t.text.to_owned() } else { shout(&t.word) };
            if d == Dialect::MySql && !analyzes && matches!(t.word.as_str(), "insert" | "update" | "delete" | "replace") {
                return Verdict::not_read(
                    Class::Other,
                    format!(
                        "the server refuses EXPLAIN {what} in a read-only transaction; EXPLAIN SELECT with its WHERE shows how rows are found"
                    ),
                );
            }
            let analyze = if analyzes { " ANALYZE runs it" } else { "" };
            Verdict::not_read(Class::Other, format!("EXPLAIN{analyze}: {what} is not a query, so it may write"))
        }
        Some(_) => {
            let mut v = query(d, toks, i, analyzes);
            if v.class != Class::Read {
                v.class = Class::Other;
            }
            v
        }
    }
}

/// A word that begins no statement may name a table.
fn names_table(word: &str) -> bool {
    use crate::sql::keywords::{Word, word as meaning};
    !matches!(meaning(Dialect::MySql, word.as_bytes()), Some(Word::Refused | Word::Verb)) && !starts_query_word(word)
}

/// True unless every ANALYZE among PostgreSQL's options is switched off.
fn option_analyze(options: &[Tok<'_>]) -> bool {
    let name = |t: &Tok<'_>| {
        let n = if t.word.is_empty() { t.text.trim_matches('"').to_ascii_lowercase() } else { t.word.clone() };
        n.contains("analy") || t.text.contains('\\')
    };
    options.split(|t| t.is(",")).any(|option| {
        let off = option.get(1).is_some_and(|v| {
            let v = v.text.trim_matches(['\'', '"']).to_ascii_lowercase();
            matches!(v.as_str(), "false" | "off" | "0")
        }) && option.len() == 2;
        option.first().is_some_and(name) && !off
    })
}

/// SHOW: in PostgreSQL a setting's name; in MySQL any list, whose WHERE is an expression like any other.
fn show(d: Dialect, toks: &[Tok<'_>]) -> Verdict {
    if d == Dialect::Postgres {
        return match toks[1..].iter().find(|t| !t.names() && !t.is(".")) {
            Some(t) => Verdict::not_read(Class::Other, format!("SHOW takes a name, not `{}`", t.text)),
            None => finish(Ok(Scan::default()), false),
        };
    }
    let clause = toks.iter().position(|t| t.is("where")).unwrap_or(toks.len());
    let plain = |t: &&Tok<'_>| t.is("(") || t.is(")") || t.is(":=") || t.is("into");
    if let Some(t) = toks[..clause].iter().find(plain) {
        return Verdict::not_read(Class::Other, format!("SHOW with `{}` is not in the read grammar", t.text));
    }
    // Nobody needs it there, and a recursive one brings MariaDB 10.11 down.
    if toks[clause..].iter().any(|t| t.is("with")) {
        return Verdict::not_read(Class::Other, "SHOW … WHERE with WITH is not in the read grammar");
    }
    if clause == toks.len() { finish(Ok(Scan::default()), false) } else { finish(scan(d, toks, clause, false), false) }
}

/// PRAGMA: a closed list; with `=`, or with an argument that is not an object's name, it sets something.
fn pragma(toks: &[Tok<'_>]) -> Verdict {
    let name_at = if toks.get(2).is_some_and(|t| t.is(".")) { 3 } else { 1 };
    let name = toks.get(name_at).map_or("", |t| t.word.as_str());
    let rest = toks.get(name_at + 1..).unwrap_or_default();
    let shown = || toks.get(name_at).map_or("", |t| t.text);
    let read = match rest {
        [] => in_list(PRAGMAS_ALONE, name) || in_list(PRAGMAS_WITH_ARGUMENT, name),
        [open, argument, close] if open.is("(") && close.is(")") => {
            in_list(PRAGMAS_WITH_ARGUMENT, name) && (argument.names() || matches!(argument.kind, TokenKind::String | TokenKind::Number))
        }
        _ => false,
    };
    if read {
        return finish(Ok(Scan::default()), false);
    }
    if matches!(
        name,
        "optimize"
            | "wal_checkpoint"
            | "incremental_vacuum"
            | "shrink_memory"
            | "writable_schema"
            | "temp_store_directory"
            | "data_store_directory"
    ) {
        return Verdict::not_read(Class::Other, format!("PRAGMA {} acts on the database", shown()));
    }
    if !in_list(PRAGMAS_ALONE, name) && !in_list(PRAGMAS_WITH_ARGUMENT, name) {
        return Verdict::not_read(Class::Other, format!("PRAGMA {} is not on the list of those that only show", shown()));
    }
    match name {
        // These are written into the file.
        "application_id" | "auto_vacuum" | "encoding" | "journal_mode" | "page_size" | "schema_version" | "user_version" => {
            Verdict::not_read(Class::Other, format!("PRAGMA {} with a value writes to the file", shown()))
        }
        _ => Verdict::not_read(Class::Session, format!("PRAGMA {} with a value changes the session", shown())),
    }
}

/// SET: the session's own settings, unless it reaches further or computes its value by calling something.
fn set(d: Dialect, toks: &[Tok<'_>]) -> Verdict {
    let word = |i: usize| toks.get(i).map_or("", |t| t.word.as_str());
    let scope = if matches!(word(1), "session" | "local") { word(2) } else { word(1) };
    if scope == "transaction" || scope == "constraints" {
        return Verdict::not_read(Class::Transaction, "SET TRANSACTION steers the transaction");
    }
    if d == Dialect::MySql {
        let wide = toks.iter().any(|t| {
            let lower = t.text.to_ascii_lowercase();
            matches!(t.word.as_str(), "global" | "persist" | "persist_only" | "password" | "statement")
                || lower.starts_with("@@global")
                || lower.starts_with("@@persist")
        });
        let default_role = word(1) == "default" && word(2) == "role";
        if wide || default_role {
            return Verdict::not_read(Class::Other, "SET reaches beyond the session here");
        }
    }
    // A value may be an expression (MySQL): one that calls something unknown or holds a query may write.
    match scan(d, toks, 1, false) {
        Ok(s) if s.functions.is_empty() => Verdict::not_read(Class::Session, "SET changes the session"),
        Ok(s) => Verdict::not_read(Class::Other, format!("SET calls `{}`, which may write", s.functions[0])),
        Err(v) if v.class == Class::Session => v,
        Err(_) if d == Dialect::Postgres => Verdict::not_read(Class::Session, "SET changes the session"),
        Err(v) => Verdict::not_read(Class::Other, v.reason),
    }
}
