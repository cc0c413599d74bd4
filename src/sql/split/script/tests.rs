use super::super::split;
use super::*;
use crate::model::Dialect;
use crate::sql::lex;
use proptest::prelude::*;

/// Pieces of which the rules for splitting are made.
const PIECES: [&str; 36] = [
    "select 1",
    ";",
    ";\n",
    "'",
    "''",
    "\"",
    "$$",
    "$a$",
    "/*",
    "*/",
    "/*!50000 ",
    "-- note\n",
    "\n",
    "\r\n",
    "delimiter //\n",
    "//",
    "begin ",
    " end",
    " case ",
    "create trigger t ",
    "create procedure p() ",
    "create function f() begin atomic ",
    "copy t from stdin;\n",
    "copy t from stdin;",
    "copy t from stdin",
    "\\.\n",
    "E'a'\n",
    ", ",
    "(",
    ")",
    "ä",
    "\\d t\n",
    ".tables\n",
    "insert into t values (1, 'a'), (2, 'b');\n",
    "x'",
    "update t set a = 1 where b in (1, 2, 3);\n",
];

fn pieces(n: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), n).prop_map(|p| p.concat())
}

fn dialects() -> impl Strategy<Value = Dialect> {
    prop::sample::select(vec![Dialect::Postgres, Dialect::MySql, Dialect::Sqlite])
}

fn edge(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn lines(s: &str) -> isize {
    s.matches('\n').count() as isize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn edit_by_edit_is_as_all_at_once(d in dialects(), text in pieces(0..120), edits in prop::collection::vec((0.0..1.0f64, 0usize..30, pieces(0..4)), 1..12)) {
        let mut text = text;
        let mut script = Script::new(d, &text);
        for (at, gone, new) in edits {
            let start = edge(&text, (at * text.len() as f64) as usize);
            let end = edge(&text, start + gone).max(start);
            let more = lines(&new) - lines(&text[start..end]);
            text.replace_range(start..end, &new);
            script.edit(&text, start..end, start + new.len(), more);
            prop_assert_eq!(script.statements(), &split(d, &text)[..], "{:?} {:?}", d, text);
        }
    }
}

#[test]
fn an_edit_reads_little_and_leaves_the_rest() {
    let mut text = "insert into t values (1, 'a'), (2, 'b');\n".repeat(200);
    let mut script = Script::new(Dialect::Postgres, &text);
    let before = script.marks.len();
    assert!(before > 50);
    let at = 4000;
    text.insert_str(at, ", 'x;y'\n");
    script.edit(&text, at..at, at + 8, 1);
    assert_eq!(script.statements(), split(Dialect::Postgres, &text));
    assert!(script.marks.len().abs_diff(before) <= 2, "{} marks became {}", before, script.marks.len());
}

#[test]
fn behind_an_open_quote_a_key_reads_little_too() {
    // Every second piece between quotes is now a string, and no comma or semicolon stands outside of one.
    let mut text = "insert into t values ('a','b');\n".repeat(200);
    let mut script = Script::new(Dialect::Postgres, &text);
    for (at, typed) in [(0, "'"), (1, "x"), (2, "y")] {
        text.insert_str(at, typed);
        script.edit(&text, at..at, at + 1, 0);
        assert_eq!(script.statements(), split(Dialect::Postgres, &text));
        assert!(script.marks.len() > 50, "{} marks", script.marks.len());
    }
}

#[test]
fn tokens_of_a_part_are_those_of_the_whole() {
    let text = "select 'a;b', (1 + 2) from t; -- note\n".repeat(50);
    let script = Script::new(Dialect::Postgres, &text);
    let all = lex(Dialect::Postgres, &text);
    for part in [0..10, 500..700, 1800..1900] {
        let want: Vec<Token> = all.iter().filter(|t| t.span.end > part.start && t.span.start < part.end).cloned().collect();
        assert_eq!(script.tokens(&text, part), want);
    }
}
