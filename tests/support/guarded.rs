//! A project with one guarded target `g`, and data fixes on it as the command line runs them.

use super::maria::MariaServer;
use super::pg::PgServer;
use std::path::PathBuf;
use tempfile::TempDir;

/// A home with one guarded target `g` that allows so many rows.
pub fn home(target: &str, blast_radius: u64) -> TempDir {
    let home = tempfile::tempdir().expect("home");
    let config = format!(
        "[store]\npath = \"store/s.db\"\n\n[targets.g]\n{target}\nenvironment = \"production\"\naccess = \"guarded\"\nblast_radius = {blast_radius}\n"
    );
    std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
    home
}

pub const SQLITE: &str = "engine = \"sqlite\"\npath = \"g.db\"";

pub fn postgres(pg: &PgServer, database: &str, user: &str) -> String {
    format!(
        "engine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{user}\"\ndatabase = \"{database}\"\nsslmode = \"disable\"",
        pg.port
    )
}

pub fn maria(maria: &MariaServer, database: &str) -> String {
    format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"{database}\"", maria.socket.display())
}

/// A home whose target is that database.
pub fn on_postgres(pg: &PgServer, database: &str, user: &str) -> TempDir {
    home(&postgres(pg, database, user), 100)
}

pub fn on_maria(server: &MariaServer, database: &str) -> TempDir {
    home(&maria(server, database), 100)
}

/// Commits what is not held.
pub fn committed(home: &TempDir, code: i32, sql: &str) -> String {
    run(home, code, sql, true)
}

/// What a fix told, with both streams; it ended with this code.
pub fn run(home: &TempDir, code: i32, sql: &str, commit: bool) -> String {
    let (told, ended) = tried(home, sql, commit);
    assert_eq!(ended, Some(code), "{sql}:\n{told}");
    told
}

/// However it ended.
pub fn tried(home: &TempDir, sql: &str, commit: bool) -> (String, Option<i32>) {
    let out = super::command(home.path()).args(["query", "g", sql]).args(commit.then_some("--commit")).output().expect("run");
    (format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)), out.status.code())
}

pub fn images(home: &TempDir) -> Vec<PathBuf> {
    let found = std::fs::read_dir(home.path().join("store/before-images"));
    found.map_or(Vec::new(), |files| files.map(|f| f.expect("file").path()).collect())
}

/// All rows that were saved.
pub fn saved(home: &TempDir) -> String {
    images(home).iter().map(|f| std::fs::read_to_string(f).expect("text")).collect()
}

/// The file that has these words.
pub fn image(home: &TempDir, words: &str) -> PathBuf {
    images(home).into_iter().find(|f| std::fs::read_to_string(f).expect("text").contains(words)).expect("its image")
}

/// The target's own file, asked and changed by the `sqlite3` shell.
pub fn sqlite(home: &TempDir, text: &str) -> String {
    let out = std::process::Command::new("sqlite3").arg(home.path().join("g.db")).arg(text).output().expect("sqlite3");
    assert!(out.status.success(), "{text}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_string()
}
