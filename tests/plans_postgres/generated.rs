//! Statements put together from parts, always the same ones, and the sums of their plans recomputed from what the server printed:
//! another reader than `plan::postgres`, which knows the rules of §2 for plans that need no judgement.

use holdpoint::model::plan::{Plan, PlanNode};
use holdpoint::plan::reconcile;
use serde_json::Value;

/// Throws that are the same in every run.
struct Dice {
    seed: u64,
    /// Without values from other queries: who pulls what is beyond doubt.
    plain: bool,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % n
    }
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// One value, of a row of the query around it where there is one.
    fn scalar(&mut self, outer: &str) -> String {
        let n = self.below(1500);
        match self.below(if outer.is_empty() { 4 } else { 9 }) {
            0 => "(select count(*) from customer)".into(),
            1 => format!("(select avg(part)::int from line where id < {})", 1 + n * 10),
            2 => format!("(select max(nation) from customer where id = {n})"),
            3 => format!("(select count(*) from parted where day < {n} and v = 3)"),
            4 => format!("(select count(*) from orders s where s.customer = {outer})"),
            5 => format!("(select max(s.price)::int from orders s where s.day = date '2020-01-01' + ({outer})::int % 2000)"),
            6 => format!("(select sum(v) from parted s where s.day = {outer})"),
            7 => format!("(select min(s.quantity) from line s where s.orders = {outer} and s.part > (select min(nation) from customer))"),
            _ => {
                format!("(select count(*) from child s where s.parent = {outer} and exists (select 1 from parent t where t.id = s.parent))")
            }
        }
    }

    /// A query of two columns, `a` and `b`.
    fn arm(&mut self) -> String {
        let (table, key, number) = self.pick(&[
            ("customer", "id", "nation"),
            ("orders", "id", "customer"),
            ("line", "orders", "part"),
            ("parted", "day", "v"),
            ("parent", "id", "v"),
            ("child", "parent", "id"),
        ]);
        let few = self.pick(&[0, 20, 100, 300]);
        let mut tests = vec![format!("q.{key} < {few}")];
        match self.below(6) {
            _ if self.plain => {}
            0 => tests.push(format!("q.{number} < {}", self.scalar(&format!("q.{key}")))),
            1 => tests.push(format!("exists (select 1 from orders e where e.customer = q.{key} and e.price > 9000)")),
            2 => tests.push(format!("q.{key} not in (select c.id from customer c where c.nation < {})", self.below(25))),
            3 => tests.push(format!("(q.{number} > {} or q.{key} in (select parent from child where id < 90))", self.below(20))),
            _ => {}
        }
        let tests = tests.join(" and ");
        let value = if self.plain || self.below(3) == 0 { format!("q.{number}") } else { self.scalar(&format!("q.{key}")) };
        match self.below(6) {
            0 => format!(
                "select q.{number}::int a, count(*) + coalesce({}, 0)::bigint b from {table} q where {tests} group by 1",
                self.scalar("")
            ),
            1 => format!("select distinct q.{key}::int a, ({value})::bigint b from {table} q where {tests}"),
            _ => format!("select q.{key}::int a, ({value})::bigint b from {table} q where {tests}"),
        }
    }

    fn arms(&mut self) -> String {
        let n = 1 + self.below(3);
        let how = self.pick(&[" union all ", " union all ", " union ", " intersect ", " except "]);
        (0..n).map(|_| self.arm()).collect::<Vec<_>>().join(how)
    }

    fn statement(&mut self) -> String {
        self.plain = self.below(3) == 0;
        let kind = if self.plain { self.pick(&[0, 1, 6, 7, 10]) } else { self.below(11) };
        match kind {
            0 => self.arms(),
            1 => format!("select a, sum(b) from ({}) z group by a order by 2 limit 7", self.arms()),
            2 => format!("select * from ({}) z where b < {} order by 1, 2", self.arms(), self.scalar("")),
            3 => format!("select z.a, {} from ({}) z where z.a < {}", self.scalar("z.a"), self.arms(), self.scalar("z.a")),
            4 => {
                let (arms, far, near) = (self.arms(), self.scalar(""), self.scalar("x.a"));
                format!("with w as materialized ({arms}) select x.a, y.b, {near} from w x join w y on x.a = y.a where y.b < {far} limit 50")
            }
            5 => {
                let (step, arm) = (self.scalar("r.n"), self.arm());
                format!(
                    "with recursive r(n, c) as (select 1, 1::bigint union all select n + 1, ({step})::bigint from r where n < 60) \
                     select sum(c), count(z.b) from r left join ({arm}) z on z.a = r.n"
                )
            }
            6 => format!(
                "select z.a, l.id from ({}) z cross join lateral (select o.id from orders o where o.customer = z.a order by o.price desc limit 2) l limit 40",
                self.arms()
            ),
            7 => format!("select a, sum(b) over (partition by a % 7 order by b, a) from ({}) z order by 2, 1 limit 20", self.arms()),
            8 => {
                let (arm, own) = (self.arm(), self.scalar("i.a"));
                format!(
                    "with w as materialized (with i as materialized ({arm}) select i.a, ({own})::bigint b from i) \
                     select x.a, (select count(*) from w y where y.a <= x.a) from w x order by 1 limit 30"
                )
            }
            9 => {
                let several: Vec<String> = (0..12).map(|_| self.scalar("")).collect();
                format!("select {} from ({}) z where z.b is not null limit 9", several.join(", "), self.arm())
            }
            _ => format!(
                "select count(*), max(x.b), min(y.b) from ({}) x {} join ({}) y on x.a = y.a",
                self.arms(),
                self.pick(&["", "left", "full"]),
                self.arms()
            ),
        }
    }
}

pub fn statements(count: usize) -> Vec<String> {
    let mut dice = Dice { seed: 4, plain: false };
    (0..count).map(|_| dice.statement()).collect()
}

/// The server's nodes in their order, each with the number of its parent.
fn printed<'v>(node: &'v Value, parent: Option<usize>, out: &mut Vec<(&'v Value, Option<usize>)>) {
    let at = out.len();
    out.push((node, parent));
    for child in node["Plans"].as_array().into_iter().flatten() {
        printed(child, Some(at), out);
    }
}

fn number(node: &Value, key: &str) -> f64 {
    node[key].as_f64().unwrap_or_else(|| panic!("{key} of {node}"))
}

/// Counters that are pages: those of tables and temporary tables are one.
const PAGES: [(&str, &[&str]); 6] = [
    ("hit", &["Shared Hit Blocks", "Local Hit Blocks"]),
    ("read", &["Shared Read Blocks", "Local Read Blocks"]),
    ("dirtied", &["Shared Dirtied Blocks", "Local Dirtied Blocks"]),
    ("written", &["Shared Written Blocks", "Local Written Blocks"]),
    ("temp read", &["Temp Read Blocks"]),
    ("temp written", &["Temp Written Blocks"]),
];

fn pages(node: &Value) -> [u64; 6] {
    PAGES.map(|(_, keys)| keys.iter().map(|k| node[*k].as_u64().unwrap_or_else(|| panic!("{k} of {node}"))).sum())
}

/// Compares a plan with the JSON that it was read from. Tells whether each own time and page could be recomputed.
pub fn recomputed(what: &str, json: &str, plan: &Plan, nodes: &[&PlanNode]) -> bool {
    let sent: Value = serde_json::from_str(json).expect("JSON");
    let mut all = Vec::new();
    printed(&sent[0]["Plan"], None, &mut all);
    assert_eq!(all.len(), nodes.len(), "{what}");
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 + 1e-9 * a.abs();
    let (mut own_pages, mut own_ms, mut clocks) = ([0u64; 6], 0.0, 0.0);
    // Where nothing is pulled by another node than its parent, and no process works beside.
    let plain = all.iter().all(|(n, _)| n["Subplan Name"].is_null() && !n["Node Type"].as_str().is_some_and(|t| t.starts_with("Gather")));
    for (i, ((sent, _), node)) in all.iter().zip(nodes).enumerate() {
        let at = format!("{what}: {:?} {}", node.path, node.raw_op);
        let loops = number(sent, "Actual Loops");
        assert_eq!(node.never_executed, loops == 0.0, "{at}");
        if node.never_executed {
            assert_eq!((node.total_ms, node.rows_total, node.self_pages.hit), (None, None, None), "{at}");
            assert_eq!(pages(sent), [0; 6], "{at}");
            continue;
        }
        let total = number(sent, "Actual Total Time") * loops;
        clocks += 0.0005 * loops;
        assert!(near(node.total_ms.expect("time"), total), "{at}: {:?} of {total}", node.total_ms);
        if !node.raw_op.starts_with("Bitmap") {
            assert!(near(node.rows_total.expect("rows"), number(sent, "Actual Rows") * loops), "{at}: {:?}", node.rows_total);
        }
        let p = node.self_pages;
        let own = [p.hit, p.read, p.dirtied, p.written, p.temp_read, p.temp_written].map(|n| n.expect("pages"));
        own_pages.iter_mut().zip(own).for_each(|(sum, n)| *sum += n);
        own_ms += node.self_ms.expect("own time");
        if plain {
            let below = || all.iter().filter(|(_, parent)| *parent == Some(i)).map(|(c, _)| *c);
            let inside: f64 = below().map(|c| number(c, "Actual Total Time") * number(c, "Actual Loops")).sum();
            let err: f64 = 0.0005 * (loops + below().map(|c| number(c, "Actual Loops")).sum::<f64>());
            let left = (total - inside).max(0.0);
            assert!((node.self_ms.expect("own time") - left).abs() <= err + 1e-6, "{at}: {:?}, recomputed {left}\n{json}", node.self_ms);
            let mut rest = pages(sent);
            for c in below() {
                rest.iter_mut().zip(pages(c)).for_each(|(n, c)| *n = n.checked_sub(c).unwrap_or_else(|| panic!("{at}\n{json}")));
            }
            assert_eq!(own, rest, "{at}\n{json}");
        }
    }
    let root = &all[0].0;
    assert_eq!(own_pages, pages(root), "{what}: {:?}\n{json}", PAGES.map(|(n, _)| n));
    let serial = all.iter().all(|(n, _)| !n["Node Type"].as_str().is_some_and(|t| t.starts_with("Gather")));
    if serial {
        let total = number(root, "Actual Total Time") * number(root, "Actual Loops");
        // Each clock is in its own node's time and taken from its parent's.
        assert!((own_ms - total).abs() <= 2.0 * clocks + 0.001, "{what}: {own_ms} of {total}, ±{clocks}\n{json}");
    }
    assert!(reconcile::sums(plan).expect("sums").agree(), "{what}\n{json}");
    plain
}
