//! Running statements in the console: parameters, transactions, what is said of them. Keys in, effects out.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;

use console::Console;
use holdpoint::app::Msg;
use holdpoint::app::effect::{Effect, FixAnswer};
use holdpoint::app::msg::RunEvent;
use holdpoint::model::{HeldLock, Param, TxState, Waiting};

fn open(sql: &str) -> Console {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.editor(sql);
    c
}

fn statements(effects: &[Effect]) -> &[holdpoint::app::effect::Statement] {
    effects.iter().find_map(|e| if let Effect::Run { statements, .. } = e { Some(statements.as_slice()) } else { None }).unwrap_or(&[])
}

#[test]
fn parameters_are_asked_for_and_remembered() {
    let mut c = open("select * from orders where id = :id and state = :state");
    assert!(statements(&c.press("F5")).is_empty(), "nothing runs before the values are there");
    let screen = c.screen();
    assert!(screen.contains("Values for this run") && screen.contains(":id") && screen.contains(":state"), "{screen}");
    c.type_text("42");
    c.press("Enter");
    c.type_text("open");
    let effects = c.press("Enter");
    let [one] = statements(&effects) else { panic!("{effects:?}") };
    assert_eq!(one.text, "select * from orders where id = :id and state = :state", "sent as typed");
    assert_eq!(one.values[":id"], Param::Number("42".into()));
    assert_eq!(one.values[":state"], Param::Text("open".into()));
    // The next time the values are there: the key that runs is enough.
    c.run(
        effects.iter().find_map(|e| if let Effect::Run { job, .. } = e { Some(*job) } else { None }).unwrap(),
        holdpoint::app::msg::RunEvent::Finished,
    );
    c.press("F5");
    assert!(c.screen().contains("42"), "{}", c.screen());
    let effects = c.press("F5");
    assert_eq!(statements(&effects)[0].values[":state"], Param::Text("open".into()));
}

#[test]
fn giving_up_on_values_runs_nothing() {
    let mut c = open("delete from orders where id = ?");
    c.press("F5");
    let effects = c.press("Esc");
    assert!(statements(&effects).is_empty());
    assert!(c.state.dialogs.is_empty());
}

#[test]
fn many_parameters_scroll_in_their_form() {
    let list: Vec<String> = (0..40).map(|i| format!(":p{i}")).collect();
    let mut c = open(&format!("select {}", list.join(", ")));
    c.press("F5");
    for _ in 0..30 {
        c.press("Enter");
    }
    let screen = c.screen();
    assert!(screen.contains(":p30") && !screen.contains(":p1 "), "{screen}");
}

#[test]
fn a_plan_takes_values_too() {
    let mut c = open("select * from orders where id = :id");
    c.press("F6");
    c.type_text("7");
    let effects = c.press("Enter");
    let Some(Effect::Explain { text, values, .. }) = effects.iter().find(|e| matches!(e, Effect::Explain { .. })) else {
        panic!("{effects:?}")
    };
    assert_eq!(text, "select * from orders where id = :id");
    assert_eq!(values[":id"], Param::Number("7".into()));
}

fn a_fix() -> holdpoint::app::panes::fix::Report {
    use holdpoint::ops::datafix::{Change, Changes};
    let text = |s: &str| Some(s.to_string());
    holdpoint::app::panes::fix::Report {
        affected: 12,
        before: "The 12 rows as they were are saved in store/before-images/x.ndjson.".into(),
        changes: Changes {
            rows: (1..=5)
                .map(|i| Change::Updated {
                    key: format!("id {i}"),
                    cells: vec![("state".into(), text("open"), text("closed")), ("note".into(), None, text(""))],
                })
                .collect(),
            note: None,
        },
        locks: Ok(vec![HeldLock { object: "orders".into(), mode: "RowExclusiveLock".into() }]),
    }
}

#[test]
fn a_data_fix_shows_what_it_changed_what_it_holds_and_who_waits() {
    let mut c = open("update orders set state = 'closed' where id < 13");
    let effects = c.press("F5");
    let Some(Effect::Run { job, result, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!("{effects:?}") };
    let (job, result) = (*job, *result);
    c.run(job, RunEvent::Started { result, index: 0, text: "update …".into() });
    c.run(job, RunEvent::Fix { result, fix: Box::new(a_fix()) });
    c.run(job, RunEvent::Finished);
    insta::assert_snapshot!("data_fix_80x24", c.screen());
    // The clock asks who waits, and the answer is told.
    c.send(Msg::Now("2026-11-21T09:31:15Z".parse().unwrap()));
    let asked = c.send(Msg::Timer(holdpoint::app::msg::Timer::Tick));
    assert!(asked.iter().any(|e| matches!(e, Effect::AskWaiting { .. })), "{asked:?}");
    let link = c.state.link_no;
    let w = Waiting { who: "app@10.0.0.3 (pid 7)".into(), seconds: 12, statement: "update orders set x = 1".into() };
    c.send(Msg::Waiting { link, result: Ok(vec![w]) });
    let screen = c.screen();
    assert!(screen.lines().next().unwrap().contains("TX OPEN (data fix) 1:15 · blocks 1"), "{screen}");
    assert!(screen.contains("1 session waits for your transaction: app@10.0.0.3"), "{screen}");
    c.press("v");
    let screen = c.screen();
    assert!(screen.contains("orders  RowExclusiveLock") && screen.contains("app@10.0.0.3 (pid 7) for 12 s"), "{screen}");
    c.press("Esc");
    let effects = c.press("c");
    assert!(effects.iter().any(|e| matches!(e, Effect::AnswerFix(FixAnswer::Commit))), "{effects:?}");
}

#[test]
fn an_open_transaction_has_a_clock() {
    let mut c = open("select 1");
    c.status(TxState::Open);
    c.send(Msg::Now("2026-11-21T09:32:05Z".parse().unwrap()));
    let first = c.screen().lines().next().unwrap().to_string();
    assert!(first.contains("TX OPEN 2:05"), "{first}");
}
