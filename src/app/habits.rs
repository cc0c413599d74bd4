//! Words that are commands of other clients and no SQL. Nothing of them is done in silence: the server refuses them, and the refusal says
//! what does the same here.

use super::action::Action;
use super::keys::keys_now;
use super::state::State;
use crate::model::{Dialect, Error, Kind};
use crate::sql::{TokenKind, terminator};

/// A statement that means leaving, in every client: no server knows it.
pub fn leaves(statement: &str) -> bool {
    let word = statement.trim().trim_end_matches(';').trim();
    ["quit", "exit"].iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// The error of a statement, with what to do instead where it was a command of another client.
pub fn explained(state: &State, statement: &str, error: Error) -> Error {
    // What only reads refuses such words before the server sees them.
    if !matches!(error.kind, Kind::Statement | Kind::ReadOnly | Kind::Held) {
        return error;
    }
    // PostgreSQL's "in failed SQL transaction": what comes next is a key, and on the screen.
    if error.code.as_deref() == Some("25P02") {
        let keys = keys_now(state, Action::Rollback).unwrap_or_else(|| ":rollback".into());
        return error.hint(format!("{keys} rolls it back; ROLLBACK TO a savepoint keeps what was before that."));
    }
    match instead(state, statement).or_else(|| quoted_value(state, statement)) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// psql's `:'name'` and `:"name"`.
fn quoted_value(state: &State, statement: &str) -> Option<String> {
    let tokens = crate::sql::lex(state.query.editor.reading(), statement);
    let at = tokens.windows(2).find(|t| {
        let inner = statement[t[1].span.clone()].trim_matches(['\'', '"']);
        let name = !inner.is_empty() && inner.chars().all(|c| c.is_alphanumeric() || c == '_');
        let quoted = matches!(t[1].kind, TokenKind::String | TokenKind::QuotedIdentifier);
        &statement[t[0].span.clone()] == ":" && quoted && name && t[0].span.end == t[1].span.start
    })?;
    let name = statement[at[1].span.clone()].trim_matches(['\'', '"']);
    Some(match at[1].kind {
        TokenKind::String => format!("Write :{name}, without quotes: the value is asked for, and quoted as it has to be."),
        _ => format!("A name cannot be a parameter here: write the one that :\"{name}\" stands for."),
    })
}

fn instead(state: &State, statement: &str) -> Option<String> {
    let dialect = state.query.editor.dialect();
    if terminator::joins(dialect, statement) {
        return Some(terminator::JOIN_INSTEAD.into());
    }
    let mut words = statement.trim().trim_end_matches(';').split_whitespace();
    let first = words.next()?.to_ascii_lowercase();
    let rest = words.collect::<Vec<_>>().join(" ");
    let behind = |command: &str| if rest.is_empty() { command.to_string() } else { format!("{command} {rest}") };
    let key = |a: Action| keys_now(state, a).unwrap_or_else(|| format!(":{}", a.name()));
    let mysql = dialect == Dialect::MySql;
    let hint = match first.as_str() {
        "help" | "?" | ".help" => format!("{} explains this pane and its keys; \\? lists the shortcuts.", key(Action::Help)),
        "show" if !mysql && rest.eq_ignore_ascii_case("tables") => "\\dt lists the tables.".into(),
        "show" if !mysql && (rest.eq_ignore_ascii_case("databases") || rest.eq_ignore_ascii_case("schemas")) => {
            "\\l lists the databases, \\dn the schemas.".into()
        }
        "desc" | "describe" if !mysql => format!("{} shows a table's definition.", behind("\\d")),
        "use" if !mysql => "\\c goes to another target; a bare name is looked for along search_path on PostgreSQL.".into(),
        "\\." | "source" | ".read" => format!("{} opens the file in the editor.", behind("\\i")),
        "tee" | "notee" | "\\t" | ".output" | ".once" => {
            format!("\\copy (select …) to 'file.csv' writes rows into a file; {} lists what was run.", key(Action::History))
        }
        "pager" | "nopager" | "\\p" | ".mode" | ".headers" | ".header" | ".width" | ".nullvalue" => {
            "Rows stand in a grid: \\x shows them as records, \\copy writes them as CSV, JSON, Markdown and others.".into()
        }
        "rehash" | "\\#" => format!("Names are read again after DDL; {} in the schema tree reads them at once.", key(Action::Refresh)),
        "status" | ".databases" | ".show" => "\\conninfo says what is connected to what.".into(),
        "connect" | ".open" => "\\c name connects to another target; \\c lists them.".into(),
        "edit" => format!("{} gives the text to your own editor.", key(Action::EditOutside)),
        ".tables" => format!("{} lists the tables.", behind("\\dt")),
        ".indexes" | ".indices" => "\\di lists the indexes.".into(),
        ".schema" | ".fullschema" => format!("{} shows definitions.", behind("\\d")),
        ".import" => "\\copy table from 'file.csv' imports a file: it is tried first.".into(),
        ".dump" | ".backup" | ".save" => format!("{} goes to the backups.", key(Action::GoBackups)),
        ".quit" | ".exit" => format!("{} quits.", key(Action::Quit)),
        ".timer" => "Times stand beside every result, always.".into(),
        word if word.starts_with('.') && dialect == Dialect::Sqlite => "\\? lists the shortcuts of this console.".into(),
        _ => return None,
    };
    Some(hint)
}
