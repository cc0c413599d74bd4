//! Transactions and sessions: what is open, what is lost, what goes along.

use super::*;

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
fn the_first_line_does_not_claim_what_became_of_a_commit() {
    for (text, words) in [("commit", "LOST IN COMMIT: its outcome is not known"), ("savepoint s", "CONNECTION AND TRANSACTION LOST")] {
        let mut c = open(text);
        c.status(TxState::Open);
        let (job, result) = job_of(&c.press("F5"));
        c.run(job, RunEvent::Started { result, index: 0, text: text.into() });
        c.run(job, RunEvent::Failed { result, error: Error::connect("no answer") });
        c.run(job, RunEvent::Finished);
        let (link, status) = (c.state.link_no, c.state.link.server().expect("open").status.clone());
        c.send(Msg::Status { link, status: holdpoint::engine::SessionStatus { lost: Some("no answer".into()), ..status } });
        assert!(c.screen().lines().next().unwrap().contains(words), "{}", c.screen());
    }
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
fn an_open_transaction_has_a_clock() {
    let mut c = open("select 1");
    c.status(TxState::Open);
    c.send(Msg::Now("2026-11-21T09:32:05Z".parse().unwrap()));
    let first = c.screen().lines().next().unwrap().to_string();
    assert!(first.contains("TX OPEN 2:05"), "{first}");
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

fn run_all(c: &mut Console) -> Vec<Effect> {
    for key in ["Esc", "Space", "r"] {
        c.press(key);
    }
    c.press("a")
}

#[test]
fn what_would_commit_within_a_run_is_asked_about_before_it_begins() {
    let asked = |text: &str, manual: bool| {
        let mut c = open(text);
        c.state.query.editor.read_as(holdpoint::model::Dialect::MySql.into());
        c.state.query.how.manual = manual;
        let held = statements(&run_all(&mut c)).is_empty();
        let question = c.screen().contains("This ends the transaction");
        assert_eq!(held, question, "{text}: {}", c.screen());
        question
    };
    assert!(asked("begin; update orders set note = 'x'; create table zz (a int); rollback", false));
    assert!(asked("set autocommit = 0; update orders set note = 'x'; alter table orders add a int", false));
    assert!(asked("update orders set note = 'x'; alter table orders add a int", true));
    assert!(!asked("begin; update orders set note = 'x'; commit; create table zz (a int)", false));
    assert!(!asked("update orders set note = 'x'; alter table orders add a int", false));
    assert!(!asked("alter table orders add a int; create table zz (a int)", true));
}

/// However errors are gone on after: what stands behind was meant for the transaction.
#[test]
fn a_run_ends_where_its_transaction_is_gone() {
    let mut c = open("begin; insert or rollback into t values (1); insert into t values (2)");
    c.state.query.how.go_on = true;
    let (job, result) = job_of(&run_all(&mut c));
    let told = "The transaction that was open is gone: the server rolled it back with this error.";
    for index in 0..2 {
        c.run(job, RunEvent::Started { result: result + index, index: index as usize, text: "…".into() });
        if index == 0 {
            c.run(job, RunEvent::Done { result, outcome: holdpoint::engine::Outcome::default() });
        }
    }
    c.run(job, RunEvent::Unasked { result: result + 1, message: told.into(), gone: true });
    c.run(job, RunEvent::Failed { result: result + 1, error: Error::failed("UNIQUE").hint(told) });
    c.run(job, RunEvent::Finished);
    let note = c.state.messages.shown.clone().unwrap();
    assert_eq!(note.text, "1 of 3 statements ran; 1 failed: each has its own result.");
    assert_eq!(note.more, [told, "The 1 statement behind did not run."]);
}

/// Names come from another session, which sees DDL of a transaction when it has ended.
#[test]
fn what_a_transaction_made_is_known_when_it_has_ended() {
    let asked = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Names { .. }));
    let run = |c: &mut Console, text: &str| {
        c.editor(text);
        let (job, result) = job_of(&c.press("F5"));
        c.run(job, RunEvent::Started { result, index: 0, text: text.into() });
        c.run(job, RunEvent::Done { result, outcome: holdpoint::engine::Outcome::default() });
        c.run(job, RunEvent::Finished)
    };
    for text in ["create table made (a int)", "do $$ begin execute 'create table made (a int)'; end $$", "call make()"] {
        let mut c = open("select 1");
        // Without a transaction at once.
        assert!(asked(&run(&mut c, text)), "{text}");
        c.status(TxState::Open);
        assert!(!asked(&run(&mut c, text)), "{text}");
        assert!(!asked(&run(&mut c, "select 2")), "{text}: others do not see it yet");
        let effects = c.status(TxState::Idle);
        assert!(asked(&effects) && effects.iter().any(|e| matches!(e, Effect::Children { .. })), "{text}: {effects:?}");
        assert!(!asked(&run(&mut c, "select 3")), "{text}: it is known");
    }
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
