"""FFmpeg's own WHIP client, by its Python bindings: plays a tone and moving stripes to the address and with the token of
its arguments, until its input ends, and ends its session in order."""

import datetime
import fractions
import math
import select
import struct
import sys
import tempfile

import av
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RATE, SAMPLES = 48_000, 960
WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 180, 25

# FFmpeg sends no key frame when it is asked for one: who comes later begins with the next of them.
H264 = {"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "g": str(FRAMES_PER_SECOND)}


def certificate(directory):
    """What it would make by itself names no curve that our DTLS knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whip")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    files = {"cert_file": f"{directory}/cert.pem", "key_file": f"{directory}/key.pem"}
    for file, text in zip(files.values(), (public, private)):
        with open(file, "wb") as out:
            out.write(text)
    return files


def tone(number):
    frame = av.AudioFrame(format="s16", layout="stereo", samples=SAMPLES)
    levels = (int(8000 * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(SAMPLES))
    frame.planes[0].update(b"".join(struct.pack("<hh", level, level) for level in levels))
    frame.sample_rate, frame.pts = RATE, number * SAMPLES
    return frame


def stripes(number):
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in frame.planes:
        line = bytes((16 + (at + 4 * number) % 200) for at in range(plane.line_size))
        plane.update(line * plane.height)
    frame.pts, frame.time_base = number, fractions.Fraction(1, FRAMES_PER_SECOND)
    return frame


url, token = sys.argv[1:]
with tempfile.TemporaryDirectory() as directory:
    options = {"authorization": token, **certificate(directory)}
    with av.open(url, "w", format="whip", options=options) as out:
        sound = out.add_stream("libopus", rate=RATE)
        sound.layout = "stereo"
        picture = out.add_stream("libx264", rate=FRAMES_PER_SECOND, options=H264)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        number = 0
        while not select.select([sys.stdin], [], [], SAMPLES / RATE)[0]:
            out.mux(sound.encode(tone(number)))
            # So many packets of sound there are in the time of each picture.
            if number % (RATE // SAMPLES // FRAMES_PER_SECOND) == 0:
                out.mux(picture.encode(stripes(number * FRAMES_PER_SECOND * SAMPLES // RATE)))
            number += 1
            if number == 50:
                print("plays", flush=True)
        for stream in (sound, picture):
            out.mux(stream.encode(None))
print("ended", flush=True)
