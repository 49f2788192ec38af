"""Plays the media file of its argument by FFmpeg's Python bindings, and says what came out of it."""

import json
import sys

import av

with av.open(sys.argv[1]) as media:
    stream = media.streams[0]
    frames = list(media.decode(stream))
    last = frames[-1]
    end = float(last.pts * last.time_base)
    if stream.type == "audio":
        end += last.samples / last.sample_rate
    print(json.dumps({
        "format": media.format.name,
        "codec": stream.codec_context.name,
        "frames": len(frames),
        "begins": float(frames[0].pts * frames[0].time_base),
        "ends": end,
        # What the container says, if it says anything: a file that was cut off need not.
        "duration": None if media.duration is None else media.duration / av.time_base,
    }))
