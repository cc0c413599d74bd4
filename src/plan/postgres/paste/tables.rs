//! Tables that psql wrote for a page: HTML and AsciiDoc, one cell for each line of the plan.

/// The plan's lines out of a page's first table that holds one.
pub(super) fn lines(text: &str) -> Option<String> {
    html(text).or_else(|| asciidoc(text))
}

fn html(text: &str) -> Option<String> {
    let table = &text[text.find("<td")?..];
    let table = &table[..table.find("</table>").unwrap_or(table.len())];
    let mut out = Vec::new();
    for cell in table.split("<td").skip(1) {
        let inside = cell.split_once('>')?.1.split("</td>").next()?;
        let inside = inside.replace("<br />\n", "\n").replace("<br />", "\n").replace("<br>", "\n").replace("&nbsp;", " ");
        out.push(unescaped(&inside));
    }
    let text = out.join("\n");
    super::super::is_ours(&text).then_some(text)
}

/// What a page writes for the characters that it needs itself.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("&gt;", ">").replace("&lt;", "<").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

fn asciidoc(text: &str) -> Option<String> {
    const FENCE: &str = "|====";
    let mut lines = text.lines().skip_while(|l| *l != FENCE).skip(1);
    lines.next().filter(|l| l.trim_end().ends_with("l|QUERY PLAN"))?;
    // A cell begins with a bar; a bar within one is escaped.
    let cells: Vec<&str> = lines.take_while(|l| *l != FENCE).map(|l| l.strip_prefix('|').unwrap_or(l)).collect();
    Some(cells.join("\n").replace("\\|", "|"))
}

#[cfg(test)]
mod tests {
    use crate::plan::postgres::read;

    const PLAN: &str = "Seq Scan on t  (cost=0.00..9.00 rows=5 width=4) (actual time=0.007..2.475 rows=2 loops=1)\n  Filter: ((v > 5) AND (n <> 'a|b'::text))\n  Rows Removed by Filter: 3";

    #[test]
    fn pages_of_psql_are_read_like_the_plan_itself() {
        let whole = read(PLAN).unwrap();
        let cells = PLAN.replace('>', "&gt;").replace('<', "&lt;").replace("  ", "&nbsp;&nbsp;");
        let cells: Vec<String> =
            cells.lines().map(|l| format!("  <tr valign=\"top\">\n    <td align=\"left\">{l}</td>\n  </tr>")).collect();
        let html = format!(
            "<table border=\"1\">\n  <tr>\n    <th align=\"center\">QUERY PLAN</th>\n  </tr>\n{}\n</table>\n<p>(3 rows)<br />\n</p>\n",
            cells.join("\n")
        );
        let cells: Vec<String> = PLAN.replace('|', "\\|").lines().map(|l| format!("|{l}")).collect();
        let asciidoc = format!(
            "\n[options=\"header\",cols=\"<l\",frame=\"none\"]\n|====\n^l|QUERY PLAN\n{}\n|====\n\n....\n(3 rows)\n....\n",
            cells.join("\n")
        );
        for text in [html, asciidoc] {
            assert_eq!(read(&text).unwrap_or_else(|e| panic!("{e}\n{text}")).root, whole.root, "{text}");
        }
    }
}
