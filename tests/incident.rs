//! An incident from the alarm to the hand-over: no step is ticked by itself, what is undone voids what was proved, and another machine
//! goes on where the first one stopped.

mod support;

use serde_json::Value;
use std::path::Path;
use support::held::Held;
use support::pg::PgServer;
use support::wait_until;

/// A machine of a person: a home with the target `t`.
struct Machine(tempfile::TempDir, &'static str);

impl Machine {
    fn new(person: &'static str, target: &str) -> Machine {
        let home = tempfile::tempdir().expect("home");
        let config = format!(
            "[store]\npath = \"store/s.db\"\n\n[policy]\napproval = \"solo\"\n\n[targets.t]\n{target}\nenvironment = \"production\"\n\n[targets.t.assess]\n\"PG06.wait\" = [1, 5]\n\"PG35.full\" = [0.002, 0.001]\n"
        );
        std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
        Machine(home, person)
    }
    fn of(pg: &PgServer, person: &'static str) -> Machine {
        let place =
            format!("host = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"postgres\"\nsslmode = \"disable\"", pg.port);
        let machine = Machine::new(person, &format!("engine = \"postgres\"\n{place}"));
        // An administrator's own target of the same server, in another database.
        let file = machine.path("holdpoint.toml");
        let admin = place.replace("database = \"postgres\"", "database = \"template1\"");
        let config = std::fs::read_to_string(&file).expect("config") + &format!("\n[targets.admin]\nengine = \"postgres\"\n{admin}\n");
        std::fs::write(file, config).expect("config");
        machine
    }
    fn run(&self, code: i32, args: &[&str]) -> (String, String) {
        let out = support::command(self.0.path()).env("HOLDPOINT_OPERATOR", self.1).args(args).output().expect("runs");
        let (out_, err) = (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned());
        assert_eq!(out.status.code(), Some(code), "{args:?}:\n{out_}{err}");
        (out_, err)
    }
    fn sign(&self, step: &str, words: &str) {
        self.run(0, &["checklist", "sign", "t", step, "--checklist", "emergency-assessment", "--reason", words]);
    }
    /// The steps with their states, of the list that was just run or shown.
    fn states(text: &str) -> Vec<(String, String)> {
        let v: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let word = |v: &Value| v.as_str().unwrap_or("-").to_string();
        v["steps"].as_array().expect("steps").iter().map(|s| (word(&s["id"]), word(&s["state"]))).collect()
    }
    fn go_on(&self, code: i32, checklist: &str) -> Vec<(String, String)> {
        Self::states(&self.run(code, &["run", checklist, "t", "--format", "json"]).0)
    }
    fn show(&self, checklist: &str) -> Vec<(String, String)> {
        let code = |states: &[(String, String)]| states.iter().all(|(_, s)| s == "proved" || s == "signed");
        let out = support::command(self.0.path()).args(["checklist", "show", "t", "--checklist", checklist, "--format", "json"]).output();
        let out = out.expect("runs");
        let states = Self::states(&String::from_utf8_lossy(&out.stdout));
        assert_eq!(out.status.code(), Some(if code(&states) { 0 } else { 4 }));
        states
    }
    /// The mark of an idle session as it is now.
    fn mark(&self, target: &str, pid: &str) -> String {
        let (out, err) = self.run(0, &["recover", target, "end-idle", pid, "--dry-run"]);
        let all = format!("{out}{err}");
        let at = all.find("--seen ").unwrap_or_else(|| panic!("no mark: {all}"));
        all[at + 7..at + 15].to_string()
    }
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

fn is(states: &[(String, String)], wanted: &[(&str, &str)]) {
    let seen: Vec<(&str, &str)> = states.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    for w in wanted {
        assert!(seen.contains(w), "{w:?} is not in {seen:?}");
    }
}

fn files(dir: &Path, ending: &str) -> Vec<String> {
    let all = std::fs::read_dir(dir).expect("the directory");
    let all = all.map(|f| f.expect("a file").file_name().to_string_lossy().into_owned());
    all.filter(|n| n.ends_with(ending)).collect()
}

#[test]
fn an_incident_is_led_from_the_alarm_to_the_hand_over_by_two_people_on_two_machines() {
    let pg = PgServer::start(&["fsync=on"]);
    pg.psql("postgres", "create table orders (id int primary key, v int); insert into orders values (1, 1)");
    let holder = Held::named(&pg, "postgres", "nightly-export", "begin; update orders set v = 2;");
    let of = |what: &str| pg.psql("postgres", &format!("select pid from pg_stat_activity where {what}")).trim().to_string();
    wait_until("the row is held", || !of("application_name = 'nightly-export' and state = 'idle in transaction'").is_empty());
    let _ddl = Held::named(&pg, "postgres", "deploy", "alter table orders add column z int;");
    wait_until("the deployment waits", || of("wait_event_type = 'Lock'").lines().count() == 1);
    let _reader = Held::named(&pg, "postgres", "shop", "select pg_sleep(0); select * from orders;");
    wait_until("two wait", || of("wait_event_type = 'Lock'").lines().count() == 2);
    wait_until("they wait for a second", || {
        of("wait_event_type = 'Lock' and application_name = 'deploy' and now() - state_change > interval '1.2 s'").lines().count() == 1
    });

    // The first one: what is known is proved, what is not stays open, and nothing is ticked by itself.
    let mira = Machine::of(&pg, "mira");
    let fresh = mira.show("emergency-recovery");
    assert!(fresh.iter().all(|(_, s)| s == "waiting"), "{fresh:?}");
    is(
        &mira.go_on(4, "emergency-recovery"),
        &[("assess", "proved"), ("keep", "proved"), ("backup", "failed"), ("act", "failed"), ("verify", "waiting")],
    );
    let kept = files(&mira.path("incidents"), ".json");
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    let traces = std::fs::read_to_string(mira.path("incidents").join(kept)).expect("traces");
    assert!(traces.contains("nightly-export"), "{traces}");
    let (_, told) = mira.run(4, &["checklist", "show", "t", "--checklist", "emergency-assessment"]);
    assert!(told.contains("Sign who leads"), "{told}");
    mira.sign("stabilise", "mira leads; deploy 4711 at 02:00");
    let (_, told) = mira.run(4, &["checklist", "show", "t", "--checklist", "emergency-assessment"]);
    assert!(told.contains("To paste: [SEV-") && told.contains("t (production): "), "{told}");
    mira.run(2, &["checklist", "sign", "t", "verify", "--checklist", "emergency-assessment", "--reason", "it is fine"]);
    mira.run(2, &["checklist", "sign", "t", "contain", "--checklist", "emergency-assessment"]);
    mira.run(0, &["evidence", "export", "t", "--output", mira.path("to-jon.json").to_str().expect("a path")]);

    // The second one goes on elsewhere; the action is of its own.
    let jon = Machine::of(&pg, "jon");
    jon.run(0, &["evidence", "import", mira.path("to-jon.json").to_str().expect("a path")]);
    is(&jon.show("emergency-assessment"), &[("stabilise", "signed"), ("assess", "proved"), ("recover", "failed")]);
    let pid = of("application_name = 'nightly-export'");
    let seen = jon.mark("t", &pid);
    jon.run(0, &["recover", "t", "end-idle", &pid, "--confirm", &pid, "--seen", &seen]);
    drop(holder);
    wait_until("nobody waits", || of("wait_event_type = 'Lock'").is_empty());
    is(&jon.go_on(4, "emergency-assessment"), &[("recover", "proved"), ("verify", "proved"), ("hand-over", "failed")]);
    jon.sign("communicate", "SEV-3, support told");
    jon.sign("contain", "nothing needed");
    let done = jon.go_on(0, "emergency-assessment");
    assert!(done.iter().all(|(_, s)| s == "proved" || s == "signed"), "{done:?}");
    let pages = files(&jon.path("incidents"), ".md");
    let [page] = &pages[..] else { panic!("{pages:?}") };
    let page = std::fs::read_to_string(jon.path("incidents").join(page)).expect("the page");
    let timeline = page.split("## Timeline").nth(1).expect("a timeline").split("\n## ").next().expect("its end");
    let place = |what: &str| timeline.find(what).unwrap_or_else(|| panic!("{what} is not in {timeline}"));
    assert!(
        place("deploy 4711") < place("recovery done: end-idle") && place("recovery done: end-idle") < place("support told"),
        "{timeline}"
    );
    assert!(timeline.lines().any(|l| l.contains("| mira@") && l.contains("deploy 4711")), "{timeline}");
    assert_eq!(files(&jon.path("incidents"), ".html").len(), 1);

    // It is closed; what comes now is another one.
    jon.run(4, &["checklist", "sign", "t", "contain", "--checklist", "emergency-assessment", "--reason", "late"]);
    is(&jon.go_on(4, "emergency-recovery"), &[("assess", "proved"), ("keep", "proved"), ("backup", "failed")]);
    is(&jon.show("emergency-assessment"), &[("stabilise", "waiting"), ("hand-over", "waiting")]);
}

/// Both were woken, and each began before hearing of the other.
#[test]
fn two_people_who_each_began_work_on_one_incident_once_they_exchange_what_they_have() {
    let pg = PgServer::start(&["fsync=on"]);
    let (anna, bert) = (Machine::of(&pg, "anna"), Machine::of(&pg, "bert"));
    anna.go_on(4, "emergency-assessment");
    bert.go_on(4, "emergency-assessment");
    anna.sign("stabilise", "anna leads");
    bert.sign("contain", "nothing needed");
    let sent = |from: &Machine, to: &Machine, name: &str| {
        let file = from.path(name);
        from.run(0, &["evidence", "export", "t", "--output", file.to_str().expect("a path")]);
        to.run(0, &["evidence", "import", file.to_str().expect("a path")]);
    };
    sent(&anna, &bert, "to-bert.json");
    sent(&bert, &anna, "to-anna.json");
    for machine in [&anna, &bert] {
        is(&machine.show("emergency-assessment"), &[("stabilise", "signed"), ("contain", "signed"), ("communicate", "waiting")]);
    }
    // What is signed from now on is of the same one.
    bert.sign("communicate", "support told");
    sent(&bert, &anna, "again.json");
    is(&anna.show("emergency-assessment"), &[("stabilise", "signed"), ("contain", "signed"), ("communicate", "signed")]);
}

#[test]
fn an_action_after_the_proof_voids_it_and_a_server_that_is_gone_can_be_led_too() {
    let pg = PgServer::start(&["fsync=on"]);
    let ann = Machine::of(&pg, "ann");
    let idle = Held::named(&pg, "postgres", "left", "begin; select 1;");
    let of = |what: &str| pg.psql("postgres", &format!("select pid from pg_stat_activity where {what}")).trim().to_string();
    wait_until("it is idle", || !of("application_name = 'left' and state = 'idle in transaction'").is_empty());
    let pid = of("application_name = 'left'");
    let seen = ann.mark("admin", &pid);
    // What a server that just began warns of passes; a look that finds nothing lets the list go on.
    wait_until("nothing is found any more", || {
        let mut look = support::command(ann.0.path());
        look.args(["assess", "t", "--format", "json"]).output().expect("runs");
        ann.go_on(4, "emergency-recovery").contains(&("verify".into(), "proved".into()))
    });
    // At once, in the same second: times alone would not tell which came first.
    ann.run(0, &["recover", "admin", "end-idle", &pid, "--confirm", &pid, "--seen", &seen]);
    drop(idle);
    is(&ann.show("emergency-recovery"), &[("verify", "voided")]);
    let page = ann.path("handed.md");
    ann.run(0, &["assess", "t", "--checks", "PG06", "--output", page.to_str().expect("a path")]);
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains("recovery begun: end-idle") && page.contains("recovery done: end-idle"), "{page}");
    assert!(page.contains("(as target admin)"), "{page}");
    wait_until("it is proved again", || ann.go_on(4, "emergency-recovery").contains(&("verify".into(), "proved".into())));

    let port = pg.port;
    drop(pg);
    let place = format!("host = \"127.0.0.1\"\nport = {port}\nuser = \"postgres\"\ndatabase = \"postgres\"\nsslmode = \"disable\"");
    let late = Machine::new("late", &format!("engine = \"postgres\"\n{place}"));
    let led = late.go_on(4, "emergency-assessment");
    is(&led, &[("assess", "proved"), ("recover", "failed"), ("verify", "waiting")]);
    let (_, told) = late.run(4, &["checklist", "show", "t", "--checklist", "emergency-recovery"]);
    assert!(told.contains("Next: "), "{told}");
}
