//! 50,000 tables: opened, filtered and jumped through without a frame over 16 ms in a release build
//! (`cargo test --release --test schema_scale -- --nocapture` shows the figures). A debug build is some twenty times slower; its
//! bound is there to find what grows with the square of the list, which takes minutes.

#[path = "ui/console.rs"]
#[allow(dead_code, reason = "shared with the tests of the screens")]
mod console;
mod support;

use console::Console;
use holdpoint::app::Msg;
use holdpoint::model::names::Collector;
use holdpoint::model::{NodeKind, SchemaNode};
use std::time::{Duration, Instant};

const TABLES: usize = 50_000;
const LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_500 } else { 16 });

fn name(i: usize) -> String {
    let a = ["customer", "order", "product", "invoice"][i % 4];
    let b = ["line", "history", "audit", "archive_of_last_year"][i / 7 % 4];
    format!("{a}_{b}_{i:05}")
}

fn node(kind: NodeKind, name: String) -> SchemaNode {
    let expandable = kind != NodeKind::Column;
    SchemaNode {
        kind,
        name,
        detail: String::new(),
        comment: String::new(),
        marks: Vec::new(),
        rows: Some(7),
        bytes: Some(8192),
        expandable,
    }
}

/// Does something and draws; the time of both, within the limit. The best of three tries: other tests may run beside.
fn timed(c: &mut Console, what: &str, mut act: impl FnMut(&mut Console), mut back: impl FnMut(&mut Console)) {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        act(c);
        let _ = c.screen();
        best = best.min(start.elapsed());
        if best <= LIMIT {
            break;
        }
        back(c);
    }
    println!("{what}: {best:?}");
    assert!(best <= LIMIT, "{what} took {best:?} with {TABLES} tables");
}

#[test]
fn fifty_thousand_tables_stall_no_key() {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    c.children(&[], vec![node(NodeKind::Schema, "main".into())]);
    let above = [(NodeKind::Schema, "main")];
    let mut lists: Vec<Vec<SchemaNode>> = (0..3).map(|_| (0..TABLES).map(|i| node(NodeKind::Table, name(i))).collect()).collect();
    timed(&mut c, "the list comes", |c| c.children(&above, lists.pop().unwrap()), |_| {});
    assert_eq!(c.state.schema.visible.len(), TABLES + 1);

    timed(&mut c, "to the end", |c| drop(c.press("G")), |_| {});
    assert_eq!(c.state.schema.chosen().unwrap().node.name, name(TABLES - 1));
    timed(&mut c, "up", |c| drop(c.press("k")), |_| {});
    let last = [(NodeKind::Schema, "main"), (NodeKind::Table, &*name(TABLES - 1))];
    c.press("G");
    timed(&mut c, "opens a table at the end", |c| drop(c.press("l")), |c| drop(c.press("h")));
    c.children(&last, vec![node(NodeKind::Column, "id".into()), node(NodeKind::Column, "customer_id".into())]);
    assert_eq!(c.state.schema.nodes.len(), TABLES + 3);
    timed(&mut c, "closes it", |c| drop(c.press("h")), |c| drop(c.press("l")));

    c.press("/");
    for letter in ["o", "r", "d", "e", "r", "_", "h", "4", "9"] {
        timed(&mut c, &format!("filter, then {letter}"), |c| drop(c.press(letter)), |c| drop(c.press("Backspace")));
    }
    assert!(c.state.schema.visible.len() < 5_000, "{}", c.state.schema.visible.len());
    timed(&mut c, "filter cleared", |c| drop(c.press("Esc")), |_| {});

    // Names with twenty columns for each table, and an index.
    let mut names = Collector::default();
    for i in 0..TABLES {
        names.relation("main", &name(i), NodeKind::Table, false);
        for column in 0..20 {
            names.column(&format!("column_{column}"), "integer");
        }
        names.place("main", Some((NodeKind::Table, &name(i))), "Indexes", NodeKind::Index, &format!("{}_key", name(i)));
    }
    let names = names.finish(vec!["main".into()], vec!["main".into()], Vec::new());
    let link = c.state.link_no;
    let mut names = Some(Box::new(names));
    timed(&mut c, "names come", |c| drop(c.send(Msg::Names { link, result: Ok(names.take().unwrap()) })), |_| {});
    for (opens, pattern) in [("C-g", "order_hist49"), ("C-g", "inv.col"), ("C-g", "column_7"), ("C-p", "archive")] {
        timed(&mut c, opens, |c| drop(c.press(opens)), |c| drop(c.press("Esc")));
        for letter in pattern.chars() {
            let key = letter.to_string();
            timed(&mut c, &format!("{opens}, then {letter} of {pattern}"), |c| drop(c.press(&key)), |c| drop(c.press("Backspace")));
        }
        assert!(!c.screen().contains("nothing matches"), "{pattern}:\n{}", c.screen());
        c.press("Esc");
    }
    c.press("C-g");
    c.type_text("line_49952");
    timed(&mut c, "jump", |c| drop(c.press("Enter")), |_| {});
    assert_eq!(c.state.schema.chosen().unwrap().node.name, name(49_952));
    c.press("z");
    assert!(c.screen().contains(&name(49_952)), "the cursor is on the screen\n{}", c.screen());

    c.press("A-2");
    c.type_text("select * from ");
    for letter in ["o", "r", "d", "4", "9"] {
        timed(&mut c, &format!("completion, then {letter}"), |c| drop(c.press(letter)), |c| drop(c.press("Backspace")));
    }
    assert!(c.screen().contains("order_line_49"), "{}", c.screen());
}

/// The server's limit for the console's own statements is 10 s: what takes time with the square of the tables ends there.
#[test]
fn thousands_of_tables_of_sqlite_are_listed() {
    let home = tempfile::tempdir().expect("home");
    let db = rusqlite::Connection::open(home.path().join("many.db")).expect("database");
    let tables: String = (0..8_000).map(|i| format!("create table t_{i:05} (id integer primary key, c text);")).collect();
    db.execute_batch(&format!("begin; {tables} commit;")).expect("tables");
    let out = support::command(home.path()).args(["schema", "many.db", "main"]).output().expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8_lossy(&out.stdout).matches("t_0").count(), 8_000);
}
