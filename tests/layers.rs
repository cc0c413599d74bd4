//! The direction of use between the layers (ARCHITECTURE.md), read off the sources.

use std::path::{Path, PathBuf};

/// From the outermost layer inwards; layers in one group do not use each other, except where named below.
const LAYERS: &[&[&str]] =
    &[&["tui", "cli"], &["ui"], &["app"], &["ops"], &["engine", "store"], &["plan"], &["sql"], &["config"], &["model", "text"]];

/// Uses inside a group that are meant.
const BESIDE: &[(&str, &str)] = &[("cli", "tui"), ("text", "model"), ("engine", "store")];

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("source directory") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|group| group.contains(&layer))
}

/// Source files with their layer and their text without comment lines.
fn files() -> Vec<(PathBuf, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    paths
        .into_iter()
        .filter_map(|p| {
            let first = p.strip_prefix(&src).expect("below src").components().next()?.as_os_str().to_str()?.to_string();
            let layer = first.trim_end_matches(".rs").to_string();
            let text = std::fs::read_to_string(&p).expect("source file");
            let code = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            Some((p, layer, code))
        })
        .collect()
}

#[test]
fn each_layer_uses_only_what_is_below_it() {
    let mut wrong = Vec::new();
    for (path, layer, code) in files() {
        let Some(own) = rank(&layer) else { continue };
        for (i, _) in code.match_indices("crate::") {
            let used: String = code[i + 7..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let Some(other) = rank(&used) else { continue };
            let beside = BESIDE.contains(&(layer.as_str(), used.as_str()));
            if used != layer && other <= own && !beside {
                wrong.push(format!("{}: {layer} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the direction of use:\n{}", wrong.join("\n"));
}

#[test]
fn drivers_and_the_terminal_are_named_only_where_they_belong() {
    const DRIVERS: &[&str] = &["rusqlite", "mysql_async", "postgres_protocol", "tokio_rustls", "sqlx", "libsqlite3_sys"];
    const TERMINAL: &[&str] = &["ratatui", "crossterm"];
    let mut wrong = Vec::new();
    for (path, layer, code) in files() {
        for name in DRIVERS.iter().filter(|_| !["engine", "store"].contains(&layer.as_str())) {
            if code.contains(&format!("{name}::")) {
                wrong.push(format!("{}: names the driver {name}", path.display()));
            }
        }
        for name in TERMINAL.iter().filter(|_| !["ui", "tui"].contains(&layer.as_str())) {
            if code.contains(&format!("{name}::")) {
                wrong.push(format!("{}: names {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_outside_the_engines_and_the_configuration_tells_engines_apart() {
    let wrong: Vec<String> = files()
        .into_iter()
        .filter(|(_, layer, code)| !["engine", "config", "main"].contains(&layer.as_str()) && code.contains("EngineKind::"))
        // The demo and the form for a new target make targets, and so must name a kind.
        .filter(|(p, _, _)| !p.ends_with("ops/demo.rs") && !p.to_string_lossy().contains("new_target"))
        .map(|(p, _, _)| p.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "these match on the kind of engine: {wrong:?}");
}

#[test]
fn only_the_gate_makes_a_clearance() {
    let makers: Vec<String> = files()
        .into_iter()
        .filter(|(p, _, code)| code.contains("Clearance {") && !p.ends_with("ops/gate.rs"))
        .filter(|(_, _, code)| {
            code.match_indices("Clearance {").any(|(i, _)| !code[..i].trim_end().ends_with("->") && !code[..i].trim_end().ends_with("for"))
        })
        .map(|(p, _, _)| p.display().to_string())
        .collect();
    assert!(makers.is_empty(), "a clearance is made outside the gate: {makers:?}");
    let trials: Vec<String> = files()
        .into_iter()
        .filter(|(p, _, code)| code.contains("TrialRight { target") && !p.ends_with("ops/gate/trial.rs"))
        .map(|(p, _, _)| p.display().to_string())
        .collect();
    assert!(trials.is_empty(), "the right to run a write is made outside the gate: {trials:?}");
    // Whoever asks an engine to run a write to measure it holds that right, or works on a copy.
    let writers: Vec<String> = files()
        .into_iter()
        .filter(|(p, layer, code)| layer != "engine" && code.contains("writes: true, ..Asked") && !p.ends_with("ops/write_trial.rs"))
        .map(|(p, _, _)| p.display().to_string())
        .collect();
    assert!(writers.is_empty(), "a write is run to be measured without the gate's right: {writers:?}");
}
