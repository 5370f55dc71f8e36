"""aiortc as a WHIP publisher and a WHEP player."""

import asyncio
import contextlib
import fractions
import time

import aioice
import aiortc
import av
import numpy
from aiortc.codecs import h264
from aiortc.mediastreams import MediaStreamError

import content
import whip
from harness import until

# This aiortc's H.264 encoder does not heed requests for key frames; a fresh encoder begins with one.
_encode_h264 = h264.H264Encoder._encode_frame


def _encode_h264_heeding_requests(encoder, frame, force_keyframe):
    if force_keyframe:
        encoder.codec = None
    return _encode_h264(encoder, frame, force_keyframe)


h264.H264Encoder._encode_frame = _encode_h264_heeding_requests

FRAME_RATE = 15
SIZE = 320, 240


class PictureTrack(aiortc.MediaStreamTrack):
    kind = "video"

    def __init__(self, colour, size):
        super().__init__()
        self.colour = colour
        self.size = size
        self.counter = 0
        self._started = None

    async def recv(self):
        if self._started is None:
            self._started = time.monotonic()
        due = self._started + self.counter / FRAME_RATE
        await asyncio.sleep(max(0, due - time.monotonic()))
        picture = content.draw(self.colour, self.counter, *self.size)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = self.counter * 90000 // FRAME_RATE
        frame.time_base = fractions.Fraction(1, 90000)
        self.counter += 1
        return frame


class ToneTrack(aiortc.MediaStreamTrack):
    kind = "audio"

    def __init__(self, frequency, amplitude):
        super().__init__()
        self.frequency = frequency
        self.amplitude = amplitude
        self._sample_count = 0
        self._started = None

    async def recv(self):
        if self._started is None:
            self._started = time.monotonic()
        due = self._started + self._sample_count / content.RATE
        await asyncio.sleep(max(0, due - time.monotonic()))
        samples = content.tone(self.frequency, self.amplitude, self._sample_count)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = content.RATE
        frame.pts = self._sample_count
        frame.time_base = fractions.Fraction(1, content.RATE)
        self._sample_count += content.CHUNK
        return frame


def new_connection():
    # Without this aiortc asks a public STUN server.
    return aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))


def prefer(connection, codec):
    """Let the video transceivers offer this codec only."""
    codecs = [c for c in aiortc.RTCRtpSender.getCapabilities("video").codecs if c.name == codec or c.name == "rtx"]
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(codecs)


class Client:
    """A peer connection that offered itself to a WHIP or WHEP endpoint."""

    def __init__(self, server, path, token=None):
        self.server = server
        self.path = path
        self.token = token
        self.peer = new_connection()
        self.resource = None

    async def offer(self):
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def connect(self, change_offer=lambda sdp: sdp):
        sdp = change_offer(await self.offer())
        self.resource = await whip.post(self.server, self.path, sdp, self.token)
        await self.accept(self.resource.sdp)
        return self

    async def accept(self, sdp):
        await self.peer.setRemoteDescription(aiortc.RTCSessionDescription(sdp, "answer"))
        await until(lambda: self.peer.connectionState == "connected", self._state)

    def _state(self):
        return f"aiortc at {self.path} connected (it is {self.peer.connectionState})"

    @property
    def dtls(self):
        if self.peer.sctp:
            return self.peer.sctp.transport
        return self.peer.getTransceivers()[0].sender.transport

    @property
    def ice(self):
        """aioice's connection, under aiortc's transport."""
        return self.dtls.transport._connection

    async def restart_ice(self, ufrag, pwd):
        """Move to a fresh socket with credentials that the server gave us for ours, which `ufrag` and `pwd` are of. aiortc cannot do
        this, but the parts of aioice can. What still comes to the old socket is lost. Returns the old pair."""
        ice = self.ice
        old = ice._nominated[1]
        ice.local_username, ice.local_password = ufrag[0], pwd[0]
        ice.remote_username, ice.remote_password = ufrag[1], pwd[1]
        await ice.get_component_candidates(1, [old.local_addr[0]])
        pair = aioice.ice.CandidatePair(ice._protocols[-1], old.remote_candidate)
        await self.check(pair, nominate=True)
        ice._nominated[1] = pair
        old.protocol.receiver = _Deaf()
        return old

    async def check(self, pair, nominate=False, tries=6):
        """One ICE check with the credentials in use; raises aioice.stun.TransactionError unless the server answers it well."""
        request = self.ice.build_request(pair, nominate)
        key = self.ice.remote_password.encode()
        await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=tries)

    async def close(self):
        await self.peer.close()


class _Deaf:
    def data_received(self, data, component):
        pass

    def request_received(self, message, addr, protocol, raw_data):
        pass


class Publisher(Client):
    def __init__(
        self, server, room, name, colour="red", tone=440, amplitude=content.LOUD, size=SIZE, codec="VP8", token=None
    ):
        super().__init__(server, f"/whip/{room}/{name}", token)
        self.picture = PictureTrack(colour, size)
        self.tone = ToneTrack(tone, amplitude)
        self.peer.addTrack(self.tone)
        self.peer.addTrack(self.picture)
        for transceiver in self.peer.getTransceivers():
            transceiver.direction = "sendonly"
        prefer(self.peer, codec)


class Player(Client):
    def __init__(self, server, room, name=None, token=None):
        super().__init__(server, f"/whep/{room}" + (f"/{name}" if name else ""), token)
        self.watcher = content.Watcher()
        self._tasks = []
        self.peer.addTransceiver("audio", direction="recvonly")
        self.peer.addTransceiver("video", direction="recvonly")
        self.peer.on("track", self._on_track)

    def _on_track(self, track):
        self._tasks.append(asyncio.ensure_future(self._play(track)))

    async def _play(self, track):
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.watcher.on_picture(frame.to_ndarray(format="yuv420p"))
                else:
                    samples = frame.to_ndarray().reshape(-1)
                    self.watcher.on_samples(samples[:: len(frame.layout.channels)].astype(numpy.int16))

    async def close(self):
        await super().close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def publishing(*args, **options):
    client = Publisher(*args, **options)
    try:
        yield await client.connect()
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def playing(*args, **options):
    client = Player(*args, **options)
    try:
        yield await client.connect()
    finally:
        await client.close()
