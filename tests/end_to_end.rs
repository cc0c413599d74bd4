//! The main job on the command line, on every engine: held, rehearsed, promoted, backed up, proven, signed, applied,
//! reverted, read in the journal; and what must never pass.

mod support;

use std::path::Path;
use support::project::{Project, UP};
use support::server::ClosedPort;

fn assert_names(text: &str, steps: &[&str]) {
    for s in steps {
        assert!(text.contains(s), "{s} is not named in:\n{text}");
    }
}

fn main_job(p: &Project) {
    let text = p.ok(&["migrate", "status", "app-prod"]);
    assert!(text.contains("notes archive") || text.contains("notes_archive"), "{text}");
    assert!(text.contains("pending"), "{text}");

    // Held: nothing is proven yet, and every missing step is named.
    let held = p.expect(4, &["migrate", "apply", "app-prod"]);
    assert_names(&held, &["applied-earlier", "backup-taken", "restore-verified", "rollback-proven", "approval"]);
    assert!(!p.column_is_there("app-prod"));

    p.proven();
    let held = p.expect(4, &["migrate", "apply", "app-prod"]);
    assert_names(&held, &["approval"]);
    p.sign();
    p.ok(&["checklist", "show", "app-prod"]);

    p.ok(&["migrate", "apply", "app-prod"]);
    assert!(p.column_is_there("app-prod"));
    assert!(p.ok(&["migrate", "status", "app-prod"]).contains("applied"));

    p.ok(&["migrate", "revert", "app-prod"]);
    assert!(!p.column_is_there("app-prod"));

    assert!(p.ok(&["journal", "verify"]).contains("intact"));
    let journal = p.ok(&["journal", "show", "app-prod", "-n", "200"]);
    assert_names(&journal, &["backup", "approv", "statement"]);
}

#[test]
fn main_job_on_sqlite() {
    main_job(&Project::sqlite());
}

#[test]
fn main_job_on_postgresql() {
    main_job(&Project::postgres());
}

#[test]
fn main_job_on_mariadb() {
    main_job(&Project::mariadb());
}

/// The same files, tried on another engine: of this database that says nothing.
#[test]
fn what_ran_or_was_proven_on_another_engine_counts_nowhere_else() {
    let p = Project::postgres();
    let db = rusqlite::Connection::open(p.path("a-lite.db")).expect("database");
    db.execute_batch(&support::project::SEED.join(";")).expect("seed");
    let lite = "\n[targets.a-lite]\nengine = \"sqlite\"\npath = \"a-lite.db\"\nenvironment = \"development\"\nmigrations = \"migrations\"\n\
                backups = \"backups\"\nscratch = \"scratch\"\n";
    let config = std::fs::read_to_string(p.path("holdpoint.toml")).expect("config");
    p.write("holdpoint.toml", &(config + lite));
    p.ok(&["migrate", "prove", "a-lite"]);
    assert!(p.ok(&["migrate", "status", "a-lite"]).contains("exact"));
    assert!(!p.ok(&["migrate", "status", "app-dev"]).contains("exact"), "never proven there");
    p.ok(&["migrate", "rehearse", "a-lite"]);
    let held = p.expect(4, &["run", "schema-migration", "app-prod"]);
    assert!(held.contains("development: 0001 notes_archive was not applied there"), "{held}");
    assert!(held.contains("migrate rehearse app-dev"), "a target of the same engine is named: {held}");
    p.ok(&["migrate", "rehearse", "app-dev"]);
    let told = p.ok(&["migrate", "revert", "app-dev", "--confirm", "app-dev"]);
    assert!(told.contains("were not proven on this database"), "{told}");
}

#[test]
fn an_edit_after_the_proof_closes_the_gate_again() {
    let p = Project::sqlite();
    p.proven();
    p.sign();
    p.write("migrations/0001_notes_archive.up.sql", &format!("{UP}-- one more word\n"));
    let held = p.expect(4, &["migrate", "apply", "app-prod"]);
    assert_names(&held, &["rollback-proven", "approval", "edited"]);
    assert!(!p.column_is_there("app-prod"));
}

#[test]
fn a_backup_of_another_database_is_no_backup() {
    let p = Project::sqlite();
    p.ok(&["migrate", "rehearse", "app-dev"]);
    p.ok(&["run", "schema-migration", "app-qa"]);
    p.ok(&["migrate", "apply", "app-qa"]);
    // qa has a verified backup now; production has none, whoever copies or renames it.
    let held = p.expect(4, &["migrate", "apply", "app-prod"]);
    assert_names(&held, &["backup-taken", "restore-verified"]);
    let dir = std::fs::read_dir(p.path("backups")).expect("backups").next().expect("one").expect("entry").path();
    let text = p.run(&["backup", "verify", "app-prod", &dir.display().to_string()]);
    assert_ne!(text.status.code(), Some(0), "a backup of another database was verified");
}

/// Neither the dump nor a copy made from it has it: comparing them does not show that.
#[test]
fn what_a_dump_of_mariadb_lacks_is_said_with_what_is_proven_by_it() {
    let p = Project::mariadb();
    p.mariadb_server().sql(
        "app-dev",
        "create table ver (id int primary key, f float) with system versioning; insert into ver values (1, 16777216); update ver set f = 2; \
         create event nightly on schedule every 1 day do delete from ver where id = 7; create event never on schedule every 1 day disable do do 0",
    );
    // A copy has no event that runs: one more that is switched off there shows in nothing.
    p.write("migrations/0009_off.up.sql", "alter event nightly disable;\n");
    p.write("migrations/0009_off.down.sql", "do 0;\n");
    p.ok(&["backup", "take", "app-dev"]);
    let told = |text: String| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for lacks in ["it lacks the history of system-versioned tables (ver)", "FLOAT columns stand in it with six digits (ver.f)"] {
            assert!(text.contains(lacks), "{lacks}: {text}");
        }
    };
    told(p.ok(&["backup", "verify", "app-dev"]));
    let proof = p.ok(&["migrate", "prove", "app-dev"]);
    told(proof);
    // What is on record says it, too.
    let journal = p.ok(&["journal", "show", "--format", "json"]);
    assert!(
        journal.contains("events are off in the copy, where they would run: that one is switched off is not seen (nightly)"),
        "{journal}"
    );
    told(journal);
}

/// Large objects and the rows of materialized views stand in no table, and are no less gone for that.
#[test]
fn what_stands_outside_tables_of_postgresql_counts_for_a_rollback() {
    let p = Project::postgres();
    p.postgres_server().psql(
        "app-dev",
        "select lo_from_bytea(4242, '\\xdeadbeef'); create table ul (a int); insert into ul values (1); create materialized view mv as select * from ul",
    );
    let again = "delete from ul where a = 5; insert into ul values (5); refresh materialized view mv; delete from ul where a = 5;\n";
    p.write("migrations/0002_more.up.sql", "select lo_put(4242, 0, '\\x00');\n");
    p.write("migrations/0002_more.down.sql", "select 1;\n");
    p.write("migrations/0003_view.up.sql", again);
    p.write("migrations/0003_view.down.sql", "select 1;\n");
    p.ok(&["backup", "take", "app-dev"]);
    let out = p.run(&["migrate", "prove", "app-dev"]);
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("large objects: not as before") && text.contains("materialized view public.mv: not as before"), "{text}");
}

#[test]
fn a_truncated_backup_is_never_verified() {
    let p = Project::sqlite();
    p.ok(&["backup", "take", "app-prod"]);
    let dir = std::fs::read_dir(p.path("backups")).expect("backups").next().expect("one").expect("entry").path();
    let largest = largest_file(&dir);
    let bytes = std::fs::read(&largest).expect("artefact");
    std::fs::write(&largest, &bytes[..bytes.len() - 512]).expect("truncate");
    let out = p.run(&["backup", "verify", "app-prod"]);
    assert_ne!(out.status.code(), Some(0));
    let held = p.expect(4, &["migrate", "apply", "app-prod"]);
    assert_names(&held, &["restore-verified"]);
}

fn largest_file(dir: &Path) -> std::path::PathBuf {
    std::fs::read_dir(dir)
        .expect("directory")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.is_file() && p.extension().is_none_or(|e| e != "json"))
        .max_by_key(|p| p.metadata().expect("metadata").len())
        .expect("an artefact")
}

#[test]
fn an_empty_or_wrong_down_is_never_proven() {
    for (down, why) in [("-- nothing to do\n", "down"), ("drop index notes_author;\n", "archived")] {
        let p = Project::sqlite();
        p.write("migrations/0001_notes_archive.down.sql", down);
        p.ok(&["backup", "take", "app-prod"]);
        p.ok(&["backup", "verify", "app-prod"]);
        let text = p.expect(1, &["migrate", "prove", "app-prod"]);
        assert!(text.contains("irreversible") && text.contains(why), "{text}");
        let held = p.expect(4, &["migrate", "apply", "app-prod"]);
        assert_names(&held, &["rollback-proven"]);
    }
}

#[test]
fn a_revert_never_skips_an_edited_or_missing_migration() {
    let p = Project::sqlite();
    p.write("migrations/0002_more.up.sql", "create table more (id integer);\n");
    p.write("migrations/0002_more.down.sql", "drop table more;\n");
    p.ok(&["migrate", "rehearse", "app-dev"]);
    let up = std::fs::read_to_string(p.path("migrations/0002_more.up.sql")).expect("script");
    p.write("migrations/0002_more.up.sql", &format!("{up}-- edited\n"));
    for command in ["revert", "rehearse"] {
        let held = p.expect(4, &["migrate", command, "app-dev"]);
        assert_names(&held, &["files-intact", "0002", "edited"]);
        assert!(p.column_is_there("app-dev"), "{command} took an older migration back");
    }
    for half in ["up", "down"] {
        std::fs::remove_file(p.path(&format!("migrations/0002_more.{half}.sql"))).expect("remove");
    }
    let held = p.expect(4, &["migrate", "revert", "app-dev"]);
    assert_names(&held, &["0002", "missing"]);
    assert!(p.column_is_there("app-dev"));
    p.write("migrations/0002_more.up.sql", &up);
    p.write("migrations/0002_more.down.sql", "drop table more;\n");
    p.ok(&["migrate", "revert", "app-dev"]);
    assert!(!p.column_is_there("app-dev"));
}

#[test]
fn evidence_travels_between_hosts_and_an_edited_bundle_does_not() {
    let dev = Project::sqlite();
    dev.ok(&["migrate", "rehearse", "app-dev"]);
    dev.ok(&["run", "schema-migration", "app-qa"]);
    dev.ok(&["migrate", "apply", "app-qa"]);
    dev.ok(&["evidence", "export", "app-dev", "-o", "dev.json"]);
    dev.ok(&["evidence", "export", "app-qa", "-o", "qa.json"]);

    let prod = Project::sqlite();
    for name in ["dev.json", "qa.json"] {
        std::fs::copy(dev.path(name), prod.path(name)).expect("copy");
    }
    let edited = std::fs::read_to_string(prod.path("dev.json")).expect("bundle").replacen("app-dev", "app-xyz", 1);
    prod.write("edited.json", &edited);
    let out = prod.run(&["evidence", "import", "edited.json"]);
    assert_ne!(out.status.code(), Some(0), "an edited bundle was taken");
    prod.ok(&["evidence", "import", "dev.json"]);
    prod.ok(&["evidence", "import", "qa.json"]);
    prod.expect(4, &["run", "schema-migration", "app-prod"]);
    let held = prod.expect(4, &["migrate", "apply", "app-prod"]);
    assert_names(&held, &["approval"]);
    assert!(!held.contains("applied-earlier"), "the imported evidence does not count:\n{held}");
}

#[test]
fn the_manual_is_in_the_program() {
    let p = Project::sqlite();
    // A broken configuration keeps nobody from reading how it is written.
    p.write("holdpoint.toml", "[targets.x]\nenviroment = 1\n");
    assert!(p.ok(&["manual"]).contains("plan-test"));
    assert!(p.ok(&["manual", "results"]).contains(include_str!("../assets/manual/results.md")));
    assert!(p.ok(&["manual", "configuration"]).contains("[environments]"));
    let text = p.expect(2, &["manual", "result"]);
    assert!(text.contains("`holdpoint manual results`"), "{text}");
}

#[test]
fn bad_input_ends_in_a_sentence_that_says_what_to_do() {
    let p = Project::sqlite();
    // A target that is not there, with the nearest one named.
    let text = p.expect(2, &["query", "app-prdo", "select 1"]);
    assert!(text.contains("app-prod"), "{text}");
    // A password on the command line.
    let text = p.expect(2, &["query", "postgres://mira:secret@127.0.0.1/x", "select 1"]);
    assert!(text.contains("password") && !text.contains("secret"), "{text}");
    // A server that is not there.
    let closed = ClosedPort::new();
    let url = format!("postgres://mira@127.0.0.1:{}/x", closed.port);
    let text = p.expect(3, &["query", &url, "select 1"]);
    assert!(text.contains("127.0.0.1"), "{text}");
    // A write on a read-only target.
    let text = p.expect(4, &["query", "app-prod", "delete from notes"]);
    assert!(text.to_lowercase().contains("read-only"), "{text}");
    // A typing error in the configuration.
    p.write("typo.toml", "[targets.x]\nengine = \"sqlite\"\npath = \"x.db\"\nenviroment = \"qa\"\n");
    let text = p.expect(2, &["--config", "typo.toml", "query", "x", "select 1"]);
    assert!(text.contains("typo.toml:4:1") && text.contains("environment"), "{text}");
    // Half-named and broken migration files.
    p.write("migrations/0002_half.up.sql", "select 1;");
    std::fs::write(p.path("migrations/0003_bytes.up.sql"), b"select '\xff';").expect("write");
    p.write("migrations/notes.txt.up.sql", "x");
    let text = p.expect(1, &["migrate", "status", "app-prod"]);
    assert!(text.contains("0003_bytes"), "{text}");
    // A panic would have said so.
    assert!(!text.contains("panicked"));
}
