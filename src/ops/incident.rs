//! An incident: what the checklists `emergency-assessment` and `emergency-recovery` are about. Nothing here needs an open target: the
//! record is ours, and what looks at the server logs in by itself. Both lists share one incident's evidence, which travels to another
//! machine as a bundle (`holdpoint evidence`), so that a second person goes on where the first one stopped.

mod steps;

use super::Cx;
use super::checklist::{RunView, Signature, StepOutcome, StepState, StepView};
use super::record::{Draft, short_id};
use crate::config::{StepDef, StepKind, Target, checklist};
use crate::model::evidence::Evidence;
use crate::model::{Error, Result};
use crate::store::evidence::Stored;
use crate::store::journal::{Entry, Filter};
use crate::text;
use jiff::Timestamp;

/// Names of the checklists.
pub const CHECKLISTS: [&str; 2] = ["emergency-assessment", "emergency-recovery"];

/// The fact that ties evidence to its incident.
const INCIDENT: &str = "incident";
/// The fact that says where its target leads.
const PLACE: &str = "place";
/// The fact that names the ticket.
const ISSUE: &str = "issue";
/// An incident of which nothing was heard for so long is over, whether or not it was handed over; seconds.
const STALE: i64 = 24 * 3600;
/// So long one that was handed over is still shown; seconds.
const SHOWN: i64 = 3600;
/// The fact with what is to be said to others.
pub const PASTE: &str = "text to paste";

/// Whether a checklist is about an incident.
pub fn is(checklist: &str) -> bool {
    CHECKLISTS.contains(&checklist)
}

/// What is known of one.
struct Incident {
    id: String,
    issue: Option<String>,
    /// Newest first.
    evidence: Vec<Stored>,
    /// Recovery actions on the target since it began that changed something, or may have; oldest first.
    actions: Vec<Entry>,
}

impl Incident {
    /// The newest evidence of a kind that may be believed and holds.
    fn newest(&self, kind: &str) -> Option<&Evidence> {
        self.evidence.iter().find(|s| s.evidence.kind == kind && s.tampered.is_none()).map(|s| &s.evidence).filter(|e| e.holds)
    }
    fn first(&self) -> Option<&Evidence> {
        self.evidence.last().map(|s| &s.evidence)
    }
    fn handed_over(&self) -> Option<&Evidence> {
        self.newest("handed-over")
    }
    /// An action ended after that record was made: by the order of the journal, since times there are whole seconds. What came from another
    /// machine has only its time: an action of the same second may have come after it.
    fn acted_since(&self, s: &Stored) -> bool {
        match s.evidence.imported_from {
            None => self.actions.iter().any(|a| a.seq > s.seq),
            Some(_) => self.actions.iter().any(|a| a.at >= s.evidence.at),
        }
    }
}

/// Seconds from a time that a record has to now.
fn since(now: Timestamp, at: &str) -> i64 {
    at.parse::<Timestamp>().map_or(i64::MAX, |t| now.as_second() - t.as_second())
}

/// The incident of a target that is worked on, or was handed over a short while ago.
fn newest(cx: &Cx, target: &Target) -> Result<Option<Incident>> {
    let mut evidence = cx.store.evidence(None)?;
    let place = target.leads();
    // Another server may bear the same name here; what came from another machine may call this one otherwise.
    let here = |e: &Evidence| e.imported_from.is_some() || e.facts.get(PLACE) == Some(&place);
    evidence.retain(|s| s.evidence.subject.target == target.name && s.evidence.facts.contains_key(INCIDENT) && here(&s.evidence));
    let now = cx.clock.now();
    let Some(id) = one_of(&mut evidence, now) else { return Ok(None) };
    let issue = evidence.iter().find_map(|s| s.evidence.facts.get(ISSUE)).cloned();
    let began = evidence.last().map_or_else(String::new, |s| s.evidence.at.clone());
    let all = done_to(cx, target, &ACTIONS)?;
    let mut actions: Vec<Entry> =
        all.iter().filter(|e| (e.kind != ACTIONS[0] && e.kind != ACTIONS[3]) || is_unended(e, &all)).cloned().collect();
    actions.retain(|e| e.at >= began);
    let incident = Incident { id, issue, evidence, actions };
    let shown = match (incident.handed_over(), incident.evidence.first()) {
        (Some(e), _) => since(now, &e.at) < SHOWN,
        (None, Some(s)) => since(now, &s.evidence.at) < STALE,
        (None, None) => false,
    };
    Ok(shown.then_some(incident))
}

/// Keeps the evidence of the incident that is worked on, or of the last one, and gives its name. Two people who each began a run before they heard
/// of one another work on one incident: it has the name of the run that began first, and what either has signed counts.
fn one_of(evidence: &mut Vec<Stored>, now: Timestamp) -> Option<String> {
    let of = |s: &Stored| s.evidence.facts.get(INCIDENT).cloned().unwrap_or_default();
    let last = of(evidence.first()?);
    let mut ids: Vec<String> = evidence.iter().map(of).collect();
    ids.sort();
    ids.dedup();
    ids.retain(|id| {
        let mut its_own = evidence.iter().filter(|s| of(s) == *id);
        let recent = its_own.clone().any(|s| since(now, &s.evidence.at) < STALE);
        recent && !its_own.any(|s| s.evidence.kind == "handed-over" && s.evidence.holds && s.tampered.is_none())
    });
    let began = |id: &String| evidence.iter().filter(|s| of(s) == *id).map(|s| s.evidence.at.clone()).min();
    let id = ids.iter().min_by_key(|id| began(id)).cloned().unwrap_or_else(|| last.clone());
    if !ids.contains(&last) {
        // The newest was handed over, or is long ago: what is worked on comes before it.
        ids.extend(ids.is_empty().then_some(last));
    }
    evidence.retain(|s| ids.contains(&of(s)));
    if ids.len() > 1 {
        // What came from another machine stands in the order of its import.
        evidence.sort_by(|a, b| b.evidence.at.cmp(&a.evidence.at));
    }
    Some(id)
}

/// What the journal has of recovery actions on the target's server, the oldest first, by whatever target they were done: an administrator's
/// own, or the same one logged in to another database because its own was locked.
pub(super) fn done_to(cx: &Cx, target: &Target, kinds: &[&str]) -> Result<Vec<Entry>> {
    let (server, place) = (target.server(), target.leads());
    let mut found = Vec::new();
    for kind in kinds {
        found.extend(cx.store.entries(&Filter { kind: Some((*kind).into()), ..Filter::default() })?);
    }
    found.retain(|e| match e.text("server") {
        Some(on) => on == server,
        // Before actions had their server on record.
        None => e.text("place") == Some(place.as_str()),
    });
    found.sort_by_key(|e| e.seq);
    Ok(found)
}

/// How the journal calls what is noted of a recovery action.
pub(super) const ACTIONS: [&str; 5] = ["recovery-begin", "recovery-done", "recovery-unverified", "recovery-nothing", "recovery-failed"];

/// Whether an entry is a recovery action's beginning without an end among the others: it was cut off (the program killed, the machine lost), or
/// is still at work. Once the same has been done again to its end, what it came to is known.
pub(super) fn is_unended(e: &Entry, all: &[Entry]) -> bool {
    let ends =
        |o: &Entry| o.seq > e.seq && o.kind != ACTIONS[0] && o.text("action") == e.text("action") && o.text("object") == e.text("object");
    e.kind == ACTIONS[0] && !all.iter().any(ends)
}

/// The sentence of an action; of one without an end on record it says so.
pub(super) fn told(e: &Entry) -> String {
    match e.kind == ACTIONS[0] {
        true => format!("{}, and no end of it is on record: it was cut off, or is still at work, and may have taken effect", e.sentence()),
        false => e.sentence(),
    }
}

/// What the steps are about.
struct About<'a> {
    target: &'a Target,
    checklist: &'static str,
    title: String,
    steps: Vec<StepDef>,
    incident: Option<Incident>,
    now: Timestamp,
}

fn about<'a>(cx: &Cx, target: &'a Target, id: &str) -> Result<About<'a>> {
    let checklist = CHECKLISTS
        .into_iter()
        .find(|c| *c == id)
        .ok_or_else(|| Error::usage(crate::config::toml_file::unknown("checklist of an incident", id, "", &CHECKLISTS)))?;
    let list = checklist::load(&cx.config, checklist)?;
    let environment = target.environment.as_deref();
    let steps = list.steps.into_iter().filter(|s| s.applies(environment, &cx.config.environments)).collect();
    let incident = newest(cx, target)?;
    Ok(About { target, checklist, title: list.title, steps, incident, now: cx.clock.now() })
}

/// How the steps stand.
pub fn view(cx: &Cx, target: &Target, checklist: &str) -> Result<RunView> {
    Ok(show(&about(cx, target, checklist)?))
}

/// How a step stands, with the evidence that was looked at; `after`: the record of the last hold point before it.
fn tick<'a>(a: &'a About<'_>, def: &StepDef, after: i64) -> (StepState, Option<&'a Stored>, String) {
    let found = a.incident.as_ref().and_then(|i| Some((i, i.evidence.iter().find(|s| s.evidence.kind == def.evidence)?)));
    let Some((incident, s)) = found else {
        return (StepState::Waiting, None, if def.kind == StepKind::Signed { "not signed yet" } else { "not done yet" }.into());
    };
    let e = &s.evidence;
    let signed = def.kind == StepKind::Signed;
    let old = def.expires.is_some_and(|d| since(a.now, &e.at) > i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
    let of_effect = matches!(def.evidence.as_str(), "verified" | "handed-over");
    if let Some(why) = &s.tampered {
        (StepState::Unknown, Some(s), why.clone())
    } else if !signed && s.seq < after {
        (StepState::Voided, Some(s), "a step before it was done again since".into())
    } else if of_effect && incident.acted_since(s) {
        (StepState::Voided, Some(s), "a recovery action was taken since".into())
    } else if !e.holds {
        (StepState::Failed, Some(s), e.summary.clone())
    } else if old {
        (StepState::Expired, Some(s), "it is too old".into())
    } else {
        (if signed { StepState::Signed } else { StepState::Proved }, Some(s), e.summary.clone())
    }
}

fn show(a: &About<'_>) -> RunView {
    let name = text::shell_word(a.target.word());
    let (mut steps, mut held, mut after) = (Vec::new(), false, 0);
    for def in &a.steps {
        let signed = def.kind == StepKind::Signed;
        let (mut state, stored, words) = tick(a, def, after);
        // Behind an open hold point nothing that is computed counts.
        if held && state == StepState::Proved {
            state = StepState::Held;
        }
        let ticked = matches!(state, StepState::Proved | StepState::Signed);
        if def.hold {
            held |= !ticked;
            after = stored.filter(|_| ticked).map_or(after, |s| s.seq.max(after));
        }
        let e = stored.map(|s| &s.evidence);
        let mut facts = e.map(|e| e.facts.clone()).unwrap_or_default();
        if def.evidence == "communicated" && !ticked {
            facts.extend(steps::paste(a).map(|text| (PASTE.to_string(), text)));
        }
        let command = match signed {
            true => format!("holdpoint checklist sign {name} {} --checklist {} --reason '…'", def.id, a.checklist),
            // Where something else comes first, running the step again is not what to do.
            false if matches!((def.evidence.as_str(), state), ("recovered", _) | (_, StepState::Failed)) => String::new(),
            false => format!("holdpoint run {} {name}", a.checklist),
        };
        let from = e.and_then(|e| e.imported_from.as_ref()).filter(|_| ticked);
        let view = StepView::by_evidence(def, state, e, words, a.now);
        steps.push(StepView {
            summary: from.map_or_else(|| view.summary.clone(), |from| format!("{} (imported from {})", view.summary, text::clean(from))),
            facts,
            voids_if: steps::voids_if(&def.evidence).into(),
            next: if ticked { String::new() } else { steps::next(a, &def.evidence, state) },
            command,
            ..view
        });
    }
    let i = a.incident.as_ref();
    let first = i.and_then(Incident::first);
    RunView {
        checklist: a.checklist.into(),
        title: a.title.clone(),
        target: a.target.name.clone(),
        environment: a.target.environment.clone(),
        run: i.map(|i| i.id.clone()),
        issue: i.and_then(|i| i.issue.clone()),
        started_by: first.map(|e| e.by.clone()),
        started_at: first.map(|e| e.at.clone()),
        range: Vec::new(),
        subject: Some(i.map_or_else(|| "no incident yet".to_string(), |i| i.id.clone())),
        next: RunView::passing_over(&steps),
        steps,
        applied: false,
        closed: i.is_some_and(|i| i.handed_over().is_some()),
        findings: Vec::new(),
    }
}

/// The open incident, or a new one where there is none: the first evidence that names it opens it.
fn open<'a>(mut a: About<'a>, issue: Option<&str>) -> About<'a> {
    if a.incident.as_ref().is_none_or(|i| i.handed_over().is_some()) {
        a.incident = Some(Incident { id: format!("i-{}", short_id()), issue: None, evidence: Vec::new(), actions: Vec::new() });
    }
    if let (Some(i), Some(issue)) = (&mut a.incident, issue) {
        i.issue = Some(issue.to_string());
    }
    a
}

fn draft(a: &About<'_>, kind: &'static str, holds: bool, summary: impl Into<String>) -> Draft {
    let d = Draft::unseen(kind, a.target, holds, summary);
    let Some(i) = &a.incident else { return d };
    let d = d.fact(INCIDENT, i.id.clone()).fact(PLACE, a.target.leads());
    match &i.issue {
        Some(issue) => d.fact(ISSUE, issue.clone()),
        None => d,
    }
}

/// Runs the step at that place.
async fn run_step(cx: &Cx, a: &About<'_>, at: usize) -> Result<StepOutcome> {
    let def = a.steps.get(at).ok_or_else(|| Error::usage("every step is ticked"))?;
    if def.kind == StepKind::Signed {
        return Err(Error::held(format!("held: {} is for a person to sign", def.id)).hint(format!(
            "holdpoint checklist sign {} {} --checklist {} --reason '…'",
            text::shell_word(a.target.word()),
            def.id,
            a.checklist
        )));
    }
    cx.store.writable()?;
    let e = steps::run(cx, a, def).await?;
    Ok(StepOutcome { step: def.id.clone(), holds: e.holds, summary: e.summary.clone(), evidence: vec![e] })
}

/// Runs the step that comes next; where the last incident is handed over, the first one of a new incident.
pub async fn run_next(cx: &Cx, target: &Target, checklist: &str) -> Result<StepOutcome> {
    let a = open(about(cx, target, checklist)?, None);
    let v = show(&a);
    let at = v.next.ok_or_else(|| Error::usage(format!("every step of {checklist} on {} is ticked", target.name)))?;
    run_step(cx, &a, at).await
}

/// Runs the steps in order until a hold point is not proven. What a person signs and holds nothing up is passed over, so that nobody
/// waits for a signature before it is known what is wrong. `each` is told after every step.
pub async fn run_all(
    cx: &Cx,
    target: &Target,
    checklist: &str,
    issue: Option<&str>,
    each: &(dyn Fn(&StepOutcome) + Send + Sync),
) -> Result<RunView> {
    let mut done: Vec<String> = Vec::new();
    loop {
        cx.check_cancelled()?;
        let mut a = about(cx, target, checklist)?;
        if done.is_empty() {
            a = open(a, issue);
        }
        let v = show(&a);
        let at = v.steps.iter().position(|s| !s.ticked() && s.kind == StepKind::Proved && !done.contains(&s.id));
        let Some(at) = at.filter(|at| v.steps[..*at].iter().all(|s| s.ticked() || !s.hold)) else { return Ok(v) };
        done.push(v.steps[at].id.clone());
        let outcome = run_step(cx, &a, at).await?;
        each(&outcome);
        if !outcome.holds && v.steps[at].hold {
            return view(cx, target, checklist);
        }
    }
}

/// Signs a step with a name and a reason. A step that is computed is not signed.
pub fn sign(cx: &Cx, target: &Target, checklist: &str, step: &str, signature: &Signature) -> Result<Evidence> {
    let a = about(cx, target, checklist)?;
    if let Some(i) = a.incident.as_ref().filter(|i| i.handed_over().is_some()) {
        return Err(Error::held(format!("held: the incident {} was handed over, and nothing is added to it", i.id)).hint(format!(
            "A new one begins with an assessment: holdpoint run {} {}",
            CHECKLISTS[0],
            text::shell_word(target.word())
        )));
    }
    let a = open(a, None);
    let Some(def) = a.steps.iter().find(|d| d.id == step) else {
        let ids: Vec<&str> = a.steps.iter().filter(|d| d.kind == StepKind::Signed).map(|d| d.id.as_str()).collect();
        return Err(Error::usage(crate::config::toml_file::unknown("step", step, &format!("checklist {checklist}"), &ids)));
    };
    if def.kind != StepKind::Signed {
        return Err(Error::usage(format!("{step} is computed, never signed"))
            .hint(format!("Run it: holdpoint run {checklist} {}", text::shell_word(target.word()))));
    }
    let (name, reason) = (signature.name.trim(), signature.text.trim());
    if name.is_empty() {
        return Err(Error::usage("a signature needs a name"));
    }
    if reason.is_empty() {
        return Err(Error::usage(format!("{step} needs a sentence: {}", def.help)).hint("Say it: --reason '…'."));
    }
    let kind = checklist::OF_INCIDENT.into_iter().find(|k| *k == def.evidence);
    let kind = kind.ok_or_else(|| Error::failed(format!("nobody signs `{}` of an incident", def.evidence)))?;
    cx.store.writable()?;
    let mut d = draft(&a, kind, true, format!("{}: {}", text::clean(name), text::clean(reason)))
        .fact("reason", reason)
        .fact("signed at the console of", format!("{}@{}", cx.operator, cx.host));
    d.by = Some(name.to_string());
    cx.record(d)
}
