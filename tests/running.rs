//! Running statements in the console: parameters, transactions, what is said of them. Keys in, effects out.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;

use console::Console;
use holdpoint::app::effect::Effect;
use holdpoint::model::Param;

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
