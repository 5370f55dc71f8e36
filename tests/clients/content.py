"""Pictures and sounds that can be told apart after any codec.

A picture is of one colour, and carries a counter as a row of black and white blocks:

    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
    |15|14|13|  |  |  |  |  |  |  |  |  |  | 2| 1| 0|   white: 1
    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
    |                   colour                      |
    +-----------------------------------------------+

All pictures are planar 4:2:0 as numpy arrays of shape (height * 3 / 2, width), all sounds 16-bit samples at 48 kHz.
"""

import threading

import numpy

from harness import check, until

BITS = 16
WHITE, BLACK, GREY = 210, 40, 110
COLOURS = {"red": (90, 230), "blue": (230, 110), "green": (60, 50), "grey": (128, 128)}  # U and V
COLOUR_TOLERANCE = 20

RATE = 48000
CHUNK = 960  # samples of 20 ms
HEARD = RATE // 5  # what is listened to at a time: 5 Hz of resolution
LOUD, QUIET = 0.3, 0.0  # amplitudes


def draw(colour, counter, width, height):
    picture = numpy.empty((height * 3 // 2, width), numpy.uint8)
    picture[:height] = GREY
    block = width // BITS
    for bit in range(BITS):
        x = (BITS - 1 - bit) * block
        picture[: height // 4, x : x + block] = WHITE if counter >> bit & 1 else BLACK
    chroma = picture[height:].reshape(-1)
    chroma[: chroma.size // 2], chroma[chroma.size // 2 :] = COLOURS[colour]
    return picture


def read(picture):
    """The name of the colour (None: none of ours) and the counter."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    block = width // BITS
    counter = 0
    for bit in range(BITS):
        x = (BITS - 1 - bit) * block
        inner = picture[height // 16 : height * 3 // 16, x + block // 4 : x + block * 3 // 4]
        counter |= int(inner.mean() > (WHITE + BLACK) / 2) << bit
    u, v = (plane.mean() for plane in picture[height:].reshape(2, -1))
    for name, (want_u, want_v) in COLOURS.items():
        if abs(u - want_u) < COLOUR_TOLERANCE and abs(v - want_v) < COLOUR_TOLERANCE:
            return name, counter
    return None, counter


def tone(frequency, amplitude, first_sample, count=CHUNK):
    at = numpy.arange(first_sample, first_sample + count) / RATE
    return (numpy.sin(2 * numpy.pi * frequency * at) * amplitude * 32767).astype(numpy.int16)


class Watcher:
    """What a player has seen and heard; filled from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._pictures = []  # (colour, counter, (width, height))
        self._samples = numpy.zeros(0, numpy.int16)
        self.sample_count = 0

    def on_picture(self, picture):
        colour, counter = read(picture)
        size = picture.shape[1], picture.shape[0] * 2 // 3
        with self._lock:
            self._pictures.append((colour, counter, size))

    def on_samples(self, samples):
        with self._lock:
            self._samples = numpy.concatenate((self._samples, samples))[-HEARD:]
            self.sample_count += len(samples)

    def pictures(self, since=0):
        with self._lock:
            return self._pictures[since:]

    @property
    def picture_count(self):
        return len(self._pictures)

    @property
    def colour(self):
        """Of the newest picture."""
        last = self.pictures(-1)
        return last[0][0] if last else None

    @property
    def size(self):
        last = self.pictures(-1)
        return last[0][2] if last else None

    def sound(self):
        """Frequency in Hz and amplitude of the strongest tone of the last 200 ms; None if there was less sound than that."""
        with self._lock:
            samples = self._samples
        if len(samples) < HEARD:
            return None
        spectrum = numpy.abs(numpy.fft.rfft(samples / 32767 * numpy.hanning(HEARD)))
        strongest = int(spectrum[1:].argmax()) + 1
        return strongest * RATE / HEARD, float(spectrum[strongest]) * 4 / HEARD

    def hears(self, frequency):
        sound = self.sound()
        return bool(sound) and abs(sound[0] - frequency) <= 2 * RATE / HEARD and sound[1] > LOUD / 3

    def __str__(self):
        with self._lock:
            last = self._pictures[-5:]
        return f"{self.picture_count} pictures, the last {last}; {self.sample_count} samples, the last {self.sound()}"


async def settles_on(watcher, colour, frames=20):
    """Wait until the newest `frames` pictures are of that colour: who dominates two that speak at once shows after a while."""
    await until(
        lambda: watcher.picture_count >= frames and all(p[0] == colour for p in watcher.pictures(-frames)),
        lambda: f"{frames} pictures in {colour}: {watcher}",
    )


async def plays_well(watcher, colour, size, frequency, frames=20):
    """Wait for `frames` pictures in sequence, of that colour and size, and the tone."""
    await until(lambda: watcher.hears(frequency), lambda: f"a tone of {frequency} Hz: {watcher}")
    await until(lambda: watcher.colour == colour and watcher.size == size, lambda: f"{size} in {colour}: {watcher}")
    since = watcher.picture_count
    await until(lambda: watcher.picture_count >= since + frames, lambda: f"{frames} pictures: {watcher}")
    pictures = watcher.pictures(since)
    check(all(p[0] == colour and p[2] == size for p in pictures), f"not all {size} in {colour}: {pictures}")
    counters = [p[1] for p in pictures]
    check(counters == sorted(set(counters)), f"pictures repeated or out of order: {counters}")
