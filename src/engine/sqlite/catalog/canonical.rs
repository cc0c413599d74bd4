//! The canonical catalogue: what proofs compare, so that two ways to the same schema look the same.
//!
//! Definitions are compared as tokens: `ALTER TABLE` leaves other blanks and quotes in the stored text than `CREATE TABLE` does.
//! Shadow tables of virtual tables are left out: their content is the module's business, the virtual table's own is compared.

use super::{Session, at, lit};
use crate::model::{CanonicalObject, Dialect, Result, TableShape};
use crate::sql::{Token, TokenKind, lex};

/// Tables of migration tools that stand beside the user's own.
const HISTORY: &str = "_sqlx_migrations";

/// A condition on `sqlite_schema` (as `t`): the user's own objects.
fn own() -> String {
    format!(
        "t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.tbl_name <> {} AND t.tbl_name NOT IN
         (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')",
        lit(HISTORY)
    )
}

fn object(kind: &str, name: impl Into<String>, definition: String) -> CanonicalObject {
    CanonicalObject { kind: kind.into(), name: name.into(), definition }
}

/// Every user object, sorted.
pub async fn objects(s: &Session) -> Result<Vec<CanonicalObject>> {
    let own = own();
    let mut out = Vec::new();
    let schema = s.fetch(format!("SELECT t.type, t.name, t.sql FROM main.sqlite_schema t WHERE {own} AND t.sql IS NOT NULL")).await?;
    for r in &schema.rows {
        let definition = if at(r, 0) == "table" { table(at(r, 2)) } else { tokens(at(r, 2)) };
        out.push(object(at(r, 0), at(r, 1), definition));
    }
    let columns = s
        .fetch(format!(
            "SELECT t.name, c.name, c.cid, upper(c.type), c.\"notnull\", c.dflt_value, c.pk, c.hidden
             FROM main.sqlite_schema t, pragma_table_xinfo(t.name, 'main') c WHERE t.type = 'table' AND {own} ORDER BY t.name, c.cid"
        ))
        .await?;
    let mut order: Vec<(&str, Vec<&str>)> = Vec::new();
    for r in &columns.rows {
        match order.last_mut() {
            Some((table, names)) if *table == at(r, 0) => names.push(at(r, 1)),
            _ => order.push((at(r, 0), vec![at(r, 1)])),
        }
        let mut definition = at(r, 3).to_string();
        if at(r, 4) == "1" {
            definition.push_str(" NOT NULL");
        }
        if let Some(default) = r[5].as_deref() {
            definition.push_str(&format!(" DEFAULT {}", tokens(default)));
        }
        if at(r, 6) != "0" {
            definition.push_str(&format!(" PK {}", at(r, 6)));
        }
        match at(r, 7) {
            "1" => definition.push_str(" HIDDEN"),
            "2" => definition.push_str(" GENERATED VIRTUAL"),
            "3" => definition.push_str(" GENERATED STORED"),
            _ => {}
        }
        out.push(object("column", format!("{}.{}", at(r, 0), at(r, 1)), definition));
    }
    for (table, names) in order {
        out.push(object("column-order", table, names.join(", ")));
    }
    let keys = s
        .fetch(format!(
            "SELECT t.name, i.name, i.\"unique\", i.origin, i.partial,
                    (SELECT group_concat(coalesce(x.name, '(expression)') || ' ' || x.coll || iif(x.\"desc\", ' DESC', ''), ', ' ORDER BY x.seqno)
                     FROM pragma_index_xinfo(i.name, 'main') x WHERE x.key)
             FROM main.sqlite_schema t, pragma_index_list(t.name, 'main') i WHERE t.type = 'table' AND {own}"
        ))
        .await?;
    for r in &keys.rows {
        // The indexes behind constraints have made-up names: their columns name them.
        let own_name = at(r, 3) == "c";
        let name = if own_name { at(r, 1).to_string() } else { format!("({})", at(r, 5)) };
        let unique = if at(r, 2) == "1" { "UNIQUE " } else { "" };
        let partial = if at(r, 4) == "1" { " PARTIAL" } else { "" };
        out.push(object("index columns", format!("{}.{name}", at(r, 0)), format!("{unique}{} ({}){partial}", at(r, 3), at(r, 5))));
    }
    let foreign = s
        .fetch(format!(
            "SELECT t.name, f.\"table\", f.on_update, f.on_delete, f.match,
                    group_concat(f.\"from\", ', ' ORDER BY f.seq), group_concat(f.\"to\", ', ' ORDER BY f.seq)
             FROM main.sqlite_schema t, pragma_foreign_key_list(t.name, 'main') f WHERE t.type = 'table' AND {own} GROUP BY t.name, f.id"
        ))
        .await?;
    for r in &foreign.rows {
        let definition = format!("{} ({}) ON UPDATE {} ON DELETE {} MATCH {}", at(r, 1), at(r, 6), at(r, 2), at(r, 3), at(r, 4));
        out.push(object("foreign key", format!("{}.({})", at(r, 0), at(r, 5)), definition));
    }
    for setting in ["user_version", "application_id", "encoding"] {
        let value = s.fetch(format!("PRAGMA main.{setting}")).await?;
        out.push(object("setting", setting, value.scalar().unwrap_or_default().to_string()));
    }
    out.sort();
    Ok(out)
}

/// Every user table with its columns, for content hashes: generated columns too, hidden ones of virtual tables not.
pub async fn tables(s: &Session) -> Result<Vec<TableShape>> {
    let rows = s
        .fetch(format!(
            "SELECT t.name, c.name FROM main.sqlite_schema t, pragma_table_xinfo(t.name, 'main') c
             WHERE t.type = 'table' AND {} AND c.hidden <> 1 ORDER BY t.name, c.cid",
            own()
        ))
        .await?;
    let mut out: Vec<TableShape> = Vec::new();
    for r in &rows.rows {
        match out.last_mut() {
            Some(t) if t.name == at(r, 0) => t.columns.push(at(r, 1).to_string()),
            _ => out.push(TableShape { schema: None, name: at(r, 0).to_string(), columns: vec![at(r, 1).to_string()] }),
        }
    }
    Ok(out)
}

/// A definition without what does not matter: blanks, comments, the case of keywords, quotes round plain names.
fn tokens(sql: &str) -> String {
    token_list(sql).join(" ")
}

fn token_list(sql: &str) -> Vec<String> {
    let one = |t: Token| {
        let text = &sql[t.span];
        match t.kind {
            TokenKind::Whitespace | TokenKind::Comment => None,
            TokenKind::Keyword | TokenKind::Identifier => Some(word(text)),
            TokenKind::QuotedIdentifier => Some(plain(text)),
            _ => Some(text.to_string()),
        }
    };
    lex(Dialect::Sqlite, sql).into_iter().filter_map(one).collect()
}

/// A table's definition with its columns sorted by name: their order is an object of its own, `column-order`.
fn table(sql: &str) -> String {
    let list = token_list(sql);
    let Some(open) = list.iter().position(|t| t == "(").filter(|_| list.get(1).is_some_and(|t| t != "VIRTUAL")) else {
        return list.join(" ");
    };
    let (mut columns, mut rest) = (Vec::new(), Vec::new());
    let (mut depth, mut start, mut close) = (1, open + 1, list.len());
    for (i, t) in list.iter().enumerate().skip(open + 1) {
        match t.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && t == ",") {
            // The words that begin a constraint of the table; anything else begins with a column's name.
            let constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].contains(&list[start.min(i)].as_str());
            if constraint { &mut rest } else { &mut columns }.push(list[start..i].join(" "));
            start = i + 1;
        }
        if depth == 0 {
            close = i;
            break;
        }
    }
    columns.sort();
    columns.append(&mut rest);
    let tail = list.get(close..).unwrap_or_default();
    format!("{} {} {}", list[..=open].join(" "), columns.join(" , "), tail.join(" "))
}

/// Words whose case never matters in a definition: SQLite's keywords there, and the usual types. The list is part of what a
/// manifest says (definitions are kept in backups), so it is our own and not the lexer's, which serves colouring.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "ABORT", "ACTION", "ADD", "AFTER", "ALL", "ALWAYS", "AND", "AS", "ASC", "AUTOINCREMENT", "BEFORE", "BEGIN", "BETWEEN", "BIGINT",
    "BLOB", "BOOLEAN", "BY", "CASCADE", "CASE", "CAST", "CHAR", "CHECK", "COLLATE", "CONFLICT", "CONSTRAINT", "CREATE", "CROSS",
    "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "DATETIME", "DECIMAL", "DEFAULT", "DEFERRABLE", "DEFERRED", "DELETE", "DESC",
    "DISTINCT", "DOUBLE", "EACH", "ELSE", "END", "ESCAPE", "EXCEPT", "EXISTS", "FAIL", "FALSE", "FLOAT", "FOR", "FOREIGN", "FROM",
    "FULL", "GENERATED", "GLOB", "GROUP", "HAVING", "IF", "IGNORE", "IMMEDIATE", "IN", "INDEX", "INITIALLY", "INNER", "INSERT",
    "INSTEAD", "INT", "INTEGER", "INTERSECT", "INTO", "IS", "ISNULL", "JOIN", "KEY", "LEFT", "LIKE", "LIMIT", "MATCH", "NATURAL", "NO",
    "NOT", "NOTNULL", "NULL", "NUMERIC", "OF", "OFFSET", "ON", "OR", "ORDER", "OUTER", "PRIMARY", "RAISE", "REAL", "RECURSIVE",
    "REFERENCES", "REGEXP", "REPLACE", "RESTRICT", "RIGHT", "ROLLBACK", "ROW", "ROWID", "SELECT", "SET", "SMALLINT", "STORED", "STRICT",
    "TABLE", "TEXT", "THEN", "TIMESTAMP", "TRIGGER", "TRUE", "UNION", "UNIQUE", "UPDATE", "USING", "VALUES", "VARCHAR", "VIEW",
    "VIRTUAL", "WHEN", "WHERE", "WITH", "WITHOUT",
];

fn word(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    if WORDS.binary_search(&upper.as_str()).is_ok() { upper } else { text.to_string() }
}

/// A quoted name without its quotes when it needs none, else in double quotes.
fn plain(quoted: &str) -> String {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let inner = match quoted.as_bytes().first() {
        Some(b'"') => inner.replace("\"\"", "\""),
        Some(b'`') => inner.replace("``", "`"),
        _ => inner.to_string(),
    };
    let simple =
        inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if simple { word(&inner) } else { Dialect::Sqlite.quote_ident(&inner) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_columns_is_no_part_of_a_tables_definition() {
        let a = table("CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC(10, 2) CHECK (n > 0), note TEXT, UNIQUE (n, note)) STRICT");
        let b = table("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT, n NUMERIC(10, 2) CHECK (n > 0), UNIQUE (n, note)) STRICT");
        assert_eq!(a, b);
        assert!(a.ends_with(", UNIQUE ( n , note ) ) STRICT"), "{a}");
        assert_ne!(a, table("CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC(10, 3) CHECK (n > 0), note TEXT, UNIQUE (n, note)) STRICT"));
        assert_eq!(table("CREATE VIRTUAL TABLE f USING fts5(b, a)"), tokens("CREATE VIRTUAL TABLE f USING fts5(b, a)"));
    }

    #[test]
    fn blanks_comments_and_quotes_do_not_matter() {
        let a = tokens("CREATE TABLE t (a INTEGER, b TEXT DEFAULT 'x  y')");
        let b = tokens("create table \"t\"(\n a INTEGER -- the key\n,\"b\" TEXT /* */ default 'x  y' )");
        assert_eq!(a, b);
        assert_ne!(a, tokens("CREATE TABLE t (a INTEGER, b TEXT DEFAULT 'x y')"));
        assert_ne!(a, tokens("CREATE TABLE t (a INTEGER, B TEXT DEFAULT 'x  y')"), "a name's case is kept");
        assert!(WORDS.is_sorted());
        assert!(tokens("CREATE TABLE \"two words\" (a)").contains("\"two words\""));
    }
}
