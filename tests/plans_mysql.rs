//! Plans that MySQL 8.0.46, 8.4.8 and 9.7.4 made of the same statements over the same rows, in every form that they have (`plans_mysql/`):
//! the TREE, what `EXPLAIN ANALYZE` measured, both versions of the JSON. Read as from a file: no server is needed.

use holdpoint::model::plan::{Plan, PlanNode, Role};
use holdpoint::plan::detect::{Family, read};
use std::collections::{BTreeMap, BTreeSet};

const RELEASES: [(&str, &str); 3] = [
    ("8.0", include_str!("plans_mysql/8.0.txt")),
    ("8.4", include_str!("plans_mysql/8.4.txt")),
    ("9.7", include_str!("plans_mysql/9.7.txt")),
];

/// What stands in place of a plan of an UPDATE or DELETE of one table, but in the first version of the JSON.
const NO_PATHS: &str = "<not executable by iterator executor>";

/// By statement and form, as the server printed them.
fn corpus(text: &'static str) -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    let mut out: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for part in text.split("### ").skip(1) {
        let (head, raw) = part.split_once('\n').expect("a plan below its heading");
        let (statement, form) = head.split_once(' ').expect("statement and form");
        out.entry(statement).or_default().insert(form, raw.trim_end_matches('\n'));
    }
    out
}

fn plan(raw: &str, what: &str) -> Plan {
    read(raw, Some(Family::MySql)).unwrap_or_else(|e| panic!("{what}: {e:?}\n{raw}")).plan
}

fn nodes(plan: &Plan) -> Vec<&PlanNode> {
    let mut out = Vec::new();
    plan.root.walk(0, &mut |_, n| out.push(n));
    out
}

/// Each form of each statement of each release.
fn all(mut look: impl FnMut(&str, &str, &str, &str)) {
    for (release, text) in RELEASES {
        for (statement, forms) in corpus(text) {
            for (form, raw) in forms {
                look(release, statement, form, raw);
            }
        }
    }
}

#[test]
fn every_plan_of_every_release_is_read() {
    let mut forms: BTreeMap<(String, String), usize> = BTreeMap::new();
    all(|release, statement, form, raw| {
        *forms.entry((release.into(), form.into())).or_default() += 1;
        if raw.contains(NO_PATHS) {
            return;
        }
        let plan = plan(raw, &format!("{release} {statement} {form}"));
        assert_eq!(plan.analyzed, form.starts_with("analyze"), "{release} {statement} {form}");
        for n in nodes(&plan) {
            assert!(!n.op.is_empty() && !n.raw_op.is_empty(), "{release} {statement} {form}: {n:?}");
            assert!(n.est_rows.is_none_or(f64::is_finite) && n.est_total_cost.is_none_or(f64::is_finite), "{n:?}");
        }
    });
    // The corpus is whole: 8.0 has neither the second version of the JSON nor a measured one.
    let of = |release: &str, form: &str| forms.get(&(release.to_string(), form.to_string())).copied().unwrap_or(0);
    for release in ["8.0", "8.4", "9.7"] {
        assert!(of(release, "tree") >= 31 && of(release, "v1.json") >= 31 && of(release, "analyze") >= 26, "{forms:?}");
    }
    assert_eq!((of("8.0", "v2.json"), of("8.0", "analyze.json")), (0, 0));
    assert!(of("9.7", "v2.json") >= 31 && of("9.7", "analyze.json") >= 26, "{forms:?}");
}

/// What the nodes take for themselves is what the server told of the whole, but for clamped rounding, which is within its error.
#[test]
fn measured_plans_add_up() {
    let mut seen = 0;
    all(|release, statement, form, raw| {
        if !form.starts_with("analyze") || raw.contains(NO_PATHS) {
            return;
        }
        let what = format!("{release} {statement} {form}");
        let plan = plan(raw, &what);
        let Some(root) = plan.root.total_ms else {
            // A constant has no clock.
            assert!(nodes(&plan).iter().all(|n| n.self_ms.is_none_or(|ms| ms == 0.0)), "{what}");
            return;
        };
        seen += 1;
        let (mut own, mut clamped, mut beside, mut err) = (0.0, 0.0, 0.0, 0.0);
        for n in nodes(&plan) {
            assert!(n.self_ms.is_none_or(|ms| ms >= 0.0), "{what}: {n:?}");
            own += n.self_ms.unwrap_or(0.0);
            clamped += n.clamped_ms.unwrap_or(0.0);
            err += n.self_err_ms.unwrap_or(0.0);
            if n.role == Role::SelectList {
                beside += n.total_ms.unwrap_or(0.0);
            }
            assert!(n.clamped_ms.is_none_or(|c| c <= n.self_err_ms.unwrap_or(0.0) + 1e-9), "{what}: clamped beyond the error: {n:?}");
            assert!(!n.never_executed || n.loops.is_none(), "{what}: {n:?}");
        }
        let whole = root + beside;
        assert!((own - clamped - whole).abs() < 1e-6, "{what}: Σ self {own} − clamped {clamped} ≠ {whole}");
        assert!((own - whole).abs() <= err + 1e-9, "{what}: {own} {whole} ± {err}");
        assert!(plan.execution_ms.is_some_and(|ms| (ms - whole).abs() < 1e-9), "{what}: {:?} {whole}", plan.execution_ms);
    });
    assert!(seen > 100, "{seen}");
}

/// All forms tell of the same tables.
#[test]
fn the_forms_tell_of_the_same_tables() {
    for (release, text) in RELEASES {
        for (statement, forms) in corpus(text) {
            let tables = |form: &str| -> Option<BTreeSet<String>> {
                let raw = forms.get(form).filter(|raw| !raw.contains(NO_PATHS))?;
                let plan = plan(raw, &format!("{release} {statement} {form}"));
                let of = |n: &PlanNode| n.alias.clone().or(n.relation.clone()).filter(|r| !r.starts_with('<'));
                Some(nodes(&plan).into_iter().filter_map(of).collect())
            };
            let tree = tables("tree");
            for form in ["analyze", "v2.json", "analyze.json"] {
                if let (Some(tree), Some(other)) = (&tree, tables(form)) {
                    assert_eq!(*tree, other, "{release} {statement} {form}");
                }
            }
        }
    }
}

#[test]
fn the_second_json_has_the_shape_of_the_tree() {
    for (release, text) in RELEASES {
        for (statement, forms) in corpus(text) {
            for (tree, json) in [("tree", "v2.json"), ("analyze", "analyze.json")] {
                let (Some(a), Some(b)) = (forms.get(tree), forms.get(json)) else { continue };
                let ops = |raw: &str| nodes(&plan(raw, statement)).iter().map(|n| n.op.clone()).collect::<Vec<_>>();
                assert_eq!(ops(a), ops(b), "{release} {statement} {json}");
            }
        }
    }
}

/// The first version of the JSON alone tells how the rows of an UPDATE or DELETE of one table are found.
#[test]
fn a_change_of_one_table_is_told_by_the_first_json() {
    for (release, text) in RELEASES {
        let corpus = corpus(text);
        for (statement, op) in [("update_one", "update"), ("delete_one", "delete")] {
            let forms = &corpus[statement];
            assert!(forms["tree"].contains(NO_PATHS), "{release} {statement}");
            let plan = plan(forms["v1.json"], statement);
            assert_eq!(plan.root.op, op, "{release} {statement}: {plan:?}");
            assert!(
                nodes(&plan).iter().any(|n| n.relation.as_deref() == Some("o") && n.index.is_some()),
                "{release} {statement}: {plan:?}"
            );
        }
    }
}
