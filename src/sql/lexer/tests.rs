use super::*;
use crate::sql::split::tests::sqlish;
use proptest::prelude::*;

/// The tokens that are no blanks, as kind and text.
fn toks(d: Dialect, text: &str) -> Vec<(TokenKind, &str)> {
    lex(d, text).into_iter().filter(|t| t.kind != TokenKind::Whitespace).map(|t| (t.kind, &text[t.span])).collect()
}

fn texts(d: Dialect, text: &str) -> Vec<&str> {
    toks(d, text).into_iter().map(|t| t.1).collect()
}

use Dialect::{MySql, Postgres, Sqlite};
use TokenKind::*;

#[test]
fn postgres_strings() {
    for s in [
        "'it''s'",
        "'a\\'",
        "E'a\\'b'",
        "e'\\\\'",
        "U&'d\\0061t'",
        "B'01'",
        "X'1F'",
        "N'x'",
        "$$it's;$$",
        "$fn$ $$ ' $$ $fn$",
        "E'a'\n'\\''",
        "E'a' -- c\n  '\\''",
        "$é$x$é$",
    ] {
        assert_eq!(toks(Postgres, s), [(String, s)], "{s}");
    }
    assert_eq!(texts(Postgres, "'a' 'b'"), ["'a'", "'b'"]);
    assert_eq!(texts(Postgres, "E'a' '\\'"), ["E'a'", "'\\'"]);
    assert_eq!(toks(Postgres, "\"a\"\"b\""), [(QuotedIdentifier, "\"a\"\"b\"")]);
    assert_eq!(toks(Postgres, "U&\"x\"")[0].0, QuotedIdentifier);
    for s in ["'abc", "E'a\\'", "$x$ $y$", "/* /* */", "\"a"] {
        assert_eq!(toks(Postgres, s), [(Unterminated, s)], "{s}");
    }
    // A name may hold a dollar, so no quote opens here.
    assert_eq!(texts(Postgres, "a$b$c"), ["a$b$c"]);
}

#[test]
fn postgres_operators_numbers_comments() {
    assert_eq!(texts(Postgres, "a::int[1]"), ["a", "::", "int", "[", "1", "]"]);
    assert_eq!(texts(Postgres, "a->>'b'"), ["a", "->>", "'b'"]);
    assert_eq!(texts(Postgres, "1+-2"), ["1", "+", "-", "2"]);
    assert_eq!(texts(Postgres, "a @- b"), ["a", "@-", "b"]);
    assert_eq!(texts(Postgres, "1+/*c*/2*--x\r3"), ["1", "+", "/*c*/", "2", "*", "--x", "3"]);
    assert_eq!(texts(Postgres, "/* a /* b */ c */ 1"), ["/* a /* b */ c */", "1"]);
    assert_eq!(
        texts(Postgres, "1.INTO 1e5INTO 0x1F 1_000 1..2 .5 1e"),
        ["1.", "INTO", "1e5", "INTO", "0x1F", "1_000", "1", ".", ".2", ".5", "1", "e"]
    );
    assert_eq!(toks(Postgres, "$1")[0].0, Parameter);
}

#[test]
fn mysql_tokens() {
    for s in ["'it\\'s'", "\"a\\\"b\"", "'a''b'", "N'x'", "x'4D'", "b'01'"] {
        assert_eq!(toks(MySql, s), [(String, s)], "{s}");
    }
    assert_eq!(toks(MySql, "`a``b\\`")[0], (QuotedIdentifier, "`a``b\\`"));
    assert_eq!(texts(MySql, "1--1 -- x"), ["1", "-", "-", "1", "-- x"]);
    assert_eq!(texts(MySql, "a # b\n c --"), ["a", "# b", "c", "--"]);
    assert_eq!(texts(MySql, "@a:=1, @@global.x, @`b c`"), ["@a", ":=", "1", ",", "@@global.x", ",", "@`b c`"]);
    assert_eq!(texts(MySql, "/* a /* b */ c"), ["/* a /* b */", "c"]);
    assert_eq!(texts(MySql, "/*!50003 SELECT '*/' */ 1"), ["/*!50003", "SELECT", "'*/'", "*/", "1"]);
    assert_eq!(texts(MySql, "/*M!100101 a*/"), ["/*M!100101", "a", "*/"]);
    assert_eq!(toks(MySql, "/*! a")[0].0, Unterminated);
    assert_eq!(toks(MySql, "/*+ BKA(t) */")[0].0, Comment);
    assert_eq!(texts(MySql, "m.1e5() `a`.5 .5 t .5 1.5"), ["m", ".", "1e5", "(", ")", "`a`", ".", "5", ".5", "t", ".5", "1.5"]);
    assert_eq!(texts(MySql, "0x1F 0b01 1a 1.INTO 1e5INTO 0x1Fg"), ["0x1F", "0b01", "1a", "1.", "INTO", "1e5", "INTO", "0x1Fg"]);
    assert_eq!(toks(MySql, "\\N").len(), 1);
}

#[test]
fn sqlite_tokens() {
    for s in ["\"a\"", "`a`", "[a'b;]", "\"a\"\"b\""] {
        assert_eq!(toks(Sqlite, s), [(QuotedIdentifier, s)], "{s}");
    }
    for s in ["?", "?12", ":a", "@a", "$a", "$a::b(x';y)"] {
        assert_eq!(toks(Sqlite, s), [(Parameter, s)], "{s}");
    }
    assert_eq!(texts(Sqlite, "'a\\' -- x\ry"), ["'a\\'", "-- x\ry"]);
    assert_eq!(texts(Sqlite, "/* /* */ 1"), ["/* /* */", "1"]);
    assert_eq!(texts(Sqlite, "x'00' 1"), ["x'00'", "1"]);
    assert_eq!(toks(Sqlite, "a # b")[1].0, Other);
}

#[test]
fn backslashes_the_other_way() {
    assert_eq!(lex(Reading::postgres(false), "'\\'x'").len(), 1);
    assert_eq!(lex(Reading::mysql("NO_BACKSLASH_ESCAPES"), "'\\'")[0].kind, String);
    assert_eq!(lex(MySql, "'\\'")[0].kind, Unterminated);
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Postgres), Just(MySql), Just(Sqlite)]
}

/// The text holds no `/*!` any more; its end was lexed when there was one.
#[test]
fn an_edit_that_takes_a_version_comment_away_is_lexed_anew() {
    let before = "a/*!50003 b */";
    let mut tokens = lex(MySql, before);
    relex(MySql, &mut tokens, "a b */", 1..9, 1);
    assert_eq!(tokens, lex(MySql, "a b */"));
}

proptest! {
    #[test]
    fn tokens_tile_any_text(d in dialect(), usual: bool, text in prop_oneof![sqlish(), any::<std::string::String>()]) {
        let mut at = 0;
        let usually = Reading::from(d);
        let reading = if usual { usually } else { Reading { backslash: !usually.backslash, double: !usually.double, ..usually } };
        for t in lex(reading, &text) {
            prop_assert_eq!(t.span.start, at);
            prop_assert!(t.span.end > at && text.is_char_boundary(t.span.end));
            at = t.span.end;
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn relexing_equals_lexing(d in dialect(), before in sqlish(), edit in prop_oneof![sqlish(), Just(std::string::String::new())], a: prop::sample::Index, b: prop::sample::Index) {
        let edges: Vec<usize> = before.char_indices().map(|c| c.0).chain([before.len()]).collect();
        let (a, b) = (edges[a.index(edges.len())], edges[b.index(edges.len())]);
        let range = a.min(b)..a.max(b);
        let mut after = before.clone();
        after.replace_range(range.clone(), &edit);
        let mut tokens = lex(d, &before);
        relex(d, &mut tokens, &after, range.clone(), range.start + edit.len());
        prop_assert_eq!(tokens, lex(d, &after));
    }
}
