//! What uses an object: `pg_depend` for all that the server keeps track of, and the words of function bodies for what it does not.

use super::catalog::{CONSTRAINTS, FUNCTIONS, INDEXES, Row, SEQUENCES, TRIGGERS, TYPES, cell, pinned, relation_of};
use crate::engine::Session;
use crate::model::{Dependent, Dialect, Error, NodeKind, NodePath, Result};
use crate::sql::mentions::mentions_or_executes;

/// `t`: what is asked about, as `pg_depend` names it. `$4` says what it is.
/// A column is its partitions' and children's too: `kin`.
const TARGET: &str = "WITH RECURSIVE kin AS (\
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE $4 = 'relation' AND $3 <> '' AND n.nspname = $1 AND c.relname = $2 \
    UNION SELECT h.inhrelid FROM kin JOIN pg_catalog.pg_inherits h ON h.inhparent = kin.oid), t AS (\
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class, c.oid, coalesce(a.attnum, 0)::int AS sub FROM pg_catalog.pg_class c \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped \
        WHERE $4 IN ('relation', 'sequence') AND n.nspname = $1 AND c.relname = $2 AND ($3 = '' OR a.attnum IS NOT NULL) AND (c.relkind = 'S') = ($4 = 'sequence') \
    UNION SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, kin.oid, a.attnum::int FROM kin JOIN pg_catalog.pg_attribute a ON a.attrelid = kin.oid AND a.attname = $3 AND NOT a.attisdropped \
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, y.typrelid, 0 FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace \
        WHERE $4 = 'type' AND y.typrelid <> 0 AND n.nspname = $1 AND y.typname = $2 \
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
        WHERE $4 = 'function' AND n.nspname = $1 AND p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' = $2 \
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace \
        CROSS JOIN LATERAL (VALUES (y.oid), (y.typarray)) AS x (oid) \
        WHERE x.oid <> 0 AND n.nspname = $1 AND y.typname = $2 AND ($4 = 'type' OR $4 = 'relation' AND $3 = '' AND y.typrelid <> 0)), \
    d AS (SELECT DISTINCT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d JOIN t ON d.refclassid = t.class AND d.refobjid = t.oid \
        WHERE d.deptype IN ('n', 'a') AND (t.sub = 0 OR d.refobjsubid = t.sub))";

/// Kind, schema, kind of the relation that it hangs on, that relation, name, detail.
const USERS: &str = "SELECT DISTINCT * FROM (\
    SELECT CASE WHEN r.rulename = '_RETURN' THEN 'relation' ELSE 'rule' END AS what, n.nspname::text AS schema, c.relkind::text AS relkind, c.relname::text AS relation, \
        CASE WHEN r.rulename = '_RETURN' THEN c.relname ELSE r.rulename END::text AS name, CASE WHEN r.rulename = '_RETURN' THEN '' ELSE 'rule' END AS detail \
        FROM d JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid JOIN pg_catalog.pg_class c ON c.oid = r.ev_class \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' OR NOT EXISTS (SELECT FROM t WHERE t.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.oid = c.oid) \
    UNION ALL SELECT 'constraint', n.nspname, c.relkind::text, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid, true) \
        FROM d JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE k.contype <> 't' \
        AND (k.contype = 'f' AND k.confrelid IN (SELECT oid FROM t) OR NOT EXISTS (SELECT FROM t WHERE t.oid = k.conrelid AND t.sub = 0)) \
    UNION ALL SELECT 'type', n.nspname, NULL, NULL, y.typname, k.conname || ' ' || pg_catalog.pg_get_constraintdef(k.oid, true) \
        FROM d JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid \
        JOIN pg_catalog.pg_type y ON y.oid = k.contypid JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace \
    UNION ALL SELECT 'relation', n.nspname, c.relkind::text, c.relname, c.relname, 'partitioned by ' || pg_catalog.pg_get_partkeydef(c.oid) \
        FROM pg_catalog.pg_partitioned_table p JOIN pg_catalog.pg_class c ON c.oid = p.partrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE EXISTS (SELECT FROM d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.objsubid = 0 AND $4 = 'function') \
            OR EXISTS (SELECT FROM t WHERE t.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.oid = c.oid AND t.sub <> 0 AND (t.sub = ANY (p.partattrs::int2[]) \
                OR 0 = ANY (p.partattrs::int2[]) AND position(quote_ident($3) IN pg_catalog.pg_get_partkeydef(c.oid)) > 0)) \
    UNION ALL SELECT 'index', n.nspname, c.relkind::text, c.relname, ic.relname, regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.*? USING ', '') \
        FROM d JOIN pg_catalog.pg_index i ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indexrelid = d.objid JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
        JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'index', n.nspname, c.relkind::text, c.relname, ic.relname, regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.*? USING ', '') \
        FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND (t.sub = 0 OR t.sub = ANY (i.indkey::int2[])) JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
        JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE t.class = 'pg_catalog.pg_class'::pg_catalog.regclass \
    UNION ALL SELECT 'trigger', n.nspname, c.relkind::text, c.relname, g.tgname, regexp_replace(pg_catalog.pg_get_triggerdef(g.oid, true), '^CREATE (CONSTRAINT )?TRIGGER \\S+ ', '') \
        FROM d JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND g.oid = d.objid AND NOT g.tgisinternal \
        JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'column', n.nspname, c.relkind::text, c.relname, a.attname, CASE WHEN a.attgenerated <> '' THEN 'generated' ELSE 'default ' || pg_catalog.pg_get_expr(f.adbin, f.adrelid) END \
        FROM d JOIN pg_catalog.pg_attrdef f ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = d.objid \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum JOIN pg_catalog.pg_class c ON c.oid = f.adrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE NOT EXISTS (SELECT FROM t WHERE t.oid = f.adrelid AND t.sub IN (0, f.adnum)) \
    UNION ALL SELECT 'column', n.nspname, c.relkind::text, c.relname, a.attname, 'generated' FROM d JOIN pg_catalog.pg_attribute a ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
        AND a.attrelid = d.objid AND a.attnum = d.objsubid AND a.attgenerated <> '' JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE NOT EXISTS (SELECT FROM t WHERE t.oid = a.attrelid AND t.sub = 0) \
    UNION ALL SELECT 'column', n.nspname, c.relkind::text, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM d JOIN pg_catalog.pg_attribute a \
        ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.attrelid = d.objid AND a.attnum = d.objsubid AND a.attgenerated = '' \
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f', 'c') JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'policy', n.nspname, c.relkind::text, c.relname, p.polname, 'policy' FROM d JOIN pg_catalog.pg_policy p ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND p.oid = d.objid \
        JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'publication', n.nspname, c.relkind::text, c.relname, p.pubname, 'publication' FROM d JOIN pg_catalog.pg_publication_rel r \
        ON d.classid = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass AND r.oid = d.objid JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid \
        JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'statistics', n.nspname, c.relkind::text, c.relname, x.stxname, 'statistics' FROM d JOIN pg_catalog.pg_statistic_ext x \
        ON d.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND x.oid = d.objid JOIN pg_catalog.pg_class c ON c.oid = x.stxrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'cast', $1, NULL, NULL, pg_catalog.format_type(k.castsource, NULL) || ' AS ' || pg_catalog.format_type(k.casttarget, NULL), 'cast' FROM d \
        JOIN pg_catalog.pg_cast k ON d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND k.oid = d.objid \
    UNION ALL SELECT 'relation', n.nspname, c.relkind::text, c.relname, c.relname, 'inherits' FROM t JOIN pg_catalog.pg_inherits h ON h.inhparent = t.oid AND t.sub = 0 \
        JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid AND c.relkind IN ('r', 'p', 'f') JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'column', n.nspname, c.relkind::text, c.relname, $3, 'inherits' FROM t JOIN pg_catalog.pg_class c ON $4 = 'relation' AND t.sub <> 0 AND c.oid = t.oid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE EXISTS (SELECT FROM pg_catalog.pg_inherits h JOIN kin ON kin.oid = h.inhparent WHERE h.inhrelid = t.oid) \
    UNION ALL SELECT 'column', n.nspname, c.relkind::text, c.relname, a.attname, 'of its row type' FROM t JOIN pg_catalog.pg_class k ON $4 = 'relation' AND t.sub <> 0 AND k.oid = t.oid \
        JOIN pg_catalog.pg_type y ON y.oid = k.reltype JOIN pg_catalog.pg_depend r ON r.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND r.refobjid IN (y.oid, y.typarray) \
        AND r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.objsubid > 0 JOIN pg_catalog.pg_attribute a ON a.attrelid = r.objid AND a.attnum = r.objsubid \
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f', 'm', 'c') JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'relation', n.nspname, c.relkind::text, c.relname, c.relname, 'of the type' FROM d JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
        AND c.oid = d.objid AND d.objsubid = 0 AND c.reloftype <> 0 AND $4 = 'type' JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'sequence', n.nspname, NULL, NULL, c.relname, 'owned' FROM d JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid AND c.relkind = 'S' \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT 'function', n.nspname, NULL, NULL, p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', '' \
        FROM d JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    UNION ALL SELECT 'type', n.nspname, NULL, NULL, y.typname, '' FROM d JOIN pg_catalog.pg_type y ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND y.oid = d.objid AND y.typtype <> 'c' \
        JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace \
    UNION ALL SELECT 'other', $1, NULL, NULL, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), 'by the server''s list' FROM d \
        WHERE d.classid::pg_catalog.regclass::text NOT IN ('pg_rewrite', 'pg_constraint', 'pg_class', 'pg_trigger', 'pg_attrdef', 'pg_policy', \
            'pg_publication_rel', 'pg_statistic_ext', 'pg_cast', 'pg_proc', 'pg_type')) AS x WHERE schema !~ '^pg_' ORDER BY 1, 2, 4, 5";

/// Bodies that hold the letters; the words are looked for here.
const BODIES: &str = "SELECT n.nspname, p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', p.prosrc, l.lanname \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
    WHERE l.lanname NOT IN ('internal', 'c') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND position(lower($1) IN lower(p.prosrc)) > 0 ORDER BY 1, 2";

pub(super) async fn of(s: &Session, at: &NodePath) -> Result<Vec<Dependent>> {
    let schema = at.name_of(NodeKind::Schema).unwrap_or_default();
    let column = at.name_of(NodeKind::Column).unwrap_or_default();
    let named = [NodeKind::Function, NodeKind::Sequence, NodeKind::Type].into_iter().find_map(|k| Some((k, at.name_of(k)?)));
    let (name, what) = match (relation_of(at), named) {
        (Some((_, relation)), _) => (relation, "relation"),
        (None, Some((NodeKind::Function, name))) => (name, "function"),
        (None, Some((NodeKind::Sequence, name))) => (name, "sequence"),
        (None, Some((_, name))) => (name, "type"),
        (None, None) => return Err(Error::failed("what uses it is told of tables, views, columns, functions, sequences and types")),
    };
    let users = pinned(s, &format!("{TARGET} {USERS}"), &[schema, name, column, what]).await?;
    let mut out: Vec<Dependent> = users.rows.iter().filter_map(dependent).collect();
    // A function's name without its arguments.
    let word = if what == "function" { name.split('(').next().unwrap_or(name) } else { name };
    let words: Vec<&str> = std::iter::once(word).chain(Some(column).filter(|c| !c.is_empty())).collect();
    for r in &pinned(s, BODIES, &[word]).await?.rows {
        let path =
            NodePath::root().child(NodeKind::Schema, cell(r, 0)).child(NodeKind::Group, FUNCTIONS).child(NodeKind::Function, cell(r, 1));
        let itself = what == "function" && cell(r, 0) == schema && cell(r, 1) == name;
        if itself || out.iter().any(|d| d.path == path) || !names_them(cell(r, 3), cell(r, 2), &words) {
            continue;
        }
        let name = format!("{}.{}", cell(r, 0), cell(r, 1));
        out.push(Dependent { kind: NodeKind::Function, name, detail: String::new(), path, by_text: true });
    }
    Ok(out)
}

/// A function's body names all of them: in a language that is not SQL's anywhere.
fn names_them(language: &str, body: &str, words: &[&str]) -> bool {
    match language {
        "sql" | "plpgsql" => mentions_or_executes(Dialect::Postgres, body, words).is_some(),
        _ => {
            let part = |c: char| c.is_alphanumeric() || c == '_';
            words.iter().all(|w| body.split(|c| !part(c)).any(|b| b.eq_ignore_ascii_case(w)) || !w.chars().all(part) && body.contains(w))
        }
    }
}

fn dependent(r: &Row) -> Option<Dependent> {
    let (schema, relation, name) = (cell(r, 1), cell(r, 3), cell(r, 4));
    let root = NodePath::root().child(NodeKind::Schema, schema);
    let relation_kind = match cell(r, 2) {
        "v" => NodeKind::View,
        "m" => NodeKind::MaterializedView,
        _ => NodeKind::Table,
    };
    let on = root.child(relation_kind, relation);
    let below = |group: &str, kind: NodeKind| (kind, on.child(NodeKind::Group, group).child(kind, name));
    let (kind, path) = match cell(r, 0) {
        "relation" => (relation_kind, on.clone()),
        "constraint" => below(CONSTRAINTS, NodeKind::Constraint),
        "index" => below(INDEXES, NodeKind::Index),
        "trigger" => below(TRIGGERS, NodeKind::Trigger),
        // An attribute of a composite type.
        "column" if cell(r, 2) == "c" => (NodeKind::Type, root.child(NodeKind::Group, TYPES).child(NodeKind::Type, relation)),
        "column" => (NodeKind::Column, on.child(NodeKind::Column, name)),
        // They have no node of their own.
        "rule" | "policy" | "publication" | "statistics" => (NodeKind::Constraint, on.clone()),
        "cast" | "other" => (NodeKind::Type, root.clone()),
        "sequence" => (NodeKind::Sequence, root.child(NodeKind::Group, SEQUENCES).child(NodeKind::Sequence, name)),
        "function" => (NodeKind::Function, root.child(NodeKind::Group, FUNCTIONS).child(NodeKind::Function, name)),
        "type" => (NodeKind::Type, root.child(NodeKind::Group, TYPES).child(NodeKind::Type, name)),
        _ => return None,
    };
    let shown = if matches!(cell(r, 0), "cast" | "other") {
        name.to_string()
    } else if relation.is_empty() || relation == name {
        format!("{schema}.{name}")
    } else {
        format!("{schema}.{relation}.{name}")
    };
    Some(Dependent { kind, name: shown, detail: cell(r, 5).into(), path, by_text: false })
}
