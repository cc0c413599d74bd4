//! Edited cells on real servers: exactly one row each, the whole key, the old values; all of them or none.

mod support;

use holdpoint::config::Surroundings;
use holdpoint::model::{Kind, Param};
use holdpoint::ops::cells::{self, Editable, RowEdit, editable, statements};
use holdpoint::ops::datafix::{self, BeforeImage};
use holdpoint::ops::{Connection, Cx};
use support::project::Project;

struct Place {
    project: Project,
    cx: Cx,
    conn: Connection,
    own: holdpoint::engine::Session,
}

impl Place {
    async fn open(project: Project) -> Place {
        let root = project.home.path().to_path_buf();
        let config = holdpoint::config::files::load_in(None, &Surroundings::made_up(&root, &root, [])).expect("config");
        let cx = Cx::new(config);
        let conn = holdpoint::ops::connect::connect(&cx, "app-dev").await.expect("connection");
        let own = conn.query_session().await.expect("session");
        Place { project, cx, conn, own }
    }
    async fn run(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.own.fetch(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).rows
    }
    async fn plan(&self, sql: &str) -> Result<Editable, String> {
        let t = self.own.fetch(sql).await.expect("select");
        let origin = t.columns.iter().find_map(|c| c.origin.clone()).expect("a table's column");
        let info =
            self.conn.catalog().expect("catalog").table(&self.conn.reader().await.expect("reader"), &origin.table).await.expect("table");
        editable(&t.columns, info)
    }
    async fn write(&self, plan: &Editable, edits: &[RowEdit]) -> holdpoint::model::Result<cells::Written> {
        let list = statements(self.conn.dialect(), &plan.table, plan.zone.as_deref(), edits);
        cells::write(&self.cx, &self.conn, &self.own, &plan.table, &list).await.map(|w| w.expect("no key leads to the row"))
    }
}

fn on_each(test: impl AsyncFn(Place)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    for make in [Project::sqlite, Project::postgres, Project::mariadb] {
        let project = make();
        runtime.block_on(async { test(Place::open(project).await).await });
    }
}

fn text(s: &str) -> Param {
    Param::Text(s.into())
}
fn number(s: &str) -> Param {
    Param::Number(s.into())
}
fn update(id: &str, column: &str, old: Param, new: Param) -> RowEdit {
    RowEdit::Update { key: vec![("id".into(), number(id))], cells: vec![(column.into(), old, new)], was: vec![] }
}

#[test]
fn changes_are_written_together_or_not_at_all() {
    on_each(async |p| {
        let plan = p.plan("select id, author, body from notes").await.expect("editable");
        assert_eq!(plan.key, [0]);
        let edits = [
            update("1", "body", text("first"), text("it's 50% \\ \"new\" — ü")),
            update("3", "body", Param::Null, text("")),
            RowEdit::Delete { key: vec![("id".into(), number("2"))], was: vec![("author".into(), text("jonas"))] },
            RowEdit::Insert { cells: vec![("id".into(), number("9")), ("author".into(), text("new")), ("body".into(), Param::Null)] },
        ];
        assert_eq!(p.write(&plan, &edits).await.expect("written").rows, 4);
        let some = |s: &str| Some(s.to_string());
        let rows = p.run("select id, author, body from notes order by id").await;
        assert_eq!(
            rows,
            [
                vec![some("1"), some("mira"), some("it's 50% \\ \"new\" — ü")],
                vec![some("3"), some("aiko"), some("")],
                vec![some("9"), some("new"), None],
            ]
        );
        // The second change finds its row changed meanwhile: the first one must not stay either.
        let e = p
            .write(&plan, &[update("1", "author", text("mira"), text("x")), update("3", "body", text("what it was not"), text("y"))])
            .await
            .expect_err("the old value is another");
        assert!(e.message.contains("change 2 of 2") && e.message.contains("not there any more as it was shown"), "{e:?}");
        assert_eq!(p.run("select author from notes where id = 1").await[0][0].as_deref(), Some("mira"));
        assert_eq!(p.own.status().tx, holdpoint::model::TxState::Idle, "no transaction is left open");
        // What was written is in the journal.
        let journal = p.project.ok(&["journal", "show", "--format", "json"]);
        assert!(journal.contains("UPDATE") && journal.contains("COMMIT"), "{journal}");
    });
}

#[test]
fn inside_an_open_transaction_only_the_changes_are_undone() {
    on_each(async |p| {
        let plan = p.plan("select id, author from notes").await.expect("editable");
        p.run("begin").await;
        p.run("update notes set author = 'mine' where id = 1").await;
        p.write(&plan, &[update("1", "author", text("stale"), text("x"))]).await.expect_err("stale");
        assert_eq!(p.run("select author from notes where id = 1").await[0][0].as_deref(), Some("mine"), "the user's own work stays");
        p.write(&plan, &[update("1", "author", text("mine"), text("theirs"))]).await.expect("written");
        p.run("rollback").await;
        assert_eq!(p.run("select author from notes where id = 1").await[0][0].as_deref(), Some("mira"));
    });
}

#[test]
fn old_values_are_compared_as_the_server_prints_them() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let p = Place::open(Project::postgres()).await;
        p.run(
            "create table odd (id int primary key, b bool, c char(5), i inet, f float8, j json, x xml, m money, a text[], p point, v varchar, \
             y bytea, s interval, n numeric)",
        )
        .await;
        p.run(
            "insert into odd values (1, true, 'ab', '10.0.0.1', 0.1, '{\"a\":  1}', '<a/>', '$1.50', '{a,NULL,\"b c\"}', '(1,2)', '  sp  ', '\\x00ff', '1 day', 1.50)",
        )
        .await;
        let plan = p.plan("select * from odd").await.expect("editable");
        let row = p.run("select * from odd").await.remove(0);
        let was: Vec<(String, Param)> =
            plan.table.columns.iter().zip(&row).map(|(c, v)| (c.name.clone(), v.clone().map_or(Param::Null, Param::Text))).collect();
        for (name, old) in was.iter().skip(1) {
            p.write(&plan, &[update("1", name, old.clone(), Param::Null)]).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
            p.write(&plan, &[update("1", name, Param::Null, old.clone())]).await.unwrap_or_else(|e| panic!("{name} back: {e:?}"));
        }
        p.write(&plan, &[RowEdit::Delete { key: vec![("id".into(), number("1"))], was }]).await.expect("deleted");
        assert!(p.run("select * from odd").await.is_empty());
    });
}

/// Type, and values that differ: each is written over the next one, as text that the server itself printed.
const POSTGRES: &[(&str, &[&str])] = &[
    ("bigint", &["1", "-9223372036854775808"]),
    ("real", &["'0.1'", "'3.4028235e38'", "'NaN'", "'-Infinity'", "'1e-45'"]),
    ("float8", &["'0.1'", "'5e-324'", "'1e16'", "0.1::float8 + 0.2::float8"]),
    ("numeric", &["1.500", "1e-20", "'NaN'", "123456789012345678901234567890.12345678901234567890"]),
    ("money", &["1234.56", "-1"]),
    ("text", &["''", "'a;b''c\"d\\e'", "'Grüße 漢字 🦀'", "' blanks '", "'NULL'", "'$1 :name ?'"]),
    ("char(5)", &["'ab'", "'abcde'", "''"]),
    ("bytea", &["'\\xdeadbeef00'", "''"]),
    ("date", &["'4713-01-01 BC'", "'infinity'", "'2024-02-29'"]),
    ("timetz", &["'12:34:56.789+05:45'", "'00:00:00-12'"]),
    ("timestamp", &["'2024-02-29 23:59:59.999999'", "'-infinity'", "'0044-03-15 12:00:00 BC'"]),
    ("timestamptz", &["'2024-07-01 12:00:00+02'", "'294276-12-31 23:59:59.999999+00'"]),
    ("interval", &["'1 year -2 mons 3 days -04:05:06.000007'", "'0'"]),
    ("json", &["'{\"b\": 1,  \"a\": [1.50, null]}'", "'{\"b\":1}'", "'null'"]),
    ("jsonb", &["'{\"b\": 1}'", "'null'", "'1.50'"]),
    ("xml", &["'<a>é;</a>'", "'<b/>'"]),
    ("int[]", &["'{1,NULL,3}'", "'{}'", "'[2:4]={7,8,9}'"]),
    ("text[]", &["'{{a,\"b,c\"},{\"d\\\"e\",\"\"}}'", "'{NULL,\"NULL\"}'"]),
    ("inet", &["'192.168.0.1/24'", "'::ffff:1.2.3.4'"]),
    ("bit(5)", &["'00101'", "'11111'"]),
    ("varbit", &["''", "'1'"]),
    ("bool", &["true", "false"]),
    ("point", &["'(1.5,-2)'", "'(0,0)'"]),
    ("polygon", &["'((0,0),(1,1),(1,0))'", "'((0,0),(1,2),(1,0))'"]),
    ("circle", &["'<(0,0),1.5>'", "'<(0,0),2>'"]),
    ("tsvector", &["'a:1A fat:2,3B'", "''"]),
    ("numrange", &["'(,2.5]'", "'empty'"]),
    ("oid", &["1", "2"]),
    ("regclass", &["'pg_class'", "'pg_type'"]),
    ("pg_lsn", &["'0/16B3748'", "'0/16B3749'"]),
    ("xid", &["'7'", "'8'"]),
    ("tid", &["'(0,1)'", "'(0,2)'"]),
    ("jsonpath", &["'$.a[*]?(@ > 1)'", "'$'"]),
    ("mood", &["'happy'", "'sad, so'"]),
    ("small", &["7", "8"]),
    ("pair", &["'(1,\"a b\")'", "'(,)'"]),
    ("mood[]", &["'{happy,\"sad, so\"}'", "'{}'"]),
    ("varchar(20) collate ci", &["'A'", "'a'", "'B'"]),
];

const MARIADB: &[(&str, &[&str])] = &[
    ("bigint unsigned", &["18446744073709551615", "0"]),
    ("int(8) zerofill", &["42", "7"]),
    ("double", &["0.1e0 + 0.2e0", "1.7976931348623157e308", "1e0 / 3"]),
    ("decimal(65, 30)", &["12345678901234567890123456789012345.12345678901234567890123456789", "0"]),
    ("datetime(6)", &["'9999-12-31 23:59:59.999999'", "'2024-01-01'"]),
    ("timestamp(3) null", &["'2024-07-01 12:00:00.123'", "'2024-10-27 01:30:00'"]),
    ("time(6)", &["'-838:59:59'", "'00:00:00.000001'"]),
    ("year", &["2155", "1901"]),
    ("varchar(20)", &["' blanks '", "'a'", "'A'", "'á'", "'NULL'", "'a\\\\b'"]),
    ("text character set utf8mb4", &["'Grüße 漢字 🦀'", "''", "'a;b''c\"d'"]),
    ("enum('1', '2', '3')", &["'1'", "'3'"]),
    ("set('m', 'n', 'o')", &["'m,o'", "''", "'n'"]),
    ("json", &["'{\"b\": 1,  \"a\": [1.50, null]}'", "'null'"]),
    ("inet6", &["'::ffff:1.2.3.4'", "'::1'"]),
    ("uuid", &["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000001'"]),
    ("varchar(10) character set latin1", &["'Grüße'", "'a'"]),
];

/// Writes each value over the next one, by its text, and NULL between: what is there afterwards is what the text was of.
async fn written_over(p: &Place, types: &[(&str, &[&str])]) {
    for (n, (of, values)) in types.iter().enumerate() {
        let table = format!("zoo{n}");
        let rows: Vec<String> = values.iter().enumerate().map(|(i, v)| format!("({i}, {v})")).collect();
        p.run(&format!("create table {table} (id int primary key, v {of})")).await;
        p.run(&format!("insert into {table} values {}", rows.join(", "))).await;
        let plan = p.plan(&format!("select * from {table}")).await.unwrap_or_else(|e| panic!("{of}: {e}"));
        let select = format!("select v from {table} order by id");
        let shown: Vec<String> = p.run(&select).await.into_iter().map(|mut r| r.remove(0).expect("a value")).collect();
        assert!(shown.windows(2).all(|w| w[0] != w[1]), "{of}: {shown:?}");
        // As the console binds what it was shown.
        let numbers = ["big", "int(", "doub", "dec", "year"].iter().any(|w| of.starts_with(w))
            && p.conn.dialect() != holdpoint::model::Dialect::Postgres;
        let param = |s: &str| if numbers { number(s) } else { text(s) };
        let edit = |i: usize, old: Param, new: Param| update(&i.to_string(), "v", old, new);
        let next = |i: usize| shown[(i + 1) % shown.len()].as_str();
        let over: Vec<RowEdit> = shown.iter().enumerate().map(|(i, s)| edit(i, param(s), param(next(i)))).collect();
        p.write(&plan, &over).await.unwrap_or_else(|e| panic!("{of}: {e:?}"));
        let wanted: Vec<Vec<Option<String>>> = (0..shown.len()).map(|i| vec![Some(next(i).to_string())]).collect();
        assert_eq!(p.run(&select).await, wanted, "{of}");
        let gone: Vec<RowEdit> = (0..shown.len()).map(|i| edit(i, param(next(i)), Param::Null)).collect();
        p.write(&plan, &gone).await.unwrap_or_else(|e| panic!("{of} to NULL: {e:?}"));
        let back: Vec<RowEdit> = shown.iter().enumerate().map(|(i, s)| edit(i, Param::Null, param(s))).collect();
        p.write(&plan, &back).await.unwrap_or_else(|e| panic!("{of} from NULL: {e:?}"));
        let as_before: Vec<Vec<Option<String>>> = shown.iter().map(|s| vec![Some(s.clone())]).collect();
        assert_eq!(p.run(&select).await, as_before, "{of} back");
    }
}

#[test]
fn a_value_of_every_type_is_written_over_another_one() {
    block_on(async {
        let p = Place::open(Project::postgres()).await;
        for made in [
            "create type mood as enum ('happy', 'sad, so')",
            "create domain small as int check (value < 10)",
            "create type pair as (a int, b text)",
            "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        ] {
            p.run(made).await;
        }
        written_over(&p, POSTGRES).await;
    });
    block_on(async {
        written_over(&Place::open(Project::mariadb()).await, MARIADB).await;
    });
}

#[test]
fn a_float_of_mariadb_is_what_was_shown_with_six_digits_and_with_all() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let p = Place::open(Project::mariadb()).await;
        p.run("create table fl (id int primary key, f float)").await;
        let plan = p.plan("select * from fl").await.expect("editable");
        // As text and by the binary protocol, which a statement with parameters takes; the last two are other numbers than the row's.
        let shown = [("1.23457", true), ("1.2345679", true), ("1.2345678", false), ("1.23456", false)];
        p.run("insert into fl values (1, 1.23456789)").await;
        for (was, there) in shown {
            let out = p.write(&plan, &[update("1", "f", number(was), number("2"))]).await;
            assert_eq!(out.is_ok(), there, "{was}: {out:?}");
            p.run("update fl set f = 1.23456789").await;
        }
    });
}

#[test]
fn a_value_that_differs_by_case_or_blanks_alone_has_changed() {
    on_each(async |p: Place| {
        let folding = match p.conn.dialect() {
            holdpoint::model::Dialect::Sqlite => "t text collate nocase",
            holdpoint::model::Dialect::MySql => "t varchar(20) collate utf8mb4_general_ci",
            holdpoint::model::Dialect::Postgres => "t text",
        };
        p.run(&format!("create table fold (id int primary key, {folding})")).await;
        p.run("insert into fold values (1, 'HI  ')").await;
        let plan = p.plan("select * from fold").await.expect("editable");
        let e = p.write(&plan, &[update("1", "t", text("Hi"), text("mine"))]).await.expect_err("somebody changed it");
        assert!(e.message.contains("somebody changed it"), "{e:?}");
        p.write(&plan, &[update("1", "t", text("HI  "), text("mine"))]).await.expect("as it was shown");
    });
}

#[test]
fn a_value_that_became_another_one_that_prints_alike_has_changed() {
    on_each(async |p: Place| {
        p.run("create table alike (id int primary key, t varchar(20))").await;
        p.run("insert into alike values (1, '')").await;
        let plan = p.plan("select * from alike").await.expect("editable");
        let key = || vec![("id".to_string(), number("1"))];
        let edits = [update("1", "t", text(""), text("mine")), RowEdit::Delete { key: key(), was: vec![("t".into(), text(""))] }];
        p.run("update alike set t = null").await;
        for edit in &edits {
            let e = p.write(&plan, std::slice::from_ref(edit)).await.expect_err("it is NULL by now");
            assert!(e.message.contains("somebody changed it"), "{e:?}");
        }
        p.run("update alike set t = ''").await;
        p.write(&plan, &edits[..1]).await.expect("as it was shown");
        if p.conn.dialect() != holdpoint::model::Dialect::Sqlite {
            return;
        }
        // There a value has a type of its own.
        p.run("create table typed (id int primary key, v)").await;
        p.run("insert into typed values (1, null)").await;
        let plan = p.plan("select * from typed").await.expect("editable");
        let values =
            [("'A'", text("A")), ("x'41'", Param::Bytes(b"A".to_vec())), ("1", number("1")), ("'1'", text("1")), ("1.0", number("1.0"))];
        for (i, (stored, _)) in values.iter().enumerate() {
            for (j, (_, seen)) in values.iter().enumerate() {
                p.run(&format!("update typed set v = {stored}")).await;
                let wrote = p.write(&plan, &[update("1", "v", seen.clone(), Param::Null)]).await;
                assert_eq!(wrote.is_ok(), i == j, "{stored} where {seen:?} was seen: {wrote:?}");
            }
        }
    });
}

#[test]
fn what_cannot_be_rolled_back_is_neither_edited_nor_imported() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let p = runtime.block_on(async {
        let p = Place::open(Project::mariadb()).await;
        p.run("create table loose (id int primary key, t text) engine=MyISAM").await;
        p.run("insert into loose values (1, 'a')").await;
        let why = p.plan("select * from loose").await.expect_err("read-only");
        assert!(why.contains("MyISAM cannot roll back"), "{why}");
        p
    });
    p.project.write("in.csv", "id,t\n60,x\n61,y\n");
    let text = p.project.expect(4, &["import", "app-dev", "loose", "in.csv"]);
    assert!(text.contains("can neither be tried nor taken back, because its engine MyISAM"), "{text}");
    runtime.block_on(async { assert_eq!(p.run("select count(*) from loose").await[0][0].as_deref(), Some("1")) });
}

#[test]
fn a_key_of_several_columns_is_used_whole() {
    on_each(async |p| {
        p.run("create table parts (a int not null, b int not null, v varchar(10), primary key (a, b))").await;
        p.run("insert into parts values (1, 1, 'x'), (1, 2, 'x'), (2, 1, 'x')").await;
        let why = p.plan("select a, v from parts").await.expect_err("half a key");
        assert!(why.contains("key column b of parts is not in the result"), "{why}");
        let plan = p.plan("select v, b, a from parts").await.expect("editable");
        let edit = RowEdit::Update {
            key: vec![("a".into(), number("1")), ("b".into(), number("2"))],
            cells: vec![("v".into(), text("x"), text("changed"))],
            was: vec![],
        };
        p.write(&plan, &[edit]).await.expect("written");
        let rows = p.run("select v from parts order by a, b").await;
        assert_eq!(rows.iter().map(|r| r[0].as_deref().unwrap_or("")).collect::<Vec<_>>(), ["x", "changed", "x"]);
    });
}

#[test]
fn a_key_that_sqlite_gave_to_another_row_changes_nothing() {
    block_on(async {
        let p = Place::open(Project::sqlite()).await;
        p.run("create table seats (name text, state text)").await;
        p.run("insert into seats values ('a', 'open'), ('b', 'open'), ('c', 'open')").await;
        let plan = p.plan("select rowid, * from seats").await.expect("editable");
        let edit = [RowEdit::Update {
            key: vec![("rowid".into(), number("2"))],
            cells: vec![("state".into(), text("open"), text("closed"))],
            was: vec![("name".into(), text("b")), ("state".into(), text("open"))],
        }];
        // VACUUM numbers the rows of a table without an INTEGER PRIMARY KEY anew: 2 is the row of c.
        p.run("delete from seats where name = 'a'").await;
        p.run("vacuum").await;
        let e = p.write(&plan, &edit).await.map(drop).expect_err("another row");
        assert!(e.message.contains("not there any more as it was shown"), "{e:?}");
        assert_eq!(p.run("select count(*) from seats where state = 'closed'").await[0][0].as_deref(), Some("0"));
    });
}

#[test]
fn a_read_only_target_keeps_its_rows() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let p = Place::open(Project::sqlite()).await;
        let prod = holdpoint::ops::connect::connect(&p.cx, "app-prod").await.expect("connection");
        let session = prod.query_session().await.expect("session");
        let plan = p.plan("select id, author from notes").await.expect("editable");
        let list = statements(prod.dialect(), &plan.table, plan.zone.as_deref(), &[update("1", "author", text("mira"), text("x"))]);
        let e = cells::write(&p.cx, &prod, &session, &plan.table, &list).await.expect_err("not open");
        assert_eq!(e.kind, Kind::ReadOnly);
        let e = datafix::begin_edits(&p.cx, &prod, None, &plan.table, &list, |_| ()).await.map(drop).expect_err("read-only");
        assert_eq!(e.kind, Kind::ReadOnly);
        assert!(e.hints.iter().any(|h| h.contains("unlock")), "{e:?}");
        let unlock = holdpoint::ops::query::unlock(&p.cx, &prod, "app-prod").expect("unlocked");
        let fix = datafix::begin_edits(&p.cx, &prod, Some(&unlock), &plan.table, &list, |_| ()).await.expect("a data fix");
        assert_eq!(fix.affected, 1);
        fix.commit(&p.cx).await.expect("committed");
        let journal = p.project.ok(&["journal", "show", "app-prod"]);
        assert!(journal.contains("data fix committed: 1 cell edit of notes: UPDATE"), "{journal}");
        let history = p.project.ok(&["history", "app-prod"]);
        assert!(history.contains("UPDATE") && history.contains("1 row, committed"), "{history}");
    });
}

/// One row was meant; what foreign keys take along is shown before it stays.
#[test]
fn an_edit_that_takes_other_rows_along_is_a_data_fix_on_an_open_target_too() {
    on_each(async |p: Place| {
        let sqlite = p.conn.dialect() == holdpoint::model::Dialect::Sqlite;
        p.run(
            "create table boss (id int primary key, name varchar(20), chief int, \
               foreign key (chief) references boss (id) on delete cascade on update cascade)",
        )
        .await;
        p.run("insert into boss values (1, 'Boss', null), (2, 'Ann', 1), (3, 'Ben', 1), (4, 'Cy', 2)").await;
        let plan = p.plan("select * from boss").await.expect("editable");
        let delete = |id: &str| RowEdit::Delete { key: vec![("id".into(), number(id))], was: vec![] };
        let ask = async |edits: &[RowEdit]| {
            let list = statements(p.conn.dialect(), &plan.table, plan.zone.as_deref(), edits);
            let done = cells::write(&p.cx, &p.conn, &p.own, &plan.table, &list).await;
            (done.map(|w| w.map(|w| w.rows)), list)
        };
        let all = "select id, name, chief from boss order by id";
        let before = p.run(all).await;
        // Nothing leads to them.
        assert_eq!(ask(&[update("4", "name", text("Cy"), text("Di")), update("1", "name", text("Boss"), text("B"))]).await.0, Ok(Some(2)));
        assert_eq!(ask(&[update("4", "name", text("Di"), text("Cy")), update("1", "name", text("B"), text("Boss"))]).await.0, Ok(Some(2)));
        // Three more rows would go with one, or change with its key.
        let (done, list) = ask(&[update("2", "name", text("Ann"), text("Eve")), delete("1")]).await;
        assert_eq!(done, Ok(None));
        assert_eq!(p.run(all).await, before);
        assert_eq!(ask(&[update("1", "id", number("1"), number("9"))]).await.0, Ok(None));
        assert_eq!(p.run(all).await, before);
        let fix = datafix::begin_edits(&p.cx, &p.conn, None, &plan.table, &list, |_| ()).await.expect("waits");
        let words = fix.cascades.lines().join(" ");
        // SQLite's foreign keys are off unless a session asks for them: then rows are left behind.
        assert!(words.contains(if sqlite { "2 rows of main.boss" } else { "Also 3 rows of" }), "{words}");
        fix.rollback(&p.cx).await.expect("rolled back");
        assert_eq!(p.run(all).await, before);
        p.run("begin").await;
        let (done, _) = ask(&[delete("1")]).await;
        assert!(done.is_err_and(|e| e.kind == Kind::Held && e.message.contains("your transaction is open")));
        p.run("rollback").await;
        if sqlite {
            p.run("pragma foreign_keys = on").await;
            assert!(ask(&[delete("1")]).await.0.is_err_and(|e| e.message.contains("in your session alone")));
        }
        assert_eq!(p.run(all).await, before);
        assert_eq!(ask(&[delete("4")]).await.0, Ok(Some(1)));
    });
}

/// On a guarded target edits are a data fix: saved, counted with what foreign keys change, shown, and kept only by an answer.
#[test]
fn edits_of_a_guarded_target_are_a_data_fix() {
    on_each(async |p: Place| {
        let maria = p.conn.dialect() == holdpoint::model::Dialect::MySql;
        let blob = ["bytea", "blob", "blob"][p.conn.dialect() as usize];
        p.run(&format!("create table g (id int primary key, v varchar(20), raw {blob})")).await;
        p.run("create table child (id int primary key, g int, foreign key (g) references g (id) on delete cascade on update cascade)")
            .await;
        let raw = if p.conn.dialect() == holdpoint::model::Dialect::Postgres { "'\\x00ff'" } else { "x'00ff'" };
        p.run(&format!("insert into g values (1, 'a', {raw}), (2, 'b', null), (3, 'c', null), (4, 'd', null)")).await;
        p.run("insert into child values (10, 2), (11, 2), (12, 3)").await;
        let plan = p.plan("select * from g").await.expect("editable");
        let guarded = |limit: u64| {
            let mut target = p.conn.target().clone();
            target.access = holdpoint::config::AccessMode::Guarded;
            target.blast_radius = limit;
            target
        };
        let (of_ten, of_two) = (guarded(10), guarded(2));
        let of_ten = holdpoint::ops::connect::connect_to(&p.cx, of_ten).await.expect("connection");
        let of_two = holdpoint::ops::connect::connect_to(&p.cx, of_two).await.expect("connection");
        let edits = [
            update("1", "v", text("a"), text("changed")),
            RowEdit::Delete { key: vec![("id".into(), number("2"))], was: vec![("v".into(), text("b"))] },
            update("3", "id", number("3"), number("33")),
            RowEdit::Insert { cells: vec![("id".into(), number("50")), ("v".into(), text("new"))] },
        ];
        let list = statements(p.conn.dialect(), &plan.table, plan.zone.as_deref(), &edits);
        let begin = async |conn: &Connection, list: &[cells::CellStatement]| {
            datafix::begin_edits(&p.cx, conn, None, &plan.table, list, |_| ()).await
        };
        let rows = "select id, v from g order by id";
        let before = p.run(rows).await;
        let fix = begin(&of_ten, &list).await.expect("waits");
        assert_eq!(fix.affected, 4);
        let lines = fix.changes.lines(24);
        assert_eq!(lines[0], "id 1: v a → changed", "{lines:?}");
        assert!(lines[1].starts_with("gone: id 2, v b"), "{lines:?}");
        assert_eq!(lines[2], "id 3 → 33: otherwise as it was", "{lines:?}");
        assert!(lines[3].starts_with("new: id 50, v new"), "{lines:?}");
        assert_eq!(fix.changes.note, None);
        let BeforeImage::Saved { path, rows: saved } = fix.before.clone() else { panic!("nothing was saved") };
        let image = std::fs::read_to_string(&path).expect("saved");
        assert_eq!((saved, image.lines().count()), (3, 3));
        assert!(image.contains("00ff"), "{image}");
        let cascades = fix.cascades.lines();
        if p.conn.dialect() == holdpoint::model::Dialect::Sqlite {
            assert!(cascades[0].contains("3 rows of main.child refer to them"), "{cascades:?}");
        } else {
            assert!(cascades.iter().any(|l| l.contains("2 rows of") && l.contains("child by cascade: deleted")), "{cascades:?}");
            assert!(cascades.iter().any(|l| l.contains("1 row of") && l.contains("child by cascade: changed")), "{cascades:?}");
        }
        // Nobody sees it before the answer, and after this one nothing of it is there.
        if p.conn.dialect() != holdpoint::model::Dialect::Sqlite {
            assert_eq!(p.run(rows).await, before);
            assert!(fix.locks.as_ref().is_ok_and(|l| !l.is_empty()), "{:?}", fix.locks);
        }
        fix.rollback(&p.cx).await.expect("rolled back");
        assert_eq!(p.run(rows).await, before);
        // A row that is not as it was shown: nothing of the others stays.
        let stale = statements(
            p.conn.dialect(),
            &plan.table,
            plan.zone.as_deref(),
            &[edits[0].clone(), update("4", "v", text("not d"), text("x"))],
        );
        let e = begin(&of_ten, &stale).await.map(drop).expect_err("changed meanwhile");
        assert!(e.message.contains("change 2 of 2") && e.message.contains("somebody changed it meanwhile"), "{e:?}");
        assert_eq!(p.run(rows).await, before);
        // The blast radius holds, for what foreign keys change as well.
        let e = begin(&of_two, &list).await.map(drop).expect_err("too many");
        assert!(e.message.contains("allows 2"), "{e:?}");
        let cascading = statements(p.conn.dialect(), &plan.table, plan.zone.as_deref(), &[edits[1].clone()]);
        if p.conn.dialect() != holdpoint::model::Dialect::Sqlite {
            let e = begin(&of_two, &cascading).await.map(drop).expect_err("too many");
            assert!(e.message.contains("more than 2 rows") || e.message.contains("3 rows"), "{e:?}");
        }
        assert_eq!(p.run(rows).await, before);
        let fix = begin(&of_ten, &list).await.expect("waits");
        fix.commit(&p.cx).await.expect("committed");
        let ids: Vec<_> = p.run(rows).await.into_iter().map(|r| r[0].clone().unwrap_or_default()).collect();
        assert_eq!(ids, ["1", "4", "33", "50"]);
        let journal = p.project.ok(&["journal", "show", "--format", "json"]);
        assert!(journal.contains("data fix committed: 4 cell edits of g: UPDATE") && journal.contains("'changed'"), "{journal}");
        assert!(journal.contains("data fix rolled back: 4 cell edits of g"), "{journal}");
        let runs = p.cx.store.runs(None, Some("INSERT INTO"), 9).expect("history");
        let told: Vec<String> = runs.iter().filter(|r| r.text.contains("new")).map(|r| r.outcome()).collect();
        assert!(told.iter().any(|o| o.contains("1 row, committed")) && told.iter().any(|o| o.contains("rolled back")), "{told:?}");
        // A trigger reaches further than the rows that are shown.
        if maria {
            p.run("create trigger w after update on g for each row delete from child where id = 0").await;
            let one = statements(p.conn.dialect(), &plan.table, plan.zone.as_deref(), &[update("4", "v", text("d"), text("e"))]);
            let e = begin(&of_ten, &one).await.map(drop).expect_err("held");
            assert!(e.kind == Kind::Held && e.message.contains("trigger w"), "{e:?}");
        }
    });
}

/// A write that waits for a lock is ended on the server when it is cancelled, and nothing of it stays, nor is it made later.
#[test]
fn a_cancelled_write_is_not_made() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    for make in [Project::postgres, Project::mariadb] {
        let project = make();
        runtime.block_on(async {
            let p = Place::open(project).await;
            p.run("create table waits (id int primary key, v varchar(20))").await;
            p.run("insert into waits values (1, 'a'), (2, 'b')").await;
            let plan = p.plan("select id, v from waits").await.expect("editable");
            let other = p.conn.query_session().await.expect("session");
            other.fetch("begin").await.expect("begin");
            other.fetch("update waits set v = 'held' where id = 2").await.expect("held");
            let edits = [
                update("1", "v", text("a"), text("x")),
                RowEdit::Delete { key: vec![("id".into(), number("2"))], was: vec![("v".into(), text("b"))] },
            ];
            let locks = p.conn.engine().locks().get().expect("locks");
            let watcher = p.conn.reader().await.expect("reader");
            let (backend, cancel) = (p.own.backend().expect("number"), p.cx.cancel.clone());
            let press = async {
                while !locks
                    .running(&watcher, backend)
                    .await
                    .expect("looked")
                    .is_some_and(|t| t.contains("waits") && t.contains("DELETE FROM"))
                {
                    tokio::task::yield_now().await;
                }
                cancel.cancel();
            };
            let (done, ()) = tokio::join!(p.write(&plan, &edits), press);
            assert_eq!(done.expect_err("cancelled").kind, Kind::Cancelled);
            let runs = p.cx.store.runs(None, Some("waits"), 9).expect("history");
            let told: Vec<String> =
                runs.iter().filter(|r| r.text.contains("SET") || r.text.contains("DELETE")).map(|r| r.outcome()).collect();
            assert_eq!(told, ["cancelled", "1 row, rolled back"]);
            other.fetch("rollback").await.expect("rollback");
            let rows = p.run("select v from waits order by id").await;
            assert_eq!(rows, [[Some("a".to_string())], [Some("b".to_string())]]);
            assert_eq!(p.own.status().tx, holdpoint::model::TxState::Idle);
        });
    }
}

/// Where another session keeps SQLite's file locked, an edit of a guarded target fails before it has begun: that is on record, too.
#[test]
fn an_edit_that_finds_the_file_locked_is_in_the_history() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let project = Project::sqlite();
    runtime.block_on(async {
        let p = Place::open(project).await;
        let plan = p.plan("select id, author from notes").await.expect("editable");
        let mut target = p.conn.target().clone();
        target.access = holdpoint::config::AccessMode::Guarded;
        let guarded = holdpoint::ops::connect::connect_to(&p.cx, target).await.expect("connection");
        let other = rusqlite::Connection::open(p.project.path("app-dev.db")).expect("database");
        other.execute_batch("begin immediate; update notes set author = 'held' where id = 1").expect("held");
        let list = statements(p.conn.dialect(), &plan.table, plan.zone.as_deref(), &[update("1", "author", text("mira"), text("x"))]);
        let e = datafix::begin_edits(&p.cx, &guarded, None, &plan.table, &list, |_| ()).await.map(drop).expect_err("locked");
        assert!(e.message.contains("lock"), "{e:?}");
        assert_eq!(e.hints.last().map(String::as_str), Some("All changes were rolled back; they are still staged."));
        let runs = p.cx.store.runs(None, Some("author"), 9).expect("history");
        let told: Vec<(bool, String)> = runs.iter().map(|r| (r.text.contains("SET"), r.outcome())).collect();
        assert_eq!(told, [(true, "failed, rolled back".to_string())]);
    });
}

/// What is sent is UTF-8; a session that takes it for something else would keep other letters than the preview showed.
#[test]
fn values_are_not_bound_where_the_session_speaks_another_character_set() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let p = Place::open(Project::mariadb()).await;
        p.run("create table lat (id int primary key, v varchar(20)) charset latin1").await;
        p.run("insert into lat values (5, 'abc')").await;
        let edit = |old: &str, new: &str| [update("5", "v", text(old), text(new))];
        for set in ["set names latin1", "set character_set_client = cp1252", "/*!40101 SET NAMES latin1 */"] {
            let mut said = Vec::new();
            let mut rows = p.own.run(set).await.expect("run");
            while let Some(event) = rows.next().await {
                match event {
                    Ok(holdpoint::engine::Event::Notice(n)) => said.push(n.message),
                    Err(e) => said.push(e.message),
                    Ok(_) => {}
                }
            }
            if said.iter().any(|m| m.contains("Unknown character set")) {
                continue;
            }
            assert!(said.iter().any(|m| m.contains("the session's character set is latin1 now")), "{set}: {said:?}");
            let plan = p.plan("select id, v from lat").await.expect("editable");
            let e = p.write(&plan, &edit("abc", "zü")).await.map(drop).expect_err("other letters");
            assert!(e.message.contains("the session's character set is latin1"), "{e:?}");
            p.write(&plan, &edit("abc", "xyz")).await.expect("plain letters are the same in both");
            p.run("set names utf8mb4").await;
            p.write(&plan, &edit("xyz", "zü")).await.expect("written");
            assert_eq!(p.run("select hex(v), v from lat").await, [[Some("7AFC".to_string()), Some("zü".into())]]);
            p.write(&plan, &edit("zü", "abc")).await.expect("back");
        }
    });
}

/// A session that is not strict cuts what does not fit, and says so in a warning alone.
#[test]
fn a_value_that_the_server_would_cut_is_not_written() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let p = Place::open(Project::mariadb()).await;
        p.run("create table cut (id int primary key, v varchar(10), d decimal(5, 2))").await;
        p.run("insert into cut values (1, 'x', 1)").await;
        for mode in ["", "STRICT_ALL_TABLES"] {
            p.run(&format!("set sql_mode = '{mode}'")).await;
            let plan = p.plan("select id, v, d from cut").await.expect("editable");
            let long = update("1", "v", text("x"), text("a much too long text for this"));
            let rounded = update("1", "d", number("1.00"), number("1.239"));
            for (edit, column) in [(long, "'v'"), (rounded, "'d'")] {
                let e = p.write(&plan, &[edit]).await.map(drop).expect_err("the value would be another one");
                assert!(e.message.contains(column) && e.hints.iter().any(|h| h.contains("still staged")), "{mode}: {e:?}");
            }
            let now = p.run("select v, cast(d as char) from cut").await;
            assert_eq!(now, [[Some("x".to_string()), Some("1.00".into())]], "{mode}");
        }
        let plan = p.plan("select id, v, d from cut").await.expect("editable");
        p.write(&plan, &[update("1", "v", text("x"), text("fits"))]).await.expect("written");
    });
}

/// Where clocks are put back one text of a TIMESTAMP names two moments, and so two rows.
#[test]
fn a_moment_that_was_read_in_another_time_zone_names_no_row() {
    block_on(async {
        let p = Place::open(Project::mariadb()).await;
        p.run("create table hourly (at timestamp primary key, v varchar(5))").await;
        p.run("set time_zone = '+00:00'").await;
        p.run(
            "insert into hourly with recursive n (seq) as (select 0 union all select seq + 1 from n where seq < 30) \
             select timestamp'2026-01-01 00:00:00' + interval seq hour, 'x' from n",
        )
        .await;
        let plan = p.plan("select * from hourly").await.expect("editable");
        let ten = [RowEdit::Update {
            key: vec![("at".into(), text("2026-01-01 10:00:00"))],
            cells: vec![("v".into(), text("x"), text("new"))],
            was: vec![],
        }];
        p.run("set time_zone = '+05:00'").await;
        let e = p.write(&plan, &ten).await.map(drop).expect_err("that is another row's key by now");
        assert!(e.message.contains("read in the time zone +00:00, and would be written in +05:00"), "{e:?}");
        assert_eq!(p.run("select count(*) from hourly where v = 'new'").await[0][0].as_deref(), Some("0"));
        p.run("set time_zone = '+00:00'").await;
        p.write(&plan, &ten).await.expect("written");
        assert_eq!(p.run("select hour(at) from hourly where v = 'new'").await[0][0].as_deref(), Some("10"));
    });
}

/// `CST` is Shanghai's to who set that zone, and America's to the server that reads it.
#[test]
fn a_key_whose_style_may_be_read_otherwise_is_not_edited() {
    block_on(async {
        let p = Place::open(Project::postgres()).await;
        p.run("create table hourly (at timestamptz primary key, d date, n int)").await;
        for (style, ok) in [("SQL, DMY", false), ("German", false), ("ISO, DMY", true)] {
            p.run(&format!("set datestyle = '{style}'")).await;
            let plan = p.plan("select * from hourly").await;
            assert_eq!(plan.is_ok(), ok, "{style}: {plan:?}");
            assert!(ok || plan.is_err_and(|why| why.contains("the key column at") && why.contains("SET DateStyle = 'ISO'")), "{style}");
        }
    });
}

#[test]
fn a_key_that_is_written_like_another_one_is_not_edited() {
    block_on(async {
        let p = Place::open(Project::mariadb()).await;
        let zone = std::process::Command::new("mariadb-tzinfo-to-sql")
            .args(["/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"])
            .output()
            .expect("mariadb-tzinfo-to-sql");
        p.project.mariadb_server().sql("mysql", &String::from_utf8_lossy(&zone.stdout));
        p.run("create table dst (ts timestamp primary key, v varchar(5))").await;
        p.run("set time_zone = '+00:00'").await;
        p.run("insert into dst values ('2025-10-26 00:30:00', 'a'), ('2025-10-26 01:30:00', 'a'), ('2025-07-01 00:00:00', 'a')").await;
        p.run("set time_zone = 'Europe/Berlin'").await;
        let plan = p.plan("select ts, v from dst").await.expect("editable");
        let gone = |ts: &str| RowEdit::Delete { key: vec![("ts".into(), text(ts))], was: vec![("v".into(), text("a"))] };
        let e = p.write(&plan, &[gone("2025-10-26 02:30:00")]).await.map(drop).expect_err("two rows have that key");
        assert!(e.message.contains("Europe/Berlin writes twice") && e.hints[0].contains("SET time_zone"), "{e:?}");
        assert_eq!(p.run("select count(*) from dst").await[0][0].as_deref(), Some("3"));
        p.write(&plan, &[gone("2025-07-01 02:00:00")]).await.expect("written");
        p.run("set time_zone = '+00:00'").await;
        let plan = p.plan("select ts, v from dst").await.expect("editable");
        p.write(&plan, &[gone("2025-10-26 01:30:00")]).await.expect("written");
        assert_eq!(p.run("select cast(ts as char) from dst").await[0][0].as_deref(), Some("2025-10-26 00:30:00"));
    });
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime").block_on(work);
}

/// Bytes are written exactly, and find their row where they are its key.
#[test]
fn bytes_are_edited_and_may_be_the_key() {
    for (make, columns, bits) in [
        (Project::sqlite as fn() -> Project, "k blob not null primary key, raw blob, f blob", false),
        (Project::mariadb, "k binary(4) primary key, raw varbinary(9), f bit(9)", true),
    ] {
        let project = make();
        block_on(async {
            let p = Place::open(project).await;
            p.run(&format!("create table raws ({columns})")).await;
            p.run(&format!(
                "insert into raws values (x'00ff80aa', x'61', {}), (x'00ff80ab', null, null)",
                if bits { "b'100000001'" } else { "x'0101'" }
            ))
            .await;
            let plan = p.plan("select k, raw, f from raws").await.expect("editable");
            let bytes = |b: &[u8]| Param::Bytes(b.to_vec());
            let key = || vec![("k".to_string(), bytes(&[0, 255, 0x80, 0xaa]))];
            let edit = RowEdit::Update {
                key: key(),
                cells: vec![("raw".into(), bytes(b"a"), bytes(&[0xff, 0, 0x27, 0x5c])), ("f".into(), bytes(&[1, 1]), bytes(&[0, 2]))],
                was: vec![],
            };
            assert_eq!(p.write(&plan, &[edit]).await.expect("written").rows, 1);
            let rows = p.run("select hex(k), hex(raw), hex(f) from raws order by k").await;
            let f = if bits { "2" } else { "0002" };
            assert_eq!(rows[0], ["00FF80AA", "FF00275C", f].map(|s| Some(s.to_string())));
            assert_eq!(rows[1][1].as_deref().unwrap_or_default(), "");
            let gone = RowEdit::Delete { key: key(), was: vec![("raw".into(), bytes(b"a"))] };
            assert!(p.write(&plan, &[gone]).await.is_err(), "it is another value by now");
        });
    }
}

#[test]
fn a_key_that_names_no_row_for_certain_says_why() {
    for (make, tables) in [
        (
            Project::mariadb as fn() -> Project,
            &[
                ("create table bare (k float primary key, v int)", "its key PRIMARY has the FLOAT column k"),
                ("create table bare (k int, v int, unique key u (k))", "its unique key u may hold NULL in k"),
                ("create table bare (k varchar(90) not null, v int, unique key u (k(10)))", "covers only the beginning of k"),
                ("create table bare (k int, v int)", "has no primary key"),
                ("create table bare (k double primary key, v int)", ""),
                ("create table bare (k float not null unique, v int not null unique)", ""),
            ][..],
        ),
        (
            Project::postgres,
            &[
                ("create table bare (k int unique, v int)", "its unique index bare_k_key may hold NULL in k"),
                (
                    "create table bare (k int not null, v int); create unique index part on bare (k) where v > 0",
                    "part holds for some rows only",
                ),
                ("create table bare (k text not null, v int); create unique index low on bare (lower(k))", "low is over an expression"),
                ("create table bare (k int, v int)", "has no primary key"),
            ],
        ),
        (Project::sqlite, &[("create virtual table bare using fts5(k, v)", "it is a virtual table")]),
    ] {
        let project = make();
        block_on(async {
            let p = Place::open(project).await;
            for (create, why) in tables {
                for one in create.split("; ") {
                    p.run(one).await;
                }
                match p.plan("select k, v from bare").await {
                    Ok(_) => assert!(why.is_empty(), "{create}"),
                    Err(e) => assert!(!why.is_empty() && e.contains(why), "{create}: {e}"),
                }
                p.run("drop table bare").await;
            }
        });
    }
}

/// A key that is computed from what is written changes with it.
#[test]
fn an_edit_of_what_a_key_is_computed_from_takes_its_rows_along() {
    on_each(async |p: Place| {
        p.run("create table made (id int primary key, v int, m int generated always as (v * 10) stored unique)").await;
        p.run("create table leads (id int primary key, p int, foreign key (p) references made (m) on update cascade)").await;
        p.run("insert into made (id, v) values (1, 1), (2, 2)").await;
        p.run("insert into leads values (1, 10)").await;
        let plan = p.plan("select id, v from made").await.expect("editable");
        for (id, old, wanted) in [("1", "1", None), ("2", "2", Some(1))] {
            let list = statements(p.conn.dialect(), &plan.table, plan.zone.as_deref(), &[update(id, "v", number(old), number("7"))]);
            let done = cells::write(&p.cx, &p.conn, &p.own, &plan.table, &list).await;
            assert_eq!(done.map(|w| w.map(|w| w.rows)), Ok(wanted));
        }
    });
}

/// A trigger that swallows the change is no change by somebody else.
#[test]
fn a_change_that_a_trigger_swallows_is_told_apart_from_one_by_somebody_else() {
    for (make, trigger) in [
        (
            Project::postgres as fn() -> Project,
            &[
                "create function keep() returns trigger language plpgsql as 'begin return null; end'",
                "create trigger keep before delete on kept for each row execute function keep()",
            ][..],
        ),
        (Project::sqlite, &["create trigger keep before delete on kept begin select raise(ignore); end"]),
    ] {
        let project = make();
        block_on(async {
            let p = Place::open(project).await;
            p.run("create table kept (id int primary key, v varchar(9))").await;
            p.run("insert into kept values (1, 'a')").await;
            for one in trigger {
                p.run(one).await;
            }
            let plan = p.plan("select id, v from kept").await.expect("editable");
            let delete = |v: &str| RowEdit::Delete { key: vec![("id".into(), number("1"))], was: vec![("v".into(), text(v))] };
            let e = p.write(&plan, &[delete("a")]).await.expect_err("kept");
            assert!(e.message.contains("the server changed nothing, though the row is there"), "{e:?}");
            let e = p.write(&plan, &[delete("z")]).await.expect_err("another");
            assert!(e.message.contains("somebody changed it meanwhile"), "{e:?}");
        });
    }
}

/// SQLite names the table behind a view, and that of a query in the select list, as a column's origin: the row shown is not that row.
#[test]
fn a_cell_of_a_view_or_of_a_query_in_the_select_list_is_not_edited() {
    on_each(async |p| {
        for sql in [
            "create table emp (id int primary key, boss int, state varchar(9))",
            "insert into emp values (1, null, 'on'), (2, 1, 'on'), (3, 2, 'off')",
            "create view chiefs as select e.id, b.state as boss_state from emp e join emp b on b.id = e.boss",
        ] {
            p.run(sql).await;
        }
        let origins = async |sql: &str| -> Vec<bool> {
            p.own.fetch(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).columns.iter().map(|c| c.origin.is_some()).collect()
        };
        let boss = "(select state from emp b where b.id = emp.boss)";
        assert_eq!(origins(&format!("select id, {boss} as boss_state, state from emp where id > 1")).await, [true, false, true]);
        assert_eq!(origins(&format!("select *, {boss} from emp")).await, [true, true, true, false]);
        assert_eq!(
            origins("select (select id from emp b where b.id = e.boss) as id, e.state from emp e where id = 3").await,
            [false, true]
        );
        let t = p.own.fetch("select * from chiefs").await.expect("select");
        if let Some(origin) = t.columns.iter().find_map(|c| c.origin.clone()) {
            let reader = p.conn.reader().await.expect("reader");
            let info = p.conn.catalog().expect("catalog").table(&reader, &origin.table).await.expect("table");
            assert!(editable(&t.columns, info).is_err(), "a view's rows are edited: {origin:?}");
        }
    });
}
