//! The settings by which a session writes its values so that another session may read them as other ones.

use std::collections::BTreeMap;

/// The server reports every setting here but this one: it is asked for, and kept beside the others.
pub(super) const DIGITS: &str = "extra_float_digits";

/// The setting, with its value, by which another session may misread values of a type; `None` where all read the same. `bytea_output`
/// is none of them: both of its forms are read everywhere.
pub(super) fn style(parameters: &BTreeMap<String, String>, type_name: &str) -> Option<String> {
    let is = |names: &[&str]| names.iter().any(|n| type_name.contains(n));
    let set = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let told = |name: &str| Some(format!("{name} = {}", set(name)));
    // `03/02/2024` is a day of February or of March, and `IST` the time of three countries.
    if is(&["date", "timestamp", "tsrange", "tstzrange", "tsmultirange", "tstzmultirange"]) && !set("DateStyle").starts_with("ISO") {
        return told("DateStyle").filter(|_| !set("DateStyle").is_empty());
    }
    // `-1 2:00:00`: its sign holds for the hours there, and nowhere else.
    if is(&["interval"]) && set("IntervalStyle") == "sql_standard" {
        return told("IntervalStyle");
    }
    let floats = ["real", "double precision", "point", "lseg", "path", "box", "polygon", "line", "circle"];
    let floats = floats.iter().any(|n| type_name == *n || type_name.strip_suffix("[]") == Some(n));
    // Before version 12 a session rounds by itself, and nobody set it so.
    let old = set("server_version").split(['.', ' ']).next().and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v < 12);
    if floats && set(DIGITS).parse::<i32>().is_ok_and(|digits| digits < i32::from(!old)) {
        return told(DIGITS);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_otherwise_elsewhere_is_told() {
        let of = |set: &[(&str, &str)], type_name| {
            let all = [("DateStyle", "ISO, MDY"), ("IntervalStyle", "postgres"), ("server_version", "17.2"), (DIGITS, "1")];
            let all = all.iter().chain(set).map(|(k, v)| (k.to_string(), v.to_string())).collect();
            style(&all, type_name)
        };
        for t in ["date", "timestamp with time zone[]", "interval", "double precision", "text"] {
            assert_eq!(of(&[], t), None, "{t}");
            assert_eq!(of(&[("DateStyle", "ISO, DMY"), ("IntervalStyle", "iso_8601"), (DIGITS, "3")], t), None, "{t}");
        }
        assert_eq!(of(&[("DateStyle", "German, DMY")], "timestamp without time zone"), Some("DateStyle = German, DMY".into()));
        assert_eq!(of(&[("DateStyle", "SQL, DMY")], "time with time zone"), None);
        assert_eq!(of(&[("IntervalStyle", "sql_standard")], "interval(3)"), Some("IntervalStyle = sql_standard".into()));
        assert_eq!(of(&[(DIGITS, "-3")], "real[]"), Some("extra_float_digits = -3".into()));
        assert_eq!(of(&[(DIGITS, "0"), ("server_version", "11.22 (Debian)")], "real"), None);
        assert_eq!(of(&[(DIGITS, "0")], "line_of_mine"), None);
    }
}
