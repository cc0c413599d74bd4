//! The console as a person meets it: the real program in a pseudo-terminal, driven by keys, judged by its screen.

#[path = "pty/cells.rs"]
mod cells;
#[path = "pty/data.rs"]
mod data;
#[path = "pty/editor.rs"]
mod editor;
#[path = "pty/main_job.rs"]
mod main_job;
#[path = "pty/plans.rs"]
mod plans;
#[path = "pty/results.rs"]
mod results;
#[path = "pty/servers.rs"]
mod servers;
mod support;
#[path = "pty/terminal.rs"]
mod terminal;
#[path = "pty/transactions.rs"]
mod transactions;

use std::path::Path;
use support::project::Project;
use support::pty::Console;

/// The console on a target of the project.
fn open(p: &Project, target: &str, columns: u16, rows: u16) -> Console {
    let c = Console::start(p.home.path(), p.home.path(), &["open", target], columns, rows);
    c.wait_for("no tx");
    c
}

/// The editor has the focus and holds exactly this text.
fn write(c: &mut Console, sql: &str) {
    // Once to where commands are keys, whatever was open; then to the editor.
    c.send("<Esc>2<C-a><BS>");
    c.wait_until("the editor is empty", |s| !s.contains("▎"));
    c.send(sql);
    let end: String = sql.chars().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect();
    c.wait_for(&end);
}

/// Runs an action by its name through the palette.
fn palette(c: &mut Console, action: &str) {
    c.send("<C-p>");
    c.wait_for("Find an action");
    c.send(action);
    c.wait_for(action);
    c.send("<Enter>");
}

/// A SQLite file with one table, and a project that names it `one`.
fn one_database(dir: &Path, seed: &str) {
    let config =
        "[store]\npath = \"store/holdpoint.db\"\n\n[targets.one]\nengine = \"sqlite\"\npath = \"one.db\"\nenvironment = \"production\"\n";
    std::fs::write(dir.join("holdpoint.toml"), config).expect("config");
    rusqlite::Connection::open(dir.join("one.db")).expect("database").execute_batch(seed).expect("seed");
}
