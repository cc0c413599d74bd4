use super::*;
use crate::model::plan::Removed;
use crate::plan::findings::{self, words::shorter};
use crate::plan::known::Known;
use crate::plan::share::{Form, render};
use proptest::prelude::*;

fn constants(engine: &str, sql: &str) -> Constants {
    Constants::of(&Plan { engine: engine.into(), ..Plan::default() }, Some(sql))
}

/// `100,000` is one figure, and a list of a condition is none.
#[test]
fn a_figure_is_not_taken_apart_at_its_comma() {
    let c = constants("MariaDB", "select * from o where a = 0 and b in (1, 200) and c = 100");
    for (text, want) in [
        ("read 100,000 rows and dropped 99,200 of them", "read 100,000 rows and dropped 99,200 of them"),
        ("×99,200 fewer", "×99,200 fewer"),
        ("(o.b in (1,200))", "(o.b in (?,?))"),
        ("c in (5,100,200)", "c in (5,?,?)"),
    ] {
        assert_eq!(c.prose(text), want);
    }
}

/// Text in other words: `0x534543` is no number, and a constant all the same.
#[test]
fn digits_that_are_text_are_taken_out() {
    let c = constants("MariaDB", "select * from o where concat(ref, 0x534543524554) = 'u' and k <> 0b0101 and z <> x'5A5A'");
    for (text, want) in [
        ("o is filtered by concat(ref, 0x534543524554), 3 ms", "o is filtered by concat(ref, ?), 3 ms"),
        ("no B-tree serves the test of k <> 0b0101 on o", "no B-tree serves the test of k <> ? on o"),
        ("cut off (concat(ref, 0x5345…)", "cut off (concat(ref, ?)"),
        ("z <> x'5A5A' is dropped", "z <> x? is dropped"),
    ] {
        assert_eq!(c.prose(text), want);
    }
}

/// Servers quote what they do not understand in many ways, and a name that is spelled like it goes, too.
#[test]
fn refusals_lose_their_constants() {
    let sql = r#"select * from o where email = 'zebra' and doc = '{"a": "zebra horse", "b": nothing}' and n = 4711 and t = 'it''s'"#;
    let pg = constants("PostgreSQL", sql);
    for (text, want) in [
        (r#"invalid input syntax for type integer: "zebra""#, r#"invalid input syntax for type integer: "?""#),
        (r#"syntax error at or near "4711""#, r#"syntax error at or near "?""#),
        (r#"unterminated quoted string at or near "'zebra""#, r#"unterminated quoted string at or near "'?""#),
        (
            "Token \"nothing\" is invalid.\nJSON data, line 1: ...zebra horse\", \"b\": nothi...",
            "Token \"?\" is invalid.\nJSON data, line 1: ...? ?...",
        ),
        ("value it's at line 1 is of type zebras", "value ? at line 1 is of type zebras"),
        ("column \"q\" does not exist, at character 12", "column \"q\" does not exist, at character 12"),
    ] {
        assert_eq!(pg.refusal(text), want);
    }
    let maria = constants("MariaDB", sql);
    let near = "an error in your SQL syntax; check the manual for the right syntax to use near 'bra' and n = 47' at line 1";
    assert_eq!(maria.refusal(near), "an error in your SQL syntax; check the manual for the right syntax to use near ? at line 1");
}

#[test]
fn a_sentence_keeps_its_apostrophes_and_loses_the_constants() {
    let c =
        constants("PostgreSQL", "select * from o where email = 'secret@x.org' and total between 5.5 and 777.25 and n = 4 and s = 'lost'");
    for (text, want) in [
        (
            "reads 200,000 rows ((email = 'secret@x.org'::text) AND (total >= 5.5) AND (total <= 777.25)) and keeps 4",
            "reads 200,000 rows ((email = ?::text) AND (total >= ?) AND (total <= ?)) and keeps 4",
        ),
        (
            "from estimates (the plan's shape: nothing was measured here): the rows' width is 5.5",
            "from estimates (the plan's shape: nothing was measured here): the rows' width is ?",
        ),
        ("rows with s = 'lost' are few", "rows with s = ? are few"),
        ("(email = 'secr…) in the plan's filter", "(email = ?) in the plan's filter"),
        ("compared with the number 4: (n = 4)", "compared with the number ?: (n = ?)"),
        ("4 of 7 rows, in 4 loops, by $4 of idx4 and F4", "4 of 7 rows, in 4 loops, by $4 of idx4 and F4"),
        ("d >= DATE'2026-01-01' and E'a\\n' || _utf8mb4'x'", "d >= DATE? and E? || _utf8mb4?"),
        ("cut off (total >= 77…)", "cut off (total >= ?)"),
        ("mail secret@x.org", "mail ?"),
    ] {
        assert_eq!(c.prose(text), want);
    }
}

fn plan(engine: &str, conditions: &[String]) -> Plan {
    let name = if engine == "PostgreSQL" { "Filter" } else { "attached_condition" };
    let scan = PlanNode {
        op: "table scan".into(),
        raw_op: "Seq Scan".into(),
        relation: Some("orders".into()),
        alias: Some("orders".into()),
        est_rows: Some(31.0),
        rows: Some(3.0),
        rows_total: Some(3.0),
        loops: Some(1.0),
        self_ms: Some(655.0),
        total_ms: Some(655.0),
        removed: Removed { filter: Some(2_000_000.0), ..Removed::default() },
        conditions: vec![(name.into(), conditions.join(" AND "))],
        attrs: [("Output".to_string(), conditions.first().cloned().unwrap_or_default())].into(),
        ..PlanNode::default()
    };
    let sort = PlanNode {
        op: "sort".into(),
        raw_op: "Sort".into(),
        self_ms: Some(300.0),
        total_ms: Some(955.0),
        rows_total: Some(3.0),
        loops: Some(1.0),
        conditions: vec![("Sort Key".into(), conditions.last().cloned().unwrap_or_default())],
        attrs: [("Sort Space Type".to_string(), "Disk".to_string()), ("Sort Space Used".to_string(), "9000".to_string())].into(),
        children: vec![scan],
        ..PlanNode::default()
    };
    let mut root = sort;
    root.number();
    Plan { engine: engine.into(), version: "15.2".into(), analyzed: true, execution_ms: Some(960.0), root, ..Plan::default() }
}

/// A text whose every word begins with `zq`, with what makes quoting hard between them.
fn secret() -> impl Strategy<Value = String> {
    let word = "zq[a-z0-9]{3,6}";
    let between = prop_oneof![Just(" "), Just("''"), Just("…"), Just("%"), Just("), "), Just("?"), Just("."), Just("@"), Just(" = ")];
    (word, proptest::collection::vec((between, word), 0..14), any::<bool>()).prop_map(|(first, more, wild)| {
        let text: String = more.into_iter().fold(first, |t, (b, w)| format!("{t}{b}{w}"));
        if wild { format!("%{text}") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// No constant of the statement's or of the plan's conditions survives in anything that leaves.
    #[test]
    fn nothing_survives(
        engine in prop_oneof![Just("PostgreSQL"), Just("MariaDB"), Just("MySQL"), Just("SQLite")],
        texts in proptest::collection::vec(secret(), 1..4),
        whole in 70_000_000u32..79_999_999,
        part in 11u32..99,
    ) {
        let pg = engine == "PostgreSQL";
        let number = format!("{whole}.{part}");
        let mut conditions = Vec::new();
        for (i, t) in texts.iter().enumerate() {
            let (cast, like) = if pg { ("::text", "~~") } else { ("", "like") };
            let op = if t.starts_with('%') { like } else { "=" };
            let key = if i % 2 == 1 { "lower(note)" } else { "orders.note" };
            conditions.push(format!("({key} {op} '{t}'{cast})"));
        }
        conditions.push(if pg { format!("(total >= '{number}'::numeric)") } else { format!("(total >= {number})") });
        conditions.push(format!("(id <> {whole})"));
        let statement = format!("select * from orders where {} order by id limit {whole}", conditions.join(" and "));
        let mut p = plan(engine, &conditions);
        findings::fill(&mut p, &Known { statement: Some(statement.clone()), ..Known::default() });
        prop_assert!(!p.findings.is_empty());
        p.remarks.push(format!("The plan's remark ({}): the server's word.", shorter(&conditions.join(" AND "))));
        let bare = redact(&p, Some(&statement));
        let sql = super::statement(engine, &statement);
        let mut all = vec![serde_json::to_string(&crate::plan::json::document(&bare)).unwrap(), serde_json::to_string(&bare).unwrap()];
        all.extend([Form::Markdown, Form::Html, Form::Svg].map(|f| render(&bare, Some(&sql), f)));
        for out in all {
            prop_assert!(!out.contains("zq"), "{out}");
            prop_assert!(!out.contains(&whole.to_string()) && !out.contains(&crate::text::thousands(u64::from(whole))), "{out}");
        }
        prop_assert!(bare.remarks[0].starts_with("The plan's remark (") && bare.remarks[0].contains('?'));
        prop_assert!(bare.remarks[0].ends_with(": the server's word."), "{}", bare.remarks[0]);
    }

    #[test]
    fn no_sentence_makes_it_panic(text in "\\PC{0,60}", known in "\\PC{0,20}") {
        for engine in ["PostgreSQL", "MariaDB", "SQLite"] {
            let c = constants(engine, &format!("select '{known}', {known}"));
            let _ = (c.prose(&text), c.sql(&text), c.prose(&known));
        }
    }
}
