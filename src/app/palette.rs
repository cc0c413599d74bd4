//! The palette: a few letters find any action, target or object. The same list with objects alone is the way to go to one.

use super::action::Action;
use super::fuzzy::Fuzzy;
use super::jump;
use super::list::ListCursor;
use super::state::{Pane, State};
use crate::model::NodePath;
use crate::model::names::Names;
use crate::ops::library::Saved;
use crate::store::history::Ran;
use crate::text;
use std::sync::Arc;
use std::time::Duration;
use tui_textarea::TextArea;

/// What a line of the palette does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    Action(Action),
    Target(String),
    /// Shows the first rows of a table or view.
    Object(NodePath),
    /// Puts a snippet at the cursor.
    Snippet(String),
    /// Goes to the object in the schema tree.
    Jump(NodePath),
    /// Goes to a line of the editor, from 1.
    Line(usize),
    /// Puts a text into the editor.
    Insert(String),
    /// The same with a statement of the history, of which only the beginning is here.
    Recall(i64),
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

/// What a palette finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finds {
    Everything,
    Objects,
    /// Statements that were run.
    History,
    /// Saved queries.
    Library,
    Snippets,
}

/// Input, all entries, and those that match, best first.
pub struct Palette {
    pub input: TextArea<'static>,
    pub finds: Finds,
    /// The fixed ones, then the objects that were found last.
    pub entries: Vec<Entry>,
    pub shown: Vec<usize>,
    pub list: ListCursor,
    fixed: usize,
    names: Option<Arc<Names>>,
    /// History: so many of the first entries are of the open target.
    own: usize,
    /// History: those of other targets are left out.
    pub own_only: bool,
}

/// The actions that a word means in other programs: vim's command line, database clients, process viewers.
fn meant(word: &str) -> &'static [Action] {
    match word.trim().to_lowercase().as_str() {
        "w" | "wq" | "x" => &[Action::SaveFile],
        "e" => &[Action::OpenFile],
        "q" | "q!" | "exit" | "bye" | "leave" => &[Action::Quit],
        "kill" | "terminate" | "processes" | "processlist" | "ps" | "top" => &[Action::GoSessions, Action::GoAssess, Action::Cancel],
        "locks" | "blocking" | "deadlock" => &[Action::LockTree, Action::GoAssess],
        "index" | "indexes" | "advice" | "slow" | "tune" => &[Action::Advise, Action::Analyze, Action::Optimize],
        "restore" | "dump" => &[Action::GoBackups],
        "health" | "status" | "emergency" | "incident" => &[Action::GoAssess],
        "close" => &[Action::CloseResult, Action::CloseBuffer],
        "save" => &[Action::SaveFile, Action::SaveQuery, Action::Export],
        "download" | "csv" => &[Action::Export, Action::CopyCsv, Action::ExportStatement],
        "upload" | "load" => &[Action::Import],
        "connect" | "use" => &[Action::Reconnect, Action::GoStart],
        "audit" | "log" => &[Action::GoJournal, Action::History],
        _ => &[],
    }
}

/// Most matches that are kept; nobody scrolls further.
const SHOWN: usize = 200;

impl Palette {
    pub fn new(state: &State) -> Self {
        let contexts = super::keys::contexts(state);
        let mut entries: Vec<Entry> = Vec::new();
        for a in Action::ALL {
            let undoes = matches!(a, Action::Undo | Action::Redo) && state.view.focus == Pane::Editor;
            // Moves and edits are keys: nobody looks them up to do them once.
            if *a == Action::Palette || *a == Action::Leader || (a.is_move() && !undoes) || !super::keys::applies(state, *a) {
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
        Self::with(entries, Finds::Everything, state)
    }

    /// Objects of the open target alone.
    pub fn objects(state: &State) -> Self {
        Self::with(Vec::new(), Finds::Objects, state)
    }

    /// Statements that were run before; those of the open target come first.
    pub fn history(state: &State, runs: Vec<Ran>) -> Self {
        let here = state.link.target_name().unwrap_or("").to_string();
        let (own, others): (Vec<Ran>, Vec<Ran>) = runs.into_iter().partition(|r| r.target == here);
        let entry = |r: Ran| {
            let took = text::duration(Duration::from_millis(r.took_ms));
            let mut note = match r.outcome() {
                outcome if outcome.is_empty() => took,
                outcome if r.error.is_some() => outcome,
                outcome => format!("{outcome} · {took}"),
            };
            if let Some(bytes) = r.whole {
                note.push_str(&format!(" · {}", text::bytes(bytes)));
            }
            // Day and minute; the seconds tell nobody anything here.
            note.push_str(&format!(" · {}", r.at.get(..16).unwrap_or(&r.at).replace('T', " ")));
            if r.runs > 1 {
                note.push_str(&format!(" · {}", text::counted(r.runs, "run")));
            }
            if r.target != here {
                note = format!("{} · {note}", r.target);
            }
            let choice = if r.whole.is_some() { Choice::Recall(r.id) } else { Choice::Insert(r.text.clone()) };
            Entry { label: text::one_line(&r.text), note, keys: String::new(), choice }
        };
        let ours = own.len();
        let all = own.into_iter().chain(others).map(entry).collect();
        Palette { own: ours, ..Self::with(all, Finds::History, state) }
    }

    /// Saved queries.
    pub fn library(state: &State, saved: Vec<Saved>) -> Self {
        let entry = |s: Saved| Entry { label: s.name, note: s.description, keys: String::new(), choice: Choice::Insert(s.text) };
        Self::with(saved.into_iter().map(entry).collect(), Finds::Library, state)
    }

    pub(super) fn with(entries: Vec<Entry>, finds: Finds, state: &State) -> Self {
        // Until the names are there, what the tree shows.
        let known = || state.completion.names().or_else(|| state.schema.names_so_far().map(Arc::new));
        let names = state.link.server().and_then(|_| known());
        let fixed = entries.len();
        let mut palette = Palette {
            input: TextArea::default(),
            finds,
            shown: Vec::new(),
            entries,
            list: ListCursor::default(),
            fixed,
            names,
            own: 0,
            own_only: false,
        };
        palette.matched();
        palette
    }

    pub fn pattern(&self) -> &str {
        self.input.lines().first().map_or("", String::as_str)
    }

    /// The names of the target are still being read.
    pub fn waits(&self) -> bool {
        self.finds == Finds::Objects && self.names.is_none()
    }

    /// The names came while it was open.
    pub fn told(&mut self, names: &Arc<Names>) {
        self.names = Some(names.clone());
        self.matched();
    }

    /// History: between the runs of the open target and those of all.
    pub fn toggle_own(&mut self) {
        self.own_only = !self.own_only;
        self.matched();
    }

    /// Finds again, after the input changed.
    pub fn matched(&mut self) {
        let pattern = self.pattern().to_string();
        self.entries.truncate(self.fixed);
        let mut query = Fuzzy::new(&pattern);
        let mut scored = query.scored(self.entries.iter().map(|e| e.label.as_str()));
        // Objects by the thousand are no list to read: they come with the first letter.
        if let Some(names) = self.names.as_ref().filter(|_| match self.finds {
            Finds::Objects => true,
            Finds::Everything => !query.is_empty(),
            Finds::History | Finds::Library | Finds::Snippets => false,
        }) {
            for (score, found) in jump::search(names, &pattern, SHOWN) {
                scored.push((score, self.entries.len()));
                // The palette shows a table's rows; only what has none is gone to.
                let rows = self.finds == Finds::Everything && found.has_rows();
                let choice = if rows { Choice::Object(found.path) } else { Choice::Jump(found.path) };
                self.entries.push(Entry { label: found.label, note: found.note, keys: String::new(), choice });
            }
        }
        if !query.is_empty() {
            scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        }
        let most = if self.own_only { self.own } else { usize::MAX };
        self.shown = scored.into_iter().map(|(_, i)| i).filter(|i| *i < most).collect();
        if !pattern.is_empty() {
            // Words of the sentences, for those who do not know the name yet.
            let lower = pattern.to_lowercase();
            for (i, e) in self.entries[..self.fixed].iter().enumerate() {
                if e.note.to_lowercase().contains(&lower) && i < most && !self.shown.contains(&i) {
                    self.shown.push(i);
                }
            }
        }
        let meant = if self.finds == Finds::Everything { meant(&pattern) } else { &[] };
        for action in meant.iter().rev() {
            if let Some(at) = self.entries.iter().position(|e| e.choice == Choice::Action(*action)) {
                self.shown.retain(|i| *i != at);
                self.shown.insert(0, at);
            }
        }
        if let Some(line) = pattern.trim().parse().ok().filter(|n| *n > 0 && self.finds == Finds::Everything) {
            let label = format!("line {line}");
            self.shown.insert(0, self.entries.len());
            self.entries.push(Entry { label, note: "of the editor".into(), keys: String::new(), choice: Choice::Line(line) });
        }
        self.shown.truncate(SHOWN);
        self.list = ListCursor::default();
    }

    /// What stands where nothing matches.
    pub fn nothing(&self) -> &'static str {
        if self.waits() {
            return "the names are being read …";
        }
        match self.pattern().trim().to_lowercase().as_str() {
            "settings" | "set" | "config" | "configuration" | "preferences" | "options" | "theme" | "colors" | "vim" | "emacs"
            | "guarded" | "access" | "password" => "nothing matches; it is set in a file: `holdpoint manual configuration`",
            "keys" | "keymap" | "keybindings" | "shortcuts" => "nothing matches; your keys are set in a file: `holdpoint manual keymap`",
            _ => "nothing matches",
        }
    }

    pub fn chosen(&self) -> Option<&Entry> {
        self.shown.get(self.list.at).and_then(|i| self.entries.get(*i))
    }
}
