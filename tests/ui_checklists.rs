//! Checklists other than the migrations' one, and performance tests, from the console: keys in, effects out; nothing runs.

#[path = "ui/console.rs"]
#[allow(dead_code, reason = "shared with the tests of the screens")]
mod console;

use console::Console;
use holdpoint::app::effect::Operation;
use holdpoint::app::msg::Report;
use holdpoint::app::panes::plan::performance::{Ran, Wanted};
use holdpoint::app::panes::plan::trial::{Trial, Tried};
use holdpoint::app::{Action, Effect, Msg, Pane, update};
use holdpoint::config::StepKind;
use holdpoint::model::{Error, Kind};
use holdpoint::ops::checklist::{RunView, StepOutcome, StepState, StepView};
use holdpoint::ops::checklists::{Entry, Listed, Which};
use holdpoint::ops::plan_test::{Known, SetReport, TestReport};
use holdpoint::plan::environment::Differences;
use holdpoint::plan::measure::{Sample, summary};
use holdpoint::plan::requirement::{Checked, Standing};
use std::path::PathBuf;

const SQL: &str = "select * from orders where state = 'paid'";

fn open(w: u16, h: u16) -> Console {
    let mut c = Console::new(w, h);
    c.connect("shop-dev");
    c.editor(SQL);
    update::act(&mut c.state, Action::GoPlan, &mut Vec::new());
    c
}

fn operations(effects: &[Effect]) -> Vec<&Operation> {
    effects.iter().filter_map(|e| if let Effect::Operate { operation, .. } = e { Some(operation) } else { None }).collect()
}

fn trial(effects: Vec<Effect>) -> Option<(u64, Trial)> {
    effects.into_iter().find_map(|e| if let Effect::Trial { job, trial, .. } = e { Some((job, *trial)) } else { None })
}

fn report(c: &mut Console, report: Report) -> Vec<Effect> {
    let job = c.state.work.as_ref().map_or(0, |w| w.job);
    let link = c.state.link_no;
    c.send(Msg::Ended { job, link, report })
}

fn tried(c: &mut Console, job: u64, result: holdpoint::model::Result<Tried>) -> Vec<Effect> {
    let link = c.state.link_no;
    c.send(Msg::Tried { link, job, result })
}

fn test_file() -> PathBuf {
    PathBuf::from("/srv/shop/plan-tests/orders.toml")
}

fn step(id: &str, title: &str, state: StepState, hold: bool) -> StepView {
    StepView {
        id: id.into(),
        title: title.into(),
        help: "What this step is for.".into(),
        kind: StepKind::Proved,
        act: false,
        hold,
        state,
        summary: if state == StepState::Waiting { "not done yet".into() } else { "all 12.5 ms, 2 findings".into() },
        grade: None,
        class: None,
        at: None,
        age: None,
        by: None,
        facts: Default::default(),
        voids_if: "Void when the test's file changes.".into(),
        why_not: if state == StepState::Waiting { vec!["not done yet".into()] } else { Vec::new() },
        next: "Measures the statement; nothing is changed.".into(),
        command: String::new(),
        evidence: (state == StepState::Proved).then(|| "e1".repeat(32)),
    }
}

fn run() -> RunView {
    use StepState::{Proved, Waiting};
    let steps = vec![
        step("analyse", "Analysed", Proved, true),
        step("find", "Cause found", Waiting, false),
        step("test-fails", "Test fails", Waiting, true),
        step("change", "Change made", Waiting, true),
    ];
    RunView {
        checklist: "query-optimization".into(),
        title: "Query optimization".into(),
        target: "shop-dev".into(),
        environment: Some("development".into()),
        run: None,
        issue: None,
        started_by: None,
        started_at: None,
        range: Vec::new(),
        subject: Some("orders by state".into()),
        next: RunView::passing_over(&steps),
        steps,
        applied: false,
        closed: false,
        findings: Vec::new(),
    }
}

fn listed() -> Vec<Listed> {
    let entry = |which, name: &str, words: &str| Entry { which, name: name.into(), words: words.into() };
    vec![
        Listed {
            id: "schema-migration".into(),
            title: "Schema migration".into(),
            about: "The pending migrations.".into(),
            entries: vec![entry(Which::migrations(), "0004…0005", "5 of 11 ticked, Approved comes next")],
            note: String::new(),
        },
        Listed {
            id: "query-optimization".into(),
            title: "Query optimization".into(),
            about: "A slow statement.".into(),
            entries: vec![entry(Which::optimization(test_file()), "orders by state\u{1b}", "1 of 7 ticked, Cause found comes next")],
            note: String::new(),
        },
        Listed {
            id: "emergency-assessment".into(),
            title: "Emergency assessment".into(),
            about: "A third one needs nothing here.".into(),
            entries: Vec::new(),
            note: "nothing is wrong".into(),
        },
    ]
}

#[test]
fn any_checklist_is_chosen_from_a_list_and_shown_in_the_pane() {
    let mut c = open(120, 40);
    c.press("4");
    assert_eq!(operations(&c.press("o")), [&Operation::Checklists]);
    report(&mut c, Report::Checklists(Ok(listed())));
    let page = c.screen();
    assert!(page.contains("5 of 11 ticked, Approved comes next") && page.contains("Emergency assessment"), "{page}");
    assert!(page.contains("nothing is wrong") && !page.contains('\u{1b}'), "{page}");
    c.press("j");
    for _ in 0..8 {
        if matches!(c.state.dialogs.last(), Some(holdpoint::app::dialog::Dialog::Links(l)) if l.lines[l.list.at].text.contains("orders by"))
        {
            break;
        }
        c.press("j");
    }
    let which = Which::optimization(test_file());
    let effects = c.press("Enter");
    assert!(operations(&effects).contains(&&Operation::Checklist(which.clone())), "{effects:?}");
    assert_eq!(c.state.view.focus, Pane::Checklist);
    report(&mut c, Report::Checklist { which: which.clone(), result: Ok(Box::new(run())) });
    insta::assert_snapshot!("checklist_optimization_120x40", c.screen());
    // The evidence of a step, as of any checklist.
    c.press("g");
    assert_eq!(operations(&c.press("e")), [&Operation::Evidence("e1".repeat(32))]);
    // What belongs to migrations is not done to a statement.
    for key in ["a", "u", "s", "c", "n"] {
        assert!(operations(&c.press(key)).is_empty(), "{key}");
        assert!(c.state.dialogs.is_empty() && c.screen().contains("belongs to the checklist of migrations"), "{key}: {}", c.screen());
    }
    // Running all goes on over what holds nothing up.
    assert_eq!(operations(&c.press("A")), [&Operation::RunProvable(which.clone())]);
    assert_eq!(c.state.checklist.state_of(1), Some(StepState::Running));
    let link = c.state.link_no;
    let outcome = |step: &str, holds| StepOutcome { step: step.into(), holds, summary: "it was looked at".into(), evidence: Vec::new() };
    c.send(Msg::Stepped { link, which: which.clone(), outcome: outcome("find", false) });
    assert_eq!((c.state.checklist.state_of(1), c.state.checklist.state_of(2)), (Some(StepState::Failed), Some(StepState::Running)));
    c.send(Msg::Stepped { link, which: which.clone(), outcome: outcome("test-fails", true) });
    c.send(Msg::Stepped { link, which: which.clone(), outcome: outcome("change", false) });
    assert_eq!(c.state.checklist.running, None, "a hold point that is not proven ends it");
    let mut ended = run();
    for (s, state) in ended.steps.iter_mut().zip([StepState::Proved, StepState::Failed, StepState::Proved, StepState::Failed]) {
        s.state = state;
    }
    ended.next = RunView::passing_over(&ended.steps);
    let effects = report(&mut c, Report::Steps { which: which.clone(), result: Ok(Box::new(ended)) });
    assert!(operations(&effects).contains(&&Operation::Checklist(which.clone())), "it is read again: {effects:?}");
    assert!(c.state.messages.log.back().unwrap().text.starts_with("Change made"), "{:?}", c.state.messages.log.back());
    // The next step again, alone: where it stood.
    assert_eq!(operations(&c.press("Enter")), [&Operation::RunNext(which.clone())]);
    assert_eq!(c.state.checklist.running, Some((which.clone(), 3)));
    report(&mut c, Report::Step { which: which.clone(), result: Err(Error::failed("gone")) });
    // The run of the migrations came meanwhile, and stays out of the pane and its keys.
    let mut migrations = run();
    (migrations.checklist, migrations.title, migrations.range, migrations.subject) =
        ("schema-migration".into(), "Schema migration".into(), vec![4, 5], None);
    report(&mut c, Report::Checklist { which: Which::migrations(), result: Ok(Box::new(migrations)) });
    c.press("Esc");
    assert!(c.screen().contains("orders by state · Query optimization"), "{}", c.screen());
    // Back to the plan that it was come to from: the next key is a command there, not a letter in the statement.
    c.state.plan.plan = Some(holdpoint::model::plan::Plan::default());
    c.press("2");
    assert_eq!((c.state.view.focus, c.state.view.typing), (Pane::Plan, false));
    c.press("4");
    // Back to the migrations.
    c.press("o");
    report(&mut c, Report::Checklists(Ok(listed())));
    c.press("g");
    for _ in 0..3 {
        c.press("j");
        if matches!(c.state.dialogs.last(), Some(holdpoint::app::dialog::Dialog::Links(l)) if l.lines[l.list.at].goal.is_some()) {
            break;
        }
    }
    c.press("Enter");
    assert!(c.screen().contains("0004…0005 · Schema migration"), "{}", c.screen());
}

#[test]
fn a_checklist_of_another_connection_or_choice_is_not_shown() {
    let mut c = open(120, 40);
    let (a, b) = (Which::optimization("/a.toml"), Which::optimization("/b.toml"));
    holdpoint::app::panes::checklist::choose(&mut c.state, a.clone(), &mut Vec::new());
    holdpoint::app::panes::checklist::choose(&mut c.state, b.clone(), &mut Vec::new());
    report(&mut c, Report::Checklist { which: a, result: Ok(Box::new(run())) });
    assert!(c.state.checklist.shown().is_none());
    report(&mut c, Report::Checklist { which: b.clone(), result: Err(Error::usage("plan-tests/b.toml:3:1: no key `sql`")) });
    let page = c.screen();
    assert!(page.contains("no key `sql`") && page.contains("o lists the checklists"), "{page}");
    report(&mut c, Report::Checklist { which: b, result: Ok(Box::new(run())) });
    assert!(c.screen().contains("1 of 4"), "{}", c.screen());
    // Another target begins with its migrations.
    c.connect("shop-qa");
    assert!(c.state.checklist.other.is_none());
}

fn known(name: &str, same: bool, problem: Option<&str>) -> Known {
    Known {
        path: PathBuf::from(format!("/srv/shop/plan-tests/{name}.toml")),
        name: name.into(),
        require: vec!["ratio <= 0.8".into()],
        same,
        last: same.then(|| ("fail".into(), "2026-11-20T10:11:12Z".into())),
        problem: problem.map(str::to_string),
    }
}

#[test]
fn one_key_leads_the_statement_to_its_checklist() {
    let mut c = open(120, 40);
    let (job, asked) = trial(c.press("O")).expect("looked for");
    assert_eq!(asked, Trial::Tests { sql: Some(SQL.into()), wanted: Wanted::Optimize });
    // Without a test of it, one is written first.
    tried(&mut c, job, Ok(Tried::Tests { known: vec![known("items", false, None)], wanted: Wanted::Optimize }));
    let page = c.screen();
    assert!(page.contains("Optimize the statement") && page.contains("No test of this statement"), "{page}");
    c.type_text("orders");
    c.press("Enter");
    let (job, asked) = trial(c.press("Enter")).expect("written");
    let Trial::Test { new, optimize: true, .. } = asked else { panic!("{asked:?}") };
    assert_eq!((new.sql.as_str(), new.require.as_slice()), (SQL, &["ratio <= 0.8".to_string()][..]));
    let effects = tried(&mut c, job, Ok(Tried::Test { path: test_file(), medians: vec![("all".into(), 12.5)], optimize: true }));
    let which = Which::optimization(test_file());
    assert!(operations(&effects).contains(&&Operation::Checklist(which.clone())), "{effects:?}");
    assert_eq!((c.state.view.focus, c.state.checklist.which()), (Pane::Checklist, which));
    // With one, at once; with several, after a choice.
    let mut c = open(120, 40);
    let (job, _) = trial(c.press("O")).expect("looked for");
    let effects = tried(&mut c, job, Ok(Tried::Tests { known: vec![known("orders", true, None)], wanted: Wanted::Optimize }));
    assert!(operations(&effects).contains(&&Operation::Checklist(Which::optimization(test_file()))), "{effects:?}");
    let mut c = open(120, 40);
    let (job, _) = trial(c.press("O")).expect("looked for");
    let two = vec![known("orders", true, None), known("orders-2", true, None)];
    tried(&mut c, job, Ok(Tried::Tests { known: two, wanted: Wanted::Optimize }));
    assert!(c.screen().contains("Which test of the statement?"), "{}", c.screen());
    let effects = c.press("Enter");
    assert!(operations(&effects).contains(&&Operation::Checklist(Which::optimization(test_file()))), "{effects:?}");
    // Without a target there is nothing to lead.
    let mut c = Console::new(120, 40);
    update::act(&mut c.state, Action::Optimize, &mut Vec::new());
    assert!(c.state.messages.log.back().unwrap().text.contains("No target"), "{:?}", c.state.messages.log.back());
}

fn told(verdict: Standing) -> TestReport {
    let runs = [12.5, 12.6, 12.4, 12.5, 12.7].map(|ms| Sample { ms, work: [("pages".to_string(), 420)].into(), rows: Some(7.0) });
    let because = "4.1 against 12.5 ms, 95 % between 0.31 and 0.35\u{1b}[2J".to_string();
    let set = SetReport {
        set: "all".into(),
        shape: "s".into(),
        same_plan: Some(false),
        plan_before: vec!["Seq Scan on orders".into()],
        plan: vec!["Index Scan on orders".into()],
        summary: summary(&runs).unwrap(),
        worse: None,
        not_compared: None,
        cut_short: false,
        requirements: vec![Checked { requirement: "ratio <= 0.8".into(), standing: verdict, because }],
    };
    TestReport {
        name: "orders".into(),
        file: "plan-tests/orders.toml".into(),
        sha256: String::new(),
        target: "shop-dev".into(),
        server: "SQLite 3.51.3".into(),
        at: "2026-11-21T09:30:00Z".into(),
        verdict,
        sets: vec![set],
        differs: Differences { changed: vec!["orders has the index orders_state (state)".into()], ..Differences::default() },
        baseline_taken: Some("2026-11-20T09:30:00Z".into()),
        notes: Vec::new(),
    }
}

#[test]
fn a_test_is_picked_run_and_told_with_its_numbers() {
    let mut c = open(120, 40);
    let (job, asked) = trial(c.press("X")).expect("asked for");
    assert_eq!(asked, Trial::Tests { sql: Some(SQL.into()), wanted: Wanted::Run });
    tried(&mut c, job, Ok(Tried::Tests { known: Vec::new(), wanted: Wanted::Run }));
    assert!(c.screen().contains("T in the plan writes one"), "{}", c.screen());
    let (job, _) = trial(c.press("X")).expect("asked for");
    let all = vec![known("orders", true, None), known("items", false, None), known("pg", false, Some("it is a test for PostgreSQL"))];
    tried(&mut c, job, Ok(Tried::Tests { known: all, wanted: Wanted::Run }));
    let page = c.screen();
    for words in ["Of this statement", "fail, 2026-11-20 10:11", "not run yet", "it is a test for PostgreSQL"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let (job, asked) = trial(c.press("Enter")).expect("run");
    assert_eq!(asked, Trial::Run { path: test_file(), anyway: false });
    let ran = |result, unkept: Option<&str>| {
        Ok(Tried::Ran(Box::new(Ran { path: test_file(), anyway: false, result, unkept: unkept.map(str::to_string) })))
    };
    tried(&mut c, job, ran(Ok(told(Standing::Fail)), Some("the store is read-only")));
    let page = c.screen();
    for words in ["FAIL · orders", "5 runs, median 12.5 ms", "pages 420", "ratio <= 0.8: 4.1 against 12.5 ms", "the store is read-only"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("/srv/shop/plan-tests/orders.toml") && !page.contains('\u{1b}'), "{page}");
    insta::assert_snapshot!("plan_test_failed_120x40", page);
    // Enter goes on with its checklist.
    let effects = c.press("Enter");
    assert!(operations(&effects).contains(&&Operation::Checklist(Which::optimization(test_file()))), "{effects:?}");
    for (verdict, word) in [(Standing::Pass, "PASS"), (Standing::Inconclusive, "INCONCLUSIVE")] {
        tried(&mut c, 0, ran(Ok(told(verdict)), None));
        assert!(c.screen().contains(&format!("{word} · orders")), "{}", c.screen());
        c.press("Esc");
    }
    // Not safe: said so, and run all the same only by a person's key, once.
    let held =
        || Error::new(Kind::Held, "the statement is not measured: the server expects a cost of 9,000,000").hint("Set analyze_cost higher.");
    tried(&mut c, 0, ran(Err(held()), None));
    let page = c.screen();
    assert!(page.contains("Unsafe: the test was not run") && page.contains("9,000,000") && page.contains("analyze_cost"), "{page}");
    let (job, asked) = trial(c.press("a")).expect("run all the same");
    assert_eq!(asked, Trial::Run { path: test_file(), anyway: true });
    tried(&mut c, job, Ok(Tried::Ran(Box::new(Ran { path: test_file(), anyway: true, result: Err(held()), unkept: None }))));
    assert!(!c.screen().contains("all the same"), "{}", c.screen());
    c.press("Esc");
    tried(&mut c, 0, ran(Err(Error::cancelled()), None));
    assert!(c.state.messages.log.back().unwrap().text.contains("Cancelled"));
}

#[test]
fn an_index_that_was_queued_is_in_the_queue_at_once() {
    let mut c = open(120, 40);
    let link = c.state.link_no;
    let files = vec![PathBuf::from("/srv/m/0007_i.up.sql"), PathBuf::from("/srv/m/0007_i.down.sql")];
    let effects = c.send(Msg::AdviceQueued { link, result: Ok(files) });
    assert!(operations(&effects).contains(&&Operation::Queue), "{effects:?}");
    assert!(c.screen().contains("0007_i.up.sql and 0007_i.down.sql"), "{}", c.screen());
    let effects = c.send(Msg::AdviceQueued { link, result: Err(Error::failed("the directory is read-only")) });
    assert!(operations(&effects).is_empty() && c.screen().contains("the directory is read-only"), "{}", c.screen());
}

#[test]
fn an_incident_is_led_on_a_target_that_is_not_open() {
    use StepState::{Failed, Proved, Waiting};
    let mut c = Console::new(80, 24);
    c.press("j");
    c.press("a");
    let target = c.state.assess.target.clone();
    let effects = c.press("c");
    let which = Which::incident("emergency-assessment", &target);
    assert_eq!(operations(&effects), [&Operation::Checklist(which.clone())], "it is read without a connection");
    let first = c.screen().lines().next().unwrap_or("").to_string();
    assert!(first.contains(&target) && first.contains("emergency") && first.contains("not open"), "{first}");
    let mut steps = vec![
        step("stabilise", "Stabilised", Waiting, false),
        step("assess", "Assessed", Proved, true),
        step("communicate", "Communicated", Waiting, false),
        step("recover", "Recovered", Failed, true),
        step("hand-over", "Handed over", Waiting, true),
    ];
    for at in [0, 2] {
        steps[at].kind = StepKind::Signed;
        steps[at].next = "Sign it.".into();
    }
    steps[2].facts.insert(holdpoint::ops::incident::PASTE.into(), "[SEV-2 suggested] shop: 38 sessions wait.".into());
    let view = RunView {
        checklist: which.id.clone(),
        title: "Emergency assessment".into(),
        subject: Some("i-12345678".into()),
        started_by: Some("mira".into()),
        started_at: Some("2026-01-02T03:04:05Z".into()),
        next: RunView::passing_over(&steps),
        steps,
        ..run()
    };
    report(&mut c, Report::Checklist { which: which.clone(), result: Ok(Box::new(view.clone())) });
    let screen = c.screen();
    assert!(!screen.contains("Held. Stabilised"), "a signature that holds nothing up holds nobody:\n{screen}");
    insta::assert_snapshot!("checklist_incident_80x24", screen);

    // Signing: what to say to others stands in the form, and is copied by the key that it names.
    c.press("j");
    c.press("j");
    let copied = c.press("y");
    assert!(copied.iter().any(|e| matches!(e, Effect::Copy(t) if t.starts_with("[SEV-2 suggested]"))), "{copied:?}");
    c.press("s");
    assert!(c.screen().contains("[SEV-2 suggested] shop"), "{}", c.screen());
    assert!(operations(&c.press("Enter")).is_empty(), "without words nothing is signed: {}", c.screen());
    c.type_text("SEV-2, support told");
    let effects = c.press("Enter");
    let signed = Operation::SignIncident {
        which: which.clone(),
        step: "communicate".into(),
        name: c.state.config.operator.clone(),
        text: "SEV-2, support told".into(),
    };
    assert_eq!(operations(&effects), [&signed]);
    report(&mut c, Report::Signed(Err(Error::new(Kind::Failed, "the store is full"))));

    // What needs nobody runs past open signatures.
    assert_eq!(operations(&c.press("A")), [&Operation::RunProvable(which.clone())]);
    report(&mut c, Report::Steps { which: which.clone(), result: Ok(Box::new(view.clone())) });
    // The other list of the same incident, and back to what was seen.
    let effects = c.press("o");
    assert_eq!(operations(&effects), [&Operation::Checklist(Which::incident("emergency-recovery", &target))]);
    c.press("Esc");
    assert_eq!(c.state.view.focus, Pane::Assess);

    // One that was handed over is closed, and the key begins another one.
    c.press("c");
    let steps = view.steps.iter().map(|s| StepView { state: Proved, ..s.clone() }).collect();
    let closed = RunView { closed: true, next: None, steps, ..view };
    report(&mut c, Report::Checklist { which: which.clone(), result: Ok(Box::new(closed)) });
    assert!(c.screen().contains("begins a new incident"), "{}", c.screen());
    assert_eq!(operations(&c.press("Enter")), [&Operation::RunProvable(which)]);
}
