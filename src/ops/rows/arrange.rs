//! Another order and selection of kept rows: a list of row numbers. The rows themselves stay as they came.
//!
//! Values are compared fifteen bytes of their keys at a time: one pass over the rows reads those of all rows, and a further pass is made
//! only for rows that are still equal. So the memory is 24 bytes for each row, however long the values are.

use super::{Filter, Order, Work};
use crate::model::{Cell, Error, Result, RowBatch};

/// Most rows that are sorted here: 24 bytes each make 120 MB, which is what a console may take for a moment.
pub const MOST: u64 = 5_000_000;
/// Passes over the rows for values that begin alike; what is equal after them ([`STEP`] bytes each) stays as it came.
const PASSES: usize = 32;
/// Bytes of a key that one pass compares; how many there were is the sixteenth, so that a text comes before its continuation.
const STEP: usize = 15;

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub column: usize,
    pub descending: bool,
    /// The order of the column's type.
    pub by: Order,
}

/// An order and a selection, both optional.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arrangement {
    pub sort: Option<Sort>,
    pub filter: Option<Filter>,
}

impl Arrangement {
    /// Rows as they came.
    pub fn is_plain(&self) -> bool {
        self.sort.is_none() && self.filter.is_none()
    }
}

/// Row numbers in their new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arranged {
    pub index: Vec<u32>,
    pub compared: Compared,
}

/// What a sort did not do by the values as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// Values that are longer were compared by their first bytes only.
    pub first: Option<usize>,
    /// Some were compared as text although their type has another order.
    pub as_text: bool,
}

/// A piece of a key, and the row; the highest bit of `row` says that the key goes on.
#[derive(Clone, Copy)]
struct Entry {
    high: u64,
    low: u64,
    row: u32,
}

const GOES_ON: u32 = 1 << 31;

impl Entry {
    fn number(&self) -> u32 {
        self.row & !GOES_ON
    }
    fn rank(&self) -> (u64, u64, u32) {
        (self.high, self.low, self.number())
    }
    fn same(&self, other: &Entry) -> bool {
        (self.high, self.low) == (other.high, other.low)
    }
}

/// The bytes of a value's key from `STEP * pass`, and whether it goes on after them.
fn part(cell: Cell<'_>, sort: Sort, pass: usize, scratch: &mut Vec<u8>, as_text: &mut bool) -> (u64, u64, bool) {
    scratch.clear();
    // A long text is not copied whole for a few bytes of it.
    let most = STEP * (pass + 1);
    let short = match cell {
        Cell::Text(b) if sort.by == Order::Plain => Cell::Text(&b[..b.len().min(most)]),
        Cell::Binary(b) => Cell::Binary(&b[..b.len().min(most)]),
        other => other,
    };
    match sort.by.key(short, scratch) {
        None => return (u64::MAX, u64::MAX, false),
        Some(by_value) => *as_text |= !by_value,
    }
    let more = scratch.len() > most;
    let mut bytes = [0u8; 16];
    let from = (STEP * pass).min(scratch.len());
    let here = &scratch[from..scratch.len().min(most)];
    bytes[..here.len()].copy_from_slice(here);
    bytes[STEP] = here.len() as u8 + u8::from(more);
    let all = u128::from_be_bytes(bytes);
    let all = if sort.descending { !all } else { all };
    ((all >> 64) as u64, all as u64, more)
}

/// Makes the list. NULL comes last in both directions; rows that are equal stay as they came.
pub fn arrange(work: Work<'_>, of: &Arrangement) -> Result<Arranged> {
    let total = work.rows.rows();
    if total > u64::from(u32::MAX >> 1) {
        return Err(Error::failed("more than two thousand million rows cannot be listed anew").hint("Ask the server for fewer rows."));
    }
    let keeps = |batch: &RowBatch, r: usize| of.filter.as_ref().is_none_or(|f| f.keeps(batch, r));
    let Some(sort) = of.sort else {
        let mut index = Vec::new();
        work.each("filtering", |first, batch| {
            index.extend((0..batch.rows()).filter(|r| keeps(batch, *r)).map(|r| (first + r as u64) as u32));
        })?;
        return Ok(Arranged { index, compared: Compared::default() });
    };
    let mut scratch = Vec::new();
    let mut as_text = false;
    let mut entries: Vec<Entry> = Vec::new();
    if of.filter.is_none() {
        if total > MOST {
            return Err(too_many());
        }
        entries.reserve_exact(total as usize);
    }
    let mut many = false;
    work.each("sorting", |first, batch| {
        for r in 0..batch.rows() {
            if many || !keeps(batch, r) {
                continue;
            }
            if entries.len() as u64 >= MOST {
                many = true;
                entries = Vec::new();
                continue;
            }
            let cell = if sort.column < batch.columns() { batch.cell(r, sort.column) } else { Cell::Null };
            let (high, low, more) = part(cell, sort, 0, &mut scratch, &mut as_text);
            entries.push(Entry { high, low, row: (first + r as u64) as u32 | if more { GOES_ON } else { 0 } });
        }
    })?;
    if many {
        return Err(too_many());
    }
    entries.sort_unstable_by_key(Entry::rank);
    let mut open = unsettled(&entries, 0, entries.len());
    let mut pass = 1;
    while !open.is_empty() && pass < PASSES {
        work.live()?;
        refine(work, sort, &mut entries, &open, pass)?;
        open = open.iter().flat_map(|(from, to)| unsettled(&entries, *from, *to)).collect();
        pass += 1;
    }
    let compared = Compared { first: (!open.is_empty()).then_some(STEP * PASSES - 1), as_text };
    Ok(Arranged { index: entries.iter().map(Entry::number).collect(), compared })
}

fn too_many() -> Error {
    Error::failed(format!("more than {} rows are not sorted in the console", crate::text::thousands(MOST)))
        .hint("Let the server sort them, or filter them first.")
}

/// Ranges of entries that are equal so far and go on.
fn unsettled(entries: &[Entry], from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut at = from;
    for run in entries[from..to].chunk_by(Entry::same) {
        if run.len() > 1 && run.iter().any(|e| e.row & GOES_ON != 0) {
            out.push((at, at + run.len()));
        }
        at += run.len();
    }
    out
}

/// Reads the next piece of the entries in these ranges and sorts each range by them.
fn refine(work: Work<'_>, sort: Sort, entries: &mut [Entry], open: &[(usize, usize)], pass: usize) -> Result<()> {
    // In the order of the rows, so that one pass over them finds all.
    let mut places: Vec<(u32, u32)> =
        open.iter().flat_map(|(from, to)| (*from..*to).map(|i| (i as u32, i))).map(|(i, at)| (entries[at].number(), i)).collect();
    places.sort_unstable();
    let mut next = places.iter().peekable();
    let mut scratch = Vec::new();
    work.each("sorting", |first, batch| {
        while let Some((row, at)) = next.next_if(|(row, _)| u64::from(*row) < first + batch.rows() as u64) {
            let within = (u64::from(*row) - first) as usize;
            let (high, low, more) = part(batch.cell(within, sort.column), sort, pass, &mut scratch, &mut false);
            entries[*at as usize] = Entry { high, low, row: row | if more { GOES_ON } else { 0 } };
        }
    })?;
    for (from, to) in open {
        entries[*from..*to].sort_unstable_by_key(Entry::rank);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BatchBuilder, Silent};
    use crate::store::spill::RowSpill;
    use tokio_util::sync::CancellationToken;

    fn spill(values: &[Cell<'_>]) -> (tempfile::TempDir, RowSpill) {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path());
        for (i, part) in values.chunks(100).enumerate() {
            let mut b = BatchBuilder::new(2);
            for (j, v) in part.iter().enumerate() {
                b.push(Cell::Number((i * 100 + j).to_string().as_bytes()));
                b.push(*v);
            }
            spill.append(b.take()).unwrap();
        }
        (dir, spill)
    }

    fn sorted(rows: &RowSpill, descending: bool, filter: Option<&str>) -> Vec<u32> {
        let of = Arrangement {
            sort: Some(Sort { column: 1, descending, by: Order::Plain }),
            filter: filter.map(|f| Filter::parse(f, Some(1)).unwrap()),
        };
        arrange(Work { rows, progress: &Silent, cancel: &CancellationToken::new() }, &of).unwrap().index
    }

    #[test]
    fn numbers_sort_as_numbers_and_null_is_last_both_ways() {
        let (_d, s) =
            spill(&[Cell::Number(b"10"), Cell::Null, Cell::Number(b"9"), Cell::Number(b"-2.5"), Cell::Number(b"9.0"), Cell::Text(b"1")]);
        assert_eq!(sorted(&s, false, None), [3, 2, 4, 0, 5, 1]);
        assert_eq!(sorted(&s, true, None), [5, 0, 2, 4, 3, 1]);
        assert_eq!(sorted(&s, true, Some(">= 9")), [0, 2, 4]);
    }

    #[test]
    fn durations_sort_by_their_length_and_pass_a_filter_by_it() {
        let values = ["10 days", "2 days", "1 mon", "-01:00:00", "23:59:59"];
        let cells: Vec<Cell<'_>> = values.iter().map(|v| Cell::Text(v.as_bytes())).chain([Cell::Null]).collect();
        let (_d, s) = spill(&cells);
        let of = |descending, filter: Option<&str>, by| {
            let filter = filter.map(|f| Filter::parse(f, Some(1)).unwrap().by(by).unwrap());
            let of = Arrangement { sort: Some(Sort { column: 1, descending, by }), filter };
            arrange(Work { rows: &s, progress: &Silent, cancel: &CancellationToken::new() }, &of).unwrap()
        };
        let done = of(false, None, Order::Interval);
        assert_eq!((done.index, done.compared), (vec![3, 4, 1, 0, 2, 5], Compared::default()));
        assert_eq!(of(true, Some("> 3 days"), Order::Interval).index, [2, 0]);
        assert_eq!(of(false, Some("= 30 days"), Order::Interval).index, [2]);
        assert_eq!(of(false, Some("days"), Order::Interval).index, [1, 0], "a text is looked for as a text");
        assert!(of(false, None, Order::Moment).compared.as_text);
        assert!(Filter::parse("> soon", Some(1)).unwrap().by(Order::Interval).is_err());
    }

    #[test]
    fn what_begins_alike_is_compared_to_its_end() {
        let long = |n: usize| format!("{}{n:04}", "the same beginning of all of them ".repeat(3));
        let texts: Vec<String> = (0..500).map(|i| long((i * 7919) % 500)).collect();
        let cells: Vec<Cell<'_>> = texts.iter().map(|t| Cell::Text(t.as_bytes())).collect();
        let (_d, s) = spill(&cells);
        for descending in [false, true] {
            let got: Vec<&str> = sorted(&s, descending, None).iter().map(|r| texts[*r as usize].as_str()).collect();
            let mut wanted: Vec<&str> = texts.iter().map(String::as_str).collect();
            wanted.sort_unstable();
            if descending {
                wanted.reverse();
            }
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn without_a_sort_the_rows_stay_in_their_order_and_cancelling_ends_it() {
        let cells: Vec<Cell<'_>> = (0..250).map(|i| if i % 3 == 0 { Cell::Null } else { Cell::Text(b"x") }).collect();
        let (_d, s) = spill(&cells);
        let of = Arrangement { sort: None, filter: Some(Filter::parse("is null", None).unwrap()) };
        let cancel = CancellationToken::new();
        let work = Work { rows: &s, progress: &Silent, cancel: &cancel };
        assert_eq!(arrange(work, &of).unwrap().index, (0..250).filter(|i| i % 3 == 0).collect::<Vec<u32>>());
        cancel.cancel();
        assert_eq!(arrange(work, &of).unwrap_err().kind, crate::model::Kind::Cancelled);
    }

    #[test]
    fn equal_values_that_never_differ_come_to_an_end() {
        let same = "z".repeat(5000);
        let cells = vec![Cell::Text(same.as_bytes()); 300];
        let (_d, s) = spill(&cells);
        let of = Arrangement { sort: Some(Sort { column: 1, descending: true, by: Order::Plain }), filter: None };
        let done = arrange(Work { rows: &s, progress: &Silent, cancel: &CancellationToken::new() }, &of).unwrap();
        assert_eq!(done.index, (0..300).collect::<Vec<u32>>());
        assert_eq!(done.compared.first, Some(479), "it is told that the values were not compared whole");
    }

    proptest::proptest! {
        #[test]
        fn it_agrees_with_an_ordinary_sort(values in proptest::collection::vec(proptest::option::of(".{0,40}"), 0..250)) {
            let cells: Vec<Cell<'_>> = values.iter().map(|v| v.as_ref().map_or(Cell::Null, |t| Cell::Text(t.as_bytes()))).collect();
            let (_d, s) = spill(&cells);
            let mut wanted: Vec<u32> = (0..values.len() as u32).collect();
            wanted.sort_by_key(|i| (values[*i as usize].is_none(), values[*i as usize].clone()));
            proptest::prop_assert_eq!(sorted(&s, false, None), wanted);
        }
    }

    #[test]
    fn more_rows_than_are_sorted_are_refused_before_any_is_read() {
        struct Unread;
        impl crate::model::Progress for Unread {
            fn update(&self, step: &str, done: u64, _total: Option<u64>) {
                panic!("{step}: {done}");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let rows = RowSpill::new(dir.path());
        let mut b = BatchBuilder::new(1);
        (0..=MOST / 100).for_each(|_| b.push(Cell::Null));
        let part = b.take();
        (0..100).for_each(|_| rows.append(part.clone()).unwrap());
        assert!(rows.rows() > MOST);
        let sort = Sort { column: 0, descending: false, by: Order::Plain };
        let cancel = CancellationToken::new();
        let e =
            arrange(Work { rows: &rows, progress: &Unread, cancel: &cancel }, &Arrangement { sort: Some(sort), filter: None }).unwrap_err();
        assert!(e.message.contains("5,000,000"), "{e:?}");
    }
}
