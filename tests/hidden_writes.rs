//! Reads by their text that write behind their names: each is refused on a read-only target, and nothing happens.

mod support;

use support::maria::MariaServer;
use support::pg::PgServer;

fn refused(home: &std::path::Path, url: &str, sql: &str) {
    for args in [vec!["query", url, sql], vec!["explain", url, "--analyze", sql]] {
        let out = support::command(home).args(&args).output().expect("run");
        let text = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(4), "{args:?}: {text}");
        assert!(text.contains("may write") || text.contains("read"), "{args:?}: {text}");
    }
}

fn allowed(home: &std::path::Path, url: &str, sql: &str) {
    let out = support::command(home).args(["query", url, sql]).output().expect("run");
    assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn behind_names_in_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("hidden");
    let run = |sql: &str| pg.psql("hidden", sql);
    let marker = pg.socket.join("written");
    run(&format!(
        "create function touch() returns int language plpgsql volatile as $$ begin copy (select 1) to program 'touch {}'; return 1; end $$",
        marker.display()
    ));
    run("create table t (id int, name text); insert into t values (1, 'a')");
    run(
        "create view v_touch as select touch() as x; create view v_over as select * from v_touch; create view v_fine as select id, upper(name) as n from t",
    );
    run("create view v_term as select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'nobody'");
    run("create function touch2(a int, b int) returns int language sql volatile as 'select touch()'");
    run("create operator #### (leftarg = int, rightarg = int, function = touch2)");
    run("create function touch1(int) returns boolean language plpgsql volatile as $$ begin perform touch(); return true; end $$");
    run("create domain dbad as int check (touch1(value))");
    run("create aggregate evagg(int) (sfunc = touch2, stype = int, initcond = '0')");
    run("create table guarded_rows (id int); insert into guarded_rows values (1); create policy p on guarded_rows using (touch1(id)); \
         alter table guarded_rows enable row level security; alter table guarded_rows force row level security");
    run("create function label(t) returns text language sql volatile as 'select touch()::text'");
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("hidden"));
    for sql in [
        "select * from v_touch",
        "select * from v_over",
        "select * from v_term",
        "select 1 #### 2",
        "select 7::dbad",
        "select evagg(id) from t",
        "select * from guarded_rows",
        "select t.label from t",
        "select table_to_xml('v_touch', true, true, '')",
    ] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    // What is declared stable cannot write itself, and can call what does.
    let touches = format!("copy (select 1) to '{}'", marker.display());
    run(&format!("create function deep_touch() returns int volatile language plpgsql as $$ begin {touches}; return 1; end $$"));
    run("create function says_stable() returns int stable language sql as $$ select deep_touch() $$");
    run("create function says_immutable(x int) returns int immutable language plpgsql as $$ begin return says_stable() + x; end $$");
    run("create function builds(x text) returns int stable language plpgsql as $$ declare r int; begin execute x into r; return r; end $$");
    run("create function ends(x int) returns bool stable language sql as $$ select pg_terminate_backend(x) $$");
    for sql in ["select says_stable()", "select says_immutable(1)", "select builds('select deep_touch()')", "select ends(0)"] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    run("create function net(x numeric(10,2), y int default 2) returns decimal(10,2) stable language plpgsql as \
         $$ declare s numeric(12,2); begin if (x > 1) then return (x * y)::decimal(10,2); end if; \
         select sum(a) into s from unnest(array[1,2]) as u(a); return coalesce(s, 0) + length(now()::text) + random(); end $$");
    for sql in
        ["select net(1.5)", "select * from v_fine", "select t.name, count(*) from t group by 1", "select * from pg_stat_activity limit 1"]
    {
        allowed(home.path(), &url, sql);
    }
}

/// What an on-call engineer looks at first, and what applications have installed: all of it can be read on a read-only target.
#[test]
fn extensions_do_not_stand_in_the_way_of_reading() {
    const EXTENSIONS: &[&str] = &[
        "adminpack",
        "amcheck",
        "autoinc",
        "bloom",
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "dblink",
        "dict_int",
        "dict_xsyn",
        "earthdistance",
        "file_fdw",
        "fuzzystrmatch",
        "hstore",
        "insert_username",
        "intagg",
        "intarray",
        "isn",
        "lo",
        "ltree",
        "moddatetime",
        "pageinspect",
        "pg_buffercache",
        "pg_freespacemap",
        "pg_prewarm",
        "pg_stat_statements",
        "pg_surgery",
        "pg_trgm",
        "pg_visibility",
        "pg_walinspect",
        "pgcrypto",
        "pgrowlocks",
        "pgstattuple",
        "postgres_fdw",
        "refint",
        "seg",
        "sslinfo",
        "tablefunc",
        "tcn",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
        "xml2",
    ];
    let pg = PgServer::start(&["shared_preload_libraries=pg_stat_statements"]);
    pg.create_database("extended");
    let available = pg.psql("extended", "select name from pg_available_extensions");
    let here: Vec<&str> = EXTENSIONS.iter().copied().filter(|e| available.lines().any(|l| l.trim() == *e)).collect();
    for e in ["pg_stat_statements", "pg_trgm", "hstore", "citext", "intarray", "btree_gist", "pgcrypto", "uuid-ossp"] {
        assert!(here.contains(&e), "{e} is not installed beside the server: {available}");
    }
    for e in &here {
        pg.psql("extended", &format!("create extension if not exists \"{e}\" cascade"));
    }
    pg.psql(
        "extended",
        "create table t (id int primary key, name citext, attrs hstore, tags int[], path ltree, at tstzrange); \
         insert into t values (1, 'A', 'a=>1', '{1,2}', 'a.b', '[2026-01-01,2026-02-01)'); create index on t using gist (at, id); \
         create index on t using gin (attrs); create index on t using gin (tags gin__int_ops); create index on t using gist (path)",
    );
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("extended"));
    for sql in [
        "select * from pg_stat_statements",
        "select calls, query from pg_stat_statements order by calls desc limit 5",
        "select * from pg_stat_statements_info",
        "select * from pg_stat_statements(true)",
        "select count(*) from pg_buffercache",
        "select * from pgstattuple('t')",
        "select * from pgrowlocks('t')",
        "select * from pg_visibility_map_summary('t')",
        "select uuid_generate_v4(), gen_salt('bf'), encode(gen_random_bytes(4), 'hex')",
        "select ssl_is_used()",
        "select count(*) from pg_ls_waldir()",
        "select size from pg_stat_file('PG_VERSION')",
        "select lp, t_xmin from heap_page_items(get_raw_page('t', 0))",
        "select * from bt_metap('t_pkey')",
        "select count(*) from verify_heapam('t')",
        "select * from t where name = 'a' and attrs -> 'a' = '1' and tags @> '{1}' and path ~ 'a.*' order by name, path",
        "select distinct name, attrs from t group by name, attrs order by 1",
        "select name % 'b', similarity(name::text, 'a'), tags & '{1}' from t",
        "select earth_distance(ll_to_earth(0, 0), ll_to_earth(1, 1))",
        "select levenshtein('a', 'b'), unaccent('é'), digest('a', 'sha256')",
    ] {
        allowed(home.path(), &url, sql);
    }
    // By their names alone they are not trusted, and what writes in them is refused as before.
    for sql in [
        "select pg_stat_statements_reset()",
        "select pg_prewarm('t')",
        "select pg_truncate_visibility_map('t')",
        "select * from dblink('dbname=extended', 'delete from t') as x(a text)",
        "select set_limit(0.5)",
        "select * from crosstab('select pg_terminate_backend(1)') as x(a int, b int)",
    ] {
        refused(home.path(), &url, sql);
    }
    if here.contains(&"isn") {
        refused(home.path(), &url, "select isn_weak(true)");
        allowed(home.path(), &url, "select isbn('0-11-000533-3')");
    }
    pg.psql("extended", "create schema other; create function other.uuid_generate_v4() returns int language plpgsql volatile as 'begin delete from t; return 1; end'");
    refused(home.path(), &url, "select other.uuid_generate_v4()");
    assert_eq!(pg.psql("extended", "select count(*) from t").trim(), "1");
}

/// A volatile function in an operator class or an implicit cast closes what can come to it, and nothing else.
#[test]
fn operator_classes_and_casts_count_where_they_can_be_reached() {
    let pg = PgServer::shared();
    pg.create_database("classes");
    let run = |sql: &str| pg.psql("classes", sql);
    let marker = pg.socket.join("classes-written");
    run(&format!(
        "create function touch() returns int language plpgsql volatile as $$ begin copy (select 1) to program 'touch {}'; return 1; end $$",
        marker.display()
    ));
    run(
        "create type pair as (a int, b int); create function pair_cmp(pair, pair) returns int language plpgsql volatile as $$ begin perform touch(); return 0; end $$",
    );
    for (op, name) in [("<", "lt"), ("<=", "le"), ("=", "eq"), (">=", "ge"), (">", "gt")] {
        run(&format!("create function pair_{name}(pair, pair) returns boolean language sql immutable as 'select $1.a {op} $2.a'"));
        run(&format!("create operator {op}{op}{op} (leftarg = pair, rightarg = pair, function = pair_{name})"));
    }
    run(
        "create operator class pair_ops default for type pair using btree as operator 1 <<<, operator 2 <=<=<=, operator 3 ===, operator 4 >=>=>=, \
         operator 5 >>>, function 1 pair_cmp(pair, pair)",
    );
    // A class of its own on a type of the server: used only where an index says so.
    run(
        "create function odd_cmp(int, int) returns int language plpgsql volatile as $$ begin perform touch(); return btint4cmp($1, $2); end $$",
    );
    run(
        "create operator class odd_ops for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 odd_cmp(int, int)",
    );
    run("create table plain (id int primary key, name text); insert into plain select i, 'x' from generate_series(1, 20) i");
    run("create table pairs (p pair); insert into pairs values ((1, 2)), ((2, 3)); create view behind as select p from pairs");
    run("create table arrays (ps pair[]); create table odd (id int); create domain dpair as pair; create table domains (d dpair)");
    run("create table parent (id int); create table child () inherits (parent)");
    // After this every insert and look would touch the marker.
    run("create index on odd using btree (id odd_ops); create index on child using btree (id odd_ops)");
    run(
        "create type money2 as (cents int); create function to_text(money2) returns text language plpgsql volatile as $$ begin perform touch(); return 'x'; end $$; \
         create cast (money2 as text) with function to_text(money2) as implicit; create table prices (m money2); insert into prices values (row(1))",
    );
    run("create function a_pair() returns pair language sql immutable as 'select row(1, 2)::pair'");
    let _ = std::fs::remove_file(&marker);
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("classes"));
    for sql in [
        "select * from plain order by name, id",
        "select name, count(*) from plain where id > 3 and name = 'x' group by name having count(*) > 1",
        "select a.id from plain a join plain b using (id) union select 7 order by 1",
        "select * from pg_stat_activity order by pid",
        "select count(distinct name), array_agg(id order by id) from plain",
    ] {
        allowed(home.path(), &url, sql);
    }
    for sql in [
        "select * from pairs order by p",
        "select p from behind order by 1",
        "select ps from arrays order by ps",
        "select distinct d from domains",
        "select a_pair() as x order by x",
        "select id from odd where id > 0 order by id",
        "select id from parent order by id",
        "select m || 'a' from prices",
        "select array_agg(p order by p) from (select p from behind) as x",
    ] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
}

/// Functions that are declared immutable and call what writes, where the statement does not name them: in operators, aggregates, casts and
/// domains, and in what planning computes beside the statement.
#[test]
fn what_is_falsely_declared_immutable_is_looked_through_everywhere() {
    let pg = PgServer::shared();
    pg.create_database("liars");
    let run = |sql: &str| pg.psql("liars", sql);
    let marker = pg.socket.join("liars-written");
    run(&format!(
        "create function hlp() returns int language plpgsql volatile as $$ begin copy (select 1) to '{}'; return 1; end $$",
        marker.display()
    ));
    run("create function pwn(int) returns int language plpgsql immutable as 'begin perform hlp(); return 1; end';
         create function pwn2(int, int) returns bool language plpgsql immutable as 'begin perform hlp(); return true; end';
         create function pwncmp(int, int) returns int language plpgsql immutable as 'begin perform hlp(); return btint4cmp($1, $2); end';
         create function evs(int, int) returns int language plpgsql immutable as 'begin perform hlp(); return 1; end';
         create aggregate evagg(int) (sfunc = evs, stype = int, initcond = '0');
         create operator #### (leftarg = int, rightarg = int, procedure = pwn2, commutator = @###);
         create domain evild as int check (pwn2(value, 1)); create domain evild2 as int check (value #### 1);
         create type small as (a int); create function to_small(text) returns small language plpgsql immutable as 'begin perform hlp(); return row(1)::small; end';
         create cast (text as small) with function to_small(text);
         create table small_rows (a int, b int); insert into small_rows select i, i from generate_series(1, 200) i;
         create table e1 (id int); insert into e1 values (1); create index e1i on e1 (id) where pwn(1) = 1;
         create table e2 (v int); create operator class ocpwn for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 pwncmp(int, int);
         insert into e2 select generate_series(1, 50); create index on e2 (v ocpwn);
         create table e3 (id int, v int default pwn(1)); create table e4 (id int, v int default (1 #### 2)::int);
         create table e5 (v int); create statistics e5s on (pwn(1) + v) from e5;
         create table e6 (id int, d evild); create function inl(int) returns int language sql volatile as 'select pwn($1)'; create table e7 (id int, v int default inl(1));
         create table e8 (id int); create view e8v as select id from e8; create rule r as on insert to e8v do instead insert into e3 (id) values (new.id)");
    let _ = std::fs::remove_file(&marker);
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("liars"));
    for sql in [
        "select evagg(a) from small_rows where a < 3",
        "select 1 #### 2",
        "select * from small_rows where 1 #### b",
        "select 5::evild",
        "select 5::evild2",
        "select ('x'::text)::small",
        "select * from e1 where id = 1",
        "select * from e2 where v = 3",
        "select * from e5 where v = 5",
    ] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    let explain = |sql: &str| support::command(home.path()).args(["explain", &url, sql]).output().expect("run");
    for sql in [
        "select * from e1 where id = 1",
        "select 1 #### 2",
        "insert into e3 (id) values (1)",
        "insert into e4 (id) values (1)",
        "insert into e6 values (1, 5)",
        "insert into e7 (id) values (1)",
        "insert into e8v values (1)",
        "delete from e1 where id = 1",
        "update small_rows set a = 1 where b = inl(1)",
        "update small_rows set a = 1 where b = U&\"pw\\006e\"(1)",
    ] {
        let out = explain(sql);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(4), "{sql}: {said}");
        assert!(!marker.exists(), "{sql} was run");
        assert!(said.contains("open target") || sql.contains("U&"), "the way on is not named: {said}");
    }
    // What has nothing to do with any of these.
    run("create type ty7 as (a int); create function ty7eq(ty7, ty7) returns bool language plpgsql volatile as 'begin perform hlp(); return true; end';
         create operator = (leftarg = ty7, rightarg = ty7, procedure = ty7eq); create table holds_ty7 (t ty7);
         create function c7(int) returns ty7 language plpgsql volatile as 'begin return row($1)::ty7; end'; create cast (int as ty7) with function c7(int) as assignment;
         create table customers (id serial primary key, name text); create table orders (id serial primary key, customer int check (customer > 0))");
    for sql in [
        "select o.id from orders o join customers c on c.id = o.customer where o.customer = 5 and c.name in ('a') and o.id::text = '1'",
        "select a from small_rows where a = 3 order by b",
    ] {
        allowed(home.path(), &url, sql);
        assert!(explain(sql).status.success(), "{sql}");
    }
    for sql in ["insert into orders (customer) values (7)", "update orders set customer = 7 where id = 5"] {
        let out = explain(sql);
        assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
    }
    refused(home.path(), &url, "select * from holds_ty7 where t = row(1)::ty7");
}

/// Domains, whose conditions are computed wherever a value becomes one: what a function gives, what its variables and its caller's literals
/// become, what an aggregate keeps.
#[test]
fn conditions_of_domains_count_where_a_value_becomes_one() {
    let pg = PgServer::shared();
    pg.create_database("domains");
    let run = |sql: &str| pg.psql("domains", sql);
    let marker = pg.socket.join("domains-written");
    run(&format!(
        "create function ev(text) returns text language plpgsql volatile as $$ begin copy (select 1) to '{}'; return $1; end $$",
        marker.display()
    ));
    run("create domain dv as text check (ev(value) is not null); create table tdv (a dv); create type cd as (a dv);
         create table te (id int, x dv); create table te3 (z dv[]); create type c1 as (a int, x dv); create table tp (id int, c c1);
         create function helper(text) returns boolean language sql as $$ select $1 <> '' and not exists (select 1 from pg_class where relname = $1) $$;
         create function valid(text) returns boolean language plpgsql as $$ begin if $1 like '%@%' then return helper($1); end if; return true; end $$;
         create domain address as text check (valid(value)); create table mails (id int, mail address, more address[])");
    run("create function f33(text) returns dv language plpgsql stable as 'begin return 1; end';
         create function f34(text) returns dv language sql stable as $$ select 'c' $$;
         create function f35(text, out x dv) language plpgsql stable as 'begin x := 1; end';
         create function f43(text) returns int language plpgsql stable as 'declare x tdv.a%type := 1; begin return 1; end';
         create function f44(text) returns int language plpgsql stable as 'declare x tdv%rowtype; begin x.a := 1; return 1; end';
         create function f48(cd) returns int language sql immutable as 'select 1';
         create function g3() returns table (id int, x dv) language sql stable as $$ select 1, 'q' $$;
         create function g8() returns int language plpgsql stable as $$ declare r te; begin select 1, 's' into r; return 1; end $$;
         create function sfd(dv, int) returns dv language sql immutable as 'select $1'; create aggregate ag7(int) (sfunc = sfd, stype = dv, initcond = 'x');
         create function f17(text) returns text language plpgsql stable set standard_conforming_strings = off as
           $$ declare a text := 'a\\'' || ev(chr(120)) || '\\''; begin return a; end $$");
    run("create function mycmp(int, int) returns int language plpgsql immutable as $$ begin perform ev('cmp'); return btint4cmp($1, $2); end $$;
         create operator class evops for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 mycmp(int, int)");
    run("create type er as range (subtype = int, subtype_opclass = evops, multirange_type_name = erm); create table tm (r erm)");
    run("create function poly2(anyelement, text) returns anyelement language plpgsql stable as 'begin return $2; end';
         create function sneaky() returns pg_lsn language internal stable as 'pg_switch_wal';
         create function sneaky8(text, bool, bool, text) returns xml language internal stable strict as 'query_to_xml';
         create function lower_of(text) returns text language internal immutable strict as 'lower';
         create function pol() returns bool language plpgsql as 'begin return true; end';
         create function mk2() returns setof te language sql stable as 'select * from te';
         create function stored() returns text language plpgsql stable as $$ begin return (select q.labelled from te q limit 1); end $$;
         create function labelled(te) returns text language sql as $$ select ev('l') $$;
         create table rules (id int); create policy p on rules for insert with check (pol()); alter table rules enable row level security");
    let _ = std::fs::remove_file(&marker);
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("domains"));
    for sql in [
        "select f33('a')",
        "select f34('a')",
        "select x from f35('a')",
        "select f43('a')",
        "select f44('a')",
        "select f48('(a)')",
        "select * from g3()",
        "select g8()",
        "select ag7(id) from te",
        "select f17('a')",
        "select coalesce(te, '(1,x)') from te",
        "select te from te union all select E'\\x281,x)'",
        "select array[te, '(1,x)'] from te",
        "select * from te3 where z = '{x}'",
        "select array_append(z, 'x') from te3",
        "select * from tm where r @> 3",
        "select '{[1,2)}'::erm",
        "select poly2(x, 'a') from te",
        "select array_append(array_agg(x), 'b') from te",
        "select array_agg(x) || '{b}' from te",
        "select array[x] || '{b}' from te",
        "select lag(x, 1, 'q') over () from te",
        "select te from te union all select row(1, 'x')",
        "select jsonb_populate_record(q, '{\"x\":\"a\"}') from mk2() q",
        "select array_replace(array[c], null, '(1,a)') from tp",
        "select coalesce(c, '(1,a)') from tp",
        "select lag(c, 1, '(1,q)') over () from tp",
        "select * from json_to_record('{\"m\":\"x\"}') as x(m dv)",
        "select stored()",
        "select sneaky()",
        "select sneaky8('select ev(''xml'')', true, true, '')",
    ] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    // A domain whose condition only computes, though its functions are volatile, as any is whose author does not say otherwise.
    for sql in [
        "select * from mails where mail = 'x' and id in (1, 2)",
        "select coalesce(mail, 'x'), more || '{y}', 'z@z'::address from mails",
        "select mails, array[mail] || '{b}' from mails",
        "select max(mail), count(*) from mails where id = '1'",
        "select lower_of('A')",
        "select * from rules",
    ] {
        allowed(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} ran the domain's condition");
    }
    // What is asked of the catalogue takes nothing from a path that has a user's names before the server's.
    run("create schema e; create function e.cardinality(text[]) returns int language plpgsql as $$ begin perform public.ev('c'); return 1; end $$;
         create function e.current_setting(text) returns text language plpgsql as $$ begin perform public.ev('c'); return 'on'; end $$;
         create function e.evo(oid, oid) returns bool language plpgsql as $$ begin perform public.ev('o'); return true; end $$;
         create function e.evn(name, name) returns bool language plpgsql as $$ begin perform public.ev('n'); return true; end $$;
         create operator e.= (leftarg = oid, rightarg = oid, function = e.evo); create operator e.= (leftarg = name, rightarg = name, function = e.evn);
         alter database domains set search_path = e, pg_catalog, public");
    let _ = std::fs::remove_file(&marker);
    for sql in ["select 1", "select abs(id), upper('a') from rules", "select id from rules"] {
        allowed(home.path(), &url, sql);
        assert!(!marker.exists(), "a look-up for {sql} called a user's function");
    }
}

/// The server's own is what initdb made, not what stands in its schemas.
#[test]
fn what_users_put_into_the_schemas_of_the_server_is_looked_into() {
    let pg = PgServer::shared();
    let marker = pg.socket.join("own-written");
    let ev = format!(
        "create function ev(text) returns text language plpgsql volatile as $$ begin copy (select 1) to '{}'; return $1; end $$; \
         create table t (id int, v text); insert into t values (1, 'a')",
        marker.display()
    );
    let home = tempfile::tempdir().expect("home");
    let url = |db: &str| format!("{}?sslmode=disable", pg.url(db));
    let system = |sql: &str| format!("set allow_system_table_mods = on; {sql}");
    pg.create_database("added");
    pg.psql("added", &ev);
    pg.psql(
        "added",
        &system(
            "create view information_schema.vv as select public.ev('is') x; create view over as select x from information_schema.vv;
             create view pg_catalog.pv as select public.ev('is') x;
             create function information_schema.actst() returns text language plpgsql stable as $$begin return public.ev('isf'); end$$;
             create function calls() returns text language sql stable as 'select information_schema.actst()';
             create function pg_catalog.zz_st() returns text language plpgsql stable as $$begin return public.ev('pgc'); end$$;
             create function pg_catalog.lower(int) returns text language plpgsql volatile as $$begin return public.ev('pgc'); end$$;
             create function pg_catalog.uuidv7() returns text language plpgsql volatile as $$begin return public.ev('pgc'); end$$;
             create function pg_catalog.opf(int, int) returns bool language plpgsql immutable as $$begin return public.ev('o') = ''; end$$;
             create operator pg_catalog.#### (leftarg = int, rightarg = int, function = pg_catalog.opf)",
        ),
    );
    for sql in [
        "select * from information_schema.vv",
        "select count(*) from information_schema.vv",
        "table information_schema.vv",
        "select * from over",
        "select * from pv",
        "select information_schema.actst()",
        "select calls()",
        "select zz_st()",
        "select lower(5)",
        "select uuidv7()",
        "select 1 #### 2",
    ] {
        refused(home.path(), &url("added"), sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    // What was put in the place of the server's own keeps its number.
    for (db, replaces, sql) in [
        (
            "replaced_function",
            "create or replace function pg_catalog.quote_nullable(anyelement) returns text language plpgsql stable as $$begin return public.ev('q'); end$$",
            "select quote_nullable(1)",
        ),
        (
            // Inlined where the grammar calls it.
            "replaced_internal",
            "create or replace function pg_catalog.timezone(text, timestamptz) returns timestamp language sql stable as $$select public.ev('q')::timestamp$$",
            "select now() at time zone 'utc'",
        ),
        (
            "replaced_view",
            "create or replace view information_schema.enabled_roles as select a.rolname::information_schema.sql_identifier as role_name \
               from pg_authid a where public.ev('v') is not null",
            "select * from information_schema.enabled_roles",
        ),
        (
            "replaced_aggregate",
            "create function public.sf(text, text) returns text language plpgsql immutable as $$begin return public.ev('a'); end$$; \
             create or replace aggregate pg_catalog.max(text) (sfunc = public.sf, stype = text)",
            "select max(v) from t",
        ),
        (
            "narrowed_domain",
            "create function public.ok(text) returns bool language plpgsql immutable as $$begin return public.ev('d') is not null; end$$; \
             alter domain information_schema.yes_or_no add check (public.ok(value)) not valid",
            "select is_nullable from information_schema.columns",
        ),
    ] {
        pg.create_database(db);
        pg.psql(db, &ev);
        pg.psql(db, &system(replaces));
        refused(home.path(), &url(db), sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    // The server's own can be read as ever, also where its rights were changed since.
    let own = [
        "select * from information_schema.columns limit 1",
        "select * from pg_stat_activity",
        "select round(1.5, 1), obj_description(1, 'pg_class'), lpad('a', 3), age(now()), pg_size_pretty(pg_relation_size('pg_class')), trunc(2.5, 1)",
        "select * from pg_settings limit 1",
        "select * from pg_locks, pg_class limit 1",
        "select * from information_schema.sql_features limit 1",
        "select t::text, random(), clock_timestamp(), pg_ls_waldir() is not null from now() t limit 1",
    ];
    pg.create_database("revoked");
    for sql in own {
        allowed(home.path(), &url("revoked"), sql);
    }
    pg.psql("revoked", "revoke execute on all functions in schema pg_catalog, information_schema from public");
    for sql in own {
        allowed(home.path(), &url("revoked"), sql);
    }
}

/// A type that a user put before the server's own, and a view that only shares its name with what is read.
#[test]
fn names_of_other_schemas_do_not_count() {
    let pg = PgServer::shared();
    pg.create_database("schemas");
    let marker = pg.socket.join("schemas-written");
    pg.psql(
        "schemas",
        &format!(
            "create function ev(text) returns text language plpgsql volatile as $$ begin copy (select 1) to '{}'; return $1; end $$;
             create table t (id int primary key, v text); insert into t values (1, 'a');
             create schema e; create view e.t as select public.ev('t')::int as id;
             create schema d; create domain d.text as pg_catalog.text check (public.ev('dom') is not null);
             create domain d.oid as pg_catalog.oid check (public.ev('dom') is not null)",
            marker.display()
        ),
    );
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("schemas"));
    for sql in ["select id from public.t limit 1", "select t.id in (1, 2) from public . t", "table \"public\".t"] {
        allowed(home.path(), &url, sql);
    }
    for sql in ["select id from e.t", "select id from t", "select id from E . \"t\"", "select a.id from public.t a, e.t b"] {
        refused(home.path(), &url, sql);
    }
    for sql in [
        "set search_path = d, pg_catalog, public; select id from t",
        "set search_path = d, pg_catalog; select lower('A'), id from public.t",
    ] {
        let out = support::command(home.path()).args(["query", &url, sql]).output().expect("run");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() || said.contains("e.t"), "{sql}: {said}");
    }
    let guarded = format!("[targets.g]\nurl = \"{url}\"\nenvironment = \"qa\"\naccess = \"guarded\"\n");
    std::fs::write(home.path().join("holdpoint.toml"), guarded).expect("config");
    let out = support::command(home.path())
        .args(["query", "g", "--commit", "set search_path = d, pg_catalog, public; update t set id = 2 where id = 1"])
        .output()
        .expect("run");
    assert!(!marker.exists(), "a look-up used a user's type: {}", String::from_utf8_lossy(&out.stderr));
}

/// Administrators make views and functions in `sys` and `mysql`, too; the server's own there are read as ever.
#[test]
fn views_in_the_schemas_of_the_server_are_looked_into_on_mariadb() {
    let maria = MariaServer::start(&[]);
    maria.create_database("shop");
    maria.sql("shop", "delimiter //\ncreate function ev() returns int begin set global slow_launch_time = @@global.slow_launch_time + 1; return 1; end //");
    maria.sql("shop", "create table t (id int)");
    let url = maria.url("shop");
    let home = tempfile::tempdir().expect("home");
    let shipped =
        maria.sql("sys", "select table_name from information_schema.views where table_schema = 'sys' and table_name not like 'x$%'");
    let shipped: Vec<&str> = shipped.lines().map(str::trim).filter(|v| !v.is_empty()).collect();
    assert!(shipped.len() > 20, "{shipped:?}");
    let all = shipped.iter().map(|v| format!("select count(*) from (select * from sys.{v} limit 0) x")).collect::<Vec<_>>().join("; ");
    allowed(home.path(), &url, &all);
    allowed(home.path(), &url, "select user, host from mysql.user; select version()");
    maria.sql(
        "shop",
        "create view sys.vshop as select shop.ev() x; create view mysql.vv as select shop.ev() x; create view vsys as select * from sys.vshop;
         create function sys.quiet(a int) returns int reads sql data return a + 1; create view sys.vquiet as select sys.quiet(1) x;
delimiter //\ncreate function sys.loud(a int) returns int begin set global slow_launch_time = 9; return 1; end //",
    );
    maria.sql("shop", "create view vloud as select sys.loud(1) x");
    let before = maria.sql("shop", "select @@global.slow_launch_time");
    for sql in [
        "select * from sys.vshop",
        "select * from `SYS`.vshop",
        "select * from mysql.vv",
        "select * from vsys",
        "select * from vloud",
        "select * from t where id = (select x from sys.vshop)",
        "use sys; select * from vshop",
    ] {
        let out = support::command(home.path()).args(["query", &url, sql]).output().expect("run");
        assert_eq!(out.status.code(), Some(4), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
    }
    allowed(home.path(), &url, "select * from sys.vquiet");
    // In the place of the server's own.
    if !MariaServer::is_mysql() {
        maria.sql(
            "sys",
            "drop function sys.format_time;\ndelimiter //\ncreate function sys.format_time(a bigint) returns text begin set global slow_launch_time = 9; return 'x'; end //",
        );
        refused(home.path(), &url, "select * from sys.waits_global_by_latency");
    }
    assert_eq!(maria.sql("shop", "select @@global.slow_launch_time"), before);
}

#[test]
fn behind_names_in_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("hidden");
    let dir = maria.socket.parent().expect("directory");
    let marker = dir.join("written");
    maria.sql("hidden", "create table t (id int, name varchar(10)); insert into t values (1, 'a')");
    maria.sql(
        "hidden",
        &format!("delimiter //\ncreate function ofile() returns int begin select 1 into outfile '{}'; return 1; end //", marker.display()),
    );
    maria.sql("hidden", "create view v_file as select ofile() as x; create view v_over as select x from v_file; create view v_fine as select id, upper(name) as n from t");
    let home = tempfile::tempdir().expect("home");
    let url = format!("mysql://root@localhost/hidden?socket={}", maria.socket.display());
    maria.sql("hidden", "create function max (a int) returns int return a + 1");
    maria.sql("hidden", "create function `1e5`() returns int return 1; create view v_max as select max (id) as x from t");
    for sql in [
        "select * from v_file",
        "select * from `v_over`",
        "select ofile()",
        "select hidden.1e5()",
        "select * from v_max",
        "select [ofile]()",
    ] {
        refused(home.path(), &url, sql);
        assert!(!marker.exists(), "{sql} was run");
    }
    let json = "select json_detailed('{\"a\":1}'), json_query('{\"a\":[1]}', '$.a'), nvl(null, 1), to_char(now()), chr(65)";
    for sql in ["select * from v_fine", "select count(*) from information_schema.tables", json] {
        allowed(home.path(), &url, sql);
    }
    maria.sql("hidden", "create function natural_sort_key (a int) returns int return ofile()");
    refused(home.path(), &url, "select `natural_sort_key`(1)");
    refused(home.path(), &url, "select natural_sort_key (1)");
}

#[test]
fn a_write_is_planned_and_not_run() {
    let pg = PgServer::shared();
    pg.create_database("planned");
    pg.psql("planned", "create table t (id int primary key, name text); create table log (what text); insert into t select i, 'n' || i from generate_series(1, 100) i");
    pg.psql(
        "planned",
        "create function note() returns trigger language plpgsql as $$ begin insert into log values ('fired'); return new; end $$;
        create trigger noted before update on t for each row execute function note();
        create function really(int) returns int language plpgsql volatile as $$ begin insert into log values ('planned'); return $1; end $$;
        create function writes(int) returns int language plpgsql immutable as $$ begin return really($1); end $$",
    );
    let home = tempfile::tempdir().expect("home");
    let url = format!("{}?sslmode=disable", pg.url("planned"));
    let explain = |sql: &str, more: &[&str]| support::command(home.path()).args(["explain", &url, sql]).args(more).output().expect("run");
    for (sql, word) in [
        ("update t set name = 'x' where id = 7", "Update"),
        ("delete from t where name = 'n3'", "Delete"),
        ("insert into t values (101, 'new') on conflict (id) do update set name = excluded.name", "Insert"),
        ("with gone as (delete from t returning id) select count(*) from gone", "Delete"),
    ] {
        let out = explain(sql, &[]);
        assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
        assert!(String::from_utf8_lossy(&out.stdout).contains(word), "{sql}");
        assert_eq!(explain(sql, &["--analyze"]).status.code(), Some(4), "{sql} is not run");
    }
    // What planning itself would run is not planned.
    let out = explain("update t set name = 'x' where id = writes(7)", &[]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(4) && said.contains("really(integer) may write"), "{said}");
    // A volatile function is not run by planning.
    let out = explain("update t set name = 'x' where id = really(7)", &[]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let left = pg.psql("planned", "select count(*), count(*) filter (where name like 'n%'), (select count(*) from log) from t");
    assert_eq!(left.trim(), "100|100|0");
    // SQLite prepares it and never steps; MariaDB plans it in a transaction that is rolled back.
    let file = home.path().join("t.db");
    let made = std::process::Command::new("sqlite3")
        .arg(&file)
        .arg("create table t (id integer primary key, v); insert into t values (1, 'a')")
        .status();
    assert!(made.expect("sqlite3").success());
    let out = support::command(home.path())
        .args(["explain", file.to_str().expect("path"), "update t set v = 'b' where id = 1"])
        .output()
        .expect("run");
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("SEARCH"), "{}", String::from_utf8_lossy(&out.stderr));
    let maria = MariaServer::shared();
    maria.create_database("planned");
    maria.sql("planned", "create table t (id int primary key); insert into t values (1)");
    let out = support::command(home.path()).args(["explain", &maria.url("planned"), "delete from t where id = 1"]).output().expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(maria.sql("planned", "select count(*) from t").trim(), "1");
}

/// What a session reads by may be set where only reads are taken, and what it reads is judged by it.
#[test]
fn what_a_session_reads_by_can_be_set() {
    let home = tempfile::tempdir().expect("home");
    let file = |url: &str, text: &str| {
        let path = home.path().join("q.sql");
        std::fs::write(&path, text).expect("file");
        let out = support::command(home.path()).args(["query", url, "--format", "csv", "-f"]).arg(&path).output().expect("run");
        (out.status.code(), format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
    };
    let pg = PgServer::shared();
    pg.create_database("sets");
    let marker = pg.socket.join("sets-written");
    pg.psql(
        "sets",
        &format!(
            "create schema sales; create table sales.here (v text); insert into sales.here values ('of sales'); create schema evil;
             create function evil.lower(text) returns text language plpgsql as $$ begin copy (select 1) to '{}'; return $1; end $$",
            marker.display()
        ),
    );
    let url = format!("{}?sslmode=disable", pg.url("sets"));
    let (code, said) =
        file(&url, "set search_path = sales;\nset session work_mem to '8MB';\nselect v, current_setting('work_mem') as m from here;\n");
    assert!(code == Some(0) && said.contains("of sales,8MB"), "{said}");
    let (code, said) = file(&url, "set search_path = evil, pg_catalog;\nselect lower('A');\n");
    assert!(code == Some(4) && said.contains("lower(text) may write") && !marker.exists(), "{said}");
    let (code, said) = file(&url, "set search_path = sales;\ninsert into here values ('x');\n");
    assert!(code == Some(4) && said.contains("INSERT"), "{said}");
    for sql in ["set default_transaction_read_only = off", "set transaction_read_only = off", "set role postgres", "reset all"] {
        let (code, said) = file(&url, sql);
        assert!(code == Some(4) && said.contains("may be set here"), "{sql}: {said}");
    }
    let (code, said) = file(&url, "begin");
    assert!(code == Some(4) && said.contains("is one statement"), "{said}");
    assert_eq!(pg.psql("sets", "select count(*) from sales.here").trim(), "1");

    let maria = MariaServer::shared();
    maria.create_database("sets");
    maria.create_database("sets_other");
    maria.sql("sets_other", "create table here (v int); insert into here values (7); create function own() returns int return 1");
    let url = format!("mysql://root@localhost/sets?socket={}", maria.socket.display());
    let (code, said) = file(&url, "use sets_other;\nset @a = 5, time_zone = '+03:00';\nselect v, @a as a, @@time_zone as z from here;\n");
    assert!(code == Some(0) && said.contains("7,5,+03:00"), "{said}");
    let (code, said) = file(&url, "use sets_other;\nselect own();\n");
    assert!(code == Some(4), "{said}");
    let (code, said) = file(&url, "use sets_other;\ninsert into here values (8);\n");
    assert!(code == Some(4), "{said}");
    for sql in ["set session transaction read write", "set tx_read_only = 0", "set global time_zone = '+00:00'", "set sql_mode = 'ANSI'"] {
        let (code, said) = file(&url, sql);
        assert!(code == Some(4), "{sql}: {said}");
    }
    assert_eq!(maria.sql("sets_other", "select count(*) from here").trim(), "1");
}
