use super::*;

fn port(number: u8, mtu: u16) -> PortConfig {
    PortConfig { port: number, enabled: true, mac: [2; 6], mtu }
}

fn interface(port: u8, vlan: u16, table: Option<u32>) -> CardChange {
    CardChange::Interface(InterfaceChange { port, vlan, table: table.map(TableId) })
}

#[test]
fn a_card_is_told_what_is_not_as_it_was() {
    let mut told = Told::new(vec![port(1, 1500)], Vec::new());
    assert_eq!(told.whole(Level::Full), ToLc::Ports(vec![port(1, 1500)]));
    assert_eq!(told.change(vec![CardChange::Port(1, Some(port(1, 1500)))]), None);
    let ports = vec![port(1, 9000)];
    assert_eq!(
        told.change(vec![CardChange::Port(1, Some(port(1, 9000)))]),
        Some(ToLc::Ports(ports)),
        "in words of 1.0"
    );
    let change = InterfaceChange { port: 1, vlan: 100, table: Some(TableId(7)) };
    let changed = |ports, gone, interfaces| Some(ToLc::Changed { ports, gone, interfaces });
    assert_eq!(told.change(vec![interface(1, 100, Some(7))]), changed(vec![], vec![], vec![change]));
    assert_eq!(told.change(vec![interface(1, 100, Some(7)), interface(1, 200, None)]), None);
    // Interfaces of a port that is not there wait for it, and go with it.
    assert_eq!(told.change(vec![interface(2, 5, Some(9))]), None);
    let waiting = InterfaceChange { port: 2, vlan: 5, table: Some(TableId(9)) };
    let new = CardChange::Port(2, Some(port(2, 1500)));
    assert_eq!(told.change(vec![new.clone()]), changed(vec![port(2, 1500)], vec![], vec![waiting]));
    assert_eq!(told.change(vec![CardChange::Port(2, None)]), changed(vec![], vec![2], vec![]));
    assert_eq!(told.change(vec![new]), changed(vec![port(2, 1500)], vec![], vec![waiting]));
    // Without any, release 1.0 has words for all of it again.
    let last = told.change(vec![interface(1, 100, None), interface(2, 5, None)]);
    assert_eq!(last, Some(ToLc::Ports(vec![port(1, 9000), port(2, 1500)])));
}
