//! Findings and advice read one plan by two programs: over the ordinary queries of a shop, on real servers, they must not contradict each
//! other, and what they propose must be what the server takes.

mod support;

use holdpoint::config::Surroundings;
use holdpoint::model::Dialect;
use holdpoint::model::plan::PlanFinding;
use holdpoint::ops::advice::{self, Report, Wanted};
use holdpoint::ops::{Connection, Cx, plan_facts};
use holdpoint::plan::candidates::Why;
use holdpoint::plan::known::Known;
use std::collections::{BTreeMap, BTreeSet};
use support::project::Project;

/// A shop; of `orders` and `items` some columns have an index, others have not.
const TABLES: &str = "
    create table categories (id integer primary key, parent_id integer, name varchar(40) not null);
    create table customers (id integer primary key, email varchar(80) not null, city varchar(40) not null, country varchar(2) not null, vip integer not null,
        address varchar(1000) not null);
    create table products (id integer primary key, sku varchar(20) not null unique, category_id integer not null, name varchar(60) not null, price decimal(10,2) not null,
        description text not null);
    create table orders (id integer primary key, customer_id integer not null, state varchar(10) not null, created_at timestamp not null, shipped_at timestamp null,
        total decimal(10,2) not null, note varchar(120) not null);
    create table items (id integer primary key, order_id integer not null, product_id integer not null, quantity integer not null, price decimal(10,2) not null);
    create index orders_created on orders (created_at);
    create index items_order on items (order_id);
    create index products_category on products (category_id);";

/// Rows for them: `{N}` are the numbers up to N as `i`, `{stamp}` a moment by `i`.
const ROWS: &str = "
    insert into categories select i, case when i > 10 then i / 10 end, concat('category ', i) from {100};
    insert into customers select i, concat('Person', i, '@example.org'), concat('city', i % 300), case when i % 50 = 0 then 'NZ' else 'DE' end, case when i % 100 = 0 then 1 else 0 end,
        concat('Street ', i % 997, ', House ', i) from {20000};
    insert into products select i, concat('sku-', i), 1 + i % 100, concat('product number ', i), (i * 37 % 10000) / 100.0, concat('Item ', i, ' is good') from {15000};
    insert into orders select i, 1 + (i * 7919) % 20000, case when i % 100 = 7 then 'failed' when i % 5 = 1 then 'open' else 'paid' end,
        {stamp}, case when i % 20 <> 0 then {stamp} end, (i * 37 % 10000) / 100.0, concat('note about order ', i, ' and a good deal of further text') from {100000};
    insert into items select i, 1 + i / 2, 1 + (i * 31) % 5000, 1 + i % 9, (i * 17 % 10000) / 100.0 from {199000};
    insert into events select i, {stamp}, concat('kind', i % 40), concat('payload ', i) from {60000};";

fn rows(series: &str, stamp: &str) -> String {
    let mut out = ROWS.replace("{stamp}", stamp);
    for n in ["100", "15000", "20000", "60000", "100000", "199000"] {
        out = out.replace(&format!("{{{n}}}"), &series.replace("{}", n));
    }
    out
}

/// What a shop asks; all of it is understood everywhere.
const QUERIES: &[&str] = &[
    "select * from orders where id = 4711",
    "select * from orders where customer_id = 42",
    "select * from orders where customer_id = 42 and state = 'open' order by created_at desc limit 10",
    "select * from orders order by created_at desc limit 20",
    "select * from orders where state = 'failed' order by created_at desc limit 20",
    "select * from orders order by total desc limit 20",
    "select * from orders where created_at >= '2026-02-01' and created_at < '2026-02-03'",
    "select * from orders where total between 20 and 21 and state = 'paid'",
    "select * from orders where customer_id in (5, 77, 4040)",
    "select * from orders where customer_id = 42 or total = 99.99",
    "select * from orders where shipped_at is null and state = 'failed'",
    "select * from orders where state <> 'paid'",
    "select * from orders where note like 'note about order 4711 %'",
    "select * from orders where note like '%4711 and%'",
    "select * from customers where lower(email) = 'person77@example.org'",
    "select * from customers where email = 'Person77@example.org'",
    "select * from products where sku = 'sku-77'",
    "select id from customers where address = 'Street 7, House 7'",
    "select * from products where description = 'Item 77 is good'",
    "select * from products where description like 'Item 777%'",
    "select count(*) from orders",
    "select count(*) from customers c join orders o on o.customer_id = c.id join items i on i.order_id = o.id",
    "select state, count(*), sum(total) from orders group by state",
    "select city, count(*) from customers group by city order by count(*) desc limit 5",
    "select customer_id, sum(total) s from orders group by customer_id order by s desc limit 10",
    "select distinct city from customers",
    "select max(total) from orders",
    "select o.id, c.email from orders o join customers c on c.id = o.customer_id where c.city = 'city7'",
    "select o.id, c.email from orders o join customers c on c.id = o.customer_id where o.state = 'failed' and c.country = 'NZ'",
    "select c.city, sum(o.total) from orders o join customers c on c.id = o.customer_id group by c.city",
    "select c.city, sum(i.price * i.quantity) from customers c join orders o on o.customer_id = c.id join items i on i.order_id = o.id where o.created_at >= '2026-03-01' and o.created_at < '2026-03-04' group by c.city",
    "select p.name, sum(i.quantity) q from products p join items i on i.product_id = p.id where p.category_id = 17 group by p.name order by q desc",
    "select p.name, i.quantity from products p left join items i on i.product_id = p.id and i.quantity > 8 where p.sku = 'sku-99'",
    "select c.id from customers c where c.id < 300 and not exists (select 1 from orders o where o.customer_id = c.id and o.state = 'paid')",
    "select c.id from customers c where c.id < 300 and exists (select 1 from orders o where o.customer_id = c.id and o.total > 99.9)",
    "select id from customers where id in (select customer_id from orders where total = 7.07)",
    "select id, (select count(*) from orders o where o.customer_id = c.id) n from customers c where c.city = 'city9'",
    "select o.id, o.total from orders o where o.total > (select avg(total) * 1.9 from orders) and o.state = 'open'",
    "select d.customer_id, d.s from (select customer_id, sum(total) s from orders where state = 'failed' group by customer_id) d where d.s > 150",
    "with recent as (select * from orders where created_at >= '2026-05-15') select r.customer_id, count(*) from recent r group by r.customer_id having count(*) > 3",
    "with recursive tree (id, depth) as (select id, 0 from categories where parent_id is null union all select c.id, t.depth + 1 from categories c join tree t on c.parent_id = t.id) select depth, count(*) from tree group by depth",
    "with recursive chain (id, n) as (select id, 1 from orders where id = 5 union all select o.id, c.n + 1 from orders o join chain c on o.customer_id = c.id + 1 where c.n < 4) select count(*) from chain",
    "select * from (select o.id, o.customer_id, row_number() over (partition by o.customer_id order by o.created_at desc) n from orders o where o.customer_id < 200) w where n = 1",
    "select id, total, sum(total) over (order by created_at) from orders where customer_id = 77",
    "select id from orders where customer_id = 42 union all select order_id from items where product_id = 42",
    "select count(*) from events where at >= '2026-02-01' and at < '2026-02-02'",
    "select * from events where kind = 'kind7' order by at desc limit 10",
    "select e.kind, count(*) from events e where e.payload = 'payload 777' group by e.kind",
    "select * from orders o where o.customer_id = 5 and o.created_at > '2026-02-01' order by o.total limit 3 offset 2",
    "select * from items where quantity = 3 and price > 99.5 order by price",
    "select coalesce(shipped_at, created_at) from orders where coalesce(shipped_at, created_at) > '2026-05-19'",
];

/// An index that somebody proposes: the table, its keys in order, and whatever stands behind them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Proposed {
    table: String,
    keys: Vec<String>,
    rest: String,
}

/// Out of a `CREATE INDEX`; `None` for another statement.
fn proposed(ddl: &str) -> Option<Proposed> {
    let rest = ddl.strip_prefix("CREATE INDEX ")?.split_once(" ON ")?.1;
    of_spec(rest)
}

/// Out of `orders (state)`.
fn of_spec(spec: &str) -> Option<Proposed> {
    let (table, rest) = spec.split_once(" (").or_else(|| spec.split_once(" USING "))?;
    let rest = if spec[table.len()..].starts_with(" USING") { rest.split_once('(')?.1 } else { rest };
    let mut depth = 1;
    let end = rest.find(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    let mut keys = vec![String::new()];
    let mut depth = 0;
    for c in rest[..end].chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if c == ',' && depth == 0 { keys.push(String::new()) } else { keys.last_mut()?.push(c) }
    }
    let keys = keys.iter().map(|k| k.trim().to_lowercase()).collect();
    let table = table.rsplit('.').next()?.trim_matches(['"', '`']).to_string();
    Some(Proposed { table, keys, rest: rest[end + 1..].trim().to_string() })
}

impl Proposed {
    fn plain(&self) -> Vec<&str> {
        self.keys.iter().map(|k| k.trim_end_matches(" desc").trim_matches(['"', '`'])).collect()
    }
    /// Whether it finds what the other one finds: the same keys in front, in whatever order.
    fn does(&self, other: &Proposed) -> bool {
        let (own, theirs) = (self.plain(), other.plain());
        self.table == other.table && own.len() >= theirs.len() && {
            let first: BTreeSet<&&str> = own[..theirs.len()].iter().collect();
            first == theirs.iter().collect()
        }
    }
    fn same(&self, other: &Proposed) -> bool {
        self.does(other) && other.does(self) && self.rest == other.rest
    }
}

/// What stands against what, in sentences.
fn contradictions(report: &Report, known: &Known, dialect: Dialect) -> Vec<String> {
    let mut wrong = Vec::new();
    let findings: Vec<(&PlanFinding, Proposed)> =
        report.plan.findings.iter().filter_map(|f| Some((f, proposed(f.sql.as_deref()?)?))).collect();
    let advised: Vec<Proposed> =
        report.advice.iter().flat_map(|a| a.candidate.all().filter_map(|c| of_spec(&c.spec(dialect))).collect::<Vec<_>>()).collect();
    for (f, p) in &findings {
        let table = known.table(&p.table);
        if p.rest.is_empty() && table.is_some_and(|t| t.has_index_on(&p.plain())) {
            wrong.push(format!("{} proposes an index that is there: {p:?}", f.id));
        }
        let helps = advised.iter().any(|a| a.does(p));
        // What the planner was asked about is newer than the finding, which said to try it.
        for d in report.dropped.iter().filter(|d| !helps && d.reason.why != Why::Tried) {
            if of_spec(&d.what).is_some_and(|d| d.same(p)) {
                wrong.push(format!("{} proposes {p:?}, of which advice says: {}", f.id, d.reason.text));
            }
        }
        if report.helps() == Some(false) {
            wrong.push(format!("{} proposes {p:?}, and advice: {}", f.id, report.answer()));
        } else if !helps && !report.advice.is_empty() {
            wrong.push(format!("{} proposes {p:?}, and advice does not name it: {}", f.id, report.answer()));
        }
    }
    if report.helps() == Some(false) {
        for f in report.plan.findings.iter().filter(|f| f.next.contains("Try an index")) {
            wrong.push(format!("{} says {}, and advice: {}", f.id, f.next, report.answer()));
        }
    }
    for a in &report.advice {
        for f in &report.plan.findings {
            let of = a.candidate.nodes.iter().any(|n| f.nodes.first() == Some(n));
            if of && (f.next.contains("is there and was not taken") || f.next.contains("an index of one list")) {
                wrong.push(format!("advice proposes {}, and {} says: {}", a.spec, f.id, f.next));
            }
        }
        if let Some(p) = proposed(&a.create)
            && a.candidate.only_where.is_none()
            && a.candidate.include.is_empty()
            && a.candidate.method.is_none()
            && known.table(&p.table).is_some_and(|t| {
                t.indexes
                    .iter()
                    .any(|i| i.keys.len() >= p.keys.len() && p.plain().iter().zip(&i.keys).all(|(a, b)| a == b) && i.only_where.is_none())
            })
        {
            wrong.push(format!("advice proposes an index that is there: {}", a.spec));
        }
    }
    // Every row of several tables is joined by indexes that are there.
    if report.statement.starts_with("select count(*) from customers c join") && !report.advice.is_empty() {
        wrong.push("advice proposes an index for a join of whole tables that has all that it needs".into());
    }
    let answer = report.answer();
    if answer.contains("has no condition on it") && report.statement.contains(" where ")
        || answer.contains("no table that the catalogue knows")
    {
        wrong.push(format!("the statement is not like that: {answer}"));
    }
    // All statistics were made a moment ago.
    let fresh = |text: &str| text.to_lowercase().contains("refresh the statistics");
    wrong.extend(report.plan.findings.iter().filter(|f| fresh(&f.next)).map(|f| format!("{} asks for statistics: {}", f.id, f.next)));
    wrong.extend(report.reasons.iter().filter(|r| fresh(&r.next)).map(|r| format!("a reason asks for statistics: {} {}", r.text, r.next)));
    for r in &report.reasons {
        if ["(select", "trigcond", "<in_optimizer>", "subquery#"].iter().any(|own| r.text.contains(own)) {
            wrong.push(format!("a reason where an index finds the rows: {}", r.text));
        }
    }
    wrong
}

fn told(report: &Report) -> String {
    let mut out = format!("answer: {}\n", report.answer());
    for f in &report.plan.findings {
        out.push_str(&format!("  {} {}\n     → {}\n     {:?}\n", f.id, f.message, f.next, f.sql));
    }
    for a in &report.advice {
        out.push_str(&format!("  advice {} {} ({}; {})\n", a.level.word(), a.create, a.gain(), a.candidate.why));
    }
    for r in &report.reasons {
        out.push_str(&format!("  reason {:?} {} → {}\n", r.why, r.text, r.next));
    }
    for d in &report.dropped {
        out.push_str(&format!("  dropped {}: {:?} {}\n", d.what, d.reason.why, d.reason.text));
    }
    for n in &report.notes {
        out.push_str(&format!("  note {n}\n"));
    }
    out
}

/// What was said of all queries.
#[derive(Default)]
struct Said {
    wrong: Vec<String>,
    /// Every statement that was proposed.
    ddl: BTreeSet<String>,
    /// The first advice of each query, by the index's name: what it is on, and the statements.
    first: BTreeMap<String, (String, String)>,
}

/// Asks for findings and advice upon each query; `made`: advice of before, which is there by now.
async fn corpus(cx: &Cx, conn: &Connection, made: &BTreeSet<String>) -> Said {
    let mut said = Said::default();
    for sql in QUERIES {
        let wanted = Wanted { analyze: true, anyway: true, measure: false };
        let report = advice::advise(cx, conn, sql, wanted).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        let session = conn.reader().await.expect("session");
        let known = plan_facts::gather(conn, &session, &report.plan, sql).await.expect("facts");
        let mut found = contradictions(&report, &known, conn.dialect());
        found.extend(
            report.advice.iter().filter(|a| made.contains(&a.spec)).map(|a| format!("advised again though it is there: {}", a.spec)),
        );
        said.wrong.extend(found.into_iter().map(|w| format!("{sql}\n  {w}\n{}{}", told(&report), report.plan.raw)));
        said.ddl.extend(report.plan.findings.iter().filter_map(|f| f.sql.clone()));
        said.ddl.extend(report.advice.iter().map(|a| a.create.clone()));
        if let Some(a) = report.advice.first() {
            said.first.entry(a.candidate.name.clone()).or_insert_with(|| (a.spec.clone(), a.create.clone()));
        }
    }
    said
}

/// Asks upon the shop as it is, and once more where the best of all advice was taken.
fn on(project: &Project, accepts: impl Fn(&str), make: impl Fn(&BTreeMap<String, (String, String)>)) {
    let root = project.home.path().to_path_buf();
    let config = holdpoint::config::files::load_in(None, &Surroundings::made_up(&root, &root, [])).expect("config");
    let cx = Cx::new(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let ask = |made: &BTreeSet<String>| {
        let said = runtime.block_on(async {
            let conn = holdpoint::ops::connect::connect(&cx, "app-dev").await.expect("connection");
            corpus(&cx, &conn, made).await
        });
        said.ddl.iter().for_each(|sql| accepts(sql));
        said
    };
    let before = ask(&BTreeSet::new());
    make(&before.first);
    let after = ask(&before.first.values().map(|(spec, _)| spec.clone()).collect());
    let wrong = [before.wrong, after.wrong].concat();
    assert!(wrong.is_empty(), "{} contradictions\n{}", wrong.len(), wrong.join("\n----\n"));
}

#[test]
fn postgresql_findings_and_advice_say_the_same() {
    let p = Project::postgres();
    let s = p.postgres_server();
    s.psql("app-dev", TABLES);
    s.psql("app-dev", "create table events (id integer not null, at timestamp not null, kind varchar(20) not null, payload varchar(60) not null) partition by range (at)");
    for (n, month) in ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"].windows(2).enumerate() {
        let (from, to) = (month[0], month[1]);
        s.psql("app-dev", &format!("create table events_{n} partition of events for values from ('{from}') to ('{to}')"));
    }
    s.psql("app-dev", &rows("generate_series(1, {}) i", "timestamp '2026-01-01' + i * interval '2 minutes'"));
    s.psql("app-dev", "create extension hypopg");
    s.psql("app-dev", "vacuum (analyze)");
    let accepts = |sql: &str| drop(s.psql("app-dev", &format!("begin; {sql}; rollback")));
    on(&p, accepts, |best| {
        best.values().for_each(|(_, create)| drop(s.psql("app-dev", create)));
        s.psql("app-dev", "vacuum (analyze)");
    });
}

#[test]
fn mariadb_findings_and_advice_say_the_same() {
    let p = Project::mariadb();
    let s = p.mariadb_server();
    let events = "create table events (id integer not null, at datetime not null, kind varchar(20) not null, payload varchar(60) not null, primary key (id, at))
        partition by range columns (at) (partition p0 values less than ('2026-02-01'), partition p1 values less than ('2026-03-01'), partition p2 values less than (maxvalue));";
    let tables = format!("{TABLES} {events}").replace("timestamp", "datetime");
    s.sql("app-dev", &tables);
    s.sql("app-dev", &rows("(select seq as i from seq_1_to_{}) s", "'2026-01-01' + interval i * 2 minute"));
    let analyze = "analyze table categories, customers, products, orders, items, events";
    s.sql("app-dev", analyze);
    let accepts = |sql: &str| {
        // Its DDL commits by itself: tried on tables without rows.
        s.sql("", "create or replace database tried");
        s.sql("tried", &tables);
        s.sql("tried", sql);
    };
    on(&p, accepts, |best| {
        best.values().for_each(|(_, create)| drop(s.sql("app-dev", create)));
        s.sql("app-dev", analyze);
    });
}

#[test]
fn sqlite_findings_and_advice_say_the_same() {
    let p = Project::sqlite();
    let db = rusqlite::Connection::open(p.path("app-dev.db")).expect("database");
    db.execute_batch(TABLES).expect("tables");
    db.execute_batch("create table events (id integer primary key, at text not null, kind text not null, payload text not null)")
        .expect("events");
    let series = "(with recursive n(i) as (select 1 union all select i + 1 from n where i < {}) select i from n)";
    db.execute_batch(&rows(series, "datetime('2026-01-01', (i * 2) || ' minutes')")).expect("rows");
    db.execute_batch("analyze").expect("statistics");
    let run = |sql: &str| db.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    on(
        &p,
        |sql| run(&format!("begin; {sql}; rollback")),
        |best| {
            best.values().for_each(|(_, create)| run(create));
            run("analyze");
        },
    );
}
