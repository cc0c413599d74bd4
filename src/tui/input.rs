//! From the terminal library's events to ours.

use super::escape::{self, Escape};
use crate::app::Msg;
use crate::config::keymap::{Code, Key};
use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use futures_util::{Stream, StreamExt};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep};

/// The terminal's events.
///
/// crossterm reads 1,024 bytes at a time and is told of new ones alone: what is left of a long paste would lie there until the
/// next key. So whenever it has nothing more to give, and the terminal has, it is told again.
///
/// It also takes an ESC byte for the key as soon as nothing stands behind it, though the rest of a key with Alt, of an arrow or of a
/// function key may only be late: over a slow link `Alt-R` would be Esc and `r`. So Esc waits a moment ([`escape::LATE`]).
pub struct Events {
    source: EventStream,
    escape: Escape,
    late: Pin<Box<Sleep>>,
}

impl Events {
    pub fn new() -> Self {
        Events { source: EventStream::new(), escape: Escape::default(), late: Box::pin(tokio::time::sleep(escape::LATE)) }
    }
}

impl Stream for Events {
    type Item = io::Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.escape.next() {
                return Poll::Ready(Some(Ok(event)));
            }
            match self.source.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(event))) => {
                    self.escape.take(event);
                    if self.escape.waits() {
                        self.late.as_mut().reset(Instant::now() + escape::LATE);
                    }
                }
                Poll::Ready(end) => return Poll::Ready(end),
                Poll::Pending => {
                    tell_again();
                    if !self.escape.waits() || self.late.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.escape.end();
                }
            }
        }
    }
}

/// Setting the terminal's attributes, even to what they are, wakes all who wait for its bytes.
fn tell_again() {
    let tty = io::stdin();
    if rustix::io::ioctl_fionread(&tty).is_ok_and(|n| n > 0)
        && let Ok(same) = rustix::termios::tcgetattr(&tty)
    {
        let _ = rustix::termios::tcsetattr(&tty, rustix::termios::OptionalActions::Now, &same);
    }
}

/// Keys that are taken at once, at most: the screen shows how far a paste is.
const BURST: usize = 16 * 1024;

/// Takes the text keys that wait behind the one in the batch, and makes one message of them. The first event that is no
/// text ends it, and is in the batch as well.
pub async fn burst<S>(events: &mut S, batch: &mut Vec<Msg>)
where
    S: Stream<Item = io::Result<Event>> + Unpin,
{
    let Some(Msg::Key(first)) = batch.last().filter(|m| text(m)) else { return };
    let mut keys = vec![*first];
    let mut behind = None;
    while keys.len() < BURST {
        let waiting = poll_fn(|cx| {
            Poll::Ready(match events.poll_next_unpin(cx) {
                Poll::Ready(event) => Some(event),
                Poll::Pending => None,
            })
        });
        match waiting.await {
            Some(Some(Ok(event))) => match message(event) {
                Some(Msg::Key(key)) if text(&Msg::Key(key)) => keys.push(key),
                Some(other) => {
                    behind = Some(other);
                    break;
                }
                None => {}
            },
            Some(Some(Err(_)) | None) => {
                behind = Some(Msg::Stop("the terminal is gone".into()));
                break;
            }
            None => break,
        }
    }
    if keys.len() > 1 {
        batch.pop();
        batch.push(Msg::Keys(keys));
    }
    batch.extend(behind);
}

/// Keys that are text wherever text is typed, and the line feeds of a paste that comes as keys, which are `Ctrl-J` by themselves.
fn text(msg: &Msg) -> bool {
    matches!(msg, Msg::Key(k) if k.typed().is_some() || *k == Key::ctrl('j') || !k.ctrl && !k.alt && !k.shift && matches!(k.code, Code::Enter | Code::Tab))
}

/// The message of an event; `None` for those that mean nothing here.
pub fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(k) if k.kind != KeyEventKind::Release => {
            let (code, back) = match k.code {
                KeyCode::Char(c) => (Code::Char(c), false),
                KeyCode::F(n) => (Code::F(n), false),
                KeyCode::Enter => (Code::Enter, false),
                KeyCode::Tab => (Code::Tab, false),
                KeyCode::BackTab => (Code::Tab, true),
                KeyCode::Esc => (Code::Esc, false),
                KeyCode::Backspace => (Code::Backspace, false),
                KeyCode::Delete => (Code::Delete, false),
                KeyCode::Insert => (Code::Insert, false),
                KeyCode::Left => (Code::Left, false),
                KeyCode::Right => (Code::Right, false),
                KeyCode::Up => (Code::Up, false),
                KeyCode::Down => (Code::Down, false),
                KeyCode::Home => (Code::Home, false),
                KeyCode::End => (Code::End, false),
                KeyCode::PageUp => (Code::PageUp, false),
                KeyCode::PageDown => (Code::PageDown, false),
                _ => return None,
            };
            // What terminals send for Ctrl-/ and Ctrl-_ is read as Ctrl-7.
            let code = match code {
                Code::Char('7' | '/') if k.modifiers.contains(KeyModifiers::CONTROL) => Code::Char('_'),
                code => code,
            };
            let has = |m| k.modifiers.contains(m);
            let key = Key { code, ctrl: has(KeyModifiers::CONTROL), alt: has(KeyModifiers::ALT), shift: has(KeyModifiers::SHIFT) || back };
            Some(Msg::Key(key.normal()))
        }
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(w, h) => Some(Msg::Resize(w, h)),
        Event::FocusGained => Some(Msg::Focus(true)),
        Event::FocusLost => Some(Msg::Focus(false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyEvent;

    #[tokio::test]
    async fn text_that_waits_is_one_message_and_a_command_ends_it() {
        let key = |code| Ok(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        let mut waiting: Vec<io::Result<Event>> = "elect 1".chars().map(|c| key(KeyCode::Char(c))).collect();
        waiting.extend([key(KeyCode::Enter), key(KeyCode::F(5)), key(KeyCode::Char('x'))]);
        // A terminal that has no more to say for now is pending, not at its end.
        let mut events = futures_util::stream::iter(waiting).chain(futures_util::stream::pending());
        let mut batch = vec![Msg::Key(Key::char('s'))];
        burst(&mut events, &mut batch).await;
        let [Msg::Keys(keys), Msg::Key(f5)] = &batch[..] else { panic!("{batch:?}") };
        assert_eq!(keys.iter().filter_map(|k| k.typed()).collect::<String>(), "select 1");
        assert_eq!((keys.len(), f5.code), (9, Code::F(5)));
        batch = vec![Msg::Key(Key::ctrl('a'))];
        burst(&mut events, &mut batch).await;
        assert!(matches!(&batch[..], [Msg::Key(k)] if k.ctrl), "a command takes nothing with it: {batch:?}");
        batch = vec![Msg::Key(Key::char('y'))];
        burst(&mut events, &mut batch).await;
        assert!(matches!(&batch[..], [Msg::Keys(k)] if k.len() == 2));
        batch = vec![Msg::Key(Key::char('z'))];
        burst(&mut events, &mut batch).await;
        assert!(matches!(&batch[..], [Msg::Key(_)]), "one key is a key: {batch:?}");
    }
}
