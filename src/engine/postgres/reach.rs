//! How far a change of a table's rows reaches: what it sets off beyond them, along which foreign keys it goes on, and what the server
//! counted of it.

use super::catalog::{cell, number_of, pinned};
use super::effects::of_rows;
use crate::engine::effects::servers_own;
use crate::engine::referrers::from_rows;
use crate::engine::{Session, Touched};
use crate::model::{Dialect, Referrer, Result, TableInfo};
use std::collections::BTreeMap;

/// The table and what is part of it or inherits from it: its rows are rows of theirs.
const PARTS: &str = "t(oid) AS (SELECT $1::oid UNION SELECT i.inhrelid FROM t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid)";

/// The number, schema, name and kind of the table that a name means to the session.
async fn resolved(s: &Session, table: &[String]) -> Result<Option<[String; 4]>> {
    let name = table.iter().map(|p| Dialect::Postgres.quote_ident(p)).collect::<Vec<_>>().join(".");
    let Some(number) = number_of(s, name).await? else { return Ok(None) };
    let of = "SELECT c.oid::text, n.nspname, c.relname, c.relkind::text FROM pg_catalog.pg_class c \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid";
    let found = pinned(s, of, &[&number]).await?;
    Ok(found.rows.first().map(|r| [0, 1, 2, 3].map(|c| cell(r, c).to_string())))
}

/// See `Catalog::beyond_the_rows`.
pub(super) async fn beyond(s: &Session, table: &[String], touched: Touched) -> Result<Vec<String>> {
    let Some([number, schema, name, kind]) = resolved(s, table).await? else { return Ok(Vec::new()) };
    // What initdb made has numbers below this (`FirstNormalObjectId`).
    if number.parse().is_ok_and(|n: u32| n < 16384) {
        return Ok(vec![servers_own(&format!("{schema}.{name}"))]);
    }
    // A row that an UPDATE moves into another partition is deleted and inserted.
    let fires = if touched.update && kind == "p" { Touched::ALL } else { touched };
    // Bits of `tgtype`.
    let bits = [(fires.insert, 4), (fires.delete, 8), (fires.update, 16)].iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum::<i32>();
    let existing = touched.update || touched.delete;
    let found = pinned(
        s,
        &format!(
            "WITH RECURSIVE {PARTS} \
             SELECT DISTINCT 'trigger ' || g.tgname FROM pg_catalog.pg_trigger g, t WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' \
               AND g.tgtype::int & {bits} <> 0 \
             UNION ALL SELECT c.relname || ' inherits from it: its rows are rows of this table, and have columns of their own' \
               FROM pg_catalog.pg_inherits i JOIN t ON t.oid = i.inhparent JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
               WHERE {existing} AND NOT c.relispartition \
             UNION ALL SELECT 'rule ' || r.rulename FROM pg_catalog.pg_rewrite r WHERE r.ev_class = $1::oid AND r.rulename <> '_RETURN' \
             UNION ALL SELECT 'it is a view' FROM pg_catalog.pg_class c WHERE c.oid = $1::oid AND c.relkind = 'v' \
             UNION ALL SELECT CASE WHEN c.oid = $1::oid THEN 'it is a foreign table' ELSE 'its part ' || c.relname || ' is a foreign table' END \
               FROM pg_catalog.pg_class c, t WHERE c.oid = t.oid AND c.relkind = 'f'"
        ),
        &[&number],
    )
    .await?;
    let why: Vec<String> = found.rows.into_iter().filter_map(|mut r| r.pop().flatten()).collect();
    if !why.is_empty() {
        return Ok(why);
    }
    // What is computed for each row: checks, domains, generated columns, defaults, indexes, policies.
    let effects = of_rows(s, &schema, &name, touched).await?;
    Ok(effects.outside.into_iter().chain(effects.stays).chain(effects.written).collect())
}

/// Places that are asked about at once.
const ASKED: usize = 1000;

/// See `Fixes::at_places`.
pub(super) fn at_places(of: &str, places: &[&String]) -> String {
    let list = places.iter().map(|p| format!("\"{p}\"")).collect::<Vec<_>>().join(",");
    format!("ctid OPERATOR(pg_catalog.=) ANY ('{{{list}}}'::pg_catalog.tid[]) AND tableoid OPERATOR(pg_catalog.=) '{of}'::pg_catalog.oid")
}

/// See `Fixes::lie_there`.
pub(super) async fn lie_there(s: &Session, table: &TableInfo, of: &str, places: &[String]) -> Result<u64> {
    let quote = |n: &str| Dialect::Postgres.quote_ident(n);
    let from = format!("{}.{}", quote(&table.schema), quote(&table.name));
    let mut out = 0;
    for some in places.iter().collect::<Vec<_>>().chunks(ASKED) {
        let counted = s.fetch(format!("SELECT pg_catalog.count(*) FROM {from} WHERE {}", at_places(of, some))).await?;
        out += counted.scalar().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(out)
}

/// See `Fixes::written`: `xmin` has the lower half of the transaction's number.
pub(super) async fn written(s: &Session, table: &TableInfo) -> Result<Option<u64>> {
    let quote = |n: &str| Dialect::Postgres.quote_ident(n);
    let counted = s
        .fetch(format!(
            "SELECT pg_catalog.count(*) FROM {}.{} WHERE xmin::pg_catalog.text OPERATOR(pg_catalog.=) \
               (SELECT (pg_catalog.txid_current() OPERATOR(pg_catalog.%) 4294967296)::pg_catalog.text)",
            quote(&table.schema),
            quote(&table.name)
        ))
        .await?;
    Ok(counted.scalar().and_then(|n| n.parse().ok()))
}

/// See `Fixes::exact_output`: what pg_dump sets, too. How dates are read stays as it is: the style of DateStyle alone is for output.
pub(super) async fn exact_output(s: &Session) -> Result<Option<[String; 2]>> {
    const EXACT: [(&str, &str); 3] = [("datestyle", "ISO"), ("intervalstyle", "postgres"), ("extra_float_digits", "1")];
    let now = s
        .fetch("SELECT pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('extra_float_digits')")
        .await?;
    let Some(now) = now.rows.first() else { return Ok(None) };
    let exact =
        cell(now, 0).starts_with("ISO") && cell(now, 1) != "sql_standard" && cell(now, 2).parse::<i32>().is_ok_and(|digits| digits > 0);
    let set = |to: [&str; 3]| {
        let one = |((name, _), to): (&(&str, &str), &str)| format!("pg_catalog.set_config('{name}', '{}', true)", to.replace('\'', "''"));
        format!("SELECT {}", EXACT.iter().zip(to).map(one).collect::<Vec<_>>().join(", "))
    };
    Ok((!exact).then(|| [set(EXACT.map(|(_, to)| to)), set([cell(now, 0), cell(now, 1), cell(now, 2)])]))
}

/// See `Catalog::referrers`. Of the keys that a partitioned table's stands for, the topmost is told; keys to a part of the table lead to
/// its rows, too.
pub(super) async fn referrers(s: &Session, table: &[String]) -> Result<Vec<Referrer>> {
    const RULE: &str = "CASE {} WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE '' END";
    let Some([number, ..]) = resolved(s, table).await? else { return Ok(Vec::new()) };
    let found = pinned(
        s,
        &format!(
            "WITH RECURSIVE {PARTS} \
             SELECT n.nspname, r.relname, c.conname, a.attname, b.attname, {}, {}, NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger g \
               WHERE g.tgconstraint = c.oid AND g.tgrelid = c.confrelid AND (g.tgenabled = 'D' \
                 OR g.tgenabled = CASE pg_catalog.current_setting('session_replication_role') WHEN 'replica' THEN 'O' ELSE 'R' END)) \
             FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace \
             CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k (own, other, place) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own \
             JOIN pg_catalog.pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other \
             WHERE c.contype = 'f' AND c.confrelid IN (SELECT oid FROM t) \
             AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint p WHERE p.oid = c.conparentid AND p.confrelid IN (SELECT oid FROM t)) \
             ORDER BY c.oid, k.place",
            RULE.replace("{}", "c.confdeltype"),
            RULE.replace("{}", "c.confupdtype"),
        ),
        &[&number],
    )
    .await?;
    from_rows(found.rows, true)
}

/// See `Fixes::changes_counted`. Rows of partitions count for their table.
pub(super) async fn changes_counted(s: &Session, own: &[String]) -> Result<Option<BTreeMap<String, u64>>> {
    let name = own.iter().map(|p| Dialect::Postgres.quote_ident(p)).collect::<Vec<_>>().join(".");
    let found = s
        .fetch_with(
            "WITH RECURSIVE own (top, oid) AS (SELECT pg_catalog.to_regclass($1)::pg_catalog.oid, pg_catalog.to_regclass($1)::pg_catalog.oid \
             UNION SELECT own.top, i.inhrelid FROM own JOIN pg_catalog.pg_inherits i ON i.inhparent = own.oid) \
             SELECT n.nspname || '.' || c.relname, sum(x.n_tup_upd + x.n_tup_del) FROM pg_catalog.pg_stat_xact_user_tables x \
             JOIN pg_catalog.pg_class c ON c.oid = COALESCE((SELECT own.top FROM own WHERE own.oid = x.relid), pg_catalog.pg_partition_root(x.relid), x.relid) \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE pg_catalog.current_setting('track_counts')::pg_catalog.bool GROUP BY 1 HAVING sum(x.n_tup_upd + x.n_tup_del) > 0 \
             UNION ALL SELECT NULL, NULL WHERE NOT pg_catalog.current_setting('track_counts')::pg_catalog.bool"
                .to_string(),
            vec![Some(name)],
        )
        .await?;
    let mut out = BTreeMap::new();
    for row in found.rows {
        match &row[..] {
            [Some(table), Some(n)] => _ = out.insert(table.clone(), n.parse().unwrap_or(0)),
            _ => return Ok(None),
        }
    }
    Ok(Some(out))
}
