//! The workbench against real servers: what a session is told of itself while statements run.

mod support;

use holdpoint::config::{EngineKind, Target};
use holdpoint::engine::{Access, Connect, Engine, Event, Role, Session, registry};
use holdpoint::sql::complete::complete;
use std::sync::Arc;
use support::maria::MariaServer;
use support::pg::PgServer;
use support::project::Project;

fn postgres(database: &str) -> Arc<dyn Engine> {
    let pg = PgServer::shared();
    pg.create_database(database);
    let mut t = Target::bare("test", EngineKind::Postgres);
    (t.socket, t.port) = (Some(pg.socket.clone()), Some(pg.port));
    (t.database, t.user) = (Some(database.into()), Some("postgres".into()));
    registry::engine(t, None)
}

fn maria(database: &str) -> Arc<dyn Engine> {
    let server = MariaServer::shared();
    server.create_database(database);
    let mut t = Target::bare("test", EngineKind::MySql);
    (t.host, t.port) = (Some("127.0.0.1".into()), Some(server.port));
    (t.database, t.user) = (Some(database.into()), Some("root".into()));
    registry::engine(t, None)
}

async fn open(e: &dyn Engine) -> Session {
    e.connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("session")
}

async fn run(s: &Session, statements: &[&str]) {
    for text in statements {
        s.fetch(*text).await.unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
}

/// A background session that stands where this one was sent.
async fn there(e: &dyn Engine, s: &Session) -> Session {
    let how = Connect { place: place(s), ..Connect::new(Role::Background, Access::ReadOnly) };
    e.connect(how).await.expect("session")
}

/// What the session would be proposed first.
async fn best(e: &dyn Engine, s: &Session, text: &str) -> String {
    let names = e.catalog().get().expect("catalogue").names(&there(e, s).await).await.expect("names");
    complete(e.dialect(), text, text.len(), &names).list.first().map(|p| p.insert.clone()).unwrap_or_default()
}

fn place(s: &Session) -> Option<holdpoint::model::Place> {
    s.status().place
}

#[tokio::test]
async fn names_follow_the_search_path() {
    let e = postgres("follow_path");
    let s = open(&*e).await;
    run(
        &s,
        &[
            "create schema sales",
            "create table sales.receipts (id int, amount numeric)",
            "create function sales.total_of(int) returns int language sql as 'select 1'",
        ],
    )
    .await;
    assert_eq!(best(&*e, &s, "select * from rece").await, "sales.receipts");
    assert_eq!(place(&s), None);
    run(&s, &["set search_path = sales, public"]).await;
    assert_eq!(place(&s).as_ref().and_then(|p| p.path()), Some("sales, public"));
    assert_eq!(best(&*e, &s, "select * from rece").await, "receipts");
    assert_eq!(best(&*e, &s, "select total_").await, "total_of(");
    there(&*e, &s).await.explain("select * from receipts", false).await.expect("a plan looks there too");
    // What a transaction changed goes back with it, also out of a failed one.
    run(&s, &["begin", "set search_path = public"]).await;
    assert_eq!(place(&s).as_ref().and_then(|p| p.path()), Some("public"));
    s.fetch("select 1/0").await.expect_err("division by zero");
    run(&s, &["rollback"]).await;
    assert_eq!(place(&s).as_ref().and_then(|p| p.path()), Some("sales, public"));
    run(&s, &["begin", "set local search_path = public", "commit"]).await;
    assert_eq!(place(&s).as_ref().and_then(|p| p.path()), Some("sales, public"));
    run(&s, &["select set_config('search_path', 'public', false)"]).await;
    assert_eq!(place(&s).as_ref().and_then(|p| p.path()), Some("public"));
    // Looking takes no snapshot: the isolation level can still be set.
    run(&s, &["begin", "set local search_path = sales", "set transaction isolation level serializable", "rollback"]).await;
    run(&s, &["discard all"]).await;
    assert_eq!(place(&s), None);
}

#[tokio::test]
async fn names_follow_use() {
    let e = maria("follow_use");
    MariaServer::shared().create_database("follow_other");
    let s = open(&*e).await;
    run(&s, &["create table follow_use.mine (id int)", "create table follow_other.receipts (id int, net int, gross int as (net * 2))"])
        .await;
    run(&s, &["create procedure follow_other.tidy_up() select 1"]).await;
    run(&s, &["use follow_other"]).await;
    assert_eq!(place(&s).as_ref().and_then(|p| p.path()), Some("follow_other"));
    assert_eq!(best(&*e, &s, "select * from rece").await, "receipts");
    assert_eq!(best(&*e, &s, "call ti").await, "tidy_up(");
    assert_eq!(best(&*e, &s, "use follow_o").await, "follow_other");
    assert_eq!(best(&*e, &s, "select @@sql_mo").await, "sql_mode");
    assert_eq!(best(&*e, &s, "update receipts set g").await, "", "what is computed cannot be set");
    there(&*e, &s).await.explain("select * from receipts", false).await.expect("a plan looks there too");
    run(&s, &["drop database follow_other"]).await;
    assert_eq!(place(&s).as_ref().and_then(|p| p.path()), Some(""), "no database is chosen");
    run(&s, &["use follow_use"]).await;
    assert_eq!(place(&s), None);
}

#[tokio::test]
async fn each_kind_of_name_is_known_on_postgres() {
    let e = postgres("kinds");
    let s = open(&*e).await;
    run(
        &s,
        &[
            "create table t (id int generated always as identity, own int generated by default as identity, net int, gross int generated always as (net * 2) stored)",
            "create type mood as enum ('ok')",
            "create procedure tidy_up() language sql as 'select 1'",
            "create function rows_of() returns setof int language sql as 'select 1'",
            "create materialized view monthly as select 1 as one",
        ],
    )
    .await;
    for (text, proposal) in [
        ("call ti", "tidy_up("),
        ("select 'ok'::moo", "mood"),
        ("select cast('x' as timest", "timestamptz"),
        ("select * from rows_", "rows_of("),
        ("set statement_t", "statement_timeout"),
        ("show work_m", "work_mem"),
        ("refresh materialized view mon", "monthly"),
        ("drop type mo", "mood"),
        ("update t set o", "own"),
        ("update t set gr", ""),
        ("insert into t (i", ""),
    ] {
        assert_eq!(best(&*e, &s, text).await, proposal, "{text}");
    }
}

#[tokio::test]
async fn every_result_of_a_procedure_comes_with_its_rows() {
    let e = maria("several");
    let s = open(&*e).await;
    let body = "begin select 1 as one; insert into several.t values (1), (2); select 'x' as a, 'y' as b union all select 'z', null; select 3 as three where false; end";
    run(&s, &["create table t (n int)", &format!("create procedure three_of_them() {body}")]).await;
    let mut stream = s.run("call three_of_them()").await.expect("runs");
    let mut seen: Vec<(Vec<String>, usize)> = Vec::new();
    let mut done = None;
    while let Some(event) = stream.next().await {
        match event.expect("event") {
            Event::Columns(c) => {
                assert!(seen.is_empty(), "columns come first");
                seen.push((c.iter().map(|c| c.name.clone()).collect(), 0));
            }
            Event::Further(c) => seen.push((c.iter().map(|c| c.name.clone()).collect(), 0)),
            Event::Rows(b) => seen.last_mut().expect("columns before rows").1 += b.rows(),
            Event::Notice(n) => panic!("{n:?}"),
            Event::Done(d) => done = Some(d),
        }
    }
    let names = |list: &[&str]| list.iter().map(|n| (*n).to_string()).collect::<Vec<_>>();
    assert_eq!(seen, [(names(&["one"]), 1), (names(&["a", "b"]), 2), (names(&["three"]), 0)]);
    assert!(done.is_some());
    // A statement of ours takes the first.
    let first = s.fetch("call three_of_them()").await.expect("runs");
    assert_eq!(first.scalar(), Some("1"));
    assert_eq!(first.rows.len(), 1);
}

#[test]
fn several_results_are_printed_one_after_another_and_a_file_takes_the_first() {
    let p = Project::mariadb();
    let target = "app-dev";
    p.ok(&["query", target, "create procedure two_of_them() begin select 1 as one; select 'x' as a, 'y' as b; end"]);
    let printed = |format: &str| {
        let out = p.run(&["query", target, "call two_of_them()", "--format", format]);
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    assert_eq!(printed("csv"), "one\r\n1\r\na,b\r\nx,y\r\n");
    assert_eq!(printed("ndjson"), "{\"one\":1}\n{\"a\":\"x\",\"b\":\"y\"}\n");
    let json = printed("json");
    let documents: Vec<serde_json::Value> = serde_json::Deserializer::from_str(&json).into_iter().collect::<Result<_, _>>().expect("json");
    assert_eq!(documents.len(), 2, "{json}");
    let table = printed("table");
    assert!(table.contains("one\n───\n  1\n") && table.contains("a │ b\n──┼──\nx │ y\n"), "{table}");
    let out = p.run(&["query", target, "call two_of_them()", "--output", "one.csv"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("1 further result"), "{out:?}");
    assert_eq!(std::fs::read_to_string(p.path("one.csv")).expect("file"), "one\r\n1\r\n");
}

#[test]
fn a_stop_says_how_many_statements_did_not_run() {
    let p = Project::sqlite();
    let text = p.expect(1, &["query", "app-dev", "select 1; select oops; select 2; select 3"]);
    assert!(text.contains("statement 2 of 4") && text.contains("line 1"), "{text}");
    assert!(text.contains("1 statement ran before it; the 2 statements after it did not run."), "{text}");
    let text = p.expect(1, &["query", "app-dev", "select 1; select oops"]);
    assert!(text.contains("statement 2 of 2") && text.contains("1 statement ran before it.") && !text.contains("did not run"), "{text}");
    let text = p.expect(1, &["query", "app-dev", "select oops"]);
    assert!(!text.contains("ran before it") && !text.contains("statement 1"), "{text}");
}

/// Asks until this answer is there: the lock is waited for as soon as the server has begun the statement, and who has it is idle as soon as
/// the server has done with the one before.
async fn blocker(e: &dyn Engine, s: &Session, wanted: impl Fn(&holdpoint::model::Blocker) -> bool) -> holdpoint::model::Blocker {
    let reader = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("reader");
    let begun = std::time::Instant::now();
    loop {
        let found = e.locks().get().expect("locks").blockers(&reader, s.backend().expect("backend")).await.expect("answer");
        if let [one] = found.as_slice()
            && wanted(one)
        {
            return one.clone();
        }
        assert!(begun.elapsed() < support::PATIENCE, "the one who has it is not told: {found:?}");
        // InnoDB tells what it told before to who asks again within a tenth of a second.
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn who_blocks_a_statement_is_told_on_postgres() {
    let e = postgres("blocking");
    let (holder, waiter) = (open(&*e).await, open(&*e).await);
    run(&holder, &["create table t (id int primary key, n int)", "insert into t values (1, 1)", "begin", "update t set n = 2"]).await;
    let reader = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("reader");
    let none = e.locks().get().expect("locks").blockers(&reader, waiter.backend().expect("backend")).await.expect("answer");
    assert!(none.is_empty(), "it waits for nothing yet: {none:?}");
    let waits = tokio::spawn({
        let waiter = waiter.clone();
        async move { waiter.fetch("update t set n = 3").await }
    });
    let one = blocker(&*e, &waiter, |b| b.idle.is_some()).await;
    assert!(one.known && one.who.starts_with("postgres@local (pid ") && one.who.ends_with(", holdpoint)"), "{one:?}");
    assert!(one.who.contains(&holder.backend().expect("backend").to_string()), "{one:?}");
    assert_eq!(one.statement, "update t set n = 2");
    run(&holder, &["rollback"]).await;
    waits.await.expect("task").expect("the lock is there");
}

#[tokio::test]
async fn who_blocks_a_statement_is_told_on_mariadb() {
    let e = maria("blocking");
    let (holder, waiter) = (open(&*e).await, open(&*e).await);
    run(&holder, &["create table t (id int primary key, n int)", "insert into t values (1, 1)", "begin", "update t set n = 2"]).await;
    for text in ["update t set n = 3", "alter table t add column m int"] {
        let waits = tokio::spawn({
            let waiter = waiter.clone();
            async move { waiter.fetch(text).await }
        });
        let id = holder.backend().expect("backend").to_string();
        blocker(&*e, &waiter, |b| match text.starts_with("update") {
            true => b.known && b.idle.is_some() && b.who.contains(&format!("(id {id})")),
            // Without its plugin this server keeps no list of such locks.
            false => b.known && b.who.contains(&id) || b.who.contains("metadata lock"),
        })
        .await;
        run(&holder, &["rollback"]).await;
        waits.await.expect("task").expect("the lock is there");
        run(&holder, &["begin", "update t set n = 2"]).await;
    }
}

// The session is served while this thread waits.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_of_others_arrive_while_nothing_runs() {
    let e = postgres("notified");
    let s = open(&*e).await;
    let mut heard = s.unasked().expect("the one stream there is");
    assert!(s.unasked().is_none());
    run(&s, &["listen ch"]).await;
    let other = open(&*e).await;
    run(&other, &["notify ch, 'good morning'"]).await;
    let first = tokio::time::timeout(support::PATIENCE, heard.recv()).await.expect("in time").expect("open");
    assert_eq!((first.severity.as_str(), first.message.as_str()), ("NOTIFY", "ch: good morning"));
    assert_eq!(first.detail, other.backend().map(|p| format!("from process {p}")));
    // One's own comes with the statement that made it.
    let mut stream = s.run("notify ch, 'own'").await.expect("runs");
    let mut own = Vec::new();
    while let Some(event) = stream.next().await {
        if let Event::Notice(n) = event.expect("event") {
            own.push(n.message);
        }
    }
    assert_eq!(own, ["ch: own"]);
    // More than is taken is counted, and the connection goes on.
    let many: String = (0..600).map(|i| format!("perform pg_notify('ch', '{i}');")).collect();
    // Those that the connection has not read when a statement is sent come with the statement: on a busy machine that may be all that
    // the stream has no room for, and then none is missed.
    let begun = std::time::Instant::now();
    let missed = loop {
        run(&other, &[&format!("do $$ begin {many} end $$")]).await;
        support::wait_until("the stream is full", || heard.len() >= 256);
        let mut with_it = 0;
        let mut stream = s.run("select 1").await.expect("runs");
        while let Some(event) = stream.next().await {
            with_it += usize::from(matches!(event.expect("event"), Event::Notice(_)));
        }
        let mut taken = 0;
        while heard.try_recv().is_ok() {
            taken += 1;
        }
        let missed = 600 - with_it - taken;
        if missed > 0 {
            break missed;
        }
        assert!(begun.elapsed() < support::PATIENCE, "none was ever missed");
    };
    run(&other, &["notify ch, 'last'"]).await;
    let told = tokio::time::timeout(support::PATIENCE, heard.recv()).await.expect("in time").expect("open");
    assert_eq!(told.message, format!("{missed} more came faster than they could be shown"));
}

#[test]
fn a_file_that_another_session_would_read_otherwise_is_told_beside_it() {
    let p = Project::postgres();
    let rows = "select date '2024-02-03' as day, interval '-1 day -2 hours' as span, 0.1::float8 + 0.2 as f, '\\x00'::bytea as b";
    // What a statement before it set, as text for the psql user; and what the next one is told.
    let told = |set: &str, format: &str| {
        let out = p.run(&["query", "app-dev", &format!("{set}; {rows}"), "--format", format]);
        assert!(out.status.success(), "{set}: {out:?}");
        String::from_utf8(out.stderr).expect("UTF-8").lines().filter(|l| l.contains("elsewhere")).map(str::to_string).collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    for set in ["set datestyle = 'ISO, DMY'", "set intervalstyle = iso_8601", "set bytea_output = escape", "set extra_float_digits = 3"] {
        assert_eq!(told(set, "csv"), none, "{set}");
    }
    for format in ["csv", "tsv", "json", "ndjson", "insert"] {
        assert_eq!(
            told("set intervalstyle = sql_standard; set extra_float_digits = -3", format),
            [
                "span as written under IntervalStyle = sql_standard may be read as other values elsewhere: SET IntervalStyle = 'postgres' first.",
                "f as written under extra_float_digits = -3 may be read as other values elsewhere: SET extra_float_digits = 1 first."
            ]
        );
    }
    let german = "day as written under DateStyle = German, DMY may be read as other values elsewhere: SET DateStyle = 'ISO' first.";
    assert_eq!(told("set datestyle = 'German, DMY'", "csv"), [german]);
    assert_eq!(told("set datestyle = 'German, DMY'", "markdown"), none);
    // What a transaction takes back is the default again.
    assert_eq!(told("begin; set extra_float_digits = 0; rollback", "csv"), none);
    assert_eq!(told("begin; set extra_float_digits = 0; commit", "csv").len(), 1);
    // Another session does read them so: the warning is no idle one.
    let there = p.run(&["query", "app-dev", "select interval '-1 2:00:00' = interval '-1 day -2 hours' as same", "--format", "csv"]);
    assert_eq!(String::from_utf8_lossy(&there.stdout), "same\r\nf\r\n");
}

#[test]
fn a_float_that_mariadb_sends_with_six_digits_is_told_beside_its_file() {
    let p = Project::mariadb();
    let exported = |sql: &str, more: &[&str]| {
        let out = p.run(&[&["query", "app-dev", sql, "--format", "csv"], more].concat());
        [out.stdout, out.stderr].map(|b| String::from_utf8_lossy(&b).into_owned())
    };
    p.ok(&["query", "app-dev", "create table fl (id int primary key, f float, g float(9,2)); insert into fl values (1, 16777217, 0.5)"]);
    let [rows, said] = exported("select * from fl", &[]);
    assert_eq!(rows, "id,f,g\r\n1,16777200,0.50\r\n");
    assert!(said.contains("f: the server shows a FLOAT with six digits; SELECT its column + 0e0"), "{said}");
    // What it says gives them all, as does a statement whose values are bound.
    for (sql, more) in [("select f + 0e0 as f from fl", &[][..]), ("select f from fl where id = :id", &["-p", "id=1"])] {
        let [rows, said] = exported(sql, more);
        assert!(rows == "f\r\n16777216\r\n" && !said.contains("six digits"), "{sql}: {rows} {said}");
    }
}

#[test]
fn the_lines_behind_copy_from_stdin_are_sent_to_it() {
    let p = Project::postgres();
    p.write("load.sql", "create table loaded (id int, name text);\ncopy loaded (id, name) from stdin;\n1\tit's; --\n2\t\\N\n\\.\nselect count(*) as n, count(name) as named from loaded;\n");
    let out = p.run(&["query", "app-dev", "--file", "load.sql", "--format", "csv"]);
    assert!(out.status.success(), "{out:?}");
    assert!(String::from_utf8_lossy(&out.stdout).ends_with("n,named\r\n2,1\r\n"), "{out:?}");
    assert!(String::from_utf8_lossy(&out.stderr).contains("COPY 2"), "{out:?}");
    // A line that does not fit refuses them all, and nothing after it runs; without lines the words say what to do.
    p.write("bad.sql", "copy loaded from stdin;\nx\ty\n\\.\ndrop table loaded;\n");
    let text = p.expect(1, &["query", "app-dev", "--file", "bad.sql"]);
    assert!(text.contains("invalid input syntax") && text.contains("the 1 statement after it did not run."), "{text}");
    let text = p.expect(1, &["query", "app-dev", "copy loaded from stdin"]);
    assert!(text.contains("holdpoint import"), "{text}");
    let out = p.run(&["query", "app-dev", "select count(*) as n from loaded", "--format", "csv"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "n\r\n2\r\n");
    // The data begin behind the line of the `;`, wherever that stands, and the end of the file ends them, too.
    for (file, rows) in [
        ("copy one from stdin\n;\nx\n\\.\n", "x"),
        ("copy one from stdin -- c;\n;\n:x\n\\.\n", ":x"),
        ("copy one from stdin; -- c\nx\n\\.\n", "x"),
        ("copy one from stdin; insert into one (a) values ('after');\nx\n\\.\n", "x,after"),
        ("copy one from stdin;\nx\ny", "x,y"),
    ] {
        p.write(
            "one.sql",
            &format!("drop table if exists one; create table one (id serial, a text);\n{}", file.replace("copy one", "copy one (a)")),
        );
        let out = p.run(&["query", "app-dev", "--file", "one.sql"]);
        assert!(out.status.success(), "{file:?}: {out:?}");
        let out = p.run(&["query", "app-dev", "select string_agg(a, ',' order by id) as a from one", "--format", "tsv"]);
        assert_eq!(String::from_utf8_lossy(&out.stdout), format!("a\n{rows}\n"), "{file:?}");
    }
}
