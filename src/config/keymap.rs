//! From key presses to the names of actions: a trie of key sequences for each context, from `config/keymap.toml` and
//! the user's own file. What the names do is not known here; the console checks them at start ([`Keymap::check`]).

use super::files::EditorKeys;
use super::surroundings::Surroundings;
use super::toml_file::{self, At, Node, Problems, Section, Tree, shown, unknown};
use crate::model::Result;

mod key;

pub use key::{Code, Key, sequence, show};

/// The built-in keys.
pub const DEFAULT: &str = include_str!("../../config/keymap.toml");

/// What the vim and the emacs keys change in them.
const VIM: &str = include_str!("../../config/keymap-vim.toml");
const EMACS: &str = include_str!("../../config/keymap-emacs.toml");

/// Contexts that a keymap may have. The console stacks them, inner ones first.
pub const CONTEXTS: &[&str] = &[
    "global",
    "pane",
    "list",
    "editor",
    "query",
    "schema",
    "results",
    "plan",
    "migrations",
    "checklist",
    "backups",
    "journal",
    "sessions",
    "assess",
    "start",
    "form",
    "history",
    "help",
    "cell",
];

/// A key sequence and the action that it leads to.
#[derive(Debug, Clone)]
pub struct Binding {
    pub keys: Vec<Key>,
    pub action: String,
    key_at: At,
    action_at: At,
}

/// What keys mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The name of an action.
    Action(&'a str),
    /// More keys follow; these are possible now.
    Prefix(Vec<Next<'a>>),
    None,
}

/// A key that may be pressed next, in a started sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next<'a> {
    pub key: Key,
    pub leads: Leads<'a>,
}

/// Where a next key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads<'a> {
    /// To the action of this name.
    Action(&'a str),
    /// To more keys; the label of the group, or nothing.
    Group(&'a str),
}

/// All bindings, labels of groups, and hints.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    /// By context, each in the order of the file.
    contexts: Vec<(&'static str, Vec<Binding>)>,
    groups: Vec<(Vec<Key>, String)>,
    hints: Vec<(&'static str, Vec<(String, At)>)>,
}

impl Keymap {
    /// The built-in keys alone.
    pub fn builtin() -> Result<Keymap> {
        let mut map = Keymap::default();
        map.read("config/keymap.toml", DEFAULT, None)?;
        Ok(map)
    }

    /// The built-in keys with those of the editor's preset over them.
    pub fn preset(keys: EditorKeys) -> Result<Keymap> {
        let mut map = Keymap::builtin()?;
        match keys {
            EditorKeys::Plain => {}
            EditorKeys::Vim => map.read("config/keymap-vim.toml", VIM, None)?,
            EditorKeys::Emacs => map.read("config/keymap-emacs.toml", EMACS, None)?,
        }
        Ok(map)
    }

    /// The built-in keys, those of the editor's preset, and the user's `keymap.toml`, each over the ones before.
    pub fn load(around: &Surroundings, keys: EditorKeys) -> Result<Keymap> {
        let mut map = Keymap::preset(keys)?;
        let path = around.config_dir.join("keymap.toml");
        if path.is_file() {
            map.read(&shown(&path), &toml_file::read(&path)?, Some(&path))?;
        }
        Ok(map)
    }

    /// Puts a keymap file over what is there. Within one file a sequence that is the beginning of another is an error;
    /// over an earlier file it takes the place of the longer ones, and a longer one takes the place of its beginning.
    pub fn read(&mut self, name: &str, text: &str, path: Option<&std::path::Path>) -> Result<()> {
        let tree = Tree::parse(name, text, path)?;
        let problems = Problems::default();
        let top = tree.section(&problems);
        for &context in CONTEXTS {
            if let Some(s) = top.table(context) {
                let new = bindings(&s);
                match self.contexts.iter_mut().find(|(c, _)| *c == context) {
                    Some((_, old)) => {
                        old.retain(|o| !new.iter().any(|n| o.keys.starts_with(&n.keys) || n.keys.starts_with(&o.keys)));
                        old.extend(new);
                    }
                    None => self.contexts.push((context, new)),
                }
            }
        }
        for (_, bindings) in &mut self.contexts {
            bindings.retain(|b| b.action != "none");
        }
        if let Some(s) = top.table("groups") {
            for e in s.entries() {
                match (sequence(&e.key), &e.item.node) {
                    (Ok(keys), Node::Text(label)) => {
                        self.groups.retain(|(k, _)| *k != keys);
                        self.groups.push((keys, label.clone()));
                    }
                    (Err(message), _) => problems.add(&e.key_at, message),
                    (_, other) => problems.add(&e.item.at, format!("a group's label must be a string, not {}", other.kind())),
                }
            }
        }
        if let Some(s) = top.table("hints") {
            for &context in CONTEXTS {
                if let Some(actions) = s.texts(context) {
                    self.hints.retain(|(c, _)| *c != context);
                    self.hints.push((context, actions.into_iter().map(|(a, at)| (a.to_owned(), at.clone())).collect()));
                }
            }
            s.finish();
        }
        top.finish();
        problems.first()
    }

    /// Complains about the first binding or hint whose action does not exist.
    pub fn check(&self, actions: &[&str]) -> Result<()> {
        let problems = Problems::default();
        let bound = self.contexts.iter().flat_map(|(_, b)| b).map(|b| (b.action.as_str(), &b.action_at));
        let hinted = self.hints.iter().flat_map(|(_, h)| h).map(|(a, at)| (a.as_str(), at));
        for (action, at) in bound.chain(hinted).filter(|(a, _)| !actions.contains(a)) {
            problems.add(at, unknown("action", action, "", actions));
        }
        problems.first()
    }

    fn of(&self, context: &str) -> &[Binding] {
        self.contexts.iter().find(|(c, _)| *c == context).map_or(&[], |(_, b)| b)
    }

    /// What the pressed keys mean in these contexts, the inner one first. The innermost context that knows the keys
    /// decides whether they are complete; what may follow is gathered from all.
    pub fn lookup(&self, contexts: &[&str], pressed: &[Key]) -> Lookup<'_> {
        let mut next: Vec<Next<'_>> = Vec::new();
        for context in contexts {
            for b in self.of(context).iter().filter(|b| b.keys.starts_with(pressed)) {
                let Some(key) = b.keys.get(pressed.len()) else {
                    if next.is_empty() {
                        return Lookup::Action(&b.action);
                    }
                    continue;
                };
                if !next.iter().any(|n| n.key == *key) {
                    let through = &b.keys[..=pressed.len()];
                    let leads = if through.len() == b.keys.len() { Leads::Action(&b.action) } else { Leads::Group(self.label(through)) };
                    next.push(Next { key: *key, leads });
                }
            }
        }
        if next.is_empty() { Lookup::None } else { Lookup::Prefix(next) }
    }

    /// The label of a started sequence; empty when it has none.
    pub fn label(&self, keys: &[Key]) -> &str {
        self.groups.iter().find(|(k, _)| k == keys).map_or("", |(_, label)| label)
    }

    /// The keys that really lead to an action in these contexts (no inner binding hides them); the shortest, and of
    /// equally short ones the first.
    pub fn key_for(&self, contexts: &[&str], action: &str) -> Option<&[Key]> {
        contexts
            .iter()
            .flat_map(|c| self.of(c))
            .filter(|b| b.action == action && self.lookup(contexts, &b.keys) == Lookup::Action(action))
            .map(|b| b.keys.as_slice())
            .min_by_key(|k| k.len())
    }

    /// The footer of a context: actions in order of importance with the keys that lead to them now. Actions without a
    /// key are left out.
    pub fn hints(&self, context: &str, contexts: &[&str]) -> Vec<(&[Key], &str)> {
        let listed = self.hints.iter().find(|(c, _)| *c == context);
        listed
            .into_iter()
            .flat_map(|(_, actions)| actions)
            .filter_map(|(action, _)| Some((self.key_for(contexts, action)?, action.as_str())))
            .collect()
    }

    /// The bindings of one context in the order of the file, for help.
    pub fn bindings(&self, context: &str) -> impl Iterator<Item = (&[Key], &str)> {
        self.of(context).iter().map(|b| (b.keys.as_slice(), b.action.as_str()))
    }
}

fn bindings(s: &Section<'_>) -> Vec<Binding> {
    let mut out: Vec<Binding> = Vec::new();
    for e in s.entries() {
        let keys = match sequence(&e.key) {
            Ok(keys) => keys,
            Err(message) => {
                s.problems().add(&e.key_at, message);
                continue;
            }
        };
        let Node::Text(action) = &e.item.node else {
            s.problems().add(&e.item.at, format!("a key's action must be a string, not {}", e.item.node.kind()));
            continue;
        };
        let unbound = action == "none";
        let clash = out
            .iter()
            .find(|b| b.keys == keys || !unbound && b.action != "none" && (b.keys.starts_with(&keys) || keys.starts_with(&b.keys)));
        if let Some(other) = clash {
            let message = if other.keys == keys {
                format!("`{}` is bound twice in {} (also at {})", show(&keys), s.title(), other.key_at.line())
            } else {
                format!("`{}` and `{}` clash in {}: one begins with the other", show(&keys), show(&other.keys), s.title())
            };
            s.problems().add(&e.key_at, message);
        }
        if s.title() == "[global]" && keys.iter().any(|k| k.typed().is_some()) && !unbound {
            s.problems().add(&e.key_at, format!("`{}` types a character, so it cannot be in [global]: put it into [pane]", show(&keys)));
        }
        out.push(Binding { keys, action: action.clone(), key_at: e.key_at.clone(), action_at: e.item.at.clone() });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        sequence(text).unwrap()
    }

    #[test]
    fn the_built_in_keys_work() {
        let map = Keymap::builtin().unwrap();
        let tree = ["schema", "list", "pane", "global"];
        assert_eq!(map.lookup(&tree, &keys("d")), Lookup::Action("definition"));
        assert_eq!(map.lookup(&tree, &keys("F5")), Lookup::Action("run"));
        assert_eq!(map.lookup(&["editor", "global"], &keys("d")), Lookup::None, "the editor types it");
        assert_eq!(map.lookup(&["editor", "global"], &keys("Esc")), Lookup::Action("leave-editor"));
        let Lookup::Prefix(next) = map.lookup(&tree, &keys("Space")) else { panic!("Space is the leader") };
        let run = next.iter().find(|n| n.key == Key::char('r')).unwrap();
        assert_eq!(run.leads, Leads::Group("run"));
        assert!(next.iter().any(|n| n.leads == Leads::Action("quit")));
        assert_eq!(map.lookup(&tree, &keys("Space g s")), Lookup::Action("go-schema"));
        assert_eq!(map.lookup(&tree, &keys("Space g s x")), Lookup::None);
        assert_eq!(map.key_for(&tree, "go-schema").map(show).as_deref(), Some("1"));
        assert_eq!(map.key_for(&["editor", "global"], "go-schema").map(show).as_deref(), Some("Alt-1"));
        for (context, _) in &map.hints {
            let stack = [*context, "list", "pane", "global"];
            assert_eq!(map.hints(context, &stack).len(), map.hints.iter().find(|(c, _)| c == context).unwrap().1.len(), "{context}");
        }
        for group in &map.groups {
            assert!(matches!(map.lookup(&["pane"], &group.0), Lookup::Prefix(_)), "{} leads nowhere", show(&group.0));
        }
        // Every branch of the leader menu has a name.
        for b in map.of("pane").iter().filter(|b| b.keys.len() > 1) {
            for n in 1..b.keys.len() {
                assert!(!map.label(&b.keys[..n]).is_empty(), "{}", show(&b.keys[..n]));
            }
        }
        // Typing must never be a command.
        for context in ["editor", "form", "global"] {
            assert!(map.bindings(context).all(|(k, _)| k[0].typed().is_none()), "{context}");
        }
    }

    #[test]
    fn the_users_file_wins_key_by_key() {
        let mut map = Keymap::builtin().unwrap();
        map.read(
            "my.toml",
            "[pane]\n\"Space\" = \"palette\"\n\"z\" = \"none\"\n[list]\n\"g g\" = \"first\"\n[hints]\nplan = [\"help\"]\n",
            None,
        )
        .unwrap();
        assert_eq!(map.lookup(&["pane"], &keys("Space")), Lookup::Action("palette"));
        assert_eq!(map.lookup(&["pane"], &keys("z")), Lookup::None);
        assert!(matches!(map.lookup(&["list"], &keys("g")), Lookup::Prefix(_)));
        assert_eq!(map.lookup(&["list"], &keys("g g")), Lookup::Action("first"));
        assert_eq!(map.lookup(&["list"], &keys("j")), Lookup::Action("down"), "the rest stays");
        let footer = map.hints("plan", &["plan", "pane", "global"]);
        assert_eq!(footer.iter().map(|(k, a)| (show(k), *a)).collect::<Vec<_>>(), [("?".to_owned(), "help")]);
    }

    #[test]
    fn inner_contexts_win_and_prefixes_are_gathered() {
        let mut map = Keymap::default();
        map.read(
            "k",
            "[pane]\n\"x y\" = \"a\"\n\"q\" = \"outer\"\n[schema]\n\"x z\" = \"b\"\n\"q r\" = \"c\"\n[plan]\n\"x\" = \"d\"\n",
            None,
        )
        .unwrap();
        let Lookup::Prefix(next) = map.lookup(&["schema", "pane"], &keys("x")) else { panic!() };
        assert_eq!(next.iter().map(|n| n.leads).collect::<Vec<_>>(), [Leads::Action("b"), Leads::Action("a")]);
        assert!(matches!(map.lookup(&["schema", "pane"], &keys("q")), Lookup::Prefix(_)), "the inner sequence hides the outer key");
        assert_eq!(map.key_for(&["schema", "pane"], "outer"), None);
        assert_eq!(map.lookup(&["plan", "pane"], &keys("x")), Lookup::Action("d"));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, expected) in [
            ("[pane]\n\"Ctlr-p\" = \"palette\"\n", "k:2:1: `Ctlr-p` is not a key"),
            ("[pane]\n\"g\" = \"a\"\n\"g g\" = \"b\"\n", "k:3:1: `g g` and `g` clash in [pane]"),
            ("[pane]\n\"C-p\" = \"a\"\n\"ctrl-P\" = \"b\"\n", "k:3:1: `Ctrl-P` is bound twice"),
            ("[pan]\n", "k:1:2: unknown key `pan` in the top level; did you mean `pane`?"),
            ("[pane]\n\"a\" = 3\n", "k:2:7: a key's action must be a string, not an integer"),
            ("[global]\n\"a\" = \"quit\"\n", "k:2:1: `a` types a character"),
            ("[hints]\nplna = [\"run\"]\n", "k:2:1: unknown key `plna` in [hints]; did you mean `plan`?"),
        ] {
            let e = Keymap::default().read("k", text, None).unwrap_err();
            assert!(e.message.starts_with(expected), "{text}\n{}", e.message);
        }
        let mut map = Keymap::default();
        map.read("k", "[pane]\n\"a\" = \"refesh\"\n", None).unwrap();
        assert_eq!(map.check(&["refresh", "run"]).unwrap_err().message, "k:2:7: unknown action `refesh`; did you mean `refresh`?");
        map.check(&["refesh"]).unwrap();
    }
}
