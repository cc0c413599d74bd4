//! Plans of a real PostgreSQL, read by `plan::postgres`: whatever the statement, the parts add up to the whole, and every format that
//! the server and its client write reads the same.

#[path = "plans_postgres/generated.rs"]
mod generated;
#[path = "plans_postgres/render.rs"]
mod render;
mod support;
#[path = "plans_postgres/tpch.rs"]
mod tpch;

use holdpoint::model::plan::{Pages, Plan, PlanNode, Role};
use holdpoint::plan::{postgres, reconcile, shape};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, OnceLock};
use support::pg::PgServer;

const DATABASE: &str = "shop";

/// Tables in the manner of TPC-H, small, with what makes plans interesting: partitions, triggers, foreign keys, skew.
const TABLES: &str = "
    create table customer as select i as id, 'name ' || i as name, (i % 25) as nation from generate_series(1, 1500) i;
    alter table customer add primary key (id);
    create table orders as select i as id, 1 + (i * 7919) % 1500 as customer, date '2020-01-01' + i % 2000 as day, (i * 31 % 10007)::numeric as price,
        case when i % 20 = 0 then 'open' else 'paid' end as state from generate_series(1, 30000) i;
    alter table orders add primary key (id);
    create index orders_customer on orders (customer);
    create index orders_day on orders (day);
    create table line as select i as id, 1 + (i::bigint * 104729 % 30000)::integer as orders, i % 200 as part, i % 50 as quantity, repeat('x', 40) as note from generate_series(1, 90000) i;
    create index line_orders on line (orders);
    create index line_part on line (part);
    create table parted (id integer, day integer, v integer) partition by range (day);
    do $$ begin for i in 0..199 loop execute format('create table parted_%s partition of parted for values from (%s) to (%s)', i, i * 10, i * 10 + 10); end loop; end $$;
    insert into parted select i, i % 2000, i % 7 from generate_series(1, 40000) i;
    create index parted_v on parted (v);
    create table parent (id integer primary key, v integer);
    create table child (id integer primary key, parent integer references parent on delete cascade);
    insert into parent select i, i from generate_series(1, 500) i;
    insert into child select i, 1 + i % 500 from generate_series(1, 2000) i;
    create table audit (what text);
    create function note() returns trigger language plpgsql as $$ begin insert into audit values (new.id::text); return new; end $$;
    create trigger before_parent before update on parent for each row execute function note();
    create trigger after_parent after update on parent for each row execute function note();
    create function slow_one(integer) returns integer language plpgsql stable parallel safe as $$ begin return $1 % 3; end $$;
    vacuum analyze;";

/// What makes small tables be read in parallel.
const PARALLEL: &str = "set max_parallel_workers_per_gather = 3; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; set min_parallel_index_scan_size = 0";

/// Name, settings, statement, and words that must stand in the plan: it is the shape that the case is about.
const CASES: &[(&str, &str, &str, &[&str])] = &[
    ("scan", "", "select * from orders where price > 9000", &["Seq Scan"]),
    ("pricing", "", "select part, sum(quantity), avg(quantity), count(*) from line group by part order by part", &["Hashed", "Sort"]),
    (
        "shipping",
        "",
        "select c.nation, sum(o.price) from customer c join orders o on o.customer = c.id join line l on l.orders = o.id where o.state = 'open' group by 1 order by 2 desc limit 3",
        &["Hash Join", "Limit"],
    ),
    (
        "merge join",
        "set enable_hashjoin = off; set enable_nestloop = off",
        "select count(*) from orders o join line l on l.orders = o.id",
        &["Merge Join"],
    ),
    (
        "memoize",
        "set max_parallel_workers_per_gather = 0; set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off",
        "select count(*) from line l join customer c on c.id = l.part",
        &["Memoize"],
    ),
    ("incremental sort", "", "select * from orders order by day, price limit 100", &["Incremental Sort"]),
    ("spilled sort", "set work_mem = '64kB'", "select * from line order by note, quantity", &["external merge"]),
    (
        "spilled hash",
        "set work_mem = '64kB'; set enable_mergejoin = off; set enable_nestloop = off",
        "select count(*) from orders o join line l on l.orders = o.id",
        &["Hash Batches"],
    ),
    (
        "spilled aggregate",
        "set work_mem = '64kB'; set enable_sort = off; set enable_indexscan = off; set enable_indexonlyscan = off",
        "select orders, count(*) from line group by 1",
        &["Disk Usage"],
    ),
    (
        "lossy bitmap",
        "set work_mem = '64kB'; set enable_seqscan = off; set enable_indexscan = off",
        "select count(quantity) from line where part between 5 and 90 or orders < 3000",
        &["BitmapOr"],
    ),
    (
        "bitmap and",
        "set enable_seqscan = off; set enable_indexscan = off",
        "select count(note) from line where part = 7 and orders between 1 and 20000",
        &["Bitmap Heap Scan"],
    ),
    ("InitPlan", "", "select * from orders where price > (select avg(price) from orders) limit 5", &["InitPlan"]),
    (
        "twelve InitPlans",
        "",
        "select (select count(*) from customer where nation = 1), (select count(*) from customer where nation = 2), (select count(*) from customer where nation = 3), (select count(*) from customer where nation = 4), (select count(*) from customer where nation = 5), (select count(*) from customer where nation = 6), (select count(*) from customer where nation = 7), (select count(*) from customer where nation = 8), (select count(*) from customer where nation = 9), (select count(*) from customer where nation = 10), id from orders where price > (select avg(price) from orders) and customer < (select max(id) from customer)",
        &["InitPlan 12"],
    ),
    (
        "InitPlan in a key",
        "",
        "select * from line where orders = (select max(id) from orders where state = 'open')",
        &["Index Cond", "InitPlan"],
    ),
    ("pruned while it runs", "", "select count(*) from parted where day = (select max(nation) from customer)", &["Append", "InitPlan"]),
    ("correlated SubPlan", "", "select id, (select count(*) from orders o where o.customer = c.id) from customer c", &["SubPlan"]),
    (
        "SubPlan in a key",
        "set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off",
        "select count(*) from customer c join orders o on o.id = (select max(l.orders) from line l where l.orders = c.id)",
        &["SubPlan"],
    ),
    (
        "EXISTS or",
        "",
        "select count(*) from orders o where exists (select 1 from line l where l.orders = o.id and l.part = 3) or o.id < 100",
        &["SubPlan"],
    ),
    ("hashed SubPlan", "", "select count(*) from orders where customer not in (select id from customer where nation < 20)", &["SubPlan"]),
    (
        "semi join",
        "set enable_hashagg = off; set enable_sort = off",
        "select count(*) from orders o where exists (select 1 from line l where l.orders = o.id and l.quantity > 5)",
        &["Semi"],
    ),
    (
        "anti join",
        "",
        "select count(*) from customer c where not exists (select 1 from orders o where o.customer = c.id and o.price > 10000)",
        &["Anti"],
    ),
    (
        "nested CTEs",
        "",
        "with a as materialized (select * from orders where price > 100), b as materialized (select * from a where customer > 5), c as materialized (select * from b where id > 9), d as materialized (with a as materialized (select id from c) select * from a) select count(*) from d",
        &["CTE d"],
    ),
    (
        "CTE read twice",
        "",
        "with a as materialized (select customer, sum(price) s from orders group by 1) select count(*) from a x join a y on x.customer = y.customer where x.s > (select avg(s) from a)",
        &["CTE a"],
    ),
    (
        "CTE below a LIMIT",
        "",
        "with a as materialized (select * from line where quantity > 3) select * from a limit 10",
        &["CTE a", "Limit"],
    ),
    (
        "recursive",
        "",
        "with recursive r(n, c) as (select 1, 1 union all select n + 1, o.customer from r join orders o on o.id = r.n where n < 200) select sum(c) from r",
        &["Recursive Union"],
    ),
    ("200 partitions", "", "select day / 100, count(*) from parted group by 1", &["parted_199"]),
    (
        "union",
        "",
        "select id from customer where nation = 3 union select id from orders where day = '2020-02-01' except select 5",
        &["SetOp"],
    ),
    ("window", "", "select id, rank() over (partition by customer order by price) from orders", &["WindowAgg"]),
    ("grouping sets", "", "select customer, state, count(*) from orders group by grouping sets ((customer), (state), ())", &["Mixed"]),
    ("never executed", "", "select * from customer c join orders o on o.customer = c.id where c.nation = 77", &["Actual Loops\": 0"]),
    (
        "function and values",
        "",
        "select * from (values (1), (2)) v(a) join generate_series(1, 50) g(b) on g.b = v.a",
        &["Function Scan", "Values Scan"],
    ),
    (
        "quoted names",
        "",
        "select * from (select id as \"Order No\" from orders \"O 1\" where state = 'it''s on: a trap') \"Sub Q\" where \"Order No\" > 5",
        &["O 1"],
    ),
    (
        "lateral",
        "",
        "select c.id, x.id from customer c cross join lateral (select o.id from orders o where o.customer = c.id order by price desc limit 2) x where c.nation = 4",
        &["Limit"],
    ),
    ("lock", "", "select * from orders where id < 50 for update", &["LockRows"]),
    ("insert", "", "insert into audit select name from customer", &["Insert"]),
    (
        "upsert",
        "",
        "insert into parent select id, nation from customer on conflict (id) do update set v = excluded.v where parent.v < 20",
        &["Conflict"],
    ),
    (
        "merge",
        "",
        "merge into child t using customer s on t.id = s.id when matched and s.nation = 3 then delete when matched then update set parent = 1 when not matched then do nothing",
        &["Merge"],
    ),
    ("triggers", "", "update parent set v = v + 1 where id < 200", &["Triggers", "after_parent"]),
    ("cascade", "", "delete from parent where id < 100", &["Triggers"]),
    ("partitioned update", "", "update parted set v = 3 where day < 30", &["Update"]),
    (
        "writing CTE",
        "",
        "with d as (delete from child where id < 300 returning parent) select parent, count(*) from d group by 1",
        &["CTE d", "Delete"],
    ),
    (
        "writing CTE that nobody reads",
        "",
        "with d as (delete from child where id < 300), i as (insert into audit select name from customer returning what) select count(*) from i",
        &["CTE d", "Delete"],
    ),
    (
        "writing CTE read in part",
        "",
        "with i as (insert into audit select note from line limit 3000 returning what) select * from i limit 2",
        &["CTE i"],
    ),
    (
        "JIT",
        "set jit = on; set jit_above_cost = 0; set jit_inline_above_cost = 0; set jit_optimize_above_cost = 0",
        "select sum(price * 2), count(*) from orders where price > 5",
        &["JIT"],
    ),
    ("temporary", "create temp table t as select * from line", "select count(*) from t where part = 4", &["Local Read Blocks"]),
    ("parallel", PARALLEL, "select part, count(*) from line where quantity > slow_one(id) group by part", &["Gather", "Partial"]),
    (
        "parallel hash",
        PARALLEL,
        "select count(*) from line l join orders o on o.id = l.orders where o.price > 20 and l.quantity < 45",
        &["Gather", "Parallel Aware\": true"],
    ),
    (
        "parallel bitmap",
        "PARALLEL; set enable_seqscan = off; set enable_indexscan = off; set enable_indexonlyscan = off",
        "select count(note) from line where part between 5 and 120",
        &["Gather", "Bitmap Index Scan"],
    ),
    ("parallel append", PARALLEL, "select count(*) from parted where v < slow_one(id)", &["Gather", "Append"]),
    ("gather merge", PARALLEL, "select * from line order by quantity, id limit 2000", &["Gather Merge"]),
    (
        "parallel below an InitPlan",
        PARALLEL,
        "select count(*) from orders where price > (select avg(quantity) from line where quantity > slow_one(id))",
        &["Gather", "InitPlan"],
    ),
    (
        "InitPlan below a Gather",
        PARALLEL,
        "select count(*) from line where quantity < (select avg(nation) from customer where nation > slow_one(id))",
        &["Params Evaluated"],
    ),
    (
        "parallel CTE, LIMIT",
        PARALLEL,
        "with a as materialized (select * from line where quantity > slow_one(id)) select * from a limit 20",
        &["Gather", "CTE a"],
    ),
    (
        "Gather again and again",
        "PARALLEL; set enable_material = off; set enable_hashjoin = off; set enable_mergejoin = off; set enable_memoize = off",
        "select sum(x.n + v.a) from (values (1), (2), (3)) v(a) left join (select part, count(*) n from line where quantity > slow_one(id) group by part) x on x.n > v.a",
        &["Nested Loop", "Gather"],
    ),
    ("single copy", "set force_parallel_mode = on", "select count(*) from customer", &["Single Copy"]),
    (
        "no leader",
        "PARALLEL; set parallel_leader_participation = off",
        "select count(*) from line where quantity > slow_one(id)",
        &["Gather"],
    ),
    (
        "workers that do not come",
        "PARALLEL; set max_parallel_workers = 0",
        "select count(*) from line where quantity > slow_one(id)",
        &["\"Workers Launched\": 0"],
    ),
];

fn server() -> &'static PgServer {
    static SERVER: OnceLock<PgServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        let pg = PgServer::start(&["max_worker_processes=8", "jit=off", "track_io_timing=on", "autovacuum=off"]);
        pg.create_database(DATABASE);
        // VACUUM wants to be alone.
        let (tables, vacuum) = TABLES.rsplit_once("vacuum").expect("vacuum");
        pg.psql(DATABASE, tables);
        pg.psql(DATABASE, &format!("vacuum{vacuum}"));
        pg
    })
}

/// One test at a time: a write that is rolled back makes its table longer, and what the planner expects of it another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The server's major version: `tests/matrix` brings others than Debian's.
fn major() -> u32 {
    static MAJOR: OnceLock<u32> = OnceLock::new();
    *MAJOR.get_or_init(|| server().psql(DATABASE, "show server_version_num").trim().parse::<u32>().expect("a number") / 10_000)
}

/// The cases that this server can run; the others are named.
fn cases() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str, &'static [&'static str])> {
    let jit = server().psql(DATABASE, "select pg_jit_available()").trim() == "t";
    CASES.iter().filter(move |c| {
        let runs = match c.0 {
            "merge" => major() >= 15,
            "memoize" => major() >= 14,
            "incremental sort" | "spilled aggregate" => major() >= 13,
            "JIT" => jit,
            _ => true,
        };
        if !runs {
            println!("left out, because this PostgreSQL {} has none: {}", major(), c.0);
        }
        runs
    })
}

fn settings(s: &str) -> String {
    let s = s.replace("PARALLEL", PARALLEL);
    let s = if major() >= 16 { s.replace("force_parallel_mode", "debug_parallel_query") } else { s };
    if major() >= 14 { s } else { s.replace("; set enable_memoize = off", "") }
}

/// EXPLAIN tells the write-ahead log since 13.
fn options(o: &str) -> String {
    if major() >= 13 { o.into() } else { o.replace("wal, ", "") }
}

/// Runs in a transaction that is rolled back.
fn explain(options: &str, set: &str, statement: &str) -> String {
    let set = settings(set);
    let set = if set.is_empty() { String::new() } else { format!("{set};") };
    server().psql(DATABASE, &format!("begin; {set} explain ({options}) {statement}; rollback"))
}

/// What psql prints with these options.
fn psql(options: &[&str], set: &str, statement: &str) -> String {
    let pg = server();
    let mut c = pg.client("psql");
    c.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", DATABASE, "-p", &pg.port.to_string()]).arg("-h").arg(&pg.socket);
    let out = c.args(options).args(["-c", &settings(set), "-c", statement]).output().expect("psql");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

fn nodes(p: &Plan) -> Vec<&PlanNode> {
    let mut out = Vec::new();
    p.root.walk(0, &mut |_, n| out.push(n));
    out
}

/// The invariants of §2.15.
fn adds_up(what: &str, p: &Plan) {
    let s = reconcile::sums(p).expect("times");
    let line = s.sentence();
    assert!(s.pages.expect("pages").agree(), "{what}: {line}\n{}", p.raw);
    assert!(s.remainder_ms.abs() <= s.err_ms + 0.001, "{what}: {line}, ±{:.3}\n{}", s.err_ms, p.raw);
    let unattributed = p.unattributed_ms.expect("unattributed");
    assert!((s.nodes_ms + s.parallel_ms + unattributed - s.root_ms.expect("times")).abs() < 1e-6, "{what}: {line}, {unattributed}");
    for n in nodes(p) {
        if n.never_executed {
            let none = (n.total_ms, n.self_ms, n.rows, n.loops, n.pages.hit, n.self_pages.hit, n.estimate_error);
            assert_eq!(none, (None, None, None, None, None, None, None), "{what}: {:?} {}", n.path, n.raw_op);
            continue;
        }
        let own = n.self_ms.expect("own time");
        assert!(own >= 0.0 && own <= n.total_ms.expect("time") + 1e-6, "{what}: {:?} {} {:?}", n.path, n.raw_op, n.self_ms);
        for c in n.children.iter().filter(|c| !c.parallel && !matches!(c.role, Role::InitPlan | Role::Cte | Role::SubPlan)) {
            if let (Some(inside), Some(all)) = (c.total_ms, n.total_ms) {
                let err = c.self_err_ms.unwrap_or(0.0) + n.self_err_ms.unwrap_or(0.0);
                assert!(inside <= all + err + 0.001, "{what}: {:?} {} holds {inside} of {all}\n{}", n.path, n.raw_op, p.raw);
            }
        }
        assert!(n.estimate_error.is_some() != n.estimate_doubt.is_some(), "{what}: {:?} {}", n.path, n.raw_op);
    }
    let after_root = p.detached_ms.is_some() || p.detached_pages.accessed().is_some();
    assert_eq!(after_root, what.contains("nobody reads") || what.contains("read in part"), "{what}: {line}\n{}", p.raw);
}

fn known(p: Pages) -> [u64; 6] {
    [p.hit, p.read, p.dirtied, p.written, p.temp_read, p.temp_written].map(Option::unwrap_or_default)
}

/// Both plans tell the same; what only one format can tell is left out.
fn same(what: &str, a: &Plan, b: &Plan) {
    assert_eq!(nodes(a).len(), nodes(b).len(), "{what}");
    for (x, y) in nodes(a).into_iter().zip(nodes(b)) {
        let at = format!("{what}: {:?} {}", x.path, x.raw_op);
        assert_eq!((&x.path, &x.op, &x.raw_op, x.role, &x.subplan), (&y.path, &y.op, &y.raw_op, y.role, &y.subplan), "{at}");
        assert_eq!((&x.relation, &x.alias, &x.index), (&y.relation, &y.alias, &y.index), "{at}");
        assert_eq!(
            (x.est_startup_cost, x.est_total_cost, x.est_rows, x.est_width),
            (y.est_startup_cost, y.est_total_cost, y.est_rows, y.est_width),
            "{at}"
        );
        assert_eq!(
            (x.rows, x.loops, x.startup_ms, x.total_ms, x.never_executed),
            (y.rows, y.loops, y.startup_ms, y.total_ms, y.never_executed),
            "{at}"
        );
        assert_eq!((x.self_ms, x.self_err_ms, x.wall_ms, &x.processes), (y.self_ms, y.self_err_ms, y.wall_ms, &y.processes), "{at}");
        // The text does not tell that a counter was asked for and stayed zero everywhere.
        let counters = |n: &PlanNode| (known(n.pages), known(n.self_pages), n.wal.bytes.unwrap_or(0), n.self_wal.bytes.unwrap_or(0));
        assert_eq!(counters(x), counters(y), "{at}");
        assert_eq!(
            (x.estimate_error, &x.estimate_doubt, x.parallel, x.approximate),
            (y.estimate_error, &y.estimate_doubt, y.parallel, y.approximate),
            "{at}"
        );
        assert_eq!(x.removed.total().unwrap_or(0.0), y.removed.total().unwrap_or(0.0), "{at}");
        let sets = |n: &PlanNode| {
            n.conditions.iter().filter(|(k, _)| k != "Grouping Sets" && k != "Group Key" && k != "Hash Key").cloned().collect::<Vec<_>>()
        };
        assert_eq!(sets(x), sets(y), "{at}");
    }
    assert_eq!(
        (a.planning_ms, a.execution_ms, a.outside_ms, a.unattributed_ms),
        (b.planning_ms, b.execution_ms, b.outside_ms, b.unattributed_ms),
        "{what}"
    );
    assert_eq!((&a.settings, &a.triggers, &a.jit, a.analyzed), (&b.settings, &b.triggers, &b.jit, b.analyzed), "{what}");
}

#[test]
fn every_plan_adds_up_and_reads_the_same_as_text() {
    let _alone = alone();
    for (what, set, statement, words) in cases() {
        let json = explain(&options("analyze, verbose, buffers, wal, settings, format json"), set, statement);
        // 17 no longer tells which parameters a Gather hands on.
        for w in words.iter().filter(|w| **w != "Params Evaluated" || major() < 17) {
            assert!(json.contains(w), "{what}: the plan has no {w}\n{json}");
        }
        let plan = postgres::read_json(&json, "15", true).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        adds_up(what, &plan);
        let text = render::text(&json);
        let read = postgres::read(&text).unwrap_or_else(|e| panic!("{what}: {e:?}\n{text}"));
        same(&format!("{what}, as text\n{text}"), &plan, &read);
    }
}

/// Every other one with all in parallel.
#[test]
fn plans_of_generated_statements_add_up() {
    let _alone = alone();
    let (mut plain, mut gathered, mut kinds) = (0, 0, BTreeSet::new());
    for (i, statement) in generated::statements(240).iter().enumerate() {
        let set = if i % 2 == 1 { "PARALLEL" } else { "set max_parallel_workers_per_gather = 0" };
        let what = format!("statement {i} ({set}): {statement}");
        let json = explain(&options("analyze, verbose, buffers, wal, settings, format json"), set, statement);
        let plan = postgres::read_json(&json, "15", true).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        adds_up(&what, &plan);
        plain += usize::from(generated::recomputed(&what, &json, &plan, &nodes(&plan)));
        gathered += usize::from(plan.parallel_ms.is_some());
        kinds.extend(nodes(&plan).iter().map(|n| n.raw_op.clone()));
        let text = render::text(&json);
        let read = postgres::read(&text).unwrap_or_else(|e| panic!("{what}: {e:?}\n{text}"));
        same(&format!("{what}, as text\n{text}"), &plan, &read);
        // Without SELECT lists, and with as little memory as there may be: every other one of each kind.
        if i % 4 < 2 {
            let set = format!("{set}; set work_mem = '64kB'");
            let what = format!("{what}, without VERBOSE");
            let json = explain("analyze, buffers, format json", &set, statement);
            let plan = postgres::read_json(&json, "15", true).unwrap_or_else(|e| panic!("{what}: {e:?}"));
            adds_up(&what, &plan);
            generated::recomputed(&what, &json, &plan, &nodes(&plan));
        }
    }
    println!("{plain} plain, {gathered} parallel: {kinds:?}");
    // Those of which every own time could be recomputed, and what the others brought.
    assert!(plain >= 20 && gathered >= 60, "{plain} plain, {gathered} parallel");
    for kind in
        ["Parallel Append", "Gather Merge", "Recursive Union", "CTE Scan", "WindowAgg", "Nested Loop Semi Join", "Finalize GroupAggregate"]
    {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
    }
}

/// TPC-H as it is, and with everything in parallel.
#[test]
fn the_questions_of_tpc_h_add_up() {
    let _alone = alone();
    tpch::fill(server(), "tpch");
    for set in ["", PARALLEL] {
        for (n, question) in tpch::QUESTIONS.iter().enumerate() {
            let what = format!("question {} {}", n + 1, if set.is_empty() { "" } else { "in parallel" });
            let set = if set.is_empty() { String::new() } else { format!("{set};") };
            let options = options("analyze, verbose, buffers, wal, settings, format json");
            let json = server().psql("tpch", &format!("begin; {set} explain ({options}) {question}; rollback"));
            let plan = postgres::read_json(&json, "15", true).unwrap_or_else(|e| panic!("{what}: {e:?}"));
            adds_up(&what, &plan);
            let text = render::text(&json);
            let read = postgres::read(&text).unwrap_or_else(|e| panic!("{what}: {e:?}\n{text}"));
            same(&format!("{what}, as text\n{text}"), &plan, &read);
        }
    }
}

#[test]
fn every_format_of_the_server_reads_the_same() {
    let _alone = alone();
    for (what, set, statement, _) in cases() {
        let json = postgres::read(&explain("verbose, settings, format json", set, statement)).unwrap();
        for format in ["text", "yaml", "xml"] {
            let out = explain(&format!("verbose, settings, format {format}"), set, statement);
            let read = postgres::read(&out).unwrap_or_else(|e| panic!("{what} {format}: {e:?}\n{out}"));
            same(&format!("{what} {format}\n{out}"), &json, &read);
            if *what != "grouping sets" {
                assert_eq!(shape::hash(&json), shape::hash(&read), "{what} {format}");
            }
        }
    }
}

#[test]
fn frames_of_psql_are_taken_away() {
    let _alone = alone();
    let frames: &[&[&str]] = &[
        &["-P", "border=0"],
        &["-P", "border=1"],
        &["-P", "border=2"],
        &["-P", "border=0", "-P", "linestyle=unicode"],
        &["-P", "border=1", "-P", "linestyle=unicode"],
        &["-P", "border=2", "-P", "linestyle=unicode"],
        &["-P", "border=2", "-P", "linestyle=unicode", "-P", "unicode_border_linestyle=double"],
        &["-P", "border=1", "-P", "linestyle=old-ascii"],
        &["-A"],
        &["-A", "-t"],
        &["-t"],
        &["-x"],
        &["-x", "-P", "border=0"],
        &["-x", "-P", "border=2"],
        &["-x", "-A"],
        &["-x", "-P", "linestyle=unicode"],
        &["--csv"],
        &["-P", "format=wrapped", "-P", "columns=60"],
        &["-P", "format=wrapped", "-P", "columns=60", "-P", "border=2"],
        &["-P", "format=wrapped", "-P", "columns=60", "-P", "linestyle=unicode"],
        &["-P", "format=wrapped", "-P", "columns=60", "-P", "border=2", "-P", "linestyle=unicode"],
    ];
    for (what, set, statement, _) in
        cases().filter(|c| ["shipping", "CTE read twice", "parallel", "correlated SubPlan", "quoted names"].contains(&c.0))
    {
        let json = postgres::read(&explain("verbose, format json", set, statement)).unwrap();
        for frame in frames {
            for format in ["text", "json"] {
                let out = psql(frame, set, &format!("explain (verbose, format {format}) {statement}"));
                if format == "json" && frame.iter().any(|f| *f == "-x" || *f == "format=wrapped") {
                    continue;
                }
                let read = postgres::read(&out).unwrap_or_else(|e| panic!("{what} {frame:?} {format}: {e:?}\n{out}"));
                same(&format!("{what} {frame:?} {format}\n{out}"), &json, &read);
            }
        }
    }
}

#[test]
fn the_same_text_has_the_same_shape_and_another_plan_another() {
    let _alone = alone();
    for (what, set, statement, _) in cases() {
        let shape = |s: &str| shape::hash(&postgres::read(&explain("verbose, format json", s, statement)).unwrap());
        assert_eq!(shape(set), shape(set), "{what}");
    }
    let shape = |set: &str, sql: &str| shape::hash(&postgres::read(&explain("verbose, format json", set, sql)).unwrap());
    let sql = "select * from orders where id = 5";
    assert_eq!(shape("", sql), shape("", "select * from orders where id = 77"));
    assert_ne!(shape("", sql), shape("set enable_indexscan = off; set enable_bitmapscan = off", sql));
}

#[test]
fn a_log_of_auto_explain_is_read() {
    let pg = server();
    for format in ["text", "json", "yaml", "xml"] {
        let load = format!(
            "load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on; set auto_explain.log_buffers = on;
             set auto_explain.log_format = {format};"
        );
        let before = pg.log().len();
        pg.psql(DATABASE, &format!("{load} select count(*)\nfrom orders where price > (select avg(price) from orders); select 1"));
        support::wait_until("the log has both plans", || pg.log()[before..].matches("ms  plan:").count() >= 2);
        let log = pg.log()[before..].to_string();
        let plan = postgres::read(&log).unwrap_or_else(|e| panic!("{format}: {e:?}\n{log}"));
        adds_up(format, &plan);
        assert_eq!(plan.root.op, "aggregate", "{format}\n{log}");
        assert!(plan.execution_ms.is_some() && plan.analyzed, "{format}");
        assert!(plan.statement.as_deref().is_some_and(|s| s.contains("from orders")), "{format}: {:?}", plan.statement);
        assert!(plan.remarks.iter().any(|r| r.contains("first of 2 plans")), "{format}: {:?}", plan.remarks);
    }
}
