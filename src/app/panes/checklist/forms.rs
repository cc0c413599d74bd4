//! What the checklist asks before something happens: forms in which the target's name is typed, what holds, and where
//! to go for a step that is proven elsewhere.

use super::super::migrations::{self, shown_range, shown_version};
use super::no_run;
use super::words::dotted;
use crate::app::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then};
use crate::app::effect::Operation;
use crate::app::msg::Ran;
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State};
use crate::config::StepKind;
use crate::config::files::Approval;
use crate::model::{Result, Severity};
use crate::ops::checklist::StepView;
use crate::ops::gate::{Held, RevertPreview};
use crate::text;

pub(super) fn close_question(state: &mut State, title: &str, then: Then) {
    let range = state.checklist.view.as_ref().map_or_else(String::new, |v| shown_range(&v.range));
    state.ask(Confirm {
        title: title.into(),
        body: vec![
            format!("As long as the run is open, reverting {range} is covered by what was proven for it."),
            "Once it is closed, a revert needs the downs proven again, the losses counted, and the target's name.".into(),
        ],
        answers: vec![Answer::new('n', "leave it open", Then::Nothing), Answer::new('c', "close it", then)],
    });
}

/// The step that happens elsewhere: what is missing, and one key to do it.
pub(super) fn offer_earlier(state: &mut State, step: &StepView) {
    let Some(here) = state.link.server().map(|s| s.target.clone()) else { return };
    let range = state.checklist.view.as_ref().map(|v| v.range.clone()).unwrap_or_default();
    let upto = range.last().copied();
    let words = shown_range(&range);
    let mut body: Vec<String> = Vec::new();
    // One line for each environment: the first thing that is missing there, and how many more.
    let mut lacking: Vec<(&str, &str, usize)> = Vec::new();
    for w in step.why_not.iter().filter(|w| !w.is_empty()) {
        let of = w.split(':').next().unwrap_or("");
        match lacking.iter_mut().find(|(e, ..)| *e == of) {
            Some((_, _, more)) => *more += 1,
            None => lacking.push((of, w, 0)),
        }
    }
    if lacking.is_empty() {
        body.push(work::sentence(&step.summary));
    }
    // Where nothing is missing, nothing is offered; where it cannot be told, everything.
    let named: Vec<String> = lacking.iter().map(|(e, ..)| (*e).to_string()).filter(|e| state.config.environments.contains(e)).collect();
    body.extend(lacking.into_iter().map(|(_, w, more)| match more {
        0 => dotted(&text::clean(w)),
        n => format!("{}, and {n} more.", text::clean(w.trim_end_matches('.'))),
    }));
    let rank = |e: &Option<String>| e.as_ref().and_then(|e| state.config.environments.iter().position(|c| c == e));
    let own = rank(&here.environment).unwrap_or(state.config.environments.len());
    let mut earlier: Vec<_> = state
        .config
        .targets
        .values()
        .filter(|t| t.name != here.name && t.migrations.is_some() && t.migrations == here.migrations)
        .filter(|t| named.is_empty() || t.environment.as_ref().is_some_and(|e| named.contains(e)))
        .filter_map(|t| rank(&t.environment).filter(|r| *r < own).map(|r| (r, t)))
        .collect();
    earlier.sort_by_key(|(r, t)| (*r, t.name.clone()));
    let mut answers = vec![Answer::new('n', "not now", Then::Nothing)];
    for (r, t) in earlier {
        let name = text::clean(&t.name).into_owned();
        if r == 0 && !answers.iter().any(|a| a.key == 'r') {
            body.push(format!("r applies, reverts and applies {words} again on {name}; what is applied there already is reverted first."));
            let operation = Operation::Rehearse { target: t.name.clone(), upto };
            let then = Then::Operate { title: format!("rehearsing {words} on {name}"), writes: true, operation };
            answers.push(Answer::new('r', format!("rehearse on {name}"), then));
        } else if r > 0 && answers.iter().filter(|a| a.key != 'r').count() < 4 {
            let key = ['o', 'p', 'q'][answers.iter().filter(|a| matches!(a.then, Then::Follow { .. })).count().min(2)];
            let environment = text::clean(t.environment.as_deref().unwrap_or("")).into_owned();
            let (all, apply) =
                (work::keys_in(state, Pane::Checklist, Action::RunProvable), work::keys_in(state, Pane::Checklist, Action::Apply));
            body.push(format!(
                "{key} opens {name} ({environment}): there {all} in the checklist runs what is needed, and {apply} applies."
            ));
            answers.push(Answer::new(key, format!("open {name}"), Then::Follow { target: t.name.clone(), upto }));
        }
    }
    if answers.len() == 1 {
        body.push("No target of an earlier environment with these migrations is configured here.".into());
        body.push(
            "Do it where it can be reached, then bring the proof: holdpoint evidence export there, holdpoint evidence import here.".into(),
        );
    }
    state.ask(Confirm { title: step.title.clone(), body, answers });
}

/// Signs the chosen step, or the next one that wants a signature.
pub(super) fn sign(state: &mut State) {
    if state.checklist.view.is_none() {
        return no_run(state);
    }
    let wants = |s: &&StepView| s.kind == StepKind::Signed && !s.ticked();
    let step = state.checklist.chosen().filter(wants).or_else(|| state.checklist.steps().iter().find(wants)).cloned();
    match step {
        Some(s) => sign_form(state, &s),
        None => state.say(Note::info("No step waits for a signature.")),
    }
}

pub(super) fn sign_form(state: &mut State, step: &StepView) {
    let Some(target) = state.link.server().map(|s| text::clean(&s.target.name).into_owned()) else { return };
    let solo = state.config.policy.approval == Approval::Solo;
    let Some(v) = &state.checklist.view else { return };
    let mut body = vec![format!("{} · {} · {}", text::clean(&step.title), shown_range(&v.range), environment_words(state))];
    let open: Vec<String> =
        v.steps.iter().take_while(|s| s.id != step.id).filter(|s| !s.ticked()).map(|s| text::clean(&s.title).into_owned()).collect();
    if !open.is_empty() {
        body.push(format!("Still open before it: {}.", open.join(", ")));
    }
    if !step.help.is_empty() {
        body.push(work::sentence(&step.help));
    }
    if !step.voids_if.is_empty() {
        body.push(work::sentence(&step.voids_if));
    }
    let name = if solo { state.config.operator.clone() } else { String::new() };
    let hint = if solo { "who signs" } else { "somebody else than who started the run" };
    let mut fields = vec![Field::new("Name", &name, hint), Field::new("Reason", "", "why this may be done now; it is kept")];
    if solo {
        body.push("The policy is solo: this is recorded everywhere as approved alone.".into());
        fields.push(Field::new("Target", "", format!("type {target}")));
    }
    let mut form = Form::new("Sign", Purpose::Sign { step: step.id.clone(), solo }, body, fields);
    // The name is there already: the reason is what has to be typed.
    form.at = usize::from(!name.is_empty());
    state.dialogs.push(Dialog::Form(form));
}

/// `PRODUCTION shop-prod`.
fn environment_words(state: &State) -> String {
    let name = text::clean(state.link.target_name().unwrap_or("")).into_owned();
    match state.environment() {
        Some(e) => format!("{} {name}", text::clean(e).to_uppercase()),
        None => name,
    }
}

/// The form that chooses the range of the run.
pub fn ask_range(state: &mut State, upto: Option<i64>) {
    let Some(v) = &state.checklist.view else { return no_run(state) };
    if v.applied && !v.closed {
        let words = format!("{} of this run is applied: its range stays until the run is closed or reverted.", shown_range(&v.range));
        return state.say(Note::warning(words));
    }
    let pending = state.migrations.range(None);
    let Some(last) = upto.or_else(|| v.range.last().copied()).or_else(|| pending.last().copied()) else {
        return state.say(Note::info("Nothing is pending: there is nothing to start a run for."));
    };
    let mut body = vec![
        format!("Pending: {}. The run takes them from the first one up to the version that you name.", shown_list(&pending)),
        "Proofs belong to a range: another range needs its own.".into(),
    ];
    if v.run.is_some() {
        body.push(format!("The open run is about {}.", shown_range(&v.range)));
    }
    let fields = vec![
        Field::new("Up to", &shown_version(last), "version"),
        Field::new("Issue", v.issue.as_deref().unwrap_or(""), "number of the change, if there is one"),
    ];
    let title = if v.run.is_some() { "Choose the range of the run" } else { "Start a run" };
    state.dialogs.push(Dialog::Form(Form::new(title, Purpose::StartRun, body, fields)));
}

fn shown_list(versions: &[i64]) -> String {
    let all: Vec<String> = versions.iter().map(|v| shown_version(*v)).collect();
    match all.len() {
        0 => "nothing".into(),
        1..=8 => all.join(", "),
        n => format!("{}, … {} ({n})", all[..3].join(", "), all[n - 1]),
    }
}

/// Asks the gate whether the range may be applied; its answer opens the form, or says what holds.
pub fn ask_apply(state: &mut State, upto: Option<i64>, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() {
        return state.say(Note::info("No target is open."));
    }
    if let Some(v) = &state.checklist.view {
        if v.applied && !v.closed {
            return state.say(Note::info(format!("{} is applied already; the run is still open.", shown_range(&v.range))));
        }
        let wanted = state.migrations.range(upto);
        let operation = Operation::StartRun { upto, issue: v.issue.clone() };
        if upto.is_some() && !wanted.is_empty() && v.run.is_none() {
            let want = shown_range(&wanted);
            let then = Then::Operate { title: "starting the run".into(), writes: false, operation };
            state.ask(Confirm {
                title: format!("Held: applying {want} needs a run"),
                body: vec![
                    format!(
                        "Nothing is applied without a run of the checklist: its steps are the proofs that {} asks for.",
                        environment_words(state)
                    ),
                    format!("The run would be about {want}: the pending ones up to the cursor."),
                ],
                answers: vec![Answer::new('n', "not now", Then::Nothing), Answer::new('s', format!("start it for {want}"), then)],
            });
            return;
        }
        if upto.is_some() && !wanted.is_empty() && wanted != v.range {
            let (have, want) = (shown_range(&v.range), shown_range(&wanted));
            state.ask(Confirm {
                title: "Another range than the run's".into(),
                body: vec![
                    format!("The open run is about {have}; the cursor means {want}."),
                    "Only the run's own range can be applied: proofs belong to a range.".into(),
                ],
                answers: vec![
                    Answer::new('n', format!("stay with {have}"), Then::Nothing),
                    Answer::new(
                        'c',
                        format!("change the run to {want}"),
                        Then::Operate { title: "changing the range".into(), writes: false, operation },
                    ),
                ],
            });
            return;
        }
    }
    if state.migrations.queue.is_some() && state.migrations.pending() == 0 {
        return state.say(Note::info("Nothing is pending: there is nothing to apply."));
    }
    work::start(state, "asking the gate", false, Operation::CheckGate { upto }, effects);
}

/// The gate's answer.
pub fn gate(state: &mut State, upto: Option<i64>, result: Result<Result<Vec<i64>, Held>>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(Err(held)) => show_held(state, &held),
        Ok(Ok(versions)) => apply_form(state, upto, &versions),
    }
}

fn apply_form(state: &mut State, upto: Option<i64>, versions: &[i64]) {
    let Some(server) = state.link.server() else { return };
    let target = server.target.name.clone();
    let mut body = vec![format!("This applies {} to {}, in this order:", count(versions.len()), environment_words(state))];
    body.extend(versions.iter().take(8).map(|v| format!("  {}", named(state, *v))));
    if versions.len() > 8 {
        body.push(format!("  and {} more", versions.len() - 8));
    }
    if state.migrations.queue.as_ref().is_some_and(|q| !q.transactional_ddl) {
        body.push("Here DDL commits by itself: if a statement fails, those before it stay, and you are told which.".into());
    }
    body.push("Until the run is closed, reverting exactly these is covered.".into());
    let fields = vec![Field::new("Target", "", format!("type {} to apply", text::clean(&target)))];
    state.dialogs.push(Dialog::Form(Form::new("Apply", Purpose::Apply { target, upto }, body, fields)));
}

fn count(n: usize) -> String {
    if n == 1 { "1 migration".into() } else { format!("{n} migrations") }
}

/// `0004 index_orders`.
fn named(state: &State, version: i64) -> String {
    let item = state.migrations.items().iter().find(|i| i.version == version);
    match item {
        Some(i) => {
            let class = i.class.map_or_else(String::new, |c| format!(" ({})", migrations::class_word(c)));
            format!("{} {}{class}", shown_version(version), text::clean(&i.name))
        }
        None => shown_version(version),
    }
}

/// Says what holds, and offers the way to the checklist.
fn show_held(state: &mut State, held: &Held) {
    // What comes next is a step of the migrations then.
    state.checklist.other = None;
    state.say(Note { severity: Severity::Warning, ..Note::info(format!("Held: {}.", text::clean(&held.act))) });
    let width = usize::from(state.size.0.saturating_sub(8)).clamp(30, 92);
    // All of it has to fit: the first missing steps with what to do, the others by name.
    let room = usize::from(state.size.1.saturating_sub(9)).max(4);
    let mut body = Vec::new();
    let mut named = 0;
    for m in &held.missing {
        let mut lines = text::wrap(&format!("{}: {}", text::clean(&m.title), text::clean(&dotted(&m.why))), width);
        if !m.next.is_empty() {
            lines.extend(text::wrap(&format!("    {}", work::sentence(&m.next)), width));
        }
        let left = usize::from(named + 1 < held.missing.len());
        if body.len() + lines.len() + left > room {
            break;
        }
        body.extend(lines);
        named += 1;
    }
    let rest: Vec<String> = held.missing.iter().skip(named).map(|m| text::clean(&m.title).into_owned()).collect();
    if !rest.is_empty() {
        body.extend(text::wrap(&format!("Then: {}.", rest.join(", ")), width));
    }
    let mut answers = vec![Answer::new('n', "not now", Then::Nothing)];
    if state.view.focus != Pane::Checklist {
        answers.push(Answer::new('c', "go to the checklist", Then::Action(Action::GoChecklist)));
    }
    answers.push(Answer::new('r', "run what comes next", Then::Action(Action::RunNext)));
    state.ask(Confirm { title: format!("Held: {}", held.act), body, answers });
}

/// Asks what a revert would do; the answer opens the form.
pub fn ask_revert(state: &mut State, downto: Option<i64>, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() {
        return state.say(Note::info("No target is open."));
    }
    work::start(state, "looking what a revert would do", false, Operation::PreviewRevert { downto }, effects);
}

/// What a revert would do.
pub fn revert_preview(state: &mut State, downto: Option<i64>, result: Result<RevertPreview>) {
    let p = match result {
        Ok(p) => p,
        Err(e) => return work::failed(state, &e),
    };
    if p.versions.is_empty() {
        return state.say(Note::info("Nothing is applied that could be reverted."));
    }
    if !p.missing.is_empty() {
        let act = format!("revert {} on {}", shown_range(&p.versions), state.link.target_name().unwrap_or(""));
        return show_held(state, &Held { act, missing: p.missing });
    }
    let Some(target) = state.link.server().map(|s| s.target.name.clone()) else { return };
    let mut body = vec![format!("This reverts {} on {}, in this order:", count(p.versions.len()), environment_words(state))];
    body.extend(p.versions.iter().take(6).map(|v| format!("  {}", named(state, *v))));
    if p.versions.len() > 6 {
        body.push(format!("  and {} more", p.versions.len() - 6));
    }
    if !p.proven {
        body.push("Their down scripts were not proven here: what they lose is not known.".into());
        body.push("Esc, then P in the migrations pane proves them on a copy.".into());
    } else if p.losses.is_empty() {
        body.push("By the proof nothing is lost.".into());
    } else {
        body.push("What is lost:".into());
        body.extend(p.losses.iter().map(|l| format!("  {}", work::sentence(l))));
    }
    body.push(if p.covered {
        "The run that applied them is open: its clearance covers this.".into()
    } else {
        "The run that applied them is closed: this is recorded as a later revert.".to_string()
    });
    let fields = vec![Field::new("Target", "", format!("type {} to revert", text::clean(&target)))];
    state.dialogs.push(Dialog::Form(Form::new("Revert", Purpose::Revert { target, downto }, body, fields)));
}

/// Scripts were run, or the gate held after all.
pub fn ran(state: &mut State, what: &str, result: Result<Result<Ran, Held>>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(Err(held)) => show_held(state, &held),
        Ok(Ok(ran)) => {
            let mut note = Note::ok(format!("{what}: {}.", work::ran_words(&ran)));
            note.more = ran.findings.iter().map(|f| text::clean(&f.message).into_owned()).collect();
            if ran.findings.iter().any(|f| f.severity >= Severity::Warning) {
                note.severity = Severity::Warning;
            }
            state.say(note);
            if what == "Applied" {
                offer_next(state, &ran);
            }
        }
    }
}

/// After an apply where another environment comes next: one key to go on there.
fn offer_next(state: &mut State, ran: &Ran) {
    let Some(here) = state.link.server().map(|s| s.target.clone()) else { return };
    let chain = &state.config.environments;
    let place = here.environment.as_ref().and_then(|e| chain.iter().position(|c| c == e));
    let Some(next) = place.and_then(|p| chain.get(p + 1)) else { return };
    let there = state.config.targets.values().find(|t| t.environment.as_ref() == Some(next) && t.migrations == here.migrations);
    let Some(there) = there else { return };
    let (name, upto) = (text::clean(&there.name).into_owned(), ran.steps.last().map(|s| s.version));
    let then = Then::Follow { target: there.name.clone(), upto };
    state.ask(Confirm {
        title: format!("Applied on {}", here.name),
        body: vec![
            format!("{}.", work::ran_words(ran)),
            format!("{} comes next: {name}. Its checklist can count on what was done here.", text::clean(next)),
            "The run here stays open, so that reverting is covered; close it when this has been looked at.".into(),
        ],
        answers: vec![Answer::new('n', "stay here", Then::Nothing), Answer::new('o', format!("open {name}"), then)],
    });
}

/// A form of this pane is complete.
pub fn submit(state: &mut State, effects: &mut Vec<Effect>) {
    let pending = state.migrations.range(None);
    let Some(Dialog::Form(form)) = state.dialogs.last_mut() else { return };
    let refuse = |form: &mut Form, why: String, at: usize| {
        form.problem = Some(why);
        form.at = at;
    };
    let not_it = |target: &str| format!("That is not the name of this target: {}.", text::clean(target));
    match form.purpose.clone() {
        Purpose::Sign { step, solo } => {
            let (name, text_, typed) = (form.value(0).trim().to_string(), form.value(1).trim().to_string(), form.value(2).to_string());
            let target = state.link.target_name().unwrap_or("").to_string();
            if name.is_empty() {
                refuse(form, "Who signs?".into(), 0);
            } else if text_.is_empty() {
                refuse(form, "A signature needs a reason.".into(), 1);
            } else if solo && typed != target {
                refuse(form, not_it(&target), 2);
            } else {
                state.dialogs.pop();
                let typed_target = solo.then_some(typed);
                work::start(state, "signing", false, Operation::Sign { step, name, text: text_, typed_target }, effects);
            }
        }
        Purpose::SignIncident { which, step } => {
            let (name, words) = (form.value(0).to_string(), form.value(1).to_string());
            if let Err((why, at)) = super::incidents::signed(state, which, step, &name, &words, effects)
                && let Some(Dialog::Form(form)) = state.dialogs.last_mut()
            {
                refuse(form, why, at);
            }
        }
        Purpose::Apply { target, upto } => {
            let typed = form.value(0).to_string();
            if typed != target {
                return refuse(form, not_it(&target), 0);
            }
            state.dialogs.pop();
            let words = shown_range(&state.migrations.range(upto));
            work::start(state, format!("applying {words}"), true, Operation::Apply { upto, typed }, effects);
        }
        Purpose::Revert { target, downto } => {
            let typed = form.value(0).to_string();
            if typed != target {
                return refuse(form, not_it(&target), 0);
            }
            state.dialogs.pop();
            work::start(state, "reverting", true, Operation::Revert { downto, typed }, effects);
        }
        Purpose::StartRun => {
            let version = form.value(0).trim().to_string();
            let issue = Some(form.value(1).trim().to_string()).filter(|i| !i.is_empty());
            let upto = match version.parse::<i64>() {
                Ok(v) if pending.contains(&v) => v,
                _ => return refuse(form, format!("Pending are {}: name one of them.", shown_list(&pending)), 0),
            };
            state.dialogs.pop();
            work::start(state, "starting the run", false, Operation::StartRun { upto: Some(upto), issue }, effects);
        }
        _ => {}
    }
}
