//! What was changed in a text, step by step, to take it back and make it again.

use std::ops::Range;

/// Steps that are kept.
const STEPS: usize = 1000;
/// Bytes that all steps together may hold; the oldest go first.
const BYTES: usize = 128 * 1024 * 1024;

/// At a place something went, and something else came.
#[derive(Debug, Clone)]
struct Change {
    at: usize,
    gone: String,
    came: String,
}

/// Changes that are taken back together.
#[derive(Debug, Clone, Default)]
struct Step {
    changes: Vec<Change>,
    /// The cursor before the first of them.
    cursor: usize,
    /// Letters were typed one after the other, and the next one may join.
    typing: bool,
}

impl Step {
    fn bytes(&self) -> usize {
        self.changes.iter().map(|c| c.gone.len() + c.came.len()).sum()
    }
}

/// A change to be made now: these bytes are replaced by this text.
pub(super) type Edit = (Range<usize>, String);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    done: Vec<Step>,
    undone: Vec<Step>,
    /// How many `begin` are open, and whether the open step has changes yet.
    open: usize,
    started: bool,
    bytes: usize,
}

impl History {
    /// Changes belong together until `end`.
    pub fn begin(&mut self) {
        if self.open == 0 {
            self.started = false;
        }
        self.open += 1;
    }

    pub fn end(&mut self) {
        self.open = self.open.saturating_sub(1);
        if let Some(s) = self.done.last_mut().filter(|_| self.open == 0) {
            s.typing = false;
        }
    }

    /// A change is made.
    pub fn note(&mut self, at: usize, gone: String, came: &str, cursor: usize) {
        self.push(Change { at, gone, came: came.to_string() }, cursor, false);
    }

    /// A character was typed; with `joins` it may be part of the word before it.
    pub fn typed(&mut self, at: usize, c: char, joins: bool) {
        if self.open == 0
            && let Some(s) = self.done.last_mut().filter(|s| s.typing)
            && let Some(last) = s.changes.last_mut().filter(|l| joins && l.at + l.came.len() == at)
        {
            last.came.push(c);
            self.bytes += c.len_utf8();
            self.undone.clear();
            return;
        }
        self.push(Change { at, gone: String::new(), came: c.to_string() }, at, true);
    }

    fn push(&mut self, change: Change, cursor: usize, typing: bool) {
        self.undone.clear();
        self.bytes += change.gone.len() + change.came.len();
        match self.done.last_mut().filter(|_| self.open > 0 && self.started) {
            Some(s) => s.changes.push(change),
            None => {
                self.started = true;
                self.done.push(Step { changes: vec![change], cursor, typing: typing && self.open == 0 });
            }
        }
        while self.done.len() > 1 && (self.done.len() > STEPS || self.bytes > BYTES) {
            self.bytes -= self.done.remove(0).bytes();
        }
    }

    /// What takes the last step back, in order, and where the cursor was.
    pub fn undo(&mut self) -> Option<(Vec<Edit>, usize)> {
        (self.open, self.started) = (0, false);
        let step = self.done.pop()?;
        self.bytes -= step.bytes();
        let edits = step.changes.iter().rev().map(|c| (c.at..c.at + c.came.len(), c.gone.clone())).collect();
        let cursor = step.cursor;
        self.undone.push(step);
        Some((edits, cursor))
    }

    /// What makes the step again that was taken back last.
    pub fn redo(&mut self) -> Option<Vec<Edit>> {
        let mut step = self.undone.pop()?;
        step.typing = false;
        let edits = step.changes.iter().map(|c| (c.at..c.at + c.gone.len(), c.came.clone())).collect();
        self.bytes += step.bytes();
        self.done.push(step);
        Some(edits)
    }
}
