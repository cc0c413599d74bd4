//! What is staged: shown as SQL, written in one transaction, or thrown away.

use super::{Staged, plan, words};
use crate::app::dialog::{Answer, Confirm, Dialog, Then, Viewer};
use crate::app::effect::{JobId, ResultId, Statement};
use crate::app::panes::results::back::Back;
use crate::app::panes::{fix, running};
use crate::app::state::Note;
use crate::app::{Action, Effect, State};
use crate::model::{Error, TableInfo};
use crate::ops::cells::{CellStatement, RowEdit, Written, editable, statements};
use crate::text;

/// Statements that stand in the question itself.
const SHOWN: usize = 6;

/// The statements that are staged, with their table.
fn staged(state: &State) -> Option<(ResultId, TableInfo, Vec<CellStatement>)> {
    let tab = state.query.result().filter(|t| !t.staged.is_empty())?;
    let columns = tab.columns.as_ref()?;
    let origin = columns.iter().find_map(|c| c.origin.as_ref())?;
    let plan = editable(columns, state.query.tables.get(&origin.table).cloned().flatten()).ok()?;
    let name = |c: usize| plan.columns.get(c).copied().flatten().and_then(|i| plan.table.columns.get(i)).map(|c| c.name.clone());
    let edits: Vec<RowEdit> = tab
        .staged
        .iter()
        .map(|s| match s.clone() {
            Staged::Update { key, cells, was, .. } => {
                let cells = cells.into_iter().filter_map(|(c, (old, new))| Some((name(c)?, old, new))).collect();
                RowEdit::Update { key, cells, was }
            }
            Staged::Delete { key, was, .. } => RowEdit::Delete { key, was },
            Staged::Insert { cells, .. } => RowEdit::Insert { cells },
        })
        .collect();
    let list = statements(state.query.editor.dialect(), &plan.table, plan.zone.as_deref(), &edits);
    Some((tab.id, plan.table, list))
}

/// Shows what is going to be written, and asks.
pub(super) fn review(state: &mut State) {
    if running::busy(state) {
        return;
    }
    let Some((_, table, list)) = staged(state) else {
        state.say(Note::info("Nothing is staged."));
        return;
    };
    let target = state.link.target_name().unwrap_or("");
    let mut body: Vec<String> = list.iter().take(SHOWN).map(|s| format!("{};", s.shown)).collect();
    if list.len() > SHOWN {
        body.push(format!("… and {} more", list.len() - SHOWN));
    }
    body.push("One transaction; each must change exactly one row, or nothing is written.".into());
    let open = state.link.server().is_some_and(|s| s.target.access == crate::config::AccessMode::Open);
    if !open {
        body.push("They are a data fix: you see what changed, then commit or roll back.".into());
    }
    let title = format!("Write {} to {} on {target}?", text::counted(list.len() as u64, "change"), table.name);
    let mut answers = vec![Answer::new('n', "not yet", Then::Nothing), Answer::new('w', "write", Then::WriteEdits)];
    if list.len() > SHOWN || list.iter().any(|s| s.shown.len() > 200) {
        answers.push(Answer::new('v', "view all", Then::ShowEdits));
    }
    state.ask(Confirm { title, body, answers });
}

/// All statements, above the question.
pub fn show(state: &mut State) {
    let Some((_, _, list)) = staged(state) else { return };
    review(state);
    let all: Vec<String> = list.iter().map(|s| format!("{};", s.shown)).collect();
    state.dialogs.push(Dialog::Viewer(Viewer::new("What is going to be written", all.join("\n")).sql()));
}

/// Writes what is staged.
pub fn write(state: &mut State, effects: &mut Vec<Effect>) {
    let Some((result, table, statements)) = staged(state) else { return };
    let job = state.id();
    state.job(job, "writing changes", true, effects);
    if let Some(job) = state.jobs.last_mut() {
        job.blocked = Some(crate::app::blocked::Blocked::of("cell edit"));
    }
    effects.push(Effect::WriteCells { link: state.link_no, job, result, table: Box::new(table), statements });
}

/// The changes are written, or none of them is.
pub fn written(state: &mut State, job: JobId, result: ResultId, outcome: std::result::Result<Written, Error>, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    match outcome {
        Err(e) => crate::app::work::failed(state, &e),
        Ok(done) => {
            let open = state.link.server().is_some_and(|s| s.status.tx != crate::model::TxState::Idle);
            let more = if open { " The transaction is still open: commit or roll back." } else { "" };
            state.say(Note::ok(format!("{} written.{more}", text::counted(done.rows, "row"))));
            if let Some(e) = done.unrecorded {
                state.say(Note::warning(format!("Written, but not recorded in the journal: {}", e.message)));
            }
            read_again(state, result, effects);
        }
    }
}

/// What is on the screen is older than what is written: the rows are read again.
pub fn read_again(state: &mut State, result: ResultId, effects: &mut Vec<Effect>) {
    let shown = state.query.result().is_some_and(|t| t.id == result);
    let plan = shown.then(|| plan(state, Action::EditCell, &mut Vec::new())).flatten().and_then(std::result::Result::ok);
    if let Some(tab) = state.result_mut(result) {
        let back = Back::of(tab, plan.as_ref());
        tab.staged.clear();
        let again = Statement { values: tab.values.clone(), record: tab.record, ..Statement::new(tab.text.clone(), tab.offset) };
        running::again(state, result, again, effects);
        if let Some(r) = &mut state.query.running {
            r.back = Some(back);
        }
    }
}

/// The changes are made in a transaction that waits for its answer.
pub fn waits(state: &mut State, job: JobId, result: ResultId, report: fix::Report, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    fix::begun(state, result, true, report, effects);
}

pub(super) fn discard(state: &mut State) {
    let Some(words) = state.query.result().and_then(words) else {
        state.say(Note::info("Nothing is staged."));
        return;
    };
    state.ask(Confirm {
        title: "Discard the changes?".into(),
        body: vec![format!("{words}; nothing of it is written yet.")],
        answers: vec![Answer::new('n', "keep them", Then::Nothing), Answer::new('d', "discard", Then::DiscardEdits)],
    });
}

/// Throws away what is staged.
pub fn discarded(state: &mut State) {
    let shown = state.query.shown;
    if let Some(tab) = state.query.results.get_mut(shown) {
        tab.staged.clear();
    }
}
