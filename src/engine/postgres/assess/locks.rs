//! The lock tree: root blockers first, with all who wait behind them.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{AGAIN, COMMITS, Words, age, is_hasty, judge_locks, moved};
use crate::engine::postgres::catalog::{Row, cell};
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::lock_tree::{LockSession, LockTree};
use crate::model::recovery::Deed;
use crate::model::{Finding, Result, Severity};

/// Sessions that are asked who blocks them: `pg_blocking_pids` takes the lock manager's own locks for a moment.
const ASKED: u32 = 50;

/// Who waits, who blocks them, and those blockers themselves, in one answer: between two the picture would change. That somebody waits
/// stands in `pg_locks` for every role to see, also where sessions may not be looked into. `waitstart` came with 14.
fn statement(version: u32) -> String {
    let (began, longest) =
        if version >= 140_000 { ("coalesce(l.waitstart, a.query_start)", "waitstart, pid") } else { ("a.query_start", "pid") };
    format!(
        "WITH l AS MATERIALIZED (SELECT DISTINCT ON (pid) * FROM pg_catalog.pg_locks WHERE NOT granted ORDER BY pid), \
        w AS MATERIALIZED (SELECT pid, pg_catalog.pg_blocking_pids(pid) AS by FROM (SELECT pid FROM l ORDER BY {longest} LIMIT {ASKED}) longest), \
        who AS (SELECT pid FROM w UNION SELECT unnest(by) FROM w) \
        SELECT who.pid, coalesce(a.usename::text, nullif(a.backend_type, 'client backend'), ''), \
            concat_ws(', ', nullif(a.application_name, ''), host(a.client_addr)), coalesce(a.datname::text, ''), \
            CASE WHEN a.wait_event = 'SyncRep' THEN '{COMMITS}' ELSE coalesce(a.state, '') END, CASE WHEN w.pid IS NOT NULL THEN extract(epoch FROM clock_timestamp() - {began}) END, \
            extract(epoch FROM clock_timestamp() - a.xact_start), \
            CASE WHEN a.state LIKE 'idle%' THEN extract(epoch FROM clock_timestamp() - a.state_change) END, \
            concat_ws(' on ', l.mode, coalesce(c.relname::text, l.relation::text, l.locktype)), left(a.query, 500), \
            array_to_string(w.by, ' '), coalesce(a.backend_start::text, ''), (SELECT count(*) FROM l), \
            a.backend_type IS NOT NULL AND a.backend_type <> 'client backend', coalesce(a.xact_start::text, '') \
        FROM who LEFT JOIN w USING (pid) LEFT JOIN pg_catalog.pg_stat_activity a USING (pid) LEFT JOIN l ON l.pid = w.pid \
        LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation \
            AND (l.relation < {FIRST} OR l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))"
    )
}

/// Objects of the catalogue have numbers below this one, the same in every database (`FirstNormalObjectId`).
const FIRST: u32 = 16_384;

/// Prepared transactions that somebody waits for: with a lock on what is wanted, or waited for themselves. `pg_blocking_pids` calls them 0.
const PREPARED: &str = "SELECT p.gid, p.owner::text, p.database::text, extract(epoch FROM clock_timestamp() - p.prepared) \
    FROM pg_catalog.pg_prepared_xacts p WHERE EXISTS (SELECT FROM pg_catalog.pg_locks w WHERE NOT w.granted AND (w.transactionid = p.transaction \
        OR EXISTS (SELECT FROM pg_catalog.pg_locks h WHERE h.virtualtransaction = '-1/' || p.transaction::text AND h.granted \
            AND h.locktype = w.locktype AND h.database IS NOT DISTINCT FROM w.database AND h.relation IS NOT DISTINCT FROM w.relation))) \
    ORDER BY p.prepared LIMIT 5";

/// Who has locked a part of the catalogue for himself: nobody logs into that database meanwhile, so nobody is seen to wait there.
fn catalogue_holders() -> String {
    format!(
        "SELECT l.pid, coalesce(a.usename::text, ''), concat_ws(', ', nullif(a.application_name, ''), host(a.client_addr)), coalesce(a.state, ''), \
            extract(epoch FROM clock_timestamp() - a.xact_start), coalesce(c.relname::text, l.relation::text), \
            coalesce('database ' || d.datname, 'all databases'), to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS') \
        FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid) LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation \
        LEFT JOIN pg_catalog.pg_database d ON d.oid = l.database \
        WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation' AND l.relation < {FIRST} AND c.relkind IS DISTINCT FROM 'i' \
            AND l.pid <> pg_catalog.pg_backend_pid() AND coalesce(a.backend_type, '') <> 'autovacuum worker' ORDER BY a.xact_start LIMIT 5"
    )
}

pub(super) async fn read(s: &Session, sight: &Sight) -> Result<LockTree> {
    let sessions = rows(s, &statement(sight.version)).await?;
    let whole = |r, i| number(r, i).map(|n: f64| n.max(0.0) as u64);
    let all = sessions.first().and_then(|r| whole(r, 12)).unwrap_or(0);
    let mut tree = LockTree::of(
        sessions
            .iter()
            .map(|r| LockSession {
                id: whole(r, 0).unwrap_or(0),
                user: cell(r, 1).into(),
                client: cell(r, 2).into(),
                database: cell(r, 3).into(),
                state: cell(r, 4).into(),
                waits: whole(r, 5),
                open_for: whole(r, 6),
                idle: whole(r, 7),
                wants: cell(r, 8).into(),
                statement: cell(r, 9).into(),
                guessed: false,
                own: cell(r, 13) == "t",
                keeps: false,
                blocked_by: cell(r, 10).split(' ').filter_map(|p| p.parse().ok()).collect(),
                began: cell(r, 11).into(),
                transaction: cell(r, 14).into(),
            })
            .collect(),
    );
    if let Some(at) = tree.sessions.iter().position(|s| s.id == 0) {
        // Of several it is not known which is in whose way: the oldest is named, and how many there are.
        let found = rows(s, PREPARED).await?;
        if let Some(r) = found.first() {
            let more = if found.len() > 1 { format!(" (and {} more)", found.len() - 1) } else { String::new() };
            let session = &mut tree.sessions[at];
            session.user = cell(r, 1).into();
            session.client = cell(r, 0).into();
            session.database = cell(r, 2).into();
            session.open_for = number(r, 3).map(|n| n.max(0.0) as u64);
            session.statement = format!("PREPARE TRANSACTION {}{more}", crate::model::Dialect::Postgres.quote_literal(cell(r, 0)));
        }
    }
    tree.unasked = usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(tree.waiting());
    Ok(tree)
}

const WORDS: Words = Words {
    dialect: crate::model::Dialect::Postgres,
    session: "pid",
    is_queued_ddl,
    veiled: "<insufficient privilege>",
    timeout: "lock_timeout",
    confirms: "standbys",
};

/// DDL wants a lock that lets nobody in, and whoever comes later waits behind it.
fn is_queued_ddl(session: &LockSession) -> bool {
    session.wants.starts_with("AccessExclusiveLock")
}

pub(super) async fn look(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    let mut tree = read(s, sight).await?;
    if is_hasty(&tree, check, limits) {
        tokio::time::sleep(AGAIN).await;
        tree = moved(&tree, read(s, sight).await?, check, limits);
    }
    let mut seen = judge(&tree, sight, check, limits);
    // Where a part of the catalogue is locked that this asks for, the tree stands all the same.
    let holders = rows(s, &catalogue_holders()).await.unwrap_or_default();
    for r in holders.iter().rev() {
        seen.severity = seen.severity.max(Severity::Warning);
        seen.findings.insert(0, of_the_catalogue(r, check, limits));
        seen.severity = seen.severity.max(seen.findings[0].severity);
    }
    if let Some(r) = holders.first() {
        seen.says = format!("{} of {} is locked by pid {}; {}", cell(r, 5), cell(r, 6), cell(r, 0), seen.says);
    }
    Ok(Seen { sessions: tree.sessions, ..seen })
}

/// Who holds a lock of the catalogue, since when, and what ends it.
fn of_the_catalogue(r: &Row, check: &Check, limits: &Limits) -> Finding {
    let held = number(r, 4);
    let severity = Severity::of(held.unwrap_or(0.0), limits.of(check, "wait")).max(Severity::Warning);
    let who: Vec<String> = [1, 2].iter().map(|i| cell(r, *i)).filter(|t| !t.is_empty()).map(|t| format!("“{t}”, ")).collect();
    let state = if cell(r, 3).is_empty() { "its role may not be looked into" } else { cell(r, 3) };
    let since = held.map_or_else(String::new, |h| format!(", for {} (since {} UTC)", age(h), cell(r, 7)));
    let words =
        format!("{} of {} is locked by pid {}, {}{state}{since}: nobody logs in there", cell(r, 5), cell(r, 6), cell(r, 0), who.concat());
    let deed = if cell(r, 3).starts_with("idle in transaction") { Deed::EndIdle } else { Deed::Terminate };
    Finding::new(severity, check.id, format!("pid {}", cell(r, 0)), words)
        .next(format!("End session {}: its transaction is rolled back, and logins work again.", cell(r, 0)))
        .recover(deed, cell(r, 0))
}

/// Who is in the way of most at this moment, as this check would tell it.
pub(super) async fn in_the_way(s: &Session, sight: &Sight, limits: &Limits) -> Result<Option<Finding>> {
    let Some(check) = super::CHECKS.iter().find(|c| c.id == "PG06") else { return Ok(None) };
    Ok(crate::engine::assessing::in_the_way(&read(s, sight).await?, &WORDS, check, limits))
}

fn judge(tree: &LockTree, sight: &Sight, check: &Check, limits: &Limits) -> Seen {
    let mut seen = judge_locks(tree, &WORDS, check, limits);
    // Who waits and for how long is known; not who is in the way (the process that replays on a standby tells nobody).
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0) as f64;
    let by_wait = Severity::of(longest, limits.of(check, "wait"));
    if tree.roots.is_empty() && tree.circle.is_empty() && by_wait >= Severity::Warning {
        let told = format!("{} waiting, the longest for {}, and for whom cannot be seen", tree.waiting() + tree.unasked, age(longest));
        seen.find(
            Finding::new(by_wait, check.id, "sessions", told)
                .next("Look at the oldest open transaction, and at what the waiting ones want: see the lock tree."),
        );
    }
    if !sight.sees_all && tree.waiting() == 0 {
        seen.says = "whether sessions of other roles wait cannot be seen".into();
        seen.find(
            Finding::new(Severity::Unknown, check.id, "sessions", "what sessions of other roles wait for is hidden").lifts(&sight.grant),
        );
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Assessing;
    use crate::engine::postgres::Postgres;

    fn check() -> &'static Check {
        let pg = Postgres::new(crate::config::Target::bare("t", crate::config::EngineKind::Postgres), None);
        pg.checks().iter().find(|c| c.id == "PG06").unwrap()
    }

    fn sees() -> Sight {
        Sight { sees_all: true, ..Sight::default() }
    }

    #[test]
    fn a_pile_up_behind_ddl_is_told_as_such() {
        let holder =
            LockSession { id: 4711, user: "etl".into(), state: "idle in transaction".into(), idle: Some(2460), ..LockSession::default() };
        let ddl = LockSession {
            id: 20,
            waits: Some(130),
            wants: "AccessExclusiveLock on orders".into(),
            statement: "ALTER TABLE orders ADD COLUMN note text".into(),
            blocked_by: vec![4711],
            ..LockSession::default()
        };
        let behind = (0..38).map(|i| LockSession { id: 100 + i, waits: Some(i), blocked_by: vec![20], ..LockSession::default() });
        let tree = LockTree::of([holder, ddl].into_iter().chain(behind).collect());
        let seen = judge(&tree, &sees(), check(), &Limits::default());
        assert_eq!(seen.severity, Severity::Critical);
        assert_eq!(seen.says, "39 waiting, longest 2 min 10 s, root 4711");
        assert_eq!(
            seen.findings[0].message,
            "38 sessions wait behind ALTER TABLE orders ADD COLUMN note text (pid 20), which waits for pid 4711, “etl”, idle in transaction for 41 min 00 s; the longest for 2 min 10 s"
        );
        assert!(seen.findings[0].next.starts_with("Cancel the waiting statement of pid 20"), "{}", seen.findings[0].next);
    }

    #[test]
    fn a_queue_behind_ddl_is_told_sooner_than_a_plain_wait() {
        let holder = || LockSession { id: 7, state: "idle in transaction".into(), idle: Some(9), ..LockSession::default() };
        let waits = |id, by, wants: &str| LockSession {
            id,
            waits: Some(6),
            wants: wants.into(),
            blocked_by: vec![by],
            statement: "alter table t add x int".into(),
            ..LockSession::default()
        };
        let of = |sessions| judge(&LockTree::of(sessions), &sees(), check(), &Limits::default()).severity;
        assert_eq!(of(vec![holder(), waits(8, 7, "AccessExclusiveLock on t"), waits(9, 8, "AccessShareLock on t")]), Severity::Warning);
        assert_eq!(of(vec![holder(), waits(8, 7, "AccessExclusiveLock on t")]), Severity::Info, "nobody queues behind it");
        assert_eq!(of(vec![holder(), waits(8, 7, "ShareLock on t"), waits(9, 8, "AccessShareLock on t")]), Severity::Info);
    }

    #[test]
    fn those_who_were_not_asked_are_counted() {
        let holder = LockSession { id: 7, state: "idle in transaction".into(), idle: Some(9), ..LockSession::default() };
        let behind = (0..50).map(|i| LockSession { id: 100 + i, waits: Some(2), blocked_by: vec![7], ..LockSession::default() });
        let mut tree = LockTree::of([holder].into_iter().chain(behind).collect());
        tree.unasked = 550;
        let seen = judge(&tree, &sees(), check(), &Limits::default());
        assert_eq!((seen.figures["waiting"], seen.severity), (600.0, Severity::Critical));
        assert!(seen.says.starts_with("600 waiting"), "{}", seen.says);
        assert!(seen.findings[0].message.starts_with("600 sessions wait, and of 50 that were looked at 50 behind pid 7"), "{seen:#?}");
    }

    #[test]
    fn nothing_seen_without_the_right_to_see_is_unknown() {
        let blind = Sight { grant: "GRANT pg_monitor TO oncall;".into(), ..Sight::default() };
        let seen = judge(&LockTree::default(), &blind, check(), &Limits::default());
        assert_eq!(seen.severity, Severity::Unknown);
        assert_eq!(seen.findings[0].lifts.as_deref(), Some("GRANT pg_monitor TO oncall;"));
        assert_eq!(judge(&LockTree::default(), &sees(), check(), &Limits::default()).severity, Severity::Ok);
    }
}
