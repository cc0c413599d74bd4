//! Statements, values, notices, transactions, cancel, lost connections.

use super::*;

#[tokio::test]
async fn a_statement_gives_columns_rows_and_its_tag() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let all = events(&s, "select i as n, 'x' || i as t, null::int as nothing from generate_series(1, 3) i").await.unwrap();
    let Event::Columns(c) = &all[0] else { panic!("{all:?}") };
    assert_eq!(
        c.iter().map(|c| (c.name.as_str(), c.type_name.as_str())).collect::<Vec<_>>(),
        [("n", "integer"), ("t", "text"), ("nothing", "integer")]
    );
    let Event::Rows(b) = &all[1] else { panic!("{all:?}") };
    assert_eq!(b.rows(), 3);
    assert_eq!((b.cell(2, 0), b.cell(2, 1), b.cell(2, 2)), (Cell::Number(b"3"), Cell::Text(b"x3"), Cell::Null));
    assert_eq!(done(&all).tag, "SELECT 3");
    assert_eq!(done(&all).affected, None);
    let none = events(&s, "select 1::numeric(10,2) as a, '{}'::text[] as b where false").await.unwrap();
    let Event::Columns(c) = &none[0] else { panic!("{none:?}") };
    assert_eq!(c[0].type_name, "numeric(10,2)");
    assert_eq!(c[1].type_name, "text[]");
    assert_eq!(none.len(), 2, "no batch for no rows");
    assert_eq!(done(&none).tag, "SELECT 0");
}

#[tokio::test]
async fn the_server_enforces_one_statement() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let e = events(&s, "select 1; drop table if exists x").await.unwrap_err();
    assert_eq!(e.code.as_deref(), Some("42601"));
    assert!(e.message.starts_with("one statement at a time"), "{e:?}");
    assert_eq!(events(&s, "").await.map(|e| done(&e).tag).unwrap(), "");
    assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));
}

#[tokio::test]
async fn errors_carry_position_detail_and_hint() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let sql = "select 'äöü', nosuch from pg_class";
    let e = events(&s, sql).await.unwrap_err();
    assert_eq!(e.code.as_deref(), Some("42703"));
    assert_eq!(&sql[e.position.unwrap()..][..6], "nosuch");
    let zero = events(&s, "select '\0'").await.unwrap_err();
    assert!(zero.message.contains("zero byte"));
    let all = events(&s, "do $$ begin raise notice 'hello' using detail = 'd', hint = 'h'; end $$").await.unwrap();
    let Event::Notice(n) = &all[0] else { panic!("{all:?}") };
    assert_eq!(
        (n.severity.as_str(), n.message.as_str(), n.detail.as_deref(), n.hint.as_deref()),
        ("NOTICE", "hello", Some("d"), Some("h"))
    );
}

#[tokio::test]
async fn the_transaction_state_is_known() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    assert_eq!(s.status().tx, TxState::Idle);
    s.fetch("begin").await.unwrap();
    assert_eq!(s.status().tx, TxState::Open);
    let plan = s.explain("select 1", false).await.unwrap();
    assert_eq!(plan.root.raw_op, "Result");
    assert_eq!(s.status().tx, TxState::Open, "a plan leaves the transaction as it was");
    s.fetch("select 1/0").await.unwrap_err();
    assert_eq!(s.status().tx, TxState::Failed);
    s.explain("select 1", false).await.unwrap_err();
    s.fetch("rollback").await.unwrap();
    assert_eq!(s.status().tx, TxState::Idle);
}

#[tokio::test]
async fn cancel_ends_the_statement_and_keeps_the_session() {
    let pg = PgServer::shared();
    let s = open(tcp(pg, "postgres")).await;
    let pid = s.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    let other = open(target(pg, "postgres")).await;
    let mut stream = s.run("select pg_sleep(600)").await.unwrap();
    while other
        .fetch_with(
            "select count(*) from pg_stat_activity where pid = $1::int and query like '%pg_sleep(600)%' and state = 'active'",
            vec![Some(pid.clone())],
        )
        .await
        .unwrap()
        .scalar()
        != Some("1")
    {}
    s.cancel().await.unwrap();
    let mut last = stream.next().await.unwrap();
    while matches!(last, Ok(Event::Columns(_))) {
        last = stream.next().await.unwrap();
    }
    assert_eq!(last.unwrap_err().kind, Kind::Cancelled);
    assert_eq!(s.fetch("select pg_backend_pid()").await.unwrap().scalar(), Some(pid.as_str()));
    // Nothing runs: cancelling does no harm to the next statement.
    for _ in 0..20 {
        s.cancel().await.unwrap();
        assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));
    }
}

#[tokio::test]
async fn a_dropped_stream_cancels_on_the_server() {
    let pg = PgServer::shared();
    let s = open(tcp(pg, "postgres")).await;
    let mut stream = s.run("select generate_series(1, 100000000), repeat('x', 100)").await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Event::Columns(_)))));
    assert!(matches!(stream.next().await, Some(Ok(Event::Rows(_)))));
    drop(stream);
    let start = std::time::Instant::now();
    assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "the statement was not cancelled but read to its end");
}

/// Every type as the server prints it, with its name.
#[tokio::test]
async fn every_type_arrives_as_the_server_s_text() {
    let pg = PgServer::shared();
    pg.create_database("zoo");
    pg.psql("zoo", "create type mood as enum ('sad', 'happy'); create domain price as numeric(10,2); create type pair as (a int, b text); create type span as range (subtype = float8)");
    let s = open(target(pg, "zoo")).await;
    let cases: &[(&str, &str, &str)] = &[
        ("'{1,NULL,3}'::int[]", "integer[]", "{1,NULL,3}"),
        ("'{{a,b},{\"c d\",NULL}}'::text[]", "text[]", "{{a,b},{\"c d\",NULL}}"),
        ("'happy'::mood", "mood", "happy"),
        ("array['sad'::mood]", "mood[]", "{sad}"),
        ("'[1,5)'::int4range", "int4range", "[1,5)"),
        ("'[1,2]'::span", "span", "[1,2]"),
        ("'\\x00ff'::bytea", "bytea", "\\x00ff"),
        ("'infinity'::timestamptz", "timestamp with time zone", "infinity"),
        ("'0044-03-15 BC'::date", "date", "0044-03-15 BC"),
        ("'NaN'::float8", "double precision", "NaN"),
        ("'NaN'::numeric", "numeric", "NaN"),
        ("1e400::numeric", "numeric", &format!("1{}", "0".repeat(400))),
        ("row(1, 'x', null)", "record", "(1,x,)"),
        ("row(1, 'x')::pair", "pair", "(1,x)"),
        ("12.34::money", "money", "$12.34"),
        ("'<a>b</a>'::xml", "xml", "<a>b</a>"),
        ("'fat cat'::tsvector", "tsvector", "'cat' 'fat'"),
        ("1.5::price", "numeric(10,2)", "1.50"),
        ("'2024-01-02 03:04:05.678'::timestamp(1)", "timestamp(1) without time zone", "2024-01-02 03:04:05.7"),
        ("'1 mon -2 days'::interval day", "interval day", "1 mon -2 days"),
        ("'101'::bit(3)", "bit(3)", "101"),
        ("'ab'::char(4)", "character(4)", "ab  "),
        ("'ab'::bpchar", "bpchar", "ab"),
        ("'ab'::name", "name", "ab"),
        ("'a'::\"char\"", "\"char\"", "a"),
        ("'{\"a\": [1, null]}'::jsonb", "jsonb", "{\"a\": [1, null]}"),
        ("'pg_class'::regclass", "regclass", "pg_class"),
        ("true", "boolean", "t"),
        ("''", "text", ""),
        ("'0/16B3748'::pg_lsn", "pg_lsn", "0/16B3748"),
    ];
    for (sql, name, value) in cases {
        let t = s.fetch(format!("select {sql}")).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_eq!((t.columns[0].type_name.as_str(), t.scalar()), (*name, Some(*value)), "{sql}");
    }
    // A type that appears while the session is open is known by the next statement.
    s.fetch("create type later as enum ('x')").await.unwrap();
    assert_eq!(s.fetch("select 'x'::later").await.unwrap().columns[0].type_name, "later");
    let all = events(&s, "select 'NaN'::float8, 1.5::float8, -3::numeric, '-Infinity'::float4").await.unwrap();
    let Event::Rows(b) = &all[1] else { panic!("{all:?}") };
    assert_eq!(
        [b.cell(0, 0), b.cell(0, 1), b.cell(0, 2), b.cell(0, 3)],
        [Cell::Text(b"NaN"), Cell::Number(b"1.5"), Cell::Number(b"-3"), Cell::Text(b"-Infinity")]
    );
    assert_eq!(
        s.fetch_with("select $1::int + 1, $2::text", vec![Some("41".into()), None]).await.unwrap().rows,
        [[Some("42".to_string()), None]]
    );
    assert_eq!(done(&events(&s, "select").await.unwrap()).tag, "SELECT 1");
}

#[tokio::test]
async fn bytes_that_are_no_utf8_stay_bytes() {
    let pg = PgServer::shared();
    pg.psql("postgres", "create database bytes template template0 encoding sql_ascii lc_collate 'C' lc_ctype 'C'");
    pg.psql("bytes", "create table t (v text)");
    let s = open(target(pg, "bytes")).await;
    s.fetch("insert into t values (convert_from('\\x61ff62', 'sql_ascii'))").await.unwrap();
    let all = events(&s, "select v from t").await.unwrap();
    let Event::Rows(b) = &all[1] else { panic!("{all:?}") };
    assert_eq!(b.cell(0, 0), Cell::Text(b"a\xffb"));
}

#[tokio::test]
async fn copy_out_gives_lines_and_copy_in_is_refused_politely() {
    let pg = PgServer::shared();
    pg.create_database("copying");
    pg.psql("copying", "create table t (i int, v text); insert into t values (1, 'a'), (2, null)");
    let s = open(target(pg, "copying")).await;
    let t = s.fetch("copy t to stdout").await.unwrap();
    assert_eq!((t.rows.len(), t.rows[1][0].as_deref(), t.tag.as_str()), (2, Some("2\t\\N"), "COPY 2"));
    let e = s.fetch("copy t from stdin").await.unwrap_err();
    assert!(e.message.contains("FROM STDIN"), "{e:?}");
    assert_eq!(s.fetch("select count(*) from t").await.unwrap().scalar(), Some("2"));
    let ro = open_read_only(target(pg, "copying")).await;
    ro.fetch("copy t from stdin").await.unwrap_err();
    assert_eq!(ro.status().tx, TxState::Idle);
    assert_eq!(ro.fetch("select count(*) from t").await.unwrap().scalar(), Some("2"));
    let binary = events(&s, "copy t to stdout (format binary)").await.unwrap();
    assert!(binary.iter().any(|e| matches!(e, Event::Rows(b) if matches!(b.cell(0, 0), Cell::Binary(x) if x.starts_with(b"PGCOPY")))));
}

/// Design §2.7: SQL means what psql would make of it.
#[tokio::test]
async fn no_setting_differs_from_psql() {
    let pg = PgServer::shared();
    let text = "select name || '=' || coalesce(setting, '') from pg_settings where name not in ('application_name') order by 1";
    let theirs = pg.psql("postgres", text);
    let ours = open(target(pg, "postgres")).await.fetch(text).await.unwrap();
    let ours: String = ours.rows.iter().map(|r| format!("{}\n", r[0].as_deref().unwrap())).collect();
    assert!(ours.lines().count() > 300);
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn a_lost_connection_is_told_at_once() {
    let pg = PgServer::shared();
    let admin = open(target(pg, "postgres")).await;
    let s = open(tcp(pg, "postgres")).await;
    let pid = s.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    let mut stream = s.run("select pg_sleep(600)").await.unwrap();
    while admin
        .fetch_with(
            "select count(*) from pg_stat_activity where pid = $1::int and state = 'active' and query like '%pg_sleep(600)'",
            vec![Some(pid.clone())],
        )
        .await
        .unwrap()
        .scalar()
        != Some("1")
    {}
    admin.fetch_with("select pg_terminate_backend($1::int)", vec![Some(pid)]).await.unwrap();
    let e = loop {
        match stream.next().await.unwrap() {
            Ok(_) => {}
            Err(e) => break e,
        }
    };
    assert_eq!(e.kind, Kind::Connect);
    assert!(e.message.contains("terminating connection due to administrator command"), "{e:?}");
    assert!(s.status().lost.unwrap().contains("administrator command"));
    assert_eq!(s.fetch("select 1").await.unwrap_err().kind, Kind::Connect);

    let idle = open(tcp(pg, "postgres")).await;
    let pid = idle.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    let mut w = idle.watch();
    admin.fetch_with("select pg_terminate_backend($1::int)", vec![Some(pid)]).await.unwrap();
    w.wait_for(|s| s.lost.is_some()).await.unwrap();
}

#[tokio::test]
async fn large_results_are_streamed() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let mut stream = s.run("select i, md5(i::text) from generate_series(1, 200000) i").await.unwrap();
    let (mut rows, mut batches, mut first) = (0, 0, 0);
    while let Some(e) = stream.next().await {
        if let Event::Rows(b) = e.unwrap() {
            if batches == 0 {
                first = b.rows();
            }
            rows += b.rows();
            batches += 1;
            assert!(b.rows() <= 1024);
        }
    }
    assert_eq!(rows, 200_000);
    assert!(first <= 64, "the first batch is small, so that it shows at once: {first}");
    // One value of 30 MB.
    let t = s.fetch("select repeat('x', 30000000)").await.unwrap();
    assert_eq!(t.scalar().map(str::len), Some(30_000_000));
}

/// A cancel that overtakes its statement has no effect on the server; it is sent again until it has.
#[tokio::test]
async fn a_cancel_that_comes_too_early_still_ends_the_statement() {
    let pg = PgServer::shared();
    let s = open(tcp(pg, "postgres")).await;
    for _ in 0..20 {
        let stream = s.run("select pg_sleep(20)").await.unwrap();
        drop(stream);
        assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));
    }
    for _ in 0..20 {
        let mut stream = s.run("select pg_sleep(20)").await.unwrap();
        let last = loop {
            s.cancel().await.unwrap();
            match stream.next().await.unwrap() {
                Ok(_) => {}
                Err(e) => break e,
            }
        };
        assert_eq!(last.kind, Kind::Cancelled);
    }
}
