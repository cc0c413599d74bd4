//! What the statement says of a table and the plan does not print.

use super::Use;
use crate::model::Dialect;
use crate::plan::candidates::keys::plain;
use crate::plan::expression::Expr;
use crate::plan::findings::scene::Scene;
use crate::plan::statement::Select;

/// `x IN (SELECT column FROM this table …)`: the server may look for the column in it, and prints no condition that says so.
pub(super) fn looked_for(s: &Scene<'_>, u: &mut Use<'_>, q: &Select) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut turned: Vec<Expr> = Vec::new();
    for e in &q.conditions {
        e.walk(&mut |e| {
            if let Expr::In { what, list, negated } = e
                && let [Expr::Subquery(text)] = list.as_slice()
            {
                // Or the other way round: each row of the subquery is looked for here.
                if !negated && q.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(&u.alias)) {
                    turned.push((**what).clone());
                }
                let other = what.column().and_then(|c| c.qualifier.clone()).or_else(|| q.tables.first().map(|t| t.alias.clone()));
                found.push((other.unwrap_or_default(), text.trim().trim_start_matches('(').to_string()));
            }
        });
    }
    for what in turned {
        if what.column().is_some_and(|c| c.may_be_of(&u.alias))
            && let Ok(Some(key)) = plain(s, u.table, &what)
            && !u.join.iter().any(|(_, k)| *k == key)
        {
            u.join.push(("the subquery".into(), key));
        }
    }
    for (other, text) in found {
        let of_this = |part: &&Select| matches!(part.tables.as_slice(), [t] if t.alias.eq_ignore_ascii_case(&u.alias));
        let read = crate::plan::statement::read(s.dialect, &text)
            .or_else(|| text.strip_suffix(')').and_then(|t| crate::plan::statement::read(s.dialect, t)));
        let Some(_) = read.as_ref().filter(of_this) else { continue };
        let lower = text.to_lowercase();
        let Some(column) = lower.find(" from ").and_then(|end| text.get("select ".len()..end)) else { continue };
        if let Ok(Some(key)) = plain(s, u.table, &s.read(column))
            && !u.join.iter().any(|(_, k)| *k == key)
        {
            u.join.push((other, key));
        }
    }
}

/// PostgreSQL's plan does not print the collation that a comparison asks for; the statement does, and only an index of the same one
/// serves it.
pub(super) fn collate(u: &mut Use<'_>, q: &Select) {
    for e in &q.conditions {
        e.walk(&mut |e| {
            let Expr::Compare { left, right, .. } = e else { return };
            let asked = [left, right].into_iter().find_map(|side| match &**side {
                Expr::Collate { collation, .. } => Some(collation),
                _ => None,
            });
            let column = left.column().or_else(|| right.column()).filter(|c| c.may_be_of(&u.alias));
            if let (Some(collation), Some(column)) = (asked, column) {
                let tests = u.fixed.iter_mut().chain(&mut u.among).chain(&mut u.range);
                for t in tests.filter(|t| t.key.column.as_ref().is_some_and(|c| c.eq_ignore_ascii_case(&column.name))) {
                    let class = format!("COLLATE {} {}", Dialect::Postgres.quote_ident(collation), t.key.class);
                    t.key.class = class.trim_end().to_string();
                }
            }
        });
    }
}
