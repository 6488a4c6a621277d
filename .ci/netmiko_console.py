"""netmiko's cisco_ios driver through `swact console`: logs in, sends configuration, reads what it did.

    netmiko_console.py SWACT LAB NODE

The driver is netmiko's own; only the way to the other end is another one: a pseudo-terminal with `swact console` on it
in place of an SSH channel.
"""

import os
import pty
import select
import subprocess
import sys

from netmiko.channel import Channel
from netmiko.cisco.cisco_ios import CiscoIosBase


class ConsoleChannel(Channel):
    """What netmiko reads and writes: a pseudo-terminal. Like most that drive one, it answers no cursor reports."""

    def __init__(self, command, term):
        self.received = ""
        self.master, slave = pty.openpty()
        environment = dict(os.environ, TERM=term)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)

    def write_channel(self, out_data):
        os.write(self.master, out_data.encode())

    def read_buffer(self):
        if not select.select([self.master], [], [], 0)[0]:
            return ""
        try:
            text = os.read(self.master, 65536).decode()
        except OSError:  # the other end has closed it
            return ""
        self.received += text
        return text

    def read_channel(self):
        parts = []
        while part := self.read_buffer():
            parts.append(part)
        return "".join(parts)

    def close(self):
        os.close(self.master)
        return self.process.wait(timeout=10)


class Console(CiscoIosBase):
    """A cisco_ios device at the end of a command."""

    def __init__(self, command, term, **settings):
        self.command, self.term = command, term
        super().__init__(host="console", device_type="cisco_ios", **settings)

    def establish_connection(self, width=511, height=1000):
        self.channel = ConsoleChannel(self.command, self.term)
        self.channel_read_start()

    def channel_read_start(self):
        # The first prompt says that the session is there.
        self.read_until_pattern(pattern=r"[>#]", read_timeout=30)
        self.write_channel(self.RETURN)

    def is_alive(self):
        return self.channel.process.poll() is None

    def disconnect(self):
        self.write_channel("exit" + self.RETURN)
        try:
            self.exit_code = self.channel.close()
        finally:
            self.channel = None


def check(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")


def session(swact, lab, node, term, escapes):
    device = Console([swact, "console", lab, node], term)
    prompt = device.find_prompt()
    check(prompt == f"{node}#", f"TERM={term}: the prompt is {prompt!r}")
    check(device.check_enable_mode(), f"TERM={term}: not privileged")
    device.exit_enable_mode("disable")
    check(device.find_prompt() == f"{node}>", f"TERM={term}: still privileged")
    refused = device.send_command("show running-config")
    check("% Invalid input" in refused, f"TERM={term}: without privileges the configuration is shown: {refused}")
    device.enable()
    lines = ["interface 1/2", f"description by netmiko on {term}", "no shutdown"]
    sent = device.send_config_set(lines, error_pattern="%")
    check("(config-if)#" in sent, f"TERM={term}: configuration mode was not entered: {sent}")
    shown = device.send_command("show running-config interface 1/2")
    check(f" description by netmiko on {term}" in shown, f"TERM={term}: the configuration is {shown}")
    check("[OK]" in device.save_config(), f"TERM={term}: not saved")
    version = device.send_command("show version")
    check("uptime is" in version, f"TERM={term}: show version is {version}")
    received = device.channel.received
    device.disconnect()
    check(device.exit_code == 0, f"TERM={term}: the console ended with {device.exit_code}")
    check(received.count("\x1b") == escapes, f"TERM={term}: {received.count(chr(27))} escapes in {received!r}")
    print(f"netmiko, TERM={term}: logged in, configured, saved, {len(version.splitlines())} lines of show version")


if __name__ == "__main__":
    swact, lab, node = sys.argv[1:]
    session(swact, lab, node, "dumb", escapes=0)
    # One question, where the cursor is, which nobody answers.
    session(swact, lab, node, "xterm-256color", escapes=1)
