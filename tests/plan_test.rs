//! Performance tests on real servers: they fail while nothing has improved, pass when it has, and refuse what does not compare.

mod support;

use support::project::Project;

const ORDERS: u32 = 60_000;

/// A project with a table of orders in `app-dev`: the customer is named by no index.
fn shop(p: &Project, engine: &str) {
    let rows = match engine {
        "postgres" => format!(
            "select i, i % 3000, case when i % 100 = 0 then 'open' else 'paid' end, repeat('x', 60) from generate_series(1, {ORDERS}) i"
        ),
        "mariadb" => format!("select seq, seq % 3000, if(seq % 100 = 0, 'open', 'paid'), repeat('x', 60) from seq_1_to_{ORDERS}"),
        _ => format!(
            "with recursive s(i) as (select 1 union all select i + 1 from s where i < {ORDERS}) \
             select i, i % 3000, case when i % 100 = 0 then 'open' else 'paid' end, printf('%.60c', 'x') from s"
        ),
    };
    for s in [
        "create table orders (id integer primary key, customer integer not null, state varchar(10) not null, note varchar(80))".to_string(),
        format!("insert into orders {rows}"),
    ] {
        p.ok(&["query", "app-dev", &s]);
    }
    analyze(p, engine);
}

fn analyze(p: &Project, engine: &str) {
    p.ok(&["query", "app-dev", if engine == "mariadb" { "analyze table orders" } else { "analyze" }]);
}

fn count(p: &Project) -> u32 {
    let text = p.ok(&["query", "app-dev", "select count(*) as n from orders", "--format", "csv"]);
    text.lines().nth(1).and_then(|n| n.trim().parse().ok()).expect("a number")
}

fn on_each(test: impl Fn(&Project, &str)) {
    test(&Project::sqlite(), "sqlite");
    test(&Project::postgres(), "postgres");
    test(&Project::mariadb(), "mariadb");
}

const SQL: &str = "select id, note from orders where customer = :customer";

#[test]
fn a_test_fails_until_something_improves_and_refuses_other_data() {
    on_each(|p, engine| {
        shop(p, engine);
        let write = ["explain", "app-dev", SQL, "--write-test", "plan-tests/orders.toml", "--param-set", "common:customer=17"];
        let more = [
            "--param-set",
            "rare:customer=-1",
            "--require",
            "ratio <= 0.8",
            "--require",
            "work ratio <= 0.5",
            "--require",
            "no table scan on orders",
        ];
        p.ok(&[&write[..], &more[..]].concat());
        let text = p.expect(2, &write);
        assert!(text.contains("is there already"), "{text}");
        // Nothing has changed: an equal plan does not pass, however the runs fell.
        let test = ["explain", "app-dev", "--test", "plan-tests/orders.toml"];
        let text = p.expect(1, &test);
        assert!(text.contains("FAIL") && text.contains("the plan is the baseline's"), "{text}");
        assert!(text.contains("no table scan on orders: the plan has"), "{text}");
        // With the index it does.
        p.ok(&["query", "app-dev", "create index orders_customer on orders (customer, id)"]);
        analyze(p, engine);
        let text = p.ok(&test);
        assert!(text.contains("PASS") && text.contains("orders has the index orders_customer (customer, id)"), "{text}");
        // For machines.
        let json = p.run(&[&test[..], &["--format", "json"]].concat());
        let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
        assert_eq!((&report["verdict"], report["sets"].as_array().expect("sets").len()), (&serde_json::json!("pass"), 2));
        assert_eq!(report["sets"][0]["same_plan"], serde_json::json!(false));
        let junit = p.ok(&[&test[..], &["--format", "junit"]].concat());
        assert!(junit.contains("tests=\"6\" failures=\"0\" errors=\"0\""), "{junit}");
        // Half of the data is other data: nothing is compared, and what differs is said.
        p.ok(&["query", "app-dev", &format!("delete from orders where id > {}", ORDERS / 2)]);
        let text = p.expect(5, &test);
        assert!(text.contains("INCONCLUSIVE") && text.contains("held 60,000 rows and holds 30,000"), "{text}");
        // What was found is on record, bound to the file.
        let journal = p.ok(&["journal", "show", "app-dev"]);
        assert!(journal.contains("plan-test") || journal.contains("requirement"), "{journal}");
        assert_eq!(count(p), ORDERS / 2);
    });
}

#[test]
fn another_server_version_or_setting_is_not_compared() {
    let p = Project::sqlite();
    shop(&p, "sqlite");
    p.ok(&["explain", "app-dev", "select count(*) from orders where state = 'open'", "--write-test", "t.toml", "--require", "ratio <= 20"]);
    p.ok(&["explain", "app-dev", "--test", "t.toml"]);
    let text = std::fs::read_to_string(p.path("t.toml")).expect("file");
    let line = text.lines().find(|l| l.starts_with("server = ")).expect("server");
    p.write("other.toml", &text.replace(line, "server = \"SQLite 3.1.0\""));
    let told = p.expect(5, &["explain", "app-dev", "--test", "other.toml"]);
    assert!(told.contains("the server was SQLite 3.1.0 and is SQLite 3."), "{told}");
    p.write("engine.toml", &text.replace("engine = \"SQLite\"", "engine = \"PostgreSQL\""));
    let told = p.expect(5, &["explain", "app-dev", "--test", "engine.toml"]);
    assert!(told.contains("is a test for PostgreSQL, and app-dev is SQLite"), "{told}");
    // A copy of the database elsewhere: its work compares, its times do not.
    std::fs::copy(p.path("app-dev.db"), p.path("copy.db")).expect("copy");
    let told = p.run(&["explain", "copy.db", "--test", "t.toml"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("the baseline was taken on another server or database"), "{told}");
}

/// A rewritten statement is compared as long as it answers the same; another question is not.
#[test]
fn another_statement_than_the_baselines_must_give_the_same_rows() {
    let p = Project::sqlite();
    shop(&p, "sqlite");
    p.ok(&["explain", "app-dev", "select count(*) from orders where state = 'open'", "--write-test", "t.toml", "--require", "ratio <= 20"]);
    let text = std::fs::read_to_string(p.path("t.toml")).expect("file");
    let rewritten = |sql: &str| text.replacen("select count(*) from orders where state = 'open'", sql, 1);
    p.write("same.toml", &rewritten("select sum(1) from orders where state in ('open')"));
    let told = p.ok(&["explain", "app-dev", "--test", "same.toml"]);
    assert!(told.contains("the statement or its values are not the baseline's; both give the same rows"), "{told}");
    p.write("other.toml", &rewritten("select 1"));
    let told = p.expect(5, &["explain", "app-dev", "--test", "other.toml"]);
    assert!(told.contains("not compared: the statement or its values are not the baseline's, and give other rows"), "{told}");
    p.write("more.toml", &rewritten("select id from orders where id < 4"));
    let told = p.expect(5, &["explain", "app-dev", "--test", "more.toml"]);
    assert!(told.contains("that one gives 1 row, this one 3 rows"), "{told}");
}

#[test]
fn what_is_not_safe_or_not_a_test_is_refused() {
    on_each(|p, engine| {
        shop(p, engine);
        if engine == "postgres" {
            // The baseline knows the settings of the session that was measured.
            p.ok(&["explain", "app-dev", "select count(*) from orders", "--write-test", "jit.toml", "--require", "ratio <= 20"]);
            assert!(std::fs::read_to_string(p.path("jit.toml")).expect("file").contains("jit = \"on\""));
            p.postgres_server()
                .psql("app-dev", "do $$ begin execute format('alter database %I set jit = off', current_database()); end $$");
            let told = p.expect(5, &["explain", "app-dev", "--test", "jit.toml"]);
            assert!(told.contains("jit"), "{told}");
            p.postgres_server().psql("app-dev", "do $$ begin execute format('alter database %I reset jit', current_database()); end $$");
            p.write("lock.toml", "name = \"b\"\nsql = \"select id from orders for update\"\nrequire = [\"median < 60 s\"]\n");
            let told = p.ok(&["explain", "app-dev", "--test", "lock.toml"]);
            assert!(told.contains("Measured without its locking clause: no row was locked"), "{told}");
            let set = "alter database %I set min_parallel_table_scan_size = ''1GB''";
            p.postgres_server().psql("app-dev", &format!("do $$ begin execute format('{set}', current_database()); end $$"));
            let told = p.expect(5, &["explain", "app-dev", "--test", "jit.toml"]);
            assert!(told.contains("the setting min_parallel_table_scan_size was 8MB and is 1GB"), "{told}");
            p.postgres_server().psql(
                "app-dev",
                "do $$ begin execute format('alter database %I reset min_parallel_table_scan_size', current_database()); end $$",
            );
        }
        p.write("write.toml", "name = \"w\"\nsql = \"delete from orders\"\nrequire = [\"median < 1 s\"]\n");
        let text = p.expect(4, &["explain", "app-dev", "--test", "write.toml"]);
        assert!(text.contains("write.toml") && text.contains("only a statement that is proven to read is measured"), "{text}");
        p.write("two.toml", "name = \"w\"\nsql = \"select 1; delete from orders\"\nrequire = [\"median < 1 s\"]\n");
        p.expect(2, &["explain", "app-dev", "--test", "two.toml"]);
        assert_eq!(count(p), ORDERS);
        // Bounds without a baseline.
        p.write("bounds.toml", "name = \"b\"\nsql = \"select count(*) from orders\"\nrequire = [\"median < 60 s\", \"p95 < 60 s\"]\n");
        p.ok(&["explain", "app-dev", "--test", "bounds.toml"]);
        p.write("slow.toml", "name = \"b\"\nsql = \"select count(*), max(note) from orders\"\nrequire = [\"median < 1 us\"]\n");
        let text = p.expect(1, &["explain", "app-dev", "--test", "slow.toml"]);
        assert!(text.contains("fail") && text.contains("median < 1 us"), "{text}");
        p.write("none.toml", "name = \"b\"\nsql = \"select count(*) from orders\"\nrequire = [\"ratio <= 0.8\"]\n");
        let text = p.expect(5, &["explain", "app-dev", "--test", "none.toml"]);
        assert!(text.contains("holds no baseline"), "{text}");
    });
    // What is expected to cost much is not run unasked.
    let p = Project::postgres();
    shop(&p, "postgres");
    let config = std::fs::read_to_string(p.path("holdpoint.toml")).expect("config");
    p.write("holdpoint.toml", &config.replacen("[targets.app-dev]\n", "[targets.app-dev]\nanalyze_cost = 100\n", 1));
    p.write("bounds.toml", "name = \"b\"\nsql = \"select count(*) from orders\"\nrequire = [\"median < 60 s\"]\n");
    let text = p.expect(4, &["explain", "app-dev", "--test", "bounds.toml"]);
    assert!(text.contains("The server expects a cost of") && text.contains("--anyway"), "{text}");
    p.ok(&["explain", "app-dev", "--test", "bounds.toml", "--anyway"]);
    // A machine that reads the report is told why there is none, and what the server refuses is no requirement that failed.
    p.write("gone.toml", "name = \"gone & away\"\nsql = \"select * from nosuch\"\nrequire = [\"median < 60 s\"]\n");
    for (code, file, why) in [(4, "bounds.toml", "The server expects a cost of"), (5, "gone.toml", "nosuch")] {
        let out = |format: &str| {
            let o = p.run(&["explain", "app-dev", "--test", file, "--format", format]);
            assert_eq!(o.status.code(), Some(code), "{file}: {}", String::from_utf8_lossy(&o.stderr));
            String::from_utf8_lossy(&o.stdout).into_owned()
        };
        let xml = out("junit");
        assert!(xml.contains("errors=\"1\"") && xml.contains("<error ") && xml.contains(why) && !xml.contains("gone & away"), "{xml}");
        let told: serde_json::Value = serde_json::from_str(&out("json")).expect("JSON");
        assert_eq!(told["verdict"], if code == 4 { "unsafe" } else { "inconclusive" }, "{told:#}");
        assert!(told["error"]["message"].as_str().is_some_and(|m| m.contains(why)), "{told:#}");
    }
    let p = Project::sqlite();
    let text = p.expect(2, &["explain", "app-dev", "select 1 from notes", "--write-test", "x.toml", "--require", "pages <= 100"]);
    assert!(text.contains("plans of SQLite do not count pages") && text.contains("vm steps"), "{text}");
    assert!(!p.path("x.toml").exists());
    p.write("bad.toml", "name = \"b\"\nsql = \"select 1\"\nrequire = [\"ratio => 0.8\"]\n");
    let text = p.expect(2, &["explain", "app-dev", "--test", "bad.toml"]);
    assert!(text.contains("bad.toml:3:12") && text.contains("bounds from above"), "{text}");
    let text = p.expect(2, &["explain", "app-dev", "--test", "nowhere.toml"]);
    assert!(text.contains("nowhere.toml"), "{text}");
    let text = p.expect(2, &["explain", "app-dev", "select 1", "--write-test", "x.toml", "--require", "faster"]);
    assert!(text.contains("`faster`"), "{text}");
    assert!(!p.path("x.toml").exists());
}

#[test]
fn a_setting_is_tried_for_one_plan_and_stays_out_of_the_session() {
    let p = Project::postgres();
    shop(&p, "postgres");
    p.ok(&["query", "app-dev", "create index orders_customer on orders (customer)"]);
    p.ok(&["query", "app-dev", "analyze"]);
    let sql = "select note from orders where customer = 17";
    let text = p.ok(&["explain", "app-dev", sql, "--set", "enable_bitmapscan=off", "--set", "enable_indexscan=off"]);
    assert!(text.contains("With enable_bitmapscan=off, enable_indexscan=off the plan is another one"), "{text}");
    assert!(text.contains("Seq Scan on public.orders") && text.contains("Estimated, not run"), "{text}");
    // Measured by turns, the plan as it is wins.
    let text = p.ok(&["explain", "app-dev", sql, "--set", "enable_bitmapscan=off", "--set", "enable_indexscan=off", "--analyze"]);
    assert!(text.contains("Measured by turns: worse"), "{text}");
    // The made-up cost of what is switched off does not start the compiler.
    if p.postgres_server().psql("app-dev", "select pg_jit_available()").trim() == "t" {
        let text = p.ok(&["explain", "app-dev", "select note from orders where note = 'x'", "--set", "enable_seqscan=off"]);
        assert!(text.contains("jit is held off with it") && !text.contains("JIT"), "{text}");
        let text = p.ok(&["explain", "app-dev", "select note from orders where note = 'x'", "--set", "enable_seqscan=off,jit=on"]);
        assert!(!text.contains("jit is held off"), "{text}");
    }
    let json = p.run(&["explain", "app-dev", sql, "--set", "work_mem=64MB", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&told["same_plan"], &told["settings"]["work_mem"]), (&serde_json::json!(true), &serde_json::json!("64MB")));
    for wrong in ["statement_timeout=0", "enable_seqscan=maybe", "default_transaction_read_only=off"] {
        p.expect(2, &["explain", "app-dev", sql, "--set", wrong]);
    }
    p.expect(4, &["explain", "app-dev", "delete from orders", "--set", "enable_seqscan=off"]);
    assert_eq!(count(&p), ORDERS);
    let p = Project::sqlite();
    let text = p.expect(2, &["explain", "app-dev", "select 1", "--set", "enable_seqscan=off"]);
    assert!(text.contains("SQLite has no planner settings"), "{text}");
}

#[test]
fn mariadbs_flags_are_tried_too() {
    let p = Project::mariadb();
    shop(&p, "mariadb");
    p.ok(&["query", "app-dev", "create index orders_state on orders (state)"]);
    let sql = "select o.id from orders o where o.id in (select customer from orders where state = 'open')";
    let flags = ["--set", "semijoin=off", "--set", "materialization=off"];
    let text = p.ok(&[&["explain", "app-dev", sql][..], &flags[..]].concat());
    assert!(text.contains("With semijoin=off, materialization=off the plan is another one"), "{text}");
    let text = p.expect(2, &["explain", "app-dev", sql, "--set", "enable_seqscan=off"]);
    assert!(text.contains("optimizer_switch"), "{text}");
}

#[test]
fn plans_of_common_and_rare_values_stand_side_by_side() {
    on_each(|p, engine| {
        shop(p, engine);
        p.ok(&["query", "app-dev", "create index orders_state on orders (state)"]);
        analyze(p, engine);
        let sql = "select note from orders where state = :state and id > :least";
        let sets = [
            "--param-set",
            "common:state=paid",
            "--param-set",
            "common:least=0",
            "--param-set",
            "rare:state=open",
            "--param-set",
            "rare:least=59999",
        ];
        let text = p.ok(&[&["explain", "app-dev", sql][..], &sets[..]].concat());
        assert!(text.contains("common") && text.contains("rare") && text.contains("state=paid"), "{text}");
        assert!(text.contains("The plan flips with the values: common A, rare B."), "{text}");
        let text = p.ok(&["explain", "app-dev", "select note from orders where state = :state", "--propose-sets"]);
        assert!(text.contains("state='paid'") && text.contains("state='open'"), "{text}");
        // Out of the column's index the first rows all have one value; what has one value only is one set.
        assert!(text.contains("common") && text.contains("rare"), "{text}");
        p.ok(&["query", "app-dev", "create table one_value as select id, 'same' as word from orders"]);
        let text = p.ok(&["explain", "app-dev", "select id from one_value where word = :w", "--propose-sets"]);
        assert!(text.contains("One set of values") && !text.contains("rare"), "{text}");
        let json = p.run(&[
            "explain",
            "app-dev",
            "select note from orders where state = :state",
            "--propose-sets",
            "--analyze",
            "--format",
            "json",
        ]);
        let told: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
        let sides = told["sets"].as_array().expect("sets");
        assert_eq!(sides.len(), 2, "two values are two sets: {told}");
        assert!(sides.iter().all(|s| s["measured"]["runs"].as_u64() >= Some(5)), "{told}");
        let text = p.expect(2, &["explain", "app-dev", "select :x", "--propose-sets"]);
        assert!(text.contains("no column tells values for :x"), "{text}");
    });
}

/// Whatever is asked of a statement, and however it is told: with `--redact` none of its constants is in it.
#[test]
fn no_constant_is_told_in_any_form() {
    // So long that no time and no hash has them by chance.
    let marks = ["zebra", "1147114711", "1821782178"];
    let quiet = |p: &Project, args: &[&str], rc: &[i32]| {
        for format in ["table", "json", "ndjson", "markdown", "html", "svg", "junit"] {
            let out = p.run(&[&["explain", "app-dev"], args, &["--redact", "--format", format]].concat());
            let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            let code = out.status.code().expect("a code");
            let drawn = !matches!(format, "svg" | "junit");
            assert!(rc.contains(&code) || !drawn && code == 2, "{args:?} as {format}: {code}\n{said}");
            assert!(code == 2 || out.stdout.len() > 40, "{args:?} as {format} tells nothing\n{said}");
            for m in marks {
                // The second of a temporary path may be any number.
                let said = said.replace(&p.path("").display().to_string(), "");
                assert!(!said.contains(m), "{args:?} as {format} tells {m}\n{said}");
            }
        }
    };
    on_each(|p, engine| {
        shop(p, engine);
        analyze(p, engine);
        let sql =
            "select id from orders where note <> 'zebra O''Hara' and customer = 1147114711 and id > 1821782178 order by note limit 50";
        quiet(p, &[sql], &[0]);
        quiet(p, &[sql, "--analyze"], &[0]);
        quiet(p, &[sql, "--advise"], &[0]);
        // What the server says of a statement that it refuses, whatever it quotes.
        for refused in [
            "select id from orders where customer = 1147114711 and note = 'zebra' and nowhere = 1821782178",
            "select id from orders where customer = 1147114711 and 'zebra' 1821782178",
            "select id from orders where note = 'zebra' and customer = cast('zebra 1147114711' as json) or nothing(1821782178)",
            "select id from orders where customer = '1147114711 zebra'::int",
            "select id from orders where id = 1 and cast('{\"a\": zebra}' as json) is null",
            "select id from orders where note regexp '(zebra 1147114711'",
            "select id from orders where note = 'zebra and 1147114711",
            "update orders set note = 'zebra 1821782178' where customer = 1147114711",
        ] {
            for more in [&[][..], &["--analyze"], &["--advise"], &["--set", "work_mem=1MB"], &["--param-set", "common:n=zebra"]] {
                let out = p.run(&[&["explain", "app-dev", refused, "--redact"], more].concat());
                let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
                assert!(said.len() > 20, "{refused} {more:?} tells nothing");
                assert!(marks.iter().all(|m| !said.contains(m)), "{engine}: {refused} {more:?} tells\n{said}");
            }
        }
        let wrong = ["explain", "app-dev", "select id from orders where id = :n", "--param-set", "common:n=zebra 1147114711", "--redact"];
        let out = p.run(&wrong);
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(marks.iter().all(|m| !said.contains(m)), "{engine} tells\n{said}");
        let sets = [
            "--param-set",
            "common:n=zebra",
            "--param-set",
            "common:c=1147114711",
            "--param-set",
            "rare:n='zebra x'",
            "--param-set",
            "rare:c=1821782178",
        ];
        quiet(p, &[&["select id from orders where note <> :n and customer = :c"], &sets[..]].concat(), &[0]);
        match engine {
            "postgres" => quiet(p, &[sql, "--set", "enable_seqscan=off"], &[0]),
            "mariadb" => quiet(p, &[sql, "--set", "index_condition_pushdown=off"], &[0]),
            _ => {}
        }
        p.ok(&["explain", "app-dev", sql, "--write-test", "t.toml", "--require", "ratio <= 0.5"]);
        quiet(p, &["--test", "t.toml"], &[1]);
        let file = std::fs::read_to_string(p.path("t.toml")).expect("file");
        p.write("t.toml", &file.replacen("1147114711", "1821782178", 1));
        quiet(p, &["--test", "t.toml"], &[1, 5]);
    });
}

#[test]
fn a_statement_goes_by_its_checklist_from_the_plan_to_the_proof() {
    on_each(|p, engine| {
        shop(p, engine);
        let none = p.expect(2, &["run", "query-optimization", "app-dev"]);
        assert!(none.contains("no performance test"), "{none}");
        let sql = "select id, note from orders where customer = 17";
        p.ok(&["explain", "app-dev", sql, "--write-test", "plan-tests/customer.toml", "--require", "work ratio <= 0.5"]);
        let other = "select count(*) from orders where state = 'open'";
        let run = ["run", "query-optimization", "app-dev"];
        // Nothing is changed yet: the test fails, as it must, and the change is what holds.
        let text = p.expect(4, &run);
        assert!(text.contains("✔ analyse: measured: all") && text.contains("✔ test-fails"), "{text}");
        assert!(text.contains("✖ change: indexes, columns and plans are still the baseline's"), "{text}");
        assert!(!text.contains("✔ test-passes") && text.contains("(hold point)"), "{text}");
        p.ok(&["query", "app-dev", "create index orders_customer on orders (customer)"]);
        analyze(p, engine);
        p.ok(&["explain", "app-dev", other, "--write-test", "plan-tests/open.toml", "--require", "ratio <= 20"]);
        let text = p.expect(4, &[&run[..], &["--test", "plan-tests/customer.toml"]].concat());
        assert!(
            text.contains("✔ change:") && text.contains("✔ test-passes") && text.contains("✔ no-regression: 1 other test not worse"),
            "{text}"
        );
        assert!(text.contains("✖ document: neither CHANGELOG nor docs"), "{text}");
        p.write("CHANGELOG.md", "# Changelog\n\n- Orders of a customer are found by an index (plan-tests/customer.toml).\n");
        let text = p.ok(&run);
        assert!(text.contains("✔ document: CHANGELOG.md, line 3") && !text.contains("✔ analyse"), "what is proven stays proven\n{text}");
        // What was undone is not proven any more.
        p.ok(&[
            "query",
            "app-dev",
            if engine == "mariadb" { "drop index orders_customer on orders" } else { "drop index orders_customer" },
        ]);
        let text = p.expect(4, &run);
        assert!(text.contains("✖ change") && !text.contains("proved  test-passes") && !text.contains("proved   test-passes"), "{text}");
        p.ok(&["query", "app-dev", "create index orders_customer on orders (customer)"]);
        let text = p.ok(&run);
        assert!(text.contains("✔ change") && text.contains("✔ test-passes"), "{text}");
        // Another text of the test is another thing to prove.
        let file = std::fs::read_to_string(p.path("plan-tests/customer.toml")).expect("file");
        p.write("plan-tests/customer.toml", &file.replace("work ratio <= 0.5", "work ratio <= 0.9"));
        let text = p.expect(4, &run);
        assert!(text.contains("✔ analyse") && text.contains("✖ test-fails: it passes already"), "{text}");
        let verified = p.ok(&["journal", "verify"]);
        assert!(!verified.is_empty());
    });
    let p = Project::sqlite();
    let text = p.expect(2, &["run", "schema-migration", "app-dev", "--test", "x.toml"]);
    assert!(text.contains("--test belongs to the checklist query-optimization"), "{text}");
}

/// What was proven before the change was proven of the baseline's statement: writing it otherwise is a change, and keeps it.
#[test]
fn a_statement_that_is_written_otherwise_goes_by_the_checklist_too() {
    let p = Project::sqlite();
    shop(&p, "sqlite");
    p.ok(&["query", "app-dev", "create index orders_customer on orders (customer)"]);
    p.ok(&["query", "app-dev", "analyze"]);
    let sql = "select id, note from orders where customer + 0 = 17";
    p.ok(&["explain", "app-dev", sql, "--write-test", "plan-tests/rw.toml", "--require", "work ratio <= 0.5"]);
    let run = ["run", "query-optimization", "app-dev", "--test", "plan-tests/rw.toml"];
    let text = p.expect(4, &run);
    assert!(text.contains("✔ test-fails") && text.contains("✖ change"), "{text}");
    let file = std::fs::read_to_string(p.path("plan-tests/rw.toml")).expect("file");
    let rewritten = file.replacen("customer + 0 = 17", "customer = 17", 1);
    assert!(rewritten.contains("customer + 0 = 17"), "the baseline keeps its own");
    // Other rows are no improvement, and a softer requirement begins anew.
    p.write("plan-tests/rw.toml", &file.replacen("customer + 0 = 17", "customer = 18", 1));
    let text = p.expect(4, &run);
    assert!(!text.contains("✔ test-passes") && text.contains("give other rows"), "{text}");
    p.write("plan-tests/rw.toml", &rewritten.replace("<= 0.5", "<= 0.9"));
    let text = p.expect(4, &run);
    assert!(text.contains("✖ test-fails: it passes already"), "{text}");
    p.write("plan-tests/rw.toml", &rewritten);
    p.write("CHANGELOG.md", "- plan-tests/rw.toml: the statement leaves its column alone\n");
    // As it was proven before: the later evidence is of another file.
    p.write("plan-tests/rw.toml", &file);
    p.expect(4, &run);
    p.write("plan-tests/rw.toml", &rewritten);
    let text = p.ok(&run);
    assert!(!text.contains("✔ analyse") && text.contains("✔ change: the statement or its values are not the baseline's"), "{text}");
    assert!(text.contains("✔ test-passes") && text.contains("✔ document"), "{text}");
}

/// What could not be compared did not stay as good, and a part of a word is no test's name.
#[test]
fn a_step_is_not_proved_by_what_could_not_be_seen() {
    let p = Project::sqlite();
    shop(&p, "sqlite");
    p.ok(&["query", "app-dev", "create table other as select id, customer from orders"]);
    p.ok(&["query", "app-dev", "analyze"]);
    let sql = "select id, note from orders where customer = 17";
    p.ok(&["explain", "app-dev", sql, "--write-test", "plan-tests/d.toml", "--require", "work ratio <= 0.5"]);
    let count = "select count(*) from other where customer > 5";
    p.ok(&["explain", "app-dev", count, "--write-test", "plan-tests/a.toml", "--require", "ratio <= 20"]);
    // One for another engine says nothing of this one, and holds nothing up.
    let text = std::fs::read_to_string(p.path("plan-tests/a.toml")).expect("file");
    p.write("plan-tests/pg.toml", &text.replace("engine = \"SQLite\"", "engine = \"PostgreSQL\""));
    let run = ["run", "query-optimization", "app-dev", "--test", "plan-tests/d.toml"];
    p.expect(4, &run);
    p.ok(&["query", "app-dev", "create index orders_customer on orders (customer)"]);
    p.ok(&["query", "app-dev", "delete from other where id % 20 = 0"]);
    p.write("CHANGELOG.md", "- ptest: index\n");
    let text = p.expect(4, &run);
    assert!(
        text.contains("✔ test-passes") && text.contains("✖ no-regression: inconclusive: 1 of 1 could not be compared (a.toml)"),
        "{text}"
    );
    assert!(text.contains("[?] unknown") && !text.contains("✔ no-regression") && !text.contains("✔ document"), "{text}");
    let shown = p.run(&[&run[..], &["--format", "json"]].concat());
    let told: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let step = told["steps"].as_array().expect("steps").iter().find(|s| s["id"] == "no-regression").expect("the step");
    assert_eq!((&step["ticked"], &step["state"]), (&serde_json::json!(false), &serde_json::json!("unknown")), "{step}");
    assert!(step["facts"]["test a.toml"].as_str().is_some_and(|f| f.contains("could not be compared") && f.contains("rows")), "{step}");
    assert!(step["next"].as_str().is_some_and(|n| n.contains("baseline")), "{step}");
    // With a baseline of today it compares.
    std::fs::remove_file(p.path("plan-tests/a.toml")).expect("removed");
    p.ok(&["explain", "app-dev", count, "--write-test", "plan-tests/a.toml", "--require", "ratio <= 20"]);
    let text = p.run(&run);
    let text = String::from_utf8_lossy(&text.stderr).into_owned();
    assert!(text.contains("✔ no-regression: 1 other test not worse"), "{text}");
    assert!(text.contains("✖ document: neither CHANGELOG nor docs"), "{text}");
    p.write("CHANGELOG.md", "- plan-tests/d.toml: index\n");
    let text = p.ok(&run);
    assert!(text.contains("✔ document: CHANGELOG.md, line 1"), "{text}");
}

/// Prepared, the statement would be planned for any values: where that is far dearer than these values are, it is told.
#[test]
fn a_plan_that_is_good_for_rare_values_alone_is_told() {
    let p = Project::postgres();
    p.postgres_server().psql(
        "app-dev",
        "create table skewed (id integer primary key, state text not null, note text not null);
         insert into skewed select i, case when i % 1000 = 0 then 'failed' else 'paid' end, repeat('n', 60) from generate_series(1, 60000) i;
         create index skewed_state on skewed (state); analyze skewed;",
    );
    let sql = "select note from skewed where state = :state";
    let said = p.ok(&["explain", "app-dev", sql, "--param-set", "common:state='paid'", "--param-set", "rare:state='failed'"]);
    assert!(said.contains("The plan flips with the values"), "{said}");
    assert!(said.contains("rare: with these values the plan costs") && !said.contains("common: with these values"), "{said}");
    // Nothing is left prepared or running: the same again.
    assert_eq!(p.ok(&["explain", "app-dev", sql, "--param-set", "common:state='paid'", "--param-set", "rare:state='failed'"]), said);
}

/// A view, a function or a table that is another one behind the same name: other rows, and no comparison.
#[test]
fn what_stands_behind_a_name_belongs_to_the_baseline() {
    on_each(|p, engine| {
        shop(p, engine);
        let test = |file: &'static str| ["explain", "app-dev", "--test", file];
        let write = |sql: &str, file: &str| p.ok(&["explain", "app-dev", sql, "--write-test", file, "--require", "ratio <= 20"]);
        let differs = |file: &'static str, why: &str| {
            let told = p.expect(5, &test(file));
            assert!(told.contains("INCONCLUSIVE") && told.contains(why), "{told}");
        };
        // One view reads the other.
        p.ok(&["query", "app-dev", "create view open_ones as select id, customer from orders where state = 'open'"]);
        p.ok(&["query", "app-dev", "create view of_some as select id from open_ones where customer > 5"]);
        write("select count(*) from of_some", "view.toml");
        p.ok(&test("view.toml"));
        let text = std::fs::read_to_string(p.path("view.toml")).expect("file");
        p.ok(&["query", "app-dev", "drop view of_some"]);
        p.ok(&["query", "app-dev", "drop view open_ones"]);
        p.ok(&["query", "app-dev", "create view open_ones as select id, customer from orders where id = 6"]);
        p.ok(&["query", "app-dev", "create view of_some as select id from open_ones where customer > 5"]);
        differs("view.toml", "open_ones has another definition");
        // An older file has no definitions: it is compared, and that is said.
        let old: Vec<&str> = text.lines().filter(|l| !l.contains("environment.behind") && !l.starts_with("\"view ")).collect();
        p.write("old.toml", &old.join("\n"));
        let told = p.ok(&test("old.toml"));
        assert!(told.contains("were not compared: the baseline does not tell them"), "{told}");
        if engine != "postgres" {
            return;
        }
        let psql = |sql: &str| {
            p.postgres_server().psql("app-dev", sql);
        };
        let few = |q: &str| {
            format!("create or replace function few(q int) returns setof orders language sql stable as 'select * from orders where {q}'")
        };
        psql(&few("customer < q"));
        write("select count(*) from few(50)", "function.toml");
        p.ok(&test("function.toml"));
        psql(&few("id < 10 and customer < q"));
        differs("function.toml", "few(q integer) has another definition");
        // Of operators only those that the statement has.
        psql("create function near(int, int) returns boolean language sql as 'select abs($1 - $2) < 3'");
        psql("create operator <~> (leftarg = int, rightarg = int, function = near)");
        write("select count(*) from orders where customer <~> 7", "sign.toml");
        write("select count(*) from orders where customer > 7", "other.toml");
        psql("drop operator <~> (int, int)");
        psql("create function near2(int, int) returns boolean language sql as 'select abs($1 - $2) < 9'");
        psql("create operator <~> (leftarg = int, rightarg = int, function = near2)");
        p.ok(&test("other.toml"));
        differs("sign.toml", "<~>(integer,integer) has another definition");
        write("select count(*) from orders where state = 'open'", "table.toml");
        p.ok(&test("table.toml"));
        psql("create schema alt");
        psql("create table alt.orders as table public.orders");
        psql("analyze alt.orders");
        p.ok(&test("table.toml"));
        psql("do $$ begin execute format('alter database %I set search_path = alt, public', current_database()); end $$");
        differs("table.toml", "orders meant public.orders and means alt.orders");
    });
}

/// MariaDB and SQLite print the alias alone: the table under it is found by the statement, on PostgreSQL by the plan.
#[test]
fn a_table_scan_is_forbidden_under_every_alias() {
    on_each(|p, engine| {
        shop(p, engine);
        let sql =
            "select count(*) from orders join (select o2.customer from orders o2 where o2.state = 'open') x on x.customer = orders.id";
        p.ok(&["explain", "app-dev", sql, "--write-test", "alias.toml", "--require", "no table scan on orders"]);
        let told = p.expect(1, &["explain", "app-dev", "--test", "alias.toml"]);
        assert!(told.contains("fail") && told.contains("on orders"), "{engine}: {told}");
        let alone = "select count(*) from orders o where o.state = 'open'";
        p.ok(&["explain", "app-dev", alone, "--write-test", "alone.toml", "--require", "no table scan on orders"]);
        p.expect(1, &["explain", "app-dev", "--test", "alone.toml"]);
    });
}

/// How many rows came is known on every engine, by another run where plans do not tell it: bounds hold, and other work is no improvement.
#[test]
fn rows_are_counted_on_every_engine() {
    on_each(|p, engine| {
        shop(p, engine);
        let sql = "select id, note from orders where customer = 17";
        let require = ["--require", "rows <= 20", "--require", "work ratio <= 1", "--require", "ratio <= 20"];
        p.ok(&[&["explain", "app-dev", sql, "--write-test", "rows.toml"][..], &require].concat());
        let told = p.ok(&["explain", "app-dev", "--test", "rows.toml"]);
        assert!(told.contains("20 rows were returned"), "{engine}: {told}");
        p.ok(&["query", "app-dev", "update orders set customer = 18 where customer = 17 and id > 1000"]);
        analyze(p, engine);
        let told = p.expect(5, &["explain", "app-dev", "--test", "rows.toml"]);
        assert_eq!(told.matches("20 rows before and 1 now").count(), 2, "{engine}: {told}");
        let max = "select max(id) from orders";
        p.ok(&["explain", "app-dev", max, "--write-test", "max.toml", "--require", "rows <= 1", "--require", "median < 60 s"]);
        p.ok(&["explain", "app-dev", "--test", "max.toml"]);
    });
}
