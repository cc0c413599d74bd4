//! The checklist pane.
//! NOTE from the lead: a further worker ("panes") writes this file and ui/panes/checklist.rs, with their jobs; leave both alone, land your wiring early.

use crate::app::list::ListCursor;
use crate::app::{Action, Effect, State};

/// See the module.
#[derive(Debug, Default)]
pub struct Checklist {
    pub list: ListCursor,
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(_state: &mut State, _action: Action, _effects: &mut Vec<Effect>) -> bool {
    false
}

impl Checklist {
    /// A run is open.
    pub fn open(&self) -> bool {
        false
    }
}

/// The pane came on the screen.
pub fn shown(_state: &mut State, _effects: &mut Vec<Effect>) {}

/// Goes to the pane, then does the action.
pub fn go_and_act(_state: &mut State, _action: Action, _effects: &mut Vec<Effect>) {}

/// A form of this pane is complete.
pub fn submit(_state: &mut State, _effects: &mut Vec<Effect>) {}

impl Checklist {
    /// What the tab strip says of it: ` 5/11`.
    pub fn tab(&self) -> String {
        String::new()
    }
}
