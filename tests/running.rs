//! Running statements in the console: parameters, transactions, what is said of them. Keys in, effects out.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;

use console::Console;
use holdpoint::app::Msg;
use holdpoint::app::effect::{Effect, FixAnswer};
use holdpoint::app::msg::RunEvent;
use holdpoint::model::{Error, HeldLock, Kind, Param, TxState, Waiting};

fn open(sql: &str) -> Console {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.editor(sql);
    c
}

#[test]
fn guarded_access_that_goes_with_its_session_is_told() {
    let mut c = open("select 1");
    c.state.unlocked = Some("2026-11-21T09:45:00Z".parse().unwrap());
    c.connect("shop-dev");
    assert!(c.state.unlocked.is_none());
    assert!(c.screen().contains("gone with the one before are the guarded access"), "{}", c.screen());
    // Another target never had it.
    c.press("Left");
    c.state.unlocked = Some("2026-11-21T09:45:00Z".parse().unwrap());
    c.connect("shop-prod");
    assert!(c.state.unlocked.is_none() && !c.screen().contains("gone with"), "{}", c.screen());
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
fn the_first_line_names_a_transaction_that_went_with_the_connection() {
    let mut c = open("select 1");
    c.status(TxState::Open);
    let link = c.state.link_no;
    let status = c.state.link.server().expect("open").status.clone();
    // MariaDB's session tells both at once.
    let status = holdpoint::engine::SessionStatus { lost: Some("it was killed".into()), tx: TxState::Idle, ..status };
    c.send(Msg::Status { link, status });
    assert!(c.screen().lines().next().unwrap().contains("CONNECTION AND TRANSACTION LOST"), "{}", c.screen());
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
    use holdpoint::ops::datafix::{Cascaded, Cascades, Change, Changes};
    let text = |s: &str| Some(s.to_string());
    holdpoint::app::panes::fix::Report {
        affected: 12,
        before: "The 12 rows as they were are saved in store/before-images/x.ndjson.".into(),
        cascades: Cascades {
            tables: vec![Cascaded { table: "public.items".into(), deleted: 30, changed: 0, left: 0, saved: Some("x-items.ndjson".into()) }],
            notes: vec![],
        },
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
    // The clock of a target that is open for a while comes each 15 seconds; that of a data fix does not wait for it.
    c.tick();
    c.state.unlocked = Some("2026-11-21T09:45:00Z".parse().unwrap());
    c.state.tick(&mut Vec::new());
    let slow = c.state.clock;
    c.state.unlocked = None;
    let effects = c.press("F5");
    let Some(Effect::Run { job, result, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!("{effects:?}") };
    let (job, result) = (*job, *result);
    c.run(job, RunEvent::Started { result, index: 0, text: "update …".into() });
    c.run(job, RunEvent::Fix { result, fix: Box::new(a_fix()) });
    c.run(job, RunEvent::Finished);
    c.timers();
    insta::assert_snapshot!("data_fix_80x24", c.screen());
    // The clock asks who waits, and the answer is told.
    c.send(Msg::Now("2026-11-21T09:31:15Z".parse().unwrap()));
    let asks = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::AskWaiting { .. }));
    let late = c.send(Msg::Timer(holdpoint::app::msg::Timer::Tick(slow)));
    assert!(!asks(&late), "a slower clock that was armed before counts no more: {late:?}");
    let asked = c.tick();
    assert!(asks(&asked), "{asked:?}");
    let link = c.state.link_no;
    let w = Waiting { who: "app@10.0.0.3 (pid 7)".into(), seconds: 12, statement: "update orders set x = 1".into() };
    c.send(Msg::Waiting { link, result: Ok(vec![w]) });
    let screen = c.screen();
    assert!(screen.lines().next().unwrap().contains("TX OPEN (data fix) 1:15 · blocks 1"), "{screen}");
    assert!(screen.contains("1 session waits for your transaction: app@10.0.0.3"), "{screen}");
    c.press("v");
    let screen = c.screen();
    assert!(
        screen.contains("orders  RowExclusiveLock")
            && screen.contains("Also 30 rows of public.items by cascade: deleted.")
            && screen.contains("public.items as it was: x-items.ndjson")
            && screen.contains("app@10.0.0.3 (pid 7) for 12 s"),
        "{screen}"
    );
    c.press("Esc");
    let effects = c.press("c");
    assert!(effects.iter().any(|e| matches!(e, Effect::AnswerFix(FixAnswer::Commit))), "{effects:?}");
    // The server may take its time: that is said, it cannot be cancelled, and leaving does not take it back.
    assert!(c.screen().lines().next().unwrap().contains("COMMITTING (data fix)"), "{}", c.screen());
    c.press("C-c");
    assert!(c.state.dialogs.is_empty() && c.screen().contains("cannot be cancelled"), "{}", c.screen());
    c.press("C-q");
    assert!(c.screen().contains("is being committed") && !c.screen().contains("rolls back"), "{}", c.screen());
}

#[test]
fn a_data_fix_that_was_rolled_back_says_so_in_its_result() {
    for (answer, ended) in [(FixAnswer::RollBack, true), (FixAnswer::Commit, false)] {
        let mut c = open("update orders set state = 'closed' where id < 13");
        let (job, result) = job_of(&c.press("F5"));
        c.run(job, RunEvent::Started { result, index: 0, text: "update …".into() });
        let elapsed = std::time::Duration::from_millis(35);
        let tag = holdpoint::ops::datafix::TAG.to_string();
        let outcome = holdpoint::engine::Outcome { tag, affected: Some(12), elapsed, rolled_back: false, cut_short: false };
        c.run(job, RunEvent::Done { result, outcome });
        c.typing_on = true;
        c.run(job, RunEvent::Fix { result, fix: Box::new(a_fix()) });
        c.run(job, RunEvent::Finished);
        // The question opens under hands that type on: until they rest, a letter is no answer, and text still.
        let typed = ["s", "e", "c", "r", "v", "Enter", "Esc"].map(|k| c.press(k).is_empty());
        assert!(c.state.query.fix.is_some() && typed.iter().filter(|e| **e).count() > 2, "{typed:?}");
        assert!(c.screen().contains("what you still type is no answer") && !c.screen().contains("c commit"), "{}", c.screen());
        c.timers();
        assert!(!c.screen().contains("c commit"), "keys came in between");
        c.timers();
        assert!(c.screen().contains("c commit"), "{}", c.screen());
        // A paste that comes as keys: its first letter is no answer, nor is its last one.
        let paste: Vec<holdpoint::config::keymap::Key> = "customers where c".chars().map(holdpoint::config::keymap::Key::char).collect();
        c.send(Msg::Keys(paste));
        assert!(c.state.query.fix.as_ref().is_some_and(|f| f.answered.is_none()));
        assert!(c.screen().contains("what you still type is no answer"), "{}", c.screen());
        let committed = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::AnswerFix(_)));
        assert!((0..3).all(|_| !committed(&c.timers())));
        assert!(c.screen().contains("c commit"), "{}", c.screen());
        // What is not on the screen is not answered.
        let size = c.state.size;
        c.send(Msg::Resize(50, 12));
        assert!(c.screen().contains("It waits"), "{}", c.screen());
        assert!(!committed(&c.press("c")) && !committed(&c.timers()));
        c.send(Msg::Resize(size.0, size.1));
        assert!(!committed(&c.press("c")), "it may have more behind it");
        let effects = c.timers();
        assert!(effects.iter().any(|e| matches!(e, Effect::AnswerFix(FixAnswer::Commit))), "{effects:?}");
        c.send(Msg::FixEnded { answer, result: Ok(()) });
        let screen = c.screen();
        assert!(screen.contains("data fix · 12 rows affected"), "{screen}");
        assert_eq!(screen.contains("12 rows affected, rolled back"), ended, "{screen}");
        assert_eq!(screen.contains("Rolled back: nothing was changed."), ended, "{screen}");
    }
}

#[test]
fn what_is_sent_has_the_line_ends_of_its_file() {
    let mut c = open("");
    let opened = |c: &mut Console, name: &str, text: &str| {
        c.send(Msg::FileOpened { path: format!("/x/{name}").into(), result: Ok(text.into()) });
    };
    opened(&mut c, "dos.sql", "select 'a\r\nb'\r\n  from nowhere;\r\nselect 2;\r\n");
    let effects = c.press("F5");
    assert_eq!(statements(&effects)[0].text, "select 'a\r\nb'\r\n  from nowhere");
    // The place of an error is where the editor has it.
    let (job, result) = job_of(&effects);
    let text = statements(&effects)[0].text.clone();
    let at = text.find("nowhere").unwrap();
    c.run(job, RunEvent::Started { result, index: 0, text });
    c.run(job, RunEvent::Failed { result, error: Error { position: Some(at), ..Error::failed("no such table: nowhere") } });
    let (place, _) = c.state.query.editor.error.clone().expect("a place");
    assert!(c.state.query.editor.text()[place..].starts_with("nowhere"), "{place}");
    c.run(job, RunEvent::Finished);
    // Of mixed ends each stays as it is, in the text that is sent and in the file.
    let mixed = "select 'a\r\nb', 'c\nd';\nselect 2;\r\n";
    opened(&mut c, "mixed.sql", mixed);
    assert_eq!(statements(&c.press("F5"))[0].text, "select 'a\r\nb', 'c\nd'");
    assert_eq!(c.state.query.editor.file_text(), mixed);
    assert!(!c.screen().contains('\r'));
}

#[test]
fn an_error_in_a_long_statement_says_its_line_and_enter_goes_there() {
    let long: String =
        std::iter::once("select\n".to_string()).chain((0..60).map(|i| format!("  c{i},\n"))).chain(["  1 as z;".into()]).collect();
    let mut c = open(&long);
    c.press("C-Home");
    let effects = c.press("F5");
    let (job, result) = job_of(&effects);
    let text = statements(&effects)[0].text.clone();
    let at = text.find("c48,").expect("its place");
    c.run(job, RunEvent::Started { result, index: 0, text });
    c.run(job, RunEvent::Failed { result, error: Error { position: Some(at), ..Error::failed("no such column: c48") } });
    c.run(job, RunEvent::Finished);
    let screen = c.screen();
    assert!(screen.contains("Line 50: no such column: c48") && screen.contains("line 50: c48,"), "{screen}");
    c.press("Esc");
    "Space g r".split(' ').for_each(|k| drop(c.press(k)));
    c.press("Enter");
    assert_eq!(c.state.query.editor.cursor_line(), 49);
    assert_eq!(c.state.view.focus, holdpoint::app::state::Pane::Editor);
    // In a text that has changed since, the place may be another.
    c.type_text("x");
    c.press("Esc");
    "Space g r".split(' ').for_each(|k| drop(c.press(k)));
    c.press("Enter");
    assert_eq!(c.state.view.focus, holdpoint::app::state::Pane::Results);
}

#[test]
fn a_double_ctrl_c_cancels_and_only_a_later_one_hangs_up() {
    let mut c = open("select 1");
    let effects = c.press("F5");
    let (job, result) = job_of(&effects);
    c.run(job, RunEvent::Started { result, index: 0, text: "select 1".into() });
    assert!(c.press("C-c").iter().any(|e| matches!(e, Effect::Cancel { .. })));
    assert!(!c.press("C-c").iter().any(|e| matches!(e, Effect::Sever { .. })), "{}", c.screen());
    c.state.now += jiff::SignedDuration::from_millis(600);
    assert!(c.press("C-c").iter().any(|e| matches!(e, Effect::Sever { .. })), "{}", c.screen());
}

#[test]
fn what_became_of_a_cancelled_statement_that_ended_without_an_error_is_told() {
    for (cut_short, words) in [(true, "what waited in it (SLEEP) was cut short"), (false, "It ended by itself before it was cancelled")] {
        let mut c = open("select sleep(20)");
        let (job, result) = job_of(&c.press("F5"));
        c.run(job, RunEvent::Started { result, index: 0, text: "select sleep(20)".into() });
        assert!(c.press("C-c").iter().any(|e| matches!(e, Effect::Cancel { .. })));
        let outcome = holdpoint::engine::Outcome { tag: "SELECT 1".into(), cut_short, ..Default::default() };
        c.run(job, RunEvent::Done { result, outcome });
        c.run(job, RunEvent::Finished);
        let said = &c.state.messages.shown.as_ref().unwrap().text;
        assert!(said.contains(words) && !c.screen().contains("Cancelling"), "{said}");
    }
}

#[test]
fn a_number_in_the_palette_is_a_line() {
    let mut c = open("select 1;\nselect 2;\nselect 3;");
    c.press("C-p");
    c.type_text("2");
    assert!(c.screen().contains("line 2"), "{}", c.screen());
    c.press("Enter");
    assert_eq!(c.state.query.editor.cursor_line(), 1);
    c.press("C-p");
    c.type_text("999");
    c.press("Enter");
    assert_eq!(c.state.query.editor.cursor_line(), 2);
}

#[test]
fn a_list_shows_what_others_made_since_the_names_were_read() {
    let (mut c, effects) = shortcut("\\dt");
    assert!(c.screen().contains("main.orders") && !c.screen().contains("made_outside"), "{}", c.screen());
    assert!(effects.iter().any(|e| matches!(e, Effect::Names { .. })), "they are read again: {effects:?}");
    let mut names = (*c.state.completion.names().expect("names")).clone();
    let mut more = names.relations[0].clone();
    more.name = "made_outside".into();
    names.relations.push(more);
    names.pack();
    let link = c.state.link_no;
    c.send(Msg::Names { link, result: Ok(Box::new(names.clone())) });
    assert!(c.screen().contains("main.made_outside"), "{}", c.screen());
    assert_eq!(c.state.dialogs.len(), 1);
    // A list that was closed does not come back.
    c.press("Esc");
    c.send(Msg::Names { link, result: Ok(Box::new(names)) });
    assert!(c.state.dialogs.is_empty());
}

#[test]
fn quitting_says_what_is_not_saved_and_all_that_is_open() {
    let mut c = open("create table kept (a int)");
    c.type_text(" ");
    let full = || Error::failed("the store: database or disk is full");
    c.send(Msg::BufferSaved { result: Err(full()) });
    let effects = c.press("C-q");
    assert!(effects.iter().any(|e| matches!(e, Effect::SaveBuffers { .. })), "it is tried again: {effects:?}");
    let screen = c.screen();
    assert!(screen.contains("NOT saved: the store: database or disk is full") && screen.contains("q end without it"), "{screen}");
    assert!(screen.contains("Space f S saves it"), "{screen}");
    assert!(!screen.contains("will be here again"), "{screen}");
    c.send(Msg::BufferSaved { result: Err(full()) });
    assert!(c.screen().contains("NOT saved"), "{}", c.screen());
    // There is room again.
    c.send(Msg::BufferSaved { result: Ok(()) });
    assert!(c.screen().contains("is saved and will be here again"), "{}", c.screen());
    assert_eq!(c.state.dialogs.len(), 1);
}

/// Each way out of an open transaction says what becomes of it, and asks first.
#[test]
fn every_way_out_says_what_becomes_of_an_open_transaction() {
    for (way, title, says, yes) in [
        ("C-q", "Quit Holdpoint?", "rolls back", "q"),
        ("Space a r", "Reconnect to shop-dev?", "the server rolls back", "r"),
        ("Space e w", "Close", "closing neither commits nor rolls back", ""),
    ] {
        let mut c = open("select 1");
        c.status(TxState::Open);
        c.press("Esc");
        let effects = keys(&mut c, way);
        assert!(!effects.iter().any(|e| matches!(e, Effect::Connect { .. } | Effect::Quit(_))), "{way}: {effects:?}");
        let screen = c.screen();
        let bare = screen.replace('│', " ");
        let words = bare.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(title) && words.contains("ransaction is open") && words.contains(says), "{way}: {screen}");
        if !yes.is_empty() {
            let effects = c.press(yes);
            assert!(effects.iter().any(|e| matches!(e, Effect::Connect { .. } | Effect::Quit(_))), "{way}: {effects:?}");
        }
    }
}

#[test]
fn what_is_selected_runs_alone() {
    let mut c = open("select 1, 2; select 3");
    c.press("Home");
    for _ in 0.."select 1".len() {
        c.press("S-Right");
    }
    let effects = c.press("F5");
    let texts: Vec<&str> = statements(&effects).iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts, ["select 1"]);
}

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

#[test]
fn an_open_transaction_has_a_clock() {
    let mut c = open("select 1");
    c.status(TxState::Open);
    c.send(Msg::Now("2026-11-21T09:32:05Z".parse().unwrap()));
    let first = c.screen().lines().next().unwrap().to_string();
    assert!(first.contains("TX OPEN 2:05"), "{first}");
}

fn job_of(effects: &[Effect]) -> (u64, u64) {
    effects.iter().find_map(|e| if let Effect::Run { job, result, .. } = e { Some((*job, *result)) } else { None }).expect("a run")
}

fn keys(c: &mut Console, keys: &str) -> Vec<Effect> {
    keys.split(' ').flat_map(|k| c.press(k)).collect()
}

#[test]
fn manual_transactions_are_shown_and_go_along() {
    let mut c = open("update orders set state = 'x'");
    c.press("Esc");
    keys(&mut c, "Space t m");
    assert!(c.screen().contains("manual, no tx"), "{}", c.screen());
    let effects = c.press("F5");
    assert!(matches!(effects.iter().find(|e| matches!(e, Effect::Run { .. })), Some(Effect::Run { how, .. }) if how.manual), "{effects:?}");
    // On a read-only session there is nothing to commit.
    c.connect("shop-prod");
    assert!(!c.state.query.how.manual, "another target begins anew");
    keys(&mut c, "Space t m");
    assert!(!c.state.query.how.manual && c.screen().contains("read-only"), "{}", c.screen());
}

#[test]
fn running_all_tells_what_ran_and_what_did_not() {
    let mut c = open("select 1; select oops; select 3");
    c.press("Esc");
    let (job, result) = job_of(&c.press("a"));
    let done = |c: &mut Console, i: u64| {
        c.run(job, RunEvent::Started { result: result + i, index: i as usize, text: "select".into() });
        c.run(job, RunEvent::Done { result: result + i, outcome: holdpoint::engine::Outcome::default() });
    };
    done(&mut c, 0);
    c.run(job, RunEvent::Started { result: result + 1, index: 1, text: "select oops".into() });
    c.run(job, RunEvent::Failed { result: result + 1, error: Error::new(Kind::Statement, "no such column: oops") });
    c.run(job, RunEvent::Finished);
    assert!(c.screen().contains("1 statement ran before it; the 1 statement after it did not run."), "{}", c.screen());
    // Asked to go on, it tells the sum.
    keys(&mut c, "Space r e");
    let effects = c.press("a");
    let (job, result) = job_of(&effects);
    assert!(matches!(effects.iter().find(|e| matches!(e, Effect::Run { .. })), Some(Effect::Run { how, .. }) if how.go_on));
    c.run(job, RunEvent::Started { result, index: 0, text: "select 1".into() });
    c.run(job, RunEvent::Done { result, outcome: holdpoint::engine::Outcome::default() });
    c.run(job, RunEvent::Started { result: result + 1, index: 1, text: "select oops".into() });
    c.run(job, RunEvent::Failed { result: result + 1, error: Error::new(Kind::Statement, "no such column: oops") });
    c.run(job, RunEvent::Started { result: result + 2, index: 2, text: "select 3".into() });
    c.run(job, RunEvent::Done { result: result + 2, outcome: holdpoint::engine::Outcome::default() });
    c.run(job, RunEvent::Finished);
    assert!(c.screen().contains("2 of 3 statements ran; 1 failed"), "{}", c.screen());
}

#[test]
fn what_commits_by_itself_is_asked_about_in_a_transaction() {
    let mut c = open("alter table orders add note text");
    c.status(TxState::Open);
    c.state.query.editor.read_as(holdpoint::model::Dialect::MySql.into());
    assert!(statements(&c.press("F5")).is_empty());
    assert!(c.screen().contains("This ends the transaction"), "{}", c.screen());
    assert!(statements(&c.press("Esc")).is_empty());
    c.press("F5");
    assert_eq!(statements(&c.press("r")).len(), 1);
}

#[test]
fn what_a_lost_session_took_with_it_is_told() {
    let mut c = open("create temp table t (a int)");
    let (job, result) = job_of(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "create temp table t (a int)".into() });
    c.run(job, RunEvent::Done { result, outcome: holdpoint::engine::Outcome::default() });
    c.run(job, RunEvent::Finished);
    c.status(TxState::Open);
    let mut status = c.state.link.server().unwrap().status.clone();
    status.lost = Some("the server closed it".into());
    let link = c.state.link_no;
    c.send(Msg::Status { link, status });
    let note = c.state.messages.shown.clone().unwrap();
    assert!(note.more.iter().any(|m| m.starts_with("Gone with it: ") && m.ends_with("temporary table t.")), "{note:?}");
    assert!(note.more.iter().any(|m| m.contains("transaction that was open is rolled back")), "{note:?}");
    c.connect("shop-dev");
    // The screen's line is shorter than that; the messages have it whole.
    let said = &c.state.messages.shown.as_ref().unwrap().text;
    assert!(said.contains("gone with the one before are what the open transaction had written, temporary table t."), "{said}");
}

#[test]
fn shortcuts_of_psql_do_what_they_do_there() {
    let mut c = open("\\conninfo");
    c.press("F5");
    assert!(c.screen().contains("SQLite 3.51.3 at /srv/shop.db"), "{}", c.screen());
    c.press("Esc");
    c.press("C-a");
    c.type_text("\\set id 42");
    c.press("F5");
    assert_eq!(c.state.query.values[":id"], "42");
    c.press("C-a");
    c.type_text("\\nonsense");
    c.press("F5");
    assert!(c.screen().contains("\\nonsense is not known here"), "{}", c.screen());
    // Nor in capitals: a server would fail, and an open transaction with it.
    for (line, told) in
        [("\\DT", "Its letters are small: \\dt."), ("\\D orders", "Its letters are small: \\d."), ("\\Nonsense", "\\? lists")]
    {
        c.press("C-a");
        c.type_text(line);
        assert!(c.state.popup().is_none(), "{line}: no SQL is proposed");
        let effects = c.press("F5");
        assert!(statements(&effects).is_empty() && effects.is_empty(), "{line}: {effects:?}");
        assert!(c.screen().contains(told), "{line}: {}", c.screen());
    }
    c.press("C-a");
    c.type_text("\\COPY orders from 'more.csv'");
    let effects = c.press("F5");
    assert!(effects.iter().any(|e| matches!(e, Effect::Import { .. })), "{effects:?}");
    c.press("C-a");
    c.type_text("\\N");
    assert_eq!(statements(&c.press("F5")).len(), 1, "MySQL's NULL is no word of the console");
    c.press("C-a");
    c.type_text("\\i 'some file.sql'");
    let effects = c.press("F5");
    assert!(effects.iter().any(|e| matches!(e, Effect::OpenFile(p) if p.as_os_str() == "some file.sql")), "{effects:?}");
    c.press("C-a");
    c.type_text("\\?");
    c.press("F5");
    assert!(c.screen().contains("\\conninfo"), "{}", c.screen());
    c.press("Esc");
    for (line, told) in [("\\h", "https://www.sqlite.org/lang.html"), ("\\h create table", "https://www.sqlite.org/lang_createtable.html")]
    {
        c.press("C-a");
        c.type_text(line);
        c.press("F5");
        assert!(c.screen().contains(told) && c.screen().contains("F1"), "{}", c.screen());
        c.press("Esc");
    }
}

#[test]
fn a_shortcut_ends_the_statement_before_it() {
    // Alone it has nothing to run, and says so.
    let mut c = open("\\g");
    assert!(statements(&c.press("F5")).is_empty());
    assert!(c.screen().contains("There is no statement before this line"), "{}", c.screen());
    let mut c = open("\\g foo\n\\gx");
    assert!(statements(&c.press("F5")).is_empty());
    // After a statement without its semicolon it runs that one, from its own line and from the statement's.
    let mut c = open("select 42\n\\g");
    assert_eq!(statements(&c.press("F5"))[0].text, "select 42");
    let mut c = open("select 42\n\\gx");
    c.press("Up");
    assert_eq!(statements(&c.press("F5"))[0].text, "select 42");
    // As mycli and psql have it on one line, but not inside a string.
    let mut c = open("select 42 \\G");
    assert_eq!(statements(&c.press("F5"))[0].text, "select 42");
    assert!(c.state.query.running.as_ref().unwrap().records[0]);
    let mut c = open("select '\\G'");
    assert_eq!(statements(&c.press("F5"))[0].text, "select '\\G'");
    let mut c = open("select 1;\n\\x\nselect 2\n\\dt\nselect 3");
    assert_eq!(statements(&c.press("F5"))[0].text, "select 3");
    let mut c = open("select 1;\n\\x\nselect 2\n\\dt");
    c.press("Up");
    assert_eq!(statements(&c.press("F5"))[0].text, "select 2");
}

#[test]
fn records_are_switched_on_and_off_as_in_psql() {
    let mut c = open("select 7");
    let (job, result) = job_of(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "select 7".into() });
    c.run(job, RunEvent::Finished);
    c.press("C-a");
    c.type_text("\\x");
    c.press("F5");
    assert!(c.state.query.result().unwrap().record);
    assert!(c.screen().contains("shown as records"), "{}", c.screen());
    c.press("F5");
    assert!(!c.state.query.result().unwrap().record);
}

#[test]
fn every_statement_of_one_run_keeps_its_result_and_a_failed_one_is_named() {
    let text: Vec<String> = (1..=20).map(|i| format!("select {i};")).collect();
    let mut c = open(&text.join("\n"));
    c.state.query.how.go_on = true;
    c.press("Esc");
    let (job, first) = job_of(&c.press("a"));
    for i in 0..20u64 {
        c.run(job, RunEvent::Started { result: first + i, index: i as usize, text: format!("select {}", i + 1) });
        if i == 2 {
            c.run(job, RunEvent::Failed { result: first + i, error: holdpoint::model::Error::failed("division by zero") });
            assert!(
                c.state.messages.shown.as_ref().unwrap().text.starts_with("Statement 3 of 20, line 3: "),
                "{:?}",
                c.state.messages.shown
            );
        } else {
            c.run(job, RunEvent::Done { result: first + i, outcome: holdpoint::engine::Outcome::default() });
        }
    }
    c.run(job, RunEvent::Finished);
    let kept: Vec<u64> = c.state.query.results.iter().map(|r| r.id).collect();
    assert_eq!(kept, (first..first + 20).collect::<Vec<_>>());
    // The next run lets them go.
    c.press("i");
    let (job, result) = job_of(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "select 20".into() });
    assert_eq!(c.state.query.results.len(), 20);
}

#[test]
fn a_statement_that_goes_on_without_its_connection_can_be_ended_on_the_server() {
    let mut c = open("select slow()");
    let link = c.state.link_no;
    c.send(Msg::LeftBehind { link, backend: 4711, result: Ok(Some("select slow()".into())) });
    assert!(c.screen().contains("Session 4711 of the server goes on"), "{}", c.screen());
    let effects = c.press("e");
    assert!(effects.iter().any(|e| matches!(e, Effect::EndSession { backend: 4711, .. })), "{effects:?}");
    c.send(Msg::LeftBehind { link, backend: 4711, result: Ok(None) });
    assert!(c.screen().contains("The server ended the statement"), "{}", c.screen());
    // A data fix had a connection of its own: the user's is not lost, and there is nothing to connect again.
    let note = c.state.messages.shown.as_ref().expect("a note");
    assert!(note.more.is_empty(), "{note:?}");
}

#[test]
fn the_answer_whether_a_statement_goes_on_takes_the_place_of_the_question() {
    let mut c = open("select slow()");
    let link = c.state.link_no;
    let lost = Some(format!("it was closed here; {}", holdpoint::app::note::BEING_LOOKED_AT));
    let status = holdpoint::engine::SessionStatus { lost, ..c.state.link.server().expect("open").status.clone() };
    c.send(Msg::Status { link, status });
    let shown = |c: &Console| c.state.messages.shown.as_ref().map_or_else(String::new, |n| n.text.clone());
    assert!(shown(&c).contains("is being looked at"), "{}", shown(&c));
    c.send(Msg::LeftBehind { link, backend: 4711, result: Ok(None) });
    assert!(shown(&c).ends_with("it was closed here; the server ended it, too"), "{}", shown(&c));
}

#[test]
fn a_backslash_in_a_string_is_text_and_running_all_names_the_line() {
    let mut c = open("select '\n\\d orders\n'");
    c.press("Up");
    assert_eq!(statements(&c.press("F5")).len(), 1, "inside a string it is no command");
    let mut c = open("select 1;\n\\dt\nselect 2;");
    c.press("Esc");
    for keys in ["Space", "r"] {
        c.press(keys);
    }
    assert!(statements(&c.press("a")).is_empty());
    assert!(c.screen().contains("line 2 is a \\ command"), "{}", c.screen());
}

/// What was meant as text must not change data: one letter runs what reads, and says how the rest is run.
#[test]
fn a_letter_alone_runs_nothing_that_may_write() {
    for (text, letter, runs) in [
        ("select 1; select 2", "a", 2),
        ("select 1; delete from orders", "a", 0),
        ("select 1; delete from orders", "r", 0),
        ("delete from orders; select 1", "r", 1),
        ("commit", "r", 0),
        ("set x = 1", "r", 1),
    ] {
        let mut c = open(text);
        c.press("C-End");
        c.press("Esc");
        assert_eq!(statements(&c.press(letter)).len(), runs, "{text}");
        if runs == 0 {
            let how = if letter == "a" { "a alone runs only what reads, and this may write: Space r a runs it." } else { "F5 runs it." };
            assert!(c.screen().contains(how), "{}", c.screen());
            if letter == "a" {
                c.press("Space");
                c.press("r");
                assert_eq!(statements(&c.press("a")).len(), 2, "{text}");
            }
        }
    }
}

#[test]
fn the_first_line_shows_where_the_session_went_and_the_names_are_read_again() {
    let mut c = open("select 1");
    let link = c.state.link_no;
    let mut status = c.state.link.server().unwrap().status.clone();
    status.place = Some(holdpoint::model::Place::Path("sales, public".into()));
    let effects = c.send(Msg::Status { link, status: status.clone() });
    assert!(effects.iter().any(|e| matches!(e, Effect::Names { .. })), "{effects:?}");
    assert!(c.screen().lines().next().unwrap().contains("path sales, public"), "{}", c.screen());
    // Nothing moved: nothing is read.
    let effects = c.send(Msg::Status { link, status: status.clone() });
    assert!(!effects.iter().any(|e| matches!(e, Effect::Names { .. })), "{effects:?}");
    status.place = None;
    c.send(Msg::Status { link, status });
    assert!(!c.screen().contains("path sales"), "{}", c.screen());
}

#[test]
fn each_result_of_a_call_has_its_tab_and_the_first_stays_on_the_screen() {
    let mut c = open("call two_of_them()");
    let effects = c.press("F5");
    let Some(Effect::Run { job, result, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!("{effects:?}") };
    let (job, result) = (*job, *result);
    c.run(job, RunEvent::Started { result, index: 0, text: "call two_of_them()".into() });
    c.run(job, RunEvent::Columns { result, columns: console::columns(&[("one", "int", true)]) });
    let outcome = holdpoint::engine::Outcome { tag: "SELECT 1".into(), ..Default::default() };
    let columns = console::columns(&[("a", "text", false), ("b", "text", false)]);
    c.run(job, RunEvent::Further { before: result, outcome: outcome.clone(), result: 1 << 40, columns });
    c.run(job, RunEvent::Rows { result: 1 << 40, total: 7, first: None });
    c.run(job, RunEvent::Done { result: 1 << 40, outcome });
    c.run(job, RunEvent::Finished);
    let tabs = &c.state.query.results;
    assert_eq!(tabs.len(), 2);
    assert!(tabs.iter().all(|t| t.text == "call two_of_them()" && matches!(t.progress, holdpoint::app::panes::results::Progress::Done(_))));
    assert_eq!(tabs[1].kept, 7);
    assert_eq!(c.state.query.shown, 0);
    assert!(c.state.query.running.is_none());
}

#[test]
fn a_statement_that_waits_for_a_lock_says_for_whom() {
    let mut c = Console::new(160, 24);
    c.connect("shop-dev");
    c.editor("update orders set state = 'x'");
    c.send(Msg::Now("2026-11-21T09:31:00Z".parse().unwrap()));
    let effects = c.press("F5");
    let Some(Effect::Run { job, result, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!("{effects:?}") };
    let (job, result) = (*job, *result);
    c.run(job, RunEvent::Started { result, index: 0, text: "update orders set state = 'x'".into() });
    let tick = |c: &mut Console, at: &str| {
        c.send(Msg::Now(format!("2026-11-21T09:31:{at}Z").parse().unwrap()));
        let effects = c.tick();
        effects.iter().filter(|e| matches!(e, Effect::AskBlockers { .. })).count()
    };
    assert_eq!(tick(&mut c, "00"), 0, "what is quick is not asked about");
    assert_eq!(tick(&mut c, "01"), 1);
    assert_eq!(tick(&mut c, "02"), 0, "one question at a time");
    let blocker = holdpoint::model::Blocker {
        who: "app@10.0.0.3 (pid 4711, psql)".into(),
        idle: Some(42),
        statement: "update orders set total = 0".into(),
        known: true,
    };
    c.send(Msg::Blockers { job, result: Ok(vec![blocker.clone()]) });
    let screen = c.screen();
    let last = screen.lines().last().unwrap();
    assert!(last.contains("waits for app@10.0.0.3 (pid 4711, psql), idle 42 s"), "{screen}");
    assert!(screen.contains("│ The statement waits for a lock"), "{screen}");
    // The same again is no news; that it is over is.
    assert_eq!(tick(&mut c, "03"), 1);
    c.send(Msg::Blockers { job, result: Ok(vec![]) });
    assert!(c.screen().contains("the statement goes on") && !c.screen().contains("idle 42 s"), "{}", c.screen());
    // Later it is asked about less often, and not at all where nothing can be told.
    assert_eq!((tick(&mut c, "07"), tick(&mut c, "10")), (0, 1));
    c.send(Msg::Blockers { job, result: Err(Error::failed("no locks here")) });
    assert_eq!(tick(&mut c, "15"), 0);
}

/// The line alone, run.
fn shortcut(line: &str) -> (Console, Vec<Effect>) {
    let mut c = open(line);
    let mut names = holdpoint::model::names::Collector::default();
    names.relation("main", "orders", holdpoint::model::NodeKind::Table, false);
    let orders = Some((holdpoint::model::NodeKind::Table, "orders"));
    names.place("main", orders, "Indexes", holdpoint::model::NodeKind::Index, "orders_by_day");
    names.place("main", orders, "Triggers", holdpoint::model::NodeKind::Trigger, "touched");
    let names = names.finish(vec!["main".into()], vec!["main".into()], vec!["count".into()]);
    let link = c.state.link_no;
    c.send(Msg::Names { link, result: Ok(Box::new(names)) });
    let effects = c.press("F5");
    (c, effects)
}

#[test]
fn a_table_that_another_session_made_is_looked_for_on_the_server() {
    use holdpoint::model::{NodeKind, names::Collector};
    let names = |all: &[&str]| {
        let mut names = Collector::default();
        all.iter().for_each(|n| names.relation("main", n, NodeKind::Table, false));
        Box::new(names.finish(vec!["main".into()], vec!["main".into()], Vec::new()))
    };
    let shown = |effects: &[Effect], name: &str| {
        effects.iter().any(|e| matches!(e, Effect::Definition { at, .. } if at.last().is_some_and(|(_, n)| n == name)))
    };
    let (mut c, effects) = shortcut("\\d \"fre\"\"sh.one\"");
    let asked = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Names { .. }));
    assert!(asked(&effects) && !c.screen().contains("There is no table"), "{}", c.screen());
    let link = c.state.link_no;
    let effects = c.send(Msg::Names { link, result: Ok(names(&["orders", "fre\"sh.one"])) });
    assert!(shown(&effects, "fre\"sh.one"), "{effects:?}");
    // Only when the server has none of that name it is said so, and once is enough.
    let (mut c, effects) = shortcut("\\d nowhere");
    assert!(asked(&effects));
    let effects = c.send(Msg::Names { link, result: Ok(names(&["orders"])) });
    assert!(!asked(&effects) && c.screen().contains("There is no table or view nowhere"), "{}", c.screen());
    let (mut c, _) = shortcut("\\d nowhere");
    c.send(Msg::Names { link, result: Err(Error::failed("the catalogue is locked")) });
    assert!(c.screen().contains("was not there when the names were read"), "{}", c.screen());
}

#[test]
fn shortcuts_of_psql_list_show_copy_or_say_what_serves_instead() {
    assert!(shortcut("\\di").0.screen().contains("main.orders_by_day  on orders"));
    assert!(shortcut("\\di *_day").0.screen().contains("orders_by_day"));
    let (_, effects) = shortcut("\\d orders_by_day");
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Definition { at, .. } if at.last().unwrap().1 == "orders_by_day")),
        "an index is shown, too: {effects:?}"
    );
    assert!(shortcut("\\ds").0.screen().contains("Nothing of that name"));
    assert!(shortcut("\\du").0.screen().contains("SQLite has no users"));
    assert!(shortcut("\\echo good morning").0.screen().contains("good morning"));
    assert!(shortcut("\\c nowhere").0.screen().contains("no target nowhere"));
    assert!(shortcut("\\! ls").0.screen().contains("Ctrl-Z gives you the shell"));
    assert!(shortcut("\\nonsense").0.screen().contains("\\? lists the shortcuts"));
    for (line, told) in
        [("\\dtS", "pg_catalog"), ("\\ef f", "\\sf name"), ("\\dC", "pg_cast"), ("\\prompt x", ":name"), ("\\gset", "\\set name value")]
    {
        let screen = shortcut(line).0.screen();
        assert!(screen.contains(told) && !screen.contains("\\? lists"), "{line}: {screen}");
    }
    let (_, effects) = shortcut("\\l");
    assert_eq!(statements(&effects)[0].text, "PRAGMA database_list");
    let (_, effects) = shortcut("\\df cou*");
    assert!(statements(&effects)[0].text.ends_with("AND lower(name) LIKE 'cou%' ESCAPE '!' ORDER BY 1, 2"), "{effects:?}");
    let (_, effects) = shortcut("\\sf touched");
    assert!(effects.iter().any(|e| matches!(e, Effect::Definition { at, .. } if at.last().unwrap().1 == "touched")), "{effects:?}");
    let (_, effects) = shortcut("\\d+ orders");
    assert!(effects.iter().any(|e| matches!(e, Effect::Definition { at, .. } if at.last().unwrap().1 == "orders")), "{effects:?}");
    let (_, effects) = shortcut("\\copy (select id from orders) to 'ids.json'");
    let Some(Effect::ExportStatement { statement, path, format, .. }) =
        effects.iter().find(|e| matches!(e, Effect::ExportStatement { .. }))
    else {
        panic!("{effects:?}")
    };
    assert_eq!((statement.text.as_str(), path.to_str()), ("select id from orders", Some("ids.json")));
    assert!(matches!(format, holdpoint::ops::export::ExportFormat::Json { .. }));
    let (_, effects) = shortcut("\\copy orders from 'more.csv' csv header");
    let Some(Effect::Import { import, .. }) = effects.iter().find(|e| matches!(e, Effect::Import { .. })) else { panic!("{effects:?}") };
    assert_eq!((import.table.as_str(), import.file.to_str(), import.commit), ("orders", Some("more.csv"), false), "tried first");
    let (c, effects) = shortcut("\\copy orders to 'orders.xls'");
    assert!(!effects.iter().any(|e| matches!(e, Effect::ExportStatement { .. })));
    assert!(c.screen().contains("Which format?"), "{}", c.screen());
}

#[test]
fn a_read_is_watched_until_a_key_or_a_failure() {
    let mut c = open("select count(*) from orders;\n\\watch 5");
    let effects = c.press("F5");
    let run = |effects: &[Effect]| match effects.iter().find(|e| matches!(e, Effect::Run { .. })) {
        Some(Effect::Run { job, result, .. }) => (*job, *result),
        _ => panic!("{effects:?}"),
    };
    let ended = |c: &mut Console, (job, result): (u64, u64)| {
        c.run(job, RunEvent::Started { result, index: 0, text: "select count(*) from orders".into() });
        c.run(job, RunEvent::Columns { result, columns: console::columns(&[("n", "bigint", true)]) });
        c.run(job, RunEvent::Done { result, outcome: Default::default() });
        c.run(job, RunEvent::Finished)
    };
    let first = run(&effects);
    ended(&mut c, first);
    let timer = holdpoint::app::msg::Timer::Watch { job: first.0 };
    assert!(c.screen().contains("Every 5.0 s, run 1; any key stops"), "{}", c.screen());
    let effects = c.timers();
    let second = run(&effects);
    assert_eq!(statements(&effects)[0].text, "select count(*) from orders");
    ended(&mut c, second);
    assert_eq!(c.state.query.results.len(), 1, "each run takes the place of the one before");
    // An old timer starts nothing.
    assert!(statements(&c.send(Msg::Timer(timer))).is_empty());
    c.type_text("x");
    assert!(c.screen().contains("Stopped after 2 runs."), "{}", c.screen());
    assert!(!c.state.query.editor.text().contains('x'), "the key did nothing else");
    let timer = holdpoint::app::msg::Timer::Watch { job: second.0 };
    assert!(statements(&c.send(Msg::Timer(timer))).is_empty());
    // A failure ends it.
    let (job, result) = run(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "select count(*) from orders".into() });
    c.run(job, RunEvent::Failed { result, error: Error::failed("no such table") });
    c.run(job, RunEvent::Finished);
    assert!(c.state.query.watch.is_none());
    assert!(statements(&c.timers()).is_empty());
    // On the statement's own line, as psql takes it too; inside a string it is text.
    for sql in ["select 7; \\watch 3", "select 7 \\watch 3", "select 1;\nselect 7\\watch 3;"] {
        let mut c = open(sql);
        assert_eq!(statements(&c.press("F5")).iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), ["select 7"], "{sql}");
        assert!(c.screen().contains("Runs again every 3.0 s"), "{}", c.screen());
    }
    let mut c = open("select '\\watch 3'");
    assert_eq!(statements(&c.press("F5"))[0].text, "select '\\watch 3'");
    assert!(c.state.query.watch.is_none());
    // What writes is not repeated.
    let mut c = open("delete from orders;\n\\watch");
    assert!(statements(&c.press("F5")).is_empty());
    assert!(c.screen().contains("\\watch repeats only what is proven to read"), "{}", c.screen());
}

#[test]
fn wide_rows_become_records_by_themselves() {
    let (mut c, _) = shortcut("\\x auto");
    let many: Vec<(String, &str, bool)> = (0..30).map(|i| (format!("column_{i}"), "text", false)).collect();
    let many: Vec<(&str, &str, bool)> = many.iter().map(|(n, t, r)| (n.as_str(), *t, *r)).collect();
    for (columns, record) in [(many, true), (vec![("id", "int", true)], false)] {
        c.press("C-a");
        c.type_text("select 1 ");
        let effects = c.press("F5");
        let Some(Effect::Run { job, result, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { continue };
        let (job, result) = (*job, *result);
        c.run(job, RunEvent::Started { result, index: 0, text: "select 1".into() });
        c.run(job, RunEvent::Columns { result, columns: console::columns(&columns) });
        c.run(job, RunEvent::Done { result, outcome: Default::default() });
        c.run(job, RunEvent::Finished);
        assert_eq!(c.state.query.results.last().unwrap().record, record);
    }
    assert_eq!(c.state.query.results.len(), 2, "both ran");
}

#[test]
fn what_the_server_says_unasked_is_shown() {
    let mut c = Console::new(120, 24);
    c.connect("shop-dev");
    let link = c.state.link_no;
    let notice = holdpoint::model::Notice {
        severity: "NOTIFY".into(),
        message: "jobs: 42 done".into(),
        detail: Some("from process 4711".into()),
        hint: None,
    };
    c.send(Msg::Unasked { link: link + 1, notice: notice.clone() });
    assert!(!c.screen().contains("jobs: 42 done"), "another connection's");
    c.send(Msg::Unasked { link, notice });
    assert!(c.screen().contains("NOTIFY: jobs: 42 done  from process 4711"), "{}", c.screen());
}

#[test]
fn commands_of_other_clients_say_what_does_the_same_here() {
    let refused_as = |kind: Kind, sql: &str| {
        let mut c = open(sql);
        let (job, result) = job_of(&c.press("F5"));
        c.run(job, RunEvent::Started { result, index: 0, text: sql.into() });
        c.run(job, RunEvent::Failed { result, error: Error::new(kind, "syntax error") });
        c.run(job, RunEvent::Finished);
        c.screen()
    };
    let refused = |sql: &str| refused_as(Kind::Statement, sql);
    // A read-only target's own refusal comes before the server's.
    assert!(refused_as(Kind::ReadOnly, ".tables").contains("\\dt lists the tables."));
    for (typed, part) in [
        ("show tables", "\\dt lists the tables."),
        (".tables", "\\dt lists the tables."),
        ("select * from t1 where v = :'nm'", "Write :nm, without quotes"),
        ("select * from :\"nm\"", "A name cannot be a parameter"),
        (".schema orders", "\\d orders shows definitions."),
        ("describe orders", "\\d orders shows a table's definition."),
        ("source load.sql", "\\i load.sql opens the file"),
        ("help", "F1 explains this pane"),
        (".mode csv", "\\copy writes them as CSV"),
    ] {
        let screen = refused(typed);
        assert!(screen.contains(part), "{typed}: {screen}");
    }
    // SQL that failed is left alone.
    assert!(!refused("select helpless").contains("shortcut"), "a name is no command");
    // Leaving is known to all of them, and asks as ever.
    for word in ["quit", "EXIT;"] {
        let mut c = open(word);
        assert!(statements(&c.press("F5")).is_empty());
        assert!(c.screen().contains("Quit Holdpoint?"), "{}", c.screen());
    }
    assert!(shortcut("\\fs mine select 1").0.screen().contains("Space f w saves the statement"));
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
    // Given up meanwhile: no form comes up over what is done since.
    let (mut c, result) = shown();
    c.type_text("x");
    c.press("Esc");
    told(&mut c, result);
    assert!(c.state.dialogs.is_empty() && c.state.query.results.len() == 1, "{}", c.screen());
}

#[test]
fn a_statement_that_is_put_below_a_shortcut_leaves_it_as_it_is() {
    for (text, whole) in [("\\c lite", "\\c lite\n\nselect 1"), ("select 2", "select 2;\n\nselect 1")] {
        let mut c = open(text);
        holdpoint::app::panes::query::insert_text(&mut c.state, "select 1", &mut Vec::new());
        assert_eq!(c.state.query.editor.text(), whole);
        // A template of the schema pane goes another way there.
        let mut c = open(text);
        c.press("C-End");
        let told = holdpoint::app::panes::schema::Told::Template(Ok("select 1".into()));
        c.send(Msg::Schema { link: c.state.link_no, told });
        assert_eq!(c.state.query.editor.text(), whole);
    }
}
