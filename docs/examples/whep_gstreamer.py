#!/usr/bin/python3
"""Plays one participant by WHEP, with GStreamer's webrtcbin (Debian: python3-gi, gir1.2-gst-plugins-bad-1.0, gstreamer1.0-nice,
gstreamer1.0-plugins-base, -good, -bad).

whep_gstreamer.py http://127.0.0.1:7008/whep/ROOM/NAME [join token]

It shows no window: it counts decoded pictures. Put autovideosink in the place of fakesink to see them.
"""
import sys
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

Gst.init(None)
url = sys.argv[1]
loop = GLib.MainLoop()
pipeline = Gst.Pipeline.new()
rtc = Gst.ElementFactory.make("webrtcbin")
rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
pipeline.add(rtc)
pictures = 0


def http(method, url, body=None):
    fields = {"Content-Type": "application/sdp"}
    if len(sys.argv) > 2:
        fields["Authorization"] = "Bearer " + sys.argv[2]
    return urllib.request.urlopen(urllib.request.Request(url, body, fields, method=method))


def on_picture(*_):
    global pictures
    pictures += 1
    if pictures % 30 == 0:
        print(pictures, "pictures", flush=True)


def on_track(_, pad):
    sink = Gst.parse_bin_from_description("rtpvp8depay ! vp8dec ! videoconvert ! fakesink name=out signal-handoffs=true", True)
    sink.get_by_name("out").connect("handoff", on_picture)
    pipeline.add(sink)
    sink.sync_state_with_parent()
    pad.link(sink.get_static_pad("sink"))


def on_gathered(*_):
    """All candidates are in the offer now: one request, one answer."""
    if rtc.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    global resource
    offer = rtc.get_property("local-description").sdp.as_text()
    with http("POST", url, offer.encode()) as answer:
        resource = urllib.parse.urljoin(url, answer.headers["Location"])
        _, sdp = GstSdp.SDPMessage.new_from_text(answer.read().decode())
    rtc.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp), None)


def on_offer(promise):
    reply = promise.get_reply()  # owns the offer: must outlive its use
    rtc.emit("set-local-description", reply.get_value("offer"), None)


resource = None
caps = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,rtcp-fb-nack=true,rtcp-fb-nack-pli=true"
rtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
rtc.connect("pad-added", on_track)
rtc.connect("notify::ice-gathering-state", on_gathered)
pipeline.set_state(Gst.State.PLAYING)
rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(on_offer))
try:
    loop.run()
except KeyboardInterrupt:
    pass
finally:
    if resource:
        http("DELETE", resource)
    pipeline.set_state(Gst.State.NULL)
