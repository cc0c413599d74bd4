//! The plan pane: heat, folding, search, findings, the way between plan and statement, flame and flow, and what is asked of the
//! server while one types. Plans are made up; nothing runs.

#[path = "ui/console.rs"]
#[allow(dead_code, reason = "shared with the tests of the screens")]
mod console;

use console::Console;
use holdpoint::app::panes::plan::{Heat, View, marks};
use holdpoint::app::{Effect, Msg, Pane};
use holdpoint::model::plan::{Confidence, Pages, Plan, PlanFinding, PlanNode, Removed};
use holdpoint::model::{Error, Kind, Severity};

const SQL: &str = "select c.name, sum(o.total) as revenue\n  from customers c\n  join orders o on o.customer_id = c.id\n where o.state = 'paid'\n group by 1 order by 2 desc limit 20";

fn node(raw_op: &str, op: &str, own_ms: f64, rows: (f64, f64), children: Vec<PlanNode>) -> PlanNode {
    let below: f64 = children.iter().filter_map(|c| c.total_ms).sum();
    PlanNode {
        raw_op: raw_op.into(),
        op: op.into(),
        est_rows: Some(rows.0),
        rows: Some(rows.1),
        rows_total: Some(rows.1),
        loops: Some(1.0),
        self_ms: Some(own_ms),
        self_err_ms: Some(0.0005),
        total_ms: Some(below + own_ms),
        est_total_cost: Some((below + own_ms) * 20.0),
        children,
        ..PlanNode::default()
    }
}

fn pages(hit: u64, read: u64) -> Pages {
    Pages { hit: Some(hit), read: Some(read), ..Pages::default() }
}

/// Limit ─ Sort ─ HashAggregate ─ Hash Join ┬ Seq Scan orders
///                                          └ Hash ─ Seq Scan customers
fn plan() -> Plan {
    let mut orders = node("Seq Scan", "table scan", 655.0, (31_000.0, 1_000_000.0), vec![]);
    (orders.relation, orders.alias) = (Some("orders".into()), Some("o".into()));
    orders.conditions = vec![("Filter".into(), "(state = 'paid')".into())];
    orders.removed = Removed { filter: Some(9_000_000.0), ..Removed::default() };
    orders.estimate_error = Some(32.3);
    (orders.pages, orders.self_pages) = (pages(1_204, 83_007), pages(1_204, 83_007));
    let mut customers = node("Seq Scan", "table scan", 9.0, (50_000.0, 50_000.0), vec![]);
    (customers.relation, customers.alias) = (Some("customers".into()), Some("c".into()));
    (customers.pages, customers.self_pages) = (pages(400, 0), pages(400, 0));
    let hash = node("Hash", "hash", 2.4, (50_000.0, 50_000.0), vec![customers]);
    let mut join = node("Hash Join", "hash join", 102.3, (31_000.0, 1_000_000.0), vec![orders, hash]);
    join.conditions = vec![("Hash Cond".into(), "(o.customer_id = c.id)".into())];
    join.estimate_error = Some(32.3);
    let aggregate = node("HashAggregate", "aggregate", 38.7, (9_800.0, 9_900.0), vec![join]);
    let mut sort = node("Sort", "sort", 4.1, (9_800.0, 20.0), vec![aggregate]);
    sort.conditions = vec![("Sort Key".into(), "(sum(o.total)) DESC".into())];
    let mut root = node("Limit", "limit", 0.01, (20.0, 20.0), vec![sort]);
    root.number();
    let found = |id: &str, name: &str, severity, path: &[usize], message: &str, next: &str| PlanFinding {
        id: id.into(),
        name: name.into(),
        severity,
        confidence: Confidence::Likely,
        nodes: vec![path.to_vec()],
        message: message.into(),
        because: "measured once".into(),
        evidence: Default::default(),
        next: next.into(),
        sql: None,
        explains_ms: Some(655.0),
    };
    Plan {
        engine: "PostgreSQL".into(),
        version: "15.20".into(),
        analyzed: true,
        planning_ms: Some(0.6),
        execution_ms: Some(811.8),
        outside_ms: Some(0.29),
        findings: vec![
            found(
                "F1",
                "slow-scan",
                Severity::Critical,
                &[0, 0, 0, 0],
                "Reads 10.0 M rows of orders to keep 1.0 M.",
                "Try an index on (state).",
            ),
            found(
                "F5",
                "estimate",
                Severity::Warning,
                &[0, 0, 0, 0],
                "Expected 31 k rows, got 1.0 M, from column state.",
                "ANALYZE orders and look again.",
            ),
        ],
        root,
        raw: "[{\"Plan\": {}}]".into(),
        ..Plan::default()
    }
}

fn estimated(cost: f64) -> Plan {
    let mut p = plan();
    p.analyzed = false;
    (p.planning_ms, p.execution_ms, p.outside_ms) = (None, None, None);
    fn strip(n: &mut PlanNode) {
        (n.self_ms, n.total_ms, n.rows, n.rows_total, n.loops, n.estimate_error) = (None, None, None, None, None, None);
        (n.pages, n.self_pages, n.removed) = (Pages::default(), Pages::default(), Removed::default());
        n.children.iter_mut().for_each(strip);
    }
    strip(&mut p.root);
    p.root.est_total_cost = Some(cost);
    p.findings.clear();
    p
}

/// The statement stands in the editor, its plan below, and the plan has the focus.
fn shown(w: u16, h: u16, plan: Plan) -> Console {
    let mut c = Console::new(w, h);
    c.connect("shop-dev");
    c.editor(SQL);
    give(&mut c, plan);
    holdpoint::app::update::act(&mut c.state, holdpoint::app::Action::GoPlan, &mut Vec::new());
    c
}

/// The answer to what the pane asks for when its pause is over.
fn give(c: &mut Console, plan: Plan) {
    let asked = c.timers().into_iter().find_map(|e| match e {
        Effect::Explain { link, job, version, text, analyze, .. } => Some((link, job, version, text, analyze)),
        _ => None,
    });
    let (link, job, version, text, analyze) = asked.expect("a plan is asked for");
    c.send(Msg::Planned { link, job, version, text, analyze, result: Ok(plan) });
}

/// Names of the visible nodes, with the cursor's one in brackets.
fn at(c: &Console) -> String {
    holdpoint::app::panes::plan::words::short(c.state.plan.node(c.state.plan.at()).unwrap())
}

fn marked(c: &Console) -> Vec<String> {
    let text = c.state.query.editor.text();
    marks::marked(&c.state).into_iter().map(|r| text[r].to_string()).collect()
}

#[test]
fn the_pane_at_all_sizes() {
    for (w, h, name, mono) in
        [(80, 24, "plan_80x24", false), (120, 40, "plan_120x40", false), (160, 48, "plan_160x48", false), (120, 40, "plan_mono", true)]
    {
        let mut c = shown(w, h, plan());
        c.mono = mono;
        c.press("]");
        c.press("Left"); // says nothing new: the footer's message goes
        c.press("]");
        c.send(Msg::Focus(true));
        c.state.messages.shown = None;
        insta::assert_snapshot!(name, c.screen());
    }
    let mut c = shown(80, 24, plan());
    c.press("z");
    insta::assert_snapshot!("plan_zoom_80x24", c.screen());
    let mut c = shown(120, 40, estimated(18_204.0));
    insta::assert_snapshot!("plan_estimated_120x40", c.screen());
    c.press("?");
    assert!(c.screen().contains("Measures the heat of plan nodes"), "{}", c.screen());
}

#[test]
fn heat_is_measured_by_what_the_plan_knows() {
    let mut c = shown(120, 40, plan());
    assert!(c.screen().contains("heat: self time"), "{}", c.screen());
    let mut seen = vec![c.state.plan.heat];
    for name in ["heat: estimate error", "heat: pages", "heat: rows read", "heat: self time"] {
        c.press("t");
        assert!(c.screen().contains(name), "{}", c.screen());
        seen.push(c.state.plan.heat);
    }
    assert_eq!(seen, [Heat::Time, Heat::Estimate, Heat::Pages, Heat::Rows, Heat::Time]);
    let c = shown(120, 40, estimated(18_204.0));
    assert!(c.screen().contains("heat: own cost"), "without times the cost is the measure\n{}", c.screen());
}

#[test]
fn the_hottest_node_is_one_key_away_and_cold_branches_fold() {
    let mut c = shown(120, 40, plan());
    assert_eq!(at(&c), "Limit");
    c.press("]");
    assert_eq!(at(&c), "Seq Scan o");
    assert!(c.screen().contains("Hot node 1 of 2 by self time."), "{}", c.screen());
    assert!(c.screen().contains("Limit › Sort › HashAggregate › Hash Join › Seq Scan o"), "the way to the node\n{}", c.screen());
    c.press("]");
    assert_eq!(at(&c), "Hash Join");
    c.press("[");
    assert_eq!(at(&c), "Seq Scan o");
    c.press("c");
    assert!(c.screen().contains("1 node folded"), "the hash with its scan\n{}", c.screen());
    assert!(!c.screen().contains("Seq Scan customers"), "{}", c.screen());
    assert_eq!(at(&c), "Seq Scan o", "the cursor stays");
    c.press("c");
    assert!(c.screen().contains("Seq Scan customers"), "{}", c.screen());
    // By hand: Left closes, Left again goes up, Right opens.
    c.press("h");
    assert_eq!(at(&c), "Hash Join");
    c.press("h");
    assert!(!c.screen().contains("Seq Scan orders"), "{}", c.screen());
    c.press("l");
    assert!(c.screen().contains("Seq Scan orders"), "{}", c.screen());
}

#[test]
fn a_search_goes_from_match_to_match_and_opens_what_hides_them() {
    let mut c = shown(120, 40, plan());
    c.press("h");
    assert!(c.screen().contains("6 nodes folded"), "{}", c.screen());
    c.press("/");
    c.type_text("seq scan");
    assert_eq!(at(&c), "Seq Scan o");
    assert!(c.screen().contains("1 of 2"), "{}", c.screen());
    c.press("Enter");
    c.press("n");
    assert_eq!(at(&c), "Seq Scan c");
    c.press("n");
    assert_eq!(at(&c), "Seq Scan o", "round the end");
    c.press("N");
    assert_eq!(at(&c), "Seq Scan c");
    c.press("Esc");
    c.press("/");
    c.type_text("'paid'");
    assert_eq!(at(&c), "Seq Scan o", "conditions are looked through too");
    c.press("Esc");
    assert_eq!(at(&c), "Seq Scan c", "given up, the cursor is back");
    c.press("/");
    c.type_text("nowhere");
    assert!(c.screen().contains("none"), "{}", c.screen());
}

#[test]
fn findings_lead_to_their_nodes() {
    let mut c = shown(120, 40, plan());
    assert!(c.screen().contains("2 findings (i)"), "{}", c.screen());
    c.press("i");
    let page = c.screen();
    assert!(
        page.contains("F1 slow-scan · Seq Scan o") && page.contains("Reads 10.0 M rows of orders") && page.contains("ANALYZE orders"),
        "{page}"
    );
    c.press("Enter");
    assert!(c.state.dialogs.is_empty());
    assert_eq!(at(&c), "Seq Scan o");
    let page = c.screen();
    assert!(page.contains("Try an index on (state).") && page.contains("likely"), "the node tells of it\n{page}");
    assert!(page.contains("!!"), "a shape, not only a colour\n{page}");
}

#[test]
fn details_scroll_to_their_end() {
    let mut c = shown(80, 24, plan());
    c.press("]");
    assert!(!c.screen().contains("cost "), "{}", c.screen());
    for _ in 0..30 {
        c.press("J");
    }
    assert!(c.screen().contains("to the last"), "{}", c.screen());
    c.press("K");
    c.press("k");
    assert_eq!(c.state.plan.details_top, 0, "another node begins at its top");
}

#[test]
fn the_node_marks_its_words_and_the_words_their_node() {
    let mut c = shown(120, 40, plan());
    c.press("]");
    assert_eq!(marked(&c), ["orders o", "o.state = 'paid'"]);
    c.press("k");
    assert_eq!((at(&c).as_str(), marked(&c)), ("Hash Join", vec!["o.customer_id = c.id".to_string()]));
    // To the words of a node, and on from there: the plan's cursor follows.
    c.press("]");
    c.press("s");
    assert_eq!(c.state.view.focus, Pane::Editor);
    assert_eq!(c.state.query.editor.cursor_byte(), SQL.find("orders o").unwrap());
    assert!(marked(&c).is_empty(), "no marks while one works in the text");
    c.press("k");
    assert_eq!(at(&c), "Seq Scan c", "the line above names customers c");
    for _ in 0..3 {
        c.press("j");
    }
    assert_eq!(at(&c), "HashAggregate", "group by");
    // Another text, another plan: nothing is marked in it.
    c.press("i");
    c.type_text(" ");
    holdpoint::app::update::act(&mut c.state, holdpoint::app::Action::GoPlan, &mut Vec::new());
    c.press("]");
    assert!(c.state.plan.stale && marked(&c).is_empty());
}

#[test]
fn flame_and_flow_show_shares_and_what_vanishes() {
    let mut c = shown(120, 40, plan());
    c.press("f");
    assert_eq!(c.state.plan.view, View::Flame);
    assert!(c.screen().contains("Seq Scan o 81 %"), "{}", c.screen());
    for _ in 0..4 {
        c.press("j");
    }
    assert_eq!(at(&c), "Seq Scan o", "down goes to the widest");
    c.press("l");
    assert_eq!(at(&c), "Hash");
    insta::assert_snapshot!("plan_flame_120x40", c.screen());
    c.mono = true;
    insta::assert_snapshot!("plan_flame_mono", c.screen());
    c.mono = false;
    c.press("w");
    insta::assert_snapshot!("plan_flow_120x40", c.screen());
    c.mono = true;
    insta::assert_snapshot!("plan_flow_mono", c.screen());
    c.press("Esc");
    assert_eq!(c.state.plan.view, View::Tree);
}

/// Without VERBOSE PostgreSQL tells what processes took together alone: that is no share of the clock, and rows are those of all.
#[test]
fn what_processes_took_together_is_no_share_of_the_time() {
    let mut scan = node("Parallel Seq Scan o", "table scan", 78.6, (400.0, 400.0), vec![]);
    (scan.parallel, scan.loops) = (true, Some(3.0));
    let mut root = node("Gather", "gather", 37.8, (400.0, 400.0), vec![scan]);
    root.total_ms = Some(37.8);
    root.number();
    let mut c = shown(120, 40, Plan { root, ..plan() });
    c.press("f");
    let screen = c.screen();
    assert!(screen.contains("of all processes together where several run"), "{screen}");
    assert!(screen.contains("Parallel Seq Scan o 78.6 ms of all") && !screen.contains("208 %"), "{screen}");
    c.press("w");
    assert!(c.screen().contains("rows of all processes"), "{}", c.screen());
}

#[test]
fn rows_that_the_server_rounded_are_marked() {
    // PostgreSQL before 18: 50,000 loops of "0 rows" may have been 25,000 rows.
    let outer = node("Seq Scan o", "table scan", 20.0, (50_000.0, 50_000.0), vec![]);
    let mut inner = node("Index Scan c", "index scan", 30.0, (1.0, 0.0), vec![]);
    (inner.loops, inner.rows_err) = (Some(50_000.0), Some(25_000.0));
    let mut root = node("Nested Loop", "nested loop", 5.0, (50_000.0, 20_000.0), vec![outer, inner]);
    root.number();
    let mut c = shown(120, 40, Plan { root, ..plan() });
    let row = |c: &Console, name: &str| c.screen().lines().find(|l| l.contains(name)).unwrap_or_default().to_string();
    assert!(row(&c, "Index Scan c").contains("1 → ~0 "), "{}", c.screen());
    assert!(row(&c, "Seq Scan o").contains("50.0 k → 50.0 k"), "{}", c.screen());
    c.press("f");
    c.press("w");
    let flow = row(&c, "Nested Loop");
    assert!(flow.contains("~50.0 k") && flow.contains(" 20.0 k") && !flow.contains("30.0 k"), "{}", c.screen());
    assert!(row(&c, "Index Scan c").contains("~0"), "{}", c.screen());
}

#[test]
fn the_next_key_ends_the_live_plan_and_one_is_asked_for_at_a_time() {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    c.editor("select 1 from orders");
    let asked = |effects: &[Effect]| effects.iter().filter(|e| matches!(e, Effect::Explain { .. })).count();
    let first = c.timers();
    assert_eq!(asked(&first), 1);
    let effects = c.press("x");
    assert!(effects.iter().any(|e| matches!(e, Effect::CancelLivePlan)), "{effects:?}");
    c.press("y");
    assert_eq!(asked(&c.timers()), 0, "the first one has not ended yet");
    let Some(Effect::Explain { link, version, text, .. }) = first.into_iter().find(|e| matches!(e, Effect::Explain { .. })) else {
        panic!("asked")
    };
    c.send(Msg::Planned { link, job: None, version, text, analyze: false, result: Err(Error::new(Kind::Cancelled, "cancelled")) });
    assert!(c.state.plan.error.is_none(), "a plan that nobody wanted any more is no error");
    let next = c.timers();
    assert_eq!(asked(&next), 1, "now the newest text, once");
    assert!(next.iter().any(|e| matches!(e, Effect::Explain { text, .. } if text == "select 1 from ordersxy")));
    assert_eq!(asked(&c.timers()), 0);
    // What was wrong with a statement goes with it, also where the next one has no plan.
    let Some(Effect::Explain { link, version, text, .. }) = next.into_iter().find(|e| matches!(e, Effect::Explain { .. })) else {
        panic!("asked")
    };
    let wrong = Error::new(Kind::Statement, "no such table: ordersxy");
    c.send(Msg::Planned { link, job: None, version, text, analyze: false, result: Err(wrong) });
    assert!(c.state.plan.error.is_some());
    c.press("C-a");
    c.send(Msg::Paste("drop table zzz".into()));
    c.timers();
    assert!(c.state.plan.error.is_none(), "{}", c.screen());
}

fn explained(effects: &[Effect]) -> Option<bool> {
    effects.iter().find_map(|e| if let Effect::Explain { analyze, .. } = e { Some(*analyze) } else { None })
}

#[test]
fn what_is_expected_to_take_long_is_asked_about_with_its_numbers() {
    let asked = |c: &mut Console, plan: Plan| {
        // Also when its plan is known: how busy the server is changes from moment to moment.
        assert_eq!(explained(&c.press("F7")), Some(false));
        assert_eq!(explained(&c.press("F7")), None, "pressed twice it is asked for once");
        answered(c, false, plan)
    };
    let mut c = shown(120, 40, estimated(18_204.0));
    assert_eq!(explained(&asked(&mut c, estimated(18_204.0))), Some(true), "below the limits it is measured at once");
    assert_eq!(explained(&c.press("F7")), None, "it is being measured");
    assert!(c.screen().contains("being measured already"), "{}", c.screen());
    let mut c = shown(120, 40, estimated(2_500_000.0));
    assert_eq!(explained(&asked(&mut c, estimated(2_500_000.0))), None);
    let page = c.screen();
    assert!(page.contains("2,500,000") && page.contains("1,000,000") && page.contains("50.0 k"), "{page}");
    assert_eq!(explained(&c.press("a")), Some(true));
    assert!(c.state.dialogs.is_empty());
    // A busy server is asked about, too.
    let mut c = shown(120, 40, estimated(10.0));
    assert_eq!(explained(&asked(&mut c, Plan { load: Some(31), ..estimated(10.0) })), Some(true));
    let mut c = shown(120, 40, estimated(10.0));
    assert_eq!(explained(&asked(&mut c, Plan { load: Some(32), ..estimated(10.0) })), None);
    assert!(c.screen().contains("runs 32 statements of other sessions"), "{}", c.screen());
    c.press("n");
    assert!(c.state.dialogs.is_empty());
}

/// Answers what the last key asked for.
fn answered(c: &mut Console, analyze: bool, plan: Plan) -> Vec<Effect> {
    let (link, version) = (c.state.link_no, c.state.plan.version);
    let job = c.state.jobs.last().map(|j| j.id);
    c.send(Msg::Planned { link, job, version, text: SQL.into(), analyze, result: Ok(plan) })
}

#[test]
fn a_new_plan_of_the_same_shape_keeps_the_place() {
    let mut c = shown(120, 40, plan());
    c.press("]");
    c.press("F7");
    answered(&mut c, false, plan());
    answered(&mut c, true, plan());
    assert_eq!(at(&c), "Seq Scan o");
}

/// The same statement after an index was made: the scan of orders is an index scan, and its estimate is right.
fn with_index() -> Plan {
    let mut p = plan();
    p.findings.clear();
    (p.execution_ms, p.planning_ms) = (Some(96.0), Some(0.6));
    let orders = &mut p.root.children[0].children[0].children[0].children[0];
    (orders.op, orders.raw_op, orders.index) = ("index scan".into(), "Index Scan".into(), Some("orders_state".into()));
    (orders.self_ms, orders.total_ms, orders.est_rows, orders.estimate_error) = (Some(12.3), Some(12.3), Some(1_000_000.0), Some(1.0));
    p
}

/// Answers what F7 asked for: the plain plan, then the measured one.
fn measured(c: &mut Console, plan: Plan) {
    answered(c, false, Plan { analyzed: false, ..plan.clone() });
    answered(c, true, plan);
}

#[test]
fn a_kept_plan_is_compared_with_the_newest() {
    let mut c = shown(120, 40, plan());
    c.press("d");
    assert!(c.screen().contains("There is no other plan to compare with"), "{}", c.screen());
    c.press("p");
    assert!(c.screen().contains("Kept."), "{}", c.screen());
    c.state.now = "2026-11-21T09:40:00Z".parse().unwrap();
    c.press("F7");
    measured(&mut c, with_index());
    c.press("d");
    let page = c.screen();
    for words in [
        "Plans compared · 21 Nov 09:30 and 21 Nov 09:40",
        "total   812.4 → 96.6 ms  (÷8.4, one run each)",
        "shape   1 replaced",
        "orders is read by index orders_state now",
        "÷53 faster",
        "Index Scan orders o using orders_state ← was Seq Scan orders o",
        "orders was expected to give 31,000 rows, and now 1,000,000: with that Seq Scan orders became",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    insta::assert_snapshot!("plan_compared_120x40", page);
    // A line leads to its node.
    for _ in 0..30 {
        c.press("j");
    }
    c.press("Enter");
    assert!(c.state.dialogs.is_empty());
    assert_eq!(at(&c), "Seq Scan c");
    // Let go, the one before is compared with all the same: it is of the same statement.
    c.state.plan.kept = None;
    c.press("d");
    assert!(c.screen().contains("÷53 faster"), "{}", c.screen());
}

#[test]
fn a_measured_plan_is_not_compared_with_its_own_estimate() {
    let mut c = shown(120, 40, Plan { analyzed: false, ..plan() });
    c.press("F7");
    measured(&mut c, plan());
    c.press("d");
    assert!(c.state.dialogs.is_empty() && c.screen().contains("There is no other plan to compare with"), "{}", c.screen());
    // An estimate that was another plan is worth looking at.
    let mut c = shown(120, 40, Plan { analyzed: false, ..with_index() });
    c.press("F7");
    answered(&mut c, false, Plan { analyzed: false, ..with_index() });
    answered(&mut c, true, plan());
    c.press("d");
    assert!(c.screen().contains("Plans compared"), "{}", c.screen());
}

#[test]
fn earlier_plans_are_listed_and_opened() {
    let mut c = shown(120, 40, plan());
    let effects = c.press("b");
    assert!(
        effects.iter().any(|e| matches!(e, Effect::PlanHistory { target, text, .. } if target == "shop-dev" && text == SQL)),
        "{effects:?}"
    );
    let kept = |id: i64, shape: &str, ms: Option<f64>| holdpoint::store::plans::Kept {
        id,
        at: format!("2026-11-{:02}T08:00:00Z", 10 + id),
        shape: shape.repeat(8),
        analyzed: ms.is_some(),
        ms,
        cost: Some(18_204.0),
        text: SQL.into(),
    };
    c.send(Msg::PlanHistory { result: Ok(vec![kept(3, "beef", Some(812.4)), kept(2, "cafe", None), kept(1, "cafe", Some(90.1))]) });
    let page = c.screen();
    assert!(page.contains("2026-11-13 08:00") && page.contains("beefbe changed") && !page.contains("cafeca changed"), "{page}");
    c.press("G");
    c.press("g");
    c.press("j");
    assert!(c.press("Enter").iter().any(|e| matches!(e, Effect::OpenKeptPlan { id: 3 })));
    let text = "select c.name from customers c".to_string();
    c.send(Msg::KeptPlan { result: Ok(Box::new((with_index(), text, "2026-11-11T08:00:00Z".into()))) });
    let page = c.screen();
    assert!(page.contains("Read from the history, 2026-11-11 08:00") && page.contains("measured elsewhere"), "{page}");
    assert!(c.timers().is_empty(), "it stays, although the plan follows the typing");
    c.press("d");
    assert!(c.screen().contains("different statements") || c.screen().contains("no other plan"), "{}", c.screen());
    c.send(Msg::PlanHistory { result: Ok(Vec::new()) });
    assert!(c.state.messages.log.back().unwrap().text.contains("No plan of this statement was kept yet"));
}

#[test]
fn a_plan_is_shared_with_or_without_its_constants() {
    let mut c = shown(120, 40, plan());
    let share = |c: &mut Console, file: &str, constants: &str| {
        c.press("e");
        c.press("C-u");
        c.type_text(file);
        // What is typed ahead of the directory's names is for the next field.
        c.press("Tab");
        c.press("C-u");
        c.type_text(constants);
        let listing = holdpoint::app::paths::Listing { begins: file.into(), ..Default::default() };
        c.send(Msg::Directory(listing));
        c.press("Enter").into_iter().find_map(|e| if let Effect::SharePlan { path, text } = e { Some((path, text)) } else { None })
    };
    let (path, text) = share(&mut c, "slow.md", "yes").expect("written");
    assert_eq!(path.to_str(), Some("slow.md"));
    assert!(text.contains("state = 'paid'") && text.contains("Seq Scan orders o"), "{text}");
    for file in ["slow.md", "slow.html", "slow.svg", "slow.json"] {
        let (_, text) = share(&mut c, file, "no").expect("written");
        assert!(!text.contains("paid"), "{file}: {text}");
        assert!(text.contains("Seq Scan"), "{file}: {text}");
    }
    assert!(share(&mut c, "slow.exe", "yes").is_none());
    assert!(c.screen().contains("The ending says the form"), "{}", c.screen());
}

#[test]
fn a_plan_in_the_editor_or_in_a_file_is_opened_without_a_target() {
    let mut c = Console::new(120, 40);
    holdpoint::app::update::act(&mut c.state, holdpoint::app::Action::GoQuery, &mut Vec::new());
    c.send(Msg::Paste("QUERY PLAN\n|--SCAN orders\n`--USE TEMP B-TREE FOR ORDER BY\n".into()));
    let effects = c.press("F6");
    assert_eq!(explained(&effects), None);
    let page = c.screen();
    assert!(page.contains("SCAN orders") && page.contains("Read as SQLite"), "{page}");
    c.press("o");
    c.type_text("saved.txt");
    assert!(c.press("Enter").iter().any(|e| matches!(e, Effect::OpenPlan(p) if p.to_str() == Some("saved.txt"))));
    c.send(Msg::PlanRead { path: "saved.txt".into(), result: Ok(Box::new((plan(), "Read as PostgreSQL JSON.".into()))) });
    let page = c.screen();
    assert!(page.contains("Read from saved.txt") && page.contains("812.4 ms"), "{page}");
    c.send(Msg::PlanRead { path: "x".into(), result: Err(Error::usage("this is not a plan")) });
    assert!(c.screen().contains("this is not a plan") && c.screen().contains("812.4 ms"), "the one on the screen stays\n{}", c.screen());
}

fn advised() -> holdpoint::ops::advice::Report {
    use holdpoint::ops::advice::{Advice, Estimate, Level, Report};
    use holdpoint::plan::candidates::{Candidate, Dropped, Key, Reason, Shape, Why};
    let candidate = Candidate {
        name: "orders_state_total_idx".into(),
        table: "orders".into(),
        schema: None,
        relation: "orders".into(),
        keys: vec![Key { sql: "state".into(), column: Some("state".into()), class: String::new(), down: false }],
        equal: 1,
        include: vec![],
        only_where: None,
        method: None,
        shapes: vec![Shape::Equality],
        behind: false,
        caution: None,
        why: "the statement tests state for equality".into(),
        nodes: vec![vec![0, 0, 0, 0]],
        partitioned: false,
        with: Vec::new(),
        instead: None,
    };
    let advice = Advice {
        level: Level::Estimated,
        spec: "orders (state)".into(),
        create: "CREATE INDEX orders_state_total_idx ON orders (state)".into(),
        beside: None,
        estimate: Some(Estimate { before: Some(18_204.0), after: Some(12.0), bytes: Some(2_000_000), by: None }),
        measured: None,
        plan: None,
        write_cost: Some(0.12),
        others: None,
        unless: "Costs are no times.".into(),
        candidate,
    };
    let reason = Reason::new(Why::StaleStatistics, "orders", "60 % of orders changed").next("ANALYZE first.");
    let tried = Dropped { what: "orders (total)".into(), reason: Reason::new(Why::Tried, "orders", "the planner does not take it") };
    Report {
        statement: SQL.into(),
        plan: plan(),
        advice: vec![advice],
        dropped: vec![tried],
        reasons: vec![reason],
        verified: vec![],
        differs: None,
        notes: vec![],
    }
}

#[test]
fn advice_is_listed_with_its_level_and_queued_after_a_question() {
    let mut c = shown(120, 40, plan());
    // What measuring makes is told first.
    let effects = c.press("m");
    let looked =
        effects.into_iter().find_map(|e| if let Effect::Trial { link, job, trial } = e { Some((link, job, *trial)) } else { None });
    let Some((link, job, holdpoint::app::panes::plan::trial::Trial::LookAtCopies { asked })) = looked else { panic!("{looked:?}") };
    let words = "Restores the backup of 2026-11-21 10:00 (2.0 MB) into one copy on proofs, and removes them.".to_string();
    let copies = holdpoint::app::panes::plan::trial::Tried::Copies { asked, words };
    c.send(Msg::Tried { link, job, result: Ok(copies) });
    assert!(c.screen().contains("Measure advice on a copy?") && c.screen().contains("(2.0 MB) into one copy"), "{}", c.screen());
    let effects = c.press("m");
    assert!(effects.iter().any(|e| matches!(e, Effect::Advise { measure: true, .. })), "{effects:?}");
    let effects = c.press("a");
    let Some((link, job)) = effects.iter().find_map(|e| match e {
        Effect::Advise { link, job, text, measure: false, .. } if text == SQL => Some((*link, *job)),
        _ => None,
    }) else {
        panic!("{effects:?}")
    };
    c.send(Msg::Advised { link, job, result: Ok(Box::new(advised())) });
    let page = c.screen();
    assert!(
        page.contains("An index on orders (state) helps, estimated") && page.contains("expected cost 18,204 → 12 · at most about 2.0 MB"),
        "{page}"
    );
    assert!(page.contains("60 % of orders changed") && page.contains("orders (total): the planner does not take it"), "{page}");
    c.press("Enter");
    let page = c.screen();
    assert!(page.contains("CREATE INDEX") && page.contains("Why (equality)") && page.contains("about 12 % more"), "{page}");
    let effects = c.press("Enter");
    assert!(!effects.iter().any(|e| matches!(e, Effect::QueueAdvice { .. })), "a question comes first");
    if c.screen().contains("Queue this index?") {
        assert!(c.press("Esc").is_empty() && !c.screen().contains("Queue this index?"), "leaving it writes nothing");
    } else {
        assert!(c.state.messages.log.back().unwrap().text.contains("no migrations directory"), "{}", c.screen());
    }
    c.send(Msg::Advised { link, job, result: Ok(Box::new(holdpoint::ops::advice::Report { advice: vec![], ..advised() })) });
    assert!(c.screen().contains("No index helps, because the planner does not take it"), "{}", c.screen());
}
