//! Rows that a statement changes, noted one by one: those that foreign keys change with them, too.

use super::*;
use holdpoint::model::{Param, TableInfo};
use std::collections::BTreeMap;

/// What was noted of each table while `sql` ran, as `key×times`; the table's own name stands in front.
async fn noted(place: &Place, s: &Session, names: &[&str], sql: &str) -> String {
    let engine = place.engine();
    let mut tables: Vec<TableInfo> = Vec::new();
    for name in names {
        tables.push(engine.catalog().get().unwrap().table(s, &[(*name).to_string()]).await.unwrap().unwrap());
    }
    let tables: Vec<&TableInfo> = tables.iter().collect();
    for begin in engine.fixes().begin_fix(false) {
        s.fetch(*begin).await.unwrap();
    }
    assert!(engine.fixes().watch(s, &tables).await.unwrap());
    s.fetch(sql).await.unwrap();
    let all: Vec<BTreeMap<Vec<Param>, u64>> = engine.fixes().watched(s, &tables).await.unwrap();
    // Nothing of the watching stays.
    assert_eq!(s.fetch("SELECT count(*) FROM temp.sqlite_schema").await.unwrap().scalar(), Some("0"));
    s.fetch("ROLLBACK").await.unwrap();
    let key = |k: &Vec<Param>| k.iter().map(|p| p.text().unwrap_or("NULL").to_string()).collect::<Vec<_>>().join("/");
    let told = |(name, rows): (&&str, &BTreeMap<Vec<Param>, u64>)| {
        let rows: Vec<String> = rows.iter().map(|(k, n)| if *n == 1 { key(k) } else { format!("{}×{n}", key(k)) }).collect();
        format!("{name}: {}", rows.join(" "))
    };
    names.iter().zip(&all).map(told).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn rows_that_change_are_noted_by_the_keys_that_they_had() {
    let place = Place::with(
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, up REFERENCES tree (id) ON DELETE CASCADE ON UPDATE CASCADE);
         INSERT INTO tree VALUES (1, 1), (2, 1), (3, 2), (4, NULL);
         CREATE TABLE p (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO p VALUES ('x', 1), ('x', 2), ('y', 1);
         CREATE TABLE c (v, a TEXT, b INT, FOREIGN KEY (a, b) REFERENCES p (a, b) ON DELETE SET NULL ON UPDATE CASCADE);
         INSERT INTO c VALUES (1, 'x', 1), (2, 'x', 1), (3, 'y', 1);
         CREATE TABLE odd (rowid, v); INSERT INTO odd VALUES (1, 1), (1, 1), (2, 1)",
    );
    let s = place.session(Access::ReadWrite).await;
    s.fetch("PRAGMA foreign_keys = ON").await.unwrap();
    for (names, sql, wanted) in [
        (&["tree"][..], "DELETE FROM tree WHERE id = 2", "tree: 2 3"),
        (&["tree"], "UPDATE tree SET id = id + 10", "tree: 1 2 3 4"),
        (&["tree"], "UPDATE tree SET id = 9 WHERE id = 2", "tree: 2 3"),
        (&["tree"], "UPDATE tree SET up = up WHERE id > 2", "tree: 3 4"),
        (&["p", "c"], "DELETE FROM p", "p: x/1 x/2 y/1; c: 1 2 3"),
        (&["p", "c"], "UPDATE p SET b = b + 5 WHERE a = 'x'", "p: x/1 x/2; c: 1 2"),
        (&["p", "c"], "UPDATE p SET b = b", "p: x/1 x/2 y/1; c: "),
        (&["odd"], "DELETE FROM odd WHERE v = 1", "odd: 1/1×2 2/1"),
        (&["odd"], "UPDATE odd SET rowid = rowid + 1 RETURNING v", "odd: 1/1×2 2/1"),
    ] {
        assert_eq!(noted(&place, &s, names, sql).await, wanted, "{sql}");
    }
}
