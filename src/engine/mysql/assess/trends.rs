//! What happens now: counters read twice, and never judged by what they are since the server began.

use super::{at, number, refused, rows};
use crate::engine::Session;
use crate::engine::assessing::{BUSY_READS, grown, look_at_its_plan, one_line, slower};
use crate::model::assessment::{Check, Limits, Sample, Seen};
use crate::model::{Fault, Finding, Result, Severity};

/// What a check counts, by the names of the server's status.
fn counted(check: &str) -> &'static [&'static str] {
    match check {
        // Those of the storage engines: statements that commit by themselves are among them.
        "MY19" => &["Innodb_deadlocks", "Handler_commit", "Handler_rollback", "Innodb_row_lock_waits"],
        "MY20" => &["Connections", "Aborted_connects", "Connection_errors_max_connections", "Connection_errors_internal"],
        "MY12" => &["Innodb_buffer_pool_read_requests", "Innodb_buffer_pool_reads", "Innodb_buffer_pool_wait_free"],
        "MY14" => &["Created_tmp_tables", "Created_tmp_disk_tables"],
        _ => &["Innodb_log_waits", "Binlog_cache_disk_use", "Binlog_cache_use"],
    }
}

const SERVER: &str = "the server";

pub(super) async fn sample(s: &Session, check: &Check) -> Result<Result<Sample, Seen>> {
    match check.id {
        "MY17" => return statements(s, check).await,
        "MY27" => return super::storage::sample(s, check).await,
        _ => {}
    }
    let names: Vec<&str> = counted(check.id).iter().copied().chain(["Uptime_since_flush_status", "Uptime"]).collect();
    let status = super::Values::status(s, &names).await?;
    let now = rows(s, "SELECT UNIX_TIMESTAMP(NOW(6))").await?;
    let mut counters: Vec<f64> = counted(check.id).iter().map(|n| status.count(n)).collect();
    // MySQL counts deadlocks among InnoDB's metrics alone.
    if check.id == "MY19" && status.number("Innodb_deadlocks").is_none() {
        match s.fetch("SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'").await {
            Ok(t) => counters[0] = t.rows.first().and_then(|r| number(r, 0)).unwrap_or(0.0),
            Err(e) => return super::blind(s, check, e, "PROCESS").map(Err),
        }
    }
    if check.id == "MY19" {
        // Each statement of our own is rolled back.
        let own = rows(s, "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_commit', 'Handler_rollback')").await?;
        for r in &own {
            counters[if at(r, 0).eq_ignore_ascii_case("Handler_commit") { 1 } else { 2 }] -= number(r, 1).unwrap_or(0.0);
        }
    }
    let at = now.first().and_then(|r| number(r, 0)).unwrap_or(0.0);
    // The counters begin anew with the server, and with FLUSH STATUS.
    let began = at - status.number("Uptime_since_flush_status").unwrap_or_else(|| status.count("Uptime"));
    Ok(Ok(Sample { at, since: format!("{:.0}", began / 10.0), counters: [(SERVER.to_string(), counters)].into(), ..Sample::default() }))
}

/// Statements are counted by schema and digest.
async fn statements(s: &Session, check: &Check) -> Result<Result<Sample, Seen>> {
    let on = rows(s, "SELECT @@performance_schema").await?;
    if on.first().map(|r| at(r, 0)) != Some("1") {
        return Ok(Err(Seen::absent(
            check,
            "performance_schema is off: statements are not counted",
            "performance_schema = ON and a restart",
        )));
    }
    const DIGESTS: &str = "SELECT UNIX_TIMESTAMP(NOW(6)), CONCAT(COALESCE(SCHEMA_NAME, ''), ' ', DIGEST), COUNT_STAR, SUM_TIMER_WAIT / 1e9, \
        LEFT(DIGEST_TEXT, 500) FROM performance_schema.events_statements_summary_by_digest WHERE DIGEST IS NOT NULL \
        ORDER BY SUM_TIMER_WAIT DESC LIMIT 500";
    let found = match s.fetch(DIGESTS).await {
        Ok(t) => t.rows,
        Err(e) if refused(&e) => {
            return Ok(Err(Seen::blind(check, e.message, &super::grant_on(s, "SELECT", "performance_schema.*"))));
        }
        Err(e) => return Err(e),
    };
    if found.is_empty() {
        let lifts = "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'statements_digest';";
        return Ok(Err(Seen::blind(check, "no statement was counted", lifts)));
    }
    let mut out = Sample { at: number(&found[0], 0).unwrap_or(0.0), ..Sample::default() };
    for r in &found {
        out.counters.insert(at(r, 1).into(), (2..4).map(|i| number(r, i).unwrap_or(0.0)).collect());
        out.texts.insert(at(r, 1).into(), at(r, 4).into());
    }
    Ok(Ok(out))
}

pub(super) fn compare(check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
    let seconds = second.at - first.at;
    // When counting began is known to a second: two neighbouring tens may be the same moment.
    let (a, b) = (first.since.parse::<f64>().unwrap_or(0.0), second.since.parse::<f64>().unwrap_or(0.0));
    if seconds <= 0.0 || (a - b).abs() > 1.0 {
        return Seen::blind(check, "the counters were reset between the two samples", "");
    }
    match check.id {
        "MY17" => return top(check, limits, first, second, seconds),
        "MY27" => return super::storage::forecast(check, limits, first, second),
        _ => {}
    }
    match grown(first, second, SERVER) {
        Some(d) => judge(check, limits, &d, seconds),
        None => Seen::blind(check, "the counters were reset between the two samples", ""),
    }
}

fn judge(check: &Check, limits: &Limits, d: &[f64], seconds: f64) -> Seen {
    let minute = 60.0 / seconds;
    let share = |part: f64, all: f64| if all > 0.0 { 100.0 * part / all } else { 0.0 };
    let mut seen = Seen::of(check);
    let add = |figure: f64, name: &str, message: String, next: &str, seen: &mut Seen| {
        let severity = Severity::of(figure, limits.of(check, name));
        if severity >= Severity::Warning {
            seen.find(Finding::new(severity, check.id, SERVER, message).next(next));
        }
    };
    match check.id {
        "MY19" => {
            let (deadlocks, ended) = (d[0], d[1] + d[2]);
            let back = share(d[2], ended);
            seen.says = format!("{deadlocks} in {seconds:.0} s, {back:.0} % of {ended:.0} transactions rolled back");
            seen = seen.figure("deadlocks", deadlocks * minute).figure("rolled_back", back).figure("row_waits", d[3] * minute);
            add(
                deadlocks * minute,
                "deadlocks",
                format!("{deadlocks} deadlocks in {seconds:.0} s"),
                "SHOW ENGINE INNODB STATUS shows the two of the last one: let them take their rows in one order.",
                &mut seen,
            );
            // A handful of transactions says nothing of a share.
            if ended >= 20.0 {
                let told = format!("{back:.0} % of the transactions are rolled back");
                let next = "The application's log says whether it meets errors; a pool that ends what only reads with ROLLBACK is none.";
                add(back, "rolled_back", told, next, &mut seen);
            }
        }
        "MY20" => {
            let (all, bad, full, internal) = (d[0], d[1], d[2], d[3]);
            let refused = share(bad, all);
            seen.says = format!("{bad} of {all} logins refused in {seconds:.0} s");
            seen = seen.figure("refused", refused).figure("full", full * minute);
            add(
                full * minute,
                "full",
                format!("{full} logins were refused in {seconds:.0} s because all connections are taken"),
                "See connections: who has them, and what they wait for.",
                &mut seen,
            );
            if internal > 0.0 {
                seen.find(
                    Finding::new(
                        Severity::Critical,
                        check.id,
                        SERVER,
                        format!("{internal} logins failed in {seconds:.0} s because the server lacks memory or threads"),
                    )
                    .next("The machine has no memory or no threads left: look at it, and stop what is new."),
                );
            }
            if all >= 20.0 && full == 0.0 {
                let told = format!("{refused:.0} % of {all} logins are refused");
                let next = "A wrong password, a missing right, an account at its own limit (MAX_USER_CONNECTIONS), or a network fault: the server's log tells all but the limit.";
                let severity = Severity::of(refused, limits.of(check, "refused"));
                if severity >= Severity::Warning {
                    seen.find(Finding::new(severity, check.id, SERVER, told).fault(Fault::LoginsRefused).next(next));
                }
            }
        }
        "MY12" => {
            let (asked, read, waits) = (d[0], d[1], d[2]);
            seen = seen.figure("read", read / seconds).figure("waits", waits * minute);
            add(
                waits * minute,
                "waits",
                format!("{waits} reads waited in {seconds:.0} s for a page of the buffer pool to become free"),
                "The disk cannot write as fast as pages are wanted: stop a large load.",
                &mut seen,
            );
            if asked < 1000.0 || read / seconds < BUSY_READS {
                return seen.says(format!("hardly anything is read, {:.0} pages a second from the disk", read / seconds));
            }
            let hit = 100.0 - share(read, asked);
            seen.says = format!("{hit:.1} % found in memory, {:.0} pages a second not", read / seconds);
            seen = seen.figure("hit", hit);
            let told = format!("only {hit:.1} % of the pages are found in memory");
            // A dump or the first scan of a large table reads what nobody needs in memory; where all wait for it, running threads tell.
            if Severity::of(hit, limits.of(check, "hit")) >= Severity::Warning {
                let next = "The top statements name who reads; a large scan passes by itself.";
                seen.find(Finding::new(Severity::Info, check.id, SERVER, told).next(next));
            }
        }
        "MY14" => {
            let on_disk = share(d[1], d[0]);
            seen.says = format!("{} of {} on disk in {seconds:.0} s", d[1], d[0]);
            seen = seen.figure("on_disk", on_disk);
            // Our own look at the server's tables makes some.
            if d[1] * minute >= 60.0 {
                let told = format!("{on_disk:.0} % of the temporary tables are made on disk, {:.0} a minute", d[1] * minute);
                add(on_disk, "on_disk", told, "Statements that sort or group long texts: tmp_table_size does not help those.", &mut seen);
            }
        }
        _ => {
            seen.says = format!("{} waits for the log's buffer in {seconds:.0} s", d[0]);
            seen = seen.figure("waits", d[0] * minute);
            let told = format!("writes waited {} times in {seconds:.0} s for room in the log's buffer", d[0]);
            add(d[0] * minute, "waits", told, "innodb_log_buffer_size is too small for the transactions that come now.", &mut seen);
        }
    }
    seen
}

fn top(check: &Check, limits: &Limits, first: &Sample, second: &Sample, seconds: f64) -> Seen {
    let mut all: Vec<(&String, Vec<f64>)> =
        second.counters.keys().filter_map(|k| Some((k, grown(first, second, k)?))).filter(|(_, d)| d[0] > 0.0).collect();
    all.sort_by(|a, b| b.1[1].total_cmp(&a.1[1]));
    // Milliseconds.
    let whole: f64 = all.iter().map(|(_, d)| d[1]).sum();
    let mut seen = Seen::of(check).figure("statements", all.len() as f64).figure("busy", whole / 1000.0 / seconds);
    let Some((key, d)) = all.first().filter(|_| whole > 0.0) else {
        return seen.says(format!("no statement ended in {seconds:.0} s"));
    };
    let share = 100.0 * d[1] / whole;
    let text = one_line(crate::model::Dialect::MySql, second.texts.get(*key).map_or("", |t| t.as_str()), 200);
    seen.says = format!("{share:.0} % of {:.1} s/s: {}", whole / 1000.0 / seconds, crate::text::truncate(&text, 60));
    seen = seen.figure("share", share);
    let severity = Severity::of(share, limits.of(check, "share"));
    // Most of hardly anything is nothing.
    if severity >= Severity::Warning && whole / 1000.0 / seconds >= 0.5 {
        let slower = slower(first, key, d[1] / d[0]);
        let more = slower.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
        let message = format!(
            "one statement takes {share:.0} % of the time: {:.1} calls a second, {:.1} ms each{more}: {text}",
            d[0] / seconds,
            d[1] / d[0]
        );
        seen.find(Finding::new(severity, check.id, key.as_str(), message).next(look_at_its_plan(slower.is_some(), "?")));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Assessing;
    use crate::engine::mysql::MySql;

    fn judged(id: &str, a: &[f64], b: &[f64]) -> Seen {
        let my = MySql::new(crate::config::Target::bare("t", crate::config::EngineKind::MySql), None);
        let check = my.checks().iter().find(|c| c.id == id).unwrap();
        let sample =
            |at: f64, c: &[f64]| Sample { at, since: "1".into(), counters: [(SERVER.to_string(), c.to_vec())].into(), ..Sample::default() };
        compare(check, &Limits::default(), &sample(100.0, a), &sample(105.0, b))
    }

    #[test]
    fn rates_are_judged_and_lifetimes_are_not() {
        let calm = judged("MY19", &[900.0, 10.0, 5.0, 0.0], &[900.0, 60.0, 6.0, 0.0]);
        assert_eq!(calm.severity, Severity::Ok, "{calm:#?}");
        let storm = judged("MY19", &[0.0, 0.0, 0.0, 0.0], &[3.0, 10.0, 3.0, 9.0]);
        assert_eq!((storm.severity, storm.findings[0].message.as_str()), (Severity::Critical, "3 deadlocks in 5 s"));
        let full = judged("MY20", &[0.0; 4], &[30.0, 4.0, 4.0, 0.0]);
        assert_eq!(full.severity, Severity::Critical);
        assert!(full.findings[0].message.contains("all connections are taken"), "{full:#?}");
        assert_eq!(judged("MY12", &[0.0; 3], &[10.0, 10.0, 0.0]).severity, Severity::Ok, "a few pages say nothing");
        let scan = judged("MY12", &[0.0; 3], &[10_000.0, 6_000.0, 0.0]);
        assert_eq!((scan.severity, scan.findings.len()), (Severity::Info, 1), "a dump is no alarm: {scan:#?}");
        assert_eq!(judged("MY12", &[0.0; 3], &[10_000.0, 6_000.0, 90.0]).severity, Severity::Critical, "reads that wait for a page are");
        assert_eq!(judged("MY28", &[7.0, 0.0, 0.0], &[7.0, 0.0, 0.0]).severity, Severity::Ok, "what waited long ago");
        let log = judged("MY28", &[7.0, 0.0, 0.0], &[17.0, 0.0, 0.0]);
        assert_eq!((log.severity, log.figures["waits"]), (Severity::Critical, 120.0), "{log:#?}");
        assert!(log.findings[0].message.starts_with("writes waited 10 times in 5 s"), "{log:#?}");
        assert_eq!(judged("MY19", &[5.0, 0.0, 0.0, 0.0], &[0.0; 4]).severity, Severity::Unknown, "counters that fell were reset");
    }
}
