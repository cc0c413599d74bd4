//! A page of lines that lead somewhere: what uses an object, related tables. Enter goes to what the line under the cursor names.

use super::effect::Effect;
use super::list::ListCursor;
use super::panes::schema;
use super::state::State;
use crate::model::NodePath;
use std::path::PathBuf;

/// Where a line leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A node of the schema tree.
    Node(NodePath),
    /// A file, opened in the editor.
    File(PathBuf),
    /// A node of the plan on the screen, by its path.
    PlanNode(Vec<usize>),
    /// A plan of the history.
    KeptPlan(i64),
    /// A piece of index advice, with its reasoning.
    Advice(usize),
    /// … to be written as a migration.
    QueueAdvice(usize),
    /// A checklist, shown in its pane.
    Checklist(crate::ops::checklists::Which),
    /// A performance test, to be run.
    RunTest(PathBuf),
}

/// One line, cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    pub text: String,
    /// Behind the text, less loud.
    pub note: String,
    pub heading: bool,
    pub goal: Option<Goal>,
}

impl Line {
    pub fn heading(text: impl Into<String>) -> Self {
        Line { text: text.into(), heading: true, ..Line::default() }
    }
    pub fn plain(text: impl Into<String>) -> Self {
        Line { text: text.into(), ..Line::default() }
    }
}

/// The page.
#[derive(Debug, Clone)]
pub struct Links {
    pub title: String,
    pub lines: Vec<Line>,
    pub list: ListCursor,
    /// Columns that are scrolled away on the left.
    pub left: usize,
}

impl Links {
    /// The cursor starts on a line, or on the first one that leads somewhere.
    pub fn new(title: impl Into<String>, lines: Vec<Line>, at: Option<usize>, page: usize) -> Self {
        let at = at.or_else(|| lines.iter().position(|l| l.goal.is_some())).unwrap_or(0);
        let mut list = ListCursor { at, top: 0 };
        list.follow(lines.len(), page);
        Links { title: title.into(), lines, list, left: 0 }
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        let line = |l: &Line| if l.note.is_empty() { l.text.clone() } else { format!("{}  {}", l.text, l.note) };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Goes where the line leads; the page is closed already.
pub fn follow(state: &mut State, goal: Goal, effects: &mut Vec<Effect>) {
    match goal {
        Goal::Node(path) => schema::jump(state, path, effects),
        Goal::Advice(n) => super::panes::plan::advice::open(state, n),
        Goal::QueueAdvice(n) => super::panes::plan::advice::queue(state, n),
        Goal::Checklist(which) => super::panes::checklist::choose(state, which, effects),
        Goal::RunTest(path) => super::panes::plan::performance::run(state, path, false, effects),
        Goal::KeptPlan(id) => effects.push(Effect::OpenKeptPlan { id }),
        Goal::PlanNode(path) => super::panes::plan::go_to_path(state, &path),
        Goal::File(path) => effects.push(Effect::OpenFile(path)),
    }
}
