//! One node's words: `Index lookup on o using fk_c (c_id = c.id)  (cost=2.24 rows=19.9) (actual time=0.0044..0.0063 rows=20 loops=300)`.

use crate::model::plan::PlanNode;

/// Whether a node's text is whole: no literal, quoted name or parenthesis is open at its end.
pub(super) fn complete(text: &str) -> bool {
    let (mut quote, mut depth, mut escaped) = (None, 0i64, false);
    for b in text.bytes() {
        match (quote, b) {
            _ if escaped => escaped = false,
            (Some(b'\''), b'\\') => escaped = true,
            (Some(q), b) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'`') => quote = Some(b),
            (None, b'(') => depth += 1,
            (None, b')') => depth -= 1,
            _ => {}
        }
    }
    quote.is_none() && depth <= 0
}

/// A printed number and half a unit of its last digit: `0.00255` is ±0.000005, `560e-6` ±0.5e-6, `165` ±0.5.
pub(super) fn figure(text: &str) -> Option<(f64, f64)> {
    let value: f64 = text.parse().ok().filter(|v: &f64| v.is_finite())?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, d)| d.len());
    let unit = exponent.parse::<i32>().ok()? - i32::try_from(decimals).ok()?;
    // Nothing is printed as a bare 0 that was rounded to it.
    let half = if value == 0.0 && decimals == 0 { 0.0 } else { 0.5 * 10f64.powi(unit) };
    Some((value, half))
}

/// A line without its arrow. The error says what of it cannot be read.
pub(super) fn node(text: &str) -> Result<PlanNode, String> {
    let mut n = PlanNode::default();
    let mut words = text;
    // The groups in parentheses at the end are the figures; a condition may hold parentheses too, so only known ones go.
    while words.ends_with(')')
        && let Some(start) = opening(words)
    {
        let group = &words[start + 1..words.len() - 1];
        if let Some(a) = group.strip_prefix("actual ") {
            actual(a, &mut n)?;
        } else if group == "never executed" {
            n.never_executed = true;
        } else if group.starts_with("cost=") || group.starts_with("rows=") {
            estimate(group, &mut n)?;
        } else {
            break;
        }
        words = words[..start].trim_end();
    }
    n.raw_op = words.to_string();
    describe(words, &mut n);
    Ok(n)
}

fn actual(group: &str, n: &mut PlanNode) -> Result<(), String> {
    let (mut first, mut last) = (None, None);
    for part in group.split_whitespace() {
        let bad = || format!("`{part}` is no figure of an analysed node");
        match part.split_once('=').ok_or_else(bad)? {
            ("time", v) => {
                let (a, b) = v.split_once("..").ok_or_else(bad)?;
                first = Some(figure(a).ok_or_else(bad)?);
                last = Some(figure(b).ok_or_else(bad)?);
            }
            ("rows", v) => n.rows = Some(figure(v).ok_or_else(bad)?.0),
            ("loops", v) => n.loops = Some(figure(v).ok_or_else(bad)?.0),
            (k, v) => {
                n.attrs.insert(k.into(), v.into());
            }
        }
    }
    if n.loops == Some(0.0) {
        (n.loops, n.rows, n.never_executed) = (None, None, true);
        return Ok(());
    }
    let loops = n.loops.ok_or("the analysed node has no loops")?;
    n.rows_total = n.rows.map(|r| r * loops);
    n.startup_ms = first.map(|(t, _)| t * loops);
    n.total_ms = last.map(|(t, _)| t * loops);
    n.self_err_ms = last.map(|(_, err)| err * loops);
    Ok(())
}

fn estimate(group: &str, n: &mut PlanNode) -> Result<(), String> {
    for part in group.split_whitespace() {
        let bad = || format!("`{part}` is no estimate");
        match part.split_once('=').ok_or_else(bad)? {
            ("cost", v) => {
                // `a..b` where the first row has a cost of its own.
                let (first, last) = v.split_once("..").map_or((None, v), |(a, b)| (Some(a), b));
                n.est_startup_cost = first.and_then(|v| figure(v).map(|f| f.0));
                n.est_total_cost = Some(figure(last).ok_or_else(bad)?.0);
            }
            ("rows", v) => n.est_rows = Some(figure(v).ok_or_else(bad)?.0),
            (k, v) => {
                n.attrs.insert(k.into(), v.into());
            }
        }
    }
    Ok(())
}

/// Where the last group's parenthesis opens.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (i, b) in text.bytes().enumerate().rev() {
        match b {
            b')' => depth += 1,
            b'(' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

/// What stands in the parentheses with which a text begins, and the rest.
fn parenthesis(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('(')?;
    let (mut depth, mut quote) = (1usize, None);
    for (i, b) in inner.bytes().enumerate() {
        match (quote, b) {
            (Some(q), b) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'`') => quote = Some(b),
            (None, b'(') => depth += 1,
            (None, b')') => {
                depth -= 1;
                if depth == 0 {
                    return Some((&inner[..i], &inner[i + 1..]));
                }
            }
            _ => {}
        }
    }
    None
}

/// The neutral name. What begins otherwise is called by its own first words.
fn op(lower: &str) -> &'static str {
    const STARTS: [(&str, &str); 27] = [
        ("filter", "filter"),
        ("nested loop", "nested loop"),
        ("batched key access", "nested loop"),
        ("sort-deduplicate", "index merge"),
        ("deduplicate rows sorted", "index merge"),
        ("intersect rows sorted", "index merge"),
        ("sort", "sort"),
        ("limit", "limit"),
        ("group aggregate", "aggregate"),
        ("aggregate", "aggregate"),
        ("count rows in", "aggregate"),
        ("window ", "window"),
        ("union materialize", "union"),
        ("intersect materialize", "set operation"),
        ("except materialize", "set operation"),
        ("materialize", "materialize"),
        ("temporary table", "materialize"),
        ("append", "append"),
        ("remove duplicate", "distinct"),
        ("stream results", "stream"),
        ("select #", "subquery"),
        ("table scan on", "table scan"),
        ("scan new records on", "cte scan"),
        ("rows fetched before execution", "result"),
        ("zero rows", "result"),
        ("constant row from", "index scan"),
        ("weedout", "distinct"),
    ];
    const WRITES: [(&str, &str); 4] =
        [("insert into", "insert"), ("replace into", "insert"), ("update ", "update"), ("delete from", "delete")];
    if lower.contains("hash join") {
        return "hash join";
    }
    if lower == "hash" {
        return "hash";
    }
    if let Some((_, op)) = STARTS.iter().chain(&WRITES).find(|(start, _)| lower.starts_with(start)) {
        return op;
    }
    match lower {
        l if l.contains("covering") && l.contains(" on ") => "index only scan",
        l if (l.contains("index") || l.starts_with("single-row")) && l.contains(" on ") => "index scan",
        _ => "",
    }
}

/// What the words say: operation, table, index, condition.
pub(super) fn describe(words: &str, n: &mut PlanNode) {
    let lower = words.to_ascii_lowercase();
    let op = op(&lower);
    n.op = if op.is_empty() { lower.split([':', '(']).next().unwrap_or("").trim().to_string() } else { op.into() };
    let name = match op {
        "filter" => "Filter",
        "sort" => "Sort key",
        "limit" => "Limit",
        "aggregate" => "Aggregate",
        "window" => "Window",
        _ => "",
    };
    if let (false, Some((_, what))) = (name.is_empty(), words.split_once(": ")) {
        // How many rows a sort keeps is no key of it.
        let what = if op == "sort" { what.split(", limit input to ").next().unwrap_or(what) } else { what };
        n.conditions.push((name.into(), what.trim().to_string()));
    } else if op == "filter"
        && let Some(what) = words.get(6..)
    {
        n.conditions.push(("Filter".into(), what.trim().to_string()));
    }
    if op == "hash join"
        && let Some((_, c)) = words.split_once('(')
    {
        n.conditions.push(("Hash condition".into(), c.trim_end_matches(')').to_string()));
    }
    let table = match op {
        "insert" => words.split_once(" into "),
        "delete" => words.split_once(" from "),
        "update" => words.split_once(' '),
        "aggregate" if lower.starts_with("count rows in ") => words.split_once(" in "),
        _ if n.op.contains("scan") && !lower.starts_with("nested") => words.split_once(" on ").or_else(|| words.split_once(" from ")),
        _ => None,
    };
    let Some((_, rest)) = table else { return };
    let (table, rest) = name_of(rest);
    n.relation = Some(table.to_string());
    n.alias = Some(table.to_string());
    let Some(rest) = rest.trim_start().strip_prefix("using ") else { return };
    let (index, rest) = name_of(rest);
    n.index = Some(index.to_string());
    let rest = rest.trim_start();
    let (range, inside) = rest.strip_prefix("over ").map_or((false, rest), |r| (true, r));
    let mut rest = inside;
    let mut parts = Vec::new();
    // `over (a < 1) OR (5 < a)`.
    while let Some((part, after)) = parenthesis(rest) {
        if matches!(part, "reverse" | "iterate backwards" | "Multi-Range Read") {
            n.attrs.insert("order".into(), part.into());
        } else if !part.is_empty() {
            parts.push(part);
        }
        rest = after.trim_start();
        rest = rest.strip_prefix("OR ").unwrap_or(rest);
    }
    if !parts.is_empty() {
        let text =
            if parts.len() == 1 { parts[0].to_string() } else { parts.iter().map(|p| format!("({p})")).collect::<Vec<_>>().join(" OR ") };
        n.conditions.push((if range { "Range" } else { "Lookup" }.into(), text));
    }
    if let Some((_, c)) = words.split_once("with index condition: ") {
        n.conditions.push(("Index condition".into(), c.to_string()));
    }
}

/// A name at the beginning of a text, and the rest: up to a blank or a comma outside quotes. `<auto_key0>` and `<union temporary>` are
/// names too.
fn name_of(text: &str) -> (&str, &str) {
    if text.starts_with('<')
        && let Some(end) = text.find('>')
    {
        return text.split_at(end + 1);
    }
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        match c {
            '`' => quoted = !quoted,
            ' ' | ',' if !quoted => return text.split_at(i),
            _ => {}
        }
    }
    (text, "")
}
