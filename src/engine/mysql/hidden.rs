//! What a statement calls that its text does not show: functions inside views, and a user's function that bears a built-in
//! name. A read-only transaction does not stop what a function does outside of tables (`SELECT … INTO OUTFILE`, loadable
//! functions), so such a read is refused.
//!
//! `NOW()` is the server's own, but `` `NOW`() `` and, without IGNORE_SPACE, `NOW ()` are a function of that name in the
//! current database. Inside a view every call of a user's function is written with its database.
//!
//! Views in the schemas `sys` and `mysql` are looked into like all others, for administrators make some there; what the server's own call in
//! `sys` is proven by its text (`reads`).

use super::catalog::{SYSTEM, at, lit, q};
use super::reads::{self, SYS};
use crate::engine::effects::servers_own;
use crate::engine::{Session, Touched};
use crate::model::{Dialect, Kind, Result};
use crate::sql::{self, Class, Token, TokenKind};
use std::collections::BTreeSet;

/// Views that are followed before the look-up gives up (and refuses).
const MOST_VIEWS: usize = 200;

/// A sentence that names what may write behind `text`, which the classifier called a read.
pub(super) async fn writer(s: &Session, text: &str) -> Result<Option<String>> {
    if let Some(what) = sql::counters::moves_sequence(text) {
        return Ok(Some(format!("{what} moves a sequence, which no rollback takes back")));
    }
    if let Some(f) = namesake(s, text).await? {
        return Ok(Some(format!("{f} is a function of this database, which may write")));
    }
    if only_describes(text) {
        return Ok(None);
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut proven = BTreeSet::new();
    let mut level = vec![text.to_string()];
    while !level.is_empty() {
        let names: BTreeSet<String> = level.iter().flat_map(|t| names(t)).collect();
        level.clear();
        let mut of_sys = BTreeSet::new();
        if names.is_empty() {
            break;
        }
        let list = names.iter().map(|n| lit(n)).collect::<Vec<_>>().join(", ");
        let found = s
            .fetch(format!(
                "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME), VIEW_DEFINITION FROM information_schema.VIEWS \
                 WHERE TABLE_NAME IN ({list}) AND (TABLE_SCHEMA NOT IN ({SYSTEM}) \
                   OR TABLE_SCHEMA IN ('mysql', '{SYS}') AND (TABLE_SCHEMA IN ({list}) OR TABLE_SCHEMA = DATABASE()))"
            ))
            .await?;
        for row in &found.rows {
            let (view, definition) = (at(row, 0), at(row, 1));
            if !seen.insert(view.to_string()) {
                continue;
            }
            if seen.len() > MOST_VIEWS {
                return Ok(Some(format!("more than {MOST_VIEWS} views stand behind it, too many to look through")));
            }
            if definition.is_empty() {
                return Ok(Some(format!("the view {view} cannot be looked into: GRANT SHOW VIEW ON {view} would let it be proven a read")));
            }
            let verdict = sql::classify(Dialect::MySql, definition);
            if verdict.class != Class::Read {
                return Ok(Some(format!("the view {view} may write: {}", verdict.reason)));
            }
            // The server writes its own functions without quotes there, and those that are stored with their schema; a name without one
            // is of the view's own.
            let in_sys = view.to_ascii_lowercase().starts_with("sys.");
            let of_own = |of: &str| of == SYS || in_sys && of.is_empty();
            let (sys, others): (Vec<Call>, Vec<Call>) = calls(definition).into_iter().filter(|c| c.quoted).partition(|c| of_own(&c.of));
            if let Some(f) = verdict.functions.iter().find(|f| !of_own(f.rsplit_once('.').map_or("", |(of, _)| of))) {
                return Ok(Some(format!("the view {view} calls {f}, which may write")));
            }
            of_sys.extend(verdict.functions.iter().map(|f| f.rsplit('.').next().unwrap_or(f).to_string()));
            if let Some(f) = stored(s, others, "ROUTINE_SCHEMA").await? {
                return Ok(Some(format!("the view {view} calls {f}, a stored function, which may write")));
            }
            of_sys.extend(sys.into_iter().map(|c| c.name));
            level.push(definition.to_string());
        }
        match reads::bodies(s, of_sys, &mut proven).await? {
            Ok(bodies) => level.extend(bodies),
            Err(why) => return Ok(Some(why)),
        }
    }
    Ok(None)
}

/// SHOW and DESCRIBE of objects tell how they are defined and compute nothing of them; what stands in a query does.
fn only_describes(text: &str) -> bool {
    let words: Vec<String> = names(text).into_iter().map(|w| w.to_ascii_lowercase()).collect();
    let queries: &[&str] = match words.first().map(String::as_str) {
        Some("show") => &["select", "with", "values", "where"],
        Some("desc" | "describe" | "explain") => &["select", "with", "values", "table"],
        _ => return false,
    };
    !words.iter().skip(1).any(|w| queries.contains(&w.as_str()))
}

/// A stored function of the current database that bears the name of something called in `text`.
async fn namesake(s: &Session, text: &str) -> Result<Option<String>> {
    stored(s, calls(text), "DATABASE()").await
}

/// One of these names that a stored function of that schema (as SQL) bears.
async fn stored(s: &Session, called: impl IntoIterator<Item = Call>, schema: &str) -> Result<Option<String>> {
    let list = called.into_iter().map(|c| lit(&c.name)).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
    if list.is_empty() {
        return Ok(None);
    }
    let found = s
        .fetch(format!(
            "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA = {schema} AND ROUTINE_NAME IN ({list})"
        ))
        .await?;
    Ok(found.rows.first().map(|r| at(r, 0).to_string()))
}

/// See [`Catalog::no_function`](crate::engine::Catalog::no_function). What the server has built in only MariaDB lists.
pub(super) async fn no_function(s: &Session, name: &str) -> Result<Option<String>> {
    let parts: Vec<&str> = name.split('.').collect();
    // A function of a package has the package's name before its own.
    let list = parts.iter().map(|p| lit(p)).collect::<Vec<_>>().join(", ");
    let builtin = match parts.len() {
        1 => format!(
            " UNION ALL SELECT 1 FROM information_schema.SQL_FUNCTIONS WHERE FUNCTION = {list} \
             UNION ALL SELECT 1 FROM information_schema.KEYWORDS WHERE WORD = {list}"
        ),
        _ => String::new(),
    };
    let borne = format!("SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_NAME IN ({list}){builtin} LIMIT 1");
    match s.fetch(borne).await {
        Err(e) if matches!(e.kind, Kind::Connect | Kind::Cancelled) => Err(e),
        Err(_) => Ok(None),
        // Loadable functions are listed to who may read mysql.func.
        Ok(found) if found.rows.is_empty() => match s.fetch(format!("SELECT 1 FROM mysql.func WHERE name IN ({list})")).await {
            Err(e) if matches!(e.kind, Kind::Connect | Kind::Cancelled) => Err(e),
            Err(_) => Ok(Some(format!("FUNCTION {name} does not exist, as far as this login may see"))),
            Ok(loaded) => Ok(loaded.rows.is_empty().then(|| format!("FUNCTION {name} does not exist"))),
        },
        Ok(_) => Ok(None),
    }
}

/// A name before a parenthesis.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    /// What stands before it and a dot, in lower case.
    pub of: String,
    pub name: String,
    pub quoted: bool,
}

/// Every name before a parenthesis.
pub(super) fn calls(text: &str) -> BTreeSet<Call> {
    let means = |t: &Token| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment);
    let tokens: Vec<Token> = sql::lex(Dialect::MySql, text).into_iter().filter(means).collect();
    let raw = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
    let name = |i: usize| tokens.get(i).and_then(|t| named(t.kind, raw(i)));
    (0..tokens.len())
        .filter(|&i| raw(i + 1) == "(")
        .filter_map(|i| {
            let of = if i > 1 && raw(i - 1) == "." { name(i - 2).unwrap_or_default().to_lowercase() } else { String::new() };
            Some(Call { of, name: name(i)?, quoted: tokens[i].kind == TokenKind::QuotedIdentifier })
        })
        .collect()
}

/// See `Catalog::beyond_the_rows`.
pub(super) async fn beyond(s: &Session, table: &[String], touched: Touched) -> Result<Vec<String>> {
    let (schema, name) = match table {
        [schema, name] => (lit(schema), lit(name)),
        [name] => ("DATABASE()".to_string(), lit(name)),
        _ => return Ok(vec!["its name cannot be looked up".into()]),
    };
    let inserts = touched.insert;
    let events = [(touched.insert, "'INSERT'"), (touched.update, "'UPDATE'"), (touched.delete, "'DELETE'")];
    let events = events.iter().filter(|(on, _)| *on).map(|(_, e)| *e).chain(["''"]).collect::<Vec<_>>().join(", ");
    let own = lit(&servers_own(&table.join(".")));
    let found = s
        .fetch(format!(
            "SELECT CONCAT('trigger ', TRIGGER_NAME) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {schema} AND EVENT_OBJECT_TABLE = {name} \
               AND EVENT_MANIPULATION IN ({events}) \
             UNION ALL SELECT CONCAT('its engine ', t.ENGINE, ' cannot roll back') FROM information_schema.TABLES t \
               LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
               WHERE t.TABLE_SCHEMA = {schema} AND t.TABLE_NAME = {name} AND t.ENGINE IS NOT NULL AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' \
             UNION ALL SELECT 'it is a sequence, and no rollback takes back what is set in one' FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND TABLE_TYPE = 'SEQUENCE' \
             UNION ALL SELECT {own} FROM DUAL WHERE LOWER({schema}) IN ({SYSTEM}) \
             UNION ALL SELECT 'it is a view' FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} \
             UNION ALL SELECT CONCAT('the default of ', COLUMN_NAME, ' moves a sequence, and no rollback takes that back') \
               FROM information_schema.COLUMNS WHERE {inserts} AND TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND COLUMN_DEFAULT LIKE '%nextval(%'"
        ))
        .await?;
    let mut why: Vec<String> = found.rows.iter().map(|r| at(r, 0).to_string()).collect();
    if !touched.update && !touched.delete {
        return Ok(why);
    }
    // The catalogue leaves columns out that a login may not read: what is read by their names would not be whole rows.
    let of = table.iter().map(|n| q(n)).collect::<Vec<_>>().join(".");
    match s.fetch(format!("SELECT * FROM {of} LIMIT 0")).await {
        Err(e) if matches!(e.code.as_deref(), Some("1142" | "1143")) => {
            why.push("this login may not read all of its columns, and what it cannot read cannot be saved".into());
        }
        looked => drop(looked?),
    }
    Ok(why)
}

pub(super) fn names(text: &str) -> Vec<String> {
    sql::lex(Dialect::MySql, text).into_iter().filter_map(|t| named(t.kind, &text[t.span])).collect()
}

/// What a token names, if it can name anything: with ANSI_QUOTES a string in double quotes does.
fn named(kind: TokenKind, word: &str) -> Option<String> {
    match kind {
        TokenKind::Identifier | TokenKind::Keyword => Some(word.to_string()),
        TokenKind::QuotedIdentifier => Some(word.trim_matches('`').replace("``", "`")),
        TokenKind::String if word.starts_with('"') => Some(word.trim_matches('"').replace("\"\"", "\"")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_describes_is_told() {
        for text in ["desc v", "show create view `v`", "SHOW CREATE TABLE db.v", "explain v", "show full columns from v"] {
            assert!(only_describes(text), "{text}");
        }
        for text in
            ["explain select * from v", "explain format=json table v", "show tables where (select x from v)", "select 1", "explain table v"]
        {
            assert!(!only_describes(text), "{text}");
        }
    }

    #[test]
    fn names_and_calls_are_gathered() {
        assert_eq!(names("select a from \"v \"\"w\", `x``y` where b = 'c'"), ["select", "a", "from", "v \"w", "x`y", "where", "b"]);
        let calls = calls("select now (), `count`(1), trim/**/('a'), a in (1), Sys . `f` (1) from `t`").into_iter();
        let calls: Vec<String> = calls.map(|c| format!("{}.{} {}", c.of, c.name, c.quoted)).collect();
        assert_eq!(calls, [".count true", ".in false", ".now false", ".trim false", "sys.f true"]);
    }
}
