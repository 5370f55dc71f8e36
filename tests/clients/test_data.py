"""Data channels of WHIP publishers: messages between the participants of a room (signaling/PROTOCOL.md)."""

import contextlib
import re

import aiortc_client
import harness
from aiortc_client import Client
from harness import check, check_equal, test, until

ALL = "*" + "0" * 16
HEADER = 17


def create_channel(peer, label, **properties):
    """A channel on stream 0. Left alone, aiortc chooses streams by its ICE role and takes those of the DTLS server, which is not
    what it is here (RFC 8832 section 6)."""
    return peer.createDataChannel(label, id=0, **properties)


class Talker(Client):
    """A connection with data channels and nothing else."""

    def __init__(self, server, room, name, is_legacy=False):
        super().__init__(server, f"/whip/{room}/{name}")
        self.peer._sctpLegacySdp = is_legacy
        self.channels = {}
        self.received = []  # (label, message)
        self.peer.on("datachannel", self._adopt)

    def open(self, label, **properties):
        self._adopt(create_channel(self.peer, label, **properties))

    def _adopt(self, channel):
        self.channels[channel.label] = channel
        channel.on("message", lambda message: self.received.append((channel.label, message)))

    async def is_open(self, label):
        await until(
            lambda: label in self.channels and self.channels[label].readyState == "open", f"channel {label} is open"
        )

    def send(self, label, header, payload):
        header = header if isinstance(payload, str) else header.encode()
        self.channels[label].send(header + payload)

    async def next(self):
        await until(lambda: self.received, f"a message at {self.path}")
        return self.received.pop(0)


@contextlib.asynccontextmanager
async def talking(server, room, name, label="chat", is_legacy=False, **properties):
    """A Talker whose channel `label` is open."""
    talker = Talker(server, room, name, is_legacy)
    talker.open(label, **properties)
    try:
        await talker.connect()
        await talker.is_open(label)
        yield talker
    finally:
        await talker.close()


def sender_of(message):
    """The sender's id, out of a message's header."""
    text = message[:HEADER] if isinstance(message, str) else message[:HEADER].decode()
    check(re.fullmatch(r"[*>][0-9a-f]{16}", text), f"the header of {message[:40]!r}")
    check(text[1:] != "0" * 16, f"no sender in {message[:40]!r}")
    return text[1:]


@test()
async def old_and_new_sections_talk_to_each_other(server):
    async with talking(server, "room", "ada", is_legacy=True) as ada, talking(server, "room", "bob") as bob:
        check("DTLS/SCTP 5000" in ada.resource.sdp, f"not answered in the old form: {ada.resource.sdp}")
        check("UDP/DTLS/SCTP webrtc-datachannel" in bob.resource.sdp, f"not the new form: {bob.resource.sdp}")
        ada.send("chat", ALL, "from ada")
        label, message = await bob.next()
        check_equal((label, message[0], message[HEADER:]), ("chat", "*", "from ada"), "what bob received")
        bob.send("chat", ALL, "from bob")
        label, message = await ada.next()
        check_equal((label, message[0], message[HEADER:]), ("chat", "*", "from bob"), "what ada received")
        check(not bob.received, f"bob received {bob.received} besides")
        await server.runs_as_variant()


@test()
async def a_message_to_one_reaches_no_other(server):
    async with (
        talking(server, "room", "ada") as ada,
        talking(server, "room", "bob") as bob,
        talking(server, "room", "cid") as cid,
    ):
        ada.send("chat", ALL, "hello")
        for talker in bob, cid:
            _, message = await talker.next()
            check_equal(message[HEADER:], "hello", "the greeting")
        bob.send("chat", ">" + sender_of(message), "in private")
        _, message = await ada.next()
        check_equal((message[0], message[HEADER:]), (">", "in private"), "what ada received")
        bob.send("chat", ALL, "to all")
        _, message = await cid.next()
        check_equal(message[HEADER:], "to all", "the first thing cid received from bob")
        ada.send("chat", ">" + sender_of(message), "answer")
        _, message = await bob.next()
        check_equal(message[HEADER:], "answer", "what bob received")


@test()
async def text_stays_text_and_binary_binary(server):
    async with talking(server, "room", "ada") as ada, talking(server, "room", "bob") as bob:
        payloads = ["", "zwölf", b"", bytes(range(256)), b"\xff\xfe" * 1000]
        for payload in payloads:
            ada.send("chat", ALL, payload)
        for payload in payloads:
            _, message = await bob.next()
            check_equal(message[HEADER:], payload, "the payload")


@test()
async def large_messages_arrive_whole(server):
    async with talking(server, "room", "ada") as ada, talking(server, "room", "bob") as bob:
        # 65536 is what aiortc says it takes.
        payload = bytes(i * 7 % 256 for i in range(65536 - HEADER))
        for _ in range(3):
            ada.send("chat", ALL, payload)
        for _ in range(3):
            _, message = await bob.next()
            check(message[HEADER:] == payload, f"a large message is damaged, or {len(message)} bytes long")


@test()
async def a_message_longer_than_the_receiver_takes_is_dropped_alone(server):
    async with talking(server, "room", "ada") as ada, talking(server, "room", "bob") as bob:
        ada.send("chat", ALL, b"x" * 100000)
        ada.send("chat", ALL, "next")
        _, message = await bob.next()
        check_equal(message[HEADER:], "next", "what bob received")


@test()
async def a_channel_the_receiver_lacks_is_opened_like_the_senders(server):
    async with (
        talking(server, "room", "ada", "positions", ordered=False, maxRetransmits=2, protocol="xy") as ada,
        talking(server, "room", "bob") as bob,
    ):
        ada.send("positions", ALL, "1,2")
        label, message = await bob.next()
        check_equal((label, message[HEADER:]), ("positions", "1,2"), "what bob received")
        channel = bob.channels["positions"]
        check_equal(
            (channel.ordered, channel.maxRetransmits, channel.protocol), (False, 2, "xy"), "the channel that was opened"
        )
        bob.send("positions", ALL, "3,4")
        label, message = await ada.next()
        check_equal((label, message[HEADER:]), ("positions", "3,4"), "what ada received")


@test()
async def messages_without_a_header_or_to_nobody_are_dropped(server):
    async with talking(server, "room", "ada") as ada, talking(server, "room", "bob") as bob:
        for header in "", "*", "?" + "0" * 16, ">" + "0" * 16, ">" + "f" * 16, ">" + "G" * 16, ALL[:-1]:
            ada.channels["chat"].send(header)
        ada.send("chat", ALL, "good")
        _, message = await bob.next()
        check_equal(message[HEADER:], "good", "what bob received first")


@test()
async def rooms_do_not_hear_each_other(server):
    async with (
        talking(server, "one", "ada") as ada,
        talking(server, "one", "bob") as bob,
        talking(server, "two", "cid") as cid,
        talking(server, "two", "dan") as dan,
    ):
        ada.send("chat", ALL, "in one")
        await bob.next()
        cid.send("chat", ALL, "in two")
        _, message = await dan.next()
        check_equal(message[HEADER:], "in two", "what dan received first")
        check(not bob.received and not ada.received, "room one heard room two")


@test()
async def who_left_no_longer_receives(server):
    async with talking(server, "room", "ada") as ada, talking(server, "room", "bob") as bob:
        async with talking(server, "room", "cid") as cid:
            cid.send("chat", ALL, "I am cid")
            _, message = await ada.next()
            await bob.next()
            check_equal((await cid.resource.delete()).status, 200, "DELETE of cid")
        ada.send("chat", ">" + sender_of(message), "are you there?")
        ada.send("chat", ALL, "cid has left")
        _, message = await bob.next()
        check_equal(message[HEADER:], "cid has left", "what bob received")


@test()
async def data_and_media_share_a_connection(server):
    async with talking(server, "room", "bob") as bob:
        publisher = aiortc_client.Publisher(server, "room", "ada", colour="green")
        channel = create_channel(publisher.peer, "chat")
        try:
            await publisher.connect()
            await until(lambda: channel.readyState == "open", "ada's channel is open")
            async with aiortc_client.playing(server, "room", "ada") as player:
                await until(lambda: player.watcher.picture_count > 10, lambda: f"ten pictures: {player.watcher}")
                channel.send(ALL + "while the pictures run")
                _, message = await bob.next()
                check_equal(message[HEADER:], "while the pictures run", "what bob received")
                since = player.watcher.picture_count
                await until(lambda: player.watcher.picture_count > since + 10, lambda: f"more: {player.watcher}")
        finally:
            await publisher.close()


if __name__ == "__main__":
    harness.main()
