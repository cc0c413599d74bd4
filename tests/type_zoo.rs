//! Every built-in type with values at its edges: what the grid shows is what the engine's own client prints, to the letter.

mod support;

use holdpoint::config::{EngineKind, Target};
use holdpoint::engine::{Access, Connect, Event, Role, registry};
use holdpoint::text;
use std::process::Command;
use support::maria::MariaServer;
use support::pg::PgServer;

/// What the grid shows of one row: the text of each cell, `None` for NULL.
async fn shown(target: Target, sql: &str) -> Vec<Option<String>> {
    let session = registry::engine(target, None).connect(Connect::new(Role::Query, Access::ReadOnly)).await.expect("session");
    let mut stream = session.run(sql).await.expect("run");
    let mut out = Vec::new();
    while let Some(event) = stream.next().await {
        if let Event::Rows(batch) = event.expect("event") {
            assert_eq!(batch.rows(), 1);
            for c in 0..batch.columns() {
                let line = text::cell_line(batch.cell(0, c));
                // One line of clean text is the same text, apart from what no terminal may be sent.
                let whole = text::cell_string(batch.cell(0, c));
                if let (Some(line), Some(whole)) = (&line, &whole)
                    && !whole.contains(char::is_control)
                {
                    assert_eq!(line, whole);
                }
                out.push(whole);
            }
        }
    }
    out
}

/// `None` is printed as this.
const NULL: &str = "«null»";

fn agree(expressions: &[&str], shown: &[Option<String>], native: &str) {
    let native: Vec<&str> = native.split('\u{1f}').collect();
    assert_eq!((shown.len(), native.len()), (expressions.len(), expressions.len()), "{native:?}");
    let mut wrong = Vec::new();
    for ((expression, ours), theirs) in expressions.iter().zip(shown).zip(native) {
        let ours = ours.as_deref().unwrap_or(NULL);
        if ours != theirs {
            wrong.push(format!("{expression}: shown {ours:?}, the client prints {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const POSTGRES: &[&str] = &[
    "null::int",
    "true",
    "false",
    "(-32768)::smallint",
    "2147483647::int",
    "(-9223372036854775808)::bigint",
    "0.1::real",
    "3.4028235e38::real",
    "1e-45::real",
    "0.1::float8 + 0.2::float8",
    "1.7976931348623157e308::float8",
    "5e-324::float8",
    "'NaN'::float8",
    "'-Infinity'::float8",
    "'-0'::float8",
    "1e15::float8",
    "1e16::float8",
    "123456789012345678901234567890.12345678901234567890::numeric",
    "1.500::numeric",
    "1e-20::numeric",
    "'NaN'::numeric",
    "'Infinity'::numeric",
    "0::numeric(10, 4)",
    "'$1,234.56'::money",
    "''::text",
    "'a;b''c\"d\\e'::text",
    "'Grüße 漢字 🦀 é'::text",
    "' blanks '::text",
    "'ab'::char(5)",
    "'abc'::varchar(2)",
    "'x'::\"char\"",
    "'name'::name",
    "'\\xdeadbeef00'::bytea",
    "''::bytea",
    "'4713-01-01 BC'::date",
    "'5874897-12-31'::date",
    "'infinity'::date",
    "'0001-01-01'::date",
    "'24:00:00'::time",
    "'12:34:56.000001'::time",
    "'12:34:56.789+05:45'::timetz",
    "'2024-02-29 23:59:59.999999'::timestamp",
    "'-infinity'::timestamp",
    "'0044-03-15 12:00:00 BC'::timestamp",
    "'2024-07-01 12:00:00+02'::timestamptz",
    "'294276-12-31 23:59:59.999999+00'::timestamptz",
    "'1 year -2 mons 3 days -04:05:06.000007'::interval",
    "'0'::interval",
    "'-178000000 years'::interval",
    "'00000000-0000-0000-0000-000000000000'::uuid",
    "'{\"b\": 1,  \"a\": [1.50, null, \"\\u00e9\"]}'::json",
    "'{\"b\": 1,  \"a\": [1.50, null, \"\\u00e9\"], \"a\": 2}'::jsonb",
    "'null'::jsonb",
    "'<a>é;</a>'::xml",
    "'{1,NULL,3}'::int[]",
    "'{{a,\"b,c\"},{\"d\\\"e\",\"\"}}'::text[]",
    "'[2:4]={7,8,9}'::int[]",
    "'{}'::int[]",
    "array[1.5, null]::numeric[]",
    "row(1, 'a b', null, 'c\"d')",
    "'192.168.0.1/24'::inet",
    "'::ffff:1.2.3.4'::inet",
    "'10.0.0.0/8'::cidr",
    "'08:00:2b:01:02:03'::macaddr",
    "'08:00:2b:01:02:03:04:05'::macaddr8",
    "b'00101'::bit(5)",
    "b''::varbit",
    "b'1'::varbit(3)",
    "'(1.5,-2)'::point",
    "'{1,2,3}'::line",
    "'[(0,0),(1,1)]'::lseg",
    "'(1,1),(0,0)'::box",
    "'[(0,0),(1,1)]'::path",
    "'((0,0),(1,1),(1,0))'::polygon",
    "'<(0,0),1.5>'::circle",
    "'a & !b | c <-> d'::tsquery",
    "'a:1A fat:2,3B'::tsvector",
    "'[1,5)'::int4range",
    "'empty'::int8range",
    "'(,2.5]'::numrange",
    "'[2024-01-01,2024-02-01)'::daterange",
    "'[2024-01-01 00:00,)'::tsrange",
    "'[2024-01-01 00:00+00,]'::tstzrange",
    "'{[1,3),[5,7)}'::int4multirange",
    "'{}'::nummultirange",
    "1::oid",
    "'pg_class'::regclass",
    "'int4'::regtype",
    "'now'::regproc",
    "'abs(integer)'::regprocedure",
    "'+(integer,integer)'::regoperator",
    "'pg_catalog'::regnamespace",
    "'english'::regconfig",
    "'0/16B3748'::pg_lsn",
    "'10:20:10,14,15'::pg_snapshot",
    "'7'::xid8",
    "'7'::xid",
    "'(0,1)'::tid",
    "'$.a[*] ? (@ > 1)'::jsonpath",
    "'happy'::mood",
    "7::small",
    "'(1,\"a b\")'::pair",
    "'{happy,\"sad, so\"}'::mood[]",
    "repeat('x', 3000)",
    "E'line\\nbreak\\ttab'",
];

#[tokio::test]
async fn in_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("zoo");
    pg.psql(
        "zoo",
        "create type mood as enum ('happy', 'sad, so'); create domain small as int check (value < 10); create type pair as (a int, b text);
         alter database zoo set timezone = 'Asia/Kathmandu'; alter database zoo set lc_monetary = 'C'",
    );
    let sql = format!("select {}", POSTGRES.iter().enumerate().map(|(i, e)| format!("{e} as c{i}")).collect::<Vec<_>>().join(", "));
    let mut t = Target::bare("zoo", EngineKind::Postgres);
    t.socket = Some(pg.socket.clone());
    t.port = Some(pg.port);
    t.database = Some("zoo".into());
    t.user = Some("postgres".into());
    let mut c = pg.client("psql");
    c.args(["-X", "-A", "-t", "-q", "-U", "postgres", "-d", "zoo", "-p", &pg.port.to_string(), "-F", "\u{1f}"]);
    c.arg("-P").arg(format!("null={NULL}")).arg("-h").arg(&pg.socket).args(["-c", &sql]);
    let native = support::server::run(c, "psql");
    agree(POSTGRES, &shown(t, &sql).await, native.strip_suffix('\n').unwrap_or(&native));
}

const MARIADB: &[&str] = &[
    "null_int",
    "tiny",
    "tiny_u",
    "small",
    "medium",
    "big",
    "big_u",
    "zerofilled",
    "f",
    "f_small",
    "d",
    "d_max",
    "d_third",
    "deci",
    "deci_long",
    "b1",
    "dt",
    "dt_zero",
    "dt6",
    "ts",
    "da",
    "da_min",
    "ti",
    "ti_neg",
    "ti6",
    "ye",
    "ch",
    "vc",
    "uni",
    "empty_text",
    "lt",
    "en",
    "en_empty",
    "se",
    "js",
    "ip6",
    "ip4",
    "uu",
    "lat",
    "tabbed",
];

#[tokio::test]
async fn in_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("zoo");
    maria.sql(
        "zoo",
        "set sql_mode = ''; create table z (null_int int, tiny tinyint, tiny_u tinyint unsigned, small smallint, medium mediumint, big bigint, big_u bigint unsigned,
         zerofilled int(8) zerofill, f float, f_small float, d double, d_max double, d_third double, deci decimal(10, 3), deci_long decimal(65, 30), b1 boolean,
         dt datetime, dt_zero datetime, dt6 datetime(6), ts timestamp(3), da date, da_min date, ti time, ti_neg time, ti6 time(6), ye year, ch char(5), vc varchar(20),
         uni text, empty_text text, lt longtext, en enum('a', 'b;c', ''), en_empty enum('x', ''), se set('m', 'n', 'o'), js json, ip6 inet6, ip4 inet4, uu uuid,
         lat varchar(10) character set latin1, tabbed text, bi binary(4), vb varbinary(9), bl blob, em blob, bt bit(10), ge point) default charset utf8mb4;
         insert into z values (null, -128, 255, -32768, 8388607, -9223372036854775808, 18446744073709551615, 42, 0.1, 1.17549e-38, 0.1e0 + 0.2e0, 1.7976931348623157e308, 1e0 / 3,
         -1234567.891, 12345678901234567890123456789012345.123456789012345678901234567890, true, '2024-02-29 23:59:59', '0000-00-00 00:00:00', '9999-12-31 23:59:59.999999',
         '2024-07-01 12:00:00.123', '2024-02-29', '1000-01-01', '838:59:59', '-838:59:59', '00:00:00.000001', 2155, 'ab', ' blanks ', 'Grüße 漢字 🦀', '', repeat('x', 3000),
         'b;c', '', 'm,o', '{\"b\": 1,  \"a\": [1.50, null]}', '::ffff:1.2.3.4', '192.168.0.1', '123e4567-e89b-12d3-a456-426655440000', 'Grüße', 'a\\\\b', 0x00ff, 0xdeadbeef, 0x00c3ff, '', b'1000000001', point(1.5, -2))",
    );
    let mut t = Target::bare("zoo", EngineKind::MySql);
    t.host = Some("127.0.0.1".into());
    t.port = Some(maria.port);
    t.user = Some("root".into());
    t.database = Some("zoo".into());
    let sql = format!("select {} from z", MARIADB.join(", "));
    // One column for each line: the client's tabs and escapes are out of the way.
    let native: Vec<String> = MARIADB
        .iter()
        .map(|e| {
            maria.sql("zoo", &format!("select coalesce(concat('', {e}), '{NULL}') from z")).trim_end_matches('\n').replace("\\\\", "\\")
        })
        .collect();
    // FLOAT and DOUBLE by the client itself: CONCAT prints them in its own way.
    let native: Vec<String> = native
        .into_iter()
        .zip(MARIADB)
        .map(|(n, e)| match *e {
            "f" | "f_small" | "d" | "d_max" | "d_third" | "zerofilled" => {
                maria.sql("zoo", &format!("select {e} from z")).trim_end().to_string()
            }
            _ => n,
        })
        .collect();
    agree(MARIADB, &shown(t.clone(), &sql).await, &native.join("\u{1f}"));
    // Bytes that are no text are shown in hexadecimal: the server's own HEX() says which.
    let bytes = ["bi", "vb", "bl", "em", "bt", "ge"];
    let native: Vec<String> = bytes
        .iter()
        .map(|e| format!("\\x{}", maria.sql("zoo", &format!("select lower(hex(cast({e} as binary))) from z")).trim_end()))
        .collect();
    // HEX() of a BIT leaves no leading zeros away once it is binary: 10 bits are two bytes.
    agree(&bytes, &shown(t, &format!("select {} from z", bytes.join(", "))).await, &native.join("\u{1f}"));
}

const SQLITE: &[&str] = &[
    "null",
    "0",
    "-9223372036854775808",
    "9223372036854775807",
    "1.0",
    "-0.0",
    "0.1",
    "1.5e300",
    "123456.789",
    "9e999",
    "-9e999",
    "''",
    "'a;b''c\"d\\e'",
    "'Grüße 漢字 🦀 é'",
    "' blanks '",
    "'0012'",
    "true",
    "current_date > '2000'",
    "date('2024-02-29')",
    "json('{\"b\": 1,  \"a\": [1.50, null]}')",
    "cast('12abc' as integer)",
    "cast(1 as real)",
    "cast('1.50' as numeric)",
    "typeof(x'00')",
    "hex(x'deadbeef00')",
    "printf('%.3f', 2.0 / 3)",
    "replace(hex(zeroblob(1500)), '00', 'x')",
    "char(10)",
];

/// Doubles, whose digits the releases of SQLite print differently: what counts is the library that Holdpoint is built with.
const SQLITE_REALS: &[&str] = &[
    "1e15",
    "1e16",
    "5e-324",
    "1e-5",
    "0.1 + 0.2",
    "1.7976931348623157e308",
    "2.2250738585072014e-308",
    "123456789012345678.0",
    "9007199254740993.0",
    "-1.5e-7",
    "100000.0",
    "1.0 / 3",
    "4.35",
    "0.3",
    "1e21",
    "1e22",
    "1e23",
];

#[tokio::test]
async fn in_sqlite() {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("zoo.db");
    rusqlite::Connection::open(&file).expect("database").execute_batch("create table t (a)").expect("table");
    let sql = format!("select {}", SQLITE.join(", "));
    let mut c = Command::new("sqlite3");
    c.args(["-batch", "-init", "/dev/null", "-list", "-noheader", "-separator", "\u{1f}", "-nullvalue", NULL]).arg(&file).arg(&sql);
    let native = support::server::run(c, "sqlite3");
    let mut t = Target::bare("zoo", EngineKind::Sqlite);
    t.path = Some(file);
    agree(SQLITE, &shown(t.clone(), &sql).await, native.strip_suffix('\n').unwrap_or(&native));
    let library = rusqlite::Connection::open_in_memory().expect("library");
    let native: Vec<String> = SQLITE_REALS
        .iter()
        .map(|e| library.query_row(&format!("select cast({e} as text)"), [], |r| r.get::<_, String>(0)).expect("value"))
        .collect();
    agree(SQLITE_REALS, &shown(t.clone(), &format!("select {}", SQLITE_REALS.join(", "))).await, &native.join("\u{1f}"));
    let blobs = shown(t, "select x'deadbeef00', x'', zeroblob(2), cast('é' as blob)").await;
    assert_eq!(blobs.iter().flatten().collect::<Vec<_>>(), ["\\xdeadbeef00", "\\x", "\\x0000", "\\xc3a9"]);
}
