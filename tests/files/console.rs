//! Export from the server and copies of rows, in the console.

use super::console::Console;
use super::support::project::Project;
use super::support::pty;
use holdpoint::app::Msg;
use holdpoint::app::effect::Effect;
use holdpoint::app::msg::RunEvent;
use holdpoint::model::{Dialect, Param};
use holdpoint::ops::export::ExportFormat;

#[test]
fn a_statement_goes_from_the_server_into_a_file() {
    let p = Project::sqlite();
    p.write(
        "many.sql",
        "with recursive g(n) as (select 1 union all select n + 1 from g where n < 100000) select n, 'row ' || n as t from g;",
    );
    let mut c = pty::Console::start(p.home.path(), p.home.path(), &["open", "app-dev", "many.sql"], 100, 30);
    c.wait_until("file and target are open", |s| s.contains("Opened many.sql") && s.contains("no tx"));
    c.send("<Esc> fx");
    c.wait_for("Export from the server");
    c.send("\x15many.ndjson<Enter>");
    c.wait_for("100,000 rows written");
    let text = std::fs::read_to_string(p.path("many.ndjson")).expect("the file");
    assert_eq!(text.lines().count(), 100_000);
    assert_eq!(text.lines().last(), Some("{\"n\":100000,\"t\":\"row 100000\"}"));
    // Nothing is written over, and the console says so. The format of the last time is proposed.
    c.send(" fx");
    c.wait_for("Export from the server");
    c.wait_for("rows.ndjson");
    c.send("\x15many.ndjson<Enter>");
    c.wait_for("is there already");
    let text = p.ok(&["history", "app-dev", "--format", "json"]);
    assert!(text.contains("with recursive g(n)"), "an export is in the history: {text}");
}

#[test]
fn a_cancelled_export_leaves_no_file_and_keeps_the_session() {
    let p = Project::sqlite();
    p.write("endless.sql", "with recursive g(n) as (select 1 union all select n + 1 from g) select n from g;");
    let mut c = pty::Console::start(p.home.path(), p.home.path(), &["open", "app-dev", "endless.sql"], 100, 30);
    c.wait_until("file and target are open", |s| s.contains("union all") && s.contains("no tx"));
    c.send("<Esc> fx");
    c.wait_for("Export from the server");
    c.send("\x15endless.csv<Enter>");
    c.wait_for("exporting");
    c.send("<C-c>");
    c.wait_for("no file was made");
    let left: Vec<_> = std::fs::read_dir(p.home.path()).expect("directory").flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("endless.csv") || n.to_string_lossy().starts_with(".tmp")), "{left:?}");
}

#[test]
fn a_parameter_is_asked_for_before_the_export_and_an_unknown_ending_is_not_taken() {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    c.editor("select * from main.orders where id = :id");
    c.press("Esc");
    for k in ["Space", "f", "x"] {
        c.press(k);
    }
    c.press("C-u");
    c.type_text("orders.xyz");
    assert!(c.press("Enter").is_empty());
    assert!(c.screen().contains("Which format?"), "{}", c.screen());
    c.press("C-u");
    c.type_text("orders.sql");
    assert!(c.press("Enter").is_empty());
    assert!(c.screen().contains("Values for the export"), "{}", c.screen());
    c.type_text("4");
    let effects = c.press("Enter");
    let found = effects.iter().find_map(|e| match e {
        Effect::ExportStatement { statement, format, table, path, job, .. } => Some((statement, format, table, path, *job)),
        _ => None,
    });
    let (statement, format, table, path, job) = found.expect("it starts");
    assert!(matches!(format, ExportFormat::Insert { .. }));
    assert_eq!((table.join("."), path.to_str()), ("main.orders".into(), Some("orders.sql")));
    assert_eq!(statement.values.values().next(), Some(&Param::Number("4".into())));
    // Meanwhile nothing else runs on the session; afterwards it may.
    c.press("F5");
    assert!(c.screen().contains("A statement is running"), "{}", c.screen());
    c.send(Msg::Exported { job, path: "orders.sql".into(), result: Ok((1200, Vec::new())) });
    c.run(job, RunEvent::Finished);
    assert!(c.state.query.running.is_none() && c.state.jobs.is_empty());
    assert!(c.screen().contains("1,200 rows written to orders.sql"), "{}", c.screen());
    let known = vec!["day as written under DateStyle = German may be read as other values elsewhere.".to_string()];
    c.send(Msg::Exported { job, path: "orders.csv".into(), result: Ok((2, known)) });
    assert!(c.screen().contains("2 rows written to orders.csv. day as written under DateStyle = German"), "{}", c.screen());
}

#[test]
fn all_rows_of_a_result_are_copied_in_the_format_of_the_key() {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    for k in ["Esc", "Space", "y", "c"] {
        c.press(k);
    }
    assert!(c.screen().contains("no rows to copy"), "{}", c.screen());
    c.editor("select id from orders");
    let effects = c.press("F5");
    let (job, result) =
        effects.iter().find_map(|e| if let Effect::Run { job, result, .. } = e { Some((*job, *result)) } else { None }).expect("runs");
    c.run(job, RunEvent::Started { result, index: 0, text: "select id from orders".into() });
    let column =
        holdpoint::model::Column { name: "id".into(), type_name: String::new(), align: Default::default(), origin: None, style: None };
    c.run(job, RunEvent::Columns { result, columns: [column].into() });
    c.run(job, RunEvent::Finished);
    c.press("Esc");
    for (key, wanted) in [
        ("c", ExportFormat::Csv),
        ("t", ExportFormat::Tsv),
        ("j", ExportFormat::Json { dialect: Dialect::Sqlite }),
        ("m", ExportFormat::Markdown),
    ] {
        c.press("Space");
        c.press("y");
        let effects = c.press(key);
        let found = effects.iter().find_map(|e| match e {
            Effect::CopyRows { job, format, result: of, .. } => Some((*job, *format, *of)),
            _ => None,
        });
        let (job, format, of) = found.expect("copies");
        assert_eq!((format, of), (wanted, result));
        let effects = c.send(Msg::RowsToCopy { job, result: Ok("id\r\n1\r\n".into()) });
        assert!(matches!(&effects[..], [Effect::Copy(text)] if text == "id\r\n1\r\n"), "{effects:?}");
    }
}

#[test]
fn copied_rows_reach_the_terminal_encoded() {
    let p = Project::sqlite();
    p.write("few.sql", "select 'a' || char(27) || ']52;c;evil' as t union all select 'b,c';");
    let mut c = pty::Console::start(p.home.path(), p.home.path(), &["open", "app-dev", "few.sql"], 100, 30);
    c.wait_for("evil");
    // The file is there before the target is open.
    c.wait_for("no tx");
    c.send("<F5>");
    c.wait_for("2 rows ·");
    c.send("<Esc> yc");
    c.wait_for("Sent to the terminal");
    let bytes = String::from_utf8_lossy(&c.bytes()).into_owned();
    // base64 of "t\r\na\x1b]52;c;evil\r\n\"b,c\"\r\n".
    assert!(bytes.contains("\x1b]52;c;dA0KYRtdNTI7YztldmlsDQoiYixjIg0K"), "{bytes:?}");
    assert!(!bytes.contains("\x1b]52;c;evil"));
}
