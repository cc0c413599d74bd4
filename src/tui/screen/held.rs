//! What stands on the terminal, kept for what a comparison of two frames cannot see. Writing over a half of a wide
//! character takes its other half away, too, and symbols on whose width terminals disagree (flags, joined emoji,
//! variation selectors) may have covered or left standing what is behind them: all of that is written again.

use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::Size;
use std::num::NonZeroU16;

/// True for symbols that terminals count differently. One character has one width nearly everywhere, the newer emoji excepted.
pub fn doubtful(symbol: &str) -> bool {
    let mut chars = symbol.chars();
    match chars.next() {
        None | Some('\0'..='\x7f') => chars.next().is_some(),
        Some(c) => ('\u{1f000}'..='\u{1ffff}').contains(&c) || chars.next().is_some() || columns(symbol) != symbol.cell_width(),
    }
}

/// Columns that a symbol takes for us: those that the frame was laid out with.
pub fn columns(symbol: &str) -> u16 {
    if symbol.len() < 2 { 1 } else { u16::try_from(crate::text::width(symbol)).unwrap_or(1).max(1) }
}

/// Makes every wide character of a frame whole: its second half has its style, and where something else was drawn over
/// that half, or there is no room for it, the first half is a blank. Comparing frames leaves second halves out.
pub fn settle(frame: &mut Buffer) {
    let width = usize::from(frame.area.width).max(1);
    for row in frame.content.chunks_mut(width) {
        let mut x = 0;
        while let Some(cell) = row.get(x) {
            let covers = usize::from(columns(cell.symbol()));
            // What is wider here than ratatui takes it for.
            let forced = (covers != usize::from(cell.symbol().cell_width().max(1))).then(|| NonZeroU16::new(covers as u16)).flatten();
            if covers > 1 {
                let whole = row.get(x + 1..x + covers).is_some_and(|rest| rest.iter().all(|c| c.symbol() == " "));
                if whole {
                    cover(row, x, covers);
                } else {
                    row[x].set_symbol(" ");
                    row[x].diff_option = CellDiffOption::None;
                    x += 1;
                    continue;
                }
            }
            row[x].diff_option = forced.map_or(CellDiffOption::None, CellDiffOption::ForcedWidth);
            x += covers;
        }
    }
}

/// Gives the columns behind the first one of a wide character its style.
fn cover(row: &mut [Cell], x: usize, covers: usize) {
    if covers < 2 {
        return;
    }
    let mut rest = row[x].clone();
    rest.set_symbol(" ");
    rest.diff_option = CellDiffOption::None;
    row.iter_mut().skip(x + 1).take(covers - 1).for_each(|c| c.clone_from(&rest));
}

/// See the module.
#[derive(Default)]
pub struct Held {
    size: Size,
    cells: Vec<Cell>,
    /// Rows that hold a wide or a doubtful symbol.
    special: Vec<bool>,
}

/// What has to be written of one row.
#[derive(Debug, PartialEq, Eq)]
pub enum Write {
    /// The changes as they are.
    Changes,
    /// These columns, and from the given one on the whole row.
    Columns(Vec<u16>, Option<u16>),
}

impl Held {
    /// The terminal is blank.
    pub fn clear(&mut self, size: Size) {
        self.size = size;
        self.cells.clear();
        self.cells.resize(usize::from(size.width) * usize::from(size.height), Cell::default());
        self.special.clear();
        self.special.resize(usize::from(size.height), false);
    }

    pub fn size(&self) -> Size {
        self.size
    }

    pub fn row(&self, y: u16) -> &[Cell] {
        let width = usize::from(self.size.width);
        let start = usize::from(y) * width;
        self.cells.get(start..start + width).unwrap_or_default()
    }

    /// Takes the changes of one row.
    pub fn change(&mut self, y: u16, changes: &[(u16, u16, &Cell)]) -> Write {
        let width = usize::from(self.size.width);
        let start = usize::from(y) * width;
        let (Some(special), Some(row)) = (self.special.get_mut(usize::from(y)), self.cells.get_mut(start..start + width)) else {
            return Write::Changes;
        };
        let news = changes.iter().any(|(_, _, c)| columns(c.symbol()) > 1 || doubtful(c.symbol()));
        if !*special && !news {
            for (x, _, cell) in changes {
                row[usize::from(*x)].clone_from(cell);
            }
            return Write::Changes;
        }
        let before = Standing::of(row);
        let mut stale = vec![false; width];
        for (x, _, cell) in changes {
            let x = usize::from(*x);
            row[x].clone_from(cell);
            stale[x] = true;
            cover(row, x, usize::from(columns(cell.symbol())));
        }
        let now = Standing::of(row);
        *special = now.special;
        let mut write = Vec::new();
        let mut x = 0;
        while x < width {
            let end = now.end[x];
            if stale[x] {
                // Whatever stood here and reaches further is gone whole.
                let gone = before.end[end - 1];
                stale[end..gone.max(end)].fill(true);
                write.push(x);
            }
            x = end;
        }
        let doubt = before.doubt.into_iter().chain(now.doubt).min();
        let from = doubt.filter(|d| write.last().is_some_and(|x| now.end[*x] > *d)).map(|d| now.begin(d));
        write.retain(|x| from.is_none_or(|f| *x < f));
        Write::Columns(write.into_iter().map(column).collect(), from.map(column))
    }
}

fn column(x: usize) -> u16 {
    u16::try_from(x).unwrap_or(u16::MAX)
}

/// How the symbols of a row stand.
struct Standing {
    /// For each column the one behind the symbol that stands there.
    end: Vec<usize>,
    doubt: Option<usize>,
    special: bool,
}

impl Standing {
    fn of(row: &[Cell]) -> Standing {
        let mut s = Standing { end: vec![0; row.len()], doubt: None, special: false };
        let mut x = 0;
        while x < row.len() {
            let symbol = row[x].symbol();
            let covers = usize::from(columns(symbol));
            let doubt = doubtful(symbol);
            if doubt && s.doubt.is_none() {
                s.doubt = Some(x);
            }
            s.special |= doubt || covers > 1;
            let end = (x + covers).min(row.len());
            s.end[x..end].fill(end);
            x = end;
        }
        s
    }

    /// The first column of the symbol that stands in `x`.
    fn begin(&self, x: usize) -> usize {
        (0..x).rev().take_while(|b| self.end[*b] == self.end[x]).last().unwrap_or(x)
    }
}
