//! What keeps vacuum from cleaning up, and how far transaction numbers have come.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, hidden, thousands};
use crate::engine::postgres::catalog::cell;
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::{Finding, Result, Severity};

/// The server refuses writes some three million transactions before numbers wrap around at 2^31 (`src/backend/access/transam/varsup.c`).
pub(super) const LAST: f64 = 2_147_483_647.0 - 3_000_000.0;

pub(super) async fn wraparound(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    const AGES: &str = "SELECT datname::text, pg_catalog.age(datfrozenxid), pg_catalog.mxid_age(datminmxid) FROM pg_catalog.pg_database \
        ORDER BY greatest(pg_catalog.age(datfrozenxid), pg_catalog.mxid_age(datminmxid)) DESC LIMIT 1";
    let found = rows(s, AGES).await?;
    let row = found.first().cloned().unwrap_or_default();
    let (xid, mxid) = (number(&row, 1).unwrap_or(0.0), number(&row, 2).unwrap_or(0.0));
    let (oldest, what) = if mxid > xid { (mxid, "multixacts") } else { (xid, "transactions") };
    let left = (LAST - oldest).max(0.0);
    let mut seen = Seen::of(check)
        .says(format!("{} {what} of 2.1 billion used in {}", thousands(oldest), cell(&row, 0)))
        .figure("age", oldest)
        .figure("left", left);
    let severity = Severity::of(oldest, limits.of(check, "age"));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(
                severity,
                check.id,
                cell(&row, 0),
                format!("database {} has {} {what} left before the server refuses writes", cell(&row, 0), thousands(left)),
            )
            .next("End what holds the xmin horizon, then VACUUM (FREEZE) its oldest tables; never VACUUM FULL."),
        );
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
            greatest(pg_catalog.age(backend_xmin), pg_catalog.age(backend_xid)) AS age, extract(epoch FROM clock_timestamp() - xact_start) AS open \
            FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) \
                AND backend_type <> 'walsender' \
        UNION ALL SELECT 'standby', pid::text, coalesce(application_name, ''), pg_catalog.age(backend_xmin), NULL FROM pg_catalog.pg_stat_replication WHERE backend_xmin IS NOT NULL \
        UNION ALL SELECT 'slot', slot_name::text, CASE WHEN active THEN 'active' ELSE 'inactive' END, greatest(pg_catalog.age(xmin), pg_catalog.age(catalog_xmin)), NULL \
            FROM pg_catalog.pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL \
        UNION ALL SELECT 'prepared', gid, owner::text, pg_catalog.age(transaction), extract(epoch FROM clock_timestamp() - prepared) FROM pg_catalog.pg_prepared_xacts) h \
        ORDER BY age DESC NULLS LAST LIMIT 1";
    let found = rows(s, HOLDERS).await?;
    let Some(row) = found.first() else {
        let seen = Seen::of(check).says("nobody holds it").figure("age", 0.0);
        return Ok(hidden(seen, sight, check, "whose sessions hold it cannot be seen"));
    };
    let held = number(row, 3).unwrap_or(0.0);
    let since = number(row, 4).map(|o| format!(" for {}", age(o))).unwrap_or_default();
    let (what, next) = match cell(row, 0) {
        "slot" => (
            format!("slot {} ({})", cell(row, 1), cell(row, 2)),
            "Bring its consumer back, or drop the slot when nobody will read it again.",
        ),
        "standby" => (format!("standby {} (hot_standby_feedback)", cell(row, 2)), "End the long statement on that standby."),
        "prepared" => (format!("prepared transaction {}", cell(row, 1)), "Commit or roll it back: its coordinator knows which."),
        _ => (format!("pid {} ({})", cell(row, 1), cell(row, 2)), "End its transaction: vacuum cleans up again at its next run."),
    };
    let mut seen = Seen::of(check).says(format!("held{since} by {what}: {} transactions behind", thousands(held))).figure("age", held);
    let severity = Severity::of(held, limits.of(check, "age"));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(
                severity,
                check.id,
                cell(row, 1),
                format!("vacuum cannot remove what the last {} transactions deleted: {what} holds the horizon{since}", thousands(held)),
            )
            .next(next),
        );
    }
    Ok(hidden(seen, sight, check, "whose sessions hold it cannot be seen"))
}

pub(super) async fn prepared(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    const PREPARED: &str = "SELECT gid, owner::text, database::text, extract(epoch FROM clock_timestamp() - prepared) \
        FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT 50";
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
            seen.find(
                Finding::new(
                    severity,
                    check.id,
                    cell(r, 0),
                    format!(
                        "prepared transaction {} of {} in {} waits for {}",
                        cell(r, 0),
                        cell(r, 1),
                        cell(r, 2),
                        age(number(r, 3).unwrap_or(0.0))
                    ),
                )
                .next("COMMIT PREPARED or ROLLBACK PREPARED: its coordinator knows which; guessing tears data apart."),
            );
        }
    }
    Ok(seen)
}
