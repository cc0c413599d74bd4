//! The lines round the panes: where am I, tabs, keys that work now and what is running.

use super::canvas::Canvas;
use crate::app::blocked;
use crate::app::keys;
use crate::app::layout::{Area, arrange};
use crate::app::link::Link;
use crate::app::panes::fix;
use crate::app::{Action, Pane, State, Workspace};
use crate::model::TxState;
use crate::text::{self, Marked};
use ratatui::style::Style;

/// First line: `target ▐ENVIRONMENT▌ access · transaction · server · last round trip`.
pub fn status(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let end = waiting(state, area, c);
    let mut x = area.x + 1;
    x = c.put_outside(x, area.y, end - x, state.shown_target().unwrap_or("Holdpoint"), look.strong) + 1;
    if state.shown_target().is_some() {
        let environment = state.shown_environment();
        let word = environment.map_or_else(|| "NO ENVIRONMENT".to_string(), str::to_uppercase);
        let style = look.environment(environment, state.production());
        // The edges take the ground of the word as their own colour; without colours they bracket it.
        let edge = Style { fg: style.bg.or(style.fg), bg: None, ..Style::new() };
        x = c.put(x, area.y, end.saturating_sub(x), look.glyphs.env_left, edge);
        x = c.put_outside(x, area.y, end.saturating_sub(x), &word, style);
        x = c.put(x, area.y, end.saturating_sub(x), look.glyphs.env_right, edge) + 1;
    }
    let mut parts: Vec<(String, Style)> = Vec::new();
    match &state.link {
        _ if state.shows_another() => {
            let beside = state.link.target_name().map_or_else(|| "not open".to_string(), |open| format!("{open} is open"));
            parts.push(("read-only".into(), look.text));
            parts.push(("emergency".into(), look.warning));
            parts.push((beside, look.dim));
        }
        Link::None => parts.push(("no target is open".into(), look.dim)),
        Link::Connecting { .. } => parts.push(("connecting …".into(), look.dim)),
        Link::Failed { error, .. } => parts.push((format!("not connected: {}", error.message), look.critical)),
        Link::Open(s) if s.status.lost.is_some() => {
            let keys = keys::keys_now(state, Action::Reconnect).map_or_else(String::new, |k| format!(", {k} reconnects"));
            let what = match s.status.tx {
                TxState::Idle => "CONNECTION LOST",
                _ if crate::app::standing::committing(state) => "CONNECTION LOST IN COMMIT: its outcome is not known",
                _ => "CONNECTION AND TRANSACTION LOST",
            };
            parts.push((format!("{what}{keys}"), look.critical));
        }
        Link::Open(s) => {
            let access = s.access_words(state.unlocked_minutes());
            let style = match access.as_str() {
                a if a.starts_with("guarded") => look.warning,
                "NOT read-only" => look.critical,
                _ => look.text,
            };
            parts.push((access, style));
            let clock = |words: &str, since| format!("{words} {}", fix::clock(since, state.now));
            let open = |words: &str| state.query.tx_since.map_or_else(|| words.to_string(), |since| clock(words, since));
            parts.push(match (s.status.tx, &state.query.fix) {
                // It is open on a session of its own.
                (TxState::Idle, Some(f)) => {
                    let committing = f.answered == Some(crate::app::effect::FixAnswer::Commit);
                    (clock(if committing { "COMMITTING (data fix)" } else { "TX OPEN (data fix)" }, f.since), look.warning)
                }
                (TxState::Idle, None) if state.query.how.manual => (format!("manual, {}", s.tx_words()), look.text),
                (TxState::Idle, None) => (s.tx_words().into(), look.text),
                (TxState::Open, _) => (open(s.tx_words()), look.warning),
                (TxState::Failed, _) => (open(s.tx_words()), look.critical),
            });
            if !state.query.waiting.is_empty() {
                parts.push((format!("blocks {}", state.query.waiting.len()), look.critical));
            }
            if let Some(place) = s.place_words() {
                parts.push((text::truncate(&place, 32).into_owned(), look.warning));
            }
            parts.push((format!("{} {}", s.identity.product, s.identity.version), look.text));
            if let Some(p) = &s.identity.pooler {
                parts.push((format!("pooler: {p}"), look.warning));
            }
            if s.identity.unverified.is_some() {
                parts.push(("unverified".into(), look.unknown));
            }
            if state.query.result().is_some_and(|r| r.partial()) {
                parts.push(("partial result".into(), look.warning));
            }
            if let Some(t) = s.status.round_trip {
                parts.push((text::duration(t), look.dim));
            }
        }
    }
    let dot = format!(" {} ", look.glyphs.dot);
    for (i, (words, style)) in parts.iter().enumerate() {
        let words = Marked::of(words);
        let room = end.saturating_sub(x);
        if i > 0 {
            // A part that does not fit is left out: half a version or half a time would be a wrong one.
            if text::width(&words.words) + text::width(&dot) > usize::from(room) {
                break;
            }
            x = c.put(x, area.y, room, &dot, look.dim);
        }
        x = c.put_marked(x, area.y, end.saturating_sub(x), &words, *style);
    }
}

/// Queue and run in a few words on the right, where neither tabs nor panes tell of them; returns where they start.
fn waiting(state: &State, area: Area, c: &mut Canvas<'_>) -> u16 {
    let end = area.x + area.w;
    let layout = arrange(state);
    let told = layout.tabs.is_some() || layout.has(Pane::Migrations) || layout.has(Pane::Checklist);
    if told || state.link.server().is_none() || !state.side_column() {
        return end;
    }
    let key = |a| keys::key_of(state, a).map_or_else(String::new, |k| format!("{k} "));
    let mut words = format!("{}migrations{}{}", key(Action::GoMigrations), c.look.glyphs.dot, state.migrations.pending());
    if state.checklist.open() {
        words.push_str(&format!("  {}checklist{}", key(Action::GoChecklist), state.checklist.tab()));
    }
    let w = u16::try_from(text::width(&words)).unwrap_or(0);
    c.put_right(end.saturating_sub(1), area.y, w, &words, c.look.info).saturating_sub(1)
}

/// The tab strip of narrow screens.
pub fn tabs(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let mut x = area.x;
    let end = area.x + area.w;
    // What is gone to seldom takes a place only while one is there.
    let more = [Workspace::Sessions, Workspace::Assess];
    let more = more.iter().filter(|w| **w == state.view.workspace);
    for w in Workspace::TABS.iter().chain(more) {
        let mut label = format!("{} {}", w.number(), w.title());
        match w {
            Workspace::Migrations if state.migrations.pending() > 0 => {
                label.push_str(&format!("{}{}", look.glyphs.dot, state.migrations.pending()))
            }
            Workspace::Checklist => label.push_str(&state.checklist.tab()),
            _ => {}
        }
        let here = state.view.workspace == *w;
        let (l, r) = if here { (look.glyphs.tab_left, look.glyphs.tab_right) } else { (" ", " ") };
        x = c.put(x, area.y, end.saturating_sub(x), l, look.focus);
        x = c.put(x, area.y, end.saturating_sub(x), &label, if here { look.focus } else { look.dim });
        x = c.put(x, area.y, end.saturating_sub(x), r, look.focus);
    }
}

/// The demo's guide: which step, and what to do now.
pub fn guide(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let (step, words) = crate::app::guide::words(state);
    let end = area.x + area.w;
    let x = c.put(area.x + 1, area.y, area.w.saturating_sub(1), &format!("Guide {step}"), look.focus) + 1;
    c.put(x, area.y, end.saturating_sub(x), &words, look.info);
}

/// Last line: a message, or the keys that work now; on the right what runs. A long message covers rows above it, `above` at most.
pub fn footer(state: &State, area: Area, above: u16, c: &mut Canvas<'_>) {
    let look = c.look;
    let mut end = area.x + area.w;
    let right = running(state);
    if !right.is_empty() {
        // For whom a statement waits needs the room; the key that cancels keeps its own.
        let waits = state.jobs.last().and_then(|j| blocked::of(state, j.id)).is_some_and(|b| !b.by.is_empty());
        let most = if waits { area.w.saturating_sub(15) } else { area.w * 2 / 3 };
        end = c.put_right_marked(end, area.y, most, &Marked::of(&right), look.warning).saturating_sub(1);
    }
    let mut x = area.x + 1;
    if let Some(note) = &state.messages.shown {
        return super::notes::draw(state, note, area, end, above, c);
    }
    let needed = |(keys, words): &(String, &str)| text::width(keys) + text::width(words) + 3;
    // Whatever else fits: the key that tells of all others does, or the one that cancels what runs.
    let kept = if state.jobs.is_empty() { Action::Help } else { Action::Cancel };
    let (kept, mut hints): (Vec<_>, Vec<_>) = keys::hints(state).into_iter().partition(|(_, words)| *words == kept.short());
    let mut room = usize::from(end.saturating_sub(x)).saturating_sub(kept.iter().map(needed).sum());
    let fits = hints.iter().take_while(|h| {
        let fits = needed(h) <= room;
        room = room.saturating_sub(needed(h));
        fits
    });
    let fits = fits.count();
    hints.truncate(fits);
    let hints: Vec<_> =
        if state.jobs.is_empty() { hints.into_iter().chain(kept).collect() } else { kept.into_iter().chain(hints).collect() };
    for (keys, words) in hints {
        if usize::from(x) + text::width(&keys) + 1 + text::width(words) > usize::from(end) {
            break;
        }
        x = c.put(x, area.y, end.saturating_sub(x), &keys, look.key) + 1;
        x = c.put(x, area.y, end.saturating_sub(x), words, look.text) + 2;
    }
}

/// What runs, not cleaned: the newest job with its step, share and time.
/// The step of what streams rows.
const ROWS: &str = "rows";

fn running(state: &State) -> String {
    let Some(job) = state.jobs.last() else { return String::new() };
    let seconds = (state.now.as_second() - job.started.as_second()).max(0);
    // Time and share first: what is cut off on narrow screens is the end.
    let mut out = format!("{:02}:{:02} ", seconds / 60, seconds % 60);
    if let Some(total) = job.total.filter(|t| *t > 0) {
        out.push_str(&format!("{} % ", (job.done.min(total) * 100) / total));
    } else if job.done > 0 && job.step == ROWS {
        // How many there will be nobody knows.
        out.push_str(&format!("{} ", text::counted(job.done, "row")));
    }
    if state.jobs.len() > 1 {
        out.push_str(&format!("{} jobs, ", state.jobs.len()));
    }
    let waits = blocked::of(state, job.id).and_then(blocked::words);
    if let Some(waits) = waits.filter(|_| !job.cancelled) {
        // For whom matters more than what was typed.
        out.push_str(&format!("{waits}: {}", job.title));
        return out;
    }
    out.push_str(&job.title);
    if job.cancelled {
        out.push_str(" (cancelling)");
    } else if !job.step.is_empty() && job.step != ROWS {
        out.push_str(&format!(": {}", job.step));
    }
    out
}
