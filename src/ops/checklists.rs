//! The checklists as a list: what can be chosen here, and one way to show and run whichever it is. A further checklist is one more
//! entry of [`ALL`].

use super::checklist::{self, RunView, SCHEMA_MIGRATION, StepOutcome};
use super::incident;
use super::optimization::{self, QUERY_OPTIMIZATION};
use super::record::shown_range;
use super::{Connection, Cx};
use crate::config::checklist as files;
use crate::model::{Error, Result};
use futures_util::future::BoxFuture;
use std::path::{Path, PathBuf};

/// A checklist, and what it is about where there are several such things.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Which {
    pub id: String,
    /// The file of the performance test, or the name of the target that an incident is on; `None` for what stands alone, or for the one
    /// that was worked on last.
    pub subject: Option<PathBuf>,
}

impl Which {
    pub fn migrations() -> Self {
        Which { id: SCHEMA_MIGRATION.into(), subject: None }
    }
    /// Of a performance test.
    pub fn optimization(test: impl Into<PathBuf>) -> Self {
        Which { id: QUERY_OPTIMIZATION.into(), subject: Some(test.into()) }
    }
    /// Of the incident on a target.
    pub fn incident(id: &str, target: &str) -> Self {
        Which { id: id.into(), subject: Some(target.into()) }
    }
    /// The target of an incident: such a list needs no open target.
    pub fn target(&self) -> Option<&str> {
        self.subject.as_ref().filter(|_| incident::is(&self.id)).and_then(|s| s.to_str())
    }
    pub fn is_optimization(&self) -> bool {
        self.id == QUERY_OPTIMIZATION
    }
    pub fn is_migrations(&self) -> bool {
        self.id == SCHEMA_MIGRATION
    }
}

/// One that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub title: String,
    /// What it is for.
    pub about: String,
    pub entries: Vec<Entry>,
    /// Why there is no entry, or what to do for one.
    pub note: String,
}

/// One thing that a checklist is about, with how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub which: Which,
    pub name: String,
    /// `5 of 11 ticked, Approved comes next`.
    pub words: String,
}

/// Told after every step of a run.
pub type Each<'a> = &'a (dyn Fn(&StepOutcome) + Send + Sync);

/// How one checklist is shown and run.
pub trait Runs: Send + Sync {
    fn id(&self) -> &'static str;
    /// What it can be about here, and what to say where that is nothing.
    fn entries<'a>(&'a self, cx: &'a Cx, conn: &'a Connection) -> BoxFuture<'a, Result<(Vec<Entry>, String)>>;
    fn view<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, subject: Option<&'a Path>) -> BoxFuture<'a, Result<RunView>>;
    fn run_next<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, subject: Option<&'a Path>) -> BoxFuture<'a, Result<StepOutcome>>;
    /// Until one fails or needs a person.
    fn run_all<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, subject: Option<&'a Path>, each: Each<'a>)
    -> BoxFuture<'a, Result<RunView>>;
}

/// In the order in which they are listed.
pub const ALL: [&dyn Runs; 4] = [&Migrations, &Statements, &Emergency(incident::CHECKLISTS[0]), &Emergency(incident::CHECKLISTS[1])];

fn runs(which: &Which) -> Result<&'static dyn Runs> {
    ALL.into_iter().find(|r| r.id() == which.id).ok_or_else(|| {
        let known: Vec<&str> = ALL.iter().map(|r| r.id()).collect();
        Error::usage(crate::config::toml_file::unknown("checklist", &which.id, "", &known))
    })
}

/// All of them. One that cannot be read stands there with the reason.
pub async fn list(cx: &Cx, conn: &Connection) -> Result<Vec<Listed>> {
    let mut out = Vec::new();
    for r in ALL {
        cx.check_cancelled()?;
        let (title, about) = match files::load(&cx.config, r.id()) {
            Ok(f) => (f.title, f.about),
            Err(e) => {
                out.push(Listed { id: r.id().into(), title: r.id().into(), about: String::new(), entries: Vec::new(), note: e.message });
                continue;
            }
        };
        let (entries, note) = match r.entries(cx, conn).await {
            Ok(found) => found,
            Err(e) if e.kind == crate::model::Kind::Cancelled => return Err(e),
            Err(e) => (Vec::new(), e.message),
        };
        out.push(Listed { id: r.id().into(), title, about, entries, note });
    }
    Ok(out)
}

/// How it stands.
pub async fn view(cx: &Cx, conn: &Connection, which: &Which) -> Result<RunView> {
    runs(which)?.view(cx, conn, which.subject.as_deref()).await
}

/// Runs the step that comes next.
pub async fn run_next(cx: &Cx, conn: &Connection, which: &Which) -> Result<StepOutcome> {
    runs(which)?.run_next(cx, conn, which.subject.as_deref()).await
}

/// Runs all that need nobody.
pub async fn run_all(cx: &Cx, conn: &Connection, which: &Which, each: Each<'_>) -> Result<RunView> {
    runs(which)?.run_all(cx, conn, which.subject.as_deref(), each).await
}

/// How a run stands in a few words.
fn words(v: &RunView) -> String {
    let ticked = format!("{} of {} ticked", v.ticked(), v.steps.len());
    match v.next.and_then(|i| v.steps.get(i)) {
        _ if v.closed => "closed".into(),
        None => format!("{ticked}: done"),
        Some(s) => format!("{ticked}, {} comes next", s.title),
    }
}

/// The checklist of migrations: one run on each target.
struct Migrations;

impl Runs for Migrations {
    fn id(&self) -> &'static str {
        SCHEMA_MIGRATION
    }
    fn entries<'a>(&'a self, cx: &'a Cx, conn: &'a Connection) -> BoxFuture<'a, Result<(Vec<Entry>, String)>> {
        Box::pin(async move {
            let v = checklist::view(cx, conn, SCHEMA_MIGRATION).await?;
            if v.range.is_empty() {
                return Ok((Vec::new(), "nothing is pending on this target".into()));
            }
            let name = match &v.issue {
                Some(i) => format!("{} · {}", shown_range(&v.range), crate::text::clean(i)),
                None => shown_range(&v.range),
            };
            Ok((vec![Entry { which: Which::migrations(), name, words: words(&v) }], String::new()))
        })
    }
    fn view<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, _: Option<&'a Path>) -> BoxFuture<'a, Result<RunView>> {
        Box::pin(checklist::view(cx, conn, SCHEMA_MIGRATION))
    }
    fn run_next<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, _: Option<&'a Path>) -> BoxFuture<'a, Result<StepOutcome>> {
        Box::pin(checklist::run_next(cx, conn, SCHEMA_MIGRATION))
    }
    fn run_all<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, _: Option<&'a Path>, each: Each<'a>) -> BoxFuture<'a, Result<RunView>> {
        Box::pin(checklist::run_all_provable(cx, conn, SCHEMA_MIGRATION, each))
    }
}

/// `query-optimization`: one run for each performance test.
struct Statements;

impl Runs for Statements {
    fn id(&self) -> &'static str {
        QUERY_OPTIMIZATION
    }
    fn entries<'a>(&'a self, cx: &'a Cx, conn: &'a Connection) -> BoxFuture<'a, Result<(Vec<Entry>, String)>> {
        Box::pin(async move {
            let all = optimization::all(cx, conn).await?;
            let entry = |(file, view): (PathBuf, Result<RunView>)| {
                let stem = file.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
                let (name, words) = match view {
                    Ok(v) => (v.subject.clone().unwrap_or(stem), words(&v)),
                    Err(e) => (stem, e.message),
                };
                Entry { which: Which::optimization(file), name, words }
            };
            let note =
                if all.is_empty() { "no performance test is in plan-tests yet: the plan pane writes one of its statement" } else { "" };
            Ok((all.into_iter().map(entry).collect(), note.into()))
        })
    }
    fn view<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, subject: Option<&'a Path>) -> BoxFuture<'a, Result<RunView>> {
        Box::pin(optimization::view(cx, conn, subject))
    }
    fn run_next<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, subject: Option<&'a Path>) -> BoxFuture<'a, Result<StepOutcome>> {
        Box::pin(optimization::run_next(cx, conn, subject))
    }
    fn run_all<'a>(
        &'a self,
        cx: &'a Cx,
        conn: &'a Connection,
        subject: Option<&'a Path>,
        each: Each<'a>,
    ) -> BoxFuture<'a, Result<RunView>> {
        Box::pin(optimization::run_all(cx, conn, subject, each))
    }
}

/// The lists of an incident: what they do needs no connection of the caller's.
struct Emergency(&'static str);

impl Runs for Emergency {
    fn id(&self) -> &'static str {
        self.0
    }
    fn entries<'a>(&'a self, cx: &'a Cx, conn: &'a Connection) -> BoxFuture<'a, Result<(Vec<Entry>, String)>> {
        Box::pin(async move {
            let target = conn.target();
            let v = incident::view(cx, target, self.0)?;
            let name = v.run.clone().unwrap_or_else(|| "a new incident".into());
            Ok((vec![Entry { which: Which::incident(self.0, &target.name), name, words: words(&v) }], String::new()))
        })
    }
    fn view<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, _: Option<&'a Path>) -> BoxFuture<'a, Result<RunView>> {
        Box::pin(async move { incident::view(cx, conn.target(), self.0) })
    }
    fn run_next<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, _: Option<&'a Path>) -> BoxFuture<'a, Result<StepOutcome>> {
        Box::pin(incident::run_next(cx, conn.target(), self.0))
    }
    fn run_all<'a>(&'a self, cx: &'a Cx, conn: &'a Connection, _: Option<&'a Path>, each: Each<'a>) -> BoxFuture<'a, Result<RunView>> {
        Box::pin(incident::run_all(cx, conn.target(), self.0, None, each))
    }
}
