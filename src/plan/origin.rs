//! What a plan's text went through before it came here: other encodings, colours of a terminal, blanks of a page, a container's log.

use crate::model::{Error, Result};
use serde::Deserialize;
use std::borrow::Cow;

/// The text in a file: UTF-8, or UTF-16 as PowerShell's `>` writes it.
pub fn decoded(bytes: Vec<u8>) -> Result<String> {
    let big = match bytes.as_slice() {
        [0xfe, 0xff, ..] | [0, b'[' | b'{' | b' ' | b'A'..=b'z', ..] => true,
        [0xff, 0xfe, ..] | [b'[' | b'{' | b' ' | b'A'..=b'z', 0, ..] => false,
        _ => {
            return String::from_utf8(bytes).map_err(|e| {
                let at = e.utf8_error().valid_up_to();
                Error::usage(format!("it is not UTF-8 at byte {at}")).hint("Save it as UTF-8, for example with iconv.")
            });
        }
    };
    let bad = |why| Error::usage(format!("it is UTF-16, and {why}")).hint("Save it as UTF-8.");
    if !bytes.len().is_multiple_of(2) {
        return Err(bad("its last character is cut off"));
    }
    let units: Vec<u16> =
        bytes.chunks_exact(2).map(|b| if big { u16::from_be_bytes([b[0], b[1]]) } else { u16::from_le_bytes([b[0], b[1]]) }).collect();
    let text = String::from_utf16(&units).map_err(|_| bad("broken"))?;
    Ok(text.trim_start_matches('\u{feff}').to_string())
}

/// The text without what a terminal, a page or a container's log put into it.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    if out.contains("\u{1b}[") {
        out = Cow::Owned(without_colours(&out));
    }
    // No-break blanks in front of lines are a page's; elsewhere they may be a constant's.
    if out.lines().any(|l| l.trim_start_matches(' ').starts_with('\u{a0}')) {
        out = Cow::Owned(out.replace('\u{a0}', " "));
    }
    match container_log(&out) {
        Some(log) => Cow::Owned(log),
        None => out,
    }
}

/// Without `ESC [ … letter`.
fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 2..];
        let end = behind.find(|c: char| !(c.is_ascii_digit() || matches!(c, ';' | ':' | '?'))).unwrap_or(behind.len());
        rest = behind[end..].char_indices().nth(1).map_or("", |(i, _)| &behind[end + i..]);
    }
    out + rest
}

/// Docker keeps each line of a container's log as `{"log":"…\n","stream":"stderr","time":"…"}`.
fn container_log(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        log: String,
        #[serde(rename = "stream")]
        _stream: String,
    }
    let first = text.trim_start();
    if !first.starts_with('{') || !first.lines().next()?.contains("\"log\"") {
        return None;
    }
    let lines = text.lines().filter(|l| !l.trim().is_empty());
    lines.map(|l| serde_json::from_str::<Line>(l).ok().map(|l| l.log)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::detect::read;

    const PLAN: &str = "Seq Scan on t  (cost=0.00..9.00 rows=5 width=4) (actual time=0.007..2.475 rows=2 loops=1)\n  Filter: (n = 'ß'::text)\n  Rows Removed by Filter: 3\n";

    #[test]
    fn utf_16_is_read_with_and_without_its_mark() {
        let units = |mark: bool| mark.then_some(0xfeff).into_iter().chain(PLAN.encode_utf16()).collect::<Vec<u16>>();
        for mark in [true, false] {
            let little = units(mark).iter().flat_map(|u| u.to_le_bytes()).collect();
            let big: Vec<u8> = units(mark).iter().flat_map(|u| u.to_be_bytes()).collect();
            assert_eq!(decoded(little).unwrap(), PLAN);
            assert!(decoded(big[..big.len() - 1].to_vec()).unwrap_err().message.contains("cut off"));
            assert_eq!(decoded(big).unwrap(), PLAN);
        }
        assert_eq!(decoded(PLAN.into()).unwrap(), PLAN);
        assert!(decoded(vec![b'-', 0xff]).unwrap_err().message.contains("byte 1"));
    }

    #[test]
    fn what_others_put_into_a_plan_is_taken_out() {
        let whole = read(PLAN, None).unwrap().plan.root;
        let coloured: String = PLAN.lines().map(|l| format!("\u{1b}[1;32m{l}\u{1b}[0m\n")).collect();
        let of_a_page = PLAN.replace("  ", "\u{a0} ");
        let mut docker = String::new();
        for l in format!(
            "2026-11-22 02:00:00.1 UTC [99] LOG:  duration: 2.5 ms  plan:\n\tQuery Text: select 1\n\t{}",
            PLAN.trim_end().replace('\n', "\n\t")
        )
        .lines()
        {
            let line = serde_json::json!({"log": format!("{l}\n"), "stream": "stderr", "time": "2026-11-22T02:00:00.1Z"});
            docker.push_str(&format!("{line}\n"));
        }
        for text in [coloured, of_a_page, docker] {
            assert_eq!(read(&text, None).unwrap_or_else(|e| panic!("{e}\n{text}")).plan.root, whole, "{text}");
        }
    }
}
