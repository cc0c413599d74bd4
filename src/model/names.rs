//! Names of a database that completion proposes: read in one go in the background, kept until DDL changes them.

use super::{NodeKind, NodePath};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The names that a session can reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Schemas (MySQL: databases) that are searched for a bare name, in this order.
    pub path: Vec<String>,
    /// All schemas, also those whose relations were not read.
    pub schemas: Vec<String>,
    /// Those of them whose relations are read when they are wanted.
    pub unread: Vec<String>,
    pub relations: Vec<Relation>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Functions by name, without repeats; with their schema where the search path does not reach them.
    pub functions: Vec<Box<str>>,
    /// Of these, the ones that give rows: they may stand in FROM.
    pub row_functions: Vec<Box<str>>,
    /// Procedures, named likewise.
    pub procedures: Vec<Box<str>>,
    /// Types that a column or a cast may name, likewise.
    pub types: Vec<Box<str>>,
    /// What SET and SHOW name; PRAGMA for SQLite.
    pub settings: Vec<Box<str>>,
    /// Roles and users, as statements name them.
    pub roles: Vec<Box<str>>,
    /// Of the two servers of MySQL's dialect it is MariaDB: each has words of its own.
    pub mariadb: bool,
    /// What else stands in the schema tree: functions with their arguments, sequences, types, indexes, triggers. See [`Names::places`].
    pub places: Vec<Place>,
    /// Their names, in their order.
    pub placed: Packed,
    /// Names of columns, each with the relations (indexes into `relations`) that have one of it, the first [`HAVING`] of them; without
    /// the system's own.
    pub columns: Vec<(Arc<str>, Box<[u32]>)>,
    /// Names of the relations that are not the system's, in their order; see [`Names::pack`].
    pub own: Packed,
    /// Names of tables and schemas that differ by case alone are different ones, also without quotes (MySQL's and MariaDB's
    /// `lower_case_table_names = 0`).
    pub by_case: bool,
    /// How often each name (in lower case) stands in what was run before: what is used comes first.
    pub used: HashMap<String, u32>,
}

/// Relations that are kept of those that have a column of one name: nobody looks through more of them, and nearly all have an `id`.
pub const HAVING: usize = 1_000;

/// Texts one behind the other in one piece of memory: names that lie scattered among their columns take three times as long to look
/// through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    text: String,
    ends: Vec<usize>,
}

impl Packed {
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Packed {
        let mut out = Packed::default();
        names.for_each(|n| out.push(n));
        out
    }
    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }
    fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
    pub fn get(&self, i: usize) -> Option<&str> {
        let start = if i == 0 { 0 } else { *self.ends.get(i - 1)? };
        self.text.get(start..*self.ends.get(i)?)
    }
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub schema: Arc<str>,
    pub name: Box<str>,
    pub kind: NodeKind,
    /// One of the server's own catalogues: proposed last.
    pub system: bool,
    /// Each kept once for all relations that have it (most tables have an `id`), and so is the list: the tables of tenants and partitions
    /// have the same.
    pub columns: Arc<[Arc<ColumnName>]>,
    /// Places among `columns` of those that only the server fills.
    pub unwritable: Box<[u16]>,
    /// Places of those that a unique key has: what ON CONFLICT may name.
    pub keyed: Box<[u16]>,
}

/// An object of the schema tree that is neither a relation nor a column: with its name enough to make its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub schema: Arc<str>,
    /// The table (or view) that it hangs on.
    pub relation: Option<(NodeKind, Box<str>)>,
    /// The heading that it stands under.
    pub group: Arc<str>,
    pub kind: NodeKind,
}

impl Place {
    /// Where the one of this name stands in the schema tree.
    pub fn path(&self, name: &str) -> NodePath {
        let mut path = NodePath::root().child(NodeKind::Schema, &*self.schema);
        if let Some((kind, name)) = &self.relation {
            path = path.child(*kind, &**name);
        }
        path.child(NodeKind::Group, &*self.group).child(self.kind, name)
    }
}

impl Relation {
    /// Where it stands in the schema tree.
    pub fn path(&self) -> NodePath {
        let root = NodePath::root();
        // An engine without schemas has its tables at the root.
        let above = if self.schema.is_empty() { root } else { root.child(NodeKind::Schema, &*self.schema) };
        above.child(self.kind, &*self.name)
    }
}

/// A column with its type as the server writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnName {
    pub name: Arc<str>,
    pub type_name: Arc<str>,
}

/// A foreign key: these columns of `table` are a key of `referenced`. Tables by schema and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    pub table: (Arc<str>, Box<str>),
    pub columns: Vec<Box<str>>,
    pub referenced: (Arc<str>, Box<str>),
    pub referenced_columns: Vec<Box<str>>,
}

impl Names {
    /// The relation that a name means: of that schema, or the first along the path. Case is forgiven, as while typing.
    pub fn relation(&self, schema: Option<&str>, name: &str) -> Option<&Relation> {
        let rank = |r: &Relation| match schema {
            Some(s) => r.schema.eq_ignore_ascii_case(s).then_some(0),
            None => Some(self.path.iter().position(|p| **p == *r.schema).unwrap_or(self.path.len())),
        };
        let named = self.relations.iter().filter(|r| r.name.eq_ignore_ascii_case(name));
        // The exact spelling wins where two names differ by case alone.
        named.filter_map(|r| Some((rank(r)?, *r.name != *name, r))).min_by_key(|(rank, inexact, _)| (*rank, *inexact)).map(|(_, _, r)| r)
    }

    /// Makes the packed names anew: needed after each change of `relations`.
    pub fn pack(&mut self) {
        self.own = Packed::of(self.relations.iter().filter(|r| !r.system).map(|r| &*r.name));
    }

    /// The places, each with its name.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &str)> + Clone {
        self.places.iter().zip(self.placed.iter())
    }

    pub fn add_place(&mut self, place: Place, name: &str) {
        self.places.push(place);
        self.placed.push(name);
    }

    /// Adds the relations of a schema that was left out before.
    pub fn add(&mut self, schema: &str, relations: &[Relation]) {
        self.unread.retain(|s| s != schema);
        // Behind the others: their places among `relations` are known to `columns`.
        self.relations.extend(relations.iter().cloned());
        self.pack();
    }

    /// Whether a bare name finds relations of this schema.
    pub fn on_path(&self, schema: &str) -> bool {
        self.path.iter().any(|p| p == schema)
    }
}

/// Places of what is true.
fn places(of: &[bool]) -> Box<[u16]> {
    (0u16..).zip(of).filter(|(_, is)| **is).map(|(i, _)| i).collect()
}

/// Collects columns of relations as they come from a catalogue, in order, each name of a column or a type kept once.
#[derive(Default)]
pub struct Collector {
    names: Names,
    shared: HashSet<Arc<str>>,
    /// Columns of the relation that came last, until it is complete: a list that grows takes half as much again as it needs.
    columns: Vec<Arc<ColumnName>>,
    known: HashSet<Arc<ColumnName>>,
    lists: HashSet<Arc<[Arc<ColumnName>]>>,
}

impl Collector {
    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.shared.get(text) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(text);
        self.shared.insert(new.clone());
        new
    }
    fn complete(&mut self) {
        let Some(last) = self.names.relations.last_mut() else { return };
        if self.columns.is_empty() {
            return;
        }
        match self.lists.get(&*self.columns) {
            Some(known) => {
                last.columns = known.clone();
                self.columns.clear();
            }
            None => {
                last.columns = self.columns.drain(..).collect();
                self.lists.insert(last.columns.clone());
            }
        }
    }
    /// A relation, before its columns.
    pub fn relation(&mut self, schema: &str, name: &str, kind: NodeKind, system: bool) {
        self.complete();
        let schema = self.share(schema);
        self.names.relations.push(Relation {
            schema,
            name: name.into(),
            kind,
            system,
            columns: Arc::default(),
            unwritable: Box::default(),
            keyed: Box::default(),
        });
    }
    /// The next column of the relation that came last.
    pub fn column(&mut self, name: &str, type_name: &str) {
        let column = ColumnName { name: self.share(name), type_name: self.share(type_name) };
        let column = self.known.get(&column).cloned().unwrap_or_else(|| {
            let new = Arc::new(column);
            self.known.insert(new.clone());
            new
        });
        self.columns.push(column);
    }
    /// The relation that came last is complete; these of its columns only the server fills.
    pub fn unwritable(&mut self, columns: &[bool]) {
        if let Some(last) = self.names.relations.last_mut() {
            last.unwritable = places(columns);
        }
    }
    /// The same for those that a unique key has.
    pub fn keyed(&mut self, columns: &[bool]) {
        if let Some(last) = self.names.relations.last_mut() {
            last.keyed = places(columns);
        }
    }
    /// True when the relation that came last is this one.
    pub fn is_at(&self, schema: &str, name: &str) -> bool {
        self.names.relations.last().is_some_and(|r| *r.schema == *schema && *r.name == *name)
    }
    /// An object under a heading, of a relation or of a schema.
    pub fn place(&mut self, schema: &str, relation: Option<(NodeKind, &str)>, group: &str, kind: NodeKind, name: &str) {
        let (schema, group) = (self.share(schema), self.share(group));
        let relation = relation.map(|(k, n)| (k, n.into()));
        self.names.add_place(Place { schema, relation, group, kind }, name);
    }
    /// One pair of columns of a foreign key; pairs of the same `key` (any text that names it) have to follow each other.
    pub fn key_pair(&mut self, first_of_key: bool, own: (&str, &str, &str), other: (&str, &str, &str)) {
        if first_of_key {
            let (table, referenced) = ((self.share(own.0), own.1.into()), (self.share(other.0), other.1.into()));
            self.names.foreign_keys.push(ForeignKey { table, columns: Vec::new(), referenced, referenced_columns: Vec::new() });
        }
        if let Some(key) = self.names.foreign_keys.last_mut() {
            key.columns.push(own.2.into());
            key.referenced_columns.push(other.2.into());
        }
    }
    /// The relations alone.
    pub fn relations(mut self) -> Vec<Relation> {
        self.complete();
        self.names.relations
    }
    /// All of it.
    pub fn finish(mut self, path: Vec<String>, schemas: Vec<String>, functions: Vec<Box<str>>) -> Names {
        self.complete();
        self.names.relations.shrink_to_fit();
        let mut having: HashMap<&Arc<str>, Vec<u32>> = HashMap::new();
        for (i, r) in self.names.relations.iter().enumerate().filter(|(_, r)| !r.system) {
            for c in r.columns.iter() {
                let have = having.entry(&c.name).or_default();
                if have.len() < HAVING {
                    have.extend(u32::try_from(i));
                }
            }
        }
        let mut columns: Vec<(Arc<str>, Box<[u32]>)> = having.into_iter().map(|(n, r)| (n.clone(), r.into())).collect();
        columns.sort_unstable();
        self.names.columns = columns;
        self.names.places.shrink_to_fit();
        self.names.placed.shrink_to_fit();
        self.names.pack();
        Names { path, schemas, functions, ..self.names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_alike_share_their_columns_and_what_hangs_on_them_keeps_its_name() {
        let mut c = Collector::default();
        for i in 0..HAVING + 500 {
            let table = format!("t{i}");
            c.relation("public", &table, NodeKind::Table, false);
            c.column("id", "integer");
            c.column(if i == 7 { "seven" } else { "name" }, "text");
            c.place("public", Some((NodeKind::Table, &table)), "Indexes", NodeKind::Index, &format!("{table}_pkey"));
        }
        c.relation("public", "empty", NodeKind::View, false);
        let names = c.finish(Vec::new(), Vec::new(), Vec::new());
        let columns = |i: usize| names.relations[i].columns.iter().map(|c| &*c.name).collect::<Vec<_>>();
        assert_eq!((columns(3), columns(7), columns(HAVING + 500)), (vec!["id", "name"], vec!["id", "seven"], Vec::new()));
        assert!(Arc::ptr_eq(&names.relations[3].columns, &names.relations[HAVING + 499].columns));
        let having: Vec<(&str, usize, u32)> = names.columns.iter().map(|(n, have)| (&**n, have.len(), have[have.len() - 1])).collect();
        let last = HAVING as u32;
        assert_eq!(having, [("id", HAVING, last - 1), ("name", HAVING, last), ("seven", 1, 7)], "the first so many, in their order");
        for (i, (place, name)) in names.places().enumerate() {
            assert_eq!((Some(name), name), (names.placed.get(i), &*format!("t{i}_pkey")));
            assert_eq!(place.path(name).name_of(NodeKind::Table), Some(&*format!("t{i}")));
        }
        assert_eq!(names.placed.get(HAVING + 500), None);
    }
}
