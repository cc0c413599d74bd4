//! Holdpoint: a terminal console for databases that puts hold points in front of dangerous actions.
//!
//! The map. Each module may use only what stands below it (`tests/layers.rs` keeps it so):

/// The console as data: state, actions, `update`, the editor, one file for each pane.
pub mod app;
/// Command line: arguments, output formats, exit codes; one file for each subcommand.
pub mod cli;
/// Targets, secrets, keymap, themes, checklist files; errors carry file:line:column.
pub mod config;
/// The engines behind capability traits. Only here and in `store` is a database driver named.
pub mod engine;
/// Plain data that every layer shares.
pub mod model;
/// Operations, the same for the console and the command line; the gate.
pub mod ops;
/// Query plans: readers of what servers print, arithmetic, findings. Pure.
pub mod plan;
/// SQL text: lexer, splitter, classifier. Pure, per dialect, never panics.
pub mod sql;
/// Our own record: journal, evidence, history, spilled results.
pub mod store;
/// The only way in which outside text becomes displayable.
pub mod text;
/// The terminal: enter and leave, input, the loop, jobs, clipboard.
pub mod tui;
/// Drawing: layout, theme, widgets, one file for each pane. Only here and in `tui` is ratatui named.
pub mod ui;
