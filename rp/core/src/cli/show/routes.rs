//! `show ip route`, `show ipv6 route`.

use super::{Select, Shown, first_prefixes, more, prefix_text};
use crate::{
    cli::{
        RoutePath, RouteSource, RouteView, View,
        text::{address, age},
    },
    config::interface_name,
};
use fabric_proto::fib::{Family, PATHS_MAX, Prefix};
use serde_json::{Value, json};

pub(super) fn show(view: &View<'_>, family: Family, select: Select) -> Result<Shown, String> {
    let tables = view.tables;
    match select {
        Select::All | Select::Port(_) | Select::Slot(_) | Select::Flow(..) => Ok(list(view, family, None)),
        Select::Within(prefix) => Ok(list(view, family, Some(prefix))),
        Select::To(address) => tables.route_to(address).map(|route| entry(&route)).ok_or_else(missing),
        Select::Exactly(prefix) => tables.route(prefix).map(|route| entry(&route)).ok_or_else(missing),
    }
}

fn missing() -> String {
    "Network not in table".to_owned()
}

fn list(view: &View<'_>, family: Family, within: Option<Prefix>) -> Shown {
    let (prefixes, count) = first_prefixes(|visit| view.tables.visit_routes(family, visit), within);
    let routes: Vec<RouteView> = prefixes.iter().filter_map(|prefix| view.tables.route(*prefix)).collect();
    let mut text = match family {
        Family::V4 => format!(
            "Codes: L - local, C - connected, S - static, B - BGP\n\nGateway of last resort is {}\n\n",
            gateway(view)
        ),
        Family::V6 => format!(
            "IPv6 Routing Table - default - {count} entries\nCodes: C - Connected, L - Local, S - Static, B - BGP\n"
        ),
    };
    for route in &routes {
        match family {
            Family::V4 => write_v4(&mut text, route),
            Family::V6 => write_v6(&mut text, route),
        }
    }
    text.extend(more(routes.len(), count));
    let json = json!({
        "family": family.to_string(),
        "count": count,
        "listed": routes.len(),
        "routes": routes.iter().map(route_json).collect::<Vec<_>>(),
    });
    Shown { text, json }
}

fn gateway(view: &View<'_>) -> String {
    let default = view.tables.route(Prefix::from_bits(Family::V4, 0, 0));
    match default.and_then(|route| route.paths.first().and_then(|path| path.next_hop)) {
        Some(next_hop) => format!("{next_hop} to network 0.0.0.0"),
        None => "not set".to_owned(),
    }
}

fn write_v4(text: &mut String, route: &RouteView) {
    let head = format!("{:<9}{}", code(route.source), prefix_text(route.prefix));
    let cost = format!("[{}/{}]", route.distance, route.metric);
    let mut lead = head.clone();
    for path in &route.paths {
        *text += &match path.next_hop {
            Some(next_hop) => format!("{lead} {cost} via {next_hop}{}\n", tail(route, path)),
            None => format!("{lead} is directly connected, {}\n", port(path)),
        };
        lead = " ".repeat(head.len());
    }
}

fn write_v6(text: &mut String, route: &RouteView) {
    *text += &format!("{:<4}{} [{}/{}]\n", code(route.source), prefix_text(route.prefix), route.distance, route.metric);
    for path in &route.paths {
        *text += &match (path.next_hop, path.port) {
            (Some(next_hop), Some(_)) => format!("     via {}, {}\n", address(next_hop), port(path)),
            (Some(next_hop), None) => format!("     via {}\n", address(next_hop)),
            (None, _) if route.source == RouteSource::Local => format!("     via {}, receive\n", port(path)),
            (None, _) => format!("     via {}, directly connected\n", port(path)),
        };
    }
}

/// Age and port, where there are any.
fn tail(route: &RouteView, path: &RoutePath) -> String {
    let age = route.age.map_or_else(String::new, |time| format!(", {}", age(time)));
    let port = path.port.map_or_else(String::new, |port| format!(", {}", interface_name(port)));
    age + &port
}

fn port(path: &RoutePath) -> String {
    path.port.map_or_else(|| "Null0".to_owned(), interface_name)
}

/// One route, at length.
fn entry(route: &RouteView) -> Shown {
    let mut text = format!(
        "Routing entry for {}\n  Known via \"{}\", distance {}, metric {}\n  Routing Descriptor Blocks:\n",
        prefix_text(route.prefix),
        name(route.source),
        route.distance,
        route.metric
    );
    for (index, path) in route.paths.iter().enumerate() {
        let star = if index == 0 { '*' } else { ' ' };
        text += &match path.next_hop {
            Some(next_hop) => format!("  {star} {}{}\n", address(next_hop), tail(route, path)),
            None => format!("  {star} directly connected, via {}\n", port(path)),
        };
        text += &format!("      Route metric is {}, traffic share count is 1\n", route.metric);
    }
    Shown { text, json: route_json(route) }
}

pub(super) fn summary(view: &View<'_>, family: Family) -> Shown {
    let counts = view.tables.route_counts(family);
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let ip = match family {
        Family::V4 => "IP",
        Family::V6 => "IPv6",
    };
    let mut text = format!(
        "{ip} routing table name is default\n{ip} routing table maximum-paths is {PATHS_MAX}\n\
         Route Source    Prefixes\n"
    );
    for (source, count) in &counts {
        text += &format!("{:<15} {count}\n", name(*source));
    }
    text += &format!("{:<15} {total}\n", "Total");
    let sources: Vec<Value> =
        counts.iter().map(|(source, count)| json!({"source": name(*source), "prefixes": count})).collect();
    Shown { text, json: json!({"family": family.to_string(), "total": total, "sources": sources}) }
}

fn route_json(route: &RouteView) -> Value {
    json!({
        "prefix": route.prefix.to_string(),
        "protocol": name(route.source),
        "distance": route.distance,
        "metric": route.metric,
        "age_seconds": route.age.map(|age| age.as_secs()),
        "paths": route
            .paths
            .iter()
            .map(|path| json!({"next_hop": path.next_hop, "interface": path.port.map(interface_name)}))
            .collect::<Vec<_>>(),
    })
}

fn code(source: RouteSource) -> char {
    match source {
        RouteSource::Connected => 'C',
        RouteSource::Local => 'L',
        RouteSource::Static => 'S',
        RouteSource::Bgp => 'B',
    }
}

fn name(source: RouteSource) -> &'static str {
    match source {
        RouteSource::Connected => "connected",
        RouteSource::Local => "local",
        RouteSource::Static => "static",
        RouteSource::Bgp => "bgp",
    }
}
