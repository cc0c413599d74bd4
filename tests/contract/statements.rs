//! Statements and their results, sessions and what keeps them from writing.

use super::*;

promise!(values_come_as_the_servers_text, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let rows = cells(&s, "select 1, 'a''b', null, 1.50, 'ü漢'").await;
    let text = |t: &str| Some(t.to_string());
    // SQLite has no decimals: 1.50 is a floating-point number there.
    let decimal = if p.name == "SQLite" { "1.5" } else { "1.50" };
    assert_eq!(rows, vec![vec![text("1"), text("a'b"), None, text(decimal), text("ü漢")]]);
});

promise!(zero_rows_still_have_columns, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int, name varchar(20))").await;
    let table = s.fetch("select id, name from t").await.expect("select");
    let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["id", "name"]);
    assert!(table.rows.is_empty());
    assert!(table.columns.iter().all(|c| !c.type_name.is_empty()), "{:?}", table.columns);
});

promise!(only_one_statement_runs, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int)").await;
    let e = s.fetch("insert into t values (1); insert into t values (2)").await.expect_err("two statements must be refused");
    assert!(!e.message.is_empty());
    assert_eq!(cells(&s, "select count(*) from t").await[0][0].as_deref(), Some("0"), "nothing of it may have run");
});

promise!(affected_rows_and_transaction_state_are_told, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int)").await;
    assert_eq!(s.status().tx, TxState::Idle);
    s.fetch("begin").await.expect("begin");
    assert_eq!(s.status().tx, TxState::Open);
    let t = s.fetch("insert into t values (1), (2), (3)").await.expect("insert");
    assert_eq!(t.affected, Some(3));
    s.fetch("rollback").await.expect("rollback");
    assert_eq!(s.status().tx, TxState::Idle);
    assert_eq!(cells(&s, "select count(*) from t").await[0][0].as_deref(), Some("0"));
});

promise!(an_error_keeps_the_session, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let e = s.fetch("select * from no_such_table").await.expect_err("an error");
    assert_eq!(e.kind, Kind::Statement);
    assert!(e.message.contains("no_such_table"), "{e:?}");
    assert_eq!(cells(&s, "select 7").await[0][0].as_deref(), Some("7"));
});

promise!(a_read_only_session_cannot_write, async |p: Place| {
    let w = p.open(Access::ReadWrite).await;
    cells(&w, "create table t (id int)").await;
    cells(&w, "insert into t values (1)").await;
    let s = p.open(Access::ReadOnly).await;
    assert_ne!(s.status().read_only, ReadOnly::No, "the session must say what stands behind read-only");
    for sql in ["insert into t values (2)", "update t set id = 3", "delete from t", "create table u (id int)", "drop table t"] {
        s.fetch(sql).await.map(|_| ()).expect_err(sql);
    }
    assert_eq!(cells(&s, "select id from t").await, vec![vec![Some("1".to_string())]]);
    assert_eq!(cells(&w, "select id from t").await, vec![vec![Some("1".to_string())]]);
});

promise!(cancel_ends_the_statement_and_keeps_the_session, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let slow = match s.dialect() {
        Dialect::Postgres => "select pg_sleep(600)",
        Dialect::MySql => &MariaServer::asleep(600, "long"),
        Dialect::Sqlite => "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c",
    };
    let mut stream = s.run(slow).await.expect("run");
    // The statement is running once the actor took it; cancelling again until it ends needs no guess about when that is.
    let end = loop {
        tokio::select! {
            event = stream.next() => match event {
                Some(Ok(Event::Columns(_) | Event::Notice(_))) => {}
                other => break other,
            },
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => s.cancel().await.expect("cancel"),
        }
    };
    match end {
        Some(Err(e)) => assert_eq!(e.kind, Kind::Cancelled, "{e:?}"),
        other => panic!("the statement ended otherwise: {other:?}"),
    }
    assert_eq!(cells(&s, "select 8").await[0][0].as_deref(), Some("8"));
});

promise!(a_stream_that_is_dropped_frees_the_session, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let many = match s.dialect() {
        Dialect::Postgres => "select * from generate_series(1, 50000000)",
        Dialect::MySql => &format!("select seq from {}", MariaServer::numbers(50_000_000)),
        Dialect::Sqlite => "with recursive c(x) as (select 1 union all select x + 1 from c where x < 50000000) select x from c",
    };
    let mut stream = s.run(many).await.expect("run");
    loop {
        match stream.next().await {
            Some(Ok(Event::Rows(b))) => {
                assert!(matches!(b.cell(0, 0), Cell::Number(_) | Cell::Text(_)));
                break;
            }
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(stream);
    assert_eq!(cells(&s, "select 9").await[0][0].as_deref(), Some("9"));
});

promise!(the_identity_names_the_server_and_the_database, async |p: Place| {
    let s = p.open(Access::ReadOnly).await;
    let again = p.open(Access::ReadWrite).await;
    let id = s.identity();
    assert_eq!(id, again.identity());
    assert!(!id.server_id.is_empty() && !id.version.is_empty() && !id.database.is_empty(), "{id:?}");
    assert!(id.product.contains(p.name), "{id:?}");
});

promise!(a_results_columns_name_the_table_that_they_come_from, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table a_parent (id int not null, part int not null, note varchar(20), primary key (part, id))").await;
    cells(&s, "create table no_key (x int)").await;
    cells(&s, "create view a_view as select id from a_parent").await;
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalog");
    let t = s.fetch("select p.note as n, p.id, p.id + 1 as more from a_parent p").await.expect("select");
    let origin = t.columns[0].origin.clone().expect("note comes from the table");
    assert_eq!(t.columns[2].origin, None, "what is computed comes from no column");
    let info = catalog.table(&s, &origin.table).await.expect("table").expect("is there");
    assert_eq!((info.name.as_str(), info.key.as_slice()), ("a_parent", &["part".to_string(), "id".into()][..]));
    let note = info.columns.iter().find(|c| c.id == origin.column).expect("its column");
    assert!(note.name == "note" && note.nullable && !note.generated, "{note:?}");
    assert!(!info.columns[0].nullable);
    // The same by the name that a statement has.
    let by_name = catalog.table(&s, &["a_parent".to_string()]).await.expect("table").expect("is there");
    assert_eq!(by_name, info);
    let none = catalog.table(&s, &["no_key".to_string()]).await.expect("table").expect("is there").key;
    // A SQLite table without a key still has its row numbers.
    assert_eq!(none, if p.name == "SQLite" { vec!["rowid".to_string()] } else { vec![] });
    assert_eq!(catalog.table(&s, &["a_view".to_string()]).await.expect("no error"), None);
    assert_eq!(catalog.table(&s, &["nowhere".to_string()]).await.expect("no error"), None);
});
