//! Whether a replica follows, whether commits are confirmed, and whether a node belongs to its cluster.

use super::{Values, at, blind, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, bytes};
use crate::engine::mysql::mariadb;
use crate::model::assessment::{Check, Limits, Seen};
use crate::model::recovery::Deed;
use crate::model::rows::Table;
use crate::model::{Fault, Finding, Result, Severity};
use crate::text;

/// A row of a SHOW statement, by its columns' names: both products' old and new words.
struct Shown<'a>(&'a Table, &'a [Option<String>]);

impl Shown<'_> {
    fn get(&self, names: &[&str]) -> &str {
        let place = |n: &&str| self.0.columns.iter().position(|c| c.name.eq_ignore_ascii_case(n));
        names.iter().find_map(place).map_or("", |i| at(self.1, i))
    }
    fn number(&self, names: &[&str]) -> Option<f64> {
        self.get(names).parse().ok()
    }
}

/// What a replica says of one of its sources.
#[derive(Debug, Default, PartialEq)]
pub(in crate::engine::mysql) struct Source {
    /// The channel's or connection's name; empty for the only one.
    pub name: String,
    pub host: String,
    pub receives: String,
    pub applies: String,
    pub receiving: (String, String),
    pub applying: (String, String),
    /// Up to where it has applied: file and place of the source's binary log.
    pub applied: String,
    /// Seconds; `None` when it does not follow.
    pub lag: Option<f64>,
    /// Seconds that it stays behind on purpose.
    pub delay: f64,
    relay: f64,
    /// The server speaks of replicas, not of slaves.
    pub new_words: bool,
}

impl Source {
    pub fn runs(state: &str) -> bool {
        state.eq_ignore_ascii_case("yes")
    }
    /// Why what comes is not applied, or does not come; empty where it is not told.
    pub fn why(&self) -> String {
        match (&self.applying, &self.receiving) {
            ((number, error), _) if !error.is_empty() => applying(number, error),
            (_, (number, error)) if !error.is_empty() => format!("error {number}: {error}"),
            _ => String::new(),
        }
    }
}

fn source(t: &Table, row: &[Option<String>]) -> Source {
    let r = Shown(t, row);
    let text = |names: &[&str]| r.get(names).to_string();
    Source {
        name: text(&["Connection_name", "Channel_Name"]),
        host: text(&["Master_Host", "Source_Host"]),
        receives: text(&["Slave_IO_Running", "Replica_IO_Running"]),
        applies: text(&["Slave_SQL_Running", "Replica_SQL_Running"]),
        receiving: (text(&["Last_IO_Errno"]), text(&["Last_IO_Error"])),
        applying: (text(&["Last_SQL_Errno"]), text(&["Last_SQL_Error"])),
        applied: format!(
            "{}:{}",
            r.get(&["Relay_Master_Log_File", "Relay_Source_Log_File"]),
            r.get(&["Exec_Master_Log_Pos", "Exec_Source_Log_Pos"])
        ),
        new_words: !r.get(&["Replica_SQL_Running"]).is_empty(),
        lag: r.number(&["Seconds_Behind_Master", "Seconds_Behind_Source"]),
        delay: r.number(&["SQL_Delay"]).unwrap_or(0.0),
        relay: r.number(&["Relay_Log_Space"]).unwrap_or(0.0),
    }
}

/// Whom this server follows.
pub(in crate::engine::mysql) async fn sources(s: &Session) -> Result<Vec<Source>> {
    let status: &[&str] = if mariadb(s) { &["SHOW ALL SLAVES STATUS"] } else { &["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"] };
    let mut found = s.fetch(status[0]).await;
    // Before 8.0.22 there are only the old words.
    if let (Err(e), Some(old)) = (&found, status.get(1))
        && e.code.as_deref() == Some("1064")
    {
        found = s.fetch(*old).await;
    }
    let table = found?;
    Ok(table.rows.iter().map(|r| source(&table, r)).collect())
}

pub(super) async fn replica(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let sources = match sources(s).await {
        Ok(found) => found,
        Err(e) => return blind(s, check, e, if mariadb(s) { "SLAVE MONITOR" } else { "REPLICATION CLIENT" }),
    };
    const FOLLOWERS: &str = "SELECT SUBSTRING_INDEX(COALESCE(HOST, ''), ':', 1) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' LIMIT 100";
    let followers: Vec<String> = rows(s, FOLLOWERS).await?.iter().map(|r| at(r, 0).to_string()).collect();
    Ok(Seen { followers: followers.clone(), ..judge(&sources, followers.len() as f64, check, limits) })
}

/// How the next step begins where replication was stopped by hand.
const STOPPED: &str = "Find out who stopped it";

fn judge(sources: &[Source], followers: f64, check: &Check, limits: &Limits) -> Seen {
    let mut seen = Seen::of(check).figure("sources", sources.len() as f64).figure("replicas", followers);
    // Of one that does not follow there is none, and no other's stands for it.
    let lags: Option<Vec<f64>> = sources.iter().map(|s| s.lag).collect();
    if let Some(lag) = lags.filter(|l| !l.is_empty()).map(|l| l.into_iter().fold(0.0, f64::max)) {
        seen = seen.figure("lag", lag);
    }
    seen.says = match (sources, followers > 0.0) {
        ([], false) => "follows nobody, and nobody reads its binary log".into(),
        ([], true) => format!("follows nobody; {followers} read its binary log"),
        (some, _) => some
            .iter()
            .take(3)
            .map(|s| match s.lag {
                Some(lag) => format!("{} behind {}", age(lag), s.host),
                None => format!("does not follow {} (receives: {}, applies: {})", s.host, s.receives, s.applies),
            })
            .collect::<Vec<_>>()
            .join("; "),
    };
    for r in sources {
        let channel = if r.name.is_empty() { String::new() } else { format!(" (connection {})", r.name) };
        let object = if r.name.is_empty() { r.host.clone() } else { r.name.clone() };
        let stopped = |state: &str| !state.eq_ignore_ascii_case("yes");
        let stands_still = stopped(&r.applies) || stopped(&r.receives);
        let add = |severity, message: String, next: &str, seen: &mut Seen| {
            let found = Finding::new(severity, check.id, &object, message).next(next);
            let found = if stands_still { found.fault(Fault::ReplicaStopped) } else { found };
            // Only what somebody stopped is started; an error stops it again.
            let named = if sources.len() > 1 { object.as_str() } else { "" };
            seen.find(if next.starts_with(STOPPED) { found.recover(Deed::StartReplica, named) } else { found });
        };
        let both = stopped(&r.applies) && stopped(&r.receives) && r.applying.1.is_empty() && r.receiving.1.is_empty();
        if both {
            add(
                Severity::Critical,
                format!("replication from {}{channel} is stopped", r.host),
                "Find out who stopped it and why; START REPLICA lets it go on.",
                &mut seen,
            );
            continue;
        }
        if stopped(&r.applies) {
            let why = match r.applying.1.as_str() {
                "" => "it was stopped".to_string(),
                error => applying(&r.applying.0, error),
            };
            let next = match r.applying.0.as_str() {
                // Duplicate key, row not found: the data differ.
                "1062" | "1032" => {
                    "Its data differ from the source's: compare them. Skipping the event makes them differ for good; a new copy does not."
                }
                "" | "0" => "Find out who stopped it; START REPLICA SQL_THREAD lets it go on.",
                _ => "Look at the statement in the error: what it needs is missing here, or was changed here.",
            };
            add(Severity::Critical, format!("what comes from {}{channel} is not applied: {why}", r.host), next, &mut seen);
        }
        if stopped(&r.receives) {
            let why = match r.receiving.1.as_str() {
                "" if r.receives.eq_ignore_ascii_case("no") => "it was stopped".to_string(),
                "" => r.receives.clone(),
                error => format!("error {}: {error}", r.receiving.0),
            };
            let next = match r.receiving.0.as_str() {
                "" | "0" if r.receives.eq_ignore_ascii_case("no") => "Find out who stopped it; START REPLICA IO_THREAD lets it go on.",
                "1236" => wanted(&r.receiving.1),
                "1045" | "1142" | "1227" => "The replication account was refused: its password or its rights have changed.",
                _ => "Can this machine reach the source, and does the account still work? It tries again by itself.",
            };
            add(Severity::Critical, format!("nothing is received from {}{channel}: {why}", r.host), next, &mut seen);
        }
        if let Some(lag) = r.lag {
            let late = (lag - r.delay).max(0.0);
            let severity = Severity::of(late, limits.of(check, "lag"));
            if severity >= Severity::Warning {
                let relay = if r.relay > 0.0 { format!(", {} of relay log", bytes(r.relay)) } else { String::new() };
                add(
                    severity,
                    format!("the replica is {} behind {}{channel}{relay}", age(late), r.host),
                    "Its process list shows what is applied: a large transaction, a table without a key, or a lock that a reader holds.",
                    &mut seen,
                );
            }
        }
    }
    seen
}

/// What to do about a place that the source does not give (1236), which has several reasons; the server's words tell them apart.
fn wanted(error: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|w| error.contains(w));
    if says(&["diverged", "not in the master's binlog", "not in the source's binlog", "more transactions than"]) {
        "This replica has transactions of its own that the source does not know, or the source lost some: its binary log shows which (SHOW BINLOG EVENTS). \
         Compare the data, and let nobody promote it; only then it may follow the source's positions again."
    } else if says(&["impossible position", "> file size", "beyond the end"]) {
        "The source's file ends before that place: it crashed and lost the log's end (sync_binlog is not 1). The start of its next file goes on; what was \
         lost is here and not there, so compare the data."
    } else if says(&["purged", "Could not find first log", "Could not open log file", "not find GTID"]) {
        "The source no longer has the binary log that is wanted: this replica has to be built anew."
    } else if says(&["max_allowed_packet", "event too big", "log event entry exceeded"]) {
        "An event is larger than max_allowed_packet here or there: raise it (and slave_max_allowed_packet), then START REPLICA."
    } else {
        "The source cannot give what is wanted, for the reason that it says: only where the log is gone this replica has to be built anew."
    }
}

/// Why an event is not applied, without what users wrote: the server's own words hold the row's values, and the statement whole.
fn applying(number: &str, error: &str) -> String {
    let what = match number {
        "1062" => "a row that comes is there already",
        "1032" => "a row that is changed is not there",
        "1146" => "a table is not there",
        "1054" => "a column is not there",
        "1050" | "1007" => "what is made is there already",
        "1051" | "1008" | "1091" => "what is dropped is not there",
        "1205" => "a lock was waited for too long",
        "1213" => "a deadlock",
        "1451" | "1452" => "a foreign key",
        "1594" | "1595" => "its relay log cannot be read",
        "1677" => "a column has another type here",
        _ => "SHOW REPLICA STATUS has its words",
    };
    let after = |mark: &str| error.split_once(mark).map(|(_, rest)| rest);
    let table = after(" event on table ").and_then(|rest| rest.split([';', ' ']).next()).map(|t| format!(", table {}", text::clean(t)));
    let database = after("Default database: '")
        .and_then(|rest| rest.split('\'').next())
        .filter(|d| !d.is_empty())
        .map(|d| format!(", database {}", text::clean(d)));
    format!("error {number} ({what}){}", table.or(database).unwrap_or_default())
}

pub(super) async fn semi_synchronous(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    const STATUS: [&str; 8] = [
        "Rpl_semi_sync_master_status",
        "Rpl_semi_sync_master_clients",
        "Rpl_semi_sync_master_no_tx",
        "Rpl_semi_sync_master_wait_sessions",
        "Rpl_semi_sync_source_status",
        "Rpl_semi_sync_source_clients",
        "Rpl_semi_sync_source_no_tx",
        "Rpl_semi_sync_source_wait_sessions",
    ];
    let set = Values::variables(
        s,
        &["rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled", "rpl_semi_sync_master_timeout", "rpl_semi_sync_source_timeout"],
    )
    .await?;
    let word = if set.on("rpl_semi_sync_source_enabled") { "source" } else { "master" };
    if !set.on(&format!("rpl_semi_sync_{word}_enabled")) {
        return Ok(Seen::of(check).says("not used: a commit waits for no replica"));
    }
    let status = Values::status(s, &STATUS).await?;
    let of = |what: &str| status.count(&format!("Rpl_semi_sync_{word}_{what}"));
    let (clients, waiting, alone) = (of("clients"), of("wait_sessions"), of("no_tx"));
    let on = status.on(&format!("Rpl_semi_sync_{word}_status"));
    let timeout = set.count(&format!("rpl_semi_sync_{word}_timeout")) / 1000.0;
    let mut seen = Seen::of(check)
        .says(format!(
            "{}, confirmed by {}, {} waiting",
            if on { "on" } else { "switched off by itself" },
            text::counted(clients as u64, "replica"),
            text::counted(waiting as u64, "session")
        ))
        .figure("replicas", clients)
        .figure("waiting", waiting)
        .figure("unconfirmed", alone);
    let name = format!("rpl_semi_sync_{word}_enabled");
    let severity = Severity::of(waiting, limits.of(check, "waiting"));
    if clients == 0.0 && on {
        seen.find(
            Finding::new(
                Severity::Critical,
                check.id,
                &name,
                format!("each commit waits up to {} for a replica to confirm, and none is connected", age(timeout)),
            )
            .next("Bring a replica back; or SET GLOBAL the setting OFF: commits are on one machine alone then."),
        );
    } else if !on {
        seen.find(
            Finding::new(
                Severity::Warning,
                check.id,
                &name,
                "no replica confirmed in time: commits are on this machine alone until one catches up",
            )
            .next("Assess the replicas: a failover now loses what they have not got."),
        );
    } else if severity >= Severity::Warning {
        seen.find(
            Finding::new(
                severity,
                check.id,
                &name,
                format!("waiting for a replica to confirm their commit: {}", text::counted(waiting as u64, "session")),
            )
            .next("The replicas or the network to them are slow: assess them."),
        );
    }
    Ok(seen)
}

pub(super) async fn cluster(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let set = Values::variables(s, &["wsrep_on", "group_replication_group_name"]).await?;
    if !set.text("group_replication_group_name").is_empty() {
        return group(s, check).await;
    }
    if !set.on("wsrep_on") {
        return Ok(Seen::of(check).says("not part of a cluster"));
    }
    let status = Values::status(
        s,
        &[
            "wsrep_cluster_status",
            "wsrep_cluster_size",
            "wsrep_ready",
            "wsrep_local_state_comment",
            "wsrep_flow_control_paused",
            "wsrep_local_recv_queue",
        ],
    )
    .await?;
    Ok(galera(&status, check, limits))
}

fn galera(status: &Values, check: &Check, limits: &Limits) -> Seen {
    let (component, state) = (status.text("wsrep_cluster_status"), status.text("wsrep_local_state_comment"));
    let (size, paused) = (status.count("wsrep_cluster_size"), status.count("wsrep_flow_control_paused"));
    let mut seen = Seen::of(check)
        .says(format!("{component}, {state}, {size} nodes, flow control {:.0} % of the time", paused * 100.0))
        .figure("nodes", size)
        .figure("paused", paused);
    if component != "Primary" {
        seen.find(
            Finding::new(
                Severity::Critical,
                check.id,
                "wsrep_cluster_status",
                format!("this node is not of the primary component: {component}"),
            )
            .next("Do not restart it blindly: find the nodes that still see each other, and the one that is furthest on."),
        );
    } else if !status.on("wsrep_ready") || state != "Synced" {
        let severity = if status.on("wsrep_ready") { Severity::Warning } else { Severity::Critical };
        seen.find(
            Finding::new(severity, check.id, "wsrep_local_state", format!("this node is {state}, not Synced"))
                .next("A donor or a joining node comes back by itself; its log says how far it is."),
        );
    }
    let severity = Severity::of(paused, limits.of(check, "paused"));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(
                severity,
                check.id,
                "wsrep_flow_control_paused",
                format!("writes were held back {:.0} % of the time since the counter's last reset", paused * 100.0),
            )
            .next("The slowest node decides: the one with the longest wsrep_local_recv_queue."),
        );
    }
    seen
}

async fn group(s: &Session, check: &Check) -> Result<Seen> {
    const MEMBERS: &str =
        "SELECT MEMBER_HOST, MEMBER_PORT, MEMBER_STATE, MEMBER_ROLE FROM performance_schema.replication_group_members LIMIT 20";
    let found = match s.fetch(MEMBERS).await {
        Ok(t) => t.rows,
        Err(e) if super::refused(&e) => {
            return Ok(Seen::blind(check, e.message, &super::grant_on(s, "SELECT", "performance_schema.replication_group_members")));
        }
        Err(e) => return Err(e),
    };
    let online = found.iter().filter(|r| at(r, 2) == "ONLINE").count();
    let mut seen = Seen::of(check).says(format!("{online} of {} members online", found.len())).figure("online", online as f64);
    for r in found.iter().filter(|r| at(r, 2) != "ONLINE") {
        let member = format!("{}:{}", at(r, 0), at(r, 1));
        seen.find(
            Finding::new(Severity::Critical, check.id, &member, format!("member {member} of the group is {}", at(r, 2)))
                .next("Without a majority of members online nothing is written: do not stop another one."),
        );
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Assessing;
    use crate::engine::mysql::MySql;

    fn check(id: &str) -> &'static Check {
        let my = MySql::new(crate::config::Target::bare("t", crate::config::EngineKind::MySql), None);
        my.checks().iter().find(|c| c.id == id).unwrap()
    }

    fn follows(lag: Option<f64>) -> Source {
        Source { host: "db1".into(), receives: "Yes".into(), applies: "Yes".into(), lag, ..Source::default() }
    }

    #[test]
    fn a_replica_is_judged_by_what_stopped_it() {
        let seen = |s: Source| judge(&[s], 0.0, check("MY10"), &Limits::default());
        assert_eq!(seen(follows(Some(2.0))).severity, Severity::Ok);
        assert_eq!(seen(follows(Some(31.0))).severity, Severity::Warning);
        // What stays behind on purpose is not late.
        assert_eq!(seen(Source { delay: 3600.0, ..follows(Some(3601.0)) }).severity, Severity::Ok);
        let broken = seen(Source {
            applies: "No".into(),
            applying: ("1062".into(), "Duplicate entry '5' for key 'PRIMARY'".into()),
            ..follows(None)
        });
        assert_eq!(broken.severity, Severity::Critical);
        assert!(broken.findings[0].next.starts_with("Its data differ"), "{broken:#?}");
        // What users wrote stays where it is.
        let told = seen(Source {
            applies: "No".into(),
            applying: (
                "1062".into(),
                "Error 'Duplicate entry '1' for key 'PRIMARY'' on query. Default database: 'shop'. Query: 'insert into s values(1,'CARD4111')'".into(),
            ),
            ..follows(None)
        });
        assert!(told.findings[0].message.ends_with("error 1062 (a row that comes is there already), database shop"), "{told:#?}");
        let event = "Could not execute Write_rows_v1 event on table shop.s; Duplicate entry 'CARD4111' for key 'PRIMARY', Error_code: 1062";
        assert!(applying("1062", event).ends_with("table shop.s") && !applying("9999", event).contains("CARD"));
        let receiver = seen(Source { receives: "No".into(), ..follows(None) });
        assert!(
            receiver.findings[0].message.ends_with("it was stopped") && receiver.findings[0].next.contains("IO_THREAD"),
            "{receiver:#?}"
        );
        let purged = seen(Source { receives: "No".into(), receiving: ("1236".into(), "Could not find first log".into()), ..follows(None) });
        assert!(purged.findings[0].next.contains("built anew"), "{purged:#?}");
        let stopped = seen(Source { receives: "No".into(), applies: "No".into(), ..follows(None) });
        assert_eq!(stopped.findings.len(), 1);
        assert!(stopped.findings[0].message.ends_with("is stopped"), "{stopped:#?}");
        assert_eq!(judge(&[], 0.0, check("MY10"), &Limits::default()).severity, Severity::Ok);
    }

    #[test]
    fn a_node_outside_the_primary_component_is_critical() {
        let status = |pairs: &[(&str, &str)]| Values(pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect());
        let sound = [("wsrep_cluster_status", "Primary"), ("wsrep_local_state_comment", "Synced"), ("wsrep_ready", "ON")];
        assert_eq!(galera(&status(&sound), check("MY11"), &Limits::default()).severity, Severity::Ok);
        let cut = [("wsrep_cluster_status", "non-Primary"), ("wsrep_local_state_comment", "Initialized"), ("wsrep_ready", "OFF")];
        assert_eq!(galera(&status(&cut), check("MY11"), &Limits::default()).severity, Severity::Critical);
        let donor = [("wsrep_cluster_status", "Primary"), ("wsrep_local_state_comment", "Donor/Desynced"), ("wsrep_ready", "ON")];
        assert_eq!(galera(&status(&donor), check("MY11"), &Limits::default()).severity, Severity::Warning);
    }

    #[test]
    fn one_that_does_not_follow_has_no_lag_and_1236_is_told_by_its_reason() {
        let seen = |s: Source| judge(&[s], 0.0, check("MY10"), &Limits::default());
        assert_eq!(seen(follows(Some(3.0))).figures.get("lag"), Some(&3.0));
        let refused = |why: &str| seen(Source { receives: "No".into(), receiving: ("1236".into(), why.into()), ..follows(None) });
        assert!(!refused("").figures.contains_key("lag"), "{:#?}", refused(""));
        let next = |why: &str| refused(why).findings[0].next.clone();
        let gap = "Got fatal error 1236 from master when reading data from binary log: 'Error: connecting slave requested to start from GTID 0-2-24, \
                   which is not in the master's binlog. Since the master's binlog contains GTIDs with higher sequence numbers, it probably means that the \
                   slave has diverged due to executing extra erroneous transactions'";
        assert!(next(gap).starts_with("This replica has transactions of its own"), "{}", next(gap));
        let lost = "Got fatal error 1236 from master when reading data from binary log: 'Client requested master to start replication from impossible \
                    position'";
        assert!(next(lost).starts_with("The source's file ends before that place"), "{}", next(lost));
        let gone = "Got fatal error 1236 from master when reading data from binary log: 'Could not find first log file name in binary log index file'";
        assert!(next(gone).ends_with("this replica has to be built anew."), "{}", next(gone));
        assert!(next("Slave can not handle it").starts_with("The source cannot give what is wanted"));
    }
}
