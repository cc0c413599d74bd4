//! Asking for `EXPLAIN QUERY PLAN`, and the counters of a run. Reading the lines is `plan::sqlite`.

use super::actor::{Refusal, prepare};
use super::guard::{Guard, Mode};
use super::scan;
use crate::model::plan::Plan;
use crate::model::{Error, Kind};
use crate::plan::sqlite::scans::measured;
use crate::plan::sqlite::{Known, Line, read};
use rusqlite::{Connection, StatementStatus};
use std::collections::HashMap;
use std::time::Instant;

const PREFIX: &str = "EXPLAIN QUERY PLAN ";

/// The plan of one statement, which is prepared and not run.
pub fn explain(conn: &Connection, guard: &Guard, text: &str) -> Result<(Plan, Known), Refusal> {
    let mut statement = prepare(conn, guard, &format!("{PREFIX}{text}")).map_err(|e| shifted(e, text))?;
    let mut rows = statement.raw_query();
    let mut lines: Vec<Line> = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push((row.get(0)?, row.get(1)?, row.get(3)?));
    }
    drop(rows);
    drop(statement);
    let known = Known::new(tables(conn)?, text);
    Ok((read(&lines, &known, rusqlite::version()), known))
}

/// Runs the statement, which only reads, and fills in rows, time and work counters, and those of each line where SQLite counts them
/// and `lines` wants them: counting slows a fast scan down.
pub fn analyze(conn: &Connection, guard: &Guard, text: &str, known: &Known, lines: bool, plan: &mut Plan) -> Result<(), Refusal> {
    scan::count(conn, lines)?;
    let done = run(conn, guard, text, known, plan);
    scan::count(conn, false)?;
    done
}

fn run(conn: &Connection, guard: &Guard, text: &str, known: &Known, plan: &mut Plan) -> Result<(), Refusal> {
    let mut statement = prepare(conn, guard, text)?;
    if !(statement.readonly() || guard.now() == Mode::Trial) || statement.is_explain() != 0 {
        let e = Error::read_only("only a statement that reads is run to be analysed")
            .hint("The plan without a run shows how a write would go.");
        return Err(Refusal::Ours(e));
    }
    if statement.parameter_count() > 0 {
        return Err(Refusal::Ours(Error::new(Kind::Statement, "a statement with parameters cannot be run without their values")));
    }
    let start = Instant::now();
    let mut rows = statement.raw_query();
    let mut count = 0u64;
    while rows.next()?.is_some() {
        count += 1;
    }
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    let (scans, cycles) = scan::counted(conn, text);
    drop(rows);
    if !scans.is_empty() {
        *plan = measured(&scans, cycles, ms, known, rusqlite::version());
    }
    plan.analyzed = true;
    plan.execution_ms = Some(ms);
    plan.root.loops = Some(1.0);
    plan.root.rows = Some(count as f64);
    plan.root.rows_total = Some(count as f64);
    plan.root.total_ms = Some(ms);
    for (name, status) in [
        ("full-scan steps", StatementStatus::FullscanStep),
        ("sorts", StatementStatus::Sort),
        ("automatic index rows", StatementStatus::AutoIndex),
        ("vm steps", StatementStatus::VmStep),
        ("bloom filter hits", StatementStatus::FilterHit),
        ("bloom filter misses", StatementStatus::FilterMiss),
        ("statement bytes", StatementStatus::MemUsed),
    ] {
        plan.counters.insert(name.into(), u64::try_from(statement.get_status(status)).unwrap_or(0));
    }
    Ok(())
}

/// An error's place is in the text without our prefix.
fn shifted(refusal: Refusal, text: &str) -> Refusal {
    match refusal {
        Refusal::Sqlite(rusqlite::Error::SqlInputError { error, msg, offset, .. }) => {
            let offset = offset - PREFIX.len() as i32;
            Refusal::Sqlite(rusqlite::Error::SqlInputError { error, msg, sql: text.into(), offset })
        }
        other => other,
    }
}

fn tables(conn: &Connection) -> rusqlite::Result<HashMap<String, (String, Option<u64>)>> {
    let mut listed = conn.prepare("SELECT name FROM pragma_database_list")?;
    let schemas = listed.query_map([], |r| r.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut out: HashMap<String, (String, Option<u64>)> = HashMap::new();
    for schema in schemas.iter().map(|s| super::catalog::q(s)) {
        let stat = conn
            .query_row(&format!("SELECT count(*) FROM {schema}.sqlite_schema WHERE name = 'sqlite_stat1'"), [], |r| r.get::<_, i64>(0))?;
        let rows = if stat > 0 {
            format!("(SELECT max(CAST(stat AS INTEGER)) FROM {schema}.sqlite_stat1 WHERE tbl = t.name)")
        } else {
            "NULL".into()
        };
        let mut statement = conn.prepare(&format!("SELECT t.name, {rows} FROM {schema}.sqlite_schema t WHERE t.type = 'table'"))?;
        let found = statement.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, Option<i64>>(1)?)))?;
        for r in found {
            let (name, rows) = r?;
            // A plan names no database: of two tables with one name it is not known which is meant.
            let rows = rows.and_then(|n| u64::try_from(n).ok());
            out.entry(name.to_lowercase()).and_modify(|t| t.1 = None).or_insert((name, rows));
        }
    }
    Ok(out)
}
