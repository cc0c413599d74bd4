//! What people paste and what files hold: the plan without the frames of clients, their quotes, and the prefixes of logs.

use super::value::{self, Value, get};

mod psql;
mod tables;
#[cfg(test)]
mod tests;

/// A plan as its format left the server.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub body: Body,
    /// The statement, where a log tells it.
    pub statement: Option<String>,
    /// Milliseconds, where a log tells them.
    pub duration: Option<String>,
    pub remarks: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Body {
    Json(String),
    Yaml(String),
    Xml(String),
    Text(Vec<String>),
}

impl Default for Body {
    fn default() -> Self {
        Body::Text(Vec::new())
    }
}

/// Finds the plan in a text.
pub(super) fn find(text: &str) -> Found {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let text = tables::lines(&text).unwrap_or(text);
    // From the source of a web page.
    let text = if text.contains("-&gt;") && text.contains("(cost=") { tables::unescaped(&text) } else { text };
    let text = unfenced(text);
    let text = composed(quoted_away(text.trim_start_matches('\u{feff}').to_string()));
    let text = syslog(&text).or_else(|| stamped(&text)).unwrap_or(text);
    if let Some(found) = log(&text) {
        return found;
    }
    let (first, count) = framed(&text);
    let remarks = if count > 1 { vec![format!("the first of {count} plans in the text")] } else { Vec::new() };
    Found { body: body(first), remarks, ..Found::default() }
}

/// The plan, when the text is JSON without any frame: most files are, and looking for frames costs more than reading.
pub(super) fn bare_json(text: &str) -> Option<Value<'_>> {
    if !text.trim_start().starts_with(['[', '{']) || !text.contains("\"Node Type\"") {
        return None;
    }
    let (value, _) = value::json(text).ok().filter(|(_, rest)| rest.trim().is_empty())?;
    let first = match &value {
        Value::List(list) => list.first()?,
        one => one,
    };
    match first {
        Value::Object(keys) if get(keys, "Plan").is_some() || get(keys, "Node Type").is_some() => Some(value),
        _ => None,
    }
}

/// The text, when it is XML without any frame: each line is tags and what stands between them.
pub(super) fn bare_xml(text: &str) -> Option<&str> {
    let text = text.trim();
    let own = |l: &str| l.trim_start().starts_with('<') && l.ends_with('>');
    (text.starts_with("<explain") && text.ends_with("</explain>") && text.lines().all(own)).then_some(text)
}

/// The text, when it is YAML without any frame, whose lines end as the server ends them.
pub(super) fn bare_yaml(text: &str) -> Option<&str> {
    let plain = !text.contains(['\t', '\r']) && text.lines().next()?.trim_end() == "- Plan:" && !text.contains("\n- ");
    plain.then_some(text)
}

/// The text up to the second heading of psql, and how many there are: of each plan psql draws a frame of its own.
fn framed(text: &str) -> (&str, usize) {
    let bare = |l: &str| l.trim_matches(|c: char| BARS.contains(&c) || c.is_whitespace()) == "QUERY PLAN";
    let mut heads = Vec::new();
    let (mut at, mut before) = (0, None);
    for line in text.split_inclusive('\n') {
        if bare(line) {
            // Its frame begins one line above.
            heads.push(before.unwrap_or(at));
        }
        before = is_rule(line).then_some(at);
        at += line.len();
    }
    (heads.get(1).map_or(text, |end| &text[..*end]), heads.len())
}

/// Without the fence of a chat that is glued to the plan's first line, or its last.
fn unfenced(text: String) -> String {
    const FENCE: &str = "```";
    if !text.contains(FENCE) {
        return text;
    }
    let bare = |l: &str| {
        let l = l.strip_prefix(FENCE).filter(|r| super::text::is_root(r) || super::text::is_bare_scan(r)).unwrap_or(l).to_string();
        l.strip_suffix(FENCE).filter(|r| !r.trim().is_empty()).map(str::to_string).unwrap_or(l)
    };
    text.lines().map(bare).collect::<Vec<_>>().join("\n")
}

/// Without what stands before each line alike: the `> ` of a mail, the `--` or `#` of a comment.
fn quoted_away(text: String) -> String {
    fn marks(line: &str) -> &str {
        let end = line.find(|c: char| !matches!(c, ' ' | '\t' | '>' | '#' | '*' | '/' | ';' | '%' | '!' | '-')).unwrap_or(line.len());
        &line[..end]
    }
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let Some(first) = lines.next() else { return text };
    let mut common = marks(first);
    for line in lines {
        let alike =
            common.char_indices().zip(line.chars()).find(|((_, a), b)| a != b).map_or(common.len().min(line.len()), |((i, _), _)| i);
        // A quoted line with nothing on it lost its blank.
        if line.trim_end() == common.trim_end() {
            continue;
        }
        common = &common[..alike];
    }
    if common.trim().is_empty() || common.trim_start().starts_with("->") || text.lines().nth(1).is_none() {
        return text;
    }
    text.lines().map(|l| l.strip_prefix(common).unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Without the service's name that `docker compose logs` puts before each line: `db-1  | `.
fn composed(text: String) -> String {
    let Some(end) = text.find("| ").filter(|e| *e > 0 && *e < 60).map(|e| e + 2) else { return text };
    let prefix = &text[..end];
    let name = prefix.trim_end_matches("| ").trim_end();
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    // A line with nothing on it lost its blank.
    let all = text.lines().all(|l| l.starts_with(prefix) || l.trim_end() == prefix.trim_end() || l.trim().is_empty());
    if !named || !all || text.lines().nth(1).is_none() {
        return text;
    }
    text.lines().map(|l| l.strip_prefix(prefix).unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The lines of one entry from syslog, of which each has a stamp of its own: `… postgres[4711]: [5-2] #011Limit …`. Lines of other sessions
/// may stand between; what syslog cut for its length goes on without a tab.
fn syslog(text: &str) -> Option<String> {
    struct Piece<'t> {
        /// The process, and the number of its entry.
        of: (&'t str, &'t str),
        nth: u32,
        rest: &'t str,
    }
    fn piece(line: &str) -> Option<Piece<'_>> {
        let open = line.find("]: [").map(|i| i + 3)?;
        let (entry, rest) = line[open + 1..].split_once("] ").or_else(|| line[open + 1..].split_once(']'))?;
        let (number, nth) = entry.split_once('-')?;
        let process = line[..open].trim_end().rsplit(' ').next()?;
        number.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        Some(Piece { of: (process, number), nth: nth.parse().ok()?, rest })
    }
    let pieces: Vec<Piece<'_>> = text.lines().filter_map(piece).collect();
    let first = pieces.iter().position(|p| p.nth == 1 && p.rest.contains("duration: ") && p.rest.contains(" ms  plan:"))?;
    let of = pieces[first].of;
    let mine: Vec<&Piece<'_>> = pieces[first..].iter().filter(|p| p.of == of).collect();
    // The server's own file with `[%l-1]` in its prefix: only the entry's first line has a stamp.
    if mine.len() == 1 {
        return None;
    }
    let rest = |p: &Piece<'_>| p.rest.strip_prefix("#011").or_else(|| p.rest.strip_prefix('\t')).map(str::to_string);
    let tabbed = mine.iter().skip(1).any(|p| rest(p).is_some());
    let mut out = mine[0].rest.to_string();
    for p in &mine[1..] {
        match rest(p) {
            Some(line) => out.push_str(&format!("\n\t{}", line.replace("#011", "\t"))),
            None if tabbed => out.push_str(p.rest),
            None => out.push_str(&format!("\n\t{}", p.rest)),
        }
    }
    Some(out)
}

/// The lines of one process behind the stamps that journald (`Nov 22 02:00:00 db1 postgres[99]: `) or a container's runtime
/// (`2026-11-22T02:00:00Z stderr F `) puts before each of them.
fn stamped(text: &str) -> Option<String> {
    /// The process, as far as the stamp tells it, and what is behind the stamp.
    fn behind(line: &str) -> Option<(&str, &str)> {
        let mut words = line.splitn(4, ' ').map(str::len);
        let (stamp, stream, kind) = (words.next()?, words.next()?, words.next()?);
        let runtime = line.get(stamp..stamp + stream + kind + 3)?;
        if matches!(runtime, " stderr F " | " stdout F ") && line.as_bytes().get(10) == Some(&b'T') {
            return Some(("", &line[stamp + runtime.len()..]));
        }
        let clock = line.get(6..16)?.as_bytes();
        if !(clock[0] == b' ' && clock[3] == b':' && clock[6] == b':' && clock[9] == b' ') {
            return None;
        }
        let (head, rest) = line.split_once("]: ")?;
        let (_, process) = head.split_once('[').filter(|(_, pid)| pid.bytes().all(|b| b.is_ascii_digit()))?;
        Some((process, rest))
    }
    let lines: Vec<(&str, &str)> = text.lines().filter(|l| !l.trim().is_empty()).map(behind).collect::<Option<_>>()?;
    let first = lines.iter().position(|(_, l)| l.contains("duration: ") && l.contains(" ms  plan:")).unwrap_or(0);
    let of = lines.get(first)?.0;
    Some(lines[first..].iter().filter(|(p, _)| *p == of).map(|(_, l)| *l).collect::<Vec<_>>().join("\n"))
}

fn body(text: &str) -> Body {
    // pgAdmin and CSV: one cell with its quotes doubled.
    let unquoted;
    let mut text = text;
    if text.contains("\"\"Plan\"\"") || text.contains("\"\"Node Type\"\"") {
        unquoted = text.replace("\"\"", "\"");
        text = &unquoted;
    }
    let lines = unframe(text);
    if let Some(json) = json(&lines) {
        return Body::Json(json);
    }
    // What psql said of the statements before stands in front: `SET`, `BEGIN`, a notice. Nothing of a plan as text does.
    let text = |l: &String| ["(cost=", "(actual ", "->"].iter().any(|w| l.contains(w));
    let begin = |of: &dyn Fn(&str) -> bool| lines.iter().position(|l| of(l.trim())).filter(|at| !lines[..*at].iter().any(text));
    if let Some(at) = begin(&|l| l.starts_with("<explain") || l.starts_with("<?xml")) {
        return Body::Xml(lines[at..].join("\n"));
    }
    let keyed = lines.iter().any(|l| l.trim_end() == "Plan:");
    let first = |l: &str| {
        l.starts_with("- Plan:") || l.starts_with("Plan:") || l.starts_with("- Query Text:") || keyed && l.starts_with("Query Text:")
    };
    if let Some(at) = begin(&first) {
        return Body::Yaml(lines[at..].join("\n"));
    }
    // The end of one in YAML: what reads it says that the rest is missing.
    let node = |l: &String| l.trim_start().trim_start_matches("- ").starts_with("Node Type: \"");
    if lines.iter().any(node) && !lines.iter().any(|l| l.contains("(cost=") || l.contains("(actual ")) {
        return Body::Yaml(lines.join("\n"));
    }
    Body::Text(lines)
}

/// The JSON in these lines, from its first bracket: one that begins a line, or stands right before the plan.
fn json(lines: &[String]) -> Option<String> {
    let all = lines.join("\n");
    let key = |k: &str| all.match_indices(k).find(|(i, _)| all[i + k.len()..].trim_start().starts_with(':')).map(|(i, _)| i);
    let at = key("\"Plan\"").or_else(|| key("\"Node Type\""))?;
    let opens = |i: usize| all[i..].starts_with(['[', '{']) && all[i + 1..].trim_start().starts_with(['"', '{', '[']);
    let mut begins = 0;
    let mut from = None;
    for line in all[..at].split_inclusive('\n') {
        let i = begins + line.len() - line.trim_start().len();
        if i < at && opens(i) {
            from = Some(i);
            break;
        }
        begins += line.len();
    }
    let from = from.or_else(|| {
        let near = all[..at].trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '[' | '{')).len();
        all[near..at].find(['[', '{']).map(|i| near + i)
    })?;
    Some(all[from..].to_string())
}

const RULES: &str = "-=+|─━═│║┌┐└┘├┤┬┴┼╔╗╚╝╟╢╠╣╤╧╪╫╥╨╒╕╘╛╞╡╓╖╙╜╭╮╰╯┄┈";

/// A line that only separates: at least three strokes.
fn is_rule(line: &str) -> bool {
    let mut strokes = 0;
    for c in line.trim().chars() {
        if c.is_ascii_alphanumeric() || (c != ' ' && !RULES.contains(c)) {
            return false;
        }
        strokes += usize::from(!matches!(c, ' ' | '|' | '│' | '║' | '+'));
    }
    strokes >= 3
}

/// A line with its tabs as blanks: up to the next stop of eight, which keeps the order of columns also where a stop was four.
fn untabbed(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut column = 0;
    let mut begun = false;
    for c in line.chars() {
        if c == '\t' {
            // Between words two blanks at least: one would join what they hold apart.
            let n = match 8 - column % 8 {
                1 if begun => 2,
                n => n,
            };
            out.extend(std::iter::repeat_n(' ', n));
            column += n;
        } else {
            begun |= c != ' ';
            // An arrow that a web page or an editor made of the two characters.
            out.push(c);
            column += 1;
        }
    }
    match out.trim_start().strip_prefix('→') {
        Some(rest) => format!("{}->{rest}", &out[..out.len() - rest.len() - '→'.len_utf8()]),
        None => out,
    }
}

/// `('Seq Scan on t',)`: rows as Python prints them, each on its line.
fn tuples(lines: &mut [String]) {
    fn value(line: &str) -> Option<String> {
        let t = line.trim().trim_start_matches('[').trim_end_matches([']', ',']);
        let inside = t.strip_prefix('(')?.strip_suffix(')')?.trim_end_matches(',');
        let quote = inside.chars().next().filter(|q| matches!(q, '\'' | '"'))?;
        let text = inside.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(text.replace("\\'", "'").replace("\\\"", "\"").replace("\\\\", "\\"))
    }
    let values: Option<Vec<String>> = lines.iter().map(|l| if l.trim().is_empty() { Some(String::new()) } else { value(l) }).collect();
    if let Some(values) = values {
        lines.clone_from_slice(&values);
    }
}

const BARS: [char; 3] = ['|', '│', '║'];

/// `(3 rows)`, in whatever language psql speaks.
fn is_count(line: &str) -> bool {
    let Some((number, words)) = line.trim().strip_prefix('(').and_then(|r| r.strip_suffix(')')?.split_once([' ', '\u{a0}'])) else {
        return false;
    };
    !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && !words.is_empty()
        && words.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '(' | ')'))
}

/// What clients say below a plan: the command's tag, and how long it took.
fn is_trailer(line: &str) -> bool {
    let line = line.trim();
    let tag = line.strip_prefix("EXPLAIN").is_some_and(|n| n.trim_start().bytes().all(|b| b.is_ascii_digit()));
    let took = line.split_once(": ").is_some_and(|(word, t)| {
        let number = t.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
        !word.is_empty() && !word.contains(' ') && number.len() < t.len() && number.replace(',', ".").parse::<f64>().is_ok()
    });
    tag || took
}

/// `-[ RECORD 1 ]---`, in the forms of psql's expanded output.
fn is_record(line: &str) -> bool {
    let t = line.trim_start_matches(|c: char| c == ' ' || c == '*' || (!c.is_ascii_alphanumeric() && RULES.contains(c)));
    t.starts_with("[ RECORD ") || t.starts_with("RECORD ") || line.trim_start().starts_with("* Record ")
}

/// The lines without what the client drew around them.
fn unframe(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(untabbed).collect();
    tuples(&mut lines);
    psql::join_wrapped(&mut lines);
    let expanded = psql::expanded(&lines);
    // What stands above the column's name is a prompt or the statement.
    let bare = |l: &str| l.trim_matches(|c: char| BARS.contains(&c) || c == ' ' || c == '"').to_string();
    if expanded.is_none()
        && let Some(head) = lines.iter().position(|l| bare(l) == "QUERY PLAN")
    {
        lines.drain(..=head);
    }
    // A broken heading: everything above the rule line, when no plan begins there.
    if let Some(rule) = lines.iter().take(8).position(|l| is_rule(l))
        && expanded.is_none()
        && !lines[..rule].iter().any(|l| l.contains("(cost=") || l.contains("(actual ") || l.contains("\"Plan\""))
    {
        lines.drain(..=rule);
    }
    if let Some(end) = lines.iter().position(|l| is_count(l)) {
        lines.truncate(end);
    }
    while lines.last().is_some_and(|l| l.trim().is_empty() || is_trailer(l)) {
        lines.pop();
    }
    lines.retain(|l| !is_rule(l) && !is_record(l));
    if let Some(form) = expanded {
        lines = lines.iter().map(|l| form.value(l)).collect();
    }
    let full = |lines: &[String]| lines.iter().filter(|l| !l.trim().is_empty()).count();
    for left in [true, false] {
        let framed = |l: &&String| if left { l.trim_start().starts_with(BARS) } else { l.trim_end().ends_with(BARS) };
        let n = full(&lines);
        if n > 0 && lines.iter().filter(framed).count() == n {
            for l in &mut lines {
                *l = if left {
                    l.trim_start().trim_start_matches(BARS).to_string()
                } else {
                    l.trim_end().trim_end_matches(BARS).trim_end().to_string()
                };
            }
        }
    }
    // psql's mark for a line end inside of a cell.
    for mark in ['+', '↵'] {
        let marked = lines.iter().filter(|l| l.trim_end().ends_with(mark)).count();
        if marked > 0 && marked * 2 >= full(&lines).saturating_sub(1) {
            for l in &mut lines {
                if let Some(rest) = l.trim_end().strip_suffix(mark) {
                    *l = rest.trim_end().to_string();
                }
            }
        }
    }
    if !is_json(&lines) {
        quotes(&mut lines);
    }
    lines
}

/// JSON that no client put into quotes: the quotes are its own, also where an item of a list stands alone on its line.
fn is_json(lines: &[String]) -> bool {
    let begins = lines.iter().find(|l| !l.trim().is_empty()).is_some_and(|l| l.trim_start().starts_with(['[', '{']));
    begins || lines.iter().any(|l| l.trim_start().starts_with("\"Plan\":"))
}

/// pgAdmin and CSV put quotes around each line, or around all of it.
fn quotes(lines: &mut [String]) {
    let each = lines.iter().filter(|l| !l.trim().is_empty()).collect::<Vec<_>>();
    // Quotes within are doubled: `"Filter": "(a = 1)"` is a line of JSON.
    let quoted = |l: &str| l.len() > 1 && l.starts_with('"') && l.ends_with('"') && !l[1..l.len() - 1].replace("\"\"", "").contains('"');
    let count = each.iter().filter(|l| quoted(l.trim())).count();
    let whole = each.first().is_some_and(|l| l.trim_start().starts_with('"') && !quoted(l.trim()))
        && each.last().is_some_and(|l| l.trim_end().ends_with('"'));
    if whole {
        // Its lines have doubled quotes.
        if let Some(first) = lines.iter_mut().find(|l| !l.trim().is_empty()) {
            *first = first.replacen('"', "", 1);
        }
        if let Some(last) = lines.iter_mut().rev().find(|l| !l.trim().is_empty()) {
            last.truncate(last.trim_end().len() - 1);
        }
        for l in lines.iter_mut() {
            *l = l.replace("\"\"", "\"");
        }
    } else if count > 0 {
        // CSV quotes only the lines that need it.
        for l in lines.iter_mut().filter(|l| quoted(l.trim())) {
            let t = l.trim();
            *l = t[1..t.len() - 1].replace("\"\"", "\"");
        }
    }
}

/// Lines of auto_explain: `duration: 12.3 ms  plan:`.
fn log(text: &str) -> Option<Found> {
    let starts: Vec<usize> = text.match_indices(" ms  plan:").filter_map(|(i, _)| start_of_duration(text, i)).collect();
    let first = *starts.first()?;
    let head = &text[first..];
    let ms = head.strip_prefix("duration: ")?;
    let duration = ms[..ms.find(' ')?].to_string();
    let after = &head[head.find("plan:")? + "plan:".len()..];
    let line_start = text[..first].rfind('\n').map_or(0, |i| i + 1);
    let line = &text[line_start..];
    let entry = if line.starts_with('{') {
        // jsonlog: all of it is one string of a line.
        match value::json(line) {
            Ok((Value::Object(keys), _)) => {
                get(&keys, "message").and_then(Value::text).and_then(|m| m.split_once("plan:")).map(|(_, p)| p.to_string())
            }
            _ => None,
        }
    } else if text[..first].ends_with('"') {
        // csvlog: up to the quote that is not doubled.
        let bytes = after.as_bytes();
        let mut i = 0;
        while i < bytes.len() && !(bytes[i] == b'"' && bytes.get(i + 1) != Some(&b'"')) {
            i += if bytes[i] == b'"' { 2 } else { 1 };
        }
        Some(after[..i.min(after.len())].replace("\"\"", "\""))
    } else {
        Some(entry_lines(after))
    };
    let entry = entry?;
    let mut found = Found { duration: Some(duration), ..Found::default() };
    if starts.len() > 1 {
        found.remarks.push(format!("the first of {} plans in the log", starts.len()));
    }
    let (statement, plan) = statement(&entry);
    found.statement = statement;
    found.body = body(&plan);
    Some(found)
}

fn start_of_duration(text: &str, ms: usize) -> Option<usize> {
    let at = text[..ms].rfind("duration: ")?;
    text[at + "duration: ".len()..ms].bytes().all(|b| b.is_ascii_digit() || b == b'.').then_some(at)
}

/// The lines of an entry after its first: servers indent them by a tab; the next entry has none.
fn entry_lines(after: &str) -> String {
    let tabs = after.lines().nth(1).is_some_and(|l| l.starts_with('\t'));
    let mut out = Vec::new();
    for l in after.lines().skip(1) {
        let next = if tabs {
            !l.starts_with('\t')
        } else {
            ["LOG:  ", "ERROR:  ", "STATEMENT:  ", "CONTEXT:  ", "DETAIL:  "].iter().any(|w| l.contains(w))
        };
        if next {
            break;
        }
        // On a client's screen the rows come next, below their heading and its rule.
        if !tabs && is_rule(l) {
            out.pop();
            break;
        }
        out.push(l.strip_prefix('\t').unwrap_or(l));
    }
    out.join("\n")
}

/// `Query Text: …`, which may have lines of its own, before the plan. JSON and YAML have it as a key.
fn statement(entry: &str) -> (Option<String>, String) {
    let entry = entry.trim_start_matches('\n');
    let Some(rest) = entry.trim_start().strip_prefix("Query Text: ") else { return (None, entry.to_string()) };
    let lines: Vec<&str> = rest.lines().collect();
    if lines.iter().any(|l| l.trim_end() == "Plan:") {
        return (None, entry.to_string());
    }
    // A comment of the statement may look like figures.
    let root = lines.iter().skip(1).position(|l| super::text::is_root(l));
    let plan = root.or_else(|| {
        lines.iter().skip(1).position(|l| l.contains("  (cost=") || l.contains("  (actual ") || l.contains("  (never executed)"))
    });
    let at = plan.map_or(lines.len(), |p| p + 1);
    let parameters = lines[..at].iter().position(|l| l.starts_with("Query Parameters: ")).unwrap_or(at);
    (Some(lines[..parameters].join("\n").trim().to_string()), lines[at..].join("\n"))
}
