//! What is known about a plan's tables and server beyond the plan itself. All of it is optional: a plan from a file has none, and a
//! finding that needs a fact which is not here says nothing.

use std::collections::BTreeMap;

/// Facts that an open target can tell (`ops::plan_facts` gathers them).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    /// The statement as it was sent; a plan may carry it too.
    pub statement: Option<String>,
    pub tables: Vec<Table>,
    /// Total cost of the plan that holds for any parameters, beside the one for these (PostgreSQL).
    pub generic_cost: Option<f64>,
    /// Settings that the sentences name: `work_mem`.
    pub settings: BTreeMap<String, String>,
    /// Extensions of the server with the schema that each is in (PostgreSQL).
    pub extensions: BTreeMap<String, String>,
    /// Schemas of the functions that the plan names without one, where they are not the server's own (PostgreSQL).
    pub functions: BTreeMap<String, String>,
}

/// A table of the plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// `None` where the engine has no schemas, or the plan names none.
    pub schema: Option<String>,
    pub name: String,
    /// By the server's own statistics.
    pub rows: Option<f64>,
    pub columns: Vec<Column>,
    pub indexes: Vec<Index>,
    /// Indexes that are kept up to date and that the planner may not use: INVISIBLE on MySQL, IGNORED on MariaDB.
    pub hidden: Vec<Index>,
    /// Foreign keys that this table has, and those of others that point to it.
    pub foreign_keys: Vec<ForeignKey>,
    /// Columns of the partition key; empty when it is not partitioned.
    pub partition_key: Vec<String>,
    pub partitions: Option<u32>,
    pub statistics: Statistics,
    /// Columns by which the rows themselves are stored: every index ends with them, and a search by them needs no index. The primary key
    /// of InnoDB, the rowid's own column or the key WITHOUT ROWID of SQLite; empty where rows lie in a heap, or it is not known.
    pub stored_by: Vec<String>,
    /// How values are spread, by column, where statistics tell or somebody has counted.
    pub spread: BTreeMap<String, Spread>,
}

/// How the values of a column are spread. `None`: not known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// Different values in the whole table.
    pub distinct: Option<f64>,
    /// Mean width in bytes.
    pub width: Option<f64>,
    /// How far the rows lie in the order of the values: 1 and −1 wholly, 0 not at all (PostgreSQL).
    pub correlation: Option<f64>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    pub name: String,
    /// As the server writes it: `character varying(40)`, `int(11)`.
    pub type_name: String,
}

/// An index that can be used: what is invalid or invisible is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    pub name: String,
    /// Columns in order; an expression as its text.
    pub keys: Vec<String>,
    pub unique: bool,
    /// The predicate of a partial index.
    pub only_where: Option<String>,
    /// Which of the keys go downwards; empty: none of them.
    pub down: Vec<bool>,
    /// Columns that are carried along and are no keys.
    pub also: Vec<String>,
    /// The operator class of each key, on SQLite its collation where that is NOCASE; empty for the default one, none at all where an engine has
    /// no such thing.
    pub classes: Vec<String>,
    /// What it is, where it is no B-tree: `gin`, `hash`.
    pub method: Option<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForeignKey {
    pub name: String,
    /// Schema and name of the table that has it.
    pub schema: Option<String>,
    pub table: String,
    pub columns: Vec<String>,
    pub to_table: String,
    /// Whether an index of the referencing table begins with these columns.
    pub indexed: bool,
}

/// How fresh a table's statistics are; all `None` where nothing is known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// True: there are none. False: there are some.
    pub missing: Option<bool>,
    /// When they were made, as the server writes it.
    pub made: Option<String>,
    /// Rows changed since.
    pub changed: Option<f64>,
}

impl Known {
    /// The table of a plan's relation: `orders`, or `public.orders`.
    pub fn table(&self, relation: &str) -> Option<&Table> {
        let full = |t: &Table| {
            t.schema.as_ref().is_some_and(|s| {
                relation.len() == s.len() + t.name.len() + 1 && relation.starts_with(s.as_str()) && relation.ends_with(&t.name)
            })
        };
        self.tables.iter().find(|t| full(t)).or_else(|| self.tables.iter().find(|t| t.name.eq_ignore_ascii_case(relation)))
    }
}

impl Known {
    /// Names of the indexes of all these tables; `None` where no table is known.
    pub fn index_names(&self) -> Option<Vec<String>> {
        let names = || self.tables.iter().flat_map(|t| t.indexes.iter().chain(&t.hidden)).map(|i| i.name.clone());
        (!self.tables.is_empty()).then(|| names().collect())
    }
}

impl Index {
    fn begins_with(&self, columns: &[&str], stored_by: &[String]) -> bool {
        let ends = stored_by.iter().filter(|c| !self.keys.iter().any(|k| k.eq_ignore_ascii_case(c)));
        let first: Vec<&String> = self.keys.iter().chain(ends).take(columns.len()).collect();
        self.only_where.is_none()
            && self.method.is_none()
            && first.len() == columns.len()
            && columns.iter().all(|c| first.iter().any(|k| k.eq_ignore_ascii_case(c)))
    }
}

impl Table {
    /// A column's type in lower case.
    pub fn type_of(&self, column: &str) -> Option<String> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(column)).map(|c| c.type_name.to_lowercase())
    }
    /// Whether an index begins with these columns, in any order; what every index ends with counts.
    pub fn has_index_on(&self, columns: &[&str]) -> bool {
        self.indexes.iter().any(|i| i.begins_with(columns, &self.stored_by))
    }
    /// One that does so and that the planner may not use.
    pub fn hidden_index_on(&self, columns: &[&str]) -> Option<&Index> {
        self.hidden.iter().find(|i| i.begins_with(columns, &self.stored_by))
    }
}
