//! Messages for the user: what weighs more is not covered by what weighs less before somebody can have read it.

use crate::model::{Error, Severity};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// A message for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub at: Option<Timestamp>,
    pub severity: Severity,
    pub text: String,
    /// Detail and hints, one line each.
    pub more: Vec<String>,
    /// It tells of something that is gone.
    pub loss: bool,
}

impl Note {
    pub fn info(text: impl Into<String>) -> Self {
        Note { at: None, severity: Severity::Info, text: text.into(), more: Vec::new(), loss: false }
    }
    pub fn ok(text: impl Into<String>) -> Self {
        Note { severity: Severity::Ok, ..Note::info(text) }
    }
    pub fn warning(text: impl Into<String>) -> Self {
        Note { severity: Severity::Warning, ..Note::info(text) }
    }
    pub fn error(e: &Error) -> Self {
        let mut more: Vec<String> = e.detail.iter().flat_map(|d| d.lines().map(str::to_string)).collect();
        more.extend(e.hints.iter().cloned());
        Note { severity: Severity::Critical, more, ..Note::info(e.message.clone()) }
    }
    /// Marks it as one of a loss.
    pub fn loss(self) -> Self {
        Note { loss: true, ..self }
    }
    fn weight(&self) -> u8 {
        match self.severity {
            _ if self.loss => 2,
            Severity::Critical => 1,
            _ => 0,
        }
    }
}

/// Stands in the message of a connection that was closed under its statement, until the server's answer takes its place.
pub const BEING_LOOKED_AT: &str = "whether it goes on there is being looked at";

/// Most messages that are kept.
const KEPT: usize = 500;
/// Keys that come sooner after a loss was told were typed at something else.
const NOTICED: SignedDuration = SignedDuration::from_millis(700);

/// The log of messages; the newest of the weightiest stands at the foot of the screen until a key is pressed.
#[derive(Debug, Default)]
pub struct Messages {
    pub log: VecDeque<Note>,
    pub shown: Option<Note>,
    /// So many came meanwhile, or were covered: they are in the log alone.
    pub unseen: usize,
}

impl Messages {
    /// Keeps a message, and shows it unless a weightier one was not read yet.
    pub fn say(&mut self, note: Note) {
        match &self.shown {
            Some(old) if old.weight() > note.weight() => self.unseen += 1,
            Some(old) if old.weight() > 0 => {
                self.unseen += 1;
                self.shown = Some(note.clone());
            }
            _ => {
                self.unseen = 0;
                self.shown = Some(note.clone());
            }
        }
        self.log.push_back(note);
        if self.log.len() > KEPT {
            self.log.pop_front();
        }
    }

    /// What was asked about in words that may stand on the screen has its answer: it takes their place.
    pub fn answered(&mut self, asked: &str, answer: &str) {
        if let Some(note) = self.shown.as_mut().filter(|n| n.text.contains(asked)) {
            note.text = note.text.replace(asked, answer);
        }
    }

    /// A key was pressed: what stands there was read, unless it came a moment ago and matters.
    pub fn read(&mut self, now: Timestamp) {
        let at_once = |n: &Note| n.loss && n.at.is_some_and(|at| at < now && now.duration_since(at) < NOTICED);
        if !self.shown.as_ref().is_some_and(at_once) {
            self.shown = None;
            self.unseen = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(m: &Messages) -> (Option<&str>, usize) {
        (m.shown.as_ref().map(|n| n.text.as_str()), m.unseen)
    }

    #[test]
    fn a_lesser_message_covers_no_unread_error_and_nothing_covers_a_loss() {
        let mut m = Messages::default();
        m.say(Note::info("plain"));
        m.say(Note::error(&Error::failed("broken")));
        assert_eq!(texts(&m), (Some("broken"), 0));
        m.say(Note::ok("fine"));
        m.say(Note::warning("careful"));
        assert_eq!(texts(&m), (Some("broken"), 2));
        m.say(Note::warning("gone").loss());
        m.say(Note::error(&Error::failed("and broken")));
        assert_eq!(texts(&m), (Some("gone"), 4));
        m.read(Timestamp::UNIX_EPOCH);
        assert_eq!(texts(&m), (None, 0));
        m.say(Note::info("later"));
        assert_eq!(texts(&m), (Some("later"), 0));
        assert_eq!(m.log.len(), 7, "nothing is lost");
    }

    #[test]
    fn an_answer_takes_the_place_of_its_question() {
        let mut m = Messages::default();
        m.say(Note::warning("gone; it is being looked at").loss());
        m.say(Note::ok("it has ended"));
        m.answered("it is being looked at", "it has ended");
        assert_eq!(texts(&m), (Some("gone; it has ended"), 1));
        m.answered("nothing of it", "x");
        assert_eq!((texts(&m).0, m.log.len()), (Some("gone; it has ended"), 2));
    }

    #[test]
    fn a_key_that_was_on_its_way_does_not_take_a_loss_off_the_screen() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let mut m = Messages::default();
        let said = |text: &str| Note { at: Some(at(1000)), ..Note::info(text) };
        m.say(said("gone").loss());
        m.read(at(1200));
        assert_eq!(texts(&m), (Some("gone"), 0));
        m.read(at(1700));
        assert_eq!(texts(&m), (None, 0));
        m.say(said("plain"));
        m.read(at(1200));
        assert_eq!(texts(&m), (None, 0));
    }
}
