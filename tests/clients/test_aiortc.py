"""aiortc publishes by WHIP and plays by WHEP."""

import content
import harness
import whip
from aiortc_client import Player, playing, publishing
from content import plays_well, settles_on
from harness import check, check_equal, test, until


@test()
async def what_is_published_is_played(server):
    async with publishing(server, "room", "ada", colour="blue", tone=660) as ada:
        async with playing(server, "room", "ada") as player:
            await plays_well(player.watcher, "blue", (320, 240), 660)
            await server.runs_as_variant()
            check(ada.picture.counter > player.watcher.pictures(-1)[0][1], "a picture came before it was sent")


@test()
async def a_late_player_starts_with_a_key_frame(server):
    async with publishing(server, "room", "ada") as ada:
        async with playing(server, "room", "ada") as first:
            await until(lambda: first.watcher.picture_count > 30, lambda: f"30 pictures: {first.watcher}")
            # aiortc's encoder makes a key frame only every 3000 pictures unless it is asked to.
            async with playing(server, "room", "ada") as second:
                await plays_well(second.watcher, "red", (320, 240), 440)
                check(second.watcher.pictures()[0][1] >= 30, f"the first picture is old: {second.watcher}")
            check(ada.picture.counter > 50, "the publisher stopped")


@test()
async def each_player_plays_whom_it_named(server):
    async with publishing(server, "room", "ada", colour="red", tone=440):
        async with publishing(server, "room", "bob", colour="green", tone=880, size=(176, 144)):
            async with playing(server, "room", "bob") as of_bob, playing(server, "room", "ada") as of_ada:
                await plays_well(of_ada.watcher, "red", (320, 240), 440)
                await plays_well(of_bob.watcher, "green", (176, 144), 880)
                seen = {p[0] for p in of_ada.watcher.pictures()}
                check_equal(seen, {"red"}, "the colours seen by the player of red")


@test()
async def rooms_are_apart(server):
    async with publishing(server, "one", "ada", colour="red", tone=440):
        async with publishing(server, "two", "ada", colour="blue", tone=880):
            async with playing(server, "two", "ada") as player:
                await plays_well(player.watcher, "blue", (320, 240), 880)


@test()
async def h264_is_published_and_played(server):
    async with publishing(server, "room", "ada", colour="green", codec="H264"):
        async with playing(server, "room", "ada") as player:
            await plays_well(player.watcher, "green", (320, 240), 440)


@test()
async def a_player_of_the_room_follows_who_speaks(server):
    async with publishing(server, "room", "ada", colour="red", tone=440) as ada:
        async with publishing(server, "room", "bob", colour="blue", tone=880, amplitude=content.QUIET) as bob:
            async with playing(server, "room") as player:
                await plays_well(player.watcher, "red", (320, 240), 440)
                ada.tone.amplitude, bob.tone.amplitude = content.QUIET, content.LOUD
                await plays_well(player.watcher, "blue", (320, 240), 880)
                ada.tone.amplitude, bob.tone.amplitude = content.LOUD, content.QUIET
                await plays_well(player.watcher, "red", (320, 240), 440)


@test()
async def a_player_of_the_room_goes_on_when_the_speaker_leaves(server):
    async with publishing(server, "room", "bob", colour="blue", tone=880):
        async with publishing(server, "room", "ada", colour="red", tone=440, amplitude=2 * content.LOUD) as ada:
            async with playing(server, "room") as player:
                await settles_on(player.watcher, "red")
                await plays_well(player.watcher, "red", (320, 240), 440)
                check_equal((await ada.resource.delete()).status, 200, "DELETE of the speaker")
                await plays_well(player.watcher, "blue", (320, 240), 880)


@test()
async def media_flows_over_ipv6_alone(server):
    def keep_ipv6(sdp):
        lines = sdp.splitlines()
        kept = [line for line in lines if not line.startswith("a=candidate:") or "2001:db8::1" in line]
        check(len(kept) < len(lines), f"no IPv4 candidate in {sdp}")
        check(any("2001:db8::1" in line for line in kept), f"no IPv6 candidate in {sdp}")
        return "\r\n".join(kept) + "\r\n"

    async with publishing(server, "room", "ada", colour="green"):
        player = Player(server, "room", "ada")
        try:
            offer = await player.offer()
            player.resource = await whip.post(server, player.path, offer)
            await player.accept(keep_ipv6(player.resource.sdp))
            await plays_well(player.watcher, "green", (320, 240), 440)
        finally:
            await player.close()


if __name__ == "__main__":
    harness.main()
