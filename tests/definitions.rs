//! Definitions against the servers' own dumps: what the native client makes of them is the very object.

mod support;

use std::io::Write;
use std::process::Stdio;
use support::maria::MariaServer;
use support::pg::PgServer;

/// Definitions of objects, one after the other, as the command line prints them.
fn definitions(target: &str, objects: &[&str]) -> String {
    let home = tempfile::tempdir().expect("home");
    let one = |object: &&str| {
        let out = support::command(home.path()).args(["schema", target, object, "--definition"]).output().expect("runs");
        assert!(out.status.success(), "{object}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    objects.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The schema by the server's own tool, without what is each run's own.
fn dump(pg: &PgServer, database: &str) -> String {
    let mut c = pg.client("pg_dump");
    c.args(["-s", "-U", "postgres", "-p", &pg.port.to_string(), "-h"]).arg(&pg.socket).arg(database);
    let out = c.output().expect("pg_dump");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    text.lines().filter(|l| !l.starts_with("\\restrict") && !l.starts_with("\\unrestrict")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_postgresql_s_own_dump_tells_is_in_a_definition() {
    let pg = PgServer::shared();
    let made = "
        create type comp as (a int, \"B c\" text, d int);
        create type fr as range (subtype = float8, multirange_type_name = \"fr multi\");
        create table oft of comp (a primary key, \"B c\" with options default 'q' not null);
        create table par (a int, b text default 'p', c text) partition by list (a);
        create table par1 partition of par (c default 'zz', b not null, constraint pc check (a > 0)) for values in (1);
        alter table par1 alter column b drop default;
        create table base (a int, b int default 1);
        create table inh (own int) inherits (base);
        alter table inh alter a set not null, alter b set default 7;
        create view v as select a, b from base;
        alter view v alter a set default 5;
        create table t (id int, u int, x text, unique (u) with (fillfactor = 70), primary key (id) with (fillfactor = 60));
        create index tx on t (id, lower(x));
        alter index tx alter column 2 set statistics 66;
        create statistics ts on id, u from t;
        comment on statistics ts is 'how they go together';
        alter table t set (toast.autovacuum_enabled = false, fillfactor = 80);
        create policy mine on t using (u > 0);
        comment on policy mine on t is 'it''s mine';
        create rule quiet as on delete to t do also nothing;
        comment on rule quiet on t is 'says nothing';
        alter statistics ts set statistics 77;
        create extension postgres_fdw;
        create server away foreign data wrapper postgres_fdw;
        create foreign table ft (a int options (column_name 'x y') not null default 4, b text options (column_name 'z') collate \"C\") server away options (table_name 'far');";
    let before = "create extension postgres_fdw; create server away foreign data wrapper postgres_fdw;";
    let objects = ["comp", "fr", "oft", "par", "par1", "base", "inh", "v", "t", "ft"];
    pg.create_database("definitions_a");
    pg.create_database("definitions_b");
    pg.psql("definitions_a", made);
    pg.psql("definitions_b", before);
    let text = definitions(&pg.url("definitions_a"), &objects.map(|o| if o == "fr" { "public.fr" } else { o }));
    pg.psql("definitions_b", &text);
    assert_eq!(dump(pg, "definitions_b"), dump(pg, "definitions_a"), "{text}");
}

#[test]
fn routines_of_mariadb_keep_the_mode_that_they_were_made_under() {
    let maria = MariaServer::shared();
    maria.create_database("modes_a");
    maria.create_database("modes_b");
    let made = "delimiter //
        set sql_mode = 'PIPES_AS_CONCAT' //
        create function pc(a varchar(5), b varchar(5)) returns varchar(10) deterministic return a || b -- tail
        //
        set sql_mode = 'ANSI_QUOTES' //
        create function \"f 1\"() returns varchar(9) deterministic return 'x' //
        set sql_mode = 'ORACLE' //
        create procedure po(a in int) as begin select a || 'o'; end //
        create package pkg as function one return int; end //
        create package body pkg as function one return int as begin return 1; end; end //
        set sql_mode = '', time_zone = '+05:00' //
        create table at (x int) //
        create event ev on schedule at '2037-01-01 00:00:00' disable do insert into at values (1) //
        create trigger tr before insert on at for each row set new.x = '' + 1 //";
    let script = |database: &str, text: &str| {
        let mut c = maria.client(database);
        let mut child = c.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mariadb");
        child.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("writes");
        let out = child.wait_with_output().expect("ends");
        assert!(out.status.success(), "{}\n{text}", String::from_utf8_lossy(&out.stderr));
    };
    script("modes_a", made);
    let url = maria.url("modes_a");
    let text = definitions(&url, &["pc", "f 1", "po", "pkg", "at", "ev", "at.tr"]);
    script("modes_b", &text);
    assert_eq!(maria.sql("modes_b", "select pc('1', '2')").trim(), "12");
    let told = |database: &str| {
        let routines = "select routine_type, routine_name, sql_mode, routine_definition from information_schema.routines where routine_schema = database() order by 1, 2";
        let events = "select event_name, sql_mode, time_zone, execute_at from information_schema.events where event_schema = database()";
        let triggers = "select trigger_name, sql_mode from information_schema.triggers where trigger_schema = database()";
        [routines, events, triggers].map(|q| maria.sql(database, q))
    };
    assert_eq!(told("modes_b"), told("modes_a"), "{text}");
    assert!(told("modes_b")[0].contains("PACKAGE BODY"));
}

#[test]
fn a_comment_at_the_end_does_not_take_in_the_semicolon() {
    let home = tempfile::tempdir().expect("home");
    let (a, b) = (home.path().join("a.db"), home.path().join("b.db"));
    let made = "create table t (a); create view v as select a from t -- tail
        ; create trigger tr instead of insert on v begin insert into t values (new.a); end";
    rusqlite::Connection::open(&a).expect("a").execute_batch(made).expect("made");
    let text = definitions(a.to_str().expect("a path"), &["t", "v"]);
    let copy = rusqlite::Connection::open(&b).expect("b");
    copy.execute_batch(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let triggers: i64 = copy.query_row("select count(*) from sqlite_schema where type = 'trigger'", [], |r| r.get(0)).expect("count");
    assert_eq!(triggers, 1);
}

#[test]
fn a_table_tells_who_refers_to_it_and_what_it_is_made_of() {
    let pg = PgServer::shared();
    pg.create_database("definitions_refer");
    pg.psql(
        "definitions_refer",
        "create table orders (id serial primary key);
         create table items (id int, order_id int constraint of_order references orders on delete cascade, parent int);
         create table notes (order_id int references orders on update cascade on delete set null);
         create table days (d date) partition by range (d);
         create table days_24 partition of days for values from ('2024-01-01') to ('2025-01-01');
         create table days_rest partition of days default;",
    );
    let text = definitions(&pg.url("definitions_refer"), &["orders", "days"]);
    for line in [
        "-- Referenced by: 2",
        "--   public.items (order_id) -> orders (id) ON DELETE CASCADE, of_order",
        "--   public.notes (order_id) -> orders (id) ON UPDATE CASCADE ON DELETE SET NULL, notes_order_id_fkey",
        "-- Partitions: 2\n--   public.days_24 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')\n--   public.days_rest DEFAULT",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let maria = MariaServer::shared();
    maria.create_database("definitions_refer");
    maria.sql(
        "definitions_refer",
        "create table orders (id int primary key) engine=innodb;
         create table items (order_id int, constraint of_order foreign key (order_id) references orders (id) on delete cascade) engine=innodb;",
    );
    let text = definitions(&maria.url("definitions_refer"), &["orders"]);
    assert!(
        text.contains("-- Referenced by: 1\n--   definitions_refer.items (order_id) -> orders (id) ON DELETE CASCADE, of_order"),
        "{text}"
    );
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("a.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    db.execute_batch(
        "create table orders (id integer primary key); create table items (order_id int references orders on delete set null);",
    )
    .expect("made");
    let text = definitions(&file.display().to_string(), &["orders"]);
    assert!(text.contains("--   main.items (order_id) -> orders (id) ON DELETE SET NULL"), "{text}");
}
