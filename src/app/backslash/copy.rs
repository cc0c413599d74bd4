//! `\copy`: psql's command, done by our own export and import. It is read here; files of another layout than ours are refused in
//! words, not guessed at.

use crate::app::effect::{Effect, Statement};
use crate::app::panes::files;
use crate::app::state::{Note, State};
use crate::model::Dialect;
use crate::ops::export::ExportFormat;
use crate::ops::import::Import;
use crate::ops::import::reader::Form;
use crate::sql::{Token, TokenKind, lex};
use std::path::{Path, PathBuf};

/// What the line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Copy {
    /// A statement's rows into a file.
    To { statement: String, file: String },
    /// A file into a table: what it holds where its ending does not say it, the text that stands for NULL, and the time zone of its moments.
    From { table: String, file: String, form: Option<Form>, null: Option<String>, time_zone: Option<String> },
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
                    files::export(state, Statement::new(statement, None), path, effects);
                    Ok(())
                }
            }
        }
        Ok(Copy::From { table, file, form, null, time_zone }) => {
            let file = PathBuf::from(&file);
            match form.or_else(|| Form::of_path(&file)) {
                None => {
                    Err("Which format? End the file's name in .csv, .tsv or .ndjson, or write `format csv` behind it; the first line of \
                             CSV and TSV names the columns."
                        .into())
                }
                Some(_) if state.link.server().is_none() => Err("No target is open.".into()),
                Some(form) => {
                    let import = Import { file, form, table, null, skip_refused: false, commit: false, time_zone, tried: None };
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

fn words(dialect: Dialect, rest: &str) -> Vec<Token> {
    lex(dialect, rest).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect()
}

/// TO or FROM outside of brackets, which ends what is copied.
fn way(tokens: &[Token], rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    (0..tokens.len()).find(|i| {
        let text = &rest[tokens[*i].span.clone()];
        match text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *i > 0 && (text.eq_ignore_ascii_case("to") || text.eq_ignore_ascii_case("from"))
    })
}

/// Where the name of the file begins, with its quote, when the text behind `\copy` ends in it.
pub fn file_at(dialect: Dialect, rest: &str) -> Option<usize> {
    let tokens = words(dialect, rest);
    let behind = &rest[tokens[way(&tokens, rest)?].span.end..];
    let name = behind.trim_start();
    let open = if name.starts_with('\'') { unquoted(name).is_none() } else { !name.contains(char::is_whitespace) };
    (open && name.len() < behind.len()).then_some(rest.len() - name.len())
}

/// Reads the line behind `\copy`. The error says what to do instead.
fn read(dialect: Dialect, rest: &str) -> Result<Copy, String> {
    let tokens = words(dialect, rest);
    let text = |i: usize| tokens.get(i).map_or("", |t| &rest[t.span.clone()]);
    let is = |i: usize, word: &str| text(i).eq_ignore_ascii_case(word);
    let Some(way) = way(&tokens, rest) else { return Err(format!("Write {USE}.")) };
    let what = rest[..tokens[way].span.start].trim();
    if is(way + 1, "program") {
        return Err("\\copy to or from a program is not done here: `holdpoint query … --format csv | program` does it.".into());
    }
    // An unquoted name of a file may hold anything but blanks.
    let behind = rest[tokens[way].span.end..].trim_start();
    let (file, options) = match behind.strip_prefix('\'') {
        Some(_) => unquoted(behind).ok_or("The quote before the file's name is not closed.")?,
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
    let out = is(way, "to");
    let Options { form, null, time_zone } = options_of(dialect, options, out.then_some(file.as_str()))?;
    // `table (a, b)`: the columns that are named.
    let columns = (1..way).find(|i| is(*i, "(") && !is(0, "("));
    if out {
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
    Ok(Copy::From { table: what.to_string(), file, form, null, time_zone })
}

/// What stands behind the file.
#[derive(Default)]
struct Options {
    form: Option<Form>,
    null: Option<String>,
    time_zone: Option<String>,
}

/// Reads them; `out` is the file that is written. What would be done otherwise than it is asked for is refused: whoever reads the file counts on
/// it.
fn options_of(dialect: Dialect, options: &str, out: Option<&str>) -> Result<Options, String> {
    const ENDING: &str = "the file's ending says the format (.csv is RFC 4180 with a header, .tsv, .ndjson …).";
    let mut found = Options::default();
    let mut left = options;
    while let Some((word, behind)) = next_word(left) {
        left = behind;
        match word.as_str() {
            "null" if out.is_none() => {
                let value = left.trim_start().trim_start_matches("as ").trim_start();
                let (text, behind) = unquoted(value).ok_or("NULL takes a text in quotes: null '-'.")?;
                (found.null, left) = (Some(text), behind);
            }
            "time_zone" if out.is_none() => {
                let (zone, behind) = unquoted(left.trim_start()).ok_or("time_zone takes a text in quotes: time_zone '+02:00'.")?;
                (found.time_zone, left) = (Some(zone), behind);
            }
            "with" | "format" => {}
            "header" => match next_word(left) {
                Some((value, _)) if matches!(value.as_str(), "false" | "off" | "0") => {
                    let names = "the first line of CSV and TSV names the columns";
                    return Err(match out {
                        Some(_) => {
                            format!("HEADER {value} is not done: {names}. Without it: `holdpoint query … --format csv | tail -n +2`.")
                        }
                        None => format!("HEADER {value} is not done: {names}. Put such a line before the others."),
                    });
                }
                Some((value, behind)) if matches!(value.as_str(), "true" | "on" | "1" | "match") => left = behind,
                _ => {}
            },
            _ => match (Form::of_name(&word), out) {
                (Some(form), None) => found.form = found.form.or(Some(form)),
                // What the ending says already.
                (_, Some(file)) if named(&word, dialect).is_some() => {
                    if named(&word, dialect) != ExportFormat::of_path(Path::new(file), dialect) {
                        return Err(format!("The file's ending says its format, and {word} is another one: end its name in .{word}."));
                    }
                }
                _ => return Err(format!("The option {} is not taken: {ENDING}", word.to_uppercase())),
            },
        }
    }
    Ok(found)
}

/// The format of this name, which is that of a file with such an ending.
fn named(word: &str, dialect: Dialect) -> Option<ExportFormat> {
    ExportFormat::of_path(Path::new(&format!("file.{word}")), dialect)
}

/// The next word, in small letters, and what stands behind it; brackets, commas and quotes are none.
fn next_word(text: &str) -> Option<(String, &str)> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let text = &text[text.find(part)?..];
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    Some((text[..end].to_ascii_lowercase(), &text[end..]))
}

/// The text in the quotes at the head, in which two stand for one, and what is behind them.
pub fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut out = String::new();
    loop {
        let (part, behind) = rest.split_once('\'')?;
        out.push_str(part);
        match behind.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some((out, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_people_type_are_read() {
        let to = |statement: &str, file: &str| Copy::To { statement: statement.into(), file: file.into() };
        let of = |table: &str, file: &str, form, null: Option<&str>| Copy::From {
            table: table.into(),
            file: file.into(),
            form,
            null: null.map(Into::into),
            time_zone: None,
        };
        let from = |table: &str, file: &str| of(table, file, None, None);
        for (typed, read_as) in [
            ("orders to 'o.csv'", to("select * from orders", "o.csv")),
            ("orders to o.csv csv header", to("select * from orders", "o.csv")),
            (
                "sales.orders (id, total) to '/tmp/my orders.csv' with (format csv, header)",
                to("select id, total from sales.orders", "/tmp/my orders.csv"),
            ),
            ("orders to 'o.csv' with (format 'csv', header 'on')", to("select * from orders", "o.csv")),
            ("orders from 'o.csv' (format csv, header match)", of("orders", "o.csv", Some(Form::Csv), None)),
            ("(select a from t where b in (1, 2)) TO 'x.json'", to("select a from t where b in (1, 2)", "x.json")),
            ("(select 'to' from \"from\") to x.tsv", to("select 'to' from \"from\"", "x.tsv")),
            ("orders from 'o.csv' csv header", of("orders", "o.csv", Some(Form::Csv), None)),
            ("orders from 'it''s.dat' format tsv null 'it''s'", of("orders", "it's.dat", Some(Form::Tsv), Some("it's"))),
            ("orders from 'o.csv' with (format csv, null '')", of("orders", "o.csv", Some(Form::Csv), Some(""))),
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
            ("orders from 'o.csv' null x", "in quotes"),
            ("orders to 'o.csv' null '-'", "NULL"),
            ("orders to 'o.csv' with (format csv, header false)", "tail -n +2"),
            ("orders to 'o.csv' csv header off", "HEADER off"),
            ("orders from 'o.csv' csv header 0", "Put such a line"),
            ("orders to 'o.csv' with (format text)", "TEXT"),
            ("orders to 'o.tsv' csv", "end its name in .csv"),
            ("orders from 'o.csv' (freeze)", "FREEZE"),
        ] {
            let why = read(Dialect::Postgres, typed).expect_err(typed);
            assert!(why.contains(part), "{typed}: {why}");
        }
    }

    #[test]
    fn what_the_history_keeps_of_an_import_is_read_as_the_same() {
        let plain = Import {
            file: "/tmp/it's here/ö.csv".into(),
            form: Form::Csv,
            table: "sales.\"Or der\"".into(),
            null: None,
            skip_refused: false,
            commit: true,
            time_zone: None,
            tried: None,
        };
        for (form, null, zone) in
            [(Form::Csv, None, None), (Form::Ndjson, None, Some("Europe/Berlin")), (Form::Tsv, Some("it's"), Some("+02:00"))]
        {
            let import = Import { form, null: null.map(Into::into), time_zone: zone.map(Into::into), ..plain.clone() };
            let typed = import.typed();
            let line = typed.strip_prefix("\\copy ").expect(&typed);
            let file = import.file.display().to_string();
            let read = read(Dialect::Postgres, line);
            let form = (form != Form::Csv).then_some(form);
            let expected = Copy::From { table: import.table, file, form, null: import.null, time_zone: import.time_zone };
            assert_eq!(read, Ok(expected), "{typed}");
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
