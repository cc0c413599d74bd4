//! A proof never reaches beyond its scratch copy, and what only a part of the server shows is never called exact.

mod support;

use support::maria::MariaServer;
use support::pg::PgServer;
use support::project::Project;

/// A project with a qa target whose scratch place is on the same server; migration 0001 is the pair of scripts.
fn project(targets: &str, up: &str, down: &str) -> Project {
    let p = Project::new(targets, down, vec![], vec![]);
    scripts(&p, up, down);
    p
}

fn scripts(p: &Project, up: &str, down: &str) {
    p.write("migrations/0001_notes_archive.up.sql", up);
    p.write("migrations/0001_notes_archive.down.sql", down);
}

fn mariadb(database: &str) -> (&'static MariaServer, String) {
    let server = MariaServer::shared();
    server.create_database(database);
    server.sql(
        database,
        "create table customers (id int auto_increment primary key, name varchar(20)); insert into customers (name) values ('a'), ('b')",
    );
    let socket = server.socket.display();
    let targets = format!(
        "\n[targets.qa]\nengine = \"mysql\"\nsocket = \"{socket}\"\nuser = \"root\"\ndatabase = \"{database}\"\nenvironment = \"qa\"\n\
         migrations = \"migrations\"\nbackups = \"backups\"\nscratch = \"proofs\"\n\
         \n[targets.proofs]\nengine = \"mysql\"\nsocket = \"{socket}\"\nuser = \"root\"\nenvironment = \"development\"\n"
    );
    (server, targets)
}

fn postgres(database: &str) -> (&'static PgServer, String) {
    let server = PgServer::shared();
    server.create_database(database);
    server.psql(database, "create table customers (id serial primary key, name text); insert into customers (name) values ('a'), ('b')");
    let port = server.port;
    let targets = format!(
        "\n[targets.qa]\nurl = \"postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable\"\nenvironment = \"qa\"\n\
         migrations = \"migrations\"\nbackups = \"backups\"\nscratch = \"proofs\"\n\
         \n[targets.proofs]\nurl = \"postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable\"\nenvironment = \"development\"\n"
    );
    (server, targets)
}

#[test]
fn a_mariadb_script_that_names_a_database_is_never_run_on_scratch() {
    let (server, targets) = mariadb("stay_in");
    server.create_database("stay_in_other");
    server.sql("stay_in_other", "create table t (a int)");
    let p = project(&targets, "select 1", "select 1");
    for (up, down) in [
        ("update stay_in.customers set name = 'LEAK'", "update stay_in.customers set name = 'LEAK2'"),
        ("insert into `stay_in_other`.t values (1)", "delete from stay_in_other.t"),
        ("use stay_in; update customers set name = 'LEAK'", "select 1"),
        ("select 1", "insert into /*!50000 stay_in_other.t */ values (2)"),
    ] {
        scripts(&p, up, down);
        let text = p.expect(1, &["migrate", "prove", "qa"]);
        assert!(text.contains("0001_notes_archive") && text.contains("Write the name alone"), "{up}: {text}");
        assert_eq!(server.sql("stay_in", "select group_concat(name order by id) from customers").trim(), "a,b", "{up}");
        assert_eq!(server.sql("stay_in_other", "select count(*) from t").trim(), "0", "{up}");
        // Nor is it applied: the queue itself is held.
        let text = p.expect(4, &["migrate", "apply", "qa"]);
        assert!(text.contains("files-intact"), "{text}");
    }
}

#[test]
fn what_no_reading_shows_is_stopped_by_the_server() {
    let (server, targets) = mariadb("stay_in_rights_only");
    server.create_database("stay_in_hidden");
    server.sql("stay_in_hidden", "create table t (a int)");
    let p = project(&targets, "select 1", "select 1");
    // A table that is made of another database's by a name that only the server puts together.
    scripts(&p, "create table c like customers; rename table c to d", "drop table d");
    assert!(p.ok(&["migrate", "prove", "qa"]).contains("exact"), "ordinary scripts have all the rights that they need");
    let users = "select count(*) from mysql.user where User like 'hp_scratch%'";
    // Proofs of other tests on this server have theirs at the same time.
    support::wait_until("the private users went with their copies", || server.sql("mysql", users).trim() == "0");
    // The scan is the first layer; behind it the login itself reaches nothing else.
    scripts(
        &p,
        "create procedure leak() insert into customers (name) select table_name from information_schema.tables where table_schema = 'stay_in_hidden'; \
                 call leak(); drop procedure leak",
        "delete from customers where name = 't'",
    );
    let text = p.run(&["migrate", "prove", "qa"]);
    let text = format!("{}{}", String::from_utf8_lossy(&text.stdout), String::from_utf8_lossy(&text.stderr));
    assert!(text.contains("exact"), "nothing of the other database is even seen: {text}");
    // A body that is there already and runs text of its own keeps its definer's rights: no copy of it is proven.
    server.sql("stay_in_rights_only", "create procedure dyn() execute immediate concat('delete from stay_in_', 'hidden.t')");
    p.ok(&["backup", "take", "qa"]);
    let text = p.expect(1, &["migrate", "prove", "qa"]);
    assert!(text.contains("routine dyn: EXECUTE IMMEDIATE"), "{text}");
}

#[test]
fn what_changes_the_server_is_never_proven() {
    let (server, targets) = mariadb("stay_in_rights");
    let p = project(&targets, "grant select on customers to nobody_here", "select 1");
    let text = p.expect(1, &["migrate", "prove", "qa"]);
    assert!(text.contains("GRANT gives rights"), "{text}");
    assert_eq!(server.sql("mysql", "select count(*) from tables_priv where Db like 'holdpoint_scratch%'").trim(), "0");

    let (server, targets) = postgres("stay_in");
    let p = project(&targets, "select 1", "select 1");
    for up in [
        "alter database stay_in set work_mem = '1MB'",
        "create role stay_in_role",
        "do $$ begin execute 'create role stay_in_role'; end $$",
    ] {
        scripts(&p, up, "select 1");
        let text = p.expect(1, &["migrate", "prove", "qa"]);
        assert!(text.contains("changes the server, not the database") && text.contains("irreversible"), "{up}: {text}");
    }
    assert_eq!(server.psql("postgres", "select count(*) from pg_roles where rolname = 'stay_in_role'").trim(), "0");
    assert_eq!(
        server
            .psql(
                "postgres",
                "select count(*) from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where datname = 'stay_in'"
            )
            .trim(),
        "0"
    );
}

#[test]
fn a_sequence_that_was_set_is_not_undone_by_nothing() {
    let (server, targets) = postgres("stay_in_sequences");
    let p = project(&targets, "select setval('customers_id_seq', 999999)", "select 1");
    let text = p.expect(1, &["migrate", "prove", "qa"]);
    assert!(text.contains("customers_id_seq gives 1000000 next, and gave 3 before"), "{text}");
    scripts(&p, "select setval('customers_id_seq', 999999)", "select setval('customers_id_seq', 2)");
    assert!(p.ok(&["migrate", "prove", "qa"]).contains("exact"));
    // A sequence that counts down goes on downwards.
    server.psql("stay_in_sequences", "create sequence down increment -1; select nextval('down')");
    p.ok(&["backup", "take", "qa"]);
    scripts(&p, "insert into customers (name) select nextval('down')", "delete from customers where name like '-%'");
    let text = p.ok(&["migrate", "prove", "qa"]);
    assert!(text.contains("equivalent") && text.contains("public.down gives 3 next, and gave 2 before"), "{text}");
    // Numbers that inserts took are gone, and that is said; it is no loss.
    scripts(&p, "insert into customers (name) values ('c')", "delete from customers where name = 'c'");
    let text = p.ok(&["migrate", "prove", "qa"]);
    assert!(text.contains("equivalent") && text.contains("numbers once given are not given again"), "{text}");

    let (_server, targets) = mariadb("stay_in_counters");
    let p = project(&targets, "alter table customers auto_increment = 5000", "select 1");
    let text = p.expect(1, &["migrate", "prove", "qa"]);
    assert!(text.contains("customers gives 5000 next, and gave 3 before"), "{text}");
}

#[test]
fn an_event_does_not_hold_proofs_for_ever() {
    let (server, targets) = mariadb("stay_in_events");
    server.sql("stay_in_events", "create event ev on schedule every 1 day do select 1");
    let p = project(&targets, "alter table customers add column note text", "alter table customers drop column note");
    assert!(p.ok(&["migrate", "prove", "qa"]).contains("exact"));
    // An event that the script leaves changed is seen.
    scripts(&p, "alter event ev enable", "select 1");
    let text = p.expect(1, &["migrate", "prove", "qa"]);
    assert!(text.contains("event-status ev differs"), "{text}");
}
