//! The demo as a newcomer meets it, on the command line.

mod support;

use support::command;

fn files_below(dir: &std::path::Path, out: &mut Vec<String>) {
    for e in std::fs::read_dir(dir).expect("directory") {
        let p = e.expect("entry").path();
        if p.is_dir() {
            files_below(&p, out);
        } else {
            out.push(p.display().to_string());
        }
    }
}

#[test]
fn the_demo_is_complete_deterministic_and_stays_in_its_directory() {
    let home = tempfile::tempdir().expect("home");
    for dir in ["one", "two"] {
        let out = command(home.path()).args(["demo", dir, "--no-open"]).output().expect("run");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    let count = |dir: &str, target: &str, sql: &str| {
        let config = format!("{dir}/holdpoint.toml");
        let out = command(home.path()).args(["--config", &config, "query", target, sql, "--format", "csv"]).output().expect("run");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    let rows = "select (select count(*) from customers) + (select count(*) from products) + (select count(*) from orders) \
                + (select count(*) from order_items) + (select count(*) from payments) as n";
    let total: u64 = ["shop-dev", "shop-qa", "shop-prod"]
        .iter()
        .map(|t| count("one", t, rows).lines().nth(1).expect("a row").trim().parse::<u64>().expect("a number"))
        .sum();
    assert!(total >= 200_000, "{total} rows in all");
    // The same rows in both: sums over everything that varies.
    let sums = "select sum(o.id * o.customer_id), sum(length(o.state)), sum(p.amount_cents), max(p.paid_at) \
                from orders o left join payments p on p.order_id = o.id";
    assert_eq!(count("one", "shop-prod", sums), count("two", "shop-prod", sums));

    let mut files = Vec::new();
    files_below(home.path(), &mut files);
    let outside: Vec<_> = files.iter().filter(|f| !f.contains("/one/") && !f.contains("/two/")).collect();
    assert!(outside.is_empty(), "left outside the demo's directory: {outside:?}");
}

#[test]
fn a_directory_with_other_things_is_refused_and_kept() {
    let home = tempfile::tempdir().expect("home");
    std::fs::create_dir(home.path().join("mine")).expect("mkdir");
    std::fs::write(home.path().join("mine/thesis.txt"), "precious").expect("write");
    let out = command(home.path()).args(["demo", "mine", "--no-open"]).output().expect("run");
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("holds something else already"));
    assert_eq!(std::fs::read_to_string(home.path().join("mine/thesis.txt")).expect("read"), "precious");
}
