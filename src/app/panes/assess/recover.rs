//! A recovery action upon a session of the lock tree: chosen, shown, typed, done, and looked at again. Nothing is done that was not shown.

use super::look;
use crate::app::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then};
use crate::app::effect::{Effect, JobId};
use crate::app::state::{Note, State};
use crate::app::work;
use crate::model::Result;
use crate::model::lock_tree::LockSession;
use crate::model::recovery::{Action, Deed, Outcome, Prospect};
use crate::text;

/// What came of asking for an action, or of doing it.
#[derive(Debug)]
pub enum Told {
    /// What it would do, and the mark of what was looked at.
    Prospect(Box<Prospect>, String),
    Done(Outcome),
    /// Why it was not cleared.
    Held(String),
}

/// Asks what is to be done to the session under the tree's cursor.
pub fn ask(state: &mut State) {
    let Some(session) = state.assess.tree.as_ref().and_then(|t| t.chosen()).cloned() else {
        return state.say(Note::info("Nobody waits for a lock: there is no session to act on. R looks again."));
    };
    let target = state.assess.target.clone();
    if session.id == 0 {
        let words = format!("A prepared transaction is finished by its name: holdpoint recover {target} rollback-prepared NAME");
        return state.say(Note::info(words));
    }
    let id = session.id;
    let then = |deed| Then::Recover(Action { deed, object: id.to_string(), value: None });
    if session.guessed && session.waits.is_none() {
        return ask_of_a_guess(state, &session);
    }
    let mut answers = vec![Answer::new('n', "nothing", Then::Nothing)];
    match idle_in_transaction(&session) {
        // It holds a lock of its session's: only its end gives that back.
        true if !session.state.starts_with("idle in transaction") => {
            answers.push(Answer::new('e', "end the session", then(Deed::Terminate)))
        }
        true => answers.push(Answer::new('e', "end it: its transaction is rolled back", then(Deed::EndIdle))),
        false => {
            answers.push(Answer::new('c', "cancel its statement", then(Deed::Cancel)));
            answers.push(Answer::new('e', "end the session", then(Deed::Terminate)));
        }
    }
    let body = vec![super::session_does(&session), String::new(), "What would be done is shown first; nothing is done yet.".into()];
    state.ask(Confirm { title: format!("Session {id}"), body, answers });
}

/// Whoever ends a session that is only guessed to be in the way may end an innocent one, and free nobody. Who waits is certain.
fn ask_of_a_guess(state: &mut State, session: &LockSession) {
    let id = session.id;
    let behind: Vec<&LockSession> =
        state.assess.tree.iter().flat_map(|t| &t.tree.sessions).filter(|s| s.waits.is_some() && s.blocked_by.contains(&id)).collect();
    let Some(first) = behind.into_iter().max_by_key(|s| s.waits).cloned() else { return };
    let then = |deed, id: u64| Then::Recover(Action { deed, object: id.to_string(), value: None });
    let body = vec![
        format!("That {id} holds the lock is a guess: the server does not tell. It may be innocent, and ending it may free nobody."),
        format!("Certain: {} {}: {}", first.id, super::session_does(&first), text::truncate(&text::clean(first.statement.trim()), 120)),
        String::new(),
        "Without it, those behind it go on. What would be done is shown first; nothing is done yet.".into(),
    ];
    let end = if session.state.starts_with("idle in transaction") { Deed::EndIdle } else { Deed::Terminate };
    let answers = vec![
        Answer::new('n', "nothing", Then::Nothing),
        Answer::new('c', format!("cancel what {} waits with", first.id), then(Deed::Cancel, first.id)),
        Answer::new('e', format!("end {id} all the same"), then(end, id)),
    ];
    state.ask(Confirm { title: format!("Session {id}, guessed"), body, answers });
}

/// Cancelling does nothing to one of these.
fn idle_in_transaction(s: &LockSession) -> bool {
    s.idle.is_some() && s.waits.is_none()
}

/// Looks at what the action would do.
pub fn look_at(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    send(state, action, None, effects);
}

fn send(state: &mut State, action: Action, yes: Option<(String, String)>, effects: &mut Vec<Effect>) {
    let job = state.id();
    let title = format!("{} {}", action.deed.name(), action.object);
    state.job(job, title, yes.is_some(), effects);
    let target = state.assess.target.clone();
    effects.push(Effect::Recover { job, target, action, yes });
}

/// The object's name was typed; an error says what is wrong with it.
pub fn typed(
    state: &mut State,
    prospect: &Prospect,
    mark: &str,
    typed: &str,
    effects: &mut Vec<Effect>,
) -> std::result::Result<(), String> {
    if typed.trim() != prospect.object {
        return Err(format!("That is not {}: nothing was done.", text::clean(&prospect.object)));
    }
    send(state, prospect.action.clone(), Some((prospect.object.clone(), mark.to_string())), effects);
    Ok(())
}

/// It was looked at, or done.
pub fn told(state: &mut State, job: JobId, result: Result<Told>, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    match result {
        Ok(Told::Prospect(prospect, mark)) => show(state, *prospect, mark),
        Ok(Told::Held(why)) => state.say(Note::warning(why)),
        Ok(Told::Done(outcome)) => {
            state.say(match outcome {
                Outcome::Verified(says) => Note::ok(work::sentence(&says)),
                Outcome::Unverified(says) => Note::warning(format!("Done, and its effect was not seen: {}", work::sentence(&says))),
                Outcome::Nothing(says) => Note::warning(format!("Nothing was done: {}", work::sentence(&says))),
            });
            if let Some(tree) = &mut state.assess.tree {
                tree.acted = true;
            }
            look(state, effects);
        }
        Err(e) => work::failed(state, &e),
    }
}

/// What it would do, and the line to type.
fn show(state: &mut State, p: Prospect, mark: String) {
    // Three paragraphs, so that the line to type is on the smallest screen as well: what it is, what happens, what is sent.
    let is: Vec<String> = p.is.iter().map(|(name, value)| format!("{name}: {}", text::truncate(&text::clean(value), 120))).collect();
    let mut happens = vec![work::sentence(&p.does)];
    happens.extend(p.loses.iter().map(|l| format!("Lost: {}", work::sentence(l))));
    happens.extend([work::sentence(&p.undo), work::sentence(&p.lock)]);
    let sent: Vec<String> = p.before.iter().chain([&p.statement]).chain(&p.after).map(|s| format!("{};", text::clean(s))).collect();
    let body = vec![is.join(" · "), String::new(), happens.join(" "), String::new(), sent.join(" ")];
    if let Some(why) = &p.by_hand {
        return state.say(Note::warning(format!("That is for a person to do: {}", work::sentence(why))));
    }
    let title = format!("{} {} ({})", p.action.deed.name(), p.object, p.action.deed.level().name());
    let hint = format!("type {} to do it; Esc does nothing", text::clean(&p.object));
    let fields = vec![Field::new("Confirm", "", hint)];
    state.dialogs.push(Dialog::Form(Form::new(title, Purpose::Recover { prospect: Box::new(p), mark }, body, fields)));
}
