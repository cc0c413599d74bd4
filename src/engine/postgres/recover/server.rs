//! Slots, prepared transactions, writing altogether, replay, limits.

use super::{facts, lit, maybe, none, one, quote, size};
use crate::engine::Session;
use crate::engine::postgres::assess::objects::{ServerBegins, begins_read_only};
use crate::engine::postgres::assess::wal::held_by_the_archiver;
use crate::engine::postgres::catalog::cell;
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::{Error, Result};

const SLOT: &str = "SELECT slot_name, slot_type, coalesce(plugin::text, ''), coalesce(database::text, ''), active, coalesce(active_pid::text, ''), \
        restart_lsn::text, confirmed_flush_lsn::text, temporary, \
        pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
            ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn), coalesce(pg_catalog.age(xmin)::text, pg_catalog.age(catalog_xmin)::text, '') \
    FROM pg_catalog.pg_replication_slots WHERE slot_name = $1";

pub(super) async fn slot(s: &Session, action: &Action) -> Result<Prospect> {
    let Some(row) = one(s, SLOT, &[&action.object]).await? else { return Err(none("replication slot", &action.object)) };
    if cell(&row, 4) == "t" {
        return Err(Error::usage(format!("{} is in use by process {}", crate::text::clean(&action.object), cell(&row, 5)))
            .hint("A slot whose consumer is connected is not abandoned. Stop the consumer first."));
    }
    let mut p = Prospect::of(action, cell(&row, 0));
    p.is = facts(&row, &[("type", 1), ("plugin", 2), ("database", 3), ("keeps row versions of age", 10), ("from", 6), ("confirmed", 7)]);
    p.is.push(("keeps WAL".into(), size(&row, 9)));
    // Its positions stand still while nobody reads it; one that was made again has others.
    let who = [
        format!("slot_name = {}", lit(cell(&row, 0))),
        "NOT active".into(),
        format!("restart_lsn IS NOT DISTINCT FROM {}::pg_lsn", maybe(&row, 6)),
        format!("confirmed_flush_lsn IS NOT DISTINCT FROM {}::pg_lsn", maybe(&row, 7)),
    ];
    p.identity = who.to_vec();
    p.does = "Drops the slot: the server may remove the WAL and the rows that it kept.".into();
    p.loses = vec!["Whoever reads from it has lost its place and must be built anew; what it had not read yet is lost to it.".into()];
    p.rereads = true;
    p.statement =
        format!("SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE {}", who.join(" AND "));
    p.verify = format!("SELECT NOT EXISTS (SELECT 1 FROM pg_catalog.pg_replication_slots WHERE {})", who[0]);
    p.then = format!("the slot {} is gone; {AT_CHECKPOINT}", crate::text::clean(cell(&row, 0)));
    archiver_too(s, &mut p).await;
    Ok(p)
}

/// Where the slot stands, where it may be moved to, and whether what is wanted lies between.
const AHEAD: &str = "SELECT slot_type, CASE WHEN slot_type = 'logical' THEN confirmed_flush_lsn ELSE restart_lsn END::text, now.lsn::text, \
        pg_catalog.pg_wal_lsn_diff(coalesce($2::pg_lsn, now.lsn), CASE WHEN slot_type = 'logical' THEN confirmed_flush_lsn ELSE restart_lsn END), \
        coalesce($2::pg_lsn, now.lsn) > CASE WHEN slot_type = 'logical' THEN confirmed_flush_lsn ELSE restart_lsn END, $2::pg_lsn > now.lsn, \
        database IS NULL OR database = current_database(), coalesce(database::text, '') \
    FROM pg_catalog.pg_replication_slots, (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
        ELSE pg_catalog.pg_current_wal_lsn() END) AS now(lsn) WHERE slot_name = $1";

pub(super) async fn advance(s: &Session, action: &Action) -> Result<Prospect> {
    let wanted = action.value.as_deref().map(str::trim).filter(|v| !v.is_empty());
    if let Some(v) = wanted.filter(|v| !is_lsn(v)) {
        return Err(Error::usage(format!("{} is no position in the WAL", crate::text::clean(v)))
            .hint("A position is written 16/B374D848; without one the slot is moved to where the server writes now."));
    }
    let mut p = slot(s, action).await?;
    let text = AHEAD.replace("$2::pg_lsn", &wanted.map_or("NULL::pg_lsn".to_string(), |v| format!("{}::pg_lsn", lit(v))));
    let Some(row) = one(s, &text, &[&action.object]).await? else { return Err(none("replication slot", &action.object)) };
    let shown = crate::text::clean(&p.object).into_owned();
    let from = cell(&row, 1);
    if from.is_empty() {
        return Err(Error::usage(format!("{shown} keeps nothing: it was never read from, or has lost its place")));
    }
    if cell(&row, 6) != "t" {
        return Err(Error::usage(format!("{shown} belongs to the database {}", crate::text::clean(cell(&row, 7))))
            .hint("It can be moved only there: name a target of that database."));
    }
    if cell(&row, 5) == "t" {
        return Err(Error::usage(format!("the server has written only up to {}", cell(&row, 2))));
    }
    if cell(&row, 4) != "t" {
        return Err(Error::usage(format!("{shown} is at {from} already: a slot is moved ahead only")));
    }
    let logical = cell(&row, 0) == "logical";
    p.is.push((
        "is skipped".into(),
        format!(
            "{} of WAL, from {from} on{}",
            crate::text::bytes(cell(&row, 3).parse().unwrap_or(0)),
            if wanted.is_some() { "" } else { ", and what is written until then" }
        ),
    ));
    p.does = match wanted {
        Some(to) => format!("Moves the slot ahead to {to}: the server may remove the WAL and the rows that it kept until there."),
        None => "Moves the slot to where the server writes at that moment: it may remove the WAL and the rows that the slot kept.".into(),
    };
    p.loses = vec![if logical {
        "What was written in between never comes to its consumer, which goes on behind it: its data differ from then on, unless it is filled anew."
    } else {
        "A standby that reads from it and has not got that WAL yet cannot follow any more, unless an archive has it: it must be built anew."
    }
    .into()];
    p.undo = "There is no undo: a slot never goes back.".into();
    p.lock = "It takes no lock on tables; nobody can read from the slot meanwhile.".into();
    if logical {
        // It reads all that it skips.
        p.before = vec!["SET statement_timeout = 0".into()];
    }
    let to = wanted.map_or_else(
        || {
            "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END"
                .into()
        },
        |to| format!("{}::pg_lsn", lit(to)),
    );
    p.statement = format!(
        "SELECT (pg_catalog.pg_replication_slot_advance(slot_name, {to})).end_lsn FROM pg_catalog.pg_replication_slots WHERE {}",
        p.identity.join(" AND ")
    );
    let place = if logical { "confirmed_flush_lsn" } else { "restart_lsn" };
    // A slot may stop at the end of a record before the position.
    p.verify = format!("SELECT {place} > {}::pg_lsn FROM pg_catalog.pg_replication_slots WHERE {}", lit(from), p.identity[0]);
    p.then = format!("the slot {shown} is ahead of {from}; {AT_CHECKPOINT}");
    archiver_too(s, &mut p).await;
    Ok(p)
}

/// What comes of a slot that lets WAL go.
const AT_CHECKPOINT: &str = "WAL is removed at the next checkpoint";

/// Two may keep the same files: when one lets them go they stay.
async fn archiver_too(s: &Session, p: &mut Prospect) {
    let Some((files, bytes)) = held_by_the_archiver(s).await else { return };
    let held = format!("{} of WAL ({})", crate::text::counted(files as u64, "file"), crate::text::bytes(bytes as u64));
    p.is.push(("the archiver keeps".into(), format!("{held}, because archiving fails")));
    p.loses.push(format!("It gives little room: {held} stay until archive_command works again."));
    p.then = p.then.replace(AT_CHECKPOINT, &format!("{held} stay until archive_command works again"));
}

/// `16/B374D848`.
fn is_lsn(text: &str) -> bool {
    let hex = |t: &str| (1..=8).contains(&t.len()) && t.chars().all(|c| c.is_ascii_hexdigit());
    text.split_once('/').is_some_and(|(high, low)| hex(high) && hex(low))
}

const PREPARED: &str = "SELECT gid, transaction::text, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', owner, database, \
        date_trunc('second', clock_timestamp() - prepared)::text, database = current_database(), \
        (SELECT string_agg(DISTINCT l.relation::regclass::text || ' ' || l.mode, ', ') FROM pg_catalog.pg_locks l \
            WHERE l.virtualtransaction = '-1/' || p.transaction::text AND l.locktype = 'relation' AND l.relation >= 16384 AND p.database = current_database()), \
        owner = current_user OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) \
    FROM pg_catalog.pg_prepared_xacts p WHERE gid = $1";

pub(super) async fn prepared(s: &Session, action: &Action) -> Result<Prospect> {
    let Some(row) = one(s, PREPARED, &[&action.object]).await? else { return Err(none("prepared transaction", &action.object)) };
    if cell(&row, 6) != "t" {
        return Err(Error::usage(format!(
            "{} belongs to the database {}",
            crate::text::clean(&action.object),
            crate::text::clean(cell(&row, 4))
        ))
        .hint("It can be ended only there: name a target of that database."));
    }
    if cell(&row, 8) != "t" {
        // Said before anybody is asked to approve it.
        return Err(Error::failed(format!(
            "{} may not finish {}: only {}, who prepared it, and superusers may",
            s.identity().user,
            crate::text::clean(&action.object),
            crate::text::clean(cell(&row, 3))
        )));
    }
    let commits = action.deed == Deed::CommitPrepared;
    let mut p = Prospect::of(action, cell(&row, 0));
    p.is = facts(&row, &[("owner", 3), ("prepared at", 2), ("open for", 5), ("transaction", 1), ("locks", 7)]);
    p.identity = vec![format!("transaction {}", cell(&row, 1)), format!("prepared {}", cell(&row, 2))];
    p.does = if commits { "Commits what the transaction wrote." } else { "Rolls back what the transaction wrote." }.into();
    p.loses = vec![format!(
        "Its other halves, on other servers, may be {} already: whoever prepared it (a transaction manager) knows. The halves then differ for good.",
        if commits { "rolled back" } else { "committed" }
    )];
    p.lock = "It takes no lock; those of the transaction are released.".into();
    p.statement = format!("{} PREPARED {}", if commits { "COMMIT" } else { "ROLLBACK" }, lit(cell(&row, 0)));
    p.verify = format!("SELECT NOT EXISTS (SELECT 1 FROM pg_catalog.pg_prepared_xacts WHERE gid = {})", lit(cell(&row, 0)));
    p.then = format!("{} is {}", crate::text::clean(cell(&row, 0)), if commits { "committed" } else { "rolled back" });
    Ok(p)
}

const WRITING: &str = "SELECT d.oid, d.datname, pg_catalog.pg_is_in_recovery(), \
        coalesce((SELECT string_agg(c, ', ') FROM pg_catalog.pg_db_role_setting r, unnest(r.setconfig) c \
            WHERE r.setdatabase = d.oid AND r.setrole = 0 AND c LIKE 'default\\_transaction\\_read\\_only=%'), ''), \
        (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid AND a.pid <> pg_catalog.pg_backend_pid() \
            AND a.application_name NOT LIKE 'holdpoint%') \
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()";

pub(super) async fn writing(s: &Session, action: &Action) -> Result<Prospect> {
    let Some(row) = one(s, WRITING, &[]).await? else { return Err(Error::failed("the server does not list its own database")) };
    let name = cell(&row, 1);
    let shown = crate::text::clean(name).into_owned();
    if cell(&row, 2) == "t" {
        return Err(Error::usage("this is a standby: it takes no writes, and no such setting"));
    }
    let set = cell(&row, 3).ends_with("=on");
    let on = action.deed == Deed::ReadOnly;
    let server = begins_read_only(s).await?;
    if let (false, false, ServerBegins::ReadOnly(place)) = (on, set, &server) {
        return Err(Error::usage(format!("{shown} itself is not set read-only: the server begins all sessions so (default_transaction_read_only in {place})"))
            .hint("ALTER SYSTEM RESET default_transaction_read_only; (or take the line out), and SELECT pg_reload_conf(); once it is known who set it and why."));
    }
    if set == on {
        return Err(Error::usage(format!("{shown} {} already", if on { "is read-only" } else { "takes writes" })));
    }
    let mut p = Prospect::of(action, name);
    p.identity = vec![format!("oid {}", cell(&row, 0)), format!("now {}", cell(&row, 3))];
    p.is = vec![("default_transaction_read_only".into(), if set { "on" } else { "off, or as the server has it" }.into())];
    p.is.push(("other sessions now".into(), cell(&row, 4).into()));
    p.lock = "A lock on the database's row in the catalogue, for a moment.".into();
    // Such a database would refuse this very statement.
    p.before = vec!["SET default_transaction_read_only = off".into()];
    p.statement = if on {
        p.does = "New sessions of the database begin read-only.".into();
        p.loses = vec![
            "The application cannot write any more.".into(),
            "Sessions that are connected go on writing until they connect again, and any session may set it back for itself.".into(),
        ];
        p.undo = format!("ALTER DATABASE {} RESET default_transaction_read_only (read-write)", quote(name));
        format!("ALTER DATABASE {} SET default_transaction_read_only = on", quote(name))
    } else {
        p.does = "New sessions of the database may write again.".into();
        p.loses =
            vec!["What made somebody stop writing may still be there: be sure that this is the server that should take writes.".into()];
        p.undo = format!("ALTER DATABASE {} SET default_transaction_read_only = on (read-only)", quote(name));
        format!("ALTER DATABASE {} RESET default_transaction_read_only", quote(name))
    };
    p.verify = format!(
        "SELECT {}EXISTS (SELECT 1 FROM pg_catalog.pg_db_role_setting r WHERE r.setdatabase = {} AND r.setrole = 0 \
         AND 'default_transaction_read_only=on' = ANY (r.setconfig))",
        if on { "" } else { "NOT " },
        cell(&row, 0)
    );
    p.then = match server {
        _ if on => format!("new sessions of {shown} begin read-only"),
        ServerBegins::Unseen => format!("{shown} no longer begins sessions read-only; whether the server does could not be seen"),
        _ => format!("new sessions of {shown} may write"),
    };
    Ok(p)
}

const REPLAY: &str = "SELECT pg_catalog.pg_is_in_recovery(), CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() END, \
        pg_catalog.pg_last_wal_receive_lsn()::text, pg_catalog.pg_last_wal_replay_lsn()::text, \
        pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()), \
        date_trunc('second', clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())::text";

pub(super) async fn replay(s: &Session, action: &Action) -> Result<Prospect> {
    let row = one(s, REPLAY, &[]).await?.unwrap_or_default();
    if cell(&row, 0) != "t" {
        return Err(Error::usage("this is no standby: there is no replay to resume"));
    }
    if cell(&row, 1) != "t" {
        return Err(Error::usage("the replay is not paused")
            .hint("If the standby lags all the same, it waits for WAL, or for a query that holds it up."));
    }
    // The server's address: its databases have the names of the primary's.
    let mut p = Prospect::of(action, s.identity().address.clone());
    p.identity = vec!["paused".into(), format!("replayed up to {}", cell(&row, 3))];
    p.is = facts(&row, &[("received up to", 2), ("replayed up to", 3), ("its last transaction is from", 5)]);
    p.is.insert(2, ("behind by".into(), size(&row, 4)));
    p.does = "Lets the standby apply what it has received.".into();
    p.loses = vec!["The state at which somebody paused it: if that was to look at rows before a mistake, they are changed now.".into()];
    p.undo = "SELECT pg_wal_replay_pause(); stops it again, further on.".into();
    p.lock = "It takes no lock; queries on the standby may be cancelled by what is replayed.".into();
    p.rereads = true;
    p.statement =
        "SELECT pg_catalog.pg_wal_replay_resume() WHERE pg_catalog.pg_is_in_recovery() AND pg_catalog.pg_is_wal_replay_paused()".into();
    p.verify = "SELECT NOT pg_catalog.pg_is_wal_replay_paused()".into();
    p.then = "the standby replays".into();
    Ok(p)
}

/// Settings that a server runs into.
const LIMITS: &[&str] = &[
    "max_connections",
    "superuser_reserved_connections",
    "max_wal_size",
    "max_slot_wal_keep_size",
    "wal_keep_size",
    "max_wal_senders",
    "max_replication_slots",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_worker_processes",
    "autovacuum_max_workers",
    "autovacuum_vacuum_cost_limit",
    "maintenance_work_mem",
    "autovacuum_work_mem",
    "temp_file_limit",
    "max_standby_streaming_delay",
    "max_standby_archive_delay",
];

/// Settings whose -1 stands for another one's value.
const FOLLOWS: &[(&str, &str)] = &[("autovacuum_vacuum_cost_limit", "vacuum_cost_limit"), ("autovacuum_work_mem", "maintenance_work_mem")];

/// In units of the setting: `$2` is read as the server reads it.
const LIMIT: &str = "SELECT name, setting, coalesce(unit, ''), context, vartype, max_val, current_setting(name), pending_restart::text, source, coalesce(sourcefile, '') \
    FROM pg_catalog.pg_settings WHERE name = $1";

pub(super) async fn limit(s: &Session, action: &Action) -> Result<Prospect> {
    let name = action.object.to_ascii_lowercase();
    let Some(value) = action.value.as_deref().map(str::trim).filter(|v| !v.is_empty()) else {
        return Err(Error::usage(format!(
            "raise-limit needs the setting and its new value: raise-limit {} 2GB",
            crate::text::clean(&name)
        )));
    };
    if !LIMITS.contains(&name.as_str()) {
        return Err(Error::usage(format!("{} is no limit that is raised from here", crate::text::clean(&name)))
            .hint(format!("There are: {}.", LIMITS.join(", "))));
    }
    let Some(row) = one(s, LIMIT, &[&name]).await? else { return Err(none("setting", &name)) };
    let (now, unit) = (cell(&row, 1), cell(&row, 2));
    let wanted = in_unit(value, unit).ok_or_else(|| {
        Error::usage(format!("{} is no value of {name}", crate::text::clean(value))).hint("A number, with kB, MB, GB, TB, ms, s, min or h.")
    })?;
    let mut old: i64 = now.parse().map_err(|_| Error::failed(format!("{name} is {now}, which is no number")))?;
    // -1 stands for another setting's value, or is no limit at all.
    if let Some((_, other)) = FOLLOWS.iter().find(|(n, _)| *n == name && old == -1) {
        let Some(followed) = one(s, LIMIT, &[other]).await? else { return Err(none("setting", other)) };
        old = cell(&followed, 1).parse().map_err(|_| Error::failed(format!("{other} is no number")))?;
        if wanted == -1 {
            return Err(Error::usage(format!("{name} is what {other} is, {}", in_words(old, unit))));
        }
    }
    let raises = if wanted == -1 { old != -1 } else { old != -1 && wanted > old };
    if !raises {
        return Err(Error::usage(format!("{name} is {} now: {} does not raise it", in_words(old, unit), crate::text::clean(value))));
    }
    if cell(&row, 5).parse::<f64>().is_ok_and(|most| wanted as f64 > most) {
        return Err(Error::usage(format!("{name} goes up to {} {unit}", cell(&row, 5))));
    }
    let mut p = Prospect::of(action, name.clone());
    p.identity = vec![format!("now {now} {unit}"), format!("from {}", cell(&row, 8))];
    p.is = vec![("now".into(), in_words(old, unit)), ("then".into(), in_words(wanted, unit))];
    p.is.extend(facts(&row, &[("set by", 8), ("takes effect by", 3)]));
    p.does = format!("Raises {name} for the whole server, in postgresql.auto.conf.");
    p.loses = vec!["Nothing; it takes memory or disk that must be there.".into()];
    // Where it was set so before, a RESET would take that away as well.
    p.undo = match cell(&row, 9).ends_with("postgresql.auto.conf") {
        true => format!("ALTER SYSTEM SET {name} = {}; SELECT pg_reload_conf();", lit(cell(&row, 6))),
        false => format!("ALTER SYSTEM RESET {name}; SELECT pg_reload_conf();"),
    };
    p.lock = "It takes no lock.".into();
    p.statement = format!("ALTER SYSTEM SET {name} = {}", lit(value));
    p.after = vec!["SELECT pg_catalog.pg_reload_conf()".into()];
    p.verify = format!("SELECT setting = '{wanted}' FROM pg_catalog.pg_settings WHERE name = '{name}'");
    p.then = format!("{name} is {}", crate::text::clean(value));
    if cell(&row, 3) == "postmaster" {
        p.by_hand = Some(format!("{name} takes a restart of the server, which ends all sessions: that is for a person to do"));
        p.after = Vec::new();
    } else if matches!(cell(&row, 3), "internal" | "backend") {
        return Err(Error::failed(format!("{name} cannot be set so")));
    }
    Ok(p)
}

/// A setting's value in words. The server's kB, MB and GB are of 1,024.
fn in_words(value: i64, unit: &str) -> String {
    if value == -1 {
        return "no limit".into();
    }
    let at = unit.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let times: i64 = unit[..at].parse().unwrap_or(1);
    let Some(mut n) = in_unit(&format!("{}{}", value.saturating_mul(times), &unit[at..]), "B").filter(|_| !unit.is_empty()) else {
        return format!("{value} {unit}").trim_end().to_string();
    };
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter().peekable();
    while n >= 1024 && n % 1024 == 0 && units.len() > 1 {
        n /= 1024;
        units.next();
    }
    format!("{} {}", crate::text::thousands(n.unsigned_abs()), units.next().unwrap_or("B"))
}

/// A value in the unit that the server keeps the setting in (`8kB`, `MB`, `ms`, or none).
fn in_unit(value: &str, unit: &str) -> Option<i64> {
    let at = value.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(value.len());
    let (number, suffix) = (value[..at].parse::<i64>().ok()?, value[at..].trim());
    if number < 0 {
        return (number == -1 && suffix.is_empty()).then_some(-1);
    }
    if suffix.is_empty() {
        return Some(number);
    }
    // In bytes or milliseconds.
    let size = |u: &str| {
        Some(match u {
            "B" => 1i64,
            "kB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            "TB" => 1 << 40,
            _ => return None,
        })
    };
    let time = |u: &str| {
        Some(match u {
            "ms" => 1i64,
            "s" => 1000,
            "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        })
    };
    let digits = unit.find(|c: char| !c.is_ascii_digit())?;
    let (times, base) = (unit[..digits].parse::<i64>().unwrap_or(1), &unit[digits..]);
    let (all, each) = match (size(suffix), size(base)) {
        (Some(a), Some(b)) => (a, b),
        _ => (time(suffix)?, time(base)?),
    };
    let all = number.checked_mul(all)?;
    let each = each.checked_mul(times)?;
    (all % each == 0).then_some(all / each)
}

#[cfg(test)]
mod tests {
    use super::{in_unit, in_words};

    #[test]
    fn a_setting_is_told_in_the_units_of_1024_that_the_server_means() {
        for (value, unit, is) in [
            (2048, "MB", "2 GiB"),
            (128, "8kB", "1 MiB"),
            (1536, "kB", "1,536 KiB"),
            (3, "8kB", "24 KiB"),
            (200, "", "200"),
            (30_000, "ms", "30000 ms"),
            (-1, "kB", "no limit"),
        ] {
            assert_eq!(in_words(value, unit), is);
        }
    }

    #[test]
    fn values_are_read_in_the_unit_of_the_setting() {
        for (value, unit, is) in [
            ("200", "", Some(200)),
            ("2GB", "MB", Some(2048)),
            ("1MB", "8kB", Some(128)),
            ("10 min", "ms", Some(600_000)),
            ("-1", "MB", Some(-1)),
            ("2", "MB", Some(2)),
            ("-5", "MB", None),
            ("2GB", "", None),
            ("3 kB", "8kB", None),
            ("2 s", "MB", None),
            ("many", "", None),
            ("99999999999999999TB", "kB", None),
        ] {
            assert_eq!(in_unit(value, unit), is, "{value} in {unit}");
        }
    }
}
