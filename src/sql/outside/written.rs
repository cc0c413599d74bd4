//! Where one statement writes besides its own database: other databases by their names, files by ATTACH.

use super::{Word, inside, qualifier, words};
use crate::model::Dialect;
use crate::sql::TokenKind;
use std::collections::BTreeSet;

/// Databases of `known` (lower case) that a statement changes or goes to by their names: after `DATABASE`, and on MySQL after `USE` and
/// `SCHEMA` and in front of the tables that it changes. What it only reads is left out. Views, routines and triggers that lead there are not
/// seen.
pub fn databases_written(dialect: Dialect, text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    if known.is_empty() {
        return BTreeSet::new();
    }
    let words = words(dialect, text);
    let mysql = dialect == Dialect::MySql;
    let leads = |w: &Word<'_>| w.name == "database" || mysql && matches!(w.name.as_str(), "use" | "schema");
    let mut out = BTreeSet::new();
    for (i, _) in words.iter().enumerate().filter(|(_, w)| leads(w)) {
        let name = words[i + 1..].iter().find(|w| !matches!(w.name.as_str(), "if" | "not" | "exists"));
        out.extend(name.filter(|n| known.contains(&n.name)).map(|n| n.name.clone()));
    }
    if !mysql {
        return out;
    }
    let places = match words.first().map_or("", |w| w.name.as_str()) {
        // Run as they stand there; what is put together otherwise cannot be read.
        "prepare" | "execute" => {
            let texts = words.iter().filter(|w| w.kind == TokenKind::String);
            out.extend(texts.flat_map(|w| databases_written(dialect, inside(w.text), known)));
            return out;
        }
        "set" | "explain" | "describe" | "desc" => return out,
        "insert" | "replace" => {
            const BEFORE: [&str; 7] = ["insert", "replace", "low_priority", "high_priority", "delayed", "ignore", "into"];
            let at = words.iter().position(|w| !BEFORE.contains(&w.name.as_str())).unwrap_or(0);
            at..(at + 1).min(words.len())
        }
        "update" => 0..level(&words, &["set"]),
        "delete" => 0..level(&words, &["where", "order", "limit", "returning"]),
        "create" | "alter" | "drop" | "truncate" | "rename" => 0..level(&words, &["as", "select", "like", "with", "values"]),
        _ => 0..words.len(),
    };
    // In UPDATE and DELETE of several tables, a column may bear a table's name that is a database's, too.
    let dml = words.first().is_some_and(|w| matches!(w.name.as_str(), "update" | "delete"));
    const TABLE: [&str; 11] =
        ["update", "delete", "from", "into", "join", "straight_join", "using", "ignore", "low_priority", "quick", ","];
    let table = |i: usize| i.checked_sub(1).is_some_and(|b| TABLE.contains(&words[b].name.as_str()) || words[b].text == "(");
    out.extend(places.filter(|i| !dml || table(*i)).filter_map(|i| qualifier(&words, i, known)));
    out
}

/// The place of the first of these words outside of parentheses; the end of all where there is none.
fn level(words: &[Word<'_>], of: &[&str]) -> usize {
    let mut depth = 0;
    let found = words.iter().position(|w| {
        depth += i32::from(w.text == "(") - i32::from(w.text == ")");
        depth == 0 && of.contains(&w.name.as_str())
    });
    found.unwrap_or(words.len())
}

/// The file that SQLite is told to attach for writing, too, where it stands in the text as it is.
pub fn attached_file(text: &str) -> Option<String> {
    let words = words(Dialect::Sqlite, text);
    let mut rest = words.iter().skip_while(|w| w.name != "attach").skip(1).skip_while(|w| w.name == "database");
    words.first().filter(|w| w.name == "attach")?;
    let file = rest.next().filter(|w| matches!(w.kind, TokenKind::String | TokenKind::QuotedIdentifier))?;
    let quote = &file.text[..1];
    let name = file.text.strip_prefix(quote)?.strip_suffix(quote)?.replace(&quote.repeat(2), quote);
    // As a URI it may have parameters (https://sqlite.org/uri.html).
    let Some(uri) = name.strip_prefix("file:") else { return Some(name) };
    let (path, parameters) = uri.split('#').next().unwrap_or(uri).split_once('?').unwrap_or((uri, ""));
    let reads = parameters.split('&').any(|p| p == "mode=ro");
    (!reads).then(|| path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_goes_to_is_found() {
        let known = BTreeSet::from(["prod".to_string()]);
        let reached = |dialect, text: &str| !databases_written(dialect, text, &known).is_empty();
        for text in [
            "use prod",
            "USE `Prod`",
            "update prod.t set a = 1",
            "update t, prod.t p set p.a = 1",
            "update t join `prod`.t p on p.id = t.id set p.a = 1",
            "delete p from prod.t p",
            "delete from prod.t where a = 1",
            "insert ignore into prod.t values (1)",
            "replace prod.t values (1)",
            "drop table if exists a, prod.t",
            "create table prod.t like t",
            "truncate prod.t",
            "drop database if exists prod",
            "alter schema prod charset utf8mb4",
            "execute immediate 'update prod.t set a = 1'",
            "prepare s from 'delete from prod.t'",
            "load data infile 'f' into table prod.t",
            "call prod.p()",
            "lock tables prod.t write",
        ] {
            assert!(reached(Dialect::MySql, text), "{text}");
        }
        for text in [
            "use dev",
            "update t set prod = 1",
            "update prod set a = 'prod.x' where prod.a = 1 /* use prod */",
            "update t join prod on prod.id = t.id set prod.a = 1",
            "delete from prod where prod.a = 1",
            "insert into prod values (1) on duplicate key update prod.a = 2",
            "insert into t select * from prod.t",
            "create table c as select * from prod.t",
            "create table c like prod.t",
            "update t set v = (select max(v) from prod.t)",
            "delete from t where id in (select id from prod.t)",
            "set @x = (select count(*) from prod.t)",
            "use",
        ] {
            assert!(!reached(Dialect::MySql, text), "{text}");
        }
        assert!(reached(Dialect::Postgres, "drop database prod") && reached(Dialect::Postgres, "ALTER DATABASE \"prod\" RENAME TO x"));
        assert!(!reached(Dialect::Postgres, "update prod.t set a = 1") && !reached(Dialect::Postgres, "drop schema prod"));
        let file = |text: &str| attached_file(text);
        assert_eq!(file("attach database 'a''b.db' as x").as_deref(), Some("a'b.db"));
        assert_eq!(file("/* x */ ATTACH 'file:p.db?mode=rw' AS p").as_deref(), Some("p.db"));
        assert_eq!(file("attach 'file:p.db?cache=private&mode=ro' as p"), None);
        assert_eq!(file("attach ?1 as x"), None);
        assert_eq!(file("select 'attach' from t"), None);
    }
}
