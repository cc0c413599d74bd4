//! From keys to actions: a list of sequences for each context, most particular context first.

use super::action::Action;
use super::key::{Code, Key};
use std::collections::BTreeMap;

/// The answer to a key, or to a started sequence of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    Action(Action),
    /// More keys follow.
    Prefix,
    None,
}

/// A key sequence that leads to an action.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    keys: Vec<Key>,
    action: Action,
}

/// Bindings by context.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    contexts: BTreeMap<String, Vec<Binding>>,
}

impl Keymap {
    /// Binds a sequence; a later binding of the same keys in the same context wins.
    pub fn bind(&mut self, context: &str, keys: Vec<Key>, action: Action) {
        let list = self.contexts.entry(context.to_string()).or_default();
        list.retain(|b| b.keys != keys);
        list.push(Binding { keys, action });
    }

    /// What `keys` mean in these contexts, the most particular first.
    pub fn lookup(&self, contexts: &[&str], keys: &[Key]) -> Lookup {
        for c in contexts {
            let Some(list) = self.contexts.get(*c) else { continue };
            if let Some(b) = list.iter().find(|b| b.keys == keys) {
                return Lookup::Action(b.action);
            }
            if list.iter().any(|b| b.keys.len() > keys.len() && b.keys.starts_with(keys)) {
                return Lookup::Prefix;
            }
        }
        Lookup::None
    }

    /// The first key sequence of an action that really leads to it in these contexts, for hints; one that types nothing is preferred
    /// where typing is on.
    pub fn keys_of(&self, contexts: &[&str], action: Action) -> Option<String> {
        for c in contexts {
            for b in self.contexts.get(*c).into_iter().flatten() {
                if b.action == action && self.lookup(contexts, &b.keys) == Lookup::Action(action) {
                    return Some(show(&b.keys));
                }
            }
        }
        None
    }

    /// The bindings of one context in their order: (keys, action).
    pub fn bindings(&self, context: &str) -> Vec<(String, Action)> {
        self.contexts.get(context).into_iter().flatten().map(|b| (show(&b.keys), b.action)).collect()
    }

    /// What may follow a started sequence: (next key, action), in the order of the file.
    pub fn following(&self, contexts: &[&str], started: &[Key]) -> Vec<(String, Action)> {
        let mut out: Vec<(String, Action)> = Vec::new();
        for c in contexts {
            for b in self.contexts.get(*c).into_iter().flatten() {
                if b.keys.len() > started.len() && b.keys.starts_with(started) {
                    let rest = show(&b.keys[started.len()..]);
                    if !out.iter().any(|(k, _)| *k == rest) {
                        out.push((rest, b.action));
                    }
                }
            }
        }
        out
    }
}

/// A key as people write it: `F5`, `Ctrl-P`, `Space`, `Enter`, `q`.
pub fn show_key(key: Key) -> String {
    let mut out = String::new();
    if key.ctrl {
        out.push_str("Ctrl-");
    }
    if key.alt {
        out.push_str("Alt-");
    }
    if key.shift {
        out.push_str("Shift-");
    }
    match key.code {
        Code::Char(' ') => out.push_str("Space"),
        Code::Char(c) if key.ctrl => out.extend(c.to_uppercase()),
        Code::Char(c) => out.push(c),
        Code::F(n) => out.push_str(&format!("F{n}")),
        Code::PageUp => out.push_str("PgUp"),
        Code::PageDown => out.push_str("PgDn"),
        Code::Delete => out.push_str("Del"),
        Code::Insert => out.push_str("Ins"),
        other => out.push_str(&format!("{other:?}")),
    }
    out
}

fn show(keys: &[Key]) -> String {
    keys.iter().map(|k| show_key(*k)).collect::<Vec<_>>().join(" ")
}
