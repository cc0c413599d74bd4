//! How what was run ended: rows counted, transactions and data fixes with their fate, what a statement did unasked. On real servers, in
//! the console and on the command line.

#[path = "endings/cells.rs"]
mod cells;
#[path = "endings/console.rs"]
mod console;
#[path = "endings/exports.rs"]
mod exports;
#[path = "endings/files.rs"]
mod files;
#[path = "endings/lost_rows.rs"]
mod lost_rows;
#[path = "endings/proofs.rs"]
mod proofs;
#[path = "endings/runs.rs"]
mod runs;
#[path = "endings/strings.rs"]
mod strings;
mod support;
#[path = "endings/twice.rs"]
mod twice;
#[path = "endings/waits.rs"]
mod waits;

use support::maria::MariaServer;
use support::pg::PgServer;

/// A home with the target `dev` (open) and `guard` (guarded, at most 2 rows).
fn home(target: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("home");
    let config = format!(
        "[store]\npath = \"store/s.db\"\n\n[targets.dev]\n{target}\nenvironment = \"development\"\naccess = \"open\"\n\n\
         [targets.guard]\n{target}\nenvironment = \"development\"\naccess = \"guarded\"\nblast_radius = 2\n"
    );
    std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
    home
}

/// A database of the shared PostgreSQL, made of this.
fn postgres(database: &str, seed: &str) -> (tempfile::TempDir, &'static PgServer) {
    let pg = PgServer::shared();
    pg.create_database(database);
    pg.psql(database, seed);
    let target = format!(
        "engine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"{database}\"\nsslmode = \"disable\"",
        pg.port
    );
    (home(&target), pg)
}

/// A database of the shared MariaDB, made of this.
fn mariadb(database: &str, seed: &str) -> (tempfile::TempDir, &'static MariaServer) {
    let maria = MariaServer::shared();
    maria.create_database(database);
    maria.sql(database, seed);
    let target = format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"{database}\"", maria.socket.display());
    (home(&target), maria)
}

/// Standard output and standard error of a run that ends with this code.
fn run(home: &tempfile::TempDir, code: i32, args: &[&str]) -> (String, String) {
    let out = support::command(home.path()).args(args).output().expect("run");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let (o, e) = (text(&out.stdout), text(&out.stderr));
    assert_eq!(out.status.code(), Some(code), "holdpoint {}:\n{o}{e}", args.join(" "));
    (o, e)
}

/// The history as `statement → fate`, newest first.
fn fates(home: &tempfile::TempDir, target: &str) -> Vec<(String, String)> {
    let (text, _) = run(home, 0, &["history", target, "--format", "json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let word = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_string();
    runs.iter().map(|r| (word(&r["text"]), word(&r["transaction"]))).collect()
}

fn told(told: &[(&str, &str)]) -> Vec<(String, String)> {
    told.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
}

#[test]
fn a_result_without_columns_has_its_rows() {
    let (home, pg) = postgres("bare", "create table t (a int); insert into t values (1), (2), (3)");
    let (out, err) = run(&home, 0, &["query", "dev", "select from t", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("whole JSON");
    assert_eq!(json["rows"], serde_json::json!([[], [], []]), "{out}");
    assert!(err.contains("3 rows"), "{err}");
    assert_eq!(run(&home, 0, &["query", "dev", "select from t", "--format", "ndjson"]).0, "{}\n{}\n{}\n");
    assert_eq!(run(&home, 0, &["query", "dev", "select from t", "--format", "tsv"]).0, "\n\n\n\n", "names, and three rows");
    let (out, err) = run(&home, 0, &["query", "dev", "select from t"]);
    assert!(out.is_empty() && err.contains("3 rows"), "{out}{err}");
    // What INSERT makes of it is accepted.
    let (sql, _) = run(&home, 0, &["query", "dev", "select from t", "--format", "insert", "--into", "t"]);
    pg.psql("bare", &sql);
    assert_eq!(pg.psql("bare", "select count(*) from t").trim(), "6");
    let (out, _) = run(&home, 0, &["history", "dev", "--format", "ndjson", "--search", "select from"]);
    assert!(out.contains("\"rows\":3"), "{out}");
}

/// On one engine, whose table `t (id, v)` holds three rows.
fn fixes_and_transactions(home: &tempfile::TempDir) {
    run(home, 0, &["query", "guard", "update t set v = 'a' where id = 1"]);
    run(home, 0, &["query", "guard", "update t set v = 'b' where id = 2", "--commit"]);
    let (_, err) = run(home, 4, &["query", "guard", "update t set v = 'c'", "--commit"]);
    assert!(err.contains("allows 2"), "{err}");
    let expected = [
        ("update t set v = 'c'", "rolled-back"),
        ("update t set v = 'b' where id = 2", "committed"),
        ("update t set v = 'a' where id = 1", "rolled-back"),
    ];
    assert_eq!(fates(home, "guard"), told(&expected));
    let (table, _) = run(home, 0, &["history", "guard"]);
    assert!(table.contains("1 row, committed") && table.contains("failed, rolled back"), "{table}");

    let kept = "begin; update t set v = 'd' where id = 1; savepoint here; update t set v = 'e' where id = 2; \
                rollback to savepoint here; update t set v = 'f' where id = 3; select count(*) from t; commit";
    run(home, 0, &["query", "dev", kept]);
    let expected = [
        ("commit", "-"),
        ("select count(*) from t", "-"),
        ("update t set v = 'f' where id = 3", "committed"),
        ("rollback to savepoint here", "-"),
        ("update t set v = 'e' where id = 2", "rolled-back"),
        ("savepoint here", "-"),
        ("update t set v = 'd' where id = 1", "committed"),
        ("begin", "-"),
    ];
    assert_eq!(fates(home, "dev"), told(&expected));
    run(home, 1, &["query", "dev", "begin; update t set v = 'g' where id = 1"]);
    assert_eq!(fates(home, "dev")[0], ("update t set v = 'g' where id = 1".into(), "rolled-back".into()));
    run(home, 0, &["query", "dev", "update t set v = 'h' where id = 1"]);
    assert_eq!(fates(home, "dev")[0], ("update t set v = 'h' where id = 1".into(), "-".into()), "it stood by itself");
}

const ROWS: &str = "create table t (id int primary key, v varchar(10)); insert into t values (1, 'x'), (2, 'x'), (3, 'x');";

#[test]
fn the_history_knows_how_data_fixes_and_transactions_ended() {
    let (home, _) = postgres("fates", ROWS);
    fixes_and_transactions(&home);
    // A COMMIT of a transaction that has failed rolls back.
    run(&home, 1, &["query", "dev", "begin; update t set v = 'i' where id = 1; select 1/0"]);
    assert_eq!(fates(&home, "dev").into_iter().find(|(t, _)| t.contains("'i'")).expect("there").1, "rolled-back");
    fixes_and_transactions(&mariadb("fates", ROWS).0);
    let lite = home_of_sqlite(ROWS);
    fixes_and_transactions(&lite);
}

fn home_of_sqlite(seed: &str) -> tempfile::TempDir {
    let home = home("engine = \"sqlite\"\npath = \"one.db\"");
    rusqlite::Connection::open(home.path().join("one.db")).expect("database").execute_batch(seed).expect("seed");
    home
}

#[test]
fn a_statement_that_ends_the_open_transaction_is_told() {
    let (home, maria) = mariadb(
        "ended",
        "create table t (id int primary key, v varchar(10)) engine=InnoDB; insert into t values (1, 'x'); create procedure p_commit() commit",
    );
    let (_, err) = run(&home, 0, &["query", "dev", "begin; update t set v = 'a'; call p_commit()"]);
    assert!(err.contains("call p_commit() ended the transaction that was open"), "{err}");
    assert_eq!(fates(&home, "dev")[1].1, "unclear");
    let (_, err) = run(&home, 0, &["query", "dev", "begin; update t set v = 'b'; create table u (a int)"]);
    assert!(err.contains("committed the transaction that was open"), "{err}");
    assert_eq!(maria.sql("ended", "select v from t").trim(), "b");
    let (_, err) = run(&home, 0, &["query", "dev", "call p_commit()"]);
    assert!(!err.contains("ended the transaction"), "{err}");
    // What stands behind was meant for the transaction; and what is to be rolled back is committed.
    let (_, err) = run(&home, 1, &["query", "dev", "begin; call p_commit(); update t set v = 'c'; rollback"]);
    assert!(err.contains("the open transaction is gone") && err.contains("the 2 statements after it did not run"), "{err}");
    let (_, err) = run(&home, 1, &["query", "dev", "begin; update t set v = 'd'; drop table u; rollback"]);
    assert!(err.contains("There was nothing to roll back: drop table u committed the transaction"), "{err}");
    assert_eq!(maria.sql("ended", "select v from t").trim(), "d");

    let (home, pg) =
        postgres("ended", "create table t (id int, v text); create procedure p_commit() language plpgsql as $$ begin commit; end $$");
    let (_, err) = run(&home, 1, &["query", "dev", "begin; insert into t values (1, 'a'); call p_commit()"]);
    assert!(err.contains("invalid transaction termination") && err.contains("only where no transaction is open"), "{err}");
    assert_eq!(pg.psql("ended", "select count(*) from t").trim(), "0");
}

#[test]
fn what_came_before_an_error_is_shown() {
    let (home, maria) = mariadb("errs", "create table t (a int); insert into t values (1), (2)");
    maria.sql("errs", "delimiter //\ncreate procedure p_err() begin select a as ok from t; select * from nosuch; end//");
    let (out, err) = run(&home, 1, &["query", "dev", "call p_err()"]);
    assert!(out.contains("ok") && out.contains('2') && err.contains("2 rows before the error") && err.contains("nosuch"), "{out}{err}");
    let (out, _) = run(&home, 1, &["query", "dev", "call p_err()", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("whole JSON");
    assert_eq!(json["rows"], serde_json::json!([[1], [2]]));
    assert!(json["error"].as_str().is_some_and(|e| e.contains("nosuch")), "{out}");
}

#[test]
fn the_words_of_the_native_clients_end_a_statement() {
    let (home, _) = mariadb("words", "create table t (a int, long_name int); insert into t values (1, 2), (3, 4)");
    let (out, _) = run(&home, 0, &["query", "dev", "select * from t order by a\\G"]);
    assert_eq!(out, "─── row 1 ───\na         │ 1\nlong_name │ 2\n─── row 2 ───\na         │ 3\nlong_name │ 4\n");
    let (out, _) = run(&home, 0, &["query", "dev", "select 1 as x\\g\nselect '\\\\G' as y\\G", "--format", "csv"]);
    assert_eq!(out, "x\r\n1\r\ny\r\n\\G\r\n");
    let (_, err) = run(&home, 1, &["query", "dev", "source some.sql"]);
    assert!(err.contains("--file FILE"), "{err}");
    let (home, _) = postgres("words", "create table t (a int)");
    let (out, _) = run(&home, 0, &["query", "dev", "select 1 as x \\gx"]);
    assert_eq!(out, "─── row 1 ───\nx │ 1\n");
}
