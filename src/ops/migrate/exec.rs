//! Running one script on a session, the same way for a real run and for a proof: statement by statement, in a
//! transaction where DDL is transactional, with the history row that sqlx would write.

use super::files;
use crate::engine::{Event, Migrations, Session};
use crate::model::migration::{Applied, Migration};
use crate::model::{Error, Kind, Result, TxState};
use crate::ops::record::{file_name, shown_version};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Which script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Direction {
    Up,
    Down,
}

/// Where in a script the run is.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Place<'a> {
    pub migration: &'a Migration,
    pub direction: Direction,
    /// From 1.
    pub statement: usize,
    pub of: usize,
    /// Line in the file.
    pub line: usize,
}

/// Told about every statement. An error from it stops the run as a failed statement would.
pub(in crate::ops) trait Watch: Send {
    fn before(&mut self, at: &Place<'_>, text: &str) -> Result<()>;
    fn after(&mut self, at: &Place<'_>, took: Duration, affected: Option<u64>) -> Result<()>;
    /// The statement failed, or the run stopped before it.
    fn failed(&mut self, at: &Place<'_>, error: &Error);
    /// Right before the transaction is committed; then its answer is outstanding.
    fn committing(&mut self, _m: &Migration, _direction: Direction) -> Result<()> {
        Ok(())
    }
}

/// What a script that failed left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ops) enum Left {
    /// Everything as before the script.
    Nothing,
    /// This many of its statements took effect; the history row says that it did not succeed.
    Part(usize),
    /// The answer to the commit was lost: it may have taken effect or not.
    Unknown,
}

/// A script that failed.
#[derive(Debug)]
pub(in crate::ops) struct Failure {
    pub error: Error,
    pub left: Left,
}

/// What a script took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ops) struct Ran {
    pub statements: usize,
    pub took: Duration,
}

/// Runs one statement to its end, rows thrown away. With `cancel`, cancelling ends it on the server.
pub(in crate::ops) async fn statement(
    session: &Session,
    text: &str,
    cancel: Option<&CancellationToken>,
) -> Result<(Duration, Option<u64>, String)> {
    let start = Instant::now();
    let drain = async {
        let mut stream = session.run(text).await?;
        let (mut affected, mut tag) = (None, String::new());
        while let Some(event) = stream.next().await {
            if let Event::Done(done) = event? {
                affected = done.affected;
                tag = done.tag;
            }
        }
        Ok((affected, tag))
    };
    tokio::pin!(drain);
    let (affected, tag) = match cancel {
        None => drain.await?,
        Some(token) => {
            if token.is_cancelled() {
                return Err(Error::cancelled());
            }
            tokio::select! {
                biased; // What has not been sent cannot be ended: a cancel before it would be forgotten.
                done = &mut drain => done?,
                () = token.cancelled() => {
                    // The statement's own end is awaited: nothing is called stopped that may still run.
                    let asked = session.cancel().await;
                    match (drain.await, asked) {
                        (Ok(done), _) => done,
                        (Err(_), Ok(())) => return Err(Error::cancelled()),
                        (Err(e), Err(_)) => return Err(e),
                    }
                }
            }
        }
    };
    Ok((start.elapsed(), affected, tag))
}

/// The history row for an up script.
fn row(m: &Migration, success: bool) -> Applied {
    Applied {
        version: m.version,
        description: m.name.replace('_', " "),
        installed_on: String::new(),
        success,
        checksum: files::checksum(&m.up.text),
        execution_time: -1,
    }
}

/// What cancelling does to a statement that no transaction holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum CutOff {
    /// Cut off it leaves nobody knows what, so that only its end counts: on a database that matters.
    Never,
    /// The database is a copy that goes away.
    Anywhere,
}

/// Runs the up or the down script of a migration and keeps the history in step.
pub(in crate::ops) async fn run(
    session: &Session,
    engine: &dyn Migrations,
    m: &Migration,
    direction: Direction,
    (cancel, cut_off): (&CancellationToken, CutOff),
    watch: &mut dyn Watch,
) -> Result<Ran, Failure> {
    let nothing = |error: Error| Failure { error, left: Left::Nothing };
    let script = match (direction, &m.down) {
        (Direction::Up, _) => &m.up,
        (Direction::Down, Some(d)) => d,
        (Direction::Down, None) => {
            return Err(nothing(Error::failed(format!("{} {} has no down script", shown_version(m.version), m.name))));
        }
    };
    let file = file_name(&script.path);
    let statements = crate::sql::split::split_script(session.dialect(), &script.text).map_err(|e| nothing(e.context(&file)))?;
    if direction == Direction::Down && statements.is_empty() {
        return Err(nothing(Error::failed(format!("{file} holds no statement: an empty down is not a rollback"))));
    }
    let outside = script.text.starts_with("-- no-transaction") || (direction == Direction::Down && m.no_transaction);
    let in_transaction = engine.transactional_ddl() && !outside;
    let start = Instant::now();

    // The frame around the statements: what makes them one, and what marks them as half done where nothing can.
    let opening = if in_transaction {
        vec![engine.begin().to_string()]
    } else {
        match direction {
            Direction::Up => vec![engine.insert_history(&row(m, false))],
            Direction::Down => vec![engine.delete_history(m.version), engine.insert_history(&row(m, false))],
        }
    };
    for text in &opening {
        statement(session, text, None).await.map_err(|e| nothing(e.context(format!("{file}, before its first statement"))))?;
    }

    let of = statements.len();
    for (i, span) in statements.iter().enumerate() {
        let at = Place { migration: m, direction, statement: i + 1, of, line: span.line };
        let text = &script.text[span.span.clone()];
        let outcome = async {
            if cancel.is_cancelled() {
                return Err(Error::cancelled());
            }
            watch.before(&at, text)?;
            let may_end = in_transaction || cut_off == CutOff::Anywhere;
            let (took, affected, _) = statement(session, text, may_end.then_some(cancel)).await?;
            watch.after(&at, took, affected)
        }
        .await;
        if let Err(e) = outcome {
            watch.failed(&at, &e);
            return Err(undo(session, in_transaction, i, at_statement(&file, &at, e)).await);
        }
    }

    let tx = session.status().tx;
    if in_transaction && tx == TxState::Idle {
        let e = Error::failed(format!("{file} ended the transaction it runs in"))
            .hint("Take COMMIT and ROLLBACK out of it, or begin it with `-- no-transaction`.");
        return Err(Failure { error: e, left: Left::Part(of) });
    }
    if !in_transaction && tx != TxState::Idle {
        let e = Error::failed(format!("{file} leaves a transaction open")).hint("End it with COMMIT.");
        return Err(undo(session, true, of, e).await);
    }

    let took = start.elapsed();
    let nanos = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
    if in_transaction {
        let record = match direction {
            Direction::Up => engine.insert_history(&row(m, true)),
            Direction::Down => engine.delete_history(m.version),
        };
        if let Err(e) = statement(session, &record, None).await {
            return Err(undo(session, true, of, e.context(format!("{file}, writing the history"))).await);
        }
        if let Err(e) = watch.committing(m, direction) {
            return Err(undo(session, true, of, e).await);
        }
        match statement(session, "COMMIT", None).await {
            // PostgreSQL answers ROLLBACK, not an error, when the transaction had failed.
            Ok((_, _, tag)) if tag.eq_ignore_ascii_case("ROLLBACK") => {
                return Err(nothing(Error::failed(format!("{file}: the server rolled it back at COMMIT"))));
            }
            Ok(_) => {}
            Err(e) if e.kind == Kind::Connect => {
                return Err(Failure { error: e.context(format!("{file}, at COMMIT")), left: Left::Unknown });
            }
            Err(e) => return Err(undo(session, true, of, e.context(format!("{file}, at COMMIT"))).await),
        }
        if direction == Direction::Up {
            // As sqlx does it: the time is written when the rest stands. Without it the row says −1, and nothing is lost.
            let _ = statement(session, &engine.finish_history(m.version, nanos), None).await;
        }
    } else {
        let record = match direction {
            Direction::Up => engine.finish_history(m.version, nanos),
            Direction::Down => engine.delete_history(m.version),
        };
        if let Err(e) = statement(session, &record, None).await {
            return Err(Failure {
                error: e.context(format!("{file}, writing the history after its last statement")),
                left: Left::Part(of),
            });
        }
    }
    Ok(Ran { statements: of, took })
}

/// `0043_x.up.sql:12, statement 2 of 3: …`.
fn at_statement(file: &str, at: &Place<'_>, mut e: Error) -> Error {
    if e.kind == Kind::Cancelled {
        e.message = format!("cancelled at {file}:{}, statement {} of {}", at.line, at.statement, at.of);
        return e;
    }
    e.position = None;
    e.context(format!("{file}:{}, statement {} of {}", at.line, at.statement, at.of))
}

/// Takes the transaction back, and says what is left.
async fn undo(session: &Session, in_transaction: bool, done: usize, error: Error) -> Failure {
    if !in_transaction {
        return Failure { error, left: Left::Part(done) };
    }
    // A connection that is gone takes its transaction with it.
    if session.status().tx != TxState::Idle {
        let _ = statement(session, "ROLLBACK", None).await;
    }
    Failure { error, left: Left::Nothing }
}
