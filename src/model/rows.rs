//! Rows as the server wrote them: text (or raw bytes), columnar, without one allocation per cell.

use serde::{Deserialize, Serialize};

/// How a column's values are aligned on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    #[default]
    Left,
    /// Numbers.
    Right,
}

/// A result column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// The server's name of the type, e.g. `numeric(10,2)`, `text[]`; empty when the engine has none (SQLite expressions).
    pub type_name: String,
    pub align: Align,
    /// Where its values come from, when they are a table's column as it is. Known to few results: nothing is displayed by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The session's setting that wrote the values so that another session may read them as other ones: `DateStyle = SQL, DMY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
}

impl Column {
    /// The style of a FLOAT that MariaDB or MySQL sends as text, with six digits of the up to nine that it has.
    pub const SIX_DIGITS: &str = "six digits";
    /// Its values may be read as other ones by who has not this setting (PostgreSQL): `DateStyle = SQL, DMY`.
    pub fn ambiguous(&self) -> Option<&str> {
        self.style.as_deref().filter(|s| s.contains(" = "))
    }
    /// The statement that ends an [`Column::ambiguous`] style.
    pub fn plain_style(style: &str) -> &'static str {
        match style.split(' ').next() {
            Some("DateStyle") => "SET DateStyle = 'ISO'",
            Some("IntervalStyle") => "SET IntervalStyle = 'postgres'",
            _ => "SET extra_float_digits = 1",
        }
    }
    /// The time zone whose clocks its moments were written by, which the values do not name (TIMESTAMP of MariaDB and MySQL).
    pub fn zone(&self) -> Option<&str> {
        self.style.as_deref()?.strip_prefix(ZONE)
    }
    /// What [`Column::zone`] reads.
    pub fn style_of_zone(zone: &str) -> String {
        format!("{ZONE}{zone}")
    }
}

const ZONE: &str = "time_zone ";

/// A zone that no clock is put forward or back in, as `+02:00`; the same words mean it on every server. `GMT` is also what servers in London
/// say in winter.
pub fn offset_of_zone(zone: &str) -> Option<&str> {
    let digits = |from: usize| zone.get(from..from + 2).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()));
    match zone {
        "UTC" | "Etc/UTC" => Some("+00:00"),
        _ => (zone.len() == 6 && zone.starts_with(['+', '-']) && digits(1) && &zone[3..4] == ":" && digits(4)).then_some(zone),
    }
}

/// The column of a table that a result's column shows, as the server tells it. The parts are names, or the server's numbers with `#`
/// before them (PostgreSQL's oid and attribute number): only the engine reads them, see `Catalog::table`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub table: Vec<String>,
    pub column: String,
}

/// One value. Bytes are the server's own; `Text` need not be valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Text(&'a [u8]),
    /// The decimal text of a number (JSON output may leave the quotes away).
    Number(&'a [u8]),
    /// Bytes that are no text (BLOB). PostgreSQL's bytea arrives as its text form, `\x…`.
    Binary(&'a [u8]),
}

/// A value that is bound to a parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Param {
    Null,
    /// Engines that infer the parameter's type (PostgreSQL) read the text as that type.
    Text(String),
    /// Decimal text: bound as a number where the engine takes a value's type from what is bound (SQLite, MySQL). It belongs to a
    /// column, whose type says the rest.
    Number(String),
    /// Decimal text in the place where somebody might have written the number itself: it has the type that it would have there.
    Literal(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
    /// Text whose bytes are no UTF-8: SQLite keeps any, PostgreSQL in a database without an encoding (SQL_ASCII).
    TextBytes(Vec<u8>),
}

impl Param {
    /// The value's text; `None` for NULL and for bytes.
    pub fn text(&self) -> Option<&str> {
        match self {
            Param::Null | Param::Bytes(_) | Param::TextBytes(_) => None,
            Param::Text(s) | Param::Number(s) | Param::Literal(s) => Some(s),
        }
    }
}

impl Param {
    /// Whatever character set its bytes are taken for, it is the same text.
    pub fn is_ascii(&self) -> bool {
        match self {
            Param::Null => true,
            Param::Text(s) | Param::Number(s) | Param::Literal(s) => s.is_ascii(),
            Param::TextBytes(b) | Param::Bytes(b) => b.is_ascii(),
        }
    }
    /// A cell's value, to be bound again.
    pub fn from_cell(cell: Cell<'_>) -> Param {
        let words = |b: &[u8]| std::str::from_utf8(b).ok().map(str::to_string);
        match cell {
            Cell::Null => Param::Null,
            Cell::Text(b) => words(b).map_or_else(|| Param::TextBytes(b.to_vec()), Param::Text),
            Cell::Number(b) => words(b).map_or_else(|| Param::TextBytes(b.to_vec()), Param::Number),
            Cell::Binary(b) => Param::Bytes(b.to_vec()),
        }
    }
}

impl From<Option<String>> for Param {
    fn from(text: Option<String>) -> Self {
        text.map_or(Param::Null, Param::Text)
    }
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const BINARY: u8 = 3;

/// Some consecutive rows: all cell bytes in one buffer, the cells' ends and tags row by row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowBatch {
    columns: usize,
    bytes: Vec<u8>,
    /// End offset of each cell in `bytes`, row-major. A batch stays far below 4 GiB (see [`BatchBuilder::is_full`]);
    /// a single cell is at most 1 GiB in every engine here.
    ends: Vec<u32>,
    tags: Vec<u8>,
    /// How many rows, where there are no cells to count: PostgreSQL has results without columns.
    bare: usize,
}

impl RowBatch {
    /// Rows without columns.
    pub fn bare(rows: usize) -> Self {
        RowBatch { bare: rows, ..RowBatch::default() }
    }
    pub fn columns(&self) -> usize {
        self.columns
    }
    pub fn rows(&self) -> usize {
        self.tags.len().checked_div(self.columns).unwrap_or(self.bare)
    }
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }
    /// Bytes of memory that the batch holds, about.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * 4 + self.tags.len()
    }
    /// The cell at `row`, `column`. Panics when out of range, as slices do.
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let at = row * self.columns + column;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        let bytes = &self.bytes[start..self.ends[at] as usize];
        match self.tags[at] {
            NULL => Cell::Null,
            NUMBER => Cell::Number(bytes),
            BINARY => Cell::Binary(bytes),
            _ => Cell::Text(bytes),
        }
    }
    /// The parts, for writing to a file: `(columns, bytes, ends, tags)`.
    pub fn parts(&self) -> (usize, &[u8], &[u32], &[u8]) {
        (self.columns, &self.bytes, &self.ends, &self.tags)
    }
    /// The reverse of [`RowBatch::parts`], for rows that have columns. `None` when the parts do not fit each other.
    pub fn from_parts(columns: usize, bytes: Vec<u8>, ends: Vec<u32>, tags: Vec<u8>) -> Option<Self> {
        let fits = ends.len() == tags.len()
            && (columns != 0 || tags.is_empty())
            && (columns == 0 || tags.len().is_multiple_of(columns))
            && ends.windows(2).all(|w| w[0] <= w[1])
            && ends.last().copied().unwrap_or(0) as usize == bytes.len();
        fits.then_some(RowBatch { columns, bytes, ends, tags, bare: 0 })
    }
}

/// Collects rows into batches.
#[derive(Debug)]
pub struct BatchBuilder {
    batch: RowBatch,
}

impl BatchBuilder {
    /// Rows in a full batch; enough to amortise the hand-over, little enough to be on the screen at once.
    pub const ROWS: usize = 1024;
    /// Bytes after which a batch counts as full, so that wide rows do not pile up.
    pub const BYTES: usize = 256 * 1024;

    pub fn new(columns: usize) -> Self {
        BatchBuilder { batch: RowBatch { columns, ..RowBatch::default() } }
    }
    pub fn push(&mut self, cell: Cell<'_>) {
        let (tag, bytes): (u8, &[u8]) = match cell {
            Cell::Null => (NULL, &[]),
            Cell::Text(b) => (TEXT, b),
            Cell::Number(b) => (NUMBER, b),
            Cell::Binary(b) => (BINARY, b),
        };
        self.batch.bytes.extend_from_slice(bytes);
        self.batch.ends.push(self.batch.bytes.len() as u32);
        self.batch.tags.push(tag);
    }
    /// A row of a result without columns; the cells of others make up their rows.
    pub fn push_bare(&mut self) {
        self.batch.bare += 1;
    }
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }
    pub fn is_empty(&self) -> bool {
        self.batch.tags.is_empty() && self.batch.bare == 0
    }
    pub fn is_full(&self) -> bool {
        self.batch.rows() >= Self::ROWS || self.batch.bytes.len() >= Self::BYTES
    }
    /// Hands the rows over and starts an empty batch of the same width.
    pub fn take(&mut self) -> RowBatch {
        let next = RowBatch {
            columns: self.batch.columns,
            bytes: Vec::with_capacity(self.batch.bytes.len()),
            ends: Vec::with_capacity(self.batch.ends.len()),
            tags: Vec::with_capacity(self.batch.tags.len()),
            bare: 0,
        };
        std::mem::replace(&mut self.batch, next)
    }
}

/// A small result held whole: what our own catalogue statements return.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Option<String>>>,
    pub tag: String,
    pub affected: Option<u64>,
}

impl Table {
    /// First cell of the first row.
    pub fn scalar(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_pushed() {
        let mut b = BatchBuilder::new(3);
        for cell in [Cell::Null, Cell::Text(b""), Cell::Binary(b"\0\xff"), Cell::Number(b"12"), Cell::Text(b"x"), Cell::Null] {
            b.push(cell);
        }
        let batch = b.take();
        assert_eq!(batch.rows(), 2);
        assert_eq!(batch.cell(0, 0), Cell::Null);
        assert_eq!(batch.cell(0, 1), Cell::Text(b""));
        assert_eq!(batch.cell(0, 2), Cell::Binary(b"\0\xff"));
        assert_eq!(batch.cell(1, 0), Cell::Number(b"12"));
        assert_eq!(batch.cell(1, 2), Cell::Null);
        let (c, bytes, ends, tags) = batch.parts();
        assert_eq!(RowBatch::from_parts(c, bytes.to_vec(), ends.to_vec(), tags.to_vec()), Some(batch.clone()));
        assert_eq!(RowBatch::from_parts(c, vec![], ends.to_vec(), tags.to_vec()), None);
        assert!(b.is_empty());
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let mut b = BatchBuilder::new(0);
        (0..3).for_each(|_| b.push_bare());
        assert!(!b.is_empty());
        let batch = b.take();
        assert_eq!((batch.rows(), batch.columns(), batch.is_empty()), (3, 0, false));
        assert_eq!((b.rows(), b.is_empty()), (0, true));
    }
}
