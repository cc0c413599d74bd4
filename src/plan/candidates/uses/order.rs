//! What ORDER BY asks of a table.

use super::Use;
use crate::plan::candidates::Key;
use crate::plan::candidates::inner;
use crate::plan::candidates::keys::plain;
use crate::plan::expression::{self, Expr, SortKey};
use crate::plan::findings::scene::{Product, Scene};

/// What ORDER BY asks of this table alone, where a LIMIT makes that worth an index.
pub(super) fn order(s: &Scene<'_>, u: &mut Use<'_>) {
    let own = |k: &SortKey, qualified: bool| {
        let columns = k.expr.columns();
        !columns.is_empty()
            && columns.iter().all(|c| {
                c.may_be_of(&u.alias)
                    && (c.qualifier.is_some() || !qualified)
                    && u.table.columns.iter().any(|t| t.name.eq_ignore_ascii_case(&c.name))
            })
    };
    let text = s.known.statement.as_deref().or(s.plan.statement.as_deref());
    let sole =
        s.select.as_ref().is_some_and(|q| q.tables.len() == 1 && q.group.is_empty() && q.tables[0].alias.eq_ignore_ascii_case(&u.alias));
    if let Some(column) = text.filter(|_| sole).and_then(|t| inner::extreme(s.dialect, t)) {
        let e = Expr::Column(expression::Column { qualifier: None, name: column });
        u.order = plain(s, u.table, &e).ok().flatten().into_iter().collect();
        u.extreme = true;
        return;
    }
    let mut keys: Vec<SortKey> = Vec::new();
    // DISTINCT ON keeps the first row of each group in the order of ORDER BY: it reads an index of that order.
    let mut words = text.unwrap_or_default().split_whitespace().map(str::to_lowercase);
    let first_of_each = words.next().is_some_and(|w| w == "select")
        && words.next().is_some_and(|w| w == "distinct")
        && words.next().is_some_and(|w| w == "on" || w.starts_with("on("));
    for a in s.above(u.at) {
        let op = s.node(a).op.as_str();
        if op == "distinct" && first_of_each && !keys.is_empty() {
            break;
        }
        if matches!(op, "aggregate" | "distinct" | "window" | "append" | "union" | "set operation") {
            return;
        }
        if op.contains("sort")
            && s.above(a)
                .take_while(|b| !s.node(*b).op.contains("join"))
                .any(|b| s.node(b).op == "limit" || first_of_each && s.node(b).op == "distinct")
            && let Some(text) = s.condition(a, &["Sort Key"])
        {
            keys = expression::sort_keys(s.dialect, text);
            if !keys.iter().all(|k| own(k, false)) {
                return;
            }
        }
    }
    if keys.is_empty()
        && let Some(order) = walked(s, u)
    {
        u.order = order;
        return;
    }
    if keys.is_empty() {
        let Some(q) = s.select.as_ref().filter(|q| q.group.is_empty() && !q.distinct) else { return };
        let limited = q.limit.is_some() || s.all().any(|i| s.node(i).op == "limit");
        let sole = q.tables.len() == 1;
        if !limited || !q.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(&u.alias)) || !q.order.iter().all(|k| own(k, !sole)) {
            return;
        }
        keys.clone_from(&q.order);
    }
    let made: Option<Vec<Key>> = keys
        .iter()
        .map(|k| {
            // Nulls elsewhere than the engine puts them cannot be asked of a plain key.
            let natural = match s.product {
                Product::Postgres => k.descending,
                _ => !k.descending,
            };
            let mut key = plain(s, u.table, &k.expr).ok()??;
            key.down = k.descending;
            k.nulls_first.is_none_or(|n| n == natural).then_some(key)
        })
        .collect();
    let mut made = made.unwrap_or_default();
    // All of them downwards is the same index read backwards.
    if made.iter().all(|k| k.down) {
        made.iter_mut().for_each(|k| k.down = false);
    }
    u.order = made;
}

/// The order that an inner query with a LIMIT gets by walking through an index, and testing each row on the way: nothing is sorted, and the
/// order is wanted all the same.
fn walked(s: &Scene<'_>, u: &Use<'_>) -> Option<Vec<Key>> {
    s.limited(u.at).filter(|limit| s.above(*limit).next().is_some() && !s.searches(u.at))?;
    let name = s.node(u.at).index.as_deref()?;
    let index = u.table.indexes.iter().find(|i| i.name == name && i.method.is_none() && !i.down.contains(&true))?;
    let key = |column: &String| {
        let e = Expr::Column(expression::Column { qualifier: None, name: column.clone() });
        plain(s, u.table, &e).ok().flatten()
    };
    index.keys.iter().map(key).collect()
}
