"""What WHIP and WHEP endpoints answer: errors with their causes, links to ICE servers, CORS, join tokens."""

import base64
import hashlib
import hmac
import re
import time

import aiortc_client
import harness
import tokens
import whip
from aiortc_client import Player, Publisher, playing, publishing
from content import plays_well
from harness import check, check_equal, test

WHIP, WHEP = "/whip/room/ada", "/whep/room/ada"
TURN_SECRET = "north"
KEY, FOREIGN_KEY = tokens.Key(), tokens.Key()
WITH_KEY = f"--rtc.join-keys={tokens.public_key_file(KEY)}"


async def publishers_offer(server):
    publisher = Publisher(server, "room", "ada")
    try:
        return await publisher.offer()
    finally:
        await publisher.close()


async def players_offer(server):
    player = Player(server, "room", "ada")
    try:
        return await player.offer()
    finally:
        await player.close()


async def refused(server, path, body, status, headers=None, token=None, method="POST"):
    answer = await whip.request(server, method, path, body, headers, token)
    check_equal(answer.status, status, f"{method} {path} with {body!r:.60} and {headers} ({answer})")
    check(answer.problem.get("detail"), f"no cause in {answer}")
    return answer


@test()
async def bodies_that_are_no_offer_are_refused_with_their_cause(server):
    offer = await publishers_offer(server)
    await refused(server, WHIP, "", 400)
    await refused(server, WHIP, "hello", 400)
    await refused(server, WHIP, b"\x00\xff" * 500, 400)
    causes = {
        "fingerprint": whip.without(offer, "fingerprint"),
        "ICE credentials": whip.without(offer, "ice-pwd"),
        "rtcp-mux": whip.without(offer, "rtcp-mux"),
        "setup": whip.without(offer, "setup"),
        "mid": whip.without(offer, "mid"),
        "bundled": whip.without(offer, "group"),
        "line 1": "x" + offer,
    }
    for cause, text in causes.items():
        answer = await refused(server, WHIP, text, 400)
        check(cause in answer.problem["detail"], f"'{cause}' is not in {answer}")
    # nothing of all that is left behind
    check_equal(await whip.metric(server, "belfry_participants"), 0, "participants")
    async with publishing(server, "room", "ada"), playing(server, "room", "ada") as player:
        await plays_well(player.watcher, "red", (320, 240), 440)


@test()
async def every_cut_of_an_offer_is_answered(server):
    offer = await publishers_offer(server)
    for length in range(0, len(offer), 61):
        answer = await whip.request(server, "POST", f"/whip/room/cut{length}", offer[:length])
        check(answer.status in (201, 400, 422), f"cut at {length}: {answer}")


@test()
async def offers_that_nothing_can_be_taken_of_are_refused(server):
    offer = (await publishers_offer(server)).replace("opus/48000/2", "nope/48000/2").replace("VP8/", "nope/")
    await refused(server, WHIP, re.sub(r"a=rtpmap:(0|8) .*\r\n", "", offer), 422)
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as player:
        offer = (await players_offer(server)).replace("opus/48000/2", "nope/48000/2").replace("VP8/", "nope/")
        await refused(server, WHEP, offer, 422)
        await plays_well(player.watcher, "red", (320, 240), 440)
        check_equal(ada.dtls.state, "connected", "the publisher's DTLS")


@test()
async def other_media_types_are_refused(server):
    offer = await publishers_offer(server)
    for content_type in "text/plain", "application/json", "application/sdpx", "":
        await refused(server, WHIP, offer, 415, {"Content-Type": content_type})
    await refused(server, WHIP, offer, 406, {"Accept": "text/html"})
    accept = {"Content-Type": "Application/SDP; charset=utf-8", "Accept": "text/html, application/sdp;q=0.5"}
    answer = await whip.request(server, "POST", WHIP, offer, accept)
    check_equal(answer.status, 201, f"with parameters and a list ({answer})")


@test()
async def what_is_not_there_is_not_found(server):
    offer = await players_offer(server)
    await refused(server, "/whep/room/ada", offer, 404)
    await refused(server, "/whep/room", offer, 404)
    async with publishing(server, "room", "ada") as ada:
        await refused(server, "/whep/room/bob", offer, 404)
        await refused(server, "/whep/another", offer, 404)
        key = ada.resource.path.rsplit("/", 1)[1]
        for path in "/whip-session/nothing", f"/whep-session/{key}", f"/whip-session/{key}x":
            await refused(server, path, None, 404, method="DELETE")
            await refused(server, path, whip.fragment("abcd", "a" * 22), 404, {"If-Match": "*"}, method="PATCH")
        check_equal(ada.dtls.state, "connected", "the publisher's DTLS")


@test()
async def bad_names_and_long_bodies_are_refused(server):
    offer = await publishers_offer(server)
    await refused(server, "/whip/ro%20om/ada", offer, 400)
    await refused(server, f"/whip/{'r' * 65}/ada", offer, 400)
    await refused(server, "/whip/room/a%00da", offer, 400)
    await refused(server, f"/whip/room/{'n' * 65}", offer, 400)
    answer = await whip.request(server, "POST", WHIP, offer + "a=x\r\n" * 14000)
    check(answer.status in (400, 413), f"a body of {len(offer) + 70000} bytes: {answer}")
    answer = await whip.request(server, "POST", f"/whip/{'r' * 64}/%C3%84da", offer)
    check_equal(answer.status, 201, f"the longest room and a name of UTF-8 ({answer})")


@test()
async def other_methods_are_named(server):
    for path, methods in ((WHIP, {"OPTIONS", "POST"}), (WHEP, {"OPTIONS", "POST"})):
        answer = await whip.request(server, "GET", path)
        check_equal(answer.status, 405, f"GET {path}")
        allowed = set(re.split(r",\s*", answer.headers["Allow"]))
        check(methods <= allowed and "GET" not in allowed, f"Allow of {path}: {allowed}")
        answer = await whip.request(server, "OPTIONS", path)
        check_equal((answer.status, answer.headers["Accept-Post"]), (200, "application/sdp"), f"OPTIONS {path}")


@test("--http.origins=https://app.example")
async def pages_of_allowed_origins_may_publish(server):
    for origin, expected in ("https://app.example", "https://app.example"), ("https://evil.example", None):
        preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = await whip.request(server, "OPTIONS", WHIP, headers=preflight)
        check_equal(answer.headers["Access-Control-Allow-Origin"], expected, f"for {origin}")
    answer = await whip.request(
        server, "POST", WHIP, await publishers_offer(server), {"Origin": "https://app.example"}
    )
    check_equal(answer.status, 201, f"a POST across origins ({answer})")
    exposed = set(re.split(r",\s*", answer.headers["Access-Control-Expose-Headers"]))
    check({"Location", "Link", "ETag"} <= exposed, f"exposed are only {exposed}")


@test(
    "--rtc.ice-servers=stun:stun.example.org:3478,turn:turn.example.org:3478?transport=udp",
    f"--rtc.turn-secret={TURN_SECRET}",
)
async def links_name_the_ice_servers(server):
    async with publishing(server, "room", "ada") as ada, playing(server, "room", "ada") as player:
        for client in ada, player:
            stun, turn = client.resource.links
            check_equal(stun, '<stun:stun.example.org:3478>; rel="ice-server"', "the link of STUN")
            url = re.escape("<turn:turn.example.org:3478?transport=udp>; ")
            found = re.fullmatch(
                url + 'rel="ice-server"; username="(.*)"; credential="(.*)"; credential-type="password"', turn
            )
            check(found, f"the link of TURN: {turn}")
            username, credential = found.groups()
            check(int(username.split(":")[0]) > time.time() + 60, f"{username} has expired, or is about to")
            mac = hmac.new(TURN_SECRET.encode(), username.encode(), hashlib.sha1).digest()
            check_equal(credential, base64.b64encode(mac).decode(), "the credential")


# ---- join tokens ----


@test(WITH_KEY)
async def a_token_opens_what_it_grants(server):
    publisher = KEY.token(name="ada", subscribe=False)
    async with publishing(server, "room", "ada", token=publisher) as ada:
        async with playing(server, "room", "ada", token=KEY.token(room="*", publish=False)) as player:
            await plays_well(player.watcher, "red", (320, 240), 440)
        for token in None, "nonsense", FOREIGN_KEY.token():
            await refused(server, ada.resource.path, None, 401, token=token, method="DELETE")
        await refused(server, ada.resource.path, None, 403, token=KEY.token(room="another"), method="DELETE")
        check_equal(ada.dtls.state, "connected", "the publisher's DTLS")
        check_equal((await ada.resource.delete()).status, 200, "DELETE with the token")


@test(WITH_KEY)
async def without_a_good_token_nothing_opens(server):
    offer = await publishers_offer(server)
    now = int(time.time())
    bad = {
        "no token": None,
        "nonsense": "nonsense",
        "an empty signature": KEY.token().rsplit(".", 1)[0] + ".",
        "another key": FOREIGN_KEY.token(),
        "alg none": KEY.token(alg="none"),
        "the public key as a secret": KEY.token(alg="HS256"),
        "expired": KEY.token(exp=now - 3600),
        "not yet valid": KEY.token(nbf=now + 3600),
        "without an end": KEY.token(exp=None),
    }
    for what, token in bad.items():
        for path in WHIP, WHEP:
            answer = await whip.request(server, "POST", path, offer, token=token)
            check_equal(answer.status, 401, f"{path} with {what} ({answer})")
            check(answer.headers["WWW-Authenticate"].startswith("Bearer"), f"no challenge in {answer}")
            check(answer.problem["detail"], f"no cause in {answer}")


@test(WITH_KEY)
async def a_good_token_opens_nothing_else(server):
    offer = await publishers_offer(server)
    await refused(server, WHIP, offer, 403, token=KEY.token(room="another"))
    await refused(server, WHIP, offer, 403, token=KEY.token(publish=False))
    await refused(server, WHIP, offer, 403, token=KEY.token(name="bob"))
    await refused(server, WHEP, offer, 403, token=KEY.token(subscribe=False))
    check_equal(await whip.metric(server, "belfry_participants"), 0, "participants")


@test(WITH_KEY)
async def data_channels_need_their_grant(server):
    async def answered(data, with_media):
        """The answer to an offer with a data section, under a token with that grant."""
        client = aiortc_client.Client(server, WHIP, KEY.token(data=data))
        client.peer.createDataChannel("chat", id=0)
        if with_media:
            client.peer.addTrack(aiortc_client.ToneTrack(440, 0))
        try:
            return await whip.request(server, "POST", client.path, await client.offer(), token=client.token)
        finally:
            await client.close()

    for data, status in (True, 201), (False, 422):
        answer = await answered(data, with_media=False)
        check_equal(answer.status, status, f"nothing but data with the grant {data} ({answer})")
        if status == 201:
            check_equal((await whip.Resource(server, answer, KEY.token()).delete()).status, 200, "DELETE")
    answer = await answered(False, with_media=True)
    check_equal(answer.status, 201, f"media besides ({answer})")
    ports = dict(re.findall(r"^m=(\w+) (\d+)", answer.text, re.MULTILINE))
    check_equal(ports, {"application": "0", "audio": "9"}, "which sections are taken")


if __name__ == "__main__":
    harness.main()
