//! `\\d name`: the definition of what a name means, as the server would take it.

use super::{known, relations};
use crate::app::completion;
use crate::app::effect::Effect;
use crate::app::state::{Note, State};
use crate::model::names::{Names, Relation};
use crate::model::{Dialect, NodeKind, NodePath};
use crate::text;

/// A part of a name as typed.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    name: String,
    quoted: bool,
}

impl Part {
    /// Whether the server takes it for this name; `by_case` is [`Names::by_case`].
    fn is(&self, name: &str, dialect: Dialect, by_case: bool) -> bool {
        match dialect {
            // In quotes every letter counts; without them it is folded.
            Dialect::Postgres if self.quoted => self.name == name,
            Dialect::Postgres => self.name.to_ascii_lowercase() == name,
            Dialect::MySql if by_case => self.name == name,
            Dialect::MySql | Dialect::Sqlite => self.name.eq_ignore_ascii_case(name),
        }
    }
}

/// The parts of a name: dots in quotes part nothing, and two quotes are one of the name. SQLite takes brackets for quotes, too.
fn parts(dialect: Dialect, typed: &str) -> Vec<Part> {
    let mut out = vec![Part { name: String::new(), quoted: false }];
    let mut chars = typed.trim().chars().peekable();
    let mut within = None;
    while let Some(c) = chars.next() {
        let Some(last) = out.last_mut() else { break };
        match within {
            Some(q) if c == q && q != ']' && chars.peek() == Some(&q) => last.name.extend(chars.next()),
            Some(q) if c == q => within = None,
            Some(_) => last.name.push(c),
            None if c == '"' || c == '`' => (within, last.quoted) = (Some(c), true),
            None if c == '[' && dialect == Dialect::Sqlite => (within, last.quoted) = (Some(']'), true),
            None if c == '.' => out.push(Part { name: String::new(), quoted: false }),
            None => last.name.push(c),
        }
    }
    out
}

/// What the name means among those that were read.
fn find<'a>(names: &'a Names, dialect: Dialect, schema: Option<&Part>, bare: &Part) -> Option<&'a Relation> {
    let means = |r: &&Relation| bare.is(&r.name, dialect, names.by_case) && schema.is_none_or(|s| s.is(&r.schema, dialect, names.by_case));
    let rank = |r: &Relation| names.path.iter().position(|p| **p == *r.schema).unwrap_or(names.path.len());
    // The exact spelling wins where two names differ by case alone.
    names.relations.iter().filter(means).min_by_key(|r| (rank(r), *r.name != *bare.name))
}

/// Shows the definition. A name that is not known is looked for on the server first: another session may have made it.
pub fn show(state: &mut State, typed: &str, effects: &mut Vec<Effect>) {
    look(state, typed, false, effects);
}

/// The names were read again because of a name that was not among them.
pub fn again(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(typed) = state.completion.sought.take() else { return };
    match state.completion.problem.take() {
        Some(why) => {
            let mut note = Note::warning(format!("{} was not there when the names were read.", text::clean(&typed)));
            note.more.push(format!("They cannot be read again: {why}"));
            state.say(note);
        }
        None => look(state, &typed, true, effects),
    }
}

fn look(state: &mut State, typed: &str, fresh: bool, effects: &mut Vec<Effect>) {
    let Some(names) = known(state) else { return };
    let dialect = state.query.editor.dialect();
    let mut parts = parts(dialect, typed);
    let Some(bare) = parts.pop() else { return };
    let schema = parts.pop();
    // Beyond the path a bare name means nothing to the server: what bears it is named, and shown only when it is one.
    let mut beyond = Vec::new();
    if schema.is_none() {
        let named = |r: &&Relation| bare.is(&r.name, dialect, names.by_case);
        let reached = |r: &Relation| names.path.iter().any(|p| **p == *r.schema);
        if !names.relations.iter().filter(named).any(reached) {
            beyond = names.relations.iter().filter(named).map(|r| format!("{}.{}", r.schema, r.name)).collect();
        }
    }
    match find(&names, dialect, schema.as_ref(), &bare) {
        Some(_) if beyond.len() > 1 => {
            let mut note =
                Note::warning(format!("{} is in {} schemas, none of them in the search path.", text::clean(&bare.name), beyond.len()));
            note.more.push(format!("\\d with its schema shows one: {}.", text::clean(&beyond.join(", "))));
            state.say(note);
        }
        Some(r) if *r.schema == *completion::TEMPORARY => {
            let (name, quoted) = (text::clean(&r.name).into_owned(), text::clean(&dialect.quote_ident(&r.name)).into_owned());
            let mut note = Note::info(format!("{name} is a temporary table: your session alone knows what it holds."));
            note.more.push(match dialect {
                Dialect::Postgres => format!("SELECT * FROM {quoted} LIMIT 0 shows its columns."),
                Dialect::MySql | Dialect::Sqlite => format!("SHOW CREATE TABLE {quoted} shows it."),
            });
            state.say(note);
        }
        Some(r) => {
            if let Some(only) = beyond.first().filter(|_| !r.schema.is_empty()) {
                state.say(Note::info(format!("{} is not in the search path: a statement has to name its schema.", text::clean(only))));
            }
            let at = NodePath::root().child(NodeKind::Schema, &*r.schema).child(r.kind, &*r.name);
            effects.push(Effect::Definition { link: state.link_no, at });
        }
        None if bare.name.contains(['*', '?']) && !bare.quoted => {
            relations(state, &[NodeKind::Table, NodeKind::View, NodeKind::MaterializedView], "Tables and views", typed)
        }
        None if let Some(at) = hanging(&names, dialect, schema.as_ref(), &bare) => {
            effects.push(Effect::Definition { link: state.link_no, at });
        }
        // SQLite: an attached file that is locked or gone; the answer says what is the matter.
        None if let Some(s) =
            schema.as_ref().and_then(|s| names.unread.iter().find(|u| dialect == Dialect::Sqlite && s.is(u, dialect, false))) =>
        {
            let at = NodePath::root().child(NodeKind::Schema, s).child(NodeKind::Table, &*bare.name);
            effects.push(Effect::Definition { link: state.link_no, at });
        }
        None if fresh => {
            let mut note = Note::warning(format!("There is no table or view {}.", text::clean(typed)));
            // What bears the name in other letters is another table; that it is there helps all the same.
            if let Some(r) = names.relations.iter().find(|r| r.name.eq_ignore_ascii_case(&bare.name)) {
                note.more.push(format!("There is {}.", text::clean(&dialect.quote_ident(&r.name))));
            }
            state.say(note);
        }
        None => {
            state.completion.sought = Some(typed.to_string());
            state.completion.problem = None;
            completion::load(state, effects);
            state.say(Note::info(format!("{} is not among the names that were read; they are read again.", text::clean(typed))));
        }
    }
}

/// An index, a key, a sequence or a type of that name: `\d` shows them in psql, too.
fn hanging(names: &Names, dialect: Dialect, schema: Option<&Part>, bare: &Part) -> Option<NodePath> {
    const KINDS: [NodeKind; 5] = [NodeKind::Constraint, NodeKind::Index, NodeKind::Sequence, NodeKind::Type, NodeKind::Trigger];
    let named = |(p, name): &(&crate::model::names::Place, &str)| {
        bare.is(name, dialect, names.by_case)
            && match schema {
                Some(s) => s.is(&p.schema, dialect, names.by_case),
                None => names.path.is_empty() || names.on_path(&p.schema),
            }
    };
    KINDS.into_iter().find_map(|k| names.places().filter(|(p, _)| p.kind == k).find(named)).map(|(p, name)| p.path(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_server_reads_them() {
        let read = |typed: &str| parts(Dialect::Postgres, typed).into_iter().map(|p| (p.name, p.quoted)).collect::<Vec<_>>();
        let part = |name: &str, quoted| (name.to_string(), quoted);
        assert_eq!(read("orders"), [part("orders", false)]);
        assert_eq!(read("shop.orders"), [part("shop", false), part("orders", false)]);
        assert_eq!(read(r#"public."q""t""#), [part("public", false), part("q\"t", true)]);
        assert_eq!(read(r#""dot.t""#), [part("dot.t", true)]);
        assert_eq!(read("`a``b`.c"), [part("a`b", true), part("c", false)]);
        assert_eq!(read("\"open"), [part("open", true)]);
        let lite = |typed: &str| parts(Dialect::Sqlite, typed).into_iter().map(|p| (p.name, p.quoted)).collect::<Vec<_>>();
        assert_eq!(lite("[sp ace]"), [part("sp ace", true)]);
        assert_eq!(lite("main.[a.\"b]"), [part("main", false), part("a.\"b", true)]);
        assert_eq!(read("a[1]"), [part("a[1]", false)], "no quotes elsewhere");
        let exact = Part { name: "CUSTOMERS".into(), quoted: true };
        assert!(!exact.is("customers", Dialect::Postgres, false) && exact.is("CUSTOMERS", Dialect::Postgres, false));
        assert!(exact.is("customers", Dialect::Sqlite, false));
        let bare = Part { name: "CUSTOMERS".into(), quoted: false };
        assert!(bare.is("customers", Dialect::Postgres, false) && !bare.is("CUSTOMERS", Dialect::Postgres, false));
        assert!(bare.is("CUSTOMERS", Dialect::MySql, true) && !bare.is("customers", Dialect::MySql, true));
        assert!(bare.is("customers", Dialect::MySql, false));
    }

    #[test]
    fn of_names_that_differ_by_case_the_servers_own_one_is_meant() {
        let mut names = crate::model::names::Collector::default();
        for name in ["CUSTOMERS", "customers", "Only"] {
            names.relation("public", name, NodeKind::Table, false);
        }
        let names = names.finish(vec!["public".into()], vec!["public".into()], Vec::new());
        let found = |typed: &str| {
            let bare = parts(Dialect::Postgres, typed).pop().unwrap();
            find(&names, Dialect::Postgres, None, &bare).map(|r| r.name.to_string())
        };
        assert_eq!(found("CUSTOMERS").as_deref(), Some("customers"));
        assert_eq!(found("\"CUSTOMERS\"").as_deref(), Some("CUSTOMERS"));
        assert_eq!(found("Only"), None, "only in quotes");
        assert_eq!(found("\"Only\"").as_deref(), Some("Only"));
    }
}
