//! What is in the database and in the editor: hostile values, buffers that outlive a crash, writes.

use super::terminal::unlock;
use super::{one_database, open, palette, write};
use crate::support::project::Project;
use crate::support::pty::Console;
use crate::support::wait_until;

#[test]
fn what_was_typed_is_there_again_after_kill_9() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 80, 24);
    write(&mut c, "select 'kept over a crash'");
    wait_until("the buffer is saved", || holds(p.home.path(), "kept over a crash"));
    c.kill();
    let c = open(&p, "app-dev", 160, 48);
    c.wait_for("select 'kept over a crash'");
}

/// The store keeps a buffer with the text.
fn holds(project: &std::path::Path, text: &str) -> bool {
    let read = || {
        let db = rusqlite::Connection::open(project.join("store/holdpoint.db"))?;
        db.query_row("SELECT count(*) FROM buffers WHERE instr(text, ?) > 0", [text], |r| r.get::<_, i64>(0))
    };
    // Not there yet, or being written.
    read().is_ok_and(|n| n > 0)
}

/// What is not on the screen is on disk, however large its values are.
#[test]
fn large_values_do_not_fill_the_memory() {
    let home = tempfile::tempdir().expect("home");
    one_database(home.path(), "create table big (id integer primary key)");
    let mut c = Console::start(home.path(), home.path(), &["open", "one"], 80, 24);
    c.wait_for("no tx");
    for rows in ["300", "301"] {
        let series = format!("with recursive s(n) as (select 1 union all select n + 1 from s where n < {rows})");
        write(&mut c, &format!("{series} select n, hex(zeroblob(500000)) as x from s"));
        c.send("<F5>");
        c.wait_for(&format!("{rows} rows ·"));
        c.send("<Esc> grG");
        c.wait_until("the last row is there", |s| s.lines().any(|l| l.contains("❯") && l.matches(rows).count() == 2));
    }
    write(&mut c, "select 'small' as is_it");
    c.send("<F5>");
    c.wait_for("1 row ·");
    let status = std::fs::read_to_string(format!("/proc/{}/status", c.pid())).expect("status");
    let mb = |name: &str| -> u64 {
        let line = status.lines().find_map(|l| l.strip_prefix(name)).expect("a line");
        line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).expect("kB") / 1024
    };
    // Six hundred megabytes came; three screens of eleven rows of one each may have been there at once.
    assert!(mb("VmHWM:") < 220, "{} MB at most, {} MB now", mb("VmHWM:"), mb("VmRSS:"));
}

#[test]
fn values_cannot_write_to_the_terminal() {
    let home = tempfile::tempdir().expect("home");
    one_database(
        home.path(),
        "create table pranks (id integer primary key, \"word\x1b[31m\" text);
         insert into pranks values (1, 'the row before'),
           (2, char(27) || '[2J' || char(27) || ']0;owned' || char(7) || 'title'),
           (3, char(27) || ']52;c;b3duZWQ=' || char(7) || 'clipboard'),
           (4, char(155) || '2J' || char(155) || '31m' || 'c1'),
           (5, cast(x'9b324a1b5b324a' as text) || 'bytes'),
           (6, 'abc' || char(8238) || 'drow' || char(8236) || char(13) || char(10) || 'lines'),
           (7, 'the row after');",
    );
    let mut c = Console::start(home.path(), home.path(), &["open", "one"], 80, 24);
    c.wait_for("pranks");
    let before = c.bytes().len();
    // The tree's first line is the database; a table is opened by Enter.
    c.send("<Down><Enter>");
    let words = ["the row before", "title", "clipboard", "c1", "bytes", "lines", "the row after"];
    c.wait_until("the rows are there with the rest of their values", |s| words.iter().all(|w| s.contains(w)));
    // The value alone, and the error of a statement that quotes it.
    c.send("<F8><F8>");
    palette(&mut c, "go-results");
    c.send("<Down><Right><Enter>");
    c.wait_for("owned");
    c.send("<Esc>");
    write(&mut c, "select \"\u{9b}2J\u{202e}nothing\" from nowhere");
    c.send("<F5>");
    c.wait_for("no such table");
    let bytes = c.bytes();
    let has = |what: &[u8], from: usize| bytes[from..].windows(what.len()).any(|w| w == what);
    for (what, name) in [
        (b"\x1b]".as_slice(), "an operating system command"),
        (b"\x07", "a bell"),
        ("\u{9b}".as_bytes(), "a C1 control"),
        ("\u{202e}".as_bytes(), "a right-to-left override"),
        (b"\x1b[31m", "a colour from a column's name"),
    ] {
        assert!(!has(what, 0), "{name} reached the terminal");
    }
    assert!(!has(b"\x1b[2J", before), "a value cleared the screen");
}

#[test]
fn a_write_is_refused_until_it_is_unlocked_and_then_asked_about() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-prod", 80, 24);
    let body = |p: &Project| -> String {
        let db = rusqlite::Connection::open(p.path("app-prod.db")).expect("database");
        db.query_row("select body from notes where id = 1", [], |r| r.get(0)).expect("row")
    };
    write(&mut c, "update notes set body = 'changed' where id = 1");
    c.send("<F5>");
    c.wait_until("the refusal says why", |s| s.contains("refused on app-prod") && s.contains("read-only"));
    assert_eq!(body(&p), "first");

    // A wrong name unlocks nothing.
    palette(&mut c, "unlock");
    c.wait_for("Type the name of the target");
    c.send("app-qa<Enter>");
    c.wait_for("not the name of this target");
    c.send("<Esc>");
    c.wait_until("the form is away", |s| !s.contains("Type the name of the target") && s.contains("read-only"));

    unlock(&mut c, "app-prod");
    for (answer, said, after) in [("r", "Rolled back", "first"), ("c", "Committed", "changed")] {
        c.send("<F5>");
        c.wait_until("the data fix asks", |s| {
            s.contains("The statement changed 1 row on app-prod") && s.contains("c commit") && s.contains("TX OPEN")
        });
        c.send(answer);
        c.wait_for(said);
        assert_eq!(body(&p), after);
    }

    // DDL is not for here, unlocked or not.
    write(&mut c, "drop table notes");
    c.send("<F5>");
    c.wait_until("DDL is pointed to the queue", |s| s.contains("refused on app-prod"));
    palette(&mut c, "lock");
    c.wait_for("read-only again");
}

/// Straight from the server into a file, with a parameter asked for on the way; the screen gets none of it.
#[test]
fn a_statement_is_exported_without_coming_to_the_screen() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 80, 24);
    write(&mut c, "select id, author, body from notes where id >= :from order by id");
    for (name, format) in [("sent.csv", "csv"), ("sent.json", "json"), ("sent.sql", "insert")] {
        c.send("<Esc> fx");
        c.wait_for("Export from the server");
        c.send(&format!("<C-u>{name}<Enter>"));
        c.wait_for("Values for the export");
        c.send("<C-u>2<F5>");
        c.wait_for(&format!("2 rows written to {name}"));
        let sql = "select id, author, body from notes where id >= 2 order by id";
        let expected = p.run(&["query", "app-dev", sql, "--format", format]).stdout;
        let (written, expected) =
            (String::from_utf8(std::fs::read(p.path(name)).expect("export")).expect("text"), String::from_utf8(expected).expect("text"));
        // The end of JSON tells how long it took.
        let rows = |t: &str| t.split("\"elapsed_ms\"").next().unwrap_or("").trim_end_matches([',', ' ', '\n', '}']).to_string();
        assert_eq!(rows(&written), rows(&expected), "{name}");
        assert!(written.contains("2") && !c.screen().contains("2 rows ·"), "{}", c.screen());
    }
}

#[test]
fn rows_are_exported_exactly_as_the_command_line_writes_them() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 80, 24);
    let sql = "select id, author, body, '' as empty_text, x'00ff' as raw from notes order by id";
    write(&mut c, sql);
    c.send("<F5>");
    c.wait_for("3 rows ·");
    palette(&mut c, "go-results");
    c.send("e");
    c.wait_for("To be written, exactly as it came: 3 rows.");
    // The name follows the statement; another ending, another format.
    c.send("<C-u>rows.xyz<Enter>");
    c.wait_for("Which format?");
    for (name, format) in [("rows.csv", "csv"), ("rows.ndjson", "ndjson")] {
        c.send(&format!("<C-u>{name}<Enter>"));
        c.wait_for(&format!("3 rows written to {name}"));
        let expected = p.run(&["query", "app-dev", sql, "--format", format]).stdout;
        assert_eq!(std::fs::read(p.path(name)).expect("export"), expected, "{name}");
        c.send("e");
        c.wait_for("To be written, exactly");
    }
    // A file that is there is never written over.
    c.send("<C-u>rows.csv<Enter>");
    c.wait_for("an export never writes over a file");
}
