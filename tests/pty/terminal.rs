//! What the console does with the terminal itself: giving it back, sizes, signals, the first frame.

use super::{open, palette, write};
use crate::support::project::Project;
use crate::support::pty::Console;
use crate::support::{self, wait_until};
use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process};

fn signal(c: &Console, signal: Signal) {
    kill_process(Pid::from_raw(c.pid() as i32).expect("pid"), signal).expect("signal");
}

fn assert_restored(c: &Console) {
    wait_until("the terminal is given back", || c.restored());
}

#[test]
fn the_terminal_is_given_back_when_the_user_quits() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 80, 24);
    assert!(c.alternate() && !c.restored());
    c.send("<C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    assert_eq!(c.wait_exit(), 0);
    assert_restored(&c);
}

#[test]
fn the_terminal_is_given_back_on_sigterm_and_sighup() {
    for s in [Signal::TERM, Signal::HUP] {
        let p = Project::sqlite();
        let mut c = open(&p, "app-dev", 80, 24);
        signal(&c, s);
        c.wait_exit();
        assert_restored(&c);
    }
}

/// The program as a job of a shell: only there can it be stopped.
#[test]
fn suspend_gives_the_terminal_to_the_shell_and_takes_it_back() {
    let p = Project::sqlite();
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-mc"]);
    command.arg(r#""$0" open app-dev; stty -a | grep -o ' icanon'; echo SHELL; read -r line; fg; stty -a | grep -o ' icanon'; echo AGAIN; read -r line; fg; echo END $?"#);
    command.arg(support::holdpoint());
    let mut c = Console::spawn(command, p.home.path(), p.home.path(), 80, 24, &[]);
    c.wait_for("no tx");
    write(&mut c, "select 'still here'");
    palette(&mut c, "suspend");
    c.wait_for("SHELL");
    assert_restored(&c);
    // The line discipline is the shell's again.
    c.wait_for("icanon");
    c.send("<Enter>");
    c.wait_for("select 'still here'");
    assert!(c.alternate());
    // It takes keys again, and knows its session.
    c.send("<F5>");
    c.wait_for("1 row ·");
    // Stopped from outside it gives the terminal back as well, and takes keys again.
    let children = std::process::Command::new("pgrep").args(["-P", &c.pid().to_string()]).output().expect("pgrep");
    let own = String::from_utf8_lossy(&children.stdout).trim().to_string();
    let stopped = std::process::Command::new("kill").args(["-TSTP", &own]).status().expect("kill");
    assert!(stopped.success(), "{own}");
    c.wait_for("AGAIN");
    assert_restored(&c);
    c.send("<Enter>");
    c.wait_for("select 'still here'");
    c.send("<C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    c.wait_for("END 0");
    assert_restored(&c);
}

/// A stop that cannot be heard: the shell gets no screen, and sets the terminal as it likes.
#[test]
fn a_stop_that_is_not_heard_is_survived() {
    let p = Project::sqlite();
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-mc"]);
    command.arg(r#""$0" open app-dev; stty sane; echo SHELL; read -r line; fg; echo END $?"#);
    command.arg(support::holdpoint());
    let mut c = Console::spawn(command, p.home.path(), p.home.path(), 80, 24, &[]);
    c.wait_for("no tx");
    write(&mut c, "select 'still here'");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", c.pid())).expect("children");
    let pid: i32 = children.split_whitespace().next().and_then(|n| n.parse().ok()).expect("the console");
    kill_process(Pid::from_raw(pid).expect("pid"), Signal::STOP).expect("signal");
    c.wait_for("SHELL");
    c.send("<Enter>");
    c.wait_until("it is there again", |s| s.contains("select 'still here'") && !s.contains("SHELL"));
    c.send("<F5>");
    c.wait_for("1 row ·");
    c.send("<C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    c.wait_for("END 0");
    assert_restored(&c);
}

#[test]
fn suspend_is_refused_while_a_transaction_holds_its_locks() {
    let p = Project::sqlite();
    let config = std::fs::read_to_string(p.path("holdpoint.toml")).expect("config");
    p.write("holdpoint.toml", &config.replace("[targets.app-dev]\n", "[targets.app-dev]\naccess = \"open\"\n"));
    let mut c = open(&p, "app-dev", 80, 24);
    for sql in ["begin", "update notes set body = 'x' where id = 1"] {
        write(&mut c, sql);
        c.send("<F5>");
        c.wait_until("it is run in a transaction", |s| {
            s.contains("TX OPEN") && s.contains(if sql == "begin" { "BEGIN" } else { "1 row affected" })
        });
    }
    palette(&mut c, "suspend");
    c.wait_for("Not suspended");
    assert!(c.alternate());
    // Nor does it end without a word.
    c.send("<C-q>");
    c.wait_for("a transaction is open");
    c.send("<Esc>");
    signal(&c, Signal::TERM);
    c.wait_exit();
    assert_restored(&c);
    // What was not committed is not there.
    let db = rusqlite::Connection::open(p.path("app-dev.db")).expect("database");
    let body: String = db.query_row("select body from notes where id = 1", [], |r| r.get(0)).expect("row");
    assert_eq!(body, "first");
}

pub fn unlock(c: &mut Console, target: &str) {
    palette(c, "unlock");
    c.wait_for("Type the name of the target");
    c.send(target);
    c.wait_for(&format!("Target  {target}"));
    c.send("<Enter>");
    c.wait_for("guarded 15 min");
}

#[test]
fn ctrl_c_cancels_a_running_query_and_keeps_the_session() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 80, 24);
    write(&mut c, "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c");
    c.send("<F5>");
    c.wait_for("Ctrl-C cancel");
    c.send("<C-c>");
    c.wait_for("the session is kept");
    write(&mut c, "select 40 + 2 as answer");
    c.send("<F5>");
    c.wait_until("the answer is there", |s| s.contains("answer") && s.contains(" 42") && s.contains("1 row ·"));
    // With nothing running it asks, and does not leave by itself.
    c.send("<C-c>");
    c.wait_for("Quit Holdpoint?");
    c.send("<Esc>");
    c.wait_until("the question is away", |s| !s.contains("Quit Holdpoint?"));
    assert!(c.alternate());
}

/// The one byte that most terminals send for it.
#[test]
fn the_byte_of_escape_leaves_typing() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 80, 24);
    write(&mut c, "select 1");
    c.wait_for("Esc commands");
    c.send("<ESC>");
    c.wait_until("keys are commands", |s| !s.contains("Esc commands"));
}

#[test]
fn sizes_change_and_nothing_is_lost() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 160, 48);
    write(&mut c, "select author from notes order by id");
    c.send("<F5>");
    c.wait_until("its rows are there", |s| s.contains("aiko") && s.contains("3 rows ·"));
    // Wide: the schema stands beside the query.
    c.wait_until("schema, query and rows are there", |s| s.contains("_author") || s.contains("notes"));
    c.resize(80, 24);
    c.wait_until("the narrow layout", |s| s.contains("1 Schema") && s.contains("order by id") && s.contains("aiko"));
    c.resize(50, 10);
    c.wait_for("needs 60×16");
    c.resize(120, 40);
    c.wait_until("all is there again", |s| {
        s.contains("select author from notes order by id") && s.contains("aiko") && !s.contains("needs 60×16")
    });
    // It is still one and the same session and buffer: keys go on where they were.
    c.send("<F5>");
    c.wait_for("Results 2/2");
}

#[test]
fn a_storm_of_sizes_and_a_megabyte_of_paste_leave_it_whole() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 160, 48);
    // Names and values that are wide, combined, or would be commands of the terminal.
    let hostile = "select '日本語テキスト' as \"幅の広い列\", 'e\u{301}' as \"n\u{303}\", char(27) || '[2J' as \"a\u{202e}b\" union all select 'ok', 'ok', 'ok'";
    write(&mut c, hostile);
    c.send("<F5>");
    c.wait_until("its rows are there", |s| s.contains("日本語テキスト") && s.contains("幅の広い列"));
    for round in 0..12u16 {
        c.resize(20, 5);
        c.resize(61 + round, 16);
        c.resize(20 + round, 5 + round % 3);
        c.resize(1, 1);
        c.resize(200, 60);
    }
    c.resize(20, 5);
    c.wait_for("Holdpoint needs");
    for (columns, rows) in [(80, 24), (120, 40), (160, 48), (60, 16), (80, 24)] {
        c.resize(columns, rows);
        c.wait_until("the rows are drawn for that size", |s| s.contains("日本語テキスト") && !s.contains("Holdpoint needs"));
    }

    // Smaller and back before the next frame: the terminal has lost what was cut off, at the same size as before.
    for _ in 0..20 {
        c.resize(1, 1);
        c.resize(80, 24);
        c.wait_until("it is drawn anew", |s| s.contains("日本語テキスト") && s.contains("1 Schema"));
    }

    // One paste, in one piece, and none of it is a key.
    let line = "select 'a line of pasted text', 1; -- q 1 2 3\n";
    let pasted = format!("{}select 'the end of it'", line.repeat((1 << 20) / line.len()));
    write(&mut c, "select 0;");
    c.send(&format!("<C-a><BS>\u{1b}[200~{pasted}\u{1b}[201~"));
    c.wait_for("select 'the end of it'");
    c.send(" as last");
    c.wait_for("'the end of it' as last");
    c.send("<F5>");
    c.wait_until("the statement under the cursor ran", |s| s.contains("last") && s.contains("the end of it") && s.contains("1 row ·"));
    c.send("<C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    assert_eq!(c.wait_exit(), 0);
    assert_restored(&c);
}

/// A terminal that does not bracket what is pasted: it comes as keys, more of them than one read takes.
#[test]
fn a_long_paste_without_brackets_arrives_whole_and_as_it_was() {
    let p = Project::sqlite();
    let mut c = open(&p, "app-dev", 80, 24);
    write(&mut c, "select 0;");
    let line = "    select 'a line of pasted text', 1 from notes where id = 17;\r";
    let pasted = format!("{}    select 'the end' as whole;", line.repeat(100_000 / line.len()));
    c.send(&format!("<C-a><BS>{pasted}"));
    // Each line has its own indentation and none of the line before.
    c.wait_until("the end of it, and all lines as they were", |s| {
        let lines: Vec<&str> = s.lines().filter(|l| l.contains("a line of pasted text")).collect();
        let own = |l: &&str| l.contains("     select 'a line") && !l.contains("      select");
        s.contains("    select 'the end' as whole") && lines.len() > 3 && lines.iter().all(own)
    });
    c.send("<F5>");
    c.wait_until("the last statement ran", |s| s.contains("whole") && s.contains("the end") && s.contains("1 row ·"));
}

#[test]
fn the_first_frame_comes_before_any_connection_and_a_failure_is_explained() {
    let p = Project::sqlite();
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("bind");
    let refusing = support::server::ClosedPort::new();
    let closed = refusing.port;
    let mut config = std::fs::read_to_string(p.path("holdpoint.toml")).expect("config");
    for (name, port) in [("silent", silent.local_addr().expect("address").port()), ("closed", closed)] {
        config.push_str(&format!(
            "\n[targets.{name}]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"me\"\ndatabase = \"x\"\nsslmode = \"disable\"\n"
        ));
    }
    p.write("holdpoint.toml", &config);
    let mut c = Console::start(p.home.path(), p.home.path(), &["open", "silent"], 80, 24);
    c.wait_until("there is a frame while it connects", |s| s.contains("connecting") && s.contains("silent") && s.contains("Schema"));
    // Nobody has to wait for it: another target opens meanwhile.
    c.send("<C-p>");
    c.wait_for("Find an action");
    c.send("app-dev<Enter>");
    c.wait_until("the other target is open", |s| s.starts_with(" app-dev") && s.contains("no tx"));
    // And one that refuses is explained, with what to do.
    c.send("<C-p>");
    c.wait_for("Find an action");
    c.send("closed<Enter>");
    c.wait_until("the failure is explained", |s| s.contains("not connected") && s.contains(&closed.to_string()) && s.contains("refused"));
    c.send("<C-p>");
    c.wait_for("Find an action");
    c.send("app-qa<Enter>");
    c.wait_until("the other target is open", |s| s.starts_with(" app-qa") && s.contains("no tx"));
}
