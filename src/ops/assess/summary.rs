//! The sentence on top: the most likely cause, and the next step.

use super::lost::LOST;
use crate::engine::SILENT;
use crate::model::assessment::{Seen, Summary};
use crate::model::{Fault, Finding, Severity};

/// Of what was seen so far: the first finding of the worst kind, as checks come in the order of what they explain; what does harm now before what
/// has been so for long.
pub fn summary(checks: &[Seen]) -> Summary {
    let worst = checks.iter().map(|c| c.severity).max();
    let fault = |fault: Fault| checks.iter().flat_map(|c| &c.findings).find(|f| f.fault == Some(fault));
    let Some(severity) = worst.filter(|s| *s >= Severity::Warning) else {
        // No connection is no look at all: why is all that there is to say.
        if let Some(f) = checks.first().filter(|c| c.check == "connect" && c.severity == Severity::Unknown).and_then(|c| c.findings.first())
        {
            return Summary { severity: worst, says: sentence(f), next: f.next.clone(), check: f.check.clone(), ..Summary::default() };
        }
        let blind = checks.iter().filter(|c| c.severity == Severity::Unknown).count();
        let muted: Vec<String> = checks
            .iter()
            .flat_map(|c| &c.muted)
            .map(|m| {
                format!(
                    "{} ({}) until {}",
                    super::named(&m.check, &m.object),
                    m.was.map_or("?", Severity::word),
                    m.until.strftime("%Y-%m-%d %H:%M UTC")
                )
            })
            .collect();
        if !muted.is_empty() {
            return Summary {
                severity: worst,
                says: format!("Nothing speaks that is not muted; muted: {}.", muted.join(", ")),
                next: "Look at what is muted first: whoever muted it said why (--muted).".into(),
                ..Summary::default()
            };
        }
        // What may be refused to everybody is the first thing to find out.
        if let Some(f) = fault(Fault::MayRefuseWrites) {
            let next =
                "Ask somebody who may see it (SHOW REPLICA STATUS): a replica is meant to be so, any other server is not.".to_string();
            return Summary { severity: worst, says: sentence(f), next, check: f.check.clone(), ..Summary::default() };
        }
        let says = match (checks.len(), blind) {
            (_, 0) => {
                // What was just started may have ended for a reason that is gone with it.
                let but = fault(Fault::Started).map_or_else(String::new, |f| format!(", but {}", f.message));
                format!("Nothing of what was looked at is wrong{but}.")
            }
            (all, blind) => format!("Nothing wrong was seen, but {blind} of {all} checks could not see."),
        };
        // That somebody waits, however few and short, lies in the database.
        let waiting = checks.iter().find(|c| WAITS.contains(&c.check.as_str()) && c.figures.get("waiting").is_some_and(|n| *n >= 1.0));
        if let Some(w) = waiting {
            let says = format!("Nothing of what was looked at is wrong yet, but somebody waits for a lock: {}.", w.says);
            let next = "Assess again in a moment: who still waits then has a cause, which the lock tree names.".to_string();
            return Summary { severity: worst, says, next, ..Summary::default() };
        }
        let next = match blind {
            0 if fault(Fault::Started).is_some() => {
                "Find out why it was: everybody's sessions and what they had not committed are gone.".to_string()
            }
            0 => "If users still see a fault, it lies before the database: network, pooler, application.".to_string(),
            // Not all that is not seen is kept from a role.
            _ if !checks.iter().flat_map(|c| &c.findings).any(|f| f.lifts.as_deref().is_some_and(|l| l.starts_with("GRANT "))) => {
                "Each check that could not see names what it lacks.".to_string()
            }
            _ => "Assess again with a role that may see more; each check names what it lacks.".to_string(),
        };
        return Summary { severity: worst, says, next, ..Summary::default() };
    };
    // That the server went away explains all that could not be read since, and what was read before.
    let all = || checks.iter().flat_map(|c| &c.findings).filter(|f| f.severity == severity);
    let Some(f) = all()
        .find(|f| f.check == LOST)
        .or_else(|| all().find(|f| fills(f)))
        .or_else(|| all().find(|f| is_acute(checks, f)))
        // That many run tells less than what stands still for certain.
        .or_else(|| all().find(|f| f.fault == Some(Fault::ReplicaStopped)))
        .or_else(|| all().find(|f| !lasts(checks, f)))
        .or_else(|| all().next())
    else {
        return Summary::default();
    };
    // What will fail some day, however sure, comes behind what people wait for now.
    let acute = || checks.iter().flat_map(|c| &c.findings).find(|f| f.severity >= Severity::Warning && is_acute(checks, f));
    let f = if stands(checks, f) { acute().unwrap_or(f) } else { f };
    // Why logins are refused is known where an account has all that it may have.
    let refused = Some(f).filter(|f| f.fault == Some(Fault::LoginsRefused));
    let f = refused.and_then(|_| fault(Fault::AccountFull)).unwrap_or(f);
    let (mut says, mut next, check) = (sentence(f), f.next.clone(), f.check.clone());
    if let Some(refused) = refused.filter(|r| !std::ptr::eq(*r, f)) {
        says = format!("{}; {}.", says.trim_end_matches('.'), refused.message);
    }
    // That nobody answers is known to whoever was woken: a full disk is why.
    let full = full_disk(checks).filter(|_| matches!(f.fault, Some(Fault::NobodyListens | Fault::NotReady)));
    if let Some(full) = full {
        says = format!("Its disk is full: {}. {says}", full.message.trim_end_matches('.'));
        next = format!("Make room first, else it stops again: {} Then start it, where it has not come back by itself.", full.next);
    }
    // Of one that went without a word its processes say more than its log.
    let killed = || {
        checks
            .iter()
            .find(|c| c.check == "log" && c.figures.contains_key(SILENT))
            .and_then(|_| checks.iter().find(|c| c.check == "process"))
    };
    if let Some(p) = killed().and_then(|p| p.findings.first()).filter(|_| f.fault == Some(Fault::NobodyListens) && full.is_none()) {
        next = p.next.clone();
    }
    // What a login hangs at is known where a process of the server stands still.
    if let Some(stopped) = fault(Fault::Stopped).filter(|_| f.fault == Some(Fault::LoginHangs)) {
        says = format!("{}; no login is answered.", sentence(stopped).trim_end_matches('.'));
        next.clone_from(&stopped.next);
    }
    // Who waits for room has filled it, most often, and gives some back.
    let mut recover = f.recover.clone();
    if let Some(writer) = fault(Fault::WantsRoom).filter(|_| fills(f)) {
        says = format!("{}; {}.", says.trim_end_matches(['.', ';']), writer.message.trim_end_matches('.'));
        next = format!("{} {next}", writer.next);
        recover = recover.or_else(|| writer.recover.clone());
    }
    // Connections that are taken by logins that cannot go on come back when these can.
    if let Some(waits) = fault(Fault::LoginsWait).filter(|w| f.check == "connect" && !std::ptr::eq(*w, f) && recover.is_none()) {
        says = format!("{}; {}.", says.trim_end_matches(['.', ';']), waits.message);
        next = format!("{} {next}", waits.next);
    }
    // Why nothing comes from the primary stands in the standby's log.
    if let Some(removed) = fault(Fault::WalRemoved).filter(|_| f.check == "PG16" && f.recover.is_none()) {
        says = format!("{}: the WAL that it needs has been removed there.", says.trim_end_matches('.'));
        next = removed.next.clone();
    }
    // Who runs and does not wait runs something: where it is one statement, that is the cause.
    let top = || {
        checks
            .iter()
            .filter(|c| matches!(c.check.as_str(), "PG22" | "MY17"))
            .flat_map(|c| &c.findings)
            .find(|t| t.severity >= Severity::Warning)
    };
    if let Some(top) = top().filter(|_| BUSY.contains(&check.as_str()) && !next.contains("lock") && f.recover.is_none()) {
        says = format!("{}; {}.", says.trim_end_matches(['.', ';']), top.message.trim_end_matches('.'));
        next = format!("That statement is the cause: {}", top.next);
    }
    // Nobody logs in any more, whatever else is wrong.
    let taken = checks.iter().find(|c| c.name == "connections" && c.figures.get("used").is_some_and(|used| *used >= 100.0));
    if let Some(taken) = taken.filter(|t| t.check != check) {
        let most = taken.figures.get("most").copied().unwrap_or_default();
        says = format!("{}, and all {most} connections are taken: nobody else can log in.", says.trim_end_matches(['.', ';']));
    }
    // Nor does anybody write in a while, whoever is in vacuum's way.
    let ends = checks.iter().find(|c| c.check == "PG09" && c.figures.get("left").is_some_and(|left| *left < ENDS));
    if let Some(told) = ends.filter(|_| check != "PG09").and_then(|c| c.findings.first()) {
        says = format!("{}; {}.", says.trim_end_matches(['.', ';']), told.message.trim_end_matches('.'));
    }
    // A suggestion: when unsure, the higher one.
    let sev = match severity {
        _ if taken.is_some() || ends.is_some() => 1,
        Severity::Critical if fills(f) || full.is_some() => 1,
        // Nothing is written any more.
        Severity::Critical if is_full(checks, &check) => 1,
        Severity::Critical if check == "PG29" && !DESTROYS.contains(&f.object.as_str()) && !refuses_writes(f) => 3,
        // Also where another one is told first.
        Severity::Critical if all().any(stops) => 1,
        Severity::Critical => 2,
        _ => 3,
    };
    Summary { severity: Some(severity), says, next, sev: Some(sev), check, recover }
}

/// It is down, or what it stores is damaged, or soon will be.
fn stops(f: &Finding) -> bool {
    matches!(f.check.as_str(), "connect" | LOST | "PG26" | "PG32" | "MY18" | "MY24" | "SQ06")
        || f.check == "PG29" && (DESTROYS.contains(&f.object.as_str()) || refuses_writes(f))
}

/// The database's or the server's setting: a role's own is no critical one.
fn refuses_writes(f: &Finding) -> bool {
    f.object.starts_with("default_transaction_read_only")
}

/// A disk that is full, or will be within minutes: the server stops then, and all that waits with it.
fn fills(f: &Finding) -> bool {
    f.severity == Severity::Critical && matches!(f.check.as_str(), "PG35" | "MY27") && f.object != "transactions"
}

/// So few transactions before writes are refused that the server warns with each of them (`xidWarnLimit` there).
const ENDS: f64 = 37_000_000.0;

/// Percent from which a disk is full, whatever the log says.
const FULL: f64 = 99.0;

/// The disk of a server that is down, where it is full: so it is itself, or so says the log.
fn full_disk(checks: &[Seen]) -> Option<&Finding> {
    let said = checks.iter().flat_map(|c| &c.findings).find(|f| f.fault == Some(Fault::NoRoom));
    let disk = checks.iter().find(|c| c.check == "disk")?;
    let full = disk.findings.iter().max_by_key(|f| f.severity);
    full.filter(|_| said.is_some() || disk.figures.get("used").is_some_and(|used| *used >= FULL))
        // One that is not known here, as a binary log's may be: its log has just said so.
        .or_else(|| said.filter(|f| f.severity >= Severity::Warning && full.is_none()))
}

/// Checks of what has been so for long, and will do harm some day: what happens now comes before them.
const LASTING: [&str; 12] = ["PG27", "PG28", "PG29", "PG31", "PG32", "PG36", "MY18", "MY21", "MY22", "MY23", "SQ07", "SQ09"];

/// Checks of what has been so for long and does harm when it comes to its end: alone they come in the order of all, and behind what is acute.
const STANDING: [&str; 10] = ["PG09", "PG10", "PG11", "PG13", "PG15", "PG24", "MY09", "MY16", "SQ05", "SQ08"];

/// Checks whose critical findings say that people wait, are refused or lose data now, in whatever order they were read.
const ACUTE: [&str; 17] = [
    "connect", "PG03", "PG26", "PG32", "PG34", "PG35", "MY02", "MY03", "MY11", "MY13", "MY15", "MY18", "MY20", "MY24", "MY25", "MY27",
    "SQ06",
];

/// Settings with which a crash, or reading on, destroys data.
const DESTROYS: [&str; 4] = ["fsync", "full_page_writes", "zero_damaged_pages", "ignore_checksum_failure"];

/// Checks of who runs: that they do tells less than what it is that they run.
const BUSY: [&str; 4] = ["PG03", "PG08", "MY03", "MY04"];

/// Checks of who waits for whom: what warns there keeps people waiting now.
pub(super) const WAITS: [&str; 4] = ["PG06", "MY06", "MY07", "SQ04"];

/// It does its harm now.
fn is_acute(checks: &[Seen], f: &Finding) -> bool {
    let check = f.check.as_str();
    let acute = || match check {
        // Up to there what fills it says more.
        _ if is_full(checks, check) => true,
        "PG35" => f.object != "transactions",
        check => ACUTE.contains(&check) || LASTING.contains(&check) && !lasts(checks, f),
    };
    WAITS.contains(&check) || f.severity == Severity::Critical && acute()
}

/// Its disk has no room.
fn is_full(checks: &[Seen], check: &str) -> bool {
    checks.iter().any(|c| c.check == check && c.name == "disk" && c.figures.get("used").is_some_and(|u| *u >= FULL))
}

/// It has been so for long, and does its harm some day.
fn stands(checks: &[Seen], f: &Finding) -> bool {
    // Nobody writes any more, or hardly for long.
    let ends = || f.check == "PG09" && checks.iter().any(|c| c.check == "PG09" && c.figures.get("left").is_some_and(|left| *left < ENDS));
    let destroys = f.check == "PG29" && DESTROYS.contains(&f.object.as_str());
    // Every commit waits for it.
    let waited_for = f.check == "PG15" && f.object == "synchronous_standby_names";
    !destroys && !waited_for && (lasts(checks, f) || STANDING.contains(&f.check.as_str()) && !ends())
}

fn lasts(checks: &[Seen], f: &Finding) -> bool {
    let used = || checks.iter().find(|c| c.check == f.check).and_then(|c| c.figures.get("used"));
    // A counter that has come to its end does its harm now; and of the log only damage to what is stored is critical.
    let damage = f.severity == Severity::Critical && matches!(f.check.as_str(), "PG32" | "MY18");
    LASTING.contains(&f.check.as_str()) && !damage && used().is_none_or(|used| *used < 100.0)
}

/// A finding as a sentence: its first word gets a capital, unless that is a name that the finding is about.
fn sentence(f: &Finding) -> String {
    let mut out = f.message.clone();
    let named = !f.object.is_empty() && out.starts_with(&f.object);
    // `s2.t_id_seq`, `archive_command`, `pg_wal`: names are as they are.
    let name = out.split([' ', ',', ':']).next().is_some_and(|w| w.contains(['.', '_', '/', '@']));
    // A role: `app (pid 4711, web) has had …`.
    let name = name || out.split_once(' ').is_some_and(|(_, rest)| rest.starts_with("(pid "));
    if !named && !name {
        let mut chars = f.message.chars();
        out = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
        out.push_str(chars.as_str());
    }
    if !out.ends_with(['.', ';']) {
        out.push('.');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::registry;
    use crate::model::assessment::{Check, Limit};

    fn seen(id: &'static str, severity: Severity, object: &str, message: &str) -> Seen {
        const NONE: &[Limit] = &[];
        let mut s = Seen::of(&Check { id, name: id, reads: "", means: "", limits: NONE, twice: false });
        s.find(Finding::new(severity, id, object, message).next("Do this."));
        s
    }

    #[test]
    fn names_stay_as_they_are() {
        let says = |object: &str, message: &str| summary(&[seen("PG28", Severity::Critical, object, message)]).says;
        assert_eq!(says("s2.t_id_seq", "s2.t_id_seq has used 100 %"), "s2.t_id_seq has used 100 %.");
        assert_eq!(says("fsync", "fsync is off"), "fsync is off.");
        assert_eq!(says("sessions", "the server is gone"), "The server is gone.");
    }

    #[test]
    fn what_logins_hang_at_is_named_where_a_process_stands_still() {
        let mut hangs = seen("connect", Severity::Critical, "shop", "the server does not answer the login within 5 s");
        hangs.findings[0].fault = Some(Fault::LoginHangs);
        let mut stopped = seen("process", Severity::Critical, "pid 515", "postgres (pid 515) is stopped");
        (stopped.findings[0].fault, stopped.findings[0].next) = (Some(Fault::Stopped), "kill -CONT lets it go on.".into());
        let told = summary(&[hangs.clone(), stopped]);
        assert_eq!(
            (told.says.as_str(), told.next.as_str()),
            ("postgres (pid 515) is stopped; no login is answered.", "kill -CONT lets it go on.")
        );
        assert!(summary(&[hangs]).says.contains("does not answer"));
    }

    #[test]
    fn what_happens_now_comes_before_what_will_be_some_day() {
        let storm = seen("PG19", Severity::Critical, "all databases", "19 deadlocks in 5 s");
        let full = |used| seen("PG28", Severity::Critical, "s", "s has used most of its numbers").figure("used", used);
        assert_eq!(summary(&[full(95.0), storm.clone()]).check, "PG19");
        assert_eq!(summary(&[full(100.0), storm.clone()]).check, "PG28");
        assert_eq!(summary(&[full(95.0), seen("PG19", Severity::Warning, "x", "2 deadlocks")]).check, "PG28", "the worse one first");
    }

    /// All checks of all engines, by which a finding of any of them may stand beside one of any other.
    fn ids() -> Vec<&'static str> {
        registry::each().iter().flat_map(|e| e.assessing().get().unwrap().checks().to_vec()).map(|c| c.id).collect()
    }

    #[test]
    fn a_second_fault_makes_it_no_milder() {
        let damage = seen("PG26", Severity::Critical, "cor", "a page of cor failed its checksum");
        let archive = seen("PG12", Severity::Critical, "archive_command", "archiving fails");
        for checks in [[damage.clone(), archive.clone()], [archive, damage]] {
            let s = summary(&checks);
            assert_eq!((s.check.as_str(), s.sev), ("PG26", Some(1)));
        }
    }

    #[test]
    fn a_standby_that_lags_comes_behind_who_waits() {
        let lag = seen("PG15", Severity::Critical, "replica", "standby replica is 17 MB behind");
        let waits = seen("PG06", Severity::Warning, "pid 7", "6 sessions wait behind pid 7");
        assert_eq!(summary(&[lag.clone(), waits.clone()]).check, "PG06");
        let commits = seen("PG15", Severity::Critical, "synchronous_standby_names", "every commit waits");
        assert_eq!(summary(&[commits, waits]).check, "PG15");
    }

    #[test]
    fn that_writes_may_be_refused_is_said_though_it_cannot_be_seen() {
        let mut hidden = seen("MY02", Severity::Unknown, "db", "read_only is on, and whether the server follows another cannot be seen");
        hidden.findings[0].fault = Some(Fault::MayRefuseWrites);
        let s = summary(&[hidden, seen("MY10", Severity::Unknown, "replica", "cannot be seen")]);
        assert!(s.says.starts_with("Read_only is on") || s.says.starts_with("read_only is on"), "{}", s.says);
        assert!(s.next.contains("SHOW REPLICA STATUS"), "{}", s.next);
    }

    #[test]
    fn of_any_two_what_is_acute_comes_before_what_stands() {
        let all = ids();
        for id in ACUTE.iter().chain(&WAITS).chain(&STANDING).chain(&LASTING) {
            assert!(all.contains(id) || *id == "connect", "{id} is no check any more");
        }
        let of = |id: &'static str, severity| {
            let mut s = seen(id, severity, "x", &format!("{id} speaks"));
            // A disk without room; a counter, or the log, that is not at its end.
            if matches!(id, "PG14" | "MY26" | "SQ11") {
                (s.name, s.figures) = ("disk".into(), [("used".to_string(), 100.0)].into());
            }
            s
        };
        let acute: Vec<&str> = all
            .iter()
            .copied()
            .chain(["connect"])
            .filter(|id| is_acute(&[of(id, Severity::Critical)], &of(id, Severity::Critical).findings[0]))
            .collect();
        assert!(["PG06", "PG14", "PG26", "PG32", "MY26", "MY07", "SQ11"].iter().all(|id| acute.contains(id)), "{acute:?}");
        assert!(!["PG09", "PG11", "PG27", "PG29", "MY09", "MY21", "SQ07"].iter().any(|id| acute.contains(id)), "{acute:?}");
        for a in &acute {
            for b in all.iter().filter(|b| !acute.contains(b)) {
                let (a, b) = (of(a, Severity::Critical), of(b, Severity::Critical));
                assert_eq!(summary(&[b.clone(), a.clone()]).check, a.check, "{} came first", b.check);
                assert_eq!(summary(&[a.clone(), b]).check, a.check);
            }
        }
        // Who waits stands before it, also where it weighs less.
        for b in STANDING.iter().chain(&LASTING).filter(|b| !acute.contains(b)) {
            for a in WAITS {
                assert_eq!(summary(&[of(b, Severity::Critical), of(a, Severity::Warning)]).check, a, "{b}");
            }
        }
    }

    #[test]
    fn a_disk_that_is_full_within_minutes_comes_first_and_a_full_one_is_why_nobody_answers() {
        let archive = seen("PG12", Severity::Critical, "archive_command", "archiving fails");
        let soon = seen("PG35", Severity::Critical, "WAL", "the disk of WAL is full in ≈ 12 s");
        let s = summary(&[archive.clone(), soon]);
        assert_eq!((s.check.as_str(), s.sev), ("PG35", Some(1)));
        let some_day = seen("PG35", Severity::Critical, "transactions", "the server refuses writes in ≈ 2 d");
        assert_eq!(summary(&[archive, some_day]).check, "PG12");
        let of = |mut s: Seen, fault| {
            s.findings[0].fault = Some(fault);
            s
        };
        let refused = of(seen("connect", Severity::Critical, "shop", "nobody listens there: connection refused"), Fault::NobodyListens);
        let disk = seen("disk", Severity::Warning, "/srv", "the file system of WAL (/srv) is 97 % full, 15 MB left").figure("used", 97.0);
        assert!(summary(&[refused.clone(), disk.clone()]).says.starts_with("Nobody listens"));
        let log = of(seen("log", Severity::Warning, "log", "PANIC: could not write to file: No space left on device"), Fault::NoRoom);
        // Where its disk is not among those that are known, the log's word is all there is.
        let mut sound = seen("disk", Severity::Ok, "/srv", "").figure("used", 52.0);
        sound.findings.clear();
        assert!(summary(&[refused.clone(), sound, log.clone()]).says.starts_with("Its disk is full: PANIC: could not write"));
        let s = summary(&[refused, disk, log]);
        assert!(
            s.says.starts_with("Its disk is full: the file system of WAL (/srv) is 97 % full, 15 MB left. Nobody listens"),
            "{}",
            s.says
        );
        assert!(s.next.starts_with("Make room first") && s.sev == Some(1), "{s:?}");
    }

    #[test]
    fn that_nobody_logs_in_any_more_stands_beside_whatever_it_is() {
        let locks = seen("PG06", Severity::Critical, "pid 7", "35 sessions wait behind pid 7");
        let mut full =
            seen("PG03", Severity::Critical, "server", "37 of 37 connections are taken").figure("used", 100.0).figure("most", 37.0);
        full.name = "connections".into();
        let s = summary(&[locks.clone(), full.clone()]);
        assert_eq!(
            (s.says.as_str(), s.sev),
            ("35 sessions wait behind pid 7, and all 37 connections are taken: nobody else can log in.", Some(1))
        );
        let s = summary(&[full]);
        assert_eq!((s.says.as_str(), s.sev), ("37 of 37 connections are taken.", Some(1)));
        assert_eq!(summary(&[locks]).sev, Some(2));
    }

    #[test]
    fn who_waits_for_room_on_a_full_disk_is_named_with_it() {
        let disk = seen("MY27", Severity::Critical, "/var/lib/mysql", "the disk of the data is full");
        let mut writer = seen(
            "MY08",
            Severity::Critical,
            "connection 24",
            "app@db2 (connection 24) has been running for 9 min (Waiting for someone to free space): insert into g",
        );
        let cancel = crate::model::recovery::Action { deed: crate::model::recovery::Deed::Cancel, object: "24".into(), value: None };
        writer.findings[0].recover = Some(cancel);
        writer.findings[0].fault = Some(Fault::WantsRoom);
        let s = summary(&[disk.clone(), writer]);
        assert!(s.says.starts_with("The disk of the data is full; app@db2 (connection 24)"), "{s:?}");
        assert_eq!(s.recover.map(|r| r.object).as_deref(), Some("24"));
        assert_eq!(summary(&[disk]).recover, None);
    }

    #[test]
    fn why_logins_are_refused_and_when_writes_end_stand_with_what_is_on_top() {
        let mut refused = seen("MY20", Severity::Critical, "server", "100 % of 45 logins are refused");
        refused.findings[0].fault = Some(Fault::LoginsRefused);
        let mut account = seen(
            "MY03",
            Severity::Warning,
            "account app",
            "account app has 2 of 2 connections that it may have: the next login is refused",
        );
        account.findings[0].fault = Some(Fault::AccountFull);
        let s = summary(&[refused.clone(), account]);
        assert_eq!(s.check, "MY03");
        assert_eq!(
            s.says,
            "account app has 2 of 2 connections that it may have: the next login is refused; 100 % of 45 logins are refused."
        );
        assert_eq!(summary(&[refused]).check, "MY20");
        let held = seen(
            "PG10",
            Severity::Critical,
            "old-tx",
            "vacuum cannot remove what was deleted: prepared transaction old-tx holds the horizon",
        );
        let left = |left| {
            seen("PG09", Severity::Critical, "shop", "database shop: few transactions are left before the server refuses all writes")
                .figure("left", left)
        };
        let s = summary(&[held.clone(), left(483_646.0)]);
        assert!(
            s.says.ends_with("holds the horizon; database shop: few transactions are left before the server refuses all writes."),
            "{s:?}"
        );
        assert_eq!((s.check.as_str(), s.sev), ("PG10", Some(1)));
        let s = summary(&[held, left(800_000_000.0)]);
        assert!(!s.says.contains("are left") && s.sev == Some(2), "there is time");
        assert_eq!(summary(&[left(0.0)]).sev, Some(1));
    }

    #[test]
    fn what_runs_is_the_cause_of_who_is_busy_and_who_waits_is_no_all_clear() {
        let busy = seen("PG08", Severity::Critical, "computing", "65 sessions compute at once on 2 processors");
        let top = seen("PG22", Severity::Warning, "1 2", "one statement takes 100 % of the time: select 1");
        let s = summary(&[busy, top]);
        assert_eq!(s.says, "65 sessions compute at once on 2 processors; one statement takes 100 % of the time: select 1.");
        assert!(s.next.starts_with("That statement is the cause"), "{s:?}");
        let waits = seen("MY07", Severity::Info, "", "4 sessions wait").figure("waiting", 4.0).says("4 waiting, longest 6 s");
        let s = summary(&[waits]);
        assert!(s.says.contains("somebody waits for a lock: 4 waiting") && !s.next.contains("before the database"), "{s:?}");
        // A setting that destroys nothing does not hide who waits, and wakes nobody.
        let setting = seen("PG29", Severity::Critical, "autovacuum", "autovacuum is off");
        let locks = seen("PG06", Severity::Warning, "pid 7", "6 sessions wait behind pid 7");
        assert_eq!(summary(&[setting.clone(), locks.clone()]).check, "PG06");
        assert_eq!(summary(&[setting]).sev, Some(3));
        let fsync = seen("PG29", Severity::Critical, "fsync", "fsync is off");
        assert_eq!(summary(&[fsync, locks.clone()]).sev, Some(1));
        let log = seen("PG32", Severity::Warning, "log", "a process was terminated");
        assert_eq!(summary(&[log, seen("PG22", Severity::Warning, "1", "one statement takes 90 %")]).check, "PG22");
    }

    #[test]
    fn a_server_that_went_away_comes_before_what_was_found_until_then() {
        let s =
            summary(&[seen("PG28", Severity::Critical, "a", "a sequence is full"), seen(LOST, Severity::Critical, "b", "it went away")]);
        assert_eq!((s.check.as_str(), s.sev), (LOST, Some(1)));
    }
}
