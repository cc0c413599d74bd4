use super::csv::field as csv_field;
use super::insert::literal as sql_literal;
use super::json::{cell_of as json_cell, is_number as is_json_number};
use super::*;
use crate::model::{Align, BatchBuilder};

#[test]
fn json_numbers_by_the_rfc() {
    for yes in ["0", "-1", "12.50", "1e5", "1E-7", "0.1"] {
        assert!(is_json_number(yes.as_bytes()), "{yes}");
    }
    for no in ["", "-", "01", ".5", "1.", "NaN", "Infinity", "1e", "0x1", "1 "] {
        assert!(!is_json_number(no.as_bytes()), "{no}");
    }
}

#[test]
fn columns_of_one_name_are_told_apart_or_refused() {
    let columns: Vec<Column> = ["a", "a", "a_2", "a"]
        .iter()
        .map(|n| Column { name: (*n).into(), type_name: "int".into(), align: Align::Right, origin: None, style: None })
        .collect();
    let mut b = BatchBuilder::new(4);
    for n in ["1", "2", "3", "4"] {
        b.push(Cell::Number(n.as_bytes()));
    }
    let mut e = Encoder::new(ExportFormat::Ndjson { dialect: Dialect::Postgres });
    let mut out = Vec::new();
    e.columns(&columns, &mut out).unwrap();
    e.batch(&b.take(), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "{\"a\":1,\"a_3\":2,\"a_2\":3,\"a_4\":4}\n", "a_2 keeps its name");
    let e = Encoder::new(ExportFormat::Insert { dialect: Dialect::Postgres }).columns(&columns, &mut Vec::new()).unwrap_err();
    assert!(e.message.contains("two columns are named a"), "{e:?}");
}

#[test]
fn text_of_any_bytes_is_escaped_for_postgresql() {
    let mut out = Vec::new();
    sql_literal(&mut out, Dialect::Postgres, Cell::Text(b"\xff\\'ok"));
    assert_eq!(out, br"E'\xff\\''ok'");
    let mut out = Vec::new();
    sql_literal(&mut out, Dialect::Postgres, Cell::Binary(b"\xff"));
    assert_eq!(out, br"'\xff'");
}

#[test]
fn csv_keeps_null_and_empty_apart() {
    let mut out = Vec::new();
    csv_field(&mut out, b"");
    out.push(b'|');
    csv_field(&mut out, b"a\"b,c");
    out.push(b'|');
    csv_field(&mut out, b"plain");
    assert_eq!(out, b"\"\"|\"a\"\"b,c\"|plain");
}

#[test]
fn json_cells_are_exact() {
    let mut out = Vec::new();
    for c in [
        Cell::Null,
        Cell::Text(b"a\x1b\"\xc3\xa9"),
        Cell::Text(b"\xff"),
        Cell::Number(b"12345678901234567890.10"),
        Cell::Number(b"NaN"),
        Cell::Text(b"t"),
        Cell::Text(b"f"),
        Cell::Text(b"true"),
    ] {
        json_cell(&mut out, c, true);
        out.push(b' ');
    }
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "null \"a\\u001b\\\"é\" {\"text_hex\":\"ff\"} 12345678901234567890.10 \"NaN\" true false \"true\" "
    );
}

fn column(name: &str, align: Align) -> Column {
    Column { name: name.into(), type_name: "text".into(), align, origin: None, style: None }
}

fn exported(format: ExportFormat) -> String {
    let mut b = BatchBuilder::new(3);
    for row in [
        [Cell::Number(b"1"), Cell::Text("a|b\t\"q\", 'x' \\ é\nz".as_bytes()), Cell::Null],
        [Cell::Number(b"NaN"), Cell::Text(b""), Cell::Binary(b"\x00\xff")],
    ] {
        for cell in row {
            b.push(cell);
        }
    }
    let mut e = Encoder::new(format).into_table("my table");
    let mut out = Vec::new();
    e.columns(&[column("id", Align::Right), column("some text", Align::Left), column("raw", Align::Left)], &mut out).unwrap();
    e.batch(&b.take(), &mut out).unwrap();
    e.finish(&serde_json::json!({}), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_format_is_exact() {
    assert_eq!(exported(ExportFormat::Csv), "id,some text,raw\r\n1,\"a|b\t\"\"q\"\", 'x' \\ é\nz\",\r\nNaN,\"\",\\x00ff\r\n");
    assert_eq!(exported(ExportFormat::Tsv), "id\tsome text\traw\n1\ta|b\\t\"q\", 'x' \\\\ é\\nz\t\\N\nNaN\t\t\\\\x00ff\n");
    assert_eq!(
        exported(ExportFormat::Ndjson { dialect: Dialect::Postgres }),
        "{\"id\":1,\"some text\":\"a|b\\t\\\"q\\\", 'x' \\\\ é\\nz\",\"raw\":null}\n{\"id\":\"NaN\",\"some text\":\"\",\"raw\":{\"hex\":\"00ff\"}}\n"
    );
    assert_eq!(
        exported(ExportFormat::Markdown),
        "| id | some text | raw |\n| ---: | --- | --- |\n| 1 | a\\|b\t\"q\", 'x' \\\\ é<br>z | *NULL* |\n| NaN |  | `\\x00ff` |\n"
    );
    let json: serde_json::Value = serde_json::from_str(&exported(ExportFormat::Json { dialect: Dialect::Postgres })).unwrap();
    assert_eq!(json["rows"][0][1], "a|b\t\"q\", 'x' \\ é\nz");
    assert_eq!(
        exported(ExportFormat::Insert { dialect: Dialect::Postgres }),
        "INSERT INTO \"my table\" (\"id\", \"some text\", \"raw\") VALUES (1, 'a|b\t\"q\", ''x'' \\ é\nz', NULL);\n\
         INSERT INTO \"my table\" (\"id\", \"some text\", \"raw\") VALUES ('NaN', '', '\\x00ff');\n"
    );
    // `select from t` of PostgreSQL, and a statement that gives no result at all.
    for told in [true, false] {
        let (mut e, mut out) = (Encoder::new(ExportFormat::Json { dialect: Dialect::Postgres }), Vec::new());
        if told {
            e.columns(&[], &mut out).unwrap();
        }
        e.finish(&serde_json::json!({ "tag": "SELECT 3" }), &mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json, serde_json::json!({ "columns": [], "rows": [], "tag": "SELECT 3" }));
    }
    let bare = |format| {
        let (mut e, mut out) = (Encoder::new(format).into_table("t"), Vec::new());
        e.columns(&[], &mut out).unwrap();
        e.batch(&RowBatch::bare(3), &mut out).unwrap();
        e.finish(&serde_json::json!({}), &mut out);
        String::from_utf8(out).unwrap()
    };
    let postgres = Dialect::Postgres;
    assert_eq!(bare(ExportFormat::Csv), "\r\n\r\n\r\n\r\n", "a line of names, and three of values");
    assert_eq!(bare(ExportFormat::Tsv), "\n\n\n\n");
    assert_eq!(bare(ExportFormat::Ndjson { dialect: postgres }), "{}\n{}\n{}\n");
    assert_eq!(bare(ExportFormat::Insert { dialect: postgres }), "INSERT INTO \"t\" DEFAULT VALUES;\n".repeat(3));
    let json: serde_json::Value = serde_json::from_str(&bare(ExportFormat::Json { dialect: postgres })).unwrap();
    assert_eq!(json["rows"], serde_json::json!([[], [], []]));
    assert!(exported(ExportFormat::Insert { dialect: Dialect::MySql }).contains("''x'' \\\\ é"), "MySQL doubles backslashes");
    assert!(exported(ExportFormat::Insert { dialect: Dialect::Sqlite }).contains("X'00ff'"));
    let literal = |dialect, n: &str| {
        let mut out = Vec::new();
        sql_literal(&mut out, dialect, Cell::Number(n.as_bytes()));
        String::from_utf8(out).unwrap()
    };
    assert_eq!(["-0", "-0.00", "-0.5", "0", "-10"].map(|n| literal(Dialect::Postgres, n)), ["'-0'", "'-0.00'", "-0.5", "0", "-10"]);
    assert_eq!(literal(Dialect::MySql, "-0"), "'-0'");
    assert_eq!(literal(Dialect::Sqlite, "-0.0"), "-0.0");
}

#[test]
fn the_first_table_gives_a_file_its_name() {
    for (text, name) in [
        ("select * from orders where id = 1", Some(vec!["orders"])),
        ("SELECT a FROM public.\"Or.ders\";", Some(vec!["public", "Or.ders"])),
        ("select 'from x', 1 from(select 1)", None),
        ("table \"Order\"", Some(vec!["Order"])),
        ("table shop.\"Order\" order by 1", Some(vec!["shop", "Order"])),
        ("select * from Sales.Orders", Some(vec!["sales", "orders"])),
        ("select * from only orders", Some(vec!["orders"])),
        ("select extract(year from d), (select max(x) from u), a is distinct from b from t", Some(vec!["t"])),
        ("with x as (select * from t) select * from x", None),
        ("with x (a) as (select * from t) table y", Some(vec!["y"])),
        ("select 1", None),
    ] {
        assert_eq!(source(Dialect::Postgres, text), name.map(|n| n.into_iter().map(String::from).collect()), "{text}");
    }
    assert_eq!(table_parts(Dialect::Postgres, "shop.orders"), ["shop", "orders"]);
    assert_eq!(table_parts(Dialect::Postgres, "my table"), ["my table"]);
    assert_eq!(table_parts(Dialect::MySql, "`a.b`"), ["a.b"]);
}

#[test]
fn text_that_sqlite_could_not_read_back_goes_as_bytes() {
    for (cell, literal) in [
        (Cell::Text(b"a\0b"), "CAST(X'610062' AS TEXT)"),
        (Cell::Text(b"\xff"), "CAST(X'ff' AS TEXT)"),
        (Cell::Binary(b"\xff"), "X'ff'"),
        (Cell::Text(b"it's"), "'it''s'"),
        (Cell::Number(b"-Inf"), "-9e999"),
        (Cell::Text(b"Inf"), "'Inf'"),
    ] {
        let mut out = Vec::new();
        sql_literal(&mut out, Dialect::Sqlite, cell);
        assert_eq!(String::from_utf8(out).unwrap(), literal);
    }
}

#[test]
fn the_ending_of_a_file_says_the_format() {
    let of = |name: &str| ExportFormat::of_path(Path::new(name), Dialect::Sqlite);
    assert_eq!(of("a.CSV"), Some(ExportFormat::Csv));
    assert_eq!(of("dir.d/rows.jsonl"), Some(ExportFormat::Ndjson { dialect: Dialect::Sqlite }));
    assert_eq!(of("rows"), None);
    for ending in ExportFormat::ENDINGS.split(' ') {
        assert!(of(&format!("rows{ending}")).is_some(), "{ending}");
    }
}

#[test]
fn a_day_whose_month_is_not_told_is_not_written_as_insert() {
    let column = |type_name: &str| Column { name: "d".into(), type_name: type_name.into(), align: Align::Left, origin: None, style: None };
    let written = |type_name: &str, value: &str, dialect| {
        let mut b = BatchBuilder::new(1);
        b.push(Cell::Text(value.as_bytes()));
        let (mut e, mut out) = (Encoder::new(ExportFormat::Insert { dialect }), Vec::new());
        e.columns(&[column(type_name)], &mut out).unwrap();
        e.batch(&b.take(), &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    for (type_name, value) in [
        ("date", "03/02/2024"),
        ("date", "03-02-2024"),
        ("timestamp without time zone", "03/02/2024 04:05:06"),
        ("daterange", "[03/02/2024,05/02/2024)"),
        ("date[]", "{03-02-2024}"),
    ] {
        let e = written(type_name, value, Dialect::Postgres).unwrap_err();
        assert!(e.message.contains(value) && e.hints[0].contains("datestyle"), "{e:?}");
    }
    for (type_name, value) in [
        ("date", "2024-02-03"),
        ("date", "infinity"),
        ("date", "12024-02-03"),
        ("timestamp with time zone", "2024-02-03 04:05:06.789+01"),
        ("timestamp without time zone", "Sat 03 Feb 04:05:06 2024"),
        ("date", "03.02.2024"),
        ("text", "03/02/2024"),
    ] {
        assert!(written(type_name, value, Dialect::Postgres).unwrap().contains(value));
    }
    assert!(written("date", "03/02/2024", Dialect::Sqlite).is_ok(), "text there");
}
