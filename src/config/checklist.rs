//! Checklist files: ordered steps, some of them hold points. Built in, or a project's own in `checklists/<id>.toml`.

use super::files::Config;
use super::targets::duration;
use super::toml_file;
use crate::model::{Error, Result};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// The built-in checklists: id and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("schema-migration", include_str!("../../config/checklists/schema-migration.toml")),
    ("query-optimization", include_str!("../../config/checklists/query-optimization.toml")),
    ("emergency-assessment", include_str!("../../config/checklists/emergency-assessment.toml")),
    ("emergency-recovery", include_str!("../../config/checklists/emergency-recovery.toml")),
];

/// Kinds of evidence that operations produce (`model::evidence::Evidence::kind`); a step names one of them.
const EVIDENCE: &[&str] = &[
    "files-intact",
    "down-present",
    "rollback-proven",
    "applied-earlier",
    "backup-taken",
    "restore-verified",
    "preconditions",
    "approval",
    "applied",
    "validated",
    "recorded",
    "plan-analysed",
    "cause-found",
    "test-fails",
    "change-made",
    "test-passes",
    "no-regression",
    "documented",
    "stabilised",
    "assessed",
    "communicated",
    "contained",
    "traces-kept",
    "backup-known",
    "recovered",
    "verified",
    "handed-over",
];

/// Those of the list that a person signs: nobody types "backup done", and no program approves or calls people.
const SIGNED: &[&str] = &["approval", OF_INCIDENT[0], OF_INCIDENT[1], OF_INCIDENT[2]];

/// Those of an incident.
pub const OF_INCIDENT: [&str; 3] = ["stabilised", "communicated", "contained"];

/// Those of the list that are about a statement and change nothing: a checklist of them applies nothing.
const OF_STATEMENTS: &[&str] = &["plan-analysed", "cause-found", "test-fails", "change-made", "test-passes", "no-regression", "documented"];

/// Those that are about an incident: what changes the target meanwhile is approved by itself, outside the list.
const OF_INCIDENTS: &[&str] =
    &["stabilised", "assessed", "communicated", "contained", "traces-kept", "backup-known", "recovered", "verified", "handed-over"];

/// How a step is ticked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// By evidence that an operation produced.
    Proved,
    /// By a person, with a name and text.
    Signed,
}

/// A step as the file defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepDef {
    pub id: String,
    pub title: String,
    pub kind: StepKind,
    /// Kind of evidence that ticks it (`model::evidence::Evidence::kind`).
    pub evidence: String,
    /// Blocks all that follows until it is ticked.
    pub hold: bool,
    /// Changes the target: runs only when a person types the target's name.
    pub act: bool,
    /// Environments in which the step applies, by name or `first`, `later`, `last`; empty: all.
    pub environments: Vec<String>,
    /// How long the evidence is good, where the policy says nothing of it; `None`: until its subject changes.
    pub expires: Option<Duration>,
    /// One sentence of help.
    pub help: String,
}

/// A checklist file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecklistFile {
    pub id: String,
    pub title: String,
    /// One sentence: what it is for. May be empty.
    pub about: String,
    pub steps: Vec<StepDef>,
    /// The project's file that it was read from; `None`: built in.
    pub from: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: Spanned<String>,
    title: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    step: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    id: Spanned<String>,
    title: String,
    kind: Option<RawKind>,
    evidence: Option<Spanned<String>>,
    #[serde(default)]
    hold: bool,
    #[serde(default)]
    act: bool,
    #[serde(default)]
    environments: Vec<Spanned<String>>,
    expires: Option<Spanned<String>>,
    #[serde(default)]
    help: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Proved,
    Signed,
}

impl StepDef {
    /// Whether the step applies to a target of that environment. Without one, or with one that is not in the chain, a
    /// target counts as one of the last; an only environment is the last too.
    pub fn applies(&self, environment: Option<&str>, chain: &[String]) -> bool {
        let place = environment.and_then(|e| chain.iter().position(|c| c == e)).unwrap_or(chain.len().saturating_sub(1));
        let last = place + 1 >= chain.len();
        let first = place == 0 && !last;
        self.environments.is_empty()
            || self.environments.iter().any(|e| match e.as_str() {
                "first" => first,
                "later" => !first,
                "last" => last,
                name => environment == Some(name) || (environment.is_none() && chain.last().is_some_and(|l| l == name)),
            })
    }
}

/// The checklist of that id for this configuration: the project's own, else the built-in one.
pub fn load(config: &Config, id: &str) -> Result<ChecklistFile> {
    let known = || BUILT_IN.iter().map(|(id, _)| *id);
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') || id.is_empty() {
        return Err(Error::usage(format!("`{}` is no name of a checklist", crate::text::clean(id))));
    }
    let own = config.project_dir.join("checklists").join(format!("{id}.toml"));
    if own.exists() {
        let text = toml_file::read(&own)?;
        let mut list = parse(&toml_file::shown(&own), &text, &config.environments)?;
        if list.id != id {
            return Err(Error::usage(format!(
                "{}: the checklist calls itself `{}`, and its file `{id}`",
                toml_file::shown(&own),
                crate::text::clean(&list.id)
            )));
        }
        list.from = Some(own);
        return Ok(list);
    }
    match BUILT_IN.iter().find(|(known, _)| *known == id) {
        Some((id, text)) => parse(&format!("the built-in checklist {id}"), text, &config.environments),
        None => Err(Error::usage(toml_file::unknown("checklist", id, "", &known().collect::<Vec<_>>()))),
    }
}

/// Parses and checks a file; errors name file:line:column.
pub fn parse(file: &str, text: &str, chain: &[String]) -> Result<ChecklistFile> {
    let raw: Raw = toml_file::parse(file, text)?;
    let wrong = |at: usize, message: String| Err(toml_file::error_at(file, text, at, message));
    let mut steps: Vec<StepDef> = Vec::new();
    for s in raw.step {
        let at = s.id.span().start;
        let id = s.id.into_inner();
        if steps.iter().any(|o| o.id == id) {
            return wrong(at, format!("step `{id}` is there twice"));
        }
        let evidence_at = s.evidence.as_ref().map_or(at, |e| e.span().start);
        let evidence = s.evidence.map_or_else(|| id.clone(), Spanned::into_inner);
        if !EVIDENCE.contains(&evidence.as_str()) {
            return wrong(evidence_at, toml_file::unknown("kind of evidence", &evidence, &format!("step `{id}`"), EVIDENCE));
        }
        if let Some(other) = steps.iter().find(|o| o.evidence == evidence) {
            return wrong(evidence_at, format!("steps `{}` and `{id}` are ticked by the same evidence, `{evidence}`", other.id));
        }
        let kind = match s.kind {
            Some(RawKind::Signed) => StepKind::Signed,
            Some(RawKind::Proved) | None => StepKind::Proved,
        };
        if (kind == StepKind::Signed) != SIGNED.contains(&evidence.as_str()) {
            let why = if kind == StepKind::Signed { "is computed, never signed" } else { "is signed by a person: kind = \"signed\"" };
            return wrong(at, format!("step `{id}`: `{evidence}` {why}"));
        }
        if s.act != (evidence == "applied") {
            return wrong(at, format!("step `{id}`: `act = true` belongs to the step whose evidence is `applied`, and to no other"));
        }
        for e in &s.environments {
            let name = e.get_ref().as_str();
            if !["first", "later", "last"].contains(&name) && !chain.iter().any(|c| c == name) {
                let valid: Vec<&str> = ["first", "later", "last"].into_iter().chain(chain.iter().map(String::as_str)).collect();
                return wrong(e.span().start, toml_file::unknown("environment", name, &format!("step `{id}`"), &valid));
            }
        }
        let expires = match s.expires {
            None => None,
            Some(text) => match duration(text.get_ref()) {
                Some(d) => Some(d),
                None => {
                    return wrong(
                        text.span().start,
                        format!("step `{id}`: `{}` is no duration; write \"10m\" or \"24h\"", crate::text::clean(text.get_ref())),
                    );
                }
            },
        };
        steps.push(StepDef {
            id,
            title: s.title,
            kind,
            evidence,
            hold: s.hold,
            act: s.act,
            environments: s.environments.into_iter().map(Spanned::into_inner).collect(),
            expires,
            help: s.help,
        });
    }
    let of = |kinds: &[&str]| steps.iter().filter(|s| kinds.contains(&s.evidence.as_str())).count();
    let others = [of(OF_STATEMENTS), of(OF_INCIDENTS)];
    if others.iter().any(|n| *n > 0 && *n < steps.len()) {
        let words = "a checklist is about migrations, a statement or an incident: its steps mix their evidence";
        return wrong(raw.id.span().start, words.into());
    }
    if others.iter().all(|n| *n == 0) && !steps.iter().any(|s| s.act) {
        return wrong(
            raw.id.span().start,
            "the checklist has no step whose evidence is `applied`, so nothing could ever be applied by it".into(),
        );
    }
    Ok(ChecklistFile { id: raw.id.into_inner(), title: raw.title, about: raw.about, steps, from: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<String> {
        ["development", "qa", "production"].map(String::from).to_vec()
    }
    fn ids(env: Option<&str>, chain: &[String]) -> Vec<String> {
        let list = parse("built-in", BUILT_IN[0].1, chain).unwrap();
        list.steps.iter().filter(|s| s.applies(env, chain)).map(|s| s.id.clone()).collect()
    }

    #[test]
    fn the_built_in_checklist_asks_more_the_later_the_environment() {
        assert_eq!(ids(Some("development"), &chain()), ["files-intact", "down-present", "apply", "validate", "record"]);
        assert!(ids(Some("qa"), &chain()).contains(&"rollback-proven".to_string()));
        assert!(!ids(Some("qa"), &chain()).contains(&"approval".to_string()));
        let all = ids(Some("production"), &chain());
        assert_eq!(all.len(), 11);
        assert_eq!(ids(None, &chain()), all, "no environment counts as the last");
        assert_eq!(ids(Some("production"), &["production".to_string()]), all, "an only environment is no playground");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let bad = |from: &str, to: &str| {
            let text = BUILT_IN[0].1.replacen(from, to, 1);
            assert_ne!(text, BUILT_IN[0].1, "{from}");
            parse("my.toml", &text, &chain()).unwrap_err().message
        };
        let m = bad("hold = true", "hodl = true");
        assert!(m.starts_with("my.toml:") && m.contains("`hodl`") && m.contains("`hold`"), "{m}");
        assert!(bad("id = \"down-present\"", "id = \"files-intact\"").contains("twice"));
        assert!(bad("id = \"down-present\"", "id = \"down-presents\"").contains("did you mean `down-present`"));
        assert!(bad("kind = \"signed\"\n", "").contains("signed by a person"));
        assert!(bad("expires = \"10m\"", "expires = \"soon\"").contains("is no duration"));
        assert!(bad("[\"later\"]", "[\"prod\"]").contains("unknown environment `prod`"));
        assert!(bad("act = true\n", "").contains("`act = true` belongs"));
        let mixed = format!("{}\n[[step]]\nid = \"document\"\ntitle = \"x\"\nevidence = \"documented\"\n", BUILT_IN[0].1);
        assert!(parse("x", &mixed, &chain()).unwrap_err().message.contains("mix their evidence"));
        let steps = parse("x", BUILT_IN[1].1, &chain()).unwrap().steps;
        assert_eq!(steps.iter().filter(|s| s.hold).count(), 5, "{steps:?}");
        for (id, text) in &BUILT_IN[2..] {
            let list = parse(id, text, &chain()).unwrap();
            assert_eq!((list.id.as_str(), list.steps.iter().filter(|s| s.evidence == "verified").count()), (*id, 1));
        }
        let unsigned = BUILT_IN[2].1.replacen("kind = \"signed\"\n", "", 1);
        assert!(parse("x", &unsigned, &chain()).unwrap_err().message.contains("signed by a person"));
        assert!(parse("x", "id = \"a\"\ntitle = \"b\"", &chain()).unwrap_err().message.contains("nothing could ever be applied"));
    }
}
