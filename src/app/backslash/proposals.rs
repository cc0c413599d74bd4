//! What completion proposes in a backslash line: the shortcuts themselves, and the names that some of them take. SQL has no place there.

use super::KNOWN;
use crate::app::paths::Name;
use crate::model::Dialect;
use crate::model::names::Names;
use crate::sql::complete::{Proposal, ProposalKind, Proposals, complete};
use crate::text;

/// Shortcuts that take one name, with a statement whose end takes the same.
const NAMED: [(&str, &str); 5] = [
    ("\\d", "select * from "),
    ("\\d+", "select * from "),
    ("\\sv", "drop view "),
    ("\\sf", "drop function "),
    ("\\copy", "select * from "),
];

/// Shortcuts that take a file, up to the end of the line.
const FILES: [&str; 5] = ["\\i", "\\ir", "\\include", "\\w", "\\write"];

/// Columns of the sentence beside a shortcut.
const SENTENCE: usize = 44;

/// Proposals for the end of a line's text up to the cursor; bytes count from the line's backslash.
pub fn proposals(dialect: Dialect, line: &str, names: &Names) -> Proposals {
    let Some((word, rest)) = line.split_once(char::is_whitespace) else { return shortcuts(line) };
    let name = rest.trim_start();
    let Some((_, statement)) = NAMED.iter().find(|(w, _)| *w == word).filter(|_| !name.contains(char::is_whitespace)) else {
        return Proposals { replace: line.len()..line.len(), ..Proposals::default() };
    };
    let asked = format!("{statement}{name}");
    let found = complete(dialect, &asked, asked.len(), names);
    // The name ends the line as it ends the statement.
    let moved = |byte: usize| (byte + line.len()).saturating_sub(asked.len());
    let names = |p: &Proposal| !matches!(p.kind, ProposalKind::Keyword | ProposalKind::Join);
    let rows = word.starts_with("\\d") || word == "\\copy";
    let list = found.list.into_iter().filter(|p| names(p) && !(rows && p.kind == ProposalKind::Function)).collect();
    Proposals { replace: moved(found.replace.start)..moved(found.replace.end), list, ..found }
}

/// A path at the end of a shortcut's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Where it begins in the line, with its quote.
    start: usize,
    /// As far as it is typed, without quotes.
    pub path: String,
    quoted: bool,
    /// A blank ends it unless it is in quotes.
    one_word: bool,
}

impl Argument {
    /// Of a line's text up to the cursor.
    pub fn of(dialect: Dialect, line: &str) -> Option<Argument> {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let one_word = word.eq_ignore_ascii_case("\\copy");
        let start = match one_word {
            true => line.len() - rest.len() + super::copy::file_at(dialect, rest)?,
            false => FILES.contains(&word).then(|| line.len() - rest.trim_start().len())?,
        };
        let typed = &line[start..];
        let (path, quoted) = match typed.strip_prefix('\'') {
            // It is closed.
            Some(_) if super::copy::unquoted(typed).is_some() => return None,
            Some(open) => (open.replace("''", "'"), true),
            None => (typed.to_string(), false),
        };
        Some(Argument { start, path, quoted, one_word })
    }

    /// What may stand there, and from which byte of the line on.
    pub fn proposals(&self, names: &[Name]) -> (usize, Vec<Proposal>) {
        let (directory, begins) = crate::app::paths::split(&self.path);
        let in_quotes = |s: &str| s.replace('\'', "''");
        let needs = |s: &str| s.starts_with('\'') || self.one_word && s.contains(|c: char| c.is_whitespace() || c == '\'');
        // Quotes stand round the whole path: where a name needs them it is replaced whole.
        let whole = !self.quoted && names.iter().any(|n| needs(&format!("{directory}{}", n.name)));
        let insert = |n: &Name| {
            let (shown, path) = (n.shown(), format!("{directory}{}", n.shown()));
            let close = if n.directory { "" } else { "'" };
            match (self.quoted, whole) {
                (true, _) => format!("{}{close}", in_quotes(&shown)),
                (false, true) if needs(&path) => format!("'{}{close}", in_quotes(&path)),
                (false, true) => path,
                (false, false) => shown,
            }
        };
        let from = match (self.quoted, whole) {
            (true, _) => self.start + 1 + in_quotes(directory).len(),
            (false, true) => self.start,
            (false, false) => self.start + self.path.len() - begins.len(),
        };
        (from, names.iter().map(|n| Proposal { kind: ProposalKind::Keyword, insert: insert(n), detail: String::new() }).collect())
    }
}

/// Shortcuts that begin like this.
fn shortcuts(typed: &str) -> Proposals {
    let all = || KNOWN.iter().flat_map(|(keys, what)| keys.split_whitespace().filter(|k| k.starts_with('\\')).map(move |k| (k, *what)));
    let all = || all().map(|(k, what)| (k.trim_end_matches(','), what));
    let mut list: Vec<Proposal> = Vec::new();
    for (key, what) in all().filter(|(k, _)| k.starts_with(typed) && *k != typed) {
        if !list.iter().any(|p| p.insert == key) {
            let detail = text::truncate(what, SENTENCE).into_owned();
            list.push(Proposal { kind: ProposalKind::Keyword, insert: key.to_string(), detail });
        }
    }
    Proposals { replace: 0..typed.len(), list, complete: all().any(|(k, _)| k == typed), unread: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeKind;
    use crate::model::names::Collector;

    fn of(line: &str) -> (Vec<String>, std::ops::Range<usize>) {
        let mut c = Collector::default();
        c.relation("public", "orders", NodeKind::Table, false);
        c.relation("public", "Recent", NodeKind::View, false);
        c.place("public", None, "Functions", NodeKind::Function, "ordered(amount numeric)");
        let names = c.finish(vec!["public".into()], vec!["public".into()], vec!["coalesce".into()]);
        let found = proposals(Dialect::Postgres, line, &names);
        (found.list.into_iter().map(|p| p.insert).collect(), found.replace)
    }

    #[test]
    fn paths_are_completed_where_a_file_is_meant() {
        let of = |line: &str| {
            let argument = Argument::of(Dialect::Postgres, line)?;
            let (directory, begins) = crate::app::paths::split(&argument.path);
            let names = [("my file.csv", false), ("my", true), ("it's.sql", false), ("o.csv", false)];
            let names: Vec<Name> = names
                .iter()
                .filter(|(n, _)| n.starts_with(begins))
                .map(|(n, directory)| Name { name: (*n).into(), directory: *directory })
                .collect();
            let (from, list) = argument.proposals(&names);
            let lines: Vec<String> = list.iter().map(|p| format!("{}{}", &line[..from], p.insert)).collect();
            assert!(directory.is_empty() || directory.ends_with('/'));
            Some(lines.join("|"))
        };
        for (line, after) in [
            ("\\i o", Some("\\i o.csv")),
            ("\\i  d/my", Some("\\i  d/my file.csv|\\i  d/my/")),
            ("\\i 'm", Some("\\i 'my file.csv'|\\i 'my/")),
            ("\\w it", Some("\\w it's.sql")),
            ("\\w 'it", Some("\\w 'it''s.sql'")),
            ("\\copy t to d/o", Some("\\copy t to d/o.csv")),
            ("\\copy t to d/m", Some("\\copy t to 'd/my file.csv'|\\copy t to d/my/")),
            ("\\copy (select 1 from t) to 'd/m", Some("\\copy (select 1 from t) to 'd/my file.csv'|\\copy (select 1 from t) to 'd/my/")),
            ("\\COPY t from it", Some("\\COPY t from 'it''s.sql'")),
            ("\\i ", Some("\\i my file.csv|\\i my/|\\i it's.sql|\\i o.csv")),
            ("\\i", None),
            ("\\d o", None),
            ("\\copy t", None),
            ("\\copy t to", None),
            ("\\copy t to o.csv csv", None),
            ("\\copy t to 'o.csv' ", None),
            ("\\i 'o.csv'", None),
        ] {
            assert_eq!(of(line).as_deref(), after, "{line}");
        }
    }

    #[test]
    fn a_backslash_line_has_shortcuts_and_their_names_and_no_sql() {
        assert_eq!(of("\\co"), (vec!["\\conninfo".to_string(), "\\copy".into()], 0..3));
        assert_eq!(of("\\sv"), (Vec::new(), 0..3), "it is whole");
        assert_eq!(of("\\DT"), (Vec::new(), 0..3));
        assert_eq!(of("\\d ord"), (vec!["orders".to_string()], 3..6));
        assert_eq!(of("\\d  public.ord"), (vec!["orders".to_string()], 11..14));
        assert_eq!(of("\\sv Rec"), (vec!["\"Recent\"".to_string()], 4..7));
        assert_eq!(of("\\sf ord"), (vec!["ordered".to_string()], 4..7));
        assert_eq!(of("\\copy ord"), (vec!["orders".to_string()], 6..9));
        for line in ["\\c ord", "\\echo sel", "\\watch ", "\\d orders ord"] {
            assert_eq!(of(line).0, Vec::<String>::new(), "{line}");
        }
    }
}
