//! Statements to begin with: SELECT, INSERT, UPDATE and DELETE over a table, every column named, with `:name` where a value
//! belongs; and an object's name as it has to be written.

use super::reserved::ident;
use crate::model::{ColumnInfo, Dialect, Error, NodeKind, NodePath, Result};
use std::collections::{HashMap, HashSet};

/// Which statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    Select,
    Insert,
    Update,
    Delete,
}

/// What a template is written over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject<'a> {
    /// As it has to be written, with its schema where the bare name means something else.
    pub name: String,
    pub columns: &'a [ColumnInfo],
    /// Columns that name one row; empty when none do.
    pub key: &'a [String],
    /// A table: a view takes SELECT alone.
    pub writable: bool,
}

/// Lines are not longer than this, where names allow it.
const WIDTH: usize = 78;

/// The statement, with its semicolon. An error says why there is none: a view, no key, nothing but the key to set.
pub fn write(dialect: Dialect, of: &Subject<'_>, template: Template) -> Result<String> {
    let name = &of.name;
    if template != Template::Select && !of.writable {
        return Err(Error::failed(format!("{name} is a view: only a SELECT is written over it")));
    }
    let q = |n: &str| ident(dialect, n);
    let names = parameters(of.columns);
    let value = |column: &str| names.get(column).cloned().unwrap_or_else(|| value(column));
    let is_key = |c: &ColumnInfo| of.key.contains(&c.name);
    let condition = || -> Result<String> {
        if of.key.is_empty() {
            return Err(Error::failed(format!(
                "{name} has no primary key, and no unique key without NULLs: nothing names one of its rows"
            ))
            .hint("A SELECT or an INSERT can be written."));
        }
        let each: Vec<String> = of.key.iter().map(|k| format!("{} = :{}", q(k), value(k))).collect();
        Ok(each.join("\n   AND "))
    };
    Ok(match template {
        Template::Select => {
            // A relation without columns is PostgreSQL's own idea; it has rows nevertheless.
            format!("SELECT {}\n  FROM {name};\n", list(of.columns.iter().map(|c| q(&c.name)), 7))
        }
        Template::Insert => {
            // A key that the server counts is left to it.
            let counted = |c: &ColumnInfo| c.default && is_key(c) && of.key.len() == 1;
            let columns: Vec<&ColumnInfo> = of.columns.iter().filter(|c| !c.generated && !counted(c)).collect();
            if columns.is_empty() {
                return Ok(match dialect {
                    Dialect::MySql => format!("INSERT INTO {name} () VALUES ();\n"),
                    Dialect::Postgres | Dialect::Sqlite => format!("INSERT INTO {name} DEFAULT VALUES;\n"),
                });
            }
            let into = list(columns.iter().map(|c| q(&c.name)), 4);
            let values = list(columns.iter().map(|c| format!(":{}", value(&c.name))), 8);
            let short = name.len() + into.len() + 15 <= WIDTH && !into.contains('\n');
            let open = if short { " (" } else { "\n   (" };
            format!("INSERT INTO {name}{open}{into})\nVALUES ({values});\n")
        }
        Template::Update => {
            let condition = condition()?;
            let set: Vec<String> =
                of.columns.iter().filter(|c| !c.generated && !is_key(c)).map(|c| format!("{} = :{}", q(&c.name), value(&c.name))).collect();
            if set.is_empty() {
                return Err(Error::failed(format!("{name} has no column beside its key that could be set")));
            }
            format!("UPDATE {name}\n   SET {}\n WHERE {condition};\n", set.join(",\n       "))
        }
        Template::Delete => format!("DELETE FROM {name}\n WHERE {};\n", condition()?),
    })
}

/// Items with commas, broken at [`WIDTH`]; the first line starts at `indent`, and so do the others.
fn list(items: impl Iterator<Item = String>, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for (i, item) in items.enumerate() {
        let width = crate::text::width(&item);
        if i > 0 {
            out.push(',');
            if column + width + 3 > WIDTH {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column += 2;
            }
        }
        out.push_str(&item);
        column += width;
    }
    out
}

/// A parameter for each column, none twice: one value would be written into both.
fn parameters(columns: &[ColumnInfo]) -> HashMap<&str, String> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut unique = |c: &str| {
        let base = value(c);
        let name = std::iter::once(base.clone()).chain((2..).map(|n| format!("{base}_{n}"))).find(|n| !taken.contains(n)).unwrap_or(base);
        taken.insert(name.clone());
        name
    };
    // Those that keep their own name come first: the others make room.
    let (own, made): (Vec<&ColumnInfo>, Vec<&ColumnInfo>) = columns.iter().partition(|c| value(&c.name) == c.name);
    own.into_iter().chain(made).map(|c| (c.name.as_str(), unique(&c.name))).collect()
}

/// A parameter's name made of a column's.
fn value(column: &str) -> String {
    let mut name: String = column.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert_str(0, "v_");
    }
    name
}

/// The name of an object as a statement has to write it: with its schema, quoted where it must be. `main` of SQLite is left out,
/// and the arguments of a function; an index or a constraint has no more than its own name where it cannot be qualified.
pub fn qualified(dialect: Dialect, path: &NodePath) -> Option<String> {
    let (kind, name) = path.last()?;
    let schema = path.name_of(NodeKind::Schema).filter(|s| !(dialect == Dialect::Sqlite && *s == "main"));
    let own = match kind {
        NodeKind::Group => return None,
        NodeKind::Function => ident(dialect, name.split('(').next().unwrap_or(name)),
        _ => ident(dialect, name),
    };
    let relation = [NodeKind::Table, NodeKind::View, NodeKind::MaterializedView].iter().find_map(|k| path.name_of(*k));
    let parts: Vec<Option<String>> = match kind {
        NodeKind::Schema => vec![Some(own)],
        NodeKind::Column => vec![schema.map(|s| ident(dialect, s)), relation.map(|r| ident(dialect, r)), Some(own)],
        NodeKind::Constraint => vec![Some(own)],
        // PostgreSQL's triggers belong to their table, MySQL's indexes too.
        NodeKind::Trigger if dialect == Dialect::Postgres => vec![Some(own)],
        NodeKind::Index if dialect == Dialect::MySql => vec![Some(own)],
        _ => vec![schema.map(|s| ident(dialect, s)), Some(own)],
    };
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Class, classify, params, split};

    fn column(name: &str, default: bool, generated: bool) -> ColumnInfo {
        ColumnInfo {
            name: name.into(),
            id: name.into(),
            type_name: "text".into(),
            nullable: true,
            generated,
            renewed: false,
            default,
            counts: false,
            hidden: false,
        }
    }

    fn orders() -> Vec<ColumnInfo> {
        vec![column("id", true, false), column("Customer Id", false, false), column("total", true, false), column("vat", false, true)]
    }

    fn of<'a>(columns: &'a [ColumnInfo], key: &'a [String]) -> Subject<'a> {
        Subject { name: "shop.orders".into(), columns, key, writable: true }
    }

    #[test]
    fn statements_name_every_column_and_quote_what_needs_it() {
        let (columns, key) = (orders(), vec!["id".to_string()]);
        let written = |t| write(Dialect::Postgres, &of(&columns, &key), t).unwrap();
        assert_eq!(written(Template::Select), "SELECT id, \"Customer Id\", total, vat\n  FROM shop.orders;\n");
        assert_eq!(
            written(Template::Insert),
            "INSERT INTO shop.orders (\"Customer Id\", total)\nVALUES (:Customer_Id, :total);\n",
            "the server counts id and computes vat"
        );
        assert_eq!(
            written(Template::Update),
            "UPDATE shop.orders\n   SET \"Customer Id\" = :Customer_Id,\n       total = :total\n WHERE id = :id;\n"
        );
        assert_eq!(written(Template::Delete), "DELETE FROM shop.orders\n WHERE id = :id;\n");
    }

    #[test]
    fn no_two_columns_have_one_parameter() {
        let columns: Vec<ColumnInfo> = ["a b", "a_b", "a-b", "a_b_2"].iter().map(|c| column(c, false, false)).collect();
        let text = write(Dialect::Postgres, &of(&columns, &[]), Template::Insert).unwrap();
        assert!(text.ends_with("VALUES (:a_b_3, :a_b, :a_b_4, :a_b_2);\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_written_says_why() {
        let columns = orders();
        let e = write(Dialect::Postgres, &of(&columns, &[]), Template::Update).unwrap_err();
        assert!(e.message.contains("no primary key"), "{e:?}");
        assert!(write(Dialect::Postgres, &of(&columns, &[]), Template::Delete).is_err(), "never a DELETE without a condition");
        let view = Subject { writable: false, ..of(&columns, &[]) };
        assert!(write(Dialect::Postgres, &view, Template::Insert).unwrap_err().message.contains("view"));
        let key = vec!["id".to_string()];
        let e = write(Dialect::Postgres, &of(&columns[..1], &key), Template::Update).unwrap_err();
        assert!(e.message.contains("beside its key"), "{e:?}");
    }

    #[test]
    fn wide_tables_break_into_lines_and_stay_one_statement_with_a_value_for_each_column() {
        let columns: Vec<ColumnInfo> = (0..200).map(|i| column(&format!("measure number {i}"), false, false)).collect();
        let key = vec!["measure number 0".to_string(), "measure number 7".to_string()];
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            for t in [Template::Select, Template::Insert, Template::Update, Template::Delete] {
                let text = write(dialect, &of(&columns, &key), t).unwrap();
                assert!(text.lines().all(|l| l.len() <= WIDTH), "{text}");
                assert_eq!(split(dialect, &text).len(), 1);
                let class = classify(dialect, text.trim_end().trim_end_matches(';')).class;
                assert_eq!(class, if t == Template::Select { Class::Read } else { Class::Dml });
                let values = params::names(&params::placeholders(dialect, &text)).len();
                let expected = match t {
                    Template::Select => 0,
                    Template::Insert | Template::Update => 200,
                    Template::Delete => 2,
                };
                assert_eq!(values, expected, "{dialect:?} {t:?}");
            }
        }
    }

    #[test]
    fn names_are_qualified_and_quoted_as_their_engine_reads_them() {
        let path = |names: &[(NodeKind, &str)]| NodePath(names.iter().map(|(k, n)| (*k, (*n).to_string())).collect());
        let column = path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "Order"), (NodeKind::Column, "id")]);
        assert_eq!(qualified(Dialect::Postgres, &column).unwrap(), "public.\"Order\".id");
        assert_eq!(qualified(Dialect::MySql, &column).unwrap(), "public.`Order`.id");
        let function = path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Functions"), (NodeKind::Function, "twice(n numeric(3))")]);
        assert_eq!(qualified(Dialect::Postgres, &function).unwrap(), "public.twice");
        let main = path(&[(NodeKind::Schema, "main"), (NodeKind::Table, "two words")]);
        assert_eq!(qualified(Dialect::Sqlite, &main).unwrap(), "\"two words\"");
        assert_eq!(qualified(Dialect::Sqlite, &path(&[(NodeKind::Group, "Indexes")])), None);
    }
}
