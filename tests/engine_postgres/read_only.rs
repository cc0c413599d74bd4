//! What stands behind a read-only session.

use super::*;

#[tokio::test]
async fn read_only_sessions_are_proven_and_roll_back() {
    let pg = PgServer::shared();
    pg.create_database("ro");
    pg.psql(
        "ro",
        "create table t (i int); create role reader login; revoke create on schema public from public; grant select on t to reader",
    );
    let s = open_read_only(target(pg, "ro")).await;
    assert_eq!(s.status().read_only, ReadOnly::Session);
    let e = s.fetch("insert into t values (1)").await.unwrap_err();
    assert_eq!((e.kind, e.code.as_deref()), (Kind::ReadOnly, Some("25006")));
    let all = events(&s, "select * from t").await.unwrap();
    assert!(done(&all).rolled_back);
    let mut reader = target(pg, "ro");
    reader.user = Some("reader".into());
    assert_eq!(open_read_only(reader).await.status().read_only, ReadOnly::Role);
}

/// Design §2.2: what got through `BEGIN READ ONLY` elsewhere is refused here or leaves nothing behind. The classifier stands before all this.
#[tokio::test]
async fn nothing_written_on_a_read_only_session_stays() {
    let pg = PgServer::shared();
    pg.create_database("escapes");
    pg.psql("escapes", "create table t (i int); insert into t values (1); create sequence q; create function w() returns int language sql as 'insert into t values (9) returning i';
        create procedure p() language plpgsql as $$ begin commit; insert into t values (8); commit; end $$");
    let s = open_read_only(target(pg, "escapes")).await;
    let attempts = [
        "create table x as select 1",
        "select 1 into x",
        "explain analyze create table x as select 1",
        "create materialized view x as select 1",
        "insert into t values (2)",
        "with d as (delete from t returning 1) select * from d",
        "truncate t",
        "drop table t",
        "select w()",
        "call p()",
        "do $$ begin commit; insert into t values (3); end $$",
        "do $$ begin execute 'insert into t values (3)'; end $$",
        "set default_transaction_read_only = off",
        "set session characteristics as transaction read write",
        "set transaction read write",
        "select set_config('transaction_read_only', 'off', false)",
        "select set_config('default_transaction_read_only', 'off', false)",
        "begin read write",
        "commit",
        "commit and chain",
        "rollback and chain",
        "end",
        "abort",
        "savepoint x",
        "prepare transaction 'x'",
        "start transaction read write",
        "commit; insert into t values (4)",
        "select 1; commit; drop table t",
        "/* */ rollback; drop table t",
        "select nextval('q')",
        "lock t",
        "comment on table t is 'x'",
        "copy t from program 'echo 5'",
        "select lo_create(77)",
        "vacuum t",
        "reindex table t",
        "create temp table x (i int)",
        "declare c cursor with hold for select 1",
    ];
    for sql in attempts {
        let result = events(&s, sql).await;
        assert!(result.is_err() || done(&result.unwrap()).rolled_back, "{sql}");
        assert_eq!(s.status().tx, TxState::Idle, "{sql}");
        // After each attempt the session still refuses to write.
        assert_eq!(s.fetch("insert into t values (6)").await.unwrap_err().code.as_deref(), Some("25006"), "after {sql}");
    }
    let left = pg.psql("escapes", "select (select string_agg(i::text, ',') from t), (select count(*) from pg_class where relname = 'x'), (select is_called from q), (select count(*) from pg_largeobject_metadata), obj_description('t'::regclass), (select count(*) from pg_prepared_xacts)");
    assert_eq!(left.trim(), "1|0|f|0||0");
}
