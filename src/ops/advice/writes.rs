//! What an index costs those who write: rows of the table are inserted into two empty tables like it, one with the index and one without,
//! by turns, and a column of the index is updated in both. On a copy, rolled back each time.
//!
//! The tables have no triggers and no foreign keys: what is measured is the upkeep of the index beside the table's other ones. They are
//! small, so that of a large index, whose pages come from disk, costs more.

use super::trial::finish;
use crate::engine::Session;
use crate::model::{Dialect, Error, Result};
use crate::ops::measure::{Arm, Effort, by_turns};
use crate::ops::{Connection, Cx};
use crate::plan::candidates::{Answers, Candidate};
use crate::plan::known::Known;
use crate::plan::measure::{Judgement, millis, ratio};
use crate::sql::reserved::ident;
use std::time::Duration;

/// Rows that are written at a time.
const ROWS: u64 = 10_000;
/// Bytes of an expression's value, where no statistics tell.
const EXPRESSION: f64 = 16.0;
/// Longest for one kind of write.
const TIME: Duration = Duration::from_secs(20);
const TWINS: [&str; 2] = ["holdpoint_without", "holdpoint_with"];

/// What was measured; `before` is without the index.
#[derive(Debug, Clone, PartialEq)]
pub struct Writes {
    pub rows: u64,
    pub insert: Judgement,
    /// Of a column of the index; `None` where that could not be tried.
    pub update: Option<Judgement>,
    /// Why not, a sentence.
    pub no_update: Option<String>,
}

impl Writes {
    pub fn lines(&self) -> Vec<String> {
        let one = |word: &str, j: &Judgement| {
            format!(
                "Write cost, measured on the copy: {word} {} rows takes {} without it and {} with it; the ratio is {}, {}.",
                crate::text::thousands(self.rows),
                millis(j.before.median_ms),
                millis(j.after.median_ms),
                ratio(j.ratio),
                j.certainty()
            )
        };
        let mut out = vec![one("inserting", &self.insert)];
        out.extend(self.update.as_ref().map(|u| one("updating a column of it in", u)));
        out.extend(self.no_update.clone());
        out
    }
}

/// Bytes of an index entry to bytes of a row, times the share of rows that are in it (plans.md §7.5). `None` where an entry is not one of a
/// row (GIN has one for each element, BRIN one for many rows), where widths are not known, or how many rows of the table it would hold.
pub(super) fn reckoned(c: &Candidate, known: &Known, answers: &Answers) -> Option<f64> {
    let t = known.tables.iter().find(|t| t.name == c.relation && t.schema == c.schema)?;
    let width = |name: &str| t.spread.get(name).and_then(|s| s.width);
    let row: f64 = t.columns.iter().filter_map(|col| width(&col.name)).sum();
    let mut entries = 0.0;
    for c in c.all() {
        if c.method.is_some() {
            return None;
        }
        let mut entry = 8.0;
        for k in &c.keys {
            entry += k.column.as_deref().and_then(width).or(k.column.is_none().then_some(EXPRESSION))?;
        }
        for name in &c.include {
            entry += width(name)?;
        }
        entries += match &c.only_where {
            None => entry,
            Some(w) => entry * answers.kept.get(&(c.table.clone(), w.clone())).copied()?,
        };
    }
    (row > 0.0).then(|| entries / (27.0 + row))
}

/// What is known of the write cost before anything is measured: a sentence. Only PostgreSQL has schemas, HOT updates and other methods.
pub(super) fn words(c: &Candidate, cost: Option<f64>) -> Option<String> {
    let it = if c.with.is_empty() { "it" } else { "them" };
    let hot = if c.schema.is_some() { format!("; an update of a column in {it} is no HOT update any more") } else { String::new() };
    let open = "the write cost is not reckoned; `--measure` measures it";
    match (cost, c.method.as_deref()) {
        (Some(w), _) if c.only_where.is_some() => Some(format!(
            "On the average of all rows that are written about {:.0} % more is written: only those that pass its condition are in it{hot}.",
            w * 100.0
        )),
        (Some(w), _) => Some(format!("Each row that is written writes about {:.0} % more for {it}{hot}.", w * 100.0)),
        (None, Some("brin")) => Some(format!(
            "A row that is written changes it only where it widens what its part of the table holds: {open}. Up to PostgreSQL 15 an update of \
             its column is no HOT update any more."
        )),
        (None, Some(_)) => Some(format!("A row that is written writes an entry for each of its elements: {open}{hot}.")),
        (None, None) if c.only_where.is_some() => {
            Some(format!("Only rows that pass its condition write to it, and how many that are is not known: {open}{hot}."))
        }
        (None, None) => None,
    }
}

/// `None` where the table is empty.
pub(super) async fn measure(cx: &Cx, copy: &Connection, writer: &Session, known: &Known, c: &Candidate) -> Result<Option<Writes>> {
    let d = copy.dialect();
    let name = |twin: &str| match (&c.schema, d) {
        (Some(s), Dialect::Postgres) => format!("{}.{}", ident(d, s), ident(d, twin)),
        _ => ident(d, twin),
    };
    let mut path: Vec<String> = c.schema.iter().filter(|_| d == Dialect::Postgres).cloned().collect();
    path.push(c.relation.clone());
    let Some(table) = copy.catalog()?.table(writer, &path).await? else { return Ok(None) };
    let columns = table.columns.iter().filter(|col| !col.generated).map(|col| ident(d, &col.name)).collect::<Vec<_>>().join(", ");
    let counted = writer.fetch(format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {ROWS}) AS n", c.table)).await?;
    let rows: u64 = counted.scalar().and_then(|n| n.parse().ok()).unwrap_or(0);
    if rows == 0 {
        return Ok(None);
    }
    let done = async {
        for twin in TWINS {
            for sql in copy.engine().trials().twin(writer, &c.table, &name(twin)).await? {
                finish(cx, writer, &sql).await?;
            }
        }
        let own = Candidate { table: name(TWINS[1]), relation: TWINS[1].into(), name: "holdpoint_with_own".into(), ..c.clone() };
        finish(cx, writer, &own.create(d, false)).await?;
        let fill = |twin: &str| format!("INSERT INTO {} ({columns}) SELECT {columns} FROM {} LIMIT {ROWS}", name(twin), c.table);
        let insert = duel(cx, copy, TWINS.map(fill)).await?;
        let mut out = Writes { rows, insert, update: None, no_update: None };
        match updated(known, &table, c) {
            Err(why) => out.no_update = Some(why),
            Ok(column) => {
                for twin in TWINS {
                    finish(cx, writer, &fill(twin)).await?;
                }
                let (one, other) = values(&ident(d, &column), &c.table);
                let two = writer.fetch(format!("SELECT 1 WHERE {other} IS NOT NULL")).await;
                if two.is_ok_and(|t| !t.rows.is_empty()) {
                    let column = ident(d, &column);
                    // Every row changes: MariaDB and MySQL write none that keeps its value.
                    let text =
                        |twin: &str| format!("UPDATE {} SET {column} = CASE WHEN {column} = {one} THEN {other} ELSE {one} END", name(twin));
                    out.update = Some(duel(cx, copy, TWINS.map(text)).await?);
                } else {
                    out.no_update = Some(format!("Updates were not measured: {column} has no two values that can be told apart."));
                }
            }
        }
        Ok::<_, Error>(out)
    }
    .await;
    for twin in TWINS {
        // The copy goes anyway.
        let _ = writer.fetch(format!("DROP TABLE IF EXISTS {}", name(twin))).await;
    }
    done.map(Some)
}

/// Two different values of the column, as SQL, out of as many rows as are written.
fn values(column: &str, table: &str) -> (String, String) {
    let one = format!("(SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1)");
    let other = format!("(SELECT o.{column} FROM (SELECT {column} FROM {table} LIMIT {ROWS}) o WHERE o.{column} <> {one} LIMIT 1)");
    (one, other)
}

/// A column of the index that may be given other values; why none may.
fn updated(known: &Known, table: &crate::model::TableInfo, c: &Candidate) -> std::result::Result<String, String> {
    let none = |why: &str| format!("Updates were not measured: {why}.");
    let Some(t) = known.tables.iter().find(|t| t.name == c.relation && t.schema == c.schema) else {
        return Err(none("the table is not known"));
    };
    let in_unique = |column: &str| t.indexes.iter().any(|i| i.unique && i.keys.iter().any(|k| k == column));
    c.keys
        .iter()
        .filter_map(|k| k.column.clone())
        .find(|column| !in_unique(column) && !table.key.contains(column) && table.columns.iter().any(|x| x.name == *column && !x.generated))
        .ok_or_else(|| none("each column of the index is part of a unique key, or computed"))
}

async fn duel(cx: &Cx, copy: &Connection, texts: [String; 2]) -> Result<Judgement> {
    let session = copy.migrator().await?;
    let [without, with] = texts;
    let without = Arm::on_copy(copy, session.clone(), "without the index", &without, true);
    let with = Arm::on_copy(copy, session.clone(), "with the index", &with, true);
    let done = by_turns(cx, &without, &with, Effort { time: TIME, most: 12, anyway: true, ..Effort::default() }).await;
    session.close().await;
    Ok(done?.judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::candidates::{Key, Shape};
    use crate::plan::known::{Column, Spread, Table};

    fn candidate(method: Option<&str>, only_where: Option<&str>) -> Candidate {
        Candidate {
            name: "t_a_idx".into(),
            table: "public.t".into(),
            schema: Some("public".into()),
            relation: "t".into(),
            keys: vec![Key { sql: "a".into(), column: Some("a".into()), class: String::new(), down: false }],
            equal: 1,
            include: vec![],
            only_where: only_where.map(str::to_string),
            method: method.map(str::to_string),
            shapes: vec![Shape::Equality],
            behind: false,
            caution: None,
            why: String::new(),
            nodes: vec![],
            partitioned: false,
            with: vec![],
            instead: None,
        }
    }

    /// A B-tree has an entry for each row, a partial one for each of its own; what is kept otherwise is not reckoned as if it were one.
    #[test]
    fn only_what_has_an_entry_for_each_row_is_reckoned() {
        let wide = |width| Spread { width: Some(width), ..Spread::default() };
        let table = Table {
            schema: Some("public".into()),
            name: "t".into(),
            columns: ["a", "b"].map(|name| Column { name: name.into(), type_name: "text".into() }).to_vec(),
            spread: [("a".to_string(), wide(8.0)), ("b".to_string(), wide(65.0))].into(),
            ..Table::default()
        };
        let known = Known { tables: vec![table], ..Known::default() };
        let mut answers = Answers::default();
        let of = |answers: &Answers, method, only_where| {
            let c = candidate(method, only_where);
            let cost = reckoned(&c, &known, answers);
            (cost, words(&c, cost).expect("words"))
        };
        let (cost, says) = of(&answers, None, None);
        assert!(cost == Some(0.16) && says.starts_with("Each row that is written writes about 16 % more"), "{says}");
        let (cost, says) = of(&answers, None, Some("a = 'x'"));
        assert!(cost.is_none() && says.contains("how many that are is not known"), "{says}");
        answers.kept.insert(("public.t".into(), "a = 'x'".into()), 0.25);
        let (cost, says) = of(&answers, None, Some("a = 'x'"));
        assert!(cost == Some(0.04) && says.contains("about 4 % more"), "{says}");
        let (cost, says) = of(&answers, Some("brin"), None);
        assert!(cost.is_none() && says.contains("only where it widens") && says.contains("not reckoned"), "{says}");
        let (cost, says) = of(&answers, Some("gin"), None);
        assert!(cost.is_none() && says.contains("an entry for each of its elements"), "{says}");
    }
}
