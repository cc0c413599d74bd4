//! What uses an object: foreign keys and indexes from the pragmas, views and triggers by the words of their statements.

use super::catalog::{FOREIGN_KEYS, INDEXES, TRIGGERS, at, lit, q};
use crate::engine::Session;
use crate::engine::referrers::from_rows;
use crate::model::{Dependent, Dialect, NodeKind, NodePath, Referrer, Result};
use crate::sql::mentions::{mentions, mentions_in_strings};
use crate::sql::{Token, TokenKind, lex};

/// See `Catalog::referrers`. A key that names no columns leads to the primary key.
pub(super) async fn referrers(s: &Session, table: &[String]) -> Result<Vec<Referrer>> {
    let (schema, name) = match table {
        [schema, name] => (schema.as_str(), name.as_str()),
        [name] => ("main", name.as_str()),
        _ => return Ok(Vec::new()),
    };
    let enforced = s.fetch("SELECT foreign_keys FROM pragma_foreign_keys").await?.scalar() == Some("1");
    let found = s
        .fetch(format!(
            "SELECT {sc}, m.name, 'key ' || f.id, f.\"from\", coalesce(f.\"to\", p.name), f.on_delete, f.on_update \
             FROM {db}.sqlite_schema m JOIN pragma_foreign_key_list(m.name, {sc}) f \
             LEFT JOIN pragma_table_info(f.\"table\", {sc}) p ON f.\"to\" IS NULL AND p.pk = f.seq + 1 \
             WHERE m.type = 'table' AND f.\"table\" = {t} COLLATE NOCASE AND coalesce(f.\"to\", p.name) IS NOT NULL \
             ORDER BY m.name, f.id, f.seq",
            sc = lit(schema),
            db = q(schema),
            t = lit(name),
        ))
        .await?;
    from_rows(found.rows, enforced)
}

/// What stands in the brackets behind each CHECK of a table's definition, with them.
fn checks(definition: &str) -> Vec<&str> {
    let plain = |t: &Token| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment);
    let tokens: Vec<Token> = lex(Dialect::Sqlite, definition).into_iter().filter(plain).collect();
    let word = |i: usize| tokens.get(i).map_or("", |t| &definition[t.span.clone()]);
    let mut out = Vec::new();
    for i in (0..tokens.len()).filter(|i| word(*i).eq_ignore_ascii_case("check") && word(i + 1) == "(") {
        let mut depth = 0usize;
        let end = (i + 1..tokens.len()).find(|at| {
            match word(*at) {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        out.extend(end.map(|end| &definition[tokens[i + 1].span.start..tokens[end].span.end]));
    }
    out
}

pub(super) async fn of(s: &Session, path: &NodePath) -> Result<Vec<Dependent>> {
    let schema = path.name_of(NodeKind::Schema).unwrap_or("main");
    let Some(table) = path.name_of(NodeKind::Table).or_else(|| path.name_of(NodeKind::View)) else { return Ok(Vec::new()) };
    let column = path.name_of(NodeKind::Column);
    let words: Vec<&str> = std::iter::once(table).chain(column).collect();
    let (sc, t) = (lit(schema), lit(table));
    let root = NodePath::root().child(NodeKind::Schema, schema);
    let mut out = Vec::new();
    let objects = s
        .fetch(format!(
            "SELECT m.type, m.name, m.tbl_name, m.sql, (SELECT o.type FROM {0}.sqlite_schema o WHERE o.name = m.tbl_name COLLATE NOCASE \
             AND o.type IN ('table', 'view')) FROM {0}.sqlite_schema m WHERE m.type IN ('view', 'trigger', 'index') OR m.sql LIKE 'CREATE VIRTUAL%' ORDER BY m.type, m.name",
            q(schema)
        ))
        .await?;
    for r in &objects.rows {
        let (name, on, text) = (at(r, 1), at(r, 2), at(r, 3));
        let own = on.eq_ignore_ascii_case(table);
        let above = root.child(if at(r, 4) == "view" { NodeKind::View } else { NodeKind::Table }, on);
        let named = mentions(Dialect::Sqlite, text, &words).is_some();
        match at(r, 0) {
            "view" if named && !name.eq_ignore_ascii_case(table) => out.push(Dependent {
                kind: NodeKind::View,
                name: name.into(),
                detail: String::new(),
                path: root.child(NodeKind::View, name),
                by_text: true,
            }),
            // A table's own trigger is about all of it; about a column only where it names it.
            "trigger" if own && column.is_none() || named => out.push(Dependent {
                kind: NodeKind::Trigger,
                name: format!("{on}.{name}"),
                detail: if own { String::new() } else { format!("of {on}") },
                path: above.child(NodeKind::Group, TRIGGERS).child(NodeKind::Trigger, name),
                by_text: !own || column.is_some(),
            }),
            // Full-text search over another table (`content='t'`) reads it by its name.
            "table" if !own && (named || mentions_in_strings(Dialect::Sqlite, text, &words)) => out.push(Dependent {
                kind: NodeKind::Table,
                name: name.into(),
                detail: "virtual table".into(),
                path: root.child(NodeKind::Table, name),
                by_text: true,
            }),
            "index" if own => {
                let parts = s.fetch(format!("SELECT coalesce(name, '') FROM pragma_index_xinfo({}, {sc}) WHERE key", lit(name))).await?;
                let parts: Vec<&str> = parts.rows.iter().map(|p| at(p, 0)).collect();
                // Expressions and conditions name columns in the statement alone.
                let exact = column.is_none_or(|c| parts.iter().any(|p| p.eq_ignore_ascii_case(c)));
                if exact || named {
                    let shown: Vec<&str> = parts.iter().map(|p| if p.is_empty() { "(expression)" } else { *p }).collect();
                    out.push(Dependent {
                        kind: NodeKind::Index,
                        name: format!("{on}.{name}"),
                        detail: format!("({})", shown.join(", ")),
                        path: above.child(NodeKind::Group, INDEXES).child(NodeKind::Index, name),
                        by_text: !exact,
                    });
                }
            }
            _ => {}
        }
    }
    // Foreign keys of all tables that lead here, and the column's own.
    let keys = s
        .fetch(format!(
            "SELECT m.name, f.id, group_concat(f.\"from\", ', '), group_concat(coalesce(f.\"to\", p.name), ', '), f.\"table\", f.on_delete, \
             max(f.\"from\" = {from} COLLATE NOCASE), max(coalesce(f.\"to\", p.name) = {from} COLLATE NOCASE) \
             FROM {db}.sqlite_schema m JOIN pragma_foreign_key_list(m.name, {sc}) f \
             LEFT JOIN pragma_table_info(f.\"table\", {sc}) p ON f.\"to\" IS NULL AND p.pk = f.seq + 1 \
             WHERE m.type = 'table' GROUP BY m.name, f.id ORDER BY m.name, f.id",
            from = lit(column.unwrap_or_default()),
            db = q(schema)
        ))
        .await?;
    for r in &keys.rows {
        let (from, to) = (at(r, 0), at(r, 4));
        let leads_here = to.eq_ignore_ascii_case(table) && (column.is_none() || at(r, 7) == "1");
        let own = column.is_some() && from.eq_ignore_ascii_case(table) && at(r, 6) == "1";
        if leads_here || own {
            let cascade = if at(r, 5) == "NO ACTION" { String::new() } else { format!(" ON DELETE {}", at(r, 5)) };
            out.push(Dependent {
                kind: NodeKind::Constraint,
                name: format!("{from} ({})", at(r, 2)),
                detail: format!("→ {to} ({}){cascade}", at(r, 3)),
                path: root
                    .child(NodeKind::Table, from)
                    .child(NodeKind::Group, FOREIGN_KEYS)
                    .child(NodeKind::Constraint, format!("({})", at(r, 2))),
                by_text: false,
            });
        }
    }
    // Generated columns of the same table.
    if let Some(column) = column {
        let generated = s.fetch(format!("SELECT name FROM pragma_table_xinfo({t}, {sc}) WHERE hidden IN (2, 3)")).await?;
        let whole = s
            .fetch(format!("SELECT sql FROM {}.sqlite_schema WHERE type = 'table' AND name = {t} COLLATE NOCASE", q(schema)))
            .await?
            .scalar()
            .unwrap_or_default()
            .to_string();
        for check in checks(&whole).into_iter().filter(|c| mentions(Dialect::Sqlite, c, &[column]).is_some()) {
            out.push(Dependent {
                kind: NodeKind::Table,
                name: table.into(),
                detail: format!("CHECK {check}"),
                path: root.child(NodeKind::Table, table),
                by_text: true,
            });
        }
        for r in generated.rows.iter().filter(|r| !at(r, 0).eq_ignore_ascii_case(column)) {
            // What stands between this column's AS and the next item is its expression.
            if expression(&whole, at(r, 0)).is_some_and(|e| mentions(Dialect::Sqlite, e, &[column]).is_some()) {
                out.push(Dependent {
                    kind: NodeKind::Column,
                    name: format!("{table}.{}", at(r, 0)),
                    detail: "generated".into(),
                    path: root.child(NodeKind::Table, table).child(NodeKind::Column, at(r, 0)),
                    by_text: true,
                });
            }
        }
    }
    Ok(out)
}

/// The text of a column's definition in CREATE TABLE, from its name to the comma that ends it.
fn expression<'t>(create: &'t str, column: &str) -> Option<&'t str> {
    use crate::sql::{TokenKind, lex};
    let (mut depth, mut start) = (0_i32, None);
    for t in lex(Dialect::Sqlite, create) {
        let part = &create[t.span.clone()];
        match part {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        let ends = depth == 1 && part == "," || depth == 0 && part == ")";
        if let (Some(from), true) = (start, ends) {
            return create.get(from..t.span.start);
        }
        let name = matches!(t.kind, TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Keyword);
        if depth == 1 && start.is_none() && name && crate::sql::complete::unquoted(part).eq_ignore_ascii_case(column) {
            start = Some(t.span.end);
        }
    }
    None
}
