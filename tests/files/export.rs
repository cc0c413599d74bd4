//! `holdpoint query --format … --output …`.

use super::support::project::Project;

#[test]
fn every_format_of_the_command_line_is_exact() {
    let p = Project::sqlite();
    let sql = "select 1 as n, 'a|b' || char(9) || '\"q\"' as t, null as x, x'00ff' as raw from notes limit 1";
    for (format, rows) in [
        ("csv", "n,t,x,raw\r\n1,\"a|b\t\"\"q\"\"\",,\\x00ff\r\n"),
        ("tsv", "n\tt\tx\traw\n1\ta|b\\t\"q\"\t\\N\t\\\\x00ff\n"),
        ("ndjson", "{\"n\":1,\"t\":\"a|b\\t\\\"q\\\"\",\"x\":null,\"raw\":{\"hex\":\"00ff\"}}\n"),
        ("markdown", "a\\|b\t\"q\" | *NULL* | `\\x00ff` |\n"),
        ("insert", "INSERT INTO \"notes\" (\"n\", \"t\", \"x\", \"raw\") VALUES (1, 'a|b\t\"q\"', NULL, X'00ff');\n"),
    ] {
        let out = p.run(&["query", "app-dev", sql, "--format", format]);
        let stdout = String::from_utf8(out.stdout).expect("UTF-8");
        assert!(if format == "markdown" { stdout.ends_with(rows) } else { stdout == rows }, "{format}: {stdout}");
    }
    let text = p.ok(&["query", "app-dev", sql, "--format", "insert", "--into", "main.copy"]);
    assert!(text.starts_with("INSERT INTO \"main\".\"copy\" ("), "{text}");
}

#[test]
fn a_file_is_named_by_its_ending_and_made_whole_or_not_at_all() {
    let p = Project::sqlite();
    let out = p.path("notes.tsv");
    let file = out.to_str().expect("path");
    let text = p.ok(&["query", "app-dev", "select id from notes order by id", "--output", file]);
    assert!(text.contains("rows") && !text.contains("id\n"), "only the footer is told: {text}");
    let whole = std::fs::read_to_string(&out).expect("the file");
    assert!(whole.starts_with("id\n1\n2\n"), "{whole}");
    // Nothing is written over.
    let text = p.expect(1, &["query", "app-dev", "select 7", "--output", file]);
    assert!(text.contains("is there already"), "{text}");
    assert_eq!(std::fs::read_to_string(&out).expect("the file"), whole);
    // An error in the middle leaves nothing.
    let sql = "select abs(case when value = 5000 then -9223372036854775807 - 1 else value end) from generate_series(1, 9000)";
    let failing = "with recursive g(value) as (select 1 union all select value + 1 from g where value < 9000) ".to_string()
        + &sql.replace("generate_series(1, 9000)", "g");
    let gone = p.path("gone.csv");
    let text = p.expect(1, &["query", "app-dev", &failing, "--output", gone.to_str().expect("path")]);
    assert!(text.contains("overflow"), "{text}");
    assert!(!gone.exists());
    // One file, one statement with rows; a word on the usage before anything runs.
    let text = p.expect(2, &["query", "app-dev", "select 1; select 2", "--output", gone.to_str().expect("path")]);
    assert!(text.contains("rows of one statement"), "{text}");
    let text = p.expect(2, &["query", "app-dev", "select 1", "--output", p.path("rows.xyz").to_str().expect("path")]);
    assert!(text.contains("which format"), "{text}");
    let text = p.expect(2, &["query", "app-dev", "select 1", "--into", "t"]);
    assert!(text.contains("--format insert"), "{text}");
}

#[test]
fn a_disk_that_takes_no_more_is_told_and_leaves_nothing() {
    let p = Project::sqlite();
    let sql = "with recursive g(n) as (select 1 union all select n + 1 from g where n < 200000) select n, 'some text' as t from g";
    let made = p.path("rows.csv");
    // What a full disk does, with a limit of our own: the write fails in the middle.
    let mut c = super::support::command(p.home.path());
    let shell = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\"", c.get_program().to_str().expect("program")])
        .args(["query", "app-dev", sql, "--output", made.to_str().expect("path")])
        .env_clear()
        .envs(c.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .current_dir(p.home.path())
        .output()
        .expect("run");
    let told = String::from_utf8_lossy(&shell.stderr);
    assert_eq!(shell.status.code(), Some(1), "{told}");
    assert!(told.contains("exporting to") && told.contains("rows.csv"), "{told}");
    let left: Vec<_> = std::fs::read_dir(p.home.path()).expect("directory").flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("rows.csv") || n.to_string_lossy().starts_with(".tmp")), "{left:?}");
    // The same without the limit is whole.
    c.args(["query", "app-dev", sql, "--output", made.to_str().expect("path")]);
    assert!(c.output().expect("run").status.success());
    assert_eq!(std::fs::read_to_string(&made).expect("the file").lines().count(), 200_001);
}
