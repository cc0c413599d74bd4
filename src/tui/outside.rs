//! The text in the user's own editor: `$VISUAL` or `$EDITOR` over a private file.

use crate::model::{Error, Result};
use std::io::Write;
use std::process::Command;

/// The command that is set, `VISUAL` before `EDITOR`.
pub fn command(var: impl Fn(&str) -> Option<String>) -> Result<String> {
    let set = ["VISUAL", "EDITOR"].into_iter().filter_map(var).find(|c| !c.trim().is_empty());
    set.ok_or_else(|| {
        Error::usage("no editor is set").hint("Set VISUAL or EDITOR in the environment, for example VISUAL=vim, and start Holdpoint again.")
    })
}

/// Lets the command edit the text in a file of mode 0600 and gives what is in it then. Waits for it; the terminal is the
/// command's meanwhile. When it fails nothing is lost: what it had written is kept, and the error says where.
pub fn edit(command: &str, text: &str) -> Result<String> {
    let io = |doing: &str| {
        let doing = format!("{doing} the file for the editor");
        move |e| Error::io(doing, e)
    };
    let mut file = tempfile::Builder::new().prefix("holdpoint-").suffix(".sql").tempfile().map_err(io("making"))?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(io("writing"))?;
    let path = file.into_temp_path();
    // As other programs do it: the command may have arguments of its own.
    let status = Command::new("sh").arg("-c").arg(format!("{command} \"$1\"")).arg("sh").arg(&path).status();
    let read = std::fs::read(&path);
    let failed = match (status, &read) {
        (Ok(s), Ok(bytes)) if s.success() => match std::str::from_utf8(bytes) {
            Ok(new) => {
                // Most editors end the last line; a text that did not end so stays without.
                let added = !text.ends_with('\n') && new.ends_with('\n');
                return Ok(new.strip_suffix('\n').filter(|_| added).unwrap_or(new).to_string());
            }
            Err(_) => "what the editor left is not UTF-8".to_string(),
        },
        (Ok(s), Ok(_)) => format!("the editor ended with {s}"),
        (Err(e), _) => format!("the editor could not be started: {e}"),
        (_, Err(e)) => format!("the editor's file could not be read: {e}"),
    };
    let error =
        Error::failed(format!("{failed}; the text here is as it was")).hint(format!("The command was: {}", crate::text::clean(command)));
    if read.is_ok_and(|bytes| bytes != text.as_bytes())
        && let Ok(kept) = path.keep()
    {
        return Err(error.hint(format!("What it had written is in {}.", crate::text::clean(&kept.display().to_string()))));
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_text_goes_out_and_comes_back() {
        assert_eq!(edit("sed -i s/1/2/", "select 1").unwrap(), "select 2");
        assert_eq!(edit("sed -i 's/1/two words/'", "select 1\n").unwrap(), "select two words\n");
        // With arguments, and as private as it says.
        assert_eq!(edit("f() { test \"$(stat -c %a \"$2\")\" = 600 && echo \"$1\" >> \"$2\"; }; f x", "a").unwrap(), "ax");
        assert!(edit("f() { case \"$1\" in *.sql) ;; *) false ;; esac; }; f", "a").is_ok());
    }

    #[test]
    fn nothing_is_lost_when_the_editor_fails() {
        let e = edit("false", "select 1").unwrap_err();
        assert!(e.message.contains("exit status: 1") && e.message.contains("as it was"), "{e}");
        let e = edit("f() { printf written > \"$1\"; false; }; f", "select 1").unwrap_err();
        let hint = e.hints.iter().find_map(|h| h.strip_prefix("What it had written is in ")).unwrap().trim_end_matches('.').to_string();
        let path = std::path::Path::new(&hint);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "written");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(path).unwrap();
        let e = edit("/nowhere/at-all", "select 1").unwrap_err();
        assert!(e.message.contains("127"), "{e}");
        let e = edit("f() { rm \"$1\"; }; f", "select 1").unwrap_err();
        assert!(e.message.contains("could not be read"), "{e}");
    }

    #[test]
    fn visual_comes_before_editor_and_none_is_said() {
        let var = |v: &'static str, e: &'static str| command(move |n| Some(if n == "VISUAL" { v } else { e }.to_string()));
        assert_eq!(var("a", "b").unwrap(), "a");
        assert_eq!(var(" ", "b").unwrap(), "b");
        assert!(command(|_| None).unwrap_err().hints[0].contains("VISUAL"));
    }
}
