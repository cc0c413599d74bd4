//! The checklist of a run: its steps, its gate, where they are done.

use super::*;

#[test]
fn another_range_than_the_runs_is_asked_about() {
    let mut w = World::at(NARROW, Pane::Migrations);
    w.keys("a");
    assert!(w.operations().is_empty());
    let Some(Dialog::Confirm(c)) = w.state.dialogs.last() else { panic!("a question") };
    assert!(c.body[0].contains("0004…0005") && c.body[0].contains("means 0004"), "{:?}", c.body);
    w.keys("c");
    assert_eq!(w.operations(), [&Operation::StartRun { upto: Some(4), issue: Some("OPS-4711".into()) }]);
}

#[test]
fn a_held_gate_names_what_is_missing_and_leads_on() {
    let mut w = World::at(NARROW, Pane::Migrations);
    w.keys("Down a");
    w.report(Report::Gate { upto: Some(5), result: Ok(Err(held())) });
    w.looks_like("held_80");
    w.keys("c");
    assert_eq!(w.state.view.focus, Pane::Checklist);
    assert!(w.state.dialogs.is_empty());
}

#[test]
fn the_next_step_that_wants_a_person_opens_its_form() {
    let mut w = World::at(NARROW, Pane::Checklist);
    assert_eq!(w.state.checklist.list.at, 6, "the cursor is on what holds");
    w.keys("Enter");
    assert!(w.operations().is_empty());
    w.looks_like("sign_80");
    // The name is filled in; the reason and the target's name are not.
    w.keys("Enter");
    w.keys("Enter");
    assert!(w.operations().is_empty());
    w.type_text("batch window");
    w.keys("Enter");
    w.type_text("shop-prod");
    w.keys("Enter");
    let sign = Operation::Sign {
        step: "approval".into(),
        name: "mira".into(),
        text: "batch window".into(),
        typed_target: Some("shop-prod".into()),
    };
    assert_eq!(w.operations(), [&sign]);
}

#[test]
fn running_all_marks_each_step_as_it_goes() {
    let mut w = World::at(NARROW, Pane::Checklist);
    w.report(checked(Ok(Box::new(run_at("backup-taken")))));
    w.keys("A");
    assert_eq!(w.operations(), [&Operation::RunProvable(Which::migrations())]);
    assert_eq!(w.state.checklist.state_of(3), Some(StepState::Running));
    let link = w.state.link_no;
    let outcome = StepOutcome { step: "backup-taken".into(), holds: true, summary: "3.1 GB in 9 s".into(), evidence: Vec::new() };
    w.tell(Msg::Stepped { link, which: Which::migrations(), outcome });
    assert_eq!(w.state.checklist.state_of(3), Some(StepState::Proved));
    assert_eq!(w.state.checklist.state_of(4), Some(StepState::Running));
    let job = w.state.work.as_ref().unwrap().job;
    w.tell(Msg::Progress { job, step: "comparing order_items".into(), done: 41, total: Some(63) });
    w.tell(Msg::Now("2026-11-21T14:10:38Z".parse().unwrap()));
    w.looks_like("running_80");
    w.report(Report::Steps { which: Which::migrations(), result: Ok(Box::new(run())) });
    assert!(w.said().contains("Approved comes next"), "{}", w.said());
    assert_eq!(w.state.checklist.running, None);
}

#[test]
fn a_step_that_is_proven_elsewhere_offers_to_rehearse_there() {
    let mut w = World::at(NARROW, Pane::Checklist);
    let mut v = run_at("applied-earlier");
    v.steps[2].state = StepState::Failed;
    v.steps[2].why_not = vec!["these files were never rehearsed in development".into(), "they were never applied in qa".into()];
    w.report(checked(Ok(Box::new(v))));
    w.keys("Enter");
    w.looks_like("earlier_80");
    let Some(Dialog::Confirm(c)) = w.state.dialogs.last() else { panic!("a question") };
    assert!(c.answers.iter().any(|a| a.then == Then::Follow { target: "shop-qa".into(), upto: Some(5) }));
    w.keys("r");
    assert_eq!(w.operations(), [&Operation::Rehearse { target: "shop-dev".into(), upto: Some(5) }]);
}

#[test]
fn what_is_done_already_elsewhere_is_only_looked_at() {
    let mut w = World::at(NARROW, Pane::Checklist);
    w.report(checked(Ok(Box::new(run_at("applied-earlier")))));
    w.keys("Enter");
    assert_eq!(w.operations(), [&Operation::RunNext(Which::migrations())]);
}

#[test]
fn a_range_is_followed_to_the_target_that_was_meant_and_no_other() {
    let mut w = World::at(NARROW, Pane::Checklist);
    w.state.follow = Some(("shop-prod".into(), 5));
    w.state.migrations = Default::default();
    w.report(Report::Queue(Ok(Box::new(queue()))));
    assert_eq!(w.operations(), [&Operation::StartRun { upto: Some(5), issue: None }]);
    w.state.work = None;
    w.state.jobs.clear();
    w.state.follow = Some(("shop-qa".into(), 5));
    w.state.migrations = Default::default();
    w.report(Report::Queue(Ok(Box::new(queue()))));
    assert!(w.operations().is_empty() && w.state.follow.is_none());
}

#[test]
fn without_a_run_applying_offers_to_start_one() {
    let mut w = World::at(NARROW, Pane::Migrations);
    let mut v = run();
    v.run = None;
    w.report(checked(Ok(Box::new(v))));
    w.keys("a");
    assert!(w.operations().is_empty());
    w.keys("s");
    assert_eq!(w.operations(), [&Operation::StartRun { upto: Some(4), issue: Some("OPS-4711".into()) }]);
}

#[test]
fn recording_closes_the_run_and_asks_first() {
    let mut w = World::at(NARROW, Pane::Checklist);
    w.report(checked(Ok(Box::new(run_at("record")))));
    w.keys("Enter");
    assert!(w.operations().is_empty());
    w.keys("c");
    assert_eq!(w.operations(), [&Operation::RunNext(Which::migrations())]);
}
