//! The palette: a few letters find any action, target or table.

use super::action::Action;
use super::list::ListCursor;
use super::state::State;
use crate::model::{NodeKind, NodePath};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_textarea::TextArea;

/// What a line of the palette does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    Action(Action),
    Target(String),
    Object(NodePath),
}

/// One line.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What is matched and shown.
    pub label: String,
    /// Sentence, kind or key behind it.
    pub note: String,
    pub keys: String,
    pub choice: Choice,
}

/// Input, all entries, and those that match, best first.
pub struct Palette {
    pub input: TextArea<'static>,
    pub entries: Vec<Entry>,
    pub shown: Vec<usize>,
    pub list: ListCursor,
}

/// Most matches that are kept; nobody scrolls further.
const SHOWN: usize = 200;

impl Palette {
    pub fn new(state: &State) -> Self {
        let contexts = super::keys::contexts(state);
        let mut entries: Vec<Entry> = Vec::new();
        for a in Action::ALL {
            // Moves and edits are keys: nobody looks them up to do them once.
            if *a == Action::Palette || *a == Action::Leader || a.is_move() || !super::keys::applies(state, *a) {
                continue;
            }
            let keys = state.keymap.key_for(&contexts, a.name()).map(crate::config::keymap::show).unwrap_or_default();
            entries.push(Entry { label: a.name().to_string(), note: a.doc().to_string(), keys, choice: Choice::Action(*a) });
        }
        for t in state.config.targets.values() {
            let environment = t.environment.clone().unwrap_or_else(|| "no environment".into());
            entries.push(Entry {
                label: t.name.clone(),
                note: format!("target, {environment}"),
                keys: String::new(),
                choice: Choice::Target(t.name.clone()),
            });
        }
        for (path, node) in state.schema.objects() {
            let kind = match node.kind {
                NodeKind::Table => "table",
                NodeKind::View => "view",
                NodeKind::MaterializedView => "materialised view",
                _ => continue,
            };
            let label = crate::text::clean(&node.name).into_owned();
            entries.push(Entry { label, note: kind.into(), keys: String::new(), choice: Choice::Object(path) });
        }
        let mut palette = Palette { input: TextArea::default(), shown: Vec::new(), entries, list: ListCursor::default() };
        palette.matched();
        palette
    }

    pub fn pattern(&self) -> &str {
        self.input.lines().first().map_or("", String::as_str)
    }

    /// Finds again, after the input changed.
    pub fn matched(&mut self) {
        let pattern = self.pattern().to_string();
        self.shown = rank(&pattern, self.entries.iter().map(|e| e.label.as_str()));
        if !pattern.is_empty() {
            // Words of the sentences, for those who do not know the name yet.
            let lower = pattern.to_lowercase();
            for (i, e) in self.entries.iter().enumerate() {
                if e.note.to_lowercase().contains(&lower) && !self.shown.contains(&i) {
                    self.shown.push(i);
                }
            }
        }
        self.shown.truncate(SHOWN);
        self.list = ListCursor::default();
    }

    pub fn chosen(&self) -> Option<&Entry> {
        self.shown.get(self.list.at).and_then(|i| self.entries.get(*i))
    }
}

/// Indexes of the labels that match the pattern, best first; all of them in their order for an empty pattern.
pub fn rank<'a>(pattern: &str, labels: impl Iterator<Item = &'a str>) -> Vec<usize> {
    if pattern.is_empty() {
        return labels.enumerate().map(|(i, _)| i).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(pattern, CaseMatching::Smart, Normalization::Smart);
    let mut buf = Vec::new();
    let mut scored: Vec<(u32, usize)> = labels
        .enumerate()
        .filter_map(|(i, label)| pattern.score(Utf32Str::new(label, &mut buf), &mut matcher).map(|score| (score, i)))
        .collect();
    scored.sort_by_key(|(score, i)| (std::cmp::Reverse(*score), *i));
    scored.into_iter().map(|(_, i)| i).collect()
}
