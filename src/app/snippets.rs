//! Texts with places to fill in: `${1:name}` is selected first, `Tab` goes on to the next, `${0}` comes last.

use super::effect::Effect;
use super::palette::{Choice, Entry, Finds, Palette};
use super::panes::query;
use super::state::{Pane, State};
use crate::model::Dialect;
use std::collections::VecDeque;
use std::ops::Range;

/// Those that every dialect takes.
const COMMON: [(&str, &str); 9] = [
    ("select", "SELECT ${2:*}\nFROM ${1:table}\nWHERE ${3:condition};"),
    ("insert", "INSERT INTO ${1:table} (${2:columns})\nVALUES (${3:values});"),
    ("update", "UPDATE ${1:table}\nSET ${2:column} = ${3:value}\nWHERE ${4:condition};"),
    ("delete", "DELETE FROM ${1:table}\nWHERE ${2:condition};"),
    ("join", "JOIN ${1:table} ON ${2:condition}"),
    ("with", "WITH ${1:name} AS (\n    ${2:SELECT 1}\n)\nSELECT ${3:*}\nFROM ${1:name};"),
    ("count by", "SELECT ${2:column}, count(*)\nFROM ${1:table}\nGROUP BY ${2:column}\nORDER BY 2 DESC;"),
    ("case", "CASE WHEN ${1:condition} THEN ${2:value} ELSE ${3:other} END"),
    ("duplicates", "SELECT ${2:column}, count(*)\nFROM ${1:table}\nGROUP BY ${2:column}\nHAVING count(*) > 1;"),
];

const POSTGRES: [(&str, &str); 4] = [
    (
        "upsert",
        "INSERT INTO ${1:table} (${2:columns})\nVALUES (${3:values})\nON CONFLICT (${4:key}) DO UPDATE\nSET ${5:column} = excluded.${5:column};",
    ),
    ("index", "CREATE INDEX CONCURRENTLY ${1:name} ON ${2:table} (${3:columns});"),
    ("first of each", "SELECT DISTINCT ON (${2:key}) *\nFROM ${1:table}\nORDER BY ${2:key}, ${3:newest} DESC;"),
    (
        "running statements",
        "SELECT pid, state, now() - query_start AS takes, query\nFROM pg_stat_activity\nWHERE state <> 'idle'\nORDER BY query_start;",
    ),
];

const MYSQL: [(&str, &str); 3] = [
    ("upsert", "INSERT INTO ${1:table} (${2:columns})\nVALUES (${3:values})\nON DUPLICATE KEY UPDATE ${4:column} = VALUES(${4:column});"),
    ("index", "ALTER TABLE ${1:table} ADD INDEX ${2:name} (${3:columns}), ALGORITHM=INPLACE, LOCK=NONE;"),
    (
        "running statements",
        "SELECT id, user, time, state, info\nFROM information_schema.processlist\nWHERE command <> 'Sleep'\nORDER BY time DESC;",
    ),
];

const SQLITE: [(&str, &str); 3] = [
    (
        "upsert",
        "INSERT INTO ${1:table} (${2:columns})\nVALUES (${3:values})\nON CONFLICT (${4:key}) DO UPDATE\nSET ${5:column} = excluded.${5:column};",
    ),
    ("index", "CREATE INDEX ${1:name} ON ${2:table} (${3:columns});"),
    ("foreign keys that dangle", "PRAGMA foreign_key_check(${1:table});"),
];

/// Places that are still to be filled in.
#[derive(Debug)]
pub struct Stops {
    /// Bytes in the text as it was when the cursor came to `at`.
    rest: VecDeque<Range<usize>>,
    at: usize,
    len: usize,
    version: u64,
}

/// A template as text, and the bytes of its places in the order in which they are filled in.
pub fn expand(template: &str) -> (String, Vec<Range<usize>>) {
    let mut out = String::new();
    let mut stops: Vec<(u32, Range<usize>)> = Vec::new();
    let mut rest = template;
    while let Some(i) = rest.find("${") {
        let (before, tail) = rest.split_at(i);
        out.push_str(before);
        let stop = tail.find('}').and_then(|end| {
            let (number, name) = tail[2..end].split_once(':').unwrap_or((&tail[2..end], ""));
            Some((number.parse::<u32>().ok()?, name, end))
        });
        match stop {
            Some((number, name, end)) => {
                stops.push((if number == 0 { u32::MAX } else { number }, out.len()..out.len() + name.len()));
                out.push_str(name);
                rest = &tail[end + 1..];
            }
            // Not one of ours: text.
            None => {
                out.push_str("${");
                rest = &tail[2..];
            }
        }
    }
    out.push_str(rest);
    stops.sort_by_key(|(n, r)| (*n, r.start));
    (out, stops.into_iter().map(|(_, r)| r).collect())
}

/// All snippets of a dialect: the user's, then ours that have no other meaning there.
fn all(state: &State, dialect: Dialect) -> Vec<(String, String)> {
    let own = state.config.snippets.iter().cloned();
    let ours: &[(&str, &str)] = match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::MySql => &MYSQL,
        Dialect::Sqlite => &SQLITE,
    };
    let mut out: Vec<(String, String)> = own.collect();
    for (name, text) in COMMON.iter().chain(ours) {
        if !out.iter().any(|(n, _)| n == name) {
            out.push(((*name).to_string(), (*text).to_string()));
        }
    }
    out
}

/// Shows the list.
pub fn list(state: &mut State) {
    let entries = all(state, state.query.editor.dialect()).into_iter().map(|(label, template)| {
        let note = crate::text::one_line(&expand(&template).0);
        Entry { label, note, keys: String::new(), choice: Choice::Snippet(template) }
    });
    let palette = Palette::with(entries.collect(), Finds::Snippets, state);
    state.dialogs.push(super::dialog::Dialog::Palette(palette));
}

/// Puts a snippet at the cursor, in the place of what is selected.
pub fn insert(state: &mut State, template: &str, effects: &mut Vec<Effect>) {
    state.go(Pane::Editor);
    state.view.typing = true;
    let (text, stops) = expand(template);
    let e = &mut state.query.editor;
    let start = e.selection().map_or(e.cursor_byte(), |r| r.start);
    e.insert(&text);
    let rest: VecDeque<Range<usize>> = stops.into_iter().map(|r| start + r.start..start + r.end).collect();
    state.query.stops = Some(Stops { rest, at: usize::MAX, len: e.text().len(), version: e.version });
    next(state);
    query::edited(state, effects);
}

/// Goes to the next place, if there is one: true. What was typed since was typed at the last one.
pub fn next(state: &mut State) -> bool {
    let Some(mut stops) = state.query.stops.take() else { return false };
    let e = &mut state.query.editor;
    let more = e.text().len() as isize - stops.len as isize;
    for r in &mut stops.rest {
        if r.start >= stops.at {
            let moved = |n: usize| n.saturating_add_signed(more);
            *r = moved(r.start)..moved(r.end);
        }
    }
    let Some(to) = stops.rest.pop_front().filter(|r| super::buffers::same(e.version, stops.version) && r.end <= e.text().len()) else {
        return false;
    };
    e.go_to_byte(to.start);
    if !to.is_empty() {
        e.select(to.clone());
    }
    stops = Stops { at: to.start, len: e.text().len(), version: e.version, ..stops };
    if !stops.rest.is_empty() {
        state.query.stops = Some(stops);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_by_their_numbers() {
        assert_eq!(expand("a ${2:two} ${1:one}${0}."), ("a two one.".into(), vec![6..9, 2..5, 9..9]));
        assert_eq!(expand("${x} ${ ${1"), ("${x} ${ ${1".into(), vec![]));
        let (text, places) = expand("${1:ä}");
        assert_eq!((text.as_str(), places.len(), places[0].clone()), ("ä", 1, 0..2));
    }

    #[test]
    fn what_is_built_in_is_sql_of_its_dialect() {
        for (dialect, own) in [(Dialect::Postgres, &POSTGRES[..]), (Dialect::MySql, &MYSQL[..]), (Dialect::Sqlite, &SQLITE[..])] {
            for (name, template) in COMMON.iter().chain(own) {
                let (text, stops) = expand(template);
                assert!(!text.contains("${") && !stops.is_empty() || *name == "running statements", "{name}");
                let split = crate::sql::split(dialect, &text);
                assert!(split.len() == 1 && split[0].complete, "{name}: {text}");
            }
        }
    }
}
