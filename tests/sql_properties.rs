//! Lexer, splitter and classifier over a corpus of every kind of statement (`tests/sql/<dialect>`), over what mutations make
//! of it, and against what the servers themselves say. In a corpus file a statement begins on every line that is not indented.
//!
//! `HOLDPOINT_SEED` and `HOLDPOINT_MUTATIONS` (for each dialect) choose the mutations; a failure names its seed.

mod support;

use holdpoint::config::{EngineKind, Target};
use holdpoint::engine::{Access, Connect, Role, Session, registry};
use holdpoint::model::Dialect;
use holdpoint::sql::{self, StatementSpan, TokenKind, classify, lex, relex, split, split_script};
use support::maria::MariaServer;
use support::pg::PgServer;

const CORPORA: [(Dialect, &str, &str); 3] = [
    (Dialect::Postgres, include_str!("sql/postgres/reads.sql"), include_str!("sql/postgres/writes.sql")),
    (Dialect::MySql, include_str!("sql/mariadb/reads.sql"), include_str!("sql/mariadb/writes.sql")),
    (Dialect::Sqlite, include_str!("sql/sqlite/reads.sql"), include_str!("sql/sqlite/writes.sql")),
];

/// The statements of a file, each with its `;`.
fn statements(file: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in file.lines().filter(|l| !l.starts_with("-- ")) {
        match out.last_mut() {
            Some(last) if line.starts_with(' ') => *last = format!("{last}\n{line}"),
            _ => out.push(line.to_string()),
        }
    }
    assert!(out.len() > 30, "the corpus is there");
    assert!(out.iter().all(|s| s.ends_with(';')), "each ends with its terminator");
    out
}

fn all(d: Dialect) -> Vec<String> {
    let (_, reads, writes) = CORPORA.into_iter().find(|c| c.0 == d).expect("corpus");
    statements(reads).into_iter().chain(statements(writes)).collect()
}

fn body(statement: &str) -> &str {
    statement[..statement.len() - 1].trim_end()
}

#[test]
fn each_statement_is_one_and_together_they_are_as_many() {
    for (d, ..) in CORPORA {
        let list = all(d);
        for s in &list {
            let spans = split(d, s);
            let parts: Vec<&str> = spans.iter().map(|p| &s[p.span.clone()]).collect();
            assert_eq!(parts, [body(s)], "{d:?}");
            assert!(spans[0].complete && spans[0].outer == (0..s.len()), "{d:?} {s}: {spans:?}");
            // Without its terminator it is the same.
            let bare: Vec<&str> = split(d, body(s)).into_iter().map(|p| &body(s)[p.span]).collect();
            assert_eq!(bare, [body(s)], "{d:?} without `;`");
        }
        for (joint, note) in [("\n", ""), (" ", ""), ("\n\n", "-- a note; about it\n"), ("\r\n", "/* a note; */ ")] {
            let text: String = list.iter().map(|s| format!("{note}{s}{joint}")).collect();
            let parts: Vec<&str> = split(d, &text).into_iter().map(|p| &text[p.span]).collect();
            for (part, s) in parts.iter().zip(&list) {
                assert_eq!(*part, body(s), "{d:?}");
            }
            assert_eq!(parts.len(), list.len(), "{d:?}");
        }
    }
    // The client's own delimiter gives the same statements, compound ones too.
    let list = all(Dialect::MySql);
    let text: String = std::iter::once("DELIMITER $$\n".to_string()).chain(list.iter().map(|s| format!("{}$$\n", body(s)))).collect();
    let parts: Vec<&str> = split(Dialect::MySql, &text).into_iter().map(|p| &text[p.span]).collect();
    assert_eq!(parts, list.iter().map(|s| body(s)).collect::<Vec<_>>());
}

#[test]
fn reads_are_reads_and_nothing_else_is() {
    for (d, reads, writes) in CORPORA {
        for s in statements(reads) {
            let v = classify(d, &s);
            assert!(v.is_read(), "{d:?} {s}: {}", v.reason);
        }
        for s in statements(writes) {
            let v = classify(d, &s);
            assert!(!v.is_read() && !v.reason.is_empty(), "{d:?} {s}: {v:?}");
        }
        // A read with anything behind it is none.
        for (read, write) in statements(reads).iter().zip(statements(writes)) {
            let text = format!("{read} {write}");
            assert!(!classify(d, &text).is_read(), "{d:?} {text}");
        }
    }
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// A byte offset on a character's edge.
fn edge(text: &str, dice: &mut Dice) -> usize {
    let at = dice.below(text.len() + 1);
    (0..=at).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

const PIECES: &[&str] = &[
    "'",
    "\"",
    "`",
    "$$",
    "$a$",
    "/*",
    "*/",
    "/*!",
    "/*M!",
    "--",
    "-- ",
    "#",
    "\\",
    ";",
    "(",
    ")",
    "[",
    "]",
    "\n",
    "\r",
    "\0",
    "é",
    "\u{feff}",
    "BEGIN",
    "END",
    "END;",
    "CASE",
    "ATOMIC",
    "DELIMITER //\n",
    "//",
    "\\.\n",
    "E'",
    "U&'",
    "U&\"",
    "x'",
    "1.",
    "1e",
    "0x",
    ":=",
    "::",
    "?",
    "@",
    "COPY t FROM STDIN;\n",
    ".x\n",
    "\\d t\n",
    "CREATE TRIGGER ",
    "CREATE RULE ",
    "CREATE FUNCTION ",
    "IF",
    "LOOP",
    " ",
];

/// Up to four edits: a piece put in, bytes taken out, the tail of another statement, a swap of halves.
fn mutated(list: &[String], dice: &mut Dice) -> String {
    let mut text = dice.of(list).clone();
    for _ in 0..=dice.below(4) {
        let (a, b) = (edge(&text, dice), edge(&text, dice));
        let (a, b) = (a.min(b), a.max(b));
        match dice.below(5) {
            0 | 1 => text.insert_str(a, PIECES[dice.below(PIECES.len())]),
            2 => text.replace_range(a..b.min((a..=b).find(|&i| i >= a + 6 && text.is_char_boundary(i)).unwrap_or(b)), ""),
            3 => {
                let other = dice.of(list);
                text.truncate(a);
                text.push_str(&other[edge(other, dice)..]);
            }
            _ => text = format!("{}{}{}", &text[..a], dice.of(list), &text[a..]),
        }
    }
    text
}

/// What holds for any text whatever.
fn holds(d: Dialect, text: &str) {
    let tokens = lex(d, text);
    let mut at = 0;
    for t in &tokens {
        assert!(t.span.start == at && t.span.end > at && text.is_char_boundary(t.span.end), "{t:?} at {at}");
        at = t.span.end;
    }
    assert_eq!(at, text.len(), "tokens tile the text");
    let spans: Vec<StatementSpan> = split(d, text);
    let mut at = 0;
    for s in &spans {
        assert!(
            s.outer.start >= at && s.outer.start <= s.span.start && s.span.start < s.span.end && s.span.end <= s.outer.end,
            "{s:?} at {at}"
        );
        assert_eq!(s.line, text[..s.span.start].matches('\n').count() + 1, "{s:?}");
        let own = &text[s.span.clone()];
        assert_eq!(own.trim_start(), own, "{s:?} begins with what it is");
        at = s.outer.end;
    }
    // Between them nothing that a server would run; delimiter lines are MySQL's client's.
    let mut from = 0;
    for (start, next) in spans.iter().map(|s| (s.outer.start, s.outer.end)).chain([(text.len(), text.len())]) {
        if d != Dialect::MySql {
            let gap = &text[from..start];
            let odd =
                lex(d, gap).into_iter().find(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon));
            assert!(odd.is_none(), "{odd:?} in {gap:?} belongs to no statement");
        }
        from = next;
    }
    if let Ok(script) = split_script(d, text) {
        assert_eq!(script, spans, "a script that may run is split the same");
        assert!(spans.iter().all(|s| s.complete), "an unfinished statement is no script");
    }
    for s in &spans {
        let own = &text[s.span.clone()];
        let verdict = classify(d, own);
        // A terminator and blanks change nothing.
        assert_eq!(verdict.is_read(), classify(d, &format!("\n {own} ;\n")).is_read(), "{own:?} with a terminator");
        // Within a version comment that is not closed it is unfinished by that alone, and whole by its own text.
        let whole = || split(d, own).iter().all(|s| s.complete);
        assert!(!verdict.is_read() || s.complete || whole(), "{own:?} is unfinished, and no read");
        // Something that writes behind a read makes the whole no read.
        assert!(!classify(d, &format!("{own}\n; delete from t")).is_read(), "{own:?} with a DELETE behind it");
    }
    let _ = sql::redact(d, text);
}

#[test]
fn mutations_break_nothing() {
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |v| v.parse().expect("a number"));
    let (seed, rounds) = (number("HOLDPOINT_SEED", 1), number("HOLDPOINT_MUTATIONS", 4000));
    for (d, ..) in CORPORA {
        let list = all(d);
        let mut dice = Dice(seed);
        let mut before = dice.of(&list).clone();
        for round in 0..rounds {
            let text = mutated(&list, &mut dice);
            let checked = std::panic::catch_unwind(|| {
                holds(d, &text);
                // One edit after another, as in an editor.
                let (a, b) = common(&before, &text);
                let mut tokens = lex(d, &before);
                relex(d, &mut tokens, &text, a..before.len() - b, text.len() - b);
                assert_eq!(tokens, lex(d, &text), "after an edit of {before:?}");
            });
            assert!(checked.is_ok(), "HOLDPOINT_SEED={seed}, {d:?}, round {round}:\n{text:?}");
            before = text;
        }
    }
}

/// Bytes that two texts share at the beginning and at the end.
fn common(a: &str, b: &str) -> (usize, usize) {
    let mut from = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    while !(a.is_char_boundary(from) && b.is_char_boundary(from)) {
        from -= 1;
    }
    let most = a.len().min(b.len()) - from;
    let mut to = a.bytes().rev().zip(b.bytes().rev()).take(most).take_while(|(x, y)| x == y).count();
    while !(a.is_char_boundary(a.len() - to) && b.is_char_boundary(b.len() - to)) {
        to -= 1;
    }
    (from, to)
}

/// The server takes every part that the splitter makes of the whole corpus as one statement that it can parse: it may have no
/// such table, but nothing is cut off and nothing too much.
async fn server_agrees(session: &Session, d: Dialect, unfit: &[&str], syntax: fn(&holdpoint::model::Error) -> bool) {
    let text = all(d).join("\n");
    let mut asked = 0;
    let mut wrong = Vec::new();
    for s in split(d, &text) {
        let part = &text[s.span];
        let upper = part.to_ascii_uppercase();
        if unfit.iter().any(|u| upper.starts_with(u)) {
            continue;
        }
        asked += 1;
        if let Err(e) = session.fetch(part).await
            && syntax(&e)
        {
            wrong.push(format!("{part}\n  {}", e.message));
        }
        assert_eq!(session.status().lost, None, "{part}");
    }
    assert!(wrong.is_empty(), "{d:?}:\n{}", wrong.join("\n"));
    assert!(asked > 60, "only {asked} were asked");
}

#[tokio::test]
async fn postgresql_agrees() {
    let pg = PgServer::shared();
    pg.create_database("corpus");
    pg.psql("corpus", "create table t (id int primary key, name text); create table u (id int, name text)");
    let mut t = Target::bare("corpus", EngineKind::Postgres);
    t.socket = Some(pg.socket.clone());
    t.port = Some(pg.port);
    t.database = Some("corpus".into());
    t.user = Some("postgres".into());
    let session = registry::engine(t, None).connect(Connect::new(Role::Query, Access::ReadOnly)).await.expect("session");
    // These leave the transaction or read what nobody sends.
    let unfit = ["ALTER SYSTEM", "CHECKPOINT", "SELECT LO_CREATE", "SELECT PG_ADVISORY", "LOAD"];
    server_agrees(&session, Dialect::Postgres, &unfit, |e| e.code.as_deref() == Some("42601")).await;
}

#[tokio::test]
async fn mariadb_agrees() {
    let maria = MariaServer::shared();
    maria.create_database("corpus");
    maria.sql("corpus", "create table t (id int primary key, name text); create table u (id int, name text); create sequence s");
    let mut t = Target::bare("corpus", EngineKind::MySql);
    t.host = Some("127.0.0.1".into());
    t.port = Some(maria.port);
    t.user = Some("root".into());
    t.database = Some("corpus".into());
    let session = registry::engine(t, None).connect(Connect::new(Role::Query, Access::ReadOnly)).await.expect("session");
    // These end the server, the session or what the session is read-only by.
    let unfit = [
        "SHUTDOWN",
        "KILL",
        "XA",
        "LOCK",
        "FLUSH",
        "SET",
        "BEGIN",
        "START",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
        "CHANGE",
        "PURGE",
        "INSTALL",
        "LOAD",
        "RESET",
        "SELECT 1 INTO",
        "USE",
        "HANDLER",
        "CREATE USER",
        "CREATE ROLE",
        "CREATE DATABASE",
        "CREATE SERVER",
        "GRANT",
        "REVOKE",
        "CREATE TEMPORARY",
    ];
    server_agrees(&session, Dialect::MySql, &unfit, |e| {
        e.code.as_deref().is_some_and(|c| c.contains("1064") || c == "42000") && e.message.contains("syntax")
    })
    .await;
}

#[tokio::test]
async fn sqlite_agrees() {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("c.db");
    rusqlite::Connection::open(&file)
        .expect("database")
        .execute_batch("create table t (id integer primary key, name text); create table t2 (a); create table u (id int, name text); create index i_t on t (name)")
        .expect("data");
    let mut t = Target::bare("corpus", EngineKind::Sqlite);
    t.path = Some(file);
    let session = registry::engine(t, None).connect(Connect::new(Role::Query, Access::ReadOnly)).await.expect("session");
    server_agrees(&session, Dialect::Sqlite, &[], |e| e.message.contains("syntax error") || e.message.contains("incomplete input")).await;
}
