"""GStreamer publishes by WHIP and plays by WHEP, alone and together with aiortc."""

import aiortc_client
import gst_client
import harness
from content import plays_well
from harness import test


async def passes(server, codec, publishing, playing):
    async with publishing(server, "room", "ada", colour="blue", tone=660, codec=codec):
        # aiortc's player offers all it knows; GStreamer's offers what it is told to.
        options = {"codec": codec} if playing is gst_client.playing else {}
        async with playing(server, "room", "ada", **options) as player:
            await plays_well(player.watcher, "blue", (320, 240), 660)


@test()
async def vp8_from_gstreamer_to_gstreamer(server):
    await passes(server, "VP8", gst_client.publishing, gst_client.playing)


@test()
async def h264_from_gstreamer_to_gstreamer(server):
    await passes(server, "H264", gst_client.publishing, gst_client.playing)


@test()
async def vp8_from_gstreamer_to_aiortc(server):
    await passes(server, "VP8", gst_client.publishing, aiortc_client.playing)


@test()
async def h264_from_gstreamer_to_aiortc(server):
    await passes(server, "H264", gst_client.publishing, aiortc_client.playing)


@test()
async def vp8_from_aiortc_to_gstreamer(server):
    await passes(server, "VP8", aiortc_client.publishing, gst_client.playing)


@test()
async def h264_from_aiortc_to_gstreamer(server):
    await passes(server, "H264", aiortc_client.publishing, gst_client.playing)


@test()
async def both_play_one_publisher(server):
    async with gst_client.publishing(server, "room", "ada", colour="green"):
        async with aiortc_client.playing(server, "room", "ada") as one:
            await plays_well(one.watcher, "green", (320, 240), 440)
            async with gst_client.playing(server, "room", "ada") as two:
                await plays_well(two.watcher, "green", (320, 240), 440)
                await plays_well(one.watcher, "green", (320, 240), 440)


if __name__ == "__main__":
    harness.main()
