"""The life of WHIP and WHEP sessions: trickle and restart of ICE, the ways they end, and a server that comes back."""

import asyncio
import re

import aioice

import gst_client
import harness
import whip
from aiortc_client import Player, Publisher, playing, publishing
from content import plays_well
from harness import check, check_equal, test, until

FRAGMENT_UFRAG = "abcd"
FRAGMENT_PWD = "abcdefghijklmnopqrstuv"


async def is_empty(server):
    return await whip.metric(server, "belfry_participants") == 0


@test()
async def delete_ends_a_publisher(server):
    async with publishing(server, "room", "ada") as ada:
        check_equal((await ada.resource.delete()).status, 200, "DELETE")
        await until(lambda: ada.dtls.state == "closed", "the publisher's DTLS is closed")
        check_equal((await ada.resource.delete()).status, 404, "a second DELETE")
        check_equal((await whip.request(server, "POST", "/whep/room/ada", "v=0")).status, 404, "playing who has left")
        check(await is_empty(server), "somebody is still in the room")


@test()
async def delete_ends_a_player_and_not_the_publisher(server):
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as first:
        await plays_well(first.watcher, "red", (320, 240), 440)
        check_equal((await first.resource.delete()).status, 200, "DELETE")
        await until(lambda: first.dtls.state == "closed", "the player's DTLS is closed")
        check_equal(ada.dtls.state, "connected", "the publisher's DTLS")
        async with playing(server, "room", "ada") as second:
            await plays_well(second.watcher, "red", (320, 240), 440)


@test()
async def delete_ends_gstreamer_too(server):
    closed = gst_client.GstWebRTC.WebRTCDTLSTransportState.CLOSED
    async with gst_client.publishing(server, "room", "ada") as ada:
        async with gst_client.playing(server, "room", "ada") as player:
            await plays_well(player.watcher, "red", (320, 240), 440)
            check_equal((await player.resource.delete()).status, 200, "DELETE of the player")
            await until(lambda: player.dtls_state == closed, "the player's DTLS is closed")
        check_equal((await ada.resource.delete()).status, 200, "DELETE of the publisher")
        await until(lambda: ada.dtls_state == closed, "the publisher's DTLS is closed")
        check(await is_empty(server), "somebody is still in the room")


@test()
async def a_client_that_says_goodbye_is_gone(server):
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as player:
        await player.close()
        await ada.close()
        await until(lambda: is_empty(server), "the room is empty")
        check_equal((await ada.resource.delete()).status, 404, "DELETE afterwards")


@test()
async def a_name_is_free_again_once_its_publisher_left(server):
    async with publishing(server, "room", "ada", colour="red") as first:
        second = Publisher(server, "room", "ada", colour="blue")
        try:
            answer = await whip.request(server, "POST", second.path, await second.offer())
            check_equal(answer.status, 409, f"publishing under a name in use ({answer})")
            check(answer.problem["detail"], "the refusal says why")
            check_equal((await first.resource.delete()).status, 200, "DELETE")
            second.resource = await whip.post(server, second.path, second.peer.localDescription.sdp)
            await second.accept(second.resource.sdp)
            async with playing(server, "room", "ada") as player:
                await plays_well(player.watcher, "blue", (320, 240), 440)
        finally:
            await second.close()


# ---- PATCH ----


@test()
async def candidates_may_trickle_in(server):
    publisher = Publisher(server, "room", "ada")
    try:
        offer = await publisher.offer()
        ufrag, pwd = (whip.attributes(offer, f"ice-{name}")[0] for name in ("ufrag", "pwd"))
        candidates = whip.attributes(offer, "candidate")
        publisher.resource = await whip.post(
            server, publisher.path, whip.without(offer, "candidate", "end-of-candidates")
        )
        for candidate in candidates:
            fragment = whip.fragment(ufrag, pwd, [candidate], is_end=False)
            answer = await publisher.resource.patch(fragment, publisher.resource.etag)
            check_equal((answer.status, answer.text), (204, ""), "the answer to a candidate")
        answer = await publisher.resource.patch(whip.fragment(ufrag, pwd), publisher.resource.etag)
        check_equal(answer.status, 204, "the answer to the end of candidates")
        await publisher.accept(publisher.resource.sdp)
        async with playing(server, "room", "ada") as player:
            etag = player.resource.etag
            fragment = whip.fragment(player.ice.local_username, player.ice.local_password, candidates)
            check_equal((await player.resource.patch(fragment, etag)).status, 204, "a player's candidates")
            await plays_well(player.watcher, "red", (320, 240), 440)
    finally:
        await publisher.close()


async def restart(client):
    """Restart the client's ICE over a fresh socket; returns the pair it had before."""
    resource = client.resource
    mine = aioice.utils.random_string(4), aioice.utils.random_string(22)
    answer = await resource.patch(whip.fragment(*mine), "*")
    check_equal(answer.status, 200, f"the status of the restart ({answer})")
    check_equal(answer.headers.get_content_type(), whip.FRAGMENT, "the media type of the answer to a restart")
    check(answer.headers["ETag"] not in (None, resource.etag), "a restart makes a new ETag")
    theirs = [whip.attributes(answer.text, f"ice-{name}") for name in ("ufrag", "pwd")]
    check(all(len(set(values)) == 1 for values in theirs), f"no credentials in {answer.text!r}")
    check_equal(whip.attributes(answer.text, "mid"), whip.attributes(resource.sdp, "mid")[:1], "the fragment's section")
    check(theirs[0] != whip.attributes(resource.sdp, "ice-ufrag")[:1], "the ufrag is the old one")
    candidates = whip.attributes(resource.sdp, "candidate")
    check_equal(whip.attributes(answer.text, "candidate"), candidates[: len(set(candidates))], "the candidates")
    old_etag, resource.etag = resource.etag, answer.headers["ETag"]
    check_equal((await resource.patch(whip.fragment(*mine), old_etag)).status, 412, "trickle with the old ETag")
    check_equal((await resource.patch(whip.fragment(*mine), resource.etag)).status, 204, "trickle with the new ETag")
    ufrag, pwd = zip(mine, (theirs[0][0], theirs[1][0]))
    return await client.restart_ice(ufrag, pwd)


@test()
async def ice_restarts_move_media_to_new_addresses(server):
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as player:
        await plays_well(player.watcher, "red", (320, 240), 440)
        for client in ada, player, ada:
            await restart(client)
            await plays_well(player.watcher, "red", (320, 240), 440)
        check_equal((ada.dtls.state, player.dtls.state), ("connected", "connected"), "DTLS of both")


@test()
async def credentials_from_before_a_restart_are_void(server):
    async with publishing(server, "room", "ada") as ada:
        ice = ada.ice
        before = ice.local_username, ice.remote_username, ice.remote_password
        old = await restart(ada)
        await ada.check(ice._nominated[1])
        ice.local_username, ice.remote_username, ice.remote_password = before
        try:
            await ada.check(old, tries=2)
        except aioice.stun.TransactionError:
            return
        raise AssertionError("a check with the old credentials was answered")


@test()
async def bad_patches_are_refused_and_change_nothing(server):
    good = whip.fragment(FRAGMENT_UFRAG, FRAGMENT_PWD)
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as player:
        await plays_well(player.watcher, "red", (320, 240), 440)
        for client in ada, player:
            patch, etag = client.resource.patch, client.resource.etag
            check_equal((await patch(good)).status, 428, "PATCH without If-Match")
            check_equal((await patch(good, '"another"')).status, 412, "PATCH with a foreign ETag")
            check_equal((await patch(good, etag, "application/sdp")).status, 415, "PATCH of another type")
            for text in "", "nonsense", "a=ice-ufrag:abcd\r\n", "a=ice-ufrag:a\r\na=ice-pwd:b\r\n":
                for if_match in etag, "*":
                    answer = await patch(text, if_match)
                    check_equal(answer.status, 400, f"PATCH with {text!r} and If-Match {if_match}")
                    check(answer.problem["detail"], f"no cause for refusing {text!r}")
            check_equal((await patch("a=end-of-candidates\r\n", "*")).status, 400, "a restart without credentials")
        since = player.watcher.picture_count
        await until(lambda: player.watcher.picture_count > since + 15, lambda: f"pictures go on: {player.watcher}")


# ---- the server goes and comes ----


@test()
async def clients_come_back_after_a_restart_of_the_server(server):
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as player:
        await plays_well(player.watcher, "red", (320, 240), 440)
        await asyncio.to_thread(server.stop)
        # at once, by its goodbye, long before consent runs out
        await until(lambda: ada.dtls.state == "closed", "the publisher was told", 5)
        await until(lambda: player.dtls.state == "closed", "the player was told", 5)
        await asyncio.to_thread(server.start)
        check_equal((await ada.resource.delete()).status, 404, "a session of the server before")
    async with publishing(server, "room", "ada", colour="blue"), playing(server, "room", "ada") as player:
        await plays_well(player.watcher, "blue", (320, 240), 440)


@test("--media.workers=1")
async def strangers_from_before_a_crash_disturb_nobody(server):
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as player:
        await plays_well(player.watcher, "red", (320, 240), 440)
        port = re.search(r'event="media worker".* port=(\d+)', "\n".join(server.lines)).group(1)
        server.options = (*server.options, f"--media.udp-port={port}")
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        sent = ada.picture.counter
        # ada knows of nothing and goes on sending to the same port
        async with publishing(server, "room", "ada", colour="blue"), playing(server, "room", "ada") as second:
            await plays_well(second.watcher, "blue", (320, 240), 440)
        check(ada.picture.counter > sent + 20, "the old publisher did not send during the test")
        check(await whip.metric(server, "belfry_packets_dropped_total") > 20, "nothing of it arrived")
        check_equal(player.watcher.colour, "red", "what the old player saw last")


@test()
async def many_come_and_go(server):
    async with publishing(server, "room", "ada"):
        for i in range(8):
            async with playing(server, "room", "ada") as player:
                await until(lambda: player.watcher.picture_count > 0, lambda: f"player {i} sees: {player.watcher}")
                if i % 2:
                    check_equal((await player.resource.delete()).status, 200, "DELETE")
    await until(lambda: is_empty(server), "the room is empty")

    async def has_none(name):
        return await whip.metric(server, f"belfry_media_{name}") == 0

    for name in "rooms", "participants", "tracks", "subscriptions":
        await until(lambda: has_none(name), f"no {name} are left")


@test()
async def a_player_that_never_connects_harms_nobody(server):
    async with publishing(server, "room", "ada"):
        silent = Player(server, "room", "ada")
        try:
            silent.resource = await whip.post(server, silent.path, await silent.offer())
            async with playing(server, "room", "ada") as player:
                await plays_well(player.watcher, "red", (320, 240), 440)
            check_equal((await silent.resource.delete()).status, 200, "DELETE of one that never connected")
        finally:
            await silent.close()


if __name__ == "__main__":
    harness.main()
