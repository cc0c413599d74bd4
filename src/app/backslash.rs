//! The shortcuts that people type from `psql`: a line of the editor that begins with a backslash is done here and never sent.

mod copy;
pub mod describe;
mod lists;
pub mod proposals;

use super::Action;
use super::acts::act;
use super::dialog::{Dialog, Viewer};
use super::effect::{Effect, Statement};
use super::state::{Note, State};
use super::update::switch_target;
use crate::model::names::{Names, Relation};
use crate::model::{Dialect, NodeKind};
use crate::text;
use std::path::PathBuf;

/// What `\?` shows: the shortcut and what it does here.
const KNOWN: &[(&str, &str)] = &[
    ("\\d [name]", "definition of a table or view (\\d+ too); without a name the tables and views"),
    ("\\dt \\dv \\dm [pattern]", "tables, views, materialized views; * and ? in the pattern stand for any text and any letter"),
    ("\\di \\ds \\dT [pattern]", "indexes, sequences, types"),
    ("\\dn [pattern]", "schemas"),
    ("\\df [pattern]", "functions and procedures with their arguments and results"),
    ("\\du \\l", "users or roles of the server, its databases"),
    ("\\sf name, \\sv name", "definition of a function, of a view"),
    ("\\c [target]", "connects to another target; without a name the targets that are configured"),
    ("\\u database", "USE (MySQL, MariaDB)"),
    ("\\conninfo", "what is connected to what, and how"),
    ("\\x [on|off|auto]", "rows as records, as a grid, or as records where the grid is wider than the screen"),
    ("\\watch [seconds]", "runs the statement before the line again and again, until a key; it has to read"),
    ("\\timing", "times stand beside every result, always"),
    ("\\e", "the text in $VISUAL or $EDITOR"),
    ("\\i file", "opens a .sql file in the editor; run it from there"),
    ("\\w file", "saves the editor's text"),
    ("\\s", "statements that were run before"),
    ("\\set name value", "a value for the parameter :name"),
    ("\\unset name", "forgets it"),
    ("\\copy … to file", "writes a table or a (query) into a file; its ending says the format"),
    ("\\copy table from file", "imports a file: tried first, then asked about"),
    ("\\echo text", "shows the text"),
    ("\\h [statement]", "where the server's manual has the statement; without one what there is to read"),
    ("\\?", "this list"),
    ("\\g \\gx \\G", "runs the statement before the line, or the one that it ends; \\gx and \\G show its rows as records"),
    ("\\q", "quits"),
];

/// What psql has and what serves here instead.
const INSTEAD: &[(&[&str], &str)] = &[
    (&["\\!"], "Ctrl-Z gives you the shell in the schema or results pane, and fg brings Holdpoint back."),
    (&["\\o", "\\out"], "\\copy (select …) to 'file.csv' writes rows into a file; in the results e does."),
    (
        &["\\a", "\\t", "\\H", "\\pset", "\\f", "\\C", "\\T"],
        "The grid needs no such setting; \\copy and e in the results write CSV, JSON, Markdown and others.",
    ),
    (&["\\gset", "\\gexec", "\\bind", "\\parse"], "\\set name value gives a parameter its value, and :name in a statement asks for one."),
    (&["\\gdesc"], "Run it with LIMIT 0: the grid shows the columns, and i in it tells of the one under the cursor."),
    (&["\\crosstabview"], "In the results f filters and i tells of a column; \\copy writes CSV for a spreadsheet, which turns it round."),
    (&["\\prompt"], "A :name in a statement is asked for when it runs; \\set name value gives it one before."),
    (&["\\ef", "\\ev"], "\\sf name and \\sv name show the source; run what you change of it."),
    (
        &["\\dS", "\\dtS", "\\dvS", "\\diS", "\\dsS", "\\dfS"],
        "The system's own: select * from pg_catalog.pg_class, pg_proc and their like; completion knows them.",
    ),
    (&["\\dC"], "Casts: select * from pg_cast."),
    (&["\\do"], "Operators: select * from pg_operator."),
    (&["\\dc", "\\dO"], "Conversions and collations: select * from pg_conversion, pg_collation."),
    (&["\\dD"], "Domains: \\dT lists them among the types."),
    (&["\\det", "\\des", "\\dew", "\\deu"], "Foreign data: select * from information_schema.foreign_tables, or pg_foreign_server."),
    (&["\\drds"], "Settings of roles and databases: select * from pg_db_role_setting."),
    (&["\\if", "\\elif", "\\else", "\\endif"], "Scripts with conditions are psql's: run them there."),
    (&["\\password"], "Change it with ALTER ROLE … PASSWORD: what looks like a secret is not kept in the history."),
    (&["\\encoding"], "Text is UTF-8 here, always."),
    (&["\\errverbose"], "Messages are kept whole: the log of messages shows the last error with its details."),
    (&["\\r", "\\reset", "\\p", "\\print"], "The text is in the editor before you."),
    (&["\\dp", "\\z", "\\ddp"], "Privileges: ask information_schema.role_table_grants."),
    (&["\\dx"], "Extensions: select * from pg_extension."),
    (&["\\db"], "Tablespaces: select * from pg_tablespace."),
    (
        &["\\fs", "\\fd", "\\ns", "\\nd", "\\n"],
        "Saved queries: Space f w saves the statement under a name, Space f l finds one (Alt-L while typing).",
    ),
    (&["\\lo_import", "\\lo_export", "\\lo_list", "\\lo_unlink"], "Large objects are psql's and pg_dump's business."),
];

/// The backslash command of the cursor's line, without the blanks round it; `None` when the line is none: inside a string it is text.
pub fn on_line(state: &State) -> Option<String> {
    let editor = &state.query.editor;
    let line = editor.cursor_line();
    editor.is_shortcut(editor.indented(line)).then(|| editor.text()[editor.line_span(line)].trim().to_string())
}

/// The first line of the whole text that is a backslash command, from 1: running all cannot send it.
pub fn first_line(state: &State) -> Option<usize> {
    let editor = &state.query.editor;
    let apart = |l: &usize| {
        let dialect = editor.reading().dialect;
        editor.is_shortcut(editor.indented(*l)) && !crate::sql::split::restricts(dialect, &editor.text()[editor.line_span(*l)])
    };
    (0..editor.line_count()).find(apart).map(|l| l + 1)
}

/// Takes the shortcut's own line out of the text: the other editor gets the statements.
fn without_line(state: &mut State, line: &str, effects: &mut Vec<Effect>) {
    let e = &mut state.query.editor;
    let at = e.line_span(e.cursor_line());
    if e.text()[at.clone()].trim().trim_end_matches(';').trim() != line {
        return;
    }
    // With the end of the line before it, where it is the last one.
    let range = if at.end < e.text().len() { at.start..at.end + 1 } else { at.start.saturating_sub(1)..at.end };
    e.replace(range, "");
    super::panes::query::edited(state, effects);
}

/// Does a backslash command.
pub fn run(state: &mut State, line: &str, effects: &mut Vec<Effect>) {
    let line = line.trim_end_matches(';').trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    // psql takes this one in any letters.
    let word = if word.eq_ignore_ascii_case("\\copy") { "\\copy" } else { word };
    let named = |name: &str| Action::from_name(name);
    match word.trim_end_matches('+') {
        "\\h" | "\\help" => manual(state, rest),
        "\\?" => {
            let width = KNOWN.iter().map(|(k, _)| text::width(k)).max().unwrap_or(0);
            let lines: Vec<String> = KNOWN.iter().map(|(k, what)| format!("{k}{}  {what}", " ".repeat(width - text::width(k)))).collect();
            view(state, "Shortcuts from psql", lines);
        }
        "\\d" if !rest.is_empty() => describe::show(state, rest, effects),
        "\\d" | "\\dt" | "\\dv" | "\\dm" | "\\di" | "\\ds" | "\\dT" | "\\dn" => {
            list(state, word.trim_end_matches('+'), rest);
            // At once from memory; what others have made since comes in its place.
            if state.completion.names().is_some() {
                let line = (word.trim_end_matches('+').to_string(), rest.to_string());
                state.completion.listed = Some((line, state.dialogs.len()));
                state.completion.problem = None;
                super::completion::load(state, effects);
            }
        }
        "\\du" | "\\dg" => lists::users(state, effects),
        "\\sf" => lists::source(state, rest, effects),
        "\\sv" if rest.is_empty() => state.say(Note::info("Which view? \\sv name.")),
        "\\sv" => describe::show(state, rest, effects),
        "\\echo" | "\\qecho" | "\\warn" => state.say(Note::info(text::clean(&unquoted(rest)).into_owned())),
        "\\watch" => super::watch::start(state, rest, effects),
        "\\df" => lists::functions(state, rest, effects),
        "\\l" | "\\list" => lists::databases(state, effects),
        "\\c" | "\\connect" if rest.is_empty() => act(state, Action::GoStart, effects),
        "\\c" | "\\connect" | "\\u" | "\\use" => connect(state, rest, effects),
        "\\conninfo" => conninfo(state),
        "\\timing" => state.say(Note::info("Times stand beside every result, and in the history.")),
        "\\x" => expanded(state, rest),
        "\\e" | "\\edit" => {
            without_line(state, line, effects);
            with_action(state, named("edit-outside"), word, effects)
        }
        "\\s" => act(state, Action::History, effects),
        "\\i" | "\\ir" | "\\include" | "\\." if rest.is_empty() => act(state, Action::OpenFile, effects),
        "\\i" | "\\ir" | "\\include" | "\\." => effects.push(Effect::OpenFile(PathBuf::from(unquoted(rest)))),
        "\\w" | "\\write" if rest.is_empty() => act(state, Action::SaveFile, effects),
        "\\w" | "\\write" => super::save::start(state, PathBuf::from(unquoted(rest)), effects),
        "\\set" => set(state, rest),
        "\\unset" => {
            let gone = super::params::unset(state, &format!(":{rest}"));
            state.say(Note::info(if gone { format!(":{} is forgotten.", text::clean(rest)) } else { "It had no value.".into() }));
        }
        "\\copy" if rest.is_empty() => state.say(copy_words(state)),
        "\\copy" => copy::run(state, rest, effects),
        "\\g" | "\\gx" | "\\G" => match state.query.editor.statement_before(state.query.editor.cursor_line()) {
            Some(s) => {
                let text = state.query.editor.text()[s.span.clone()].to_string();
                let statement = Statement { record: word != "\\g", ..Statement::new(text, Some(s.span.start)) };
                super::panes::running::run_these(state, vec![statement], effects);
            }
            None => state.say(Note::info("There is no statement before this line.")),
        },
        "\\q" | "\\quit" => act(state, Action::Quit, effects),
        other => {
            // `\\!ls` is the shell's too.
            let same = |name: &str| name == other || name == "\\!" && other.starts_with("\\!");
            let instead = INSTEAD.iter().find(|(names, _)| names.iter().any(|n| same(n)));
            let small = other.to_ascii_lowercase();
            let known = KNOWN.iter().any(|(k, _)| k.split_whitespace().any(|w| w.trim_end_matches(',') == small));
            let what = match instead {
                Some((_, what)) => (*what).to_string(),
                None if known && small != other => format!("Its letters are small: {small}."),
                None => "\\? lists the shortcuts that are.".into(),
            };
            state.say(Note::warning(format!("{} is not known here. {what}", text::clean(other))));
        }
    }
}

/// Lists names that are in memory.
fn list(state: &mut State, word: &str, rest: &str) {
    match word {
        "\\dt" => relations(state, &[NodeKind::Table], "Tables", rest),
        "\\dv" => relations(state, &[NodeKind::View], "Views", rest),
        "\\dm" => relations(state, &[NodeKind::MaterializedView], "Materialized views", rest),
        "\\di" => lists::placed(state, NodeKind::Index, "Indexes", rest),
        "\\ds" => lists::placed(state, NodeKind::Sequence, "Sequences", rest),
        "\\dT" => lists::placed(state, NodeKind::Type, "Types", rest),
        "\\dn" => names(state, "Schemas", rest, |n| n.schemas.clone()),
        _ => relations(state, &[NodeKind::Table, NodeKind::View, NodeKind::MaterializedView], "Tables and views", ""),
    }
}

/// The names were read again for a list that is on the screen.
pub fn again(state: &mut State) {
    let Some(((word, rest), depth)) = state.completion.listed.take().filter(|(_, depth)| *depth == state.dialogs.len()) else { return };
    if let Some(why) = state.completion.problem.take() {
        return state.say(Note::warning(format!("The list is as it was read before: {why}")));
    }
    let mut top = 0;
    if depth > 0 {
        match state.dialogs.pop() {
            Some(Dialog::Viewer(v)) => top = v.top,
            other => return state.dialogs.extend(other),
        }
    }
    list(state, &word, &rest);
    if let Some(Dialog::Viewer(v)) = state.dialogs.last_mut() {
        v.top = top.min(v.lines.len().saturating_sub(1));
    }
}

/// Another target; on MySQL and MariaDB also another database of this one.
fn connect(state: &mut State, name: &str, effects: &mut Vec<Effect>) {
    let name = name.trim_matches(['"', '`', '\'']);
    if state.config.targets.contains_key(name) {
        return switch_target(state, name, effects);
    }
    let dialect = state.query.editor.dialect();
    let there = state.completion.names().is_some_and(|n| n.schemas.iter().any(|s| s == name));
    if dialect == Dialect::MySql && there {
        return super::panes::running::run_text(state, &format!("USE {}", dialect.quote_ident(name)), effects);
    }
    let mut note = Note::warning(format!("There is no target {}.", text::clean(name)));
    note.more.push(match dialect {
        Dialect::Postgres => "Another database of PostgreSQL is another target: give it one in the configuration, or open its URL.".into(),
        _ => format!("\\c without a name shows the {} that are configured.", text::counted(state.config.targets.len() as u64, "target")),
    });
    state.say(note);
}

/// `\x`, `\x on`, `\x off`, `\x auto`.
fn expanded(state: &mut State, rest: &str) {
    let q = &mut state.query;
    (q.expanded, q.expanded_auto) = match rest.to_ascii_lowercase().as_str() {
        "" => (!q.expanded, false),
        "on" => (true, false),
        "off" => (false, false),
        "auto" => (false, true),
        _ => return state.say(Note::warning("\\x takes on, off or auto.")),
    };
    let (on, auto) = (q.expanded, q.expanded_auto);
    if let Some(tab) = q.results.get_mut(q.shown) {
        tab.record = on || auto && tab.too_wide();
    }
    state.say(Note::info(match (on, auto) {
        (_, true) => "Rows are shown as records where the grid is wider than the screen.",
        (true, _) => "Rows are shown as records, one at a time.",
        _ => "Rows are shown as a grid.",
    }));
}

/// Where to read of a statement: the server's own manual is not kept here.
fn manual(state: &mut State, topic: &str) {
    let words: Vec<String> = topic.split_whitespace().map(str::to_ascii_lowercase).collect();
    if words.iter().any(|w| !w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) {
        return state.say(Note::info("\\h takes the words of a statement: \\h create table."));
    }
    let (product, major) = state.link.server().map_or(("", ""), |s| (s.identity.product.as_str(), s.identity.major.as_str()));
    let address = match (product, words.is_empty()) {
        ("PostgreSQL", true) => format!("https://www.postgresql.org/docs/{major}/sql-commands.html"),
        ("PostgreSQL", false) => format!("https://www.postgresql.org/docs/{major}/sql-{}.html", words.concat()),
        ("MariaDB", true) => "https://mariadb.com/kb/en/sql-statements/".into(),
        ("MariaDB", false) => format!("https://mariadb.com/kb/en/{}/", words.join("-")),
        ("MySQL", true) => format!("https://dev.mysql.com/doc/refman/{major}/en/sql-statements.html"),
        ("MySQL", false) => format!("https://dev.mysql.com/doc/refman/{major}/en/{}.html", words.join("-")),
        ("SQLite", true) => "https://www.sqlite.org/lang.html".into(),
        ("SQLite", false) => format!("https://www.sqlite.org/lang_{}.html", words.concat()),
        _ => return state.say(Note::info("No target is open, so it is not known whose manual is meant.")),
    };
    let title = if words.is_empty() { "Help".to_string() } else { topic.trim().to_ascii_uppercase() };
    let key = |a: Action, words: &str| super::keys::keys_now(state, a).map(|k| format!("  {k}  {words}"));
    let mut lines = vec![
        format!("The grammar of {product} {major} is in its manual, which Holdpoint does not carry:"),
        format!("  {address}"),
        String::new(),
        "Here:".to_string(),
        "  \\?  the shortcuts from psql".to_string(),
    ];
    lines.extend(key(Action::Help, "the keys of this pane, and the manual's page for it"));
    lines.extend(key(Action::Complete, "what may come at the cursor; it also comes while you type"));
    lines.extend(key(Action::Snippets, "statements to fill in"));
    lines.extend(key(Action::Palette, "every action, target and object by a few of its letters"));
    view(state, &title, lines);
}

fn with_action(state: &mut State, action: Option<Action>, word: &str, effects: &mut Vec<Effect>) {
    match action {
        Some(a) => act(state, a, effects),
        None => state.say(Note::info(format!("{word} has nothing to do here yet."))),
    }
}

/// A name in quotes, in which two stand for one; what is in none is as it stands.
fn unquoted(s: &str) -> String {
    copy::unquoted(s).filter(|(_, behind)| behind.is_empty()).map_or_else(|| s.to_string(), |(name, _)| name)
}

fn view(state: &mut State, title: &str, lines: Vec<String>) {
    state.dialogs.push(Dialog::Viewer(Viewer::new(title, lines.join("\n"))));
}

fn known(state: &mut State) -> Option<std::sync::Arc<Names>> {
    let names = state.completion.names();
    if names.is_none() {
        state.say(Note::info("The names are still being read; try again in a moment."));
    }
    names
}

/// psql's patterns: `*` any text, `?` any letter; a name without them must be the beginning, as a kindness.
fn matches(pattern: &str, name: &str) -> bool {
    fn go(p: &[char], n: &[char]) -> bool {
        match (p.first(), n.first()) {
            (None, None) => true,
            (Some('*'), _) => go(&p[1..], n) || !n.is_empty() && go(p, &n[1..]),
            (Some('?'), Some(_)) => go(&p[1..], &n[1..]),
            (Some(a), Some(b)) => a == b && go(&p[1..], &n[1..]),
            _ => false,
        }
    }
    let pattern = pattern.trim_matches('"').to_lowercase();
    let name = name.to_lowercase();
    if !pattern.contains(['*', '?']) {
        return name.starts_with(&pattern);
    }
    // Stars in a row mean one: the search must not multiply.
    let mut p: Vec<char> = pattern.chars().collect();
    p.dedup_by(|a, b| *a == '*' && *b == '*');
    if p.iter().filter(|c| **c == '*').count() > 4 {
        return false;
    }
    go(&p, &name.chars().collect::<Vec<_>>())
}

fn relations(state: &mut State, kinds: &[NodeKind], title: &str, pattern: &str) {
    let Some(names) = known(state) else { return };
    let (schema, name) = pattern.rsplit_once('.').unwrap_or(("", pattern));
    let hit =
        |r: &&Relation| kinds.contains(&r.kind) && !r.system && matches(name, &r.name) && (schema.is_empty() || matches(schema, &r.schema));
    let lines: Vec<String> = names
        .relations
        .iter()
        .filter(hit)
        .map(|r| {
            let kind = if kinds.len() > 1 && r.kind != NodeKind::Table { "  view" } else { "" };
            format!("{}.{}  {}{kind}", r.schema, r.name, text::counted(r.columns.len() as u64, "column"))
        })
        .collect();
    listed(state, title, lines);
}

fn names(state: &mut State, title: &str, pattern: &str, of: impl Fn(&Names) -> Vec<String>) {
    let Some(names) = known(state) else { return };
    let lines = of(&names).into_iter().filter(|n| matches(pattern, n)).collect();
    listed(state, title, lines);
}

fn listed(state: &mut State, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        state.say(Note::info("Nothing of that name."));
        return;
    }
    view(state, &format!("{title} · {}", text::thousands(lines.len() as u64)), lines);
}

fn conninfo(state: &mut State) {
    let Some(s) = state.link.server() else {
        state.say(Note::info("No target is open."));
        return;
    };
    let i = &s.identity;
    let lines = vec![
        format!("target       {}", s.target.name),
        format!("environment  {}", s.target.environment.as_deref().unwrap_or("none: read-only")),
        format!("server       {} {} at {}", i.product, i.version, i.address),
        format!("database     {}", i.database),
        format!("user         {}", if i.user.is_empty() { "none" } else { &i.user }),
        format!("access       {}", s.access_words(state.unlocked_minutes())),
    ];
    view(state, "Connection", lines);
}

fn set(state: &mut State, rest: &str) {
    match rest.split_once(char::is_whitespace) {
        None if rest.is_empty() => {
            let lines: Vec<String> = state.query.values.iter().map(|(n, v)| format!("{n}  {v}")).collect();
            if lines.is_empty() {
                state.say(Note::info("No parameter has a value yet."));
            } else {
                view(state, "Values of parameters", lines);
            }
        }
        None => state.say(Note::warning("\\set takes a name and a value.")),
        Some((name, value)) => {
            super::params::set(state, format!(":{name}"), value.trim().to_string());
            state.say(Note::info(format!(":{} has a value now; running asks for it with this one filled in.", text::clean(name))));
        }
    }
}

fn copy_words(state: &State) -> Note {
    let key = |name: &str| Action::from_name(name).and_then(|a| super::keys::key_of(state, a));
    let mut words = Vec::new();
    if let Some(k) = key("export-statement") {
        words.push(format!("{k} writes a statement's rows straight into a file"));
    }
    if let Some(k) = key("import") {
        words.push(format!("{k} imports a file into a table"));
    }
    match words.is_empty() {
        true => Note::info("In the results e writes the rows into a file."),
        false => Note::info(format!("{}.", words.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_psql() {
        for (pattern, name, hit) in [
            ("ord*", "orders", true),
            ("*item*", "order_items", true),
            ("?rders", "Orders", true),
            ("ord", "orders", true),
            ("rd", "orders", false),
            ("*", "x", true),
            ("", "x", true),
            ("o*z", "orders", false),
        ] {
            assert_eq!(matches(pattern, name), hit, "{pattern} {name}");
        }
    }
}
