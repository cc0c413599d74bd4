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
