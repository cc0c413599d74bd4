//! Disks: what each place has left, and when it is full if it goes on like this.

use super::{age, bytes};
use crate::model::assessment::{Check, Limits, Sample, Seen};
use crate::model::recovery::Deed;
use crate::model::{Finding, Severity};
use crate::text;
use std::path::Path;

/// A file system as the operating system tells of it.
pub(in crate::engine) struct Volume {
    /// Bytes that a user without privileges may still write.
    pub free: f64,
    pub total: f64,
}

impl Volume {
    pub fn of(path: &Path) -> Option<Volume> {
        #[cfg(debug_assertions)]
        if let Some(told) = Volume::told() {
            return path.exists().then_some(told);
        }
        let fs = rustix::fs::statvfs(path).ok()?;
        // What is reserved for root is neither free nor used: as `df` counts.
        let used = fs.f_blocks.saturating_sub(fs.f_bfree);
        let free = fs.f_bavail as f64 * fs.f_frsize as f64;
        Some(Volume { free, total: free + used as f64 * fs.f_frsize as f64 })
    }

    /// Tests of what else is wrong with a server do not depend on how full this machine's disk is: `FREE TOTAL` in bytes stand for it. Built
    /// for tests alone.
    #[cfg(debug_assertions)]
    fn told() -> Option<Volume> {
        let told = std::env::var("HOLDPOINT_TEST_DISK").ok()?;
        let (free, total) = told.split_once(' ')?;
        Some(Volume { free: free.parse().ok()?, total: total.parse().ok()? })
    }

    /// Percent.
    pub fn used(&self) -> f64 {
        if self.total > 0.0 { 100.0 * (1.0 - self.free / self.total) } else { 0.0 }
    }
}

/// What each of the places on this machine has left; `None` where none of them could be seen.
pub(in crate::engine) fn judge_disks(places: &[(&str, String)], check: &Check, limits: &Limits, next: &str) -> Option<Seen> {
    let mut seen = Seen::of(check);
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    let mut fullest = 0f64;
    for (what, path) in places {
        let Some(volume) = Volume::of(Path::new(path)) else { continue };
        let used = volume.used();
        fullest = fullest.max(used);
        let figures = format!("{used:.0} % full, {} left", bytes(volume.free));
        // Places on one file system say the same.
        match told.iter_mut().find(|(f, _)| *f == figures) {
            Some((_, also)) => also.push(what),
            None => told.push((figures.clone(), vec![what])),
        }
        let severity = Severity::of(used, limits.of(check, "used"));
        let new = told.iter().any(|(f, what)| *f == figures && what.len() == 1);
        if severity >= Severity::Warning && new {
            seen.find(Finding::new(severity, check.id, path, format!("the file system of {what} ({path}) is {figures}")).next(next));
        }
    }
    let told: Vec<String> = told.iter().map(|(figures, what)| format!("{}: {figures}", what.join(", "))).collect();
    (!told.is_empty()).then(|| seen.says(told.join("; ")).figure("used", fullest))
}

/// Notes the free bytes of each place that can be looked at.
pub(in crate::engine) fn sample_free(places: &[(&str, String)], into: &mut Sample) {
    for (what, path) in places {
        if let Some(volume) = Volume::of(Path::new(path)) {
            into.counters.insert(format!("free {what}"), vec![volume.free, volume.total]);
        }
    }
}

/// Seconds between two samples from which on a forecast is made, and the share of a disk that has to be free to make it no alarm.
const STEADY: f64 = 4.0;
const ROOMY: f64 = 0.3;
/// The share of room below which a disk is full.
const FULL: f64 = 0.002;
/// Seconds within which a disk that goes on filling is full before anybody has looked for what fills it.
const AT_ONCE: f64 = 300.0;
/// Seconds within which a disk is full whoever fills it, and whether or not a few more seconds would say otherwise.
const SURE: f64 = 60.0;

/// Bytes a second that the server writes besides what is counted: its log of messages, statistics, free-space maps.
const SLACK: f64 = 1_048_576.0;

/// What is known of what grows on the disks.
pub(in crate::engine) struct Growth<'a> {
    /// Bytes a second that the server is known to write into logs of transactions and temporary files; `None` where that is not seen.
    pub rate: Option<f64>,
    /// What is known to grow, or is kept.
    pub why: &'a str,
    pub next: &'a str,
    /// Bytes a second, of those that are written, by which something grows that ends by itself; and how many more it may take.
    pub recycled: Option<(f64, f64)>,
    /// Commands that run and end, and how many bytes they may still write at most.
    pub commands: Option<(&'a str, f64)>,
    /// What gives room at once, where only one thing keeps it.
    pub recover: Option<(Deed, &'a str)>,
    /// By what is in them, as in [`sample_free`].
    pub places: &'a [(&'a str, String)],
}

/// The root of the file system that a place is on: where to look for what fills it.
fn mount_of(places: &[(&str, String)], what: &str) -> String {
    use std::os::unix::fs::MetadataExt;
    let Some((_, path)) = places.iter().find(|(name, _)| *name == what) else { return ".".into() };
    let device = |p: &Path| std::fs::metadata(p).map(|m| m.dev()).ok();
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let top = path.ancestors().take_while(|p| device(p) == device(&path)).last().unwrap_or(&path);
    top.display().to_string()
}

/// When the places are full if it goes on like this.
pub(in crate::engine) fn judge_growth(
    seen: &mut Seen,
    check: &Check,
    limits: &Limits,
    first: &Sample,
    second: &Sample,
    known: &Growth<'_>,
) {
    let seconds = second.at - first.at;
    // What is written within a moment says nothing of the next hour.
    if seconds < STEADY {
        return;
    }
    // What is full already has no forecast; places on one disk say the same.
    let mut full: Vec<((f64, f64), Vec<&str>)> = Vec::new();
    for (name, room) in second.counters.iter().filter(|(n, _)| n.starts_with("free ")) {
        if let [free, all, ..] = room[..]
            && all > 0.0
            && free / all < FULL
        {
            match full.iter_mut().find(|(disk, _)| *disk == (free, all)) {
                Some((_, places)) => places.push(&name[5..]),
                None => full.push(((free, all), vec![&name[5..]])),
            }
        }
    }
    for ((free, _), places) in full {
        let what = places.join(", ");
        seen.says.push_str(&format!(", {what} full"));
        let words = format!("the disk of {what} is full now: {} are left", bytes(free));
        seen.find(Finding::new(Severity::Critical, check.id, what, words).next(known.next));
    }
    let mut soonest: Option<(f64, f64, &str)> = None;
    for (name, after) in second.counters.iter().filter(|(n, _)| n.starts_with("free ")) {
        let (Some(before), Some(after)) = (first.counters.get(name).and_then(|c| c.first()), after.first()) else { continue };
        let mut rate = (before - after) / seconds;
        let mut until = after / rate;
        // What is left for the others, once that has all that it takes; where the disk is full before, that is no part of it.
        if let Some((of_it, rest)) = known.recycled.filter(|(of_it, rest)| rest < after && of_it * until > *rest) {
            rate -= of_it;
            until = (after - rest) / rate;
            if rate < SLACK {
                continue;
            }
        }
        if rate > 0.0 && soonest.is_none_or(|(s, ..)| until < s) {
            soonest = Some((until, rate, &name[5..]));
        }
    }
    let Some((until, rate, what)) = soonest else { return };
    seen.figures.insert("full".into(), until);
    let mut severity = Severity::of(until, limits.of(check, "full"));
    // A load that fills a disk which is hardly used may well end before; unless it is over in minutes.
    let share = |c: &Vec<f64>| c.first().zip(c.get(1)).map(|(free, all)| free / all);
    let roomy = second.counters.get(&format!("free {what}")).and_then(share).is_some_and(|free| free > ROOMY) && until > AT_ONCE;
    // All that is written lands in a log first, and perhaps in the data as well.
    let foreign = known.rate.filter(|r| rate > 2.0 * r + SLACK);
    let alarming = severity >= Severity::Warning;
    let free = second.counters.get(&format!("free {what}")).and_then(|c| c.first()).copied().unwrap_or(0.0);
    let passing = known.commands.filter(|(_, rest)| *rest < free);
    if passing.is_some() {
        severity = severity.min(Severity::Info);
    }
    // Of what another program writes a few seconds tell little: a build and a copy end, and the faults of the database stand behind it.
    if foreign.is_some() && until > SURE {
        severity = severity.min(Severity::Warning);
    }
    if roomy {
        // What somebody else writes for some seconds (a build, a copy) is told, and no danger while there is room.
        severity = severity.min(if foreign.is_some() { Severity::Info } else { Severity::Warning });
    }
    if alarming {
        let (why, next) = match (foreign, known.why) {
            _ if let Some((names, rest)) = passing => (
                format!(": {names} writes it, and needs {} more at most", bytes(rest)),
                "It ends with that: see progress for how far it is.".to_string(),
            ),
            (Some(own), _) => (
                format!(
                    "; the database writes {} of that, something else fills the disk: which program that is cannot be seen from here",
                    if own < SLACK { "hardly any".into() } else { format!("{}/s at most", bytes(2.0 * own)) }
                ),
                format!(
                    "Look for it beside the database: du -xh {} | sort -h | tail; a dump, a log, another program's files.",
                    text::shell_quoted(&mount_of(known.places, what))
                ),
            ),
            (None, "") => (String::new(), known.next.to_string()),
            (None, why) => (format!(": {why}"), known.next.to_string()),
        };
        // What stands before is a rate of the database's, which need not be what fills the disk.
        let by = if foreign.is_some() { " by what others write" } else { "" };
        seen.says.push_str(&format!(", {what} full in ≈ {}{by}: its disk loses {}/s", age(until), bytes(rate)));
        let message = format!(
            "the disk of {what} is full in ≈ {} if it goes on losing {}/s as in these {seconds:.0} s{why}",
            age(until),
            bytes(rate)
        );
        let found = Finding::new(severity, check.id, what, message).next(next);
        seen.find(match known.recover.filter(|_| foreign.is_none() && severity == Severity::Critical) {
            Some((deed, object)) => found.recover(deed, object),
            None => found,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessing::{check, limit, twice};

    #[test]
    fn a_disk_is_judged_by_what_is_used() {
        const DISK: Check = check("T1", "disk", "", "", &[limit("used", "%", 0.0, 101.0)]);
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().display().to_string();
        let seen = judge_disks(&[("data", place.clone()), ("logs", place)], &DISK, &Limits::default(), "Free some.").unwrap();
        assert_eq!((seen.severity, seen.findings.len()), (Severity::Warning, 1));
        assert_eq!(seen.says.matches("full").count(), 1, "one file system is told once: {}", seen.says);
        assert_eq!(judge_disks(&[("data", "/does/not/exist".into())], &DISK, &Limits::default(), ""), None);
        assert_eq!(Volume { free: 25.0, total: 100.0 }.used(), 75.0);
    }

    #[test]
    fn when_a_disk_is_full_is_told_in_time() {
        const GROWTH: Check = twice("T2", "growth", "", "", &[limit("full", "s", 14_400.0, 900.0)]);
        let sample =
            |at: f64, free: f64| Sample { at, counters: [("free WAL".to_string(), vec![free, 20_000e6])].into(), ..Sample::default() };
        let known = |rate: Option<f64>| Growth {
            rate,
            why: "slot x is inactive",
            next: "See slots.",
            recycled: None,
            commands: None,
            recover: None,
            places: &[],
        };
        let judged = |before: f64, after: f64| {
            let mut seen = Seen::of(&GROWTH);
            judge_growth(&mut seen, &GROWTH, &Limits::default(), &sample(10.0, before), &sample(15.0, after), &known(None));
            seen
        };
        let soon = judged(5_025e6, 5_000e6);
        assert_eq!(soon.severity, Severity::Warning, "{soon:#?}");
        assert_eq!(
            soon.findings[0].message,
            "the disk of WAL is full in ≈ 16 min 40 s if it goes on losing 5.0 MB/s as in these 5 s: slot x is inactive"
        );
        assert_eq!(judged(1_050e6, 1_000e6).severity, Severity::Critical);
        assert_eq!(judged(10_000e6, 10_050e6).severity, Severity::Ok, "room that grows");
        assert_eq!(judged(12_000e6, 11_900e6).severity, Severity::Warning, "a disk with room is no alarm");
        let mut hasty = Seen::of(&GROWTH);
        judge_growth(&mut hasty, &GROWTH, &Limits::default(), &sample(10.0, 2e9), &sample(11.0, 1e9), &known(None));
        assert_eq!(hasty.severity, Severity::Ok, "a second is no trend");
        let mut build = Seen::of(&GROWTH);
        judge_growth(&mut build, &GROWTH, &Limits::default(), &sample(10.0, 12_000e6), &sample(15.0, 11_900e6), &known(Some(1e3)));
        assert_eq!((build.severity, build.findings.len()), (Severity::Info, 1), "another program writes for some seconds: {build:#?}");
        let full = judged(10e6, 10e6);
        assert_eq!((full.severity, full.findings.len()), (Severity::Critical, 1), "it has no forecast: {full:#?}");
        let of_two = |at: f64| {
            let places = ["free data", "free redo log"].map(|n| (n.to_string(), vec![0.0, 20_000e6]));
            Sample { at, counters: places.into(), ..Sample::default() }
        };
        let mut both = Seen::of(&GROWTH);
        judge_growth(&mut both, &GROWTH, &Limits::default(), &of_two(10.0), &of_two(15.0), &known(None));
        assert_eq!(both.findings.len(), 1, "one disk is told once: {both:#?}");
        assert_eq!(both.findings[0].message, "the disk of data, redo log is full now: 0 B are left");
        // A large disk that is full within minutes is an alarm all the same.
        assert_eq!(judged(12_500e6, 12_000e6).severity, Severity::Critical);
        // What the database does not write, something else does.
        for (rate, foreign) in [(Some(0.0), true), (Some(1e6), true), (Some(5e6), false), (None, false)] {
            let mut seen = Seen::of(&GROWTH);
            judge_growth(&mut seen, &GROWTH, &Limits::default(), &sample(10.0, 5_025e6), &sample(15.0, 5_000e6), &known(rate));
            let f = &seen.findings[0];
            assert_eq!(f.message.contains("something else fills the disk"), foreign, "{rate:?}: {f:?}");
            // No rate of the database stands beside the forecast as if it made it.
            assert!(!f.message.contains(" 0 B/s") && seen.says.ends_with("its disk loses 5.0 MB/s"), "{rate:?}: {seen:?}");
            assert_eq!(f.next.contains("du -xh"), foreign, "{rate:?}: {f:?}");
            assert_eq!(f.message.contains("slot x"), !foreign, "{rate:?}: {f:?}");
        }
        assert_eq!(judged(500_000.001e6, 500_000e6).severity, Severity::Ok, "in ages");
        let with = |g: Growth<'_>| {
            let mut seen = Seen::of(&GROWTH);
            judge_growth(&mut seen, &GROWTH, &Limits::default(), &sample(10.0, 2_020e6), &sample(15.0, 2_000e6), &g);
            seen
        };
        // WAL that nobody keeps is written over from its own limit on; a command that runs ends.
        assert_eq!(with(known(None)).severity, Severity::Critical);
        assert_eq!(with(Growth { recycled: Some((4e6, 500e6)), ..known(None) }).severity, Severity::Ok);
        assert_eq!(with(Growth { recycled: Some((4e6, 5_000e6)), ..known(None) }).severity, Severity::Critical, "no room for that");
        // What it may still take is no part of a disk that others fill before.
        let slow = with(Growth { recycled: Some((1e3, 1_000e6)), ..known(None) });
        assert_eq!(slow.figures["full"], with(known(None)).figures["full"]);
        // A few seconds of another program's are a warning, unless the disk is full within the next minute.
        assert_eq!(with(known(Some(1e3))).severity, Severity::Warning);
        let mut last = Seen::of(&GROWTH);
        judge_growth(&mut last, &GROWTH, &Limits::default(), &sample(10.0, 700e6), &sample(15.0, 500e6), &known(Some(1e3)));
        assert_eq!(last.severity, Severity::Critical, "{last:#?}");
        let build = with(Growth { commands: Some(("CREATE INDEX of big", 300e6)), ..known(None) });
        assert_eq!(build.severity, Severity::Info);
        assert!(build.findings[0].message.ends_with(": CREATE INDEX of big writes it, and needs 300 MB more at most"), "{build:#?}");
        assert_eq!(with(Growth { commands: Some(("CLUSTER of big", 3_000e6)), ..known(None) }).severity, Severity::Critical);
    }
}
