//! Whatever the console can do is reached by a key, stands in `?`, and does what it says: the keys that no other test presses.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;

use console::Console;
use holdpoint::app::dialog::Dialog;
use holdpoint::app::effect::Effect;
use holdpoint::app::msg::RunEvent;
use holdpoint::app::palette::Choice;
use holdpoint::app::{Action, Msg, Pane, Workspace};
use holdpoint::config::files::EditorKeys;
use holdpoint::config::keymap::Keymap;
use holdpoint::engine::Outcome;
use holdpoint::model::names::Collector;
use holdpoint::model::{Beside, Column, Dialect, NodeKind, Place};

fn open(sql: &str) -> Console {
    let mut c = Console::new(100, 30);
    c.connect("shop-dev");
    c.editor(sql);
    c
}

fn keys(c: &mut Console, keys: &str) -> Vec<Effect> {
    keys.split(' ').flat_map(|k| c.press(k)).collect()
}

const PANES: [Pane; 11] = [
    Pane::Start,
    Pane::Schema,
    Pane::Editor,
    Pane::Results,
    Pane::Plan,
    Pane::Migrations,
    Pane::Checklist,
    Pane::Backups,
    Pane::Journal,
    Pane::Sessions,
    Pane::Assess,
];

/// The contexts of the keymap; those of dialogs are told in the help of the pane that opens them.
fn contexts() -> Vec<&'static str> {
    PANES.iter().map(|p| p.context()).chain(["global", "pane", "list", "editor", "form", "history", "help", "cell"]).collect()
}

#[test]
fn every_action_has_a_key_and_its_line_in_the_help_of_a_pane() {
    let plain = Keymap::builtin().unwrap();
    let emacs = Keymap::preset(EditorKeys::Emacs).unwrap();
    let bound = |map: &Keymap, a: Action| contexts().into_iter().any(|c| map.bindings(c).any(|(_, name)| name == a.name()));
    let mut told = String::new();
    for pane in PANES {
        let mut c = open("");
        c.state.go(pane);
        c.state.view.typing = false;
        c.state.view.focus = pane;
        c.press("F1");
        let Some(Dialog::Help(h)) = c.state.dialogs.last() else { panic!("no help in {pane:?}") };
        // A sentence may go on in the next line.
        told.extend(h.lines.iter().map(|(_, words)| format!("{words} ")));
    }
    for a in Action::ALL {
        // Moves and deletions that the plain keys do by the arrows with Ctrl, and Delete.
        assert!(bound(&plain, *a) || bound(&emacs, *a), "{} has no key", a.name());
        assert!(!bound(&plain, *a) || told.contains(a.doc()), "{} is in no help: {}", a.name(), a.doc());
    }
}

/// `i` is for typing in the editor, and puts a name there in the schema.
#[test]
fn an_empty_editor_names_the_key_that_leads_to_it() {
    let mut c = open("");
    c.state.go(Pane::Schema);
    c.state.view.typing = false;
    assert!(c.screen().contains("press 2 to type SQL here"), "{}", c.screen());
    c.press("2");
    assert!(c.state.typing() && c.screen().contains(" type SQL here") && !c.screen().contains("press "), "{}", c.screen());
    c.press("Esc");
    assert!(c.screen().contains("press i to type SQL here"), "{}", c.screen());
}

/// What a pane does with a key hides what lists and panes do with it.
#[test]
fn the_help_of_a_pane_tells_one_meaning_of_a_key() {
    for pane in PANES {
        let mut c = open("");
        c.state.go(pane);
        c.state.view.typing = false;
        c.state.view.focus = pane;
        c.press("F1");
        let Some(Dialog::Help(h)) = c.state.dialogs.last() else { panic!("no help in {pane:?}") };
        let (mut section, mut told) = (String::new(), Vec::new());
        for (keys, words) in &h.lines {
            if keys.is_empty() && !words.is_empty() {
                section.clone_from(words);
            } else if section.starts_with("In this pane") || section.starts_with("Lists") || section == "In every pane" {
                told.extend(keys.split(", ").filter(|k| !k.trim().is_empty()).map(str::to_string));
            }
        }
        assert!(told.len() > 10, "{pane:?}: {told:?}");
        let twice: Vec<_> = told.iter().enumerate().filter(|(i, k)| told[..*i].contains(k)).map(|(_, k)| k).collect();
        assert!(twice.is_empty(), "{pane:?}: {twice:?}");
    }
}

#[test]
fn every_shortcut_that_is_listed_is_done() {
    let mut c = open("\\?");
    c.press("F5");
    let Some(Dialog::Viewer(v)) = c.state.dialogs.last() else { panic!("{}", c.screen()) };
    let listed: Vec<String> = v
        .lines
        .iter()
        .filter_map(|l| l.split_once("  "))
        .flat_map(|(left, _)| left.split([' ', ',']).filter(|w| w.starts_with('\\')).map(str::to_string).collect::<Vec<_>>())
        .collect();
    assert!(listed.len() > 25, "{listed:?}");
    for word in listed {
        let mut c = open(&format!("{word} x"));
        let effects = c.press("F5");
        let screen = c.screen();
        assert!(!screen.contains("is not known here"), "{word}: {screen}");
        // It does something, or says something.
        let said = c.state.messages.shown.is_some() || !c.state.dialogs.is_empty();
        assert!(said || !effects.is_empty() || !c.state.query.values.is_empty(), "{word}: {screen}");
    }
}

#[test]
fn columns_of_a_temporary_table_are_proposed_until_it_is_dropped() {
    let mut c = Console::new(100, 30);
    c.connect_as("shop-dev", Dialect::MySql);
    c.editor("");
    let link = c.state.link_no;
    let mut names = Collector::default();
    names.relation("main", "orders", NodeKind::Table, false);
    names.column("id", "INTEGER");
    c.send(Msg::Names { link, result: Ok(Box::new(names.finish(vec!["main".into()], vec!["main".into()], Vec::new()))) });
    let run = |c: &mut Console, sql: &str| {
        c.press("C-a");
        c.send(Msg::Paste(sql.into()));
        let effects = c.press("F5");
        let (job, result) =
            effects.iter().find_map(|e| if let Effect::Run { job, result, .. } = e { Some((*job, *result)) } else { None }).unwrap();
        c.run(job, RunEvent::Started { result, index: 0, text: sql.into() });
        let after = c.run(job, RunEvent::Done { result, outcome: Outcome::default() });
        c.run(job, RunEvent::Finished);
        after
    };
    let effects = run(&mut c, "create temporary table picked (weight int, orders int)");
    assert!(effects.iter().any(|e| matches!(e, Effect::TemporaryTable { name, .. } if name == "picked")), "{effects:?}");
    let column = |name: &str| Column {
        name: name.into(),
        type_name: "int".into(),
        align: holdpoint::model::Align::Right,
        origin: None,
        style: None,
    };
    c.send(Msg::TemporaryTable { link, name: "picked".into(), columns: vec![column("weight"), column("orders")] });
    let proposed = |c: &mut Console, sql: &str| {
        c.press("C-a");
        c.send(Msg::Paste(sql.into()));
        c.press("C-n");
        c.state.popup().map(|p| p.list.iter().map(|p| p.insert.clone()).collect::<Vec<_>>()).unwrap_or_default()
    };
    assert_eq!(proposed(&mut c, "select * from picked p where p."), ["weight", "orders"]);
    assert!(proposed(&mut c, "select * from pick").contains(&"picked".to_string()));
    let mut definition = |name: &str| {
        c.press("C-a");
        c.send(Msg::Paste(format!("\\d {name}")));
        let effects = c.press("F5");
        assert!(!effects.iter().any(|e| matches!(e, Effect::Definition { .. })), "{effects:?}");
        let mut again = Collector::default();
        again.relation("main", "orders", NodeKind::Table, false);
        c.send(Msg::Names { link, result: Ok(Box::new(again.finish(vec!["main".into()], vec!["main".into()], Vec::new()))) });
        c.state.messages.shown.clone().map(|n| format!("{} {}", n.text, n.more.join(" "))).unwrap_or_default()
    };
    let said = definition("picked");
    assert!(said.contains("SHOW CREATE TABLE `picked` shows it."), "{said}");
    run(&mut c, "drop temporary table picked");
    assert!(!proposed(&mut c, "select * from pick").contains(&"picked".to_string()));
}

/// SQLite's session tells itself what it has beside its file.
#[test]
fn the_tree_and_the_names_are_read_again_when_a_database_is_attached_or_let_go() {
    let mut c = open("");
    let mut go = |place: Option<Place>| {
        let mut status = c.state.link.server().unwrap().status.clone();
        status.place = place;
        let link = c.state.link_no;
        let effects = c.send(Msg::Status { link, status });
        let names = effects.iter().filter(|e| matches!(e, Effect::Names { .. })).count();
        let tree = effects.iter().filter(|e| matches!(e, Effect::Children { at, .. } if at.0.is_empty())).count();
        (names, tree, c.screen())
    };
    let two = Beside { name: "two".into(), file: Some("/srv/two.db".into()), read_only: false, objects: Vec::new() };
    let (names, tree, screen) = go(Some(Place::Beside(vec![two.clone()])));
    assert_eq!((names, tree), (1, 1));
    assert!(screen.contains("with two"), "{screen}");
    assert_eq!(go(Some(Place::Beside(vec![two]))).0, 0, "nothing has changed");
    let (names, tree, screen) = go(None);
    assert!((names, tree) == (1, 1) && !screen.contains("with two"), "{screen}");
    // A search path leaves the tree as it is.
    assert_eq!(go(Some(Place::Path("sales".into()))).1, 0);
}

#[test]
fn words_of_other_programs_lead_to_what_does_the_same() {
    let mut c = open("select 1");
    for (typed, action) in [
        ("w", Action::SaveFile),
        ("wq", Action::SaveFile),
        ("x", Action::SaveFile),
        ("e", Action::OpenFile),
        ("exit", Action::Quit),
        ("undo", Action::Undo),
        ("kill", Action::GoSessions),
        ("save", Action::SaveFile),
    ] {
        c.press("C-p");
        c.type_text(typed);
        let Some(Dialog::Palette(p)) = c.state.dialogs.last() else { panic!("{typed}: no palette") };
        assert_eq!(p.chosen().map(|e| &e.choice), Some(&Choice::Action(action)), "{typed}");
        c.press("Esc");
    }
}

#[test]
fn each_statement_of_a_run_keeps_its_own_terminator_where_values_are_asked_for() {
    let mut c = open("select 2;\nselect * from orders where id = ?;\nselect 3\\G");
    c.press("Esc");
    c.press("Space");
    c.press("r");
    c.press("a");
    c.type_text("3");
    let effects = c.press("Enter");
    let sent = effects.iter().find_map(|e| if let Effect::Run { statements, .. } = e { Some(statements.clone()) } else { None });
    let sent = sent.expect("it runs");
    assert_eq!(sent.iter().map(|s| s.record).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(sent[2].text, "select 3");
    assert_eq!(c.state.query.running.as_ref().map(|r| r.records.clone()), Some(vec![false, false, true]));
}

#[test]
fn guarded_writing_ends_at_once_when_it_is_locked_again() {
    let mut c = Console::new(100, 30);
    c.connect("shop-prod");
    let link = c.state.link_no;
    let until = c.state.now + jiff::SignedDuration::from_secs(900);
    c.send(Msg::Unlocked { link, result: Ok(until) });
    assert!(c.screen().lines().next().unwrap().contains("guarded"), "{}", c.screen());
    let effects = keys(&mut c, "Esc Space a l");
    assert!(effects.iter().any(|e| matches!(e, Effect::Lock)), "{effects:?}");
    assert!(c.state.unlocked.is_none() && !c.screen().lines().next().unwrap().contains("guarded"), "{}", c.screen());
}

#[test]
fn text_is_cut_and_pasted_and_the_screen_is_drawn_again_and_targets_are_a_key_away() {
    let mut c = open("select 1");
    keys(&mut c, "C-a C-x");
    assert_eq!(c.state.query.editor.text(), "");
    keys(&mut c, "C-v C-v");
    assert_eq!(c.state.query.editor.text(), "select 1select 1");
    assert!(c.press("C-l").iter().any(|e| matches!(e, Effect::Repaint)));
    keys(&mut c, "Esc Space g t");
    assert_eq!(c.state.view.workspace, Workspace::Start);
    assert!(c.state.link.server().is_some(), "the connection stays");
}

#[test]
fn brackets_that_belong_together_are_marked_on_the_screen() {
    let mut c = open("select (1 + (2)) as ( 'a)'");
    // The cursor on the first one: its partner is not the nearest.
    c.press("Home");
    keys(&mut c, "Right Right Right Right Right Right Right");
    let buffer = c.buffer();
    let row = (0..30).find(|y| (0..100).map(|x| buffer[(x, *y)].symbol()).collect::<String>().contains("select (1")).expect("drawn");
    let line: String = (0..100).map(|x| buffer[(x, row)].symbol()).collect();
    let at = line.chars().collect::<Vec<_>>().windows(8).position(|w| w.iter().collect::<String>() == "select (").unwrap() as u16;
    let style = |offset: u16| buffer[(at + offset, row)].style();
    let (open, inner, close) = (style(7), style(12), style(15));
    assert_eq!(open, close, "the pair looks alike");
    assert_ne!(open, inner, "and unlike the others");
}

/// What a name holds that cannot be shown is shown, and told from a name of the same letters, wherever names are drawn.
#[test]
fn no_name_reaches_the_screen_raw_or_passes_for_another() {
    const HOSTILE: &str = "w\u{1b}]0;x\u{7}\u{202e}q\nz";
    const SHOWN: &str = "w␛]0;x␇\\u{202e}q␊z";
    let fresh = || {
        let mut c = Console::new(160, 40);
        c.connect("shop-dev");
        c
    };
    let seen = |c: &Console, at: &str| {
        let (screen, buffer) = (c.screen(), c.buffer());
        let raw = |ch: char| ch != '\n' && holdpoint::text::clean(&ch.to_string()) != ch.to_string();
        assert!(!screen.contains(raw) && screen.contains(SHOWN), "{at}: {screen:?}");
        for (i, _) in buffer.content.iter().enumerate().filter(|(_, cell)| cell.symbol() == "␛") {
            let (x, y) = buffer.pos_of(i);
            let under = |x| buffer[(x, y)].modifier.contains(ratatui::style::Modifier::UNDERLINED);
            assert!(under(x) && !under(x - 1), "{at}, line {y}: {screen}");
        }
    };
    let mut c = fresh();
    let named = |name: &str, detail: &str| holdpoint::model::SchemaNode {
        kind: NodeKind::Column,
        name: name.into(),
        detail: detail.into(),
        comment: String::new(),
        marks: Vec::new(),
        rows: None,
        bytes: None,
        expandable: false,
    };
    c.press("1");
    c.children(&[], vec![named(HOSTILE, "")]);
    seen(&c, "the tree");
    c.children(&[], vec![named("a", HOSTILE)]);
    seen(&c, "what the tree tells of a node");
    let mut c = fresh();
    let mut status = c.state.link.server().unwrap().status.clone();
    status.place = Some(Place::Path(HOSTILE.into()));
    c.send(Msg::Status { link: c.state.link_no, status });
    seen(&c, "where bare names lead");
    let mut c = fresh();
    c.state.query.file = Some(std::path::Path::new("/srv").join(HOSTILE));
    seen(&c, "the editor's file");
    c.press("2");
    c.press("C-t");
    seen(&c, "tabs");
    let mut names = Collector::default();
    names.relation("main", HOSTILE, NodeKind::Table, false);
    let names = names.finish(vec!["main".into()], vec!["main".into()], Vec::new());
    let told = |c: &mut Console| {
        let link = c.state.link_no;
        c.send(Msg::Names { link, result: Ok(Box::new(names.clone())) });
    };
    let mut c = fresh();
    told(&mut c);
    c.editor("");
    c.type_text("select * from w");
    c.press("F4");
    assert!(c.state.popup().is_some(), "{}", c.screen());
    seen(&c, "proposals");
    let mut c = fresh();
    told(&mut c);
    c.press("C-p");
    c.type_text("w]0");
    seen(&c, "the palette");
    let mut c = fresh();
    c.state.dialogs.push(Dialog::Viewer(holdpoint::app::dialog::Viewer::new(HOSTILE, "text")));
    seen(&c, "a page's title");
}
