//! Indexes that are there already: longer ones, hidden ones, other directions, a whole table in an order.

use super::*;

fn with_index(mut known: Known, name: &str, keys: &[&str]) -> Known {
    known.tables[0].indexes.push(index(name, keys, false));
    known
}

#[test]
fn directions_of_what_is_there_count() {
    let sorted = |key: &str| {
        plan("PostgreSQL", over(node("limit", "Limit"), vec![over(says(node("sort", "Sort"), "Sort Key", key), vec![seq("orders", "")])]))
    };
    let mut known = pg("select * from orders order by 1 limit 10");
    known.tables[0].indexes.push(Index { down: vec![false, false], ..index("both_up", &["state", "created_at"], false) });
    assert!(
        specs(&sorted("orders.state, orders.created_at DESC"), &known, 0.5).contains(&"public.orders (state, created_at DESC)".to_string())
    );
    assert_eq!(whys(&sorted("orders.state DESC, orders.created_at DESC"), &known, 0.5), [Why::Served]);
}

/// An index on the equality is no reason not to try one that goes on from it: with what is wanted in it, the table is not read.
#[test]
fn an_index_that_is_there_is_gone_on_from() {
    let of = |columns: &str, rest: &str| {
        let text = format!("select {columns} from orders where state = 'open' {rest}");
        let p = plan("PostgreSQL", over(node("aggregate", "Aggregate"), vec![seq("orders", "(orders.state = 'open'::text)")]));
        let known = with_index(pg(&text), "by_state", &["state"]);
        let lite = lite(&["SEARCH orders USING INDEX by_state (state=?)"], &text);
        let bare = with_index(bare(&text), "by_state", &["state"]);
        (specs(&p, &known, 0.1), specs(&lite, &bare, 0.1))
    };
    for (columns, rest, postgres, sqlite) in [
        ("min(total), max(total)", "", "public.orders (state, total)", "orders (state, total)"),
        ("sum(total)", "", "public.orders (state) INCLUDE (total)", "orders (state, total)"),
        ("distinct total", "", "public.orders (state, total)", "orders (state, total)"),
        ("paid, count(*)", "group by paid", "public.orders (state, paid)", "orders (state, paid)"),
    ] {
        let (p, s) = of(columns, rest);
        assert!(p.contains(&postgres.to_string()), "{columns}: {p:?}");
        assert!(s.contains(&sqlite.to_string()), "{columns}: {s:?}");
    }
    // Of a few rows nothing is saved, and what is there already is not built again.
    let text = "select sum(total) from orders where state = 'open'";
    let p = plan("PostgreSQL", seq("orders", "(orders.state = 'open'::text)"));
    assert_eq!(whys(&p, &with_index(pg(text), "by_state", &["state"]), 0.0001), [Why::Served]);
    let both = with_index(with_index(bare(text), "by_state", &["state"]), "by_both", &["state", "total"]);
    assert_eq!(whys(&lite(&["SEARCH orders USING COVERING INDEX by_both (state=?)"], text), &both, 0.1), [Why::Served]);
}

/// What the planner may not use serves nothing, and to build it again would be no answer.
#[test]
fn an_index_that_the_planner_may_not_use_is_shown_to_it() {
    let text = "select * from orders where customer_id = 5";
    let mut known = pg(text);
    known.tables[0].hidden.push(index("by_customer", &["customer_id"], false));
    let p = plan("PostgreSQL", seq("orders", "(orders.customer_id = 5)"));
    let found = find(&p, &known, &keeping(&p, &known, 0.001));
    assert_eq!((found.proposed.len(), found.reasons[0].why), (0, Why::Hidden), "{found:?}");
    assert_eq!(found.reasons[0].sql.as_deref(), Some("ALTER TABLE public.orders ALTER INDEX by_customer VISIBLE"));
}

/// All rows in an order: the order's columns stand in front, and what every index has anyway is no key.
#[test]
fn a_whole_table_in_an_order_gets_an_index_in_that_order() {
    let text = "select id, created_at from orders order by created_at";
    let p = plan("PostgreSQL", over(says(node("sort", "Sort"), "Sort Key", "orders.created_at"), vec![seq("orders", "")]));
    assert_eq!(specs(&p, &pg(text), 1.0), ["public.orders (created_at) INCLUDE (id)"]);
    let mut known = bare(text);
    known.tables[0].stored_by = vec!["id".into()];
    let p = lite(&["SCAN orders", "USE TEMP B-TREE FOR ORDER BY"], text);
    assert_eq!(specs(&p, &known, 1.0), ["orders (created_at)"]);
    let down = "select id, created_at, total from orders order by created_at desc, total";
    known.statement = Some(down.into());
    assert_eq!(specs(&lite(&["SCAN orders", "USE TEMP B-TREE FOR ORDER BY"], down), &known, 1.0), ["orders (created_at DESC, total)"]);
}

#[test]
fn a_whole_table_is_counted_in_its_smallest_index() {
    let count = || plan("PostgreSQL", over(node("aggregate", "Aggregate"), vec![seq("orders", "")]));
    assert_eq!(specs(&count(), &pg("select count(*) from orders"), 1.0), ["public.orders (paid)"]);
    let mut known = pg("select count(*) from orders");
    known.tables[0].indexes.push(index("orders_state_idx", &["state"], false));
    assert_eq!(whys(&count(), &known, 1.0), [Why::EverythingRead]);
    let limited = plan("PostgreSQL", over(node("limit", "Limit"), vec![seq("orders", "")]));
    assert_eq!(whys(&limited, &pg("select 1 from orders limit 1"), 1.0), [Why::LimitLuck]);
}

proptest! {
    /// Whatever stands there already, as keys in whatever order, is not proposed again.
    #[test]
    fn what_exists_is_never_proposed(
        have in proptest::collection::vec(proptest::sample::subsequence(vec!["customer_id", "state", "created_at", "total", "email"], 1..4).prop_shuffle(), 0..5),
        equal in proptest::sample::subsequence(vec!["customer_id", "state", "total"], 0..3),
        range in proptest::option::of(Just("created_at")),
        sorted in proptest::option::of(prop_oneof![Just("created_at"), Just("total"), Just("created_at DESC")]),
        share in 0.0..0.5f64,
    ) {
        let mut tests: Vec<String> = equal.iter().map(|c| format!("(orders.{c} = 5)")).collect();
        tests.extend(range.map(|c| format!("(orders.{c} > 5)")));
        let filter = if tests.is_empty() { String::new() } else { format!("({})", tests.join(" AND ")) };
        let scan = seq("orders", &filter);
        let root = match sorted {
            Some(k) => over(node("limit", "Limit"), vec![over(says(node("sort", "Sort"), "Sort Key", &format!("orders.{k}")), vec![scan])]),
            None => scan,
        };
        let p = plan("PostgreSQL", root);
        let mut known = pg("select total from orders");
        for (i, keys) in have.iter().enumerate() {
            known.tables[0].indexes.push(index(&format!("i{i}"), keys, false));
        }
        let found = find(&p, &known, &keeping(&p, &known, share));
        for c in &found.proposed {
            let keys: Vec<&str> = c.keys.iter().filter_map(|k| k.column.as_deref()).collect();
            if c.only_where.is_none() && c.include.is_empty() && c.keys.iter().all(|k| !k.down) {
                prop_assert!(!have.iter().any(|h| h.as_slice() == keys.as_slice()), "{} is there already", c.spec(Dialect::Postgres));
            }
            prop_assert!(!known.tables[0].indexes.iter().any(|i| i.name == c.name), "the name {} is taken", c.name);
        }
        // Asked again with what was proposed, that is not proposed once more.
        for c in &found.proposed {
            known.tables[0].indexes.push(Index {
                name: c.name.clone(),
                keys: c.keys.iter().map(|k| k.column.clone().unwrap_or_else(|| k.sql.clone())).collect(),
                down: c.keys.iter().map(|k| k.down).collect(),
                also: c.include.clone(),
                only_where: c.only_where.clone(),
                ..Index::default()
            });
        }
        let again = find(&p, &known, &keeping(&p, &known, share));
        prop_assert!(again.proposed.is_empty(), "{:?}", again.proposed.iter().map(|c| c.spec(Dialect::Postgres)).collect::<Vec<_>>());
    }
}
