//! The results pane with real rows: a console without a terminal, whose effects are done by the real jobs on a SQLite file.

#[path = "ui/console.rs"]
#[allow(dead_code)]
mod console;

use console::Console;
use holdpoint::app::effect::Effect;
use holdpoint::app::{Msg, Pane};
use holdpoint::config::Surroundings;
use holdpoint::config::keymap::Keymap;
use holdpoint::ops::Cx;
use holdpoint::tui::jobs::Jobs;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A console whose effects are really done.
struct Live {
    console: Console,
    jobs: Jobs,
    answers: UnboundedReceiver<Msg>,
    copied: Vec<String>,
    _dir: tempfile::TempDir,
}

const SECONDS: Duration = Duration::from_secs(60);

impl Live {
    /// Opens a SQLite database made by `setup`, on a screen of `w` by `h`.
    async fn open(setup: &str, w: u16, h: u16) -> Live {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(setup).unwrap();
        std::fs::write(dir.path().join("holdpoint.toml"), "[targets.data]\nengine = \"sqlite\"\npath = \"data.db\"\naccess = \"open\"\n")
            .unwrap();
        let around = Surroundings::made_up(dir.path(), dir.path(), []);
        let config = holdpoint::config::files::load_in(None, &around).unwrap();
        let (tx, answers) = unbounded_channel();
        let mut console = Console::new(w, h);
        console.state = holdpoint::app::State::new(Arc::new(config.clone()), Keymap::builtin().unwrap(), (w, h), console.state.now);
        let mut live = Live { console, jobs: Jobs::new(Cx::new(config), None, tx), answers, copied: Vec::new(), _dir: dir };
        let mut effects = Vec::new();
        holdpoint::app::update::connect(&mut live.console.state, "data", None, &mut effects);
        live.go(effects);
        live.until("connected", |c| c.state.link.server().is_some()).await;
        live
    }

    /// The same user comes back: a new console over the same files.
    async fn again(&mut self) {
        let around = Surroundings::made_up(self._dir.path(), self._dir.path(), []);
        let config = holdpoint::config::files::load_in(None, &around).unwrap();
        let (tx, answers) = unbounded_channel();
        self.console.state =
            holdpoint::app::State::new(Arc::new(config.clone()), Keymap::builtin().unwrap(), (100, 30), self.console.state.now);
        (self.jobs, self.answers) = (Jobs::new(Cx::new(config), None, tx), answers);
        let mut effects = Vec::new();
        holdpoint::app::update::connect(&mut self.console.state, "data", None, &mut effects);
        self.go(effects);
        self.until("its values", |c| !c.state.query.kept_values.is_empty()).await;
    }

    fn state_dir(&self) -> std::path::PathBuf {
        self.console.state.config.state_dir.clone()
    }

    fn go(&mut self, effects: Vec<Effect>) {
        for e in effects {
            match e {
                Effect::After(..) => {}
                Effect::Copy(s) => self.copied.push(s),
                e => self.jobs.start(e),
            }
        }
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Console) -> bool) {
        while !done(&self.console) {
            let msg = tokio::time::timeout(SECONDS, self.answers.recv()).await;
            let msg = msg.unwrap_or_else(|_| panic!("never {what}: {}", self.console.screen())).unwrap();
            let effects = self.console.send(msg);
            self.go(effects);
        }
    }

    /// Presses keys with blanks between, and waits until no job runs and what is on the screen is in memory.
    async fn keys(&mut self, keys: &str) {
        for k in keys.split(' ') {
            let effects = self.console.press(k);
            self.go(effects);
        }
        self.quiet().await;
    }

    async fn typed(&mut self, text: &str) {
        for c in text.chars() {
            let effects = self.console.send(Msg::Key(holdpoint::config::keymap::Key::char(c)));
            self.go(effects);
        }
    }

    async fn quiet(&mut self) {
        let here = |c: &Console| {
            c.state.jobs.is_empty()
                && c.state
                    .query
                    .result()
                    .is_none_or(|t| (t.top..t.rows.min(t.top + 5)).chain([t.row]).all(|r| r >= t.rows || t.at(r).is_some()))
        };
        self.until("quiet", here).await;
    }

    /// Runs a statement and goes to its result.
    async fn run(&mut self, sql: &str) {
        self.keys("2 C-a").await;
        let effects = self.console.send(Msg::Paste(sql.into()));
        self.go(effects);
        self.keys("F5").await;
        self.keys("Esc Space g r").await;
        assert_eq!(self.console.state.view.focus, Pane::Results);
    }

    fn screen(&self) -> String {
        self.console.screen()
    }

    /// A column of the rows on the screen.
    fn column(&self, column: usize) -> Vec<Option<String>> {
        let tab = self.console.state.query.result().unwrap();
        (tab.top..tab.rows.min(tab.top + 5)).map(|r| tab.at(r).and_then(|(b, i)| holdpoint::text::cell_string(b.cell(i, column)))).collect()
    }

    fn first(&self, column: usize) -> String {
        self.column(column)[0].clone().unwrap_or_else(|| "NULL".into())
    }
}

/// 20,000 rows: too many for memory alone, so the file is read too.
const NUMBERS: &str = "create table t(id integer primary key, n numeric, name text, note text);
    with recursive c(i) as (select 1 union all select i + 1 from c where i < 20000)
    insert into t select i, case when i % 10 = 0 then null else (i * 7919) % 20011 - 1000 end, 'name ' || (i % 100), printf('%060d', i) from c;";

#[tokio::test(flavor = "multi_thread")]
async fn loaded_rows_are_sorted_and_filtered_and_it_is_said() {
    let mut c = Live::open(NUMBERS, 120, 30).await;
    c.run("select * from t").await;
    c.keys("l s").await;
    assert_eq!(c.first(1), "-999", "numbers sort as numbers: {}", c.screen());
    assert!(c.screen().contains("sorted by n (loaded rows)"), "{}", c.screen());
    c.keys("G").await;
    assert_eq!(c.console.state.query.result().unwrap().row, 19_999);
    c.keys("g s").await;
    assert!(c.screen().contains("sorted by n, descending (loaded rows)"));
    let top: i64 = c.first(1).parse().unwrap();
    assert!(top > 19_000, "{top}");
    c.keys("G").await;
    assert_eq!(c.column(1).last().unwrap(), &None, "NULL is last in both directions");
    // A filter joins the order.
    c.keys("f").await;
    c.keys("C-u").await;
    c.typed(">= 18000").await;
    c.keys("Enter Enter").await;
    assert!(c.screen().contains("filtered: ") && c.screen().contains(" of 20,000"), "{}", c.screen());
    assert_eq!(c.first(1), top.to_string());
    let rows = c.console.state.query.result().unwrap().rows;
    assert!(rows > 100 && rows < 2000, "{rows}");
    c.keys("G").await;
    let last: i64 = c.column(1).last().unwrap().clone().unwrap().parse().unwrap();
    assert!((18_000..18_100).contains(&last), "{last}");
    // Searching follows the order of the screen, in both directions.
    c.keys("g /").await;
    c.typed("name 7").await;
    c.keys("Enter").await;
    let one = c.console.state.query.result().unwrap().row;
    c.keys("N").await;
    let two = c.console.state.query.result().unwrap().row;
    assert!(two > one && c.first(2).starts_with("name"), "{one} {two}");
    c.keys("M").await;
    assert_eq!(c.console.state.query.result().unwrap().row, one);
    assert_eq!(c.console.state.query.result().unwrap().column, 2, "the cursor is on the value");
    // Off again: sorting by `s` on another column begins anew, and F clears the filter alone.
    c.keys("F").await;
    assert!(!c.screen().contains("filtered"), "{}", c.screen());
    c.keys("$ s s").await;
    c.keys("s").await;
    assert!(!c.screen().contains("sorted by"), "{}", c.screen());
    assert_eq!(c.first(0), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_none_says_why_and_one_without_rows_says_so() {
    let mut c = Live::open("create table t(a, b); insert into t values (1, 'x'), (2, ''), (3, null)", 100, 30).await;
    c.run("select * from t").await;
    c.keys("f").await;
    c.typed("~ (").await;
    c.keys("Enter Enter").await;
    assert!(c.screen().contains("That is no pattern"), "{}", c.screen());
    c.keys("Esc f").await;
    c.typed("= nothing").await;
    c.keys("Enter C-u").await;
    c.typed("nope").await;
    c.keys("Enter").await;
    assert!(c.screen().contains("There is no column nope; * is any."), "{}", c.screen());
    c.keys("C-u").await;
    c.typed("*").await;
    c.keys("Enter").await;
    assert!(c.screen().contains("no row passes the filter") && c.screen().contains("filtered: 0 of 3"), "{}", c.screen());
    // NULL and the empty text are two things.
    c.keys("F f").await;
    c.typed("is null").await;
    c.keys("Enter C-u").await;
    c.typed("b").await;
    c.keys("Enter").await;
    assert_eq!(c.column(0), [Some("3".to_string())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sorts_only_by_a_statement_that_was_shown() {
    let mut c = Live::open("create table t(a, b); insert into t values (1, 'x'), (3, 'y'), (2, null)", 100, 30).await;
    c.run("select a, b from t -- all of it").await;
    c.keys("S").await;
    let screen = c.screen();
    assert!(screen.contains("SELECT * FROM (") && screen.contains("ORDER BY 1"), "{screen}");
    assert_eq!(c.console.state.query.results.len(), 1, "nothing ran yet");
    c.keys("d").await;
    assert_eq!(c.console.state.query.results.len(), 2);
    assert_eq!(c.column(0), ["3", "2", "1"].map(|s| Some(s.to_string())));
    assert!(c.console.state.query.editor.text().ends_with("-- all of it"), "the typed statement stays as it is");
    c.keys("p S e").await;
    let text = c.console.state.query.editor.text();
    assert!(text.starts_with("select a, b from t -- all of it") && text.ends_with("ORDER BY 1;"), "{text}");
    c.run("update t set b = 'z'").await;
    c.keys("S").await;
    assert!(c.screen().contains("Only a SELECT"), "{}", c.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_hidden_moved_widened_and_frozen_and_stay_so_for_the_next_run() {
    let mut c = Live::open(NUMBERS, 80, 30).await;
    let sql = "select id, n, name, note, note as again from t limit 50";
    c.run(sql).await;
    c.keys("l H").await;
    let screen = c.screen();
    assert!(screen.contains("1 column hidden") && screen.contains("n is hidden."), "{screen}");
    c.keys("<").await;
    let order = |c: &Live| c.console.state.query.result().unwrap().layout.order.clone();
    assert_eq!(order(&c), [2, 0, 3, 4]);
    c.keys("Z").await;
    let wide = c.console.state.query.result().unwrap().layout.widths[2];
    c.keys("+ + -").await;
    assert_eq!(c.console.state.query.result().unwrap().layout.widths[2], wide + 4);
    c.keys("$").await;
    let screen = c.screen();
    assert!(screen.contains("name       │ again"), "the frozen column stays: {screen}");
    c.run(sql).await;
    assert_eq!((order(&c), c.console.state.query.result().unwrap().layout.widths[2]), (vec![2, 0, 3, 4], wide + 4));
    c.keys("U").await;
    assert_eq!(order(&c), [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_changes_keep_the_rows_where_they_are() {
    let mut c = Live::open("create table t(a integer primary key, b); insert into t values (1, 'z'), (2, 'y'), (3, 'x')", 100, 30).await;
    c.run("select a, b from t").await;
    c.keys("l C").await;
    c.until("staged", |c| !c.state.query.result().unwrap().staged.is_empty()).await;
    c.keys("s").await;
    assert!(c.screen().contains("write or discard them first"), "{}", c.screen());
    assert_eq!(c.first(0), "1");
    // A longer value is seen whole before it is written.
    c.keys("j c").await;
    c.keys("C-u").await;
    c.console.type_text("a longer one");
    c.keys("Enter").await;
    c.until("staged, too", |c| c.state.query.result().unwrap().staged.len() == 2).await;
    assert!(c.screen().contains("a longer one"), "{}", c.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_shown_as_a_record_with_its_hidden_columns() {
    let mut c = Live::open(NUMBERS, 100, 30).await;
    c.run("select * from t").await;
    c.keys("l H v").await;
    let screen = c.screen();
    assert!(screen.contains("row 1 of 20,000") && screen.contains("  id    1\n") && screen.contains("  n     6919\n"), "{screen}");
    // Down goes to the next column, right to the next row; both ends are reached.
    c.keys("g j").await;
    assert_eq!(c.console.state.query.result().unwrap().column, 1);
    c.keys("l l").await;
    assert!(c.screen().contains("row 3 of 20,000") && c.screen().contains("  id    3\n"), "{}", c.screen());
    c.keys("$").await;
    assert!(c.screen().contains("row 20,000 of 20,000") && c.screen().contains("❯ n     NULL\n"), "{}", c.screen());
    c.keys("y").await;
    assert_eq!(c.copied.last().map(String::as_str), Some("NULL"));
    c.keys("v").await;
    let tab = c.console.state.query.result().unwrap();
    assert!(tab.layout.order.contains(&tab.column), "the grid's cursor is on a column that is shown");
    assert_eq!(tab.row, 19_999);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_viewed_as_a_tree_text_or_bytes() {
    let mut c = Live::open(
        "create table t(j, b, n, e, w); insert into t values ('{\"a\": [1, 2.50], \"b\": null}', x'00ff41', null, '', 'NULL')",
        100,
        30,
    )
    .await;
    c.console.mono = true;
    c.run("select * from t").await;
    let screen = c.screen();
    assert!(
        screen.contains(" NULL ") && screen.contains("'NULL'"),
        "no value and a text of these letters differ without colours: {screen}"
    );
    c.keys("Enter").await;
    let screen = c.screen();
    assert!(screen.contains("\"a\": [] 2 values") && screen.contains("2.50") && screen.contains("\"b\": null"), "{screen}");
    c.keys("j Enter").await;
    assert!(!c.screen().contains("2.50"), "folded: {}", c.screen());
    c.keys("x").await;
    assert!(c.screen().contains("{\"a\": [1, 2.50], \"b\": null}"), "{}", c.screen());
    c.keys("Esc l Enter").await;
    assert!(c.screen().contains("00000000  00 ff 41") && c.screen().contains("..A"), "{}", c.screen());
    c.keys("Esc l Enter").await;
    assert!(c.screen().contains("NULL (no value)"), "{}", c.screen());
    c.keys("Esc l Enter").await;
    assert!(c.screen().contains("an empty text, which is not NULL"), "{}", c.screen());
    c.keys("Esc ?").await;
    let all: Vec<String> = match c.console.state.dialogs.last() {
        Some(holdpoint::app::dialog::Dialog::Help(h)) => h.lines.iter().map(|(k, w)| format!("{k} {w}")).collect(),
        _ => Vec::new(),
    };
    for key in [
        "s Sorts",
        "f Shows only",
        "F Shows all loaded",
        "S Asks the server",
        "H Hides",
        "v Shows one row",
        "w Breaks long lines",
        "x Shows the value",
    ] {
        assert!(all.iter().any(|l| l.starts_with(key)), "{key}: {all:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_and_files_take_all_rows_those_shown_or_the_selected_ones() {
    let mut c = Live::open("create table t(a, b); insert into t values (1, 'x'), (3, 'z'), (2, null), (4, 'w')", 100, 30).await;
    c.run("select a, b from t").await;
    // Everything, as it came, without a question.
    c.keys("Space y c").await;
    assert_eq!(c.copied.last().map(String::as_str), Some("a,b\r\n1,x\r\n3,z\r\n2,\r\n4,w\r\n"));
    // Of another order it is asked which rows are meant.
    c.keys("s").await;
    c.keys("s").await;
    c.keys("Space y c").await;
    assert!(c.screen().contains("Copy which rows?") && c.screen().contains("all 4 rows as they came"), "{}", c.screen());
    c.keys("s").await;
    assert_eq!(c.copied.last().map(String::as_str), Some("a,b\r\n4,w\r\n3,z\r\n2,\r\n1,x\r\n"));
    c.keys("Space y c a").await;
    assert_eq!(c.copied.last().map(String::as_str), Some("a,b\r\n1,x\r\n3,z\r\n2,\r\n4,w\r\n"));
    c.keys("j Space y j r").await;
    assert!(c.copied.last().unwrap().contains("[3,\"z\"]") && !c.copied.last().unwrap().contains("[4,"), "{:?}", c.copied.last());
    let copies = c.copied.len();
    c.keys("Space y c n").await;
    assert_eq!(c.copied.len(), copies, "nothing is an answer, too");
    // A hidden column stays away, and a selection is taken without a question.
    c.keys("h H V j").await;
    assert!(c.screen().contains("2 rows selected"), "{}", c.screen());
    c.keys("Space y t").await;
    assert_eq!(c.copied.last().map(String::as_str), Some("b\nz\n\\N\n"));
    // Into files the same: the form says what is the default.
    c.keys("e").await;
    assert!(c.screen().contains("Which rows") && c.screen().contains("To be written: 2 selected rows."), "{}", c.screen());
    let dir = c._dir.path().to_path_buf();
    let path = |name: &str| dir.join(name).display().to_string();
    c.keys("C-u").await;
    c.typed(&path("few.csv")).await;
    c.keys("Enter").await;
    let file = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(c.screen().contains("2 rows written to"), "{}", c.screen());
    assert_eq!(file("few.csv"), "b\r\nz\r\n\r\n");
    c.keys("V e C-u").await;
    assert!(c.screen().contains("`shown` instead takes order, filter and columns of the screen."), "{}", c.screen());
    c.typed(&path("all.csv")).await;
    c.keys("Enter").await;
    assert_eq!(file("all.csv"), "a,b\r\n1,x\r\n3,z\r\n2,\r\n4,w\r\n");
    c.keys("e C-u").await;
    c.typed(&path("shown.csv")).await;
    c.keys("Up C-u").await;
    c.typed("selected").await;
    c.keys("Enter Enter").await;
    assert!(c.screen().contains("No rows are selected"), "{}", c.screen());
    c.keys("Up C-u").await;
    c.typed("shown").await;
    c.keys("Enter Enter").await;
    assert_eq!(file("shown.csv"), "b\r\nw\r\nz\r\n\r\nx\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_was_written_the_cursor_is_on_its_row_again() {
    let mut c = Live::open(NUMBERS, 120, 30).await;
    c.run("select * from t").await;
    c.keys("G k k k").await;
    c.keys("l C").await;
    c.until("staged", |c| !c.state.query.result().unwrap().staged.is_empty()).await;
    c.keys("w w").await;
    c.until("written", |c| c.state.query.result().is_some_and(|t| t.staged.is_empty() && !t.partial())).await;
    c.quiet().await;
    let tab = c.console.state.query.result().unwrap();
    assert_eq!((tab.row, tab.column, tab.rows), (19_996, 1, 20_000), "{}", c.screen());
    assert_eq!(tab.chosen().and_then(holdpoint::text::cell_string), None, "and the row is the one that was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_parameters_are_there_in_the_next_session_but_no_secrets() {
    let mut c = Live::open("create table t(a, b); insert into t values (1, 'x'), (3, 'z')", 100, 30).await;
    let ask = "select * from t where a = :id and b <> :password";
    c.keys("2 C-a").await;
    let effects = c.console.send(Msg::Paste(ask.into()));
    c.go(effects);
    c.keys("F5").await;
    c.typed("3").await;
    c.keys("Enter").await;
    c.typed("hunter2").await;
    c.keys("F5").await;
    c.until("run", |c| c.state.query.result().is_some_and(|t| !t.partial())).await;
    // A new console over the same store.
    c.again().await;
    c.keys("2 C-a").await;
    let effects = c.console.send(Msg::Paste(format!(
        "{} -- laid out anew",
        ask.to_uppercase().replace(":ID", ":id").replace(":PASSWORD", ":password").replace("T WHERE A", "t WHERE a").replace(" B ", " b ")
    )));
    c.go(effects);
    c.keys("F5").await;
    let Some(holdpoint::app::dialog::Dialog::Form(form)) = c.console.state.dialogs.last() else { panic!("{}", c.screen()) };
    assert_eq!((form.value(0), form.value(1)), ("3", ""), "{}", c.screen());
    let bytes =
        std::fs::read_dir(c.state_dir()).unwrap().flatten().filter(|f| f.path().is_file()).map(|f| std::fs::read(f.path()).unwrap());
    for b in bytes {
        assert!(!b.windows(7).any(|w| w == b"hunter2"), "the secret is in the store");
    }
}

/// Most memory that this process had, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kb: u64 = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap();
    kb / 1024
}

/// `count` rows that nothing has to store, of a number and a text.
fn many(count: u64) -> String {
    format!(
        "with recursive c(i) as (select 1 union all select i + 1 from c where i < {count}) select i, 'row ' || (i * 7919 % {count}) as t from c"
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute and 300 MB of disk; run it by itself, for the memory is the process's"]
async fn ten_million_rows_are_reachable_in_bounded_memory() {
    let mut c = Live::open("", 120, 30).await;
    c.keys("2").await;
    let effects = c.console.send(Msg::Paste(many(10_000_000)));
    c.go(effects);
    let begun = std::time::Instant::now();
    let effects = c.console.press("F5");
    c.go(effects);
    c.until("first rows", |c| c.state.query.result().is_some_and(|t| t.at(0).is_some())).await;
    assert!(c.console.state.query.running.is_some(), "the first rows are here while the rest streams");
    println!("first rows after {:?}", begun.elapsed());
    c.until("last row", |c| c.state.query.running.is_none()).await;
    println!("last row after {:?}, peak {} MB", begun.elapsed(), peak());
    c.keys("Esc Space g r G").await;
    let last = c.console.state.query.result().and_then(|t| t.chosen()).and_then(holdpoint::text::cell_string);
    assert_eq!(last.as_deref(), Some("10000000"), "{}", c.screen());
    c.keys("C-u C-u g").await;
    assert_eq!(c.first(0), "1");
    assert!(peak() <= 150, "{} MB", peak());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a while; run it by itself, for the memory is the process's"]
async fn a_million_rows_are_sorted_in_bounded_memory() {
    let mut c = Live::open("", 120, 30).await;
    c.run(&many(1_000_000)).await;
    let before = peak();
    let begun = std::time::Instant::now();
    c.keys("l s").await;
    println!("sorted after {:?}, peak {before} and then {} MB", begun.elapsed(), peak());
    assert_eq!(c.first(1), "row 0");
    assert!(peak() <= before + 60, "{} MB", peak());
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_changes_are_counted_thrown_away_after_a_question_or_written_as_shown() {
    let mut c = Live::open("create table t(a integer primary key, b); insert into t values (1, 'x'), (3, 'z')", 100, 30).await;
    let rows = |c: &Live| {
        let db = rusqlite::Connection::open(c._dir.path().join("data.db")).unwrap();
        db.query_row("select group_concat(a || coalesce(b, '-'), ' ') from (select * from t order by a)", [], |r| r.get::<_, String>(0))
            .unwrap()
    };
    c.run("select a, b from t").await;
    // A new row, a row to be deleted, a NULL: all of them are thrown away at once.
    c.keys("a").await;
    c.until("asked", |c| c.screen().contains("A new row of t")).await;
    c.typed("7").await;
    c.keys("Enter").await;
    c.typed("new").await;
    c.keys("Enter").await;
    c.keys("D j l C").await;
    assert_eq!(c.console.state.query.result().unwrap().staged.len(), 3, "{}", c.screen());
    c.keys("W").await;
    assert!(c.screen().contains("Discard the changes?"), "{}", c.screen());
    c.keys("n").await;
    assert_eq!(c.console.state.query.result().unwrap().staged.len(), 3);
    c.keys("W d").await;
    assert!(c.console.state.query.result().unwrap().staged.is_empty(), "{}", c.screen());
    assert_eq!(rows(&c), "1x 3z");
    // The same once more, written.
    c.keys("a").await;
    c.typed("7").await;
    c.keys("Enter").await;
    c.typed("new").await;
    c.keys("Enter").await;
    c.keys("g D w").await;
    let screen = c.screen();
    assert!(screen.contains("INSERT INTO") && screen.contains("DELETE FROM"), "{screen}");
    c.keys("w").await;
    c.until("written", |c| c.state.query.result().is_some_and(|t| t.staged.is_empty())).await;
    assert_eq!(rows(&c), "3z 7new");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_copied_as_markdown_and_as_statements_too() {
    let mut c = Live::open("create table t(a, b); insert into t values (1, 'x|y')", 100, 30).await;
    c.run("select a, b from t").await;
    c.keys("Space y m").await;
    let last = |c: &Live| c.copied.last().cloned().unwrap_or_default();
    assert!(last(&c).starts_with("| a | b |\n|") && last(&c).ends_with("| 1 | x\\|y |\n"), "{}", last(&c));
    c.keys("Space y i").await;
    assert_eq!(last(&c), "INSERT INTO \"t\" (\"a\", \"b\") VALUES (1, 'x|y');\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_from_the_menu_and_a_text_goes_into_a_file_and_back() {
    let mut c = Live::open("create table t(a integer not null check (a < 100), b)", 100, 30).await;
    let dir = c._dir.path().to_path_buf();
    let path = |name: &str| dir.join(name).display().to_string();
    std::fs::write(dir.join("more.csv"), "a,b\r\n1,x\r\n500,y\r\n3,z\r\n").unwrap();
    c.keys("2 Esc Space f i").await;
    c.typed(&path("more.csv")).await;
    c.keys("Enter").await;
    c.typed("t").await;
    c.keys("Enter Enter Enter").await;
    let screen = c.screen();
    assert!(
        screen.contains("2 columns from the file, into main.t:") && screen.contains("a  INTEGER") | screen.contains("a  integer"),
        "{screen}"
    );
    assert!(screen.contains("line 3: ") && screen.contains("s skip the 1 refused row and import 2"), "{screen}");
    c.keys("s").await;
    assert!(c.screen().contains("2 rows imported, 1 refused."), "{}", c.screen());
    c.keys("Esc").await;
    c.run("select a, b from t order by a").await;
    assert_eq!(c.column(0), [Some("1".to_string()), Some("3".into())]);
    // The editor's text, saved and opened as a buffer of its own.
    c.keys("2 Esc Space f s C-u").await;
    c.typed(&path("kept.sql")).await;
    c.keys("Enter").await;
    c.until("saved", |c| c.screen().contains("kept.sql")).await;
    assert_eq!(std::fs::read_to_string(dir.join("kept.sql")).unwrap().trim_end(), "select a, b from t order by a");
    std::fs::write(dir.join("other.sql"), "select 'from the file'").unwrap();
    c.keys("Space f o C-u").await;
    c.typed(&path("other.sql")).await;
    c.keys("Enter").await;
    c.until("opened", |c| c.state.query.editor.text() == "select 'from the file'").await;
}
