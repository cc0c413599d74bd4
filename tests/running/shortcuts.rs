//! Shortcuts of psql and commands of other clients.

use super::*;

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
    // Its parameters are asked for, and what was set by name stands in the form.
    let mut c = open("\\set most 4");
    c.press("F5");
    c.press("C-a");
    c.type_text("\\copy (select id from orders where id < :most) to 'few.csv'");
    let effects = c.press("F5");
    assert!(!effects.iter().any(|e| matches!(e, Effect::ExportStatement { .. })), "{effects:?}");
    assert!(c.screen().contains("Values for the export"), "{}", c.screen());
    let effects = c.press("Enter");
    let Some(Effect::ExportStatement { statement, .. }) = effects.iter().find(|e| matches!(e, Effect::ExportStatement { .. })) else {
        panic!("{effects:?}")
    };
    assert_eq!(statement.values.get(":most"), Some(&holdpoint::model::Param::Number("4".into())));
    let (_, effects) = shortcut("\\copy orders from 'more.csv' csv header");
    let Some(Effect::Import { import, .. }) = effects.iter().find(|e| matches!(e, Effect::Import { .. })) else { panic!("{effects:?}") };
    assert_eq!((import.table.as_str(), import.file.to_str(), import.commit), ("orders", Some("more.csv"), false), "tried first");
    let (c, effects) = shortcut("\\copy orders to 'orders.xls'");
    assert!(!effects.iter().any(|e| matches!(e, Effect::ExportStatement { .. })));
    assert!(c.screen().contains("Which format?"), "{}", c.screen());
}

/// It has a session of its own, which is not like the one on the screen.
#[test]
fn an_import_that_the_session_would_do_otherwise_is_held() {
    let held = |set: &dyn Fn(&mut Console), line: &str| {
        let mut c = open(line);
        set(&mut c);
        let effects = c.press("F5");
        let imports = effects.iter().any(|e| matches!(e, Effect::Import { .. }));
        assert_eq!(imports, !c.screen().contains("Nothing was imported"), "{}", c.screen());
        !imports
    };
    let in_path = |c: &mut Console| {
        let mut status = c.state.link.server().unwrap().status.clone();
        status.place = Some(holdpoint::model::Place::Path("app".into()));
        let link = c.state.link_no;
        c.send(Msg::Status { link, status });
    };
    let line = "\\copy orders from more.csv";
    assert!(!held(&|_| {}, line));
    assert!(held(&|c| drop(c.status(TxState::Open)), line));
    assert!(held(&in_path, line) && !held(&in_path, "\\copy app.orders from more.csv"));
    assert!(held(&|c| c.state.query.made.push("temporary table orders".into()), line));
    assert!(held(&|c| c.state.query.made.push("setting role".into()), line));
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
