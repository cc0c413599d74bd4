//! A subquery that the arms of an Append compute is printed once, below the first of them, with what all of them took.

use super::*;

/// A condition upon partitions is copied to each of them, and its subquery is printed once with what all of them took.
#[test]
fn a_subplan_of_all_partitions_is_paid_by_all() {
    let filter = r#","Filter":"(hp.v > (SubPlan 1))""#;
    let scan = json_node("Seq Scan", "Outer", (0.01, 0.08), 200, 4800, r#","Filter":"(s.n_id = hp.v)""#, &[]);
    let sub = json_node("Aggregate", "SubPlan", (0.09, 0.09), 200, 4800, r#","Subplan Name":"SubPlan 1""#, &[scan]);
    let arm = |ms: f64, pages, more: &[String]| json_node("Seq Scan", "Member", (0.01, ms), 1, pages, filter, more);
    let arms = [arm(6.0, 1300, &[sub]), arm(7.0, 1801, &[]), arm(6.5, 2029, &[])];
    let append = json_node("Append", "Outer", (0.01, 19.6), 1, 5130, "", &arms);
    let root = json_node("Aggregate", "", (19.7, 19.7), 1, 5130, "", &[append]);
    let plan = read_json(&format!(r#"[{{"Plan":{root}}}]"#), "15", true).unwrap();
    sums_hold(&plan);
    for at in 0..3 {
        let n = plan.root.at(&[0, at]).expect("an arm");
        assert!(n.approximate && n.self_pages.hit.is_some_and(|p| (80..=135).contains(&p)), "{n:?}");
    }
}

fn arm(ms: f64, pages: u32, startup: f64, filter: &str, more: &[String]) -> String {
    json_node("Seq Scan", "Member", (startup, ms), 1, pages, filter, more)
}

fn sub(name: &str, ms: f64, loops: u32, pages: u32) -> String {
    json_node("Aggregate", "SubPlan", (ms, ms), loops, pages, &format!(r#","Subplan Name":"{name}""#), &[])
}

/// Without VERBOSE no line says that a SELECT list has it: the arms of the nearest Append that has room paid for it.
#[test]
fn a_subplan_of_a_hidden_select_list_is_paid_by_all_partitions() {
    let below = r#","Filter":"(q.id < 300)""#;
    let first = arm(0.19, 100, 0.011, below, &[sub("SubPlan 5", 0.001, 299, 599)]);
    let pages = [92, 96, 75, 96, 74, 83, 76];
    let others = pages.map(|pages| arm(0.13, pages, 0.004, below, &[]));
    let parts = json_node("Append", "Member", (0.011, 1.106), 1, 692, "", &[vec![first], others.to_vec()].concat());
    let other = json_node("Index Scan", "Member", (0.02, 0.087), 1, 900, "", &[]);
    let root = json_node("Append", "", (0.02, 1.25), 1, 1592, "", &[other, parts]);
    let plan = read_json(&format!(r#"[{{"Plan":{root}}}]"#), "15", true).unwrap();
    sums_hold(&plan);
    // 93 of 692 pages are the scans' own; the arm of the other table, which has room for all of them, pays nothing.
    for at in 0..8 {
        let n = plan.root.at(&[1, at]).expect("a partition");
        assert!(n.approximate && n.self_pages.hit.is_some_and(|p| (8..=16).contains(&p)), "{n:?}");
    }
    assert_eq!(plan.root.children[0].self_pages.hit, Some(900));
}

/// What one partition alone can have waited for is taken from it before all of them are asked.
#[test]
fn a_value_is_paid_before_what_partitions_share() {
    let filter = r#","Filter":"((q.id < 20) AND (q.v < (SubPlan 2)))""#;
    let value = r#","Subplan Name":"InitPlan 1 (returns $0)""#;
    let value = json_node("Aggregate", "InitPlan", (1.699, 1.701), 1, 132, value, &[]);
    let first = arm(3.147, 470, 2.271, filter, &[sub("SubPlan 2", 0.4, 19, 2071)]);
    let others = [339, 121, 338, 230, 339, 229, 230].map(|pages| arm(1.5, pages, 0.38, filter, &[]));
    let children = [vec![value, first], others.to_vec()].concat();
    let root = json_node("Append", "", (2.272, 13.686), 1, 2296, "", &children);
    let plan = read_json(&format!(r#"[{{"Plan":{root}}}]"#), "15", true).unwrap();
    sums_hold(&plan);
}
