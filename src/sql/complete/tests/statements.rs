//! Statements other than queries, and the phrases in them.

use super::*;

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
        ("select cast(total as times|", &["timestamp with time zone", "timestamptz"]),
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
