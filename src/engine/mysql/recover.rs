//! Recovery actions of MariaDB (`reference/operations.md` §2.6). KILL takes a number alone, so it stands in a block that looks for the
//! session or the query once more: MariaDB numbers every query, and no number twice. MySQL has no such block: a statement directly before
//! looks for it into a variable, and KILL takes that; its performance schema numbers a session's statements.

mod replica;

use super::MySql;
use super::assess::innodb;
use super::catalog::{at, lit};
use crate::engine::{ANOTHER, Recovering, Session};
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::{Dialect, Error, Result};
use crate::{sql, text};
use futures_util::future::BoxFuture;

impl Recovering for MySql {
    fn deeds(&self) -> Vec<Deed> {
        vec![Deed::Cancel, Deed::Terminate, Deed::EndIdle, Deed::StartReplica, Deed::ReadOnly, Deed::ReadWrite, Deed::Failover]
    }
    fn failover_of_the_dead(&self, action: &Action, object: String, followers: &str) -> Option<Prospect> {
        Some(replica::of_the_dead(action, object, followers))
    }
    fn by_hand(&self, action: &Action) -> Option<String> {
        let verb = match action.deed {
            Deed::CommitPrepared => "COMMIT",
            Deed::RollbackPrepared => "ROLLBACK",
            _ => return None,
        };
        Some(format!(
            "A person finishes it, with its name as XA RECOVER FORMAT='SQL' has it (MySQL: XA RECOVER CONVERT XID): XA {verb} {}; Its coordinator \
             knows whether it is to be committed.",
            if action.object.is_empty() { "'…'".into() } else { lit(&action.object) }
        ))
    }
    fn look<'a>(&'a self, s: &'a Session, action: &'a Action) -> BoxFuture<'a, Result<Prospect>> {
        Box::pin(async move {
            match action.deed {
                Deed::StartReplica => return replica::start(s, action).await,
                Deed::Failover => return replica::failover(s, action).await,
                _ => {}
            }
            match action.deed {
                Deed::Cancel | Deed::Terminate | Deed::EndIdle => session(s, action).await,
                _ => writing(s, action).await,
            }
        })
    }
    fn took_effect<'a>(&'a self, s: &'a Session, p: &'a Prospect) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            match p.action.deed {
                // No view has it on all servers.
                Deed::StartReplica => replica::runs(s, &p.object).await,
                _ => Ok(s.fetch(p.verify.clone()).await?.scalar() == Some("1")),
            }
        })
    }
}

/// The number of the statement that a session runs, or ran last: the outermost one of those that called each other.
const MYSQL_STATEMENT: &str = "(SELECT MIN(e.EVENT_ID) FROM performance_schema.threads t \
    JOIN performance_schema.events_statements_current e ON e.THREAD_ID = t.THREAD_ID WHERE t.PROCESSLIST_ID = p.ID)";

/// Where the session is, once it was found to be the one that was approved.
const FOUND: &str = "@holdpoint_session";

/// A block that acts only while a row is there.
fn only_if(there: &str, act: &str) -> String {
    format!("BEGIN NOT ATOMIC IF EXISTS ({there}) THEN {act}; ELSE SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{ANOTHER}'; END IF; END")
}

async fn session(s: &Session, action: &Action) -> Result<Prospect> {
    let id: u64 = action.object.parse().map_err(|_| {
        Error::usage(format!("{} is no session's number", crate::text::clean(&action.object))).hint("The sessions' list has them.")
    })?;
    if s.backend() == Some(id) {
        return Err(Error::usage(format!("{id} is this program's own session")));
    }
    let mariadb = s.identity().product == "MariaDB";
    let (number, uptime) = match mariadb {
        true => ("p.QUERY_ID", "information_schema.GLOBAL_STATUS"),
        false => (MYSQL_STATEMENT, "performance_schema.global_status"),
    };
    // A restart begins the numbers anew: what was seen before it is told by the hour in which the server started. Its clock and its uptime
    // tick apart by up to a second, so that a finer time would be another one at each second look.
    let found = s
        .fetch(format!(
            "SELECT p.ID, p.USER, p.HOST, COALESCE(p.DB, ''), p.COMMAND, COALESCE(p.STATE, ''), p.TIME, LEFT(COALESCE(p.INFO, ''), 2000), {number}, \
             FLOOR((UNIX_TIMESTAMP() - (SELECT VARIABLE_VALUE FROM {uptime} WHERE VARIABLE_NAME = 'UPTIME')) / 3600) \
             FROM information_schema.PROCESSLIST p WHERE p.ID = {id}"
        ))
        .await
        .map_err(|e| match e.code.as_deref() {
            Some("1142") => e.hint(format!("{} tells one statement of a session from the next.", super::assess::grant_on(s, "SELECT", "performance_schema.*"))),
            _ => e,
        })?;
    let Some(row) = found.rows.first() else {
        return Err(match super::assess::sight(s).await?.sees_all {
            true => Error::failed(format!("there is no session {id}")),
            false => Error::failed(format!("there is no session {id}, or it is hidden"))
                .hint(format!("{} shows other users' sessions.", super::assess::grant(s, "PROCESS"))),
        });
    };
    let command = at(row, 4);
    if matches!(at(row, 1), "system user" | "event_scheduler")
        || command.starts_with("Binlog Dump")
        || matches!(command, "Daemon" | "Slave_IO" | "Slave_SQL")
    {
        return Err(Error::usage(format!(
            "{id} is no client's session but one of the server or of a replica ({command}): it is left alone"
        )));
    }
    if command == "Killed" {
        return Err(Error::usage(format!("session {id} is ended already: what it did is being undone"))
            .hint("Wait for it: that cannot be hastened, and a restart of the server undoes the same with nobody let in."));
    }
    // Where so many wait for rows that InnoDB's list is left alone, its monitor tells; the number of the session's last query then stands for its
    // transaction: none has been run since.
    let crowded = mariadb && innodb::is_crowded(s).await?;
    let asked = format!(
        "SELECT trx_started, TIMESTAMPDIFF(SECOND, trx_started, NOW()), trx_rows_modified, trx_rows_locked FROM information_schema.INNODB_TRX \
         WHERE trx_mysql_thread_id = {id}"
    );
    let trx = if crowded {
        innodb::open(s).await?.list.into_iter().find(|t| t.session == id).map(|t| {
            let numbers = [t.open, t.changed, t.rows].map(|n| Some(n.to_string()));
            [None].into_iter().chain(numbers).collect()
        })
    } else {
        let mut transaction = s.fetch(asked.as_str()).await?;
        if transaction.rows.is_empty() && action.deed == Deed::EndIdle {
            // InnoDB answers from what it last read when that is less than 0.1 s old, whoever asked.
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            transaction = s.fetch(asked.as_str()).await?;
        }
        transaction.rows.into_iter().next()
    };
    let trx: Option<&Vec<Option<String>>> = trx.as_ref();
    let mut p = Prospect::of(action, id.to_string());
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            p.is.push((name.to_string(), value.to_string()));
        }
    };
    fact("user", &format!("{}@{}", at(row, 1), at(row, 2)));
    fact("database", at(row, 3));
    fact("does", command);
    fact("state", at(row, 5));
    fact("for", &format!("{} s", at(row, 6)));
    let rows = |n: &str| n.parse().map_or_else(|_| format!("{n} rows"), |n| text::counted(n, "row"));
    if let Some(t) = trx {
        fact("transaction", &format!("open for {} s, {} changed, {} locked", at(t, 1), rows(at(t, 2)), at(t, 3)));
    }
    let statement = sql::redact(Dialect::MySql, at(row, 7));
    fact("statement", &statement.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut who = vec![format!("p.ID = {id}"), format!("p.USER = {}", lit(at(row, 1))), format!("p.HOST = {}", lit(at(row, 2)))];
    let running = !matches!(command, "Sleep");
    if at(row, 8).is_empty() && action.deed != Deed::Terminate {
        return Err(Error::failed(format!("what session {id} runs cannot be told from what it runs next"))
            .hint("UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'events_statements_current'; numbers statements; ending the session (terminate) takes none."));
    }
    // The rows that it changed are what a rollback has to take back.
    let changed = trx.map_or("0", |t| at(t, 2));
    let last_query = format!("{number} = {}", at(row, 8));
    let open = |t: &[Option<String>]| {
        format!(
            "EXISTS (SELECT 1 FROM information_schema.INNODB_TRX t WHERE t.trx_mysql_thread_id = {id} AND t.trx_started = {})",
            lit(at(t, 0))
        )
    };
    let act = match action.deed {
        Deed::Cancel => {
            if !running {
                return Err(Error::failed(format!("session {id} runs nothing now"))
                    .hint(format!("Ending the session ends its transaction: terminate {id}.")));
            }
            who.extend([last_query, "p.COMMAND <> 'Sleep'".into()]);
            p.does = "Ends the statement that it runs; the session stays.".into();
            p.loses = vec![if changed == "0" && sql::classify(Dialect::MySql, at(row, 7)).is_read() {
                "Its answer: it only reads, so nothing is rolled back, and it ends at once. A transaction that is open stays open."
                    .to_string()
            } else {
                format!(
                    "What the statement has done so far is rolled back, which takes about as long as it took ({} of its transaction so far). The transaction stays open.",
                    rows(changed)
                )
            }];
            p.undo = "There is no undo; its client may run it again.".into();
            p.then = format!("session {id} does not run that statement any more");
            if mariadb { format!("KILL QUERY ID {}", at(row, 8)) } else { format!("KILL QUERY {FOUND}") }
        }
        _ => {
            match (action.deed, trx) {
                (Deed::EndIdle, Some(t)) if !running => {
                    who.extend(["p.COMMAND = 'Sleep'".into(), last_query]);
                    // MariaDB numbers each query of all sessions: with the same one as the last, it is in the same transaction.
                    who.extend((!mariadb).then(|| open(t)));
                }
                (Deed::EndIdle, _) => {
                    let why = if running { "it runs something" } else { "it has no transaction open" };
                    return Err(Error::failed(format!("session {id} is not idle in a transaction: {why}")));
                }
                _ if crowded => who.push(last_query),
                (_, Some(t)) => who.push(open(t)),
                (_, None) => {
                    who.push(format!("NOT EXISTS (SELECT 1 FROM information_schema.INNODB_TRX t WHERE t.trx_mysql_thread_id = {id})"))
                }
            }
            p.does = "Ends the session.".into();
            let rolled_back = trx.map_or_else(
                || "it has no transaction open".to_string(),
                |t| {
                    format!(
                        "its transaction, open for {} s with {} changed, is rolled back, which may take as long again",
                        at(t, 1),
                        rows(at(t, 2))
                    )
                },
            );
            p.loses = vec![format!("Its client sees a lost connection; {rolled_back}.")];
            p.undo = "There is no undo; its client may connect again.".into();
            p.then = format!("session {id} is gone");
            if mariadb { format!("KILL CONNECTION {id}") } else { format!("KILL CONNECTION {FOUND}") }
        }
    };
    if !mariadb {
        p.loses.push(
            "MySQL cannot look for a session in the statement that ends it: it is looked for directly before. What the session begins in that moment is \
             ended instead."
                .into(),
        );
    }
    p.lock = match action.deed {
        Deed::Cancel => {
            "It takes no lock. Those that its transaction took before, and those that it took by hand (LOCK TABLES, FLUSH TABLES), stay."
        }
        _ => "It takes no lock; those of the session are released when it has rolled back.",
    }
    .into();
    if running && super::assess::is_committing(at(row, 5)) {
        p.loses[0] =
            "Nothing of what it wrote: it is committing, and that is not taken back. Where it waits for a replica to confirm, that a \
                      replica has the rows too is what is lost. Its client must not run it again."
                .into();
        p.undo = "There is no undo.".into();
        p.lock = "It takes no lock; those of the session are released when its commit is told.".into();
    }
    let there = format!("SELECT 1 FROM information_schema.PROCESSLIST p WHERE {}", who.join(" AND "));
    p.rereads = mariadb;
    p.statement = if mariadb {
        only_if(&there, &act)
    } else {
        // Nobody found is nobody ended: KILL of NULL is an error.
        p.before = vec![format!("SET {FOUND} = ({})", there.replacen("SELECT 1 FROM", "SELECT p.ID FROM", 1))];
        act
    };
    let left = if action.deed == Deed::Cancel {
        there
    } else {
        format!("SELECT 1 FROM information_schema.PROCESSLIST p WHERE {}", who[..3].join(" AND "))
    };
    p.verify = format!("SELECT NOT EXISTS ({left})");
    p.identity = who;
    p.identity.push(format!("server started in hour {}", at(row, 9)));
    Ok(p)
}

async fn writing(s: &Session, action: &Action) -> Result<Prospect> {
    let found = s
        .fetch(
            "SELECT @@GLOBAL.read_only, (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()), \
             (SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0), @@hostname, @@port",
        )
        .await?;
    let row = found.rows.first().cloned().unwrap_or_default();
    let on = action.deed == Deed::ReadOnly;
    let set = at(&row, 0) != "0";
    if set == on {
        return Err(Error::usage(format!("the server {} already", if on { "is read-only" } else { "takes writes" })));
    }
    let mut p = Prospect::of(action, format!("{}:{}", at(&row, 3), at(&row, 4)));
    p.identity = vec![format!("read_only {}", at(&row, 0))];
    p.is = vec![
        ("read_only".into(), if set { "on" } else { "off" }.into()),
        ("other sessions".into(), at(&row, 1).into()),
        ("transactions that wrote".into(), at(&row, 2).into()),
    ];
    p.before = vec!["SET SESSION lock_wait_timeout = 10".into()];
    p.lock = "A global read lock for a moment: it waits for running writes, 10 s at most, and new ones wait behind it.".into();
    if on {
        let but = if s.identity().product == "MariaDB" { "READ ONLY ADMIN" } else { "CONNECTION_ADMIN" };
        p.does = format!("The server refuses writes of all databases, but for users with {but} or SUPER.");
        p.loses = vec!["The application cannot write any more; open transactions that wrote fail at their COMMIT.".into()];
        p.undo = "SET GLOBAL read_only = OFF (read-write). A restart takes back either, unless the configuration says the same.".into();
        p.then = "the server is read-only".into();
    } else {
        p.does = "The server takes writes again.".into();
        p.loses =
            vec!["A replica that is written to goes its own way for good: be sure that this is the server that should take writes.".into()];
        p.undo = "SET GLOBAL read_only = ON (read-only).".into();
        p.then = "the server takes writes".into();
    }
    p.statement = format!("SET GLOBAL read_only = {}", if on { "ON" } else { "OFF" });
    p.verify = format!("SELECT @@GLOBAL.read_only = {}", u8::from(on));
    Ok(p)
}
