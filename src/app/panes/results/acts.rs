//! What the keys of the results pane do.

use super::{Progress, ResultTab};
use crate::app::cell_view::CellView;
use crate::app::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then, Viewer};
use crate::app::editor::Move;
use crate::app::effect::{JobId, ResultId, RowsReport, RowsWork};
use crate::app::layout::arrange;
use crate::app::panes::cells;
use crate::app::panes::query::{edited, export_form, go_to};
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State};
use crate::model::{Cell, Kind, Result};
use crate::ops::find::Way;
use crate::text;

/// Size of the grid's rows on the screen, and its width.
pub fn grid_page(state: &State) -> (usize, u16) {
    let (lines, width) = grid_lines(state);
    let foot = state.query.result().map_or(0, |r| r.foot(lines));
    (usize::from(lines.saturating_sub(foot)).max(1), width)
}

/// Lines of the grid, with those of new rows, and its columns.
fn grid_lines(state: &State) -> (u16, u16) {
    let area = arrange(state).inside(Pane::Results).unwrap_or_default();
    // The heading, and the reason below the rows when there is one.
    let failed = state.query.result().is_some_and(|r| matches!(r.progress, Progress::Failed(_) | Progress::Cut(..)));
    (area.h.saturating_sub(1 + u16::from(failed)), area.w)
}

/// Does an action of the results grid; false when it is none of its own.
pub fn act_results(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (page, width) = grid_page(state);
    let (lines, _) = grid_lines(state);
    let shown = state.query.shown;
    if let Some(tab) = state.query.results.get_mut(shown)
        && tab.go(action, page, width)
    {
        tab.make_room(lines);
        tab.want(page, effects);
        return true;
    }
    if cells::act(state, action, effects) || super::arrange::act(state, action, effects) || act_columns(state, action, effects) {
        return true;
    }
    match action {
        Action::Open => match fault(state) {
            Some(at) => go_to(state, at, effects),
            None => cell_viewer(state),
        },
        Action::Copy => {
            let value = state.query.result().and_then(ResultTab::chosen).map(|c| text::cell_string(c).unwrap_or_else(|| "NULL".into()));
            effects.extend(value.map(Effect::Copy));
        }
        Action::CopyRow => {
            let row = state.query.result().and_then(|t| Some((t, t.at(t.row)?))).map(|(t, (batch, r))| {
                let shown: Vec<_> = t.layout.order.iter().map(|c| batch.cell(r, *c)).collect();
                crate::ops::export::tsv_line(&shown)
            });
            effects.extend(row.map(Effect::Copy));
        }
        Action::MarkRows => mark(state),
        Action::Filter if state.query.result().is_some_and(|r| r.rows > 0) => {
            let field = Field::new("Text", &state.query.sought, "letters in any case; Enter finds the next row");
            state.dialogs.push(Dialog::Form(Form::new("Find in the rows", Purpose::Find, Vec::new(), vec![field])));
        }
        Action::PinResult => super::compare::pin(state),
        Action::CompareResults => super::compare::ask(state),
        Action::ColumnStatistics => super::column::ask(state, super::column::What::Statistics, effects),
        Action::Chart => super::column::ask(state, super::column::What::Chart, effects),
        Action::FindAgain => find(state, state.query.sought.clone(), Way::Forwards, effects),
        Action::FindBackwards => find(state, state.query.sought.clone(), Way::Backwards, effects),
        Action::Export => export_form(state),
        Action::NextResult if !state.query.results.is_empty() => {
            state.query.shown = (shown + 1) % state.query.results.len();
            want(state, effects);
        }
        Action::PreviousResult if !state.query.results.is_empty() => {
            state.query.shown = (shown + state.query.results.len() - 1) % state.query.results.len();
            want(state, effects);
        }
        Action::CloseResult => {
            let Some(tab) = state.query.results.get(shown) else { return true };
            if tab.progress == Progress::Running {
                state.say(Note::info("It is still running. Ctrl-C cancels it."));
                return true;
            }
            if let Some(words) = cells::words(tab) {
                state.ask(Confirm {
                    title: "Close the result?".into(),
                    body: vec![format!("{words}; nothing of it is written yet.")],
                    answers: vec![Answer::new('n', "stay", Then::Nothing), Answer::new('c', "close and discard", Then::CloseResult)],
                });
                return true;
            }
            effects.push(Effect::DropRows { result: tab.id });
            state.query.results.remove(shown);
            state.query.shown = shown.min(state.query.results.len().saturating_sub(1));
            want(state, effects);
        }
        _ => return false,
    }
    true
}

/// Begins a selection of rows at the cursor, or drops it.
fn mark(state: &mut State) {
    let shown = state.query.shown;
    let Some(tab) = state.query.results.get_mut(shown).filter(|t| t.rows > 0) else { return };
    let row = tab.row;
    tab.marked = tab.marked.is_none().then_some(row);
    let began = tab.marked.is_some();
    if began {
        let (copy, export) = (crate::app::work::keys(state, Action::CopyCsv), crate::app::work::keys(state, Action::Export));
        state.say(Note::info(format!("Rows are selected from here to the cursor: {copy} and the like copy them, {export} exports them.")));
    } else {
        state.say(Note::info("No rows are selected."));
    }
}

/// Looks for a text in the rows on one side of the cursor.
pub fn find(state: &mut State, text: String, way: Way, effects: &mut Vec<Effect>) {
    if text.is_empty() {
        state.say(Note::info("Nothing was looked for yet."));
        return;
    }
    let Some(tab) = state.query.result().filter(|t| t.rows > 0) else { return };
    let (result, view, from) = (tab.id, tab.view.number, tab.row);
    let job = state.id();
    state.job(job, "finding", false, effects);
    effects.push(Effect::FindRow { job, result, view, from, way, text: text.clone() });
    state.query.sought = text;
}

/// The row was found, or there is none.
pub fn found(state: &mut State, job: JobId, result: ResultId, found: Result<Option<(u64, usize)>>, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    let sought = text::clean(&state.query.sought).into_owned();
    match found {
        Ok(Some((row, column))) => {
            let Some(tab) = state.result_mut(result) else { return };
            tab.row = row;
            let mut words = format!("Row {} holds {sought}", text::thousands(row + 1));
            if tab.layout.order.contains(&column) {
                tab.column = column;
            } else {
                words.push_str(&format!(", in the hidden column {}", super::arrange::column_name(tab, column)));
            }
            state.say(Note::info(format!("{words}.")));
            want(state, effects);
        }
        Ok(None) => state.say(Note::info(format!("No row holds {sought}."))),
        Err(e) if e.kind == Kind::Cancelled => {}
        Err(e) => state.say(Note::error(&e)),
    }
}

/// Work over rows ended.
pub fn rows_done(state: &mut State, job: JobId, result: ResultId, work: RowsWork, report: Result<RowsReport>, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    match work {
        RowsWork::Arrange(of) => {
            let done = report.map(|r| match r {
                RowsReport::Arranged { rows, compared } => (rows, compared),
                RowsReport::Row(_) => (0, Default::default()),
            });
            super::arrange::arranged(state, job, result, of, done, effects);
        }
        RowsWork::FindKey { .. } => {
            let row = match report {
                Ok(RowsReport::Row(row)) => row,
                _ => None,
            };
            super::back::found(state, job, result, row, effects);
        }
    }
}

/// Statements whose columns are remembered.
const LAYOUTS: usize = 20;

/// A new result's columns are shown as those of the same statement were before.
pub fn as_before(state: &mut State, result: ResultId) {
    let query = &mut state.query;
    let Some(tab) = query.results.iter_mut().find(|t| t.id == result) else { return };
    if let Some((_, old)) = query.layouts.iter().find(|(text, _)| *text == tab.text) {
        tab.layout.like(old);
        if !tab.layout.order.contains(&tab.column) {
            tab.column = tab.layout.order.first().copied().unwrap_or(0);
        }
    }
}

/// Puts a statement at the end of the editor's text, in lines of its own.
pub fn to_editor(state: &mut State, statement: &str, effects: &mut Vec<Effect>) {
    let editor = &mut state.query.editor;
    editor.unselect();
    editor.go(Move::Bottom, false, 1);
    editor.go(Move::LineEnd, false, 1);
    let before = editor.text().trim_end();
    let gap = match before.chars().last() {
        None => "",
        Some(';') => "\n\n",
        Some(_) => ";\n\n",
    };
    editor.insert(&format!("{gap}{statement};"));
    state.go(Pane::Editor);
    edited(state, effects);
}

/// Hides, moves, widens and freezes columns; false when the action is none of these.
fn act_columns(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let shown = state.query.shown;
    let Some(tab) = state.query.results.get_mut(shown).filter(|t| t.columns.is_some()) else { return false };
    let column = tab.column;
    let mut words = None;
    match action {
        Action::RecordView => {
            tab.record = !tab.record;
            if !tab.record && !tab.layout.order.contains(&column) {
                // A hidden column is to be seen in the record only.
                tab.column = tab.layout.order[tab.layout.place(column)];
            }
        }
        Action::HideColumn => match tab.layout.hide(column) {
            Some(next) => {
                tab.column = next;
                words = Some(format!("{} is hidden.", super::arrange::column_name(tab, column)));
            }
            None => words = Some("The last column stays.".into()),
        },
        Action::AllColumns => tab.layout.all(),
        Action::ColumnLeft => drop(tab.layout.shift(column, false)),
        Action::ColumnRight => drop(tab.layout.shift(column, true)),
        Action::Wider => tab.layout.resize(column, true),
        Action::Narrower => tab.layout.resize(column, false),
        Action::Freeze => {
            words = Some(match tab.layout.freeze(column) {
                0 => "No column stays while the others scroll.".into(),
                1 => "The first column stays while the others scroll.".into(),
                n => format!("The first {n} columns stay while the others scroll."),
            })
        }
        _ => return false,
    }
    let (text, layout) = (tab.text.clone(), tab.layout.clone());
    state.query.layouts.retain(|(t, _)| *t != text);
    state.query.layouts.push((text, layout));
    if state.query.layouts.len() > LAYOUTS {
        state.query.layouts.remove(0);
    }
    if let Some(words) = words {
        state.say(Note::info(words));
    }
    want(state, effects);
    true
}

/// After a resize or a change of tabs: rows that are on the screen now.
pub fn want(state: &mut State, effects: &mut Vec<Effect>) {
    let (page, width) = grid_page(state);
    let shown = state.query.shown;
    for (_, tab) in state.query.results.iter_mut().enumerate().filter(|(at, _)| *at != shown) {
        tab.put_aside();
    }
    if let Some(tab) = state.query.results.get_mut(shown) {
        tab.follow(page, width);
        tab.want(page, effects);
    }
}

/// Where in the editor's text, if that is still as it was sent, the server found the fault of the result on the screen.
pub fn fault(state: &State) -> Option<usize> {
    let (at, version) = state.query.result().filter(|t| t.rows == 0)?.fault?;
    (version == state.query.editor.version).then_some(at)
}

fn cell_viewer(state: &mut State) {
    let Some(tab) = state.query.result() else { return };
    if let Progress::Failed(e) | Progress::Cut(_, e) = &tab.progress
        && tab.rows == 0
    {
        let mut all = vec![e.message.clone()];
        all.extend(e.code.iter().map(|c| format!("code {c}")));
        all.extend(e.detail.iter().cloned());
        all.extend(e.hints.iter().cloned());
        state.dialogs.push(Dialog::Viewer(Viewer::new("Error", all.join("\n")).prose(state.size.0)));
        return;
    }
    let Some((batch, row)) = tab.shared(tab.row) else { return };
    if tab.column >= batch.columns() {
        return;
    }
    let (batch, column) = (batch.clone(), tab.columns.as_ref().and_then(|c| c.get(tab.column)));
    let (name, type_name) = column.map_or(("", ""), |c| (c.name.as_str(), c.type_name.as_str()));
    let staged = if tab.staged_cell(tab.row, tab.column).is_some() { " · as it was read; a change is staged" } else { "" };
    let title = format!("row {} · {}{staged}", text::thousands(tab.row + 1), format!("{name} {type_name}").trim());
    if tab.chosen() == Some(Cell::Null) {
        state.dialogs.push(Dialog::Viewer(Viewer::new(title, "NULL (no value)")));
        return;
    }
    let view = CellView::new(title, batch, row, tab.column, type_name);
    state.dialogs.push(Dialog::Cell(view));
}
