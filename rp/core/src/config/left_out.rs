//! Commands of real routers that this one does not carry out: refused by name, or accepted without effect.

/// Commands that are accepted, kept and shown, and have no effect: saved configurations of real
/// routers begin with them, and none of them touches forwarding or redundancy.
pub const TOLERATED: &[&str] = &[
    "service timestamps",
    "no service timestamps",
    "no service pad",
    "no service password-encryption",
    "ip classless",
    "ip subnet-zero",
    "no ip domain lookup",
    "no ip domain-lookup",
];

/// First words of the lines that `show running-config` and `show startup-config` put before the
/// configuration, so that their output can be saved and read back, and the markers around `boot system`,
/// which are written anew. Comments, all of them.
pub(super) const HEADINGS: &[&str] =
    &["Building configuration...", "Current configuration :", "Using", "boot-start-marker", "boot-end-marker"];

/// Commands of real routers that people will try, and why they are not here. Matched by whole
/// leading words, after an optional `no`.
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("router bgp", NO_ROUTING),
    ("router ospf", NO_ROUTING),
    ("router ospfv3", NO_ROUTING),
    ("router isis", NO_ROUTING),
    ("router eigrp", NO_ROUTING),
    ("router rip", NO_ROUTING),
    ("router", NO_ROUTING),
    ("ip ospf", NO_ROUTING),
    ("ip router", NO_ROUTING),
    ("ip prefix-list", NO_ROUTING),
    ("route-map", NO_ROUTING),
    ("key chain", NO_ROUTING),
    ("ip vrf", "VRFs are of both families: use vrf definition, and vrf forwarding on interfaces"),
    ("mpls", "there are no labels yet"),
    ("vpdn-group", NO_VPDN),
    ("vpdn", NO_VPDN),
    ("l2tp-class", NO_VPDN),
    ("pseudowire-class", NO_VPDN),
    ("xconnect", NO_VPDN),
    ("virtual-template", NO_VPDN),
    ("bba-group", NO_VPDN),
    ("ip nat", "this chassis does not translate addresses"),
    ("ip access-list", NO_FILTERS),
    ("ipv6 access-list", NO_FILTERS),
    ("access-list", NO_FILTERS),
    ("ip access-group", NO_FILTERS),
    ("ipv6 traffic-filter", NO_FILTERS),
    ("ip multicast-routing", "unicast only"),
    ("ip pim", "unicast only"),
    ("ip dhcp", "addresses are configured"),
    ("ip helper-address", "addresses are configured"),
    ("ip http", "there is no web server in a router"),
    ("ip ssh", ACCESS),
    ("standby", "HSRP does not go with stateful switchover"),
    ("vrrp", "there is no first-hop redundancy"),
    ("glbp", "there is no first-hop redundancy"),
    ("track", "object tracking does not survive a switchover"),
    ("bfd", "there is no BFD"),
    ("line", "terminals need no configuration"),
    ("username", ACCESS),
    ("enable", ACCESS),
    ("aaa", ACCESS),
    ("crypto", ACCESS),
    ("snmp-server community", NO_AGENT),
    ("snmp-server host", NO_AGENT),
    ("snmp-server user", NO_AGENT),
    ("snmp-server group", NO_AGENT),
    ("snmp-server view", NO_AGENT),
    ("snmp-server location", NO_AGENT),
    ("snmp-server contact", NO_AGENT),
    ("snmp-server enable traps bgp", NO_AGENT),
    ("ntp", "the clock is the host's"),
    ("clock", "the clock is the host's"),
    ("logging", "events go to the orchestrator"),
    ("banner", "there is no log-in"),
    ("policy-map", NO_QOS),
    ("class-map", NO_QOS),
    ("service-policy", NO_QOS),
    ("bandwidth", NO_QOS),
    ("cdp", "ports speak no discovery protocol"),
    ("lldp", "ports speak no discovery protocol"),
    ("vlan", "ports are routed: a subinterface has a VLAN"),
    ("spanning-tree", "ports are routed"),
    ("controller", "ports are Ethernet"),
    ("card", "cards are in the topology"),
    ("encapsulation", "a port is untagged Ethernet: its subinterfaces have VLANs"),
    ("switchport", "ports are routed"),
    ("channel-group", "ports are not bundled"),
    ("speed", "ports are emulated: there is no link rate to set"),
    ("duplex", "ports are emulated: there is no link rate to set"),
    ("negotiation", "ports are emulated: there is no link rate to set"),
    ("keepalive", "ports are Ethernet"),
    ("frame-relay", "ports are Ethernet"),
    ("ppp", "ports are Ethernet"),
    ("atm", "ports are Ethernet"),
];

const NO_ROUTING: &str =
    "routes come from the route feed and from static routes; there is no routing process to configure";
const NO_VPDN: &str = "there are no L2TP sessions yet";
const NO_FILTERS: &str = "there are no packet filters";
const NO_QOS: &str = "there is no quality of service";
const NO_AGENT: &str = "there is no SNMP agent";
const ACCESS: &str = "access is by certificate";
