//! Parameters on real servers: each engine reads the values as what they are meant to be, and the text is sent as typed.

mod support;

use support::project::Project;

fn on_each(test: impl Fn(&Project)) {
    for p in [Project::sqlite(), Project::postgres(), Project::mariadb()] {
        test(&p);
    }
}

#[test]
fn named_parameters_reach_every_engine() {
    on_each(|p| {
        let by_id = ["query", "app-dev", "select author from notes where id = :id or author = :name order by 1", "--format", "csv"];
        let text = p.ok(&[&by_id[..], &["-p", "id=1", "-p", "name=aiko"]].concat());
        assert!(text.starts_with("author\r\naiko\r\nmira\r\n"), "{text}");
        // NULL is no value, and a number in quotes is a text.
        let text = p.ok(&[
            "query",
            "app-dev",
            "select count(*) as n from notes where body is null and coalesce(:x, 'none') = 'none'",
            "-p",
            "x=NULL",
            "--format",
            "csv",
        ]);
        assert!(text.starts_with("n\r\n1\r\n"), "{text}");
        let text = p.expect(2, &["query", "app-dev", "select :a, :b", "-p", "a=1"]);
        assert!(text.contains("no value for :b") && text.contains("--param b="), "{text}");
        let text = p.expect(2, &["query", "app-dev", "select :a", "-p", "a=1", "-p", "c=1"]);
        assert!(text.contains("no statement has a parameter c"), "{text}");
    });
}

#[test]
fn a_limit_takes_a_number_and_writes_keep_values_apart_from_text() {
    on_each(|p| {
        let text = p.ok(&["query", "app-dev", "select id from notes order by id limit :n", "-p", "n=2", "--format", "csv"]);
        assert!(text.starts_with("id\r\n1\r\n2\r\n"), "{text}");
        p.ok(&["query", "app-dev", "update notes set body = :b where id = :id", "-p", "b='); drop table notes; --", "-p", "id=2"]);
        let text = p.ok(&["query", "app-dev", "select body from notes where id = 2", "--format", "json"]);
        assert!(text.contains("'); drop table notes; --"), "{text}");
    });
}

#[test]
fn the_place_of_an_error_is_that_of_the_typed_text() {
    let p = Project::postgres();
    let text = p.expect(1, &["query", "app-dev", "select :aaaa::int,\n  :bbbb::int, nowhere", "-p", "aaaa=1", "-p", "bbbb=2"]);
    assert!(text.contains("line 2, column 15"), "{text}");
}

#[test]
fn a_data_fix_with_parameters_saves_the_rows_that_it_changes() {
    for p in [Project::sqlite(), Project::postgres(), Project::mariadb()] {
        let config = std::fs::read_to_string(p.path("holdpoint.toml")).expect("config");
        std::fs::write(
            p.path("holdpoint.toml"),
            config.replacen("environment = \"development\"", "environment = \"development\"\naccess = \"guarded\"", 1),
        )
        .expect("config");
        let text = p.ok(&["query", "app-dev", "update notes set body = :b where id = :id", "-p", "b=new", "-p", "id=1", "--commit"]);
        assert!(text.contains("committed"), "{text}");
        let saved = text.split("saved as they were in ").nth(1).and_then(|t| t.lines().next()).expect("a path");
        let image = std::fs::read_to_string(saved).expect("image");
        assert!(image.contains("first") && image.lines().count() == 1, "{image}");
        let text = p.ok(&["query", "app-dev", "select body from notes where id = 1", "--format", "csv"]);
        assert!(text.starts_with("body\r\nnew\r\n"), "{text}");
    }
}

/// As it would be if it stood in the text.
#[test]
fn a_number_is_a_number() {
    on_each(|p| {
        let rows = |sql: &str, params: &[&str]| {
            let params: Vec<&str> = params.iter().flat_map(|v| ["-p", v]).collect();
            let text = p.ok(&[&["query", "app-dev", sql, "--format", "csv"], &params[..]].concat());
            text.lines().skip(1).take_while(|l| !l.contains(" row")).map(str::to_string).collect::<Vec<_>>()
        };
        let yes = |sql: &str, params: &[&str]| {
            let told = rows(&format!("select case when {sql} then 'yes' else 'no' end"), params);
            assert_eq!(told[0], "yes", "{sql} {params:?}");
        };
        yes(":a < :b", &["a=9.5", "b=10.25"]);
        yes(":a < :b", &["a=9", "b=10"]);
        yes("1 > :a", &["a=.5"]);
        yes("3 < :n", &["n=3.5"]);
        assert_eq!(rows("select x from (select :a as x union all select :b) u order by x", &["a=9", "b=10"]), ["9", "10"]);
        assert_eq!(rows("select id from notes where id < :n order by id", &["n=2.5"]), ["1", "2"], "the column holds integers");
        // A text's place takes it as one.
        assert_eq!(rows("select count(*) from notes where author = :a", &["a=42"])[0], "0");
        assert_eq!(rows("select count(*) from notes where author = :a and :b < :c", &["a=42", "b=9", "c=10"])[0], "0");
        p.ok(&["query", "app-dev", "update notes set body = :b where id = 2 and :x < :y", "-p", "b=1.50", "-p", "x=9", "-p", "y=10"]);
        let body = rows("select body from notes where id = 2", &[]);
        assert!(body[0].starts_with("1.5"), "{body:?}");
    });
    // Decimals are exact, also beyond what a double holds.
    for p in [Project::postgres(), Project::mariadb()] {
        p.ok(&["query", "app-dev", "create table d (v decimal(40,10), k int)"]);
        p.ok(&["query", "app-dev", "insert into d values (12345678901234567891.1, 2), (12345678901234567890.1, 1)"]);
        let text = p.ok(&["query", "app-dev", "select k from d where v = :x + 0", "-p", "x=12345678901234567890.1", "--format", "csv"]);
        assert!(text.starts_with("k\r\n1\r\n") && !text.contains("2\r\n"), "{text}");
        p.ok(&["query", "app-dev", "update d set v = v + :x where k = 2", "-p", "x=0.1"]);
        // As wide as it would be if it stood there.
        let sql = "with recursive s as (select :a as x union all select x + :a from s where x < :b) select max(x) from s";
        let text = p.ok(&["query", "app-dev", sql, "-p", "a=0.5", "-p", "b=3", "--format", "tsv"]);
        assert_eq!(text.lines().nth(1), Some("3.0"), "{text}");
        let text = p.ok(&["query", "app-dev", "select v from d where k = 2", "--format", "csv"]);
        assert!(text.contains("12345678901234567891.2000000000"), "{text}");
    }
}

/// The server prefers doubles, and takes a parameter beside a date for a date.
#[test]
fn postgresql_chooses_what_it_chooses_for_a_literal() {
    let p = Project::postgres();
    p.ok(&[
        "query",
        "app-dev",
        "create table k (f real, d double precision, b boolean, t date); insert into k values (1.15, 2.5, true, '2026-01-05')",
    ]);
    for (sql, n, told) in [
        ("select round(:n)", "2.5", "3"),
        ("select date '2026-01-05' - :n", "3", "2026-01-02"),
        ("select t - :n from k", "3", "2026-01-02"),
        ("select :n || array[2, 3]", "1", "{1,2,3}"),
        ("select array[:n, 2]", "1.5", "{1.5,2}"),
        ("select array[[1, 2], [:n, 4]]", "3", "{{1,2},{3,4}}"),
        ("select count(*) from k where f = :n", "1.15", "1"),
        ("select count(*) from k where d = :n", "2.5", "1"),
        ("select count(*) from k where b = :n", "1", "1"),
    ] {
        let text = p.ok(&["query", "app-dev", sql, "-p", &format!("n={n}"), "--format", "tsv"]);
        assert_eq!(text.lines().nth(1), Some(told), "{sql}: {text}");
    }
}

/// A type that does not fit is tried beside an open transaction, and never ends it.
#[test]
fn types_are_asked_for_without_harm_to_a_transaction() {
    let p = Project::postgres();
    let sql = "begin; update notes set body = 'kept' where id = 1; select count(*) from notes where author = :a and :b < :c; commit";
    p.ok(&["query", "app-dev", sql, "-p", "a=42", "-p", "b=9", "-p", "c=10"]);
    let text = p.ok(&["query", "app-dev", "select body from notes where id = 1", "--format", "csv"]);
    assert!(text.contains("kept"), "{text}");
}

#[test]
fn calls_and_tables_that_are_filled_take_values() {
    on_each(|p| {
        p.ok(&["query", "app-dev", "create table few as select * from notes where id < :n", "-p", "n=2"]);
        let text = p.ok(&["query", "app-dev", "select count(*) from few", "--format", "csv"]);
        assert!(text.contains("\r\n1\r\n"), "{text}");
        let text = p.expect(2, &["query", "app-dev", "create view v as select * from notes where id < :n", "-p", "n=2"]);
        assert!(text.contains("no statement has a parameter n") && text.contains("A definition takes none"), "{text}");
    });
    let p = Project::postgres();
    for (sql, hint) in [("select (array[4, 5])[:n]", "write $1 there"), ("select :'n'", "Write :n without quotes"), ("select 1", "")] {
        let text = p.expect(2, &["query", "app-dev", sql, "-p", "n=2"]);
        assert!(text.contains("no statement has a parameter n") && text.contains(hint) && !text.contains("definition"), "{text}");
    }
    p.ok(&["query", "app-dev", "create procedure mark(i int, b text) language sql as $$ update notes set body = b where id = i $$"]);
    p.ok(&["query", "app-dev", "call mark(:i, :b)", "-p", "i=1", "-p", "b=seen"]);
    p.ok(&["query", "app-dev", "select id into fewer from notes where id < :n", "-p", "n=2"]);
    let m = Project::mariadb();
    let text = m.ok(&["query", "app-dev", "set @a = :a; select @a + 1 as b", "-p", "a=5", "--format", "tsv"]);
    assert!(text.contains("\n6\n"), "{text}");
    m.ok(&["query", "app-dev", "create procedure mark(i int, b text) update notes set body = b where id = i"]);
    m.ok(&["query", "app-dev", "call mark(:i, :b)", "-p", "i=1", "-p", "b=seen"]);
    for p in [p, m] {
        let text = p.ok(&["query", "app-dev", "select body from notes where id = 1", "--format", "csv"]);
        assert!(text.contains("seen"), "{text}");
    }
}

/// A literal there is a text; a parameter has no type that PostgreSQL could tell.
#[test]
fn a_place_of_any_type_takes_a_text() {
    let p = Project::postgres();
    let asked = "select concat(:v, '|', :w), jsonb_build_object('a', :v), num_nulls(:n, :v)";
    let values = ["-p", "v=abc", "-p", "w=x y", "-p", "n=NULL", "--format", "csv"];
    let text = p.ok(&[&["query", "app-dev", asked][..], &values].concat());
    assert!(text.contains("abc|x y,\"{\"\"a\"\": \"\"abc\"\"}\",1"), "{text}");
    // What may be meant as a truth value is asked about.
    let text = p.expect(1, &["query", "app-dev", "select jsonb_build_array(:v)", "-p", "v=true"]);
    assert!(text.contains("::text"), "{text}");
}

/// What a server makes of the text that it was sent is nothing that the user wrote.
#[test]
fn columns_without_a_name_are_headed_as_they_were_typed() {
    for p in [Project::sqlite(), Project::mariadb()] {
        let asked = "select :n + 1, author, :w, (select max(id) from notes where id < :n) from notes where id = 1";
        let text = p.ok(&["query", "app-dev", asked, "-p", "n=1.5", "-p", "w=x", "--format", "csv"]);
        let heading = text.lines().next().expect("a heading");
        assert_eq!(heading, ":n + 1,author,:w,(select max(id) from notes where id < :n)", "{text}");
        assert!(text.contains("\n2.5,") && text.contains(",x,1"), "{text}");
    }
}
