#!/usr/bin/python3
"""Publishes a test picture and a tone by WHIP, with aiortc (Debian: python3-aiortc).

whip_aiortc.py http://127.0.0.1:7008/whip/ROOM/NAME [join token]
"""
import asyncio
import sys
import urllib.parse
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer


def http(method, url, body=None):
    fields = {"Content-Type": "application/sdp"}
    if len(sys.argv) > 2:
        fields["Authorization"] = "Bearer " + sys.argv[2]
    return urllib.request.urlopen(urllib.request.Request(url, body, fields, method=method))


async def main(url):
    pc = RTCPeerConnection()
    pc.addTrack(MediaPlayer("testsrc=size=640x360:rate=30", format="lavfi").video)
    pc.addTrack(MediaPlayer("sine=frequency=440:sample_rate=48000", format="lavfi").audio)
    pc.on("connectionstatechange", lambda: print(pc.connectionState, flush=True))

    await pc.setLocalDescription(await pc.createOffer())  # gathers all candidates first
    with http("POST", url, pc.localDescription.sdp.encode()) as answer:
        resource = urllib.parse.urljoin(url, answer.headers["Location"])
        await pc.setRemoteDescription(RTCSessionDescription(answer.read().decode(), "answer"))
    try:
        while pc.connectionState not in ("failed", "closed"):
            await asyncio.sleep(0.2)
    finally:
        http("DELETE", resource)
        await pc.close()


try:
    asyncio.run(main(sys.argv[1]))
except KeyboardInterrupt:
    pass
