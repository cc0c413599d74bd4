//! Folders of good and bad configurations, and the layers.

use holdpoint::config::{self, AccessMode, Config, EngineKind, SecretSource, SslMode, Surroundings};
use holdpoint::model::{Kind, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn cases(kind: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(kind);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// A home and a project directory made for one test.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("home/.config/holdpoint")).unwrap();
        fs::create_dir_all(dir.path().join("project/deep/down")).unwrap();
        Place { dir }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
    fn around(&self, vars: &[(&str, &str)]) -> Surroundings {
        Surroundings::made_up(&self.path("home"), &self.path("project/deep/down"), vars.iter().copied())
    }
    fn load(&self, vars: &[(&str, &str)]) -> Result<Config> {
        config::files::load_in(None, &self.around(vars))
    }
}

#[test]
fn every_valid_file_loads() {
    for file in cases("valid") {
        let place = Place::new();
        // Git keeps no 0600, and some of these hold passwords.
        let copy = place.write("project/holdpoint.toml", &fs::read_to_string(&file).unwrap());
        let config = config::files::load_in(Some(&copy), &place.around(&[])).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(config.read_from, [copy]);
        assert!(config.targets.values().all(|t| t.defined_in.is_some()));
    }
}

#[test]
fn every_invalid_file_fails_with_its_place_and_reason() {
    let mut wrong = Vec::new();
    for file in cases("invalid") {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let expect = first.strip_prefix("# expect: ").unwrap_or_else(|| panic!("{} expects nothing", file.display()));
        let place = Place::new();
        let copy = place.write("project/holdpoint.toml", &text);
        let e = match config::files::load_in(Some(&copy), &place.around(&[("PGSYSCONFDIR", "/nowhere")])) {
            Ok(_) => {
                wrong.push(format!("{} was accepted", file.display()));
                continue;
            }
            Err(e) => e,
        };
        let expected = format!("{}:{expect}", copy.display());
        if e.kind != Kind::Usage || !e.message.starts_with(&expected) || format!("{e:?}").contains("hush") {
            wrong.push(format!("{}\n  expected {expected}\n  got      {:?} {}", file.display(), e.kind, e.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_example_loads() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/example.toml");
    let place = Place::new();
    let config = config::files::load_in(Some(&example), &place.around(&[])).unwrap();
    assert!(config.targets.len() >= 3);
}

#[test]
fn defaults_follow_the_environment() {
    let place = Place::new();
    place.write(
        "project/holdpoint.toml",
        "[targets.a]\npath = \"a.db\"\nenvironment = \"development\"\n[targets.b]\npath = \"b.db\"\nenvironment = \"production\"\n[targets.c]\npath = \"c.db\"\n",
    );
    let c = place.load(&[]).unwrap();
    assert_eq!(c.environments, ["development", "qa", "production"]);
    assert_eq!(c.targets["a"].access, AccessMode::Open);
    assert_eq!(c.targets["b"].access, AccessMode::ReadOnly);
    assert_eq!(c.targets["c"].access, AccessMode::ReadOnly, "a target without an environment");
    assert!(c.live_plan(&c.targets["a"]) && !c.live_plan(&c.targets["b"]) && !c.live_plan(&c.targets["c"]));
    assert_eq!(c.targets["a"].path.as_deref(), Some(place.path("project/a.db").as_path()), "relative to its file");
    assert_eq!(c.project_dir, place.path("project"));
    assert_eq!(c.operator, "tester");
    assert_eq!(c.store_path, place.path("home/.local/state/holdpoint/store.db"));
    assert!(c.is_production("production") && !c.is_production("qa"));
}

#[test]
fn later_layers_win_key_by_key() {
    let place = Place::new();
    place.write(
        "home/.config/holdpoint/config.toml",
        "[policy]\napproval = \"solo\"\nbackup_expires = \"2h\"\n[operator]\nname = \"mira\"\n[ui]\ntheme = \"light\"\n[targets.t]\nengine = \"postgres\"\nhost = \"one\"\nuser = \"mira\"\nbackups = \"~/backups\"\n",
    );
    place.write("project/holdpoint.toml", "[policy]\nbackup_expires = \"1h 30m\"\n[targets.t]\nhost = \"two\"\nenvironment = \"qa\"\n");
    let c = place.load(&[("HOLDPOINT_THEME", "mono"), ("HOLDPOINT_STORE", "s/store.db"), ("HOLDPOINT_OPERATOR", "noor")]).unwrap();
    assert_eq!(c.policy.approval, config::files::Approval::Solo);
    assert_eq!(c.policy.backup_expires.as_secs(), 5400);
    let t = &c.targets["t"];
    assert_eq!((t.host.as_deref(), t.user.as_deref(), t.environment.as_deref()), (Some("two"), Some("mira"), Some("qa")));
    assert_eq!(t.backups.as_deref(), Some(place.path("home/backups").as_path()));
    assert!(t.defined_in.as_deref().is_some_and(|d| d.ends_with("project/holdpoint.toml:3")), "{:?}", t.defined_in);
    assert_eq!((c.theme.as_str(), c.operator.as_str()), ("mono", "noor"));
    assert_eq!(c.store_path, place.path("project/deep/down/s/store.db"));
    assert_eq!(c.state_dir, place.path("project/deep/down/s"));
    assert_eq!(c.read_from.len(), 2);
}

#[test]
fn an_explicit_file_replaces_the_search_and_must_exist() {
    let place = Place::new();
    place.write("project/holdpoint.toml", "[targets.found]\npath = \"x.db\"\n");
    let other = place.write("other.toml", "[targets.named]\npath = \"x.db\"\n");
    let c = config::load(Some(&other), &place.path("project")).unwrap();
    assert!(c.targets.contains_key("named") && !c.targets.contains_key("found"));
    let e = config::files::load_in(Some(&place.path("none.toml")), &place.around(&[])).unwrap_err();
    assert!(e.kind == Kind::Usage && e.message.contains("none.toml"), "{e}");
}

#[test]
fn passwords_need_no_escaping_in_fields() {
    let place = Place::new();
    let file = place.write("project/holdpoint.toml", "[targets.t]\nengine = \"mysql\"\nhost = \"h\"\npassword = 'p#@:/%\"$${x}'\n");
    let c = place.load(&[]).unwrap();
    let SecretSource::Given(secret) = &c.targets["t"].password else { panic!("{:?}", c.targets["t"].password) };
    assert_eq!(secrecy::ExposeSecret::expose_secret(secret), "p#@:/%\"${x}");
    assert!(!format!("{c:?}").contains("p#@"), "Debug shows the password");

    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let e = place.load(&[]).unwrap_err();
    assert!(e.message.ends_with(":4:12: [targets.t] holds a password, and others may read this file (mode 0640)"), "{e}");
    assert!(e.hints[0].starts_with("chmod 600 "));
    place.write("project/holdpoint.toml", "[targets.t]\nurl = \"mysql://u:x%40y@h/d\"\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap();
    assert!(place.load(&[]).unwrap_err().message.contains(":2:7: [targets.t] holds a password"));
    // A reference to a variable is no secret.
    place.write("project/holdpoint.toml", "[targets.t]\nurl = \"mysql://u:${PW}@h/d\"\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(place.load(&[]).unwrap().targets["t"].password, SecretSource::Expand(_)));
}

#[test]
fn database_url_is_a_target_and_never_an_obstacle() {
    let place = Place::new();
    let c = place
        .load(&[("DATABASE_URL", "postgres://app:hush@h/orders"), ("PGPORT", "6000"), ("PGUSER", "other"), ("PGSSLMODE", "require")])
        .unwrap();
    let t = &c.targets["DATABASE_URL"];
    assert_eq!((t.engine, t.environment.as_deref(), t.access), (EngineKind::Postgres, None, AccessMode::ReadOnly));
    assert_eq!((t.port, t.user.as_deref(), t.sslmode), (Some(6000), Some("app"), SslMode::Require));
    assert!(matches!(t.password, SecretSource::Given(_)));
    let c = place.load(&[("DATABASE_URL", "mongodb://u:hush@h/d")]).unwrap();
    assert!(c.targets.is_empty() && c.notes[0].contains("unknown scheme `mongodb`") && !c.notes[0].contains("hush"), "{:?}", c.notes);
}

#[test]
fn configured_targets_ignore_libpq_variables() {
    let place = Place::new();
    place.write(
        "project/holdpoint.toml",
        "[targets.t]\nengine = \"postgres\"\ndatabase = \"dev\"\n[targets.u]\nurl = \"postgres:///dev\"\n",
    );
    let c = place.load(&[("PGHOST", "production.example"), ("PGDATABASE", "orders")]).unwrap();
    assert_eq!((&c.targets["t"].host, &c.targets["u"].host), (&None, &None));
}

#[test]
fn what_a_person_names_is_found() {
    let place = Place::new();
    place.write("project/holdpoint.toml", "[targets.orders]\npath = \"x.db\"\nenvironment = \"qa\"\n");
    fs::write(place.path("project/deep/down/real.db"), b"").unwrap();
    let c = place.load(&[("PGHOST", "/run/pg")]).unwrap();
    assert_eq!(c.find("orders").unwrap().environment.as_deref(), Some("qa"));
    let t = c.find("real.db").unwrap();
    assert_eq!((t.name.as_str(), t.engine, t.access), ("real.db", EngineKind::Sqlite, AccessMode::ReadOnly));
    let t = c.find("postgres:///shop").unwrap();
    assert_eq!((t.name.as_str(), t.socket.as_deref()), ("shop", Some(Path::new("/run/pg"))));
    assert_eq!(t.place(), "/run/pg/shop");
    let e = c.find("postgres://u:hush@h/shop").unwrap_err();
    assert!(e.kind == Kind::Usage && e.message.contains("command line is refused") && !format!("{e:?}").contains("hush"), "{e:?}");
    assert_eq!(c.find("order").unwrap_err().message, "no target is named `order`; did you mean `orders`?");
    assert!(c.find("nothing.db").unwrap_err().message.contains("no such file"));
}

#[test]
fn the_first_of_several_problems_is_told_and_the_rest_counted() {
    let place = Place::new();
    let file = place.write("project/holdpoint.toml", "[targets.a]\npath = \"a\"\nx = 1\n[policy]\napproval = 3\n[zzz]\n");
    let e = config::files::load_in(Some(&file), &place.around(&[])).unwrap_err();
    assert!(e.message.contains(":3:1: unknown key `x`"), "{e}");
    assert_eq!(e.hints, ["2 more problems follow after this one."]);
}

#[test]
fn production_is_never_open_by_default() {
    for order in [r#"["production"]"#, r#"["production", "development"]"#, r#"["Production", "dev"]"#] {
        let place = Place::new();
        let name = if order.contains("Pro") { "Production" } else { "production" };
        place.write(
            "project/holdpoint.toml",
            &format!("[environments]\norder = {order}\n[targets.p]\npath = \"p.db\"\nenvironment = \"{name}\"\n"),
        );
        let config = place.load(&[]).unwrap();
        let p = &config.targets["p"];
        assert_eq!(p.access, AccessMode::ReadOnly, "{order}");
        assert!(!config.live_plan(p), "{order}");
    }
}

#[test]
fn the_database_of_production_is_not_opened_by_another_name() {
    let place = Place::new();
    let file = place.write("project/p.db", "");
    std::fs::hard_link(&file, file.with_file_name("link.db")).expect("link");
    place.write(
        "project/holdpoint.toml",
        "[targets.p]\npath = \"p.db\"\nenvironment = \"production\"\n[targets.d]\npath = \"link.db\"\nenvironment = \"development\"\n\
         [targets.own]\npath = \"link.db\"\nenvironment = \"development\"\naccess = \"open\"\n\
         [targets.other]\npath = \"other.db\"\nenvironment = \"development\"\n\
         [targets.s]\nengine = \"postgres\"\nhost = \"localhost\"\ndatabase = \"shop\"\nenvironment = \"production\"\n\
         [targets.sd]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\ndatabase = \"shop\"\nenvironment = \"development\"\n",
    );
    let config = place.load(&[]).unwrap();
    let of = |name: &str| (config.targets[name].access, config.targets[name].also.as_deref());
    assert_eq!(of("d"), (AccessMode::ReadOnly, Some("p (production)")));
    assert_eq!(of("own"), (AccessMode::Open, Some("p (production)")), "what is written down holds");
    assert_eq!(of("other"), (AccessMode::Open, None));
    assert_eq!(of("sd"), (AccessMode::ReadOnly, Some("s (production)")));
    assert_eq!(of("p"), (AccessMode::ReadOnly, None));
}

#[test]
fn the_file_of_a_directory_cannot_loosen_the_users_own() {
    let own = "[targets.prod]\nhost = \"db\"\nengine = \"postgres\"\nenvironment = \"production\"\n[targets.live]\nhost = \"l\"\nengine = \"postgres\"\n";
    let user = "home/.config/holdpoint/config.toml";
    for (theirs, why) in [
        ("[targets.prod]\nenvironment = \"development\"\n", "would be open here, and is read-only by"),
        ("[targets.prod]\naccess = \"open\"\n", "would be open here"),
        ("[targets.prod]\naccess = \"guarded\"\n", "would be guarded here"),
        ("[targets.prod]\nenvironment = \"development\"\naccess = \"read-only\"\n", "no production target here"),
    ] {
        let place = Place::new();
        place.write(user, own);
        let project = place.write("project/holdpoint.toml", theirs);
        let e = place.load(&[]).unwrap_err();
        assert!(e.message.contains(why) && e.message.contains("holdpoint.toml") && e.message.contains("config.toml"), "{}", e.message);
        // What is named is meant.
        assert!(config::files::load_in(Some(&project), &place.around(&[])).is_ok(), "{theirs}");
    }
    // Also where the chain is what they change.
    let place = Place::new();
    place.write(
        user,
        "[environments]\norder = [\"dev\", \"live\"]\n[targets.x]\nhost = \"db\"\nengine = \"postgres\"\nenvironment = \"live\"\n",
    );
    place.write("project/holdpoint.toml", "[environments]\norder = [\"live\"]\n");
    assert!(place.load(&[]).unwrap_err().message.contains("would be open here"));
    for theirs in ["[targets.prod]\naccess = \"read-only\"\n", "[targets.prod]\nhost = \"other\"\nenvironment = \"development\"\n"] {
        let place = Place::new();
        place.write(user, own);
        place.write("project/holdpoint.toml", theirs);
        assert!(place.load(&[]).is_ok(), "{theirs}");
    }
}
