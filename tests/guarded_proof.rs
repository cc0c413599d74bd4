//! What a data fix saved and shows is what it changed, exactly, and in the tables that its author looks at.

mod support;

use support::guarded::{self, committed as run, image, on_maria, on_postgres, saved};
use support::held::Held;
use support::maria::MariaServer;
use support::pg::PgServer;

#[test]
fn rows_that_were_not_saved_stay_on_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("proven");
    pg.psql(
        "proven",
        "create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 40) i;
         create table bare (v int); insert into bare select i from generate_series(1, 40) i;
         create table parts (id int primary key, v text) partition by range (id);
         create table parts1 partition of parts for values from (0) to (20); create table parts2 partition of parts for values from (20) to (99);
         insert into parts select i, 'v' from generate_series(1, 40) i;
         create table up (id int primary key, v text); create table child (x text) inherits (up); insert into child values (2, 'c', 'extra');
         create table fires (id int primary key, v text); insert into fires values (1, 'a');
         create table log (v text);
         create function tf() returns trigger language plpgsql as $$begin insert into public.log values ('u'); return new; end$$;
         create trigger on_update before update on fires for each row execute function tf();
         create table keys (k text primary key, v int); insert into keys values (E'a\\nb', 1), ('a␊b', 2);
         create table words (id int primary key, v text); insert into words values (1, 'NULL'), (2, null), (3, '');
         create role proven_app login; create table rs (id int primary key, v text); insert into rs values (2, 'b'), (4, 'd');
         alter table rs enable row level security; grant all on rs to proven_app; create policy s on rs for select using (true);
         create policy d on rs for delete using (id > 2); create policy u on rs for update using (id <= 3)",
    );
    let home = on_postgres(pg, "proven", "postgres");
    for sql in [
        "delete from t where id in (select id from t order by random() limit 3)",
        "update t set v = 'x' where random() < 0.3",
        "update bare set v = 0 where random() < 0.3",
        "delete from bare where random() < 0.3",
        "update parts set v = 'x' where random() < 0.3",
    ] {
        let told = run(&home, 4, sql);
        assert!(told.contains("so it was rolled back"), "{sql}: {told}");
    }
    // A trigger that is made while the rows are waited for.
    let mut other = Held::pg(
        pg,
        "postgres",
        "proven",
        "begin; create trigger late before update on t for each row execute function tf(); set application_name = 'made';",
    );
    support::wait_until("it is made", || {
        pg.psql("proven", "select count(*) from pg_stat_activity where application_name = 'made' and state = 'idle in transaction'").trim()
            == "1"
    });
    let fix = std::thread::scope(|scope| {
        let fix = scope.spawn(|| run(&home, 4, "update t set v = 'x' where id = 1"));
        let waiting = "select count(*) from pg_stat_activity where query like 'update t set v%' and wait_event_type = 'Lock'";
        support::wait_until("the fix waits", || pg.psql("proven", waiting).trim() == "1");
        other.say("commit;");
        fix.join().expect("the fix")
    });
    assert!(fix.contains("trigger late"), "{fix}");
    pg.psql("proven", "drop trigger late on t");
    let left = "select count(*) || ' ' || count(*) filter (where v = 'x') from t union all select count(*) || ' ' || min(v) from bare";
    assert_eq!(pg.psql("proven", left).trim(), "40 0\n40 1");
    // Another policy for what is deleted than for what may be locked.
    let told = run(&on_postgres(pg, "proven", "proven_app"), 4, "delete from rs where id in (2, 4)");
    assert!(told.contains("saved before"), "{told}");
    // Rows of tables that inherit have more columns.
    let told = run(&home, 4, "delete from up where id = 2");
    assert!(told.contains("child inherits from it"), "{told}");
    // What is as it was found is let through.
    let told = run(&home, 0, "update parts set id = id + 40 where id between 10 and 12");
    assert!(told.contains("3 rows affected; 3 rows saved"), "{told}");
    let told = run(&home, 0, "delete from bare where v < 3");
    assert!(told.contains("2 rows affected; 2 rows saved") && !saved(&home).contains("ctid"), "{told}");
    let told = run(&home, 0, "delete from fires where id = 1");
    assert!(told.contains("1 row affected"), "its trigger is for another event: {told}");
    let told = run(&home, 0, "update keys set v = v + 100");
    assert!(told.contains("v 1 → 101") && told.contains("v 2 → 102"), "{told}");
    let told = run(&home, 0, "update words set v = 'NULL' where v is distinct from 'NULL'");
    assert!(told.contains("id 2: v NULL → 'NULL'") && told.contains("id 3: v '' → 'NULL'"), "{told}");
    pg.psql(
        "proven",
        "create table ident (id int generated always as identity primary key, v text, w text generated always as (v || '!') stored);
         insert into ident (v) values ('a'), ('b'), ('c')",
    );
    run(&home, 0, "delete from ident where id = 2");
    let out = support::command(home.path()).args(["import", "g", "ident"]).arg(image(&home, "b!")).arg("--commit").output().expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(pg.psql("proven", "select string_agg(id || v || w, ',' order by id) from ident").trim(), "1aa!,2bb!,3cc!");
    let told = run(&home, 0, "delete from words where id = 1");
    assert!(told.contains("gone: id 1, v 'NULL'"), "{told}");
}

#[test]
fn settings_of_the_session_hold_for_the_change_and_not_for_what_is_saved() {
    let pg = PgServer::shared();
    pg.create_database("provenset");
    pg.psql(
        "provenset",
        "create schema s2; create table t (id int primary key, v text); insert into t values (1, 'public');
         create table s2.t (id int primary key, v text); insert into s2.t values (1, 'in s2');
         create table at (id int primary key, ts timestamptz, f float8, r real, d date);
         insert into at values (1, '2026-03-02 10:00:00+00', 0.1::float8 + 0.2, 0.12345678, '2026-03-02')",
    );
    let home = on_postgres(pg, "provenset", "postgres");
    let told = run(&home, 0, "set search_path = s2; update t set v = 'changed' where id = 1");
    assert!(told.contains("v in s2 → changed"), "{told}");
    assert_eq!(pg.psql("provenset", "select (select v from t), (select v from s2.t)").trim(), "public|changed");
    run(&home, 0, "set timezone = 'Asia/Tokyo'; update at set ts = '2026-01-01 00:00:00' where id = 1");
    assert_eq!(pg.psql("provenset", "set timezone = 'UTC'; select ts from at").trim().lines().last(), Some("2025-12-31 15:00:00+00"));
    pg.psql("provenset", "alter database provenset set extra_float_digits = -10; alter database provenset set datestyle = 'SQL, DMY'");
    let told = run(&home, 0, "update at set f = 0.3 where d = '02/03/2026'");
    assert!(told.contains("f 0.30000000000000004 → 0.3"), "{told}");
    let images = saved(&home);
    assert!(images.contains("0.30000000000000004") && images.contains("0.12345678") && images.contains("\"2026-03-02\""), "{images}");
    run(
        &home,
        0,
        "update t set v = d::text from_now".replace("from_now", "|| (select 1)").replace("d::text", "current_date::text").as_str(),
    );
    assert!(pg.psql("provenset", "select v from t").contains('/'), "the statement itself runs as the database is set");
}

#[test]
fn rows_that_were_not_saved_stay_on_mariadb() {
    let maria = MariaServer::shared();
    for d in ["proven", "proven2"] {
        maria.create_database(d);
    }
    maria.sql(
        "proven",
        "create table t (id int primary key, v text); insert into t select seq, concat('v', seq) from seq_1_to_40;
         create table bare (v int); insert into bare select seq from seq_1_to_40; create table proven2.t (id int primary key, v varchar(20)); insert into proven2.t values (1, 'other');
         create table ties (id int primary key, b varchar(9), n int); insert into ties select seq, 'x', seq from seq_1_to_20;
         create table tree (id int primary key, up int, b varchar(9), foreign key (up) references tree (id) on delete cascade);
         insert into tree select seq, if(seq in (18, 19), 1, null), 'x' from seq_1_to_20;
         create view odd as select id from t where rand() < 0.3;
         create table o (id int primary key, blocked int); insert into o select seq, seq = 1 from seq_1_to_10;
         create table fl (id int primary key, f float, v int); insert into fl values (1, 12345.678, 1), (2, 16777217, 1), (3, 0.1234567, 1);
         create table p (id int primary key); create table c (id int primary key, p int, foreign key (p) references p (id) on delete cascade);
         insert into p values (1), (2); insert into c values (1, 1), (2, 2); create table gone (id int);
         create trigger gone_c after delete on c for each row insert into gone values (old.id);
         create trigger new_p before insert on p for each row set new.id = new.id + 0",
    );
    let home = on_maria(maria, "proven");
    for sql in [
        "delete from t order by rand() limit 3",
        "update t set v = 'x' where rand() < 0.3",
        "update bare set v = 0 where rand() < 0.3",
        "delete from bare where v in (select id from odd)",
        "update t set id = id + 100 where rand() < 0.3",
        "update ties set id = id + 100 order by b limit 3",
        "delete from tree order by b limit 3",
        "delete from ties where (@n := @n + 1) <= 2",
    ] {
        let told = run(&home, 4, sql);
        let held = ["so it was rolled back", "sets a variable"];
        assert!(held.iter().any(|words| told.contains(words)), "{sql}: {told}");
    }
    let told = run(&home, 0, "update ties set id = id + 1 order by id desc");
    assert!(told.contains("20 rows affected"), "{told}");
    let left = "select count(*), sum(v = 'x'), max(id), (select count(*) from bare), (select min(v) from bare) from t";
    assert_eq!(maria.sql("proven", left).trim(), "40\t0\t40\t40\t1");
    let told = run(&home, 0, "update t set v = 'v1' where id < 3");
    assert!(told.contains("2 rows affected; 2 rows saved") || told.contains("1 row affected; 2 rows saved"), "{told}");
    // What somebody else commits in between is waited for, and seen: the rows that are saved are those that go.
    let mut other = Held::of(maria.client("proven"), "begin; update o set blocked = (id = 2); select get_lock('changed', 0);");
    support::wait_until("it is changed", || maria.sql("", "select is_used_lock('changed') is not null").trim() == "1");
    let fix = std::thread::scope(|scope| {
        let fix = scope.spawn(|| run(&home, 0, "delete from bare where v in (select id from o where blocked)"));
        let waiting = "select count(*) from information_schema.processlist where db = 'proven' and info like '%blocked%' and time_ms > 200";
        support::wait_until("the fix waits", || maria.sql("", waiting).trim() != "0");
        other.say("commit;");
        fix.join().expect("the fix")
    });
    assert!(fix.contains("gone: v 2") || fix.contains("v 2"), "{fix}");
    assert_eq!(maria.sql("proven", "select min(v), count(*) from bare").trim(), "1\t39");
    assert!(saved(&home).contains("{\"v\":2}"), "{}", saved(&home));
    // Its six digits are not all that a FLOAT has.
    let told = run(&home, 0, "update fl set v = 2 where id = 1");
    assert!(!told.contains("f 12345"), "nothing of it changed: {told}");
    run(&home, 0, "delete from fl");
    let images = saved(&home);
    assert!(images.contains("\"f\":12345.677734375") && images.contains("\"f\":16777216"), "{images}");
    maria.sql("proven", "create table tz (id int primary key, ts timestamp null); insert into tz values (1, '2026-10-25 02:30:00')");
    let told = run(&home, 0, "set time_zone = '+09:00'; delete from tz");
    assert!(told.contains("ts stands here, and in what was saved, in the time zone +09:00"), "{told}");
    let told = run(&home, 0, "use proven2; update t set v = 'changed' where id = 1");
    assert!(told.contains("other → changed"), "{told}");
    assert_eq!(maria.sql("proven2", "select v from t").trim(), "changed");
    // Foreign keys fire no trigger here, and a trigger for INSERT does not fire at a DELETE.
    let told = run(&home, 0, "delete from p where id = 1");
    assert!(told.contains("1 row of proven.c by cascade: deleted"), "{told}");
    assert_eq!(maria.sql("proven", "select count(*) from gone").trim(), "0");
}

#[test]
fn rows_that_were_not_saved_stay_in_sqlite() {
    let home = guarded::home(guarded::SQLITE, 100);
    let sql = |text: &str| guarded::sqlite(&home, text);
    sql("create table t (id integer primary key, v text); with recursive n(i) as (select 1 union all select i + 1 from n where i < 40) insert into t select i, 'v' from n;
         create view odd as select id from t where random() % 3 = 1;
         create table k (k primary key, v) without rowid; insert into k values (1, 'int'), ('1', 'text');
         create table zoo (id integer primary key, v); insert into zoo values (1, 1), (2, '1'), (3, 1.5), (4, x'ff41'), (5, cast(x'ff41' as text));
         create table fires (id integer primary key, v, w); insert into fires values (1, 1, 1);
         create trigger on_w after update of w on fires begin insert into t values (99, 'w'); end");
    for text in [
        "delete from t where id in (select id from t order by random() limit 3)",
        "update t set v = 'x' where abs(random()) % 3 = 1",
        "update t set v = 'x' where id in (select id from odd)",
    ] {
        let told = run(&home, 4, text);
        assert!(told.contains("so it was rolled back"), "{text}: {told}");
    }
    assert_eq!(sql("select count(*), sum(v = 'x') from t"), "40|0");
    let told = run(&home, 0, "update t set v = hex(randomblob(2)) where id = 1");
    assert!(told.contains("1 row affected"), "what is written may be anything: {told}");
    let told = run(&home, 0, "update k set v = v || '!'");
    assert!(told.contains("int → int!") && told.contains("text → text!"), "{told}");
    let told = run(&home, 0, "update zoo set v = cast(v as text) where id = 1");
    assert!(told.contains("v 1 → '1'"), "{told}");
    run(&home, 0, "delete from zoo");
    let images = saved(&home);
    for line in [
        "{\"id\":1,\"v\":1}",
        "{\"id\":2,\"v\":\"1\"}",
        "{\"id\":3,\"v\":1.5}",
        "{\"id\":4,\"v\":{\"hex\":\"ff41\"}}",
        "{\"id\":5,\"v\":{\"text_hex\":\"ff41\"}}",
    ] {
        assert!(images.contains(line), "{line}: {images}");
    }
    sql("create table clock (id integer primary key, v text); insert into clock select id, v from t");
    let by_clock = "delete from clock where id = abs(cast(strftime('%f', 'now') * 100000 as int)) % 30 + 1";
    let (told, _) = guarded::tried(&home, by_clock, true);
    assert!(!(told.contains("1 row affected") && told.contains("as it was")), "what is called saved is gone: {told}");
    // Rows that are known by their number alone, several of them: others go than those that were saved.
    sql("create table numbered (v text); insert into numbered select v from t");
    let told = run(&home, 4, "delete from numbered where rowid in (select rowid from numbered order by random() limit 3)");
    assert!(told.contains("so it was rolled back"), "{told}");
    assert_eq!(sql("select count(*) from numbered"), sql("select count(*) from t"));
    // The number of a row is no column, and others refer to it all the same.
    sql("create table bare (v); insert into bare (rowid, v) values (7, 'a'), (9, 'b')");
    let told = run(&home, 0, "update bare set v = 'c' where v = 'b'");
    assert!(told.contains("rowid 9: v b → c"), "{told}");
    run(&home, 0, "delete from bare where v = 'a'");
    assert!(saved(&home).contains("{\"v\":\"a\",\"rowid\":7}"), "{}", saved(&home));
    sql("create virtual table words using fts5 (c); insert into words (rowid, c) values (1, 'hello'), (7, 'world')");
    run(&home, 0, "delete from words where c match 'world'");
    assert!(saved(&home).contains("{\"c\":\"world\",\"rowid\":7}"), "{}", saved(&home));
    // And back again.
    let out =
        support::command(home.path()).args(["import", "g", "words"]).arg(image(&home, "world")).arg("--commit").output().expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(sql("select rowid, c from words"), "1|hello\n7|world");
    assert!(run(&home, 0, "delete from fires where id = 1").contains("1 row affected"), "its trigger is for another event");
}

/// Keys that lead back to the table take along what the statement might have come to: what is saved is all that changes.
#[test]
fn rows_that_keys_lead_back_to_are_counted_on_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("provenback");
    let fresh = "set foreign_key_checks = 0; drop table if exists tr2, tr3, ca, cb; set foreign_key_checks = 1;
         create table tr2 (id int primary key, p int, b varchar(9), foreign key (p) references tr2 (id) on delete cascade);
         insert into tr2 values (1, null, 'x'); insert into tr2 select seq, if(seq > 17, 1, null), 'x' from seq_2_to_20;
         create table tr3 (id int primary key, p int, b varchar(9), foreign key (p) references tr3 (id) on delete cascade);
         insert into tr3 values (1, null, 'x'), (2, 1, 'x'), (3, 1, 'x'), (4, 2, 'x'), (5, 3, 'x'), (9, null, 'x');
         insert into tr3 select seq, null, 'x' from seq_100_to_160;
         create table ca (id int primary key, b int, s varchar(9)); create table cb (id int primary key, a int, foreign key (a) references ca (id) on delete cascade);
         alter table ca add foreign key (b) references cb (id) on delete cascade; insert into ca select seq, null, 'x' from seq_1_to_20;
         insert into cb values (100, 1); update ca set b = 100 where id > 17";
    maria.sql("provenback", fresh);
    let home = on_maria(maria, "provenback");
    for (table, sql) in [
        ("tr2", "delete from tr2 order by b limit 3"),
        ("tr3", "delete from tr3 where rand() < 0.5"),
        ("ca", "delete from ca order by s limit 3"),
    ] {
        let before = maria.sql("provenback", &format!("select group_concat(id order by id) from {table}"));
        let told = run(&home, 4, sql);
        assert!(told.contains("so it was rolled back"), "{sql}: {told}");
        assert_eq!(maria.sql("provenback", &format!("select group_concat(id order by id) from {table}")), before, "{sql}");
    }
    let told = run(&home, 0, "delete from tr2 where id = 1");
    assert!(told.contains("3 rows of provenback.tr2 by cascade: deleted"), "{told}");
    let told = run(&home, 0, "delete from ca where id in (1, 18)");
    assert!(told.contains("2 rows of provenback.ca by cascade: deleted"), "{told}");
    assert_eq!(
        maria.sql("provenback", "select (select count(*) from tr2), (select count(*) from ca), (select count(*) from cb)").trim(),
        "16\t16\t0"
    );
}

#[test]
fn rows_that_no_key_tells_apart_are_proven_on_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("provenbare");
    maria.sql(
        "provenbare",
        "create table nk (a int, b varchar(9)); insert into nk select seq, 'x' from seq_1_to_20; insert into nk values (20, 'x');
         create table ks (a int, pos int, v varchar(9), primary key (a, pos)); insert into ks select 1, seq, 'x' from seq_1_to_20;
         create table ties (a int, b varchar(9)); insert into ties select seq, 'x' from seq_1_to_20;
         create table kf (f float primary key, v int); insert into kf select seq + 0.1, seq from seq_1_to_20;
         create table t (id int primary key, v varchar(20)); insert into t select seq, concat('v', seq) from seq_1_to_20; set global lc_messages = 'de_DE'",
    );
    let home = on_maria(maria, "provenbare");
    let sums = "select (select count(*) from nk), (select count(*) from kf), (select sum(v like '%!') from t)";
    for sql in [
        "delete from nk where rand() < 0.5",
        "update nk set b = 'y' where rand() < 0.5",
        "delete from kf where rand() < 0.5",
        "update t set v = concat(v, '!') where rand() < 0.5",
    ] {
        let told = run(&home, 4, sql);
        assert!(told.contains("so it was rolled back"), "{sql}: {told}");
    }
    assert_eq!(maria.sql("provenbare", sums).trim(), "21\t20\t0");
    // What is as it was found is let through, equal rows and values that were there already, too.
    let told = run(&home, 0, "delete from nk where a in (3, 20)");
    assert!(told.contains("3 rows affected; 3 rows saved") && told.contains("nobody else changes any of them until you answer"), "{told}");
    let told = run(&home, 0, "update nk set b = 'x', a = a + 1 where a > 15");
    assert!(told.contains("4 rows affected; 4 rows saved"), "{told}");
    let told = run(&home, 0, "delete from nk order by a limit 2");
    assert!(told.contains("2 rows affected; 2 rows saved") && saved(&home).contains("{\"a\":2,"), "{told}");
    // Keys that move on where the rows are otherwise alike.
    let told = run(&home, 0, "update ks set pos = pos + 1 where a = 1 and pos >= 5 order by pos desc");
    assert!(told.contains("16 rows affected; 16 rows saved"), "{told}");
    let told = run(&home, 4, "update ks set pos = pos + 100 where rand() < 0.5");
    assert!(told.contains("so it was rolled back"), "{told}");
    // Rows of equal order are taken as they come: those that were saved, or none.
    let (told, ended) = guarded::tried(&home, "delete from ties order by b limit 3", true);
    let left = maria.sql("provenbare", "select a from ties");
    match ended {
        Some(0) => assert!(
            told.contains("3 rows saved")
                && told.lines().filter_map(|l| l.strip_prefix("gone: a ")).all(|a| !left.lines().any(|l| a.starts_with(&format!("{l},")))),
            "{told}"
        ),
        _ => assert!(told.contains("so it was rolled back") && left.lines().count() == 20, "{told}"),
    }
    let told = run(&home, 0, "update kf set v = 99 where v = 5");
    assert!(told.contains("1 row affected; 1 row saved"), "{told}");
    let told = run(&home, 0, "update t set v = 'v1' where id < 4");
    assert!(told.contains("2 rows affected; 3 rows saved"), "{told}");
    // `:=` in a text sets nothing, nor does it where only the new value is computed.
    run(&home, 0, "update t set v = 'a' where v = ':=' or id = 9 /* := */");
    run(&home, 0, "update t set v = (@r := 5) where id = 10");
    assert_eq!(maria.sql("provenbare", "select group_concat(v order by id) from t where id in (9, 10)").trim(), "a,5");
    assert_eq!(maria.sql("provenbare", sums).trim(), "16\t20\t0");
}

#[test]
fn rows_that_keys_lead_back_to_are_counted_on_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("provenback");
    pg.psql(
        "provenback",
        "create table tr (id int primary key, p int references tr on delete cascade on update cascade, b text);
         insert into tr values (1, null, 'x'), (2, 1, 'x'), (4, 2, 'x'), (9, null, 'x'), (10, 9, 'x'), (11, 9, 'x'), (12, null, 'x');
         create table sn (id int primary key, p int references sn on delete set null, c int references sn on delete cascade);
         insert into sn values (1, null, null), (2, 1, null), (3, null, 1)",
    );
    let home = on_postgres(pg, "provenback", "postgres");
    // `current_query` stands for whatever gives another answer to the statement than to the look at its rows.
    for sql in [
        "delete from tr where id = any(case when current_query() ilike 'delete%' then array[1] else array[2, 9] end)",
        "update tr set id = id + 100 where id = any(case when current_query() ilike 'update%' then array[1] else array[2] end)",
    ] {
        let told = run(&home, 4, sql);
        assert!(told.contains("so it was rolled back"), "{sql}: {told}");
    }
    assert_eq!(pg.psql("provenback", "select string_agg(id::text, ',' order by id) from tr").trim(), "1,2,4,9,10,11,12");
    let told = run(&home, 0, "delete from tr where id in (1, 2)");
    assert!(told.contains("1 row of public.tr by cascade: deleted"), "{told}");
    let told = run(&home, 0, "update tr set id = 90 where id = 9");
    assert!(told.contains("2 rows of public.tr by cascade: changed"), "{told}");
    // Each row changes twice, by the statement and by its key: all are saved, and count once.
    let told = run(&home, 0, "update tr set id = id + 1000");
    assert!(told.contains("4 rows affected; 4 rows saved") && !told.contains("by cascade"), "{told}");
    let told = run(&home, 0, "delete from sn where id = 1");
    assert!(told.contains("1 row of public.sn by cascade: deleted") && told.contains("1 row of public.sn by cascade: changed"), "{told}");
    let told = run(&home, 0, "update tr set b = 'y'");
    assert!(told.contains("4 rows affected; 4 rows saved"), "{told}");
}

/// More places than are asked about at once.
#[test]
fn many_rows_are_proven_by_their_places() {
    let pg = PgServer::shared();
    pg.create_database("provenmany");
    pg.psql("provenmany", "create table m (id int primary key, v text); insert into m select i, 'v' from generate_series(1, 2500) i");
    let home = guarded::home(&guarded::postgres(pg, "provenmany", "postgres"), 5000);
    let told = run(&home, 4, "update m set v = 'x' where random() < 0.9");
    assert!(told.contains("so it was rolled back"), "{told}");
    let told = run(&home, 0, "update m set v = 'x' where id > 100");
    assert!(told.contains("2,400 rows affected; 2,400 rows saved"), "{told}");
}

/// What the statement itself came to is noted row by row: keys that change, tables without row numbers, virtual ones.
#[test]
fn rows_that_changed_are_noted_in_sqlite() {
    let home = guarded::home(guarded::SQLITE, 100);
    let sql = |text: &str| guarded::sqlite(&home, text);
    let forty = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 40)";
    sql(&format!(
        "create table t (id integer primary key, v text); {forty} insert into t select i, 'v' from n;
         create table w (k text primary key, v) without rowid; {forty} insert into w select 'k' || i, i from n;
         create table held (rowid text, v); insert into held values ('a', 1), ('a', 1), ('b', 2);
         create virtual table f using fts5 (c); {forty} insert into f (rowid, c) select i, 'word' || i from n;
         create table docs (id integer primary key, c); create virtual table x using fts5 (c, content = 'docs', content_rowid = 'id')"
    ));
    let state = "select (select group_concat(id) from t), (select count(*) from w), (select group_concat(rowid) from f)";
    let before = sql(state);
    for text in [
        "update t set id = id + 100 where id in (select id from t order by random() limit 3)",
        "delete from w where k in (select k from w order by random() limit 3)",
        "update w set k = k || '!' where k in (select k from w order by random() limit 3)",
        "delete from f where rowid in (select rowid from f order by random() limit 3)",
        "update f set c = c || '!' where rowid in (select rowid from f order by random() limit 3)",
    ] {
        let told = run(&home, 4, text);
        assert!(told.contains("so it was rolled back"), "{text}: {told}");
        assert_eq!(sql(state), before, "{text}: {told}");
    }
    let told = run(&home, 0, "update t set id = id + 2 where id > 38");
    assert!(told.contains("2 rows affected; 2 rows saved"), "{told}");
    let told = run(&home, 0, "update w set k = k || '!' where v < 3");
    assert!(told.contains("2 rows affected; 2 rows saved"), "{told}");
    let told = run(&home, 0, "delete from held where rowid = 'a'");
    assert!(told.contains("2 rows affected; 2 rows saved"), "{told}");
    let told = run(&home, 0, "update f set c = 'other' where f match 'word7'");
    assert!(told.contains("1 row affected; 1 row saved"), "{told}");
    // An index's own tables are no tables of the user's, and one that keeps no texts has none to save.
    for (text, why) in [("delete from f_data", "part of a virtual table"), ("delete from x where rowid = 1", "does not keep itself")] {
        let told = run(&home, 4, text);
        assert!(told.contains(why), "{text}: {told}");
    }
    run(&home, 0, "insert into x (rowid, c) values (1, 'new')");
}

/// Rows that foreign keys take along are found from the rows that were saved, not by the condition once more.
#[test]
fn rows_of_others_are_those_of_the_rows_that_were_saved() {
    let pg = PgServer::shared();
    pg.create_database("provenkeys");
    pg.psql(
        "provenkeys",
        "create table pa (id int primary key); create table cc (id int primary key, p int references pa on delete cascade);
         insert into pa select i from generate_series(1, 40) i; insert into cc select i + 100, i from generate_series(1, 40) i;
         create table pp (id int primary key, v text); create table cq (id int primary key, p int references pp on delete cascade);
         insert into pp values (1, 'a'); insert into cq values (1, 1); alter table cq disable trigger all; alter table pp disable trigger all",
    );
    let home = on_postgres(pg, "provenkeys", "postgres");
    let told = run(&home, 0, "delete from pa where id = case when current_query() like '%\"public\".\"c' || 'c\"%' then 1 else 2 end");
    assert!(told.contains("1 row of public.cc by cascade: deleted"), "{told}");
    assert!(saved(&home).contains("{\"id\":102,\"p\":2}"), "{}", saved(&home));
    assert_eq!(pg.psql("provenkeys", "select count(*), min(id) from cc").trim(), "39|101");
    // Keys that do not act take nothing along.
    let told = run(&home, 0, "delete from pp where id = 1");
    assert!(told.contains("1 row of public.cq refers to them and will lead nowhere") && !told.contains("by cascade"), "{told}");

    let maria = MariaServer::shared();
    maria.create_database("provenkeys");
    maria.sql(
        "provenkeys",
        "create table pa (id int primary key, z int zerofill); create table cc (id int primary key, p int, foreign key (p) references pa (id) on delete cascade);
         insert into pa select seq, seq from seq_1_to_400; insert into cc select seq + 1000, seq from seq_1_to_400;
         create table txt (k varchar(20) primary key); create table tc (k varchar(20), foreign key (k) references txt (k) on update cascade on delete cascade);
         insert into txt values ('it''s'), ('b\\\\c'), ('ä?'), ('plain'); insert into tc select k from txt;
         create table bare (u int, key (u)); create table bc (u int, foreign key (u) references bare (u) on delete cascade);
         insert into bare values (1), (2); insert into bc values (1), (2)",
    );
    let home = on_maria(maria, "provenkeys");
    let mut gone = Vec::new();
    for _ in 0..3 {
        // Whether it is held or not is a matter of chance; what is gone is saved.
        guarded::tried(&home, "delete from pa order by rand() limit 1", true);
    }
    let left = maria.sql("provenkeys", "select id from cc");
    for id in 1001..=1400 {
        if !left.lines().any(|l| l == id.to_string()) {
            gone.push(id);
        }
    }
    assert!(gone.iter().all(|id| saved(&home).contains(&format!("{{\"id\":{id},\"p\":{}}}", id - 1000))), "{gone:?}: {}", saved(&home));
    let told = run(&home, 0, "delete from pa where id between 300 and 320 and z > 0");
    assert!(told.contains("by cascade: deleted"), "{told}");
    let told = run(&home, 0, "update txt set k = concat(k, '!') where k <> 'plain'");
    assert!(told.contains("3 rows of provenkeys.tc by cascade: changed"), "{told}");
    let told = run(&home, 4, "delete from bare where u = 1");
    assert!(told.contains("no key tells which of its own are which"), "{told}");
}

/// Triggers that a login may not see are counted when they fire.
#[test]
fn a_trigger_that_fires_is_held_on_mariadb_whoever_sees_it() {
    let maria = MariaServer::shared();
    maria.create_database("provensight");
    maria.sql(
        "provensight",
        "create table fires (id int primary key, v int); insert into fires values (1, 1); create table log (v int);
         create trigger fired after update on fires for each row insert into log values (new.v);
         create user col@localhost identified by ''; grant select, update on provensight.fires to col@localhost",
    );
    for user in ["root", "col"] {
        let home = guarded::home(&guarded::maria(maria, "provensight").replace("\"root\"", &format!("\"{user}\"")), 100);
        let told = run(&home, 4, "update fires set v = 2 where id = 1");
        assert!(told.contains("trigger"), "{user}: {told}");
    }
    assert_eq!(maria.sql("provensight", "select (select count(*) from log), (select v from fires)").trim(), "0\t1");
}

/// While the question of an INSERT is open, others insert as they would natively.
#[test]
fn an_insert_that_waits_keeps_nobody_from_inserting_on_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("provenfree");
    maria.sql("provenfree", "create table ai (id int auto_increment primary key, v varchar(9)); insert into ai (v) values ('a'), ('b')");
    let home = on_maria(maria, "provenfree");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        use holdpoint::config::{Surroundings, files};
        let root = home.path();
        let config = files::load_in(Some(&root.join("holdpoint.toml")), &Surroundings::made_up(root, root, [])).expect("config");
        let cx = holdpoint::ops::Cx::new(config);
        let conn = holdpoint::ops::connect::connect(&cx, "g").await.expect("connection");
        let none = std::collections::BTreeMap::new();
        let fix = holdpoint::ops::datafix::begin(&cx, &conn, None, "insert into ai (v) values ('q')", &none, |_| {}).await.expect("begun");
        maria.sql("provenfree", "set innodb_lock_wait_timeout = 2; insert into ai (v) values ('other')");
        assert!(fix.changes.lines(20).iter().any(|l| l.contains("v q")), "{:?}", fix.changes);
        fix.rollback(&cx).await.expect("rolled back");
    });
    assert_eq!(maria.sql("provenfree", "select group_concat(v order by id) from ai").trim(), "a,b,other");
}

/// An INSERT that leaves what is in its way as it is changes nothing that exists; what is saved comes back as it was.
#[test]
fn inserts_that_ignore_and_odd_values_come_back_in_sqlite() {
    let home = guarded::home(guarded::SQLITE, 100);
    let sql = |text: &str| guarded::sqlite(&home, text);
    sql("create table t (id integer primary key, v text); insert into t values (1, 'a');
         create table inf (id integer primary key, x, r real); insert into inf values (1, 'Inf', 'Inf'), (2, 9e999, -9e999), (3, '-Inf', 1.5);
         create table doc (k text primary key, v text); insert into doc values ('a', '1'), ('b', '2'), ('c', '3')");
    let told = run(&home, 0, "insert or ignore into t values (1, 'x'), (61, 'n')");
    assert!(told.contains("1 row affected"), "{told}");
    let told = run(&home, 0, "insert into t values (1, 'x') on conflict (id) do nothing");
    assert!(told.contains("0 rows affected"), "{told}");
    run(&home, 4, "insert or replace into t values (1, 'x')");
    assert_eq!(sql("select group_concat(v) from t"), "a,n");
    let import = |table: &str, words: &str| {
        let out =
            support::command(home.path()).args(["import", "g", table]).arg(image(&home, words)).arg("--commit").output().expect("run");
        let told = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{told}");
        told
    };
    let zoo = "select group_concat(id || typeof(x) || x || typeof(r) || r) from inf";
    let before = sql(zoo);
    run(&home, 0, "delete from inf");
    import("inf", "Inf");
    assert_eq!(sql(zoo), before);
    // Its number has gone to another row meanwhile: the key tells it, and that it has another number is told.
    run(&home, 0, "delete from doc where k > 'a'");
    sql("insert into doc values ('d', 'new')");
    let told = import("doc", "\"k\":\"b\"");
    assert!(told.contains("2 rows got another rowid"), "{told}");
    assert_eq!(sql("select group_concat(k || v) from (select * from doc order by k)"), "a1,b2,c3,dnew");
}

/// The table tells which values of an INSERT without columns are secrets: none of them is kept.
#[test]
fn secrets_of_an_insert_without_columns_are_not_kept() {
    let home = guarded::home(guarded::SQLITE, 100);
    let file = home.path().join("holdpoint.toml");
    let config = std::fs::read_to_string(&file).expect("config");
    let open = config
        .split("[targets.g]")
        .nth(1)
        .expect("its target")
        .replace("\"production\"", "\"development\"")
        .replace("\"guarded\"", "\"open\"");
    std::fs::write(&file, format!("{config}\n[targets.o]{open}")).expect("config");
    guarded::sqlite(
        &home,
        "create table users (id integer primary key, name text, password text); create table plain (id integer primary key, v text)",
    );
    for target in ["g", "o"] {
        let id = if target == "g" { 1 } else { 2 };
        for sql in [format!("insert into users values ({id}, 'a', 'geheim')"), format!("insert into plain values ({id}, 'shown')")] {
            let out = support::command(home.path()).args(["query", target, &sql, "--commit"]).output().expect("run");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
        for kept in [["history", target].as_slice(), ["journal", "show", target].as_slice()] {
            let out = support::command(home.path()).args(kept).output().expect("run");
            let kept = String::from_utf8_lossy(&out.stdout).into_owned();
            assert!(kept.contains("users") && kept.contains("shown") && !kept.contains("geheim"), "{kept}");
        }
    }
    assert_eq!(guarded::sqlite(&home, "select group_concat(password) from users"), "geheim,geheim");
}

/// Where a backslash is no escape, its quotes are others than they seem.
#[test]
fn what_a_session_reads_otherwise_is_held_on_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("provenquotes");
    maria.sql(
        "provenquotes",
        "create table t (id int primary key, v varchar(20)); insert into t values (1, 'a'), (2, 'b');
         set global sql_mode = 'STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES'",
    );
    let home = on_maria(maria, "provenquotes");
    for sql in ["update t set v = '\\', id = id + 100 where id = 1 -- '", "update t set v = 'C:\\' where id = 2"] {
        let told = run(&home, 4, sql);
        assert!(told.contains("a backslash in it is no escape"), "{sql}: {told}");
    }
    run(&home, 0, "update t set v = 'c' where id = 2");
    let told = run(&home, 0, "insert ignore into t values (1, 'x'), (9, 'n')");
    assert!(told.contains("1 row affected"), "{told}");
    assert_eq!(maria.sql("provenquotes", "select group_concat(v order by id) from t").trim(), "a,c,n");
}

/// What a data fix saved is put back with one command, over what stands there by now.
#[test]
fn saved_rows_are_put_in_the_place_of_what_is_there() {
    let (pg, maria) = (PgServer::shared(), MariaServer::shared());
    let seed = "create table notes (id integer primary key, author varchar(9), body varchar(9)); insert into notes values (1, 'mira', 'a'), (2, 'jo', null), (3, 'c', 'c')";
    pg.create_database("provenput");
    pg.psql("provenput", seed);
    maria.create_database("provenput");
    maria.sql("provenput", seed);
    let lite = guarded::home(guarded::SQLITE, 100);
    guarded::sqlite(&lite, seed);
    for home in [lite, on_postgres(pg, "provenput", "postgres"), on_maria(maria, "provenput")] {
        let command = |code: i32, args: &[&str]| {
            let out = support::command(home.path()).args(args).output().expect("run");
            let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert_eq!(out.status.code(), Some(code), "{args:?}: {text}");
            text
        };
        let all = || command(0, &["query", "g", "select * from notes order by id", "--format", "csv"]).replace(char::is_whitespace, " ");
        let rows = |text: &str| text.split(" · ").next().unwrap_or_default().to_string();
        let before = rows(&all());
        run(&home, 0, "update notes set body = 'y', author = 'x' where id < 3");
        let file = image(&home, "mira").display().to_string();
        // One of them has changed once more, the other one is gone.
        run(&home, 0, "update notes set body = null where id = 1");
        run(&home, 0, "delete from notes where id = 2");
        let told = command(0, &["import", "g", "notes", &file, "--replace"]);
        assert!(told.contains("2 rows affected; 1 row saved as they were") && told.contains("author x → mira"), "{told}");
        assert_ne!(rows(&all()), before, "only tried");
        for _ in ["puts them back", "what is so already is no fault"] {
            command(0, &["import", "g", "notes", &file, "--replace", "--commit"]);
            assert_eq!(rows(&all()), before);
        }
        std::fs::write(home.path().join("twice.csv"), "id,author,body\n1,a,b\n1,c,d\n").expect("file");
        let told = command(2, &["import", "g", "notes", "twice.csv", "--replace", "--commit"]);
        assert!(told.contains("line 3: its key stands in line 2, too"), "{told}");
        assert!(command(0, &["journal", "show", "g"]).contains("2 rows of notes replaced"));
    }
}

/// Of a tree a row may stand before the one that it refers to: it is made behind that.
#[test]
fn saved_rows_of_a_tree_are_put_back_in_whatever_order_they_were_saved() {
    let (pg, maria) = (PgServer::shared(), MariaServer::shared());
    let table = "create table tree (id integer primary key, up integer, code varchar(9) unique, twin varchar(9), \
         foreign key (up) references tree (id), foreign key (twin) references tree (code));";
    let rows = "insert into tree values (1, 2, 'a', 'c'), (2, 3, 'b', null), (3, null, 'c', 'c'), (4, null, 'd', null), (5, 4, 'e', 'd')";
    pg.create_database("proventree");
    pg.psql("proventree", &format!("{table}{rows}"));
    maria.create_database("proventree");
    maria.sql("proventree", &format!("set foreign_key_checks = 0; {table}{rows}"));
    for home in [on_postgres(pg, "proventree", "postgres"), on_maria(maria, "proventree")] {
        let command = |args: &[&str]| {
            let out = support::command(home.path()).args(args).output().expect("run");
            let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert!(out.status.success(), "{args:?}: {text}");
            text
        };
        let all = || command(&["query", "g", "select * from tree order by id", "--format", "ndjson"]);
        let rows = |text: &str| text.lines().filter(|l| l.starts_with('{')).map(str::to_string).collect::<Vec<_>>();
        let before = rows(&all());
        assert_eq!(before.len(), 5);
        run(&home, 0, "update tree set twin = null where id = 3");
        run(&home, 0, "delete from tree where id < 4");
        let file = image(&home, "\"a\"").display().to_string();
        command(&["import", "g", "tree", &file, "--replace", "--commit"]);
        run(&home, 0, "update tree set twin = 'c' where id = 3");
        assert_eq!(rows(&all()), before);
        // A row that is there still, and is to refer again to one that is gone.
        run(&home, 0, "update tree set up = null, twin = null where id = 5");
        run(&home, 0, "delete from tree where id = 4");
        let lines = before.iter().rev().take(2).map(|l| format!("{l}\n")).collect::<String>();
        let file = home.path().join("both.ndjson");
        std::fs::write(&file, lines).expect("file");
        command(&["import", "g", "tree", &file.display().to_string(), "--replace", "--commit"]);
        assert_eq!(rows(&all()), before);
    }
}

/// An INSERT that changes what is in its way: those rows are saved, and proven to be the ones that changed.
#[test]
fn rows_in_the_way_of_an_insert_are_saved_and_changed() {
    let (pg, maria) = (PgServer::shared(), MariaServer::shared());
    let seed = "create table up (id integer primary key, code integer unique, v varchar(9)); insert into up values (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')";
    pg.create_database("provenup");
    pg.psql("provenup", seed);
    maria.create_database("provenup");
    maria.sql("provenup", seed);
    let lite = guarded::home(guarded::SQLITE, 100);
    guarded::sqlite(&lite, seed);
    let on_pg = |text: &str| pg.psql("provenup", text).trim().replace('|', ",");
    let on_my = |text: &str| maria.sql("provenup", text).trim().replace('\t', ",");
    let on_lite = |text: &str| guarded::sqlite(&lite, text).replace('|', ",");
    type Ask<'a> = &'a dyn Fn(&str) -> String;
    let conflict = "on conflict (id) do update set v = excluded.v";
    for (home, ask, end, by_code) in [
        (&on_postgres(pg, "provenup", "postgres"), &on_pg as Ask<'_>, conflict, "on conflict (code) do update set v = excluded.v"),
        (&on_maria(maria, "provenup"), &on_my, "on duplicate key update v = values(v)", ""),
        (&lite, &on_lite, conflict, "on conflict (code) do update set v = excluded.v"),
    ] {
        let told = run(home, 0, &format!("insert into up (v, id) values ('x', 1), ('new', 7), ('y', 2) {end}"));
        assert!(told.contains("3 rows affected; 2 rows saved"), "{told}");
        assert!(told.contains("id 1: v a → x") && told.contains("id 2: v b → y") && told.contains("1 new row not shown"), "{told}");
        assert_eq!(ask("select count(*), sum(case when v in ('x', 'y', 'new') then 1 else 0 end) from up"), "4,3");
        assert!(saved(home).contains("\"v\":\"a\"") && saved(home).contains("\"v\":\"b\""), "{}", saved(home));
        // Another key than the one that is looked at has a row in the way.
        if by_code.is_empty() {
            let told = run(home, 4, &format!("insert into up values (50, 30, 'z') {end}"));
            assert!(told.contains("so it was rolled back"), "{told}");
        } else {
            let told = run(home, 0, &format!("insert into up values (50, 30, 'z') {by_code}"));
            assert!(told.contains("v c → z"), "{told}");
        }
        let held = run(home, 4, &format!("insert into up select 1, 10, 'q' from up where true {end}"));
        assert!(held.contains("may change rows that exist already") && held.contains("INSERT … VALUES"), "{held}");
    }
    // A child's rows that follow the key which the INSERT sets.
    pg.psql("provenup", "create table kid (code integer references up (code) on update cascade); insert into kid values (10)");
    let home = on_postgres(pg, "provenup", "postgres");
    let told = run(&home, 0, "insert into up values (1, 11, 'k') on conflict (id) do update set code = excluded.code");
    assert!(told.contains("1 row of public.kid by cascade: changed") && saved(&home).contains("{\"code\":10}"), "{told}");
}

/// An ORM writes all columns: a key that is given its own value takes nothing along.
#[test]
fn a_key_that_is_set_to_itself_changes_one_row_on_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("provenself");
    pg.psql(
        "provenself",
        "create table te (id int primary key, p int references te on update cascade, v text); insert into te values (1, null, 'a'), (2, 1, 'b')",
    );
    let home = on_postgres(pg, "provenself", "postgres");
    let told = run(&home, 0, "update te set id = 1, p = null, v = 'x' where id = 1");
    assert!(told.contains("v a → x") && !told.contains("by cascade"), "{told}");
    let told = run(&home, 0, "update te set id = id + 10");
    assert!(told.contains("2 rows affected"), "{told}");
    let told = run(&home, 1, "insert into nosuch values (1)");
    assert!(told.contains("\"nosuch\" does not exist"), "{told}");
}

/// Where clocks are put back one hour stands for two moments: what was saved of them would be one and the same.
#[test]
fn moments_that_are_written_alike_are_held_on_mariadb() {
    let maria = MariaServer::start(&[]);
    let zone = std::process::Command::new("mariadb-tzinfo-to-sql")
        .args(["/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"])
        .output()
        .expect("mariadb-tzinfo-to-sql");
    maria.sql("mysql", &String::from_utf8_lossy(&zone.stdout));
    maria.create_database("moments");
    maria.sql(
        "moments",
        "set global time_zone = 'Europe/Berlin'; set time_zone = '+00:00';
         create table ev (id int primary key, ts timestamp null, v varchar(5));
         insert into ev values (1, '2025-10-26 00:30:00', 'a'), (2, '2025-10-26 01:30:00', 'b'), (3, '2025-07-01 00:00:00', 'c'), (4, null, 'd');
         create table kid (id int primary key, ev int, ts timestamp, foreign key (ev) references ev (id) on delete cascade);
         insert into kid values (1, 3, '2025-10-26 00:30:00'), (2, 4, '2025-10-26 02:30:00')",
    );
    let home = on_maria(&maria, "moments");
    for text in ["update ev set v = 'x' where id = 1", "update ev set v = 'x' where id in (2, 3)", "delete from ev where id = 3"] {
        let told = run(&home, 4, text);
        assert!(told.contains("time zone Europe/Berlin writes twice"), "{text}: {told}");
    }
    assert_eq!(maria.sql("moments", "select group_concat(v order by id) from ev").trim(), "a,b,c,d");
    run(&home, 0, "update ev set v = 'x' where id = 3");
    run(&home, 0, "delete from ev where id = 4");
    // Where each moment has its own words they are all saved.
    maria.sql("moments", "set global time_zone = '+00:00'");
    run(&home, 0, "update ev set v = 'x', ts = ts where id in (1, 2)");
    assert!(saved(&home).contains("2025-10-26 00:30:00") && saved(&home).contains("2025-10-26 01:30:00"), "{}", saved(&home));
    // And put back as they were, wherever the server's clocks stand by then, in one deed or from a line of its own.
    let file = guarded::images(&home).into_iter().find(|f| {
        let text = std::fs::read_to_string(f).expect("text");
        text.contains("2025-10-26 00:30:00") && text.contains("2025-10-26 01:30:00")
    });
    let file = file.expect("the file of saved rows");
    let moments = |table: &str| {
        maria
            .sql("moments", &format!("select group_concat(concat(id, ':', coalesce(unix_timestamp(ts), '-'), v) order by id) from {table}"))
            .trim()
            .to_string()
    };
    let import = |code: i32, table: &str, file: &std::path::Path, more: &[&str]| {
        let out = support::command(home.path()).args(["import", "g", table]).arg(file).args(more).output().expect("run");
        let told = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "{table} {more:?}: {told}");
        told
    };
    let before = "1:1761438600a,2:1761442200b";
    for zone in ["Europe/Berlin", "+05:30", "SYSTEM"] {
        maria.sql("moments", &format!("set global time_zone = '{zone}'"));
        maria.sql("moments", "update ev set v = 'z', ts = '2020-01-01 00:00:00' where id in (1, 2)");
        import(0, "ev", &file, &["--replace", "--commit"]);
        assert!(moments("ev").starts_with(before), "{zone}: {}", moments("ev"));
        maria.sql("moments", "create or replace table copy like ev");
        import(0, "copy", &file, &["--commit"]);
        assert_eq!(moments("copy"), before, "{zone}");
    }
    // What was saved by other clocks names those, the zone with summer time as well; NULL is none.
    for zone in ["Europe/Berlin", "-05:00"] {
        maria.sql("moments", &format!("set global time_zone = '{zone}'; insert into ev values (5, null, 'e')"));
        let known: Vec<_> = guarded::images(&home);
        let was = moments("ev");
        run(&home, 0, "update ev set v = 'q', ts = '2020-01-01 00:00:00' where id in (3, 5)");
        let new = guarded::images(&home).into_iter().find(|f| !known.contains(f)).expect("saved");
        maria.sql("moments", "set global time_zone = '+00:00'");
        import(0, "ev", &new, &["--replace", "--commit"]);
        assert_eq!(moments("ev"), was, "{zone}");
        maria.sql("moments", "delete from ev where id = 5");
    }
    // A file that names none is read by the zone that is asked for, or by the session's.
    let plain = home.path().join("plain.csv");
    std::fs::write(&plain, "id,ts,v\n7,2025-07-01 00:00:00,g\n").expect("file");
    maria.sql("moments", "set global time_zone = '+05:30'; truncate copy");
    let told = import(0, "copy", &plain, &["--commit", "--time-zone", "-02:00"]);
    assert!(told.contains("are read by the time zone -02:00"), "{told}");
    assert_eq!(moments("copy"), "7:1751335200g");
    import(0, "copy", &plain, &["--commit", "--replace", "--time-zone", "+00:00"]);
    assert_eq!(moments("copy"), "7:1751328000g");
    import(0, "copy", &plain, &["--commit", "--replace"]);
    assert_eq!(moments("copy"), "7:1751308200g");
    let told = import(1, "copy", &plain, &["--commit", "--time-zone", "Nowhere/Land"]);
    assert!(told.contains("setting the time zone of the file's moments"), "{told}");
    maria.sql("moments", "set global time_zone = '+00:00'");
    // Exports say which zone their moments are in.
    let export = |format: &str| {
        let out =
            support::command(home.path()).args(["query", "g", "select * from ev order by id", "--format", format]).output().expect("run");
        [out.stdout, out.stderr].map(|b| String::from_utf8_lossy(&b).into_owned())
    };
    let [rows, said] = export("insert");
    assert!(rows.starts_with("SET @saved_time_zone = @@time_zone, time_zone = '+00:00';\nINSERT INTO"), "{rows}");
    assert!(rows.ends_with("SET time_zone = @saved_time_zone;\n") && !said.contains("time zone"), "{rows} {said}");
    maria.sql("moments", "set global time_zone = 'Europe/Berlin'; create table before_it as select * from ev; delete from ev");
    maria.sql("moments", &rows);
    assert_eq!(
        maria
            .sql("moments", "select count(*) from ev e join before_it b using (id) where unix_timestamp(e.ts) = unix_timestamp(b.ts)")
            .trim(),
        "3"
    );
    for format in ["csv", "ndjson", "insert"] {
        let [rows, said] = export(format);
        assert!(said.contains("ts as written by the clocks of the time zone Europe/Berlin"), "{format}: {said}");
        assert!(!rows.contains("SET "), "{rows}");
    }
}

/// A row that gets another key is found under it, also where the server gives it further values by itself.
#[test]
fn a_row_is_found_again_by_keys_of_any_kind() {
    let (pg, maria) = (PgServer::shared(), MariaServer::shared());
    pg.create_database("again");
    maria.create_database("again");
    pg.psql(
        "again",
        "create type \"Cty\" as (a int, b text); create table ck (k \"Cty\" primary key, v int); insert into ck values (row(1, 'x y'), 1)",
    );
    let told = run(&on_postgres(pg, "again", "postgres"), 0, "update ck set v = v + 10");
    assert!(told.contains("v 1 → 11"), "{told}");
    maria.sql(
        "again",
        "create table inv (id int primary key, v int, ts timestamp(6) not null default '2020-01-01' on update current_timestamp(6), w int as (v * 2));
         insert into inv (id, v) values (1, 1), (2, 2)",
    );
    let home = on_maria(maria, "again");
    let told = run(&home, 0, "update inv set id = id, v = 7 where id = 1");
    assert!(told.contains("id 1: v 1 → 7") && !told.contains("now under another key"), "{told}");
    let told = run(&home, 0, "update inv set id = 5 where id = 2");
    assert!(told.contains("id 2 → 5"), "{told}");
}
