//! Running `holdpoint recover` on one target.

use super::pg::PgServer;

/// A home with one target `t`, read-only as production is, and the policy.
pub struct Home(pub tempfile::TempDir);

impl Home {
    pub fn new(target: &str, approval: &str) -> Home {
        let home = tempfile::tempdir().expect("home");
        let config = format!(
            "[store]\npath = \"store/s.db\"\n\n[policy]\napproval = \"{approval}\"\n\n[targets.t]\n{target}\nenvironment = \"production\"\n"
        );
        std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
        Home(home)
    }
    pub fn of(pg: &PgServer, approval: &str) -> Home {
        let place = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"shop\"\nsslmode = \"disable\"", pg.port);
        Home::new(&format!("engine = \"postgres\"\n{place}"), approval)
    }
    pub fn as_person(&self, person: &str, code: i32, args: &[&str]) -> String {
        let mut c = super::command(self.0.path());
        let out = c.env("HOLDPOINT_OPERATOR", person).args(["recover", "t"]).args(args).output().expect("runs");
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "{args:?}:\n{text}");
        text
    }
    pub fn run(&self, code: i32, args: &[&str]) -> String {
        self.as_person("mira", code, args)
    }
    /// The mark of what is there now.
    pub fn mark(&self, args: &[&str]) -> String {
        let all: Vec<&str> = args.iter().copied().chain(["--dry-run"]).collect();
        let text = self.run(0, &all);
        let at = text.find("--seen ").unwrap_or_else(|| panic!("no mark: {text}"));
        text[at + 7..at + 15].to_string()
    }
    /// Looks, then does it.
    pub fn act(&self, code: i32, args: &[&str], name: &str) -> String {
        let mark = self.mark(args);
        let all: Vec<&str> = args.iter().copied().chain(["--confirm", name, "--seen", &mark]).collect();
        self.run(code, &all)
    }
    pub fn journal(&self) -> String {
        let out = super::command(self.0.path()).args(["journal", "show", "--format", "json"]).output().expect("runs");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}
