//! What the record knows: one database has one environment, a re-created one is another, and nothing that was announced
//! can vanish.

mod support;

use support::maria::MariaServer;
use support::pg::PgServer;
use support::project::Project;

fn edit_config(p: &Project, edit: impl Fn(String) -> String) {
    let path = p.path("holdpoint.toml");
    let text = edit(std::fs::read_to_string(&path).expect("config"));
    std::fs::write(path, text).expect("config");
}

#[test]
fn a_second_name_for_production_does_not_go_round_its_gate() {
    let p = Project::sqlite();
    std::fs::hard_link(p.path("app-prod.db"), p.path("by-another-name.db")).expect("link");
    edit_config(&p, |text| {
        text + "\n[targets.oops]\nengine = \"sqlite\"\npath = \"by-another-name.db\"\nenvironment = \"development\"\nmigrations = \"migrations\"\n\
                backups = \"backups\"\nscratch = \"scratch\"\n"
    });
    let _ = p.run(&["run", "schema-migration", "oops"]);
    for act in [vec!["migrate", "apply", "oops"], vec!["migrate", "rehearse", "oops"]] {
        let text = p.expect(4, &act);
        assert!(text.contains("oops is the same database as app-prod, a target of production"), "{text}");
    }
    assert!(!p.column_is_there("app-prod"));
}

#[test]
fn what_is_on_record_as_production_stays_production() {
    let p = Project::sqlite();
    p.proven();
    // The target's environment is edited; everything recorded says otherwise.
    edit_config(&p, |text| {
        text.replace("path = \"app-prod.db\"\nenvironment = \"production\"", "path = \"app-prod.db\"\nenvironment = \"development\"")
    });
    let _ = p.run(&["run", "schema-migration", "app-prod"]);
    let text = p.expect(4, &["migrate", "apply", "app-prod"]);
    assert!(text.contains("is on record as one of production"), "{text}");
    assert!(!p.column_is_there("app-prod"));
}

#[test]
fn a_recreated_database_has_no_evidence() {
    let p = Project::postgres();
    p.proven();
    p.sign();
    let pg = p.postgres_server();
    pg.psql("postgres", "drop database \"app-prod\" with (force)");
    pg.psql("postgres", "create database \"app-prod\"");
    pg.psql("app-prod", &support::project::SEED.join(";"));
    let text = p.expect(4, &["migrate", "apply", "app-prod"]);
    for step in ["backup-taken", "rollback-proven", "approval"] {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert!(text.contains("another database"), "{text}");
}

#[test]
fn evidence_that_is_deleted_is_missed() {
    let p = Project::sqlite();
    p.proven();
    p.sign();
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
    let db = rusqlite::Connection::open(p.path("store/holdpoint.db")).expect("store");
    let seq: i64 = db.query_row("select max(seq) from evidence where kind = 'rollback-proven'", [], |r| r.get(0)).expect("a proof");
    db.execute("delete from evidence where seq = ?", [seq]).expect("delete");
    drop(db);
    let text = p.expect(1, &["journal", "verify"]);
    assert!(text.contains(&format!("rollback-proven that journal record {seq} announced is gone")), "{text}");
    let text = p.expect(4, &["migrate", "apply", "app-prod"]);
    assert!(text.contains("rollback-proven"), "{text}");
    // A proof made anew counts again.
    p.ok(&["migrate", "prove", "app-prod"]);
    p.ok(&["migrate", "apply", "app-prod"]);
}

#[test]
fn what_wrote_on_an_open_target_is_in_the_journal() {
    let p = Project::sqlite();
    p.ok(&["query", "app-dev", "select count(*) from notes"]);
    p.ok(&["query", "app-dev", "update notes set body = 'x' where id < 3"]);
    p.ok(&["query", "app-dev", "create table t (a int); insert into t values (1), (2)"]);
    let text = p.ok(&["journal", "show", "--format", "json"]);
    let entries: serde_json::Value = serde_json::from_str(text.trim()).expect("json");
    let told: Vec<String> = entries
        .as_array()
        .expect("list")
        .iter()
        .filter(|e| e["kind"] == "statement")
        .map(|e| e["body"]["summary"].as_str().unwrap_or_default().into())
        .collect();
    assert_eq!(
        told,
        ["ran 2 statements on app-dev, the first: create table t (a int)", "ran on app-dev: update notes set body = 'x' where id < 3"],
        "{text}"
    );
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
    // The history counts rows that were changed.
    let db = rusqlite::Connection::open(p.path("store/holdpoint.db")).expect("store");
    let rows: i64 = db.query_row("select rows from history where text like 'update%'", [], |r| r.get(0)).expect("history");
    assert_eq!(rows, 2);
}

/// A statement that failed may have left a part all the same; one that the server could not read has not.
#[test]
fn what_failed_half_done_is_in_the_journal() {
    let p = Project::sqlite();
    p.expect(1, &["query", "app-dev", "insert or fail into notes (id, author) values (901, 'kept'), (1, 'there already')"]);
    p.expect(1, &["query", "app-dev", "insret into notes values (902)"]);
    let db = rusqlite::Connection::open(p.path("app-dev.db")).expect("development");
    let kept: i64 = db.query_row("select count(*) from notes where id = 901", [], |r| r.get(0)).expect("notes");
    assert_eq!(kept, 1, "the premise: FAIL keeps what was written before");
    let text = p.ok(&["journal", "show", "--format", "json"]);
    let entries: serde_json::Value = serde_json::from_str(text.trim()).expect("json");
    let of_statements: Vec<_> = entries.as_array().expect("list").iter().filter(|e| e["kind"] == "statement").collect();
    assert_eq!(of_statements.len(), 1, "{text}");
    let body = &of_statements[0]["body"];
    assert!(body["summary"].as_str().expect("summary").starts_with("failed on app-dev: insert or fail"), "{text}");
    assert!(body["statements"][0]["failed"].as_str().expect("why").contains("UNIQUE"), "{text}");
}

#[test]
fn passwords_are_in_no_record() {
    let pg = PgServer::shared();
    pg.create_database("records");
    let home = tempfile::tempdir().expect("home");
    let config = format!(
        "[store]\npath = \"store.db\"\n[targets.dev]\nurl = \"postgres://postgres@127.0.0.1:{}/records?sslmode=disable\"\nenvironment = \"development\"\n",
        pg.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
    let out = support::command(home.path()).args(["query", "dev", "create role records_role password 'hunter2'"]).output().expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let db = rusqlite::Connection::open(home.path().join("store.db")).expect("store");
    for sql in ["select group_concat(body) from journal", "select group_concat(text) from history"] {
        let text: String = db.query_row(sql, [], |r| r.get(0)).expect("rows");
        assert!(text.contains("records_role") && !text.contains("hunter2"), "{text}");
    }
    pg.psql("records", "drop role records_role");
}

/// What lies beside a target's own database is not written through it, when it is what the configuration calls production.
#[test]
fn productions_database_is_not_written_through_another_target() {
    let p = Project::sqlite();
    let rows = || {
        rusqlite::Connection::open(p.path("app-prod.db"))
            .unwrap()
            .query_row("select count(*) from notes", [], |r| r.get::<_, i64>(0))
            .unwrap()
    };
    let before = rows();
    for text in [
        "attach 'app-prod.db' as p; delete from p.notes",
        "attach 'file:app-prod.db?mode=rw' as p",
        "attach 'app-' || 'prod.db' as p; delete from p.notes",
    ] {
        let told = p.expect(4, &["query", "app-dev", text]);
        assert!(told.contains("app-prod.db is the database of app-prod (production)"), "{text}: {told}");
        assert_eq!(rows(), before, "{text}");
    }
    // Its rows may be read, and copied.
    let copied =
        "attach 'file:app-prod.db?mode=ro' as p; create table taken as select * from p.notes; insert into taken select * from p.notes";
    p.expect(0, &["query", "app-dev", copied]);
    assert!(p.expect(4, &["query", "app-dev", "attach 'file:app-prod.db?mode=ro' as p; delete from p.notes"]).contains("readonly"));
    rusqlite::Connection::open(p.path("other.db")).and_then(|c| c.execute_batch("create table t (a)")).expect("another file");
    p.expect(0, &["query", "app-dev", "attach 'other.db' as o; insert into o.t values (1)"]);

    let maria = MariaServer::shared();
    maria.create_database("later_dev");
    maria.create_database("later_prod");
    maria.sql("later_prod", "create table t (a int primary key, b int); insert into t values (1, 1)");
    let target = |name: &str, environment: &str| {
        let socket = maria.socket.display();
        format!(
            "\n[targets.{name}]\nengine = \"mysql\"\nsocket = \"{socket}\"\nuser = \"root\"\ndatabase = \"later_{name}\"\nenvironment = \"{environment}\"\n"
        )
    };
    edit_config(&p, |text| text + &target("dev", "development") + &target("prod", "production"));
    for text in ["update later_prod.t set b = 2", "use later_prod; update t set b = 2", "use `LATER_PROD`", "drop database later_prod"] {
        let told = p.expect(4, &["query", "dev", text]);
        assert!(told.contains("later_prod is the database of prod (production)"), "{text}: {told}");
    }
    std::fs::write(p.path("t.csv"), "a,b\n2,2\n").expect("file");
    assert!(p.expect(4, &["import", "dev", "later_prod.t", "t.csv"]).contains("is the database of prod"));
    assert!(p.expect(0, &["query", "dev", "select * from later_prod.t", "--format", "csv"]).contains("1,1"));
    // What is only read there is copied; a table may bear the name of that database.
    maria.sql("later_dev", "create table later_prod (a int primary key, b int)");
    p.expect(0, &["query", "dev", "insert into later_prod select * from later_prod.t; update later_prod set b = 9 where later_prod.a = 1"]);
    assert_eq!(maria.sql("", "select a, b from later_prod.t").trim(), "1\t1");
}
