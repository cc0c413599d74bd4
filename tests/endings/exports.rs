//! What an export wrote is loaded by the engines' own clients as the same values.

use super::support::maria::MariaServer;
use super::{mariadb, run};

/// A script through the standard input of an engine's own client.
fn load(mut client: std::process::Command, script: &str) {
    let mut child = client.stdin(std::process::Stdio::piped()).spawn().expect("the client starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), script.as_bytes()).expect("the client reads");
    assert!(child.wait().expect("the client ends").success(), "{script}");
}

#[test]
fn inserts_load_into_the_same_values_by_clients_of_another_character_set() {
    // `mariadb` as Debian configures it knows no letter beyond three bytes; latin1 no other than its own.
    let (home, maria) = mariadb(
        "letters",
        "create table t (id int primary key, v text) charset utf8mb4; insert into t values (1, 'é 漢 👍'), (2, 'a\\r\\nb'), (3, 'plain')",
    );
    let (sql, _) = run(&home, 0, &["query", "dev", "select * from t", "--format", "insert"]);
    let values = || maria.sql("letters", "select hex(v) from t order by id");
    let before = values();
    for set in ["utf8mb3", "latin1"] {
        maria.sql("letters", "delete from t");
        let mut client = std::process::Command::new(MariaServer::program("mariadb"));
        client.args(["--no-defaults", "-u", "root", &format!("--default-character-set={set}")]);
        client.arg(format!("--socket={}", maria.socket.display())).arg("letters");
        load(client, &sql);
        assert_eq!(values(), before, "{set}: {sql}");
    }

    // The `sqlite3` shell takes the CR of a line's end away.
    let home = crate::home("engine = \"sqlite\"\npath = \"s.db\"");
    let shell = || {
        let mut c = std::process::Command::new("sqlite3");
        c.arg(home.path().join("s.db"));
        c
    };
    load(
        shell(),
        "create table t (id integer primary key, v text); insert into t values (1, 'é 👍' || char(13, 10) || 'b'), (2, char(13)), (3, char(10))",
    );
    let values =
        || String::from_utf8(shell().arg("select hex(v), typeof(v) from t order by id").output().expect("sqlite3").stdout).unwrap();
    let before = values();
    let (sql, _) = run(&home, 0, &["query", "dev", "select * from t", "--format", "insert"]);
    load(shell(), &format!("delete from t;\n{sql}"));
    assert_eq!(values(), before, "{sql}");
}
