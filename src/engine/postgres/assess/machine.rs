//! The machine that the server runs on, where that is this one; and how long what it has will last.

use super::{SERVER, number, rows};
use crate::config::Target;
use crate::engine::Session;
use crate::engine::assessing::{Growth, age, bytes, judge_disks, judge_growth, sample_free, thousands};
use crate::engine::outside::{self, Known};
use crate::engine::postgres::catalog::cell;
use crate::model::assessment::{Check, Limits, Sample, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Finding, Result, Severity};
use crate::text;
use std::path::{Path, PathBuf};

const LIFTS: &str = "running holdpoint on the server's machine, or its monitoring: SQL does not tell how much room a disk has";

/// The server's main process, where that is one of this machine's: the parent of the session's own, whose title has the session's user and
/// database. A process elsewhere may have the same number.
fn main_process(s: &Session) -> Option<u32> {
    let own = outside::process(u32::try_from(s.backend()?).ok()?)?;
    let title = own.title()?;
    let id = s.identity();
    (title.contains(&id.user) && title.contains(&id.database)).then_some(own.parent)
}

/// Where things are, as the server tells.
struct Places {
    port: String,
    data: String,
    /// Where its own collector of messages writes, if that runs.
    log: Option<PathBuf>,
    /// The file of it that it writes now, where that may be asked.
    file: Option<PathBuf>,
    /// Tablespaces, by name and place.
    spaces: Vec<(String, String)>,
}

impl Places {
    /// A role without pg_read_all_settings is told nothing of them: `None`. Asked for by name, the server would log an error.
    async fn read(s: &Session) -> Result<Option<Places>> {
        const WHERE: &str = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('port', 'data_directory', 'log_directory', 'logging_collector') \
            UNION ALL SELECT 'may', pg_catalog.has_function_privilege('pg_catalog.pg_current_logfile(text)', 'EXECUTE')::text";
        let found = rows(s, WHERE).await?;
        let told = |name: &str| found.iter().find(|r| cell(r, 0) == name).map_or("", |r| cell(r, 1)).to_string();
        let data = told("data_directory");
        let log = (told("logging_collector") == "on").then(|| Path::new(&data).join(told("log_directory")));
        // It begins another file every day, and at each start.
        // What is written for machines goes to another file; the plain one then has the first lines of a start alone.
        const FILE: &str = "SELECT pg_catalog.pg_current_logfile(CASE WHEN d ~ 'stderr' THEN 'stderr' WHEN d ~ 'csvlog' THEN 'csvlog' \
            WHEN d ~ 'jsonlog' THEN 'jsonlog' ELSE 'stderr' END) FROM pg_catalog.current_setting('log_destination') d";
        let file = match told("may").as_str() {
            "true" => rows(s, FILE).await?.first().map(|r| cell(r, 0).to_string()),
            _ => None,
        };
        let file = file.filter(|f| !f.is_empty()).map(|f| Path::new(&data).join(f));
        const SPACES: &str = "SELECT 'tablespace ' || spcname, pg_catalog.pg_tablespace_location(oid) FROM pg_catalog.pg_tablespace \
            WHERE pg_catalog.pg_tablespace_location(oid) <> '' ORDER BY 1 LIMIT 50";
        // One within the data directory is told as a path below it.
        let place = |path: &str| Path::new(&data).join(path).display().to_string();
        let spaces = rows(s, SPACES).await?.iter().map(|r| (cell(r, 0).to_string(), place(cell(r, 1)))).collect();
        Ok((!data.is_empty()).then(|| Places { port: told("port"), data, log, file, spaces }))
    }

    /// Those that fill, by what is in them.
    fn disks(&self) -> Vec<(&str, String)> {
        let mut out = vec![("data", self.data.clone()), ("WAL", format!("{}/pg_wal", self.data))];
        out.extend(self.log.iter().map(|l| ("log", l.display().to_string())));
        out.extend(self.spaces.iter().map(|(name, path)| (name.as_str(), path.clone())));
        out
    }

    /// For when the server is down.
    fn note(&self, mut seen: Seen) -> Seen {
        seen.places.extend([("port".to_string(), self.port.clone()), ("data".to_string(), self.data.clone())]);
        seen
    }
}

/// Processors that the server has, where it is on this machine.
pub(super) fn processors(s: &Session) -> Option<f64> {
    main_process(s)?;
    Some(std::thread::available_parallelism().ok()?.get() as f64)
}

pub(super) async fn disk(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    if main_process(s).is_none() {
        return Ok(Seen::blind(check, "the server runs on another machine: how full its disks are cannot be seen", LIFTS));
    }
    let Some(places) = Places::read(s).await? else {
        return Ok(Seen::blind(check, "where the data are cannot be seen", &sight.grant));
    };
    let next = "See slots, archiver and temporary files for what grows; make room beside the database. Never delete anything in pg_wal.";
    let seen = judge_disks(&places.disks(), check, limits, next);
    Ok(places.note(seen.unwrap_or_else(|| Seen::blind(check, "its directories cannot be looked into", LIFTS))))
}

pub(super) async fn log(s: &Session, target: &Target, check: &Check) -> Result<Seen> {
    const LIFTS: &str = "running holdpoint on the server's machine as one who may read the log (group adm on Debian)";
    let Some(pid) = main_process(s) else {
        return Ok(Seen::blind(check, "the server's log is on another machine", LIFTS));
    };
    let places = Places::read(s).await?;
    let (target, check) = (target.clone(), *check);
    let looked = tokio::task::spawn_blocking(move || {
        let mut known = Known { pid: Some(pid), ..Known::default() };
        if let Some(p) = &places {
            known.data = Some(PathBuf::from(&p.data));
            let newest =
                |dir: &Path| outside::in_directory(dir).into_iter().max_by_key(|f| std::fs::metadata(f).and_then(|m| m.modified()).ok());
            known.log = p.file.clone().or_else(|| p.log.as_deref().and_then(newest));
        }
        let seen = outside::log(&SERVER, &target, &known, &check);
        places.map_or(seen.clone(), |p| p.note(seen))
    });
    looked.await.map_err(|e| crate::model::Error::failed(format!("reading the log: {e}")))
}

/// Counters of [`sample`], in their order.
const WAL: usize = 0;
const XID: usize = 1;
const LEFT: usize = 2;
const KEPT: usize = 3;

/// Bytes a second of temporary files from which on they are looked at as what fills a disk.
const SPILLING: f64 = 1_048_576.0;

/// An age of so many times autovacuum_freeze_max_age is one that autovacuum does not bring down.
const BEYOND: f64 = 1.25;

pub(super) async fn sample(s: &Session, sight: &Sight) -> Result<Sample> {
    // The next number is asked for without taking one.
    const NOW: &str = "SELECT extract(epoch FROM clock_timestamp()), CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 \
            ELSE pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0') END, \
        pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()), (SELECT max(pg_catalog.age(datfrozenxid)) FROM pg_catalog.pg_database), \
        coalesce((SELECT max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)) FROM pg_catalog.pg_replication_slots \
            WHERE NOT active AND NOT pg_catalog.pg_is_in_recovery()), 0), \
        coalesce((SELECT slot_name::text FROM pg_catalog.pg_replication_slots WHERE NOT active ORDER BY restart_lsn LIMIT 1), ''), \
        current_setting('autovacuum_freeze_max_age'), (SELECT setting::numeric * 1048576 FROM pg_catalog.pg_settings WHERE name = 'max_wal_size')";
    // What is written while these run ends with them: a copy of the table at most, and as much of WAL.
    const COMMANDS: &str = "SELECT string_agg(DISTINCT p.command || coalesce(' of ' || c.relname, ''), ', '), \
            sum(2 * coalesce(c.relpages, 0)::bigint * current_setting('block_size')::bigint) \
        FROM (SELECT command, relid, datname FROM pg_catalog.pg_stat_progress_create_index \
            UNION ALL SELECT command, relid, datname FROM pg_catalog.pg_stat_progress_cluster) p(command, relid, datname) \
        JOIN pg_catalog.pg_class c ON c.oid = p.relid WHERE p.datname = current_database()";
    let found = rows(s, NOW).await?;
    let row = found.first().cloned().unwrap_or_default();
    let mut out = Sample { at: number(&row, 0).unwrap_or(0.0), ..Sample::default() };
    out.counters.insert("server".into(), (1..5).map(|i| number(&row, i).unwrap_or(0.0)).collect());
    out.texts.insert("slot".into(), cell(&row, 5).into());
    out.counters.insert("settings".into(), (6..8).map(|i| number(&row, i).unwrap_or(0.0)).collect());
    let commands = rows(s, COMMANDS).await?;
    if let Some(r) = commands.first().filter(|r| !cell(r, 0).is_empty()) {
        out.texts.insert("commands".into(), cell(r, 0).into());
        out.counters.insert("commands".into(), vec![number(r, 1).unwrap_or(0.0)]);
    }
    if main_process(s).is_some()
        && let Some(places) = Places::read(s).await?
    {
        sample_free(&places.disks(), &mut out);
        out.texts.extend(places.disks().into_iter().map(|(what, path)| (format!("place {what}"), path)));
    }
    // For pg_monitor: without it nothing can be said of who fills a disk.
    if sight.sees_all {
        // A file bears the number of the process that writes it.
        const TEMPORARY: &str = "SELECT sum(t.size) OVER (), t.size, t.pid, left(coalesce(a.query, ''), 200) FROM \
            (SELECT substring(name FROM '^pgsql_tmp([0-9]+)\\.') AS pid, sum(size) AS size FROM pg_catalog.pg_ls_tmpdir() GROUP BY 1) t \
            LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid::text = t.pid ORDER BY t.size DESC LIMIT 1";
        if let Ok(found) = rows(s, TEMPORARY).await {
            let most = found.first();
            out.counters.insert("temporary".into(), vec![most.and_then(|r| number(r, 0)).unwrap_or(0.0)]);
            if let Some(r) = most.filter(|r| !cell(r, 2).is_empty()) {
                out.texts.insert("writer".into(), cell(r, 2).into());
                out.texts.insert("writes".into(), format!("{} of temporary files: {}", bytes(number(r, 1).unwrap_or(0.0)), cell(r, 3)));
            }
        }
        let wal = rows(s, "SELECT sum(size) FROM pg_catalog.pg_ls_waldir()").await;
        if let Some(size) = wal.ok().and_then(|r| number(r.first()?, 0)) {
            out.counters.insert("pg_wal".into(), vec![size]);
        }
        out.counters.insert(
            "archive".into(),
            super::wal::held_by_the_archiver(s).await.map(|(files, bytes)| vec![files, bytes]).unwrap_or_default(),
        );
    }
    Ok(out)
}

pub(super) fn compare(check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
    let seconds = second.at - first.at;
    let of = |s: &Sample, i: usize| s.counters.get("server").and_then(|c| c.get(i)).copied().unwrap_or(0.0);
    let wal = (of(second, WAL) - of(first, WAL)).max(0.0) / seconds;
    let xids = (of(second, XID) - of(first, XID)).max(0.0) / seconds;
    let mut seen =
        Seen::of(check).says(format!("{}/s of WAL, {xids:.0} transactions/s", bytes(wal))).figure("wal", wal).figure("transactions", xids);
    let slot = second.texts.get("slot").filter(|n| !n.is_empty());
    let archive = second.counters.get("archive").filter(|c| c.first().is_some_and(|files| *files > 0.0));
    let mut why = Vec::new();
    why.extend(slot.map(|name| format!("slot {name} is inactive and holds {}", bytes(of(second, KEPT)))));
    why.extend(
        archive.map(|c| format!("{} of WAL ({}) wait for the archiver, which fails", text::counted(c[0] as u64, "file"), bytes(c[1]))),
    );
    let drop_slot =
        format!("bring the consumer of {} back, or drop the slot (drop-slot: its consumer has to be built anew)", slot.map_or("", |s| s));
    const NEVER: &str = "Never delete anything in pg_wal.";
    let next = match (slot, archive) {
        (Some(_), Some(_)) => format!(
            "Both keep the same WAL, and it goes when both let it go: mend archive_command (the log has what it says); and {drop_slot}. {NEVER}"
        ),
        (None, Some(_)) => format!("Mend archive_command: the log has what it says. {NEVER}"),
        (Some(_), None) => format!("Either {drop_slot}. {NEVER}"),
        (None, None) => format!("See slots, archiver and temporary files for what grows. {NEVER}"),
    };
    let size = |s: &Sample| s.counters.get("temporary").and_then(|c| c.first()).copied();
    let temporary = size(first).zip(size(second)).map(|(a, b)| (b - a).max(0.0) / seconds);
    // One statement's temporary files may grow faster than all of WAL.
    let writer = second.texts.get("writer").zip(second.texts.get("writes")).filter(|_| temporary.is_some_and(|t| t > wal && t > SPILLING));
    if let Some((pid, writes)) = writer {
        why.insert(0, format!("pid {pid} writes {writes}"));
    }
    let why = why.join("; ");
    let next = match writer {
        Some(_) => format!("Cancel that statement, or let it end if it soon does: its files go with it. {NEVER}"),
        None => next,
    };
    let recover = match writer {
        Some((pid, _)) => Some((Deed::Cancel, pid.as_str())),
        None => slot.filter(|_| archive.is_none()).map(|name| (Deed::DropSlot, name.as_str())),
    };
    let places: Vec<(&str, String)> =
        second.texts.iter().filter_map(|(name, path)| Some((name.strip_prefix("place ")?, path.clone()))).collect();
    let settings = second.counters.get("settings").map_or(&[][..], |c| c.as_slice());
    // Without anybody who keeps it, WAL grows to max_wal_size and is then written over.
    let file = |s: &Sample| s.counters.get("pg_wal").and_then(|c| c.first()).copied();
    let recycled = match (file(first), file(second), settings.get(1)) {
        (Some(a), Some(b), Some(most)) if slot.is_none() && archive.is_none() && b < *most => Some(((b - a).max(0.0) / seconds, most - b)),
        _ => None,
    };
    let rest = second.counters.get("commands").and_then(|c| c.first()).copied();
    let commands = second.texts.get("commands").zip(rest).map(|(names, rest)| (names.as_str(), rest));
    let known = Growth { recycled, commands, rate: temporary.map(|t| t + wal), why: &why, next: &next, recover, places: &places };
    judge_growth(&mut seen, check, limits, first, second, &known);
    // A role that may not look, or a server elsewhere.
    if places.is_empty() && seen.severity < Severity::Warning {
        seen.find(Finding::new(Severity::Unknown, check.id, "disk", "when a disk is full cannot be told from here").lifts(LIFTS));
        seen.says.push_str(", no disk can be seen");
    }
    let left = (super::horizon::LAST - of(second, LEFT)).max(0.0);
    // Up to there autovacuum brings the age down by itself, and did so all the time.
    let beyond = of(second, LEFT) > BEYOND * settings.first().copied().unwrap_or(0.0);
    if xids > 0.0 && beyond {
        let until = left / xids;
        seen = seen.figure("wraparound", until);
        let severity = Severity::of(until, limits.of(check, "wraparound"));
        if severity >= Severity::Warning {
            seen.find(
                Finding::new(
                    severity,
                    check.id,
                    "transactions",
                    format!(
                        "at {xids:.0} transactions a second the server refuses writes in ≈ {}: {} are left",
                        age(until),
                        thousands(left)
                    ),
                )
                .next("End what holds the xmin horizon, then VACUUM (FREEZE) the oldest tables."),
            );
        }
    }
    seen
}
