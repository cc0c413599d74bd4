//! What is on the disk, and what waits to be written or cleaned up.

use super::locks::ACKNOWLEDGED;
use super::{Values, at, blind, number, rows};
use crate::config::Target;
use crate::engine::Session;
use crate::engine::assessing::{Growth, bytes, grown, judge_disks, judge_growth, sample_free, thousands};
use crate::engine::mysql::mariadb;
use crate::engine::outside::{self, Known};
use crate::model::assessment::{Check, Limits, Sample, Seen, Sight};
use crate::model::{Finding, Result, Severity};
use std::path::{Path, PathBuf};

pub(super) async fn history(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    let status = Values::status(s, &["Innodb_history_list_length", "Innodb_undo_truncations"]).await?;
    let length = match status.number("Innodb_history_list_length") {
        Some(n) => n,
        // MySQL tells it among its metrics alone.
        None if !sight.sees_all => return Ok(Seen::blind(check, "the length of the history cannot be seen", &sight.grant)),
        None => rows(s, "SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'")
            .await?
            .first()
            .and_then(|r| number(r, 0))
            .unwrap_or(0.0),
    };
    let mut seen = Seen::of(check).says(format!("{} transactions not purged", thousands(length))).figure("length", length);
    let severity = Severity::of(length, limits.of(check, "length"));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(
                severity,
                check.id,
                "InnoDB",
                format!("old versions of {} transactions are not purged: reads go through them, and the undo grows", thousands(length)),
            )
            .next("The oldest open transaction holds them back: end it, and purging catches up by itself."),
        );
    }
    Ok(seen)
}

pub(super) async fn redo(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let status = Values::status(
        s,
        &[
            "Innodb_checkpoint_age",
            "Innodb_checkpoint_max_age",
            "Innodb_redo_log_current_lsn",
            "Innodb_redo_log_checkpoint_lsn",
            "Innodb_redo_log_capacity_resized",
        ],
    )
    .await?;
    let mysql = || Some(status.number("Innodb_redo_log_current_lsn")? - status.number("Innodb_redo_log_checkpoint_lsn")?);
    let found = match (status.number("Innodb_checkpoint_age"), status.number("Innodb_checkpoint_max_age")) {
        (Some(age), Some(most)) => Some((age, most)),
        _ => mysql().zip(status.number("Innodb_redo_log_capacity_resized")),
    };
    let Some((behind, most)) = found.filter(|(_, most)| *most > 0.0) else {
        return Ok(Seen::blind(check, "this version does not tell how full its redo log is", ""));
    };
    let used = 100.0 * behind / most;
    let mut seen = Seen::of(check).says(format!("{used:.0} % of {} in use", bytes(most))).figure("used", used).figure("bytes", behind);
    let severity = Severity::of(used, limits.of(check, "used"));
    if severity >= Severity::Warning {
        let setting = if mariadb(s) { "innodb_log_file_size" } else { "innodb_redo_log_capacity" };
        seen.find(
            Finding::new(
                severity,
                check.id,
                "redo log",
                format!("{used:.0} % of the redo log ({}) wait for pages to be flushed", bytes(most)),
            )
            .next(format!("The disk cannot keep up with the writes: stop a large load; a larger {setting} rides over bursts.")),
        );
    }
    Ok(seen)
}

pub(super) async fn files(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let status = Values::status(s, &["Open_files", "Open_tables", "Innodb_num_open_files"]).await?;
    let set = Values::variables(s, &["open_files_limit", "table_open_cache", "innodb_open_files"]).await?;
    let (open, most) = (status.count("Open_files"), set.count("open_files_limit"));
    let (tables, cache) = (status.count("Open_tables"), set.count("table_open_cache"));
    let used = if most > 0.0 { 100.0 * open / most } else { 0.0 };
    let mut seen = Seen::of(check)
        .says(format!("{open} of {most} files, {tables} of {cache} tables in the cache"))
        .figure("files", used)
        .figure("tables", tables);
    let severity = Severity::of(used, limits.of(check, "files"));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(severity, check.id, "open_files_limit", format!("{open} of {most} files are open ({used:.0} %)")).next(
                "Raise open_files_limit (and the service's LimitNOFILE); it takes a restart. FLUSH TABLES makes it worse under load.",
            ),
        );
    }
    Ok(seen)
}

/// Who holds the binary log for longer than a moment: whoever asks for its files then waits without limit, whatever limit is set, and cannot
/// even be killed.
async fn held(s: &Session) -> Result<Option<String>> {
    let text = format!(
        "SELECT MAX(STATE LIKE '{ACKNOWLEDGED}%' AND TIME >= 1), MAX(TIME >= 2 AND (INFO LIKE 'SHOW BINARY LOGS%' OR INFO LIKE 'SHOW MASTER %')), \
         MAX(STATE IN ('waiting for handler commit', 'Commit') AND TIME >= 2 OR STATE LIKE '%free space%') FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
    );
    let found = rows(s, &text).await?;
    let is = |i| found.first().is_some_and(|r| at(r, i) == "1");
    Ok(match (is(0), is(1), is(2)) {
        (true, ..) => {
            Some("a commit that waits for a replica may hold the binary log: its files are not asked for, which would wait with it".into())
        }
        (_, true, _) => Some("another session waits for the list of binary logs: it is not asked for a second time".into()),
        // Where the disk of the binary log is full it waits until somebody makes room.
        (.., true) => {
            Some("a commit or a write has hung, and may hold the binary log: its files are not asked for, which would wait with it".into())
        }
        _ => None,
    })
}

pub(super) async fn binary_logs(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let set = Values::variables(s, &["log_bin", "binlog_expire_logs_seconds", "expire_logs_days", "max_binlog_total_size"]).await?;
    if !set.on("log_bin") {
        return Ok(Seen::of(check).says("not written (log_bin is off): nothing can be recovered to a point in time"));
    }
    if let Some(why) = held(s).await? {
        return Ok(Seen::blind(check, why, ""));
    }
    let found = match s.fetch("SHOW BINARY LOGS").await {
        Ok(t) => t.rows,
        Err(e) => return blind(s, check, e, if mariadb(s) { "BINLOG MONITOR" } else { "REPLICATION CLIENT" }),
    };
    let all: f64 = found.iter().filter_map(|r| number(r, 1)).sum();
    let kept = set.count("binlog_expire_logs_seconds") + 86_400.0 * set.count("expire_logs_days") + set.count("max_binlog_total_size");
    let mut seen =
        Seen::of(check).says(format!("{} in {} files", bytes(all), found.len())).figure("bytes", all).figure("files", found.len() as f64);
    let severity = Severity::of(all, limits.of(check, "bytes"));
    let oldest = found.first().map_or("", |r| at(r, 0));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(severity, check.id, oldest, format!("{} of binary logs are kept, {oldest} is the oldest", bytes(all)))
                .next("See which file each replica reads, then PURGE BINARY LOGS up to the one before; never delete the files themselves."),
        );
    } else if kept == 0.0 {
        seen.find(
            Finding::new(Severity::Info, check.id, "binlog_expire_logs_seconds", "binary logs are kept for ever: nothing purges them")
                .next("SET GLOBAL binlog_expire_logs_seconds to the time that backups and replicas need."),
        );
    }
    Ok(seen)
}

/// The server's files lie on this machine: it has this machine's name, and its process is there.
fn local(set: &Values) -> bool {
    let here = gethostname::gethostname();
    set.text("hostname").eq_ignore_ascii_case(&here.to_string_lossy()) && Path::new(set.text("datadir")).exists()
}

const LIFTS: &str = "running holdpoint on the server's machine, or its monitoring: SQL does not tell how much room a disk has";

/// Places that fill, by what is in them, where the server is on this machine; else where its data are.
async fn places(s: &Session) -> Result<std::result::Result<Vec<(&'static str, String)>, String>> {
    let set = Values::variables(
        s,
        &[
            "hostname",
            "datadir",
            "tmpdir",
            "log_bin_basename",
            "innodb_data_home_dir",
            "innodb_log_group_home_dir",
            "innodb_undo_directory",
        ],
    )
    .await?;
    if !local(&set) {
        return Ok(Err(set.text("datadir").to_string()));
    }
    let data = Path::new(set.text("datadir"));
    let mut places = vec![("data", data.display().to_string())];
    for (what, name) in [("temporary files", "tmpdir"), ("redo log", "innodb_log_group_home_dir"), ("undo", "innodb_undo_directory")] {
        // A list of directories is taken in turn: the first one stands for it.
        let value = set.text(name).split(':').next().unwrap_or("");
        if !value.is_empty() {
            places.push((what, data.join(value).display().to_string()));
        }
    }
    if let Some(dir) = Path::new(set.text("log_bin_basename")).parent().filter(|d| d.is_absolute()) {
        places.push(("binary logs", dir.display().to_string()));
    }
    Ok(Ok(places))
}

pub(super) async fn disk(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let places = match places(s).await? {
        Ok(p) => p,
        Err(data) => return Ok(Seen::blind(check, format!("how full {data} is cannot be seen from here"), LIFTS)),
    };
    let next = "Make room beside the database: old dumps and logs. PURGE BINARY LOGS only what every replica has; never delete files of the server.";
    Ok(judge_disks(&places, check, limits, next).unwrap_or_else(|| Seen::blind(check, "its directories cannot be looked into", LIFTS)))
}

/// Free room, and what the binary log has written.
pub(super) async fn sample(s: &Session, check: &Check) -> Result<std::result::Result<Sample, Seen>> {
    let Ok(places) = places(s).await? else {
        return Ok(Err(Seen::blind(check, "when its disks are full cannot be seen from here", LIFTS)));
    };
    let status = Values::status(s, &["Binlog_bytes_written", "Innodb_data_written"]).await?;
    let written = status.count("Binlog_bytes_written");
    let now = rows(s, "SELECT UNIX_TIMESTAMP(NOW(6))").await?;
    let mut out = Sample { at: now.first().and_then(|r| number(r, 0)).unwrap_or(0.0), ..Sample::default() };
    out.counters.insert("written".into(), vec![written]);
    out.counters.insert("innodb".into(), vec![status.count("Innodb_data_written")]);
    sample_free(&places, &mut out);
    Ok(Ok(out))
}

/// Bytes a second that a server writes which does nothing.
const IDLE: f64 = 100_000.0;

pub(super) fn forecast(check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
    let seconds = second.at - first.at;
    let written = grown(first, second, "written").map_or(0.0, |d| d[0]) / seconds;
    let mut seen = Seen::of(check).says(format!("{}/s of binary log", bytes(written))).figure("written", written);
    let next = "See long statements and binary logs for a large load, and look beside the database for another program's files (du -xh); \
                never delete files of the server.";
    // What sorts and joins write into temporary files is not counted, so whose it is cannot be told for sure; of a server that hardly writes
    // anything else it is no alarm while there is time.
    let counted = written + grown(first, second, "innodb").map_or(f64::INFINITY, |d| d[0]) / seconds;
    let why = "whether the server fills it or something else cannot be told, since it does not count all that it writes";
    let known = Growth { rate: None, why, next, recycled: None, commands: None, recover: None, places: &[] };
    judge_growth(&mut seen, check, limits, first, second, &known);
    if counted < IDLE && seen.severity == Severity::Warning {
        seen.severity = Severity::Info;
        for f in &mut seen.findings {
            f.severity = Severity::Info;
            f.message.push_str(&format!("; of what is counted the server writes {}/s", bytes(counted)));
        }
    }
    seen
}

pub(super) async fn log(s: &Session, target: &Target, check: &Check) -> Result<Seen> {
    let seen = log_of_file(s, target, check).await?;
    if seen.severity != Severity::Unknown || mariadb(s) {
        return Ok(seen);
    }
    // MySQL keeps the last lines where SQL reads them, from 8.0.22 on and for whoever may; in the form of the file's lines, newest last.
    const LINES: &str = "SELECT CONCAT(DATE_FORMAT(LOGGED, '%Y-%m-%dT%T.%f'), ' ', THREAD_ID, ' [', UPPER(PRIO), '] [', ERROR_CODE, '] [', SUBSYSTEM, '] ', \
        REPLACE(DATA, '\\n', ' ')) FROM performance_schema.error_log ORDER BY LOGGED DESC LIMIT 300";
    let Ok(mut lines) = rows(s, LINES).await else { return Ok(seen) };
    lines.reverse();
    let text: Vec<&str> = lines.iter().map(|r| at(r, 0)).collect();
    let told = outside::log_told(&super::SERVER, "performance_schema.error_log", &text.join("\n"), check);
    Ok(Seen { places: seen.places, ..told })
}

async fn log_of_file(s: &Session, target: &Target, check: &Check) -> Result<Seen> {
    if places(s).await?.is_err() {
        return Ok(Seen::blind(check, "the server's log is on another machine", "running holdpoint on the server's machine"));
    }
    let set = Values::variables(s, &["datadir", "log_error", "port"]).await?;
    let data = PathBuf::from(set.text("datadir"));
    let log = Some(set.text("log_error")).filter(|l| !l.is_empty() && *l != "stderr").map(|l| data.join(l));
    let port = set.text("port").to_string();
    let (target, check) = (target.clone(), *check);
    let looked = tokio::task::spawn_blocking(move || {
        let known = Known { data: Some(data.clone()), log, ..Known::default() };
        let mut seen = outside::log(&super::SERVER, &target, &known, &check);
        // For when the server is down.
        seen.places.extend([("port".to_string(), port), ("data".to_string(), data.display().to_string())]);
        seen
    });
    looked.await.map_err(|e| crate::model::Error::failed(format!("reading the log: {e}")))
}
