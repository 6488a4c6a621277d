# Zebra waits for the interfaces, which come a moment after the container.
/usr/lib/frr/zebra -d -f /etc/frr/lab.conf
exec /usr/lib/frr/staticd -f /etc/frr/lab.conf
