//! Rows as files: exactly what the server sent, in a format that other programs read back.

mod csv;
mod file;
mod insert;
pub(in crate::ops) mod json;
mod markdown;
mod portion;
mod stream;
mod table;
mod tsv;

pub use csv::line as csv_line;
pub use file::NewFile;
pub use portion::{Portion, each};
pub use stream::{Exported, to_file};
pub use table::{source, table_parts};

use crate::model::rows::offset_of_zone;
use crate::model::{Cell, Column, Dialect, Result, RowBatch};
use std::path::Path;

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180. NULL is nothing at all, empty text is `""`.
    Csv,
    /// PostgreSQL's `COPY … (FORMAT text)`: tabs between values, `\\N` is NULL, backslash escapes.
    Tsv,
    /// One document: columns with their types, and rows.
    Json { dialect: Dialect },
    /// One object on each line.
    Ndjson { dialect: Dialect },
    /// A table for README files and issues (GitHub's).
    Markdown,
    /// INSERT statements of the dialect that the rows came from.
    Insert { dialect: Dialect },
}

impl ExportFormat {
    /// The format that a file's name asks for: `.csv`, `.tsv`, `.json`, `.ndjson` (`.jsonl`), `.md`, `.sql`.
    pub fn of_path(path: &Path, dialect: Dialect) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "csv" => ExportFormat::Csv,
            "tsv" => ExportFormat::Tsv,
            "json" => ExportFormat::Json { dialect },
            "ndjson" | "jsonl" => ExportFormat::Ndjson { dialect },
            "md" => ExportFormat::Markdown,
            "sql" => ExportFormat::Insert { dialect },
            _ => return None,
        })
    }

    /// The endings that [`ExportFormat::of_path`] knows, for people.
    pub const ENDINGS: &'static str = ".csv .tsv .json .ndjson .md .sql";
}

/// One row as a line of TSV, without its end: a tab in a value is none between values, and NULL is no text.
pub fn tsv_line(cells: &[crate::model::Cell<'_>]) -> String {
    let mut out = Vec::new();
    tsv::row(&mut out, cells);
    out.pop();
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes rows into a buffer as they come.
pub struct Encoder {
    format: ExportFormat,
    columns: Vec<Column>,
    /// Parts of the table's name, unquoted.
    table: Vec<String>,
    /// The result's columns that are written, in their order; `None`: all.
    only: Option<Vec<usize>>,
    /// A row was written already.
    any: bool,
    /// The columns were told: PostgreSQL has results with none.
    headed: bool,
    /// See [`Encoder::naming_zones`].
    zones: bool,
}

impl Encoder {
    pub fn new(format: ExportFormat) -> Self {
        Encoder { format, columns: Vec::new(), table: vec!["exported".into()], only: None, any: false, headed: false, zones: false }
    }

    /// One for a further result, written in the same way.
    #[must_use]
    pub fn afresh(&self) -> Encoder {
        let (table, only) = (self.table.clone(), self.only.clone());
        Encoder { columns: Vec::new(), any: false, headed: false, table, only, format: self.format, zones: self.zones }
    }

    /// NDJSON names the time zone of each moment that does not name it itself, so that an import reads it as the same one everywhere.
    #[must_use]
    pub(in crate::ops) fn naming_zones(mut self) -> Self {
        self.zones = true;
        self
    }

    /// The table that INSERT names, unquoted.
    #[must_use]
    pub fn into_table(self, table: impl Into<String>) -> Self {
        self.into_table_of(vec![table.into()])
    }

    /// The table that INSERT names, as the parts of its name (schema, table), unquoted.
    #[must_use]
    pub fn into_table_of(mut self, parts: Vec<String>) -> Self {
        self.table = parts;
        self
    }

    /// Only these columns of the result, in this order.
    #[must_use]
    pub fn only(mut self, columns: Option<Vec<usize>>) -> Self {
        self.only = columns;
        self
    }

    /// What another session may read otherwise in the columns that were told, and what to set before an export that all read the same;
    /// one sentence for each setting.
    pub fn read_otherwise(&self) -> Vec<String> {
        let mut by: Vec<(&str, Vec<&str>)> = Vec::new();
        // A table in a document is read by people.
        for c in self.columns.iter().filter(|_| !matches!(self.format, ExportFormat::Markdown)) {
            // INSERT says it in its first line.
            if c.zone().is_some() && self.zone().is_some() {
                continue;
            }
            let Some(style) = c.style.as_deref() else { continue };
            match by.iter_mut().find(|(s, _)| *s == style) {
                Some((_, columns)) => columns.push(&c.name),
                None => by.push((style, vec![&c.name])),
            }
        }
        let told = |(style, columns): (&str, Vec<&str>)| {
            let names: Vec<_> = columns.iter().take(3).map(|c| crate::text::clean(c)).collect();
            let more = if columns.len() > names.len() { " …" } else { "" };
            let remedy = Column::plain_style(style);
            let style = crate::text::clean(style);
            if style == Column::SIX_DIGITS {
                return format!(
                    "{}{more}: the server shows a FLOAT with six digits; SELECT its column + 0e0 for all of them.",
                    names.join(", ")
                );
            }
            if let Some(zone) = style.strip_prefix("time_zone ") {
                return format!(
                    "{}{more} as written by the clocks of the time zone {zone}, which the values do not name: SET time_zone = '+00:00' before the \
                     export, and before what reads it.",
                    names.join(", ")
                );
            }
            format!("{}{more} as written under {style} may be read as other values elsewhere: {remedy} first.", names.join(", "))
        };
        by.into_iter().map(told).collect()
    }

    /// The time zone that INSERT statements are to be read in, where every server knows it by that name.
    fn zone(&self) -> Option<&str> {
        let zone = self.columns.iter().find_map(Column::zone).filter(|_| matches!(self.format, ExportFormat::Insert { .. }))?;
        offset_of_zone(zone)
    }

    pub fn format(&self) -> ExportFormat {
        self.format
    }

    /// The result's columns: once, before the rows.
    ///
    /// # Errors
    /// INSERT needs names that differ.
    pub fn columns(&mut self, columns: &[Column], out: &mut Vec<u8>) -> Result<()> {
        self.headed = true;
        self.columns = match &self.only {
            Some(only) => only.iter().filter_map(|c| columns.get(*c)).cloned().collect(),
            None => columns.to_vec(),
        };
        // What is written below has the names as they are; NDJSON, which names each value, takes its own.
        let columns = &self.columns.clone()[..];
        match self.format {
            ExportFormat::Insert { .. } => insert::names_differ(columns)?,
            // Readers of JSON keep one of two equal keys.
            ExportFormat::Ndjson { .. } => json::name_apart(&mut self.columns),
            _ => {}
        }
        match self.format {
            ExportFormat::Csv => csv::head(out, columns),
            ExportFormat::Tsv => tsv::head(out, columns),
            ExportFormat::Json { .. } => json::head(out, columns),
            ExportFormat::Markdown => markdown::head(out, columns),
            ExportFormat::Insert { .. } => {
                if let Some(zone) = self.zone() {
                    out.extend_from_slice(format!("SET @saved_time_zone = @@time_zone, time_zone = '{zone}';\n").as_bytes());
                }
            }
            ExportFormat::Ndjson { .. } => {}
        }
        Ok(())
    }

    /// Some rows.
    ///
    /// # Errors
    /// INSERT writes no value that another session may read as another one.
    pub fn batch(&mut self, batch: &RowBatch, out: &mut Vec<u8>) -> Result<()> {
        for r in 0..batch.rows() {
            self.row(batch, r, out)?;
            self.any = true;
        }
        Ok(())
    }

    /// One of them.
    ///
    /// # Errors
    /// As [`Encoder::batch`].
    pub(in crate::ops) fn row(&mut self, batch: &RowBatch, r: usize, out: &mut Vec<u8>) -> Result<()> {
        let cells: Vec<Cell<'_>> = match &self.only {
            Some(only) => only.iter().filter(|c| **c < batch.columns()).map(|c| batch.cell(r, *c)).collect(),
            None => (0..batch.columns()).map(|c| batch.cell(r, c)).collect(),
        };
        match self.format {
            ExportFormat::Csv => csv::row(out, &cells),
            ExportFormat::Tsv => tsv::row(out, &cells),
            ExportFormat::Json { dialect } => json::row(out, dialect, &self.columns, &cells, !self.any),
            ExportFormat::Ndjson { dialect } => json::line(out, dialect, &self.columns, &cells, self.zones),
            ExportFormat::Markdown => markdown::row(out, &cells),
            ExportFormat::Insert { dialect } => {
                insert::days_are_told(dialect, &self.columns, &cells)?;
                insert::row(out, dialect, &self.table, &self.columns, &cells);
            }
        }
        Ok(())
    }

    /// The end of the result; `facts` (an object) go into a JSON document.
    pub fn finish(&mut self, facts: &serde_json::Value, out: &mut Vec<u8>) {
        if self.zone().is_some() {
            out.extend_from_slice(b"SET time_zone = @saved_time_zone;\n");
        }
        if !matches!(self.format, ExportFormat::Json { .. }) {
            return;
        }
        json::end(out, self.headed, self.any, facts);
    }
}

fn separated<T>(out: &mut Vec<u8>, items: &[T], by: &[u8], each: impl Fn(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(by);
        }
        each(out, item);
    }
}

#[cfg(test)]
mod tests;
