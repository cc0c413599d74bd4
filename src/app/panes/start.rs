//! The start screen: demo, known targets, a new target.

use crate::app::dialog::{Dialog, Field, Form, Purpose, Takes};
use crate::app::list::ListCursor;
use crate::app::{Action, Effect, State};
use crate::config::Config;

/// One line of the start screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Demo,
    Target {
        name: String,
        /// `sqlite · read-only · /srv/shop.db`, cleaned.
        note: String,
        environment: Option<String>,
    },
    NewTarget,
}

/// The start screen.
#[derive(Debug, Default)]
pub struct Start {
    pub lines: Vec<Line>,
    pub list: ListCursor,
}

impl Start {
    pub fn new(config: &Config) -> Self {
        let mut lines = Vec::new();
        let mut targets: Vec<_> = config.targets.values().collect();
        // In promotion order, so that production is never first under the cursor.
        targets.sort_by_key(|t| {
            let rank = t.environment.as_ref().and_then(|e| config.environments.iter().position(|c| c == e));
            (rank.unwrap_or(usize::MAX), t.name.clone())
        });
        for t in targets {
            let place = match (&t.path, &t.socket, &t.host) {
                (Some(p), _, _) => p.display().to_string(),
                (_, Some(s), _) => s.display().to_string(),
                (_, _, Some(h)) => h.clone(),
                _ => "local server".into(),
            };
            let database = t.database.as_deref().map_or_else(String::new, |d| format!(" · {d}"));
            let access = t.access.word();
            let note = format!("{access} · {place}{database}");
            lines.push(Line::Target { name: t.name.clone(), note, environment: t.environment.clone() });
        }
        // Whoever has no target yet is most likely here for the first time.
        if lines.is_empty() {
            lines.extend([Line::Demo, Line::NewTarget])
        } else {
            lines.extend([Line::NewTarget, Line::Demo])
        }
        Start { lines, list: ListCursor::default() }
    }
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, page: usize, effects: &mut Vec<Effect>) -> bool {
    let len = state.start.lines.len();
    if state.start.list.go(action, len, page) {
        return true;
    }
    match action {
        Action::Open | Action::Right => match state.start.lines.get(state.start.list.at).cloned() {
            Some(Line::Demo) => crate::app::update::act(state, Action::Demo, effects),
            Some(Line::NewTarget) => crate::app::update::act(state, Action::NewTarget, effects),
            Some(Line::Target { name, .. }) => crate::app::update::switch_target(state, &name, effects),
            None => {}
        },
        Action::Back if state.link.server().is_some() => crate::app::update::act(state, Action::GoQuery, effects),
        _ => return false,
    }
    true
}

/// The form for a new target.
pub fn new_target(state: &mut State) {
    let fields = vec![
        Field::new("Name", "", "short, e.g. shop-dev"),
        Field::new("Database", "", "a SQLite file, or postgres://user@host/db, mysql://user@host/db (no password here)").of(Takes::File),
        Field::new("Environment", "development", format!("one of {}; empty means read-only", state.config.environments.join(", "))),
    ];
    let body = vec![
        "Enter goes on, Esc gives up. Nothing is written before you have seen the text.".into(),
        "Passwords come from .pgpass, ~/.my.cnf, ${ENV}, password_command, or a prompt.".into(),
    ];
    state.dialogs.push(Dialog::Form(Form::new("New target", Purpose::NewTarget, body, fields)));
}

/// Text for the project file, from the form's answers; an error says what is wrong with them.
pub fn target_toml(config: &Config, name: &str, place: &str, environment: &str) -> Result<String, String> {
    let name = name.trim();
    let place = place.trim();
    let environment = environment.trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err("The name needs letters, digits, '-', '_' or '.' only.".into());
    }
    if config.targets.contains_key(name) {
        return Err(format!("There is a target named {name} already."));
    }
    if place.is_empty() {
        return Err("Which database? A SQLite file, or a URL.".into());
    }
    if !environment.is_empty() && !config.environments.iter().any(|e| e == environment) {
        return Err(format!("Known environments: {}.", config.environments.join(", ")));
    }
    let mut out = format!("[targets.{}]\n", toml_key(name));
    if place.contains("://") {
        if password_in(place) {
            return Err("No passwords in here: leave it out of the URL. See the sources above.".into());
        }
        out.push_str(&format!("url = {}\n", toml_string(place)));
    } else {
        out.push_str(&format!("engine = \"sqlite\"\npath = {}\n", toml_string(place)));
    }
    if !environment.is_empty() {
        out.push_str(&format!("environment = {}\n", toml_string(environment)));
    }
    Ok(out)
}

fn password_in(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, r)| r);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    // A password may hold an @ of its own: everything up to the last one counts as user information.
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

fn toml_key(name: &str) -> String {
    if name.contains('.') { toml_string(name) } else { name.to_string() }
}

fn toml_string(s: &str) -> String {
    toml::Value::String(s.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_seen_in_urls() {
        assert!(password_in("postgres://me:secret@host/db"));
        assert!(password_in("postgres://me:s@cret@host/db"));
        assert!(!password_in("postgres://me@host:5432/db"));
        assert!(!password_in("mysql://host:3306/db?x=a:b@c"));
    }
}
