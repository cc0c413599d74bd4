//! The schema tree and the canonical catalogue that proofs compare.

use super::Dialect;
use serde::{Deserialize, Serialize};

/// What a node of the schema tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A schema (PostgreSQL), a database (MySQL), an attached database (SQLite).
    Schema,
    Table,
    View,
    MaterializedView,
    Column,
    Index,
    Constraint,
    Trigger,
    Sequence,
    Function,
    Type,
    /// A heading such as "Indexes": it groups, and is no object of its own.
    Group,
}

impl NodeKind {
    /// The word for a kind of object.
    pub fn word(self) -> &'static str {
        match self {
            NodeKind::Schema => "schema",
            NodeKind::Table => "table",
            NodeKind::View => "view",
            NodeKind::MaterializedView => "materialised view",
            NodeKind::Column => "column",
            NodeKind::Index => "index",
            NodeKind::Constraint => "constraint",
            NodeKind::Trigger => "trigger",
            NodeKind::Sequence => "sequence",
            NodeKind::Function => "function",
            NodeKind::Type => "type",
            NodeKind::Group => "heading",
        }
    }
}

/// Where a node is: the names from the root. `["public"]`, `["public", "orders"]`, `["public", "orders", "total"]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct NodePath(pub Vec<(NodeKind, String)>);

impl NodePath {
    pub fn root() -> Self {
        NodePath(Vec::new())
    }
    #[must_use]
    pub fn child(&self, kind: NodeKind, name: impl Into<String>) -> Self {
        let mut path = self.0.clone();
        path.push((kind, name.into()));
        NodePath(path)
    }
    pub fn last(&self) -> Option<&(NodeKind, String)> {
        self.0.last()
    }
    pub fn name_of(&self, kind: NodeKind) -> Option<&str> {
        self.0.iter().find(|(k, _)| *k == kind).map(|(_, n)| n.as_str())
    }
}

/// One line of the schema tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaNode {
    pub kind: NodeKind,
    pub name: String,
    /// Type of a column, definition of an index or a constraint in one line.
    pub detail: String,
    /// What was written about it with COMMENT; empty where nothing was, or where the engine has no comments.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// `PK`, `FK → customers.id`, `UQ`, `NOT NULL`: short marks.
    pub marks: Vec<String>,
    /// Estimated rows, from statistics, never counted. `None` when the engine has no estimate.
    pub rows: Option<u64>,
    /// Size on disk in bytes, with indexes, where the catalogue tells it cheaply.
    pub bytes: Option<u64>,
    pub expandable: bool,
}

/// Something that would notice a change of an object: what uses it, hangs on it, or names it in its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependent {
    pub kind: NodeKind,
    /// As people name it: `public.rich`, `orders.total`.
    pub name: String,
    /// The foreign key's columns, an index's definition, when a trigger fires.
    pub detail: String,
    /// Where it stands in the schema tree.
    pub path: NodePath,
    /// The catalogue does not know of it: the name stands in the text of a body, and may mean something else there.
    pub by_text: bool,
}

/// How big the relations of a schema are and how they are used, from statistics: nothing is counted for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    pub relations: Vec<RelationUsage>,
    /// What could not be told, and what would lift that; how old the figures are.
    pub remarks: Vec<String>,
}

/// Figures of a table or a materialised view; `None` where the engine has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RelationUsage {
    pub name: String,
    /// Estimated.
    pub rows: Option<u64>,
    /// The table without its indexes, as of the last statistics.
    pub bytes: Option<u64>,
    pub index_bytes: Option<u64>,
    /// How often it was read since the statistics were reset: scans on PostgreSQL, rows on MySQL and MariaDB.
    pub reads: Option<u64>,
    /// Reads of these that went by an index.
    pub index_reads: Option<u64>,
    /// Rows that were inserted, updated or deleted since the statistics were reset.
    pub writes: Option<u64>,
}

/// A table's name and columns in order, as proofs need them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// `None` where the engine has no schemas (SQLite, MySQL's current database).
    pub schema: Option<String>,
    pub name: String,
    pub columns: Vec<String>,
}

impl TableShape {
    /// `schema.name`, for people and as a key.
    pub fn full_name(&self) -> String {
        match &self.schema {
            Some(s) => format!("{s}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What writing rows of a table needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    pub schema: String,
    pub name: String,
    /// In order.
    pub columns: Vec<ColumnInfo>,
    /// The columns of the primary key, or else of a unique key whose columns are all NOT NULL; empty when there is neither.
    pub key: Vec<String>,
    /// Why there is none, where it is not that simple, as half a sentence: `its unique key u may hold NULL in a`.
    pub no_key: Option<String>,
    /// SQLite's name for the number of a row, where no column is it.
    pub number: Option<String>,
    /// Why a change of its rows could not be rolled back, as half a sentence: `its engine MyISAM cannot roll back`.
    pub no_rollback: Option<String>,
}

/// A table's column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnInfo {
    pub name: String,
    /// How a result's [`super::rows::Origin`] names it.
    pub id: String,
    pub type_name: String,
    pub nullable: bool,
    /// The server computes it: it cannot be written.
    pub generated: bool,
    /// The server sets it with each UPDATE of its row (`ON UPDATE CURRENT_TIMESTAMP`).
    pub renewed: bool,
    /// It has a default, or counts by itself: an INSERT may leave it out.
    pub default: bool,
    /// Left out, it takes a number of which no rollback gives anything back.
    pub counts: bool,
    /// `SELECT *` leaves it out (`INVISIBLE` of MariaDB and MySQL).
    pub hidden: bool,
}

impl TableInfo {
    /// Columns whose values tell a row from all others: its number, its key, or all of them where it may have equals.
    pub fn told_apart_by(&self) -> Vec<&str> {
        match (&self.number, self.key.as_slice()) {
            (Some(number), _) => vec![number],
            (None, []) => self.columns.iter().map(|c| c.name.as_str()).collect(),
            (None, key) => key.iter().map(String::as_str).collect(),
        }
    }
    /// What a SELECT of this table alone has to list for its rows to be whole and exact: `*` and what that leaves out, or each column.
    pub fn whole_rows(&self, dialect: Dialect) -> String {
        if self.columns.iter().any(|c| c.rounded(dialect)) {
            let each = |c: &ColumnInfo| {
                if c.rounded(dialect) { format!("{} AS {}", c.exact(dialect), dialect.quote_ident(&c.name)) } else { c.exact(dialect) }
            };
            return self.columns.iter().map(each).collect::<Vec<_>>().join(", ");
        }
        let hidden = self.columns.iter().filter(|c| c.hidden).map(|c| &c.name);
        let further = hidden.chain(&self.number).map(|name| format!(", {}", dialect.quote_ident(name)));
        std::iter::once("*".to_string()).chain(further).collect()
    }
}

impl ColumnInfo {
    /// MariaDB and MySQL send a FLOAT with six digits, of which it has up to nine.
    pub fn rounded(&self, dialect: Dialect) -> bool {
        dialect == Dialect::MySql && self.type_name.to_ascii_lowercase().starts_with("float")
    }
    /// What gives its value in a SELECT with all its digits.
    pub fn exact(&self, dialect: Dialect) -> String {
        let name = dialect.quote_ident(&self.name);
        if self.rounded(dialect) { format!("{name} + 0e0") } else { name }
    }
    /// Its type holds bytes.
    pub fn binary(&self, dialect: Dialect) -> bool {
        let type_name = self.type_name.to_ascii_lowercase();
        let first = type_name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        const MYSQL: [&str; 11] = [
            "binary",
            "varbinary",
            "bit",
            "geometry",
            "point",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geometrycollection",
        ];
        match dialect {
            Dialect::Postgres => first == "bytea",
            Dialect::Sqlite => type_name.contains("blob"),
            Dialect::MySql => first.ends_with("blob") || MYSQL.contains(&first),
        }
    }
}

/// A foreign key that leads to a table, and what the server does with its rows when those it refers to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    pub constraint: String,
    /// The table that refers, and its columns in the key's order.
    pub schema: String,
    pub table: String,
    pub columns: Vec<String>,
    /// The columns referred to, in the same order.
    pub referenced: Vec<String>,
    pub on_delete: Follow,
    pub on_update: Follow,
    /// What follows by both, as SQL has it: `ON DELETE CASCADE`; empty where nothing does.
    pub rules: String,
    /// False where the session lets references break (SQLite without `foreign_keys`).
    pub enforced: bool,
}

/// What follows for the rows that refer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Nothing, or the server refuses the change.
    Nothing,
    /// Deleted, or given the new key.
    Cascade,
    /// Their columns become NULL or the default.
    Set,
}

impl Follow {
    /// From the words of the standard: `CASCADE`, `SET NULL`, `SET DEFAULT`; anything else changes nothing.
    pub fn from_words(words: &str) -> Self {
        match words {
            "CASCADE" => Follow::Cascade,
            "SET NULL" | "SET DEFAULT" => Follow::Set,
            _ => Follow::Nothing,
        }
    }
}

/// A lock that a session holds, as far as its server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLock {
    /// `orders`, `412 rows in 1 table`.
    pub object: String,
    /// The server's name of the mode, e.g. `RowExclusiveLock`.
    pub mode: String,
}

/// A session that waits for another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// `app@10.0.0.3 (pid 4711)`.
    pub who: String,
    pub seconds: u64,
    pub statement: String,
}

/// What keeps a statement waiting for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// `app@10.0.0.3 (pid 4711, psql)`; the lock that is waited for where the server does not tell who has it.
    pub who: String,
    /// So many seconds it has done nothing inside its open transaction; `None` while it runs a statement.
    pub idle: Option<u64>,
    /// What it runs, or ran last; empty where the server does not tell.
    pub statement: String,
    /// The server tells who it is.
    pub known: bool,
}

/// One object of the canonical catalogue: equal catalogues have equal lists, sorted by `kind` and `name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CanonicalObject {
    /// `table`, `column`, `index`, `constraint`, `trigger`, `view`, `function`, `setting` …
    pub kind: String,
    /// Qualified: `public.orders.total`.
    pub name: String,
    /// All that matters of it, normalised (no oids, no AUTO_INCREMENT counters).
    pub definition: String,
}
