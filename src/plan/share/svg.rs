//! The plan as a flame, the root on top: a node is as wide as its share of the time, of the cost where nothing was measured, of the
//! steps where there is neither.

use super::{escape, own, timed, title, whole};
use crate::model::plan::{Plan, PlanNode};
use crate::plan::words::{count, label, ms, short};

const WIDTH: f64 = 1_160.0;
const ROW: f64 = 26.0;
/// From cold to hot; dark enough for white letters.
const HEAT: [&str; 5] = ["#5f7389", "#2f7f9d", "#a87708", "#c05a12", "#b3262e"];
/// Narrower boxes have no words.
const WORDS: f64 = 30.0;
/// Narrower ones are not drawn.
const LEAST: f64 = 0.4;

pub(super) fn render(plan: &Plan) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", picture(plan))
}

/// What a node is as wide as; nothing below a step that never ran.
fn weight(n: &PlanNode, by: By) -> f64 {
    match by {
        By::Time => n.total_ms.unwrap_or(0.0),
        By::Cost => n.est_total_cost.unwrap_or(0.0),
        By::Steps => leaves(n),
    }
    .max(0.0)
}

fn leaves(n: &PlanNode) -> f64 {
    if n.children.is_empty() { 1.0 } else { n.children.iter().map(leaves).sum() }
}

#[derive(Clone, Copy, PartialEq)]
enum By {
    Time,
    Cost,
    Steps,
}

/// The picture alone, for a page that holds it.
pub(super) fn picture(plan: &Plan) -> String {
    let mut depth = 0;
    plan.root.walk(0, &mut |d, _| depth = depth.max(d));
    let by = match &plan.root {
        n if n.total_ms.is_some_and(|t| t > 0.0) => By::Time,
        n if n.est_total_cost.is_some_and(|c| c > 0.0) => By::Cost,
        _ => By::Steps,
    };
    let height = 34.0 + ROW * (depth + 1) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"ui-monospace,monospace\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/><text x=\"6\" y=\"18\" fill=\"#1c2330\" font-size=\"13\">{}</text>\n",
        escape(&title(plan))
    );
    let timed = timed(plan);
    let sum = whole(plan, timed);
    let full = weight(&plan.root, by);
    let mut open: Vec<(&PlanNode, usize, f64, f64)> = vec![(&plan.root, 0, 0.0, WIDTH)];
    while let Some((n, depth, x, w)) = open.pop() {
        if w < LEAST {
            continue;
        }
        let y = 30.0 + ROW * depth as f64;
        let share = own(n, timed).filter(|_| sum > 0.0).map_or(0.0, |f| (f / sum).clamp(0.0, 1.0));
        let fill = HEAT[super::html::heat(share)];
        let mut told = label(n);
        if let Some(f) = own(n, timed) {
            let figure = if timed { format!("{} ms", ms(f)) } else { format!("cost {}", count(f)) };
            told.push_str(&format!(": own {figure}, {:.0} %", share * 100.0));
        }
        out.push_str(&format!(
            "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" rx=\"2\" fill=\"{fill}\"/>",
            escape(&told),
            (w - 1.0).max(LEAST),
            ROW - 2.0
        ));
        if w >= WORDS {
            let words = if by == By::Steps { short(n) } else { format!("{} {:.0} %", label(n), weight(n, by) / full * 100.0) };
            // A letter of that size is some 7.3 wide.
            let room = ((w - 10.0) / 7.3) as usize;
            out.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{}\" fill=\"#ffffff\">{}</text>",
                x + 5.0,
                y + 16.0,
                escape(&crate::text::truncate(&words, room))
            ));
        }
        out.push_str("</g>\n");
        let below: f64 = n.children.iter().map(|c| weight(c, by)).sum();
        // Processes side by side take longer than the step that waits for them.
        let scale = if below > 0.0 { w / below.max(weight(n, by)) } else { 0.0 };
        let mut at = x;
        for c in &n.children {
            let mine = weight(c, by) * scale;
            open.push((c, depth + 1, at, mine));
            at += mine;
        }
    }
    out.push_str("</svg>");
    out
}
