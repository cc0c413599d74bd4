//! The lines round the panes: where am I, tabs, keys that work now and what is running.

use super::canvas::Canvas;
use crate::app::keys;
use crate::app::layout::Area;
use crate::app::link::Link;
use crate::app::{State, Workspace};
use crate::model::TxState;
use crate::text;

/// First line: `target ▐ENVIRONMENT▌ access · transaction · server · last round trip`.
pub fn status(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let end = area.x + area.w;
    let mut x = area.x + 1;
    let name = state.link.target_name().map_or_else(|| "Holdpoint".into(), text::clean);
    x = c.put(x, area.y, end - x, &name, look.strong) + 1;
    if state.link.target_name().is_some() {
        let environment = state.environment();
        let word = environment.map_or_else(|| "NO ENVIRONMENT".to_string(), |e| text::clean(e).to_uppercase());
        let style = look.environment(environment, state.production());
        // The edges take the ground of the word as their own colour; without colours they bracket it.
        let edge = ratatui::style::Style { fg: style.bg.or(style.fg), bg: None, ..ratatui::style::Style::new() };
        x = c.put(x, area.y, end.saturating_sub(x), look.glyphs.env_left, edge);
        x = c.put(x, area.y, end.saturating_sub(x), &word, style);
        x = c.put(x, area.y, end.saturating_sub(x), look.glyphs.env_right, edge) + 1;
    }
    let dot = format!(" {} ", look.glyphs.dot);
    let mut part = |words: &str, style| {
        if x + 3 < end && !words.is_empty() {
            if x > area.x + 1 && !words.starts_with(' ') {
                x = c.put(x, area.y, end.saturating_sub(x), words, style);
            }
            x = c.put(x, area.y, end.saturating_sub(x), &dot, look.dim);
        }
    };
    match &state.link {
        Link::None => part("no target is open", look.dim),
        Link::Connecting { .. } => part("connecting …", look.dim),
        Link::Failed { error, .. } => part(&format!("not connected: {}", text::clean(&error.message)), look.critical),
        Link::Open(s) => {
            if s.status.lost.is_some() {
                part("CONNECTION LOST", look.critical);
            }
            let access = s.access_words(state.unlocked_minutes());
            let style = match access.as_str() {
                a if a.starts_with("guarded") => look.warning,
                "NOT read-only" => look.critical,
                _ => look.text,
            };
            part(&access, style);
            let tx = match s.status.tx {
                TxState::Idle => look.text,
                TxState::Open => look.warning,
                TxState::Failed => look.critical,
            };
            if state.query.fix.is_some() {
                // It is open on a session of its own.
                part("TX OPEN (data fix)", look.warning);
            } else {
                part(s.tx_words(), tx);
            }
            part(&text::clean(&format!("{} {}", s.identity.product, s.identity.version)), look.text);
            if let Some(p) = &s.identity.pooler {
                part(&format!("pooler: {}", text::clean(p)), look.warning);
            }
            if s.identity.unverified.is_some() {
                part("unverified", look.unknown);
            }
            if let Some(t) = s.status.round_trip {
                part(&text::duration(t), look.dim);
            }
        }
    }
    // The separator after the last part says nothing.
    if x > area.x + 3 && x <= end {
        let blank = " ".repeat(text::width(&dot));
        let from = x.saturating_sub(text::width(&dot) as u16);
        if from > area.x + 1 && state.link.target_name().is_some() | matches!(state.link, Link::None) {
            c.put(from, area.y, end - from, &blank, look.text);
        }
    }
}

/// The tab strip of narrow screens.
pub fn tabs(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let mut x = area.x;
    let end = area.x + area.w;
    for (i, w) in Workspace::TABS.iter().enumerate() {
        let mut label = format!("{} {}", i + 1, w.title());
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

/// Last line: a message, or the keys that work now; on the right what runs.
pub fn footer(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let mut end = area.x + area.w;
    let right = running(state);
    if !right.is_empty() {
        let most = area.w / 2;
        end = c.put_right(end, area.y, most, &right, look.warning).saturating_sub(1);
    }
    let mut x = area.x + 1;
    if let Some(note) = &state.messages.shown {
        let style = look.severity(note.severity);
        let mut words = text::clean(&note.text).into_owned();
        if let Some(first) = note.more.first() {
            words.push_str("  ");
            words.push_str(&text::clean(first));
        }
        c.put(x, area.y, end.saturating_sub(x), &words, style);
        return;
    }
    for (keys, words) in keys::hints(state) {
        let needed = text::width(&keys) + text::width(words) + 3;
        if usize::from(x) + needed > usize::from(end) {
            break;
        }
        x = c.put(x, area.y, end.saturating_sub(x), &keys, look.key) + 1;
        x = c.put(x, area.y, end.saturating_sub(x), words, look.text) + 2;
    }
}

/// What runs: the newest job with its step, share and time.
fn running(state: &State) -> String {
    let Some(job) = state.jobs.last() else { return String::new() };
    let seconds = (state.now.as_second() - job.started.as_second()).max(0);
    let mut out = String::new();
    if state.jobs.len() > 1 {
        out.push_str(&format!("{} jobs, ", state.jobs.len()));
    }
    out.push_str(&text::clean(&job.title));
    if job.cancelled {
        out.push_str(" (cancelling)");
    } else if !job.step.is_empty() {
        out.push_str(&format!(": {}", text::clean(&job.step)));
    }
    if let Some(total) = job.total.filter(|t| *t > 0) {
        out.push_str(&format!(" {} %", (job.done.min(total) * 100) / total));
    }
    out.push_str(&format!(" {:02}:{:02}", seconds / 60, seconds % 60));
    out
}
