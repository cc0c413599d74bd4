//! sqlx's history table, the lock and the preconditions.

use super::*;

#[tokio::test]
async fn the_history_table_is_sqlx_s_own() {
    let place = Place::with("CREATE TABLE t (a)");
    let engine = place.engine();
    let migrations = engine.migrations().get().unwrap();
    let s = engine.connect(Connect::new(Role::Migration, Access::ReadWrite)).await.unwrap();
    assert!(migrations.transactional_ddl());
    assert_eq!(migrations.history(&s).await.unwrap(), None);
    migrations.ensure_history(&s).await.unwrap();
    migrations.ensure_history(&s).await.unwrap();
    assert_eq!(migrations.history(&s).await.unwrap(), Some(vec![]));
    let row = Applied {
        version: 20240101,
        description: "it's first".into(),
        installed_on: String::new(),
        success: true,
        checksum: "00ff".repeat(24),
        execution_time: -1,
    };
    s.fetch("BEGIN").await.unwrap();
    s.fetch(migrations.insert_history(&row)).await.unwrap();
    s.fetch("COMMIT").await.unwrap();
    s.fetch(migrations.finish_history(row.version, 1234)).await.unwrap();
    let rows = migrations.history(&s).await.unwrap().unwrap();
    assert!(!rows[0].installed_on.is_empty());
    assert_eq!(rows, [Applied { installed_on: rows[0].installed_on.clone(), execution_time: 1234, ..row.clone() }]);
    // The types that sqlx declares and stores.
    let types = s.fetch("SELECT group_concat(name || ' ' || type, ',') FROM pragma_table_info('_sqlx_migrations')").await.unwrap();
    assert_eq!(
        types.scalar(),
        Some("version BIGINT,description TEXT,installed_on TIMESTAMP,success BOOLEAN,checksum BLOB,execution_time BIGINT")
    );
    let stored = s.fetch("SELECT typeof(checksum), length(checksum), typeof(success) FROM _sqlx_migrations").await.unwrap();
    assert_eq!(stored.rows[0], [Some("blob".into()), Some("48".into()), Some("integer".into())]);
    s.fetch(migrations.delete_history(row.version)).await.unwrap();
    assert_eq!(migrations.history(&s).await.unwrap(), Some(vec![]));

    // The lock tells a writer from none, and the preconditions too.
    migrations.lock(&s, Duration::from_secs(1)).await.unwrap();
    let severity = |found: &[Finding], check: &str| found.iter().find(|f| f.check == check).map(|f| f.severity);
    let found = migrations.preconditions(&s).await.unwrap();
    for check in ["sqlite-writable", "sqlite-writers", "sqlite-sound", "sqlite-foreign-keys"] {
        assert_eq!(severity(&found, check), Some(Severity::Ok), "{found:?}");
    }
    let other = rusqlite::Connection::open(place.file()).unwrap();
    other
        .execute_batch(
            "CREATE TABLE c (p REFERENCES t (rowid)); DROP TABLE c; CREATE TABLE p (id INTEGER PRIMARY KEY);
                         CREATE TABLE k (p REFERENCES p (id)); INSERT INTO k VALUES (9); BEGIN IMMEDIATE",
        )
        .unwrap_err();
    other.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO k VALUES (9); BEGIN IMMEDIATE").unwrap();
    let e = migrations.lock(&s, Duration::ZERO).await.unwrap_err();
    assert!(e.message.contains("locked by another connection (this process)"), "{e}");
    let found = migrations.preconditions(&s).await.unwrap();
    assert_eq!(severity(&found, "sqlite-writers"), Some(Severity::Critical));
    assert_eq!(severity(&found, "sqlite-foreign-keys"), Some(Severity::Warning), "{found:?}");
    let s = place.session(Access::ReadOnly).await;
    assert_eq!(severity(&migrations.preconditions(&s).await.unwrap(), "sqlite-writable"), Some(Severity::Critical));
}
