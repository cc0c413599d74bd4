//! Runs of checklists, and acts (an apply or a revert under way). What they say is taken from the journal records that
//! opened them; the tables only find them.

use super::journal::{Entry, NewEntry, append};
use super::{Store, store_error};
use crate::model::{Error, Result};
use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

/// A run of a checklist on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: String,
    pub checklist: String,
    pub target: String,
    /// Identity of the database for which it was started.
    pub database: String,
    pub issue: Option<String>,
    /// Last version of the range; `None`: all pending.
    pub upto: Option<i64>,
    /// Set when the first act of the run begins: what it is about from then on.
    pub versions: Option<Vec<i64>>,
    pub started_by: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub open: bool,
    /// Number of the journal record that opened it.
    pub seq: i64,
}

/// An apply or a revert under way, or ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    pub id: String,
    pub run: String,
    pub target: String,
    pub pid: i64,
    /// Start time of that process, as the system tells it; tells a new process with an old number apart.
    pub process_started: String,
    pub host: String,
    /// The journal record that opened it.
    pub begin: Entry,
}

type RunRow = (String, String, String, i64, Option<i64>, Option<String>, Option<String>, String);

fn run_row(r: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?, r.get(7)?))
}

const RUN: &str = "SELECT id, checklist, target, seq, upto, issue, versions, state FROM runs";

impl Store {
    fn run_from(&self, row: RunRow) -> Result<Run> {
        let (id, checklist, target, seq, upto, issue, versions, state) = row;
        let begin = self
            .sound_entry(seq)?
            .filter(|e| e.kind == "run-started" && e.text("run") == Some(&id) && e.target == target)
            .ok_or_else(|| {
                Error::held(format!("held: the record of run {id} does not fit the journal (record {seq})"))
                    .hint("Look at `holdpoint journal verify`; close the run with `holdpoint checklist close` and start another.")
            })?;
        Ok(Run {
            database: begin.text("database").unwrap_or_default().to_string(),
            versions: versions.and_then(|v| serde_json::from_str(&v).ok()),
            started_by: begin.operator,
            started_at: begin.at,
            open: state == "open",
            id,
            checklist,
            target,
            issue,
            upto,
            seq,
        })
    }

    /// The open run of a checklist on a target.
    pub fn open_run(&self, checklist: &str, target: &str) -> Result<Option<Run>> {
        let row = self.read(|db| {
            db.query_row(&format!("{RUN} WHERE checklist = ? AND target = ? AND state = 'open'"), [checklist, target], run_row)
                .optional()
                .map_err(store_error)
        })?;
        row.map(|r| self.run_from(r)).transpose()
    }

    /// The run that was started last, open or closed.
    pub fn last_run(&self, checklist: &str, target: &str) -> Result<Option<Run>> {
        let row = self.read(|db| {
            db.query_row(&format!("{RUN} WHERE checklist = ? AND target = ? ORDER BY seq DESC LIMIT 1"), [checklist, target], run_row)
                .optional()
                .map_err(store_error)
        })?;
        row.map(|r| self.run_from(r)).transpose()
    }

    pub fn run(&self, id: &str) -> Result<Option<Run>> {
        let row = self.read(|db| db.query_row(&format!("{RUN} WHERE id = ?"), [id], run_row).optional().map_err(store_error))?;
        row.map(|r| self.run_from(r)).transpose()
    }

    /// Opens a run. `entry` says who, when and which target; its body gets the run's facts.
    pub fn start_run(
        &self,
        id: &str,
        checklist: &str,
        database: &str,
        upto: Option<i64>,
        issue: Option<&str>,
        mut entry: NewEntry,
    ) -> Result<Run> {
        entry.kind = "run-started".into();
        entry.body = json!({
            "summary": format!("run {id} of {checklist} started{}", issue.map(|i| format!(" for {i}")).unwrap_or_default()),
            "run": id, "checklist": checklist, "database": database, "upto": upto, "issue": issue,
        });
        self.write(|tx| {
            let seq = append(tx, &entry)?;
            tx.execute(
                "INSERT INTO runs (id, checklist, target, seq, upto, issue, versions, state) VALUES (?,?,?,?,?,?,NULL,'open')",
                params![id, checklist, entry.target, seq, upto, issue],
            )
            .map_err(|e| match e.sqlite_error_code() {
                Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    Error::failed(format!("another console has just started a run on {}", entry.target))
                        .hint("Look again: it is the same run for both.")
                }
                _ => store_error(e),
            })?;
            Ok(())
        })?;
        self.keep_head();
        self.run(id)?.ok_or_else(|| Error::failed("the run was not recorded"))
    }

    /// Changes a run's row together with the record of the change.
    fn change_run(&self, id: &str, entry: &NewEntry, sql: &str, value: &dyn rusqlite::ToSql) -> Result<()> {
        self.write(|tx| {
            append(tx, entry)?;
            tx.execute(sql, params![id, value]).map_err(store_error)?;
            Ok(())
        })?;
        self.keep_head();
        Ok(())
    }

    pub fn set_run_upto(&self, id: &str, upto: Option<i64>, mut entry: NewEntry) -> Result<()> {
        entry.kind = "run-range".into();
        let to = upto.map_or_else(|| "all pending".to_string(), |v| format!("up to {v}"));
        entry.body = json!({ "summary": format!("run {id} is now about {to}"), "run": id, "upto": upto });
        self.change_run(id, &entry, "UPDATE runs SET upto = ?2, versions = NULL WHERE id = ?1", &upto)
    }

    pub fn set_run_issue(&self, id: &str, issue: &str, mut entry: NewEntry) -> Result<()> {
        entry.kind = "run-issue".into();
        entry.body = json!({ "summary": format!("run {id} is for {issue}"), "run": id, "issue": issue });
        self.change_run(id, &entry, "UPDATE runs SET issue = ?2 WHERE id = ?1", &issue)
    }

    pub fn close_run(&self, id: &str, why: &str, mut entry: NewEntry) -> Result<()> {
        entry.kind = "run-closed".into();
        entry.body = json!({ "summary": format!("run {id} closed: {why}"), "run": id });
        self.change_run(id, &entry, "UPDATE runs SET state = ?2 WHERE id = ?1", &"closed")
    }

    /// Opens an act. Body: `{summary, act, run, direction, database, steps: [{version, name, scripts}]}`.
    /// Refused while another act on the same target is open and its process lives.
    pub fn begin_act(&self, id: &str, run: &str, versions: &[i64], entry: &NewEntry) -> Result<i64> {
        let pid = i64::from(std::process::id());
        let versions = serde_json::to_string(versions).unwrap_or_default();
        let seq = self.write(|tx| {
            let seq = append(tx, entry)?;
            tx.execute(
                "INSERT INTO acts (id, run, target, seq, pid, started, host, state) VALUES (?,?,?,?,?,?,?,'open')",
                params![id, run, entry.target, seq, pid, process_started(pid), entry.host],
            )
            .map_err(store_error)?;
            tx.execute("UPDATE runs SET versions = ? WHERE id = ? AND versions IS NULL", params![versions, run]).map_err(store_error)?;
            Ok(seq)
        })?;
        self.keep_head();
        Ok(seq)
    }

    /// Ends an act with its journal record (`act-done`, `act-failed`, `act-explained`).
    pub fn end_act(&self, id: &str, state: &str, entry: &NewEntry) -> Result<()> {
        self.write(|tx| {
            append(tx, entry)?;
            tx.execute("UPDATE acts SET state = ? WHERE id = ?", [state, id]).map_err(store_error)?;
            Ok(())
        })?;
        self.keep_head();
        Ok(())
    }

    /// The process lives and has given the act up (a job that was aborted): it stands as cut off.
    pub(crate) fn abandon_act(&self, id: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("UPDATE acts SET pid = 0 WHERE id = ? AND state = 'open'", [id]).map_err(store_error)?;
            Ok(())
        })
    }

    /// Acts that began and did not end, oldest first.
    pub fn open_acts(&self) -> Result<Vec<Act>> {
        let rows: Vec<(String, String, String, i64, i64, String, String)> = self.read(|db| {
            let mut st = db
                .prepare_cached("SELECT id, run, target, seq, pid, started, host FROM acts WHERE state = 'open' ORDER BY seq")
                .map_err(store_error)?;
            let rows = st
                .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?)))
                .map_err(store_error)?;
            rows.map(|r| r.map_err(store_error)).collect()
        })?;
        let mut out = Vec::new();
        for (id, run, target, seq, pid, process_started, host) in rows {
            if let Some(begin) = self.sound_entry(seq)? {
                out.push(Act { id, run, target, pid, process_started, host, begin });
            }
        }
        Ok(out)
    }

    /// Journal records of an act after it began, oldest first.
    pub fn act_entries(&self, act: &str, begin: i64) -> Result<Vec<Entry>> {
        let mut all = self.entries(&super::journal::Filter { after: Some(begin), ..Default::default() })?;
        all.retain(|e| e.body.get("act").and_then(Value::as_str) == Some(act));
        all.reverse();
        Ok(all)
    }
}

/// When a process started, in the system's own ticks since boot; empty where that cannot be told.
fn process_started(pid: i64) -> String {
    // /proc/<pid>/stat: the command stands in parentheses and may hold anything; field 22 is the 20th after it.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|s| s.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_string))
        .unwrap_or_default()
}

impl Act {
    /// Whether the process that began it still runs. Of other hosts nothing can be said: they count as gone only by their host's own look.
    pub fn alive(&self, this_host: &str) -> Option<bool> {
        if self.host != this_host {
            return None;
        }
        let lives = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|p| !matches!(rustix::process::test_kill_process(p), Err(rustix::io::Errno::SRCH)));
        Some(lives && (self.process_started.is_empty() || process_started(self.pid) == self.process_started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(target: &str) -> NewEntry {
        NewEntry {
            at: "2026-11-21T00:00:00Z".into(),
            kind: "act-begin".into(),
            operator: "mira".into(),
            host: "h".into(),
            target: target.into(),
            body: json!({}),
        }
    }

    #[test]
    fn one_run_is_open_for_each_target_and_its_starter_comes_from_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        let run = s.start_run("r1", "schema-migration", "db", Some(3), Some("OPS-1"), entry("prod")).unwrap();
        assert_eq!((run.started_by.as_str(), run.upto, run.open), ("mira", Some(3), true));
        assert!(s.start_run("r2", "schema-migration", "db", None, None, entry("prod")).is_err());
        s.set_run_upto("r1", Some(4), entry("prod")).unwrap();
        assert_eq!(s.open_run("schema-migration", "prod").unwrap().unwrap().upto, Some(4));
        s.close_run("r1", "done", entry("prod")).unwrap();
        assert_eq!(s.open_run("schema-migration", "prod").unwrap(), None);
        assert_eq!(s.last_run("schema-migration", "prod").unwrap().unwrap().id, "r1");
        s.start_run("r2", "schema-migration", "db", None, None, entry("prod")).unwrap();
    }

    #[test]
    fn an_act_of_a_dead_process_is_told_from_one_that_lives() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        s.start_run("r1", "schema-migration", "db", None, None, entry("prod")).unwrap();
        s.begin_act("a1", "r1", &[1, 2], &entry("prod")).unwrap();
        let mut act = s.open_acts().unwrap().remove(0);
        assert_eq!(act.alive("h"), Some(true));
        assert_eq!(act.alive("elsewhere"), None);
        act.process_started = "1".into();
        assert_eq!(act.alive("h"), Some(false), "another process has the number now");
        s.end_act("a1", "done", &entry("prod")).unwrap();
        assert!(s.open_acts().unwrap().is_empty());
        assert_eq!(s.run("r1").unwrap().unwrap().versions, Some(vec![1, 2]));
    }
}
