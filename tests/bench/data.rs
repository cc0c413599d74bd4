//! The data: a table of a million rows in each engine, and how the engine's own client reads all of it.

use super::measure::ms;
use super::support::maria::MariaServer;
use super::support::pg::PgServer;
use super::support::server;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Rows of the big table, ten columns each, about 127 MB of text.
pub const BIG: u64 = 1_000_000;

/// The clients and servers that the wanted parts need and that are not here.
pub fn missing_tools(wanted: &dyn Fn(&str) -> bool) -> Vec<&'static str> {
    let mut need = Vec::new();
    if wanted("sqlite") {
        need.push("sqlite3");
    }
    if wanted("postgres") {
        need.push("psql");
    }
    if wanted("assess") {
        need.push("pgbench");
    }
    if wanted("mariadb") || wanted("names") {
        need.extend(["mariadb", "mariadbd"]);
    }
    need.retain(|tool| server::find(tool, &["/usr/sbin".into(), "/usr/bin".into()]).is_none());
    need
}

/// A database with the big table.
pub struct Side {
    pub name: &'static str,
    /// What `holdpoint open` is given.
    pub target: String,
    /// The engine's own client, as the table names it.
    pub native: &'static str,
    command: Vec<String>,
    stdin: Option<&'static str>,
    /// Times the native client's time that ours may take.
    pub budget: f64,
}

impl Side {
    pub fn sqlite(file: &str) -> Side {
        Side {
            name: "SQLite",
            target: file.into(),
            native: "sqlite3",
            command: vec!["sqlite3".into(), file.into(), "select * from big".into()],
            stdin: None,
            budget: 1.5,
        }
    }

    pub fn postgres(pg: &PgServer) -> Side {
        pg.create_database("bench");
        pg.psql(
            "bench",
            &format!(
                "create table big as select i as id, ((i::bigint * 7919) % 1000003)::int as k, i % 97 as grp, 'name ' || lpad(i::text, 8, '0') as name, \
                 'city ' || (i % 5000) as city, (((i::bigint * 31) % 1000000) / 100.0)::numeric(12, 2) as amount, (i % 1000) / 7.0::float8 as ratio, i % 2 as flag, \
                 timestamp '2020-01-01 03:00:00' + i * interval '1 minute' as ts, 'note for row ' || i || ' ' || repeat('x', i % 60) as note \
                 from generate_series(1, {BIG}) i"
            ),
        );
        pg.psql("bench", "vacuum analyze");
        let psql = ["-X", "-h", "127.0.0.1", "-U", "postgres", "-At", "-v", "FETCH_COUNT=1000", "-d", "bench", "-p"];
        let mut command: Vec<String> = std::iter::once(pg.bin.join("psql").display().to_string()).chain(psql.map(String::from)).collect();
        command.push(pg.port.to_string());
        Side {
            name: "PostgreSQL",
            target: format!("{}?sslmode=disable", pg.url("bench")),
            native: "psql FETCH_COUNT",
            command,
            stdin: Some("select * from big;\n"),
            budget: 1.0,
        }
    }

    pub fn mariadb(maria: &MariaServer) -> Side {
        maria.create_database("bench");
        maria.sql(
            "bench",
            &format!(
                "create table big (id int primary key, k int not null, grp int not null, name varchar(40) not null, city varchar(40) not null, \
                 amount decimal(12,2) not null, ratio double not null, flag int not null, ts timestamp null, note varchar(120)); \
                 insert into big select seq, (seq * 7919) % 1000003, seq % 97, concat('name ', lpad(seq, 8, '0')), concat('city ', seq % 5000), \
                 ((seq * 31) % 1000000) / 100, (seq % 1000) / 7e0, seq % 2, timestamp'2020-01-01 03:00:00' + interval seq minute, \
                 concat('note for row ', seq, ' ', repeat('x', seq % 60)) from seq_1_to_{BIG}"
            ),
        );
        let socket = maria.socket.display().to_string();
        Side {
            name: "MariaDB",
            target: format!("mysql://root@localhost/bench?socket={socket}"),
            native: "mariadb --quick",
            command: ["mariadb", "--no-defaults", "-u", "root", "--socket", &socket, "--quick", "-B", "-e", "select * from big", "bench"]
                .map(String::from)
                .to_vec(),
            stdin: None,
            budget: 1.3,
        }
    }

    /// Milliseconds that the native client needs for every row, thrown away.
    pub fn native_ms(&self) -> f64 {
        let began = Instant::now();
        let mut c = Command::new(&self.command[0]);
        c.args(&self.command[1..]).stdout(Stdio::null()).stderr(Stdio::null());
        c.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = c.spawn().unwrap_or_else(|e| panic!("{}: {e}", self.native));
        if let (Some(text), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            std::io::Write::write_all(&mut pipe, text.as_bytes()).expect("standard input");
        }
        assert!(child.wait().expect("wait").success(), "{} failed", self.native);
        ms(began.elapsed())
    }
}

/// A SQLite file with 200 small tables and the big one.
pub fn sqlite(dir: &Path) -> String {
    let file = dir.join("bench.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    let mut sql = String::from("begin;");
    for i in 0..200 {
        sql.push_str(&format!("create table customer_{i:03} (id integer primary key, name text);"));
    }
    sql.push_str(&format!(
        "create table big (id integer primary key, k int, grp int, name text, city text, amount real, ratio real, flag int, ts text, note text);
         with recursive n (i) as (select 1 union all select i + 1 from n where i < {BIG})
         insert into big select i, (i * 7919) % 1000003, i % 97, printf('name %08d', i), 'city ' || (i % 5000), ((i * 31) % 1000000) / 100.0,
           (i % 1000) / 7.0, i % 2, datetime('2020-01-01 03:00:00', '+' || i || ' minutes'), 'note for row ' || i || ' ' || substr('{}', 1, i % 60) from n;
         commit;",
        "x".repeat(60)
    ));
    db.execute_batch(&sql).expect("data");
    file.display().to_string()
}
