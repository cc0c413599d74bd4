//! Parallel work: workers that did not come, that were not worth it, or that had nothing to do (F26–F28).

use super::Draft;
use super::scene::{MANY, Scene};
use super::words::{count, ms, percent, spent, took};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};

/// F27: share of the execution that gathering takes, in plans that are shorter than this (ms); share of the rows that workers must bring
/// (plans.md §3).
const NOT_WORTH: (f64, f64, f64) = (0.3, 50.0, 0.2);
/// F28: the busiest process against the mean (plans.md §3).
const SKEW: f64 = 3.0;

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    for i in s.all() {
        let n = s.node(i);
        if n.never_executed {
            continue;
        }
        if n.op == "gather" {
            out.extend(missing(s, i));
            out.extend(not_worth(s, i));
        }
        out.extend(skew(s, i));
    }
}

fn missing(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let (planned, launched) = (n.workers_planned?, n.workers_launched?);
    if launched >= planned {
        return None;
    }
    let weight = s.weigh_below(i)?;
    let setting = s.setting("max_parallel_workers").map(|m| format!(" (max_parallel_workers is {m})")).unwrap_or_default();
    Some(
        Draft::new("F26", if launched == 0 { Severity::Warning } else { Severity::Info }, weight, Confidence::Certain)
            .at(s.path(i))
            .number("workers_planned", f64::from(planned))
            .number("workers_launched", f64::from(launched))
            .say(
                format!("{planned} workers were planned and {launched} came{setting}{}", took(weight)),
                "Others had taken the workers: run it again when the server is quiet, and compare; if it happens often, raise max_parallel_workers.",
            ),
    )
}

fn not_worth(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let (total, below) = (s.total_ms?, n.total_ms?);
    let own = s.own_ms(i)?;
    if n.workers_launched == Some(0) {
        return None;
    }
    let err = n.self_err_ms.unwrap_or(0.0);
    // The first node below whose processes are told apart.
    let told = s.children(i).find(|c| s.node(*c).processes.len() > 1);
    let share = told.and_then(|c| {
        let rows = |leader: bool| -> f64 {
            s.node(c).processes.iter().filter(|p| (p.who == "leader") == leader).filter_map(|p| p.rows_total).sum()
        };
        let (l, w) = (rows(true), rows(false));
        (l + w > 0.0).then_some((w, l + w))
    });
    let idle = share.filter(|(w, all)| *w < NOT_WORTH.2 * all);
    // A longer plan has workers for good reason, unless these had nothing to do.
    let dear = (below < NOT_WORTH.1 || idle.is_some()) && own >= NOT_WORTH.0 * total && own >= 1.0 && own > err;
    let idle = idle.filter(|(_, all)| *all >= MANY);
    if !dear && idle.is_none() {
        return None;
    }
    let weight = s.weigh_below(i)?;
    let message = match idle {
        Some((w, all)) if !dear => format!("the workers brought {} of {} rows ({}){}", count(w), count(all), percent(w, all), took(weight)),
        _ => {
            let few = share.filter(|(w, all)| *w < NOT_WORTH.2 * all);
            let brought = few.map_or(String::new(), |(w, all)| format!(", and they brought {} of {} rows", count(w), count(all)));
            format!("starting and gathering workers took {} of {}{brought}", ms(own), ms(total))
        }
    };
    let mut draft = Draft::new("F27", Severity::Info, weight, Confidence::Likely).at(s.path(i)).number("gather_self_ms", own);
    if let Some((w, all)) = share {
        draft = draft.number("rows_of_workers", w).number("rows", all);
    }
    draft.found.explains_ms = Some(own);
    Some(
        draft
            .but(Confidence::Likely, "measured once; how long workers take to start varies")
            .sql(Some("SET LOCAL max_parallel_workers_per_gather = 0".into()))
            .say(
                message,
                "Compare without workers; if that is as quick, raise parallel_setup_cost or set parallel_workers = 0 for the table.",
            ),
    )
}

fn skew(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.processes.len() < 2 {
        return None;
    }
    let rows: Vec<f64> = n.processes.iter().filter_map(|p| p.rows_total).collect();
    let all: f64 = rows.iter().sum();
    let most = rows.iter().copied().fold(0.0, f64::max);
    if rows.len() < 3 || all < MANY || most * (rows.len() as f64) < SKEW * all {
        return None;
    }
    // Told at the lowest node that shows it.
    if s.subtree(i).skip(1).any(|j| skewed(s, j)) {
        return None;
    }
    // An Append, or a join, has little of its own: the uneven work is below it.
    let weight = s.weigh(&[i]).or_else(|| s.weigh_below(i))?;
    let who = n.processes.iter().max_by(|a, b| a.rows_total.unwrap_or(0.0).total_cmp(&b.rows_total.unwrap_or(0.0)))?;
    Some(
        Draft::new("F28", Severity::Warning, weight, Confidence::Certain)
            .at(s.path(i))
            .number("rows_of_busiest", most)
            .number("rows", all)
            .number("processes", rows.len() as f64)
            .say(
                format!("of {} processes at {}, {} had {} of {} rows ({}){}", rows.len(), s.name(i), who.who, count(most), count(all), percent(most, all), spent(weight)),
                "The rows lie unevenly (one partition, one block range, one value): compare with max_parallel_workers_per_gather = 0, or split the work by another key.",
            ),
    )
}

fn skewed(s: &Scene<'_>, i: usize) -> bool {
    let rows: Vec<f64> = s.node(i).processes.iter().filter_map(|p| p.rows_total).collect();
    let all: f64 = rows.iter().sum();
    rows.len() >= 3 && all >= MANY && rows.iter().copied().fold(0.0, f64::max) * (rows.len() as f64) >= SKEW * all
}
