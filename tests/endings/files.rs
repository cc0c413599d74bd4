//! Files into tables, where the table is an unusual one.

use super::{home_of_sqlite, mariadb, postgres, run};
use crate::support;
use std::io::Write;
use std::process::{Child, Command, Stdio};

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

#[test]
fn text_of_any_bytes_comes_back_into_sqlite() {
    let home = home_of_sqlite(
        "create table a (id integer primary key, t text); create table b as select * from a;
         insert into a values (1, cast(x'78ff79' as text)), (2, 'plain'), (3, cast(x'09ff0a5c00' as text)), (4, null), (5, '');",
    );
    let hex =
        |table: &str| run(&home, 0, &["query", "dev", &format!("select id, hex(t) as h from {table} order by id"), "--format", "csv"]).0;
    for ending in ["csv", "tsv", "ndjson"] {
        let file = format!("a.{ending}");
        run(&home, 0, &["query", "dev", "select * from a order by id", "--output", &file]);
        let (_, err) = run(&home, 0, &["import", "dev", "b", &file, "--commit"]);
        assert!(err.contains("5 rows imported"), "{err}");
        assert!(ending == "ndjson" || err.contains("2 texts are no UTF-8"), "what is odd is said: {err}");
        assert_eq!(hex("b"), hex("a"), "{ending}");
        run(&home, 0, &["query", "dev", "delete from b"]);
        std::fs::remove_file(home.path().join(file)).expect("remove");
    }
}

#[test]
fn a_negative_zero_is_one_again_after_insert() {
    let (home, pg) =
        postgres("zero", "create table z (f4 float4, f8 float8, n numeric); insert into z values ('-0', '-0', -1.50), (0, 0, 0)");
    let (sql, _) = run(&home, 0, &["query", "dev", "select * from z", "--format", "insert"]);
    pg.psql("zero", "create table kept as select * from z; truncate z");
    pg.psql("zero", &sql);
    assert_eq!(pg.psql("zero", "select f4::text, f8::text, n from z"), "-0|-0|-1.50\n0|0|0\n");
}

#[test]
fn a_flood_of_notices_stalls_no_copy() {
    let (home, pg) = postgres(
        "flood",
        "create table t (a int); create function say() returns trigger language plpgsql as
         $$ begin raise notice 'this is said for the row %, and it is not short at all', new.a; return new; end $$;
         create trigger say before insert on t for each row execute function say()",
    );
    const ROWS: usize = 200_000;
    let mut script = String::from("copy t from stdin;\n");
    (0..ROWS).for_each(|i| script.push_str(&format!("{i}\n")));
    script.push_str("\\.\nselect count(*) as n from t;\n");
    std::fs::write(home.path().join("copy.sql"), script).expect("script");
    let (out, err) = run(&home, 0, &["query", "dev", "--file", "copy.sql", "--format", "csv"]);
    assert!(out.ends_with(&format!("n\r\n{ROWS}\r\n")), "{out}");
    assert_eq!(err.matches("this is said for the row").count(), ROWS);
    // One that fails in the middle says why, and the session goes on.
    pg.psql("flood", "alter table t add constraint few check (a < 5000)  not valid");
    let (_, err) = run(&home, 1, &["query", "dev", "--file", "copy.sql"]);
    assert!(err.contains("violates check constraint"), "{}", &err[err.len().saturating_sub(2000)..]);
    assert_eq!(pg.psql("flood", "select count(*) from t").trim(), ROWS.to_string());
}

/// The program, so that it can be interrupted.
fn start(home: &tempfile::TempDir, args: &[&str]) -> Child {
    support::command(home.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
}

fn interrupt(child: Child) -> (Option<i32>, String) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let out = child.wait_with_output().expect("ends");
    (out.status.code(), format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
}

#[test]
fn an_import_that_waits_for_a_lock_is_cancelled() {
    let (home, pg) = postgres("import_waits", "create table t (id int primary key, v text)");
    std::fs::write(home.path().join("t.csv"), "id,v\n1,a\n2,b\n").expect("file");
    let state = |what: &str| {
        pg.psql("postgres", &format!("select count(*) from pg_stat_activity where datname = 'import_waits' and {what}")).trim().to_string()
    };
    let mut holder = pg.psql_in_background("import_waits", "begin; insert into t values (2, 'held'); select pg_sleep(600)");
    support::wait_until("the key is held", || state("wait_event = 'PgSleep'") == "1");
    let child = start(&home, &["import", "dev", "t", "t.csv", "--commit"]);
    support::wait_until("the import waits", || state("wait_event_type = 'Lock'") == "1");
    let (code, text) = interrupt(child);
    assert_eq!(code, Some(130), "{text}");
    support::wait_until("its session is gone", || state("wait_event is distinct from 'PgSleep'") == "0");

    // The trial of the console, too: no question comes of it.
    let mut c = super::console::open(&home, "dev");
    super::console::run(&mut c, "\\copy t from 't.csv'");
    support::wait_until("the trial waits", || state("wait_event_type = 'Lock'") == "1");
    c.send("<C-c>");
    support::wait_until("the server has ended it", || state("wait_event_type = 'Lock'") == "0");
    c.wait_until("it is said", |s| s.to_lowercase().contains("cancelled"));
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    pg.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = 'import_waits'");
    assert!(!c.screen().contains("Import 2 rows"), "{}", c.screen());
    assert_eq!(pg.psql("import_waits", "select count(*) from t").trim(), "0");
}

/// What the server tells of a routine makes it again through the server's own client.
#[test]
fn definitions_go_through_the_mariadb_client() {
    const MADE: &str = "create table t (a int);
        create view v as select a from t;
        delimiter //
        create procedure p_multi(in x int) begin declare y int default 1; if x > y then select ';;'; end if; end//
        create function f_two(x int) returns int deterministic begin set x = x + 1; return x; end//
        create trigger tr before insert on t for each row begin set new.a = new.a + 1; set @last = new.a; end//
        create event ev on schedule every 1 day do begin delete from t; set @x = 1; end//";
    let (home, maria) = mariadb("defined", "");
    maria.sql("defined", MADE);
    maria.create_database("again");
    let mut script = Vec::new();
    for name in ["t", "v", "p_multi", "f_two", "tr", "ev"] {
        let (text, _) = run(&home, 0, &["schema", "dev", name, "--definition"]);
        assert!(!text.contains("root"), "{text}");
        script.extend_from_slice(text.as_bytes());
    }
    let mut client = Command::new("mariadb")
        .args(["--no-defaults", "-u", "root", "again"])
        .arg(format!("--socket={}", maria.socket.display()))
        .stdin(Stdio::piped())
        .spawn()
        .expect("mariadb");
    client.stdin.take().expect("stdin").write_all(&script).expect("written");
    assert!(client.wait().expect("ends").success(), "{}", String::from_utf8_lossy(&script));
    let bodies = |db: &str| {
        maria.sql(
            "",
            &format!(
                "select routine_name, routine_definition from information_schema.routines where routine_schema = '{db}' \
                 union all select trigger_name, action_statement from information_schema.triggers where trigger_schema = '{db}' \
                 union all select event_name, event_definition from information_schema.events where event_schema = '{db}' order by 1"
            ),
        )
    };
    assert_eq!(bodies("again"), bodies("defined"));
    assert_eq!(bodies("again").lines().count(), 4);
}
