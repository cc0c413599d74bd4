//! The leading words of a statement: for command tags, and to refuse LOAD DATA LOCAL before it is sent.

use crate::model::Dialect;
use crate::sql::{TokenKind, lex};

/// The first `n` words of the statement in upper case; comments are passed over.
pub(super) fn leading(text: &str, n: usize) -> Vec<String> {
    let mut out = Vec::new();
    for t in lex(Dialect::MySql, text) {
        match t.kind {
            TokenKind::Whitespace | TokenKind::Comment => continue,
            TokenKind::Keyword | TokenKind::Identifier => out.push(text[t.span].to_ascii_uppercase()),
            // `(SELECT …) UNION …`
            TokenKind::Punctuation if out.is_empty() && &text[t.span.clone()] == "(" => continue,
            _ => break,
        }
        if out.len() == n {
            break;
        }
    }
    out
}

/// The command tag: `SELECT 20`, `UPDATE 3`, `CREATE TABLE`.
pub(super) fn tag(text: &str, rows: Option<u64>, affected: u64) -> String {
    let words = leading(text, 3);
    let first = words.first().map_or("OK", String::as_str);
    if let Some(rows) = rows {
        return match first {
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "SHOW" | "EXPLAIN" | "ANALYZE" | "DESC" | "DESCRIBE" | "CALL" | "CHECK" => {
                format!("{first} {rows}")
            }
            _ => format!("SELECT {rows}"),
        };
    }
    match first {
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" => format!("{first} {affected}"),
        "WITH" => format!("OK {affected}"),
        "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "RENAME" | "START" | "LOCK" | "UNLOCK" | "FLUSH" => {
            let skip = ["OR", "TEMPORARY", "UNIQUE", "FULLTEXT", "SPATIAL"];
            match words.get(1).map(String::as_str) {
                Some("OR") => match leading(text, 4).get(3) {
                    Some(object) => format!("{first} {object}"),
                    None => first.to_string(),
                },
                Some(second) if skip.contains(&second) => format!("{first} {}", words.get(2).map_or(second, String::as_str)),
                Some(second) => format!("{first} {second}"),
                None => first.to_string(),
            }
        }
        _ => first.to_string(),
    }
}

/// True when each row that the statement gives (RETURNING) is one that it changed. REPLACE gives only the new ones.
pub(super) fn changes_what_returns(text: &str) -> bool {
    leading(text, 1).first().is_some_and(|w| matches!(w.as_str(), "INSERT" | "UPDATE" | "DELETE"))
}

/// `LOAD DATA LOCAL …` and `LOAD XML LOCAL …` would send a file of this machine.
pub(super) fn sends_local_file(text: &str) -> bool {
    let words = leading(text, 4);
    words.first().is_some_and(|w| w == "LOAD") && words.iter().any(|w| w == "LOCAL")
}
