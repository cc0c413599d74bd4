//! What a change of rows on a guarded target sets off beyond them is held before it runs: nothing of it acts, and no row is lost that was
//! not saved.

mod support;

use support::guarded::{self, committed as run, on_maria, on_postgres};
use support::maria::MariaServer;
use support::pg::PgServer;

/// The sequence tells whether something acted: no rollback takes it back.
#[test]
fn what_each_row_computes_is_held_on_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("reaching");
    pg.psql(
        "reaching",
        "create sequence acted; create table audit (v text); insert into audit values ('a'), ('b'), ('c');
         create function ev(text) returns text language plpgsql volatile as $$begin execute 'select nextval(''public.acted'')'; return $1; end$$;
         create function imm(text) returns text language plpgsql immutable as $$begin return public.ev($1); end$$;
         create function tidy(text) returns text language sql volatile as 'delete from public.audit; select $1';
         create domain dv as text check (ev(value) is not null);
         create table chk (id int primary key, v text); insert into chk values (1, 'a');
         create table gen (id int primary key, v text); insert into gen values (1, 'a');
         create table def (id int primary key, v text default ev('x'));
         create table dom (id int primary key, v text); insert into dom values (1, 'a');
         create table idx (id int primary key, v text default tidy('x'));
         create table pt (id int primary key, v text) partition by range (id); create table pt1 partition of pt for values from (0) to (10);
         insert into pt values (1, 'a');
         create table inh (id int primary key); create table inhc (x int) inherits (inh); insert into inhc values (5, 5);
         create function tf() returns trigger language plpgsql as $$begin perform public.ev('t'); return new; end$$;
         create trigger on_part before update on pt1 for each row execute function tf();
         create trigger on_child before delete on inhc for each row execute function tf();
         create table pc (id int primary key, v text) partition by range (id); create table pc1 partition of pc for values from (0) to (10);
         insert into pc values (1, 'a'), (2, 'b');
         create table refp (id int primary key, p int references pc1 (id) on delete cascade); insert into refp select i, 1 from generate_series(1, 30) i;
         create table ip (id int primary key); create table ic (primary key (id)) inherits (ip); insert into ic values (1);
         create table refi (id int primary key, p int references ic (id) on delete cascade); insert into refi values (1, 1), (2, 1);
         create table plain (id serial primary key, v text not null default 'x' check (length(v) < 10 and v ~ '^[a-z]'), at timestamptz default now(),
           u uuid default gen_random_uuid()); create index on plain (lower(v)); insert into plain (v) values ('a');
         alter table chk add check (ev(v) is not null) not valid; alter table gen add w text generated always as (imm(v)) stored;
         alter table dom alter v type dv; select setval('acted', 1, false)",
    );
    let home = on_postgres(pg, "reaching", "postgres");
    for (sql, why) in [
        ("update chk set v = 'b'", "ev"),
        ("update gen set v = 'b'", "ev"),
        ("insert into def (id) values (9)", "ev"),
        ("insert into dom values (2, 'x')", "ev"),
        ("insert into idx (id) values (9)", "audit"),
        ("update pt set v = 'b'", "on_part"),
        ("delete from inh", "on_child"),
    ] {
        let told = run(&home, 4, sql);
        assert!(told.contains("reaches further than the rows that it names") && told.contains(why), "{sql}: {told}");
        assert_eq!(pg.psql("reaching", "select is_called from acted").trim(), "f", "{sql}: {told}");
    }
    // Keys that lead to a part of the table are followed: their rows are saved.
    let told = run(&home, 0, "delete from pc where id = 1");
    assert!(told.contains("30 rows of public.refp by cascade: deleted"), "{told}");
    let images = std::fs::read_dir(home.path().join("store/before-images")).expect("images");
    let saved: usize = images.map(|f| std::fs::read_to_string(f.expect("file").path()).expect("text").lines().count()).sum();
    assert_eq!(saved, 31, "the row and those that hung on it");
    assert_eq!(pg.psql("reaching", "select count(*) from refp").trim(), "0");
    // Rows of a table that inherits are not found by the parent's key, and may have more columns.
    let told = run(&home, 4, "delete from ip where id = 1");
    assert!(told.contains("ic inherits from it"), "{told}");
    // Everyday tables are none of that.
    run(&home, 0, "insert into plain (v) values ('b')");
    run(&home, 0, "update plain set v = 'c' where id = 1");
    assert_eq!(pg.psql("reaching", "select string_agg(v, ',' order by id) from plain").trim(), "c,b");
    pg.psql("reaching", "drop trigger on_part on pt1; create table pt2 partition of pt for values from (10) to (20)");
    run(&home, 0, "update pt set id = 15 where id = 1");
    let told = run(&home, 4, "explain delete from plain where id = 1");
    assert!(told.contains("`holdpoint explain g"), "{told}");
}

/// What the text of a change calls is looked through as a read's is: overloads of known names, `row.function`, bodies of functions that are
/// declared stable, aggregates of users. Casts count where the statement can come to them.
#[test]
fn what_the_text_of_a_change_calls_is_held_on_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("calling");
    let long = "f".repeat(63);
    pg.psql(
        "calling",
        &format!(
            "create sequence acted; create table t (id int primary key, v text); insert into t values (1, 'a');
             create function ev(text) returns text language plpgsql volatile as $$begin execute 'select nextval(''public.acted'')'; return $1; end$$;
             create function lower(int) returns text language plpgsql volatile as $$begin return ev('lower'); end$$;
             create function evt(t) returns text language plpgsql as $$begin return ev('attr'); end$$;
             create function sf(text) returns text language plpgsql stable as $$begin return ev('sf'); end$$;
             create function \"a.b\"(text) returns text language plpgsql stable as $$begin return ev('dot'); end$$;
             create function {long}(text) returns text language plpgsql stable as $$begin return ev('long'); end$$;
             create function indirect(text) returns text language sql stable as $$select {long}xyz($1)$$;
             create function field(text) returns text language plpgsql stable as $$begin return (select x.evt from t x limit 1); end$$;
             create function tsf(text, t) returns text language plpgsql as $$begin return ev('tsf'); end$$; create aggregate max(t) (sfunc = tsf, stype = text);
             create function count(t) returns text language plpgsql as $$begin return ev('count'); end$$;
             create function reads(text) returns text language plpgsql stable as $$begin return upper($1) || (select sum(id) from t); end$$;
             create type cx as (a int); create function cxt(cx) returns text language plpgsql as $$begin return ev('cast'); end$$;
             create cast (cx as text) with function cxt(cx) as assignment; create table holds_cx (id int primary key, c cx); insert into holds_cx values (1, row(1));
             select setval('acted', 1, false)"
        ),
    );
    let home = on_postgres(pg, "calling", "postgres");
    for sql in [
        "update t set v = lower(5) where id = 1",
        "update t set v = (t).evt where id = 1",
        "update t set v = t.evt where id = 1",
        "update t set v = t.\"evt\" where id = 1",
        "update t set v = t . /* */ EVT where id = 1",
        "insert into t select 501, x.evt from t x where id = 1",
        "insert into t values (502, (select x.evt from t x limit 1))",
        "update t set v = 'a' where t.evt is not null and id = 1",
        "delete from t where id = 1 returning t.evt",
        "update t set v = sf(v) where id = 1",
        "update t set v = \"a.b\"(v) where id = 1",
        &format!("update t set v = {long}abc(v) where id = 1"),
        "update t set v = indirect(v) where id = 1",
        "update t set v = field(v) where id = 1",
        "update t set v = (select max(x) from t x) where id = 1",
        "update t set v = count(t) where id = 1",
        "update t set v = t.U&\"\\0065vt\" where id = 1",
        "update t set v = (select c from holds_cx limit 1) where id = 1",
    ] {
        let told = run(&home, 4, sql);
        assert_eq!(pg.psql("calling", "select is_called from acted").trim(), "f", "{sql}: {told}");
        if sql.contains("holds_cx") {
            assert!(told.contains("cast from cx to text"), "{told}");
        }
    }
    run(&home, 4, "select \"a.b\"('x')");
    run(&home, 4, "select field('x')");
    run(&home, 4, "select indirect('x')");
    assert_eq!(pg.psql("calling", "select is_called from acted").trim(), "f");
    run(&home, 0, "update t set v = reads(v) where id = 1");
    run(&home, 0, "update t set v = upper(v), id = 7 where t.id = 1");
    run(&home, 0, "insert into t (id, v) values (8, reverse('x'))");
    assert_eq!(pg.psql("calling", "select string_agg(v, ',' order by id) from t").trim(), "A1,x");
}

/// Rows of the system's catalogue are the schema: no saved row brings back what a change of them takes.
#[test]
fn rows_of_the_catalogue_are_no_data_fix() {
    let pg = PgServer::shared();
    pg.create_database("catalogued");
    pg.psql("catalogued", "create table side (n int); create table information_schema.of_users (n int primary key)");
    let home = on_postgres(pg, "catalogued", "postgres");
    for sql in [
        "delete from pg_class where relname = 'side'",
        "update pg_catalog.pg_authid set rolconnlimit = 5 where rolname = 'postgres'",
        "update pg_attribute set attnotnull = true where attname = 'n'",
        "insert into pg_description values (1, 1, 0, 'x')",
        "delete from information_schema.sql_features",
    ] {
        assert!(run(&home, 4, sql).contains("the system's own"), "{sql}");
    }
    assert_eq!(pg.psql("catalogued", "select count(*) from side").trim(), "0");
    run(&home, 0, "insert into information_schema.of_users values (1)");

    let maria = MariaServer::shared();
    maria.create_database("catalogued");
    let home = on_maria(maria, "catalogued");
    for sql in [
        "update sys.sys_config set value = '65' where variable = 'statement_truncate_len'",
        "delete from mysql.db where user = 'nobody'",
        "update `mysql`.help_topic set name = 'x' where help_topic_id = 1",
    ] {
        assert!(run(&home, 4, sql).contains("the system's own"), "{sql}");
    }

    let home = guarded::home(guarded::SQLITE, 100);
    let db = rusqlite::Connection::open(home.path().join("g.db")).expect("database");
    db.execute_batch(
        "create table a (id integer primary key autoincrement, v); insert into a (v) values (1); create index av on a (v); analyze",
    )
    .expect("data");
    for sql in [
        "update sqlite_sequence set seq = 0",
        "delete from main.SQLITE_STAT1",
        "delete from \"sqlite_sequence\" where name = 'a'",
        "delete from sqlite_schema where name = 'av'",
    ] {
        assert!(run(&home, 4, sql).contains("the system's own") || sql.contains("schema"), "{sql}");
    }
    assert_eq!(db.query_row("select seq from sqlite_sequence", [], |r| r.get::<_, i64>(0)).expect("seq"), 1);
}

#[test]
fn a_default_that_moves_a_sequence_is_held_on_mariadb() {
    let maria = MariaServer::shared();
    if MariaServer::is_mysql() {
        return;
    }
    maria.create_database("reaching");
    maria.sql(
        "reaching",
        "create sequence sq; create table df (id int primary key, v int default nextval(sq)); insert into df values (1, 7)",
    );
    let home = on_maria(maria, "reaching");
    let next = || maria.sql("reaching", "select next_not_cached_value from sq").trim().to_string();
    let before = next();
    for sql in ["insert into df (id) values (2)", "insert into df values (3, default)", "update df set v = default where id = 1"] {
        assert!(run(&home, 4, sql).contains("the default of v moves a sequence"), "{sql}");
    }
    assert_eq!(next(), before);
    run(&home, 0, "update df set v = 8 where id = 1");
}

#[test]
fn rows_that_a_definition_replaces_and_commands_to_virtual_tables_are_held_on_sqlite() {
    let home = guarded::home(guarded::SQLITE, 100);
    let db = rusqlite::Connection::open(home.path().join("g.db")).expect("database");
    db.execute_batch(
        "create table rp (id integer primary key, k unique on conflict replace, v); insert into rp values (1, 1, 1), (2, 2, 2);
         create table src (id integer primary key, b); insert into src values (1, 'hello');
         create virtual table fx using fts5(b, content='src', content_rowid='id'); insert into fx (fx) values ('rebuild');
         create virtual table fc using fts5(b, content=''); insert into fc (rowid, b) values (1, 'hello');",
    )
    .expect("data");
    for sql in ["insert into rp values (5, 1, 5)", "update rp set k = 1 where id = 2"] {
        assert!(run(&home, 4, sql).contains("ON CONFLICT REPLACE"), "{sql}");
    }
    for sql in [
        "insert into fx(fx) values('delete-all')",
        "insert into \"fc\" (rowid, [FC]) values (1, 'delete-all')",
        "insert into main.fx(fx) select 'rebuild'",
    ] {
        assert!(run(&home, 4, sql).contains("is a command to it"), "{sql}");
    }
    let one = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).expect("count");
    assert_eq!((one("select count(*) from rp"), one("select count(*) from fc where fc match 'hello'")), (2, 1));
    run(&home, 0, "insert into fc (rowid, b) values (2, 'world')");
}

/// InnoDB's names of tables are those of files, and its collation knows no case.
#[test]
fn tables_whose_names_are_files_of_a_kind_are_followed_on_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("reach_names");
    maria.sql("reach_names", "create table pp (id int primary key, n text); insert into pp values (1, 'a')");
    for (i, table) in ["kc", "KC", "CON", "ki d/é", "a-b"].iter().enumerate() {
        maria.sql(
            "reach_names",
            &format!("create table `{table}` (id int primary key, p int, constraint z{i} foreign key (p) references pp (id) on delete cascade); insert into `{table}` values (1, 1)"),
        );
    }
    maria.sql("reach_names", "create table Pp (id int primary key, n text); insert into Pp values (1, 'a')");
    let home = guarded::home(&guarded::maria(maria, "reach_names"), 100);
    // No key leads to this one.
    let told = run(&home, 0, "delete from Pp where id = 1");
    assert!(!told.contains("by cascade"), "{told}");
    let told = run(&home, 0, "delete from pp where id = 1");
    for table in ["kc", "KC", "CON", "ki d/é", "a-b"] {
        assert!(told.contains(&format!("Also 1 row of reach_names.{table} by cascade: deleted")), "{table}: {told}");
    }
}

/// A mistyped name does nothing: that is what is said of it, and not that it may write.
#[test]
fn a_function_that_is_not_there_is_said_to_be_missing() {
    let (pg, maria) = (PgServer::shared(), MariaServer::shared());
    pg.create_database("reach_missing");
    maria.create_database("reach_missing");
    let seed = "create table t (id integer primary key, v varchar(9)); insert into t values (1, 'a')";
    pg.psql(
        "reach_missing",
        &format!("{seed}; create function acts(text) returns text language plpgsql volatile as $$begin return $1; end$$"),
    );
    maria.sql("reach_missing", &format!("{seed}; create function acts(v varchar(9)) returns varchar(9) return v; \
        drop user if exists reach_missing@localhost; create user reach_missing@localhost; grant select, insert, update on reach_missing.t to reach_missing@localhost"));
    let lite = guarded::home(guarded::SQLITE, 100);
    guarded::sqlite(&lite, seed);
    let limited = guarded::maria(maria, "reach_missing").replace("user = \"root\"", "user = \"reach_missing\"");
    for (home, says) in [
        (&on_postgres(pg, "reach_missing", "postgres"), "function cuont does not exist"),
        (&on_maria(maria, "reach_missing"), "FUNCTION cuont does not exist"),
        (&guarded::home(&limited, 100), "FUNCTION cuont does not exist, as far as this login may see"),
        (&lite, "no such function: cuont"),
    ] {
        for text in ["select cuont(*) from t", "select upper(cuont(v)) from t", "update t set v = cuont(v)"] {
            let told = run(home, 4, text);
            assert!(told.contains(says) && !told.contains("may write"), "{text}: {told}");
        }
    }
    for home in [on_postgres(pg, "reach_missing", "postgres"), on_maria(maria, "reach_missing")] {
        for text in ["select acts(v) from t", "update t set v = acts(v)"] {
            let told = run(&home, 4, text);
            assert!(told.contains("acts may write"), "{text}: {told}");
        }
    }
    // What looks like a call of a function and is none is not said to be missing.
    let told = run(&on_postgres(pg, "reach_missing", "postgres"), 4, "select v(t) from t");
    assert!(!told.contains("does not exist"), "{told}");
}

/// What the server's catalogue keeps from a login that has rights on single tables only.
#[test]
fn what_a_login_may_not_see_is_looked_up_elsewhere_held_or_told_on_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("reach_lim");
    let sql = |text: &str| maria.sql("reach_lim", text);
    sql("create table p (id int primary key, v varchar(9)); insert into p values (1, 'a'), (2, 'b'), (3, 'c');
         create table read_only (id int primary key, p int, foreign key (p) references p (id) on delete cascade);
         insert into read_only values (11, 1), (12, 1), (13, 2);
         create table q (id int primary key, v int); insert into q values (1, 1), (2, 2);
         create table unseen (id int primary key, q int, foreign key (q) references q (id) on delete cascade); insert into unseen values (1, 1);
         create table f (id int primary key, f float, secret varchar(9)); insert into f values (1, 1.5, 'secret');
         create table e (k enum('z', 'm', 'a') primary key, v int); insert into e values ('z', 1), ('a', 2);
         drop user if exists reach_lim@localhost; create user reach_lim@localhost; grant select on reach_lim.read_only to reach_lim@localhost;
         grant select, insert, update, delete on reach_lim.p to reach_lim@localhost; grant select, delete, update on reach_lim.q to reach_lim@localhost;
         grant select (id, f), delete on reach_lim.f to reach_lim@localhost; grant select, insert on reach_lim.e to reach_lim@localhost");
    let limited = guarded::maria(maria, "reach_lim").replace("user = \"root\"", "user = \"reach_lim\"");
    let home = guarded::home(&limited, 100);
    // The key is shown, and what it does stands in its table's definition.
    let told = run(&home, 0, "delete from p where id = 1");
    assert!(told.contains("2 rows of reach_lim.read_only by cascade: deleted"), "{told}");
    assert!(guarded::saved(&home).contains("\"id\":12"), "{}", guarded::saved(&home));
    // Another table's key is not, as nothing of the table is.
    let told = run(&home, 0, "delete from q where id = 2");
    assert!(told.contains("tables that this login may not see can have foreign keys to these rows"), "{told}");
    let told = run(&home, 0, "update q set v = 7 where id = 1");
    assert!(!told.contains("may not see"), "{told}");
    // With rights on the whole database its own keys are seen, and those of other databases are not; InnoDB tells them to who has PROCESS.
    sql("insert into q values (4, 4), (5, 5)");
    maria.create_database("reach_lim-elsewhere");
    maria.sql(
        "reach_lim-elsewhere",
        "create table kid (id int primary key, q int, foreign key (q) references reach_lim.q (id) on delete cascade); insert into kid values (1, 5);
         create user if not exists reach_all@localhost; grant all on reach_lim.* to reach_all@localhost",
    );
    let home_all = guarded::home(&limited.replace("user = \"reach_lim\"", "user = \"reach_all\""), 100);
    let told = run(&home_all, 0, "delete from q where id = 4");
    assert!(told.contains("tables of other databases that this login may not see can have foreign keys"), "{told}");
    sql("grant process on *.* to reach_all@localhost");
    let told = run(&home_all, 1, "delete from q where id = 5");
    assert!(told.contains("reach_lim-elsewhere.kid") && told.contains("SELECT command denied"), "{told}");
    let told = run(&home_all, 0, "update q set v = 8 where id = 5");
    assert!(!told.contains("may not see"), "{told}");
    assert_eq!(maria.sql("reach_lim-elsewhere", "select count(*) from kid").trim(), "1");
    let told = run(&home, 4, "delete from f where id = 1");
    assert!(told.contains("may not read all of its columns"), "{told}");
    // max() takes an ENUM by its letters: an old row would be told as new.
    let told = run(&home, 0, "insert into e values ('m', 3)");
    assert!(!told.contains("v 1") && told.contains("have two orders"), "{told}");
    // Keys of a table that is not shown lead back to the table itself, and take further rows of it along.
    sql("set foreign_key_checks = 0; create table la (id int primary key, b int, s varchar(9), t int);
         create table lb (id int primary key, a int, foreign key (a) references la (id) on delete cascade);
         alter table la add foreign key (b) references lb (id) on delete cascade; insert into la select seq, null, 'x', 0 from seq_1_to_20;
         insert into lb values (100, 1); update la set b = 100 where id > 17;
         create table na (id int primary key, b int, k int unique);
         create table nb (id int primary key, a int, unique (a), foreign key (a) references na (k) on delete cascade);
         alter table na add foreign key (b) references nb (a) on delete set null; insert into na values (1, 7, 7), (2, 7, null); insert into nb values (1, 7);
         grant select, insert, update, delete on reach_lim.la to reach_lim@localhost; grant select, insert, update, delete on reach_lim.na to reach_lim@localhost");
    for text in ["delete from la order by s limit 3", "delete from la where id = 1"] {
        let told = run(&home, 4, text);
        assert!(told.contains("so it was rolled back"), "{text}: {told}");
    }
    assert_eq!(sql("select count(*) from la").trim(), "20");
    assert!(run(&home, 4, "delete from na where id = 1").contains("so it was rolled back"));
    assert_eq!(sql("select group_concat(b) from na").trim(), "7,7");
    let told = run(&home, 0, "delete from la where id = 2");
    assert!(told.contains("1 row affected") && told.contains("may not see"), "{told}");
    assert!(run(&home, 0, "update la set t = 1 where id < 9").contains("7 rows affected"));
    // Who may change every table of the database is shown every key.
    let told = run(&on_maria(maria, "reach_lim"), 0, "delete from p where id = 2");
    assert!(told.contains("1 row of reach_lim.read_only") && !told.contains("may not see"), "{told}");
}

/// A column that the server sets with each UPDATE is written, too, and foreign keys follow it.
#[test]
fn columns_that_the_server_renews_take_others_along_on_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("reach_renewed");
    let seed = "create table up (id int primary key, v int, ts timestamp(6) not null default current_timestamp(6) on update current_timestamp(6), unique (ts)); \
         insert into up (id, v) values (1, 1); \
         create table uc (id int primary key, ts timestamp(6) null, foreign key (ts) references up (ts) on update cascade); insert into uc select 101, ts from up";
    maria.sql("reach_renewed", seed);
    let home = on_maria(maria, "reach_renewed");
    let told = run(&home, 0, "update up set v = 9 where id = 1");
    assert!(told.contains("1 row of reach_renewed.uc by cascade: changed"), "{told}");
    assert!(guarded::saved(&home).contains("\"id\":101"), "{}", guarded::saved(&home));
}

/// Nobody waits for rows while the catalogue is asked, and it is asked about single tables where that can be.
#[test]
fn keys_are_looked_up_before_rows_are_locked_on_mariadb() {
    let maria = MariaServer::start(&["--general-log=1", "--log-output=TABLE"]);
    maria.create_database("reach_asked");
    let sql = |text: &str| maria.sql("reach_asked", text);
    sql("create table p (id int primary key); insert into p values (1), (2); create table `odd-name` (id int primary key, p int, foreign key (p) references p (id) on delete cascade);
         insert into `odd-name` values (11, 1), (12, 2); create user reach_asked@localhost; grant select, insert, update, delete on reach_asked.* to reach_asked@localhost");
    let root = guarded::maria(&maria, "reach_asked");
    for (id, home) in [(1, root.clone()), (2, root.replace("user = \"root\"", "user = \"reach_asked\""))] {
        let home = guarded::home(&home, 100);
        sql("truncate table mysql.general_log");
        let told = run(&home, 0, &format!("delete from p where id = {id}"));
        assert!(told.contains("1 row of reach_asked.odd-name by cascade: deleted"), "{told}");
        let asked = sql("select argument from mysql.general_log where command_type in ('Query', 'Prepare') order by event_time");
        let place = |words: &str| asked.lines().position(|l| l.contains(words)).unwrap_or_else(|| panic!("{words}: {asked}"));
        assert!(place("REFERENCED_TABLE_NAME") < place("from p where id") && asked.contains("FOR UPDATE"), "{asked}");
        let of_all =
            asked.lines().filter(|l| l.contains("REFERENCED_TABLE_SCHEMA = 'reach_asked'") && !l.contains("k.TABLE_NAME = ")).count();
        assert_eq!(of_all == 0, id == 1, "{asked}");
    }
}
