"""GStreamer's webrtcbin as a WHIP publisher and a WHEP player."""

import asyncio
import contextlib
import threading
import time

import gi
import numpy

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

import content  # noqa: E402
import whip  # noqa: E402
from harness import until  # noqa: E402

Gst.init(None)

FRAME_RATE = 15
SIZE = 320, 240
STATE = GstWebRTC.WebRTCPeerConnectionState

FEEDBACK = "rtcp-fb-nack=(boolean)true,rtcp-fb-nack-pli=(boolean)true"
RTP = {
    "VP8": f"application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=96,{FEEDBACK}",
    "H264": f"application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=102,{FEEDBACK}",
    "OPUS": "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,payload=111,"
    "encoding-params=(string)2",
}
# What a player takes; a publisher's payloader says itself what it makes.
H264_PROFILE = ",packetization-mode=(string)1,profile-level-id=(string)42e01f,level-asymmetry-allowed=(string)1"
ENCODE = {
    # One thread, one slice: the payloader repeats the parameter sets before each slice of a key frame, which its own
    # depayloader takes for the beginning of another picture.
    "VP8": "vp8enc deadline=1 target-bitrate=500000 keyframe-max-dist=3000 ! rtpvp8pay picture-id-mode=15-bit",
    "H264": "x264enc threads=1 tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max=3000"
    " ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
}
DECODE = {
    "VP8": "rtpvp8depay ! vp8dec ! videoconvert",
    "H264": "rtph264depay ! h264parse ! openh264dec ! videoconvert",
    "OPUS": "rtpopusdepay ! opusdec ! audioconvert ! audioresample",
}


class Client:
    def __init__(self, server, path, token=None):
        self.server = server
        self.path = path
        self.token = token
        self.resource = None
        self.pipeline = None
        self.webrtc = None
        self._loop = asyncio.get_running_loop()
        self._is_negotiation_needed = threading.Event()

    def _adopt(self, pipeline):
        self.pipeline = pipeline
        self.webrtc = pipeline.get_by_name("peer")
        self.webrtc.connect("on-negotiation-needed", lambda _: self._is_negotiation_needed.set())

    async def _ask(self, action, *arguments):
        """Emit one of webrtcbin's asynchronous action signals and await its reply."""
        future = self._loop.create_future()

        def on_change(promise, *_):
            reply = promise.get_reply() if promise.wait() == Gst.PromiseResult.REPLIED else None
            self._loop.call_soon_threadsafe(future.set_result, reply)

        self.webrtc.emit(action, *arguments, Gst.Promise.new_with_change_func(on_change))
        reply = await future
        if reply and reply.has_field("error"):
            raise AssertionError(f"webrtcbin: {action}: {reply.to_string()}")
        return reply

    async def connect(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        await until(self._is_negotiation_needed.is_set, self._describe("wants to negotiate"))
        reply = await self._ask("create-offer", None)
        await self._ask("set-local-description", reply.get_value("offer"))
        complete = GstWebRTC.WebRTCICEGatheringState.COMPLETE
        await until(
            lambda: self.webrtc.get_property("ice-gathering-state") == complete, self._describe("has its candidates")
        )
        offer = self.webrtc.get_property("local-description").sdp.as_text()
        self.resource = await whip.post(self.server, self.path, offer, self.token)
        _, message = GstSdp.SDPMessage.new_from_text(self.resource.sdp)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        await self._ask("set-remote-description", answer)
        await until(lambda: self.state == STATE.CONNECTED, self._describe("connected"))
        return self

    @property
    def state(self):
        return self.webrtc.get_property("connection-state")

    @property
    def dtls_state(self):
        transceiver = self.webrtc.emit("get-transceiver", 0)
        endpoint = transceiver.get_property("sender") or transceiver.get_property("receiver")
        return endpoint.get_property("transport").get_property("state")

    def errors(self):
        bus = self.pipeline.get_bus()
        texts = []
        while message := bus.pop_filtered(Gst.MessageType.ERROR):
            error, debug = message.parse_error()
            texts.append(f"{error.message} ({debug})")
        return texts

    def _describe(self, what):
        return lambda: f"GStreamer at {self.path} {what} (it is {self.state.value_nick}, errors: {self.errors()})"

    async def close(self):
        await asyncio.to_thread(self.pipeline.set_state, Gst.State.NULL)


class Publisher(Client):
    def __init__(
        self, server, room, name, colour="red", tone=440, amplitude=content.LOUD, size=SIZE, codec="VP8", token=None
    ):
        super().__init__(server, f"/whip/{room}/{name}", token)
        self.colour = colour
        self.size = size
        self.frequency = tone
        self.amplitude = amplitude
        self.counter = 0
        width, height = size
        self._adopt(
            Gst.parse_launch(
                "webrtcbin name=peer bundle-policy=max-bundle"
                " appsrc name=audio is-live=true format=time caps=audio/x-raw,format=S16LE,layout=interleaved,"
                f"rate={content.RATE},channels=1"
                f" ! audioconvert ! opusenc ! rtpopuspay ! {RTP['OPUS']} ! peer.sink_0"
                " appsrc name=video is-live=true format=time caps=video/x-raw,format=I420,"
                f"width={width},height={height},framerate={FRAME_RATE}/1"
                f" ! {ENCODE[codec]} ! {RTP[codec]} ! peer.sink_1"
            )
        )
        for i in range(2):
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY
            self.webrtc.emit("get-transceiver", i).set_property("direction", direction)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._feed, args=("video", FRAME_RATE, self._next_picture), daemon=True),
            threading.Thread(target=self._feed, args=("audio", content.RATE // content.CHUNK, self._next_sound), daemon=True),
        ]

    def _next_picture(self, i):
        self.counter = i
        return content.draw(self.colour, i, *self.size)

    def _next_sound(self, i):
        return content.tone(self.frequency, self.amplitude, i * content.CHUNK)

    def _feed(self, name, rate, make):
        source = self.pipeline.get_by_name(name)
        started = time.monotonic()
        i = 0
        while not self._stop.wait(max(0, started + i / rate - time.monotonic())):
            buffer = Gst.Buffer.new_wrapped(make(i).tobytes())
            buffer.pts = i * Gst.SECOND // rate
            buffer.duration = Gst.SECOND // rate
            source.emit("push-buffer", buffer)
            i += 1

    async def connect(self):
        for thread in self._threads:
            thread.start()
        return await super().connect()

    async def close(self):
        self._stop.set()
        await super().close()


class Player(Client):
    def __init__(self, server, room, name=None, codec="VP8", token=None):
        super().__init__(server, f"/whep/{room}" + (f"/{name}" if name else ""), token)
        self.watcher = content.Watcher()
        pipeline = Gst.Pipeline.new(None)
        webrtc = Gst.ElementFactory.make("webrtcbin", "peer")
        webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        pipeline.add(webrtc)
        self._adopt(pipeline)
        webrtc.connect("pad-added", self._on_pad)
        for kind in ("OPUS", codec):
            transceiver = webrtc.emit(
                "add-transceiver",
                GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
                Gst.Caps.from_string(RTP[kind] + (H264_PROFILE if kind == "H264" else "")),
            )
            transceiver.set_property("do-nack", kind != "OPUS")

    def _on_pad(self, _, pad):
        if pad.get_property("direction") != Gst.PadDirection.SRC:
            return
        encoding = pad.get_current_caps().get_structure(0).get_value("encoding-name").upper()
        raw, on_sample = ("audio/x-raw,format=S16LE", self._on_sound)
        if encoding != "OPUS":
            raw, on_sample = ("video/x-raw,format=I420", self._on_picture)
        caps = f'caps="{raw},rate={content.RATE},channels=1"' if encoding == "OPUS" else f'caps="{raw}"'
        sink = Gst.parse_bin_from_description(
            f"queue ! {DECODE[encoding]} ! appsink name=app emit-signals=true sync=false {caps}", True
        )
        sink.get_by_name("app").connect("new-sample", on_sample)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def _on_picture(self, app):
        sample = app.emit("pull-sample")
        caps = sample.get_caps().get_structure(0)
        width, height = caps.get_value("width"), caps.get_value("height")
        data = numpy.frombuffer(self._bytes(sample), numpy.uint8)
        # Lines have no padding while the width is a multiple of 8.
        self.watcher.on_picture(data[: width * height * 3 // 2].reshape(-1, width))
        return Gst.FlowReturn.OK

    def _on_sound(self, app):
        self.watcher.on_samples(numpy.frombuffer(self._bytes(app.emit("pull-sample")), numpy.int16))
        return Gst.FlowReturn.OK

    @staticmethod
    def _bytes(sample):
        buffer = sample.get_buffer()
        return buffer.extract_dup(0, buffer.get_size())


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
