//! The whole way through the environments on real servers: rehearsed in development, applied in qa, proven and applied
//! in production, reverted. Production stands on a server of its own, because proofs are never made there.

mod support;

use holdpoint::config::files::load_in;
use holdpoint::config::surroundings::Surroundings;
use holdpoint::model::migration::RollbackClass;
use holdpoint::ops::checklist::{self, SCHEMA_MIGRATION, Signature};
use holdpoint::ops::{Connection, Cx, backup, connect, gate, journal, migrate};
use std::path::Path;
use support::maria::MariaServer;
use support::pg::PgServer;

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, note VARCHAR(80));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, total DECIMAL(10,2) NOT NULL, state VARCHAR(20));
INSERT INTO customers VALUES (1, 'Ada', 'gold'), (2, 'Grace', NULL), (3, 'Edsger', 'gold'), (4, 'Barbara', '');
INSERT INTO orders VALUES (1, 1, 10.50, 'paid'), (2, 1, 3, 'open'), (3, 2, 99.99, 'paid'), (4, 3, 0, NULL);";

/// What differs between the engines.
struct Place {
    /// `engine = …` and how to reach a database, as TOML lines without the database, for the server of development, qa and
    /// scratch, and for production's.
    others: String,
    production: String,
    /// Name of a database in which other ones can be made.
    home: &'static str,
    query: Box<Ask>,
}

/// Runs SQL in a database with the native client.
type Ask = dyn Fn(&str, &str) -> String;

fn project(place: &Place) -> (tempfile::TempDir, Cx) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut toml = String::from("[policy]\napproval = \"solo\"\n[store]\npath = \"state/store.db\"\n");
    for (name, env) in [("dev", "development"), ("qa", "qa"), ("prod", "production")] {
        let server = if name == "prod" { &place.production } else { &place.others };
        toml += &format!(
            "[targets.{name}]\n{server}database = \"{name}\"\nenvironment = \"{env}\"\nmigrations = \"migrations\"\nbackups = \"backups\"\nscratch = \"scratch\"\n"
        );
    }
    toml += &format!("[targets.scratch]\n{}database = \"{}\"\n", place.others, place.home);
    std::fs::write(root.join("holdpoint.toml"), toml).unwrap();
    std::fs::create_dir(root.join("migrations")).unwrap();
    let config = load_in(None, &Surroundings::made_up(root, root, [("PATH", std::env::var("PATH").unwrap().as_str())])).unwrap();
    let cx = Cx::new(config);
    assert_eq!(cx.store.problem(), None);
    (dir, cx)
}

fn migration(root: &Path, stem: &str, up: &str, down: &str) {
    std::fs::write(root.join(format!("migrations/{stem}.up.sql")), up).unwrap();
    std::fs::write(root.join(format!("migrations/{stem}.down.sql")), down).unwrap();
}

async fn conn(cx: &Cx, target: &str) -> Connection {
    connect::connect(cx, target).await.unwrap()
}

async fn whole_way(place: Place) {
    let (dir, cx) = project(&place);
    let root = dir.path();
    migration(root, "0001_add_phone", "ALTER TABLE customers ADD COLUMN phone VARCHAR(40);", "ALTER TABLE customers DROP COLUMN phone;");
    migration(
        root,
        "0002_drop_note",
        "ALTER TABLE customers DROP COLUMN note;\nCREATE INDEX orders_customer ON orders (customer);",
        "ALTER TABLE customers ADD COLUMN note VARCHAR(80);\nDROP INDEX orders_customer{on_orders};",
    );
    let on_orders = if place.home == "mysql" { " ON orders" } else { "" };
    let down = root.join("migrations/0002_drop_note.down.sql");
    std::fs::write(&down, std::fs::read_to_string(&down).unwrap().replace("{on_orders}", on_orders)).unwrap();

    let dev = conn(&cx, "dev").await;
    let report = migrate::rehearse(&cx, &dev, None).await.unwrap();
    assert_eq!(report.steps.len(), 2);

    let qa = conn(&cx, "qa").await;
    let view = checklist::run_all_provable(&cx, &qa, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    assert_eq!(view.missing().count(), 0, "{view:#?}");
    let clearance = gate::clear(&cx, &qa, None).await.unwrap().unwrap();
    migrate::apply(&cx, &qa, clearance).await.unwrap();

    let prod = conn(&cx, "prod").await;
    let view = checklist::run_all_provable(&cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    assert_eq!(view.missing().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["approval", "preconditions"], "{view:#?}");
    let proof = view.steps.iter().find(|s| s.id == "rollback-proven").unwrap();
    assert_eq!(proof.class, Some(RollbackClass::Lossy));
    assert!(proof.summary.contains("3 values of") && proof.summary.contains("customers.note"), "{}", proof.summary);
    let signature = Signature { name: "mira".into(), text: "the notes are in the archive".into(), typed_target: Some("prod".into()) };
    checklist::sign(&cx, &prod, SCHEMA_MIGRATION, "approval", &signature).await.unwrap();
    let view = checklist::run_all_provable(&cx, &prod, SCHEMA_MIGRATION, &|_| {}).await.unwrap();
    assert_eq!(view.missing().count(), 0, "{view:#?}");
    let clearance = gate::clear(&cx, &prod, None).await.unwrap().unwrap();
    let report = migrate::apply(&cx, &prod, clearance).await.unwrap();
    assert_eq!((place.query)("prod", "SELECT count(*) FROM _sqlx_migrations WHERE success"), "2");
    assert_eq!((place.query)("prod", "SELECT length(checksum) FROM _sqlx_migrations WHERE version = 1"), "48");
    let validated = checklist::run_step(&cx, &prod, SCHEMA_MIGRATION, "validate").await.unwrap();
    assert!(validated.holds && validated.summary.contains("what the proof predicted"), "{}", validated.summary);

    let reverted = migrate::revert(&cx, &prod, report.revert).await.unwrap();
    assert_eq!(reverted.steps.iter().map(|s| s.version).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((place.query)("prod", "SELECT count(*) FROM _sqlx_migrations"), "0");
    assert_eq!((place.query)("prod", "SELECT count(note) FROM customers"), "0", "what the proof said would be lost");
    assert!(matches!(journal::verify(&cx).unwrap(), journal::Verification::Intact { .. }));

    // From here on the record knows production's server: no target's proofs are made there.
    let file = root.join("holdpoint.toml");
    let toml = std::fs::read_to_string(&file).unwrap();
    let (before, _) = toml.split_once("[targets.scratch]").unwrap();
    std::fs::write(&file, format!("{before}[targets.scratch]\n{}database = \"{}\"\n", place.production, place.home)).unwrap();
    let config = load_in(None, &Surroundings::made_up(root, root, [("PATH", std::env::var("PATH").unwrap().as_str())])).unwrap();
    let cx = Cx::new(config);
    let e = backup::verify(&cx, &conn(&cx, "qa").await, None).await.unwrap_err();
    assert!(e.message.contains("the scratch place scratch is on the server of prod"), "{e:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_from_development_to_production_and_back() {
    let (others, production) = (PgServer::start(&[]), PgServer::start_another(&[]));
    let lines =
        |s: &PgServer| format!("engine = \"postgres\"\nsocket = \"{}\"\nport = {}\nuser = \"postgres\"\n", s.socket.display(), s.port);
    for (server, name) in [(&others, "dev"), (&others, "qa"), (&production, "prod")] {
        server.create_database(name);
        server.psql(name, SHOP);
    }
    let (a, b) = (lines(&others), lines(&production));
    whole_way(Place {
        others: a,
        production: b,
        home: "postgres",
        query: Box::new(move |db, sql| (if db == "prod" { &production } else { &others }).psql(db, sql).trim().to_string()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_from_development_to_production_and_back() {
    let (others, production) = (MariaServer::start(&[]), MariaServer::start(&[]));
    let lines = |s: &MariaServer| format!("engine = \"mariadb\"\nsocket = \"{}\"\nuser = \"root\"\n", s.socket.display());
    for (server, name) in [(&others, "dev"), (&others, "qa"), (&production, "prod")] {
        server.create_database(name);
        server.sql(name, SHOP);
    }
    let (a, b) = (lines(&others), lines(&production));
    whole_way(Place {
        others: a,
        production: b,
        home: "mysql",
        query: Box::new(move |db, sql| (if db == "prod" { &production } else { &others }).sql(db, sql).trim().to_string()),
    })
    .await;
}
