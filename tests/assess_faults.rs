//! Faults that were found by people who tried: made for real, named first with the step that helps, for whoever is on call.

mod support;

use holdpoint::model::Severity;
use std::process::Stdio;
use support::held::Held;
use support::pg::PgServer;
use support::shop::{self, assess_maria, assess_postgres, in_state, locks_wanted, maria};
use support::wait_until;

/// With rows of some length.
fn postgres(settings: &[&str]) -> PgServer {
    let pg = shop::postgres(settings);
    pg.psql("shop", "truncate orders; insert into orders select i, repeat('x', 500) from generate_series(1, 3000) i");
    pg
}

fn one(pg: &PgServer, question: &str) -> bool {
    pg.psql("shop", &format!("select count(*) from {question}")).trim() == "1"
}

#[test]
fn a_server_that_was_killed_whole_is_down_and_then_says_what_it_was() {
    let mut pg = postgres(&[]);
    pg.psql("shop", "insert into orders values (5000, 'new')");
    pg.kill();
    let down = assess_postgres(&pg, "oncall", &[]);
    assert_eq!((down.code, down.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", down.found.summary);
    assert_eq!((down.seen("process").severity, down.found.summary.sev), (Severity::Critical, Some(1)), "{:#?}", down.found);
    pg.start_again();
    for user in ["postgres", "oncall"] {
        let back = assess_postgres(&pg, user, &[]);
        let s = &back.found.summary;
        assert!(s.check == "PG32" && s.says.contains("not properly shut down") && s.next.contains("before it comes again"), "{s:#?}");
        assert!(back.seen("PG02").findings[0].message.starts_with("the server was started "), "{:#?}", back.seen("PG02"));
    }
    // Where the log lies, it is told by the server's process to whoever may read it.
    assert_ne!(assess_postgres(&pg, "stranger", &["--checks", "PG32"]).seen("PG32").severity, Severity::Ok);
    assert_eq!(pg.psql("shop", "select state from orders where id = 5000").trim(), "new");
}

#[test]
fn who_blocks_now_comes_before_a_setting_that_has_long_been_so() {
    let pg = postgres(&["autovacuum=off"]);
    let _holder = Held::named(&pg, "shop", "load", "begin; lock table orders;");
    wait_until("it has the table", || one(&pg, "pg_stat_activity where application_name = 'load' and state = 'idle in transaction'"));
    let _behind: Vec<Held> = (0..6).map(|_| Held::pg(&pg, "postgres", "shop", "select count(*) from orders;")).collect();
    wait_until("all wait", || locks_wanted(&pg) == 6);
    for user in ["postgres", "oncall", "stranger"] {
        let found = assess_postgres(&pg, user, &[]);
        let s = &found.found.summary;
        assert_eq!(s.check, "PG06", "{user}: {:#?}", found.found);
        assert!(s.says.starts_with("6 sessions wait behind "), "{}", s.says);
        let setting = found.seen("PG29").findings.iter().find(|f| f.object == "autovacuum").expect("it is told");
        // What the command line says is not overruled by ALTER SYSTEM.
        assert!(setting.next.contains("the command that starts the server") && !setting.next.contains("ALTER SYSTEM"), "{setting:#?}");
    }
}

/// `holdpoint locks` on a URL: its exit code and what it writes.
fn locks(url: &str, more: &[&str]) -> (Option<i32>, String) {
    let home = tempfile::tempdir().expect("a directory");
    let out = support::command(home.path()).args(["locks", url]).args(more).output().expect("holdpoint runs");
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn the_lock_tree_is_told_on_the_command_line_too() {
    let (pg, my) = (postgres(&[]), maria(&[]));
    let postgres = shop::postgres_url(&pg, "oncall", "shop");
    let on_maria = format!("mysql://oncall@127.0.0.1:{}/shop", my.port);
    for url in [&postgres, &on_maria] {
        assert_eq!(locks(url, &[]), (Some(0), "nobody waits\n".into()));
    }
    let _holder = Held::named(&pg, "shop", "load", "begin; lock table orders;");
    wait_until("it has the table", || one(&pg, "pg_stat_activity where application_name = 'load' and state = 'idle in transaction'"));
    let _ddl = Held::named(&pg, "shop", "ddl", "alter table orders add column note text;");
    wait_until("it waits", || locks_wanted(&pg) == 1);
    let _read = Held::pg(&pg, "postgres", "shop", "select count(*), 'a secret' from orders;");
    wait_until("both wait", || locks_wanted(&pg) == 2);
    let _maria_holder = Held::maria_done(&my, "app", "begin; update orders set state = 'held' where id = 1;");
    let _maria_waits = Held::maria(&my, "app", "update orders set state = 'a secret' where id = 1;");
    wait_until("it waits", || in_state(&my, "Updating") == 1);
    for (url, waiting, depth) in [(&postgres, 2, 2), (&on_maria, 1, 1)] {
        let (code, text) = locks(url, &["--format", "json"]);
        let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&told["waiting"], &told["roots"][0]["victims"]), (&waiting.into(), &waiting.into()), "{told:#}");
        let sessions = told["sessions"].as_array().expect("sessions");
        assert_eq!(sessions[0]["id"], told["roots"][0]["id"], "the root comes first");
        assert_eq!(sessions.iter().map(|s| s["depth"].as_u64()).collect::<Vec<_>>(), (0..=depth).map(Some).collect::<Vec<_>>(), "{told:#}");
        assert!(!text.contains("a secret"), "{text}");
        let bad = told["severity"] == "warning" || told["severity"] == "critical";
        assert_eq!(code, Some(i32::from(bad)));
        let (_, table) = locks(url, &[]);
        let root = sessions[0]["id"].to_string();
        let words: Vec<&str> = table.lines().collect();
        assert!(words[0].starts_with(&format!("{waiting} waiting")) && words[1].starts_with(&format!("  {root} ")), "{table}");
        assert!(words[2].starts_with("    ") && table.contains("a secret") && table.contains("holdpoint recover"), "{table}");
    }
    let (code, text) = locks(&shop::postgres_url(&pg, "stranger", "shop"), &[]);
    assert!(
        code != Some(5) && text.contains("may not be looked into, 2 behind it"),
        "who may see little sees the tree all the same: {text}"
    );
}

#[test]
fn behind_a_vacuum_against_wraparound_the_ddl_is_cancelled_and_not_the_vacuum() {
    let pg = postgres(&["autovacuum_freeze_max_age=100000", "autovacuum_naptime=1"]);
    // So many pages, so slowly, that it outlasts all looks.
    // None but the one against wraparound, which no setting keeps away, is to begin.
    pg.psql(
        "shop",
        "alter table orders set (autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)",
    );
    pg.psql("shop", "insert into orders select i, repeat('x', 500) from generate_series(3001, 60000) i");
    pg.psql("shop", "do $$ begin for i in 1..150000 loop perform txid_current(); commit; end loop; end $$");
    let vacuum = "pg_stat_activity where query like 'autovacuum: VACUUM%public.orders (to prevent wraparound)'";
    wait_until("the vacuum runs", || one(&pg, vacuum));
    let _ddl = Held::named(&pg, "shop", "ddl", "alter table orders add column note text;");
    wait_until("the ALTER waits", || locks_wanted(&pg) == 1);
    let _behind: Vec<Held> = (0..6).map(|_| Held::pg(&pg, "postgres", "shop", "select count(*) from orders;")).collect();
    wait_until("all wait", || locks_wanted(&pg) == 7);
    let ddl = pg.psql("shop", "select pid from pg_stat_activity where application_name = 'ddl'");
    for user in ["postgres", "oncall"] {
        let found = assess_postgres(&pg, user, &[]);
        let s = &found.found.summary;
        assert_eq!(s.check, "PG06", "{user}: {:#?}", found.found);
        assert!(s.says.contains("autovacuum") && s.says.contains("to prevent wraparound"), "{}", s.says);
        let action = s.recover.as_ref().map(|a| (a.deed.name(), a.object.as_str()));
        assert_eq!(action, Some(("cancel", ddl.trim())), "{s:#?}");
        assert!(s.next.contains("which is the server's own and is not ended"), "{}", s.next);
    }
    let blind = assess_postgres(&pg, "stranger", &[]);
    assert!(blind.found.summary.check == "PG06" && blind.seen("PG24").severity == Severity::Unknown, "{:#?}", blind.found);
}

#[test]
fn many_transactions_a_second_are_no_end_of_their_numbers() {
    let pg = postgres(&[]);
    let burn = "do $$ begin for i in 1..50000000 loop perform txid_current(); commit; end loop; end $$;";
    let _busy = [Held::named(&pg, "shop", "busy", burn), Held::named(&pg, "shop", "busy", burn)];
    wait_until("both are at it", || {
        pg.psql("shop", "select count(*) from pg_stat_activity where application_name = 'busy' and backend_xmin is not null").trim() == "2"
    });
    for user in ["postgres", "oncall", "stranger"] {
        let found = assess_postgres(&pg, user, &["--checks", "PG35,PG09", "--timeframe", "4"]);
        let seen = found.seen("PG35");
        assert!(seen.findings.iter().all(|f| !f.message.contains("transactions a second")), "{user}: {seen:#?}");
        assert_eq!(found.seen("PG09").severity, Severity::Ok, "{:#?}", found.seen("PG09"));
    }
}

#[test]
fn a_crash_is_found_in_the_log_that_collectors_read() {
    for form in ["jsonlog", "csvlog"] {
        let pg = postgres(&["logging_collector=on", &format!("log_destination={form}"), "log_directory=log"]);
        wait_until("it has run for a while", || {
            pg.psql("shop", "select now() - pg_postmaster_start_time() > interval '6 seconds'").trim() == "t"
        });
        let writer = pg.psql("shop", "select pid from pg_stat_activity where backend_type = 'background writer'");
        let pid = rustix::process::Pid::from_raw(writer.trim().parse().expect("a pid")).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
        wait_until("it has recovered", || {
            let another = "select pid from pg_stat_activity where backend_type = 'background writer'";
            let out = pg.client_as("postgres", "shop").args(["-A", "-t", "-c", another]).stderr(Stdio::null()).output().expect("psql");
            let pid = String::from_utf8_lossy(&out.stdout).trim().to_string();
            out.status.success() && !pid.is_empty() && pid != writer.trim()
        });
        // The collector writes what the server sends it a moment later.
        let crash = |f: std::fs::DirEntry| std::fs::read_to_string(f.path()).is_ok_and(|t| t.contains("terminated by signal 9"));
        wait_until("its log has the crash", || std::fs::read_dir(pg.socket.join("data/log")).is_ok_and(|all| all.flatten().any(crash)));
        for user in ["postgres", "oncall"] {
            let found = assess_postgres(&pg, user, &["--checks", "PG02,PG32"]);
            assert_eq!(found.found.summary.check, "PG02", "{form} {user}: {:#?}", found.found);
            let log = found.seen("PG32");
            assert!(log.says.contains(if form == "jsonlog" { ".json" } else { ".csv" }), "{log:#?}");
            assert!(log.findings.iter().any(|f| f.message.contains("terminated by signal 9")), "{log:#?}");
        }
        assert_ne!(assess_postgres(&pg, "stranger", &["--checks", "PG32"]).seen("PG32").severity, Severity::Ok);
    }
}

#[test]
fn short_waits_for_a_hot_row_end_nobody_on_mariadb() {
    let my = maria(&[]);
    let round = "begin; update orders set state = 'x' where id = 1; do sleep(0.002); commit;\n".repeat(20_000);
    let _clients: Vec<Held> = (0..24).map(|_| Held::maria_script(&my, "app", &round)).collect();
    wait_until("many wait", || in_state(&my, "Updating") > 12);
    for user in ["root", "oncall"] {
        // How many wait differs from moment to moment; on a busy machine one transaction may last from one look to the next.
        let mut seen = None;
        wait_until("a look meets many who wait", || {
            let s = assess_maria(&my, user, &["--checks", "MY06"]).found.summary;
            seen = (s.check == "MY06" && s.severity >= Some(Severity::Warning) && s.recover.is_none()).then_some(s);
            seen.is_some()
        });
        let s = seen.expect("seen");
        assert!(s.says.contains("many change the same rows at once") && s.next.starts_with("Ending a session helps nobody"), "{s:#?}");
    }
    assert_eq!(assess_maria(&my, "stranger", &["--checks", "MY06"]).seen("MY06").severity, Severity::Unknown);
}

#[test]
fn rows_without_a_parent_are_to_be_looked_for_where_nobody_looks_at_foreign_keys() {
    let my = maria(&[]);
    my.sql("shop", "create table kids (id int primary key, of int, foreign key (of) references orders (id)) engine=innodb");
    my.sql("", "set global foreign_key_checks = 0");
    my.sql("shop", "insert into kids values (1, 4711)");
    for user in ["root", "oncall", "stranger"] {
        let found = assess_maria(&my, user, &[]);
        let s = &found.found.summary;
        assert_eq!((s.check.as_str(), s.severity), ("MY21", Some(Severity::Warning)), "{user}: {:#?}", found.found);
        assert!(s.next.contains("SET GLOBAL foreign_key_checks = ON") && s.next.contains("look for those without a parent"), "{s:#?}");
    }
}

#[test]
fn a_damaged_page_of_innodb_is_named_first_and_writing_is_to_stop() {
    use std::os::unix::fs::FileExt;
    // So few buffers that the table is read from its file again.
    let my = maria(&["--innodb-buffer-pool-size=8M", "--innodb-log-buffer-size=2M"]);
    my.sql("shop", "create table big (id int primary key, t varchar(500)) engine=innodb; insert into big select seq, repeat('x', 400) from seq_1_to_60000");
    my.sql("shop", "flush tables big for export; unlock tables");
    let file = std::fs::File::options().read(true).write(true).open(my.directory().join("data/shop/big.ibd")).expect("the table's file");
    // Pages from the front: the last ones read are still in memory.
    for page in 100..110 {
        let at = page * 16_384 + 8_000;
        let mut byte = [0u8];
        file.read_exact_at(&mut byte, at).expect("read");
        file.write_all_at(&[byte[0] ^ 0xff], at).expect("written");
    }
    support::wait_until("the server has met a damaged page", || {
        let read = my.client("shop").args(["-e", "select sum(length(t)) from big"]).output().expect("mariadb runs");
        !read.status.success() && my.log().contains("big.ibd")
    });
    for user in ["root", "oncall"] {
        let found = assess_maria(&my, user, &[]);
        let s = &found.found.summary;
        assert_eq!(
            (s.check.as_str(), s.severity, s.sev),
            ("MY18", Some(Severity::Critical), Some(1)),
            "{user}: {:#?}\n{}",
            found.found,
            my.log()
        );
        assert!(s.says.contains("big") && s.next.starts_with("Stop writing"), "{s:#?}");
    }
    assert_ne!(assess_maria(&my, "stranger", &["--checks", "MY18"]).seen("MY18").severity, Severity::Ok);
}

#[test]
fn a_reader_that_holds_up_a_replicas_applier_is_ended_and_not_the_applier() {
    let source = maria(&["--log-bin=bin", "--server-id=1", "--binlog-format=ROW"]);
    source.sql("", "create user repl@'127.0.0.1'; grant replication slave on *.* to repl@'127.0.0.1'");
    let at = source.sql("", "select @@gtid_binlog_pos");
    let replica = maria(&["--server-id=2"]);
    replica.sql("", &format!("set global gtid_slave_pos = '{}'", at.trim()));
    replica.sql(
        "",
        &format!(
            "change master to master_host='127.0.0.1', master_port={}, master_user='repl', master_use_gtid=slave_pos, master_connect_retry=1; start slave",
            source.port
        ),
    );
    source.sql("shop", "insert into orders values (1001, 'new')");
    wait_until("the replica follows", || replica.sql("", "select count(*) from shop.orders where id = 1001").trim() == "1");
    let reader = Held::maria_done(&replica, "app", "begin; select count(*) from orders;");
    let holder = replica.sql("", "select is_used_lock('done')");
    source.sql("shop", "alter table orders add column note text");
    wait_until("the applier waits", || in_state(&replica, "Waiting for table metadata lock") == 1);
    let _behind: Vec<Held> = (0..6).map(|_| Held::maria(&replica, "app", "select count(*) from orders;")).collect();
    wait_until("all wait", || in_state(&replica, "Waiting for table metadata lock") == 7);
    for user in ["root", "oncall"] {
        let found = assess_maria(&replica, user, &[]);
        let s = &found.found.summary;
        assert_eq!(s.check, "MY07", "{user}: {:#?}", found.found);
        assert!(s.next.contains("the replica's own applier") && s.next.contains("never cancel the applier"), "{s:#?}");
        let action = s.recover.as_ref().map(|a| (a.deed.name(), a.object.as_str()));
        assert_eq!(action, Some(("end-idle", holder.trim())), "{s:#?}");
    }
    assert_eq!(assess_maria(&replica, "stranger", &["--checks", "MY07"]).seen("MY07").severity, Severity::Unknown);
    drop(reader);
    wait_until("replication goes on", || in_state(&replica, "Waiting for table metadata lock") == 0);
}
