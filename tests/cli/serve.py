"""A daemon that says what it is told to: answers each request with the next of the replies on its command line, or the
last one again and again. For what the fake engine does not do: accounting, OOM kills, lies.

    serve.py SOCKET REPLY...      a reply is the JSON of its parameters; with `more`, a JSON array is several replies
"""
import json
import os
import socket
import sys

path, replies = sys.argv[1], [json.loads(a) for a in sys.argv[2:]]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path + ".new")
listener.listen()
os.rename(path + ".new", path)
at = 0
while True:
    client, _ = listener.accept()
    data = b""
    while part := client.recv(65536):
        data += part
        while b"\0" in data:
            request, data = data.split(b"\0", 1)
            reply = replies[min(at, len(replies) - 1)]
            at += 1
            parts = reply if isinstance(reply, list) else [reply]
            for i, p in enumerate(parts):
                message = {"parameters": p}
                if "error" in p:
                    message = {"error": "io.mscg." + p["error"], "parameters": {"message": p["error"]}}
                if i + 1 < len(parts):
                    message["continues"] = True
                try:
                    client.sendall(json.dumps(message).encode() + b"\0")
                except BrokenPipeError:
                    break
    client.close()
