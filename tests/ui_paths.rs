//! Names of files and tables are completed where a form or a shortcut takes one.

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "ui/console.rs"]
mod console;

use console::Console;
use holdpoint::app::dialog::Dialog;
use holdpoint::app::effect::Effect;
use holdpoint::app::paths::{Listing, Name};
use holdpoint::app::{Action, Msg, update};
use holdpoint::model::NodeKind;
use holdpoint::model::names::Collector;

const HERE: [&str; 5] = ["backup/", "customers.csv", "cust.csv", "my file.csv", "shop.sql"];

fn open() -> Console {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.press("2");
    c
}

/// The answer to the last question about a directory; panics when none was asked.
fn answer(c: &mut Console, effects: &[Effect], names: &[&str]) {
    let asked = effects.iter().rev().find_map(|e| match e {
        Effect::ListDirectory { directory, begins } => Some((directory.clone(), begins.clone())),
        _ => None,
    });
    let (directory, begins) = asked.unwrap_or_else(|| panic!("no directory was asked for: {effects:?}"));
    let mut names: Vec<Name> = names
        .iter()
        .filter(|n| n.starts_with(&begins))
        .map(|n| Name { name: n.trim_end_matches('/').into(), directory: n.ends_with('/') })
        .collect();
    names.sort();
    c.send(Msg::Directory(Listing { directory, begins, names, more: false, problem: None }));
}

fn form(c: &Console) -> (&str, usize, Option<&str>) {
    match c.state.dialogs.last() {
        Some(Dialog::Form(f)) => (f.value(f.at), f.at, f.problem.as_deref()),
        _ => panic!("no form:\n{}", c.screen()),
    }
}

fn act(c: &mut Console, action: Action) {
    update::act(&mut c.state, action, &mut Vec::new());
}

#[test]
fn a_forms_file_is_completed_and_then_the_same_key_goes_on() {
    let mut c = open();
    act(&mut c, Action::Import);
    assert!(c.screen().contains("Tab completes, Enter next"), "{}", c.screen());
    c.type_text("cu");
    let effects = c.press("Tab");
    assert_eq!(form(&c).0, "cu", "typing does not wait");
    answer(&mut c, &effects, &HERE);
    assert_eq!(form(&c), ("cust", 0, None), "what they have in common");
    let screen = c.screen();
    assert!(screen.contains("cust.csv") && screen.contains("customers.csv") && screen.contains("Tab takes it"), "{screen}");
    // The list follows the typing without asking again.
    let (mut c2, mut asked) = (open(), Vec::new());
    act(&mut c2, Action::Import);
    c2.type_text("cu");
    let effects = c2.press("Tab");
    answer(&mut c2, &effects, &HERE);
    asked.extend(c2.press("o"));
    assert!(asked.is_empty() && !c2.screen().contains("cust.csv") && c2.screen().contains("customers.csv"), "{}", c2.screen());
    asked.extend(c2.press("Tab"));
    assert_eq!((form(&c2).0, asked.len()), ("customers.csv", 0));
    // Down and Enter take, too; the same key then goes to the next field.
    c.press("Down");
    c.press("Enter");
    assert_eq!(form(&c), ("customers.csv", 0, None));
    let effects = c.press("Tab");
    answer(&mut c, &effects, &HERE);
    assert_eq!(form(&c).1, 1, "the name is whole");
    // An answer that comes when something else stands there is for nobody.
    c.press("S-Tab");
    c.press("End");
    c.press("Backspace");
    let effects = c.press("Tab");
    c.press("x");
    assert_eq!(form(&c).0, "customers.cs", "it waits a moment for the names");
    c.timers();
    answer(&mut c, &effects, &HERE);
    assert_eq!(form(&c), ("customers.csx", 0, None));
}

#[test]
fn directories_lead_on_and_what_is_not_there_is_said() {
    let mut c = open();
    act(&mut c, Action::OpenFile);
    let effects = c.press("Tab");
    answer(&mut c, &effects, &HERE);
    assert!(c.screen().contains("backup/") && c.screen().contains("shop.sql"), "an empty field lists all:\n{}", c.screen());
    c.press("Esc");
    assert!(matches!(c.state.dialogs.last(), Some(Dialog::Form(_))), "Esc closes the list alone");
    c.type_text("b");
    let effects = c.press("Tab");
    answer(&mut c, &effects, &HERE);
    assert_eq!(form(&c).0, "backup/");
    let effects = c.press("Tab");
    assert!(matches!(effects.as_slice(), [Effect::ListDirectory { directory, begins }] if directory == "backup/" && begins.is_empty()));
    // It does not answer: typing goes on, and asking again says so.
    c.timers();
    c.press("Tab");
    assert_eq!(form(&c).2, Some("backup/ is still being read."));
    c.type_text("n");
    assert_eq!(form(&c), ("backup/n", 0, None));
    c.press("Tab");
    c.send(Msg::Directory(Listing { directory: "other/".into(), begins: "n".into(), ..Listing::default() }));
    assert_eq!(form(&c), ("backup/n", 0, None), "another directory's answer is none of it");
    let directory = "backup/".to_string();
    c.send(Msg::Directory(Listing {
        directory,
        begins: "n".into(),
        problem: Some("there is no such directory".into()),
        ..Listing::default()
    }));
    assert_eq!(form(&c).2, Some("backup/: there is no such directory."));
    // Home.
    c.press("C-u");
    c.type_text("~");
    assert!(c.press("Tab").is_empty());
    assert_eq!(form(&c).0, "~/");
}

#[test]
fn a_value_that_was_filled_in_and_not_touched_is_passed_by() {
    let mut c = open();
    act(&mut c, Action::NewTarget);
    c.press("Tab");
    assert_eq!(form(&c).1, 1, "words are not completed");
    c.type_text("postgres://me@host/cu");
    assert!(c.press("Tab").is_empty());
    assert_eq!(form(&c).1, 2, "a URL is no file");
    c.press("Tab");
    assert_eq!(form(&c).1, 0);
}

#[test]
fn tables_are_completed_where_rows_are_imported() {
    let mut c = open();
    let mut names = Collector::default();
    for table in ["orders", "order items", "customers"] {
        names.relation("main", table, NodeKind::Table, false);
    }
    names.relation("main", "ordered", NodeKind::View, false);
    let names = names.finish(vec!["main".into()], vec!["main".into()], vec!["ord_sum".into()]);
    act(&mut c, Action::Import);
    c.press("Enter");
    c.type_text("cus");
    c.press("Tab");
    assert_eq!(form(&c), ("cus", 1, Some("The names are still being read.")));
    let link = c.state.link_no;
    c.send(Msg::Names { link, result: Ok(Box::new(names)) });
    c.press("Tab");
    assert_eq!(form(&c), ("customers", 1, None));
    c.press("Tab");
    assert_eq!(form(&c).1, 2, "it is whole");
    c.press("Up");
    c.press("C-u");
    c.type_text("ord");
    c.press("Tab");
    let screen = c.screen();
    assert!(screen.contains("\"order items\"") && !screen.contains("ordered") && !screen.contains("ord_sum"), "{screen}");
    c.press("Down");
    c.press("Tab");
    assert!(["orders", "\"order items\""].contains(&form(&c).0), "{}", form(&c).0);
    c.press("C-u");
    c.type_text("none");
    c.press("Tab");
    assert_eq!(form(&c).2, Some("No table is called so."));
}

fn line(c: &Console) -> &str {
    c.state.query.editor.text()
}

#[test]
fn shortcuts_that_take_a_file_complete_it() {
    let mut c = open();
    c.type_text("\\i c");
    let effects = c.press("u");
    assert!(c.state.popup().is_none(), "no key waits for a directory");
    answer(&mut c, &effects, &HERE);
    assert!(c.screen().contains("customers.csv"), "{}", c.screen());
    assert!(c.press("s").is_empty(), "it is known now");
    c.press("Down");
    c.press("Tab");
    assert_eq!(line(&c), "\\i customers.csv");
    // Nothing is left to propose, and no tab is put into the line.
    let effects = c.press("Tab");
    answer(&mut c, &effects, &HERE);
    assert_eq!(line(&c), "\\i customers.csv");
    c.press("C-a");
    c.press("Backspace");
    c.type_text("\\copy orders to 'b");
    let effects = c.press("a");
    assert!(c.press("c").is_empty(), "it is being read");
    answer(&mut c, &effects, &HERE);
    let effects = c.press("Tab");
    assert_eq!(line(&c), "\\copy orders to 'backup/");
    answer(&mut c, &effects, &["it's.csv"]);
    c.press("Tab");
    assert_eq!(line(&c), "\\copy orders to 'backup/it''s.csv'");
    // Elsewhere the key is what it was.
    c.press("C-a");
    c.press("Backspace");
    c.type_text("select");
    c.press("Esc");
    c.press("i");
    assert!(c.press("Tab").iter().all(|e| !matches!(e, Effect::ListDirectory { .. })));
}
