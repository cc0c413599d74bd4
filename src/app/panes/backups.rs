//! The backups of the open target: taken when, by whom, verified or not.

use crate::app::dialog::{Dialog, Viewer};
use crate::app::effect::Operation;
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State};
use crate::model::{Error, Result, Severity};
use crate::ops::backup::{Listed, TakeReport, VerifyReport};
use crate::text;

/// See the module.
#[derive(Debug, Default)]
pub struct Backups {
    pub list: ListCursor,
    /// Newest first; `None`: not read yet.
    pub listed: Option<Vec<Listed>>,
    pub loading: bool,
    /// Something was done since.
    pub stale: bool,
    pub error: Option<Error>,
}

impl Backups {
    pub fn items(&self) -> &[Listed] {
        self.listed.as_deref().unwrap_or(&[])
    }
    pub fn chosen(&self) -> Option<&Listed> {
        self.items().get(self.list.at)
    }
}

/// The first digits of a backup's id, as people say it.
pub fn short_id(id: &str) -> String {
    format!("0x{}", text::clean(id.get(..8).unwrap_or(id)))
}

/// `4 min ago`; seconds that a clock went backwards count as now.
pub fn age_words(seconds: i64) -> String {
    match seconds {
        i64::MIN..=9 => "just now".into(),
        10..=89 => format!("{seconds} s ago"),
        90..=5_399 => format!("{} min ago", (seconds + 30) / 60),
        5_400..=129_599 => format!("{} h ago", (seconds + 1_800) / 3_600),
        _ => format!("{} days ago", (seconds + 43_200) / 86_400),
    }
}

fn page(state: &State) -> usize {
    // A heading above, what to do below.
    arrange(state).inside(Pane::Backups).map_or(10, |a| usize::from(a.h.saturating_sub(3)).max(1))
}

/// Reads the list again.
pub fn load(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(server) = state.link.server() else { return };
    if let Some(why) = &server.no_backups {
        state.backups.error = Some(Error::failed(why.clone()));
        return;
    }
    state.backups.loading = true;
    work::read(state, Operation::Backups, effects);
}

/// The pane came on the screen.
pub fn shown(state: &mut State, effects: &mut Vec<Effect>) {
    if (state.backups.listed.is_none() || state.backups.stale) && !state.backups.loading {
        load(state, effects);
    }
}

/// The list came.
pub fn listed(state: &mut State, result: Result<Vec<Listed>>) {
    state.backups.loading = false;
    match result {
        Err(e) => state.backups.error = Some(e),
        Ok(l) => {
            state.backups.error = None;
            state.backups.stale = false;
            state.backups.listed = Some(l);
        }
    }
    let (len, page) = (state.backups.items().len(), page(state));
    state.backups.list.follow(len, page);
}

/// A backup was taken.
pub fn taken(state: &mut State, result: Result<Box<TakeReport>>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(r) => {
            let bytes = r.manifest.artefacts.iter().map(|a| a.bytes).sum();
            let took = text::duration(std::time::Duration::from_millis(r.manifest.took_ms));
            let verify = work::keys_in(state, Pane::Backups, Action::VerifyBackup);
            let words = format!("Backup {} taken: {} in {took}. {verify} verifies it.", short_id(&r.manifest.id), text::bytes(bytes));
            state.backups.list.at = 0;
            state.say(with_findings(Note::ok(words), &r.findings));
        }
    }
}

/// A backup was restored and compared.
pub fn verified(state: &mut State, result: Result<Box<VerifyReport>>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(r) => {
            let id = short_id(&r.backup);
            if r.evidence.holds {
                let words = format!("Backup {id} restored in {} and equal to its manifest.", text::duration(r.restore));
                return state.say(with_findings(Note::ok(words), &r.findings));
            }
            let all: Vec<String> = r.differences.schema.iter().chain(&r.differences.data).map(|d| work::sentence(d)).collect();
            let summary = work::sentence(&r.evidence.summary);
            state.say(Note {
                severity: Severity::Critical,
                more: all.clone(),
                ..Note::info(format!("Backup {id} is not good. {summary}"))
            });
            let lines =
                [vec![summary, String::new()], all, vec![String::new(), "Take a new one; keep this one for whoever looks into it.".into()]];
            let viewer = Viewer::new(format!("Backup {id} is not good"), lines.concat().join("\n")).prose(state.size.0);
            state.dialogs.push(Dialog::Viewer(viewer));
        }
    }
}

fn with_findings(mut note: Note, findings: &[crate::model::Finding]) -> Note {
    if let Some(worst) = findings.iter().map(|f| f.severity).max().filter(|s| *s >= Severity::Unknown) {
        note.severity = worst;
    }
    note.more = findings.iter().map(|f| format!("{} {}", work::sentence(&f.message), work::sentence(&f.next)).trim().to_string()).collect();
    note
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (len, page) = (state.backups.items().len(), page(state));
    if state.backups.list.go(action, len, page) {
        return true;
    }
    match action {
        Action::TakeBackup => {
            if let Some(e) = state.link.server().and_then(|s| s.no_backups.clone()) {
                state.say(Note::warning(e));
            } else if state.link.server().is_some() {
                work::start(state, "taking a backup", false, Operation::TakeBackup, effects);
            }
        }
        Action::VerifyBackup => verify(state, effects),
        Action::Open => {
            if let Some(l) = state.backups.chosen() {
                let title = l.manifest.as_ref().map_or_else(|| "Backup".to_string(), |m| format!("Backup {}", short_id(&m.id)));
                let viewer = Viewer::new(title, details(l)).prose(state.size.0);
                state.dialogs.push(Dialog::Viewer(viewer));
            }
        }
        Action::Refresh => load(state, effects),
        Action::Filter => state.say(Note::info("This list has no filter; it is short, or newest first.")),
        Action::Copy => {
            let dir = state.backups.chosen().map(|l| l.dir.display().to_string());
            effects.extend(dir.map(Effect::Copy));
        }
        _ => return false,
    }
    true
}

fn verify(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(l) = state.backups.chosen() else {
        let take = work::keys_in(state, Pane::Backups, Action::TakeBackup);
        let words = if state.backups.listed.is_some() {
            format!("There is no backup to verify: {take} takes one.")
        } else {
            "The backups are not read yet.".into()
        };
        return state.say(Note::info(words));
    };
    let (id, dir) = match &l.manifest {
        Some(m) => (short_id(&m.id), l.dir.clone()),
        None => {
            let why = l.problem.clone().unwrap_or_else(|| "it has no manifest".into());
            return state.say(Note::warning(format!("This one cannot be verified: {}", work::sentence(&why))));
        }
    };
    work::start(state, format!("verifying {id}"), false, Operation::VerifyBackup(Some(dir)), effects);
}

/// A backup as a text to read.
fn details(l: &Listed) -> String {
    let mut out: Vec<String> = Vec::new();
    if let Some(p) = &l.problem {
        out.extend([work::sentence(p), String::new()]);
    }
    let mut line = |name: &str, value: &str| out.push(format!("{name}: {value}"));
    line("Directory", &l.dir.display().to_string());
    line("Size", &text::bytes(l.bytes));
    let Some(m) = &l.manifest else { return out.join("\n") };
    line("Id", &m.id);
    line("Taken", &format!("{} by {}, in {}", m.taken_at, m.taken_by, text::duration(std::time::Duration::from_millis(m.took_ms))));
    line("Tool", &m.tool);
    line("Target", &m.target);
    line("Server", &format!("{} {} at {}", m.identity.product, m.identity.version, m.identity.address));
    line(
        "Database",
        match l.same_database {
            Some(true) => "this very database",
            Some(false) => "another database than the one that is open",
            None => "unknown: the target was not asked",
        },
    );
    match &l.verified {
        Some((at, rto)) => line("Verified", &format!("{at}; the restore took {}", text::duration(*rto))),
        None => line("Verified", "no: it was never restored"),
    }
    let rows: u64 = m.fingerprint.tables.values().map(|t| t.rows).sum();
    line(
        "Holds",
        &format!(
            "{}, {}, {}",
            text::counted(m.fingerprint.objects.len() as u64, "object"),
            text::counted(m.fingerprint.tables.len() as u64, "table"),
            text::counted(rows, "row")
        ),
    );
    if !m.artefacts.is_empty() {
        out.extend([String::new(), "Files".into()]);
        out.extend(m.artefacts.iter().map(|a| format!("  {}  {}  sha256 {}", a.path, text::bytes(a.bytes), a.sha256)));
    }
    if !m.facts.is_empty() {
        out.extend([String::new(), "Facts".into()]);
        out.extend(m.facts.iter().map(|(k, v)| format!("  {k}: {v}")));
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_people_say_them() {
        assert_eq!(age_words(-3), "just now");
        assert_eq!(age_words(75), "75 s ago");
        assert_eq!(age_words(240), "4 min ago");
        assert_eq!(age_words(2 * 3600), "2 h ago");
        assert_eq!(age_words(3 * 86_400), "3 days ago");
    }
}
