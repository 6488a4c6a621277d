use super::*;
use std::fs;

/// A folder of releases, each with its manifest's last lines.
fn folder(releases: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (release, rest) in releases {
        let text = format!(
            "name: SWACT-RP-M\nversion: \"{release}\"\ndescription: x\nmessages: {{redundancy: [1]}}\nfeatures: []\n\
             programs: {{rp: rp, linecard: linecard}}\n{rest}"
        );
        fs::create_dir(folder.path().join(release)).unwrap();
        fs::write(folder.path().join(release).join("manifest.yml"), text).unwrap();
    }
    folder
}

fn matrix(release: &str, verdict: &str, result: &str) -> String {
    format!(
        "matrix:\n- release: \"{release}\"\n  verdict: {verdict}\n  clients:\n  - {{id: 2, name: ISSU Proto client, base: true, \
         result: {result}}}\n"
    )
}

#[test]
fn what_either_manifest_has_is_what_two_releases_come_to() {
    let row = matrix("1.0", "base-level", "base-level");
    let folder = folder(&[("1.0", ""), ("2.0", &row), ("3.0", "")]);
    let images = Images::load(folder.path()).unwrap();
    for pair in [["1.0", "2.0"], ["2.0", "1.0"]] {
        let found = images.compatibility(pair[0], pair[1]).unwrap();
        assert_eq!(
            (found.verdict, found.release.as_str(), found.clients.len()),
            (Compatibility::BaseLevel, pair[1], 1)
        );
    }
    let own = images.compatibility("3.0", "3.0").unwrap();
    assert_eq!((own.verdict, own.clients.len()), (Compatibility::Compatible, 0), "one release");
    let unknown = images.compatibility("1.0", "9.9").unwrap_err().plain();
    assert!(unknown.ends_with("there is no release '9.9'\n  the releases are 1.0, 2.0, 3.0"), "{unknown}");
}

/// What nobody stored is known only where one of the two does not negotiate.
#[test]
fn what_is_not_stored_is_dynamic_between_releases_that_negotiate() {
    let folder = folder(&[("1.0", ""), ("2.0", ""), ("3.0", "")]);
    for release in ["2.0", "3.0"] {
        let file = folder.path().join(release).join("manifest.yml");
        let text = fs::read_to_string(&file).unwrap().replace("redundancy: [1]", "redundancy: [1], issu: [1]");
        fs::write(file, text).unwrap();
    }
    let images = Images::load(folder.path()).unwrap();
    let found = images.compatibility("2.0", "3.0").unwrap();
    assert_eq!((found.verdict, found.clients.len()), (Compatibility::Dynamic, 0));
    let found = images.compatibility("2.0", "1.0").unwrap();
    assert_eq!(found.verdict, Compatibility::Incompatible);
    assert_eq!(found.clients[0].why.as_deref(), Some("release 1.0 does not have it"));
}

#[test]
fn a_matrix_that_cannot_be_is_refused_with_its_place() {
    let twice = matrix("1.0", "compatible", "compatible");
    let twice = twice.clone() + &twice["matrix:\n".len()..];
    for (rest, says) in [
        (
            matrix("1.0", "compatible", "incompatible"),
            ":8:3: release 1.0 in the matrix: its clients come to incompatible",
        ),
        (matrix("1.0", "dynamic", "compatible"), ":8:3: release 1.0 in the matrix: it is dynamic and names clients"),
        (twice, ":12:3: release 1.0 in the matrix: it stands here twice"),
        (matrix("1.0", "splendid", "compatible"), ":9:12: "),
        ("matrix: [{release: \"1.0\"}]\n".to_owned(), ":7:11: missing field `verdict`"),
        ("matrix: [{release: \"1.0\", verdict: dynamic, colour: red}]\n".to_owned(), "colour"),
    ] {
        let folder = folder(&[("1.0", ""), ("2.0", &rest)]);
        let refused = Images::load(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("2.0/manifest.yml") && refused.contains(says), "{says}: {refused}");
    }
}

#[test]
fn two_manifests_that_disagree_are_refused() {
    let folder = folder(&[
        ("1.0", &matrix("2.0", "compatible", "compatible")),
        ("2.0", &matrix("1.0", "base-level", "base-level")),
    ]);
    let refused = Images::load(folder.path()).unwrap().compatibility("1.0", "2.0").unwrap_err().plain();
    assert!(refused.contains("1.0/manifest.yml: it says otherwise than release 2.0 of the two"), "{refused}");
}
