//! One file for each pane: what it knows, and what its actions do. Drawing is in `ui::panes`.

pub mod assess;
pub mod backups;
pub mod cells;
pub mod checklist;
pub mod files;
pub mod fix;
pub mod journal;
pub mod migrations;
pub mod plan;
pub mod query;
pub mod results;
pub mod running;
pub mod schema;
pub mod sessions;
pub mod start;
