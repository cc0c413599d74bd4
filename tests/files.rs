//! Rows out of and into files, on the command line and against real servers.

mod support;

#[path = "files/export.rs"]
mod export;
