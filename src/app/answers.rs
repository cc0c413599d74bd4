//! What answers do: of questions, forms and the palette.

use super::acts::act;
use super::dialog::{Answer, Confirm, Dialog, Purpose, Then};
use super::effect::{Effect, Operation};
use super::palette::Choice;
use super::panes::{assess, cells, checklist, files, fix, plan, query, results, running, schema, start};
use super::params;
use super::state::State;
use super::update::{connect, switch_target};
use crate::text;
use secrecy::SecretString;
use std::path::PathBuf;

/// An answer was given.
pub fn answer(state: &mut State, then: Then, effects: &mut Vec<Effect>) {
    match then {
        Then::Nothing => {}
        Then::Analyze(asked) => super::panes::plan::ask::send(state, asked, true, effects),
        Then::MeasureWrite(place) => super::panes::plan::write::measure(state, place, effects),
        Then::MeasureAdvice(asked) => super::panes::plan::advice::send(state, asked, true, effects),
        Then::ShowWrite => super::panes::plan::write::show(state),
        Then::CloseBuffer => super::buffers::closed(state, effects),
        Then::Quit => {
            super::buffers::save(state, None, effects);
            effects.push(Effect::Quit(0));
        }
        Then::Fix(answer) => fix::answer(state, answer, effects),
        Then::Import(import) => super::import::start(state, *import, effects),
        Then::ShowImport(import, report) => super::import::show(state, *import, &report),
        Then::ShowFix => fix::show(state),
        Then::WriteEdits => cells::write(state, effects),
        Then::ShowEdits => cells::show(state),
        Then::Recover(action) => assess::recover::look_at(state, action, effects),
        Then::DiscardEdits => cells::discarded(state),
        Then::CloseResult => {
            cells::discarded(state);
            query::act_results(state, super::Action::CloseResult, effects);
        }
        Then::CopyRows(how, what) => files::copy(state, how, what, effects),
        Then::ToEditor(text) => results::acts::to_editor(state, &text, effects),
        Then::Run(statements) => running::start(state, statements, effects),
        Then::Operate { title, writes, operation } => {
            super::work::start(state, title, writes, operation, effects);
        }
        Then::OverwriteFile(path) => super::save::over(state, path, effects),
        Then::FileBeside(path, text) => super::save::beside(state, &path, &text, effects),
        Then::Follow { target, upto } => {
            // What is open here may refuse to be left: then nothing is followed.
            state.follow = upto.map(|u| (target.clone(), u));
            switch_target(state, &target, effects);
        }
        Then::NewRow(at) => cells::new_row(state, at),
        Then::EndSession(backend) => effects.push(Effect::EndSession { link: state.link_no, backend }),
        Then::QueueAdvice(candidate, why) => effects.push(Effect::QueueAdvice { link: state.link_no, candidate, why }),
        Then::RunTest(path) => super::panes::plan::performance::run(state, path, true, effects),
        Then::Connect(name) => connect(state, &name, None, effects),
        Then::Action(a) => act(state, a, effects),
        Then::Ask(a) => schema::ask(state, a, effects),
    }
}

/// The palette's choice.
pub fn choose(state: &mut State, choice: Choice, effects: &mut Vec<Effect>) {
    match choice {
        Choice::Action(a) => act(state, a, effects),
        Choice::Target(name) => switch_target(state, &name, effects),
        Choice::Object(at) => schema::preview(state, at, effects),
        Choice::Insert(text) => query::insert_text(state, &text, effects),
        Choice::Recall(id) => effects.push(Effect::Recall(id)),
        Choice::Snippet(template) => super::snippets::insert(state, &template, effects),
        Choice::Jump(at) => schema::jump(state, at, effects),
        Choice::Line(line) => {
            let editor = &state.query.editor;
            let byte = editor.line_span(line.min(editor.line_count()) - 1).start;
            query::go_to(state, byte, effects);
        }
    }
}

/// A path as typed: `~/` is the home directory as the effect's doer knows it.
fn typed_path(s: &str) -> PathBuf {
    PathBuf::from(s.trim())
}

/// The form on top says why it does not go on.
fn refused(state: &mut State, problem: String) {
    if let Some(Dialog::Form(form)) = state.dialogs.last_mut() {
        form.problem = Some(problem);
    }
}

/// The form on top is complete. It closes when what it asks for can be done, and else says why not.
pub fn submit(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Dialog::Form(form)) = state.dialogs.last() else { return };
    let purpose = form.purpose.clone();
    let value = |i: usize| form.value(i).to_string();
    let (first, second) = (value(0), value(1));
    let done = match purpose {
        Purpose::FilterRows => results::arrange::filter(state, &first, &second, effects),
        Purpose::Compare { now } => results::compare::start(state, now, &first, &second, effects),
        Purpose::Recover { prospect, mark } => assess::recover::typed(state, &prospect, &mark, [&first, &second, &value(2)], effects),
        Purpose::HandOver => assess::hand_over(state, &first, effects),
        Purpose::SharePlan => plan::share::submit(state, &first, &second, effects),
        Purpose::WhatIf => plan::trial::what_if(state, &first, &second, effects),
        Purpose::ParamSets => {
            let values: Vec<String> = form.fields.iter().map(|f| f.value().to_string()).collect();
            let (measure, values) = values.split_last().map_or(("", &[][..]), |(m, v)| (m.as_str(), v));
            plan::trial::sets(state, values, measure, effects)
        }
        Purpose::WritePlanTest { optimize } => plan::trial::test(state, &first, &second, optimize, effects),
        Purpose::Export => query::export(state, &second, &first, effects),
        Purpose::AddRow { result, at } => {
            let typed = form.fields.iter().map(|f| (f.label.to_string(), f.value().to_string())).collect();
            cells::added(state, result, at, typed, effects)
        }
        Purpose::EditCell { result, row, column } => cells::edited(state, result, row, column, first),
        purpose => return submitted(state, purpose, first, effects),
    };
    match done {
        Ok(()) => drop(state.dialogs.pop()),
        Err(problem) => refused(state, problem),
    }
}

/// What a form does that knows by itself when it closes.
fn submitted(state: &mut State, purpose: Purpose, first: String, effects: &mut Vec<Effect>) {
    let Some(Dialog::Form(form)) = state.dialogs.last_mut() else { return };
    match purpose {
        Purpose::Password { target, assess: of } => {
            state.dialogs.pop();
            let password = Some(SecretString::from(first));
            if of { assess::begin(state, &target, password, effects) } else { connect(state, &target, password, effects) }
        }
        Purpose::Unlock { target } => {
            if first != target && !state.link.server().is_some_and(|s| s.target.name == target && s.target.is_called(&first)) {
                form.problem = Some("That is not the name of this target.".into());
                return;
            }
            state.dialogs.pop();
            effects.push(Effect::Unlock { link: state.link_no, typed: first });
        }
        Purpose::Find => {
            state.dialogs.pop();
            query::find(state, first, crate::ops::find::Way::Forwards, effects);
        }
        Purpose::OpenPlan if !first.trim().is_empty() => {
            state.dialogs.pop();
            effects.push(Effect::OpenPlan(typed_path(&first)));
        }
        Purpose::OpenPlan => form.problem = Some("Which file?".into()),
        Purpose::OpenFile | Purpose::SaveFile if first.trim().is_empty() => form.problem = Some("Which file?".into()),
        Purpose::Import => {
            let values: Vec<String> = form.fields.iter().map(|f| f.value().to_string()).collect();
            match super::import::asked(&values) {
                Err(problem) => form.problem = Some(problem),
                Ok(import) => {
                    state.dialogs.pop();
                    super::import::start(state, import, effects);
                }
            }
        }
        Purpose::SaveQuery => match crate::ops::library::path_for(&state.config, &first) {
            Err(problem) => form.problem = Some(problem),
            Ok(path) => {
                let editor = &state.query.editor;
                let range = editor.selection().or_else(|| editor.statement().map(|s| s.outer));
                let text = range.map_or_else(|| editor.text().to_string(), |r| editor.text()[r].to_string());
                state.dialogs.pop();
                effects.push(Effect::SaveQuery { path, text: format!("{}\n", text.trim()) });
            }
        },
        Purpose::ExportStatement(statement) => {
            if let Err(problem) = files::export_to(state, &first, statement, effects) {
                refused(state, problem);
            }
        }
        Purpose::Values(wanted) => {
            let typed = form.fields.iter().map(|f| (f.label.to_string(), f.value().to_string())).collect();
            state.dialogs.pop();
            params::given(state, typed, wanted, effects);
        }
        Purpose::OpenFile => {
            state.dialogs.pop();
            effects.push(Effect::OpenFile(typed_path(&first)));
        }
        Purpose::SaveFile => {
            let path = typed_path(&first);
            state.dialogs.pop();
            super::save::start(state, path, effects);
        }
        Purpose::NewTarget => {
            let (place, environment) = (form.value(1).to_string(), form.value(2).to_string());
            match start::target_toml(&state.config, &first, &place, &environment) {
                Err(problem) => form.problem = Some(problem),
                Ok(toml) => {
                    state.dialogs.pop();
                    let path = state.config.project_dir.join("holdpoint.toml");
                    let mut body = vec![format!("This will be added to {}:", text::clean(&path.display().to_string())), String::new()];
                    body.extend(toml.lines().map(|l| format!("  {}", text::clean(l))));
                    let operation = Operation::WriteTarget { path, text: toml, name: first.trim().to_string() };
                    let then = Then::Operate { title: "writing the target".into(), writes: false, operation };
                    state.ask(Confirm {
                        title: "Write the target?".into(),
                        body,
                        answers: vec![Answer::new('n', "no", Then::Nothing), Answer::new('w', "write", then)],
                    });
                }
            }
        }
        Purpose::FilterRows
        | Purpose::Compare { .. }
        | Purpose::Recover { .. }
        | Purpose::HandOver
        | Purpose::SharePlan
        | Purpose::WhatIf
        | Purpose::ParamSets
        | Purpose::WritePlanTest { .. }
        | Purpose::Export
        | Purpose::AddRow { .. }
        | Purpose::EditCell { .. } => {}
        Purpose::Sign { .. } | Purpose::SignIncident { .. } | Purpose::Apply { .. } | Purpose::Revert { .. } | Purpose::StartRun => {
            checklist::submit(state, effects)
        }
    }
}
