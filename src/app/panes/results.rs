//! One result: a window of rows over what is kept outside, a cursor, column widths that never shrink.

pub mod acts;
pub mod arrange;
pub mod back;
pub mod column;
pub mod columns;
pub mod compare;

use crate::app::editor::scroll;
use crate::app::effect::{JobId, ResultId};
use crate::app::list::ListCursor;
use crate::app::{Action, Effect};
use crate::engine::Outcome;
use crate::model::{Align, BatchBuilder, Cell, Column, Dialect, Error, Notice, Param, RowBatch};
use crate::store::history::Fate;
use crate::text;
use arrange::View;
use columns::{Columns, WIDEST};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows by which column widths are found at first; rows that come on the screen later only widen them.
const MEASURED: u64 = 200;
/// Cells that are measured at first: of a result with many columns only a few rows.
const MEASURED_CELLS: u64 = 20_000;
/// Batches that stay in memory round the cursor.
const KEPT: usize = 12;
/// Bytes of them beyond which only what is on the screen stays.
const HELD: usize = 16 * 1024 * 1024;
/// Notices of one statement that are kept.
pub const NOTICES: usize = 1000;

/// How far a statement came.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    Running,
    Done(Outcome),
    /// It ran to its end, and not all of its rows are kept: why.
    Cut(Outcome, Error),
    Failed(Error),
}

/// The result of one statement.
#[derive(Debug)]
pub struct ResultTab {
    pub id: ResultId,
    /// The statement as it was sent.
    pub text: String,
    /// Where it stood in the editor.
    pub offset: Option<usize>,
    /// Where in the editor's text the server found its fault, and the version of that text.
    pub fault: Option<(usize, u64)>,
    /// The run that it is of.
    pub job: Option<JobId>,
    /// Values of its parameters.
    pub values: BTreeMap<String, Param>,
    /// Changes of its rows that are not written yet.
    pub staged: Vec<super::cells::Staged>,
    pub progress: Progress,
    /// What became of what it wrote in a transaction.
    pub fate: Option<Fate>,
    pub started: Timestamp,
    /// It stays when further results need its place, and when another target is opened.
    pub pinned: bool,
    /// The target that it is of and its dialect, where another target is open: it is looked at, compared and exported, and nothing is asked of
    /// the server for it.
    pub of: Option<(String, Dialect)>,
    /// `None` for statements that have no rows.
    pub columns: Option<Arc<[Column]>>,
    /// Rows of the grid: all that are kept, or those that the filter leaves.
    pub rows: u64,
    /// Rows kept so far; all of them once it is done.
    pub kept: u64,
    /// As many rows as the statement's own LIMIT allows: there may be more.
    pub limited: bool,
    /// Order and selection of the rows in the grid. All row numbers here are places in it.
    pub view: View,
    /// What the server said while it ran, at most [`NOTICES`] of it.
    pub notices: Vec<Notice>,
    /// How much more it said.
    pub unheard: u64,
    /// Rows in memory, by the number of their first.
    batches: BTreeMap<u64, Arc<RowBatch>>,
    /// Rows that the screen shows.
    page: u64,
    /// Rows asked for and not there yet.
    asked: Option<(u64, u64)>,
    /// Columns on the screen.
    pub layout: Columns,
    measured: u64,
    pub row: u64,
    /// The cursor's column, by its number in the result.
    pub column: usize,
    pub top: u64,
    /// Columns of the screen, as of the last move.
    screen: u16,
    /// Row that the cursor goes back to when it comes: the rows are being read again.
    pub back_to: Option<u64>,
    /// What is as before once all of them are here.
    pub back: Option<back::Back>,
    /// The other end of the selected rows, by its place; the cursor's row is the one end.
    pub marked: Option<u64>,
    /// One row is shown as a list of its columns, instead of the grid.
    pub record: bool,
    /// First column on the screen then.
    pub field: usize,
}

impl ResultTab {
    /// Another target is opened; `left` is the one that was.
    pub fn leave(&mut self, left: &str, dialect: Dialect, opened: &str) {
        if self.of.as_ref().is_some_and(|(of, _)| of == opened) {
            self.of = None;
        } else if self.of.is_none() {
            self.of = Some((left.to_string(), dialect));
        }
        self.staged.clear();
        // Its place is in a buffer of the other target.
        (self.offset, self.fault, self.job) = (None, None, None);
    }

    /// Why its server cannot be asked for anything, where another target is open.
    pub fn elsewhere(&self) -> Option<String> {
        let (target, _) = self.of.as_ref()?;
        Some(format!("It is a result of {}, and another target is open.", text::clean(target)))
    }

    pub fn new(id: ResultId, text: String, offset: Option<usize>, started: Timestamp) -> Self {
        ResultTab {
            id,
            text,
            offset,
            fault: None,
            job: None,
            values: BTreeMap::new(),
            staged: Vec::new(),
            progress: Progress::Running,
            fate: None,
            started,
            pinned: false,
            of: None,
            columns: None,
            rows: 0,
            kept: 0,
            limited: false,
            view: View::default(),
            notices: Vec::new(),
            unheard: 0,
            batches: BTreeMap::new(),
            page: 0,
            asked: None,
            layout: Columns::default(),
            measured: 0,
            row: 0,
            column: 0,
            top: 0,
            screen: 80,
            back_to: None,
            back: None,
            marked: None,
            record: false,
            field: 0,
        }
    }

    pub fn set_columns(&mut self, columns: Arc<[Column]>) {
        let widths = columns.iter().map(|c| u16::try_from(text::width(&text::clean(&c.name))).unwrap_or(WIDEST).clamp(2, WIDEST)).collect();
        self.layout = Columns::new(columns.iter().map(|c| c.name.clone()).collect(), widths);
        self.columns = Some(columns);
    }

    /// Rows are kept up to this number.
    pub fn grown(&mut self, total: u64) {
        self.kept = total;
        if self.view.of.is_plain() {
            self.rows = total;
            if let Some(row) = self.back_to {
                self.row = row.min(total.saturating_sub(1));
                self.back_to = self.back_to.filter(|row| *row >= total);
            }
        }
    }

    /// The rows that are selected, as places in the view: the first, and how many.
    pub fn selected(&self) -> Option<(u64, u64)> {
        let other = self.marked?.min(self.rows.saturating_sub(1));
        (self.rows > 0).then(|| (other.min(self.row), other.abs_diff(self.row) + 1))
    }

    /// Order, filter or columns are not those of the rows as they came.
    pub fn arranged(&self) -> bool {
        !self.view.of.is_plain() || !self.layout.is_plain()
    }

    /// Another order or selection took effect: what is in memory belongs to the one before.
    pub fn viewed(&mut self, view: View, rows: u64) {
        (self.view, self.rows) = (view, rows);
        self.batches.clear();
        self.asked = None;
        (self.row, self.top) = (0, 0);
        self.marked = None;
    }

    /// Keeps what the server said: a trigger may say something for each of a million rows.
    pub fn heard(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES {
            self.notices.push(notice);
        } else {
            self.unheard += 1;
        }
    }

    /// Not all columns are on the screen beside each other.
    pub fn too_wide(&self) -> bool {
        let shown = self.layout.shown(self.screen.saturating_sub(self.gutter()));
        let cut = shown.last().is_some_and(|s| self.layout.widths.get(s.column).is_some_and(|w| *w > s.width));
        shown.len() < self.layout.order.len() || cut
    }

    /// Takes rows into memory; `first` is the number of the first of them.
    pub fn take(&mut self, first: u64, batch: Arc<RowBatch>) {
        let rows = batch.rows() as u64;
        let enough = (MEASURED_CELLS / (batch.columns() as u64).max(1)).clamp(1, MEASURED);
        if first <= self.measured && self.measured < enough {
            for r in (self.measured - first)..rows.min(enough.saturating_sub(first)) {
                (0..batch.columns()).for_each(|c| self.layout.widen(c, cell_width(&batch, r as usize, c)));
                self.measured = first + r + 1;
            }
        }
        self.batches.insert(first, batch);
        if let Some((a, b)) = self.asked
            && first <= a
            && b <= first + rows
        {
            self.asked = None;
        }
        self.let_far_go();
    }

    /// Bytes of the rows in memory.
    pub fn held(&self) -> usize {
        self.batches.values().map(|b| b.size()).sum()
    }

    /// Far rows go, near ones stay; those on the screen do, however large they are.
    fn let_far_go(&mut self) {
        let (top, below) = (self.top, self.top + self.page.max(1));
        let far = |(first, b): (&u64, &Arc<RowBatch>)| {
            let end = first + b.rows() as u64;
            let away = if *first >= below { first - below + 1 } else { (top + 1).saturating_sub(end) };
            (away > 0).then_some((away, *first))
        };
        while self.batches.len() > KEPT || self.held() > HELD {
            let Some((_, first)) = self.batches.iter().filter_map(far).max() else { return };
            self.batches.remove(&first);
        }
    }

    /// It is not on the screen any more: its rows are read again when it is.
    pub fn put_aside(&mut self) {
        if self.held() > HELD / 16 {
            self.batches.clear();
            self.asked = None;
        }
    }

    /// Widens columns for rows that came on the screen: a number that is cut off would be another number.
    fn widen(&mut self, page: usize) {
        let measured = if self.view.of.is_plain() { self.measured } else { 0 };
        let shown = self.layout.shown(self.screen.saturating_sub(self.gutter()));
        for r in self.top.max(measured)..(self.top + page as u64).min(self.rows) {
            let Some((first, batch)) = self.batches.range(..=r).next_back() else { continue };
            let within = (r - first) as usize;
            if within < batch.rows() {
                for s in &shown {
                    self.layout.widen(s.column, cell_width(batch, within, s.column));
                }
            }
        }
    }

    /// Widens a column for a value that is to be written: it is to be seen before it is.
    pub fn widen_for(&mut self, column: usize, value: &Param) {
        let cell = match value {
            Param::Null => Cell::Null,
            Param::Text(t) | Param::Number(t) | Param::Literal(t) => Cell::Text(t.as_bytes()),
            Param::Bytes(b) | Param::TextBytes(b) => Cell::Binary(b),
        };
        let mut batch = BatchBuilder::new(1);
        batch.push(cell);
        self.layout.widen(column, cell_width(&batch.take(), 0, 0));
    }

    /// The rows that are in memory: number, batch, place in it.
    pub fn in_memory(&self) -> impl Iterator<Item = (u64, &RowBatch, usize)> {
        self.batches.iter().flat_map(|(first, b)| (0..b.rows()).map(move |r| (first + r as u64, &**b, r)))
    }

    /// The batch that holds a row, and the row's place in it.
    pub fn at(&self, row: u64) -> Option<(&RowBatch, usize)> {
        self.shared(row).map(|(batch, within)| (&**batch, within))
    }

    /// The same, to keep it.
    pub fn shared(&self, row: u64) -> Option<(&Arc<RowBatch>, usize)> {
        let (first, batch) = self.batches.range(..=row).next_back()?;
        let within = usize::try_from(row - first).ok()?;
        (within < batch.rows()).then_some((batch, within))
    }

    /// The cell under the cursor, whole.
    pub fn chosen(&self) -> Option<Cell<'_>> {
        let (batch, r) = self.at(self.row)?;
        (self.column < batch.columns()).then(|| batch.cell(r, self.column))
    }

    pub fn align(&self, column: usize) -> Align {
        self.columns.as_ref().and_then(|c| c.get(column)).map_or(Align::Left, |c| c.align)
    }

    /// Moves by an action; false when it is no move. `page` rows and `width` columns are on the screen.
    pub fn go(&mut self, action: Action, page: usize, width: u16) -> bool {
        if action.is_move() {
            self.back_to = None;
            if let Some(back) = &mut self.back {
                back.key = None;
            }
        }
        if self.record {
            return self.go_record(action, page, width);
        }
        let last = self.rows.saturating_sub(1);
        let leap = page.saturating_sub(1).max(1) as u64;
        match action {
            Action::Up => self.row = self.row.saturating_sub(1),
            Action::Down => self.row = (self.row + 1).min(last),
            Action::PageUp => self.row = self.row.saturating_sub(leap),
            Action::PageDown => self.row = (self.row + leap).min(last),
            Action::First => self.row = 0,
            Action::Last => self.row = last,
            Action::Left | Action::Right | Action::FirstColumn | Action::LastColumn => self.column = self.layout.go(self.column, action),
            _ => return false,
        }
        self.follow(page, width);
        true
    }

    /// In a record the columns are what goes up and down: all of them, in the order in which they came.
    fn go_record(&mut self, action: Action, page: usize, width: u16) -> bool {
        let mut fields = ListCursor { at: self.column, top: self.field };
        let last = self.rows.saturating_sub(1);
        match action {
            Action::Left => self.row = self.row.saturating_sub(1),
            Action::Right => self.row = (self.row + 1).min(last),
            Action::FirstColumn => self.row = 0,
            Action::LastColumn => self.row = last,
            _ if fields.go(action, self.columns.as_ref().map_or(0, |c| c.len()), page) => {}
            _ => return false,
        }
        self.column = fields.at;
        self.follow(page, width);
        true
    }

    /// Keeps the cursor on the screen.
    pub fn follow(&mut self, page: usize, width: u16) {
        if self.record {
            let mut fields = ListCursor { at: self.column, top: self.field };
            fields.follow(self.columns.as_ref().map_or(0, |c| c.len()), page);
            self.field = fields.top;
        }
        self.row = self.row.min(self.rows.saturating_sub(1));
        let len = usize::try_from(self.rows).unwrap_or(usize::MAX);
        self.top = scroll(self.top as usize, self.row as usize, page, len) as u64;
        self.screen = width;
        self.layout.follow(self.column, width.saturating_sub(self.gutter()));
    }

    /// Columns that row numbers take.
    pub fn gutter(&self) -> u16 {
        // By the rows near the screen, not by all of them: columns must not move while rows are still coming.
        let digits = text::thousands((self.top + 100).min(self.rows.max(1))).len();
        u16::try_from(digits).unwrap_or(10).max(5) + 2 + self.marks()
    }

    /// Columns of them that stand between the marks of what is staged and the first value.
    pub fn marks(&self) -> u16 {
        u16::from(!self.staged.is_empty())
    }

    /// Asks for rows that are on the screen (and a page round it) and not in memory.
    pub fn want(&mut self, page: usize, effects: &mut Vec<Effect>) {
        self.widen(page);
        let page = page as u64;
        self.page = page;
        // Of large values nothing is read before it is needed.
        let around = if self.held() > HELD / 2 { 0 } else { page };
        let from = self.top.saturating_sub(around);
        let to = (self.top + page + around).min(self.rows);
        let missing = (from..to).find(|r| self.at(*r).is_none());
        let Some(first) = missing else { return };
        let visible = (self.top..(self.top + page).min(self.rows)).any(|r| self.at(r).is_none());
        if self.asked.is_some_and(|(a, b)| a <= first && first < b) && !visible {
            return;
        }
        self.asked = Some((first, to));
        effects.push(Effect::ReadRows { result: self.id, view: self.view.number, first, count: to - first });
    }

    /// Rows are here, and they are not all: still coming, cancelled, or failed.
    pub fn partial(&self) -> bool {
        self.columns.is_some() && !matches!(self.progress, Progress::Done(_))
    }

    /// A sentence for the title: rows, partial or not, time, affected rows.
    pub fn summary(&self, now: Timestamp) -> String {
        let mut out = self.outcome(now);
        for part in self.view.words(self) {
            out = format!("{part} · {out}");
        }
        if let Some((_, count)) = self.selected() {
            out = format!("{} selected · {out}", text::counted(count, "row"));
        }
        if self.layout.hidden() > 0 {
            out = format!("{} hidden · {out}", text::counted(self.layout.hidden() as u64, "column"));
        }
        out
    }

    fn outcome(&self, now: Timestamp) -> String {
        let rows = |n: u64| format!("{} {}", text::thousands(n), if n == 1 { "row" } else { "rows" });
        match &self.progress {
            Progress::Running => {
                let s = (now.as_millisecond() - self.started.as_millisecond()).max(0) / 1000;
                if self.columns.is_some() {
                    format!("{} so far, still coming · {s} s", rows(self.kept))
                } else {
                    format!("running · {s} s")
                }
            }
            Progress::Done(o) => {
                let mut out = match (&self.columns, o.affected) {
                    (Some(_), _) if self.limited => format!("{} (LIMIT)", rows(self.kept)),
                    (Some(_), _) => rows(self.kept),
                    (None, Some(n)) => {
                        let ended = if o.rolled_back { ", rolled back" } else { "" };
                        format!("{} · {} affected{ended}", text::clean(&o.tag), rows(n))
                    }
                    (None, None) => text::clean(&o.tag).into_owned(),
                };
                out.push_str(&format!(" · {}", text::duration(o.elapsed)));
                if let Some(fate) = self.fate.filter(|f| !matches!(f, Fate::Open | Fate::Committed)) {
                    out = format!("{} · {out}", fate.words());
                }
                out
            }
            Progress::Cut(o, _) => {
                let of = o.affected.filter(|n| *n >= self.kept).map_or_else(String::new, |n| format!(" of {}", rows(n)));
                format!("partial, {}{of} kept · {} · {}", rows(self.kept), text::clean(&o.tag), text::duration(o.elapsed))
            }
            Progress::Failed(e) if e.kind == crate::model::Kind::Cancelled => match self.columns {
                Some(_) => format!("cancelled · partial, {}", rows(self.kept)),
                None => "cancelled".into(),
            },
            Progress::Failed(_) => match self.columns {
                Some(_) if self.kept > 0 => format!("failed · partial, {}", rows(self.kept)),
                _ => "failed".into(),
            },
        }
    }
}

fn cell_width(batch: &RowBatch, row: usize, column: usize) -> u16 {
    if column >= batch.columns() {
        return 0;
    }
    match batch.cell(row, column) {
        Cell::Null => 4,
        // With the quotes that tell it from no value.
        Cell::Text(b"NULL") => 6,
        cell => text::cell_line(clip(cell, WIDEST)).map_or(0, |s| u16::try_from(text::width(&s)).unwrap_or(WIDEST)),
    }
}

/// At most as many bytes as could be shown in `width` columns.
pub fn clip(cell: Cell<'_>, width: u16) -> Cell<'_> {
    let most = usize::from(width.max(WIDEST)) * 8;
    let cut = |b: &[u8]| {
        let mut end = b.len().min(most);
        while end < b.len() && end > 0 && b[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        end
    };
    match cell {
        Cell::Text(b) => Cell::Text(&b[..cut(b)]),
        Cell::Number(b) => Cell::Number(&b[..cut(b)]),
        Cell::Binary(b) => Cell::Binary(&b[..b.len().min(most)]),
        Cell::Null => Cell::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row is a batch of its own then.
    #[test]
    fn large_values_leave_memory_when_they_leave_the_screen() {
        let mut tab = ResultTab::new(1, "select 1".into(), None, Timestamp::UNIX_EPOCH);
        let column = Column { name: "x".into(), type_name: "text".into(), align: Align::Left, origin: None, style: None };
        tab.set_columns(Arc::from([column]));
        let value = vec![b'y'; 1024 * 1024];
        let mut builder = BatchBuilder::new(1);
        let mut effects = Vec::new();
        for row in 0..100 {
            builder.push(Cell::Text(&value));
            tab.take(row, Arc::new(builder.take()));
            tab.grown(row + 1);
            tab.want(20, &mut effects);
        }
        assert!(effects.is_empty(), "what is on the screen is here: {effects:?}");
        assert!((0..20).all(|r| tab.at(r).is_some()) && tab.held() < 25 * value.len(), "{}", tab.held());
        tab.top = 50;
        tab.want(20, &mut effects);
        assert!(matches!(effects[..], [Effect::ReadRows { first: 50, count: 20, .. }]), "{effects:?}");
        tab.put_aside();
        assert_eq!(tab.held(), 0);
        tab.want(20, &mut effects);
        assert_eq!(effects.len(), 2, "it is read again");
    }

    #[test]
    fn a_flood_of_notices_is_bounded() {
        let mut tab = ResultTab::new(1, "select 1".into(), None, Timestamp::UNIX_EPOCH);
        for i in 0..NOTICES + 500 {
            tab.heard(Notice { severity: "NOTICE".into(), message: i.to_string(), detail: None, hint: None });
        }
        assert_eq!((tab.notices.len(), tab.unheard), (NOTICES, 500));
        assert_eq!(tab.notices[0].message, "0");
    }
}
