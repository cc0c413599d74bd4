//! What the server reports: errors and notices, from the protocol's fields to ours.

use crate::model::{Error, Kind, Notice};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

/// The fields of an ErrorResponse or a NoticeResponse.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    /// As the server says it, perhaps translated.
    pub severity: String,
    /// Never translated; servers before 9.6 do not send it.
    pub level: Option<String>,
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// In characters from 1.
    pub position: Option<usize>,
    pub internal_query: Option<String>,
    pub context: Option<String>,
    /// The object that a constraint violation is about: `public.orders.state`, constraint name.
    pub constraint: Option<String>,
}

impl Report {
    pub fn read(mut fields: ErrorFields<'_>) -> Report {
        let mut r = Report::default();
        // A report that breaks off is still worth showing as far as it came.
        while let Ok(Some(f)) = fields.next() {
            let text = String::from_utf8_lossy(f.value_bytes()).into_owned();
            match f.type_() {
                b'S' => r.severity = text,
                b'V' => r.level = Some(text),
                b'C' => r.code = text,
                b'M' => r.message = text,
                b'D' => r.detail = Some(text),
                b'H' => r.hint = Some(text),
                b'P' => r.position = text.parse().ok(),
                b'q' => r.internal_query = Some(text),
                b'W' => r.context = Some(text),
                b'n' => r.constraint = Some(text),
                _ => {}
            }
        }
        r
    }

    /// True when the server ends the session with this.
    pub fn fatal(&self) -> bool {
        matches!(self.level.as_deref().unwrap_or(&self.severity), "FATAL" | "PANIC")
    }

    pub fn notice(self) -> Notice {
        Notice { severity: self.severity, message: self.message, detail: self.detail, hint: self.hint }
    }

    /// As an error of a statement. `sql` is what the user wrote; `before` is how many characters we put before it.
    pub fn error(self, sql: &str, before: usize) -> Error {
        let mut e = Error::new(Kind::Statement, self.message);
        let mut detail: Vec<String> = self.detail.into_iter().collect();
        if let Some(q) = self.internal_query {
            detail.push(format!("in the query: {q}"));
        }
        detail.extend(self.context);
        if !detail.is_empty() {
            e = e.detail(detail.join("\n"));
        }
        e.hints.extend(self.hint);
        if let Some(at) = self.position.and_then(|p| p.checked_sub(before + 1))
            && let Some((byte, _)) = sql.char_indices().nth(at).or_else(|| (at >= sql.chars().count()).then_some((sql.len(), ' ')))
        {
            e = e.at(byte);
        }
        match self.code.as_str() {
            "42601" if is_multiple(&e.message) => {
                e.message = "one statement at a time: the text holds more than one".into();
                e.hints.push("Run them one after the other, or put them into a migration.".into());
            }
            "2D000" => {
                e.hints.push("A procedure may COMMIT or ROLLBACK only where no transaction is open: end yours first, then call it.".into())
            }
            // A parameter in a place that takes any type (`concat(:v)`): the server will not guess.
            "42P18" if e.message.contains("parameter $") => {
                e.hints.push("That place takes values of any type: say of which one this is, as in :name::text.".into())
            }
            "42501" => e.hints.push("The role lacks a privilege: ask its owner for the GRANT, or connect as another role.".into()),
            "25006" => e.kind = Kind::ReadOnly,
            "55P03" => e.hints.push("Another session holds the lock that this statement needs; run it again later.".into()),
            "57P01" | "57P02" | "57P03" => e.kind = Kind::Connect,
            _ => {}
        }
        if !self.code.is_empty() {
            e = e.code(self.code);
        }
        e
    }
}

/// The server has one code for all syntax errors, and only this sentence for several statements in one Parse.
fn is_multiple(message: &str) -> bool {
    message.contains("cannot insert multiple commands into a prepared statement")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: usize, sql: &str, before: usize) -> Option<usize> {
        Report { position: Some(position), message: "x".into(), ..Report::default() }.error(sql, before).position
    }

    #[test]
    fn positions_are_characters_and_become_bytes() {
        assert_eq!(at(8, "select äx", 0), Some(7));
        assert_eq!(at(9, "select äx", 0), Some(9), "after a two-byte character");
        assert_eq!(at(10, "select äx", 0), Some(10), "the end of the text");
        assert_eq!(at(18, "select äx", 10), Some(7), "with an EXPLAIN before it");
        assert_eq!(at(3, "select äx", 10), None, "inside what we put before it");
    }
}
