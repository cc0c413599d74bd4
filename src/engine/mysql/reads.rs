//! Whether functions of the schema `sys` only read, by what their bodies say. The server's own stand there, behind views that people read
//! every day, and beside them (or in their place) whatever administrators put there.
//!
//! A body reads when each of its statements begins with a word of [`STEPS`], sets nothing but variables of its own and of users (`@x`), and
//! calls functions of which the same is known. The server's own say no more than that.

use super::catalog::{at, lit};
use super::effects::NO_FUNCTIONS;
use super::hidden::{Call, calls};
use crate::engine::Session;
use crate::model::{Dialect, Result};
use crate::sql::{self, Token, TokenKind};
use std::collections::BTreeSet;

/// The schema that the server's own functions are in.
pub(super) const SYS: &str = "sys";

/// Words with which a statement of a body begins that computes or looks. Another one, or a label, is not known.
const STEPS: &[&str] =
    &["begin", "declare", "set", "return", "if", "elseif", "else", "end", "while", "repeat", "until", "loop", "case", "when", "select"];

/// Words after which a statement begins. An expression begins after some of them, too, which then is not known.
const BEFORE_STEPS: &[&str] = &["begin", "then", "else", "do", "loop", "repeat"];

/// What no body of these says: writing and locking, statements behind a condition (HANDLER), counters.
const NEVER: &[&str] = &[
    "outfile",
    "dumpfile",
    "handler",
    "insert",
    "update",
    "delete",
    "lock",
    "share",
    "call",
    "procedure",
    "execute",
    "prepare",
    "next",
    "nextval",
    "setval",
    "lastval",
    "last_insert_id",
];

/// The text of the functions with these names in `sys` and of those that they call, when all of them read; else a sentence.
/// Those of `proven` are known already.
pub(super) async fn bodies(
    s: &Session,
    names: BTreeSet<String>,
    proven: &mut BTreeSet<String>,
) -> Result<std::result::Result<Vec<String>, String>> {
    let (mut waiting, mut out) = (names, Vec::new());
    while let Some(name) = waiting.pop_first() {
        if !proven.insert(name.to_lowercase()) {
            continue;
        }
        let quoted = Dialect::MySql.quote_ident(&name);
        let Ok(made) = s.fetch(format!("SHOW CREATE FUNCTION {SYS}.{quoted}")).await else {
            return Ok(Err(format!("the function {SYS}.{name} cannot be looked into, so it may write")));
        };
        let (mode, text) = made.rows.first().map_or(("", ""), |r| (at(r, 1), at(r, 2)));
        if text.is_empty() {
            return Ok(Err(format!(
                "the function {SYS}.{name} cannot be looked into: a login that may read its text could prove it a read"
            )));
        }
        let called = match calls_when_it_reads(mode, text) {
            Ok(called) => called,
            Err(why) => return Ok(Err(format!("the function {SYS}.{name} {why}, so it may write"))),
        };
        let list = called.iter().map(|c| lit(&c.name)).collect::<Vec<_>>().join(", ");
        let of_users = match list.is_empty() {
            true => BTreeSet::new(),
            false => {
                let found = s
                    .fetch(format!(
                        "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA = '{SYS}' \
                         AND ROUTINE_NAME IN ({list})"
                    ))
                    .await?;
                found.rows.iter().map(|r| at(r, 0).to_lowercase()).collect::<BTreeSet<_>>()
            }
        };
        for call in called {
            let plain = call.name.to_lowercase();
            let known = || NO_FUNCTIONS.contains(&plain.as_str()) || sql::functions::known(Dialect::MySql).any(|k| k == plain);
            let here = call.of.is_empty() || call.of == SYS;
            if here && of_users.contains(&plain) {
                waiting.insert(plain);
            } else if !call.of.is_empty() || !known() {
                return Ok(Err(format!("the function {SYS}.{name} calls {}, which may write", call.name)));
            }
        }
        out.push(text.to_string());
    }
    Ok(Ok(out))
}

/// What a function calls, from the text of its CREATE FUNCTION; half a sentence when it may do more than read.
fn calls_when_it_reads(mode: &str, text: &str) -> std::result::Result<BTreeSet<Call>, &'static str> {
    // Quotes and words mean something else in these.
    if mode
        .split(',')
        .any(|m| ["ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"].contains(&m))
    {
        return Err("was made under a sql_mode by which its text reads otherwise");
    }
    let means = |t: &Token| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment);
    let tokens: Vec<Token> = sql::lex(Dialect::MySql, text).into_iter().filter(means).collect();
    let unclear = |t: &Token| {
        let word = &text[t.span.clone()];
        matches!(t.kind, TokenKind::Unterminated | TokenKind::Other)
            || t.kind == TokenKind::Operator && (word.starts_with("/*") || word == "*/")
    };
    if tokens.iter().any(unclear) {
        return Err("has a text that is not understood");
    }
    // A name in quotes is no word of the grammar.
    let words: Vec<String> = tokens
        .iter()
        .map(|t| match t.kind {
            TokenKind::QuotedIdentifier | TokenKind::String => text[t.span.clone()].to_string(),
            _ => text[t.span.clone()].to_ascii_lowercase(),
        })
        .collect();
    let word = |i: usize| words.get(i).map_or("", String::as_str);
    let after_returns = words.iter().position(|w| w == "returns").unwrap_or(words.len());
    let Some(start) = (after_returns..words.len()).find(|&i| matches!(word(i), "begin" | "return")) else {
        return Err("has a text that is not understood");
    };
    if words[start..].iter().any(|w| NEVER.contains(&w.as_str())) {
        return Err("says a word of statements that do more than read");
    }
    // Inner blocks end the life of their variables.
    if words[start..].iter().filter(|w| *w == "begin").count() > 1 {
        return Err("has blocks in blocks");
    }
    let begins = |i: usize| i == start || word(i - 1) == ";" || BEFORE_STEPS.contains(&word(i - 1));
    let mut declared = BTreeSet::new();
    for i in (start..words.len()).filter(|&i| begins(i)) {
        if !STEPS.contains(&word(i)) {
            return Err("has a statement that is not known to read");
        }
        match word(i) {
            "declare" => {
                declared.insert(word(i + 1));
                let mut at = i + 2;
                while word(at) == "," {
                    declared.insert(word(at + 1));
                    at += 2;
                }
            }
            "set" if !sets_variables_only(&words[i + 1..], &declared) => return Err("sets more than variables of its own"),
            _ => {}
        }
    }
    Ok(calls(text.get(tokens[start].span.start..).unwrap_or(text)))
}

/// Whether a SET, from behind that word, sets nothing but these variables and those of users.
fn sets_variables_only(words: &[String], declared: &BTreeSet<&str>) -> bool {
    let word = |i: usize| words.get(i).map_or("", String::as_str);
    let (mut at, mut depth) = (0, 0);
    loop {
        let of_user = word(at).starts_with('@') && !word(at).starts_with("@@");
        if !of_user && !declared.contains(word(at)) {
            return false;
        }
        at += 1;
        // `@sys.statement_truncate_len` is one name.
        while of_user && word(at) == "." {
            at += 2;
        }
        if !matches!(word(at), "=" | ":=") {
            return false;
        }
        loop {
            at += 1;
            match word(at) {
                "(" => depth += 1,
                ")" => depth -= 1,
                "," if depth == 0 => break,
                ";" | "" => return true,
                _ => {}
            }
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> std::result::Result<BTreeSet<Call>, &'static str> {
        calls_when_it_reads("STRICT_TRANS_TABLES", &format!("CREATE FUNCTION `f`(a INT) RETURNS varchar(10) COMMENT 'it''s begin' {body}"))
    }

    #[test]
    fn bodies_that_compute_and_look_read() {
        for body in [
            "RETURN CONCAT('`', REPLACE(a, '`', '``'), '`')",
            "BEGIN DECLARE v, w VARCHAR(10) DEFAULT '/'; IF @@global.x LIKE 'win%' THEN SET v = '\\\\', w = IF(a, 1, 2); END IF; RETURN v; END",
            "BEGIN IF @sys.len IS NULL THEN SET @sys.len = sys_get_config('len', 64); ELSEIF a > 1 THEN RETURN 1; ELSE RETURN 2; END IF; RETURN @sys.len; END",
            "BEGIN DECLARE v INT; SELECT x INTO v FROM t WHERE y = a; RETURN v; END",
        ] {
            assert!(of(body).is_ok(), "{body}: {:?}", of(body));
        }
        let calls = of("RETURN IF(other.f(`g`(1)), LEFT (a, 1), 2)").expect("reads");
        let shown: Vec<String> = calls.into_iter().map(|c| format!("{}.{}", c.of, c.name)).collect();
        assert_eq!(shown, [".IF", ".LEFT", ".g", "other.f"]);
    }

    #[test]
    fn what_does_more_is_told() {
        for body in [
            "begin set global slow_launch_time = @@global.slow_launch_time + 1; return 1; end",
            "begin set @@global.slow_launch_time = 1; return 1; end",
            "begin set @a = 1, @@session.sql_log_bin = 0; return 1; end",
            "begin set sql_log_bin = 0; return 1; end",
            "begin declare v int; set v = (select 1), global x = 1; return 1; end",
            "begin begin declare sql_log_bin int; end; set sql_log_bin = 0; return 1; end",
            "begin insert into t values (1); return 1; end",
            "begin if a then truncate t; end if; return 1; end",
            "begin declare exit handler for sqlexception flush tables; return 1; end",
            "begin l: loop flush tables; end loop; return 1; end",
            "begin case a when 1 then drop table t; end case; return 1; end",
            "begin select 1 into outfile '/tmp/x'; return 1; end",
            "begin declare v int; select x into v from t for update; return v; end",
            "begin /*!50000 flush tables; */ return 1; end",
            "begin return nextval(s); end",
            "return (select 1 from t lock in share mode)",
        ] {
            assert!(of(body).is_err(), "{body}");
        }
        assert!(calls_when_it_reads("ANSI_QUOTES,STRICT_ALL_TABLES", "create function f() returns int return 1").is_err());
    }
}
