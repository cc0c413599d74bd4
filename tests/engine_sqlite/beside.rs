//! Databases that a session has beside its file: attached ones, those in memory, and temporary objects.

use super::*;
use holdpoint::model::Place as Where;
use holdpoint::model::names::Names;

/// What another session of the same target is given of this one's.
async fn beside(place: &Place, s: &Session, access: Access) -> Session {
    let how = Connect { place: s.status().place, ..Connect::new(Role::Background, access) };
    place.engine().connect(how).await.expect("a session beside")
}

async fn run(s: &Session, texts: &[&str]) {
    for text in texts {
        s.fetch(*text).await.unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
}

fn schema(name: &str) -> NodePath {
    NodePath::root().child(NodeKind::Schema, name)
}

async fn children(place: &Place, s: &Session, at: &NodePath) -> Vec<String> {
    let engine = place.engine();
    let nodes = engine.catalog().get().unwrap().children(s, at).await.unwrap_or_else(|e| panic!("{at:?}: {e:?}"));
    nodes.into_iter().map(|n| n.name).collect()
}

async fn names(place: &Place, s: &Session) -> Names {
    place.engine().catalog().get().unwrap().names(s).await.expect("names")
}

/// `t.db` with `big` and `t`, and `other.db` with `big` alone, as `two`.
async fn two() -> (Place, Session, PathBuf) {
    let place = Place::with("CREATE TABLE big (id INTEGER PRIMARY KEY, main_only TEXT); CREATE TABLE t (a)");
    let other = place.dir.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch(
            "CREATE TABLE big (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO big VALUES (1, 'x'), (2, 'y');
             CREATE TABLE kid (id INTEGER PRIMARY KEY, b INTEGER REFERENCES big); CREATE INDEX kid_b ON kid (b);
             CREATE VIEW some AS SELECT * FROM big WHERE id > 1;
             CREATE TRIGGER told AFTER INSERT ON kid BEGIN UPDATE big SET v = 'told' WHERE id = new.b; END;",
        )
        .unwrap();
    let s = place.session(Access::ReadWrite).await;
    assert_eq!(s.status().place, None);
    run(&s, &[&format!("ATTACH '{}' AS two", other.display())]).await;
    (place, s, other)
}

#[tokio::test]
async fn an_attached_file_is_in_the_tree_of_a_session_beside_it() {
    let (place, s, other) = two().await;
    let there = beside(&place, &s, Access::ReadOnly).await;
    assert!(there.lacks().is_empty());
    let engine = place.engine();
    let catalog = engine.catalog().get().unwrap();
    let roots = catalog.children(&there, &NodePath::root()).await.unwrap();
    assert_eq!(roots.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["main", "two"]);
    assert!(roots[1].detail.ends_with("other.db"), "{roots:?}");
    assert_eq!(children(&place, &there, &schema("two")).await, ["big", "kid", "some"]);
    let kid = schema("two").child(NodeKind::Table, "kid");
    assert_eq!(children(&place, &there, &kid).await, ["id", "b", "Indexes", "Foreign keys", "Triggers"]);
    // The server takes the definition again, for that very database.
    let made = catalog.definition(&there, &kid).await.unwrap();
    for part in ["CREATE TABLE \"two\".kid", "CREATE INDEX \"two\".kid_b ON kid", "CREATE TRIGGER \"two\".told AFTER INSERT ON kid"] {
        assert!(made.contains(part), "{made}");
    }
    run(&s, &["DROP TABLE two.kid"]).await;
    for one in made.split(";\n\n") {
        run(&s, &[one]).await;
    }
    assert_eq!(s.fetch("SELECT count(*) FROM two.sqlite_schema WHERE tbl_name = 'kid'").await.unwrap().scalar(), Some("3"));
    assert_eq!(catalog.preview(&kid, 5, s.status().place.as_ref()).as_deref(), Some("SELECT * FROM \"two\".\"kid\" LIMIT 5"));
    // Edited rows are found by the table's key, qualified.
    let info = catalog.table(&there, &["two".into(), "big".into()]).await.unwrap().expect("a table");
    assert_eq!((info.schema.as_str(), info.key.as_slice()), ("two", &["id".to_string()][..]));
    assert_eq!(catalog.referrers(&there, &["two".into(), "big".into()]).await.unwrap()[0].table, "kid");
    // A bare name means the file's own table, which goes before an attached one.
    let bare = catalog.table(&there, &["big".into()]).await.unwrap().expect("a table");
    assert_eq!(bare.schema, "main");
    let plan = there.explain("SELECT * FROM two.big WHERE v = 'x'", false).await.unwrap();
    assert!(!plan.analyzed && format!("{plan:?}").contains("big"), "{plan:?}");
    let measured = there.explain("SELECT * FROM two.big", true).await.unwrap();
    assert_eq!(measured.root.rows_total, Some(2.0));
    // It reads there, and cannot write.
    let e = there.fetch("DELETE FROM two.big").await.expect_err("a session that reads");
    assert_eq!(e.kind, Kind::ReadOnly, "{e:?}");
    let names = names(&place, &there).await;
    assert_eq!(
        (names.path.as_slice(), names.schemas.as_slice()),
        (&["main".to_string(), "two".into()][..], &["main".to_string(), "two".into()][..])
    );
    assert_eq!(names.relation(Some("two"), "big").unwrap().columns[1].name.as_ref(), "v");
    assert_eq!(names.relation(None, "big").unwrap().schema.as_ref(), "main");
    assert_eq!(names.relation(None, "kid").unwrap().schema.as_ref(), "two");
    // What is let go is gone.
    run(&s, &["DETACH two"]).await;
    assert_eq!(s.status().place, None);
    assert!(other.exists());
}

#[tokio::test]
async fn temporary_objects_are_told_without_their_rows() {
    let (place, s, _) = two().await;
    run(
        &s,
        &[
            "CREATE TEMP TABLE t (id INTEGER PRIMARY KEY, temp_only TEXT UNIQUE)",
            "INSERT INTO temp.t VALUES (1, 'x')",
            "CREATE TEMP VIEW seen AS SELECT temp_only FROM t",
            "CREATE INDEX temp.t_i ON t (temp_only, id)",
            "CREATE TEMP TRIGGER on_big AFTER DELETE ON main.big BEGIN SELECT 1; END",
            "CREATE VIRTUAL TABLE temp.words USING fts5(x)",
            "ATTACH ':memory:' AS mem",
            "CREATE TABLE mem.m AS SELECT 1 AS one",
        ],
    )
    .await;
    let now = s.status().place.expect("a place");
    assert_eq!(now.beside().iter().map(|b| b.name.as_str()).collect::<Vec<_>>(), ["temp", "two", "mem"]);
    assert!(now.is_private("temp") && now.is_private("MEM") && !now.is_private("two") && !now.is_private("main"));
    assert_eq!(now.shared().beside().len(), 1);
    let there = beside(&place, &s, Access::ReadOnly).await;
    assert!(there.lacks().is_empty(), "{:?}", there.lacks());
    assert_eq!(children(&place, &there, &NodePath::root()).await, ["main", "temp", "two", "mem"]);
    let temp = children(&place, &there, &schema("temp")).await;
    assert!(temp.starts_with(&["t".into(), "words".into()]) && temp.ends_with(&["seen".into()]), "{temp:?}");
    assert_eq!(children(&place, &there, &schema("temp").child(NodeKind::View, "seen")).await, ["temp_only"]);
    assert_eq!(children(&place, &there, &schema("mem").child(NodeKind::Table, "m")).await, ["one"]);
    let engine = place.engine();
    let catalog = engine.catalog().get().unwrap();
    let made = catalog.definition(&there, &schema("temp").child(NodeKind::Table, "t")).await.unwrap();
    assert!(made.starts_with("CREATE TABLE \"temp\".t (id INTEGER") && made.contains("CREATE INDEX \"temp\".t_i"), "{made}");
    let names = names(&place, &there).await;
    assert_eq!(names.path, ["temp", "main", "two", "mem"]);
    assert_eq!(names.relation(None, "t").unwrap().schema.as_ref(), "temp");
    let bare = catalog.table(&there, &["t".into()]).await.unwrap().expect("a table");
    assert_eq!((bare.schema.as_str(), bare.key.as_slice()), ("temp", &["id".to_string()][..]));
    let main_t = schema("main").child(NodeKind::Table, "t");
    assert_eq!(catalog.preview(&main_t, 1, s.status().place.as_ref()).as_deref(), Some("SELECT * FROM \"main\".\"t\" LIMIT 1"));
    // A plan is one of the user's own tables; their rows are nowhere else, and no number is made up for them.
    let plan = there.explain("SELECT * FROM t WHERE temp_only = 'x'", false).await.unwrap();
    assert!(format!("{plan:?}").contains("autoindex"), "{plan:?}");
    for text in ["SELECT count(*) FROM t", "SELECT * FROM seen", "SELECT one FROM mem.m", "SELECT * FROM words"] {
        let e = there.explain(text, true).await.expect_err(text);
        assert!(e.message.contains("your own session alone"), "{text}: {e:?}");
        there.fetch(text).await.expect_err(text);
    }
    let usage = catalog.usage(&there, "temp").await.unwrap();
    assert!(usage.relations.is_empty() && usage.remarks[0].contains("your session alone"), "{usage:?}");
    // A session that writes gets what it shares with the user's, and nothing that only looks like it.
    let how = Connect { place: Some(now.shared()), ..Connect::new(Role::Query, Access::ReadWrite) };
    let writer = engine.connect(how).await.unwrap();
    assert_eq!(children(&place, &writer, &NodePath::root()).await, ["main", "two"]);
    run(&writer, &["INSERT INTO two.big VALUES (3, 'z')"]).await;
    assert_eq!(s.fetch("SELECT count(*) FROM two.big").await.unwrap().scalar(), Some("3"));
    // What a rollback takes back is gone from the place, too.
    run(&s, &["BEGIN", "CREATE TEMP TABLE later (a)"]).await;
    assert!(format!("{:?}", s.status().place).contains("later"));
    run(&s, &["ROLLBACK"]).await;
    assert!(!format!("{:?}", s.status().place).contains("later"));
}

#[tokio::test]
async fn an_attached_file_that_cannot_be_read_is_told_and_keeps_nothing_else_away() {
    let (place, s, other) = two().await;
    let moved = place.dir.path().join("moved.db");
    std::fs::rename(&other, &moved).unwrap();
    let there = beside(&place, &s, Access::ReadOnly).await;
    let told = |s: &Session| s.lacks().iter().map(|(n, e)| format!("{n}: {}", e.message)).collect::<Vec<_>>().join("; ");
    assert!(told(&there).contains("two: there is no file"), "{}", told(&there));
    let engine = place.engine();
    let catalog = engine.catalog().get().unwrap();
    let roots = catalog.children(&there, &NodePath::root()).await.unwrap();
    assert!(roots[1].name == "two" && roots[1].detail.starts_with("cannot be read: there is no file"), "{roots:?}");
    let e = catalog.children(&there, &schema("two")).await.expect_err("gone");
    assert!(e.message.contains("there is no file"), "{e:?}");
    let known = names(&place, &there).await;
    assert!(known.relation(None, "big").is_some() && known.unread == ["two"] && known.schemas.contains(&"two".to_string()), "{known:?}");
    assert!(catalog.names_of(&there, "two").await.is_err());
    assert!(!other.exists(), "looking makes no file");
    // Back, and held by another program.
    std::fs::rename(&moved, &other).unwrap();
    let held = rusqlite::Connection::open(&other).unwrap();
    held.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let there = beside(&place, &s, Access::ReadOnly).await;
    assert!(told(&there).contains("locked"), "{}", told(&there));
    held.execute_batch("COMMIT").unwrap();
    let there = beside(&place, &s, Access::ReadOnly).await;
    assert!(there.lacks().is_empty(), "{}", told(&there));
    // Locked after it was attached: its own names are waited for, the others come.
    held.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let known = names(&place, &there).await;
    assert!(known.relation(Some("main"), "big").is_some() && known.unread == ["two"], "{known:?}");
    held.execute_batch("COMMIT").unwrap();
    assert_eq!(catalog.names_of(&there, "two").await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_session_that_reads_stays_where_it_is() {
    let (place, _, other) = two().await;
    let s = place.session(Access::ReadOnly).await;
    for text in [format!("ATTACH '{}' AS two", other.display()), "CREATE TEMP TABLE x (a)".into()] {
        assert_eq!(s.fetch(text).await.expect_err("refused").kind, Kind::ReadOnly);
    }
    assert_eq!(s.status().place, None);
    assert_eq!(Where::Path("x".into()).beside(), []);
}

/// What went wrong with an attached file is told of that file, and not of the one that was opened.
#[tokio::test]
async fn an_error_names_the_file_that_it_is_about() {
    let (_place, s, other) = two().await;
    let dir = other.parent().unwrap().display().to_string();
    let message = async |sql: String| s.fetch(sql.as_str()).await.err().unwrap_or_else(|| panic!("{sql}")).message;
    let lock = rusqlite::Connection::open(&other).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for sql in ["UPDATE two.big SET v = 'z'", "UPDATE kid SET b = 1", "SELECT * FROM t, kid"] {
        let said = message(sql.into()).await;
        assert!(said.contains("other.db is locked by another connection"), "{sql}: {said}");
    }
    drop(lock);
    run(&s, &[&format!("ATTACH 'file:{}?mode=ro' AS three", other.display())]).await;
    let said = message("DELETE FROM three.big".into()).await;
    assert!(said.contains("other.db is open read-only"), "{said}");
    std::fs::write(other.with_file_name("none.db"), "this is a text, and no database at all").unwrap();
    let said = message(format!("ATTACH DATABASE '{dir}/none.db' AS four")).await;
    assert!(said.contains("none.db is not a SQLite database"), "{said}");
    let said = message(format!("ATTACH '{dir}/no/new.db' AS five")).await;
    assert!(said.starts_with(&format!("opening {dir}/no/new.db")), "{said}");
}
