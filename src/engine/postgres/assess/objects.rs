//! The state of what is stored, and settings that endanger it.

use super::{number, rows};
use crate::config::Target;
use crate::engine::Session;
use crate::engine::postgres::catalog::{cell, pinned};
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Dialect, Finding, Result, Severity};

pub(super) async fn checksums(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    const FAILURES: &str = "SELECT coalesce(datname::text, 'shared objects'), checksum_failures, checksum_last_failure::text, \
        current_setting('data_checksums') FROM pg_catalog.pg_stat_database ORDER BY checksum_failures DESC NULLS LAST LIMIT 1";
    let found = rows(s, FAILURES).await?;
    let row = found.first().cloned().unwrap_or_default();
    if cell(&row, 3) != "on" {
        return Ok(Seen::of(check).says("not kept: initdb was run without --data-checksums"));
    }
    let failures = number(&row, 1).unwrap_or(0.0);
    let mut seen = Seen::of(check).says(crate::text::counted(failures as u64, "failure")).figure("failures", failures);
    if failures >= limits.of(check, "failures").1 {
        seen.find(
            Finding::new(
                Severity::Critical,
                check.id,
                cell(&row, 0),
                format!(
                    "pages of {} failed their checksum in {}, the last at {}",
                    cell(&row, 0),
                    crate::text::counted(failures as u64, "read"),
                    cell(&row, 2)
                ),
            )
            .next("Stop writing: fail over to a sound standby, or take a copy of the files first. No VACUUM FULL, no REINDEX."),
        );
    }
    Ok(seen)
}

pub(super) async fn invalid_indexes(s: &Session, sight: &Sight, check: &Check) -> Result<Seen> {
    // Those that are being built now are invalid until the end.
    const INVALID: &str = "SELECT n.nspname::text, c.relname::text, t.relname::text, i.indisready, \
        EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = t.oid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted) FROM pg_catalog.pg_index i \
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind = 'i' \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) ORDER BY 1, 2 LIMIT 50";
    let found = rows(s, INVALID).await?;
    let database = &s.identity().database;
    let mut seen = Seen::of(check).figure("indexes", found.len() as f64);
    seen.says = match found.as_slice() {
        [] => format!("none in {database}"),
        [_] => "1 index".into(),
        some => format!("{} indexes", some.len()),
    };
    for r in found.iter().take(5) {
        let name = format!("{}.{}", cell(r, 0), cell(r, 1));
        // What a concurrent rebuild left behind is named so by the server.
        let left = cell(r, 1).contains("_ccnew") || cell(r, 1).contains("_ccold");
        let found =
            Finding::new(Severity::Warning, check.id, &name, format!("index {name} on {} is invalid: building it failed", cell(r, 2)));
        // Who builds what is told to those alone who may see it; a build has this lock, and so has a vacuum.
        if !sight.sees_all && cell(r, 4) == "t" {
            let words = format!("index {name} on {} is invalid, or is being built now: which one cannot be seen", cell(r, 2));
            seen.find(Finding::new(Severity::Unknown, check.id, &name, words).lifts(&sight.grant));
            continue;
        }
        seen.find(if sight.standby {
            found.next("On its primary: drop it, or build it anew; a standby takes over what that does.")
        } else {
            let next = match left {
                true => "Drop it: the index that it was to replace is still there.".to_string(),
                false => "Drop it; or build it anew, once what made it fail is mended: the action reindex.".to_string(),
            };
            found.next(next).recover(Deed::DropIndex, &name)
        });
    }
    Ok(seen)
}

/// Whether new sessions begin read-only by the server's own configuration.
pub(in crate::engine::postgres) enum ServerBegins {
    Writable,
    /// Where that is set: file and line.
    ReadOnly(String),
    /// The role may not look into the configuration.
    Unseen,
}

/// By the files of the configuration: what a session shows of it is its own. A database may say otherwise, and then that holds. What stands in the
/// command that starts the server is not seen.
pub(in crate::engine::postgres) async fn begins_read_only(s: &Session) -> Result<ServerBegins> {
    const OWN: &str = "SELECT f.setting, f.sourcefile || ':' || f.sourceline FROM pg_catalog.pg_file_settings f \
        WHERE f.name = 'default_transaction_read_only' AND f.error IS NULL AND NOT pg_catalog.pg_is_in_recovery() \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting r JOIN pg_catalog.pg_database d ON d.oid = r.setdatabase, unnest(r.setconfig) c \
            WHERE r.setrole = 0 AND d.datname = current_database() AND c LIKE 'default\\_transaction\\_read\\_only=%') \
        ORDER BY f.seqno DESC LIMIT 1";
    match s.fetch(OWN).await {
        Ok(found) => {
            Ok(match found.rows.first().filter(|r| matches!(cell(r, 0).to_ascii_lowercase().as_str(), "on" | "true" | "yes" | "1")) {
                Some(r) => ServerBegins::ReadOnly(crate::text::clean(cell(r, 1)).into_owned()),
                None => ServerBegins::Writable,
            })
        }
        // All sessions of a standby are read-only, and are meant to be; what a database says itself is seen by everybody.
        Err(e) if e.code.as_deref() == Some("42501") => {
            const KNOWN: &str = "SELECT pg_catalog.pg_is_in_recovery() OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting r \
                JOIN pg_catalog.pg_database d ON d.oid = r.setdatabase, unnest(r.setconfig) c \
                WHERE r.setrole = 0 AND d.datname = current_database() AND c LIKE 'default\\_transaction\\_read\\_only=%')";
            Ok(if s.fetch(KNOWN).await?.scalar() == Some("t") { ServerBegins::Writable } else { ServerBegins::Unseen })
        }
        Err(e) => Err(e),
    }
}

/// Settings with the value that is safe, and what the other one does.
const SAFE: [(&str, &str, &str); 6] = [
    ("fsync", "on", "a crash of the machine destroys the cluster"),
    ("full_page_writes", "on", "a crash of the machine leaves torn pages"),
    ("autovacuum", "on", "dead rows pile up, and transaction numbers run out"),
    ("track_counts", "on", "autovacuum does not know what to do"),
    ("zero_damaged_pages", "off", "damaged pages are emptied without a word"),
    ("ignore_checksum_failure", "off", "damaged pages are read as if they were sound"),
];

pub(super) async fn settings(s: &Session, target: &Target, check: &Check) -> Result<Seen> {
    let names: Vec<String> = SAFE.iter().map(|(n, ..)| format!("'{n}'")).collect();
    let found = rows(
        s,
        &format!(
            "SELECT name, setting, source, coalesce(sourcefile, '') FROM pg_catalog.pg_settings WHERE name IN ({}) ORDER BY name",
            names.join(", ")
        ),
    )
    .await?;
    let mut seen = Seen::of(check);
    for (name, safe, harm) in SAFE {
        let Some(r) = found.iter().find(|r| cell(r, 0) == name).filter(|r| cell(r, 1) != safe) else { continue };
        seen.find(
            Finding::new(Severity::Critical, check.id, name, format!("{name} is {} (set in: {}): {harm}", cell(r, 1), cell(r, 2))).next(
                match cell(r, 2) {
                    // ALTER SYSTEM does not overrule it.
                    "command line" => {
                        format!("It stands in the command that starts the server (-c {name}, -o): take it out there, and restart.")
                    }
                    _ => format!("ALTER SYSTEM SET {name} = {safe}; and reload, once it is known who set it and why."),
                },
            ),
        );
    }
    // Our own session is read-only by itself: what others get stands with the database.
    const READ_ONLY: &str = "SELECT d.datname::text FROM pg_catalog.pg_db_role_setting r JOIN pg_catalog.pg_database d ON d.oid = r.setdatabase \
        WHERE r.setrole = 0 AND d.datname = $1 AND NOT pg_catalog.pg_is_in_recovery() \
        AND EXISTS (SELECT FROM unnest(r.setconfig) c WHERE c ~ '^default_transaction_read_only=(on|true|yes|1)$')";
    // The session may have had to go to another database.
    let database = target.database.as_deref().unwrap_or(&s.identity().database);
    for r in pinned(s, READ_ONLY, &[database]).await?.rows {
        let words = format!(
            "database {} is set read-only for new sessions (default_transaction_read_only): what applications write fails",
            cell(&r, 0)
        );
        seen.find(
            Finding::new(Severity::Critical, check.id, "default_transaction_read_only", words)
                .next("Find out who set it and why: the journal says whether it was done from here. Then allow writing again.")
                .recover(Deed::ReadWrite, ""),
        );
    }
    // The server's own value our session cannot show: it has another one by its login.
    match begins_read_only(s).await? {
        ServerBegins::ReadOnly(place) => {
            let words = format!(
                "the server begins all sessions read-only (default_transaction_read_only in {place}): what applications write fails"
            );
            seen.find(Finding::new(Severity::Critical, check.id, "default_transaction_read_only of the server", words).next(
                "Find out who set it and why. ALTER SYSTEM RESET default_transaction_read_only; (or take the line out) and SELECT pg_reload_conf(); \
                 let new sessions write again.",
            ));
        }
        ServerBegins::Unseen => {
            let role = Dialect::Postgres.quote_ident(&s.identity().user);
            seen.find(
                Finding::new(
                    Severity::Unknown,
                    check.id,
                    "default_transaction_read_only of the server",
                    "whether the server begins all sessions read-only cannot be seen by this role: then whatever applications write would fail",
                )
                .lifts(format!(
                    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO {role}; GRANT SELECT ON pg_catalog.pg_file_settings TO {role};"
                ))
                .next("Ask it of a session of an application: SHOW default_transaction_read_only;"),
            );
        }
        ServerBegins::Writable => {}
    }
    // A role that only reads is set so on purpose; one that may write is not.
    const ROLES: &str = "SELECT r.rolname::text, quote_ident(r.rolname), x.setdatabase <> 0 FROM pg_catalog.pg_db_role_setting x \
        JOIN pg_catalog.pg_roles r ON r.oid = x.setrole WHERE r.rolcanlogin AND NOT pg_catalog.pg_is_in_recovery() \
        AND (x.setdatabase = 0 OR x.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = $1)) \
        AND EXISTS (SELECT FROM unnest(x.setconfig) c WHERE c ~ '^default_transaction_read_only=(on|true|yes|1)$') \
        AND EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') \
            AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
            AND pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE')) ORDER BY 1 LIMIT 5";
    for r in pinned(s, ROLES, &[database]).await?.rows {
        let of_it = if cell(&r, 2) == "t" { format!(" IN DATABASE {}", Dialect::Postgres.quote_ident(database)) } else { String::new() };
        let words = format!(
            "role {} may write, and is set read-only for new sessions (default_transaction_read_only): what it writes fails",
            crate::text::clean(cell(&r, 0))
        );
        seen.find(Finding::new(Severity::Warning, check.id, format!("role {}", crate::text::clean(cell(&r, 0))), words).next(format!(
            "Find out who set it and why; ALTER ROLE {}{of_it} RESET default_transaction_read_only; takes it back.",
            cell(&r, 1)
        )));
    }
    let dangerous: Vec<&str> = seen.findings.iter().filter(|f| f.severity != Severity::Unknown).map(|f| f.object.as_str()).collect();
    seen.says = match dangerous.len() {
        0 if seen.findings.is_empty() => "safe against crashes".into(),
        0 => "safe against crashes; whether the server begins all sessions read-only cannot be seen".into(),
        n => format!("{n} dangerous: {}", dangerous.join(", ")),
    };
    Ok(seen)
}

pub(super) async fn constraints(s: &Session, check: &Check) -> Result<Seen> {
    // Those of foreign keys are internal, and the server's own.
    const DISABLED: &str = "SELECT n.nspname || '.' || c.relname, count(*) FILTER (WHERE t.tgisinternal), count(*), \
        quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_trigger t \
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE t.tgenabled = 'D' GROUP BY 1, 4 ORDER BY 2 DESC, 1 LIMIT 50";
    const UNPROVED: &str = "SELECT count(*) FROM pg_catalog.pg_constraint WHERE NOT convalidated AND contype IN ('f', 'c')";
    // Sessions that begin as replicas look at no foreign key, and fire no trigger. Ours shows what the server and its database say.
    const REPLICA: &str = "SELECT CASE WHEN r.setrole = 0 THEN 'database ' || coalesce(d.datname, '?') ELSE 'role ' || coalesce(u.rolname, '?') END \
        FROM pg_catalog.pg_db_role_setting r LEFT JOIN pg_catalog.pg_database d ON d.oid = r.setdatabase LEFT JOIN pg_catalog.pg_roles u ON u.oid = r.setrole \
        WHERE (r.setdatabase = 0 OR d.datname = current_database()) AND EXISTS (SELECT FROM unnest(r.setconfig) c WHERE c ~* '^session_replication_role=replica$') \
        UNION ALL SELECT 'the server' FROM pg_catalog.pg_settings WHERE name = 'session_replication_role' AND setting = 'replica' AND source NOT IN ('database', 'user', 'database user') \
        ORDER BY 1 LIMIT 5";
    let replicas = rows(s, REPLICA).await?;
    let found = rows(s, DISABLED).await?;
    let unproved = rows(s, UNPROVED).await?.first().and_then(|r| number(r, 0)).unwrap_or(0.0);
    let mut seen = Seen::of(check).figure("tables", found.len() as f64).figure("unproved", unproved);
    seen.says = match found.len() {
        0 => "all triggers are enabled".into(),
        n => format!("{} with disabled triggers", crate::text::counted(n as u64, "table")),
    };
    if unproved > 0.0 {
        seen.says.push_str(&format!(", {unproved} constraints not validated"));
    }
    for r in &replicas {
        let whose = crate::text::clean(cell(r, 0)).into_owned();
        let words = format!(
            "new sessions of {whose} look at no foreign keys and fire no triggers (session_replication_role is replica): rows without a parent may have come in"
        );
        seen.says = format!("{}; {whose} begins sessions without foreign keys", seen.says);
        seen.find(Finding::new(Severity::Warning, check.id, whose, words).next(
            "Find out who set it and why (a load, a copy); ALTER … RESET session_replication_role; takes it back. Then look for rows without their parent.",
        ));
    }
    for r in found.iter().take(5) {
        let table = cell(r, 0);
        let (severity, words) = match cell(r, 1) {
            "0" => (Severity::Info, format!("{} triggers of {table} are disabled", cell(r, 2))),
            n => (
                Severity::Warning,
                format!(
                    "foreign keys of {table} are not looked at: {n} of their triggers are disabled, and rows without a parent may have come in"
                ),
            ),
        };
        seen.find(Finding::new(severity, check.id, table, words).next(format!(
            "Look for rows without their parent first: ALTER TABLE {} ENABLE TRIGGER ALL; holds for what comes, and does not look at those that are there.",
            cell(r, 3)
        )));
    }
    Ok(seen)
}

pub(super) async fn notifications(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let found = rows(s, "SELECT pg_catalog.pg_notification_queue_usage()").await?;
    let used = found.first().and_then(|r| number(r, 0)).unwrap_or(0.0);
    let mut seen = Seen::of(check).says(format!("queue {:.0} % full", used * 100.0)).figure("used", used);
    let severity = Severity::of(used, limits.of(check, "used"));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(severity, check.id, &s.identity().address, format!("the queue of notifications is {:.0} % full", used * 100.0))
                .next("A session that listens keeps a transaction open: find it among the long transactions and end it."),
        );
    }
    Ok(seen)
}
