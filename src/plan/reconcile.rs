//! Whether the parts of a plan add up to the whole: the line "shown = total" that hides no remainder.

use crate::model::plan::{Pages, Plan, PlanNode, Trigger};

/// The sum of the nodes beside the root and the statement. Milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sums {
    /// The root's inclusive time. `None`: the plan tells no times of its nodes, and there is nothing of them to add up.
    pub root_ms: Option<f64>,
    /// Own times of the nodes that the leader alone ran, without those that ran after the root.
    pub nodes_ms: f64,
    /// What parallel parts took of the root's clock.
    pub parallel_ms: f64,
    /// Own times of the nodes below Gathers, summed over processes: work, not waiting. Not part of the sum.
    pub process_ms: f64,
    /// Part of `nodes_ms` that was clamped away and is counted twice therefore.
    pub clamped_ms: f64,
    /// Time of parts that ran after the root; not within it.
    pub detached_ms: f64,
    /// `root_ms` less `nodes_ms` less `parallel_ms`.
    pub remainder_ms: f64,
    /// What rounding alone may make of the remainder.
    pub err_ms: f64,
    /// The statement beside the root.
    pub outside: Outside,
    /// The nodes' own pages, and what the root and the detached parts tell. `None` where the plan tells no pages.
    pub pages: Option<PageSums>,
}

/// Execution time that is in no node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outside {
    /// As the server reports it.
    pub execution_ms: Option<f64>,
    /// Execution time less the root and the detached parts.
    pub total_ms: Option<f64>,
    /// Triggers of constraints and all others that fit: they run after the statement. BEFORE triggers are inside their node.
    pub triggers_ms: f64,
    /// Turning rows into what is sent.
    pub serialization_ms: f64,
    /// The rest: start and end of the executor, loading the compiler of JIT, waiting.
    pub rest_ms: Option<f64>,
}

/// Pages of all nodes beside those of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageSums {
    /// Own pages of all nodes.
    pub nodes: Pages,
    /// The root's pages and those of detached parts.
    pub whole: Pages,
}

impl PageSums {
    /// Whether every counter of the nodes sums to the whole, exactly.
    pub fn agree(&self) -> bool {
        // A counter that one node tells and the root does not is zero there: formats leave zeros out.
        let known = |p: &Pages| [p.hit, p.read, p.dirtied, p.written, p.temp_read, p.temp_written].map(Option::unwrap_or_default);
        known(&self.nodes) == known(&self.whole)
    }
}

/// The sums of a plan; `None` when it tells no time and no pages.
pub fn sums(plan: &Plan) -> Option<Sums> {
    let pages = pages(plan);
    let Some(root_ms) = plan.root.total_ms else { return pages.map(|p| Sums { pages: Some(p), ..Sums::default() }) };
    let mut s = Sums { root_ms: Some(root_ms), pages, parallel_ms: plan.parallel_ms.unwrap_or(0.0), ..Sums::default() };
    let mut all = 0.0;
    plan.root.walk(0, &mut |_, n| {
        let own = n.self_ms.unwrap_or(0.0);
        s.err_ms += n.self_err_ms.unwrap_or(0.0);
        if n.parallel {
            s.process_ms += own;
        } else {
            all += own;
            s.clamped_ms += n.clamped_ms.unwrap_or(0.0);
        }
    });
    s.detached_ms = plan.detached_ms.unwrap_or(0.0);
    s.nodes_ms = all - s.detached_ms;
    s.remainder_ms = root_ms - s.nodes_ms - s.parallel_ms;
    s.outside = outside(plan, root_ms + s.detached_ms);
    Some(s)
}

fn outside(plan: &Plan, inside: f64) -> Outside {
    let total_ms = plan.execution_ms.map(|all| (all - inside).max(0.0));
    let mut left = total_ms.unwrap_or(f64::INFINITY);
    let serialization_ms = plan.serialization_ms.unwrap_or(0.0).min(left);
    left -= serialization_ms;
    let mut triggers_ms = 0.0;
    // Foreign keys and other constraints are checked after the statement. Of the others the plan does not tell the timing: those
    // that cannot have run outside are inside.
    let (after, unknown): (Vec<&Trigger>, Vec<&Trigger>) = plan.triggers.iter().partition(|t| t.constraint.is_some());
    for t in after.into_iter().chain(unknown) {
        let ms = t.ms.unwrap_or(0.0);
        if ms <= left + 0.001 {
            triggers_ms += ms.min(left);
            left -= ms.min(left);
        }
    }
    Outside { execution_ms: plan.execution_ms, total_ms, triggers_ms, serialization_ms, rest_ms: total_ms.map(|_| left) }
}

fn pages(plan: &Plan) -> Option<PageSums> {
    if plan.root.pages == Pages::default() {
        return None;
    }
    let mut nodes = Pages::default();
    plan.root.walk(0, &mut |_, n: &PlanNode| nodes = nodes.plus(&n.self_pages));
    Some(PageSums { nodes, whole: plan.root.pages.plus(&plan.detached_pages) })
}

impl Sums {
    /// Whether times add up within rounding and pages exactly.
    pub fn agree(&self) -> bool {
        self.remainder_ms.abs() <= self.err_ms + 0.001 && self.pages.is_none_or(|p| p.agree())
    }

    /// The reconciliation as one line.
    pub fn sentence(&self) -> String {
        format!("{}{}", self.root_ms.map_or("no times of nodes".to_string(), |root| self.times(root)), self.pages_words())
    }

    fn times(&self, root_ms: f64) -> String {
        let mut parts = vec![format!("nodes {}", ms(self.nodes_ms))];
        if self.parallel_ms > 0.0 {
            parts.push(format!("slowest processes {} (work of all processes {})", ms(self.parallel_ms), ms(self.process_ms)));
        }
        let mut line = parts.join(" + ");
        let within = self.remainder_ms.abs() <= self.err_ms + 0.001;
        let (sign, size) = if self.remainder_ms < 0.0 { ("−", -self.remainder_ms) } else { ("+", self.remainder_ms) };
        if size >= 0.0005 {
            line.push_str(&format!(" {sign} {} {}", ms(size), if within { "rounding" } else { "not explained" }));
        }
        line.push_str(&format!(" = root {}", ms(root_ms)));
        if self.detached_ms > 0.0 {
            line.push_str(&format!("; beside the root {}", ms(self.detached_ms)));
        }
        let o = &self.outside;
        if let (Some(execution), Some(rest)) = (o.execution_ms, o.rest_ms) {
            line.push_str(&format!("; execution {} = root", ms(execution)));
            for (what, t) in
                [("beside the root", self.detached_ms), ("triggers", o.triggers_ms), ("serialization", o.serialization_ms), ("other", rest)]
            {
                if t >= 0.0005 {
                    line.push_str(&format!(" + {what} {}", ms(t)));
                }
            }
        }
        line
    }

    fn pages_words(&self) -> String {
        match &self.pages {
            Some(p) if p.agree() => "; pages add up exactly".into(),
            Some(p) => {
                format!("; pages do not add up: nodes {}, root {}", p.nodes.accessed().unwrap_or(0), p.whole.accessed().unwrap_or(0))
            }
            None => String::new(),
        }
    }
}

fn ms(t: f64) -> String {
    format!("{t:.3} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(total: f64, own: f64, hit: u64, own_hit: u64) -> PlanNode {
        PlanNode {
            total_ms: Some(total),
            self_ms: Some(own),
            self_err_ms: Some(0.0005),
            pages: Pages { hit: Some(hit), ..Pages::default() },
            self_pages: Pages { hit: Some(own_hit), ..Pages::default() },
            ..PlanNode::default()
        }
    }

    #[test]
    fn a_remainder_is_shown() {
        let mut root = node(10.0, 4.0, 30, 10);
        root.children.push(node(6.0, 6.0, 20, 20));
        let mut plan = Plan { root, execution_ms: Some(12.5), ..Plan::default() };
        let s = sums(&plan).unwrap();
        assert!(s.agree());
        assert_eq!(s.outside.rest_ms, Some(2.5));
        assert_eq!(s.sentence(), "nodes 10.000 ms = root 10.000 ms; execution 12.500 ms = root + other 2.500 ms; pages add up exactly");
        plan.root.children[0].self_ms = Some(5.0);
        plan.root.children[0].self_pages.hit = Some(19);
        let s = sums(&plan).unwrap();
        assert!(!s.agree());
        assert_eq!(
            s.sentence(),
            "nodes 9.000 ms + 1.000 ms not explained = root 10.000 ms; execution 12.500 ms = root + other 2.500 ms; \
             pages do not add up: nodes 29, root 30"
        );
    }

    /// `TIMING OFF`: what is not known is no 0.
    #[test]
    fn a_plan_without_times_of_nodes_has_no_sum_of_them() {
        let timeless = |n: PlanNode| PlanNode { total_ms: None, self_ms: None, self_err_ms: None, ..n };
        let mut root = timeless(node(0.0, 0.0, 30, 10));
        root.children.push(timeless(node(0.0, 0.0, 20, 20)));
        let plan = Plan { root, execution_ms: Some(1.977), analyzed: true, ..Plan::default() };
        assert_eq!(sums(&plan).unwrap().sentence(), "no times of nodes; pages add up exactly");
    }

    #[test]
    fn a_trigger_that_does_not_fit_outside_is_inside() {
        let trigger = |ms, constraint: Option<&str>| Trigger { ms: Some(ms), constraint: constraint.map(Into::into), ..Trigger::default() };
        let plan = Plan {
            root: node(10.0, 10.0, 1, 1),
            execution_ms: Some(13.0),
            triggers: vec![trigger(8.0, None), trigger(2.0, Some("orders_fk"))],
            ..Plan::default()
        };
        let o = sums(&plan).unwrap().outside;
        assert_eq!((o.triggers_ms, o.rest_ms), (2.0, Some(1.0)));
    }
}
