//! The statement as a whole: compiling, planning, triggers, locks, time that no node explains, forbidden steps (F29–F32, F41–F43).

use super::Draft;
use super::scene::{Product, Scene, Weight};
use super::words::{count, ms, percent, spent};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding, Trigger};

/// F29: share of the execution, and at least this many milliseconds (plans.md §3).
const JIT: (f64, f64) = (0.2, 10.0);
/// F30: milliseconds of planning from which it is worth a sentence (plans.md §3).
const PLANNING: f64 = 10.0;
/// F31, F32: share of the execution, and at least this many milliseconds (plans.md §3).
const TRIGGERS: (f64, f64) = (0.2, 10.0);
/// F41: share of the execution (plans.md §3).
const LOCKS: f64 = 0.2;
/// F42: share of the execution, and at least this many milliseconds (plans.md §3).
const GAP: (f64, f64) = (0.1, 20.0);
/// F42: milliseconds that handing over a row of the result takes outside the nodes' clocks: 0.2 µs were measured on PostgreSQL 15
/// (180 000 rows, 34 ms on a busy machine), and that is no gap.
const HAND_OVER: f64 = 0.0004;
/// F43: what the planner adds to the cost of a step that a setting forbids, up to PostgreSQL 17 (`disable_cost`).
const DISABLED: f64 = 1e10;

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    out.extend(jit(s));
    out.extend(planning(s));
    triggers(s, out);
    for i in s.all() {
        out.extend(locks(s, i));
        out.extend(disabled(s, i));
    }
    out.extend(gap(s));
}

fn jit_ms(s: &Scene<'_>) -> Option<f64> {
    let j = s.plan.jit.as_ref()?;
    j.total_ms.or_else(|| [j.generation_ms, j.inlining_ms, j.optimization_ms, j.emission_ms].into_iter().flatten().reduce(|a, b| a + b))
}

/// The block in the plan sums over processes that compile side by side. What counts is the leader's part of the time that the user
/// waited; where the plan does not tell that, the share that compiling has of all the work of all processes.
fn jit(s: &Scene<'_>) -> Option<PlanFinding> {
    let (total, all) = (s.total_ms?, jit_ms(s)?);
    let launched: u32 = s.all().filter_map(|i| s.node(i).workers_launched).sum();
    let leader = s.plan.jit.as_ref().and_then(|j| j.leader_ms).or((launched == 0).then_some(all));
    let work: f64 = s.all().filter_map(|i| s.node(i).self_ms).sum();
    let own = match leader {
        Some(own) => own.min(total),
        None if work > 0.0 => total * (all / work).min(1.0),
        None => return None,
    };
    if own < JIT.1 || own < JIT.0 * total {
        return None;
    }
    let functions = s.plan.jit.as_ref().and_then(|j| j.functions).map(|f| format!("{} functions, ", count(f))).unwrap_or_default();
    let mut draft = Draft::new("F29", Severity::Warning, Weight::Timed(own), Confidence::Certain)
        .at(&[])
        .number("jit_ms", all)
        .number("execution_ms", total);
    let said = match leader {
        Some(_) if launched == 0 => {
            format!("just-in-time compiling took {functions}{} of {} ({})", ms(all), ms(total), percent(own, total))
        }
        Some(_) => {
            draft = draft.number("leader_jit_ms", own);
            format!(
                "just-in-time compiling took the leading process {} of {} ({}); with its workers {functions}{}",
                ms(own),
                ms(total),
                percent(own, total),
                ms(all)
            )
        }
        None => {
            draft = draft.number("work_ms", work).but(
                Confidence::Likely,
                "the plan tells the sum over all processes alone: the leader's part is taken from the share of the whole (VERBOSE tells it)",
            );
            format!(
                "just-in-time compiling took {functions}{} of the {} that all processes worked ({})",
                ms(all),
                ms(work),
                percent(all, work)
            )
        }
    };
    Some(draft.sql(Some("SET LOCAL jit = off".into())).say(
        said,
        "Measure again without it; if that is quicker, raise jit_above_cost, or mend the estimates that made the plan look so dear.",
    ))
}

fn planning(s: &Scene<'_>) -> Option<PlanFinding> {
    let (planning, execution) = (s.plan.planning_ms?, s.plan.execution_ms?);
    if planning < PLANNING || planning < execution || !s.plan.analyzed {
        return None;
    }
    let next = match s.product {
        Product::Postgres => {
            "Plan it a second time: what is left then is no cold catalogue. Fewer partitions and joins plan quicker; prepared, it is planned once."
        }
        _ => "Plan it a second time: what is left then is no cold statistics. Fewer tables to join plan quicker (optimizer_search_depth).",
    };
    Some(
        Draft::new("F30", Severity::Warning, Weight::Timed(planning), Confidence::Certain)
            .at(&[])
            .number("planning_ms", planning)
            .number("execution_ms", execution)
            .say(format!("planning took {}, running {}", ms(planning), ms(execution)), next),
    )
}

/// PostgreSQL's own triggers that keep a foreign key.
fn keeps_a_foreign_key(t: &Trigger) -> bool {
    t.constraint.is_some() && (t.name.is_empty() || t.name.starts_with("RI_ConstraintTrigger"))
        || t.name.starts_with("RI_ConstraintTrigger")
}

fn triggers(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    let Some(total) = s.total_ms else { return };
    let all: f64 = s.plan.triggers.iter().filter_map(|t| t.ms).sum();
    if all < TRIGGERS.1 || all < TRIGGERS.0 * total {
        return;
    }
    let mut sorted: Vec<&Trigger> = s.plan.triggers.iter().filter(|t| t.ms.is_some()).collect();
    sorted.sort_by(|a, b| b.ms.unwrap_or(0.0).total_cmp(&a.ms.unwrap_or(0.0)));
    for t in &sorted {
        let own = t.ms.unwrap_or(0.0);
        if own >= TRIGGERS.1 && own >= TRIGGERS.0 * total {
            out.extend(foreign_key(s, t, own, total));
        }
    }
    let list: Vec<String> = sorted
        .iter()
        .take(3)
        .map(|t| {
            let name = t.constraint.clone().filter(|_| keeps_a_foreign_key(t)).unwrap_or_else(|| t.title().to_string());
            let on = t.relation.as_ref().map(|r| format!(" on {r}")).unwrap_or_default();
            let calls = t.calls.map(|c| format!("{} calls, ", count(c))).unwrap_or_default();
            format!("{name}{on} ({calls}{})", ms(t.ms.unwrap_or(0.0)))
        })
        .collect();
    let foreign = sorted.first().is_some_and(|t| keeps_a_foreign_key(t));
    let next = if foreign {
        "Look at the foreign keys first (F32): an index on the referencing columns makes each check a lookup."
    } else {
        "Measure on a scratch copy with the trigger disabled; if it is needed, make it a statement trigger with transition tables."
    };
    out.push(
        Draft::new("F31", Severity::Warning, Weight::Timed(all), Confidence::Certain)
            .at(&[])
            .number("triggers_ms", all)
            .number("execution_ms", total)
            .say(format!("triggers took {} of {}: {}", ms(all), ms(total), list.join("; ")), next),
    );
}

/// F32: on the referenced side each deleted or changed key is looked for in the referencing table.
fn foreign_key(s: &Scene<'_>, t: &Trigger, own: f64, total: f64) -> Option<PlanFinding> {
    if !keeps_a_foreign_key(t) || s.product != Product::Postgres {
        return None;
    }
    let root = &s.plan.root.op;
    let writes = s.all().any(|i| matches!(s.node(i).op.as_str(), "delete" | "update" | "merge"));
    if !writes && root != "delete" && root != "update" {
        return None;
    }
    let constraint = t.constraint.as_deref()?;
    let relation = t.relation.as_deref().unwrap_or("the table");
    let known = s.known.tables.iter().flat_map(|x| &x.foreign_keys).find(|k| k.name == constraint);
    let calls = t.calls.unwrap_or(0.0);
    let draft = |sure| {
        Draft::new("F32", Severity::Critical, Weight::Timed(own), sure)
            .at(&[])
            .number("calls", calls)
            .number("trigger_ms", own)
            .number("execution_ms", total)
    };
    match known {
        // The check of the referencing side looks up a key that always has an index.
        Some(k) if k.table == relation && k.to_table != relation => None,
        Some(k) if k.indexed => None,
        Some(k) => {
            let ddl = s.index_of(k.schema.as_deref(), &k.table, &k.columns);
            Some(draft(Confidence::Certain).sql(Some(ddl)).say(
                format!("{constraint}: {} rows of {relation} were looked for in {} without an index on {}, {} of {}", count(calls), k.table, k.columns.join(", "), ms(own), ms(total)),
                "Make the index on a scratch copy and run the statement there again: the trigger's time should nearly vanish.",
            ))
        }
        None => Some(draft(Confidence::Possible).but(Confidence::Possible, "whether the referencing columns have an index is not known here").say(
            format!(
                "{constraint}: checking {} for {} rows of {relation} took {} of {}",
                // A trigger that somebody made a constraint is called by its name, too.
                if t.name.is_empty() { "this constraint, most likely a foreign key," } else { "the foreign key" },
                count(calls),
                ms(own),
                ms(total)
            ),
            "Look whether the referencing columns have an index of their own; if not, make one on a scratch copy and run it there again.",
        )),
    }
}

fn locks(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "lock" || n.never_executed {
        return None;
    }
    let (total, own) = (s.total_ms?, s.own_ms(i)?);
    if own < LOCKS * total {
        return None;
    }
    let weight = s.weigh(&[i])?;
    Some(
        Draft::new("F41", Severity::Warning, weight, Confidence::Likely)
            .at(s.path(i))
            .number("rows", n.rows_total.unwrap_or(0.0))
            .but(Confidence::Likely, "measured; waiting for others and writing the locks look the same")
            .sql(Some("SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0".into()))
            .say(
                format!("locking {} rows took {} of {}", count(n.rows_total.unwrap_or(0.0)), ms(own), ms(total)),
                "Run it again and look meanwhile who blocks whom; where any free row will do, SKIP LOCKED does not wait.",
            ),
    )
}

fn gap(s: &Scene<'_>) -> Option<PlanFinding> {
    if !s.plan.analyzed || s.product != Product::Postgres {
        return None;
    }
    let total = s.plan.execution_ms?;
    let fired: f64 = s.plan.triggers.iter().filter_map(|t| t.ms).sum();
    let handed = HAND_OVER * s.plan.root.rows_total.unwrap_or(0.0);
    let left = s.plan.outside_ms? - fired - handed - s.plan.serialization_ms.unwrap_or(0.0);
    if left < GAP.1 || left < GAP.0 * total {
        return None;
    }
    let compiled = jit_ms(s).is_some_and(|j| j > 0.0);
    let next = if compiled {
        "The first compiling of a connection loads LLVM: run it a second time on the same connection, then with SET LOCAL jit = off, and compare."
    } else {
        "Run it a second time on the same connection: what is left is neither cold caches nor loading. Then look for deferred constraints and lock waits."
    };
    Some(
        Draft::new("F42", Severity::Info, Weight::Timed(left), Confidence::Likely)
            .at(&[])
            .number("gap_ms", left)
            .number("execution_ms", total)
            .but(Confidence::Likely, "measured as a difference; the server does not say what it did")
            .say(format!("{} of {} passed outside the plan's nodes ({})", ms(left), ms(total), percent(left, total)), next),
    )
}

fn disabled(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let told = s.attr_text(i, &["Disabled"]).is_some_and(|d| d.eq_ignore_ascii_case("true"));
    // Costs are inclusive: it began at the lowest node that has it.
    let own =
        n.est_total_cost.is_some_and(|c| c >= DISABLED) && s.children(i).all(|c| s.node(c).est_total_cost.is_none_or(|x| x < DISABLED));
    if s.product != Product::Postgres || !(told || own) {
        return None;
    }
    let off: Vec<&str> =
        s.plan.settings.iter().filter(|(k, v)| k.starts_with("enable_") && v.as_str() == "off").map(|(k, _)| k.as_str()).collect();
    let by = if off.is_empty() { String::new() } else { format!(" ({} off)", off.join(", ")) };
    let weight = s.weigh(&[i]).unwrap_or(Weight::Counted);
    let mut draft = Draft::new("F43", Severity::Warning, weight, Confidence::Certain).at(s.path(i));
    draft.found.confidence = Confidence::Certain;
    draft.found.because = "the planner marks it".into();
    let sql = off.first().map(|k| format!("RESET {k}"));
    let on = if n.relation.is_some() || n.alias.is_some() { format!(" on {}", s.name(i)) } else { String::new() };
    Some(draft.sql(sql).say(
        format!("{}{} is forbidden by a setting{by}, and there was no other way{}", n.raw_op, on, spent(weight)),
        "Explain again with the setting at its default: if the plan is the same, the setting only hides its cost.",
    ))
}
