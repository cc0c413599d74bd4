//! The README's pictures, made from the real program: `HOLDPOINT_SCREENSHOTS=assets/screenshots cargo test --test
//! screenshots` writes them; without the variable the same walk is only a test.

mod support;

use support::pty::Console;

/// Writes a picture, or checks that it could be drawn.
fn keep(console: &Console, name: &str) {
    let svg = console.picture();
    assert!(svg.contains("shop-prod") && svg.contains("PRODUCTION"), "{name} does not show the target");
    if let Some(dir) = std::env::var_os("HOLDPOINT_SCREENSHOTS") {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        std::fs::create_dir_all(&dir).expect("directory for the pictures");
        std::fs::write(dir.join(format!("{name}.svg")), svg).expect("picture");
    }
}

#[test]
fn the_pictures_of_the_readme() {
    let home = tempfile::tempdir().expect("home");
    let env = [("COLORTERM", "truecolor")];
    let mut c = Console::start_with(home.path(), home.path(), &["demo", "demo"], 132, 36, &env);
    // Tests are built without optimisation: proving five migrations takes its time on a busy machine.
    c.patience = 5 * support::PATIENCE;
    c.wait_for("orders");
    c.wait_for("limit 20");
    c.send("<F7>");
    c.wait_for("analyzed");
    keep(&c, "query");

    c.send("<Esc>3");
    c.wait_for("0008 discontinue_products");
    c.send("P");
    c.wait_until("0005 is proven lossy", |s| s.contains("lossy") && s.contains("irreversible"));
    keep(&c, "migrations");

    c.send("4");
    c.wait_for("Rollback proven");
    keep(&c, "checklist");
    c.kill();
}
