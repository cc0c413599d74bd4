//! Editing cells and following keys with the real program.

use super::write;
use crate::support::pty::Console;

fn open(dir: &std::path::Path) -> Console {
    open_as(dir, "open")
}

fn open_as(dir: &std::path::Path, access: &str) -> Console {
    let target = "[targets.one]\nengine = \"sqlite\"\npath = \"one.db\"\nenvironment = \"development\"";
    std::fs::write(dir.join("holdpoint.toml"), format!("[store]\npath = \"store/s.db\"\n\n{target}\naccess = \"{access}\"\n"))
        .expect("config");
    let db = rusqlite::Connection::open(dir.join("one.db")).expect("database");
    db.execute_batch(
        "create table customers (id integer primary key, name text not null);
         create table orders (id integer primary key, customer integer references customers (id), state text, note text);
         insert into customers values (7, 'Mira'); insert into orders values (1, 7, 'open', 'n'), (2, 7, 'open', null);",
    )
    .expect("seed");
    let c = Console::start(dir, dir, &["open", "one"], 100, 30);
    c.wait_for("no tx");
    c
}

/// Runs it and goes to its rows.
fn grid(c: &mut Console, sql: &str, told: &str) {
    write(c, sql);
    c.send("<F5>");
    c.wait_for(told);
    c.send("<Esc> gr");
}

/// Opens a cell by these keys, and stages another value.
fn stage(c: &mut Console, keys: &str, row: &str, value: &str) {
    c.send(keys);
    c.wait_for(row);
    c.send(&format!("<C-u>{value}<Enter>"));
    c.wait_for("1 change staged");
}

/// The first order is closed, and that is not written yet.
fn close_first(c: &mut Console) {
    grid(c, "select * from orders", "2 rows ·");
    stage(c, "llc", "Row 1", "closed");
}

fn rows(dir: &std::path::Path, sql: &str) -> String {
    let db = rusqlite::Connection::open(dir.join("one.db")).expect("database");
    db.query_row(sql, [], |r| r.get(0)).expect("row")
}

#[test]
fn a_cell_is_changed_reviewed_and_written() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path());
    close_first(&mut c);
    c.send("lC");
    c.wait_for("NULL");
    c.send("jhD");
    c.wait_for("2 changes staged");
    // Asking to quit names what is not written.
    c.send("<C-q>");
    c.wait_for("2 changes staged and not written");
    c.send("n");
    c.send("w");
    c.wait_for("Write 2 changes to orders on one?");
    c.wait_for("UPDATE \"main\".\"orders\" SET \"state\" = 'closed', \"note\" = NULL WHERE");
    c.send("w");
    c.wait_for("2 rows written.");
    c.wait_until("the rows are read again", |s| s.contains("closed") && s.contains("1 row ·"));
    assert_eq!(rows(home.path(), "select group_concat(id || state || coalesce(note, '-')) from orders"), "1closed-");
}

#[test]
fn an_edit_is_of_the_row_that_was_shown_not_of_its_number() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path());
    grid(&mut c, "select * from orders", "2 rows ·");
    stage(&mut c, "jllc", "Row 2", "closed");
    // SQLite gives the number of the last row that is gone to the next one.
    let db = rusqlite::Connection::open(home.path().join("one.db")).expect("database");
    db.execute_batch("delete from orders where id = 2; insert into orders (customer, state, note) values (7, 'open', 'another')")
        .expect("another row");
    c.send("w");
    c.wait_for("Write 1 change to orders on one?");
    c.send("w");
    c.wait_for("not there any more as it was shown");
    assert_eq!(rows(home.path(), "select group_concat(id || state || coalesce(note, '-')) from orders"), "1openn,2openanother");
}

#[test]
fn edits_of_a_guarded_target_ask_before_they_are_kept() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open_as(home.path(), "guarded");
    close_first(&mut c);
    let mut ask = |answer: &str, told: &str| {
        c.send("w");
        c.wait_for("They are a data fix");
        c.send("w");
        c.wait_for("Your edits changed 1 row on one.");
        c.wait_for("id 1: state open → closed");
        c.wait_for("The row as it was is saved in");
        assert_eq!(rows(home.path(), "select state from orders where id = 1"), "open", "nothing is committed before the answer");
        c.wait_for("c commit");
        c.send(answer);
        c.wait_for(told);
        if answer == "r" {
            c.wait_for("1 change staged");
        } else {
            c.wait_until("the rows are read again", |s| s.contains("closed") && !s.contains("staged"));
        }
    };
    ask("r", "Your edits are still staged.");
    assert_eq!(rows(home.path(), "select state from orders where id = 1"), "open");
    ask("c", "Committed.");
    assert_eq!(rows(home.path(), "select state from orders where id = 1"), "closed");
}

#[test]
fn a_foreign_key_is_followed_out_and_back() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path());
    grid(&mut c, "select * from orders", "2 rows ·");
    c.send("lt");
    c.wait_until("the customer", |s| s.contains("Mira") && s.contains("1 row ·"));
    c.send("t");
    c.wait_until("the orders of the customer", |s| s.contains("SELECT * FROM \"main\".\"orders\"") && s.contains("2 rows ·"));
}

#[test]
fn what_cannot_be_edited_says_why() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path());
    for (sql, why) in [
        ("select state from orders", "the key column id of orders is not in the result"),
        ("select o.id, c.name from orders o join customers c on c.id = o.customer", "its rows come from several tables"),
        ("select count(*) from orders", "no column comes from a table as it is"),
    ] {
        write(&mut c, sql);
        c.send("<F5>");
        // Of this very statement: the one before has ended as well.
        let of = |l: &str| l.contains("─ Results") && l.contains(&sql[..20]);
        c.wait_until("it ran", |s| s.lines().any(of) && s.contains(" ms") && !s.contains("running"));
        c.send("<Esc> gr");
        c.send("c");
        c.wait_for(why);
    }
}

/// A changed row may stand elsewhere when the rows come again: the next edit must not hit the one that has its old place.
#[test]
fn the_cursor_goes_back_to_its_row_wherever_it_stands() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path());
    let sql = "insert into orders select value, 7, 's' || value, null from generate_series(3, 9)";
    let db = rusqlite::Connection::open(home.path().join("one.db")).expect("database");
    let sql = sql.replace("from generate_series(3, 9)", "from json_each('[3, 4, 5, 6, 7, 8, 9]')");
    db.execute_batch(&sql).expect("seed");
    grid(&mut c, "select id, state, note from orders order by state desc", "9 rows ·");
    // The first row is that of 9; with this state it is the last.
    stage(&mut c, "lc", "Row 1", "aaa");
    c.send("ww");
    c.wait_until("they are read again", |s| s.contains("1 row written.") && s.contains("9 rows ·") && !s.contains("staged"));
    stage(&mut c, "lc", "Row 9", "mine");
    c.send("ww");
    c.wait_until("they are read again", |s| s.contains("mine") && s.contains("9 rows ·") && !s.contains("staged"));
    assert_eq!(rows(home.path(), "select group_concat(id || state) from orders where note = 'mine'"), "9aaa");
    // Order and filter stay, and so does the row.
    c.send("hs");
    c.wait_for("sorted by state");
    c.send("f<C-u>> s<Enter><Enter>");
    c.wait_for("filtered: 6 of 9");
    stage(&mut c, "jc", "Row 2", "s9");
    c.send("ww");
    c.wait_until("they are read again", |s| s.contains("filtered: 6 of 9") && s.contains("s9") && !s.contains("staged"));
    c.send("lc");
    c.wait_for("Row 6");
}

#[test]
fn tables_of_an_attached_file_are_found_described_and_edited() {
    let home = tempfile::tempdir().expect("home");
    let two = home.path().join("two.db");
    let db = rusqlite::Connection::open(&two).expect("database");
    db.execute_batch(
        "create table orders (id integer primary key, remark text); insert into orders values (1, 'old');
         create table parcels (id integer primary key, of_order integer references orders, weight text); insert into parcels values (5, 1, 'light');",
    )
    .expect("seed");
    let mut c = open(home.path());
    let mut run = |sql: &str, told: &str| {
        write(&mut c, sql);
        c.send("<F5>");
        c.wait_for(told);
    };
    run(&format!("attach '{}' as two", two.display()), "with two");
    run("create temp table picked (id integer primary key, why text)", "with temp, two");
    // The tree has both, besides the file's own.
    c.wait_until("the tree", |s| s.contains("▸ two") && s.contains("▸ temp") && s.contains("▾ main"));
    write(&mut c, "select * from two.parc");
    c.wait_until("the list", |s| s.contains("parcels") && s.contains("table"));
    c.send("<Tab>");
    c.wait_for("two.parcels");
    c.send("<F5>");
    c.wait_until("its row", |s| s.contains("light") && s.contains("1 row ·"));
    c.send("<Esc> gr");
    c.send("llc");
    c.wait_for("Row 1");
    c.send("<C-u>heavy<Enter>");
    c.wait_for("1 change staged");
    c.send("w");
    c.wait_for("UPDATE \"two\".\"parcels\" SET \"weight\" = 'heavy' WHERE");
    c.send("w");
    c.wait_for("1 row written.");
    assert_eq!(db.query_row("select weight from parcels", [], |r| r.get::<_, String>(0)).expect("row"), "heavy");
    c.wait_until("the rows are read again", |s| s.contains("heavy") && s.contains("1 row ·"));
    // Its keys lead to its own tables, not to the ones of the same name.
    c.send("ht");
    c.wait_until("the order of the parcel", |s| s.contains("SELECT * FROM \"two\".\"orders\"") && s.contains("old"));
    write(&mut c, "\\d two.parcels");
    c.send("<F5>");
    c.wait_for("CREATE TABLE \"two\".parcels");
    c.send("<Esc>");
    c.wait_until("it is closed", |s| !s.contains("CREATE TABLE"));
    write(&mut c, "\\d picked");
    c.send("<F5>");
    c.wait_for("CREATE TABLE \"temp\".picked");
    c.send("<Esc>");
    c.wait_until("it is closed", |s| !s.contains("CREATE TABLE"));
    write(&mut c, "\\dt");
    c.send("<F5>");
    c.wait_until("all are listed", |s| s.contains("two.parcels") && s.contains("temp.picked") && s.contains("main.customers"));
}

#[test]
fn reconnecting_keeps_staged_changes() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path());
    close_first(&mut c);
    crate::palette(&mut c, "reconnect");
    c.wait_for("1 change staged: kept, and checked against the rows when you write.");
    rusqlite::Connection::open(home.path().join("one.db")).unwrap().execute("update orders set state = 'sent' where id = 1", []).unwrap();
    c.wait_for("no tx");
    c.send("<Esc> gr");
    c.send("w");
    // It came when the table was looked up again.
    c.wait_for("n not yet");
    c.send("w");
    c.wait_for("somebody changed it meanwhile");
    assert_eq!(rows(home.path(), "select state from orders where id = 1"), "sent");
    write(&mut c, "begin");
    c.send("<F5>");
    c.wait_for("TX OPEN");
    crate::palette(&mut c, "reconnect");
    c.wait_for("Reconnect to one?");
    c.wait_for("a transaction is open");
    c.send("r");
    c.wait_for("no tx");
}

#[test]
fn a_new_row_is_changed_and_taken_back_before_it_is_written() {
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path());
    grid(&mut c, "select * from customers", "1 row ·");
    c.send("a");
    c.wait_for("A new row of customers");
    c.send("8<Tab>NULL<Enter>");
    // What the table refuses is refused here: it could not be mended once it is staged with others.
    c.wait_for("name is NOT NULL, and has no default.");
    c.send("<C-u>Ola<Enter>");
    c.wait_for("1 change staged");
    // It stands below the rows, before it is written.
    c.wait_until("the new row is in the grid", |s| s.lines().any(|l| l.contains("new+") && l.contains("Ola")));
    c.send("a");
    c.wait_for("1  change or take back: id 8, name Ola");
    c.send("a");
    c.wait_for("A new row of customers");
    c.send("7<Tab>Twin<Enter>");
    c.wait_for("2 changes staged");
    c.send("w");
    c.wait_for("Write 2 changes");
    c.send("w");
    c.wait_for("All changes were rolled back; they are still staged.");
    c.send("<Esc>");
    c.wait_until("the error is closed", |s| !s.contains("It did not work"));
    // The one that is there already gets another key, the other goes.
    c.send("a");
    c.wait_for("2  change or take back: id 7, name Twin");
    c.send("2");
    c.wait_for("With all fields empty the row is taken back.");
    c.send("<C-u>9<Tab><Enter>");
    c.wait_for("The new row is changed.");
    c.send("a");
    c.wait_for("2  change or take back: id 9, name Twin");
    c.send("1");
    c.wait_for("With all fields empty the row is taken back.");
    c.send("<C-u><Tab><C-u><Enter>");
    c.wait_for("The new row is taken back.");
    c.wait_until("it is gone from the grid", |s| s.matches("new+").count() == 1);
    c.send("w");
    c.wait_for("Write 1 change");
    c.send("w");
    c.wait_for("1 row written.");
    assert_eq!(rows(home.path(), "select group_concat(id || name) from customers"), "7Mira,9Twin");
}
