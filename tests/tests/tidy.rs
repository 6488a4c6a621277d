//! The house's rules, as tests.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
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
    ("rp-host", &["fabric-proto"]),
    ("rp-core", &["fabric-proto", "rp-contract", "rp-host"]),
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
    ("bridge", &["fabric-proto"]),
    ("lab", &["bridge", "fabric", "fabric-proto", "notation", "route-table", "rp-core", "user-files"]),
    (
        "orchestrator",
        &["bridge", "fabric", "fabric-proto", "lab", "measure", "notation", "report", "route-table", "user-files"],
    ),
    (
        "chassis-tests",
        &["fabric", "fabric-proto", "lab", "linecard-core", "measure", "route-table", "rp-contract", "rp-core"],
    ),
];

/// Crates that would let a core do I/O, read a clock, or roll dice.
const IMPURE: &[&str] =
    &["tokio", "quinn", "nix", "libc", "socket2", "rand", "rustls", "tracing", "bollard", "getrandom", "mio"];

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let ours: BTreeSet<_> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let allowed: BTreeMap<_, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, deps)| (*name, deps.iter().copied().collect())).collect();
    assert_eq!(ours.iter().map(String::as_str).collect::<Vec<_>>(), allowed.keys().copied().collect::<Vec<_>>());
    for package in metadata.workspace_packages() {
        let allowed = &allowed[package.name.as_str()];
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let name = dependency.name.as_str();
            assert!(!ours.contains(name) || allowed.contains(name), "{} must not depend on {name}", package.name);
            let core = ["fabric-proto", "rp-contract", "rp-host", "rp-core", "linecard-core", "measure"]
                .contains(&package.name.as_str());
            assert!(!core || !IMPURE.contains(&name), "{} is a core: it must not depend on {name}", package.name);
        }
    }
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().unwrap()
}

/// Names of all that is built for these packages alone: themselves, what they need, and what that needs.
fn built_for(packages: &[&str]) -> BTreeSet<String> {
    let of = packages.iter().flat_map(|package| ["-p", package]);
    let tree = ["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let listed = Command::new(env!("CARGO")).args(tree).args(of).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// What turns a record into files has no business with engines, networks or threads, however far down.
#[test]
fn the_report_builds_without_runtimes() {
    let names = built_for(&["report"]);
    assert!(names.contains("measure"), "{names:?}");
    for heavy in ["bollard", "fabric", "lab", "quinn", "rustls", "tokio"] {
        assert!(!names.contains(heavy), "report needs {heavy}");
    }
}

/// Licences that allow what ours do: Apache-2.0 or MIT, and no more than a notice.
const LICENCES: &[&str] =
    &["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib", "bzip2-1.0.6"];

/// What `cargo deny` would look at, but for advisories, which need a network.
#[test]
fn what_others_wrote_is_free_and_comes_from_one_place() {
    let metadata = metadata();
    let others = metadata.packages.iter().filter(|package| !metadata.workspace_members.contains(&package.id));
    for package in others {
        let name = &package.name;
        let source = package.source.as_ref().map(|source| source.repr.as_str());
        assert_eq!(source, Some("registry+https://github.com/rust-lang/crates.io-index"), "{name}");
        let licence = package.license.as_deref().unwrap_or_else(|| panic!("{name} names no licence"));
        let read = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX).unwrap();
        let free = read.evaluate(|wanted| wanted.license.id().is_some_and(|id| LICENCES.contains(&id.name)));
        assert!(free, "{name} is under {licence}");
    }
}

/// What no program of ours is built of, and why: somebody who builds the programs for the first time waits for all of it.
const DONE_WITHOUT: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls'"),
    ("native-tls", "TLS is rustls'"),
    ("aws-lc-rs", "cryptography is ring's"),
    ("reqwest", "hyper is here for the engine's socket already"),
    ("h2", "engines and collectors speak HTTP/1.1"),
    ("tracing-attributes", "nothing here is annotated"),
    ("backtrace", "a complaint to a user has no use for one"),
    ("regex-automata", "levels by module are enough for a log"),
    ("x509-parser", "webpki reads the same certificates"),
    ("icu_properties", "no host has a name outside ASCII: idna_adapter stays at 1.0"),
    ("icu_segmenter", "complaints are in English: textwrap stays at 0.16.2"),
    ("stateright", "the model is for tests"),
];

#[test]
fn the_programs_are_built_of_what_they_need() {
    let names = built_for(&["rp", "linecard", "tester", "orchestrator"]);
    for (name, why) in DONE_WITHOUT {
        assert!(!names.contains(*name), "a program needs {name}: {why} (cargo tree -i {name})");
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
            "standing",
            "issu",
            "fault",
            "expectation",
            "storm",
            "zero_loss",
            "inject",
            "experiment",
            "chaos",
            "telemetry",
            "capture",
            "trace",
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
