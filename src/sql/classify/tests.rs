use super::*;
use crate::sql::split::tests::sqlish;
use Dialect::{MySql, Postgres, Sqlite};
use proptest::prelude::*;

const ALL: [Dialect; 3] = [Postgres, MySql, Sqlite];

#[track_caller]
fn read(d: Dialect, text: &str) -> Verdict {
    let v = classify(d, text);
    assert_eq!(v.class, Class::Read, "{d:?} {text}: {}", v.reason);
    assert!(v.reason.is_empty());
    v
}

/// A read whose every call is harmless.
#[track_caller]
fn clean(d: Dialect, text: &str) {
    let v = read(d, text);
    assert!(v.functions.is_empty(), "{d:?} {text}: {:?}", v.functions);
}

#[track_caller]
fn not(d: Dialect, text: &str, class: Class, reason: &str) {
    let v = classify(d, text);
    assert_eq!(v.class, class, "{d:?} {text}: {}", v.reason);
    assert!(v.reason.to_lowercase().contains(&reason.to_lowercase()), "{d:?} {text}: {}", v.reason);
    assert!(v.functions.is_empty() && !v.analyzes);
}

/// Anything but a read, whatever it is called.
#[track_caller]
fn may_write(d: Dialect, text: &str) {
    let v = classify(d, text);
    assert_ne!(v.class, Class::Read, "{d:?} {text}");
    assert!(!v.reason.is_empty());
}

#[test]
fn dates_in_braces_are_constants() {
    clean(MySql, "SELECT {d '2024-01-01'}, {T'10:00:00'}, { ts /* when */ '2024-01-01 10:00:00' } FROM t WHERE a >= {d '2024-01-01'}");
    for text in [
        "SELECT {d f()}",
        "SELECT {d 'a' || f()}",
        "SELECT {d (SELECT 1)}",
        "SELECT {x 'a'}",
        "SELECT {d 'a'",
        "SELECT {d 'a'; DROP TABLE t}",
        "SELECT {d /*! f() */ 'a'}",
        "SELECT {d \"a\"}",
        "SELECT {`d` 'a'}",
        "SELECT {}",
        "{d 'a'}",
        "{d 'a'} INTO OUTFILE 'x'",
    ] {
        may_write(MySql, text);
    }
    may_write(MySql, "SELECT {d '2024-01-01'} INTO OUTFILE 'x'");
    may_write(MySql, "SELECT {d 'a\\'}, f() INTO OUTFILE 'x' -- '}");
    may_write(Postgres, "SELECT {d '2024-01-01'}");
}

#[test]
fn ordinary_reads() {
    for d in ALL {
        for text in [
            "SELECT 1",
            "select 1;  -- done\n",
            "/* why */ SELECT a, t.b AS c FROM t JOIN u USING (id) WHERE a IN (1, 2) AND NOT EXISTS (SELECT 1 FROM v) ORDER BY a DESC LIMIT 10 OFFSET 5",
            "SELECT count(*), max(x), coalesce(a, 'into; delete') FROM t GROUP BY b HAVING count(*) > 1",
            "WITH a AS (SELECT 1 AS x), b (y) AS (SELECT x FROM a) SELECT * FROM b UNION ALL SELECT 2 EXCEPT SELECT 3",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
            "VALUES (1, 'a'), (2, 'b')",
            "SELECT CASE WHEN a > 1 THEN 'x' ELSE (SELECT max(b) FROM t) END, CAST(a AS decimal(10, 2)) FROM (SELECT 1 AS a) s",
            "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t",
            "SELECT t.name, t.type, t.status, t.comment FROM t",
        ] {
            clean(d, text);
        }
    }
}

#[test]
fn postgres_reads() {
    for text in [
        "TABLE t",
        "(SELECT 1) UNION (SELECT 2)",
        "((SELECT 1))",
        "SHOW search_path",
        "SHOW pg_stat_statements.track",
        "EXPLAIN SELECT 1",
        "EXPLAIN VERBOSE SELECT 1",
        "EXPLAIN (FORMAT JSON, VERBOSE) WITH a AS (SELECT 1) SELECT * FROM a",
        "EXPLAIN (SELECT 1)",
        "SELECT substring(a from 1 for 2), overlay(a placing 'x' from 1 for 2), extract(year from now()), trim(both ' ' from a) FROM t",
        "SELECT a::numeric(10,2), b::varchar(3)[], '{}'::jsonb ->> 'x', now() at time zone 'utc' FROM t",
        "SELECT DISTINCT ON (a) a, string_agg(b, ',' ORDER BY b) FILTER (WHERE b IS NOT NULL) FROM t GROUP BY ROLLUP (a), CUBE (b), GROUPING SETS ((a), ())",
        "SELECT * FROM generate_series(1, 3) g(i), LATERAL (SELECT i) x(y), unnest(ARRAY[1,2]) WITH ORDINALITY u(v, n)",
        "SELECT * FROM (VALUES (1, 2)) v(a, b) TABLESAMPLE system (10) REPEATABLE (1)",
        "SELECT pg_catalog.lower('X'), lower(E'it\\'s'), $$into$$, U&'\\0041', array(select 1)",
        "SELECT $1::int, ($2).into, t.update, x AS into, x AS delete FROM t FETCH FIRST 5 ROWS WITH TIES",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM t",
        "WITH RECURSIVE n(i) AS MATERIALIZED (SELECT 1) SEARCH DEPTH FIRST BY i SET o CYCLE i SET c USING p SELECT * FROM n",
        "WITH a AS NOT MATERIALIZED (VALUES (1)) TABLE a",
        "SELECT a OPERATOR(pg_catalog.~) 'x' FROM t",
        "SELECT * FROM t FOR READ ONLY",
        "SELECT open, close, lock, name, value, type, key, release FROM trades",
        "SELECT pg_sleep(1), pg_relation_size('t'), random(), current_setting('x')",
        "SELECT a FROM ONLY (t) WHERE b IN (WITH x AS (SELECT 1) SELECT * FROM x)",
        "SELECT '\\' AS b",
        "SELECT 'a\\d+' ~ 'x\\.y', 'z'",
    ] {
        clean(Postgres, text);
    }
    assert!(read(Postgres, "EXPLAIN ANALYZE SELECT 1").analyzes);
    assert!(read(Postgres, "EXPLAIN ANALYZE VERBOSE SELECT 1").analyzes);
    for on in [
        "ANALYZE",
        "ANALYZE true",
        "ANALYZE on",
        "analyze 1",
        "ANALYZE 'true'",
        "FORMAT JSON, ANALYZE",
        "\"analyze\" true",
        "analyze off, analyze on",
    ] {
        assert!(read(Postgres, &format!("EXPLAIN ({on}) SELECT 1")).analyzes, "{on}");
    }
    for off in ["ANALYZE false", "ANALYZE off", "ANALYZE 0", "COSTS"] {
        assert!(!read(Postgres, &format!("EXPLAIN ({off}) SELECT 1")).analyzes, "{off}");
    }
}

#[test]
fn mysql_reads() {
    for text in [
        "SHOW TABLES",
        "SHOW CREATE TABLE t",
        "SHOW FULL PROCESSLIST",
        "SHOW GRANTS FOR 'root'@'localhost'",
        "SHOW VARIABLES WHERE Variable_name LIKE 'a%' AND lower(Value) = 'on'",
        "DESCRIBE t",
        "DESC db.t",
        "EXPLAIN t col",
        "EXPLAIN FORMAT=JSON SELECT 1",
        "EXPLAIN EXTENDED SELECT 1",
        "EXPLAIN FOR CONNECTION 12",
        "(SELECT 1) LIMIT 1",
        "SELECT SQL_NO_CACHE INSERT('abc', 1, 1, 'x'), REPLACE(a, 'b', 'c'), TRUNCATE(1.5, 0), IF(a, 1, 2), LEFT(a, 1), REPEAT('a', 2) FROM t",
        "SELECT * FROM t USE INDEX FOR ORDER BY (PRIMARY) IGNORE INDEX (b) WHERE MATCH (a, b) AGAINST ('x' IN BOOLEAN MODE)",
        "SELECT * FROM t PARTITION (p0) FOR SYSTEM_TIME AS OF NOW()",
        "SELECT @@global.max_connections, @a, DATE_ADD(NOW(), INTERVAL 1 DAY), LAST_INSERT_ID()",
        "SELECT CONVERT(a USING utf8mb4), CAST(a AS CHAR(10) CHARACTER SET utf8mb4), GROUP_CONCAT(a SEPARATOR ',') FROM t",
        "SELECT 'it\\'s', \"say \\\"x\\\"\", 'b'",
        "SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1 FROM dual",
        "SELECT \\N, 1 -- x\n",
    ] {
        clean(MySql, text);
    }
    assert!(read(MySql, "ANALYZE FORMAT=JSON SELECT 1").analyzes);
    assert!(read(MySql, "ANALYZE SELECT 1").analyzes);
    assert!(read(MySql, "EXPLAIN ANALYZE FORMAT=TREE SELECT 1").analyzes);
}

#[test]
fn sqlite_reads() {
    for text in [
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT * FROM t",
        "PRAGMA table_info(t)",
        "PRAGMA main.table_info('t')",
        "PRAGMA index_list([my table])",
        "PRAGMA user_version",
        "PRAGMA main.journal_mode;",
        "PRAGMA integrity_check(10)",
        "SELECT replace(a, 'x', 'y'), iif(a, 1, 2), [odd name], \"q\", `b` FROM t INDEXED BY i WHERE a GLOB 'x*' AND b MATCH 'y'",
        "SELECT * FROM pragma_table_info('t') p, json_each('[1]')",
        "SELECT ?1, :a, @b, $c, x'00', key, action FROM t",
        "SELECT '\\'",
    ] {
        clean(Sqlite, text);
    }
}

#[test]
fn what_lets_others_be_bypassed() {
    // clients.md A: several statements, EXPLAIN ANALYZE of a write, a write in WITH; and what a verb filter misses.
    for d in ALL {
        not(d, "SELECT 1; DELETE FROM t", Class::Other, "more than one");
        not(d, "SELECT 1; DROP TABLE t", Class::Other, "more than one");
        not(d, "SELECT 1;;SELECT 2", Class::Other, "more than one");
        may_write(d, "EXPLAIN ANALYZE DELETE FROM t");
        may_write(d, "EXPLAIN DELETE FROM t");
        not(d, "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", Class::Dml, "DELETE in WITH writes");
        not(d, "WITH d AS (SELECT 1) INSERT INTO t SELECT * FROM d", Class::Dml, "INSERT after WITH writes");
        may_write(d, "CALL p()");
        may_write(d, "EXPLAIN SELECT 1; COMMIT; DROP TABLE t");
        not(d, "CREATE UNIQUE INDEX i ON t (a)", Class::Ddl, "CREATE");
        not(d, "CREATE OR REPLACE FUNCTION f() RETURNS int AS 'x'", Class::Ddl, "CREATE");
        may_write(d, "VACUUM FULL");
        may_write(d, "CREATE ROLE x");
        may_write(d, "GRANT ALL ON t TO x");
    }
    not(Postgres, "DO $$ BEGIN DELETE FROM t; END $$", Class::Other, "DO");
    not(Postgres, "COPY t FROM STDIN", Class::Other, "COPY");
    not(Postgres, "COPY (SELECT 1) TO PROGRAM 'rm'", Class::Other, "COPY");
    may_write(Postgres, "COPY (DELETE FROM t RETURNING *) TO STDOUT");
    // clients.md E: EXPLAIN (ANALYZE, …) before every statement.
    not(Postgres, "EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", Class::Other, "UPDATE");
    not(MySql, "ANALYZE FORMAT=JSON DELETE FROM t", Class::Other, "ANALYZE");
    // plans.md §4: what ran inside BEGIN READ ONLY.
    for text in [
        "EXPLAIN (ANALYZE) CREATE TABLE x AS SELECT 1",
        "EXPLAIN ANALYZE SELECT 1 INTO x",
        "EXPLAIN ANALYZE CREATE MATERIALIZED VIEW v AS SELECT 1",
        "SELECT lo_create(0)",
        "SELECT pg_notify('a', 'b')",
        "SELECT pg_advisory_lock(1)",
        "SELECT set_config('a', 'b', false)",
        "SELECT pg_switch_wal()",
        "SELECT txid_current()",
        "CREATE TEMP TABLE x (a int)",
        "EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT 1",
        "DECLARE c CURSOR FOR SELECT 1",
        "EXPLAIN ANALYZE EXECUTE p(1)",
        "EXECUTE p(1)",
        "PREPARE p AS DELETE FROM t",
        "FETCH ALL FROM c",
    ] {
        may_write(Postgres, text);
    }
    not(MySql, "TRUNCATE t", Class::Ddl, "TRUNCATE");
    not(MySql, "ANALYZE TABLE t", Class::Other, "ANALYZE");
    may_write(Sqlite, "ATTACH 'x.db' AS x");
    may_write(Sqlite, "PRAGMA query_only = OFF");
}

#[test]
fn writes_inside_a_select() {
    not(Postgres, "SELECT * INTO x FROM t", Class::Ddl, "creates a table");
    not(Postgres, "SELECT 1 AS as INTO x", Class::Ddl, "creates a table");
    not(Postgres, "SELECT t.as INTO x FROM t", Class::Ddl, "creates a table");
    not(Postgres, "SELECT 1.INTO x", Class::Ddl, "creates a table");
    not(Postgres, "SELECT 1INTO x", Class::Ddl, "creates a table");
    not(Postgres, "SELECT * FROM t FOR UPDATE", Class::Other, "FOR UPDATE takes row locks");
    not(Postgres, "SELECT * FROM t FOR NO KEY UPDATE", Class::Other, "row locks");
    not(Postgres, "SELECT * FROM (SELECT * FROM t FOR SHARE) x", Class::Other, "FOR SHARE");
    not(Postgres, "SELECT * FROM t FOR KEY SHARE SKIP LOCKED", Class::Other, "row locks");
    not(Postgres, "SELECT (WITH d AS (UPDATE t SET a = 1 RETURNING a) SELECT a FROM d)", Class::Dml, "UPDATE in WITH");
    not(
        Postgres,
        "WITH a AS (SELECT 1), d AS MATERIALIZED (MERGE INTO t USING a ON true WHEN MATCHED THEN DELETE) SELECT 1",
        Class::Dml,
        "MERGE",
    );
    not(Postgres, "WITH a AS (WITH b AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT * FROM b) SELECT * FROM a", Class::Dml, "INSERT");
    not(MySql, "SELECT 1 INTO OUTFILE '/tmp/x'", Class::Other, "INTO OUTFILE writes a file");
    not(MySql, "SELECT 1.INTO DUMPFILE '/tmp/x'", Class::Other, "INTO DUMPFILE");
    not(MySql, "SELECT 1e5INTO DUMPFILE '/tmp/x'", Class::Other, "INTO DUMPFILE");
    not(MySql, "SELECT a FROM t INTO @x", Class::Session, "INTO sets a user variable");
    not(MySql, "SELECT @a := @a + 1", Class::Session, "user variable");
    not(MySql, "SELECT @a := f()", Class::Other, "`f`");
    not(MySql, "SELECT * FROM t LOCK IN SHARE MODE", Class::Other, "row locks");
    not(MySql, "SELECT * FROM t FOR UPDATE", Class::Other, "row locks");
    not(MySql, "SELECT * FROM t PROCEDURE ANALYSE()", Class::Other, "PROCEDURE");
    not(MySql, "SELECT NEXT VALUE FOR s", Class::Other, "moves a sequence");
    not(MySql, "SELECT NEXTVAL(s)", Class::Other, "moves a sequence");
    not(MySql, "SELECT s.nextval", Class::Other, "moves a sequence");
    not(MySql, "TABLE t INTO OUTFILE 'x'", Class::Other, "INTO OUTFILE");
    not(MySql, "SHOW TABLES WHERE sys_exec('x')", Class::Other, "sys_exec");
    not(MySql, "SHOW COLUMNS FROM t WHERE EXISTS (WITH RECURSIVE c AS (SELECT 1) SELECT * FROM c)", Class::Other, "WITH");
    not(MySql, "SHOW INDEX FROM t WHERE @a := 7", Class::Session, "user variable");
    not(MySql, "HANDLER t OPEN", Class::Other, "HANDLER");
    not(MySql, "LOAD DATA INFILE 'x' INTO TABLE t", Class::Other, "LOAD");
    may_write(MySql, "EXPLAIN INTO @a SELECT 1");
    may_write(MySql, "EXPLAIN CALL p()");
    may_write(MySql, "DESC t INTO OUTFILE 'x' x");
}

#[test]
fn functions_are_named_or_denied() {
    assert_eq!(read(Postgres, "SELECT my_fn(1), app.Other(2), \"Mixed\"(3), lower('x')").functions, ["my_fn", "app.other", "Mixed"]);
    assert_eq!(read(Postgres, "SELECT my_fn(1), lower('x')").calls, ["my_fn", "lower"]);
    assert_eq!(read(Postgres, "SELECT t.f, (t).\"G\", a.b.c(1) FROM t").fields, ["f", "G", "b"]);
    assert_eq!(read(Postgres, "SELECT public.lower('x')").functions, ["public.lower"]);
    assert_eq!(read(Postgres, "SELECT * FROM f(1) AS (values int)").functions, ["f"]);
    assert_eq!(read(Postgres, "SELECT DISTINCT ON (a) f(a) FROM t").functions, ["f"]);
    assert_eq!(read(Postgres, "SELECT first(a), next(b), by(c), filter(d) FROM t").functions, ["first", "next", "by", "filter"]);
    assert_eq!(read(MySql, "SELECT app.f(1), `G`(2)").functions, ["app.f", "g"]);
    for text in [
        "SELECT pg_terminate_backend(1)",
        "SELECT PG_Cancel_Backend (1)",
        "SELECT pg_catalog.nextval('s')",
        "SELECT \"nextval\"('s')",
        "SELECT pg_catalog . \"nextval\" /* x */ ('s')",
        "SELECT * FROM dblink('c', 'DELETE FROM t') AS t(a int)",
        "SELECT setval('s', 1)",
        "SELECT lo_unlink(1)",
        "SELECT pg_read_file('x')",
        "SELECT query_to_xml('delete from t', true, true, '')",
        "SELECT pg_drop_replication_slot('x')",
        "SELECT 1 FROM t WHERE pg_try_advisory_lock(1)",
        "SELECT U&\"\\006eextval\"('s')",
        "SELECT U&\"!006eextval\" UESCAPE '!' ('s')",
        "SELECT 1 OPERATOR(public.+) 2",
        "SELECT \"a.b\"('s')",
    ] {
        not(Postgres, text, Class::Other, "");
    }
    not(Postgres, "SELECT pg_terminate_backend(1)", Class::Other, "`pg_terminate_backend` ends another session");
    for text in [
        "SELECT GET_LOCK('a', 1)",
        "SELECT load_file('/etc/passwd')",
        "SELECT x.`Sys_Exec`('id')",
        "SELECT last_insert_id(5)",
        "SELECT \"get_lock\"('a', 1)",
    ] {
        not(MySql, text, Class::Other, "");
    }
    for text in [
        "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')",
        "SELECT edit('x')",
        "SELECT fts3_tokenizer('x', y)",
        "SELECT [load_extension]('x')",
        "SELECT * FROM pragma_optimize",
        "SELECT * FROM \"pragma_wal_checkpoint\"",
    ] {
        not(Sqlite, text, Class::Other, "");
    }
}

#[test]
fn where_scanners_disagree() {
    // A string that PostgreSQL continues with its escapes.
    may_write(Postgres, "SELECT E'a'\n'\\''; DROP TABLE t; --'");
    // Read either way by standard_conforming_strings and by NO_BACKSLASH_ESCAPES or ANSI_QUOTES.
    may_write(Postgres, "SELECT '\\', ' INTO x --'");
    may_write(MySql, "SELECT 'a\\' INTO OUTFILE ''x'' -- '");
    may_write(MySql, "SELECT '\\' INTO DUMPFILE 'x' -- '");
    may_write(MySql, "SELECT \"\\\" INTO @a -- \"");
    for d in ALL {
        may_write(d, "SELECT 'abc");
        may_write(d, "SELECT 1 /* abc");
        may_write(d, "SELECT \"abc");
        may_write(d, "SELECT 1 -- \0\nDROP TABLE t");
        may_write(d, "SELECT (1");
        may_write(d, "SELECT 1)");
        may_write(d, "");
        may_write(d, " -- only this");
        may_write(d, ";");
        may_write(d, "SELECT 1 SELECT 2");
        may_write(d, "1 SELECT");
    }
    may_write(MySql, "SELECT 1 /*! INTO OUTFILE 'x' */");
    may_write(MySql, "SELECT 1 /*M! INTO OUTFILE 'x' */");
    may_write(MySql, "/*!50000 DROP TABLE t */");
    not(MySql, "SELECT /*!40001 SQL_NO_CACHE */ 1", Class::Other, "version comment");
    may_write(MySql, "SELECT $$'$$ INTO OUTFILE 'x' -- '");
    // A line feed ends the comment for SQLite, a carriage return does not; for PostgreSQL it does.
    may_write(Postgres, "SELECT 1 -- x\r INTO t");
    read(Sqlite, "SELECT 1 -- x\r DROP TABLE t");
    may_write(Sqlite, "SELECT $a('); DELETE FROM t; --')");
    may_write(Postgres, "SELECT 1 \\gexec");
}

#[test]
fn other_classes() {
    for d in ALL {
        not(d, "INSERT INTO t VALUES (1)", Class::Dml, "INSERT writes");
        not(d, "update t set a = 1", Class::Dml, "UPDATE writes");
        not(d, "BEGIN", Class::Transaction, "BEGIN");
        not(d, "COMMIT", Class::Transaction, "COMMIT");
        not(d, "ROLLBACK TO SAVEPOINT a", Class::Transaction, "ROLLBACK");
        not(d, "ALTER TABLE t ADD COLUMN a int", Class::Ddl, "ALTER");
        not(d, "DELETE FROM t; SELECT 1", Class::Other, "more than one");
        may_write(d, "FROBNICATE t");
    }
    not(Postgres, "SET search_path = a, b", Class::Session, "SET");
    not(Postgres, "SET TRANSACTION READ WRITE", Class::Transaction, "SET TRANSACTION");
    not(Postgres, "COMMENT ON TABLE t IS 'x'", Class::Ddl, "COMMENT");
    not(Postgres, "COMMIT PREPARED 'x'", Class::Other, "COMMIT");
    not(MySql, "REPLACE INTO t VALUES (1)", Class::Dml, "REPLACE");
    not(MySql, "SET NAMES utf8mb4", Class::Session, "SET");
    not(MySql, "SET @a := 1", Class::Session, "SET");
    not(MySql, "SET GLOBAL max_connections = 1", Class::Other, "beyond the session");
    not(MySql, "SET @@GLOBAL.x = 1", Class::Other, "beyond the session");
    not(MySql, "SET @a = f()", Class::Other, "`f`");
    not(MySql, "SET STATEMENT x=1 FOR DELETE FROM t", Class::Other, "SET");
    not(MySql, "BEGIN NOT ATOMIC DELETE FROM t", Class::Other, "BEGIN");
    not(MySql, "USE db", Class::Session, "USE");
    not(MySql, "START SLAVE", Class::Other, "START");
    not(Sqlite, "PRAGMA foreign_keys = ON", Class::Session, "PRAGMA");
    not(Sqlite, "PRAGMA cache_size(100)", Class::Session, "PRAGMA");
    not(Sqlite, "PRAGMA journal_mode(wal)", Class::Other, "writes to the file");
    not(Sqlite, "PRAGMA user_version = 5", Class::Other, "writes to the file");
    not(Sqlite, "PRAGMA optimize", Class::Other, "acts on the database");
    not(Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)", Class::Other, "acts on the database");
    not(Sqlite, "PRAGMA made_up", Class::Other, "not on the list");
    not(Sqlite, "SHOW TABLES", Class::Other, "SHOW");
}

#[test]
fn deep_and_long_text_is_judged_quickly() {
    let deep = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let long = format!("SELECT {} FROM t", vec!["f(a) + b"; 50_000].join(", "));
    let withs = format!("{}SELECT 1{}", "WITH a AS (".repeat(50_000), ") SELECT 1".repeat(50_000));
    let begun = std::time::Instant::now();
    for d in ALL {
        read(d, &deep);
        read(d, &long);
        read(d, &withs);
    }
    assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Postgres), Just(MySql), Just(Sqlite)]
}

proptest! {
    #[test]
    fn any_text_gets_a_verdict(d in dialect(), text in prop_oneof![sqlish(), any::<String>(), sqlish().prop_map(|s| format!("SELECT {s}"))]) {
        let v = classify(d, &text);
        prop_assert_eq!(v.class == Class::Read, v.reason.is_empty());
    }

    /// Whatever stands before it: a statement behind a terminator is seen, or the text is no read at all.
    #[test]
    fn a_read_hides_no_second_statement(d in dialect(), text in prop_oneof![sqlish(), Just(" 1".to_owned())]) {
        let text = format!("SELECT {text}; DROP TABLE t");
        let v = classify(d, &text);
        if v.class == Class::Read {
            // Only inside a string, a name or a comment may it stand.
            let tokens = crate::sql::lex(d, &text);
            prop_assert!(tokens.iter().all(|t| t.kind != TokenKind::Semicolon || tokens.iter().filter(|u| u.span.start > t.span.start)
                .all(|u| matches!(u.kind, TokenKind::Semicolon | TokenKind::Comment | TokenKind::Whitespace))));
            prop_assert!(!tokens.iter().any(|t| text[t.span.clone()].eq_ignore_ascii_case("drop")));
        }
    }

    /// A word that writes, as a word of its own, never passes as a read: wherever it stands, it is refused or a name.
    #[test]
    fn writing_words_are_never_read(d in dialect(), before in "[a-z(), .*]{0,12}", verb in prop::sample::select(vec!["INSERT", "UPDATE", "DELETE", "DROP", "INTO"])) {
        let text = format!("SELECT {before} {verb} x");
        let v = classify(d, &text);
        if v.class == Class::Read {
            let lead = before.trim_end();
            prop_assert!(lead.ends_with('.') || lead == "as" || lead.ends_with(" as") || lead.ends_with(['(', ')', ',', '.', '*']) && lead.ends_with('.'), "{}", text);
        }
    }
}
