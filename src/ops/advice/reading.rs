//! The reading part of a statement that writes: advice is upon how it finds its rows.

use crate::model::{Dialect, Error, Result};
use crate::ops::{Connection, explain};
use crate::plan::candidates::{Reason, Why};
use crate::plan::known::Known;
use crate::sql::reserved::ident;
use crate::sql::{self, Class};
use crate::text;

/// Of a statement that writes: what it writes, for the notes.
pub(super) struct Written {
    columns: Vec<String>,
    writes: bool,
}

impl Written {
    /// Foreign keys of other tables that point to rows which go, or whose key is changed, and that have no index.
    pub(super) fn references(&self, conn: &Connection, statement: &str, known: &Known) -> Vec<Reason> {
        let d = conn.dialect();
        let first = crate::plan::statement::read(d, statement).and_then(|q| q.tables.into_iter().next());
        let Some(t) = first.filter(|_| self.writes).and_then(|t| known.table(&t.name)) else { return Vec::new() };
        let in_key = |c: &String| t.indexes.iter().any(|i| i.unique && i.keys.iter().any(|k| k.eq_ignore_ascii_case(c)));
        if !self.columns.is_empty() && !self.columns.iter().any(in_key) {
            return Vec::new();
        }
        let what = if self.columns.is_empty() { "is deleted" } else { "gets another key" };
        let open = t.foreign_keys.iter().filter(|k| k.to_table == t.name && !k.indexed);
        open.map(|k| {
            let columns = k.columns.join(", ");
            let says = format!(
                "the foreign key{} of {} ({columns}) has no index: for each row of {} that {what}, all of {} is read for rows that point to it",
                if k.name.is_empty() { String::new() } else { format!(" {}", k.name) },
                k.table,
                t.name,
                k.table
            );
            let quoted: Vec<String> = k.columns.iter().map(|c| ident(d, c)).collect();
            let schema = k.schema.as_ref().map_or(String::new(), |s| format!("{}.", ident(d, s)));
            let mut r = Reason::new(Why::ForeignKey, &k.table, says).next("Build an index on these columns, and measure the write itself.");
            let name = ident(d, &format!("{}_{}_idx", k.table, k.columns.join("_")));
            r.sql = Some(format!("CREATE INDEX {name} ON {schema}{} ({})", ident(d, &k.table), quoted.join(", ")));
            r
        })
        .collect()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.writes {
            out.push(
                "The statement writes: this is about how it finds its rows. What the write itself costs with one more index is told by \
                 measuring (`--measure`)."
                    .to_string(),
            );
        }
        if !self.columns.is_empty() {
            out.push(format!(
                "It gives new values to {}: an index that holds one of these is written with each row.",
                text::clean(&self.columns.join(", "))
            ));
        }
        out
    }
}

/// The reading part of a statement: itself, or for an UPDATE or DELETE, of one table or of several, a SELECT of the rows that it finds.
pub(super) fn reading(conn: &Connection, text: &str) -> Result<(String, Written)> {
    use crate::sql::before::{Before, Touch, before_image, touch, unlocked};
    let d = conn.dialect();
    if sql::classify(d, text).class != Class::Dml {
        return Ok((explain::unlocked(d, explain::only(d, text)?).to_string(), Written { columns: Vec::new(), writes: false }));
    }
    let statement = explain::only(d, text)?.trim_end_matches(';').to_string();
    let columns = match touch(d, &statement) {
        Touch::Update(columns) => columns,
        _ => Vec::new(),
    };
    match before_image(d, &statement) {
        Before::Select(s) => Ok((with_values(d, unlocked(&s), &statement), Written { columns, writes: true })),
        Before::Nothing => Err(Error::read_only("an INSERT of given rows finds none: no index makes it quicker")
            .hint("For INSERT … SELECT ask with the SELECT.")),
        Before::Unknown(why) => {
            if let Some(joined) = sql::joined::reading(d, &statement).filter(|s| sql::classify(d, s).class == Class::Read) {
                return Ok((joined, Written { columns, writes: true }));
            }
            Err(Error::read_only(format!("the rows that the statement finds cannot be told apart from what it writes: {why}"))
                .hint("Ask with a SELECT that has the same conditions."))
        }
    }
}

/// The SELECT of the rows that an UPDATE finds, with the subqueries that its new values are from: those are looked up for each row.
fn with_values(d: Dialect, select: &str, update: &str) -> String {
    let found = set_subqueries(d, update);
    let from = select.to_ascii_uppercase().find(" FROM ");
    match from.filter(|_| !found.is_empty()) {
        Some(at) => {
            let text = format!("{}, {}{}", &select[..at], found.join(", "), &select[at..]);
            // Only where it is still a plain read.
            if sql::classify(d, &text).class == Class::Read { text } else { select.to_string() }
        }
        None => select.to_string(),
    }
}

/// `(SELECT …)` between SET and WHERE of an UPDATE, each with its parentheses.
fn set_subqueries(d: Dialect, update: &str) -> Vec<String> {
    use crate::sql::{TokenKind, lex};
    let tokens: Vec<_> = lex(d, update).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).map_or("", |t| &update[t.span.clone()]);
    if !word(0).eq_ignore_ascii_case("update") {
        return Vec::new();
    }
    let (mut out, mut open, mut set) = (Vec::new(), Vec::new(), false);
    for i in 0..tokens.len() {
        match word(i) {
            "(" => open.push(i),
            ")" => {
                if let Some(from) = open.pop()
                    && open.is_empty()
                    && set
                    && word(from + 1).eq_ignore_ascii_case("select")
                {
                    out.push(update[tokens[from].span.start..tokens[i].span.end].to_string());
                }
            }
            w if open.is_empty() && w.eq_ignore_ascii_case("set") => set = true,
            w if open.is_empty() && (w.eq_ignore_ascii_case("where") || w.eq_ignore_ascii_case("from")) => set = false,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subqueries_of_new_values_are_read_with_the_rows() {
        let of = |d, update: &str| with_values(d, "SELECT * FROM t WHERE id < 5", update);
        let one = "update t set a = (select sum(x) from o where o.t = t.id), b = 1 where id < 5";
        for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            assert_eq!(of(d, one), "SELECT *, (select sum(x) from o where o.t = t.id) FROM t WHERE id < 5");
            assert_eq!(of(d, "update t set a = (1 + 2) where id in (select id from o)"), "SELECT * FROM t WHERE id < 5");
            assert_eq!(of(d, "delete from t where a = (select 1)"), "SELECT * FROM t WHERE id < 5");
        }
    }
}
