//! `\g`, `\gx` and `\G`: how psql and the `mariadb` client end a statement without a semicolon, the last two asking for its rows as
//! records.

use super::lexer::{TokenKind, lex};
use crate::model::{Dialect, Reading};
use std::ops::Range;

/// A statement that such a word ends, or the rest behind the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its place in the text, without the blanks round it.
    pub span: Range<usize>,
    /// Its rows are asked for as records.
    pub record: bool,
}

/// What one statement of the splitter falls into. In a string, a name or a comment the words are text; one with something behind it
/// on its line is none (`\g file` of psql), except in MySQL's dialect, whose client goes on behind it.
pub fn parts(reading: impl Into<Reading>, text: &str) -> Vec<Part> {
    let reading = reading.into();
    let mut out = Vec::new();
    let mut push = |span: Range<usize>, record: bool| {
        let part = &text[span.clone()];
        let start = span.start + part.len() - part.trim_start().len();
        let end = start + part.trim().len();
        if start < end {
            out.push(Part { span: start..end, record });
        }
    };
    let mut from = 0;
    if text.contains('\\') {
        for t in lex(reading, text) {
            if t.span.start < from || !matches!(t.kind, TokenKind::Other | TokenKind::Operator) {
                continue;
            }
            let behind = &text[t.span.start..];
            let Some(word) = ["\\gx", "\\G", "\\g"].into_iter().find(|w| behind.starts_with(w)) else { continue };
            let rest = &behind[word.len()..];
            let line = rest.split('\n').next().unwrap_or("").trim();
            let ends = match reading.dialect {
                Dialect::MySql => !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'),
                Dialect::Postgres | Dialect::Sqlite => line.is_empty() || line == ";",
            };
            if ends {
                push(from..t.span.start, word != "\\g");
                from = t.span.start + word.len();
                // A semicolon behind it ends nothing more.
                let blank = text[from..].len() - text[from..].trim_start().len();
                if text[from + blank..].starts_with(';') {
                    from += blank + 1;
                }
            }
        }
    }
    push(from..text.len(), false);
    out
}

/// A statement without the word that ends it, and whether its rows are to be shown as records; `None` when no such word does.
pub fn terminated(reading: impl Into<Reading>, statement: &str) -> Option<(&str, bool)> {
    match &parts(reading, statement)[..] {
        [one] if one.span.end < statement.trim_end().len() => Some((&statement[one.span.clone()], one.record)),
        _ => None,
    }
}

/// psql's `\;` stands in it, which sends several statements as one message.
pub fn joins(dialect: Dialect, statement: &str) -> bool {
    dialect == Dialect::Postgres
        && statement.contains("\\;")
        && lex(dialect, statement)
            .windows(2)
            .any(|t| t[0].kind == TokenKind::Other && t[1].kind == TokenKind::Semicolon && statement[t[0].span.clone()] == *"\\")
}

/// What to do in place of [`joins`].
pub const JOIN_INSTEAD: &str =
    "\\; is psql's way to send statements as one: write ; between them, and BEGIN and COMMIT round them where they belong together.";

/// The statement with its end: on a line of its own where a comment runs to the end of the last one and would take it in.
pub fn ended(dialect: Dialect, statement: &str) -> String {
    let line = lex(dialect, statement).last().is_some_and(|t| t.kind == TokenKind::Comment && !statement[t.span.clone()].starts_with("/*"));
    format!("{statement}{};", if line { "\n" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    fn told(d: Dialect, text: &str) -> Vec<(&str, bool)> {
        parts(d, text).into_iter().map(|p| (&text[p.span], p.record)).collect()
    }

    #[test]
    fn statements_end_as_in_the_native_clients() {
        assert_eq!(told(MySql, "select * from country\\G"), [("select * from country", true)]);
        assert_eq!(told(MySql, "select 1 \\g select 2\\G\n"), [("select 1", false), ("select 2", true)]);
        assert_eq!(told(MySql, "select 1\\G;"), [("select 1", true)]);
        assert_eq!(told(Postgres, "select 1 \\gx\nselect 2"), [("select 1", true), ("select 2", false)]);
        assert_eq!(told(Postgres, "select 1 \\g out.txt"), [("select 1 \\g out.txt", false)], "psql would write a file");
        assert_eq!(told(Sqlite, "select '\\G'"), [("select '\\G'", false)]);
        assert_eq!(told(Postgres, "select 1 -- \\g\n, 2"), [("select 1 -- \\g\n, 2", false)]);
        assert_eq!(told(MySql, "\\G"), []);
        assert_eq!(terminated(MySql, "select 1\\G"), Some(("select 1", true)));
        assert_eq!(terminated(MySql, "select 1"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text: String) {
            for d in [Postgres, MySql, Sqlite] {
                for p in parts(d, &text) {
                    let _ = &text[p.span];
                }
            }
        }
    }
}
