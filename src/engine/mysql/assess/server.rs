//! The server itself: how long it runs, how many are connected, how it is set.

use super::{Values, at, grant, innodb, number, refused, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, end_idle, hidden, taken};
use crate::engine::mysql::mariadb;
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Dialect, Fault, Finding, Result, Severity};
use crate::text;

pub(super) async fn state(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let status = Values::status(s, &["Uptime"]).await?;
    let set = Values::variables(
        s,
        &["read_only", "super_read_only", "innodb_force_recovery", "offline_mode", "tx_read_only", "transaction_read_only"],
    )
    .await?;
    let up = status.count("Uptime");
    let id = s.identity();
    let begins = if set.on("tx_read_only") { "tx_read_only" } else { "transaction_read_only" };
    let writes = if set.on(begins) {
        "new sessions begin read-only"
    } else if set.on("super_read_only") {
        "super_read_only"
    } else if set.on("read_only") {
        "read_only"
    } else {
        "accepts writes"
    };
    let mut seen = Seen::of(check).says(format!("{} {}, {writes}, up for {}", id.product, id.version, age(up))).figure("up", up);
    let forced = set.count("innodb_force_recovery");
    if forced > 0.0 {
        seen.find(
            Finding::new(
                Severity::Critical,
                check.id,
                &id.address,
                format!("the server runs with innodb_force_recovery = {forced}: it was started to rescue data"),
            )
            .next("Dump what is there and write nothing; a level above 3 damages data further."),
        );
    }
    if set.on(begins) {
        let words = format!("{begins} is on: new sessions begin read-only, and what applications write fails with error 1792");
        seen.find(Finding::new(Severity::Critical, check.id, &id.address, words).next(format!(
            "Find out who set it and why. SET GLOBAL {begins} = OFF; holds for new sessions: those that are connected keep theirs until they connect again."
        )));
    }
    if set.on("offline_mode") {
        seen.find(
            Finding::new(Severity::Critical, check.id, &id.address, "offline_mode is on: applications are refused")
                .next("Find out who set it: SET GLOBAL offline_mode = OFF lets them in again."),
        );
    }
    if set.on("read_only") || set.on("super_read_only") {
        // One that follows another is meant to be so; whether it does may be hidden, and the replica's check says that.
        let mut follows = s.fetch(if mariadb(s) { "SHOW ALL SLAVES STATUS" } else { "SHOW REPLICA STATUS" }).await;
        if follows.as_ref().is_err_and(|e| e.code.as_deref() == Some("1064")) {
            follows = s.fetch("SHOW SLAVE STATUS").await;
        }
        if follows.as_ref().is_err_and(refused) {
            let words = format!(
                "{writes} is on, and whether the server follows another cannot be seen: where it follows none, what applications write fails with error 1290"
            );
            let privilege = if mariadb(s) { "SLAVE MONITOR" } else { "REPLICATION CLIENT" };
            seen.find(
                Finding::new(Severity::Unknown, check.id, &id.address, words).fault(Fault::MayRefuseWrites).lifts(grant(s, privilege)),
            );
        } else if follows.is_ok_and(|t| t.rows.is_empty()) {
            let words = format!("{writes} is on, and the server follows no other: what applications write fails with error 1290");
            seen.find(
                Finding::new(Severity::Critical, check.id, &id.address, words)
                    .next("Find out who set it and why: the journal says whether it was done from here. Then allow writing again.")
                    .recover(Deed::ReadWrite, ""),
            );
        }
    }
    // Below the threshold is what is told here: a server that was just started.
    if up < limits.of(check, "restarted").0 {
        seen.find(
            Finding::new(Severity::Info, check.id, &id.address, format!("the server was started {} ago", age(up)))
                .fault(Fault::Started)
                .next("Look into its log for why: a crash, or somebody."),
        );
    }
    Ok(seen)
}

pub(super) async fn connections(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    const WHO: &str = "SELECT COALESCE(USER, '?'), SUBSTRING_INDEX(COALESCE(HOST, ''), ':', 1), COUNT(*), SUM(COMMAND = 'Sleep') \
        FROM information_schema.PROCESSLIST WHERE USER NOT IN ('system user', 'event_scheduler') GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 3";
    const STATES: &str = "SELECT SUM(COMMAND = 'Sleep'), SUM(STATE LIKE 'Waiting for %lock'), COUNT(*) FROM information_schema.PROCESSLIST \
        WHERE USER NOT IN ('system user', 'event_scheduler')";
    let status =
        Values::status(s, &["Threads_connected", "Threads_running", "Max_used_connections", "Innodb_row_lock_current_waits"]).await?;
    let set = Values::variables(s, &["max_connections", "extra_port", "admin_port"]).await?;
    let (all, most) = (status.count("Threads_connected"), set.count("max_connections").max(1.0));
    let states = rows(s, STATES).await?;
    let states = states.first().cloned().unwrap_or_default();
    let (idle, waiting, visible) =
        (number(&states, 0).unwrap_or(0.0), number(&states, 1).unwrap_or(0.0), number(&states, 2).unwrap_or(0.0));
    let running = status.count("Threads_running");
    // Who waits for a row says nothing of it in the list of processes.
    let waiting = waiting + status.count("Innodb_row_lock_current_waits").min(running);
    let used = 100.0 * all / most;
    let mut says = format!("{all} of {most} ({used:.0} %), {running} running");
    for (n, what) in [(waiting, "waiting for locks"), (idle, "asleep")] {
        if n > 0.0 && sight.sees_all {
            says.push_str(&format!(", {n} {what}"));
        }
    }
    let mut seen = Seen::of(check).says(says).figures(&[
        ("used", used),
        ("connections", all),
        ("most", most),
        ("running", running),
        ("waiting", waiting),
        ("idle", idle),
    ]);
    let severity = Severity::of(used, limits.of(check, "used"));
    if severity >= Severity::Warning {
        let who: Vec<String> = rows(s, WHO)
            .await?
            .iter()
            .map(|r| format!("{} of {} ({} asleep)", at(r, 2), text::clean(&format!("{}@{}", at(r, 0), at(r, 1))), at(r, 3)))
            .collect();
        let longest = match idle > all / 2.0 && severity >= Severity::Critical && sight.sees_all {
            true => longest_idle(s).await?,
            false => None,
        };
        let (next, end) = if waiting > 0.0 && waiting >= all / 4.0 {
            ("Many of them wait for locks: end the root of the lock tree, and they go on.".to_string(), None)
        } else if let Some(id) = longest {
            (end_idle(&id, "wait_timeout"), Some(id))
        } else if idle > all / 2.0 {
            ("Most of them are asleep: lower the pool's size, or wait_timeout for new sessions.".to_string(), None)
        } else {
            ("Find out why the statements take longer than usual; more connections would make it worse.".to_string(), None)
        };
        let who = if sight.sees_all { who } else { Vec::new() };
        let next = format!("{next} One more than these is kept for an account with SUPER or CONNECTION ADMIN: keep it free.");
        seen.find(taken(severity, check, &s.identity().address, (all, most), &who, next, end));
    }
    own_limits(s, check, &mut seen).await?;
    let unseen = (all - visible).max(0.0);
    Ok(if unseen > 0.0 {
        hidden(seen, sight, check, &format!("what {} of other accounts do is hidden", text::counted(unseen as u64, "session")))
    } else {
        seen
    })
}

/// Accounts that have as many connections as they may have: the server's own limit says nothing of that.
async fn own_limits(s: &Session, check: &Check, seen: &mut Seen) -> Result<()> {
    // Sessions are listed by the user's name alone: what several accounts of one name have cannot be told apart, and the largest limit counts.
    const ACCOUNTS: &str = "SELECT u.User, MIN(u.Host), COUNT(*), \
            MAX(IF(u.max_user_connections > 0, u.max_user_connections, @@global.max_user_connections)) AS most, \
            (SELECT COUNT(*) FROM information_schema.PROCESSLIST p WHERE p.USER = u.User) AS used \
        FROM mysql.user u WHERE u.User <> '' GROUP BY u.User \
        HAVING MIN(IF(u.max_user_connections > 0, u.max_user_connections, @@global.max_user_connections)) > 0 AND used >= most LIMIT 20";
    // Without a right to the accounts there is what holds for all of them.
    const ALL: &str = "SELECT USER, '%', 2, @@global.max_user_connections AS most, COUNT(*) AS used FROM information_schema.PROCESSLIST \
        GROUP BY USER HAVING most > 0 AND used >= most LIMIT 20";
    let found = match s.fetch(ACCOUNTS).await {
        Ok(t) => t.rows,
        Err(e) if refused(&e) => rows(s, ALL).await?,
        Err(e) => return Err(e),
    };
    for r in &found {
        let (user, most, used) = (text::clean(at(r, 0)), number(r, 3).unwrap_or(0.0), number(r, 4).unwrap_or(0.0));
        let quote = |t: &str| Dialect::MySql.quote_literal(t);
        let words = format!("account {user} has {used} of {most} connections that it may have: the next login is refused");
        let account = if at(r, 2) == "1" { format!("{}@{}", quote(at(r, 0)), quote(at(r, 1))) } else { format!("{}@…", quote(at(r, 0))) };
        seen.says.push_str(&format!("; account {user} {used} of its {most}"));
        seen.find(Finding::new(Severity::Warning, check.id, format!("account {user}"), words).fault(Fault::AccountFull).next(format!(
            "Close what is idle, or give it more: ALTER USER {account} WITH MAX_USER_CONNECTIONS n; (0: max_user_connections of the server)."
        )));
    }
    Ok(())
}

/// The session that has done nothing for longest, and has no transaction open; `None` where not all of those are known.
async fn longest_idle(s: &Session) -> Result<Option<String>> {
    let open = innodb::open(s).await?;
    if open.cut || open.all > open.list.len() as u64 + open.unlisted {
        return Ok(None);
    }
    let busy: Vec<String> = open.list.iter().map(|t| t.session.to_string()).chain(["0".into()]).collect();
    let text = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep' AND ID <> CONNECTION_ID() AND ID NOT IN ({}) \
         ORDER BY TIME DESC LIMIT 1",
        busy.join(", ")
    );
    Ok(rows(s, &text).await?.first().map(|r| at(r, 0).to_string()))
}

pub(super) async fn running(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let status = Values::status(s, &["Threads_running"]).await?;
    let set = Values::variables(s, &["max_connections", "thread_pool_size"]).await?;
    let running = status.count("Threads_running");
    let used = 100.0 * running / set.count("max_connections").max(1.0);
    let mut seen = Seen::of(check).figure("running", running).figure("used", used);
    let mut severity = Severity::of(used, limits.of(check, "used"));
    let mut told = format!("{running} threads run at once ({used:.0} % of max_connections)");
    seen.says = format!("{running} at once");
    // MariaDB sets the size of its pool, used or not, to the number of processors.
    if let Some(processors) = set.number("thread_pool_size").filter(|n| *n >= 1.0 && mariadb(s)) {
        let each = running / processors;
        seen = seen.figure("per_processor", each);
        seen.says.push_str(&format!(", on {processors} processors"));
        // A handful on a small machine is no pile-up.
        if running >= 16.0 {
            let by_processor = Severity::of(each, limits.of(check, "per_processor"));
            if by_processor > severity {
                severity = by_processor;
                told = format!("{running} threads run at once on {processors} processors");
            }
        }
    }
    if severity >= Severity::Warning {
        // What most of them do, as far as it may be seen.
        const STATES: &str = "SELECT STATE, COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump') \
            AND ID <> CONNECTION_ID() GROUP BY STATE ORDER BY 2 DESC LIMIT 1";
        let mut next = "They wait for locks or for the disk, or one statement became slow: look at locks and long statements.";
        if let Some(r) = rows(s, STATES).await?.first().filter(|r| number(r, 1).is_some_and(|n| n >= running / 2.0) && !at(r, 0).is_empty())
        {
            told.push_str(&format!(", {} of them in the state `{}`", at(r, 1), text::clean(at(r, 0))));
            if at(r, 0) == "User sleep" {
                severity = severity.min(Severity::Warning);
                next = "They call SLEEP(): no processor is used, and what their transactions have locked stays locked. Find out which application does.";
            }
        }
        seen.find(Finding::new(severity, check.id, &s.identity().address, told).next(next));
    }
    Ok(seen)
}

/// Settings with the value that is safe, how bad the other ones are, and what those do.
const SAFE: [(&str, &[&str], Severity, &str); 6] = [
    ("innodb_doublewrite", &["ON", "DETECT_AND_RECOVER", "1"], Severity::Critical, "a crash of the machine leaves torn pages"),
    ("innodb_flush_log_at_trx_commit", &["1"], Severity::Warning, "a crash loses the commits of the last second"),
    ("sync_binlog", &["1"], Severity::Info, "a crash of the machine may leave the binary log behind the data: replicas miss commits"),
    ("foreign_key_checks", &["ON", "1"], Severity::Warning, "new sessions write rows without their parent, and nobody is told"),
    ("unique_checks", &["ON", "1"], Severity::Warning, "new sessions may write the same key twice"),
    (
        "innodb_checksum_algorithm",
        &["full_crc32", "strict_full_crc32", "crc32", "strict_crc32", "innodb"],
        Severity::Critical,
        "damaged pages are read as if they were sound",
    ),
];

pub(super) async fn settings(s: &Session, check: &Check) -> Result<Seen> {
    let names: Vec<&str> = SAFE.iter().map(|(n, ..)| *n).chain(["log_bin"]).collect();
    let set = Values::variables(s, &names).await?;
    let mut seen = Seen::of(check);
    for (name, safe, severity, harm) in SAFE {
        let value = set.text(name);
        if value.is_empty() || safe.iter().any(|v| v.eq_ignore_ascii_case(value)) || (name == "sync_binlog" && !set.on("log_bin")) {
            continue;
        }
        let next = match name {
            "foreign_key_checks" => {
                "SET GLOBAL foreign_key_checks = ON; holds for sessions to come. It does not look at rows that are there: look for those without a parent.".to_string()
            }
            "innodb_doublewrite" => "Set it on in the configuration; it takes a restart.".to_string(),
            _ => format!("SET GLOBAL {name} = {}; once it is known who set it and why.", safe[0]),
        };
        seen.find(Finding::new(severity, check.id, name, format!("{name} is {value}: {harm}")).next(next));
    }
    seen.says = match seen.findings.len() {
        0 => "safe against crashes; foreign keys are looked at, unless a session has switched that off for itself".into(),
        n => format!("{n} unsafe: {}", seen.findings.iter().map(|f| f.object.as_str()).collect::<Vec<_>>().join(", ")),
    };
    Ok(seen)
}
