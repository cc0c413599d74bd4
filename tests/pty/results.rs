//! What is done with rows of a real server: two results compared, a column looked at, rows streamed into a file and given up, a server
//! that dies while they come.

use super::servers::{answers, on, on_postgres};
use super::{palette, write};
use crate::support::pg::PgServer;
use crate::support::pty::Console;
use crate::support::wait_until;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn results_of_postgresql_are_compared_counted_and_drawn() {
    let pg = PgServer::start(&[]);
    pg.psql(
        "postgres",
        "create table stock (id int primary key, item text, pieces numeric); \
         insert into stock select i, 'item ' || i, case when i % 10 = 0 then null else i end from generate_series(1, 2000) i",
    );
    let home = tempfile::tempdir().expect("home");
    let mut c = on_postgres(home.path(), &pg);
    let sql = "select id, item, pieces from stock order by id";
    write(&mut c, sql);
    c.send("<F5>");
    c.wait_for("2,000 rows ·");
    // Somebody else changes rows: the second result is another one.
    pg.psql(
        "postgres",
        "update stock set pieces = 7777 where id = 3; delete from stock where id = 2000; insert into stock values (3000, 'new', 1)",
    );
    write(&mut c, sql);
    c.send("<F5>");
    c.wait_until("the second result is there", |s| s.contains("Results 2/2") && s.contains("2,000 rows ·"));
    palette(&mut c, "go-results");
    c.send("d");
    c.wait_for("Key");
    c.send("<Enter><Enter>");
    c.wait_for("Result 2 compared with 1");
    for line in ["1,998 rows", "changed               1 row", "only in 1             1 row", "only in 2             1 row", "'3' -> '7777'"]
    {
        c.wait_for(line);
    }
    c.send("<Esc>");
    // The column of numbers: counted exactly, and drawn.
    c.send("$i");
    c.wait_for("NULL");
    c.wait_until("the sum is exact", |s| s.contains("1,807,775") || s.contains("1807775"));
    c.send("<Esc>b");
    c.wait_until("a chart is drawn", |s| s.contains("pieces") && s.contains("bars"));
    c.send("<Esc>");
    answers(&mut c);
}

#[test]
fn a_stream_into_a_file_is_given_up_and_the_session_stays() {
    let pg = PgServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let target = format!(
        "[targets.one]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"postgres\"\nsslmode = \"disable\"\naccess = \"open\"\n",
        pg.port
    );
    let mut c = on(home.path(), &target);
    write(&mut c, "create temporary table mine as select 1 as kept");
    c.send("<F5>");
    c.wait_for("SELECT 1");
    write(&mut c, "select generate_series(1, 2000000000) as i, repeat('x', 100) as x");
    c.send("<Esc> fx");
    c.wait_for("Export from the server");
    c.send("\x15endless.csv<Enter>");
    c.wait_for("exporting");
    let exporting = "select count(*) from pg_stat_activity where state = 'active' and query like 'select generate_series%'";
    wait_until("the statement runs", || pg.psql("postgres", exporting).trim() == "1");
    c.wait_until("the rows are counted", counted);
    c.send("<C-c>");
    c.wait_for("no file was made");
    wait_until("the server has stopped", || pg.psql("postgres", exporting).trim() == "0");
    let left: Vec<_> = std::fs::read_dir(home.path()).expect("directory").flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("endless")), "{left:?}");
    // The same session: its temporary table is there.
    write(&mut c, "select kept + 41 as answer from mine");
    c.send("<F5>");
    c.wait_until("the answer is there", |s| s.contains("answer") && s.contains(" 42") && s.contains("1 row ·"));
}

/// More than one digit, then the word, or the other way round.
fn counted(screen: &str) -> bool {
    let words: Vec<&str> = screen.split_whitespace().collect();
    let number = |w: &str| w.len() > 1 && w.chars().all(|c| c.is_ascii_digit() || c == ',');
    words.windows(2).any(|w| number(w[0]) && w[1] == "rows" || w[0] == "rows" && number(w[1]))
}

#[test]
fn rows_that_go_into_a_file_are_counted_on_the_command_line() {
    let pg = PgServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let target = format!("[targets.one]\nurl = \"{}\"\n", pg.url("postgres"));
    std::fs::write(home.path().join("holdpoint.toml"), target).expect("config");
    let endless = "select generate_series(1, 2000000000) as i, repeat('x', 100) as x";
    for script in ["exec \"$0\" query one \"$1\" --output rows.csv", "exec \"$0\" query one \"$1\" --format csv >rows.csv"] {
        let mut command = portable_pty::CommandBuilder::new("sh");
        command.args(["-c", script]);
        command.arg(crate::support::holdpoint());
        command.arg(endless);
        let mut c = Console::spawn(command, home.path(), home.path(), 80, 24, &[]);
        c.wait_until("the rows are counted", counted);
        c.send("<C-c>");
        c.wait_for("cancelled");
        assert_eq!(c.wait_exit(), 130, "{}", c.screen());
        assert!(!c.screen().lines().any(|l| l.starts_with("rows ")), "nothing of the count is left: {}", c.screen());
    }
}

#[test]
fn postgresql_is_killed_while_rows_come() {
    let pg = PgServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let mut c = on_postgres(home.path(), &pg);
    write(&mut c, "select i, repeat('x', 500) as x, pg_sleep(0.002) from generate_series(1, 1000000) i");
    c.send("<F5>");
    c.wait_until("rows come", |s| s.contains("so far, still coming") && s.contains("xxxx"));
    let pid = pg.psql("postgres", "select pid from pg_stat_activity where query like 'select i, repeat%' and pid <> pg_backend_pid()");
    kill_process(Pid::from_raw(pid.trim().parse().expect("a process id")).expect("a process id"), Signal::KILL).expect("kill");
    // What came is there and said to be partial; that the connection is gone is said, and where.
    c.wait_until("the result is told to be partial", |s| s.contains("failed · partial") && s.contains("rows"));
    c.wait_until("the loss is told", |s| s.contains("lost") || s.contains("closed"));
    c.wait_until("nothing runs any more, and the rows that came stay", |s| !s.contains("Ctrl-C cancel") && s.contains("xxxx"));
    palette(&mut c, "go-results");
    c.send("G");
    c.wait_for("xxxx");
    wait_until("the server has recovered", || pg.log().matches("ready to accept connections").count() >= 2);
    palette(&mut c, "reconnect");
    c.wait_for("no tx");
    answers(&mut c);
}
