//! A letter that runs statements. It may be text that was meant for the editor, by hands that did not see that typing had ended.

use crate::app::state::{Note, Pane};
use crate::app::{Action, State};
use crate::config::AccessMode;
use crate::config::keymap::{Key, show};
use crate::sql::{self, Class};

/// Longest text whose statements are looked at before a letter runs them.
const LOOKED_AT: usize = 1 << 20;

/// By itself a letter runs only what reads; what else it would run is told, and how. On targets that are not open, writing is asked
/// about or refused in any case.
pub fn held(state: &mut State, action: Action, key: Key) -> bool {
    let all = action == Action::RunAll;
    let runs = state.view.focus == Pane::Editor && (all || action == Action::Run);
    let open = state.link.server().is_some_and(|s| s.target.access == AccessMode::Open);
    let editor = &state.query.editor;
    let part = match editor.selection() {
        _ if all => Some(0..editor.text().len()),
        Some(selected) => Some(selected),
        None => editor.statement().map(|s| s.span),
    };
    let Some(text) = part.filter(|_| runs && open).and_then(|p| editor.text().get(p)) else { return false };
    let reads =
        |s: &sql::StatementSpan| matches!(sql::classify(editor.dialect(), &text[s.span.clone()]).class, Class::Read | Class::Session);
    // What begins with a backslash is no SQL, and asks by itself.
    let shortcut = text.trim_start().starts_with('\\');
    if shortcut || text.len() <= LOOKED_AT && sql::split(editor.reading(), text).iter().all(reads) {
        return false;
    }
    let other = state.keymap.key_for(&["pane", "global"], action.name()).map(show);
    let how = other.map_or_else(String::new, |keys| format!(": {keys} runs it"));
    state.say(Note::warning(format!("{} alone runs only what reads, and this may write{how}.", show(&[key]))));
    true
}
