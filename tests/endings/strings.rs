//! Where strings end while a session changes how it reads backslashes: statements of files and buffers are taken apart as the server will
//! read them, or not sent.

use super::{console, mariadb, postgres, run};

const SEED: &str = "create table t (id int primary key, v varchar(60))";

/// A file in the home, run on the open target: what it said.
fn file(home: &tempfile::TempDir, code: i32, text: &str) -> String {
    std::fs::write(home.path().join("f.sql"), text).expect("file");
    let (out, said) = run(home, code, &["query", "dev", "--file", "f.sql"]);
    out + &said
}

#[test]
fn a_file_may_change_standard_conforming_strings() {
    let (home, pg) = postgres("strings_file", SEED);
    file(
        &home,
        0,
        "set standard_conforming_strings = off;\ninsert into t values (1, 'it\\'s; delete from t; --');\ninsert into t values (2, 'b');\n\
         set standard_conforming_strings = on; insert into t values (3, 'c:\\'); insert into t values (4, ':x');\n\
         select set_config('standard_conforming_strings', 'off', false);\ninsert into t values (5, '\\';\n');",
    );
    assert_eq!(pg.psql("strings_file", "select id, v from t order by id"), "1|it's; delete from t; --\n2|b\n3|c:\\\n4|:x\n5|';\n\n");
}

#[test]
fn a_file_may_change_sql_mode() {
    let (home, maria) = mariadb("strings_file", SEED);
    file(
        &home,
        0,
        "set @old = @@sql_mode;\nset sql_mode = concat(@@sql_mode, ',NO_BACKSLASH_ESCAPES');\n\
         insert into t values (1, 'c:\\'); insert into t values (2, \"d:\\\"); -- ';\n\
         /*!40101 SET SQL_MODE=@old */;\ninsert into t values (3, 'it\\'s; delete from t');\n\
         prepare p from 'set sql_mode = ''ANSI_QUOTES'''; execute p;\nselect \"id\" as \"a\\\" from t; insert into t values (4, 'it\\'s');\n\
         delimiter //\nset sql_mode = 'NO_BACKSLASH_ESCAPES'//\ninsert into t values (5, '//\\')//\ninsert into t values (6, 'f')//\n",
    );
    // The client doubles a backslash in what it prints.
    assert_eq!(
        maria.sql("strings_file", "select group_concat(id, '=', v order by id separator '|') from t").trim().replace("\\\\", "\\"),
        "1=c:\\|2=d:\\|3=it's; delete from t|4=it's|5=//\\|6=f"
    );
}

#[test]
fn a_parameter_is_no_text_of_a_string_that_the_session_reads_otherwise() {
    let (home, maria) = mariadb("strings_param", SEED);
    let set = "set sql_mode = 'NO_BACKSLASH_ESCAPES'";
    run(&home, 0, &["query", "dev", &format!("{set}; insert into t values (1, 'a\\'), (2, ':x \\');")]);
    // The driver would put the parameter into the last string.
    let text = format!("{set}; insert into t values (3, '\\'), (:id, ':x')");
    let (_, said) = run(&home, 1, &["query", "dev", &text, "--param", "id=4"]);
    assert!(said.contains("under this sql_mode"), "{said}");
    let text = format!("{set}; insert into t values (:id, ':x')");
    run(&home, 0, &["query", "dev", &text, "--param", "id=5"]);
    assert_eq!(maria.sql("strings_param", "select group_concat(v order by id) from t").trim().replace("\\\\", "\\"), "a\\,:x \\,:x");
}

/// A run of a whole buffer stops before what it would send in wrong pieces; run again, the rest is taken apart anew.
fn run_all_stops(home: &tempfile::TempDir, set: &str, rest: &str, rows: impl Fn() -> String) {
    let mut c = console::open(home, "dev");
    c.send("<Esc>2<C-a><BS>");
    c.wait_until("the editor is empty", |s| !s.contains("▎"));
    c.send(&format!("{set};<Enter>insert into t values (1, 'a');<Enter>{rest}"));
    c.wait_for("(3, 'c')");
    c.send("<Esc> ra");
    c.wait_until("it stops", |s| s.contains("Statement 3 of") && s.contains("line 3") && s.contains("reads backslashes"));
    assert_eq!(rows(), "1=a");
    // The cursor goes to the last line: the statement under it is one as the session reads now.
    c.send("2");
    c.send("<F5>");
    c.wait_for("INSERT 0 1 ·");
    assert_eq!(rows(), "1=a|3=c");
    c.send("2<Up><F5>");
    crate::support::wait_until("the row is there", || rows() != "1=a|3=c");
    assert_eq!(rows(), "1=a|2=b';|3=c");
}

#[test]
fn running_all_stops_where_the_session_reads_otherwise_on_postgresql() {
    let (home, pg) = postgres("strings_all", SEED);
    let rows = || pg.psql("strings_all", "select string_agg(id || '=' || v, '|' order by id) from t").trim().to_string();
    run_all_stops(
        &home,
        "set standard_conforming_strings = off",
        "insert into t values (2, 'b\\';');<Enter>insert into t values (3, 'c')",
        rows,
    );
}

#[test]
fn statements_joined_as_in_psql_are_refused_whole() {
    let (home, pg) = postgres("strings_joined", SEED);
    let said = file(&home, 1, "insert into t values (1, 'a')\\; delete from t;\ninsert into t values (2, 'b');");
    assert!(said.contains("psql's way to send statements as one") && said.contains("line 1"), "{said}");
    assert_eq!(pg.psql("strings_joined", "select count(*) from t"), "0\n");
}
