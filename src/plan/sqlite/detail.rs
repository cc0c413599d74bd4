//! The words of one line of `EXPLAIN QUERY PLAN`: `SEARCH t USING COVERING INDEX i (a=? AND b>?)`.
//!
//! Wordings of 3.36 and later; `SCAN TABLE t` of before is read too. What is not known is kept as it is.

/// One line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Neutral name, see [`crate::model::plan::PlanNode::op`].
    pub op: &'static str,
    pub relation: Option<String>,
    pub index: Option<String>,
    pub condition: Option<String>,
    /// What a temporary b-tree is for.
    pub purpose: Option<String>,
    /// A loop over rows: `SCAN` or `SEARCH`.
    pub loops: bool,
    pub automatic: bool,
    pub left_join: bool,
}

pub fn parse(text: &str) -> Detail {
    let t = text.trim();
    for (start, op) in [("SCAN ", "table scan"), ("SEARCH ", "index search")] {
        if let Some(rest) = t.strip_prefix(start) {
            return access(rest, op);
        }
    }
    if let Some(purpose) = t.strip_prefix("USE TEMP B-TREE FOR ") {
        let op = if purpose.ends_with("ORDER BY") { "sort" } else { "temporary b-tree" };
        return Detail { op, purpose: Some(purpose.into()), ..Detail::default() };
    }
    let named = |op, name: &str| Detail { op, relation: Some(name.trim().to_string()), ..Detail::default() };
    if let Some(name) = t.strip_prefix("MATERIALIZE ") {
        return named("materialize", name);
    }
    if let Some(name) = t.strip_prefix("CO-ROUTINE ") {
        return named("co-routine", name);
    }
    if let Some(rest) = t.strip_prefix("CREATE AUTOMATIC INDEX ON ") {
        let (name, columns) = rest.split_once('(').map_or((rest, None), |(n, c)| (n, c.split(')').next()));
        return Detail { condition: columns.map(str::to_string), ..named("automatic index", name) };
    }
    if let Some(rest) = t.strip_prefix("BLOOM FILTER ON ") {
        let (name, condition) = parenthesis(rest);
        return Detail { condition, ..named("bloom filter", name) };
    }
    let bare = t.strip_prefix("CORRELATED ").unwrap_or(t);
    let op = match bare {
        b if b.starts_with("SCALAR SUBQUERY") => "scalar subquery",
        b if b.starts_with("LIST SUBQUERY") || b.starts_with("REUSE LIST SUBQUERY") => "list subquery",
        b if b.starts_with("REUSE SUBQUERY") => "subquery",
        "MULTI-INDEX OR" => "multi-index or",
        "COMPOUND QUERY" => "set operation",
        b if b.starts_with("MERGE (") => "merge",
        b if b.starts_with("UNION") || b.starts_with("EXCEPT") || b.starts_with("INTERSECT") => "set operation",
        "LEFT-MOST SUBQUERY" | "LEFT" | "RIGHT" | "SETUP" | "RECURSIVE STEP" => "member",
        b if b.starts_with("RIGHT-JOIN ") => "right join",
        _ => "other",
    };
    let purpose = bare.split_once(" USING TEMP B-TREE").map(|(what, _)| what.to_string());
    Detail { op, purpose, ..Detail::default() }
}

/// `name (inside)`: the name and what stands in the last parentheses.
fn parenthesis(text: &str) -> (&str, Option<String>) {
    match text.strip_suffix(')').and_then(|t| t.split_once(" (")) {
        Some((name, inside)) => (name, Some(inside.to_string())),
        None => (text, None),
    }
}

fn access(rest: &str, op: &'static str) -> Detail {
    let mut d = Detail { op, loops: true, ..Detail::default() };
    let mut rest = rest;
    while let Some(shorter) = rest.strip_suffix(" LEFT-JOIN").or_else(|| rest.strip_suffix(" EXISTS")) {
        d.left_join |= rest.ends_with("LEFT-JOIN");
        rest = shorter;
    }
    if rest == "CONSTANT ROW" || rest.ends_with("-ROW VALUES CLAUSE") || rest.ends_with(" VALUES CLAUSE") {
        return Detail { op: "values", ..d };
    }
    rest = rest.strip_prefix("TABLE ").unwrap_or(rest);
    if let Some((name, module)) = rest.split_once(" VIRTUAL TABLE INDEX ") {
        return Detail { relation: Some(name.into()), purpose: Some(format!("virtual table index {module}")), ..d };
    }
    let Some((name, using)) = rest.rsplit_once(" USING ") else {
        let (name, condition) = parenthesis(rest);
        // A scan over a subquery or a CTE is no full scan of a table.
        return Detail { relation: Some(name.into()), condition, ..d };
    };
    // A subquery of EXISTS that is read as a join says so behind its table.
    let name = name.strip_suffix(" EXISTS").unwrap_or(name);
    d.relation = Some(name.split_once(" AS ").map_or(name, |(table, _)| table).to_string());
    let (what, condition) = match using.split_once(" (") {
        Some((what, inside)) => (what, Some(inside.strip_suffix(')').unwrap_or(inside).to_string())),
        // `AUTOMATIC COVERING INDEX (a=?)` has no name before the parenthesis, hence no blank is missing; nothing else to do.
        None => (using, None),
    };
    d.condition = condition;
    d.automatic = what.starts_with("AUTOMATIC");
    let covering = what.contains("COVERING INDEX");
    if let Some((_, index)) = what.split_once("INDEX ") {
        d.index = Some(index.trim().to_string());
    }
    d.op = match (op, covering) {
        _ if d.automatic => "automatic index search",
        ("table scan", true) => "index only scan",
        ("table scan", false) if d.index.is_some() => "index scan",
        (_, true) => "index only search",
        (_, false) if what.ends_with("PRIMARY KEY") => "primary key search",
        (o, false) => o,
    };
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_taken_apart() {
        let p = |t: &str| {
            let d = parse(t);
            (d.op, d.relation.unwrap_or_default(), d.index.unwrap_or_default(), d.condition.unwrap_or_default())
        };
        let s = String::from;
        assert_eq!(p("SCAN orders"), ("table scan", s("orders"), s(""), s("")));
        assert_eq!(p("SCAN TABLE orders"), ("table scan", s("orders"), s(""), s("")));
        assert_eq!(p("SCAN o USING COVERING INDEX i"), ("index only scan", s("o"), s("i"), s("")));
        assert_eq!(p("SCAN o USING INDEX i"), ("index scan", s("o"), s("i"), s("")));
        assert_eq!(p("SEARCH o USING INDEX i (a=? AND b>?)"), ("index search", s("o"), s("i"), s("a=? AND b>?")));
        assert_eq!(p("SEARCH c USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"), ("primary key search", s("c"), s(""), s("rowid=?")));
        assert_eq!(p("SEARCH o EXISTS USING AUTOMATIC COVERING INDEX (a=?)"), ("automatic index search", s("o"), s(""), s("a=?")));
        assert_eq!(p("SEARCH c USING AUTOMATIC COVERING INDEX (x=?)"), ("automatic index search", s("c"), s(""), s("x=?")));
        assert_eq!(p("BLOOM FILTER ON c (x=?)"), ("bloom filter", s("c"), s(""), s("x=?")));
        assert_eq!(p("CREATE AUTOMATIC INDEX ON t(a, b) WHERE <expr>"), ("automatic index", s("t"), s(""), s("a, b")));
        assert_eq!(p("CO-ROUTINE v").0, "co-routine");
        assert_eq!(p("CORRELATED SCALAR SUBQUERY 2").0, "scalar subquery");
        assert_eq!(p("SCAN CONSTANT ROW"), ("values", s(""), s(""), s("")));
        assert_eq!(p("SOMETHING NEW").0, "other");
        assert_eq!(parse("USE TEMP B-TREE FOR LAST TERM OF ORDER BY").op, "sort");
        assert_eq!(parse("UNION USING TEMP B-TREE").purpose.as_deref(), Some("UNION"));
        let d = parse("SEARCH c USING AUTOMATIC PARTIAL COVERING INDEX (x=? AND y<?)");
        assert!(d.automatic);
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(t in "(SCAN |SEARCH |USE TEMP B-TREE FOR |)\\PC*") {
            let _ = parse(&t);
        }
    }
}
