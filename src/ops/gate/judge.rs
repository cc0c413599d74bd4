//! Does a step count? Pure: from a [`Situation`] to a tick or to sentences that say why not.

use super::situation::Situation;
use crate::config::files::Approval;
use crate::config::{Config, StepDef, StepKind, Target};
use crate::model::evidence::Evidence;
use crate::model::migration::{Migration, RollbackClass, Standing};
use crate::model::{Dialect, Severity};
use crate::ops::backup;
use crate::ops::checklist::StepState;
use crate::ops::migrate::files;
use crate::ops::record::{file_name, shown_range, shown_version, single_hash};
use crate::store::evidence::Stored;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Evidence may be dated this far ahead of the clock, in seconds: hosts' clocks differ a little.
const CLOCKS_DIFFER: i64 = 300;

/// How a step stands, with the evidence that was looked at.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Tick {
    pub state: StepState,
    pub evidence: Option<Stored>,
    pub why: Vec<String>,
}

impl Tick {
    pub fn ticked(&self) -> bool {
        matches!(self.state, StepState::Proved | StepState::Signed)
    }
}

/// What judging needs besides the situation.
pub(in crate::ops) struct Judge<'a> {
    pub config: &'a Config,
    pub target: &'a Target,
    pub dialect: Dialect,
    pub s: &'a Situation,
}

/// The word for what an operation of this kind gave.
fn noun(kind: &str) -> &'static str {
    match kind {
        "rollback-proven" | "applied-earlier" => "the proof",
        "approval" => "the approval",
        "backup-taken" => "the backup",
        "restore-verified" => "the verification",
        "applied" => "the run",
        _ => "the check",
    }
}

/// What would void a tick, in one sentence.
pub(in crate::ops) fn voids_if(kind: &str) -> &'static str {
    match kind {
        "files-intact" | "down-present" => "Void when a script changes, or the range.",
        "applied-earlier" => "Void when a script changes, or the range: the very same files must have run there.",
        "backup-taken" => "Expires by policy; void when its files or the target's schema change, or when the target is another database.",
        "restore-verified" => "Void when there is another backup, or the server's major version changes.",
        "rollback-proven" => "Void when a script, the range or the target's schema changes, or the server's major version.",
        "approval" => "Expires by policy; void when a script, the range, the target or the backup changes.",
        "preconditions" => "Good for minutes: what is read here changes by itself.",
        "applied" => "Void when the range is reverted.",
        "validated" => "Void when the range is reverted.",
        _ => "",
    }
}

/// `25 h`, `3 d`, `9 min`, `40 s`.
pub(in crate::ops) fn age(seconds: i64) -> String {
    match seconds.max(0) {
        s if s < 120 => format!("{s} s"),
        s if s < 2 * 3600 => format!("{} min", s / 60),
        s if s < 72 * 3600 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

/// Migrations of the range that have no down script with a statement in it.
pub(in crate::ops) fn without_down(dialect: Dialect, range: &[Migration]) -> Vec<String> {
    range
        .iter()
        .filter_map(|m| match &m.down {
            None => Some(format!("{} {} has no down script", shown_version(m.version), m.name)),
            Some(d) if files::statements(dialect, &d.text).is_empty() => {
                Some(format!("{} holds no statement: an empty down is not a rollback", file_name(&d.path)))
            }
            Some(_) => None,
        })
        .collect()
}

/// What is wrong with the files and the history as they are now.
pub(in crate::ops) fn broken_files(s: &Situation) -> Vec<String> {
    let mut out: Vec<String> = s.queue.findings.iter().filter(|f| f.severity == Severity::Critical).map(|f| f.message.clone()).collect();
    if s.range.iter().any(|m| s.queue.items.iter().any(|i| i.version == m.version && i.standing == Standing::Edited)) && out.is_empty() {
        out.push("an applied script was edited".into());
    }
    out
}

/// Whether a record is about any file of the range: what an earlier range was cleared by says nothing of this one.
fn shares_a_script(e: &Evidence, range: &[Migration]) -> bool {
    let about = |path: &Path| e.facts.contains_key(&format!("script.{}", file_name(path)));
    range.iter().any(|m| about(&m.up.path) || m.down.as_ref().is_some_and(|d| about(&d.path)))
}

/// How a sentence names what changed between the scripts of a record and those of now; `None`: the same.
fn what_changed(e: &Evidence, range: &[Migration]) -> Option<String> {
    let noun = noun(&e.kind);
    let was: BTreeMap<&str, &str> = e.facts.iter().filter_map(|(k, v)| Some((k.strip_prefix("script.")?, v.as_str()))).collect();
    let mut is: BTreeMap<String, &str> = BTreeMap::new();
    for m in range {
        is.insert(file_name(&m.up.path), &m.up.sha256);
        if let Some(d) = &m.down {
            is.insert(file_name(&d.path), &d.sha256);
        }
    }
    let edited: Vec<&str> = is.iter().filter(|(f, h)| was.get(f.as_str()).is_some_and(|w| w != *h)).map(|(f, _)| f.as_str()).collect();
    let added: Vec<&str> = is.keys().filter(|f| !was.contains_key(f.as_str())).map(String::as_str).collect();
    let gone: Vec<&str> = was.keys().filter(|f| !is.contains_key(**f)).copied().collect();
    let list = |names: &[&str]| match names {
        [one] => (*one).to_string(),
        [one, two] => format!("{one} and {two}"),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => String::new(),
    };
    let verb = |n: usize| if n == 1 { "was" } else { "were" };
    if !edited.is_empty() {
        return Some(format!("{} {} edited after {noun}", list(&edited), verb(edited.len())));
    }
    if !added.is_empty() {
        return Some(format!("{} {} not part of what {noun} was about", list(&added), verb(added.len())));
    }
    if !gone.is_empty() {
        return Some(format!("{noun} was about more than this range: {} too", list(&gone)));
    }
    None
}

impl Judge<'_> {
    /// Evidence of a kind about this target or this database, newest first.
    fn candidates<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b Stored> {
        let database = self.s.identity.subject();
        self.s.evidence.iter().filter(move |e| {
            e.evidence.kind == kind && (e.evidence.subject.target == self.target.name || e.evidence.subject.database == database)
        })
    }

    /// How long evidence of a step is good, and who says so.
    fn good_for(&self, step: &StepDef) -> Option<(Duration, &'static str)> {
        match step.evidence.as_str() {
            "backup-taken" => Some((self.config.policy.backup_expires, "policy")),
            "approval" => Some((self.config.policy.approval_expires, "policy")),
            _ => step.expires.map(|d| (d, "the checklist")),
        }
    }

    /// The backup that counts now: the newest one of this database that is not expired and still there.
    pub fn backup(&self) -> Option<&Stored> {
        let step = self.s.list.steps.iter().find(|s| s.evidence == "backup-taken")?;
        self.candidates("backup-taken").find(|e| self.check(step, e).is_ok())
    }

    /// Whether one record ticks a step now; if not, how it stands and why.
    fn check(&self, step: &StepDef, stored: &Stored) -> Result<(), (StepState, String)> {
        let e = &stored.evidence;
        let s = self.s;
        let noun = noun(&e.kind);
        let void = |why: String| Err((StepState::Voided, why));
        if let Some(why) = &stored.tampered {
            return void(why.clone());
        }
        // What came after it is not known: it may have been its opposite.
        if let Some(later) = self.candidates(&e.kind).find(|o| o.seq > stored.seq && o.tampered.is_some()) {
            return void(format!("{}, and what is older does not count", later.tampered.clone().unwrap_or_default()));
        }
        if e.subject.database != s.identity.subject() {
            return void(format!("{noun} was made for another database ({})", crate::text::clean(&e.subject.database)));
        }
        // Before what it found: a failure with other scripts says nothing of these.
        if matches!(
            e.kind.as_str(),
            "files-intact" | "down-present" | "applied-earlier" | "rollback-proven" | "approval" | "validated" | "recorded"
        ) && e.subject.scripts != s.scripts
        {
            return void(what_changed(e, &s.range).unwrap_or_else(|| format!("{noun} is about another range")));
        }
        if !e.holds {
            return Err((StepState::Failed, e.summary.clone()));
        }
        let Ok(at) = e.at.parse::<Timestamp>() else { return void(format!("{noun} has no readable date")) };
        let old = s.now.as_second() - at.as_second();
        if old < -CLOCKS_DIFFER {
            return void(format!("{noun} is dated {} ahead: a clock was set back", age(-old)));
        }
        if matches!(e.kind.as_str(), "restore-verified" | "rollback-proven") && e.grade.is_none_or(|g| g < self.config.policy.lowest_grade)
        {
            let grade = e.grade.map_or("none".to_string(), |g| format!("{g:?}").to_lowercase());
            let lowest = format!("{:?}", self.config.policy.lowest_grade).to_lowercase();
            return Err((StepState::Failed, format!("{noun} is of grade {grade}; policy asks for {lowest}")));
        }
        if let Some((limit, who)) = self.good_for(step)
            && old > limit.as_secs() as i64
        {
            let limit = age(limit.as_secs() as i64);
            return Err((StepState::Expired, format!("{noun} is {} old; {who} allows {limit}", age(old))));
        }
        if e.expires.as_ref().and_then(|t| t.parse::<Timestamp>().ok()).is_some_and(|t| t < s.now) {
            return Err((StepState::Expired, format!("{noun} was good until {}", e.expires.clone().unwrap_or_default())));
        }
        if let Some(major) = e.facts.get("server major").filter(|m| **m != s.identity.major) {
            return void(format!("the server was {major} then and is {} now", s.identity.major));
        }
        match e.kind.as_str() {
            "backup-taken" => self.check_backup(e),
            "restore-verified" => match self.backup() {
                Some(b) if b.evidence.subject.backup == e.subject.backup => Ok(()),
                Some(_) => void("another backup was taken since, and its restore is not verified".into()),
                None => void("the backup that was verified does not count any more".into()),
            },
            "rollback-proven" => {
                if e.subject.schema != s.schema {
                    return void("the schema of the database changed after the proof".into());
                }
                if e.class == Some(RollbackClass::Lossy) && !self.config.policy.allow_lossy {
                    return Err((StepState::Failed, format!("policy forbids a rollback that loses data: {}", e.summary)));
                }
                if e.class.is_none_or(|c| c == RollbackClass::Irreversible) {
                    return Err((StepState::Failed, e.summary.clone()));
                }
                Ok(())
            }
            "approval" => self.check_approval(e),
            "validated" | "recorded" | "applied" => {
                let run = s.run.as_ref().map(|r| r.id.as_str());
                if e.facts.get("run").map(String::as_str) != run { void(format!("{noun} belongs to another run")) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn check_backup(&self, e: &Evidence) -> Result<(), (StepState, String)> {
        if !e.subject.schema.is_empty() && e.subject.schema != self.s.schema {
            return Err((StepState::Voided, "the schema changed after the backup was taken".into()));
        }
        let dir = e.facts.get("dir").map(String::as_str).unwrap_or_default();
        let gone = |why: String| Err((StepState::Voided, why));
        match backup::read_manifest(Path::new(dir)) {
            Err(err) => gone(err.message),
            Ok((m, hash)) => {
                if e.facts.get("manifest") != Some(&hash) || m.id != e.subject.backup {
                    return gone(format!(
                        "the manifest of backup {} was changed after the backup was taken",
                        backup::short(&e.subject.backup)
                    ));
                }
                backup::check_sizes(Path::new(dir), &m).map_err(|err| (StepState::Voided, err.message))
            }
        }
    }

    fn check_approval(&self, e: &Evidence) -> Result<(), (StepState, String)> {
        let void = |why: &str| Err((StepState::Voided, why.to_string()));
        let Some(run) = self.s.open_run().or(self.s.run.as_ref()) else { return void("no run is open that the approval could be for") };
        if e.facts.get("run") != Some(&run.id) {
            return void("the approval belongs to another run");
        }
        if self.config.policy.approval == Approval::Second {
            if e.facts.get("approved").map(String::as_str) == Some("alone") {
                return void("it was approved alone, and policy asks for a second person");
            }
            if same_person(&e.by, &run.started_by) {
                return void("it was signed by the one who started the run");
            }
        }
        let backup = self.backup().map(|b| b.evidence.subject.backup.clone()).unwrap_or_default();
        if e.subject.backup != backup {
            return void("the backup changed after the approval");
        }
        Ok(())
    }

    /// What is wrong right now, whatever was recorded: for steps that can be told from files and history alone.
    fn wrong_now(&self, kind: &str) -> Vec<String> {
        match kind {
            "files-intact" => broken_files(self.s),
            "down-present" => without_down(self.dialect, &self.s.range),
            "applied-earlier" => match promotion(self.config, self.target, self.s) {
                Ok(_) => Vec::new(),
                Err(missing) => missing.into_iter().map(|m| m.why).collect(),
            },
            _ => Vec::new(),
        }
    }

    /// Steps that [`Judge::wrong_now`] can tell of.
    fn told_at_once(&self, kind: &str) -> bool {
        matches!(kind, "files-intact" | "down-present" | "applied-earlier")
    }

    /// The tick of a step.
    pub fn tick(&self, step: &StepDef) -> Tick {
        let kind = step.evidence.as_str();
        let done = match step.kind {
            StepKind::Proved => StepState::Proved,
            StepKind::Signed => StepState::Signed,
        };
        let applied = self.applied_record();
        if kind == "applied" {
            return match (self.s.applied && !self.s.range.is_empty(), applied) {
                (true, Some(e)) => Tick { state: StepState::Proved, evidence: Some(e.clone()), why: vec![] },
                (true, None) => Tick {
                    state: StepState::Unknown,
                    evidence: None,
                    why: vec!["the history names the range as applied, and this run has no record of having done it".into()],
                },
                (false, _) => Tick { state: StepState::Waiting, evidence: None, why: vec!["not applied".into()] },
            };
        }
        // What cleared the run stays as it was when it cleared it: expiry and the changed schema do not undo it.
        if let (true, Some(e)) = (self.s.applied, applied)
            && let Some(id) = e.evidence.facts.get(&format!("cleared by {}", step.id))
        {
            return match self.s.evidence.iter().find(|c| c.evidence.id == *id) {
                Some(c) if c.tampered.is_none() => Tick { state: done, evidence: Some(c.clone()), why: vec![] },
                Some(c) => Tick { state: StepState::Voided, evidence: Some(c.clone()), why: c.tampered.iter().cloned().collect() },
                None => Tick {
                    state: StepState::Voided,
                    evidence: None,
                    why: vec!["the evidence that cleared this step is not in the store any more".into()],
                },
            };
        }
        if matches!(kind, "validated" | "recorded") && !(self.s.applied && applied.is_some()) {
            return Tick { state: StepState::Waiting, evidence: None, why: vec!["nothing is applied yet".into()] };
        }
        if self.s.range.is_empty() {
            let why = self.s.range_problem.clone().unwrap_or_else(|| "nothing is pending".into());
            return Tick { state: StepState::Waiting, evidence: None, why: vec![why] };
        }
        let wrong = self.wrong_now(kind);
        let mut newest: Option<(StepState, String, Stored)> = None;
        let of_this_range = |c: &&Stored| c.evidence.subject.scripts.is_empty() || shares_a_script(&c.evidence, &self.s.range);
        for c in self.candidates(kind).filter(of_this_range).filter(|c| kind != "validated" || self.after_applied(c)) {
            match self.check(step, c) {
                Ok(()) if wrong.is_empty() => return Tick { state: done, evidence: Some(c.clone()), why: vec![] },
                Ok(()) => break,
                // What failed then and is in order now has only to be looked at again.
                Err((StepState::Failed, _)) if newest.is_none() && wrong.is_empty() && self.told_at_once(kind) => {
                    let why = "what was missing then is there now, and has not been looked at again".to_string();
                    newest = Some((StepState::Waiting, why, c.clone()));
                }
                // The newest record speaks for the step, unless an older one still counts.
                Err((state, why)) if newest.is_none() => newest = Some((state, why, c.clone())),
                Err(_) => {}
            }
        }
        if !wrong.is_empty() {
            return Tick { state: StepState::Failed, evidence: None, why: wrong };
        }
        match newest {
            // What was wrong then is mended by now: it only has to be looked at again.
            Some((StepState::Failed, ..)) if matches!(kind, "files-intact" | "down-present" | "applied-earlier") => Tick {
                state: StepState::Waiting,
                evidence: None,
                why: vec!["what was missing is there now; it has not been looked at since".into()],
            },
            Some((state, why, e)) => Tick { state, evidence: Some(e), why: vec![why] },
            None => Tick { state: StepState::Waiting, evidence: None, why: vec![never(kind).into()] },
        }
    }

    /// The record of the whole range's last application by the run.
    pub fn applied_record(&self) -> Option<&Stored> {
        let run = self.s.run.as_ref()?;
        self.candidates("applied").find(|e| {
            e.tampered.is_none()
                && e.evidence.holds
                && e.evidence.subject.database == self.s.identity.subject()
                && e.evidence.facts.get("unit").map(String::as_str) == Some("range")
                && e.evidence.facts.get("run") == Some(&run.id)
        })
    }

    fn after_applied(&self, c: &Stored) -> bool {
        self.applied_record().is_some_and(|a| c.seq > a.seq)
    }
}

/// Why a step without any record does not count.
fn never(kind: &str) -> &'static str {
    match kind {
        "files-intact" => "the scripts have not been checked",
        "down-present" => "the down scripts have not been looked at",
        "applied-earlier" => "the earlier environments have not been looked at",
        "backup-taken" => "no backup of this database is on record",
        "restore-verified" => "no restore of the backup has been verified",
        "rollback-proven" => "the rollback of these scripts has not been proven",
        "approval" => "nobody has approved it",
        "preconditions" => "the target has not been looked at",
        _ => "not done",
    }
}

/// Names that are one person's: claimed names are compared without regard to case and blanks.
pub(in crate::ops) fn same_person(a: &str, b: &str) -> bool {
    let norm = |s: &str| s.split_whitespace().collect::<String>().to_lowercase();
    norm(a) == norm(b)
}

/// Something that an earlier environment lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ops) struct Lacking {
    pub environment: String,
    pub why: String,
}

/// The product of a database by its subject ([`crate::model::Identity::subject`]): what ran on another one proves nothing here.
fn product_of(subject: &str) -> &str {
    subject.split('/').next().unwrap_or_default()
}

/// The target of an environment where migrations of this one are tried: of the same engine, and best of the same directory.
pub(in crate::ops) fn sibling<'a>(config: &'a Config, target: &Target, environment: &str) -> Option<&'a Target> {
    let there = |t: &&Target| t.environment.as_deref() == Some(environment) && t.name != target.name && t.engine == target.engine;
    let same = |t: &&Target| t.migrations == target.migrations;
    config.targets.values().filter(there).find(same).or_else(|| config.targets.values().find(there))
}

/// Whether the range went through the earlier environments: applied, reverted and applied again in the first, applied in
/// those between. `Ok` holds one sentence for each environment and the evidence it rests on.
pub(in crate::ops) fn promotion(config: &Config, target: &Target, s: &Situation) -> Result<Vec<(String, Vec<String>)>, Vec<Lacking>> {
    let chain = &config.environments;
    let own = target.environment.as_deref().and_then(|e| chain.iter().position(|c| c == e)).unwrap_or(chain.len().saturating_sub(1));
    let mut good = Vec::new();
    let mut lacking = Vec::new();
    let database = s.identity.subject();
    for (place, env) in chain.iter().enumerate().take(own) {
        let first = place == 0;
        let mut ids = Vec::new();
        let mut groups: Vec<(&str, &str, Vec<&Migration>)> = Vec::new();
        for m in &s.range {
            let hash = single_hash(m);
            let v = shown_version(m.version);
            let mut of_version: Vec<&Stored> = s
                .evidence
                .iter()
                .filter(|e| {
                    let x = &e.evidence;
                    e.tampered.is_none()
                        && x.holds
                        && matches!(x.kind.as_str(), "applied" | "reverted")
                        && x.environment.as_deref() == Some(env)
                        && x.subject.database != database
                        && product_of(&x.subject.database) == s.identity.product
                        && x.facts.get("unit").map(String::as_str) == Some("migration")
                        && x.facts.get("version").and_then(|n| n.parse().ok()) == Some(m.version)
                })
                .collect();
            of_version.sort_by(|a, b| (&a.evidence.at, a.seq).cmp(&(&b.evidence.at, b.seq)));
            let these: Vec<&&Stored> = of_version.iter().filter(|e| e.evidence.subject.scripts == hash).collect();
            let reverted = these.iter().rposition(|e| e.evidence.kind == "reverted");
            let applied = these.iter().rposition(|e| e.evidence.kind == "applied");
            let (was, were) = match (applied, reverted) {
                (None, _) => match of_version.last() {
                    Some(e) => {
                        let what =
                            what_changed(&e.evidence, std::slice::from_ref(m)).unwrap_or_else(|| format!("{v}: other scripts ran there"));
                        lacking.push(Lacking {
                            environment: env.clone(),
                            why: format!("{env}: {}", what.replace("after the run", "after it ran there")),
                        });
                        continue;
                    }
                    None => ("was not applied there", "were not applied there"),
                },
                (Some(a), Some(r)) if r > a => ("was reverted and not applied again", "were reverted and not applied again"),
                (Some(_), None) if first => {
                    ("was applied, and not reverted and applied again", "were applied, and not reverted and applied again")
                }
                (Some(a), r) => {
                    ids.extend([Some(a), r].into_iter().flatten().map(|i| these[i].evidence.id.clone()));
                    continue;
                }
            };
            match groups.iter_mut().find(|g| g.0 == was) {
                Some(g) => g.2.push(m),
                None => groups.push((was, were, vec![m])),
            }
        }
        for (was, were, of) in groups {
            let why = match of.as_slice() {
                [m] => format!("{env}: {} {} {was}", shown_version(m.version), m.name),
                many => format!("{env}: {} {were}", shown_range(&many.iter().map(|m| m.version).collect::<Vec<_>>())),
            };
            lacking.push(Lacking { environment: env.clone(), why });
        }
        let what = if first { "applied, reverted and applied again" } else { "applied" };
        good.push((format!("{what} in {env}"), ids));
    }
    if lacking.is_empty() { Ok(good) } else { Err(lacking) }
}

/// The command that does what a step lacks, for people to copy.
pub(in crate::ops) fn command(config: &Config, target: &Target, s: &Situation, step: &StepDef) -> String {
    let name = &target.name;
    match step.evidence.as_str() {
        "backup-taken" => format!("holdpoint backup take {name}"),
        "restore-verified" => format!("holdpoint backup verify {name}"),
        "rollback-proven" => format!("holdpoint migrate prove {name}"),
        "approval" => match config.policy.approval {
            Approval::Second => format!("holdpoint checklist sign {name} {}", step.id),
            Approval::Solo => format!("holdpoint checklist sign {name} {} --reason \"…\" --confirm {name}", step.id),
        },
        "applied" => format!("holdpoint migrate apply {name}"),
        "applied-earlier" => match promotion(config, target, s) {
            Err(lacking) => {
                let env = &lacking[0].environment;
                let first = config.environments.first() == Some(env);
                let there = sibling(config, target, env);
                // A part of what is pending was asked for: there too.
                let last = s.range.last().map(|m| m.version);
                let all = s.queue.pending().last().map(|i| i.version) == last;
                let to = last.filter(|_| !all).map(|v| format!(" --to {v}")).unwrap_or_default();
                match there {
                    Some(t) if first => format!("holdpoint migrate rehearse {}{to}", t.name),
                    Some(t) => format!("holdpoint migrate apply {}{to}", t.name),
                    None => "holdpoint evidence import FILE".into(),
                }
            }
            Ok(_) => format!("holdpoint run {} {name}", s.list.id),
        },
        _ => format!("holdpoint run {} {name}", s.list.id),
    }
}

/// What to do about a step, in a few words; [`command`] does it.
pub(in crate::ops) fn next(config: &Config, target: &Target, s: &Situation, step: &StepDef) -> String {
    match step.evidence.as_str() {
        "files-intact" if !broken_files(s).is_empty() => "Mend what is named".into(),
        "down-present" if s.range.iter().any(|m| m.down.is_none()) => "Write the missing down scripts".into(),
        "backup-taken" => "Take a backup".into(),
        "restore-verified" => "Restore and compare the backup".into(),
        "rollback-proven" => "Prove the rollback".into(),
        "approval" => match config.policy.approval {
            Approval::Second => "Ask a second person to sign".into(),
            Approval::Solo => "Sign, with a reason and the target's name".into(),
        },
        "applied" => "Apply, typing the target's name".into(),
        "applied-earlier" => match promotion(config, target, s) {
            Ok(_) => "Look at the earlier environments".into(),
            Err(lacking) => {
                let env = &lacking[0].environment;
                let command = command(config, target, s, step);
                if command.contains("rehearse") {
                    format!("{env}: apply, revert and apply again")
                } else if command.contains("import") {
                    format!("No target of {env} is configured here: import the evidence from the host that reaches it")
                } else {
                    format!("{env}: apply it there")
                }
            }
        },
        _ => "Run the step".into(),
    }
}

/// [`next`] with its command, for where only one line is shown.
pub(in crate::ops) fn hint(config: &Config, target: &Target, s: &Situation, step: &StepDef) -> String {
    format!("{}: {}", next(config, target, s, step), command(config, target, s, step))
}
