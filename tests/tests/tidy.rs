//! The house's rules, as tests.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Which packages of this workspace each may depend on, besides in tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("fabric-proto", &[]),
    ("fabric", &["fabric-proto"]),
    ("rp-contract", &["fabric-proto"]),
    ("rp-core", &["fabric-proto", "rp-contract"]),
    ("rp", &["fabric", "fabric-proto", "rp-core"]),
    ("linecard-core", &["fabric-proto"]),
    ("linecard", &["fabric", "fabric-proto", "linecard-core"]),
    ("measure", &[]),
    ("user-files", &[]),
    ("route-table", &["fabric-proto", "user-files"]),
    ("tester", &["fabric", "fabric-proto", "measure", "route-table"]),
    ("notation", &["fabric-proto", "user-files"]),
    ("report", &["fabric-proto", "measure", "notation", "user-files"]),
    // The grammar of configurations is the card's own: what a card would refuse is refused before anything is deployed.
    ("lab", &["fabric", "fabric-proto", "notation", "route-table", "rp-core", "user-files"]),
    ("orchestrator", &["fabric", "fabric-proto", "lab", "measure", "notation", "report", "route-table", "user-files"]),
    ("chassis-tests", &["fabric", "fabric-proto", "lab", "linecard-core", "measure", "route-table", "rp-core"]),
];

/// Crates that would let a core do I/O, read a clock, or roll dice.
const IMPURE: &[&str] =
    &["tokio", "quinn", "nix", "libc", "socket2", "rand", "rustls", "tracing", "bollard", "getrandom", "mio"];

#[test]
fn dependencies_point_one_way() {
    let metadata = cargo_metadata::MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().unwrap();
    let ours: BTreeSet<_> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let allowed: BTreeMap<_, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, deps)| (*name, deps.iter().copied().collect())).collect();
    assert_eq!(ours.iter().map(String::as_str).collect::<Vec<_>>(), allowed.keys().copied().collect::<Vec<_>>());
    for package in metadata.workspace_packages() {
        let allowed = &allowed[package.name.as_str()];
        for dependency in package.dependencies.iter().filter(|d| d.kind == cargo_metadata::DependencyKind::Normal) {
            let name = dependency.name.as_str();
            assert!(!ours.contains(name) || allowed.contains(name), "{} must not depend on {name}", package.name);
            let core =
                ["fabric-proto", "rp-contract", "rp-core", "linecard-core", "measure"].contains(&package.name.as_str());
            assert!(!core || !IMPURE.contains(&name), "{} is a core: it must not depend on {name}", package.name);
        }
    }
}

/// What turns a record into files has no business with engines, networks or threads, however far down.
#[test]
fn the_report_builds_without_runtimes() {
    let metadata = cargo_metadata::MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().unwrap();
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    let report = metadata.workspace_packages().into_iter().find(|package| package.name == "report").unwrap();
    let (mut seen, mut next) = (BTreeSet::new(), vec![&report.id]);
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            let node = nodes.iter().find(|node| node.id == *id).unwrap();
            let normal = |dependency: &&cargo_metadata::NodeDep| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == cargo_metadata::DependencyKind::Normal)
            };
            next.extend(node.deps.iter().filter(normal).map(|dependency| &dependency.pkg));
        }
    }
    let names: BTreeSet<_> = seen.iter().map(|id| metadata[*id].name.as_str()).collect();
    assert!(names.contains("measure"), "{names:?}");
    for heavy in ["bollard", "fabric", "lab", "quinn", "rustls", "tokio"] {
        assert!(!names.contains(heavy), "report needs {heavy}");
    }
}

/// Modules of the orchestrator's packages from the bottom up: each uses those before it and none after it, so they make no circles.
const LAYERS: &[(&str, &[&str])] = &[
    ("orchestrator/notation/src/", &["text", "units", "document", "mode"]),
    ("orchestrator/lab/src/", &["images", "topology", "plan", "pki", "runtime", "lab"]),
    (
        "orchestrator/src/",
        &[
            "output",
            "fault",
            "expectation",
            "storm",
            "zero_loss",
            "inject",
            "experiment",
            "chaos",
            "telemetry",
            "run",
            "throughput",
            "cli",
        ],
    ),
];

#[test]
fn lower_modules_know_nothing_of_higher_ones() {
    let files = files();
    for (package, layers) in LAYERS {
        let mut seen = BTreeSet::new();
        for (name, text) in &files {
            let Some(path) = name.strip_prefix(package).filter(|path| !path.ends_with("tests.rs")) else { continue };
            let module = path.split(['/', '.']).next().unwrap_or_default();
            if ["lib", "main"].contains(&module) {
                continue;
            }
            let layer =
                layers.iter().position(|known| *known == module).unwrap_or_else(|| panic!("{name}: which layer?"));
            seen.insert(layer);
            for used in modules_used(text.split("#[cfg(test)]").next().unwrap_or_default()) {
                let below = used == module || used == "card_name" || layers[..layer].contains(&used);
                assert!(below, "{name} uses {used}, which is above {module}");
            }
        }
        assert_eq!(seen.len(), layers.len(), "{package}");
    }
    assert_eq!(modules_used("use crate::{\n  a::{b, c},\n  d,\n};\ncrate::e::f()"), ["a", "d", "e"].into());
}

/// Modules of its own package that a text names.
fn modules_used(text: &str) -> BTreeSet<&str> {
    let word =
        |text: &'_ str| text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    let mut used = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        let Some(list) = after.strip_prefix('{') else {
            used.insert(&after[..word(after)]);
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, letter) in list.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                letter if begins && letter.is_alphabetic() => {
                    used.insert(&list[at..at + word(&list[at..])]);
                    begins = false;
                }
                _ => {}
            }
        }
    }
    used
}

/// Every file that git tracks or would track.
fn files() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?)))
        .collect()
}

#[test]
fn a_file_fits_in_one_head() {
    for (name, text) in files() {
        let lines = text.lines().count();
        let limit = if name.ends_with("tests.rs") || name.contains("/tests/") { 900 } else { 600 };
        assert!(!name.ends_with(".rs") || lines <= limit, "{name} has {lines} lines; the limit is {limit}");
    }
}

#[test]
fn nothing_is_left_over() {
    let banned = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("#[ig", "nore"), concat!("db", "g!(")];
    for (name, text) in files().into_iter().filter(|(name, _)| name.ends_with(".rs")) {
        for word in banned {
            assert!(!text.contains(word), "{name} contains {word}");
        }
    }
}

#[test]
fn unsafe_code_stays_in_named_modules_with_a_reason() {
    for (name, text) in files().into_iter().filter(|(name, _)| name.ends_with(".rs")) {
        for (at, line) in text.lines().enumerate() {
            let allows = line.contains(concat!("allow(unsafe", "_code"));
            assert!(!allows || line.contains("reason"), "{name}:{}: say why", at + 1);
        }
    }
}

#[test]
fn documents_link_to_what_exists() {
    for (name, text) in files().into_iter().filter(|(name, _)| name.ends_with(".md")) {
        let folder = root().join(&name).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap();
            let external = target.is_empty() || target.contains("://");
            assert!(external || folder.join(target).exists(), "{name} links to {target}, which does not exist");
        }
    }
}
