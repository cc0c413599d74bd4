//! Advice in words and as JSON, the same for the command line and the console.

use super::{Advice, Level, Report, writes};
use crate::model::Dialect;
use crate::plan::candidates::{Reason, Why};
use crate::plan::measure::{millis, ratio};
use crate::text;
use serde_json::{Value, json};

/// The document's name and version; the manual's page `advice` tells its keys.
const SCHEMA: &str = "holdpoint/advice";
const SCHEMA_VERSION: u32 = 1;

impl Advice {
    /// What was found, in a few words: `0.24 of the time (0.22 to 0.27)`, `cost 2,084 → 12`.
    pub fn gain(&self) -> String {
        if let Some(m) = &self.measured {
            let j = &m.judgement;
            let range = j.certain().map_or(String::new(), |(low, high)| format!(" ({} to {})", ratio(low), ratio(high)));
            let (before, after) = (millis(j.before.median_ms), millis(j.after.median_ms));
            return format!("{before} → {after}, {} of the time{range}", ratio(j.ratio));
        }
        match &self.estimate {
            Some(e) => match (e.before, e.after) {
                (Some(b), Some(a)) => format!("expected cost {} → {}", number(b), number(a)),
                _ => "the planner takes it".into(),
            },
            None => "not tried".into(),
        }
    }

    /// Size as it was built, or as it is estimated.
    pub fn size(&self) -> Option<String> {
        match (self.measured.as_ref().and_then(|m| m.bytes), self.estimate.as_ref().and_then(|e| e.bytes)) {
            (Some(b), _) => Some(text::bytes(b)),
            // What is imagined has an entry for each row, however often a value is there.
            (None, Some(b)) => Some(format!("at most about {}", text::bytes(b))),
            (None, None) => None,
        }
    }

    /// Why, how far it was tried, what it costs, and what would show that it is wrong: sentences.
    pub fn reasoning(&self) -> Vec<String> {
        let c = &self.candidate;
        let (index, it) = if c.with.is_empty() { ("index", "it") } else { ("indexes", "them") };
        let shapes: Vec<&str> = c.shapes.iter().map(|s| s.word()).collect();
        let mut out = vec![format!("Why ({}): {}.", shapes.join(", "), c.why)];
        if !c.with.is_empty() {
            out.push("They help together: the figures are without any of them and with all.".into());
        }
        if let Some(b) = &self.beside {
            let keys: Vec<&str> = b.keys.iter().map(|k| k.sql.as_str()).collect();
            out.push(format!(
                "Beside the index on {} ({}) only: the figures are with that one there, without and with this one.",
                b.table,
                keys.join(", ")
            ));
        }
        if let Some(e) = &self.estimate {
            out.push(match (e.before, e.after) {
                (Some(b), Some(a)) if e.by.is_some() => format!(
                    "Estimated by an index on {} in its place, over all rows, which the plan takes: the expected cost goes from {} to {}, \
                     and with this one no higher. (HypoPG imagines one over a part of the rows for the first table of FROM alone.)",
                    e.by.as_deref().unwrap_or_default(),
                    number(b),
                    number(a)
                ),
                (Some(b), Some(a)) => format!(
                    "Estimated: with the {index} imagined the plan takes {it}, and the expected cost goes from {} to {}.",
                    number(b),
                    number(a)
                ),
                _ => format!("Estimated: with the {index} imagined the plan takes {it}. SQLite expects no costs."),
            });
        }
        if let Some(m) = &self.measured {
            let j = &m.judgement;
            out.push(format!(
                "Measured on a scratch copy{}: {} of each by turns, median {} without {it} and {} with {it}; the ratio is {}, {}.",
                m.of,
                text::counted(j.before.runs as u64, "run"),
                millis(j.before.median_ms),
                millis(j.after.median_ms),
                ratio(j.ratio),
                j.certainty()
            ));
            for w in &j.work {
                let (before, after) = (text::thousands(w.before), text::thousands(w.after));
                out.push(if w.name == "rows read" && m.rows_read_error > 0.0 {
                    format!("Rows read, by the server's rounded means: about {before} without {it}, about {after} with {it}.")
                } else {
                    format!("Work that knows no noise: {} {before} without {it}, {after} with {it}.", w.name)
                });
            }
            out.push(format!("Built in {}.", text::duration(m.build)));
        }
        if let Some(s) = self.size() {
            out.push(format!("Size: {s}."));
        }
        out.extend(writes::words(c, self.write_cost));
        if let Some(w) = self.measured.as_ref().and_then(|m| m.writes.as_ref()) {
            out.extend(w.lines());
        }
        if let Some(o) = &self.others {
            out.extend(o.lines());
        }
        if c.only_where.is_some() {
            out.push("It serves statements with this very value only.".into());
        }
        out.extend(c.caution.clone());
        if c.partitioned {
            out.push("The table is divided: the index is built on all partitions while they cannot be written to.".into());
        }
        out.push(self.unless.clone());
        out
    }
}

impl Report {
    /// Whether an index helps, by the planner's word or by measuring; `None` where there are some and none of them was tried.
    pub fn helps(&self) -> Option<bool> {
        match self.advice.as_slice() {
            [] if self.because().is_some_and(|r| matches!(r.why, Why::Hidden | Why::ForeignKey)) || self.open().is_some() => None,
            [] => Some(false),
            all => all.iter().any(|a| a.level != Level::Untried).then_some(true),
        }
    }

    /// What the answer goes by. Old statistics make it doubtful; they are no reason why nothing helps.
    fn because(&self) -> Option<&Reason> {
        self.reasons.iter().find(|r| r.why != Why::StaleStatistics)
    }

    /// What may help all the same of any table, and was not looked at: then nobody knows that nothing does.
    fn open(&self) -> Option<&'static str> {
        self.reasons.iter().find_map(|r| self.not_tried(r))
    }

    fn not_tried(&self, r: &Reason) -> Option<&'static str> {
        let (mut ordered, mut listed, mut semi) = (false, false, false);
        self.plan.root.walk(0, &mut |_, n| {
            ordered |= matches!(n.op.as_str(), "sort" | "distinct" | "duplicates removal") || n.raw_op.starts_with("USE TEMP B-TREE");
            listed |= n.op == "list subquery";
            semi |= n.relation.as_deref().is_some_and(|t| t.starts_with("<subquery"));
        });
        match r.why {
            Why::Alternatives => Some("an index for each of them, all together, was"),
            Why::Unindexable => Some("another kind of index (full text, spatial) or another wording was"),
            Why::NoExpressions => Some("an index on a generated column, or the test written as one of the column itself, was"),
            Why::NoTrigrams => Some("a trigram index, which needs that extension, was"),
            Why::Refused => Some("another wording of the test, which a plain index serves, was"),
            Why::LittleExpected => Some("building and timing it (`--measure`) was"),
            Why::WithPart => Some("the statement with the test inside that part was"),
            // SQLite reads an index in place of the list; MariaDB may turn the join round.
            Why::EverythingRead if listed => Some("an index on what the subquery of IN selects was"),
            Why::EverythingRead if semi => Some("an index on what the subquery is compared with was"),
            Why::EverythingRead if ordered => Some("an index in the order that is asked for was"),
            _ => None,
        }
    }

    /// The answer in one sentence.
    pub fn answer(&self) -> String {
        match (self.advice.first(), self.because()) {
            (Some(a), _) if a.level == Level::Untried => {
                format!("An index on {} may help: whether it does is not known, because it was not tried.", a.spec)
            }
            (Some(a), _) => format!("An index on {} helps, {}: {}.", a.spec, a.level.word(), a.gain()),
            (None, Some(r)) if r.why == Why::Hidden => format!("No index has to be built, because {}.", r.text),
            (None, Some(r)) if r.why == Why::ForeignKey => format!("An index may help that was not tried here: {}.", r.text),
            (None, Some(r)) => match self.open() {
                Some(what) => format!("No index is proposed, because {}; {what} not tried here.", r.text),
                None => format!("No index helps, because {}.", r.text),
            },
            (None, None) => match self.dropped.first() {
                Some(d) => format!("No index helps, because {}.", d.reason.text),
                None => "No index helps: the statement tests nothing that an index could serve.".into(),
            },
        }
    }

    /// The document that leaves.
    pub fn document(&self, dialect: Dialect) -> Value {
        let advice: Vec<Value> = self
            .advice
            .iter()
            .map(|a| {
                let c = &a.candidate;
                json!({
                    "level": a.level,
                    "index": a.spec,
                    "beside": a.beside.as_ref().map(|b| b.name.clone()),
                    "name": c.name,
                    "table": c.table,
                    "columns": c.keys.iter().map(|k| k.column.clone().unwrap_or_else(|| k.sql.clone())).collect::<Vec<_>>(),
                    "include": c.include,
                    "where": c.only_where,
                    "method": c.method,
                    "shapes": c.shapes.iter().map(|s| s.word()).collect::<Vec<_>>(),
                    "with": c.with.iter().map(|w| w.name.clone()).collect::<Vec<_>>(),
                    "create": c.creates(dialect, true),
                    "drop": c.drops(dialect, true),
                    "nodes": c.nodes,
                    "why": c.why,
                    "estimate": a.estimate,
                    "measured": a.measured.as_ref().map(|m| json!({
                        "verdict": m.judgement.verdict,
                        "runs": m.judgement.before.runs,
                        "before_median_ms": m.judgement.before.median_ms,
                        "after_median_ms": m.judgement.after.median_ms,
                        "ratio": m.judgement.ratio,
                        "ratio_interval": m.judgement.certain(),
                        "work": m.judgement.work,
                        "build_ms": m.build.as_secs_f64() * 1000.0,
                        "bytes": m.bytes,
                        "writes": m.writes.as_ref().map(|w| {
                            let one = |j: &crate::plan::measure::Judgement| json!({
                                "runs": j.before.runs,
                                "before_median_ms": j.before.median_ms,
                                "after_median_ms": j.after.median_ms,
                                "ratio": j.ratio,
                                "ratio_interval": j.certain(),
                            });
                            json!({ "rows": w.rows, "insert": one(&w.insert), "update": w.update.as_ref().map(one), "no_update": w.no_update })
                        }),
                    })),
                    "others": a.others,
                    "write_cost": a.write_cost,
                    "unless": a.unless,
                })
            })
            .collect();
        json!({
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "helps": self.helps(),
            "answer": self.answer(),
            "advice": advice,
            "reasons": self.reasons.iter().map(|r| json!({
                "why": r.why, "table": known(&r.table), "text": r.text, "next": known(&r.next), "sql": r.sql, "index": r.index,
            })).collect::<Vec<_>>(),
            "dropped": self.dropped.iter().map(|d| json!({ "index": d.what, "why": d.reason.why, "text": d.reason.text })).collect::<Vec<_>>(),
            "verified": self.verified,
            "copy_differs": self.differs,
            "notes": self.notes,
        })
    }
}

fn known(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

fn number(v: f64) -> String {
    if v.abs() < 10.0 { format!("{v:.2}") } else { text::thousands(v.round().max(0.0) as u64) }
}
