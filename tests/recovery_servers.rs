//! Recovery actions of servers and files as a whole: slots that are moved ahead, indexes that are built anew, replicas that go on, logs that
//! are emptied, and the failover that is printed and never done.

mod support;

use support::held::Held;
use support::maria::MariaServer;
use support::recover::Home;
use support::shop;
use support::wait_until;

/// Does what loses data, where policy lets one person approve alone.
fn alone(home: &Home, args: &[&str], name: &str) -> String {
    let mark = home.mark(args);
    let yes = ["--confirm", name, "--seen", &mark, "--reason", "it was said so", "--confirm-target", "t"];
    home.run(0, &args.iter().copied().chain(yes).collect::<Vec<_>>())
}

#[test]
fn an_invalid_index_is_built_anew_once_its_cause_is_mended() {
    let pg = shop::plain(&[]);
    let home = Home::of(&pg, "second");
    pg.psql("shop", "create index good on orders (id)");
    let failed = pg.client_as("postgres", "shop").args(["-c", "create unique index concurrently \"Bad one\" on orders (state)"]).output();
    assert!(!failed.expect("psql").status.success());
    let text = home.run(2, &["reindex", "good"]);
    assert!(text.contains("public.good is valid"), "{text}");
    let text = home.run(4, &["reindex", "Bad one"]);
    for part in
        ["REINDEX INDEX CONCURRENTLY \"public\".\"Bad one\"", "SHARE UPDATE EXCLUSIVE", "makes it fail again", "--confirm 'public.Bad one'"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The rows are still doubled: it fails, says why, and leaves what it says it leaves.
    let text = home.act(1, &["reindex", "Bad one"], "public.Bad one");
    assert!(text.contains("could not create unique index"), "{text}");
    let text = home.run(2, &["reindex", "Bad one_ccnew"]);
    assert!(text.contains("left behind by a rebuild") && text.contains("drop-index"), "{text}");
    home.act(0, &["drop-index", "Bad one_ccnew"], "public.Bad one_ccnew");
    pg.psql("shop", "update orders set state = id::text");
    let text = home.act(0, &["reindex", "Bad one"], "public.Bad one");
    assert!(text.contains("Done: public.Bad one is valid"), "{text}");
    let left = pg.psql("shop", "select string_agg(indexrelid::regclass || ' ' || indisvalid, ',' order by indexrelid::regclass::text) from pg_index where indrelid = 'orders'::regclass and not indisprimary");
    assert_eq!(left.trim(), "\"Bad one\" true,good true");
    let text = home.run(2, &["drop-index", "good", "more"]);
    assert!(text.contains("takes one object at a time"), "{text}");
}

#[test]
fn a_slot_is_moved_ahead_and_what_lies_between_is_said_to_be_lost() {
    let pg = shop::plain(&["wal_level=logical"]);
    pg.psql("shop", "select pg_create_physical_replication_slot('gone', true)");
    pg.psql("shop", "create publication none for all tables");
    pg.psql("shop", "select pg_create_logical_replication_slot('cdc', 'pgoutput')");
    let home = Home::of(&pg, "second");
    let at = |slot: &str| {
        pg.psql(
            "shop",
            &format!(
                "select restart_lsn || ' ' || coalesce(confirmed_flush_lsn::text, '') from pg_replication_slots where slot_name = '{slot}'"
            ),
        )
    };
    pg.psql("shop", "update orders set state = 'sent'");
    let middle = pg.psql("shop", "select pg_current_wal_lsn()");
    pg.psql("shop", "update orders set state = 'paid'");
    // Two persons, as for dropping it.
    let before = at("gone");
    let shown = home.run(0, &["advance-slot", "gone", "--dry-run"]);
    assert!(shown.lines().any(|l| l.contains("is skipped") && l.contains("B of WAL, from ")), "{shown}");
    let mark = home.mark(&["advance-slot", "gone"]);
    let text = home.run(4, &["advance-slot", "gone", "--confirm", "gone", "--seen", &mark]);
    assert!(text.contains("nobody but mira said yes to advance-slot gone"), "{text}");
    assert_eq!(at("gone"), before);
    for (args, why) in [
        (&["advance-slot", "gone", "soon"][..], "soon is no position in the WAL"),
        (&["advance-slot", "gone", "0/1"][..], "is moved ahead only"),
        (&["advance-slot", "gone", "FFFFFF/0"][..], "has written only up to"),
    ] {
        let text = home.run(2, args);
        assert!(text.contains(why), "{text}");
    }
    let text = home.run(1, &["advance-slot", "none"]);
    assert!(text.contains("there is no replication slot none"), "{text}");
    let solo = Home::of(&pg, "solo");
    let text = solo.run(4, &["advance-slot", "cdc", middle.trim()]);
    assert!(text.contains("keeps WAL") && text.contains(" kB") && !text.contains("bytes"), "sizes are written as everywhere: {text}");
    for part in ["is skipped", "never comes to its consumer", "never goes back", "pg_replication_slot_advance"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = alone(&solo, &["advance-slot", "cdc", middle.trim()], "cdc");
    assert!(text.contains("Done: the slot cdc is ahead of"), "{text}");
    // What was between is skipped, and what came after is still to be read.
    let left = pg.psql(
        "shop",
        "select count(*) > 0, bool_and(lsn >= (select confirmed_flush_lsn from pg_replication_slots where slot_name = 'cdc')) \
        from pg_logical_slot_peek_binary_changes('cdc', null, null, 'proto_version', '1', 'publication_names', 'none')",
    );
    assert_eq!(left.trim(), "t|t");
    let text = alone(&solo, &["advance-slot", "gone"], "gone");
    assert!(text.contains("Done: the slot gone is ahead of"), "{text}");
    assert_ne!(at("gone"), before);
    let text = solo.run(2, &["advance-slot", "gone", before.trim()]);
    assert!(text.contains("moved ahead only"), "{text}");
    assert!(solo.journal().contains("approved alone by mira: it was said so"));
}

#[test]
fn a_failover_is_printed_for_a_person_and_a_standby_leaves_to_the_primary_what_is_its_own() {
    let pg = shop::plain(&[]);
    let standby = pg.standby();
    wait_until("it streams", || pg.psql("shop", "select count(*) from pg_stat_replication where state = 'streaming'").trim() == "1");
    let home = Home::of(&standby, "solo");
    let text = home.run(4, &["failover"]);
    for part in [
        "a standby",
        "received up to",
        "Be sure that the old primary",
        "SELECT pg_promote(true, 60);",
        "pg_rewind",
        "decided and done by a person",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains(&format!(":{}", pg.port)), "whom it follows: {text}");
    assert!(!text.contains("--confirm "), "there is nothing to say yes to: {text}");
    // What somebody holds back comes with a promotion.
    standby.psql("shop", "select pg_wal_replay_pause()");
    wait_until("it is paused", || standby.psql("shop", "select pg_get_wal_replay_pause_state()").trim() == "paused");
    let text = home.run(4, &["failover"]);
    assert!(text.contains("Replay is paused here") && text.contains("Find out who paused the replay"), "{text}");
    standby.psql("shop", "select pg_wal_replay_resume()");
    // No yes makes it do it.
    let mark = "00000000";
    let name = format!("127.0.0.1:{}", standby.port);
    let text = home.run(4, &["failover", "--confirm", &name, "--seen", mark, "--reason", "now", "--confirm-target", "t"]);
    assert!(text.contains("needs by-hand") && !text.contains("--seen"), "{text}");
    assert_eq!(standby.psql("shop", "select pg_is_in_recovery()").trim(), "t");
    for args in [
        &["vacuum", "orders"][..],
        &["drop-index", "orders_pkey"][..],
        &["reindex", "orders_pkey"][..],
        &["read-only"][..],
        &["commit-prepared", "x"][..],
    ] {
        let text = home.run(2, args);
        assert!(text.contains("this is a standby") && text.contains("Do it on the primary, "), "{text}");
    }
    // The primary names the one that is furthest, and a manager's own commands where one is seen.
    let home = Home::of(&pg, "solo");
    let told = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = told(home.run(4, &["failover"]));
    assert!(text.contains("the one that is furthest is walreceiver") && text.contains("Mend it here"), "{text}");
    // pg_auto_failover names the slots of its nodes, repmgr its sessions.
    pg.psql("shop", "select pg_create_physical_replication_slot('pgautofailover_standby_2')");
    let text = told(home.run(4, &["failover"]));
    assert!(text.contains("pg_autoctl perform failover") && !text.contains("pg_promote"), "{text}");
    pg.psql("shop", "select pg_drop_replication_slot('pgautofailover_standby_2')");
    let repmgr = Held::named(&pg, "shop", "repmgrd", "select 1;");
    let named =
        |name: &str| pg.psql("shop", &format!("select count(*) from pg_stat_activity where application_name = '{name}'")).trim() == "1";
    wait_until("it is there", || named("repmgrd"));
    let text = told(home.run(4, &["failover"]));
    assert!(text.contains("repmgr standby switchover") && !text.contains("pg_promote"), "{text}");
    drop(repmgr);
    wait_until("it is gone", || !named("repmgrd"));
    let _patroni = Held::named(&pg, "shop", "Patroni heartbeat", "select 1;");
    wait_until("it is there", || {
        pg.psql("shop", "select count(*) from pg_stat_activity where application_name like 'Patroni%'").trim() == "1"
    });
    let text = told(home.run(4, &["failover"]));
    assert!(text.contains("patronictl switchover CLUSTER --candidate walreceiver") && !text.contains("pg_promote"), "{text}");
    // Where nobody answers any more the steps are needed most, and who followed is known from the last assessment.
    let assess = || {
        let out = support::command(home.0.path()).args(["assess", "t", "--format", "json"]).output().expect("runs");
        told(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    assess();
    // One that did not look there is no news of it.
    support::command(home.0.path()).args(["assess", "t", "--checks", "PG09"]).output().expect("runs");
    drop((_patroni, pg));
    let text = told(home.run(4, &["failover"]));
    for part in
        ["does not answer: no PostgreSQL server answers", "It was followed by walreceiver (", "SELECT pg_promote(true, 60);", "by hand"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = assess();
    assert!(text.contains("It was followed by walreceiver (") && text.contains("holdpoint recover t failover"), "{text}");
    // Any other deed cannot be told without the server.
    let text = home.run(3, &["cancel", "1"]);
    assert!(text.contains("no PostgreSQL server answers"), "{text}");
}

#[test]
fn a_replica_goes_on_from_where_it_stopped_and_skips_nothing() {
    let source = MariaServer::start(&["--log-bin=bin", "--server-id=1", "--binlog-format=ROW"]);
    source.create_database("shop");
    source.sql("shop", "create table orders (id int primary key, state varchar(20)); create user repl@'127.0.0.1'; grant replication slave on *.* to repl@'127.0.0.1'");
    let replica = MariaServer::start(&["--server-id=2"]);
    let at = source.sql("", "select @@gtid_binlog_pos");
    replica.sql("", "create database shop; create table shop.orders (id int primary key, state varchar(20))");
    replica.sql("", &format!("set global gtid_slave_pos = '{}'", at.trim()));
    let follow = format!(
        "change master to master_host='127.0.0.1', master_port={}, master_user='repl', master_use_gtid=slave_pos, master_connect_retry=1",
        source.port
    );
    replica.sql("", &follow);
    let home = Home::new(&format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"", replica.socket.display()), "solo");
    let text = home.run(4, &["start-replica"]);
    for part in ["START SLAVE", "receives       no", "it goes on from there", "STOP SLAVE"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let has = |id: u32| replica.sql("", &format!("select count(*) from shop.orders where id = {id}")).trim() == "1";
    source.sql("shop", "insert into orders values (1, 'new')");
    let text = alone(&home, &["start-replica"], "127.0.0.1");
    assert!(text.contains("Done: the replica follows 127.0.0.1"), "{text}");
    wait_until("the row is there", || has(1));
    let text = home.run(2, &["start-replica"]);
    assert!(text.contains("runs"), "{text}");
    // It stops at an event, and again there: nothing is skipped, and it is not called done.
    replica.sql("", "insert into shop.orders values (2, 'here')");
    source.sql("shop", "insert into orders values (2, 'there')");
    wait_until("it stops", || {
        replica.sql("", "select count(*) from information_schema.processlist where command = 'Slave_SQL'").trim() == "0"
    });
    let text = home.run(4, &["start-replica"]);
    assert!(text.contains("error 1062") && text.contains("skips nothing") && !text.contains("'there'"), "{text}");
    let mark = home.mark(&["start-replica"]);
    let text = home.run(5, &["start-replica", "--confirm", "127.0.0.1", "--seen", &mark, "--reason", "try", "--confirm-target", "t"]);
    assert!(text.contains("had not taken effect"), "{text}");
    replica.sql("", "delete from shop.orders where id = 2");
    alone(&home, &["start-replica"], "127.0.0.1");
    wait_until("it follows", || has(2));
    // A failover is printed.
    let text = home.run(4, &["failover"]);
    assert!(text.contains("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF;") && text.contains("is down, and"), "{text}");
    assert_eq!(
        replica.sql("", "select count(*) from information_schema.processlist where command like 'Slave%'").trim(),
        "2",
        "it still follows"
    );
    let of_source = Home::new(&format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"", source.socket.display()), "solo");
    let text = of_source.run(2, &["start-replica"]);
    assert!(text.contains("follows nobody"), "{text}");
    let text = of_source.run(4, &["failover"]);
    assert!(text.contains("no replica, and it answers") && text.contains("replicas on"), "{text}");
    // Whom a manager logs in as is seen by who may look, and is no more than not known to others.
    source.sql(
        "",
        "create database shop2; create user orchestrator@localhost, blind@localhost; grant replica monitor on *.* to blind@localhost",
    );
    let mut c = std::process::Command::new("mariadb");
    c.args(["--no-defaults", "-u", "orchestrator", "-S"]).arg(&source.socket);
    let _orchestrator = Held::of(c, "select sleep(600);");
    wait_until("it watches", || {
        source.sql("", "select count(*) from information_schema.processlist where user = 'orchestrator'").trim() == "1"
    });
    let text = of_source.run(4, &["failover"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("orchestrator-client -c topology") && !text.contains("maxctrl") && !text.contains("RESET SLAVE"), "{text}");
    let blind = Home::new(&format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"blind\"", source.socket.display()), "solo");
    let text = blind.run(4, &["failover"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("watches it cannot be seen: ask, before anybody promotes") && text.contains("GRANT PROCESS"), "{text}");
}

#[test]
fn the_log_of_a_file_is_emptied_and_an_index_built_anew() {
    let home = Home::new("engine = \"sqlite\"\npath = \"shop.db\"", "second");
    let path = home.0.path().join("shop.db");
    let writer = rusqlite::Connection::open(&path).expect("opened");
    writer
        .execute_batch("pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table t (id integer primary key, v text); create index by_v on t (v); \
            insert into t values (1, 'a'), (2, 'b')")
        .expect("filled");
    let log = home.0.path().join("shop.db-wal");
    let size = || std::fs::metadata(&log).map_or(0, |m| m.len());
    assert!(size() > 0);
    let text = home.run(4, &["checkpoint"]);
    assert!(text.contains("PRAGMA wal_checkpoint(TRUNCATE)") && text.contains("--confirm shop.db"), "{text}");
    // Somebody reads what a checkpoint would have to overwrite: nothing is lost, and nothing is called done.
    let reader = rusqlite::Connection::open(&path).expect("opened");
    reader.execute_batch("begin; select count(*) from t").expect("reads");
    let text = home.run(4, &["checkpoint"]);
    assert!(text.contains("reads now") && text.contains(&std::process::id().to_string()), "{text}");
    drop(reader);
    let text = home.act(0, &["checkpoint"], "shop.db");
    assert!(text.contains("Done: the write-ahead log is empty"), "{text}");
    assert_eq!(size(), 0);
    let text = home.run(2, &["checkpoint"]);
    assert!(text.contains("is empty"), "{text}");
    // An index that lost a row: what reads by it does not find it.
    writer
        .execute_batch("pragma writable_schema = on; update sqlite_schema set sql = 'create index by_v on t (v) where id > 1' where name = 'by_v'; pragma writable_schema = reset")
        .expect("changed");
    writer.execute_batch("reindex by_v; pragma writable_schema = on; update sqlite_schema set sql = 'create index by_v on t (v)' where name = 'by_v'; pragma writable_schema = reset").expect("changed back");
    drop(writer);
    let check = || -> String {
        let conn = rusqlite::Connection::open(&path).expect("opened");
        conn.query_row("pragma integrity_check", [], |r| r.get(0)).expect("looked")
    };
    assert!(check().contains("in index by_v"), "{}", check());
    let text = home.run(1, &["reindex", "none"]);
    assert!(text.contains("there is no index none"), "{text}");
    let text = home.act(0, &["reindex", "by_v"], "by_v");
    assert!(text.contains("REINDEX main.\"by_v\"") && text.contains("Done: by_v and its table are sound"), "{text}");
    assert_eq!(check(), "ok");
    assert!(home.journal().contains("recovery-done"));
}
