//! psql's own ways of showing a cell: the expanded form with the column's name before it, and the wrapped form, which breaks a cell
//! at the window's width and marks both ends of the break.

use super::super::text::begins;
use super::{BARS, is_count, is_record, is_rule};
use crate::text;

/// What ends a broken line, and begins the next one where there is room for it (not without a border).
const MARKS: [char; 2] = ['.', '…'];
const NAME: &str = "QUERY PLAN";

/// Where the values of the expanded form begin.
#[derive(Clone, Copy)]
pub(super) struct Expanded {
    /// Characters before a value, its blank or mark included; none in the unaligned form, whose further lines have nothing before them.
    before: Option<usize>,
}

/// How an expanded form is laid out; `None` for all others.
pub(super) fn expanded(lines: &[String]) -> Option<Expanded> {
    let records = lines.iter().any(|l| is_record(l));
    lines.iter().find_map(|l| {
        let name = l.find(NAME).filter(|at| l[..*at].chars().all(|c| c == ' ' || BARS.contains(&c)))?;
        let start = l[..name].chars().count() + NAME.len();
        let rest = &l[name + NAME.len()..];
        if rest.starts_with(BARS) {
            return (rest.chars().count() > 1 && !rest[1..].trim().is_empty() || records).then_some(Expanded { before: None });
        }
        if !records {
            return None;
        }
        let barred = rest.starts_with(' ') && rest[1..].starts_with(BARS);
        Some(Expanded { before: Some(start + if barred { 3 } else { 1 }) })
    })
}

impl Expanded {
    /// A line without what stands before its value.
    pub(super) fn value(self, line: &str) -> String {
        let Some(before) = self.before else {
            let named = line.strip_prefix(NAME).filter(|r| r.starts_with(BARS));
            return named.map_or(line, |r| r.trim_start_matches(BARS)).to_string();
        };
        let (front, rest) = cut(line, before);
        let blank = |c: char| matches!(c, ' ' | ':' | ';') || BARS.contains(&c);
        if front.replace(NAME, "").chars().all(blank) { rest.to_string() } else { line.to_string() }
    }
}

/// The first `n` characters, and the rest.
fn cut(line: &str, n: usize) -> (&str, &str) {
    line.split_at(line.char_indices().nth(n).map_or(line.len(), |(i, _)| i))
}

/// A line in its parts: what stands before the cell, the cell with its mark or blank in front, a bar behind it.
struct Cell<'a> {
    front: &'a str,
    inside: &'a str,
    bar: &'a str,
}

/// Joins the lines that the wrapped form broke, cell by cell. A broken line fills the column to its last character, which is the mark.
pub(super) fn join_wrapped(lines: &mut Vec<String>) {
    if join_unmarked(lines) || !lines.iter().any(|l| l.trim_end().trim_end_matches(BARS).ends_with(MARKS)) {
        return;
    }
    let form = expanded(lines);
    let boxed =
        lines.iter().filter(|l| l.starts_with(BARS)).all(|l| l.trim_end().ends_with(BARS)) && lines.iter().any(|l| l.starts_with(BARS));
    // Prompts above the heading and what psql says below the rows are not of the table.
    let heading = lines.iter().position(|l| l.trim_matches(|c: char| c == ' ' || BARS.contains(&c)) == NAME).unwrap_or(0);
    let more = |i: &usize| lines[heading + i + 1..].iter().any(|l| !l.trim().is_empty() && !is_rule(l));
    let top =
        lines.iter().skip(heading).take(4).position(|l| is_rule(l)).filter(|i| form.is_none() && more(i)).map_or(0, |i| heading + i + 1);
    let end = lines.iter().skip(top).position(|l| is_count(l)).map_or(lines.len(), |i| top + i);
    let cells: Vec<Option<Cell<'_>>> = lines
        .iter()
        .enumerate()
        .map(|(i, l)| {
            let inside = (top..end).contains(&i) && !l.trim().is_empty() && !is_rule(l) && !is_record(l);
            inside.then(|| cell(l, form, boxed)).flatten()
        })
        .collect();
    let widths: Vec<usize> = cells.iter().map(|c| c.as_ref().map_or(0, |c| text::width(c.inside))).collect();
    let mark = |i: usize| cells[i].as_ref().and_then(|c| c.inside.chars().next_back()).filter(|m| MARKS.contains(m));
    let Some(width) = (0..lines.len()).filter(|i| mark(*i).is_some()).map(|i| widths[i]).max() else { return };
    let broken = |i: usize| mark(i).filter(|_| widths[i] == width);
    // The heading may be wider than its cells by nothing; whatever else is wider was not wrapped.
    if widths.iter().any(|w| *w > width) {
        return;
    }
    // Where a break is marked nothing else stands but the mark of a line's end.
    let last = |i: usize| cells[i].as_ref().and_then(|c| c.inside.chars().next_back());
    if (0..lines.len()).any(|i| widths[i] == width && last(i).is_some_and(|c| !MARKS.contains(&c) && !matches!(c, ' ' | '+' | '↵'))) {
        return;
    }
    let rule = (top > 0).then(|| lines[top - 1].trim().chars().filter(|c| is_stroke(*c)).count());
    let front = |i: usize| cells.get(i).and_then(Option::as_ref).and_then(|c| c.inside.chars().next());
    let begins_marked = |i: usize| broken(i).is_none() || front(i + 1) == mark(i);
    let all = || (0..lines.len()).filter(|i| broken(*i).is_some());
    let indented = |c: &Cell<'_>| c.inside.starts_with(' ') || c.inside.starts_with(MARKS);
    let marked_in_front = cells.iter().flatten().all(indented) && all().all(begins_marked) && rule.is_none_or(|d| d == width);
    // Without a border there is no room for the second mark, and without a heading the width has to be guessed.
    let sure = all().count() > 1 || all().all(|i| lines.get(i + 1).is_some_and(|l| !begins(l.trim_start())));
    // A range of figures that is none without its dot was broken at the dot by somebody else.
    let number = |i: usize| {
        let (Some(a), Some(b)) = (cells[i].as_ref(), cells.get(i + 1).and_then(Option::as_ref)) else { return true };
        let whole = a.inside.strip_suffix(MARKS).unwrap_or(a.inside);
        let (Some(from), Some(to)) = (whole.rsplit(' ').next(), b.inside.split(' ').next()) else { return true };
        match from.rsplit_once('=') {
            Some((key, range)) if key.ends_with("time") || key.ends_with("cost") => is_range(&format!("{range}{to}")),
            _ => true,
        }
    };
    let sure = sure && (marked_in_front || all().all(number));
    let bare = !marked_in_front && form.is_none() && !boxed && rule.map_or(sure, |d| d + 1 == width && all().all(number));
    if !marked_in_front && !bare {
        return;
    }
    let mut out: Vec<String> = Vec::with_capacity(lines.len());
    let mut open = false;
    for (i, line) in lines.iter().enumerate() {
        let Some(c) = &cells[i] else {
            out.push(line.clone());
            open = false;
            continue;
        };
        let mut inside = c.inside;
        let goes_on = broken(i).filter(|_| cells.get(i + 1).is_some_and(Option::is_some));
        if let Some(m) = goes_on {
            inside = &inside[..inside.len() - m.len_utf8()];
        }
        match out.last_mut().filter(|_| open) {
            Some(last) => last.push_str(if marked_in_front { inside.strip_prefix(MARKS).unwrap_or(inside) } else { inside }),
            None => out.push(format!("{}{inside}", c.front)),
        }
        open = goes_on.is_some();
        if !open && let Some(last) = out.last_mut() {
            last.push_str(c.bar);
        }
    }
    *lines = out;
}

/// The same for the old line style, which marks a break with blanks: a cell is broken where it fills the heading's rule and goes on.
/// `false` where the lines are not of that form.
fn join_unmarked(lines: &mut Vec<String>) -> bool {
    let Some(heading) = lines.iter().position(|l| l.trim_matches(|c: char| c == ' ' || BARS.contains(&c)) == NAME) else { return false };
    let Some(rule) = lines.get(heading + 1).filter(|l| is_rule(l)) else { return false };
    let boxed = lines[heading].trim_start().starts_with(BARS);
    let strokes = rule.chars().filter(|c| is_stroke(*c)).count();
    let top = heading + 2;
    let end = (top..lines.len()).find(|i| is_count(&lines[*i]) || is_rule(&lines[*i])).unwrap_or(lines.len());
    let Some(cells) = lines[top..end].iter().map(|l| cell(l, None, boxed)).collect::<Option<Vec<_>>>() else { return false };
    // Without a border there is no blank in front.
    let widest = cells.iter().map(|c| text::width(c.inside)).max().unwrap_or(0);
    let front = match widest.checked_sub(strokes) {
        Some(0) => 1,
        Some(1) if !boxed => 0,
        _ => return false,
    };
    let sound = |c: &Cell<'_>| (front == 0 || c.inside.starts_with(' ')) && (text::width(c.inside) < widest || c.inside.ends_with(' '));
    if !cells.iter().all(sound) {
        return false;
    }
    // JSON and its like have lines of their own in one cell, which are filled up with blanks.
    let Some(first) = cells.first().and_then(|c| c.inside.trim_start().chars().next()) else { return false };
    if matches!(first, '<' | '-') {
        return false;
    }
    let words = !matches!(first, '[' | '{');
    let mut out = lines[..top].to_vec();
    let mut open = false;
    for (i, c) in cells.iter().enumerate() {
        let next = cells.get(i + 1).map(|n| &n.inside[front..]);
        let full = text::width(c.inside) == widest;
        let filled = full && !c.inside[..c.inside.len() - 1].ends_with(' ');
        // In a box every cell is filled up, and the blank behind its last character says nothing.
        let goes_on = next.is_some_and(|n| filled && !(boxed && begins(n.trim_start())) || full && words && !begins(n.trim_start()));
        let inside = if goes_on { &c.inside[..c.inside.len() - 1] } else { c.inside };
        match out.last_mut().filter(|_| open) {
            Some(last) => last.push_str(&inside[front..]),
            None => out.push(format!("{}{inside}", c.front)),
        }
        open = goes_on;
        if !open && let Some(last) = out.last_mut() {
            last.push_str(c.bar);
        }
    }
    out.extend_from_slice(&lines[end..]);
    let joined = out.len() < lines.len();
    if joined {
        *lines = out;
    }
    joined
}

fn is_stroke(c: char) -> bool {
    matches!(c, '-' | '=' | '─' | '━' | '═' | '┄' | '┈')
}

fn cell(line: &str, form: Option<Expanded>, boxed: bool) -> Option<Cell<'_>> {
    let (mut front, mut inside, mut bar) = ("", line, "");
    if boxed {
        let trimmed = inside.trim_end();
        let end = trimmed.strip_suffix(BARS)?;
        (inside, bar) = (end, &trimmed[end.len()..]);
    }
    if let Some(Expanded { before: Some(n) }) = form {
        // The blank or the mark in front belongs to the cell.
        let (head, rest) = cut(inside, n - 1);
        return Some(Cell { front: head, inside: rest, bar });
    }
    if boxed {
        let rest = inside.strip_prefix(BARS)?;
        (front, inside) = inside.split_at(inside.len() - rest.len());
    }
    Some(Cell { front, inside, bar })
}

/// `0.118..24.158`: both numbers with their decimals.
fn is_range(text: &str) -> bool {
    let number =
        |t: &str| t.split_once('.').is_some_and(|(a, b)| [a, b].iter().all(|d| !d.is_empty() && d.bytes().all(|c| c.is_ascii_digit())));
    text.trim_end_matches(')').split_once("..").is_some_and(|(a, b)| number(a) && number(b))
}

#[cfg(test)]
mod tests {
    use crate::plan::postgres::paste::{Body, find};

    const PLAN: [&str; 9] = [
        "Finalize Aggregate  (cost=2320.64..2320.65 rows=1 width=8) (actual time=51.323..52.392 rows=1 loops=1)",
        "  Output: count(*), sum((s.q + 1)), max(s.id), min(s.id), avg(s.q), array_agg(s.name ORDER BY s.name)",
        "  Buffers: shared hit=30789",
        "  ->  Gather  (cost=682.94..682.95 rows=3 width=8) (actual time=11.300..16.236 rows=4 loops=1)",
        "        Workers Planned: 3",
        "        ->  Parallel Seq Scan on public.s  (cost=0.00..634.55 rows=19355 width=0) (never executed)",
        "              Filter: (s.name = 'a. b.. c... d'::text)",
        "Planning Time: 0.212 ms",
        "Execution Time: 53.411 ms",
    ];

    /// Psql's wrapped format of one column in a window of `columns`, as its source prints it.
    fn wrapped(rows: &[&str], border: usize, columns: usize, mark: char, heading: bool) -> String {
        let (line, bar) = if mark == '…' { ("─", "│") } else { ("-", "|") };
        let longest = rows.iter().map(|r| r.chars().count()).max().unwrap();
        let inner = longest.min(columns - [1, 2, 4][border]);
        let mut out = Vec::new();
        let strokes = line.repeat(inner + if border == 0 { 0 } else { 2 });
        let rule = if border == 2 { format!("+{strokes}+") } else { strokes };
        if heading {
            let pad = (inner - 10) / 2;
            let name = format!("{}QUERY PLAN{}", " ".repeat(pad), " ".repeat(inner - 10 - pad));
            match border {
                0 => out.push(format!("{name} ")),
                1 => out.push(format!(" {name} ")),
                _ => out.extend([rule.clone(), format!("{bar} {name} {bar}")]),
            }
            out.push(rule.clone());
        }
        for row in rows {
            let chars: Vec<char> = row.chars().collect();
            let parts: Vec<String> = chars.chunks(inner).map(|p| p.iter().collect()).collect();
            for (i, p) in parts.iter().enumerate() {
                let left = if i == 0 { ' ' } else { mark };
                let right = if i + 1 < parts.len() { mark } else { ' ' };
                let full = format!("{p:<inner$}{right}");
                let shown = if border == 0 { full } else { format!("{left}{full}") };
                out.push(match border {
                    2 => format!("{bar}{shown}{bar}"),
                    // The mark of the old style is a blank, too.
                    _ if i + 1 < parts.len() => shown,
                    _ => shown.trim_end().to_string(),
                });
            }
        }
        if border == 2 {
            out.push(rule);
        }
        if heading {
            out.push(format!("({} rows)", rows.len()));
        }
        out.join("\n")
    }

    #[test]
    fn what_psql_wrapped_is_joined_to_the_last_character() {
        for border in [0, 1, 2] {
            for mark in ['.', '…'] {
                for columns in 40..108 {
                    for heading in [true, false] {
                        let text = wrapped(&PLAN, border, columns, mark, heading);
                        let Body::Text(lines) = find(&text).body else { panic!("{text}") };
                        let lines: Vec<String> = lines.iter().map(|l| l.trim_end().into()).filter(|l: &String| !l.is_empty()).collect();
                        let indent = usize::from(lines[0].starts_with(' '));
                        let lines: Vec<&str> = lines.iter().map(|l| &l[indent..]).collect();
                        assert_eq!(lines, PLAN, "border {border}, {columns} columns, {mark}, {heading}\n{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_psql_wrapped_in_its_old_style_is_joined() {
        for border in [0, 1, 2] {
            for columns in 40..108 {
                let text = wrapped(&PLAN, border, columns, ' ', true);
                let plan = crate::plan::postgres::read(&text).unwrap_or_else(|e| panic!("border {border}, {columns} columns: {e}\n{text}"));
                let whole = crate::plan::postgres::read(&PLAN.join("\n")).unwrap();
                assert_eq!(plan.root, whole.root, "border {border}, {columns} columns\n{text}");
            }
        }
    }

    #[test]
    fn a_node_whose_figures_are_broken_is_not_taken_for_an_estimate() {
        let text = " Seq Scan on t  (cost=0.00..34.00 rows=10 width=14) (actu\n al time=1.377..7.133 rows=5 loops=1)\n   Filter: (v = 3)";
        let e = crate::plan::postgres::read(text).unwrap_err();
        assert!(e.message.contains("broken"), "{e}");
    }

    #[test]
    fn a_line_that_ends_with_a_dot_is_not_broken() {
        let text = "Seq Scan on s  (cost=0.00..1.00 rows=1 width=4)\n  Filter: (a = 'it is a long text that has lines\n. and a dot'::text)";
        let Body::Text(lines) = find(text).body else { panic!() };
        assert_eq!(lines.join("\n"), text);
    }

    #[test]
    fn expanded_values_keep_their_columns() {
        let yaml = "- Plan: \n    Node Type: \"Seq Scan\"\n    Alias: \"s\"";
        let unaligned = format!("QUERY PLAN|{yaml}\n");
        let aligned = "-[ RECORD 1 ]-----\nQUERY PLAN | - Plan:                     +\n           |     Node Type: \"Seq Scan\" +\n           |     Alias: \"s\"             \n";
        let bare = "* Record 1\nQUERY PLAN - Plan: \n               Node Type: \"Seq Scan\"\n               Alias: \"s\"\n";
        let old = "+-[ RECORD 1 ]-----+\n| QUERY PLAN | - Plan:                    |\n|            :     Node Type: \"Seq Scan\"   |\n|            :     Alias: \"s\"              |\n+------------------+\n";
        for text in [unaligned.as_str(), aligned, bare, old] {
            let Body::Yaml(found) = find(text).body else { panic!("{text}") };
            let lines: Vec<&str> = found.lines().map(str::trim_end).collect();
            assert_eq!(lines, ["- Plan:", "    Node Type: \"Seq Scan\"", "    Alias: \"s\""], "{text}");
        }
    }
}
