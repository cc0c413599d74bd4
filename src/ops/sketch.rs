//! Related tables as a sketch in text: the table in the middle, above it what its foreign keys lead to, below what leads to it.

use crate::model::NodePath;
use crate::model::names::{ForeignKey, Names};
use crate::text;

/// Tables on either side that are drawn; more than these nobody reads as a sketch.
const MOST: usize = 200;
/// Columns of the table itself that are drawn.
const COLUMNS: usize = 14;
/// Widest box of a related table.
const BOX: usize = 30;

/// A line of the sketch, cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    pub text: String,
    /// The table's own name.
    pub heading: bool,
    /// The table that the line belongs to.
    pub goal: Option<NodePath>,
}

impl Line {
    fn plain(text: impl Into<String>) -> Self {
        Line { text: text.into(), ..Line::default() }
    }
}

/// The sketch for a page of `width` columns, and the line that the table's name is on. The lines' signs are those of box drawing;
/// who cannot show them replaces each by one of ASCII.
pub fn sketch(names: &Names, schema: &str, table: &str, width: usize) -> (Vec<Line>, usize) {
    let is = |of: &(std::sync::Arc<str>, Box<str>)| *of.0 == *schema && *of.1 == *table;
    let out: Vec<&ForeignKey> = names.foreign_keys.iter().filter(|k| is(&k.table)).take(MOST).collect();
    let into: Vec<&ForeignKey> = names.foreign_keys.iter().filter(|k| is(&k.referenced) && !is(&k.table)).take(MOST).collect();
    let shown = |of: &(std::sync::Arc<str>, Box<str>)| {
        let name = text::clean(&of.1).into_owned();
        if *of.0 == *schema { name } else { format!("{}.{name}", text::clean(&of.0)) }
    };
    let label = |k: &ForeignKey| format!("{} → {}", columns(&k.columns), columns(&k.referenced_columns));
    let goal =
        |of: &(std::sync::Arc<str>, Box<str>)| {
            let path = names.relations.iter().find(|r| r.schema == of.0 && r.name == of.1).map(|r| r.path());
            Some(path.unwrap_or_else(|| {
                NodePath::root().child(crate::model::NodeKind::Schema, &*of.0).child(crate::model::NodeKind::Table, &*of.1)
            }))
        };
    let own = names.relations.iter().find(|r| *r.schema == *schema && *r.name == *table);
    let mut inside = vec![text::clean(table).into_owned()];
    if let Some(r) = own {
        inside.extend(r.columns.iter().take(COLUMNS).map(|c| format!("  {}", text::clean(&c.name))));
        if r.columns.len() > COLUMNS {
            inside.push(format!("  … {} more", r.columns.len() - COLUMNS));
        }
    }
    let w = inside.iter().map(|l| text::width(l)).max().unwrap_or(0).clamp(9, (width / 2).clamp(9, 40));
    // The line that all keys meet in stands behind the longest of them.
    let both = out.iter().map(|k| (shown(&k.referenced), label(k))).chain(into.iter().map(|k| (shown(&k.table), label(k))));
    let longest = both.map(|(n, l)| text::width(&n).min(BOX) + text::width(&l) + 12).max().unwrap_or(0);
    let trunk = longest.clamp(20, width.saturating_sub(w / 2 + 3).max(20));
    let mut lines = Vec::new();
    let rest = |k: usize, v: &str| format!("{}{v}", " ".repeat(trunk.saturating_sub(k)));
    let related =
        |name: &str, label: &str, arrow: &str, joint: &str, above: &str, below: &str, goal: Option<NodePath>, lines: &mut Vec<Line>| {
            let name = text::truncate(name, BOX.min(trunk.saturating_sub(14))).into_owned();
            let w = text::width(&name) + 2;
            let room = trunk.saturating_sub(w + 8);
            let label = text::truncate(label, room).into_owned();
            let dashes = "─".repeat(trunk.saturating_sub(w + 7 + text::width(&label)));
            let mut push = |text: String| lines.push(Line { text: text.trim_end().to_string(), goal: goal.clone(), ..Line::default() });
            push(format!("┌{}┐{}", "─".repeat(w), rest(w + 2, above)));
            push(format!("│ {name} │{arrow}── {label} {dashes}{joint}"));
            push(format!("└{}┘{}", "─".repeat(w), rest(w + 2, below)));
        };
    for (i, k) in out.iter().enumerate() {
        let itself = is(&k.referenced);
        let name = if itself { format!("{} (itself)", shown(&k.referenced)) } else { shown(&k.referenced) };
        let (joint, above) = if i == 0 { ("┐", " ") } else { ("┤", "│") };
        related(&name, &label(k), "◀", joint, above, "│", goal(&k.referenced), &mut lines);
    }
    let start = trunk.saturating_sub(w / 2 + 2);
    let pad = " ".repeat(start);
    let edge = |left: &str, right: &str, joint: &str| {
        let at = trunk.saturating_sub(start + 1);
        format!("{pad}{left}{}{joint}{}{right}", "═".repeat(at), "═".repeat((w + 2).saturating_sub(at + 1)))
    };
    lines.push(Line::plain(edge("╔", "╗", if out.is_empty() { "═" } else { "╧" })));
    let at = lines.len();
    let middle = goal(&(schema.into(), table.into()));
    for (i, l) in inside.iter().enumerate() {
        let l = text::truncate(l, w).into_owned();
        let fill = " ".repeat(w.saturating_sub(text::width(&l)));
        lines.push(Line { text: format!("{pad}║ {l}{fill} ║"), goal: middle.clone(), heading: i == 0 });
    }
    lines.push(Line::plain(edge("╚", "╝", if into.is_empty() { "═" } else { "╤" })));
    for (i, k) in into.iter().enumerate() {
        let last = i + 1 == into.len();
        let (joint, below) = if last { ("┘", " ") } else { ("┤", "│") };
        related(&shown(&k.table), &label(k), "─", joint, "│", below, goal(&k.table), &mut lines);
    }
    if out.is_empty() && into.is_empty() {
        lines.push(Line::plain(""));
        lines.push(Line::plain("No foreign key leads from it or to it."));
    }
    (lines, at)
}

fn columns(names: &[Box<str>]) -> String {
    let names: Vec<String> = names.iter().map(|n| text::clean(n).into_owned()).collect();
    if names.len() == 1 { names.concat() } else { format!("({})", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeKind;
    use crate::model::names::Collector;

    fn picture(lines: &[Line]) -> String {
        lines.iter().map(|l| format!("{}\n", l.text)).collect()
    }

    #[test]
    fn every_key_meets_the_line_of_the_table() {
        let mut n = Collector::default();
        for t in ["a", "a_rather_long_name_of_a_table_that_is_cut", "mid"] {
            n.relation("s", t, NodeKind::Table, false);
            n.column("id", "int");
        }
        n.key_pair(true, ("s", "mid", "a_id"), ("s", "a", "id"));
        n.key_pair(true, ("s", "mid", "parent"), ("s", "mid", "id"));
        n.key_pair(true, ("s", "a_rather_long_name_of_a_table_that_is_cut", "x"), ("s", "mid", "id"));
        n.key_pair(false, ("s", "", "y"), ("s", "", "id2"));
        n.key_pair(true, ("other", "far", "mid_id"), ("s", "mid", "id"));
        let names = n.finish(vec!["s".into()], vec!["s".into()], Vec::new());
        for width in [40, 60, 72, 110] {
            let (lines, at) = sketch(&names, "s", "mid", width);
            assert!(lines[at].text.contains("║ mid"), "{}", picture(&lines));
            assert!(lines.iter().all(|l| text::width(&l.text) <= width), "{width}:\n{}", picture(&lines));
            // One column holds all joints.
            let column = |l: &Line| {
                l.text
                    .chars()
                    .position(|c| c == '┤' || c == '╧' || c == '╤')
                    .map(|i| text::width(&l.text.chars().take(i).collect::<String>()))
            };
            let joints: Vec<usize> = lines.iter().filter_map(column).collect();
            assert!(joints.len() >= 3 && joints.windows(2).all(|w| w[0] == w[1]), "{width}:\n{}", picture(&lines));
            for name in ["│ a │◀", "mid (itself)", "a_rather", "other.far"] {
                assert!(picture(&lines).contains(name), "{width} {name}:\n{}", picture(&lines));
            }
        }
        let (lines, _) = sketch(&names, "s", "a", 72);
        assert!(picture(&lines).contains("a_id → id"), "{}", picture(&lines));
        let (lines, _) = sketch(&names, "s", "nothing", 72);
        assert!(picture(&lines).contains("No foreign key"), "{}", picture(&lines));
    }
}
