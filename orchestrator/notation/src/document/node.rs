//! A YAML document of any shape, read for one thing only: what was begun and left empty.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// Something in a document.
pub(super) enum Node {
    /// Nothing: `~`, `null`, or no text at all.
    Blank,
    /// A number, a truth or text.
    Scalar,
    /// A list.
    List(Vec<Spanned<Self>>),
    /// Keys with what is behind them.
    Map(Vec<(String, Spanned<Self>)>),
}

/// A key or an entry with nothing in it.
pub(super) struct Blank {
    /// As a sentence names it.
    pub(super) name: String,
    /// Where it is.
    pub(super) location: Location,
}

impl Node {
    /// The first of its keys and entries, at any depth, with nothing in it.
    pub(super) fn blank(&self) -> Option<Blank> {
        let look = |name: String, node: &Spanned<Self>| match &node.value {
            Self::Blank => Some(Blank { name, location: node.referenced }),
            node => node.blank(),
        };
        match self {
            Self::Blank | Self::Scalar => None,
            Self::List(entries) => entries.iter().find_map(|entry| look("this entry".to_owned(), entry)),
            Self::Map(entries) => entries.iter().find_map(|(key, value)| look(format!("'{key}'"), value)),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Blank)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Blank)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}
