//! Plans and backups: measured without a trace, restored and compared.

use super::*;

promise!(a_plan_has_a_tree_and_analyze_never_writes, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int primary key, grp int)").await;
    cells(&s, "insert into t values (1, 1), (2, 1), (3, 2)").await;
    let r = p.open(Access::ReadOnly).await;
    let plan = r.explain("select grp, count(*) from t where id > 1 group by grp order by 2", false).await.expect("plan");
    assert!(!plan.analyzed);
    let mut scans = 0;
    plan.root.walk(0, &mut |_, n| scans += usize::from(n.relation.as_deref().is_some_and(|r| r == "t" || r.ends_with(".t"))));
    assert_eq!(scans, 1, "{}: {:#?}", p.name, plan.root);
    let plan = r.explain("select * from t where id > 1", true).await.expect("analyze");
    assert!(plan.analyzed);
    assert!(plan.execution_ms.is_some(), "{}", p.name);
    r.explain("delete from t", true).await.map(|_| ()).expect_err("a write must not be analysed");
    assert_eq!(cells(&s, "select count(*) from t").await[0][0].as_deref(), Some("3"));
});

promise!(a_backup_restores_equal_and_a_damaged_one_does_not, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int primary key, name varchar(20))").await;
    for i in 0..50 {
        cells(&s, &format!("insert into t values ({i}, 'name {i}')")).await;
    }
    let engine = p.engine();
    let backups = engine.backups().get().expect("backups");
    let dir = tempfile::tempdir().expect("directory");
    let cancel = CancellationToken::new();
    let manifest = backups.take(dir.path(), "tester", &Silent, &cancel).await.unwrap_or_else(|e| panic!("{}: {e:?}", p.name));
    assert!(!manifest.artefacts.is_empty());
    assert_eq!(manifest.identity.subject(), s.identity().subject());
    let scratch = backups.restore(dir.path(), &manifest, None, &Silent, &cancel).await.unwrap_or_else(|e| panic!("{}: {e:?}", p.name));
    let same = backups.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.expect("compare");
    assert!(same.is_empty(), "{}: {same:?}", p.name);
    // The negative control: one changed value in the restored copy must be found.
    let other = registry::engine(scratch.target.clone(), None);
    let w = other.connect(Connect::new(Role::Migration, Access::ReadWrite)).await.expect("scratch");
    cells(&w, "update t set name = 'other' where id = 7").await;
    w.close().await;
    let differs = backups.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.expect("compare");
    assert!(!differs.is_empty(), "{}: a changed value was not noticed", p.name);
    backups.discard(scratch).await.expect("discard");
    // A damaged artefact is refused before anything is restored.
    let largest = manifest.artefacts.iter().max_by_key(|a| a.bytes).expect("artefact");
    let file = dir.path().join(&largest.path);
    let bytes = std::fs::read(&file).expect("artefact");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("truncate");
    let e = backups.restore(dir.path(), &manifest, None, &Silent, &cancel).await.err().expect("a truncated backup must be refused");
    assert!(e.message.contains(&largest.path) || e.detail.iter().any(|d| d.contains(&largest.path)), "{}: {e:?}", p.name);
});
