//! What a data fix saved and shows is what it changed, exactly, and in the tables that its author looks at.

mod support;

use support::held::Held;
use support::maria::MariaServer;
use support::pg::PgServer;

/// A home with one guarded target `g`.
fn guarded(target: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("home");
    let config = format!(
        "[store]\npath = \"store/s.db\"\n\n[targets.g]\n{target}\nenvironment = \"qa\"\naccess = \"guarded\"\nblast_radius = 100\n"
    );
    std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
    home
}

fn on_postgres(pg: &PgServer, database: &str, user: &str) -> tempfile::TempDir {
    guarded(&format!(
        "engine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{user}\"\ndatabase = \"{database}\"\nsslmode = \"disable\"",
        pg.port
    ))
}

fn on_maria(maria: &MariaServer, database: &str) -> tempfile::TempDir {
    guarded(&format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"{database}\"", maria.socket.display()))
}

fn run(home: &tempfile::TempDir, code: i32, sql: &str) -> String {
    let out = support::command(home.path()).args(["query", "g", sql, "--commit"]).output().expect("run");
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(code), "{sql}:\n{text}");
    text
}

/// All rows that were saved.
fn saved(home: &tempfile::TempDir) -> String {
    let images = std::fs::read_dir(home.path().join("store/before-images")).expect("before-images");
    images.map(|f| std::fs::read_to_string(f.expect("file").path()).expect("text")).collect()
}

/// The file that has these words.
fn image(home: &tempfile::TempDir, words: &str) -> std::path::PathBuf {
    std::fs::read_dir(home.path().join("store/before-images"))
        .expect("before-images")
        .map(|f| f.expect("file").path())
        .find(|f| std::fs::read_to_string(f).expect("text").contains(words))
        .expect("its image")
}

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
        "delete from bare order by v % 3 limit 3",
        "update ties set id = id + 100 order by b limit 3",
        "delete from tree order by b limit 3",
        "delete from ties where (@n := @n + 1) <= 2",
    ] {
        let told = run(&home, 4, sql);
        let held = ["so it was rolled back", "that were saved need not be those", "with LIMIT", "sets a variable"];
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
    let home = guarded("engine = \"sqlite\"\npath = \"g.db\"");
    let db = home.path().join("g.db");
    let sql = |text: &str| {
        let out = std::process::Command::new("sqlite3").arg(&db).arg(text).output().expect("sqlite3");
        assert!(out.status.success(), "{text}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_string()
    };
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
        assert!(told.contains("gives another value each time") || told.contains("so it was rolled back"), "{text}: {told}");
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
    let out = support::command(home.path()).args(["query", "g", by_clock, "--commit"]).output().expect("run");
    let told = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
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
