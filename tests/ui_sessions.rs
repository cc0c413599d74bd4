//! What the server runs now, in the console: the list, the pause between two looks, plans, missing privileges. Nothing runs.

#[path = "ui/console.rs"]
#[allow(dead_code, reason = "shared with the tests of the screens")]
mod console;

use console::Console;
use holdpoint::app::effect::Operation;
use holdpoint::app::msg::Report;
use holdpoint::app::{Effect, Msg, Pane};
use holdpoint::model::plan::{Plan, PlanNode};
use holdpoint::model::{Error, HowFar, RunningStatement};
use holdpoint::ops::running::Look;

fn asked(effects: &[Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::Operate { operation: Operation::Sessions, .. })).count()
}

fn report(c: &mut Console, report: Report) -> Vec<Effect> {
    let job = c.state.work.as_ref().map_or(0, |w| w.job);
    let link = c.state.link_no;
    c.send(Msg::Ended { job, link, report })
}

fn session(id: u64, user: &str, state: &str, ms: u64, text: &str) -> RunningStatement {
    RunningStatement {
        id,
        user: user.into(),
        database: "shop".into(),
        client: "10.0.0.3, psql".into(),
        state: state.into(),
        ms: Some(ms),
        tx_ms: Some(ms + 500),
        text: text.into(),
        ..RunningStatement::default()
    }
}

fn look() -> Look {
    let mut blocked = session(4712, "shop", "active", 65_000, "update orders set state = 'paid'\n where id = 7");
    (blocked.waits, blocked.blocked_by) = ("Lock: transactionid".into(), vec![4711]);
    let mut index = session(4713, "admin", "active", 12_300, "create index concurrently i on orders (state)");
    index.far = Some(HowFar {
        command: "CREATE INDEX CONCURRENTLY".into(),
        relation: "orders".into(),
        phase: "building index: scanning table".into(),
        percent: Some(66.4),
        work: "664 of 1000".into(),
    });
    Look {
        statements: vec![
            session(4711, "nightly\u{1b}[2J", "idle in transaction", 2_460_000, "update orders set total = 0"),
            blocked,
            index,
            session(4720, "me", "active", 900, "select * from orders"),
        ],
        notes: vec!["Hidden from me: 3 sessions of other roles. GRANT pg_read_all_stats TO me; shows what they run.".into()],
        own: Some(4720),
    }
}

fn open(w: u16, h: u16) -> Console {
    let mut c = Console::new(w, h);
    c.connect("shop-dev");
    assert_eq!(asked(&c.press("7")), 1);
    report(&mut c, Report::Sessions(Ok(Box::new(look()))));
    c
}

#[test]
fn what_runs_is_listed_with_who_waits_and_how_far_it_is() {
    for (w, h) in [(80, 24), (120, 40), (160, 48)] {
        let mut c = open(w, h);
        c.press("j");
        c.press("j");
        let screen = c.screen();
        assert!(!screen.contains('\u{1b}'));
        insta::assert_snapshot!(format!("sessions_{w}x{h}"), screen);
    }
    let mut c = open(80, 24);
    c.mono = true;
    c.press("j");
    let screen = c.screen();
    // What came from outside keeps its letters.
    assert!(screen.replace('␛', "").is_ascii() && screen.contains("waits for a lock of 4711"), "{screen}");
    insta::assert_snapshot!("sessions_mono", screen);
    let mut c = open(60, 16);
    for key in ["j", "G", "g", "Enter", "Esc", "y", "PageDown"] {
        c.press(key);
    }
    assert!(c.screen().contains("Sessions"), "{}", c.screen());
}

#[test]
fn it_is_read_again_as_long_as_somebody_looks() {
    let mut c = open(120, 40);
    assert_eq!(asked(&c.timers()), 1);
    // One question at a time.
    assert_eq!(asked(&c.press("R")), 0);
    // The cursor stays on its session, wherever that stands now.
    c.press("j");
    c.press("j");
    let mut later = look();
    later.statements.remove(0);
    report(&mut c, Report::Sessions(Ok(Box::new(later))));
    assert_eq!(c.state.sessions.chosen().unwrap().id, 4713);
    // Elsewhere nobody looks, and nothing is asked.
    c.press("2");
    assert_eq!(asked(&c.timers()), 0);
    assert_eq!(asked(&c.press("Esc")), 0);
    assert_eq!(asked(&c.press("7")), 1);
    report(&mut c, Report::Sessions(Ok(Box::new(look()))));
    // Another window is in front of the terminal.
    c.send(Msg::Focus(false));
    assert_eq!(asked(&c.timers()), 0);
    assert_eq!(asked(&c.send(Msg::Focus(true))), 1);
    report(&mut c, Report::Sessions(Ok(Box::new(look()))));
    // What failed is said beside what was seen last, and asked again.
    assert_eq!(asked(&c.timers()), 1);
    report(&mut c, Report::Sessions(Err(Error::connect("the server did not answer"))));
    assert!(c.screen().contains("the server did not answer") && c.screen().contains("4712"), "{}", c.screen());
    assert_eq!(asked(&c.timers()), 1);
    // An engine without sessions is asked once.
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    c.press("7");
    report(&mut c, Report::Sessions(Err(Error::failed("SQLite has no server"))));
    assert!(c.screen().contains("SQLite has no server"), "{}", c.screen());
    assert_eq!(asked(&c.timers()), 0);
}

#[test]
fn the_plan_of_a_session_comes_into_the_plan_pane_or_the_reason_why_not() {
    let mut c = open(120, 40);
    c.press("G");
    let effects = c.press("p");
    assert!(effects.iter().any(|e| matches!(e, Effect::Operate { operation: Operation::SessionPlan(4720), .. })), "{effects:?}");
    let e = Error::failed("PostgreSQL 15 has no command that tells the plan").hint("auto_explain writes plans into the log.");
    report(&mut c, Report::SessionPlan { id: 4720, result: Err(e) });
    let page = c.screen();
    assert!(page.contains("has no command that tells the plan") && page.contains("auto_explain"), "{page}");
    c.press("Esc");
    c.press("F6");
    let root = PlanNode { op: "table scan".into(), raw_op: "Seq Scan".into(), relation: Some("orders".into()), ..PlanNode::default() };
    let plan = Plan { engine: "MariaDB".into(), root, ..Plan::default() };
    report(&mut c, Report::SessionPlan { id: 4720, result: Ok(Box::new(plan)) });
    assert_eq!(c.state.view.focus, Pane::Plan);
    let screen = c.screen();
    assert!(screen.contains("session 4720, while it runs") && screen.contains("Seq Scan"), "{screen}");
    assert_eq!(c.state.plan.asked.text, "select * from orders");
    // The statement itself goes into the editor.
    c.press("7");
    report(&mut c, Report::Sessions(Ok(Box::new(look()))));
    c.press("i");
    assert!(c.state.query.editor.text().contains("select * from orders;"), "{}", c.state.query.editor.text());
}
