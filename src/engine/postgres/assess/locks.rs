//! The lock tree: root blockers first, with all who wait behind them.

use super::{age, number, rows};
use crate::engine::Session;
use crate::engine::postgres::catalog::cell;
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::lock_tree::{LockSession, LockTree};
use crate::model::{Finding, Result, Severity};
use crate::text;

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
        SELECT who.pid, coalesce(a.usename::text, ''), concat_ws(', ', nullif(a.application_name, ''), host(a.client_addr)), coalesce(a.datname::text, ''), \
            coalesce(a.state, ''), CASE WHEN w.pid IS NOT NULL THEN extract(epoch FROM clock_timestamp() - {began}) END, \
            extract(epoch FROM clock_timestamp() - a.xact_start), \
            CASE WHEN a.state LIKE 'idle%' THEN extract(epoch FROM clock_timestamp() - a.state_change) END, \
            concat_ws(' on ', l.mode, coalesce(c.relname::text, l.relation::text, l.locktype)), left(a.query, 500), \
            array_to_string(w.by, ' '), coalesce(a.backend_start::text, '') \
        FROM who LEFT JOIN w USING (pid) LEFT JOIN pg_catalog.pg_stat_activity a USING (pid) LEFT JOIN l ON l.pid = w.pid \
        LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
    )
}

pub(super) async fn tree(s: &Session, sight: &Sight) -> Result<LockTree> {
    let sessions = rows(s, &statement(sight.version)).await?;
    let whole = |r, i| number(r, i).map(|n: f64| n.max(0.0) as u64);
    Ok(LockTree::of(
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
                blocked_by: cell(r, 10).split(' ').filter_map(|p| p.parse().ok()).collect(),
                began: cell(r, 11).into(),
            })
            .collect(),
    ))
}

/// Who a session is, and what it does.
fn named(session: &LockSession) -> String {
    if session.id == 0 {
        return "a prepared transaction".into();
    }
    let mut parts = vec![format!("pid {}", session.id)];
    parts.extend([&session.user, &session.client].into_iter().filter(|t| !t.is_empty()).map(|t| format!("“{t}”")));
    match (session.idle, session.state.as_str()) {
        (Some(idle), state) => parts.push(format!("{state} for {}", age(idle as f64))),
        (None, "") => parts.push("its role may not be looked into".into()),
        (None, state) => parts.push(state.into()),
    }
    parts.join(", ")
}

/// DDL wants a lock that lets nobody in, and whoever comes later waits behind it.
fn is_queued_ddl(session: &LockSession) -> bool {
    session.waits.is_some() && session.wants.starts_with("AccessExclusiveLock")
}

pub(super) async fn look(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    let tree = tree(s, sight).await?;
    Ok(judge(&tree, sight, check, limits))
}

fn judge(tree: &LockTree, sight: &Sight, check: &Check, limits: &Limits) -> Seen {
    let waiting = tree.waiting();
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0);
    let mut seen = Seen::of(check).figure("waiting", waiting as f64).figure("wait", longest as f64);
    seen.says = match tree.roots.first() {
        None if waiting == 0 => "nobody waits".into(),
        None => format!("{} wait for each other in a circle", text::counted(tree.circle.len() as u64, "session")),
        Some(r) => format!(
            "{waiting} waiting, longest {}, root {}",
            age(longest as f64),
            match tree.sessions[r.at].id {
                0 => "a prepared transaction".into(),
                id => id.to_string(),
            }
        ),
    };
    for root in &tree.roots {
        let holder = &tree.sessions[root.at];
        let by_wait = Severity::of(root.longest as f64, limits.of(check, "wait"));
        let severity = by_wait.max(Severity::of(root.victims as f64, limits.of(check, "victims"))).max(Severity::Info);
        // The DDL that stands first behind the root makes a pile-up of what was one wait.
        let ddl = tree.sessions.iter().find(|s| is_queued_ddl(s) && s.blocked_by.contains(&holder.id));
        let (mut message, mut next) = (
            format!("{} behind {}, the longest for {}", waits(root.victims), named(holder), age(root.longest as f64)),
            match (holder.id, holder.idle) {
                (0, _) => "Finish the prepared transaction: its coordinator knows whether it commits.".to_string(),
                (id, Some(_)) => format!("End session {id} (its transaction is rolled back): cancelling does nothing to an idle one."),
                (id, None) => format!("Look at what {id} runs; cancelling it rolls its statement back."),
            },
        );
        if let Some(ddl) = ddl.filter(|_| root.victims > 1) {
            let statement = ddl.statement.split_whitespace().collect::<Vec<_>>().join(" ");
            // A role that may not look into sessions sees the lock alone.
            let statement = match statement.as_str() {
                "" | "<insufficient privilege>" => format!("somebody who wants {}", ddl.wants.trim_end_matches(" on ")),
                told => text::truncate(told, 48).into_owned(),
            };
            message = format!(
                "{} behind {} (pid {}), which waits for {}; the longest for {}",
                waits(root.victims - 1),
                statement,
                ddl.id,
                named(holder),
                age(root.longest as f64)
            );
            next = format!("Cancel the waiting statement of pid {} and run it later with a lock_timeout; or end {}.", ddl.id, holder.id);
        }
        seen.find(Finding::new(severity, check.id, format!("pid {}", holder.id), message).next(next));
        if seen.findings.len() == 5 {
            break;
        }
    }
    if !sight.sees_all && waiting == 0 {
        seen.says = "whether sessions of other roles wait cannot be seen".into();
        seen.find(
            Finding::new(Severity::Unknown, check.id, "sessions", "what sessions of other roles wait for is hidden").lifts(&sight.grant),
        );
    }
    seen
}

fn waits(n: usize) -> String {
    match n {
        1 => "1 session waits".into(),
        n => format!("{n} sessions wait"),
    }
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
    fn nothing_seen_without_the_right_to_see_is_unknown() {
        let blind = Sight { grant: "GRANT pg_monitor TO oncall;".into(), ..Sight::default() };
        let seen = judge(&LockTree::default(), &blind, check(), &Limits::default());
        assert_eq!(seen.severity, Severity::Unknown);
        assert_eq!(seen.findings[0].lifts.as_deref(), Some("GRANT pg_monitor TO oncall;"));
        assert_eq!(judge(&LockTree::default(), &sees(), check(), &Limits::default()).severity, Severity::Ok);
    }
}
