//! What findings and advice upon a plan need to know of its tables. Nothing is counted: without statistics the largest rowid
//! stands for the number of rows, which is where a table ends.

use super::catalog::{at, lit};
use crate::engine::{Measuring, Session};
use crate::model::{Dialect, Result};
use crate::plan::known::{Column, ForeignKey, Index, Known, Statistics, Table};
use crate::sql::{TokenKind, lex};

/// See `Catalog::plan_facts`.
pub(super) async fn of(s: &Session, relations: &[String]) -> Result<Known> {
    let mut known = Known::default();
    if relations.is_empty() {
        return Ok(known);
    }
    let names: Vec<String> = relations.iter().map(|r| lit(r)).collect();
    let found = s
        .fetch(format!(
            // A plan names no database: of two tables with one name it is not known which is meant.
            "SELECT name, wr FROM pragma_table_list l WHERE schema = 'main' AND type = 'table' AND name COLLATE NOCASE IN ({}) AND name NOT LIKE 'sqlite%' \
             AND NOT EXISTS (SELECT 1 FROM pragma_table_list o WHERE o.name = l.name COLLATE NOCASE AND o.schema <> 'main')",
            names.join(", ")
        ))
        .await?
        .rows;
    let analyzed = !s.fetch("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").await?.rows.is_empty();
    for r in found {
        let name = at(&r, 0).to_string();
        let t = lit(&name);
        let mut table = Table { name: name.clone(), ..Table::default() };
        let mut counted = None;
        if analyzed {
            let told = s.fetch(format!("SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = {t} COLLATE NOCASE")).await?;
            counted = told.rows.first().and_then(|r| at(r, 0).parse::<f64>().ok());
        }
        table.statistics = Statistics { missing: Some(counted.is_none()), ..Statistics::default() };
        table.rows = counted;
        if counted.is_none() && at(&r, 1) != "1" {
            // The last row of the tree: one descent, whatever the size.
            let last = s.fetch(format!("SELECT max(rowid) FROM {}", Dialect::Sqlite.quote_ident(&name))).await;
            table.rows = last.ok().and_then(|l| at(l.rows.first()?, 0).parse().ok());
        }
        let columns = s.fetch(format!("SELECT name, type, pk FROM pragma_table_xinfo({t}, 'main') WHERE hidden <> 1 ORDER BY cid")).await?;
        table.columns = columns.rows.iter().map(|c| Column { name: at(c, 0).into(), type_name: at(c, 1).into() }).collect();
        let indexes = s
            .fetch(format!(
                "SELECT l.name, l.\"unique\", l.partial, x.name, x.desc, l.origin, x.coll, (SELECT sql FROM main.sqlite_schema WHERE name = l.name) \
                 FROM pragma_index_list({t}, 'main') l, pragma_index_xinfo(l.name, 'main') x WHERE x.key = 1 ORDER BY l.seq, x.seqno"
            ))
            .await?;
        let mut key: Vec<(i64, &str, &str)> =
            columns.rows.iter().filter_map(|c| Some((at(c, 2).parse::<i64>().ok().filter(|n| *n > 0)?, at(c, 0), at(c, 1)))).collect();
        key.sort_unstable();
        // A key that is the rowid itself has no index; one of another table (`INTEGER PRIMARY KEY DESC`, text) has.
        let own_index = indexes.rows.iter().any(|i| at(i, 5) == "pk");
        let rowid = matches!(key.as_slice(), [(_, _, kind)] if kind.eq_ignore_ascii_case("integer")) && !own_index;
        if at(&r, 1) == "1" || rowid {
            table.stored_by = key.iter().map(|(_, name, _)| (*name).to_string()).collect();
        }
        for i in &indexes.rows {
            let class = if at(i, 6).eq_ignore_ascii_case("nocase") { "COLLATE NOCASE" } else { "" }.to_string();
            let nth = table.indexes.iter().find(|x| x.name == at(i, 0)).map_or(0, |x| x.keys.len());
            let written = written(at(i, 7));
            let expression = || written.keys.get(nth).cloned().unwrap_or_else(|| "<expr>".to_string());
            let key = if at(i, 3).is_empty() { expression() } else { at(i, 3).to_string() };
            match table.indexes.iter_mut().find(|x| x.name == at(i, 0)) {
                Some(x) => {
                    x.keys.push(key);
                    x.classes.push(class);
                    x.down.push(at(i, 4) == "1");
                }
                None => table.indexes.push(Index {
                    name: at(i, 0).into(),
                    keys: vec![key],
                    unique: at(i, 1) == "1",
                    only_where: (at(i, 2) == "1").then(|| written.only_where.unwrap_or_else(|| "…".to_string())),
                    down: vec![at(i, 4) == "1"],
                    classes: vec![class],
                    ..Index::default()
                }),
            }
        }
        table.foreign_keys = references(s, &name).await?;
        known.tables.push(table);
    }
    Ok(known)
}

/// What SQLite's catalogue does not tell of an index but in its own words.
#[derive(Default)]
struct Written {
    keys: Vec<String>,
    only_where: Option<String>,
}

/// Keys and condition of a CREATE INDEX; nothing of what cannot be read.
fn written(sql: &str) -> Written {
    let mut out = Written::default();
    let tokens: Vec<_> =
        lex(Dialect::Sqlite, sql).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).map_or("", |t| &sql[t.span.clone()]);
    let Some(open) = (0..tokens.len()).find(|i| word(*i) == "(") else { return out };
    let (mut depth, mut from) = (0i32, open + 1);
    for i in open..tokens.len() {
        depth += i32::from(word(i) == "(") - i32::from(word(i) == ")");
        if depth == 0 || depth == 1 && word(i) == "," {
            let mut to = i;
            while to > from && ["asc", "desc"].iter().any(|w| word(to - 1).eq_ignore_ascii_case(w)) {
                to -= 1;
            }
            if to >= from + 2 && word(to - 2).eq_ignore_ascii_case("collate") {
                to -= 2;
            }
            if to > from {
                out.keys.push(sql[tokens[from].span.start..tokens[to - 1].span.end].to_string());
            }
            from = i + 1;
        }
        if depth == 0 {
            if word(from).eq_ignore_ascii_case("where") && from + 1 < tokens.len() {
                out.only_where = Some(sql[tokens[from + 1].span.start..tokens[tokens.len() - 1].span.end].to_string());
            }
            break;
        }
    }
    out
}

/// Foreign keys that point to a table. SQLite makes no index for them.
async fn references(s: &Session, to: &str) -> Result<Vec<ForeignKey>> {
    let found = s
        .fetch(format!(
            "SELECT m.name, f.id, f.\"from\" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f \
             WHERE m.type = 'table' AND f.\"table\" = {} COLLATE NOCASE ORDER BY m.name, f.id, f.seq",
            lit(to)
        ))
        .await?;
    let mut keys: Vec<ForeignKey> = Vec::new();
    for r in &found.rows {
        let name = format!("{} of {}", at(r, 1), at(r, 0));
        match keys.iter_mut().find(|k| k.name == name) {
            Some(k) => k.columns.push(at(r, 2).into()),
            None => keys.push(ForeignKey {
                name,
                table: at(r, 0).into(),
                columns: vec![at(r, 2).into()],
                to_table: to.into(),
                ..ForeignKey::default()
            }),
        }
    }
    for k in &mut keys {
        // The rowid's own column, or the first columns of an index that holds all rows.
        let columns: Vec<String> = k.columns.iter().map(|c| lit(c)).collect();
        let found = s
            .fetch(format!(
                "SELECT 1 FROM pragma_table_xinfo({t}, 'main') WHERE {n} = 1 AND pk = 1 AND name = {first} COLLATE NOCASE UNION ALL \
                 SELECT 1 FROM pragma_index_list({t}, 'main') l WHERE l.partial = 0 AND {n} = (SELECT count(*) FROM pragma_index_xinfo(l.name, 'main') x \
                 WHERE x.key = 1 AND x.seqno < {n} AND x.name COLLATE NOCASE IN ({all})) LIMIT 1",
                t = lit(&k.table),
                n = columns.len(),
                first = columns[0],
                all = columns.join(", ")
            ))
            .await?;
        k.indexed = !found.rows.is_empty();
        // It has no name.
        k.name.clear();
    }
    Ok(keys)
}

impl Measuring for super::Sqlite {
    fn planner_settings<'a>(
        &'a self,
        s: &'a Session,
    ) -> futures_util::future::BoxFuture<'a, Result<std::collections::BTreeMap<String, String>>> {
        Box::pin(planner_settings(s))
    }
}

/// See `Measuring::planner_settings`. SQLite's planner has none but what ANALYZE left; the size of a page changes what is read.
async fn planner_settings(s: &Session) -> Result<std::collections::BTreeMap<String, String>> {
    let rows = s
        .fetch("SELECT 'page_size', page_size FROM pragma_page_size UNION ALL SELECT 'cache_size', cache_size FROM pragma_cache_size")
        .await?
        .rows;
    Ok(rows.iter().map(|r| (at(r, 0).to_string(), at(r, 1).to_string())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_from_its_own_words() {
        let of = |sql: &str| {
            let w = written(sql);
            (w.keys.join(" | "), w.only_where.unwrap_or_default())
        };
        let s = String::from;
        assert_eq!(
            of("CREATE INDEX \"a (b)\" ON t (lower(email), \"b c\" COLLATE NOCASE DESC, coalesce(x, 1) ASC) WHERE state = 'x' AND (y)"),
            (s("lower(email) | \"b c\" | coalesce(x, 1)"), s("state = 'x' AND (y)"))
        );
        assert_eq!(of("CREATE UNIQUE INDEX i ON t(a)"), (s("a"), s("")));
        assert_eq!(of(""), (s(""), s("")));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(sql in "(create index i on |t|\\(|\\)|,| collate | desc| where |é|'x|[a-z]){0,20}") {
            let _ = written(&sql);
        }
    }
}
