//! Candidates built for real on a scratch copy, and the statement run with each and without it, by turns.
//!
//! Two copies are made: one stays as it is, on the other the indexes come and go. Both are removed at the end, whatever happened.

use crate::engine::{Scratch, Session};
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Kind, Result};
use crate::ops::measure::{Arm, Effort, by_turns};
use crate::ops::{Connection, Cx, backup, connect};
use crate::plan::candidates::Candidate;
use crate::plan::known::Known;
use crate::plan::measure::Judgement;
use crate::sql::reserved::ident;
use crate::sql::{self, TokenKind};
use crate::text;
use std::time::{Duration, Instant};

/// Longest that the runs for one candidate may take together.
const LONGEST: Duration = Duration::from_secs(60);

/// What measuring gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub judgement: Judgement,
    /// Whether the plan took the index.
    pub used: bool,
    /// Time to build it on the copy.
    pub build: Duration,
    /// As it was built.
    pub bytes: Option<u64>,
    /// The plan with it.
    pub plan: Plan,
    /// Of what the copy was made: ` of the backup of 2026-11-21`, or nothing.
    pub of: String,
}

/// Builds and measures each candidate. The inner error is the server's word about one of them; the outer one ends it all.
pub(super) async fn measure(
    cx: &Cx,
    conn: &Connection,
    statement: &str,
    known: &Known,
    candidates: &[Candidate],
    notes: &mut Vec<String>,
) -> Result<Vec<(Candidate, Result<Measured>)>> {
    stays_inside(conn, statement)?;
    let (scratches, of) = make(cx, conn).await?;
    let done = async {
        let mut copies = Vec::new();
        for s in &scratches {
            copies.push(connect::connect_to(cx, s.target.clone()).await?);
        }
        match copies.as_slice() {
            [plain, changed] => run(cx, plain, changed, statement, known, candidates, &of).await,
            _ => Err(Error::failed("there are no two copies to measure on")),
        }
    }
    .await;
    // The connections are closed by now; what is left over is named, and the measurement is not lost for it.
    for s in scratches {
        let name = s.target.path.as_ref().map_or_else(|| s.target.database.clone().unwrap_or_default(), |p| p.display().to_string());
        if let Err(e) = conn.engine().backups().get()?.discard(s).await {
            notes.push(format!(
                "The scratch copy {} could not be removed: {}. Remove it by hand.",
                text::clean(&name),
                text::clean(&e.message)
            ));
        }
    }
    done
}

/// MySQL's names may lead out of the copy to the very original.
fn stays_inside(conn: &Connection, statement: &str) -> Result<()> {
    let (Dialect::MySql, Some(database)) = (conn.dialect(), &conn.target().database) else { return Ok(()) };
    let tokens: Vec<sql::Token> =
        sql::lex(Dialect::MySql, statement).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).and_then(|t| statement.get(t.span.clone())).unwrap_or("").trim_matches('`');
    match (0..tokens.len()).any(|i| word(i).eq_ignore_ascii_case(database) && word(i + 1) == ".") {
        true => Err(Error::usage(format!(
            "the statement names the database {}: on a scratch copy it would go past the copy",
            text::clean(database)
        ))
        .hint("Leave the database's name out of the statement.")),
        false => Ok(()),
    }
}

/// Two copies, and of what they are.
async fn make(cx: &Cx, conn: &Connection) -> Result<(Vec<Scratch>, String)> {
    let trials = conn.engine().trials();
    cx.progress.update("copying the database", 0, Some(2));
    let mut made = Vec::new();
    if let Some(first) = trials.copy(&*cx.progress, &cx.cancel).await? {
        made.push(first);
        cx.progress.update("copying the database", 1, Some(2));
        return match trials.copy(&*cx.progress, &cx.cancel).await {
            Ok(Some(second)) => {
                made.push(second);
                Ok((made, String::new()))
            }
            Ok(None) => give_up(conn, made, Error::failed("the second copy could not be made")).await,
            Err(e) => give_up(conn, made, e).await,
        };
    }
    if conn.target().scratch.is_none() {
        return Err(Error::usage(format!("target {} has no scratch place, so no index can be built for a trial", conn.target().name))
            .hint(
                "Set `scratch` of the target to the name of another target: a server on which databases may be made, and no production.",
            ));
    }
    let session = conn.reader().await?;
    let identity = session.identity().clone();
    let dir = match backup::newest(cx, conn, &identity)? {
        Some(dir) => dir,
        None => backup::take(cx, conn).await?.dir,
    };
    let usable = backup::open(cx, &identity, &dir).await?;
    let taken = usable.manifest.taken_at.get(..16).unwrap_or(&usable.manifest.taken_at).replace('T', " ");
    for _ in 0..2 {
        match backup::restore(cx, conn, &identity, &usable).await {
            Ok((scratch, _)) => made.push(scratch),
            Err(e) => return give_up(conn, made, e).await,
        }
        if cx.cancel.is_cancelled() {
            return give_up(conn, made, Error::cancelled()).await;
        }
    }
    Ok((made, format!(" of the backup of {taken}")))
}

async fn give_up<T>(conn: &Connection, made: Vec<Scratch>, e: Error) -> Result<T> {
    let mut e = e;
    for s in made {
        if let Err(d) = conn.engine().backups().get()?.discard(s).await {
            e = e.hint(format!("A scratch copy could not be removed either: {}", d.message));
        }
    }
    Err(e)
}

async fn run(
    cx: &Cx,
    plain: &Connection,
    changed: &Connection,
    statement: &str,
    known: &Known,
    candidates: &[Candidate],
    of: &str,
) -> Result<Vec<(Candidate, Result<Measured>)>> {
    let writers = [plain.migrator().await?, changed.migrator().await?];
    let mut tables: Vec<(&str, bool)> = Vec::new();
    for c in candidates {
        // Without statistics on the original there are to be none on the copy.
        let bare =
            known.tables.iter().find(|t| t.name == c.relation && t.schema == c.schema).is_some_and(|t| t.statistics.missing == Some(true));
        if !tables.iter().any(|(t, _)| *t == c.table) {
            tables.push((&c.table, bare && changed.engine().trials().settles_as_found()));
        }
    }
    // Every table of the statement, not only those that get an index.
    let others: Vec<String> = known
        .tables
        .iter()
        .filter(|t| t.statistics.missing != Some(true) || !changed.engine().trials().settles_as_found())
        .map(|t| match &t.schema {
            Some(s) => format!("{}.{}", ident(changed.dialect(), s), ident(changed.dialect(), &t.name)),
            None => ident(changed.dialect(), &t.name),
        })
        .filter(|t| !tables.iter().any(|(own, _)| own == t))
        .collect();
    for w in &writers {
        for t in tables.iter().filter(|(_, bare)| !bare).map(|(t, _)| *t).chain(others.iter().map(String::as_str)) {
            cx.progress.update(&format!("settling {}", text::clean(t)), 0, None);
            for sql in changed.engine().trials().settle(t) {
                finish(cx, w, &sql).await?;
            }
        }
    }
    let mut out = Vec::new();
    for (n, c) in candidates.iter().enumerate() {
        cx.check_cancelled()?;
        cx.progress.update(&format!("building {}", text::clean(&c.name)), n as u64, Some(candidates.len() as u64));
        let bare = tables.iter().any(|(t, bare)| *t == c.table && *bare);
        let fate = one(cx, plain, changed, &writers[1], statement, c, bare, of).await;
        match fate {
            Err(e) if matches!(e.kind, Kind::Cancelled | Kind::Connect) => return Err(e),
            Ok(_) => finish(cx, &writers[1], &c.drop_sql(changed.dialect(), false)).await?,
            // A candidate that was not built leaves nothing; one whose runs failed is dropped if it is there.
            Err(_) => {
                let _ = finish(cx, &writers[1], &c.drop_sql(changed.dialect(), false)).await;
            }
        }
        out.push((c.clone(), fate));
    }
    for w in writers {
        w.close().await;
    }
    Ok(out)
}

/// Runs a statement of ours on a copy; ends it on the server when cancelled.
async fn finish(cx: &Cx, s: &Session, sql: &str) -> Result<()> {
    tokio::select! {
        done = s.fetch(sql) => done.map(|_| ()),
        () = cx.cancel.cancelled() => {
            let _ = s.cancel().await;
            Err(Error::cancelled())
        }
    }
}

#[allow(clippy::too_many_arguments)]
async fn one(
    cx: &Cx,
    plain: &Connection,
    changed: &Connection,
    writer: &Session,
    statement: &str,
    c: &Candidate,
    bare: bool,
    of: &str,
) -> Result<Measured> {
    let dialect = changed.dialect();
    let begun = Instant::now();
    finish(cx, writer, &c.create(dialect, false)).await?;
    let build = begun.elapsed();
    if !bare {
        for sql in changed.engine().trials().settle(&c.table) {
            finish(cx, writer, &sql).await?;
        }
    }
    let name = match (&c.schema, dialect) {
        (Some(s), Dialect::Postgres) => format!("{}.{}", ident(dialect, s), ident(dialect, &c.name)),
        _ => c.name.clone(),
    };
    let bytes = changed.engine().trials().index_bytes(writer, &c.relation, &name).await?;
    let without = Arm::new(plain, None, "without the index", statement, Vec::new()).await?;
    let with = Arm::new(changed, None, "with the index", statement, Vec::new()).await?;
    let duel = by_turns(cx, &without, &with, Effort { time: LONGEST, anyway: true, ..Effort::default() }).await?;
    let mut used = false;
    duel.after
        .plan
        .root
        .walk(0, &mut |_, n| used |= n.index.as_deref().is_some_and(|i| i == c.name || i.ends_with(&format!(".{}", c.name))));
    for arm in [without, with] {
        arm.session().clone().close().await;
    }
    Ok(Measured { judgement: duel.judgement, used: used || c.partitioned, build, bytes, plan: duel.after.plan, of: of.to_string() })
}
