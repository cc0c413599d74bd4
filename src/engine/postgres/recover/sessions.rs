//! Ending what a session runs, or the session. It is named by its process and by when it, its transaction and its statement began: the
//! number alone may be somebody else's by now.

use super::{facts, none, one};
use crate::engine::Session;
use crate::engine::postgres::catalog::{Row, cell};
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::{Dialect, Error, Result};
use crate::sql;

/// Times as texts that read back as they are, to the microsecond, whatever the session's DateStyle is. Who waits is asked only of those who
/// wait for a lock at all.
const LOOK: &str = "SELECT a.pid, coalesce(a.usename::text, ''), coalesce(a.datname::text, ''), coalesce(nullif(a.application_name, ''), ''), \
        coalesce(host(a.client_addr), 'local'), coalesce(a.backend_type, ''), coalesce(a.state, ''), \
        to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', \
        to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', \
        to_char(a.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', \
        to_char(a.state_change AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', \
        date_trunc('second', clock_timestamp() - a.xact_start)::text, date_trunc('second', clock_timestamp() - a.query_start)::text, \
        concat_ws(': ', a.wait_event_type, a.wait_event), left(a.query, 2000), \
        (SELECT count(*) FROM pg_catalog.pg_stat_activity w WHERE w.wait_event_type = 'Lock' AND a.pid = ANY (pg_catalog.pg_blocking_pids(w.pid))), \
        (SELECT string_agg(DISTINCT l.relation::regclass::text || ' ' || l.mode, ', ') FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
            WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND c.relkind IN ('r', 'p', 'm') AND c.oid >= 16384 \
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) \
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1::int";

pub(super) async fn look(s: &Session, action: &Action) -> Result<Prospect> {
    let pid: u32 = action.object.parse().map_err(|_| {
        Error::usage(format!("{} is no process id", crate::text::clean(&action.object))).hint("The sessions' list has them.")
    })?;
    if s.backend() == Some(u64::from(pid)) {
        return Err(Error::usage(format!("{pid} is this program's own session")));
    }
    let Some(row) = one(s, LOOK, &[&pid.to_string()]).await? else { return Err(none("session", &action.object)) };
    if cell(&row, 14) == "<insufficient privilege>" || cell(&row, 5).is_empty() {
        let role = Dialect::Postgres.quote_ident(&s.identity().user);
        return Err(Error::failed(format!("what session {pid} does is hidden from {}", s.identity().user))
            .hint(format!("GRANT pg_read_all_stats, pg_signal_backend TO {role}; shows it and lets it be ended.")));
    }
    if cell(&row, 5) != "client backend" {
        return Err(Error::usage(format!("{pid} is no client's session but a {}: it is left alone", cell(&row, 5))));
    }
    let mut p = Prospect::of(action, pid.to_string());
    p.is = facts(
        &row,
        &[
            ("user", 1),
            ("database", 2),
            ("application", 3),
            ("client", 4),
            ("state", 6),
            ("waits for", 13),
            ("connected since", 7),
            ("transaction open for", 11),
            ("statement since", 12),
            ("locks", 16),
            ("wait for it directly", 15),
        ],
    );
    // What others' statements hold may be secret.
    let statement = sql::redact(Dialect::Postgres, cell(&row, 14));
    p.is.push(("statement".into(), statement.split_whitespace().collect::<Vec<_>>().join(" ")));
    let at = |column: &str, i: usize| format!("{column} = timestamptz '{}'", cell(&row, i));
    let mut who = vec![format!("pid = {pid}"), at("backend_start", 7)];
    let idle = cell(&row, 6).starts_with("idle in transaction");
    let open = !cell(&row, 8).is_empty();
    let rolled_back =
        if open { format!("its transaction, open for {}, is rolled back", cell(&row, 11)) } else { "it has no transaction open".into() };
    let (does, function) = match action.deed {
        Deed::Cancel => {
            if cell(&row, 6) != "active" {
                let more = if idle { ", and cancelling does nothing to an idle transaction" } else { "" };
                return Err(Error::failed(format!("session {pid} runs nothing now (it is {}){more}", cell(&row, 6)))
                    .hint(format!("Ending the session ends its transaction: terminate {pid}.")));
            }
            who.extend([at("query_start", 9), "state = 'active'".into()]);
            p.loses = vec!["What the statement has done so far is rolled back.".into()];
            if cell(&row, 8) != cell(&row, 9) && open {
                p.loses.push("If it stands in a transaction, that fails with it and must be rolled back.".into());
            }
            p.undo = "There is no undo; its client may run it again.".into();
            p.then = format!("session {pid} does not run that statement any more, and is still connected");
            ("Cancels the statement that it runs.", "pg_cancel_backend")
        }
        Deed::EndIdle => {
            if !idle {
                return Err(Error::failed(format!("session {pid} is not idle in a transaction: it is {}", cell(&row, 6))));
            }
            who.extend([at("xact_start", 8), at("state_change", 10), "state LIKE 'idle in transaction%'".into()]);
            p.then = format!("session {pid} is gone, and its transaction with it");
            ("Ends the session, which has been idle in its transaction.", "pg_terminate_backend")
        }
        _ => {
            who.push(if open { at("xact_start", 8) } else { format!("xact_start IS NULL AND {}", started(&row)) });
            p.then = format!("session {pid} is gone");
            ("Ends the session.", "pg_terminate_backend")
        }
    };
    if action.deed != Deed::Cancel {
        p.loses = vec![format!("Its client sees a lost connection; {rolled_back}.")];
        p.undo = "There is no undo; its client may connect again.".into();
    }
    p.does = does.into();
    p.lock = "It takes no lock; those of the session are released when it has rolled back.".into();
    // It has committed here: what is waited for is another machine's word.
    if cell(&row, 13) == "IPC: SyncRep" {
        p.loses = vec![
            "Nothing of what it wrote: it has committed here already and waits for a synchronous standby. The rows stay and are seen from then \
             on; that a standby has them too is what is lost. Its client must not run it again."
                .into(),
        ];
        p.undo = "There is no undo.".into();
        p.lock = "It takes no lock; those of the session are released when its commit is told.".into();
    }
    p.identity.clone_from(&who);
    let mut acts = who.clone();
    acts.push("backend_type = 'client backend'".into());
    p.rereads = true;
    p.statement = format!("SELECT pg_catalog.{function}(pid) FROM pg_catalog.pg_stat_activity WHERE {}", acts.join(" AND "));
    let left = if action.deed == Deed::Cancel { who.join(" AND ") } else { who[..2].join(" AND ") };
    p.verify = format!("SELECT NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity WHERE {left})");
    Ok(p)
}

/// A session without a transaction is told by its last statement.
fn started(row: &Row) -> String {
    match cell(row, 9) {
        "" => "query_start IS NULL".into(),
        at => format!("query_start = timestamptz '{at}'"),
    }
}
