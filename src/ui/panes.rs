//! One file for each pane.

pub mod assess;
pub mod backups;
pub mod checklist;
pub mod editor;
pub mod journal;
pub mod marks;
pub mod migrations;
pub mod plan;
pub mod results;
pub mod schema;
pub mod sessions;
pub mod start;
