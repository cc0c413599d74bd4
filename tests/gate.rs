//! The gate on real SQLite databases: what the threat model names must be held, with the missing step named; and the
//! honest way must get through.

use holdpoint::config::files::{Config, load_in};
use holdpoint::config::surroundings::Surroundings;
use holdpoint::model::migration::{RollbackClass, Standing};
use holdpoint::model::{Error, Kind};
use holdpoint::ops::checklist::{self, SCHEMA_MIGRATION, Scope, Signature, StepState};
use holdpoint::ops::gate::{self, Held};
use holdpoint::ops::{Clock, Connection, Cx, backup, connect, evidence, journal, migrate, recover};
use holdpoint::store::Store;
use rusqlite::Connection as Db;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A project: three databases of a small shop, and a directory of migrations.
struct Project {
    dir: tempfile::TempDir,
    cx: Cx,
}

const POLICY: &str = "approval = \"solo\"";

impl Project {
    fn new() -> Project {
        Project::with_policy(POLICY)
    }

    fn with_policy(policy: &str) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for env in ["dev", "qa", "prod"] {
            shop(&root.join(format!("{env}.db")), if env == "prod" { 300 } else { 30 });
        }
        std::fs::create_dir(root.join("migrations")).unwrap();
        std::fs::write(root.join("holdpoint.toml"), config(policy)).unwrap();
        let cx = cx(&root, "mira");
        let p = Project { dir, cx };
        p.migration(1, "add_phone", "ALTER TABLE customers ADD COLUMN phone TEXT;", "ALTER TABLE customers DROP COLUMN phone;");
        p
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }
    fn file(&self, name: &str) -> PathBuf {
        self.root().join("migrations").join(name)
    }
    fn migration(&self, version: i64, name: &str, up: &str, down: &str) {
        std::fs::write(self.file(&format!("{version:04}_{name}.up.sql")), up).unwrap();
        std::fs::write(self.file(&format!("{version:04}_{name}.down.sql")), down).unwrap();
    }
    async fn conn(&self, target: &str) -> Connection {
        connect::connect(&self.cx, target).await.unwrap()
    }
    fn db(&self, env: &str) -> Db {
        Db::open(self.root().join(format!("{env}.db"))).unwrap()
    }
    /// The same project seen by somebody else, or by the same person's next process.
    fn again(&self, operator: &str) -> Cx {
        cx(&self.root(), operator)
    }
    async fn rehearse(&self) {
        migrate::rehearse(&self.cx, &self.conn("dev").await, None).await.unwrap();
    }
    async fn apply_in_qa(&self) {
        let qa = self.conn("qa").await;
        checklist::run_all_provable(&self.cx, &qa, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
        let c = gate::clear(&self.cx, &qa, None).await.unwrap().unwrap();
        migrate::apply(&self.cx, &qa, c).await.unwrap();
    }
    /// Everything that production asks for, up to the clearance.
    async fn ready(&self) -> Connection {
        self.rehearse().await;
        self.apply_in_qa().await;
        let prod = self.conn("prod").await;
        checklist::run_all_provable(&self.cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
        checklist::sign(&self.cx, &prod, SCHEMA_MIGRATION, "approval", &alone("mira")).await.unwrap();
        checklist::run_all_provable(&self.cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
        prod
    }
    async fn held(&self, conn: &Connection) -> Held {
        match gate::clear(&self.cx, conn, None).await.unwrap() {
            Err(h) => h,
            Ok(c) => panic!("cleared: {c:?}"),
        }
    }
    async fn state(&self, conn: &Connection, step: &str) -> (StepState, String) {
        let v = checklist::view(&self.cx, conn, SCHEMA_MIGRATION).await.unwrap();
        let s = v.steps.into_iter().find(|s| s.id == step).unwrap_or_else(|| panic!("no step {step}"));
        (s.state, s.summary)
    }
}

fn alone(name: &str) -> Signature {
    Signature { name: name.into(), text: "small, and tried out".into(), typed_target: Some("prod".into()) }
}

fn config(policy: &str) -> String {
    let mut out = format!("[policy]\n{policy}\n[store]\npath = \"store/store.db\"\n");
    for (name, env) in [("dev", "development"), ("qa", "qa"), ("prod", "production")] {
        out += &format!(
            "[targets.{name}]\nengine = \"sqlite\"\nenvironment = \"{env}\"\npath = \"{name}.db\"\nmigrations = \"migrations\"\nbackups = \"backups\"\nscratch = \"scratch\"\n"
        );
    }
    out
}

fn load(root: &Path) -> Config {
    load_in(None, &Surroundings::made_up(root, root, [])).unwrap()
}

fn cx(root: &Path, operator: &str) -> Cx {
    let mut config = load(root);
    config.operator = operator.into();
    let mut cx = Cx::new(config);
    cx.clock = Clock::fixed(jiff::Timestamp::now());
    assert_eq!(cx.store.problem(), None);
    cx
}

fn shop(path: &Path, orders: i64) {
    let db = Db::open(path).unwrap();
    db.execute_batch(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers, total REAL NOT NULL, state TEXT);",
    )
    .unwrap();
    for i in 0..10 {
        db.execute("INSERT INTO customers (name, note) VALUES (?, ?)", (format!("customer {i}"), (i % 2 == 0).then_some("gold"))).unwrap();
    }
    for i in 0..orders {
        db.execute("INSERT INTO orders (customer, total, state) VALUES (?, ?, 'paid')", (i % 10 + 1, i as f64 / 4.0)).unwrap();
    }
}

fn steps(h: &Held) -> Vec<&str> {
    h.missing.iter().map(|m| m.step.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_evidence_every_missing_step_is_named() {
    let p = Project::new();
    let prod = p.conn("prod").await;
    let h = p.held(&prod).await;
    assert_eq!(
        steps(&h),
        [
            "files-intact",
            "down-present",
            "applied-earlier",
            "backup-taken",
            "restore-verified",
            "rollback-proven",
            "approval",
            "preconditions"
        ]
    );
    let e = Error::from(h);
    assert_eq!((e.kind, e.exit_code()), (Kind::Held, 4));
    for step in ["rollback-proven", "backup-taken", "approval"] {
        assert!(e.message.contains(step), "{}", e.message);
    }
    assert!(e.hints.iter().any(|h| h.contains("holdpoint migrate rehearse dev")), "{:?}", e.hints);
    assert_eq!(p.db("prod").query_row("SELECT count(*) FROM pragma_table_info('customers')", [], |r| r.get::<_, i64>(0)).unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_honest_way_goes_through_and_back() {
    let p = Project::new();
    let prod = p.ready().await;
    let v = checklist::view(&p.cx, &prod, SCHEMA_MIGRATION).await.unwrap();
    assert_eq!(v.missing().count(), 0, "{v:#?}");
    let approval = v.steps.iter().find(|s| s.id == "approval").unwrap();
    assert_eq!(approval.state, StepState::Signed);
    assert!(approval.summary.starts_with("approved alone by mira"), "{}", approval.summary);

    let clearance = gate::clear(&p.cx, &prod, None).await.unwrap().unwrap();
    let report = migrate::apply(&p.cx, &prod, clearance).await.unwrap();
    assert_eq!(report.steps.len(), 1);
    let count = |sql: &str| p.db("prod").query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM pragma_table_info('customers')"), 4);
    // As sqlx writes it: SHA-384, success, a time.
    assert_eq!(
        count(
            "SELECT count(*) FROM _sqlx_migrations WHERE success AND length(checksum) = 48 AND execution_time > 0 AND description = 'add phone'"
        ),
        1
    );

    let validated = checklist::run_step(&p.cx, &prod, SCHEMA_MIGRATION, "validate").await.unwrap();
    assert!(validated.holds, "{}", validated.summary);
    assert!(validated.summary.contains("what the proof predicted"), "{}", validated.summary);

    // The clearance covers the revert.
    migrate::revert(&p.cx, &prod, report.revert).await.unwrap();
    assert_eq!(count("SELECT count(*) FROM pragma_table_info('customers')"), 3);
    assert_eq!(count("SELECT count(*) FROM _sqlx_migrations"), 0);
    assert_eq!(p.state(&prod, "validate").await.0, StepState::Waiting);

    // And again, by the same evidence; another process finds the right to revert in the record.
    let clearance = gate::clear(&p.cx, &prod, None).await.unwrap().unwrap();
    let again = migrate::apply(&p.cx, &prod, clearance).await.unwrap();
    drop(again);
    let preview = gate::preview_revert(&p.cx, &prod, None).await.unwrap();
    assert!(preview.covered && preview.missing.is_empty(), "{preview:?}");

    // Another range starts from nothing: the backup is from before the apply.
    p.migration(2, "more", "CREATE TABLE more (id INTEGER);", "DROP TABLE more;");
    checklist::run_all_provable(&p.cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    assert_eq!(p.state(&prod, "backup-taken").await, (StepState::Voided, "the schema changed after the backup was taken".into()));
    assert_eq!(p.state(&prod, "rollback-proven").await.0, StepState::Waiting);
    std::fs::remove_file(p.file("0002_more.up.sql")).unwrap();
    std::fs::remove_file(p.file("0002_more.down.sql")).unwrap();

    // Closed: a revert then takes the name typed, and says what is lost.
    checklist::run_all_provable(&p.cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    assert!(checklist::view(&p.cx, &prod, SCHEMA_MIGRATION).await.unwrap().closed);
    p.db("prod").execute("UPDATE customers SET phone = '1' WHERE id < 4", []).unwrap();
    let h = gate::clear_revert(&p.cx, &prod, None, None).await.unwrap().unwrap_err();
    assert_eq!(steps(&h), ["typed-name"]);
    assert!(h.missing[0].why.contains("customers.phone is dropped with 3 values, 3 of them since the proof"), "{}", h.missing[0].why);
    let right = gate::clear_revert(&p.cx, &prod, None, Some("prod")).await.unwrap().unwrap();
    migrate::revert(&p.cx, &prod, right).await.unwrap();
    assert_eq!(count("SELECT count(*) FROM pragma_table_info('customers')"), 3);

    assert!(matches!(journal::verify(&p.cx).unwrap(), journal::Verification::Intact { entries, .. } if entries > 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_edited_after_the_proof_closes_the_gate() {
    let p = Project::new();
    let prod = p.ready().await;
    let clearance = gate::clear(&p.cx, &prod, None).await.unwrap().unwrap();
    std::fs::write(p.file("0001_add_phone.down.sql"), "ALTER TABLE customers DROP COLUMN phone; -- edited").unwrap();
    let e = migrate::apply(&p.cx, &prod, clearance).await.unwrap_err();
    assert_eq!(e.kind, Kind::Held);
    assert!(e.message.contains("0001_add_phone.up.sql or its down script was edited since"), "{}", e.message);

    let h = p.held(&prod).await;
    for step in ["files-intact", "rollback-proven", "approval", "applied-earlier"] {
        assert!(steps(&h).contains(&step), "{h:?}");
    }
    let why = &h.missing.iter().find(|m| m.step == "rollback-proven").unwrap().why;
    assert_eq!(why, "0001_add_phone.down.sql was edited after the proof");
    let earlier = &h.missing.iter().find(|m| m.step == "applied-earlier").unwrap().why;
    assert!(earlier.contains("development: 0001_add_phone.down.sql was edited after it ran there"), "{earlier}");
    assert_eq!(p.state(&prod, "rollback-proven").await.0, StepState::Voided);
    assert_eq!(p.state(&prod, "approval").await.0, StepState::Voided);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_another_database_does_not_count() {
    let p = Project::new();
    let prod = p.ready().await;
    drop(prod);
    // Somebody else's file under the same name.
    std::fs::rename(p.root().join("prod.db"), p.root().join("old.db")).unwrap();
    shop(&p.root().join("prod.db"), 300);
    let prod = p.conn("prod").await;
    let h = p.held(&prod).await;
    let why = &h.missing.iter().find(|m| m.step == "backup-taken").unwrap().why;
    assert!(why.contains("made for another database"), "{why}");
    assert!(steps(&h).contains(&"rollback-proven") && steps(&h).contains(&"approval"));

    // And a backup of another database is refused where it is to be used.
    let qa = p.conn("qa").await;
    let taken = backup::take(&p.cx, &qa).await.unwrap();
    let e = backup::verify(&p.cx, &prod, Some(&taken.dir)).await.unwrap_err();
    assert_eq!(e.kind, Kind::Held);
    assert!(e.message.contains("of another database"), "{}", e.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_never_verifies_and_voids_what_rests_on_it() {
    let p = Project::new();
    let prod = p.ready().await;
    let listed = backup::list(&p.cx, &prod).await.unwrap();
    let dir = &listed[0].dir;
    assert!(listed[0].problem.is_none() && listed[0].verified.is_some(), "{listed:?}");
    let file = dir.join(&listed[0].manifest.as_ref().unwrap().artefacts[0].path);
    let whole = std::fs::read(&file).unwrap();

    // Same size, one bit otherwise.
    let mut bad = whole.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&file, &bad).unwrap();
    let h = p.held(&prod).await;
    assert!(h.missing.iter().any(|m| m.step == "backup-taken" && m.why.contains("changed or damaged")), "{h:?}");

    // Truncated.
    std::fs::write(&file, &whole[..whole.len() / 3]).unwrap();
    let e = backup::verify(&p.cx, &prod, Some(dir)).await.unwrap_err();
    assert!(e.message.contains("truncated"), "{}", e.message);
    let h = p.held(&prod).await;
    assert!(h.missing.iter().any(|m| m.step == "backup-taken" && m.why.contains("truncated")), "{h:?}");
    assert!(steps(&h).contains(&"restore-verified"), "{h:?}");

    // A manifest that was made to fit is not the one that was recorded.
    let manifest = dir.join("manifest.json");
    let mut m: serde_json::Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    m["artefacts"][0]["bytes"] = (whole.len() / 3).into();
    std::fs::write(&manifest, serde_json::to_vec_pretty(&m).unwrap()).unwrap();
    let h = p.held(&prod).await;
    assert!(h.missing.iter().any(|m| m.step == "backup-taken" && m.why.contains("manifest")), "{h:?}");
    assert!(backup::verify(&p.cx, &prod, Some(dir)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_backup_closes_the_gate_and_says_how_old_it_is() {
    let p = Project::new();
    let prod = p.ready().await;
    p.cx.clock.advance(25 * 3600);
    let h = p.held(&prod).await;
    let why = |step: &str| h.missing.iter().find(|m| m.step == step).map(|m| m.why.clone()).unwrap_or_default();
    assert_eq!(why("backup-taken"), "the backup is 25 h old; policy allows 24 h");
    assert!(why("preconditions").contains("the checklist allows 10 min"), "{h:?}");
    assert_eq!(p.state(&prod, "backup-taken").await.0, StepState::Expired);
    p.cx.clock.advance(-48 * 3600);
    let h = p.held(&prod).await;
    assert!(h.missing.iter().any(|m| m.why.contains("a clock was set back")), "{h:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_classes_are_told_apart_and_losses_counted() {
    let p = Project::new();
    p.migration(2, "drop_note", "ALTER TABLE customers DROP COLUMN note;", "ALTER TABLE customers ADD COLUMN note TEXT;");
    p.migration(3, "empty_down", "CREATE TABLE tags (id INTEGER PRIMARY KEY);", "-- nothing to do\n");
    p.migration(4, "wrong_down", "CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER);", "DROP TABLE a;");
    p.migration(5, "delete_rows", "DELETE FROM orders WHERE id <= 7;", "UPDATE orders SET state = state;");
    p.migration(6, "backfill", "UPDATE orders SET state = 'done' WHERE id > 100;", "UPDATE orders SET state = state;");
    p.migration(7, "failing_down", "CREATE TABLE c (id INTEGER);", "DROP TABLE nonesuch;");
    let prod = p.conn("prod").await;
    let report = migrate::prove(&p.cx, &prod, None).await.unwrap();
    let class: Vec<_> = report.steps.iter().map(|s| (s.version.unwrap(), s.class)).collect();
    use RollbackClass::*;
    assert_eq!(
        class,
        [(1, Exact), (2, Lossy), (3, Irreversible), (4, Irreversible), (5, Lossy), (6, Lossy), (7, Irreversible)],
        "{report:#?}"
    );
    assert_eq!(report.steps[1].lost["customers.note"], 5, "{:?}", report.steps[1]);
    assert_eq!(report.steps[4].lost["orders"], 7, "{:?}", report.steps[4]);
    assert!(report.steps[5].summary.contains("orders.state"), "{:?}", report.steps[5]);
    assert!(report.steps[2].summary.contains("an empty down is not a rollback"), "{:?}", report.steps[2]);
    assert!(report.steps[3].summary.contains("b"), "{:?}", report.steps[3]);
    assert!(report.steps[6].summary.contains("the down script fails"), "{:?}", report.steps[6]);
    assert!(!report.holds && report.range.is_none());
    assert_eq!(report.why_not.len(), 3, "{:?}", report.why_not);
    // Nothing of it touched the target, and nothing is left in scratch.
    assert_eq!(
        p.db("prod").query_row("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'", [], |r| r.get::<_, i64>(0)).unwrap(),
        0
    );
    let left: Vec<_> = std::fs::read_dir(p.root().join("scratch")).map(|d| d.flatten().collect()).unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");

    // The step stands as failed, and the queue shows each verdict.
    checklist::run_all_provable(&p.cx, &p.conn("dev").await, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    let h = p.held(&p.conn("dev").await).await;
    assert_eq!(steps(&h), ["down-present"], "even development asks for a down: {h:?}");
    let queue = migrate::status(&p.cx, &prod).await.unwrap();
    assert_eq!(queue.items[1].class, Some(Lossy));
    assert!(queue.items[1].verdict.as_ref().unwrap().contains("5 values of customers.note"), "{:?}", queue.items[1].verdict);
    assert_eq!(p.state(&prod, "rollback-proven").await.0, StepState::Failed);

    // The part before the bad ones can be proven; lossy holds where policy allows it, with its counts in the summary.
    let part = migrate::prove(&p.cx, &prod, Some(2)).await.unwrap();
    assert!(part.holds, "{part:#?}");
    assert_eq!(part.range.as_ref().unwrap().class, Lossy);
    assert!(part.evidence.last().unwrap().summary.contains("5 values of customers.note"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lossy_is_refused_where_policy_forbids_it() {
    let p = Project::with_policy("approval = \"solo\"\nallow_lossy = false");
    p.migration(1, "add_phone", "ALTER TABLE customers DROP COLUMN note;", "ALTER TABLE customers ADD COLUMN note TEXT;");
    let prod = p.conn("prod").await;
    let report = migrate::prove(&p.cx, &prod, None).await.unwrap();
    assert!(!report.holds);
    assert!(report.why_not[0].contains("policy forbids that"), "{:?}", report.why_not);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_is_somebody_else() {
    let p = Project::with_policy("approval = \"second\"");
    p.rehearse().await;
    p.apply_in_qa().await;
    let prod = p.conn("prod").await;
    // Before the proofs nobody can approve.
    let early = checklist::sign(&p.cx, &prod, SCHEMA_MIGRATION, "approval", &alone("jon")).await.unwrap_err();
    assert!(early.message.contains("these must be proved"), "{}", early.message);
    checklist::run_all_provable(&p.cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    for myself in ["mira", " Mira ", "MIRA"] {
        let e = checklist::sign(&p.cx, &prod, SCHEMA_MIGRATION, "approval", &alone(myself)).await.unwrap_err();
        assert_eq!(e.kind, Kind::Held);
        assert!(e.message.contains("started this run and cannot approve it"), "{}", e.message);
    }
    let e = checklist::sign(&p.cx, &prod, SCHEMA_MIGRATION, "backup-taken", &alone("jon")).await.unwrap_err();
    assert!(e.message.contains("computed, never signed"), "{}", e.message);
    let signed = checklist::sign(&p.again("jon"), &prod, SCHEMA_MIGRATION, "approval", &alone("jon")).await.unwrap();
    assert_eq!(signed.facts["approved"], "by a second person");
    checklist::run_all_provable(&p.cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    // Who approved does not apply.
    let h = gate::clear(&p.again("Jon"), &prod, None).await.unwrap().unwrap_err();
    assert!(h.missing[0].step == "approval" && h.missing[0].why.contains("cannot apply it too"), "{h:?}");
    let c = gate::clear(&p.cx, &prod, None).await.unwrap();
    assert!(c.is_ok(), "{c:?}");

    // Solo approvals do not count under this policy, and a solo approval needs the target's name.
    let solo = Project::new();
    solo.rehearse().await;
    solo.apply_in_qa().await;
    let prod = solo.conn("prod").await;
    checklist::run_all_provable(&solo.cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    let unnamed = Signature { typed_target: Some("production".into()), ..alone("mira") };
    assert!(
        checklist::sign(&solo.cx, &prod, SCHEMA_MIGRATION, "approval", &unnamed)
            .await
            .unwrap_err()
            .message
            .contains("type the target's name")
    );
    checklist::sign(&solo.cx, &prod, SCHEMA_MIGRATION, "approval", &alone("mira")).await.unwrap();
    std::fs::write(solo.root().join("holdpoint.toml"), config("approval = \"second\"")).unwrap();
    let strict = solo.again("mira");
    let h = gate::clear(&strict, &prod, None).await.unwrap().unwrap_err();
    assert!(h.missing.iter().any(|m| m.step == "approval" && m.why.contains("approved alone")), "{h:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tampered_evidence_and_a_tampered_journal_hold_everything() {
    let p = Project::new();
    let prod = p.ready().await;
    let store = p.root().join("store/store.db");
    let db = Db::open(&store).unwrap();
    db.execute_batch(
        "DROP TRIGGER evidence_is_fixed;
         UPDATE evidence SET body = replace(body, '\"class\":\"exact\"', '\"class\":\"lossy\"') WHERE kind = 'rollback-proven' AND target = 'prod'",
    )
    .unwrap();
    let h = p.held(&prod).await;
    assert!(h.missing.iter().any(|m| m.step == "rollback-proven" && m.why.contains("was changed after it was made")), "{h:?}");
    assert!(matches!(journal::verify(&p.cx).unwrap(), journal::Verification::Broken { .. }));

    let p = Project::new();
    let prod = p.ready().await;
    let db = Db::open(p.root().join("store/store.db")).unwrap();
    db.execute_batch("DROP TRIGGER journal_is_append_only; UPDATE journal SET operator = 'somebody else' WHERE seq = 5").unwrap();
    let h = p.held(&prod).await;
    assert!(h.missing.iter().any(|m| m.step == "journal" && m.why.contains("record 5")), "{h:?}");
    let journal::Verification::Broken { at, .. } = journal::verify(&p.cx).unwrap() else { panic!("intact") };
    assert_eq!(at, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_statement_leaves_the_target_as_it_was_and_says_so() {
    let p = Project::new();
    p.migration(
        2,
        "fails_on_data",
        "CREATE UNIQUE INDEX one_note ON customers (note); INSERT INTO customers (name) SELECT 1/0 FROM nonesuch;",
        "DROP INDEX one_note;",
    );
    let dev = p.conn("dev").await;
    checklist::run_all_provable(&p.cx, &dev, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    let c = gate::clear(&p.cx, &dev, None).await.unwrap().unwrap();
    let e = migrate::apply(&p.cx, &dev, c).await.unwrap_err();
    let detail = e.detail.clone().unwrap();
    assert!(e.message.contains("0002_fails_on_data.up.sql:1, statement"), "{}", e.message);
    assert!(detail.contains("0001 add_phone: applied"), "{detail}");
    assert!(detail.contains("0002 fails_on_data: not applied: everything it did was rolled back"), "{detail}");
    let queue = migrate::status(&p.cx, &dev).await.unwrap();
    assert_eq!(queue.items.iter().map(|i| i.standing).collect::<Vec<_>>(), [Standing::Applied, Standing::Pending]);
    // What is applied can be taken back, by the same run.
    let right = gate::clear_revert(&p.cx, &dev, None, None).await.unwrap().unwrap();
    assert_eq!(right.versions(), [1]);
    migrate::revert(&p.cx, &dev, right).await.unwrap();
}

/// Another process that rehearses in development and is in its second statement, which takes long.
fn cut_in_second_statement(p: &Project) -> std::process::Child {
    p.migration(
        1,
        "add_phone",
        "ALTER TABLE customers ADD COLUMN phone TEXT;
         CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000000) SELECT i FROM n;",
        "DROP TABLE big; ALTER TABLE customers DROP COLUMN phone;",
    );
    let root = p.root();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_holdpoint"));
    child.env_clear().env("HOME", &root).env("HOLDPOINT_OPERATOR", "mira").current_dir(&root).args(["migrate", "rehearse", "dev"]);
    let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = || {
        let all = p.cx.store.entries(&journal::Filter { kind: Some("statement-before".into()), ..Default::default() }).unwrap();
        all.iter().any(|e| e.body["statement"] == 2)
    };
    let start = std::time::Instant::now();
    while !began() {
        assert!(start.elapsed().as_secs() < 60, "the run never got to its second statement");
        assert_eq!(child.try_wait().unwrap(), None, "the run ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_run_in_order() {
    let p = Project::new();
    let mut child = cut_in_second_statement(&p);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(recover::unfinished(&p.cx).unwrap(), [], "it ended, and said so");
    let failed = p.cx.store.entries(&journal::Filter { kind: Some("act-failed".into()), ..Default::default() }).unwrap();
    assert!(failed[0].sentence().contains("cancelled at 0001_add_phone.up.sql:2, statement 2 of 2"), "{}", failed[0].sentence());
    assert!(failed[0].body["detail"].as_str().unwrap().contains("everything it did was rolled back"));
    let queue = migrate::status(&p.cx, &p.conn("dev").await).await.unwrap();
    assert_eq!(queue.items[0].standing, Standing::Pending);
}

/// Cancels as soon as the statement with this text is about to be sent.
struct CancelAt(&'static str, tokio_util::sync::CancellationToken);

impl holdpoint::model::Progress for CancelAt {
    fn update(&self, step: &str, _done: u64, _total: Option<u64>) {
        if step.contains(self.0) {
            self.1.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_before_a_statement_is_sent_does_not_send_it() {
    let p = Project::new();
    // It would never end.
    p.migration(
        1,
        "add_phone",
        "CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT i FROM n;",
        "DROP TABLE big;",
    );
    let mut cx = p.cx.clone();
    cx.cancel = tokio_util::sync::CancellationToken::new();
    cx.progress = Arc::new(CancelAt("CREATE TABLE big", cx.cancel.clone()));
    let dev = p.conn("dev").await;
    // What is lost is lost by chance: an unlucky cancel would hang one of these.
    for _ in 0..4 {
        let run = migrate::rehearse(&cx, &dev, None);
        let e = tokio::time::timeout(std::time::Duration::from_secs(30), run).await.expect("the cancel was lost").unwrap_err();
        assert!(e.message.contains("cancelled"), "{e:?}");
        cx.cancel = tokio_util::sync::CancellationToken::new();
        cx.progress = Arc::new(CancelAt("CREATE TABLE big", cx.cancel.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cut_off_is_found_and_explained() {
    let p = Project::new();
    let mut child = cut_in_second_statement(&p);
    // While it lives it is in the way, and not unfinished.
    assert_eq!(recover::unfinished(&p.cx).unwrap(), []);
    child.kill().unwrap();
    child.wait().unwrap();

    let dev = p.conn("dev").await;
    let h = p.held(&dev).await;
    assert!(h.missing.iter().any(|m| m.step == "unfinished" && m.why.contains("was cut off")), "{h:?}");
    let found = recover::unfinished(&p.cx).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].last, "0001, statement 2 of 2 was sent and not answered");
    let x = recover::explain(&p.cx, &dev, &found[0]).await.unwrap();
    assert!(x.settled, "{x:#?}");
    assert!(x.truths[0].contains("not applied") && x.truths[0].contains("rolled them back"), "{:?}", x.truths);
    assert!(x.truths.iter().any(|t| t.contains("exactly as it was before the run")), "{:?}", x.truths);
    assert_eq!(recover::unfinished(&p.cx).unwrap(), []);
    let h = gate::clear(&p.cx, &dev, None).await.unwrap();
    assert!(h.is_ok(), "{h:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_travels_between_hosts_and_edited_bundles_are_refused() {
    let p = Project::new();
    p.rehearse().await;
    p.apply_in_qa().await;
    let bundle = p.root().join("bundle.json");
    assert!(evidence::export(&p.cx, Some("dev"), &bundle).unwrap() > 3);
    assert!(evidence::export(&p.cx, Some("dev"), &bundle).is_err(), "an existing file is not overwritten");
    let qa = p.root().join("qa.json");
    evidence::export(&p.cx, Some("qa"), &qa).unwrap();

    // A host with a store of its own that knows nothing of development and qa.
    let mut elsewhere = p.again("jon");
    elsewhere.store = Arc::new(Store::open(&p.root().join("elsewhere/store.db")));
    elsewhere.host = "bastion".into();
    let prod = p.conn("prod").await;
    let first = checklist::run_step(&elsewhere, &prod, SCHEMA_MIGRATION, "applied-earlier").await.unwrap();
    assert!(!first.holds, "{}", first.summary);

    let text = std::fs::read_to_string(&bundle).unwrap();
    let cut = p.root().join("cut.json");
    for (edited, why) in [(text.replace("\"reverted\"", "\"applied\""), "was edited"), (text[..text.len() / 2].to_string(), "was cut")] {
        std::fs::write(&cut, edited).unwrap();
        let e = evidence::import(&elsewhere, &cut).unwrap_err();
        assert!(e.message.contains(why), "{}", e.message);
    }
    let mut whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    whole["evidence"].as_array_mut().unwrap().remove(0);
    std::fs::write(&cut, whole.to_string()).unwrap();
    assert!(evidence::import(&elsewhere, &cut).unwrap_err().message.contains("does not fit its hash"));
    assert_eq!(elsewhere.store.evidence(Some("applied")).unwrap(), []);

    let report = evidence::import(&elsewhere, &bundle).unwrap();
    assert!(!report.taken.is_empty());
    evidence::import(&elsewhere, &qa).unwrap();
    assert_eq!(evidence::import(&elsewhere, &qa).unwrap().taken.len(), 0, "twice is once");
    // The failure on record is no reason to stay failed: it only has to be looked at again.
    let v = checklist::view(&elsewhere, &prod, SCHEMA_MIGRATION).await.unwrap();
    let step = v.steps.iter().find(|s| s.id == "applied-earlier").unwrap();
    assert_eq!(
        (step.state, step.summary.as_str()),
        (StepState::Waiting, "what was missing then is there now, and has not been looked at again")
    );
    let again = checklist::run_step(&elsewhere, &prod, SCHEMA_MIGRATION, "applied-earlier").await.unwrap();
    assert!(again.holds, "{}", again.summary);
    assert!(matches!(journal::verify(&elsewhere).unwrap(), journal::Verification::Intact { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_gated_work_is_refused_and_reading_goes_on() {
    let p = Project::new();
    let mut cx = p.cx.clone();
    let bad = p.root().join("not-a-store");
    std::fs::write(&bad, "x".repeat(200)).unwrap();
    cx.store = Arc::new(Store::open(&bad));
    let prod = p.conn("prod").await;
    assert_eq!(migrate::status(&cx, &prod).await.unwrap().items.len(), 1);
    let e = gate::clear(&cx, &prod, None).await.unwrap_err();
    assert!(e.message.contains("the store") && !e.hints.is_empty(), "{e:?}");
    assert!(backup::take(&cx, &prod).await.is_err());
    assert!(!p.root().join("backups").exists(), "nothing half-recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_range_can_be_a_part_and_changing_it_voids_what_was_proven_of_the_other() {
    let p = Project::new();
    p.migration(2, "drop_note", "ALTER TABLE customers DROP COLUMN note;", "ALTER TABLE customers ADD COLUMN note TEXT;");
    let prod = p.conn("prod").await;
    checklist::scope(&p.cx, &prod, SCHEMA_MIGRATION, &Scope { upto: Some(1), issue: Some("OPS-7".into()) }).await.unwrap();
    checklist::run_step(&p.cx, &prod, SCHEMA_MIGRATION, "down-present").await.unwrap();
    assert_eq!(p.state(&prod, "down-present").await.0, StepState::Proved);
    let v = checklist::scope(&p.cx, &prod, SCHEMA_MIGRATION, &Scope::default()).await.unwrap();
    assert_eq!((v.range, v.issue.as_deref()), (vec![1, 2], Some("OPS-7")));
    let (state, why) = p.state(&prod, "down-present").await;
    assert_eq!(state, StepState::Voided);
    assert!(why.contains("0002_drop_note"), "{why}");
    assert!(checklist::scope(&p.cx, &prod, SCHEMA_MIGRATION, &Scope { upto: Some(9), issue: None }).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_a_transaction_a_failure_leaves_a_mark_that_holds_until_it_is_settled() {
    let p = Project::new();
    p.migration(
        1,
        "add_phone",
        "-- no-transaction\nALTER TABLE customers ADD COLUMN phone TEXT;\nINSERT INTO nonesuch VALUES (1);",
        "ALTER TABLE customers DROP COLUMN phone;",
    );
    let dev = p.conn("dev").await;
    checklist::run_all_provable(&p.cx, &dev, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    let c = gate::clear(&p.cx, &dev, None).await.unwrap().unwrap();
    let e = migrate::apply(&p.cx, &dev, c).await.unwrap_err();
    let detail = e.detail.clone().unwrap();
    assert!(detail.contains("0001 add_phone: half applied: 1 of its statements took effect and stay"), "{detail}");
    let queue = migrate::status(&p.cx, &dev).await.unwrap();
    assert_eq!(queue.items[0].standing, Standing::Dirty);
    // Nothing else runs on it, forwards or backwards.
    let held = gate::clear(&p.cx, &dev, None).await;
    assert!(!matches!(held, Ok(Ok(_))), "{held:?}");
    let back = gate::clear_revert(&p.cx, &dev, None, Some("dev")).await;
    assert!(!matches!(back, Ok(Ok(_))), "{back:?}");
    // Settled by hand as the message says: undone, and the row deleted.
    p.db("dev").execute_batch("ALTER TABLE customers DROP COLUMN phone; DELETE FROM _sqlx_migrations WHERE version = 1").unwrap();
    assert_eq!(migrate::status(&p.cx, &dev).await.unwrap().items[0].standing, Standing::Pending);
    let again = gate::clear(&p.cx, &dev, None).await.unwrap();
    assert!(again.is_ok(), "{again:?}");
}
