//! Edited cells: keys that come before their form, a connection that is lost.

use super::*;

#[test]
fn edits_whose_connection_is_lost_are_still_staged_and_their_rows_still_there() {
    let mut c = open("select id from orders");
    let (job, result) = job_of(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "select id from orders".into() });
    let outcome = holdpoint::engine::Outcome { tag: "SELECT 2".into(), ..Default::default() };
    c.run(job, RunEvent::Done { result, outcome });
    c.run(job, RunEvent::Finished);
    c.send(Msg::CellsWait { job: job + 1, result, fix: Box::new(a_fix()) });
    assert!(c.screen().contains("Your edits changed 12 rows"), "{}", c.screen());
    c.send(Msg::FixLost { why: "the server ended it".into() });
    let screen = c.screen();
    assert!(screen.contains("NOT committed") && screen.contains("the server ended it"), "{screen}");
    c.press("o");
    let tab = c.state.query.result().expect("its result");
    assert!(matches!(tab.progress, holdpoint::app::panes::results::Progress::Done(_)), "{:?}", tab.progress);
    assert!(c.state.query.fix.is_none());
}

/// What is typed while the server is asked how rows can be edited goes into the form, and is no command.
#[test]
fn keys_before_the_form_of_a_cell_is_there_go_into_it() {
    use holdpoint::model::{ColumnInfo, TableInfo};
    let shown = || {
        let mut c = open("select id, state from orders");
        let effects = c.press("F5");
        let Some(Effect::Run { job, result, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!("{effects:?}") };
        let (job, result) = (*job, *result);
        let origin =
            |column: &str| Some(holdpoint::model::rows::Origin { table: vec!["main".into(), "orders".into()], column: column.into() });
        let columns: Vec<_> = ["id", "state"]
            .iter()
            .map(|n| holdpoint::model::Column { origin: origin(n), ..console::columns(&[(n, "text", false)])[0].clone() })
            .collect();
        c.run(job, RunEvent::Started { result, index: 0, text: "select id, state from orders".into() });
        c.run(job, RunEvent::Columns { result, columns: columns.into() });
        let mut batch = holdpoint::model::BatchBuilder::new(2);
        batch.push(holdpoint::model::Cell::Text(b"1"));
        batch.push(holdpoint::model::Cell::Text(b"open"));
        c.run(job, RunEvent::Rows { result, total: 1, first: Some(std::sync::Arc::new(batch.take())) });
        c.run(job, RunEvent::Done { result, outcome: holdpoint::engine::Outcome { tag: "SELECT 1".into(), ..Default::default() } });
        c.run(job, RunEvent::Finished);
        c.press("Esc");
        for key in ["Space", "g", "r", "l"] {
            c.press(key);
        }
        let effects = c.press("c");
        assert!(effects.iter().any(|e| matches!(e, Effect::TableOf { .. })), "{effects:?}");
        (c, result)
    };
    let info = || {
        let column = |name: &str| ColumnInfo {
            name: name.into(),
            id: name.into(),
            type_name: "text".into(),
            nullable: true,
            ..ColumnInfo::default()
        };
        let columns = vec![column("id"), column("state")];
        let table = TableInfo {
            schema: "main".into(),
            name: "orders".into(),
            columns,
            key: vec!["id".into()],
            no_key: None,
            number: None,
            no_rollback: None,
        };
        Ok(Some(table))
    };
    let told = |c: &mut Console, result| {
        let link = c.state.link_no;
        let then = holdpoint::app::Action::EditCell;
        c.send(Msg::TableOf { link, result, table: vec!["main".into(), "orders".into()], info: info(), then })
    };
    let (mut c, result) = shown();
    let before = c.screen();
    assert!(before.contains("is being looked up"), "{before}");
    c.press("C-u");
    c.type_text("xD7");
    assert!(c.state.query.results.len() == 1 && c.state.dialogs.is_empty(), "nothing was done meanwhile");
    told(&mut c, result);
    assert!(c.screen().contains("xD7"), "{}", c.screen());
    c.press("Enter");
    assert!(c.screen().contains("1 change staged"), "{}", c.screen());
    // No key came meanwhile: the words at the foot are untrue as soon as the form is there.
    let (mut c, result) = shown();
    told(&mut c, result);
    assert!(!c.state.dialogs.is_empty() && !c.screen().contains("is being looked up"), "{}", c.screen());
    // What is refused stays in the form.
    c.press("C-u");
    c.type_text("'long' typed");
    c.press("Enter");
    assert!(c.screen().contains("'long' typed") && c.screen().contains("closing quote"), "{}", c.screen());
    // Given up meanwhile: no form comes up over what is done since.
    let (mut c, result) = shown();
    c.type_text("x");
    c.press("Esc");
    told(&mut c, result);
    assert!(c.state.dialogs.is_empty() && c.state.query.results.len() == 1, "{}", c.screen());
}
