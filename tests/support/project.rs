//! A project with three environments of one small database, on each engine.

use super::maria::MariaServer;
use super::pg::PgServer;
use std::process::Output;

/// A project directory with three databases and two migrations, and a home of its own.
pub struct Project {
    pub home: tempfile::TempDir,
    /// Servers that must live as long as the project.
    pg: Vec<PgServer>,
    maria: Vec<MariaServer>,
}

pub const UP: &str = "create index notes_author on notes (author);\n\nalter table notes add column archived integer not null default 0;\n";
pub const DOWN: &str = "alter table notes drop column archived;\n\ndrop index notes_author;\n";
pub const DOWN_MARIADB: &str = "alter table notes drop column archived;\n\ndrop index notes_author on notes;\n";
pub const SEED: &[&str] = &[
    "create table notes (id integer primary key, author varchar(40) not null, body varchar(200))",
    "insert into notes values (1, 'mira', 'first'), (2, 'jonas', 'zweite — ü'), (3, 'aiko', null)",
];

impl Project {
    pub fn new(targets: &str, down: &str, pg: Vec<PgServer>, maria: Vec<MariaServer>) -> Project {
        let home = tempfile::tempdir().expect("home");
        let config = format!("[policy]\napproval = \"solo\"\n\n[store]\npath = \"store/holdpoint.db\"\n{targets}");
        std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
        for d in ["migrations", "backups", "scratch"] {
            std::fs::create_dir(home.path().join(d)).expect("directory");
        }
        let p = Project { home, pg, maria };
        p.write("migrations/0001_notes_archive.up.sql", UP);
        p.write("migrations/0001_notes_archive.down.sql", down);
        p
    }

    pub fn sqlite() -> Project {
        let mut targets = String::new();
        for (name, env) in [("app-dev", "development"), ("app-qa", "qa"), ("app-prod", "production")] {
            targets.push_str(&format!(
                "\n[targets.{name}]\nengine = \"sqlite\"\npath = \"{name}.db\"\nenvironment = \"{env}\"\nmigrations = \"migrations\"\n\
                 backups = \"backups\"\nscratch = \"scratch\"\n"
            ));
        }
        let p = Project::new(&targets, DOWN, vec![], vec![]);
        for name in ["app-dev", "app-qa", "app-prod"] {
            let db = rusqlite::Connection::open(p.path(&format!("{name}.db"))).expect("database");
            db.execute_batch(&SEED.join(";")).expect("seed");
        }
        p
    }

    pub fn postgres() -> Project {
        // Proofs never run on production's server: the scratch place is a second one.
        // Nor does a vacuum or an analysis of the server's own come in between: plans and sizes are what a test made them.
        let (live, scratch) = (PgServer::start(&["autovacuum=off"]), PgServer::start_another(&["autovacuum=off"]));
        let mut targets = String::new();
        for (name, env) in [("app-dev", "development"), ("app-qa", "qa"), ("app-prod", "production")] {
            live.create_database(name);
            live.psql(name, &SEED.join(";"));
            targets.push_str(&format!(
                "\n[targets.{name}]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"{name}\"\n\
                 sslmode = \"disable\"\nenvironment = \"{env}\"\nmigrations = \"migrations\"\nbackups = \"backups\"\nscratch = \"proofs\"\n",
                live.port
            ));
        }
        targets.push_str(&format!(
            "\n[targets.proofs]\nurl = \"postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable\"\nenvironment = \"development\"\n",
            scratch.port
        ));
        Project::new(&targets, DOWN, vec![live, scratch], vec![])
    }

    pub fn mariadb() -> Project {
        let (live, scratch) = (MariaServer::start(&[]), MariaServer::start(&[]));
        let mut targets = String::new();
        for (name, env) in [("app-dev", "development"), ("app-qa", "qa"), ("app-prod", "production")] {
            live.create_database(name);
            live.sql(name, &SEED.join(";"));
            targets.push_str(&format!(
                "\n[targets.{name}]\nengine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"{name}\"\n\
                 environment = \"{env}\"\nmigrations = \"migrations\"\nbackups = \"backups\"\nscratch = \"proofs\"\n",
                live.socket.display()
            ));
        }
        targets.push_str(&format!(
            "\n[targets.proofs]\nengine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\nenvironment = \"development\"\n",
            scratch.socket.display()
        ));
        Project::new(&targets, DOWN_MARIADB, vec![], vec![live, scratch])
    }

    /// The server of the three databases, in a project on PostgreSQL.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn postgres_server(&self) -> &PgServer {
        self.pg.first().expect("a project on PostgreSQL")
    }
    /// The server of the three databases, in a project on MariaDB.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn mariadb_server(&self) -> &MariaServer {
        self.maria.first().expect("a project on MariaDB")
    }
    /// The one that proofs are made on, in a project on PostgreSQL.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn scratch_server(&self) -> &PgServer {
        self.pg.get(1).expect("a project on PostgreSQL")
    }
    /// The one that proofs are made on, in a project on MariaDB.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn scratch_mariadb(&self) -> &MariaServer {
        self.maria.get(1).expect("a project on MariaDB")
    }
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("write");
    }
    pub fn run(&self, args: &[&str]) -> Output {
        super::command(self.home.path()).args(args).output().expect("run")
    }
    /// Runs, expects the exit code, and gives back standard output and standard error together.
    pub fn expect(&self, code: i32, args: &[&str]) -> String {
        let out = self.run(args);
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "holdpoint {}:\n{text}", args.join(" "));
        text
    }
    pub fn ok(&self, args: &[&str]) -> String {
        self.expect(0, args)
    }
    /// Everything up to the signature, on production.
    pub fn proven(&self) {
        self.ok(&["migrate", "rehearse", "app-dev"]);
        self.expect(0, &["run", "schema-migration", "app-qa"]);
        self.ok(&["migrate", "apply", "app-qa"]);
        // Stops at the approval, which is a person's.
        let text = self.expect(4, &["run", "schema-migration", "app-prod"]);
        assert!(text.contains("✔ rollback-proven"), "not every provable step was proven:\n{text}");
    }
    pub fn sign(&self) {
        self.ok(&["checklist", "sign", "app-prod", "approval", "--reason", "tested in qa", "--confirm", "app-prod"]);
        // Preconditions are read right before the run, after the approval.
        self.ok(&["run", "schema-migration", "app-prod"]);
    }
    pub fn column_is_there(&self, target: &str) -> bool {
        self.run(&["query", target, "select archived from notes"]).status.success()
    }
}
