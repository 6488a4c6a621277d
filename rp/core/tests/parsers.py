#!/usr/bin/env python3
"""Feeds the text of show commands to the parsers that network tools use.

    parsers.py outputs OUTPUTS.json    what `swact --format json exec` printed on a real chassis
    parsers.py transcript              the recorded output of every platform
    parsers.py samples                 the show commands of docs/commands.md with values, a line each

`outputs` compares with parsed.txt, from which docs/commands.md is written; `--record` writes it anew. Needs
ntc-templates and genie from PyPI.
"""

import json
import logging
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
TRANSCRIPT = HERE.parent / "src/cli/tests/transcript.txt"
PARSED = HERE / "parsed.txt"
PAGE = HERE.parents[2] / "docs/commands.md"

# A value for every shape of argument; `.ci/cli` configures the chassis so that they exist.
VALUES = [
    ("A.B.C.D/<0-32>", "192.0.2.0/24"), ("A.B.C.D A.B.C.D (mask)", "192.0.2.0 255.255.255.0"), ("A.B.C.D", "192.0.2.77"),
    ("X:X:X:X::X/<0-128>", "2001:db8:f::/48"), ("X:X:X:X::X", "2001:db8:f::77"),
    ("<A|B|1-64>", "1"), ("<slot>/<port>", "GigabitEthernet1/1"), ("<0-65535>", "24"), ("<1-65535>", "7"), ("WORD", "red"),
]


def samples():
    """{command with values: command as documented}, in the page's order."""
    found = {}
    for line in PAGE.read_text().splitlines():
        row = re.match(r"\| `(show .*?)` \|", line.replace("\\|", "|"))
        if row:
            command = row.group(1)
            for shape, value in VALUES:
                command = command.replace(shape, value)
            found[command] = row.group(1)
    return found


class Tools:
    def __init__(self):
        logging.disable(logging.CRITICAL)
        from genie.conf.base import Device
        from ntc_templates.parse import parse_output
        self.device = Device("pe1", os="iosxe")
        self.device.custom.setdefault("abstraction", {})["order"] = ["os"]
        self.parse_output = parse_output

    def ntc(self, command, text):
        return self.parse_output(platform="cisco_ios", command=command, data=text)

    def genie(self, command, text):
        return self.device.parse(command, output=text)

    def readers(self, command, text):
        """{tool: data} of the tools that make something of it."""
        data = {}
        for name, parse in (("ntc-templates", self.ntc), ("Genie", self.genie)):
            try:
                parsed = parse(command, text)
            except Exception:  # a parser that refuses says so in many ways
                continue
            if parsed:
                data[name] = parsed
        return data


def expect(what, parsed, wanted):
    wrong = {name: parsed.get(name) for name, value in wanted.items() if parsed.get(name) != value}
    if wrong:
        sys.exit(f"{what}: {wrong} where {wanted} was expected, in {parsed}")


def check_outputs(file, record):
    tools, known = Tools(), samples()
    rows = []
    for executed in json.loads(pathlib.Path(file).read_text()):
        command, text = executed["command"], executed["output"]
        if executed["failed"]:
            sys.exit(f"{command}: failed: {text}")
        data = tools.readers(command, text)
        if data:
            rows.append(f"{known[command]}: {', '.join(sorted(data, key=str.lower))}")
        # What is read must also be what was shown.
        if command == "show redundancy":
            expect("ntc show redundancy", data["ntc-templates"][0], {
                "configured_redundancy_mode": "sso", "operating_redundancy_mode": "sso", "hardware_mode": "Duplex",
                "active_software_state": "ACTIVE", "standby_software_state": "STANDBY HOT"})
            expect("genie show redundancy", data["Genie"]["red_sys_info"], {"hw_mode": "Duplex", "oper_red_mode": "sso"})
        if command == "show redundancy states":
            expect("genie show redundancy states", data["Genie"], {
                "my_state": "13 -ACTIVE", "peer_state": "8  -STANDBY HOT", "mode": "Duplex",
                "redundancy_mode_operational": "sso", "manual_swact": "enabled", "communications": "Up"})
        if command == "show ip interface brief":
            expect("ntc show ip interface brief", data["ntc-templates"][0], {"interface": "GigabitEthernet1/1", "status": "up"})
    missing = set(known) - {executed["command"] for executed in json.loads(pathlib.Path(file).read_text())}
    if missing:
        sys.exit(f"not run: {sorted(missing)}")
    text = "\n".join(rows) + "\n"
    if record:
        PARSED.write_text(text)
    elif text != PARSED.read_text():
        before = PARSED.read_text().splitlines()
        for row in sorted(set(rows) ^ set(before)):
            print("now  " if row in rows else "gone ", row)
        sys.exit("parsed.txt and docs/commands.md are not what the tools say: run with --record, then the page's test")
    print(f"{len(rows)} of {len(known)} show commands are read by ntc-templates or Genie, as docs/commands.md says")


def transcript():
    """{(platform, command): text}; the later one of two, which has no standby, is left out."""
    found, key = {}, None
    for line in TRANSCRIPT.read_text().splitlines():
        prompt = re.match(r"(\w+)#(.*)", line)
        if prompt:
            key = prompt.groups()
            found[key] = ""
        else:
            found[key] += line + "\n"
    return found


# Which layouts of `show redundancy` the tools know: the others are those of older chassis, which nobody wrote a parser for.
PLATFORMS = {
    ("c7304", "show redundancy"): {"ntc-templates", "Genie"},
    ("asr1000", "show redundancy"): {"ntc-templates", "Genie"},
    ("asr1000", "show redundancy states"): {"Genie"},
    ("c7304", "show redundancy switchover history"): {"Genie"},
    ("c12000", "show redundancy switchover history"): {"Genie"},
}

# What the tools make of a chassis without a peer.
SIMPLEX = {"hw_mode": "Simplex", "oper_red_mode": "Non-redundant", "communications": "Down", "communications_reason": "Simplex mode"}
SIMPLEX_STATES = {
    "my_state": "13 -ACTIVE", "peer_state": "1  -DISABLED", "mode": "Simplex", "redundancy_mode_operational": "Non-redundant",
    "communications": "Down", "communications_reason": "Simplex mode"}
SIMPLEX_NTC = {
    "hardware_mode": "Simplex", "operating_redundancy_mode": "Non-redundant", "active_software_state": "ACTIVE",
    "standby_software_state": ""}


def check_simplex(tools, found):
    for platform, command in [("alone", "show redundancy"), ("c7304", ALONE), ("asr1000", ALONE)]:
        text = found[platform, command]
        expect(f"genie {platform}", tools.genie("show redundancy", text)["red_sys_info"], SIMPLEX)
        expect(f"ntc {platform}", tools.ntc("show redundancy", text)[0], SIMPLEX_NTC)
        print(f"{platform}: show redundancy without a peer: Simplex, as both tools read it")
    for platform, command in [("alone", "show redundancy states"), ("asr1000", "show redundancy states without a standby")]:
        expect(f"genie {platform}", tools.genie("show redundancy states", found[platform, command]), SIMPLEX_STATES)
        print(f"{platform}: show redundancy states without a peer: Simplex, as Genie reads it")


ALONE = "show redundancy without a standby"


def check_transcript():
    tools, found = Tools(), transcript()
    for (platform, command), wanted in PLATFORMS.items():
        readers = set(tools.readers(command, found[platform, command]))
        if not wanted <= readers:
            sys.exit(f"{platform}: {command}: read by {sorted(readers)}, not by {sorted(wanted)}")
        print(f"{platform}: {command}: read by {', '.join(sorted(readers))}")
    check_simplex(tools, found)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["samples"]:
            print("\n".join(samples()))
        case ["transcript"]:
            check_transcript()
        case ["outputs", file, *rest]:
            check_outputs(file, "--record" in rest)
        case _:
            sys.exit(__doc__)
