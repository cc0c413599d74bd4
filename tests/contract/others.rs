//! Other sessions: who waits, who runs, and how it is ended.

use super::*;

promise!(who_waits_for_a_transaction_is_seen, async |p: Place| {
    let engine = p.engine();
    let locks = match engine.locks() {
        holdpoint::engine::Capability::No(why) => return assert!(!why.is_empty()),
        other => other.get().expect("locks"),
    };
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table held (id int primary key, v int)").await;
    cells(&s, "insert into held values (1, 1)").await;
    cells(&s, "begin").await;
    cells(&s, "update held set v = 2 where id = 1").await;
    let watcher = engine.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("watcher");
    let backend = s.backend().expect("a server names its connections");
    assert_eq!(locks.running(&watcher, backend).await.expect("looked").filter(|t| !t.contains("update held")), None);
    // InnoDB tells what it told before to who asks again within 0.1 s, also to another test of this server.
    while locks.held(&watcher, backend).await.expect("held").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    assert!(locks.waiting_for(&watcher, backend).await.expect("nobody yet").is_empty());
    let other = p.open(Access::ReadWrite).await;
    let blocked = tokio::spawn(async move { other.fetch("update held set v = 3 where id = 1").await });
    let found = loop {
        let now = locks.waiting_for(&watcher, backend).await.expect("waiting");
        if let Some(first) = now.into_iter().next() {
            break first;
        }
        // InnoDB renews what it tells of transactions only when nobody has asked for 0.1 s.
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    };
    assert!(found.statement.contains("update held"), "{found:?}");
    cells(&s, "rollback").await;
    blocked.await.expect("joined").expect("goes on");
    // Who waits for the whole table, to change it.
    cells(&s, "begin").await;
    cells(&s, "update held set v = 4 where id = 1").await;
    let other = p.open(Access::ReadWrite).await;
    let blocked = tokio::spawn(async move { other.fetch("alter table held add column more int").await });
    // What InnoDB told before may stand there for a moment.
    while !locks.waiting_for(&watcher, backend).await.expect("waiting").iter().any(|w| w.statement.contains("alter table held")) {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    cells(&s, "rollback").await;
    blocked.await.expect("joined").expect("goes on");
});

promise!(a_session_that_runs_something_is_seen_and_can_be_ended, async |p: Place| {
    let engine = p.engine();
    let Ok(locks) = engine.locks().get() else { return };
    let watcher = engine.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("watcher");
    let s = p.open(Access::ReadWrite).await;
    let backend = s.backend().expect("a server names its connections");
    // A server sends its answer before it takes the statement out of its list: what opened the session may stand there for a moment.
    while locks.running(&watcher, backend).await.expect("looked").is_some() {
        tokio::task::yield_now().await;
    }
    assert!(!locks.end(&watcher, backend).await.expect("looked"), "nothing runs yet");
    let slow = if p.name == "PostgreSQL" { "select pg_sleep(600)" } else { "select sleep(600)" };
    let running = tokio::spawn(async move { s.fetch(slow).await });
    while !locks.running(&watcher, backend).await.expect("looked").is_some_and(|t| t.contains("sleep(600)")) {
        tokio::task::yield_now().await;
    }
    // MariaDB shows the text while it is prepared, too; then for a moment nothing runs.
    while locks.busy(&watcher).await.expect("counted") == 0 {
        tokio::task::yield_now().await;
    }
    while !locks.end(&watcher, backend).await.expect("ended") {
        tokio::task::yield_now().await;
    }
    running.await.expect("joined").expect_err("its connection is gone");
    while locks.running(&watcher, backend).await.expect("looked").is_some() {
        tokio::task::yield_now().await;
    }
});
