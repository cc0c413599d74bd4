//! From a fresh connection to a session: its settings, the read-only proof, and who is on the other end. One round trip.

use super::actor::{self, Actor};
use super::cancel::Control;
use super::connect::Connector;
use super::errors;
use super::pulse::Before;
use crate::engine::session::Access;
use crate::engine::{Connect, Role, Session};
use crate::model::{Dialect, Error, Identity, Kind, Obstacle, Place, ReadOnly, Reading, Result};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, watch};

/// Variables that are read at open, whichever of them the server has.
const VARIABLES: [&str; 18] = [
    "sql_mode",
    "system_time_zone",
    "time_zone",
    "character_set_client",
    "version",
    "version_comment",
    "hostname",
    "port",
    "datadir",
    "server_id",
    "server_uid",
    "server_uuid",
    "tx_read_only",
    "transaction_read_only",
    "read_only",
    "super_read_only",
    "lower_case_table_names",
    "collation_connection",
];

/// Looking for the new socket needs that no other connection of ours is made meanwhile.
static CONNECTING: Mutex<()> = Mutex::const_new(());

pub(super) async fn open(connector: &Arc<Connector>, how: &Connect) -> Result<Session> {
    let start = Instant::now();
    let (mut fresh, pulse) = {
        let alone = CONNECTING.try_lock();
        let before = alone.is_ok().then(Before::look);
        let fresh = {
            let database = how.place.as_ref().and_then(Place::path).or(connector.target().database.as_deref()).filter(|d| !d.is_empty());
            connector.connect_to(database, how.connect_timeout).await?
        };
        let pulse = before.and_then(|b| b.find(&connector.peer(fresh.way.tunnel.as_deref())));
        (fresh, pulse)
    };
    let left = how.connect_timeout.saturating_sub(start.elapsed()).max(Duration::from_millis(500));
    let asked = Instant::now();
    let facts = match tokio::time::timeout(left, set_up(&mut fresh.conn, connector, how)).await {
        Ok(facts) => facts?,
        Err(_) => {
            return Err(Error::connect(format!("{} did not answer within {} s", connector.address(), how.connect_timeout.as_secs_f32()))
                .by(Obstacle::NoAnswer));
        }
    };
    let round_trip = asked.elapsed();
    let read_only = match how.access {
        Access::ReadOnly => prove_read_only(&mut fresh.conn, connector, &facts).await?,
        Access::ReadWrite => ReadOnly::No,
    };
    let identity = facts.identity(connector, &fresh.conn);
    let backend = u64::from(fresh.conn.id());
    let control = Arc::new(Control::new(connector.clone(), fresh.conn.id()));
    let (requests, rx) = mpsc::channel(1);
    let (status, watched) = watch::channel(actor::opened(read_only, round_trip, facts.reading()));
    let actor = Actor {
        conn: fresh.conn,
        control: control.clone(),
        requests: rx,
        status,
        access: how.access,
        mariadb: facts.mariadb(),
        prepares_text: facts.mariadb() && facts.at_least(10, 3),
        version: identity.version.clone(),
        database: identity.database.clone(),
        way: fresh.way,
        pulse,
        charset: facts.get("character_set_client").to_string(),
        zone: super::zone::named(facts.get("time_zone"), facts.get("system_time_zone")),
        rolled_back: false,
    };
    let task = tokio::spawn(actor.run()).abort_handle();
    Ok(Session::new(requests, control, watched, identity, Dialect::MySql).with_task(task).with_backend(backend))
}

/// What the server told at open.
struct Facts {
    user: String,
    database: String,
    connection: u64,
    variables: BTreeMap<String, String>,
    /// `None` when the grants could not be read.
    grants: Option<Vec<String>>,
}

async fn set_up(conn: &mut Conn, connector: &Connector, how: &Connect) -> Result<Facts> {
    let setup = settings(connector, how)?;
    let names = VARIABLES.map(|v| format!("'{v}'")).join(",");
    let mut batch = setup.clone();
    batch.push("SELECT CURRENT_USER(), DATABASE(), CONNECTION_ID(), @@SESSION.sql_select_limit".into());
    // A limit of the account's would cut short what follows, and all that is read for the program's own ends.
    batch.push(format!("SET SESSION sql_select_limit = {}", u64::MAX));
    batch.push(format!("SHOW SESSION VARIABLES WHERE Variable_name IN ({names})"));
    batch.push("SHOW GRANTS".into());
    let fail = |e: mysql_async::Error, what: &str| match e {
        mysql_async::Error::Server(e) => Error::connect(format!("{what}: {}", e.message)).code(e.code.to_string()),
        e => Error::connect(format!("{what}: {}", errors::lost(&e))),
    };
    let mut sets: Vec<Vec<Row>> = Vec::new();
    let mut grants_refused = false;
    {
        let mut result = conn.query_iter(batch.join("; ")).await.map_err(|e| fail(e, batch.first().map_or("session", String::as_str)))?;
        loop {
            let known = result.columns().is_some();
            let mut rows = Vec::new();
            // Where there is no further result, this tells an error of the last statement from the end.
            let ended = loop {
                match result.next().await {
                    Ok(Some(row)) => rows.push(row),
                    Ok(None) => break Ok(()),
                    Err(e) => break Err(e),
                }
            };
            match ended {
                // A statement without rows (the SETs) has an empty set of its own.
                Ok(()) if known => sets.push(rows),
                Ok(()) => break,
                // Only SHOW GRANTS may be refused: the account's rights are then not known.
                Err(mysql_async::Error::Server(_)) if sets.len() + 1 == batch.len() => {
                    grants_refused = true;
                    break;
                }
                Err(e) => return Err(fail(e, batch.get(sets.len()).map_or("session", String::as_str))),
            }
        }
    }
    let at = setup.len();
    let text = |v: Option<&Value>| match v {
        Some(Value::Bytes(b)) => String::from_utf8_lossy(b).into_owned(),
        Some(Value::Int(i)) => i.to_string(),
        Some(Value::UInt(i)) => i.to_string(),
        _ => String::new(),
    };
    let who = sets.get(at).and_then(|r| r.first()).ok_or_else(|| Error::connect("the server gave no answer about the session"))?;
    let variables = sets.get(at + 2).into_iter().flatten().map(|r| (text(r.as_ref(0)).to_lowercase(), text(r.as_ref(1)))).collect();
    let grants = (!grants_refused).then(|| sets.get(at + 3).into_iter().flatten().map(|r| text(r.as_ref(0))).collect());
    let limit = text(who.as_ref(3));
    if !how.whole && limit.parse() != Ok(u64::MAX) {
        conn.query_drop(format!("SET SESSION sql_select_limit = {limit}")).await.map_err(|e| fail(e, "session"))?;
    }
    Ok(Facts {
        user: text(who.as_ref(0)),
        database: text(who.as_ref(1)),
        connection: text(who.as_ref(2)).parse().unwrap_or(0),
        variables,
        grants,
    })
}

/// The SETs of a session: the configured ones, the role's limits, read-only. None for the user's own session otherwise.
fn settings(connector: &Connector, how: &Connect) -> Result<Vec<String>> {
    let target = connector.target();
    // MariaDB skips the comment, MySQL reads it from 8.0 on. The driver names the collation that utf8mb4 had in the login; MySQL's own client
    // the server's, and comparisons of constants depend on it. What the catalogue tells of counters may be a day old there, but in sessions
    // that ask for better; the user's own is left as the native client's is.
    let fresh = if how.role == Role::Query { "" } else { ", SESSION information_schema_stats_expiry = 0" };
    let mut out = vec![format!("SET SESSION sql_warnings = @@SESSION.sql_warnings /*!50799 , NAMES utf8mb4{fresh} */")];
    for (name, value) in &target.settings {
        let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        if !fits {
            return Err(Error::usage(format!("target {}: `{name}` is no name of a session variable", target.name)));
        }
        let number = value.parse::<f64>().is_ok() && !value.is_empty();
        let value = if number { value.clone() } else { Dialect::MySql.quote_literal(value) };
        out.push(format!("SET SESSION {name} = {value}"));
    }
    if how.lock_timeout.is_some() || how.statement_timeout.is_some() {
        // Each server reads what its version knows of the comments; the plain part fits all of them.
        let seconds = how.lock_timeout.map(|l| l.as_secs());
        let mut set = match seconds {
            // Whole seconds only, and one at least.
            Some(s) => format!("SET SESSION lock_wait_timeout = {0}, innodb_lock_wait_timeout = {0}", s.max(1)),
            None => "SET SESSION lock_wait_timeout = @@session.lock_wait_timeout".to_string(),
        };
        if seconds == Some(0) {
            // MariaDB knows 0: do not wait at all.
            set.push_str(" /*M!100300 , lock_wait_timeout = 0, innodb_lock_wait_timeout = 0 */");
        }
        if let Some(limit) = how.statement_timeout {
            let (seconds, ms) = (limit.as_secs_f64(), limit.as_millis().max(1));
            set.push_str(&format!(" /*M!100101 , max_statement_time = {seconds} */ /*!50708 , max_execution_time = {ms} */"));
        }
        out.push(set);
    }
    if how.access == Access::ReadOnly {
        out.push("SET SESSION TRANSACTION READ ONLY".into());
    }
    Ok(out)
}

/// Reads the setting back, and finds out whether the account could write at all.
async fn prove_read_only(conn: &mut Conn, connector: &Connector, facts: &Facts) -> Result<ReadOnly> {
    let on = |name: &str| facts.variables.get(name).is_some_and(|v| v.eq_ignore_ascii_case("ON") || v == "1");
    if !on("tx_read_only") && !on("transaction_read_only") {
        return Err(Error::new(
            Kind::ReadOnly,
            format!("target {} is to be read-only, and the server does not confirm it", connector.target().name),
        )
        .hint("SET SESSION TRANSACTION READ ONLY had no effect: a proxy in between may be the reason. Connect to the server itself."));
    }
    let Some(grants) = &facts.grants else { return Ok(ReadOnly::Session) };
    if grants.is_empty() {
        return Ok(ReadOnly::Session);
    }
    let held = grants.iter().all(|g| harmless(g));
    // read_only stops everyone but those with SUPER or READ_ONLY ADMIN.
    let replica = (on("read_only") || on("super_read_only")) && !grants.iter().any(|g| overrides_read_only(g));
    if !held && !replica {
        return Ok(ReadOnly::Session);
    }
    if facts.mariadb() && held && facts.at_least(10, 11) {
        // Since 10.11 every account also has what PUBLIC has.
        match conn.query::<String, _>("SHOW GRANTS FOR PUBLIC").await {
            Ok(list) if list.iter().all(|g| harmless(g)) => {}
            Err(mysql_async::Error::Server(e)) if e.code == 1141 => {}
            Ok(_) | Err(mysql_async::Error::Server(_)) => return Ok(if replica { ReadOnly::Role } else { ReadOnly::Session }),
            Err(e) => return Err(Error::connect(errors::lost(&e))),
        }
    }
    Ok(ReadOnly::Role)
}

/// Privileges that change nothing.
const HARMLESS: [&str; 12] = [
    "USAGE",
    "SELECT",
    "SHOW VIEW",
    "SHOW DATABASES",
    "PROCESS",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",
    "SLAVE MONITOR",
    "REPLICA MONITOR",
    "SHOW CREATE ROUTINE",
    "SHOW_ROUTINE",
    "REPLICATION SLAVE",
];

/// `GRANT SELECT, SHOW VIEW ON …`: nothing in it writes. A granted role (`GRANT r TO u`) counts as one that might.
fn harmless(grant: &str) -> bool {
    let Some(rest) = grant.strip_prefix("GRANT ") else { return false };
    let Some((list, tail)) = rest.split_once(" ON ") else { return false };
    // Privileges on columns carry a list in parentheses: `SELECT (a, b)`.
    let mut depth = 0;
    let flat: String = list
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => return depth == 0,
            }
            false
        })
        .collect();
    !tail.contains("WITH GRANT OPTION") && flat.split(',').all(|p| HARMLESS.contains(&p.trim()))
}

fn overrides_read_only(grant: &str) -> bool {
    grant.contains("ALL PRIVILEGES ON *.*")
        || grant.contains("SUPER")
        || grant.contains("READ_ONLY ADMIN")
        || grant.contains("READ ONLY ADMIN")
        || grant.contains("CONNECTION_ADMIN")
        || !grant.contains(" ON ")
}

impl Facts {
    fn get(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    fn mariadb(&self) -> bool {
        self.get("version").to_lowercase().contains("mariadb") || self.get("version_comment").to_lowercase().contains("mariadb")
    }

    fn numbers(&self) -> Vec<u32> {
        let version = self.get("version");
        version.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or("").split('.').filter_map(|p| p.parse().ok()).collect()
    }

    fn at_least(&self, major: u32, minor: u32) -> bool {
        let n = self.numbers();
        (n.first().copied().unwrap_or(0), n.get(1).copied().unwrap_or(0)) >= (major, minor)
    }

    /// What names the server whatever way it was reached. MySQL has a UUID. MariaDB's `server_uid` comes from the network
    /// card and the port, which containers share: so host name, port, data directory and `server_id` count too.
    fn server_id(&self) -> String {
        if !self.get("server_uuid").is_empty() {
            return self.get("server_uuid").to_string();
        }
        let mut hash = Sha256::new();
        for name in ["server_uid", "hostname", "port", "datadir", "server_id"] {
            let v = self.get(name);
            hash.update((v.len() as u64).to_le_bytes());
            hash.update(v.as_bytes());
        }
        hex::encode(&hash.finalize()[..16])
    }

    fn reading(&self) -> Reading {
        Reading::mysql(self.get("sql_mode"))
    }

    fn identity(&self, connector: &Connector, conn: &Conn) -> Identity {
        let version = self.get("version").to_string();
        let n = self.numbers();
        let (a, b, c) = conn.server_version();
        let said = [u32::from(a), u32::from(b), u32::from(c)];
        let comment = self.get("version_comment");
        let pooler = if comment.to_lowercase().contains("proxysql") {
            Some("ProxySQL".to_string())
        } else if version.to_lowercase().contains("maxscale") || comment.to_lowercase().contains("maxscale") {
            Some("MaxScale".to_string())
        } else if self.connection != u64::from(conn.id()) {
            Some("a proxy: the connection's number differs from the server's".to_string())
        } else if n.len() >= 3 && n[..3] != said && a != 0 {
            Some(format!("a proxy: it greeted as {a}.{b}.{c}, the server is {version}"))
        } else {
            None
        };
        let mariadb = self.mariadb();
        Identity {
            product: if mariadb { "MariaDB" } else { "MySQL" }.into(),
            major: n.iter().take(2).map(u32::to_string).collect::<Vec<_>>().join("."),
            version,
            address: connector.address(),
            server_id: self.server_id(),
            database: self.database.clone(),
            database_id: String::new(),
            user: self.user.clone(),
            pooler,
            unverified: (!mariadb && !self.at_least(8, 0))
                .then(|| "MySQL before 8.0 was not run against a real server in our tests".to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reading_grants_are_harmless() {
        for g in [
            "GRANT USAGE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*1'",
            "GRANT SELECT, SHOW VIEW ON `shop`.* TO `r`@`%`",
            "GRANT SELECT (`a`, `b`) ON `shop`.`t` TO `r`@`%`",
            "GRANT PROCESS, BINLOG MONITOR ON *.* TO `r`@`%`",
        ] {
            assert!(harmless(g), "{g}");
        }
        for g in [
            "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION",
            "GRANT SELECT, INSERT ON `shop`.* TO `w`@`%`",
            "GRANT SELECT (`a`), UPDATE (`b`) ON `shop`.`t` TO `w`@`%`",
            "GRANT `writer` TO `r`@`%`",
            "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `r`@`%`",
            "GRANT SELECT ON *.* TO `r`@`%` WITH GRANT OPTION",
            "GRANT FILE ON *.* TO `r`@`%`",
            "SET DEFAULT ROLE `writer` FOR `r`@`%`",
        ] {
            assert!(!harmless(g), "{g}");
        }
    }
}
