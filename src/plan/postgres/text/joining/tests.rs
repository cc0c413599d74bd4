//! Real plans broken in the ways of terminals, mails and pages: what comes out is the plan itself, or a refusal.

use crate::model::plan::Plan;
use crate::plan::postgres::read;
use proptest::prelude::*;

/// Ours, of PostgreSQL 15.
const PARALLEL: &str = include_str!("parallel.txt");
/// Composed after the lines that EXPLAIN of 12 to 17 prints.
const SPILLED: &str = include_str!("spilled.txt");

#[derive(Debug, Clone, Copy)]
struct Way {
    /// At words, or wherever the width is.
    words: bool,
    /// What goes on stands below the beginning of its line instead of at the left margin.
    hanging: bool,
    /// Blanks at the ends of lines are lost.
    trimmed: bool,
    width: usize,
}

fn broken(text: &str, way: Way) -> String {
    let mut out = Vec::new();
    for line in text.lines() {
        let indent = if way.hanging { line.chars().take_while(|c| *c == ' ').count().min(way.width / 2) } else { 0 };
        let mut rest: Vec<char> = line.chars().collect();
        let mut first = true;
        while !rest.is_empty() {
            let lead = if first { 0 } else { indent };
            let room = way.width - lead;
            let mut cut = rest.len().min(room);
            if way.words && rest.len() > room {
                // Behind the last blank that fits, as `fold -s` does; leading blanks are no words.
                let begun = rest.iter().position(|c| *c != ' ').unwrap_or(0);
                cut = (begun + 1..=room).rev().find(|i| rest[*i - 1] == ' ' && *i > begun + 1).unwrap_or(room);
            }
            let mut piece = " ".repeat(lead);
            piece.extend(rest.drain(..cut));
            out.push(if way.trimmed { piece.trim_end().to_string() } else { piece });
            first = false;
        }
    }
    out.join("\n")
}

/// All that a plan tells, but the text that it was read from.
fn told(mut p: Plan) -> String {
    p.raw = String::new();
    format!("{:#}", crate::plan::json::document(&p))
}

/// The first line that differs.
fn apart(a: &str, b: &str) -> Option<(String, String)> {
    let (mut a, mut b) = (a.lines(), b.lines());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (x, y) if x == y => {}
            (x, y) => return Some((x.unwrap_or("").into(), y.unwrap_or("").into())),
        }
    }
}

#[test]
fn breaks_at_words_are_mended() {
    for text in [PARALLEL, SPILLED] {
        let whole = told(read(text).unwrap());
        for width in [50, 55, 58, 60, 62, 65, 70, 72, 76, 79, 80, 90, 100, 110, 120] {
            let way = Way { words: true, hanging: false, trimmed: false, width };
            let p = read(&broken(text, way)).unwrap_or_else(|e| panic!("{width}: {}\n{}", e.message, broken(text, way)));
            assert_eq!(apart(&told(p), &whole), None, "{width}\n{}", broken(text, way));
        }
    }
}

/// A page made one blank of several: which node belongs to which is lost, and the plan is refused.
#[test]
fn lost_indentation_is_refused() {
    for text in [PARALLEL, SPILLED] {
        for lead in ["", " ", "  "] {
            let one = |l: &str| l.split_whitespace().collect::<Vec<_>>().join(" ");
            let lines: Vec<String> = text.lines().map(|l| if l.starts_with(' ') { format!("{lead}{}", one(l)) } else { one(l) }).collect();
            let Err(e) = read(&lines.join("\n")) else { panic!("{lead:?}: {text}") };
            assert!(e.message.contains("blanks at the beginning"), "{}", e.message);
        }
    }
    // One scan with its workers below a Gather.
    let flat = "Gather (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..60.0 rows=30 loops=1)
 Buffers: shared hit=40
 -> Parallel Seq Scan on a (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..50.0 rows=10 loops=3)
 Buffers: shared hit=40
 Worker 0: actual time=1.0..40.0 rows=9 loops=1
 Buffers: shared hit=11";
    assert!(read(flat).expect_err("flat").message.contains("blanks at the beginning"));
}

/// Blanks between the parts of a line that became one.
#[test]
fn single_blanks_between_parts_hold_them_apart() {
    let whole = told(read(SPILLED).unwrap());
    let single: Vec<String> = SPILLED
        .lines()
        .map(|l| {
            let n = l.len() - l.trim_start().len();
            let words = l.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{}{}", &l[..n], words.replacen("-> ", "->  ", usize::from(words.starts_with("->"))))
        })
        .collect();
    assert_eq!(apart(&told(read(&single.join("\n")).unwrap()), &whole), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However a plan was broken: it is the same, or it is refused. Never another tree.
    #[test]
    fn a_broken_plan_is_the_same_or_refused(
        spilled in any::<bool>(), words in any::<bool>(), hanging in any::<bool>(), trimmed in any::<bool>(), width in 40usize..150,
    ) {
        let text = if spilled { SPILLED } else { PARALLEL };
        let way = Way { words, hanging, trimmed, width };
        let torn = broken(text, way);
        if let Ok(p) = read(&torn) {
            prop_assert_eq!(apart(&told(p), &told(read(text).unwrap())), None, "{:?}\n{}", way, torn);
        }
    }
}

/// What the shortcut for plans that nobody touched gives is what looking for breaks and frames gives; and it is taken for these.
#[test]
fn a_plan_that_nobody_touched_is_read_without_looking_for_breaks() {
    let framed = |text: &str| {
        let longest = text.lines().map(|l| l.chars().count()).max().unwrap();
        let lines: Vec<String> = text.lines().map(|l| format!(" {l}")).collect();
        format!("{:^1$}\n{2}\n{3}\n({4} rows)\n", "QUERY PLAN", longest + 2, "-".repeat(longest + 2), lines.join("\n"), lines.len())
    };
    for text in [PARALLEL, SPILLED] {
        let lines: Vec<String> = text.lines().map(String::from).collect();
        let (slow, unsure) = super::join(&lines);
        let fast = super::untouched(text).unwrap();
        assert_eq!(unsure, 0);
        let of = |l: &super::super::Line<'_>| (l.column, l.text.to_string());
        assert_eq!(fast.iter().map(of).collect::<Vec<_>>(), slow.iter().map(of).collect::<Vec<_>>());
        let psql = framed(text);
        assert_eq!(super::untouched(&psql).unwrap().len(), slow.len());
        assert_eq!(told(read(&psql).unwrap()), told(read(text).unwrap()));
        // A width at which a line broke, a line that is missing above, a prompt.
        for width in 30..140 {
            for words in [true, false] {
                let text = broken(text, Way { words, hanging: false, trimmed: false, width });
                let whole = text.lines().count() == lines.len();
                assert_eq!(super::untouched(&text).is_some(), whole, "{width} {words}\n{text}");
            }
        }
        for front in ["postgres=# explain analyze select 1;\n", "SET\n", "  ->  Limit  (cost=0.00..1.00 rows=1 width=4)\n"] {
            assert!(super::untouched(&format!("{front}{text}")).is_none(), "{front}");
        }
    }
    assert!(super::untouched("Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  Filter: (a = 'x\n  Filter: y'::text)").is_none());
    assert!(super::untouched("-> Table scan on t  (cost=0.35 rows=1) (actual time=0.1..0.2 rows=1 loops=1)").is_none());
}
