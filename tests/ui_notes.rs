//! What is told on a screen of 80 columns: long messages, losses, runs that stop, results that are not on the screen.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;

use console::Console;
use holdpoint::app::Msg;
use holdpoint::app::effect::Effect;
use holdpoint::app::msg::RunEvent;
use holdpoint::app::panes::schema::Told;
use holdpoint::app::state::Note;
use holdpoint::config::keymap::Key;
use holdpoint::engine::Outcome;
use holdpoint::model::{Blocker, Error, NodeKind, NodePath, TxState, Usage};
use holdpoint::ops::import::{Import, Match, Report, reader::Form};

fn open(sql: &str) -> Console {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.editor(sql);
    c
}

/// The screen's words, however its lines are broken.
fn words(c: &Console) -> String {
    let lines: Vec<String> = c.screen().lines().map(|l| l.trim_start_matches(['│', ' ']).to_string()).collect();
    lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sent(effects: &[Effect]) -> (u64, u64) {
    let found = effects.iter().find_map(|e| if let Effect::Run { job, result, .. } = e { Some((*job, *result)) } else { None });
    found.unwrap_or_else(|| panic!("{effects:?}"))
}

fn lose(c: &mut Console, why: &str) {
    let mut status = c.state.link.server().unwrap().status.clone();
    status.lost = Some(why.into());
    let link = c.state.link_no;
    c.send(Msg::Status { link, status });
}

#[test]
fn a_lock_that_is_waited_for_is_told_whole_at_80_columns() {
    let mut c = open("update t set a=6 where id=20");
    let (job, result) = sent(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "update t set a=6 where id=20".into() });
    let blocker = Blocker {
        who: "postgres@127.0.0.1/32 (pid 22415, psql)".into(),
        idle: Some(7),
        statement: "update customers set note = 'a long text' where id = 20".into(),
        known: true,
    };
    c.send(Msg::Blockers { job, result: Ok(vec![blocker]) });
    let told = words(&c);
    assert!(told.contains("waits for a lock of postgres@127.0.0.1/32 (pid 22415, psql), idle in its transaction for 7 s"), "{told}");
    assert!(told.contains("; it ran last: update customers set note = 'a long text' where id = 20"), "{told}");
    // When the message is read, the line of what runs goes on telling for whom.
    c.press("Right");
    let last = c.screen().lines().last().unwrap().to_string();
    assert!(last.contains("waits for postgres@127.0.0.1/32 (pid 22415, psql)") && last.contains("Ctrl-C cancel"), "{last}");
}

#[test]
fn what_a_lost_connection_took_is_told_whole_and_stays_over_lesser_messages() {
    let mut c = open("");
    c.status(TxState::Open);
    let long = "the connection to 127.0.0.1:54977 is lost: terminating connection due to administrator command";
    lose(&mut c, long);
    let told = words(&c);
    assert!(told.contains(&format!("The connection is gone, and with it the open transaction: {long}")), "{told}");
    assert!(told.contains("is rolled back by the server") && told.contains("F10 a r connects again"), "{told}");
    // While text is typed the key that is named works at once.
    for k in ["F10", "a"] {
        c.press(k);
    }
    let effects = c.press("r");
    assert!(effects.iter().any(|e| matches!(e, Effect::Connect { .. })), "{effects:?}");
    c.connect("shop-dev");
    let remark = "Reads and writes are not counted here: SET GLOBAL userstat = ON (MariaDB) counts them.";
    let schema = NodePath::root().child(NodeKind::Schema, "shop");
    let usage = || Usage { relations: Vec::new(), remarks: vec![remark.to_string()] };
    let link = c.state.link_no;
    c.send(Msg::Schema { link, told: Told::Usage { schema: schema.clone(), result: Ok(usage()) } });
    let told = words(&c);
    assert!(
        told.contains("gone with the one before are what the open transaction had written") && told.contains("(+1: F10 v m)"),
        "{told}"
    );
    assert!(!told.contains("userstat"), "{told}");
    // The remark is in the log, once, however often the figures are read.
    c.send(Msg::Schema { link, told: Told::Usage { schema, result: Ok(usage()) } });
    assert_eq!(c.state.messages.log.iter().filter(|n| n.text == remark).count(), 1);
}

#[test]
fn a_connection_lost_while_the_transaction_ends_leaves_its_end_unknown() {
    let mut c = open("commit");
    c.status(TxState::Open);
    let effects = c.press("F5");
    let sent = effects.iter().find_map(|e| match e {
        Effect::Run { job, result, .. } => Some((*job, *result)),
        _ => None,
    });
    let (job, result) = sent.expect("it is sent");
    c.send(Msg::Run { job, event: RunEvent::Started { result, index: 0, text: "commit".into() } });
    lose(&mut c, "terminating connection due to administrator command");
    let told = words(&c);
    assert!(told.contains("Whether it is committed is not known") && !told.contains("rolled back"), "{told}");
}

#[test]
fn a_message_too_long_for_its_lines_names_the_key_that_shows_it_whole() {
    let mut c = open("select 1");
    let long = (1..=120).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ");
    c.state.say(Note::warning(long.clone()));
    let screen = c.screen();
    let last = screen.lines().last().unwrap();
    assert!(last.ends_with("… F10 v m"), "{screen}");
    assert!(!screen.contains("word120"), "{screen}");
    for k in ["F10", "v", "m"] {
        c.press(k);
    }
    let told = words(&c);
    for word in ["word1 ", "word60", "word120"] {
        assert!(told.contains(word), "{told}");
    }
    // Alone on Enter, and back.
    c.press("Enter");
    assert!(c.screen().contains("Message") && c.screen().contains("word120"), "{}", c.screen());
    c.press("Esc");
    c.press("Esc");
    assert!(c.state.dialogs.is_empty());
    // The line that is typed into is never covered.
    c.press("F9");
    c.press("i");
    c.send(Msg::Paste("\n".repeat(30)));
    while c.state.query.editor.cursor_line() < c.state.query.editor.top + 19 {
        c.send(Msg::Paste("\n".into()));
    }
    c.type_text("here");
    assert!(c.screen().lines().nth(22).unwrap().ends_with("here"), "on the last line of the pane: {}", c.screen());
    c.state.say(Note::warning(long));
    assert!(c.screen().contains("here"), "{}", c.screen());
    assert!(c.screen().lines().last().unwrap().ends_with("… F10 v m"), "{}", c.screen());
}

#[test]
fn the_chosen_message_is_on_the_page_however_long_those_above_are() {
    let mut c = open("");
    let long = (1..=200).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ");
    c.state.say(Note::info("the oldest"));
    c.state.say(Note::info(long.clone()));
    c.state.say(Note::info(long));
    c.press("Esc");
    for k in ["Space", "v", "m", "Down", "Down"] {
        c.press(k);
    }
    assert!(c.screen().contains("the oldest"), "{}", c.screen());
}

#[test]
fn a_run_that_an_error_ends_tells_how_much_of_it_ran() {
    let mut c = open("select 1;\nselect 2;\nselect 3;\nselect oops;\nselect 5;\nselect 6;");
    c.press("Esc");
    let (job, first) = sent(&c.press("a"));
    for i in 0..3 {
        c.run(job, RunEvent::Started { result: first + i, index: i as usize, text: format!("select {}", i + 1) });
        c.run(job, RunEvent::Done { result: first + i, outcome: Outcome::default() });
    }
    c.run(job, RunEvent::Started { result: first + 3, index: 3, text: "select oops".into() });
    c.run(job, RunEvent::Failed { result: first + 3, error: Error::failed("no such column: oops").hint("Columns: a, b.") });
    c.run(job, RunEvent::Finished);
    let told = words(&c);
    assert!(told.contains("Statement 4 of 6, line 4: no such column: oops"), "{told}");
    assert!(told.contains("3 statements ran before it; the 2 statements after it did not run."), "{told}");
}

#[test]
fn a_run_that_loses_its_connection_names_the_key_and_its_sum_does_not_cover_the_loss() {
    let mut c = open("select 1;\nselect 2;\nselect 3;");
    c.state.query.how.go_on = true;
    c.press("Esc");
    let (job, first) = sent(&c.press("a"));
    c.run(job, RunEvent::Started { result: first, index: 0, text: "select 1".into() });
    lose(&mut c, "the server closed the connection");
    for i in 0..3 {
        c.run(job, RunEvent::Started { result: first + i, index: i as usize, text: format!("select {}", i + 1) });
        c.run(job, RunEvent::Failed { result: first + i, error: Error::connect("the connection was lost while the statement ran") });
    }
    c.run(job, RunEvent::Finished);
    let told = words(&c);
    assert!(told.contains("The connection is gone: the server closed the connection") && told.contains("(+4: Space v m)"), "{told}");
    c.press("Esc");
    assert!(words(&c).contains("Space a r connects again"), "the result names the key: {}", c.screen());
}

#[test]
fn a_zoomed_editor_says_that_its_statement_ran_and_where_the_rows_are() {
    let mut c = open("select 7");
    c.press("F9");
    let (job, result) = sent(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "select 7".into() });
    c.run(job, RunEvent::Columns { result, columns: console::columns(&[("7", "INTEGER", true)]) });
    c.run(job, RunEvent::Rows { result, total: 3, first: None });
    let outcome = Outcome { elapsed: std::time::Duration::from_millis(8), ..Outcome::default() };
    c.run(job, RunEvent::Done { result, outcome: outcome.clone() });
    c.run(job, RunEvent::Finished);
    let last = c.screen().lines().last().unwrap().to_string();
    assert!(last.contains("3 rows · 8.0 ms; F9 shows them"), "{}", c.screen());
    c.press("F9");
    assert!(c.screen().contains("Results · select 7"), "{}", c.screen());
    // Where the result is on the screen, it tells that itself.
    let (job, result) = sent(&c.press("F5"));
    c.run(job, RunEvent::Started { result, index: 0, text: "select 7".into() });
    c.run(job, RunEvent::Columns { result, columns: console::columns(&[("7", "INTEGER", true)]) });
    c.run(job, RunEvent::Done { result, outcome });
    assert!(c.state.messages.shown.is_none(), "{:?}", c.state.messages.shown);
}

#[test]
fn an_import_with_refused_rows_offers_to_leave_them_out() {
    let mut c = open("\\copy orders from 'more.csv'");
    let effects = c.press("F5");
    let Some(Effect::Import { job, import, .. }) = effects.iter().find(|e| matches!(e, Effect::Import { .. })) else {
        panic!("{effects:?}")
    };
    let report = |taken, refused| {
        let reasons = vec![(3, "not a number".to_string())];
        Box::new(Report { table: "main.orders".into(), taken, refused, reasons, ..Report::default() })
    };
    // It comes after a while: the keys of what is typed meanwhile import nothing.
    c.typing_on = true;
    c.send(Msg::Imported { job: *job, import: import.clone(), result: Ok(report(1_200, 2)) });
    assert!(["s", "e", "l", "n"].iter().all(|k| c.press(k).is_empty()));
    assert!(c.screen().contains("what you still type is no answer"), "{}", c.screen());
    c.timers();
    c.timers();
    let screen = c.screen();
    assert!(screen.contains("line 3: not a number"), "{screen}");
    assert!(screen.contains("n no") && screen.contains("s skip the 2 refused rows and import 1,200"), "{screen}");
    c.press("s");
    let effects = c.timers();
    let Some(Effect::Import { import: kept, .. }) = effects.iter().find(|e| matches!(e, Effect::Import { .. })) else {
        panic!("{effects:?}")
    };
    assert_eq!(**kept, Import { skip_refused: true, commit: true, ..(**import).clone() });
    assert_eq!(kept.form, Form::of_path(std::path::Path::new("more.csv")).unwrap());
    // Where nothing could be taken there is nothing to ask.
    let mut c = open("\\copy orders from 'more.csv'");
    c.press("F5");
    c.send(Msg::Imported { job: *job, import: import.clone(), result: Ok(report(0, 2)) });
    assert!(c.screen().contains("Nothing was imported"), "{}", c.screen());
}

#[test]
fn every_refused_row_is_seen_before_an_import_is_decided() {
    let mut c = open("\\copy orders from 'more.csv'");
    let effects = c.press("F5");
    let Some(Effect::Import { job, import, .. }) = effects.iter().find(|e| matches!(e, Effect::Import { .. })) else {
        panic!("{effects:?}")
    };
    let column = |n: u32| Match {
        column: format!("column_{n}"),
        type_name: "character varying(200)".into(),
        first: vec![Some(format!("multi\nline {n}")), None, Some("a value that is longer than there is room for".into())],
    };
    let report = Report {
        table: "public.orders".into(),
        columns: (1..=9).map(column).collect(),
        defaults: vec!["made".into()],
        taken: 2,
        refused: 50,
        reasons: (2..52).map(|l| (l, format!("invalid input syntax for type integer: \"x{l}\", and more words than fit a line"))).collect(),
        ..Report::default()
    };
    c.send(Msg::Imported { job: *job, import: import.clone(), result: Ok(Box::new(report)) });
    let asked = c.screen();
    for part in
        ["line 2: ", "line 6: ", "… and 45 more refused: v shows them.", "column_1 ", "more columns: v shows them.", "Left to their"]
    {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    assert!(asked.contains("n no") && asked.contains("v view all") && asked.contains("s skip the 50 refused rows and import 2"), "{asked}");
    assert!(c.press("v").is_empty());
    let all = c.screen();
    assert!(all.contains("line 2: ") && all.contains("line 7: "), "{all}");
    assert!(all.contains("than fit a line"), "a reason is broken, not cut: {all}");
    c.press("PgDn");
    assert!(c.screen().contains("line 12: "), "{}", c.screen());
    c.press("G");
    let end = c.screen();
    assert!(end.contains("line 51: ") && end.contains("column_9  character varying(200)  multi␊line 9 | NULL"), "{end}");
    c.press("Esc");
    assert_eq!(c.screen(), asked, "the question stands as before");
    let effects = c.press("s");
    assert!(effects.iter().any(|e| matches!(e, Effect::Import { import, .. } if import.commit && import.skip_refused)), "{effects:?}");
}

#[test]
fn letters_that_come_together_go_into_a_field_as_one_text() {
    let burst = |c: &mut Console, text: &str| {
        let keys = text.chars().map(|ch| if ch == '\n' { Key::parse("Enter").unwrap() } else { Key::char(ch).normal() });
        c.send(Msg::Keys(keys.collect()))
    };
    // A form: the letters are text, Enter goes on to the next field and at last runs.
    let mut c = open("select * from orders where id = :id and state = :state");
    c.press("F5");
    let effects = burst(&mut c, "42\nopen and a longer text\n");
    let Some(Effect::Run { statements, .. }) = effects.iter().find(|e| matches!(e, Effect::Run { .. })) else { panic!("{effects:?}") };
    assert_eq!(statements[0].values[":state"], holdpoint::model::Param::Text("open and a longer text".into()));
    // The palette: found at the end of the burst, and Enter chooses.
    let mut c = open("");
    c.press("C-p");
    burst(&mut c, "messages");
    assert!(c.screen().contains("> messages"), "{}", c.screen());
    burst(&mut c, "\n");
    assert!(c.screen().contains("Messages, newest first"), "{}", c.screen());
    c.press("Esc");
    c.press("C-p");
    burst(&mut c, &format!("{}the end", "long ".repeat(60)));
    assert!(c.screen().contains("long the end"), "what is typed is seen: {}", c.screen());
    // The line that looks for a text.
    let mut c = open("one two\nthree two");
    c.press("C-f");
    burst(&mut c, "three two");
    assert_eq!(c.state.query.editor.text(), "one two\nthree two");
    assert!(c.screen().contains("three two"), "{}", c.screen());
    // Keys of a pane stay keys.
    let mut c = open("");
    c.press("Esc");
    burst(&mut c, " vm");
    assert!(c.screen().contains("Messages, newest first"), "{}", c.screen());
}

#[test]
fn messages_are_listed_with_their_details() {
    let mut c = open("");
    c.state.query.made.push("temporary table tmpx".into());
    c.status(TxState::Open);
    lose(&mut c, "the server is gone");
    c.state.say(Note::info("something else, later"));
    c.press("Esc");
    for k in ["Space", "v", "m"] {
        c.press(k);
    }
    let screen = c.screen();
    assert!(
        screen.contains("Gone with it: what the open transaction had written,") && screen.contains("temporary table tmpx."),
        "{screen}"
    );
}

#[test]
fn hints_and_feet_are_whole_on_80_columns() {
    use holdpoint::app::dialog::{Dialog, Field, Form, Purpose};
    let mut c = open("");
    let hint = "text, or = x, != x, < x, <= x, > x, >= x, ~ pattern, is null, is not null and what else there is to be said of it: the end";
    let fields = vec![Field::new("One", "", "short"), Field::new("Other", "", hint)];
    c.state.dialogs.push(Dialog::Form(Form::new("A form", Purpose::Find, vec!["A body.".into()], fields)));
    assert!(c.screen().contains("short") && !words(&c).contains("the end"), "{}", c.screen());
    c.press("Enter");
    let lines: Vec<String> = c.screen().lines().map(|l| l.replace(['│', '❯'], " ")).collect();
    let told = lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("is not null and what else there is to be said of it: the end"), "{}", c.screen());
    c.press("Esc");
    c.press("i");
    c.press("A-s");
    assert!(c.screen().contains("Tab then goes through its places, Esc closes"), "{}", c.screen());
}

#[test]
fn a_key_in_a_field_goes_over_a_whole_character() {
    use holdpoint::app::dialog::{Dialog, Field, Form, Purpose};
    let mut c = open("");
    c.state.dialogs.push(Dialog::Form(Form::new("A form", Purpose::Find, Vec::new(), vec![Field::new("Name", "", "")])));
    let value = |c: &Console| match c.state.dialogs.last() {
        Some(Dialog::Form(f)) => f.value(0).to_string(),
        _ => panic!("the form is open"),
    };
    // Korean as macOS writes it, a family by joiners.
    c.type_text("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}👨\u{200d}👩\u{200d}👧x");
    for k in ["Left", "Backspace", "Left", "Delete"] {
        c.press(k);
    }
    assert_eq!(value(&c), "\u{1112}\u{1161}\u{11ab}x");
    c.press("Left");
    c.press("Right");
    c.press("Backspace");
    assert_eq!(value(&c), "x");
}
