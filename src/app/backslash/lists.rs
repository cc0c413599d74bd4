//! Lists that psql draws from its catalogue: from the names in memory, or by a statement that runs like any other.

use super::{known, listed, matches};
use crate::app::effect::Effect;
use crate::app::panes::running::run_text;
use crate::app::state::{Note, State};
use crate::model::names::Place;
use crate::model::{Dialect, NodeKind};
use crate::text;

/// The name of a place without a function's arguments.
fn bare(p: &Place) -> &str {
    p.name.split('(').next().unwrap_or(&p.name)
}

fn fits(p: &Place, pattern: &str) -> bool {
    let (schema, name) = pattern.rsplit_once('.').unwrap_or(("", pattern));
    matches(name, bare(p)) && (schema.is_empty() || matches(schema, &p.schema))
}

/// Objects of one kind: `schema.name`, and the table that they hang on.
pub fn placed(state: &mut State, kind: NodeKind, title: &str, pattern: &str) {
    let Some(names) = known(state) else { return };
    let line = |p: &Place| {
        let schema = if p.schema.is_empty() { String::new() } else { format!("{}.", p.schema) };
        let on = p.relation.as_ref().map_or_else(String::new, |(_, table)| format!("  on {table}"));
        format!("{schema}{}{on}", p.name)
    };
    let lines = names.places.iter().filter(|p| p.kind == kind && fits(p, pattern)).map(line).collect();
    listed(state, title, lines);
}

/// The definition of a function, a procedure or a trigger.
pub fn source(state: &mut State, name: &str, effects: &mut Vec<Effect>) {
    if name.is_empty() {
        return state.say(Note::info("Which function? \\sf name."));
    }
    let Some(names) = known(state) else { return };
    let wanted = name.split('(').next().unwrap_or(name).trim_matches(['"', '`']);
    let (schema, bare_name) = wanted.rsplit_once('.').unwrap_or(("", wanted));
    let same = |p: &&Place| {
        matches!(p.kind, NodeKind::Function | NodeKind::Trigger)
            && bare(p).eq_ignore_ascii_case(bare_name)
            && (schema.is_empty() || p.schema.eq_ignore_ascii_case(schema))
    };
    let found: Vec<&Place> = names.places.iter().filter(same).collect();
    // Of several with the name the one whose arguments were typed, or the first along the path.
    let exact = found.iter().find(|p| name.contains('(') && name.ends_with(&*p.name));
    match exact.or_else(|| found.iter().min_by_key(|p| names.path.iter().position(|s| **s == *p.schema).unwrap_or(usize::MAX))) {
        Some(p) => effects.push(Effect::Definition { link: state.link_no, at: p.path() }),
        None => state.say(Note::warning(format!("There is no function {} of yours here.", text::clean(name)))),
    }
}

/// Databases of the server.
pub fn databases(state: &mut State, effects: &mut Vec<Effect>) {
    let sql = match state.query.editor.dialect() {
        Dialect::Postgres => {
            "SELECT datname AS database, pg_catalog.pg_get_userbyid(datdba) AS owner, pg_catalog.pg_encoding_to_char(encoding) AS encoding, \
             datcollate AS collation, datconnlimit AS connections FROM pg_catalog.pg_database WHERE NOT datistemplate ORDER BY 1"
        }
        Dialect::MySql => "SHOW DATABASES",
        Dialect::Sqlite => "PRAGMA database_list",
    };
    run_text(state, sql, effects);
}

/// Who may log in.
pub fn users(state: &mut State, effects: &mut Vec<Effect>) {
    let sql = match state.query.editor.dialect() {
        Dialect::Postgres => {
            "SELECT rolname AS role, rolcanlogin AS login, rolsuper AS superuser, rolcreatedb AS createdb, rolcreaterole AS createrole, \
             rolreplication AS replication, ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles b \
             ON b.oid = m.roleid WHERE m.member = r.oid) AS member_of FROM pg_catalog.pg_roles r WHERE rolname !~ '^pg_' ORDER BY 1"
        }
        Dialect::MySql => "SELECT User, Host FROM mysql.user ORDER BY 1, 2",
        Dialect::Sqlite => return state.say(Note::info("SQLite has no users: whoever may open the file may do everything.")),
    };
    run_text(state, sql, effects);
}
