"""A participant in a call by aiortc: it sends a tone and a moving picture, and decodes what the others send.

Arguments: the hub's WebSocket, a token, the room. What it prints is read by `tests/src/stack.rs`: a JSON object a
line. When its standard input ends, it leaves the call.
"""

import asyncio
import contextlib
import fractions
import functools
import itertools
import json
import math
import struct
import sys

import aioice.ice
import websockets
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

# It leaves out loopback, where everybody is in a test.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

TONE_HZ = 400
SAMPLE_RATE = 48_000

# 20 ms, the usual length of an Opus frame.
FRAME_SAMPLES = 960

# Samples of 16 bits. What is louder is no noise of a codec.
AUDIBLE = 500

WIDTH, HEIGHT = 160, 120

# How often the test is told what has come: it waits for that.
REPORT_EVERY_S = 0.25


class Tone(AudioStreamTrack):
    """Sound that can be told from silence."""

    def __init__(self):
        super().__init__()
        self.firsts = itertools.count(0, FRAME_SAMPLES)
        self.began = None

    async def recv(self):
        now = asyncio.get_running_loop().time()
        self.began = self.began or now
        first = next(self.firsts)
        # Nobody else keeps the time: what is sent when it is asked for comes in one burst.
        await asyncio.sleep(self.began + first / SAMPLE_RATE - now)
        times = (n / SAMPLE_RATE for n in range(first, first + FRAME_SAMPLES))
        samples = (int(8_000 * math.sin(2 * math.pi * TONE_HZ * time)) for time in times)
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(struct.pack(f"<{FRAME_SAMPLES}h", *samples))
        frame.pts, frame.sample_rate = first, SAMPLE_RATE
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        return frame


class Picture(VideoStreamTrack):
    """Frames that each have another shade than the one before."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        luma = 32 + pts // 600 % 192
        for plane, value in zip(frame.planes, (luma, 128, 128)):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


def is_alive(frame, before):
    """Whether a decoded frame can be heard, or shows another picture than the one before."""
    if isinstance(frame, AudioFrame):
        return max(memoryview(frame.planes[0]).cast("B").cast("h")) > AUDIBLE
    return before is not None and bytes(frame.planes[0]) != bytes(before.planes[0])


class Refused(Exception):
    """The server's answer to what it did not do."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["data"]["code"]


class Participant:
    """A device in a room's call. What it does beside the rest are tasks of `group`: one that fails ends the program."""

    def __init__(self, socket, room, group):
        self.socket = socket
        self.room = room
        self.ids = itertools.count(1)
        self.waiting = {}
        self.offers = asyncio.Queue()
        # Media goes through the server from the third participant on.
        self.goes_through_server = asyncio.Event()
        self.publishing = RTCPeerConnection()
        self.receiving = RTCPeerConnection()
        self.receiving.on("track", lambda track: group.create_task(self.watch(track)))
        # Frames that were alive, by the receiver's track, and what the latest offer says of the tracks.
        self.alive = {}
        self.offered = []
        # Agreed on beforehand.
        lossy = {"ordered": False, "maxRetransmits": 0}
        for stream, (label, options) in enumerate([("reliable", {}), ("lossy", lossy)]):
            channel = self.publishing.createDataChannel(label, negotiated=True, id=stream, **options)
            channel.on("message", functools.partial(self.echo, channel))

    @staticmethod
    def echo(channel, message):
        """What somebody says goes back to them alone, under the topic that it came with."""
        sender, rest = message[2:18], message[18:]
        channel.send(b"\x01\x00\x01" + sender + rest)

    async def ask(self, method, **params):
        """The result of a request."""
        number = next(self.ids)
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        return await answer

    async def listen(self):
        async for text in self.socket:
            message = json.loads(text)
            if answer := self.waiting.pop(message.get("id"), None):
                if error := message.get("error"):
                    answer.set_exception(Refused(error))
                else:
                    answer.set_result(message["result"])
            elif message["method"] == "media.offer":
                self.offers.put_nowait(message["params"])
            elif message["method"] == "media.changed":
                self.follow(message["params"]["state"])

    def follow(self, state):
        if state["route"] == "server":
            self.goes_through_server.set()

    async def join(self, token):
        opened = await self.ask("connection.open", token=token)
        await self.ask("room.join", roomId=self.room)
        joined = await self.ask("media.join", roomId=self.room)
        self.follow(joined["state"])
        say(connectionId=opened["connectionId"])

    async def publish(self):
        await self.goes_through_server.wait()
        for track in (Tone(), Picture()):
            self.publishing.addTransceiver(track, direction="sendonly")
        await self.publishing.setLocalDescription(await self.publishing.createOffer())
        answer = await self.ask("media.publish", roomId=self.room, sdp=self.publishing.localDescription.sdp)
        await self.publishing.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def receive(self):
        """Answers every offer, one after the other."""
        while offer := await self.offers.get():
            await self.receiving.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
            await self.receiving.setLocalDescription(await self.receiving.createAnswer())
            self.offered = offer["tracks"]
            answer = {"revision": offer["revision"], "sdp": self.receiving.localDescription.sdp}
            try:
                await self.ask("media.answer", roomId=self.room, **answer)
            except Refused as refused:
                # A later offer may have replaced this one already; it is on its way.
                if refused.code != "media.staleAnswer":
                    raise

    async def watch(self, track):
        before = None
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self.alive[track] = self.alive.get(track, 0) + is_alive(frame, before)
                before = frame

    async def report(self):
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            tracks = {transceiver.mid: transceiver.receiver.track for transceiver in self.receiving.getTransceivers()}
            say(tracks=[{**track, "received": self.alive.get(tracks.get(track["mid"]), 0)} for track in self.offered])

    async def leave(self):
        await self.ask("media.leave", roomId=self.room)
        await asyncio.gather(self.publishing.close(), self.receiving.close())


def say(**what):
    print(json.dumps(what), flush=True)


async def end_of_input():
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    await reader.read()


async def main(url, token, room):
    async with websockets.connect(url) as socket, asyncio.TaskGroup() as group:
        participant = Participant(socket, room, group)
        tasks = [group.create_task(work) for work in (participant.listen(), participant.receive())]
        await participant.join(token)
        await participant.publish()
        tasks.append(group.create_task(participant.report()))
        await end_of_input()
        await participant.leave()
        for task in tasks:
            task.cancel()


asyncio.run(main(*sys.argv[1:]))
