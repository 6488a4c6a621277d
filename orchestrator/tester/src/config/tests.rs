use super::*;
use std::io::Write;

fn refused(json: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(json.as_bytes()).unwrap();
    load(file.path()).unwrap_err().to_string()
}

fn card(id: &str, wires: &str) -> String {
    format!(
        r#"{{"id": "{id}", "control": "127.0.0.1:0", "image": "", "nvram": "",
            "tls": {{"ca": "ca", "cert": "cert", "key": "key"}}, "wires": [{wires}]}}"#
    )
}

#[test]
fn what_a_tester_cannot_use_is_refused_in_words() {
    let wire = |port: u8, listen: bool| format!(r#"{{"port": {port}, "path": "p", "listen": {listen}}}"#);
    assert!(load(Path::new("/nonexistent/card.json")).unwrap_err().to_string().contains("cannot be read"));
    assert!(refused("{").contains("not a card configuration"));
    assert!(refused(&card("lab/pe1/A", "")).contains("is for lab/pe1/A"));
    let twice = format!("{}, {}", wire(1, true), wire(1, true));
    assert!(refused(&card("lab/t1/tester", &twice)).contains("port 1: it has two wires"));
    assert!(refused(&card("lab/t1/tester", &wire(0, true))).contains("counted from 1"));
    assert!(refused(&card("lab/t1/tester", &wire(2, false))).contains("port 2: a tester's end of a wire listens"));
}
