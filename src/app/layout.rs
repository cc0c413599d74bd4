//! Where the panes are, as plain rectangles: `update` needs page heights, and drawing needs the same answer.

use super::state::{Pane, State, Workspace};

/// A rectangle in columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Area {
    pub x: u16,
    pub y: u16,
    pub w: u16,
    pub h: u16,
}

impl Area {
    pub const fn new(x: u16, y: u16, w: u16, h: u16) -> Self {
        Area { x, y, w, h }
    }
    /// The area without its first row, where the title stands.
    pub fn below_title(self) -> Area {
        Area { y: self.y + self.h.min(1), h: self.h.saturating_sub(1), ..self }
    }
    /// Cuts `h` rows off the top: (top, rest).
    pub fn split_top(self, h: u16) -> (Area, Area) {
        let h = h.min(self.h);
        (Area { h, ..self }, Area { y: self.y + h, h: self.h - h, ..self })
    }
    /// Cuts `w` columns off the left: (left, rest).
    pub fn split_left(self, w: u16) -> (Area, Area) {
        let w = w.min(self.w);
        (Area { w, ..self }, Area { x: self.x + w, w: self.w - w, ..self })
    }
}

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    TooSmall,
    Narrow,
    Medium,
    Wide,
}

/// Class of a screen of `size` (columns, rows).
pub fn class(size: (u16, u16)) -> Class {
    match size {
        (w, h) if w < 60 || h < 16 => Class::TooSmall,
        (w, _) if w >= 160 => Class::Wide,
        (w, _) if w >= 100 => Class::Medium,
        _ => Class::Narrow,
    }
}

/// The screen's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub class: Class,
    /// First line: where am I.
    pub status: Area,
    /// Tab strip, in narrow screens.
    pub tabs: Option<Area>,
    /// Panes with their title rows, left to right, top to bottom.
    pub panes: Vec<(Pane, Area)>,
    /// Columns in which a line separates panes: (x, from row, height).
    pub rules: Vec<(u16, u16, u16)>,
    /// The demo's guide, above the last line.
    pub guide: Option<Area>,
    /// Last line: keys, messages, running work.
    pub footer: Area,
}

impl Layout {
    /// The area of a pane without its title row, if it is on the screen.
    pub fn inside(&self, pane: Pane) -> Option<Area> {
        self.panes.iter().find(|(p, _)| *p == pane).map(|(_, a)| a.below_title())
    }
    pub fn has(&self, pane: Pane) -> bool {
        self.panes.iter().any(|(p, _)| *p == pane)
    }
}

/// Arranges the panes for the state's size, workspace, focus and zoom.
pub fn arrange(state: &State) -> Layout {
    let (w, h) = state.size;
    let class = class(state.size);
    let screen = Area::new(0, 0, w, h);
    let (status, rest) = screen.split_top(1);
    let (body, footer) = rest.split_top(rest.h.saturating_sub(1));
    let mut layout = Layout { class, status, tabs: None, guide: None, panes: Vec::new(), rules: Vec::new(), footer };
    if class == Class::TooSmall {
        return layout;
    }
    if state.view.workspace == Workspace::Start {
        layout.panes.push((Pane::Start, body));
        return layout;
    }
    let mut body = body;
    if super::guide::shown(state) {
        let (rest, strip) = body.split_top(body.h.saturating_sub(1));
        layout.guide = Some(strip);
        body = rest;
    }
    if class == Class::Narrow {
        let (tabs, rest) = body.split_top(1);
        layout.tabs = Some(tabs);
        body = rest;
    }
    if state.view.zoom {
        layout.panes.push((state.view.focus, body));
        return layout;
    }
    match class {
        Class::Narrow => centre(state, state.view.workspace, body, &mut layout),
        Class::Medium | Class::Wide => {
            let tree = if class == Class::Wide { 36 } else { 30 };
            let (left, right) = body.split_left(tree);
            layout.panes.push((Pane::Schema, left));
            let (rule, main) = right.split_left(1);
            layout.rules.push((rule.x, rule.y, rule.h));
            // Schema has its place already: the centre shows the query beside it.
            let workspace = if state.view.workspace == Workspace::Schema { Workspace::Query } else { state.view.workspace };
            if class == Class::Wide && workspace == Workspace::Query && state.side_column() {
                let (main, side) = main.split_left(main.w - 44);
                centre(state, workspace, main, &mut layout);
                let (rule, side) = side.split_left(1);
                layout.rules.push((rule.x, rule.y, rule.h));
                let (top, bottom) = side.split_top(side.h / 2);
                layout.panes.push((Pane::Migrations, top));
                layout.panes.push((Pane::Checklist, bottom));
            } else {
                centre(state, workspace, main, &mut layout);
            }
        }
        Class::TooSmall => {}
    }
    layout
}

fn centre(state: &State, workspace: Workspace, area: Area, layout: &mut Layout) {
    match workspace {
        Workspace::Query => {
            // Fixed shares: the editor must not grow under the typing hand, and a result wants room.
            let editor = if state.query.lower_shown() { (area.h * 2 / 5).clamp(6, 18) } else { area.h };
            let (top, bottom) = area.split_top(editor);
            layout.panes.push((Pane::Editor, top));
            if bottom.h > 0 {
                layout.panes.push((state.query.lower, bottom));
            }
        }
        Workspace::Schema => layout.panes.push((Pane::Schema, area)),
        Workspace::Migrations => layout.panes.push((Pane::Migrations, area)),
        Workspace::Checklist => layout.panes.push((Pane::Checklist, area)),
        Workspace::Backups => layout.panes.push((Pane::Backups, area)),
        Workspace::Journal => layout.panes.push((Pane::Journal, area)),
        Workspace::Sessions => layout.panes.push((Pane::Sessions, area)),
        Workspace::Assess => layout.panes.push((Pane::Assess, area)),
        Workspace::Start => layout.panes.push((Pane::Start, area)),
    }
}
