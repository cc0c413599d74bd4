//! Backups by the server's own programs.

use super::*;

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
