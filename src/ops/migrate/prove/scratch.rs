//! The scratch database of a proof: restored, brought to a state, fingerprinted, and dropped at the end.

use crate::engine::fingerprint;
use crate::engine::{Scratch, Session};
use crate::model::evidence::{Evidence, Grade};
use crate::model::manifest::Fingerprint;
use crate::model::manifest::{COPY_LACKS, LACKS};
use crate::model::migration::Migration;
use crate::model::{Error, Finding, Identity, Result, Severity};
use crate::ops::backup::{self, Usable};
use crate::ops::migrate::exec::{self, Direction};
use crate::ops::record::{shown_version, travelling_hash};
use crate::ops::{Connection, Cx, connect};

struct Open {
    scratch: Scratch,
    looking: Opened,
    /// What scripts run on, under a login of its own; `None`: as `looking`.
    running: Option<Opened>,
}

struct Opened {
    conn: Connection,
    session: Session,
}

/// Where a proof is made.
pub(super) struct Place<'a> {
    cx: &'a Cx,
    /// The target that it is about.
    target: &'a Connection,
    identity: &'a Identity,
    backup: &'a Usable,
    /// Hash of the target's live catalogue: what the restore must have.
    live_schema: &'a str,
    open: Option<Open>,
    grade: Option<Grade>,
    /// Evidence that came along the way: the restore verified.
    pub evidence: Vec<Evidence>,
}

impl<'a> Place<'a> {
    pub fn new(cx: &'a Cx, target: &'a Connection, identity: &'a Identity, backup: &'a Usable, live_schema: &'a str) -> Self {
        Place { cx, target, identity, backup, live_schema, open: None, grade: None, evidence: Vec::new() }
    }

    pub fn backup_id(&self) -> &str {
        &self.backup.manifest.id
    }
    /// What the backup does not hold, or a copy made from it has otherwise: no copy can show what is done to it.
    pub fn lacks(&self) -> Option<String> {
        let told = [LACKS, COPY_LACKS].into_iter().filter_map(|fact| self.backup.manifest.facts.get(fact));
        let told: Vec<&str> = told.map(String::as_str).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
    pub fn grade(&self) -> Option<Grade> {
        self.grade
    }
    pub fn session(&self) -> Result<(&Session, &Connection)> {
        let open = self.open.as_ref().ok_or_else(|| Error::failed("the scratch database is not open"))?;
        Ok((&open.looking.session, &open.looking.conn))
    }
    /// The session for scripts, and whether its login has rights on the copy alone.
    pub fn runner(&self) -> Result<(&Session, &Connection, bool)> {
        let open = self.open.as_ref().ok_or_else(|| Error::failed("the scratch database is not open"))?;
        let o = open.running.as_ref().unwrap_or(&open.looking);
        Ok((&o.session, &o.conn, open.running.is_some()))
    }

    /// A fresh restore, with these ups run on it. With `verify` the restore is compared with the manifest first.
    pub async fn enter(&mut self, ups: &[Migration], verify: bool) -> Result<Fingerprint> {
        self.leave().await?;
        self.cx.check_cancelled()?;
        self.cx.progress.update("restoring into scratch", 0, None);
        let (scratch, took) = backup::restore(self.cx, self.target, self.identity, self.backup).await?;
        self.grade = Some(scratch.grade);
        let entered = self.fill(&scratch, took, ups, verify).await;
        match entered {
            Ok((looking, running, print)) => {
                self.open = Some(Open { scratch, looking, running });
                Ok(print)
            }
            Err(e) => {
                let dropped = self.target.engine().backups().get()?.discard(scratch).await;
                Err(match dropped {
                    Ok(()) => e,
                    Err(d) => e.hint(format!("The scratch database could not be removed either: {}", d.message)),
                })
            }
        }
    }

    async fn fill(
        &mut self,
        scratch: &Scratch,
        took: std::time::Duration,
        ups: &[Migration],
        verify: bool,
    ) -> Result<(Opened, Option<Opened>, Fingerprint)> {
        if verify {
            let report = backup::compare(self.cx, self.target, self.identity, self.backup, scratch, took).await?;
            let holds = report.evidence.holds;
            let summary = report.evidence.summary.clone();
            self.evidence.push(report.evidence);
            if !holds {
                return Err(Error::failed(format!("nothing is proven on a restore that is not the original: {summary}"))
                    .hint("Take another backup, and see what is wrong with this one."));
            }
        }
        let conn = connect::connect_to(self.cx, scratch.target.clone()).await?;
        let session = conn.migrator().await?;
        let mut running = None;
        let print = async {
            let engine = conn.engine().migrations().get()?;
            engine.ensure_history(&session).await?;
            if let Some(private) = self.target.engine().backups().get()?.confine(scratch, self.identity).await? {
                let conn = connect::connect_to(self.cx, private).await?;
                let session = conn.migrator().await?;
                running = Some(Opened { conn, session });
            }
            let runs = running.as_ref().map_or(&session, |r| &r.session);
            for text in engine.session_setup(std::time::Duration::from_secs(5)) {
                exec::statement(runs, &text, None).await?;
            }
            let objects = conn.catalog()?.objects(&session).await?;
            if travelling_hash(conn.catalog()?, &objects) != self.live_schema {
                return Err(Error::held(format!(
                    "held: the schema of {} is not the one in backup {}: it changed since, or the restore made it otherwise",
                    self.target.target().name,
                    backup::short(self.backup_id())
                ))
                .hint(format!("Take a fresh backup: holdpoint backup take {}", self.target.target().name)));
            }
            for m in ups {
                let mut ignored = super::Timing::default();
                exec::run(runs, engine, m, Direction::Up, (&self.cx.cancel, exec::CutOff::Anywhere), &mut ignored)
                    .await
                    .map_err(|f| f.error.context(format!("bringing scratch to the state after {}", shown_version(m.version))))?;
            }
            print(self.cx, &conn, &session).await
        }
        .await;
        match print {
            Ok(p) => Ok((Opened { conn, session }, running, p)),
            Err(e) => {
                if let Some(r) = running {
                    r.session.close().await;
                }
                session.close().await;
                Err(e)
            }
        }
    }

    pub async fn fingerprint(&self) -> Result<Fingerprint> {
        let (session, conn) = self.session()?;
        print(self.cx, conn, session).await
    }

    /// A fingerprint whose tables are read with their columns in the order of `like`, where they are the same columns in
    /// another order: then whole rows can be compared too. The catalogue is left as it is.
    pub async fn fingerprint_like(&self, like: &Fingerprint) -> Result<Fingerprint> {
        let mut print = self.fingerprint().await?;
        let (session, _) = self.session()?;
        for (name, digest) in &mut print.tables {
            let Some(was) = like.tables.get(name) else { continue };
            let sorted = |c: &[String]| {
                let mut c = c.to_vec();
                c.sort();
                c
            };
            if was.shape.columns != digest.shape.columns && sorted(&was.shape.columns) == sorted(&digest.shape.columns) {
                *digest = fingerprint::table(session, &was.shape, &self.cx.cancel).await?;
            }
        }
        Ok(print)
    }

    /// Drops the scratch database, if one is open.
    pub async fn leave(&mut self) -> Result<()> {
        let Some(Open { scratch, looking, running }) = self.open.take() else { return Ok(()) };
        for o in running.into_iter().chain([looking]) {
            o.session.close().await;
        }
        self.target.engine().backups().get()?.discard(scratch).await
    }
}

/// Catalogue, content, counters and what lies outside tables.
async fn print(cx: &Cx, conn: &Connection, session: &Session) -> Result<Fingerprint> {
    let mut print = fingerprint::take(conn.catalog()?, session, &*cx.progress, &cx.cancel).await?;
    print.counters = conn.catalog()?.counters(session).await?;
    print.beside = conn.catalog()?.beside_tables(session).await?;
    Ok(print)
}

/// A scratch database that could not be removed.
pub(super) fn left_over(conn: &Connection, e: &Error) -> Finding {
    Finding::new(
        Severity::Warning,
        "scratch-left",
        conn.target().name.clone(),
        format!("the scratch database could not be removed: {}", e.message),
    )
    .next("Remove it by hand.")
}
