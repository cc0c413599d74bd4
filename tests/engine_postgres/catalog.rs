//! The schema tree, definitions, the canonical catalogue.

use super::*;

fn path(parts: &[(NodeKind, &str)]) -> NodePath {
    NodePath(parts.iter().map(|(k, n)| (*k, n.to_string())).collect())
}

/// What the server itself would name when the object is dropped.
#[tokio::test]
async fn what_uses_a_type_or_a_column_is_all_that_the_server_knows() {
    let pg = PgServer::shared();
    pg.create_database("users_of");
    pg.psql(
        "users_of",
        "create type mood as enum ('a'); create table m (x mood[], y mood); create type pair as (l mood, n int);
         create function takes(m mood[]) returns int language sql as 'select 1';
         create function casts(m mood) returns int language sql as 'select 1'; create cast (mood as int) with function casts(mood);
         create table p (id int primary key, s text, t text);
         create statistics both_of (ndistinct) on s, t from p; create function row_of(r p) returns int language sql as 'select 1';",
    );
    // Older ones publish whole tables.
    let by_column = pg.psql("users_of", "show server_version_num").trim().parse::<u32>().expect("number") >= 150_000;
    pg.psql("users_of", &format!("create publication pub for table p {}", if by_column { "(id, s)" } else { "" }));
    let e = engine(target(pg, "users_of"));
    let s = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap();
    let c = e.catalog().get().unwrap();
    let public = NodePath::root().child(NodeKind::Schema, "public");
    let users = async |at: NodePath| {
        c.dependents(&s, &at).await.unwrap().into_iter().map(|d| format!("{} {}", d.name, d.detail)).collect::<Vec<_>>()
    };
    let of = users(public.child(NodeKind::Group, "Types").child(NodeKind::Type, "mood")).await;
    for name in [
        "public.m.x public.mood[]",
        "public.m.y public.mood",
        "public.pair.l public.mood",
        "public.takes(m public.mood[]) ",
        "public.mood AS integer cast",
    ] {
        assert!(of.iter().any(|u| u == name), "{name}: {of:?}");
    }
    let table = public.child(NodeKind::Table, "p");
    let of = users(table.child(NodeKind::Column, "s")).await;
    for name in ["public.p.pub publication", "public.p.both_of statistics"].into_iter().filter(|n| by_column || !n.contains("publication"))
    {
        assert!(of.iter().any(|u| u == name), "{name}: {of:?}");
    }
    assert!(users(table).await.iter().any(|u| u.starts_with("public.row_of(")), "a function of its rows");
}

#[tokio::test]
async fn the_tree_and_definitions_tell_what_is_there() {
    let pg = PgServer::shared();
    pg.create_database("tree");
    pg.psql("tree", ZOO);
    let e = engine(target(pg, "tree"));
    let s = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap();
    let c = e.catalog().get().unwrap();
    let schemas = c.children(&s, &NodePath::root()).await.unwrap();
    assert_eq!(schemas.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["public"]);
    let public = NodePath::root().child(NodeKind::Schema, "public");
    let all = c.children(&s, &public).await.unwrap();
    let names: Vec<_> = all.iter().map(|n| (n.kind, n.name.as_str())).collect();
    assert!(
        names.contains(&(NodeKind::Table, "orders"))
            && names.contains(&(NodeKind::View, "big"))
            && names.contains(&(NodeKind::MaterializedView, "per_customer"))
    );
    assert_eq!(&names[names.len() - 3..], [(NodeKind::Group, "Sequences"), (NodeKind::Group, "Functions"), (NodeKind::Group, "Types")]);
    let orders = all.iter().find(|n| n.name == "orders").unwrap();
    assert_eq!(orders.rows, Some(500));
    assert!(orders.bytes.unwrap() >= 3 * 8192);
    assert_eq!(all.iter().find(|n| n.name == "parts_1").unwrap().detail, "partition of parts");

    let at = public.child(NodeKind::Table, "orders");
    let columns = c.children(&s, &at).await.unwrap();
    let by = |n: &str| columns.iter().find(|c| c.name == n).unwrap_or_else(|| panic!("{n} in {columns:?}"));
    assert_eq!(by("id").marks, ["PK", "DEFAULT nextval('public.orders_id_seq'::regclass)"]);
    assert_eq!(by("customer").marks, ["FK → customers.id", "NOT NULL"]);
    assert_eq!(by("twice").marks, ["GENERATED"]);
    assert_eq!(by("note").detail, "character varying(20)");
    let indexes = c.children(&s, &at.child(NodeKind::Group, "Indexes")).await.unwrap();
    assert_eq!(indexes[0].marks, ["PK"]);
    assert_eq!((indexes[1].name.as_str(), indexes[1].detail.as_str()), ("orders_at", "btree (at DESC) WHERE (total > (10)::numeric)"));
    for group in ["Constraints", "Triggers"] {
        assert!(!c.children(&s, &at.child(NodeKind::Group, group)).await.unwrap().is_empty(), "{group}");
    }
    let functions = c.children(&s, &public.child(NodeKind::Group, "Functions")).await.unwrap();
    assert!(functions.iter().any(|f| f.name == "add(a integer, b integer)" && f.detail == "→ integer"));
    assert!(c.children(&s, &public.child(NodeKind::Group, "Types")).await.unwrap().iter().any(|t| t.detail == "enum (sad, happy)"));
    assert_eq!(c.preview(&at, 100, None).unwrap(), "SELECT * FROM \"public\".\"orders\" LIMIT 100");

    // Every definition runs again in an empty database.
    pg.create_database("tree_again");
    let again = open(target(pg, "tree_again")).await;
    let split = |d: String| d;
    for at in [
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Types"), (NodeKind::Type, "mood")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Types"), (NodeKind::Type, "price")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Types"), (NodeKind::Type, "pair")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "customers")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Functions"), (NodeKind::Function, "touch()")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "orders")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::View, "big")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::MaterializedView, "per_customer")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "parts")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "parts_1")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Functions"), (NodeKind::Function, "add(a integer, b integer)")]),
    ] {
        let text = split(c.definition(&s, &at).await.unwrap());
        pg.psql("tree_again", &text);
    }
    let e2 = engine(target(pg, "tree_again"));
    let want = c.objects(&s).await.unwrap();
    let have = e2.catalog().get().unwrap().objects(&again).await.unwrap();
    for kind in ["column", "index", "view", "function", "trigger", "column-order"] {
        for o in have.iter().filter(|o| o.kind == kind) {
            assert_eq!(want.iter().find(|w| (&w.kind, &w.name) == (&o.kind, &o.name)), Some(o));
        }
        assert!(have.iter().any(|o| o.kind == kind), "no {kind}");
    }
    assert!(!want.iter().any(|o| o.name.contains("_sqlx_migrations")), "the history table is left out");
    let tables = c.tables(&s).await.unwrap();
    assert_eq!(
        tables.iter().map(|t| t.full_name()).collect::<Vec<_>>(),
        ["public.customers", "public.orders", "public.parts_1", "public.parts_2"]
    );
    let unsure = c
        .writing_functions(
            &s,
            &["add".into(), "danger".into(), "lower".into(), "pg_catalog.now".into(), "nextval".into(), "no_such".into()],
        )
        .await
        .unwrap();
    assert_eq!(unsure, ["danger", "nextval", "no_such"]);
    let gone = c.definition(&s, &path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "gone")])).await.unwrap_err();
    assert!(gone.message.contains("public.gone is no longer there"));
}

#[tokio::test]
async fn the_size_of_a_table_that_was_never_analyzed_is_not_known() {
    let pg = PgServer::shared();
    pg.create_database("unanalyzed");
    pg.psql(
        "unanalyzed",
        "create table fresh (id int primary key, t text) with (autovacuum_enabled = false);
         insert into fresh select i, md5(i::text) from generate_series(1, 5000) i;
         create table seen (id int) with (autovacuum_enabled = false); insert into seen select generate_series(1, 5000); analyze seen;",
    );
    let e = engine(target(pg, "unanalyzed"));
    let s = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap();
    let nodes = e.catalog().get().unwrap().children(&s, &NodePath::root().child(NodeKind::Schema, "public")).await.unwrap();
    let of = |name: &str| nodes.iter().find(|n| n.name == name).map(|n| (n.rows, n.bytes.is_some())).unwrap();
    assert_eq!(of("fresh"), (None, false));
    assert_eq!(of("seen"), (Some(5000), true));
}
