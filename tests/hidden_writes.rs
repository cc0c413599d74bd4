//! Reads by their text that write behind their names: each is refused on a read-only target, and nothing happens.

mod support;

use support::maria::MariaServer;
use support::pg::PgServer;

fn refused(home: &std::path::Path, url: &str, sql: &str) {
    for args in [vec!["query", url, sql], vec!["explain", url, "--analyze", sql]] {
        let out = support::command(home).args(&args).output().expect("run");
        let text = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(4), "{args:?}: {text}");
        assert!(text.contains("may write") || text.contains("read"), "{args:?}: {text}");
    }
}

fn allowed(home: &std::path::Path, url: &str, sql: &str) {
    let out = support::command(home).args(["query", url, sql]).output().expect("run");
    assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn behind_names_in_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("hidden");
    let run = |sql: &str| pg.psql("hidden", sql);
    let marker = pg.socket.join("written");
    run(&format!(
        "create function touch() returns int language plpgsql volatile as $$ begin copy (select 1) to program 'touch {}'; return 1; end $$",
        marker.display()
    ));
    run("create table t (id int, name text); insert into t values (1, 'a')");
    run(
        "create view v_touch as select touch() as x; create view v_over as select * from v_touch; create view v_fine as select id, upper(name) as n from t",
    );
    run("create view v_term as select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'nobody'");
    run("create function touch2(a int, b int) returns int language sql volatile as 'select touch()'");
    run("create operator #### (leftarg = int, rightarg = int, function = touch2)");
    run("create function touch1(int) returns boolean language plpgsql volatile as $$ begin perform touch(); return true; end $$");
    run("create domain dbad as int check (touch1(value))");
    run("create aggregate evagg(int) (sfunc = touch2, stype = int, initcond = '0')");
    run("create table guarded_rows (id int); insert into guarded_rows values (1); create policy p on guarded_rows using (touch1(id)); \
         alter table guarded_rows enable row level security; alter table guarded_rows force row level security");
    run("create function label(t) returns text language sql volatile as 'select touch()::text'");
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("hidden"));
    for sql in [
        "select * from v_touch",
        "select * from v_over",
        "select * from v_term",
        "select 1 #### 2",
        "select 7::dbad",
        "select evagg(id) from t",
        "select * from guarded_rows",
        "select t.label from t",
        "select table_to_xml('v_touch', true, true, '')",
    ] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    for sql in ["select * from v_fine", "select t.name, count(*) from t group by 1", "select * from pg_stat_activity limit 1"] {
        allowed(home.path(), &url, sql);
    }
}

#[test]
fn behind_names_in_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("hidden");
    let dir = maria.socket.parent().expect("directory");
    let marker = dir.join("written");
    maria.sql("hidden", "create table t (id int, name varchar(10)); insert into t values (1, 'a')");
    maria.sql(
        "hidden",
        &format!("delimiter //\ncreate function ofile() returns int begin select 1 into outfile '{}'; return 1; end //", marker.display()),
    );
    maria.sql("hidden", "create view v_file as select ofile() as x; create view v_over as select x from v_file; create view v_fine as select id, upper(name) as n from t");
    let home = tempfile::tempdir().expect("home");
    let url = format!("mysql://root@localhost/hidden?socket={}", maria.socket.display());
    for sql in ["select * from v_file", "select * from `v_over`", "select ofile()"] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    for sql in ["select * from v_fine", "select count(*) from information_schema.tables"] {
        allowed(home.path(), &url, sql);
    }
}
