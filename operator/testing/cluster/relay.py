#!/usr/bin/env python3
"""Makes a TCP port inside a network namespace reachable on this machine's loopback.

usage: relay.py NETNS ADDRESS PORT FILE

Listens on a free port of 127.0.0.1, writes its number into FILE, and connects from inside NETNS.
"""

import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000


def enter(netns):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(netns) as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter " + netns)


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


async def main(netns, address, port, file):
    # A socket belongs for ever to the namespace it was made in: first ours, then the other one.
    listening = socket.create_server(("127.0.0.1", 0))
    enter(netns)

    async def connected(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(address, port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        for end in writer, far_writer:
            end.close()

    server = await asyncio.start_server(connected, sock=listening)
    with open(file + ".new", "w") as out:
        out.write(f"{listening.getsockname()[1]}\n")
    os.rename(file + ".new", file)
    await server.serve_forever()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
