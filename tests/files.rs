//! Rows out of and into files, on the command line and against real servers.

mod support;

#[path = "files/export.rs"]
mod export;
#[path = "files/console.rs"]
mod streamed;

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;

#[path = "files/zoo.rs"]
mod zoo;
