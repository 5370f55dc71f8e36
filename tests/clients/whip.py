"""WHIP and WHEP requests (RFC 9725), and what comes back."""

import asyncio
import http.client
import json
import re

from harness import check, check_equal

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
TIMEOUT_SECONDS = 20


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    def __str__(self):
        return f"{self.status} {dict(self.headers)} {self.text!r}"

    @property
    def problem(self):
        """The body as a problem (RFC 9457)."""
        check_equal(self.headers.get_content_type(), "application/problem+json", "the error's media type")
        return json.loads(self.text)


def _request(server, method, path, body, headers):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


async def request(server, method, path, body=None, headers=None, token=None):
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers.setdefault("Content-Type", SDP)
        body = body.encode() if isinstance(body, str) else body
    return await asyncio.to_thread(_request, server, method, path, body, headers)


class Resource:
    """What a POST created."""

    def __init__(self, server, answer, token=None):
        check_equal(answer.status, 201, f"the status of the POST ({answer})")
        check_equal(answer.headers.get_content_type(), SDP, "the answer's media type")
        check(answer.headers["Location"], "the answer has no Location")
        check(answer.headers["ETag"], "the answer has no ETag")
        self.server = server
        self.token = token
        self.path = re.sub(r"^https?://[^/]+", "", answer.headers["Location"])
        self.etag = answer.headers["ETag"]
        self.links = answer.headers.get_all("Link") or []
        self.sdp = answer.text

    async def delete(self):
        return await request(self.server, "DELETE", self.path, token=self.token)

    async def patch(self, fragment, if_match=None, content_type=FRAGMENT):
        headers = {"Content-Type": content_type}
        if if_match is not None:
            headers["If-Match"] = if_match
        return await request(self.server, "PATCH", self.path, fragment, headers, self.token)


async def post(server, path, sdp, token=None):
    return Resource(server, await request(server, "POST", path, sdp, token=token), token)


def attributes(sdp, name):
    """The values of all a=name:value lines."""
    return re.findall(rf"^a={name}:(.*?)\r?$", sdp, re.MULTILINE)


def without(sdp, *names):
    """The description without its a=name lines."""
    lines = [line for line in sdp.splitlines() if not any(re.match(rf"a={name}\b", line) for name in names)]
    return "\r\n".join(lines) + "\r\n"


def fragment(ufrag, pwd, candidates=(), is_end=True, mid="0"):
    """A trickle fragment (RFC 8840) of the bundle's first section."""
    lines = [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{pwd}", "m=audio 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mid}"]
    lines += [f"a=candidate:{candidate}" for candidate in candidates]
    if is_end:
        lines.append("a=end-of-candidates")
    return "\r\n".join(lines) + "\r\n"


async def metric(server, name):
    """The value of a metric without labels, or the sum over its labels."""
    answer = await request(server, "GET", "/metrics")
    check_equal(answer.status, 200, "the status of /metrics")
    values = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", answer.text, re.MULTILINE)
    check(values, f"there is no metric {name}")
    return sum(float(value) for value in values)
