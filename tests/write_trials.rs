//! Statements that write, measured on real servers: on a copy, and on a development target in a transaction that is rolled back. What
//! they set off is named before, and afterwards everything is as it was, but for the counters that were named.

mod support;

use serde_json::Value;
use support::project::Project;

const SHOP_PG: &str = "
    create table customers (id serial primary key, name varchar(40) not null, seen integer not null default 0);
    create table orders (id bigint generated always as identity primary key, customer_id integer not null references customers on delete cascade,
        total numeric(10,2) not null, state varchar(10) not null default 'open');
    create table audit (at bigserial primary key, what text not null);
    create function note_order() returns trigger language plpgsql as $$ begin
        insert into audit (what) values (tg_op || ' ' || coalesce(new.id, old.id)); return coalesce(new, old); end $$;
    create trigger noted before insert or update or delete on orders for each row execute function note_order();
    insert into customers (name) select 'n' || i from generate_series(1, 200) i;
    insert into orders (customer_id, total) select 1 + i % 200, i from generate_series(1, 4000) i;
    analyze;";

/// Rows and catalogue of everything, as text.
fn state_pg(p: &Project, database: &str) -> String {
    p.postgres_server().psql(
        database,
        "select 'c', count(*), md5(string_agg(t::text, ',' order by t.id)) from customers t;
         select 'o', count(*), md5(string_agg(t::text, ',' order by t.id)) from orders t;
         select 'a', count(*), md5(string_agg(t::text, ',' order by t.at)) from audit t;
         select relname, relkind from pg_class where relnamespace = 'public'::regnamespace order by 1;
         select conname from pg_constraint order by 1; select tgname, tgenabled from pg_trigger order by 1; select proname from pg_proc where pronamespace = 'public'::regnamespace order by 1",
    )
}

fn json(p: &Project, args: &[&str]) -> Value {
    let out = p.run(args);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

/// Every kind of writing statement, with what its root does.
const WRITES_PG: [(&str, &str); 7] = [
    ("update orders set total = total + 1 where customer_id = 7", "Update"),
    ("delete from customers where id = 7", "Delete"),
    ("insert into orders (customer_id, total) values (7, 1), (8, 2) returning id", "Insert"),
    ("insert into orders (customer_id, total) select id, 1 from customers where id < 50", "Insert"),
    ("insert into customers (id, name) values (7, 'x') on conflict (id) do update set name = excluded.name", "Insert"),
    (
        "with gone as (delete from orders where customer_id = 7 returning id) insert into audit (what) select 'gone ' || id from gone",
        "Insert",
    ),
    (
        "merge into customers c using orders o on c.id = o.customer_id and o.id = 7 when matched then update set seen = 1 when not matched then do nothing",
        "Merge",
    ),
];

#[test]
fn postgresql_measures_writes_in_place_and_takes_them_back() {
    let p = Project::postgres();
    p.postgres_server().psql("app-dev", SHOP_PG);
    let before = state_pg(&p, "app-dev");
    let held = p.expect(4, &["explain", "app-dev", "--analyze", WRITES_PG[0].0]);
    for word in [
        "Trigger: noted BEFORE INSERT or UPDATE or DELETE on public.orders, for each row, runs public.note_order()",
        "Counter that advances and stays so: public.audit_at_seq",
        "Writes: public.orders: UPDATE",
        "Writes: public.audit: perhaps, by the function public.note_order()",
        "Lock: ROW EXCLUSIVE on public.orders",
        "--on-scratch",
        "--in-place",
        "There is no backup of this database",
    ] {
        assert!(held.contains(word), "{word} is not in:\n{held}");
    }
    assert_eq!(state_pg(&p, "app-dev"), before);
    for (sql, op) in WRITES_PG {
        let plan = json(&p, &["explain", "app-dev", "--analyze", sql, "--in-place", "--format", "json"]);
        assert_eq!(plan["nodes"][0]["raw_op"].as_str().or(plan["root"]["raw_op"].as_str()).unwrap_or(""), op, "{sql}: {plan:#}");
        assert!(plan["execution_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{sql}: {plan:#}");
        assert_eq!(state_pg(&p, "app-dev"), before, "{sql}");
    }
    // Only what was named stayed: the counters.
    let counters =
        p.postgres_server().psql("app-dev", "select last_value > 4000 from orders_id_seq; select last_value > 4000 from audit_at_seq");
    assert_eq!(counters.split_whitespace().collect::<Vec<_>>(), ["t", "t"]);
    let journal = p.ok(&["journal", "show"]);
    assert!(journal.contains("measured and rolled back: update orders set total"), "{journal}");

    // A key of which no column is set is not looked up again.
    let referred = "FOR KEY SHARE on the rows of public.memo_of";
    p.postgres_server().psql(
        "app-dev",
        "create table memo_of (id int primary key); create table memos (id int primary key, of int references memo_of, note text, n serial)",
    );
    for (sql, locks) in [
        ("update memos set note = 'x' where id = 1", false),
        ("update memos set note = 'x', of = 2 where id = 1", true),
        ("update memos set (of, note) = (2, 'x') where id = 1", true),
        ("insert into memos (id) values (1)", true),
    ] {
        let told = p.expect(4, &["explain", "app-dev", "--analyze", sql]);
        assert_eq!(told.contains(referred), locks, "{sql}: {told}");
        assert_eq!(told.contains("memos_n_seq"), sql.starts_with("insert"), "{sql}: {told}");
    }
    // The check of a key that leads here is named, and what it costs.
    let delete = ["explain", "app-dev", "--analyze", "delete from memo_of where id = 1"];
    let check = "Foreign key: memos_of_fkey looks for each deleted row of public.memo_of in public.memos";
    let told = p.expect(4, &delete);
    assert!(told.contains(&format!("{check}, which has no index on of: each look reads all of it")), "{told}");
    assert!(told.contains("Beside these checks no trigger fires."), "{told}");
    p.postgres_server().psql("app-dev", "create index on memos (of)");
    let told = p.expect(4, &delete);
    assert!(told.contains(check) && !told.contains("has no index"), "{told}");
    let setter = "create function sets_of() returns trigger language plpgsql as $$ begin new.of := 3; return new; end $$; \
        create trigger sets_of before update on memos for each row execute function sets_of()";
    p.postgres_server().psql("app-dev", setter);
    let told = p.expect(4, &["explain", "app-dev", "--analyze", "update memos set note = 'x' where id = 1"]);
    assert!(told.contains(referred), "the trigger may set it: {told}");
    p.postgres_server().psql("app-dev", "drop table memos, memo_of");

    let cascade = p.expect(4, &["explain", "app-dev", "--analyze", "delete from customers where id = 7"]);
    assert!(cascade.contains("Cascade: rows of public.orders are deleted with those of public.customers"), "{cascade}");
    assert!(cascade.contains("noted BEFORE"), "{cascade}");
}

/// A read that locks its rows is planned and measured without the clause: nothing is locked, not even for a moment.
#[test]
fn a_locking_read_is_planned_and_measured_and_locks_nothing() {
    let p = Project::postgres();
    let s = p.postgres_server();
    s.psql("app-dev", SHOP_PG);
    // Another session holds the very rows: whoever locked them would wait.
    let mut other = s.psql_in_background("app-dev", "begin; select * from orders where customer_id = 7 for update; select pg_sleep(600)");
    let held = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and wait_event = 'PgSleep'";
    support::wait_until("the rows are locked", || s.psql("app-dev", held).trim() == "1");
    let sql = "select * from orders where customer_id = 7 order by id for update of orders";
    let planned = p.ok(&["explain", "app-dev", sql]);
    assert!(planned.contains("Planned without its locking clause: no row is locked") && planned.contains("customer_id = 7"), "{planned}");
    let measured = p.ok(&["explain", "app-dev", sql, "--analyze"]);
    assert!(measured.contains("Measured without its locking clause: no row was locked"), "{measured}");
    assert!(!p.ok(&["explain", "app-dev", "select 1", "--analyze"]).contains("locking clause"));
    p.ok(&["explain", "app-dev", sql, "--advise"]);
    // What writes stays held behind a locking clause, too.
    s.psql(
        "app-dev",
        "create function noted(int) returns int language sql volatile as $$ insert into audit (what) values ('x') returning 1 $$",
    );
    p.expect(4, &["explain", "app-dev", "select noted(id) from customers where id < 3 for share", "--analyze"]);
    assert_eq!(s.psql("app-dev", "select count(*) from audit").trim(), "4000", "one for each order of the shop's making");
    s.psql("app-dev", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");
    let _ = other.wait();

    let p = Project::mariadb();
    p.mariadb_server().sql("app-dev", SHOP_MARIA);
    for sql in ["select * from orders where customer_id = 7 for update", "select * from orders where id = 7 lock in share mode"] {
        assert!(p.ok(&["explain", "app-prod", "select 1 for update"]).contains("without its locking clause"));
        assert!(p.ok(&["explain", "app-dev", sql, "--analyze"]).contains("Measured without its locking clause"), "{sql}");
    }
}

/// The locks that are named are those that the server takes: of the statement, of cascades, and of what triggers write.
#[test]
fn postgresql_names_every_table_that_a_write_locks() {
    let p = Project::postgres();
    let s = p.postgres_server();
    s.psql("app-dev", SHOP_PG);
    s.psql(
        "app-dev",
        "create table lines (id bigserial primary key, order_id bigint not null references orders on delete cascade, n integer);
         create table log2 (n integer); insert into lines (order_id, n) select id, 1 from orders;
         create function deeper() returns trigger language plpgsql as $$ begin insert into log2 values (old.n); return old; end $$;
         create trigger deep after delete on lines for each row execute function deeper()",
    );
    for (sql, indirect) in [
        ("delete from customers where id = 7", vec!["public.orders", "public.lines", "public.audit", "public.log2"]),
        ("update orders set total = 1 where id = 7", vec!["public.audit"]),
    ] {
        let held = s.psql(
            "app-dev",
            &format!(
                "begin; {sql}; select 'held:' || n.nspname || '.' || c.relname from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
                 where l.pid = pg_backend_pid() and l.mode = 'RowExclusiveLock' and c.relkind = 'r' order by 1; rollback"
            ),
        );
        let held: Vec<&str> = held.lines().filter_map(|l| l.strip_prefix("held:")).collect();
        assert!(indirect.iter().all(|t| held.contains(t)), "{sql}: {held:?}");
        let said = p.expect(4, &["explain", "app-dev", "--analyze", sql]);
        for table in held {
            assert!(said.contains(&format!("Lock: ROW EXCLUSIVE on {table}, and each row")), "{sql} locks {table}:\n{said}");
        }
    }
}

/// A copy is of a backup: what is newer than it and changes the measurement is told before the numbers, and what is not there at all names
/// the backup and the way to a newer one.
#[test]
fn postgresql_says_what_is_newer_than_the_copy() {
    let p = Project::postgres();
    let s = p.postgres_server();
    s.psql("app-dev", SHOP_PG);
    let write = "update orders set total = total + 1 where customer_id = 7";
    let same = p.ok(&["explain", "app-dev", "--analyze", write, "--on-scratch"]);
    assert!(!same.contains("has changed since"), "{same}");
    s.psql(
        "app-dev",
        "create index by_customer on orders (customer_id); alter table customers add city text;
         create table newer (id int primary key, n int); insert into newer select i, i from generate_series(1, 5000) i;
         create function quiet() returns trigger language plpgsql as 'begin return new; end';
         create trigger hushed before update on orders for each row execute function quiet(); analyze",
    );
    let said = p.ok(&["explain", "app-dev", "--analyze", write, "--on-scratch"]);
    let (at, numbers) = (said.find("has changed since"), said.find("run on a scratch copy"));
    assert!(at.is_some() && at < numbers, "{said}");
    for word in
        ["no index by_customer on public.orders (customer_id)", "no trigger hushed BEFORE UPDATE", "`holdpoint backup take app-dev`"]
    {
        assert!(said.contains(word), "{word}:\n{said}");
    }
    assert!(!said.contains("city") && said.matches("has changed since").count() == 1, "of the statement's own tables, once: {said}");
    let plan = json(&p, &["explain", "app-dev", "--analyze", write, "--on-scratch", "--format", "json"]);
    assert!(plan["remarks"].to_string().contains("no index by_customer"), "{plan:#}");
    // Not there at all.
    for args in [
        vec!["explain", "app-dev", "--analyze", "update newer set n = 1 where id = 2", "--on-scratch"],
        vec!["explain", "app-dev", "select * from newer where n = 2", "--advise", "--measure"],
        vec!["explain", "app-dev", "select * from orders where customer_id = 7", "--set", "hidden_index=by_customer", "--on-scratch"],
    ] {
        let said = p.expect(1, &args);
        for word in [
            "on the scratch copy of the backup of",
            "does not exist",
            "what was made since is not on it",
            "`holdpoint backup take app-dev`",
        ] {
            assert!(said.contains(word), "{args:?}: {word}:\n{said}");
        }
    }
    // Advice and what-if tell it, too.
    let read = "select * from orders where total = 7 and state = 'open'";
    let advice = json(&p, &["explain", "app-dev", read, "--advise", "--measure", "--format", "json"]);
    assert!(advice["copy_differs"].as_str().is_some_and(|d| d.contains("no index by_customer")), "{advice:#}");
    s.psql("app-dev", "alter table orders add note text");
    let hidden = ["explain", "app-dev", "select * from orders where id = 7", "--set", "hidden_index=orders_pkey", "--on-scratch"];
    let said = p.run(&hidden);
    let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.contains("no column note in public.orders") || said.contains("constraint"), "{said}");
    // A newer backup, and nothing differs.
    p.ok(&["backup", "take", "app-dev"]);
    let fresh = p.ok(&["explain", "app-dev", "--analyze", write, "--on-scratch"]);
    assert!(!fresh.contains("has changed since"), "{fresh}");
}

#[test]
fn postgresql_refuses_in_place_what_cannot_be_taken_back() {
    let p = Project::postgres();
    p.postgres_server().psql("app-dev", SHOP_PG);
    p.postgres_server().psql("app-qa", SHOP_PG);
    p.postgres_server().psql(
        "app-dev",
        "create table jobs (id integer primary key, note text);
         create table dyn (id integer primary key);
         create table plain (id integer primary key, n integer);
         create table late (id integer primary key, plain_id integer references plain deferrable initially deferred);
         create sequence counted;
         create function run_it() returns trigger language plpgsql as $$ begin copy plain to program 'touch /tmp/never'; return new; end $$;
         create function built() returns trigger language plpgsql as $$ begin execute 'select 1'; return new; end $$;
         create function kills(int) returns int language sql volatile as 'select pg_terminate_backend($1)::int';
         create function sets(int) returns bigint language sql volatile as $$ select setval('counted', $1) $$;
         create function deep(int) returns int language plpgsql volatile as 'begin return kills($1); end';
         create function early(i text default pg_switch_wal()::text) returns int language sql immutable as 'select length(i)';
         create trigger t after insert on jobs for each row execute function run_it();
         create trigger t after insert on dyn for each row execute function built();",
    );
    for (sql, why) in [
        ("insert into jobs values (1, 'x')", "the function public.run_it() holds COPY"),
        ("insert into dyn values (1)", "the function public.built() builds statements while it runs"),
        ("update plain set n = kills(n)", "calls pg_terminate_backend"),
        ("update plain set n = deep(n)", "calls pg_terminate_backend"),
        ("update plain set n = early()", "calls pg_switch_wal"),
        ("insert into plain select 1, sets(9)::int", "setval"),
    ] {
        let said = p.expect(4, &["explain", "app-dev", "--analyze", sql, "--in-place"]);
        assert!(said.contains(why), "{sql}:\n{said}");
        if !why.contains("setval") {
            let said = p.expect(4, &["explain", "app-dev", "--analyze", sql, "--on-scratch"]);
            assert!(said.contains(why), "{sql}:\n{said}");
        }
    }
    // What is deferred to the commit is measured, and fails as the commit would.
    p.postgres_server().psql("app-dev", "insert into plain values (7, 7)");
    let before = state_pg(&p, "app-dev");
    let late = p.ok(&["explain", "app-dev", "--analyze", "insert into late values (1, 7)", "--in-place"]);
    assert!(late.contains("is deferred, and checked as its commit would check it"), "{late}");
    let plan = p.ok(&["explain", "app-dev", "--analyze", "insert into late values (1, 7)", "--in-place", "--format", "json"]);
    assert!(plan.contains("late_plain_id_fkey") && plan.contains("\"triggers\""), "{plan}");
    let fails = p.run(&["explain", "app-dev", "--analyze", "insert into late values (1, 99)", "--in-place"]);
    assert!(String::from_utf8_lossy(&fails.stderr).contains("late_plain_id_fkey"), "{fails:?}");
    // Not the first environment of the chain, not even when it is open.
    let qa = p.expect(4, &["explain", "app-qa", "--analyze", WRITES_PG[0].0, "--in-place"]);
    assert!(qa.contains("app-qa is qa, and not the first environment"), "{qa}");
    let prod = p.expect(4, &["explain", "app-prod", "--analyze", "update notes set body = 'x'", "--in-place"]);
    assert!(prod.contains("not the first environment"), "{prod}");
    assert_eq!(state_pg(&p, "app-dev"), before);
    // What others have locked is not waited for.
    let mut other = p.postgres_server().psql_in_background("app-dev", "begin; lock table orders; select pg_sleep(600)");
    support::wait_until("the lock is held", || {
        p.postgres_server()
            .psql(
                "app-dev",
                "select count(*) from pg_locks where relation = 'orders'::regclass and mode = 'AccessExclusiveLock' and granted",
            )
            .trim()
            == "1"
    });
    let out = p.run(&["explain", "app-dev", "--analyze", "update orders set total = 1 where id = 1", "--in-place"]);
    assert!(!out.status.success());
    p.postgres_server().psql(
        "app-dev",
        "select pg_terminate_backend(pid) from pg_locks where relation = 'orders'::regclass and mode = 'AccessExclusiveLock'",
    );
    let _ = other.wait();
}

/// Functions that are reached without a call in the statement or in a body: a trigger's condition, operators and server functions in
/// defaults and checks, an index's support functions, names in escapes, casts on assignment.
#[test]
fn postgresql_refuses_in_place_what_no_call_shows() {
    let p = Project::postgres();
    let s = p.postgres_server();
    s.psql(
        "app-dev",
        "create sequence s;
         create function tno() returns trigger language plpgsql as 'begin return new; end';
         create function sets(int) returns bool language plpgsql volatile as $$ begin perform setval('s', 77); return true; end $$;
         create function sets2(int, int) returns bool language plpgsql volatile as $$ begin perform setval('s', 77); return true; end $$;
         create function cmp(int, int) returns int language plpgsql immutable as $$ begin perform setval('s', 77); return btint4cmp($1, $2); end $$;
         create operator %%% (leftarg = int, rightarg = int, procedure = sets2);
         create table conditional (id int, v int); insert into conditional values (1, 1);
         create trigger a before update on conditional for each row when (sets(new.v)) execute function tno();
         create table conditional2 (id int, v int); insert into conditional2 values (1, 1);
         create trigger a before update on conditional2 for each row when (setval('s', 77) > new.v) execute function tno();
         create table conditional3 (id int, v int); insert into conditional3 values (1, 1);
         create trigger a before update on conditional3 for each row when (new.v %%% 2) execute function tno();
         create table defaulted (id int, v bool default (1 %%% 2));
         create table defaulted2 (id int, v int default setval('s', 77));
         create domain counted as int default setval('s', 77); create table defaulted3 (id int, v counted);
         create table checked (id int, v int, check (v %%% 2));
         create table indexed (v int);
         create operator class odd for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 cmp(int, int);
         create index on indexed (v odd); insert into indexed values (1), (2);
         create table escaped (id int, v int); insert into escaped values (1, 1);
         create function esc() returns trigger language plpgsql as $$ begin new.v := U&\"setv\\0061l\"('s'::regclass, 77); return new; end $$;
         create trigger a before update on escaped for each row execute function esc();
         create type pair as (a int); create table typed (id int, v pair);
         create function to_pair(int) returns pair language plpgsql as $$ begin perform setval('s', 77); return row($1)::pair; end $$;
         create cast (int as pair) with function to_pair(int) as assignment;
         create table honest (id int primary key, v int default 7 check (v > 0), w int generated always as (v + 1) stored); create index on honest (v) where v > 3;
         insert into honest values (1, 1); create trigger a before update on honest for each row when (old.v is distinct from new.v) execute function tno();
         select setval('s', 1)",
    );
    for sql in [
        "update conditional set v = 3",
        "update conditional2 set v = 3",
        "update conditional3 set v = 3",
        "insert into defaulted (id) values (3)",
        "insert into defaulted2 (id) values (3)",
        "insert into defaulted3 (id) values (3)",
        "insert into checked (v) values (3)",
        "update indexed set v = v + 1",
        "update escaped set v = 3",
        "insert into typed values (1, 5)",
    ] {
        let said = p.expect(4, &["explain", "app-dev", "--analyze", sql, "--in-place"]);
        assert!(said.contains("held") || said.contains("Cannot be rolled back") || said.contains("Beyond the database"), "{sql}:\n{said}");
        assert_eq!(s.psql("app-dev", "select last_value from s").trim(), "1", "{sql}");
    }
    for sql in ["update honest set v = 3 where id = 1", "insert into honest (id) values (2)"] {
        p.ok(&["explain", "app-dev", "--analyze", sql, "--in-place"]);
    }
}

#[test]
fn postgresql_measures_writes_on_a_copy_that_is_removed() {
    let p = Project::postgres();
    p.postgres_server().psql("app-qa", SHOP_PG);
    let before = state_pg(&p, "app-qa");
    let said = p.ok(&["explain", "app-qa", "--analyze", WRITES_PG[0].0, "--on-scratch"]);
    assert!(said.contains("There is no backup of this database: takes one first"), "{said}");
    assert!(said.contains("run on a scratch copy of the backup of") && said.contains("Update"), "{said}");
    for (sql, op) in WRITES_PG {
        let plan = json(&p, &["explain", "app-qa", "--analyze", sql, "--on-scratch", "--format", "json"]);
        assert!(plan.to_string().contains(&format!("\"raw_op\":\"{op}")), "{sql}: {plan:#}");
    }
    assert_eq!(state_pg(&p, "app-qa"), before);
    let counters = p.postgres_server().psql("app-qa", "select last_value from orders_id_seq; select last_value from audit_at_seq");
    assert_eq!(counters.split_whitespace().collect::<Vec<_>>(), ["4000", "4000"], "the copy counts, the target does not");
    let left = p.run(&["query", "proofs", "select datname from pg_database where datname like 'holdpoint%'", "--format", "csv"]);
    assert_eq!(String::from_utf8_lossy(&left.stdout).trim(), "datname");
}

const SHOP_MARIA: &str = "
    create table customers (id integer auto_increment primary key, name varchar(40) not null, seen integer not null default 0) engine=innodb;
    create table orders (id integer auto_increment primary key, customer_id integer not null, total decimal(10,2) not null,
        foreign key (customer_id) references customers (id) on delete cascade) engine=innodb;
    create table audit (at integer auto_increment primary key, what varchar(80) not null) engine=innodb;
    create trigger noted before update on orders for each row insert into audit (what) values (concat('u ', new.id));
    insert into customers (name) select concat('n', seq) from seq_1_to_200;
    insert into orders (customer_id, total) select 1 + seq % 200, seq from seq_1_to_4000;
    analyze table customers, orders, audit";

fn state_maria(p: &Project, database: &str) -> String {
    p.mariadb_server().sql(
        database,
        "select 'c', count(*), md5(group_concat(id, name, seen order by id)) from customers;
         select 'o', count(*), sum(id), sum(customer_id), sum(total) from orders; select 'a', count(*), coalesce(sum(at), 0) from audit;
         select table_name, engine from information_schema.tables where table_schema = database() order by 1;
         select trigger_name, action_statement from information_schema.triggers where trigger_schema = database() order by 1",
    )
}

#[test]
fn mariadb_measures_writes_in_place_and_on_a_copy() {
    let p = Project::mariadb();
    p.mariadb_server().sql("app-dev", SHOP_MARIA);
    let before = state_maria(&p, "app-dev");
    let writes = [
        "update orders set total = total + 1 where customer_id = 7",
        "delete from customers where id = 7",
        "insert into orders (customer_id, total) select id, 1 from customers where id < 50",
        "insert into customers (id, name) values (7, 'x') on duplicate key update name = 'x'",
        "replace into customers (id, name) values (500, 'x')",
        "update orders o join customers c on c.id = o.customer_id set o.total = 0 where c.name = 'n7'",
    ];
    let held = p.expect(4, &["explain", "app-dev", "--analyze", writes[0]]);
    for word in [
        "Trigger: noted BEFORE UPDATE on app-dev.orders, for each row",
        "Writes: app-dev.audit: perhaps, by the trigger noted",
        "Counter that advances and stays so: AUTO_INCREMENT of app-dev.audit (at)",
    ] {
        assert!(held.contains(word), "{word} is not in:\n{held}");
    }
    for sql in writes {
        let plan = json(&p, &["explain", "app-dev", "--analyze", sql, "--in-place", "--format", "json"]);
        assert!(plan["execution_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{sql}: {plan:#}");
        assert_eq!(state_maria(&p, "app-dev"), before, "{sql}");
    }
    let cascade = p.expect(4, &["explain", "app-dev", "--analyze", writes[1]]);
    assert!(cascade.contains("Cascade: rows of app-dev.orders are deleted with those of app-dev.customers"), "{cascade}");
    // The copy is gone afterwards, and so is the login that was made for it.
    let said = p.ok(&["explain", "app-dev", "--analyze", writes[0], "--on-scratch"]);
    assert!(said.contains("run on a scratch copy of the backup of"), "{said}");
    assert_eq!(state_maria(&p, "app-dev"), before);
    let left = p.ok(&[
        "query",
        "proofs",
        "select count(*) from information_schema.schemata where schema_name like 'holdpoint%'",
        "--format",
        "csv",
    ]);
    assert!(left.contains("\n0"), "{left}");

    p.mariadb_server().sql(
        "app-dev",
        "create table old (id integer primary key, n integer) engine=myisam; insert into old values (1, 1);
         create table logs (id integer auto_increment primary key, n integer) engine=myisam;
         create table tied (id integer primary key, n integer) engine=innodb; insert into tied values (1, 1);
         create trigger to_log after update on tied for each row insert into logs (n) values (new.n);
         create table files (id integer primary key) engine=innodb; create sequence sq;
         delimiter //
create function elsewhere() returns integer deterministic modifies sql data begin insert into logs (n) values (1); return 1; end //",
    );
    for (sql, why) in [
        ("update old set n = 2", "its engine MyISAM cannot roll back"),
        ("update tied set n = 2", "rows of app-dev.logs: its engine MyISAM cannot roll back"),
        ("update tied set n = elsewhere()", "rows of app-dev.logs: its engine MyISAM cannot roll back"),
        ("update tied set n = unknown_udf(2)", "what that does is not known"),
        ("insert into sq values (500, 1, 100000, 5, 1, 1000, 0, 0)", "the sequence app-dev.sq: no rollback takes back what is set in one"),
        ("update tied set n = setval(sq, 900)", "a sequence that was set stays set"),
    ] {
        let said = p.expect(4, &["explain", "app-dev", "--analyze", sql, "--in-place"]);
        assert!(said.contains(why), "{sql}:\n{said}");
        // What reaches beyond is not run on a copy either, and nothing says so.
        assert_eq!(said.contains("--on-scratch"), !said.contains("Beyond"), "{sql}:\n{said}");
    }
    let myisam = p.expect(4, &["explain", "app-dev", "--analyze", "update old set n = 2"]);
    assert!(myisam.contains("Lock: the whole table app-dev.old: MyISAM locks no single rows"), "{myisam}");
    // One sentence, not two that contradict each other.
    let said = p.expect(4, &["explain", "app-dev", "--analyze", "select setval(sq, 5)", "--in-place"]);
    assert!(!said.contains("the statement only reads"), "{said}");
    let untouched = p
        .mariadb_server()
        .sql("app-dev", "select n from old; select n from tied; select count(*) from logs; select next_not_cached_value from sq");
    assert_eq!(untouched.split_whitespace().collect::<Vec<_>>(), ["1", "1", "0", "1"]);
}

#[test]
fn mariadb_says_what_is_newer_than_the_copy() {
    let p = Project::mariadb();
    let s = p.mariadb_server();
    s.sql("app-dev", SHOP_MARIA);
    let write = "update orders set total = total + 1 where customer_id = 7";
    let same = p.ok(&["explain", "app-dev", "--analyze", write, "--on-scratch"]);
    assert!(!same.contains("has changed since"), "{same}");
    s.sql(
        "app-dev",
        "create index by_total on orders (total, id); create trigger later after update on orders for each row set @x = 1;
         create table newer (id integer primary key, n integer); insert into newer select seq, seq from seq_1_to_5000; analyze table newer",
    );
    let said = p.ok(&["explain", "app-dev", "--analyze", write, "--on-scratch"]);
    let (at, numbers) = (said.find("has changed since"), said.find("run on a scratch copy"));
    assert!(at.is_some() && at < numbers, "{said}");
    assert!(said.contains("no index by_total on orders (total, id)") && said.contains("no trigger later AFTER UPDATE"), "{said}");
    assert!(!said.contains("no trigger noted"), "the database's name is another one on the copy: {said}");
    for (code, args) in [
        (4, vec!["explain", "app-dev", "--analyze", "update newer set n = 1 where id = 2", "--on-scratch"]),
        (1, vec!["explain", "app-dev", "select * from newer where n = 2", "--advise", "--measure"]),
        (1, vec!["explain", "app-dev", "select * from orders where total = 7", "--set", "hidden_index=by_total", "--on-scratch"]),
    ] {
        let said = p.expect(code, &args);
        for word in ["on the scratch copy of the backup of", "what was made since is not on it", "`holdpoint backup take app-dev`"] {
            assert!(said.contains(word), "{args:?}: {word}:\n{said}");
        }
    }
}

/// The scratch login may not make the user that the copy's run needs: that is known before a backup is taken.
#[test]
fn mariadb_takes_no_backup_for_a_copy_that_cannot_be_used() {
    let s = support::maria::MariaServer::start(&[]);
    s.create_database("app-dev");
    s.sql("app-dev", SHOP_MARIA);
    s.sql(
        "app-dev",
        "create user limited@localhost identified by 'Limited-1'; grant all on `holdpoint%`.* to limited@localhost; grant select, show view, trigger, lock tables, event on *.* to limited@localhost",
    );
    let targets = format!(
        "\n[targets.app-dev]\nengine = \"mysql\"\nsocket = \"{0}\"\nuser = \"root\"\ndatabase = \"app-dev\"\nenvironment = \"development\"\nbackups = \"backups\"\nscratch = \"proofs\"\n\
         \n[targets.proofs]\nengine = \"mysql\"\nsocket = \"{0}\"\nuser = \"limited\"\npassword_command = \"echo Limited-1\"\nenvironment = \"development\"\n",
        s.socket.display()
    );
    let p = Project::new(&targets, support::project::DOWN_MARIADB, vec![], vec![s]);
    let said = p.expect(4, &["explain", "app-dev", "--analyze", "update orders set total = 1 where id = 7", "--on-scratch"]);
    assert!(said.contains("its login may not make a user"), "{said}");
    assert_eq!(std::fs::read_dir(p.path("backups")).expect("backups").count(), 0, "{said}");
    // One that may is left without the user that was tried.
    p.mariadb_server().sql("app-dev", "grant all on *.* to limited@localhost with grant option");
    p.ok(&["explain", "app-dev", "--analyze", "update orders set total = 1 where id = 7", "--on-scratch"]);
    assert_eq!(
        p.mariadb_server()
            .sql("app-dev", "select group_concat(distinct user) from mysql.user where user like 'hold%' or user like 'hp%'")
            .trim(),
        "NULL"
    );
}

#[test]
fn mariadb_plans_writes_without_running_anything() {
    let p = Project::mariadb();
    p.mariadb_server().sql("app-prod", SHOP_MARIA);
    p.mariadb_server().sql(
        "app-prod",
        "delimiter //
create function writes() returns integer deterministic modifies sql data begin insert into audit (what) values ('f'); return 1; end //
delimiter ;
create sequence counted; create view behind as select writes() as n;",
    );
    let before = state_maria(&p, "app-prod");
    for sql in [
        "update orders set total = total + 1 where customer_id = 7",
        "delete from orders where total > 100",
        "insert into orders (customer_id, total) select id, 1 from customers where id < 50",
        "update orders o join customers c on c.id = o.customer_id set o.total = 0 where c.name = 'n7'",
        "insert into audit (what) values ('x')",
        "replace into customers (id, name) values (7, 'x')",
        "delete o from orders o join (select id from customers where name = 'n7') d on d.id = o.customer_id",
    ] {
        let said = p.ok(&["explain", "app-prod", sql]);
        assert!(said.contains("estimated, not run"), "{sql}:\n{said}");
        assert_eq!(state_maria(&p, "app-prod"), before, "{sql}");
    }
    for sql in [
        "update orders set total = 1 where id in (select n from (select writes() as n) d)",
        "delete from orders where id = writes()",
        "insert into orders (customer_id, total) select n, 1 from behind",
        "insert into orders (customer_id, total) select n, 1 from (select nextval(counted) as n) d",
        "insert into orders (customer_id, total) select n, 1 from (select next value for counted as n) d",
    ] {
        let said = p.expect(4, &["explain", "app-prod", sql]);
        assert!(said.contains("planning runs functions"), "{sql}:\n{said}");
        // The advice is one that is possible.
        let beyond = p.expect(4, &["explain", "app-prod", "--analyze", sql]).contains("Not on a scratch copy");
        assert_eq!(said.contains("--on-scratch"), !beyond, "{sql}:\n{said}");
        assert_eq!(state_maria(&p, "app-prod"), before, "{sql}");
    }
    let next = p.mariadb_server().sql("app-prod", "select nextval(counted)");
    assert_eq!(next.trim(), "1");
}

#[test]
fn sqlite_measures_writes_in_place_and_on_a_copy() {
    let p = Project::sqlite();
    let file = p.path("app-dev.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    db.execute_batch(
        "create table orders (id integer primary key autoincrement, customer_id integer, total real);
         create table audit (at integer primary key, what text);
         create trigger noted after update on orders begin insert into audit (what) values (new.id); end;
         insert into orders (customer_id, total) with recursive c(i) as (select 1 union all select i + 1 from c where i < 4000) select 1 + i % 200, i from c;",
    )
    .expect("rows");
    drop(db);
    let sum = std::fs::read(&file).expect("file");
    let held = p.expect(4, &["explain", "app-dev", "--analyze", "update orders set total = 0 where customer_id = 7"]);
    for word in ["Trigger: ", "noted", "Writes: orders: UPDATE", "Writes: audit: INSERT by noted", "Lock: the whole file"] {
        assert!(held.contains(word), "{word} is not in:\n{held}");
    }
    for sql in [
        "update orders set total = 0 where customer_id = 7",
        "delete from orders where total > 100",
        "insert into orders (customer_id, total) values (1, 2) returning id",
        "insert or rollback into orders (id, customer_id, total) values (1, 2, 3) on conflict do nothing",
        "insert into orders (id, customer_id, total) values (7, 2, 3) on conflict (id) do update set total = 9",
        "replace into orders (id, customer_id, total) values (7, 2, 3)",
    ] {
        let plan = json(&p, &["explain", "app-dev", "--analyze", sql, "--in-place", "--format", "json"]);
        assert!(plan["execution_ms"].as_f64().is_some(), "{sql}: {plan:#}");
        assert!(std::fs::read(&file).expect("file") == sum, "{sql}: the file is as it was");
    }
    // It ends its own transaction with an error; nothing stays of it either.
    p.expect(
        1,
        &["explain", "app-dev", "--analyze", "insert or rollback into orders (id, customer_id, total) values (1, 2, 3)", "--in-place"],
    );
    assert!(std::fs::read(&file).expect("file") == sum);
    let said = p.ok(&["explain", "app-dev", "--analyze", "delete from orders where total > 100", "--on-scratch"]);
    assert!(said.contains("run on a scratch copy, which is removed"), "{said}");
    assert!(std::fs::read(&file).expect("file") == sum);
    assert_eq!(std::fs::read_dir(p.path("scratch")).expect("scratch").count(), 0);
    let qa = p.expect(4, &["explain", "app-qa", "--analyze", "delete from notes", "--in-place"]);
    assert!(qa.contains("not the first environment"), "{qa}");
}

/// The plan without an index that is there: the index stays.
#[test]
fn an_index_is_hidden_on_a_copy_and_in_memory() {
    let sql = "select * from orders where customer_id = 7";
    let p = Project::postgres();
    p.postgres_server().psql("app-dev", SHOP_PG);
    p.postgres_server().psql("app-dev", "create index by_customer on orders (customer_id); create extension hypopg; analyze orders");
    let said = p.run(&["explain", "app-dev", sql, "--set", "hidden_index=by_customer"]);
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    // Debian's HypoPG for PostgreSQL 15 is 1.3.1.
    assert!(text.contains("cannot hide an index: that came with 1.4") || text.contains("With hidden_index=by_customer"), "{text}");
    let found =
        json(&p, &["explain", "app-dev", sql, "--set", "hidden_index=by_customer", "--on-scratch", "--analyze", "--format", "json"]);
    assert!(found["without"].to_string().contains("by_customer") && !found["with"].to_string().contains("by_customer"), "{found:#}");
    let pages = |side: &str| found["judgement"][side]["work"]["pages"]["median"].as_u64();
    assert!(pages("after") >= pages("before") && pages("before").is_some(), "{found:#}");
    assert!(found["notes"].to_string().contains("Tried on a scratch copy of the backup"), "{found:#}");
    let none = p.expect(2, &["explain", "app-dev", sql, "--set", "hidden_index=nothing", "--on-scratch"]);
    assert!(none.contains("have no index nothing") && none.contains("by_customer"), "{none}");
    p.expect(2, &["explain", "app-dev", sql, "--set", "hidden_index=by_customer", "--analyze"]);
    p.expect(2, &["explain", "app-dev", sql, "--set", "hidden_index=by_customer", "--set", "jit=off"]);
    assert_eq!(p.postgres_server().psql("app-dev", "select count(*) from pg_indexes where indexname = 'by_customer'").trim(), "1");

    let p = Project::mariadb();
    p.mariadb_server().sql("app-dev", SHOP_MARIA);
    p.mariadb_server().sql("app-dev", "create index by_total on orders (total); analyze table orders");
    let sql = "select * from orders where total = 7";
    let said = p.expect(1, &["explain", "app-dev", sql, "--set", "hidden_index=by_total"]);
    assert!(said.contains("--on-scratch"), "{said}");
    let found = json(&p, &["explain", "app-dev", sql, "--set", "hidden_index=by_total", "--on-scratch", "--format", "json"]);
    assert!(found["without"].to_string().contains("by_total") && !found["with"].to_string().contains("\"index\":\"by_total"), "{found:#}");
    let ignored = p.mariadb_server().sql("app-dev", "select ignored from information_schema.statistics where index_name = 'by_total'");
    assert_eq!(ignored.trim(), "NO");

    let p = Project::sqlite();
    let db = rusqlite::Connection::open(p.path("app-dev.db")).expect("database");
    db.execute_batch("create table orders (id integer primary key, total real); create index by_total on orders (total);
         insert into orders (total) with recursive c(i) as (select 1 union all select i + 1 from c where i < 3000) select i % 300 from c; analyze;")
        .expect("table");
    drop(db);
    let said = p.ok(&["explain", "app-dev", sql, "--set", "hidden_index=by_total"]);
    assert!(said.contains("INDEX by_total (total=?)") && said.contains("SCAN orders"), "{said}");
    let found = json(&p, &["explain", "app-dev", sql, "--set", "hidden_index=by_total", "--on-scratch", "--analyze", "--format", "json"]);
    assert!(found["judgement"]["verdict"].is_string(), "{found:#}");
    // The table's size is known without the index, too; and no estimate moved.
    let found = json(&p, &["explain", "app-dev", sql, "--set", "hidden_index=by_total", "--format", "json"]);
    let scan = found["with"]["nodes"].as_array().and_then(|n| n.iter().find(|n| n["relation"] == "orders")).expect("the scan");
    assert!(matches!(scan["estimated_rows"].as_f64(), None | Some(2_000.0..4_000.0)), "{scan:#}");
    assert_eq!(found["causes"].as_array().map(Vec::len), Some(1), "{found:#}");
    assert!(found["causes"][0].as_str().is_some_and(|c| c.contains("not read by index by_total any more")), "{found:#}");
    assert_eq!(std::fs::read_dir(p.path("scratch")).expect("scratch").count(), 0);
}

/// Cut off in the middle: the server ends it, nothing stays, and the journal says so.
#[test]
fn what_is_cut_off_is_rolled_back_and_journaled() {
    let p = Project::postgres();
    let s = p.postgres_server();
    s.psql("app-dev", SHOP_PG);
    let before = state_pg(&p, "app-dev");
    let sql = "update orders set total = (select count(*) from orders a, orders b, orders c where a.id <> b.id + orders.id)";
    let mut child = support::command(p.home.path())
        .args(["explain", "app-dev", "--analyze", sql, "--in-place", "--anyway"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("run");
    let running = || {
        s.psql("app-dev", "select count(*) from pg_stat_activity where state = 'active' and query like 'EXPLAIN (%ANALYZE%'")
            .trim()
            .to_string()
    };
    support::wait_until("it runs", || running() == "1");
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    assert!(!child.wait().expect("wait").success());
    support::wait_until("the server has ended it", || running() == "0");
    assert_eq!(state_pg(&p, "app-dev"), before);
    let journal = p.ok(&["journal", "show"]);
    assert!(journal.contains("measured in a transaction that is rolled back") && journal.contains("not measured ("), "{journal}");
}
