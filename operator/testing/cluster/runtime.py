#!/usr/bin/env python3
"""The OCI runtime of the cluster's own Docker engine: runc, with capabilities that this machine has.

A privileged container gets what root has here, no more (runc refuses what root itself lacks) and no less (older
engines know no capability that is newer than they are); any other container loses what root lacks.
"""

import json
import os
import sys

NAMES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
""".split()  # in the order of their numbers, linux/capability.h


def of_root():
    with open("/proc/self/status") as status:
        bounding = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd"))
    return ["CAP_" + name for number, name in enumerate(NAMES) if bounding >> number & 1]


def adapted(capabilities):
    have = of_root()
    privileged = {"CAP_SYS_ADMIN", "CAP_MAC_ADMIN"} <= set(capabilities)
    return have if privileged else [name for name in capabilities if name in have]


def adapt(path):
    with open(path) as file:
        spec = json.load(file)
    process = spec.get("process", spec)  # a container's specification, or that of a process for exec
    for name, capabilities in (process.get("capabilities") or {}).items():
        process["capabilities"][name] = adapted(capabilities or [])
    with open(path, "w") as file:
        json.dump(spec, file)


def specification(arguments):
    """The file in which this call says what to run, if it runs something."""
    options = dict(zip(arguments, arguments[1:]))
    if "exec" in arguments:
        return options.get("--process") or options.get("-p")
    bundle = options.get("--bundle") or options.get("-b")
    return bundle and os.path.join(bundle, "config.json")


if file := specification(sys.argv[1:]):
    adapt(file)
os.execvp("runc", ["runc", *sys.argv[1:]])
