//! Definitions of objects as statements that would make them again, by the server's own deparsing.

use super::catalog::{cell, pinned, relation_of};
use crate::engine::Session;
use crate::model::{Dialect, Error, NodeKind, NodePath, Result};

fn q(name: &str) -> String {
    Dialect::Postgres.quote_ident(name)
}

/// The relation `$1.$2`.
const REL: &str = "(SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)";

/// The statement for what `at` names.
pub(super) async fn of(s: &Session, at: &NodePath) -> Result<String> {
    let Some((kind, name)) = at.last() else { return Err(Error::failed("a whole database has no definition")) };
    let schema = at.name_of(NodeKind::Schema).unwrap_or_default();
    let gone = || Error::failed(format!("{schema}.{name} is no longer there")).hint("Refresh the schema tree.");
    let relation = relation_of(at).map(|(_, r)| r).unwrap_or_default();
    let one = |sql: String, params: Vec<String>| async move {
        let params: Vec<&str> = params.iter().map(String::as_str).collect();
        let t = pinned(s, &sql, &params).await?;
        let lines: Vec<String> = t.rows.iter().map(|r| cell(r, 0).to_string()).filter(|l| !l.is_empty()).collect();
        if lines.is_empty() { Err(gone()) } else { Ok(lines.join("\n")) }
    };
    let named = vec![schema.to_string(), name.clone()];
    let of_relation = vec![schema.to_string(), relation.to_string(), name.clone()];
    match kind {
        NodeKind::Schema => {
            one("SELECT 'CREATE SCHEMA ' || quote_ident(nspname) || ' AUTHORIZATION ' || quote_ident(pg_catalog.pg_get_userbyid(nspowner)) || ';' FROM pg_catalog.pg_namespace WHERE nspname = $1".into(), vec![name.clone()]).await
        }
        NodeKind::Table => table(s, schema, name).await,
        NodeKind::View | NodeKind::MaterializedView => {
            let sql = format!(
                "SELECT 'CREATE ' || CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'VIEW ' END || c.oid::pg_catalog.regclass \
                || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || E' AS\\n' || pg_catalog.pg_get_viewdef(c.oid, true) \
                FROM pg_catalog.pg_class c WHERE c.oid = {REL} AND c.relkind IN ('v', 'm')"
            );
            Ok(format!("{}{}", one(sql, named.clone()).await?, extras(s, &named[0], &named[1]).await?))
        }
        NodeKind::Column => {
            let sql = format!(
                "SELECT 'ALTER TABLE ' || a.attrelid::pg_catalog.regclass || ' ADD COLUMN ' || {COLUMN} || ';' FROM pg_catalog.pg_attribute a {COLUMN_JOINS} \
                WHERE a.attrelid = {REL} AND a.attname = $3 AND NOT a.attisdropped"
            );
            one(sql, of_relation).await
        }
        NodeKind::Index => {
            one(format!("SELECT pg_catalog.pg_get_indexdef(i.indexrelid) || ';' || CASE WHEN i.indisvalid THEN '' ELSE E'\\n-- INVALID: its creation failed or is under way' END FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = {REL} AND ic.relname = $3"), of_relation).await
        }
        NodeKind::Constraint => {
            one(format!("SELECT 'ALTER TABLE ' || k.conrelid::pg_catalog.regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid, true) || ';' FROM pg_catalog.pg_constraint k WHERE k.conrelid = {REL} AND k.conname = $3"), of_relation).await
        }
        NodeKind::Trigger => {
            one(format!("SELECT pg_catalog.pg_get_triggerdef(t.oid, true) || ';' FROM pg_catalog.pg_trigger t WHERE t.tgrelid = {REL} AND t.tgname = $3 AND NOT t.tgisinternal"), of_relation).await
        }
        NodeKind::Sequence => {
            let sql = format!(
                "SELECT 'CREATE SEQUENCE ' || q.seqrelid::pg_catalog.regclass || ' AS ' || pg_catalog.format_type(q.seqtypid, NULL) || ' INCREMENT BY ' || q.seqincrement || ' MINVALUE ' || q.seqmin \
                || ' MAXVALUE ' || q.seqmax || ' START WITH ' || q.seqstart || ' CACHE ' || q.seqcache || CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END || ';' FROM pg_catalog.pg_sequence q WHERE q.seqrelid = {REL}"
            );
            one(sql, named).await
        }
        NodeKind::Function => {
            let sql = "SELECT CASE p.prokind WHEN 'a' THEN '-- aggregate ' || p.oid::pg_catalog.regprocedure || ': transition function ' || (SELECT aggtransfn::text FROM pg_catalog.pg_aggregate WHERE aggfnoid = p.oid) \
                ELSE pg_catalog.pg_get_functiondef(p.oid) || ';' END FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
                WHERE n.nspname = $1 AND p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' = $2";
            one(sql.into(), named).await
        }
        NodeKind::Type => {
            let sql = "SELECT CASE t.typtype \
                WHEN 'e' THEN 'CREATE TYPE ' || x.name || ' AS ENUM (' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) || ');' \
                WHEN 'd' THEN 'CREATE DOMAIN ' || x.name || ' AS ' || pg_catalog.format_type(t.typbasetype, t.typtypmod) || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END \
                    || coalesce((SELECT string_agg(' CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid), '' ORDER BY k.conname) FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '') || ';' \
                WHEN 'r' THEN 'CREATE TYPE ' || x.name || ' AS RANGE (subtype = ' || (SELECT pg_catalog.format_type(r.rngsubtype, NULL) FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) || ');' \
                ELSE 'CREATE TYPE ' || x.name || ' AS (' || coalesce((SELECT string_agg(quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) \
                    FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ');' END \
                FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace CROSS JOIN LATERAL (SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS name) x \
                WHERE n.nspname = $1 AND t.typname = $2";
            one(sql.into(), named).await
        }
        NodeKind::Group => Err(Error::failed(format!("{name} is a heading, not an object"))),
    }
}

/// A column as in CREATE TABLE; needs [`COLUMN_JOINS`].
const COLUMN: &str = "quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) \
    || CASE WHEN a.attcollation <> 0 AND a.attcollation <> ty.typcollation THEN ' COLLATE ' || a.attcollation::pg_catalog.regcollation ELSE '' END \
    || CASE WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY' WHEN a.attidentity = 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' \
       WHEN a.attgenerated = 's' THEN ' GENERATED ALWAYS AS (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ') STORED' \
       WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) ELSE '' END \
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END";
const COLUMN_JOINS: &str =
    "JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum";

async fn lines(s: &Session, sql: &str, schema: &str, name: &str) -> Result<Vec<String>> {
    Ok(pinned(s, sql, &[schema, name]).await?.rows.iter().map(|r| cell(r, 0).to_string()).filter(|l| !l.is_empty()).collect())
}

async fn table(s: &Session, schema: &str, name: &str) -> Result<String> {
    let head = format!(
        "SELECT c.relkind, c.relpersistence, pg_catalog.pg_get_partkeydef(c.oid), pg_catalog.pg_get_expr(c.relpartbound, c.oid), \
        (SELECT string_agg(h.inhparent::pg_catalog.regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid), \
        array_to_string(c.reloptions, ', '), fs.srvname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_foreign_table ft ON ft.ftrelid = c.oid \
        LEFT JOIN pg_catalog.pg_foreign_server fs ON fs.oid = ft.ftserver WHERE c.oid = {REL}"
    );
    let t = pinned(s, &head, &[schema, name]).await?;
    let Some(h) = t.rows.first() else {
        return Err(Error::failed(format!("{schema}.{name} is no longer there")).hint("Refresh the schema tree."));
    };
    let columns = format!(
        "SELECT {COLUMN} FROM pg_catalog.pg_attribute a {COLUMN_JOINS} WHERE a.attrelid = {REL} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    let constraints = format!(
        "SELECT 'CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid, true) FROM pg_catalog.pg_constraint k \
        WHERE k.conrelid = {REL} AND k.contype IN ('p', 'u', 'c', 'x', 'f') AND k.conislocal ORDER BY position(k.contype::text IN 'pucxf'), k.conname"
    );
    let mut body = lines(s, &columns, schema, name).await?;
    body.extend(lines(s, &constraints, schema, name).await?);
    let kind = match (cell(h, 0), cell(h, 1)) {
        ("f", _) => "FOREIGN TABLE",
        (_, "u") => "UNLOGGED TABLE",
        (_, "t") => "TEMPORARY TABLE",
        _ => "TABLE",
    };
    let mut out = format!("CREATE {kind} {}.{}", q(schema), q(name));
    if cell(h, 3).is_empty() {
        out.push_str(&format!(" (\n    {}\n)", body.join(",\n    ")));
        if !cell(h, 4).is_empty() {
            out.push_str(&format!(" INHERITS ({})", cell(h, 4)));
        }
    } else {
        // A partition takes its columns from its parent; its own constraints stand with its indexes below.
        out.push_str(&format!(" PARTITION OF {} {}", cell(h, 4), cell(h, 3)));
    }
    if !cell(h, 2).is_empty() {
        out.push_str(&format!(" PARTITION BY {}", cell(h, 2)));
    }
    if !cell(h, 6).is_empty() {
        out.push_str(&format!(" SERVER {}", q(cell(h, 6))));
    }
    if !cell(h, 5).is_empty() {
        out.push_str(&format!(" WITH ({})", cell(h, 5)));
    }
    out.push(';');
    out.push_str(&extras(s, schema, name).await?);
    Ok(out)
}

/// Indexes, triggers, rules and comments of a relation, each on a line of its own.
async fn extras(s: &Session, schema: &str, name: &str) -> Result<String> {
    let sql = format!(
        "SELECT line FROM (\
        SELECT 1 AS part, ic.relname::text AS name, pg_catalog.pg_get_indexdef(i.indexrelid) || ';' || CASE WHEN i.indisvalid THEN '' ELSE ' -- INVALID' END AS line FROM pg_catalog.pg_index i \
            JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = {REL} AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')) \
        UNION ALL SELECT 2, t.tgname::text, pg_catalog.pg_get_triggerdef(t.oid, true) || ';' FROM pg_catalog.pg_trigger t WHERE t.tgrelid = {REL} AND NOT t.tgisinternal \
        UNION ALL SELECT 3, r.rulename::text, pg_catalog.pg_get_ruledef(r.oid, true) FROM pg_catalog.pg_rewrite r WHERE r.ev_class = {REL} AND r.rulename <> '_RETURN' \
        UNION ALL SELECT 4, '', 'COMMENT ON ' || CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || c.oid::pg_catalog.regclass || ' IS ' || quote_literal(pg_catalog.obj_description(c.oid, 'pg_class')) || ';' \
            FROM pg_catalog.pg_class c WHERE c.oid = {REL} AND pg_catalog.obj_description(c.oid, 'pg_class') IS NOT NULL \
        UNION ALL SELECT 5, lpad(a.attnum::text, 5), 'COMMENT ON COLUMN ' || a.attrelid::pg_catalog.regclass || '.' || quote_ident(a.attname) || ' IS ' || quote_literal(pg_catalog.col_description(a.attrelid, a.attnum)) || ';' \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = {REL} AND a.attnum > 0 AND NOT a.attisdropped AND pg_catalog.col_description(a.attrelid, a.attnum) IS NOT NULL\
        ) AS x ORDER BY part, name"
    );
    Ok(lines(s, &sql, schema, name).await?.into_iter().map(|l| format!("\n{l}")).collect())
}
