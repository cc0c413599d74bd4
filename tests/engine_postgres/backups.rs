//! Backup, restore, comparison, and what must fail.

use super::*;

/// A second server, for restores.
fn elsewhere() -> &'static PgServer {
    static SCRATCH: std::sync::OnceLock<PgServer> = std::sync::OnceLock::new();
    SCRATCH.get_or_init(|| PgServer::start_another(&[]))
}

#[tokio::test]
async fn a_backup_restores_to_the_same_content() {
    let pg = PgServer::shared();
    pg.create_database("saved");
    pg.psql("saved", ZOO);
    pg.psql("saved", "create role owner_of_orders; alter table orders owner to owner_of_orders; create table types (a int[], r int4range, b bytea, f float8, n numeric, t timestamptz, d date, i interval, m money, x xml, v tsvector, j jsonb, u uuid, bits varbit(9), p point, net inet);
        insert into types values ('{1,NULL,3}', '[1,5)', '\\x00ff', 'NaN', 'NaN', 'infinity', '0044-03-15 BC', '1 mon -2 days 03:04:05.678', '12.34', '<a>x</a>', 'fat & cat'::text::tsvector, '{\"a\": [1, null]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', B'101', '(1,2)', '10.0.0.1/8'), (null, 'empty', null, 'Infinity', -0.00, '-infinity', 'infinity', null, null, null, null, null, null, null, null, null);
        select lo_from_bytea(0, '\\xdeadbeef'); select setval('orders_id_seq', 900)");
    let mut t = target(pg, "saved");
    t.backups = Some(std::env::temp_dir());
    t.scratch = Some("scratch".into());
    t.scratch_target = Some(Box::new(Target { name: "scratch".into(), ..target(elsewhere(), "postgres") }));
    let e = engine(t);
    let b = e.backups().get().unwrap();
    let who = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap().identity().clone();
    let pre = b.preflight(&who).await;
    assert!(pre.iter().all(|f| f.severity < Severity::Warning), "{pre:?}");

    let dir = tempfile::tempdir().unwrap();
    let manifest = take(&e, dir.path()).await;
    assert!(manifest.tool.starts_with("pg_dump (PostgreSQL)") && manifest.artefacts.len() > 3, "{manifest:?}");
    assert_eq!(manifest.fingerprint.tables["public.orders"].rows, 500);
    assert_eq!(manifest.facts["large-objects"].split(' ').next(), Some("1"));
    let written = serde_json::to_string(&manifest).unwrap();
    let manifest: Manifest = serde_json::from_str(&written).unwrap();

    let cancel = CancellationToken::new();
    // Where production data lives, nothing is restored.
    let forbidden = open(target(elsewhere(), "postgres")).await.identity().server_id.clone();
    let held = b.restore(dir.path(), &manifest, Some(&forbidden), &Silent, &cancel).await.err().unwrap();
    assert_eq!(held.kind, Kind::Held);

    let scratch = b.restore(dir.path(), &manifest, Some(&who.server_id), &Silent, &cancel).await.unwrap();
    let name = scratch.target.database.clone().unwrap();
    let d = b.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.unwrap();
    assert!(d.is_empty(), "{d:#?}");
    // What changes after the restore is seen: data, schema, a sequence, a large object.
    elsewhere().psql(&name, "update orders set note = 'changed' where id = 7; drop index orders_at; select nextval('orders_id_seq'); select lo_unlink(oid) from pg_largeobject_metadata; delete from types where a is null");
    let d = b.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.unwrap();
    assert_eq!(d.schema, ["index public.orders_at is missing"]);
    for sign in [
        "public.orders.note: not all of its 500 values are as before",
        "sequence public.orders_id_seq",
        "large objects differ",
        "public.types: 2 rows before, 1 after",
    ] {
        assert!(d.data.iter().any(|l| l.contains(sign)), "{sign} in {d:#?}");
    }
    b.discard(scratch).await.unwrap();
    assert_eq!(elsewhere().psql("postgres", &format!("select count(*) from pg_database where datname = '{name}'")).trim(), "0");
    // Nothing but our own scratch databases is ever dropped.
    elsewhere().psql("postgres", "create database holdpoint_scratch_not_ours");
    let foreign = holdpoint::engine::Scratch {
        target: target(elsewhere(), "holdpoint_scratch_not_ours"),
        grade: holdpoint::model::evidence::Grade::Full,
    };
    assert!(b.discard(foreign).await.unwrap_err().message.contains("left alone"));
    elsewhere().psql("postgres", "drop database holdpoint_scratch_not_ours");
}

/// The negative control: a damaged copy must fail, and nothing is left behind.
#[tokio::test]
async fn a_damaged_dump_is_refused() {
    let pg = PgServer::shared();
    pg.create_database("damaged");
    pg.psql("damaged", ZOO);
    let mut t = target(pg, "damaged");
    t.scratch_target = Some(Box::new(target(elsewhere(), "postgres")));
    let e = engine(t);
    let b = e.backups().get().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let manifest = take(&e, dir.path()).await;
    let cancel = CancellationToken::new();
    let biggest = manifest.artefacts.iter().filter(|a| a.path.ends_with(".gz")).max_by_key(|a| a.bytes).unwrap();
    let path = dir.path().join(&biggest.path);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let e1 = b.restore(dir.path(), &manifest, None, &Silent, &cancel).await.err().unwrap();
    assert!(e1.message.contains("is damaged") && e1.message.contains(&biggest.path), "{e1:?}");
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 1;
    std::fs::write(&path, &turned).unwrap();
    assert!(b.restore(dir.path(), &manifest, None, &Silent, &cancel).await.err().unwrap().message.contains("was changed since"));
    // A manifest that was made to fit the damage: then pg_restore itself refuses, and its scratch database goes away.
    let mut forged = manifest.clone();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let sha = |b: &[u8]| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b));
    for a in &mut forged.artefacts {
        if a.path == biggest.path {
            a.bytes = (whole.len() / 2) as u64;
            a.sha256 = sha(&whole[..whole.len() / 2]);
        }
    }
    forged.id = sha(forged.artefacts.iter().map(|a| a.sha256.as_str()).collect::<String>().as_bytes());
    let e3 = b.restore(dir.path(), &forged, None, &Silent, &cancel).await.err().unwrap();
    assert!(e3.message.starts_with("pg_restore into holdpoint_scratch_"), "{e3:?}");
    let ours = format!("made from backup {}", forged.id);
    let left_ours = elsewhere()
        .psql("postgres", &format!("select count(*) from pg_database d where shobj_description(d.oid, 'pg_database') like '%{ours}%'"));
    assert_eq!(left_ours.trim(), "0");
    // A cancelled backup leaves nothing either.
    let empty = tempfile::tempdir().unwrap();
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert_eq!(b.take(empty.path(), "tester", &Silent, &stopped).await.unwrap_err().kind, Kind::Cancelled);
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}
