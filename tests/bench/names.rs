//! Completion with 5,000 tables of 20 columns known: milliseconds from a key to the last byte of its answer, the list with it.

use super::measure::{Cost, open, peak_mb, percentile, quiet};
use super::report::{Budget, Report};
use super::screen::to_editor;
use super::support::maria::MariaServer;
use super::support::pg::PgServer;
use std::path::Path;
use std::time::Duration;

pub const TABLES: usize = 5_000;

/// The columns of each table behind its `id`.
pub fn columns(type_name: &str) -> String {
    (1..20).map(|c| format!(", c{c} {type_name}")).collect()
}

pub fn sqlite(report: &mut Report, home: &Path, dir: &Path) {
    let file = dir.join("wide.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    let tables: String = (0..TABLES).map(|i| format!("create table t_{i:05} (id integer primary key{});", columns("text"))).collect();
    db.execute_batch(&format!("begin; {tables} commit;")).expect("tables");
    drop(db);
    measure(report, home, "SQLite", &file.display().to_string());
}

/// Made by the server: a statement of megabytes would take longer.
pub fn wide(pg: &PgServer) {
    pg.create_database("wide");
    pg.psql(
        "wide",
        &format!(
            "do $$ begin for i in 0..{} loop execute format('create table t_%s (id int primary key{})', lpad(i::text, 5, '0')); end loop; end $$",
            TABLES - 1,
            columns("text")
        ),
    );
    pg.psql("wide", "vacuum analyze");
}

pub fn postgres(report: &mut Report, home: &Path, pg: &PgServer) {
    wide(pg);
    measure(report, home, "PostgreSQL", &format!("{}?sslmode=disable", pg.url("wide")));
}

pub fn mariadb(report: &mut Report, home: &Path, maria: &MariaServer) {
    maria.create_database("wide");
    // No rows are wanted of them: the engine that makes no files is made fastest. An argument is not longer than 128 KB.
    let columns = columns("varchar(20)");
    let one = |i: &usize| format!("create table t_{i:05} (id int primary key{columns}) engine=memory;");
    for some in (0..TABLES).collect::<Vec<_>>().chunks(200) {
        maria.sql("wide", &some.iter().map(one).collect::<String>());
    }
    measure(report, home, "MariaDB", &format!("mysql://root@localhost/wide?socket={}", maria.socket.display()));
}

pub fn measure(report: &mut Report, home: &Path, name: &str, target: &str) {
    let mut o = open(home, target);
    o.wait_for("t_00019");
    to_editor(&mut o);
    // The names are there when one that the tree does not show is proposed: the first of the short list.
    o.send("select c19 from t_0499");
    o.wait_for("t_04990");
    o.send("<Esc>");
    to_editor(&mut o);
    let mut cost = Cost::default();
    for statement in ["select * from t_04242 t where t.c1", "select t_0", "update t_00042 set c1"] {
        let keys: Vec<String> = statement.chars().map(String::from).collect();
        keys.iter().for_each(|key| cost.key(&mut o, key));
        for _ in 0..4 {
            cost.key(&mut o, "<BS>");
        }
        o.send("<Esc>");
        to_editor(&mut o);
    }
    quiet(&o, Duration::from_millis(200));
    report.row(
        &format!("{name}: 5,000 × 20 known: key to frame with completion, p99"),
        "ms",
        None,
        percentile(&cost.times, 0.99),
        Budget::Most(10.0),
    );
    report.row(&format!("{name}: … peak memory"), "MB", None, peak_mb(o.pid()), Budget::None);
}
