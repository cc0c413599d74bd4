//! The schema tree, read from the catalogues in one statement per node: never counts rows, never waits for a lock.

use super::actor::{Own, Private};
use super::{Postgres, definition, objects};
use crate::engine::{Catalog, RowStream, Session, Touched, Writer};
use crate::model::names::Names;
use crate::model::rows::Table;
use crate::model::{
    CanonicalObject, Dependent, Dialect, Error, NodeKind, NodePath, Param, Place, Referrer, Result, SchemaNode, TableInfo, TableShape,
    Usage,
};
use crate::sql::outside::Neighbours;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// One row of text cells.
pub(super) type Row = Vec<Option<String>>;

/// Runs a read of ours beside whatever the session is doing: names come out qualified, nothing of the session changes.
pub(super) async fn pinned(s: &Session, text: &str, params: &[&str]) -> Result<Table> {
    pinned_rows(s, text, params).await?.table().await
}

/// [`pinned`] for what is taken row by row.
pub(super) async fn pinned_rows(s: &Session, text: &str, params: &[&str]) -> Result<RowStream> {
    let Some(Private(own)) = s.own::<Private>() else {
        return Err(Error::failed("this session is not one of the PostgreSQL engine"));
    };
    let (events, answer) = mpsc::channel(4);
    s.asked().fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let params = params.iter().map(|p| Param::Text(p.to_string())).collect();
    let text = if s.identity().major == "12" { without_regcollation(text) } else { text.into() };
    own.send(Own::Pinned { text, params, events }).await.map_err(|_| s.gone())?;
    Ok(RowStream::new(answer))
}

/// The names of collations as `regcollation`, which came with 13, would print them with names pinned to pg_catalog.
fn without_regcollation(text: &str) -> String {
    const CAST: &str = "::pg_catalog.regcollation";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(CAST) {
        let name = rest[..at].rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).map_or(0, |i| i + 1);
        out.push_str(&rest[..name]);
        out.push_str(&format!(
            "(SELECT CASE WHEN rcn.nspname = 'pg_catalog' THEN '' ELSE quote_ident(rcn.nspname) || '.' END || quote_ident(rc.collname) \
            FROM pg_catalog.pg_collation rc JOIN pg_catalog.pg_namespace rcn ON rcn.oid = rc.collnamespace WHERE rc.oid = {})",
            &rest[name..at]
        ));
        rest = &rest[at + CAST.len()..];
    }
    out + rest
}

/// The number of the relation that a quoted name means to the session, along its own search path. Nothing in it is looked for along that
/// path but the name: a user's type, operator or function may stand there before the server's.
pub(super) async fn number_of(s: &Session, name: String) -> Result<Option<String>> {
    let found = s.fetch_with("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", vec![Some(name)]).await?;
    Ok(found.scalar().map(str::to_string))
}

/// A cell, empty for NULL.
pub(super) fn cell(row: &Row, i: usize) -> &str {
    row.get(i).and_then(|c| c.as_deref()).unwrap_or_default()
}

/// `$1` as a list: `ANY($1::text[])`.
pub(super) fn array(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|i| format!("\"{}\"", i.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}

/// Headings of the tree. They are names in paths, so they do not change.
pub(super) const SEQUENCES: &str = "Sequences";
pub(super) const FUNCTIONS: &str = "Functions";
pub(super) const TYPES: &str = "Types";
pub(super) const INDEXES: &str = "Indexes";
pub(super) const CONSTRAINTS: &str = "Constraints";
pub(super) const TRIGGERS: &str = "Triggers";

const SCHEMAS: &str = "SELECT nspname, pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \
    ORDER BY nspname <> 'public', nspname";

/// Relations alone: a new backend plans [`RELATIONS`] for longer than it runs, because it knows none of those catalogues yet.
const OUTLINE: &str = "SELECT c.relkind::text, c.relname FROM pg_catalog.pg_class c \
    WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')";

/// Relations, then one row for each heading that has something under it. Sizes are pages of the last VACUUM or ANALYZE: before the first
/// of them nothing is known, which is not nothing.
const RELATIONS: &str = "WITH s AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1), \
    ix AS (SELECT i.indrelid, sum(ic.relpages) AS pages FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
        WHERE ic.relnamespace = (SELECT oid FROM s) GROUP BY i.indrelid) \
    SELECT * FROM (SELECT c.relkind::text AS kind, c.relname::text AS name, \
        CASE WHEN c.relkind IN ('r', 'm', 'p', 'f') AND c.reltuples >= 0 AND (c.relpages > 0 OR current_setting('server_version_num')::int >= 140000) \
            THEN c.reltuples::bigint END AS estimate, \
        CASE WHEN c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND (c.relpages > 0 OR current_setting('server_version_num')::int >= 140000) \
            THEN (c.relpages + coalesce(ix.pages, 0) + coalesce(t.relpages, 0))::bigint * current_setting('block_size')::bigint END AS bytes, \
        CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE \
            CASE WHEN c.relispartition THEN 'partition of ' || (SELECT p.relname FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent WHERE h.inhrelid = c.oid LIMIT 1) \
            WHEN c.relpersistence = 'u' THEN 'unlogged' END END AS detail, ds.description \
    FROM pg_catalog.pg_class c LEFT JOIN ix ON ix.indrelid = c.oid LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid \
    LEFT JOIN pg_catalog.pg_description ds ON ds.objoid = c.oid AND ds.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND ds.objsubid = 0 \
    WHERE c.relnamespace = (SELECT oid FROM s) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')) AS r \
    UNION ALL SELECT 'group', 'Sequences', NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = (SELECT oid FROM s) AND relkind = 'S') \
    UNION ALL SELECT 'group', 'Functions', NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = (SELECT oid FROM s) \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend dp WHERE dp.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND dp.objid = p.oid AND dp.deptype = 'i')) \
    UNION ALL SELECT 'group', 'Types', NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace = (SELECT oid FROM s) \
        AND t.typtype IN ('e', 'd', 'r', 'c') AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))";

/// Columns with their marks, then the headings.
const COLUMNS: &str = "WITH r AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2) \
    SELECT * FROM (SELECT 'column' AS kind, a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS detail, a.attnotnull AS required, \
        CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS default_expr, \
        a.attidentity <> '' AS is_identity, a.attgenerated <> '' AS is_generated, \
        EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'p' AND a.attnum = ANY (k.conkey)) AS pk, \
        EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'u' AND k.conkey = ARRAY[a.attnum]) AS uq, \
        (SELECT string_agg(f.relname || '.' || fa.attname, ', ' ORDER BY k.conname) FROM pg_catalog.pg_constraint k \
            CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u(own, other) JOIN pg_catalog.pg_class f ON f.oid = k.confrelid \
            JOIN pg_catalog.pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = u.other \
            WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND u.own = a.attnum) AS fk, \
        pg_catalog.col_description(a.attrelid, a.attnum) AS comment \
    FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE a.attrelid = (SELECT oid FROM r) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS c \
    UNION ALL SELECT 'group', 'Indexes', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = (SELECT oid FROM r)) \
    UNION ALL SELECT 'group', 'Constraints', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = (SELECT oid FROM r) AND contype <> 't') \
    UNION ALL SELECT 'group', 'Triggers', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = (SELECT oid FROM r) AND NOT tgisinternal)";

const OF_RELATION: &str = "(SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)";

/// What stands under a heading: name, detail, marks, comment.
fn group_query(group: &str) -> Option<String> {
    Some(match group {
        SEQUENCES => "SELECT c.relname, pg_catalog.format_type(q.seqtypid, NULL), NULL, pg_catalog.obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
            JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid WHERE n.nspname = $1 ORDER BY 1"
            .into(),
        FUNCTIONS => "SELECT p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', \
            coalesce('→ ' || pg_catalog.pg_get_function_result(p.oid), ''), \
            CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window' END, pg_catalog.obj_description(p.oid, 'pg_proc') \
            FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend dp WHERE dp.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND dp.objid = p.oid AND dp.deptype = 'i') ORDER BY 1"
            .into(),
        TYPES => "SELECT t.typname, CASE t.typtype WHEN 'e' THEN 'enum (' || (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) || ')' \
            WHEN 'd' THEN 'domain over ' || pg_catalog.format_type(t.typbasetype, t.typtypmod) WHEN 'r' THEN 'range' ELSE 'composite' END, NULL, pg_catalog.obj_description(t.oid, 'pg_type') \
            FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typtype IN ('e', 'd', 'r', 'c') \
            AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) ORDER BY 1"
            .into(),
        INDEXES => format!(
            "SELECT ic.relname, regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.*? USING ', ''), concat_ws(',', CASE WHEN i.indisprimary THEN 'PK' WHEN i.indisunique THEN 'UQ' END, \
            CASE WHEN NOT i.indisvalid THEN 'INVALID' END), pg_catalog.obj_description(ic.oid, 'pg_class') FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = {OF_RELATION} ORDER BY NOT i.indisprimary, 1"
        ),
        CONSTRAINTS => format!(
            "SELECT k.conname, pg_catalog.pg_get_constraintdef(k.oid, true), concat_ws(',', CASE k.contype WHEN 'p' THEN 'PK' WHEN 'f' THEN 'FK' WHEN 'u' THEN 'UQ' WHEN 'c' THEN 'CHECK' WHEN 'x' THEN 'EXCLUDE' END, \
            CASE WHEN NOT k.convalidated THEN 'NOT VALID' END), pg_catalog.obj_description(k.oid, 'pg_constraint') FROM pg_catalog.pg_constraint k WHERE k.conrelid = {OF_RELATION} AND k.contype <> 't' ORDER BY k.contype <> 'p', 1"
        ),
        TRIGGERS => format!(
            "SELECT t.tgname, regexp_replace(pg_catalog.pg_get_triggerdef(t.oid, true), '^CREATE (CONSTRAINT )?TRIGGER \\S+ ', ''), CASE WHEN t.tgenabled = 'D' THEN 'DISABLED' END, pg_catalog.obj_description(t.oid, 'pg_trigger') \
            FROM pg_catalog.pg_trigger t WHERE t.tgrelid = {OF_RELATION} AND NOT t.tgisinternal ORDER BY 1"
        ),
        _ => return None,
    })
}

/// Kind of the nodes under a heading.
pub(super) fn group_kind(group: &str) -> NodeKind {
    match group {
        SEQUENCES => NodeKind::Sequence,
        FUNCTIONS => NodeKind::Function,
        TYPES => NodeKind::Type,
        INDEXES => NodeKind::Index,
        CONSTRAINTS => NodeKind::Constraint,
        _ => NodeKind::Trigger,
    }
}

fn node(kind: NodeKind, name: &str) -> SchemaNode {
    let expandable = matches!(kind, NodeKind::Schema | NodeKind::Table | NodeKind::View | NodeKind::MaterializedView | NodeKind::Group);
    SchemaNode {
        kind,
        name: name.into(),
        detail: String::new(),
        comment: String::new(),
        marks: Vec::new(),
        rows: None,
        bytes: None,
        expandable,
    }
}

fn relation(r: &Row) -> SchemaNode {
    let kind = match cell(r, 0) {
        "v" => NodeKind::View,
        "m" => NodeKind::MaterializedView,
        "group" => NodeKind::Group,
        _ => NodeKind::Table,
    };
    let number = |i: usize| cell(r, i).parse().ok();
    SchemaNode { rows: number(2), bytes: number(3), detail: cell(r, 4).into(), comment: cell(r, 5).into(), ..node(kind, cell(r, 1)) }
}

fn column(r: &Row) -> SchemaNode {
    if cell(r, 0) == "group" {
        return node(NodeKind::Group, cell(r, 1));
    }
    let is = |i: usize| cell(r, i) == "t";
    let mut marks = Vec::new();
    if is(7) {
        marks.push("PK".to_string());
    } else if is(8) {
        marks.push("UQ".into());
    }
    if !cell(r, 9).is_empty() {
        marks.push(format!("FK → {}", cell(r, 9)));
    }
    if is(3) && !is(7) {
        marks.push("NOT NULL".into());
    }
    if is(5) {
        marks.push("IDENTITY".into());
    } else if is(6) {
        marks.push("GENERATED".into());
    } else if !cell(r, 4).is_empty() {
        marks.push(format!("DEFAULT {}", cell(r, 4)));
    }
    SchemaNode { detail: cell(r, 2).into(), comment: cell(r, 10).into(), marks, ..node(NodeKind::Column, cell(r, 1)) }
}

/// What each sequence gives next. `pg_sequences` hides the value of one that was set and not yet used, so each is read itself.
async fn counters(s: &Session) -> Result<BTreeMap<String, i128>> {
    const ALL: &str = "SELECT n.nspname, c.relname, q.seqincrement FROM pg_catalog.pg_sequence q \
        JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname !~ '^pg_' ORDER BY 1, 2";
    let list = pinned(s, ALL, &[]).await?.rows;
    let mut out = BTreeMap::new();
    let d = Dialect::Postgres;
    // One statement for many, within the server's limits for a long one.
    for some in list.chunks(200) {
        let each = |(i, r): (usize, &Row)| {
            let from = format!("{}.{}", d.quote_ident(cell(r, 0)), d.quote_ident(cell(r, 1)));
            let by = cell(r, 2);
            // Further on is greater, for a sequence that counts down too.
            format!(
                "SELECT {i} AS i, (CASE WHEN is_called THEN last_value::numeric + ({by}) ELSE last_value::numeric END * sign(({by})::numeric))::text \
                 AS next FROM {from}"
            )
        };
        let text = some.iter().enumerate().map(each).collect::<Vec<_>>().join(" UNION ALL ");
        for r in &pinned(s, &text, &[]).await?.rows {
            let of = cell(r, 0).parse::<usize>().ok().and_then(|i| some.get(i));
            if let (Some(of), Ok(next)) = (of, cell(r, 1).parse()) {
                out.insert(format!("{}.{}", cell(of, 0), cell(of, 1)), next);
            }
        }
    }
    Ok(out)
}

/// Schema and relation of a path.
pub(super) fn relation_of(at: &NodePath) -> Option<(&str, &str)> {
    let schema = at.name_of(NodeKind::Schema)?;
    let name = [NodeKind::Table, NodeKind::View, NodeKind::MaterializedView].iter().find_map(|k| at.name_of(*k))?;
    Some((schema, name))
}

async fn outline(s: &Session, at: &NodePath) -> Result<Option<Vec<SchemaNode>>> {
    let Some((NodeKind::Schema, schema)) = at.last() else { return Ok(None) };
    relations(s, OUTLINE, schema).await.map(Some)
}

/// A schema's list. Row by row: of thousands of tables, the answer would weigh more than the list that is made of it.
async fn relations(s: &Session, query: &str, schema: &str) -> Result<Vec<SchemaNode>> {
    let mut all = Vec::new();
    pinned_rows(s, query, &[schema])
        .await?
        .each(|r| {
            all.push(relation(&r));
            Ok(())
        })
        .await?;
    all.sort_by(natural);
    all.shrink_to_fit();
    Ok(all)
}

async fn children(s: &Session, at: &NodePath) -> Result<Vec<SchemaNode>> {
    let Some((kind, name)) = at.last() else {
        let t = pinned(s, SCHEMAS, &[]).await?;
        return Ok(t.rows.iter().map(|r| SchemaNode { comment: cell(r, 1).into(), ..node(NodeKind::Schema, cell(r, 0)) }).collect());
    };
    let schema = at.name_of(NodeKind::Schema).unwrap_or_default();
    match kind {
        NodeKind::Schema => relations(s, RELATIONS, name).await,
        NodeKind::Table | NodeKind::View | NodeKind::MaterializedView => {
            Ok(pinned(s, COLUMNS, &[schema, name]).await?.rows.iter().map(column).collect())
        }
        NodeKind::Group => {
            let query = group_query(name).ok_or_else(|| Error::failed(format!("there is no heading {name}")))?;
            let relation = relation_of(at).map(|(_, r)| r);
            let params: Vec<&str> = std::iter::once(schema).chain(relation).collect();
            let rows = pinned(s, &query, &params).await?.rows;
            let one = |r: &Row| SchemaNode {
                detail: cell(r, 1).into(),
                comment: cell(r, 3).into(),
                marks: cell(r, 2).split(',').filter(|m| !m.is_empty()).map(String::from).collect(),
                ..node(group_kind(name), cell(r, 0))
            };
            Ok(rows.iter().map(one).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Relations by name, then the headings in the order of the query.
fn natural(a: &SchemaNode, b: &SchemaNode) -> std::cmp::Ordering {
    let heading = |n: &SchemaNode| n.kind == NodeKind::Group;
    heading(a).cmp(&heading(b)).then_with(|| if heading(a) { std::cmp::Ordering::Equal } else { a.name.cmp(&b.name) })
}

/// Ordinary tables and leaf partitions: what holds rows.
const TABLES: &str = "SELECT n.nspname, c.relname, array_to_json(ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relname <> '_sqlx_migrations' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') \
    ORDER BY 1, 2";

async fn tables(s: &Session) -> Result<Vec<TableShape>> {
    let t = pinned(s, TABLES, &[]).await?;
    t.rows
        .iter()
        .map(|r| {
            let columns = serde_json::from_str(cell(r, 2))
                .map_err(|e| Error::failed(format!("the columns of {} cannot be read: {e}", cell(r, 1))))?;
            Ok(TableShape { schema: Some(cell(r, 0).into()), name: cell(r, 1).into(), columns })
        })
        .collect()
}

/// Names of which every function that they can mean is known and not volatile (the server refuses writes in those), or known to read.
const HARMLESS: &str = "SELECT w.name FROM unnest($1::text[]) AS w(name) CROSS JOIN LATERAL (SELECT parse_ident(w.name, false) AS part) q \
    JOIN pg_catalog.pg_proc p ON p.proname = q.part[cardinality(q.part)] JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    WHERE CASE WHEN cardinality(q.part) > 1 THEN n.nspname = q.part[cardinality(q.part) - 1] ELSE n.nspname = ANY ($2::text[]) END \
    GROUP BY w.name HAVING bool_and((p.provolatile <> 'v' OR {known} OR n.nspname = 'pg_catalog' AND p.oid < 16384 AND p.proname = ANY ($3::text[])) AND p.prokind <> 'p')";

pub(super) async fn writing_functions(s: &Session, names: &[String]) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    // By the session's own search_path: that is how the statement will find them.
    let path = s.fetch("SELECT pg_catalog.current_schemas(true)").await?;
    let path = path.scalar().unwrap_or("{}");
    let looks = array(&crate::sql::functions::PG_CATALOG_HARMLESS.map(String::from));
    let harmless = pinned(s, &HARMLESS.replace("{known}", super::hidden::KNOWN_READER), &[&array(names), path, &looks]).await?;
    Ok(names.iter().filter(|n| !harmless.rows.iter().any(|r| cell(r, 0) == n.as_str())).cloned().collect())
}

/// Whether a function, or what is written like one, bears this name for the session: a type converts, and a column is taken out of a row.
const BORNE: &str = "SELECT EXISTS (SELECT FROM (SELECT parse_ident($1::text, false) AS part) q CROSS JOIN LATERAL \
    (SELECT part[cardinality(part)] AS name, part[cardinality(part) - 1] AS schema) w \
    WHERE EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = w.name AND pronamespace IN (SELECT oid FROM pg_catalog.pg_namespace WHERE \
        CASE WHEN w.schema IS NULL THEN nspname = ANY ($2::text[]) ELSE nspname = w.schema END)) \
      OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE typname = w.name) OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attname = w.name))";

async fn no_function(s: &Session, name: &str) -> Result<Option<String>> {
    let path = s.fetch("SELECT pg_catalog.current_schemas(true)").await?;
    let borne = pinned(s, BORNE, &[name, path.scalar().unwrap_or("{}")]).await?;
    Ok((borne.scalar() == Some("f")).then(|| format!("function {name} does not exist")))
}

impl Catalog for Postgres {
    fn no_function<'a>(&'a self, s: &'a Session, name: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(no_function(s, name))
    }
    fn plan_facts<'a>(&'a self, s: &'a Session, relations: &'a [String]) -> BoxFuture<'a, Result<crate::plan::known::Known>> {
        Box::pin(super::plan_facts::of(s, relations))
    }
    fn spread<'a>(&'a self, s: &'a Session, known: crate::plan::known::Known) -> BoxFuture<'a, Result<crate::plan::known::Known>> {
        Box::pin(super::plan_facts::spread(s, known))
    }
    fn schemas_of<'a>(&'a self, s: &'a Session, functions: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
        Box::pin(super::plan_facts::schemas_of(s, functions))
    }
    fn kept<'a>(&'a self, s: &'a Session, table: &'a str, condition: &'a str, _rows: Option<f64>) -> BoxFuture<'a, Result<Option<f64>>> {
        Box::pin(super::plan_facts::kept(s, table, condition))
    }
    /// Statistics tell it of columns ([`Catalog::spread`]); nothing is counted for the rest.
    fn distinct<'a>(&'a self, _s: &'a Session, _table: &'a str, _key: &'a str, _rows: Option<f64>) -> BoxFuture<'a, Result<Option<f64>>> {
        Box::pin(async { Ok(None) })
    }
    fn names<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Names>> {
        Box::pin(super::names::read(s))
    }
    fn neighbours<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Neighbours>> {
        Box::pin(async move {
            // Other databases cannot be named; foreign tables can.
            let foreign = "SELECT lower(relname) FROM pg_catalog.pg_class WHERE relkind = 'f'";
            let rows = pinned(s, foreign, &[]).await?.rows;
            Ok(Neighbours { elsewhere: rows.iter().map(|r| cell(r, 0).to_string()).collect(), ..Neighbours::default() })
        })
    }
    fn counters<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<BTreeMap<String, i128>>> {
        Box::pin(counters(s))
    }
    fn looks_behind_names(&self) -> bool {
        true
    }
    fn hidden_writer<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Option<Writer>>> {
        Box::pin(super::hidden::writer(s, text))
    }
    fn planning_writer<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Option<Writer>>> {
        Box::pin(super::hidden::planner(s, text))
    }
    fn functions_that_read(&self) -> &'static str {
        super::hidden::FUNCTIONS
    }
    fn beyond_the_rows<'a>(&'a self, s: &'a Session, table: &'a [String], touched: Touched) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(super::reach::beyond(s, table, touched))
    }
    fn parts<'a>(&'a self, s: &'a Session, table: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(super::definition::parts(s, table))
    }
    fn referrers<'a>(&'a self, s: &'a Session, table: &'a [String]) -> BoxFuture<'a, Result<Vec<Referrer>>> {
        Box::pin(super::reach::referrers(s, table))
    }
    fn beside_tables<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
        Box::pin(super::backup::beside_tables(s))
    }
    fn not_restored(&self) -> &'static [&'static str] {
        &super::objects::NOT_RESTORED
    }
    fn leaves_no_trace(&self) -> bool {
        true
    }

    fn table<'a>(&'a self, s: &'a Session, name: &'a [String]) -> BoxFuture<'a, Result<Option<TableInfo>>> {
        Box::pin(super::table::of(s, name))
    }
    fn no_table<'a>(&'a self, s: &'a Session, name: &'a [String]) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(super::table::other(s, name))
    }
    fn children<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<Vec<SchemaNode>>> {
        Box::pin(children(s, at))
    }
    fn outline<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<Option<Vec<SchemaNode>>>> {
        Box::pin(outline(s, at))
    }
    fn usage<'a>(&'a self, s: &'a Session, schema: &'a str) -> BoxFuture<'a, Result<Usage>> {
        Box::pin(super::usage::of(s, schema))
    }
    fn dependents<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<Vec<Dependent>>> {
        Box::pin(super::dependents::of(s, at))
    }
    fn definition<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<String>> {
        Box::pin(definition::of(s, at))
    }
    fn preview(&self, at: &NodePath, limit: u32, _place: Option<&Place>) -> Option<String> {
        let (kind, _) = at.last()?;
        if !matches!(kind, NodeKind::Table | NodeKind::View | NodeKind::MaterializedView) {
            return None;
        }
        let (schema, name) = relation_of(at)?;
        let q = |n: &str| Dialect::Postgres.quote_ident(n);
        Some(format!("SELECT * FROM {}.{} LIMIT {limit}", q(schema), q(name)))
    }
    fn objects<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<CanonicalObject>>> {
        Box::pin(objects::all(s))
    }
    fn tables<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<TableShape>>> {
        Box::pin(tables(s))
    }
    fn writing_functions<'a>(&'a self, s: &'a Session, names: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(writing_functions(s, names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_to_regcollation_is_written_out_for_servers_without_it() {
        let text =
            without_regcollation("SELECT a.attcollation::pg_catalog.regcollation, 'x ' || t.typcollation::pg_catalog.regcollation FROM t");
        assert!(!text.contains("regcollation"), "{text}");
        assert!(text.starts_with("SELECT (SELECT CASE") && text.contains("rc.oid = a.attcollation), 'x ' || (SELECT"), "{text}");
        assert!(text.ends_with("rc.oid = t.typcollation) FROM t"), "{text}");
        assert_eq!(without_regcollation("SELECT 1"), "SELECT 1");
    }
}
