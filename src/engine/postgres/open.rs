//! From a connection to a session: poolers, limits, identity, and the proof of being read-only.

use super::actor::{Actor, Own, Private};
use super::connect::{Dialer, Refusal};
use super::link::{Job, Link, Lost, UNASKED};
use super::written::DIGITS;
use crate::config::Target;
use crate::engine::session::{Access, Session, SessionStatus};
use crate::engine::{Connect, Password, Role, UNANSWERED};
use crate::model::{Dialect, Error, Identity, Kind, Obstacle, Place, ReadOnly, Result};
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

impl From<Lost> for Error {
    fn from(l: Lost) -> Error {
        l.0
    }
}

/// Opens a session. `pins` are further session settings for our own work (how values are printed).
pub(super) async fn open(target: &Target, password: &Password, how: Connect, pins: &[(&str, &str)]) -> Result<Session> {
    let limit = how.connect_timeout;
    let dialer = OnceLock::new();
    let work = connect(target, password, how, pins, &dialer);
    match tokio::time::timeout(limit, work).await {
        Ok(r) => r,
        Err(_) => Err(unanswered(target, dialer.get().map(Arc::as_ref), limit)),
    }
}

/// Nothing came back in time: a network that lets nothing through is told from a server that does not go on with a login.
fn unanswered(target: &Target, dialer: Option<&Dialer>, limit: Duration) -> Error {
    let within = crate::text::duration(limit);
    if let Some(d) = dialer.filter(|d| d.pooled()) {
        return Error::connect(format!("the pooler at {} {UNANSWERED} within {within}", d.address)).by(Obstacle::Pooler).hint(
            "It has taken the login and has no connection to the server to spare: its pool is used up, its database is paused, or the server \
             behind it does not answer.",
        );
    }
    match dialer.filter(|d| d.accepted() && target.ssh.is_none()) {
        Some(d) => Error::connect(format!("the server at {} {UNANSWERED} within {within}", d.address))
            .by(Obstacle::LoginHangs)
            .hint(
                "No firewall does that: the login hangs in the server. A process of it may be stopped, its disk may not answer, or somebody has locked \
                 pg_authid or pg_database (VACUUM FULL of it does).",
            )
            .hint("On its machine ps tells what each session does: end the one that holds the lock with kill PID, never with kill -9."),
        None => Error::connect(format!("no answer from {} within {within}", target.host.as_deref().unwrap_or("the server")))
            .by(Obstacle::NoAnswer)
            .hint("A firewall may drop the packets, or the server is overloaded."),
    }
}

/// Who libpq would log in as.
pub(super) fn user_of(target: &Target) -> String {
    let env = |k: &str| std::env::var(k).ok().filter(|v| !v.is_empty());
    target.user.clone().or_else(|| env("USER")).or_else(|| env("LOGNAME")).unwrap_or_else(|| "postgres".into())
}

async fn connect(
    target: &Target,
    password: &Password,
    how: Connect,
    pins: &[(&str, &str)],
    known: &OnceLock<Arc<Dialer>>,
) -> Result<Session> {
    let dialer = Arc::new(Dialer::new(target).await?);
    let _ = known.set(dialer.clone());
    let user = user_of(target);
    let database = target.database.clone().unwrap_or_else(|| user.clone());

    // Limits first: the only settings that a pooler may refuse and that we can give per transaction instead.
    let mut limits: Vec<(String, String)> = Vec::new();
    if let Some(t) = how.statement_timeout {
        limits.push(("statement_timeout".into(), t.as_millis().to_string()));
    }
    if let Some(t) = how.lock_timeout {
        limits.push(("lock_timeout".into(), t.as_millis().to_string()));
    }
    if how.access == Access::ReadOnly {
        limits.push(("default_transaction_read_only".into(), "on".into()));
    }
    let mut settings: Vec<(String, String)> = vec![("application_name".into(), "holdpoint".into())];
    settings.extend(
        how.place.as_ref().and_then(Place::path).or(target.search_path.as_deref()).map(|s| ("search_path".to_string(), s.to_string())),
    );
    settings.extend(target.settings.iter().map(|(k, v)| (k.clone(), v.clone())));
    settings.extend(pins.iter().map(|(k, v)| (k.to_string(), v.to_string())));

    let all: Vec<_> = settings.iter().cloned().chain(limits.iter().cloned()).collect();
    let (started, refused) = match dialer.start(&user, &database, &all, password).await {
        Ok(s) => (s, None),
        Err(Refusal::Other(e)) => return Err(e),
        Err(Refusal::Parameter(name)) if limits.iter().any(|(k, _)| *k == name) => {
            match dialer.start(&user, &database, &settings, password).await {
                Ok(s) => (s, Some(name)),
                Err(Refusal::Other(e)) => return Err(e),
                Err(Refusal::Parameter(name)) => return Err(refused_setting(&dialer, &name)),
            }
        }
        Err(Refusal::Parameter(name)) => return Err(refused_setting(&dialer, &name)),
    };
    let (unasked, heard) = mpsc::channel(UNASKED);
    let mut link = Link::new(started, dialer.clone(), unasked);
    // All text here is UTF-8, which psql asks for too under such a locale. A SQL_ASCII database has bytes of no known
    // encoding: asked for UTF-8, the server would refuse rows that are none.
    let said = |k: &str| link.parameters.get(k).map(String::as_str);
    if said("server_encoding") != Some("SQL_ASCII") && said("client_encoding") != Some("UTF8") {
        link.fetch(Job::plain("SET client_encoding = 'UTF8'")).await??;
    }

    // One round trip where the system identifier may be read, as it usually may.
    let facts = match link.fetch(Job::plain(&identity_query(true))).await? {
        Ok(t) => t,
        Err(_) => link.fetch(Job::plain(&identity_query(false))).await??,
    };
    let row = facts.rows.first().ok_or_else(|| Error::connect("the server did not say who it is"))?;
    let cell = |i: usize| row.get(i).cloned().flatten().unwrap_or_default();
    link.parameters.insert(DIGITS.into(), cell(9));
    // pgbouncer, Odyssey, pgcat and the clouds' proxies hand out cancel keys of their own.
    let pooler = match (&refused, cell(2).parse::<i32>().ok()) {
        (Some(name), _) => Some(format!("a pooler that refuses the startup parameter {name}")),
        (None, Some(pid)) if pid != link.control.process => Some("a pooler (the backend is not the one that greeted us)".into()),
        _ => None,
    };
    if pooler.is_some() && how.role == Role::Migration && how.access == Access::ReadWrite {
        return Err(Error::connect(format!(
            "{} is behind {}: migrations and proofs need a session of their own",
            dialer.address,
            pooler.as_deref().unwrap_or("a pooler")
        ))
        .hint("Give the target the server's own host and port."));
    }
    let server_id = match cell(7) {
        id if id.is_empty() => fallback_id(&dialer.address, &cell(3)),
        id => id,
    };
    let version = link.parameters.get("server_version").cloned().unwrap_or_else(|| cell(4));
    let number: u32 = cell(5).parse().unwrap_or(0);
    let unverified = unverified(&cell(6), number);
    let identity = Identity {
        product: "PostgreSQL".into(),
        major: if number >= 100_000 { (number / 10_000).to_string() } else { format!("{}.{}", number / 10_000, number / 100 % 100) },
        version: version.split(' ').next().unwrap_or_default().to_string(),
        address: dialer.address.clone(),
        server_id,
        database: cell(0),
        database_id: cell(3),
        user: cell(1),
        pooler,
        unverified,
    };

    if let Some(role) = &target.role {
        let set = format!("SET ROLE {}", Dialect::Postgres.quote_ident(role));
        if identity.pooler.is_some() {
            return Err(Error::connect(format!("`role = \"{role}\"` cannot be kept behind a pooler"))
                .hint("Log in as the role itself, or connect past the pooler."));
        }
        link.fetch(Job::plain(&set)).await?.map_err(|e| Error { kind: Kind::Connect, ..e.context(format!("SET ROLE {role}")) })?;
    }
    // Behind a pooler the limits go with every transaction instead.
    let local: Vec<String> = match refused {
        Some(_) => limits.iter().filter(|(k, _)| k.ends_with("timeout")).map(|(k, v)| format!("SET LOCAL {k} = {v}")).collect(),
        None => Vec::new(),
    };
    let read_only = match how.access {
        Access::ReadWrite => ReadOnly::No,
        Access::ReadOnly => prove_read_only(&mut link, local.is_empty() && identity.pooler.is_none()).await?,
    };

    let (requests, requests_rx) = mpsc::channel(8);
    let (own, own_rx) = mpsc::channel::<Own>(8);
    let first = SessionStatus { tx: link.tx, read_only, lost: None, round_trip: link.round_trip, place: None, reading: link.reading() };
    let (status, status_rx) = watch::channel(first);
    let control = link.control.clone();
    let actor = Actor {
        link,
        access: how.access,
        read_only,
        requests: requests_rx,
        own: own_rx,
        status,
        local,
        version: number,
        // Since 14; elsewhere than on Linux a server may refuse it.
        watches_client: number >= 140_000 && cell(6).contains("linux"),
        path: cell(8),
        place: None,
        unsettled: false,
    };
    let task = tokio::spawn(actor.serve()).abort_handle();
    // Behind a pooler the process changes from transaction to transaction.
    let backend = identity.pooler.is_none().then_some(control.process);
    let session = Session::new(requests, control, status_rx, identity, Dialect::Postgres)
        .with_own(Arc::new(Private(own)))
        .with_task(task)
        .with_unasked(heard);
    Ok(match backend.and_then(|p| u64::try_from(p).ok()) {
        Some(p) => session.with_backend(p),
        None => session,
    })
}

fn identity_query(with_system_identifier: bool) -> String {
    let system = if with_system_identifier { "(SELECT system_identifier FROM pg_catalog.pg_control_system())" } else { "NULL" };
    format!(
        "SELECT pg_catalog.current_database(), current_user, pg_catalog.pg_backend_pid(), \
        (SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()), \
        pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_version_num'), pg_catalog.version(), {system}, \
        pg_catalog.current_setting('search_path'), pg_catalog.current_setting('extra_float_digits')"
    )
}

/// Where `pg_control_system()` may not be called (some hosted services): not the same when the address changes, but never
/// equal for two servers or two databases.
fn fallback_id(address: &str, database_oid: &str) -> String {
    let hash = Sha256::digest(format!("{address}\0{database_oid}"));
    format!("address-{}", hex::encode(&hash[..8]))
}

fn refused_setting(dialer: &Dialer, name: &str) -> Error {
    Error::connect(format!("a pooler at {} refuses the setting `{name}` of this target", dialer.address))
        .hint("Remove it from the target's `settings`, allow it in the pooler (`ignore_startup_parameters` only hides it), or connect past the pooler.")
}

/// Wire-compatible is not compatible: what else speaks this protocol, and versions that nobody tested.
fn unverified(version: &str, number: u32) -> Option<String> {
    const OTHERS: [(&str, &str); 9] = [
        ("CockroachDB", "CockroachDB"),
        ("-YB-", "YugabyteDB"),
        ("Redshift", "Amazon Redshift"),
        ("Greenplum", "Greenplum"),
        ("Materialize", "Materialize"),
        ("QuestDB", "QuestDB"),
        ("RisingWave", "RisingWave"),
        ("openGauss", "openGauss"),
        ("EnterpriseDB", "EDB Postgres Advanced Server"),
    ];
    if let Some((_, name)) = OTHERS.iter().find(|(mark, _)| version.contains(mark)) {
        return Some(format!("{name} speaks PostgreSQL's protocol but was never tested with Holdpoint"));
    }
    (number < 120_000).then(|| format!("PostgreSQL {version} is older than what Holdpoint is tested with (12 and later)"))
}

/// Reads back that writes are refused. `by_session`: the session's default was set in the startup packet.
async fn prove_read_only(link: &mut Link, by_session: bool) -> Result<ReadOnly> {
    let settings = "SELECT current_setting('transaction_read_only'), current_setting('default_transaction_read_only')";
    // A search path may put a user's functions and operators before the server's.
    let ask = |text| Job {
        prelude: vec!["BEGIN READ ONLY".into(), "SET LOCAL search_path = ''".into()],
        text,
        coda: vec!["ROLLBACK"],
        ..Job::default()
    };
    // One round trip; a server that cannot answer the second half is still read-only by session.
    // A superuser's rights need no looking up, and looking takes a new backend some milliseconds.
    let superuser = link.parameters.get("is_superuser").is_some_and(|v| v == "on");
    let can_write = if superuser { "NOT pg_catalog.pg_is_in_recovery()" } else { ROLE_CAN_WRITE };
    let both = format!("{settings}, {can_write}");
    let table = match link.fetch(ask(&both)).await? {
        Ok(t) => t,
        Err(_) => link.fetch(ask(settings)).await??,
    };
    let answer = |i: usize| table.rows.first().and_then(|r| r.get(i)?.as_deref());
    if answer(0) != Some("on") || by_session && answer(1) != Some("on") {
        return Err(Error::new(Kind::ReadOnly, "this target is to be read-only, and the server did not confirm it, so it is not opened")
            .hint("The server (or what stands before it) ignores `default_transaction_read_only`."));
    }
    Ok(if answer(2) == Some("f") { ReadOnly::Role } else { ReadOnly::Session })
}

/// True unless the server is a standby or the role can write nothing: no attribute, membership or privilege that lets it.
/// Being a member of another role counts as writing, because SET ROLE would reach that role's privileges.
const ROLE_CAN_WRITE: &str = "NOT pg_catalog.pg_is_in_recovery() AND (\
    EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = current_user AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication)) \
    OR session_user <> current_user \
    OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid \
        WHERE m.member = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) \
        AND g.rolname NOT IN ('pg_read_all_data', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables', 'pg_monitor')) \
    OR pg_catalog.has_database_privilege(current_database(), 'CREATE') \
    OR EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')) \
    OR EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND CASE c.relkind \
        WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'USAGE, UPDATE') \
        WHEN 'r' THEN pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE') \
        WHEN 'p' THEN pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE') \
        WHEN 'v' THEN pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE') \
        WHEN 'f' THEN pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') \
        ELSE false END))";
