//! The MariaDB/MySQL engine against a private MariaDB server.

mod support;

use holdpoint::config::{EngineKind, SslMode, Target};
use holdpoint::engine::{Access, Connect, Engine, Event, Role, Session, registry};
use holdpoint::model::{Align, Cell, Column, Error, Kind, Notice, ReadOnly, Result, TxState};
use secrecy::SecretString;
use std::sync::Arc;
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
}

async fn run(s: &Session, sql: &str) -> Result<Answer> {
    let mut stream = s.run(sql).await?;
    let mut a = Answer::default();
    while let Some(event) = stream.next().await {
        match event? {
            Event::Columns(c) => a.columns = c.to_vec(),
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
            "longtext",
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
    assert!(a.notices.iter().any(|n| n.message.contains("1 further result")), "{:?}", a.notices);
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
    assert_eq!(s.identity().product, "MariaDB");
    assert_eq!(s.identity().user, "secret@127.0.0.1");
    let e = engine(target(server, "no_such_db")).connect(how()).await.err().expect("no database");
    assert_eq!(e.code.as_deref(), Some("1049"), "{e:?}");
    let mut gone = target(server, "");
    gone.port = Some(support::server::free_port());
    let e = engine(gone).connect(how()).await.err().expect("nobody there");
    assert!(e.message.contains("nothing listens"), "{e:?}");
    let mut tls = target(server, "");
    tls.sslmode = SslMode::Require;
    let e = engine(tls).connect(how()).await.err().expect("no TLS");
    assert!(e.message.contains("does not offer TLS"), "{e:?}");
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
        tokio::spawn(async move { run(&s, "select sleep(50), 'cancel_me'").await })
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
    let mut stuck = s.run("select * from seq_1_to_100000000").await.expect("run");
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
    let mut dropped = s.run("select * from seq_1_to_200000000").await.expect("run");
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
        tokio::spawn(async move { run(&s, "select sleep(50), 'kill_me'").await })
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
    let a = run(&s, "select seq, repeat('x', 10) from seq_1_to_20000").await.expect("select");
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
        "use mysql",
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
