//! The editor in a real terminal: buffers after `kill -9`, and the text in the user's own editor.

use crate::support::pty::Console;
use crate::support::wait_until;
use crate::{one_database, palette, write};

#[test]
fn all_buffers_come_back_after_a_kill() {
    let dir = tempfile::tempdir().expect("directory");
    one_database(dir.path(), "CREATE TABLE t (id INTEGER)");
    let mut c = Console::start(dir.path(), dir.path(), &["open", "one"], 100, 30);
    c.wait_for("no tx");
    write(&mut c, "select 11");
    c.send("<C-t>");
    c.wait_for("1  [2]");
    c.send("select 22");
    c.wait_for("select 22");
    let saved = || {
        let db = rusqlite::Connection::open(dir.path().join("store/holdpoint.db")).ok()?;
        db.query_row("SELECT count(*) FROM buffers WHERE text IN ('select 11', 'select 22')", [], |r| r.get::<_, i64>(0)).ok()
    };
    c.wait_until("both buffers are saved", |_| saved() == Some(2));
    c.kill();

    let mut c = Console::start(dir.path(), dir.path(), &["open", "one"], 100, 30);
    c.wait_for("1  [2]");
    c.wait_for("select 22");
    c.send("<Esc>2");
    palette(&mut c, "previous-buffer");
    c.wait_for("select 11");
    c.wait_for("[1]  2");
}

#[test]
fn a_file_opens_for_typing_and_its_first_letters_run_nothing() {
    let dir = tempfile::tempdir().expect("directory");
    one_database(dir.path(), "CREATE TABLE t (id INTEGER)");
    let config = dir.path().join("holdpoint.toml");
    let open = std::fs::read_to_string(&config).expect("config").replace("production", "development");
    std::fs::write(&config, open).expect("config");
    std::fs::write(dir.path().join("danger.sql"), "insert into t values (1);\ninsert into t values (2);\n").expect("file");
    std::fs::write(dir.path().join("second.sql"), "delete from t;\n").expect("file");
    let mut c = Console::start(dir.path(), dir.path(), &["one", "danger.sql"], 80, 24);
    c.wait_until("both are there", |s| s.contains("no tx") && s.contains("values (2)"));
    c.send("alter ");
    c.wait_for("alter insert into t values (1);");
    // Another one from the pane's commands, and the same again, which is on the screen already.
    for (name, typed) in [("second.sql", "ra"), ("second.sql", "ar")] {
        c.send("<Esc><C-o>");
        c.wait_for("Open a file");
        c.send(&format!("<C-u>{name}<Enter>"));
        c.wait_until("it is open", |s| s.contains(name) && !s.contains("Open a file"));
        c.send(typed);
        c.wait_for(typed);
    }
    c.wait_for("raardelete from t;");
    let db = rusqlite::Connection::open(dir.path().join("one.db")).expect("database");
    assert_eq!(db.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0)).expect("count"), 0);
}

#[test]
fn the_users_own_editor_takes_the_terminal_and_gives_it_back() {
    let dir = tempfile::tempdir().expect("directory");
    one_database(dir.path(), "CREATE TABLE t (id INTEGER)");
    let env = [("VISUAL", "f() { printf 'editor has it'; read x; sed -i s/11/33/ \"$1\"; }; f")];
    let mut c = Console::start_with(dir.path(), dir.path(), &["open", "one"], 100, 30, &env);
    c.wait_for("no tx");
    write(&mut c, "select 11");
    palette(&mut c, "edit-outside");
    c.wait_for("editor has it");
    assert!(!c.alternate(), "the terminal is the editor's");
    c.send("<Enter>");
    c.wait_for("select 33");
    wait_until("the terminal is the console's again", || c.alternate());
    c.send("<C-z>");
    c.wait_for("select 11");
}
