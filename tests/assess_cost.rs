//! What an assessment costs its server, by the server's own count. The bench holds that to a hundredth of the machine over its run; here the machine may
//! be slow or loaded, and what is counted is held: statements, pages, and that nothing is written.

mod support;

use support::cost::{COUNTED, Cost, of_mariadb, of_postgres};
use support::maria::MariaServer;
use support::pg::PgServer;

fn is_cheap(cost: &Cost, most: f64) {
    println!("{cost:?}: {:.3} % of the machine", cost.share());
    assert!(cost.share() < 4.0, "{:.2} % of the machine: {cost:?}", cost.share());
    assert_eq!(cost.written, 0.0, "{cost:?}");
    assert!(cost.statements >= 20.0 && cost.statements <= most, "{cost:?}");
}

#[test]
fn what_an_assessment_costs_postgresql() {
    let pg = PgServer::start(&COUNTED);
    pg.create_database("shop");
    pg.psql("shop", "create table orders (id int primary key); insert into orders select generate_series(1, 1000)");
    let home = tempfile::tempdir().expect("home");
    let cost = of_postgres(&pg, home.path(), "shop");
    is_cheap(&cost, 600.0);
    assert!(cost.read < 8_000.0, "{cost:?}");
}

#[test]
fn what_an_assessment_costs_mariadb() {
    let my = MariaServer::start(&[]);
    my.create_database("shop");
    my.sql("shop", "create table orders (id int primary key); insert into orders select seq from seq_1_to_1000");
    let home = tempfile::tempdir().expect("home");
    is_cheap(&of_mariadb(&my, home.path(), "shop"), 400.0);
}
