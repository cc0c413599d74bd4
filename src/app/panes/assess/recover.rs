//! A recovery action upon a session of the lock tree, or one that answers a finding: chosen, shown, typed, done, and looked at again.
//! Nothing is done that was not shown.

use super::{begin, look};
use crate::app::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then, Viewer};
use crate::app::effect::{Effect, JobId};
use crate::app::state::{Note, State};
use crate::app::work;
use crate::config::files::Approval;
use crate::model::Result;
use crate::model::lock_tree::LockSession;
use crate::model::recovery::{Action, Deed, Level, Outcome, Prospect};
use crate::ops::assess::locks::does;
use crate::ops::gate::Yes;
use crate::ops::recovery::command;
use crate::text;

/// Actions of a question, one for each digit.
const CHOICES: usize = 9;

/// What came of asking for an action, or of doing it.
#[derive(Debug)]
pub enum Told {
    /// What it would do, and the mark of what was looked at.
    Prospect(Box<Prospect>, String),
    Done(Outcome),
    /// Why it was not cleared, and what to do for that.
    Held(String, Vec<String>),
}

/// Asks what is to be done about what the check under the cursor found.
pub fn ask_of_check(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(seen) = state.assess.at() else { return state.say(Note::info("This check has not been read yet.")) };
    let mut actions: Vec<Action> = Vec::new();
    for action in seen.findings.iter().filter_map(|f| f.recover.as_ref()) {
        if !actions.contains(action) {
            actions.push(action.clone());
        }
    }
    let name = seen.name.clone();
    let words = |a: &Action| format!("{} {}", a.deed.name(), text::clean(&a.object)).trim_end().to_string();
    match &actions[..] {
        [] => {
            let target = text::shell_word(&state.assess.target);
            let words = format!("No action is proposed for this check: Enter tells its next step. All actions: holdpoint recover {target}");
            state.say(Note::info(words));
        }
        [one] => look_at(state, one.clone(), effects),
        several => {
            let mut body: Vec<String> = several.iter().take(CHOICES).enumerate().map(|(i, a)| format!("{}  {}", i + 1, words(a))).collect();
            if several.len() > CHOICES {
                let more = text::counted((several.len() - CHOICES) as u64, "more action");
                body.push(format!("… and {more}: Enter on the check tells their commands."));
            }
            body.extend([String::new(), "What would be done is shown first; nothing is done yet.".into()]);
            let mut answers = vec![Answer::new('n', "nothing", Then::Nothing)];
            for (i, a) in several.iter().take(CHOICES).enumerate() {
                answers.push(Answer::new(char::from(b'1' + i as u8), "", Then::Recover(a.clone())));
            }
            state.ask(Confirm { title: format!("What to do: {name}"), body, answers });
        }
    }
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
    let body = vec![does(&session), String::new(), "What would be done is shown first; nothing is done yet.".into()];
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
        format!("Certain: {} {}: {}", first.id, does(&first), text::truncate(&text::clean(first.statement.trim()), 120)),
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

fn send(state: &mut State, action: Action, yes: Option<Yes>, effects: &mut Vec<Effect>) {
    let job = state.id();
    let title = format!("{} {}", action.deed.name(), action.object);
    state.job(job, title, yes.is_some(), effects);
    let target = state.assess.target.clone();
    effects.push(Effect::Recover { job, target, action, yes });
}

/// The form was filled in: the object's name and, where one person approves alone, the reason and the target's name. An error says what is
/// wrong with them.
pub fn typed(
    state: &mut State,
    prospect: &Prospect,
    mark: &str,
    [typed, reason, target]: [&str; 3],
    effects: &mut Vec<Effect>,
) -> std::result::Result<(), String> {
    if typed.trim() != prospect.object {
        return Err(format!("That is not {}: nothing was done.", text::clean(&prospect.object)));
    }
    let alone = alone(state, prospect);
    if alone && reason.trim().is_empty() {
        return Err("Say in a sentence why it may be done: nothing was done.".into());
    }
    if alone && target.trim() != state.assess.target {
        return Err(format!("That is not {}: nothing was done.", text::clean(&state.assess.target)));
    }
    let filled = |s: &str| alone.then(|| s.trim().to_string());
    let yes = Yes { object: prospect.object.clone(), seen: mark.to_string(), reason: filled(reason), target: filled(target) };
    send(state, prospect.action.clone(), Some(yes), effects);
    Ok(())
}

/// Data may be lost, and policy has one person approve that alone.
fn alone(state: &State, prospect: &Prospect) -> bool {
    prospect.action.deed.level() == Level::Three && state.config.policy.approval == Approval::Solo
}

/// It was looked at, or done.
pub fn told(state: &mut State, job: JobId, result: Result<Told>, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    match result {
        Ok(Told::Prospect(prospect, mark)) => show(state, *prospect, mark),
        Ok(Told::Held(why, next)) => state.say(Note { more: next, ..Note::warning(why) }),
        Ok(Told::Done(outcome)) => {
            state.say(match outcome {
                Outcome::Verified(says) => Note::ok(work::sentence(&says)),
                Outcome::Unverified(says) => Note::warning(format!("Done, and its effect was not seen: {}", work::sentence(&says))),
                Outcome::Nothing(says) => Note::warning(format!("Nothing was done: {}", work::sentence(&says))),
            });
            match &mut state.assess.tree {
                Some(tree) => {
                    tree.acted = true;
                    look(state, effects);
                }
                // The list is of before it.
                None => {
                    let target = state.assess.target.clone();
                    begin(state, &target, None, effects);
                }
            }
        }
        Err(e) => work::failed(state, &e),
    }
}

/// What it would do, and the lines to fill in; what a person does by hand is a page to read.
fn show(state: &mut State, p: Prospect, mark: String) {
    let level = p.action.deed.level();
    let title = format!("{} {} ({})", p.action.deed.name(), p.object, level.name());
    // Few paragraphs, so that the line to type is on the smallest screen as well: what it is, what happens, what is sent.
    let is: Vec<String> = p.is.iter().map(|(name, value)| format!("{name}: {}", text::truncate(&text::clean(value), 120))).collect();
    let mut happens = vec![work::sentence(&p.does)];
    happens.extend(p.loses.iter().map(|l| format!("Lost: {}", work::sentence(l))));
    happens.extend([work::sentence(&p.undo), work::sentence(&p.lock)]);
    let sent = p.before.iter().chain([&p.statement]).chain(&p.after).filter(|s| !s.is_empty());
    let sent: Vec<String> = sent.map(|s| format!("{};", text::clean(s))).collect();
    let steps = p.steps.iter().enumerate().map(|(i, s)| format!("{}. {}", i + 1, work::sentence(s)));
    let mut body = vec![is.join(" · "), String::new(), happens.join(" "), String::new()];
    if let Some(why) = &p.by_hand {
        body.insert(0, format!("For a person to do: {}", work::sentence(why)));
        body.insert(1, String::new());
        body.extend(steps.chain(sent));
        state.dialogs.push(Dialog::Viewer(Viewer::new(title, body.join("\n")).prose(state.size.0)));
        return;
    }
    body.extend(steps);
    body.push(sent.join(" "));
    let hint = format!("type {} to do it; Esc does nothing", text::clean(&p.object));
    let mut fields = vec![Field::new("Confirm", "", hint)];
    if alone(state, &p) {
        fields.push(Field::new("Reason", "", "why it may be done: it stands in the journal"));
        fields.push(Field::new("Target", "", format!("type {}", text::clean(&state.assess.target))));
    } else if level == Level::Three {
        let approve = format!("{} --approve --seen {mark} --reason '…'", command(&p.action, &state.assess.target));
        body.extend([String::new(), format!("Somebody else says yes first, within the hour: {approve}")]);
    }
    state.dialogs.push(Dialog::Form(Form::new(title, Purpose::Recover { prospect: Box::new(p), mark }, body, fields)));
}
