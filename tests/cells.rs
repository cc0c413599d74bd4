//! Edited cells on real servers: exactly one row each, the whole key, the old values; all of them or none.

mod support;

use holdpoint::config::Surroundings;
use holdpoint::model::{Kind, Param};
use holdpoint::ops::cells::{self, Editable, RowEdit, editable, statements};
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
        let list = statements(self.conn.dialect(), &plan.table, edits);
        cells::write(&self.cx, &self.conn, None, &self.own, &plan.table, &list).await
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
    RowEdit::Update { key: vec![("id".into(), number(id))], cells: vec![(column.into(), old, new)] }
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
        };
        p.write(&plan, &[edit]).await.expect("written");
        let rows = p.run("select v from parts order by a, b").await;
        assert_eq!(rows.iter().map(|r| r[0].as_deref().unwrap_or("")).collect::<Vec<_>>(), ["x", "changed", "x"]);
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
        let list = statements(prod.dialect(), &plan.table, &[update("1", "author", text("mira"), text("x"))]);
        let e = cells::write(&p.cx, &prod, None, &session, &plan.table, &list).await.expect_err("read-only");
        assert_eq!(e.kind, Kind::ReadOnly);
        assert!(e.hints.iter().any(|h| h.contains("unlock")), "{e:?}");
        let unlock = holdpoint::ops::query::unlock(&p.cx, &prod, "app-prod").expect("unlocked");
        let done = cells::write(&p.cx, &prod, Some(&unlock), &session, &plan.table, &list).await.expect("written as a data fix");
        assert_eq!(done.rows, 1);
        let journal = p.project.ok(&["journal", "show", "app-prod"]);
        assert!(journal.contains("committed: 1 cell edit"), "{journal}");
        let history = p.project.ok(&["history", "app-prod"]);
        assert!(history.contains("UPDATE") && history.contains("1 row, committed"), "{history}");
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
                while !locks.running(&watcher, backend).await.expect("looked").is_some_and(|t| t.contains("waits") && t.contains("DELETE"))
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
