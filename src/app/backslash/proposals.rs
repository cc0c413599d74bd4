//! What completion proposes in a backslash line: the shortcuts themselves, and the names that some of them take. SQL has no place there.

use super::KNOWN;
use crate::model::Dialect;
use crate::model::names::Names;
use crate::sql::complete::{Proposal, ProposalKind, Proposals, complete};
use crate::text;

/// Shortcuts that take one name, with a statement whose end takes the same.
const NAMED: [(&str, &str); 4] =
    [("\\d", "select * from "), ("\\d+", "select * from "), ("\\sv", "drop view "), ("\\sf", "drop function ")];

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
    let rows = word.starts_with("\\d");
    let list = found.list.into_iter().filter(|p| names(p) && !(rows && p.kind == ProposalKind::Function)).collect();
    Proposals { replace: moved(found.replace.start)..moved(found.replace.end), list, ..found }
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
    fn a_backslash_line_has_shortcuts_and_their_names_and_no_sql() {
        assert_eq!(of("\\co"), (vec!["\\conninfo".to_string(), "\\copy".into()], 0..3));
        assert_eq!(of("\\sv"), (Vec::new(), 0..3), "it is whole");
        assert_eq!(of("\\DT"), (Vec::new(), 0..3));
        assert_eq!(of("\\d ord"), (vec!["orders".to_string()], 3..6));
        assert_eq!(of("\\d  public.ord"), (vec!["orders".to_string()], 11..14));
        assert_eq!(of("\\sv Rec"), (vec!["\"Recent\"".to_string()], 4..7));
        assert_eq!(of("\\sf ord"), (vec!["ordered".to_string()], 4..7));
        for line in ["\\c ord", "\\copy ord", "\\echo sel", "\\watch ", "\\d orders ord"] {
            assert_eq!(of(line).0, Vec::<String>::new(), "{line}");
        }
    }
}
