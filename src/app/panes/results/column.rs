//! The column under the cursor as a whole: its statistics and its chart.

use super::ResultTab;
use crate::app::chart::Chart;
use crate::app::dialog::{Dialog, Viewer};
use crate::app::effect::{JobId, ResultId};
use crate::app::state::Note;
use crate::app::{Effect, State};
use crate::model::{Align, Kind, Result};
use crate::ops::column::{Ask, Statistics, Told};
use crate::text;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Statistics,
    Chart,
}

/// Asks about the column under the cursor.
pub fn ask(state: &mut State, what: What, effects: &mut Vec<Effect>) {
    let Some(tab) = state.query.result().filter(|t| t.kept > 0) else {
        state.say(Note::info("There are no rows to look at."));
        return;
    };
    let (result, column) = (tab.id, tab.column);
    let (ask, title) = match what {
        What::Statistics => (Ask::Statistics, "statistics"),
        What::Chart => (Ask::Series { labels: labels(tab) }, "chart"),
    };
    let job = state.id();
    state.job(job, title, false, effects);
    effects.push(Effect::LookAtColumn { job, result, column, ask });
}

/// The column that names the rows: the first one that is no number, unless it is the one that is drawn.
fn labels(tab: &ResultTab) -> Option<usize> {
    let columns = tab.columns.as_ref()?;
    columns.iter().enumerate().position(|(i, c)| i != tab.column && c.align == Align::Left)
}

/// The answer came.
pub fn told(state: &mut State, job: JobId, result: ResultId, column: usize, told: Result<Told>) {
    let cancelled = state.jobs.iter().any(|j| j.id == job && j.cancelled);
    state.jobs.retain(|j| j.id != job);
    let Some(tab) = state.query.results.iter().find(|r| r.id == result).filter(|_| !cancelled) else { return };
    let name = tab.columns.as_ref().and_then(|c| c.get(column)).map_or_else(String::new, |c| c.name.to_string());
    let partial = tab.partial();
    // Neither follows the order and the filter of the grid, and that is said.
    let arranged = match &tab.view.of {
        of if of.filter.is_some() => ", with those that the filter hides",
        of if of.sort.is_some() => ", in the order in which they came",
        _ => "",
    };
    match told {
        Ok(Told::Statistics(s)) => {
            let title = format!("{name} · {}{arranged}", of_rows(s.rows, partial));
            state.dialogs.push(Dialog::Viewer(Viewer::new(title, lines(&s, partial).join("\n"))));
        }
        Ok(Told::Series(s)) => {
            let mut title = format!("{name} · {}{arranged}", of_rows(s.rows, partial));
            let left_out = s.rows - s.numbers;
            if left_out > 0 {
                title.push_str(&format!(", {} without a number", text::thousands(left_out)));
            }
            state.dialogs.push(Dialog::Chart(Chart::new(title, *s)));
        }
        Err(e) if e.kind == Kind::Cancelled => {}
        Err(e) => state.say(Note::error(&e)),
    }
}

fn of_rows(rows: u64, partial: bool) -> String {
    if partial { format!("of the {} loaded so far", text::counted(rows, "row")) } else { format!("of {}", text::counted(rows, "row")) }
}

/// Statistics as lines to read.
fn lines(s: &Statistics, partial: bool) -> Vec<String> {
    let mut out = Vec::new();
    let mut line = |label: &str, value: String| out.push(format!("{label:<18}{value}"));
    let share = |n: u64| match n {
        0 => "0".to_string(),
        n => format!("{} ({})", text::thousands(n), percent(n, s.rows)),
    };
    if partial {
        line("partial", "rows are missing: all of this is about those that are here".into());
    }
    line("rows", text::thousands(s.rows));
    line("NULL", share(s.nulls));
    if s.texts.is_some() {
        line("empty text", share(s.empty));
    }
    line("different values", format!("{}{}", if s.all_distinct { "" } else { "at least " }, text::thousands(s.distinct)));
    if let Some(n) = &s.numbers {
        let about = if n.exact { "" } else { "about " };
        line("numbers", text::thousands(n.count));
        line("  least", n.min.clone());
        line("  greatest", n.max.clone());
        line("  sum", format!("{about}{}", n.sum));
        line("  mean", format!("{about}{}", n.mean));
    }
    let quoted = |v: &str| if v.is_empty() { "'' (empty)".to_string() } else { v.to_string() };
    if let Some((first, last)) = &s.texts {
        line("first text", quoted(first));
        line("last text", quoted(last));
    }
    if let Some(((short, a), (long, b))) = &s.lengths {
        line("shortest text", format!("{}: {}", text::counted(*short, "character"), quoted(a)));
        line("longest text", format!("{}: {}", text::counted(*long, "character"), quoted(b)));
    }
    if let Some((least, most)) = s.bytes {
        line("bytes", format!("{} to {}", text::thousands(least), text::thousands(most)));
    }
    if !s.frequent.is_empty() {
        out.push(String::new());
        let of = match s.all_distinct {
            true => String::new(),
            false => format!(" (of the first {} different values)", text::thousands(s.distinct)),
        };
        out.push(format!("Most frequent{of}"));
        let width = s.frequent.first().map_or(0, |(_, n)| text::thousands(*n).len());
        out.extend(s.frequent.iter().map(|(v, n)| format!("  {:>width$}  {:>6}  {}", text::thousands(*n), percent(*n, s.rows), quoted(v))));
    }
    out
}

fn percent(n: u64, of: u64) -> String {
    let p = n as f64 * 100.0 / of.max(1) as f64;
    if p > 0.0 && p < 0.05 { "<0.1 %".into() } else { format!("{p:.1} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::column::statistics::Numbers;

    #[test]
    fn what_is_not_exact_or_not_whole_is_said() {
        let numbers = Numbers { count: 7, min: "1".into(), max: "9".into(), sum: "20".into(), mean: "2.857143".into(), exact: false };
        let s = Statistics {
            rows: 10_000,
            nulls: 3,
            distinct: 200_000,
            all_distinct: false,
            numbers: Some(numbers),
            frequent: vec![("1".into(), 4), (String::new(), 1)],
            ..Statistics::default()
        };
        let text = lines(&s, true).join("\n");
        for words in
            ["rows are missing", "at least 200,000", "about 20", "3 (<0.1 %)", "of the first 200,000 different values", "'' (empty)"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        let whole = lines(&Statistics { all_distinct: true, ..s }, false).join("\n");
        assert!(!whole.contains("at least") && !whole.contains("missing"), "{whole}");
    }
}
