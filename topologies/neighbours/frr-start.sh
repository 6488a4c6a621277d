# Interfaces come a moment after the container: whatever is configured of one that is not there yet, zebra does when it comes.
sysctl -qw net.ipv4.ip_forward=1
mkdir -p /run/frr /var/tmp/frr
/usr/lib/frr/zebra -d -u root -g root -f /etc/frr/lab.conf
exec /usr/lib/frr/staticd -u root -g root -f /etc/frr/lab.conf
