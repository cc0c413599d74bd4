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
            one("SELECT 'CREATE SCHEMA ' || quote_ident(nspname) || ' AUTHORIZATION ' || quote_ident(pg_catalog.pg_get_userbyid(nspowner)) || ';' || coalesce(E'\\nCOMMENT ON SCHEMA ' || quote_ident(nspname) || ' IS ' || quote_literal(pg_catalog.obj_description(oid, 'pg_namespace')) || ';', '') FROM pg_catalog.pg_namespace WHERE nspname = $1".into(), vec![name.clone()]).await
        }
        NodeKind::Table => table(s, schema, name).await,
        NodeKind::View | NodeKind::MaterializedView => {
            let sql = format!(
                "SELECT 'CREATE ' || CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'VIEW ' END || c.oid::pg_catalog.regclass \
                || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || E' AS\\n' || rtrim(pg_catalog.pg_get_viewdef(c.oid, true), ';') \
                || CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN E'\\n WITH NO DATA;' ELSE ';' END \
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
                "SELECT {SEQUENCE} || coalesce(E'\\nALTER SEQUENCE ' || q.seqrelid::pg_catalog.regclass || ' OWNED BY ' || o.owner || ';', '') \
                || coalesce(E'\\nCOMMENT ON SEQUENCE ' || q.seqrelid::pg_catalog.regclass || ' IS ' || quote_literal(pg_catalog.obj_description(q.seqrelid, 'pg_class')) || ';', '') \
                FROM pg_catalog.pg_sequence q LEFT JOIN LATERAL (SELECT d.refobjid::pg_catalog.regclass || '.' || quote_ident(a.attname) AS owner FROM pg_catalog.pg_depend d \
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
                    AND d.objid = q.seqrelid AND d.deptype = 'a' LIMIT 1) o ON true WHERE q.seqrelid = {REL}"
            );
            one(sql, named).await
        }
        NodeKind::Function => {
            let sql = "SELECT CASE p.prokind WHEN 'a' THEN (SELECT 'CREATE AGGREGATE ' || x.name || '(' || x.args || E') (\\n    ' || concat_ws(E',\\n    ', \
                    'SFUNC = ' || g.aggtransfn::pg_catalog.regproc, 'STYPE = ' || pg_catalog.format_type(g.aggtranstype, NULL), 'SSPACE = ' || nullif(g.aggtransspace, 0), \
                    'FINALFUNC = ' || nullif(g.aggfinalfn::text, '-'), CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END, 'COMBINEFUNC = ' || nullif(g.aggcombinefn::text, '-'), \
                    'SERIALFUNC = ' || nullif(g.aggserialfn::text, '-'), 'DESERIALFUNC = ' || nullif(g.aggdeserialfn::text, '-'), \
                    'INITCOND = ' || quote_literal(g.agginitval), 'MSFUNC = ' || nullif(g.aggmtransfn::text, '-'), 'MINVFUNC = ' || nullif(g.aggminvtransfn::text, '-'), \
                    CASE WHEN g.aggmtranstype <> 0 THEN 'MSTYPE = ' || pg_catalog.format_type(g.aggmtranstype, NULL) END, 'MFINALFUNC = ' || nullif(g.aggmfinalfn::text, '-'), \
                    'MINITCOND = ' || quote_literal(g.aggminitval), 'SORTOP = OPERATOR(' || (SELECT quote_ident(on_.nspname) || '.' || o.oprname FROM pg_catalog.pg_operator o \
                        JOIN pg_catalog.pg_namespace on_ ON on_.oid = o.oprnamespace WHERE o.oid = g.aggsortop) || ')', \
                    CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END, CASE WHEN g.aggkind = 'h' THEN 'HYPOTHETICAL' END) || E'\\n);' \
                    FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid = p.oid) \
                ELSE pg_catalog.pg_get_functiondef(p.oid) || ';' END || coalesce(E'\\nCOMMENT ON ' || CASE p.prokind WHEN 'a' THEN 'AGGREGATE ' WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END \
                    || x.name || '(' || x.args || ') IS ' || quote_literal(pg_catalog.obj_description(p.oid, 'pg_proc')) || ';', '') \
                FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
                CROSS JOIN LATERAL (SELECT quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS name, \
                    CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*' ELSE pg_catalog.pg_get_function_identity_arguments(p.oid) END AS args) x \
                WHERE n.nspname = $1 AND p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' = $2";
            one(sql.into(), named).await
        }
        NodeKind::Type => {
            let sql = "SELECT CASE t.typtype \
                WHEN 'e' THEN 'CREATE TYPE ' || x.name || ' AS ENUM (' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) || ');' \
                WHEN 'd' THEN 'CREATE DOMAIN ' || x.name || ' AS ' || pg_catalog.format_type(t.typbasetype, t.typtypmod) \
                    || CASE WHEN t.typcollation <> (SELECT b.typcollation FROM pg_catalog.pg_type b WHERE b.oid = t.typbasetype) THEN ' COLLATE ' || t.typcollation::pg_catalog.regcollation ELSE '' END \
                    || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END \
                    || coalesce((SELECT string_agg(' CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid), '' ORDER BY k.conname) FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated), '') || ';' \
                    || coalesce((SELECT string_agg(E'\\nALTER DOMAIN ' || x.name || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid) || ';', '' ORDER BY k.conname) \
                        FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' AND NOT k.convalidated), '') \
                WHEN 'r' THEN 'CREATE TYPE ' || x.name || ' AS RANGE (' || (SELECT concat_ws(', ', 'subtype = ' || pg_catalog.format_type(r.rngsubtype, NULL), \
                    'subtype_opclass = ' || (SELECT quote_ident(cn.nspname) || '.' || quote_ident(oc.opcname) FROM pg_catalog.pg_opclass oc JOIN pg_catalog.pg_namespace cn ON cn.oid = oc.opcnamespace \
                        WHERE oc.oid = r.rngsubopc AND NOT oc.opcdefault), \
                    CASE WHEN r.rngcollation <> 0 AND r.rngcollation <> st.typcollation THEN 'collation = ' || r.rngcollation::pg_catalog.regcollation END, \
                    'canonical = ' || nullif(r.rngcanonical::text, '-'), 'multirange_type_name = ' || (SELECT quote_ident(mn.nspname) || '.' || quote_ident(m.typname) \
                        FROM pg_catalog.pg_type m JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace WHERE m.oid = (to_jsonb(r) ->> 'rngmultitypid')::oid), 'subtype_diff = ' || nullif(r.rngsubdiff::text, '-')) \
                    FROM pg_catalog.pg_range r JOIN pg_catalog.pg_type st ON st.oid = r.rngsubtype WHERE r.rngtypid = t.oid) || ');' \
                ELSE 'CREATE TYPE ' || x.name || ' AS (' || coalesce((SELECT string_agg(quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) \
                    || CASE WHEN a.attcollation <> 0 AND a.attcollation <> at.typcollation THEN ' COLLATE ' || a.attcollation::pg_catalog.regcollation ELSE '' END, ', ' ORDER BY a.attnum) \
                    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type at ON at.oid = a.atttypid WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ');' END \
                || coalesce(E'\\nCOMMENT ON ' || CASE t.typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END || x.name || ' IS ' || quote_literal(pg_catalog.obj_description(t.oid, 'pg_type')) || ';', '') \
                FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace CROSS JOIN LATERAL (SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS name) x \
                WHERE n.nspname = $1 AND t.typname = $2";
            one(sql.into(), named).await
        }
        NodeKind::Group => Err(Error::failed(format!("{name} is a heading, not an object"))),
    }
}

/// CREATE SEQUENCE of `q`, a row of `pg_sequence`.
const SEQUENCE: &str = "'CREATE ' || CASE (SELECT relpersistence FROM pg_catalog.pg_class WHERE oid = q.seqrelid) WHEN 'u' THEN 'UNLOGGED ' ELSE '' END \
    || 'SEQUENCE ' || q.seqrelid::pg_catalog.regclass || ' AS ' || pg_catalog.format_type(q.seqtypid, NULL) || ' INCREMENT BY ' || q.seqincrement || ' MINVALUE ' || q.seqmin \
    || ' MAXVALUE ' || q.seqmax || ' START WITH ' || q.seqstart || ' CACHE ' || q.seqcache || CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END || ';'";

/// A column as in CREATE TABLE; needs [`COLUMN_JOINS`]. The sequence of an identity column is told where it is not as the server
/// would make it by itself.
const COLUMN: &str = "quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) \
    || coalesce((SELECT ' OPTIONS (' || string_agg(quote_ident(split_part(o, '=', 1)) || ' ' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ') || ')' FROM unnest(a.attfdwoptions) o), '') \
    || coalesce((SELECT ' COMPRESSION ' || CASE c WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END FROM (SELECT nullif(to_jsonb(a) ->> 'attcompression', '') AS c) x WHERE c IS NOT NULL), '') \
    || CASE WHEN a.attcollation <> 0 AND a.attcollation <> ty.typcollation THEN ' COLLATE ' || a.attcollation::pg_catalog.regcollation ELSE '' END \
    || CASE WHEN a.attidentity <> '' THEN CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE ' GENERATED BY DEFAULT AS IDENTITY' END \
        || coalesce((SELECT ' (SEQUENCE NAME ' || q.seqrelid::pg_catalog.regclass || ' INCREMENT BY ' || q.seqincrement || ' MINVALUE ' || q.seqmin || ' MAXVALUE ' || q.seqmax \
            || ' START WITH ' || q.seqstart || ' CACHE ' || q.seqcache || CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END || ')' \
            FROM pg_catalog.pg_depend dp JOIN pg_catalog.pg_sequence q ON q.seqrelid = dp.objid JOIN pg_catalog.pg_class sc ON sc.oid = q.seqrelid JOIN pg_catalog.pg_class tc ON tc.oid = a.attrelid \
            WHERE dp.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND dp.refobjid = a.attrelid AND dp.refobjsubid = a.attnum AND dp.deptype = 'i' \
            AND NOT (sc.relname = tc.relname || '_' || a.attname || '_seq' AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqstart = 1 AND q.seqcache = 1 AND NOT q.seqcycle \
                AND q.seqmax = CASE q.seqtypid WHEN 'smallint'::regtype THEN 32767 WHEN 'integer'::regtype THEN 2147483647 ELSE 9223372036854775807 END)), '') \
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
        "SELECT c.relkind, c.relpersistence, pg_catalog.pg_get_partkeydef(c.oid), CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END, \
        (SELECT string_agg(h.inhparent::pg_catalog.regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid), \
        array_to_string(c.reloptions || (SELECT array_agg('toast.' || o) FROM pg_catalog.pg_class t CROSS JOIN LATERAL unnest(t.reloptions) o \
            WHERE t.oid = c.reltoastrelid), ', '), fs.srvname, \
        (SELECT string_agg(quote_ident(split_part(o, '=', 1)) || ' ' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ') FROM unnest(ft.ftoptions) o), \
        nullif(am.amname, 'heap'), sp.spcname, nullif(c.reloftype, 0)::pg_catalog.regtype \
        FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_foreign_table ft ON ft.ftrelid = c.oid \
        LEFT JOIN pg_catalog.pg_foreign_server fs ON fs.oid = ft.ftserver LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam AND c.relkind = 'r' \
        LEFT JOIN pg_catalog.pg_tablespace sp ON sp.oid = c.reltablespace WHERE c.oid = {REL}"
    );
    let t = pinned(s, &head, &[schema, name]).await?;
    let Some(h) = t.rows.first() else {
        return Err(Error::failed(format!("{schema}.{name} is no longer there")).hint("Refresh the schema tree."));
    };
    // Columns that come from a parent come with it.
    let columns = format!(
        "SELECT {COLUMN} FROM pg_catalog.pg_attribute a {COLUMN_JOINS} \
        WHERE a.attrelid = {REL} AND a.attnum > 0 AND NOT a.attisdropped AND a.attislocal ORDER BY a.attnum"
    );
    let constraints = format!(
        "SELECT 'CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid, true) FROM pg_catalog.pg_constraint k \
        WHERE k.conrelid = {REL} AND k.contype IN ('p', 'u', 'c', 'x', 'f') AND k.conislocal AND k.convalidated AND k.conparentid = 0 \
        ORDER BY position(k.contype::text IN 'pucxf'), k.conname"
    );
    let mut body = lines(s, &columns, schema, name).await?;
    let is_partition = !cell(h, 3).is_empty();
    if is_partition {
        body.clear();
    }
    // The columns of a typed table are its type's; what it adds to them is told.
    let typed = !cell(h, 10).is_empty();
    if typed {
        let of_type = format!(
            "SELECT quote_ident(a.attname) || ' WITH OPTIONS' || coalesce(' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') \
            || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END FROM pg_catalog.pg_attribute a {COLUMN_JOINS} \
            WHERE a.attrelid = {REL} AND a.attnum > 0 AND NOT a.attisdropped AND (d.adbin IS NOT NULL OR a.attnotnull) ORDER BY a.attnum"
        );
        body = lines(s, &of_type, schema, name).await?;
    }
    body.extend(lines(s, &constraints, schema, name).await?);
    let kind = match (cell(h, 0), cell(h, 1)) {
        ("f", _) => "FOREIGN TABLE",
        (_, "u") => "UNLOGGED TABLE",
        (_, "t") => "TEMPORARY TABLE",
        _ => "TABLE",
    };
    // A serial column's default needs its sequence.
    let mut out = String::new();
    for line in lines(s, &format!("SELECT {SEQUENCE} {OWNED} ORDER BY q.seqrelid"), schema, name).await? {
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(&format!("CREATE {kind} {}.{}", q(schema), q(name)));
    let inside = format!(" (\n    {}\n)", body.join(",\n    "));
    if is_partition {
        out.push_str(&format!(" PARTITION OF {}", cell(h, 4)));
        if !body.is_empty() {
            out.push_str(&inside);
        }
        out.push_str(&format!(" {}", cell(h, 3)));
    } else if typed {
        out.push_str(&format!(" OF {}", cell(h, 10)));
        if !body.is_empty() {
            out.push_str(&inside);
        }
    } else {
        out.push_str(if body.is_empty() { " ()" } else { &inside });
        if !cell(h, 4).is_empty() {
            out.push_str(&format!(" INHERITS ({})", cell(h, 4)));
        }
    }
    for (i, before, quote) in [(2, "PARTITION BY ", false), (6, "SERVER ", true), (8, "USING ", true)] {
        if !cell(h, i).is_empty() {
            out.push_str(&format!(" {before}{}", if quote { q(cell(h, i)) } else { cell(h, i).to_string() }));
        }
    }
    if !cell(h, 7).is_empty() {
        out.push_str(&format!(" OPTIONS ({})", cell(h, 7)));
    }
    if !cell(h, 5).is_empty() {
        out.push_str(&format!(" WITH ({})", cell(h, 5)));
    }
    if !cell(h, 9).is_empty() {
        out.push_str(&format!(" TABLESPACE {}", q(cell(h, 9))));
    }
    out.push(';');
    out.push_str(&extras(s, schema, name).await?);
    Ok(out)
}

/// See `Catalog::parts`.
pub(super) async fn parts(s: &Session, table: &[String]) -> Result<Vec<String>> {
    let [schema, name] = table else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT c.oid::pg_catalog.regclass::text || coalesce(' ' || pg_catalog.pg_get_expr(c.relpartbound, c.oid), ' inherits') \
            || CASE c.relkind WHEN 'p' THEN ', partitioned' WHEN 'f' THEN ', foreign' ELSE '' END \
            || CASE WHEN to_jsonb(h) ->> 'inhdetachpending' = 'true' THEN ', being detached' ELSE '' END \
        FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid WHERE h.inhparent = {REL} \
        ORDER BY pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', c.oid::pg_catalog.regclass::text"
    );
    lines(s, &sql, schema, name).await
}

/// Sequences that belong to a serial column of the table `$1.$2`.
const OWNED: &str = "FROM pg_catalog.pg_depend dp JOIN pg_catalog.pg_sequence q ON q.seqrelid = dp.objid \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = dp.refobjid AND a.attnum = dp.refobjsubid \
    WHERE dp.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND dp.deptype = 'a' AND dp.refobjid = \
    (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)";

/// All that hangs on a relation, each statement on lines of its own, in the order in which they can be run: constraints that the
/// table was not made with, indexes, settings, triggers, rules, policies, comments.
async fn extras(s: &Session, schema: &str, name: &str) -> Result<String> {
    // Indexes and triggers that a partition has from its parent come with it.
    let sql = format!(
        "WITH t AS (SELECT c.*, c.oid::pg_catalog.regclass::text AS q FROM pg_catalog.pg_class c WHERE c.oid = {REL}) SELECT line FROM (\
        SELECT 0 AS part, q.seqrelid::text AS name, 'ALTER SEQUENCE ' || q.seqrelid::pg_catalog.regclass || ' OWNED BY ' || a.attrelid::pg_catalog.regclass || '.' || quote_ident(a.attname) || ';' \
            || coalesce(E'\\nCOMMENT ON SEQUENCE ' || q.seqrelid::pg_catalog.regclass || ' IS ' || quote_literal(pg_catalog.obj_description(q.seqrelid, 'pg_class')) || ';', '') AS line {OWNED} \
        UNION ALL SELECT 1, k.conname, 'ALTER TABLE ' || t.q || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid, true) || ';' \
            FROM pg_catalog.pg_constraint k JOIN t ON t.oid = k.conrelid WHERE k.contype <> 't' AND k.conislocal AND NOT k.convalidated \
        UNION ALL SELECT 2, ic.relname::text, pg_catalog.pg_get_indexdef(i.indexrelid) || ';' || CASE WHEN i.indisvalid THEN '' ELSE ' -- INVALID' END FROM pg_catalog.pg_index i \
            JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = {REL} AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = ic.oid) \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')) \
        UNION ALL SELECT 3, lpad(a.attnum::text, 5) || w.n, 'ALTER ' || CASE t.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || t.q || ' ALTER COLUMN ' || quote_ident(a.attname) || w.does || ';' \
            FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND t.relkind <> 'v' JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid \
            CROSS JOIN LATERAL (VALUES (1, CASE WHEN a.attstorage <> ty.typstorage THEN ' SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END), \
                (2, CASE WHEN a.attstattarget >= 0 THEN ' SET STATISTICS ' || a.attstattarget END), (3, ' SET (' || array_to_string(a.attoptions, ', ') || ')')) AS w(n, does) WHERE w.does IS NOT NULL \
        UNION ALL SELECT 3, lpad(a.attnum::text, 5) || w.n, 'ALTER TABLE ONLY ' || t.q || ' ALTER COLUMN ' || quote_ident(a.attname) || w.does || ';' \
            FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = '' \
            LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
            CROSS JOIN LATERAL (SELECT min(pg_catalog.pg_get_expr(pd.adbin, pd.adrelid)) AS expr, bool_or(pa.attnotnull) AS filled FROM pg_catalog.pg_inherits h \
                JOIN pg_catalog.pg_attribute pa ON pa.attrelid = h.inhparent AND pa.attname = a.attname AND NOT pa.attisdropped \
                LEFT JOIN pg_catalog.pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum WHERE h.inhrelid = t.oid HAVING count(*) > 0) AS above \
            CROSS JOIN LATERAL (VALUES (4, CASE WHEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM above.expr \
                THEN coalesce(' SET DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), ' DROP DEFAULT') END), \
                (5, CASE WHEN a.attnotnull AND NOT above.filled THEN ' SET NOT NULL' END)) AS w(n, does) \
            WHERE w.does IS NOT NULL AND (t.relispartition OR NOT a.attislocal) \
        UNION ALL SELECT 3, lpad(a.attnum::text, 5), 'ALTER VIEW ' || t.q || ' ALTER COLUMN ' || quote_ident(a.attname) || ' SET DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ';' \
            FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND t.relkind = 'v' JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        UNION ALL SELECT 3, ic.relname::text, 'ALTER INDEX ' || ic.oid::pg_catalog.regclass || ' SET (' || array_to_string(ic.reloptions, ', ') || ');' FROM t JOIN pg_catalog.pg_constraint k \
            ON k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x') AND k.conparentid = 0 JOIN pg_catalog.pg_class ic ON ic.oid = k.conindid WHERE ic.reloptions IS NOT NULL \
        UNION ALL SELECT 3, ic.relname::text || a.attnum, 'ALTER INDEX ' || ic.oid::pg_catalog.regclass || ' ALTER COLUMN ' || a.attnum || ' SET STATISTICS ' || a.attstattarget || ';' FROM t \
            JOIN pg_catalog.pg_index i ON i.indrelid = t.oid JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid JOIN pg_catalog.pg_attribute a ON a.attrelid = ic.oid AND a.attnum > 0 AND a.attstattarget >= 0 \
        UNION ALL SELECT 4, '', 'ALTER TABLE ' || t.q || ' REPLICA IDENTITY ' || CASE t.relreplident WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL' ELSE 'USING INDEX ' || (SELECT quote_ident(ic.relname) \
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = t.oid AND i.indisreplident) END || ';' FROM t WHERE t.relkind IN ('r', 'p') AND t.relreplident <> 'd' \
        UNION ALL SELECT 5, '', 'ALTER ' || CASE t.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'TABLE ' END || t.q || ' CLUSTER ON ' || quote_ident(ic.relname) || ';' \
            FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND i.indisclustered JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
        UNION ALL SELECT 6, st.stxname::text, pg_catalog.pg_get_statisticsobjdef(st.oid) || ';' || coalesce(E'\\nALTER STATISTICS ' || st.stxnamespace::pg_catalog.regnamespace || '.' \
            || quote_ident(st.stxname) || ' SET STATISTICS ' || nullif(to_jsonb(st) ->> 'stxstattarget', '-1') || ';', '') FROM pg_catalog.pg_statistic_ext st JOIN t ON t.oid = st.stxrelid \
        UNION ALL SELECT 7, tg.tgname::text, pg_catalog.pg_get_triggerdef(tg.oid, true) || ';' || coalesce(E'\\nALTER TABLE ' || t.q || CASE tg.tgenabled WHEN 'D' THEN ' DISABLE TRIGGER ' WHEN 'R' THEN ' ENABLE REPLICA TRIGGER ' \
            WHEN 'A' THEN ' ENABLE ALWAYS TRIGGER ' END || quote_ident(tg.tgname) || ';', '') FROM pg_catalog.pg_trigger tg JOIN t ON t.oid = tg.tgrelid \
            WHERE NOT tg.tgisinternal AND coalesce(to_jsonb(tg) ->> 'tgparentid', '0') = '0' \
        UNION ALL SELECT 8, r.rulename::text, pg_catalog.pg_get_ruledef(r.oid, true) || coalesce(E'\\nALTER TABLE ' || t.q || CASE r.ev_enabled WHEN 'D' THEN ' DISABLE RULE ' WHEN 'R' THEN ' ENABLE REPLICA RULE ' \
            WHEN 'A' THEN ' ENABLE ALWAYS RULE ' END || quote_ident(r.rulename) || ';', '') FROM pg_catalog.pg_rewrite r JOIN t ON t.oid = r.ev_class WHERE r.rulename <> '_RETURN' \
        UNION ALL SELECT 9, '', 'ALTER TABLE ' || t.q || ' ENABLE ROW LEVEL SECURITY;' || CASE WHEN t.relforcerowsecurity THEN E'\\nALTER TABLE ' || t.q || ' FORCE ROW LEVEL SECURITY;' ELSE '' END FROM t WHERE t.relrowsecurity \
        UNION ALL SELECT 10, p.polname::text, 'CREATE POLICY ' || quote_ident(p.polname) || ' ON ' || t.q || CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END \
            || CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' ELSE '' END \
            || ' TO ' || (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ' ORDER BY 1) FROM unnest(p.polroles) r) \
            || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') || ';' \
            FROM pg_catalog.pg_policy p JOIN t ON t.oid = p.polrelid \
        UNION ALL SELECT 11, '', 'COMMENT ON ' || CASE t.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || t.q || ' IS ' || quote_literal(pg_catalog.obj_description(t.oid, 'pg_class')) || ';' \
            FROM t WHERE pg_catalog.obj_description(t.oid, 'pg_class') IS NOT NULL \
        UNION ALL SELECT 12, lpad(a.attnum::text, 5), 'COMMENT ON COLUMN ' || t.q || '.' || quote_ident(a.attname) || ' IS ' || quote_literal(pg_catalog.col_description(a.attrelid, a.attnum)) || ';' \
            FROM pg_catalog.pg_attribute a JOIN t ON t.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped AND pg_catalog.col_description(a.attrelid, a.attnum) IS NOT NULL \
        UNION ALL SELECT 13, ic.relname::text, 'COMMENT ON INDEX ' || ic.oid::pg_catalog.regclass || ' IS ' || quote_literal(pg_catalog.obj_description(ic.oid, 'pg_class')) || ';' \
            FROM pg_catalog.pg_index i JOIN t ON t.oid = i.indrelid JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid WHERE pg_catalog.obj_description(ic.oid, 'pg_class') IS NOT NULL \
        UNION ALL SELECT 14, k.conname::text, 'COMMENT ON CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || t.q || ' IS ' || quote_literal(pg_catalog.obj_description(k.oid, 'pg_constraint')) || ';' \
            FROM pg_catalog.pg_constraint k JOIN t ON t.oid = k.conrelid WHERE pg_catalog.obj_description(k.oid, 'pg_constraint') IS NOT NULL \
        UNION ALL SELECT 15, tg.tgname::text, 'COMMENT ON TRIGGER ' || quote_ident(tg.tgname) || ' ON ' || t.q || ' IS ' || quote_literal(pg_catalog.obj_description(tg.oid, 'pg_trigger')) || ';' \
            FROM pg_catalog.pg_trigger tg JOIN t ON t.oid = tg.tgrelid WHERE NOT tg.tgisinternal AND pg_catalog.obj_description(tg.oid, 'pg_trigger') IS NOT NULL \
        UNION ALL SELECT 16, w.kind || w.name, 'COMMENT ON ' || w.kind || ' ' || w.name || ' IS ' || quote_literal(w.words) || ';' FROM t CROSS JOIN LATERAL (\
            SELECT 'POLICY' AS kind, quote_ident(p.polname) || ' ON ' || t.q AS name, pg_catalog.obj_description(p.oid, 'pg_policy') AS words FROM pg_catalog.pg_policy p WHERE p.polrelid = t.oid \
            UNION ALL SELECT 'RULE', quote_ident(r.rulename) || ' ON ' || t.q, pg_catalog.obj_description(r.oid, 'pg_rewrite') FROM pg_catalog.pg_rewrite r WHERE r.ev_class = t.oid AND r.rulename <> '_RETURN' \
            UNION ALL SELECT 'STATISTICS', st.stxnamespace::pg_catalog.regnamespace || '.' || quote_ident(st.stxname), pg_catalog.obj_description(st.oid, 'pg_statistic_ext') \
                FROM pg_catalog.pg_statistic_ext st WHERE st.stxrelid = t.oid) AS w WHERE w.words IS NOT NULL\
        ) AS x ORDER BY part, name"
    );
    Ok(lines(s, &sql, schema, name).await?.into_iter().map(|l| format!("\n{l}")).collect())
}
