//! Apply, revert, rehearse: statement by statement on a dedicated session under the migrator lock, journaled before and after.

use super::exec::{self, Direction, Failure, Left, Place, Watch};
use super::files;
use crate::engine::{Migrations, Session};
use crate::model::evidence::{Evidence, Subject};
use crate::model::migration::{Migration, Standing};
use crate::model::{Error, Finding, Result, Severity};
use crate::ops::checklist::{self, SCHEMA_MIGRATION};
use crate::ops::gate::{self, Clearance, Held, RevertRight};
use crate::ops::migrate::status::{self, directory};
use crate::ops::record::{Draft, file_name, range_hash, short_id, shown_range, shown_version, single_hash, travelling_hash};
use crate::ops::{Connection, Cx};
use crate::sql;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// How long a run waits for the migrator's lock.
const LOCK_WAIT: Duration = Duration::from_secs(15);
/// How long a statement of a run waits for locks on tables: longer would queue everybody else behind it.
const TABLE_LOCK_WAIT: Duration = Duration::from_secs(5);

/// One migration that was applied or reverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRun {
    pub version: i64,
    pub name: String,
    pub statements: usize,
    pub took: Duration,
}

/// What an apply did. It ended well: a failure is an error that says exactly what is applied.
#[derive(Debug)]
pub struct ApplyReport {
    /// The checklist run that it belongs to.
    pub run: String,
    pub steps: Vec<StepRun>,
    pub took: Duration,
    pub findings: Vec<Finding>,
    pub evidence: Vec<Evidence>,
    /// Covers reverting the same range; also to be had from [`crate::ops::gate::clear_revert`] until the run is closed.
    pub revert: RevertRight,
}

/// What a revert did.
#[derive(Debug)]
pub struct RevertReport {
    pub run: String,
    pub steps: Vec<StepRun>,
    pub took: Duration,
    pub findings: Vec<Finding>,
    pub evidence: Vec<Evidence>,
}

/// What a run is about, taken out of the clearance or the right that was consumed for it.
struct Order<'a> {
    direction: Direction,
    run: &'a str,
    subject: &'a Subject,
    range: &'a [(i64, String)],
    cleared: &'a [(String, String)],
    preconditions: bool,
    schema_after: Option<&'a str>,
}

impl Order<'_> {
    fn word(&self) -> &'static str {
        match self.direction {
            Direction::Up => "apply",
            Direction::Down => "revert",
        }
    }
    fn versions(&self) -> Vec<i64> {
        self.range.iter().map(|r| r.0).collect()
    }
}

struct Done {
    steps: Vec<StepRun>,
    evidence: Vec<Evidence>,
    findings: Vec<Finding>,
    took: Duration,
    /// Hash of the catalogue as the run left it.
    schema: String,
}

/// Applies what the clearance names, and nothing else.
pub async fn apply(cx: &Cx, conn: &Connection, clearance: Clearance) -> Result<ApplyReport> {
    let order = Order {
        direction: Direction::Up,
        run: &clearance.run,
        subject: &clearance.subject,
        range: &clearance.range,
        cleared: &clearance.cleared,
        preconditions: clearance.preconditions,
        schema_after: clearance.schema_after.as_deref(),
    };
    let done = go(cx, conn, &order).await?;
    let run = clearance.run.clone();
    Ok(ApplyReport {
        run,
        steps: done.steps,
        took: done.took,
        findings: done.findings,
        evidence: done.evidence,
        revert: clearance.into_revert_right(done.schema),
    })
}

/// Runs the down scripts in the reverse order of application.
pub async fn revert(cx: &Cx, conn: &Connection, right: RevertRight) -> Result<RevertReport> {
    let order = Order {
        direction: Direction::Down,
        run: &right.run,
        subject: &right.subject,
        range: &right.range,
        cleared: &[],
        preconditions: false,
        schema_after: None,
    };
    let done = go(cx, conn, &order).await?;
    Ok(RevertReport { run: right.run.clone(), steps: done.steps, took: done.took, findings: done.findings, evidence: done.evidence })
}

/// On a target of the first environment: applies, reverts and applies again, which is what later environments ask for.
/// Without anything pending, what was applied last and has not been through it is reverted and applied again.
pub async fn rehearse(cx: &Cx, conn: &Connection, upto: Option<i64>) -> Result<ApplyReport> {
    let target = conn.target();
    let first = cx.config.environments.len() > 1 && target.environment.as_ref() == cx.config.environments.first();
    if !first {
        let env = cx.config.environments.first().cloned().unwrap_or_default();
        let there = gate::judge::sibling(&cx.config, target, &env).map(|t| &t.name);
        let e = Error::usage(format!("rehearsing is for targets of {env}, and {} is not one", target.name));
        return Err(match there {
            Some(t) => e.hint(format!("holdpoint migrate rehearse {t}")),
            None => e.hint(format!("Configure a target with environment = \"{env}\".")),
        });
    }
    let queue = status::status(cx, conn).await?;
    // Nothing is taken back that could not be applied again: what is wrong with the files stops it before it begins.
    let wrong: Vec<&Finding> = queue.findings.iter().filter(|f| f.severity == Severity::Critical).collect();
    if !wrong.is_empty() {
        let mut e = Error::held(format!("held: rehearsing on {} needs files-intact; nothing was changed", target.name));
        e.detail = Some(wrong.iter().map(|f| f.message.clone()).collect::<Vec<_>>().join("\n"));
        e.hints = wrong.iter().map(|f| f.next.clone()).filter(|n| !n.is_empty()).collect();
        return Err(e);
    }
    if queue.pending().next().is_none() {
        let last = queue.items.iter().rev().find(|i| matches!(i.standing, Standing::Applied | Standing::LineEnds));
        let downto = upto.or(last.map(|i| i.version));
        let right = gate::clear_revert(cx, conn, downto, None).await?.map_err(Error::from)?;
        cx.progress.update("reverting", 1, Some(2));
        let limit = right.versions().last().copied();
        revert(cx, conn, right).await?;
        cx.progress.update("applying again", 2, Some(2));
        return finish_rehearsal(cx, conn, limit).await;
    }
    cx.progress.update("applying", 1, Some(3));
    let applied = apply_cleared(cx, conn, upto).await?;
    cx.progress.update("reverting", 2, Some(3));
    let limit = applied.steps.last().map(|s| s.version);
    revert(cx, conn, applied.revert).await?;
    cx.progress.update("applying again", 3, Some(3));
    finish_rehearsal(cx, conn, limit).await
}

/// The last apply of a rehearsal, then the steps after it: the run is closed.
async fn finish_rehearsal(cx: &Cx, conn: &Connection, limit: Option<i64>) -> Result<ApplyReport> {
    let mut report = apply_cleared(cx, conn, limit).await?;
    let after = std::sync::Mutex::new(Vec::new());
    let keep = |o: &checklist::StepOutcome| after.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(o.evidence.clone());
    checklist::run_all_provable(cx, conn, SCHEMA_MIGRATION, &keep).await?;
    report.evidence.extend(after.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok(report)
}

/// Runs the steps that need nobody, clears and applies: enough where nobody has to sign.
async fn apply_cleared(cx: &Cx, conn: &Connection, upto: Option<i64>) -> Result<ApplyReport> {
    checklist::scope(cx, conn, SCHEMA_MIGRATION, &checklist::Scope { upto, issue: None }).await?;
    checklist::run_all_provable(cx, conn, SCHEMA_MIGRATION, &|_| {}).await?;
    let clearance = gate::clear(cx, conn, upto).await?.map_err(Error::from)?;
    apply(cx, conn, clearance).await
}

/// Opens the session, takes the lock, checks everything once more under it, runs, and leaves nothing locked in any case.
async fn go(cx: &Cx, conn: &Connection, order: &Order<'_>) -> Result<Done> {
    cx.store.writable()?;
    let target = conn.target();
    if order.subject.target != target.name {
        return Err(Error::held(format!("held: the clearance is for {}, and this is {}", order.subject.target, target.name)));
    }
    let engine = conn.engine().migrations().get()?;
    let session = conn.migrator().await?;
    let result = locked(cx, conn, order, engine, &session).await;
    session.close().await;
    result
}

async fn locked(cx: &Cx, conn: &Connection, order: &Order<'_>, engine: &dyn Migrations, session: &Session) -> Result<Done> {
    let identity = session.identity();
    if identity.subject() != order.subject.database {
        return Err(Error::held(format!(
            "held: the clearance is for {}, and the connection leads to {}",
            crate::text::clean(&order.subject.database),
            crate::text::clean(&identity.subject())
        ))
        .hint("See what the target's address resolves to."));
    }
    if let Some(pooler) = &identity.pooler {
        return Err(Error::held(format!(
            "held: between here and the server stands {}: a migration needs a session of its own",
            crate::text::clean(pooler)
        ))
        .hint("Give the target the server's own address."));
    }
    cx.progress.update("waiting for the migrator's lock", 0, None);
    engine.lock(session, LOCK_WAIT).await?;
    let result = checked(cx, conn, order, engine, session).await;
    // Closing the session would free it too; a lock that cannot be freed is no reason to call the run failed.
    let _ = engine.unlock(session).await;
    result
}

async fn checked(cx: &Cx, conn: &Connection, order: &Order<'_>, engine: &dyn Migrations, session: &Session) -> Result<Done> {
    let migrations = same_files(conn, order)?;
    let history = engine.history(session).await?.unwrap_or_default();
    if let Some(dirty) = history.iter().find(|h| !h.success) {
        return Err(Error::held(format!("held: {} is half applied", shown_version(dirty.version)))
            .hint("See what is true now: holdpoint migrate status."));
    }
    for (v, _) in order.range {
        let there = history.iter().any(|h| h.version == *v);
        if there != (order.direction == Direction::Down) {
            let is = if there { "applied already" } else { "not applied any more" };
            return Err(Error::held(format!("held: {} is {is}: somebody was here in between", shown_version(*v)))
                .hint("Look again, and clear anew."));
        }
    }
    if !order.subject.schema.is_empty() {
        let objects = conn.catalog()?.objects(session).await?;
        if travelling_hash(conn.catalog()?, &objects) != order.subject.schema {
            return Err(Error::held("held: the schema changed since the gate was cleared").hint("Look at what changed, and prove anew."));
        }
    }
    if order.preconditions {
        let found = engine.preconditions(session).await?;
        if let Some(f) = found.iter().find(|f| f.severity == Severity::Critical) {
            return Err(Error::held(format!("held: {}", f.message)).hint(f.next.clone()));
        }
    }
    for text in engine.session_setup(TABLE_LOCK_WAIT) {
        exec::statement(session, &text, None).await?;
    }
    if order.direction == Direction::Up {
        engine.ensure_history(session).await?;
    }
    run_all(cx, conn, order, engine, session, &migrations).await
}

/// The migrations of the order as the files are now; held when they are not what was cleared.
fn same_files(conn: &Connection, order: &Order<'_>) -> Result<Vec<Migration>> {
    let read = files::read(&directory(conn)?)?;
    let mut out = Vec::new();
    for (v, hash) in order.range {
        let m = read.migrations.iter().find(|m| m.version == *v);
        match m {
            Some(m) if single_hash(m) == *hash => out.push(m.clone()),
            Some(m) => {
                return Err(Error::held(format!(
                    "held: {} or its down script was edited since the gate was cleared",
                    file_name(&m.up.path)
                ))
                .hint("Prove the scripts as they are now."));
            }
            None => return Err(Error::held(format!("held: the files of {} are gone since the gate was cleared", shown_version(*v)))),
        }
    }
    if order.direction == Direction::Down {
        out.reverse();
    }
    Ok(out)
}

/// Journals every statement before it is sent and after it is answered.
struct Journaling<'a> {
    cx: &'a Cx,
    target: &'a str,
    act: &'a str,
    dialect: crate::model::Dialect,
    /// Statements of all scripts, for the progress.
    total: u64,
    done: u64,
}

impl Journaling<'_> {
    fn body(&self, at: &Place<'_>, what: &str) -> Value {
        let word = if at.direction == Direction::Up { "up" } else { "down" };
        json!({
            "summary": format!("{} {word}, statement {} of {} {what}", shown_version(at.migration.version), at.statement, at.of),
            "act": self.act, "version": at.migration.version, "direction": word, "statement": at.statement, "of": at.of, "line": at.line,
        })
    }
}

impl Watch for Journaling<'_> {
    fn before(&mut self, at: &Place<'_>, text: &str) -> Result<()> {
        let line = text.lines().next().unwrap_or_default();
        self.cx.progress.update(
            &format!("{}: {}", shown_version(at.migration.version), crate::text::clean(line)),
            self.done,
            Some(self.total),
        );
        let mut body = self.body(at, "sent");
        body["sha256"] = json!(hex::encode(Sha256::digest(text.as_bytes())));
        body["text"] = json!(sql::redact::redact(self.dialect, text));
        self.cx.journal("statement-before", self.target, body).map(drop)
    }
    fn after(&mut self, at: &Place<'_>, took: Duration, affected: Option<u64>) -> Result<()> {
        self.done += 1;
        let mut body = self.body(at, &format!("done in {}", crate::text::duration(took)));
        body["took_ms"] = json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        body["affected"] = json!(affected);
        self.cx.journal("statement-after", self.target, body).map(drop)
    }
    fn failed(&mut self, at: &Place<'_>, error: &Error) {
        let mut body = self.body(at, "failed");
        body["error"] = json!(error.message);
        body["code"] = json!(error.code);
        // The error itself is what counts; when the store fails too, the missing end of the act says so later.
        let _ = self.cx.journal("statement-failed", self.target, body);
    }
    fn committing(&mut self, m: &Migration, direction: Direction) -> Result<()> {
        let word = if direction == Direction::Up { "up" } else { "down" };
        let body = json!({
            "summary": format!("{} {word}, commit sent", shown_version(m.version)),
            "act": self.act, "version": m.version, "direction": word,
        });
        self.cx.journal("commit-before", self.target, body).map(drop)
    }
}

/// An act on record as begun. If it is dropped without an end (a job aborted, a panic), it stands as cut off.
struct OpenAct<'a> {
    cx: &'a Cx,
    id: String,
    ended: bool,
}

impl OpenAct<'_> {
    fn end(&mut self, target: &str, state: &str, body: Value) -> Result<()> {
        self.cx.store.end_act(&self.id, state, &self.cx.entry(&format!("act-{state}"), target, body))?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for OpenAct<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.cx.store.abandon_act(&self.id);
        }
    }
}

async fn run_all(
    cx: &Cx,
    conn: &Connection,
    order: &Order<'_>,
    engine: &dyn Migrations,
    session: &Session,
    migrations: &[Migration],
) -> Result<Done> {
    let target = conn.target();
    let start = Instant::now();
    let id = format!("a-{}", short_id());
    let range = shown_range(&order.versions());
    let count = |m: &Migration| {
        let text = if order.direction == Direction::Up { &m.up.text } else { m.down.as_ref().map_or(&m.up.text, |d| &d.text) };
        files::statements(conn.dialect(), text).len()
    };
    let body = json!({
        "summary": format!("{} of {range} on {} begun", order.word(), target.name),
        "act": id, "run": order.run, "direction": order.word(), "database": order.subject.database, "schema": order.subject.schema,
        "schema_predicted": order.schema_after,
        "steps": migrations.iter().map(|m| json!({
            "version": m.version, "name": m.name, "scripts": single_hash(m), "checksum": files::checksum(&m.up.text), "statements": count(m),
            "in_transaction": engine.transactional_ddl() && !m.no_transaction,
        })).collect::<Vec<_>>(),
        "cleared": order.cleared.iter().map(|(s, e)| json!({ "step": s, "evidence": e })).collect::<Vec<_>>(),
    });
    cx.store.begin_act(&id, order.run, &order.versions(), &cx.entry("act-begin", &target.name, body))?;
    let mut act = OpenAct { cx, id: id.clone(), ended: false };
    let total = migrations.iter().map(|m| count(m) as u64).sum();
    let mut watch = Journaling { cx, target: &target.name, act: &id, dialect: conn.dialect(), total, done: 0 };
    let mut steps: Vec<StepRun> = Vec::new();
    let mut evidence = Vec::new();
    for m in migrations {
        let outcome = exec::run(session, engine, m, order.direction, (&cx.cancel, exec::CutOff::Never), &mut watch).await;
        match outcome {
            Ok(ran) => {
                let e = record_one(cx, conn, order, session, m, &id, &ran)?;
                evidence.push(e);
                steps.push(StepRun { version: m.version, name: m.name.clone(), statements: ran.statements, took: ran.took });
            }
            Err(failure) => {
                let e = explain_failure(order, migrations, &steps, m, &failure);
                let body = json!({ "summary": e.message, "act": id, "run": order.run, "detail": e.detail });
                // An outcome that nobody knows stays open, so that the next start looks at what is true.
                if failure.left != Left::Unknown {
                    act.end(&target.name, "failed", body)?;
                } else {
                    cx.journal("act-unknown", &target.name, body)?;
                }
                return Err(e);
            }
        }
    }
    let took = start.elapsed();
    evidence.push(record_range(cx, conn, order, session, migrations, &id, took)?);
    let schema = travelling_hash(conn.catalog()?, &conn.catalog()?.objects(session).await?);
    let body = json!({
        "summary": format!("{} of {range} on {} done in {}", order.word(), target.name, crate::text::duration(took)),
        "act": id, "run": order.run,
    });
    act.end(&target.name, "done", body)?;
    cx.progress.update("done", total, Some(total));
    Ok(Done { steps, evidence, findings: Vec::new(), took, schema })
}

fn kind(order: &Order<'_>) -> (&'static str, &'static str) {
    match order.direction {
        Direction::Up => ("applied", "applied"),
        Direction::Down => ("reverted", "reverted"),
    }
}

fn record_one(
    cx: &Cx,
    conn: &Connection,
    order: &Order<'_>,
    session: &Session,
    m: &Migration,
    act: &str,
    ran: &exec::Ran,
) -> Result<Evidence> {
    let (kind, word) = kind(order);
    let summary = format!(
        "{} {} {word} in {}, {}",
        shown_version(m.version),
        m.name,
        crate::text::duration(ran.took),
        crate::text::counted(ran.statements as u64, "statement")
    );
    let mut d = Draft::new(kind, conn.target(), session.identity(), true, summary)
        .scripts(std::slice::from_ref(m))
        .fact("unit", "migration")
        .fact("version", m.version.to_string())
        .fact("run", order.run)
        .fact("act", act)
        .fact("took ms", ran.took.as_millis().to_string());
    d.subject.scripts = single_hash(m);
    d.subject.backup = order.subject.backup.clone();
    cx.record(d)
}

fn record_range(
    cx: &Cx,
    conn: &Connection,
    order: &Order<'_>,
    session: &Session,
    migrations: &[Migration],
    act: &str,
    took: Duration,
) -> Result<Evidence> {
    let (kind, word) = kind(order);
    let summary = format!("{} {word} in {}", shown_range(&order.versions()), crate::text::duration(took));
    let mut d = Draft::new(kind, conn.target(), session.identity(), true, summary)
        .scripts(migrations)
        .fact("unit", "range")
        .fact("run", order.run)
        .fact("act", act)
        .fact("took ms", took.as_millis().to_string());
    let mut in_order = migrations.to_vec();
    if order.direction == Direction::Down {
        in_order.reverse();
    }
    d.subject.scripts = range_hash(&in_order);
    d.subject.backup = order.subject.backup.clone();
    for (step, id) in order.cleared {
        d = d.fact(format!("cleared by {step}"), id.clone());
    }
    if let Some(hash) = order.schema_after {
        d = d.fact("schema predicted", hash);
    }
    cx.record(d)
}

/// The error of a run that failed: what is applied now, exactly, and what to do.
fn explain_failure(order: &Order<'_>, all: &[Migration], done: &[StepRun], at: &Migration, failure: &Failure) -> Error {
    let mut e = failure.error.clone();
    let past = if order.direction == Direction::Up { "applied" } else { "reverted" };
    let mut lines = Vec::new();
    for m in all {
        let v = format!("{} {}", shown_version(m.version), m.name);
        let state = if done.iter().any(|d| d.version == m.version) {
            past.to_string()
        } else if m.version == at.version {
            match &failure.left {
                Left::Nothing => format!("not {past}: everything it did was rolled back"),
                Left::Part(n) => format!("half {past}: {n} of its statements took effect and stay, the rest did not run"),
                Left::Unknown => "not known: the connection was lost at COMMIT".to_string(),
            }
        } else {
            format!("not {past}: not begun")
        };
        lines.push(format!("{v}: {state}"));
    }
    e.detail = Some(match e.detail.take() {
        Some(d) => format!("{d}\n{}", lines.join("\n")),
        None => lines.join("\n"),
    });
    match failure.left {
        Left::Nothing if done.is_empty() => e.hint("The target is as it was before the run."),
        Left::Nothing => e.hint(format!("The run is open: what is {past} can be taken back (holdpoint migrate revert), or the rest proven and run.")),
        Left::Part(_) => e.hint("The history row says that it did not succeed, and nothing else is run until that is settled: finish the rest by hand, or undo it by hand and delete the row."),
        Left::Unknown => e.hint("Look before running anything again: holdpoint migrate status says what is true."),
    }
}

/// Clears and applies in one go, for the command line: `Err(Held)` becomes an error that names each missing step.
pub async fn clear_and_apply(cx: &Cx, conn: &Connection, upto: Option<i64>) -> Result<ApplyReport> {
    let cleared: Result<Clearance, Held> = gate::clear(cx, conn, upto).await?;
    apply(cx, conn, cleared.map_err(Error::from)?).await
}
