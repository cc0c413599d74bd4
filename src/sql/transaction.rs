//! What a statement does to the transaction and the session round it: whether it may stand in a transaction, whether it ends one
//! unasked, and what it leaves behind in the session. Read from the statement's first words; when in doubt nothing is claimed.

use super::classify::{Class, classify};
use super::lexer::{TokenKind, lex};
use crate::model::Dialect;

/// The words and quoted names of a statement, up to `most`: words in lower case, names without their quotes.
fn words(dialect: Dialect, text: &str, most: usize) -> Vec<String> {
    words_as(dialect, text, most, str::to_ascii_lowercase)
}

/// The same, with words made of what was typed by `fold`.
fn words_as(dialect: Dialect, text: &str, most: usize, fold: fn(&str) -> String) -> Vec<String> {
    let mut out = Vec::new();
    for t in lex(dialect, text) {
        let part = &text[t.span.clone()];
        match t.kind {
            TokenKind::Whitespace | TokenKind::Comment => continue,
            TokenKind::Keyword | TokenKind::Identifier => out.push(fold(part)),
            TokenKind::QuotedIdentifier => out.push(part.trim_matches(['"', '`', '[', ']']).to_string()),
            _ => out.push(part.to_string()),
        }
        if out.len() >= most {
            break;
        }
    }
    out
}

fn begins(words: &[String], with: &str) -> bool {
    with.split(' ').enumerate().all(|(i, w)| words.get(i).is_some_and(|have| have == w))
}

/// BEGIN must not be put before it: it is transaction control itself, changes only the session, or the server refuses it inside a
/// transaction block. (PostgreSQL's list is that of `PreventInTransactionBlock` in its source.)
pub fn stands_alone(dialect: Dialect, text: &str) -> bool {
    match classify(dialect, text).class {
        Class::Transaction | Class::Session => return true,
        Class::Read | Class::Dml => return false,
        Class::Ddl | Class::Other => {}
    }
    let w = words(dialect, text, 64);
    let is = |with: &str| begins(&w, with);
    match dialect {
        Dialect::Postgres => {
            let concurrently =
                (is("create") || is("drop") || is("reindex") || is("refresh")) && w.iter().take(8).any(|x| x == "concurrently");
            concurrently && !is("refresh")
                || [
                    "vacuum",
                    "create database",
                    "drop database",
                    "create tablespace",
                    "drop tablespace",
                    "alter system",
                    "discard all",
                    "checkpoint",
                ]
                .iter()
                .any(|h| is(h))
                || ["create subscription", "drop subscription", "reindex database", "reindex system", "reindex schema"]
                    .iter()
                    .any(|h| is(h))
                || (is("cluster") && w.iter().all(|x| x == "cluster" || x == ";" || x == "verbose"))
                || (is("alter database") && w.windows(2).any(|p| p[0] == "set" && p[1] == "tablespace"))
        }
        Dialect::Sqlite => ["vacuum", "attach", "detach", "pragma"].iter().any(|h| is(h)),
        // A transaction that only such a statement opens would end with it.
        Dialect::MySql => commits_implicitly(dialect, text),
    }
}

/// Names of the catalogue may be others behind it: DDL, or a block or procedure that may run some.
pub fn may_change_names(dialect: Dialect, text: &str) -> bool {
    match classify(dialect, text).class {
        Class::Ddl => true,
        Class::Other => {
            let w = words(dialect, text, 3);
            ["do", "call", "execute", "begin not atomic"].iter().any(|head| begins(&w, head))
        }
        Class::Read | Class::Dml | Class::Transaction | Class::Session => false,
    }
}

/// It ends the open transaction: with `true` by COMMIT, with `false` by ROLLBACK. Going back to a savepoint does not, and PREPARE
/// TRANSACTION hands it on.
pub fn ending(dialect: Dialect, text: &str) -> Option<bool> {
    let w = words(dialect, text, 4);
    let to = w.iter().any(|x| x == "to");
    let prepared = w.get(1).is_some_and(|x| x == "prepared");
    match w.first()?.as_str() {
        "commit" if !prepared => Some(true),
        "end" if dialect != Dialect::MySql => Some(true),
        "rollback" if !to && !prepared => Some(false),
        "abort" if dialect == Dialect::Postgres => Some(false),
        _ => None,
    }
}

/// What a statement does with a savepoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Savepoint {
    Set(String),
    BackTo(String),
}

/// The savepoint that a statement sets or goes back to, its name in lower case unless it is quoted.
pub fn savepoint(dialect: Dialect, text: &str) -> Option<Savepoint> {
    let w = words(dialect, text, 6);
    match w.first()?.as_str() {
        "savepoint" => w.get(1).cloned().map(Savepoint::Set),
        "rollback" => {
            let to = w.iter().position(|x| x == "to")?;
            let at = to + 1 + usize::from(w.get(to + 1).is_some_and(|x| x == "savepoint") && w.get(to + 2).is_some_and(|x| x != ";"));
            w.get(at).cloned().map(Savepoint::BackTo)
        }
        _ => None,
    }
}

/// It commits the open transaction by itself (MySQL and MariaDB: "Statements That Cause an Implicit Commit").
pub fn commits_implicitly(dialect: Dialect, text: &str) -> bool {
    if dialect != Dialect::MySql {
        return false;
    }
    let w = words(dialect, text, 4);
    let Some(first) = w.first().map(String::as_str) else { return false };
    match first {
        // Temporary tables do not commit.
        "create" | "drop" => !w.iter().any(|x| x == "temporary"),
        "alter" | "rename" | "truncate" | "grant" | "revoke" | "optimize" | "repair" | "analyze" | "check" | "install" | "uninstall"
        | "begin" => first != "analyze" || w.get(1).is_some_and(|x| x == "table" || x == "local" || x == "no_write_to_binlog"),
        "start" => w.get(1).is_some_and(|x| x == "transaction" || x == "slave" || x == "replica" || x == "group_replication"),
        "stop" => w.get(1).is_some_and(|x| x == "slave" || x == "replica" || x == "group_replication"),
        "change" => w.get(1).is_some_and(|x| x == "master" || x == "replication"),
        "import" => w.get(1).is_some_and(|x| x == "table"),
        "lock" => w.get(1).is_some_and(|x| x == "tables" || x == "table"),
        // SET STATEMENT name = value FOR statement
        "set" if w.get(1).is_some_and(|x| x == "statement") => {
            let words = lex(dialect, text);
            let inner = words.iter().find(|t| text[t.span.clone()].eq_ignore_ascii_case("for"));
            inner.is_some_and(|t| commits_implicitly(dialect, &text[t.span.end..]))
        }
        "set" => {
            w.get(1).is_some_and(|x| x == "password" || x == "default" && w.get(2).is_some_and(|x| x == "role"))
                || (w.get(1).is_some_and(|x| x == "autocommit") && w.last().is_some_and(|x| x == "1"))
        }
        "flush" | "reset" => true,
        "load" => w.get(1).is_some_and(|x| x == "index"),
        "cache" => w.get(1).is_some_and(|x| x == "index"),
        _ => false,
    }
}

/// The first of statements that run one after another which commits by itself the transaction that is open then: `open` before them, begun
/// by one of them, or, with `manual`, by whatever may stand in one. Tells its place.
pub fn first_implicit_commit<'a>(dialect: Dialect, open: bool, manual: bool, texts: impl IntoIterator<Item = &'a str>) -> Option<usize> {
    let (mut open, mut manual) = (open, manual);
    for (at, text) in texts.into_iter().enumerate() {
        let commits = commits_implicitly(dialect, text);
        if commits && open {
            return Some(at);
        }
        let w = words(dialect, text, 4);
        let is = |n: usize, word: &str| w.get(n).is_some_and(|x| x == word);
        if is(0, "set") && is(1, "autocommit") {
            manual = w.last().is_some_and(|x| x == "0" || x == "off");
        }
        open = match ending(dialect, text) {
            Some(_) => is(2, "chain") || is(3, "chain"),
            None if commits => is(0, "begin") || is(1, "transaction"),
            None => open || manual && !stands_alone(dialect, text),
        };
    }
    None
}

/// It may change where a bare name leads (the search path, the current database), or how PostgreSQL writes floats, which it tells only
/// who asks. A function that does so unseen is not known here.
pub fn moves(dialect: Dialect, text: &str) -> bool {
    if dialect == Dialect::Sqlite {
        return false;
    }
    let w = words(dialect, text, 3);
    let first = w.first().map_or("", String::as_str);
    if dialect == Dialect::MySql {
        return match first {
            "use" | "execute" => true,
            "drop" => w.get(1).is_some_and(|x| x == "database" || x == "schema"),
            _ => false,
        };
    }
    match first {
        "set" => {
            let w = words(dialect, text, 8);
            w.iter().any(|x| x == "search_path" || x == "schema" || x == "extra_float_digits")
        }
        "reset" => w.get(1).is_some_and(|x| x == "search_path" || x == "extra_float_digits" || x == "all"),
        "discard" => true,
        // What a block or a procedure does is not read; asking costs a moment.
        "do" | "call" => true,
        _ => {
            let has = |what: &str| text.as_bytes().windows(what.len()).any(|part| part.eq_ignore_ascii_case(what.as_bytes()));
            // A long text is data: it calls no function that changes settings.
            text.len() < 64 * 1024 && has("set_config")
        }
    }
}

/// It runs a procedure, a block or a prepared statement: what comes of it does not stand in its own text.
pub fn runs_a_routine(dialect: Dialect, text: &str) -> bool {
    words(dialect, text, 1).first().is_some_and(|w| ["call", "do", "execute", "begin", "declare"].contains(&w.as_str()))
}

/// It may change MySQL's `sql_mode`, and with it how the session reads strings. What a procedure sets ends with the procedure.
pub fn sets_sql_mode(text: &str) -> bool {
    const NAME: &[u8] = b"sql_mode";
    text.as_bytes().windows(NAME.len()).any(|part| part.eq_ignore_ascii_case(NAME))
        || words(Dialect::MySql, text, 1).first().is_some_and(|w| w == "execute" || w == "begin")
}

/// It may change which character set MySQL takes a session's bytes for. A long text is data.
pub fn sets_charset(text: &str) -> bool {
    let has = |what: &str| text.as_bytes().windows(what.len()).any(|part| part.eq_ignore_ascii_case(what.as_bytes()));
    text.len() < 4096
        && (has("names") || has("charset") || has("character"))
        && (text.trim_start().starts_with("/*") || words(Dialect::MySql, text, 1).first().is_some_and(|w| w == "set"))
}

/// It may change the time zone of a session of MySQL's. A long text is data.
pub fn sets_zone(text: &str) -> bool {
    const NAME: &[u8] = b"time_zone";
    text.len() < 4096
        && text.as_bytes().windows(NAME.len()).any(|part| part.eq_ignore_ascii_case(NAME))
        && (text.trim_start().starts_with("/*") || words(Dialect::MySql, text, 1).first().is_some_and(|w| w == "set"))
}

/// It may change where the session sees strings end, from the next statement on.
pub fn may_read_otherwise(dialect: Dialect, text: &str) -> bool {
    match dialect {
        Dialect::MySql => sets_sql_mode(text),
        Dialect::Postgres => {
            let has = |what: &str| text.as_bytes().windows(what.len()).any(|part| part.eq_ignore_ascii_case(what.as_bytes()));
            has("standard_conforming_strings") || matches!(words(dialect, text, 1).first().map(String::as_str), Some("reset" | "discard"))
        }
        Dialect::Sqlite => false,
    }
}

/// Something of the session that a new connection does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaves {
    /// `temporary table t`, `setting work_mem`.
    Made(String),
    /// The same is gone again.
    Unmade(String),
    /// Everything is.
    Cleared,
}

/// One of these is called. A long text is data.
fn calls(dialect: Dialect, text: &str, names: &[&str]) -> bool {
    let w = words(dialect, text, 256);
    w.windows(2).any(|x| x[1] == "(" && names.contains(&x[0].as_str()))
}

/// All that one SET of MySQL or MariaDB sets for the session: `GLOBAL` and its like hold for what follows without a word of its own.
fn set_by_mysql(w: &[String]) -> Option<Leaves> {
    let (mut depth, mut starts, mut global) = (0usize, true, false);
    let mut all: Vec<String> = Vec::new();
    for x in w.iter().skip(1) {
        match x.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 0 => starts = true,
            "global" | "persist" | "persist_only" if starts => global = true,
            "session" | "local" if starts => global = false,
            v if starts => {
                starts = false;
                match v.strip_prefix("@@") {
                    Some(v) if v.starts_with("global") || v.starts_with("persist") => {}
                    Some(v) => all.push(format!("setting {}", v.trim_start_matches("session.").trim_start_matches("local."))),
                    None if v.starts_with('@') => all.push(format!("variable {v}")),
                    None if !global => all.push(format!("setting {v}")),
                    None => {}
                }
            }
            _ => {}
        }
    }
    (!all.is_empty()).then(|| Leaves::Made(all.join(", ")))
}

/// What a statement that was run leaves behind in its session.
pub fn leaves(dialect: Dialect, text: &str) -> Option<Leaves> {
    let w = words(dialect, text, 16);
    // Only PostgreSQL folds names: MySQL's tables may be told apart by their capitals.
    let names = if dialect == Dialect::Postgres { w.clone() } else { words_as(dialect, text, 16, str::to_string) };
    let is = |with: &str| begins(&w, with);
    // The name after some words, with its qualification, `IF [NOT] EXISTS` left out.
    let name_of = |of: &[String], mut i: usize| {
        while w.get(i).is_some_and(|x| ["if", "not", "exists"].contains(&x.as_str())) {
            i += 1;
        }
        while w.get(i + 1).is_some_and(|x| x == ".") {
            i += 2;
        }
        of.get(i).cloned()
    };
    let name_after = |i: usize| name_of(&w, i);
    let made = |what: &str, name: Option<String>| name.map(|n| Leaves::Made(format!("{what} {n}")));
    let unmade = |what: &str, name: Option<String>| name.map(|n| Leaves::Unmade(format!("{what} {n}")));
    if is("create") {
        // `create table pg_temp.t` is a temporary one, too; so are functions and types there.
        let own = w
            .iter()
            .take(6)
            .position(|x| x == "pg_temp")
            .filter(|at| dialect == Dialect::Postgres && w.get(at + 1).is_some_and(|x| x == "."));
        let temporary = w.iter().take(5).position(|x| x == "temp" || x == "temporary");
        if let (None, Some(at)) = (temporary, own) {
            let kinds = ["table", "view", "sequence", "function", "procedure", "type", "domain"];
            let kind = w[..at].iter().find(|x| kinds.contains(&x.as_str()))?;
            return made(&format!("temporary {kind}"), name_of(&names, at));
        }
        let temporary = temporary?;
        let kind = w.get(temporary + 1)?.as_str();
        return match kind {
            "table" | "view" | "sequence" | "trigger" => made(&format!("temporary {kind}"), name_of(&names, temporary + 2)),
            _ => None,
        };
    }
    if is("drop") {
        let from = if w.get(1).is_some_and(|x| x == "temporary") { 2 } else { 1 };
        let kind = w.get(from)?.clone();
        return unmade(&format!("temporary {kind}"), name_of(&names, from + 1));
    }
    match (dialect, w.first()?.as_str()) {
        (Dialect::Postgres, "discard") if is("discard all") => Some(Leaves::Cleared),
        (Dialect::Postgres, "reset") if is("reset all") => None,
        (Dialect::Postgres, "reset") => unmade("setting", name_after(1)),
        (Dialect::Postgres, "set") => match w.get(1)?.as_str() {
            // These end with the transaction, or are its own.
            "local" | "transaction" | "constraints" => None,
            "session" if w.get(2).is_some_and(|x| x == "characteristics") => Some(Leaves::Made("setting of transactions".into())),
            "session" => made("setting", name_after(2)),
            "time" => Some(Leaves::Made("setting timezone".into())),
            _ => made("setting", name_after(1)),
        },
        (Dialect::Postgres, "listen") => made("LISTEN", name_after(1)),
        (Dialect::Postgres, "unlisten") => unmade("LISTEN", name_after(1)),
        (Dialect::Postgres, "prepare") if !is("prepare transaction") => made("prepared statement", name_after(1)),
        (Dialect::MySql, "prepare") => made("prepared statement", name_after(1)),
        (Dialect::Postgres | Dialect::MySql, "deallocate") => unmade("prepared statement", w.last().filter(|x| *x != ";").cloned()),
        (Dialect::Postgres, "declare") if w.iter().any(|x| x == "hold") => made("cursor", name_after(1)),
        (Dialect::MySql, "set") => match w.get(1)?.as_str() {
            "password" | "transaction" | "default" => None,
            _ => set_by_mysql(&words(dialect, text, 256)),
        },
        (Dialect::MySql, "select" | "do") => {
            let long = words(dialect, text, 256);
            let assigned = long.windows(2).filter(|x| x[0].starts_with('@') && x[1].starts_with(':')).map(|x| format!("variable {}", x[0]));
            let locks = calls(dialect, text, &["get_lock"]).then(|| "lock of GET_LOCK".to_string());
            let all: Vec<String> = locks.into_iter().chain(assigned).collect();
            (!all.is_empty()).then(|| Leaves::Made(all.join(", ")))
        }
        (Dialect::MySql, "handler") if w.get(2).is_some_and(|x| x == "open") => made("handler", name_after(1)),
        (Dialect::Postgres, "load") => Some(Leaves::Made("loaded library".into())),
        (Dialect::Postgres, "select" | "with") => {
            let long = words(dialect, text, 256);
            let into = long.windows(3).position(|x| x[0] == "into" && (x[1] == "temp" || x[1] == "temporary"));
            let name = into.and_then(|i| long.get(if long[i + 2] == "table" { i + 3 } else { i + 2 }).cloned());
            let mut all: Vec<String> = name.map(|name| format!("temporary table {name}")).into_iter().collect();
            if calls(dialect, text, &["set_config"]) {
                all.push("settings of set_config".into());
            }
            if calls(dialect, text, &["pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock"]) {
                all.push("advisory locks".into());
            }
            (!all.is_empty()).then(|| Leaves::Made(all.join(", ")))
        }
        (Dialect::MySql, "use") => made("database", name_after(1)),
        (Dialect::MySql, "lock") if commits_implicitly(dialect, text) => Some(Leaves::Made("table locks".into())),
        (Dialect::MySql, "unlock") => Some(Leaves::Unmade("table locks".into())),
        (Dialect::Sqlite, "attach") => {
            let at = w.iter().rposition(|x| x == "as")?;
            made("attached database", w.get(at + 1).cloned())
        }
        (Dialect::Sqlite, "detach") => unmade("attached database", w.iter().skip(1).find(|x| *x != "database").cloned()),
        (Dialect::Sqlite, "pragma") if w.iter().any(|x| x == "=" || x == "(") => made("pragma", name_after(1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    #[test]
    fn what_moves_the_names_is_known() {
        for (d, text, moved) in [
            (Postgres, "set search_path = sales, public", true),
            (Postgres, "SET LOCAL search_path TO x", true),
            (Postgres, "set schema 'x'", true),
            (Postgres, "set work_mem = '1MB'", false),
            (Postgres, "reset all", true),
            (Postgres, "select Set_Config('search_path', 'x', false)", true),
            (Postgres, "do $$ begin set search_path = x; end $$", true),
            (Postgres, "select 'search_path'", false),
            (MySql, "use shop", true),
            (MySql, "drop database shop", true),
            (MySql, "drop table shop", false),
            (Sqlite, "attach 'x' as y", false),
        ] {
            assert_eq!(moves(d, text), moved, "{text}");
        }
    }

    #[test]
    fn ends_and_savepoints_are_read() {
        for (d, text, ends) in [
            (Postgres, "COMMIT AND CHAIN", Some(true)),
            (Postgres, "end", Some(true)),
            (MySql, "end", None),
            (Sqlite, "rollback transaction", Some(false)),
            (Postgres, "rollback to savepoint a", None),
            (Postgres, "rollback work to a", None),
            (Postgres, "commit prepared 'x'", None),
            (Postgres, "prepare transaction 'x'", None),
            (Postgres, "update t set a = 1", None),
        ] {
            assert_eq!(ending(d, text), ends, "{text}");
        }
        let back = |name: &str| Some(Savepoint::BackTo(name.into()));
        assert_eq!(savepoint(Postgres, "SAVEPOINT Here;"), Some(Savepoint::Set("here".into())));
        assert_eq!(savepoint(MySql, "rollback work to savepoint `a b`"), back("a b"));
        assert_eq!(savepoint(Sqlite, "rollback to savepoint;"), back("savepoint"));
        assert_eq!(savepoint(Postgres, "rollback"), None);
    }

    #[test]
    fn begin_is_not_put_before_what_cannot_stand_in_a_transaction() {
        for (d, text, alone) in [
            (Postgres, "vacuum analyze t", true),
            (Postgres, "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", true),
            (Postgres, "create index i on t (a)", false),
            (Postgres, "refresh materialized view concurrently m", false),
            (Postgres, "create database d", true),
            (Postgres, "alter database d set tablespace x", true),
            (Postgres, "alter database d set work_mem = '1MB'", false),
            (Postgres, "cluster", true),
            (Postgres, "cluster t using i", false),
            (Postgres, "update t set a = 1", false),
            (Postgres, "select 1", false),
            (Postgres, "begin", true),
            (Postgres, "set work_mem = '1MB'", true),
            (Postgres, "call p()", false),
            (MySql, "create table t (a int)", true),
            (MySql, "insert into t values (1)", false),
            (Sqlite, "vacuum", true),
            (Sqlite, "create table t (a)", false),
            (Sqlite, "attach 'x' as y", true),
        ] {
            assert_eq!(stands_alone(d, text), alone, "{text}");
        }
    }

    #[test]
    fn what_commits_by_itself_is_known() {
        for (text, commits) in [
            ("alter table t add a int", true),
            ("create temporary table t (a int)", false),
            ("drop table t", true),
            ("truncate t", true),
            ("start transaction", true),
            ("analyze select 1", false),
            ("analyze table t", true),
            ("set autocommit = 1", true),
            ("set autocommit = 0", false),
            ("lock tables t write", true),
            ("set default role none to app", true),
            ("import table from 'x.sdi'", true),
            ("change replication source to source_host = 'x'", true),
            ("stop replica", true),
            ("set @a = 1", false),
            ("update t set a = 1", false),
            ("commit", false),
        ] {
            assert_eq!(commits_implicitly(MySql, text), commits, "{text}");
            assert!(!commits_implicitly(Postgres, text));
        }
    }

    #[test]
    fn what_a_session_keeps_is_named() {
        let made = |s: &str| Some(Leaves::Made(s.into()));
        let unmade = |s: &str| Some(Leaves::Unmade(s.into()));
        for (d, text, left) in [
            (Postgres, "create temp table if not exists \"T x\" as select 1", made("temporary table T x")),
            (Postgres, "create local temporary table pg_temp.t (a int)", made("temporary table t")),
            (Postgres, "drop table t", unmade("temporary table t")),
            (Postgres, "set search_path to a", made("setting search_path")),
            (Postgres, "set local work_mem = '1MB'", None),
            (Postgres, "set session work_mem = '1MB'", made("setting work_mem")),
            (Postgres, "set time zone 'UTC'", made("setting timezone")),
            (Postgres, "reset search_path", unmade("setting search_path")),
            (Postgres, "discard all", Some(Leaves::Cleared)),
            (Postgres, "prepare p as select 1", made("prepared statement p")),
            (Postgres, "listen c", made("LISTEN c")),
            (Postgres, "create table t (a int)", None),
            (Postgres, "select 1", None),
            (MySql, "set @a = 1", made("variable @a")),
            (MySql, "set session sql_mode = ''", made("setting sql_mode")),
            (MySql, "set @@session.sql_mode = ''", made("setting sql_mode")),
            (MySql, "set global max_connections = 1", None),
            (MySql, "set sql_mode='ANSI', lock_wait_timeout=5", made("setting sql_mode, setting lock_wait_timeout")),
            (MySql, "set @x = greatest(1, 2), sql_mode='ANSI'", made("variable @x, setting sql_mode")),
            (MySql, "set @@session.sql_mode='A', @@global.x=1, @@session.y=4", made("setting sql_mode, setting y")),
            (MySql, "select get_lock('a', 1)", made("lock of GET_LOCK")),
            (MySql, "handler items open", made("handler items")),
            (Postgres, "create table pg_temp.t10 (a int)", made("temporary table t10")),
            (Postgres, "create function pg_temp.ff() returns int language sql as 'select 1'", made("temporary function ff")),
            (Postgres, "create table t (pg_temp int)", None),
            (Postgres, "select 1 as a into temp tinto", made("temporary table tinto")),
            (Postgres, "select set_config('my.x', '1', false)", made("settings of set_config")),
            (Postgres, "select pg_advisory_lock(77)", made("advisory locks")),
            (Postgres, "select pg_advisory_lock(7), set_config('m.y', '1', false)", made("settings of set_config, advisory locks")),
            (MySql, "select get_lock('a', 1), @zz := 5", made("lock of GET_LOCK, variable @zz")),
            (Postgres, "load 'auto_explain'", made("loaded library")),
            (MySql, "CREATE TEMPORARY TABLE shop.NewOrders (a int)", made("temporary table NewOrders")),
            (MySql, "DROP TEMPORARY TABLE IF EXISTS NewOrders", unmade("temporary table NewOrders")),
            (Postgres, "CREATE TEMP TABLE NewOrders (a int)", made("temporary table neworders")),
            (MySql, "use other", made("database other")),
            (Sqlite, "attach 'f.db' as other", made("attached database other")),
            (Sqlite, "pragma foreign_keys = on", made("pragma foreign_keys")),
            (Sqlite, "pragma table_list", None),
            (Sqlite, "create temp trigger g after insert on t begin select 1; end", made("temporary trigger g")),
        ] {
            assert_eq!(leaves(d, text), left, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,60}") {
            for d in [Postgres, MySql, Sqlite] {
                let _ = (stands_alone(d, &text), commits_implicitly(d, &text), leaves(d, &text));
            }
        }
    }
}
