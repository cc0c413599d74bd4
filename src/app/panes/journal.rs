//! The journal pane.

use crate::app::list::ListCursor;
use crate::app::{Action, Effect, State};

/// See the module.
#[derive(Debug, Default)]
pub struct Journal {
    pub list: ListCursor,
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(_state: &mut State, _action: Action, _effects: &mut Vec<Effect>) -> bool {
    false
}

/// The pane came on the screen.
pub fn shown(_state: &mut State, _effects: &mut Vec<Effect>) {}
