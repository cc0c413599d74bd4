//! Words that MySQL and MariaDB, or all engines, have apart.

use super::*;

fn names(mariadb: bool) -> Names {
    let mut names = shop();
    let functions = crate::sql::functions::of_mysql(mariadb).map(Box::from);
    names.functions.extend(functions);
    names.roles = ["'app'@'%'", "'reporting'"].map(Box::from).into();
    names.mariadb = mariadb;
    let place = |kind, group: &str| crate::model::names::Place {
        schema: "public".into(),
        relation: Some((NodeKind::Table, "orders".into())),
        group: group.into(),
        kind,
    };
    names.add_place(place(NodeKind::Constraint, "Checks"), "total_is_right");
    names.add_place(place(NodeKind::Constraint, "Foreign keys"), "orders_customer");
    names.pack();
    names
}

fn of(names: &Names, text: &str) -> Vec<String> {
    let cursor = text.find('|').unwrap();
    complete(Dialect::MySql, &text.replacen('|', "", 1), cursor, names).list.into_iter().map(|p| p.insert).collect()
}

#[test]
fn mysql_and_mariadb_have_words_of_their_own() {
    let (maria, my) = (names(true), names(false));
    // The text, what MySQL is proposed and MariaDB not, and the other way round.
    for (text, mysql, mariadb) in [
        ("select json_|", "", "json_loose("),
        ("select any_|", "any_value(", ""),
        ("select uuid_to|", "uuid_to_bin(", ""),
        ("select regexp_l|", "regexp_like(", ""),
        ("select nv|", "", "nvl2("),
        ("select * from orders join lat|", "lateral", ""),
        ("delete from orders where id = 1 ret|", "", "returning"),
        ("tab|", "table", ""),
        ("create or rep|", "", "replace table"),
        ("create seq|", "", "sequence"),
        ("explain |", "analyze", "extended"),
        ("explain format=|", "tree", ""),
        ("set |", "persist", "statement"),
        ("alter table orders |", "drop check", "add system versioning"),
        ("show binary |", "log status", ""),
        ("analyze table orders update his|", "histogram on", ""),
        ("select /*+ no_i|", "no_index(", ""),
        ("select /*+|", "join_order(", ""),
        ("select /*+ index(o) sk|", "skip_scan(", ""),
        ("create table x (a int vis|", "visible", ""),
        ("create table x (a int pers|", "", "persistent"),
    ] {
        let has = |names: &Names, word: &str| word.is_empty() || of(names, text).iter().any(|w| w == word);
        assert!(has(&my, mysql), "MySQL, {text}: {:?}", of(&my, text));
        assert!(has(&maria, mariadb), "MariaDB, {text}: {:?}", of(&maria, text));
        assert!(mysql.is_empty() || !has(&maria, mysql), "MariaDB, {text}: {:?}", of(&maria, text));
        assert!(mariadb.is_empty() || !has(&my, mariadb), "MySQL, {text}: {:?}", of(&my, text));
    }
    for (text, both) in [
        ("select row_numb|", "row_number("),
        ("select * from orders where id = lef|", "left("),
        ("set persist sql|", "sql_mode"),
        ("show replica |", "status"),
        ("show engine |", "innodb status"),
        ("show create |", "table"),
        ("show grants for |", "'app'@'%'"),
        ("set role rep|", "'reporting'"),
        ("grant rep|", "'reporting'"),
        ("grant select on orders to ap|", "'app'@'%'"),
        ("drop user ap|", "'app'@'%'"),
        ("alter user |", "'app'@'%'"),
        ("alter table orders drop foreign key |", "orders_customer"),
        ("select * from orders use index (|", "orders_by_day"),
        ("select * from customers c join orders o force index (ord|", "orders_by_day"),
        (
            "select * from json_table('[]', '$[*]' columns(aa int path '$.a', nested path '$.b' columns (bb text path '$'))) j where j.|",
            "bb",
        ),
        ("create table x (a int inv|", "invisible"),
        ("create table x (a int auto|", "auto_increment"),
    ] {
        for names in [&my, &maria] {
            assert!(of(names, text).iter().any(|w| w == both), "{text}: {:?}", of(names, text));
        }
    }
    assert_eq!(of(&my, "alter table orders drop check |"), ["total_is_right"]);
    assert!(!of(&my, "alter table orders drop foreign key |").contains(&"total_is_right".to_string()));
    assert!(of(&my, "select * from orders use index (|").iter().all(|w| w != "customers"));
    assert!(of(&my, "select 1 /*+ no|").is_empty() && of(&my, "select /*+ qb_name(|").is_empty(), "no hints there");
}

#[test]
fn no_group_is_made_of_what_counts_rows() {
    for (text, there) in [
        ("select count(*), name from customers group by |", false),
        ("select count(*) as count, name from customers group by |", false),
        ("select count(*), name from customers order by |", true),
        ("select lower(name) as count from customers group by |", true),
    ] {
        assert_eq!(inserts(text).iter().any(|w| w == "count"), there, "{text}: {:?}", inserts(text));
    }
}

#[test]
fn the_first_words_are_the_engines_own() {
    let first = |dialect| {
        let p = complete(dialect, "", 0, &Names::default());
        p.list.into_iter().map(|p| p.insert.to_ascii_uppercase()).collect::<Vec<_>>()
    };
    assert!(first(Dialect::Postgres).contains(&"TRUNCATE".to_string()));
    assert!(!first(Dialect::Sqlite).contains(&"TRUNCATE".to_string()) && !first(Dialect::Sqlite).contains(&"SHOW".to_string()));
}

#[test]
fn a_table_that_bears_a_keyword_has_its_columns() {
    let mut c = crate::model::names::Collector::default();
    c.relation("shop", "events", crate::model::NodeKind::Table, false);
    for column in ["id", "order_id"] {
        c.column(column, "bigint");
    }
    let names = c.finish(vec!["shop".into()], vec!["shop".into()], Vec::new());
    for text in ["select * from events where ord|", "select * from events where events.ord|", "select * from shop.events e where e.ord|"] {
        assert!(of(&names, text).iter().any(|p| p.ends_with("order_id")), "{text}: {:?}", of(&names, text));
    }
}
