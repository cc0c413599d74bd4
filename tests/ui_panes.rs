//! The Migrations, Checklist, Backups and Journal panes: keys to effects, reports to state, and how it all looks at
//! 80×24, at 160×48 and without colour or Unicode. Nothing runs: reports are made up.

#[path = "ui_panes/checklist.rs"]
mod checklist;
#[path = "ui_panes/migrations.rs"]
mod migrations;

use holdpoint::app::dialog::{Dialog, Then};
use holdpoint::app::effect::Operation;
use holdpoint::app::link::Server;
use holdpoint::app::msg::{CutOff, Ran, Report, Timer};
use holdpoint::app::{Action, Effect, Msg, Pane, State, update};
use holdpoint::config::StepKind;
use holdpoint::config::files::load_in;
use holdpoint::config::keymap::{Key, Keymap};
use holdpoint::config::surroundings::Surroundings;
use holdpoint::config::theme::{ColourDepth, Theme};
use holdpoint::engine::SessionStatus;
use holdpoint::model::evidence::Grade;
use holdpoint::model::manifest::{Fingerprint, Manifest};
use holdpoint::model::migration::{Applied, Migration, RollbackClass, Script, Standing};
use holdpoint::model::{Dialect, Error, Finding, Identity, ReadOnly, Severity, TxState};
use holdpoint::ops::backup::Listed;
use holdpoint::ops::checklist::{RunView, StepOutcome, StepState, StepView};
use holdpoint::ops::checklists::Which;
use holdpoint::ops::gate::{Held, Missing, RevertPreview};
use holdpoint::ops::journal::{Entry, Verification};
use holdpoint::ops::migrate::status::QueueItem;
use holdpoint::ops::migrate::{Queue, StepRun};
use holdpoint::ops::recover::{Explained, Unfinished};
use holdpoint::ui::{self, Look};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const CONFIG: &str = r#"
[policy]
approval = "solo"
[operator]
name = "mira"
[targets.shop-dev]
engine = "sqlite"
path = "dev.db"
environment = "development"
migrations = "migrations"
[targets.shop-qa]
engine = "sqlite"
path = "qa.db"
environment = "qa"
migrations = "migrations"
[targets.shop-prod]
engine = "sqlite"
path = "prod.db"
environment = "production"
migrations = "migrations"
"#;

/// A state with a target open, and the effects of what was done last.
struct World {
    state: State,
    effects: Vec<Effect>,
    _dir: tempfile::TempDir,
}

impl World {
    /// `shop-prod` is open; what was asked for in the background is not answered yet.
    fn open(size: (u16, u16)) -> World {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("holdpoint.toml");
        std::fs::write(&file, CONFIG).unwrap();
        let around = Surroundings::made_up(dir.path(), dir.path(), []);
        let config = load_in(Some(&file), &around).unwrap();
        let target = config.targets["shop-prod"].clone();
        let now = "2026-11-21T14:10:00Z".parse().unwrap();
        let mut state = State::new(Arc::new(config), Keymap::builtin().unwrap(), size, now);
        let mut effects = Vec::new();
        holdpoint::app::update::connect(&mut state, "shop-prod", None, &mut effects);
        let status = SessionStatus {
            tx: TxState::Idle,
            read_only: ReadOnly::File,
            lost: None,
            round_trip: None,
            place: None,
            reading: Dialect::Sqlite.into(),
        };
        let server = Server {
            target,
            identity: identity(),
            status,
            dialect: Dialect::Sqlite,
            no_plans: None,
            no_backups: None,
            no_migrations: None,
        };
        let link = state.link_no;
        let mut w = World { state, effects: Vec::new(), _dir: dir };
        w.tell(Msg::Connected { link, server: Box::new(server) });
        w
    }

    /// Queue and run are known, and the pane has the focus.
    fn at(size: (u16, u16), pane: Pane) -> World {
        let mut w = World::open(size);
        w.report(Report::Queue(Ok(Box::new(queue()))));
        w.report(checked(Ok(Box::new(run()))));
        w.effects.clear();
        let action = match pane {
            Pane::Migrations => Action::GoMigrations,
            Pane::Checklist => Action::GoChecklist,
            Pane::Backups => Action::GoBackups,
            Pane::Journal => Action::GoJournal,
            _ => Action::GoQuery,
        };
        holdpoint::app::update::act(&mut w.state, action, &mut w.effects);
        w
    }

    fn tell(&mut self, msg: Msg) {
        self.effects = update(&mut self.state, msg);
        // Hands rest when a question opens by itself, and behind the letter that answers it.
        while let Some(at) = self.effects.iter().position(|e| matches!(e, Effect::After(_, Timer::Rest { .. } | Timer::Letter { .. })))
            && let Effect::After(_, timer) = self.effects.remove(at)
        {
            self.effects.extend(update(&mut self.state, Msg::Timer(timer)));
        }
    }

    /// A report of the job that runs, or of one in the background.
    fn report(&mut self, report: Report) {
        let job = self.state.work.as_ref().map_or(0, |w| w.job);
        let link = self.state.link_no;
        self.tell(Msg::Ended { job, link, report });
    }

    /// Keys as in `keymap.toml`, with blanks between.
    fn keys(&mut self, keys: &str) {
        let mut all = Vec::new();
        for k in keys.split_whitespace() {
            self.tell(Msg::Key(Key::parse(k).unwrap()));
            all.append(&mut self.effects);
        }
        self.effects = all;
    }

    fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.tell(Msg::Key(Key::char(c)));
        }
    }

    fn operations(&self) -> Vec<&Operation> {
        self.effects.iter().filter_map(|e| if let Effect::Operate { operation, .. } = e { Some(operation) } else { None }).collect()
    }

    fn said(&self) -> &str {
        self.state.messages.log.back().map_or("", |n| &n.text)
    }

    /// The screen in the dark theme is the snapshot of that name.
    #[track_caller]
    fn looks_like(&self, name: &str) {
        insta::assert_snapshot!(name, self.screen(false, "dark"));
    }

    fn screen(&self, ascii: bool, theme: &str) -> String {
        let look = Look::new(&Theme::built_in(theme, if theme == "mono" { ColourDepth::None } else { ColourDepth::True }).unwrap(), ascii);
        let (w, h) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(w, h)).unwrap();
        terminal.draw(|f| ui::draw(&self.state, &look, f)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let mut out = String::new();
        for y in 0..h {
            let line: String = (0..w).map(|x| buffer[(x, y)].symbol()).collect();
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn script(name: &str, text: &str) -> Script {
    Script { path: PathBuf::from("migrations").join(name), text: text.into(), sha256: "ab".repeat(32) }
}

fn migration(version: i64, name: &str, up: &str, down: Option<&str>) -> Migration {
    Migration {
        version,
        name: name.into(),
        up: script(&format!("{version:04}_{name}.up.sql"), up),
        down: down.map(|d| script(&format!("{version:04}_{name}.down.sql"), d)),
        no_transaction: false,
    }
}

fn applied(version: i64, name: &str) -> Applied {
    Applied {
        version,
        description: name.replace('_', " "),
        installed_on: "2026-11-12 09:00:00".into(),
        success: true,
        checksum: "cd".repeat(48),
        execution_time: 1,
    }
}

fn queue() -> Queue {
    let item = |version, name: &str, standing, migration, applied, class, verdict: Option<&str>| QueueItem {
        version,
        name: name.into(),
        standing,
        migration,
        applied,
        class,
        verdict: verdict.map(str::to_string),
    };
    let done = |v, n: &str, s| {
        item(v, n, s, Some(migration(v, n, "create table a (id integer);", Some("drop table a;"))), Some(applied(v, n)), None, None)
    };
    let index = migration(
        4,
        "index_orders",
        "-- The orders of one customer, newest first.\ncreate index orders_customer on orders (customer_id, placed_at);\n",
        Some("drop index orders_customer;\n"),
    );
    let fax = migration(
        5,
        "drop_customer_fax",
        "-- Nobody sends a fax any more.\nalter table customers drop column fax;\n",
        Some("-- The column comes back, the numbers do not.\nalter table customers add column fax text;\n"),
    );
    Queue {
        dir: PathBuf::from("/srv/shop/migrations"),
        items: vec![
            done(1, "create_shop", Standing::Applied),
            done(2, "add_payments", Standing::Edited),
            item(3, "gone", Standing::FileMissing, None, Some(applied(3, "gone")), None, None),
            item(4, "index_orders", Standing::Pending, Some(index), None, Some(RollbackClass::Exact), None),
            item(
                5,
                "drop_customer_fax",
                Standing::Pending,
                Some(fax),
                None,
                Some(RollbackClass::Lossy),
                Some("down loses 1,204 values of customers.fax"),
            ),
            item(
                6,
                "backfill_totals",
                Standing::Pending,
                Some(migration(6, "backfill_totals", "update orders set total = 1;\n", None)),
                None,
                None,
                None,
            ),
        ],
        findings: vec![
            Finding::new(Severity::Critical, "edited", "0002", "0002_add_payments.up.sql was edited after it was applied")
                .next("Bring back the file as it was applied, and put the change into a new migration."),
        ],
        transactional_ddl: true,
        history_present: true,
    }
}

/// The run of the migrations, as the job tells it.
fn checked(result: holdpoint::model::Result<Box<RunView>>) -> Report {
    Report::Checklist { which: Which::migrations(), result }
}

fn step(id: &str, title: &str, kind: StepKind, state: StepState, summary: &str) -> StepView {
    StepView {
        id: id.into(),
        title: title.into(),
        help: "What this step is for.".into(),
        kind,
        act: id == "apply",
        hold: id != "record",
        state,
        summary: summary.into(),
        grade: (id == "restore-verified").then_some(Grade::Full),
        class: None,
        at: matches!(state, StepState::Proved).then(|| "2026-11-21T14:06:00Z".into()),
        age: None,
        by: Some("mira".into()),
        facts: Default::default(),
        voids_if: "It becomes void if a file, the target or the backup changes.".into(),
        why_not: if state == StepState::Held { vec!["nobody has approved it".into()] } else { Vec::new() },
        next: if id == "approval" { "Ask a second person, or sign alone with a reason.".into() } else { String::new() },
        command: format!("holdpoint checklist sign {id}"),
        evidence: matches!(state, StepState::Proved).then(|| "e1".repeat(32)),
    }
}

fn run() -> RunView {
    use StepKind::{Proved, Signed};
    use StepState as S;
    RunView {
        checklist: "schema-migration".into(),
        title: "Schema migration".into(),
        target: "shop-prod".into(),
        environment: Some("production".into()),
        run: Some("0badcafe".into()),
        issue: Some("OPS-4711".into()),
        started_by: Some("mira".into()),
        started_at: Some("2026-11-21T14:01:00Z".into()),
        range: vec![4, 5],
        steps: vec![
            step("files-intact", "Files intact, parsed, history consistent", Proved, S::Proved, "2 migrations, 5 statements"),
            step("down-present", "Down scripts present", Proved, S::Proved, "each of 2 has one"),
            step("applied-earlier", "Applied in the earlier environments", Proved, S::Proved, "development, qa"),
            step("backup-taken", "Backup taken", Proved, S::Proved, "3.1 GB, 0x3f9a0000"),
            step("restore-verified", "Restore verified", Proved, S::Proved, "63 tables equal, in 38 s"),
            step("rollback-proven", "Rollback proven", Proved, S::Proved, "lossy: 1,204 values of customers.fax"),
            step("approval", "Approved", Signed, S::Held, ""),
            step("preconditions", "Preconditions, now", Proved, S::Waiting, ""),
            step("apply", "Apply", Proved, S::Waiting, ""),
            step("validate", "Validated", Proved, S::Waiting, ""),
            step("record", "Recorded, run closed", Proved, S::Waiting, ""),
        ],
        next: Some(6),
        applied: false,
        closed: false,
        subject: None,
        findings: Vec::new(),
    }
}

/// The run with the steps before `id` ticked and it as the next one.
fn run_at(id: &str) -> RunView {
    let mut v = run();
    let next = v.steps.iter().position(|s| s.id == id).unwrap();
    for (i, s) in v.steps.iter_mut().enumerate() {
        s.why_not.clear();
        s.state = if i < next { StepState::Proved } else { StepState::Waiting };
    }
    v.next = Some(next);
    v
}

fn held() -> Held {
    let missing = |step: &str, title: &str, why: &str, next: &str| Missing {
        step: step.into(),
        title: title.into(),
        why: why.into(),
        next: next.into(),
    };
    Held {
        act: "apply 0004…0005 on shop-prod".into(),
        missing: vec![
            missing("approval", "Approved", "nobody has approved it", "Ask: holdpoint checklist sign shop-prod approval"),
            missing(
                "preconditions",
                "Preconditions, now",
                "they were read 20 min ago and are good for 10 min",
                "Run: holdpoint checklist run preconditions",
            ),
        ],
    }
}

const NARROW: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (160, 48);

#[test]
fn connecting_reads_queue_run_and_what_was_cut_off_in_the_background() {
    let w = World::open(NARROW);
    assert_eq!(w.operations(), [&Operation::Queue, &Operation::Checklist(Which::migrations()), &Operation::CutOff]);
    assert!(w.state.jobs.is_empty(), "nothing of it stands in the footer");
}

#[test]
fn the_guide_goes_by_what_happened_and_can_be_hidden() {
    let mut w = World::open(NARROW);
    w.state.guide = true;
    let step = |w: &World| w.state.guide_state.reached;
    w.keys("Down");
    assert_eq!(step(&w), 0);
    // Keys alone are no progress: the queue has to be there.
    w.keys("3");
    assert_eq!(step(&w), 0);
    let mut q = queue();
    q.items.iter_mut().for_each(|i| i.class = None);
    w.report(Report::Queue(Ok(Box::new(q))));
    assert_eq!(step(&w), 4);
    assert!(w.screen(false, "dark").contains("Guide 5 of 13"));
    w.report(Report::Queue(Ok(Box::new(queue()))));
    assert_eq!(step(&w), 5, "a class is known now");
    w.report(checked(Ok(Box::new(run()))));
    assert_eq!(step(&w), 9, "all is proved, and the approval is missing");
    w.keys("4");
    w.looks_like("guide_80");
    let mut v = run();
    v.applied = true;
    w.report(checked(Ok(Box::new(v))));
    assert_eq!(step(&w), 11);
    w.keys("Space v g");
    assert!(!w.screen(false, "dark").contains("Guide"));
}

#[test]
fn backups_are_taken_verified_and_explained() {
    let mut w = World::at(NARROW, Pane::Backups);
    assert_eq!(w.operations(), [&Operation::Backups]);
    w.report(Report::Backups(Ok(backups())));
    w.looks_like("backups_80");
    w.keys("v");
    assert_eq!(w.operations(), [&Operation::VerifyBackup(Some("/srv/backups/b2".into()))]);
    w.report(Report::Verified(Err(Error::failed("the scratch directory is full"))));
    // What cannot be verified says why.
    w.keys("G v");
    assert!(w.operations().is_empty() && w.said().contains("manifest.json is missing"), "{}", w.said());
    w.keys("t");
    assert_eq!(w.operations(), [&Operation::TakeBackup]);
}

/// The production database that all of them see.
fn identity() -> Identity {
    Identity {
        product: "SQLite".into(),
        version: "3.51.1".into(),
        major: "3".into(),
        address: "/srv/prod.db".into(),
        server_id: "7".into(),
        database: "prod.db".into(),
        database_id: String::new(),
        user: String::new(),
        pooler: None,
        unverified: None,
    }
}

fn backups() -> Vec<Listed> {
    let manifest = |id: &str, at: &str| Manifest {
        format: holdpoint::model::manifest::FORMAT,
        id: id.repeat(16),
        target: "shop-prod".into(),
        identity: identity(),
        taken_at: at.into(),
        taken_by: "mira".into(),
        tool: "VACUUM INTO, SQLite 3.51".into(),
        artefacts: Vec::new(),
        fingerprint: Fingerprint::default(),
        took_ms: 900,
        facts: Default::default(),
    };
    let listed = |dir: &str, manifest, problem: Option<&str>, verified| Listed {
        dir: PathBuf::from("/srv/backups").join(dir),
        manifest,
        problem: problem.map(str::to_string),
        bytes: 31_000_000,
        age: Some(240),
        same_database: Some(true),
        verified,
    };
    vec![
        listed("b2", Some(manifest("3f9a", "2026-11-21T14:06:00Z")), None, None),
        listed(
            "b1",
            Some(manifest("77aa", "2026-11-20T02:00:00Z")),
            None,
            Some(("2026-11-20T02:01:00Z".into(), Duration::from_millis(1800))),
        ),
        listed("b0", None, Some("manifest.json is missing"), None),
    ]
}

fn entries(from: i64, count: i64) -> Vec<Entry> {
    (0..count)
        .map(|i| Entry {
            seq: from - i,
            at: format!("2026-11-21T13:{:02}:00Z", i % 60),
            kind: "evidence".into(),
            operator: "mira".into(),
            host: "h".into(),
            target: "shop-prod".into(),
            body: serde_json::json!({ "summary": format!("record {} \u{1b}[2J", from - i) }),
            prev_hash: "00".repeat(32),
            hash: "11".repeat(32),
        })
        .collect()
}

#[test]
fn the_journal_reads_on_when_scrolled_and_keeps_its_place() {
    let mut w = World::at(NARROW, Pane::Journal);
    assert_eq!(w.operations(), [&Operation::Journal { before: None }]);
    w.report(Report::Journal { before: None, result: Ok(entries(900, 200)) });
    w.keys("Down");
    assert!(w.operations().is_empty(), "far from the end");
    w.keys("End");
    assert_eq!(w.operations(), [&Operation::Journal { before: Some(701) }]);
    w.keys("Up");
    assert!(w.operations().is_empty(), "asked already");
    w.report(Report::Journal { before: Some(701), result: Ok(entries(700, 30)) });
    assert_eq!(w.state.journal.items().len(), 230);
    assert!(w.state.journal.complete);
    // Something is done: the new entries join what is there, and the cursor stays on its entry.
    let at = w.state.journal.chosen().unwrap().seq;
    w.report(Report::Journal { before: None, result: Ok(entries(905, 200)) });
    assert_eq!(w.state.journal.items().len(), 235);
    assert_eq!(w.state.journal.chosen().unwrap().seq, at);
}

#[test]
fn the_journals_chain_is_walked_and_its_verdict_stays() {
    let mut w = World::at(NARROW, Pane::Journal);
    w.report(Report::Journal { before: None, result: Ok(entries(12, 12)) });
    w.keys("v");
    assert_eq!(w.operations(), [&Operation::VerifyJournal]);
    w.report(Report::JournalVerified(Ok(Verification::Broken { at: 7, why: "record 7 was changed after it was written".into() })));
    w.keys("Down");
    let screen = w.screen(false, "dark");
    assert!(!screen.contains('\u{1b}'), "outside text is cleaned");
    insta::assert_snapshot!("journal_80", screen);
    w.keys("Enter");
    assert!(matches!(w.state.dialogs.last(), Some(Dialog::Viewer(v)) if v.lines.iter().any(|l| l.contains("\"summary\""))));
}

#[test]
fn answers_of_another_connection_change_nothing() {
    let mut w = World::open(NARROW);
    let link = w.state.link_no - 1;
    w.tell(Msg::Ended { job: 0, link, report: Report::Queue(Ok(Box::new(queue()))) });
    assert!(w.state.migrations.queue.is_none());
}

#[test]
fn how_the_panes_look() {
    for (name, size) in [("80", NARROW), ("160", WIDE)] {
        let mut w = World::at(size, Pane::Migrations);
        w.keys("Down");
        w.looks_like(&format!("migrations_{name}"));
        let w = World::at(size, Pane::Checklist);
        w.looks_like(&format!("checklist_{name}"));
    }
    let mut w = World::at(WIDE, Pane::Editor);
    w.state.view.typing = false;
    w.looks_like("side_column_160");
    let mut w = World::at((120, 30), Pane::Editor);
    w.keys("Esc");
    let screen = w.screen(false, "dark");
    assert!(screen.lines().next().unwrap().ends_with("3 migrations·3  4 checklist 6/11"), "{screen}");
    let mut w = World::at(WIDE, Pane::Backups);
    w.report(Report::Backups(Ok(backups())));
    w.looks_like("backups_160");
}

#[test]
fn how_the_panes_look_without_unicode_and_colour() {
    let mut w = World::at(NARROW, Pane::Migrations);
    w.keys("Down");
    let screen = w.screen(true, "mono");
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("migrations_mono", screen);
    let w = World::at(NARROW, Pane::Checklist);
    let screen = w.screen(true, "mono");
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("checklist_mono", screen);
}

#[test]
fn nothing_breaks_at_the_smallest_size_or_with_nothing_known() {
    for size in [(60, 16), (100, 16), (160, 16)] {
        for pane in [Pane::Migrations, Pane::Checklist, Pane::Backups, Pane::Journal] {
            let w = World::at(size, pane);
            assert!(!w.screen(false, "dark").is_empty());
            let mut w = World::open(size);
            holdpoint::app::update::go(&mut w.state, pane, &mut Vec::new());
            w.keys("Down Up End Enter Esc p P a u s A e c v t y");
            assert!(!w.screen(true, "mono").is_empty());
        }
    }
}
