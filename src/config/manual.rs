//! The manual's pages as they are built in: the same Markdown that the repository shows, and the files that explain every key of the
//! configuration.

/// A page: what it is asked for by, and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! pages {
    ($($name:literal),+ $(,)?) => {
        &[
            $(Page { name: $name, text: include_str!(concat!("../../assets/manual/", $name, ".md")) },)+
            Page { name: "configuration", text: super::files::DEFAULT },
            Page { name: "keymap", text: super::keymap::DEFAULT },
        ]
    };
}

/// All pages, in the order of a day's work.
pub const PAGES: &[Page] = pages![
    "editor",
    "completion",
    "running",
    "results",
    "export",
    "schema",
    "plan",
    "findings",
    "advice",
    "plan-test",
    "plan-json",
    "sessions",
    "assess",
    "recover",
    "incident",
];

/// The page of a name.
pub fn page(name: &str) -> Option<&'static Page> {
    PAGES.iter().find(|p| p.name == name)
}

impl Page {
    /// Its first line, without the marks of a heading or a comment.
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or("").trim_start_matches(['#', ' '])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_repository_that_is_for_users_is_built_in() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/manual");
        for file in std::fs::read_dir(dir).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            let name = file.trim_end_matches(".md");
            // Why a driver was chosen is for who builds the program.
            assert!(name.starts_with("drivers") || page(name).is_some(), "{file}");
        }
        assert!(PAGES.iter().all(|p| !p.title().is_empty()));
    }
}
