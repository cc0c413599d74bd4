//! The main job in the console: browse, query, read a plan, be held, prove, sign, apply, revert, read the journal.

use super::open;
use crate::support::project::Project;
use crate::support::pty::Console;

/// Screens of both sizes show the same things in other places: only words that a person would look for are waited for.
const NARROW: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (160, 48);

/// Tests are built without optimisation, and a proof hashes a database several times: on a busy machine of two cores that takes its time.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

#[test]
fn the_demo_from_start_to_journal_at_80x24() {
    demo(NARROW);
}

#[test]
fn the_demo_from_start_to_journal_at_160x48() {
    demo(WIDE);
}

/// What stands behind the cursor of the list that has the focus.
fn under_cursor(screen: &str) -> Option<String> {
    let line = screen.lines().find_map(|l| l.split_once('❯'))?.1;
    // Other panes stand beside it.
    Some(line.split('│').next().unwrap_or(line).to_string())
}

/// Moves the cursor down until its line holds the words. A frame may be half drawn: only a line that has the cursor counts.
fn down_to(c: &mut Console, words: &str) {
    for _ in 0..40 {
        c.wait_until("a line has the cursor", |s| under_cursor(s).is_some());
        let before = under_cursor(&c.screen());
        if before.as_ref().is_some_and(|l| l.contains(words)) {
            return;
        }
        c.send("<Down>");
        c.wait_until("the cursor moved", |s| under_cursor(s).is_some_and(|l| Some(l) != before));
    }
    panic!("no line with {words:?} under the cursor:\n{}", c.screen());
}

/// Types the target's name into the form with this title and goes on.
fn confirm_with_name(c: &mut Console, target: &str) {
    c.wait_for(&format!("type {target}"));
    c.send(target);
    c.wait_for(&format!("Target  {target}"));
    c.send("<Enter>");
}

/// Signs the approval: a reason, and alone the target's name.
fn sign(c: &mut Console, target: &str) {
    c.send("s");
    c.wait_for("approved alone");
    c.send("tested in qa<Enter>");
    c.wait_for("tested in qa");
    c.send(target);
    c.wait_for(&format!("Target  {target}"));
    c.send("<Enter>");
    c.wait_for("Signed");
}

/// The message that ends the work, which the demo's guide may say in the same words a moment before.
fn nothing_holds(c: &Console) {
    c.wait_until("nothing holds any more", |s| s.lines().last().is_some_and(|l| l.contains("Nothing holds any more")));
}

/// From a held run on the last target to a range that was rehearsed and promoted; back on it at the end.
fn promote(c: &mut Console, dev: &str, qa: &str, prod: &str) {
    // What needs nobody is run until the first step that holds: it says where to go, and offers to go there.
    c.send("A");
    c.wait_until("where to go", |s| s.contains(&format!("r rehearse on {dev}")) && s.contains("not applied there"));
    c.send("r");
    c.wait_for(&format!("Rehearsed on {dev}"));
    c.wait_until("only qa is lacking", |s| s.contains("qa: 000") && !s.contains("development: 000"));
    c.send("<Enter>");
    c.wait_for(&format!("o open {qa}"));
    c.send("o");
    c.wait_until("the run in qa is there", |s| s.starts_with(&format!(" {qa} ")) && s.contains("The run is about"));
    c.send("A");
    nothing_holds(c);
    c.send("a");
    confirm_with_name(c, qa);
    c.wait_for(&format!("Applied on {qa}"));
    c.wait_for(&format!("o open {prod}"));
    c.send("o");
    c.wait_until("the run in production is there", |s| s.starts_with(&format!(" {prod} ")) && s.contains("The run is about"));
}

/// From a range that was promoted to one that was applied, reverted and read in the journal.
fn apply_and_revert(c: &mut Console, target: &str) {
    c.send("A");
    let ticked = ["✔ Backup taken", "✔ Restore verified", "✔ Rollback proven"];
    c.wait_until("what is ticked", |s| s.contains("Approved comes next") && ticked.iter().all(|t| s.contains(t)));
    // Held still: a person has not signed.
    c.send("a");
    c.wait_until("what holds", |s| s.contains("Held: ") && s.contains("Approved"));
    // A question that came by itself takes answers once the hands have rested.
    c.wait_for("n not now");
    c.send("n");
    sign(c, target);
    c.send("A");
    nothing_holds(c);
    c.send("a");
    c.wait_for("This applies");
    // A wrong name applies nothing.
    c.send("somewhere<Enter>");
    c.wait_for("not the name of this target");
    c.send("<C-a><BS>");
    c.send(&"<BS>".repeat(12));
    confirm_with_name(c, target);
    c.wait_for("✔ Apply");
    c.wait_for("· applied");
    c.send("3");
    c.wait_until("the queue has it as applied", |s| s.contains("applied") || s.contains("✔"));
    c.send("4");
    c.wait_for("✔ Apply");
    c.send("u");
    c.wait_for("This reverts");
    confirm_with_name(c, target);
    c.wait_for("Reverted:");

    c.send("6");
    c.wait_for("Journal");
    c.send("v");
    c.wait_for("The chain holds: ");
    c.wait_until("the journal has the revert", |s| s.contains("revert"));
}

/// Each migration that waits, its up and its down script, on a screen that shows one of them; back at the first line.
fn read_scripts(c: &mut Console) {
    let names = ["0004_index_orders_by_customer", "0005_drop_customer_fax", "0006_backfill_order_totals", "0007_lowercase_emails"];
    for name in names.into_iter().chain(["0008_discontinue_products"]) {
        down_to(c, &format!("{} ", &name[..4]));
        c.send("<Right>");
        c.wait_for(&format!("─ {name}.down.sql"));
        c.send("<Left>");
        c.wait_for(&format!("─ {name}.up.sql"));
    }
    c.send("g");
    c.wait_for("0001_create_shop.up.sql");
}

fn demo((columns, rows): (u16, u16)) {
    let home = tempfile::tempdir().expect("home");
    let mut c = Console::start(home.path(), home.path(), &["demo", "shop"], columns, rows);
    // Tests are built without optimisation: hashing a database several times takes its time on a busy machine.
    c.patience = PATIENCE;
    c.wait_until("the demo is open on production", |s| s.contains("shop-prod") && s.contains("PRODUCTION") && s.contains("Guide 1 of 13"));
    // Its queries are opened for typing: what is pressed before that is a letter of theirs.
    c.wait_for("Opened ");

    // Look around: the guide names the key.
    c.send("<Esc>1");
    c.wait_until("the tables are there", |s| s.contains("customers") && s.contains("order_items") && s.contains("~42"));
    down_to(&mut c, "orders");
    c.send("<Enter>");
    c.wait_for("300 rows (LIMIT) ·");

    // A query, its plan, and the plan with measured figures.
    c.send("2<F5>");
    c.wait_for("20 rows (LIMIT) ·");
    c.send("<F6>");
    c.wait_for("SCAN orders");
    c.send("<F7>");
    c.wait_for("rolled back");
    // What the run did is told with the node, and what it means as findings.
    c.wait_for("came 20");
    c.wait_for(" finding");

    // Five migrations wait; what they really do is proven on a copy.
    c.send("<Esc><Esc>3");
    c.wait_for("5 pending");
    c.wait_for("0004_index_orders_by_customer.up.sql");
    if columns < 100 {
        read_scripts(&mut c);
    } else {
        // Both stand side by side.
        c.wait_for("0004_index_orders_by_customer.down.sql");
    }
    c.send("P");
    c.wait_until("every verdict is there", |s| s.contains("irreversible") && s.contains("lossy") && s.contains("exact"));
    down_to(&mut c, "0005 ");
    c.wait_for("loses 1,200 values of customers.fax");
    down_to(&mut c, "0007 ");
    c.wait_until("an empty down is no way back", |s| s.contains("0007 irreversible"));
    down_to(&mut c, "0008 ");
    c.wait_until("a wrong down is no way back", |s| s.contains("0008 irreversible"));
    c.send("<Up><Up>");
    c.wait_for("0006_backfill_order_totals.up.sql");

    // Held, with the offer of a run up to there.
    c.send("a");
    c.wait_for("Held: applying 0004…0006 needs a run");
    c.send("s");
    c.wait_until("the run says what is next", |s| s.contains("The run is about 0004…0006 now") && s.contains("Next: Files intact"));
    promote(&mut c, "shop-dev", "shop-qa", "shop-prod");
    apply_and_revert(&mut c, "shop-prod");
    c.wait_for("Guide done");

    // The console is what it says: the command line reads the same journal, and the way back left nothing.
    c.send("<C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    assert_eq!(c.wait_exit(), 0);
    crate::support::wait_until("the terminal is given back", || c.restored());
    let shop = home.path().join("shop");
    let out = crate::support::command(&shop).args(["journal", "verify"]).current_dir(&shop).output().expect("run");
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("intact"), "{out:?}");
    let db = rusqlite::Connection::open(shop.join("shop-prod.db")).expect("database");
    let columns = |name: &str, table: &str| -> u32 {
        db.query_row("select count(*) from pragma_table_info(?1) where name = ?2", [table, name], |r| r.get(0)).expect("count")
    };
    assert_eq!((columns("fax", "customers"), columns("total_cents", "orders")), (1, 0));
}

/// The same job, shorter, on a project of one's own.
fn own_project(p: &Project) {
    let mut c = open(p, "app-prod", 80, 24);
    c.patience = PATIENCE;
    c.wait_for("notes");
    c.send("<Esc>1");
    c.wait_until("the table is there", |s| s.contains("Schema") && s.contains("notes"));
    down_to(&mut c, "notes");
    c.send("<Enter>");
    c.wait_until("its rows are there", |s| s.contains("mira") && s.contains("zweite — ü"));
    super::write(&mut c, "select author from notes where id = 2");
    c.send("<F5>");
    c.wait_until("the row is there", |s| s.contains("1 row ·") && s.contains("jonas"));
    c.send("<F6>");
    c.wait_until("its plan is there", |s| s.contains("estimated, not run") && s.contains("notes"));

    c.send("<Esc><Esc>3");
    c.wait_for("1 pending");
    c.send("a");
    c.wait_for("needs a run");
    c.send("s");
    c.wait_for("The run is about 0001 now");
    promote(&mut c, "app-dev", "app-qa", "app-prod");
    apply_and_revert(&mut c, "app-prod");
    assert!(!p.column_is_there("app-prod") && p.column_is_there("app-qa"));
    assert!(p.ok(&["journal", "verify"]).contains("intact"));
}

#[test]
fn own_project_on_sqlite() {
    own_project(&Project::sqlite());
}

#[test]
fn own_project_on_postgresql() {
    own_project(&Project::postgres());
}

#[test]
fn own_project_on_mariadb() {
    own_project(&Project::mariadb());
}
