use super::*;
use proptest::prelude::*;

const PG: Dialect = Dialect::Postgres;
const MY: Dialect = Dialect::MySql;

fn shown(dialect: Dialect, text: &str) -> Vec<(Test, String, Option<String>)> {
    let found = parse(dialect, text);
    assert!(!found.has_unread(), "{text}: {found:?}");
    found.predicates().into_iter().map(|p| (p.test, p.key.qualified_sql(dialect), p.value.map(|v| v.qualified_sql(dialect)))).collect()
}

fn one(dialect: Dialect, text: &str) -> (Test, String, Option<String>) {
    let mut all = shown(dialect, text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    all.remove(0)
}

#[test]
fn the_conditions_of_postgresql_are_read() {
    let s = |t: &str| Some(t.to_string());
    let all = shown(PG, "((b.q = 7) AND (lower((b.name)::text) ~~ '%x%'::text) AND (b.t > '2020-01-01'::date))");
    assert_eq!(
        all,
        [
            (Test::Equal, "b.q".into(), s("7")),
            (Test::Contains, "lower((b.name)::text)".into(), s("('%x%')::text")),
            (Test::Range, "b.t".into(), s("('2020-01-01')::date")),
        ]
    );
    assert_eq!(one(PG, "(7 < q)"), (Test::Range, "q".into(), s("7")));
    assert_eq!(one(PG, "((name)::text ~~ 'abc%'::text)").0, Test::Prefix);
    assert_eq!(one(PG, "(name ~~* 'abc%'::text)").0, Test::Contains);
    assert_eq!(one(PG, "(o.customer_id = c.id)"), (Test::Join, "o.customer_id".into(), s("c.id")));
    assert_eq!(one(PG, "(q = ANY ('{1,2,3}'::integer[]))"), (Test::In, "q".into(), s("('{1,2,3}')::integer[]")));
    assert_eq!(one(PG, "(q = ANY (ARRAY[1, $1]))").0, Test::In);
    assert_eq!(one(PG, "(q <> ALL ('{1,2}'::integer[]))").0, Test::NotEqual);
    assert_eq!(one(PG, "(q IS NOT NULL)").0, Test::NotNull);
    assert_eq!(one(PG, "(q IS NULL)").0, Test::Null);
    assert_eq!(one(PG, "(NOT active)").0, Test::Equal);
    assert_eq!(one(PG, "(q = $0)"), (Test::Equal, "q".into(), s("$0")));
    assert_eq!(one(PG, "(q = (InitPlan 1).col1)"), (Test::Equal, "q".into(), s("(InitPlan 1).col1")));
    assert_eq!(one(PG, "(b.\"Odd \"\"name\" = 1)").1, "b.\"Odd \"\"name\"");
    assert_eq!(one(PG, "(a IS DISTINCT FROM 3)").0, Test::NotEqual);
    assert_eq!(one(PG, "((d)::timestamp with time zone = '2020-01-01 00:00:00+00'::timestamp with time zone)").0, Test::Equal);
    assert_eq!(one(PG, "(EXTRACT(year FROM o.d) = '2020'::numeric)").1, "EXTRACT(year FROM o.d)");
    assert_eq!(one(PG, "((o.j ->> 'k'::text) = 'v'::text)").1, "(o.j ->> ('k')::text)");
    assert_eq!(one(PG, "(o.tags @> '{a}'::text[])").0, Test::Other);
    assert_eq!(one(PG, "((q + 0) = 5)").1, "(q + 0)");
    assert_eq!(one(PG, "((a = 1) OR (b = 2))").0, Test::Or);
    assert_eq!(one(PG, "(ROW(a, b) > ROW(1, 2))").0, Test::Range);
    assert_eq!(one(PG, "((x)::character varying(10) = 'a'::text)").1, "(x)::character varying(10)");
    // Both sides of one relation: no index serves it.
    assert_eq!(one(PG, "(o.a = o.b)").0, Test::Other);
}

#[test]
fn subplans_are_no_columns() {
    for text in [
        "(hashed SubPlan 1)",
        "(NOT (hashed SubPlan 1))",
        "(SubPlan 1)",
        "(alternatives: SubPlan 1 or hashed SubPlan 2)",
        "EXISTS(SubPlan 1)",
    ] {
        let found = parse(PG, text);
        assert!(found.columns().is_empty() && !found.has_unread(), "{text}: {found:?}");
        let mut plans = 0;
        found.walk(&mut |e| plans += usize::from(matches!(e, Expr::Subquery(_))));
        assert_eq!(plans, 1, "{text}: {found:?}");
    }
    assert!(matches!(parse(PG, "(NOT (hashed SubPlan 1))"), Expr::Not(_)));
    let ours = parse(PG, "(ANY (o.id = (hashed SubPlan 1).col1))");
    assert_eq!(ours.columns().len(), 1);
}

#[test]
fn the_conditions_of_mysql_and_mariadb_are_read() {
    let s = |t: &str| Some(t.to_string());
    assert_eq!(one(MY, "(`b`.`q` = 7)"), (Test::Equal, "b.q".into(), s("7")));
    // As the servers turn it themselves.
    assert_eq!(one(MY, "(not (`b`.`q` = 7))"), (Test::NotEqual, "b.q".into(), s("7")));
    assert_eq!(one(MY, "(not (`b`.`q` > 7))"), (Test::Range, "b.q".into(), s("7")));
    assert_eq!(one(MY, "(not (`b`.`q` is null))").0, Test::NotNull);
    let all = shown(MY, "o.q = 7 and o.r > 3 and o.name like 'a%' and o.z in (1,2,3) and o.d between 1 and 9 and o.x is null");
    let tests: Vec<Test> = all.iter().map(|a| a.0).collect();
    assert_eq!(tests, [Test::Equal, Test::Range, Test::Prefix, Test::In, Test::Range, Test::Range, Test::Null]);
    assert_eq!(one(MY, "o.q = <cache>(3 + 4)"), (Test::Equal, "o.q".into(), s("(3 + 4)")));
    assert_eq!(one(MY, "cast(o.d as date) = DATE'2020-01-01'").1, "CAST(o.d AS date)");
    assert_eq!(one(MY, "o.name = convert('x' using utf8mb4)").0, Test::Equal);
    assert_eq!(one(MY, "(o.a_id = a.id)").0, Test::Join);
    assert_eq!(one(MY, "year(o.d) = 2020").1, "year(o.d)");
    assert_eq!(one(MY, "(t.d >= ('2020-01-01' - interval 7 day))").0, Test::Range);
    for text in [
        "<in_optimizer>(o.a,o.a in (select #2))",
        "<in_optimizer>(o.a,<exists>(subquery#2))",
        "<expr_cache><o.a>((subquery#2)) > 3",
        "(o.q = (select #2))",
        "o.a = (/* select#2 */ select max(x) from t where t.y = 'it''s #3')",
    ] {
        let found = parse(MY, text);
        let mut plans = 0;
        found.walk(&mut |e| {
            plans += usize::from(matches!(e, Expr::Subquery(_)) || matches!(e, Expr::Column(c) if c.name.starts_with("subquery")))
        });
        assert!(!found.has_unread() && plans > 0, "{text}: {found:?}");
    }
    assert_eq!(one(MY, "(o.q <=> NULL)").0, Test::Equal);
    assert_eq!(one(MY, "trigcond(o.q = 3)").0, Test::Other);
}

#[test]
fn the_conditions_of_sqlite_are_read() {
    let d = Dialect::Sqlite;
    let all = shown(d, "q=? AND r>? AND r<?");
    assert_eq!(all.iter().map(|a| (a.0, a.1.as_str())).collect::<Vec<_>>(), [(Test::Equal, "q"), (Test::Range, "r"), (Test::Range, "r")]);
    assert_eq!(one(d, "rowid=?").1, "rowid");
    assert_eq!(one(d, "(b,c)>(?,?)").0, Test::Range);
    assert!(parse(d, "<expr>=?").has_unread());
}

#[test]
fn keys_of_sorts_are_read() {
    let keys = sort_keys(PG, "o.total DESC NULLS LAST, lower((o.name)::text), (count(*)), o.d COLLATE \"C\" DESC, x USING >");
    let told: Vec<_> = keys.iter().map(|k| (k.expr.sql(PG), k.descending, k.nulls_first)).collect();
    assert_eq!(
        told,
        [
            ("total".to_string(), true, Some(false)),
            ("lower((name)::text)".to_string(), false, None),
            ("count(*)".to_string(), false, None),
            ("(d COLLATE \"C\")".to_string(), true, None),
            ("x".to_string(), true, None),
        ]
    );
    let keys = sort_keys(MY, "count(0) desc, `o`.`q`");
    assert!(keys[0].descending && keys[1].expr.column().is_some());
}

#[test]
fn a_join_is_turned_to_the_relation_that_is_asked_about() {
    let e = parse(PG, "((b.a_id = a.id) AND (b.q = 3) AND (a.z = 4))");
    let on = |alias| e.predicates_on(alias).into_iter().map(|p| (p.test, p.key.sql(PG))).collect::<Vec<_>>();
    assert_eq!(on("a"), [(Test::Join, "id".to_string()), (Test::Equal, "z".to_string())]);
    assert_eq!(on("b"), [(Test::Join, "a_id".to_string()), (Test::Equal, "q".to_string())]);
    assert_eq!(on("c"), []);
}

#[test]
fn a_range_of_the_other_side_is_a_join_too() {
    let e = parse(PG, "((o.c_id >= c.id) AND (o.c_id <= (c.id + 1)) AND (o.a < o.b))");
    let on = |alias| e.predicates_on(alias).into_iter().map(|p| (p.test, p.key.sql(PG), p.op)).collect::<Vec<_>>();
    let range = |key: &str, op: &str| (Test::RangeJoin, key.to_string(), op.to_string());
    assert_eq!(on("o")[..2], [range("c_id", ">="), range("c_id", "<=")]);
    assert_eq!(on("c"), [range("id", "<="), range("(id + 1)", ">=")]);
}

#[test]
fn words_between_parts_are_written_again() {
    for text in [
        "CASE WHEN (country = 'DE'::text) THEN 1 ELSE 2 END",
        "CASE a WHEN 1 THEN 'x' WHEN 2 THEN lower(b) END",
        "POSITION('999'::text IN name)",
        "TRIM(LEADING 'x' FROM name)",
    ] {
        assert_eq!(parse(PG, text).sql(PG).replace(['(', ')'], ""), text.replace(['(', ')'], ""), "{text}");
        assert!(!parse(PG, text).has_unread(), "{text}");
    }
    assert_eq!(one(PG, "(name ~ '^Name 4'::text)").0, Test::Prefix);
    for loose in ["'^N*'", "'^a|b'", "'Name'", "'^[ab]'", "'^(ab)'", "'^.'"] {
        assert_ne!(one(PG, &format!("(name ~ {loose}::text)")).0, Test::Prefix, "{loose}");
    }
}

#[test]
fn what_is_not_understood_is_kept_and_builds_nothing() {
    for text in ["(a = ", "a ??? b ???", ")", "(a = 1) AND", "case when a", "xmlelement(name foo, 1) ]", "((", "\u{0}"] {
        let e = parse(PG, text);
        let serves = e
            .predicates()
            .iter()
            .any(|p| matches!(p.test, Test::Equal | Test::In | Test::Range | Test::Join) && p.value.as_ref().is_some_and(Expr::has_unread));
        assert!(!serves, "{text}: {e:?}");
    }
    let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(parse(PG, &deep).has_unread());
    let long = format!("a{}", " || b".repeat(100_000));
    assert!(parse(PG, &long).has_unread());
    let wide = format!("(a = 1){}", " AND (b = 2)".repeat(20_000));
    assert_eq!(parse(PG, &wide).predicates().len(), 20_001);
    let nots = "not ".repeat(100_000) + "a";
    assert!(parse(MY, &nots).has_unread());
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9_]{0,5}", "[ A-Zé\"`a-z.%]{1,5}"]
        .prop_filter("stars are no names", |n| !n.contains('*') && !n.trim().is_empty())
}

fn leaf() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (proptest::option::of(name()), name()).prop_map(|(qualifier, name)| Expr::Column(Column { qualifier, name })),
        (0..1000u32).prop_map(|n| Expr::Constant(n.to_string())),
        "[a-z%_# ]{0,6}".prop_map(|t| Expr::Constant(format!("'{t}'"))),
    ]
}

/// Trees as the reader builds them: AND in AND flat, and no operator that a dialect lacks.
fn tree() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        let b = |s: BoxedStrategy<Expr>| s.prop_map(Box::new);
        let i = inner.clone().boxed();
        prop_oneof![
            (prop_oneof![Just("="), Just("<"), Just(">="), Just("<>"), Just("like")], b(i.clone()), b(i.clone()))
                .prop_map(|(op, left, right)| Expr::Compare { op: op.into(), left, right }),
            (prop_oneof![Just("+"), Just("*")], b(i.clone()), b(i.clone())).prop_map(|(op, left, right)| Expr::Arithmetic {
                op: op.into(),
                left,
                right
            }),
            (b(i.clone()), any::<bool>()).prop_map(|(what, negated)| Expr::Null { what, negated }),
            b(i.clone()).prop_map(Expr::Not),
            b(i.clone()).prop_map(|what| Expr::Cast { what, to: "integer".into() }),
            (prop_oneof![Just("lower"), Just("f")], prop::collection::vec(i.clone(), 0..3))
                .prop_map(|(name, args)| Expr::Call { name: name.into(), args }),
            (b(i.clone()), prop::collection::vec(i.clone(), 2..4), any::<bool>()).prop_map(|(what, list, negated)| Expr::In {
                what,
                list,
                negated
            }),
            prop::collection::vec(i.clone(), 2..4).prop_map(|parts| Expr::And(flat(parts, true))),
            prop::collection::vec(i, 2..4).prop_map(|parts| Expr::Or(flat(parts, false))),
        ]
    })
}

fn flat(parts: Vec<Expr>, and: bool) -> Vec<Expr> {
    parts
        .into_iter()
        .flat_map(|p| match p {
            Expr::And(inner) if and => inner,
            Expr::Or(inner) if !and => inner,
            p => vec![p],
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(e in tree(), dialect in prop_oneof![Just(Dialect::Postgres), Just(Dialect::MySql), Just(Dialect::Sqlite)]) {
        let text = e.qualified_sql(dialect);
        prop_assert_eq!(parse(dialect, &text), e, "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "([a-z(),.:=<>'\"`#$?*\\[\\] 0-9~]|and |or |not |in |is |between |like |case |when |end |cast\\(|SubPlan |::|é){0,60}",
        dialect in prop_oneof![Just(Dialect::Postgres), Just(Dialect::MySql), Just(Dialect::Sqlite)]) {
        let e = parse(dialect, &text);
        let _ = (e.predicates_on("a"), e.sql(dialect), sort_keys(dialect, &text));
    }
}
