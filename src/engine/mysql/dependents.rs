//! What uses an object: foreign keys, indexes and triggers from the catalogue; views, routines, events and other tables' triggers by
//! the words of their bodies, because the server keeps no list of what they use.

use super::catalog::{CHECKS, EVENTS, FOREIGN_KEYS, FUNCTIONS, INDEXES, PACKAGES, PROCEDURES, TRIGGERS, at, lit};
use crate::engine::Session;
use crate::model::{Dependent, Dialect, NodeKind, NodePath, Result};
use crate::sql::mentions::{mentions, mentions_in_strings};

pub(super) async fn of(s: &Session, path: &NodePath) -> Result<Vec<Dependent>> {
    let schema = path.name_of(NodeKind::Schema).unwrap_or_default();
    let table = path.name_of(NodeKind::Table).or_else(|| path.name_of(NodeKind::View));
    let Some(object) = table.or_else(|| path.name_of(NodeKind::Function)).or_else(|| path.name_of(NodeKind::Sequence)) else {
        return Ok(Vec::new());
    };
    let column = path.name_of(NodeKind::Column);
    let words: Vec<&str> = std::iter::once(object).chain(column).collect();
    // In another database it is named with its own.
    let from_afar: Vec<&str> = std::iter::once(schema).chain(words.iter().copied()).collect();
    let db = lit(schema);
    let root = |schema: &str| NodePath::root().child(NodeKind::Schema, schema);
    let full = |of: &str, name: &str| if of == schema { name.to_string() } else { format!("{of}.{name}") };
    let mut out = Vec::new();
    // In its own database, or with its database's name in the text.
    let near = |of: &str, text: &str| {
        format!("({of} = {db} OR LOCATE({db}, {text}) > 0 AND {of} NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema'))")
    };
    // Bodies: kind, schema, name, table that it hangs on, text.
    let bodies = s
        .fetch(format!(
            "SELECT 'VIEW', TABLE_SCHEMA, TABLE_NAME, NULL, VIEW_DEFINITION FROM information_schema.VIEWS WHERE {} \
             UNION ALL SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME, NULL, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE {} \
             UNION ALL SELECT 'EVENT', EVENT_SCHEMA, EVENT_NAME, NULL, EVENT_DEFINITION FROM information_schema.EVENTS WHERE {} \
             UNION ALL SELECT 'TRIGGER', EVENT_OBJECT_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_STATEMENT FROM information_schema.TRIGGERS \
             WHERE {} ORDER BY 1, 2, 3",
            near("TABLE_SCHEMA", "VIEW_DEFINITION"),
            near("ROUTINE_SCHEMA", "ROUTINE_DEFINITION"),
            near("EVENT_SCHEMA", "EVENT_DEFINITION"),
            near("EVENT_OBJECT_SCHEMA", "ACTION_STATEMENT"),
        ))
        .await?;
    for r in &bodies.rows {
        let (of, name, on) = (at(r, 1), at(r, 2), at(r, 3));
        let (here, text) = (of.eq_ignore_ascii_case(schema), at(r, 4));
        let its_own = here && at(r, 0) == "TRIGGER" && table == Some(on);
        let own_trigger = its_own && column.is_none();
        // A trigger of the table itself calls its columns NEW.x and OLD.x.
        let words = match (its_own, here) {
            (true, _) => &words[1..],
            (false, true) => &words[..],
            (false, false) => &from_afar[..],
        };
        // What it puts together and executes stands in strings.
        let executes = || text.to_ascii_lowercase().contains("execute");
        let named = || mentions(Dialect::MySql, text, words).is_some() || executes() && mentions_in_strings(Dialect::MySql, text, words);
        if !own_trigger && (words.is_empty() || !named()) {
            continue;
        }
        if here && name == object && at(r, 0) != "TRIGGER" {
            continue;
        }
        let group = |g: &str| root(of).child(NodeKind::Group, g).child(NodeKind::Function, name);
        let (kind, path) = match at(r, 0) {
            "VIEW" => (NodeKind::View, root(of).child(NodeKind::View, name)),
            "TRIGGER" => {
                let above = root(of).child(NodeKind::Table, on).child(NodeKind::Group, TRIGGERS);
                (NodeKind::Trigger, above.child(NodeKind::Trigger, name))
            }
            "EVENT" => (NodeKind::Function, group(EVENTS)),
            "PROCEDURE" => (NodeKind::Function, group(PROCEDURES)),
            "PACKAGE" | "PACKAGE BODY" => (NodeKind::Function, group(PACKAGES)),
            _ => (NodeKind::Function, group(FUNCTIONS)),
        };
        let shown = if on.is_empty() { name.to_string() } else { format!("{on}.{name}") };
        let detail = if kind == NodeKind::Function { at(r, 0).to_lowercase() } else { String::new() };
        out.push(Dependent { kind, name: full(of, &shown), detail, path, by_text: !own_trigger });
    }
    let Some(table) = table else {
        if path.name_of(NodeKind::Sequence).is_some() {
            out.extend(defaults(s, schema, object).await?);
        }
        return Ok(out);
    };
    let t = lit(table);
    let c = column.map(lit);
    let keys = s
        .fetch(format!(
            "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, GROUP_CONCAT(k.COLUMN_NAME ORDER BY k.ORDINAL_POSITION SEPARATOR ', '), \
             k.REFERENCED_TABLE_NAME, GROUP_CONCAT(k.REFERENCED_COLUMN_NAME ORDER BY k.ORDINAL_POSITION SEPARATOR ', '), r.DELETE_RULE \
             FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA \
             AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
             WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND (k.REFERENCED_TABLE_SCHEMA = {db} AND k.REFERENCED_TABLE_NAME = {t} \
             OR k.TABLE_SCHEMA = {db} AND k.TABLE_NAME = {t}) GROUP BY 1, 2, 3, 5, 7 HAVING {condition} ORDER BY 1, 2, 3",
            condition = match &c {
                // A column's own keys count too; a table's do not.
                Some(c) => format!(
                    "MAX(k.TABLE_SCHEMA = {db} AND k.TABLE_NAME = {t} AND k.COLUMN_NAME = {c} \
                     OR k.REFERENCED_TABLE_NAME = {t} AND k.REFERENCED_COLUMN_NAME = {c}) = 1"
                ),
                None => format!("MAX(k.REFERENCED_TABLE_SCHEMA = {db} AND k.REFERENCED_TABLE_NAME = {t}) = 1"),
            }
        ))
        .await?;
    for r in &keys.rows {
        let rule = if matches!(at(r, 6), "RESTRICT" | "NO ACTION") { String::new() } else { format!(" ON DELETE {}", at(r, 6)) };
        let above = root(at(r, 0)).child(NodeKind::Table, at(r, 1)).child(NodeKind::Group, FOREIGN_KEYS);
        out.push(Dependent {
            kind: NodeKind::Constraint,
            name: full(at(r, 0), &format!("{}.{}", at(r, 1), at(r, 2))),
            detail: format!("({}) → {} ({}){rule}", at(r, 3), at(r, 4), at(r, 5)),
            path: above.child(NodeKind::Constraint, at(r, 2)),
            by_text: false,
        });
    }
    let having = c.as_ref().map_or(String::new(), |c| format!("HAVING MAX(COALESCE(COLUMN_NAME, '') = {c}) = 1"));
    let indexes = s
        .fetch(format!(
            "SELECT INDEX_NAME, GROUP_CONCAT(COALESCE(COLUMN_NAME, '(expression)') ORDER BY SEQ_IN_INDEX SEPARATOR ', ') FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = {db} AND TABLE_NAME = {t} GROUP BY INDEX_NAME {having} ORDER BY 1"
        ))
        .await?;
    let own = root(schema).child(NodeKind::Table, table);
    for r in &indexes.rows {
        out.push(Dependent {
            kind: NodeKind::Index,
            name: format!("{table}.{}", at(r, 0)),
            detail: format!("({})", at(r, 1)),
            path: own.child(NodeKind::Group, INDEXES).child(NodeKind::Index, at(r, 0)),
            by_text: false,
        });
    }
    if let Some(column) = column {
        let maria = s.identity().product == "MariaDB";
        let texts = s
            .fetch(format!(
                "SELECT 'COLUMN', COLUMN_NAME, GENERATION_EXPRESSION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {db} AND TABLE_NAME = {t} \
                 AND GENERATION_EXPRESSION <> '' UNION ALL SELECT 'DEFAULT', COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {db} AND TABLE_NAME = {t} \
                 AND {computed} UNION ALL SELECT DISTINCT 'PARTITION', {t}, CONCAT_WS(', ', PARTITION_EXPRESSION, SUBPARTITION_EXPRESSION) \
                 FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = {db} AND TABLE_NAME = {t} AND PARTITION_NAME IS NOT NULL UNION ALL SELECT 'CHECK', c.CONSTRAINT_NAME, c.CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS c \
                 JOIN information_schema.TABLE_CONSTRAINTS k ON k.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = c.CONSTRAINT_NAME \
                 {} WHERE k.TABLE_SCHEMA = {db} AND k.TABLE_NAME = {t} AND k.CONSTRAINT_TYPE = 'CHECK'",
                if maria { "AND k.TABLE_NAME = c.TABLE_NAME" } else { "" },
                // MySQL says which default is an expression; MariaDB writes a text in quotes, and other constants hold no names.
                computed = if maria { "COLUMN_DEFAULT NOT LIKE '\\'%'" } else { "EXTRA LIKE '%DEFAULT_GENERATED%'" },
            ))
            .await?;
        for r in texts.rows.iter().filter(|r| at(r, 1) != column || at(r, 0) != "COLUMN") {
            if mentions(Dialect::MySql, at(r, 2), &[column]).is_none() {
                continue;
            }
            let (kind, path) = match at(r, 0) {
                "COLUMN" | "DEFAULT" => (NodeKind::Column, own.child(NodeKind::Column, at(r, 1))),
                "PARTITION" => {
                    let detail = format!("partitioned by {}", at(r, 2));
                    out.push(Dependent { kind: NodeKind::Table, name: table.into(), detail, path: own.clone(), by_text: false });
                    continue;
                }
                _ => (NodeKind::Constraint, own.child(NodeKind::Group, CHECKS).child(NodeKind::Constraint, at(r, 1))),
            };
            let detail = if at(r, 0) == "DEFAULT" { format!("default {}", at(r, 2)) } else { at(r, 2).into() };
            out.push(Dependent { kind, name: format!("{table}.{}", at(r, 1)), detail, path, by_text: false });
        }
    }
    Ok(out)
}

/// Columns whose default takes from a sequence (MariaDB).
async fn defaults(s: &Session, schema: &str, sequence: &str) -> Result<Vec<Dependent>> {
    let found = s
        .fetch(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE LOCATE({}, COLUMN_DEFAULT) > 0 \
             AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1, 2, 3",
            lit(sequence)
        ))
        .await?;
    // The server writes the sequence's database in front of it.
    let uses = |r: &&Vec<Option<String>>| mentions(Dialect::MySql, at(r, 3), &[schema, sequence]).is_some();
    let dependent = |r: &Vec<Option<String>>| {
        let (of, table, column) = (at(r, 0), at(r, 1), at(r, 2));
        let path = NodePath::root().child(NodeKind::Schema, of).child(NodeKind::Table, table).child(NodeKind::Column, column);
        let name = if of == schema { format!("{table}.{column}") } else { format!("{of}.{table}.{column}") };
        Dependent { kind: NodeKind::Column, name, detail: format!("default {}", at(r, 3)), path, by_text: false }
    };
    Ok(found.rows.iter().filter(uses).map(dependent).collect())
}
