//! Plans on real tables.

use super::*;

#[tokio::test]
async fn plans_are_read_with_their_numbers() {
    let pg = PgServer::shared();
    pg.create_database("plans");
    pg.psql("plans", "create table a (id int primary key, q int); create table b (id int primary key, a_id int, q int, pad text); insert into a select i, i % 50 from generate_series(1, 20000) i;
        insert into b select i, 1 + i % 20000, i % 100, repeat('x', 50) from generate_series(1, 50000) i; create index b_a on b (a_id); analyze;");
    let s = open(target(pg, "plans")).await;
    s.fetch("set max_parallel_workers_per_gather = 0").await.unwrap();
    let sql = "select a.q, count(*) from a join b on b.a_id = a.id where b.q = 7 and exists (select 1 from b c where c.id = a.id) group by a.q order by 2 desc limit 3";
    let plain = s.explain(sql, false).await.unwrap();
    assert!(!plain.analyzed && plain.execution_ms.is_none() && plain.root.loops.is_none());
    assert_eq!((plain.root.op.as_str(), plain.settings.get("max_parallel_workers_per_gather").map(String::as_str)), ("limit", Some("0")));
    let plan = s.explain(sql, true).await.unwrap();
    let (mut own, mut err, mut nodes, mut scans) = (0.0, 0.0, 0, Vec::new());
    plan.root.walk(0, &mut |_, n| {
        nodes += 1;
        own += n.self_ms.unwrap_or(0.0);
        err += n.self_err_ms.unwrap_or(0.0);
        scans.extend(n.relation.clone().map(|r| (r, n.alias.clone())));
    });
    assert!(nodes >= 6 && (own - plan.root.total_ms.unwrap()).abs() <= err + 0.01, "Σ self {own}, root {:?} ± {err}", plan.root.total_ms);
    assert!(scans.iter().any(|(r, a)| r == "public.b" && a.as_deref() == Some("b")), "{scans:?}");
    assert!(plan.planning_ms.is_some() && plan.outside_ms.is_some() && plan.root.pages.hit.unwrap() > 0);
    let found = holdpoint::plan::findings::findings(&plan, &Default::default());
    assert!(found.iter().any(|f| f.id == "F1" && f.evidence.get("rows_removed") == Some(&49_500.0)), "{found:?}");
    let e = s.explain("select nosuch from a", false).await.unwrap_err();
    assert_eq!(e.position, Some(7), "in the user's text, not in ours");
    assert!(s.explain("select 1; drop table a", true).await.is_err());
    assert!(s.explain("select $1::int", false).await.unwrap_err().message.contains("parameters"));
    s.explain("insert into a values (0, 0)", true).await.unwrap_err();
    s.explain("create table made as select 1", true).await.ok();
    assert_eq!(
        s.fetch("select to_regclass('made') is null, count(*) from a").await.unwrap().rows,
        [[Some("t".to_string()), Some("20000".into())]]
    );
    assert!(s.explain("vacuum", false).await.is_err());
}

/// Cancelling a measured plan ends it on the server before it is said, and one that nobody waits for is ended too.
#[tokio::test(flavor = "multi_thread")]
async fn a_measured_plan_that_is_not_wanted_any_more_is_ended_on_the_server() {
    use holdpoint::ops::{Connection, Cx, explain::explain};
    const ENDLESS: &str = "select count(*) from pg_class a, pg_class b, pg_class c, pg_class d";
    let pg = PgServer::shared();
    pg.create_database("unwanted");
    let watcher = open(target(pg, "unwanted")).await;
    let runs = async || {
        let sql =
            "select count(*) from pg_stat_activity where datname = 'unwanted' and state = 'active' and query like 'EXPLAIN%pg_class d'";
        watcher.fetch(sql).await.unwrap().scalar() != Some("0")
    };
    let s = open(target(pg, "unwanted")).await;
    let dropped = tokio::spawn({
        let s = s.clone();
        async move { s.explain(ENDLESS, true).await.map(drop) }
    });
    while !runs().await {}
    dropped.abort();
    while runs().await {}
    assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"), "the session is kept");

    let home = tempfile::tempdir().unwrap();
    let around = holdpoint::config::Surroundings::made_up(home.path(), home.path(), []);
    let cx = Cx::new(holdpoint::config::files::load_in(None, &around).unwrap());
    let cancel = cx.cancel.clone();
    let conn = Connection::over(holdpoint::engine::registry::engine(target(pg, "unwanted"), None));
    let cancelled = tokio::spawn(async move { explain(&cx, &conn, None, ENDLESS, true).await.map(drop) });
    while !runs().await {}
    cancel.cancel();
    let e = cancelled.await.unwrap().unwrap_err();
    assert_eq!(e.kind, holdpoint::model::Kind::Cancelled, "{e:?}");
    assert!(!runs().await, "it is said when it is so");
}
