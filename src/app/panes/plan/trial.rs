//! What is tried with the statement of the plan: a planner setting, other values, a performance test of it.

use super::performance::{self, Ran, Wanted};
use super::{Asked, kept};
use crate::app::dialog::{Dialog, Field, Form, Purpose, Viewer};
use crate::app::links::{Line, Links};
use crate::app::state::Note;
use crate::app::{Action, Effect, State, keys};
use crate::model::{Param, Result};
use crate::ops::checklists::Which;
use crate::ops::param_sets::{Sets, Side, verdict};
use crate::ops::plan_test::{self, Known, NewTest};
use crate::ops::what_if::WhatIf;
use crate::plan::measure::millis;
use crate::plan::requirement;
use crate::plan::switches;
use crate::sql::params::{inline, names, placeholders};
use crate::text;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a job is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Trial {
    /// The statement, its values in their places, under `name=value` words.
    WhatIf { text: String, settings: Vec<String>, measure: bool },
    /// The statement with its parameters; without sets they are proposed.
    Sets { sql: String, sets: Option<Sets>, measure: bool },
    /// The file of a performance test; its checklist is shown then.
    Test { path: PathBuf, new: NewTest, optimize: bool },
    /// The project's tests, those of the statement first.
    Tests { sql: Option<String>, wanted: Wanted },
    /// A test is run; whatever the server expects it to cost.
    Run { path: PathBuf, anyway: bool },
    /// What a statement that writes sets off; `text` has its values in their places.
    LookAtWrite { asked: Asked, text: String },
    /// What measuring advice would make.
    LookAtCopies { asked: Asked },
    /// A statement that writes, as it was shown.
    Write { asked: Asked, text: String, digest: String, place: crate::ops::gate::Place },
}

/// What came of it.
#[derive(Debug)]
pub enum Tried {
    WhatIf(Box<WhatIf>),
    Sets(Vec<Side>),
    /// Where the test is, and its median time for each set.
    Test {
        path: PathBuf,
        medians: Vec<(String, f64)>,
        optimize: bool,
    },
    Tests {
        known: Vec<Known>,
        wanted: Wanted,
    },
    Ran(Box<Ran>),
    Seen(Box<super::write::Seen>),
    Copies {
        asked: Asked,
        words: String,
    },
    Wrote(Box<super::write::Done>),
}

/// Sets that the form has room for.
const SETS: [&str; 3] = crate::ops::param_sets::PROPOSED;

pub(super) fn asked(state: &State) -> Option<Asked> {
    let known = state.plan.plan.is_some() && !state.plan.asked.text.trim().is_empty();
    known.then(|| state.plan.asked.clone()).or_else(|| super::ask::current(state).map(|text| Asked { text, ..Asked::default() }))
}

/// The statement, or a note that there is none that could be run again.
pub(super) fn needed(state: &mut State) -> Option<Asked> {
    let why = match (state.link.server().map(|s| s.no_plans.clone()), asked(state)) {
        (None, _) => "No target is open.".to_string(),
        (Some(Some(no)), _) => no,
        (Some(None), None) => "There is no statement under the cursor.".to_string(),
        (Some(None), Some(a)) => return Some(a),
    };
    state.say(Note::warning(why));
    None
}

/// Asks which planner setting.
pub(super) fn ask_what_if(state: &mut State) {
    if needed(state).is_none() {
        return;
    }
    let dialect = state.query.editor.dialect();
    let body = vec![
        format!("For one plan alone, in a transaction that is rolled back. Several with commas. Known are {}.", switches::all(dialect)),
        "Measured: both plans are run by turns, 5 to 30 times each. hidden_index stands alone: an index that is there is hidden, and that is \
         measured on a scratch copy, which is made and removed."
            .to_string(),
    ];
    let fields =
        vec![Field::new("Settings", switches::example(dialect), ""), Field::new("Measure", "no", "yes, or no for the estimate alone")];
    state.dialogs.push(Dialog::Form(Form::new("What if?", Purpose::WhatIf, body, fields)));
}

/// Asks for sets of values.
pub(super) fn ask_sets(state: &mut State) {
    let Some(a) = needed(state) else { return };
    let found = placeholders(state.query.editor.reading(), &a.text);
    let wanted = names(&found);
    if wanted.is_empty() {
        return state
            .say(Note::info("The statement has no parameters: write :name in the place of a value, and its plans can be compared."));
    }
    let body = vec![
        format!(
            "Values for {}, as name=value with commas between. All empty: proposed from what the tables hold.",
            text::clean(&wanted.join(", "))
        ),
        "The plans stand side by side, and where they differ it is said.".to_string(),
    ];
    let mut fields: Vec<Field> = SETS.into_iter().map(|s| Field::new(s, "", "")).collect();
    fields.push(Field::new("Measure", "no", "yes, or no for the estimate alone"));
    state.dialogs.push(Dialog::Form(Form::new("Plans for several values", Purpose::ParamSets, body, fields)));
}

/// Asks for the name of a test and what it requires.
pub(super) fn ask_test(state: &mut State, optimize: bool) {
    if needed(state).is_none() {
        return;
    }
    let mut body = vec![
        "Measures the statement now as the baseline, and writes plan-tests/NAME.toml; a file that is there is left alone.".to_string(),
        "Required, with commas between: ratio <= 0.8, work ratio <= 0.5, p95 < 100 ms, pages <= 500, no sort, no table scan on TABLE."
            .to_string(),
    ];
    let fields = vec![Field::new("Name", "", "letters, digits, - and _"), Field::new("Require", "ratio <= 0.8", "")];
    if optimize {
        body.insert(0, "No test of this statement is in plan-tests yet; the checklist query-optimization goes by one.".to_string());
    }
    let title = if optimize { "Optimize the statement" } else { "A performance test" };
    state.dialogs.push(Dialog::Form(Form::new(title, Purpose::WritePlanTest { optimize }, body, fields)));
}

fn yes_or_no(word: &str) -> std::result::Result<bool, String> {
    match word.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        _ => Err("Measure: yes or no?".into()),
    }
}

/// Parts between commas that are not within quotes.
fn parts(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '\'';
        match c {
            ',' if !quoted => out.push(String::new()),
            c => out.last_mut().into_iter().for_each(|l| l.push(c)),
        }
    }
    out.into_iter().map(|p| p.trim().to_string()).filter(|p| !p.is_empty()).collect()
}

pub(super) fn start(state: &mut State, title: &str, trial: Trial, effects: &mut Vec<Effect>) {
    let job = state.id();
    state.job(job, title, false, effects);
    effects.push(Effect::Trial { link: state.link_no, job, trial: Box::new(trial) });
}

/// The form of a what-if is filled in.
pub fn what_if(state: &mut State, settings: &str, measure: &str, effects: &mut Vec<Effect>) -> std::result::Result<(), String> {
    let measure = yes_or_no(measure)?;
    let dialect = state.query.editor.dialect();
    let settings = parts(settings);
    if settings.is_empty() {
        return Err("Which setting?".into());
    }
    for s in &settings {
        switches::read(dialect, s)?;
    }
    let a = asked(state).ok_or("There is no statement any more.")?;
    let text = inline(dialect, &a.text, &a.values).map_err(|name| format!("{name} has no value yet: show the plan first."))?;
    start(state, "what if", Trial::WhatIf { text, settings, measure }, effects);
    Ok(())
}

/// The form of the sets is filled in.
pub fn sets(state: &mut State, values: &[String], measure: &str, effects: &mut Vec<Effect>) -> std::result::Result<(), String> {
    let measure = yes_or_no(measure)?;
    let a = asked(state).ok_or("There is no statement any more.")?;
    let mut sets = Sets::new();
    for (set, words) in SETS.iter().zip(values) {
        for p in parts(words) {
            let (name, value) = p.split_once('=').ok_or_else(|| format!("{set}: `{p}` is not name=value."))?;
            sets.entry((*set).to_string()).or_default().insert(name.trim().to_string(), value.trim().to_string());
        }
    }
    let sets = Some(sets).filter(|s| !s.is_empty());
    if let Some(s) = &sets {
        crate::ops::plan_test::statements(state.query.editor.dialect(), &a.text, s).map_err(|e| e.message)?;
    }
    start(state, "plans for several values", Trial::Sets { sql: a.text, sets, measure }, effects);
    Ok(())
}

/// A value as somebody would type it; bytes nobody types.
fn typed(value: &Param) -> Option<String> {
    match value {
        Param::Null => Some("NULL".into()),
        Param::Number(n) | Param::Literal(n) => Some(n.clone()),
        Param::Text(t) => Some(format!("'{}'", t.replace('\'', "''"))),
        Param::Bytes(_) | Param::TextBytes(_) => None,
    }
}

/// The form of a test is filled in.
pub fn test(state: &mut State, name: &str, require: &str, optimize: bool, effects: &mut Vec<Effect>) -> std::result::Result<(), String> {
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(plain) {
        return Err("A name of letters, digits, - and _: it becomes the file's.".into());
    }
    let require = parts(require);
    if require.is_empty() {
        return Err("What is required? Such as ratio <= 0.8.".into());
    }
    for r in &require {
        requirement::read(r).map_err(|e| format!("{r}: {e}"))?;
    }
    let a = asked(state).ok_or("There is no statement any more.")?;
    let dialect = state.query.editor.dialect();
    let found = placeholders(dialect, &a.text);
    let mut given = BTreeMap::new();
    for n in names(&found) {
        let value = a.values.get(n).ok_or_else(|| format!("{n} has no value yet: show the plan first."))?;
        let words = typed(value).ok_or_else(|| format!("{n} is binary, which a test's file cannot hold."))?;
        given.insert(n.to_string(), words);
    }
    let parameters = if given.is_empty() { Sets::new() } else { Sets::from([("given".to_string(), given)]) };
    let path = plan_test::directory(&state.config).join(format!("{name}.toml"));
    let new = NewTest { name: name.to_string(), sql: a.text, require, parameters };
    start(state, "measuring the baseline", Trial::Test { path, new, optimize }, effects);
    Ok(())
}

/// A trial ended.
pub fn tried(state: &mut State, result: Result<Tried>, effects: &mut Vec<Effect>) {
    match result {
        Err(e) if e.kind == crate::model::Kind::Cancelled => state.say(Note::info("Cancelled; nothing is left of it.")),
        Err(e) => state.say(Note::error(&e)),
        Ok(Tried::Test { path, medians, optimize }) => {
            let each: Vec<String> = medians.iter().map(|(set, ms)| format!("{set} {}", millis(*ms))).collect();
            let key = crate::app::work::keys_in(state, crate::app::Pane::Plan, Action::RunPlanTest);
            let next = if optimize { String::new() } else { format!(" {key} in the plan runs it.") };
            state.say(Note::ok(format!("{} is written: {}.{next}", performance::shown(state, &path), each.join(", "))));
            if optimize {
                crate::app::panes::checklist::choose(state, Which::optimization(path), effects);
            }
        }
        Ok(Tried::Tests { known, wanted }) => performance::told(state, known, wanted, effects),
        Ok(Tried::Ran(ran)) => performance::ran(state, *ran),
        Ok(Tried::WhatIf(w)) => compared(state, &w),
        Ok(Tried::Seen(s)) => super::write::seen(state, *s),
        Ok(Tried::Copies { asked, words }) => super::advice::confirm(state, asked, words),
        Ok(Tried::Wrote(d)) => super::write::done(state, *d),
        Ok(Tried::Sets(sides)) => {
            let title = if sides.iter().any(|s| s.measured.is_some()) {
                "Plans for several values, measured"
            } else {
                "Plans for several values, estimated"
            };
            state.dialogs.push(Dialog::Viewer(Viewer::new(title, beside(&sides))));
        }
    }
}

fn compared(state: &mut State, w: &WhatIf) {
    let width = usize::from(crate::app::dialog::page_width(state.size.0));
    let mut lines: Vec<Line> = Vec::new();
    for l in w.differs.clone().into_iter().chain(w.lines()) {
        lines.extend(text::wrap(&text::clean(&l), width.saturating_sub(2)).into_iter().map(Line::plain));
    }
    lines.push(Line::plain(""));
    // None of these plans is the one on the screen: no line leads to its nodes.
    let page = kept::page(&w.without, &w.with, &w.comparison, false, width);
    lines.extend(page.into_iter().map(|l| Line { goal: None, ..l }));
    let rows = keys::dialog_rows(state.size.1);
    state.dialogs.push(Dialog::Links(Links::new(format!("What if {}", w.words()), lines, None, rows)));
}

/// The sets as a table, the plans below.
fn beside(sides: &[Side]) -> String {
    let mut out = format!("{}\n\n", verdict(sides));
    for (set, warning) in sides.iter().filter_map(|s| Some((&s.set, s.warning.as_ref()?))) {
        out.push_str(&format!("{set}: {warning}\n\n"));
    }
    for s in sides {
        let values = s.values.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", ");
        let cost = s.cost.map_or_else(String::new, |c| format!("  cost {c:.2}"));
        let rows = s.rows_expected.map_or_else(String::new, |r| format!("  rows expected {}", text::thousands(r.max(0.0).round() as u64)));
        let time = s.measured.as_ref().map_or_else(String::new, |m| format!("  median {} of {} runs", millis(m.median_ms), m.runs));
        out.push_str(&format!("{:<8} plan {}{cost}{rows}{time}\n         {values}\n", s.set, s.letter));
    }
    let mut shown: Vec<&str> = Vec::new();
    for s in sides {
        if !shown.contains(&s.letter.as_str()) {
            shown.push(&s.letter);
            out.push_str(&format!("\nPlan {}\n", s.letter));
            for l in &s.outline {
                out.push_str(&format!("  {l}\n"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_but_not_within_quotes() {
        assert_eq!(parts("a=1, b='x, y' ,, c=2"), ["a=1", "b='x, y'", "c=2"]);
        assert!(parts(" , ").is_empty());
    }

    #[test]
    fn values_go_into_a_file_as_typed() {
        let back = |p: Param| typed(&p).map(|t| crate::sql::params::typed_value(crate::model::Dialect::Sqlite, &t)) == Some(p);
        assert!(
            back(Param::Null)
                && back(Param::Number("-1.5".into()))
                && back(Param::Text("it's".into()))
                && back(Param::Text("5".into()))
                && back(Param::Text("true".into()))
        );
    }
}
