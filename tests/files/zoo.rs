//! A zoo of types on each engine: what is exported is loaded into a copy by the engine's own client and must be the same there,
//! and the text of every value is that of the client.

use super::support::project::Project;
use std::process::{Command, Stdio};

/// The fields of a CSV file; `None` is an empty field without quotes.
fn csv(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    let (mut field, mut quoted, mut inside) = (String::new(), false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => (inside, quoted) = (!inside, true),
            ',' | '\n' if !inside => {
                row.push((quoted || !field.is_empty()).then(|| std::mem::take(&mut field)));
                quoted = false;
                if c == '\n' {
                    rows.push(std::mem::take(&mut row));
                }
            }
            '\r' if !inside && chars.peek() == Some(&'\n') => {}
            c => field.push(c),
        }
    }
    rows
}

/// The zoo as a file of that ending.
fn exported(p: &Project, ending: &str) -> String {
    let file = p.path(&format!("zoo{ending}"));
    let mut args = vec!["query", "app-dev", "select * from zoo order by id", "--output", file.to_str().expect("path")];
    if ending == ".sql" {
        args.extend(["--into", "zoo_copy"]);
    }
    p.ok(&args);
    std::fs::read_to_string(file).expect("UTF-8")
}

const POSTGRES: &str = r#"
create type mood as enum ('glad', 'so "so"', 'ü');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create table zoo (
    id int primary key, i2 smallint, i8 bigint, num numeric, num2 numeric(12,2), f4 real, f8 double precision, mon money,
    t text, vc varchar(40), ch char(5), nm name, c1 "char", ba bytea, da date, ts timestamp, tstz timestamptz, tm time, tmtz timetz,
    iv interval, bo boolean, u uuid, ip inet, cd cidr, mac macaddr, bt bit(5), vb varbit, x xml, j json, jb jsonb, jp jsonpath,
    ints int[], texts text[], bytes bytea[], deep int[][], ir int4range, nr numrange, tsr tstzrange, mr int4multirange,
    pt point, poly polygon, tsv tsvector, tsq tsquery, o oid, lsn pg_lsn, e mood, pr pair, dom positive, rc regclass
);
create table zoo_copy (like zoo);
insert into zoo values (1, -32768, -9223372036854775808, 12345678901234567890.12345678901234567890, 0.10, 1.1, 0.1::float8 + 0.2::float8,
    -1234.5, 'plain', 'varying', 'ab', 'name', 'x', '\x00ff27225c', '2026-11-21', '2026-11-21 09:30:00.123456', '2026-03-29 01:59:59.5+01',
    '24:00', '12:00:00+05:30', '1 year 2 mons -3 days 04:05:06.789', true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '::1/64', '10.1.0.0/16',
    '08:00:2b:01:02:03', b'10101', b'1', '<a b="c">&lt;é</a>', '{"a" : 1,  "a":2}', '{"b": 1e400, "a": "\u00e9\\"}', '$.a[*] ? (@ > 1)',
    '{1,NULL,-3}', '{"a,b",NULL,"NULL","q\"q","\\",""}', array['\x00ff'::bytea, null], '{{1,2},{3,4}}', '[1,5)', '(,3.5]', '[2026-01-01,)',
    '{[1,2),[5,9)}', '(1.5,-2)', '((0,0),(1,1),(1,0))', 'a:1A fat:2', 'fat & !rat', 4294967295, '16/B374D848', 'so "so"', '(1,"a ""b"", c")', 7,
    'pg_class'),
    (3, 32767, 9223372036854775807, 'NaN', 'NaN', 'NaN', '-Infinity', '92233720368547758.07', '', '', '', '', '', '', 'infinity', '-infinity',
    'infinity', '00:00', '00:00:00-15:59', '-178000000 years', false, '00000000-0000-0000-0000-000000000000', '10.0.0.1', '::/0',
    'ff:ff:ff:ff:ff:ff', b'00000', b'', '', '""', 'null', '$', '{}', '{}', '{}', '{}', 'empty', '(,)', 'empty', '{}', '(-0,Infinity)',
    '((0,0))', '', '', 0, '0/0', 'ü', '(,)', 1, '-'),
    (4, 0, 0, 'Infinity', 0, 3.4028235e38, 5e-324, 0, E'tab\t nl\n cr\r\n bs\\ q'' dq" \b\f\v \u202e \\N', E'\\.', 'a  ', '\N', '\377', '\x5c',
    '4713-01-01 BC', '0001-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999+00', '23:59:59.999999', '24:00:00+00', '0', true,
    'ffffffff-ffff-ffff-ffff-ffffffffffff', 'fe80::1', '192.168.0.0/24', '00:00:00:00:00:00', b'11111', b'10101010101', '<a>
</a>', E'"\\u0007\\n"', E'"\\u0007\\n\\t"', '$."key with \" quote"', '[2:3]={1,2}', E'{"line\nbreak","tab\there"}', null, null, '[5,5]', '[NaN,NaN]', null, null, null, null,
    $$'it''s':1$$, $$'it''s'$$, null, null, null, null, null, null);
insert into zoo (id) values (2);
"#;

#[test]
fn the_postgresql_zoo_is_exported_exactly() {
    let p = Project::postgres();
    let pg = p.postgres_server();
    pg.psql("app-dev", POSTGRES);
    let statements = exported(&p, ".sql");
    pg.psql("app-dev", &statements);
    // Types without equality are compared by their text, too.
    for (this, other) in [("zoo", "zoo_copy"), ("zoo_copy", "zoo")] {
        let differ = pg.psql("app-dev", &format!("select a::text from {this} a except all select b::text from {other} b"));
        assert_eq!(differ, "", "in {this} and not in {other}");
    }
    assert_eq!(pg.psql("app-dev", "select count(*) from zoo_copy"), "4\n");

    let theirs = pg.psql("app-dev", "copy (select * from zoo order by id) to stdout with (format csv, header)");
    assert_eq!(csv(&exported(&p, ".csv")), csv(&theirs));
    let theirs = pg.psql("app-dev", "copy (select * from zoo order by id) to stdout");
    let ours = exported(&p, ".tsv");
    assert_eq!(ours.split_once('\n').expect("a header").1, theirs, "as COPY writes it, byte by byte");
}

const MARIADB: &str = r#"
set sql_mode = '';
create table zoo (
    id int primary key, ub bigint unsigned, sb bigint, de decimal(65,30), fl float, db double, da date, dt datetime(6), ts timestamp null,
    tm time(3), y year, b1 bit(1), b12 bit(12), e enum('a','b''c','ü',''), s set('x','y','z'), bl blob, vb varbinary(10), bi binary(4),
    j json, g geometry, t text character set utf8mb4, l varchar(20) character set latin1, bo boolean, mt mediumtext, `odd ``name` int
) character set utf8mb4;
create table zoo_copy like zoo;
insert into zoo values
    (1, 18446744073709551615, -9223372036854775808, '12345678901234567890123456789012345.123456789012345678901234567890', 1.5, 0.1e0 + 0.2e0,
     '2026-11-21', '2026-11-21 09:30:00.123456', '2026-11-21 09:30:00', '838:59:59.000', 2155, b'1', b'101010101010', 'b''c', 'x,z',
     x'00ff27225c0a', x'0d0a', 'ab', '{"a" : 1,  "b":"é"}', st_geomfromtext('POINT(1.5 -2)', 4326), 'it''s "q" \\ back\tslash', 'é', true, 'x', 1),
    (2, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (3, 0, 9223372036854775807, '-0.000000000000000000000000000001', -1e30, -1.7976931348623157e308, '0000-00-00', '0000-00-00 00:00:00', null,
     '-838:59:59.000', 0, b'0', b'0', '', '', '', '', '', '[]', st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))'), '', '', false, '', -1),
    (4, 1, -1, 0, 0.25, 5e-324, '2026-00-00', '9999-12-31 23:59:59.999999', null, '100:00:00.5', 1901, b'1', b'1', 'ü', 'x,y,z',
     repeat(x'00', 5), x'5c30', x'ffffffff', '"\\u0007"', st_geomfromtext('GEOMETRYCOLLECTION(POINT(0 0))'),
     concat('nul', char(0), ' cr', char(13), char(10), ' lf', char(10), ' z', char(26), ' 漢字 ', char(226, 128, 174 using utf8mb4)), 'ÿ', true, 'NULL', 0);
"#;

#[test]
fn the_mariadb_zoo_is_exported_exactly() {
    let p = Project::mariadb();
    let db = p.mariadb_server();
    db.sql("app-dev", MARIADB);
    let statements = exported(&p, ".sql");
    db.sql("app-dev", &format!("set sql_mode = '';\n{statements}"));
    let columns =
        db.sql("app-dev", "select column_name from information_schema.columns where table_name = 'zoo' order by ordinal_position");
    let columns: Vec<&str> = columns.lines().collect();
    assert_eq!(columns.len(), 25);
    assert_eq!(db.sql("app-dev", "select count(*) from zoo_copy"), "4\n");
    for c in &columns {
        let c = format!("`{}`", c.replace('`', "``"));
        let same = if c == "`g`" {
            format!("hex(st_aswkb(a.{c})) <=> hex(st_aswkb(b.{c})) and st_srid(a.{c}) <=> st_srid(b.{c})")
        } else {
            // By value, and byte by byte where a collation would see no difference.
            format!("a.{c} <=> b.{c} and hex(a.{c}) <=> hex(b.{c})")
        };
        let differ = db.sql("app-dev", &format!("select a.id from zoo a left join zoo_copy b on a.id = b.id where not ({same})"));
        assert_eq!(differ, "", "column {c}");
    }

    // The client's own text; bytes are shown by their digits on both sides.
    let binary = ["bl", "vb", "bi", "g"];
    let select: Vec<String> = columns
        .iter()
        .map(|c| match *c {
            // hex() takes a BIT for a number.
            "b1" => "concat('\\\\x', lower(lpad(hex(b1), 2, '0')))".to_string(),
            "b12" => "concat('\\\\x', lower(lpad(hex(b12), 4, '0')))".to_string(),
            c if binary.contains(&c) => format!("concat('\\\\x', lower(hex({c})))"),
            c => format!("`{}`", c.replace('`', "``")),
        })
        .collect();
    let theirs = db.sql("app-dev", &format!("select {} from zoo order by id", select.join(", ")));
    let batch = |cell: &Option<String>| match cell {
        None => "NULL".to_string(),
        Some(t) => t.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\0', "\\0"),
    };
    let ours: Vec<String> = csv(&exported(&p, ".csv")).iter().skip(1).map(|r| r.iter().map(batch).collect::<Vec<_>>().join("\t")).collect();
    assert_eq!(ours, theirs.split_terminator('\n').collect::<Vec<_>>());
}

const SQLITE: &str = r#"
create table zoo (id integer primary key, anything, i integer, r real, n numeric, t text, b blob);
create table zoo_copy (id integer primary key, anything, i integer, r real, n numeric, t text, b blob);
insert into zoo values
    (1, 1, -9223372036854775808, 0.1, 12345678901234567890, 'it''s "q", \ tab	end', x'00ff'),
    (2, null, null, null, null, null, null),
    (3, 1.0, 'no number', 9e999, -9e999, '', x''),
    (4, '1', x'31', 5e-324, 1e15, cast(x'61006200' as text), 'text in a blob'),
    (5, x'31', 9223372036854775807, -0.0, 0.1 + 0.2, cast(x'c328ff' as text), 1),
    (6, 'Inf', 1.5, 1.7976931348623157e308, '1e3', char(10, 13, 8238, 27), 2.5),
    (7, 1e23, '007', 3, 3.0, '007', cast('x' as blob)),
    (8, 123456789.123456789, 1e3, 2.2250738585072014e-308, 9007199254740993, 'é 漢字', 1e100);
"#;

#[test]
fn the_sqlite_zoo_is_exported_exactly() {
    let p = Project::sqlite();
    let path = p.path("app-dev.db");
    let db = rusqlite::Connection::open(&path).expect("database");
    db.execute_batch(SQLITE).expect("zoo");
    let file = p.path("zoo.sql");
    exported(&p, ".sql");
    let read = std::fs::File::open(file).expect("the file");
    let shell = Command::new("sqlite3").arg("-bail").arg(&path).stdin(read).stderr(Stdio::inherit()).status().expect("sqlite3");
    assert!(shell.success());
    for c in ["id", "anything", "i", "r", "n", "t", "b"] {
        let values = |table: &str| -> Vec<rusqlite::types::Value> {
            let mut st = db
                .prepare(&format!("select case typeof({c}) when 'text' then cast({c} as blob) else {c} end from {table} order by id"))
                .unwrap();
            st.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let types = |table: &str| -> Vec<String> {
            let mut st = db.prepare(&format!("select typeof({c}) from {table} order by id")).unwrap();
            st.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(types("zoo"), types("zoo_copy"), "{c}");
        let bits = |v: Vec<rusqlite::types::Value>| -> Vec<String> {
            let one = |v| match v {
                // A negative zero is a value of its own.
                rusqlite::types::Value::Real(r) => format!("real {:x}", r.to_bits()),
                v => format!("{v:?}"),
            };
            v.into_iter().map(one).collect()
        };
        assert_eq!(bits(values("zoo")), bits(values("zoo_copy")), "{c}");
    }

    // The shell's text, for what a CSV file of the shell can tell apart (no BLOBs, no text that is not UTF-8) and for numbers that
    // every version writes alike: older ones give a REAL 15 digits.
    let sql = "select id, anything, i, n, t from zoo where id in (2, 3, 6, 7) order by id";
    let out = Command::new("sqlite3").args(["-csv", "-header"]).arg(&path).arg(sql).output().expect("sqlite3");
    let theirs = csv(&String::from_utf8(out.stdout).expect("UTF-8"));
    let ours = p.run(&["query", "app-dev", sql, "--format", "csv"]);
    assert_eq!(csv(&String::from_utf8(ours.stdout).expect("UTF-8")), theirs);
}
