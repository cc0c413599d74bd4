//! Lists that psql draws from its catalogue: from the names in memory, or by a statement that runs like any other.

use super::{known, listed, matches};
use crate::app::effect::Effect;
use crate::app::panes::running::run_text;
use crate::app::state::{Note, State};
use crate::model::names::Place;
use crate::model::{Dialect, NodeKind};
use crate::text;

/// The name of a place without a function's arguments.
fn bare(name: &str) -> &str {
    name.split('(').next().unwrap_or(name)
}

fn fits(p: &Place, name: &str, pattern: &str) -> bool {
    let (schema, like) = pattern.rsplit_once('.').unwrap_or(("", pattern));
    matches(like, bare(name)) && (schema.is_empty() || matches(schema, &p.schema))
}

/// Objects of one kind: `schema.name`, and the table that they hang on.
pub fn placed(state: &mut State, kind: NodeKind, title: &str, pattern: &str) {
    let Some(names) = known(state) else { return };
    let line = |(p, name): (&Place, &str)| {
        let schema = if p.schema.is_empty() { String::new() } else { format!("{}.", p.schema) };
        let on = p.relation.as_ref().map_or_else(String::new, |(_, table)| format!("  on {table}"));
        format!("{schema}{name}{on}")
    };
    let mut lines: Vec<String> = names.places().filter(|(p, name)| p.kind == kind && fits(p, name, pattern)).map(line).collect();
    lines.sort_unstable();
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
    let same = |(p, name): &(&Place, &str)| {
        matches!(p.kind, NodeKind::Function | NodeKind::Trigger)
            && bare(name).eq_ignore_ascii_case(bare_name)
            && (schema.is_empty() || p.schema.eq_ignore_ascii_case(schema))
    };
    let found: Vec<(&Place, &str)> = names.places().filter(same).collect();
    // Of several with the name the one whose arguments were typed, or the first along the path.
    let exact = found.iter().find(|(_, of)| name.contains('(') && name.ends_with(of));
    match exact.or_else(|| found.iter().min_by_key(|(p, _)| names.path.iter().position(|s| **s == *p.schema).unwrap_or(usize::MAX))) {
        Some((p, of)) => effects.push(Effect::Definition { link: state.link_no, at: p.path(of) }),
        None => state.say(Note::warning(format!("There is no function {} of yours here.", text::clean(name)))),
    }
}

/// Functions, procedures and aggregates with their arguments and results, as psql lists them.
pub fn functions(state: &mut State, pattern: &str, effects: &mut Vec<Effect>) {
    let d = state.query.editor.dialect();
    let (schema, name) = pattern.rsplit_once('.').unwrap_or(("", pattern));
    let like = |column: &str, part: &str| match part.trim_matches(['"', '`']) {
        "" => String::new(),
        part => {
            // A name without `*` and `?` is its beginning, as with the other lists.
            let whole = part.contains(['*', '?']);
            let escaped = part.replace('!', "!!").replace('%', "!%").replace('_', "!_").replace('*', "%").replace('?', "_");
            let shape = if whole { escaped } else { format!("{escaped}%") };
            format!(" AND lower({column}) LIKE {} ESCAPE '!'", d.quote_literal(&shape.to_lowercase()))
        }
    };
    let sql = match d {
        Dialect::Postgres => format!(
            "SELECT n.nspname AS schema, p.proname AS name, pg_catalog.pg_get_function_result(p.oid) AS result_type, \
             pg_catalog.pg_get_function_arguments(p.oid) AS argument_types, \
             CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window' WHEN 'p' THEN 'procedure' \
             ELSE CASE WHEN p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype THEN 'trigger' ELSE 'function' END END AS type \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!'{}{} ORDER BY 1, 2, 4",
            like("n.nspname", schema),
            like("p.proname", name)
        ),
        Dialect::MySql => format!(
            "SELECT r.ROUTINE_SCHEMA AS `schema`, r.ROUTINE_NAME AS name, r.DTD_IDENTIFIER AS result_type, \
             (SELECT GROUP_CONCAT(CONCAT_WS(' ', IF(r.ROUTINE_TYPE = 'PROCEDURE', p.PARAMETER_MODE, NULL), p.PARAMETER_NAME, p.DTD_IDENTIFIER) ORDER BY p.ORDINAL_POSITION SEPARATOR ', ') \
             FROM information_schema.PARAMETERS p WHERE p.SPECIFIC_SCHEMA = r.ROUTINE_SCHEMA AND p.SPECIFIC_NAME = r.SPECIFIC_NAME \
             AND p.ROUTINE_TYPE = r.ROUTINE_TYPE AND p.ORDINAL_POSITION > 0) AS argument_types, lower(r.ROUTINE_TYPE) AS type \
             FROM information_schema.ROUTINES r WHERE r.ROUTINE_SCHEMA NOT IN ('mysql', 'sys'){}{} ORDER BY 1, 2",
            like("r.ROUTINE_SCHEMA", schema),
            like("r.ROUTINE_NAME", name)
        ),
        // A file holds none: these are the library's own.
        Dialect::Sqlite => format!(
            "SELECT name, narg AS arguments, CASE type WHEN 's' THEN 'scalar' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window' END AS type \
             FROM pragma_function_list WHERE true{} ORDER BY 1, 2",
            like("name", name)
        ),
    };
    run_text(state, &sql, effects);
}

/// Databases of the server.
pub fn databases(state: &mut State, effects: &mut Vec<Effect>) {
    let sql = match state.query.editor.dialect() {
        Dialect::Postgres => {
            "SELECT datname AS database, pg_catalog.pg_get_userbyid(datdba) AS owner, pg_catalog.pg_encoding_to_char(encoding) AS encoding, \
             datcollate AS collate, datctype AS ctype, pg_catalog.array_to_string(datacl, E'\\n') AS access_privileges \
             FROM pg_catalog.pg_database ORDER BY 1"
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
