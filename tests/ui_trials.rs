//! What is tried with a statement from the plan pane: settings, sets of values, performance tests. Keys in, effects out; nothing runs.

#[path = "ui/console.rs"]
#[allow(dead_code, reason = "shared with the tests of the screens")]
mod console;

use console::Console;
use holdpoint::app::panes::plan::trial::{Trial, Tried};
use holdpoint::app::{Action, Effect, Msg, update};
use holdpoint::model::Effects;
use holdpoint::model::Error;
use holdpoint::model::plan::{Plan, PlanNode};
use holdpoint::ops::gate::{Missing, Place, Prospect};
use holdpoint::ops::param_sets::Side;
use holdpoint::ops::what_if::WhatIf;
use holdpoint::plan::compare::compare;
use std::collections::BTreeMap;

/// A console whose plan pane has the focus, over a statement.
fn open(sql: &str) -> Console {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    c.editor(sql);
    update::act(&mut c.state, Action::GoPlan, &mut Vec::new());
    c
}

fn trial(effects: Vec<Effect>) -> Option<(u64, Trial)> {
    effects.into_iter().find_map(|e| if let Effect::Trial { job, trial, .. } = e { Some((job, *trial)) } else { None })
}

fn plan(op: &str, cost: f64) -> Plan {
    let root =
        PlanNode { op: op.into(), raw_op: op.into(), relation: Some("orders".into()), est_total_cost: Some(cost), ..PlanNode::default() };
    Plan { engine: "PostgreSQL".into(), root, ..Plan::default() }
}

#[test]
fn a_setting_of_the_list_is_tried_and_others_are_not() {
    let mut c = open("select * from orders where state = 'paid'");
    c.press("x");
    // SQLite has no planner settings; an index may be hidden there all the same.
    assert!(c.screen().contains("Known are hidden_index=NAME"), "{}", c.screen());
    c.press("Esc");
    c.state.query.editor.read_as(holdpoint::model::Dialect::Postgres.into());
    c.press("x");
    let page = c.screen();
    assert!(page.contains("What if?") && page.contains("enable_seqscan=off"), "{page}");
    c.press("C-u");
    c.type_text("statement_timeout=0");
    assert!(trial(c.press("Enter")).is_none() && trial(c.press("Enter")).is_none());
    assert!(c.screen().contains("is not among the settings"), "{}", c.screen());
    c.press("S-Tab");
    c.press("C-u");
    c.type_text("enable_seqscan=off, work_mem=64MB");
    c.press("Tab");
    c.press("C-u");
    c.type_text("yes");
    let (job, asked) = trial(c.press("Enter")).expect("tried");
    let settings = vec!["enable_seqscan=off".to_string(), "work_mem=64MB".to_string()];
    assert_eq!(asked, Trial::WhatIf { text: "select * from orders where state = 'paid'".into(), settings, measure: true });
    let (without, with) = (plan("Seq Scan", 100.0), plan("Index Scan", 250.0));
    let comparison = compare(&without, &with);
    let w = WhatIf {
        settings: vec![("enable_seqscan".into(), "off".into())],
        without,
        with,
        comparison,
        judgement: None,
        differs: None,
        notes: Vec::new(),
    };
    let link = c.state.link_no;
    c.send(Msg::Tried { link, job, result: Ok(Tried::WhatIf(Box::new(w))) });
    let page = c.screen();
    assert!(page.contains("What if enable_seqscan=off") && page.contains("the plan is another one: 1 replaced"), "{page}");
    assert!(page.contains("100.00 without, 250.00 with") && c.state.jobs.is_empty(), "{page}");
}

#[test]
fn sets_of_values_are_checked_before_they_are_sent() {
    let mut c = open("select * from orders where state = :state");
    c.press("S");
    let page = c.screen();
    assert!(page.contains("Plans for several values") && page.contains("Values for :state"), "{page}");
    c.type_text("stat='paid'");
    for _ in 0..3 {
        assert!(trial(c.press("Enter")).is_none());
    }
    assert!(trial(c.press("Enter")).is_none() && c.screen().contains("no value for :state"), "{}", c.screen());
    c.press("Esc");
    c.press("S");
    // Nothing typed: proposed by the server.
    let mut found = None;
    for _ in 0..4 {
        found = found.or(trial(c.press("Enter")));
    }
    let (job, asked) = found.expect("asked");
    assert_eq!(asked, Trial::Sets { sql: "select * from orders where state = :state".into(), sets: None, measure: false });
    let side = |set: &str, letter: &str| Side {
        set: set.into(),
        values: BTreeMap::from([("state".into(), "'paid'\u{1b}".into())]),
        shape: letter.into(),
        letter: letter.into(),
        cost: Some(5.0),
        rows_expected: Some(1200.0),
        measured: None,
        outline: vec![format!("Scan {letter}")],
        warning: None,
        plan: Plan::default(),
    };
    let link = c.state.link_no;
    c.send(Msg::Tried { link, job, result: Ok(Tried::Sets(vec![side("common", "A"), side("rare", "B")])) });
    let page = c.screen();
    assert!(page.contains("The plan flips with the values: common A, rare B.") && page.contains("rows expected 1,200"), "{page}");
    assert!(!page.contains('\u{1b}'));
    let mut c = open("select 1");
    c.press("S");
    assert!(c.screen().contains("has no parameters"), "{}", c.screen());
}

#[test]
fn a_test_is_written_with_what_is_required() {
    let mut c = open("select * from orders");
    c.press("T");
    assert!(c.screen().contains("A performance test"), "{}", c.screen());
    c.type_text("../evil");
    c.press("Enter");
    assert!(trial(c.press("Enter")).is_none() && c.screen().contains("A name of letters"), "{}", c.screen());
    c.press("S-Tab");
    c.press("C-u");
    c.type_text("orders");
    c.press("Tab");
    c.press("C-u");
    c.type_text("ratio >= 2");
    assert!(trial(c.press("Enter")).is_none() && c.screen().contains("bounds from above"), "{}", c.screen());
    c.press("C-u");
    c.type_text("ratio <= 0.5, no table scan on orders");
    let (job, asked) = trial(c.press("Enter")).expect("written");
    let Trial::Test { path, new, .. } = asked else { panic!("{asked:?}") };
    assert!(path.ends_with("plan-tests/orders.toml"), "{path:?}");
    assert_eq!(
        (new.require.as_slice(), new.sql.as_str()),
        (&["ratio <= 0.5".to_string(), "no table scan on orders".to_string()][..], "select * from orders")
    );
    let link = c.state.link_no;
    c.send(Msg::Tried { link, job, result: Err(Error::usage("plan-tests/orders.toml is there already")) });
    assert!(c.screen().contains("is there already"), "{}", c.screen());
    c.send(Msg::Tried { link, job, result: Ok(Tried::Test { path, medians: vec![("all".into(), 12.5)], optimize: false }) });
    assert!(c.state.messages.log.back().expect("said").text.contains("all 12.5 ms"));
}

fn prospect(here: Vec<Missing>) -> Prospect {
    let effects = Effects {
        written: vec!["public.orders: UPDATE, about 20 rows by the planner".into()],
        triggers: (0..12).map(|i| format!("noted_{i} BEFORE UPDATE on public.orders, for each row, runs note_{i}()")).collect(),
        sequences: vec!["public.audit_seq\u{1b}[2J".into()],
        ..Effects::default()
    };
    let digest = effects.digest(holdpoint::model::Dialect::Sqlite, "update orders set total = 1");
    Prospect { statement: "update orders set total = 1".into(), effects, here, copy: vec![], digest }
}

#[test]
fn a_write_is_measured_only_after_what_it_sets_off_was_shown() {
    use holdpoint::app::panes::plan::write::{Done, Seen};
    let mut c = open("update orders set total = 1");
    let Some((job, Trial::LookAtWrite { asked, text })) = trial(c.press("F7")) else { panic!("nothing was looked at") };
    assert_eq!(text, "update orders set total = 1");
    let link = c.state.link_no;
    let seen = |here| Seen {
        asked: asked.clone(),
        prospect: prospect(here),
        copy: Some("Makes one copy of the file (2.0 MB each).".into()),
        heavy: None,
    };
    c.send(Msg::Tried { link, job, result: Ok(Tried::Seen(Box::new(seen(vec![])))) });
    let page = c.screen();
    assert!(page.contains("It writes. Run it to measure?") && page.contains("Writes: public.orders: UPDATE"), "{page}");
    assert!(page.contains("Makes one copy of the file") && page.contains("more: v shows all"), "{page}");
    assert!(trial(c.press("v")).is_none());
    let page = c.screen();
    assert!(page.contains("What the statement sets off") && page.contains("noted_11") && !page.contains('\u{1b}'), "{page}");
    c.press("Esc");
    assert!(c.screen().contains("It writes. Run it to measure?"), "the question stays: {}", c.screen());
    // Nothing but its own keys answers it.
    assert!(trial(c.press("Enter")).is_none() && trial(c.press("y")).is_none());
    let Some((job, Trial::Write { place, digest, text, asked })) = trial(c.press("r")) else { panic!("not measured: {}", c.screen()) };
    assert_eq!((place, digest, text.as_str()), (Place::Here, prospect(vec![]).digest, "update orders set total = 1"));
    let plan = Plan { analyzed: true, execution_ms: Some(2.0), ..plan("Update", 10.0) };
    let tried =
        holdpoint::ops::write_trial::Tried { plan, verdict: "run on shop-dev and rolled back".into(), differs: None, notes: vec![] };
    c.send(Msg::Tried { link, job, result: Ok(Tried::Wrote(Box::new(Done { asked, tried }))) });
    assert!(c.screen().contains("It writes: run on shop-dev and rolled back."), "{}", c.screen());

    // Where it may not be run, there is no key for it.
    let Some((job, _)) = trial(c.press("F7")) else { panic!("nothing was looked at") };
    let why = "shop-dev is qa, and not the first environment of the chain".to_string();
    let missing = Missing { step: "development".into(), title: "A development target".into(), why, next: String::new() };
    c.send(Msg::Tried { link, job, result: Ok(Tried::Seen(Box::new(seen(vec![missing])))) });
    assert!(c.screen().contains("Not on the target itself: shop-dev is qa"), "{}", c.screen());
    assert!(trial(c.press("r")).is_none());
    assert!(matches!(trial(c.press("s")), Some((_, Trial::Write { place: Place::Copy, .. }))));
}
