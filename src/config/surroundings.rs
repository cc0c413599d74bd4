//! What is read of the process: environment variables, home and XDG directories, the login name.
//!
//! It is taken once and passed on, so that configuration is a function of its input and tests need no real home.

use etcetera::BaseStrategy;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Environment variables and directories.
#[derive(Clone)]
pub struct Surroundings {
    vars: Arc<BTreeMap<String, String>>,
    pub cwd: PathBuf,
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME/holdpoint`.
    pub config_dir: PathBuf,
    /// `$XDG_STATE_HOME/holdpoint`.
    pub state_dir: PathBuf,
    /// Login name of the user who runs this.
    pub user: String,
}

impl std::fmt::Debug for Surroundings {
    /// Without the variables: some of them are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("cwd", &self.cwd).field("home", &self.home).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Surroundings {
    /// Those of this process, with another working directory.
    pub fn of_process(cwd: &Path) -> Self {
        // Variables that are not UTF-8 are none of ours.
        let vars: BTreeMap<String, String> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let (home, config, state) = match etcetera::choose_base_strategy() {
            Ok(base) => {
                let state = base.state_dir().unwrap_or_else(|| base.data_dir());
                (base.home_dir().to_owned(), base.config_dir(), state)
            }
            // No home at all (a bare service account): the working directory is as good as any.
            Err(_) => (cwd.to_owned(), cwd.join(".config"), cwd.join(".local/state")),
        };
        let user = login_name(&vars);
        Surroundings {
            vars: Arc::new(vars),
            cwd: cwd.to_owned(),
            home,
            config_dir: config.join("holdpoint"),
            state_dir: state.join("holdpoint"),
            user,
        }
    }

    /// Made-up ones: a home with the usual directories below it.
    pub fn made_up<'a>(home: &Path, cwd: &Path, vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Surroundings {
            vars: Arc::new(vars.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
            cwd: cwd.to_owned(),
            home: home.to_owned(),
            config_dir: home.join(".config/holdpoint"),
            state_dir: home.join(".local/state/holdpoint"),
            user: "tester".into(),
        }
    }

    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// Expands `~` and makes the path absolute, relative to `base`.
    pub fn path(&self, text: &str, base: &Path) -> PathBuf {
        let expanded = match text.strip_prefix('~') {
            Some("") => self.home.clone(),
            Some(rest) if rest.starts_with('/') => self.home.join(rest.trim_start_matches('/')),
            _ => PathBuf::from(text),
        };
        let joined = self.cwd.join(base).join(expanded);
        // `.` parts only: resolving `..` by name would be wrong behind a symbolic link.
        joined.components().filter(|c| !matches!(c, std::path::Component::CurDir)).collect()
    }
}

/// The name in the password database, as libpq and the MySQL clients take it; LOGNAME and USER can be made up.
fn login_name(vars: &BTreeMap<String, String>) -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    std::fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|passwd| {
            passwd.lines().find_map(|l| {
                let mut fields = l.split(':');
                let name = fields.next()?;
                (fields.nth(1)? == uid).then(|| name.to_owned())
            })
        })
        .or_else(|| ["LOGNAME", "USER"].into_iter().find_map(|v| vars.get(v).filter(|v| !v.is_empty()).cloned()))
        .unwrap_or_else(|| format!("uid{uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_expand() {
        let s = Surroundings::made_up(Path::new("/home/mira"), Path::new("/work"), []);
        assert_eq!(s.path("~/x", Path::new("/etc")), Path::new("/home/mira/x"));
        assert_eq!(s.path("~", Path::new("/etc")), Path::new("/home/mira"));
        assert_eq!(s.path("./a/b", Path::new("sub")), Path::new("/work/sub/a/b"));
        assert_eq!(s.path("/abs", Path::new("/etc")), Path::new("/abs"));
        assert_eq!(s.path("~other/x", Path::new("/etc")), Path::new("/etc/~other/x"));
    }

    #[test]
    fn variables_are_never_printed() {
        let s = Surroundings::made_up(Path::new("/h"), Path::new("/w"), [("PGPASSWORD", "hush")]);
        assert_eq!(s.var("PGPASSWORD"), Some("hush"));
        assert!(!format!("{s:?}").contains("hush"));
        assert!(!Surroundings::of_process(Path::new("/")).user.is_empty());
    }
}
