//! Files into tables on real servers: exact, all or nothing unless asked otherwise, and every refused row told by its line.

mod support;

use support::project::Project;

fn on_each(test: impl Fn(&Project)) {
    for p in [Project::sqlite(), Project::postgres(), Project::mariadb()] {
        test(&p);
    }
}

fn authors(p: &Project) -> String {
    let text = p.ok(&["query", "app-dev", "select id, author, body from notes where id > 3 order by id", "--format", "ndjson"]);
    text.lines().filter(|l| l.starts_with("{\"id\"")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_is_tried_and_then_imported() {
    on_each(|p| {
        p.write("in.csv", "ID,author,body\r\n4,\"Ådå, \"\"x\"\"\",\r\n5,b,\"\"\r\n6,c,\"two\nlines \\ \"\r\n");
        let text = p.ok(&["import", "app-dev", "notes", "in.csv"]);
        assert!(text.contains("Tried and rolled back: 3 rows could be taken") && text.contains("--commit"), "{text}");
        assert!(text.contains("body  ") && text.contains("NULL | ''"), "the preview shows values: {text}");
        assert_eq!(authors(p), "");
        p.ok(&["import", "app-dev", "notes", "in.csv", "--commit"]);
        assert_eq!(
            authors(p),
            "{\"id\":4,\"author\":\"Ådå, \\\"x\\\"\",\"body\":null}\n{\"id\":5,\"author\":\"b\",\"body\":\"\"}\n{\"id\":6,\"author\":\"c\",\"body\":\"two\\nlines \\\\ \"}"
        );
        let journal = p.ok(&["journal", "show", "app-dev"]);
        assert!(journal.contains("imported 3 rows into"), "{journal}");
    });
}

#[test]
fn refused_rows_are_told_by_their_line_and_keep_the_others_out_unless_skipped() {
    on_each(|p| {
        let mut file = String::from("id,author\n");
        for i in 10..600 {
            file.push_str(&format!("{i},a{i}\n"));
        }
        // A key that is there, a missing value, a row that is too short.
        file.push_str("1,again\n700,\n701\n702,last\n");
        p.write("in.csv", &file);
        let text = p.expect(1, &["import", "app-dev", "notes", "in.csv", "--commit"]);
        assert!(text.contains("Nothing was imported: 3 rows refused"), "{text}");
        assert!(text.contains("line 592: ") && text.contains("line 593: ") && text.contains("line 594: it has 1 fields"), "{text}");
        assert_eq!(authors(p), "");
        let text = p.expect(1, &["import", "app-dev", "notes", "in.csv", "--commit", "--skip-refused"]);
        assert!(text.contains("591 rows imported, 3 refused"), "{text}");
        let text = p.ok(&["query", "app-dev", "select count(*) as n from notes", "--format", "csv"]);
        assert!(text.starts_with("n\r\n594\r\n"), "{text}");
    });
}

/// Nothing refuses such a row, and the table does not have it afterwards.
#[test]
fn rows_that_the_table_does_not_keep_are_not_counted() {
    let p = Project::postgres();
    p.ok(&[
        "query",
        "app-dev",
        "create table tn (id int primary key, a text); create function skip() returns trigger language plpgsql as \
         $$begin if new.id = 2 then return null; end if; return new; end$$; \
         create trigger skips before insert on tn for each row execute function skip()",
    ]);
    p.write("tn.csv", "id,a\n1,x\n2,y\n3,z\n");
    for (more, words) in [(&[][..], "2 rows could be taken"), (&["--commit"], "2 rows imported.")] {
        let text = p.ok(&[&["import", "app-dev", "tn", "tn.csv"], more].concat());
        assert!(text.contains(words) && text.contains("1 row was sent and not kept by the table itself"), "{text}");
    }
    let p = Project::sqlite();
    for conflict in ["ignore", "replace"] {
        p.ok(&[
            "query",
            "app-dev",
            &format!("create table {conflict}d (id integer primary key on conflict {conflict}, a text unique on conflict {conflict})"),
        ]);
        p.ok(&["query", "app-dev", &format!("insert into {conflict}d values (2, 'old'), (9, 'z')")]);
        p.write("tn.csv", "id,a\n1,x\n2,y\n3,z\n");
        let text = p.ok(&["import", "app-dev", &format!("{conflict}d"), "tn.csv", "--commit"]);
        match conflict {
            "ignore" => assert!(text.contains("1 row imported.") && text.contains("2 rows were sent and not kept"), "{text}"),
            _ => assert!(text.contains("3 rows imported.") && text.contains("2 rows of the table go with it"), "{text}"),
        }
    }
}

/// A server rounds and cuts without an error; what is another value altogether is refused.
#[test]
fn values_that_a_column_keeps_otherwise_are_told() {
    let p = Project::mariadb();
    p.ok(&["query", "app-dev", "create table m (id int primary key, price decimal(5,2), day date, e enum('a','b'))"]);
    p.write("m.csv", "id,price,day,e\n1,1.239,2020-01-01,a\n2,1.20,2020-01-01 12:00:00,b\n");
    let text = p.ok(&["import", "app-dev", "m", "m.csv"]);
    assert!(text.contains("2 values are rounded or cut") && text.contains("line 2: price is decimal(5,2): 1.239"), "{text}");
    assert!(text.contains("line 3: day is date: 2020-01-01 12:00:00") && text.contains("2 rows could be taken"), "{text}");
    p.write("e.csv", "id,e\n3,a\n4,1\n");
    let text = p.expect(1, &["import", "app-dev", "m", "e.csv", "--commit"]);
    assert!(text.contains("line 3: e has no member '1'"), "{text}");

    let p = Project::sqlite();
    p.ok(&["query", "app-dev", "create table n (id integer primary key, acc integer, note text default 'new')"]);
    p.write("n.csv", "id,acc\n1,18446744073709551615\n");
    let text = p.expect(1, &["import", "app-dev", "n", "n.csv", "--commit"]);
    assert!(text.contains("line 2: acc: SQLite would keep 18446744073709551615 as 1.8446744073709552e19"), "{text}");
    p.write("n.ndjson", "{\"id\":1,\"note\":\"x\"}\n{\"id\":2}\n");
    let text = p.ok(&["import", "app-dev", "n", "n.ndjson"]);
    assert!(text.contains("1 value whose key is missing in the file's row: NULL, not the column's default."), "{text}");
}

#[test]
fn a_file_that_is_refused_from_its_beginning_is_given_up() {
    let p = Project::sqlite();
    p.ok(&["query", "app-dev", "create table big (id integer primary key)"]);
    let rows: String = (0..11_000).map(|n| format!("{n}\n")).collect();
    p.write("big.csv", &format!("id\n{rows}"));
    p.ok(&["import", "app-dev", "big", "big.csv", "--commit"]);
    let text = p.expect(1, &["import", "app-dev", "big", "big.csv", "--commit"]);
    assert!(text.contains("the rows behind them were not tried") && text.contains("10,000 rows refused"), "{text}");
    p.write("big.csv", &format!("id\n{rows}11000\n"));
    let text = p.expect(1, &["import", "app-dev", "big", "big.csv", "--skip-refused", "--commit"]);
    assert!(text.contains("1 row imported, 11,000 refused."), "{text}");
}

#[test]
fn numbers_that_a_trial_took_are_told_and_values_in_the_way_are_named() {
    for (p, column) in [
        (Project::sqlite(), "id integer primary key autoincrement"),
        (Project::postgres(), "id int generated always as identity primary key"),
        (Project::postgres(), "id serial primary key"),
        (Project::mariadb(), "id int auto_increment primary key"),
    ] {
        p.ok(&["query", "app-dev", &format!("create table counted ({column}, name varchar(20) unique)")]);
        p.write("in.csv", "name\na\nb\nc\n");
        let told = |text: &str| text.contains("Numbers that the trial took stay used up: id goes on behind them.");
        let text = p.ok(&["import", "app-dev", "counted", "in.csv"]);
        assert_eq!(told(&text), !column.contains("autoincrement"), "{column}: {text}");
        let text = p.ok(&["import", "app-dev", "counted", "in.csv", "--commit"]);
        assert!(!told(&text), "{text}");
        let first = p.ok(&["query", "app-dev", "select min(id) as n from counted", "--format", "csv"]);
        assert_eq!(first.starts_with("n\r\n1\r\n"), column.contains("autoincrement"), "{column}: {first}");
        let text = p.expect(1, &["import", "app-dev", "counted", "in.csv"]);
        if column.contains("serial") {
            assert!(text.contains("counted_name_key\" (Key (name)=(a) already exists.)"), "{text}");
        }
        // With numbers of its own in the file nothing is taken.
        if column.contains("auto") {
            p.write("own.csv", "id,name\n900,x\n");
            let text = p.ok(&["import", "app-dev", "counted", "own.csv"]);
            assert!(!told(&text), "{text}");
        }
    }
}

/// A tree of which children stand before their parents, as a before-image may have it.
#[test]
fn rows_that_refer_to_rows_further_down_are_taken_behind_them() {
    // SQLite's own sessions do not enforce foreign keys.
    for p in [Project::postgres(), Project::mariadb()] {
        let tree = "create table tree (id integer primary key, p integer, v varchar(9), foreign key (p) references tree (id))";
        p.ok(&["query", "app-dev", tree]);
        let mut file = String::from("id,p,v\n2,1,kk\n1,3,k\n");
        for i in 10..500 {
            file.push_str(&format!("{i},{},x\n", i + 1));
        }
        file.push_str("500,3,last\n3,,root\n");
        p.write("tree.csv", &file);
        let text = p.ok(&["import", "app-dev", "tree", "tree.csv", "--commit"]);
        assert!(text.contains("494 rows imported.") && text.contains("had to wait for rows further down"), "{text}");
        // What is nowhere is refused as ever, told in the order of lines.
        p.write("tree.csv", "id,p,v\n600,700,a\n601,602,b\n3,,again\n602,,c\n");
        let text = p.expect(1, &["import", "app-dev", "tree", "tree.csv", "--commit", "--skip-refused"]);
        assert!(text.contains("2 rows imported, 2 refused") && text.contains("import those first"), "{text}");
        let [first, second] = ["line 2: ", "line 4: "].map(|l| text.find(l).unwrap_or_else(|| panic!("{l}: {text}")));
        assert!(first < second, "{text}");
    }
}

#[test]
fn what_an_export_wrote_comes_back_the_same() {
    on_each(|p| {
        p.ok(&["query", "app-dev", "create table zoo (id int primary key, n decimal(30,10), t varchar(50), d date)"]);
        p.ok(&[
            "query",
            "app-dev",
            "insert into zoo values (1, 12345678901234567890.0123456789, 'a''b\tc', '2026-11-21'), (2, null, '', null)",
        ]);
        for (format, ending) in [("csv", "csv"), ("tsv", "tsv"), ("ndjson", "ndjson")] {
            let text = p.ok(&[
                "query",
                "app-dev",
                "select * from zoo order by id",
                "--format",
                format,
                "--output",
                &format!("zoo-{format}.{ending}"),
            ]);
            assert!(!text.contains("error"), "{text}");
            p.ok(&["query", "app-dev", "delete from zoo"]);
            p.ok(&["import", "app-dev", "zoo", &format!("zoo-{format}.{ending}"), "--commit"]);
            p.ok(&[
                "query",
                "app-dev",
                "select * from zoo order by id",
                "--format",
                format,
                "--output",
                &format!("again-{format}.{ending}"),
            ]);
            let read = |n: &str| std::fs::read_to_string(p.path(&format!("{n}-{format}.{ending}"))).expect("file");
            assert_eq!(read("zoo"), read("again"), "{format}");
        }
    });
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_sent() {
    let p = Project::sqlite();
    let says = |file: &str, args: &[&str], what: &str| {
        p.write("in.csv", file);
        let text = p.expect(2, &[&["import", "app-dev", "notes", "in.csv"], args].concat());
        assert!(text.contains(what), "{text}");
    };
    says("id,autor\n1,x\n", &[], "notes has no column autor");
    says("id\n1\n", &[], "the file has no column author, which notes needs");
    says("", &[], "the file is empty");
    says("id,author,Author\n1,x,y\n", &[], "twice");
    p.write("in.dat", "id\n1\n");
    let text = p.expect(2, &["import", "app-dev", "notes", "in.dat"]);
    assert!(text.contains("--format csv"), "{text}");
    let text = p.expect(2, &["import", "app-dev", "nowhere", "in.csv"]);
    assert!(text.contains("there is no table nowhere"), "{text}");
    p.write("in.csv", "id,author\n9,x\n");
    let text = p.expect(4, &["import", "app-prod", "notes", "in.csv", "--commit"]);
    assert!(text.contains("read-only"), "{text}");
}

#[test]
fn bytes_come_back_as_bytes_from_every_format() {
    for (p, types, hex) in [
        (Project::sqlite(), "b blob, v blob", "hex"),
        (Project::mariadb(), "b mediumblob, v varbinary(20), f bit(9)", "hex"),
        (Project::postgres(), "b bytea, v bytea", "encode"),
    ] {
        let literal = |s: &str| if hex == "encode" { format!("'\\x{s}'::bytea") } else { format!("x'{s}'") };
        p.ok(&["query", "app-dev", &format!("create table bytes (id int primary key, {types})")]);
        let bits = if types.contains("bit") { (", b'100000001'", ", null") } else { ("", "") };
        let insert = format!(
            "insert into bytes values (1, {}, {}{}), (2, {}, null{})",
            literal("00ff1b5b5c78"),
            literal("80"),
            bits.0,
            literal(""),
            bits.1
        );
        p.ok(&["query", "app-dev", &insert]);
        let seen = |name: &str| {
            let of = |c: &str| if hex == "encode" { format!("encode({c}, 'hex')") } else { format!("hex({c})") };
            let extra = if types.contains("bit") { ", hex(f)" } else { "" };
            let kind = if types == "b blob, v blob" { ", typeof(b), typeof(v)" } else { "" };
            let text = format!("select id, {}, {}{extra}{kind} from bytes order by id", of("b"), of("v"));
            p.ok(&["query", "app-dev", &text, "--format", "csv", "--output", name]);
            std::fs::read_to_string(p.path(name)).expect("file")
        };
        let before = seen("before.csv");
        assert!(before.to_lowercase().contains("00ff1b5b5c78"), "{before}");
        for format in ["csv", "tsv", "ndjson"] {
            let file = format!("bytes.{format}");
            p.ok(&["query", "app-dev", "select * from bytes", "--format", format, "--output", &file]);
            p.ok(&["query", "app-dev", "delete from bytes"]);
            p.ok(&["import", "app-dev", "bytes", &file, "--commit"]);
            assert_eq!(seen(&format!("after-{format}.csv")), before, "{format}");
        }
    }
}

#[test]
fn text_of_any_bytes_comes_back_as_text() {
    let p = Project::sqlite();
    p.ok(&["query", "app-dev", "create table odd (id integer primary key, t text)"]);
    p.ok(&["query", "app-dev", "insert into odd values (1, cast(x'ff41' as text)), (2, cast(x'c3' as text)), (3, 'ok'), (4, x'ff')"]);
    let seen = || {
        p.ok(&["query", "app-dev", "select id, typeof(t), hex(t) from odd order by id", "--format", "csv"])
            .lines()
            .take(5)
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let before = seen();
    assert_eq!(before[1..], ["1,text,FF41", "2,text,C3", "3,text,6F6B", "4,blob,FF"]);
    p.ok(&["query", "app-dev", "select * from odd", "--output", "odd.ndjson"]);
    p.ok(&["query", "app-dev", "select * from odd", "--output", "odd.sql"]);
    p.ok(&["query", "app-dev", "select * from odd", "--output", "odd.tsv"]);
    p.ok(&["query", "app-dev", "delete from odd"]);
    p.ok(&["import", "app-dev", "odd", "odd.ndjson", "--commit"]);
    assert_eq!(seen(), before);
    p.ok(&["query", "app-dev", "delete from odd"]);
    p.ok(&["query", "app-dev", "--file", "odd.sql"]);
    assert_eq!(seen(), before);
    // A table of another encoding must not come in unnoticed: such texts are taken, and counted. What may be bytes or text is refused.
    p.ok(&["query", "app-dev", "delete from odd"]);
    let text = p.expect(1, &["import", "app-dev", "odd", "odd.tsv", "--commit"]);
    assert!(text.contains("2 texts are no UTF-8") && text.contains("line 5: t holds") && text.contains("NDJSON"), "{text}");
    assert!(text.contains("\u{fffd}A | ") && !text.contains("NULL"), "the preview shows a text, not NULL: {text}");
    p.expect(1, &["import", "app-dev", "odd", "odd.tsv", "--commit", "--skip-refused"]);
    assert_eq!(seen()[..4], before[..4]);
}

#[test]
fn json_has_booleans_and_numbers_and_an_import_reads_them_back() {
    let p = Project::postgres();
    p.ok(&["query", "app-dev", "create table j (b boolean, n numeric, i bigint, f float8, t text, y bytea, m money)"]);
    p.ok(&["query", "app-dev", "insert into j values (true, 12345678901234567890.10, 9007199254740993, 'NaN', 't', '\\x00ff', 1.5), (false, 'Infinity', null, 1e300, '1', null, null)"]);
    let lines = |out: std::process::Output| (String::from_utf8(out.stdout).expect("UTF-8"), String::from_utf8(out.stderr).expect("UTF-8"));
    let (json, told) = lines(p.run(&["query", "app-dev", "select * from j", "--format", "ndjson"]));
    assert_eq!(
        json,
        "{\"b\":true,\"n\":12345678901234567890.10,\"i\":9007199254740993,\"f\":\"NaN\",\"t\":\"t\",\"y\":\"\\\\x00ff\",\"m\":\"$1.50\"}\n\
         {\"b\":false,\"n\":\"Infinity\",\"i\":null,\"f\":1e+300,\"t\":\"1\",\"y\":null,\"m\":null}\n"
    );
    assert!(told.contains("2 rows"), "how many there were is told beside the pipe: {told}");
    p.write("j.ndjson", &json);
    p.ok(&["query", "app-dev", "delete from j"]);
    p.ok(&["import", "app-dev", "j", "j.ndjson", "--commit"]);
    assert_eq!(lines(p.run(&["query", "app-dev", "select * from j", "--format", "ndjson"])).0, json);
    let (json, told) = lines(p.run(&["query", "app-dev", "select true as b, 'f'::text as t", "--format", "json"]));
    let document: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(document["rows"], serde_json::json!([[true, "f"]]));
    assert!(told.contains("1 row"), "{told}");
    // The name that INSERT gives is the table's own.
    p.ok(&["query", "app-dev", "create table \"Order\" (id int)"]);
    p.ok(&["query", "app-dev", "insert into \"Order\" values (7)"]);
    for sql in ["table \"Order\"", "select id from public.\"Order\""] {
        let (text, _) = lines(p.run(&["query", "app-dev", sql, "--format", "insert"]));
        assert!(text.starts_with("INSERT INTO ") && text.contains("\"Order\" (\"id\") VALUES (7);"), "{text}");
    }
}

#[test]
fn words_of_a_boolean_are_read_as_cells_read_them() {
    on_each(|p| {
        p.ok(&["query", "app-dev", "create table flags (id int primary key, b boolean)"]);
        p.write("flags.csv", "id,b\n1,true\n2,False\n3,1\n");
        p.ok(&["import", "app-dev", "flags", "flags.csv", "--commit"]);
        p.write("flags.ndjson", "{\"id\":4,\"b\":true}\n");
        p.ok(&["import", "app-dev", "flags", "flags.ndjson", "--commit"]);
        let out = p.run(&["query", "app-dev", "select id from flags where b order by id", "--format", "tsv"]);
        assert_eq!(String::from_utf8_lossy(&out.stdout), "id\n1\n3\n4\n");
    });
}

/// What was told of the progress.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<(String, u64, Option<u64>)>>);

impl holdpoint::model::Progress for Told {
    fn update(&self, step: &str, done: u64, total: Option<u64>) {
        self.0.lock().unwrap().push((step.into(), done, total));
    }
}

#[tokio::test]
async fn progress_is_the_share_of_the_file_that_was_read() {
    let dir = tempfile::tempdir().expect("directory");
    rusqlite::Connection::open(dir.path().join("d.db"))
        .expect("database")
        .execute_batch("create table t (id integer, x text)")
        .expect("table");
    std::fs::write(dir.path().join("holdpoint.toml"), "[targets.d]\nengine = \"sqlite\"\npath = \"d.db\"\naccess = \"open\"\n")
        .expect("config");
    let mut file = String::from("id,x\n");
    (0..20_000).for_each(|i| file.push_str(&format!("{i},some text that makes the row longer\n")));
    let path = dir.path().join("in.csv");
    std::fs::write(&path, &file).expect("file");
    let around = holdpoint::config::Surroundings::made_up(dir.path(), dir.path(), []);
    let config = holdpoint::config::files::load_in(None, &around).expect("configuration");
    let told = std::sync::Arc::new(Told::default());
    let cx = holdpoint::ops::Cx::new(config).for_job(told.clone());
    let target = cx.config.targets["d"].clone();
    let conn = holdpoint::ops::connect::connect_to(&cx, target).await.expect("connection");
    let import = holdpoint::ops::import::Import {
        file: path,
        form: holdpoint::ops::import::reader::Form::Csv,
        table: "t".into(),
        null: None,
        skip_refused: false,
        commit: false,
        time_zone: None,
        tried: None,
    };
    let report = holdpoint::ops::import::run(&cx, &conn, None, &import, |_| ()).await.expect("tried");
    assert_eq!(report.taken, 20_000);
    let told = told.0.lock().unwrap();
    let size = file.len() as u64;
    assert!(told.iter().all(|(step, done, total)| step == "bytes of the file" && *total == Some(size) && *done <= size), "{told:?}");
    assert!(told.windows(2).all(|w| w[0].1 <= w[1].1), "it never goes back");
    assert!(told.iter().any(|(_, done, _)| (size / 4..size * 3 / 4).contains(done)), "there are steps between: {told:?}");
    assert_eq!(told.last().map(|t| t.1), Some(size));
}
