//! LIMIT where the plan has no node for it: MariaDB and SQLite. What it ended early gave fewer rows than were expected of all, which is no
//! error of the estimate.

use super::scene::{Product, Scene};
use crate::model::plan::{Plan, PlanNode};
use crate::plan::expression::dialect_of;
use crate::plan::known::Known;
use crate::plan::statement;

const WHY: &str = "the statement has a LIMIT, which may have ended the reading";

const UNSEEN: &str = "a scan of a whole table ended early, or its statistics are old: this plan does not tell a LIMIT";

/// What reads all of its input before it gives the first row.
fn blocks(n: &PlanNode) -> bool {
    matches!(n.op.as_str(), "sort" | "temporary table" | "materialize" | "aggregate" | "duplicates removal" | "window")
}

/// Takes the estimate errors out that a LIMIT makes meaningless.
pub fn doubt(plan: &mut Plan, known: &Known) {
    let ours = matches!(plan.engine.as_str(), "MariaDB" | "MySQL" | "SQLite");
    let text = known.statement.as_deref().or(plan.statement.as_deref());
    let limited =
        |t: &str| t.to_lowercase().contains("limit") && statement::read(dialect_of(&plan.engine), t).is_some_and(|q| q.limit.is_some());
    let mut told = false;
    plan.root.walk(0, &mut |_, n| told |= n.op == "limit" || n.raw_op.starts_with("USE TEMP B-TREE"));
    if ours && plan.analyzed && !told {
        match text {
            Some(t) if limited(t) => below(&mut plan.root, WHY),
            Some(_) => {}
            // A plan from a file, without its statement.
            None if cut_short(&plan.root) => below(&mut plan.root, UNSEEN),
            None => {}
        }
    }
}

fn below(n: &mut PlanNode, why: &str) {
    if blocks(n) {
        return;
    }
    if n.estimate_error.is_some_and(|e| e < 0.0) {
        (n.estimate_error, n.estimate_doubt) = (None, Some(why.into()));
    }
    n.children.iter_mut().for_each(|c| below(c, why));
}

/// MariaDB's scan of a whole table or index that read much less than the table was taken to hold.
fn cut_short(root: &PlanNode) -> bool {
    let mut any = false;
    root.walk(0, &mut |_, n| {
        let told = |key: &str| n.attrs.get(key).and_then(|v| v.parse::<f64>().ok());
        let whole = n.raw_op.starts_with("ALL ") || n.raw_op.starts_with("index ");
        any |= whole && told("rows").zip(told("r_rows")).is_some_and(|(planned, read)| read < 0.5 * planned);
    });
    any
}

impl Scene<'_> {
    /// Whether a LIMIT may have ended this node early, also one that the plan does not show.
    pub fn ends_early(&self, i: usize) -> bool {
        let unseen = || {
            matches!(self.product, Product::MariaDb | Product::Sqlite)
                && self.select.as_ref().is_some_and(|q| q.limit.is_some())
                && !self.above(i).any(|a| blocks(self.node(a)))
                && !self.all().any(|j| self.node(j).raw_op.starts_with("USE TEMP B-TREE"))
        };
        self.limited(i).is_some() || unseen()
    }
}
