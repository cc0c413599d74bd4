//! Ctrl-C while a backup is taken, restored, or a rollback is proven: what ran is ended, and nothing half-done counts.

use crate::support;
use crate::support::project::Project;
use std::process::{Child, Command, Stdio};

fn start(p: &Project, args: &[&str]) -> Child {
    support::command(p.home.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
}

fn interrupted(child: Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let out = child.wait_with_output().expect("ends");
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(130), "{text}");
}

/// No directory with a manifest, and none that the list calls a backup.
fn no_backup(p: &Project) {
    let text = p.ok(&["backup", "list", "app-qa", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&text[text.find('[').expect("a list")..]).expect("JSON");
    assert_eq!(list, serde_json::json!([]), "{text}");
    let left: Vec<_> = walk(&p.path("backups"));
    assert!(!left.iter().any(|f| f.to_string_lossy().contains("manifest")), "{left:?}");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).map(|d| d.filter_map(Result::ok).map(|e| e.path()).collect::<Vec<_>>()).unwrap_or_default();
    entries.into_iter().flat_map(|p| if p.is_dir() { walk(&p) } else { vec![p] }).collect()
}

#[test]
fn on_postgresql() {
    let p = Project::postgres();
    let pg = p.postgres_server();
    let count = |what: &str| pg.psql("postgres", &format!("select count(*) from pg_stat_activity where {what}")).trim().to_string();
    let mut holder = pg.psql_in_background("app-qa", "begin; lock table notes in access exclusive mode; select pg_sleep(600)");
    support::wait_until("the table is held", || count("wait_event = 'PgSleep'") == "1");
    let child = start(&p, &["backup", "take", "app-qa"]);
    support::wait_until("the backup waits", || count("wait_event_type = 'Lock'") != "0");
    interrupted(child);
    support::wait_until("nobody waits any more", || count("wait_event_type = 'Lock'") == "0");
    support::wait_until("pg_dump is gone", || count("application_name = 'pg_dump'") == "0");
    no_backup(&p);
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    pg.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");

    // A script that takes long on the scratch copy.
    p.write("migrations/0001_notes_archive.up.sql", "alter table notes add column archived integer;\nselect pg_sleep(600);\n");
    p.write("migrations/0001_notes_archive.down.sql", "alter table notes drop column archived;\n");
    p.ok(&["backup", "take", "app-qa"]);
    p.ok(&["backup", "verify", "app-qa"]);
    let scratch = p.scratch_server();
    let sleeping = || scratch.psql("postgres", "select count(*) from pg_stat_activity where wait_event = 'PgSleep'").trim().to_string();
    let child = start(&p, &["migrate", "prove", "app-qa"]);
    support::wait_until("the script runs", || sleeping() == "1");
    interrupted(child);
    support::wait_until("the server ended it", || sleeping() == "0");
    let shown = String::from_utf8_lossy(&p.run(&["checklist", "show", "app-qa"]).stdout).into_owned();
    assert!(shown.contains("rollback-proven") && !shown.contains("✔ rollback-proven"), "{shown}");
}

#[test]
fn on_mariadb() {
    let p = Project::mariadb();
    let maria = p.mariadb_server();
    let count = |what: &str| maria.sql("", &format!("select count(*) from information_schema.processlist where {what}")).trim().to_string();
    let mut holder = Command::new("mariadb")
        .args(["--no-defaults", "-u", "root", "app-qa", "-e", "lock tables notes write; select sleep(600)"])
        .arg(format!("--socket={}", maria.socket.display()))
        .stdout(Stdio::null())
        .spawn()
        .expect("mariadb");
    support::wait_until("the table is held", || count("state = 'User sleep'") == "1");
    let child = start(&p, &["backup", "take", "app-qa"]);
    support::wait_until("the backup waits", || count("state like 'Waiting for table metadata lock%'") != "0");
    interrupted(child);
    support::wait_until("nobody waits any more", || count("state like 'Waiting for table metadata lock%'") == "0");
    no_backup(&p);
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    let id = maria.sql("", "select id from information_schema.processlist where state = 'User sleep'");
    if !id.trim().is_empty() {
        maria.sql("", &format!("kill {}", id.trim()));
    }

    p.write("migrations/0001_notes_archive.up.sql", "alter table notes add column archived integer;\nselect sleep(600);\n");
    p.write("migrations/0001_notes_archive.down.sql", "alter table notes drop column archived;\n");
    p.ok(&["backup", "take", "app-qa"]);
    p.ok(&["backup", "verify", "app-qa"]);
    let scratch = p.scratch_mariadb();
    let sleeping = || scratch.sql("", "select count(*) from information_schema.processlist where state = 'User sleep'").trim().to_string();
    let child = start(&p, &["migrate", "prove", "app-qa"]);
    support::wait_until("the script runs", || sleeping() == "1");
    interrupted(child);
    support::wait_until("the server ended it", || sleeping() == "0");
    let shown = String::from_utf8_lossy(&p.run(&["checklist", "show", "app-qa"]).stdout).into_owned();
    assert!(shown.contains("rollback-proven") && !shown.contains("✔ rollback-proven"), "{shown}");
}
