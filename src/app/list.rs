//! A cursor in a list: the one way in which every list moves and scrolls.

use super::action::Action;
use super::editor::scroll;

/// Which line is chosen, and which one is first on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListCursor {
    pub at: usize,
    pub top: usize,
}

impl ListCursor {
    /// Moves by an action; false when the action is no move. `page` is the number of lines on the screen.
    pub fn go(&mut self, action: Action, len: usize, page: usize) -> bool {
        let last = len.saturating_sub(1);
        // One line of the page before stays visible.
        let leap = page.saturating_sub(1).max(1);
        self.at = match action {
            Action::Up => self.at.saturating_sub(1),
            Action::Down => (self.at + 1).min(last),
            Action::PageUp => self.at.saturating_sub(leap),
            Action::PageDown => (self.at + leap).min(last),
            Action::First => 0,
            Action::Last => last,
            _ => return false,
        };
        self.follow(len, page);
        true
    }

    /// Keeps the cursor inside the list and on the screen.
    pub fn follow(&mut self, len: usize, page: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        self.top = scroll(self.top, self.at, page, len);
    }
}
