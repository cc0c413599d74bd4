//! History, lock and preconditions.

use super::*;

#[tokio::test]
async fn the_history_is_sqlx_s_and_the_lock_s_holder_is_named() {
    let pg = PgServer::shared();
    pg.create_database("history");
    let e = engine(target(pg, "history"));
    let how = || Connect::new(Role::Migration, Access::ReadWrite);
    let s = e.connect(how()).await.unwrap();
    let m = e.migrations().get().unwrap();
    assert_eq!(m.history(&s).await.unwrap(), None);
    m.ensure_history(&s).await.unwrap();
    m.ensure_history(&s).await.unwrap();
    let row = Applied {
        version: 7,
        description: "it's new".into(),
        installed_on: String::new(),
        success: false,
        checksum: "00ff".into(),
        execution_time: -1,
    };
    s.fetch(m.insert_history(&row)).await.unwrap();
    s.fetch(m.finish_history(7, 123)).await.unwrap();
    let history = m.history(&s).await.unwrap().unwrap();
    assert_eq!(history.len(), 1);
    assert!(!history[0].installed_on.is_empty());
    assert_eq!(Applied { installed_on: String::new(), ..history[0].clone() }, Applied { success: true, execution_time: 123, ..row });
    s.fetch(m.delete_history(7)).await.unwrap();
    assert_eq!(m.history(&s).await.unwrap(), Some(vec![]));

    m.lock(&s, Duration::ZERO).await.unwrap();
    let other = e.connect(how()).await.unwrap();
    let held = m.lock(&other, Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(held.kind, Kind::Held);
    let pid = s.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    assert!(held.message.contains(&format!("session {pid} (postgres from")), "{held:?}");
    assert!(held.message.contains("holdpoint"), "{held:?}");
    m.unlock(&s).await.unwrap();
    m.lock(&other, Duration::ZERO).await.unwrap();
    assert!(m.unlock(&s).await.is_err(), "not ours any more");
}

#[tokio::test]
async fn preconditions_see_what_is_in_the_way_and_say_what_they_cannot_see() {
    let pg = PgServer::shared();
    pg.create_database("before");
    pg.psql("before", "create table t (i int); create role migrator login; grant all on schema public to migrator");
    let e = engine(target(pg, "before"));
    let how = || Connect::new(Role::Migration, Access::ReadWrite);
    let s = e.connect(how()).await.unwrap();
    let m = e.migrations().get().unwrap();
    let calm = m.preconditions(&s).await.unwrap();
    assert!(calm.iter().all(|f| f.severity <= Severity::Info), "{calm:?}");
    let holder = e.connect(how()).await.unwrap();
    holder.fetch("begin").await.unwrap();
    holder.fetch("lock table t in share mode").await.unwrap();
    let blocked = e.connect(Connect { lock_timeout: None, ..how() }).await.unwrap();
    let _waits = blocked.run("insert into t values (1)").await.unwrap();
    let found = loop {
        let all = m.preconditions(&s).await.unwrap();
        if let Some(f) = all.into_iter().find(|f| f.check == "waiting-locks" && f.severity == Severity::Critical) {
            break f;
        }
    };
    assert!(found.object == "t" && found.message.contains("RowExclusiveLock"), "{found:?}");
    let mut t = target(pg, "before");
    t.user = Some("migrator".into());
    let e = engine(t);
    let blind = e.connect(how()).await.unwrap();
    let all = e.migrations().get().unwrap().preconditions(&blind).await.unwrap();
    let unknown = all.iter().find(|f| f.check == "long-transactions").unwrap();
    assert_eq!((unknown.severity, unknown.lifts.as_deref()), (Severity::Unknown, Some("GRANT pg_read_all_stats TO \"migrator\"")));
}
