//! What came of an import, as data and in lines.

use crate::text;

/// Columns of the screen that a value of the preview takes at most.
const VALUE: usize = 20;

/// What to do with rows that refer to others which are in no table.
const UNMET: &str = "Rows that refused rows refer to are missing: import those first. Where two tables refer to each other, import one without the \
    column that refers (it has to allow NULL), then the other one, and set the column with an UPDATE.";

/// All rows of the beginning were refused: the others were spared.
const UNTRIED: &str = "None of these was taken, so the rows behind them were not tried: is the file imported already, or another table's? \
    `holdpoint import … --skip-refused` goes through all of them.";

/// A column of the file and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub column: String,
    pub type_name: String,
    /// First values in the file, as they will be bound; `None` is NULL.
    pub first: Vec<Option<String>>,
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub table: String,
    pub columns: Vec<Match>,
    /// Columns of the table that the file leaves to their default.
    pub defaults: Vec<String>,
    /// Columns whose numbers were taken by rows that were rolled back.
    pub used_up: Vec<String>,
    /// The time zone by which the file's moments were read, where it was asked for or the file names it.
    pub time_zone: Option<String>,
    /// Rows that the server took.
    pub taken: u64,
    /// Rows that it, or the reading of the file, refused.
    pub refused: u64,
    /// Values that their column rounds or cuts without an error.
    pub cut: u64,
    /// The first of them: line of the file, column, value.
    pub cuts: Vec<(u64, String)>,
    /// Values that are NULL because the file's row has no such key (NDJSON).
    pub absent: u64,
    /// Rows behind these were not tried any more: all of so many were refused.
    pub untried: bool,
    /// Texts that are no UTF-8: taken as they are, where the database keeps any bytes.
    pub odd: u64,
    /// Rows that were given another number (SQLite's `rowid`) than they have in the file, because another row has it by now.
    pub renumbered: u64,
    /// Rows that the table did not keep although nothing refused them: a trigger, a rule, its own ON CONFLICT.
    pub unkept: u64,
    /// Rows of before that are gone: ON CONFLICT REPLACE, a trigger (SQLite).
    pub replaced: u64,
    /// Rows that were taken only behind those that they refer to.
    pub behind: u64,
    /// Among the refused are rows that refer to what is not there.
    pub unmet: bool,
    /// The first of the refused rows: line of the file, reason.
    pub reasons: Vec<(u64, String)>,
    /// The rows are in the table; otherwise nothing is.
    pub committed: bool,
    /// Why not, where that was not asked for.
    pub why_not: Option<String>,
    /// Why the history could not take it.
    pub unrecorded: Option<String>,
    /// Its number in the history, where one is kept.
    pub run: Option<i64>,
}

impl Report {
    /// What came of it, a line each; every line is cleaned.
    pub fn lines(&self) -> Vec<String> {
        let mut out = vec![self.heading()];
        out.extend(self.column_lines());
        out.extend(self.asides());
        out.extend(self.refused_lines());
        out.push(self.summary());
        out
    }

    /// How many columns, and where they go.
    pub fn heading(&self) -> String {
        format!("{} from the file, into {}:", text::counted(self.columns.len() as u64, "column"), text::clean(&self.table))
    }

    /// A line for each column, one below the other: name, type, first values.
    pub fn column_lines(&self) -> Vec<String> {
        let names: Vec<_> = self.columns.iter().map(|m| text::clean(&m.column)).collect();
        let types: Vec<_> = self.columns.iter().map(|m| text::clean(&m.type_name)).collect();
        // One name of extraordinary length does not push the others out of sight.
        let widest = |of: &[std::borrow::Cow<'_, str>]| of.iter().map(|n| text::width(n)).max().unwrap_or(0).min(VALUE + 4);
        let (name_w, type_w) = (widest(&names), widest(&types));
        let padded = |s: &str, w: usize| format!("{s}{}", " ".repeat(w.saturating_sub(text::width(s))));
        let mut out = Vec::new();
        for ((m, name), type_name) in self.columns.iter().zip(&names).zip(&types) {
            let first: Vec<String> = m.first.iter().map(value).collect();
            let line = format!("  {}  {}  {}", padded(name, name_w), padded(type_name, type_w), first.join(" | "));
            out.push(line.trim_end().to_string());
        }
        out
    }

    /// What else is to be known of it: columns that the file leaves out, odd texts, a history that could not take it.
    pub fn asides(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.defaults.is_empty() {
            out.push(format!("Left to their defaults: {}", text::clean(&self.defaults.join(", "))));
        }
        if let Some(zone) = &self.time_zone {
            out.push(format!("TIMESTAMP values are read by the time zone {}.", text::clean(zone)));
        }
        if !self.used_up.is_empty() {
            out.push(format!("Numbers that the trial took stay used up: {} goes on behind them.", text::clean(&self.used_up.join(", "))));
        }
        if self.renumbered > 0 {
            out.push(format!(
                "{} got another rowid than in the file: other rows have those by now.",
                text::counted(self.renumbered, "row")
            ));
        }
        if self.unkept > 0 {
            let (are, rows) = (if self.unkept == 1 { "was" } else { "were" }, text::counted(self.unkept, "row"));
            out.push(format!("{rows} {are} sent and not kept by the table itself: a trigger, a rule or its ON CONFLICT."));
        }
        if self.replaced > 0 {
            let (are, rows) = (if self.replaced == 1 { "goes" } else { "go" }, text::counted(self.replaced, "row"));
            out.push(format!("{rows} of the table {are} with it: its ON CONFLICT REPLACE, or a trigger."));
        }
        if self.cut > 0 {
            let values = match self.cut {
                1 => "1 value is".to_string(),
                n => format!("{} values are", text::thousands(n)),
            };
            out.push(format!("{values} rounded or cut by the type of the column, and so kept otherwise than in the file:"));
            out.extend(self.cuts.iter().map(|(line, what)| format!("  line {line}: {}", text::clean(what))));
        }
        if self.absent > 0 {
            let values = text::counted(self.absent, "value");
            out.push(format!("{values} whose key is missing in the file's row: NULL, not the column's default."));
        }
        if self.behind > 0 {
            out.push(format!("{} had to wait for rows further down, to which foreign keys lead.", text::counted(self.behind, "row")));
        }
        if self.unmet {
            out.push(UNMET.into());
        }
        if self.odd > 0 {
            let texts = match self.odd {
                1 => "1 text is".to_string(),
                n => format!("{} texts are", text::thousands(n)),
            };
            out.push(format!("{texts} no UTF-8: the bytes are taken as they are."));
        }
        if let Some(why) = &self.unrecorded {
            out.push(format!("The import could not be recorded in the history: {}", text::clean(why)));
        }
        out
    }

    /// A line for each refused row that is told: its line in the file, and why.
    pub fn refused_lines(&self) -> Vec<String> {
        let mut out: Vec<String> = self.reasons.iter().map(|(line, why)| format!("line {line}: {}", text::clean(why))).collect();
        let more = self.refused.saturating_sub(self.reasons.len() as u64);
        if more > 0 {
            out.push(format!("… and {} more refused", text::thousands(more)));
        }
        if self.untried {
            out.push(UNTRIED.into());
        }
        out
    }

    /// What came of it in a sentence.
    pub fn summary(&self) -> String {
        let refused = if self.refused > 0 { format!(", {} refused", text::thousands(self.refused)) } else { String::new() };
        let taken = text::counted(self.taken, "row");
        match (self.committed, &self.why_not) {
            (true, _) => format!("{taken} imported{refused}."),
            (false, Some(why)) => format!("Nothing was imported: {}. {taken} could be taken{refused}.", text::clean(why)),
            (false, None) => format!("Tried and rolled back: {taken} could be taken{refused}."),
        }
    }
}

/// A value of the preview on one line.
fn value(of: &Option<String>) -> String {
    match of.as_deref() {
        None => "NULL".into(),
        Some("") => "''".into(),
        // The word in the file is no NULL unless the form names it.
        Some(v) if v.eq_ignore_ascii_case("null") => format!("'{v}'"),
        Some(v) => text::truncate(&text::clean(v), VALUE).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_line_for_each_thing() {
        let column =
            |name: &str, first: &str| Match { column: name.into(), type_name: "text".into(), first: vec![Some(first.into()), None] };
        let report = Report {
            table: "public.t".into(),
            columns: vec![column("a", "multi\nline"), column("longer", "")],
            taken: 2,
            refused: 2,
            unmet: true,
            reasons: vec![(3, "invalid input\nCONTEXT: somewhere".into())],
            ..Report::default()
        };
        let lines = report.lines();
        assert_eq!(lines[1], "  a       text  multi␊line | NULL");
        assert_eq!(lines[2], "  longer  text  '' | NULL");
        assert!(lines[3].contains("import those first"), "{}", lines[3]);
        assert_eq!(lines[4..6], ["line 3: invalid input␊CONTEXT: somewhere", "… and 1 more refused"]);
        assert!(lines.iter().all(|l| !l.contains('\n')), "{lines:?}");
    }
}
