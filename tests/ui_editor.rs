//! The editor as a user meets it: several buffers, looking for text, the vim and emacs keys, snippets.

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "ui/console.rs"]
mod console;

use console::Console;
use holdpoint::app::Msg;
use holdpoint::app::effect::Effect;
use holdpoint::model::TxState;
use holdpoint::store::buffers::Buffer;
use std::path::PathBuf;

fn open() -> Console {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    c.press("2");
    c
}

fn text(c: &Console) -> &str {
    c.state.query.editor.text()
}

fn kept(effects: &[Effect]) -> Vec<(Option<&str>, bool)> {
    let saved = effects.iter().rev().find_map(|e| match e {
        Effect::SaveBuffers { buffers, .. } => Some(buffers),
        _ => None,
    });
    saved.into_iter().flatten().map(|b| (b.text.as_deref(), b.active)).collect()
}

fn buffer(id: i64, text: &str, active: bool) -> Buffer {
    Buffer { id, text: text.into(), cursor: 2, file: None, crlf: false, unsaved: false, active }
}

#[test]
fn buffers_stand_side_by_side_and_come_back() {
    let mut c = open();
    c.type_text("one");
    assert!(!c.screen().contains("[1]"), "one buffer needs no strip");
    let effects = c.press("C-t");
    assert_eq!(kept(&effects), [(Some("one"), false), (Some(""), true)]);
    c.type_text("two");
    assert!(c.screen().contains("1  [2]"), "{}", c.screen());
    c.press("C-PageDown");
    assert_eq!(text(&c), "one");
    let effects = c.press("C-PageUp");
    assert_eq!(text(&c), "two");
    assert_eq!(kept(&effects), [(None, false), (None, true)], "what is saved is not saved again");
    // Undo is each buffer's own.
    c.press("C-z");
    assert_eq!(text(&c), "");
    c.press("C-PageUp");
    assert_eq!(text(&c), "one");

    // The same after the end, on another console.
    let mut c = open();
    let result = Ok(vec![buffer(1, "one", false), buffer(2, "two", true), buffer(3, "three", false)]);
    c.send(Msg::BuffersLoaded { target: "shop-dev".into(), result });
    assert_eq!((text(&c), c.state.query.editor.cursor_byte()), ("two", 2));
    assert!(c.screen().contains("1  [2]  3"), "{}", c.screen());
    assert!(c.timers().is_empty(), "what came from the store is not saved again");
    // Those of another target are others.
    c.connect("shop-qa");
    assert_eq!(text(&c), "");
    assert_eq!(c.state.query.buffers.count(), 1);
}

#[test]
fn what_was_typed_before_the_buffers_came_stays_beside_them() {
    let mut c = open();
    c.type_text("early");
    c.send(Msg::BuffersLoaded { target: "shop-dev".into(), result: Ok(vec![buffer(1, "one", true)]) });
    assert_eq!(text(&c), "early");
    c.press("C-PageUp");
    assert_eq!(text(&c), "one");
}

#[test]
fn a_closed_buffer_is_kept_and_a_question_comes_where_something_hangs_on_it() {
    let mut c = open();
    c.type_text("one");
    c.press("C-t");
    c.type_text("two");
    let effects = c.press("A-w");
    assert_eq!(text(&c), "one");
    assert!(effects.iter().any(|e| matches!(e, Effect::CloseBuffer { target, .. } if target == "shop-dev")), "{effects:?}");
    assert!(c.screen().contains("Closed. Space e u opens it again"), "{}", c.screen());
    c.press("Esc");
    for k in ["Space", "e"] {
        c.press(k);
    }
    assert!(matches!(&c.press("u")[..], [Effect::ReopenBuffer { .. }]));
    c.send(Msg::BufferReopened { target: "shop-dev".into(), result: Ok(Some(buffer(9, "two", false))) });
    assert_eq!(text(&c), "two");

    // The transaction is the session's.
    c.status(TxState::Open);
    c.press("i");
    c.press("A-w");
    assert!(c.screen().contains("closing neither commits nor rolls back"), "{}", c.screen());
    c.press("n");
    assert_eq!(text(&c), "two");
    c.status(TxState::Idle);

    // A file with other text in it.
    let path = PathBuf::from("/x/report.sql");
    c.send(Msg::FileOpened { path: path.clone(), result: Ok("select 1".into()) });
    assert_eq!(text(&c), "select 1");
    assert!(c.screen().contains("[report.sql]"), "{}", c.screen());
    c.press("i");
    c.type_text("x");
    assert!(c.screen().contains("[report.sql*]"), "{}", c.screen());
    c.press("A-w");
    assert!(c.screen().contains("has not got what you typed"), "{}", c.screen());
    c.press("n");
    let version = c.state.query.editor.version;
    c.send(Msg::FileSaved { path: path.clone(), version, result: Ok(()) });
    assert!(c.screen().contains("[report.sql]"), "{}", c.screen());
    // Opened again it is gone to, not opened twice.
    c.press("C-PageDown");
    c.send(Msg::FileOpened { path, result: Ok("xselect 1".into()) });
    assert_eq!((text(&c), c.state.query.buffers.count()), ("xselect 1", 3));
    c.press("A-w");
    assert_eq!(c.state.query.buffers.count(), 2);
}
