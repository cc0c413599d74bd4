//! The queue of migrations: what is chosen, proven, applied, reverted, cut off.

use super::*;

#[test]
fn the_cursor_starts_at_the_first_pending_one_and_the_range_ends_at_it() {
    let mut w = World::at(NARROW, Pane::Migrations);
    assert_eq!(w.state.migrations.chosen().unwrap().version, 4);
    w.keys("Down P");
    assert_eq!(w.operations(), [&Operation::Prove(None)]);
    assert_eq!(w.state.jobs[0].title, "proving 0004…0006");
    // A second one is refused while the first one runs.
    w.keys("p");
    assert!(w.operations().is_empty() && w.said().contains("still running"), "{}", w.said());
    w.report(Report::Proof(Err(Error::failed("no scratch place is configured"))));
    assert!(w.state.work.is_none() && w.said().contains("no scratch place"));
    w.keys("p");
    assert_eq!(w.operations(), [&Operation::Prove(Some(5))]);
}

#[test]
fn what_is_applied_cannot_be_proven_and_says_so() {
    let mut w = World::at(NARROW, Pane::Migrations);
    w.keys("g p");
    assert!(w.operations().is_empty());
    assert!(w.said().contains("0001 is applied"), "{}", w.said());
}

#[test]
fn the_queue_keeps_the_cursor_on_its_migration_when_read_again() {
    let mut w = World::at(NARROW, Pane::Migrations);
    w.keys("Down");
    let mut q = queue();
    q.items.remove(0);
    w.report(Report::Queue(Ok(Box::new(q))));
    assert_eq!(w.state.migrations.chosen().unwrap().version, 5);
}

#[test]
fn no_single_key_applies() {
    let mut w = World::at(NARROW, Pane::Migrations);
    w.keys("Down a");
    assert_eq!(w.operations(), [&Operation::CheckGate { upto: Some(5) }]);
    w.report(Report::Gate { upto: Some(5), result: Ok(Ok(vec![4, 5])) });
    let Some(Dialog::Form(f)) = w.state.dialogs.last() else { panic!("a form is open") };
    assert!(f.body.iter().any(|l| l.contains("0004 index_orders (exact)")), "{:?}", f.body);
    assert!(f.body[0].contains("PRODUCTION shop-prod"), "{:?}", f.body);
    // Another name does nothing.
    w.type_text("shop-qa");
    w.keys("Enter");
    assert!(w.operations().is_empty() && !w.state.dialogs.is_empty());
    w.keys("C-u");
    w.type_text("shop-prod");
    w.keys("Enter");
    assert_eq!(w.operations(), [&Operation::Apply { upto: Some(5), typed: "shop-prod".into() }]);
    assert!(w.state.jobs[0].writes);
    let steps = vec![StepRun { version: 4, name: "index_orders".into(), statements: 1, took: Duration::from_millis(3) }];
    w.report(Report::Applied(Ok(Ok(Ran { run: "r".into(), steps, took: Duration::from_millis(1200), findings: Vec::new() }))));
    assert_eq!(w.said(), "Applied: 0004 in 1.2 s.");
    assert!(w.operations().contains(&&Operation::Queue) && w.operations().contains(&&Operation::Checklist(Which::migrations())));
}

#[test]
fn reverting_shows_what_is_lost_before_the_name_is_typed() {
    let mut w = World::at(NARROW, Pane::Checklist);
    w.keys("u");
    assert_eq!(w.operations(), [&Operation::PreviewRevert { downto: None }]);
    let losses = vec!["1,204 values of customers.fax".to_string()];
    let preview = RevertPreview { versions: vec![5, 4], covered: true, proven: true, losses, missing: Vec::new() };
    w.report(Report::RevertPreview { downto: None, result: Ok(preview) });
    w.looks_like("revert_80");
    w.type_text("shop-prod");
    w.keys("Enter");
    assert_eq!(w.operations(), [&Operation::Revert { downto: None, typed: "shop-prod".into() }]);
}

#[test]
fn a_range_is_chosen_among_the_pending_ones() {
    let mut w = World::at(NARROW, Pane::Migrations);
    w.keys("s C-u");
    w.type_text("2");
    w.keys("Enter Enter");
    assert!(w.operations().is_empty());
    let Some(Dialog::Form(f)) = w.state.dialogs.last() else { panic!("the form is still there") };
    assert!(f.problem.as_ref().unwrap().contains("0004, 0005, 0006"), "{:?}", f.problem);
    w.keys("C-u");
    w.type_text("0006");
    w.keys("Enter Enter");
    assert_eq!(w.operations(), [&Operation::StartRun { upto: Some(6), issue: Some("OPS-4711".into()) }]);
}

#[test]
fn a_cut_off_run_is_explained_at_the_start() {
    let mut w = World::open(NARROW);
    let unfinished = Unfinished {
        act: "a1".into(),
        run: "r1".into(),
        target: "shop-prod".into(),
        direction: "apply".into(),
        started_at: "2026-11-21T02:11:00Z".into(),
        started_by: "mira".into(),
        host: "bastion".into(),
        versions: vec![4, 5],
        last: "0005, statement 1 of 1 was sent and not answered".into(),
    };
    let here = vec![Explained {
        unfinished,
        summary: "applying 0004…0005 was cut off".into(),
        truths: vec!["0004 is applied".into(), "0005 is not: its transaction was rolled back".into()],
        next: vec!["Apply the rest: press a in the checklist".into()],
        settled: true,
    }];
    w.report(Report::CutOff(Ok(CutOff { here, elsewhere: Vec::new() })));
    w.looks_like("cut_off_80");
}

#[test]
fn an_engine_without_migrations_says_why() {
    let mut w = World::open(NARROW);
    w.state.link.server_mut().unwrap().no_migrations = Some("MySQL 5.7 keeps no proof of its DDL".into());
    w.state.migrations = Default::default();
    holdpoint::app::update::go(&mut w.state, Pane::Migrations, &mut Vec::new());
    assert!(w.screen(false, "dark").contains("MySQL 5.7 keeps no proof"));
}
