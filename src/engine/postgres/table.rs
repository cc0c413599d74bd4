//! A table's columns and key.

use super::catalog::{Row, cell, number_of, pinned};
use crate::engine::Session;
use crate::model::{ColumnInfo, Dialect, Result, TableInfo};

/// `attgenerated`, `attidentity` and `indnkeyatts` came with versions 10 to 12: older servers answer NULL.
const TABLE: &str = "WITH t AS (SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.oid = $1::oid AND c.relkind IN ('r', 'p')), \
    k AS (SELECT (i.indkey::int2[])[0:coalesce((to_jsonb(i) ->> 'indnkeyatts')::int, i.indnatts) - 1] AS columns \
        FROM pg_catalog.pg_index i JOIN t ON t.oid = i.indrelid \
        WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]) AND NOT a.attnotnull) \
        ORDER BY i.indisprimary DESC, i.indnatts, i.indexrelid LIMIT 1) \
    SELECT t.nspname, t.relname, a.attname, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, \
        coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '' OR coalesce(to_jsonb(a) ->> 'attidentity', '') = 'a', \
        a.atthasdef OR coalesce(to_jsonb(a) ->> 'attidentity', '') <> '', \
        (SELECT n FROM k, unnest(k.columns) WITH ORDINALITY u(c, n) WHERE u.c = a.attnum), \
        coalesce(to_jsonb(a) ->> 'attidentity', '') <> '' OR EXISTS (SELECT 1 FROM pg_catalog.pg_attrdef f \
            WHERE f.adrelid = t.oid AND f.adnum = a.attnum AND pg_catalog.pg_get_expr(f.adbin, f.adrelid) LIKE '%nextval(%') \
    FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// What keeps the first unique index from naming one row.
const AMISS: &str = "SELECT 'its unique index ' || c.relname || CASE WHEN NOT i.indisvalid THEN ' is not valid' \
    WHEN i.indpred IS NOT NULL THEN ' holds for some rows only' WHEN i.indexprs IS NOT NULL THEN ' is over an expression' \
    ELSE ' may hold NULL in ' || (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a \
        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]) AND NOT a.attnotnull) END \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    WHERE i.indisunique AND i.indrelid = to_regclass($1) ORDER BY i.indexrelid LIMIT 1";

/// See `Catalog::table`. A bare name is looked for along the role's own search path.
pub(super) async fn of(s: &Session, name: &[String]) -> Result<Option<TableInfo>> {
    let number = match name {
        [oid] if oid.strip_prefix('#').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())) => oid[1..].to_string(),
        parts => {
            let wanted = parts.iter().map(|p| Dialect::Postgres.quote_ident(p)).collect::<Vec<_>>().join(".");
            let Some(number) = number_of(s, wanted).await? else { return Ok(None) };
            number
        }
    };
    let rows = pinned(s, TABLE, &[&number]).await?.rows;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut key: Vec<(usize, String)> = rows.iter().filter_map(|r| Some((cell(r, 8).parse().ok()?, cell(r, 2).to_string()))).collect();
    key.sort_unstable();
    let no_key = match key.is_empty() {
        true => {
            let name: Vec<String> = [cell(first, 0), cell(first, 1)].iter().map(|p| Dialect::Postgres.quote_ident(p)).collect();
            pinned(s, AMISS, &[&name.join(".")]).await?.scalar().map(str::to_string)
        }
        false => None,
    };
    Ok(Some(TableInfo {
        schema: cell(first, 0).to_string(),
        name: cell(first, 1).to_string(),
        columns: rows.iter().map(column).collect(),
        key: key.into_iter().map(|(_, name)| name).collect(),
        no_key,
        number: None,
        no_rollback: None,
    }))
}

/// See `Catalog::no_table`.
pub(super) async fn other(s: &Session, name: &[String]) -> Result<Option<String>> {
    const KIND: &str = "SELECT n.nspname || '.' || c.relname || ' is a ' || CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' \
        WHEN 'f' THEN 'foreign table' ELSE 'relation that is no table' END FROM pg_catalog.pg_class c \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = substr($1, 2)::oid AND c.relkind NOT IN ('r', 'p')";
    match name {
        [oid] if oid.strip_prefix('#').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())) => {
            Ok(pinned(s, KIND, &[oid]).await?.scalar().map(str::to_string))
        }
        _ => Ok(None),
    }
}

fn column(r: &Row) -> ColumnInfo {
    ColumnInfo {
        name: cell(r, 2).to_string(),
        id: format!("#{}", cell(r, 3)),
        type_name: cell(r, 4).to_string(),
        nullable: cell(r, 5) == "f",
        generated: cell(r, 6) == "t",
        renewed: false,
        default: cell(r, 7) == "t",
        counts: cell(r, 9) == "t",
        hidden: false,
    }
}
