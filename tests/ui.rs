//! The console without a terminal, a database or a runtime: keys in, state and effects out, screens as text.

#[path = "ui/console.rs"]
mod console;

use console::Console;
use holdpoint::app::effect::{Effect, Operation};
use holdpoint::app::msg::RunEvent;
use holdpoint::app::{Msg, Pane, Workspace};
use holdpoint::engine::Outcome;
use holdpoint::model::plan::{Plan, PlanNode};
use holdpoint::model::{BatchBuilder, Cell, Error, Kind, NodeKind, SchemaNode, TxState};
use holdpoint::ops::find::Way;
use std::sync::Arc;
use std::time::Duration;

fn node(kind: NodeKind, name: &str, rows: Option<u64>, expandable: bool) -> SchemaNode {
    SchemaNode {
        kind,
        name: name.into(),
        detail: String::new(),
        comment: String::new(),
        marks: Vec::new(),
        rows,
        bytes: rows.map(|r| r * 80),
        expandable,
    }
}

fn shop(c: &mut Console) {
    c.connect("shop-dev");
    let tables = vec![
        node(NodeKind::Table, "customers", Some(50_000), true),
        node(NodeKind::Table, "orders", Some(204_000), true),
        node(NodeKind::Table, "products", Some(1_200), true),
        node(NodeKind::View, "revenue", None, true),
    ];
    c.children(&[], tables);
}

fn rows(from: u64, n: u64) -> Arc<holdpoint::model::RowBatch> {
    let mut b = BatchBuilder::new(3);
    for i in from..from + n {
        b.push(Cell::Number(i.to_string().as_bytes()));
        b.push(if i % 3 == 2 { Cell::Null } else { Cell::Text("name 漢字".as_bytes()) });
        b.push(Cell::Text(format!("2026-11-{:02}", 1 + i % 28).as_bytes()));
    }
    Arc::new(b.take())
}

/// Runs the statement under the cursor and answers with rows.
fn ran(c: &mut Console, total: u64, done: bool) -> u64 {
    let effects = c.press("F5");
    let (job, result, text) = effects
        .iter()
        .find_map(|e| match e {
            Effect::Run { job, result, statements, .. } => Some((*job, *result, statements[0].text.clone())),
            _ => None,
        })
        .expect("F5 runs");
    c.run(job, RunEvent::Started { result, index: 0, text });
    c.run(
        job,
        RunEvent::Columns {
            result,
            columns: console::columns(&[("id", "integer", true), ("name", "text", false), ("day", "date", false)]),
        },
    );
    c.run(job, RunEvent::Rows { result, total: total.min(1000), first: Some(rows(0, total.min(1000))) });
    if total > 1000 {
        c.run(job, RunEvent::Rows { result, total, first: None });
    }
    if done {
        let outcome = Outcome {
            tag: format!("SELECT {total}"),
            affected: None,
            elapsed: Duration::from_millis(12),
            rolled_back: true,
            cut_short: false,
        };
        c.run(job, RunEvent::Done { result, outcome });
        c.run(job, RunEvent::Finished);
    }
    job
}

fn plan() -> Plan {
    let scan = PlanNode { raw_op: "SCAN orders".into(), op: "table scan".into(), relation: Some("orders".into()), ..PlanNode::default() };
    let sort = PlanNode { raw_op: "USE TEMP B-TREE FOR ORDER BY".into(), op: "sort".into(), ..PlanNode::default() };
    Plan {
        engine: "SQLite".into(),
        root: PlanNode { raw_op: "QUERY PLAN".into(), children: vec![scan, sort], ..PlanNode::default() },
        remarks: vec!["reads the whole of orders".into()],
        raw: "0|0|0|SCAN orders".into(),
        ..Plan::default()
    }
}

fn analyzed() -> Plan {
    let mut root = PlanNode {
        raw_op: "Hash Join".into(),
        est_rows: Some(31_000.0),
        rows: Some(1_000_000.0),
        loops: Some(1.0),
        total_ms: Some(757.3),
        conditions: vec![("Hash Cond".into(), "(o.customer_id = c.id)".into())],
        children: vec![
            PlanNode {
                raw_op: "Seq Scan".into(),
                relation: Some("orders".into()),
                est_rows: Some(31_000.0),
                rows: Some(1_000_000.0),
                loops: Some(1.0),
                total_ms: Some(655.0),
                removed: holdpoint::model::plan::Removed { filter: Some(9_000_000.0), ..Default::default() },
                conditions: vec![("Filter".into(), "state = 'paid'".into())],
                ..PlanNode::default()
            },
            PlanNode { raw_op: "Hash".into(), est_rows: Some(50_000.0), never_executed: true, ..PlanNode::default() },
        ],
        ..PlanNode::default()
    };
    root.settle();
    Plan { engine: "PostgreSQL".into(), analyzed: true, planning_ms: Some(0.6), execution_ms: Some(811.8), root, ..Plan::default() }
}

#[test]
fn the_start_screen_lists_targets_in_promotion_order_and_opens_one() {
    let mut c = Console::new(80, 24);
    insta::assert_snapshot!("start_80x24", c.screen());
    c.press("Down");
    let effects = c.press("Enter");
    assert!(matches!(&effects[..], [Effect::Connect { target, .. }, ..] if target == "shop-qa"), "{effects:?}");
    assert_eq!(c.state.view.workspace, Workspace::Schema, "a narrow screen shows the tables first");
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    let c = Console::new(50, 12);
    assert!(c.screen().contains("Holdpoint needs 60×16; this is 50×12."));
}

#[test]
fn the_schema_tree_opens_previews_and_filters() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    insta::assert_snapshot!("schema_80x24", c.screen());
    let effects = c.press("l");
    assert!(matches!(&effects[..], [Effect::Children { at, .. }] if at.last().unwrap().1 == "customers"), "{effects:?}");
    let effects = c.press("Enter");
    assert!(effects.iter().any(|e| matches!(e, Effect::Preview { .. })), "{effects:?}");
    assert_eq!(c.state.view.focus, Pane::Results);
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.press("/");
    c.type_text("ord");
    assert_eq!(c.state.schema.chosen().unwrap().node.name, "orders");
    c.press("Enter");
    let effects = c.press("d");
    assert!(matches!(&effects[..], [Effect::Definition { .. }]), "{effects:?}");
    c.press("Esc");
    assert_eq!(c.state.schema.visible.len(), 4);
}

#[test]
fn typed_text_is_never_a_command_and_escape_leads_to_commands() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.press("2");
    c.type_text("select q from z where d = 'R'");
    assert_eq!(c.state.query.editor.text(), "select q from z where d = 'R'");
    assert!(c.state.dialogs.is_empty());
    c.press("Esc");
    c.press("?");
    assert!(c.screen().contains("Help · query"));
    c.press("Esc");
    c.press("i");
    c.press("C-z");
    c.press("C-z");
    assert!(c.state.query.editor.text().len() < 29, "Ctrl-Z is undo here");
}

#[test]
fn pasted_text_goes_into_the_editor_only() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.send(Msg::Paste("q:quit\n".into()));
    assert!(c.state.dialogs.is_empty() && c.state.query.editor.is_blank());
    c.press("2");
    c.send(Msg::Paste("select 1;\r\nselect 2;".into()));
    assert_eq!(c.state.query.editor.text(), "select 1;\nselect 2;");
}

#[test]
fn results_stream_into_the_grid_and_far_rows_are_asked_for() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.editor("select id, name, day from orders;");
    let job = ran(&mut c, 5000, false);
    c.press("Esc");
    assert!(c.screen().contains("5,000 rows so far, still coming"), "{}", c.screen());
    let result = c.state.query.result().unwrap().id;
    c.run(
        job,
        RunEvent::Done {
            result,
            outcome: Outcome { tag: "SELECT 5000".into(), elapsed: Duration::from_millis(812), ..Outcome::default() },
        },
    );
    c.run(job, RunEvent::Finished);
    c.press("Space");
    c.press("g");
    c.press("r");
    insta::assert_snapshot!("results_80x24", c.screen());
    let effects = c.press("G");
    let wanted = effects.iter().find_map(|e| match e {
        Effect::ReadRows { first, count, .. } => Some((*first, *count)),
        _ => None,
    });
    let (first, count) = wanted.expect("the last rows are not in memory");
    assert_eq!(first + count, 5000);
    c.send(Msg::Window { result, view: 0, batches: vec![(4096, rows(4096, 904))], error: None });
    assert!(c.screen().contains("5,000 4999"), "{}", c.screen());
    let effects = c.press("y");
    assert!(matches!(&effects[..], [Effect::Copy(s)] if s == "4999"), "{effects:?}");
    c.press("/");
    c.type_text("11-07");
    let effects = c.press("Enter");
    let Some(Effect::FindRow { job, text, from: 4999, .. }) = effects.iter().find(|e| matches!(e, Effect::FindRow { .. })) else {
        panic!("{effects:?}")
    };
    assert_eq!(text, "11-07");
    let effects = c.send(Msg::Found { job: *job, result, found: Ok(Some((6, 2))) });
    assert_eq!((c.state.query.result().unwrap().row, c.state.query.result().unwrap().column), (6, 2));
    assert!(c.screen().contains("Row 7 holds 11-07."), "{effects:?} {}", c.screen());
    for (key, ways) in [("N", Way::Forwards), ("M", Way::Backwards)] {
        let effects = c.press(key);
        let found = effects.iter().find_map(|e| match e {
            Effect::FindRow { job, from: 6, way, text, .. } if *way == ways && text == "11-07" => Some(*job),
            _ => None,
        });
        let job = found.unwrap_or_else(|| panic!("{key}: {effects:?}"));
        c.send(Msg::Found { job, result, found: Ok(None) });
        assert!(c.screen().contains("No row holds 11-07."), "{}", c.screen());
        assert_eq!(c.state.query.result().unwrap().row, 6, "the cursor stays");
    }
}

#[test]
fn an_error_is_shown_with_its_place_in_the_editor() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.editor("select 1;\nselect nope from orders;");
    let effects = c.press("F5");
    let Some(Effect::Run { job, result, statements, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!() };
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].text, "select nope from orders");
    c.run(*job, RunEvent::Started { result: *result, index: 0, text: statements[0].text.clone() });
    let error = Error::new(Kind::Statement, "no such column: nope").at(7).hint("Columns of orders: id, customer_id.");
    c.run(*job, RunEvent::Failed { result: *result, error });
    c.run(*job, RunEvent::Finished);
    assert_eq!(c.state.query.editor.error.as_ref().unwrap().0, 17);
    insta::assert_snapshot!("error_80x24", c.screen());
    c.type_text("x");
    assert!(c.state.query.editor.error.is_none(), "the mark goes when the text changes");
}

#[test]
fn all_statements_go_in_order_as_one_run() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.editor("select 1; -- one\nselect 'a;b';\n");
    c.press("Esc");
    let effects = c.press("a");
    let Some(Effect::Run { statements, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!("{effects:?}") };
    assert_eq!(statements.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), ["select 1", "select 'a;b'"]);
    assert!(c.press("a").iter().all(|e| !matches!(e, Effect::Run { .. })), "one run at a time");
}

#[test]
fn cancel_ends_the_run_first_and_quits_only_after_a_question() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.editor("select 1;");
    let job = ran(&mut c, 10, false);
    let effects = c.press("C-c");
    assert!(matches!(&effects[..], [Effect::Cancel { job: j }] if *j == job), "{effects:?}");
    let result = c.state.query.result().unwrap().id;
    c.run(job, RunEvent::Failed { result, error: Error::cancelled() });
    c.run(job, RunEvent::Finished);
    assert!(c.screen().contains("partial, 10 rows"), "{}", c.screen());
    let effects = c.press("C-c");
    assert!(effects.is_empty() && c.screen().contains("Quit Holdpoint?"));
    assert!(c.press("x").is_empty(), "another key answers nothing");
    assert_eq!(c.state.dialogs.len(), 1);
    assert!(c.press("Esc").is_empty());
    c.press("C-q");
    let effects = c.press("q");
    assert!(effects.iter().any(|e| matches!(e, Effect::Quit(_))), "{effects:?}");
}

#[test]
fn an_open_transaction_is_shown_and_stops_suspending() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.status(TxState::Open);
    assert!(c.screen().lines().next().unwrap().contains("TX OPEN"));
    c.press("Esc");
    let effects = c.press("C-z");
    assert!(effects.iter().all(|e| !matches!(e, Effect::Suspend)));
    assert!(c.screen().contains("Not suspended: a transaction is open"));
}

#[test]
fn live_plans_wait_for_a_pause_and_for_a_complete_read() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    assert!(c.state.plan.live, "on in the first environment");
    c.press("2");
    c.type_text("delete from orders");
    let asked = |c: &mut Console| c.timers().iter().any(|e| matches!(e, Effect::Explain { .. }));
    assert!(!asked(&mut c), "what may write is never sent");
    c.press("C-a");
    c.type_text("select * from orders o");
    let effects = c.timers();
    let Some(Effect::Explain { link, version, text, analyze, .. }) = effects.into_iter().find(|e| matches!(e, Effect::Explain { .. }))
    else {
        panic!("a read is planned")
    };
    assert!(!analyze);
    assert_eq!(text, "select * from orders o");
    c.send(Msg::Planned { link, job: None, version, text, analyze, result: Ok(plan()) });
    insta::assert_snapshot!("plan_live_80x24", c.screen());
    c.type_text(" where '");
    assert!(!asked(&mut c), "an open string is not sent");
    let screen = c.screen();
    assert!(
        screen.contains("─ Plan of the text before ─") && !screen.contains("estimated, not run"),
        "the last tree stays, marked: {screen}"
    );
}

#[test]
fn analyze_is_refused_for_what_may_write() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.editor("create table t as select 1;");
    assert!(c.press("F7").is_empty());
    assert!(c.screen().contains("Not analysed"), "{}", c.screen());
    // What writes rows is only looked at: a question comes before it is run.
    c.editor("update orders set state = 'x';");
    assert!(c.press("F7").iter().all(|e| !matches!(e, Effect::Explain { .. })));
}

#[test]
fn unlocking_needs_the_name_typed_exactly() {
    let mut c = Console::new(80, 24);
    c.connect("shop-prod");
    for k in ["Space", "a", "u"] {
        c.press(k);
    }
    c.type_text("shop");
    assert!(c.press("Enter").is_empty());
    assert!(c.screen().contains("That is not the name of this target."));
    c.type_text("-prod");
    let effects = c.press("Enter");
    assert!(matches!(&effects[..], [Effect::Unlock { typed, .. }] if typed == "shop-prod"), "{effects:?}");
    // A file that is not configured is called as it was typed, too.
    c.state.link.server_mut().unwrap().target.typed = Some("prod.db".into());
    for k in ["Space", "a", "u"] {
        c.press(k);
    }
    c.type_text("prod.db");
    assert!(c.press("Enter").iter().any(|e| matches!(e, Effect::Unlock { .. })), "{}", c.screen());
}

#[test]
fn a_new_target_is_shown_before_it_is_written() {
    let mut c = Console::new(80, 24);
    c.press("n");
    c.type_text("mine");
    c.press("Enter");
    c.type_text("postgres://me:secret@db/x");
    c.press("Enter");
    c.press("Enter");
    assert!(c.screen().contains("No passwords in here"), "{}", c.screen());
    c.press("Up");
    c.press("C-u");
    c.type_text("postgres://me@db/x");
    c.press("Enter");
    assert!(c.press("Enter").is_empty(), "nothing is written yet");
    assert!(c.screen().contains("url = \"postgres://me@db/x\""), "{}", c.screen());
    let effects = c.press("w");
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Operate { operation: Operation::WriteTarget { text, .. }, .. } if text.contains("mine")))
    );
}

#[test]
fn the_palette_finds_actions_targets_and_tables() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.press("C-p");
    insta::assert_snapshot!("palette_80x24", c.screen());
    c.type_text("shopprod");
    let effects = c.press("Enter");
    assert!(
        matches!(effects.iter().find(|e| matches!(e, Effect::Connect { .. })), Some(Effect::Connect { target, .. }) if target == "shop-prod")
    );
}

#[test]
fn the_leader_shows_the_next_keys() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.press("Space");
    insta::assert_snapshot!("leader_80x24", c.screen());
    c.press("Esc");
    assert!(c.state.sequence.is_empty());
}

fn text_of(buffers: &[holdpoint::store::buffers::Keep]) -> Vec<&str> {
    buffers.iter().filter_map(|b| b.text.as_deref()).collect()
}

#[test]
fn buffers_are_saved_after_a_pause_and_at_the_end() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.press("2");
    c.type_text("select 1");
    let effects = c.timers();
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::SaveBuffers { buffers, target } if text_of(buffers) == ["select 1"] && target == "shop-dev")),
        "{effects:?}"
    );
    c.type_text("2");
    let effects = c.send(Msg::Stop("SIGHUP".into()));
    assert!(
        matches!(&effects[..], [Effect::SaveBuffers { buffers, .. }, Effect::Quit(_)] if text_of(buffers) == ["select 12"]),
        "{effects:?}"
    );
}

#[test]
fn hostile_names_are_shown_and_never_obeyed() {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.children(&[], vec![node(NodeKind::Table, "evil\x1b[2J\u{202e}name", Some(1), true)]);
    let screen = c.screen();
    assert!(screen.contains("evil␛[2J\\u{202e}name") && !screen.contains('\x1b'));
}

#[test]
fn wide_medium_and_mono_screens() {
    for (w, h, name, mono) in [(160, 48, "wide_160x48", false), (120, 40, "medium_120x40", false), (80, 24, "mono_80x24", true)] {
        let mut c = Console::new(w, h);
        c.mono = mono;
        shop(&mut c);
        c.editor("select o.id, c.name\n  from orders o\n  join customers c on c.id = o.customer_id\n where o.state = 'paid';");
        ran(&mut c, 300, true);
        c.press("F6");
        let text = c.state.query.editor.statement().map(|s| c.state.query.editor.text()[s.span].to_string()).unwrap();
        let (link, version) = (c.state.link_no, c.state.plan.version);
        let job = c.state.jobs.last().map(|j| j.id);
        c.send(Msg::Planned { link, job, version, text, analyze: true, result: Ok(analyzed()) });
        c.press("Esc");
        insta::assert_snapshot!(name, c.screen());
        c.press("F8");
        insta::assert_snapshot!(format!("{name}_results"), c.screen());
    }
}

#[test]
fn answers_of_an_earlier_connection_are_dropped() {
    let mut c = Console::new(80, 24);
    shop(&mut c);
    let old = c.state.link_no;
    c.connect("shop-qa");
    c.send(Msg::Children {
        link: old,
        at: holdpoint::model::NodePath::root(),
        result: Ok(vec![node(NodeKind::Table, "ghost", None, false)]),
    });
    assert!(!c.screen().contains("ghost"));
}

#[test]
fn a_connection_that_failed_or_was_lost_says_what_to_do() {
    let mut c = Console::new(80, 24);
    let mut effects = Vec::new();
    holdpoint::app::update::connect(&mut c.state, "shop-dev", None, &mut effects);
    let link = c.state.link_no;
    let error = Error::connect("no file at /srv/shop-dev.db").hint("Correct `path` of shop-dev.");
    c.send(Msg::ConnectFailed { link, error });
    insta::assert_snapshot!("failed_80x24", c.screen());

    let mut c = Console::new(80, 24);
    shop(&mut c);
    c.status(TxState::Open);
    let mut status = c.state.link.server().unwrap().status.clone();
    status.lost = Some("the server closed the connection".into());
    let link = c.state.link_no;
    c.send(Msg::Status { link, status });
    let screen = c.screen();
    assert!(screen.lines().next().unwrap().contains("CONNECTION AND TRANSACTION LOST, Space a r"), "{screen}");
    assert!(screen.contains("The connection is gone, and with it the open transaction: the server"), "{screen}");
    for k in ["Space", "a", "r"] {
        effects = c.press(k);
    }
    assert!(effects.iter().any(|e| matches!(e, Effect::Connect { .. })), "nothing is left to ask about: {effects:?}");
}

#[test]
fn a_backslash_line_proposes_shortcuts_and_names_and_no_sql() {
    use holdpoint::model::names::Collector;
    let typed = |line: &str| {
        let mut c = Console::new(80, 24);
        shop(&mut c);
        let mut names = Collector::default();
        names.relation("main", "orders", NodeKind::Table, false);
        names.relation("main", "order_items", NodeKind::Table, false);
        let names = names.finish(vec!["main".into()], vec!["main".into()], vec!["count".into()]);
        let link = c.state.link_no;
        c.send(Msg::Names { link, result: Ok(Box::new(names)) });
        c.editor("select 1;\n");
        c.type_text(line);
        c
    };
    let list = |c: &Console| c.state.popup().map(|p| p.list.iter().map(|p| p.insert.clone()).collect::<Vec<_>>());
    assert_eq!(list(&typed("select * from ord")), Some(vec!["orders".into(), "order_items".into()]), "in a line of SQL");
    for line in ["\\DT", "\\DT ord", "\\c ord", "\\echo sel"] {
        assert_eq!(list(&typed(line)), None, "{line}");
    }
    assert_eq!(list(&typed("\\con")), Some(vec!["\\conninfo".into()]));
    let mut c = typed("\\d ord");
    assert_eq!(list(&c), Some(vec!["orders".into(), "order_items".into()]));
    c.press("Tab");
    assert_eq!(c.state.query.editor.text(), "select 1;\n\\d orders");
}

#[test]
fn proposals_follow_the_typing_and_tab_takes_one() {
    use holdpoint::model::names::Collector;
    let mut c = Console::new(80, 24);
    shop(&mut c);
    let mut names = Collector::default();
    for (table, columns) in [("customers", ["id", "name"]), ("orders", ["id", "customer_id"]), ("order_items", ["id", "order_id"])] {
        names.relation("main", table, NodeKind::Table, false);
        for column in columns {
            names.column(column, "INTEGER");
        }
    }
    names.key_pair(true, ("main", "orders", "customer_id"), ("main", "customers", "id"));
    let names = names.finish(vec!["main".into()], vec!["main".into()], vec!["count".into()]);
    c.editor("select * from ");
    // Asked for before they are there, the reason is said.
    c.press("C-n");
    assert!(c.screen().contains("The names are still being read."), "{}", c.screen());
    let link = c.state.link_no;
    c.send(Msg::Names { link, result: Ok(Box::new(names)) });
    c.type_text("or");
    insta::assert_snapshot!("proposals_80x24", c.screen());
    // Enter is a new line as long as nothing was chosen; the text is never changed unasked.
    c.press("Esc");
    assert!(c.state.popup().is_none() && c.state.typing(), "Esc closes the list alone");
    c.press("C-n");
    c.press("Tab");
    assert_eq!(c.state.query.editor.text(), "select * from orders");
    c.type_text(" o join ");
    c.press("C-n");
    c.press("Tab");
    assert_eq!(c.state.query.editor.text(), "select * from orders o join customers on customers.id = o.customer_id");
    c.type_text(" where o.");
    assert_eq!(
        c.state.popup().map(|p| p.list.iter().map(|p| p.insert.clone()).collect::<Vec<_>>()),
        Some(vec!["id".into(), "customer_id".into()])
    );
    c.press("Down");
    c.press("Enter");
    assert!(c.state.query.editor.text().ends_with("where o.customer_id"));
    // A paste, a move or a command closes the list; undo takes the proposal back.
    c.type_text(" = o.");
    c.press("Left");
    assert!(c.state.popup().is_none());
    // DDL that ran has the names read again.
    c.press("Esc");
    let text = "create table t (a int)";
    c.run(1, RunEvent::Started { result: 90, index: 0, text: text.into() });
    let outcome = holdpoint::engine::Outcome::default();
    c.run(1, RunEvent::Done { result: 90, outcome });
    let effects = c.run(1, RunEvent::Finished);
    assert!(effects.iter().any(|e| matches!(e, Effect::Names { .. })), "{effects:?}");
}
