//! Headings that a server made of a statement's own text, as the user typed that text.

use super::Bound;
use crate::model::{Column, Dialect};
use crate::sql::lexer::{TokenKind, lex};

/// Items of a select list that were sent otherwise than they were typed. MySQL and MariaDB head a column without a name with its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headings(Vec<(String, String)>);

impl Headings {
    pub(super) fn of(dialect: Dialect, sent: &Bound, typed: &str) -> Headings {
        if sent.shifts.is_empty() || dialect != Dialect::MySql {
            return Headings::default();
        }
        let (mut depth, mut starts) = (0usize, None);
        let mut items = Vec::new();
        for t in lex(dialect, &sent.text) {
            let word = &sent.text[t.span.clone()];
            let ends = match (word, t.kind) {
                ("(", _) => {
                    depth += 1;
                    false
                }
                (")", _) => {
                    depth = depth.saturating_sub(1);
                    false
                }
                (",", _) | (_, TokenKind::Semicolon) => depth == 0,
                (w, TokenKind::Keyword) if depth == 0 && starts.is_none() && w.eq_ignore_ascii_case("select") => {
                    starts = Some(t.span.end);
                    false
                }
                (w, TokenKind::Keyword) => depth == 0 && w.eq_ignore_ascii_case("from"),
                _ => false,
            };
            if let Some(from) = starts.filter(|_| ends) {
                items.push(from..t.span.start);
                starts = Some(t.span.end);
                if word != "," {
                    starts = None;
                    break;
                }
            }
        }
        items.extend(starts.map(|from| from..sent.text.len()));
        let as_typed = items.into_iter().filter_map(|i| {
            let item = sent.text[i.clone()].trim();
            let from = i.start + (sent.text[i.clone()].len() - sent.text[i].trim_start().len());
            let meant = typed.get(sent.typed(from)..sent.typed(from + item.len()))?;
            (meant != item).then(|| (item.to_string(), meant.to_string()))
        });
        Headings(as_typed.collect())
    }

    /// Heads columns by what was typed. Each item heads one: the first that bears its text.
    pub fn put(&self, columns: &mut [Column]) {
        let mut left = self.0.iter().collect::<Vec<_>>();
        for c in columns {
            if let Some(at) = left.iter().position(|(sent, _)| *sent == c.name) {
                c.name = left.remove(at).1.clone();
            }
        }
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Align, Param};
    use crate::sql::params::bind;

    fn headed(typed: &str, names: &[&str]) -> Vec<String> {
        let values = [(":a".to_string(), Param::Number("1.5".into())), (":b".to_string(), Param::Text("x".into()))].into();
        let sent = bind(Dialect::MySql, typed, &values).expect("values");
        let column = |n: &&str| Column { name: n.to_string(), type_name: String::new(), align: Align::Left, origin: None, style: None };
        let mut columns: Vec<Column> = names.iter().map(column).collect();
        sent.headings.put(&mut columns);
        columns.into_iter().map(|c| c.name).collect()
    }

    #[test]
    fn an_expression_is_headed_as_it_was_typed() {
        assert_eq!(headed("select :a + 1, x, :b from t where y = :b", &["CAST(? AS DECIMAL(2,1)) + 1", "x", "?"]), [":a + 1", "x", ":b"]);
        assert_eq!(
            headed("with c as (select :b) select concat(:b, ','), :a", &["concat(?, ',')", "CAST(? AS DECIMAL(2,1))"]),
            ["concat(:b, ',')", ":a"]
        );
    }

    #[test]
    fn what_is_named_or_stands_within_is_left_alone() {
        assert_eq!(headed("select (select max(v) from t where v < :b) m, :b", &["m", "?"]), ["m", ":b"]);
        assert_eq!(headed("select x from t where v < :b", &["?"]), ["?"]);
        assert_eq!(headed("select 1", &["1"]), ["1"]);
    }
}
