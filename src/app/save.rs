//! Saving the editor's text into a file. What another program wrote there meanwhile is never written over unasked.

use super::buffers;
use super::dialog::{Answer, Confirm, Then};
use super::effect::{Effect, Over};
use super::msg::Saved;
use super::state::{Note, State};
use crate::model::Result;
use crate::text;
use std::path::{Path, PathBuf};

/// Lines of either text that the question shows.
const SHOWN: usize = 6;

/// Saves the text in the editor; into its own file only while that has the text that is known of it.
pub fn start(state: &mut State, path: PathBuf, effects: &mut Vec<Effect>) {
    let q = &state.query;
    let over = if q.file.as_ref() == Some(&path) { Over::Known(q.buffers.print()) } else { Over::Nothing };
    to(state, path, over, effects);
}

/// Saves the text in the editor over what is there.
pub fn over(state: &mut State, path: PathBuf, effects: &mut Vec<Effect>) {
    to(state, path, Over::Anything, effects);
}

fn to(state: &State, path: PathBuf, over: Over, effects: &mut Vec<Effect>) {
    effects.push(Effect::SaveFile { path, text: state.query.editor.file_text(), version: state.query.editor.version, over });
}

/// How it ended: a file that has another text is asked about.
pub fn ended(state: &mut State, path: PathBuf, version: u64, result: Result<Saved>, effects: &mut Vec<Effect>) {
    let name = text::clean(&path.display().to_string()).into_owned();
    let leave = Answer::new('n', "leave it", Then::Nothing);
    match result {
        Ok(Saved::Written(print)) => buffers::file_saved(state, &path, version, print, effects),
        Ok(Saved::There) => state.ask(Confirm {
            title: "The file is there already".into(),
            body: vec![name],
            answers: vec![leave, Answer::new('o', "overwrite", Then::OverwriteFile(path))],
        }),
        Ok(Saved::Changed { theirs, known }) => {
            let (title, why) = if known {
                ("The file was changed outside", "Another program has written into it since it was read or saved here.")
            } else {
                let why = "It has another text than the buffer, and what it had when the buffer was opened is not known any more.";
                ("The file has another text", why)
            };
            let mut body = vec![name, why.to_string(), String::new()];
            let mut answers = vec![leave];
            match theirs {
                Ok(theirs) => {
                    body.extend(differing(&theirs, &state.query.editor.file_text()));
                    answers.push(Answer::new('b', "open the file's text beside", Then::FileBeside(path.clone(), theirs)));
                }
                Err(e) => body.push(e.message),
            }
            answers.push(Answer::new('o', "overwrite", Then::OverwriteFile(path)));
            state.ask(Confirm { title: title.into(), body, answers });
        }
        Err(e) => state.say(Note::error(&e)),
    }
}

/// The file's text comes as a buffer of its own; the one that has the file may be saved over it then.
pub fn beside(state: &mut State, path: &Path, theirs: &str, effects: &mut Vec<Effect>) {
    buffers::beside(state, path, theirs, effects);
    let name = text::clean(&path.display().to_string()).into_owned();
    state.say(Note::info(format!("This is what {name} holds now. Saving your buffer writes over it; this one stays.")));
}

/// The lines from the first to the last one in which two texts differ, some of them.
fn differing(theirs: &str, ours: &str) -> Vec<String> {
    let (theirs, ours): (Vec<&str>, Vec<&str>) = (theirs.lines().collect(), ours.lines().collect());
    let first = theirs.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    let rest = theirs[first..].iter().rev().zip(ours[first..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut out = Vec::new();
    for (whose, lines) in [("In the file", &theirs[first..theirs.len() - rest]), ("Here", &ours[first..ours.len() - rest])] {
        let count = lines.len() as u64;
        out.push(match count {
            0 => format!("{whose}, at line {}: nothing of it", first + 1),
            _ => format!("{whose}, from line {}: {}", first + 1, text::counted(count, "line")),
        });
        out.extend(lines.iter().take(SHOWN).map(|l| format!("  {}", text::truncate(&text::clean(l), 100))));
        if lines.len() > SHOWN {
            out.push("  …".into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_shows_what_differs() {
        assert_eq!(
            differing("a\nx\ny\nc\n", "a\nb\nc\n"),
            ["In the file, from line 2: 2 lines", "  x", "  y", "Here, from line 2: 1 line", "  b"]
        );
        assert_eq!(differing("a\n", "a\nb\n"), ["In the file, at line 2: nothing of it", "Here, from line 2: 1 line", "  b"]);
        assert_eq!(differing("a\n\u{1b}[31mred\n", "a\n")[1], format!("  {}", text::clean("\u{1b}[31mred")));
        assert_eq!(differing(&"x\n".repeat(9), "").len(), 9);
    }
}
