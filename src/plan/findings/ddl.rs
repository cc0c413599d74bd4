//! Statements that belong to a next step: names quoted where they must be, one form for each product.

use super::scene::{Product, Scene};
use crate::model::plan::Role;
use crate::plan::expression::{Column, Expr, Predicate, Test};
use crate::sql::reserved::ident;

/// Longest name that PostgreSQL keeps (NAMEDATALEN − 1); MySQL and MariaDB take 64.
const LONGEST: usize = 63;
/// Characters of a column that an index of InnoDB holds whole: 3,072 bytes, of up to four for each.
const WHOLE_KEY: u32 = 768;

impl Scene<'_> {
    /// The node's table as it is written in a statement. `None` where only an alias is known: the statement would fail, or change
    /// another table of that name.
    pub fn table_sql(&self, i: usize) -> Option<String> {
        let (schema, name) = self.real_table(i)?;
        Some(match self.table(i) {
            Some(t) => self.qualified(t.schema.as_deref(), &t.name),
            None => self.qualified(schema, name),
        })
    }
    pub fn qualified(&self, schema: Option<&str>, name: &str) -> String {
        match schema {
            Some(s) => format!("{}.{}", ident(self.dialect, s), ident(self.dialect, name)),
            None => ident(self.dialect, name),
        }
    }
    fn bare_name(&self, i: usize) -> &str {
        let relation = self.relation(i).unwrap_or("table");
        match self.table(i) {
            Some(t) => &t.name,
            None => relation.rsplit('.').next().unwrap_or(relation),
        }
    }

    /// A column as a key of an index: of one that may be too long for it, MySQL and MariaDB take the beginning only.
    fn key_sql(&self, i: usize, column: &str) -> String {
        let kind = self.table(i).and_then(|t| t.type_of(column)).unwrap_or_default();
        let beginning = if self.product.is_mysql() { beginning(&kind) } else { "" };
        format!("{}{beginning}", ident(self.dialect, column))
    }

    /// `CREATE INDEX t_a_b_idx ON t (a, b)`.
    pub fn index_on(&self, i: usize, columns: &[String]) -> Option<String> {
        if columns.is_empty() {
            return None;
        }
        let keys: Vec<String> = columns.iter().map(|c| self.key_sql(i, c)).collect();
        // Only what is certain to be a table gets a statement.
        let own = self.table_sql(i)?;
        let (table, name) = match self.indexed_table(i) {
            Some(t) => (self.qualified(t.schema.as_deref(), &t.name), t.name.as_str()),
            None => (own, self.bare_name(i)),
        };
        Some(self.index_with(&table, name, &columns.join("_"), "", &keys.join(", ")))
    }
    /// The column that a pattern with a fixed beginning is of, last in the index, and the class that it wants there: in most collations no
    /// plain index of PostgreSQL serves one, and none of SQLite its LIKE, which takes no heed of case.
    pub fn pattern_class<'c>(&self, i: usize, columns: &'c [String], tests: &[Predicate]) -> Option<(&'c String, &'static str)> {
        let last = columns.last().filter(|_| matches!(self.product, Product::Postgres | Product::Sqlite))?;
        let pattern = |p: &Predicate| p.test == Test::Prefix && p.column().is_some_and(|c| c.name == *last);
        let fits = |c: &str| if self.product == Product::Sqlite { c == "COLLATE NOCASE" } else { c.ends_with("pattern_ops") };
        let classed = |x: &crate::plan::known::Index| x.keys.iter().zip(&x.classes).any(|(k, c)| k == last && fits(c));
        let there = self.table(i).is_some_and(|t| t.indexes.iter().any(classed));
        if self.product == Product::Sqlite {
            return (!there && tests.iter().any(|p| pattern(p) && p.op != "glob")).then_some((last, "COLLATE NOCASE"));
        }
        (!there && tests.iter().any(pattern)).then(|| {
            let kind = self.table(i).and_then(|t| t.type_of(last)).unwrap_or_default();
            (last, if kind.starts_with("character varying") { "varchar_pattern_ops" } else { "text_pattern_ops" })
        })
    }
    /// [`Scene::index_on`], with the class that a pattern wants.
    pub fn index_for(&self, i: usize, columns: &[String], tests: &[Predicate]) -> Option<String> {
        let plain = self.index_on(i, columns)?;
        Some(match self.pattern_class(i, columns, tests) {
            Some((_, class)) => format!("{} {class})", plain.strip_suffix(')')?),
            None => plain,
        })
    }
    /// An index on the tested columns over the rows of a condition alone.
    pub fn index_where(&self, i: usize, tests: &[Predicate], condition: &str) -> Option<String> {
        let mut columns: Vec<String> = tests.iter().filter_map(|p| Some(p.column()?.name.clone())).collect();
        columns.dedup();
        Some(format!("{} WHERE {condition}", self.index_on(i, &columns)?))
    }
    /// An index of a table that need not be in the plan.
    pub fn index_of(&self, schema: Option<&str>, table: &str, columns: &[String]) -> String {
        let keys: Vec<String> = columns.iter().map(|c| ident(self.dialect, c)).collect();
        self.index_with(&self.qualified(schema, table), table, &columns.join("_"), "", &keys.join(", "))
    }
    pub fn index_with(&self, table_sql: &str, table: &str, what: &str, method: &str, keys: &str) -> String {
        let mut name: String = format!("{table}_{what}").chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
        while name.len() + 4 > LONGEST {
            name.pop();
        }
        let using = if method.is_empty() { String::new() } else { format!(" USING {method}") };
        format!("CREATE INDEX {} ON {table_sql}{using} ({keys})", ident(self.dialect, &self.free(table, &name)))
    }
    /// `name_idx`, or with a number behind it where an index of the table has that name.
    fn free(&self, table: &str, name: &str) -> String {
        let indexes = self.known.tables.iter().filter(|t| t.name == table).flat_map(|t| t.indexes.iter().chain(&t.hidden));
        let all: Vec<&str> = indexes.map(|i| i.name.as_str()).collect();
        let mut numbered = (1..).map(|n| if n == 1 { format!("{name}_idx") } else { format!("{name}_idx{n}") });
        numbered.find(|n| !all.iter().any(|taken| taken.eq_ignore_ascii_case(n))).unwrap_or_default()
    }

    /// An index on an expression over the node's columns. `None` where the product has none.
    pub fn expression_index(&self, i: usize, e: &Expr) -> Option<String> {
        let columns: Vec<String> = e.columns().iter().map(|c| c.name.clone()).collect();
        let function = match e {
            Expr::Call { name, .. } => name.rsplit('.').next().unwrap_or(name),
            _ => "expr",
        };
        let what = format!("{function}_{}", columns.join("_"));
        // A second pair of parentheses is what MySQL asks for, and PostgreSQL for all but function calls.
        let keys = match self.product {
            Product::MariaDb => return None,
            Product::Sqlite => e.sql(self.dialect),
            _ => format!("({})", e.sql(self.dialect)),
        };
        Some(self.index_with(&self.table_sql(i)?, self.bare_name(i), &what, "", &keys))
    }

    /// A test on the node's table with a cast looked through that changes nothing for an index: PostgreSQL compares `varchar` as `text`, and
    /// prints that. Where the column's type is not known (a plan from a file) such a cast is taken for this usual one.
    pub fn uncast(&self, i: usize, p: Predicate) -> Predicate {
        let looked_through = match p.key.cast_column() {
            Some((c, to)) if self.product == Product::Postgres && to.eq_ignore_ascii_case("text") => match self.table(i) {
                Some(t) => t.type_of(&c.name).is_some_and(|t| t.starts_with("character varying") || t == "text" || t == "name"),
                None => true,
            },
            _ => false,
        };
        match p.key {
            Expr::Cast { what, .. } if looked_through => Predicate { key: *what, ..p },
            _ => p,
        }
    }

    /// MySQL and MariaDB search an index for what is unlike a value, too: all below it and all above.
    pub fn searchable(&self, p: Predicate) -> Predicate {
        let unlike = p.test == Test::NotEqual && p.column().is_some() && p.value.as_ref().is_none_or(Expr::is_constant);
        if unlike && self.product.is_mysql() { Predicate { test: Test::Range, ..p } } else { p }
    }

    /// A column of text that is compared with a number, with its type and the number: MySQL and MariaDB convert each value, without a word
    /// in the plan, and no index on the column can be searched.
    pub fn converted<'p>(&self, i: usize, p: &'p Predicate) -> Option<(String, &'p str)> {
        let (Some(column), true) = (p.column(), self.product.is_mysql()) else { return None };
        let own = self.table(i)?.type_of(&column.name)?;
        let Some(Expr::Constant(value)) = &p.value else { return None };
        let compared = matches!(p.test, Test::Equal | Test::In | Test::Range);
        (compared && value.parse::<f64>().is_ok() && (own.contains("char") || own.contains("text"))).then_some((own, value))
    }

    /// Whether what a column is compared with stays the same while its table is read: not what a subquery gives that looks at the row.
    pub fn steady(&self, i: usize, p: &Predicate) -> bool {
        let mut asks = Vec::new();
        if let Some(v) = &p.value {
            v.walk(&mut |e| {
                if let Expr::Subquery(text) = e {
                    asks.push(text);
                }
            });
        }
        if asks.is_empty() {
            return true;
        }
        let alias = self.alias(i).unwrap_or("");
        let below = |j: usize| self.node(j).role == Role::SubPlan || self.above(j).any(|a| self.node(a).role == Role::SubPlan);
        let outer = |j: usize| {
            let n = self.node(j);
            n.conditions.iter().any(|(_, text)| self.read(text).columns().iter().any(|c| c.qualifier.as_deref() == Some(alias)))
        };
        match self.product {
            // What stays the same is an InitPlan here, and its parameter no subquery.
            Product::Postgres => false,
            Product::Sqlite => !self.all().any(|j| self.node(j).raw_op.starts_with("CORRELATED")),
            Product::MySql | Product::MariaDb => !self.all().any(|j| {
                let n = self.node(j);
                let told = n.subplan.as_deref().is_some_and(|s| s.contains("dependent")) || n.op == "subquery cache";
                told || below(j) && (outer(j) || n.role == Role::SubPlan && n.loops.is_some_and(|l| l > 1.0))
            }),
        }
    }

    /// An index that begins with the columns and that the planner may not use: a sentence, and the statement that lets it.
    pub fn hidden_index(&self, i: usize, columns: &[String]) -> Option<(String, String)> {
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let table = self.table(i).filter(|t| !names.is_empty() && !t.has_index_on(&names))?;
        let index = table.hidden_index_on(&names)?;
        let (is, way) = crate::plan::candidates::hiding(self.product);
        let (on, name) = (self.qualified(table.schema.as_deref(), &table.name), ident(self.dialect, &index.name));
        Some((
            format!(
                "The index {} on ({}) is {is}: the planner may not use it. Let it, and compare the plans.",
                index.name,
                columns.join(", ")
            ),
            format!("ALTER TABLE {on} ALTER INDEX {name} {way}"),
        ))
    }

    /// Whether the columns are known to have an index that begins with them already.
    pub fn indexed(&self, i: usize, columns: &[String]) -> bool {
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        !names.is_empty() && self.table(i).is_some_and(|t| t.has_index_on(&names))
    }
}

/// `(64)` behind a column of MySQL or MariaDB that no index holds as a whole.
pub fn beginning(kind: &str) -> &'static str {
    let declared = || kind.split_once('(').and_then(|(_, n)| n.split([')', ',']).next()?.trim().parse::<u32>().ok());
    let long = kind.contains("char") || kind.contains("binary");
    if kind.contains("text") || kind.contains("blob") || long && declared().is_some_and(|n| n > WHOLE_KEY) { "(64)" } else { "" }
}

/// Columns for an index that serves these tests: those tested for equality first, then one range; nothing twice.
pub fn index_columns(tests: &[Predicate]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut add = |c: &Column| {
        if !out.contains(&c.name) && c.name != "*" {
            out.push(c.name.clone());
        }
    };
    for p in tests.iter().filter(|p| matches!(p.test, Test::Equal | Test::In | Test::Null | Test::Join)) {
        if let Some(c) = p.column() {
            add(c);
        }
    }
    if let Some(c) = tests.iter().filter(|p| matches!(p.test, Test::Range | Test::Prefix | Test::RangeJoin)).find_map(Predicate::column) {
        add(c);
    }
    // Alone it is found like a range.
    if out.is_empty()
        && let Some(c) = tests.iter().filter(|p| p.test == Test::NotNull).find_map(Predicate::column)
    {
        out.push(c.name.clone());
    }
    out
}
