//! Parameters: asked for, remembered, taken by plans.

use super::*;

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
fn a_number_of_another_statement_brings_no_value() {
    let mut c = open("select * from customers where id = ?");
    c.press("F5");
    c.type_text("777");
    assert_eq!(statements(&c.press("F5")).len(), 1);
    let job = c.state.query.running.as_ref().expect("it runs").job;
    c.run(job, RunEvent::Finished);
    c.state.query.editor.set_text("delete from orders where id = ?");
    assert!(statements(&c.press("F5")).is_empty());
    assert!(!c.screen().contains("777"), "{}", c.screen());
    // The same statement has it again.
    c.press("Esc");
    c.state.query.editor.set_text("select * from customers where id = ?");
    c.press("F5");
    assert!(c.screen().contains("777"), "{}", c.screen());
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
