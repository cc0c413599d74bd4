//! The history of migrations, its lock, and what is looked at before one is applied.

use super::*;

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
