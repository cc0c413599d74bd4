//! Files into tables, where the table is an unusual one.

use super::{home_of_sqlite, run};

#[test]
fn virtual_tables_are_imported_into() {
    let home = home_of_sqlite(
        "create virtual table ft using fts5(title, body); insert into ft values ('one', 'first text'), ('two', null);
         create virtual table box using rtree(id, x0, x1); insert into box values (1, 0.5, 2.5);",
    );
    for (table, shown, words) in [
        ("ft", "select title, body from ft", "select title from ft where ft match 'first'"),
        ("box", "select * from box", "select id from box where x1 > 2"),
    ] {
        let file = format!("{table}.csv");
        run(&home, 0, &["query", "dev", &format!("select * from {table}"), "--output", &file]);
        let (before, _) = run(&home, 0, &["query", "dev", shown, "--format", "csv"]);
        run(&home, 0, &["query", "dev", &format!("delete from {table}")]);
        let (_, err) = run(&home, 0, &["import", "dev", table, &file]);
        assert!(err.contains("Tried and rolled back"), "{err}");
        assert_eq!(run(&home, 0, &["query", "dev", &format!("select count(*) as n from {table}"), "--format", "csv"]).0, "n\r\n0\r\n");
        run(&home, 0, &["import", "dev", table, &file, "--commit"]);
        assert_eq!(run(&home, 0, &["query", "dev", shown, "--format", "csv"]).0, before);
        assert!(run(&home, 0, &["query", "dev", words]).1.contains("1 row"), "its index holds the rows");
    }
}
