//! A question that opened by itself, perhaps under hands that type on: keys answer it once they have rested.

use super::dialog::{Confirm, Dialog};
use super::effect::Effect;
use super::msg::Timer;
use super::state::State;
use std::time::Duration;

/// How long the hands have to rest before a key answers. Over a slow link keys that were on their way come in it, too.
const REST: Duration = Duration::from_millis(800);

/// How long the letter of an answer is alone before it is one: those of a paste that comes as keys have others behind them.
const ALONE: Duration = Duration::from_millis(150);

/// The questions of a console.
#[derive(Debug, Default)]
pub struct Questions {
    /// How many were asked.
    asked: u64,
    /// The last one opened by itself, and keys are no answers yet: how many came.
    unready: Option<u64>,
    /// The letter of an answer that waits for what may follow it.
    letter: Option<char>,
}

impl State {
    /// Asks a question, above all that is open.
    pub fn ask(&mut self, question: Confirm) {
        self.questions.asked += 1;
        (self.questions.unready, self.questions.letter) = (None, None);
        self.dialogs.push(Dialog::Confirm(question));
    }

    /// How many questions were asked until now.
    pub fn asked(&self) -> u64 {
        self.questions.asked
    }
}

/// What came by itself was handled: a question that it asked is not for the keys that are on their way. `before`: how many were asked then.
pub fn begin(state: &mut State, before: u64, effects: &mut Vec<Effect>) {
    if state.questions.asked != before {
        state.questions.unready = Some(0);
        effects.push(Effect::After(REST, Timer::Rest { question: state.questions.asked, presses: 0 }));
    }
}

/// The letter of an answer came: it is one when nothing follows.
pub fn letter(state: &mut State, letter: char, effects: &mut Vec<Effect>) {
    state.questions.letter = Some(letter);
    effects.push(Effect::After(ALONE, Timer::Letter { question: state.questions.asked }));
}

/// A key behind such a letter: both are text that is meant for something else, and so is what comes until the hands rest.
pub fn followed(state: &mut State, effects: &mut Vec<Effect>) -> bool {
    if state.questions.letter.take().is_none() || !matches!(state.dialogs.last(), Some(Dialog::Confirm(_))) {
        return false;
    }
    state.questions.unready = Some(0);
    effects.push(Effect::After(REST, Timer::Rest { question: state.questions.asked, presses: 0 }));
    true
}

/// Nothing followed the letter: the answer that it gives.
pub fn alone(state: &mut State, question: u64) -> Option<char> {
    if question == state.questions.asked { state.questions.letter.take() } else { None }
}

/// A question is on top, and keys are no answers yet.
pub fn unready(state: &State) -> bool {
    state.questions.unready.is_some() && matches!(state.dialogs.last(), Some(Dialog::Confirm(_)))
}

/// A key came before the question was ready.
pub fn pressed(state: &mut State) {
    if let Some(presses) = &mut state.questions.unready {
        *presses += 1;
    }
}

/// Time has passed since the question opened, or since the last look for keys.
pub fn over(state: &mut State, question: u64, presses: u64, effects: &mut Vec<Effect>) {
    match state.questions.unready {
        Some(now) if question == state.questions.asked && now == presses => state.questions.unready = None,
        Some(now) if question == state.questions.asked => {
            effects.push(Effect::After(REST, Timer::Rest { question, presses: now }));
        }
        _ => {}
    }
}
