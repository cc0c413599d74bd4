//! The manual's pages, which `?` shows below the keys of a pane: the same Markdown that the repository shows.

use super::state::Pane;
use crate::config::manual;
use crate::text;

/// The pages of a pane, in the order in which they are shown.
fn pages(pane: Pane) -> &'static [&'static str] {
    match pane {
        Pane::Editor => &["editor", "completion", "running", "export"],
        Pane::Results => &["results", "export", "running"],
        Pane::Schema => &["schema"],
        Pane::Plan => &["plan", "plan-test", "findings", "advice"],
        Pane::Sessions => &["sessions"],
        Pane::Assess => &["assess", "recover", "incident"],
        Pane::Checklist => &["plan-test", "incident"],
        _ => &[],
    }
}

/// Stands for the keys of a line that is running text over the whole width.
pub const TEXT: &str = "  ";

/// The pages as lines of help: (keys, sentence); a line without keys is a heading.
pub fn lines(pane: Pane, width: usize) -> Vec<(String, String)> {
    pages(pane).iter().filter_map(|p| manual::page(p)).flat_map(|p| page(p.text, width)).collect()
}

fn page(markdown: &str, width: usize) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut paragraph = String::new();
    let mut code = false;
    // Columns that the keys take stand before `width`.
    let flush = |paragraph: &mut String, out: &mut Vec<(String, String)>| {
        if !paragraph.is_empty() {
            out.extend(text::wrap(paragraph, width + 24).into_iter().map(|l| (TEXT.to_string(), l)));
            paragraph.clear();
        }
    };
    for line in markdown.lines() {
        if line.starts_with("```") {
            flush(&mut paragraph, &mut out);
            code = !code;
        } else if code {
            out.push((TEXT.into(), format!("  {line}")));
        } else if let Some(heading) = line.strip_prefix('#') {
            flush(&mut paragraph, &mut out);
            out.push((String::new(), String::new()));
            out.push((String::new(), plain(heading.trim_start_matches('#'))));
        } else if let Some(row) = line.strip_prefix('|') {
            flush(&mut paragraph, &mut out);
            let cells: Vec<String> = row.trim_end_matches('|').split('|').map(plain).collect();
            // The rule under a table's head, and the head itself, are for the other reader.
            if cells.iter().all(|c| c.chars().all(|c| matches!(c, '-' | ':' | ' '))) {
                out.pop();
                continue;
            }
            let (key, rest) = (cells.first().cloned().unwrap_or_default(), cells.get(1..).unwrap_or_default().join("  "));
            let mut parts = text::wrap(&rest, width).into_iter();
            out.push((if key.is_empty() { " ".into() } else { key }, parts.next().unwrap_or_default()));
            out.extend(parts.map(|p| (" ".to_string(), p)));
        } else if line.trim().is_empty() {
            flush(&mut paragraph, &mut out);
            if out.last().is_some_and(|(k, s)| !k.is_empty() || !s.is_empty()) {
                out.push((String::new(), String::new()));
            }
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(&plain(line));
        }
    }
    flush(&mut paragraph, &mut out);
    out.push((String::new(), String::new()));
    out
}

/// Without the marks of Markdown.
fn plain(s: &str) -> String {
    s.trim().replace('`', "").replace("**", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_lines_of_help() {
        let lines =
            page("# Title\n\nSome `text`\nthat goes on.\n\n| key | what |\n|---|---|\n| `F5` | runs **it** |\n\n```sh\nls\n```\n", 40);
        let has = |k: &str, s: &str| assert!(lines.contains(&(k.to_string(), s.to_string())), "{k} {s}: {lines:?}");
        has("", "Title");
        has(TEXT, "Some text that goes on.");
        has("F5", "runs it");
        has(TEXT, "  ls");
        assert!(!lines.iter().any(|(k, _)| k == "key"), "{lines:?}");
    }

    #[test]
    fn every_pane_of_the_workbench_has_its_page() {
        for pane in [Pane::Editor, Pane::Results, Pane::Schema, Pane::Plan, Pane::Sessions] {
            assert!(lines(pane, 60).len() > 20, "{pane:?}");
        }
    }
}
