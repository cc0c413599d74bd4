//! What was run and what was saved comes back: the history and the library.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;
mod support;

use console::Console;
use holdpoint::app::dialog::Dialog;
use holdpoint::app::effect::Effect;
use holdpoint::app::{Msg, Pane};
use holdpoint::ops::library::Saved;
use holdpoint::store::history::{Fate, Ran};
use support::project::Project;

#[test]
fn every_run_is_kept_without_secrets_and_found_again() {
    let p = Project::sqlite();
    p.ok(&["query", "app-dev", "select count(*) from notes"]);
    p.ok(&["query", "app-dev", "update notes set body = 'x' where id = 1"]);
    p.expect(1, &["query", "app-dev", "select oops from notes"]);
    p.expect(1, &["query", "app-dev", "create user u identified by 'hunter2'"]);
    let text = p.ok(&["history", "app-dev", "--format", "json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(text.trim()).expect("json");
    assert_eq!(runs.len(), 4, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let of = |part: &str| runs.iter().find(|r| r["text"].as_str().unwrap().contains(part)).unwrap_or_else(|| panic!("{part}: {text}"));
    assert_eq!(of("count")["rows"], 1);
    assert_eq!(of("update")["rows"], 1);
    assert!(of("oops")["error"].as_str().unwrap().contains("oops") && of("oops")["rows"].is_null());
    assert!(of("count")["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&of("count")["outcome"], &of("oops")["outcome"]), (&"1 row".into(), &"failed".into()));
    // The same text again is a run of its own.
    p.ok(&["query", "app-dev", "select count(*) from notes"]);
    let text = p.ok(&["history", "app-dev", "--search", "count", "--format", "json"]);
    let again: Vec<serde_json::Value> = serde_json::from_str(text.trim()).expect("json");
    assert_eq!(again.len(), 2, "{text}");
    let text = p.ok(&["history", "--search", "UPDATE"]);
    assert!(text.contains("update notes") && !text.contains("count(*)"), "{text}");
    p.expect(1, &["query", "app-dev", "update notes set api_token = 'hunter3'"]);
    let text = p.ok(&["history", "app-dev", "--search", "api_token", "--format", "json"]);
    assert!(text.contains("api_token = '…'") && !text.contains("hunter3"), "{text}");
}

#[test]
fn a_target_that_keeps_no_history_keeps_none() {
    let p = Project::sqlite();
    let config = std::fs::read_to_string(p.path("holdpoint.toml")).expect("config");
    std::fs::write(
        p.path("holdpoint.toml"),
        config.replacen("environment = \"development\"", "environment = \"development\"\nhistory = false", 1),
    )
    .expect("config");
    p.ok(&["query", "app-dev", "select 1"]);
    assert_eq!(p.ok(&["history", "app-dev", "--format", "json"]).trim(), "[]");
}

#[test]
fn a_saved_query_runs_by_its_name_with_its_parameters() {
    let p = Project::sqlite();
    std::fs::create_dir(p.path("queries")).expect("directory");
    p.write("queries/author.sql", "-- The author of a note\nselect author from notes where id = :id");
    let text = p.ok(&["query", "app-dev", "--saved", "author", "-p", "id=3", "--format", "csv"]);
    assert!(text.starts_with("author\r\naiko\r\n"), "{text}");
    let text = p.expect(2, &["query", "app-dev", "--saved", "nobody"]);
    assert!(text.contains("no saved query is called nobody") && text.contains("There are: author."), "{text}");
}

fn ran(target: &str, text: &str, error: Option<&str>) -> Ran {
    Ran {
        id: 1,
        at: "2026-11-20T08:15:00Z".into(),
        target: target.into(),
        text: text.into(),
        took_ms: 12,
        rows: Some(3),
        error: error.map(Into::into),
        fate: None,
        runs: 1,
        whole: None,
    }
}

#[test]
fn the_history_is_searched_by_a_few_letters_and_never_runs_by_itself() {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    c.editor("select 1");
    let effects = c.press("A-h");
    assert!(effects.iter().any(|e| matches!(e, Effect::History)), "{effects:?}");
    let runs = vec![
        ran("shop-prod", "select * from elsewhere", None),
        ran("shop-dev", "select *\nfrom orders\nwhere id = 4", None),
        ran("shop-dev", "selec oops", Some("syntax error")),
        Ran { runs: 3, ..ran("shop-dev", "select 'slow'", Some("cancelled")) },
        Ran { fate: Some(Fate::RolledBack), ..ran("shop-dev", "update orders set state = 'x'", None) },
    ];
    c.send(Msg::History { result: Ok(runs) });
    let screen = c.screen();
    assert!(screen.contains("select * from orders where id = 4") && screen.contains("3 rows · 12 ms · 2026-11-20 08:15"), "{screen}");
    assert!(screen.contains("3 rows, rolled back · 12 ms"), "{screen}");
    assert!(screen.contains("cancelled · 2026-11-20 08:15 · 3 runs"), "{screen}");
    assert!(screen.contains("failed") && screen.contains("shop-prod · 3 rows"), "{screen}");
    let line = |s: &str| screen.lines().position(|l| l.contains(s)).unwrap();
    assert!(line("from orders") < line("from elsewhere"), "the open target's come first");
    assert!(screen.contains("Tab shows this target alone"), "{screen}");
    c.press("Tab");
    let screen = c.screen();
    assert!(!screen.contains("elsewhere") && screen.contains("from orders") && screen.contains("Tab shows all targets"), "{screen}");
    c.type_text("elsew");
    assert!(c.screen().contains("nothing matches"), "{}", c.screen());
    c.press("Tab");
    assert!(c.screen().contains("from elsewhere"), "{}", c.screen());
    for _ in 0..5 {
        c.press("Backspace");
    }
    c.type_text("ord4");
    let effects = c.press("Enter");
    assert!(effects.iter().all(|e| !matches!(e, Effect::Run { .. })));
    assert_eq!(c.state.query.editor.text(), "select 1;\n\nselect *\nfrom orders\nwhere id = 4");
    assert!(c.state.view.focus == Pane::Editor && c.state.view.typing);
    c.press("C-z");
    assert_eq!(c.state.query.editor.text(), "select 1", "one step takes it back");
}

#[test]
fn huge_statements_of_the_history_hold_up_no_key_and_come_whole_when_chosen() {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    let huge = |name: &str| format!("insert into {name} values\n('{}')", "x".repeat(5_000_000));
    // The store gives the beginning; what came whole all the same is matched and drawn by its beginning.
    let listed = Ran { id: 7, whole: Some(5_000_023), ..ran("shop-dev", &huge("first")[..2049], None) };
    c.send(Msg::History { result: Ok(vec![listed, ran("shop-dev", &huge("second"), None)]) });
    let Some(Dialog::Palette(p)) = c.state.dialogs.last() else { panic!("{}", c.screen()) };
    assert!(p.entries.iter().all(|e| e.label.len() < 2100 && e.label.ends_with('…')), "{:?}", p.entries.iter().map(|e| e.label.len()));
    c.type_text("first");
    let screen = c.screen();
    assert!(screen.contains("insert into first values ('xxx") && screen.contains("5.0 MB") && !screen.contains("second"), "{screen}");
    let effects = c.press("Enter");
    assert!(effects.iter().any(|e| matches!(e, Effect::Recall(7))), "{effects:?}");
    assert_eq!(c.state.query.editor.text(), "", "the beginning alone is no statement");
    c.send(Msg::Recalled { result: Ok(Some("insert into first values (1)".into())) });
    assert_eq!(c.state.query.editor.text(), "insert into first values (1)");
    c.send(Msg::Recalled { result: Ok(None) });
    assert!(c.screen().contains("no longer has this statement"), "{}", c.screen());
}

#[test]
fn a_query_is_saved_under_a_name_and_taken_from_the_library() {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.editor("select 1;\n\n-- Orders of a day\nselect * from orders where day = :day;");
    c.press("Esc");
    for k in ["Space", "f", "w"] {
        c.press(k);
    }
    c.type_text("../out");
    assert!(c.press("Enter").is_empty());
    assert!(c.screen().contains("A name is letters"), "{}", c.screen());
    for _ in 0..6 {
        c.press("Backspace");
    }
    c.type_text("daily");
    let effects = c.press("Enter");
    let Some(Effect::SaveQuery { path, text }) = effects.iter().find(|e| matches!(e, Effect::SaveQuery { .. })) else {
        panic!("{effects:?}")
    };
    assert!(path.ends_with("queries/daily.sql"), "{path:?}");
    assert_eq!(text, "-- Orders of a day\nselect * from orders where day = :day;\n");
    c.send(Msg::Library {
        saved: vec![Saved { name: "daily".into(), description: "Orders of a day".into(), text: "select 2".into(), path: "x".into() }],
        notes: vec!["bad.sql is left out: it is not UTF-8".into()],
    });
    assert!(c.screen().contains("Orders of a day"), "{}", c.screen());
    c.press("Enter");
    assert!(c.state.query.editor.text().ends_with("select 2"));
}

#[test]
fn help_is_searched_as_you_type() {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    for k in ["Esc", "?", "/"] {
        c.press(k);
    }
    c.type_text("STREAMS");
    let marked = |c: &Console| match c.state.dialogs.last() {
        Some(holdpoint::app::dialog::Dialog::Help(h)) => h.found.map(|i| (i, h.lines[i].1.to_lowercase())),
        _ => panic!("help is closed"),
    };
    let (first, line) = marked(&c).expect("found");
    assert!(line.contains("streams"), "{line}");
    let screen = c.screen();
    assert!(screen.contains("/STREAMS") && screen.to_lowercase().contains("streams its rows"), "{screen}");
    // Enter keeps the place; n goes on and round, N back.
    c.press("Enter");
    c.press("n");
    assert!(marked(&c).expect("found").1.contains("streams"));
    c.press("N");
    assert_eq!(marked(&c).unwrap().0, first);
    c.press("/");
    c.type_text("no such words");
    assert!(marked(&c).is_none() && c.screen().contains("nothing holds it"), "{}", c.screen());
    c.press("Esc");
    assert!(matches!(c.state.dialogs.last(), Some(holdpoint::app::dialog::Dialog::Help(_))), "Esc ends the search first");
    c.press("Esc");
    assert!(c.state.dialogs.is_empty());
}

/// A statement of megabytes is found by its beginning: all of it at every key would freeze the console.
#[test]
fn long_statements_are_found_by_their_beginning() {
    let c = Console::new(80, 24);
    let run = Ran {
        id: 1,
        at: "2026-11-21T09:30:00Z".into(),
        target: "shop-dev".into(),
        text: format!("insert into big values ('{}ü')", "x y ".repeat(2_000_000)),
        took_ms: 5,
        rows: Some(1),
        error: None,
        fate: None,
        runs: 1,
        whole: None,
    };
    let whole = run.text.clone();
    let palette = holdpoint::app::palette::Palette::history(&c.state, vec![run]);
    let entry = palette.chosen().expect("listed");
    assert!(entry.label.starts_with("insert into big") && entry.label.len() <= 4096, "{} bytes", entry.label.len());
    assert_eq!(entry.choice, holdpoint::app::palette::Choice::Insert(whole), "all of it comes back");
}
