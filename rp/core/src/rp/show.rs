//! What the command line sees: this RP's machines as plain data.

use super::{Rp, switchover_timer};
use crate::{
    cli::{
        ClientView, ConfigView, CounterView, DebugView, FibCounts, HistoryView, InterfaceView, LineCardState,
        LineCardView, LogView, NeighbourView, RedundancyView, RfStateView, RoutePath, RouteSource, RouteView,
        SpokenView, SwitchoverView, Tables, UnitView, UpgradeView, View,
    },
    clients::{if_index, is_plain},
    issu, redundancy,
    rib::{Hop, Protocol, Route, Via},
};
use fabric_proto::{
    fib::{Family, FibKey, PathList, Prefix},
    id::{InterfaceId, RpSlot, Slot, TableId},
    punt::PuntCounts,
    redundancy::RfState,
    time::Instant,
};
use rp_host::Reachability;
use std::{net::IpAddr, time::Duration};

/// Calls `f` with a view of the moment.
pub(super) fn with_view<T>(rp: &Rp, now: Instant, f: impl FnOnce(&View<'_>) -> T) -> T {
    let rf = rp.rf.view();
    let upgrade = &rp.clients.issu.procedure;
    let view = View {
        slot: rp.boot.slot,
        platform: rp.boot.profile.name,
        clock: rp.clock(now),
        system_uptime: now.since(rf.chassis_since),
        restart_reason: match &rp.boot.life {
            redundancy::BootCause::Cold => "power-on",
            redundancy::BootCause::Fenced => "demoted by a newer active",
            redundancy::BootCause::Takeover { .. } => "takeover",
        },
        running: rp.config(),
        startup: rp.clients.startup.text(),
        redundancy: facility(rp, &rf, now),
        line_cards: line_cards(rp, rf.active, now.since(rf.state_since)),
        config: ConfigView {
            owner: rp.config_lock,
            refused: rp.rf.config_refusal().map(|why| why.to_string()),
            sync: rp.clients.running.counts,
            unread: rp.clients.startup.refusal(),
        },
        debug: DebugView {
            kinds: rp.debugging.kinds,
            log: rp.debugging.lines().map(|(at, line)| (rp.clock(at), line)).collect(),
        },
        flow_seed: rp.boot.flow_seed,
        log: LogView { total: rp.log.total(), lines: rp.log.lines().map(|(at, line)| (rp.clock(at), line)).collect() },
        upgrade: UpgradeView {
            state: upgrade.state().to_string(),
            releases: upgrade.upgrade().map(|upgrade| [upgrade.from.as_str(), upgrade.to.as_str()]),
            rollback: upgrade.rollback(),
            left: upgrade.rolls_back_at().map(|at| at.since(now)),
            committing: upgrade.upgrade().is_some_and(|upgrade| upgrade.phase == issu::Phase::Committing),
        },
        tables: &At { rp, now },
    };
    f(&view)
}

impl Rp {
    /// The wall clock at `at`.
    fn clock(&self, at: Instant) -> Duration {
        Duration::from_nanos(at.0.saturating_add(self.boot.clock_offset))
    }
}

fn state(state: RfState) -> RfStateView {
    RfStateView { number: state.number(), name: state.to_string() }
}

fn facility(rp: &Rp, rf: &redundancy::View<'_>, now: Instant) -> RedundancyView {
    let peer_slot = rp.boot.slot.peer().unwrap_or(RpSlot::A);
    RedundancyView {
        my: UnitView {
            slot: rp.boot.slot,
            state: state(rf.state),
            in_state: now.since(rf.state_since),
            release: Some(rf.release.to_owned()),
        },
        peer: UnitView {
            slot: peer_slot,
            state: state(rf.peer_state),
            in_state: rf.peer_state_since.map_or(Duration::ZERO, |since| now.since(since)),
            release: rf.peer.map(|peer| peer.release.clone()),
        },
        duplex: rf.duplex,
        primary: rf.primary,
        // A connection outlives a peer that fell silent.
        communications: rf.communications && rf.duplex,
        manual_swact_refused: rf.manual_swact.map(|why| why.to_string()),
        operating: rf.operating,
        switchovers: rf.switchover_count,
        standby_failures: rf.standby_failures,
        switchover_timer: switchover_timer(rp.config(), &rp.boot.timers),
        client_notification_timer: rf.client_notification,
        clients: rf
            .clients
            .iter()
            .map(|client| ClientView {
                id: u32::from(client.id.0),
                seq: u32::from(client.seq),
                name: client.name.clone(),
            })
            .collect(),
        counters: rf
            .counters
            .lines()
            .into_iter()
            .map(|(name, value)| CounterView { name: name.to_owned(), value })
            .collect(),
        history: rf
            .history
            .entries()
            .map(|entry| HistoryView { at: entry.at.since(rf.chassis_since), text: entry.what.to_string() })
            .collect(),
        switchover_history: rf
            .history
            .switchovers()
            .iter()
            .map(|record| SwitchoverView {
                previous: record.previous,
                current: record.current,
                reason: record.reason.to_string(),
                at: rp.clock(record.at),
            })
            .collect(),
    }
}

fn line_cards(rp: &Rp, active: bool, in_state: Duration) -> Vec<LineCardView> {
    let sessions = rp.feed.status();
    rp.boot
        .line_cards
        .iter()
        .map(|slot| {
            let session = sessions.iter().find(|session| session.slot == *slot);
            LineCardView {
                slot: *slot,
                state: match session {
                    _ if !active => LineCardState::NotOwned,
                    None if rp.spoken.is_incompatible(*slot) => LineCardState::Incompatible,
                    None => LineCardState::Absent,
                    Some(session) if session.confirmed => LineCardState::InSync,
                    Some(session) if session.sent_seq == 0 && session.routes == 0 => LineCardState::Adopting,
                    Some(_) => LineCardState::Syncing,
                },
                release: rp.spoken.release(Slot::Lc(*slot)).map(str::to_owned),
                ports: rp.config().interfaces.ports_of(*slot).count() as u8,
                in_state,
                routes: Family::ALL.map(|family| rp.clients.cef.fib.table().len(family) as u64),
            }
        })
        .collect()
}

impl Rp {
    /// A next hop that is another route's to reach has no port of its own.
    fn route_path(&self, table: TableId, hop: Hop) -> RoutePath {
        let next_hop = match hop {
            Hop::Any(address) | Hop::Learned(address) | Hop::On(_, address) => Some(address),
            Hop::Null => None,
        };
        RoutePath { next_hop, interface: self.clients.routing.rib.interface_of(table, hop) }
    }

    fn route_view(&self, table: TableId, route: &Route) -> RouteView {
        let vrf = self.config().vrfs.keys().find(|vrf| vrf.table() == table);
        let views = match &route.via {
            Via::NextHops(hops) => hops.iter().map(|hop| self.route_path(table, *hop)).collect(),
            Via::Receive | Via::Network(_) => {
                vec![RoutePath {
                    next_hop: None,
                    interface: self.config().interface_towards(vrf, route.prefix.address()),
                }]
            }
        };
        RouteView {
            prefix: route.prefix,
            source: match route.protocol {
                Protocol::Local => RouteSource::Local,
                Protocol::Connected | Protocol::Adjacency => RouteSource::Connected,
                Protocol::Static => RouteSource::Static,
                Protocol::Feed => RouteSource::Bgp,
            },
            distance: route.distance,
            metric: route.metric,
            age: None,
            paths: views,
        }
    }
}

/// A route processor at a moment.
struct At<'a> {
    rp: &'a Rp,
    now: Instant,
}

impl Tables for At<'_> {
    fn issu(&self) -> issu::View {
        self.rp.issu_view()
    }

    fn spoken(&self) -> Vec<SpokenView> {
        self.rp.spoken_views()
    }

    fn neighbours(&self) -> Vec<NeighbourView> {
        let all = self.rp.clients.neighbours.host().into_iter().flat_map(rp_host::Host::neighbours);
        let learned = all.filter_map(|(interface, address, neighbour)| {
            let state = match neighbour.reachability {
                Reachability::Static => return None,
                Reachability::Incomplete | Reachability::Unreachable => "INCMP",
                Reachability::Reachable => "REACH",
                Reachability::Stale => "STALE",
                Reachability::Delay => "DELAY",
                Reachability::Probe => "PROBE",
            };
            let age = neighbour.heard.map(|heard| self.now.since(heard));
            Some(NeighbourView { address, interface, station: neighbour.station, state, age })
        });
        learned.collect()
    }

    fn punts(&self) -> PuntCounts {
        self.rp.punts.clone()
    }

    fn interface(&self, id: InterfaceId) -> InterfaceView {
        let link = match id.port() {
            Some(port) => {
                let plain = self.rp.config().interfaces.get(&id).is_none_or(is_plain);
                let links = &self.rp.clients.links;
                links.get(port).map(|(_, since)| (links.carries(port, plain), since))
            }
            // Always there.
            None => Some((true, None)),
        };
        InterfaceView {
            index: if_index(id),
            mac: id.port().map(|port| self.rp.clients.links.mac(port)),
            link: link.map(|(up, _)| up),
            since: link.and_then(|(_, since)| since).map(|since| self.now.since(since)),
            transitions: id.as_port().zip(self.rp.clients.transitions.as_ref()).map(|(port, counts)| counts.of(port)),
        }
    }

    fn visit_routes(&self, table: TableId, family: Family, visit: &mut dyn FnMut(Prefix)) {
        for route in self.rp.clients.routing.rib.routes(table, family) {
            visit(route.prefix);
        }
    }

    fn width(&self) -> usize {
        self.rp.clients.routing.rib.width().paths()
    }

    fn route(&self, table: TableId, prefix: Prefix) -> Option<RouteView> {
        self.rp.clients.routing.rib.get(table, prefix).map(|route| self.rp.route_view(table, &route))
    }

    fn route_to(&self, table: TableId, address: IpAddr) -> Option<RouteView> {
        self.rp.clients.routing.rib.lookup(table, address).map(|route| self.rp.route_view(table, &route))
    }

    fn route_counts(&self, table: TableId, family: Family) -> Vec<(RouteSource, u64)> {
        let best = self.rp.clients.routing.rib.summary(table).best;
        [
            (RouteSource::Connected, Protocol::Connected),
            (RouteSource::Local, Protocol::Local),
            (RouteSource::Static, Protocol::Static),
            (RouteSource::Bgp, Protocol::Feed),
        ]
        .into_iter()
        .map(|(source, protocol)| (source, best[protocol as usize][family as usize]))
        .filter(|(_, count)| *count > 0)
        .collect()
    }

    fn visit_fib(&self, table: TableId, family: Family, visit: &mut dyn FnMut(Prefix)) {
        let plain = self.rp.clients.cef.fib.table().routes().filter_map(|(key, _)| key.ip());
        let plain = plain.filter_map(|(of, prefix)| (of == table).then_some(prefix));
        plain.filter(|prefix| prefix.family() == family).for_each(visit);
    }

    fn fib(&self, table: TableId, prefix: Prefix) -> Option<PathList> {
        let held = self.rp.clients.cef.fib.table();
        held.paths(held.get(FibKey::Ip(table, prefix))?).cloned()
    }

    fn fib_to(&self, table: TableId, address: IpAddr) -> Option<(Prefix, PathList)> {
        let held = self.rp.clients.cef.fib.table();
        let (prefix, id) = held.lookup_in(table, address)?;
        Some((prefix, held.paths(id)?.clone()))
    }

    fn fib_counts(&self, family: Family) -> FibCounts {
        let (table, position) = (self.rp.clients.cef.fib.table(), self.rp.clients.cef.fib.position());
        FibCounts {
            prefixes: table.len(family) as u64,
            path_lists: table.all_paths().count() as u64,
            epoch: position.epoch.0,
            seq: position.seq,
            refused_sets: self.rp.clients.routing.rib.refused_sets(),
        }
    }
}
