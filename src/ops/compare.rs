//! Two results side by side: rows that only one of them has, and rows that differ, matched by key columns or by their places. Values
//! are compared as the server wrote them; NULL equals NULL and nothing else.

use crate::model::{Cell, Column, Error, Progress, Result, RowBatch};
use crate::store::spill::RowSpill;
use crate::text::{cell_line, clean, thousands};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Rows on each side at most: what is remembered of them is about 35 MB.
pub const ROWS: u64 = 500_000;
/// Differences that are listed; all of them are counted.
pub const LISTED: usize = 1000;
/// Bytes of a value that are shown.
const SHOWN: usize = 120;

/// One of the two results.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub rows: &'a RowSpill,
    pub columns: &'a [Column],
}

/// A value of a difference: `None` is NULL; cleaned and cut for the screen.
pub type Value = Option<String>;

/// One difference. Rows are numbered from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A row that only the first result has.
    Gone { row: u64, values: Vec<Value> },
    /// A row that only the second one has.
    New { row: u64, values: Vec<Value> },
    /// Cells that differ: name, value there, value here.
    Changed { before: u64, now: u64, key: Vec<Value>, cells: Vec<(String, Value, Value)> },
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    pub same: u64,
    pub gone: u64,
    pub new: u64,
    pub changed: u64,
    /// The first [`LISTED`] ones: in the order of the first result, then rows that only the second one has.
    pub listed: Vec<Difference>,
    /// Columns that only one of them has: the first one's, and the second one's.
    pub only: (Vec<String>, Vec<String>),
}

type Hash = [u8; 16];

/// What is compared: columns of both sides, by name.
struct Plan {
    keys: Vec<(usize, usize)>,
    all: Vec<(usize, usize)>,
    names: Vec<String>,
}

fn plan(before: &Side<'_>, now: &Side<'_>, keys: &[String], out: &mut Compared) -> Result<Plan> {
    // Several columns of one name are matched in their order.
    let mut taken = vec![false; now.columns.len()];
    let mut all = Vec::new();
    for (i, c) in before.columns.iter().enumerate() {
        match now.columns.iter().enumerate().position(|(j, o)| !taken[j] && o.name == c.name) {
            Some(j) => {
                taken[j] = true;
                all.push((i, j));
            }
            None => out.only.0.push(clean(&c.name).into_owned()),
        }
    }
    out.only.1 = now.columns.iter().zip(&taken).filter(|(_, t)| !**t).map(|(c, _)| clean(&c.name).into_owned()).collect();
    if all.is_empty() {
        return Err(Error::usage("the two results have no column in common").hint("Columns are matched by their names."));
    }
    let find = |k: &String| {
        let found = all.iter().find(|(i, _)| before.columns[*i].name == *k);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|(i, _)| clean(&before.columns[*i].name)).collect();
            Error::usage(format!("no column {} is in both results", clean(k))).hint(format!("In both are: {}.", known.join(", ")))
        })
    };
    let keys = keys.iter().map(find).collect::<Result<_>>()?;
    let names = all.iter().map(|(i, _)| clean(&before.columns[*i].name).into_owned()).collect();
    Ok(Plan { keys, all, names })
}

/// A hash of some cells of a row that differs wherever one of them does.
fn hash(batch: &RowBatch, row: usize, columns: impl Iterator<Item = usize>) -> Hash {
    let mut h = Sha256::new();
    for c in columns {
        let (tag, bytes): (u8, &[u8]) = match batch.cell(row, c) {
            Cell::Null => (0, &[]),
            // Whether the engine calls a value a number is no difference of the value.
            Cell::Text(b) | Cell::Number(b) => (1, b),
            Cell::Binary(b) => (2, b),
        };
        h.update([tag]);
        h.update((bytes.len() as u64).to_le_bytes());
        h.update(bytes);
    }
    let mut out = [0; 16];
    out.copy_from_slice(&h.finalize()[..16]);
    out
}

fn value(batch: &RowBatch, row: usize, column: usize) -> Value {
    let cut = |b: &[u8]| {
        let mut end = b.len().min(SHOWN);
        while end < b.len() && end > 0 && b[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        end
    };
    let (line, whole) = match batch.cell(row, column) {
        Cell::Null => return None,
        Cell::Text(b) | Cell::Number(b) => (cell_line(Cell::Text(&b[..cut(b)])), cut(b) == b.len()),
        Cell::Binary(b) => (cell_line(Cell::Binary(&b[..b.len().min(SHOWN)])), b.len() <= SHOWN),
    };
    line.map(|l| if whole { l } else { format!("{l}…") })
}

/// Compares two results. Without `keys` rows are matched by their places. Errors: cancelled; rows that cannot be read back; more than
/// [`ROWS`]; a key column that is not in both, or a key that several rows of one result have.
pub fn compare(before: Side<'_>, now: Side<'_>, keys: &[String], progress: &dyn Progress, cancel: &CancellationToken) -> Result<Compared> {
    let mut out = Compared::default();
    let plan = plan(&before, &now, keys, &mut out)?;
    for side in [&before, &now] {
        if side.rows.rows() > ROWS {
            let e = Error::usage(format!("a result of {} rows is too long to compare", thousands(side.rows.rows())));
            return Err(e.hint(format!("Up to {} rows are compared; let the server choose those of interest.", thousands(ROWS))));
        }
    }
    let by_place = plan.keys.is_empty();
    // By key: the second result's row and what it holds. By place the key is the number of the row.
    let mut there: HashMap<Hash, (u32, Hash)> = HashMap::new();
    let key_of = |row: u64, batch: &RowBatch, r: usize, columns: &mut dyn Iterator<Item = usize>| {
        if by_place {
            let mut k = [0; 16];
            k[..8].copy_from_slice(&row.to_le_bytes());
            k
        } else {
            hash(batch, r, columns)
        }
    };
    let twice = |which: &str, a: u64, b: u64| {
        let e = Error::usage(format!("rows {} and {} of the {which} result have the same key", thousands(a + 1), thousands(b + 1)));
        Err(e.hint("Name more key columns, or none to compare the rows by their places."))
    };
    let total = now.rows.rows() + before.rows.rows();
    let each = |side: &Side<'_>, done: u64, visit: &mut dyn FnMut(u64, &RowBatch, usize) -> Result<()>| {
        let limit = side.rows.rows();
        let mut row = 0;
        side.rows.for_each(|batch| {
            if cancel.is_cancelled() {
                return Err(Error::cancelled());
            }
            for r in 0..batch.rows() {
                if row < limit {
                    visit(row, batch, r)?;
                }
                row += 1;
            }
            progress.update("rows", done + row.min(limit), Some(total));
            Ok(())
        })
    };
    each(&now, 0, &mut |row, batch, r| {
        let key = key_of(row, batch, r, &mut plan.keys.iter().map(|k| k.1));
        let held = hash(batch, r, plan.all.iter().map(|c| c.1));
        match there.insert(key, (row as u32, held)) {
            Some((other, _)) => twice("second", u64::from(other), row),
            None => Ok(()),
        }
    })?;
    let row_there = |row: u64| -> Result<(Arc<RowBatch>, usize)> {
        let gone = || now.rows.problem().unwrap_or_else(|| Error::failed("the rows could not be read back"));
        let (batch, first) = now.rows.batch_for(row).ok_or_else(gone)?;
        Ok((batch, (row - first) as usize))
    };
    // Rows of the second result that were matched, by number; to find keys that come twice in the first one too.
    let mut matched: Vec<Option<u32>> = vec![None; now.rows.rows() as usize];
    let mut alone: HashMap<Hash, u32> = HashMap::new();
    each(&before, now.rows.rows(), &mut |row, batch, r| {
        let key = key_of(row, batch, r, &mut plan.keys.iter().map(|k| k.0));
        let Some((other, held)) = there.get(&key) else {
            if let Some(earlier) = alone.insert(key, row as u32) {
                return twice("first", u64::from(earlier), row);
            }
            out.gone += 1;
            if out.listed.len() < LISTED {
                out.listed.push(Difference::Gone { row, values: (0..batch.columns()).map(|c| value(batch, r, c)).collect() });
            }
            return Ok(());
        };
        if let Some(earlier) = matched.get_mut(*other as usize).and_then(|m| m.replace(row as u32)) {
            return twice("first", u64::from(earlier), row);
        }
        if *held == hash(batch, r, plan.all.iter().map(|c| c.0)) {
            out.same += 1;
            return Ok(());
        }
        out.changed += 1;
        if out.listed.len() < LISTED {
            let (there, at) = row_there(u64::from(*other))?;
            let differs = |(i, j): &(usize, usize)| hash(batch, r, [*i].into_iter()) != hash(&there, at, [*j].into_iter());
            let cells = plan.all.iter().zip(&plan.names).filter(|(c, _)| differs(c));
            let cells = cells.map(|((i, j), name)| (name.clone(), value(batch, r, *i), value(&there, at, *j))).collect();
            let key = plan.keys.iter().map(|k| value(batch, r, k.0)).collect();
            out.listed.push(Difference::Changed { before: row, now: u64::from(*other), key, cells });
        }
        Ok(())
    })?;
    for row in matched.iter().enumerate().filter(|(_, m)| m.is_none()).map(|(i, _)| i as u64) {
        out.new += 1;
        if out.listed.len() < LISTED {
            let (batch, at) = row_there(row)?;
            out.listed.push(Difference::New { row, values: (0..batch.columns()).map(|c| value(&batch, at, c)).collect() });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Align, BatchBuilder, Kind, Silent};

    type Row<'a> = Vec<Option<&'a str>>;

    fn columns(names: &[&str]) -> Vec<Column> {
        names
            .iter()
            .map(|n| Column { name: (*n).into(), type_name: String::new(), align: Align::Left, origin: None, style: None })
            .collect()
    }

    fn spill(dir: &tempfile::TempDir, rows: &[Row<'_>]) -> RowSpill {
        let spill = RowSpill::new(dir.path());
        for part in rows.chunks(3) {
            let mut b = BatchBuilder::new(part[0].len());
            part.iter().flatten().for_each(|v| b.push(v.map_or(Cell::Null, |v| Cell::Text(v.as_bytes()))));
            spill.append(b.take()).unwrap();
        }
        spill
    }

    fn compared(a: (&[&str], &[Row<'_>]), b: (&[&str], &[Row<'_>]), keys: &[&str]) -> Result<Compared> {
        let dir = tempfile::tempdir().unwrap();
        let (rows_a, rows_b) = (spill(&dir, a.1), spill(&dir, b.1));
        let (columns_a, columns_b) = (columns(a.0), columns(b.0));
        let keys: Vec<String> = keys.iter().map(|k| (*k).to_string()).collect();
        let (before, now) = (Side { rows: &rows_a, columns: &columns_a }, Side { rows: &rows_b, columns: &columns_b });
        compare(before, now, &keys, &Silent, &CancellationToken::new())
    }

    fn s(v: &str) -> Value {
        Some(v.to_string())
    }

    #[test]
    fn rows_are_matched_by_their_key_wherever_they_stand() {
        let a = [vec![Some("1"), Some("x")], vec![Some("2"), None], vec![Some("3"), Some("z")], vec![Some("4"), Some("\x1b[2J")]];
        let b = [vec![Some("x"), Some("1")], vec![Some("new"), Some("5")], vec![Some("z"), Some("3")], vec![Some(""), Some("2")]];
        let c = compared((&["id", "v"], &a), (&["v", "id"], &b), &["id"]).unwrap();
        assert_eq!((c.same, c.gone, c.new, c.changed), (2, 1, 1, 1));
        let expected = [
            Difference::Changed { before: 1, now: 3, key: vec![s("2")], cells: vec![("v".into(), None, s(""))] },
            Difference::Gone { row: 3, values: vec![s("4"), s("␛[2J")] },
            Difference::New { row: 1, values: vec![s("new"), s("5")] },
        ];
        assert_eq!(c.listed, expected);
    }

    #[test]
    fn without_a_key_places_count_and_other_columns_are_named() {
        let a = [vec![Some("1"), Some("x")], vec![Some("2"), Some("y")]];
        let b = [vec![Some("1"), Some("q")], vec![Some("7"), Some("y")], vec![Some("8"), None]];
        let c = compared((&["id", "old"], &a), (&["id", "new"], &b), &[]).unwrap();
        assert_eq!((c.same, c.gone, c.new, c.changed), (1, 0, 1, 1));
        assert_eq!(c.only, (vec!["old".to_string()], vec!["new".to_string()]));
    }

    #[test]
    fn a_key_that_is_not_one_is_refused() {
        let twice = [vec![Some("1")], vec![Some("2")], vec![Some("1")]];
        let once = [vec![Some("1")], vec![Some("9")]];
        for (a, b, which) in [(&twice[..], &once[..], "first"), (&once[..], &twice[..], "second")] {
            let e = compared((&["id"], a), (&["id"], b), &["id"]).unwrap_err();
            assert!(e.message.contains("rows 1 and 3") && e.message.contains(which), "{e}");
        }
        // Also where no row of the other result has that key.
        let e = compared((&["id"], &twice), (&["id"], &[vec![Some("9")]]), &["id"]).unwrap_err();
        assert!(e.message.contains("rows 1 and 3 of the first"), "{e}");
        assert!(compared((&["id"], &once), (&["id"], &once), &["nr"]).unwrap_err().message.contains("no column nr"));
        assert!(compared((&["a"], &once), (&["b"], &once), &[]).unwrap_err().message.contains("no column in common"));
    }

    #[test]
    fn all_are_counted_and_the_list_is_bounded() {
        let values: Vec<String> = (0..LISTED + 50).map(|i| i.to_string()).collect();
        let a: Vec<Row<'_>> = values.iter().map(|v| vec![Some(v.as_str())]).collect();
        let c = compared((&["v"], &a), (&["v"], &[]), &["v"]).unwrap();
        assert_eq!((c.gone as usize, c.listed.len()), (LISTED + 50, LISTED));
        let dir = tempfile::tempdir().unwrap();
        let rows = spill(&dir, &a);
        let names = columns(&["v"]);
        let side = Side { rows: &rows, columns: &names };
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert_eq!(compare(side, side, &[], &Silent, &cancel).unwrap_err().kind, Kind::Cancelled);
    }

    proptest::proptest! {
        #[test]
        fn counts_are_those_of_sets(a in proptest::collection::btree_map(0u8..30, 0u8..3, 0..20), b in proptest::collection::btree_map(0u8..30, 0u8..3, 0..20)) {
            let text = |m: &std::collections::BTreeMap<u8, u8>| m.iter().map(|(k, v)| [k.to_string(), v.to_string()]).collect::<Vec<_>>();
            let (ta, tb) = (text(&a), text(&b));
            let la: Vec<Row<'_>> = ta.iter().map(|r| r.iter().map(|v| Some(v.as_str())).collect()).collect();
            let lb: Vec<Row<'_>> = tb.iter().map(|r| r.iter().map(|v| Some(v.as_str())).collect()).collect();
            let c = compared((&["k", "v"], &la), (&["k", "v"], &lb), &["k"]).unwrap();
            let same = a.iter().filter(|(k, v)| b.get(k) == Some(v)).count() as u64;
            let both = a.keys().filter(|k| b.contains_key(k)).count() as u64;
            proptest::prop_assert_eq!((c.same, c.changed), (same, both - same));
            proptest::prop_assert_eq!((c.gone, c.new), (a.len() as u64 - both, b.len() as u64 - both));
        }
    }
}
