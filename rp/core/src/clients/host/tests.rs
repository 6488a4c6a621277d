use super::*;

#[test]
fn rows_are_read_as_they_were_written() {
    let port = PortId { slot: LcSlot(3), port: 7 };
    let interfaces = [
        InterfaceId::Loopback(9),
        InterfaceId::Tunnel(u32::MAX),
        InterfaceId::VirtualAccess(1),
        port.into(),
        InterfaceId::sub(port, 4_000_000_000),
    ];
    let addresses: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let station = [2, 0, 0, 0, 0, 9];
    let kept = [
        None,
        Some(Kept::Neighbour { station, router: false }),
        Some(Kept::Neighbour { station, router: true }),
        Some(Kept::Own { used: false }),
        Some(Kept::Own { used: true }),
    ];
    for interface in interfaces {
        for address in addresses {
            for row in kept {
                let mut bytes = Vec::new();
                Kept::write((interface, address), row.as_ref(), 1, &mut bytes);
                assert_eq!(bytes.len(), Kept::size(1));
                assert_eq!(Kept::read(&bytes, 1), Some(((interface, address), row)));
                assert_eq!(Kept::read(&bytes[..30], 1), None);
                for (at, wrong) in [(0, 4), (7, 5), (24, 5)] {
                    let mut bytes = bytes.clone();
                    bytes[at] = wrong;
                    assert_eq!(Kept::read(&bytes, 1), None);
                }
            }
        }
    }
}
