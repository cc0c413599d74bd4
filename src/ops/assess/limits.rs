//! Thresholds as they hold for a target: the checks' own, what its configuration says, what was asked for.

use crate::config::Target;
use crate::config::toml_file::nearest;
use crate::model::Result;
use crate::model::assessment::{Check, Limits};

/// A name that no check has, or thresholds in an order that makes no sense, are told with their place.
pub(super) fn of(target: &Target, checks: &[Check], asked: &Limits) -> Result<Limits> {
    let mut out = Limits::default();
    let all: Vec<(String, bool)> =
        checks.iter().flat_map(|c| c.limits.iter().map(|l| (format!("{}.{}", c.id, l.name), l.critical < l.warning))).collect();
    for set in &target.thresholds {
        let Some((name, falls)) = all.iter().find(|(n, _)| n.eq_ignore_ascii_case(&set.name)) else {
            return Err(unknown(&set.name, &all, checks)
                .map_or_else(
                    || set.at.error(format!("there is no threshold `{}`", crate::text::clean(&set.name))),
                    |near| set.at.error(format!("there is no threshold `{}`; did you mean `{near}`?", crate::text::clean(&set.name))),
                )
                .hint("`holdpoint assess TARGET --format json` names the figures of each check; the manual lists the checks."));
        };
        if set.warning != set.critical && (set.critical < set.warning) != *falls && name != "MY02.restarted" && name != "PG02.restarted" {
            let order = if *falls { "falls: critical is the smaller one" } else { "rises: critical is the greater one" };
            return Err(set.at.error(format!("`{name}` {order}")));
        }
        out.0.insert(name.clone(), (set.warning, set.critical));
    }
    out.0.extend(asked.0.clone());
    Ok(out)
}

/// What was probably meant: the same check's figure, or a name that is written alike.
fn unknown(name: &str, all: &[(String, bool)], checks: &[Check]) -> Option<String> {
    let (id, figure) = name.split_once('.').unwrap_or((name, ""));
    if let Some(check) = checks.iter().find(|c| c.id.eq_ignore_ascii_case(id)) {
        let own = || check.limits.iter().map(|l| l.name);
        let near = nearest(figure, own()).or_else(|| own().next())?;
        return Some(format!("{}.{near}", check.id));
    }
    nearest(name, all.iter().map(|(n, _)| n.as_str())).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;
    use crate::model::assessment::Limit;

    const USED: &[Limit] = &[Limit { name: "used", unit: "%", warning: 80.0, critical: 90.0 }];
    const HIT: &[Limit] = &[Limit { name: "hit", unit: "%", warning: 99.0, critical: 80.0 }];
    const CHECKS: [Check; 2] = [
        Check { id: "PG03", name: "connections", reads: "", means: "", limits: USED, twice: false },
        Check { id: "PG20", name: "cache", reads: "", means: "", limits: HIT, twice: true },
    ];

    fn limits(lines: &str) -> Result<Limits> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("holdpoint.toml");
        std::fs::write(&file, format!("[targets.shop]\nengine = \"postgres\"\nhost = \"h\"\n[targets.shop.assess]\n{lines}\n")).unwrap();
        let around = crate::config::Surroundings::made_up(dir.path(), dir.path(), []);
        let config = crate::config::files::load_in(Some(&file), &around)?;
        of(&config.targets["shop"], &CHECKS, &Limits::default())
    }

    #[test]
    fn a_threshold_of_the_configuration_holds() {
        let l = limits("PG03.used = [60, 75.5]\n\"pg20.hit\" = [90, 50]").unwrap();
        assert_eq!(l.of(&CHECKS[0], "used"), (60.0, 75.5));
        assert_eq!(l.of(&CHECKS[1], "hit"), (90.0, 50.0));
        assert_eq!(Severity::of(70.0, l.of(&CHECKS[0], "used")), Severity::Warning);
        assert_eq!(limits("PG03.used = [60, inf]").unwrap().of(&CHECKS[0], "used").1, f64::INFINITY);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |lines: &str| limits(lines).unwrap_err().message;
        let m = wrong("PG03.usd = [60, 75]");
        assert!(m.contains("holdpoint.toml:5:6") && m.ends_with("did you mean `PG03.used`?"), "{m}");
        let m = wrong("PG30.used = [60, 75]");
        assert!(m.contains("did you mean `PG03.used`?"), "{m}");
        let m = wrong("PG03.used = [90, 60]");
        assert!(m.ends_with("`PG03.used` rises: critical is the greater one"), "{m}");
        let m = wrong("PG03.used = 80");
        assert!(m.contains(":5:13") && m.contains("two numbers"), "{m}");
    }
}
