//! Index advice in the plan pane: asked for upon the plan's statement, listed with how far each piece was tried, and queued as a
//! migration by a person's hand.

use super::Asked;
use crate::app::dialog::{Answer, Confirm, Dialog, Then, page_width};
use crate::app::effect::JobId;
use crate::app::links::{Goal, Line, Links};
use crate::app::panes::{checklist, migrations};
use crate::app::state::Note;
use crate::app::{Action, Effect, State, keys};
use crate::model::{Kind, Result};
use crate::ops::advice::{Level, Report};
use crate::plan::candidates::{Reason, Why};
use crate::text;
use std::path::PathBuf;

/// Asks for advice upon the statement of the plan on the screen.
pub(super) fn ask(state: &mut State, measure: bool, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() {
        state.say(Note::warning("No target is open."));
        return;
    }
    if state.plan.plan.is_none() || state.plan.asked.text.is_empty() {
        let key = keys::key_of(state, Action::Plan).unwrap_or_default();
        state.say(Note::info(format!("Advice is upon a statement's plan, and there is none yet: {key} asks for it.")));
        return;
    }
    let asked = state.plan.asked.clone();
    if measure {
        let trial = super::trial::Trial::LookAtCopies { asked };
        return super::trial::start(state, "what measuring takes", trial, effects);
    }
    send(state, asked, false, effects);
}

/// What measuring would make is known: the question.
pub(super) fn confirm(state: &mut State, asked: Asked, words: String) {
    state.ask(Confirm {
        title: "Measure advice on a copy?".into(),
        body: vec![words, "The target is only read. It can be cancelled while it runs, and nothing is left of it then.".into()],
        answers: vec![Answer::new('n', "no", Then::Nothing), Answer::new('m', "measure", Then::MeasureAdvice(asked))],
    });
}

/// Asks without a question.
pub fn send(state: &mut State, asked: Asked, measure: bool, effects: &mut Vec<Effect>) {
    let job = state.id();
    state.job(job, if measure { "measuring advice" } else { "advice" }, false, effects);
    effects.push(Effect::Advise { link: state.link_no, job, text: asked.text, values: asked.values, measure });
}

/// It came.
pub fn told(state: &mut State, job: JobId, result: Result<Box<Report>>) {
    state.jobs.retain(|j| j.id != job);
    match result {
        Ok(report) => {
            state.plan.advice = Some(report);
            list(state);
        }
        Err(e) if e.kind == Kind::Cancelled => state.say(Note::info("Cancelled; nothing is left of the trial.")),
        Err(e) => state.say(Note::error(&e)),
    }
}

/// Text in lines of the page, each part but the first one set in.
fn wrapped(out: &mut Vec<Line>, lead: &str, words: &str, width: usize) {
    for (i, l) in text::wrap(&text::clean(words), width.saturating_sub(lead.len())).into_iter().enumerate() {
        let lead = if i == 0 { lead.to_string() } else { " ".repeat(lead.len()) };
        out.push(Line::plain(format!("{lead}{l}")));
    }
}

fn reason(lines: &mut Vec<Line>, why: &Reason, width: usize) {
    let table = if why.table.is_empty() { String::new() } else { format!("{}: ", why.table) };
    wrapped(lines, "  ", &format!("{table}{}. {}", why.text, why.next), width);
    if let Some(sql) = &why.sql {
        wrapped(lines, "    ", sql, width);
    }
}

/// The list: what helps with how far it was tried, or why nothing does.
fn list(state: &mut State) {
    let Some(r) = &state.plan.advice else { return };
    let width = usize::from(page_width(state.size.0)).saturating_sub(4).max(30);
    let mut lines = Vec::new();
    for l in text::wrap(&text::clean(&r.answer()), width) {
        lines.push(Line::heading(l));
    }
    if let Some(d) = &r.differs {
        wrapped(&mut lines, "", d, width);
    }
    // Old statistics make all doubtful that follows.
    let (doubts, others): (Vec<&Reason>, Vec<&Reason>) = r.reasons.iter().partition(|w| w.why == Why::StaleStatistics);
    doubts.into_iter().for_each(|why| reason(&mut lines, why, width));
    for (n, a) in r.advice.iter().enumerate() {
        lines.push(Line {
            text: format!("{:<9}  {}", a.level.word(), text::clean(&a.spec)),
            note: [Some(a.gain()), a.size()].into_iter().flatten().collect::<Vec<_>>().join(" · "),
            heading: false,
            goal: Some(Goal::Advice(n)),
        });
    }
    for v in &r.verified {
        wrapped(&mut lines, "verified   ", &v.text, width);
    }
    if !others.is_empty() {
        lines.push(Line::plain(""));
        lines.push(Line::heading(if !r.advice.is_empty() { "Beside that" } else { "Because" }));
        others.into_iter().for_each(|why| reason(&mut lines, why, width));
    }
    // What was measured and did not help was looked at hardest: it comes first.
    for measured in [true, false] {
        let mut heading = None;
        for d in r.dropped.iter().filter(|d| (d.reason.why == Why::Measured) == measured) {
            if heading.is_none() {
                lines.push(Line::plain(""));
                lines.push(Line::heading(d.left_out()));
                heading = Some(());
            }
            wrapped(&mut lines, "  ", &format!("{}: {}", d.what, d.reason.text), width);
        }
    }
    for n in &r.notes {
        lines.push(Line::plain(""));
        wrapped(&mut lines, "", n, width);
    }
    if r.advice.iter().any(|a| a.level != Level::Measured) {
        let key = keys::key_of(state, Action::AdviseMeasured).unwrap_or_default();
        lines.push(Line::plain(""));
        lines.push(Line { note: format!("{key} in the plan builds them on a scratch copy and measures."), ..Line::default() });
    }
    let rows = keys::dialog_rows(state.size.1);
    state.dialogs.push(Dialog::Links(Links::new("Index advice", lines, None, rows)));
}

/// One piece with its reasoning; the list stays below it.
pub fn open(state: &mut State, n: usize) {
    list(state);
    let width = usize::from(page_width(state.size.0)).saturating_sub(4).max(30);
    let dialect = state.query.editor.dialect();
    let Some(a) = state.plan.advice.as_ref().and_then(|r| r.advice.get(n)) else { return };
    let mut lines = Vec::new();
    for l in a.candidate.all().flat_map(|c| text::wrap(&text::clean(&c.create(dialect, true)), width)) {
        lines.push(Line::heading(l));
    }
    lines.push(Line::plain(""));
    lines.push(Line { text: "→ Queue it as a pair of migration scripts".into(), goal: Some(Goal::QueueAdvice(n)), ..Line::default() });
    if let Some(path) = a.candidate.nodes.first() {
        lines
            .push(Line { text: "→ Go to the node that it is about".into(), goal: Some(Goal::PlanNode(path.clone())), ..Line::default() });
    }
    lines.push(Line::plain(""));
    for sentence in a.reasoning() {
        wrapped(&mut lines, "", &sentence, width);
    }
    let title = format!("Advice · {}", a.level.word());
    let rows = keys::dialog_rows(state.size.1);
    state.dialogs.push(Dialog::Links(Links::new(title, lines, None, rows)));
}

/// Asks before two files are written.
pub fn queue(state: &mut State, n: usize) {
    let dialect = state.query.editor.dialect();
    let Some(a) = state.plan.advice.as_ref().and_then(|r| r.advice.get(n)) else { return };
    let Some(server) = state.link.server() else {
        state.say(Note::warning("No target is open."));
        return;
    };
    let Some(dir) = &server.target.migrations else {
        state.say(Note::warning(format!("Target {} has no migrations directory: set `migrations` of the target.", server.target.name)));
        return;
    };
    let mut body = Vec::new();
    for c in a.candidate.all() {
        body.extend([format!("Up: {}", c.create(dialect, true)), format!("Down: {}", c.drop_sql(dialect, true))]);
    }
    body.push(format!(
        "{} files are written into {}; nothing is run. The queue asks for proof and checklist as ever.",
        if a.candidate.with.is_empty() { "Two".to_string() } else { (2 * a.candidate.all().count()).to_string() },
        text::clean(&dir.display().to_string())
    ));
    let then = Then::QueueAdvice(Box::new(a.candidate.clone()), a.reasoning().join(" "));
    state.ask(Confirm {
        title: if a.candidate.with.is_empty() { "Queue this index?" } else { "Queue these indexes?" }.into(),
        body,
        answers: vec![Answer::new('n', "leave it", Then::Nothing), Answer::new('q', "queue it", then)],
    });
}

/// The two files are written: the queue is read again, so that the pane has them too.
pub fn queued(state: &mut State, result: Result<Vec<PathBuf>>, effects: &mut Vec<Effect>) {
    match result {
        Ok(files) => {
            let name = |p: &PathBuf| text::clean(&p.file_name().unwrap_or_default().to_string_lossy()).into_owned();
            let names: Vec<String> = files.iter().map(name).collect();
            let key = crate::app::work::keys(state, Action::GoMigrations);
            state.say(Note::ok(format!("Written: {}. Nothing was run; {key} shows the queue.", names.join(" and "))));
            migrations::load(state, effects);
            checklist::load(state, effects);
        }
        Err(e) => state.say(Note::error(&e)),
    }
}
