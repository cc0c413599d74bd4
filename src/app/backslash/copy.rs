//! `\copy`: psql's command, done by our own export and import. It is read here; files of another layout than ours are refused in
//! words, not guessed at.

use crate::app::effect::{Effect, Statement};
use crate::app::panes::files;
use crate::app::state::{Note, State};
use crate::model::Dialect;
use crate::ops::export::ExportFormat;
use crate::ops::import::Import;
use crate::ops::import::reader::Form;
use crate::sql::{TokenKind, lex};
use std::path::PathBuf;

/// What the line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Copy {
    /// A statement's rows into a file.
    To { statement: String, file: String },
    /// A file into a table.
    From { table: String, file: String },
}

const USE: &str = "\\copy table to 'file.csv', \\copy (select …) to 'file.csv', \\copy table from 'file.csv'";

/// Does it.
pub fn run(state: &mut State, rest: &str, effects: &mut Vec<Effect>) {
    let read = read(state.query.editor.dialect(), rest);
    let outcome = match read {
        Ok(Copy::To { statement, file }) => {
            let path = PathBuf::from(&file);
            match ExportFormat::of_path(&path, state.query.editor.dialect()) {
                None => Err(format!("Which format? End the file's name in {}.", ExportFormat::ENDINGS.replace(' ', ", "))),
                Some(_) if state.link.server().is_none() => Err("No target is open.".into()),
                Some(_) => {
                    files::start(state, Statement::new(statement, None), path, effects);
                    Ok(())
                }
            }
        }
        Ok(Copy::From { table, file }) => {
            let file = PathBuf::from(&file);
            match Form::of_path(&file) {
                None => {
                    Err("Which format? End the file's name in .csv, .tsv or .ndjson; the first line of CSV and TSV names the columns."
                        .into())
                }
                Some(_) if state.link.server().is_none() => Err("No target is open.".into()),
                Some(form) => {
                    let import = Import { file, form, table, null: None, skip_refused: false, commit: false };
                    crate::app::import::start(state, import, effects);
                    Ok(())
                }
            }
        }
        Err(why) => Err(why),
    };
    if let Err(why) = outcome {
        state.say(Note::warning(why));
    }
}

/// Reads the line behind `\copy`. The error says what to do instead.
fn read(dialect: Dialect, rest: &str) -> Result<Copy, String> {
    let tokens: Vec<_> = lex(dialect, rest).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let text = |i: usize| tokens.get(i).map_or("", |t| &rest[t.span.clone()]);
    let is = |i: usize, word: &str| text(i).eq_ignore_ascii_case(word);
    // TO or FROM outside of brackets ends what is copied.
    let mut depth = 0usize;
    let mut way = None;
    for i in 0..tokens.len() {
        match text(i) {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth == 0 && i > 0 && (is(i, "to") || is(i, "from")) => {
                way = Some(i);
                break;
            }
            _ => {}
        }
    }
    let Some(way) = way else { return Err(format!("Write {USE}.")) };
    let what = rest[..tokens[way].span.start].trim();
    if is(way + 1, "program") {
        return Err("\\copy to or from a program is not done here: `holdpoint query … --format csv | program` does it.".into());
    }
    // An unquoted name of a file may hold anything but blanks.
    let behind = rest[tokens[way].span.end..].trim_start();
    let (file, options) = match behind.strip_prefix('\'') {
        Some(quoted) => match quoted.split_once('\'') {
            Some((f, o)) => (f.to_string(), o),
            None => return Err("The quote before the file's name is not closed.".into()),
        },
        None => {
            let (f, o) = behind.split_once(char::is_whitespace).unwrap_or((behind, ""));
            (f.to_string(), o)
        }
    };
    match file.to_ascii_lowercase().as_str() {
        "" => return Err(format!("Which file? Write {USE}.")),
        "stdin" | "stdout" | "pstdin" | "pstdout" => {
            return Err("Here is no standard input or output to copy with: name a file.".into());
        }
        _ => {}
    }
    for word in ["delimiter", "force_quote", "quote", "escape", "binary", "where", "null", "encoding"] {
        if options.split(|c: char| !c.is_alphanumeric() && c != '_').any(|o| o.eq_ignore_ascii_case(word)) {
            return Err(format!(
                "The option {} is not taken: the file's ending says the format (.csv is RFC 4180 with a header, .tsv, .ndjson …).",
                word.to_uppercase()
            ));
        }
    }
    // `table (a, b)`: the columns that are named.
    let columns = (1..way).find(|i| is(*i, "(") && !is(0, "("));
    if is(way, "to") {
        let statement = if is(0, "(") {
            let inner = what.strip_prefix('(').and_then(|w| w.strip_suffix(')')).ok_or_else(|| format!("Write {USE}."))?;
            inner.trim().to_string()
        } else {
            match columns {
                Some(open) => {
                    let list = rest[tokens[open].span.start..tokens[way].span.start].trim().trim_start_matches('(').trim_end_matches(')');
                    format!("select {} from {}", list.trim(), rest[..tokens[open].span.start].trim())
                }
                None => format!("select * from {what}"),
            }
        };
        return Ok(Copy::To { statement, file });
    }
    if is(0, "(") {
        return Err("Rows come into a table, not into a query.".into());
    }
    if columns.is_some() {
        return Err("Leave the list of columns out: the first line of the file names them.".into());
    }
    Ok(Copy::From { table: what.to_string(), file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_people_type_are_read() {
        let to = |statement: &str, file: &str| Copy::To { statement: statement.into(), file: file.into() };
        let from = |table: &str, file: &str| Copy::From { table: table.into(), file: file.into() };
        for (typed, read_as) in [
            ("orders to 'o.csv'", to("select * from orders", "o.csv")),
            ("orders to o.csv csv header", to("select * from orders", "o.csv")),
            (
                "sales.orders (id, total) to '/tmp/my orders.csv' with (format csv, header)",
                to("select id, total from sales.orders", "/tmp/my orders.csv"),
            ),
            ("(select a from t where b in (1, 2)) TO 'x.json'", to("select a from t where b in (1, 2)", "x.json")),
            ("(select 'to' from \"from\") to x.tsv", to("select 'to' from \"from\"", "x.tsv")),
            ("orders from 'o.csv' csv header", from("orders", "o.csv")),
            ("sales.\"Or der\" FROM o.ndjson", from("sales.\"Or der\"", "o.ndjson")),
        ] {
            assert_eq!(read(Dialect::Postgres, typed), Ok(read_as), "{typed}");
        }
    }

    #[test]
    fn what_is_not_done_says_what_is() {
        for (typed, part) in [
            ("orders", "Write \\copy"),
            ("", "Write \\copy"),
            ("orders to", "Which file?"),
            ("orders to stdout", "name a file"),
            ("orders to program 'gzip'", "holdpoint query"),
            ("orders to 'o.csv", "not closed"),
            ("orders to 'o.csv' delimiter ';'", "DELIMITER"),
            ("orders (id) from 'o.csv'", "list of columns"),
            ("(select 1) from 'o.csv'", "into a table"),
        ] {
            let why = read(Dialect::Postgres, typed).expect_err(typed);
            assert!(why.contains(part), "{typed}: {why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused(text in "\\PC{0,60}", words in "(orders|to|from|\\(|\\)|'|select|,| |x.csv|csv){0,20}") {
            let _ = read(Dialect::MySql, &text);
            let _ = read(Dialect::Postgres, &words);
        }
    }
}
