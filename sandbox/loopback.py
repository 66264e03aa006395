"""A port of loopback that a stand-in serves on."""

import socket


def listen(port: int) -> socket.socket:
    """Open it (0: a free one). What is written to its connections goes out at once: a head without
    its body would otherwise wait for the client's acknowledgment, 40 ms on Linux (RFC 9293, section
    3.7.4). asyncio sees to that only where a socket names its protocol.
    """
    listening = socket.create_server(("127.0.0.1", port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
