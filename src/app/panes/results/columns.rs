//! Which columns of a result are on the screen, in what order, how wide, and which stay while the others scroll. A column is always named
//! by its number in the result; its place on the screen is another thing.

use crate::app::Action;
use std::collections::BTreeMap;

/// Widest column that is made by itself; wider ones are made by hand, and the cell viewer shows the rest.
pub const WIDEST: u16 = 40;
/// Blank columns between two columns.
pub const GAP: u16 = 2;
/// Frozen columns leave at least this much to the others.
const LEFT_OVER: u16 = 16;
/// Columns by which a width changes.
const STEP: u16 = 4;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Names, to know the layout's own result again when it is run once more.
    names: Vec<String>,
    /// Columns in the order of the screen; hidden ones are missing.
    pub order: Vec<usize>,
    /// Widths by column.
    pub widths: Vec<u16>,
    /// Widths that were set by hand, by column.
    by_hand: BTreeMap<usize, u16>,
    /// So many of `order` stay on the left.
    pub frozen: usize,
    /// Place in `order` of the first one that scrolls and is on the screen.
    pub left: usize,
}

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub column: usize,
    /// From the left end of the cells.
    pub x: u16,
    pub width: u16,
    /// The last of the frozen ones.
    pub edge: bool,
}

impl Columns {
    pub fn new(names: Vec<String>, widths: Vec<u16>) -> Self {
        Columns { order: (0..names.len()).collect(), names, widths, ..Columns::default() }
    }

    /// Takes over what was made of the columns of an earlier run, when they are the same ones.
    pub fn like(&mut self, other: &Columns) {
        if self.names == other.names {
            (self.order, self.frozen, self.by_hand) = (other.order.clone(), other.frozen, other.by_hand.clone());
            self.by_hand.iter().for_each(|(c, w)| self.widths[*c] = *w);
        }
    }

    /// All columns are there, in the order in which they came.
    pub fn is_plain(&self) -> bool {
        self.order.len() == self.names.len() && self.order.is_sorted()
    }

    pub fn hidden(&self) -> usize {
        self.names.len() - self.order.len()
    }

    /// Makes a column at least as wide, up to [`WIDEST`], unless its width was set by hand.
    pub fn widen(&mut self, column: usize, width: u16) {
        if !self.by_hand.contains_key(&column)
            && let Some(w) = self.widths.get_mut(column)
        {
            *w = (*w).max(width.min(WIDEST));
        }
    }

    /// Place of a column on the screen; the nearest one for a hidden column.
    pub fn place(&self, column: usize) -> usize {
        let found = self.order.iter().position(|c| *c == column);
        found.unwrap_or_else(|| self.order.iter().rposition(|c| *c < column).unwrap_or(0))
    }

    /// The column one further in a direction; `action` is Left, Right, FirstColumn or LastColumn.
    pub fn go(&self, column: usize, action: Action) -> usize {
        let place = self.place(column);
        let to = match action {
            Action::Left => place.saturating_sub(1),
            Action::Right => place + 1,
            Action::FirstColumn => 0,
            _ => usize::MAX,
        };
        self.order.get(to.min(self.order.len().saturating_sub(1))).copied().unwrap_or(0)
    }

    /// Frozen columns that there is room for.
    fn frozen_in(&self, width: u16) -> (usize, u16) {
        let (mut n, mut used) = (0, 0u16);
        for c in self.order.iter().take(self.frozen) {
            let next = used.saturating_add(self.widths[*c]).saturating_add(GAP);
            if next.saturating_add(LEFT_OVER) > width {
                break;
            }
            (n, used) = (n + 1, next);
        }
        (n, used)
    }

    /// Scrolls so that a column is on a screen of `width`.
    pub fn follow(&mut self, column: usize, width: u16) {
        let (frozen, used) = self.frozen_in(width);
        let place = self.place(column);
        self.left = self.left.max(frozen);
        if place < frozen {
            return;
        }
        self.left = self.left.min(place);
        while self.left < place {
            let taken: u32 = self.order[self.left..=place].iter().map(|c| u32::from(self.widths[*c] + GAP)).sum();
            if taken + u32::from(used) <= u32::from(width) {
                break;
            }
            self.left += 1;
        }
    }

    /// The columns on a screen of `width`, from the left.
    pub fn shown(&self, width: u16) -> Vec<Shown> {
        let (frozen, _) = self.frozen_in(width);
        let left = self.left.max(frozen);
        let mut out = Vec::new();
        let mut x = 0u16;
        for (place, c) in self.order.iter().enumerate().take(frozen).chain(self.order.iter().enumerate().skip(left)) {
            if x >= width {
                break;
            }
            let w = self.widths.get(*c).copied().unwrap_or(8).min(width - x);
            out.push(Shown { column: *c, x, width: w, edge: place + 1 == frozen });
            x = x.saturating_add(w).saturating_add(GAP);
        }
        out
    }

    /// True when columns are out of sight on the left (beside the frozen ones), and on the right.
    pub fn beyond(&self, width: u16) -> (bool, bool) {
        let shown = self.shown(width);
        let last = shown.last();
        let right = last.is_some_and(|s| self.order.last() != Some(&s.column) || s.width < self.widths[s.column]);
        (self.left > self.frozen_in(width).0, right)
    }

    /// Hides a column and gives the one to stand on then; `None` when it is the only one.
    pub fn hide(&mut self, column: usize) -> Option<usize> {
        if self.order.len() < 2 {
            return None;
        }
        let place = self.place(column);
        self.order.remove(place);
        self.frozen -= usize::from(place < self.frozen);
        self.order.get(place.min(self.order.len() - 1)).copied()
    }

    /// All columns again, in the order in which they came.
    pub fn all(&mut self) {
        self.order = (0..self.names.len()).collect();
    }

    /// Moves a column by one place; false at the end.
    pub fn shift(&mut self, column: usize, right: bool) -> bool {
        let place = self.place(column);
        let to = if right { place + 1 } else { place.wrapping_sub(1) };
        let fits = to < self.order.len();
        if fits {
            self.order.swap(place, to);
        }
        fits
    }

    /// Makes a column wider or narrower by hand.
    pub fn resize(&mut self, column: usize, wider: bool) {
        let Some(w) = self.widths.get_mut(column) else { return };
        *w = if wider { w.saturating_add(STEP).min(1000) } else { w.saturating_sub(STEP).max(2) };
        self.by_hand.insert(column, *w);
    }

    /// Freezes the columns up to this one, or none when it is the last frozen one already; gives their number.
    pub fn freeze(&mut self, column: usize) -> usize {
        let upto = self.place(column) + 1;
        self.frozen = if self.frozen == upto { 0 } else { upto };
        self.left = self.left.max(self.frozen);
        self.frozen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> Columns {
        Columns::new(["a", "b", "c", "d"].map(String::from).to_vec(), vec![5, 10, 10, 10])
    }

    fn seen(c: &Columns, width: u16) -> Vec<usize> {
        c.shown(width).iter().map(|s| s.column).collect()
    }

    #[test]
    fn frozen_columns_stay_while_the_others_scroll() {
        let mut c = four();
        assert_eq!(c.freeze(0), 1);
        c.follow(3, 32);
        assert_eq!(seen(&c, 32), [0, 2, 3]);
        assert_eq!(c.beyond(32), (true, false));
        c.follow(1, 32);
        // One more column of the screen would show the beginning of the next one.
        assert_eq!((seen(&c, 31), seen(&c, 32)), (vec![0, 1, 2], vec![0, 1, 2, 3]));
        // Without room for the others nothing stays.
        assert_eq!(c.shown(12)[0].column, 1);
        assert_eq!(c.freeze(0), 0);
    }

    #[test]
    fn hidden_and_moved_columns_are_kept_for_the_next_run_of_the_same_columns() {
        let mut c = four();
        assert_eq!(c.hide(1), Some(2));
        assert!(c.shift(3, false));
        c.resize(0, true);
        assert_eq!(seen(&c, 80), [0, 3, 2]);
        assert_eq!((c.hidden(), c.go(0, Action::Right), c.go(2, Action::Right)), (1, 3, 2));
        let mut again = four();
        again.widen(0, 30);
        again.like(&c);
        assert_eq!((again.order.as_slice(), again.widths[0]), (&[0, 3, 2][..], 9));
        again.widen(0, 30);
        assert_eq!(again.widths[0], 9, "a width by hand stays");
        let mut other = Columns::new(vec!["x".into()], vec![3]);
        other.like(&c);
        assert_eq!(other.order, [0]);
        assert_eq!(other.hide(0), None, "one column stays");
        c.all();
        assert_eq!(c.order, [0, 1, 2, 3]);
    }

    #[test]
    fn two_thousand_columns_show_only_those_on_the_screen() {
        let mut c = Columns::new((0..2000).map(|i| format!("c{i}")).collect(), vec![6; 2000]);
        c.follow(1999, 80);
        assert_eq!(seen(&c, 80).last(), Some(&1999));
        assert!(c.shown(80).len() <= 10);
    }
}
