//! `holdpoint locks`: who waits for whom, roots first.

use super::args::AssessFormat;
use super::{assess, output};
use crate::model::Result;
use crate::model::assessment::Seen;
use crate::model::lock_tree::LockTree;
use crate::ops::assess::locks::in_a_line;
use crate::ops::{self, Cx};
use crate::{text, tui};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Columns that depth may take, as in the console.
const DEEPEST: usize = 8;

pub async fn locks(cx: &Cx, target_word: &str, format: AssessFormat) -> Result<ExitCode> {
    let target = ops::connect::target(cx, target_word)?;
    let mut watch = ops::assess::Watch::new(cx, target.clone()).await?;
    let mut seen = tokio::select! {
        seen = watch.look() => seen?,
        () = cx.cancel.cancelled() => return Err(crate::model::Error::cancelled()),
    };
    let code = ExitCode::from(assess::found(seen.severity));
    if format != AssessFormat::Table {
        ops::assess::take_constants(&target, &mut seen.sessions);
    }
    let tree = LockTree::of(std::mem::take(&mut seen.sessions));
    match format {
        AssessFormat::Table => table(&seen, &tree, target_word)?,
        AssessFormat::Ndjson => output::ndjson(sessions(&tree))?,
        AssessFormat::Json => {
            let roots: Vec<Value> = (tree.roots.iter())
                .map(|r| json!({ "id": tree.sessions[r.at].id, "victims": r.victims, "longest_wait_s": r.longest }))
                .collect();
            let circle: Vec<u64> = tree.circle.iter().map(|at| tree.sessions[*at].id).collect();
            output::json(&json!({
                "target": target.name, "at": cx.clock.now().to_string(), "severity": seen.severity, "says": seen.says,
                "waiting": tree.waiting(), "roots": roots, "circle": circle, "sessions": sessions(&tree), "findings": seen.findings,
            }))?;
        }
    }
    Ok(code)
}

/// In the tree's order, each with its depth; those in a circle, who have no root, behind them.
fn sessions(tree: &LockTree) -> Vec<Value> {
    let in_circle = tree.circle.iter().map(|at| (*at, None));
    let one = |(at, depth): (usize, Option<usize>)| {
        let mut session = json!(tree.sessions[at]);
        session["depth"] = json!(depth);
        session
    };
    tree.branches.iter().map(|b| (b.at, Some(b.depth))).chain(in_circle).map(one).collect()
}

/// As the console's lock tree, cut to the terminal where it goes to one; then what follows from it.
fn table(seen: &Seen, tree: &LockTree, target: &str) -> Result<()> {
    output::line(&seen.says)?;
    let width = tui::width_of(std::io::stdout());
    let one = |line: &str| output::line(&width.map_or_else(|| line.to_string(), |w| text::truncate(line, w).into_owned()));
    for b in &tree.branches {
        let root = tree.roots.iter().find(|r| r.at == b.at);
        let words = in_a_line(&tree.sessions[b.at], root.map(|r| r.victims));
        one(&format!("{}{words}", "  ".repeat(b.depth.min(DEEPEST) + 1)))?;
    }
    if !tree.circle.is_empty() {
        output::line("They wait for each other in a circle; the server ends one of them:")?;
        tree.circle.iter().try_for_each(|at| one(&format!("  {}", in_a_line(&tree.sessions[*at], None))))?;
    }
    assess::told(&seen.findings.iter().collect::<Vec<_>>(), target)
}
