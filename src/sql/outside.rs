//! Does a script reach beyond its own database? Then running it on a scratch copy changes more than the copy, and what the
//! copy shows afterwards is not all that it did: no proof can cover it.
//!
//! A reading of the text, in the scripts and in the bodies that they create. What is put together at run time cannot be read;
//! there the rights of the login that proofs run under are the boundary.

mod written;

use super::{Token, TokenKind, lex};
use crate::model::Dialect;
use std::collections::BTreeSet;

pub use written::{attached_file, databases_written};

/// What there is besides the database, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Databases that a name in front of a dot would mean (MySQL), the script's own as well: a copy has another name.
    pub databases: BTreeSet<String>,
    /// Tables of the database whose rows are kept elsewhere: foreign tables, federated ones.
    pub elsewhere: BTreeSet<String>,
}

/// What reaches out, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Byte in the statement.
    pub at: usize,
    /// `USE`, `ALTER DATABASE`, `t5.customers`.
    pub what: String,
    /// The end of the sentence "`what` …".
    pub why: &'static str,
    /// What to do about it.
    pub next: &'static str,
    /// It names another database, or leaves its own: what follows in the session may not go where it should.
    pub by_name: bool,
}

/// Deepest text inside of text that is read: a DO block that executes a string, and one more.
const DEPTH: usize = 4;

const SERVER: &str = "changes the server, not the database";
const APART: &str = "Take it out of the migration, and run it apart, on each server.";
const OTHER: &str = "reaches a database by its name, and a copy has another name";
const BARE: &str = "Write the name alone: the migration runs in its own database.";

/// The first thing in the statement that reaches beyond the database; `None` when nothing does.
pub fn outside(dialect: Dialect, statement: &str, around: &Neighbours) -> Option<Outside> {
    scan(dialect, statement, around, 0)
}

/// Databases of `known` (lower case) that stand in front of a dot in the text: MySQL's way to another database.
pub fn databases_named(text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let words = words(Dialect::MySql, text);
    (0..words.len()).filter_map(|i| qualifier(&words, i, known)).collect()
}

struct Word<'t> {
    kind: TokenKind,
    at: usize,
    text: &'t str,
    /// In lower case and without quotes.
    name: String,
}

fn words(dialect: Dialect, text: &str) -> Vec<Word<'_>> {
    let word = |t: Token| {
        let raw = &text[t.span.clone()];
        // Under ANSI_QUOTES MySQL reads a name between double quotes.
        let name = if t.kind == TokenKind::QuotedIdentifier || dialect == Dialect::MySql && raw.starts_with('"') {
            let quote = &raw[..1];
            let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
            inner.replace(&quote.repeat(2), quote).to_lowercase()
        } else {
            raw.to_lowercase()
        };
        Word { kind: t.kind, at: t.span.start, text: raw, name }
    };
    lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).map(word).collect()
}

fn named(w: &Word<'_>) -> bool {
    matches!(w.kind, TokenKind::QuotedIdentifier | TokenKind::Identifier | TokenKind::Keyword)
}

/// The word is a database's name in front of a dot.
fn qualifier(words: &[Word<'_>], i: usize, known: &BTreeSet<String>) -> Option<String> {
    let is = |i: Option<usize>, sign: &str| i.and_then(|i| words.get(i)).is_some_and(|w| w.text == sign);
    let w = &words[i];
    let number = |i: Option<usize>| i.and_then(|i| words.get(i)).is_some_and(|w| w.text.starts_with('.') && w.text.len() > 1);
    let found = (named(w) || w.text.starts_with('"'))
        && (number(i.checked_add(1)) || is(i.checked_add(1), "."))
        && !is(i.checked_sub(1), ".")
        && known.contains(&w.name);
    found.then(|| w.name.clone())
}

fn scan(dialect: Dialect, text: &str, around: &Neighbours, depth: usize) -> Option<Outside> {
    let words = words(dialect, text);
    let bodies = dialect == Dialect::Postgres && depth < DEPTH && runs_text(&words, depth);
    for (i, w) in words.iter().enumerate() {
        let at = w.at;
        let found = |what: String, why, next| Some(Outside { at, what, why, next, by_name: next == BARE });
        if bodies && w.kind == TokenKind::String {
            if let Some(inner) = scan(dialect, inside(w.text), around, depth + 1) {
                return Some(Outside { at, ..inner });
            }
            continue;
        }
        if bodies && depth > 0 && w.name == "execute" && begins(&words, i) && put_together(&words, i) {
            return found("EXECUTE".into(), RUN_TIME, "Write the statement itself, or build it with format() from a literal.");
        }
        if let Some((what, why, next)) = by_words(dialect, &words, i) {
            return found(what, why, next);
        }
        if dialect == Dialect::MySql && qualifier(&words, i, &around.databases).is_some() {
            // A table's name that begins with a digit is lexed as a number and the rest of it.
            let (dot, name) = (words[i + 1].text, words.get(i + 2).map_or("", |n| n.text));
            return found(format!("{}{dot}{name}", w.text), OTHER, BARE);
        }
        if named(w) && around.elsewhere.contains(&w.name) {
            return found(w.text.to_string(), "is a table whose rows are kept elsewhere: a copy would write there too", APART);
        }
    }
    None
}

/// The statement holds further ones in its strings: a DO block, a function's body, EXECUTE in one of those.
fn runs_text(words: &[Word<'_>], depth: usize) -> bool {
    let starts = |i: usize, list: &[&str]| words.get(i).is_some_and(|w| list.contains(&w.name.as_str()));
    depth > 0 || starts(0, &["do"]) || starts(0, &["create"]) && (1..4).any(|i| starts(i, &["function", "procedure"]))
}

/// The inside of a string literal, as far as a scan needs it.
fn inside(literal: &str) -> &str {
    if let Some(tag) = literal.strip_prefix('$').and_then(|rest| rest.find('$')).map(|i| &literal[..i + 2]) {
        return literal.strip_prefix(tag).and_then(|t| t.strip_suffix(tag)).unwrap_or(literal);
    }
    let from = literal.find('\'').map_or(0, |i| i + 1);
    literal.get(from..literal.len().saturating_sub(1)).unwrap_or_default()
}

/// A statement may begin at this word: the first one, and in bodies those behind `;`, BEGIN, THEN and their like.
fn begins(words: &[Word<'_>], i: usize) -> bool {
    const BEFORE: &[&str] = &[";", "begin", "then", "else", "do", "loop", "repeat", "as", "execute", ")"];
    i.checked_sub(1).and_then(|b| words.get(b)).is_none_or(|w| BEFORE.contains(&w.name.as_str()))
}

type Found = (String, &'static str, &'static str);

fn by_words(dialect: Dialect, words: &[Word<'_>], i: usize) -> Option<Found> {
    let w = &words[i];
    if w.kind == TokenKind::QuotedIdentifier {
        // A quoted name calls a function as well as a bare one.
        let called = dialect == Dialect::Postgres && words.get(i + 1).is_some_and(|w| w.text == "(") && reaches_out(&w.name);
        return called.then(|| (format!("{}()", w.text), "acts beyond the database", APART));
    }
    let word = |n: usize| words.get(i + n).map_or("", |w| w.name.as_str());
    let one = |n: usize, list: &[&str]| list.contains(&word(n));
    let shout = |n: usize| (0..n).map(|k| word(k).to_uppercase()).collect::<Vec<_>>().join(" ");
    let server = |n: usize| Some((shout(n), SERVER, APART));
    let begins = begins(words, i);
    match dialect {
        Dialect::Sqlite => match word(0) {
            "load_extension" if words.get(i + 1).is_some_and(|w| w.text == "(") => {
                Some(("load_extension()".into(), "loads a library", APART))
            }
            "attach" | "detach" if i == 0 => Some((shout(1), "opens or closes another file", APART)),
            "vacuum" if i == 0 && words.iter().any(|w| w.name == "into" && w.kind == TokenKind::Keyword) => {
                Some(("VACUUM INTO".into(), "writes another file", APART))
            }
            _ => None,
        },
        Dialect::Postgres => match word(0) {
            "create" | "alter" | "drop" if one(1, &["database", "role", "user", "group", "tablespace", "subscription", "system"]) => {
                // A user mapping belongs to the database.
                if one(1, &["user"]) && one(2, &["mapping"]) { None } else { server(2) }
            }
            "comment" if begins && one(1, &["on"]) && one(2, &["database", "role", "tablespace", "subscription"]) => server(3),
            "grant" | "revoke" if begins => {
                let end = words.iter().skip(i).position(|w| w.text == ";").map_or(words.len(), |n| i + n);
                let list = &words[i..end];
                match list.iter().position(|w| w.name == "on" && w.kind == TokenKind::Keyword) {
                    None => Some((format!("{} of a role", word(0).to_uppercase()), SERVER, APART)),
                    Some(on) if list.get(on + 1).is_some_and(|w| ["database", "tablespace", "parameter"].contains(&w.name.as_str())) => {
                        Some((format!("{} ON {}", word(0).to_uppercase(), list[on + 1].name.to_uppercase()), SERVER, APART))
                    }
                    Some(_) => None,
                }
            }
            "reassign" | "drop" if begins && one(1, &["owned"]) => server(2),
            "create" if one(1, &["server"]) || one(1, &["foreign"]) && one(2, &["table"]) => {
                Some((shout(if one(1, &["server"]) { 2 } else { 3 }), "reaches another server, and a copy would too", APART))
            }
            "import" if begins && one(1, &["foreign"]) => Some((shout(3), "reaches another server, and a copy would too", APART)),
            "security" if begins && one(1, &["label"]) && one(2, &["on", "for"]) => {
                let on = words[i..].iter().take(8).any(|w| ["role", "database", "tablespace", "subscription"].contains(&w.name.as_str()));
                if on { server(2) } else { None }
            }
            "prepare" if begins && one(1, &["transaction"]) => server(2),
            "copy" if begins || i > 0 && words[i - 1].text == ">>" => {
                let end = words.iter().skip(i).position(|w| w.text == ";").map_or(words.len(), |n| i + n);
                let file = words[i..end]
                    .windows(2)
                    .any(|p| ["from", "to"].contains(&p[0].name.as_str()) && (p[1].kind == TokenKind::String || p[1].name == "program"));
                file.then(|| ("COPY with a file or a program".into(), "reads or writes on the server's machine", APART))
            }
            name if words.get(i + 1).is_some_and(|w| w.text == "(") && reaches_out(name) => {
                Some((format!("{}()", w.text), "acts beyond the database", APART))
            }
            _ => None,
        },
        Dialect::MySql => match word(0) {
            "use" if words[..i].iter().all(|w| w.kind == TokenKind::Operator) => {
                Some(("USE".into(), "leaves the migration's own database", BARE))
            }
            "create" | "alter" | "drop" | "rename"
                if one(1, &["database", "schema", "user", "role", "server", "tablespace", "logfile", "undo"]) =>
            {
                server(2)
            }
            // CREATE OR REPLACE USER, … DATABASE.
            "create" if one(1, &["or"]) && one(3, &["database", "schema", "user", "role", "server"]) => server(4),
            "grant" | "revoke" if begins || rights(words, i) => {
                Some((shout(1), "gives rights, which the server keeps by database name: a proof cannot compare them", APART))
            }
            "set" if one(1, &["password"]) || one(1, &["default"]) && one(2, &["role"]) => server(2),
            "global" | "persist" | "persist_only"
                if i > 0 && ["set", ","].contains(&words[i - 1].name.as_str()) && words.get(i + 1).is_some_and(named) =>
            {
                Some((format!("SET {}", shout(1)), SERVER, APART))
            }
            // To read one does no harm.
            v if (v.starts_with("@@global") || v.starts_with("@@persist")) && assigns(words, i) => {
                Some((v.split('.').next().unwrap_or(v).to_uppercase(), SERVER, APART))
            }
            "flush" | "reset" | "purge" | "install" | "uninstall" | "kill" | "shutdown" | "change" | "binlog"
                if begins && (i == 0 || word(0) != "change") =>
            {
                server(1)
            }
            "start" | "stop" if begins && one(1, &["slave", "replica", "all"]) => server(2),
            "engine" | "type" if remote_engine(words, i) => {
                Some((w.text.to_uppercase() + " of another place", "makes a table whose rows are kept elsewhere", APART))
            }
            "into" if one(1, &["outfile", "dumpfile"]) => Some((shout(2), "writes a file on the server's machine", APART)),
            // In any place: a body has more ways to begin a statement than are worth listing.
            "execute" if begins || one(1, &["immediate"]) => {
                Some((shout(if one(1, &["immediate"]) { 2 } else { 1 }), RUN_TIME, "Write the statement itself."))
            }
            "prepare" if words.get(i + 1).is_some_and(named) && one(2, &["from"]) => {
                Some((shout(1), RUN_TIME, "Write the statement itself."))
            }
            "soname" => Some(("SONAME".into(), "loads a library into the server", APART)),
            "directory" if i > 0 && ["data", "index"].contains(&words[i - 1].name.as_str()) => {
                let what = format!("{} DIRECTORY", words[i - 1].name.to_uppercase());
                Some((what, "puts files where the server's administrator keeps them", APART))
            }
            _ => None,
        },
    }
}

/// The text behind PL/pgSQL's EXECUTE is neither one literal nor `format('literal', …)`: what it says cannot be read.
fn put_together(words: &[Word<'_>], i: usize) -> bool {
    let rest: Vec<&Word<'_>> =
        words[i + 1..].iter().take_while(|w| w.text != ";" && !["using", "into"].contains(&w.name.as_str())).collect();
    // EXECUTE FUNCTION and EXECUTE PROCEDURE belong to CREATE TRIGGER; a name alone runs a prepared statement.
    if rest.first().is_some_and(|w| ["function", "procedure", "on"].contains(&w.name.as_str())) {
        return false;
    }
    let plain = |w: &Word<'_>| w.kind == TokenKind::String && !w.text.starts_with(['e', 'E', 'u', 'U']);
    match rest.as_slice() {
        [one] => !plain(one),
        [f, open, text, ..] if f.name == "format" && open.text == "(" => !plain(text) || text.text.contains("%s"),
        _ => true,
    }
}

const RUN_TIME: &str = "runs text that is put together at run time, which cannot be read beforehand";

/// `ENGINE = name`, with or without the sign and quotes.
fn remote_engine(words: &[Word<'_>], i: usize) -> bool {
    let at = if words.get(i + 1).is_some_and(|w| w.text == "=") { i + 2 } else { i + 1 };
    words.get(at).is_some_and(|w| REMOTE_ENGINES.contains(&w.name.trim_matches(['\'', '"'])))
}

/// A variable behind SET is given a value: `=` or `:=` follows it.
fn assigns(words: &[Word<'_>], i: usize) -> bool {
    let set = words[..i].iter().any(|w| w.name == "set" && w.kind == TokenKind::Keyword);
    let behind: String = words[i..].iter().take(5).map(|w| w.text).collect();
    set && behind.contains('=')
}

/// GRANT … ON … TO, or GRANT role TO: a statement, wherever it stands.
fn rights(words: &[Word<'_>], i: usize) -> bool {
    let rest = words[i + 1..].iter().take_while(|w| w.text != ";");
    let mut seen = rest.filter(|w| w.kind == TokenKind::Keyword).map(|w| w.name.as_str());
    i > 0 && seen.any(|w| w == "on" || w == "to" || w == "from")
}

/// MySQL's and MariaDB's engines whose tables reach another server, another database or a file.
const REMOTE_ENGINES: &[&str] = &["connect", "federated", "federatedx", "merge", "mrg_myisam", "spider", "s3"];

/// Functions of PostgreSQL and its extensions that act on other databases, files, slots or the server.
fn reaches_out(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "lo_export",
        "lo_import",
        "pg_cancel_backend",
        "pg_terminate_backend",
        "pg_copy_logical_replication_slot",
        "pg_copy_physical_replication_slot",
        "pg_create_logical_replication_slot",
        "pg_create_physical_replication_slot",
        "pg_create_restore_point",
        "pg_drop_replication_slot",
        "pg_replication_slot_advance",
        "pg_file_rename",
        "pg_file_unlink",
        "pg_file_write",
        "pg_promote",
        "pg_reload_conf",
        "pg_rotate_logfile",
        "pg_stat_reset_shared",
        "pg_switch_wal",
        "pg_wal_replay_pause",
        "pg_wal_replay_resume",
    ];
    // These run SQL that is handed to them as text.
    const TEXT: &[&str] = &["query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "ts_stat"];
    NAMES.contains(&name) || TEXT.contains(&name) || name.starts_with("dblink") || name.starts_with("pg_replication_origin")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn around() -> Neighbours {
        Neighbours { databases: ["t5".to_string(), "other db".into()].into(), elsewhere: ["remote_orders".to_string()].into() }
    }
    fn what(dialect: Dialect, text: &str) -> Option<String> {
        outside(dialect, text, &around()).map(|o| o.what)
    }

    #[test]
    fn what_leaves_a_mariadb_database_is_found() {
        for (text, found) in [
            ("update t5.customers set name = 'x'", "t5.customers"),
            ("update `T5` . customers set name = 'x'", "`T5`.customers"),
            ("insert into log select * from `other db`.t", "`other db`.t"),
            ("update /*!50000 t5.customers */ set a = 1", "t5.customers"),
            ("update \"t5\".customers set a = 1", "\"t5\".customers"),
            ("create table r (a int) engine=federated connection='x'", "ENGINE of another place"),
            ("use t5", "USE"),
            ("grant select on customers to app", "GRANT"),
            ("create user app", "CREATE USER"),
            ("create or replace database x", "CREATE OR REPLACE DATABASE"),
            ("set global max_connections = 1", "SET GLOBAL"),
            ("set @@global.max_connections = 1", "@@GLOBAL"),
            ("select 1 into outfile '/tmp/x'", "INTO OUTFILE"),
            ("prepare s from 'update t5.x set a=1'", "PREPARE"),
            ("create procedure p() begin delete from t5.x; end", "t5.x"),
            ("create trigger a after insert on b for each row begin execute immediate 'x'; end", "EXECUTE IMMEDIATE"),
            ("begin not atomic execute immediate concat('update t','5.customers set a=1'); end", "EXECUTE IMMEDIATE"),
            ("create procedure p() deterministic execute immediate 'x'", "EXECUTE IMMEDIATE"),
            ("create procedure p() modifies sql data grant select on a to b", "GRANT"),
            ("create procedure p() begin declare exit handler for sqlexception prepare s from @x; end", "PREPARE"),
            ("/*!50000 use t5 */", "USE"),
            ("update t5.1abc set a = 1", "t5.1abc"),
            ("set @a = 1, global max_connections = 77", "SET GLOBAL"),
            ("begin not atomic set @@global.max_connections = 1; end", "@@GLOBAL"),
            ("create table r (a int) engine='federated' connection='x'", "ENGINE of another place"),
            ("create table r (a int) type=federated connection='x'", "TYPE of another place"),
            ("create function f returns integer soname 'x.so'", "SONAME"),
            ("create table r (a int) data directory='/tmp'", "DATA DIRECTORY"),
            ("flush tables", "FLUSH"),
            ("update remote_orders set a = 1", "remote_orders"),
        ] {
            assert_eq!(what(Dialect::MySql, text).as_deref(), Some(found), "{text}");
        }
        for text in [
            "update customers c set c.name = 't5.x' where c.t5 = 1",
            "select o.t5.x from o",
            "select * from t use index (a)",
            "alter table t change a b int",
            "create table t (`grant` int, `execute` int)",
            "set names utf8mb4",
            "select 'use t5'",
            "-- use t5\nselect 1",
            "alter table users add column password text",
            "alter table t add column type varchar(9), add column engine int",
            "select @@global.max_connections",
            "update t set a = @@global.max_connections",
            "create table global (persist int, directory text)",
        ] {
            assert_eq!(what(Dialect::MySql, text), None, "{text}");
        }
    }

    #[test]
    fn what_leaves_a_postgres_database_is_found() {
        for (text, found) in [
            ("alter database px set work_mem = '1MB'", "ALTER DATABASE"),
            ("create role r", "CREATE ROLE"),
            ("alter system set work_mem = '1MB'", "ALTER SYSTEM"),
            ("comment on database px is 'x'", "COMMENT ON DATABASE"),
            ("grant r to s", "GRANT of a role"),
            ("grant connect on database px to s", "GRANT ON DATABASE"),
            ("copy t to program 'sh'", "COPY with a file or a program"),
            ("copy t from '/etc/passwd'", "COPY with a file or a program"),
            ("select dblink_exec('x', 'y')", "dblink_exec()"),
            ("do $$ begin execute 'create role r'; end $$", "CREATE ROLE"),
            ("do $a$ begin if true then alter database px set a = 1; end if; end $a$", "ALTER DATABASE"),
            ("create or replace function f() returns void language sql as $$ select pg_reload_conf() $$", "pg_reload_conf()"),
            ("create function f() returns void language sql as 'alter role r superuser'", "ALTER ROLE"),
            ("select \"dblink_exec\"('x', 'y')", "\"dblink_exec\"()"),
            ("select \"pg_terminate_backend\"(1)", "\"pg_terminate_backend\"()"),
            ("create server s foreign data wrapper postgres_fdw", "CREATE SERVER"),
            ("create foreign table f (a int) server s", "CREATE FOREIGN TABLE"),
            ("import foreign schema public from server s into x", "IMPORT FOREIGN SCHEMA"),
            ("do $$ begin execute 'create ' || 'role r'; end $$", "EXECUTE"),
            ("do $$ begin execute E'create\\x20role r'; end $$", "EXECUTE"),
            ("do $$ begin execute format('%s', 'create role r'); end $$", "EXECUTE"),
            ("select query_to_xml('select dblink_exec(1)', true, true, '')", "query_to_xml()"),
            ("security label on role r is 'x'", "SECURITY LABEL"),
            ("drop owned by r", "DROP OWNED"),
            ("prepare transaction 'x'", "PREPARE TRANSACTION"),
            ("create subscription s connection 'x' publication p", "CREATE SUBSCRIPTION"),
        ] {
            assert_eq!(what(Dialect::Postgres, text).as_deref(), Some(found), "{text}");
        }
        for text in [
            "grant select on orders to app",
            "grant all on all tables in schema public to app",
            "revoke insert on orders from app",
            "alter default privileges grant select on tables to app",
            "comment on table t is 'alter database px'",
            "create user mapping for app server s",
            "create table role (database text)",
            "alter table t add column role text",
            "set role app",
            "copy t from stdin",
            "select 'create role x'",
            "create index on t (\"user\")",
            "do $$ begin update t set a = 'x'; end $$",
            "do $$ begin execute format('alter table %I add column a int', 't'); end $$",
            "do $$ begin execute 'alter table t add a int'; end $$",
            "create trigger a after insert on t for each row execute function f()",
            "create function f() returns trigger language plpgsql as $$ begin new.a = 'x' || 'y'; return new; end $$",
            "create table server (label text)",
        ] {
            assert_eq!(what(Dialect::Postgres, text), None, "{text}");
        }
    }

    #[test]
    fn what_leaves_a_sqlite_file_is_found() {
        assert_eq!(what(Dialect::Sqlite, "attach 'x.db' as x").as_deref(), Some("ATTACH"));
        assert_eq!(what(Dialect::Sqlite, "vacuum into 'x.db'").as_deref(), Some("VACUUM INTO"));
        assert_eq!(what(Dialect::Sqlite, "vacuum"), None);
        assert_eq!(what(Dialect::Sqlite, "create table attach_me (into_x int)"), None);
    }

    #[test]
    fn databases_before_a_dot_are_named() {
        let dbs: BTreeSet<String> = ["shop".to_string(), "other".to_string()].into();
        let got = |t: &str| databases_named(t, &dbs).into_iter().collect::<Vec<_>>();
        assert_eq!(got("insert into Shop . log select o.shop from `other`.t o -- shop.x"), ["other", "shop"]);
        assert!(got("select shop, 'shop.x', o.shop.y from o").is_empty());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                outside(d, &text, &around());
            }
        }
        #[test]
        fn a_name_of_another_database_never_hides(before in "[a-z ,(]{0,12}", gap in "[ \n]{0,2}", after in "[a-z0-9 ,)]{0,12}") {
            let text = format!("{before} t5{gap}.{gap}customers {after}");
            prop_assert!(outside(Dialect::MySql, &text, &around()).is_some());
        }
    }
}
