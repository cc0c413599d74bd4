//! A TOML document that remembers where each key and value stands, and layers of them.

use super::{error_at, from_toml, unknown};
use crate::model::{Error, Result};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that items come from.
#[derive(Debug)]
struct Source {
    /// As shown in messages.
    name: String,
    text: String,
    /// The real file, when it is one; relative paths are relative to its directory.
    path: Option<PathBuf>,
}

/// Where an item stands: a file and a byte offset in it.
#[derive(Debug, Clone)]
pub struct At {
    source: Arc<Source>,
    /// Number of the layer; later layers are greater.
    layer: usize,
    offset: usize,
}

impl At {
    /// A usage error that starts with `file:line:column: `.
    pub fn error(&self, message: impl std::fmt::Display) -> Error {
        error_at(&self.source.name, &self.source.text, self.offset, message)
    }

    /// `file:line`.
    pub fn line(&self) -> String {
        format!("{}:{}", self.source.name, super::position(&self.source.text, self.offset).0)
    }

    /// The file, when there is one.
    pub fn file(&self) -> Option<&Path> {
        self.source.path.as_deref()
    }

    /// Orders errors: earlier layers first, then by place.
    fn order(&self) -> (usize, usize) {
        (self.layer, self.offset)
    }
}

/// A value without its place.
#[derive(Debug, Clone)]
pub enum Node {
    Table(Vec<Entry>),
    Array(Vec<Item>),
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// A date or a time, as it was written.
    Date(String),
}

impl Node {
    /// For "expected …, found …".
    pub fn kind(&self) -> &'static str {
        match self {
            Node::Table(_) => "a table",
            Node::Array(_) => "an array",
            Node::Text(_) => "a string",
            Node::Integer(_) => "an integer",
            Node::Float(_) => "a float",
            Node::Bool(_) => "a boolean",
            Node::Date(_) => "a date",
        }
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Item {
    pub node: Node,
    pub at: At,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_at: At,
    pub item: Item,
}

/// A document, or several merged.
#[derive(Debug, Clone)]
pub struct Tree {
    root: Item,
    layers: usize,
}

impl Tree {
    /// Parses one document. `path` is the real file, if it is one.
    pub fn parse(name: &str, text: &str, path: Option<&Path>) -> Result<Tree> {
        let parsed = toml::de::DeTable::parse(text).map_err(|e| from_toml(name, text, &e))?;
        let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned(), path: path.map(Path::to_owned) });
        let offset = parsed.span().start;
        let node = table(parsed.into_inner(), &source)?;
        Ok(Tree { root: Item { node, at: At { source, layer: 0, offset } }, layers: 1 })
    }

    /// Puts `over` on top: tables merge key by key, everything else is replaced. New keys come last.
    pub fn merge(&mut self, mut over: Tree) {
        number(&mut over.root, self.layers);
        self.layers += over.layers;
        merge(&mut self.root, over.root);
    }

    /// Like [`Tree::merge`], but only the named tables of the top level merge (key by key, one level deep).
    pub fn merge_sections(&mut self, mut over: Tree, sections: &[&str]) {
        number(&mut over.root, self.layers);
        self.layers += over.layers;
        self.root.at = over.root.at;
        let (Node::Table(old), Node::Table(new)) = (&mut self.root.node, over.root.node) else { return };
        for entry in new {
            match old.iter_mut().find(|e| e.key == entry.key) {
                Some(e) => match (&mut e.item.node, entry.item.node) {
                    (Node::Table(below), Node::Table(above)) if sections.contains(&entry.key.as_str()) => {
                        for inner in above {
                            below.retain(|e| e.key != inner.key);
                            below.push(inner);
                        }
                    }
                    (_, node) => *e = Entry { item: Item { node, at: entry.item.at }, ..entry },
                },
                None => old.push(entry),
            }
        }
    }

    /// The document as a section; `problems` collects what is wrong with it.
    pub fn section<'a>(&'a self, problems: &'a Problems) -> Section<'a> {
        Section { entries: entries(&self.root), at: self.root.at.clone(), name: String::new(), problems, seen: RefCell::default() }
    }
}

fn table(parsed: toml::de::DeTable<'_>, source: &Arc<Source>) -> Result<Node> {
    let mut out = Vec::with_capacity(parsed.len());
    for (key, value) in parsed {
        let key_at = At { source: source.clone(), layer: 0, offset: key.span().start };
        out.push(Entry { key: key.into_inner().into_owned(), key_at, item: item(value, source)? });
    }
    // The toml crate sorts by key; people expect the order in which they wrote.
    out.sort_by_key(|e| e.key_at.offset);
    Ok(Node::Table(out))
}

fn item(value: toml::Spanned<toml::de::DeValue<'_>>, source: &Arc<Source>) -> Result<Item> {
    use toml::de::DeValue;
    let at = At { source: source.clone(), layer: 0, offset: value.span().start };
    let node = match value.into_inner() {
        DeValue::String(s) => Node::Text(s.into_owned()),
        DeValue::Integer(i) => Node::Integer(
            i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).map_err(|_| at.error("this integer does not fit into 64 bits"))?,
        ),
        DeValue::Float(f) => Node::Float(f.as_str().replace('_', "").parse().map_err(|_| at.error("this is not a number"))?),
        DeValue::Boolean(b) => Node::Bool(b),
        DeValue::Datetime(d) => Node::Date(d.to_string()),
        DeValue::Array(a) => Node::Array(a.into_iter().map(|v| item(v, source)).collect::<Result<_>>()?),
        DeValue::Table(t) => table(t, source)?,
    };
    Ok(Item { node, at })
}

fn number(item: &mut Item, add: usize) {
    item.at.layer += add;
    match &mut item.node {
        Node::Table(entries) => entries.iter_mut().for_each(|e| {
            e.key_at.layer += add;
            number(&mut e.item, add);
        }),
        Node::Array(items) => items.iter_mut().for_each(|i| number(i, add)),
        _ => {}
    }
}

fn merge(below: &mut Item, over: Item) {
    match (&mut below.node, over.node) {
        (Node::Table(old), Node::Table(new)) => {
            for entry in new {
                match old.iter_mut().find(|e| e.key == entry.key) {
                    Some(e) => {
                        e.key_at = entry.key_at;
                        merge(&mut e.item, entry.item);
                    }
                    None => old.push(entry),
                }
            }
            below.at = over.at;
        }
        (_, node) => *below = Item { node, at: over.at },
    }
}

fn entries(item: &Item) -> &[Entry] {
    match &item.node {
        Node::Table(entries) => entries,
        _ => &[],
    }
}

/// What is wrong with a document. The first by place is reported; the rest are counted.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<((usize, usize), Error)>>);

impl Problems {
    /// Notes a problem at a place.
    pub fn add(&self, at: &At, message: impl std::fmt::Display) {
        self.push(at, at.error(message));
    }

    /// Notes an error that was made elsewhere.
    pub fn push(&self, at: &At, error: Error) {
        self.0.borrow_mut().push((at.order(), error));
    }

    /// The first problem by place, with a count of the others.
    pub fn first(self) -> Result<()> {
        let mut all = self.0.into_inner();
        all.sort_by_key(|(order, _)| *order);
        let others = all.len().saturating_sub(1);
        match all.into_iter().next() {
            None => Ok(()),
            Some((_, e)) if others == 0 => Err(e),
            Some((_, e)) => {
                Err(e.hint(format!("{others} more {} after this one.", if others == 1 { "problem follows" } else { "problems follow" })))
            }
        }
    }
}

/// A table that is being read: knows its name, notes wrong types, and in the end which keys nobody asked for.
pub struct Section<'a> {
    entries: &'a [Entry],
    at: At,
    /// `targets.shop`; empty at the top.
    name: String,
    problems: &'a Problems,
    seen: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub fn at(&self) -> &At {
        &self.at
    }
    pub fn problems(&self) -> &'a Problems {
        self.problems
    }
    /// `[targets.shop]`, for messages.
    pub fn title(&self) -> String {
        if self.name.is_empty() { "the top level".into() } else { format!("[{}]", crate::text::clean(&self.name)) }
    }
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }
    /// The entry of a key, without noting it as known.
    pub fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|e| e.key == key)
    }
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The value of a key, whatever its type.
    pub fn item(&self, key: &'static str) -> Option<&'a Item> {
        self.seen.borrow_mut().push(key);
        self.entry(key).map(|e| &e.item)
    }

    fn wrong(&self, key: &str, item: &Item, expected: &str) {
        let place = if self.name.is_empty() { String::new() } else { format!(" in {}", self.title()) };
        self.problems.add(&item.at, format!("`{}`{place} must be {expected}, not {}", crate::text::clean(key), item.node.kind()));
    }

    /// A string and its place.
    pub fn text(&self, key: &'static str) -> Option<(&'a str, &'a At)> {
        let item = self.item(key)?;
        match &item.node {
            Node::Text(s) => Some((s, &item.at)),
            _ => {
                self.wrong(key, item, "a string");
                None
            }
        }
    }

    pub fn integer(&self, key: &'static str) -> Option<(i64, &'a At)> {
        let item = self.item(key)?;
        match &item.node {
            Node::Integer(i) => Some((*i, &item.at)),
            _ => {
                self.wrong(key, item, "an integer");
                None
            }
        }
    }

    pub fn boolean(&self, key: &'static str) -> Option<bool> {
        let item = self.item(key)?;
        match &item.node {
            Node::Bool(b) => Some(*b),
            _ => {
                self.wrong(key, item, "true or false");
                None
            }
        }
    }

    /// Strings of an array, with their places.
    pub fn texts(&self, key: &'static str) -> Option<Vec<(&'a str, &'a At)>> {
        let item = self.item(key)?;
        let Node::Array(items) = &item.node else {
            self.wrong(key, item, "an array of strings");
            return None;
        };
        let mut out = Vec::new();
        for i in items {
            match &i.node {
                Node::Text(s) => out.push((s.as_str(), &i.at)),
                _ => self.wrong(key, i, "an array of strings"),
            }
        }
        Some(out)
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let (text, at) = self.text(key)?;
        let found = words.iter().find(|(w, _)| *w == text).map(|(_, t)| *t);
        if found.is_none() {
            let valid: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
            self.problems.add(at, unknown("value", text, &format!("`{key}`"), &valid));
        }
        found
    }

    /// A table below this one.
    pub fn table(&self, key: &'static str) -> Option<Section<'a>> {
        self.seen.borrow_mut().push(key);
        self.entry(key).and_then(|e| self.open(e))
    }

    /// An entry as a table, with its full name; a wrong type is noted.
    pub fn open(&self, entry: &'a Entry) -> Option<Section<'a>> {
        let Node::Table(entries) = &entry.item.node else {
            self.wrong(&entry.key, &entry.item, "a table");
            return None;
        };
        let name = if self.name.is_empty() { entry.key.clone() } else { format!("{}.{}", self.name, entry.key) };
        Some(Section { entries, at: entry.key_at.clone(), name, problems: self.problems, seen: RefCell::default() })
    }

    /// Notes every key that was never asked for.
    pub fn finish(self) {
        let seen = self.seen.into_inner();
        let place = if self.name.is_empty() { "the top level".to_owned() } else { format!("[{}]", crate::text::clean(&self.name)) };
        for e in self.entries.iter().filter(|e| !seen.contains(&e.key.as_str())) {
            self.problems.add(&e.key_at, unknown("key", &e.key, &place, &seen));
        }
    }
}
