//! Content hashes that do not depend on row order, made the same way for every engine: rows are read as text and hashed here.

mod digest;

use super::{Catalog, Event, Session};
use crate::model::manifest::{ColumnDigest, Differences, Fingerprint, TableDigest};
use crate::model::{Cell, Error, Progress, Result, TableShape};
use crate::text::{counted, thousands};
use digest::SetHash;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// Rows of a result as a set: how many, and their hash.
pub async fn rows(mut stream: super::RowStream, cancel: &CancellationToken) -> Result<(u64, String)> {
    let (mut count, mut whole, mut room) = (0u64, SetHash::default(), Vec::new());
    while let Some(event) = stream.next().await {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        let Event::Rows(batch) = event? else { continue };
        for r in 0..batch.rows() {
            count += 1;
            whole.add(digest::row((0..batch.columns()).map(|c| batch.cell(r, c)), &mut room));
        }
    }
    Ok((count, whole.hex()))
}

/// Reads one table and hashes it.
pub async fn table(s: &Session, shape: &TableShape, cancel: &CancellationToken) -> Result<TableDigest> {
    let d = s.dialect();
    let list = shape.columns.iter().map(|c| d.quote_ident(c)).collect::<Vec<_>>().join(", ");
    let from = match &shape.schema {
        Some(schema) => format!("{}.{}", d.quote_ident(schema), d.quote_ident(&shape.name)),
        None => d.quote_ident(&shape.name),
    };
    let n = shape.columns.len();
    let mut rows = 0u64;
    let mut whole = SetHash::default();
    let mut columns = vec![(0u64, SetHash::default()); n];
    let mut room = Vec::new();
    // PostgreSQL allows tables without columns; only their row count can be compared.
    let select = if n == 0 { format!("SELECT 1 FROM {from}") } else { format!("SELECT {list} FROM {from}") };
    let mut stream = s.run(select).await?;
    while let Some(event) = stream.next().await {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        let Event::Rows(batch) = event? else { continue };
        for r in 0..batch.rows() {
            rows += 1;
            for (c, (values, hash)) in columns.iter_mut().enumerate() {
                let cell = batch.cell(r, c);
                if cell != Cell::Null {
                    *values += 1;
                    hash.add(digest::cell(cell));
                }
            }
            whole.add(digest::row((0..n).map(|c| batch.cell(r, c)), &mut room));
        }
    }
    let columns = shape
        .columns
        .iter()
        .zip(columns)
        .map(|(name, (values, hash))| ColumnDigest { name: name.clone(), values, hash: hash.hex() })
        .collect();
    Ok(TableDigest { shape: shape.clone(), rows, hash: whole.hex(), columns })
}

/// Catalogue and content of the whole database.
pub async fn take(catalog: &dyn Catalog, s: &Session, progress: &dyn Progress, cancel: &CancellationToken) -> Result<Fingerprint> {
    let mut objects = catalog.objects(s).await?;
    objects.sort();
    let shapes = catalog.tables(s).await?;
    let total = shapes.len() as u64;
    let mut tables = BTreeMap::new();
    for (i, shape) in shapes.iter().enumerate() {
        progress.update(&format!("hashing {}", shape.full_name()), i as u64, Some(total));
        tables.insert(shape.full_name(), table(s, shape, cancel).await?);
    }
    progress.update("hashing done", total, Some(total));
    Ok(Fingerprint { objects, tables, ..Fingerprint::default() })
}

/// What the second lacks, has more of, or has otherwise than the first.
pub fn compare(a: &Fingerprint, b: &Fingerprint) -> Differences {
    let mut out = Differences::default();
    let key = |o: &crate::model::CanonicalObject| (o.kind.clone(), o.name.clone());
    // Several objects may share kind and name (overloads carry their arguments in the name, so they do not): keep lists.
    let mut left: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    let mut right: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for o in &a.objects {
        left.entry(key(o)).or_default().push(&o.definition);
    }
    for o in &b.objects {
        right.entry(key(o)).or_default().push(&o.definition);
    }
    for (k, defs) in &left {
        match right.get(k) {
            None => out.schema.push(format!("{} {} is missing", k.0, k.1)),
            Some(other) if other != defs => {
                out.schema.push(format!("{} {} differs: was `{}`, is `{}`", k.0, k.1, defs.join("; "), other.join("; ")));
            }
            Some(_) => {}
        }
    }
    for k in right.keys().filter(|k| !left.contains_key(*k)) {
        out.schema.push(format!("{} {} is left over", k.0, k.1));
    }
    for (name, was) in &a.tables {
        let Some(is) = b.tables.get(name) else {
            out.data.push(format!("table {name} with {} is missing", counted(was.rows, "row")));
            out.lost_rows.insert(name.clone(), was.rows);
            continue;
        };
        if was == is {
            continue;
        }
        if was.rows != is.rows {
            out.data.push(format!("{name}: {} before, {} after", counted(was.rows, "row"), thousands(is.rows)));
            if was.rows > is.rows {
                out.lost_rows.insert(name.clone(), was.rows - is.rows);
            }
        }
        let mut columns_differ = false;
        for col in &was.columns {
            let key = format!("{name}.{}", col.name);
            match is.columns.iter().find(|c| c.name == col.name) {
                None => {
                    columns_differ = true;
                    out.data.push(format!("{key}: the column with {} values is missing", col.values));
                    out.lost_values.insert(key, col.values);
                }
                Some(now) if now.values != col.values => {
                    columns_differ = true;
                    out.data.push(format!("{key}: {} values before, {} after", col.values, now.values));
                    if col.values > now.values {
                        out.lost_values.insert(key, col.values - now.values);
                    }
                }
                Some(now) if now.hash != col.hash => {
                    columns_differ = true;
                    out.data.push(format!("{key}: not all of its {} values are as before", now.values));
                }
                Some(_) => {}
            }
        }
        for col in is.columns.iter().filter(|c| !was.columns.iter().any(|w| w.name == c.name)) {
            columns_differ = true;
            out.data.push(format!("{name}.{}: the column is left over", col.name));
        }
        if !columns_differ && was.rows == is.rows {
            let why = if was.shape.columns == is.shape.columns {
                "the same values stand in other rows"
            } else {
                "the columns have another order"
            };
            out.data.push(format!("{name}: {why}"));
        }
    }
    for (name, is) in b.tables.iter().filter(|(n, _)| !a.tables.contains_key(*n)) {
        out.data.push(format!("table {name} with {} is left over", counted(is.rows, "row")));
    }
    out
}

/// SHA-256 over the canonical catalogue, hex: names a schema in evidence.
pub fn schema_hash(objects: &[crate::model::CanonicalObject]) -> String {
    let mut hash = Sha256::new();
    for o in objects {
        for part in [&o.kind, &o.name, &o.definition] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CanonicalObject;

    fn digest(rows: u64, columns: &[(&str, u64, &str)]) -> TableDigest {
        TableDigest {
            shape: TableShape { schema: None, name: "t".into(), columns: columns.iter().map(|c| c.0.into()).collect() },
            rows,
            hash: columns.iter().map(|c| c.2).collect(),
            columns: columns.iter().map(|c| ColumnDigest { name: c.0.into(), values: c.1, hash: c.2.into() }).collect(),
        }
    }
    fn print(t: TableDigest, defs: &[(&str, &str)]) -> Fingerprint {
        Fingerprint {
            objects: defs.iter().map(|d| CanonicalObject { kind: "table".into(), name: d.0.into(), definition: d.1.into() }).collect(),
            tables: [("t".to_string(), t)].into(),
            ..Fingerprint::default()
        }
    }

    #[test]
    fn equal_fingerprints_have_no_differences() {
        let a = print(digest(2, &[("id", 2, "x")]), &[("t", "(id)")]);
        assert!(compare(&a, &a).is_empty());
    }

    #[test]
    fn lost_values_and_rows_are_counted() {
        let a = print(digest(9, &[("id", 9, "x"), ("note", 7, "n")]), &[("t", "(id, note)")]);
        let b = print(digest(8, &[("id", 8, "y"), ("note", 0, "")]), &[("t", "(id, note)")]);
        let d = compare(&a, &b);
        assert_eq!(d.lost_values["t.note"], 7);
        assert_eq!(d.lost_rows["t"], 1);
        assert!(d.schema.is_empty());
        assert!(!d.is_empty());
    }

    #[test]
    fn swapped_values_between_rows_never_pass() {
        let mut b = digest(2, &[("id", 2, "x")]);
        b.hash = "other".into();
        let d = compare(&print(digest(2, &[("id", 2, "x")]), &[]), &print(b, &[]));
        assert_eq!(d.data, ["t: the same values stand in other rows"]);
    }

    #[test]
    fn left_over_and_changed_objects_are_named() {
        let t = digest(0, &[("id", 0, "")]);
        let d = compare(&print(t.clone(), &[("t", "a"), ("gone", "g")]), &print(t, &[("t", "b"), ("new", "n")]));
        assert_eq!(d.schema.len(), 3);
        assert!(d.schema.iter().any(|s| s.contains("gone is missing")));
        assert!(d.schema.iter().any(|s| s.contains("new is left over")));
    }
}
