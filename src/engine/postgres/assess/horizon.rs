//! What keeps vacuum from cleaning up, and how far transaction numbers have come.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, hidden, thousands};
use crate::engine::postgres::catalog::{Row, cell};
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Finding, Result, Severity};

/// The server refuses writes some three million transactions before numbers wrap around at 2^31 (`src/backend/access/transam/varsup.c`).
pub(super) const LAST: f64 = 2_147_483_647.0 - 3_000_000.0;

/// The table of this database whose rows are the oldest: a vacuum that freezes it moves the database's age. One that somebody has locked,
/// or wants to, would be waited for.
const OLDEST: &str = "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm', 't') AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock') \
    ORDER BY greatest(pg_catalog.age(c.relfrozenxid), pg_catalog.mxid_age(c.relminmxid)) DESC LIMIT 1";

pub(super) async fn wraparound(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    const AGES: &str = "SELECT datname::text, pg_catalog.age(datfrozenxid), pg_catalog.mxid_age(datminmxid), datallowconn FROM pg_catalog.pg_database \
        ORDER BY greatest(pg_catalog.age(datfrozenxid), pg_catalog.mxid_age(datminmxid)) DESC LIMIT 100";
    let found = rows(s, AGES).await?;
    let used = |r: &Row| number(r, 1).unwrap_or(0.0).max(number(r, 2).unwrap_or(0.0));
    let severity_of = |r: &Row| Severity::of(used(r), limits.of(check, "age"));
    let row = found.first().cloned().unwrap_or_default();
    let oldest = used(&row);
    let what = if number(&row, 2) > number(&row, 1) { "multixacts" } else { "transactions" };
    let left = (LAST - oldest).max(0.0);
    let mut seen = Seen::of(check)
        .says(format!("{} {what} of 2.1 billion used in {}", thousands(oldest), cell(&row, 0)))
        .figure("age", oldest)
        .figure("left", left);
    let severity = severity_of(&row);
    if severity >= Severity::Warning {
        // Each of them has to be vacuumed from within.
        let as_bad: Vec<&Row> = found.iter().filter(|r| severity_of(r) == severity).collect();
        let names: Vec<&str> = as_bad.iter().take(5).map(|r| cell(r, 0)).collect();
        let which = format!("{} {}", if as_bad.len() == 1 { "database" } else { "databases" }, names.join(", "));
        let words = match left {
            0.0 => format!("the server refuses all writes now: its {what} are used up by {which}"),
            _ => format!("{which}: {} {what} are left before the server refuses all writes", thousands(left)),
        };
        let here = as_bad.iter().any(|r| cell(r, 0) == s.identity().database);
        // Nobody can log into a template.
        let entered = as_bad.iter().find(|r| cell(r, 3) == "t").map(|r| cell(r, 0));
        let next = match (sight.standby, entered) {
            (true, _) => {
                "On its primary: end what holds the xmin horizon, then VACUUM (FREEZE) the oldest tables; a standby takes over what that does."
                    .to_string()
            }
            (_, None) => format!(
                "Nobody can log into {}: autovacuum freezes it by itself where it is on (autovacuum_naptime says when it comes), else VACUUM in single-user mode.",
                names.join(", ")
            ),
            _ if here => {
                let of_itself: Vec<&str> = as_bad.iter().filter(|r| cell(r, 3) != "t").map(|r| cell(r, 0)).collect();
                let of_itself = match of_itself.is_empty() {
                    true => String::new(),
                    false => format!(" Nobody can log into {}: autovacuum freezes it by itself.", of_itself.join(", ")),
                };
                format!(
                    "End what holds the xmin horizon (PG10), if anything does; then VACUUM (FREEZE) the oldest tables, table by table in each of \
                     these databases; never VACUUM FULL.{of_itself}"
                )
            }
            (_, Some(other)) => format!(
                "End what holds the xmin horizon (PG10), if anything does; then VACUUM (FREEZE) its oldest tables: assess database {other} itself, which names them. Never VACUUM FULL."
            ),
        };
        let mut found = Finding::new(severity, check.id, cell(&row, 0), words).next(next);
        if !sight.standby
            && here
            && let Some(oldest) = rows(s, OLDEST).await?.first()
        {
            found.next.push_str(&format!(" The oldest here is {}.", cell(oldest, 0)));
            found = found.recover(Deed::Vacuum, cell(oldest, 0));
        }
        seen.find(found);
    }
    Ok(seen)
}

pub(super) async fn xmin(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    // On a standby nothing is vacuumed, and numbers of transactions are not given out.
    if sight.standby {
        return Ok(Seen::of(check).says("decided by the primary"));
    }
    const HOLDERS: &str = "SELECT * FROM (\
        SELECT 'session', pid::text, coalesce(usename::text, '?') || ', ' || coalesce(nullif(application_name, ''), 'unnamed') || ', ' || coalesce(state, backend_type, '?'), \
            greatest(pg_catalog.age(backend_xmin), pg_catalog.age(backend_xid)) AS age, extract(epoch FROM clock_timestamp() - xact_start) AS open, \
            CASE WHEN backend_type = 'client backend' THEN coalesce(state, '') ELSE '' END AS state \
            FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) \
                AND backend_type <> 'walsender' \
        UNION ALL SELECT 'standby', pid::text, coalesce(application_name, ''), pg_catalog.age(backend_xmin), NULL, '' FROM pg_catalog.pg_stat_replication WHERE backend_xmin IS NOT NULL \
        UNION ALL SELECT 'slot', slot_name::text, CASE WHEN active THEN 'active' ELSE 'inactive' END, greatest(pg_catalog.age(xmin), pg_catalog.age(catalog_xmin)), NULL, CASE WHEN active THEN 'active' ELSE 'inactive' END \
            FROM pg_catalog.pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL \
        UNION ALL SELECT 'prepared', gid, owner::text, pg_catalog.age(transaction), extract(epoch FROM clock_timestamp() - prepared), \
            CASE WHEN database = current_database() THEN 'here' ELSE '' END FROM pg_catalog.pg_prepared_xacts) h \
        ORDER BY age DESC NULLS LAST LIMIT 1";
    let found = rows(s, HOLDERS).await?;
    let Some(row) = found.first() else {
        let seen = Seen::of(check)
            .says(if sight.sees_all { "nobody holds it" } else { "whether a session of another role holds it cannot be seen" })
            .figure("age", 0.0);
        return Ok(hidden(seen, sight, check, "whose sessions hold it cannot be seen"));
    };
    let held = number(row, 3).unwrap_or(0.0);
    let since = number(row, 4).map(|o| format!(" for {}", age(o))).unwrap_or_default();
    let (what, next) = match cell(row, 0) {
        "slot" => (
            format!("slot {} ({})", cell(row, 1), cell(row, 2)),
            "Bring its consumer back, or drop the slot when nobody will read it again (its consumer has to be built anew then).",
        ),
        "standby" => (format!("standby {} (hot_standby_feedback)", cell(row, 2)), "End the long statement on that standby."),
        "prepared" => (format!("prepared transaction {}", cell(row, 1)), "Commit or roll it back: its coordinator knows which."),
        _ => (format!("pid {} ({})", cell(row, 1), cell(row, 2)), "End its transaction: vacuum cleans up again at its next run."),
    };
    let mut seen = Seen::of(check)
        .says(format!("held{since} by {what}: {} behind", crate::text::counted(held as u64, "transaction")))
        .figure("age", held);
    let severity = Severity::of(held, limits.of(check, "age"));
    if severity >= Severity::Warning {
        let words = format!("vacuum cannot remove what the last {} transactions deleted: {what} holds the horizon{since}", thousands(held));
        let found = Finding::new(severity, check.id, cell(row, 1), words).next(next);
        seen.find(match (cell(row, 0), cell(row, 5)) {
            ("slot", "inactive") => found.recover(Deed::DropSlot, cell(row, 1)),
            ("session", "active") => found.recover(Deed::Cancel, cell(row, 1)),
            ("session", idle) if idle.starts_with("idle in transaction") => found.recover(Deed::EndIdle, cell(row, 1)),
            _ => found,
        });
    }
    Ok(hidden(seen, sight, check, "whose sessions hold it cannot be seen"))
}

pub(super) async fn prepared(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    const PREPARED: &str = "SELECT gid, owner::text, database::text, extract(epoch FROM clock_timestamp() - prepared) FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT 50";
    let found = rows(s, PREPARED).await?;
    let oldest = found.first().and_then(|r| number(r, 3)).unwrap_or(0.0);
    let mut seen = Seen::of(check).figure("transactions", found.len() as f64).figure("age", oldest);
    seen.says = match found.first() {
        None => "none".into(),
        Some(r) => format!("{}, the oldest {} for {}", found.len(), cell(r, 0), age(oldest)),
    };
    for r in found.iter().take(5) {
        let severity = Severity::of(number(r, 3).unwrap_or(0.0), limits.of(check, "age"));
        if severity >= Severity::Warning {
            let waits = age(number(r, 3).unwrap_or(0.0));
            let words = format!("prepared transaction {} of {} in {} waits for {waits}", cell(r, 0), cell(r, 1), cell(r, 2));
            // Neither stands ready as a command: half asleep the one that is printed is the one that is run.
            seen.find(Finding::new(severity, check.id, cell(r, 0), words).next(
                "Its coordinator knows whether to commit it (commit-prepared) or to roll it back (rollback-prepared), in its own database; guessing tears data apart.",
            ));
        }
    }
    Ok(seen)
}
