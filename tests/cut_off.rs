//! Runs that are cut off by real signals: found again, explained, and not in the way of the next one.

mod support;

use std::process::{Child, Command, Stdio};
use support::maria::MariaServer;
use support::project::Project;
use support::pty::Console;
use support::wait_until;

/// An `apply` on development that hangs in its second statement until `held` is let go.
struct Hanging {
    child: Child,
}

impl Hanging {
    fn start(p: &Project) -> Hanging {
        p.ok(&["run", "schema-migration", "app-dev"]);
        let mut c: Command = support::command(p.home.path());
        let child = c.args(["migrate", "apply", "app-dev"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start");
        Hanging { child }
    }
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }
    fn end(self) -> (Option<i32>, String) {
        let out = self.child.wait_with_output().expect("end");
        (out.status.code(), format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
    }
}

/// What `migrate status` says, whatever its exit code: 4 while it cannot be told, 1 with what was found, 0.
fn status(p: &Project) -> String {
    let out = p.run(&["migrate", "status", "app-dev"]);
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn scripts(p: &Project, up: &str, down: &str) {
    p.write("migrations/0001_notes_archive.up.sql", up);
    p.write("migrations/0001_notes_archive.down.sql", down);
}

/// The console that applies is killed outright; the next one says so at once, and what is true then is told on the command line, too.
fn console_is_killed(p: &Project, asleep: impl Fn() -> bool, ended: impl Fn()) -> String {
    let open = || Console::start(p.home.path(), p.home.path(), &["open", "app-dev"], 120, 40);
    let mut c = open();
    c.wait_for("notes");
    c.send("4");
    c.wait_for("Apply");
    c.send("a");
    c.wait_for("type app-dev");
    c.send("app-dev");
    c.wait_for("Target  app-dev");
    c.send("<Enter>");
    wait_until("the statement runs", asleep);
    c.kill();
    ended();
    let again = open();
    again.wait_for("was cut off");
    drop(again);
    let text = status(p);
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
    text
}

#[test]
fn on_postgresql() {
    let p = Project::postgres();
    let pg = p.postgres_server();
    scripts(&p, "create table s1 (a int); select pg_sleep(30); create table s2 (a int);", "drop table s2; drop table s1;");
    let asleep = || {
        pg.psql("app-dev", "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'").trim() == "1"
    };
    let free = || pg.psql("app-dev", "select count(*) from pg_locks where locktype = 'advisory'").trim() == "0";

    let run = Hanging::start(&p);
    wait_until("the statement runs", asleep);
    run.signal("-KILL");
    let (code, _) = run.end();
    assert_eq!(code, None, "killed");
    // As long as the server works on, nothing is settled behind its back.
    let text = status(&p);
    assert!(text.contains("holds the migration lock"), "{text}");
    pg.psql(
        "app-dev",
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%' and pid <> pg_backend_pid()",
    );
    wait_until("the lock is free", free);
    let text = status(&p);
    for words in ["was cut off", "2 of 3 statements were sent, and the server rolled them back", "run it again"] {
        assert!(text.contains(words), "{words}: {text}");
    }

    // SIGTERM ends it, says what is applied, and leaves nothing open.
    let run = Hanging::start(&p);
    wait_until("the statement runs", asleep);
    run.signal("-TERM");
    let (code, text) = run.end();
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("not applied: everything it did was rolled back"), "{text}");

    scripts(&p, "create table s1 (a int); create table s2 (a int);", "drop table s2; drop table s1;");
    p.ok(&["run", "schema-migration", "app-dev"]);
    p.ok(&["migrate", "apply", "app-dev"]);
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
}

/// Connections of MariaDB whose statement sleeps.
fn sleepers(maria: &MariaServer) -> Vec<String> {
    let ids = maria.sql("app-dev", "select id from information_schema.processlist where info like 'select sleep%'");
    ids.split_whitespace().map(str::to_string).collect()
}

fn end_sleepers(maria: &MariaServer) {
    for id in sleepers(maria) {
        maria.sql("app-dev", &format!("kill {id}"));
    }
    wait_until("the session is gone", || sleepers(maria).is_empty());
}

#[test]
fn on_mariadb() {
    let p = Project::mariadb();
    let maria = p.mariadb_server();
    scripts(&p, "create table s1 (a int); select sleep(30); create table s2 (a int);", "drop table s2; drop table s1;");
    let asleep = || sleepers(maria).len() == 1;

    let run = Hanging::start(&p);
    wait_until("the statement runs", asleep);
    run.signal("-KILL");
    assert_eq!(run.end().0, None, "killed");
    end_sleepers(maria);
    let told = || status(&p);
    wait_until("the lock is free", || !told().contains("holds the migration lock"));
    // DDL commits by itself there: what is done stays done, and is said.
    let text = told();
    assert!(text.contains("0001") && (text.contains("half applied") || text.contains("was cut off")), "{text}");
    assert_eq!(maria.sql("app-dev", "show tables like 's1'").trim(), "s1");
    let text = p.expect(4, &["migrate", "apply", "app-dev"]);
    assert!(text.contains("half applied"), "{text}");
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
}

/// What DDL did stays done there, whoever ends the run: that is said, and holds the next one. It ends between two statements: the one that
/// runs is left to its end.
#[test]
fn told_to_end_on_mariadb() {
    let p = Project::mariadb();
    let maria = p.mariadb_server();
    scripts(&p, "create table s1 (a int); select sleep(8); create table s2 (a int);", "drop table s2; drop table s1;");
    let asleep = || sleepers(maria).len() == 1;
    let run = Hanging::start(&p);
    wait_until("the statement runs", asleep);
    run.signal("-TERM");
    let (code, text) = run.end();
    assert_eq!(code, Some(130), "{text}");
    wait_until("nothing of it runs on", || sleepers(maria).is_empty());
    assert_eq!(maria.sql("app-dev", "show tables like 's_'").trim(), "s1");
    let text = status(&p);
    assert!(text.contains("half applied"), "{text}");
    let text = p.expect(4, &["migrate", "apply", "app-dev"]);
    assert!(text.contains("half applied"), "{text}");
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
}

#[test]
fn with_the_console_on_mariadb() {
    let p = Project::mariadb();
    let maria = p.mariadb_server();
    scripts(&p, "create table s1 (a int); select sleep(30); create table s2 (a int);", "drop table s2; drop table s1;");
    p.ok(&["run", "schema-migration", "app-dev"]);
    let text = console_is_killed(&p, || sleepers(maria).len() == 1, || end_sleepers(maria));
    assert!(text.contains("0001") && text.contains("half"), "{text}");
    assert_eq!(maria.sql("app-dev", "show tables like 's_'").trim(), "s1");
}

#[test]
fn on_sqlite() {
    let p = Project::sqlite();
    // Long enough to be met at work, short enough to end by itself.
    let slow = "create table s1 (a int); insert into s1 with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000000) select i from n; \
                create table s2 (a int);";
    scripts(&p, slow, "drop table s2; drop table s1;");
    let sent = || {
        let text = p.ok(&["journal", "show", "--format", "json"]);
        text.contains("with recursive")
    };
    let run = Hanging::start(&p);
    wait_until("the second statement was sent", sent);
    run.signal("-KILL");
    assert_eq!(run.end().0, None, "killed");
    let text = status(&p);
    for words in ["was cut off", "run it again"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // SIGTERM ends it, says what is applied, and leaves nothing open.
    let before = p.ok(&["journal", "show", "--format", "json"]).matches("with recursive").count();
    let run = Hanging::start(&p);
    wait_until("the second statement was sent", || {
        p.ok(&["journal", "show", "--format", "json"]).matches("with recursive").count() > before
    });
    run.signal("-TERM");
    let (code, text) = run.end();
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("not applied: everything it did was rolled back"), "{text}");
    scripts(&p, "create table s1 (a int);", "drop table s1;");
    p.ok(&["run", "schema-migration", "app-dev"]);
    p.ok(&["migrate", "apply", "app-dev"]);
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
}

#[test]
fn with_the_console_on_sqlite() {
    let p = Project::sqlite();
    let slow = "create table s1 (a int); insert into s1 with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000000) select i from n; \
                create table s2 (a int);";
    scripts(&p, slow, "drop table s2; drop table s1;");
    let db = rusqlite::Connection::open(p.path("app-dev.db")).expect("database");
    // Its proof has sent it, too: what the target is sent stands there after that.
    p.ok(&["run", "schema-migration", "app-dev"]);
    let sent = || p.ok(&["journal", "show", "--format", "json"]).matches("with recursive").count();
    let before = sent();
    let text = console_is_killed(&p, || sent() > before, || {});
    // The console has explained it by then, and nothing is left open.
    assert!(text.contains("pending"), "{text}");
    let there: u32 = db.query_row("select count(*) from sqlite_schema where name in ('s1', 's2')", [], |r| r.get(0)).expect("counted");
    assert_eq!(there, 0, "{text}");
}
