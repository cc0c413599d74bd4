//! From an UPDATE or DELETE over several tables to the SELECT that finds the same rows: `UPDATE … FROM`, `DELETE … USING`, and MySQL's and
//! MariaDB's forms over joined tables. For advice and plans alone: what is written is not derived from it (see [`super::before`]).

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// Words between UPDATE or DELETE and the table.
const MODIFIERS: [&str; 4] = ["LOW_PRIORITY", "QUICK", "IGNORE", "ONLY"];

/// The SELECT of all columns of the written tables, of what is assigned, and of nothing else; `None` for whatever is no such form.
pub fn reading(dialect: Dialect, text: &str) -> Option<String> {
    let s = Statement::read(dialect, text)?;
    // `WITH x AS (…) UPDATE …`: what stands in front stays there.
    let start = if s.is(0, "WITH") { s.outer(0, &["UPDATE", "DELETE"])? } else { 0 };
    if s.outer(start, &["CURRENT"]).is_some_and(|i| s.is(i + 1, "OF")) {
        return None;
    }
    let end = s.outer(start, &["RETURNING"]).unwrap_or(s.tokens.len());
    let (written, also, from, rest) = match s.is(start, "UPDATE") {
        true => s.update(start, end)?,
        false if s.is(start, "DELETE") => s.delete(start, end)?,
        false => return None,
    };
    let mut columns = if written.is_empty() { vec!["*".to_string()] } else { written.iter().map(|w| format!("{w}.*")).collect() };
    if !written.is_empty() {
        columns.extend(also);
    }
    let before = if start > 0 { format!("{} ", s.slice(0, start)) } else { String::new() };
    // A line comment may end any part: what follows goes on a new line.
    let rest = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
    Some(format!("{before}SELECT {}\nFROM {from}{rest}", columns.join("\n, ")))
}

/// Names of the written tables (none: not known), what else is given out, the tables, and what follows them.
type Parts = (Vec<String>, Vec<String>, String, String);

struct Statement<'a> {
    dialect: Dialect,
    text: &'a str,
    tokens: Vec<Token>,
    /// How many brackets are open before each token.
    depths: Vec<usize>,
}

impl<'a> Statement<'a> {
    fn read(dialect: Dialect, text: &'a str) -> Option<Self> {
        let tokens: Vec<Token> = lex(dialect, text)
            .into_iter()
            .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon))
            .collect();
        if tokens.iter().any(|t| t.kind == TokenKind::Unterminated) {
            return None;
        }
        let mut depth = 0usize;
        let mut depths = Vec::with_capacity(tokens.len());
        for t in &tokens {
            let raw = text.get(t.span.clone())?;
            if raw == ")" {
                depth = depth.saturating_sub(1);
            }
            depths.push(depth);
            if raw == "(" {
                depth += 1;
            }
        }
        Some(Statement { dialect, text, tokens, depths })
    }

    fn raw(&self, i: usize) -> &'a str {
        self.tokens.get(i).and_then(|t| self.text.get(t.span.clone())).unwrap_or("")
    }

    fn is(&self, i: usize, word: &str) -> bool {
        self.tokens.get(i).is_some_and(|t| t.kind != TokenKind::QuotedIdentifier) && self.raw(i).eq_ignore_ascii_case(word)
    }

    /// The first of the words outside brackets, from a token on.
    fn outer(&self, from: usize, words: &[&str]) -> Option<usize> {
        (from..self.tokens.len())
            .find(|i| self.depths[*i] == 0 && !(*i > 0 && self.raw(*i - 1) == ".") && words.iter().any(|w| self.is(*i, w)))
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        match (self.tokens.get(from), to.checked_sub(1).and_then(|i| self.tokens.get(i))) {
            (Some(a), Some(b)) if to > from => self.text.get(a.span.start..b.span.end).unwrap_or(""),
            _ => "",
        }
    }

    fn names(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|t| matches!(t.kind, TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Keyword))
    }

    /// Parts of the tokens between commas outside brackets.
    fn listed(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        let mut start = from;
        for i in from..to {
            if self.depths[i] == 0 && self.raw(i) == "," {
                out.push((start, i));
                start = i + 1;
            }
        }
        out.push((start, to));
        out
    }

    /// `orders`, `shop.orders`, `orders AS o`: the name by which its columns are asked for, the last word.
    fn name_of(&self, from: usize, to: usize) -> Option<String> {
        let last = to.checked_sub(1)?;
        (last >= from && self.names(last)).then(|| self.raw(last).to_string())
    }

    fn update(&self, start: usize, end: usize) -> Option<Parts> {
        let set = self.outer(start, &["SET"])?;
        let first = self.behind_modifiers(start + 1);
        let target = self.slice(first, set);
        let after = self.outer(set, &["WHERE", "ORDER", "LIMIT"]).unwrap_or(end).min(end);
        if self.dialect == Dialect::MySql {
            // The tables stand before SET.
            let joined =
                (first..set).any(|i| self.depths[i] == 0 && (self.raw(i) == "," || self.is(i, "JOIN") || self.is(i, "STRAIGHT_JOIN")));
            let (written, also) = self.assigned(set + 1, after);
            return joined.then(|| (written.unwrap_or_default(), also, target.to_string(), self.slice(after, end).to_string()));
        }
        // `a IS DISTINCT FROM b` may be assigned, too.
        let from = (set..after).find(|i| self.depths[*i] == 0 && self.is(*i, "FROM") && !self.is(*i - 1, "DISTINCT"))?;
        let also = self.assigned(set + 1, from).1;
        // `UPDATE ONLY orders`: without its children, also where it is read.
        let target = if first > start + 1 && self.is(first - 1, "ONLY") { format!("ONLY {target}") } else { target.to_string() };
        let tables = format!("{target}, {}", self.slice(from + 1, after));
        Some((vec![self.name_of(first, set)?], also, tables, self.slice(after, end).to_string()))
    }

    fn delete(&self, start: usize, end: usize) -> Option<Parts> {
        let first = self.behind_modifiers(start + 1);
        let after = self.outer(start, &["WHERE", "ORDER", "LIMIT"]).unwrap_or(end).min(end);
        let rest = self.slice(after, end).to_string();
        let using = self.outer(first, &["USING"]).filter(|u| *u < after);
        if self.dialect == Dialect::MySql {
            let using = using.filter(|u| self.raw(*u + 1) != "(");
            // `DELETE o FROM orders o JOIN …`, `DELETE FROM o USING orders o JOIN …`; `o.*` is the same as `o`.
            let (names, tables) = match (self.is(first, "FROM"), using, self.outer(first, &["FROM"])) {
                (true, Some(u), _) => ((first + 1, u), (u + 1, after)),
                (false, _, Some(f)) if f < after => ((first, f), (f + 1, after)),
                _ => return None,
            };
            let written: Option<Vec<String>> = self
                .listed(names.0, names.1)
                .into_iter()
                .map(|(a, b)| if b >= 2 && self.raw(b - 1) == "*" && self.raw(b - 2) == "." { (a, b - 2) } else { (a, b) })
                .map(|(a, b)| self.name_of(a, b))
                .collect();
            return Some((written?, Vec::new(), self.slice(tables.0, tables.1).to_string(), rest));
        }
        let u = using?;
        if !self.is(first, "FROM") {
            return None;
        }
        let only = self.is(first + 1, "ONLY");
        let table = self.slice(first + 1, u);
        let tables = format!("{table}, {}", self.slice(u + 1, after));
        Some((vec![self.name_of(first + 1 + usize::from(only), u)?], Vec::new(), tables, rest))
    }

    fn behind_modifiers(&self, from: usize) -> usize {
        let mut at = from;
        while MODIFIERS.iter().any(|m| self.is(at, m)) {
            at += 1;
        }
        // SQLite: `UPDATE OR IGNORE t`.
        if self.is(at, "OR") && self.dialect == Dialect::Sqlite { at + 2 } else { at }
    }

    /// The tables that the assignments name (`None` where one names none), and the values that are plain expressions.
    fn assigned(&self, from: usize, to: usize) -> (Option<Vec<String>>, Vec<String>) {
        let (mut tables, mut values) = (Some(Vec::new()), Vec::new());
        for (a, b) in self.listed(from, to) {
            let Some(eq) = (a..b).find(|i| self.depths[*i] == 0 && matches!(self.raw(*i), "=" | ":=")) else { continue };
            let qualifier = (eq >= a + 3 && self.raw(eq - 2) == ".").then(|| self.raw(eq - 3).to_string());
            match (&mut tables, qualifier) {
                (Some(all), Some(q)) if !all.contains(&q) => all.push(q),
                (Some(_), Some(_)) => {}
                (all, None) => *all = None,
                (None, _) => {}
            }
            let value = self.slice(eq + 1, b);
            // Several columns at once (`(a, b) = (SELECT …)`), and DEFAULT, are no values of one column.
            if self.raw(a) != "(" && !self.is(eq + 1, "DEFAULT") && !value.is_empty() {
                values.push(format!("({value}\n)"));
            }
        }
        (tables, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Class, classify};
    use proptest::prelude::*;

    /// On one line, blanks made one.
    fn of(d: Dialect, text: &str) -> Option<String> {
        reading(d, text).map(|s| s.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn joined_writes_become_the_select_of_their_rows() {
        for (d, write, read) in [
            (
                Dialect::Postgres,
                "UPDATE orders AS o SET total = c.rate * 2, state = 'x' FROM customers c JOIN cities t ON t.id = c.city WHERE c.id = o.customer AND t.name = 'Ulm' RETURNING o.id",
                "SELECT o.* , (c.rate * 2 ) , ('x' ) FROM orders AS o, customers c JOIN cities t ON t.id = c.city WHERE c.id = o.customer AND t.name = 'Ulm'",
            ),
            (
                Dialect::Postgres,
                "update only shop.\"Or ders\" set (a, b) = (select 1, 2), c = default from x where x.id = \"Or ders\".id",
                "SELECT \"Or ders\".* FROM ONLY shop.\"Or ders\", x where x.id = \"Or ders\".id",
            ),
            (
                Dialect::Postgres,
                "with gone as (select id from old where update_at < now()) delete from orders using gone, (select 1 from z where a = 1) s where orders.id = gone.id",
                "with gone as (select id from old where update_at < now()) SELECT orders.* FROM orders, gone, (select 1 from z where a = 1) s where orders.id = gone.id",
            ),
            (
                Dialect::Postgres,
                "delete from t using (select 1 as id) s where t.id = s.id",
                "SELECT t.* FROM t, (select 1 as id) s where t.id = s.id",
            ),
            (
                Dialect::Postgres,
                "update t set a = t.b is distinct from s.b from s where t.id = s.id",
                "SELECT t.* , (t.b is distinct from s.b ) FROM t, s where t.id = s.id",
            ),
            (Dialect::Sqlite, "update or ignore t set v = s.v from s where s.id = t.id", "SELECT t.* , (s.v ) FROM t, s where s.id = t.id"),
            (
                Dialect::MySql,
                "UPDATE LOW_PRIORITY orders o JOIN customers c ON c.id = o.customer SET o.total = 0, o.note = concat(c.name, ',') WHERE c.name = 'n7'",
                "SELECT o.* , (0 ) , (concat(c.name, ',') ) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.name = 'n7'",
            ),
            (Dialect::MySql, "update a, b set v = 1 where a.id = b.id", "SELECT * FROM a, b where a.id = b.id"),
            (
                Dialect::MySql,
                "DELETE o, l.* FROM orders o LEFT JOIN `lines` l ON l.o = o.id WHERE o.total = 7",
                "SELECT o.* , l.* FROM orders o LEFT JOIN `lines` l ON l.o = o.id WHERE o.total = 7",
            ),
            (
                Dialect::MySql,
                "delete quick from o using orders o join c using (id) where c.x = 1",
                "SELECT o.* FROM orders o join c using (id) where c.x = 1",
            ),
        ] {
            assert_eq!(of(d, write).as_deref(), Some(read), "{write}");
            assert_eq!(classify(d, &reading(d, write).unwrap_or_default()).class, Class::Read, "{write}");
        }
    }

    #[test]
    fn what_is_no_such_form_is_left_alone() {
        for (d, text) in [
            (Dialect::Postgres, "update t set a = 1 where b = (select max(x) from y)"),
            (Dialect::Postgres, "update t set a = b.x from b where current of c"),
            (Dialect::Postgres, "delete from t where a = 1"),
            (Dialect::Postgres, "insert into t select * from s"),
            (Dialect::Postgres, "merge into t using s on true when matched then delete"),
            (Dialect::MySql, "update t set a = 1"),
            (Dialect::MySql, "delete from t where a in (select b from c)"),
            (Dialect::Postgres, "update t set a = b.x from b where b.y = 'open"),
            (Dialect::Postgres, ""),
        ] {
            assert_eq!(reading(d, text), None, "{text}");
        }
    }

    /// A comment at the end of a part swallows nothing.
    #[test]
    fn line_comments_end_with_their_line() {
        let text = "update t set v = s.v -- the new one\nfrom s -- the source\nwhere s.id = t.id -- by key";
        let read = reading(Dialect::Postgres, text).unwrap_or_default();
        assert_eq!(read, "SELECT t.*\n, (s.v\n)\nFROM t, s\nwhere s.id = t.id");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                let _ = reading(d, &text);
                let _ = reading(d, &format!("update {text} set {text} from {text} where {text}"));
                let _ = reading(d, &format!("delete {text} from {text} using {text}"));
            }
        }
    }
}
