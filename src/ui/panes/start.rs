//! Drawing the start screen.

use crate::app::State;
use crate::app::layout::Area;
use crate::app::panes::start::Line;
use crate::text;
use crate::ui::canvas::Canvas;

/// Draws the screen.
pub fn draw(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let x = area.x + 3;
    let w = area.w.saturating_sub(6);
    let mut y = area.y + 1;
    c.put(x, y, w, "Holdpoint", look.strong);
    c.put(x + 11, y, w.saturating_sub(11), "no step past a hold point without its proof on record", look.dim);
    y += 2;
    let targets = state.start.lines.iter().filter(|l| matches!(l, Line::Target { .. })).count();
    let heading = match targets {
        0 => "No targets are configured yet. Try the demo, or point Holdpoint at a database of yours.".to_string(),
        _ => "Which target?".to_string(),
    };
    c.put(x, y, w, &heading, look.text);
    y += 2;
    let room = usize::from((area.y + area.h).saturating_sub(y + 3));
    let list = &state.start.list;
    let longest = state
        .start
        .lines
        .iter()
        .map(|l| if let Line::Target { name, .. } = l { text::width(&text::clean(name)) } else { 0 })
        .max()
        .unwrap_or(0);
    let name_w = longest.clamp(12, 32) as u16;
    for (i, line) in state.start.lines.iter().enumerate().skip(list.top).take(room) {
        let chosen = i == list.at;
        let style = if chosen { look.chosen } else { look.text };
        if chosen {
            c.cursor(x - 2, y, true);
        }
        match line {
            Line::Target { name, note, environment } => {
                c.put_outside(x, y, name_w, name, style);
                let word = environment.as_deref().map_or_else(|| "no environment".to_string(), str::to_uppercase);
                c.put_outside(
                    x + name_w + 2,
                    y,
                    14,
                    &word,
                    look.environment(environment.as_deref(), environment.as_deref().is_some_and(|e| state.config.is_production(e))),
                );
                c.put_outside(x + name_w + 18, y, w.saturating_sub(name_w + 18), note, look.dim);
            }
            Line::NewTarget => {
                c.put(x, y, name_w, "New target", style);
                c.put(x + name_w + 2, y, w.saturating_sub(name_w + 2), "name a database; shown before it is written", look.dim);
            }
            Line::Demo => {
                c.put(x, y, name_w, "Demo", style);
                c.put(
                    x + name_w + 2,
                    y,
                    w.saturating_sub(name_w + 2),
                    "three SQLite databases of a shop, with migrations that wait",
                    look.dim,
                );
            }
        }
        y += 1;
    }
    let from: Vec<String> = state.config.read_from.iter().map(|p| p.display().to_string()).collect();
    if !from.is_empty() {
        let words = format!("read from {}", from.join(", "));
        c.put_outside(x, area.y + area.h.saturating_sub(1), w, &words, look.dim);
    }
}
