//! The schema tree, catalogues that are compared, names that are proposed.

use super::*;

fn find<'a>(nodes: &'a [SchemaNode], name: &str) -> &'a SchemaNode {
    nodes.iter().find(|n| n.name == name).unwrap_or_else(|| panic!("no {name} in {nodes:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_tree_shows_what_there_is() {
    let server = MariaServer::shared();
    let (e, s) = shop(server, "tree").await;
    let catalog = e.catalog().get().expect("catalog");
    let root = catalog.children(&s, &NodePath::root()).await.expect("databases");
    assert_eq!(root[0].name, "tree", "the target's database comes first");
    assert!(!root.iter().any(|n| ["mysql", "information_schema", "performance_schema", "sys"].contains(&n.name.as_str())));
    let db = NodePath::root().child(NodeKind::Schema, "tree");
    let list = catalog.children(&s, &db).await.expect("relations");
    let names: Vec<&str> = list.iter().map(|n| n.name.as_str()).collect();
    let expected = ["customers", "old", "orders", "big", "numbers", "Functions", "Procedures", "Events"];
    assert_eq!(names, expected.into_iter().filter(|n| *n != "numbers" || !MariaServer::is_mysql()).collect::<Vec<_>>());
    assert!(find(&list, "orders").rows.is_some_and(|r| (3000..8000).contains(&r)), "{list:?}");
    assert!(find(&list, "orders").bytes.is_some_and(|b| b > 16_384));
    assert_eq!(find(&list, "old").detail, "MyISAM");
    let orders = db.child(NodeKind::Table, "orders");
    let inside = catalog.children(&s, &orders).await.expect("columns");
    assert_eq!(find(&inside, "customer_id").marks, ["FK → customers.id"]);
    assert_eq!(find(&inside, "id").marks, ["PK", "NOT NULL"]);
    assert_eq!(find(&inside, "total").detail, "decimal(10,2)");
    for (group, name, detail) in [
        ("Indexes", "by_total", "(total, customer_id)"),
        ("Foreign keys", "placed_by", "(customer_id) → customers (id) ON DELETE CASCADE"),
        match MariaServer::is_mysql() {
            true => ("Checks", "orders_chk_1", "CHECK (`total` >= 0)"),
            false => ("Checks", "total", "CHECK (`total` >= 0)"),
        },
        ("Triggers", "noted", "BEFORE INSERT"),
    ] {
        let nodes = catalog.children(&s, &orders.child(NodeKind::Group, group)).await.expect(group);
        assert_eq!(find(&nodes, name).detail, detail, "{group}");
    }
    for (path, start) in [
        (orders.clone(), "CREATE TABLE `orders`"),
        (db.child(NodeKind::View, "big"), "CREATE ALGORITHM"),
        (db.child(NodeKind::Sequence, "numbers"), "CREATE SEQUENCE"),
        (orders.child(NodeKind::Group, "Triggers").child(NodeKind::Trigger, "noted"), "CREATE "),
        (db.child(NodeKind::Group, "Functions").child(NodeKind::Function, "plus_one"), "CREATE "),
        (db.child(NodeKind::Group, "Procedures").child(NodeKind::Function, "cleanup"), "CREATE "),
        (db.child(NodeKind::Group, "Events").child(NodeKind::Function, "nightly"), "CREATE "),
    ] {
        if MariaServer::is_mysql() && matches!(path.last(), Some((NodeKind::Sequence, _))) {
            continue;
        }
        let text = catalog.definition(&s, &path).await.expect("definition");
        // Under the mode of its own, between DELIMITER lines where it holds statements.
        let body = text.strip_prefix("SET @saved_sql_mode").map_or(&text[..], |rest| rest.split_once('\n').expect("a line").1);
        let body = body.strip_prefix("DELIMITER ;;\n").unwrap_or(body);
        assert!(body.starts_with(start) && text.ends_with(';') && !text.contains("DEFINER="), "{text}");
    }
    assert_eq!(catalog.preview(&orders, 50, None).as_deref(), Some("SELECT * FROM `orders` LIMIT 50"));
    let other = NodePath::root().child(NodeKind::Schema, "o`ther").child(NodeKind::Table, "t");
    assert_eq!(catalog.preview(&other, 1, None).as_deref(), Some("SELECT * FROM `o``ther`.`t` LIMIT 1"));
    // Groups list what definitions are asked for.
    assert_eq!(catalog.children(&s, &db.child(NodeKind::Group, "Procedures")).await.expect("procedures")[0].name, "cleanup");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_schemas_have_equal_catalogues_and_changes_are_named() {
    let server = MariaServer::shared();
    let (a, sa) = shop(server, "canon_a").await;
    let (b, sb) = shop(server, "canon_b").await;
    let one = a.catalog().get().expect("catalog").objects(&sa).await.expect("objects");
    run(&sb, "insert into customers (email) values ('more')").await.expect("counters differ now");
    let two = b.catalog().get().expect("catalog").objects(&sb).await.expect("objects");
    assert_eq!(one, two);
    let kinds: std::collections::BTreeSet<&str> = one.iter().map(|o| o.kind.as_str()).collect();
    for kind in ["table", "column", "index", "constraint", "view", "trigger", "function", "procedure", "event", "sequence", "setting"] {
        if kind == "sequence" && MariaServer::is_mysql() {
            continue;
        }
        assert!(kinds.contains(kind), "{kind} is missing in {kinds:?}");
    }
    run(&sb, "alter table orders modify note varchar(9)").await.expect("alter");
    run(&sb, "drop function plus_one").await.expect("function");
    run(&sb, "create function plus_one(a int) returns int deterministic return a + 2").await.expect("function");
    let changed = b.catalog().get().expect("catalog").objects(&sb).await.expect("objects");
    let different: Vec<&str> = changed.iter().filter(|o| !one.contains(o)).map(|o| o.name.as_str()).collect();
    assert_eq!(different, ["orders.note", "plus_one"]);
    let shapes = a.catalog().get().expect("catalog").tables(&sa).await.expect("tables");
    assert_eq!(shapes.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["customers", "old", "orders"]);
    assert_eq!(shapes[2].columns, ["id", "customer_id", "total", "note", "twice"]);
}

#[tokio::test]
async fn every_function_that_is_proposed_is_the_servers_own() {
    let server = MariaServer::shared();
    let e = engine(target(server, ""));
    let s = session(server, "", Access::ReadOnly).await;
    let names = e.catalog().get().expect("catalogue").names(&s).await.expect("names");
    assert_eq!(names.mariadb, !MariaServer::is_mysql());
    assert!(names.roles.iter().any(|r| &**r == "'root'@'localhost'"), "{:?}", names.roles);
    let mut unknown = Vec::new();
    for f in &names.functions {
        // Without arguments few make sense, and what is no function is told apart.
        if let Err(e) = run(&s, &format!("select {f}()")).await
            && e.code.as_deref() == Some("42000")
            && e.message.contains("does not exist")
        {
            unknown.push(f.clone());
        }
    }
    assert_eq!(unknown, Vec::<Box<str>>::new());
}
