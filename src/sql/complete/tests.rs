use super::rank::MOST;
use super::*;
use crate::model::names::Collector;
use proptest::prelude::*;
use std::collections::HashMap;

mod engines;

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
    let functions = boxed(&["count", "coalesce", "now", "archive.total_of", "tax_of", "generate_series"]);
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
fn where_one_kind_of_name_may_stand_only_that_is_proposed() {
    for (text, all) in [
        ("call |", &["tidy_up(", "archive.pack("][..]),
        ("drop view |", &["late"]),
        ("drop table lat|", &[]),
        ("drop materialized view if exists |", &["monthly"]),
        ("refresh |", &["materialized view"]),
        ("refresh materialized view concurrently |", &["monthly"]),
        ("drop index concurrently |", &["orders_by_day", "archive.old_by_day"]),
        ("drop trigger |", &["touch"]),
        ("drop trigger touch on ord|", &["orders", "order_items", "archive.orders_2019"]),
        ("drop function |", &["tax_of", "tidy_all", "archive.stamp"]),
        ("drop procedure tid|", &["tidy_up"]),
        ("alter table if exists led|", &["ledger"]),
        ("truncate led|", &["ledger"]),
        ("truncate table orders, led|", &["ledger"]),
        ("drop table orders, led|", &["ledger"]),
        ("drop view archive.|", &[]),
        ("alter table ledger drop column n|", &["net"]),
        ("alter table ledger add column x inte|", &["integer", "interval"]),
        ("alter table ledger alter column net type inte|", &["integer", "interval"]),
        ("create table t (id inte|", &["integer", "interval"]),
        ("select '1'::inte|", &["integer", "interval"]),
        ("select cast(total as times|", &["timestamp with time zone"]),
        ("set stat|", &["statement_timeout"]),
        ("set local sea|", &["search_path"]),
        ("show stat|", &["statement_timeout"]),
        ("drop schema arc|", &["archive"]),
        ("insert into ledger (|", &["net"]),
        ("insert into ledger (net, |", &[]),
        ("update ledger set |", &["net"]),
        ("create index on ledger (|", &["id", "net", "gross"]),
    ] {
        // A schema leads to further ones of the kind.
        let schemas = text.contains("schema");
        let list = at(text).list.into_iter().filter(|p| schemas || p.kind != ProposalKind::Schema);
        let mut found: Vec<String> = list.map(|p| p.insert).collect();
        let mut wanted: Vec<&str> = all.to_vec();
        found.sort();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "at {text}");
    }
    assert!(inserts("select * from gener|").contains(&"generate_series(".to_string()), "a function that gives rows");
    assert!(!inserts("select * from coal|").contains(&"coalesce(".to_string()), "one that gives a value");
    let values = inserts("insert into orders (id) values (|");
    assert!(values.contains(&"now(".to_string()) && !values.contains(&"total".to_string()), "{values:?}");
    assert!(inserts("drop |").contains(&"trigger".to_string()));
    assert_eq!(taken("drop tri|"), "drop trigger");
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
fn with_nothing_typed_columns_come_as_their_table_has_them() {
    let wide = ["zone", "address_of_it", "b", "mm", "a"];
    let mut c = Collector::default();
    c.relation("public", "wide", NodeKind::Table, false);
    for column in wide {
        c.column(column, "text");
    }
    let mut names = c.finish(vec!["public".into()], vec!["public".into()], Vec::new());
    let of = |names: &Names, text: &str| {
        let list = complete(Dialect::Postgres, &text.replacen('|', "", 1), text.find('|').unwrap(), names).list;
        list.into_iter().filter(|p| p.kind == ProposalKind::Column).map(|p| p.insert).collect::<Vec<_>>()
    };
    assert_eq!(of(&names, "insert into wide (|"), wide);
    assert_eq!(of(&names, "select w.| from wide w"), wide);
    // Once used is not used.
    names.used = HashMap::from([("a".to_string(), 1)]);
    assert_eq!(of(&names, "select w.| from wide w"), wide);
    names.used = HashMap::from([("mm".to_string(), 7)]);
    assert_eq!(of(&names, "select w.| from wide w")[..2], ["mm", "zone"]);
    assert_eq!(of(&names, "insert into wide (|"), wide, "what is listed whole is listed in order");
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

#[test]
fn what_is_used_comes_first_and_fuzzy_letters_find() {
    let mut names = shop();
    names.used = HashMap::from([("order_items".to_string(), 9)]);
    let text = "select * from order";
    let best = complete(Dialect::Postgres, text, text.len(), &names).list.remove(0);
    assert_eq!(best.insert, "order_items");
    assert_eq!(taken("select * from oit|"), "select * from order_items");
    assert!(at("select * from orders|").complete);
}

#[test]
fn five_thousand_tables_take_less_than_a_frame() {
    let mut c = Collector::default();
    for t in 0..5000 {
        c.relation("public", &format!("table_{t:04}_of_many"), NodeKind::Table, false);
        for n in 0..20 {
            c.column(&format!("column_{n}"), "text");
        }
    }
    let names = c.finish(vec!["public".into()], vec!["public".into()], Vec::new());
    let text = "select * from table_0042_of_many t join t";
    let start = std::time::Instant::now();
    let found = complete(Dialect::Postgres, text, text.len(), &names);
    // The budget is 10 ms in a release build; a debug build on a busy machine is many times slower.
    assert!(start.elapsed().as_millis() < if cfg!(debug_assertions) { 2000 } else { 10 }, "{:?}", start.elapsed());
    assert_eq!(found.list.len(), MOST);
}

/// Lists on the shop's names: what stands first at `|`, and what must not stand there at all.
fn first_of(dialect: Dialect, text: &str) -> Vec<String> {
    let list = complete(dialect, &text.replacen('|', "", 1), text.find('|').unwrap(), &shop()).list;
    list.into_iter().map(|p| p.insert).collect()
}

const CUSTOMERS: [&str; 4] = ["id", "name", "email", "\"Status\""];
const ORDERS: [&str; 4] = ["id", "customer_id", "created_at", "total"];

#[test]
fn merge_inserts_into_its_target_and_reads_both() {
    let merge = "merge into orders o using customers c on o.customer_id = c.id when not matched then insert (";
    assert_eq!(inserts(&format!("{merge}|")), ORDERS);
    assert_eq!(inserts(&format!("{merge}id, |) values (1)")), ORDERS[1..]);
    let values = inserts(&format!("{merge}id) values (|"));
    assert!(values.contains(&"email".to_string()) && !values.iter().any(|v| v == "total" || v == "on conflict"), "{values:?}");
    let set = "merge into orders o using customers c on true when matched then update set |";
    assert_eq!(inserts(set)[..4], ORDERS);
    let on = inserts("merge into orders o using customers c on tot|");
    assert_eq!(on.first().map(String::as_str), Some("total"));
    assert_eq!(inserts("merge into orders o using customers c on true when matched then |")[0], "update set");
    // The same behind a WITH list.
    assert_eq!(inserts(&format!("with x as (select 1) {merge}|")), ORDERS);
}

#[test]
fn behind_the_first_words_of_statements_that_are_no_queries_no_table_is_proposed() {
    let of = |d: Dialect, text: &str| first_of(d, text);
    let my = Dialect::MySql;
    for (d, text, some) in [
        (my, "show |", ["tables", "processlist"]),
        (my, "show full |", ["tables", "processlist"]),
        (my, "kill |", ["query", "connection"]),
        (my, "load data |", ["infile", "local infile"]),
        (my, "explain |", ["select", "update"]),
        (Dialect::Postgres, "explain |", ["select", "analyze"]),
        (Dialect::Sqlite, "explain |", ["query plan", "select"]),
    ] {
        let got = of(d, text);
        assert!(some.iter().all(|w| got.contains(&(*w).to_string())), "{text}: {got:?}");
        assert!(!got.iter().any(|g| g == "orders" || g == "add column"), "{text}: {got:?}");
    }
    assert!(of(my, "show cre|")[..4].contains(&"create table".to_string()));
    assert!(of(my, "show create table ord|").contains(&"orders".to_string()));
    assert!(of(my, "explain select * from ord|").contains(&"orders".to_string()));
}

#[test]
fn on_conflict_names_columns_of_the_target_and_the_row_that_was_refused() {
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let of = |text: &str| first_of(dialect, text);
        assert_eq!(of("insert into orders (id, total) values (1, 2) on conflict (|"), ORDERS);
        assert_eq!(of("insert into orders (id, total) values (1, 2) on conflict (id, tot|) do nothing"), ["total"]);
        assert_eq!(of("insert into orders (id) values (1) on conflict (id) do update set total = excluded.|"), ORDERS);
        assert_eq!(of("insert into orders (id) values (1) on conflict (id) do update set total = excluded.tot|, id = 2"), ["total"]);
        assert_eq!(of("insert into orders (id) values (1) on conflict (id) do update set |")[..4], ORDERS);
        assert_eq!(of("insert into orders (id) values (1) on conflict (id) do update set total = coalesce(tot|")[0], "total");
        assert_eq!(of("insert into orders (id) values (1) on conflict (id) do update set total = exc|")[0], "excluded");
        let copied = of("insert into orders (id) select id from customers on conflict (id) do update set total = |");
        assert!(copied.contains(&"total".to_string()) && !copied.contains(&"email".to_string()), "{copied:?}");
        // Only what a unique key has can conflict; a key's column may be one that the server fills.
        assert_eq!(of("insert into ledger (net) values (1) on conflict (|"), ["id", "net"]);
        assert_eq!(of("insert into ledger (net) values (1) on conflict (id) do update set |")[0], "net");
        // Behind a UNION it is the INSERT's still.
        let union = "insert into orders (id, total) select id, 0 from customers union all select id, 1 from archive.orders_2019";
        assert_eq!(of(&format!("{union} on conflict (|")), ORDERS);
        assert_eq!(of(&format!("{union} on conflict (id) do update set total = excluded.|")), ORDERS);
        assert!(of(&format!("{union} on conflict (id) |")).contains(&"do update set".to_string()));
        assert_eq!(of(&format!("{union} returning |"))[..4], ORDERS);
        assert_eq!(of(&format!("{union} where |"))[..1], ["id"], "the second query's own");
        assert!(!of(&format!("{union} where |")).contains(&"total".to_string()));
        assert!(of("insert into orders (id) values (1) on conflict (id) |").contains(&"do update set".to_string()));
        assert!(of("insert into orders (id) values (1) on conflict |").contains(&"do nothing".to_string()));
        assert_eq!(of("select excluded.| from orders"), Vec::<String>::new(), "it is a name there like any other");
    }
    // MySQL and MariaDB.
    let of = |text: &str| first_of(Dialect::MySql, text);
    let duplicate = "insert into orders (id, total) values (1, 2) on duplicate key update";
    assert_eq!(of(&format!("{duplicate} |"))[..4], ORDERS);
    assert_eq!(of(&format!("{duplicate} total = values(|")), ORDERS);
    assert_eq!(of(&format!("{duplicate} total = values(tot|), id = 1")), ["total"]);
    assert_eq!(of(&format!("{duplicate} total = values(total), |"))[..4], ORDERS);
    assert_eq!(of("insert into orders (id) values (1) as fresh on duplicate key update total = fresh.|"), ORDERS);
    assert_eq!(of("insert into orders (id) values (1) as fresh on duplicate key update total = tot|")[0], "total");
}

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
fn statements_about_a_table_name_its_columns_and_constraints() {
    for (text, all) in [
        ("alter table customers add constraint x foreign key (|", &CUSTOMERS[..]),
        ("alter table customers add primary key (|", &CUSTOMERS),
        ("alter table customers add constraint x unique (id, na|", &["name"]),
        ("alter table orders add foreign key (customer_id) references customers (|", &CUSTOMERS),
        ("alter table ledger drop constraint |", &["ledger_net_check", "ledger_pkey"]),
        ("alter table public.ledger drop constraint if exists |", &["ledger_net_check", "ledger_pkey"]),
        ("alter table ledger rename constraint |", &["ledger_net_check", "ledger_pkey"]),
        ("insert into ledger (net) values (1) on conflict on constraint |", &["ledger_net_check", "ledger_pkey"]),
        ("copy orders (|", &ORDERS),
        ("copy orders (id, tot|) from stdin", &["total"]),
        ("copy public.orders (|", &ORDERS),
        ("analyze orders (tot|", &["total"]),
        ("grant select (| on orders to me", &ORDERS),
        ("create unique index concurrently i on orders using btree (tot|", &["total"]),
        ("create index i on orders (id) include (|", &ORDERS),
        ("create table t (a int, b text, primary key (|", &["a", "b"]),
        ("create table t (a int, b text references customers (em|", &["email"]),
        ("create trigger x before insert on orders for each row execute function |", &["tidy_all()", "archive.stamp()"]),
        ("create trigger x before insert on orders for each row execute function ti|", &["tidy_all()"]),
        ("select * from orders o join customers c on true for update of |", &["o", "c"]),
        ("select * from orders o join customers c on true for no key update of o, |", &["o", "c"]),
    ] {
        let mut found = inserts(text);
        let mut wanted: Vec<&str> = all.to_vec();
        found.sort();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "at {text}");
    }
    for (text, best) in [
        ("alter table orders add check (tot|", "total"),
        ("create index on orders (lower(tot|", "total"),
        ("create index on orders (id) where tot|", "total"),
        ("create table t (amount int, check (coalesce(am|", "amount"),
        ("create trigger x after update on orders for each row when (new.tot|", "total"),
        ("select * from orders for |", "update"),
        ("select * from orders for update |", "of"),
        ("copy ord|", "orders"),
        ("create trigger x before |", "insert"),
    ] {
        assert_eq!(inserts(text).first().map(String::as_str), Some(best), "at {text}");
    }
    assert!(inserts("create table t (id inte|").contains(&"integer".to_string()));
    assert!(inserts("create table t (id integer, other inte|").contains(&"integer".to_string()));
    let of = |text: &str| first_of(Dialect::MySql, text);
    assert_eq!(of("alter table orders drop index |"), ["orders_by_day"]);
    assert_eq!(of("alter table orders add unique index x (tot|"), ["total"]);
    assert_eq!(of("alter table ledger drop constraint ledger_n|"), ["ledger_net_check"]);
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
fn everyday_words_are_proposed_once_a_part_of_them_is_typed() {
    let first = |d: Dialect, text: &str| {
        let p = complete(d, text, text.len(), &shop());
        p.list.into_iter().take(3).map(|p| p.insert).collect::<Vec<_>>()
    };
    let (pg, my, lite) = (Dialect::Postgres, Dialect::MySql, Dialect::Sqlite);
    for (d, text, word) in [
        (pg, "select nulli", "nullif("),
        (pg, "select greate", "greatest("),
        (pg, "select current_da", "current_date"),
        (pg, "select * from orders where state ili", "ilike"),
        (pg, "explain ana", "analyze"),
        (pg, "vac", "vacuum"),
        (pg, "savep", "savepoint"),
        (pg, "gra", "grant"),
        (pg, "cal", "call"),
        (pg, "mer", "merge into"),
        (pg, "ref", "refresh materialized view"),
        (pg, "select 1 exc", "except"),
        (pg, "select 1 inters", "intersect"),
        (pg, "with rec", "recursive"),
        (pg, "select * from orders left jo", "join"),
        (pg, "create or rep", "replace view"),
        (pg, "select * from orders where total is n", "null"),
        (pg, "select * from orders order by total nulls la", "last"),
        (pg, "insert into orders (id) values (1) on conf", "conflict"),
        (pg, "select now() at time z", "zone"),
        (pg, "create index on orders using g", "gin"),
        (pg, "create table x (id bigser", "bigserial"),
        (pg, "set search_path to arch", "archive"),
        (my, "select current_da", "current_date"),
        (my, "select * from orders where state rlik", "rlike"),
        (my, "show cre", "create table"),
        (my, "sta", "start transaction"),
        (my, "kil", "kill"),
        (my, "insert ign", "ignore into"),
        (lite, "vacu", "vacuum"),
        (lite, "atta", "attach database"),
        (lite, "insert or rep", "replace into"),
    ] {
        assert!(first(d, text).iter().any(|w| w == word), "{text}: {word} is not among {:?}", first(d, text));
    }
    assert!(
        !first(lite, "gra").iter().any(|w| w == "grant") && !first(my, "select * from orders where a ili").iter().any(|w| w == "ilike")
    );
    // SQLite lists it as a function, and refuses the bracket.
    let mut names = shop();
    names.functions.push("current_date".into());
    let of = |d| complete(d, "select current_da", 17, &names).list.into_iter().map(|p| p.insert).collect::<Vec<_>>();
    assert!(of(lite).contains(&"current_date".to_string()) && !of(lite).contains(&"current_date(".to_string()), "{:?}", of(lite));
}

#[test]
fn what_is_typed_whole_leads_the_list() {
    assert_eq!(inserts("select * from orders o where o.id|")[..2], ["id", "customer_id"]);
    assert!(!inserts("select * from customers c where c.name|").contains(&"name".to_string()), "alone it is no proposal");
}

#[test]
fn behind_the_colon_of_a_parameter_nothing_is_proposed() {
    assert!(inserts("select * from orders where id > :to|").is_empty());
    assert_eq!(inserts("select id::int|").first().map(String::as_str), Some("integer"));
}

#[test]
fn words_that_others_lead_to_and_roles_are_known() {
    for (text, first) in [
        ("create index concurr|", "concurrently"),
        ("drop index concurr|", "concurrently"),
        ("refresh materialized view concurr|", "concurrently"),
        ("alter table orders alter column total set de|", "default"),
        ("alter table orders alter column total drop no|", "not null"),
        ("alter table orders alter column total ty|", "type"),
        ("grant select on orders to rep|", "reporting"),
        ("revoke all on orders from rep|", "reporting"),
        ("alter table orders owner to rep|", "reporting"),
        ("set role po|", "postgres"),
        ("begin isol|", "isolation level"),
        ("set transaction iso|", "isolation level"),
        ("vacuum (an|", "analyze"),
        ("select * from orders where total li|", "like"),
    ] {
        assert_eq!(inserts(text).first().map(String::as_str), Some(first), "{text}: {:?}", inserts(text));
    }
}

#[test]
fn phrases_stand_where_they_may_and_not_before_them() {
    let (pg, my, lite) = (Dialect::Postgres, Dialect::MySql, Dialect::Sqlite);
    let mut wrong = Vec::new();
    for (d, text, first) in [
        (pg, "select state, count(*) from orders gr", "group by"),
        (pg, "select state, count(*) from orders group", "group by"),
        (pg, "select state, count(*) from orders group by gro", "grouping sets"),
        (pg, "select case wh", "when"),
        (pg, "select case when id = 1 th", "then"),
        (pg, "select case when id = 1 then 2 e", "end"),
        (pg, "select case when id = 1 then 2 el", "else"),
        (pg, "select case when id = 1 then case id when 1 then 2 else 3 end else 4 e", "end"),
        (pg, "select case when id = 1 then 2 end fr", "from"),
        (pg, "select sum(case when id = 1 then 2 end) fr", "from"),
        (pg, "select * from orders where case id when 1 then (select max(id) from orders wh", "where"),
        (pg, "explain (ana", "analyze"),
        (pg, "explain (", "analyze"),
        (pg, "explain (analyze, bu", "buffers"),
        (pg, "explain (format js", "json"),
        (pg, "explain (analyze, buffers) sel", "select"),
        (pg, "vacuum (", "analyze"),
        (pg, "reindex ta", "table"),
        (pg, "reindex table ord", "orders"),
        (pg, "create function f() returns integ", "integer"),
        (pg, "create function f(a integ", "integer"),
        (pg, "create function f(a int, out b integ", "integer"),
        (pg, "select count(*) over (pa", "partition by"),
        (pg, "select count(*) filter (", "where"),
        (my, "truncate ta", "table"),
        (my, "truncate ord", "orders"),
        (my, "alter table orders modify column total integ", "integer"),
        (my, "alter table orders modify total integ", "integer"),
        (my, "alter table orders change column total amount integ", "integer"),
        (my, "alter table orders change tot", "total"),
        (my, "set @@sql_m", "sql_mode"),
        (lite, "create table z(a int) str", "strict"),
        (lite, "create table z(a int) strict, wi", "without rowid"),
        (lite, "create table z(a int) wi", "without rowid"),
    ] {
        let list: Vec<String> = complete(d, text, text.len(), &shop()).list.into_iter().map(|p| p.insert).collect();
        if list.first().is_none_or(|l| l != first) {
            wrong.push(format!("{text}: {:?}, not {first}", &list[..list.len().min(5)]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let of = |d: Dialect, text: &str| complete(d, text, text.len(), &shop()).list.into_iter().map(|p| p.insert).collect::<Vec<_>>();
    for (d, text) in [(lite, "select date("), (pg, "select max("), (pg, "select * from orders where lower(")] {
        assert!(!of(d, text).iter().any(|w| ["from", "where", "union", "group by"].contains(&w.as_str())), "{text}: {:?}", of(d, text));
    }
    assert!(of(my, "set @@").iter().any(|w| w == "sql_mode") && !of(my, "set @@").iter().any(|w| w == "where"), "{:?}", of(my, "set @@"));
    // A key that leads on goes before a table that is often used.
    let mut names = shop();
    names.used.insert("items".into(), 50);
    let best = complete(pg, "select * from orders o join ", 28, &names).list.swap_remove(0).insert;
    assert!(best.contains(" on "), "{best}");
}
