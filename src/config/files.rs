//! Finding, reading and layering the configuration files.

use super::surroundings::Surroundings;
use super::targets::{self, Context, UrlFrom};
use super::toml_file::{self, Node, Problems, Section, Tree, nearest, shown, unknown};
use super::{EngineKind, Later, Target, url};
use crate::model::evidence::Grade;
use crate::model::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The built-in layer; also the reference of every key.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// Name of the project file.
pub const PROJECT_FILE: &str = "holdpoint.toml";

/// Who approves, and how long evidence is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub approval: Approval,
    pub backup_expires: Duration,
    pub approval_expires: Duration,
    /// Lowest grade that a proof must have.
    pub lowest_grade: Grade,
    /// Whether lossy rollbacks may be applied (they are always shown).
    pub allow_lossy: bool,
}

/// `[policy] approval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Somebody other than the operator who started the run signs.
    Second,
    /// The operator signs alone, with a typed reason and the target's name; recorded as *approved alone*.
    Solo,
}

/// `[editor] keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EditorKeys {
    /// Those of the keymap alone.
    #[default]
    Plain,
    /// NORMAL, INSERT and VISUAL.
    Vim,
    /// Control and Meta.
    Emacs,
}

/// `[ui] clipboard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clipboard {
    /// That of the terminal.
    #[default]
    Terminal,
    /// Copies go into a file: the terminal is sent nothing.
    File,
}

/// Everything that was configured.
#[derive(Debug, Clone)]
pub struct Config {
    pub targets: BTreeMap<String, Target>,
    /// Names in promotion order: `development`, `qa`, `production` unless configured.
    pub environments: Vec<String>,
    pub policy: Policy,
    /// `[store] path`, or `$XDG_STATE_HOME/holdpoint/store.db`.
    pub store_path: PathBuf,
    pub theme: String,
    /// Borders and glyphs from ASCII only.
    pub ascii: bool,
    pub clipboard: Clipboard,
    pub editor_keys: EditorKeys,
    /// `[snippets]`: names and texts with `${1:name}` stops.
    pub snippets: Vec<(String, String)>,
    /// Files that were read, in order.
    pub read_from: Vec<PathBuf>,
    /// Directory of the project file, or the working directory.
    pub project_dir: PathBuf,
    /// Claimed operator name: `[operator] name`, `HOLDPOINT_OPERATOR`, or the login name.
    pub operator: String,
    /// Directory for spilled results and buffers: `$XDG_STATE_HOME/holdpoint`, or beside the configured store.
    pub state_dir: PathBuf,
    /// What was set aside, and why: for the message log, one sentence each.
    pub notes: Vec<String>,
    /// What was read of the process.
    pub around: Surroundings,
}

/// Loads all layers. `explicit` is `--config FILE`, which then must exist and replaces the search for a project file.
pub fn load(explicit: Option<&Path>, cwd: &Path) -> Result<Config> {
    load_in(explicit, &Surroundings::of_process(cwd))
}

/// Like [`load`], with everything that is read of the process given.
pub fn load_in(explicit: Option<&Path>, around: &Surroundings) -> Result<Config> {
    let mut tree = Tree::parse("config/default.toml", DEFAULT, None)?;
    let mut read_from = Vec::new();
    let mut layer = |tree: &mut Tree, path: &Path| -> Result<()> {
        let text = toml_file::read(path)?;
        tree.merge(Tree::parse(&shown(path), &text, Some(path))?);
        read_from.push(path.to_owned());
        Ok(())
    };
    let user = around.config_dir.join("config.toml");
    if user.is_file() {
        layer(&mut tree, &user)?;
    }
    let found = if explicit.is_none() { search(&around.cwd) } else { None };
    let project = match explicit {
        Some(path) => Some(around.cwd.join(path)),
        None => found.clone(),
    };
    let own = found.is_some().then(|| tree.clone());
    if let Some(path) = &project {
        layer(&mut tree, path).map_err(|e| if explicit.is_some() { e.hint("It was named by --config.") } else { e })?;
    }
    let foreign = found.filter(|f| owned_by_another(f));
    let project_dir = project.as_deref().and_then(Path::parent).unwrap_or(&around.cwd).to_owned();

    let problems = Problems::default();
    let mut config = read(&tree, &problems, around, foreign.as_deref());
    problems.first()?;
    if let (Some(own), Some(project)) = (&own, &project) {
        loosened(&read(own, &Problems::default(), around, None), &config, &shown(&user), &shown(project))?;
    }
    config.read_from = read_from;
    config.project_dir = project_dir;
    if let Some(theme) = around.var("HOLDPOINT_THEME") {
        config.theme = theme.to_owned();
    }
    if let Some(name) = around.var("HOLDPOINT_OPERATOR") {
        config.operator = name.trim().to_owned();
    }
    if let Some(store) = around.var("HOLDPOINT_STORE") {
        config.put_store(around.path(store, &around.cwd));
    }
    database_url(&mut config, around);
    Ok(config)
}

/// The project file of a directory: its own, or that of the nearest directory above.
pub fn search(cwd: &Path) -> Option<PathBuf> {
    cwd.ancestors().map(|d| d.join(PROJECT_FILE)).find(|f| f.is_file())
}

/// A project's file that is met by chance (a directory that was cloned) must not open what the user's own file has closed.
fn loosened(own: &Config, all: &Config, user: &str, project: &str) -> Result<()> {
    for (name, before) in &own.targets {
        let Some(now) = all.targets.get(name).filter(|t| t.leads() == before.leads()) else { continue };
        let production = |c: &Config, t: &Target| t.environment.as_deref().is_some_and(|e| c.is_production(e));
        let what = if now.access > before.access {
            format!("{} would be {} here, and is {} by {user}", crate::text::clean(name), now.access.word(), before.access.word())
        } else if production(own, before) && !production(all, now) {
            format!("{} would be no production target here, and is one by {user}", crate::text::clean(name))
        } else {
            continue;
        };
        return Err(Error::usage(format!("{project}: {what}: the file of a directory cannot loosen that")).hint(format!(
            "Say it in {user} if it is meant, or give the target of the project another name. --config names a file that may."
        )));
    }
    Ok(())
}

/// Somebody else's file in a directory above may be a trap; root's is not.
fn owned_by_another(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).is_ok_and(|m| foreign(m.uid(), rustix::process::geteuid().as_raw()))
}

fn foreign(owner: u32, me: u32) -> bool {
    owner != me && owner != 0
}

fn read(tree: &Tree, problems: &Problems, around: &Surroundings, foreign: Option<&Path>) -> Config {
    let top = tree.section(problems);
    let environments = environments(&top);
    let mut config = Config {
        targets: BTreeMap::new(),
        environments,
        policy: policy(&top),
        store_path: around.state_dir.join("store.db"),
        theme: "dark".into(),
        ascii: false,
        clipboard: Clipboard::Terminal,
        editor_keys: EditorKeys::Plain,
        snippets: Vec::new(),
        read_from: Vec::new(),
        project_dir: around.cwd.clone(),
        operator: around.user.clone(),
        state_dir: around.state_dir.clone(),
        notes: Vec::new(),
        around: around.clone(),
    };
    if let Some(s) = top.table("store") {
        if let Some((text, at)) = s.text("path") {
            if text.is_empty() {
                problems.add(at, "`path` in [store] is empty");
            }
            let base = at.file().and_then(Path::parent).unwrap_or(&around.cwd);
            config.put_store(around.path(text, base));
        }
        s.finish();
    }
    if let Some(s) = top.table("operator") {
        match s.text("name") {
            Some((name, at)) if name.trim().is_empty() => problems.add(at, "`name` in [operator] is empty"),
            Some((name, _)) => config.operator = name.trim().to_owned(),
            None => {}
        }
        s.finish();
    }
    if let Some(s) = top.table("ui") {
        if let Some((theme, _)) = s.text("theme") {
            config.theme = theme.to_owned();
        }
        config.ascii = s.boolean("ascii").unwrap_or(false);
        config.clipboard = s.word("clipboard", &[("terminal", Clipboard::Terminal), ("file", Clipboard::File)]).unwrap_or_default();
        s.finish();
    }
    if let Some(s) = top.table("editor") {
        let words = [("plain", EditorKeys::Plain), ("vim", EditorKeys::Vim), ("emacs", EditorKeys::Emacs)];
        config.editor_keys = s.word("keys", &words).unwrap_or_default();
        s.finish();
    }
    if let Some(s) = top.table("snippets") {
        for e in s.entries() {
            match &e.item.node {
                Node::Text(text) => config.snippets.push((e.key.clone(), text.clone())),
                other => problems.add(&e.item.at, format!("a snippet must be a string, not {}", other.kind())),
            }
        }
    }
    if let Some(s) = top.table("targets") {
        let cx = Context { around, environments: &config.environments, foreign };
        config.targets = read_targets(&s, &cx);
        same_databases(&mut config);
    }
    top.finish();
    config
}

/// A target that is, as far as the configuration tells, the same database as one of a later environment does not open it by being called
/// development, nor is the other one written through it.
fn same_databases(config: &mut Config) {
    let targets: Vec<Target> = config.targets.values().cloned().collect();
    let order = config.environments.clone();
    let place = |t: &Target| t.environment.as_ref().and_then(|e| order.iter().position(|o| o == e));
    for t in config.targets.values_mut() {
        let Some(own) = place(t) else { continue };
        let later = || targets.iter().filter(|o| o.name != t.name && place(o).is_some_and(|p| p > own));
        let beside = later().filter(|o| t.reaches(o) && !o.same_place(t)).map(|o| Later {
            database: o.database.clone(),
            path: o.path.clone(),
            target: o.name.clone(),
            environment: o.environment.clone().unwrap_or_default(),
        });
        let beside = beside.collect();
        let later = later().filter(|o| o.same_place(t)).max_by_key(|o| place(o)).cloned();
        t.later = beside;
        let Some(later) = later else { continue };
        t.also = Some(format!("{} ({})", later.name, later.environment.as_deref().unwrap_or_default()));
        if !t.access_given {
            t.access = super::AccessMode::ReadOnly;
        }
    }
}

fn environments(top: &Section<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    if let Some(s) = top.table("environments") {
        for (name, at) in s.texts("order").unwrap_or_default() {
            let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
            if !plain {
                s.problems()
                    .add(at, format!("`{}` cannot be an environment's name: use letters, digits, `-` and `_`", crate::text::clean(name)));
            } else if out.iter().any(|e| e == name) {
                s.problems().add(at, format!("environment `{name}` stands twice in the order"));
            }
            out.push(name.to_owned());
        }
        if out.is_empty()
            && let Some(e) = s.entry("order")
        {
            s.problems().add(&e.item.at, "the order of environments is empty");
        }
        s.finish();
    }
    out
}

fn policy(top: &Section<'_>) -> Policy {
    let day = 24 * 3600;
    let mut p = Policy {
        approval: Approval::Second,
        backup_expires: Duration::from_secs(day),
        approval_expires: Duration::from_secs(3 * day),
        lowest_grade: Grade::Full,
        allow_lossy: true,
    };
    let Some(s) = top.table("policy") else { return p };
    if let Some(a) = s.word("approval", &[("second", Approval::Second), ("solo", Approval::Solo)]) {
        p.approval = a;
    }
    let duration = |key: &'static str| s.text(key).and_then(|(text, at)| targets::duration_at(key, text, at, &s));
    p.backup_expires = duration("backup_expires").unwrap_or(p.backup_expires);
    p.approval_expires = duration("approval_expires").unwrap_or(p.approval_expires);
    if let Some(g) = s.word("lowest_grade", &[("full", Grade::Full), ("attached", Grade::Attached), ("sampled", Grade::Sampled)]) {
        p.lowest_grade = g;
    }
    p.allow_lossy = s.boolean("allow_lossy").unwrap_or(p.allow_lossy);
    s.finish();
    p
}

fn read_targets(s: &Section<'_>, cx: &Context<'_>) -> BTreeMap<String, Target> {
    let mut read = Vec::new();
    for entry in s.entries() {
        if let Some(section) = s.open(entry) {
            read.extend(targets::read(entry, &section, cx));
            section.finish();
        }
    }
    let targets: BTreeMap<String, Target> = read.iter().map(|r| (r.target.name.clone(), r.target.clone())).collect();
    let mut out = BTreeMap::new();
    for mut r in read {
        if let (Some(word), Some(at)) = (r.target.scratch.clone(), &r.scratch_at) {
            match scratch(&r.target, &word, &targets, cx, at.file()) {
                Ok(Scratch::Target(t)) => r.target.scratch_target = Some(t),
                Ok(Scratch::Directory(dir)) => r.target.scratch = Some(dir.to_string_lossy().into_owned()),
                Err(e) => s.problems().add(at, e),
            }
        }
        out.insert(r.target.name.clone(), r.target);
    }
    out
}

enum Scratch {
    Target(Box<Target>),
    Directory(PathBuf),
}

/// What `scratch` means: another target of the same engine outside production, or for SQLite a directory.
fn scratch(t: &Target, word: &str, targets: &BTreeMap<String, Target>, cx: &Context<'_>, file: Option<&Path>) -> Result<Scratch, String> {
    let name = &t.name;
    let shown_word = crate::text::clean(word);
    if let Some(other) = targets.get(word) {
        return if other.name == *name {
            Err(format!("`scratch` of {name} is {name} itself: proofs need another place"))
        } else if other.engine != t.engine {
            Err(format!("`scratch` of {name} names {shown_word}, which is of another engine"))
        } else if other.environment.as_deref().is_some_and(|e| production(e, cx.environments)) {
            Err(format!("`scratch` of {name} names {shown_word}, which is a production target: proofs never run on a production server"))
        } else if other.engine == EngineKind::Sqlite {
            Err(format!("`scratch` of {name} names a SQLite target: name a directory instead, proofs make files of their own in it"))
        } else {
            Ok(Scratch::Target(Box::new(other.clone())))
        };
    }
    if t.engine == EngineKind::Sqlite {
        let base = file.and_then(Path::parent).unwrap_or(&cx.around.cwd);
        return Ok(Scratch::Directory(cx.around.path(word, base)));
    }
    let others: Vec<&str> = targets.keys().filter(|k| *k != name).map(String::as_str).collect();
    Err(unknown("target", word, &format!("`scratch` of {name}"), &others))
}

pub(super) fn production(environment: &str, order: &[String]) -> bool {
    let last = order.len() > 1 && order.last().is_some_and(|l| l == environment);
    environment.eq_ignore_ascii_case("production") || last
}

/// The first environment of the chain, which is open by default; never production, which may be the only one that is configured.
pub(super) fn playground(environment: &str, order: &[String]) -> bool {
    order.first().is_some_and(|f| f == environment) && !production(environment, order)
}

/// DATABASE_URL is often set for another program: what we cannot use of it is noted, never an error.
fn database_url(config: &mut Config, around: &Surroundings) {
    const NAME: &str = "DATABASE_URL";
    let Some(text) = around.var(NAME) else { return };
    if config.targets.contains_key(NAME) {
        config.notes.push("The environment variable DATABASE_URL is set aside: a configured target has its name.".into());
        return;
    }
    match Target::from_url(NAME, text, UrlFrom::Variable(NAME), around) {
        Ok(t) => {
            config.targets.insert(NAME.into(), t);
        }
        Err(e) => config.notes.push(format!("DATABASE_URL is set aside: {}", e.message)),
    }
}

impl Config {
    fn put_store(&mut self, path: PathBuf) {
        self.state_dir = path.parent().unwrap_or(Path::new("/")).to_owned();
        self.store_path = path;
    }

    /// Whether an environment counts as production: the one of that name, and the last of the chain.
    pub fn is_production(&self, environment: &str) -> bool {
        production(environment, &self.environments)
    }

    /// Whether plans follow the typing on this target.
    pub fn live_plan(&self, target: &Target) -> bool {
        target.live_plan.unwrap_or_else(|| target.environment.as_deref().is_some_and(|e| playground(e, &self.environments)))
    }

    /// What a person names on the command line or in a form: a configured target, a URL without a password, or a
    /// SQLite file that exists.
    pub fn find(&self, word: &str) -> Result<Target> {
        if let Some(t) = self.targets.get(word) {
            return Ok(t.clone());
        }
        let path = self.around.path(word, &self.around.cwd);
        if url::scheme(word).is_some() || may_be_file(std::fs::metadata(&path)) {
            let mut t = Target::from_url("", word, UrlFrom::Arguments, &self.around)?;
            let file = t.path.as_deref().and_then(Path::file_name).map(|f| f.to_string_lossy().into_owned());
            t.typed = Some(word.to_string());
            t.name = file.or_else(|| t.database.clone()).or_else(|| t.host.clone()).unwrap_or_else(|| "database".into());
            return Ok(t);
        }
        let names: Vec<&str> = self.targets.keys().map(String::as_str).collect();
        let mut e = Error::usage(match nearest(word, names.iter().copied()) {
            Some(near) => format!("no target is named `{}`; did you mean `{near}`?", crate::text::clean(word)),
            None => format!("no target is named `{}`, and no such file exists", crate::text::clean(word)),
        });
        e = e.hint(if names.is_empty() {
            format!("No targets are configured: write {PROJECT_FILE}, or give a URL or a SQLite file.")
        } else {
            format!("Configured targets: {}.", names.join(", "))
        });
        for note in &self.notes {
            e = e.hint(note.clone());
        }
        Err(e)
    }
}

/// A file, or what may be one: behind a directory that may not be entered, opening it says so.
fn may_be_file(looked: std::io::Result<std::fs::Metadata>) -> bool {
    looked.map_or_else(|e| e.kind() == std::io::ErrorKind::PermissionDenied, |m| m.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_behind_a_closed_directory_is_not_said_to_be_missing() {
        use std::io::ErrorKind;
        assert!(may_be_file(Err(ErrorKind::PermissionDenied.into())));
        assert!(!may_be_file(Err(ErrorKind::NotFound.into())));
        assert!(!may_be_file(std::fs::metadata("/")));
    }

    #[test]
    fn a_file_that_somebody_else_planted_runs_no_command() {
        assert!(foreign(1001, 1000) && foreign(1001, 0));
        assert!(!foreign(1000, 1000) && !foreign(0, 1000));
        let around = Surroundings::made_up(Path::new("/h"), Path::new("/w"), []);
        let text = "[targets.t]\nengine = \"postgres\"\nhost = \"h\"\npassword_command = \"rm -r x\"\n";
        let path = Path::new("/w/holdpoint.toml");
        for (owner, refused) in [(Some(path), true), (None, false)] {
            let mut tree = Tree::parse("d", DEFAULT, None).unwrap();
            tree.merge(Tree::parse("f", text, Some(path)).unwrap());
            let problems = Problems::default();
            read(&tree, &problems, &around, owner);
            let message = problems.first().err().map(|e| e.message);
            assert_eq!(message.is_some(), refused, "{message:?}");
            assert!(message.is_none_or(|m| m.starts_with("f:4:20: somebody else owns this file")));
        }
    }

    #[test]
    fn the_reference_names_every_key() {
        // Each key that a target may have is explained in config/default.toml.
        let problems = Problems::default();
        let tree = Tree::parse("t", "[targets.t]\nengine = \"postgres\"\nzzzzzz = 1\n", None).unwrap();
        let around = Surroundings::made_up(Path::new("/h"), Path::new("/w"), []);
        read(&tree, &problems, &around, None);
        let message = problems.first().unwrap_err().message;
        let keys: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        assert!(keys.len() > 25, "{message}");
        for key in keys {
            assert!(DEFAULT.contains(&format!(" {key} = ")), "{key} is not explained");
        }
    }
}
