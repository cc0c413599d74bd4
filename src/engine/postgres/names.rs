//! Names for completion.

use super::catalog::{array, cell, group_kind, pinned, pinned_rows};
use crate::engine::Session;
use crate::model::names::{Collector, Names};
use crate::model::{Error, NodeKind, Result};

/// Relations with their columns' names and types as two JSON lists: a row for each column would take several times the memory.
/// The temporary ones of other sessions cannot be named, and TOAST is nobody's business.
const COLUMNS: &str = "SELECT n.nspname::text, c.relname::text, c.relkind::text, \
        (json_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL))::text, \
        (json_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL))::text, \
        string_agg(CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN 'g' ELSE '-' END, '' ORDER BY a.attnum), \
        string_agg(CASE WHEN u.indrelid IS NULL THEN '-' ELSE 'k' END, '' ORDER BY a.attnum) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    LEFT JOIN (SELECT DISTINCT i.indrelid, k.attnum FROM pg_catalog.pg_index i, unnest(i.indkey) k (attnum) WHERE i.indisunique) u \
        ON u.indrelid = a.attrelid AND u.attnum = a.attnum \
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname !~ '^pg_toast' AND n.nspname !~ '^pg_temp' \
    GROUP BY n.oid, n.nspname, c.oid, c.relname, c.relkind \
    ORDER BY n.nspname IN ('pg_catalog', 'information_schema'), n.oid, c.relname, c.oid";

const KEYS: &str = "SELECT k.oid::text, n.nspname::text, c.relname::text, a.attname::text, fn.nspname::text, f.relname::text, fa.attname::text \
    FROM pg_catalog.pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u(own, other, i) \
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class f ON f.oid = k.confrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own \
    JOIN pg_catalog.pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = u.other \
    WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY k.oid, u.i";

/// Functions that people call: of the path's schemas, without those that only types, operators and indexes need.
const FUNCTIONS: &str = "SELECT DISTINCT CASE WHEN n.nspname = ANY ($1::text[]) THEN p.proname::text \
    ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) END FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    WHERE p.prokind IN ('f', 'a', 'w') AND p.proname !~ '^_' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema' \
    AND p.prorettype NOT IN ('pg_catalog.trigger'::regtype, 'pg_catalog.internal'::regtype, 'pg_catalog.event_trigger'::regtype) \
    AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) t WHERE t = 'pg_catalog.internal'::regtype) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprcode = p.oid) ORDER BY 1";

/// What only CALL takes.
const PROCEDURES: &str = "SELECT DISTINCT CASE WHEN n.nspname = ANY ($1::text[]) THEN p.proname::text \
    ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) END \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind = 'p' ORDER BY 1";

/// Those of the functions that give rows.
const ROWS: &str = " AND p.proretset ORDER BY 1";

/// Types that people name: the catalogue's own as the standard spells them, without arrays, rows of tables, and what only the
/// inside of the server has.
const TYPES: &str = "SELECT DISTINCT CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.format_type(t.oid, NULL) \
    WHEN n.nspname = ANY ($1::text[]) THEN t.typname::text \
    ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) END \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    WHERE t.typtype IN ('b', 'd', 'e', 'r', 'm', 'c') AND t.typname !~ '^_' AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname <> 'information_schema' \
    AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) \
    AND (n.nspname <> 'pg_catalog' OR t.typname !~ '^(pg_|gtsvector$|aclitem$|refcursor$|int2vector$|oidvector$|cid$|xid|tid$|char$)') ORDER BY 1";

const SETTINGS: &str = "SELECT name FROM pg_catalog.pg_settings WHERE context <> 'internal' ORDER BY 1";

const ROLES: &str = "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY 1";

/// What else the tree has: schema, kind of the relation that it hangs on, its name, heading, name as in the tree.
const PLACES: &str = "SELECT n.nspname::text, NULL, NULL, 'Functions', p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' \
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend dp WHERE dp.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND dp.objid = p.oid AND dp.deptype = 'i') \
    UNION ALL SELECT n.nspname, NULL, NULL, 'Sequences', c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    UNION ALL SELECT n.nspname, NULL, NULL, 'Types', t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND t.typtype IN ('e', 'd', 'r', 'c') \
        AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) \
    UNION ALL SELECT n.nspname, c.relkind::text, c.relname, 'Indexes', ic.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid \
        JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    UNION ALL SELECT n.nspname, c.relkind::text, c.relname, 'Constraints', k.conname FROM pg_catalog.pg_constraint k \
        JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    UNION ALL SELECT n.nspname, c.relkind::text, c.relname, 'Triggers', t.tgname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

fn relation_kind(relkind: &str) -> NodeKind {
    match relkind {
        "v" => NodeKind::View,
        "m" => NodeKind::MaterializedView,
        _ => NodeKind::Table,
    }
}

pub(super) async fn read(s: &Session) -> Result<Names> {
    // The path is the session's own; all else is read with names pinned to pg_catalog.
    let path = s.fetch("SELECT pg_catalog.unnest(pg_catalog.current_schemas(true))").await?;
    let path: Vec<String> = path.rows.iter().map(|r| cell(r, 0).to_string()).filter(|p| !p.starts_with("pg_temp")).collect();
    let schemas =
        pinned(s, "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY 1", &[]).await?;
    let mut out = Collector::default();
    // Row by row: of thousands of tables, what is sent weighs as much as what is kept of it.
    pinned_rows(s, COLUMNS, &[])
        .await?
        .each(|r| {
            let r = &r;
            let (schema, name) = (cell(r, 0), cell(r, 1));
            out.relation(schema, name, relation_kind(cell(r, 2)), matches!(schema, "pg_catalog" | "information_schema"));
            for (column, type_name) in list(cell(r, 3))?.iter().zip(&list(cell(r, 4))?) {
                out.column(column, type_name);
            }
            out.unwritable(&cell(r, 5).bytes().map(|b| b == b'g').collect::<Vec<_>>());
            out.keyed(&cell(r, 6).bytes().map(|b| b == b'k').collect::<Vec<_>>());
            Ok(())
        })
        .await?;
    let mut last = String::new();
    for r in &pinned(s, KEYS, &[]).await?.rows {
        out.key_pair(last != cell(r, 0), (cell(r, 1), cell(r, 2), cell(r, 3)), (cell(r, 4), cell(r, 5), cell(r, 6)));
        last = cell(r, 0).to_string();
    }
    pinned_rows(s, PLACES, &[])
        .await?
        .each(|r| {
            let r = &r;
            let relation = Some((relation_kind(cell(r, 1)), cell(r, 2))).filter(|(_, name)| !name.is_empty());
            out.place(cell(r, 0), relation, cell(r, 3), group_kind(cell(r, 3)), cell(r, 4));
            Ok(())
        })
        .await?;
    let on_path = array(&path);
    let one_column = async |text: &str, params: &[&str]| -> Result<Vec<Box<str>>> {
        Ok(pinned(s, text, params).await?.rows.iter().map(|r| cell(r, 0).into()).collect())
    };
    let functions = one_column(FUNCTIONS, &[&on_path]).await?;
    let row_functions = one_column(&FUNCTIONS.replace(" ORDER BY 1", ROWS), &[&on_path]).await?;
    let procedures = one_column(PROCEDURES, &[&on_path]).await?;
    let types = one_column(TYPES, &[&on_path]).await?;
    let settings = one_column(SETTINGS, &[]).await?;
    let roles = one_column(ROLES, &[]).await?;
    let names = out.finish(path, schemas.rows.iter().map(|r| cell(r, 0).to_string()).collect(), functions);
    Ok(Names { row_functions, procedures, types, settings, roles, ..names })
}

/// A JSON list of strings; empty for a relation without columns.
fn list(json: &str) -> Result<Vec<String>> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(json).map_err(|e| Error::failed(format!("the server's list of columns cannot be read: {e}")))
}
