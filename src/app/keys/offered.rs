//! Which actions make sense now, and by which keys they are offered.

use super::contexts;
use crate::app::action::Action;
use crate::app::dialog::Dialog;
use crate::app::palette::Finds;
use crate::app::panes::assess;
use crate::app::state::{Pane, State, Workspace};
use crate::config::AccessMode;
use crate::config::keymap::{Key, Lookup, show};
use crate::model::{ReadOnly, TxState};

/// Whether an action makes sense now; hints, menus and the palette leave the others out.
pub fn applies(state: &State, action: Action) -> bool {
    let server = state.link.server();
    let open = server.is_some();
    match action {
        // A plan in the editor is shown without any target.
        Action::Plan => open || !state.query.editor.is_blank(),
        // An assessment logs in by itself.
        Action::Refresh if state.view.focus == Pane::Assess => true,
        Action::Run | Action::RunAll | Action::Analyze | Action::Refresh | Action::Definition | Action::Jump => open,
        Action::GoAssess => assess::candidate(state).is_some() || !state.assess.target.is_empty(),
        Action::ToggleGuide => state.guide,
        Action::CopyQualified | Action::Template | Action::Sizes | Action::UsedBy | Action::Related => {
            open && state.view.focus == Pane::Schema
        }
        Action::Complete => open && state.typing(),
        Action::Open | Action::Copy | Action::VerifyBackup => match state.view.focus {
            Pane::Journal => !state.journal.items().is_empty(),
            Pane::Backups => !state.backups.items().is_empty(),
            _ => true,
        },
        Action::Filter => match state.view.focus {
            Pane::Schema => open,
            Pane::Results => state.query.result().is_some_and(|r| r.rows > 0),
            Pane::Plan => state.plan.plan.is_some(),
            _ => false,
        },
        Action::Unlock => server.is_some_and(|s| s.target.access != AccessMode::Open) && state.unlocked.is_none(),
        Action::Lock => state.unlocked.is_some(),
        Action::Import => open,
        Action::Begin => server.is_some_and(|s| s.status.tx == TxState::Idle && s.status.read_only == ReadOnly::No),
        Action::ManualTransactions => server.is_some_and(|s| s.status.read_only == ReadOnly::No),
        Action::Commit | Action::Rollback => server.is_some_and(|s| s.status.tx != TxState::Idle),
        Action::GoSchema
        | Action::GoQuery
        | Action::GoResults
        | Action::GoPlan
        | Action::GoMigrations
        | Action::GoChecklist
        | Action::GoBackups
        | Action::GoSessions
        | Action::GoJournal => open || state.view.workspace != Workspace::Start,
        Action::Reconnect => state.link.target_name().is_some(),
        Action::ExportStatement => open,
        Action::Export | Action::CopyCsv | Action::CopyTsv | Action::CopyJson | Action::CopyMarkdown | Action::CopyInsert => {
            state.query.result().is_some_and(|r| r.columns.is_some())
        }
        Action::EditCell | Action::SetNull | Action::AddRow | Action::DeleteRow | Action::FollowKey => {
            open && state.query.result().is_some_and(|r| r.columns.is_some())
        }
        Action::WriteEdits | Action::DiscardEdits => state.query.result().is_some_and(|r| !r.staged.is_empty()),
        Action::SortRows | Action::FilterRows => state.query.result().is_some_and(|r| r.kept > 0),
        Action::HistoryScope => matches!(state.dialogs.last(), Some(Dialog::Palette(p)) if p.finds == Finds::History),
        Action::ToggleWrap | Action::CellForm => matches!(state.dialogs.last(), Some(Dialog::Cell(_))),
        Action::ClearFilter => state.query.result().is_some_and(|r| r.view.of.filter.is_some()),
        Action::HideColumn
        | Action::AllColumns
        | Action::ColumnLeft
        | Action::ColumnRight
        | Action::Wider
        | Action::Narrower
        | Action::Freeze
        | Action::RecordView
        | Action::SortOnServer => state.query.result().is_some_and(|r| r.columns.is_some()),
        Action::NextResult | Action::PreviousResult => state.query.results.len() > 1,
        Action::PinResult => state.query.result().is_some(),
        Action::CompareResults => state.query.results.iter().filter(|r| r.columns.is_some()).count() > 1,
        Action::MarkRows => state.query.result().is_some_and(|r| r.rows > 0),
        Action::ColumnStatistics | Action::Chart => state.query.result().is_some_and(|r| r.kept > 0),
        Action::FindAgain | Action::FindBackwards => !state.query.sought.is_empty() && state.query.result().is_some_and(|r| r.rows > 0),
        Action::CloseResult => !state.query.results.is_empty(),
        // They need no plan that is there already.
        Action::PlanHistory | Action::OpenPlan => true,
        Action::WhatIf | Action::ParamSets | Action::WritePlanTest | Action::RunPlanTest | Action::Optimize => open,
        a if a == Action::Raw || a.of_plan() => state.plan.plan.is_some(),
        Action::Checklists => open || state.view.focus == Pane::Assess || state.checklist.of_incident(),
        // Other checklists than that of migrations have none of it.
        Action::Sign if state.view.focus == Pane::Checklist && state.checklist.of_incident() => true,
        Action::Apply | Action::Revert | Action::StartRun | Action::CloseRun | Action::Sign => {
            state.view.focus != Pane::Checklist || state.checklist.other.is_none()
        }
        Action::LockTree => state.view.focus == Pane::Assess,
        Action::HandOver => state.assess.whole.is_some(),
        Action::Recover => state.assess.tree.is_some() || state.assess.at().is_some_and(|s| s.findings.iter().any(|f| f.recover.is_some())),
        Action::SessionPlan | Action::SessionStatement => state.view.focus == Pane::Sessions && state.sessions.chosen().is_some(),
        _ => true,
    }
}

/// What the footer offers, most wanted first: keys and words, from the live keymap.
pub fn hints(state: &State) -> Vec<(String, &'static str)> {
    let contexts = contexts(state);
    let mut out = Vec::new();
    if !state.jobs.is_empty()
        && let Some(k) = state.keymap.key_for(&contexts, Action::Cancel.name())
    {
        out.push((show(k), Action::Cancel.short()));
    }
    for (keys, name) in state.keymap.hints(contexts[0], &contexts) {
        if let Some(a) = Action::from_name(name).filter(|a| applies(state, *a)) {
            // The leader is best known by the key that starts its sequences.
            let leads = a == Action::Leader && matches!(state.keymap.lookup(&contexts, &[Key::char(' ')]), Lookup::Prefix(_));
            // While typing, the key that works everywhere is the one to learn.
            let everywhere = state.keymap.key_for(&["global"], name).filter(|_| state.typing());
            // In results and plans the same key looks for something.
            let finds = a == Action::Filter && matches!(state.view.focus, Pane::Results | Pane::Plan);
            let words = if finds { "find" } else { a.short() };
            out.push((if leads { Key::char(' ').to_string() } else { show(everywhere.unwrap_or(keys)) }, words));
        }
    }
    out
}

/// The keys of an action where the user is, as people read them.
pub fn key_of(state: &State, action: Action) -> Option<String> {
    // While text is typed most keys mean text; what is said then holds after Esc.
    let mut contexts = contexts(state);
    if state.typing() {
        contexts = vec!["query", "list", "pane", "global"];
    }
    state.keymap.key_for(&contexts, action.name()).map(show)
}

/// The keys that do an action right now: while text is typed, the leader's key stands where the sequence begins with a blank.
pub fn keys_now(state: &State, action: Action) -> Option<String> {
    if !state.typing() {
        return key_of(state, action);
    }
    let here = state.keymap.key_for(&contexts(state), action.name()).map(show);
    here.or_else(|| {
        let keys = key_of(state, action)?;
        let blank = Key::char(' ').to_string();
        match (keys.strip_prefix(&blank), state.keymap.key_for(&["global"], Action::Leader.name()).map(show)) {
            (Some(rest), Some(leader)) => Some(format!("{leader}{rest}")),
            _ => Some(format!("Esc {keys}")),
        }
    })
}
