//! Foreign keys that lead to a table, put together from a row for each of their columns.

use crate::model::{Error, Follow, Referrer, Result};

/// Rows of: schema, table, constraint, column, column referred to, rule for DELETE, rule for UPDATE (words of the standard); columns of
/// one key stand together and in order. A further `f` tells a key that does not act, beside the session's `enforced`.
pub(super) fn from_rows(rows: Vec<Vec<Option<String>>>, enforced: bool) -> Result<Vec<Referrer>> {
    let mut out: Vec<Referrer> = Vec::new();
    for row in rows {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let (schema, table, constraint, column, referenced) = (next(), next(), next(), next(), next());
        let (delete, update) = (next(), next());
        let enforced = enforced && next() != "f";
        let (on_delete, on_update) = (Follow::from_words(&delete), Follow::from_words(&update));
        let says = |what: &str, rule: &str| (!matches!(rule, "" | "NO ACTION" | "RESTRICT" | "NONE")).then(|| format!("ON {what} {rule}"));
        let rules: Vec<String> = says("UPDATE", &update).into_iter().chain(says("DELETE", &delete)).collect();
        match out.last_mut().filter(|r| r.schema == schema && r.table == table && r.constraint == constraint) {
            Some(same) => {
                same.columns.push(column);
                same.referenced.push(referenced);
            }
            None => out.push(Referrer {
                constraint,
                schema,
                table,
                columns: vec![column],
                referenced: vec![referenced],
                on_delete,
                on_update,
                rules: rules.join(" "),
                enforced,
            }),
        }
    }
    Ok(out)
}

/// The server refused a row because what its foreign key leads to is not there, by the code of each engine.
pub fn refers_nowhere(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("1216" | "1452" | "23503" | "SQLITE_CONSTRAINT (787)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_key_come_together() {
        let row = |c: &[&str]| c.iter().map(|x| Some((*x).to_string())).collect::<Vec<_>>();
        let found = from_rows(
            vec![
                row(&["s", "k", "fk", "a", "x", "CASCADE", "NO ACTION"]),
                row(&["s", "k", "fk", "b", "y", "CASCADE", "NO ACTION"]),
                row(&["s", "l", "fk", "a", "x", "SET NULL", "SET DEFAULT", "f"]),
            ],
            true,
        )
        .unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].enforced && !found[1].enforced);
        assert_eq!((found[0].columns.join(","), found[0].referenced.join(",")), ("a,b".into(), "x,y".into()));
        assert_eq!((found[0].on_delete, found[0].on_update), (Follow::Cascade, Follow::Nothing));
        assert_eq!((&*found[0].rules, &*found[1].rules), ("ON DELETE CASCADE", "ON UPDATE SET DEFAULT ON DELETE SET NULL"));
        assert_eq!((found[1].on_delete, found[1].on_update), (Follow::Set, Follow::Set));
    }
}
