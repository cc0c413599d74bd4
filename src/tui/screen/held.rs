//! What stands on the terminal, kept for one purpose: symbols on whose width terminals disagree (flags, joined emoji,
//! variation selectors) may have covered or left standing what is behind them, so that the rest of their row is
//! written again whenever something there changes.

use ratatui::buffer::Cell;
use ratatui::layout::Size;

/// True for symbols that terminals count differently. One character has one width nearly everywhere, the newer emoji excepted.
pub fn doubtful(symbol: &str) -> bool {
    let mut chars = symbol.chars();
    match chars.next() {
        None | Some('\0'..='\x7f') => chars.next().is_some(),
        Some(c) => ('\u{1f000}'..='\u{1ffff}').contains(&c) || chars.next().is_some(),
    }
}

/// Columns that a symbol takes for us: those that the frame was laid out with.
pub fn columns(symbol: &str) -> u16 {
    u16::try_from(crate::text::width(symbol)).unwrap_or(1).max(1)
}

/// See the module.
#[derive(Default)]
pub struct Held {
    size: Size,
    cells: Vec<Cell>,
    /// The first doubtful column of each row.
    doubts: Vec<Option<u16>>,
}

impl Held {
    /// The terminal is blank.
    pub fn clear(&mut self, size: Size) {
        self.size = size;
        self.cells.clear();
        self.cells.resize(usize::from(size.width) * usize::from(size.height), Cell::default());
        self.doubts.clear();
        self.doubts.resize(usize::from(size.height), None);
    }

    pub fn size(&self) -> Size {
        self.size
    }

    pub fn row(&self, y: u16) -> &[Cell] {
        let width = usize::from(self.size.width);
        let start = usize::from(y) * width;
        self.cells.get(start..start + width).unwrap_or_default()
    }

    /// Takes the changes of one row. The answer is the column from which the row has to be written again whole.
    pub fn change(&mut self, y: u16, changes: &[(u16, u16, &Cell)]) -> Option<u16> {
        let width = usize::from(self.size.width);
        let start = usize::from(y) * width;
        let doubt = self.doubts.get_mut(usize::from(y))?;
        let row = self.cells.get_mut(start..start + width)?;
        let before = *doubt;
        let mut last = 0;
        let mut news = false;
        for (x, _, cell) in changes {
            let covered = columns(cell.symbol());
            news |= doubtful(cell.symbol());
            last = x + covered - 1;
            for (i, held) in row.iter_mut().skip(usize::from(*x)).take(usize::from(covered)).enumerate() {
                held.clone_from(cell);
                if i > 0 {
                    held.set_symbol(" ");
                }
            }
        }
        if before.is_none() && !news {
            return None;
        }
        *doubt = row.iter().position(|c| doubtful(c.symbol())).and_then(|x| u16::try_from(x).ok());
        let from = before.into_iter().chain(*doubt).min()?;
        (last >= from).then_some(from)
    }
}
