//! The schema pane by its keys: going to objects, templates, sizes, what uses an object, related tables.

#[allow(dead_code, reason = "shared with the other tests of the screens")]
#[path = "ui/console.rs"]
mod console;

use console::Console;
use holdpoint::app::effect::Effect;
use holdpoint::app::panes::schema::{Ask, Told};
use holdpoint::app::{Msg, Pane};
use holdpoint::model::names::{Collector, Names};
use holdpoint::model::{Dependent, Error, NodeKind, NodePath, RelationUsage, SchemaNode, Usage};
use holdpoint::ops::used_by::{Mention, UsedBy};
use holdpoint::sql::template::Template;

const S: NodeKind = NodeKind::Schema;
const T: NodeKind = NodeKind::Table;
const V: NodeKind = NodeKind::View;
const C: NodeKind = NodeKind::Column;
const G: NodeKind = NodeKind::Group;

fn node(kind: NodeKind, name: &str) -> SchemaNode {
    let expandable = matches!(kind, NodeKind::Schema | NodeKind::Table | NodeKind::View | NodeKind::Group);
    SchemaNode {
        kind,
        name: name.into(),
        detail: String::new(),
        comment: String::new(),
        marks: Vec::new(),
        rows: None,
        bytes: None,
        expandable,
    }
}

fn path(names: &[(NodeKind, &str)]) -> NodePath {
    NodePath(names.iter().map(|(k, n)| (*k, (*n).to_string())).collect())
}

fn shop_names() -> Names {
    let mut n = Collector::default();
    for (table, columns) in [
        ("customers", &["id", "name"][..]),
        ("orders", &["id", "customer_id", "total"]),
        ("order_lines", &["order_id", "line", "product_id"]),
        ("products", &["id", "name"]),
    ] {
        n.relation("main", table, T, false);
        for c in columns {
            n.column(c, "INTEGER");
        }
    }
    n.relation("main", "revenue", V, false);
    n.column("month", "TEXT");
    n.place("main", Some((T, "orders")), "Indexes", NodeKind::Index, "orders_by_customer");
    n.key_pair(true, ("main", "orders", "customer_id"), ("main", "customers", "id"));
    n.key_pair(true, ("main", "order_lines", "order_id"), ("main", "orders", "id"));
    n.key_pair(true, ("main", "order_lines", "product_id"), ("main", "products", "id"));
    n.finish(vec!["main".into()], vec!["main".into()], vec!["count".into()])
}

/// A connected console with the list of tables and all names.
fn shop() -> Console {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.children(&[], vec![node(S, "main")]);
    let tables = ["customers", "order_lines", "orders", "products"].iter().map(|t| node(T, t));
    c.children(&[(S, "main")], tables.chain([node(V, "revenue")]).collect());
    let link = c.state.link_no;
    c.send(Msg::Names { link, result: Ok(Box::new(shop_names())) });
    c
}

fn asked_for(effects: &[Effect]) -> Option<&NodePath> {
    effects.iter().find_map(|e| match e {
        Effect::Children { at, .. } => Some(at),
        _ => None,
    })
}

fn chosen(c: &Console) -> NodePath {
    c.state.schema.chosen_path().expect("a node is chosen")
}

#[test]
fn a_few_letters_go_to_any_object_and_load_what_stands_above_it() {
    let mut c = shop();
    c.press("2");
    assert_eq!(c.state.view.focus, Pane::Editor);
    c.press("C-g");
    c.type_text("by_cust");
    assert!(c.screen().contains("orders.orders_by_customer"), "{}", c.screen());
    let effects = c.press("Enter");
    assert_eq!(c.state.view.focus, Pane::Schema, "also from the editor");
    let orders = [(S, "main"), (T, "orders")];
    assert_eq!(asked_for(&effects), Some(&path(&orders)), "the table is opened");
    assert_eq!(chosen(&c), path(&orders), "as near as it is known");
    let link = c.state.link_no;
    let effects = c.send(Msg::Children { link, at: path(&orders), result: Ok(vec![node(C, "id"), node(G, "Indexes")]) });
    let indexes = [(S, "main"), (T, "orders"), (G, "Indexes")];
    assert_eq!(asked_for(&effects), Some(&path(&indexes)), "then the heading");
    c.children(&indexes, vec![node(NodeKind::Index, "orders_by_customer")]);
    assert_eq!(chosen(&c), path(&[indexes[0], indexes[1], indexes[2], (NodeKind::Index, "orders_by_customer")]));
    assert!(c.screen().contains("orders_by_customer"), "{}", c.screen());
    // A column, by its table.
    c.press("C-g");
    c.type_text("cust.na");
    let effects = c.press("Enter");
    assert_eq!(asked_for(&effects), Some(&path(&[(S, "main"), (T, "customers")])));
    c.children(&[(S, "main"), (T, "customers")], vec![node(C, "id"), node(C, "name")]);
    assert_eq!(chosen(&c), path(&[(S, "main"), (T, "customers"), (C, "name")]));
}

#[test]
fn names_are_shown_before_the_rest_of_a_list_and_what_was_done_meanwhile_stays() {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.children(&[], vec![node(S, "main")]);
    let (link, main) = (c.state.link_no, path(&[(S, "main")]));
    let goal = path(&[(S, "main"), (G, "Functions")]);
    let outline = |c: &mut Console, names: &[&str]| {
        c.send(Msg::Outline { link, at: main.clone(), names: names.iter().map(|n| node(T, n)).collect() })
    };
    outline(&mut c, &["customers", "gone", "orders"]);
    assert!(c.screen().contains("customers") && c.screen().contains("orders"), "{}", c.screen());
    // Somebody opens a table, and the cursor stands on one of its columns, before sizes and headings are there.
    c.press("1");
    c.press("G");
    let effects = c.press("l");
    assert_eq!(asked_for(&effects), Some(&path(&[(S, "main"), (T, "orders")])));
    c.children(&[(S, "main"), (T, "orders")], vec![node(C, "id"), node(C, "total")]);
    c.press("G");
    let total = path(&[(S, "main"), (T, "orders"), (C, "total")]);
    assert_eq!(chosen(&c), total);
    let sized = |name| SchemaNode { rows: Some(7), ..node(T, name) };
    c.children(&[(S, "main")], vec![sized("customers"), sized("new"), sized("orders"), node(G, "Functions")]);
    assert_eq!(chosen(&c), total, "{}", c.screen());
    let shown: Vec<&str> = c.state.schema.nodes.iter().map(|n| n.node.name.as_str()).collect();
    assert_eq!(shown, ["main", "customers", "new", "orders", "id", "total", "Functions"]);
    assert!(c.state.schema.nodes[1..4].iter().all(|n| n.node.rows == Some(7)));
    // An outline that comes after the list changes nothing.
    outline(&mut c, &["late"]);
    assert_eq!(c.state.schema.nodes.len(), 7);
    // What the outline does not have is waited for.
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.children(&[], vec![node(S, "main")]);
    holdpoint::app::panes::schema::jump(&mut c.state, goal.clone(), &mut Vec::new());
    let link = c.state.link_no;
    c.send(Msg::Outline { link, at: main.clone(), names: vec![node(T, "orders")] });
    c.children(&[(S, "main")], vec![node(T, "orders"), node(G, "Functions")]);
    assert_eq!(chosen(&c), goal);
}

#[test]
fn a_jump_takes_the_filter_away_gives_way_to_a_move_and_tells_what_is_gone() {
    let mut c = shop();
    c.press("/");
    c.type_text("rev");
    c.press("Enter");
    c.press("C-g");
    c.type_text("orders.total");
    c.press("Enter");
    assert!(c.state.schema.filter.is_none());
    // Somebody moves before the columns come: the cursor stays where it was put.
    c.press("k");
    let here = chosen(&c);
    c.children(&[(S, "main"), (T, "orders")], vec![node(C, "id"), node(C, "total")]);
    assert_eq!(chosen(&c), here);
    c.press("C-g");
    c.type_text("orders.customer_id");
    c.press("Enter");
    assert_eq!(chosen(&c), path(&[(S, "main"), (T, "orders")]), "the column was dropped meanwhile");
    assert!(c.screen().contains("customer_id is not in the tree."), "{}", c.screen());
}

#[test]
fn a_list_tells_its_age_and_is_read_again_with_what_was_open() {
    let mut c = shop();
    c.press("j");
    c.press("l");
    c.children(&[(S, "main"), (T, "customers")], vec![node(C, "id"), node(C, "name")]);
    for _ in 0..2 {
        c.press("j");
    }
    assert_eq!(chosen(&c), path(&[(S, "main"), (T, "customers"), (C, "name")]));
    assert!(!c.screen().contains("ago"), "a fresh list says nothing\n{}", c.screen());
    let later = c.state.now.checked_add(jiff::SignedDuration::from_secs(180)).unwrap();
    c.send(Msg::Now(later));
    assert!(c.screen().contains("read 3 min ago"), "{}", c.screen());
    let effects = c.press("R");
    assert!(effects.iter().any(|e| matches!(e, Effect::Names { .. })), "the names are read again too: {effects:?}");
    assert_eq!(asked_for(&effects), Some(&NodePath::root()));
    c.children(&[], vec![node(S, "main")]);
    let tables = [(S, "main")];
    c.children(&tables, vec![node(T, "archive"), node(T, "customers"), node(T, "orders")]);
    c.children(&[(S, "main"), (T, "customers")], vec![node(C, "id"), node(C, "name")]);
    assert_eq!(chosen(&c), path(&[(S, "main"), (T, "customers"), (C, "name")]), "the cursor is where it was");
    assert!(c.screen().contains("archive") && !c.screen().contains("ago"), "{}", c.screen());
}

fn told(c: &mut Console, told: Told) -> Vec<Effect> {
    let link = c.state.link_no;
    c.send(Msg::Schema { link, told })
}

#[test]
fn a_statement_is_written_into_the_editor_behind_what_is_there() {
    let mut c = shop();
    c.editor("select 1");
    c.press("Esc");
    c.press("1");
    for _ in 0..3 {
        c.press("j");
    }
    assert_eq!(chosen(&c), path(&[(S, "main"), (T, "orders")]));
    c.press("t");
    assert!(c.screen().contains("Write a statement over orders"), "{}", c.screen());
    let effects = c.press("u");
    let wanted = Ask::Template { at: path(&[(S, "main"), (T, "orders")]), template: Template::Update };
    assert!(matches!(&effects[..], [Effect::Schema { ask, .. }] if *ask == wanted), "{effects:?}");
    let text = "UPDATE orders\n   SET total = :total\n WHERE id = :id;\n";
    told(&mut c, Told::Template(Ok(text.into())));
    assert_eq!(c.state.query.editor.text(), format!("select 1;\n\n{text}"));
    assert!(c.state.typing(), "on with the editor");
    // A view takes a SELECT alone, and Esc gives up.
    c.press("Esc");
    c.press("1");
    c.press("G");
    c.press("t");
    assert!(c.press("u").is_empty() && !c.state.dialogs.is_empty(), "no UPDATE over a view\n{}", c.screen());
    c.press("Esc");
    assert!(c.state.dialogs.is_empty());
    told(&mut c, Told::Template(Err(Error::failed("orders has no primary key"))));
    assert!(c.screen().contains("orders has no primary key"), "{}", c.screen());
}

#[test]
fn names_are_copied_bare_or_in_full() {
    let mut c = shop();
    c.children(&[(S, "main")], vec![node(T, "Order lines")]);
    c.press("j");
    assert!(matches!(&c.press("y")[..], [Effect::Copy(n)] if n == "Order lines"));
    assert!(matches!(&c.press("Y")[..], [Effect::Copy(n)] if n == "\"Order lines\""), "main needs no word");
    c.press("i");
    assert_eq!(c.state.query.editor.text(), "\"Order lines\"");
}

#[test]
fn comments_stand_behind_the_names_and_whole_in_the_detail() {
    let mut c = shop();
    c.press("j");
    c.press("l");
    let mut id = node(C, "id");
    id.detail = "INTEGER".into();
    id.comment = "given by the shop\nnever used again\u{1b}[31m".into();
    c.children(&[(S, "main"), (T, "customers")], vec![id]);
    c.press("j");
    assert!(c.screen().contains("INTEGER · given by the shop"), "{}", c.screen());
    assert!(!c.screen().contains("never used again"));
    c.press("Enter");
    assert!(c.screen().contains("never used again") && !c.screen().contains('\u{1b}'), "{}", c.screen());
}

#[test]
fn sizes_and_use_are_shown_and_hidden_and_follow_the_lists() {
    let mut c = shop();
    let asked = |effects: &[Effect]| {
        effects.iter().any(|e| matches!(e, Effect::Schema { ask: Ask::Usage { schema }, .. } if *schema == path(&[(S, "main")])))
    };
    assert!(asked(&c.press("s")), "of each schema that is open");
    let orders = RelationUsage {
        name: "orders".into(),
        rows: Some(204_000),
        bytes: Some(16_000_000),
        index_bytes: Some(4_000_000),
        reads: Some(1_200),
        index_reads: Some(900),
        writes: None,
    };
    let usage = Usage { relations: vec![orders], remarks: vec!["Reads since Monday.".into()] };
    told(&mut c, Told::Usage { schema: path(&[(S, "main")]), result: Ok(usage) });
    insta::assert_snapshot!("sizes_80x24", c.screen());
    // A list that is read again has its figures again.
    let link = c.state.link_no;
    let effects = c.send(Msg::Children { link, at: path(&[(S, "main")]), result: Ok(vec![node(T, "orders")]) });
    assert!(asked(&effects), "{effects:?}");
    c.press("s");
    assert!(!c.screen().contains("by index"), "{}", c.screen());
}

/// Connecting again reads the tree and then the names: figures that are asked for with the lists must not stand in for that.
#[test]
fn names_are_read_again_also_while_sizes_are_shown() {
    let mut c = shop();
    c.press("s");
    c.connect("shop-dev");
    let link = c.state.link_no;
    let mut effects = c.send(Msg::Children { link, at: NodePath::root(), result: Ok(vec![node(S, "main")]) });
    effects.extend(c.send(Msg::Children { link, at: path(&[(S, "main")]), result: Ok(vec![node(T, "orders")]) }));
    assert!(effects.iter().any(|e| matches!(e, Effect::Names { .. })), "{effects:?}");
    assert!(effects.iter().any(|e| matches!(e, Effect::Schema { ask: Ask::Usage { .. }, .. })), "{effects:?}");
}

#[test]
fn what_uses_an_object_stands_in_groups_and_each_line_leads_there() {
    let mut c = shop();
    for _ in 0..3 {
        c.press("j");
    }
    let at = path(&[(S, "main"), (T, "orders")]);
    let effects = c.press("u");
    assert!(matches!(&effects[..], [Effect::Schema { ask: Ask::UsedBy { at: of }, .. }] if *of == at), "{effects:?}");
    let view =
        Dependent { kind: V, name: "revenue".into(), detail: String::new(), path: path(&[(S, "main"), (V, "revenue")]), by_text: true };
    let key = Dependent {
        kind: NodeKind::Constraint,
        name: "order_lines.(order_id)".into(),
        detail: "→ orders (id) ON DELETE CASCADE".into(),
        path: path(&[(S, "main"), (T, "order_lines"), (G, "Foreign keys"), (NodeKind::Constraint, "(order_id)")]),
        by_text: false,
    };
    let query = Mention { name: "late".into(), path: "/shop/queries/late.sql".into(), line: 3, text: "from orders \u{1b}[2J".into() };
    let found =
        UsedBy { dependents: vec![view, key], queries: vec![query], migrations: vec![], remarks: vec!["no migrations directory".into()] };
    told(&mut c, Told::UsedBy { at: at.clone(), result: Ok(Box::new(found.clone())) });
    insta::assert_snapshot!("used_by_80x24", c.screen());
    let copied = c.press("y");
    assert!(
        matches!(&copied[..], [Effect::Copy(t)] if t.contains("order_lines.(order_id)  → orders (id) ON DELETE CASCADE")),
        "{copied:?}"
    );
    c.press("Enter");
    assert!(c.state.dialogs.is_empty());
    assert_eq!(chosen(&c), path(&[(S, "main"), (V, "revenue")]), "the first line that leads somewhere is chosen");
    told(&mut c, Told::UsedBy { at: at.clone(), result: Ok(Box::new(found)) });
    c.press("G");
    for _ in 0..2 {
        c.press("k");
    }
    let effects = c.press("Enter");
    assert!(matches!(&effects[..], [Effect::OpenFile(p)] if p.ends_with("late.sql")), "{effects:?}");
    told(&mut c, Told::UsedBy { at, result: Ok(Box::default()) });
    assert!(c.screen().contains("Nothing that is known."), "{}", c.screen());
}

#[test]
fn related_tables_are_drawn_round_the_one_and_lead_to_theirs() {
    let mut c = shop();
    for _ in 0..3 {
        c.press("j");
    }
    c.press("r");
    insta::assert_snapshot!("related_80x24", c.screen());
    c.press("g");
    c.press("Enter");
    assert_eq!(chosen(&c), path(&[(S, "main"), (T, "customers")]));
    c.mono = true;
    c.press("j");
    c.press("r");
    let screen = c.screen();
    assert!(screen.contains("| orders |<") && screen.is_ascii(), "{screen}");
}
