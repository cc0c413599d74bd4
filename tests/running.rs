//! Running statements in the console: what runs, what is told of it. Keys in, effects out.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;
#[path = "running/edits.rs"]
mod edits;
#[path = "running/parameters.rs"]
mod parameters;
#[path = "running/shortcuts.rs"]
mod shortcuts;
#[path = "running/transactions.rs"]
mod transactions;

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

fn statements(effects: &[Effect]) -> &[holdpoint::app::effect::Statement] {
    effects.iter().find_map(|e| if let Effect::Run { statements, .. } = e { Some(statements.as_slice()) } else { None }).unwrap_or(&[])
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

fn job_of(effects: &[Effect]) -> (u64, u64) {
    effects.iter().find_map(|e| if let Effect::Run { job, result, .. } = e { Some((*job, *result)) } else { None }).expect("a run")
}

fn keys(c: &mut Console, keys: &str) -> Vec<Effect> {
    keys.split(' ').flat_map(|k| c.press(k)).collect()
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
    // Leaving is asked about over the question, once, and staying leads back to it.
    c.press("C-q");
    c.press("C-q");
    assert!(c.screen().contains("Quit Holdpoint?") && c.screen().contains("Ending closes the connection"), "{}", c.screen());
    c.press("n");
    assert!(!c.screen().contains("Quit Holdpoint?"), "{}", c.screen());
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
