//! What line cards are told of subinterfaces and VRFs.

use super::*;
use fabric_proto::{id::TableId, linecard::ToLc};

const PE: &str = "\
vrf definition red
 address-family ipv4
interface 1/1
interface 1/1.100
 encapsulation dot1Q 100
 vrf forwarding red
interface 1/1.200
 encapsulation dot1Q 200
interface 1/1.300
 encapsulation dot1Q 300
 shutdown
end
";

#[test]
fn line_cards_are_told_their_subinterfaces() {
    let mut chassis = Chassis::booted(PE);
    let mut out = Vec::new();
    let agreed = Arc::new(Agreed::alike(chassis.rp.offer()));
    chassis.rp.step(NOW, Some(Input::LcConnected(LcSlot(1), agreed)), &mut out);
    let adopted = FromLc::Adopted { epoch: EPOCH, boot: 7, position: None, root: 0, routes: [0, 0] };
    chassis.rp.step(NOW, Some(Input::Lc(LcSlot(1), adopted)), &mut out);
    let told = out.iter().find_map(|output| match output {
        Output::Lc(LcSlot(1), ToLc::Interfaces { ports, interfaces }) => Some((ports, interfaces)),
        _ => None,
    });
    let (ports, interfaces) = told.unwrap();
    assert_eq!(ports.len(), 1);
    let rows: Vec<_> = interfaces.iter().map(|interface| (interface.port, interface.vlan, interface.table)).collect();
    assert_eq!(rows, [(1, 100, TableId::of_vrf("red")), (1, 200, TableId::DEFAULT)]);
}
