//! The results grid without a terminal or a database: what is asked of the kept rows, and what is shown of the answers.

#[path = "ui/console.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod console;

use console::Console;
use holdpoint::app::effect::{Effect, ResultId};
use holdpoint::app::msg::RunEvent;
use holdpoint::app::{Action, Msg, Pane};
use holdpoint::engine::Outcome;
use holdpoint::model::rows::Origin;
use holdpoint::model::{BatchBuilder, Cell, Column, ColumnInfo, Dialect, Error, Silent, TableInfo};
use holdpoint::ops::column::{self, Ask, Told};
use holdpoint::ops::compare::{Side, compare};
use holdpoint::store::spill::RowSpill;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Months and what was sold in them; one is not known.
const SOLD: [(&str, Option<&str>); 12] = [
    ("Jan", Some("12.50")),
    ("Feb", Some("14")),
    ("Mar", Some("9.25")),
    ("Apr", None),
    ("May", Some("-3")),
    ("Jun", Some("21")),
    ("Jul", Some("33.75")),
    ("Aug", Some("30")),
    ("Sep", Some("26.5")),
    ("Oct", Some("18")),
    ("Nov", Some("40")),
    ("Dec", Some("14")),
];

/// A result as if a statement had given it, with its rows kept; the focus is on the grid.
fn result(c: &mut Console, columns: &[(&str, &str, bool)], cells: &[Cell<'_>], done: bool) -> (ResultId, RowSpill) {
    if c.state.link.server().is_none() {
        c.connect("shop-dev");
    }
    c.editor("select 1;");
    let effects = c.press("F5");
    let run = effects.iter().find_map(|e| if let Effect::Run { job, result, .. } = e { Some((*job, *result)) } else { None });
    let (job, result) = run.expect("F5 runs");
    let mut b = BatchBuilder::new(columns.len());
    cells.iter().for_each(|cell| b.push(*cell));
    let batch = b.take();
    let total = batch.rows() as u64;
    let spill = RowSpill::new(std::env::temp_dir());
    spill.append(batch.clone()).unwrap();
    c.run(job, RunEvent::Started { result, index: 0, text: "select 1;".into() });
    c.run(job, RunEvent::Columns { result, columns: console::columns(columns) });
    c.run(job, RunEvent::Rows { result, total, first: Some(Arc::new(batch)) });
    if done {
        let outcome = Outcome {
            tag: format!("SELECT {total}"),
            affected: None,
            elapsed: Duration::from_millis(3),
            rolled_back: true,
            cut_short: false,
        };
        c.run(job, RunEvent::Done { result, outcome });
    } else {
        c.run(job, RunEvent::Failed { result, error: Error::cancelled() });
    }
    c.run(job, RunEvent::Finished);
    c.press("Esc");
    for key in ["Space", "g", "r"] {
        c.press(key);
    }
    (result, spill)
}

fn sold(c: &mut Console, done: bool) -> (ResultId, RowSpill) {
    let mut cells = Vec::new();
    for (month, n) in SOLD {
        cells.push(Cell::Text(month.as_bytes()));
        cells.push(n.map_or(Cell::Null, |n| Cell::Number(n.as_bytes())));
    }
    result(c, &[("month", "text", false), ("sold", "numeric", true)], &cells, done)
}

/// Presses a key that asks about a column, and answers as the job would.
fn answered(c: &mut Console, key: &str, rows: &RowSpill) -> Ask {
    let effects = c.press(key);
    let asked = effects.iter().find_map(|e| match e {
        Effect::LookAtColumn { job, result, column, ask } => Some((*job, *result, *column, *ask)),
        _ => None,
    });
    let (job, result, column, ask) = asked.unwrap_or_else(|| panic!("{key}: {effects:?}"));
    let told = column::look(rows, column, ask, &Silent, &CancellationToken::new());
    c.send(Msg::ColumnTold { job, result, column, told });
    assert!(c.state.jobs.is_empty());
    ask
}

#[test]
fn statistics_of_a_column_are_of_the_loaded_rows_and_say_so() {
    let mut c = Console::new(80, 24);
    let (_, rows) = sold(&mut c, true);
    c.press("l");
    answered(&mut c, "i", &rows);
    insta::assert_snapshot!("statistics_80x24", c.screen());
    c.press("Esc");
    assert!(c.state.dialogs.is_empty());
    let mut c = Console::new(80, 24);
    let (_, rows) = sold(&mut c, false);
    answered(&mut c, "i", &rows);
    assert!(c.screen().contains("month · of the 12 rows loaded so far"), "{}", c.screen());
    assert!(c.screen().contains("rows are missing"), "{}", c.screen());
}

#[test]
fn numbers_are_drawn_as_bars_a_line_and_a_histogram() {
    for mono in [false, true] {
        let mut c = Console::new(80, 24);
        c.mono = mono;
        let (_, rows) = sold(&mut c, true);
        c.press("l");
        assert_eq!(answered(&mut c, "b", &rows), Ask::Series { labels: Some(0) }, "months name the bars");
        let name = |kind: &str| format!("chart_{kind}_{}", if mono { "mono" } else { "80x24" });
        insta::assert_snapshot!(name("bars"), c.screen());
        c.press("b");
        insta::assert_snapshot!(name("line"), c.screen());
        c.press("l");
        insta::assert_snapshot!(name("histogram"), c.screen());
        assert!(!mono || c.screen().is_ascii(), "{}", c.screen());
        c.press("Left");
        c.press("Left");
        let effects = c.press("y");
        assert!(
            matches!(&effects[..], [Effect::Copy(s)] if s.starts_with("Jan\t12.5\nFeb\t14\n") && s.contains("\nApr\t\n")),
            "{effects:?}"
        );
        c.press("Esc");
        assert!(c.state.dialogs.is_empty());
    }
}

#[test]
fn between_which_numbers_a_bar_counts_is_whole_on_80_columns() {
    let mut c = Console::new(80, 24);
    let bin = |n: f64| column::series::Bin { from: n * 12_345.6, to: (n + 1.0) * 12_345.6, count: 1_000_000 };
    let series = column::Series { rows: 3_000_000, each: 1, bins: vec![bin(-20.0), bin(-19.0), bin(30.0)], ..column::Series::default() };
    let mut chart = holdpoint::app::chart::Chart::new("n", series);
    chart.kind = holdpoint::app::chart::Kind::Histogram;
    c.state.dialogs.push(holdpoint::app::dialog::Dialog::Chart(chart));
    let screen = c.screen();
    for label in ["-246,912 to -234,566 ", "-234,566 to -222,221 ", "370,368 to 382,714 "] {
        assert!(screen.contains(label), "{label}: {screen}");
    }
    let drawn = screen.lines().find(|l| l.contains("370,368 to")).unwrap_or_default();
    assert!(drawn.matches('█').count() >= 10 && drawn.contains("1,000,000"), "{screen}");
}

#[test]
fn a_column_without_numbers_is_no_chart_and_a_late_answer_is_dropped() {
    let mut c = Console::new(80, 24);
    let (result, rows) = sold(&mut c, true);
    answered(&mut c, "b", &rows);
    assert!(c.state.dialogs.is_empty());
    assert!(c.screen().contains("no numbers to draw"), "{}", c.screen());
    let effects = c.press("i");
    let job = effects.iter().find_map(|e| if let Effect::LookAtColumn { job, .. } = e { Some(*job) } else { None }).unwrap();
    c.press("C-c");
    c.send(Msg::ColumnTold { job, result, column: 0, told: Ok(Told::Statistics(Box::default())) });
    assert!(c.state.dialogs.is_empty(), "cancelled");
    c.press("x");
    c.send(Msg::ColumnTold { job, result, column: 0, told: Ok(Told::Statistics(Box::default())) });
    assert!(c.state.dialogs.is_empty(), "the result is closed");
    let mut effects = Vec::new();
    holdpoint::app::update::act(&mut c.state, Action::ColumnStatistics, &mut effects);
    assert!(effects.is_empty());
}

#[test]
fn a_pinned_result_survives_what_runs_after_it() {
    let mut c = Console::new(80, 24);
    let (first, _) = sold(&mut c, true);
    c.press("P");
    assert!(c.screen().contains("*1 Results"), "{}", c.screen());
    let (second, _) = sold(&mut c, true);
    for _ in 0..9 {
        sold(&mut c, true);
    }
    let ids: Vec<ResultId> = c.state.query.results.iter().map(|r| r.id).collect();
    assert_eq!(ids.len(), 9);
    assert!(ids.contains(&first) && !ids.contains(&second), "{ids:?}");
    for _ in 0..9 {
        c.press("n");
        if !c.state.query.result().unwrap().pinned {
            c.press("P");
        }
    }
    assert_eq!(c.state.query.results.iter().filter(|r| r.pinned).count(), 8, "a place stays free");
    assert!(c.screen().contains("8 results are pinned"), "{}", c.screen());
}

#[test]
fn a_row_is_copied_as_the_grid_shows_it_and_as_one_line() {
    let mut c = Console::new(100, 24);
    let columns = [("id", "integer", true), ("note", "text", false), ("none", "text", false)];
    result(&mut c, &columns, &[Cell::Number(b"1"), Cell::Text(b"a\tb\nc\\"), Cell::Null], true);
    let copied = |c: &mut Console| {
        let effects = c.press("Y");
        effects.into_iter().find_map(|e| if let Effect::Copy(text) = e { Some(text) } else { None }).expect("copied")
    };
    assert_eq!(copied(&mut c), "1\ta\\tb\\nc\\\\\t\\N");
    // Hidden columns stay behind, and the others come in the order of the screen.
    c.press("H");
    c.press(">");
    assert_eq!(copied(&mut c), "\\N\ta\\tb\\nc\\\\");
}

#[test]
fn what_streams_rows_tells_how_many_so_far() {
    let mut c = Console::new(100, 24);
    let job = c.state.id();
    c.state.job(job, "exporting select * from big", false, &mut Vec::new());
    c.send(Msg::Progress { job, step: "rows".into(), done: 1_204_000, total: None });
    assert!(c.screen().contains("1,204,000 rows exporting select * from big"), "{}", c.screen());
}

/// What two targets hold can be compared: nothing that is asked of the open server is asked for the other one's rows.
#[test]
fn a_pinned_result_stays_when_another_target_is_opened() {
    let mut c = Console::new(120, 30);
    c.connect("shop-dev");
    let (first, _) = sold(&mut c, true);
    c.press("P");
    sold(&mut c, true);
    c.connect_as("shop-prod", Dialect::Postgres);
    assert_eq!(c.state.query.results.iter().map(|r| r.id).collect::<Vec<_>>(), [first], "the other one goes");
    c.state.go(Pane::Results);
    assert!(c.screen().contains("shop-dev: "), "{}", c.screen());
    for key in ["c", "D", "S", "t"] {
        let effects = c.press(key);
        assert!(
            c.state.dialogs.is_empty() && !effects.iter().any(|e| matches!(e, Effect::TableOf { .. } | Effect::Run { .. })),
            "{effects:?}"
        );
        assert!(c.screen().contains("a result of shop-dev, and another target is open"), "{key}: {}", c.screen());
    }
    assert!(c.press("i").iter().any(|e| matches!(e, Effect::LookAtColumn { .. })), "its rows are here");
    // INSERT is written as its own server reads it.
    c.press("C-c");
    assert_eq!((c.state.query.result_dialect(), c.state.query.editor.dialect()), (Dialect::Sqlite, Dialect::Postgres));
    sold(&mut c, true);
    c.press("d");
    assert!(c.screen().contains("1  shop-dev: "), "{}", c.screen());
    c.press("Esc");
    c.connect("shop-dev");
    assert!(c.state.query.result().is_some_and(|r| r.id == first && r.of.is_none()), "it is the open target's again");
}

#[test]
fn two_results_are_compared_by_their_key() {
    let mut c = Console::new(80, 24);
    let columns = [("id", "integer", true), ("name", "text", false)];
    let one = [Cell::Number(b"1"), Cell::Text(b"Ada"), Cell::Number(b"2"), Cell::Null, Cell::Number(b"3"), Cell::Text(b"Cy")];
    let two = [Cell::Number(b"3"), Cell::Text(b"Cy"), Cell::Number(b"2"), Cell::Text(b""), Cell::Number(b"4"), Cell::Text(b"Di")];
    let (before, rows_before) = result(&mut c, &columns, &one, true);
    assert!(!c.press("d").iter().any(|e| matches!(e, Effect::CompareResults { .. })));
    assert!(c.state.dialogs.is_empty(), "there is nothing to compare with");
    let (now, rows_now) = result(&mut c, &columns, &two, true);
    c.press("d");
    assert!(c.screen().contains("Compare result 2 with another"), "{}", c.screen());
    // The other result's number, and a key that is likely, are there already.
    c.press("Enter");
    let effects = c.press("Enter");
    let asked = effects.iter().find_map(|e| match e {
        Effect::CompareResults { job, before, now, keys } => Some((*job, before.clone(), now.clone(), keys.clone())),
        _ => None,
    });
    let (job, a, b, keys) = asked.unwrap_or_else(|| panic!("{effects:?} {}", c.screen()));
    assert_eq!((a.0, b.0, &keys[..]), (before, now, &["id".to_string()][..]));
    let (a, b) = (Side { rows: &rows_before, columns: &a.1 }, Side { rows: &rows_now, columns: &b.1 });
    let compared = compare(a, b, &keys, &Silent, &CancellationToken::new()).map(Box::new);
    c.send(Msg::Compared { job, before, now, compared });
    insta::assert_snapshot!("compared_80x24", c.screen());
    c.press("Esc");
    c.press("d");
    c.press("Backspace");
    c.type_text("7");
    c.press("Enter");
    c.press("Enter");
    assert!(c.screen().contains("There is no result 7."), "{}", c.screen());
}

#[test]
fn two_thousand_columns_and_hostile_cells_are_drawn_as_what_they_are() {
    let names: Vec<String> = (0..2000).map(|i| format!("c{i}")).collect();
    let columns: Vec<(&str, &str, bool)> = names.iter().map(|n| (n.as_str(), "text", false)).collect();
    let hostile: [&[u8]; 8] = [
        b"\x1b]52;c;QUFB\x07",
        b"\x1b[2J\x1b[1;1H",
        "a\u{202e}cba".as_bytes(),
        b"nul\0nul",
        b"bad \xff\xfe\xc3",
        "👩\u{200d}👩\u{200d}👧 family".as_bytes(),
        "漢字かな交じり文".as_bytes(),
        b"\x9b31m\r\nnext",
    ];
    let cells: Vec<Cell<'_>> = (0..2000 * 20).map(|i| Cell::Text(hostile[(i / 2000 + i) % hostile.len()])).collect();
    for mono in [false, true] {
        let mut c = Console::new(120, 40);
        c.mono = mono;
        result(&mut c, &columns, &cells, true);
        // Every kind of cell is on the screen once, at the left end, in the middle, and at the right one.
        for key in ["g", "$", "Left", "G", "0", "Right"] {
            c.press(key);
            let screen = c.screen();
            assert!(!screen.chars().any(|ch| ch.is_control() && ch != '\n' || ('\u{202a}'..='\u{202e}').contains(&ch)), "{screen:?}");
            assert!(screen.lines().all(|l| holdpoint::text::width(l) <= 120), "{screen}");
        }
        c.press("$");
        assert!(c.screen().contains("c1999"), "{}", c.screen());
        c.press("0");
        for shown in ["␛[2J", "\\u{202e}", "nul␀nul", "bad \\xff\\xfe\\xc3", "漢字"] {
            assert!(c.screen().contains(shown), "{shown}: {}", c.screen());
        }
        assert!(!c.screen().contains("c100 "), "columns beyond the screen are not drawn");
        c.press("g");
        c.press("Enter");
        assert!(c.screen().contains("␛]52;c;QUFB␇"), "{}", c.screen());
    }
}

#[test]
fn a_column_sorts_and_filters_by_the_order_of_its_type() {
    let mut c = Console::new(120, 30);
    c.connect("shop-dev");
    c.state.query.editor.read_as(holdpoint::model::Dialect::Postgres.into());
    let cells: Vec<Cell<'_>> = ["10 days", "2 days", "1 mon"].iter().map(|v| Cell::Text(v.as_bytes())).collect();
    let (_, spill) = result(&mut c, &[("age", "interval", false)], &cells, true);
    c.state.query.editor.read_as(holdpoint::model::Dialect::Postgres.into());
    let arranged = |effects: &[Effect]| {
        let work = effects.iter().find_map(|e| match e {
            Effect::OnRows { work: holdpoint::app::effect::RowsWork::Arrange(of), .. } => Some(of.clone()),
            _ => None,
        });
        let of = work.expect("rows are arranged");
        let work = holdpoint::ops::rows::Work { rows: &spill, progress: &Silent, cancel: &CancellationToken::new() };
        holdpoint::ops::rows::arrange(work, &of).expect("arranged").index
    };
    assert_eq!(arranged(&c.press("s")), [1, 0, 2]);
    c.press("f");
    c.type_text("> 3 days");
    c.press("Enter");
    assert_eq!(arranged(&c.press("Enter")), [0, 2]);
    c.press("f");
    c.press("C-u");
    c.type_text("> soon");
    c.press("Enter");
    assert!(c.press("Enter").is_empty() && c.screen().contains("is no duration"), "{}", c.screen());
}

#[test]
fn the_footer_of_a_narrow_screen_has_the_help_and_whole_words() {
    for width in [60, 70, 80, 100] {
        let mut c = Console::new(width, 24);
        sold(&mut c, true);
        let screen = c.screen();
        let footer = screen.lines().last().expect("a footer");
        assert!(footer.ends_with("? help") && footer.contains("copy"), "{width}: {footer}");
        assert!(holdpoint::text::width(footer) <= usize::from(width), "{footer}");
    }
}

/// The result comes from the table `orders`: those of its columns that the server tells to be of it, and those that it is known to have.
fn of_orders(c: &mut Console, sql: &str, of_it: &[&str], known: &[&str]) {
    let table = vec!["main".to_string(), "orders".to_string()];
    let tab = &mut c.state.query.results[0];
    tab.text = sql.into();
    let of = |name: &str| of_it.contains(&name).then(|| Origin { table: table.clone(), column: name.into() });
    let columns: Vec<_> = tab.columns.iter().flat_map(|c| c.iter().cloned()).collect();
    tab.columns = Some(columns.into_iter().map(|c| Column { origin: of(&c.name), ..c }).collect());
    c.state.query.tables.insert(table, Some(orders(known)));
}

fn orders(columns: &[&str]) -> TableInfo {
    let column = |name: &str| ColumnInfo { name: name.into(), id: name.into(), nullable: true, ..ColumnInfo::default() };
    TableInfo {
        schema: "main".into(),
        name: "orders".into(),
        columns: columns.iter().map(|n| column(n)).collect(),
        key: vec!["id".into()],
        no_key: None,
        number: None,
        no_rollback: None,
    }
}

/// Another program has added a column: the table is looked up again before anything is said of it, and once for each result.
#[test]
fn a_table_that_was_changed_elsewhere_is_looked_up_again() {
    let mut c = Console::new(100, 24);
    let cells = [Cell::Text(b"1"), Cell::Text(b"old")];
    let (result, _spill) = result(&mut c, &[("id", "integer", true), ("added", "text", false)], &cells, true);
    of_orders(&mut c, "select * from orders", &["id", "added"], &["id"]);
    c.press("l");
    let told = |c: &mut Console, columns: &[&str]| {
        let link = c.state.link_no;
        let info = Ok(Some(orders(columns)));
        c.send(Msg::TableOf { link, result, table: vec!["main".into(), "orders".into()], info, then: Action::EditCell })
    };
    let asked = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::TableOf { .. }));
    assert!(asked(&c.press("c")));
    assert!(!asked(&told(&mut c, &["id", "added"])));
    assert!(c.screen().contains("Row 1"), "{}", c.screen());
    c.press("Esc");
    // What is of no column of it, even so, is not asked for without end.
    of_orders(&mut c, "select * from orders", &["id", "added"], &["id"]);
    c.state.query.looked_up = None;
    assert!(asked(&c.press("c")));
    assert!(!asked(&told(&mut c, &["id"])));
    assert!(c.screen().contains("Read-only: this column is computed"), "{}", c.screen());
}

/// All sixteen letters of a line of hexadecimal are on a screen of 80 columns.
#[test]
fn hexadecimal_fits_the_smallest_usual_screen() {
    for (width, line) in [(80, "6162 6364"), (120, "61 62 63 64")] {
        let mut c = Console::new(width, 24);
        result(&mut c, &[("b", "bytea", false)], &[Cell::Binary(b"abcdefghijklmnopqrst")], true);
        c.press("Enter");
        let screen = c.screen();
        assert!(screen.contains(line) && screen.contains("abcdefghijklmnop") && screen.contains("qrst"), "{screen}");
    }
}

/// In a new row as in a cell: what begins as bytes and is none was taken for a text.
#[test]
fn half_a_byte_is_no_value_of_a_new_row() {
    let mut c = Console::new(100, 24);
    let (_, _spill) = result(&mut c, &[("id", "integer", true), ("data", "blob", false)], &[Cell::Text(b"1"), Cell::Binary(b"a")], true);
    of_orders(&mut c, "select id, data from orders", &["id", "data"], &["id", "data"]);
    for table in c.state.query.tables.values_mut().flatten() {
        table.columns[1].type_name = "BLOB".into();
    }
    c.press("a");
    c.press("Down");
    c.type_text("\\x6");
    c.press("Enter");
    let screen = c.screen();
    assert!(screen.contains("data: Bytes are typed as") && !screen.contains("staged"), "{screen}");
    c.type_text("1");
    c.press("Enter");
    assert!(c.screen().contains("1 change staged"), "{}", c.screen());
}

/// Rows that are staged stand below those that are there, told by letters and not by colours alone, and the cursor's row stays on the screen.
#[test]
fn new_rows_stand_at_the_foot_of_the_grid() {
    let mut c = Console::new(100, 24);
    c.mono = true;
    let cells: Vec<String> = (1..=40).flat_map(|i| [i.to_string(), format!("n{i}"), "x".into()]).collect();
    let cells: Vec<Cell<'_>> = cells.iter().map(|v| Cell::Text(v.as_bytes())).collect();
    result(&mut c, &[("id", "integer", true), ("note", "text", false), ("double", "text", false)], &cells, true);
    of_orders(&mut c, "select id, note, note || note as double from orders", &["id", "note"], &["id", "note"]);
    c.press("G");
    for n in 1..=9 {
        c.press("a");
        if n > 1 {
            c.press("a");
        }
        c.press("Down");
        c.type_text(if n == 9 { "NULL" } else { "fresh" });
        c.press("Enter");
    }
    let screen = c.screen();
    assert!(screen.contains("9 changes staged"), "{screen}");
    let new: Vec<&str> = screen.lines().filter(|l| l.contains("(default)")).collect();
    // Most of the pane is left to the rows, and it shows that there are more.
    assert!((2..9).contains(&new.len()), "{screen}");
    // The mark stands apart from a value that fills its column.
    assert!(new[0].contains("~new+ ") && new[0].ends_with("(default)  fresh"), "{screen}");
    assert!(new[new.len() - 1].contains(" new+ ") && new[new.len() - 1].ends_with("(default)  NULL"), "{screen}");
    let lines: Vec<&str> = screen.lines().collect();
    let first = lines.iter().position(|l| l.contains("(default)")).unwrap();
    assert!(lines[first - 1].contains("n40"), "the cursor's row stands above them: {screen}");
    // From the last row as many of them are seen as the pane has room for; the other rows have it again when one goes back to them.
    c.press("Up");
    c.press("Down");
    let screen = c.screen();
    assert!(screen.matches("new+").count() > new.len() && screen.contains("n40"), "{screen}");
    (0..9).for_each(|_| drop(c.press("PageUp")));
    assert_eq!(c.screen().matches("new+").count(), new.len(), "{}", c.screen());
    c.press("G");
    // Taken back, the rows have their place again.
    c.press("W");
    c.press("d");
    let screen = c.screen();
    assert!(!screen.contains("(default)") && screen.contains("n40"), "{screen}");
}

#[test]
fn what_the_screen_put_into_a_value_does_not_look_like_a_value() {
    // Letter by letter alike: a character that cannot be seen and a text that says which, NUL and its picture, bytes and their letters.
    let cells = ["a\u{200b}b".as_bytes(), b"a\\u{200b}b", b"\0", "␀".as_bytes(), b"\xff", b"\\xff"].map(Cell::Text);
    for mono in [false, true] {
        let mut c = Console::new(80, 24);
        c.mono = mono;
        let all: Vec<Cell<'_>> = cells.iter().chain(&[Cell::Binary(b"\xff"), Cell::Text(b"end")]).copied().collect();
        result(&mut c, &[("v\u{202e}", "text", false)], &all, true);
        // The styled letters of the lines that hold these words.
        let looks = |c: &Console, words: &str| -> Vec<Vec<_>> {
            let buffer = c.buffer();
            let line = |y: u16| (0..80u16).map(|x| buffer[(x, y)].symbol()).collect::<String>();
            let styles = |y: u16, at: usize| (at..at + words.chars().count()).map(|x| buffer[(x as u16, y)].style()).collect::<Vec<_>>();
            let found = (3..23u16).filter_map(|y| {
                let line = line(y);
                line.find(words).map(|b| styles(y, line[..b].chars().count()))
            });
            found.collect()
        };
        c.press("G");
        for words in ["a\\u{200b}b", "␀", "\\xff"] {
            let found = looks(&c, words);
            assert_eq!(found.len(), if words == "\\xff" { 3 } else { 2 }, "{}", c.screen());
            assert!((1..found.len()).all(|i| !found[..i].contains(&found[i])), "{mono} {words} {found:?}");
        }
        assert_ne!(looks(&c, "v\\u{202e}")[0][0], looks(&c, "v\\u{202e}")[0][1], "the name of a column");
        // The same of one row, and of one value.
        c.press("g");
        let mut alike = Vec::new();
        for _ in 0..2 {
            for (open, close) in [("v", "v"), ("Enter", "Esc")] {
                c.press(open);
                alike.push(looks(&c, "a\\u{200b}b"));
                assert_eq!(alike.last().map(Vec::len), Some(1), "{}", c.screen());
                c.press(close);
            }
            c.press("Down");
        }
        assert_ne!(alike[0], alike[2], "as a record");
        assert_ne!(alike[1], alike[3], "in the viewer");
    }
}

#[test]
fn the_form_of_a_cell_reads_what_is_typed_as_that_of_a_new_row_does() {
    let mut c = Console::new(100, 24);
    let cells = ["1", "NULL", "x", "2", "'q'", "x"].map(|v| Cell::Text(v.as_bytes()));
    let mut cells = cells.to_vec();
    cells.extend([Cell::Text(b"3"), Cell::Null, Cell::Text(b"x")]);
    result(&mut c, &[("id", "integer", true), ("note", "text", false), ("double", "text", false)], &cells, true);
    of_orders(&mut c, "select id, note, note || note as double from orders", &["id", "note"], &["id", "note"]);
    c.press("g");
    c.press("Right");
    // As they stand they are taken for what they are.
    for shown in [" 'NULL' ", " '''q''' ", " NULL "] {
        c.press("c");
        assert!(c.screen().contains(shown), "{shown} {}", c.screen());
        assert!(c.screen().contains("NULL is no value, 'quotes' make a text"), "{}", c.screen());
        c.press("Enter");
        assert!(!c.screen().contains("staged"), "{}", c.screen());
        c.press("Down");
    }
    c.press("g");
    for typed in ["null", "'it''s'", "plain 'x'"] {
        c.press("c");
        c.type_text(typed);
        c.press("Enter");
        c.press("Down");
    }
    c.press("w");
    let screen = c.screen();
    for set in ["= NULL WHERE", "= 'it''s' WHERE", "= 'plain ''x''' WHERE"] {
        assert!(screen.contains(set), "{set} {screen}");
    }
}
