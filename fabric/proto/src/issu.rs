//! In-service software upgrade (ISSU): what two releases come to whose images run on the two route processors of a chassis.
//!
//! The words are the field's, and so are the rules: every client of ISSU negotiates for itself; *base* clients are those
//! without which there is no stateful switchover. `rp_core::issu` computes verdicts out of two offers; a release's manifest
//! carries those with its neighbours ([`Row`]). `docs/issu.md` says what a verdict means.

use crate::version::Versions;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The versions of the negotiation itself. A release that does not have it is known by its name alone.
pub const VERSIONS: Versions = Versions::FIRST;

/// What two releases, or the two sides of one client, come to; the numbers are the field's, the least is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compatibility {
    /// Only the two route processors find it out, when they meet.
    Dynamic = 0,
    /// A base client is not compatible: no stateful switchover, and the family's best mode for images that differ.
    Incompatible = 1,
    /// Some clients lose state in a switchover; the rest of it is stateful.
    BaseLevel = 2,
    /// A stateful switchover.
    Compatible = 3,
}

impl Compatibility {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Dynamic, Self::Incompatible, Self::BaseLevel, Self::Compatible];

    /// What several clients come to: the least of theirs.
    pub fn of(clients: impl IntoIterator<Item = Self>) -> Self {
        clients.into_iter().min().unwrap_or(Self::Compatible)
    }

    /// Whether the chassis can operate in SSO.
    pub fn allows_sso(self) -> bool {
        self >= Self::BaseLevel
    }

    /// As manifests write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Incompatible => "incompatible",
            Self::BaseLevel => "base-level",
            Self::Compatible => "compatible",
        }
    }

    /// As the field's command line writes it: `Comp(3)`.
    pub fn short(self) -> String {
        let word = match self {
            Self::Dynamic => "Dynamic",
            Self::Incompatible => "Incomp",
            Self::BaseLevel => "Base",
            Self::Compatible => "Comp",
        };
        format!("{word}({})", self as u8)
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A verdict as a manifest carries it: of its release beside another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The other release.
    pub release: String,
    /// What the two come to.
    pub verdict: Compatibility,
    /// Every client that either release has; none where the verdict is dynamic.
    #[serde(default)]
    pub clients: Vec<RowClient>,
}

/// A client in a stored verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowClient {
    /// Its `Client_ID`.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Whether it is a base client.
    #[serde(default)]
    pub base: bool,
    /// What its two sides come to.
    pub result: Compatibility,
    /// Why they are not compatible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Row {
    /// What of the state a switchover loses, and of whom, for people; `None` where it is none, or nobody knows yet.
    pub fn loses(&self) -> Option<String> {
        let what = match self.verdict {
            Compatibility::Compatible | Compatibility::Dynamic => return None,
            Compatibility::BaseLevel => "a switchover loses the state of",
            Compatibility::Incompatible => "no stateful switchover:",
        };
        let blamed = self.clients.iter().filter(|client| client.result == self.verdict);
        let blamed = blamed.map(|RowClient { name, why, .. }| match why {
            Some(why) => format!("{name} ({why})"),
            None => name.clone(),
        });
        Some(format!("{what} {}", blamed.collect::<Vec<_>>().join(", ")))
    }

    /// What in it contradicts itself, for who wrote it; `None` where it is whole.
    pub fn contradiction(&self) -> Option<String> {
        if let Some(client) = self.clients.iter().find(|client| client.result == Compatibility::Dynamic) {
            return Some(format!("client {} is dynamic: what is not known has no clients", client.id));
        }
        let known = self.verdict != Compatibility::Dynamic;
        let come_to = Compatibility::of(self.clients.iter().map(|client| client.result));
        match (known, self.clients.is_empty()) {
            (true, true) => Some("it names no client".to_owned()),
            (false, false) => Some("it is dynamic and names clients".to_owned()),
            (true, false) if come_to != self.verdict => {
                Some(format!("its clients come to {come_to}, and it says {}", self.verdict))
            }
            (true | false, _) => None,
        }
    }
}

/// What a route processor is told of ISSU out of its release's manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Name of the image.
    pub name: String,
    /// Whether the release negotiates. Release 1.0 does not, and a program that stands in for it must not either.
    pub negotiates: bool,
    /// What it comes to beside other releases.
    pub matrix: Vec<Row>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_client_decides_and_numbers_are_the_fields() {
        use Compatibility as C;
        assert_eq!(C::of([C::Compatible, C::BaseLevel]), C::BaseLevel);
        assert_eq!(C::of([C::BaseLevel, C::Incompatible, C::Compatible]), C::Incompatible);
        assert_eq!(C::of([]), C::Compatible);
        assert_eq!(C::ALL.map(C::short), ["Dynamic(0)", "Incomp(1)", "Base(2)", "Comp(3)"]);
        assert_eq!(C::ALL.map(C::allows_sso), [false, false, true, true]);
        for compatibility in C::ALL {
            assert_eq!(serde_json::to_value(compatibility).unwrap(), compatibility.name());
        }
    }

    #[test]
    fn a_loss_names_who_is_to_blame() {
        let client = |name: &str, result, why: Option<&str>| RowClient {
            id: 7,
            name: name.to_owned(),
            base: true,
            result,
            why: why.map(str::to_owned),
        };
        let clients = vec![
            client("A", Compatibility::BaseLevel, Some("no words")),
            client("B", Compatibility::Incompatible, Some("release 1.0 does not have it")),
            client("C", Compatibility::Incompatible, None),
        ];
        let row = |verdict| Row { release: "1.0".to_owned(), verdict, clients: clients.clone() };
        let says = |verdict| row(verdict).loses();
        assert_eq!([Compatibility::Compatible, Compatibility::Dynamic].map(says), [None, None]);
        assert_eq!(says(Compatibility::BaseLevel).as_deref(), Some("a switchover loses the state of A (no words)"));
        let lost = "no stateful switchover: B (release 1.0 does not have it), C";
        assert_eq!(says(Compatibility::Incompatible).as_deref(), Some(lost));
    }

    #[test]
    fn a_row_that_contradicts_itself_says_how() {
        let row = |verdict: &str, clients: &str| -> Option<String> {
            let text = format!("{{\"release\": \"1.0\", \"verdict\": \"{verdict}\", \"clients\": [{clients}]}}");
            serde_json::from_str::<Row>(&text).unwrap().contradiction()
        };
        let client = |id: u16, result: &str| format!("{{\"id\": {id}, \"name\": \"x\", \"result\": \"{result}\"}}");
        assert_eq!(row("dynamic", ""), None);
        assert_eq!(row("base-level", &[client(2, "compatible"), client(9, "base-level")].join(",")), None);
        let says = |text: Option<String>, wanted: &str| assert_eq!(text.as_deref(), Some(wanted));
        says(row("compatible", ""), "it names no client");
        says(row("dynamic", &client(2, "compatible")), "it is dynamic and names clients");
        says(row("compatible", &client(2, "incompatible")), "its clients come to incompatible, and it says compatible");
        says(row("compatible", &client(2, "dynamic")), "client 2 is dynamic: what is not known has no clients");
    }
}
