//! The migrations pane.
//! NOTE from the lead: a further worker ("panes") writes this file and ui/panes/migrations.rs, with their jobs; leave both alone, land your wiring early.

use crate::app::list::ListCursor;
use crate::app::{Action, Effect, State};

/// See the module.
#[derive(Debug, Default)]
pub struct Migrations {
    pub list: ListCursor,
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(_state: &mut State, _action: Action, _effects: &mut Vec<Effect>) -> bool {
    false
}

impl Migrations {
    /// Migrations that wait.
    pub fn pending(&self) -> usize {
        0
    }
}

/// The pane came on the screen.
pub fn shown(_state: &mut State, _effects: &mut Vec<Effect>) {}

/// A target was opened.
pub fn connected(_state: &mut State, _effects: &mut Vec<Effect>) {}
