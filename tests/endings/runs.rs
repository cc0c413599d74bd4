//! What stands in the history of imports and of what a lost connection took with it.

use super::{home_of_sqlite, mariadb, postgres, run};
use crate::support;

/// The history, newest first: text, outcome, error.
fn history(home: &tempfile::TempDir, target: &str) -> Vec<[String; 3]> {
    let (text, _) = run(home, 0, &["history", target, "--format", "json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let word = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_string();
    runs.iter().map(|r| ["text", "outcome", "error"].map(|k| word(&r[k]))).collect()
}

/// On one engine, whose table `t (id, v)` holds the row 1.
fn imports_are_in_the_history(home: &tempfile::TempDir) {
    std::fs::write(home.path().join("good.csv"), "id,v\n2,b\n3,c\n").expect("file");
    std::fs::write(home.path().join("bad.dat"), "id\tv\n4\td\n1\tagain\n").expect("file");
    let import = |code, target, file: &str, more: &[&str]| run(home, code, &[&["import", target, "t", file], more].concat());
    let latest = |target| history(home, target).swap_remove(0);
    let line = |file: &str, more: &str| format!("\\copy t from '{}'{more}", home.path().canonicalize().unwrap().join(file).display());
    import(0, "dev", "good.csv", &[]);
    assert_eq!(latest("dev"), [line("good.csv", ""), "2 rows, rolled back".into(), "-".into()]);
    import(0, "dev", "good.csv", &["--commit"]);
    assert_eq!(latest("dev"), [line("good.csv", ""), "2 rows, committed".into(), "-".into()]);
    let as_tsv = ["--format", "tsv", "--null", "it's", "--commit"];
    import(1, "dev", "bad.dat", &as_tsv);
    let typed = line("bad.dat", " format tsv null 'it''s'");
    assert_eq!(latest("dev"), [typed.clone(), "failed, rolled back".into(), "1 row refused".into()]);
    import(1, "dev", "bad.dat", &[&as_tsv[..], &["--skip-refused"]].concat());
    assert_eq!(latest("dev")[1], "1 row, committed");
    import(1, "dev", "nowhere.csv", &[]);
    assert_eq!((latest("dev")[1].as_str(), latest("dev")[2].contains("nowhere.csv")), ("failed", true));
    // A guarded target takes no more rows than it allows.
    std::fs::write(home.path().join("many.csv"), "id,v\n5,e\n6,f\n7,g\n").expect("file");
    import(4, "guard", "many.csv", &["--commit"]);
    assert_eq!(latest("guard")[1], "failed, rolled back");
    import(1, "guard", "good.csv", &[]);
    assert_eq!(latest("guard")[1], "0 rows, rolled back");
}

const SEED: &str = "create table t (id int primary key, v varchar(10)); insert into t values (1, 'a');";

#[test]
fn every_import_is_in_the_history_with_its_end() {
    imports_are_in_the_history(&postgres("imported", SEED).0);
    imports_are_in_the_history(&mariadb("imported", SEED).0);
    imports_are_in_the_history(&home_of_sqlite(SEED));
}

/// A COMMIT that a deferred key refuses rolls back, as one of a transaction that has failed does: both have the same words.
#[test]
fn a_commit_that_is_refused_is_on_record_as_rolled_back() {
    let (home, _) = postgres(
        "deferred",
        "create table p (id int primary key); create table k (id int primary key, p int references p deferrable initially deferred)",
    );
    run(&home, 1, &["query", "dev", "begin; insert into k values (1, 9); commit"]);
    let told: Vec<String> = history(&home, "dev").into_iter().map(|r| r[1].clone()).take(2).collect();
    assert_eq!(told, ["failed, rolled back", "1 row, rolled back"]);
    // SQLite leaves the transaction open for another try: the COMMIT has failed, and rolled nothing back.
    let home = home_of_sqlite(
        "create table p (id integer primary key); create table k (id integer primary key, p int references p deferrable initially deferred)",
    );
    run(&home, 1, &["query", "dev", "pragma foreign_keys = on; begin; insert into k values (1, 9); commit"]);
    assert_eq!(history(&home, "dev")[0][1], "failed");
}

/// In the console: who keeps an import waiting is named; one that is cancelled, lost, or whose COMMIT is not answered is on record so.
#[test]
fn an_import_that_waits_names_whom_and_its_end_is_kept() {
    let (home, pg) = postgres("import_ends", SEED);
    std::fs::write(home.path().join("t.csv"), "id,v\n2,b\n3,c\n").expect("file");
    let count = |what: &str| {
        pg.psql("postgres", &format!("select count(*) from pg_stat_activity where datname = 'import_ends' and {what}")).trim().to_string()
    };
    let mut holder = pg.psql_in_background("import_ends", "begin; insert into t values (2, 'held'); select pg_sleep(600)");
    support::wait_until("the key is held", || count("wait_event = 'PgSleep'") == "1");
    let mut c = super::console::open(&home, "dev");
    super::console::run(&mut c, "\\copy t from 't.csv'");
    c.wait_until("the holder is named", |s| s.contains("The import waits for a lock of postgres@local (pid"));
    c.wait_for("waits for postgres@local");
    c.send("<C-c>");
    c.wait_until("it is said", |s| s.to_lowercase().contains("cancelled"));
    support::wait_until("the server has ended it", || count("wait_event_type = 'Lock'") == "0");
    support::wait_until("it is kept", || history(&home, "dev").first().is_some_and(|r| r[1] == "cancelled, rolled back"));
    super::console::run(&mut c, "\\copy t from 't.csv'");
    support::wait_until("it waits again", || count("wait_event_type = 'Lock'") == "1");
    pg.psql(
        "postgres",
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'import_ends' and wait_event_type = 'Lock'",
    );
    support::wait_until("it is kept", || history(&home, "dev").first().is_some_and(|r| r[1] == "lost, not committed"));
    // What is told of it lies over the editor.
    c.wait_for("its transaction ended with the connection");
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    pg.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = 'import_ends'");
    support::wait_until("the key is free", || count("wait_event = 'PgSleep'") == "0");

    // From the history into the editor: it is tried first, as ever, and then asked about.
    super::console::run(&mut c, "select 1");
    c.send("<Esc>2<C-a><BS>");
    c.send("<Esc> fh");
    c.wait_for("\\copy t from");
    c.send("copy<Enter>");
    c.wait_until("the line is in the editor", |s| s.contains("\\copy t from '/") && !s.contains("Statements that were run"));
    c.send("<F5>");
    c.wait_for("Import 2 rows into public.t?");
    c.wait_for("i import");
    c.send("n");
    c.wait_until("the question is gone", |s| !s.contains("Import 2 rows into public.t?"));
    // Trial and commit are one deed, and one line: one that nobody wanted stays as what was tried.
    support::wait_until("it is kept", || history(&home, "dev").first().is_some_and(|r| r[1] == "2 rows, rolled back"));
    let before = history(&home, "dev").len();
    c.send("<F5>");
    c.wait_for("Import 2 rows into public.t?");
    c.wait_for("i import");
    c.send("i");
    c.wait_for("2 rows imported.");
    support::wait_until("it is kept", || history(&home, "dev").first().is_some_and(|r| r[1] == "2 rows, committed"));
    assert_eq!(history(&home, "dev").len(), before + 1);
    pg.psql("import_ends", "delete from t where id > 1");

    // The server goes while it answers COMMIT.
    pg.psql(
        "import_ends",
        "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(600); return null; end $$;
         create constraint trigger slow after insert on t deferrable initially deferred for each row execute function slow()",
    );
    c.send("<F5>");
    c.wait_for("Import 2 rows into public.t?");
    c.wait_for("i import");
    c.send("i");
    support::wait_until("it commits", || count("wait_event = 'PgSleep'") == "1");
    pg.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = 'import_ends'");
    c.wait_for("Whether the rows are in the table is not known");
    support::wait_until("it is kept", || history(&home, "dev").first().is_some_and(|r| r[1] == "ended unclearly"));
}

/// What the server knows of one database's sessions.
fn asleep(pg: &support::pg::PgServer, database: &str) -> String {
    pg.psql("postgres", &format!("select count(*) from pg_stat_activity where datname = '{database}' and wait_event = 'PgSleep'"))
        .trim()
        .into()
}

fn terminate(pg: &support::pg::PgServer, database: &str) {
    support::wait_until("it runs", || asleep(pg, database) == "1");
    pg.psql(
        "postgres",
        &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}' and wait_event = 'PgSleep'"),
    );
}

#[test]
fn a_write_whose_connection_is_lost_stands_as_unclear_and_in_a_transaction_as_lost() {
    let (home, pg) = postgres("lost_writes", SEED);
    let mut c = super::console::open(&home, "dev");
    super::console::run(&mut c, "update t set v = pg_sleep(600)::text where id = 1");
    terminate(pg, "lost_writes");
    c.wait_for("Whether a write took effect is not known");
    support::wait_until("it is kept", || history(&home, "dev").first().is_some_and(|r| r[1] == "ended unclearly"));

    super::console::run(&mut c, "select 1");
    c.send("<Esc> ar");
    c.wait_for("no tx");
    super::console::run(&mut c, "begin");
    // The first line knows of it before the statement's end is on record.
    c.wait_until("it has begun", |s| s.contains("TX OPEN") && s.contains("BEGIN ·"));
    super::console::run(&mut c, "insert into t values (7, 'seven')");
    c.wait_for("1 row affected");
    super::console::run(&mut c, "update t set v = pg_sleep(600)::text where id = 1");
    terminate(pg, "lost_writes");
    c.wait_for("nothing of it was committed");
    assert!(!c.screen().contains("Whether a write"), "{}", c.screen());
    support::wait_until("it is kept", || {
        let ends: Vec<String> = history(&home, "dev").into_iter().take(2).map(|[_, outcome, _]| outcome).collect();
        ends == ["lost, not committed", "1 row, lost, not committed"]
    });
    // The result that told of a changed row says so as well.
    c.send("<Esc><Esc> grp");
    c.wait_for("lost, not committed · INSERT 0 1");

    // A read has no effect that could be unknown.
    c.send("<Esc>2<Esc> ar");
    c.wait_for("no tx");
    super::console::run(&mut c, "select pg_sleep(600) is null");
    terminate(pg, "lost_writes");
    c.wait_for("CONNECTION LOST");
    assert!(!c.screen().contains("Whether a write"), "{}", c.screen());
    support::wait_until("it is kept", || history(&home, "dev").first().is_some_and(|r| r[1] == "failed" && r[0].contains("is null")));
}

#[test]
fn a_commit_that_rolled_back_says_so_and_so_do_the_results_before_it() {
    let (home, _) = postgres("commit_fails", SEED);
    let mut c = super::console::open(&home, "dev");
    for (text, seen) in [
        ("begin", "BEGIN ·"),
        ("insert into t values (7, 'seven')", "1 row affected"),
        ("savepoint here", "SAVEPOINT"),
        ("insert into t values (8, 'eight')", "1 row affected"),
        ("select 1/0", "division by zero"),
    ] {
        super::console::run(&mut c, text);
        // Of this very statement: the one before may have ended in the same words.
        c.wait_until(seen, |s| s.contains(seen) && s.lines().any(|l| l.contains("─ Results") && l.contains(&text[..text.len().min(24)])));
    }
    super::console::run(&mut c, "rollback to here");
    c.wait_for("ROLLBACK ·");
    c.send("<Esc><Esc> grpp");
    c.wait_for("rolled back · INSERT 0 1");
    c.send("2");
    super::console::run(&mut c, "select 1/0");
    c.wait_for("division by zero");
    super::console::run(&mut c, "commit");
    c.wait_for("rolled back: the transaction had failed");
    let commit = ["commit", "failed, rolled back", "rolled back: the transaction had failed"].map(String::from);
    support::wait_until("it is on record", || history(&home, "dev").first() == Some(&commit));
    let runs = history(&home, "dev");
    let first = runs.iter().find(|r| r[0].contains("seven")).expect("there");
    assert_eq!(first[1], "1 row, rolled back");
}

/// Reads one line of what a run writes and goes away, as `head -1` does; gives the line, the exit code and standard error.
fn first_line(home: &tempfile::TempDir, args: &[&str]) -> (String, Option<i32>, String) {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let mut child = support::command(home.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let out = child.wait_with_output().expect("ends");
    (line, out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_reader_that_goes_away_ends_what_only_reads_and_nothing_else() {
    let (home, pg) = postgres("unread", SEED);
    for format in ["csv", "ndjson", "json", "table"] {
        let (line, code, err) = first_line(&home, &["query", "dev", "select generate_series(1, 100000000) as n", "--format", format]);
        assert!(!line.is_empty() && code == Some(0) && err.is_empty(), "{format}: {line}{code:?}{err}");
    }
    let running = "select count(*) from pg_stat_activity where datname = 'unread' and state = 'active'";
    support::wait_until("the server has ended them", || pg.psql("postgres", running).trim() == "0");
    // What writes is run to its end, and so is what comes behind it.
    let writes = "insert into t select g, 'x' from generate_series(2, 100001) g returning *; begin; select * from generate_series(1, 100000); \
                  update t set v = 'kept' where id = 1; commit";
    let (line, code, err) = first_line(&home, &["query", "dev", writes, "--format", "csv"]);
    assert_eq!((line.as_str(), code), ("id,v\r\n", Some(0)), "{err}");
    assert!(!err.contains("100"), "nothing is told of rows that nobody read: {err}");
    assert_eq!(pg.psql("unread", "select count(*), max(v) filter (where id = 1) from t").trim(), "100001|kept");
    // Other commands, too.
    for n in 0..40 {
        run(&home, 0, &["query", "dev", &format!("select {n}, '{}'", "x".repeat(4000))]);
    }
    let (_, code, err) = first_line(&home, &["history", "dev"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let lite = home_of_sqlite(SEED);
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000000) select i from n";
    let (line, code, err) = first_line(&lite, &["query", "dev", many, "--format", "csv"]);
    assert_eq!((line.as_str(), code, err.as_str()), ("i\r\n", Some(0), ""));
}

#[test]
fn a_text_may_begin_with_a_comment_and_an_option_that_is_none_is_told() {
    let home = home_of_sqlite(SEED);
    let (out, _) = run(&home, 0, &["query", "dev", "-- one\nselect id from t", "--format", "csv"]);
    assert_eq!(out, "id\r\n1\r\n");
    let (out, _) = run(&home, 0, &["query", "--format", "csv", "dev", "--one\nselect id from t where id = :id", "-p", "id=1"]);
    assert_eq!(out, "id\r\n1\r\n");
    run(&home, 0, &["explain", "dev", "-- one\nselect id from t"]);
    let (_, err) = run(&home, 2, &["query", "dev", "-- c"]);
    assert!(err.contains("no statement to run"), "{err}");
    let (_, err) = run(&home, 2, &["query", "dev", "--comit"]);
    assert!(err.contains("there is no option --comit"), "{err}");
    run(&home, 2, &["query", "dev", "--comit", "delete from t"]);
    run(&home, 2, &["query", "--comit", "dev", "delete from t"]);
    std::fs::write(home.path().join("x.sql"), "select v from t").expect("file");
    let (out, _) = run(&home, 0, &["query", "dev", "-f", "x.sql", "--format", "csv"]);
    assert_eq!(out, "v\r\na\r\n");
}

#[test]
fn commands_of_other_clients_say_what_does_the_same_on_the_command_line() {
    let (home, _) = postgres("habits", SEED);
    for (text, part) in [("\\dt", "`holdpoint schema dev`"), ("show tables", "`holdpoint schema dev`"), ("tee x", "--output FILE")] {
        let (_, err) = run(&home, 1, &["query", "dev", text]);
        assert!(err.contains(part), "{text}: {err}");
    }
    let (home, _) = mariadb("habits", SEED);
    for (text, part) in [("status", "says what is connected"), ("\\dt", "`holdpoint schema dev`"), ("source x.sql", "--file FILE")] {
        let (_, err) = run(&home, 1, &["query", "dev", text]);
        assert!(err.contains(part) && err.matches("--file FILE").count() < 2, "{text}: {err}");
    }
    let home = home_of_sqlite(SEED);
    let (_, err) = run(&home, 1, &["query", "dev", ".schema t"]);
    assert!(err.contains("`holdpoint schema dev t --definition` shows it."), "{err}");
    let (out, _) = run(&home, 0, &["schema", "dev", "t", "--definition"]);
    assert!(out.contains("CREATE TABLE t"), "{out}");
    let (_, err) = run(&home, 4, &["query", "guard", ".tables"]);
    assert!(err.contains("`holdpoint schema guard` lists"), "{err}");
}

#[test]
fn a_trigger_is_found_below_its_table_and_says_which_it_follows() {
    let (home, maria) = mariadb("follows", SEED);
    for n in 1..=3 {
        maria.sql("follows", &format!("create trigger tr{n} before insert on t for each row set new.v = concat(new.v, {n})"));
    }
    maria.sql("follows", "create trigger first before insert on t for each row precedes tr1 set new.v = concat(new.v, 0)");
    let of = |name: &str| run(&home, 0, &["schema", "dev", name, "--definition"]).0;
    assert!(!of("t.first").contains("FOLLOWS"), "{}", of("t.first"));
    for (name, before) in [("t.tr1", "first"), ("follows.t.tr2", "tr1"), ("tr3", "tr2")] {
        assert!(of(name).contains(&format!("FOLLOWS `{before}`")), "{name}: {}", of(name));
    }
    // Made again in their order they fire in the same one.
    let all: String = ["t", "first", "tr1", "tr2", "tr3"].iter().map(|n| of(n)).collect();
    maria.create_database("follows_again");
    maria.sql("follows_again", &all);
    maria.sql("follows_again", "insert into t values (9, '')");
    assert_eq!(maria.sql("follows_again", "select v from t where id = 9").trim(), "0123");
    let (_, err) = run(&home, 2, &["schema", "dev", "t.nothing", "--definition"]);
    assert!(err.contains("there is no t.nothing here"), "{err}");
    let (home, pg) = postgres("below", SEED);
    pg.psql("below", "create index by_v on t (v)");
    assert!(run(&home, 0, &["schema", "dev", "t.by_v", "--definition"]).0.contains("CREATE INDEX by_v"));
    // A key and the index that serves it bear one name.
    for name in ["t_pkey", "public.t_pkey"] {
        let (key, _) = run(&home, 0, &["schema", "dev", name, "--definition"]);
        assert!(key.contains("PRIMARY KEY (id)"), "{name}: {key}");
    }
}

#[test]
fn a_foreign_table_has_a_plan_on_a_read_only_target_and_the_refusal_says_what_to_do() {
    let pg = support::pg::PgServer::shared();
    if pg.psql("postgres", "select count(*) from pg_available_extensions where name = 'file_fdw'").trim() == "0" {
        return;
    }
    let (home, _) = postgres(
        "foreign_read",
        "create extension file_fdw; create server files foreign data wrapper file_fdw; create table t (i int);
         create foreign table feed (line text) server files options (program 'echo made it')",
    );
    let file = home.path().join("holdpoint.toml");
    let mut config = std::fs::read_to_string(&file).expect("config");
    let ro = config[config.find("[targets.dev]").expect("dev")..config.find("[targets.guard]").expect("guard")].to_string();
    config.push_str(&ro.replace("targets.dev", "targets.ro").replace("\"open\"", "\"read-only\""));
    std::fs::write(&file, config).expect("config");
    let (_, err) = run(&home, 4, &["query", "ro", "select * from feed"]);
    assert!(err.contains("What a foreign table sets off on its server cannot be seen from here"), "{err}");
    assert!(!err.contains("ALTER FUNCTION"), "{err}");
    let (plan, _) = run(&home, 0, &["explain", "ro", "select * from feed"]);
    assert!(plan.contains("Foreign Scan") && plan.contains("feed"), "{plan}");
    run(&home, 4, &["explain", "ro", "select * from feed", "--analyze"]);
    assert!(run(&home, 0, &["query", "dev", "select * from feed"]).0.contains("made it"));
}

#[test]
fn what_the_engines_refuse_is_said_in_sentences() {
    // An index that does not agree with its table is no damaged file.
    let home = home_of_sqlite(
        "create table c (id integer primary key, body text); create virtual table f using fts5(body, content='c', content_rowid='id');
         insert into c values (1, 'one two'); insert into f(f) values ('rebuild'); update c set body = 'three' where id = 1;",
    );
    let (_, err) = run(&home, 1, &["query", "dev", "insert into f(f, rank) values ('integrity-check', 1)"]);
    assert!(err.contains("does not agree with the tables") && err.contains("'rebuild'") && !err.contains("is damaged"), "{err}");
    let (home, _) = mariadb("said", "create sequence sq; create function f_two() returns int deterministic return 2;");
    let (_, err) = run(&home, 4, &["query", "guard", "select previous value for sq"]);
    assert!(err.contains("PREVIOUS VALUE FOR asks a sequence"), "{err}");
    // A session that is ended in the middle of its result.
    let (home, maria) = mariadb("torn", "create table t (a longtext); insert into t values (repeat('x', 1000000));");
    let mut child = support::command(home.path())
        .args(["query", "dev", "select a from t, seq_1_to_100000", "--format", "csv"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let session = "select id from information_schema.processlist where db = 'torn' and info like 'select a from%'";
    support::wait_until("it is sent", || !maria.sql("", session).trim().is_empty());
    maria.sql("", &format!("kill {}", maria.sql("", session).trim()));
    std::io::copy(child.stdout.as_mut().expect("a pipe"), &mut std::io::sink()).expect("read");
    let out = child.wait_with_output().expect("ends");
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(3), "{err}");
    assert!(err.contains("the server closed the connection") && !err.contains("bytes remaining"), "{err}");
}

/// One bad row among many costs a few questions, not one for each row: on a slow link each of them takes its time.
#[test]
fn a_bad_row_is_found_by_halves() {
    let (home, maria) = mariadb("halved", "create table t (id int primary key, v varchar(10))");
    let rows: String = (1..=200).map(|i| format!("{i},{}\n", if i == 137 { "much too long a text" } else { "x" })).collect();
    std::fs::write(home.path().join("t.csv"), format!("id,v\n{rows}")).expect("file");
    let asked = || -> u64 {
        let told = maria.sql("", "select variable_value from information_schema.global_status where variable_name = 'com_savepoint'");
        told.trim().parse().expect("a number")
    };
    let before = asked();
    let (_, told) = run(&home, 1, &["import", "dev", "t", "t.csv"]);
    assert!(told.contains("line 138: ") && told.contains("199 rows could be taken, 1 refused"), "{told}");
    assert!(told.contains("--commit --skip-refused"), "{told}");
    // Other tests ask this server, too.
    assert!(asked() - before < 150, "{} savepoints", asked() - before);
    run(&home, 1, &["import", "dev", "t", "t.csv", "--commit", "--skip-refused"]);
    assert_eq!(maria.sql("halved", "select count(*), sum(id) from t").trim(), format!("199\t{}", 200 * 201 / 2 - 137));
    let (_, told) = run(&home, 2, &["query", "dev", "select :a", "--param", "a=1", "--param", "a=2"]);
    assert!(told.contains("--param a is given twice"), "{told}");
}

#[test]
fn a_definition_goes_into_a_pipe_as_the_server_has_it() {
    let odd = "p\tq\u{200b}\u{202e}z";
    let has = |home: &tempfile::TempDir, name: &str| {
        let (text, _) = run(home, 0, &["schema", "dev", name, "--definition"]);
        assert!(text.contains(odd), "{text:?}");
        let (json, _) = run(home, 0, &["schema", "dev", name, "--definition", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert!(json["definition"].as_str().expect("text").contains(odd), "{json}");
    };
    has(&home_of_sqlite(&format!("{SEED}; create view odd as select '{odd}' as v")), "odd");
    let (home, pg) = postgres("exact", SEED);
    pg.psql("exact", &format!("create function odd() returns text language sql as $$ select '{odd}' $$"));
    has(&home, "odd()");
    let (home, maria) = mariadb("exact", SEED);
    maria.sql("exact", &format!("create function odd() returns text return '{odd}'"));
    has(&home, "odd");
}

/// Tables without transactions keep what was written: the server says so in a warning, and nothing of it is called rolled back.
#[test]
fn a_rollback_that_left_something_is_not_on_record_as_one() {
    let (home, _) = mariadb("isam", "create table isam (id int) engine=myisam");
    let (_, told) = run(&home, 0, &["query", "dev", "begin; insert into isam values (1); rollback"]);
    assert!(told.contains("Not everything was rolled back"), "{told}");
    let told: Vec<String> = history(&home, "dev").into_iter().map(|r| r[1].clone()).take(2).collect();
    assert!(told[1].contains("ended unclearly"), "{told:?}");
}

/// As `psql` without ON_ERROR_STOP: what stands behind an error runs, and the exit code tells that there was one.
#[test]
fn a_run_goes_on_after_an_error_where_that_is_asked_for() {
    for home in [postgres("goes_on", SEED).0, mariadb("goes_on", SEED).0, home_of_sqlite(SEED)] {
        let sql = "insert into t values (2, 'b'); insert into t values (1, 'again'); insert into t values (3, 'c')";
        let (_, told) = run(&home, 1, &["query", "dev", "--go-on", sql]);
        assert!(told.contains("statement 2 of 3") && told.contains("1 of 3 statements failed"), "{told}");
        let (rows, _) = run(&home, 0, &["query", "dev", "select count(*) from t", "--format", "tsv"]);
        assert!(rows.ends_with("3\n"), "{rows}");
    }
    // What was meant for a transaction that is gone does not run.
    let home = home_of_sqlite(SEED);
    let sql = "begin; insert or rollback into t values (1, 'again'); insert into t values (5, 'e')";
    let (_, told) = run(&home, 1, &["query", "dev", "--go-on", sql]);
    assert!(told.contains("The transaction that was open is gone"), "{told}");
    let (rows, _) = run(&home, 0, &["query", "dev", "select count(*) from t", "--format", "tsv"]);
    assert!(rows.ends_with("1\n"), "{rows}");
}
