//! Saved queries: `.sql` files of the project's `queries/` directory, and of the user's own.

use crate::config::Config;
use crate::model::{Error, Result};
use std::path::{Path, PathBuf};

/// Directories are looked through this deep.
const DEPTH: usize = 4;
/// Larger files are no queries that one picks from a list.
const LARGEST: u64 = 1024 * 1024;

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Path below its directory, without `.sql`; the user's own begin with `~`.
    pub name: String,
    /// The first line that is a comment, without its dashes.
    pub description: String,
    pub text: String,
    pub path: PathBuf,
}

/// Where the project's queries are, and the user's own.
fn places(config: &Config) -> [(PathBuf, &'static str); 2] {
    [(config.project_dir.join("queries"), ""), (config.around.config_dir.join("queries"), "~")]
}

/// All saved queries by name, the project's first, and sentences about files that cannot be taken.
pub fn list(config: &Config) -> (Vec<Saved>, Vec<String>) {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    for (dir, mark) in places(config) {
        let from = out.len();
        if dir.is_dir() {
            read_dir(&dir, &dir, mark, DEPTH, &mut out, &mut notes);
        }
        out[from..].sort_by(|a, b| a.name.cmp(&b.name));
    }
    (out, notes)
}

fn read_dir(root: &Path, dir: &Path, mark: &str, depth: usize, out: &mut Vec<Saved>, notes: &mut Vec<String>) {
    let shown = |p: &Path| crate::text::clean(&p.display().to_string()).into_owned();
    let entries = match std::fs::read_dir(dir) {
        Ok(e) => e,
        Err(e) => return notes.push(format!("{} cannot be read: {e}", shown(dir))),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        // A link is not followed into other directories: it could lead round in a circle.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth > 0 {
            read_dir(root, &path, mark, depth - 1, out, notes);
            continue;
        }
        if path.extension().is_none_or(|e| e != "sql") || !path.is_file() {
            continue;
        }
        let below = path.strip_prefix(root).unwrap_or(&path).with_extension("");
        let name = format!("{mark}{}", below.to_string_lossy());
        match read(&path) {
            Ok(text) => out.push(Saved { name, description: description(&text), text, path }),
            Err(why) => notes.push(format!("{} is left out: {why}", shown(&path))),
        }
    }
}

fn read(path: &Path) -> std::result::Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if meta.len() > LARGEST {
        return Err("it is larger than 1 MB".into());
    }
    String::from_utf8(std::fs::read(path).map_err(|e| e.to_string())?).map_err(|_| "it is not UTF-8".into())
}

fn description(text: &str) -> String {
    crate::text::one_line(text.lines().find_map(|l| l.trim().strip_prefix("--")).unwrap_or_default())
}

/// The saved query of that name.
pub fn find(config: &Config, name: &str) -> Result<Saved> {
    let (all, notes) = list(config);
    let wanted = name.strip_suffix(".sql").unwrap_or(name);
    if let Some(found) = all.iter().find(|s| s.name == wanted) {
        return Ok(found.clone());
    }
    // It is there, and cannot be read.
    let file = format!("{}.sql is left out", wanted.trim_start_matches('~'));
    if let Some(why) = notes.into_iter().find(|n| n.contains(&file)) {
        return Err(Error::usage(why));
    }
    let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).take(20).collect();
    let [(project, _), (own, _)] = places(config);
    let hint = match names.is_empty() {
        true => format!("There are none yet: put .sql files into {} or {}.", project.display(), own.display()),
        false => format!("There are: {}.", names.join(", ")),
    };
    Err(Error::usage(format!("no saved query is called {}", crate::text::clean(name))).hint(hint))
}

/// Where a new query of that name belongs; the reason when the name cannot be one.
pub fn path_for(config: &Config, name: &str) -> std::result::Result<PathBuf, String> {
    let name = name.trim();
    let (own, bare) = match name.strip_prefix('~') {
        Some(rest) => (true, rest.trim_start_matches('/')),
        None => (false, name),
    };
    let bare = bare.strip_suffix(".sql").unwrap_or(bare);
    if bare.is_empty() {
        return Err("A name is needed.".into());
    }
    let inside = bare.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']));
    if !inside || bare.chars().any(char::is_control) {
        return Err("A name is letters, digits and the like; a / makes a directory.".into());
    }
    let [(project, _), (personal, _)] = places(config);
    Ok(if own { personal } else { project }.join(format!("{bare}.sql")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Surroundings;

    #[test]
    fn queries_are_found_described_and_named() {
        let home = tempfile::tempdir().unwrap();
        let config = crate::config::files::load_in(None, &Surroundings::made_up(home.path(), home.path(), [])).unwrap();
        let write = |path: PathBuf, text: &[u8]| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let of = |name: &str| path_for(&config, name).unwrap();
        write(of("daily/orders.sql"), b"-- Orders of a day\nselect * from orders where day = :day");
        write(of("~mine"), b"select 1");
        write(of("bad"), b"\xff");
        write(config.project_dir.join("queries/readme.txt"), b"no query");
        let (all, notes) = list(&config);
        let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["daily/orders", "~mine"]);
        assert_eq!(all[0].description, "Orders of a day");
        assert!(notes.len() == 1 && notes[0].contains("not UTF-8"), "{notes:?}");
        assert!(find(&config, "bad").unwrap_err().message.contains("not UTF-8"), "it is there");
        assert!(find(&config, "none").unwrap_err().message.contains("no saved query"));
        assert_eq!(find(&config, "~mine").unwrap().text, "select 1");
        let e = find(&config, "other").unwrap_err();
        assert!(e.hints[0].contains("daily/orders, ~mine"), "{e:?}");
        for bad in ["", "../x", "a//b", "/etc/x", "a\nb"] {
            assert!(path_for(&config, bad).is_err(), "{bad}");
        }
    }
}
