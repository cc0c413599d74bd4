//! The console as data: state, actions, messages, effects, and `update`, which is a plain function: no await, no clock,
//! no terminal, no database. Drawing is in `ui`, doing is in `tui`.

pub mod action;
pub mod acts;
pub mod answers;
pub mod backslash;
pub mod blocked;
pub mod buffers;
pub mod burst;
pub mod cell_view;
pub mod chart;
pub mod completion;
pub mod dialog;
pub mod editor;
pub mod effect;
pub mod find;
pub mod form_list;
pub mod fuzzy;
pub mod guide;
pub mod habits;
pub mod import;
pub mod jump;
pub mod keys;
pub mod layout;
pub mod link;
pub mod links;
pub mod list;
pub mod manual;
pub mod msg;
pub mod note;
pub mod palette;
pub mod panes;
pub mod params;
pub mod paths;
pub mod rest;
pub mod save;
pub mod snippets;
pub mod standing;
pub mod state;
pub mod update;
pub mod watch;
pub mod work;

pub use action::Action;
pub use effect::Effect;
pub use msg::Msg;
pub use state::{Pane, State, Workspace};
pub use update::update;
