//! The MariaDB/MySQL engine against a private MariaDB server, or against MySQL (`tests/matrix`).

mod support;

use holdpoint::config::{EngineKind, SslMode, Target};
use holdpoint::engine::{Access, Connect, Engine, Event, Role, Session, registry};
use holdpoint::model::migration::Applied;
use holdpoint::model::plan::PlanNode;
use holdpoint::model::{Align, Cell, Column, Error, Kind, NodeKind, NodePath, Notice, ReadOnly, Result, SchemaNode, Severity, TxState};
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use support::maria::MariaServer;

fn target(server: &MariaServer, database: &str) -> Target {
    let mut t = Target::bare("shop", EngineKind::MySql);
    t.host = Some("127.0.0.1".into());
    t.port = Some(server.port);
    t.user = Some("root".into());
    t.sslmode = SslMode::Prefer;
    t.database = (!database.is_empty()).then(|| database.into());
    t
}

fn engine(t: Target) -> Arc<dyn Engine> {
    registry::engine(t, None)
}

async fn session(server: &MariaServer, database: &str, access: Access) -> Session {
    engine(target(server, database)).connect(Connect::new(Role::Query, access)).await.expect("connect")
}

/// What the server under test calls itself.
fn product() -> &'static str {
    if MariaServer::is_mysql() { "MySQL" } else { "MariaDB" }
}

/// Everything that one statement answers.
#[derive(Default, Debug)]
struct Answer {
    columns: Vec<Column>,
    rows: Vec<Vec<Option<Vec<u8>>>>,
    kinds: Vec<&'static str>,
    notices: Vec<Notice>,
    tag: String,
    affected: Option<u64>,
    rolled_back: bool,
    batches: Vec<usize>,
    /// Results after the first one.
    further: usize,
}

async fn run(s: &Session, sql: &str) -> Result<Answer> {
    let mut stream = s.run(sql).await?;
    let mut a = Answer::default();
    while let Some(event) = stream.next().await {
        match event? {
            Event::Columns(c) => a.columns = c.to_vec(),
            Event::Further(_) => a.further += 1,
            Event::Rows(_) if a.further > 0 => {}
            Event::Rows(b) => {
                a.batches.push(b.rows());
                for r in 0..b.rows() {
                    a.rows.push(
                        (0..b.columns())
                            .map(|c| match b.cell(r, c) {
                                Cell::Null => None,
                                Cell::Text(x) | Cell::Number(x) | Cell::Binary(x) => Some(x.to_vec()),
                            })
                            .collect(),
                    );
                    if a.rows.len() == 1 {
                        a.kinds = (0..b.columns())
                            .map(|c| match b.cell(r, c) {
                                Cell::Null => "null",
                                Cell::Text(_) => "text",
                                Cell::Number(_) => "number",
                                Cell::Binary(_) => "binary",
                            })
                            .collect();
                    }
                }
            }
            Event::Notice(n) => a.notices.push(n),
            Event::Done(o) => {
                a.tag = o.tag;
                a.affected = o.affected;
                a.rolled_back = o.rolled_back;
            }
        }
    }
    Ok(a)
}

async fn refused(s: &Session, sql: &str) -> Error {
    match run(s, sql).await {
        Ok(a) => panic!("{sql} was not refused: {a:?}"),
        Err(e) => e,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_arrives_as_the_servers_text() {
    let server = MariaServer::shared();
    server.sql("", "create database zoo character set utf8mb4");
    server.sql(
        "zoo",
        "set sql_mode=''; create table t (
        i tinyint, u bigint unsigned, d decimal(65,30), d2 decimal(10,2) unsigned, f double,
        dt date, ts datetime(3), tm time, y year, b bit(10), e enum('a','b'), s set('x','y','z'),
        j json, g point, bl blob, tb tinyblob, mt mediumtext, vb varbinary(9), c char(4), v varchar(40), l varchar(9) character set latin1);
        insert into t values (-128, 18446744073709551615, 12345678901234567890123456789012345.123456789012345678901234567890, 1.50, 1e300,
        '0000-00-00', '0000-00-00 00:00:00', '-838:59:59', 1901, b'1000000001', 'b', 'x,z',
        '{\"a\": 1}', point(1,2), 0x00ff1b, '', 'text', 0xfffe, 'abcd', 'h\u{e9}\u{1f600}', _latin1 0xe9);
        insert into t (i) values (null)",
    );
    let s = session(server, "zoo", Access::ReadWrite).await;
    let a = run(&s, "select * from t").await.expect("select");
    let types: Vec<&str> = a.columns.iter().map(|c| c.type_name.as_str()).collect();
    assert_eq!(
        types,
        [
            "tinyint",
            "bigint unsigned",
            "decimal(65,30)",
            "decimal(10,2) unsigned",
            "double",
            "date",
            "datetime(3)",
            "time",
            "year",
            "bit(10)",
            "enum",
            "set",
            if MariaServer::is_mysql() { "json" } else { "longtext" },
            "geometry",
            "blob",
            "tinyblob",
            "mediumtext",
            "varbinary(9)",
            "char(4)",
            "varchar(40)",
            "varchar(9)",
        ]
    );
    let text: Vec<String> =
        a.rows[0].iter().map(|c| c.as_ref().map_or("NULL".into(), |b| String::from_utf8_lossy(b).into_owned())).collect();
    assert_eq!(
        &text[..9],
        [
            "-128",
            "18446744073709551615",
            "12345678901234567890123456789012345.123456789012345678901234567890",
            "1.50",
            "1e300",
            "0000-00-00",
            "0000-00-00 00:00:00.000",
            "-838:59:59",
            "1901",
        ]
    );
    assert_eq!(a.rows[0][9].as_deref(), Some(&[2u8, 1][..]), "bits arrive as bytes");
    assert_eq!(&text[10..13], ["b", "x,z", "{\"a\": 1}"]);
    assert_eq!(a.rows[0][14].as_deref(), Some(&[0u8, 0xff, 0x1b][..]));
    assert_eq!(a.rows[0][15].as_deref(), Some(&[][..]));
    assert_eq!(a.rows[0][17].as_deref(), Some(&[0xffu8, 0xfe][..]));
    assert_eq!(&text[18..], ["abcd", "h\u{e9}\u{1f600}", "\u{e9}"]);
    assert_eq!(
        a.kinds,
        [
            "number", "number", "number", "number", "number", "text", "text", "text", "number", "binary", "text", "text", "text", "binary",
            "binary", "binary", "text", "binary", "text", "text", "text",
        ]
    );
    assert_eq!(a.columns[0].align, Align::Right);
    assert_eq!(a.columns[19].align, Align::Left);
    assert!(a.rows[1].iter().all(Option::is_none), "{:?}", a.rows[1]);
    assert_eq!(a.tag, "SELECT 2");
    s.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_without_rows_has_columns_and_parameters_bind() {
    let server = MariaServer::shared();
    let s = session(server, "", Access::ReadWrite).await;
    let a = run(&s, "select 1 as one, 'x' as x from dual where 1 = 0").await.expect("select");
    assert_eq!(a.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["one", "x"]);
    assert!(a.rows.is_empty());
    assert_eq!(a.tag, "SELECT 0");
    let t = s
        .fetch_with(
            "select ?, ? is null, cast(? as time), cast('0000-00-00' as datetime)",
            vec![Some("it's \\ \u{1f600}".into()), None, Some("-01:02:03".into())],
        )
        .await
        .expect("parameters");
    assert_eq!(t.rows[0][0].as_deref(), Some("it's \\ \u{1f600}"));
    assert_eq!(t.rows[0][1].as_deref(), Some("1"));
    assert_eq!(t.rows[0][2].as_deref(), Some("-01:02:03"));
    // A colon before a word is no parameter of ours.
    assert_eq!(s.fetch("select ':name', @v := 3").await.expect("colon").rows[0][0].as_deref(), Some(":name"));
}

/// Statements with parameters bring their values in another form, and have to show the same.
#[tokio::test(flavor = "multi_thread")]
async fn values_look_the_same_with_and_without_parameters() {
    let server = MariaServer::shared();
    server.create_database("forms");
    server.sql(
        "forms",
        "create table f (i int(5) zerofill, y year, d double, f2 double(10,2), z double(12,3) zerofill, t tinyint, b bigint unsigned)",
    );
    let doubles =
        "1e308 -1e-308 0 1 -1.5 0.1 1e14 123456789012345 1e15 1e16 1.25e15 0.00001 1e-14 1e-15 1.5e-15 1e-16 3.141592653589793 1e22 5e-324";
    for d in doubles.split(' ') {
        server.sql("forms", &format!("insert into f values (42, 0, {d}, 1.5, 2.25, -3, 18446744073709551615)"));
    }
    let s = session(server, "forms", Access::ReadOnly).await;
    let plain = s.fetch("select * from f where 1 = 1").await.expect("text protocol").rows;
    let bound = s.fetch_with("select * from f where 1 = ?", vec![Some("1".into())]).await.expect("binary protocol").rows;
    assert_eq!(bound, plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_statement_at_a_time_and_errors_say_where() {
    let server = MariaServer::shared();
    server.create_database("one");
    server.sql("one", "create table t (a int)");
    let s = session(server, "one", Access::ReadWrite).await;
    let e = refused(&s, "insert into t values (1); drop table t").await;
    assert_eq!(e.code.as_deref(), Some("1064"));
    assert_eq!(server.sql("one", "select count(*) from t"), "0\n", "nothing of it ran");
    let e = refused(&s, "select a,\n  b frm t\nwhere 1").await;
    assert_eq!(e.position, Some("select a,\n  b frm ".len()), "{e:?}");
    let e = refused(&s, "select * from nowhere").await;
    assert_eq!(e.code.as_deref(), Some("1146"));
    let e = refused(&s, "load data local infile '/etc/passwd' into table t").await;
    assert!(e.message.contains("LOCAL"), "{e:?}");
    assert_eq!(run(&s, "select 1").await.expect("the session goes on").rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_warnings_and_the_state_of_the_transaction() {
    let server = MariaServer::shared();
    server.create_database("tags");
    let s = session(server, "tags", Access::ReadWrite).await;
    assert_eq!(run(&s, "create table t (a int, b varchar(2)) engine=innodb").await.expect("create").tag, "CREATE TABLE");
    assert_eq!(run(&s, "/* c */ insert into t values (1,'x'),(2,'x'),(3,'y')").await.expect("insert").tag, "INSERT 3");
    assert_eq!(s.status().tx, TxState::Idle);
    run(&s, "begin").await.expect("begin");
    assert_eq!(s.status().tx, TxState::Open);
    let a = run(&s, "update t set b = 'x' where a < 4").await.expect("update");
    assert_eq!((a.tag.as_str(), a.affected), ("UPDATE 1", Some(1)));
    assert!(a.notices.iter().any(|n| n.message.starts_with("Rows matched: 3  Changed: 1")), "{:?}", a.notices);
    refused(&s, "selec").await;
    assert_eq!(s.status().tx, TxState::Open, "an error does not end the transaction");
    run(&s, "rollback").await.expect("rollback");
    assert_eq!(s.status().tx, TxState::Idle);
    let a = run(&s, "select cast('12x' as signed)").await.expect("cast");
    assert_eq!(a.notices.len(), 1, "{:?}", a.notices);
    assert_eq!(a.notices[0].severity, "Warning");
    run(&s, "create procedure p() begin select 1 as a; select 2 as b, 3 as c; end").await.expect("a body with semicolons is one statement");
    let a = run(&s, "call p()").await.expect("call");
    assert_eq!(a.columns.len(), 1);
    assert_eq!(a.rows.len(), 1);
    assert_eq!(a.further, 1);
    run(&s, "create procedure fails() begin select 1 as a; signal sqlstate '45000' set message_text = 'half way'; end")
        .await
        .expect("procedure");
    let e = refused(&s, "call fails()").await;
    assert_eq!(e.message, "half way");
    assert_eq!(s.fetch("select 7").await.expect("no error is left over").scalar(), Some("7"));
    // DDL inside a transaction commits: the server says so, not we.
    run(&s, "start transaction").await.expect("start");
    run(&s, "create table u (a int)").await.expect("ddl");
    assert_eq!(s.status().tx, TxState::Idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_settings_are_those_of_the_native_client() {
    let server = MariaServer::shared();
    let s = session(server, "mysql", Access::ReadWrite).await;
    // What differs from one connection to the next by its nature.
    let own = [
        "pseudo_thread_id",
        "timestamp",
        "error_count",
        "warning_count",
        "rand_seed1",
        "rand_seed2",
        "last_insert_id",
        "identity",
        "in_transaction",
        "last_gtid",
        "statement_id",
    ];
    let statement = "show session variables";
    let ours: Vec<String> = run(&s, statement)
        .await
        .expect("ours")
        .rows
        .iter()
        .map(|r| r.iter().map(|c| String::from_utf8_lossy(c.as_deref().unwrap_or_default()).into_owned()).collect::<Vec<_>>().join("\t"))
        .collect();
    let natives = server.sql("mysql", statement);
    // The native client writes control characters of values in its batch output; compare what both print plainly.
    let native: Vec<String> = natives.lines().map(str::to_string).collect();
    assert!(ours.len() > 400 && native.len() > 400);
    let name = |l: &String| l.split('\t').next().unwrap_or("").to_string();
    for line in ours.iter().filter(|l| !own.contains(&name(l).as_str()) && !l.contains('\n') && !l.contains('\\')) {
        assert!(native.contains(line), "only ours: {line}; theirs: {:?}", native.iter().find(|n| name(n) == name(line)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_says_why() {
    let server = MariaServer::shared();
    server.sql("", "create user if not exists secret@'127.0.0.1' identified by 'right'");
    let mut t = target(server, "");
    t.user = Some("secret".into());
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    let e = engine(t.clone()).connect(how()).await.err().expect("no password");
    assert_eq!(e.kind, Kind::PasswordNeeded, "{e:?}");
    let e = registry::engine(t.clone(), Some(SecretString::from("wrong".to_string()))).connect(how()).await.err().expect("wrong password");
    assert_eq!((e.kind, e.code.as_deref()), (Kind::Connect, Some("1045")), "{e:?}");
    assert!(!format!("{e:?}").contains("wrong\""), "{e:?}");
    let s = registry::engine(t.clone(), Some(SecretString::from("right".to_string()))).connect(how()).await.expect("right password");
    assert_eq!(s.identity().product, product());
    assert_eq!(s.identity().user, "secret@127.0.0.1");
    let e = engine(target(server, "no_such_db")).connect(how()).await.err().expect("no database");
    assert_eq!(e.code.as_deref(), Some("1049"), "{e:?}");
    let mut gone = target(server, "");
    gone.port = Some(support::server::free_port());
    let e = engine(gone).connect(how()).await.err().expect("nobody there");
    assert!(e.message.contains("nothing listens"), "{e:?}");
    let mut tls = target(server, "");
    tls.sslmode = SslMode::Require;
    match engine(tls).connect(how()).await {
        // MySQL makes itself certificates at its first start.
        Ok(s) => assert!(MariaServer::is_mysql(), "{:?}", s.identity()),
        Err(e) => assert!(e.message.contains("does not offer TLS"), "{e:?}"),
    }
    let mut by_socket = target(server, "");
    (by_socket.host, by_socket.port) = (None, None);
    by_socket.socket = Some(server.socket.clone());
    let s2 = engine(by_socket).connect(how()).await.expect("socket");
    assert_eq!(s2.identity().server_id, s.identity().server_id, "the same server, whatever the way");
}

/// Rows of the process list that run something for this session's user statement.
fn running(server: &MariaServer, piece: &str) -> usize {
    server.sql("", &format!("select count(*) from information_schema.processlist where command = 'Query' and info like '%{piece}%' and info not like '%processlist%'"))
        .trim().parse().expect("count")
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_the_statement_on_the_server_and_keeps_the_session() {
    let server = MariaServer::shared();
    let s = session(server, "mysql", Access::ReadWrite).await;
    run(&s, "set @kept = 41").await.expect("set");
    let slow = {
        let s = s.clone();
        tokio::spawn(async move { run(&s, &MariaServer::asleep(50, "cancel_me")).await })
    };
    support::wait_until("the statement runs", || running(server, "cancel_me") == 1);
    s.cancel().await.expect("cancel");
    let e = slow.await.expect("task").expect_err("cancelled");
    assert_eq!(e.kind, Kind::Cancelled, "{e:?}");
    assert_eq!(running(server, "cancel_me"), 0);
    // Nothing runs: cancelling does nothing, and does not hit what comes next.
    s.cancel().await.expect("idle cancel");
    assert_eq!(s.fetch("select @kept + 1").await.expect("kept").scalar(), Some("42"));
    // A reader that stops reading: cancelling still works, because the rows are drained.
    let mut stuck = s.run(&format!("select * from {}", MariaServer::numbers(100_000_000))).await.expect("run");
    assert!(matches!(stuck.next().await, Some(Ok(Event::Columns(_)))));
    support::wait_until("it runs", || running(server, "seq_1_to_100000000") == 1);
    s.cancel().await.expect("cancel a stuck reader");
    support::wait_until("the server is free", || running(server, "seq_1_to_100000000") == 0);
    let mut last = None;
    while let Some(e) = stuck.next().await {
        last = Some(e);
    }
    assert_eq!(last.expect("an end").expect_err("cancelled").kind, Kind::Cancelled);
    // A stream that is dropped.
    let mut dropped = s.run(&format!("select * from {}", MariaServer::numbers(200_000_000))).await.expect("run");
    assert!(matches!(dropped.next().await, Some(Ok(Event::Columns(_)))));
    drop(dropped);
    support::wait_until("the server is free", || running(server, "seq_1_to_200000000") == 0);
    assert_eq!(s.fetch("select @kept").await.expect("kept").scalar(), Some("41"));
    assert_eq!(s.status().lost, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_cancels_never_hit_a_later_statement() {
    let server = MariaServer::shared();
    let s = session(server, "", Access::ReadWrite).await;
    for i in 0..40 {
        let cancel = {
            let s = s.clone();
            tokio::spawn(async move { s.cancel().await })
        };
        // May be cancelled, or be through before.
        if let Err(e) = run(&s, "select 1").await {
            assert_eq!(e.kind, Kind::Cancelled, "{e:?}");
        }
        cancel.await.expect("task").expect("cancel");
        assert_eq!(s.fetch(format!("select {i}")).await.expect("never cancelled").scalar(), Some(i.to_string().as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_connection_is_noticed_running_and_idle() {
    let server = MariaServer::shared();
    let s = session(server, "", Access::ReadWrite).await;
    let id = s.fetch("select connection_id()").await.expect("id").scalar().expect("id").to_string();
    let slow = {
        let s = s.clone();
        tokio::spawn(async move { run(&s, &MariaServer::asleep(50, "kill_me")).await })
    };
    support::wait_until("the statement runs", || running(server, "kill_me") == 1);
    server.sql("", &format!("kill {id}"));
    let e = slow.await.expect("task").expect_err("killed");
    assert_eq!(e.kind, Kind::Connect, "{e:?}");
    let mut watch = s.watch();
    watch.wait_for(|s| s.lost.is_some()).await.expect("lost");

    for socket in [false, true] {
        let mut t = target(server, "");
        if socket {
            (t.host, t.port, t.socket) = (None, None, Some(server.socket.clone()));
        }
        let idle = engine(t).connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("connect");
        let id = idle.fetch("select connection_id()").await.expect("id").scalar().expect("id").to_string();
        let mut watch = idle.watch();
        server.sql("", &format!("kill {id}"));
        tokio::time::timeout(support::PATIENCE, watch.wait_for(|s| s.lost.is_some())).await.expect("noticed while idle").expect("lost");
        assert_eq!(refused(&idle, "select 1").await.kind, Kind::Connect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_come_in_small_first_batches() {
    let server = MariaServer::shared();
    let s = session(server, "mysql", Access::ReadWrite).await;
    let a = run(&s, &format!("select seq, repeat('x', 10) from {}", MariaServer::numbers(20_000))).await.expect("select");
    assert_eq!(a.rows.len(), 20_000);
    assert!(a.batches[0] <= 64, "{:?}", &a.batches[..3]);
    assert!(a.batches.iter().all(|n| *n <= 1024));
    assert_eq!(a.rows[19_999][0].as_deref(), Some(&b"20000"[..]));
    let wide = run(&s, "select repeat('y', 15000000)").await.expect("15 MB in a cell");
    assert_eq!(wide.rows[0][0].as_ref().map(Vec::len), Some(15_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_session_cannot_be_talked_into_writing() {
    let server = MariaServer::shared();
    server.create_database("ro");
    server.sql(
        "ro",
        "create table t (a int) engine=innodb; insert into t values (1); create table m (a int) engine=myisam; insert into m values (1)",
    );
    let w = session(server, "ro", Access::ReadWrite).await;
    run(&w, "create function w() returns int modifies sql data begin insert into t values (2); return 1; end").await.expect("function");
    let s = session(server, "ro", Access::ReadOnly).await;
    assert_eq!(s.status().read_only, ReadOnly::Session);
    let a = run(&s, "select * from t").await.expect("select");
    assert!(a.rolled_back);
    assert_eq!(s.status().tx, TxState::Idle);
    for sql in [
        "truncate table t",
        "drop table t",
        "insert into t values (2)",
        "insert into m values (2)",
        "delete from m",
        "create table x (a int)",
        "set session transaction read write",
        "commit",
        "begin",
        "set global max_connections = 10",
        "flush tables",
        "optimize table m",
        "select * from t into outfile '/tmp/holdpoint-x'",
        "select a from t for update",
        "call nothing()",
        "start transaction read write",
        "/*!50000 truncate table t */",
        "/*M! truncate table t */",
        "select 1 /*!, w() */ into @x",
        "do w()",
        "lock tables t write",
        "analyze table t",
        "prepare p from 'truncate table t'",
        "execute immediate 'truncate table t'",
        "kill 1",
    ] {
        let e = refused(&s, sql).await;
        assert!(matches!(e.kind, Kind::ReadOnly | Kind::Statement), "{sql}: {e:?}");
    }
    // Where the classifier only names the function, the server's transaction refuses the write.
    let e = refused(&s, "select w()").await;
    assert_eq!(e.kind, Kind::ReadOnly, "{e:?}");
    assert_eq!(server.sql("ro", "select count(*) from t; select count(*) from m"), "1\n1\n");

    server.sql("", "create user if not exists reader@'127.0.0.1'; grant select on ro.* to reader@'127.0.0.1'");
    let mut t = target(server, "ro");
    t.user = Some("reader".into());
    let reader = engine(t).connect(Connect::new(Role::Query, Access::ReadOnly)).await.expect("reader");
    assert_eq!(reader.status().read_only, ReadOnly::Role);
}

/// A small shop with most kinds of objects.
async fn shop(server: &MariaServer, db: &str) -> (Arc<dyn Engine>, Session) {
    server.sql("", &format!("create database {db} character set utf8mb4"));
    let e = engine(target(server, db));
    let s = e.connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("connect");
    for sql in [
        "create table customers (id int unsigned not null auto_increment primary key, email varchar(80) not null, name varchar(40) default 'x' comment 'the, name',
            unique key email (email)) auto_increment = 500",
        "create table orders (id int primary key, customer_id int unsigned, total decimal(10,2) check (total >= 0), note text,
            twice int generated always as (id * 2) stored, key by_total (total, customer_id),
            constraint placed_by foreign key (customer_id) references customers (id) on delete cascade)",
        "create view big as select o.id, c.email from orders o join customers c on c.id = o.customer_id where o.total > 100",
        "create trigger noted before insert on orders for each row set new.note = coalesce(new.note, 'none')",
        "create function plus_one(a int) returns int deterministic return a + 1",
        "create procedure cleanup(in n int) begin delete from orders where id < n; end",
        "create event nightly on schedule every 1 day starts '2030-01-01 00:00:00' do delete from orders where id < 0",
        "create sequence numbers start with 5",
        "create table old (a int) engine=myisam",
        &format!("insert into customers (email) select concat('c', seq, '@example.org') from {}", MariaServer::numbers(1000)),
        &format!("insert into orders (id, customer_id, total) select seq, 500 + seq % 1000, seq from {}", MariaServer::numbers(5000)),
        "insert into old values (1), (1), (null)",
        "analyze table orders, customers",
    ] {
        if MariaServer::is_mysql() && sql.starts_with("create sequence") {
            continue;
        }
        run(&s, sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
    (e, s)
}

fn find<'a>(nodes: &'a [SchemaNode], name: &str) -> &'a SchemaNode {
    nodes.iter().find(|n| n.name == name).unwrap_or_else(|| panic!("no {name} in {nodes:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_tree_shows_what_there_is() {
    let server = MariaServer::shared();
    let (e, s) = shop(server, "tree").await;
    let catalog = e.catalog().get().expect("catalog");
    let root = catalog.children(&s, &NodePath::root()).await.expect("databases");
    assert_eq!(root[0].name, "tree", "the target's database comes first");
    assert!(!root.iter().any(|n| ["mysql", "information_schema", "performance_schema", "sys"].contains(&n.name.as_str())));
    let db = NodePath::root().child(NodeKind::Schema, "tree");
    let list = catalog.children(&s, &db).await.expect("relations");
    let names: Vec<&str> = list.iter().map(|n| n.name.as_str()).collect();
    let expected = ["customers", "old", "orders", "big", "numbers", "Functions", "Procedures", "Events"];
    assert_eq!(names, expected.into_iter().filter(|n| *n != "numbers" || !MariaServer::is_mysql()).collect::<Vec<_>>());
    assert!(find(&list, "orders").rows.is_some_and(|r| (3000..8000).contains(&r)), "{list:?}");
    assert!(find(&list, "orders").bytes.is_some_and(|b| b > 16_384));
    assert_eq!(find(&list, "old").detail, "MyISAM");
    let orders = db.child(NodeKind::Table, "orders");
    let inside = catalog.children(&s, &orders).await.expect("columns");
    assert_eq!(find(&inside, "customer_id").marks, ["FK → customers.id"]);
    assert_eq!(find(&inside, "id").marks, ["PK", "NOT NULL"]);
    assert_eq!(find(&inside, "total").detail, "decimal(10,2)");
    for (group, name, detail) in [
        ("Indexes", "by_total", "(total, customer_id)"),
        ("Foreign keys", "placed_by", "(customer_id) → customers (id) ON DELETE CASCADE"),
        match MariaServer::is_mysql() {
            true => ("Checks", "orders_chk_1", "CHECK (`total` >= 0)"),
            false => ("Checks", "total", "CHECK (`total` >= 0)"),
        },
        ("Triggers", "noted", "BEFORE INSERT"),
    ] {
        let nodes = catalog.children(&s, &orders.child(NodeKind::Group, group)).await.expect(group);
        assert_eq!(find(&nodes, name).detail, detail, "{group}");
    }
    for (path, start) in [
        (orders.clone(), "CREATE TABLE `orders`"),
        (db.child(NodeKind::View, "big"), "CREATE ALGORITHM"),
        (db.child(NodeKind::Sequence, "numbers"), "CREATE SEQUENCE"),
        (orders.child(NodeKind::Group, "Triggers").child(NodeKind::Trigger, "noted"), "CREATE "),
        (db.child(NodeKind::Group, "Functions").child(NodeKind::Function, "plus_one"), "CREATE "),
        (db.child(NodeKind::Group, "Procedures").child(NodeKind::Function, "cleanup"), "CREATE "),
        (db.child(NodeKind::Group, "Events").child(NodeKind::Function, "nightly"), "CREATE "),
    ] {
        if MariaServer::is_mysql() && matches!(path.last(), Some((NodeKind::Sequence, _))) {
            continue;
        }
        let text = catalog.definition(&s, &path).await.expect("definition");
        // Under the mode of its own, between DELIMITER lines where it holds statements.
        let body = text.strip_prefix("SET @saved_sql_mode").map_or(&text[..], |rest| rest.split_once('\n').expect("a line").1);
        let body = body.strip_prefix("DELIMITER ;;\n").unwrap_or(body);
        assert!(body.starts_with(start) && text.ends_with(';') && !text.contains("DEFINER="), "{text}");
    }
    assert_eq!(catalog.preview(&orders, 50, None).as_deref(), Some("SELECT * FROM `orders` LIMIT 50"));
    let other = NodePath::root().child(NodeKind::Schema, "o`ther").child(NodeKind::Table, "t");
    assert_eq!(catalog.preview(&other, 1, None).as_deref(), Some("SELECT * FROM `o``ther`.`t` LIMIT 1"));
    // Groups list what definitions are asked for.
    assert_eq!(catalog.children(&s, &db.child(NodeKind::Group, "Procedures")).await.expect("procedures")[0].name, "cleanup");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_schemas_have_equal_catalogues_and_changes_are_named() {
    let server = MariaServer::shared();
    let (a, sa) = shop(server, "canon_a").await;
    let (b, sb) = shop(server, "canon_b").await;
    let one = a.catalog().get().expect("catalog").objects(&sa).await.expect("objects");
    run(&sb, "insert into customers (email) values ('more')").await.expect("counters differ now");
    let two = b.catalog().get().expect("catalog").objects(&sb).await.expect("objects");
    assert_eq!(one, two);
    let kinds: std::collections::BTreeSet<&str> = one.iter().map(|o| o.kind.as_str()).collect();
    for kind in ["table", "column", "index", "constraint", "view", "trigger", "function", "procedure", "event", "sequence", "setting"] {
        if kind == "sequence" && MariaServer::is_mysql() {
            continue;
        }
        assert!(kinds.contains(kind), "{kind} is missing in {kinds:?}");
    }
    run(&sb, "alter table orders modify note varchar(9)").await.expect("alter");
    run(&sb, "drop function plus_one").await.expect("function");
    run(&sb, "create function plus_one(a int) returns int deterministic return a + 2").await.expect("function");
    let changed = b.catalog().get().expect("catalog").objects(&sb).await.expect("objects");
    let different: Vec<&str> = changed.iter().filter(|o| !one.contains(o)).map(|o| o.name.as_str()).collect();
    assert_eq!(different, ["orders.note", "plus_one"]);
    let shapes = a.catalog().get().expect("catalog").tables(&sa).await.expect("tables");
    assert_eq!(shapes.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["customers", "old", "orders"]);
    assert_eq!(shapes[2].columns, ["id", "customer_id", "total", "note", "twice"]);
}

fn nodes(root: &PlanNode) -> Vec<&PlanNode> {
    let mut out = Vec::new();
    root.walk(0, &mut |_, n| out.push(n));
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_say_what_is_read_and_are_never_a_way_to_write() {
    let server = MariaServer::shared();
    let (_, s) = shop(server, "plans").await;
    let join = "select c.email, count(*) from customers c join orders o on o.customer_id = c.id where o.total > 10 group by c.email";
    let plan = s.explain(join, false).await.expect("plan");
    assert_eq!((plan.engine.as_str(), plan.analyzed), (product(), false));
    assert!(nodes(&plan.root).iter().any(|n| n.op == "nested loop"), "{:?}", plan.root);
    assert!(nodes(&plan.root).iter().any(|n| n.index.is_some() && n.est_rows.is_some()));
    let plan = s.explain("select * from orders where note like '%nothing%'", true).await.expect("analyze");
    let scan = nodes(&plan.root).into_iter().find(|n| n.op == "table scan").expect("a scan");
    match MariaServer::is_mysql() {
        // The filter is a step of its own.
        true => assert_eq!((scan.rows_total, plan.root.rows_total), (Some(5000.0), Some(0.0))),
        false => assert_eq!((scan.rows_total, scan.removed.total()), (Some(0.0), Some(5000.0))),
    }
    assert!(scan.self_ms.is_some_and(|t| t > 0.0));
    assert!(plan.remarks.is_empty(), "{:?}", plan.remarks);
    assert_eq!(s.status().tx, TxState::Idle);
    // A write may be planned, and is not run; a second statement does not hide behind the first.
    let plan = s.explain("delete from orders where id = 7", false).await.expect("plan of a write");
    assert!(!nodes(&plan.root).is_empty());
    assert!(s.explain("delete from orders", true).await.is_err());
    assert!(s.explain("select 1; delete from orders", false).await.is_err());
    run(&s, "create function writes() returns int begin insert into orders (id, total) values (999999, 1); return 1; end")
        .await
        .expect("function");
    let e = s.explain("select * from (select writes() x) d", false).await.expect_err("the read-only transaction refuses");
    assert_eq!(e.kind, Kind::ReadOnly, "{e:?}");
    let e = s.explain("selec 1", false).await.expect_err("syntax");
    assert_eq!(e.position, Some(0), "{e:?}");
    assert_eq!(server.sql("plans", "select count(*) from orders"), "5000\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migration_history_and_lock_are_sqlxs() {
    let server = MariaServer::shared();
    server.sql("", "create database migrations");
    let e = engine(target(server, "migrations"));
    let how = || Connect::new(Role::Migration, Access::ReadWrite);
    let s = e.connect(how()).await.expect("connect");
    let m = e.migrations().get().expect("migrations");
    assert!(!m.transactional_ddl());
    assert_eq!(m.history(&s).await.expect("history"), None);
    m.ensure_history(&s).await.expect("ensure");
    m.ensure_history(&s).await.expect("twice");
    let row = Applied {
        version: 20,
        description: "it's \\ new".into(),
        installed_on: String::new(),
        success: false,
        checksum: "00ff".repeat(24),
        execution_time: -1,
    };
    run(&s, &m.insert_history(&row)).await.expect("insert");
    let got = m.history(&s).await.expect("history").expect("there");
    assert_eq!(
        (got[0].version, got[0].description.as_str(), got[0].success, got[0].checksum.as_str()),
        (20, "it's \\ new", false, row.checksum.as_str())
    );
    assert_eq!(server.sql("migrations", "select length(checksum) from _sqlx_migrations"), "48\n");
    run(&s, &m.finish_history(20, 12)).await.expect("finish");
    assert_eq!(m.history(&s).await.expect("history").expect("there")[0].execution_time, 12);
    run(&s, &m.delete_history(20)).await.expect("delete");
    assert_eq!(m.history(&s).await.expect("history"), Some(Vec::new()));
    // The history is left out of what proofs compare.
    let catalog = e.catalog().get().expect("catalog");
    assert!(catalog.tables(&s).await.expect("tables").is_empty());
    assert!(!catalog.objects(&s).await.expect("objects").iter().any(|o| o.name.contains("_sqlx")));

    m.lock(&s, Duration::from_secs(1)).await.expect("lock");
    let other = e.connect(how()).await.expect("connect");
    let held = m.lock(&other, Duration::from_millis(200)).await.expect_err("held");
    let id = s.fetch("select connection_id()").await.expect("id").scalar().expect("id").to_string();
    assert_eq!(held.kind, Kind::Held);
    assert!(held.message.contains(&format!("connection {id} (root@")), "{held:?}");
    m.unlock(&s).await.expect("unlock");
    m.lock(&other, Duration::from_millis(200)).await.expect("free again");
    assert!(m.unlock(&s).await.is_err(), "not ours");
    m.unlock(&other).await.expect("unlock");
    for sql in m.session_setup(Duration::from_secs(3)) {
        run(&s, &sql).await.expect("setup");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn preconditions_see_blockers_and_say_what_they_cannot_see() {
    // A server of its own: transactions of other tests would be seen.
    let server = MariaServer::start(&[]);
    server.sql("", "create database pre; create table pre.t (a int); insert into pre.t values (1); create user blind@'127.0.0.1'; grant all on pre.* to blind@'127.0.0.1'");
    let e = engine(target(&server, "pre"));
    let s = e.connect(Connect::new(Role::Migration, Access::ReadWrite)).await.expect("connect");
    let m = e.migrations().get().expect("migrations");
    let calm = m.preconditions(&s).await.expect("preconditions");
    assert!(calm.iter().all(|f| f.severity == Severity::Ok), "{calm:?}");
    let holder = e.connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("connect");
    run(&holder, "begin").await.expect("begin");
    run(&holder, "select * from t").await.expect("select");
    let waiter = e.connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("connect");
    let task = {
        let w = waiter.clone();
        tokio::spawn(async move { run(&w, "alter table t add b int").await })
    };
    support::wait_until("the ALTER waits", || {
        server.sql("", "select count(*) from information_schema.processlist where state like 'Waiting for table metadata%'") == "1\n"
    });
    let found = m.preconditions(&s).await.expect("preconditions");
    let lock = found.iter().find(|f| f.check == "metadata-locks").expect("check");
    assert_eq!(lock.severity, Severity::Critical, "{lock:?}");
    waiter.cancel().await.expect("cancel");
    assert_eq!(task.await.expect("task").expect_err("cancelled").kind, Kind::Cancelled);
    let mut t = target(&server, "pre");
    t.user = Some("blind".into());
    let blind = engine(t).connect(Connect::new(Role::Migration, Access::ReadWrite)).await.expect("connect");
    let found = m.preconditions(&blind).await.expect("preconditions");
    let unknown: Vec<&str> = found.iter().filter(|f| f.severity == Severity::Unknown).map(|f| f.check.as_str()).collect();
    assert_eq!(unknown, ["long-transactions", "metadata-locks", "not-a-replica"]);
    assert!(found.iter().filter(|f| f.severity == Severity::Unknown).all(|f| f.lifts.as_deref().is_some_and(|l| l.starts_with("GRANT"))));
}

/// A source with a shop, and a second server to restore on.
async fn with_scratch(server: &MariaServer, scratch: &MariaServer, db: &str) -> (Arc<dyn Engine>, Session) {
    let (_, s) = shop(server, db).await;
    let mut t = target(server, db);
    t.scratch = Some("scratch".into());
    t.scratch_target = Some(Box::new(Target { name: "scratch".into(), ..target(scratch, "") }));
    (engine(t), s)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_compared_and_its_scratch_dropped() {
    let (server, scratch) = (MariaServer::shared(), MariaServer::start(&[]));
    let (e, s) = with_scratch(server, &scratch, "saved").await;
    run(&s, "create table odd (id int primary key, b blob, t text, d double, z date) character set latin1").await.expect("table");
    run(&s, "set sql_mode = ''").await.expect("mode");
    run(&s, "insert into odd values (1, x'00ff0a0d1b5c27', 'line\\nbreak \\\\ '' quote', 1e-300, '0000-00-00'), (2, '', null, -0.1, null)")
        .await
        .expect("insert");
    let backups = e.backups().get().expect("backups");
    let cancel = tokio_util::sync::CancellationToken::new();
    let silent = holdpoint::model::Silent;
    let findings = backups.preflight(s.identity()).await;
    assert!(findings.iter().all(|f| f.severity != Severity::Critical), "{findings:?}");
    let mixed = findings.iter().find(|f| f.check == "non-transactional").expect("MyISAM is named");
    assert_eq!(mixed.severity, Severity::Warning);
    let dir = tempfile::tempdir().expect("dir");
    let manifest = backups.take(dir.path(), "tester", &silent, &cancel).await.expect("take");
    assert_eq!(manifest.identity.subject(), s.identity().subject());
    assert_eq!(manifest.tool.contains("MariaDB"), !MariaServer::is_mysql(), "{}", manifest.tool);
    assert_eq!(manifest.facts["dump_digest"].len(), 64);

    let same = backups.restore(dir.path(), &manifest, Some(&scratch_id(&scratch).await), &silent, &cancel).await;
    assert_eq!(same.err().expect("the scratch server is forbidden").kind, Kind::Held);

    let copy = backups.restore(dir.path(), &manifest, Some(&s.identity().server_id), &silent, &cancel).await.expect("restore");
    let name = copy.target.database.clone().expect("a database");
    assert!(name.starts_with("holdpoint_scratch_"));
    let found = backups.compare(dir.path(), &manifest, &copy, &silent, &cancel).await.expect("compare");
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(scratch.sql(&name, "select status from information_schema.events where event_schema = database()"), "DISABLED\n");
    // The negative control: a copy that lost a row, a changed value, a lost index.
    scratch.sql(&name, "delete from orders where id = 4000");
    let found = backups.compare(dir.path(), &manifest, &copy, &silent, &cancel).await.expect("compare");
    assert_eq!(found.lost_rows.get("orders"), Some(&1), "{found:?}");
    scratch.sql(&name, "update odd set b = x'00' where id = 1; drop index by_total on orders");
    let found = backups.compare(dir.path(), &manifest, &copy, &silent, &cancel).await.expect("compare");
    assert!(found.data.iter().any(|d| d.contains("data of odd")), "{found:?}");
    assert!(found.schema.iter().any(|d| d.contains("orders.by_total")), "{found:?}");

    // Only what we made is dropped.
    scratch.sql("", "create database holdpoint_scratch_not_ours");
    let mut foreign = copy.target.clone();
    foreign.database = Some("holdpoint_scratch_not_ours".into());
    let not_ours = holdpoint::engine::Scratch { target: foreign, grade: copy.grade };
    assert!(backups.discard(not_ours).await.is_err());
    backups.discard(copy).await.expect("discard");
    assert_eq!(scratch.sql("", "show databases like 'holdpoint%'"), "holdpoint_scratch_not_ours\n");
}

async fn scratch_id(server: &MariaServer) -> String {
    session(server, "", Access::ReadWrite).await.identity().server_id.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_backups_and_dumps_that_name_databases_are_refused() {
    let (server, scratch) = (MariaServer::shared(), MariaServer::start(&[]));
    let (e, s) = with_scratch(server, &scratch, "damaged").await;
    let backups = e.backups().get().expect("backups");
    let cancel = tokio_util::sync::CancellationToken::new();
    let silent = holdpoint::model::Silent;
    let dir = tempfile::tempdir().expect("dir");
    let mut manifest = backups.take(dir.path(), "tester", &silent, &cancel).await.expect("take");
    let path = dir.path().join("dump.sql");
    let whole = std::fs::read(&path).expect("dump");
    std::fs::write(&path, &whole[..whole.len() - 1000]).expect("cut");
    let refused = backups.restore(dir.path(), &manifest, None, &silent, &cancel).await.err().expect("cut off");
    assert!(refused.message.contains("hash differs"), "{refused:?}");
    // Even with a manifest that was made to fit, a dump that is cut in a statement fails, and leaves nothing behind.
    use sha2::Digest;
    let half = &whole[..whole.len() / 2];
    std::fs::write(&path, half).expect("cut");
    manifest.artefacts[0].bytes = half.len() as u64;
    manifest.artefacts[0].sha256 = hex::encode(sha2::Sha256::digest(half));
    match backups.restore(dir.path(), &manifest, None, &silent, &cancel).await {
        Err(_) => {}
        Ok(copy) => {
            let found = backups.compare(dir.path(), &manifest, &copy, &silent, &cancel).await.expect("compare");
            assert!(!found.is_empty());
            backups.discard(copy).await.expect("discard");
        }
    }
    assert_eq!(scratch.sql("", "show databases like 'holdpoint%'"), "");
    run(&s, "create procedure reaches() begin delete from damaged.orders; end").await.expect("procedure");
    let dir = tempfile::tempdir().expect("dir");
    let manifest = backups.take(dir.path(), "tester", &silent, &cancel).await.expect("a backup is one all the same");
    let refused = backups.restore(dir.path(), &manifest, None, &silent, &cancel).await.err().expect("names a database");
    assert!(refused.message.contains("routine reaches names damaged"), "{refused:?}");
    // A tool that cannot log in says why, and leaves no file.
    let dir = tempfile::tempdir().expect("dir");
    cancel.cancel();
    assert_eq!(backups.take(dir.path(), "tester", &silent, &cancel).await.expect_err("cancelled").kind, Kind::Cancelled);
    assert_eq!(std::fs::read_dir(dir.path()).expect("dir").count(), 0);
}

fn openssl(dir: &std::path::Path, args: &[&str]) {
    let mut c = std::process::Command::new("openssl");
    c.args(args).current_dir(dir);
    support::server::run(c, "openssl");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_server_is_trusted_by_its_own_certificate_and_no_other() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new().prefix("hp-self-").tempdir_in("/tmp").expect("dir");
    let d = dir.path();
    std::fs::set_permissions(d, std::fs::Permissions::from_mode(0o755)).expect("mode");
    for name in ["self", "other"] {
        let (key, cert) = (format!("{name}.key"), format!("{name}.crt"));
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &cert, "-subj", "/CN=db", "-addext", names];
        openssl(d, &made);
    }
    let elsewhere = ["req", "-x509", "-key", "self.key", "-out", "name.crt", "-subj", "/CN=db", "-addext", "subjectAltName=DNS:db.example"];
    openssl(d, &elsewhere);
    for f in ["self.key", "self.crt"] {
        let copy = d.join(format!("my-{f}"));
        std::fs::copy(d.join(f), &copy).expect("copy");
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).expect("mode");
        support::server::Unprivileged::first_of(&["mysql", "nobody"]).own(&copy);
    }
    let set = |k: &str, f: &str| format!("--{k}={}", d.join(f).display());
    let server = MariaServer::start(&[&set("ssl-cert", "my-self.crt"), &set("ssl-key", "my-self.key")]);
    server.sql("", "create user secured@'127.0.0.1' identified by 'secret' require ssl");
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    let with = |ssl: SslMode, root: Option<&str>, password: &str| {
        let mut t = target(&server, "");
        (t.user, t.sslmode) = (Some("secured".into()), ssl);
        t.sslrootcert = root.map(|f| d.join(f));
        registry::engine(t, Some(SecretString::from(password.to_string())))
    };
    for ssl in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        let s = with(ssl, Some("self.crt"), "secret").connect(how()).await.unwrap_or_else(|e| panic!("{ssl:?}: {e:?}"));
        let cipher = s.fetch("show session status like 'Ssl_cipher'").await.expect("cipher");
        assert!(cipher.rows[0][1].as_deref().is_some_and(|c| !c.is_empty()), "{ssl:?}");
        let e = with(ssl, Some("self.crt"), "wrong").connect(how()).await.err().expect("wrong password");
        assert_eq!(e.code.as_deref(), Some("1045"), "{ssl:?}: {e:?}");
        // Of the same name, with another key.
        let e = with(ssl, Some("other.crt"), "secret").connect(how()).await.err().expect("another certificate");
        assert!(e.message.ends_with("its certificate is self-signed"), "{ssl:?}: {e:?}");
    }
    for ssl in [SslMode::VerifyCa, SslMode::VerifyFull] {
        let e = with(ssl, None, "secret").connect(how()).await.err().expect("an authority is wanted");
        assert!(e.message.ends_with("its certificate is self-signed") && e.hints[0].contains("sslrootcert"), "{ssl:?}: {e:?}");
    }
    // The key is the server's, and the certificate that is trusted is for another name.
    with(SslMode::VerifyCa, Some("name.crt"), "secret").connect(how()).await.map(drop).expect("no name is looked at");
    assert!(with(SslMode::VerifyFull, Some("name.crt"), "secret").connect(how()).await.is_err());
}

/// As MySQL makes them for itself: signed by its authority, and without any name that a client could look for.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_a_name_is_trusted_by_its_chain() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new().prefix("hp-nameless-").tempdir_in("/tmp").expect("dir");
    let d = dir.path();
    std::fs::set_permissions(d, std::fs::Permissions::from_mode(0o755)).expect("mode");
    for ca in ["ca", "other"] {
        let (key, cert) = (format!("{ca}.key"), format!("{ca}.crt"));
        openssl(d, &["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &cert, "-subj", &format!("/CN={ca}")]);
    }
    std::fs::write(d.join("ext"), "basicConstraints=CA:FALSE").expect("ext");
    openssl(d, &["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=Server"]);
    let signed = ["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "3", "-days", "2"];
    openssl(d, &[&signed[..], &["-extfile", "ext", "-out", "server.crt"]].concat());
    for f in ["server.key", "server.crt"] {
        std::fs::set_permissions(d.join(f), std::fs::Permissions::from_mode(0o600)).expect("mode");
        support::server::Unprivileged::first_of(&["mysql", "nobody"]).own(&d.join(f));
    }
    let set = |k: &str, f: &str| format!("--{k}={}", d.join(f).display());
    let server = MariaServer::start(&[&set("ssl-cert", "server.crt"), &set("ssl-key", "server.key")]);
    server.sql("", "create user secured@'127.0.0.1' identified by 'secret' require ssl");
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    let with = |ssl: SslMode, root: Option<&str>, password: &str| {
        let mut t = target(&server, "");
        (t.user, t.sslmode) = (Some("secured".into()), ssl);
        t.sslrootcert = root.map(|f| d.join(f));
        registry::engine(t, Some(SecretString::from(password.to_string())))
    };
    for ssl in [SslMode::Require, SslMode::VerifyCa] {
        let s = with(ssl, Some("ca.crt"), "secret").connect(how()).await.unwrap_or_else(|e| panic!("{ssl:?}: {e:?}"));
        let cipher = s.fetch("show session status like 'Ssl_cipher'").await.expect("cipher");
        assert!(cipher.rows[0][1].as_deref().is_some_and(|c| !c.is_empty()), "{ssl:?}");
        let e = with(ssl, Some("ca.crt"), "wrong").connect(how()).await.err().expect("wrong password");
        assert_eq!(e.code.as_deref(), Some("1045"), "{ssl:?}: {e:?}");
        let e = with(ssl, Some("other.crt"), "secret").connect(how()).await.err().expect("another authority");
        assert!(e.message.ends_with("signed by nobody who is trusted here"), "{ssl:?}: {e:?}");
    }
    let e = with(SslMode::VerifyFull, Some("ca.crt"), "secret").connect(how()).await.err().expect("a name is wanted");
    assert!(e.message.ends_with("its certificate carries no name, and 127.0.0.1 is wanted"), "{e:?}");
    let e = with(SslMode::Disable, None, "secret").connect(how()).await.err().expect("TLS is wanted");
    assert!(e.hints.iter().any(|h| h.contains("REQUIRE SSL")), "{e:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_tls_work_as_configured() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new().prefix("hp-tls-").tempdir_in("/tmp").expect("dir");
    let d = dir.path();
    std::fs::set_permissions(d, std::fs::Permissions::from_mode(0o755)).expect("mode");
    openssl(
        d,
        &["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test CA", "-days", "2"],
    );
    openssl(
        d,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "other.key",
            "-out",
            "other.crt",
            "-subj",
            "/CN=Other CA",
            "-days",
            "2",
        ],
    );
    for (name, san) in [("server", "subjectAltName=DNS:localhost"), ("client", "subjectAltName=DNS:client")] {
        std::fs::write(d.join("ext"), san).expect("ext");
        openssl(
            d,
            &["req", "-newkey", "rsa:2048", "-nodes", "-keyout", &format!("{name}.key"), "-out", &format!("{name}.csr"), "-subj", "/CN=x"],
        );
        openssl(
            d,
            &[
                "x509",
                "-req",
                "-in",
                &format!("{name}.csr"),
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                "ext",
                "-out",
                &format!("{name}.crt"),
            ],
        );
    }
    for f in ["server.key", "server.crt", "ca.crt"] {
        let copy = d.join(format!("my-{f}"));
        std::fs::copy(d.join(f), &copy).expect("copy");
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).expect("mode");
        support::server::Unprivileged::first_of(&["mysql", "nobody"]).own(&copy);
    }
    let set = |k: &str, f: &str| format!("--{k}={}", d.join(f).display());
    let options = [set("ssl-cert", "my-server.crt"), set("ssl-key", "my-server.key"), set("ssl-ca", "my-ca.crt")];
    let server = MariaServer::start(&options.iter().map(String::as_str).collect::<Vec<_>>());
    let awkward = "p\"a#s s\\w'ö$";
    // MySQL has its own way, and takes another one that is not known here.
    let ways = match MariaServer::is_mysql() {
        true => {
            "create user ed@'127.0.0.1' identified with caching_sha2_password by 'secret';
            create user old@'127.0.0.1' identified with sha256_password by 'x'"
        }
        false => {
            server.sql("", "install soname 'auth_ed25519'");
            "create user ed@'127.0.0.1' identified via ed25519 using password('secret');
            create user old@'127.0.0.1' identified via mysql_old_password"
        }
    };
    server.sql(
        "",
        &format!(
            "create database over_tls; create table over_tls.t (a int primary key); insert into over_tls.t values (1);
        {ways};
        create user bycert@'127.0.0.1' require x509;
        create user crypt@'127.0.0.1' identified by '{}' require ssl; grant all on *.* to crypt@'127.0.0.1'",
            awkward.replace('\\', "\\\\").replace('\'', "''")
        ),
    );
    let user = |name: &str, ssl: SslMode| {
        let mut t = target(&server, "");
        t.user = Some(name.into());
        t.sslmode = ssl;
        t
    };
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    let with = |t: Target, password: &str| registry::engine(t, Some(SecretString::from(password.to_string())));
    for (ssl, encrypted) in [(SslMode::Disable, false), (SslMode::Prefer, true), (SslMode::Require, true)] {
        let s = with(user("ed", ssl), "secret").connect(how()).await.unwrap_or_else(|e| panic!("{ssl:?}: {e:?}"));
        let cipher = s.fetch("show session status like 'Ssl_cipher'").await.expect("cipher");
        assert_eq!(cipher.rows[0][1].as_deref().is_some_and(|c| !c.is_empty()), encrypted, "{ssl:?}");
        let e = with(user("ed", ssl), "wrong").connect(how()).await.err().expect("wrong password");
        assert_eq!(e.code.as_deref(), Some("1045"), "{e:?}");
    }
    let e = with(user("old", SslMode::Require), "x").connect(how()).await.err().expect("unsupported");
    assert_eq!(e.kind, Kind::Connect, "{e:?}");
    let e = with(user("crypt", SslMode::Disable), awkward).connect(how()).await.err().expect("needs TLS");
    assert_eq!(e.kind, Kind::Connect, "{e:?}");

    // The certificate names localhost, not 127.0.0.1.
    let root = |ssl, file: &str| {
        let mut t = user("root", ssl);
        t.sslrootcert = Some(d.join(file));
        t
    };
    engine(root(SslMode::VerifyCa, "ca.crt")).connect(how()).await.expect("the chain is fine");
    engine(root(SslMode::Require, "ca.crt")).connect(how()).await.map(drop).unwrap_or_else(|e| panic!("{e:?}"));
    let e = engine(root(SslMode::VerifyFull, "ca.crt")).connect(how()).await.err().expect("another name");
    assert!(e.message.starts_with("TLS with"), "{e:?}");
    let mut named = root(SslMode::VerifyFull, "ca.crt");
    named.host = Some("localhost".into());
    // The account is bound to 127.0.0.1; by name the server may see ::1 first, so only TLS is looked at.
    if let Err(e) = engine(named).connect(how()).await {
        assert!(!e.message.starts_with("TLS with"), "{e:?}");
    }
    for ssl in [SslMode::VerifyCa, SslMode::VerifyFull] {
        let e = engine(root(ssl, "other.crt")).connect(how()).await.err().expect("another authority");
        assert!(e.message.starts_with("TLS with") && e.message.ends_with("signed by nobody who is trusted here"), "{e:?}");
    }
    // The server's own certificate as the root: it is that server, whoever signed it.
    engine(root(SslMode::VerifyCa, "server.crt")).connect(how()).await.expect("the certificate itself is trusted");
    let e = engine(root(SslMode::VerifyFull, "server.crt")).connect(how()).await.err().expect("another name");
    assert!(e.message.starts_with("TLS with"), "{e:?}");
    let mut cert = user("bycert", SslMode::Require);
    assert!(engine(cert.clone()).connect(how()).await.is_err());
    (cert.sslcert, cert.sslkey) = (Some(d.join("client.crt")), Some(d.join("client.key")));
    engine(cert.clone()).connect(how()).await.expect("by certificate");
    // The same key with a pass phrase.
    openssl(d, &["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", "client.key", "-passout", "pass:locked", "-out", "locked.key"]);
    let mut locked = cert.clone();
    locked.sslkey = Some(d.join("locked.key"));
    let e = engine(locked.clone()).connect(how()).await.err().expect("locked");
    assert!(e.kind == Kind::PassphraseNeeded && e.message.ends_with("locked.key wants its pass phrase"), "{e:?}");
    holdpoint::engine::tls::locked::open(&d.join("locked.key"), &SecretString::from("locked".to_string())).expect("opened");
    engine(locked.clone()).connect(how()).await.expect("by certificate and pass phrase");
    // The server's own programs are lent the opened key, and nothing of it is on a disk.
    locked.database = Some("over_tls".into());
    server.sql("", "grant all on over_tls.* to bycert@'127.0.0.1'");
    let place = tempfile::tempdir().expect("dir");
    let backups = engine(locked.clone());
    let taken = backups
        .backups()
        .get()
        .expect("backups")
        .take(place.path(), "tester", &holdpoint::model::Silent, &tokio_util::sync::CancellationToken::new())
        .await
        .expect("a dump by certificate and pass phrase");
    assert!(taken.artefacts[0].bytes > 0);
    // The recipe of the server's manual makes one of X.509 version 1.
    openssl(
        d,
        &["x509", "-req", "-in", "client.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "7", "-days", "2", "-out", "old.crt"],
    );
    cert.sslcert = Some(d.join("old.crt"));
    engine(cert).connect(how()).await.unwrap_or_else(|e| panic!("version 1: {e:?}"));

    // An idle encrypted connection stays, and is noticed when it dies; cancelling works through TLS.
    let s = with(user("crypt", SslMode::Require), awkward).connect(how()).await.expect("over TLS");
    let slow = {
        let s = s.clone();
        tokio::spawn(async move { run(&s, &MariaServer::asleep(50, "tls_cancel")).await })
    };
    support::wait_until("the statement runs", || running(&server, "tls_cancel") == 1);
    s.cancel().await.expect("cancel");
    assert_eq!(slow.await.expect("task").expect_err("cancelled").kind, Kind::Cancelled);
    assert_eq!(s.status().lost, None);
    let id = s.fetch("select connection_id()").await.expect("id").scalar().expect("id").to_string();
    let mut watch = s.watch();
    server.sql("", &format!("kill {id}"));
    tokio::time::timeout(support::PATIENCE, watch.wait_for(|s| s.lost.is_some())).await.expect("noticed").expect("lost");

    // The tools log in by a file, with a password that no shell and no option file takes lightly.
    let mut t = user("crypt", SslMode::Require);
    t.database = Some("over_tls".into());
    let e = with(t, awkward);
    let out = tempfile::tempdir().expect("dir");
    let manifest = e
        .backups()
        .get()
        .expect("backups")
        .take(out.path(), "tester", &holdpoint::model::Silent, &tokio_util::sync::CancellationToken::new())
        .await
        .expect("a dump over TLS");
    assert!(manifest.artefacts[0].bytes > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_named_and_cancelling_says_that_it_cannot() {
    let server = MariaServer::start(&["--max-connections=10"]);
    let mut t = target(&server, "");
    server.sql("", "create user plain@'127.0.0.1'");
    t.user = Some("plain".into());
    let e = engine(t);
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    let mut sessions = Vec::new();
    let refused = loop {
        match e.connect(how()).await {
            Ok(s) => sessions.push(s),
            Err(e) => break e,
        }
        assert!(sessions.len() < 20);
    };
    assert_eq!(refused.code.as_deref(), Some("1040"), "{refused:?}");
    let s = sessions.pop().expect("a session");
    let slow = {
        let s = s.clone();
        tokio::spawn(async move { run(&s, &MariaServer::asleep(30, "nobody_comes")).await })
    };
    support::wait_until("the statement runs", || running(&server, "nobody_comes") == 1);
    let e = s.cancel().await.expect_err("no second connection");
    assert!(e.message.contains("cancelling is not possible"), "{e:?}");
    sessions.pop().expect("another").close().await;
    // The client is gone before the server has counted it out, and asking the server takes a place too: try until it works.
    let begun = std::time::Instant::now();
    while let Err(e) = s.cancel().await {
        assert!(e.message.contains("no second connection") && begun.elapsed() < support::PATIENCE, "{e:?}");
    }
    assert_eq!(slow.await.expect("task").expect_err("cancelled").kind, Kind::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_role_hold_and_an_unwanted_plan_is_given_up() {
    let server = MariaServer::shared();
    server.sql("", "create database limits; create table limits.t (a int primary key); insert into limits.t values (1), (2), (3)");
    let e = engine(target(server, "limits"));
    let background = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("background");
    let (limit, expected) = match MariaServer::is_mysql() {
        true => ("max_execution_time", ["1", "1", "10000"]),
        false => ("max_statement_time", ["0", "0", "10.000000"]),
    };
    let set = background.fetch(format!("select @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@{limit}")).await.expect("limits");
    assert_eq!(set.rows[0].iter().map(|c| c.as_deref().unwrap_or("")).collect::<Vec<_>>(), expected);
    let holder = session(server, "limits", Access::ReadWrite).await;
    run(&holder, "lock tables t write").await.expect("lock");
    let start = std::time::Instant::now();
    let e2 = refused(&background, "select * from t").await;
    assert_eq!(e2.code.as_deref(), Some("1205"), "{e2:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    run(&holder, "unlock tables").await.expect("unlock");
    // Dropped while it is analysed: the server is free soon.
    let s = session(server, "limits", Access::ReadWrite).await;
    let plan = {
        let s = s.clone();
        tokio::spawn(async move { s.explain("select sleep(20), 'unwanted_plan' from t", true).await })
    };
    support::wait_until("it is analysed", || running(server, "unwanted_plan") == 1);
    plan.abort();
    support::wait_until("the server is free", || running(server, "unwanted_plan") == 0);
    assert_eq!(s.fetch("select 1").await.expect("the session stays").scalar(), Some("1"));
    // Configured settings are set, and a wrong one is named.
    let mut t = target(server, "limits");
    t.settings.insert("sql_mode".into(), "ANSI_QUOTES".into());
    t.settings.insert("net_read_timeout".into(), "99".into());
    let s = engine(t.clone()).connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("settings");
    assert_eq!(s.fetch("select concat(@@sql_mode, @@net_read_timeout)").await.expect("set").scalar(), Some("ANSI_QUOTES99"));
    t.settings.insert("no_such_thing".into(), "1".into());
    let e = engine(t).connect(Connect::new(Role::Query, Access::ReadWrite)).await.err().expect("unknown variable");
    assert!(e.message.contains("no_such_thing"), "{e:?}");
}

/// A table without transactions keeps what was written before a statement ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_cancelled_statement_wrote_into_a_table_without_transactions_is_told() {
    let server = MariaServer::start(&[]);
    server.sql("", "create database stays; create table stays.my (a int primary key) engine=myisam; create table stays.inno like stays.my; alter table stays.inno engine=innodb");
    let s = session(&server, "stays", Access::ReadWrite).await;
    for table in ["my", "inno"] {
        let text = format!("insert into {table} select 1 union all select 2 + sleep(20) * 0 /* {table}_slow */");
        let slow = {
            let (s, text) = (s.clone(), text.clone());
            tokio::spawn(async move { run(&s, &text).await })
        };
        support::wait_until("the statement runs", || running(&server, &format!("{table}_slow")) == 1);
        s.cancel().await.expect("cancel");
        let e = slow.await.expect("task").map(|_| ()).expect_err("cancelled");
        assert_eq!(e.kind, Kind::Cancelled);
        assert_eq!(e.stays(), (table == "my").then_some("my is MyISAM, which cannot roll back: what was written before stays."), "{e:?}");
    }
    // One that fails in its middle leaves as much.
    let e = run(&s, "insert into my values (7), (7)").await.map(|_| ()).expect_err("twice");
    assert!(e.stays().is_some(), "{e:?}");
    assert_eq!(s.fetch("select count(*) from my where a = 7").await.expect("count").scalar(), Some("1"));
}

/// Under this mode a backslash is a character: the driver, which does not know it, is only refused where it would find a name.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_beside_a_backslash_is_sent_right() {
    let server = MariaServer::shared();
    let s = session(server, "mysql", Access::ReadWrite).await;
    run(&s, "set sql_mode = 'NO_BACKSLASH_ESCAPES'").await.expect("set");
    let fetch = async |text: &str| {
        let mut rows = s.run_bound(text.to_string(), vec![holdpoint::model::Param::Text("v".into())]).await.expect("sent");
        let mut out = Vec::new();
        while let Some(event) = rows.next().await {
            if let Event::Rows(b) = event? {
                out.extend((0..b.columns()).map(|c| holdpoint::text::cell_string(b.cell(0, c)).unwrap_or_default()));
            }
        }
        Ok::<_, holdpoint::model::Error>(out)
    };
    assert_eq!(fetch("select 'a\\', ?, 'it''s'").await.expect("sent"), ["a\\", "v", "it's"]);
    let e = fetch("select 'a\\', ?, ':name'").await.expect_err("the driver would see a name");
    assert!(e.message.contains("backslash") && e.hints[0].contains("Nothing was sent"), "{e:?}");
}

#[tokio::test]
async fn every_function_that_is_proposed_is_the_servers_own() {
    let server = MariaServer::shared();
    let e = engine(target(server, ""));
    let s = session(server, "", Access::ReadOnly).await;
    let names = e.catalog().get().expect("catalogue").names(&s).await.expect("names");
    assert_eq!(names.mariadb, !MariaServer::is_mysql());
    assert!(names.roles.iter().any(|r| &**r == "'root'@'localhost'"), "{:?}", names.roles);
    let mut unknown = Vec::new();
    for f in &names.functions {
        // Without arguments few make sense, and what is no function is told apart.
        if let Err(e) = run(&s, &format!("select {f}()")).await
            && e.code.as_deref() == Some("42000")
            && e.message.contains("does not exist")
        {
            unknown.push(f.clone());
        }
    }
    assert_eq!(unknown, Vec::<Box<str>>::new());
}
