//! PgBouncer between us and the server, asked by its own console: its pools are often the limit, and the server sees nothing of who waits
//! for one of their connections.

use crate::config::Target;
use crate::engine::assessing::age;
use crate::engine::postgres::connect::{Dialer, Refusal};
use crate::engine::postgres::fault::Report;
use crate::engine::postgres::open::user_of;
use crate::engine::{Password, Session};
use crate::model::assessment::{Check, Limits, Seen};
use crate::model::{Dialect, Error, Finding, Obstacle, Result, Severity};
use crate::text::{clean, counted};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use std::collections::BTreeMap;
use std::time::Duration;

/// Below the limit of a check: what it says when the console does not answer is its own.
const WITHIN: Duration = Duration::from_secs(2);

/// A row by the names of its columns, which releases add to.
type Named = BTreeMap<String, String>;

/// The console knows the simple protocol alone.
async fn console(target: &Target, password: &Password, questions: &[&str]) -> Result<Vec<Vec<Named>>> {
    let dialer = Dialer::new(target).await?;
    let mut started = dialer.start(&user_of(target), "pgbouncer", &[], password).await.map_err(|r| match r {
        Refusal::Other(e) => e,
        Refusal::Parameter(name) => Error::connect(format!("its console refuses {name}")),
    })?;
    let wire = &mut started.wire;
    let lost = |e: std::io::Error| Error::connect(format!("the console broke off: {e}"));
    let mut out = Vec::new();
    for question in questions {
        frontend::query(question, &mut wire.out).map_err(lost)?;
        wire.flush().await.map_err(lost)?;
        let (mut names, mut rows) = (Vec::new(), Vec::new());
        loop {
            match wire.next().await.map_err(lost)? {
                Message::RowDescription(body) => names = body.fields().map(|f| Ok(f.name().to_string())).collect().map_err(lost)?,
                Message::DataRow(body) => {
                    let bytes = body.buffer();
                    let cells = body.ranges().map(|r| Ok(r.map_or_else(String::new, |r| String::from_utf8_lossy(&bytes[r]).into_owned())));
                    let cells: Vec<String> = cells.collect().map_err(lost)?;
                    rows.push(names.iter().cloned().zip(cells).collect());
                }
                Message::ErrorResponse(body) => return Err(Error::failed(Report::read(body.fields()).message)),
                Message::ReadyForQuery(_) => break,
                _ => {}
            }
        }
        out.push(rows);
    }
    frontend::terminate(&mut wire.out);
    let _ = wire.flush().await;
    Ok(out)
}

/// What the pooler in between says of its pools.
async fn asked(target: &Target, password: &Password, check: &Check, limits: &Limits) -> Seen {
    let work = console(target, password, &["SHOW POOLS", "SHOW DATABASES", "SHOW LISTS", "SHOW CONFIG"]);
    let e = match tokio::time::timeout(WITHIN, work).await {
        Ok(Ok(answers)) => {
            let [pools, databases, lists, config] = &answers[..] else { return Seen::of(check) };
            return judged(pools, databases, clients(lists, config), check, limits);
        }
        Ok(Err(e)) => e.message,
        Err(_) => format!("its console did not answer within {}", crate::text::duration(WITHIN)),
    };
    let lifts = format!("stats_users = {} in pgbouncer.ini, then RELOAD on its console", user_of(target));
    Seen::blind(check, format!("a pooler is in between, and its pools cannot be seen: {e}"), &lifts)
}

/// As one of the checks.
pub(super) async fn look(s: &Session, target: &Target, password: &Password, check: &Check, limits: &Limits) -> Result<Seen> {
    Ok(match s.identity().pooler {
        None => Seen::of(check).says("none in between"),
        Some(_) => asked(target, password, check, limits).await,
    })
}

/// Where it was the pooler that let nobody through.
pub(super) async fn in_the_way(e: &Error, target: &Target, password: &Password, check: &Check, limits: &Limits) -> Option<Seen> {
    match e.obstacle == Some(Obstacle::Pooler) {
        true => Some(asked(target, password, check, limits).await),
        false => None,
    }
}

/// Clients that it has, and may have.
fn clients(lists: &[Named], config: &[Named]) -> Option<(f64, f64)> {
    let of = |rows: &[Named], key: &str, name: &str, value: &str| {
        rows.iter().find(|r| r.get(key).is_some_and(|k| k == name)).and_then(|r| r.get(value)?.parse::<f64>().ok())
    };
    Some((of(lists, "list", "used_clients", "items")?, of(config, "key", "max_client_conn", "value").filter(|n| *n > 0.0)?))
}

fn judged(pools: &[Named], databases: &[Named], clients: Option<(f64, f64)>, check: &Check, limits: &Limits) -> Seen {
    let text = |row: &Named, name: &str| row.get(name).cloned().unwrap_or_default();
    let number = |row: &Named, name: &str| row.get(name).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0);
    let mut seen = Seen::of(check);
    let (mut waiting, mut longest, mut served) = (0.0, 0.0_f64, 0.0);
    let own = |row: &Named| text(row, "database") == "pgbouncer";
    // Who waits in a login, or was refused one, is in no pool yet.
    let closed = |d: &&Named| number(d, "paused") > 0.0 || number(d, "disabled") > 0.0;
    for database in databases.iter().filter(closed) {
        let name = text(database, "name");
        let (is, verb, fate) = match number(database, "paused") > 0.0 {
            true => ("paused", "RESUME", "its clients wait"),
            false => ("disabled", "ENABLE", "it refuses logins to it"),
        };
        let quoted = Dialect::Postgres.quote_ident(&name);
        seen.find(
            Finding::new(Severity::Critical, check.id, clean(&name), format!("database {} is {is} in PgBouncer: {fate}", clean(&name)))
                .next(format!("Ask who did it; {verb} {quoted}; on PgBouncer's console ends it.")),
        );
    }
    for pool in pools.iter().filter(|p| !own(p)) {
        let (wait, n) = (number(pool, "maxwait") + number(pool, "maxwait_us") / 1e6, number(pool, "cl_waiting"));
        let (used, idle, login) = (number(pool, "sv_active"), number(pool, "sv_idle") + number(pool, "sv_used"), number(pool, "sv_login"));
        waiting += n;
        longest = longest.max(wait);
        served += number(pool, "cl_active");
        let severity = if n > 0.0 {
            Severity::of(n, limits.of(check, "waiting")).max(Severity::of(wait, limits.of(check, "wait")))
        } else {
            Severity::Ok
        };
        let shut = databases.iter().filter(closed).any(|d| text(d, "name") == text(pool, "database"));
        if severity < Severity::Warning || shut {
            continue;
        }
        let (database, user) = (text(pool, "database"), text(pool, "user"));
        let (why, next) = if used == 0.0 && idle == 0.0 {
            let why = match login {
                0.0 => "it has no connection to the server",
                _ => "its connections to the server wait for their login",
            };
            (
                why.to_string(),
                "Look whether the server takes logins from PgBouncer's machine: assess it by its own host and port.".to_string(),
            )
        } else {
            let mode = text(pool, "pool_mode");
            (
                format!("all {} to the server are in use ({mode} pooling)", counted(used as u64, "connection")),
                "The pool is the limit, not max_connections. See by the server's own host and port what holds its connections: transactions left open (PG04), \
                 locks (PG06), long statements (PG05). A larger pool_size helps only where the server has room."
                    .to_string(),
            )
        };
        let who = match n as u64 {
            1 => "1 client waits".to_string(),
            n => format!("{n} clients wait"),
        };
        let pool = clean(&format!("{database}/{user}")).into_owned();
        let words = format!("{who} for a connection of the pool {pool}, the longest for {}: {why}", age(wait));
        seen.find(Finding::new(severity, check.id, pool, words).next(next));
    }
    seen.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    seen.findings.truncate(5);
    seen.says = format!("PgBouncer: {} served, {waiting} waiting", counted(served as u64, "client"));
    seen = seen.figure("waiting", waiting).figure("wait", longest);
    if let Some((used, most)) = clients {
        let share = 100.0 * used / most;
        seen.says.push_str(&format!(", {used} of {most} clients ({share:.0} %)"));
        seen = seen.figure("clients", share);
        let severity = Severity::of(share, limits.of(check, "clients"));
        if severity >= Severity::Warning {
            seen.find(
                Finding::new(severity, check.id, "max_client_conn", format!("PgBouncer has {used} of {most} clients ({share:.0} %)"))
                    .next("Beyond max_client_conn it refuses logins: see which application opens so many (SHOW CLIENTS), or raise it."),
            );
        }
    }
    seen
}
