//! From a test to the key of an index that would serve it.

use super::Key;
use super::uses::{Obstacle, Use};
use crate::model::Dialect;
use crate::plan::expression::{Expr, Predicate, Test};
use crate::plan::findings::ddl::beginning;
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::known::Table;
use crate::sql::reserved::ident;

/// The expression below casts that change nothing for an index: PostgreSQL compares `varchar` as `text`.
pub(super) fn bare<'e>(s: &Scene<'_>, table: &Table, e: &'e Expr) -> &'e Expr {
    match e {
        Expr::Cast { what, to } if s.product == Product::Postgres && to == "text" => match what.column() {
            Some(c) if table.type_of(&c.name).is_some_and(|t| t.starts_with("character varying") || t == "text" || t == "name") => what,
            _ => e,
        },
        Expr::Collate { what, .. } => bare(s, table, what),
        _ => e,
    }
}

/// The key that serves a test; nothing for a column that is none of the table's.
pub(super) fn key(s: &Scene<'_>, u: &Use<'_>, p: &Predicate) -> Result<Option<Key>, Obstacle> {
    let e = bare(s, u.table, &p.key);
    let mut made = match plain(s, u.table, e)? {
        Some(k) => k,
        None => return Ok(None),
    };
    if p.test == Test::Prefix {
        made.class = match s.product {
            Product::Postgres => {
                let kind = e.column().and_then(|c| u.table.type_of(&c.name)).unwrap_or_default();
                if kind.starts_with("character varying") { "varchar_pattern_ops" } else { "text_pattern_ops" }.to_string()
            }
            // SQLite's LIKE takes no heed of case, its GLOB does.
            Product::Sqlite if p.op != "glob" => "COLLATE NOCASE".into(),
            _ => String::new(),
        };
    }
    Ok(Some(made))
}

/// A column or an expression as a key.
pub(super) fn plain(s: &Scene<'_>, table: &Table, e: &Expr) -> Result<Option<Key>, Obstacle> {
    if let Some(c) = e.column() {
        let Some(known) = table.columns.iter().find(|k| k.name.eq_ignore_ascii_case(&c.name)) else { return Ok(None) };
        let mut sql = ident(s.dialect, &known.name);
        let kind = known.type_name.to_lowercase();
        if s.dialect == Dialect::MySql {
            sql.push_str(beginning(&kind));
        }
        if s.product == Product::Postgres && matches!(kind.as_str(), "json" | "xml" | "point") {
            return Err(Obstacle::Unindexable { text: format!("{sql}, which is {kind},") });
        }
        return Ok(Some(Key { sql, column: Some(known.name.clone()), class: String::new(), down: false }));
    }
    // `(a, b) > (1, 2)` is looked up by the first of them; of a row no index can be made.
    if let Expr::Row(parts) = e {
        return parts.first().map_or(Ok(None), |first| plain(s, table, first));
    }
    let text = with_schemas(s, e).sql(s.dialect);
    let mut own = !e.columns().is_empty();
    let mut fixed = true;
    e.walk(&mut |x| match x {
        Expr::Column(c) => own &= table.columns.iter().any(|k| k.name.eq_ignore_ascii_case(&c.name)),
        Expr::Subquery(_) | Expr::Unread(_) | Expr::Parameter(_) => fixed = false,
        _ => {}
    });
    if !own {
        return Ok(None);
    }
    if !fixed {
        return Err(Obstacle::Unindexable { text });
    }
    if let Some((c, to)) = e.cast_column()
        && table.has_index_on(&[&c.name])
    {
        return Err(Obstacle::Cast { column: c.name.clone(), to: to.to_string() });
    }
    match s.product {
        Product::MariaDb => Err(Obstacle::NoExpressions { text }),
        _ => {
            // A second pair of parentheses is what MySQL asks for, and PostgreSQL for all but function calls.
            let wrapped = text.starts_with('(') && text.ends_with(')') && matches!(e, Expr::Arithmetic { .. } | Expr::Unary { .. });
            let sql = if wrapped || s.product == Product::Sqlite { text } else { format!("({text})") };
            Ok(Some(Key { sql, column: None, class: String::new(), down: false }))
        }
    }
}

/// The expression with the schema of each function that the catalogue knows to be of one: where the index is built, another search_path
/// may hold.
fn with_schemas(s: &Scene<'_>, e: &Expr) -> Expr {
    let mut e = e.clone();
    e.each_call(&mut |name| {
        if let Some(schema) = s.known.functions.get(name.trim_matches('"')) {
            *name = format!("{}.{name}", ident(s.dialect, schema));
        }
    });
    e
}

/// A trigram index for a pattern; nothing where patterns have none.
pub(super) fn trigram(s: &Scene<'_>, u: &Use<'_>, p: &Predicate) -> Option<Result<Key, Obstacle>> {
    if s.product != Product::Postgres || p.op.starts_with("not") {
        return None;
    }
    // Shorter pieces make no trigram.
    let longest = p.pattern()?.split(['%', '_']).map(|t| t.chars().count()).max().unwrap_or(0);
    if longest < 3 {
        return None;
    }
    let mut k = plain(s, u.table, bare(s, u.table, &p.key)).ok()??;
    Some(match s.known.extensions.get("pg_trgm") {
        Some(schema) => {
            k.class = if matches!(schema.as_str(), "public" | "pg_catalog") {
                "gin_trgm_ops".into()
            } else {
                format!("{}.gin_trgm_ops", ident(s.dialect, schema))
            };
            Ok(k)
        }
        None => Err(Obstacle::NoTrigrams { text: k.sql }),
    })
}

/// A GIN index for a test of elements.
pub(super) fn elements(s: &Scene<'_>, u: &Use<'_>, p: &Predicate) -> Option<Key> {
    if s.product != Product::Postgres || !matches!(p.op.as_str(), "@>" | "&&" | "@@" | "?" | "?|" | "?&") {
        return None;
    }
    // With several columns in it the key is the whole test.
    p.value.as_ref()?;
    // With its configuration named it depends on nothing else, and can be indexed.
    if let Expr::Call { name, args } = &p.key
        && name == "to_tsvector"
        && args.len() == 2
        && p.op == "@@"
    {
        return Some(Key { sql: format!("({})", p.key.sql(s.dialect)), column: None, class: String::new(), down: false });
    }
    let c = p.key.column()?;
    let kind = u.table.type_of(&c.name)?;
    let class = match kind.as_str() {
        "jsonb" if p.op == "@>" => "jsonb_path_ops",
        "jsonb" => "",
        k if k.ends_with("[]") || k == "tsvector" => "",
        _ => return None,
    };
    Some(Key { sql: ident(s.dialect, &c.name), column: Some(c.name.clone()), class: class.into(), down: false })
}
