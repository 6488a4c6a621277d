//! Which next hops of static routes can be used, and through what: they are looked up in the routing table itself
//! (docs/routing.md has the rules).
//!
//! Every next hop is an edge from its route to the longest route that covers it: a connected network, another static
//! route, or a learned one. A next hop that nothing covers is ruled out; so are those that lead in a circle, for
//! each of them would be used to find itself. Both can leave a route without next hops, so that a shorter one covers,
//! or a floating one takes its place: that goes on until nothing is ruled out any more. Only what is ruled out changes,
//! and it never comes back, so that this ends, and ends the same in whatever order routes came.

use super::{
    StaticRoute,
    direct::Direct,
    hops::{Hop, SetId, Width, union},
};
use fabric_proto::{
    fib::{Family, Path, Prefix, left_aligned},
    id::InterfaceId,
    special::is_link_local,
};
use petgraph::{
    algo::kosaraju_scc,
    graph::{DiGraph, NodeIndex},
};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::IpAddr,
};

/// Administrative distance of a route that is never believed (as the field has it).
const UNBELIEVED: u8 = 255;

/// The learned route of a prefix: its distance, its set, and the set's next hops.
pub(super) type LearnedRoute<'a> = dyn Fn(Prefix) -> Option<(u8, SetId, &'a [Hop])> + 'a;

/// Static routes as far as they can be used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Recursion {
    /// Next hops in use, and their distance, by prefix.
    routes: BTreeMap<Prefix, (u8, Vec<Hop>)>,
    /// What the routes come to.
    paths: BTreeMap<Prefix, Vec<Path>>,
    /// What next hops of static routes come to.
    hops: BTreeMap<IpAddr, Vec<Path>>,
    /// Prefixes with a next hop that is not on a connected network.
    recursive: BTreeSet<Prefix>,
    /// Next hops of all static routes, in order.
    tracked: Vec<IpAddr>,
    /// Next hops of learned routes that lead in a circle.
    circled: BTreeSet<IpAddr>,
    /// Next hops of static routes that are neighbours, and are reached as such.
    neighbors: BTreeSet<IpAddr>,
    lengths: Lengths,
}

/// The lengths of prefixes that there are, by family, the longest first.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lengths([Vec<u8>; 2]);

impl Lengths {
    fn of(prefixes: impl Iterator<Item = Prefix>) -> Self {
        let mut lengths = [Vec::new(), Vec::new()];
        for prefix in prefixes {
            lengths[prefix.family() as usize].push(prefix.len());
        }
        for lengths in &mut lengths {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        Self(lengths)
    }

    /// Prefixes of these lengths that cover an address, the longest first.
    fn covering(&self, address: IpAddr) -> impl Iterator<Item = Prefix> + '_ {
        let family = Family::of(address);
        self.0[family as usize].iter().map(move |len| Prefix::from_bits(family, left_aligned(address), *len))
    }
}

impl Recursion {
    pub(super) fn new(
        statics: &BTreeSet<StaticRoute>,
        direct: &Direct,
        learned: &LearnedRoute<'_>,
        width: Width,
    ) -> Self {
        let mut left: BTreeMap<Prefix, BTreeMap<u8, BTreeSet<Hop>>> = BTreeMap::new();
        let (mut tracked, mut recursive) = (Vec::new(), BTreeSet::new());
        for StaticRoute { prefix, distance, target } in statics.iter().filter(|route| route.distance != UNBELIEVED) {
            let hop = Hop::from(*target);
            left.entry(*prefix).or_default().entry(*distance).or_default().insert(hop);
            if let Hop::Any(address) = hop {
                tracked.push(address);
                if direct.network(address).is_none() {
                    recursive.insert(*prefix);
                }
            }
        }
        tracked.sort_unstable();
        tracked.dedup();
        let lengths = Lengths::of(left.keys().copied());
        let mut search = Search {
            direct,
            learned,
            lengths: &lengths,
            left,
            sets: BTreeMap::new(),
            covers: BTreeMap::new(),
            users: BTreeMap::new(),
            open: Vec::new(),
            circled: BTreeSet::new(),
            width,
        };
        let order = search.run();
        let circled = std::mem::take(&mut search.circled);
        let neighbor = |(edge, cover): (&Edge, &Cover)| match (edge.hop, cover) {
            (Hop::Any(address), Cover::Neighbor(..)) => Some(address),
            _ => None,
        };
        let neighbors = search.covers.iter().filter_map(neighbor).collect();
        let (routes, paths, hops) = search.result(&order);
        Self { routes, paths, hops, recursive, tracked, circled, neighbors, lengths }
    }

    /// Prefixes with their distance and the next hops in use.
    pub(super) fn routes(&self) -> impl Iterator<Item = (Prefix, u8, &[Hop])> {
        self.routes.iter().map(|(prefix, (distance, hops))| (*prefix, *distance, hops.as_slice()))
    }

    /// The next hops in use of a prefix, if they have this distance.
    pub(super) fn route(&self, prefix: Prefix, distance: u8) -> Option<&[Hop]> {
        let (held, hops) = self.routes.get(&prefix)?;
        (*held == distance).then_some(hops)
    }

    /// Whether a learned route's next hop leads in a circle.
    pub(super) fn is_circle(&self, address: IpAddr) -> bool {
        self.circled.contains(&address)
    }

    /// A next hop as a route has it: a neighbour is the same one for static and for learned routes, so that they share
    /// its path list.
    pub(super) fn shared(&self, hop: Hop) -> Hop {
        if let Hop::Any(address) = hop
            && self.neighbors.contains(&address)
        {
            return Hop::Learned(address);
        }
        hop
    }

    /// The longest static route that covers an address and is longer than `than`: what it comes to.
    pub(super) fn covering(&self, address: IpAddr, than: Option<u8>) -> Option<&[Path]> {
        let longer = |prefix: &Prefix| than.is_none_or(|than| prefix.len() > than);
        self.lengths.covering(address).take_while(longer).find_map(|prefix| self.paths.get(&prefix)).map(Vec::as_slice)
    }

    /// What a next hop of a static route comes to.
    pub(super) fn hop(&self, address: IpAddr) -> &[Path] {
        self.hops.get(&address).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether where the static routes of this prefix lead may depend on learned routes.
    pub(super) fn is_recursive(&self, prefix: Prefix) -> bool {
        self.recursive.contains(&prefix)
    }

    /// Whether a learned route of this prefix may change what a static route comes to.
    pub(super) fn tracks(&self, prefix: Prefix) -> bool {
        let at = self.tracked.partition_point(|hop| *hop < prefix.address());
        self.tracked.get(at).is_some_and(|hop| prefix.contains(*hop))
    }

    /// Whether learned routes may change anything.
    pub(super) fn tracks_any(&self) -> bool {
        !self.tracked.is_empty()
    }
}

/// A route that next hops can be reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Static(Prefix),
    Learned(SetId),
}

/// A next hop of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: Node,
    hop: Hop,
}

/// What a next hop is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cover {
    /// It is there: a neighbour on an interface.
    Neighbor(InterfaceId, IpAddr),
    /// `Null0`.
    Null,
    /// Another route.
    Route(Node),
}

struct Search<'a, 'b> {
    direct: &'a Direct,
    learned: &'a LearnedRoute<'b>,
    lengths: &'a Lengths,
    /// Next hops that are not ruled out. Those of a prefix's lowest distance count.
    left: BTreeMap<Prefix, BTreeMap<u8, BTreeSet<Hop>>>,
    /// The same of learned sets that a static route's next hop has led to.
    sets: BTreeMap<SetId, BTreeSet<Hop>>,
    covers: BTreeMap<Edge, Cover>,
    users: BTreeMap<Node, BTreeSet<Edge>>,
    /// To be looked at.
    open: Vec<Edge>,
    /// Next hops of learned routes that lead in a circle: no learned route uses them.
    circled: BTreeSet<IpAddr>,
    width: Width,
}

impl Search<'_, '_> {
    /// Rules out what cannot be used. Returns the routes that next hops led to, each after those that it leads to.
    fn run(&mut self) -> Vec<Node> {
        let prefixes: Vec<Prefix> = self.left.keys().copied().collect();
        for prefix in prefixes {
            self.open_all(Node::Static(prefix));
        }
        loop {
            while let Some(edge) = self.open.pop() {
                if self.hops(edge.from).is_some_and(|hops| hops.contains(&edge.hop)) {
                    self.unlink(edge);
                    match self.cover(edge.hop) {
                        Some(cover) => self.link(edge, cover),
                        None => self.rule_out(edge),
                    }
                }
            }
            let (order, circles) = self.circles();
            if circles.is_empty() {
                return order;
            }
            for edge in circles {
                if let Hop::Learned(address) = edge.hop {
                    self.circled.insert(address);
                    self.open.extend(self.covers.keys().filter(|other| other.hop == edge.hop));
                }
                self.rule_out(edge);
            }
        }
    }

    /// The next hops of a route that count.
    fn hops(&self, node: Node) -> Option<&BTreeSet<Hop>> {
        match node {
            Node::Static(prefix) => self.left.get(&prefix)?.first_key_value().map(|(_, hops)| hops),
            Node::Learned(set) => self.sets.get(&set),
        }
    }

    fn open_all(&mut self, from: Node) {
        let edges: Vec<Edge> = self.hops(from).into_iter().flatten().map(|hop| Edge { from, hop: *hop }).collect();
        self.open.extend(edges);
    }

    fn cover(&mut self, hop: Hop) -> Option<Cover> {
        match hop {
            Hop::Null => Some(Cover::Null),
            Hop::On(interface, address) => {
                self.direct.path(interface, address).is_some().then_some(Cover::Neighbor(interface, address))
            }
            Hop::Any(address) => self.longest(address, true),
            Hop::Learned(address) if self.circled.contains(&address) => None,
            Hop::Learned(address) => self.longest(address, false),
        }
    }

    /// The longest route that covers an address; through learned ones too, or not.
    fn longest(&mut self, address: IpAddr, through_learned: bool) -> Option<Cover> {
        if !self.direct.is_foreign(address) || is_link_local(address) {
            return None;
        }
        let family = Family::of(address);
        let network = self.direct.network(address);
        let lengths = self.lengths;
        let mut lengths = lengths.0[family as usize].iter().peekable();
        for len in (0..=family.width()).rev() {
            let prefix = Prefix::from_bits(family, left_aligned(address), len);
            if let Some((_, interface)) = network.filter(|(network, _)| *network == prefix) {
                return Some(Cover::Neighbor(interface, address));
            }
            let distance = match lengths.next_if_eq(&&len) {
                Some(_) => self.left.get(&prefix).and_then(|by_distance| Some(*by_distance.first_key_value()?.0)),
                None => None,
            };
            let fixed = distance.map(|_| Node::Static(prefix));
            let learned = if through_learned { self.learned_node(prefix, distance) } else { None };
            if let Some(node) = learned.or(fixed) {
                return Some(Cover::Route(node));
            }
        }
        None
    }

    /// The learned route of a prefix, unless a static one of this distance is better, or its next hops are all ruled out.
    fn learned_node(&mut self, prefix: Prefix, fixed: Option<u8>) -> Option<Node> {
        let (distance, set, hops) = (self.learned)(prefix)?;
        if fixed.is_some_and(|fixed| fixed < distance) {
            return None;
        }
        let node = Node::Learned(set);
        if let Entry::Vacant(vacant) = self.sets.entry(set) {
            vacant.insert(hops.iter().copied().collect());
            self.open_all(node);
        }
        self.sets.get(&set).is_some_and(|hops| !hops.is_empty()).then_some(node)
    }

    fn link(&mut self, edge: Edge, cover: Cover) {
        self.covers.insert(edge, cover);
        if let Cover::Route(node) = cover {
            self.users.entry(node).or_default().insert(edge);
        }
    }

    fn unlink(&mut self, edge: Edge) {
        if let Some(Cover::Route(node)) = self.covers.remove(&edge)
            && let Some(users) = self.users.get_mut(&node)
        {
            users.remove(&edge);
        }
    }

    /// Does without a next hop. A route that has none left of its distance gives way, and its users look again.
    fn rule_out(&mut self, edge: Edge) {
        self.unlink(edge);
        let gone = match edge.from {
            Node::Static(prefix) => {
                let Some(by_distance) = self.left.get_mut(&prefix) else { return };
                let Some(mut lowest) = by_distance.first_entry() else { return };
                lowest.get_mut().remove(&edge.hop);
                let gone = lowest.get().is_empty();
                if gone {
                    lowest.remove();
                }
                if by_distance.is_empty() {
                    self.left.remove(&prefix);
                }
                gone
            }
            Node::Learned(set) => self.sets.get_mut(&set).is_some_and(|hops| hops.remove(&edge.hop) && hops.is_empty()),
        };
        if gone {
            self.open.extend(self.users.remove(&edge.from).unwrap_or_default());
            self.open_all(edge.from);
        }
    }

    /// Next hops that lead in a circle; and all routes in the order in which they can be resolved if there are none.
    fn circles(&self) -> (Vec<Node>, Vec<Edge>) {
        let mut graph: DiGraph<Node, ()> = DiGraph::new();
        let statics = self.left.keys().map(|prefix| Node::Static(*prefix));
        let nodes: Vec<Node> = statics.chain(self.sets.keys().map(|set| Node::Learned(*set))).collect();
        let index: BTreeMap<Node, NodeIndex> = nodes.into_iter().map(|node| (node, graph.add_node(node))).collect();
        let links = |(edge, cover): (&Edge, &Cover)| match cover {
            Cover::Route(to) => Some((*edge, *index.get(&edge.from)?, *index.get(to)?)),
            Cover::Neighbor(..) | Cover::Null => None,
        };
        let links: Vec<(Edge, NodeIndex, NodeIndex)> = self.covers.iter().filter_map(links).collect();
        for (_, from, to) in &links {
            graph.add_edge(*from, *to, ());
        }
        let components = kosaraju_scc(&graph);
        let mut component_of = vec![0; graph.node_count()];
        for (number, nodes) in components.iter().enumerate() {
            nodes.iter().for_each(|node| component_of[node.index()] = number);
        }
        let circle = |(edge, from, to): (Edge, NodeIndex, NodeIndex)| {
            (component_of[from.index()] == component_of[to.index()]).then_some(edge)
        };
        let circles = links.into_iter().filter_map(circle).collect();
        (components.into_iter().flatten().map(|node| graph[node]).collect(), circles)
    }

    /// Static routes, what each comes to, and what each of their next hops comes to.
    #[allow(clippy::type_complexity, reason = "three parts of one result, taken apart at once")]
    fn result(
        self,
        order: &[Node],
    ) -> (BTreeMap<Prefix, (u8, Vec<Hop>)>, BTreeMap<Prefix, Vec<Path>>, BTreeMap<IpAddr, Vec<Path>>) {
        let mut nodes: BTreeMap<Node, Vec<Path>> = BTreeMap::new();
        let (mut routes, mut hops) = (BTreeMap::new(), BTreeMap::new());
        for node in order {
            let candidates = self.hops(*node).into_iter().flatten().map(|hop| {
                let paths = match self.covers.get(&Edge { from: *node, hop: *hop }) {
                    Some(Cover::Neighbor(interface, address)) => {
                        self.direct.path(*interface, *address).into_iter().collect()
                    }
                    Some(Cover::Null) => vec![Path::Discard],
                    Some(Cover::Route(to)) => nodes.get(to).cloned().unwrap_or_default(),
                    None => Vec::new(),
                };
                if let Hop::Any(address) = hop {
                    hops.insert(*address, paths.clone());
                }
                (*hop, paths)
            });
            let (used, paths) = union(candidates, self.width);
            if let Node::Static(prefix) = node
                && let Some((distance, _)) = self.left.get(prefix).and_then(BTreeMap::first_key_value)
            {
                routes.insert(*prefix, (*distance, used));
            }
            nodes.insert(*node, paths);
        }
        let statics = nodes.into_iter().filter_map(|(node, paths)| match node {
            Node::Static(prefix) => Some((prefix, paths)),
            Node::Learned(_) => None,
        });
        (routes, statics.collect(), hops)
    }
}
