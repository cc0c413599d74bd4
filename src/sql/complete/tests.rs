use super::rank::MOST;
use super::*;
use crate::model::names::{Collector, ForeignKey};
use proptest::prelude::*;
use std::collections::HashMap;

mod engines;
mod ranked;
mod statements;

type Table = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

fn shop() -> Names {
    let mut c = Collector::default();
    let tables: &[Table] = &[
        ("public", "customers", &[("id", "bigint"), ("name", "text"), ("email", "text"), ("Status", "text")]),
        ("public", "orders", &[("id", "bigint"), ("customer_id", "bigint"), ("created_at", "timestamptz"), ("total", "numeric")]),
        ("public", "order_items", &[("order_id", "bigint"), ("product_id", "bigint"), ("quantity", "integer")]),
        ("public", "Mixed", &[("Key", "text"), ("user", "text")]),
        ("archive", "orders_2019", &[("id", "bigint")]),
        ("pg_catalog", "pg_class", &[("relname", "name")]),
    ];
    for (schema, name, columns) in tables {
        c.relation(schema, name, NodeKind::Table, *schema == "pg_catalog");
        for (column, type_name) in *columns {
            c.column(column, type_name);
        }
    }
    c.relation("public", "late", NodeKind::View, false);
    c.relation("public", "monthly", NodeKind::MaterializedView, false);
    c.relation("public", "ledger", NodeKind::Table, false);
    for column in ["id", "net", "gross"] {
        c.column(column, "numeric");
    }
    c.unwritable(&[true, false, true]);
    c.keyed(&[true, true, false]);
    c.place("public", Some((NodeKind::Table, "orders")), "Indexes", NodeKind::Index, "orders_by_day");
    c.place("archive", Some((NodeKind::Table, "orders_2019")), "Indexes", NodeKind::Index, "old_by_day");
    c.place("public", Some((NodeKind::Table, "orders")), "Triggers", NodeKind::Trigger, "touch");
    c.place("public", None, "Functions", NodeKind::Function, "tax_of(amount numeric)");
    c.place("public", None, "Functions", NodeKind::Function, "tidy_up()");
    c.place("public", None, "Functions", NodeKind::Function, "tidy_all()");
    c.place("archive", None, "Functions", NodeKind::Function, "stamp()");
    c.place("public", Some((NodeKind::Table, "ledger")), "Constraints", NodeKind::Constraint, "ledger_pkey");
    c.place("public", Some((NodeKind::Table, "ledger")), "Constraints", NodeKind::Constraint, "ledger_net_check");
    c.place("public", Some((NodeKind::Table, "orders")), "Constraints", NodeKind::Constraint, "orders_pkey");
    c.place("public", None, "Events", NodeKind::Function, "nightly");
    c.key_pair(true, ("public", "orders", "customer_id"), ("public", "customers", "id"));
    c.key_pair(true, ("public", "order_items", "order_id"), ("public", "orders", "id"));
    let path = vec!["public".to_string(), "pg_catalog".into()];
    let boxed = |list: &[&str]| list.iter().map(|n| Box::from(*n)).collect::<Vec<Box<str>>>();
    let functions =
        boxed(&["avg", "cos", "count", "coalesce", "now", "sin", "sum", "max", "archive.total_of", "tax_of", "generate_series"]);
    let names = c.finish(path, vec!["public".into(), "archive".into()], functions);
    Names {
        row_functions: boxed(&["generate_series"]),
        procedures: boxed(&["tidy_up", "archive.pack"]),
        types: boxed(&["integer", "interval", "timestamp with time zone", "archive.mood"]),
        settings: boxed(&["search_path", "statement_timeout", "sql_mode"]),
        roles: boxed(&["postgres", "reporting"]),
        ..names
    }
}

/// The proposals at `|`.
fn at(text: &str) -> Proposals {
    let cursor = text.find('|').unwrap();
    complete(Dialect::Postgres, &text.replacen('|', "", 1), cursor, &shop())
}

/// What the best proposal makes of the text.
fn taken(text: &str) -> String {
    let p = at(text);
    let mut whole = text.replacen('|', "", 1);
    if let Some(best) = p.list.first() {
        whole.replace_range(p.replace, &best.insert);
    }
    whole
}

fn inserts(text: &str) -> Vec<String> {
    at(text).list.into_iter().map(|p| p.insert).collect()
}

/// What a place takes leads, asked for with nothing typed as well.
#[test]
fn short_types_and_the_words_of_a_place_lead() {
    let pg = Dialect::Postgres;
    for (text, best) in [
        ("create table t (b varc|", "varchar"),
        ("create table t (b var|", "varchar"),
        ("select a::timestamptz|", "timestamptz"),
        ("alter table orders alter column total type decim|", "decimal"),
        ("create |", "table"),
        ("create mat|", "materialized view"),
        ("comment on col|", "column"),
        ("comment on |", "table"),
        ("truncate orders resta|", "restart identity"),
    ] {
        assert_eq!(first_of(pg, text).first().map(String::as_str), Some(best), "{text}: {:?}", first_of(pg, text));
    }
    assert!(first_of(pg, "create |").iter().all(|i| !["orders", "add column"].contains(&i.as_str())));
}

/// The case of what is being typed counts, and where nothing is, that of the words before.
#[test]
fn keywords_come_in_the_case_of_the_user() {
    for (text, whole) in [
        ("select id fr|", "select id from"),
        ("SELECT id FR|", "SELECT id FROM"),
        ("SELECT id FROM orders wh|", "SELECT id FROM orders where"),
        ("select id from orders WH|", "select id from orders WHERE"),
    ] {
        let got = taken(text);
        assert_eq!(got.trim_end(), whole, "{text}");
    }
    let first = |text: &str| inserts(text).into_iter().find(|i| i.eq_ignore_ascii_case("where")).expect(text);
    assert_eq!((first("SELECT id FROM orders |"), first("select id from orders |")), ("WHERE".into(), "where".into()));
}

#[test]
fn each_clause_has_its_own() {
    for (text, best) in [
        ("sel|", "select"),
        // Beyond the search path it works with its schema only.
        ("select total_|", "select archive.total_of("),
        ("select archive.total_|", "select archive.total_of("),
        ("SEL|", "SELECT"),
        ("select * from ord|", "select * from orders"),
        ("select * from orders wh|", "select * from orders where"),
        ("SELECT * FROM orders o WHERE o.cus|", "SELECT * FROM orders o WHERE o.customer_id"),
        ("select cre| from orders", "select created_at from orders"),
        ("select * from orders where tot|", "select * from orders where total"),
        ("select * from orders order by cr|", "select * from orders order by created_at"),
        ("select * from orders group |", "select * from orders group by"),
        ("insert into ord|", "insert into orders"),
        ("insert into orders (cust|", "insert into orders (customer_id"),
        ("insert into orders (id, tot|) values (1, 2)", "insert into orders (id, total) values (1, 2)"),
        ("update orders set tot|", "update orders set total"),
        ("update orders set total = 1, cre|", "update orders set total = 1, created_at"),
        ("update orders set total = 1 where cust|", "update orders set total = 1 where customer_id"),
        ("delete from cust|", "delete from customers"),
        ("select coal| from orders", "select coalesce( from orders"),
        ("select * from archive.|", "select * from archive.orders_2019"),
        ("select * from orders_2|", "select * from archive.orders_2019"),
        ("select customers.na| from customers", "select customers.name from customers"),
        ("create index on orders (cust|", "create index on orders (customer_id"),
        ("select 1; select * from cust|", "select 1; select * from customers"),
        ("select * from cust|; select 2", "select * from customers; select 2"),
        ("select * from orders for upd|", "select * from orders for update"),
    ] {
        assert_eq!(taken(text), best, "at {text}");
    }
}

#[test]
fn mysql_has_databases_behind_use_and_variables_behind_at_signs() {
    let of = |text: &str| {
        let cursor = text.find('|').unwrap();
        let p = complete(Dialect::MySql, &text.replacen('|', "", 1), cursor, &shop());
        let mut whole = text.replacen('|', "", 1);
        let best = p.list.first().map(|b| b.insert.clone()).unwrap_or_default();
        whole.replace_range(p.replace, &best);
        whole
    };
    assert_eq!(of("use arc|"), "use archive");
    assert_eq!(of("drop database arc|"), "drop database archive");
    assert_eq!(of("select @@sql_m|"), "select @@sql_mode");
    assert_eq!(of("set @@session.sql_m|"), "set @@session.sql_mode");
    assert_eq!(of("set global sql_m|"), "set global sql_mode");
    assert_eq!(of("drop event |"), "drop event nightly");
    assert_eq!(of("drop event if exists ni|"), "drop event if exists nightly");
    assert_eq!(of("alter event |"), "alter event nightly");
    assert_eq!(of("drop trigger |"), "drop trigger touch");
    assert_eq!(of("drop procedure ti|"), "drop procedure tidy_up");
    assert_eq!(of("drop user ord|"), "drop user ", "tables would be wrong");
    assert_eq!(of("drop user if|"), "drop user if exists");
    assert_eq!(of("drop user rep|"), "drop user reporting");
    assert_eq!(of("select @mine|"), "select @mine", "a variable of the user's own is left alone");
}

#[test]
fn a_schema_whose_names_are_still_to_be_read_is_told() {
    let mut names = shop();
    names.unread = vec!["other".into(), "mysql".into()];
    let of = |names: &Names, text: &str| {
        let cursor = text.find('|').unwrap();
        let p = complete(Dialect::MySql, &text.replacen('|', "", 1), cursor, names);
        (p.unread, p.list.into_iter().map(|p| p.insert).collect::<Vec<_>>())
    };
    assert_eq!(of(&names, "select * from Other.|"), (vec!["other".to_string()], Vec::new()));
    assert_eq!(of(&names, "select * from mysql.us| where 1").0, ["mysql"]);
    assert_eq!(of(&names, "select x.| from other.things x").0, ["other"], "columns are asked for by an alias too");
    assert_eq!(of(&names, "select * from ord|").0, Vec::<String>::new());
    let mut c = Collector::default();
    c.relation("other", "things", NodeKind::Table, false);
    c.column("weight", "int");
    names.add("other", &c.relations());
    assert_eq!(of(&names, "select * from other.|"), (Vec::new(), vec!["things".to_string()]));
    assert_eq!(of(&names, "select x.| from other.things x").1, ["weight"]);
    assert_eq!(of(&names, "select other.things.| from other.things").1, ["weight"]);
}

#[test]
fn each_engine_has_its_own_words() {
    let of = |dialect, text: &str| {
        let list = complete(dialect, &text.replacen('|', "", 1), text.find('|').unwrap(), &shop()).list;
        list.into_iter().map(|p| p.insert).collect::<Vec<_>>()
    };
    let has = |dialect, text: &str, word: &str| of(dialect, text).iter().any(|i| i == word);
    let values = "insert into orders (id) values (1) o|";
    assert!(has(Dialect::Postgres, values, "on conflict") && !has(Dialect::Postgres, values, "on duplicate key update"));
    assert!(has(Dialect::MySql, values, "on duplicate key update") && !has(Dialect::MySql, values, "on conflict"));
    for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
        let inside = of(dialect, "insert into orders (id) values (|");
        assert!(inside.contains(&"default".to_string()) && !inside.iter().any(|i| i.starts_with("on ") || i == "returning"), "{inside:?}");
    }
    assert!(!has(Dialect::MySql, "select * from orders fu|", "full join"));
}

#[test]
fn joins_and_conditions_come_from_foreign_keys() {
    assert_eq!(taken("select * from orders o join |"), "select * from orders o join customers on customers.id = o.customer_id");
    assert_eq!(taken("SELECT * FROM orders o JOIN order|"), "SELECT * FROM orders o JOIN order_items ON order_items.order_id = o.id");
    assert_eq!(taken("select * from orders o join customers c on |"), "select * from orders o join customers c on c.id = o.customer_id");
    assert_eq!(taken("select * from customers c join orders o on |"), "select * from customers c join orders o on o.customer_id = c.id");
    assert_eq!(inserts("select * from orders o join customers c using (i|"), ["id"]);
    // A table that refers to itself: the row above and the rows below.
    let mut names = shop();
    let itself = || ("public".into(), "customers".into());
    names.foreign_keys.push(ForeignKey {
        table: itself(),
        columns: vec!["boss".into()],
        referenced: itself(),
        referenced_columns: vec!["id".into()],
    });
    let text = "select * from customers e join customers b on ";
    let both: Vec<String> = complete(Dialect::Postgres, text, text.len(), &names).list.into_iter().take(2).map(|p| p.insert).collect();
    assert!(both.contains(&"b.id = e.boss".into()) && both.contains(&"b.boss = e.id".into()), "{both:?}");
}

#[test]
fn ctes_subqueries_and_aliases_have_their_columns() {
    assert_eq!(
        taken("with late as (select id, total as due from orders) select du| from late"),
        "with late as (select id, total as due from orders) select due from late"
    );
    assert_eq!(taken("with late as (select * from orders) select * from la|"), "with late as (select * from orders) select * from late");
    assert_eq!(
        taken("with a(x, yonder) as (select 1, 2) select a.yo| from a"),
        "with a(x, yonder) as (select 1, 2) select a.yonder from a"
    );
    assert_eq!(taken("select s.du| from (select total due from orders) s"), "select s.due from (select total due from orders) s");
    assert_eq!(
        taken("select * from (select o.* from orders o) s where s.tot|"),
        "select * from (select o.* from orders o) s where s.total"
    );
    // Inside a subquery of WHERE the outer table is in reach, inside one of FROM it is not.
    assert!(
        inserts("select * from orders o where exists (select 1 from customers c where c.id = o.cust|)")
            .contains(&"customer_id".to_string())
    );
    assert!(!inserts("select * from orders o, (select em| from order_items) x").contains(&"o.email".to_string()));
    // A column that two tables have is qualified.
    assert_eq!(inserts("select i| from orders o join customers c on true")[..2], ["c.id", "o.id"]);
}

#[test]
fn names_are_quoted_only_where_they_must_be() {
    assert_eq!(taken("select * from Mix|"), "select * from \"Mixed\"");
    assert_eq!(taken("select * from \"Mi|"), "select * from \"Mixed\"");
    assert_eq!(taken("select m.us| from \"Mixed\" m"), "select m.\"user\" from \"Mixed\" m");
    assert_eq!(taken("select sta| from customers"), "select \"Status\" from customers");
}

#[test]
fn strings_comments_and_numbers_are_left_alone() {
    for text in ["select 'ord|", "select 'ord|'", "select 1 -- ord|", "select /* ord| */ 1", "select 12|", "select $1|", "select 1 /* ord|"]
    {
        assert_eq!(inserts(text), Vec::<String>::new(), "at {text}");
    }
}

/// Lists on the shop's names: what stands first at `|`, and what must not stand there at all.
fn first_of(dialect: Dialect, text: &str) -> Vec<String> {
    let list = complete(dialect, &text.replacen('|', "", 1), text.find('|').unwrap(), &shop()).list;
    list.into_iter().map(|p| p.insert).collect()
}

const CUSTOMERS: [&str; 4] = ["id", "name", "email", "\"Status\""];
const ORDERS: [&str; 4] = ["id", "customer_id", "created_at", "total"];

#[test]
fn what_a_query_calls_its_columns_can_be_sorted_and_grouped_by() {
    assert_eq!(inserts("select name as nm from customers order by |")[0], "nm");
    assert_eq!(inserts("select name nm, count(*) from customers group by |")[0], "nm");
    assert_eq!(inserts("select lower(name) as nm, total * 2 twice from customers order by id, |")[..2], ["nm", "twice"]);
    assert_eq!(taken("select id, total + id from orders order by tw|"), "select id, total + id from orders order by tw");
    assert_eq!(inserts("select id as a from orders union select name from customers order by |")[0], "a");
    let inside = inserts("select name as nm from customers order by lower(|");
    assert!(!inside.contains(&"nm".to_string()), "PostgreSQL knows it alone, in no expression");
    assert_eq!(first_of(Dialect::MySql, "select name as nm from customers order by lower(|")[0], "nm");
    assert!(!inserts("select name as nm from customers where |").contains(&"nm".to_string()));
    // A sum has no name that a query round it could use.
    assert_eq!(inserts("select s.| from (select total + id, id + 1 as next from orders) s"), ["next"]);
}

#[test]
fn natural_and_cross_joins_have_no_condition() {
    for text in
        ["select * from orders natural join |", "select * from orders natural left outer join |", "select * from orders cross join |"]
    {
        let found = inserts(text);
        assert!(found.contains(&"customers".to_string()) && !found.iter().any(|f| f.contains(" on ")), "{text}: {found:?}");
    }
    assert!(inserts("select * from orders left join |").iter().any(|f| f.contains(" on ")));
}

#[test]
fn a_quote_that_was_just_opened_does_not_swallow_what_follows() {
    let whole = |dialect: Dialect, text: &str| {
        let p = complete(dialect, &text.replacen('|', "", 1), text.find('|').unwrap(), &shop());
        let mut out = text.replacen('|', "", 1);
        if let Some(best) = p.list.first() {
            out.replace_range(p.replace, &best.insert);
        }
        out
    };
    let postgres = |text: &str| whole(Dialect::Postgres, text);
    assert_eq!(postgres("select k.\"Ke| from \"Mixed\" k"), "select k.\"Key\" from \"Mixed\" k");
    assert_eq!(postgres("select \"Ke| from \"Mixed\""), "select \"Key\" from \"Mixed\"");
    assert_eq!(postgres("select c.\"na| from customers c"), "select c.\"name\" from customers c");
    assert_eq!(postgres("select * from \"Mi| where 'a' = 'b'"), "select * from \"Mixed\" where 'a' = 'b'");
    assert_eq!(
        postgres("select 1; select k.\"Ke| from \"Mixed\" k; select \"x\" from y"),
        "select 1; select k.\"Key\" from \"Mixed\" k; select \"x\" from y"
    );
    // One that is closed is replaced whole.
    assert_eq!(postgres("select k.\"Ke|\" from \"Mixed\" k"), "select k.\"Key\" from \"Mixed\" k");
    assert_eq!(whole(Dialect::MySql, "select k.`Ke| from `Mixed` k"), "select k.`Key` from `Mixed` k");
    assert_eq!(
        whole(Dialect::MySql, "select c.`na| from customers c where name = \"`\""),
        "select c.`name` from customers c where name = \"`\""
    );
    for text in
        ["select k.[Ke| from [Mixed] k", "select k.[Ke| from Mixed k", "select k.`Ke| from `Mixed` k", "select k.\"Ke| from \"Mixed\" k"]
    {
        let made = whole(Dialect::Sqlite, text);
        assert!(made.starts_with("select k.\"Key\" from "), "{text}: {made}");
    }
    // In a string it is text.
    assert_eq!(postgres("select 'a \"Ke|' from \"Mixed\""), "select 'a \"Ke' from \"Mixed\"");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(select|from|where|join|on|with|as|insert into|update|set|values|union|orders|o|\\(|\\)|,|\\.|\"|'|;| |é|\\*|--|/\\*|\n){0,40}", cursor in 0usize..200) {
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            let found = complete(dialect, &text, cursor, &shop());
            prop_assert!(found.replace.end <= text.len());
            prop_assert!(text.is_char_boundary(found.replace.start) && text.is_char_boundary(found.replace.end));
        }
    }
    #[test]
    fn any_text_at_all(text in "\\PC{0,80}", cursor in 0usize..300) {
        complete(Dialect::MySql, &text, cursor, &shop());
    }
}

#[test]
fn behind_the_colon_of_a_parameter_nothing_is_proposed() {
    assert!(inserts("select * from orders where id > :to|").is_empty());
    assert_eq!(inserts("select id::int|").first().map(String::as_str), Some("integer"));
}
