//! `show ip route`, `show ipv6 route`.

use super::{
    A4, A6, IP, IPV6, LONGER, MASK, P4, P6, SHOW, SUMMARY, Select, Shown, VRF, family, first_prefixes, more,
    prefix_text, select, show, table as named_table,
};
use crate::{
    cli::{
        RoutePath, RouteSource, RouteView, View,
        commands::Exec,
        text::{address, age},
    },
    grammar::{
        Command, Help, Line,
        Token::{self, Keyword as K, Optional},
    },
};
use fabric_proto::{
    fib::{Family, Prefix},
    id::TableId,
};
use serde_json::{Value, json};

const ROUTE: Token = K("route");

pub(super) static COMMANDS: &[Command<Exec>] = &[
    show(&[SHOW, IP, ROUTE, VRF], table),
    show(&[SHOW, IP, ROUTE, VRF, SUMMARY], summary),
    show(&[SHOW, IP, ROUTE, VRF, A4], table),
    show(&[SHOW, IP, ROUTE, VRF, A4, MASK, Optional(&[LONGER])], table),
    show(&[SHOW, IP, ROUTE, VRF, P4, Optional(&[LONGER])], table),
    show(&[SHOW, IPV6, ROUTE, VRF], table),
    show(&[SHOW, IPV6, ROUTE, VRF, SUMMARY], summary),
    show(&[SHOW, IPV6, ROUTE, VRF, A6], table),
    show(&[SHOW, IPV6, ROUTE, VRF, P6, Optional(&[LONGER])], table),
];

pub(super) const HELP: Help = &[("route", "Routing table")];

fn table(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let family = family(line);
    let (tables, named) = (view.tables, named_table(view, line)?);
    let table = named.1;
    match select(line)? {
        Select::All => Ok(list(view, named, family, None)),
        Select::Within(prefix) => Ok(list(view, named, family, Some(prefix))),
        Select::To(address) => tables.route_to(table, address).map(|route| entry(&route)).ok_or_else(missing),
        Select::Exactly(prefix) => tables.route(table, prefix).map(|route| entry(&route)).ok_or_else(missing),
    }
}

fn missing() -> String {
    "Network not in table".to_owned()
}

fn list(view: &View<'_>, named: (Option<&str>, TableId), family: Family, within: Option<Prefix>) -> Shown {
    let (vrf, table) = named;
    let (prefixes, count) = first_prefixes(|visit| view.tables.visit_routes(table, family, visit), within);
    let routes: Vec<RouteView> = prefixes.iter().filter_map(|prefix| view.tables.route(table, *prefix)).collect();
    let mut text = match family {
        Family::V4 => format!(
            "{}Codes: L - local, C - connected, S - static, B - BGP\n\nGateway of last resort is {}\n\n",
            vrf.map_or_else(String::new, |vrf| format!("Routing Table: {vrf}\n")),
            gateway(view, table)
        ),
        Family::V6 => format!(
            "IPv6 Routing Table - {} - {count} entries\nCodes: C - Connected, L - Local, S - Static, B - BGP\n",
            vrf.unwrap_or("default")
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
        "vrf": vrf,
        "family": family.to_string(),
        "count": count,
        "listed": routes.len(),
        "routes": routes.iter().map(route_json).collect::<Vec<_>>(),
    });
    Shown { text, json }
}

fn gateway(view: &View<'_>, table: TableId) -> String {
    let default = view.tables.route(table, Prefix::from_bits(Family::V4, 0, 0));
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
            None => format!("{lead} is directly connected, {}\n", interface(path)),
        };
        lead = " ".repeat(head.len());
    }
}

fn write_v6(text: &mut String, route: &RouteView) {
    *text += &format!("{:<4}{} [{}/{}]\n", code(route.source), prefix_text(route.prefix), route.distance, route.metric);
    for path in &route.paths {
        *text += &match (path.next_hop, path.interface) {
            (Some(next_hop), Some(_)) => format!("     via {}, {}\n", address(next_hop), interface(path)),
            (Some(next_hop), None) => format!("     via {}\n", address(next_hop)),
            (None, _) if route.source == RouteSource::Local => format!("     via {}, receive\n", interface(path)),
            (None, _) => format!("     via {}, directly connected\n", interface(path)),
        };
    }
}

/// Age and interface, where there are any.
fn tail(route: &RouteView, path: &RoutePath) -> String {
    let age = route.age.map_or_else(String::new, |time| format!(", {}", age(time)));
    let interface = path.interface.map_or_else(String::new, |interface| format!(", {interface}"));
    age + &interface
}

fn interface(path: &RoutePath) -> String {
    path.interface.map_or_else(|| "Null0".to_owned(), |interface| interface.to_string())
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
            None => format!("  {star} directly connected, via {}\n", interface(path)),
        };
        text += &format!("      Route metric is {}, traffic share count is 1\n", route.metric);
    }
    Shown { text, json: route_json(route) }
}

fn summary(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let family = family(line);
    let (vrf, table) = named_table(view, line)?;
    let counts = view.tables.route_counts(table, family);
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let ip = match family {
        Family::V4 => "IP",
        Family::V6 => "IPv6",
    };
    let mut text = format!(
        "{ip} routing table name is {}\n{ip} routing table maximum-paths is {}\n\
         Route Source    Prefixes\n",
        vrf.unwrap_or("default"),
        view.tables.width()
    );
    for (source, count) in &counts {
        text += &format!("{:<15} {count}\n", name(*source));
    }
    text += &format!("{:<15} {total}\n", "Total");
    let sources: Vec<Value> =
        counts.iter().map(|(source, count)| json!({"source": name(*source), "prefixes": count})).collect();
    Ok(Shown { text, json: json!({"vrf": vrf, "family": family.to_string(), "total": total, "sources": sources}) })
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
            .map(|path| json!({"next_hop": path.next_hop, "interface": path.interface.map(|interface| interface.to_string())}))
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
