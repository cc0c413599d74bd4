//! Locks on tables that the server itself keeps (metadata locks): who holds them, and who waits behind whom.
//!
//! MariaDB tells who holds them when its plugin `metadata_lock_info` is there, MySQL by the performance schema. Where neither is, the
//! holder of what a DDL waits for is one of the open transactions: which ones it can be is inferred, and told as such.

use crate::engine::Session;
use crate::engine::mysql::assess::{at, number, rows};
use crate::engine::mysql::hidden::names;
use crate::model::Dialect;
use crate::sql::{TokenKind, lex};
use std::collections::BTreeMap;

/// What a session wants that lets nobody else in.
pub(super) const EXCLUSIVE: &str = "exclusive metadata lock";

/// What is in the words of whoever wants a lock on a table.
pub(super) const OF_A_TABLE: &str = "metadata lock";

/// What a session wants that lies on all of the server.
pub(super) const WHOLE: &str = "lock of the whole server";

/// How the holders are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The server tells.
    Told,
    /// By what is open.
    Inferred,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Table,
    /// All of the server: a global read lock or a backup's.
    Server,
    /// What programs agree upon by a name (GET_LOCK).
    Name,
}

impl Scope {
    /// By the state in the process list; `None` for one that waits for no lock of the server's.
    pub fn of(state: &str) -> Option<Scope> {
        if state == "User lock" {
            return Some(Scope::Name);
        }
        let what = state.strip_prefix("Waiting for ")?;
        match what {
            "table metadata lock" | "schema metadata lock" | "table flush" | "table level lock" => Some(Scope::Table),
            "backup lock" | "global read lock" | "commit lock" | "global metadata lock" => Some(Scope::Server),
            _ => what.ends_with("metadata lock").then_some(Scope::Table),
        }
    }
}

/// A session of the process list with its statement.
#[derive(Debug, Clone)]
pub(super) struct Waiter {
    pub session: u64,
    /// Milliseconds since its statement began.
    pub ms: u64,
    pub database: String,
    pub statement: String,
    pub scope: Scope,
}

/// A lock that somebody has.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub session: u64,
    pub schema: String,
    pub table: String,
    pub mode: String,
    /// On the whole server.
    pub global: bool,
}

/// Who holds what, where the server tells; both ways need not be there.
pub(super) async fn held(s: &Session) -> (Known, Vec<Held>) {
    const PLUGIN: &str = "SELECT THREAD_ID, COALESCE(TABLE_SCHEMA, ''), COALESCE(TABLE_NAME, ''), LOCK_MODE, LOCK_TYPE = 'Backup lock' \
        OR LOCK_TYPE LIKE 'Global%' FROM information_schema.METADATA_LOCK_INFO LIMIT 5000";
    // Where its instrument is off the table is there and empty.
    const SCHEMA: &str = "SELECT t.PROCESSLIST_ID, COALESCE(m.OBJECT_SCHEMA, ''), COALESCE(m.OBJECT_NAME, ''), m.LOCK_TYPE, \
        m.OBJECT_TYPE IN ('GLOBAL', 'BACKUP LOCK', 'BACKUP', 'COMMIT') FROM performance_schema.metadata_locks m \
        JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID \
        WHERE m.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_ID IS NOT NULL LIMIT 5000";
    for text in [PLUGIN, SCHEMA] {
        if let Ok(found) = rows(s, text).await
            && !found.is_empty()
        {
            let one = |r: &Vec<Option<String>>| Held {
                session: number(r, 0).unwrap_or(0.0) as u64,
                schema: at(r, 1).into(),
                table: at(r, 2).into(),
                mode: at(r, 3).into(),
                global: at(r, 4) == "1",
            };
            return (Known::Told, found.iter().map(one).collect());
        }
    }
    (Known::Inferred, Vec::new())
}

/// What a waiting session wants, in words.
pub(super) fn wants(w: &Waiter) -> String {
    match (w.scope, changed(&w.statement)) {
        (Scope::Server, _) => WHOLE.into(),
        (Scope::Name, _) => {
            locked_name(&w.statement).map_or_else(|| "a lock by name (GET_LOCK)".into(), |n| format!("the lock “{n}” (GET_LOCK)"))
        }
        (Scope::Table, Some((_, table))) => format!("{EXCLUSIVE} on {table}"),
        (Scope::Table, None) => OF_A_TABLE.into(),
    }
}

/// The name that a statement asks for with GET_LOCK, where it stands there as a literal.
pub(super) fn locked_name(statement: &str) -> Option<String> {
    let tokens: Vec<_> = lex(Dialect::MySql, statement)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
        .map(|t| (t.kind, &statement[t.span]))
        .collect();
    let at = tokens.iter().position(|(_, t)| t.eq_ignore_ascii_case("get_lock"))?;
    match &tokens[at..] {
        [_, (_, "("), (TokenKind::String, text), ..] => {
            let quote = text.chars().next()?;
            let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
            (!inner.contains(['\\', quote])).then(|| inner.to_string())
        }
        _ => None,
    }
}

/// The database (perhaps none) and the table that a statement wants for itself alone; `None` for one that does not.
pub(super) fn changed(statement: &str) -> Option<(Option<String>, String)> {
    let tokens: Vec<_> = lex(Dialect::MySql, statement)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
        .map(|t| (t.kind, statement[t.span].to_string()))
        .collect();
    let is = |i: usize, word: &str| tokens.get(i).is_some_and(|(_, t)| t.eq_ignore_ascii_case(word));
    let verb = tokens.first()?.1.to_ascii_uppercase();
    if !matches!(verb.as_str(), "ALTER" | "DROP" | "CREATE" | "TRUNCATE" | "RENAME" | "OPTIMIZE" | "REPAIR" | "LOCK") {
        return None;
    }
    // `ON t` for indexes and triggers, else what follows TABLE.
    let find = |word: &str| (1..tokens.len()).find(|i| is(*i, word));
    let mut i = match find("INDEX").or_else(|| find("TRIGGER")).filter(|i| *i <= 3).and(find("ON")) {
        Some(on) => on + 1,
        None => match find("TABLE").or_else(|| find("TABLES")).filter(|i| *i <= 4) {
            Some(table) => table + 1,
            None if verb == "TRUNCATE" => 1,
            None => return None,
        },
    };
    while is(i, "IF") || is(i, "NOT") || is(i, "EXISTS") {
        i += 1;
    }
    let name = |i: usize| {
        let (kind, word) = tokens.get(i)?;
        match kind {
            TokenKind::Identifier | TokenKind::Keyword => Some(word.clone()),
            TokenKind::QuotedIdentifier => Some(word.trim_matches('`').replace("``", "`")),
            _ => None,
        }
    };
    let first = name(i)?;
    match (is(i + 1, "."), name(i + 2)) {
        (true, Some(table)) => Some((Some(first), table)),
        _ => Some((None, first)),
    }
}

/// The first word of a statement, in capitals.
pub(super) fn verb(statement: &str) -> String {
    names(statement).first().map(|w| w.to_ascii_uppercase()).unwrap_or_default()
}

fn mentions(statement: &str, table: &str) -> bool {
    names(statement).iter().any(|n| n.eq_ignore_ascii_case(table) || n.rsplit('.').next().is_some_and(|l| l.eq_ignore_ascii_case(table)))
}

/// Who each waiting session waits for. `open` are sessions in a transaction with its age in seconds, `running` those that run a statement
/// and do not wait here.
pub(super) fn behind(waiters: &[Waiter], held: &[Held], known: Known, open: &[(u64, u64)], running: &[Waiter]) -> BTreeMap<u64, Vec<u64>> {
    let mut order: Vec<&Waiter> = waiters.iter().collect();
    // MySQL tells whole seconds, and its sessions in any order: of those as old as each other the one that wants the table for itself is the
    // one that the others wait behind, because readers alone do not wait.
    order.sort_by_key(|w| (std::cmp::Reverse(w.ms), changed(&w.statement).is_none()));
    let mut out = BTreeMap::new();
    for (i, w) in order.iter().enumerate() {
        let by = match w.scope {
            Scope::Server => of_the_server(w, held),
            // The server is asked for each by its name.
            Scope::Name => Vec::new(),
            Scope::Table => {
                // Whoever wants the table for itself and came before.
                let before = order[..i]
                    .iter()
                    .find(|d| d.scope == Scope::Table && changed(&d.statement).is_some_and(|(_, table)| mentions(&w.statement, &table)));
                match (before, changed(&w.statement)) {
                    (Some(ddl), _) => vec![ddl.session],
                    (None, Some((schema, table))) => {
                        let schema = schema.unwrap_or_else(|| w.database.clone());
                        match known {
                            Known::Told => held
                                .iter()
                                .filter(|h| h.session != w.session && h.table.eq_ignore_ascii_case(&table))
                                .filter(|h| schema.is_empty() || h.schema.eq_ignore_ascii_case(&schema))
                                .map(|h| h.session)
                                .collect(),
                            _ => may_hold(w, &table, waiters, open, running),
                        }
                    }
                    // It only reads or writes rows: somebody has locked the table for itself.
                    (None, None) => held
                        .iter()
                        .filter(|h| h.session != w.session && mentions(&w.statement, &h.table) && !h.table.is_empty())
                        .filter(|h| h.mode.contains("EXCLUSIVE") || h.mode.contains("NO_READ_WRITE") || h.mode.contains("NO_WRITE"))
                        .map(|h| h.session)
                        .chain(
                            running
                                .iter()
                                .filter(|r| changed(&r.statement).is_some_and(|(_, t)| mentions(&w.statement, &t)))
                                .map(|r| r.session),
                        )
                        .collect(),
                }
            }
        };
        out.insert(w.session, by);
    }
    out
}

/// A lock of the whole server: who wants it waits for all that change something; all others wait for who has it.
fn of_the_server(w: &Waiter, held: &[Held]) -> Vec<u64> {
    let takes = matches!(verb(&w.statement).as_str(), "FLUSH" | "BACKUP");
    let in_the_way = |h: &&Held| {
        let of_a_backup = ["FTWRL", "BLOCK", "WAIT", "START"].iter().any(|m| h.mode.contains(m)) || h.mode == "SHARED";
        h.global && h.session != w.session && (takes || of_a_backup)
    };
    held.iter().filter(in_the_way).map(|h| h.session).collect()
}

/// Who may hold what a DDL waits for, where the server does not tell: transactions that were open before it came, the oldest first; and
/// statements on its table.
fn may_hold(w: &Waiter, table: &str, waiters: &[Waiter], open: &[(u64, u64)], running: &[Waiter]) -> Vec<u64> {
    let waits = |id: u64| waiters.iter().any(|w| w.session == id);
    // Of a session that runs something else it is not known; one that runs something on this table surely has it.
    let mut out: Vec<u64> = running.iter().filter(|r| r.ms >= w.ms && mentions(&r.statement, table)).map(|r| r.session).collect();
    if out.is_empty() {
        let mut older: Vec<&(u64, u64)> = open.iter().filter(|(id, _)| *id != w.session && !waits(*id)).collect();
        older.sort_by_key(|(_, open)| std::cmp::Reverse(*open));
        // Both ages are whole seconds.
        let before: Vec<&&(u64, u64)> = older.iter().filter(|(_, open)| *open + 1 >= w.ms / 1000).collect();
        let candidates: Vec<u64> =
            if before.is_empty() { older.iter().map(|(id, _)| *id).collect() } else { before.iter().map(|(id, _)| *id).collect() };
        out.extend(candidates.into_iter().take(3));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(session: u64, schema: &str, table: &str, mode: &str) -> Held {
        Held { session, schema: schema.into(), table: table.into(), mode: mode.into(), global: false }
    }

    fn waiter(session: u64, ms: u64, statement: &str) -> Waiter {
        Waiter { session, ms, database: "shop".into(), statement: statement.into(), scope: Scope::Table }
    }

    #[test]
    fn the_table_of_a_ddl_is_found() {
        let of = |t: &str| changed(t).map(|(s, t)| format!("{}.{t}", s.unwrap_or_default()));
        assert_eq!(of("alter table t add x int").as_deref(), Some(".t"));
        assert_eq!(of("/* a */ DROP TABLE IF EXISTS `shop`.`o``x`").as_deref(), Some("shop.o`x"));
        assert_eq!(of("create unique index i on shop.orders (a)").as_deref(), Some("shop.orders"));
        assert_eq!(of("truncate orders").as_deref(), Some(".orders"));
        assert_eq!(of("optimize no_write_to_binlog table t").as_deref(), Some(".t"));
        assert_eq!(of("select * from t"), None);
        assert_eq!(of("create view v as select 1"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn readers_wait_behind_the_ddl_and_the_ddl_for_who_has_the_table() {
        let w = [waiter(30, 500, "select * from t"), waiter(20, 900, "alter table t add x int"), waiter(31, 400, "update `t` set a = 1")];
        let h = [
            held(7, "shop", "t", "MDL_SHARED_READ"),
            held(8, "shop", "other", "MDL_SHARED_READ"),
            held(20, "shop", "t", "MDL_SHARED_UPGRADABLE"),
            held(9, "elsewhere", "t", "MDL_SHARED_READ"),
        ];
        let by = behind(&w, &h, Known::Told, &[], &[]);
        assert_eq!((&by[&20], &by[&30], &by[&31]), (&vec![7], &vec![20], &vec![20]));
    }

    #[test]
    fn of_those_of_the_same_second_the_ddl_came_first() {
        let w = [waiter(30, 0, "select * from t"), waiter(31, 0, "select * from t"), waiter(20, 0, "alter table t add x int")];
        let by = behind(&w, &[held(7, "shop", "t", "SHARED_READ")], Known::Told, &[], &[]);
        assert_eq!((&by[&20], &by[&30], &by[&31]), (&vec![7], &vec![20], &vec![20]));
    }

    #[test]
    fn a_table_that_was_locked_by_hand_names_who_locked_it() {
        let by = behind(
            &[waiter(30, 500, "select * from t")],
            &[held(7, "shop", "t", "MDL_SHARED_NO_READ_WRITE"), held(8, "shop", "t", "MDL_SHARED_READ")],
            Known::Told,
            &[],
            &[],
        );
        assert_eq!(by[&30], [7]);
    }

    #[test]
    fn where_the_server_does_not_tell_old_transactions_come_into_question() {
        let w = [waiter(20, 30_000, "alter table t add x int")];
        let by = behind(&w, &[], Known::Inferred, &[(7, 90), (8, 2), (20, 30)], &[]);
        assert_eq!(by[&20], [7], "one that was begun later cannot hold it up");
        // A statement that runs on the table since before is it, whatever else is open.
        let by = behind(&w, &[], Known::Inferred, &[(7, 90)], &[waiter(11, 60_000, "select sleep(100) from t")]);
        assert_eq!(by[&20], [11]);
        // After hours of copying, the wait for the last lock is young.
        let by = behind(&[waiter(20, 7_200_000, "alter table t add x int")], &[], Known::Inferred, &[(7, 90)], &[]);
        assert_eq!(by[&20], [7]);
    }

    #[test]
    fn states_tell_what_is_waited_for() {
        assert_eq!(Scope::of("Waiting for table metadata lock"), Some(Scope::Table));
        assert_eq!(Scope::of("Waiting for backup lock"), Some(Scope::Server));
        assert_eq!(Scope::of("Waiting for stored function metadata lock"), Some(Scope::Table));
        assert_eq!(Scope::of("Waiting for work from SQL thread"), None);
        assert_eq!(Scope::of(""), None);
        assert_eq!(Scope::of("User lock"), Some(Scope::Name));
        assert_eq!(locked_name("select /* x */ GET_LOCK('a b', 40)").as_deref(), Some("a b"));
        assert_eq!(locked_name("select get_lock(concat('a', 'b'), 40)"), None);
        assert_eq!(locked_name("select 'get_lock'"), None);
    }
}
