use super::*;
use proptest::prelude::*;

fn parts(d: Dialect, text: &str) -> Vec<&str> {
    split(d, text).into_iter().map(|s| &text[s.span]).collect()
}

const ALL: [Dialect; 3] = [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite];

#[test]
fn plain_scripts() {
    for d in ALL {
        assert_eq!(parts(d, "SELECT 1; SELECT ';' ;\n-- a;b\nSELECT 3 -- x;\n"), ["SELECT 1", "SELECT ';'", "SELECT 3 -- x;"]);
        assert_eq!(parts(d, " ;; -- nothing\n/* nor here; */ ;"), Vec::<&str>::new());
        assert_eq!(parts(d, "SELECT 1 /* note */ ;"), ["SELECT 1 /* note */"]);
        let half = split(d, "SELECT 1; SELECT 'abc; SELECT 2");
        assert_eq!(half.len(), 2);
        assert!(half[0].complete && !half[1].complete);
        let comment = split(d, "SELECT 1 /* abc; ");
        assert!(!comment[0].complete);
    }
}

#[test]
fn comments_and_lines() {
    let text = "-- one\nSELECT 1; -- about one\n\n-- two\n/* more */ SELECT\n2;\n";
    let s = split(Dialect::Postgres, text);
    assert_eq!(s[0].line, 2);
    assert_eq!(s[1].line, 5);
    assert_eq!(&text[s[0].outer.clone()], "-- one\nSELECT 1;");
    assert_eq!(&text[s[1].outer.clone()], "-- two\n/* more */ SELECT\n2;");
    let about = text.find("about").unwrap();
    assert_eq!(statement_at(Dialect::Postgres, text, about).unwrap().line, 2, "a note behind a statement belongs to it");
    assert_eq!(statement_at(Dialect::Postgres, text, text.find("more").unwrap()).unwrap().line, 5);
    assert_eq!(statement_at(Dialect::Postgres, text, text.len()).unwrap().line, 5);
    assert_eq!(statement_at(Dialect::Postgres, "\n\nSELECT 1", 0), None);
}

#[test]
fn postgres_bodies() {
    let d = Dialect::Postgres;
    let f = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN; RETURN 1; END; $body$";
    assert_eq!(parts(d, &format!("{f}; SELECT 1")), [f, "SELECT 1"]);
    let f = "create or replace procedure p(a int) begin atomic insert into t values (case when a > 1 then 2 else 3 end); select 2; end";
    assert_eq!(parts(d, &format!("{f}; SELECT 1")), [f, "SELECT 1"]);
    let r = "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)";
    assert_eq!(parts(d, &format!("{r}; SELECT (1; SELECT 2")), [r, "SELECT (1", "SELECT 2"]);
    assert_eq!(parts(d, "BEGIN; SELECT 1; END; COMMIT"), ["BEGIN", "SELECT 1", "END", "COMMIT"]);
    assert_eq!(parts(d, "CREATE TABLE t (trigger int, function text); SELECT 1").len(), 2);
    assert!(!split(d, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;")[0].complete);
}

#[test]
fn postgres_copy_data() {
    let text = "COPY t (a, b) FROM stdin WITH (FORMAT text);\n1\tit's; --\n\\.\nSELECT 2;";
    assert_eq!(parts(Dialect::Postgres, text), ["COPY t (a, b) FROM stdin WITH (FORMAT text)", "SELECT 2"]);
    let e = split_script(Dialect::Postgres, &format!("SELECT 1;\n{text}")).unwrap_err();
    assert!(e.message.contains("line 2") && e.message.contains("STDIN"), "{e}");
    assert!(!e.hints.is_empty());
    assert_eq!(parts(Dialect::Postgres, "COPY t FROM '/x'; SELECT 1; COPY t TO STDOUT; SELECT 2").len(), 4);
    assert!(split_script(Dialect::Postgres, "COPY t FROM '/x'; SELECT 1").is_ok());
    assert_eq!(parts(Dialect::Postgres, "COPY (SELECT a FROM stdin) TO STDOUT;\nSELECT 1;\n\\.\n").len(), 3);
}

/// What psql sends and which data it gives to it; the end of the text ends data in a file alone.
#[test]
fn copy_data_begin_behind_the_line_of_the_terminator() {
    let d = Dialect::Postgres;
    let read = |list: Vec<StatementSpan>, text: &str| -> Vec<(String, Option<String>)> {
        list.into_iter().map(|s| (text[s.span.clone()].to_owned(), s.data(text).map(str::to_owned))).collect()
    };
    let of = |sql: &str, data: Option<&str>| (sql.to_owned(), data.map(str::to_owned));
    let (copy, after) = ("copy t from stdin", of("select 9", None));
    for (text, want) in [
        ("copy t from stdin;\nx\n\\.\nselect 9;", vec![of(copy, Some("x\n"))]),
        ("copy t from stdin\n;\nx\n\\.\nselect 9;", vec![of(copy, Some("x\n"))]),
        ("copy t from stdin\r\n;\r\nx\r\n\\.\r\nselect 9;", vec![of(copy, Some("x\r\n"))]),
        ("copy t from stdin -- c;\n;\nx;'\n\\.\nselect 9;", vec![of("copy t from stdin -- c;", Some("x;'\n"))]),
        ("copy t from stdin; -- c\nx\n\\.\nselect 9;", vec![of(copy, Some("x\n"))]),
        ("copy t from stdin;; /* c */\n\\.\nselect 9;", vec![of(copy, Some(""))]),
        ("copy t from stdin; select 7; -- c\nx\n\\.\nselect 9;", vec![of(copy, Some("x\n")), of("select 7", None)]),
        (
            "copy t from stdin; select 7; copy u from stdin;\nx\n\\.\ny\n\\.\nselect 9;",
            vec![of(copy, Some("x\n")), of("select 7", None), of("copy u from stdin", Some("y\n"))],
        ),
    ] {
        let want: Vec<_> = want.into_iter().chain([after.clone()]).collect();
        for list in [split(d, text), split_file(d, text)] {
            assert_eq!(list.last().map(|s| s.line), Some(text[..text.find("select 9").unwrap()].matches('\n').count() + 1), "{text:?}");
            assert_eq!(read(list, text), want, "{text:?}");
        }
    }
    // What the line does not end cannot be told from data: nothing is given, and the server says so.
    for text in ["copy t from stdin; select\nx\n\\.\n7;", "copy t from stdin; /* a\nx\n\\.\n*/"] {
        assert_eq!(split_file(d, text)[0].data(text), None, "{text:?}");
    }
    for (text, data) in [("copy t from stdin;\nx\nselect 1;", "x\nselect 1;"), ("copy t from stdin;\n", ""), ("copy t from stdin;", "")] {
        assert_eq!(read(split_file(d, text), text), [of(copy, Some(data))], "{text:?}");
        assert_eq!(split(d, text)[0].data(text), None, "an editor's text: {text:?}");
    }
}

#[test]
fn mysql_delimiters() {
    let d = Dialect::MySql;
    let text = "SELECT 1;\nDELIMITER $$\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT '$$'; END$$\nselect 2$$\ndelimiter ;\nSELECT 3;";
    assert_eq!(parts(d, text), ["SELECT 1", "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT '$$'; END", "select 2", "SELECT 3"]);
    let text = "delimiter //\nBEGIN NOT ATOMIC SELECT 4/2; END//\nSELECT 5 // DELIMITER ;\nSELECT 6; SELECT 7";
    assert_eq!(parts(d, text), ["BEGIN NOT ATOMIC SELECT 4/2; END", "SELECT 5", "SELECT 6", "SELECT 7"]);
    assert_eq!(
        parts(d, "DELIMITER ;;\n/*!50003 CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a=1; END */;;\nDELIMITER ;\nSELECT 1")
            .len(),
        2
    );
    assert!(split_script(d, "DELIMITER\nSELECT 1").unwrap_err().message.contains("line 1"));
    assert_eq!(parts(d, "SELECT delimiter FROM t; SELECT 2").len(), 2);
}

#[test]
fn mysql_compound_bodies_without_delimiter() {
    let d = Dialect::MySql;
    for body in [
        "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
        "CREATE DEFINER=`root`@`localhost` PROCEDURE p(IN a INT) BEGIN IF a > 1 THEN SELECT IF(a, 1, 2); ELSEIF a = 0 THEN SELECT 3; END IF; END",
        "CREATE OR REPLACE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1",
        "CREATE PROCEDURE p() BEGIN l: LOOP LEAVE l; END LOOP; WHILE 1 DO SELECT 1; END WHILE; REPEAT SELECT 1; UNTIL 1 END REPEAT; END",
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN CASE NEW.a WHEN 1 THEN SET NEW.b = CASE WHEN 1 THEN 2 END; END CASE; END",
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW IF NEW.a THEN SET NEW.b = 1; END IF",
        "CREATE PROCEDURE IF NOT EXISTS p() SELECT 1",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; DELETE FROM u; END",
        "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; SELECT REPEAT('a', 3); END",
        "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END",
        "CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW INSERT INTO y VALUES (1)",
    ] {
        let text = format!("{body};\nSELECT 99;");
        assert_eq!(parts(d, &text), [body, "SELECT 99"]);
        assert!(split_script(d, &text).is_ok());
    }
    assert_eq!(parts(d, "BEGIN; UPDATE t SET a = 1; COMMIT"), ["BEGIN", "UPDATE t SET a = 1", "COMMIT"]);
    assert!(split_script(d, "SELECT 1;\nCREATE PROCEDURE p() BEGIN SELECT 1;").unwrap_err().message.contains("line 2"));
    assert_eq!(parts(d, "/*!40101 SET NAMES utf8 */; SELECT 1"), ["/*!40101 SET NAMES utf8 */", "SELECT 1"]);
}

#[test]
fn sqlite_triggers() {
    let d = Dialect::Sqlite;
    for body in [
        "CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE y SET a = CASE WHEN 1 THEN 2 ELSE 3 END; DELETE FROM z; END",
        "create temp trigger if not exists t delete on x begin select 1; end",
        "EXPLAIN CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END",
    ] {
        assert_eq!(parts(d, &format!("{body}; SELECT 1;")), [body, "SELECT 1"]);
        assert!(split(d, body)[0].complete);
    }
    assert_eq!(parts(d, "BEGIN; SELECT 1; END;"), ["BEGIN", "SELECT 1", "END"]);
    assert!(!split(d, "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1;")[0].complete);
    assert_eq!(parts(d, "SELECT [a;b], \"c;d\", `e;f`; SELECT 2").len(), 2);
}

#[test]
fn client_commands_are_named_with_their_line() {
    let e = split_script(Dialect::Postgres, "SELECT 1;\n\\restrict abc\nSELECT 2;").unwrap_err();
    assert!(e.message.contains("line 2") && e.message.contains("\\restrict"), "{e}");
    assert!(split_script(Dialect::Postgres, "SELECT 1 \\gset\n").unwrap_err().message.contains("\\gset"));
    assert!(split_script(Dialect::Sqlite, "SELECT 1;\n.read x.sql\n").unwrap_err().message.contains(".read"));
    assert!(split_script(Dialect::MySql, "source x.sql;\n").unwrap_err().message.contains("source"));
    assert!(split_script(Dialect::MySql, "SELECT \\N;").is_ok());
    assert!(split_script(Dialect::Postgres, "SELECT 1;\nSELECT 'abc").unwrap_err().message.contains("line 2"));
    assert!(split_script(Dialect::Sqlite, "/* abc").unwrap_err().message.contains("comment"));
    assert_eq!(parts(Dialect::Postgres, "\\d t\nSELECT 1"), ["\\d t", "SELECT 1"]);
    assert_eq!(parts(Dialect::Sqlite, ".tables\nSELECT .5"), [".tables", "SELECT .5"]);
    // What pg_dump writes round its text for psql alone.
    assert_eq!(parts(Dialect::Postgres, "--\n\\restrict Ab1\n\nSELECT 1;\n\\unrestrict Ab1\n"), ["SELECT 1"]);
}

#[test]
fn splitting_is_linear() {
    let timed = |n: usize| {
        let text: String = (0..n).map(|i| format!("COPY t FROM STDIN;\nINSERT INTO t VALUES ({i}, 'x;y');\n")).collect();
        let one_line = format!("{} SELECT\n\\.\n", "COPY t FROM STDIN;".repeat(n));
        let begun = std::time::Instant::now();
        assert_eq!(split(Dialect::Postgres, &text).len(), 2 * n);
        assert_eq!(split(Dialect::Postgres, &one_line).len(), n + 1);
        begun.elapsed()
    };
    // With the square of the text it would be sixty-four times the time. Other programs may run beside: what is not linear is so each time.
    assert!(
        (0..5).any(|_| timed(20_000) < timed(2_500) * 24),
        "a text of eight times the length takes more than twenty-four times as long"
    );
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Postgres), Just(Dialect::MySql), Just(Dialect::Sqlite)]
}

/// Text that is rich in what the splitter looks at.
pub(in crate::sql) fn sqlish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(vec![
            "SELECT", "CREATE", "TRIGGER", "PROCEDURE", "FUNCTION", "BEGIN", "ATOMIC", "END", "CASE", "IF", "LOOP", "DELIMITER", "//", "$$", "$a$",
            ";", ";", "'", "\"", "`", "\\", "--", "#", "/*", "*/", "/*!50003", "/*M!", "\n", "\n", "\r", " ", " ", "(", ")", "[", "]", "COPY t FROM STDIN",
            "\\.", "E'", "U&'", "N'", "x'", "@", "@@", ":", "::", ":=", "$1", "?", ".", "1.", "1e5", "0x", "é", "漢", "\u{feff}", "\0", ".x", "rule", "or replace",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|v| v.concat())
}

#[test]
fn a_statement_ends_behind_its_last_letter_whatever_that_looks_like() {
    assert_eq!(parts(Dialect::Postgres, "select * from a\u{a0} ;\n select 2 \t;"), ["select * from a\u{a0}", "select 2"]);
}

proptest! {
    #[test]
    fn splitting_loses_no_byte(d in dialect(), text in prop_oneof![sqlish(), any::<String>()]) {
        let statements = split(d, &text);
        let mut at = 0;
        for s in &statements {
            prop_assert!(s.outer.start >= at && s.outer.start <= s.span.start && s.span.start < s.span.end && s.span.end <= s.outer.end);
            prop_assert!(text.is_char_boundary(s.span.start) && text.is_char_boundary(s.span.end) && text.is_char_boundary(s.outer.start));
            prop_assert_eq!(s.line, text[..s.span.start].matches('\n').count() + 1);
            prop_assert!(s.data.as_ref().is_none_or(|r| r.start >= s.span.end && text[..r.start].ends_with('\n') && text.get(r.clone()).is_some()));
            at = s.outer.end;
        }
        prop_assert!(at <= text.len());
        // What is left out between them holds nothing that a server would run (delimiters of MySQL aside).
        let mut from = 0;
        for (gap_end, next) in statements.iter().map(|s| (s.outer.start, s.outer.end)).chain(std::iter::once((text.len(), text.len()))) {
            let gap = &text[from..gap_end];
            if d != Dialect::MySql {
                // A gap is read as the splitter read it: from where a statement ended.
                let odd = crate::sql::lex(d, gap).into_iter().find(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon));
                prop_assert!(odd.is_none(), "{:?} in {:?}", odd, gap);
            }
            from = next;
        }
        let _ = split_script(d, &text);
        let _ = statement_at(d, &text, text.len() / 2);
    }
}
