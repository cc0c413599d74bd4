//! The tables and the 22 questions of TPC-H: data from the `tpchgen` crate, at a hundredth of the smallest official size.

use super::support::pg::PgServer;
use std::fmt::{Display, Write};
use tpchgen::distribution::Distributions;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator, RegionGenerator,
    SupplierGenerator,
};
use tpchgen::text::TextPool;

const SCALE: f64 = 0.01;
/// Bytes of the pool that comments are cut from; the official 300 MB would take longer than all the rest.
const POOL: i32 = 1 << 20;

const TABLES: &str = "
    create table region (r_regionkey int primary key, r_name text, r_comment text);
    create table nation (n_nationkey int primary key, n_name text, n_regionkey int, n_comment text);
    create table part (p_partkey int primary key, p_name text, p_mfgr text, p_brand text, p_type text, p_size int, p_container text, p_retailprice numeric, p_comment text);
    create table supplier (s_suppkey int primary key, s_name text, s_address text, s_nationkey int, s_phone text, s_acctbal numeric, s_comment text);
    create table partsupp (ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost numeric, ps_comment text, primary key (ps_partkey, ps_suppkey));
    create table customer (c_custkey int primary key, c_name text, c_address text, c_nationkey int, c_phone text, c_acctbal numeric, c_mktsegment text, c_comment text);
    create table orders (o_orderkey bigint primary key, o_custkey int, o_orderstatus text, o_totalprice numeric, o_orderdate date, o_orderpriority text, o_clerk text, o_shippriority int, o_comment text);
    create table lineitem (l_orderkey bigint, l_partkey int, l_suppkey int, l_linenumber int, l_quantity numeric, l_extendedprice numeric, l_discount numeric, l_tax numeric, l_returnflag text,
        l_linestatus text, l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct text, l_shipmode text, l_comment text, primary key (l_orderkey, l_linenumber));";

/// Makes the database and fills it.
pub fn fill(pg: &PgServer, database: &str) {
    pg.create_database(database);
    pg.psql(database, TABLES);
    let (words, pool) = (Distributions::static_default(), TextPool::new(POOL, Distributions::static_default()));
    macro_rules! load {
        ($table:literal, $generator:ident) => {
            copy(pg, database, $table, $generator::new_with_distributions_and_text_pool(SCALE, 1, 1, words, &pool).iter())
        };
    }
    copy(pg, database, "region", RegionGenerator::new_with_distributions_and_text_pool(words, &pool).iter());
    copy(pg, database, "nation", NationGenerator::new_with_distributions_and_text_pool(words, &pool).iter());
    load!("part", PartGenerator);
    load!("supplier", SupplierGenerator);
    load!("customer", CustomerGenerator);
    load!("orders", OrderGenerator);
    load!("lineitem", LineItemGenerator);
    copy(pg, database, "partsupp", PartSuppGenerator::new_with_text_pool(SCALE, 1, 1, &pool).iter());
    pg.psql(database, "create index lineitem_part on lineitem (l_partkey, l_suppkey); create index orders_customer on orders (o_custkey)");
    pg.psql(database, "vacuum analyze");
}

/// Rows as the generator prints them: fields between bars, and one bar at the end.
fn copy(pg: &PgServer, database: &str, table: &str, rows: impl Iterator<Item = impl Display>) {
    let mut text = String::new();
    for row in rows {
        writeln!(text, "{row}").expect("a string takes all");
    }
    let text: String = text.lines().flat_map(|l| [l.strip_suffix('|').unwrap_or(l), "\n"]).collect();
    pg.psql_with_input(database, &format!("copy {table} from stdin with (delimiter '|')"), &text);
}

/// The 22 questions.
pub const QUESTIONS: [&str; 22] = [
    "select l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_discount), count(*)
        from lineitem where l_shipdate <= date '1998-12-01' - interval '90 days' group by 1, 2 order by 1, 2",
    "select s_acctbal, s_name, n_name, p_partkey from part, supplier, partsupp, nation, region
        where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size = 15 and p_type like '%BRASS' and s_nationkey = n_nationkey
        and n_regionkey = r_regionkey and r_name = 'EUROPE' and ps_supplycost = (select min(ps_supplycost) from partsupp, supplier, nation, region
            where p_partkey = ps_partkey and s_suppkey = ps_suppkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE')
        order by s_acctbal desc, n_name, s_name, p_partkey limit 100",
    "select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_shippriority from customer, orders, lineitem
        where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < date '1995-03-15'
        and l_shipdate > date '1995-03-15' group by l_orderkey, o_orderdate, o_shippriority order by revenue desc, o_orderdate limit 10",
    "select o_orderpriority, count(*) from orders where o_orderdate >= date '1993-07-01' and o_orderdate < date '1993-10-01'
        and exists (select from lineitem where l_orderkey = o_orderkey and l_commitdate < l_receiptdate) group by 1 order by 1",
    "select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue from customer, orders, lineitem, supplier, nation, region
        where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey and c_nationkey = s_nationkey
        and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'ASIA' and o_orderdate >= date '1994-01-01'
        and o_orderdate < date '1995-01-01' group by n_name order by revenue desc",
    "select sum(l_extendedprice * l_discount) from lineitem where l_shipdate >= date '1994-01-01' and l_shipdate < date '1995-01-01'
        and l_discount between 0.05 and 0.07 and l_quantity < 24",
    "select supp, cust, year, sum(volume) from (select n1.n_name as supp, n2.n_name as cust, extract(year from l_shipdate) as year,
            l_extendedprice * (1 - l_discount) as volume from supplier, lineitem, orders, customer, nation n1, nation n2
            where s_suppkey = l_suppkey and o_orderkey = l_orderkey and c_custkey = o_custkey and s_nationkey = n1.n_nationkey
            and c_nationkey = n2.n_nationkey and ((n1.n_name = 'FRANCE' and n2.n_name = 'GERMANY') or (n1.n_name = 'GERMANY' and n2.n_name = 'FRANCE'))
            and l_shipdate between date '1995-01-01' and date '1996-12-31') shipping group by 1, 2, 3 order by 1, 2, 3",
    "select year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) from (select extract(year from o_orderdate) as year,
            l_extendedprice * (1 - l_discount) as volume, n2.n_name as nation from part, supplier, lineitem, orders, customer, nation n1, nation n2, region
            where p_partkey = l_partkey and s_suppkey = l_suppkey and l_orderkey = o_orderkey and o_custkey = c_custkey and c_nationkey = n1.n_nationkey
            and n1.n_regionkey = r_regionkey and r_name = 'AMERICA' and s_nationkey = n2.n_nationkey
            and o_orderdate between date '1995-01-01' and date '1996-12-31' and p_type = 'ECONOMY ANODIZED STEEL') all_nations group by 1 order by 1",
    "select nation, year, sum(amount) from (select n_name as nation, extract(year from o_orderdate) as year,
            l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity as amount from part, supplier, lineitem, partsupp, orders, nation
            where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and ps_partkey = l_partkey and p_partkey = l_partkey and o_orderkey = l_orderkey
            and s_nationkey = n_nationkey and p_name like '%green%') profit group by 1, 2 order by 1, 2 desc",
    "select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name from customer, orders, lineitem, nation
        where c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate >= date '1993-10-01' and o_orderdate < date '1994-01-01'
        and l_returnflag = 'R' and c_nationkey = n_nationkey group by c_custkey, c_name, c_acctbal, n_name order by revenue desc limit 20",
    "select ps_partkey, sum(ps_supplycost * ps_availqty) as value from partsupp, supplier, nation where ps_suppkey = s_suppkey
        and s_nationkey = n_nationkey and n_name = 'GERMANY' group by ps_partkey having sum(ps_supplycost * ps_availqty) >
        (select sum(ps_supplycost * ps_availqty) * 0.01 from partsupp, supplier, nation where ps_suppkey = s_suppkey and s_nationkey = n_nationkey
            and n_name = 'GERMANY') order by value desc",
    "select l_shipmode, sum(case when o_orderpriority in ('1-URGENT', '2-HIGH') then 1 else 0 end), count(*) from orders, lineitem
        where o_orderkey = l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate and l_shipdate < l_commitdate
        and l_receiptdate >= date '1994-01-01' and l_receiptdate < date '1995-01-01' group by 1 order by 1",
    "select n, count(*) from (select c_custkey, count(o_orderkey) as n from customer left join orders on c_custkey = o_custkey
            and o_comment not like '%special%requests%' group by c_custkey) counted group by n order by 2 desc, 1 desc",
    "select 100 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end) / sum(l_extendedprice * (1 - l_discount))
        from lineitem, part where l_partkey = p_partkey and l_shipdate >= date '1995-09-01' and l_shipdate < date '1995-10-01'",
    "with revenue as (select l_suppkey as supplier, sum(l_extendedprice * (1 - l_discount)) as total from lineitem
            where l_shipdate >= date '1996-01-01' and l_shipdate < date '1996-04-01' group by l_suppkey)
        select s_suppkey, s_name, total from supplier, revenue where s_suppkey = supplier and total = (select max(total) from revenue) order by 1",
    "select p_brand, p_type, p_size, count(distinct ps_suppkey) as suppliers from partsupp, part where p_partkey = ps_partkey
        and p_brand <> 'Brand#45' and p_type not like 'MEDIUM POLISHED%' and p_size in (49, 14, 23, 45, 19, 3, 36, 9)
        and ps_suppkey not in (select s_suppkey from supplier where s_comment like '%Customer%Complaints%') group by 1, 2, 3 order by 4 desc, 1, 2, 3",
    "select sum(l_extendedprice) / 7.0 from lineitem, part where p_partkey = l_partkey and p_brand = 'Brand#23' and p_container = 'MED BOX'
        and l_quantity < (select 0.2 * avg(l_quantity) from lineitem where l_partkey = p_partkey)",
    "select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) from customer, orders, lineitem
        where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 250) and c_custkey = o_custkey
        and o_orderkey = l_orderkey group by 1, 2, 3, 4, 5 order by o_totalprice desc, o_orderdate limit 100",
    "select sum(l_extendedprice * (1 - l_discount)) from lineitem, part where p_partkey = l_partkey and l_shipinstruct = 'DELIVER IN PERSON'
        and l_shipmode in ('AIR', 'REG AIR') and ((p_brand = 'Brand#12' and l_quantity between 1 and 11 and p_size between 1 and 5)
        or (p_brand = 'Brand#23' and l_quantity between 10 and 20 and p_size between 1 and 10)
        or (p_brand = 'Brand#34' and l_quantity between 20 and 30 and p_size between 1 and 15))",
    "select s_name, s_address from supplier, nation where s_suppkey in (select ps_suppkey from partsupp
            where ps_partkey in (select p_partkey from part where p_name like 'forest%') and ps_availqty > (select 0.5 * sum(l_quantity) from lineitem
                where l_partkey = ps_partkey and l_suppkey = ps_suppkey and l_shipdate >= date '1994-01-01' and l_shipdate < date '1995-01-01'))
        and s_nationkey = n_nationkey and n_name = 'CANADA' order by 1",
    "select s_name, count(*) as waits from supplier, lineitem l1, orders, nation where s_suppkey = l1.l_suppkey and o_orderkey = l1.l_orderkey
        and o_orderstatus = 'F' and l1.l_receiptdate > l1.l_commitdate and exists (select from lineitem l2 where l2.l_orderkey = l1.l_orderkey
            and l2.l_suppkey <> l1.l_suppkey) and not exists (select from lineitem l3 where l3.l_orderkey = l1.l_orderkey
            and l3.l_suppkey <> l1.l_suppkey and l3.l_receiptdate > l3.l_commitdate) and s_nationkey = n_nationkey and n_name = 'SAUDI ARABIA'
        group by s_name order by waits desc, s_name limit 100",
    "select code, count(*), sum(c_acctbal) from (select substring(c_phone from 1 for 2) as code, c_acctbal from customer
            where substring(c_phone from 1 for 2) in ('13', '31', '23', '29', '30', '18', '17')
            and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0 and substring(c_phone from 1 for 2) in ('13', '31', '23', '29', '30', '18', '17'))
            and not exists (select from orders where o_custkey = c_custkey)) idle group by code order by code",
];
