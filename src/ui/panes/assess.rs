//! Drawing an emergency assessment: the cause on top, the checks worst first, and who waits for whom.

use super::marks;
use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::assess::{Assess, FRESH, Line, Tree, details, keys, parts, session_lines, session_title, summary_lines};
use crate::app::work::sentence;
use crate::app::{Pane, State};
use crate::model::Severity;
use crate::model::lock_tree::Branch;
use crate::ops::assess::locks::in_a_line;
use crate::text;
use crate::ui::canvas::Canvas;
use crate::ui::theme::{Glyphs, Look};
use ratatui::style::Style;

/// Columns that a check's name takes; the longest is `prepared transactions`.
const NAME: u16 = 22;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let a = &state.assess;
    let focused = state.view.focus == Pane::Assess;
    let title = match (&a.tree, a.target.as_str()) {
        (_, "") => "Assess".to_string(),
        (None, target) => format!("Assess · {target}"),
        (Some(_), target) => format!("Locks · {target}"),
    };
    match &a.tree {
        Some(tree) => {
            c.title(area, &c.look.ascii_words(&title), &c.look.ascii_words(&tree_remark(state, tree)), focused);
            locks(state, tree, inside, c);
        }
        None => {
            c.title(area, &c.look.ascii_words(&title), &c.look.ascii_words(&remark(state, a)), focused);
            checks(state, inside, c);
        }
    }
}

/// How far it is.
fn remark(state: &State, a: &Assess) -> String {
    let many = |n: usize| text::counted(n as u64, "check");
    match (a.job, &a.whole, a.began) {
        (Some(_), _, Some(began)) => {
            let seconds = (state.now.as_second() - began.as_second()).max(0);
            format!("{} read · {seconds} s · one connection", a.seen.len())
        }
        (None, Some(w), _) => {
            format!("{} in {:.1} s · {}{}", many(w.checks.len()), w.took / 1000.0, clock(w.began), ago(state, w.began, FRESH))
        }
        _ => String::new(),
    }
}

/// `02:11:07 UTC`.
fn clock(at: jiff::Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

/// How old a picture is, once it is older than that many seconds.
fn ago(state: &State, at: jiff::Timestamp, fresh: i64) -> String {
    match state.now.as_second() - at.as_second() {
        n if n <= fresh => String::new(),
        n => format!(" · {} ago", text::duration(std::time::Duration::from_secs(n.unsigned_abs()))),
    }
}

fn tree_remark(state: &State, tree: &Tree) -> String {
    let Some(at) = tree.at else { return String::new() };
    format!("{} waiting{}", tree.tree.waiting(), ago(state, at, 5))
}

/// What stands before a check: a mark, and a word, since a screen without colour must do.
fn mark(look: &Look, severity: Severity) -> (&'static str, &'static str) {
    let g = &look.glyphs;
    let (glyph, word) = match severity {
        Severity::Ok => (g.proved, "ok"),
        Severity::Info => (g.dot, "info"),
        Severity::Unknown => (g.unknown, "unknown"),
        Severity::Warning => ("!", "WARNING"),
        Severity::Critical => (g.failed, "CRITICAL"),
    };
    // The ASCII twins say `[x]` for what is well.
    (if g.ascii { "" } else { glyph }, word)
}

fn checks(state: &State, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let a = &state.assess;
    if let (Some(e), true) = (&a.error, a.seen.is_empty()) {
        return marks::problem(c, inside, e);
    }
    let summary = summary_lines(state, usize::from(inside.w));
    let lines = a.lines();
    // A rule parts the sentence on top from the list.
    let p = parts(usize::from(inside.h), summary.len() + usize::from(!summary.is_empty()), lines.len());
    let (top, rest) = inside.split_top(p.top as u16);
    let (list, below) = rest.split_top(p.list as u16);
    let shown = p.top.saturating_sub(1);
    for (i, (words, severity)) in summary.iter().enumerate().take(shown) {
        let style = if words.starts_with("Next: ") || *severity == Severity::Info { look.text } else { look.severity(*severity) };
        let y = top.y + i as u16;
        if i == 0 {
            c.put(top.x, y, 2, mark(look, *severity).0, style);
        }
        c.put(top.x + 2, y, top.w.saturating_sub(2), &look.ascii_words(words), style);
    }
    if p.top > 0 {
        marks::rule(c, Area { y: top.y + p.top as u16 - 1, h: 1, ..top }, "", "");
    }
    if lines.is_empty() {
        let words = if a.job.is_some() { "Logging in …" } else { "Nothing was read." };
        c.put(list.x + 2, list.y, list.w.saturating_sub(2), &look.ascii_words(words), look.dim);
    }
    for (i, line) in lines.iter().enumerate().skip(a.list.top).take(usize::from(list.h)) {
        let y = list.y + (i - a.list.top) as u16;
        row(state, i, line, Area { y, h: 1, ..list }, c);
    }
    if below.h > 0 {
        let (rule, rest) = below.split_top(1);
        let title = lines.get(a.list.at).map_or_else(String::new, |l| match l {
            Line::Seen(s) => format!("{} ({})", s.name, s.check),
            Line::Waits(check) => format!("{} ({})", check.name, check.id),
        });
        marks::rule(c, rule, &title, &look.ascii_words(&keys(state)));
        let told: Vec<(String, Style)> = match lines.get(a.list.at) {
            Some(Line::Seen(s)) => {
                // Its figures stand in the list already.
                let told = details(s, None, &a.target);
                let told = if s.findings.is_empty() { &told[..] } else { &told[2..] };
                told.iter().map(|l| (look.ascii_words(l).into_owned(), look.text)).collect()
            }
            Some(Line::Waits(check)) => vec![(check.means.to_string(), look.text)],
            None => Vec::new(),
        };
        wrapped(c, rest, &told);
    }
}

fn row(state: &State, i: usize, line: &Line<'_>, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let focused = state.view.focus == Pane::Assess;
    let chosen = i == state.assess.list.at;
    if chosen {
        c.cursor(area.x, area.y, focused);
    }
    let style = marks::row(look, chosen, focused);
    let end = area.x + area.w;
    let mut x = area.x + 2;
    let (glyph, word, how, name, says) = match line {
        Line::Seen(s) => {
            let (glyph, word) = mark(look, s.severity);
            (glyph, word, look.severity(s.severity), s.name.as_str(), text::clean(&s.says).into_owned())
        }
        Line::Waits(check) => (
            if look.glyphs.ascii { "" } else { look.glyphs.waiting },
            "",
            look.dim,
            check.name,
            if check.twice { "two samples" } else { "" }.to_string(),
        ),
    };
    if !glyph.is_empty() {
        c.put(x, area.y, 1, glyph, how);
        x += 2;
    }
    c.put(x, area.y, 9, word, how);
    x += 9;
    c.put(x, area.y, NAME, name, style);
    x = (x + NAME).min(end);
    let says = says.split_whitespace().collect::<Vec<_>>().join(" ");
    c.put(x, area.y, end - x, &look.ascii_words(&says), if matches!(line, Line::Waits(_)) { look.dim } else { style });
}

fn locks(state: &State, tree: &Tree, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let (problem, inside) = inside.split_top(u16::from(tree.problem.is_some()));
    if let Some(why) = &tree.problem {
        let words = format!("Not read again: {}", sentence(why));
        c.put(problem.x + 2, problem.y, problem.w.saturating_sub(2), &look.ascii_words(&words), look.unknown);
    }
    let t = &tree.tree;
    if t.branches.is_empty() {
        let words = match t.circle.len() {
            0 => "Nobody waits for a lock now.".to_string(),
            n => format!("{} wait for each other in a circle: the server ends one of them.", text::counted(n as u64, "session")),
        };
        return wrapped(c, inside, &[(words, look.text)]);
    }
    let p = parts(usize::from(inside.h), 0, t.branches.len());
    let (list, below) = inside.split_top(p.list as u16);
    for (i, branch) in t.branches.iter().enumerate().skip(tree.list.top).take(usize::from(list.h)) {
        let y = list.y + (i - tree.list.top) as u16;
        let session = &t.sessions[branch.at];
        let root = t.roots.iter().find(|r| r.at == branch.at);
        let words = format!("{}{}", arm(&look.glyphs, &t.branches, i), in_a_line(session, root.map(|r| r.victims)));
        let words = look.ascii_words(&words);
        let chosen = i == tree.list.at;
        if chosen {
            c.cursor(list.x, y, state.view.focus == Pane::Assess);
        }
        let style = match (chosen, root.is_some()) {
            (true, _) => marks::row(look, chosen, state.view.focus == Pane::Assess),
            (false, true) => look.critical,
            (false, false) => look.text,
        };
        c.put(list.x + 2, y, list.w.saturating_sub(2), &words, style);
    }
    if below.h > 0 {
        let (rule, rest) = below.split_top(1);
        let Some(s) = tree.chosen() else { return };
        marks::rule(c, rule, &session_title(s), &look.ascii_words(&keys(state)));
        let told: Vec<(String, Style)> =
            session_lines(s).into_iter().filter(|l| !l.is_empty()).map(|l| (look.ascii_words(&l).into_owned(), look.text)).collect();
        wrapped(c, rest, &told);
    }
}

/// Columns that depth may take: what stands deeper stands no further right.
const DEEPEST: usize = 8;

/// The lines before the one at `i`: of each level above it that goes on below, and its own. Levels that stand in one column are one here, too.
fn arm(g: &Glyphs, branches: &[Branch], i: usize) -> String {
    let shown = |b: &Branch| b.depth.min(DEEPEST + 1);
    let goes_on = |level: usize| branches[i + 1..].iter().map(shown).take_while(|d| *d >= level).any(|d| d == level);
    let depth = shown(&branches[i]);
    let mut out: String = (1..depth).map(|level| if goes_on(level) { g.pass } else { "  " }).collect();
    if depth > 0 {
        out.push_str(if goes_on(depth) { g.branch } else { g.last });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::{ColourDepth, Theme};

    #[test]
    fn what_stands_in_one_column_is_drawn_as_one_level() {
        let look = Look::new(&Theme::built_in("mono", ColourDepth::None).unwrap(), false);
        let of = |depths: &[usize]| -> Vec<String> {
            let branches: Vec<Branch> = depths.iter().enumerate().map(|(at, depth)| Branch { at, depth: *depth }).collect();
            (0..branches.len()).map(|i| arm(&look.glyphs, &branches, i)).collect()
        };
        assert_eq!(of(&[0, 1, 2, 1]), ["", "├ ", "│ └ ", "└ "]);
        let line: Vec<usize> = (0..13).collect();
        let drawn = of(&line);
        assert_eq!((drawn[8].trim(), drawn[9].trim(), drawn[11].trim(), drawn[12].trim()), ("└", "├", "├", "└"), "{drawn:#?}");
    }
}
